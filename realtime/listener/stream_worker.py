"""Turns the blocks of a source into windows of 16 kHz audio, whatever their size; no threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.settings import Settings
from models.emotion.recogniser import WINDOW_SAMPLES
from models.high_pass import HighPass
from models.resample import SAMPLE_RATE_HZ, Audio, MonoResampler
from models.runtime import Session
from realtime.capture.source import SourceInfo
from realtime.fifo import Begin, BlockFifo, End, Gap, Record, Sound
from realtime.level_meter import LevelMeter
from realtime.notices import NoticeKind
from realtime.quiet_voice import quiet_recording, quiet_voice
from realtime.ring_buffer import RingBuffer
from realtime.snapshot import InputLevel
from realtime.voice_activity import VoiceActivity

_METER_INTERVAL_S: Final = 0.1
_POLL_S: Final = 0.1
_GAP_REPORT_SAMPLES: Final = SAMPLE_RATE_HZ  # gaps are journalled at most once a second


@dataclass(frozen=True, slots=True)
class Window:
    """The newest three seconds, to be classified."""

    audio: Audio  # float32, shape (48 000,)
    clock: int  # sample clock of its end
    speech_share: float  # share of it that is speech, 0 to 1
    arrival_time_s: float  # when the block with its last sample was delivered (`time.perf_counter`)
    durations_ms: dict[str, float]  # what the stages before took since the window before
    stream: int  # how often the source had been opened
    stretch_share: float = 0.0  # largest share of speech in 1.15 s on end of it, 0 to 1
    sound_samples: int = WINDOW_SAMPLES  # of its samples; less only where a short recording was padded


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The first block of a stream has come."""

    info: SourceInfo


@dataclass(frozen=True, slots=True)
class LevelMeasured:
    """The meter's newest level, at a sample clock."""

    level: InputLevel
    clock: int
    resampler_delay_ms: float


@dataclass(frozen=True, slots=True)
class SoundLost:
    """Sound was lost (see `Gap`); `report` says whether it is to be journalled."""

    frames: int
    overflows: int
    report: bool


StreamEvent = Window | StreamStarted | LevelMeasured | SoundLost | End


class StreamWorker:
    """Downmixes, resamples, filters, meters, detects speech and cuts windows, one every hop.

    One thread calls the methods; any thread may read the properties.

    Parameters
    ----------
    settings
        `hop_s`, `speech_threshold` and `digital_silence_s` are read.
    voice_activity
        Silero's session.
    """

    def __init__(self, settings: Settings, voice_activity: Session) -> None:
        self._digital_silence_s = settings.digital_silence_s
        self._hop_samples = round(settings.hop_s * SAMPLE_RATE_HZ)
        self._ring = RingBuffer(WINDOW_SAMPLES)
        self._speech = VoiceActivity(
            voice_activity, window_samples=WINDOW_SAMPLES, threshold=settings.speech_threshold
        )
        self._info: SourceInfo | None = None
        self._stream = 0
        self._sound_samples = WINDOW_SAMPLES
        self._resampler: MonoResampler | None = None
        self._high_pass = HighPass()
        self._quiet_voice = ""
        self._meter: LevelMeter | None = None
        self._metered_frames = 0
        self._next_due = WINDOW_SAMPLES
        self._awaiting_sound = True
        self._reported_gap_clock = -_GAP_REPORT_SAMPLES
        self._durations_ms: dict[str, float] = {}

    @property
    def clock(self) -> int:
        """Sample clock: 16 kHz samples so far."""
        return self._ring.clock

    @property
    def lossless(self) -> bool:
        """Whether the source waits for the listener."""
        return self._info is not None and self._info.lossless

    @property
    def awaiting_sound(self) -> bool:
        """Whether the newest stream has not delivered a block yet."""
        return self._awaiting_sound

    @property
    def notices(self) -> dict[NoticeKind, str]:
        """What is peculiar about the sound, for people."""
        channels = "" if self._resampler is None else self._resampler.notice
        said = {NoticeKind.CHANNELS: channels, NoticeKind.QUIET_VOICE: self._quiet_voice}
        return {kind: message for kind, message in said.items() if message}

    def drain(self, fifo: BlockFifo, stopping: threading.Event) -> Iterator[StreamEvent]:
        """Process whatever comes, in order, until `stopping` is set."""
        while not stopping.is_set():
            record = fifo.get(_POLL_S)
            if record is not None:
                yield from self.process(record)

    def process(self, record: Record) -> Iterator[StreamEvent]:
        """Process one record; what follows from it happens while the iterator is read.

        Parameters
        ----------
        record
            The next one of the FIFO.
        """
        match record:
            case Begin(info):
                self._begin_stream(info)
            case Sound():
                yield from self._process_sound(record)
            case Gap():
                yield from self._process_gap(record)
            case End():
                if self._info is None or not self._info.live:
                    yield from self._flush()
                yield record

    def _begin_stream(self, info: SourceInfo) -> None:
        self._info = info
        self._stream += 1
        self._resampler = MonoResampler(info.rate_hz, info.channels)
        self._high_pass = HighPass()
        self._quiet_voice = ""
        self._meter = LevelMeter(info.rate_hz, digital_silence_s=self._digital_silence_s)
        self._metered_frames = 0
        self._speech.reset()
        self._ring.clear()
        self._next_due = self._ring.clock + WINDOW_SAMPLES
        self._awaiting_sound = True

    def _process_sound(self, sound: Sound) -> Iterator[StreamEvent]:
        assert self._info is not None
        assert self._resampler is not None
        assert self._meter is not None
        if self._awaiting_sound:
            self._awaiting_sound = False
            yield StreamStarted(self._info)
        started_s = time.perf_counter()
        audio = self._high_pass.process(self._resampler.process(sound.block))
        self._add_duration("resample", started_s)
        yield from self._append(audio, sound.arrival_time_s)
        self._meter.feed(sound.block, audio)
        self._metered_frames += len(sound.block)
        if self._metered_frames >= _METER_INTERVAL_S * self._info.rate_hz:
            self._metered_frames = 0
            self._quiet_voice = quiet_voice(
                self._info.kind, self._speech.voice_dbfs, before=self._quiet_voice
            )
            yield LevelMeasured(self._meter.level(), self._ring.clock, self._resampler.delay_ms)

    def _process_gap(self, gap: Gap) -> Iterator[StreamEvent]:
        """Sound was lost: what follows does not continue what came before."""
        if self._resampler is not None:
            yield from self._append(self._rest(), time.perf_counter())
        self._speech.interrupt()
        report = self._ring.clock - self._reported_gap_clock >= _GAP_REPORT_SAMPLES
        if report:
            self._reported_gap_clock = self._ring.clock
        yield SoundLost(gap.frames, gap.overflows, report)

    def _flush(self) -> Iterator[Window]:
        if self._resampler is None or self._info is None:
            return
        yield from self._append(self._rest(), time.perf_counter())
        if self._speech.voice_dbfs is None:
            self._quiet_voice = quiet_recording(self._info.kind, self._speech.loudest_dbfs)
        if 0 < self._ring.held < WINDOW_SAMPLES:
            # A recording shorter than a window would else get no answer at all.
            self._sound_samples = self._ring.held
            padding = np.zeros(WINDOW_SAMPLES - self._ring.held, dtype=np.float32)
            yield from self._append(padding, time.perf_counter())

    def _rest(self) -> Audio:
        """What the resampler still holds."""
        assert self._resampler is not None
        return self._high_pass.process(self._resampler.finish())

    def _append(self, audio: Audio, arrival_time_s: float) -> Iterator[Window]:
        """Append audio, stopping at each moment that a window is due, whatever the block size."""
        while len(audio):
            room = self._next_due - self._ring.clock
            part, audio = audio[:room], audio[room:]
            started_s = time.perf_counter()
            self._speech.feed(part)
            self._add_duration("voice activity", started_s)
            self._ring.append(part)
            if self._ring.clock == self._next_due:
                self._next_due += self._hop_samples
                yield self._window(arrival_time_s)

    def _window(self, arrival_time_s: float) -> Window:
        audio, clock = self._ring.latest(WINDOW_SAMPLES)
        share = min(1.0, self._speech.share * WINDOW_SAMPLES / self._sound_samples)
        durations_ms, self._durations_ms = self._durations_ms, {}
        return Window(
            audio,
            clock,
            share,
            arrival_time_s,
            durations_ms,
            self._stream,
            self._speech.stretch_share,
            self._sound_samples,
        )

    def _add_duration(self, stage: str, started_s: float) -> None:
        spent_ms = (time.perf_counter() - started_s) * 1000.0
        self._durations_ms[stage] = self._durations_ms.get(stage, 0.0) + spent_ms

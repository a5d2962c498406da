"""The live path: from a source's blocks to snapshots and journal rows, on threads with names.

    source -> BlockFifo -> worker (resample, ring, voice activity) -> Mailbox -> emotion (model, gate)

The worker takes every sample, in order; only the model may be overtaken. A watchdog looks after
sources that can vanish.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import AttuneError, ModelError
from core.settings import Settings
from models.emotion.personal import PersonalVoice, apply_personal
from models.emotion.recogniser import WINDOW_SAMPLES, Answers, EmotionRecogniser
from models.emotion.separator import VoiceSeparator
from models.mood.shares import Shares
from models.resample import SAMPLE_RATE_HZ, Audio, MonoResampler
from models.runtime import Session
from realtime import gate, guard, tenor
from realtime.capture.source import AudioSource, SourceInfo
from realtime.echo import EchoReference, cancel_echo
from realtime.fifo import Begin, BlockFifo, End, Gap, Record, Sound
from realtime.journal import Journal
from realtime.mailbox import Mailbox
from realtime.meter import Meter
from realtime.mood import WITHOUT_MOOD, WITHOUT_SEPARATOR, MoodEar
from realtime.ring_buffer import RingBuffer
from realtime.snapshot import Counters, Decision, Level, ListenerState, MoodReading, Reading, Snapshot
from realtime.timing import StageTimes
from realtime.voice_activity import VoiceActivity

__all__ = ["Listener"]

_LOG = logging.getLogger(__name__)

_HISTORY_SAMPLES: Final = 120 * SAMPLE_RATE_HZ
_METER_INTERVAL_S: Final = 0.1
_POLL_S: Final = 0.1
_FIRST_SOUND_S: Final = 4.0  # a PulseAudio sink that slept delivers its first block after 2 s
_STOP_S: Final = 0.9
_SHOUT_SAMPLES: Final = SAMPLE_RATE_HZ  # gaps are journalled at most once a second


@dataclass(frozen=True, slots=True)
class _Window:
    audio: Audio
    clock: int
    speech_share: float
    delivered_s: float
    durations_ms: dict[str, float]
    stream: int  # how often the source had been opened


class Listener:
    """One run of listening to one source, from `start` to `stop`; not to be started again.

    Parameters
    ----------
    source
        Where sound comes from.
    recogniser
        The emotion model.
    voice_activity
        Silero's session (`realtime.voice_activity.load_voice_activity_session`).
    settings
        All knobs.
    journal
        Where decisions are recorded; None records nothing.
    on_decision
        Called with every reading and decision, in order, on the emotion thread: it must be quick.
    mood
        Hears the music beside the voice; None: it is not listened to, and holds nothing back.
    separator
        Takes music out from behind a voice; None leaves it in.
    echo
        What this program plays itself, whose echo is taken out of what is heard; None: nothing.
    on_state
        Called with every state that follows another, on whichever thread brought it: it must be quick.
    """

    def __init__(
        self,
        source: AudioSource,
        *,
        recogniser: EmotionRecogniser,
        voice_activity: Session,
        settings: Settings,
        journal: Journal | None = None,
        on_decision: Callable[[Reading, Decision], None] | None = None,
        mood: MoodEar | None = None,
        separator: VoiceSeparator | None = None,
        echo: EchoReference | None = None,
        on_state: Callable[[ListenerState], None] | None = None,
    ) -> None:
        self._source = source
        self._recogniser = recogniser
        self._settings = settings
        self._journal = journal
        self._on_decision = on_decision
        self._on_state = on_state
        self._session_id: int | None = None

        self._fifo = BlockFifo(settings.fifo_s)
        self._mailbox: Mailbox[_Window | End] = Mailbox()
        self._stopping = threading.Event()
        self._lost = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lifecycle = threading.Lock()
        self._device = threading.Lock()  # opening (watchdog) and closing (anybody) exclude each other

        self._publishing = threading.Lock()
        self._snapshot = Snapshot()

        # The worker's own
        self._hop_samples = round(settings.hop_s * SAMPLE_RATE_HZ)
        self._ring = RingBuffer(WINDOW_SAMPLES)
        self._speech = VoiceActivity(
            voice_activity, window_samples=WINDOW_SAMPLES, threshold=settings.speech_threshold
        )
        self._info: SourceInfo | None = None
        self._stream = 0
        self._heard_samples = WINDOW_SAMPLES  # less only where a short recording was padded
        self._resampler: MonoResampler | None = None
        self._meter: Meter | None = None
        self._metered_frames = 0
        self._next_due = WINDOW_SAMPLES
        self._awaiting_sound = True
        self._shouted_clock = -_SHOUT_SAMPLES
        self._counters = Counters()
        self._durations_ms: dict[str, float] = {}

        # The emotion thread's own
        self._voice: PersonalVoice | None = None
        self._gate_config = gate.gate_config(settings)
        self._gate_state = gate.GateState()
        self._gate_stream = 0
        self._tenor_config = tenor.TenorConfig()
        self._tenor_state = tenor.TenorState()
        self._mood = mood
        self._separator = separator
        self._echo = echo
        self._guard_config = guard.guard_config(settings)
        self._noted_mood_clock = 0
        self._voice_before = False
        self._history: deque[Decision] = deque()
        self._times = StageTimes()

    # What doors use

    def start(self) -> None:
        """Open the source and begin to listen.

        Raises
        ------
        AttuneError
            The source cannot be opened; nothing runs then.
        """
        with self._lifecycle:
            self._publish(state=ListenerState.STARTING, message="Opening the source.")
            try:
                info = self._source.open(self._fifo)
            except AttuneError as error:
                self._publish(state=ListenerState.FAILED, message=str(error))
                raise
            self._begin_session(info)
            self._publish(source=info, message="", session_id=self._session_id)
            self._spawn("attune-worker", self._work)
            self._spawn("attune-emotion", self._decide)
            if info.live:
                self._spawn("attune-watchdog", self._watch)

    def stop(self, reason: str = "") -> None:
        """Stop listening, within a second; safe to call at any time and more than once.

        Parameters
        ----------
        reason
            One sentence for people, where it was not they who asked.
        """
        deadline_s = time.perf_counter() + _STOP_S
        with self._lifecycle:
            self._shut(ListenerState.STOPPED, reason)
            for thread in self._threads:
                if thread is not threading.current_thread():
                    thread.join(max(0.0, deadline_s - time.perf_counter()))
            with self._publishing:
                if self._snapshot.listening:  # another thread is still shutting, on a device that hangs
                    before = self._snapshot.state
                    self._snapshot = replace(
                        self._snapshot, state=ListenerState.STOPPED, message=reason, level=Level()
                    )
                    self._tell_state(before)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the source has ended and everything it held was decided.

        Returns
        -------
        over
            False if `timeout_s` ran out first.
        """
        deadline_s = None if timeout_s is None else time.perf_counter() + timeout_s
        for thread in self._threads:
            thread.join(None if deadline_s is None else max(0.0, deadline_s - time.perf_counter()))
        return not any(thread.is_alive() for thread in self._threads)

    def snapshot(self) -> Snapshot:
        """The newest picture; never waits."""
        return self._snapshot

    def set_threshold(self, threshold: float) -> None:
        """Change the confidence from which an emotion is accepted, 0 to 1, from the next window on."""
        self._gate_config = gate.gate_config(self._settings, threshold=threshold)
        self._note("threshold", f"{threshold:.2f}")

    def set_voice(self, voice: PersonalVoice | None) -> None:
        """Adapt the model to the user's voice from the next window on; None takes it as it is."""
        if voice is self._voice:
            return
        self._voice = voice
        self._publish(personal=voice is not None)
        self._note("voice", "off" if voice is None else f"on, made {voice.made_at}")

    # Life cycle

    def _spawn(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guarded(self, work: Callable[[], None]) -> None:
        """Run a thread's work; whatever it raises ends the listener with a sentence, not silently."""
        try:
            work()
        except AttuneError as error:
            self._shut(ListenerState.FAILED, str(error))
        except Exception as error:  # noqa: BLE001 - the thread ends here, and says so
            _LOG.exception("listening ended by an internal error")
            self._shut(
                ListenerState.FAILED,
                f"Listening ended by an internal error ({error!r}): press Start to go on.",
            )

    def _shut(self, state: ListenerState, message: str) -> None:
        """End everything without waiting for the threads; the first reason counts."""
        with self._publishing:
            if self._stopping.is_set():
                return
            self._stopping.set()
        self._fifo.close()
        self._mailbox.close()
        if self._device.acquire(timeout=_STOP_S / 4):
            try:
                self._source.close()
            finally:
                self._device.release()
        # Else the watchdog is in the middle of opening a device that does not answer: it closes it.
        if self._journal is not None and self._session_id is not None:
            self._journal.end_session(self._session_id)
        with self._publishing:
            before = self._snapshot.state
            self._snapshot = replace(self._snapshot, state=state, message=message, level=Level())
            self._tell_state(before)

    def _tell_state(self, before: ListenerState) -> None:
        if self._on_state is not None and self._snapshot.state is not before:
            self._on_state(self._snapshot.state)

    def _begin_session(self, info: SourceInfo) -> None:
        if self._journal is None:
            return
        model = self._recogniser.info
        self._session_id = self._journal.begin_session(
            info,
            model=f"{model.name} {model.version}" + (", adapted" if self._voice is not None else ""),
            settings=self._settings.model_dump(mode="json", exclude={"journal_path"}),
        )

    def _publish(self, **changes: Any) -> None:
        with self._publishing:
            if self._stopping.is_set():
                changes.pop("state", None)  # only `_shut` has a say now
            before = self._snapshot.state
            self._snapshot = replace(self._snapshot, **changes)
            self._tell_state(before)

    def note(self, kind: str, detail: str) -> None:
        """Write an event of the present into the journal: a short word, and a sentence for people."""
        self._note(kind, detail)

    def _note(self, kind: str, detail: str, *, clock: int | None = None) -> None:
        """Write an event into the journal, of the present or of a moment on the sample clock."""
        if self._journal is not None and self._session_id is not None:
            lossless = self._info is not None and self._info.lossless
            moment = self._ring.clock if clock is None else clock
            self._journal.record_event(self._session_id, moment, kind, detail, wait=lossless)

    # Worker thread: every sample, in order

    def _work(self) -> None:
        while not self._stopping.is_set():
            record = self._fifo.get(_POLL_S)
            if record is not None:
                self._take_record(record)

    def _take_record(self, record: Record) -> None:
        match record:
            case Begin(info):
                self._begin_stream(info)
            case Sound(block, delivered_s):
                self._take_sound(Sound(block, delivered_s))
            case Gap():
                self._take_gap(record)
            case End():
                self._end_stream(record)

    def _begin_stream(self, info: SourceInfo) -> None:
        self._info = info
        self._stream += 1
        self._resampler = MonoResampler(info.rate_hz, info.channels)
        self._meter = Meter(info.rate_hz, digital_silence_s=self._settings.digital_silence_s)
        self._metered_frames = 0
        self._speech.reset()
        self._ring.clear()
        self._next_due = self._ring.clock + WINDOW_SAMPLES
        self._awaiting_sound = True

    def _take_sound(self, sound: Sound) -> None:
        assert self._resampler is not None
        if self._awaiting_sound:
            self._first_sound()
        started_s = time.perf_counter()
        audio = self._resampler.process(sound.block)
        self._spend("resample", started_s)
        self._take_audio(audio, sound.delivered_s)
        self._measure_level(sound)

    def _first_sound(self) -> None:
        assert self._info is not None
        self._awaiting_sound = False
        if self._snapshot.state is ListenerState.DEVICE_LOST:
            self._counters = replace(self._counters, reconnects=self._counters.reconnects + 1)
            self._note("device back", self._info.name)
        self._publish(state=ListenerState.LISTENING, message="", source=self._info, counters=self._counters)

    def _measure_level(self, sound: Sound) -> None:
        assert self._info is not None
        assert self._meter is not None
        assert self._resampler is not None
        self._meter.feed(sound.block)
        self._metered_frames += len(sound.block)
        if self._metered_frames >= _METER_INTERVAL_S * self._info.rate_hz:
            self._metered_frames = 0
            self._publish(
                level=self._meter.level(),
                clock=self._ring.clock,
                counters=self._counters,
                resampler_delay_ms=self._resampler.delay_ms,
            )

    def _take_audio(self, audio: Audio, delivered_s: float) -> None:
        """Append audio, stopping at each moment that a window is due, whatever the block size."""
        while len(audio):
            room = self._next_due - self._ring.clock
            part, audio = audio[:room], audio[room:]
            started_s = time.perf_counter()
            self._speech.feed(part)
            self._spend("voice activity", started_s)
            self._ring.append(part)
            if self._ring.clock == self._next_due:
                self._next_due += self._hop_samples
                self._send_window(delivered_s)

    def _send_window(self, delivered_s: float) -> None:
        assert self._info is not None
        audio, clock = self._ring.latest(WINDOW_SAMPLES)
        share = min(1.0, self._speech.share * WINDOW_SAMPLES / self._heard_samples)
        durations_ms, self._durations_ms = self._durations_ms, {}
        window = _Window(audio, clock, share, delivered_s, durations_ms, self._stream)
        replaced = self._mailbox.put(window, wait=self._info.lossless)
        self._counters = replace(
            self._counters,
            windows=self._counters.windows + 1,
            dropped_windows=self._counters.dropped_windows + replaced,
        )

    def _take_gap(self, gap: Gap) -> None:
        """Sound was lost: what follows does not continue what came before."""
        if self._resampler is not None:
            self._take_audio(self._resampler.finish(), time.perf_counter())
        self._speech.interrupt()
        self._counters = replace(
            self._counters,
            overflows=self._counters.overflows + gap.overflows,
            lost_frames=self._counters.lost_frames + gap.frames,
        )
        if self._ring.clock - self._shouted_clock >= _SHOUT_SAMPLES:
            self._shouted_clock = self._ring.clock
            self._note("gap", f"{gap.overflows} overflows of the device, {gap.frames} frames without room")

    def _end_stream(self, end: End) -> None:
        if self._info is not None and self._info.live:
            self._lost.set()
            return
        if self._resampler is not None:
            self._take_audio(self._resampler.finish(), time.perf_counter())
            if 0 < self._ring.held < WINDOW_SAMPLES:
                # A recording shorter than a window would else get no answer at all.
                self._heard_samples = self._ring.held
                padding = np.zeros(WINDOW_SAMPLES - self._ring.held, dtype=np.float32)
                self._take_audio(padding, time.perf_counter())
        self._publish(clock=self._ring.clock, counters=self._counters)
        self._mailbox.put(end, wait=True)

    def _spend(self, stage: str, started_s: float) -> None:
        spent_ms = (time.perf_counter() - started_s) * 1000.0
        self._durations_ms[stage] = self._durations_ms.get(stage, 0.0) + spent_ms

    # Emotion thread: the newest window

    def _decide(self) -> None:
        while (item := self._mailbox.take()) is not None:
            if isinstance(item, End):
                self._finish(item)
                return
            self._classify(item)

    def _classify(self, window: _Window) -> None:
        taken_s = time.perf_counter()
        config = self._gate_config
        if window.stream != self._gate_stream:
            self._gate_stream, self._gate_state = window.stream, gate.GateState()
            self._tenor_state = tenor.TenorState()
            self._voice_before = False
            if self._mood is not None:
                self._mood.reset()
        mood = self._hear_mood(window)
        heard_s = time.perf_counter()
        audio, only_music = self._voice_of(window, () if mood is None else mood.shares)
        asked = window.speech_share >= config.min_speech_share and not only_music
        self._voice_before = asked
        answers = self._answers(audio) if asked else None
        answered_s = time.perf_counter()
        reading = Reading(
            clock=window.clock,
            speech_share=window.speech_share,
            probabilities=None if answers is None else tuple(answers.probabilities[0].tolist()),
            latency_ms=(answered_s - window.delivered_s) * 1000.0,
            only_music=only_music,
            energy=None if answers is None else _first(answers.energy),
            pleasantness=None if answers is None else _first(answers.pleasantness),
        )
        self._gate_state, decision = gate.step(self._gate_state, reading, config)
        self._tenor_state, talk = tenor.step(self._tenor_state, reading, self._tenor_config)
        self._remember(decision)
        self._publish(
            reading=reading,
            decision=decision,
            tenor=talk,
            mood=mood,
            history=tuple(self._history),
            timing=self._times.summary(),
            counters=self._counters,
        )
        published_s = time.perf_counter()
        durations_ms = {
            "queue": (taken_s - window.delivered_s) * 1000.0,
            **window.durations_ms,
            "gate": (published_s - answered_s) * 1000.0,
            "total": (published_s - window.delivered_s) * 1000.0,
        }
        if mood is not None:
            durations_ms["mood"] = (heard_s - taken_s) * 1000.0
            self._note_mood(mood)
        if asked:
            durations_ms["emotion"] = (answered_s - heard_s) * 1000.0
        self._times.add(durations_ms)
        if self._journal is not None and self._session_id is not None:
            lossless = self._info is not None and self._info.lossless
            self._journal.record_window(self._session_id, reading, decision, wait=lossless)
        if self._on_decision is not None:
            self._on_decision(reading, decision)

    def _hear_mood(self, window: _Window) -> MoodReading | None:
        """What the mood models hear; when they fail, listening goes on without them."""
        if self._mood is None:
            return None
        try:
            return self._mood.hear(window.audio, window.clock)
        except ModelError as error:
            _LOG.exception("the mood models failed; listening goes on without them")
            self._mood = None
            self._publish(mood=None, mood_error=f"{error} {WITHOUT_MOOD}")
            return None

    def _voice_of(self, window: _Window, shares: Sequence[Shares]) -> tuple[Audio, bool]:
        """The window without our own music and without other music; whether it held nothing but music."""
        heard, config = window.audio, self._guard_config
        if window.speech_share < self._gate_config.min_speech_share:
            return heard, guard.only_music(shares, config, voice_before=self._voice_before)
        played = None if self._echo is None else self._echo.around(WINDOW_SAMPLES, window.delivered_s)
        ours = played is not None
        if guard.only_music(shares, config, voice_before=self._voice_before, ours=ours):
            return heard, True
        if not ours and guard.music_score(shares) < config.beside_from:
            return heard, False
        left = self._without_music(heard if played is None else cancel_echo(heard, played))
        return left, guard.nothing_left(heard, left)

    def _without_music(self, audio: Audio) -> Audio:
        """The voice alone; when the separator fails, listening goes on without it."""
        if self._separator is None:
            return audio
        try:
            return self._separator.separate(audio)
        except ModelError as error:
            _LOG.exception("the separator failed; listening goes on without it")
            self._separator = None
            self._publish(mood_error=f"{error} {WITHOUT_SEPARATOR}")
            return audio

    def _note_mood(self, mood: MoodReading) -> None:
        """Write the mood of the music into the journal, now and then."""
        newest = mood.themes[0]
        due = mood.clock - self._noted_mood_clock >= newest.seconds * SAMPLE_RATE_HZ
        if due and newest.tags:
            self._noted_mood_clock = mood.clock
            said = ", ".join(f"{tag} {probability:.2f}" for tag, probability in newest.tags)
            self._note("mood", f"the last {newest.seconds:.0f} s: {said}", clock=mood.clock)

    def _answers(self, audio: Audio) -> Answers:
        """What the model says of the window; adapted to the user's voice, of the emotions alone."""
        answers, voice = self._recogniser.answers(audio[np.newaxis]), self._voice
        if voice is None:
            return answers
        return replace(answers, probabilities=apply_personal(voice, answers))

    def _remember(self, decision: Decision) -> None:
        self._history.append(decision)
        while decision.clock - self._history[0].clock > _HISTORY_SAMPLES:
            self._history.popleft()

    def _finish(self, end: End) -> None:
        if end.error is None:
            self._publish(notice=end.notice)
            self._shut(ListenerState.FINISHED, "The recording is over.")
        else:
            self._shut(ListenerState.FAILED, str(end.error))

    # Watchdog thread: sources that can vanish

    def _watch(self) -> None:
        while not self._stopping.wait(_POLL_S):
            silent_s = time.perf_counter() - self._fifo.last_write_s
            patience_s = self._settings.stall_s
            if self._awaiting_sound:
                patience_s = max(patience_s, _FIRST_SOUND_S)
            if self._lost.is_set() or silent_s > patience_s:
                self._recover()

    def _recover(self) -> None:
        """Close the lost device and look for it, by name, until it is back."""
        info = self._snapshot.source
        assert info is not None
        if self._snapshot.state is not ListenerState.DEVICE_LOST:
            self._note("device lost", info.name)
        self._publish(
            state=ListenerState.DEVICE_LOST,
            message=f"{info.name} has stopped delivering sound. "
            "It will be opened again as soon as it is back.",
        )
        with self._device:
            self._source.close()
        while not self._stopping.wait(self._settings.retry_s):
            self._lost.clear()
            if self._reopen():
                return

    def _reopen(self) -> bool:
        with self._device:
            if self._stopping.is_set():
                return False
            try:
                self._source.open(self._fifo)
            except AttuneError as error:
                _LOG.info("reopening failed: %s", error)
                return False
            except Exception:  # noqa: BLE001 - whatever a sound library throws, the device may come back
                _LOG.exception("reopening failed in an unexpected way")
                return False
            if self._stopping.is_set():
                self._source.close()
            return True


def _first(values: npt.NDArray[np.float32] | None) -> float | None:
    return None if values is None else float(values[0])

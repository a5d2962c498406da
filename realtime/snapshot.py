"""Everything the listener says, as immutable values; `Snapshot` is the whole of it at one moment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from core.directions import ENERGY_WORDS, PLEASANTNESS_WORDS, Direction, direction_of
from core.emotions import Emotion
from core.text import percent
from models.mood.audio_classes import AudioClassScores
from realtime.capture.source import SourceInfo
from realtime.notices import Notice, NoticeKind

SILENT_DBFS: Final = -120.0
OPENING: Final = "Opening the source."
RECORDING_OVER: Final = "The recording is over."


def dbfs(amplitude: float) -> float:
    """An amplitude in dB relative to full scale; silence is -120."""
    return max(SILENT_DBFS, 20.0 * math.log10(max(amplitude, 1e-12)))


class ListenerState(StrEnum):
    """What the listener is doing."""

    STOPPED = "stopped"
    PAUSED = "paused"
    STARTING = "starting"
    LISTENING = "listening"
    DEVICE_LOST = "device lost"
    FINISHED = "finished"
    FAILED = "failed"


class DecisionKind(StrEnum):
    """What the gate made of a reading."""

    ACCEPTED = "accepted"
    UNSURE = "unsure"
    NO_SPEECH = "no speech"


@dataclass(frozen=True, slots=True)
class InputLevel:
    """Loudness of the newest sound."""

    # Of the last meter interval, in dB relative to full scale; -120 is silence.
    rms_dbfs: float = SILENT_DBFS
    peak_dbfs: float = SILENT_DBFS
    clipping: bool = False  # samples reached full scale within the last second
    # All samples have been exactly zero for the configured time: a muted or forbidden microphone.
    digital_silence: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """One model answer for one window."""

    clock: int  # sample clock of the window's end, in 16 kHz samples since the source started
    speech_share: float  # share of the window that is speech, 0 to 1
    # Calibrated probabilities of the eight emotions, in the order of `EMOTIONS`, summing to 1; None where the
    # window held too little speech to ask the model.
    probabilities: tuple[float, ...] | None
    # From the delivery of the block that held the window's last sample to the end of the models, that of
    # music included.
    latency_ms: float = 0.0
    only_music: bool = False  # music plays, and no voice stands out from it: the model was not asked
    # Calibrated probabilities that the voice is lively (not quiet) and pleasant (not unpleasant), 0 to 1;
    # None where the model was not asked, and where it is an older one that knows emotions alone.
    energy: float | None = None
    pleasantness: float | None = None
    # So little speech, one word or two, that emotion and pleasantness are less sure than the model says; both
    # are corrected for it.
    brief: bool = False


@dataclass(frozen=True, slots=True)
class RollingTheme:
    """Mood of the last seconds."""

    seconds: float  # how far it looks back, at most
    # The likeliest tags with their probabilities, the likeliest first; none where no music was heard.
    tags: tuple[tuple[str, float], ...]
    # Weights of the eight moods, in the order of `models.mood.mood_scale.MOODS`, summing to 1; none where no
    # music was heard.
    moods: tuple[float, ...]
    # Place on the plane among all music, -1 (quiet, unpleasant) to 1 (lively, pleasant), see
    # `models.mood.plane.places`; None where no music was heard.
    energy: float | None = None
    pleasantness: float | None = None
    music_share: float | None = None  # how much of what sounds is music, 0 to 1; None where all is silent


@dataclass(frozen=True, slots=True)
class MoodReading:
    """The music in the newest window and in the last minute."""

    clock: int  # sample clock of the window's end
    # Of the patches that lie in the window and sound, oldest first.
    class_scores: tuple[AudioClassScores, ...]
    themes: tuple[RollingTheme, ...]  # of the last 10 s and of the last 60 s


@dataclass(frozen=True, slots=True)
class AxisStatement:
    """What the gate says about energy, or about pleasantness."""

    # True: lively (pleasant); False: quiet (unpleasant); None: unsure.
    accepted: bool | None
    # Smoothed probability of lively (pleasant), 0 to 1: `2 * probability - 1` is the place on the plane.
    probability: float

    @property
    def high(self) -> bool:
        """Whether lively (pleasant) is accepted, or else the likelier side."""
        return self.probability >= 0.5 if self.accepted is None else self.accepted

    @property
    def confidence(self) -> float:
        """Probability of the likelier side, or of the accepted one, 0 to 1."""
        return self.probability if self.high else 1.0 - self.probability


def accepted_word(statement: AxisStatement | None, words: tuple[str, str]) -> str | None:
    """The word of the accepted side; None where it is unsure, or was not asked."""
    if statement is None or statement.accepted is None:
        return None
    return words[0] if statement.accepted else words[1]


def statement_words(statement: AxisStatement, words: tuple[str, str]) -> str:
    """Such as "lively 84%", or "quiet 61% (unsure)"."""
    unsure = " (unsure)" if statement.accepted is None else ""
    return f"{words[0] if statement.high else words[1]} {percent(statement.confidence)}{unsure}"


def plane_words(energy: AxisStatement | None, pleasantness: AxisStatement | None) -> str:
    """What is accepted of the two, such as "quiet and pleasant" or "lively"; empty where both are unsure.

    Unlike `Decision.direction`, which music follows, it also says that a voice is pleasant while its energy
    is unsure.
    """
    words = accepted_word(energy, ENERGY_WORDS), accepted_word(pleasantness, PLEASANTNESS_WORDS)
    return " and ".join(word for word in words if word is not None)


def accepted_direction(energy: AxisStatement | None, pleasantness: AxisStatement | None) -> Direction | None:
    """Where on the plane the accepted statements lie; None where the energy is unsure."""
    return direction_of(
        None if energy is None else energy.accepted, None if pleasantness is None else pleasantness.accepted
    )


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says about the present: three statements, each accepted or unsure by itself."""

    clock: int  # sample clock of the reading that led to it
    kind: DecisionKind  # accepted, unsure or no speech
    # The accepted emotion; None unless accepted.
    emotion: Emotion | None
    # The emotion with the highest smoothed probability; None without speech.
    leading: Emotion | None
    confidence: float  # smoothed probability of `emotion` if accepted, else of `leading`; 0 without speech
    # Smoothed probabilities in the order of `EMOTIONS`; None without speech.
    smoothed: tuple[float, ...] | None
    changed: bool  # the accepted emotion differs from that of the decision before
    reason: str  # one sentence for people
    # The other two statements; None without speech, and where the model knows emotions alone.
    energy: AxisStatement | None = None
    pleasantness: AxisStatement | None = None
    brief: bool = False  # it rests on a word or two (`Reading.brief`): music does not follow it

    @property
    def direction(self) -> Direction | None:
        """Where on the plane the accepted statements lie; None where the energy is unsure."""
        return accepted_direction(self.energy, self.pleasantness)


@dataclass(frozen=True, slots=True)
class SustainedEmotion:
    """What the last half minute of voice adds up to."""

    clock: int  # sample clock of the reading that it reaches to
    emotion: Emotion | None  # None where none is sure
    probabilities: tuple[float, ...]  # of the eight emotions, in the order of `EMOTIONS`, summing to 1
    voice_s: float  # voice that it rests on, s; what is long ago counts for less


@dataclass(frozen=True, slots=True)
class WindowResult:
    """All that is known of one window: what the model read, what the gate decided, what adds up."""

    reading: Reading
    decision: Decision
    sustained: SustainedEmotion


@dataclass(frozen=True, slots=True)
class Counters:
    """What went wrong since the session started, in numbers."""

    # Windows due so far, and those overtaken by a newer one before the model was free.
    windows: int = 0
    dropped_windows: int = 0
    # Times that the device reported lost sound, and frames that found no room in the FIFO.
    overflows: int = 0
    lost_frames: int = 0
    reconnects: int = 0  # times that a lost device was opened again
    # Sample clock at which that was last so; None where it never was.
    dropped_clock: int | None = None
    lost_clock: int | None = None
    clipped_clock: int | None = None


@dataclass(frozen=True, slots=True)
class StageTiming:
    """How long one stage takes, over the last windows, in milliseconds."""

    median_ms: float
    p95_ms: float
    worst_ms: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The listener at one moment."""

    # What the listener is doing, and one sentence for people on why; empty when all is as asked.
    state: ListenerState = ListenerState.STOPPED
    message: str = ""
    resumes_at_s: float | None = None  # Unix time at which a pause ends; None: when somebody resumes
    session_id: int | None = None  # journal number of the session, None when none was begun
    source: SourceInfo | None = None  # the open source, None when none is
    clock: int = 0  # sample clock: 16 kHz samples since the source started
    level: InputLevel = InputLevel()
    # Of the newest window; None before the first.
    reading: Reading | None = None
    decision: Decision | None = None
    sustained: SustainedEmotion | None = None
    # The music beside the voice; None before the first window, and without a mood model.
    mood: MoodReading | None = None
    # `mood_error`, `journal_error`, `voice_error`: one sentence when the mood model, the journal or the voice
    # that is kept cannot be used, else empty.
    mood_error: str = ""
    # Decisions of the last two minutes, oldest first, and what they were made of.
    history: tuple[Decision, ...] = ()
    readings: tuple[Reading, ...] = ()
    counters: Counters = Counters()
    # Per stage, of the windows before the newest: "queue", "resample", "voice activity", "emotion", "gate"
    # (with publishing), "total".
    timing: Mapping[str, StageTiming] = field(default_factory=dict)
    resampler_delay_ms: float = 0.0  # how late the resampler's output comes; not part of the latencies
    notice: str = ""  # what was wrong with the sound but survived, for people; empty when nothing
    sound_notices: Mapping[NoticeKind, str] = field(default_factory=dict)  # what is peculiar about the sound
    journal_error: str = ""
    journal_notice: str = ""  # what is wrong although the journal can be written: put aside, rows lost
    personal: bool = False  # the model is adapted to the user's voice
    voice_error: str = ""
    home_error: str = ""  # one sentence when home automation cannot be told, else empty
    notices: tuple[Notice, ...] = ()  # the newest notices of the engine, oldest first, at most 200

    @property
    def listening(self) -> bool:
        """Whether sound is being taken in (a visible sign must be shown)."""
        return self.state in (ListenerState.STARTING, ListenerState.LISTENING, ListenerState.DEVICE_LOST)

"""The one thing a front door reads: an immutable picture of the listener, replaced as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from models.emotion.labels import Emotion
from models.emotion.plane import Direction, direction_of
from models.mood.shares import Shares
from realtime.capture.source import SourceInfo

__all__ = [
    "ENERGY_WORDS",
    "PLEASANTNESS_WORDS",
    "SILENT_DBFS",
    "AxisStatement",
    "Counters",
    "Decision",
    "DecisionKind",
    "Level",
    "ListenerState",
    "MoodReading",
    "Reading",
    "RollingTheme",
    "Snapshot",
    "StageTiming",
    "Tenor",
    "accepted_word",
    "plane_words",
]

SILENT_DBFS: Final = -120.0

ENERGY_WORDS: Final = ("lively", "quiet")
PLEASANTNESS_WORDS: Final = ("pleasant", "unpleasant")
"""The two sides of each axis, the high one first."""


class ListenerState(StrEnum):
    """What the listener is doing."""

    STOPPED = "stopped"
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
class Level:
    """Loudness of the newest sound.

    Parameters
    ----------
    rms_dbfs, peak_dbfs
        Of the last meter interval, in dB relative to full scale; -120 is silence.
    clipping
        Full-scale samples were seen within the last second.
    digital_silence
        Every sample has been exactly zero for the configured time: a muted or forbidden microphone.
    """

    rms_dbfs: float = SILENT_DBFS
    peak_dbfs: float = SILENT_DBFS
    clipping: bool = False
    digital_silence: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """One model answer for one window.

    Parameters
    ----------
    clock
        Sample clock of the window's end, in 16 kHz samples since the source started.
    speech_share
        Share of the window that is speech, 0 to 1.
    probabilities
        Calibrated probabilities of the eight emotions, in the order of `EMOTIONS`, summing to 1;
        None where the window held too little speech to ask the model.
    energy, pleasantness
        Calibrated probabilities that the voice is lively (not quiet) and pleasant (not unpleasant), 0 to 1;
        None where the model was not asked, and where it is an older one that knows emotions alone.
    latency_ms
        From the delivery of the block that held the window's last sample to the end of the models, that
        of music included.
    only_music
        Music plays, and no voice stands out from it: the model was not asked.
    """

    clock: int
    speech_share: float
    probabilities: tuple[float, ...] | None
    latency_ms: float = 0.0
    only_music: bool = False
    energy: float | None = None
    pleasantness: float | None = None


@dataclass(frozen=True, slots=True)
class RollingTheme:
    """Mood of the last seconds.

    Parameters
    ----------
    seconds
        How far it looks back, at most.
    tags
        The likeliest tags with their probabilities, the likeliest first; none where no music was heard.
    moods
        Weights of the eight moods, in the order of `models.mood.groups.MOODS`, summing to 1; none where
        no music was heard.
    energy, pleasantness
        Place on the plane among all music, -1 (quiet, unpleasant) to 1 (lively, pleasant), see
        `models.mood.plane.places`; None where no music was heard.
    """

    seconds: float
    tags: tuple[tuple[str, float], ...]
    moods: tuple[float, ...]
    energy: float | None = None
    pleasantness: float | None = None


@dataclass(frozen=True, slots=True)
class MoodReading:
    """What is heard of the music.

    Parameters
    ----------
    clock
        Sample clock of the window's end.
    shares
        Of the patches that lie in the window and sound, oldest first.
    themes
        Of the last 10 s and of the last 60 s.
    """

    clock: int
    shares: tuple[Shares, ...]
    themes: tuple[RollingTheme, ...]


@dataclass(frozen=True, slots=True)
class AxisStatement:
    """What the gate says about energy, or about pleasantness.

    Parameters
    ----------
    accepted
        True: lively (pleasant); False: quiet (unpleasant); None: unsure.
    probability
        Smoothed probability of lively (pleasant), 0 to 1: `2 * probability - 1` is the place on the plane.
    """

    accepted: bool | None
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


def plane_words(energy: AxisStatement | None, pleasantness: AxisStatement | None) -> str:
    """What is accepted of the two, such as "quiet and pleasant" or "lively"; empty where both are unsure.

    Unlike `Decision.direction`, which music follows, it also says that a voice is pleasant while its energy
    is unsure.
    """
    words = accepted_word(energy, ENERGY_WORDS), accepted_word(pleasantness, PLEASANTNESS_WORDS)
    return " and ".join(word for word in words if word is not None)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says about the present: three statements, each accepted or unsure by itself.

    Parameters
    ----------
    clock
        Sample clock of the reading that led to it.
    kind
        Accepted, unsure or no speech.
    emotion
        The accepted emotion; None unless accepted.
    leading
        The emotion with the highest smoothed probability; None without speech.
    confidence
        Smoothed probability of `emotion` if accepted, else of `leading`; 0 without speech.
    smoothed
        Smoothed probabilities in the order of `EMOTIONS`; None without speech.
    changed
        The accepted emotion differs from that of the decision before.
    reason
        One sentence for people.
    energy, pleasantness
        The other two statements; None without speech, and where the model knows emotions alone.
    """

    clock: int
    kind: DecisionKind
    emotion: Emotion | None
    leading: Emotion | None
    confidence: float
    smoothed: tuple[float, ...] | None
    changed: bool
    reason: str
    energy: AxisStatement | None = None
    pleasantness: AxisStatement | None = None

    @property
    def direction(self) -> Direction | None:
        """Where on the plane the accepted statements lie; None where the energy is unsure."""
        return direction_of(
            None if self.energy is None else self.energy.accepted,
            None if self.pleasantness is None else self.pleasantness.accepted,
        )


@dataclass(frozen=True, slots=True)
class Tenor:
    """What the last half minute of voice adds up to.

    Parameters
    ----------
    clock
        Sample clock of the reading that it reaches to.
    emotion
        The emotion of the talk, None where it is of none for sure.
    probabilities
        Of the eight emotions, in the order of `EMOTIONS`, summing to 1.
    voice_s
        Voice that it rests on, s; what is long ago counts for less.
    """

    clock: int
    emotion: Emotion | None
    probabilities: tuple[float, ...]
    voice_s: float


@dataclass(frozen=True, slots=True)
class Counters:
    """What went wrong since the session started, in numbers.

    Parameters
    ----------
    windows
        Windows due so far.
    dropped_windows
        Windows that were due but overtaken by a newer one before the model was free.
    overflows
        Times that the device reported lost sound.
    lost_frames
        Frames of the device that found no room in the FIFO.
    reconnects
        Times that a lost device was opened again.
    """

    windows: int = 0
    dropped_windows: int = 0
    overflows: int = 0
    lost_frames: int = 0
    reconnects: int = 0


@dataclass(frozen=True, slots=True)
class StageTiming:
    """How long one stage takes, over the last windows, in milliseconds."""

    median_ms: float
    p95_ms: float
    worst_ms: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The listener at one moment.

    Parameters
    ----------
    state
        What the listener is doing.
    message
        One sentence for people on why it is so; empty when all is as asked.
    session_id
        Journal number of the session, None when none was begun.
    source
        The open source, None when none is.
    clock
        Sample clock: 16 kHz samples since the source started.
    level
        The meter.
    reading, decision
        The newest ones, None before the first window.
    tenor
        What the last half minute of voice adds up to; None before the first window.
    mood
        What is heard of the music; None before the first window, and without a mood model.
    mood_error
        One sentence when the mood model cannot be used, else empty.
    history
        Decisions of the last two minutes, oldest first.
    counters
        Drops, overflows, reconnects.
    timing
        Per stage, of the windows before the newest: "queue", "resample", "voice activity", "emotion",
        "gate" (with publishing), "total".
    resampler_delay_ms
        How late the resampler's output comes; not part of the latencies.
    notice
        What was wrong with the sound but survived, for people; empty when nothing.
    journal_error
        One sentence when the journal cannot be written, else empty.
    personal
        The model is adapted to the user's voice.
    voice_error
        One sentence when the voice that is kept cannot be used, else empty.
    """

    state: ListenerState = ListenerState.STOPPED
    message: str = ""
    session_id: int | None = None
    source: SourceInfo | None = None
    clock: int = 0
    level: Level = Level()
    reading: Reading | None = None
    decision: Decision | None = None
    tenor: Tenor | None = None
    mood: MoodReading | None = None
    mood_error: str = ""
    history: tuple[Decision, ...] = ()
    counters: Counters = Counters()
    timing: Mapping[str, StageTiming] = field(default_factory=dict)
    resampler_delay_ms: float = 0.0
    notice: str = ""
    journal_error: str = ""
    personal: bool = False
    voice_error: str = ""

    @property
    def listening(self) -> bool:
        """Whether sound is being taken in (a visible sign must be shown)."""
        return self.state in (ListenerState.STARTING, ListenerState.LISTENING, ListenerState.DEVICE_LOST)

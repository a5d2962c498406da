"""Notices: what is said in words about listening and music, each once and in order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a notice matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class NoticeKind(StrEnum):
    """What a notice is about, for programs; of a pair, the second says that the first is over."""

    DEVICE_LOST = "device lost"
    DEVICE_BACK = "device back"
    ONLY_ZEROS = "only zeros"  # muted, forbidden, or nothing plays
    SOUND_BACK = "sound back"
    CLIPPING = "clipping"
    CLIPPING_OVER = "clipping over"
    QUIET_VOICE = "quiet voice"
    VOICE_LOUD_ENOUGH = "voice loud enough"
    CHANNELS = "channels"  # what was done with channels that do not add up
    SOUND_LOST = "sound lost"
    SOUND_COMPLETE = "sound complete"
    WINDOWS_DROPPED = "windows dropped"
    WINDOWS_COMPLETE = "windows complete"
    RECORDING = "recording"  # what was wrong with a file but survived
    MOOD_PROBLEM = "mood problem"
    MOOD_BACK = "mood back"
    VOICE_PROBLEM = "voice problem"  # the voice that is kept cannot be used
    VOICE_BACK = "voice back"
    JOURNAL_PROBLEM = "journal problem"
    JOURNAL_BACK = "journal back"
    JOURNAL = "journal"  # put aside as corrupt, or rows lost
    PLAYER_PROBLEM = "player problem"
    PLAYER_BACK = "player back"
    MUSIC_PROBLEM = "music problem"  # choices that cannot be read or saved
    MUSIC_BACK = "music back"
    HOME_PROBLEM = "home problem"  # the broker of home automation
    HOME_BACK = "home back"
    CALL_ON = "call on"
    CALL_OFF = "call off"
    STOPPED = "stopped"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that was said."""

    kind: NoticeKind
    message: str  # one sentence for people, or a few
    at_s: float  # Unix time
    clock: int = 0  # sample clock, in 16 kHz samples since the source started
    severity: Severity = Severity.INFO
    ends: NoticeKind | None = None  # what is over with it
    number: int = 0  # from 1, without a gap as long as the engine lives


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that holds now and is worth a notice."""

    message: str
    severity: Severity = Severity.WARNING
    # What makes it another one: while this stays, changed figures in the message are no news.
    identity: str | None = None  # None: the message

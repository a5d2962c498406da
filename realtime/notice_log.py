"""From what holds at a moment to notices: each is told once when it begins, and once when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from models.resample import SAMPLE_RATE_HZ
from realtime.capture.source import SourceKind
from realtime.notices import Condition, Notice, NoticeKind, Severity
from realtime.snapshot import ListenerState, Snapshot

_KEPT: Final = 200
# What comes and goes is one thing until it has stayed away for so long.
_HOLD_SAMPLES: Final = 10 * SAMPLE_RATE_HZ

_ONLY_ZEROS: Final = {
    SourceKind.MICROPHONE: Condition(
        "The source delivers nothing but zeros: the microphone is muted, "
        "or the system does not let this program use it."
    ),
    SourceKind.SYSTEM: Condition("Nothing is being played on this machine.", Severity.INFO),
}
"""What exact zeros from a source mean; elsewhere they are only a silent place in a recording."""

_CLIPPED: Final = (
    "The sound is too loud and is clipped: turn the input down, or move away from the microphone."
)
_LOST: Final = "Sound was lost before it could be heard: close programs that keep this machine busy."
_DROPPED: Final = "This machine is too busy to judge every window: some are dropped."
_STOPPED: Final = "Listening was stopped."
SENTENCES: Final = (*(one.message for one in _ONLY_ZEROS.values()), _CLIPPED, _LOST, _DROPPED, _STOPPED)
"""What is said of a present in the same words whenever it holds."""

_ENDS: Final = {
    NoticeKind.DEVICE_LOST: (NoticeKind.DEVICE_BACK, "The device is back: listening goes on."),
    NoticeKind.ONLY_ZEROS: (NoticeKind.SOUND_BACK, "Sound comes in again."),
    NoticeKind.CLIPPING: (NoticeKind.CLIPPING_OVER, "The sound is not clipped any more."),
    NoticeKind.QUIET_VOICE: (NoticeKind.VOICE_LOUD_ENOUGH, "The voice is loud enough."),
    NoticeKind.SOUND_LOST: (NoticeKind.SOUND_COMPLETE, "No sound has been lost for 10 s."),
    NoticeKind.WINDOWS_DROPPED: (NoticeKind.WINDOWS_COMPLETE, "No window has been dropped for 10 s."),
    NoticeKind.MOOD_PROBLEM: (NoticeKind.MOOD_BACK, "The models of music can be used again."),
    NoticeKind.VOICE_PROBLEM: (NoticeKind.VOICE_BACK, "The voice that is kept is no problem any more."),
    NoticeKind.JOURNAL_PROBLEM: (NoticeKind.JOURNAL_BACK, "The journal can be written again."),
    NoticeKind.PLAYER_PROBLEM: (NoticeKind.PLAYER_BACK, "The player can play again."),
    NoticeKind.MUSIC_PROBLEM: (NoticeKind.MUSIC_BACK, "The choices for the music are saved again."),
    NoticeKind.HOME_PROBLEM: (NoticeKind.HOME_BACK, "Home automation can be reached again."),
    NoticeKind.CALL_ON: (NoticeKind.CALL_OFF, "No call is on any more."),
}
"""What is said when something is over; the end of all else is no news."""
_OF_THE_SOUND: Final = frozenset(
    {
        NoticeKind.DEVICE_LOST,
        NoticeKind.ONLY_ZEROS,
        NoticeKind.CLIPPING,
        NoticeKind.QUIET_VOICE,
        NoticeKind.SOUND_LOST,
        NoticeKind.WINDOWS_DROPPED,
    }
)
"""What ends without a word when listening ends."""


@dataclass(frozen=True, slots=True)
class NoticeLog:
    """The newest notices, what holds, and how many notices there have been."""

    notices: tuple[Notice, ...] = ()  # oldest first
    standing: Mapping[NoticeKind, Condition] = field(default_factory=dict)
    count: int = 0

    def since(self, number: int) -> tuple[Notice, ...]:
        """Those that came after the notice of that number, as far as they are kept."""
        return tuple(notice for notice in self.notices if notice.number > number)


def conditions(snapshot: Snapshot) -> dict[NoticeKind, Condition]:
    """What is to be said of a snapshot, in the order in which people should read it."""
    problem, info = Severity.WARNING, Severity.INFO
    found: dict[NoticeKind, Condition] = {}
    match snapshot.state:
        case ListenerState.DEVICE_LOST:
            found[NoticeKind.DEVICE_LOST] = Condition(snapshot.message, problem)
        case ListenerState.FINISHED:
            found[NoticeKind.FINISHED] = Condition(snapshot.message, info)
        case ListenerState.FAILED:
            found[NoticeKind.FAILED] = Condition(snapshot.message, Severity.ERROR)
        case ListenerState.STOPPED | ListenerState.PAUSED if snapshot.source is not None:
            found[NoticeKind.STOPPED] = Condition(snapshot.message or _STOPPED, info)
    if snapshot.state is ListenerState.LISTENING:
        found |= _of_the_sound(snapshot)
    said = {
        NoticeKind.RECORDING: snapshot.notice,
        NoticeKind.MOOD_PROBLEM: snapshot.mood_error,
        NoticeKind.JOURNAL: "" if snapshot.journal_error else snapshot.journal_notice,
        NoticeKind.VOICE_PROBLEM: snapshot.voice_error,
        NoticeKind.HOME_PROBLEM: snapshot.home_error,
    }
    found |= {kind: Condition(message) for kind, message in said.items() if message}
    if snapshot.journal_error:
        # Behind the semicolon stands how many rows wait.
        cause = snapshot.journal_error.partition(";")[0]
        found[NoticeKind.JOURNAL_PROBLEM] = Condition(snapshot.journal_error, identity=cause)
    return found


def _of_the_sound(snapshot: Snapshot) -> dict[NoticeKind, Condition]:
    found: dict[NoticeKind, Condition] = {}
    kind = snapshot.source.kind if snapshot.source is not None else None
    if snapshot.level.digital_silence and kind in _ONLY_ZEROS:
        found[NoticeKind.ONLY_ZEROS] = _ONLY_ZEROS[kind]
    recent = {
        NoticeKind.CLIPPING: (
            snapshot.counters.clipped_clock,
            _CLIPPED,
        ),
        NoticeKind.SOUND_LOST: (
            snapshot.counters.lost_clock,
            _LOST,
        ),
        NoticeKind.WINDOWS_DROPPED: (
            snapshot.counters.dropped_clock,
            _DROPPED,
        ),
    }
    for kind_, (clock, message) in recent.items():
        if clock is not None and snapshot.clock - clock < _HOLD_SAMPLES:
            found[kind_] = Condition(message)
    return found | {kind_: Condition(message) for kind_, message in snapshot.sound_notices.items()}


def step(
    log: NoticeLog,
    holds: Mapping[NoticeKind, Condition],
    *,
    at_s: float,
    clock: int = 0,
    listening: bool = False,
) -> NoticeLog:
    """Take what holds now.

    Parameters
    ----------
    log
        What was said before.
    holds
        What holds now, see `conditions`.
    at_s, clock
        Unix time and sample clock of the present.
    listening
        Whether sound is being taken in.
    """
    before = log.standing
    told: list[Notice] = []
    for kind in before:
        if kind not in holds and kind in _ENDS and (listening or kind not in _OF_THE_SOUND):
            end, message = _ENDS[kind]
            told.append(Notice(end, message, at_s, clock, ends=kind))
    for kind, condition in holds.items():
        if not _is_news(log, kind, condition):
            continue
        told.append(Notice(kind, condition.message, at_s, clock, condition.severity))
    numbered = tuple(replace(notice, number=log.count + n) for n, notice in enumerate(told, 1))
    return NoticeLog((*log.notices, *numbered)[-_KEPT:], dict(holds), log.count + len(told))


def _is_news(log: NoticeLog, kind: NoticeKind, condition: Condition) -> bool:
    if kind is NoticeKind.JOURNAL:  # not told while the journal cannot be written: that is no end of it
        return condition.message not in {one.message for one in log.notices if one.kind is kind}
    before = log.standing.get(kind)
    return before is None or _identity(before) != _identity(condition)


def _identity(condition: Condition) -> str:
    return condition.message if condition.identity is None else condition.identity

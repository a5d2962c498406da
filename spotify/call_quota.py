"""Our own calls of the last 24 hours, and how often to poll so that they stay few. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DAY_S: Final = 86_400.0
DAY_CALLS: Final = 300
"""Calls in 24 hours in all. Spotify allows 800 to 1400, to all apps of a developer account together."""
POLLING_CALLS: Final = 180  # of these for polling; beyond them only people's commands are sent
CONFIRMING_CALLS: Final = 270
"""Of these until commands are no longer confirmed by a poll; the rest is for recovery after failures."""

_SLOT_S: Final = 600.0
_WATCHED_S: Final = 8.0
_PLAYING_S: Final = 120.0
_IDLE_S: Final = 900.0
_PAUSED_TIMES: Final = 3.0
_SHARE: Final = 0.5

CallCounts = Mapping[int, int]
"""Number of calls in each slot of ten minutes of Unix time."""


def slot_of(at_s: float) -> int:
    """Number of the slot of a Unix time, s."""
    return int(at_s // _SLOT_S)


def recent_calls(counts: CallCounts, now_s: float) -> dict[int, int]:
    """Those that count now: of the last 24 hours, rounded up to whole slots.

    After a clock was set back by less than a day, calls that seem to lie ahead count, for two days at most.

    Parameters
    ----------
    counts
        All that is known.
    now_s
        Unix time.
    """
    return {
        slot: calls for slot, calls in counts.items() if -DAY_S < now_s - slot * _SLOT_S < DAY_S + _SLOT_S
    }


def rest_s(counts: CallCounts, now_s: float) -> float:
    """Time until the oldest of the recent calls counts no more, s; a day where there are none."""
    oldest = min(recent_calls(counts, now_s), default=slot_of(now_s))
    return (oldest + 1) * _SLOT_S + DAY_S - now_s


def polling_calls_left(calls: int) -> int:
    """Calls that are left for polling, of those sent in the last 24 hours."""
    return max(0, POLLING_CALLS - calls)


def interval_s(calls: int, rest_s: float, *, watched: bool, playing: bool) -> float | None:
    """Time between two polls, s; None where no poll is left until older ones count no more.

    It is a share of the time for which the calls left have to last. The more of them are spent, the less a
    viewer shortens it.

    Parameters
    ----------
    calls, rest_s
        Sent in the last 24 hours, and time until the oldest of them counts no more, s.
    watched
        Whether the snapshot is on screen.
    playing
        Whether music plays, as far as is known.
    """
    left = polling_calls_left(calls)
    if not left:
        return None
    slow_s = max(_PLAYING_S, _SHARE * rest_s / left)
    if not watched:
        return slow_s if playing else max(_IDLE_S, slow_s)
    quick_s: float = _WATCHED_S * (slow_s / _WATCHED_S) ** (calls / POLLING_CALLS)
    return quick_s if playing else min(_PAUSED_TIMES * quick_s, slow_s)

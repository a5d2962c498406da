"""Owns how many calls a day may cost, and how often to look what plays so that it stays below. Pure."""

from __future__ import annotations

from typing import Final

__all__ = ["DAY_CALLS", "DOUBT_CALLS", "LOOKING_CALLS", "day_of", "interval_s", "left_for_looking"]

DAY_CALLS: Final = 300
"""So many calls a day are enough; Spotify throttles small apps at 800 to 1400."""
LOOKING_CALLS: Final = 180
"""Of these for looking what plays; from then on only what somebody wants is asked."""
DOUBT_CALLS: Final = 270
"""Of these for looking what a command led to; the rest is for the way back after a failure."""

_DAY_S: Final = 86_400.0
_WATCHED_S: Final = 8.0
_PLAYING_S: Final = 120.0
_IDLE_S: Final = 900.0
_PAUSED_TIMES: Final = 3.0
_SHARE: Final = 0.5


def day_of(now_s: float) -> int:
    """Number of the UTC day of a Unix time."""
    return int(now_s // _DAY_S)


def left_for_looking(calls: int) -> int:
    """How many more calls today may be spent on looking what plays."""
    return max(0, LOOKING_CALLS - calls)


def interval_s(now_s: float, calls: int, *, watched: bool, playing: bool) -> float | None:
    """Time between two looks at what plays.

    Every look takes at most a share of what is left of the day for each call that is left, so that calls
    never run out; and the more of them are spent, the less somebody who watches is favoured.

    Parameters
    ----------
    now_s
        Unix time.
    calls
        Sent since midnight UTC.
    watched
        Somebody looks.
    playing
        Music plays, as far as is known.

    Returns
    -------
    interval_s
        None where no look is left until midnight UTC.
    """
    left = left_for_looking(calls)
    if not left:
        return None
    rest_s = _DAY_S - now_s % _DAY_S
    slow_s = max(_PLAYING_S, _SHARE * rest_s / left)
    if not watched:
        return slow_s if playing else max(_IDLE_S, slow_s)
    quick_s: float = _WATCHED_S * (slow_s / _WATCHED_S) ** (calls / LOOKING_CALLS)
    return quick_s if playing else min(_PAUSED_TIMES * quick_s, slow_s)

"""Owns how moments and times of the day are written, in the time of this place."""

from __future__ import annotations

import datetime as dt

__all__ = ["as_minutes", "as_time", "moment"]

_TIMELESS = dt.timedelta(hours=18)


def moment(at_s: float, now_s: float) -> str:
    """Write a moment: the hour, and the day too unless that is plain.

    Parameters
    ----------
    at_s, now_s
        Unix times.
    """
    at, now = dt.datetime.fromtimestamp(at_s), dt.datetime.fromtimestamp(now_s)
    if at.date() == now.date() or abs(at - now) < _TIMELESS:
        return f"{at:%H:%M}"
    return f"{at.day} {at:%b %H:%M}" if at.year == now.year else f"{at:%Y-%m-%d %H:%M}"


def as_time(minutes: int) -> dt.time:
    """Turn minutes of the day, 0 to 1439, into a time."""
    return dt.time(*divmod(minutes, 60))


def as_minutes(time: dt.time) -> int:
    """Turn a time into minutes of the day, 0 to 1439."""
    return 60 * time.hour + time.minute

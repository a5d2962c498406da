"""Local days as spans of quarters of an hour, of 23 to 25 hours, in the time zone that holds now."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day

from realtime.journal.schema import QUARTER_S


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time in quarters of an hour since 1970, UTC: every time zone's midnight lies on one."""

    first: int
    until: int  # the first quarter after it

    @property
    def start(self) -> datetime:
        """Its beginning, UTC."""
        return datetime.fromtimestamp(self.first * QUARTER_S, UTC)

    @property
    def end(self) -> datetime:
        """The moment after it, UTC."""
        return datetime.fromtimestamp(self.until * QUARTER_S, UTC)


def refresh_time_zone() -> None:
    """Take the machine's time zone as it is now: a program that runs for weeks may have travelled."""
    if hasattr(time, "tzset"):  # Windows needs none
        time.tzset()


def local_moment(quarter: int) -> datetime:
    """When a quarter begins, in local time."""
    return datetime.fromtimestamp(quarter * QUARTER_S).astimezone()


def span_of(first: date, last: date | None = None) -> Span:
    """The span of a local day, or of several.

    Parameters
    ----------
    first, last
        The days, both within; None for one day.
    """
    return Span(_midnight(first), _midnight((last or first) + timedelta(days=1)))


def _midnight(day: date) -> int:
    return round(datetime.combine(day, time_of_day()).timestamp() / QUARTER_S)

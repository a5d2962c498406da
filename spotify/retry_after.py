"""The header Retry-After: how long Spotify wants to be left alone, whatever stands in it. Pure."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import ceil
from typing import Final

from spotify.circuit_breaker import MOST_WAIT_S

_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]*)?")


def parse_retry_after(text: str, now_s: float) -> float | None:
    """Time to wait, s, from 1 to `MOST_WAIT_S`; None where it is neither a number of seconds nor a date.

    Parameters
    ----------
    text
        The header; empty where there is none.
    now_s
        Unix time, to which a date is relative.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return bounded_wait_s(float(text))
    try:
        date = parsedate_to_datetime(text)
        return bounded_wait_s(date.replace(tzinfo=date.tzinfo or UTC).timestamp() - now_s)
    except (ValueError, TypeError, IndexError, OverflowError):  # a date that is none, or beyond the calendar
        return None


def bounded_wait_s(wait_s: float) -> float:
    """The wait in whole seconds, from 1 to `MOST_WAIT_S`."""
    return float(ceil(min(MOST_WAIT_S, max(1.0, wait_s))))

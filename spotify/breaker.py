"""Owns when Spotify may be asked again after it refused or did not answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

__all__ = [
    "MOST_WAIT_S",
    "Breaker",
    "answered",
    "failed",
    "limited",
    "limited_until",
    "may_command",
    "next_try_s",
]

MOST_WAIT_S: Final = 86_400.0
"""No limit is believed to last longer, whatever is said."""

_FIRST_S: Final = (1.0, 2.0, 4.0)
_EARLY_GAP_S: Final = 5.0
_EARLY_S: Final = 60.0
_UNSENT_GAP_S: Final = 8.0
"""What does not get through costs nothing, so it is tried often enough to be back within 10 s."""
_LONG_S: Final = 3600.0
_LONG_GAP_S: Final = 30.0
_LATE_SHARE: Final = 0.1
_LATE_GAP_S: Final = 300.0
_LEAST_GAP_S: Final = 0.5
_COMMAND_GAP_S: Final = 5.0
_UNSAID_WAIT_S: Final = 60.0
_MOST_UNSAID_WAIT_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is remembered of refusals and failures; times are Unix time, s.

    A clock that is set back ends every wait: it would last for nobody knows how long.

    Parameters
    ----------
    limited_from_s, limited_until_s
        Between these nothing may be asked.
    unsaid
        Limits in a row for which Spotify did not say how long.
    failures
        Calls in a row that were not answered properly.
    since_s
        When the first of them began.
    ended_s
        When the last of them ended.
    retry_s
        When to try again.
    """

    limited_from_s: float = 0.0
    limited_until_s: float = 0.0
    unsaid: int = 0
    failures: int = 0
    since_s: float = 0.0
    ended_s: float = 0.0
    retry_s: float = 0.0


def limited(breaker: Breaker, now_s: float, until_s: float | None) -> Breaker:
    """Spotify was asked too often; `until_s` is None where it did not say how long to wait."""
    unsaid = 0 if until_s is not None else breaker.unsaid + 1
    if until_s is None:
        until_s = now_s + min(_MOST_UNSAID_WAIT_S, _UNSAID_WAIT_S * 2.0 ** min(unsaid - 1, 10))
    return Breaker(now_s, min(until_s, now_s + MOST_WAIT_S), unsaid)


def failed(breaker: Breaker, *, began_s: float, now_s: float, reached: bool) -> Breaker:
    """A call was not answered properly.

    Parameters
    ----------
    breaker
        From before.
    began_s, now_s
        When the call began and ended.
    reached
        It may have reached Spotify: such calls count, so they become rarer, up to one in five minutes.
    """
    failures = breaker.failures + 1
    since_s = breaker.since_s if breaker.failures and breaker.since_s <= began_s else began_s
    gap_s = _gap_s(failures, now_s - since_s, reached=reached)
    return replace(
        breaker,
        failures=failures,
        since_s=since_s,
        ended_s=now_s,
        # From its beginning: one that took long to fail has waited already.
        retry_s=max(began_s + gap_s, now_s + _LEAST_GAP_S),
    )


def answered(breaker: Breaker) -> Breaker:
    """All is well again."""
    return breaker if breaker == _WELL else _WELL


def limited_until(breaker: Breaker, now_s: float) -> float | None:
    """Until when nothing may be asked; None where it may."""
    return breaker.limited_until_s if breaker.limited_from_s <= now_s < breaker.limited_until_s else None


def next_try_s(breaker: Breaker, now_s: float) -> float:
    """When Spotify may be asked again by ourselves; `now_s` or before where it may be now."""
    waits = breaker.failures > 0 and now_s >= breaker.ended_s
    return max(limited_until(breaker, now_s) or now_s, breaker.retry_s if waits else now_s)


def may_command(breaker: Breaker, now_s: float) -> bool:
    """Whether a command may be tried: a person is let through sooner than we ourselves are."""
    if limited_until(breaker, now_s) is not None:
        return False
    if breaker.failures < 2:
        return True
    return now_s >= min(next_try_s(breaker, now_s), breaker.ended_s + _COMMAND_GAP_S)


_WELL: Final = Breaker()


def _gap_s(failures: int, passed_s: float, *, reached: bool) -> float:
    if failures <= len(_FIRST_S):
        return _FIRST_S[failures - 1]
    if passed_s < _EARLY_S:
        return _EARLY_GAP_S
    if reached:
        return min(_LATE_GAP_S, max(_EARLY_GAP_S, _LATE_SHARE * passed_s))
    return _UNSENT_GAP_S if passed_s < _LONG_S else _LONG_GAP_S

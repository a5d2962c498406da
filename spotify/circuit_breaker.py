"""Circuit breaker: when Spotify may be asked again after a limit or failures. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

MOST_WAIT_S: Final = 86_400.0  # longest limit that is accepted, whatever Spotify says

_FIRST_S: Final = (1.0, 2.0, 4.0)
_EARLY_GAP_S: Final = 5.0
_EARLY_S: Final = 60.0
_UNSENT_GAP_S: Final = 8.0
"""Without a connection calls cost nothing, so they are tried often enough to recover within 10 s."""
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
    """State after refusals and failures; times are Unix time, s.

    A clock that is set back ends every wait, which could last for ever.
    """

    # No call may be sent between these.
    limited_from_s: float = 0.0
    limited_until_s: float = 0.0
    unsaid: int = 0  # consecutive rate limits without a stated length
    failures: int = 0  # consecutive failed calls
    since_s: float = 0.0  # start of the first of them
    ended_s: float = 0.0  # end of the last of them
    retry_s: float = 0.0  # time of the next try


def limited(breaker: Breaker, now_s: float, until_s: float | None) -> Breaker:
    """State after a rate limit.

    Parameters
    ----------
    breaker
        State before.
    now_s
        Now.
    until_s
        Its end; None where Spotify did not say.
    """
    unsaid = 0 if until_s is not None else breaker.unsaid + 1
    if until_s is None:
        until_s = now_s + min(_MOST_UNSAID_WAIT_S, _UNSAID_WAIT_S * 2.0 ** min(unsaid - 1, 10))
    return Breaker(now_s, min(until_s, now_s + MOST_WAIT_S), unsaid)


def failed(
    breaker: Breaker, *, began_s: float, now_s: float, reached: bool, until_s: float | None = None
) -> Breaker:
    """State after a failed call.

    Parameters
    ----------
    breaker
        State before.
    began_s, now_s
        Start and end of the call.
    reached
        Whether it may have reached Spotify. Such calls count, so they are tried less and less often, down to
        one in five minutes.
    until_s
        Before which Spotify does not want to be asked; None where it did not say.
    """
    failures = breaker.failures + 1
    since_s = breaker.since_s if breaker.failures and breaker.since_s <= began_s else began_s
    gap_s = _gap_s(failures, now_s - since_s, reached=reached)
    return replace(
        breaker,
        failures=failures,
        since_s=since_s,
        ended_s=now_s,
        # From the start of the call, which may have waited long enough already.
        retry_s=max(began_s + gap_s, now_s + _LEAST_GAP_S, until_s or 0.0),
    )


def answered(breaker: Breaker) -> Breaker:
    """State after a successful call."""
    return breaker if breaker == _WELL else _WELL


def limited_until(breaker: Breaker, now_s: float) -> float | None:
    """End of the current rate limit; None where there is none."""
    return breaker.limited_until_s if breaker.limited_from_s <= now_s < breaker.limited_until_s else None


def next_try_s(breaker: Breaker, now_s: float) -> float:
    """Time of the next call that nobody asked for; `now_s` or before where it may be sent now."""
    waits = breaker.failures > 0 and now_s >= breaker.ended_s
    return max(limited_until(breaker, now_s) or now_s, breaker.retry_s if waits else now_s)


def may_command(breaker: Breaker, now_s: float) -> bool:
    """Whether a person's command may be sent, which is sooner than a poll."""
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

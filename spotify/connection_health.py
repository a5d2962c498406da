"""Health of the connection to Spotify: what the answers so far say, and what follows without asking again."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from core.phrases import Phrase
from playback.player import ConnectionState, Outcome, OutcomeKind, PlayerConnection
from spotify import circuit_breaker
from spotify.api_errors import ApiErrorKind, ApiFailure, outcome_for
from spotify.circuit_breaker import Breaker

_LOG = logging.getLogger(__name__)
_SIGN_IN_LOST: Final = frozenset(
    {ApiErrorKind.SIGNED_OUT, ApiErrorKind.SIGN_IN_AGAIN, ApiErrorKind.TOKEN_EXPIRED}
)
_POLLING_BLOCKED: Final = frozenset({ApiErrorKind.APP_LAPSED, ApiErrorKind.NOT_LISTED})
_POLLING_BLOCKED_BY_POLL: Final = frozenset({ApiErrorKind.SCOPE_MISSING, ApiErrorKind.FORBIDDEN})


class ConnectionHealth:
    """Remembers how calls ended; for one thread only. All times are Unix time, s."""

    def __init__(self) -> None:
        self._breaker = Breaker()
        self._failure_message = ""  # of the last failure
        self._limit = outcome_for(ApiErrorKind.RATE_LIMITED)  # the last limit, whether it lasts or not
        self._sign_in_lost: Outcome | None = None  # until somebody signs in anew
        self._earlier_sign_in_lost: Outcome | None = None
        self._premium_missing: Outcome | None = None
        self._polling_blocked: Outcome | None = None

    @property
    def failing(self) -> bool:
        """Whether the last call failed for a transient reason."""
        return self._breaker.failures > 0

    @property
    def polling_blocked(self) -> bool:
        """Whether Spotify refuses to say what plays, which will not change soon."""
        return self._polling_blocked is not None

    @property
    def was_limited(self) -> bool:
        """Whether the last answer was a limit; it may have ended."""
        return self._breaker.limited_until_s > 0

    def may_poll(self, now_s: float) -> bool:
        """Whether a call may be sent that nobody asked for."""
        return self._sign_in_lost is None and now_s >= circuit_breaker.next_try_s(self._breaker, now_s)

    def rate_limit(self, now_s: float) -> Outcome | None:
        """Outcome of every call during a rate limit, or while the quota is used up; else None."""
        until_s = circuit_breaker.limited_until(self._breaker, now_s)
        return None if until_s is None else replace(self._limit, until_s=until_s)

    def adopt_limit(self, until_s: float | None, now_s: float, *, quota: bool) -> None:
        """Respect a limit that another program, or an earlier run, was told.

        Parameters
        ----------
        until_s
            Its end; None where there is none.
        now_s
            Now.
        quota
            Whether it is the quota that is used up.
        """
        known_s = circuit_breaker.limited_until(self._breaker, now_s)
        if until_s is not None and (known_s is None or known_s < until_s):
            self._breaker = circuit_breaker.limited(self._breaker, now_s, until_s)
            self._limit = outcome_for(ApiErrorKind.QUOTA_EXCEEDED if quota else ApiErrorKind.RATE_LIMITED)

    def refusal(self, now_s: float, *, needs_premium: bool) -> Outcome | None:
        """Outcome of a command that is known without asking Spotify; None where it must be asked.

        Parameters
        ----------
        now_s
            Now.
        needs_premium
            Whether it controls playback.
        """
        premium = self._premium_missing if needs_premium else None
        refusal = self._sign_in_lost or self.rate_limit(now_s) or premium
        if refusal is None and not circuit_breaker.may_command(self._breaker, now_s):
            return Outcome(OutcomeKind.UNREACHABLE, self._failure_message)
        return refusal

    def reset(self) -> bool:
        """Allow a new try, perhaps after a new sign-in; returns whether the account may be another one."""
        self._earlier_sign_in_lost, self._sign_in_lost = self._sign_in_lost, None
        self._polling_blocked = None
        if self._earlier_sign_in_lost is not None:
            self._premium_missing = None
        return self._earlier_sign_in_lost is not None

    def record_success(self) -> None:
        """A call succeeded."""
        self._breaker = circuit_breaker.answered(self._breaker)
        self._earlier_sign_in_lost = None

    def record_playback(self) -> None:
        """Spotify said what plays."""
        self._polling_blocked = None

    def record_failure(
        self, failure: ApiFailure, *, began_s: float, now_s: float, polling: bool
    ) -> ApiFailure:
        """A call failed; returns the failure, with a more precise outcome where one is known.

        Parameters
        ----------
        failure
            Of the call.
        began_s, now_s
            Start and end of the call.
        polling
            Whether it asked what plays.
        """
        outcome = failure.outcome
        if failure.transient:
            self._breaker = circuit_breaker.failed(
                self._breaker,
                began_s=began_s,
                now_s=now_s,
                reached=failure.reached,
                until_s=outcome.until_s,
            )
            self._failure_message = outcome.message
        elif failure.limit:
            self._breaker = circuit_breaker.limited(self._breaker, now_s, outcome.until_s)
            self._limit = outcome = replace(outcome, until_s=self._breaker.limited_until_s)
            wait_s = self._breaker.limited_until_s - now_s
            _LOG.warning("Spotify is left alone for %.0f s: %s", wait_s, failure.kind)
        else:
            self._breaker = circuit_breaker.answered(self._breaker)
        if failure.kind in _SIGN_IN_LOST:
            if outcome.kind is OutcomeKind.NOT_CONNECTED and self._earlier_sign_in_lost is not None:
                outcome = self._earlier_sign_in_lost  # the token was deleted for that reason
            self._sign_in_lost = outcome
            _LOG.warning("%s", outcome.message)
        elif failure.kind is ApiErrorKind.PREMIUM_REQUIRED:
            self._premium_missing = outcome
            _LOG.warning("%s", outcome.message)
        elif failure.kind in _POLLING_BLOCKED or (polling and failure.kind in _POLLING_BLOCKED_BY_POLL):
            self._polling_blocked = outcome
        return replace(failure, outcome=outcome)

    def connection(self, now_s: float, *, account: str, asked: bool, calls: int) -> PlayerConnection:
        """State of the connection, for people.

        Parameters
        ----------
        now_s
            Now.
        account
            Name of the account; empty where it is unknown.
        asked
            Whether Spotify has been asked at all.
        calls
            Sent in the last 24 hours.
        """
        until_s = None
        if self._sign_in_lost is not None:
            signed_out = self._sign_in_lost.kind is OutcomeKind.NOT_CONNECTED
            state = ConnectionState.DISCONNECTED if signed_out else ConnectionState.SIGN_IN_AGAIN
            message = self._sign_in_lost.message
        elif (limit := self.rate_limit(now_s)) is not None:
            used_up = limit.kind is OutcomeKind.QUOTA_EXCEEDED
            state = ConnectionState.QUOTA_EXCEEDED if used_up else ConnectionState.RATE_LIMITED
            message, until_s = limit.message, limit.until_s
        elif self.failing:
            state, message = ConnectionState.DEGRADED, self._failure_message
        elif self._polling_blocked is not None:
            state, message = ConnectionState.DEGRADED, self._polling_blocked.message
        elif not asked:
            state, message = ConnectionState.DISCONNECTED, Phrase("Spotify is being asked.")
        elif self._premium_missing is not None:
            state, message = ConnectionState.DEGRADED, self._premium_missing.message
        else:
            name = f" as {account}" if account else ""
            state, message = ConnectionState.CONNECTED, f"Connected to Spotify{name}."
        return PlayerConnection(state, message, until_s, account, calls)

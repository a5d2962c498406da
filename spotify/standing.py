"""Owns how we stand with Spotify: what its answers have taught, and what can be said without asking again."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from playback.player import Connection, ConnectionState, Outcome, OutcomeKind
from spotify import breaker
from spotify.answers import Fault, Row, outcome_for
from spotify.breaker import Breaker

__all__ = ["Standing"]

_LOG = logging.getLogger(__name__)
_LATCHING: Final = frozenset({Row.SIGNED_OUT, Row.SIGN_IN_AGAIN, Row.TOKEN_EXPIRED})
_HINDERING: Final = frozenset({Row.APP_LAPSED, Row.NOT_LISTED})
_HINDERING_LOOKS: Final = frozenset({Row.SCOPE_MISSING, Row.FORBIDDEN})


class Standing:
    """What is remembered of the answers; one thread alone may use it. All times are Unix time, s."""

    def __init__(self) -> None:
        self._breaker = Breaker()
        self._why = ""  # of the last failure
        self._latch: Outcome | None = None  # only a new sign-in helps
        self._before: Outcome | None = None
        self._no_premium: Outcome | None = None
        self._hindrance: Outcome | None = None  # Spotify answers, but does not tell what plays

    @property
    def failing(self) -> bool:
        """The last call was not answered properly."""
        return self._breaker.failures > 0

    @property
    def hindered(self) -> bool:
        """Spotify answers, but does not tell what plays, and that will not change soon."""
        return self._hindrance is not None

    @property
    def was_limited(self) -> bool:
        """The last answer was that Spotify wants to be left alone; that may be over."""
        return self._breaker.limited_until_s > 0

    @property
    def signed_in(self) -> bool:
        """As far as is known."""
        return self._latch is None

    def may_look(self, now_s: float) -> bool:
        """Whether we may ask by ourselves."""
        return self._latch is None and now_s >= breaker.next_try_s(self._breaker, now_s)

    def limited(self, now_s: float) -> Outcome | None:
        """What a rate limit answers to everything, while it lasts."""
        until_s = breaker.limited_until(self._breaker, now_s)
        return None if until_s is None else Outcome(OutcomeKind.RATE_LIMITED, self._why, until_s)

    def heed(self, until_s: float | None, now_s: float) -> None:
        """Wait, too, where another program was told to, or this one before it was started again."""
        known_s = breaker.limited_until(self._breaker, now_s)
        if until_s is not None and (known_s is None or known_s < until_s):
            self._breaker = breaker.limited(self._breaker, now_s, until_s)
            self._why = outcome_for(Row.RATE_LIMITED).message

    def refused(self, now_s: float, *, player: bool) -> Outcome | None:
        """What can be said to a command without asking Spotify.

        Parameters
        ----------
        now_s
            Now.
        player
            It is one to the player, which needs Premium.
        """
        refusal = self._latch or self.limited(now_s) or (self._no_premium if player else None)
        if refusal is None and not breaker.may_command(self._breaker, now_s):
            return Outcome(OutcomeKind.UNREACHABLE, self._why)
        return refusal

    def begin_anew(self) -> bool:
        """Somebody wants a new try, perhaps after a new sign-in; tells whether it may be another account."""
        self._before, self._latch, self._hindrance = self._latch, None, None
        if self._before is not None:
            self._no_premium = None
        return self._before is not None

    def answered(self) -> None:
        """A call was answered properly."""
        self._breaker = breaker.answered(self._breaker)
        self._before = None

    def told(self) -> None:
        """Spotify tells what plays."""
        self._hindrance = None

    def take_note(self, fault: Fault, *, began_s: float, now_s: float, looked: bool) -> Outcome:
        """Learn from a fault.

        Parameters
        ----------
        fault
            Of a call.
        began_s, now_s
            When that began and ended.
        looked
            It asked what plays.

        Returns
        -------
        outcome
            The fault's, with what is known better here.
        """
        outcome = fault.outcome
        if fault.passing:
            self._breaker = breaker.failed(self._breaker, began_s=began_s, now_s=now_s, reached=fault.reached)
            self._why = outcome.message
        elif fault.row is Row.RATE_LIMITED:
            self._breaker = breaker.limited(self._breaker, now_s, outcome.until_s)
            self._why = outcome.message
            outcome = replace(outcome, until_s=self._breaker.limited_until_s)
            _LOG.warning("Spotify limits the rate for %.0f s", self._breaker.limited_until_s - now_s)
        else:
            self._breaker = breaker.answered(self._breaker)
        if fault.row in _LATCHING:
            outcome = self._lost(outcome)
        elif fault.row is Row.PREMIUM_REQUIRED:
            self._no_premium = outcome
            _LOG.warning("%s", outcome.message)
        elif fault.row in _HINDERING or (looked and fault.row in _HINDERING_LOOKS):
            self._hindrance = outcome
        return outcome

    def _lost(self, outcome: Outcome) -> Outcome:
        """Nobody is signed in: where we forgot the sign-in ourselves, it is still the user's turn."""
        forgotten = self._before is not None and outcome.kind is OutcomeKind.NOT_CONNECTED
        self._latch = self._before if forgotten and self._before is not None else outcome
        _LOG.warning("%s", self._latch.message)
        return self._latch

    def connection(self, now_s: float, *, account: str, asked: bool, calls: int) -> Connection:
        """The same for people.

        Parameters
        ----------
        now_s
            Now.
        account
            Whose it is; empty where that is not known.
        asked
            Spotify has been asked at all.
        calls
            Today's.
        """
        until_s = None
        if self._latch is not None:
            lost = self._latch.kind is OutcomeKind.NOT_CONNECTED
            state = ConnectionState.DISCONNECTED if lost else ConnectionState.SIGN_IN_AGAIN
            message = self._latch.message
        elif (limit := self.limited(now_s)) is not None:
            state, message, until_s = ConnectionState.RATE_LIMITED, limit.message, limit.until_s
        elif self.failing:
            state, message = ConnectionState.DEGRADED, self._why
        elif self._hindrance is not None:
            state, message = ConnectionState.DEGRADED, self._hindrance.message
        elif not asked:
            state, message = ConnectionState.DISCONNECTED, "Spotify is being asked."
        elif self._no_premium is not None:
            state, message = ConnectionState.DEGRADED, self._no_premium.message
        else:
            whose = f" as {account}" if account else ""
            state, message = ConnectionState.CONNECTED, f"Connected to Spotify{whose}."
        return Connection(state, message, until_s, account, calls)

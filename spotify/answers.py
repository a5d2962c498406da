"""Owns the error contract: what spotipy or requests raise, as a typed fault with one sentence. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from math import ceil
from typing import Final

from core.redaction import redact
from playback.player import Outcome, OutcomeKind
from spotify.breaker import MOST_WAIT_S
from spotify.errors import (
    SignedOutError,
    SignInAgainError,
    SpotifyError,
    SpotifyLimitedError,
    SpotifyUnreachableError,
)

__all__ = ["CallError", "Fault", "Row", "fault_of", "outcome_for"]

_SHOWN: Final = 120


class Row(StrEnum):
    """What an answer means: a row of the error contract, finer where it matters what to do."""

    SIGNED_OUT = "signed out"
    SIGN_IN_AGAIN = "sign in again"
    TOKEN_EXPIRED = "token expired"  # noqa: S105 - no token
    PREMIUM_REQUIRED = "premium required"
    APP_LAPSED = "app lapsed"
    RESTRICTED = "restricted"
    """It is so already, or an advert plays."""
    NOT_LISTED = "not on the app's list"
    SCOPE_MISSING = "scope missing"
    VOLUME_FIXED = "volume fixed"
    DEVICE_CLOSED = "device takes no commands"
    FORBIDDEN = "forbidden"
    NO_ACTIVE_DEVICE = "no active device"
    DEVICE_GONE = "device gone"
    NOT_FOUND = "not found"
    RATE_LIMITED = "rate limited"
    NO_CONNECTION = "no connection"
    NO_ANSWER = "no answer"
    TROUBLE = "trouble of Spotify's own"
    UNREADABLE = "unreadable"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a call of the Web API did not do what it was to do.

    Parameters
    ----------
    row
        What it means.
    outcome
        The same for people.
    reached
        The request may have reached Spotify, so it counts.
    doubtful
        It may have been carried out all the same.
    """

    row: Row
    outcome: Outcome
    reached: bool = True
    doubtful: bool = False

    @property
    def passing(self) -> bool:
        """Whether it may be over in a moment."""
        return self.row in (Row.NO_CONNECTION, Row.NO_ANSWER, Row.TROUBLE, Row.UNREADABLE)


class CallError(SpotifyError):
    """A call of the Web API failed; `fault` says how, and the message is its sentence."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.outcome.message)
        self.fault = fault


_SENTENCES: Final[Mapping[Row, tuple[OutcomeKind, str]]] = {
    Row.TOKEN_EXPIRED: (
        OutcomeKind.SIGN_IN_AGAIN,
        "Spotify does not accept this sign-in, though it was renewed just now: sign in again.",
    ),
    Row.PREMIUM_REQUIRED: (
        OutcomeKind.PREMIUM_REQUIRED,
        "Spotify lets only Premium accounts be controlled by other programs: get Premium and start again, or "
        "choose another player.",
    ),
    Row.APP_LAPSED: (
        OutcomeKind.APP_LAPSED,
        "Spotify has switched off your app because its owner's Premium has ended: renew it, and give Spotify "
        "a few hours.",
    ),
    Row.RESTRICTED: (
        OutcomeKind.FAILED,
        "Spotify does not allow that just now (perhaps an advert plays): try again in a moment.",
    ),
    Row.NOT_LISTED: (
        OutcomeKind.FORBIDDEN,
        "This account is not on the list of your app's users: add it under User Management on "
        "developer.spotify.com/dashboard.",
    ),
    Row.SCOPE_MISSING: (
        OutcomeKind.FORBIDDEN,
        "The sign-in to Spotify does not allow this: sign in again, and agree to everything that is asked.",
    ),
    Row.VOLUME_FIXED: (
        OutcomeKind.FORBIDDEN,
        "The volume of this device can be set on the device alone: set it there.",
    ),
    Row.DEVICE_CLOSED: (
        OutcomeKind.FORBIDDEN,
        "This device takes no commands from other programs: choose another device.",
    ),
    Row.NO_ACTIVE_DEVICE: (
        OutcomeKind.NO_DEVICE,
        "Spotify is open nowhere: open Spotify on a device, and try again.",
    ),
    Row.DEVICE_GONE: (
        OutcomeKind.NO_DEVICE,
        "The device does not answer: open Spotify on it, or choose another one.",
    ),
    Row.NOT_FOUND: (
        OutcomeKind.GONE,
        "Spotify has nothing at this address any more: list the playlists anew, and choose another one.",
    ),
    Row.RATE_LIMITED: (
        OutcomeKind.RATE_LIMITED,
        "Spotify was asked too often and wants to be left alone for a while: it goes on by itself.",
    ),
    Row.NO_CONNECTION: (
        OutcomeKind.UNREACHABLE,
        "Spotify cannot be reached: look whether this machine is online.",
    ),
    Row.NO_ANSWER: (
        OutcomeKind.UNREACHABLE,
        "Spotify did not answer in time: try again in a moment.",
    ),
    Row.UNREADABLE: (
        OutcomeKind.UNREACHABLE,
        "Spotify's answer cannot be read: try again in a moment.",
    ),
}
# The first that fits decides; Spotify gives a reason for few of them.
_REFUSALS: Final = (
    (Row.PREMIUM_REQUIRED, "PREMIUM_REQUIRED", ()),
    (Row.APP_LAPSED, "", ("owner of the app",)),
    (Row.NOT_LISTED, "", ("not be registered", "not registered")),
    (Row.SCOPE_MISSING, "", ("scope",)),
    (Row.VOLUME_FIXED, "VOLUME_CONTROL_DISALLOW", ("control device volume",)),
    (Row.DEVICE_CLOSED, "DEVICE_NOT_CONTROLLABLE", ("restricted device",)),
    (Row.RESTRICTED, "", ("restriction violated",)),
    (Row.PREMIUM_REQUIRED, "", ("premium required",)),
)
_INSECURE: Final = (
    "There is no secure connection to Spotify: look at this machine's clock, and at what stands between it "
    "and the network."
)


def outcome_for(row: Row) -> Outcome:
    """How a command ends of which we know by ourselves what Spotify would say.

    Raises
    ------
    KeyError
        Its sentence depends on what Spotify says.
    """
    return Outcome(*_SENTENCES[row])


def fault_of(error: BaseException, now_s: float) -> Fault:
    """Tell what an exception of a call means.

    Parameters
    ----------
    error
        What spotipy, requests or the credentials raised.
    now_s
        Unix time, from which a wait that Spotify asks for is reckoned.

    Returns
    -------
    fault
        Its sentence holds nothing secret. What nobody could foresee is `Row.UNREADABLE`.
    """
    if isinstance(error, CallError):
        return error.fault
    if isinstance(error, SpotifyError):
        return _ours(error, now_s)
    import spotipy  # noqa: PLC0415 - it takes its time

    return _answered(error, now_s) if isinstance(error, spotipy.SpotifyException) else _unanswered(error)


def _ours(error: SpotifyError, now_s: float) -> Fault:
    """The credentials have none to show, or something else than Spotify answered: nothing was asked."""
    said = str(error)
    match error:
        case SignedOutError():
            row, outcome = Row.SIGNED_OUT, Outcome(OutcomeKind.NOT_CONNECTED, said)
        case SignInAgainError():
            row, outcome = Row.SIGN_IN_AGAIN, Outcome(OutcomeKind.SIGN_IN_AGAIN, said)
        case SpotifyLimitedError():
            until_s = None if error.wait_s is None else now_s + _bounded(error.wait_s)
            row, outcome = Row.RATE_LIMITED, Outcome(OutcomeKind.RATE_LIMITED, said, until_s)
        case SpotifyUnreachableError():
            row, outcome = Row.NO_CONNECTION, Outcome(OutcomeKind.UNREACHABLE, said)
        case _:
            row, outcome = Row.REFUSED, Outcome(OutcomeKind.FAILED, said)
    return Fault(row, outcome, reached=False)


def _unanswered(error: BaseException) -> Fault:
    from requests import exceptions  # noqa: PLC0415 - it takes its time

    match error:
        case exceptions.SSLError():
            return Fault(Row.NO_CONNECTION, Outcome(OutcomeKind.UNREACHABLE, _INSECURE), reached=False)
        case exceptions.ConnectTimeout() | exceptions.ProxyError():
            return _fault(Row.NO_CONNECTION, reached=False)
        case exceptions.ConnectionError() if _never_sent(error):
            return _fault(Row.NO_CONNECTION, reached=False)
        case exceptions.Timeout() | exceptions.ConnectionError() | exceptions.ChunkedEncodingError():
            return _fault(Row.NO_ANSWER, doubtful=True)
        case _:
            return _fault(Row.UNREADABLE, doubtful=True)


def _never_sent(error: BaseException) -> bool:
    from urllib3.exceptions import NewConnectionError  # noqa: PLC0415 - it takes its time

    inner = error.args[0] if error.args else None
    return isinstance(getattr(inner, "reason", inner), NewConnectionError)


def _answered(error: BaseException, now_s: float) -> Fault:
    status = int(getattr(error, "http_status", 0) or 0)
    message = str(getattr(error, "msg", "") or "").rpartition(":\n ")[2]
    reason = str(getattr(error, "reason", "") or "")
    headers: Mapping[str, str] = getattr(error, "headers", None) or {}
    if status == 401:
        return _fault(Row.TOKEN_EXPIRED)
    if status == 403:
        return _forbidden(message, reason)
    if status == 404:
        return _fault(_not_found(message, reason))
    if status == 429:
        return _limited(headers, now_s)
    if status >= 500 or status == 408:
        said = f"Spotify has trouble of its own (status {status}): try again in a moment."
        return Fault(Row.TROUBLE, Outcome(OutcomeKind.UNREACHABLE, said), doubtful=True)
    said = f"Spotify refuses this ({_shown(status, message)}): try something else."
    return Fault(Row.REFUSED, Outcome(OutcomeKind.FAILED, said))


def _forbidden(message: str, reason: str) -> Fault:
    words = message.lower()
    for row, its_reason, its_words in _REFUSALS:
        if (its_reason and reason == its_reason) or any(some in words for some in its_words):
            return _fault(row)
    said = (
        f"Spotify forbids this ({_shown(403, message)}): the playlist may belong to somebody else, or "
        "Spotify has removed what was asked for."
    )
    return Fault(Row.FORBIDDEN, Outcome(OutcomeKind.FORBIDDEN, said))


def _not_found(message: str, reason: str) -> Row:
    words = message.lower()
    if reason == "NO_ACTIVE_DEVICE" or "no active device" in words:
        return Row.NO_ACTIVE_DEVICE
    return Row.DEVICE_GONE if "device" in words else Row.NOT_FOUND


def _limited(headers: Mapping[str, str], now_s: float) -> Fault:
    wait_s = _wait_s(headers.get("Retry-After") or headers.get("retry-after") or "", now_s)
    kind, sentence = _SENTENCES[Row.RATE_LIMITED]
    return Fault(Row.RATE_LIMITED, Outcome(kind, sentence, None if wait_s is None else now_s + wait_s))


def _wait_s(text: str, now_s: float) -> float | None:
    """The wait of a Retry-After header, which holds seconds or a date."""
    if re.fullmatch(r"\s*\d{1,9}(\.\d+)?\s*", text):
        return _bounded(float(text))
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return _bounded(date.replace(tzinfo=date.tzinfo or UTC).timestamp() - now_s)


def _bounded(wait_s: float) -> float:
    return float(min(MOST_WAIT_S, max(1, ceil(wait_s))))


def _shown(status: int, message: str) -> str:
    words = " ".join(redact(message).split())[:_SHOWN].rstrip(".")
    return f"{status}: {words}" if words and words != "None" else f"status {status}"


def _fault(row: Row, *, reached: bool = True, doubtful: bool = False) -> Fault:
    return Fault(row, outcome_for(row), reached, doubtful)

"""Error contract: what spotipy and requests raise, as typed failures with one sentence each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from core.redaction import redact
from core.text import printable
from playback.player import Outcome, OutcomeKind
from spotify.errors import (
    SignedOutError,
    SignInAgainError,
    SpotifyError,
    SpotifyLimitedError,
    SpotifyUnreachableError,
)
from spotify.retry_after import bounded_wait_s, parse_retry_after

TAKES_NO_COMMANDS: Final = (
    "Spotify is open on {device}, which takes no commands from apps: open it on another device, too."
)
_MAX_QUOTED: Final = 120
_LEAST_QUOTA_WAIT_S: Final = 60.0
_UNSAID_QUOTA_WAIT_S: Final = 3600.0
_MOST_TROUBLE_WAIT_S: Final = 300.0


class ApiErrorKind(StrEnum):
    """Kinds of failures, as fine as what to do about them differs."""

    SIGNED_OUT = "signed out"
    SIGN_IN_AGAIN = "sign in again"
    TOKEN_EXPIRED = "token expired"  # noqa: S105 - no token
    PREMIUM_REQUIRED = "premium required"
    APP_LAPSED = "app lapsed"
    RESTRICTED = "restricted"  # the state is as wanted already, or an advert plays
    NOT_LISTED = "not on the app's list"
    SCOPE_MISSING = "scope missing"
    VOLUME_FIXED = "volume fixed"
    DEVICE_NOT_CONTROLLABLE = "device not controllable"
    FORBIDDEN = "forbidden"
    NO_ACTIVE_DEVICE = "no active device"
    DEVICE_GONE = "device gone"
    NOT_FOUND = "not found"
    RATE_LIMITED = "rate limited"  # too many calls within half a minute
    QUOTA_EXCEEDED = "quota exceeded"  # too many calls of all apps of the developer account within 24 hours
    NO_CONNECTION = "no connection"
    NO_ANSWER = "no answer"
    SERVER_ERROR = "server error"
    UNREADABLE = "unreadable"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ApiFailure:
    """Why a call of the Web API failed."""

    kind: ApiErrorKind  # for programs
    outcome: Outcome  # for people
    reached: bool = True  # whether the request may have reached Spotify, so that it counts
    uncertain: bool = False  # whether the command may have been carried out nevertheless

    @property
    def limit(self) -> bool:
        """Whether Spotify was asked too often, so that nothing may be asked for a while."""
        return self.kind in (ApiErrorKind.RATE_LIMITED, ApiErrorKind.QUOTA_EXCEEDED)

    @property
    def transient(self) -> bool:
        """Whether it may end by itself in a moment."""
        return self.kind in (
            ApiErrorKind.NO_CONNECTION,
            ApiErrorKind.NO_ANSWER,
            ApiErrorKind.SERVER_ERROR,
            ApiErrorKind.UNREADABLE,
        )


class OutcomeError(SpotifyError):
    """A command ended early.

    Parameters
    ----------
    outcome
        Of the command.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


class CallError(OutcomeError):
    """A call of the Web API failed.

    Parameters
    ----------
    failure
        Why.
    """

    def __init__(self, failure: ApiFailure) -> None:
        super().__init__(failure.outcome)
        self.failure = failure


_SENTENCES: Final[Mapping[ApiErrorKind, tuple[OutcomeKind, str]]] = {
    ApiErrorKind.TOKEN_EXPIRED: (
        OutcomeKind.SIGN_IN_AGAIN,
        "Spotify does not accept this sign-in, though it was renewed just now: sign in again.",
    ),
    ApiErrorKind.PREMIUM_REQUIRED: (
        OutcomeKind.PREMIUM_REQUIRED,
        "Spotify lets only Premium accounts be controlled by other programs: get Premium and start again, or "
        "choose another player.",
    ),
    ApiErrorKind.APP_LAPSED: (
        OutcomeKind.APP_LAPSED,
        "Spotify has switched off your app because its owner's Premium has ended: renew it, and give Spotify "
        "a few hours.",
    ),
    ApiErrorKind.RESTRICTED: (
        OutcomeKind.FAILED,
        "Spotify does not allow that just now (perhaps an advert plays): try again in a moment.",
    ),
    ApiErrorKind.NOT_LISTED: (
        OutcomeKind.FORBIDDEN,
        "This account is not on the list of your app's users: add it under User Management on "
        "developer.spotify.com/dashboard.",
    ),
    ApiErrorKind.SCOPE_MISSING: (
        OutcomeKind.FORBIDDEN,
        "The sign-in to Spotify does not allow this: sign in again, and agree to everything that is asked.",
    ),
    ApiErrorKind.VOLUME_FIXED: (
        OutcomeKind.FORBIDDEN,
        "The volume of this device can be set on the device alone: set it there.",
    ),
    ApiErrorKind.DEVICE_NOT_CONTROLLABLE: (
        OutcomeKind.FORBIDDEN,
        "This device takes no commands from other programs: choose another device.",
    ),
    ApiErrorKind.NO_ACTIVE_DEVICE: (
        OutcomeKind.NO_DEVICE,
        "Spotify is open nowhere: open Spotify on a device, and try again.",
    ),
    ApiErrorKind.DEVICE_GONE: (
        OutcomeKind.NO_DEVICE,
        "The device does not answer: open Spotify on it, or choose another one.",
    ),
    ApiErrorKind.NOT_FOUND: (
        OutcomeKind.GONE,
        "Spotify has nothing at this address any more: list the playlists anew, and choose another one.",
    ),
    ApiErrorKind.RATE_LIMITED: (
        OutcomeKind.RATE_LIMITED,
        "Spotify was asked too often and wants to be left alone for a while: it goes on by itself.",
    ),
    ApiErrorKind.QUOTA_EXCEEDED: (
        OutcomeKind.QUOTA_EXCEEDED,
        "Spotify's quota for 24 hours is used up, which all apps of your developer account share: it goes on "
        "by itself.",
    ),
    ApiErrorKind.NO_CONNECTION: (
        OutcomeKind.UNREACHABLE,
        "Spotify cannot be reached: look whether this machine is online.",
    ),
    ApiErrorKind.NO_ANSWER: (
        OutcomeKind.UNREACHABLE,
        "Spotify did not answer in time: try again in a moment.",
    ),
    ApiErrorKind.UNREADABLE: (
        OutcomeKind.UNREACHABLE,
        "Spotify's answer cannot be read: try again in a moment.",
    ),
}
SENTENCES: Final = tuple(sentence for _, sentence in _SENTENCES.values())
"""What is said of failures, where Spotify's answer does not change it."""

_SO_ALREADY: Final = ("ALREADY_PAUSED", "NOT_PAUSED", "ALREADY_PLAYING")
_NOT_NOW: Final = (
    "NO_NEXT_TRACK",
    "ENDLESS_CONTEXT",
    "CONTEXT_DISALLOW",
    "NOT_PLAYING_CONTEXT",
    "NOT_PLAYING_TRACK",
)
_NOT_FROM_HERE: Final = ("DEVICE_NOT_CONTROLLABLE", "REMOTE_CONTROL_DISALLOW", "NOT_PLAYING_LOCALLY")
# Kind, Spotify's reasons, and words of its message; the first match decides. Few refusals have a reason.
_REFUSALS: Final[tuple[tuple[ApiErrorKind, tuple[str, ...], tuple[str, ...]], ...]] = (
    (ApiErrorKind.PREMIUM_REQUIRED, ("PREMIUM_REQUIRED",), ()),
    (ApiErrorKind.NO_ACTIVE_DEVICE, ("NO_ACTIVE_DEVICE",), ("no active device",)),
    (ApiErrorKind.APP_LAPSED, (), ("owner of the app",)),
    (ApiErrorKind.NOT_LISTED, (), ("not be registered", "not registered")),
    (ApiErrorKind.SCOPE_MISSING, (), ("scope",)),
    (ApiErrorKind.VOLUME_FIXED, ("VOLUME_CONTROL_DISALLOW",), ("control device volume",)),
    (ApiErrorKind.DEVICE_NOT_CONTROLLABLE, _NOT_FROM_HERE, ("restricted device",)),
    (ApiErrorKind.RESTRICTED, (*_SO_ALREADY, *_NOT_NOW), ("restriction violated",)),
    (ApiErrorKind.PREMIUM_REQUIRED, (), ("premium required",)),
)
_INSECURE: Final = (
    "There is no secure connection to Spotify: look at this machine's clock, and at what stands between it "
    "and the network."
)


def outcome_for(kind: ApiErrorKind) -> Outcome:
    """Outcome of a kind of failure whose sentence does not depend on Spotify's answer.

    Parameters
    ----------
    kind
        One of those.
    """
    return Outcome(*_SENTENCES[kind])


def takes_no_commands(device: str) -> str:
    """Sentence on a device that is restricted, by its name."""
    return TAKES_NO_COMMANDS.format(device=device)


def failure_of(error: BaseException, now_s: float) -> ApiFailure:
    """Classify an exception of a call, an unexpected one as `UNREADABLE`; its sentence holds no secrets.

    Parameters
    ----------
    error
        Raised by spotipy, requests or the credentials.
    now_s
        Unix time, to which a Retry-After header is relative.
    """
    if isinstance(error, CallError):
        return error.failure
    if isinstance(error, SpotifyError):
        return _own_failure(error, now_s)
    import spotipy  # noqa: PLC0415 - it takes its time

    return _refused(error, now_s) if isinstance(error, spotipy.SpotifyException) else _without_answer(error)


def _own_failure(error: SpotifyError, now_s: float) -> ApiFailure:
    """Failure of the sign-in, or of a network that is not Spotify's: nothing was sent."""
    message = str(error)
    match error:
        case SignedOutError():
            kind, outcome = ApiErrorKind.SIGNED_OUT, Outcome(OutcomeKind.NOT_CONNECTED, message)
        case SignInAgainError():
            kind, outcome = ApiErrorKind.SIGN_IN_AGAIN, Outcome(OutcomeKind.SIGN_IN_AGAIN, message)
        case SpotifyLimitedError():
            until_s = None if error.wait_s is None else now_s + bounded_wait_s(error.wait_s)
            kind, outcome = ApiErrorKind.RATE_LIMITED, Outcome(OutcomeKind.RATE_LIMITED, message, until_s)
        case SpotifyUnreachableError():
            kind, outcome = ApiErrorKind.NO_CONNECTION, Outcome(OutcomeKind.UNREACHABLE, message)
        case _:
            kind, outcome = ApiErrorKind.REFUSED, Outcome(OutcomeKind.FAILED, message)
    return ApiFailure(kind, outcome, reached=False)


def _without_answer(error: BaseException) -> ApiFailure:
    from requests import exceptions  # noqa: PLC0415 - it takes its time

    match error:
        case exceptions.SSLError():
            return ApiFailure(
                ApiErrorKind.NO_CONNECTION, Outcome(OutcomeKind.UNREACHABLE, _INSECURE), reached=False
            )
        case exceptions.ConnectTimeout() | exceptions.ProxyError():
            return _failure(ApiErrorKind.NO_CONNECTION, reached=False)
        case exceptions.ConnectionError() if _never_sent(error):
            return _failure(ApiErrorKind.NO_CONNECTION, reached=False)
        case exceptions.Timeout() | exceptions.ConnectionError() | exceptions.ChunkedEncodingError():
            return _failure(ApiErrorKind.NO_ANSWER, uncertain=True)
        case _:
            return _failure(ApiErrorKind.UNREADABLE, uncertain=True)


def _never_sent(error: BaseException) -> bool:
    from urllib3.exceptions import NewConnectionError  # noqa: PLC0415 - it takes its time

    inner = error.args[0] if error.args else None
    return isinstance(getattr(inner, "reason", inner), NewConnectionError)


def _refused(error: BaseException, now_s: float) -> ApiFailure:
    status = int(getattr(error, "http_status", 0) or 0)
    message = str(getattr(error, "msg", "") or "").rpartition(":\n ")[2]
    reason = str(getattr(error, "reason", "") or "")
    headers: Mapping[str, str] = getattr(error, "headers", None) or {}
    wait_s = parse_retry_after(headers.get("Retry-After") or headers.get("retry-after") or "", now_s)
    if status == 401:
        return _failure(ApiErrorKind.TOKEN_EXPIRED)
    if status == 403:
        return _forbidden(message, reason)
    if status == 404:
        return _failure(_not_found(message, reason))
    if status == 429:
        return _limited(message, reason, wait_s, now_s)
    if status >= 500 or status == 408:
        sentence = f"Spotify has trouble of its own (status {status}): try again in a moment."
        until_s = None if wait_s is None else now_s + min(_MOST_TROUBLE_WAIT_S, wait_s)
        outcome = Outcome(OutcomeKind.UNREACHABLE, sentence, until_s)
        return ApiFailure(ApiErrorKind.SERVER_ERROR, outcome, uncertain=True)
    sentence = f"Spotify refuses this ({_quoted(status, message)}): try something else."
    return ApiFailure(ApiErrorKind.REFUSED, Outcome(OutcomeKind.FAILED, sentence))


def _forbidden(message: str, reason: str) -> ApiFailure:
    words = message.lower()
    for kind, known_reasons, known_words in _REFUSALS:
        if reason in known_reasons or any(known in words for known in known_words):
            return _failure(kind)
    sentence = (
        f"Spotify forbids this ({_quoted(403, message)}): the playlist may belong to somebody else, or "
        "Spotify has removed what was asked for."
    )
    return ApiFailure(ApiErrorKind.FORBIDDEN, Outcome(OutcomeKind.FORBIDDEN, sentence))


def _not_found(message: str, reason: str) -> ApiErrorKind:
    words = message.lower()
    if reason == "NO_ACTIVE_DEVICE" or "no active device" in words:
        return ApiErrorKind.NO_ACTIVE_DEVICE
    return ApiErrorKind.DEVICE_GONE if "device" in words else ApiErrorKind.NOT_FOUND


def _limited(message: str, reason: str, wait_s: float | None, now_s: float) -> ApiFailure:
    """Failure by a limit: of calls within half a minute, or of the quota, which comes back slowly."""
    if "quota" not in f"{reason} {message}".lower():  # the reason may be missing
        kind = ApiErrorKind.RATE_LIMITED
    else:
        kind = ApiErrorKind.QUOTA_EXCEEDED
        wait_s = max(_LEAST_QUOTA_WAIT_S, _UNSAID_QUOTA_WAIT_S if wait_s is None else wait_s)
    until_s = None if wait_s is None else now_s + wait_s
    return ApiFailure(kind, replace(outcome_for(kind), until_s=until_s))


def _quoted(status: int, message: str) -> str:
    words = printable(" ".join(redact(message).split())[:_MAX_QUOTED]).rstrip(".")
    return f"{status}: {words}" if words and words != "None" else f"status {status}"


def _failure(kind: ApiErrorKind, *, reached: bool = True, uncertain: bool = False) -> ApiFailure:
    return ApiFailure(kind, outcome_for(kind), reached, uncertain)

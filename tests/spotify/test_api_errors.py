"""The error contract: every kind of failure, as spotipy and requests raise them."""

from __future__ import annotations

from email.utils import format_datetime

import pytest
import requests
import spotipy
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from playback.player import OutcomeKind
from spotify import token_exchange
from spotify.api_errors import ApiErrorKind, CallError, failure_of, outcome_for
from spotify.errors import (
    SignedOutError,
    SignInAgainError,
    SpotifyError,
    SpotifyLimitedError,
    SpotifyUnreachableError,
)
from spotify.retry_after import parse_retry_after
from tests.fake_spotify.faults import NOT_REGISTERED, OWNER_WITHOUT_PREMIUM

NOW_S = 1_795_000_000.0


def answer(
    status: int, message: str | None = "", reason: str | None = None, headers: dict[str, str] | None = None
) -> spotipy.SpotifyException:
    url = "https://api.spotify.com/v1/me/player/play"
    return spotipy.SpotifyException(status, -1, f"{url}:\n {message}", reason=reason, headers=headers)


def never_sent() -> requests.ConnectionError:
    return requests.ConnectionError(MaxRetryError(None, "/", NewConnectionError(None, "refused")))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "kind", "outcome_kind"),
    [
        (answer(401, "The access token expired"), ApiErrorKind.TOKEN_EXPIRED, OutcomeKind.SIGN_IN_AGAIN),
        (SignInAgainError("Six months are over."), ApiErrorKind.SIGN_IN_AGAIN, OutcomeKind.SIGN_IN_AGAIN),
        (SignedOutError("Nobody is signed in."), ApiErrorKind.SIGNED_OUT, OutcomeKind.NOT_CONNECTED),
        (
            answer(403, "Player command failed: Premium required", "PREMIUM_REQUIRED"),
            ApiErrorKind.PREMIUM_REQUIRED,
            OutcomeKind.PREMIUM_REQUIRED,
        ),
        (answer(403, "Premium required"), ApiErrorKind.PREMIUM_REQUIRED, OutcomeKind.PREMIUM_REQUIRED),
        (answer(403, OWNER_WITHOUT_PREMIUM), ApiErrorKind.APP_LAPSED, OutcomeKind.APP_LAPSED),
        (
            answer(403, "Player command failed: Restriction violated", "UNKNOWN"),
            ApiErrorKind.RESTRICTED,
            OutcomeKind.FAILED,
        ),
        (answer(403, NOT_REGISTERED), ApiErrorKind.NOT_LISTED, OutcomeKind.FORBIDDEN),
        (answer(403, "Insufficient client scope"), ApiErrorKind.SCOPE_MISSING, OutcomeKind.FORBIDDEN),
        (
            answer(403, "Player command failed: Cannot control device volume", "VOLUME_CONTROL_DISALLOW"),
            ApiErrorKind.VOLUME_FIXED,
            OutcomeKind.FORBIDDEN,
        ),
        (
            answer(403, "Player command failed: Restricted device", "UNKNOWN"),
            ApiErrorKind.DEVICE_NOT_CONTROLLABLE,
            OutcomeKind.FORBIDDEN,
        ),
        *(
            (answer(403, "Player command failed", reason), kind, outcome_kind)
            for reason, kind, outcome_kind in (
                ("REMOTE_CONTROL_DISALLOW", ApiErrorKind.DEVICE_NOT_CONTROLLABLE, OutcomeKind.FORBIDDEN),
                ("DEVICE_NOT_CONTROLLABLE", ApiErrorKind.DEVICE_NOT_CONTROLLABLE, OutcomeKind.FORBIDDEN),
                ("NO_ACTIVE_DEVICE", ApiErrorKind.NO_ACTIVE_DEVICE, OutcomeKind.NO_DEVICE),
                ("ALREADY_PAUSED", ApiErrorKind.RESTRICTED, OutcomeKind.FAILED),
                ("NO_NEXT_TRACK", ApiErrorKind.RESTRICTED, OutcomeKind.FAILED),
                ("PLAYER_COMMAND_FAILED", ApiErrorKind.FORBIDDEN, OutcomeKind.FORBIDDEN),
                ("UNKNOWN", ApiErrorKind.FORBIDDEN, OutcomeKind.FORBIDDEN),
            )
        ),
        (answer(403, "Forbidden"), ApiErrorKind.FORBIDDEN, OutcomeKind.FORBIDDEN),
        (
            answer(404, "Player command failed: No active device found", "NO_ACTIVE_DEVICE"),
            ApiErrorKind.NO_ACTIVE_DEVICE,
            OutcomeKind.NO_DEVICE,
        ),
        (answer(404, "Device not found"), ApiErrorKind.DEVICE_GONE, OutcomeKind.NO_DEVICE),
        (answer(404, "Not found."), ApiErrorKind.NOT_FOUND, OutcomeKind.GONE),
        (answer(404, None), ApiErrorKind.NOT_FOUND, OutcomeKind.GONE),
        (
            answer(429, "API rate limit exceeded", headers={"Retry-After": "30"}),
            ApiErrorKind.RATE_LIMITED,
            OutcomeKind.RATE_LIMITED,
        ),
        (SpotifyLimitedError("Too often.", wait_s=9.0), ApiErrorKind.RATE_LIMITED, OutcomeKind.RATE_LIMITED),
        (answer(503, "Service unavailable"), ApiErrorKind.SERVER_ERROR, OutcomeKind.UNREACHABLE),
        (answer(500, None), ApiErrorKind.SERVER_ERROR, OutcomeKind.UNREACHABLE),
        (requests.ReadTimeout(), ApiErrorKind.NO_ANSWER, OutcomeKind.UNREACHABLE),
        (requests.exceptions.ChunkedEncodingError(), ApiErrorKind.NO_ANSWER, OutcomeKind.UNREACHABLE),
        (
            requests.ConnectionError(ProtocolError("aborted", OSError())),
            ApiErrorKind.NO_ANSWER,
            OutcomeKind.UNREACHABLE,
        ),
        (requests.ConnectTimeout(), ApiErrorKind.NO_CONNECTION, OutcomeKind.UNREACHABLE),
        (requests.exceptions.ProxyError(), ApiErrorKind.NO_CONNECTION, OutcomeKind.UNREACHABLE),
        (requests.exceptions.SSLError(), ApiErrorKind.NO_CONNECTION, OutcomeKind.UNREACHABLE),
        (never_sent(), ApiErrorKind.NO_CONNECTION, OutcomeKind.UNREACHABLE),
        (SpotifyUnreachableError("No answer in time."), ApiErrorKind.NO_CONNECTION, OutcomeKind.UNREACHABLE),
        (ValueError("nonsense"), ApiErrorKind.UNREADABLE, OutcomeKind.UNREACHABLE),
        (answer(400, "Invalid context uri"), ApiErrorKind.REFUSED, OutcomeKind.FAILED),
        (SpotifyError("Something else."), ApiErrorKind.REFUSED, OutcomeKind.FAILED),
    ],
)
def test_each_answer_has_its_kind_its_outcome_and_one_sentence(
    error: Exception, kind: ApiErrorKind, outcome_kind: OutcomeKind
) -> None:
    failure = failure_of(error, NOW_S)
    assert (failure.kind, failure.outcome.kind) == (kind, outcome_kind)
    assert not failure.outcome.ok
    assert failure.outcome.message.endswith(".")
    assert "\n" not in failure.outcome.message
    assert str(CallError(failure)) == failure.outcome.message
    assert failure_of(CallError(failure), NOW_S) is failure


def test_what_was_never_sent_does_not_count_and_is_not_in_doubt() -> None:
    for error in (never_sent(), requests.ConnectTimeout(), SignedOutError("x"), SpotifyLimitedError("x")):
        failure = failure_of(error, NOW_S)
        assert (failure.reached, failure.uncertain) == (False, False)


def test_what_got_no_proper_answer_may_have_been_carried_out() -> None:
    for error in (requests.ReadTimeout(), answer(502), ValueError()):
        failure = failure_of(error, NOW_S)
        assert (failure.reached, failure.uncertain, failure.transient) == (True, True, True)
    assert not failure_of(answer(403, "Forbidden"), NOW_S).uncertain


@pytest.mark.parametrize(
    ("said", "until_s"),
    [
        ("3600", NOW_S + 3600),
        (" 2.5 ", NOW_S + 3),
        ("0", NOW_S + 1),
        ("999999999", NOW_S + 86_400),
        ("9999999999", NOW_S + 86_400),
        ("9" * 500, NOW_S + 86_400),
        ("4294967295.7", NOW_S + 86_400),
        ("60.", NOW_S + 60),
        ("0.0", NOW_S + 1),
        ("Wed, 18 Nov 2026 12:00:00 GMT", 1_795_003_200.0),
        ("Wed, 18 Nov 2020 12:00:00 GMT", NOW_S + 1),
        ("Wednesday, 18-Nov-26 12:00:00 GMT", 1_795_003_200.0),
        ("Wed Nov 18 12:00:00 2026", 1_795_003_200.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", NOW_S + 86_400),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("1e3", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_the_wait_is_read_however_it_is_said(said: str, until_s: float | None) -> None:
    assert failure_of(answer(429, headers={"Retry-After": said}), NOW_S).outcome.until_s == until_s


@pytest.mark.parametrize("said", ["9999999999", "9" * 500])
def test_the_accounts_service_is_left_alone_for_as_long_as_it_says(said: str) -> None:
    error = token_exchange.refusal(429, {"Retry-After": said}, {})
    assert isinstance(error, SpotifyLimitedError)
    assert failure_of(error, NOW_S).outcome.until_s == NOW_S + 86_400


@given(
    st.text()
    | st.from_regex(r"[-+]?[0-9]{1,30}(\.[0-9]*)?", fullmatch=True)
    | st.datetimes().map(format_datetime)
)
@settings(derandomize=True, max_examples=200)
def test_whatever_stands_there_the_wait_is_between_a_second_and_a_day(said: str) -> None:
    wait_s = parse_retry_after(said, NOW_S)
    assert wait_s is None or 1 <= wait_s <= 86_400


@pytest.mark.parametrize(
    ("said", "wait_s"), [("48960", 48_960), ("9999999999", 86_400), ("1", 60), ("soon", 3600), ("", 3600)]
)
def test_a_quota_that_is_used_up_is_told_from_a_rate_limit(said: str, wait_s: float) -> None:
    headers = {"Retry-After": said} if said else None
    failure = failure_of(answer(429, "Too many requests", "QUOTA_EXCEEDED", headers), NOW_S)
    assert (failure.kind, failure.outcome.kind) == (ApiErrorKind.QUOTA_EXCEEDED, OutcomeKind.QUOTA_EXCEEDED)
    assert failure.outcome.until_s == NOW_S + wait_s
    assert "all apps of your developer account" in failure.outcome.message
    for message, reason in (("API quota exceeded", None), ("Too many requests", "quota_exceeded")):
        assert failure_of(answer(429, message, reason, headers), NOW_S).kind is ApiErrorKind.QUOTA_EXCEEDED
    short = failure_of(answer(429, "Too many requests", None, headers), NOW_S)
    assert short.outcome.kind is OutcomeKind.RATE_LIMITED


@pytest.mark.parametrize(("said", "wait_s"), [("60", 60), ("9999999999", 300), ("soon", None)])
def test_trouble_that_says_how_long_it_lasts_is_believed_for_five_minutes(
    said: str, wait_s: float | None
) -> None:
    failure = failure_of(answer(503, "Service unavailable", headers={"Retry-After": said}), NOW_S)
    assert failure.transient
    assert failure.outcome.until_s == (None if wait_s is None else NOW_S + wait_s)


def test_a_wait_without_headers_is_unknown() -> None:
    assert failure_of(answer(429), NOW_S).outcome.until_s is None
    assert failure_of(SpotifyLimitedError("x", wait_s=9.2), NOW_S).outcome.until_s == NOW_S + 10


def test_what_spotify_says_is_shown_short_and_without_secrets() -> None:
    token = "BQ" + "x1Y_" * 30
    said = failure_of(answer(400, f"bad  token\n{token} " + "words " * 99), NOW_S).outcome.message
    assert token not in said
    assert "bad token" in said
    assert len(said) < 240


def test_what_we_know_ourselves_is_said_in_the_same_words() -> None:
    known = failure_of(answer(404, "No active device found", "NO_ACTIVE_DEVICE"), NOW_S).outcome
    assert outcome_for(ApiErrorKind.NO_ACTIVE_DEVICE) == known

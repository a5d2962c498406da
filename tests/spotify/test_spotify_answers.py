"""The error contract: every row of it, as spotipy and requests raise them."""

from __future__ import annotations

import pytest
import requests
import spotipy
from fake_spotify.faults import NOT_REGISTERED, OWNER_WITHOUT_PREMIUM
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from playback.player import OutcomeKind
from spotify.answers import CallError, Row, fault_of, outcome_for
from spotify.errors import (
    SignedOutError,
    SignInAgainError,
    SpotifyError,
    SpotifyLimitedError,
    SpotifyUnreachableError,
)

NOW_S = 1_795_000_000.0


def answer(
    status: int, message: str | None = "", reason: str | None = None, headers: dict[str, str] | None = None
) -> spotipy.SpotifyException:
    url = "https://api.spotify.com/v1/me/player/play"
    return spotipy.SpotifyException(status, -1, f"{url}:\n {message}", reason=reason, headers=headers)


def never_sent() -> requests.ConnectionError:
    return requests.ConnectionError(MaxRetryError(None, "/", NewConnectionError(None, "refused")))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "row", "kind"),
    [
        (answer(401, "The access token expired"), Row.TOKEN_EXPIRED, OutcomeKind.SIGN_IN_AGAIN),
        (SignInAgainError("Six months are over."), Row.SIGN_IN_AGAIN, OutcomeKind.SIGN_IN_AGAIN),
        (SignedOutError("Nobody is signed in."), Row.SIGNED_OUT, OutcomeKind.NOT_CONNECTED),
        (
            answer(403, "Player command failed: Premium required", "PREMIUM_REQUIRED"),
            Row.PREMIUM_REQUIRED,
            OutcomeKind.PREMIUM_REQUIRED,
        ),
        (answer(403, "Premium required"), Row.PREMIUM_REQUIRED, OutcomeKind.PREMIUM_REQUIRED),
        (answer(403, OWNER_WITHOUT_PREMIUM), Row.APP_LAPSED, OutcomeKind.APP_LAPSED),
        (
            answer(403, "Player command failed: Restriction violated", "UNKNOWN"),
            Row.RESTRICTED,
            OutcomeKind.FAILED,
        ),
        (answer(403, NOT_REGISTERED), Row.NOT_LISTED, OutcomeKind.FORBIDDEN),
        (answer(403, "Insufficient client scope"), Row.SCOPE_MISSING, OutcomeKind.FORBIDDEN),
        (
            answer(403, "Player command failed: Cannot control device volume", "VOLUME_CONTROL_DISALLOW"),
            Row.VOLUME_FIXED,
            OutcomeKind.FORBIDDEN,
        ),
        (
            answer(403, "Player command failed: Restricted device", "UNKNOWN"),
            Row.DEVICE_CLOSED,
            OutcomeKind.FORBIDDEN,
        ),
        (answer(403, "Forbidden"), Row.FORBIDDEN, OutcomeKind.FORBIDDEN),
        (
            answer(404, "Player command failed: No active device found", "NO_ACTIVE_DEVICE"),
            Row.NO_ACTIVE_DEVICE,
            OutcomeKind.NO_DEVICE,
        ),
        (answer(404, "Device not found"), Row.DEVICE_GONE, OutcomeKind.NO_DEVICE),
        (answer(404, "Not found."), Row.NOT_FOUND, OutcomeKind.GONE),
        (answer(404, None), Row.NOT_FOUND, OutcomeKind.GONE),
        (
            answer(429, "API rate limit exceeded", headers={"Retry-After": "30"}),
            Row.RATE_LIMITED,
            OutcomeKind.RATE_LIMITED,
        ),
        (SpotifyLimitedError("Too often.", wait_s=9.0), Row.RATE_LIMITED, OutcomeKind.RATE_LIMITED),
        (answer(503, "Service unavailable"), Row.TROUBLE, OutcomeKind.UNREACHABLE),
        (answer(500, None), Row.TROUBLE, OutcomeKind.UNREACHABLE),
        (requests.ReadTimeout(), Row.NO_ANSWER, OutcomeKind.UNREACHABLE),
        (requests.exceptions.ChunkedEncodingError(), Row.NO_ANSWER, OutcomeKind.UNREACHABLE),
        (
            requests.ConnectionError(ProtocolError("aborted", OSError())),
            Row.NO_ANSWER,
            OutcomeKind.UNREACHABLE,
        ),
        (requests.ConnectTimeout(), Row.NO_CONNECTION, OutcomeKind.UNREACHABLE),
        (requests.exceptions.ProxyError(), Row.NO_CONNECTION, OutcomeKind.UNREACHABLE),
        (requests.exceptions.SSLError(), Row.NO_CONNECTION, OutcomeKind.UNREACHABLE),
        (never_sent(), Row.NO_CONNECTION, OutcomeKind.UNREACHABLE),
        (SpotifyUnreachableError("No answer in time."), Row.NO_CONNECTION, OutcomeKind.UNREACHABLE),
        (ValueError("nonsense"), Row.UNREADABLE, OutcomeKind.UNREACHABLE),
        (answer(400, "Invalid context uri"), Row.REFUSED, OutcomeKind.FAILED),
        (SpotifyError("Something else."), Row.REFUSED, OutcomeKind.FAILED),
    ],
)
def test_each_answer_has_its_row_its_outcome_and_one_sentence(
    error: Exception, row: Row, kind: OutcomeKind
) -> None:
    fault = fault_of(error, NOW_S)
    assert (fault.row, fault.outcome.kind) == (row, kind)
    assert not fault.outcome.ok
    assert fault.outcome.message.endswith(".")
    assert "\n" not in fault.outcome.message
    assert str(CallError(fault)) == fault.outcome.message
    assert fault_of(CallError(fault), NOW_S) is fault


def test_what_was_never_sent_does_not_count_and_is_not_in_doubt() -> None:
    for error in (never_sent(), requests.ConnectTimeout(), SignedOutError("x"), SpotifyLimitedError("x")):
        fault = fault_of(error, NOW_S)
        assert (fault.reached, fault.doubtful) == (False, False)


def test_what_got_no_proper_answer_may_have_been_carried_out() -> None:
    for error in (requests.ReadTimeout(), answer(502), ValueError()):
        fault = fault_of(error, NOW_S)
        assert (fault.reached, fault.doubtful, fault.passing) == (True, True, True)
    assert not fault_of(answer(403, "Forbidden"), NOW_S).doubtful


@pytest.mark.parametrize(
    ("said", "until_s"),
    [
        ("3600", NOW_S + 3600),
        (" 2.5 ", NOW_S + 3),
        ("0", NOW_S + 1),
        ("999999999", NOW_S + 86_400),
        ("Wed, 18 Nov 2026 12:00:00 GMT", 1_795_003_200.0),
        ("Wed, 18 Nov 2020 12:00:00 GMT", NOW_S + 1),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_the_wait_is_read_however_it_is_said(said: str, until_s: float | None) -> None:
    assert fault_of(answer(429, headers={"Retry-After": said}), NOW_S).outcome.until_s == until_s


def test_a_wait_without_headers_is_unknown() -> None:
    assert fault_of(answer(429), NOW_S).outcome.until_s is None
    assert fault_of(SpotifyLimitedError("x", wait_s=9.2), NOW_S).outcome.until_s == NOW_S + 10


def test_what_spotify_says_is_shown_short_and_without_secrets() -> None:
    token = "BQ" + "x1Y_" * 30
    said = fault_of(answer(400, f"bad  token\n{token} " + "words " * 99), NOW_S).outcome.message
    assert token not in said
    assert "bad token" in said
    assert len(said) < 240


def test_what_we_know_ourselves_is_said_in_the_same_words() -> None:
    known = fault_of(answer(404, "No active device found", "NO_ACTIVE_DEVICE"), NOW_S).outcome
    assert outcome_for(Row.NO_ACTIVE_DEVICE) == known

"""One sign-in over real HTTP: consent, refusal, mistakes, and every way in which it may not end well."""

from __future__ import annotations

import contextlib
import html
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from core.errors import AttuneError
from spotify import app_registration, token_exchange
from spotify.app_registration import ClientIdError, checked_client_id
from spotify.errors import SignInAgainError
from spotify.redirect_listener import CallbackError, listen, parse_request
from spotify.sign_in import SignIn, SignInState
from spotify.token_exchange import TokenResponse
from tests.fake_spotify import CLIENT_ID, FakeSpotify, fake_spotify
from tests.patience import PROMPT_S

Begin = Callable[..., SignIn]


@pytest.fixture
def server() -> Iterator[FakeSpotify]:
    with fake_spotify() as running:
        running.auto_consent = True
        yield running


@pytest.fixture
def kept() -> list[TokenResponse]:
    return []


@pytest.fixture
def begin(server: FakeSpotify, kept: list[TokenResponse]) -> Iterator[Begin]:
    """Begin a sign-in at the fake; those that a test leaves open are cancelled."""
    begun: list[SignIn] = []

    def keep(tokens: TokenResponse) -> str:
        kept.append(tokens)
        return "Connected to Spotify."

    def begin_one(client_id: str = CLIENT_ID, **options: object) -> SignIn:
        usual = {"save": keep, "accounts_url": server.url, "port": 0, "timeout_s": 30.0}
        begun.append(SignIn(client_id, **(usual | options)))  # type: ignore[arg-type]
        return begun[-1]

    yield begin_one
    for one in begun:
        one.cancel()
    named = [one for one in threading.enumerate() if one.name.startswith("attune-spotify")]
    assert "attune-spotify-sign-in" not in {one.name for one in named}
    for thread in named:  # what asks the server ends before the server does
        thread.join()


def browse(url: str) -> requests.Response:
    """What a browser does: follow where it is sent."""
    return requests.get(url, timeout=10)


def answer_of(one: SignIn, **changes: str) -> str:
    """Spotify's answer as it comes to the listener, with changes."""
    state = parse_qs(urlsplit(one.url).query)["state"][0]
    return f"{one.redirect_uri}?{urlencode({'code': 'AQmade-up', 'state': state} | changes)}"


def test_consent_brings_tokens_and_a_friendly_page(
    server: FakeSpotify, begin: Begin, kept: list[TokenResponse]
) -> None:
    server.auto_consent = False
    one = begin()
    assert one.outcome.state is SignInState.WAITING
    assert one.waiting
    consent = browse(one.url)
    action = re.search(r'action="([^"]+)"', consent.text)
    assert action is not None
    page = requests.post(f"{server.url}{action[1]}", data={"answer": "agree"}, timeout=10)
    assert one.wait(20.0).ok
    assert not one.waiting
    assert one.outcome.message == "Connected to Spotify."
    assert page.status_code == 200
    assert "Connected" in page.text
    assert "close this tab" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert set(kept[0].scopes) == set(token_exchange.SCOPES)
    assert kept[0].refresh_token in server.grants
    assert kept[0].access_token in server.access_tokens


def test_address_says_what_is_asked_for_and_no_secret(begin: Begin) -> None:
    one = begin(scopes=(*token_exchange.SCOPES, token_exchange.CREATE_PLAYLISTS))
    asked = parse_qs(urlsplit(one.url).query)
    assert asked["client_id"] == [CLIENT_ID]
    assert asked["redirect_uri"] == [one.redirect_uri]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["scope"][0].split() == [
        "user-read-playback-state",
        "user-modify-playback-state",
        "playlist-read-private",
        "playlist-read-collaborative",
        "playlist-modify-private",
    ]
    assert len(asked["state"][0]) >= 32
    assert "verifier" not in one.url
    assert "secret" not in one.url


def test_two_sign_ins_share_no_secret(begin: Begin) -> None:
    first, second = (parse_qs(urlsplit(begin().url).query) for _ in range(2))
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]


def test_refused_consent_is_one_sentence(
    server: FakeSpotify, begin: Begin, kept: list[TokenResponse]
) -> None:
    server.auto_consent = False
    one = begin()
    action = re.search(r'action="([^"]+)"', browse(one.url).text)
    assert action is not None
    page = requests.post(f"{server.url}{action[1]}", data={"answer": "cancel"}, timeout=10)
    outcome = one.wait(20.0)
    assert outcome.state is SignInState.REFUSED
    assert outcome.message in html.unescape(page.text)
    assert "did not allow it" in outcome.message
    assert not kept


def test_answer_with_another_state_is_not_used(
    server: FakeSpotify, begin: Begin, kept: list[TokenResponse]
) -> None:
    one = begin()
    page = browse(answer_of(one, state="A" * 43))
    assert one.wait(20.0).state is SignInState.MISMATCH
    assert "belongs to another sign-in" in page.text
    assert server.count("/api/token") == 0
    assert not kept


@pytest.mark.parametrize("state", ["", "é", "%00"])
def test_answer_without_a_state_is_not_used(begin: Begin, state: str) -> None:
    one = begin()
    browse(answer_of(one, state=state))
    assert one.wait(20.0).state is SignInState.MISMATCH


def test_wrong_client_id_is_said_before_the_browser_says_it(begin: Begin) -> None:
    outcome = begin("f" * 32).wait(20.0)
    assert outcome.state is SignInState.WRONG_APP
    assert "knows no app of the client id ffff" in outcome.message


def test_wrong_redirect_address_is_said_with_the_right_one(server: FakeSpotify, begin: Begin) -> None:
    other = "0" * 32
    server.add_app(other, "http://127.0.0.1:1/callback")
    one = begin(other)
    outcome = one.wait(20.0)
    assert outcome.state is SignInState.WRONG_APP
    assert f"does not know the redirect address {one.redirect_uri}: add it" in outcome.message


def test_app_with_the_address_of_the_steps_goes_with_the_default_port(server: FakeSpotify) -> None:
    other = "0" * 32
    server.add_app(other, app_registration.redirect_uri())
    assert app_registration.redirect_uri() in " ".join(app_registration.steps())
    url = token_exchange.consent_url(
        server.url,
        client_id=other,
        redirect_uri=app_registration.redirect_uri(),
        verifier="v" * 43,
        scopes=token_exchange.SCOPES,
        state="s",
    )
    assert token_exchange.refused_app(url) == ""


def test_time_out_is_one_sentence_that_helps(server: FakeSpotify, begin: Begin) -> None:
    server.auto_consent = False
    one = begin(timeout_s=0.2)
    outcome = one.wait(20.0)
    assert outcome.state is SignInState.TIMED_OUT
    assert "within 0 s" in outcome.message
    assert "INVALID_CLIENT" in outcome.message
    with pytest.raises(requests.ConnectionError):
        browse(answer_of(one))


def test_waiting_for_a_while_says_that_it_waits(begin: Begin) -> None:
    assert begin().wait(0.01).state is SignInState.WAITING


def test_cancel_ends_it_at_once_and_for_good(begin: Begin, kept: list[TokenResponse]) -> None:
    one = begin()
    began_s = time.monotonic()
    one.cancel()
    one.cancel()
    assert time.monotonic() - began_s < PROMPT_S
    assert one.outcome.state is SignInState.CANCELLED
    with pytest.raises(requests.ConnectionError):
        browse(answer_of(one))
    assert not kept


def test_cancel_while_spotify_is_slow_keeps_no_token(
    server: FakeSpotify, begin: Begin, kept: list[TokenResponse]
) -> None:
    slow = server.faults.delay("/api/token", seconds=3.0, carried_out=True)
    one = begin()
    browser = threading.Thread(target=_quietly, args=[one.url])
    browser.start()
    assert server.wait_until(lambda: bool(server.grants))
    began_s = time.monotonic()
    one.cancel()
    assert time.monotonic() - began_s < 2.5
    browser.join()
    assert one.outcome.state is SignInState.CANCELLED
    assert server.wait_until(lambda: server.count("/api/token") == 1)
    server.faults.clear(slow)
    assert not kept


def _quietly(url: str) -> None:
    with contextlib.suppress(requests.RequestException):
        browse(url)


def test_answer_is_used_once(server: FakeSpotify, begin: Begin) -> None:
    keeping, go_on = threading.Event(), threading.Event()

    def keep(_: TokenResponse) -> str:
        keeping.set()
        go_on.wait(10)
        return "Kept."

    one = begin(save=keep)
    first = threading.Thread(target=_quietly, args=[one.url])
    first.start()
    assert keeping.wait(20.0)
    again = browse(answer_of(one))
    assert again.status_code == 409
    assert "Answered already" in again.text
    one.cancel()  # too late: the tokens are just being kept
    go_on.set()
    first.join()
    assert one.wait(20.0).message == "Kept."
    assert server.count("/api/token") == 1


def test_answer_at_the_last_moment_is_dealt_with(begin: Begin) -> None:
    began_s = time.monotonic()

    def keep(_: TokenResponse) -> str:
        time.sleep(max(0.0, began_s + 1.7 - time.monotonic()))
        return "Kept."

    one = begin(save=keep, timeout_s=1.5)
    browse(one.url)
    assert one.wait(20.0).message == "Kept."


def test_port_that_is_taken_is_replaced_and_said(begin: Begin) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        one = begin(port=port)
        assert f"Port {port} is taken by another program" in one.notice
        assert one.redirect_uri in one.notice
        assert app_registration.ANY_PORT in one.notice
        browse(one.url)
        assert one.wait(20.0).ok


def test_port_is_free_again_at_once(begin: Begin) -> None:
    first = begin()
    port = urlsplit(first.redirect_uri).port
    browse(first.url)
    assert first.wait(20.0).ok
    second = begin(port=port)
    assert second.notice == ""
    assert second.redirect_uri == first.redirect_uri


def test_no_port_at_all_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(CallbackError, match=r"No port of 127\.0\.0\.1.*Permission denied.*firewall"):
        listen(8898)


def test_idle_connections_of_a_browser_are_in_nobodys_way(begin: Begin) -> None:
    one = begin()
    address = ("127.0.0.1", urlsplit(one.redirect_uri).port or 0)
    with socket.create_connection(address), socket.create_connection(address) as second:
        second.sendall(b"GET /call")
        browse(one.url)
        began_s = time.monotonic()
        assert one.wait(20.0).ok
        assert time.monotonic() - began_s < PROMPT_S


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /favicon.ico HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", b"404"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", b"404"),
        (b"GET /callback?code=a&state=b HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"404"),
        (b"GET /callback?code=a&state=b HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /callback HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\n\r\n", b"405"),
        (b"GET //[ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", b"400"),
        (b"\xff\xfe\r\n\r\n", b"404"),
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n", b""),
    ],
)
def test_other_requests_change_nothing(begin: Begin, request_: bytes, status: bytes) -> None:
    one = begin()
    port = urlsplit(one.redirect_uri).port or 0
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request_.replace(b"{port}", str(port).encode()))
        with contextlib.suppress(ConnectionError):
            assert connection.recv(1000)[9:12] == status
    assert one.outcome.state is SignInState.WAITING
    browse(one.url)
    assert one.wait(20.0).ok


@given(st.binary(max_size=300), st.integers(0, 65_535))
def test_whatever_comes_is_read_or_refused(head: bytes, port: int) -> None:
    request = parse_request(head, port)
    assert request.refused is not None or head.startswith(b"GET /callback")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"error": "server_error"}, "refused the sign-in (server_error)"),
        ({"error": "<script>alert(1)</script>"}, "an error without a name"),
        ({"code": ""}, "neither a code nor a reason"),
        ({"code": "AQwrong"}, "did not accept the code"),
    ],
)
def test_odd_answer_is_one_sentence(begin: Begin, changes: dict[str, str], says: str) -> None:
    one = begin()
    page = browse(answer_of(one, **changes))
    outcome = one.wait(20.0)
    assert outcome.state is SignInState.FAILED
    assert says in outcome.message
    assert "sign in again" in outcome.message
    assert "<script>" not in page.text


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"status": 503}, "trouble of its own (status 503)"),
        ({"drop": True}, "cannot be reached"),
        ({"status": 429, "headers": {"Retry-After": "77"}}, "try again in 77 s"),
        ({"status": 429, "headers": {"Retry-After": "Fri, 31 Dec 1999"}}, "try again later"),
        ({"status": 200, "body": b"{nonsense"}, "gave no token"),
        ({"status": 200, "body": []}, "gave no token"),
        ({"status": 200, "body": {"access_token": 3}}, "gave no token"),
        ({"status": 400, "body": {"error": "invalid_request"}}, "invalid_request"),
        ({"status": 400, "body": {"error": {"message": "AQ"}}}, "status 400"),
        ({"status": 302, "headers": {"Location": "https://example.org"}}, "status 302"),
    ],
)
def test_accounts_service_that_fails_is_one_sentence(
    server: FakeSpotify, begin: Begin, kept: list[TokenResponse], fault: dict[str, object], says: str
) -> None:
    server.faults.add("/api/token", **fault)  # type: ignore[arg-type]
    one = begin()
    page = browse(one.url)
    outcome = one.wait(20.0)
    assert outcome.state is SignInState.FAILED
    assert says in outcome.message
    assert page.status_code == 400
    assert not kept


def test_tokens_that_cannot_be_kept_fail_the_sign_in(begin: Begin) -> None:
    def keep(_: TokenResponse) -> str:
        raise AttuneError("The disk is full: free some space.")

    one = begin(save=keep)
    page = browse(one.url)
    assert one.wait(20.0).state is SignInState.FAILED
    assert "The disk is full: free some space." in page.text


def test_fault_of_ours_fails_the_sign_in_too(begin: Begin) -> None:
    def keep(_: TokenResponse) -> str:
        raise ZeroDivisionError

    one = begin(save=keep)
    browse(one.url)
    assert "ZeroDivisionError" in one.wait(20.0).message


def test_network_that_is_away_is_the_browsers_to_say(server: FakeSpotify, begin: Begin) -> None:
    server.cut_network()
    one = begin()
    assert one.wait(0.3).state is SignInState.WAITING
    server.restore_network()
    browse(one.url)
    assert one.wait(20.0).ok


def test_token_is_given_anew_for_a_refresh_token(server: FakeSpotify) -> None:
    tokens = server.sign_in()
    renewed = token_exchange.for_refresh_token(
        server.url, client_id=CLIENT_ID, refresh_token=str(tokens["refresh_token"])
    )
    assert renewed.access_token in server.access_tokens
    assert renewed.access_token != tokens["access_token"]
    assert (renewed.refresh_token, renewed.life_s) == ("", 3600.0)
    assert renewed.access_token not in repr(renewed)


def test_revoked_sign_in_is_never_good_again(server: FakeSpotify) -> None:
    token = str(server.sign_in()["refresh_token"])
    server.revoke()
    with pytest.raises(SignInAgainError, match="sign in again"):
        token_exchange.for_refresh_token(server.url, client_id=CLIENT_ID, refresh_token=token)


@pytest.mark.parametrize("given", ["0123456789abcdef" * 2, "  0123456789ABCDEF0123456789ABCDEF\n"])
def test_client_id_is_taken_as_it_is_pasted(given: str) -> None:
    assert checked_client_id(given) == CLIENT_ID


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("", "'' (0 characters) is no client id"),
        ("my app", "'my app' (6 characters)"),
        ("g" * 32, "'gggggg...' (32 characters)"),
        ("0" * 31, "'000000...' (31 characters)"),
        ("AQDxTz-abcdefghijklmnopqrstuvwxyz_0123456789", "'aqdxtz...' (44 characters)"),
    ],
)
def test_what_is_no_client_id_is_one_sentence(given: str, says: str) -> None:
    with pytest.raises(ClientIdError, match=r"32 hexadecimal digits.*developer.spotify.com") as caught:
        checked_client_id(given)
    assert says in str(caught.value)


def test_steps_name_all_that_people_need() -> None:
    for word in (
        "developer.spotify.com/dashboard",
        "8898/callback",
        "Web API",
        "Premium",
        "five",
        "Client ID",
    ):
        assert word in " ".join(app_registration.steps())
    assert "http://127.0.0.1:9000/callback" in " ".join(app_registration.steps(9000))
    assert f"exactly {app_registration.ANY_PORT} (not" in " ".join(app_registration.steps(0))

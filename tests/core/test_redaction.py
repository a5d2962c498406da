"""What is redacted in a text, and what is not."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.redaction import REDACTED, redact

TOKEN = "NgCXRKcAbcdefghijklmnop0123456789MzYjw"
SPOTIFYS = "BQDxTz-abcdefghijklmnopqrstuvwxyz_0123456789"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {TOKEN}",
        f"Authorization: Basic {TOKEN}==",
        f"proxy-authorization: Negotiate {TOKEN}",
        f"Headers: {{'Authorization': 'Bearer {TOKEN}', 'Accept': 'x'}} and Body: None",
        f"[(b'Authorization', b'Bearer {TOKEN}')]",
        f"bearer {TOKEN}",
        f"Bearer%20{TOKEN}",
        json.dumps({"access_token": TOKEN, "expires_in": 3600}),
        json.dumps(json.dumps({"refresh_token": TOKEN})),
        repr({"refresh_token": TOKEN, "grant_type": "refresh_token"}),
        repr({"code": TOKEN, "code_verifier": TOKEN}),
        f"Tokens(access_token='{TOKEN}', refreshToken=\"{TOKEN}\")",
        urlencode({"grant_type": "authorization_code", "code": TOKEN, "code_verifier": TOKEN}),
        f"GET /callback?code={TOKEN}&state={TOKEN} HTTP/1.1",
        f"/login?continue=%2Fcallback%3Fcode%3D{TOKEN}",
        f"the token is odd: {SPOTIFYS}",
        f"PRIVATE-KEY client_secret = {TOKEN}",
        f"password: {TOKEN}",
    ],
)
def test_secrets_are_redacted(text: str) -> None:
    redacted = redact(text)
    assert TOKEN not in redacted
    assert SPOTIFYS not in redacted
    assert REDACTED in redacted


@pytest.mark.parametrize(
    "text",
    [
        "attune ended with exit code: 1, status_code=200 and code=ENOSPC",
        "the state is now state=ListenerState.FAILED",
        'https://accounts.spotify.com:443 "POST /api/token HTTP/1.1" 200 None',
        "a basic understanding; the bearer of bad news; tokens: 512",
        "spotify:playlist:37i9dQZF1DXcBWIGoYBM5M and /home/me/AQ.wav",
        "client_id=0123456789abcdef0123456789abcdef",
        "",
    ],
)
def test_harmless_texts_stand(text: str) -> None:
    assert redact(text) == text


def test_what_stands_around_a_secret_is_kept() -> None:
    assert redact(f"before {{'refresh_token': '{TOKEN}', 'scope': 'x'}} after") == (
        f"before {{'refresh_token': '{REDACTED}', 'scope': 'x'}} after"
    )


@given(st.text(alphabet="abcXYZ019-_", min_size=30, max_size=200), st.text(max_size=50), st.text(max_size=50))
def test_spotifys_tokens_are_known_by_their_looks(rest: str, before: str, after: str) -> None:
    assert f"BQ{rest}" not in redact(f"{before} BQ{rest} {after}")


@given(st.text())
def test_redacting_twice_is_redacting_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)

"""A server whose certificate nobody vouches for gets neither secrets nor trust, and one sentence says so."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from spotify import token_exchange
from spotify.api_errors import ApiErrorKind, failure_of
from spotify.errors import SpotifyUnreachableError
from tests.fake_spotify import CLIENT_ID

pytest.importorskip("cryptography", reason="the system's store of secrets brings it along on Linux alone")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def write_certificate(path: Path) -> Path:
    """Write a key and a certificate for 127.0.0.1 that is signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(encoding)
    )
    return path


@pytest.fixture
def self_signed(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """Address of such a server, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            asked.append(self.rfile.readline().decode(errors="replace"))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(write_certificate(tmp_path / "server.pem"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_the_accounts_service_is_told_nothing(self_signed: tuple[str, list[str]]) -> None:
    url, asked = self_signed
    with pytest.raises(SpotifyUnreachableError, match=r"no secure connection: look at .*network\.$"):
        token_exchange.for_refresh_token(url, client_id=CLIENT_ID, refresh_token="secret")
    assert asked == []


def test_the_web_api_is_told_nothing(self_signed: tuple[str, list[str]]) -> None:
    url, asked = self_signed
    with pytest.raises(requests.exceptions.SSLError) as caught:
        requests.get(f"{url}/v1/me", timeout=10)
    failure = failure_of(caught.value, 0.0)
    assert failure.kind is ApiErrorKind.NO_CONNECTION
    assert failure.outcome.message.startswith("There is no secure connection to Spotify: look at")
    assert asked == []

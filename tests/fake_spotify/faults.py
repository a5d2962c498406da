"""Owns what the fake Spotify does wrong on demand: wrong answers, late ones, none."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

__all__ = ["NOT_REGISTERED", "OWNER_WITHOUT_PREMIUM", "Fault", "Faults", "error_body"]

NOT_REGISTERED = "Check settings on developer.spotify.com/dashboard, the user may not be registered."
OWNER_WITHOUT_PREMIUM = (
    "Active premium subscription required for the owner of the app. When the subscription status changes, "
    "it can take a few hours before requests are allowed again."
)


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong.

    Parameters
    ----------
    path
        Of which requests: a pattern as in `fnmatch`, such as ``/v1/me/player*``.
    method
        Only of this one; empty: of all.
    status, body, headers
        The answer instead of the true one; status None: the true one, perhaps late.
    delay_s
        How long to wait before anything else happens.
    drop
        Close the connection without an answer.
    carried_out
        The request has its effect first, and only its answer goes wrong.
    left
        For how many requests; None: until cleared.
    """

    path: str
    method: str = ""
    status: int | None = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drop: bool = False
    carried_out: bool = False
    left: int | None = None


def error_body(status: int, message: str, reason: str = "") -> dict[str, Any]:
    """An error of the Web API, as JSON."""
    error: dict[str, Any] = {"status": status, "message": message}
    return {"error": error | ({"reason": reason} if reason else {})}


class Faults:
    """The faults in force: every one may be called from any thread, and the one added last is asked first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self,
        path: str = "/v1/*",
        *,
        method: str = "",
        status: int | None = None,
        body: object = None,
        headers: dict[str, str] | None = None,
        delay_s: float = 0.0,
        drop: bool = False,
        carried_out: bool = False,
        times: int | None = None,
    ) -> Fault:
        """Let something go wrong (see `Fault`); a body of text or bytes is sent as it is, others as JSON."""
        fault = Fault(path, method, status, _encoded(body), headers or {}, delay_s, drop, carried_out, times)
        with self._lock:
            self._faults.insert(0, fault)
        return fault

    def rate_limit(
        self, path: str = "/v1/*", *, retry_after_s: int = 3600, times: int | None = None
    ) -> Fault:
        """429, with the wait that is asked for."""
        return self.add(
            path,
            status=429,
            body=error_body(429, "API rate limit exceeded"),
            headers={"Retry-After": str(retry_after_s)},
            times=times,
        )

    def quota_exceeded(
        self, path: str = "/v1/*", *, retry_after: str | None = "48960", times: int | None = None
    ) -> Fault:
        """429 of a developer account whose quota is used up; the header as given, None: without it."""
        return self.add(
            path,
            status=429,
            body=error_body(429, "Too many requests", "QUOTA_EXCEEDED"),
            headers={} if retry_after is None else {"Retry-After": retry_after},
            times=times,
        )

    def server_error(self, path: str = "/v1/*", *, status: int = 503, times: int | None = None) -> Fault:
        """5xx, as the API words it."""
        words = {500: "Server error", 502: "Bad gateway.", 503: "Service unavailable", 504: "Gateway timeout"}
        return self.add(path, status=status, body=error_body(status, words.get(status, "Error")), times=times)

    def delay(
        self,
        path: str = "/v1/*",
        *,
        seconds: float = 30.0,
        carried_out: bool = False,
        times: int | None = None,
    ) -> Fault:
        """The true answer, late; unless carried out at once, nothing happens where the sender hangs up."""
        return self.add(path, delay_s=seconds, carried_out=carried_out, times=times)

    def drop(self, path: str = "/v1/*", *, carried_out: bool = False, times: int | None = None) -> Fault:
        """Close the connection without an answer; perhaps after the request had its effect."""
        return self.add(path, drop=True, carried_out=carried_out, times=times)

    def garbage(self, path: str = "/v1/*", *, status: int = 200, times: int | None = None) -> Fault:
        """An answer that says it is JSON and is not."""
        return self.add(path, status=status, body=b'{"items": [nonsense', times=times)

    def unauthorised(self, path: str = "/v1/*", *, times: int | None = None) -> Fault:
        """401, whatever the token."""
        return self.add(path, status=401, body=error_body(401, "The access token expired"), times=times)

    def premium_required(self, path: str = "/v1/me/player/*", *, times: int | None = None) -> Fault:
        """403 of an account that cannot control playback."""
        body = error_body(403, "Player command failed: Premium required", "PREMIUM_REQUIRED")
        return self.add(path, status=403, body=body, times=times)

    def owner_without_premium(self, path: str = "/v1/*", *, times: int | None = None) -> Fault:
        """403 of an app whose owner's Premium has lapsed; plain text, as Spotify sends it."""
        return self.add(path, status=403, body=OWNER_WITHOUT_PREMIUM, times=times)

    def user_not_registered(self, path: str = "/v1/*", *, times: int | None = None) -> Fault:
        """403 of a user who is not on the app's list; plain text, as Spotify sends it."""
        return self.add(path, status=403, body=NOT_REGISTERED, times=times)

    def clear(self, fault: Fault | None = None) -> None:
        """All is well again; or this one fault is over."""
        with self._lock:
            self._faults = [] if fault is None else [one for one in self._faults if one is not fault]

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that befalls this request, if any."""
        with self._lock:
            for fault in self._faults:
                if fnmatchcase(path, fault.path) and fault.method in ("", method):
                    if fault.left is not None:
                        fault.left -= 1
                        if fault.left <= 0:
                            self._faults.remove(fault)
                    return fault
        return None


def _encoded(body: object) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    return b"" if body is None else json.dumps(body).encode()

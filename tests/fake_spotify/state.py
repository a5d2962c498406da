"""Owns what the fake Spotify knows: playlists, devices, sign-ins, and the clock of it all."""

from __future__ import annotations

import hashlib
import string
import threading
import time
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "ALL_SCOPES",
    "App",
    "Call",
    "Clock",
    "Device",
    "FakePlaylist",
    "Grant",
    "Playback",
    "Played",
    "Track",
    "invented_id",
    "invented_tracks",
]

ALL_SCOPES = (
    "user-read-playback-state",
    "user-modify-playback-state",
    "user-read-currently-playing",
    "playlist-read-private",
    "playlist-read-collaborative",
    "playlist-modify-private",
    "playlist-modify-public",
)
_BASE62 = string.digits + string.ascii_letters
_TRACK_S = 180.0


class Clock:
    """Unix time that tests can put forward, and stop."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self._stopped_at_s: float | None = None

    def now(self) -> float:
        """Unix time, in seconds."""
        return (time.time() if self._stopped_at_s is None else self._stopped_at_s) + self._ahead_s

    def advance(self, seconds: float) -> None:
        self._ahead_s += seconds

    def stop(self) -> None:
        """Let time pass by `advance` alone."""
        self._stopped_at_s = time.time() if self._stopped_at_s is None else self._stopped_at_s


@dataclass(frozen=True, slots=True)
class Track:
    """One track of the catalogue, or something else that plays."""

    id: str
    name: str
    artist: str = "The Inventions"
    duration_s: float = _TRACK_S
    kind: str = "track"  # or "episode", "chapter", "local"

    @property
    def uri(self) -> str:
        if self.kind == "local":
            return f"spotify:local:{self.artist}::{self.name}:{self.duration_s:.0f}".replace(" ", "+")
        return f"spotify:{'track' if self.kind == 'track' else 'episode'}:{self.id}"


@dataclass(slots=True)
class FakePlaylist:
    """A playlist; `tracks` may hold None, as lists of Spotify do where a track has gone."""

    id: str
    name: str
    tracks: list[Track | None]
    owner: str
    collaborative: bool = False
    public: bool = False
    deleted: bool = False
    followed: bool = True

    @property
    def uri(self) -> str:
        return f"spotify:playlist:{self.id}"


@dataclass(slots=True)
class Device:
    """A device with Spotify on it.

    `asleep` ones are listed, but only a command that names them wakes them, and only where `wakes`. `present`
    tells whether it is listed at all. `volume` is None where it cannot be set.
    """

    id: str
    name: str
    kind: str = "Computer"
    volume: int | None = 50
    restricted: bool = False
    asleep: bool = False
    wakes: bool = True
    present: bool = True


@dataclass(slots=True)
class Playback:
    """What plays, as it was at `as_of_s`; `device` is the active one."""

    device: Device | None = None
    context_uri: str | None = None
    queue: list[Track] = field(default_factory=list)
    index: int = 0
    position_s: float = 0.0
    playing: bool = False
    shuffle: bool = False
    repeat: str = "off"
    advert_until_s: float = 0.0
    as_of_s: float = 0.0

    @property
    def track(self) -> Track | None:
        return self.queue[self.index] if self.index < len(self.queue) else None


@dataclass(frozen=True, slots=True)
class Played:
    """A command to play that was carried out: what, by whom ("app", "phone"), when (Unix, monotonic)."""

    uri: str
    by: str
    time_s: float
    monotonic_s: float


@dataclass(frozen=True, slots=True)
class App:
    """An app as it stands in the developer's dashboard."""

    client_id: str
    redirect_uris: tuple[str, ...]
    name: str = "Attune on trial"


@dataclass(slots=True)
class Grant:
    """One consent of the user: from code to refresh token."""

    client_id: str
    scopes: frozenset[str]
    since_s: float
    redirect_uri: str = ""
    challenge: str = ""
    refresh_token: str = ""
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A request that came in; `status` is None where the connection was closed without an answer."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    time_s: float
    monotonic_s: float
    status: int | None


class Ids:
    """Gives ids that look like Spotify's and are the same in every run."""

    def __init__(self) -> None:
        self._given = 0
        self._lock = threading.Lock()

    def next(self, kind: str) -> str:
        with self._lock:
            self._given += 1
            return invented_id(f"{kind} {self._given}")


def invented_id(seed: str, length: int = 22) -> str:
    """An id of base-62 digits that depends on the seed alone."""
    number = int.from_bytes(hashlib.sha512(seed.encode()).digest())
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(digits)


def invented_tracks(name: str, count: int) -> list[Track | None]:
    """Tracks of three minutes each, named after their playlist."""
    return [Track(invented_id(f"track {name} {k}"), f"{name} {k + 1}") for k in range(count)]

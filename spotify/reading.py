"""Owns the reading of the Web API's JSON, in which anything may be null or missing. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from playback.player import OutputDevice, Playlist, Track

__all__ = [
    "Device",
    "Playback",
    "canonical_uri",
    "devices",
    "listed",
    "playback",
    "playlist",
    "total",
]

_PLAYLIST: Final = re.compile(r"spotify:(?:user:[^:]+:)?playlist:([0-9A-Za-z]+)")


@dataclass(frozen=True, slots=True)
class Device:
    """A device with Spotify on it.

    Parameters
    ----------
    id
        Empty where it has none, so that it cannot be named in a command.
    name
        For people.
    active
        It is the one in use.
    restricted
        It takes no commands.
    volume
        0 to 1; None where it cannot be set.
    """

    id: str
    name: str
    active: bool = False
    restricted: bool = False
    volume: float | None = None

    @property
    def usable(self) -> bool:
        """Whether commands can be sent to it."""
        return bool(self.id) and not self.restricted

    def output(self) -> OutputDevice:
        """The same for everybody."""
        return OutputDevice(self.name, self.active, self.volume, self.id)


@dataclass(frozen=True, slots=True)
class Playback:
    """What plays.

    Parameters
    ----------
    playing
        Music, or an advert, is coming out.
    context_uri
        Address of the playlist from which it comes; empty where it comes from none.
    track
        What it is.
    device
        Where it comes out.
    """

    playing: bool = False
    context_uri: str = ""
    track: Track | None = None
    device: Device | None = None


def canonical_uri(uri: str) -> str:
    """Address of a playlist in its one form, ``spotify:playlist:ID``; empty where it is none."""
    found = _PLAYLIST.fullmatch(uri)
    return f"spotify:playlist:{found[1]}" if found else ""


def listed(page: Any) -> list[Any]:
    """What a page holds, without its nulls."""
    entries = _fields(page).get("items")
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def total(page: Any) -> int | None:
    """How many there are on all pages."""
    return _whole(_fields(page).get("total"))


def playlist(raw: Any, user_id: str) -> Playlist | None:
    """A playlist; None where nothing that can be played is there."""
    fields = _fields(raw)
    uri = canonical_uri(_text(fields.get("uri")))
    if not uri:
        return None
    owner = _text(_fields(fields.get("owner")).get("id"))
    held = total(fields.get("items"))  # what others own does not tell
    return Playlist(uri, _text(fields.get("name")).strip() or "Untitled", held, owned=owner == user_id)


def devices(raw: Any) -> tuple[Device, ...]:
    """All devices that are told of."""
    found = _fields(raw).get("devices")
    each = (_device(one) for one in found) if isinstance(found, list) else ()
    return tuple(device for device in each if device is not None)


def playback(raw: Any) -> Playback:
    """What plays; nothing where there is no answer, for then nothing is open."""
    fields = _fields(raw)
    return Playback(
        playing=fields.get("is_playing") is True,
        context_uri=canonical_uri(_text(_fields(fields.get("context")).get("uri"))),
        track=_track(fields),
        device=_device(fields.get("device")),
    )


def _device(raw: Any) -> Device | None:
    fields = _fields(raw)
    name = _text(fields.get("name"))
    if not name:
        return None
    percent = _whole(fields.get("volume_percent"))
    fixed = percent is None or fields.get("supports_volume") is False
    return Device(
        _text(fields.get("id")),
        name,
        active=fields.get("is_active") is True,
        restricted=fields.get("is_restricted") is True,
        volume=None if fixed or percent is None else min(100, max(0, percent)) / 100,
    )


def _track(state: dict[str, Any]) -> Track | None:
    if state.get("currently_playing_type") == "ad":
        return Track("Advertisement")
    item = _fields(state.get("item"))
    title = _text(item.get("name"))
    if not title:
        return None
    artists = item.get("artists")
    names = [_text(_fields(one).get("name")) for one in artists] if isinstance(artists, list) else []
    artist = ", ".join(filter(None, names)) or _text(_fields(item.get("show")).get("name"))
    return Track(title, artist, _seconds(item.get("duration_ms")), _seconds(state.get("progress_ms")))


def _fields(raw: Any) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _text(raw: Any) -> str:
    return raw if isinstance(raw, str) else ""


def _whole(raw: Any) -> int | None:
    return raw if isinstance(raw, int) and not isinstance(raw, bool) else None


def _seconds(ms: Any) -> float | None:
    whole = _whole(ms)
    return None if whole is None else max(0, whole) / 1000

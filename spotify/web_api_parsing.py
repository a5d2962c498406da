"""Parsing of the Web API's JSON, in which anything may be null or missing. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from playback.player import ContentKind, OutputDevice, PlayingTrack, Playlist

_PLAYLIST: Final = re.compile(r"spotify:(?:user:[^:]+:)?playlist:([0-9A-Za-z]+)")


_UNNAMED: Final = {
    ContentKind.MUSIC: "Untitled",
    ContentKind.PODCAST: "A podcast",
    ContentKind.AUDIOBOOK: "An audiobook",
    ContentKind.UNKNOWN: "Something that Spotify does not name",
}


@dataclass(frozen=True, slots=True)
class SpotifyDevice:
    """A device with Spotify on it."""

    id: str  # empty where it has none; then commands cannot be sent to it
    name: str  # for people
    active: bool = False  # whether it is in use
    restricted: bool = False  # whether it refuses commands
    # 0 to 1; None where it cannot be set.
    volume: float | None = None

    @property
    def usable(self) -> bool:
        """Whether commands can be sent to it."""
        return bool(self.id) and not self.restricted

    def output(self) -> OutputDevice:
        """The same for all players."""
        return OutputDevice(self.name, self.active, self.volume, self.id, self.usable)

    def is_same(self, other: SpotifyDevice) -> bool:
        """Whether both are one device, at two times; some have no id."""
        return (self.id or self.name) == (other.id or other.name)


@dataclass(frozen=True, slots=True)
class PlaybackState:
    """What plays."""

    playing: bool = False  # whether anything plays
    context_uri: str = ""  # address of the playlist that plays; empty where none does
    track: PlayingTrack | None = None
    device: SpotifyDevice | None = None  # on which it plays

    @property
    def choice(self) -> tuple[bool, str, ContentKind]:
        """What changes where a person plays something else, or stops it; not from track to track."""
        alone = self.track is not None and not self.context_uri and self.track.kind is not ContentKind.ADVERT
        kind = self.track.kind if self.track is not None and alone else ContentKind.MUSIC
        return self.playing, self.context_uri, kind


def canonical_uri(uri: str) -> str:
    """Address of a playlist in the form ``spotify:playlist:ID``; empty where it is none."""
    found = _PLAYLIST.fullmatch(uri)
    return f"spotify:playlist:{found[1]}" if found else ""


def listed(page: Any) -> list[Any]:
    """Entries of a page, without nulls."""
    entries = _fields(page).get("items")
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def total(page: Any) -> int | None:
    """Number of entries on all pages."""
    return _whole(_fields(page).get("total"))


def playlist(raw: Any, user_id: str) -> Playlist | None:
    """A playlist; None where the JSON is none."""
    fields = _fields(raw)
    uri = canonical_uri(_text(fields.get("uri")))
    if not uri:
        return None
    owner = _text(_fields(fields.get("owner")).get("id"))
    held = total(fields.get("items"))  # missing for other people's playlists
    return Playlist(uri, _text(fields.get("name")).strip() or "Untitled", held, owned=owner == user_id)


def devices(raw: Any) -> tuple[SpotifyDevice, ...]:
    """All devices."""
    found = _fields(raw).get("devices")
    each = (_device(one) for one in found) if isinstance(found, list) else ()
    return tuple(device for device in each if device is not None)


def playback(raw: Any) -> PlaybackState:
    """What plays; nothing where the answer is empty, which means that Spotify is open nowhere."""
    fields = _fields(raw)
    return PlaybackState(
        playing=fields.get("is_playing") is True,
        context_uri=canonical_uri(_text(_fields(fields.get("context")).get("uri"))),
        track=_track(fields),
        device=_device(fields.get("device")),
    )


def _device(raw: Any) -> SpotifyDevice | None:
    fields = _fields(raw)
    device_id = _text(fields.get("id"))
    name = _text(fields.get("name")) or ("Unnamed device" if device_id else "")
    if not name:
        return None
    percent = _whole(fields.get("volume_percent"))
    fixed = percent is None or fields.get("supports_volume") is False
    return SpotifyDevice(
        device_id,
        name,
        active=fields.get("is_active") is True,
        restricted=fields.get("is_restricted") is True,
        volume=None if fixed or percent is None else min(100, max(0, percent)) / 100,
    )


def _track(state: dict[str, Any]) -> PlayingTrack | None:
    item = _fields(state.get("item"))
    kind = _content_kind(state, item)
    if kind is ContentKind.ADVERT:
        return PlayingTrack("Advertisement", kind=kind)
    title = _text(item.get("name"))
    position_s = _seconds(state.get("progress_ms"))
    if not title and (item or kind is not ContentKind.MUSIC):
        title = _UNNAMED[kind]
    if not title:
        return None
    artists = item.get("artists")
    names = [_text(_fields(one).get("name")) for one in artists] if isinstance(artists, list) else []
    wholes = (_text(_fields(item.get(whole)).get("name")) for whole in ("show", "audiobook"))
    artist = ", ".join(filter(None, names)) or next(filter(None, wholes), "")
    return PlayingTrack(title, artist, _seconds(item.get("duration_ms")), position_s, kind)


def _content_kind(state: dict[str, Any], item: dict[str, Any]) -> ContentKind:
    """What plays; spoken things often come without an item, and in a private session everything does."""
    said, kind = state.get("currently_playing_type"), item.get("type")
    context = _fields(state.get("context"))
    if said == "ad":
        return ContentKind.ADVERT
    if "audiobook" in item or "audiobook" in (kind, context.get("type")) or kind == "chapter":
        return ContentKind.AUDIOBOOK
    if "episode" in (said, kind) or "show" in item or context.get("type") == "show":
        return ContentKind.PODCAST
    nameless = said == "unknown" and not item and not canonical_uri(_text(context.get("uri")))
    return ContentKind.UNKNOWN if nameless and state.get("is_playing") is True else ContentKind.MUSIC


def _fields(raw: Any) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _text(raw: Any) -> str:
    return raw if isinstance(raw, str) else ""


def _whole(raw: Any) -> int | None:
    return raw if isinstance(raw, int) and not isinstance(raw, bool) else None


def _seconds(ms: Any) -> float | None:
    whole = _whole(ms)
    return None if whole is None else max(0, whole) / 1000

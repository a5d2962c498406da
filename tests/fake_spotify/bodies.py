"""Owns what the answers of the Web API look like: the JSON of playlists, tracks, devices and playback."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from tests.fake_spotify import playing
from tests.fake_spotify.state import Device, FakePlaylist, Track, invented_id
from tests.fake_spotify.world import World

__all__ = [
    "HIDDEN_OWNER",
    "contents_visible",
    "device",
    "found",
    "items",
    "me",
    "page",
    "playback",
    "playlist",
    "snapshot_id",
    "whole_playlist",
]

HIDDEN_OWNER = "spotify"
Json = dict[str, Any]


def me(world: World) -> Json:
    """The user, without what development mode no longer tells (product, email, country, followers)."""
    return {
        "display_name": world.user_name,
        "external_urls": {"spotify": f"https://open.spotify.com/user/{world.user_id}"},
        "href": f"https://api.spotify.com/v1/users/{world.user_id}",
        "id": world.user_id,
        "images": [],
        "type": "user",
        "uri": f"spotify:user:{world.user_id}",
    }


def page(address: str, entries: Sequence[Any], limit: int, offset: int, **query: str) -> Json:
    """One page of a list, with the addresses of its neighbours."""

    def at(offset: int) -> str:
        return f"{address}?{urlencode({'offset': offset, 'limit': limit} | query)}"

    return {
        "href": at(offset),
        "items": list(entries[offset : offset + limit]),
        "limit": limit,
        "next": at(offset + limit) if offset + limit < len(entries) else None,
        "offset": offset,
        "previous": at(max(0, offset - limit)) if offset else None,
        "total": len(entries),
    }


def playlist(world: World, base: str, one: FakePlaylist) -> Json | None:
    """A playlist as lists give it; null for Spotify's own, which new apps may not see."""
    if one.owner == HIDDEN_OWNER:
        return None
    return {
        "collaborative": one.collaborative,
        "description": "",
        "external_urls": {"spotify": f"https://open.spotify.com/playlist/{one.id}"},
        "href": f"{base}/v1/playlists/{one.id}",
        "id": one.id,
        "images": None,
        "items": {"href": f"{base}/v1/playlists/{one.id}/items", "total": len(one.tracks)},
        "name": one.name,
        "owner": {
            "display_name": world.user_name if one.owner == world.user_id else one.owner,
            "href": f"{base}/v1/users/{one.owner}",
            "id": one.owner,
            "type": "user",
            "uri": f"spotify:user:{one.owner}",
        },
        "primary_color": None,
        "public": one.public,
        "snapshot_id": snapshot_id(one),
        "type": "playlist",
        "uri": one.uri,
    }


def whole_playlist(world: World, base: str, one: FakePlaylist) -> Json:
    """A playlist by itself; its items only where it is the user's own or they collaborate."""
    body = playlist(world, base, one) or {}
    body.pop("items", None)
    if contents_visible(world, one):
        body["items"] = page(f"{base}/v1/playlists/{one.id}/items", items(world, one), 100, 0)
    return body


def contents_visible(world: World, one: FakePlaylist) -> bool:
    """Whether development mode shows what is in it."""
    return one.owner == world.user_id or one.collaborative


def items(world: World, one: FakePlaylist) -> list[Json | None]:
    """What is in it; an item whose track has gone has none."""
    return [
        {
            "added_at": "2026-11-01T12:00:00Z",
            "added_by": {"id": world.user_id, "type": "user", "uri": f"spotify:user:{world.user_id}"},
            "is_local": False,
            "item": None if entry is None else track(entry),
        }
        for entry in one.tracks
    ]


def snapshot_id(one: FakePlaylist) -> str:
    """Changes with what is in it."""
    held = " ".join(entry.id if entry else "-" for entry in one.tracks)
    return hashlib.sha256(f"{one.id} {held}".encode()).hexdigest()[:32]


def spoken(one: Track) -> Json:
    """An episode of a podcast, or a chapter of an audiobook, which looks much the same."""
    whole = "show" if one.kind == "episode" else "audiobook"
    return {
        "duration_ms": round(one.duration_s * 1000),
        "explicit": False,
        "id": one.id,
        "is_externally_hosted": False,
        "name": one.name,
        "type": one.kind,
        "uri": one.uri,
        whole: {"id": invented_id(f"{whole} {one.artist}"), "name": one.artist, "type": whole},
    }


def local_track(one: Track) -> Json:
    """A file of the device: ids and addresses are missing."""
    return track(one) | {"href": None, "id": None, "is_local": True, "is_playable": None}


def track(one: Track) -> Json:
    """A track, without what development mode no longer tells (popularity, markets)."""
    if one.kind in ("episode", "chapter"):
        return spoken(one)
    artist_id = invented_id(f"artist {one.artist}")
    artist = {"id": artist_id, "name": one.artist, "type": "artist", "uri": f"spotify:artist:{artist_id}"}
    album_id = invented_id(f"album {one.artist}")
    return {
        "album": {
            "album_type": "album",
            "artists": [artist],
            "id": album_id,
            "images": [],
            "name": f"Works of {one.artist}",
            "type": "album",
            "uri": f"spotify:album:{album_id}",
        },
        "artists": [artist],
        "disc_number": 1,
        "duration_ms": round(one.duration_s * 1000),
        "explicit": False,
        "href": f"https://api.spotify.com/v1/tracks/{one.id}",
        "id": one.id,
        "is_local": False,
        "is_playable": True,
        "name": one.name,
        "track_number": 1,
        "type": "track",
        "uri": one.uri,
    }


def found(world: World, base: str, kind: str, words: str) -> Sequence[Json | None]:
    """What the search finds of that kind by its name: tracks and playlists only; null for Spotify's own."""
    words = words.lower()
    if kind == "playlist":
        named = [one for one in world.playlists if words in one.name.lower() and not one.deleted]
        return [playlist(world, base, one) for one in named]
    if kind == "track":
        known = {entry.id: entry for one in world.playlists for entry in one.tracks if entry is not None}
        return [track(one) for one in known.values() if words in f"{one.artist} {one.name}".lower()]
    return ()


def device(world: World, one: Device) -> Json:
    """A device; restricted ones often have no id, and sleeping ones look like any that is not in use."""
    return {
        "id": one.id or None,
        "is_active": one is world.playback.device,
        "is_private_session": world.private,
        "is_restricted": one.restricted,
        "name": one.name,
        "supports_volume": one.volume is not None,
        "type": one.kind,
        "volume_percent": one.volume,
    }


def playback(world: World, types: str = "track") -> Json:
    """What plays, where, and how far it has got; without an item where its type is none of these."""
    state = world.playback
    advert = playing.advert_runs(world)
    now = state.track
    disallowed = ["resuming"] if state.playing else ["pausing"]
    if advert:
        disallowed = ["pausing", "seeking", "skipping_next", "skipping_prev"]
    context = None
    if state.context_uri:
        name = state.context_uri.rpartition(":")[2]
        context = {
            "external_urls": {"spotify": f"https://open.spotify.com/playlist/{name}"},
            "href": f"https://api.spotify.com/v1/playlists/{name}",
            "type": "playlist",
            "uri": state.context_uri,
        }
    return {
        "actions": {"disallows": dict.fromkeys(disallowed, True)},
        "context": context,
        "currently_playing_type": "ad" if advert else _playing_type(world, now),
        "device": None if state.device is None else device(world, state.device),
        "is_playing": state.playing or advert,
        "item": None if advert or _playing_type(world, now) not in types.split(",") else _item(now),
        "progress_ms": round(state.position_s * 1000) if now else None,
        "repeat_state": state.repeat,
        "shuffle_state": state.shuffle,
        "smart_shuffle": False,
        "timestamp": round(state.as_of_s * 1000),
    }


def _playing_type(world: World, now: Track | None) -> str:
    if now is None or world.private:
        return "unknown"
    return "episode" if now.kind in ("episode", "chapter") else "track"


def _item(now: Track | None) -> Json:
    assert now is not None
    return local_track(now) if now.kind == "local" else track(now)

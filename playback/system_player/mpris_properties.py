"""What the properties of an MPRIS player say, whatever types it gives them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

from playback.player import ContentKind, PlayingTrack
from playback.system_player.backend import OpenPlayer, number_of, player_name, text_of

BUS_PREFIX: Final = "org.mpris.MediaPlayer2."
_PROXIES: Final = ("playerctld",)  # they repeat another player's answers
_FILE_OPENERS: Final = frozenset({"http", "https", "mms", "rtsp", "smb", "ftp"})
_US: Final = 1e-6
_EARLY_US: Final = 5e6
_MOVES_S: Final = 1.5  # for so long after it moved, a position is one that moves
_SPOTIFY_KIND: Final = re.compile(r"\bspotify[:/](ad|episode)[:/]")
_KINDS: Final = {"ad": ContentKind.ADVERT, "episode": ContentKind.PODCAST}
_NO_TRACK: Final = re.compile(r".*/(?:NoTrack|noplaylist)")


def is_player(name: str) -> bool:
    """Whether a name on the bus is that of a player of its own."""
    rest = name.removeprefix(BUS_PREFIX)
    return rest != name and rest.partition(".")[0] not in _PROXIES


def plain(value: Any) -> Any:
    """Take the signatures off variants."""
    while isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
        value = value[1]
    return value


def parse_player(
    name: str,
    application: Mapping[str, Any],
    properties: Mapping[str, Any],
    *,
    before: OpenPlayer | None,
    now_s: float,
) -> OpenPlayer:
    """Read the properties of a player.

    Parameters
    ----------
    name
        Its name on the bus.
    application, properties
        Of the interfaces ``org.mpris.MediaPlayer2`` and ``org.mpris.MediaPlayer2.Player``.
    before
        As it was when last seen; some players that play say all the while that they are stopped.
    now_s
        Monotonic time.
    """
    told = {key: plain(value) for key, value in properties.items()}
    schemes = _schemes(plain(application.get("SupportedUriSchemes")))
    about = _metadata(told.get("Metadata"))
    track_id, address = _track_id(about), text_of(about.get("xesam:url"))
    track = _track(about, track_id, address, told.get("Position"))
    if track is not None and not schemes:  # a browser, which may show a film or hold a call
        track = replace(track, kind=ContentKind.UNKNOWN)
    moved_s = _moved_s(before, track, track_id, now_s)
    status = text_of(told.get("PlaybackStatus")).casefold()
    playing = status == "playing" or (status == "stopped" and now_s - moved_s < _MOVES_S)
    controllable = told.get("CanControl") is not False
    volume = number_of(told.get("Volume"), most=100.0) if controllable else None
    return OpenPlayer(
        id=name,
        name=player_name(text_of(plain(application.get("Identity"))), name.removeprefix(BUS_PREFIX)),
        playing=playing and track is not None,
        stopped=status == "stopped",
        track=track,
        track_id=track_id,
        address=address,
        volume=None if volume is None else min(1.0, volume),
        schemes=schemes,
        takes_commands=controllable,
        has_next=told.get("CanGoNext") is not False,
        seen_s=now_s,
        moved_s=moved_s,
    )


def _metadata(told: object) -> dict[str, Any]:
    return {key: plain(value) for key, value in told.items()} if isinstance(told, Mapping) else {}


def _schemes(told: object) -> frozenset[str]:
    if not isinstance(told, list):
        return frozenset()
    schemes = {one.strip(":/ ").lower() for one in told if isinstance(one, str)}
    # Not all who open files and addresses of the web say so of both.
    return frozenset(schemes | {"file", "http", "https"} if schemes & _FILE_OPENERS else schemes)


def _track_id(about: Mapping[str, Any]) -> str:
    track_id = text_of(about.get("mpris:trackid"))
    return "" if _NO_TRACK.fullmatch(track_id) else track_id


def _track(about: Mapping[str, Any], track_id: str, address: str, position: object) -> PlayingTrack | None:
    title = text_of(about.get("xesam:title")) or unquote(address.rstrip("/").rpartition("/")[2])
    if not (title or track_id):
        return None
    artists = about.get("xesam:artist")
    named = [artists] if isinstance(artists, str) else artists if isinstance(artists, list) else []
    spoken = _SPOTIFY_KIND.search(f"{track_id} {address}")
    return PlayingTrack(
        title,
        ", ".join(filter(None, map(text_of, named))),
        duration_s=number_of(about.get("mpris:length"), factor=_US) or None,
        position_s=_position_s(position),
        kind=_KINDS[spoken[1]] if spoken else ContentKind.MUSIC,
    )


def _moved_s(before: OpenPlayer | None, track: PlayingTrack | None, track_id: str, now_s: float) -> float:
    """When the position last moved; a track that follows one that played moves on with it."""
    if before is None or before.track is None or track is None:
        return float("-inf")
    if track_id != before.track_id or track.title != before.track.title:
        return now_s if before.playing else before.moved_s
    was_s, is_s = before.track.position_s or 0.0, track.position_s or 0.0
    return now_s if is_s > was_s else before.moved_s


def _position_s(told: object) -> float | None:
    """How far a track has got; some count from before its beginning."""
    early = isinstance(told, int | float) and -_EARLY_US < told < 0
    return 0.0 if early else number_of(told, factor=_US)

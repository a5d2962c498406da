"""Owns the player's part of the Web API: what plays, devices, and the commands with their refusals."""

from __future__ import annotations

from collections.abc import Callable

from fastapi.responses import JSONResponse, Response

from tests.fake_spotify import bodies, playing
from tests.fake_spotify.asking import ApiError, Ask
from tests.fake_spotify.state import Device, FakePlaylist
from tests.fake_spotify.world import World

__all__ = ["PLAYER"]

_READ, _MODIFY = "user-read-playback-state", "user-modify-playback-state"
_RESTRICTED = "Player command failed: Restriction violated"


def _state(ask: Ask) -> Response:
    if ask.world.playback.device is None:
        return Response(status_code=204)
    return JSONResponse(bodies.playback(ask.world, f"track,{ask.query.get('additional_types', '')}"))


def _devices(ask: Ask) -> Response:
    return JSONResponse(
        {"devices": [bodies.device(ask.world, one) for one in ask.world.devices if one.present]}
    )


def _target(ask: Ask) -> Device:
    """The device that a command is for, awake; raises as Spotify does where there is none."""
    world = ask.world
    if not world.premium:
        raise ApiError(403, "Player command failed: Premium required", "PREMIUM_REQUIRED")
    wanted = ask.query.get("device_id")
    if wanted is None:
        if world.playback.device is None:
            raise ApiError(404, "Player command failed: No active device found", "NO_ACTIVE_DEVICE")
        device = world.playback.device
    else:
        device = _device(world, wanted)
    if device.restricted:
        raise ApiError(403, "Player command failed: Restricted device", "UNKNOWN")
    return device


def _device(world: World, device_id: str) -> Device:
    found = next((one for one in world.devices if one.present and one.id == device_id), None)
    if found is None or (found.asleep and not found.wakes):
        raise ApiError(404, "Device not found")
    return found


def _transfer(ask: Ask) -> Response:
    wanted = ask.fields()
    device_ids = wanted.get("device_ids")
    if not isinstance(device_ids, list) or len(device_ids) != 1:
        raise ApiError(400, "Missing required field: device_ids")
    ask.query["device_id"] = str(device_ids[0])
    playing.activate(ask.world, _target(ask))
    if wanted.get("play"):
        playing.resume(ask.world)
    return Response(status_code=204)


def _play(ask: Ask) -> Response:
    world, wanted = ask.world, ask.fields()
    device = _target(ask)
    context, uris = wanted.get("context_uri"), wanted.get("uris")
    if context is not None and uris is not None:
        raise ApiError(400, "Can't have both context_uri and uris")
    if context is not None:
        playlist = _context(world, context)
        first = _offset(wanted.get("offset"), [track.uri for track in playlist.tracks if track])
        playing.activate(world, device)
        playing.start_playlist(world, playlist, first=first)
    elif uris is not None:
        if not isinstance(uris, list) or not all(str(uri).startswith("spotify:track:") for uri in uris):
            raise ApiError(400, "Invalid track uri")
        tracks = [playing.track_of(world, uri) for uri in uris]
        first = _offset(wanted.get("offset"), uris)
        playing.activate(world, device)
        playing.play_tracks(world, tracks, first=first)
    else:
        if world.playback.track is None or (world.playback.playing and device is world.playback.device):
            raise ApiError(403, _RESTRICTED, "UNKNOWN")
        playing.activate(world, device)
        playing.resume(world)
    if isinstance(wanted.get("position_ms"), int):
        playing.seek(world, wanted["position_ms"] / 1000)
    return Response(status_code=204)


def _context(world: World, uri: object) -> FakePlaylist:
    if not isinstance(uri, str) or not uri.startswith("spotify:playlist:"):
        raise ApiError(400, "Invalid context uri")
    found = world.playlist(uri)
    if found is None or found.deleted:
        raise ApiError(404, "Not found.")
    return found


def _offset(offset: object, uris: list[str]) -> int:
    if not isinstance(offset, dict):
        return 0
    if "uri" in offset:
        return uris.index(offset["uri"]) if offset["uri"] in uris else 0
    at = offset.get("position", 0)
    if not isinstance(at, int) or at < 0:
        raise ApiError(400, "Invalid position")
    return at


def _restrict(ask: Ask, *, forbidden: bool = False) -> Device:
    device = _target(ask)
    if forbidden or playing.advert_runs(ask.world):
        raise ApiError(403, _RESTRICTED, "UNKNOWN")
    return device


def _pause(ask: Ask) -> Response:
    _restrict(ask, forbidden=not ask.world.playback.playing)
    playing.pause(ask.world)
    return Response(status_code=204)


def _next(ask: Ask) -> Response:
    _restrict(ask, forbidden=ask.world.playback.track is None)
    playing.skip(ask.world, 1)
    return Response(status_code=204)


def _previous(ask: Ask) -> Response:
    _restrict(ask, forbidden=ask.world.playback.track is None)
    playing.skip(ask.world, -1)
    return Response(status_code=204)


def _seek(ask: Ask) -> Response:
    _restrict(ask, forbidden=ask.world.playback.track is None)
    playing.seek(ask.world, ask.number("position_ms", -1, 0, 10**9) / 1000)
    return Response(status_code=204)


def _volume(ask: Ask) -> Response:
    device, percent = _target(ask), ask.number("volume_percent", -1, 0, 100)
    if device.volume is None:
        raise ApiError(403, "Player command failed: Cannot control device volume", "VOLUME_CONTROL_DISALLOW")
    device.volume = percent
    return Response(status_code=204)


def _shuffle(ask: Ask) -> Response:
    _target(ask)
    if ask.query.get("state") not in ("true", "false"):
        raise ApiError(400, "Invalid state")
    ask.world.playback.shuffle = ask.query["state"] == "true"
    return Response(status_code=204)


def _repeat(ask: Ask) -> Response:
    _target(ask)
    if ask.query.get("state") not in ("track", "context", "off"):
        raise ApiError(400, "Invalid state")
    ask.world.playback.repeat = ask.query["state"]
    return Response(status_code=204)


PLAYER: tuple[tuple[str, str, Callable[[Ask], Response], str], ...] = (
    ("GET", "/me/player", _state, _READ),
    ("GET", "/me/player/currently-playing", _state, "user-read-currently-playing"),
    ("GET", "/me/player/devices", _devices, _READ),
    ("PUT", "/me/player", _transfer, _MODIFY),
    ("PUT", "/me/player/play", _play, _MODIFY),
    ("PUT", "/me/player/pause", _pause, _MODIFY),
    ("POST", "/me/player/next", _next, _MODIFY),
    ("POST", "/me/player/previous", _previous, _MODIFY),
    ("PUT", "/me/player/seek", _seek, _MODIFY),
    ("PUT", "/me/player/volume", _volume, _MODIFY),
    ("PUT", "/me/player/shuffle", _shuffle, _MODIFY),
    ("PUT", "/me/player/repeat", _repeat, _MODIFY),
)
"""Method, path, handler and the scope that is needed."""

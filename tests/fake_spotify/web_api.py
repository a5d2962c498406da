"""Owns the Web API under /v1 as a new app in development mode meets it in November 2026."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from fake_spotify import bodies, playing
from fake_spotify.faults import NOT_REGISTERED, OWNER_WITHOUT_PREMIUM, error_body
from fake_spotify.state import Device, Playlist, Track
from fake_spotify.world import World

__all__ = ["ApiError", "api_routes"]

_READ, _MODIFY = "user-read-playback-state", "user-modify-playback-state"
_RESTRICTED = "Player command failed: Restriction violated"
_DAY_S = 86_400


class ApiError(Exception):
    """An answer other than the one that was hoped for."""

    def __init__(self, status: int, message: str = "", reason: str = "", **headers: str) -> None:
        super().__init__(status, message, reason)
        self.response: Response = JSONResponse(
            error_body(status, message, reason) if message else {"error": {"status": status}},
            status_code=status,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )


Handler = Callable[["Ask"], Response]


class Ask:
    """A request that has a right to be answered: its world, query, path parts and JSON body."""

    def __init__(self, world: World, request: Request, body: bytes) -> None:
        self.world = world
        self.query = dict(request.query_params)
        self.parts = dict(request.path_params)
        self.base = f"{request.url.scheme}://{request.url.netloc}"
        self.url = str(request.url)
        self._body = body

    def json(self) -> Any:
        """The body; an empty one counts as an empty object."""
        try:
            return json.loads(self._body) if self._body.strip() else {}
        except ValueError:
            raise ApiError(400, "Error parsing JSON.") from None

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number of the query, within bounds."""
        given = self.query.get(name, str(default))
        if not given.lstrip("-").isdigit():
            raise ApiError(400, f"Invalid {name}")
        if not least <= int(given) <= most:
            raise ApiError(400, f"Invalid {name}")
        return int(given)

    def playlist(self) -> Playlist:
        """The playlist of the path, where this app may see it."""
        found = self.world.playlist(str(self.parts["playlist_id"]))
        if found is None or found.deleted or found.owner == bodies.HIDDEN_OWNER:
            raise ApiError(404, "Resource not found")
        return found


def api_routes(world: World) -> APIRouter:
    """All of /v1 over the given world."""
    routes = APIRouter(prefix="/v1")

    def serve(method: str, path: str, handler: Handler, scopes: tuple[str, ...] = ()) -> None:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            with world.lock:
                try:
                    _admit(world, request, scopes)
                    playing.sync(world)
                    return handler(Ask(world, request, body))
                except ApiError as failure:
                    return failure.response

        _add(routes, method, path, endpoint)

    serve("GET", "/me", _me)
    serve("GET", "/me/playlists", _my_playlists, ("playlist-read-private",))
    serve("POST", "/me/playlists", _create_playlist)
    serve("GET", "/playlists/{playlist_id}", _playlist)
    serve("GET", "/playlists/{playlist_id}/items", _items, ("playlist-read-private",))
    serve("POST", "/playlists/{playlist_id}/items", _add_items)
    serve("PUT", "/playlists/{playlist_id}/items", _replace_items)
    serve("GET", "/search", _search)
    serve("GET", "/me/player", _player, (_READ,))
    serve("GET", "/me/player/currently-playing", _player, (_READ,))
    serve("GET", "/me/player/devices", _devices, (_READ,))
    for method, path, handler in (
        ("PUT", "", _transfer),
        ("PUT", "/play", _play),
        ("PUT", "/pause", _pause),
        ("POST", "/next", _next),
        ("POST", "/previous", _previous),
        ("PUT", "/seek", _seek),
        ("PUT", "/volume", _volume),
        ("PUT", "/shuffle", _shuffle),
        ("PUT", "/repeat", _repeat),
    ):
        serve(method, f"/me/player{path}", handler, (_MODIFY,))
    for method, path in _REMOVED:
        serve(method, path, _forbidden)
    for path in _NO_LONGER_FOUND:
        serve("GET", path, _not_found)
    for method in ("GET", "POST", "PUT", "DELETE"):
        serve(method, "/{rest:path}", _unknown)
    return routes


_REMOVED = (
    ("GET", "/playlists/{playlist_id}/tracks"),
    ("POST", "/playlists/{playlist_id}/tracks"),
    ("PUT", "/playlists/{playlist_id}/tracks"),
    ("DELETE", "/playlists/{playlist_id}/tracks"),
    ("POST", "/users/{user_id}/playlists"),
    ("GET", "/users/{user_id}/playlists"),
    ("GET", "/users/{user_id}"),
    ("PUT", "/playlists/{playlist_id}/followers"),
    ("DELETE", "/playlists/{playlist_id}/followers"),
    ("PUT", "/me/tracks"),
    ("DELETE", "/me/tracks"),
    ("GET", "/me/tracks/contains"),
    ("PUT", "/me/albums"),
    ("DELETE", "/me/albums"),
    ("GET", "/tracks"),
    ("GET", "/albums"),
    ("GET", "/artists"),
    ("GET", "/artists/{artist_id}/top-tracks"),
    ("GET", "/browse/new-releases"),
    ("GET", "/browse/categories"),
    ("GET", "/markets"),
    ("GET", "/audio-features"),
    ("GET", "/audio-features/{track_id}"),
    ("GET", "/audio-analysis/{track_id}"),
)
_NO_LONGER_FOUND = (
    "/recommendations",
    "/recommendations/available-genre-seeds",
    "/browse/featured-playlists",
    "/browse/categories/{category_id}/playlists",
    "/artists/{artist_id}/related-artists",
)


def _add(
    routes: APIRouter, method: str, path: str, endpoint: Callable[[Request], Awaitable[Response]]
) -> None:
    routes.add_api_route(path, endpoint, methods=[method], response_model=None)


def _admit(world: World, request: Request, scopes: tuple[str, ...]) -> None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        raise ApiError(401, "No token provided")
    if scheme.lower() != "bearer":
        raise ApiError(400, "Only valid bearer authentication supported")
    if token not in world.access_tokens:
        raise ApiError(401, "Invalid access token")
    grant, until_s = world.access_tokens[token]
    if world.clock.now() >= until_s:
        raise ApiError(401, "The access token expired")
    _count(world)
    for holds, message in (
        (world.owner_premium, OWNER_WITHOUT_PREMIUM),
        (world.user_registered, NOT_REGISTERED),
    ):
        if not holds:
            failure = ApiError(403, message)
            failure.response = PlainTextResponse(message, status_code=403)
            raise failure
    if not set(scopes) <= grant.scopes:
        raise ApiError(403, "Insufficient client scope")
    request.state.scopes = grant.scopes


def _count(world: World) -> None:
    now = int(world.clock.now())
    day = now // _DAY_S
    if world.quota_per_day is not None and world.quota_used.get(day, 0) >= world.quota_per_day:
        raise ApiError(429, "Too many requests", "QUOTA_EXCEEDED", Retry_After=str((day + 1) * _DAY_S - now))
    world.quota_used[day] = world.quota_used.get(day, 0) + 1


def _me(ask: Ask) -> Response:
    return JSONResponse(bodies.me(ask.world))


def _my_playlists(ask: Ask) -> Response:
    limit, offset = ask.number("limit", 20, 1, 50), ask.number("offset", 0, 0, 100_000)
    mine = [bodies.playlist(ask.world, ask.base, one) for one in ask.world.playlists if not one.deleted]
    return JSONResponse(bodies.page(ask.base, "/v1/me/playlists", mine, limit, offset))


def _playlist(ask: Ask) -> Response:
    return JSONResponse(bodies.whole_playlist(ask.world, ask.base, ask.playlist()))


def _items(ask: Ask) -> Response:
    playlist = ask.playlist()
    if not bodies.contents_visible(ask.world, playlist):
        raise ApiError(403, "Forbidden")
    limit, offset = ask.number("limit", 20, 1, 100), ask.number("offset", 0, 0, 100_000)
    path = f"/v1/playlists/{playlist.id}/items"
    return JSONResponse(bodies.page(ask.base, path, bodies.items(ask.world, playlist), limit, offset))


def _create_playlist(ask: Ask) -> Response:
    wanted = ask.json()
    name = wanted.get("name")
    if not isinstance(name, str) or not name:
        raise ApiError(400, "Missing required field: name")
    made = ask.world.add_playlist(
        name,
        0,
        public=bool(wanted.get("public", True)),
        collaborative=bool(wanted.get("collaborative", False)),
    )
    return JSONResponse(bodies.whole_playlist(ask.world, ask.base, made), status_code=201)


def _own(ask: Ask) -> Playlist:
    playlist = ask.playlist()
    if playlist.owner != ask.world.user_id and not playlist.collaborative:
        raise ApiError(403, "You cannot add tracks to a playlist you don't own.")
    return playlist


def _wanted_tracks(ask: Ask) -> list[Track | None]:
    given = ask.json()
    uris = given if isinstance(given, list) else given.get("uris", [])
    if "uris" in ask.query:
        uris = ask.query["uris"].split(",")
    if len(uris) > 100:
        raise ApiError(400, "You can add a maximum of 100 tracks per request.")
    for uri in uris:
        if not str(uri).startswith("spotify:track:"):
            raise ApiError(400, f"Invalid track uri: {uri}")
    return [playing.track_of(ask.world, uri) for uri in uris]


def _add_items(ask: Ask) -> Response:
    playlist = _own(ask)
    tracks = _wanted_tracks(ask)
    at = ask.number("position", len(playlist.tracks), 0, len(playlist.tracks))
    playlist.tracks[at:at] = tracks
    return JSONResponse({"snapshot_id": bodies.snapshot_id(playlist)}, status_code=201)


def _replace_items(ask: Ask) -> Response:
    playlist = _own(ask)
    playlist.tracks[:] = _wanted_tracks(ask)
    return JSONResponse({"snapshot_id": bodies.snapshot_id(playlist)})


def _search(ask: Ask) -> Response:
    if not ask.query.get("q"):
        raise ApiError(400, "No search query")
    limit, offset = ask.number("limit", 5, 1, 10), ask.number("offset", 0, 0, 1000)
    kinds = ask.query.get("type", "").split(",")
    found: dict[str, Callable[[World, str, str], Sequence[Any]]] = {
        "track": bodies.found_tracks,
        "playlist": bodies.found_playlists,
    }
    if not set(kinds) <= set(found):
        raise ApiError(400, f"Bad search type field {ask.query.get('type', '')}")
    return JSONResponse(
        {
            f"{kind}s": bodies.page(
                ask.base, "/v1/search", found[kind](ask.world, ask.base, ask.query["q"]), limit, offset
            )
            for kind in kinds
        }
    )


def _player(ask: Ask) -> Response:
    if ask.world.playback.device is None:
        return Response(status_code=204)
    return JSONResponse(bodies.playback(ask.world))


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


def _done() -> Response:
    return Response(status_code=204)


def _transfer(ask: Ask) -> Response:
    wanted = ask.json().get("device_ids")
    if not isinstance(wanted, list) or len(wanted) != 1:
        raise ApiError(400, "Missing required field: device_ids")
    ask.query["device_id"] = wanted[0]
    playing.activate(ask.world, _target(ask))
    if ask.json().get("play"):
        playing.resume(ask.world)
    return _done()


def _play(ask: Ask) -> Response:
    world, wanted = ask.world, ask.json()
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
        tracks = [playing.track_of(world, uri) for uri in uris]
        first = _offset(wanted.get("offset"), list(uris))
        playing.activate(world, device)
        playing.play_tracks(world, tracks, first=first)
    else:
        if world.playback.track is None or (world.playback.playing and device is world.playback.device):
            raise ApiError(403, _RESTRICTED, "UNKNOWN")
        playing.activate(world, device)
        playing.resume(world)
    if wanted.get("position_ms"):
        playing.seek(world, wanted["position_ms"] / 1000)
    return _done()


def _context(world: World, uri: object) -> Playlist:
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
    return _done()


def _next(ask: Ask) -> Response:
    _restrict(ask, forbidden=ask.world.playback.track is None)
    playing.skip(ask.world, 1)
    return _done()


def _previous(ask: Ask) -> Response:
    _restrict(ask, forbidden=ask.world.playback.track is None)
    playing.skip(ask.world, -1)
    return _done()


def _seek(ask: Ask) -> Response:
    _restrict(ask, forbidden=ask.world.playback.track is None)
    playing.seek(ask.world, ask.number("position_ms", -1, 0, 10**9) / 1000)
    return _done()


def _volume(ask: Ask) -> Response:
    device, percent = _target(ask), ask.number("volume_percent", -1, 0, 100)
    if device.volume is None:
        raise ApiError(403, "Player command failed: Cannot control device volume", "VOLUME_CONTROL_DISALLOW")
    device.volume = percent
    return _done()


def _shuffle(ask: Ask) -> Response:
    _target(ask)
    if ask.query.get("state") not in ("true", "false"):
        raise ApiError(400, "Invalid state")
    ask.world.playback.shuffle = ask.query["state"] == "true"
    return _done()


def _repeat(ask: Ask) -> Response:
    _target(ask)
    if ask.query.get("state") not in ("track", "context", "off"):
        raise ApiError(400, "Invalid state")
    ask.world.playback.repeat = ask.query["state"]
    return _done()


def _forbidden(ask: Ask) -> Response:
    raise ApiError(403, "" if ask.url.partition("/v1/")[2].startswith("audio-") else "Forbidden")


def _not_found(_: Ask) -> Response:
    return Response(status_code=404)


def _unknown(_: Ask) -> Response:
    raise ApiError(404, "Service not found")

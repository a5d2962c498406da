"""Owns the Web API under /v1 as a new app in development mode meets it in November 2026."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from tests.fake_spotify import bodies, playing
from tests.fake_spotify.asking import ApiError, Ask, granted
from tests.fake_spotify.player_api import PLAYER
from tests.fake_spotify.state import FakePlaylist, Track
from tests.fake_spotify.world import World

__all__ = ["api_routes"]

_SEARCHED = {"album", "artist", "playlist", "track", "show", "episode", "audiobook"}
Handler = Callable[[Ask], Response]


def api_routes(world: World) -> APIRouter:
    """All of /v1 over the given world."""
    routes = APIRouter()

    def serve(method: str, path: str, handler: Handler, scopes: tuple[str, ...] = ()) -> None:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            with world.lock:
                try:
                    ask = Ask(world, request, body, granted(world, request))
                    ask.need(*scopes)
                    playing.sync(world)
                    return handler(ask)
                except ApiError as failure:
                    return failure.response

        routes.add_route(f"/v1{path}", endpoint, methods=[method])

    serve("GET", "/me", _me)
    serve("GET", "/me/playlists", _my_playlists, ("playlist-read-private",))
    serve("POST", "/me/playlists", _create_playlist)
    serve("GET", "/playlists/{playlist_id}", _playlist)
    serve("GET", "/playlists/{playlist_id}/items", _items, ("playlist-read-private",))
    serve("POST", "/playlists/{playlist_id}/items", _add_items)
    serve("PUT", "/playlists/{playlist_id}/items", _replace_items)
    serve("GET", "/search", _search)
    for method, path, handler, scope in PLAYER:
        serve(method, path, handler, (scope,))
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


def _me(ask: Ask) -> Response:
    return JSONResponse(bodies.me(ask.world))


def _my_playlists(ask: Ask) -> Response:
    limit, offset = ask.number("limit", 20, 1, 50), ask.number("offset", 0, 0, 100_000)
    mine = [
        bodies.playlist(ask.world, ask.base, one)
        for one in ask.world.playlists
        if one.followed
        and not one.deleted
        and (not one.collaborative or "playlist-read-collaborative" in ask.scopes)
    ]
    return JSONResponse(bodies.page(f"{ask.base}/v1/me/playlists", mine, limit, offset))


def _playlist(ask: Ask) -> Response:
    return JSONResponse(bodies.whole_playlist(ask.world, ask.base, ask.playlist()))


def _items(ask: Ask) -> Response:
    playlist = ask.playlist()
    if not bodies.contents_visible(ask.world, playlist):
        raise ApiError(403, "Forbidden")
    limit, offset = ask.number("limit", 20, 1, 50), ask.number("offset", 0, 0, 100_000)
    address = f"{ask.base}/v1/playlists/{playlist.id}/items"
    return JSONResponse(bodies.page(address, bodies.items(ask.world, playlist), limit, offset))


def _create_playlist(ask: Ask) -> Response:
    wanted = ask.fields()
    name = wanted.get("name")
    if not isinstance(name, str) or not name:
        raise ApiError(400, "Missing required field: name")
    ask.need(_scope_to_modify(public=bool(wanted.get("public", True))))
    made = ask.world.add_playlist(
        name,
        0,
        public=bool(wanted.get("public", True)),
        collaborative=bool(wanted.get("collaborative", False)),
    )
    return JSONResponse(bodies.whole_playlist(ask.world, ask.base, made), status_code=201)


def _own(ask: Ask) -> FakePlaylist:
    playlist = ask.playlist()
    if playlist.owner != ask.world.user_id and not playlist.collaborative:
        raise ApiError(403, "You cannot add tracks to a playlist you don't own.")
    ask.need(_scope_to_modify(public=playlist.public))
    return playlist


def _scope_to_modify(*, public: bool) -> str:
    return "playlist-modify-public" if public else "playlist-modify-private"


def _wanted_tracks(ask: Ask) -> list[Track | None]:
    given = ask.json()
    uris = given.get("uris") if isinstance(given, dict) else given
    if "uris" in ask.query:
        uris = ask.query["uris"].split(",")
    if not isinstance(uris, list):
        raise ApiError(400, "No uris provided")
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
    if not set(kinds) <= _SEARCHED:
        raise ApiError(400, f"Bad search type field {ask.query.get('type', '')}")
    words, address = ask.query["q"], f"{ask.base}/v1/search"
    found = {kind: bodies.found(ask.world, ask.base, kind, words) for kind in kinds}
    return JSONResponse(
        {f"{kind}s": bodies.page(address, found[kind], limit, offset, q=words, type=kind) for kind in kinds}
    )


def _forbidden(ask: Ask) -> Response:
    raise ApiError(403, "" if ask.url.partition("/v1/")[2].startswith("audio-") else "Forbidden")


def _not_found(_: Ask) -> Response:
    return Response(status_code=404)


def _unknown(_: Ask) -> Response:
    raise ApiError(404, "Service not found")

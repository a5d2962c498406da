"""Owns who may ask the Web API what: tokens, scopes, quota, and the reading of a request."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from tests.fake_spotify.bodies import HIDDEN_OWNER
from tests.fake_spotify.faults import NOT_REGISTERED, OWNER_WITHOUT_PREMIUM, error_body
from tests.fake_spotify.state import FakePlaylist
from tests.fake_spotify.world import World

__all__ = ["ApiError", "Ask", "granted"]


class ApiError(Exception):
    """An answer other than the one that was hoped for; as plain text where Spotify words it so."""

    def __init__(
        self, status: int, message: str = "", reason: str = "", *, plain: bool = False, retry_after_s: int = 0
    ) -> None:
        super().__init__(status, message, reason)
        body = error_body(status, message, reason) if message else {"error": {"status": status}}
        headers = {"Retry-After": str(retry_after_s)} if retry_after_s else None
        self.response: Response = (
            PlainTextResponse(message, status, headers) if plain else JSONResponse(body, status, headers)
        )


class Ask:
    """A request that has a right to be answered: its world, query, path parts and JSON body."""

    def __init__(self, world: World, request: Request, body: bytes, scopes: frozenset[str]) -> None:
        self.world = world
        self.scopes = scopes
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

    def fields(self) -> dict[str, Any]:
        """The body, which has to be an object."""
        body = self.json()
        if not isinstance(body, dict):
            raise ApiError(400, "Error parsing JSON.")
        return body

    def need(self, *scopes: str) -> None:
        """Refuse where the token was not given these scopes."""
        if not set(scopes) <= self.scopes:
            raise ApiError(403, "Insufficient client scope")

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number of the query, within bounds."""
        given = self.query.get(name, str(default))
        if not given.lstrip("-").isdigit():
            raise ApiError(400, f"Invalid {name}")
        if not least <= int(given) <= most:
            raise ApiError(400, f"Invalid {name}")
        return int(given)

    def playlist(self) -> FakePlaylist:
        """The playlist of the path, where this app may see it."""
        found = self.world.playlist(str(self.parts["playlist_id"]))
        if found is None or found.deleted or found.owner == HIDDEN_OWNER:
            raise ApiError(404, "Resource not found")
        return found


def granted(world: World, request: Request) -> frozenset[str]:
    """The scopes of the request's token; raises where it may not come in at all."""
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
    if not world.owner_premium:
        raise ApiError(403, OWNER_WITHOUT_PREMIUM, plain=True)
    if not world.user_registered:
        raise ApiError(403, NOT_REGISTERED, plain=True)
    return grant.scopes


def _count(world: World) -> None:
    used = world.quota_used()
    if world.quota_per_day is not None and used >= world.quota_per_day:
        wait_s = world.quota_free_s()
        raise ApiError(429, "Too many requests", "QUOTA_EXCEEDED", retry_after_s=wait_s)
    world.use_quota()

"""Owns the accounts service: the consent page with PKCE, codes, and tokens that end after six months."""

from __future__ import annotations

import base64
import hashlib
import html
import secrets
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from tests.fake_spotify.state import ALL_SCOPES, App, Grant
from tests.fake_spotify.world import REFRESH_TOKEN_S, World

__all__ = ["accounts_routes"]

_CODE_S = 600.0


class _GrantError(Exception):
    """A token cannot be given: error and description, as OAuth has them."""


def accounts_routes(world: World) -> APIRouter:
    """/authorize and /api/token over the given world."""
    routes = APIRouter()
    asked: dict[str, tuple[Grant, str]] = {}

    @routes.get("/authorize")
    async def authorize(request: Request) -> Response:
        query = dict(request.query_params)
        with world.lock:
            app = world.apps.get(query.get("client_id", ""))
            fault = _fault_of(query, app)
            if fault or app is None:
                return _error_page(fault)
            grant = Grant(
                app.client_id,
                frozenset(query.get("scope", "").split()),
                world.clock.now(),
                query["redirect_uri"],
                query.get("code_challenge", ""),
            )
            if world.auto_consent:
                return _agreed(world, grant, query.get("state"))
            key = secrets.token_urlsafe(12)
            asked[key] = (grant, query.get("state", ""))
            return HTMLResponse(_consent_page(world, app, grant, key))

    @routes.post("/authorize/{key}")
    async def answer(request: Request, key: str) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        with world.lock:
            if key not in asked:
                return _error_page("This page has been answered already")
            grant, state = asked.pop(key)
            if form.get("answer") == "agree":
                return _agreed(world, grant, state or None)
            return _sent_back(grant.redirect_uri, {"error": "access_denied"}, state or None)

    @routes.post("/api/token")
    async def token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        with world.lock:
            try:
                return JSONResponse(_tokens(world, form), headers={"Cache-Control": "no-store"})
            except _GrantError as failure:
                error, description = failure.args
                return JSONResponse({"error": error, "error_description": description}, status_code=400)

    return routes


def _fault_of(query: dict[str, str], app: App | None) -> str:
    if app is None:
        return "INVALID_CLIENT: Invalid client"
    if not _may_redirect(app, query.get("redirect_uri", "")):
        return "INVALID_CLIENT: Invalid redirect URI"
    if query.get("response_type") != "code":
        return "response_type must be code"
    if query.get("code_challenge_method", "S256") != "S256":
        return "code_challenge_method must be S256"
    if not set(query.get("scope", "").split()) <= set(ALL_SCOPES):
        return "INVALID_SCOPE: Invalid scope"
    return ""


def _may_redirect(app: App, address: str) -> bool:
    """Whether it is a registered address; loopback ones that were registered without a port go with any."""
    try:
        asked = urlsplit(address)
    except ValueError:
        return False
    if asked.hostname == "localhost" or not asked.scheme:
        return False
    if address in app.redirect_uris:
        return True
    return any(
        known.hostname == "127.0.0.1"
        and known.port is None
        and (known.scheme, known.hostname, known.path) == (asked.scheme, asked.hostname, asked.path)
        for known in map(urlsplit, app.redirect_uris)
    )


def _agreed(world: World, grant: Grant, state: str | None) -> Response:
    code = f"AQ{secrets.token_urlsafe(64)}"
    grant.since_s = world.clock.now()
    world.codes[code] = grant
    return _sent_back(grant.redirect_uri, {"code": code}, state)


def _sent_back(address: str, answer: dict[str, str], state: str | None) -> Response:
    query = urlencode(answer | ({} if state is None else {"state": state}))
    return RedirectResponse(f"{address}{'&' if '?' in address else '?'}{query}", status_code=303)


def _tokens(world: World, form: dict[str, str]) -> dict[str, str | int]:
    if form.get("client_id", "") not in world.apps:
        raise _GrantError("invalid_client", "Invalid client")
    match form.get("grant_type"):
        case "authorization_code":
            return _for_code(world, form)
        case "refresh_token":
            return _for_refresh_token(world, form)
        case None:
            raise _GrantError("unsupported_grant_type", "grant_type parameter is missing")
        case other:
            raise _GrantError("unsupported_grant_type", f"grant_type {other} is not supported")


def _for_code(world: World, form: dict[str, str]) -> dict[str, str | int]:
    grant = world.codes.pop(form.get("code", ""), None)
    now = world.clock.now()
    if grant is None or grant.client_id != form["client_id"]:
        raise _GrantError("invalid_grant", "Invalid authorization code")
    if now - grant.since_s > _CODE_S:
        raise _GrantError("invalid_grant", "Authorization code expired")
    if form.get("redirect_uri") != grant.redirect_uri:
        raise _GrantError("invalid_grant", "Invalid redirect URI")
    if not form.get("code_verifier"):
        raise _GrantError("invalid_request", "code_verifier must be supplied")
    if _challenge(form["code_verifier"]) != grant.challenge:
        raise _GrantError("invalid_grant", "code_verifier was incorrect")
    grant.refresh_token = f"AQ{secrets.token_urlsafe(48)}"
    world.grants[grant.refresh_token] = grant
    return world.new_access_token(grant) | {"refresh_token": grant.refresh_token}


def _for_refresh_token(world: World, form: dict[str, str]) -> dict[str, str | int]:
    grant = world.grants.get(form.get("refresh_token", ""))
    if grant is None or grant.client_id != form["client_id"]:
        raise _GrantError("invalid_grant", "Invalid refresh token")
    if grant.revoked:
        raise _GrantError("invalid_grant", "Refresh token revoked")
    if world.clock.now() - grant.since_s >= REFRESH_TOKEN_S:
        raise _GrantError("invalid_grant", "Refresh token expired")
    return world.new_access_token(grant)


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _error_page(message: str) -> Response:
    return HTMLResponse(_page("Error", f"<p>{html.escape(message)}</p>"), status_code=400)


def _consent_page(world: World, app: App, grant: Grant, key: str) -> str:
    wishes = "".join(f"<li>{html.escape(scope)}</li>" for scope in sorted(grant.scopes))
    return _page(
        app.name,
        f"<p>{html.escape(app.name)} would like to, for {html.escape(world.user_name)}:</p><ul>{wishes}</ul>"
        f'<form method="post" action="/authorize/{key}">'
        '<button id="agree" name="answer" value="agree">Agree</button> '
        '<button id="cancel" name="answer" value="cancel">Cancel</button></form>',
    )


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)} - Spotify</title>"
        "<style>body{font:16px sans-serif;max-width:30em;margin:4em auto;background:#121212;color:#fff}"
        "button{font:inherit;padding:.7em 2em;border-radius:2em;border:0}#agree{background:#1ed760}</style>"
        f"</head><body><h1>Spotify (on trial)</h1>{body}</body></html>"
    )

"""The terminal's commands for Spotify: `attune spotify`."""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli_shared import JsonFlag, print_json
from core.errors import AttuneError
from core.settings import Settings, load_settings
from playback.player import Connection, ConnectionState, OutcomeKind
from spotify import questions
from spotify.account import AccountStatus, SpotifyAccount
from spotify.answers import CallError
from spotify.own_app import redirect_uri, steps
from spotify.sign_in import SignIn

__all__ = ["add_commands", "spotify_app"]

spotify_app = typer.Typer(
    help="Sign in to Spotify with an app of your own, and see what it lists.", no_args_is_help=True
)

_out = Console()
_err = Console(stderr=True)

_TICK_S: Final = 0.2
_STYLES: Final = {
    ConnectionState.CONNECTED: "bold green",
    ConnectionState.DEGRADED: "yellow",
    ConnectionState.RATE_LIMITED: "yellow",
    ConnectionState.SIGN_IN_AGAIN: "bold red",
    ConnectionState.DISCONNECTED: "dim",
}
_DISCONNECTED: Final = (ConnectionState.DISCONNECTED, ConnectionState.SIGN_IN_AGAIN)
_SIGNED_OUT: Final = (OutcomeKind.NOT_CONNECTED, OutcomeKind.SIGN_IN_AGAIN)


def add_commands(app: typer.Typer) -> None:
    """Add every command of this module to the program's."""
    app.add_typer(spotify_app, name="spotify")


@spotify_app.command(
    epilog="**Examples**: `attune spotify login` · `attune spotify login --no-browser` · "
    "`attune spotify login --client-id 0123456789abcdef0123456789abcdef --create-playlists`"
)
def login(
    client_id: Annotated[
        str | None, typer.Option(help="Client id of your own app; asked for once, then remembered.")
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page, or only print its address.")
    ] = True,
    create_playlists: Annotated[
        bool, typer.Option("--create-playlists", help="Also allow to create private playlists.")
    ] = False,
) -> None:
    """Sign in: Spotify's page asks you, and its answer comes back to this machine. Ctrl-C stops."""
    settings = load_settings()
    account = SpotifyAccount(settings)
    one = account.begin(
        client_id or account.client_id or _asked_client_id(settings), may_create=create_playlists
    )
    try:
        _show_page(one, browser=browser)
        while one.waiting:
            one.wait(_TICK_S)
    except KeyboardInterrupt:
        _say("Stopped: nothing was signed in.")
        raise typer.Exit(130) from None
    finally:
        one.cancel()
    if not one.outcome.ok:
        raise AttuneError(one.outcome.message)
    _out.print(escape(one.outcome.message), highlight=False, soft_wrap=True)


@spotify_app.command(epilog="**Examples**: `attune spotify status` · `attune spotify status --json`")
def status(as_json: JsonFlag = False) -> None:
    """Say whether Spotify is connected, as whom, until when, and how often it was asked today.

    With `--json`, moments are in ISO 8601 and UTC; `until` is when a rate limit ends, or null.
    """
    found = questions.standing(load_settings())
    if as_json:
        print_json(_plain_status(found.account, found.connection))
    else:
        _print_status(found.account, found.connection)


@spotify_app.command(epilog="**Examples**: `attune spotify devices` · `attune spotify devices --json`")
def devices(as_json: JsonFlag = False) -> None:
    """List the devices on which Spotify is open."""
    with _said_in_full():
        found = questions.devices(load_settings())
    if as_json:
        print_json([asdict(device) for device in found])
        return
    if not found:
        _out.print("Spotify is open nowhere: open it on a computer, phone or speaker.")
        return
    table = Table("name", "in use", "volume")
    for device in found:
        volume = "fixed" if device.volume is None else f"{device.volume:.0%}"
        table.add_row(escape(device.name), "yes" if device.active else "", volume)
    _out.print(table)


@spotify_app.command(epilog="**Examples**: `attune spotify playlists` · `attune spotify playlists --json`")
def playlists(as_json: JsonFlag = False) -> None:
    """List your playlists, as emotions can lead to them."""
    with _said_in_full():
        found = questions.playlists(load_settings())
    if as_json:
        print_json([asdict(playlist) for playlist in found])
        return
    if not found:
        _out.print("There is no playlist in your library: make one in Spotify.")
        return
    table = Table("name", "tracks", "yours", "address")
    for playlist in found:
        tracks = "" if playlist.tracks is None else str(playlist.tracks)
        table.add_row(escape(playlist.name), tracks, "yes" if playlist.owned else "", escape(playlist.uri))
    _out.print(table)


@spotify_app.command(epilog="**Example**: `attune spotify logout`")
def logout() -> None:
    """Delete all that is kept about Spotify: token, client id, device, number of calls."""
    SpotifyAccount(load_settings()).disconnect()
    _out.print(
        "All that was kept about Spotify on this machine is deleted. To take the app's right back, too, "
        "remove it on https://www.spotify.com/account/apps.",
        highlight=False,
        soft_wrap=True,
    )


def _asked_client_id(settings: Settings) -> str:
    port = settings.spotify_callback_port
    if not sys.stdin.isatty():
        raise AttuneError(
            "A client id of your own app is needed: name it with --client-id, or run `attune spotify login` "
            f"in a terminal, which says how to get one (its redirect address is {redirect_uri(port)})."
        )
    _out.print("Spotify wants everybody to use an app of their own. Once:", highlight=False)
    for number, step in enumerate(steps(port), 1):
        _out.print(f"{number}. {escape(step)}", highlight=False, soft_wrap=True)
    return str(typer.prompt("Client ID"))


def _show_page(one: SignIn, *, browser: bool) -> None:
    if one.notice:
        _say(one.notice)
    if browser and _has_browser() and webbrowser.open(one.url):
        _say("Spotify's page was opened in your browser; should it not be there, open this address:")
    else:
        _say("Open this address in a browser on this machine:")
    _out.print(escape(one.url), highlight=False, soft_wrap=True)


def _has_browser() -> bool:
    """Whether there is a screen; without one, a text browser would take the terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _plain_status(known: AccountStatus, connection: Connection) -> dict[str, Any]:
    return {
        "connection": connection.state,
        "message": _message(connection),
        "until": _moment(connection.until_s),
        "account": known.account or connection.account,
        "client_id": known.client_id,
        "calls_today": connection.calls_today,
        "signed_in_at": _moment(known.signed_in_s),
        "ends_at": _moment(known.ends_s),
        "scopes": list(known.scopes),
        "notice": known.notice,
    }


def _print_status(known: AccountStatus, connection: Connection) -> None:
    style = _STYLES[connection.state]
    lines = {
        "connection": f"[{style}]{connection.state}[/] {escape(_message(connection))}".rstrip(),
        "until": "" if connection.until_s is None else _clock(connection.until_s),
        "account": escape(known.account or connection.account),
        "calls today": "" if connection.calls_today is None else str(connection.calls_today),
        "signed in": _day(known.signed_in_s),
        "ends about": _day(known.ends_s),
    }
    for name, value in lines.items():
        if value:
            _out.print(f"{name}: {value}", highlight=False, soft_wrap=True)
    if known.notice:
        _say(_with_command(known.notice))


@contextmanager
def _said_in_full() -> Iterator[None]:
    """Add to what is wrong what a terminal has to say besides: which command helps, or when to come back."""
    try:
        yield
    except CallError as error:
        outcome = error.fault.outcome
        said = _with_command(outcome.message) if outcome.kind in _SIGNED_OUT else outcome.message
        until = "" if outcome.until_s is None else f" Rate limited until {_clock(outcome.until_s)}."
        raise AttuneError(f"{said}{until}") from None


def _message(connection: Connection) -> str:
    said = connection.message
    return _with_command(said) if connection.state in _DISCONNECTED else said


def _with_command(sentence: str) -> str:
    """The same with the command that signs in."""
    return f"{sentence.removesuffix('.')} (`attune spotify login`)."


def _clock(until_s: float) -> str:
    """A moment within a day from now, in the time of this place."""
    until, now = (datetime.fromtimestamp(at_s, UTC).astimezone() for at_s in (until_s, time.time()))
    return f"{until:%H:%M}{'' if until.date() == now.date() else ' tomorrow'}"


def _moment(unix_s: float | None) -> str | None:
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="seconds")


def _day(unix_s: float | None) -> str:
    if unix_s is None:
        return ""
    day = datetime.fromtimestamp(unix_s, UTC)
    return f"{day.day} {day:%B %Y}"


def _say(sentence: str) -> None:
    _err.print(f"[yellow]{escape(sentence)}[/]", highlight=False, soft_wrap=True)

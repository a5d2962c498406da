"""`attune spotify`: signing in with an app of one's own, and what Spotify lists."""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from attune.cli import console
from core.errors import AttuneError
from core.settings import Settings, load_settings
from core.text import percent
from playback.player import ConnectionState, OutcomeKind, OutputDevice, PlayerConnection, Playlist
from spotify import connection_status
from spotify.account import AccountStatus, SpotifyAccount
from spotify.api_errors import CallError, takes_no_commands
from spotify.app_registration import redirect_uri, steps
from spotify.sign_in import SignIn

app = console.command_app()

_POLL_S: Final = 0.2
_STYLES: Final = {
    ConnectionState.CONNECTED: "bold green",
    ConnectionState.DEGRADED: "yellow",
    ConnectionState.RATE_LIMITED: "yellow",
    ConnectionState.QUOTA_EXCEEDED: "yellow",
    ConnectionState.SIGN_IN_AGAIN: "bold red",
    ConnectionState.DISCONNECTED: "dim",
}
_DISCONNECTED: Final = (ConnectionState.DISCONNECTED, ConnectionState.SIGN_IN_AGAIN)
_SIGNED_OUT: Final = (OutcomeKind.NOT_CONNECTED, OutcomeKind.SIGN_IN_AGAIN)


@app.command(
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
    sign_in = account.begin(
        client_id or account.client_id or _ask_client_id(settings), may_create=create_playlists
    )
    try:
        with console.interruptible("Stopped: nothing was signed in."):
            _show_page(sign_in, browser=browser)
            while sign_in.waiting:
                sign_in.wait(_POLL_S)
    finally:
        sign_in.cancel()
    if not sign_in.outcome.ok:
        raise AttuneError(sign_in.outcome.message)
    console.say(sign_in.outcome.message)


@app.command(epilog="**Examples**: `attune spotify status` · `attune spotify status --json`")
def status(as_json: console.JsonFlag = False) -> None:
    """Say whether Spotify is connected, as whom, until when, and how often it was asked in the last 24 hours.

    With `--json`, moments are in ISO 8601 and UTC; `until` is when a rate limit ends or the quota
    comes back, or null; `calls_today` counts the last 24 hours.
    """
    found = connection_status.check_connection(load_settings())
    if as_json:
        console.print_json(_plain_status(found.account, found.connection))
    else:
        _print_status(found.account, found.connection)


@app.command(epilog="**Examples**: `attune spotify devices` · `attune spotify devices --json`")
def devices(as_json: console.JsonFlag = False, as_csv: console.CsvFlag = False) -> None:
    """List the devices on which Spotify is open."""
    with _complete_errors():
        found = connection_status.devices(load_settings())
    if not (found or as_json or as_csv):
        console.say("Spotify is open nowhere: open it on a computer, phone or speaker.")
        return
    rows = [
        (
            device.name,
            device.active,
            "fixed" if device.volume is None else percent(device.volume),
            device.takes_commands,
        )
        for device in found
    ]
    table = console.table_of(OutputDevice, found, ("name", "in use", "volume", "takes commands"), rows)
    console.print_data(table, as_json=as_json, as_csv=as_csv)
    if found and not any(device.takes_commands for device in found):
        device = next((one for one in found if one.active), found[0])
        console.note(takes_no_commands(device.name))


@app.command(epilog="**Examples**: `attune spotify playlists` · `attune spotify playlists --json`")
def playlists(as_json: console.JsonFlag = False, as_csv: console.CsvFlag = False) -> None:
    """List your playlists, as emotions can lead to them."""
    with _complete_errors():
        found = connection_status.playlists(load_settings())
    if not (found or as_json or as_csv):
        console.say("There is no playlist in your library: make one in Spotify.")
        return
    rows = [(playlist.name, playlist.tracks, playlist.owned, playlist.uri) for playlist in found]
    table = console.table_of(Playlist, found, ("name", "tracks", "yours", "address"), rows)
    console.print_data(table, as_json=as_json, as_csv=as_csv)


@app.command(epilog="**Example**: `attune spotify logout`")
def logout() -> None:
    """Delete all that is kept about Spotify: token, client id, device, number of calls."""
    SpotifyAccount(load_settings()).disconnect()
    console.say(
        "All that was kept about Spotify on this machine is deleted. To take the app's right back, too, "
        "remove it on https://www.spotify.com/account/apps."
    )


def _ask_client_id(settings: Settings) -> str:
    port = settings.spotify_callback_port
    if not sys.stdin.isatty():
        raise AttuneError(
            "A client id of your own app is needed: name it with --client-id, or run `attune spotify login` "
            f"in a terminal, which says how to get one (its redirect address is {redirect_uri(port)})."
        )
    console.say("Spotify wants everybody to use an app of their own. Once:")
    for number, step in enumerate(steps(port), 1):
        console.say(f"{number}. {step}")
    return str(typer.prompt("Client ID"))


def _show_page(sign_in: SignIn, *, browser: bool) -> None:
    if sign_in.notice:
        console.note(sign_in.notice)
    if browser and _has_browser() and webbrowser.open(sign_in.url):
        console.note("Spotify's page was opened in your browser; should it not be there, open this address:")
    else:
        console.note("Open this address in a browser on this machine:")
    console.say(sign_in.url)


def _has_browser() -> bool:
    """Whether there is a screen; without one, a text browser would take the terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _plain_status(known: AccountStatus, connection: PlayerConnection) -> dict[str, Any]:
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


def _print_status(known: AccountStatus, connection: PlayerConnection) -> None:
    message = f" {_message(connection)}".rstrip()
    console.say(console.assemble("connection: ", (connection.state, _STYLES[connection.state]), message))
    lines = {
        "until": "" if connection.until_s is None else _time_of_day(connection.until_s),
        "account": known.account or connection.account,
        "calls in the last 24 hours": "" if connection.calls_today is None else str(connection.calls_today),
        "signed in": _day(known.signed_in_s),
        "ends about": _day(known.ends_s),
    }
    for name, value in lines.items():
        if value:
            console.say(f"{name}: {value}")
    if known.notice:
        console.note(_with_command(known.notice))


@contextmanager
def _complete_errors() -> Iterator[None]:
    """Add to an error which command helps, or when to come back."""
    try:
        yield
    except CallError as error:
        outcome = error.outcome
        message = _with_command(outcome.message) if outcome.kind in _SIGNED_OUT else outcome.message
        until = "" if outcome.until_s is None else f" It is left alone until {_time_of_day(outcome.until_s)}."
        raise AttuneError(f"{message}{until}") from None


def _message(connection: PlayerConnection) -> str:
    message = connection.message
    return _with_command(message) if connection.state in _DISCONNECTED else message


def _with_command(sentence: str) -> str:
    """The same with the command that signs in."""
    return f"{sentence.removesuffix('.')} (`attune spotify login`)."


def _time_of_day(until_s: float) -> str:
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

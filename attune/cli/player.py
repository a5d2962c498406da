"""`attune player`: the players that are open on this machine, and the pasted links that they play."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from attune.cli import console
from core import paths
from playback.preferences.file import read_preferences, write_preferences
from playback.preferences.preferences import PlaylistRef
from playback.system_player.addresses import link_of, local_path
from playback.system_player.backends import list_open_players
from playback.system_player.links import add_link, remove_link

app = console.command_app()

_RESTART = "An Attune that is running now knows it when it is started again."


@app.command("list", epilog="**Examples**: `attune player list` · `attune player list --json`")
def list_players(as_json: console.JsonFlag = False, as_csv: console.CsvFlag = False) -> None:
    """List the players that are open, what plays in them, and which links they open."""
    found = list_open_players()
    if not (found or as_json or as_csv):
        console.say("No player is open: open Spotify, VLC, mpv or another one.")
        return
    records: list[dict[str, Any]] = [
        {
            "name": one.name,
            "playing": one.playing,
            "title": one.track.title if one.track else "",
            "artist": one.track.artist if one.track else "",
            "opens": sorted(one.schemes),
            "takes_commands": one.takes_commands,
            "answers": one.answers,
        }
        for one in found
    ]
    rows = [(one["name"], one["playing"], one["title"], ", ".join(one["opens"])) for one in records]
    fields = ("name", "playing", "title", "artist", "opens", "takes_commands", "answers")
    table = console.DataTable(("name", "plays", "title", "opens"), rows, fields, records)
    console.print_data(table, as_json=as_json, as_csv=as_csv)


@app.command(epilog="**Examples**: `attune player links` · `attune player links --json`")
def links(as_json: console.JsonFlag = False, as_csv: console.CsvFlag = False) -> None:
    """List the links that are kept: the playlists of the player that is open."""
    kept = read_preferences(paths.music_file()).links
    if not (kept or as_json or as_csv):
        console.say("No link is kept: add one to a playlist, `attune player add LINK`.")
        return
    places = (link_of(one.uri) for one in kept)
    rows = [(one.name, local_path(place) or place) for one, place in zip(kept, places, strict=True)]
    console.print_data(
        console.table_of(PlaylistRef, kept, ("name", "link"), rows), as_json=as_json, as_csv=as_csv
    )


@app.command(
    epilog="**Examples**: `attune player add https://open.spotify.com/playlist/37i9dQZF1DX0XUsuxWHRQd "
    "--name Rain` · `attune player add ~/Music/calm.m3u` · `attune player add http://radio.example:8000/live`"
)
def add(
    link: Annotated[
        str,
        typer.Argument(
            help="A playlist, album, artist or show of Spotify; a file or folder of music; a radio stream."
        ),
    ],
    name: Annotated[str, typer.Option(help="What to call it; by default what the link tells.")] = "",
) -> None:
    """Keep a link to a playlist, which emotions can then lead to."""
    preferences = read_preferences(paths.music_file())
    kept = add_link(preferences.links, link, name=name)
    write_preferences(replace(preferences, links=kept), paths.music_file())
    console.say(f"{kept[-1].name} is kept. {_RESTART}")


@app.command(epilog="**Example**: `attune player remove Rain`")
def remove(
    name: Annotated[str, typer.Argument(help="Its name, as `attune player links` lists it.")],
) -> None:
    """Keep a link no longer; what it leads to stays as it is."""
    preferences = read_preferences(paths.music_file())
    kept = remove_link(preferences.links, name)
    write_preferences(replace(preferences, links=kept), paths.music_file())
    console.say(f"{name} is kept no longer. {_RESTART}")

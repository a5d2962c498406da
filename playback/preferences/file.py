"""The file of what people decide about the music: plain TOML, which they may edit."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import tomlkit

from core.errors import MusicError
from core.files import named_after, replace_atomically, writing
from core.text import encodable
from core.text_files import decode_text, read_text_file
from playback.preferences.opinions import PlaylistOpinion
from playback.preferences.preferences import AutopilotSettings, PlaylistRef, Preferences
from playback.preferences.reader import RANGES, VERSION, Reader, table_name

_LOG = logging.getLogger(__name__)

_FORMER_ADVICE: Final = """\
# Attune reads this file when it starts, and writes it anew when you change something on its pages: comments
# of your own are lost then.
"""
_ADVICE: Final = """\
# Attune reads this file when it starts. When you change something on its pages, only that is changed here:
# your own comments and order stay, but for comments within a list of playlists that you change.
"""
_HEAD: Final = f"""\
# What you decided about the music: which playlists go with what is heard, and how the autopilot behaves.
{_ADVICE}#
# player          "spotify", "local", "system" (the player that is already open) or "dry-run": which plays
# loudspeaker     where music on this machine comes out, by its name; "" for the system's default
# open_player     the player that is already open, by its name; "" for the one that plays
# links           its playlists: {{ uri = "system:https://...", name = "..." }}
#
# [autopilot]
#   mode          "off", "suggest" (you press a button) or "auto"
#   dwell_s       an emotion must last so long before the music changes, 0 to 120 seconds
#   cooldown_s    at least so long between two changes, 10 to 7200 seconds
#   override_min  after you did something yourself the autopilot rests so long, 0 to 240 minutes
#   quiet         hours in which nothing is changed, such as "22:30-07:00"; "" for none
#
# [emotions.sad], and so for neutral, calm, happy, angry, fearful, disgust and surprised
#   strategy      "match": music like the emotion; "lift": music that leads away from it
#   match, lift   the playlists for each, which take turns: {{ uri = "spotify:playlist:...", name = "..." }},
#                 with public = true for one that is not among your own, such as a search finds.
#                 Where there are none, Attune goes by the names of your playlists.
#   opinions      what you said while they played, and how often they come up since, 0.125 to 8 times as
#                 often as others; it fades within months. Leave out a line to forget it.
#
# [directions.lively], and so for quiet, lively_pleasant, lively_unpleasant, quiet_pleasant and
# quiet_unpleasant: the same, for when no emotion is sure, but the energy of the voice is
"""

_FILE: Final = "the file of music preferences {}"
_IMPORTED: Final = "the text that is to be imported"
_EXPORTED: Final = "what is to be kept"


def read_preferences(path: Path) -> Preferences:
    """Read what people decided.

    Parameters
    ----------
    path
        The file; where there is none, everything is at its default.

    Raises
    ------
    MusicError
        It cannot be read, or says something that cannot be; the sentence names the place.
    """
    return Reader(_FILE.format(path)).preferences(_read(path))


def write_preferences(preferences: Preferences, path: Path) -> None:
    """Write what people decided, whole or not at all; see `_merge_preferences` for what stays in the file.

    A file that was there and could not be read is kept beside it, as `music.toml.bak`.

    Parameters
    ----------
    preferences
        What they decided.
    path
        The file; its folder is made.

    Raises
    ------
    MusicError
        It cannot be written, or could not be read again; what was there is as it was.
    """
    place = Path(os.path.realpath(path))  # a link stays one
    broken = False
    try:
        before = _read(place)
        Reader(_FILE.format(path)).preferences(before)
    except MusicError:
        before, broken = "", place.is_file()
    content = _merge_preferences(before, preferences)
    # What cannot be read again must not take the place of what can.
    import_preferences(content, place=_EXPORTED)
    what, advice = f"The music preferences {path}", "see to that and try again, your changes are not kept yet"
    with writing(what, error_type=MusicError, advice=advice):
        place.parent.mkdir(parents=True, exist_ok=True)
        with replace_atomically(place) as part:
            part.write_text(content, encoding="utf-8", newline="")
            if broken:
                place.replace(named_after(place, ".bak"))


def _merge_preferences(before: str, preferences: Preferences) -> str:
    """Put what people decided into the text of such a file; comments, order and spelling in it survive."""
    fresh = export_preferences(preferences)
    if not before.strip():
        return fresh
    try:
        document = tomlkit.parse(before.replace(_FORMER_ADVICE, _ADVICE))
        now = tomlkit.parse(export_preferences(import_preferences(before)))
        _update(document, tomlkit.parse(fresh), now)
        if "version" in document:
            document["version"] = VERSION
        merged = tomlkit.dumps(document)
        if import_preferences(merged) == import_preferences(fresh):
            return merged
    except Exception as error:  # noqa: BLE001 - whatever a hand has written there, the change must be kept
        _LOG.info("the file of music preferences is written anew: %r", error)
    return fresh


def import_preferences(text: str | bytes, *, place: str = _IMPORTED) -> Preferences:
    """Turn the text of such a file into decisions.

    Parameters
    ----------
    text
        Or the content of the file.
    place
        Where it comes from, for people.

    Raises
    ------
    MusicError
        As from `read_preferences`.
    """
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    text = decode_text(content, what=place[0].upper() + place[1:], error_type=MusicError)
    return Reader(place).preferences(text)


def export_preferences(preferences: Preferences) -> str:
    """Turn decisions into the text of such a file, which gives the same when imported.

    Lone surrogates, which no text file can hold, become visible escapes.
    """
    autopilot = preferences.autopilot
    lines = [
        f"version = {VERSION}",
        f"player = {_quoted(preferences.player.value)}",
        f"loudspeaker = {_quoted(preferences.loudspeaker)}",
        f"open_player = {_quoted(preferences.open_player)}",
        *_list("links", preferences.links),
        "",
        "[autopilot]",
        f"mode = {_quoted(autopilot.mode.value)}",
        *(f"{key} = {float(getattr(autopilot, key))!r}" for key in RANGES),
        f"quiet = {_quoted(_hours(autopilot))}",
    ]
    for feeling, choice in {**Preferences().choices, **preferences.choices}.items():
        lines += ["", f"[{table_name(feeling)}]", f"strategy = {_quoted(choice.strategy.value)}"]
        lines += [*_list("match", choice.match), *_list("lift", choice.lift), *_opinions(choice.opinions)]
    return _HEAD + "\n" + "\n".join(lines) + "\n"


def _read(path: Path) -> str:
    """Text of the file, empty where there is none."""
    what = f"The file of music preferences {path}"
    return read_text_file(path, what=what, error_type=MusicError) or ""


def _update(document: MutableMapping[str, Any], new: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Set what is new; what is now in force without being in the document is left out of it."""
    for key, value in new.items():
        if value == now[key]:
            continue
        if isinstance(value, Mapping) and key in document:
            _update(document[key], value, now[key])
        else:
            document[key] = value


def _list(key: str, refs: Iterable[PlaylistRef]) -> list[str]:
    return _array(
        key,
        (
            f"uri = {_quoted(ref.uri)}, name = {_quoted(ref.name)}{', public = true' if ref.public else ''}"
            for ref in refs
        ),
    )


def _opinions(opinions: Iterable[PlaylistOpinion]) -> list[str]:
    return _array(
        "opinions",
        (
            f"uri = {_quoted(one.uri)}, name = {_quoted(one.name)}, weight = {one.weight!r}, "
            f"said = {_quoted(one.said)}, at = {datetime.fromtimestamp(one.said_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
            for one in opinions
        ),
    )


def _array(key: str, tables: Iterable[str]) -> list[str]:
    entries = [f"    {{ {table} }}," for table in tables]
    return [f"{key} = [", *entries, "]"] if entries else [f"{key} = []"]


def _hours(autopilot: AutopilotSettings) -> str:
    begins, ends = autopilot.quiet_from, autopilot.quiet_to
    if begins == ends == 0:
        return ""
    return f"{begins // 60:02}:{begins % 60:02}-{ends // 60:02}:{ends % 60:02}"


def _quoted(text: str) -> str:
    return '"' + "".join(map(_escaped, encodable(text))) + '"'


def _escaped(character: str) -> str:
    """Leave what people can read; what would turn or hide the rest of a line is shown as its number."""
    if character in '"\\':
        return "\\" + character
    if character.isprintable() or character == "\N{ZERO WIDTH JOINER}":  # of emoji
        return character
    code = ord(character)
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"

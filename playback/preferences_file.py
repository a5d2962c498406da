"""Owns how people's decisions about the music are kept: one plain TOML file that they may edit."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from core.errors import MusicError
from playback.preferences import AutopilotSettings, PlaylistRef, Preferences
from playback.preferences_reader import MAX_BYTES, RANGES, VERSION, Reader, place_of

__all__ = ["export_preferences", "import_preferences", "read_preferences", "write_preferences"]

_HEAD: Final = """\
# What you decided about the music: which playlists go with what is heard, and how the autopilot behaves.
# Attune reads this file when it starts, and writes it anew when you change something on its pages: comments
# of your own are lost then.
#
# player          "spotify", "local" or "dry-run": which plays
# loudspeaker     where music on this machine comes out, by its name; "" for the system's default
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
#   match, lift   the playlists for each, which take turns: { uri = "spotify:playlist:...", name = "..." },
#                 with public = true for one that is not among your own, such as a search finds.
#                 Where there are none, Attune goes by the names of your playlists.
#
# [directions.lively], and so for quiet, lively_pleasant, lively_unpleasant, quiet_pleasant and
# quiet_unpleasant: the same, for when no emotion is sure, but the energy of the voice is
"""

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
    try:
        if not path.exists():
            return Preferences()
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "not a file"
            raise MusicError(
                f"The music preferences cannot be read, because {path} is {kind}: rename or remove it."
            )
        with path.open("rb") as handle:
            content = handle.read(MAX_BYTES + 1)
    except OSError as error:
        raise MusicError(
            f"The music preferences {path} cannot be read ({error.strerror or error}): "
            "see to it that you may read that file."
        ) from error
    return Reader(str(path)).preferences(content)


def write_preferences(preferences: Preferences, path: Path) -> None:
    """Write what people decided, whole or not at all.

    A file that was there and could not be read is kept beside it, as `music.toml.bak`.

    Raises
    ------
    MusicError
        It cannot be written, or could not be read again; what was there is as it was.
    """
    content = export_preferences(preferences).encode()
    Reader(_EXPORTED).preferences(content)  # what cannot be read again must not take the place of what can
    place = Path(os.path.realpath(path))  # a link stays one
    making = place.with_name(f".{place.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            with making.open("wb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
            if _is_broken(place):
                place.replace(place.with_name(place.name + ".bak"))
            making.replace(place)
        finally:
            making.unlink(missing_ok=True)
    except OSError as error:
        raise MusicError(
            f"The music preferences {path} cannot be written ({error.strerror or error}): "
            "see to that and try again, what you changed is not kept yet."
        ) from error


def import_preferences(text: str | bytes) -> Preferences:
    """Turn the text of such a file into decisions.

    Raises
    ------
    MusicError
        As from `read_preferences`.
    """
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return Reader(_IMPORTED).preferences(content)


def export_preferences(preferences: Preferences) -> str:
    """Turn decisions into the text of such a file, which gives the same when imported.

    Lone surrogates, which no text file can hold, become U+FFFD.
    """
    autopilot = preferences.autopilot
    lines = [
        f"version = {VERSION}",
        f"player = {_quoted(preferences.player.value)}",
        f"loudspeaker = {_quoted(preferences.loudspeaker)}",
        "",
        "[autopilot]",
        f"mode = {_quoted(autopilot.mode.value)}",
        *(f"{key} = {float(getattr(autopilot, key))!r}" for key in RANGES),
        f"quiet = {_quoted(_hours(autopilot))}",
    ]
    for feeling, choice in {**Preferences().choices, **preferences.choices}.items():
        lines += ["", f"[{place_of(feeling)}]", f"strategy = {_quoted(choice.strategy.value)}"]
        lines += [*_list("match", choice.match), *_list("lift", choice.lift)]
    return _HEAD + "\n" + "\n".join(lines) + "\n"


def _is_broken(path: Path) -> bool:
    try:
        read_preferences(path)
    except MusicError:
        return path.is_file()
    return False


def _list(key: str, refs: Iterable[PlaylistRef]) -> list[str]:
    entries = [
        f"    {{ uri = {_quoted(ref.uri)}, name = {_quoted(ref.name)}"
        f"{', public = true' if ref.public else ''} }},"
        for ref in refs
    ]
    return [f"{key} = [", *entries, "]"] if entries else [f"{key} = []"]


def _hours(autopilot: AutopilotSettings) -> str:
    begins, ends = autopilot.quiet_from, autopilot.quiet_to
    if begins == ends == 0:
        return ""
    return f"{begins // 60:02}:{begins % 60:02}-{ends // 60:02}:{ends % 60:02}"


def _quoted(text: str) -> str:
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    """Leave what people can read; what would turn or hide the rest of a line is shown as its number."""
    if character in '"\\':
        return "\\" + character
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        return "\N{REPLACEMENT CHARACTER}"
    if character.isprintable() or character == "\N{ZERO WIDTH JOINER}":  # of emoji
        return character
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"

"""Reads the text of music preferences; every mistake is named with its place and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final, NoReturn, TypeVar

from core.directions import Direction, Feeling
from core.emotions import Emotion
from core.errors import MusicError
from core.text_files import parse_toml
from playback.mapping.feelings import FEELINGS
from playback.mapping.styles import Strategy
from playback.player import PlayerKind
from playback.preferences.opinions import LEAST, MOST, Opinion, PlaylistOpinion
from playback.preferences.preferences import AutopilotSettings, MappingEntry, Mode, PlaylistRef, Preferences
from playback.system_player.addresses import PREFIX, is_link_address

VERSION: Final = 3
"""Of the form of the file; a file without a number is of this version.

Version 1 has no directions, version 2 neither links nor opinions nor the player that is open.
"""

RANGES: Final[Mapping[str, tuple[float, float, str]]] = {
    "dwell_s": (0.0, 120.0, "seconds"),
    "cooldown_s": (10.0, 7200.0, "seconds"),
    "override_min": (0.0, 240.0, "minutes"),
}
"""Lowest, highest and unit of the numbers of `AutopilotSettings`."""

_TEXTS: Final = ("loudspeaker", "open_player")
_CLOCK: Final = r"\s*(\d{1,2}):(\d{2})\s*"
_QUIET: Final = re.compile(f"{_CLOCK}[-\N{EN DASH}]{_CLOCK}", re.ASCII)
_DAY: Final = 24 * 60
_LAST_S: Final = 253_370_764_800  # the last year that a date can hold
_SHOWN: Final = 60  # characters of a wrong value that are repeated

# What people copy from Spotify's own pages.
_SPOTIFY: Final = re.compile(r"spotify:(?:user:[^:]+:)?playlist:[A-Za-z0-9]+")
_BEGINS: Final = {PlayerKind.SPOTIFY: "spotify:playlist", PlayerKind.SYSTEM: "system:https"}
_PAGE: Final = re.compile(r"https?://open\.spotify\.com/(?:intl-\w+/)?playlist/(\w+).*", re.ASCII)

_Word = TypeVar("_Word", bound=StrEnum)


def _keys_of(kind: type[StrEnum]) -> dict[str, Feeling]:
    return {one.name.lower(): one for one in FEELINGS if isinstance(one, kind)}


_TABLES: Final = {
    "emotions": ("emotion", _keys_of(Emotion)),
    "directions": ("direction", _keys_of(Direction)),
}


def table_name(feeling: Feeling) -> str:
    """Return the name of the table in which the file says what a feeling leads to."""
    return f"{'directions' if isinstance(feeling, Direction) else 'emotions'}.{feeling.name.lower()}"


class Reader:
    """Reads what people decided; a fault is said with its key or line and where it is to be corrected.

    Parameters
    ----------
    place
        Where the text comes from, for people.
    """

    def __init__(self, place: str) -> None:
        self._place = place

    def preferences(self, text: str) -> Preferences:
        """Read the text of a whole file; what it leaves out is at its default.

        Raises
        ------
        MusicError
            It says something that cannot be.
        """
        document = parse_toml(text, what=self._place[0].upper() + self._place[1:], error_type=MusicError)
        self._version(document.get("version", VERSION))
        self._keys(document, "", ("version", "player", *_TEXTS, "links", "autopilot", *_TABLES))
        choices: dict[Feeling, MappingEntry] = {}
        for name, (what, keys) in _TABLES.items():
            table = self._table(document.get(name, {}), name)
            self._keys(table, name, keys, what=what)
            for key, feeling in keys.items():
                default = Preferences().choices[feeling]
                choices[feeling] = self._choice(table.get(key, {}), table_name(feeling), default)
        player = self._word(document.get("player", PlayerKind.DRY_RUN.value), "player", PlayerKind)
        loudspeaker, open_player = (self._text(document, key) for key in _TEXTS)
        autopilot = self._autopilot(document.get("autopilot", {}))
        links = self._links(document.get("links", []))
        return Preferences(choices, autopilot, player, loudspeaker, open_player, links)

    def _text(self, table: Mapping[str, Any], key: str) -> str:
        given = table.get(key, "")
        if not isinstance(given, str):
            self._refuse(key, given, "a text")
        return given

    def _links(self, given: object) -> tuple[PlaylistRef, ...]:
        links = self._refs(given, "links")
        for number, link in enumerate(links, start=1):
            if not link.uri.startswith(PREFIX):
                self._refuse(
                    f"links[{number}].uri", link.uri, f'the address of a link and begin with "{PREFIX}"'
                )
        return links

    def _version(self, given: object) -> None:
        if not isinstance(given, int) or isinstance(given, bool) or given < 1:
            self._refuse("version", given, f"a whole number from 1 to {VERSION}")
        if given > VERSION:
            raise MusicError(
                f"The music preferences were written by a newer Attune (version {_shown(given)}; this one "
                f"reads {VERSION}). Update Attune, or move away {self._place}."
            )

    def _autopilot(self, given: object) -> AutopilotSettings:
        table = self._table(given, "autopilot")
        self._keys(table, "autopilot", ("mode", *RANGES, "quiet"))
        default = AutopilotSettings()
        numbers = {key: self._number(table.get(key, getattr(default, key)), key) for key in RANGES}
        begins, ends = self._quiet(table.get("quiet", ""))
        return AutopilotSettings(
            mode=self._word(table.get("mode", default.mode.value), "autopilot.mode", Mode),
            dwell_s=numbers["dwell_s"],
            cooldown_s=numbers["cooldown_s"],
            override_min=numbers["override_min"],
            quiet_from=begins,
            quiet_to=ends,
        )

    def _number(self, given: object, key: str) -> float:
        low, high, unit = RANGES[key]
        if isinstance(given, bool) or not isinstance(given, int | float) or not low <= given <= high:
            self._refuse(f"autopilot.{key}", given, f"a number of {unit} from {low:g} to {high:g}")
        return float(given)

    def _quiet(self, given: object) -> tuple[int, int]:
        allowed = 'hours such as "22:30-07:00", or "" for none'
        if given == "":
            return 0, 0
        found = _QUIET.fullmatch(given) if isinstance(given, str) else None
        if not found:
            self._refuse("autopilot.quiet", given, allowed)
        hour, minute, to_hour, to_minute = map(int, found.groups())
        begins, ends = hour * 60 + minute, to_hour * 60 + to_minute
        if begins >= _DAY or ends > _DAY or minute > 59 or to_minute > 59:
            self._refuse("autopilot.quiet", given, allowed)
        if ends - begins == _DAY:
            self._refuse("autopilot.quiet", given, f'{allowed}; mode = "off" is for the whole day')
        return begins, ends % _DAY

    def _choice(self, given: object, key: str, default: MappingEntry) -> MappingEntry:
        table = self._table(given, key)
        self._keys(table, key, ("strategy", "match", "lift", "opinions"))
        strategy = self._word(table.get("strategy", default.strategy.value), f"{key}.strategy", Strategy)
        match, lift = (self._refs(table.get(name, []), f"{key}.{name}") for name in ("match", "lift"))
        given = table.get("opinions", [])
        if not isinstance(given, list):
            self._refuse(f"{key}.opinions", given, "a list")
        places = (f"{key}.opinions[{number}]" for number in range(1, len(given) + 1))
        opinions = tuple(map(self._opinion, given, places))
        return MappingEntry(strategy, match, lift, opinions)

    def _opinion(self, given: object, key: str) -> PlaylistOpinion:
        if not isinstance(given, dict):
            self._refuse(key, given, 'an opinion, { uri = "...", weight = 0.5, said = "not this", at = ... }')
        self._keys(given, key, ("uri", "name", "weight", "said", "at"))
        playlist = self._ref({name: given[name] for name in ("uri", "name") if name in given}, key)
        weight, at = given.get("weight"), given.get("at")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not LEAST <= weight <= MOST:
            self._refuse(f"{key}.weight", weight, f"a number from {LEAST:g} to {MOST:g}")
        if not isinstance(at, datetime) or at.tzinfo is None or not 0 <= at.timestamp() < _LAST_S:
            self._refuse(f"{key}.at", at, "a moment such as 2026-11-29T21:10:00Z")
        said = self._word(given.get("said"), f"{key}.said", Opinion)
        return PlaylistOpinion(playlist.uri, playlist.name, float(weight), said, int(at.timestamp()))

    def _refs(self, given: object, key: str) -> tuple[PlaylistRef, ...]:
        if not isinstance(given, list):
            self._refuse(key, given, 'a list of playlists, [{ uri = "...", name = "..." }]')
        return tuple(self._ref(entry, f"{key}[{number}]") for number, entry in enumerate(given, start=1))

    def _ref(self, given: object, key: str) -> PlaylistRef:
        if not isinstance(given, dict):
            self._refuse(key, given, 'a playlist, { uri = "...", name = "..." }')
        self._keys(given, key, ("uri", "name", "public"))
        if "uri" not in given:
            self._fail(f"{key!r} lacks its uri, the address of a playlist")
        uri, name = given["uri"], given.get("name", given["uri"])
        scheme, _, rest = uri.partition(":") if isinstance(uri, str) else ("", "", "")
        other = (scheme == PlayerKind.SPOTIFY and not _SPOTIFY.fullmatch(uri)) or (
            scheme == PlayerKind.SYSTEM and not is_link_address(uri)
        )
        if scheme not in set(PlayerKind) or not rest or other:
            begins = " or ".join(f'"{_BEGINS.get(kind, kind)}:"' for kind in PlayerKind)
            allowed = f"the address of a playlist and begin with {begins}"
            self._refuse(f"{key}.uri", uri, allowed, _meant(uri))
        if not isinstance(name, str):
            self._refuse(f"{key}.name", name, "a text")
        public = given.get("public", False)
        if not isinstance(public, bool):
            self._refuse(f"{key}.public", public, "true or false")
        return PlaylistRef(uri, name, public)

    def _table(self, given: object, key: str) -> dict[str, Any]:
        if not isinstance(given, dict):
            self._refuse(key, given, f"a table, [{key}]")
        return given

    def _keys(self, table: Mapping[str, Any], key: str, known: Iterable[str], *, what: str = "key") -> None:
        known = list(known)
        for name in table:
            if name not in known:
                within = f" in {key!r}" if key else ""
                hint = _close(name, known)
                self._fail(f"There is no {what} {_shown(name)}{within}{hint}: allowed are {', '.join(known)}")

    def _word(self, given: object, key: str, words: type[_Word]) -> _Word:
        known = [word.value for word in words]
        if not isinstance(given, str) or given not in known:
            hint = _close(given, known) if isinstance(given, str) else ""
            self._refuse(key, given, " or ".join(f'"{word}"' for word in known), hint)
        return words(given)

    def _refuse(self, key: str, given: object, allowed: str, hint: str = "") -> NoReturn:
        self._fail(f"{key!r} cannot be {_shown(given)}{hint}: it must be {allowed}")

    def _fail(self, what: str) -> NoReturn:
        raise MusicError(f"{what}. Correct it in {self._place}.")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    try:
        text = repr(value) if isinstance(value, str) else str(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        return "so long a number"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _close(given: str, known: Iterable[str]) -> str:
    as_key = given.strip().lower().replace(" and ", " ").replace(" ", "_")
    found = get_close_matches(as_key[:_SHOWN], list(known), n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""


def _meant(address: object) -> str:
    if not isinstance(address, str):
        return ""
    if page := _PAGE.fullmatch(address.strip()):
        return f" (did you mean 'spotify:playlist:{page[1]}'?)"
    begins = ":".join(address.split(":")[:-1]) + ":"
    schemes = [f"{_BEGINS.get(kind, kind)}:" for kind in PlayerKind]
    return "" if begins in schemes else _close(begins, schemes)

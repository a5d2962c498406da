"""Brings the catalogues of translations up to date with the texts in the code, and compiles them.

`python -m scripts.translations` after a text has changed; `python -m scripts.translations fr` begins French.
"""

from __future__ import annotations

import datetime as dt
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from attune.dashboard.translations import DOMAIN, LOCALE, POINT, languages
from attune.dashboard.views.feeling_names import OF_MUSIC
from attune.dashboard.views.track_names import OF_EMOTION, OF_GENRE, OF_INSTRUMENT
from core.directions import DIRECTIONS, ENERGY_WORDS, PLEASANTNESS_WORDS
from core.emotions import EMOTIONS
from core.mood_tags import TAGS
from core.settings import SETTINGS
from core.track_labels import EMOTIONS as EMOTIONS_OF_MUSIC
from core.track_labels import GENRES, INSTRUMENTS, KEYS
from models.mood.result import NO_MUSIC, SILENT
from playback.autopilot.events import Action
from playback.autopilot.wording import COMES_UP, noun
from playback.dry_run import PREVIEW
from playback.mapping.styles import Strategy, Style
from playback.player import ContentKind, OutcomeKind
from playback.preferences.preferences import Mode
from playback.snapshot import Phase
from playback.system_player.mpris import NO_BUS
from realtime.calibration.prompts import HINTS
from realtime.capture.microphone import NO_MICROPHONE
from realtime.notice_log import SENTENCES
from realtime.snapshot import OPENING, RECORDING_OVER
from spotify.account import SIGNED_OUT
from spotify.api_errors import SENTENCES as SPOTIFY_SENTENCES
from spotify.api_errors import TAKES_NO_COMMANDS
from spotify.app_registration import STEPS

ROOT: Final = Path(__file__).parents[1]
_METHODS: Final = [("**.py", "python"), ("**.j2", "jinja2.ext:babel_extract")]
_PHRASES: Final = {"Phrase": None}
ROOMS_OF_PHRASES: Final = ("core", "playback", "realtime", "spotify")
"""Rooms below the dashboard whose phrases it says."""
_OPTIONS: Final = {"**.j2": {"silent": "false"}}
_MADE: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)  # else every run would change the files


def template() -> Catalog:
    """Collect every text that the dashboard translates."""
    catalog = Catalog(project="Attune", creation_date=_MADE, revision_date=_MADE, fuzzy=False)
    found = extract_from_dir(ROOT / "attune" / "dashboard", _METHODS, _OPTIONS)
    for name, _, message, _, context in found:
        catalog.add(message, locations=[(f"attune/dashboard/{name}", 0)], context=context)
    for room in ROOMS_OF_PHRASES:
        phrases = extract_from_dir(ROOT / room, _METHODS[:1], keywords=_PHRASES)
        for name, _, message, _, _ in phrases:
            catalog.add(message, locations=[(f"{room}/{name}", 0)])
    catalog.add(POINT[1], context=POINT[0])
    for word in _words_of_the_rooms_below():
        catalog.add(word)
    for tag in TAGS:  # the moods are among them
        catalog.add(tag, context=OF_MUSIC)
    for context, names in ((OF_GENRE, GENRES), (OF_INSTRUMENT, INSTRUMENTS), (OF_EMOTION, EMOTIONS_OF_MUSIC)):
        for name in names.values():
            catalog.add(name, context=context)
    for name in KEYS.values():
        catalog.add(name)
    return catalog


def _words_of_the_rooms_below() -> Iterator[str]:
    """What is shown of the other rooms' data, word for word."""
    yield from (*EMOTIONS, *DIRECTIONS, *ENERGY_WORDS, *PLEASANTNESS_WORDS, SILENT, NO_MUSIC)
    yield from (*Style, *Strategy, *Phase, *OutcomeKind, *Mode, *Action)
    yield from (ContentKind.PODCAST, ContentKind.AUDIOBOOK)
    yield from (NO_MICROPHONE, OPENING, RECORDING_OVER, *SENTENCES)
    yield from HINTS.values()
    yield from map(noun, DIRECTIONS)
    yield from (*COMES_UP, PREVIEW, *STEPS, TAKES_NO_COMMANDS)
    yield from (SIGNED_OUT, *SPOTIFY_SENTENCES, NO_BUS)
    for info in SETTINGS.values():
        yield from (info.title, info.explanation)


def read(language: str) -> Catalog:
    """Read the catalogue of a language; an empty one where there is none yet."""
    try:
        with file(language).open("rb") as stream:
            return read_po(stream, locale=language, domain=DOMAIN)
    except FileNotFoundError:
        return Catalog(language, DOMAIN, project="Attune", creation_date=_MADE, revision_date=_MADE)


def compiled(catalog: Catalog) -> bytes:
    """Compile a catalogue, as the dashboard reads it."""
    stream = io.BytesIO()
    write_mo(stream, catalog)
    return stream.getvalue()


def file(language: str) -> Path:
    """Where the catalogue of a language is; the compiled one stands beside it."""
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def update(language: str) -> int:
    """Bring one catalogue up to date; return how many texts still have no translation."""
    catalog, place = read(language), file(language)
    catalog.update(template(), no_fuzzy_matching=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb") as stream:
        write_po(stream, catalog, width=110, include_lineno=False, ignore_obsolete=True)
    catalog = read(language)
    place.with_suffix(".mo").write_bytes(compiled(catalog))
    return sum(not all(forms(message)) for message in catalog if message.id)


def forms(message: Message) -> tuple[str, ...]:
    """Return a translation, in one form or in as many as its language has for numbers."""
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def main() -> None:
    """Bring all catalogues up to date, and those that are named."""
    for language in sorted({*languages(), *sys.argv[1:]}):
        sys.stdout.write(f"{language}: {update(language)} texts without a translation\n")


if __name__ == "__main__":
    main()

"""Words that catalogues are searched by: labels of the heads, sides of the plane, and tempo."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from core.errors import CatalogError
from core.mood_tags import TAGS
from core.text import printable
from core.track_labels import EMOTIONS, GENRES, INSTRUMENTS
from models.mood.head import EMBEDDED_HEAD
from models.track.heads import GEMS_HEAD, GENRE_HEAD, INSTRUMENT_HEAD, VA_HEAD

Span = tuple[float, float]
"""Lowest and highest value, both included."""


class WordKind(StrEnum):
    """What a word is about."""

    MOOD = "mood"
    GENRE = "genre"
    INSTRUMENT = "instrument"
    EMOTION = "emotion"
    PLANE = "plane"
    TEMPO = "tempo"


@dataclass(frozen=True, slots=True)
class SearchWord:
    """A word that can be asked for."""

    text: str  # as it is written
    kind: WordKind
    head: str = ""  # whose answers it is found by; empty for a tempo
    label: str = ""  # of the head
    high: bool = True  # whether a high answer means it; of the plane, the other side is a word, too
    tempo_bpm: Span | None = None  # of a tempo


@dataclass(frozen=True, slots=True)
class Term:
    """A word of a query."""

    word: SearchWord
    wanted: bool = True  # False: what is like that is to be left out

    def __str__(self) -> str:
        """As it is shown."""
        return self.word.text if self.wanted else f"no {self.word.text}"


TEMPI: Final[Mapping[str, Span]] = {
    "slow tempo": (0.0, 90.0),
    "medium tempo": (90.0, 120.0),
    "fast tempo": (120.0, 999.0),
}
"""Words of tempo -> beats a minute: up to andante, moderato, from allegro on."""

_TEMPO_SYNONYMS: Final = {
    "mid tempo": "medium tempo",
    "moderate tempo": "medium tempo",
    "up tempo": "fast tempo",
}
_SYNONYMS: Final = {
    "chill": "chill-out",
    "dreamy": "dream",
    "dnb": "drum and bass",
    "melancholy": "melancholic",
    "peaceful": "calm",
    "relaxed": "relaxing",
    "romance": "romantic",
    "sax": "saxophone",
    "singing": "voice",
    "synth": "synthesizer",
    "vocal": "voice",
    "vocals": "voice",
    **_TEMPO_SYNONYMS,
}
_FILLERS: Final = frozenset(
    {"a", "an", "and", "for", "in", "of", "or", "some", "the", "very", "with"}
    | {"music", "musical", "piece", "pieces", "song", "songs", "track", "tracks"}
)
_NEGATIONS: Final = frozenset({"no", "non", "not", "without"})
_LONGEST: Final = 5  # tokens of a word, such as "rock 'n' roll"
_BPM: Final = re.compile(r"(?<![\w.])(\d{2,3})(?:\s*(?:-|\u2013|to)\s*(\d{2,3}))?\s*bpm\b", re.IGNORECASE)
_AROUND: Final = 0.04  # of a tempo that is named, the usual tolerance of tempo estimates
_EXAMPLES: Final = '"calm piano", "jazz no voice" or "120 bpm rock"'


def _words() -> Iterator[SearchWord]:
    for tag in TAGS:
        yield SearchWord(tag, WordKind.MOOD, EMBEDDED_HEAD, tag)
    for kind, head, labels in (
        (WordKind.GENRE, GENRE_HEAD, GENRES),
        (WordKind.INSTRUMENT, INSTRUMENT_HEAD, INSTRUMENTS),
        (WordKind.EMOTION, GEMS_HEAD, EMOTIONS),
    ):
        for label, text in labels.items():
            yield SearchWord(text, kind, head, label)
    for label, (high, low) in {"arousal": ("lively", "quiet"), "valence": ("pleasant", "unpleasant")}.items():
        yield SearchWord(high, WordKind.PLANE, VA_HEAD, label)
        yield SearchWord(low, WordKind.PLANE, VA_HEAD, label, high=False)
    for text, span in TEMPI.items():
        yield SearchWord(text, WordKind.TEMPO, tempo_bpm=span)


WORDS: Final = tuple(_words())
"""All words that can be asked for: the 59 mood tags, which the eight moods are among, and the rest."""


def _plain(text: str) -> str:
    """Letters and digits alone, in lower case: "Hip-hop", "hip hop" and "hiphop" are the same."""
    return "".join(character for character in text.casefold() if character.isalnum())


def _lexicon() -> dict[str, SearchWord]:
    found: dict[str, SearchWord] = {}
    for word in WORDS:
        for name in (word.text, word.label if word.kind is not WordKind.PLANE else word.text):
            if name:
                found.setdefault(_plain(name), word)
    by_text = {word.text: word for word in WORDS}
    for name, text in _SYNONYMS.items():
        found.setdefault(_plain(name), by_text[text])
    return found


_LEXICON: Final = _lexicon()


def parse_query(text: str) -> tuple[Term, ...]:
    """Read what is asked for.

    Words of several parts are found in any spelling ("hip hop", "Hip-Hop"). "no", "not" and "without" turn
    the word that follows round. "120 bpm" and "90-110 bpm" are tempi.

    Parameters
    ----------
    text
        Such as "calm piano".

    Returns
    -------
    terms
        In their order; each word once.

    Raises
    ------
    CatalogError
        Nothing is asked for, or a word is unknown; the message names words that are near.

    Examples
    --------
    >>> [str(term) for term in parse_query("calm piano without voice")]
    ['calm', 'piano', 'no voice']
    """
    terms = {term.word: term for term in _terms(text)}
    if not terms:
        raise CatalogError(f"Nothing is asked for: give words such as {_EXAMPLES}.")
    return tuple(terms.values())


def _terms(text: str) -> Iterator[Term]:
    for found in _BPM.finditer(text):
        yield Term(_tempo(found))
    tokens = [token for token in re.split(r"[\s,;]+", _BPM.sub(" ", text)) if _plain(token)]
    wanted = True
    while tokens:
        if _plain(tokens[0]) in _NEGATIONS:
            wanted = False
            del tokens[0]
            continue
        word, length = _longest(tokens)
        if word is not None:
            yield Term(word, wanted)
            wanted = True
        elif _plain(tokens[0]) not in _FILLERS:
            raise CatalogError(_unknown(tokens[0]))
        del tokens[:length]


def _tempo(found: re.Match[str]) -> SearchWord:
    low, high = float(found[1]), float(found[2] or found[1])
    if found[2] is None:
        span = (low * (1.0 - _AROUND), high * (1.0 + _AROUND))
        return SearchWord(f"{low:g} BPM", WordKind.TEMPO, tempo_bpm=span)
    if low > high:
        raise CatalogError(f"{printable(found[0])!r} is no range of tempi: give the lower one first.")
    return SearchWord(f"{low:g}-{high:g} BPM", WordKind.TEMPO, tempo_bpm=(low, high))


def _longest(tokens: list[str]) -> tuple[SearchWord | None, int]:
    """The word that as many tokens as possible make up, and how many; None and 1 where there is none."""
    for length in range(min(_LONGEST, len(tokens)), 0, -1):
        name = _plain("".join(tokens[:length]))
        for spelling in (name, name.removesuffix("s")):
            if (word := _LEXICON.get(spelling)) is not None:
                return word, length
    return None, 1


def _unknown(token: str) -> str:
    names = {_plain(word.text): word.text for word in WORDS}
    near = get_close_matches(_plain(token), _LEXICON, n=3, cutoff=0.6)
    texts = dict.fromkeys(names.get(name, _LEXICON[name].text) for name in near)
    hint = f"did you mean {' or '.join(repr(one) for one in texts)}?" if texts else f"try {_EXAMPLES}."
    return (
        f"{printable(token)!r} is not a word that music is searched by (`attune catalog words` lists "
        f"them): {hint}"
    )

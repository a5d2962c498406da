"""Searches in a catalogue: by words, and by a sound that is to be resembled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from attune.catalog.identity import backbone_fingerprint, read_identity
from attune.catalog.nearest import EXACT, nearest
from attune.catalog.query import SearchWord, Span, Term
from attune.catalog.search_files import OnRows, SearchFiles, open_search_files
from attune.catalog.sources import named_source
from attune.catalog.storage import fetch
from core.errors import CatalogError
from core.settings import Settings
from core.text import printable
from models.mood.head import EMBEDDED_HEAD, load_head
from models.mood.mood_scale import MOODS
from models.mood.tagger import configured_tagger
from models.track.heads import GENRE_HEAD, EmbeddingHead, load_track_head
from models.track.tasks import TaskKind

LIMIT: Final = 10
"""Tracks that are given at most, where nothing else is asked for."""

_SHOWN: Final = (
    *("location", "name", "title", "artist", "duration_s", "tempo_bpm", "key", "mood", "genres"),
    *("instruments", "valence", "arousal"),
)


@dataclass(frozen=True, slots=True)
class CatalogFilter:
    """Which tracks may be found; what is empty asks for nothing. A fact that is not known fits nothing."""

    tempo_bpm: Span | None = None
    duration_s: Span | None = None
    energy: Span | None = None  # -1 to 1
    keys: frozenset[str] = frozenset()  # such as "A minor"
    moods: frozenset[str] = frozenset()  # leading ones, of the eight
    genres: frozenset[str] = frozenset()  # labels of the head; one that reaches its threshold is enough


@dataclass(frozen=True, slots=True)
class CatalogMatch:
    """A track that was found."""

    score: float  # by words the product of `fits`; by a sound the cosine of the embeddings; 0 to 1
    fits: dict[str, float]  # probability of each word that was asked for; empty by a sound
    location: str
    title: str | None
    artist: str | None
    duration_s: float | None
    tempo_bpm: float | None
    key: str | None
    mood: str | None
    genres: dict[str, float]  # the likeliest and their probabilities
    instruments: dict[str, float]
    pleasantness: float | None  # -1 to 1
    energy: float | None  # -1 to 1


def search_words(
    catalog: Path,
    terms: Sequence[Term],
    settings: Settings,
    *,
    limit: int = LIMIT,
    wanted: CatalogFilter | None = None,
    on_rows: OnRows = lambda _what, _done, _total: None,
) -> list[CatalogMatch]:
    """The tracks that words fit best.

    They are ordered by the product of the probabilities that each word fits. That orders by the probability
    that all of them do, were they independent (Robertson, "The probability ranking principle in IR", Journal
    of Documentation 33(4), 1977). A tempo is a filter.

    Parameters
    ----------
    catalog
        Its folder.
    terms
        What is asked for, of `query.parse_query`.
    settings
        Which mood head answers.
    limit
        How many tracks at most.
    wanted
        Which tracks may be found; None allows all.
    on_rows
        Called now and then while new rows are read.

    Raises
    ------
    CatalogError
        There is no catalogue, or it cannot be read.
    ModelError
        A head cannot be used.
    """
    with open_search_files(catalog, on_rows) as files:
        allowed = _allowed(files, wanted or CatalogFilter())
        fits: dict[str, npt.NDArray[np.float32]] = {}
        for term in terms:
            if term.word.tempo_bpm is not None:
                allowed &= _tempo_fits(files, term, term.word.tempo_bpm)
            else:
                fits[str(term)] = _probabilities(files, term, settings)
        score = np.prod(list(fits.values()), axis=0) if fits else np.ones(files.rows, dtype=np.float32)
        rows = np.flatnonzero(allowed)
        order = np.argsort(-score[rows], kind="stable")[:limit]
        found = rows[order]
        shares = [{name: float(values[row]) for name, values in fits.items()} for row in found]
        return _matches(files, found, score[found], shares)


def search_like(
    catalog: Path,
    sound: str,
    settings: Settings,
    *,
    limit: int = LIMIT,
    wanted: CatalogFilter | None = None,
    exact: int = EXACT,
    on_rows: OnRows = lambda _what, _done, _total: None,
) -> list[CatalogMatch]:
    """The tracks that sound most like a file, without the file itself.

    Parameters
    ----------
    catalog
        Its folder.
    sound
        Path or URL of a sound file, of the catalogue or not.
    settings
        Models, which must be those of the catalogue, and how long a sound may be.
    limit, wanted, on_rows
        As in `search_words`.
    exact
        As in `nearest.nearest`.

    Raises
    ------
    CatalogError
        As in `search_words`; or the sound cannot be had, or holds no music.
    AudioDecodeError, ModelError
        As in `MoodTagger.embed`.
    """
    with open_search_files(catalog, on_rows) as files:
        _check_backbone(catalog, settings)
        allowed = _allowed(files, wanted or CatalogFilter())
        place = named_source(sound).name
        heard = configured_tagger(settings).embed(
            fetch(place), name=PurePosixPath(place).name, max_minutes=settings.max_file_minutes
        )
        if not heard.mood.has_music:
            raise CatalogError(
                f"{printable(sound)} holds no music, so nothing is like it: name a piece of music."
            )
        # One more, since the file itself may be among them.
        rows, cosines = nearest(files, heard.mean, limit + 1, allowed, exact=exact, on_rows=on_rows)
        matches = _matches(files, rows, cosines, [{} for _ in rows])
        return [match for match in matches if match.location != place][:limit]


def _check_backbone(catalog: Path, settings: Settings) -> None:
    identity = read_identity(catalog)
    if identity is not None and identity.backbone != backbone_fingerprint(settings):
        raise CatalogError(
            f"The catalogue in {printable(str(catalog))} was made with another mood backbone, and embeddings "
            "of two do not compare: set `mood_backbone` to the one that it was made with."
        )


def _allowed(files: SearchFiles, wanted: CatalogFilter) -> npt.NDArray[np.bool_]:
    """Which rows may be found, shape (rows,)."""
    facts = files.facts()
    allowed = np.array(facts["music"])
    if not allowed.any():
        raise CatalogError("The catalogue holds no music yet: analyse some, or wait until some is analysed.")
    for name, span in (
        ("tempo_bpm", wanted.tempo_bpm),
        ("duration_s", wanted.duration_s),
        ("arousal", wanted.energy),
    ):
        if span is not None:
            allowed &= (facts[name] >= span[0]) & (facts[name] <= span[1])
    if unknown := wanted.moods - set(MOODS):
        raise CatalogError(f"{printable(min(unknown))!r} is no leading mood: name one of {', '.join(MOODS)}.")
    for name, values in (("key", wanted.keys), ("mood", wanted.moods)):
        if values:
            allowed &= np.isin(facts[name], np.array([value.encode() for value in values]))
    if wanted.genres:
        allowed &= _of_genres(files, wanted.genres)
    return allowed


def _of_genres(files: SearchFiles, genres: frozenset[str]) -> npt.NDArray[np.bool_]:
    head = load_track_head(GENRE_HEAD)
    answers, labels = files.answers(GENRE_HEAD, head), head.info.labels
    found = np.zeros(files.rows, dtype=np.bool_)
    for genre in genres:
        if genre not in labels:
            raise CatalogError(
                f"{printable(genre)!r} is no genre that is known: `attune catalog words` lists them."
            )
        column = labels.index(genre)
        found |= answers[:, column] >= head.info.thresholds[column]
    return found


def _tempo_fits(files: SearchFiles, term: Term, span: Span) -> npt.NDArray[np.bool_]:
    tempo = files.facts()["tempo_bpm"]
    if np.isnan(tempo).all():
        raise CatalogError(
            f"The tempo of no track is known, so {term.word.text!r} finds none: analyse a catalogue with the "
            "extra `analysis` installed."
        )
    inside: npt.NDArray[np.bool_] = (tempo >= span[0]) & (tempo <= span[1])
    return inside if term.wanted else ~inside & ~np.isnan(tempo)


def _probabilities(files: SearchFiles, term: Term, settings: Settings) -> npt.NDArray[np.float32]:
    """How probable it is that each row fits a word, shape (rows,)."""
    head = _head(term.word, settings)
    answers = files.answers(term.word.head, head)[:, head.info.labels.index(term.word.label)]
    probable = answers.astype(np.float32)
    if head.info.kind is TaskKind.REGRESSION:  # a place from -1 to 1, and no probability
        probable = np.clip((probable + 1.0) / 2.0, 0.0, 1.0)
    return probable if term.wanted == term.word.high else 1.0 - probable


def _head(word: SearchWord, settings: Settings) -> EmbeddingHead:
    head = load_head(settings.mood_head) if word.head == EMBEDDED_HEAD else load_track_head(word.head)
    if word.label not in head.info.labels:
        raise CatalogError(
            f"The head {head.info.name!r} does not know {word.text!r}: leave the word out, or use the head "
            "that comes with this version."
        )
    return head


def _matches(
    files: SearchFiles,
    rows: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float32],
    fits: Sequence[dict[str, float]],
) -> list[CatalogMatch]:
    stored = files.stored(rows, list(_SHOWN))
    return [
        CatalogMatch(
            score=float(score),
            fits=shares,
            location=row["location"],
            title=row["title"] or row["name"],
            artist=row["artist"],
            duration_s=row["duration_s"],
            tempo_bpm=row["tempo_bpm"],
            key=row["key"],
            mood=row["mood"],
            genres=_shares(row["genres"]),
            instruments=_shares(row["instruments"]),
            pleasantness=row["valence"],
            energy=row["arousal"],
        )
        for row, score, shares in zip(stored, scores, fits, strict=True)
    ]


def _shares(likeliest: list[dict[str, Any]] | None) -> dict[str, float]:
    return {one["label"]: one["probability"] for one in likeliest or ()}

"""Owns the figures of a corpus: clips, speakers and hours, by corpus, emotion and split."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import AudioDecodeError
from models.audio import open_stream
from models.training.data.manifest import Row
from models.training.data.sources import SpeechSource, read_encoded
from models.training.data.splits import person_of

__all__ = ["CorpusStats", "corpus_stats"]

_DURATION = "duration_s"


@dataclass(frozen=True)
class CorpusStats:
    """Figures of one corpus.

    Attributes
    ----------
    corpus
        Its name.
    clips, speakers
        Counts.
    hours
        Of sound, over the clips whose length is known.
    unknown_lengths
        Clips whose length is not: they are missing, or broken.
    languages
        As in the manifest, sorted.
    emotions, splits, sexes
        Clips by value, the most frequent first; an empty value counts as ``none``.
    """

    corpus: str
    clips: int
    speakers: int
    hours: float
    unknown_lengths: int
    languages: tuple[str, ...]
    emotions: dict[str, int]
    splits: dict[str, int]
    sexes: dict[str, int]


def corpus_stats(source: SpeechSource) -> tuple[CorpusStats, ...]:
    """Count a manifest; lengths come from its column ``duration_s``, else from the files' headers.

    Parameters
    ----------
    source
        From `sources.open_source`.

    Returns
    -------
    tuple of CorpusStats
        One a corpus, by name.

    Raises
    ------
    DataError
        An archive that lengths must be read from is damaged.
    """
    seconds = _lengths_s(source)
    of_corpus: defaultdict[str, list[Row]] = defaultdict(list)
    for row in source.rows:
        of_corpus[row.corpus].append(row)
    return tuple(
        CorpusStats(
            corpus=corpus,
            clips=len(rows),
            speakers=len({person_of(row) for row in rows}),
            hours=sum(seconds.get(row.path, 0.0) for row in rows) / 3600,
            unknown_lengths=sum(row.path not in seconds for row in rows),
            languages=tuple(sorted({row.language for row in rows if row.language})),
            emotions=_counted(row.emotion for row in rows),
            splits=_counted(row.split for row in rows),
            sexes=_counted(row.sex for row in rows),
        )
        for corpus, rows in sorted(of_corpus.items())
    )


def _counted(values: Iterable[str]) -> dict[str, int]:
    return {name or "none": count for name, count in Counter(sorted(values)).most_common()}


def _lengths_s(source: SpeechSource) -> dict[str, float]:
    lengths: dict[str, float] = {}
    unread: list[Row] = []
    for row in source.rows:
        try:
            lengths[row.path] = float(dict(row.more)[_DURATION])
        except (KeyError, ValueError):
            unread.append(row)
    for row, encoded in read_encoded(source, unread):
        if encoded is None:
            continue
        try:
            with open_stream(encoded, name=row.path) as stream:
                if stream.duration_s is not None:
                    lengths[row.path] = stream.duration_s
        except AudioDecodeError:
            continue
    return lengths

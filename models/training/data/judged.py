"""Owns whose clips are judged: test speakers, strangers, whole corpora that a model never heard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from models.emotion.labels import EMOTIONS
from models.training.data.cache import Clip, SpeechCache
from models.training.data.splits import Split

__all__ = ["LABELS", "some_of", "strangers", "truth_of", "whole_corpora"]

LABELS: Final = tuple(str(emotion) for emotion in EMOTIONS)
"""The eight answers, in the order of the logits."""


def strangers(cache: SpeechCache) -> dict[str, tuple[Clip, ...]]:
    """Clips of people the model never heard, by corpus: test speakers first, then unseen languages."""
    by_corpus: dict[str, list[Clip]] = {}
    for split in (Split.TEST, Split.UNSEEN_LANGUAGE):
        for clip in cache.of(split):
            by_corpus.setdefault(clip.corpus, []).append(clip)
    return {corpus: tuple(clips) for corpus, clips in by_corpus.items()}


def whole_corpora(cache: SpeechCache, names: Iterable[str]) -> dict[str, tuple[Clip, ...]]:
    """All clips of whole corpora, by corpus, for models that never heard them; not those that were left out.

    Raises
    ------
    DataError
        A corpus is not there, or has no such clip.
    """
    known = sorted({clip.corpus for clip in cache.clips})
    found: dict[str, tuple[Clip, ...]] = {}
    for name in names:
        if name not in known:
            raise DataError(f"The prepared speech holds no corpus {name!r}: name one of {', '.join(known)}.")
        found[name] = tuple(
            clip
            for clip in cache.clips
            if clip.corpus == name and clip.split not in (Split.NO_EMOTION, Split.LEFT_OUT)
        )
        if not found[name]:
            raise DataError(f"The corpus {name!r} holds no clip of the eight emotions: leave it out.")
    return found


def some_of(clips: Sequence[Clip], most: int, seed: int = 0) -> tuple[Clip, ...]:
    """At most ``most`` clips drawn by chance, in their order."""
    if len(clips) <= most:
        return tuple(clips)
    drawn = np.random.default_rng(seed).choice(len(clips), size=most, replace=False)
    return tuple(clips[index] for index in np.sort(drawn))


def truth_of(clips: Sequence[Clip]) -> NDArray[np.int64]:
    """Indices of the true emotions, ``(clips,)``."""
    return np.array([LABELS.index(clip.emotion) for clip in clips], dtype=np.int64)

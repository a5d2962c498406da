"""The protocols: which folds each published table is made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.errors import DataError
from models.emotion.labels import EMOTIONS
from models.training.data.cache import Clip
from models.training.data.folds import FOLDS_NAME, read_fold_file
from models.training.data.manifest import clip_name
from models.training.data.speakers import CREMA_D_TEST_SPEAKERS

__all__ = [
    "CLASSES",
    "TRAINED_CORPORA",
    "Fold",
    "FoldOf",
    "folds_of",
    "read_folds",
    "trainable",
]

CLASSES: Final = (*(str(emotion) for emotion in EMOTIONS), "other:boredom")
"""What heads may be fitted to tell apart: the eight emotions, and EMO-DB's boredom."""
TRAINED_CORPORA: Final = ("ravdess_speech", "ravdess_song", "crema_d", "emodb", "nemo")
RAVDESS_FOLDS: Final = ("1", "2", "3", "4", "5", "6")
EMODB_FOLDS: Final = RAVDESS_FOLDS[:5]

FoldOf = Mapping[tuple[str, str], str]
"""From corpus and clip name to the published test fold."""


def read_folds(data: Path) -> dict[tuple[str, str], str]:
    """Published test fold of each clip, from ``emobox_folds.csv`` in or beside the data.

    Raises
    ------
    DataError
        See `read_fold_file`.
    """
    path = (data if data.is_dir() else data.parent) / FOLDS_NAME
    return {(corpus, clip): fold for corpus, clip, fold in read_fold_file(path)}


@dataclass(frozen=True)
class Fold:
    """One fit of a head and its test.

    Attributes
    ----------
    protocol, name
        The table, and the fold within it.
    classes
        Labels in the order of the logits.
    train, test
        Clips; the encoder has heard none of either.
    """

    protocol: str
    name: str
    classes: tuple[str, ...]
    train: tuple[Clip, ...]
    test: tuple[Clip, ...]


def trainable(clip: Clip) -> bool:
    """Whether a clip has a label that heads learn and lies in a corpus they may learn from."""
    return clip.corpus in TRAINED_CORPORA and clip.emotion in CLASSES


def _ravdess_folds(clips: Sequence[Clip], fold_of: FoldOf) -> dict[str, frozenset[str]]:
    """Actors of each fold."""
    actors: dict[str, set[str]] = {name: set() for name in RAVDESS_FOLDS}
    for clip in clips:
        if clip.corpus == "ravdess_speech":
            actors[_fold(fold_of, clip, actors)].add(clip.speaker)
    return {name: frozenset(found) for name, found in actors.items()}


def _fold(fold_of: FoldOf, clip: Clip, known: Collection[str]) -> str:
    """The published fold of a clip that must have one."""
    fold = fold_of.get((clip.corpus, clip_name(clip.path)))
    if fold not in known:
        raise DataError(
            f"The fold file says fold {fold!r} of {clip.path}: it must be one of {', '.join(known)}."
        )
    return str(fold)


def _labels(clips: Sequence[Clip]) -> tuple[str, ...]:
    found = {clip.emotion for clip in clips}
    return tuple(label for label in CLASSES if label in found)


def folds_of(clips: Sequence[Clip], fold_of: FoldOf) -> list[Fold]:
    """Every fold of every table, in the order they are shown.

    RAVDESS by EmoBox's six folds (songs are trained on but never tested), CREMA-D by 18 kept-out
    speakers, CREMA-D and EMO-DB by EmoBox's folds, where speakers stand on both sides, and EMO-DB by one
    speaker at a time. EmoBox is Ma et al., Interspeech 2024.
    """
    of_corpus = {name: [c for c in clips if c.corpus == name and trainable(c)] for name in TRAINED_CORPORA}
    found: list[Fold] = []

    def add(protocol: str, name: str, among: Sequence[Clip], tested: Callable[[Clip], bool]) -> None:
        test = tuple(clip for clip in among if tested(clip) and clip.corpus != "ravdess_song")
        train = tuple(clip for clip in among if not tested(clip))
        found.append(Fold(protocol, name, _labels(among), train, test))

    ravdess = of_corpus["ravdess_speech"] + of_corpus["ravdess_song"]
    for name, actors in _ravdess_folds(clips, fold_of).items():
        add("ravdess_6fold", name, ravdess, lambda clip, out=actors: clip.speaker in out)  # type: ignore[misc]
    add(
        "crema_d_speakers",
        "5 of 5",
        of_corpus["crema_d"],
        lambda clip: clip.speaker in CREMA_D_TEST_SPEAKERS,
    )
    add(
        "crema_d_fold1",
        "1",
        of_corpus["crema_d"],
        lambda clip: (clip.corpus, clip_name(clip.path)) in fold_of,
    )
    for name in EMODB_FOLDS:
        add(
            "emodb_5fold",
            name,
            of_corpus["emodb"],
            lambda clip, out=name: _fold(fold_of, clip, EMODB_FOLDS) == out,  # type: ignore[misc]
        )
    for speaker in sorted({clip.speaker for clip in of_corpus["emodb"]}):
        add(
            "emodb_speakers",
            speaker,
            of_corpus["emodb"],
            lambda clip, out=speaker: clip.speaker == out,  # type: ignore[misc]
        )
    return found

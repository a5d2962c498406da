"""The published protocols: which folds each table is made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.emotions import EMOTIONS
from core.errors import DataError
from training.data.cache import Clip
from training.data.manifest import clip_name
from training.data.splits import CREMA_D_TEST_SPEAKERS, FOLDS_NAME, read_fold_file

CLASSES: Final = (*(str(emotion) for emotion in EMOTIONS), "other:boredom")
"""What heads may be fitted to tell apart: the eight emotions, and EMO-DB's boredom."""
TRAINED_CORPORA: Final = ("ravdess_speech", "ravdess_song", "crema_d", "emodb", "nemo")
_RAVDESS_FOLDS: Final = ("1", "2", "3", "4", "5", "6")
_EMODB_FOLDS: Final = _RAVDESS_FOLDS[:5]

FoldOf = Mapping[tuple[str, str], str]
"""From corpus and clip name to the published test fold."""


def read_folds(data: Path) -> dict[tuple[str, str], str]:
    """Published test fold of each clip, from ``emobox_folds.csv`` in or beside the data."""
    path = (data if data.is_dir() else data.parent) / FOLDS_NAME
    return {(corpus, clip): fold for corpus, clip, fold in read_fold_file(path)}


@dataclass(frozen=True)
class Fold:
    """One fit of a head and its test."""

    # The table, and the fold within it.
    protocol: str
    name: str
    classes: tuple[str, ...]  # labels in the order of the logits
    # Clips; the encoder was trained on none of either.
    train: tuple[Clip, ...]
    test: tuple[Clip, ...]


def trainable(clip: Clip) -> bool:
    """Whether a clip has a label that heads learn and lies in a corpus they may learn from."""
    return clip.corpus in TRAINED_CORPORA and clip.emotion in CLASSES


def _published_fold(fold_of: FoldOf, clip: Clip, known: Collection[str]) -> str:
    """The published fold of a clip that must have one."""
    fold = fold_of.get((clip.corpus, clip_name(clip.path)))
    if fold not in known:
        raise DataError(
            f"The fold file says fold {fold!r} of {clip.path}: it must be one of {', '.join(known)}."
        )
    return str(fold)


def folds_of(clips: Sequence[Clip], fold_of: FoldOf) -> list[Fold]:
    """Every fold of every table, in the order they are shown.

    RAVDESS by EmoBox's six folds (songs are trained on but never tested), CREMA-D by 18 kept-out
    speakers, CREMA-D and EMO-DB by EmoBox's folds, where speakers stand on both sides, and EMO-DB by one
    speaker at a time. EmoBox is Ma et al., Interspeech 2024.

    Raises
    ------
    DataError
        A clip of RAVDESS or EMO-DB has no fold.
    """
    of_corpus = {name: [c for c in clips if c.corpus == name and trainable(c)] for name in TRAINED_CORPORA}
    crema_d, emodb = of_corpus["crema_d"], of_corpus["emodb"]
    ravdess = of_corpus["ravdess_speech"] + of_corpus["ravdess_song"]
    actors: dict[str, set[str]] = {name: set() for name in _RAVDESS_FOLDS}
    for clip in clips:
        if clip.corpus == "ravdess_speech":
            actors[_published_fold(fold_of, clip, _RAVDESS_FOLDS)].add(clip.speaker)
    emodb_fold = {clip.path: _published_fold(fold_of, clip, _EMODB_FOLDS) for clip in emodb}
    found = [
        _fold("ravdess_6fold", name, ravdess, {clip.path for clip in ravdess if clip.speaker in tested})
        for name, tested in actors.items()
    ]
    tested = {clip.path for clip in crema_d if clip.speaker in CREMA_D_TEST_SPEAKERS}
    found.append(_fold("crema_d_speakers", "5 of 5", crema_d, tested))
    tested = {clip.path for clip in crema_d if (clip.corpus, clip_name(clip.path)) in fold_of}
    found.append(_fold("crema_d_fold1", "1", crema_d, tested))
    found += [
        _fold("emodb_5fold", name, emodb, {path for path, fold in emodb_fold.items() if fold == name})
        for name in _EMODB_FOLDS
    ]
    found += [
        _fold("emodb_speakers", name, emodb, {clip.path for clip in emodb if clip.speaker == name})
        for name in sorted({clip.speaker for clip in emodb})
    ]
    return found


def _fold(protocol: str, name: str, among: Sequence[Clip], tested: Collection[str]) -> Fold:
    """The fold that tests these paths; songs are trained on, but never tested."""
    present = {clip.emotion for clip in among}
    return Fold(
        protocol,
        name,
        classes=tuple(label for label in CLASSES if label in present),
        train=tuple(clip for clip in among if clip.path not in tested),
        test=tuple(clip for clip in among if clip.path in tested and clip.corpus != "ravdess_song"),
    )

"""Owns who the shipped model may be trained on: the fixed, speaker-disjoint splits of the corpora."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from core.errors import DataError
from models.training.data.folds import read_fold_file
from models.training.data.manifest import Row, is_emotion
from models.training.data.splits import Split

__all__ = [
    "CALIBRATION_SPEAKERS",
    "CREMA_D_TEST_SPEAKERS",
    "RAVDESS_TEST_FOLD",
    "assign_split",
    "ravdess_test_speakers",
    "shipped_splits",
]

RAVDESS_TEST_FOLD: Final = "1"
"""The fold of the EmoBox protocol (Ma et al., Interspeech 2024) whose actors are the test speakers."""

CREMA_D_TEST_SPEAKERS: Final = frozenset(str(actor) for actor in range(1005, 1091, 5))  # 18 of 91
CALIBRATION_SPEAKERS: Final[dict[str, frozenset[str]]] = {
    "ravdess_speech": frozenset({"Actor_23", "Actor_24"}),
    "ravdess_song": frozenset({"Actor_23", "Actor_24"}),
    "crema_d": frozenset(str(actor) for actor in range(1003, 1084, 10)),  # 9 of 91
    "emodb": frozenset({"03"}),
    "nemo": frozenset({"EB0"}),
}
_TRAINED_CORPORA: Final = frozenset(CALIBRATION_SPEAKERS)
_TEST_SPEAKERS: Final = {"crema_d": CREMA_D_TEST_SPEAKERS}
_EVALUATED_ONLY: Final = {"emotiontts_ko": Split.UNSEEN_LANGUAGE, "deeply_nonverbal": Split.NO_EMOTION}


def ravdess_test_speakers(folds_csv: Path) -> frozenset[str]:
    """Read the RAVDESS actors of the test fold from the published fold file.

    Parameters
    ----------
    folds_csv
        CSV with the columns ``corpus``, ``clip``, ``test_fold``; the last field of a RAVDESS clip
        name is its actor.

    Returns
    -------
    frozenset of str
        Speaker names as in the manifest, such as ``"Actor_11"``.

    Raises
    ------
    DataError
        See `read_fold_file`; or the file names no RAVDESS clip in the fold.
    """
    actors = frozenset(
        "Actor_" + clip.rsplit("-", 1)[-1]
        for corpus, clip, fold in read_fold_file(folds_csv)
        if corpus == "ravdess_speech" and fold == RAVDESS_TEST_FOLD
    )
    if not actors:
        raise DataError(f"The fold file {folds_csv} names no RAVDESS clip in fold {RAVDESS_TEST_FOLD}.")
    return actors


def assign_split(corpus: str, speaker: str, emotion: str, ravdess_test: frozenset[str]) -> Split:
    """Say what one clip is for; a person's songs follow the person's speech.

    Parameters
    ----------
    corpus, speaker, emotion
        As in the manifest.
    ravdess_test
        From `ravdess_test_speakers`.

    Returns
    -------
    Split
        `Split.LEFT_OUT` for songs of test actors and for labels that are none of the eight emotions.

    Raises
    ------
    DataError
        The corpus is none that has a place in the splits.
    """
    if corpus not in _TRAINED_CORPORA | _EVALUATED_ONLY.keys():
        raise DataError(
            f"The corpus {corpus!r} has no place in the splits: add it to models/training/data/speakers.py."
        )
    if corpus in _EVALUATED_ONLY:
        split = _EVALUATED_ONLY[corpus]
    elif corpus == "ravdess_song" and speaker in ravdess_test:
        split = Split.LEFT_OUT
    elif speaker in (ravdess_test if corpus == "ravdess_speech" else _TEST_SPEAKERS.get(corpus, frozenset())):
        split = Split.TEST
    elif speaker in CALIBRATION_SPEAKERS[corpus]:
        split = Split.CALIBRATION
    else:
        split = Split.TRAIN
    has_emotion = is_emotion(emotion) or split is Split.NO_EMOTION
    return split if has_emotion else Split.LEFT_OUT


def shipped_splits(folds_csv: Path) -> Callable[[Row], Split]:
    """Make the function that says what a clip is for in the shipped model's training, for `cache.prepare`.

    Parameters
    ----------
    folds_csv
        As in `ravdess_test_speakers`.

    Raises
    ------
    DataError
        As `ravdess_test_speakers` does; the function itself, as `assign_split` does.
    """
    ravdess_test = ravdess_test_speakers(folds_csv)
    return lambda row: assign_split(row.corpus, row.speaker, row.emotion, ravdess_test)

"""The head of valence and arousal, learned from clips in four quadrants and from the words of mood tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.mood.backbone import Backbone
from models.track.embeddings import embed_audio
from models.track.tasks import InputKind
from training.data.recordings import named_recordings
from training.mood.ranking import micro_areas
from training.track.dataset import TrackDataset
from training.track.heads.kernel import KernelHead, KernelProblem, TrackView, answers_of_others
from training.track.readers.inputs import open_inputs
from training.track.readers.quadrants import QUADRANTS, read_quadrant_tracks
from training.track.splits import stratified_parts

LABELS: Final = ("valence", "arousal", *QUADRANTS)
"""Values from -1 to 1, and how much speaks for each quadrant, from 0 to 1."""
_FOLDS: Final = 5
_SEEDS: Final = (0, 1, 2, 3)
_WORDS: Final = 0.3
"""Weight of a tag's words: at one deviation above usual music they say a valence of 0.3."""
_TABLE: Final = "4q_taffc_manifest.csv"
_EMBEDDINGS: Final = "4q_taffc_yamnet_embeddings.npz"
_EXAMPLES: Final = "librosa_examples.tar"
_SIGNS: Final = np.array([[1.0, -1.0, -1.0, 1.0], [1.0, 1.0, -1.0, -1.0]])  # of the axes in Q1 to Q4, (2, 4)


def read_quadrant_clips(music: Path) -> TrackDataset:
    """900 clips of commercial music in four quadrants, grouped by artist.

    Raises
    ------
    DataError
        A file is missing or damaged.
    """
    return read_quadrant_tracks(music / _TABLE, open_inputs(music / _EMBEDDINGS))


def _slopes() -> NDArray[np.float64]:
    """Of the prior, ``(2, 6)``: valence and arousal by words are part of the axes and of the quadrants."""
    return _WORDS * np.concatenate([np.eye(2), _SIGNS / 4.0], axis=1)


def _constant() -> NDArray[np.float64]:
    return np.array([0.0, 0.0, 0.25, 0.25, 0.25, 0.25])


def va_problem(view: TrackView, data: TrackDataset) -> KernelProblem:
    """Axes and quadrants at once: valence is what speaks for Q1 and Q4 less what speaks for Q2 and Q3."""
    features, words = view.of(data.inputs[InputKind.EMBEDDING])
    shares = np.eye(len(QUADRANTS))[data.targets["quadrant"].astype(np.int64)]
    targets = np.concatenate([shares @ _SIGNS.T, shares], axis=1)
    return KernelProblem(features, targets, _constant() + words @ _slopes())


def va_head(view: TrackView, problem: KernelProblem) -> KernelHead:
    """The head that learned from all clips."""
    bounds = [(-1.0, 1.0)] * 2 + [(0.0, 1.0)] * len(QUADRANTS)
    return KernelHead(view, problem, _constant(), _slopes(), bounds)


def va_by_artist(problem: KernelProblem, data: TrackDataset) -> dict[str, Any]:
    """Figures by five folds, an artist's clips all on one side; means over several draws of the folds.

    Returns
    -------
    dict
        ``accuracy`` of the leading quadrant, ``accuracy_range`` over the draws, ``by_sign``: of the quadrant
        that the signs of the two values say; ``valence_auc`` and ``arousal_auc``; ``recall`` by quadrant;
        ``draws``, ``clips``, ``artists``.
    """
    quadrants = data.targets["quadrant"].astype(np.int64)
    rows = np.arange(len(quadrants))
    accuracy, by_sign, areas, recall = [], [], [], []
    for seed in _SEEDS:
        folds = stratified_parts(data, rows, [1.0 / _FOLDS] * _FOLDS, seed=seed)
        answers = answers_of_others(problem, folds)
        right = answers[:, 2:].argmax(axis=1) == quadrants
        accuracy.append(float(right.mean()))
        by_sign.append(float(((answers[:, :2] >= 0.0) @ [1, 2] == (_SIGNS.T > 0)[quadrants] @ [1, 2]).mean()))
        high = _SIGNS[:, quadrants] > 0
        areas.append([micro_areas(answers[:, axis], high[axis])[1] for axis in range(2)])
        recall.append([float(right[quadrants == one].mean()) for one in range(len(QUADRANTS))])
    valence, arousal = np.mean(areas, axis=0)
    return {
        "draws": len(_SEEDS),
        "clips": len(rows),
        "artists": len(set(data.groups)),
        "accuracy": round(float(np.mean(accuracy)), 4),
        "accuracy_range": [round(min(accuracy), 4), round(max(accuracy), 4)],
        "by_sign": round(float(np.mean(by_sign)), 4),
        "valence_auc": round(float(valence), 4),
        "arousal_auc": round(float(arousal), 4),
        "recall": {
            name: round(float(share), 4)
            for name, share in zip(QUADRANTS, np.mean(recall, axis=0), strict=True)
        },
    }


def axes_elsewhere(
    answers: NDArray[np.float64], shares: NDArray[np.float32], emotions: tuple[str, ...]
) -> dict[str, Any]:
    """How the two values relate on Emotify, which they did not learn from.

    Answers are ``(tracks, 6)``, shares of listeners who felt an emotion ``(tracks, 9)``.

    Returns
    -------
    dict
        ``correlation`` of valence and arousal; ``with_emotions``: of both with each share.
    """
    return {
        "tracks": len(answers),
        "correlation": round(float(np.corrcoef(answers[:, 0], answers[:, 1])[0, 1]), 4),
        "with_emotions": {
            emotion: {
                label: round(float(np.corrcoef(answers[:, axis], shares[:, place])[0, 1]), 4)
                for axis, label in enumerate(LABELS[:2])
            }
            for place, emotion in enumerate(emotions)
        },
    }


def example_embeddings(music: Path, backbone: Backbone) -> dict[str, NDArray[np.float32]]:
    """Mean embedding of each example clip of librosa by the backbone given, by name.

    Raises
    ------
    DataError
        The archive is missing or damaged.
    """
    return {
        name: embed_audio(backbone, audio).mean(axis=0) for name, audio in named_recordings(music / _EXAMPLES)
    }

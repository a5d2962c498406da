"""What a model's predictions say: figures and mistakes of one corpus, a map, and tables across corpora."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.data.cache import LABELS, Clip, truth_of
from training.intervals import figures_with_interval
from training.metrics import confusion, figures, masked
from training.report.axes import AXES
from training.report.curves import precision_recall, reliability, risk_coverage, roc, threshold_sweep


def corpus_figures(
    probabilities: NDArray[np.float64], clips: Sequence[Clip], *, seed: int = 0
) -> dict[str, Any]:
    """Everything the predictions for one corpus, ``(clips, 8)``, say.

    Returns
    -------
    dict
        ``n``, ``speakers``, ``classes``; ``eight_way`` and ``masked`` (to the classes of the corpus):
        figures and their ``interval``; ``confusion`` (truth by answer, eight-way), ``by_speaker``,
        ``spread`` of the speakers' shares right, ``roc`` and ``precision_recall`` by class (None where
        they do not exist), ``reliability``, ``risk_coverage``, ``sweep``.
    """
    truth = truth_of(clips)
    present = [int(label) for label in np.unique(truth)]
    speakers = [clip.speaker for clip in clips]
    guess, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    correct = guess == truth
    by_speaker = {
        speaker: _speaker_figures(probabilities, truth, np.array(speakers) == speaker)
        for speaker in sorted(set(speakers))
    }
    recalls = [row["ua"] for row in by_speaker.values()]
    curves: dict[str, dict[str, Any]] = {"roc": {}, "precision_recall": {}}
    for index, label in enumerate(LABELS):
        for kind, curve_of in (("roc", roc), ("precision_recall", precision_recall)):
            curve = curve_of(probabilities[:, index], truth == index)
            curves[kind][label] = curve.record() if curve else None
    return {
        "n": len(clips),
        "speakers": list(by_speaker),
        "classes": [LABELS[index] for index in present],
        "eight_way": figures_with_interval(probabilities, truth, speakers, LABELS, seed=seed),
        "masked": figures_with_interval(masked(probabilities, present), truth, speakers, LABELS, seed=seed),
        "confusion": confusion(truth, guess, len(LABELS)).tolist(),
        "by_speaker": by_speaker,
        "spread": {
            "lowest_ua": min(recalls),
            "median_ua": round(float(np.median(recalls)), 4),
            "highest_ua": max(recalls),
        },
        **curves,
        "reliability": reliability(confidence, correct),
        "risk_coverage": risk_coverage(confidence, correct).record(),
        "sweep": threshold_sweep(confidence, correct),
    }


def _speaker_figures(
    probabilities: NDArray[np.float64], truth: NDArray[np.int64], mine: NDArray[np.bool_]
) -> dict[str, Any]:
    record = figures(probabilities[mine], truth[mine], LABELS).record()
    return {name: record[name] for name in ("n", "ua", "wa", "coverage", "accepted_accuracy")}


def confident_mistakes(
    probabilities: NDArray[np.float64], clips: Sequence[Clip], most: int
) -> list[dict[str, Any]]:
    """The wrong answers of the highest confidence."""
    guess, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(guess != truth_of(clips))
    first = wrong[np.argsort(-confidence[wrong], kind="stable")[:most]]
    return [
        {
            "path": clips[index].path,
            "speaker": clips[index].speaker,
            "emotion": clips[index].emotion,
            "said": LABELS[guess[index]],
            "confidence": round(float(confidence[index]), 4),
            "licence": clips[index].licence,
        }
        for index in first.tolist()
    ]


_POINTS: Final = 1500


def embedding_map(
    embedding: NDArray[np.float64],
    clips: Sequence[Clip],
    probabilities: NDArray[np.float64],
    *,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Where the model places the clips (t-SNE, van der Maaten and Hinton, JMLR 2008).

    Embeddings are ``(clips, E)``; at most 1500 clips drawn by chance are shown. Fewer than 10 make no map.
    """
    from sklearn.decomposition import PCA  # noqa: PLC0415 - heavy, and only model makers have it
    from sklearn.manifold import TSNE  # noqa: PLC0415

    if len(clips) < 10:
        return []
    rng = np.random.default_rng(seed)
    shown = np.sort(rng.permutation(len(clips))[:_POINTS])
    points = embedding[shown] - embedding[shown].mean(axis=0)
    spread = points.std(axis=0)
    points = points[:, spread > 0] / spread[spread > 0]
    if points.shape[1] == 0:
        return []
    if points.shape[1] > 50:
        points = PCA(n_components=min(50, len(shown)), random_state=seed).fit_transform(points)
    flat = TSNE(
        n_components=2,
        perplexity=min(30.0, (len(shown) - 1) / 3),
        init="random" if points.shape[1] < 2 else "pca",
        random_state=seed,
    ).fit_transform(points)
    answers = probabilities.argmax(axis=1)
    return [
        {
            "x": round(float(x), 2),
            "y": round(float(y), 2),
            "corpus": clips[index].corpus,
            "emotion": clips[index].emotion,
            "said": LABELS[answers[index]],
        }
        for index, (x, y) in zip(shown.tolist(), flat, strict=True)
    ]


TEST_SPEAKERS: Final = "test speakers"
UNSEEN_LANGUAGE: Final = "unseen language"
STRANGERS: Final = "strangers"
"""A whole corpus, and a model whose training left it out."""

ALONE: Final = "clip by clip"
LIVE: Final = "live"

_FIGURES: Final = ("ua", "accepted_accuracy", "coverage", "ece")
_AXIS_FIGURES: Final = ("auc", "accepted_accuracy", "coverage", "ece")


def emotion_table(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How the model fares on emotions: a row for each corpus and way.

    Returns
    -------
    list of dict
        ``corpus``; ``who``: `TEST_SPEAKERS`, `UNSEEN_LANGUAGE` or `STRANGERS`; ``way``: `ALONE` or `LIVE`;
        ``n`` clips; ``classes`` of the corpus; ``eight_way`` (all eight answers allowed, as a user sees it)
        and ``masked`` (to the classes of the corpus), each with ``accepted`` clips, ``ua``,
        ``accepted_accuracy`` (None: nothing was accepted), ``coverage`` and ``ece``, and their 95 %
        ``interval`` over speakers, each (low, high) or None.
    """
    return [
        {
            **place,
            "n": of_way["n"],
            "classes": len(record["classes"]),
            "eight_way": _row(of_way["eight_way"], _FIGURES),
            "masked": _row(of_way["masked"], _FIGURES),
        }
        for place, record, of_way in _places(report)
    ]


def plane_table(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How the model fares on energy and pleasantness: a row for each axis, corpus and way.

    Returns
    -------
    list of dict
        ``axis``; ``corpus``, ``who`` and ``way`` as in `emotion_table`; ``n`` clips that have a side,
        ``threshold``, ``accepted`` clips, ``auc`` (None: one side does not occur), ``accepted_accuracy``,
        ``coverage``, ``ece`` and their ``interval``. Empty from a model that knows emotions alone.
    """
    return [
        {
            "axis": axis,
            **place,
            **{name: of_way["axes"][axis][name] for name in ("n", "threshold")},
            **_row(of_way["axes"][axis], _AXIS_FIGURES),
        }
        for axis in AXES
        for place, _, of_way in _places(report)
        if of_way["axes"] is not None and of_way["axes"][axis] is not None
    ]


def _places(
    report: Mapping[str, Any],
) -> Iterator[tuple[dict[str, str], Mapping[str, Any], Mapping[str, Any]]]:
    """Every corpus and way: what names the row, the record of the corpus, and that of the way."""
    for part, live in (("corpora", "live"), ("unseen_corpora", "unseen_live")):
        for corpus, record in report[part].items():
            who = {"all": STRANGERS, "unseen_language": UNSEEN_LANGUAGE}.get(record["split"], TEST_SPEAKERS)
            for way, of_way in ((ALONE, record), (LIVE, (report[live] or {}).get(corpus))):
                if of_way is not None:
                    yield {"corpus": corpus, "who": who, "way": way}, record, of_way


def _row(record: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {
        **{name: record[name] for name in ("accepted", *names)},
        "interval": {name: record["interval"][name] for name in names},
    }

"""The GEMS head: nine emotions that music makes people feel, learned from Emotify's listeners."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.mood.backbone import Backbone
from models.mood.patches import PATCH_S
from models.track.embeddings import embed_audio
from models.track.tasks import InputKind
from training.data.recordings import named_recordings
from training.mood.calibrate import best_thresholds
from training.track.balance import with_smote
from training.track.dataset import TrackDataset
from training.track.figures import task_figures
from training.track.heads.kernel import KernelHead, KernelProblem, TrackView, answers_of_others, answers_to
from training.track.prepare import PreparedSide
from training.track.readers.emotify import read_emotify
from training.track.readers.inputs import InputSource, open_inputs, stem_of
from training.track.splits import SHARES, SIDES, leaky_split, stratified_parts

FOLDS: Final = 5
_SEEDS: Final = (0, 1, 2)
_SEGMENT_STEPS: Final = 5
_ANNOTATIONS: Final = "emotify_annotations.csv"
_EMBEDDINGS: Final = "emotify_yamnet_embeddings.npz"
_SOUNDS: Final = "emotify.tar"


def read_gems(music: Path) -> TrackDataset:
    """The 400 tracks: mean embeddings, emotions, and shares of the listeners who felt them.

    Raises
    ------
    DataError
        A file is missing or damaged.
    """
    return read_emotify(music / _ANNOTATIONS, open_inputs(music / _EMBEDDINGS), shares=True)


def gems_problem(view: TrackView, data: TrackDataset) -> KernelProblem:
    """Shares of the listeners are learned: they say more than whether a share reaches a limit."""
    shares = data.targets["gems_shares"].astype(np.float64)
    features, _ = view.of(data.inputs[InputKind.EMBEDDING])
    return KernelProblem(features, shares, np.broadcast_to(shares.mean(axis=0), shares.shape))


def gems_head(view: TrackView, problem: KernelProblem) -> KernelHead:
    """The head that learned from all tracks."""
    labels = problem.targets.shape[1]
    return KernelHead(view, problem, problem.prior[0], np.zeros((2, labels)), [(0.0, 1.0)] * labels)


def gems_thresholds(problem: KernelProblem, data: TrackDataset) -> NDArray[np.float64]:
    """Shares from which on an emotion counts as felt, by the best F1 of answers of other folds, ``(9,)``."""
    return _thresholds(problem, data, np.arange(len(data.names)), seed=0)


def _thresholds(
    problem: KernelProblem, data: TrackDataset, rows: NDArray[np.int64], *, seed: int
) -> NDArray[np.float64]:
    part = KernelProblem(problem.features[rows], problem.targets[rows], problem.prior[rows])
    folds = stratified_parts(data, rows, [1.0 / FOLDS] * FOLDS, seed=seed)
    return best_thresholds(answers_of_others(part, folds), data.targets["gems"][rows] > 0.5)


def gems_by_track(problem: KernelProblem, data: TrackDataset) -> dict[str, Any]:
    """Figures by five folds, a track's all on one side, each of several draws with its own folds.

    The thresholds of a fold are found by folds within what is learned from.

    Returns
    -------
    dict
        ``draws``: number of draws; ``macro_f1``, ``hamming_loss`` and more, means over them
        (`task_figures`); ``correlation``: of answered and true shares, mean over emotions; ``by_label``: of
        the first draw.
    """
    task, truth = data.tasks[0], np.asarray(data.targets["gems"], dtype=np.float32)
    found = []
    for seed in _SEEDS:
        folds = stratified_parts(data, np.arange(len(truth)), [1.0 / FOLDS] * FOLDS, seed=seed)
        answers, claimed = np.empty(truth.shape), np.empty(truth.shape, dtype=np.float32)
        for fold in range(FOLDS):
            learned, asked = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            # What is usual is that of the tracks to learn from.
            usual = np.broadcast_to(problem.targets[learned].mean(axis=0), problem.prior.shape)
            part = KernelProblem(problem.features, problem.targets, usual)
            answers[asked] = answers_to(part, learned, asked)
            claimed[asked] = answers[asked] >= _thresholds(part, data, learned, seed=seed)
        of_claims = task_figures(task, truth, claimed, [0.5] * len(task.labels))
        of_shares = task_figures(task, truth, answers.astype(np.float32), [0.5] * len(task.labels))
        areas = ("macro_pr_auc", "macro_roc_auc")
        correlations = [
            float(np.corrcoef(answers[:, place], problem.targets[:, place])[0, 1])
            for place in range(truth.shape[1])
        ]
        by_label = {
            label: {
                **{name: row[name] for name in ("precision", "recall", "f1", "n")},
                "roc_auc": of_shares["by_label"][label]["roc_auc"],
                "correlation": round(correlation, 4),
            }
            for (label, row), correlation in zip(of_claims["by_label"].items(), correlations, strict=True)
        }
        found.append(
            {
                **{name: of_claims[name] for name in _OVERALL},
                **{name: of_shares[name] for name in areas},
                "correlation": float(np.mean(correlations)),
                "by_label": by_label,
            }
        )
    means = {
        name: round(float(np.mean([one[name] for one in found])), 4)
        for name in found[0]
        if name != "by_label"
    }
    return {"draws": len(_SEEDS), "tracks": len(truth), **means, "by_label": found[0]["by_label"]}


_OVERALL: Final = ("macro_f1", "micro_f1", "samples_f1", "hamming_loss")


def read_segments(music: Path, backbone: Backbone) -> TrackDataset:
    """Segments of 4.8 s of the 30 s that are at hand of each track, heard by the backbone given.

    Raises
    ------
    DataError
        A file is missing or damaged.
    """
    heard = {stem_of(name): embed_audio(backbone, audio) for name, audio in named_recordings(music / _SOUNDS)}
    source = InputSource(str(music / _SOUNDS), embeddings=heard)
    return read_emotify(music / _ANNOTATIONS, source, segment_s=_SEGMENT_STEPS * PATCH_S)


def gems_by_segment(view: TrackView, segments: TrackDataset) -> dict[str, dict[str, float]]:
    """Figures on segments of tracks, by several protocols, one split each.

    Returns
    -------
    dict
        ``leaky``: entries are made up by SMOTE before segments are dealt out by chance; ``random_segments``:
        the same without SMOTE; ``by_track``: no track on two sides. Each with ``macro_f1`` and
        ``hamming_loss``.
    """
    task = segments.tasks[0]
    embeddings = segments.inputs[InputKind.EMBEDDINGS].mean(axis=1)
    plain = PreparedSide(
        segments.names,
        {InputKind.EMBEDDING: embeddings},
        {"gems": segments.targets["gems"].astype(np.float32)},
    )
    more = with_smote(plain, (task,), seed=0)
    third = stratified_parts(segments, np.arange(len(segments.names)), SHARES)
    by_track = np.array(SIDES)[third]
    by_chance = np.array(leaky_split(segments).sides)
    rng = np.random.default_rng(0)
    with_made_up = rng.choice(SIDES, len(more.names), p=SHARES)
    return {
        "leaky": _one_split(view, more, with_made_up, task),
        "random_segments": _one_split(view, plain, by_chance, task),
        "by_track": _one_split(view, plain, by_track, task),
    }


def _one_split(view: TrackView, entries: PreparedSide, sides: NDArray[Any], task: Any) -> dict[str, float]:
    truth = entries.targets["gems"] > 0.5
    features, _ = view.of(np.maximum(entries.inputs[InputKind.EMBEDDING], 0.0))
    train, validation, test = (np.flatnonzero(sides == side) for side in SIDES)
    targets = truth.astype(np.float64)
    usual = np.broadcast_to(targets[train].mean(axis=0), targets.shape)
    problem = KernelProblem(features, targets, usual)
    answers = answers_to(problem, train, np.concatenate([validation, test]))
    thresholds = best_thresholds(answers[: len(validation)], truth[validation])
    found = task_figures(
        task,
        truth[test].astype(np.float32),
        answers[len(validation) :].astype(np.float32),
        thresholds.tolist(),
    )
    return {"entries": len(truth), **{name: found[name] for name in ("macro_f1", "hamming_loss")}}

"""How sure figures of tracks are: the figures of a task in many draws of whole groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.track.multi_task import TEMPO_LABEL
from models.track.tasks import Task, TaskKind
from training.intervals import AreasInDraws, draw_groups, percentile_interval
from training.track.music_scores import mirex_scores, tempo_hits

FigureName = tuple[str, str]
"""A label, or nothing for the task as a whole, and a figure of `training.track.figures.task_figures`."""

Values = NDArray[np.float64]


def draw_weights(groups: Sequence[str], draws: int, seed: int = 0) -> Values:
    """How often each entry is in each draw of groups, ``(draws, entries)``."""
    group_of, times = draw_groups(groups, draws, seed)
    return times[:, group_of].astype(np.float64)


def task_draws(
    task: Task,
    targets: NDArray[np.float32],
    answers: NDArray[np.float32],
    thresholds: Sequence[float],
    weights: Values,
) -> dict[FigureName, Values]:
    """The figures of a task in every draw.

    Parameters
    ----------
    task, targets, answers, thresholds
        As for `training.track.figures.task_figures`; with weights of 1 the figures are those.
    weights
        How often each entry counts, ``(draws, entries)``.

    Returns
    -------
    dict
        ``(draws,)`` each, NaN in draws that lack the figure; empty where nothing is known.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # of draws without an entry that is known
        if task.kind is TaskKind.REGRESSION:
            return {
                (label, name): values
                for place, label in enumerate(task.labels)
                for name, values in _of_values(label, targets[:, place], answers[:, place], weights)
            }
        known = np.isfinite(targets).all(axis=1)
        if not known.any():
            return {}
        truth, scores, weights = targets[known] > 0.5, answers[known].astype(np.float64), weights[:, known]
        if task.kind is TaskKind.SINGLE_LABEL:
            return dict(_of_classes(task, truth, scores, weights))
        return dict(_of_labels(task, truth, scores, scores >= np.asarray(thresholds), weights))


def intervals(found: Mapping[FigureName, Values]) -> dict[FigureName, tuple[float, float] | None]:
    """95 % interval of each figure over the draws; None where fewer than half of them have it."""
    return {name: percentile_interval(values) for name, values in found.items()}


def _of_classes(
    task: Task, truth: NDArray[np.bool_], scores: Values, weights: Values
) -> Iterator[tuple[FigureName, Values]]:
    guess = scores.argmax(axis=1)
    said = np.eye(len(task.labels), dtype=bool)[guess]
    total = weights.sum(axis=1)
    hits, claims, present = (weights @ part for part in (said & truth, said, truth))
    there = np.where(present > 0, 1.0, np.nan)
    precision = there * hits / np.maximum(claims, 1)
    recall, f1 = hits / present, there * 2 * hits / (claims + present)
    yield ("", "accuracy"), hits.sum(axis=1) / total
    yield ("", "balanced_accuracy"), _mean(recall)
    yield ("", "macro_precision"), _mean(precision)
    yield ("", "macro_f1"), _mean(f1)
    yield from _areas(task, truth, scores, weights)
    keys = mirex_scores(task.labels)
    if keys is not None:
        yield ("", "mirex"), weights @ keys[truth.argmax(axis=1), guess] / total
    for place in np.flatnonzero(truth.any(axis=0)):
        label = task.labels[place]
        yield (label, "precision"), precision[:, place]
        yield (label, "recall"), recall[:, place]
        yield (label, "f1"), f1[:, place]


def _of_labels(
    task: Task, truth: NDArray[np.bool_], scores: Values, said: NDArray[np.bool_], weights: Values
) -> Iterator[tuple[FigureName, Values]]:
    total = weights.sum(axis=1)
    yield ("", "hamming_loss"), weights @ (said != truth).mean(axis=1) / total
    yield ("", "exact_match"), weights @ (said == truth).all(axis=1) / total
    hits, claims, present = (weights @ part for part in (said & truth, said, truth))
    # A label that no entry has counts 0; of one that a draw has not, nothing is known there.
    there = np.where((present > 0) | ~truth.any(axis=0), 1.0, np.nan)
    of_label = _precision_recall_f1(hits, claims, present)
    sums = [part.sum(axis=1) for part in (hits, claims, present)]
    of_entry = _precision_recall_f1(*(part.sum(axis=1) for part in (said & truth, said, truth)))
    for name, values in _precision_recall_f1(*sums).items():
        yield ("", f"micro_{name}"), values
        yield ("", f"macro_{name}"), _mean(there * of_label[name])
        yield ("", f"samples_{name}"), weights @ of_entry[name] / total
    yield from _areas(task, truth, scores, weights)
    for place, label in enumerate(task.labels):
        for name, values in of_label.items():
            yield (label, name), there[:, place] * values[:, place]


def _precision_recall_f1(hits: Values, claims: Values, present: Values) -> dict[str, Values]:
    return {
        "precision": hits / np.maximum(claims, 1),
        "recall": hits / np.maximum(present, 1),
        "f1": 2 * hits / np.maximum(claims + present, 1),
    }


def _areas(
    task: Task, truth: NDArray[np.bool_], scores: Values, weights: Values
) -> Iterator[tuple[FigureName, Values]]:
    """Areas of every label that some entries have and some have not, and their means."""
    several = np.flatnonzero(truth.any(axis=0) & ~truth.all(axis=0))
    areas = {
        task.labels[place]: AreasInDraws(scores[:, place], truth[:, place]).areas(weights)
        for place in several
    }
    for part, name in enumerate(("pr_auc", "roc_auc")):
        if areas:
            yield ("", f"macro_{name}"), _mean(np.stack([found[part] for found in areas.values()], axis=1))
        for label, found in areas.items():
            yield (label, name), found[part]


def _of_values(
    label: str, targets: NDArray[np.float32], answers: NDArray[np.float32], weights: Values
) -> Iterator[tuple[str, Values]]:
    known = np.isfinite(targets)
    if not known.any():
        return
    truth, given, weights = (
        targets[known].astype(np.float64),
        answers[known].astype(np.float64),
        weights[:, known],
    )
    wrong, total = given - truth, weights.sum(axis=1)
    error, square = weights @ np.abs(wrong) / total, weights @ np.square(wrong) / total
    # Around the means of all entries the squares are small, and their differences exact.
    one, other = truth - truth.mean(), given - given.mean()
    mean, other_mean = weights @ one / total, weights @ other / total
    spread = weights @ np.square(one) / total - np.square(mean)
    other_spread = weights @ np.square(other) / total - np.square(other_mean)
    shared = weights @ (one * other) / total - mean * other_mean
    spread = np.where(spread > 1e-12 * max(1.0, float(np.square(truth).mean())), spread, np.nan)
    apart = mean - other_mean + truth.mean() - given.mean()
    yield "mae", error
    yield "rmse", np.sqrt(square)
    yield "r2", 1.0 - square / spread
    yield "ccc", 2 * shared / (spread + other_spread + np.square(apart))
    if label == TEMPO_LABEL:
        for name, hits in zip(("acc1", "acc2"), tempo_hits(truth, given), strict=True):
            yield name, weights @ hits / total


def _mean(values: Values) -> Values:
    """Mean of what is known in each draw, ``(draws,)``, of ``(draws, labels)``; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    mean: Values = np.where(
        count > 0, np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan
    )
    return mean

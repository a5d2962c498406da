"""How well tags are ranked: areas under precision-recall and ROC curves, and their bootstrap over artists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.intervals import DRAWS, AreasInDraws, draw_groups


def tag_areas(
    scores: NDArray[np.float64], labels: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Areas of every tag.

    PR-AUC is average precision without interpolation (Davis and Goadrich, ICML 2006), ROC-AUC counts ties
    half (Fawcett, 2006), as in the tables of MTG-Jamendo. Scores are any rising function of the probability,
    ``(tracks, tags)`` as the labels.

    Returns
    -------
    pr_auc, roc_auc : ndarray
        ``(tags,)``, [0, 1]; NaN for a tag that no track or every track has.
    """
    areas = np.full((2, labels.shape[1]), np.nan)
    for tag in np.flatnonzero(labels.any(axis=0) & ~labels.all(axis=0)):
        areas[:, tag] = micro_areas(scores[:, tag], labels[:, tag])
    return areas[0], areas[1]


def micro_areas(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> tuple[float, float]:
    """PR-AUC and ROC-AUC pooled over all tags: every pair of track and tag is one answer."""
    from sklearn.metrics import average_precision_score, roc_auc_score  # noqa: PLC0415 - heavy

    answers, truth = scores.ravel(), labels.ravel()
    return float(average_precision_score(truth, answers)), float(roc_auc_score(truth, answers))


def draw_artists(artists: Sequence[str], draws: int = DRAWS, seed: int = 0) -> NDArray[np.float64]:
    """How often each track is drawn, when artists are drawn with replacement, ``(draws, tracks)``."""
    artist_of, times = draw_groups(artists, draws, seed)
    drawn: NDArray[np.float64] = times[:, artist_of].astype(np.float64)
    return drawn


def artist_bootstrap(
    scores: NDArray[np.float64], labels: NDArray[np.bool_], drawn: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Areas in every draw of artists.

    Returns
    -------
    dict
        ``pr_auc`` and ``roc_auc``, ``(draws, tags)``, NaN where a draw lacks the tag; ``micro_pr_auc``
        and ``micro_roc_auc``, ``(draws,)``.
    """
    tags = labels.shape[1]
    by_tag = [AreasInDraws(scores[:, tag], labels[:, tag]).areas(drawn) for tag in range(tags)]
    pooled = AreasInDraws(scores.ravel(), labels.ravel()).areas(drawn, repeat=tags)
    return {
        "pr_auc": np.stack([pr for pr, _ in by_tag], axis=1),
        "roc_auc": np.stack([roc for _, roc in by_tag], axis=1),
        "micro_pr_auc": pooled[0],
        "micro_roc_auc": pooled[1],
    }

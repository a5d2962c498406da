"""Owns how well tags are ranked: areas under precision-recall and ROC curves, and their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["DRAWS", "Areas", "artist_bootstrap", "draw_artists", "interval", "micro_areas", "tag_areas"]

DRAWS: Final = 1000
_VALUES_AT_A_TIME: Final = 1_000_000
"""Weights in memory at once."""
_LOW_HIGH: Final = (2.5, 97.5)
Areas = tuple[NDArray[np.float64], NDArray[np.float64]]


def tag_areas(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> Areas:
    """Areas of every tag.

    PR-AUC is average precision without interpolation (Davis and Goadrich, ICML 2006), ROC-AUC counts
    ties half (Fawcett, 2006): what scikit-learn computes, and with it the tables of MTG-Jamendo.

    Parameters
    ----------
    scores
        Any rising function of the probability, ``(tracks, tags)``.
    labels
        Whether a track has a tag, ``(tracks, tags)``.

    Returns
    -------
    pr_auc, roc_auc : ndarray
        ``(tags,)``, [0, 1]; NaN for a tag that no track or every track has.
    """
    once = np.ones((1, len(labels)))
    found = [_Ranked(scores[:, tag], labels[:, tag]).areas(once) for tag in range(labels.shape[1])]
    return np.array([float(pr[0]) for pr, _ in found]), np.array([float(roc[0]) for _, roc in found])


def micro_areas(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> tuple[float, float]:
    """PR-AUC and ROC-AUC pooled over all tags: every pair of track and tag is one answer."""
    precision, roc = _Ranked(scores.reshape(-1), labels.reshape(-1)).areas(np.ones((1, labels.size)))
    return float(precision[0]), float(roc[0])


def draw_artists(artists: Sequence[str], draws: int = DRAWS, seed: int = 0) -> NDArray[np.float64]:
    """How often each track is drawn, when artists are drawn with replacement, ``(draws, tracks)``.

    Tracks of one artist resemble each other, so whole artists are drawn (Efron and Tibshirani, 1993,
    ch. 8).
    """
    names, of_track = np.unique(np.array(artists), return_inverse=True)
    times = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), draws)
    drawn: NDArray[np.float64] = times[:, of_track].astype(np.float64)
    return drawn


def artist_bootstrap(
    scores: NDArray[np.float64], labels: NDArray[np.bool_], drawn: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Areas in every draw of artists.

    Parameters
    ----------
    scores, labels
        As in `tag_areas`.
    drawn
        From `draw_artists`.

    Returns
    -------
    dict
        ``pr_auc`` and ``roc_auc``, ``(draws, tags)``, NaN where a draw lacks the tag; ``micro_pr_auc``
        and ``micro_roc_auc``, ``(draws,)``.
    """
    tags = labels.shape[1]
    by_tag = [_Ranked(scores[:, tag], labels[:, tag]).in_draws(drawn) for tag in range(tags)]
    pooled = _Ranked(scores.reshape(-1), labels.reshape(-1)).in_draws(drawn, tags)
    return {
        "pr_auc": np.stack([pr for pr, _ in by_tag], axis=1),
        "roc_auc": np.stack([roc for _, roc in by_tag], axis=1),
        "micro_pr_auc": pooled[0],
        "micro_roc_auc": pooled[1],
    }


def interval(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """95 % percentile interval of what the draws gave; None where most of them lack the figure."""
    known = values[np.isfinite(values)]
    if 2 * len(known) < len(values) or not len(known):
        return None
    low, high = np.percentile(known, _LOW_HIGH)
    return round(float(low), 4), round(float(high), 4)


class _Ranked:
    """Answers from the highest score down, sorted once for any number of weightings.

    Both areas are sums over the positive answers alone, so weights are added up once over all answers and
    looked at where those stand.
    """

    def __init__(self, scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> None:
        self.order = np.argsort(-scores, kind="stable")
        last_of_tie = np.flatnonzero(np.append(np.diff(scores[self.order]) != 0, True))
        right = labels[self.order]
        self._places = np.flatnonzero(right)
        tie = np.searchsorted(last_of_tie, self._places)
        counted = np.concatenate([[0], np.cumsum(right)])  # positives among the first answers
        self._last = last_of_tie[tie]
        self._before = np.concatenate([[-1], last_of_tie])[tie]  # last answer above the tie, -1: none
        self._hits_last, self._hits_before = counted[self._last + 1], counted[self._before + 1]

    def areas(self, ranked: NDArray[np.float64]) -> Areas:
        """PR-AUC and ROC-AUC for each row of weights, in the order of the answers, ``(draws, n)``.

        NaN where one kind of answer is absent.
        """
        mine = ranked[:, self._places]  # (draws, positives)
        taken = _sums(ranked)
        hits = _sums(mine)
        above, upto = hits[:, self._hits_before], hits[:, self._hits_last]
        all_above, all_upto = taken[:, self._before + 1], taken[:, self._last + 1]
        found = hits[:, -1]
        false = taken[:, -1] - found
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = np.where(all_upto > 0, upto / all_upto, 0.0)
            pr_auc = (mine * precision).sum(axis=1) / found
            alarms = ((all_above - above) + (all_upto - upto)) / 2
            roc_auc = 1.0 - (mine * alarms).sum(axis=1) / (found * false)
        return np.where(false > 0, pr_auc, np.nan), roc_auc

    def in_draws(self, drawn: NDArray[np.float64], repeat: int = 1) -> Areas:
        """Areas in every draw; the weight of each track counts for ``repeat`` answers in a row."""
        tracks = self.order // repeat
        size = max(1, _VALUES_AT_A_TIME // len(tracks))
        parts = [self.areas(drawn[first : first + size, tracks]) for first in range(0, len(drawn), size)]
        return np.concatenate([pr for pr, _ in parts]), np.concatenate([roc for _, roc in parts])


def _sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of the first 0, 1, ... values of each row, ``(rows, n + 1)``."""
    sums: NDArray[np.float64] = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums

"""How sure a figure is: bootstrap over people, with all that is theirs, and exact intervals of rates.

Clips of one voice, and tracks of one artist, resemble each other, so whole groups are drawn and not single
examples (Efron and Tibshirani, 1993, ch. 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.metrics import ACCEPT_AT, BINS, binary_figures, confidence_bin, figures

DRAWS: Final = 1000
_LOW_HIGH: Final = (2.5, 97.5)
_VALUES_AT_A_TIME: Final = 1_000_000
"""Weights in memory at once."""


def draw_groups(
    groups: Sequence[str], draws: int = DRAWS, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw as many groups as there are, with replacement, again and again.

    Returns
    -------
    group_of, times : ndarray
        Index of each example's group, ``(n,)``; how often each group is in each draw, ``(draws, groups)``.
    """
    names, group_of = np.unique(np.array(groups), return_inverse=True)
    rng = np.random.default_rng(seed)
    return group_of, rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)


def percentile_interval(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """95 % interval of what the draws gave, ``(draws,)``; None where fewer than half have the figure."""
    known = values[np.isfinite(values)]
    if 2 * len(known) < len(values) or not len(known):
        return None
    low, high = np.percentile(known, _LOW_HIGH)
    return round(float(low), 4), round(float(high), 4)


class AreasInDraws:
    """Areas under precision-recall and ROC curves for many weightings of the same answers.

    Answers are sorted once. Both areas are sums over the positive answers alone, so weights are added up
    once over all answers and looked at where those stand: scikit-learn, which sorts for every weighting,
    would take minutes for a thousand draws.

    Scores are any rising function of the probability, ``(n,)``, with which answers are positive, ``(n,)``.
    """

    def __init__(self, scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> None:
        self._order = np.argsort(-scores, kind="stable")
        last_of_tie = np.flatnonzero(np.append(np.diff(scores[self._order]) != 0, True))
        right = labels[self._order]
        self._places = np.flatnonzero(right)
        tie = np.searchsorted(last_of_tie, self._places)
        counted = np.concatenate([[0], np.cumsum(right)])  # positives among the first answers
        self._last = last_of_tie[tie]
        self._before = np.concatenate([[-1], last_of_tie])[tie]  # last answer above the tie, -1: none
        self._hits_last, self._hits_before = counted[self._last + 1], counted[self._before + 1]

    def areas(
        self, weights: NDArray[np.float64], repeat: int = 1
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """PR-AUC (average precision) and ROC-AUC for each row of weights, ``(draws,)`` each.

        Weights are ``(draws, n / repeat)``: so many answers in a row share one. NaN in draws from which one
        kind of answer is absent.
        """
        examples = self._order // repeat
        size = max(1, _VALUES_AT_A_TIME // len(examples))
        parts = [self._areas(weights[row : row + size, examples]) for row in range(0, len(weights), size)]
        return np.concatenate([pr for pr, _ in parts]), np.concatenate([roc for _, roc in parts])

    def _areas(self, ranked: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Areas for weights in the order of the answers, ``(draws, n)``."""
        mine = ranked[:, self._places]  # (draws, positives)
        taken, hits = _sums(ranked), _sums(mine)
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


def _sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of the first 0, 1, ... values of each row, ``(rows, n + 1)``."""
    sums: NDArray[np.float64] = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums


def figures_with_interval(
    probabilities: NDArray[np.float64],
    truth: NDArray[np.int64],
    speakers: Sequence[str],
    labels: Sequence[str],
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """`metrics.figures` as plain values, with ``accepted`` (how many clips) and their ``interval``."""
    return {
        **figures(probabilities, truth, labels).record(),
        "accepted": int((probabilities.max(axis=1) >= ACCEPT_AT).sum()),
        "interval": speaker_bootstrap(probabilities, truth, speakers, seed=seed),
    }


def speaker_bootstrap(
    probabilities: NDArray[np.float64],
    truth: NDArray[np.int64],
    speakers: Sequence[str],
    *,
    accept_at: float = ACCEPT_AT,
    seed: int = 0,
) -> dict[str, tuple[float, float] | None]:
    """95 % percentile intervals of the figures, from speakers drawn with replacement.

    Probabilities are ``(n, classes)``, truth and speakers ``(n,)``.

    Returns
    -------
    dict
        By the names of `figures_of_tallies`, each (low, high) or None: with a single speaker, or where fewer
        than half of the draws have the figure.
    """
    speaker_of, drawn = draw_groups(speakers, seed=seed)  # (n,), (draws, speakers)
    by_speaker = [speaker_of == speaker for speaker in range(drawn.shape[1])]
    tallies = np.stack([tally(probabilities[mine], truth[mine], accept_at) for mine in by_speaker])
    of_draws = figures_of_tallies(drawn.astype(np.float64) @ tallies)
    several = len(by_speaker) > 1
    return {name: percentile_interval(values) if several else None for name, values in of_draws.items()}


def tally(
    probabilities: NDArray[np.float64], truth: NDArray[np.int64], accept_at: float = ACCEPT_AT
) -> NDArray[np.float64]:
    """What adds up over clips, ``(3 * classes + 2 + BINS,)``; `figures_of_tallies` reads it.

    That is by class right answers, clips and answers; accepted clips, those that are right; gaps by bin.
    """
    classes = probabilities.shape[1]
    guess, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    correct, sure = guess == truth, confidence >= accept_at
    return np.concatenate(
        [
            *(np.bincount(part, minlength=classes) for part in (truth[correct], truth, guess)),
            [sure.sum(), (sure & correct).sum()],
            np.bincount(confidence_bin(confidence), weights=confidence - correct, minlength=BINS),
        ]
    ).astype(np.float64)


def figures_of_tallies(tallies: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Figures of summed tallies, ``(rows, T)``, by their names in `metrics.Figures`; NaN where none is."""
    classes = (tallies.shape[1] - 2 - BINS) // 3
    hits, present, answered, accepted, gaps = np.split(
        tallies, [classes, 2 * classes, 3 * classes, 3 * classes + 2], axis=1
    )
    n, (sure, right) = present.sum(axis=1), accepted.T
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = np.where(present > 0, hits / present, np.nan)
        f1 = np.where(present > 0, 2 * hits / (present + answered), np.nan)
        return {
            "ua": np.nanmean(recall, axis=1),
            "wa": hits.sum(axis=1) / n,
            "macro_f1": np.nanmean(f1, axis=1),
            "ece": np.abs(gaps).sum(axis=1) / n,
            "coverage": sure / n,
            "accepted_accuracy": right / sure,
        }


def binary_figures_with_interval(
    probability: NDArray[np.float64],
    high: NDArray[np.bool_],
    speakers: Sequence[str],
    threshold: float,
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """`metrics.binary_figures` as plain values, with their ``interval`` as of `speaker_bootstrap`."""
    # The high side first: of even odds it is the answer, as in the figures.
    sides = np.column_stack([probability, 1.0 - probability])  # (n, 2)
    spread = speaker_bootstrap(sides, (~high).astype(np.int64), speakers, accept_at=threshold, seed=seed)
    speaker_of, drawn = draw_groups(speakers, seed=seed)
    auc = None
    if drawn.shape[1] > 1:
        _, areas = AreasInDraws(probability, high).areas(drawn[:, speaker_of].astype(np.float64))
        auc = percentile_interval(areas)
    return {
        **binary_figures(probability, high, threshold).record(),
        "interval": {
            "auc": auc,
            "accuracy": spread["wa"],
            **{name: spread[name] for name in ("ece", "coverage", "accepted_accuracy")},
        },
    }


def events_per_hour_interval(events: int, hours: float) -> tuple[float, float]:
    """Exact 95 % interval of a Poisson rate (Garwood, Biometrika 1936), low and high, in events per hour.

    Raises
    ------
    ValueError
        Nothing was listened to, or the count is negative.
    """
    from scipy.stats import chi2  # noqa: PLC0415 - heavy, of the extra `train`

    if events < 0 or not hours > 0:
        raise ValueError(f"{events} events in {hours} hours have no rate")
    low = chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
    high = chi2.ppf(0.975, 2 * events + 2) / 2
    return round(float(low / hours), 3), round(float(high / hours), 3)

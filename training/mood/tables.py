"""The figures of mood heads: on the official test, and by the reference project's protocols."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.mood_tags import TAGS
from models.mood.mood_scale import MoodScale, write_scale
from training.intervals import DRAWS, percentile_interval
from training.metrics import expected_calibration_error
from training.mood import protocols
from training.mood.calibrate import best_thresholds, f1_at, mean_nll, sigmoid
from training.mood.head import MoodNet, MoodSettings, predict_logits, predict_probabilities
from training.mood.jamendo import SIDES, Jamendo
from training.mood.moods import Quadrants, fit_scale, mood_figures, quadrant_figures, weights_by_rule
from training.mood.ranking import artist_bootstrap, draw_artists, micro_areas, tag_areas
from training.progress import Progress

REFERENCE: Final[Mapping[str, float]] = {
    "random_split_micro_pr_auc": 0.2934,
    "random_folds_micro_pr_auc": 0.2954,
    "random_folds_macro_pr_auc": 0.2487,
}
"""What the reference project says of itself, by its own protocols."""
_RANDOM_SPLIT_EPOCHS: Final = 40
_FIGURES: Final = ("macro_pr_auc", "macro_roc_auc", "micro_pr_auc", "micro_roc_auc")


@dataclass(frozen=True)
class EvalSet:
    """Tracks that figures are about, and the tags that count."""

    name: str  # for records
    rows: NDArray[np.int64]  # of the tracks, ``(tracks,)``
    tags: NDArray[np.int64]  # indices, rising, ``(tags,)``

    def labels(self, data: Jamendo) -> NDArray[np.bool_]:
        """Whether a track has a tag, ``(tracks, tags)``."""
        return data.labels[np.ix_(self.rows, self.tags)]

    def artists(self, data: Jamendo) -> list[str]:
        """Of the tracks."""
        return [data.artists[row] for row in self.rows]


def eval_sets(data: Jamendo) -> tuple[EvalSet, EvalSet]:
    """The official test with its 56 tags; and all 59 on the official test and the tracks beside it.

    No official split knows the other three tags. Theirs are the tracks outside the split: those by artists
    of the test and by a quarter of the artists whom the split does not know (see `Jamendo.wide`).
    """
    return (
        EvalSet("official_56_tags", data.rows("test"), np.array(data.official_tags)),
        EvalSet("all_59_tags", data.rows("test", wide=True), np.arange(len(TAGS))),
    )


def compare_heads(
    answers: Mapping[str, NDArray[np.float64]], data: Jamendo, tested: EvalSet, *, draws: int = DRAWS
) -> dict[str, Any]:
    """Macro and micro areas of several heads, of their mean figure and of their mean answer.

    Answers are by name probabilities of all tracks, ``(tracks, 59)``.

    Returns
    -------
    dict
        ``tracks``, ``artists``, ``tags``; ``heads`` by name; and where there are several ``mean`` (of the
        figures) and ``together`` (figures of the mean probability). Each has ``macro_pr_auc``,
        ``macro_roc_auc``, ``micro_pr_auc``, ``micro_roc_auc`` and their 95 % ``interval`` over artists.
    """
    artists, labels = tested.artists(data), tested.labels(data)
    drawn = draw_artists(artists, draws)
    scores = {name: all_of[np.ix_(tested.rows, tested.tags)] for name, all_of in answers.items()}
    found = {name: _figures(of_head, labels, drawn) for name, of_head in scores.items()}
    record: dict[str, Any] = {
        "tracks": len(tested.rows),
        "artists": len(set(artists)),
        "tags": len(tested.tags),
        "heads": {name: _record(*figures) for name, figures in found.items()},
    }
    if len(scores) > 1:
        together = np.mean(list(scores.values()), axis=0)
        record["mean"] = _record(
            {name: float(np.mean([one[name] for one, _ in found.values()])) for name in _FIGURES},
            {name: np.mean([spread[name] for _, spread in found.values()], axis=0) for name in _FIGURES},
        )
        record["together"] = _record(*_figures(together, labels, drawn))
    return record


def _areas(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> dict[str, float]:
    precision, roc = tag_areas(scores, labels)
    values = (float(np.nanmean(precision)), float(np.nanmean(roc)), *micro_areas(scores, labels))
    return dict(zip(_FIGURES, values, strict=True))


def _figures(
    scores: NDArray[np.float64], labels: NDArray[np.bool_], drawn: NDArray[np.float64]
) -> tuple[dict[str, float], dict[str, NDArray[np.float64]]]:
    """Each figure, and what it is in every draw."""
    spread = artist_bootstrap(scores, labels, drawn)
    macro = {f"macro_{name}": np.nanmean(spread[name], axis=1) for name in ("pr_auc", "roc_auc")}
    return _areas(scores, labels), {**spread, **macro}


def _record(values: Mapping[str, float], spread: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    return {
        **{name: round(value, 4) for name, value in values.items()},
        "interval": {name: percentile_interval(spread[name]) for name in _FIGURES},
    }


def head_figures(
    head: protocols.TrainedHead,
    answers: NDArray[np.float64],
    data: Jamendo,
    split: protocols.TrackSplit,
    quadrants: Quadrants | None,
    *,
    draws: int = DRAWS,
) -> tuple[NDArray[np.float64], MoodScale, dict[str, Any]]:
    """Thresholds of the 59 tags and scale of the moods, fitted on the validation side, and figures of a head.

    Answers are probabilities of all tracks, ``(tracks, 59)``. Moods are tested on the quadrants, too. What is
    fitted on the validation side is fitted to a head that did not learn from it.

    Returns
    -------
    thresholds, scale, figures
        ``by_tag``: ``tag``, ``n`` (tracks that have it), ``share``, ``pr_auc`` and ``roc_auc`` with their
        ``interval`` over artists, ``threshold``, and ``precision``, ``recall`` and ``f1`` at it. ``moods``:
        ``scale`` (slope and offsets); and for each rule of `weights_by_rule` ``official_test`` and
        ``quadrants`` or None (`mood_figures`, `quadrant_figures`). ``calibration``, ``before`` and ``after``:
        ``ece`` (15 equal bins over all answers), ``ece_by_tag`` (mean of the tags' own), ``nll`` (nats).
    """
    net, labels = head.net, data.labels[split.validation]
    shares = predict_probabilities(head.checked, data.embeddings[split.validation])
    thresholds, scale = best_thresholds(shares, labels), fit_scale(shares, labels)
    official, wide = eval_sets(data)
    figures = {
        "by_tag": _per_tag(answers, data, wide, thresholds, draws),
        "moods": _compare_moods(net, data, official, thresholds, scale, quadrants, draws),
        "calibration": {
            name: _calibration(part, official.labels(data))
            for name, part in before_and_after(net, data, official).items()
        },
    }
    return thresholds, scale, figures


def data_record(data: Jamendo, split: protocols.TrackSplit) -> dict[str, Any]:
    """What was trained and tested on, for records."""
    return {
        "fingerprint": data.fingerprint,
        "tracks": {side: len(getattr(split, side)) for side in SIDES},
        "official_tracks_without_embedding": dict(data.absent),
    }


def _per_tag(
    answers: NDArray[np.float64],
    data: Jamendo,
    tested: EvalSet,
    thresholds: NDArray[np.float64],
    draws: int,
) -> list[dict[str, Any]]:
    """Figures of every tag of one head, from probabilities of all tracks, ``(tracks, 59)``."""
    scores, labels = answers[np.ix_(tested.rows, tested.tags)], tested.labels(data)
    kept = thresholds[tested.tags]
    areas = dict(zip(("pr_auc", "roc_auc"), tag_areas(scores, labels), strict=True))
    spread = artist_bootstrap(scores, labels, draw_artists(tested.artists(data), draws))
    at_threshold = dict(zip(("precision", "recall", "f1"), f1_at(scores, labels, kept), strict=True))
    return [
        {
            "tag": TAGS[int(tag)],
            "n": int(labels[:, place].sum()),
            "share": round(float(labels[:, place].mean()), 4),
            **{
                name: round(float(values[place]), 4) if np.isfinite(values[place]) else None
                for name, values in areas.items()
            },
            "interval": {name: percentile_interval(spread[name][:, place]) for name in areas},
            "threshold": round(float(kept[place]), 4),
            **{name: round(float(values[place]), 4) for name, values in at_threshold.items()},
        }
        for place, tag in enumerate(tested.tags)
    ]


def before_and_after(net: MoodNet, data: Jamendo, tested: EvalSet) -> dict[str, NDArray[np.float64]]:
    """Probabilities ``before`` and ``after`` calibration, ``(tracks, tags)`` each."""
    tracks = data.embeddings[tested.rows]
    answers = {"before": sigmoid(predict_logits(net, tracks)), "after": predict_probabilities(net, tracks)}
    return {name: shares[:, tested.tags] for name, shares in answers.items()}


def _calibration(answers: NDArray[np.float64], labels: NDArray[np.bool_]) -> dict[str, float]:
    by_tag = [expected_calibration_error(answers[:, tag], labels[:, tag]) for tag in range(answers.shape[1])]
    return {
        "ece": round(expected_calibration_error(answers.ravel(), labels.ravel()), 4),
        "ece_by_tag": round(float(np.mean(by_tag)), 4),
        "nll": round(mean_nll(answers, labels), 4),
    }


def _compare_moods(
    net: MoodNet,
    data: Jamendo,
    tested: EvalSet,
    thresholds: NDArray[np.float64],
    scale: MoodScale,
    quadrants: Quadrants | None,
    draws: int,
) -> dict[str, Any]:
    """Figures of the eight moods, by the released scale and by the rule without it."""
    artists, labels = tested.artists(data), data.labels[tested.rows]
    weights = weights_by_rule(predict_probabilities(net, data.embeddings[tested.rows]), thresholds, scale)
    outside = None
    if quadrants is not None:
        answers = predict_probabilities(net, quadrants.embeddings)
        outside = {
            rule: quadrant_figures(found, quadrants.quadrants)
            for rule, found in weights_by_rule(answers, thresholds, scale).items()
        }
    return {
        "scale": json.loads(write_scale(scale)),
        "official_test": {
            rule: mood_figures(found, labels, artists, draws=draws) for rule, found in weights.items()
        },
        "quadrants": outside,
    }


def random_protocols(
    data: Jamendo, settings: MoodSettings, run: Path | None, on_progress: Progress
) -> dict[str, Any]:
    """The reference project's own protocols: chance divides tracks, so artists stand on all sides.

    What is fitted is the same network, seed and threads with hardly any dropout, no mixup and many epochs:
    where chance divides tracks, knowing the artists pays, which the released recipe is made to prevent.

    Returns
    -------
    dict
        ``random_split`` and ``random_folds``, each with ``micro_pr_auc`` (pooled over all tags),
        ``macro_pr_auc``, ``micro_roc_auc``, ``macro_roc_auc``, ``tracks`` tested, and ``shared_artists``, the
        share of these whose artist was trained on; of folds the means, and ``folds`` with each.
        ``official_56_tags``: the same fit on the official split. ``reference``: what the reference project
        reports.
    """
    folder = run / "plain" if run is not None else None
    recipe = replace(
        settings,
        epochs=_RANDOM_SPLIT_EPOCHS,
        dropout=0.1,
        mixup_alpha=0.0,
        weight_decay=0.3,
        second_folds=0,
        refit=False,
        patience=8,
    )
    rows = []
    for done, split in enumerate(
        (protocols.random_split(data), *protocols.random_folds(data), protocols.official_split(data))
    ):
        on_progress(f"plain fit, {split.name}", done, 2 + protocols.FOLDS)
        tags = np.array(data.official_tags) if split.name == "official" else np.arange(len(TAGS))
        net = protocols.train_head(data, split, recipe, folder).net
        scores = predict_probabilities(net, data.embeddings[split.test])[:, tags]
        areas = _areas(scores, data.labels[np.ix_(split.test, tags)])
        known = {data.artists[row] for row in split.train}
        shared = np.mean([data.artists[row] in known for row in split.test])
        figures = {name: round(value, 4) for name, value in areas.items()}
        rows.append({**figures, "tracks": len(split.test), "shared_artists": round(float(shared), 4)})
    by_chance, *folds, apart = rows
    names = (*_FIGURES, "shared_artists")
    means = {name: round(float(np.mean([row[name] for row in folds])), 4) for name in names}
    return {
        "random_split": by_chance,
        "random_folds": {**means, "tracks": sum(row["tracks"] for row in folds), "folds": folds},
        "official_56_tags": apart,
        "reference": dict(REFERENCE),
    }

"""Owns the figures of mood heads: on the official test, and by the reference project's protocols."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.mood.groups import MoodScale, write_scale
from models.mood.tags import TAGS
from models.training.metrics import expected_calibration_error
from models.training.mood.calibrate import best_thresholds, f1_at, mean_nll, sigmoid
from models.training.mood.head import MoodNet, MoodSettings, predict_logits
from models.training.mood.jamendo import Jamendo
from models.training.mood.moods import Quadrants, fit_scale, mood_figures, quadrant_figures, weigh
from models.training.mood.protocols import (
    FOLDS,
    Part,
    Progress,
    fitted,
    official,
    probabilities,
    random_folds,
    random_split,
)
from models.training.mood.ranking import (
    DRAWS,
    artist_bootstrap,
    draw_artists,
    interval,
    micro_areas,
    tag_areas,
)

__all__ = [
    "REFERENCE",
    "TestSide",
    "calibration_figures",
    "compare_heads",
    "compare_moods",
    "per_tag",
    "plain",
    "random_protocols",
    "scale_of",
    "sides",
    "thresholds_of",
]

REFERENCE: Final[Mapping[str, float]] = {
    "random_split_micro_pr_auc": 0.2934,
    "random_folds_micro_pr_auc": 0.2954,
    "random_folds_macro_pr_auc": 0.2487,
}
"""What the reference project says of itself, by its own protocols."""
_PLAIN_EPOCHS: Final = 40
_FIGURES: Final = ("macro_pr_auc", "macro_roc_auc", "micro_pr_auc", "micro_roc_auc")


@dataclass(frozen=True)
class TestSide:
    """Tracks that figures are about, and the tags that count.

    Attributes
    ----------
    name
        For records.
    rows
        Of the tracks, ``(tracks,)``.
    tags
        Indices, rising, ``(tags,)``.
    """

    name: str
    rows: NDArray[np.int64]
    tags: NDArray[np.int64]


def sides(data: Jamendo) -> tuple[TestSide, TestSide]:
    """The official test with its 56 tags; and all 59 on the official test and the tracks beside it.

    No official split knows the other three tags. Theirs are the tracks outside the split: those by artists
    of the test and by a quarter of the artists whom the split does not know (see `Jamendo.wide`).
    """
    return (
        TestSide("official_56_tags", data.rows("test"), np.array(data.official_tags)),
        TestSide("all_59_tags", data.rows("test", wide=True), np.arange(len(TAGS))),
    )


def compare_heads(
    answers: Mapping[str, NDArray[np.float64]], data: Jamendo, side: TestSide, *, draws: int = DRAWS
) -> dict[str, Any]:
    """Macro and micro areas of several heads, of their mean figure and of their mean answer.

    Parameters
    ----------
    answers
        By name, probabilities of all tracks, ``(tracks, 59)``.
    data, side
        Tracks, and which of them are judged on which tags.
    draws
        Of the bootstrap.

    Returns
    -------
    dict
        ``tracks``, ``artists``, ``tags``; ``heads`` by name; and where there are several ``mean`` (of the
        figures) and ``together`` (figures of the mean probability). Each has ``macro_pr_auc``,
        ``macro_roc_auc``, ``micro_pr_auc``, ``micro_roc_auc`` and their 95 % ``interval`` over artists.
    """
    artists = [data.artists[row] for row in side.rows]
    drawn = draw_artists(artists, draws)
    labels = data.labels[np.ix_(side.rows, side.tags)]
    judged = {name: all_of[np.ix_(side.rows, side.tags)] for name, all_of in answers.items()}
    found = {name: _figures(scores, labels, drawn) for name, scores in judged.items()}
    record: dict[str, Any] = {
        "tracks": len(side.rows),
        "artists": len(set(artists)),
        "tags": len(side.tags),
        "heads": {name: _record(*figures) for name, figures in found.items()},
    }
    if len(judged) > 1:
        together = np.mean(list(judged.values()), axis=0)
        record["mean"] = _record(
            {name: float(np.mean([one[name] for one, _ in found.values()])) for name in _FIGURES},
            {name: np.mean([spread[name] for _, spread in found.values()], axis=0) for name in _FIGURES},
        )
        record["together"] = _record(*_figures(together, labels, drawn))
    return record


def _figures(
    scores: NDArray[np.float64], labels: NDArray[np.bool_], drawn: NDArray[np.float64]
) -> tuple[dict[str, float], dict[str, NDArray[np.float64]]]:
    """Each figure, and what it is in every draw."""
    precision, roc = tag_areas(scores, labels)
    pooled = micro_areas(scores, labels)
    values = (float(np.nanmean(precision)), float(np.nanmean(roc)), *pooled)
    spread = artist_bootstrap(scores, labels, drawn)
    in_draws = (
        np.nanmean(spread["pr_auc"], axis=1),
        np.nanmean(spread["roc_auc"], axis=1),
        spread["micro_pr_auc"],
        spread["micro_roc_auc"],
    )
    return dict(zip(_FIGURES, values, strict=True)), dict(zip(_FIGURES, in_draws, strict=True))


def _record(values: Mapping[str, float], spread: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    return {
        **{name: round(value, 4) for name, value in values.items()},
        "interval": {name: interval(spread[name]) for name in _FIGURES},
    }


def per_tag(
    answers: NDArray[np.float64],
    data: Jamendo,
    side: TestSide,
    thresholds: NDArray[np.float64],
    *,
    draws: int = DRAWS,
) -> list[dict[str, Any]]:
    """Figures of every tag of one head.

    Parameters
    ----------
    answers
        Probabilities of all tracks, ``(tracks, 59)``.
    data, side
        Tracks, and which of them are judged on which tags.
    thresholds
        Of each of the 59 tags.
    draws
        Of the bootstrap.

    Returns
    -------
    list of dict
        ``tag``, ``n`` (tracks that have it), ``share``, ``pr_auc`` and ``roc_auc`` with their ``interval``
        over artists, ``threshold``, and ``precision``, ``recall`` and ``f1`` at it.
    """
    scores, labels = (
        answers[np.ix_(side.rows, side.tags)],
        data.labels[np.ix_(side.rows, side.tags)],
    )
    kept = thresholds[side.tags]
    precision, roc = tag_areas(scores, labels)
    spread = artist_bootstrap(scores, labels, draw_artists([data.artists[row] for row in side.rows], draws))
    at = f1_at(scores, labels, kept)
    return [
        {
            "tag": TAGS[int(tag)],
            "n": int(labels[:, place].sum()),
            "share": round(float(labels[:, place].mean()), 4),
            "pr_auc": _known(precision[place]),
            "roc_auc": _known(roc[place]),
            "interval": {name: interval(spread[name][:, place]) for name in ("pr_auc", "roc_auc")},
            "threshold": round(float(kept[place]), 4),
            **{
                name: round(float(values[place]), 4)
                for name, values in zip(("precision", "recall", "f1"), at, strict=True)
            },
        }
        for place, tag in enumerate(side.tags)
    ]


def _known(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def calibration_figures(net: MoodNet, data: Jamendo, side: TestSide) -> dict[str, dict[str, float]]:
    """How far probabilities are from shares, ``before`` and ``after`` calibration.

    Returns
    -------
    dict
        For each ``ece`` (15 equal bins over all answers), ``ece_by_tag`` (mean of the tags' own) and
        ``nll`` (mean of one answer, nats).
    """
    labels = data.labels[np.ix_(side.rows, side.tags)]
    tracks = data.embeddings[side.rows]
    plain = sigmoid(predict_logits(net, tracks))[:, side.tags]
    fitted_ = probabilities(net, tracks)[:, side.tags]
    return {"before": _calibration(plain, labels), "after": _calibration(fitted_, labels)}


def _calibration(answers: NDArray[np.float64], labels: NDArray[np.bool_]) -> dict[str, float]:
    by_tag = [expected_calibration_error(answers[:, tag], labels[:, tag]) for tag in range(answers.shape[1])]
    return {
        "ece": round(expected_calibration_error(answers.reshape(-1), labels.reshape(-1)), 4),
        "ece_by_tag": round(float(np.mean(by_tag)), 4),
        "nll": round(mean_nll(answers, labels), 4),
    }


def thresholds_of(net: MoodNet, data: Jamendo, part: Part) -> NDArray[np.float64]:
    """Threshold of each of the 59 tags, from the validation side of a part."""
    return best_thresholds(probabilities(net, data.embeddings[part.validation]), data.labels[part.validation])


def scale_of(net: MoodNet, data: Jamendo, part: Part) -> MoodScale:
    """What makes the eight moods of a head comparable, from the validation side of a part."""
    return fit_scale(probabilities(net, data.embeddings[part.validation]), data.labels[part.validation])


def compare_moods(
    net: MoodNet,
    data: Jamendo,
    side: TestSide,
    thresholds: NDArray[np.float64],
    scale: MoodScale,
    quadrants: Quadrants | None,
    *,
    draws: int = DRAWS,
) -> dict[str, Any]:
    """Figures of the eight moods, by the scale that ships and by the rule without it.

    Parameters
    ----------
    net
        The head.
    data, side
        Tracks, and which of them are judged.
    thresholds, scale
        Of the 59 tags, and of the moods.
    quadrants
        Clips that nothing was chosen by; None: there are none.
    draws
        Of the bootstrap.

    Returns
    -------
    dict
        ``scale`` (slope and offsets); and for each rule of `weigh` ``official_test`` (`mood_figures`) and
        ``quadrants`` (`quadrant_figures`), or None.
    """
    artists = [data.artists[row] for row in side.rows]
    weights = weigh(probabilities(net, data.embeddings[side.rows]), thresholds, scale)
    outside = None
    if quadrants is not None:
        heard = weigh(probabilities(net, quadrants.embeddings), thresholds, scale)
        outside = {rule: quadrant_figures(found, quadrants.quadrants) for rule, found in heard.items()}
    return {
        "scale": json.loads(write_scale(scale)),
        "official_test": {
            rule: mood_figures(found, data.labels[side.rows], artists, draws=draws)
            for rule, found in weights.items()
        },
        "quadrants": outside,
    }


def random_protocols(
    data: Jamendo, settings: MoodSettings, run: Path | None, on_progress: Progress
) -> dict[str, Any]:
    """The reference project's own protocols: chance divides tracks, so artists stand on all sides.

    Parameters
    ----------
    data
        All tracks; all 59 tags count.
    settings
        The recipe, its seed included; what is fitted is its `plain` variant.
    run
        Folder that keeps the heads.
    on_progress
        Called with what is being done, how much of it is done and in all.

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
    rows = []
    for done, part in enumerate((random_split(data), *random_folds(data), official(data))):
        on_progress(f"plain fit, {part.name}", done, 2 + FOLDS)
        tags = np.array(data.official_tags) if part.name == "official" else np.arange(len(TAGS))
        rows.append(_plain_row(data, part, tags, plain(settings), folder))
    split, *folds, apart = rows
    names = ("micro_pr_auc", "macro_pr_auc", "micro_roc_auc", "macro_roc_auc", "shared_artists")
    means = {name: round(float(np.mean([row[name] for row in folds])), 4) for name in names}
    return {
        "random_split": split,
        "random_folds": {**means, "tracks": sum(row["tracks"] for row in folds), "folds": folds},
        "official_56_tags": apart,
        "reference": dict(REFERENCE),
    }


def plain(settings: MoodSettings) -> MoodSettings:
    """The same network, seed and threads, fitted to what it sees: hardly any dropout, no mixup, many epochs.

    Where chance divides tracks, knowing the artists pays; the recipe that ships is made not to.
    """
    return replace(
        settings,
        epochs=_PLAIN_EPOCHS,
        dropout=0.1,
        mixup_alpha=0.0,
        weight_decay=0.3,
        second_folds=0,
        patience=8,
    )


def _plain_row(
    data: Jamendo, part: Part, tags: NDArray[np.int64], settings: MoodSettings, run: Path | None
) -> dict[str, Any]:
    net = fitted(data, part, settings, run)
    scores = probabilities(net, data.embeddings[part.test])[:, tags]
    labels = data.labels[np.ix_(part.test, tags)]
    precision, roc = tag_areas(scores, labels)
    pooled = micro_areas(scores, labels)
    values = (*pooled, float(np.nanmean(precision)), float(np.nanmean(roc)))
    names = ("micro_pr_auc", "micro_roc_auc", "macro_pr_auc", "macro_roc_auc")
    return {
        **{name: round(value, 4) for name, value in zip(names, values, strict=True)},
        "tracks": len(part.test),
        "shared_artists": round(_shared(data.artists, part), 4),
    }


def _shared(artists: Sequence[str], part: Part) -> float:
    heard = {artists[row] for row in part.train}
    return float(np.mean([artists[row] in heard for row in part.test]))

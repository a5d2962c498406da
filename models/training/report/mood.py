"""Owns what `attune evaluate mood` measures: official split, tags, moods, curves, calibration, chance."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.mood.tags import TAGS
from models.training.mood.calibrate import sigmoid
from models.training.mood.head import MoodNet, MoodSettings, predict_logits
from models.training.mood.jamendo import SIDES, Jamendo
from models.training.mood.moods import Quadrants
from models.training.mood.protocols import SEEDS, Part, Progress, fitted, official, probabilities, seeded
from models.training.mood.ranking import DRAWS
from models.training.mood.tables import (
    TestSide,
    calibration_figures,
    compare_heads,
    compare_moods,
    per_tag,
    random_protocols,
    scale_of,
    sides,
    thresholds_of,
)
from models.training.provenance import library_versions
from models.training.report.curves import Curve, precision_recall, roc

__all__ = ["evaluate_mood"]

_CURVE_POINTS: Final = 101
_RELIABILITY_BINS: Final = 20
"""Of equally many answers each: most probabilities are a few per cent."""


def evaluate_mood(
    data: Jamendo,
    settings: MoodSettings,
    run: Path | None,
    *,
    quadrants: Quadrants | None = None,
    draws: int = DRAWS,
    command: str = "",
    on_progress: Progress = lambda _what, _done, _total: None,
) -> dict[str, Any]:
    """Measure the recipe on the official split with three seeds, and by the reference project's protocols.

    Parameters
    ----------
    data
        All tracks.
    settings
        The recipe; its seed is left aside.
    run
        Folder that keeps the heads; what it lacks is trained. None: nothing is kept.
    quadrants
        Clips on which the eight moods are looked at from outside; None: they are not.
    draws
        Of each bootstrap over artists.
    command
        The command line, for the record.
    on_progress
        Called with what is being done, how much of it is done and in all.

    Returns
    -------
    dict
        Plain values: ``official_56_tags`` and ``all_59_tags`` (see `compare_heads`); of the first seed, which
        is the one that ships, ``by_tag``, ``moods`` (see `compare_moods`), ``curves``, ``calibration`` and
        ``reliability``; ``random_protocols``; and ``provenance``.

    Raises
    ------
    DataError, WeightsError
        See `fit_head`.
    """
    part = official(data)
    nets = {}
    for done, seed in enumerate(SEEDS):
        on_progress(f"official split, seed {seed}", done, len(SEEDS))
        nets[f"seed{seed}"] = fitted(data, part, seeded(settings, seed), run)
    answers = {name: probabilities(net, data.embeddings) for name, net in nets.items()}
    first, shipped = next(iter(nets.values())), next(iter(answers.values()))
    narrow, wide = sides(data)
    on_progress("random protocols", 0, 1)
    by_chance = random_protocols(data, seeded(settings, SEEDS[0]), run, on_progress)
    on_progress("intervals over artists", 0, 1)
    thresholds, scale = thresholds_of(first, data, part), scale_of(first, data, part)
    return {
        **{side.name: compare_heads(answers, data, side, draws=draws) for side in (narrow, wide)},
        "by_tag": per_tag(shipped, data, wide, thresholds, draws=draws),
        "moods": compare_moods(first, data, narrow, thresholds, scale, quadrants, draws=draws),
        "curves": _curves(shipped, data, narrow),
        "calibration": calibration_figures(first, data, narrow),
        "reliability": _reliability(first, data, narrow),
        "random_protocols": by_chance,
        "provenance": _provenance(data, part, settings, command, draws),
    }


def _curves(answers: NDArray[np.float64], data: Jamendo, side: TestSide) -> dict[str, Any]:
    scores, labels = answers[np.ix_(side.rows, side.tags)], data.labels[np.ix_(side.rows, side.tags)]
    kinds = {"roc": roc, "precision_recall": precision_recall}
    by_tag: dict[str, Any] = {}
    pooled: dict[str, Any] = {}
    for kind, curve_of in kinds.items():
        by_tag[kind] = {}
        for place, tag in enumerate(side.tags):
            curve = curve_of(scores[:, place], labels[:, place])
            by_tag[kind][TAGS[int(tag)]] = _even(curve).record() if curve else None
        together = curve_of(scores.reshape(-1), labels.reshape(-1))
        pooled[kind] = _even(together).record() if together else None
    return {"by_tag": by_tag, "pooled": pooled}


def _even(curve: Curve) -> Curve:
    """The curve at even steps along its x: of so many answers, steps of rank would skip its beginning."""
    steps = np.searchsorted(curve.x, np.linspace(0.0, 1.0, _CURVE_POINTS))
    keep = np.unique(np.minimum(steps, len(curve.x) - 1))
    return Curve(curve.x[keep], curve.y[keep], curve.area)


def _reliability(net: MoodNet, data: Jamendo, side: TestSide) -> dict[str, list[dict[str, float]]]:
    """Mean probability and share right of equally many answers each, before and after calibration."""
    labels = data.labels[np.ix_(side.rows, side.tags)].reshape(-1)
    tracks = data.embeddings[side.rows]
    plain = sigmoid(predict_logits(net, tracks))[:, side.tags].reshape(-1)
    fitted_ = probabilities(net, tracks)[:, side.tags].reshape(-1)
    return {"before": _bins(plain, labels), "after": _bins(fitted_, labels)}


def _bins(answers: NDArray[np.float64], labels: NDArray[np.bool_]) -> list[dict[str, float]]:
    parts = np.array_split(np.argsort(answers, kind="stable"), min(_RELIABILITY_BINS, len(answers)))
    return [
        {
            "n": len(part),
            "confidence": round(float(answers[part].mean()), 5),
            "accuracy": round(float(labels[part].mean()), 5),
        }
        for part in parts
    ]


def _provenance(
    data: Jamendo, part: Part, settings: MoodSettings, command: str, draws: int
) -> dict[str, Any]:
    recipe: Mapping[str, Any] = {name: value for name, value in vars(settings).items() if name != "seed"}
    return {
        "command": command,
        "made_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "seeds": list(SEEDS),
        "settings": dict(recipe),
        "draws": draws,
        "data": {
            "fingerprint": data.fingerprint,
            "tracks": {side: len(getattr(part, side)) for side in SIDES},
            "official_tracks_without_embedding": dict(data.absent),
        },
        "libraries": library_versions("torch"),
    }

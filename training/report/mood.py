"""What `attune evaluate mood` measures: official split, tags, moods, curves, calibration, chance."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.mood_tags import TAGS
from training.intervals import DRAWS
from training.libraries import library_versions
from training.mood import tables
from training.mood.head import MoodSettings, predict_probabilities
from training.mood.jamendo import Jamendo
from training.mood.moods import Quadrants
from training.mood.protocols import SEEDS, TrackSplit, official_split, train_head
from training.progress import Progress, no_progress
from training.report.curves import even_record, precision_recall, roc

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
    on_progress: Progress = no_progress,
) -> dict[str, Any]:
    """Measure the recipe on the official split with three seeds, and by the reference project's protocols.

    What the run lacks is trained; the seed of the recipe is left aside. Moods are tested on the quadrants,
    clips of other music, where they are given.

    Returns
    -------
    dict
        Plain values: ``official_56_tags`` and ``all_59_tags`` (see `compare_heads`); ``training_side_alone``,
        the first of them for the same recipe without the validation side; of the first seed, which
        is the released one, what `head_figures` gives, ``curves`` and ``reliability``; ``random_protocols``;
        and ``provenance``.
    """
    part = official_split(data)
    heads = {}
    for done, seed in enumerate(SEEDS):
        on_progress(f"official split, seed {seed}", done, len(SEEDS))
        heads[f"seed{seed}"] = train_head(data, part, replace(settings, seed=seed), run)
    answers = {name: predict_probabilities(head.net, data.embeddings) for name, head in heads.items()}
    without = {name: predict_probabilities(head.checked, data.embeddings) for name, head in heads.items()}
    first, shipped = next(iter(heads.values())), next(iter(answers.values()))
    narrow, wide = tables.eval_sets(data)
    on_progress("random protocols", 0, 1)
    by_chance = tables.random_protocols(data, replace(settings, seed=SEEDS[0]), run, on_progress)
    on_progress("intervals over artists", 0, 1)
    _, _, of_first = tables.head_figures(first, shipped, data, part, quadrants, draws=draws)
    return {
        **{side.name: tables.compare_heads(answers, data, side, draws=draws) for side in (narrow, wide)},
        "training_side_alone": tables.compare_heads(without, data, narrow, draws=draws),
        **of_first,
        "curves": _curves(shipped, data, narrow),
        "reliability": {
            name: _bins(part.ravel(), narrow.labels(data).ravel())
            for name, part in tables.before_and_after(first.net, data, narrow).items()
        },
        "random_protocols": by_chance,
        "provenance": _provenance(data, part, settings, command, draws),
    }


def _curves(answers: NDArray[np.float64], data: Jamendo, side: tables.EvalSet) -> dict[str, Any]:
    scores, labels = answers[np.ix_(side.rows, side.tags)], side.labels(data)
    kinds = {"roc": roc, "precision_recall": precision_recall}
    return {
        "by_tag": {
            kind: {
                TAGS[int(tag)]: even_record(curve_of(scores[:, place], labels[:, place]))
                for place, tag in enumerate(side.tags)
            }
            for kind, curve_of in kinds.items()
        },
        "pooled": {
            kind: even_record(curve_of(scores.reshape(-1), labels.reshape(-1)))
            for kind, curve_of in kinds.items()
        },
    }


def _bins(answers: NDArray[np.float64], labels: NDArray[np.bool_]) -> list[dict[str, float]]:
    """Mean probability and share right of equally many answers each."""
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
    data: Jamendo, part: TrackSplit, settings: MoodSettings, command: str, draws: int
) -> dict[str, Any]:
    return {
        "command": command,
        "made_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "seeds": list(SEEDS),
        "settings": {name: value for name, value in vars(settings).items() if name != "seed"},
        "draws": draws,
        "data": tables.data_record(data, part),
        "libraries": library_versions("torch"),
    }

"""The place of music on the plane: how well it tells four quadrants apart, and its place among all music.

    python -m benchmarks.mood_plane --embeddings QUADRANTS.npz --labels QUADRANTS.csv [--all-music ALL.npz]

Embeddings are of the official YAMNet, means over clips: `mean` with `path` (those of the labels) and, of all
music, `embeddings`. Labels are a table with `path` and `quadrant` (Q1 lively and pleasant, Q2 lively and
unpleasant, Q3 quiet and unpleasant, Q4 quiet and pleasant). All music gives the means and deviations of the
scores that `models.mood.plane` holds.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.mood.head import Head, load_head
from models.mood.plane import plane_positions, scores

_BATCH: Final = 1024
_PLEASANT: Final = ("Q1", "Q4")
_LIVELY: Final = ("Q1", "Q2")


def area(values: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a positive has the higher value; a tie is half."""
    high, low = values[positive], values[~positive]
    differences = high[:, None] - low[None, :]
    return float(((differences > 0) + 0.5 * (differences == 0)).mean())


def run(embeddings: Path, labels: Path) -> dict[str, Any]:
    """Areas under the curves of both axes, signs that are right, and how the axes go together."""
    with labels.open(newline="", encoding="utf-8") as file:
        quadrants = {row["path"]: row["quadrant"] for row in csv.DictReader(file)}
    with np.load(embeddings) as content:
        of_clip = np.array([quadrants[str(path)] for path in content["path"]])
        rows = plane_positions(_probabilities(load_head(), content["mean"]))
    answer: dict[str, Any] = {"clips": len(rows)}
    axes = (("pleasantness", _PLEASANT), ("energy", _LIVELY))
    for values, (axis, high) in zip(rows.T, axes, strict=True):
        positive = np.isin(of_clip, high)
        answer[axis] = {
            "auc": round(area(values, positive), 3),
            "right_side": round(float(((values > 0) == positive).mean()), 3),
        }
    answer["correlation"] = round(float(np.asarray(np.corrcoef(rows.T))[0, 1]), 2)
    answer["means"] = {
        str(quadrant): np.mean(rows[of_clip == quadrant], axis=0).round(2).tolist()
        for quadrant in np.unique(of_clip)
    }
    return answer


def spreads(all_music: Path) -> dict[str, list[float]]:
    """Mean and standard deviation of the scores of all music."""
    with np.load(all_music) as content:
        found = scores(_probabilities(load_head(), content["embeddings"]))
    return {
        axis: [round(float(values.mean()), 4), round(float(values.std()), 4)]
        for axis, values in zip(("pleasantness", "energy"), found.T, strict=True)
    }


def _probabilities(head: Head, embeddings: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    parts = [embeddings[start : start + _BATCH] for start in range(0, len(embeddings), _BATCH)]
    return np.concatenate([head.predict(part.astype(np.float32)) for part in parts])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--embeddings", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--all-music", type=Path)
    given = parser.parse_args(arguments)
    figures = run(given.embeddings, given.labels)
    if given.all_music is not None:
        figures["all_music"] = spreads(given.all_music)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

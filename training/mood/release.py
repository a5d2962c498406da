"""The release of the mood head: fit, calibration, thresholds, graph, figures and list entry."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.mood_tags import TAGS
from models.mood.mood_scale import MoodScale, write_scale
from models.track.tasks import TaskKind
from training.mood.head import MoodNet, MoodSettings, predict_probabilities
from training.mood.jamendo import EMBEDDING_SIZE, Jamendo
from training.mood.moods import Quadrants
from training.mood.protocols import fits, official_split, train_head
from training.mood.tables import compare_heads, data_record, eval_sets, head_figures
from training.onnx_file import write_graph
from training.progress import Progress, no_progress
from training.release import LICENCE, release_record, staged_release

VERSION: Final = "2.0.0"
_SOURCE: Final = "Trained in this project on MTG-Jamendo; see its card"


def release_mood_head(
    data: Jamendo,
    path: Path,
    run: Path,
    settings: MoodSettings,
    *,
    quadrants: Quadrants | None = None,
    command: str = "",
    on_progress: Progress = no_progress,
) -> dict[str, Any]:
    """Train one head on the official split, where the run lacks it; write graph and ``<name>.json``.

    The moods are tested on the quadrants, clips of other music, where they are given.

    Returns
    -------
    dict
        What the JSON file holds: on the official test the figures of the head and of the same recipe on the
        training side alone; by tag; calibration, thresholds, the eight moods (`head_figures`), and where it
        comes from.

    Raises
    ------
    DataError
        Something cannot be trained on or written, as on a full disk: what was there before stays.
    """
    split = official_split(data)
    total = fits(settings) * settings.epochs
    head = train_head(data, split, settings, run, lambda done: on_progress("training", done, total))
    on_progress("figures", total, total)
    answers = predict_probabilities(head.net, data.embeddings)
    thresholds, scale, of_head = head_figures(head, answers, data, split, quadrants)
    record: dict[str, Any] = {
        **release_record(path, VERSION, command, "torch", "onnx"),
        "official_test": _official_figures(answers, data),
        "training_side_alone": _official_figures(predict_probabilities(head.checked, data.embeddings), data),
        **of_head,
        "settings": asdict(settings),
        "data": data_record(data, split),
    }
    with staged_release(path, record, source=_SOURCE) as making:
        metadata = _mood_metadata(path.stem, VERSION, thresholds, scale, record)
        _write_mood(head.net, making / path.name, metadata)
    return record


def _official_figures(answers: NDArray[np.float64], data: Jamendo) -> dict[str, Any]:
    """Areas of one head by what is tested, from probabilities of all tracks."""
    figures = {}
    for tested in eval_sets(data):
        table = compare_heads({"own": answers}, data, tested)
        own = table.pop("heads")["own"]
        figures[tested.name] = {**table, **own}
    return figures


def _mood_metadata(
    name: str, version: str, thresholds: NDArray[np.float64], scale: MoodScale, record: dict[str, Any]
) -> dict[str, str]:
    """The metadata every served mood head carries, as strings; lists and figures are JSON."""
    metrics = {key: record[key] for key in ("official_test", "calibration")}
    return {
        "name": name,
        "version": version,
        "kind": TaskKind.MULTI_LABEL.value,
        "labels": json.dumps(list(TAGS)),
        "thresholds": json.dumps([round(float(value), 6) for value in thresholds]),
        "moods": write_scale(scale),
        "licence": LICENCE,
        "metrics": json.dumps(metrics, sort_keys=True),
    }


def _write_mood(net: MoodNet, path: Path, metadata: dict[str, str]) -> None:
    """Write ``embedding`` (batch, 1024) to ``probabilities`` (batch, 59) as one ONNX graph."""
    usual = np.random.default_rng(0).gamma(0.3, 0.3, size=(6, EMBEDDING_SIZE))
    probes = np.concatenate([usual, 100 * usual[:1], np.zeros((1, EMBEDDING_SIZE))]).astype(np.float32)
    write_graph(net, path, metadata, probes, name="mood", takes="embedding", gives=["probabilities"])

"""The release of the heads that ship beside the mood head: fit, thresholds, graphs, figures, list entries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from models.track.heads import GEMS_HEAD, TRACK_HEADS
from models.track.tasks import TaskKind
from training.mood.head import MoodSettings, compact_copy, predict_probabilities
from training.mood.protocols import TrainedHead, fits, train_head
from training.onnx_file import write_graph
from training.progress import Progress, no_progress
from training.release import LICENCE, release_record, staged_release
from training.track.heads import gems, tags, valence_arousal
from training.track.heads.evaluate import JAMENDO, MUSIC, TAG_TASKS, axes_figures, gems_figures, mood_view
from training.track.heads.kernel import TrackView

VERSION: Final = "1.0.0"


def release_heads(
    data: Path,
    run: Path,
    out: Path,
    *,
    heads: Sequence[str] = TRACK_HEADS,
    threads: int = 1,
    command: str = "",
    on_progress: Progress = no_progress,
) -> dict[str, dict[str, Any]]:
    """Train heads where the run lacks them; write ``<name>.onnx`` and ``<name>.json`` into a folder.

    GEMS, valence and arousal are learned on top of the mood head of the same run, which is trained where it
    is not there (see `release_mood_head`).

    Returns
    -------
    dict
        By name what the JSON files hold.

    Raises
    ------
    DataError
        Something cannot be trained on or written, as on a full disk: what was there before stays.
    """
    records = {}
    for name in heads:
        if name in TAG_TASKS:
            path = out / f"{name}.onnx"
            made = release_record(path, VERSION, command, "torch", "onnx")
            records[name] = _release_tags(data / JAMENDO, name, path, run, threads, made, on_progress)
    small = [name for name in heads if name not in TAG_TASKS]
    if small:
        view = mood_view(data / JAMENDO, run, threads=threads, on_progress=on_progress)
        for name in small:
            on_progress(name, 0, 1)
            path = out / f"{name}.onnx"
            made = release_record(path, VERSION, command, "torch", "onnx")
            release = _release_gems if name == GEMS_HEAD else _release_axes
            records[name] = release(data / MUSIC, path, view, made)
    return records


def _release_tags(
    jamendo: Path,
    name: str,
    path: Path,
    run: Path,
    threads: int,
    made: dict[str, Any],
    on_progress: Progress,
) -> dict[str, Any]:
    task = tags.read_tag_task(jamendo, TAG_TASKS[name])
    recipe = tags.SETTINGS[task.name]
    settings = MoodSettings(**{**asdict(recipe), "threads": threads})
    total = fits(settings) * settings.epochs
    fitted = train_head(task.tracks, task.split, settings, run, lambda done: on_progress(name, done, total))
    head = TrainedHead(compact_copy(fitted.net), compact_copy(fitted.checked))
    thresholds = tags.tag_thresholds(task, head)
    asked = task.tracks.embeddings[task.split.test]
    official, alone = (
        tags.tag_figures(task, predict_probabilities(net, asked), thresholds)
        for net in (head.net, head.checked)
    )
    alone.pop("by_label")
    record = {
        **made,
        "official_test": official,
        "training_side_alone": alone,
        "thresholds": _by_label(task.labels, thresholds),
        "settings": asdict(settings),
        "data": {
            "fingerprint": task.tracks.fingerprint,
            "tracks": {side: len(getattr(task.split, side)) for side in ("train", "validation", "test")},
        },
    }
    metrics = {key: value for key, value in official.items() if key != "by_label"}
    _write(
        head.net,
        path,
        record,
        kind=TaskKind.MULTI_LABEL,
        labels=task.labels,
        thresholds=thresholds,
        metrics=metrics,
        source="Trained in this project on MTG-Jamendo; see its card",
    )
    return record


def _release_gems(music: Path, path: Path, view: TrackView, made: dict[str, Any]) -> dict[str, Any]:
    data = gems.read_gems(music)
    problem = gems.gems_problem(view, data)
    thresholds = gems.gems_thresholds(problem, data)
    figures = gems_figures(music, view)
    labels = data.tasks[0].labels
    record = {**made, **figures, "thresholds": _by_label(labels, thresholds)}
    metrics = {key: value for key, value in figures["by_track"].items() if key != "by_label"}
    _write(
        gems.gems_head(view, problem),
        path,
        record,
        kind=TaskKind.MULTI_LABEL,
        labels=labels,
        thresholds=thresholds,
        metrics=metrics,
        source="Trained in this project on Emotify and MTG-Jamendo; see its card",
    )
    return record


def _release_axes(music: Path, path: Path, view: TrackView, made: dict[str, Any]) -> dict[str, Any]:
    data = valence_arousal.read_quadrant_clips(music)
    problem = valence_arousal.va_problem(view, data)
    head = valence_arousal.va_head(view, problem)
    record = {**made, **axes_figures(music, view)}
    _write(
        head,
        path,
        record,
        kind=TaskKind.REGRESSION,
        labels=valence_arousal.LABELS,
        thresholds=np.empty(0),
        metrics={key: record[key] for key in ("by_artist", "examples")},
        source="Trained in this project on 4Q audio emotion clips and MTG-Jamendo; see its card",
    )
    return record


def _by_label(labels: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    return {label: round(float(value), 4) for label, value in zip(labels, values, strict=True)}


def _write(
    net: nn.Module,
    path: Path,
    record: dict[str, Any],
    *,
    kind: TaskKind,
    labels: Sequence[str],
    thresholds: NDArray[np.float64],
    metrics: dict[str, Any],
    source: str,
) -> None:
    """Write the graph, ``embedding`` to ``probabilities`` or ``values``, each (batch, n), and its record."""
    metadata = {
        "name": path.stem,
        "version": VERSION,
        "licence": LICENCE,
        "kind": kind.value,
        "labels": json.dumps(list(labels)),
        "metrics": json.dumps(metrics, sort_keys=True),
    }
    if kind is TaskKind.MULTI_LABEL:
        metadata["thresholds"] = json.dumps([round(float(value), 6) for value in thresholds])
    gives = "values" if kind is TaskKind.REGRESSION else "probabilities"
    usual = np.random.default_rng(0).gamma(0.3, 0.3, size=(6, 1024))
    probes = np.concatenate([usual, 100 * usual[:1], np.zeros((1, 1024))]).astype(np.float32)
    with staged_release(path, record, source=source) as making:
        write_graph(net, making / path.name, metadata, probes, name="head", takes="embedding", gives=[gives])

"""What `attune evaluate track|va|gems` measures: figures and intervals, curves, a map, hard examples."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from core.text import printable
from models.track.multi_task import MultiTaskInfo
from models.track.tasks import TaskKind
from training.intervals import DRAWS
from training.libraries import library_versions
from training.progress import Progress, no_progress
from training.report.track_compare import compare_tracks
from training.report.track_entries import MeasuredTask, MeasuredTracks
from training.report.track_errors import hardest_examples
from training.report.track_intervals import FigureName, draw_weights, intervals, task_draws
from training.report.track_labels import label_record
from training.report.track_map import embedding_map
from training.report.track_values import value_record
from training.track.figures import task_figures

_OF_LABEL: Final = ("precision", "recall", "f1", "pr_auc", "roc_auc")
_NO_FIGURES: Final[Mapping[str, Any]] = {"n": 0, **dict.fromkeys(_OF_LABEL)}

Interval = tuple[float, float] | None


def evaluate_tracks(
    info: MultiTaskInfo,
    tracks: MeasuredTracks,
    *,
    history: Sequence[Mapping[str, float]] | None = None,
    others: Mapping[str, MeasuredTracks] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    command: str = "",
    file: Path | None = None,
    on_progress: Progress = no_progress,
) -> dict[str, Any]:
    """Say all that the answers of a model to the entries of one side say.

    Parameters
    ----------
    info
        Of the model.
    tracks
        As `track_entries.measure_tracks` gives them.
    history
        Figures of every epoch; None: what the model carries of its training.
    others
        The same entries, answered by other models, by the names of these; see `compare_tracks`.
    draws
        How often groups of entries are drawn for the intervals.
    file
        Of the model, to name it by its SHA-256.

    Returns
    -------
    dict
        Plain values: ``data``, ``notes`` and ``faults``; ``overall``, a row for each plain figure with
        its 95 % ``interval``; ``tasks``, by name the figures and what `label_record` or `value_record` gives;
        ``history`` and ``best_epoch``; ``map``, ``hardest`` and ``comparison``, None or empty where there is
        nothing; ``provenance``.
    """
    weights = draw_weights(tracks.groups, draws, seed)
    several = len(set(tracks.groups)) > 1
    overall: list[dict[str, Any]] = []
    tasks: dict[str, Any] = {}
    for done, measured in enumerate(tracks.tasks):
        on_progress("figures and intervals", done, len(tracks.tasks))
        served = measured.served
        figures = task_figures(served.task, measured.targets, measured.answers, served.thresholds)
        drawn = task_draws(served.task, measured.targets, measured.answers, served.thresholds, weights)
        found = intervals(drawn) if several else {}
        overall += _overall(measured, figures, found)
        tasks[served.task.name] = _task_record(measured, figures, found, seed)
    return {
        "data": {
            "name": tracks.data,
            "side": tracks.side,
            "entries": len(tracks.names),
            "groups": len(set(tracks.groups)),
        },
        "notes": list(tracks.notes),
        "faults": [{"entry": fault.entry, "reason": fault.reason} for fault in tracks.faults],
        "overall": overall,
        "tasks": tasks,
        "history": [dict(epoch) for epoch in (info.history if history is None else history)],
        "best_epoch": info.training.get("best_epoch") if history is None else None,
        "map": embedding_map(tracks, seed=seed, on_progress=on_progress),
        "hardest": hardest_examples(tracks),
        "comparison": compare_tracks({file_name(file) or info.name: tracks, **others}, draws=draws, seed=seed)
        if others
        else None,
        "provenance": {**_made(command, draws, seed), "model": model_record(info, file)},
    }


def evaluate_comparison(
    measured: Mapping[str, MeasuredTracks],
    models: Mapping[str, Mapping[str, Any]],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    command: str = "",
) -> dict[str, Any]:
    """What `compare_tracks` gives, with ``data`` and ``provenance``; models are of `model_record`."""
    first = next(iter(measured.values()))
    found = compare_tracks(measured, draws=draws, seed=seed)
    return {
        **found,
        "data": {
            "name": first.data,
            "side": first.side,
            **{name: found[name] for name in ("entries", "groups")},
        },
        "provenance": {**_made(command, draws, seed), "models": dict(models)},
    }


def _made(command: str, draws: int, seed: int) -> dict[str, Any]:
    return {
        "command": command,
        "made_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "draws": draws,
        "seed": seed,
        "libraries": library_versions("torch", "umap-learn"),
    }


def file_name(file: Path | None) -> str:
    """A model by its file and folder, which tell apart what is called the same."""
    return "" if file is None else printable("/".join(file.parts[-2:]))


def model_record(info: MultiTaskInfo, file: Path | None = None) -> dict[str, Any]:
    """What identifies a model, and what it was trained on."""
    content = b"" if file is None else file.read_bytes()
    return {
        "name": info.name,
        "version": info.version,
        "licence": info.licence,
        "file": "" if file is None else file.name,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest() if content else "",
        "tasks": {served.task.name: list(served.task.labels) for served in info.tasks},
        "inputs": [str(kind) for kind in info.inputs],
        "trained_on": info.training.get("data", ""),
        "entries": dict(info.training.get("entries") or {}),
        "recipe": {
            name: value
            for name, value in (info.training.get("recipe") or {}).items()
            if value not in (None, {})
        },
    }


def metric_rows(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every figure of a report in one table: task, label, figure, value, low, high and n."""
    rows = [_metric_row(row, row["interval"]) for row in report["overall"]]
    for task, record in report["tasks"].items():
        if record["kind"] == TaskKind.REGRESSION:
            continue
        for label, of_label in record["by_label"].items():
            rows += [
                _metric_row(
                    {
                        "task": task,
                        "label": label,
                        "figure": name,
                        "value": of_label[name],
                        "n": of_label["n"],
                    },
                    of_label["interval"].get(name),
                )
                for name in _OF_LABEL
            ]
    return rows


def _metric_row(row: Mapping[str, Any], interval: Interval) -> dict[str, Any]:
    low, high = interval or (None, None)
    names = ("task", "label", "figure", "value")
    return {**{name: row[name] for name in names}, "low": low, "high": high, "n": row["n"]}


def _overall(
    measured: MeasuredTask, figures: Mapping[str, Any], found: Mapping[FigureName, Interval]
) -> Iterator[dict[str, Any]]:
    task = measured.task
    by_label = (
        {label: figures[label] for label in task.labels}
        if task.kind is TaskKind.REGRESSION
        else {"": figures}
    )
    for label, of_label in by_label.items():
        for name, value in of_label.items():
            if name not in {"n", "by_label"}:
                yield {
                    "task": task.name,
                    "label": label,
                    "figure": name,
                    "value": value,
                    "interval": found.get((label, name)),
                    "n": of_label["n"],
                }


def _task_record(
    measured: MeasuredTask, figures: Mapping[str, Any], found: Mapping[FigureName, Interval], seed: int
) -> dict[str, Any]:
    task = measured.task
    head = {"kind": str(task.kind), "labels": list(task.labels), "n": figures["n"]}
    if task.kind is TaskKind.REGRESSION:
        record = value_record(measured, seed=seed)
        return {
            **head,
            "by_label": {label: {**figures[label], **record["by_label"][label]} for label in task.labels},
        }
    record = label_record(measured)
    by_label = {
        label: {
            **_NO_FIGURES,
            **figures["by_label"].get(label, {}),
            **record["by_label"][label],
            "interval": {name: found.get((label, name)) for name in _OF_LABEL},
        }
        for label in task.labels
    }
    return {**head, **record, "by_label": by_label}

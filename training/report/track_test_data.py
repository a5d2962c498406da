"""Test data, answers and thresholds of a model as one file, for those who go on with them elsewhere."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.files import write_atomic
from models.track.tasks import TaskKind
from training.report.track_entries import MeasuredTask, MeasuredTracks

SUFFIXES: Final = (".json", ".npz")


def write_test_data(tracks: MeasuredTracks, path: Path) -> None:
    """Write the entries, what is true of them, what the model answers and its thresholds.

    As ``.npz`` the file holds the inputs, too, each as ``input_<kind>``, and by task ``labels_<task>``,
    ``truth_<task>``, ``probabilities_<task>`` (``answers_<task>`` of values) and ``thresholds_<task>``;
    ``.json`` holds the same without inputs. What is unknown is NaN, or null.

    Raises
    ------
    DataError
        The suffix is another one, or the file cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise DataError(f"Test data cannot be written as {path.name!r}: end it in {' or '.join(SUFFIXES)}.")
    content = _json(tracks) if path.suffix == ".json" else _npz(tracks)
    write_atomic(path, content, what=f"The test data {path}")


def _json(tracks: MeasuredTracks) -> str:
    return (
        json.dumps(
            {
                "data": tracks.data,
                "side": tracks.side,
                "names": tracks.names,
                "groups": tracks.groups,
                "paths": tracks.paths,
                "tasks": {
                    measured.task.name: {
                        "kind": str(measured.task.kind),
                        "labels": measured.task.labels,
                        "truth": _rows(measured.targets),
                        _answers_name(measured): _rows(measured.answers),
                        "thresholds": measured.served.thresholds,
                    }
                    for measured in tracks.tasks
                },
            },
            allow_nan=False,
        )
        + "\n"
    )


def _npz(tracks: MeasuredTracks) -> memoryview:
    arrays: dict[str, NDArray[Any]] = {
        "names": np.array(tracks.names),
        "groups": np.array(tracks.groups),
        "paths": np.array(tracks.paths),
        **{f"input_{kind}": values for kind, values in tracks.inputs.items()},
    }
    for measured in tracks.tasks:
        name = measured.task.name
        arrays |= {
            f"labels_{name}": np.array(measured.task.labels),
            f"truth_{name}": measured.targets,
            f"{_answers_name(measured)}_{name}": measured.answers,
            f"thresholds_{name}": np.array(measured.served.thresholds, dtype=np.float64),
        }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getbuffer()


def _answers_name(measured: MeasuredTask) -> str:
    return "answers" if measured.task.kind is TaskKind.REGRESSION else "probabilities"


def _rows(values: NDArray[np.float32]) -> list[list[float | None]]:
    return [[float(f"{value:.6g}") if np.isfinite(value) else None for value in row] for row in values]

"""The ONNX file of a network of several tasks, with all that is needed to use it and to judge it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.mood.patches import PATCH_S
from models.track.features import FEATURE_NAMES
from models.track.multi_task import FORM, FUSED, ServedTask, preprocessing_of, task_to_dict
from models.track.spectrogram import FRAME_S
from models.track.tasks import InputKind
from training.onnx_file import write_graph_of_inputs
from training.track.fit import TrackFit
from training.track.networks import LEAST_FRAMES, ModelType
from training.track.prepare import PreparedTracks

VERSION: Final = "1.0.0"
LICENCE: Final = "as its training data allow"
_PROBES: Final = 6
_ALIKE: Final = 1.5
"""Longest over shortest track, without the extremes, up to which all count as one length."""
_TIME_AXES: Final = {InputKind.SPECTROGRAM: (2, LEAST_FRAMES), InputKind.EMBEDDINGS: (1, 1)}


def heard_lengths(
    inputs: Mapping[InputKind, NDArray[np.float32]],
) -> tuple[float | None, frozenset[InputKind]]:
    """What of a track the entries of a side are, by their inputs.

    Returns
    -------
    segment_s
        Length of a segment, in seconds; None: entries are whole tracks of many lengths.
    whole
        Inputs that speak of the whole track nevertheless.
    """
    segment_s = None
    if InputKind.SPECTROGRAM in inputs:
        segment_s = inputs[InputKind.SPECTROGRAM].shape[2] * FRAME_S
    elif InputKind.EMBEDDINGS in inputs:
        segment_s = inputs[InputKind.EMBEDDINGS].shape[1] * PATCH_S
    if InputKind.FEATURES not in inputs:
        return segment_s, frozenset()
    durations = inputs[InputKind.FEATURES][:, FEATURE_NAMES.index("duration")]
    shortest, usual, longest = map(float, np.quantile(durations, [0.1, 0.5, 0.9]))
    if segment_s is not None:
        return segment_s, frozenset({InputKind.FEATURES} if usual > _ALIKE * segment_s else ())
    return (usual if shortest > 0 and longest <= _ALIKE * shortest else None), frozenset()


def model_metadata(
    name: str,
    served: Sequence[ServedTask],
    prepared: PreparedTracks,
    fit: TrackFit,
    metrics: Mapping[str, Any],
    training: Mapping[str, Any],
) -> dict[str, str]:
    """The metadata every model of several tasks carries, as strings; all but names is JSON."""
    inputs = prepared.train.inputs
    segment_s, whole = heard_lengths(inputs)
    history = [
        {figure: round(value, 6) for figure, value in epoch.items() if figure != "seconds"}
        for epoch in fit.history
    ]
    return {
        "form": FORM,
        "name": name,
        "version": VERSION,
        "licence": LICENCE,
        "tasks": json.dumps([task_to_dict(task) for task in served]),
        "inputs": json.dumps({str(kind): values.shape[1:] for kind, values in inputs.items()}),
        "preprocessing": json.dumps(preprocessing_of(tuple(inputs)), sort_keys=True),
        "segment_s": json.dumps(segment_s and round(segment_s, 3)),
        "whole": json.dumps(sorted(whole)),
        "metrics": json.dumps(metrics, sort_keys=True),
        "history": json.dumps(history),
        "training": json.dumps(training, sort_keys=True),
    }


def write_model(fit: TrackFit, path: Path, metadata: Mapping[str, str], prepared: PreparedTracks) -> None:
    """Write the graph: inputs by kind to the answers of each task and to what was fused.

    The batch and the axes of time may have any length; but a spectrogram under a GRU has the length that was
    trained on: torch.export does not follow how convolutions shorten it. Graph and network are compared on
    entries of the training side before the file is put in place.

    Raises
    ------
    ModelError
        The graph answers otherwise than the network.
    DataError
        It cannot be written, as on a full disk; the old file stays.
    """
    places = np.resize(np.arange(len(prepared.train.names)), _PROBES)
    probes = {str(kind): values[places] for kind, values in prepared.train.inputs.items()}
    free = set(probes) - ({InputKind.SPECTROGRAM} if fit.net.model_type is ModelType.CNN_GRU else set())
    write_graph_of_inputs(
        fit.net,
        path,
        metadata,
        probes,
        name="tracks",
        gives=[*(task.name for task in prepared.tasks), FUSED],
        free_axes={str(kind): axis for kind, axis in _TIME_AXES.items() if kind in free},
    )

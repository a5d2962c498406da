"""A tiny model of several tasks, whose answers are known: it reads them off the inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.track.multi_task import FORM, ServedTask, preprocessing_of, task_to_dict
from models.track.tasks import InputKind, Task, TaskKind

GENRE = ServedTask(Task("genre", TaskKind.SINGLE_LABEL, ("ambient", "rock")))
MOODS = ServedTask(Task("moods", TaskKind.MULTI_LABEL, ("calm", "dark", "epic")), thresholds=(0.5, 0.3, 0.9))
TEMPO = ServedTask(
    Task("bpm", TaskKind.REGRESSION, ("bpm",)),
    bounds=((90.0, 120.0),),
    errors=((-20.0, -5.0, 0.0, 5.0, 20.0),),
)
TASKS = (GENRE, MOODS, TEMPO)
OUTPUTS = {"genre": (0.25, 0.75), "moods": (0.6, 0.35, 0.8), "bpm": (118.0,)}
"""What the model answers to inputs of zeros; the first value of an input is added to the tempo."""


def metadata_of(shapes: Mapping[InputKind, tuple[int, ...]], /, **others: Any) -> dict[str, str]:
    """Whole metadata, but for those named."""
    values = {
        "tasks": [task_to_dict(task) for task in TASKS],
        "inputs": {str(kind): list(shape) for kind, shape in shapes.items()},
        "preprocessing": preprocessing_of(tuple(shapes)),
        "segment_s": None,
        "whole": [],
        "metrics": {"validation": {"genre": {"accuracy": 0.5}}},
        "history": [{"loss": 1.0}],
        "training": {"data": "invented"},
    }
    plain = {"form": FORM, "name": "tiny", "version": "1.0.0", "licence": "MIT"}
    return {**plain, **{name: json.dumps(others.get(name, value)) for name, value in values.items()}}


def write_multi_task(
    path: Path, inputs: Mapping[InputKind, tuple[int, ...]], metadata: Mapping[str, str] | None = None
) -> Path:
    """Write the model: constants, and the first value of the first input added to the tempo."""
    first = str(next(iter(inputs)))
    nodes = [
        helper.make_node("Flatten", [first], ["flat"], axis=1),
        helper.make_node("Gather", ["flat", "place"], ["one"], axis=1),
        helper.make_node("Mul", ["one", "nothing"], ["zero"]),
        *(
            helper.make_node("Add", ["one" if name == "bpm" else "zero", f"{name}_value"], [name])
            for name in OUTPUTS
        ),
        helper.make_node("Add", ["zero", "fused_value"], ["fused"]),
    ]
    values: dict[str, np.ndarray] = {
        "place": np.array([0], dtype=np.int64),
        "nothing": np.zeros((1, 1), dtype=np.float32),
        "fused_value": np.zeros((1, 256), dtype=np.float32),
    }
    values |= {f"{name}_value": np.array([row], dtype=np.float32) for name, row in OUTPUTS.items()}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(str(kind), TensorProto.FLOAT, ["n", *shape])
            for kind, shape in inputs.items()
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])
            for name, size in {**{name: len(row) for name, row in OUTPUTS.items()}, "fused": 256}.items()
        ],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    for key, text in (metadata_of(inputs) if metadata is None else metadata).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, text
    onnx.save(model, path)
    return path

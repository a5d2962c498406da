"""A tiny emotion model as an ONNX file: what the served one gives out, with or without the plane."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.emotions import EMOTIONS
from models.emotion.recogniser import WINDOW_SAMPLES

PLANE = ("energy", "pleasantness")


def write_emotion_model(
    path: Path,
    *,
    axes: tuple[str, ...] = PLANE,
    energy_offset: float = 5.0,
    columns: bool = False,
    scale: float = 1.0,
) -> Path:
    """Write a model that hears loudness, and whether a window falls off or swells.

    Its two features, the embedding, are the log of the power and three times the log of the ratio between
    the power of the first half and that of the second. Happy, angry and sad follow them.

    Parameters
    ----------
    axes
        Which outputs there are beside the logits and the embedding.
    energy_offset
        Added to the log of the power: the logit of lively.
    columns
        Give the axes out as (n, 1) and not as (n,).
    scale
        Factor of all logits of the axes.
    """
    weights = {
        "floor": np.array(1e-8, dtype=np.float32),
        "halves": np.array([0, 2, WINDOW_SAMPLES // 2], dtype=np.int64),
        "one": np.array([1], dtype=np.int64),
        "two": np.array([2], dtype=np.int64),
        "matrix": _matrix(),
        "bias": np.array([0, 0, 1, 0, 1, 0, 0, 0], dtype=np.float32),
        "offset": np.array(energy_offset, dtype=np.float32),
        "scale": np.array(scale, dtype=np.float32),
        "difference": np.array([[3], [-3]], dtype=np.float32),
    }
    nodes = [
        helper.make_node("Reshape", ["waveform", "halves"], ["split"]),  # (n, 2, 24 000)
        helper.make_node("Mul", ["split", "split"], ["squares"]),
        helper.make_node("ReduceMean", ["squares", "two"], ["powers"], keepdims=0),  # (n, 2)
        helper.make_node("Add", ["powers", "floor"], ["floored"]),
        helper.make_node("Log", ["floored"], ["logs"]),
        helper.make_node("ReduceMean", ["logs", "one"], ["loudness"], keepdims=1),  # (n, 1)
        helper.make_node("MatMul", ["logs", "difference"], ["falling"]),  # (n, 1)
        helper.make_node("Concat", ["loudness", "falling"], ["embedding"], axis=1),  # (n, 2)
        helper.make_node("MatMul", ["embedding", "matrix"], ["mixed"]),
        helper.make_node("Add", ["mixed", "bias"], ["logits"]),  # (n, 8)
        helper.make_node("Add", ["loudness", "offset"], ["raised"]),
    ]
    for name, source in (("energy", "raised"), ("pleasantness", "falling")):
        if name in axes:
            column = name if columns else f"{name}_column"
            nodes.append(helper.make_node("Mul", [source, "scale"], [column]))
            if not columns:
                nodes.append(helper.make_node("Squeeze", [column, "one"], [name]))
    shape = ["n", 1] if columns else ["n"]
    outputs = [
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(EMOTIONS)]),
        helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 2]),
        *(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in axes),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, ["n", WINDOW_SAMPLES])],
        outputs,
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, _metadata())
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def _matrix() -> np.ndarray:
    matrix = np.zeros((2, len(EMOTIONS)), dtype=np.float32)
    matrix[:, EMOTIONS.index("angry")] = 0.3, -0.7
    matrix[:, EMOTIONS.index("happy")] = 0.3, 0.7
    matrix[:, EMOTIONS.index("sad")] = -0.3, 0.0
    return matrix


def _metadata() -> dict[str, str]:
    return {
        "name": "tiny",
        "version": "1.0",
        "licence": "MIT",
        "labels": json.dumps(list(EMOTIONS)),
        "temperature": "1.0",
        "corpora": "[]",
        "metrics": "{}",
        "sample_rate_hz": "16000",
        "window_samples": str(WINDOW_SAMPLES),
    }

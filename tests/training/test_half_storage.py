"""Weights that float16 holds exactly take half the room in a graph and change no answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto
from torch import nn

from models.float16_storage import restore_float32, store_as_float16
from models.runtime import load_session
from training.int8 import quantise_int8
from training.onnx_file import emotion_metadata, export_graph

SAMPLES = 160


def graph(path: Path) -> Path:
    """One layer that float16 holds, one that it does not."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(SAMPLES, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
    with torch.no_grad():
        module[0].weight.copy_(module[0].weight.half().float())  # type: ignore[operator, arg-type]
    metadata = emotion_metadata(
        name="half", version="1", temperature=1.0, licence="MIT", corpora=[], metrics={}
    )
    export_graph(module, path, metadata, window_samples=SAMPLES)
    return path


def kinds(path: Path) -> dict[tuple[int, ...], int]:
    return {tuple(weight.dims): weight.data_type for weight in onnx.load(path).graph.initializer}


def test_only_what_loses_nothing_is_halved(tmp_path: Path) -> None:
    found = kinds(graph(tmp_path / "a.onnx"))
    halved = {dims for dims, kind in found.items() if kind == TensorProto.FLOAT16}
    assert [sorted(dims) for dims in halved] == [[64, SAMPLES]]


def test_widening_takes_halving_back(tmp_path: Path) -> None:
    model = onnx.load(graph(tmp_path / "a.onnx"))
    halved = model.SerializeToString(deterministic=True)
    restore_float32(model)
    assert all(weight.data_type != TensorProto.FLOAT16 for weight in model.graph.initializer)
    assert not any(node.op_type == "Cast" for node in model.graph.node)
    whole = tmp_path / "whole.onnx"
    whole.write_bytes(model.SerializeToString())
    feeds = {"waveform": np.random.default_rng(0).standard_normal((3, SAMPLES)).astype(np.float32)}
    answers = [load_session(path, threads=1).run(feeds)[0] for path in (tmp_path / "a.onnx", whole)]
    np.testing.assert_array_equal(*answers)
    store_as_float16(model)
    assert model.SerializeToString(deterministic=True) == halved


def test_halved_weights_are_still_made_int8(tmp_path: Path) -> None:
    path, path_int8 = graph(tmp_path / "a.onnx"), tmp_path / "int8.onnx"
    quantise_int8(path, path_int8)
    assert TensorProto.INT8 in kinds(path_int8).values()
    assert load_session(path_int8, threads=1).run({"waveform": np.ones((1, SAMPLES), np.float32)})

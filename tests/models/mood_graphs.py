"""Tiny graphs with the interfaces of backbone and mood head, whose answers are known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.mood_tags import TAGS
from core.track_labels import EMOTIONS
from models.mood.audio_classes import CLASSES_BY_SCORE
from models.mood.backbone import CLASS_COUNT, EMBEDDING_SIZE
from models.mood.patches import PATCH_SAMPLES
from models.mood.tagger import MoodTagger, load_tagger
from models.track.heads import GEMS_HEAD, GENRE_HEAD, INSTRUMENT_HEAD, VA_HEAD, EmbeddingHead
from models.track.profile import TrackProfiler

__all__ = [
    "CLASSES",
    "expected_probabilities",
    "tiny_profiler",
    "tiny_tagger",
    "write_backbone",
    "write_head",
    "write_track_heads",
]

_NAMED = [name for names in CLASSES_BY_SCORE.values() for name in names]
CLASSES = (*_NAMED, *(f"class {number}" for number in range(CLASS_COUNT - len(_NAMED))))
"""521 names, those that shares are read from first."""

_PIECE = 156  # 15 600 = 100 * 156
_RNG = np.random.default_rng(0)
_TO_EMBEDDING = _RNG.standard_normal((_PIECE, EMBEDDING_SIZE)).astype(np.float32)
_TO_EMBEDDING[:, 0] = 1.0 / _PIECE  # the first number is the mean of the rectified patch
_TO_SCORES = 0.1 * _RNG.standard_normal((EMBEDDING_SIZE, CLASS_COUNT)).astype(np.float32)
_TO_TAGS = 0.03 * _RNG.standard_normal((EMBEDDING_SIZE, len(TAGS)), dtype=np.float32)


def expected_probabilities(embedding: np.ndarray) -> np.ndarray:
    """What the head of `write_head` answers: (n, 1024) to (n, 59)."""
    return 1.0 / (1.0 + np.exp(-(embedding @ _TO_TAGS)))


def write_backbone(
    path: Path,
    *,
    metadata: Mapping[str, str | None] | None = None,
    outputs: Sequence[str] = ("embedding", "scores"),
    embedding_size: int = EMBEDDING_SIZE,
    patch_samples: int = PATCH_SAMPLES,
    loud_is_music: bool = False,
) -> Path:
    """Random layers over means of the rectified waveform; None in metadata leaves an entry out.

    All is music, or, with `loud_is_music`, what is louder than a mean of 0.05 and nothing else.
    """
    to_scores, bias = _TO_SCORES[:embedding_size].copy(), np.zeros(CLASS_COUNT, dtype=np.float32)
    if loud_is_music:
        musical = [CLASSES.index(name) for score in ("music", "singing") for name in CLASSES_BY_SCORE[score]]
        to_scores[:, musical], bias[musical] = 0.0, -50.0
        to_scores[0, musical] = 1_000.0
    weights = {
        "by_pieces": np.array([0, -1, _PIECE], dtype=np.int64),
        "over_pieces": np.array([1], dtype=np.int64),
        "to_embedding": _TO_EMBEDDING[:, :embedding_size],
        "to_scores": to_scores,
        "bias": bias,
    }
    nodes = [
        helper.make_node("Reshape", ["waveform", "by_pieces"], ["pieces"]),
        helper.make_node("Abs", ["pieces"], ["rectified"]),
        helper.make_node("ReduceMean", ["rectified", "over_pieces"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "to_embedding"], ["mixed"]),
        helper.make_node("Relu", ["mixed"], ["embedding"]),
        helper.make_node("MatMul", ["embedding", "to_scores"], ["products"]),
        helper.make_node("Add", ["products", "bias"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["scores"]),
    ]
    sizes = {"embedding": embedding_size, "scores": CLASS_COUNT}
    entries: dict[str, str | None] = {
        "name": "tiny",
        "version": "1",
        "licence": "MIT",
        "classes": json.dumps(CLASSES),
        "sample_rate_hz": "16000",
        "patch_samples": "15600",
        **(metadata or {}),
    }
    return _write(path, nodes, {"waveform": patch_samples}, {n: sizes[n] for n in outputs}, weights, entries)


def write_head(
    path: Path,
    *,
    metadata: Mapping[str, str | None] | None = None,
    tags: int = len(TAGS),
    output: str = "probabilities",
) -> Path:
    """One random layer; None in metadata leaves an entry out."""
    nodes = [
        helper.make_node("MatMul", ["embedding", "to_tags"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], [output]),
    ]
    entries: dict[str, str | None] = {
        "name": "tiny-head",
        "version": "1",
        "licence": "MIT",
        "tags": json.dumps(TAGS),
        "thresholds": json.dumps([0.5] * len(TAGS)),
        "metrics": "{}",
        **(metadata or {}),
    }
    weights = {"to_tags": _TO_TAGS[:, :tags]}
    return _write(path, nodes, {"embedding": EMBEDDING_SIZE}, {output: tags}, weights, entries)


def write_track_heads(folder: Path) -> dict[str, Path]:
    """A head for each of `models.track.heads.TRACK_HEADS`, with few labels; each one random layer."""
    kinds = {
        GENRE_HEAD: ("multi-label", ["rock", "pop", "jazz"]),
        INSTRUMENT_HEAD: ("multi-label", ["piano", "drums"]),
        GEMS_HEAD: ("multi-label", list(EMOTIONS)),
        VA_HEAD: ("regression", ["valence", "arousal", "Q1"]),
    }
    return {
        name: write_head(
            folder / f"{name}.onnx",
            metadata={
                "tags": None,
                "kind": kind,
                "labels": json.dumps(labels),
                "thresholds": json.dumps([0.5] * len(labels)),
            },
            tags=len(labels),
            output="values" if kind == "regression" else "probabilities",
        )
        for name, (kind, labels) in kinds.items()
    }


def tiny_profiler(folder: Path, *, loud_is_music: bool = False) -> TrackProfiler:
    """Backbone, mood head and all the other heads, loaded."""
    heads = {name: EmbeddingHead.load(path) for name, path in write_track_heads(folder).items()}
    return TrackProfiler(tiny_tagger(folder, loud_is_music=loud_is_music), heads)


def tiny_tagger(
    folder: Path, *, hop_s: float = 0.96, threads: int = 1, loud_is_music: bool = False
) -> MoodTagger:
    """Both, loaded."""
    backbone = write_backbone(folder / "backbone.onnx", loud_is_music=loud_is_music)
    head = write_head(folder / "head.onnx")
    return load_tagger(backbone=backbone, head=head, hop_s=hop_s, threads=threads)


def _write(
    path: Path,
    nodes: list[onnx.NodeProto],
    inputs: dict[str, int],
    outputs: dict[str, int],
    weights: dict[str, np.ndarray],
    metadata: dict[str, str | None],
) -> Path:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])
            for name, size in inputs.items()
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])
            for name, size in outputs.items()
        ],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {name: value for name, value in metadata.items() if value is not None})
    onnx.save(model, path)
    return path

"""Heads answer as their graph does, and files that are none are refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelError, WeightsError
from models.track.heads import (
    GEMS_HEAD,
    GENRE_HEAD,
    INSTRUMENT_HEAD,
    VA_HEAD,
    EmbeddingHead,
    load_track_head,
)
from models.track.tasks import TaskKind
from tests.models.mood_graphs import expected_probabilities, write_head

MOODY = ["valence", "arousal"]
EMBEDDING = 0.1 * np.random.default_rng(1).random((4, 1024), dtype=np.float32)


def write(path: Path, *, output: str = "probabilities", **metadata: str | None) -> Path:
    entries = {"tags": None, "labels": json.dumps(MOODY), "thresholds": "[0.5, 0.4]", "kind": "multi-label"}
    return write_head(path / "head.onnx", metadata={**entries, **metadata}, tags=2, output=output)


def test_probabilities_are_in_the_order_of_the_labels(tmp_path: Path) -> None:
    head = load_track_head(write(tmp_path))
    assert (head.info.labels, head.info.thresholds) == (tuple(MOODY), (0.5, 0.4))
    np.testing.assert_allclose(head.predict(EMBEDDING), expected_probabilities(EMBEDDING)[:, :2], atol=1e-5)


def test_values_need_no_thresholds(tmp_path: Path) -> None:
    head = load_track_head(write(tmp_path, output="values", kind="regression", thresholds=None))
    assert (head.info.kind, head.info.thresholds) == ("regression", ())
    assert head.predict(EMBEDDING).shape == (4, 2)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"labels": None}, "is no head of this project"),
        ({"kind": "poem"}, "'poem' is not a valid TaskKind"),
        ({"kind": "regression"}, "no values: export it again"),
        ({"labels": '["one"]', "thresholds": "[0.5]"}, "(1, 2), not with (1, 1)"),
        ({"thresholds": "[0.5]"}, "one above 0 and at most 1 is needed for each of 2 labels"),
        ({"thresholds": "[0.5, 1.5]"}, "from 0.5 to 1.5"),
    ],
)
def test_files_that_are_no_heads_are_refused(
    tmp_path: Path, metadata: dict[str, str | None], words: str
) -> None:
    with pytest.raises(WeightsError) as caught:
        EmbeddingHead.load(write(tmp_path, **metadata))
    assert words in str(caught.value)


def test_embeddings_of_another_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"\(4, 7\) came"):
        load_track_head(write(tmp_path)).predict(EMBEDDING[:, :7])


def test_a_name_that_is_no_head_is_refused() -> None:
    with pytest.raises(WeightsError, match="no weights called 'astrology-head'"):
        load_track_head("astrology-head")


@pytest.mark.parametrize(
    ("name", "kind", "labels", "first"),
    [
        (GENRE_HEAD, TaskKind.MULTI_LABEL, 87, "60s"),
        (INSTRUMENT_HEAD, TaskKind.MULTI_LABEL, 40, "accordion"),
        (GEMS_HEAD, TaskKind.MULTI_LABEL, 9, "amazement"),
        (VA_HEAD, TaskKind.REGRESSION, 6, "valence"),
    ],
)
def test_the_heads_that_ship_answer_within_bounds(name: str, kind: TaskKind, labels: int, first: str) -> None:
    head = load_track_head(name)
    assert (head.info.name, head.info.kind) == (name, kind)
    assert (len(head.info.labels), head.info.labels[0]) == (labels, first)
    answers = head.predict(np.concatenate([EMBEDDING, 30.0 * EMBEDDING, np.zeros((1, 1024), np.float32)]))
    assert answers.shape == (9, labels)
    assert answers.min() >= (-1.0 if kind is TaskKind.REGRESSION else 0.0)
    assert answers.max() <= 1.0

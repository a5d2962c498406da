"""Exported graphs: the same logits, honest metadata, clean and repeatable bytes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from core.emotions import EMOTIONS
from core.errors import ModelError
from models.emotion.hybrid import EmotionHybrid, HeadEnsemble, HybridHead, HybridSettings
from models.emotion.recogniser import load_recogniser
from models.runtime import load_session
from tests.paths import ROOT
from tests.training.test_hybrid import tiny_config
from tests.training.tiny_recipe import TINY, tiny_student
from training.emotion.encoders import random_hybrid
from training.int8 import Agreement, check_agreement, compare_int8, compare_speed, quantise_int8
from training.onnx_file import (
    PARITY_LIMIT,
    check_parity,
    emotion_metadata,
    export_graph,
    probe_windows,
)

METADATA = emotion_metadata(
    name="tiny", version="0.1", temperature=1.5, licence="MIT", corpora=["a", "b"], metrics={"ua": 0.5}
)


def tiny_cnn(seed: int = 0) -> EmotionHybrid:
    torch.manual_seed(seed)
    settings = HybridSettings(use_pooled=False, use_encoder=False, n_mels=16, n_fft=512)
    return EmotionHybrid(None, settings).eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    export_graph(tiny_cnn(), path, METADATA)
    return path


def test_graph_agrees_with_the_network_in_any_batch(exported: Path) -> None:
    session, model = load_session(exported, threads=1), tiny_cnn()
    rng = np.random.default_rng(1)
    for batch in (1, 3, 7):
        waveform = (0.2 * rng.standard_normal((batch, 48_000))).astype(np.float32)
        answers = session.run({"waveform": waveform})
        with torch.no_grad():
            expected = model(torch.from_numpy(waveform))
        for answer, wanted, shape in zip(answers, expected, ((8,), (128,), (), ()), strict=True):
            assert answer.shape == (batch, *shape)
            assert answer.dtype == np.float32
            assert np.abs(answer - wanted.numpy()).max() <= PARITY_LIMIT


def test_silence_gives_numbers(exported: Path) -> None:
    for answer in load_session(exported, threads=1).run({"waveform": np.zeros((2, 48_000), np.float32)}):
        assert np.isfinite(answer).all()


def test_metadata_say_what_the_model_is(exported: Path) -> None:
    metadata = load_session(exported, threads=1).metadata
    assert metadata == METADATA
    assert json.loads(metadata["labels"]) == [str(emotion) for emotion in EMOTIONS]
    assert json.loads(metadata["corpora"]) == ["a", "b"]
    assert json.loads(metadata["metrics"]) == {"ua": 0.5}
    assert (metadata["sample_rate_hz"], metadata["window_samples"]) == ("16000", "48000")
    assert float(metadata["temperature"]) == 1.5


def test_input_and_output_are_named_and_typed(exported: Path) -> None:
    graph = onnx.load(exported).graph
    for value, name, size in ((graph.input[0], "waveform", 48_000), (graph.output[0], "logits", 8)):
        shape = value.type.tensor_type.shape.dim
        assert value.name == name
        assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        assert shape[0].dim_param == "batch"
        assert shape[1].dim_value == size


def test_bytes_are_repeatable_and_tell_nothing_of_the_machine(exported: Path, tmp_path: Path) -> None:
    export_graph(tiny_cnn(), tmp_path / "again.onnx", METADATA)
    content = exported.read_bytes()
    assert (tmp_path / "again.onnx").read_bytes() == content
    for trace in (str(ROOT), str(tmp_path), ".py", "site-packages", "stack_trace"):
        assert trace.encode() not in content


def test_other_answers_are_not_let_through(exported: Path) -> None:
    other = tiny_cnn(1)
    with pytest.raises(ModelError, match="differs from the network"):
        check_parity(other, exported, probe_windows())


def test_hybrid_is_exported_and_quantised(tmp_path: Path) -> None:
    model = random_hybrid(tiny_config(), HybridSettings(n_layers=2))
    full, small = tmp_path / "full.onnx", tmp_path / "small.onnx"
    export_graph(model, full, METADATA)
    quantise_int8(full, small)
    session = load_session(small, threads=1)
    assert session.metadata == METADATA
    kinds = {node.op_type for node in onnx.load(small).graph.node}
    assert "MatMulInteger" in kinds
    assert "ConvInteger" not in kinds
    waveform = (0.1 * np.random.default_rng(0).standard_normal((2, 48_000))).astype(np.float32)
    quantised = session.run({"waveform": waveform})
    exact = load_session(full, threads=1).run({"waveform": waveform})
    assert [part.shape for part in exact] == [(2, 8), (2, 128), (2,), (2,)]
    for small_part, exact_part in zip(quantised, exact, strict=True):
        assert small_part == pytest.approx(exact_part, abs=0.05)
    with torch.no_grad():
        wanted = model(torch.from_numpy(waveform))
    for exact_part, part in zip(exact, wanted, strict=True):
        assert exact_part == pytest.approx(part.numpy(), abs=PARITY_LIMIT)


POOLED_ALONE = HybridSettings(frame_pool=4, normalise_input=False, use_encoder=False, use_spectrogram=False)


@pytest.mark.parametrize(
    ("settings", "heads"),
    [
        (HybridSettings(frame_pool=4, normalise_input=False), 1),
        (HybridSettings(frame_pool=4, normalise_input=False, use_pooled=False), 1),
        (POOLED_ALONE, 1),
        (POOLED_ALONE, 3),
    ],
    ids=["all branches", "without statistics", "statistics alone", "three heads together"],
)
def test_compact_hybrid_answers_in_the_graph_as_in_torch(
    tmp_path: Path, settings: HybridSettings, heads: int
) -> None:
    """Among them the standardised statistics, whose scale a fit has found."""
    torch.manual_seed(0)
    model = EmotionHybrid(tiny_student(), settings).eval()
    members = [HybridHead(model.hidden_size, model.n_states, settings) for _ in range(heads)]
    waveform = np.stack(windows(6))
    if settings.use_pooled:
        with torch.no_grad():
            statistics = model.frozen_features(torch.from_numpy(waveform)).statistics
        assert statistics.shape == (6, 2 * TINY.n_layers * TINY.hidden_size)
        for member in members:
            member.fit_scale(statistics)
    model.head = HeadEnsemble(members).eval() if heads > 1 else members[0].eval()
    path = tmp_path / "compact.onnx"
    export_graph(model, path, METADATA)
    with torch.no_grad():
        wanted = model(torch.from_numpy(waveform))
    said = load_session(path, threads=1).run({"waveform": waveform})
    assert said[1].shape == (6, 128 * heads)
    for part, other in zip(said, wanted, strict=True):
        assert part == pytest.approx(other.numpy(), abs=PARITY_LIMIT)
    answers = load_recogniser(path, threads=1).answers(waveform)
    assert answers.energy == pytest.approx(torch.sigmoid(wanted.energy).numpy(), abs=1e-3)
    assert answers.pleasantness == pytest.approx(torch.sigmoid(wanted.pleasantness).numpy(), abs=1e-3)


def test_hybrid_outputs_are_named_logits_first(tmp_path: Path) -> None:
    path = tmp_path / "hybrid.onnx"
    export_graph(random_hybrid(tiny_config(), HybridSettings(n_layers=1)), path, METADATA)
    names = ["logits", "embedding", "energy", "pleasantness"]
    assert [output.name for output in onnx.load(path).graph.output] == names
    other = random_hybrid(tiny_config(), HybridSettings(n_layers=1), seed=1).eval()
    with pytest.raises(ModelError, match="differs from the network"):
        check_parity(other, path, probe_windows())


def windows(count: int = 20) -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    tones = np.sin(np.outer(rng.uniform(100, 2000, count), 2 * np.pi * np.arange(48_000) / 16_000))
    return [(0.2 * tone + 0.02 * rng.standard_normal(48_000)).astype(np.float32) for tone in tones]


def test_a_graph_agrees_with_itself_and_not_with_another(exported: Path, tmp_path: Path) -> None:
    same = compare_int8(exported, exported, windows(), 1.0)
    assert (same.argmax, same.gate, same.windows, same.good) == (1.0, 1.0, 20, True)
    check_agreement(same)
    other = tiny_cnn(8)
    export_graph(other, tmp_path / "other.onnx", METADATA)
    # At a tiny temperature every answer is sure, so the gate tells the two apart as the argmax does.
    differs = compare_int8(exported, tmp_path / "other.onnx", windows(), 1e-4)
    assert differs.argmax < 0.97
    assert differs.gate == pytest.approx(differs.argmax, abs=0.1)
    with pytest.raises(ModelError, match=r"of 20 windows .* was not written; .* --force"):
        check_agreement(differs)


def test_gate_must_agree_even_where_the_argmax_does() -> None:
    with pytest.raises(ModelError, match=r"same gate output on 98\.0%"):
        check_agreement(Agreement(argmax=1.0, gate=0.98, windows=500))


def test_agreement_needs_windows(exported: Path) -> None:
    with pytest.raises(ModelError, match="There are no windows"):
        compare_int8(exported, exported, [], 1.0)


def test_two_graphs_are_timed_in_turn(exported: Path) -> None:
    exact_ms, same_ms = compare_speed(exported, exported, windows(1)[0], rounds=15, threads=1)
    assert 0.0 < exact_ms < 1000.0
    assert 0.2 < same_ms / exact_ms < 5.0


def test_every_graph_has_the_same_operators(exported: Path) -> None:
    assert [entry.version for entry in onnx.load(exported).opset_import if entry.domain == ""] == [20]

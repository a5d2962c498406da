"""Weights and runtime: what is intact opens, what is not is named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from core.emotions import EMOTIONS
from core.errors import ModelError, WeightsError
from models import assets
from models.emotion.recogniser import WINDOW_SAMPLES, load_recogniser
from models.runtime import default_threads, load_session
from tests.models.emotion_graphs import write_emotion_model
from tests.paths import ROOT

NOISE = np.random.default_rng(0).normal(0, 0.1, (3, WINDOW_SAMPLES)).astype(np.float32)


def test_every_weight_file_of_the_manifest_is_intact_licensed_and_has_its_card() -> None:
    for asset in assets.assets():
        assert assets.locate(asset.name).is_file()
        assert asset.licence
        assert asset.source
        assert asset.card is None or asset.card.is_file()


def test_the_runtime_leaves_no_trace_of_telemetry(tmp_path: Path) -> None:
    # Within CI it would keep silent by itself, so nothing but the home and the program's place is passed on.
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    code = (
        "from models.runtime import load_session; from models import assets; "
        "load_session(assets.locate('voice-activity'), threads=1)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=home, cwd=ROOT)
    assert not list(tmp_path.rglob("deviceid"))
    assert not list(tmp_path.rglob("onnxruntime.db"))


def test_unknown_weights_are_answered_with_the_known_ones() -> None:
    with pytest.raises(WeightsError, match=r"no weights called 'resnet': there are .*voice-activity"):
        assets.locate("resnet")


@pytest.mark.parametrize("content", [None, "[emotion", "[emotion]\nfile = 'x'", "emotion = 3", "\udcff"])
def test_list_of_weights_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    manifest = tmp_path / "manifest.toml"
    if content is not None:
        manifest.write_bytes(content.encode("utf-8", "surrogateescape"))
    monkeypatch.setattr(assets, "_MANIFEST", manifest)
    with pytest.raises(
        WeightsError, match=r"list of weight files .*manifest\.toml cannot be read .*: restore"
    ):
        assets.assets()


def test_weights_that_may_not_be_read_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def refuse(path: Path, *args: Any, **options: Any) -> Any:
        if path.suffix == ".onnx":
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(WeightsError, match=r"emotion-compact\.onnx cannot be read \(Permission denied\)"):
        assets.locate("emotion-compact")


@pytest.fixture
def weights_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(assets.WEIGHTS_DIR, tmp_path / "weights")
    monkeypatch.setattr(assets, "WEIGHTS_DIR", tmp_path / "weights")
    return tmp_path / "weights"


def test_damaged_weights_are_refused(weights_copy: Path) -> None:
    file = weights_copy / "emotion-compact.onnx"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged"):
        assets.locate("emotion-compact")


def test_truncated_and_missing_weights_are_refused(weights_copy: Path) -> None:
    file = weights_copy / "emotion-compact.onnx"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="1000 bytes"):
        assets.locate("emotion-compact")
    file.unlink()
    with pytest.raises(WeightsError, match="missing"):
        assets.locate("emotion-compact")
    with pytest.raises(WeightsError, match="missing"):
        load_session(weights_copy / ("n" * 300))


def test_a_file_that_is_no_graph_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_text("I am a poem")
    with pytest.raises(WeightsError, match=r"model\.onnx cannot be used"):
        load_session(file)


def test_a_graph_of_another_trade_is_refused() -> None:
    with pytest.raises(WeightsError, match="no emotion model"):
        load_recogniser(assets.locate("voice-activity"))


def test_providers_that_are_absent_or_unknown_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    path = assets.locate("voice-activity")
    with pytest.raises(ModelError, match="'abacus' is unknown: use one of cpu, cuda"):
        load_session(path, provider="abacus")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ModelError, match="'cuda' is not available on this machine: use cpu, or install"):
        load_session(path, provider="cuda")


def test_threads_stay_within_four() -> None:
    assert 1 <= default_threads() <= 4


def test_embedded_model_answers_with_probabilities() -> None:
    recogniser = load_recogniser(threads=1)
    windows = np.random.default_rng(0).normal(0, 0.1, (3, WINDOW_SAMPLES)).astype(np.float32)
    together = recogniser.probabilities(windows)
    assert together.shape == (3, len(EMOTIONS))
    assert together.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    alone = np.concatenate([recogniser.probabilities(window[np.newaxis]) for window in windows])
    assert together == pytest.approx(alone, abs=1e-4)


def test_embedded_model_does_not_care_how_loud_the_window_is() -> None:
    recogniser = load_recogniser(threads=1)
    window = np.random.default_rng(0).normal(0, 0.1, (1, WINDOW_SAMPLES)).astype(np.float32)
    quiet = recogniser.probabilities(window * 0.01)
    assert quiet == pytest.approx(recogniser.probabilities(window), abs=0.02)


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0])
def test_constant_windows_give_finite_answers(value: float) -> None:
    answer = load_recogniser(threads=1).probabilities(np.full((1, WINDOW_SAMPLES), value, dtype=np.float32))
    assert np.isfinite(answer).all()


def test_windows_of_another_shape_are_refused() -> None:
    with pytest.raises(ModelError, match=r"\(1, 100\)"):
        load_recogniser(threads=1).probabilities(np.zeros((1, 100), dtype=np.float32))


def test_model_of_emotions_alone_has_no_answer_on_the_plane(tmp_path: Path) -> None:
    older = load_recogniser(write_emotion_model(tmp_path / "older.onnx", axes=()), threads=1)
    answers = older.answers(NOISE)
    assert answers.probabilities.shape == (3, len(EMOTIONS))
    assert (answers.energy, answers.pleasantness) == (None, None)


@pytest.mark.parametrize("columns", [False, True])
def test_plane_is_answered_with_one_probability_a_window(tmp_path: Path, columns: bool) -> None:
    path = write_emotion_model(tmp_path / "plane.onnx", columns=columns)
    answers = load_recogniser(path, threads=1).answers(NOISE)
    loudness, falling = answers.embedding.T
    assert answers.energy is not None
    assert answers.pleasantness is not None
    assert answers.energy.dtype == answers.pleasantness.dtype == np.float32
    assert answers.energy == pytest.approx(1 / (1 + np.exp(-(loudness + 5.0))), abs=1e-6)
    assert answers.pleasantness == pytest.approx(1 / (1 + np.exp(-falling)), abs=1e-6)


@pytest.mark.parametrize("axis", ["energy", "pleasantness"])
def test_model_may_know_one_axis_alone(tmp_path: Path, axis: str) -> None:
    answers = load_recogniser(write_emotion_model(tmp_path / "half.onnx", axes=(axis,)), threads=1).answers(
        NOISE
    )
    assert [name for name in ("energy", "pleasantness") if getattr(answers, name) is not None] == [axis]


@pytest.mark.parametrize(("scale", "extremes"), [(1e4, {0.0, 1.0}), (-1e4, {0.0, 1.0})])
def test_enormous_logits_of_the_plane_are_certainty_and_no_warning(
    tmp_path: Path, scale: float, extremes: set[float]
) -> None:
    path = write_emotion_model(tmp_path / "sure.onnx", scale=scale)
    answers = load_recogniser(path, threads=1).answers(NOISE)
    assert answers.energy is not None
    assert set(answers.energy.tolist()) <= extremes


def test_plane_that_is_not_finite_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="NaN"):
        load_recogniser(write_emotion_model(tmp_path / "nan.onnx", scale=float("nan")), threads=1)


def test_plane_of_another_shape_is_one_sentence(tmp_path: Path) -> None:
    path = write_emotion_model(tmp_path / "wide.onnx")
    model = onnx.load(path)
    for node in model.graph.node:  # both halves, where one answer a window is due
        if node.output[0] == "energy_column":
            node.input[0] = "logs"
        if node.output[0] == "energy":
            node.op_type = "Identity"
            del node.input[1:]
    model.graph.output[2].CopyFrom(
        onnx.helper.make_tensor_value_info("energy", onnx.TensorProto.FLOAT, ["n", 2])
    )
    onnx.save(model, path)
    with pytest.raises(
        ModelError, match=r"output 'energy' has the shape \(1, 2\), not \(1,\): export it again"
    ):
        load_recogniser(path, threads=1)

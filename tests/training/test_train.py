"""A training from end to end, through the commands: run folder, resume, export, and what bad input gets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from transformers import BertConfig, BertModel
from typer.testing import CliRunner

from attune.cli import train
from attune.cli.main import app
from core.errors import AttuneError, DataError, ModelError, WeightsError
from models.emotion.recogniser import load_recogniser
from models.runtime import load_session
from tests.training.tiny_recipe import keep_tiny_student
from training.emotion.heads import HeadSettings
from training.emotion.train import (
    HEAD_NAME,
    RUN_NAME,
    TrainPlan,
    _axis_temperatures,
    export_run,
    train_emotion,
)
from training.loop import CHECKPOINT_NAME

QUICK = HeadSettings(epochs=2, batch=8, threads=1, bf16=False)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    keep_tiny_student(folder)
    return folder


@pytest.fixture(scope="module")
def run_dir(encoder: Path, cache_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    train_emotion(TrainPlan(str(encoder), views=2, head=QUICK), cache_path, folder / "run", folder / "kept")
    return folder / "run"


def run(*words: str | Path) -> tuple[int, str]:
    """A command's exit code and its output; an error of ours is its sentence, as the program prints it."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, AttuneError):
        return 1, str(result.exception)
    return result.exit_code, result.output


def test_run_folder_says_what_was_done(run_dir: Path, encoder: Path) -> None:
    record = json.loads((run_dir / RUN_NAME).read_text())
    assert record["encoder"] == str(encoder.resolve())
    assert record["frame_pool"] == 4
    assert record["head"]["seed"] == 0
    assert record["data"]["corpora"] == ["crema_d", "ravdess_song", "ravdess_speech"]
    assert 0.05 <= record["temperature"] <= 20
    assert {path.name for path in run_dir.iterdir()} == {RUN_NAME, HEAD_NAME, CHECKPOINT_NAME, "tensorboard"}


def test_exported_run_is_served(run_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    assert export_run(run_dir, path) is None
    windows = (0.1 * np.random.default_rng(0).standard_normal((3, 48_000))).astype(np.float32)
    answers = load_recogniser(path).answers(windows)
    assert answers.probabilities.shape == (3, 8)
    assert answers.embedding.shape == (3, 128)
    for axis in (answers.energy, answers.pleasantness):
        assert axis.shape == (3,)
        assert ((axis > 0) & (axis < 1)).all()
    metadata = load_session(path).metadata
    assert metadata["name"] == "mine"
    assert float(metadata["temperature"]) == pytest.approx(
        json.loads((run_dir / RUN_NAME).read_text())["temperature"], rel=1e-4
    )


def test_axes_are_calibrated_on_those_who_are_watched(run_dir: Path, tmp_path: Path) -> None:
    record = json.loads((run_dir / RUN_NAME).read_text())
    assert all(0.05 <= heat <= 20 for heat in record["axis_temperatures"])
    windows = (0.1 * np.random.default_rng(0).standard_normal((3, 48_000))).astype(np.float32)
    shutil.copytree(run_dir, tmp_path / "run")
    said = []
    for heats in ([1.0, 1.0], [2.0, 0.5]):
        (tmp_path / "run" / RUN_NAME).write_text(json.dumps({**record, "axis_temperatures": heats}))
        export_run(tmp_path / "run", tmp_path / "x.onnx")
        outputs = load_session(tmp_path / "x.onnx").run({"waveform": windows})
        said.append(outputs[2:4])
    assert said[1][0] == pytest.approx(said[0][0] / 2.0, abs=1e-4)
    assert said[1][1] == pytest.approx(said[0][1] * 2.0, abs=1e-4)
    silent = np.full((4, 2), np.nan, np.float32)
    assert _axis_temperatures(np.ones((4, 2), np.float32), silent, ["a"] * 4) == [1.0, 1.0]


def test_int8_is_written_only_when_it_answers_alike(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "small.onnx"
    agreement = export_run(run_dir, path, int8=True, force=True)
    assert agreement is not None
    assert agreement.windows > 5
    assert [file.name for file in tmp_path.iterdir()] == ["small.onnx"]
    path.unlink()
    monkeypatch.setattr("training.int8.LEAST_EQUAL_GATE", 1.01)
    with pytest.raises(ModelError, match="it was not written"):
        export_run(run_dir, path, int8=True)
    assert not list(tmp_path.iterdir())


def test_a_training_is_not_overwritten(
    run_dir: Path, encoder: Path, cache_path: Path, tmp_path: Path
) -> None:
    plan = TrainPlan(str(encoder), views=2, head=QUICK)
    with pytest.raises(DataError, match="go on with --resume"):
        train_emotion(plan, cache_path, run_dir, tmp_path)


def test_interrupted_training_resumes_to_the_same_head(
    run_dir: Path, encoder: Path, cache_path: Path, tmp_path: Path
) -> None:
    plan = TrainPlan(str(encoder), views=2, head=QUICK)

    def stop(what: str, done: int, _total: int) -> None:
        if what == stop_at and done:
            raise KeyboardInterrupt

    stop_at = "asking the encoder"
    with pytest.raises(KeyboardInterrupt):
        train_emotion(plan, cache_path, tmp_path / "run", tmp_path / "kept", on_progress=stop)
    stop_at = "training"
    with pytest.raises(KeyboardInterrupt):
        train_emotion(plan, cache_path, tmp_path / "run", tmp_path / "kept", on_progress=stop)
    train_emotion(plan, cache_path, tmp_path / "run", tmp_path / "kept", resume=True)
    assert (tmp_path / "run" / HEAD_NAME).read_bytes() == (run_dir / HEAD_NAME).read_bytes()


def test_commands_train_and_export(
    encoder: Path, cache_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "cache_dir", lambda: tmp_path / "cache")
    out = tmp_path / "run"
    words = ("--encoder", encoder, "--data", cache_path, "--out", out, "--epochs", "1", "--views", "1")
    code, said = run("train", "emotion", *words, "--branches", "encoder", "--layers", "1")
    assert code == 0, said
    assert "epoch 1 is the best, UA " in said
    code, said = run("export", out, "--out", tmp_path / "one.onnx")
    assert code == 0, said
    assert "one.onnx" in said


def test_bad_encoders_surface_through_the_command(
    encoder: Path, cache_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "cache_dir", lambda: tmp_path / "cache")

    def said(place: str | Path, *more: str) -> str:
        words = ("--encoder", place, "--data", cache_path, "--out", tmp_path / "run", *more)
        code, text = run("train", "emotion", *words)
        assert code == 1
        return text

    assert "is not on this machine" in said("nobody/no-such-encoder")
    assert "9 layers of the encoder are asked for: it has 2" in said(encoder, "--layers", "9")
    torn = tmp_path / "torn"
    shutil.copytree(encoder, torn)
    (torn / "model.safetensors").write_bytes(b"torn")
    assert "is damaged" in said(torn)
    other = tmp_path / "bert"
    config = BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=20
    )
    BertModel(config).save_pretrained(other)
    assert "is of the kind 'bert'" in said(other)


def test_heads_of_another_encoder_are_not_exported(run_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"There is no .*run\.json"):
        export_run(tmp_path, tmp_path / "x.onnx")
    copy = tmp_path / "run"
    shutil.copytree(run_dir, copy)
    record = json.loads((copy / RUN_NAME).read_text())
    (copy / RUN_NAME).write_text(json.dumps({**record, "encoder_sha256": "0"}))
    with pytest.raises(WeightsError, match="is not the one that"):
        export_run(copy, tmp_path / "x.onnx")
    (copy / RUN_NAME).write_text(json.dumps({**record, "n_layers": 1}))
    with pytest.raises(WeightsError, match="n_layers 2, this encoder has 1"):
        export_run(copy, tmp_path / "x.onnx")
    (copy / RUN_NAME).write_text("{}")
    with pytest.raises(WeightsError, match="no record of a training"):
        export_run(copy, tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


def test_nobody_to_choose_by_is_said(encoder: Path, cache_path: Path, tmp_path: Path) -> None:
    shutil.copytree(cache_path, tmp_path / "speech")
    index = json.loads((tmp_path / "speech" / "index.json").read_text())
    index["clips"] = [clip for clip in index["clips"] if clip["split"] != "calibration"]
    (tmp_path / "speech" / "index.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match="0 of other speakers to choose by"):
        train_emotion(TrainPlan(str(encoder)), tmp_path / "speech", tmp_path / "run", tmp_path / "kept")

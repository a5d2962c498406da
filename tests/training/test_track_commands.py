"""`attune train track|va|gems` and `attune predict`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.training.running import attune
from tests.training.track.prepared_music import prepared
from training.track.readers.emotify import GEMS

SONGS = 24


@pytest.fixture
def annotated(tmp_path: Path) -> Path:
    """Music with annotations as DEAM has them, in a folder of its own; one line is wrong."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "deam"
    prepared(folder / "prepared", [f"{number}.mp3" for number in range(SONGS)])
    lines = [f"{number},{rng.uniform(2, 8):.2f},{rng.uniform(2, 8):.2f}" for number in range(SONGS - 1)]
    (folder / "static.csv").write_text(
        "\n".join(["song_id,valence_mean,arousal_mean", *lines, "23,99,5", ""]), encoding="utf-8"
    )
    return folder


def test_valence_and_arousal_are_trained_and_asked_for(
    annotated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = tmp_path / "options.yaml"
    options.write_text(f"epochs: 2\nuse_embeddings: true\noutput_dir: {tmp_path / 'runs'}\n")
    train = (
        "train",
        "va",
        "--data",
        annotated,
        "--config",
        options,
        "--epochs",
        "1",
        "--model-type",
        "cnn-gru",
    )
    assert attune(monkeypatch, *train) == 0
    said = capsys.readouterr()
    assert "has valence '99'" in said.err
    assert "valence mae" in said.out
    model = tmp_path / "runs" / "va" / "va.onnx"
    record = json.loads(model.with_suffix(".json").read_text())
    assert len(record["history"]) == 1
    assert record["made"]["command"].startswith("attune train va --data deam")
    assert attune(monkeypatch, *train) == 1
    assert "holds a training: go on with --resume" in capsys.readouterr().err

    song = tmp_path / "music" / "tone.wav"
    song.parent.mkdir()
    soundfile.write(song, 0.3 * np.sin(np.arange(48_000) / 10.0), 16_000)
    (tmp_path / "music" / "broken.wav").write_bytes(b"RIFFbroken")
    assert attune(monkeypatch, "predict", model, song.parent, "--json") == 1
    broken, tone = map(json.loads, capsys.readouterr().out.splitlines())
    assert broken["error"]
    assert broken["answers"] == {}
    assert set(tone["answers"]) == {"valence", "arousal"}
    assert tone["answers"]["valence"]["category"] in {"low", "medium", "high"}
    assert attune(monkeypatch, "predict", model, song) == 0
    assert "valence" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("track",), "No data are named: give --data"),
        (("gems", "--data", "DEAM"), "says nothing of 'gems', only of va: use `attune train track`"),
        (("va", "--data", "DEAM", "--model-type", "transformer"), "'model_type' cannot be 'transformer'"),
        (("va", "--data", "DEAM", "--experiment-name", "a/b"), "give a plain name"),
        (("va", "--data", "DEAM", "--resume", "nowhere"), "There is no checkpoint checkpoint.pt at nowhere"),
        (("va", "--data", "DEAM", "--use-features", "--balance", "weights", "--device", "cuda"), "no CUDA"),
        (("va", "--data", "nowhere"), "There is no nowhere"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(
    annotated: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    given = [str(annotated) if word == "DEAM" else word for word in words]
    assert attune(monkeypatch, "train", *given) == 1
    (sentence,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error:")]
    assert says in sentence


def test_one_class_only_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{number},rock,{','.join(['1'] * len(GEMS))}" for number in range(1, 13)]
    (tmp_path / "data.csv").write_text("\n".join([f"track id,genre,{','.join(GEMS)}", *rows, ""]))
    prepared(tmp_path / "prepared", [f"{number}.mp3" for number in range(1, 13)])
    assert attune(monkeypatch, "train", "gems", "--data", tmp_path, "--output-dir", tmp_path / "out") == 1
    assert "all entries have the same gems" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

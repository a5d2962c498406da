"""Two hundred songs from sound files to answers by the program itself; a training is killed on the way."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models.track.multi_task import MultiTaskModel
from tests.paths import ROOT
from tests.training.invented_songs import GENRES, write_songs

pytest.importorskip("librosa")

_OPTIONS = ("--use-spectrograms", "--use-features", "--epochs", "6", "--seed", "3", "--threads", "2")


def attune(*args: str | Path, wait: bool = True) -> subprocess.Popen[str]:
    """The program in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "attune", *map(str, args)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    if wait:
        out, err = process.communicate()
        assert process.returncode == 0, err
        process.stdout = io.StringIO(out)
    return process


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows ends processes otherwise")
def test_two_hundred_songs_are_learned_killed_resumed_exported_and_asked(tmp_path: Path) -> None:
    labels = write_songs(tmp_path / "songs", 200)
    prepared = tmp_path / "prepared"
    attune("features", "preprocess", tmp_path / "songs", "--out", prepared, "--labels", labels)
    train = ("train", "track", "--data", prepared, *_OPTIONS)
    attune(*train, "--output-dir", tmp_path / "whole")

    killed = attune(*train, "--output-dir", tmp_path / "killed", wait=False)
    assert killed.stderr is not None
    assert any("epoch 2 of 6" in line for line in killed.stderr)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    run = tmp_path / "killed" / "track"
    assert (run / "checkpoint.pt").exists()
    assert not (run / "track.onnx").exists()
    attune(*train, "--resume", run / "checkpoint.pt")
    whole = tmp_path / "whole" / "track" / "track.onnx"
    assert (run / "track.onnx").read_bytes() == whole.read_bytes()

    metrics = MultiTaskModel.load(whole).info.metrics
    assert metrics["test"]["genre"]["accuracy"] >= 0.8
    assert metrics["test"]["bpm"]["bpm"]["n"] > 0
    songs = [tmp_path / "songs" / f"song_{number:03d}.wav" for number in range(3)]
    asked = attune("predict", whole, *songs, "--json")
    assert asked.stdout is not None
    answers = [json.loads(line) for line in asked.stdout]
    assert [one["answers"]["genre"]["value"] for one in answers] == list(GENRES)
    assert {"genre", "mood", "bpm", "key"} == set(answers[0]["answers"])
    assert answers[0]["answers"]["bpm"]["category"] in {"slow", "moderate", "fast"}
    table = attune("predict", whole, tmp_path / "songs", "--csv")
    assert table.stdout is not None
    rows = list(csv.DictReader(table.stdout))
    assert len(rows) == 200
    assert {row["error"] for row in rows} == {""}

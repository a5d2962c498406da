"""`attune evaluate emotion` from end to end on an invented corpus, with the embedded model."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import soundfile

import cli
from core import paths
from models.training.report import files


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "settings_file", lambda: tmp_path / "settings.toml")
    monkeypatch.setattr(paths, "voice_file", lambda: tmp_path / "voice.json")
    monkeypatch.setattr(paths, "log_file", lambda: tmp_path / "attune.log")
    monkeypatch.setattr(cli, "start_logging", lambda: None)
    monkeypatch.setenv("ATTUNE_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "200")


def attune(monkeypatch: pytest.MonkeyPatch, *args: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["attune", "evaluate", "emotion", *map(str, args)])
    try:
        cli.main()
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


def test_the_command_writes_page_and_figures(
    cache_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    assert attune(monkeypatch, "--data", cache_path, "--out", out, "--quick", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    report = json.loads(Path(printed["json"]).read_text())
    assert printed["corpora"]["crema_d"] == report["corpora"]["crema_d"]["eight_way"]
    assert report["live"]["ravdess_speech"]["n"] == 8
    assert list(report["non_speech"]) == ["nonverbal sounds, one after the other"]
    assert report["provenance"]["settings"]["threshold"] == 0.7
    assert report["provenance"]["command"].startswith("attune evaluate emotion --data")
    assert len(report["provenance"]["model"]["sha256"]) == 64
    assert report["provenance"]["data"] == {
        "clips": 13,
        "speakers": 3,
        "fingerprint": report["provenance"]["data"]["fingerprint"],
    }
    assert (out / files.HTML_NAME).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_without_the_live_path_and_with_recorded_noise(
    cache_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = tmp_path / "noise"
    noise.mkdir()
    soundfile.write(noise / "hum.wav", [0.1, -0.1] * 8000, 16_000)
    out = tmp_path / "report"
    assert attune(monkeypatch, "--data", cache_path, "--out", out, "--noise", noise, "--no-live") == 0
    assert "ravdess_speech" in capsys.readouterr().out
    report = json.loads((out / files.JSON_NAME).read_text())
    assert report["live"] is report["non_speech"] is None
    assert report["noise"] == "recorded"
    assert len(report["conditions"]) == 7


@pytest.mark.parametrize(
    ("option", "named"),
    [("--model", "missing.onnx"), ("--data", "No prepared speech"), ("--noise", "No recordings lie in")],
)
def test_what_is_not_there_is_one_sentence(
    option: str,
    named: str,
    cache_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, missing = tmp_path / "report", tmp_path / "missing.onnx"
    assert attune(monkeypatch, "--data", cache_path, "--out", out, "--no-live", option, missing) == 1
    said = capsys.readouterr().err
    assert named in said
    assert "Traceback" not in said
    assert not out.exists()


def test_a_missing_library_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(files, "find_spec", lambda name: None if name == "matplotlib" else object())
    assert attune(monkeypatch, "--quick") == 1
    said = capsys.readouterr().err
    assert "matplotlib" in said
    assert "pip install -e '.[train]' -c constraints.txt" in said

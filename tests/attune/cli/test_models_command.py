"""`attune models list`: every weight file, and one sentence for each that cannot be used."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

from attune.cli import main
from core import paths
from core.errors import WeightsError
from models import assets
from models.mood.backbone import load_backbone
from tests.models.mood_graphs import write_backbone


def entry(name: str, file: Path, *, sha256: str = "") -> str:
    content = file.read_bytes()
    return (
        f'[{name}]\nfile = "{file.name}"\nsize_bytes = {len(content)}\n'
        f'sha256 = "{sha256 or hashlib.sha256(content).hexdigest()}"\nlicence = "MIT"\nsource = "a test"\n'
    )


@pytest.fixture(autouse=True)
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights of the test's own: a graph, and a file that is none."""
    folder = tmp_path / "weights"
    folder.mkdir()
    graph = write_backbone(folder / "tiny.onnx")
    (folder / "plain.npz").write_bytes(bytes(2500))
    manifest = folder / "manifest.toml"
    manifest.write_text(entry("tiny", graph) + entry("plain", folder / "plain.npz"))
    monkeypatch.setattr(assets, "WEIGHTS_DIR", folder)
    monkeypatch.setattr(assets, "_MANIFEST", manifest)
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path / "data")
    monkeypatch.setattr(paths, "cache_dir", lambda: tmp_path / "cache")
    return folder


def attune(monkeypatch: pytest.MonkeyPatch, *args: str) -> int:
    monkeypatch.setattr(sys, "argv", ["attune", *args])
    try:
        main.main()
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


def test_every_weight_file_is_listed(
    weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attune(monkeypatch, "models", "list") == 0
    said = capsys.readouterr().out
    assert "2.5 kB" in said
    assert f"tiny, plain: in {weights}" in said
    assert said.count("not fetched") == 2
    assert "\nyamnet: `attune models fetch yamnet` brings it\n" in said
    assert "\nwhisper: for training alone; `attune models fetch whisper` brings it\n" in said
    assert attune(monkeypatch, "models", "list", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == ["tiny", "plain", "yamnet", "whisper"]
    assert rows["tiny"] == {
        "name": "tiny",
        "state": "intact",
        "version": "1",
        "size_bytes": (weights / "tiny.onnx").stat().st_size,
        "licence": "MIT",
        "source": "a test",
        "where": str(weights / "tiny.onnx"),
        "problem": "",
        "for_training": False,
    }
    assert (rows["plain"]["state"], rows["plain"]["version"]) == ("intact", "")
    for name, for_training in (("yamnet", False), ("whisper", True)):
        row = rows[name]
        assert (row["state"], row["where"], row["for_training"]) == ("not fetched", "", for_training)


def test_what_cannot_be_used_is_one_sentence_each_and_exit_code_one(
    weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (weights / "plain.npz").write_bytes(b"short")
    record = paths.weights_dir() / "yamnet.toml"
    record.parent.mkdir(parents=True)
    record.write_text("[other]\n")
    assert attune(monkeypatch, "models", "list") == 1
    captured = capsys.readouterr()
    assert captured.out.count("unusable") == 2
    assert captured.err.count("Error: ") == 2
    assert "plain.npz has 5 bytes instead of 2500: restore it from the repository." in captured.err
    assert (
        "yamnet.toml of fetched weights cannot be read (KeyError('yamnet')): run `attune models"
        in captured.err
    )


def test_fetched_weights_are_checked_and_files_beside_them_are_the_users_own(weights: Path) -> None:
    folder = paths.weights_dir()
    folder.mkdir(parents=True)
    own, fetched = write_backbone(folder / "own.onnx"), write_backbone(folder / "yamnet.onnx")
    load_backbone(own)
    with pytest.raises(WeightsError, match="'yamnet' were not fetched yet"):
        load_backbone(fetched)
    fetched.with_suffix(".toml").write_text(entry("yamnet", fetched))
    load_backbone(fetched)
    assert assets.locate("yamnet") == fetched
    fetched.with_suffix(".toml").write_text(entry("yamnet", fetched, sha256="0" * 64))
    with pytest.raises(
        WeightsError, match=r"yamnet\.onnx is damaged \(its SHA-256 is another\): run `attune"
    ):
        load_backbone(fetched)
    load_backbone(write_backbone(weights / "yamnet.onnx"))  # a file of that name elsewhere

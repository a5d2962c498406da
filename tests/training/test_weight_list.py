"""The manifest after an export: the new file in, the old entry out, the rest as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import WeightsError
from models import assets
from training.release import register


def test_registered_file_is_found_intact_and_replaces_its_older_self(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, file = tmp_path / "manifest.toml", tmp_path / "model.onnx"
    other = '[other]\nfile = "o"\nsize_bytes = 1\nsha256 = "x"\nlicence = "MIT"\nsource = "s"\n'
    manifest.write_text(f"# Kept.\n\n{other}")
    monkeypatch.setattr(assets, "WEIGHTS_DIR", tmp_path)
    monkeypatch.setattr(assets, "_MANIFEST", manifest)
    for content in (b"first", b"second"):
        file.write_bytes(content)
        register(file, licence="CC-BY-NC-SA-4.0", source="Trained in this project; see its card")
        assert assets.locate("model") == file
    assert [asset.name for asset in assets.assets()] == ["other", "model"]
    assert manifest.read_text().startswith("# Kept.")


def test_without_a_manifest_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"manifest\.toml"):
        register(file, licence="MIT", source="")
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_file_in_a_folder_below_is_entered_under_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, file = tmp_path / "manifest.toml", tmp_path / "encoder" / "model.safetensors"
    manifest.write_text("# Kept.\n")
    file.parent.mkdir()
    file.write_bytes(b"x")
    monkeypatch.setattr(assets, "WEIGHTS_DIR", tmp_path)
    monkeypatch.setattr(assets, "_MANIFEST", manifest)
    register(file, licence="MIT", source="s", manifest=manifest, name="the-encoder", card="model.md")
    assert assets.locate("the-encoder") == file
    assert assets.assets()[0].card == tmp_path / "model.md"

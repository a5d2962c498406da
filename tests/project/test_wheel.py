"""What is installed: the packages of this project and no other name, with all that they need at run time."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.paths import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (file,) = folder.glob("*.whl")
    return file


def test_wheel_holds_what_runs_and_adds_no_other_top_level_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        config = archive.read("attune/dashboard/server/.streamlit/config.toml")
        script = archive.read("attune/dashboard/server/app.py")
    packages = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == {"attune", "core", "models", "playback", "realtime", "spotify", "training"}
    assert config == (ROOT / ".streamlit" / "config.toml").read_bytes()
    assert script == (ROOT / "app.py").read_bytes()
    files = {
        file.relative_to(ROOT).as_posix()
        for package in packages
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {"realtime/capture/demo.ogg", "models/weights/manifest.toml"} <= files
    assert files <= names


def test_wheel_has_the_command_and_its_version(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (entry,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        assert "attune = attune.cli.main:main" in archive.read(entry).decode()

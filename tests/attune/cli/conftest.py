"""What every test of a command has: folders of its own, a wide terminal, and no log that stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from attune.cli import main
from core import paths


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for function, name in (
        ("settings_file", "settings.toml"),
        ("log_file", "attune.log"),
        ("voice_file", "voice.json"),
        ("music_file", "music.toml"),
    ):
        monkeypatch.setattr(paths, function, lambda name=name: tmp_path / name)
    monkeypatch.setattr(main, "start_logging", lambda: None)  # it would stay for the tests that follow
    monkeypatch.setenv("ATTUNE_JOURNAL_PATH", str(tmp_path / "journal.sqlite3"))
    monkeypatch.setenv("ATTUNE_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "200")

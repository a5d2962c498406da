"""When the guided start is due: in a profile that nobody has used, until it is over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from attune.dashboard.state import first_run
from core import paths


@pytest.fixture(autouse=True)
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("config_dir", "data_dir"):
        monkeypatch.setattr(paths, name, lambda name=name: tmp_path / name)
    forget(monkeypatch)
    yield tmp_path
    first_run._used_before.cache_clear()


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin as a program that has just been started."""
    monkeypatch.setattr(first_run, "_over", threading.Event())
    first_run._used_before.cache_clear()


def test_a_new_profile_is_welcomed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert first_run.is_due()
    first_run.finish()
    assert not first_run.is_due()
    forget(monkeypatch)
    assert not first_run.is_due()


def test_what_the_first_run_itself_leaves_does_not_end_it() -> None:
    assert first_run.is_due()
    paths.data_dir().mkdir()
    (paths.data_dir() / "journal.sqlite3").touch()
    assert first_run.is_due()


@pytest.mark.parametrize(
    "trace", ["settings_file", "music_file", "voice_file", "library_file", "data_dir/journal.sqlite3"]
)
def test_a_profile_that_was_used_before_is_not_welcomed(trace: str) -> None:
    name, _, file = trace.partition("/")
    path: Path = getattr(paths, name)() / file if file else getattr(paths, name)()
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert not first_run.is_due()


def test_where_nothing_can_be_written_it_is_over_until_the_next_start(
    profile: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (profile / "config_dir").touch()  # a file where a folder is needed: nobody can write there, not even root
    first_run.finish()
    assert not first_run.is_due()
    assert "welcomed" in caplog.text
    forget(monkeypatch)
    assert first_run.is_due()

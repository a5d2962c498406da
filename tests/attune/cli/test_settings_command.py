"""`attune settings`: what is set and why, changed and kept, as text and as JSON."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path

import pytest

from attune.cli import main
from core import paths
from core.settings import SETTINGS


def attune(monkeypatch: pytest.MonkeyPatch, *args: str) -> int:
    monkeypatch.setattr(sys, "argv", ["attune", "settings", *args])
    try:
        main.main()
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


def file() -> Path:
    return paths.settings_file()


def test_all_settings_are_listed_with_what_they_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attune(monkeypatch, "list") == 0
    said = capsys.readouterr().out
    for info in SETTINGS.values():
        assert info.name in said
    assert str(file()) in said
    assert attune(monkeypatch, "list", "--json") == 0
    listed = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert list(listed) == list(SETTINGS)
    assert listed["threads"]["origin"] == "environment"
    assert listed["threshold"]["value"] == listed["threshold"]["default"] == 0.7
    assert (listed["threshold"]["low"], listed["threshold"]["high"]) == (0.3, 0.99)


def test_set_get_and_unset(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, typed, kept in (
        ("threshold", "0.85", 0.85),
        ("voice_over_music", "-0.25", -0.25),
        ("journal", "off", False),
        ("device", "USB [two] *mics*", "USB [two] *mics*"),
        ("retention_days", "0", 0),
    ):
        assert attune(monkeypatch, "set", name, typed) == 0
        assert tomllib.loads(file().read_text())[name] == kept
        capsys.readouterr()
        assert attune(monkeypatch, "get", name) == 0
        said = capsys.readouterr().out
        assert said.strip() == ("false" if kept is False else str(kept))
        assert attune(monkeypatch, "get", name, "--json") == 0
        assert json.loads(capsys.readouterr().out)["value"] == kept
        assert attune(monkeypatch, "unset", name) == 0
        assert "(its default)" in capsys.readouterr().out
        assert name not in tomllib.loads(file().read_text())


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("set", "threshold", "7"), "it goes from 0.3 to 0.99"),
        (("set", "treshold", "0.7"), "did you mean 'threshold'?"),
        (("get", "treshold"), "did you mean 'threshold'?"),
        (("unset", "treshold"), "did you mean 'threshold'?"),
        (("set", "provider", "gpu"), "cpu"),
        (("set", "journal", "perhaps"), "'journal' cannot be 'perhaps'"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], args: tuple[str, ...], says: str
) -> None:
    assert attune(monkeypatch, *args) == 1
    caught = capsys.readouterr()
    assert says in caught.err
    assert caught.err.count("\n") == 1
    assert caught.out == ""
    assert not file().exists()


def test_what_goes_before_the_file_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attune(monkeypatch, "set", "threads", "2") == 0
    caught = capsys.readouterr()
    assert "threads is 1." in caught.out
    assert "ATTUNE_THREADS in the environment goes before the file" in caught.err


def test_a_path_that_is_not_there_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert attune(monkeypatch, "set", "music_folder", "mus") == 0
    assert f"There is no {tmp_path / 'mus'} yet." in capsys.readouterr().err


def test_a_broken_file_is_said_and_kept_aside_at_the_first_change(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file().write_text("threshold = \n")
    assert attune(monkeypatch, "list") == 1
    caught = capsys.readouterr()
    assert "threshold" in caught.out
    assert "is not TOML" in caught.err
    assert attune(monkeypatch, "set", "threshold", "0.8") == 0
    assert "settings.toml.bak" in capsys.readouterr().err
    assert file().with_name("settings.toml.bak").read_text() == "threshold = \n"


def test_one_wrong_value_is_said_beside_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file().write_text("threshold = 7\nhop_s = 1.0\ntreshold = 1\n")
    assert attune(monkeypatch, "get", "hop_s") == 0
    assert capsys.readouterr() == ("1\n", "")
    assert attune(monkeypatch, "get", "threshold") == 1
    caught = capsys.readouterr()
    assert caught.out == "0.7\n"
    assert "'threshold' cannot be 7" in caught.err
    assert attune(monkeypatch, "list") == 1
    assert "'treshold'" in capsys.readouterr().err


def test_a_folder_that_may_not_be_written_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as read_only:
        read_only.setattr(os, "open", refuse)
        assert attune(read_only, "set", "threshold", "0.8") == 1
    assert "nothing was changed" in capsys.readouterr().err
    assert not file().exists()

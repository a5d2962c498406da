"""The settings file: one value is written at a time, and nothing else in it is lost."""

from __future__ import annotations

import os
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from core import paths
from core.errors import SettingsError
from core.settings import SETTINGS, Origin, load_settings, read_settings, save_setting
from core.settings_file import changed_text

BY_HAND = """\
# mine
threshold = 0.8   # the room echoes

journal = false
"""


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("ATTUNE_"):
            monkeypatch.delenv(name)
    file = tmp_path / "config" / "settings.toml"
    monkeypatch.setattr(paths, "settings_file", lambda: file)
    return file


def write(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text.encode())


def test_a_new_file_says_what_it_is(file: Path) -> None:
    assert save_setting("threshold", 0.8) is None
    text = file.read_text()
    assert text.startswith("# What you set in Attune.")
    assert tomllib.loads(text) == {"version": 1, "threshold": 0.8}
    assert load_settings().threshold == 0.8


def test_comments_spelling_and_line_ends_stay(file: Path) -> None:
    write(file, BY_HAND.replace("\n", "\r\n"))
    save_setting("threshold", "0.9")
    save_setting("device", "Desk “USB”")
    text = file.read_bytes().decode()
    assert text.startswith("# mine\r\nthreshold = 0.9   # the room echoes\r\n\r\njournal = false\r\n")
    assert load_settings().device == "Desk “USB”"


def test_unset_takes_out_one_line(file: Path) -> None:
    write(file, BY_HAND)
    save_setting("journal", None)
    save_setting("device", None)
    assert file.read_text() == BY_HAND.replace("journal = false\n", "")


def test_what_is_already_so_is_not_written(file: Path) -> None:
    save_setting("device", None)
    assert not file.exists()


def test_a_value_that_cannot_be_is_refused_and_the_file_stays(file: Path) -> None:
    write(file, BY_HAND)
    with pytest.raises(SettingsError, match=r"'threshold' cannot be 7: it goes from 0\.3 to 0\.99"):
        save_setting("threshold", 7)
    with pytest.raises(SettingsError, match="no setting 'treshold': did you mean 'threshold'"):
        save_setting("treshold", None)
    with pytest.raises(SettingsError, match="no text file holds such a name"):
        save_setting("device", "caf\udce9")
    assert file.read_text() == BY_HAND


@pytest.mark.parametrize("broken", ["threshold = \n", 'device = "caf\udce9"\n', "version = 0\n"])
def test_a_broken_file_is_kept_aside_when_something_is_changed(file: Path, broken: str) -> None:
    content = broken.encode("utf-8", "surrogateescape")
    for number in ("", "2"):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        state = read_settings()
        assert "settings.toml" in state.file_problem
        assert state.settings.threshold == 0.7
        aside = save_setting("threshold", 0.8)
        assert aside == file.with_name(f"settings.toml.bak{number}")
        assert aside.read_bytes() == content
        assert load_settings().threshold == 0.8


def test_a_file_of_a_newer_attune_is_read_changed_and_kept(file: Path) -> None:
    newer = 'version = 2\nthreshold = 0.6\naura = "violet"\n\n[rooms.kitchen]\ndevice = "USB"\n'
    write(file, newer)
    assert load_settings().threshold == 0.6
    assert read_settings().kept == ("aura", "rooms")
    assert read_settings().problems == {}
    save_setting("hop_s", 1)
    assert tomllib.loads(file.read_text()) == {**tomllib.loads(newer), "hop_s": 1.0}


def test_values_of_a_newer_attune_that_mean_nothing_here_leave_the_defaults(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, 'version = 2\nthreshold = "high"\nhop_s = 1.0\n')
    assert (load_settings().threshold, load_settings().hop_s) == (0.7, 1.0)
    assert load_settings(threshold=0.9).threshold == 0.9
    with pytest.raises(SettingsError, match="'min_dwell_s' cannot be 99"):
        load_settings(min_dwell_s=99)
    monkeypatch.setenv("ATTUNE_MIN_DWELL_S", "99")
    with pytest.raises(SettingsError, match="'min_dwell_s'"):
        load_settings()


def test_one_wrong_value_leaves_the_others_in_force(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, "threshold = 7\nhop_s = 1.0\ntreshold = 0.5\nmin_dwell_s = 99\n")
    monkeypatch.setenv("ATTUNE_MIN_DWELL_S", "2")
    monkeypatch.setenv("ATTUNE_SMOOTHING_S", "much")
    state = read_settings(device="USB")
    now = state.settings
    assert (now.threshold, now.hop_s, now.min_dwell_s, now.smoothing_s) == (0.7, 1.0, 2.0, 1.0)
    assert sorted(state.problems) == ["smoothing_s", "threshold", "treshold"]
    assert "ATTUNE_SMOOTHING_S in the environment" in state.problems["smoothing_s"]
    assert "did you mean 'threshold'?" in state.problems["treshold"]
    assert state.origins["min_dwell_s"] is Origin.ENVIRONMENT
    assert state.origins["device"] is Origin.ARGUMENT
    save_setting("threshold", 0.9)
    assert sorted(read_settings().problems) == ["smoothing_s", "treshold"]


def test_a_path_means_the_same_from_every_folder(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_setting("music_folder", "music")
    save_setting("emotion_model", "~/mine.onnx")
    save_setting("mood_backbone", "yamnet")
    assert tomllib.loads(file.read_text()) == {
        "version": 1,
        "music_folder": str(tmp_path / "music"),
        "emotion_model": "~/mine.onnx",
        "mood_backbone": "yamnet",
    }
    assert load_settings().mood_backbone == paths.weights_dir() / "yamnet.onnx"


def test_a_folder_that_may_not_be_written_is_one_sentence(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, BY_HAND)

    def refuse(*_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SettingsError, match=r"settings\.toml cannot be written \(Read-only file system\): x"):
        save_setting("threshold", 0.9, advice="x")
    assert file.read_text() == BY_HAND


def test_a_link_stays_one(file: Path, tmp_path: Path) -> None:
    write(file, "")
    file.unlink()
    mine = tmp_path / "mine.toml"
    mine.write_text(BY_HAND)
    file.symlink_to(mine)
    save_setting("hop_s", 1.0)
    assert file.is_symlink()
    assert tomllib.loads(mine.read_text())["hop_s"] == 1.0


def test_two_at_once_lose_nothing_of_each_other() -> None:
    numbers = [name for name, info in SETTINGS.items() if info.high is not None and info.high >= 1]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: save_setting(name, SETTINGS[name].high), numbers))
    state = read_settings()
    assert {name: getattr(state.settings, name) for name in numbers} == {
        name: SETTINGS[name].high for name in numbers
    }


_NAMES = st.sampled_from([*SETTINGS, "aura", "rooms"])
_VALUES = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(max_size=20)
)
_TABLES = st.dictionaries(st.text("ab.-_ é", min_size=1, max_size=4), _VALUES, max_size=3)


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.dictionaries(_NAMES, st.one_of(_VALUES, _TABLES), max_size=6), _NAMES, st.none() | _VALUES)
def test_only_the_one_value_changes(before: dict[str, object], name: str, value: object) -> None:
    text = tomlkit.dumps({"version": 1, **before})
    wanted = {"version": 1, **before, name: value}
    if value is None:
        del wanted[name]
    assert tomllib.loads(changed_text(text, name, value)) == wanted

"""`attune library`: what it prints, how it exits, and one sentence for everything that is wrong."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mood_graphs import write_backbone, write_head
from rich.console import Console
from terminal import Terminal

import cli
import cli_library
from core import paths
from engine import Engine
from models.mood.tagger import MoodTagger
from playback.library import read_library
from playback.styles import Style

RATE_HZ = 16_000
ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("config_dir", "data_dir", "cache_dir"):
        monkeypatch.setattr(paths, name, lambda name=name: tmp_path / name)
    monkeypatch.setattr(cli, "start_logging", lambda: None)  # it would stay for the tests that follow
    monkeypatch.setattr(Engine, "_warm_up", lambda _self: None)  # nobody listens here
    monkeypatch.setenv("ATTUNE_MOOD_BACKBONE", str(write_backbone(tmp_path / "backbone.onnx")))
    monkeypatch.setenv("ATTUNE_MOOD_HEAD", str(write_head(tmp_path / "head.onnx")))
    monkeypatch.setenv("ATTUNE_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def library(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(capsys, monkeypatch, "library")


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    for number in range(4):
        noise = np.random.default_rng(number).standard_normal(2 * RATE_HZ)
        soundfile.write(folder / f"Ann - {number}.wav", 0.1 * noise, RATE_HZ)
    (folder / "text.mp3").write_text("no sound")
    return folder


def test_a_folder_is_heard_and_shown_and_forgotten(library: Terminal, music: Path) -> None:
    code, out, err = library("scan", music)
    assert (code, err) == (0, "")
    assert out == f"{music}: 5 files; 4 heard, 1 unreadable (`attune library show` says why).\n"
    code, out, err = library("show")
    assert code == 0
    assert out.startswith(f"{music}: 4 tracks, 0.0 hours, 1 file that cannot be read.")
    for word in (*(style.value.capitalize() for style in Style), "local:folder:."):
        assert word in out
    assert "text.mp3 is not sound that Attune can read" in err
    assert library("scan", music)[1] == f"{music}: 5 files; 5 known already.\n"
    code, out, _ = library("forget", "--yes")
    assert (code, out) == (0, "5 files were forgotten; your music was not touched.\n")
    assert len(list(music.iterdir())) == 5
    assert library("show")[0] == 1


def test_one_file_is_one(library: Terminal, music: Path) -> None:
    for file in music.glob("Ann - [0-2].wav"):
        file.unlink()
    (music / "text.mp3").unlink()
    assert library("scan", music)[1] == f"{music}: 1 file; 1 heard.\n"
    assert library("show")[1].startswith(f"{music}: 1 track, 0.0 hours.")
    assert library("forget", "--yes")[1] == "1 file was forgotten; your music was not touched.\n"


def test_json(library: Terminal, music: Path) -> None:
    code, out, _ = library("scan", "--json", music)
    scanned = json.loads(out)
    assert (code, scanned["folder"], scanned["files"], scanned["heard"]) == (0, str(music), 5, 5)
    assert scanned["complete"]
    shown = json.loads(library("show", "--json")[1])
    assert (shown["folder"], shown["files"], shown["playable"]) == (str(music), 5, 4)
    assert [one["uri"] for one in shown["playlists"]][-1] == "local:folder:."
    assert shown["problems"][0]["file"] == str(music / "text.mp3")


def test_what_is_heard_is_the_models_answer_and_the_level(library: Terminal, music: Path) -> None:
    library("scan", music)
    row = read_library(paths.library_file()).rows[0]
    assert (row.artist, row.title) == ("Ann", "0")
    assert row.moods is not None
    assert row.moods.any()
    assert row.rms == pytest.approx(0.1, rel=0.02)
    assert row.duration_s == pytest.approx(2.0)


def test_the_folder_may_be_left_out_once_it_is_known(
    library: Terminal, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = library("scan")
    assert code == 1
    assert "No music folder is known yet: name one" in err
    monkeypatch.setenv("ATTUNE_MUSIC_FOLDER", str(music))
    assert "4 heard" in library("scan")[1]
    monkeypatch.delenv("ATTUNE_MUSIC_FOLDER")
    assert "5 known already" in library("scan")[1]
    assert "4 known already, 1 unreadable" in library("scan", "--retry")[1]


def test_one_sentence_for_what_is_wrong(library: Terminal, music: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, says in (("gone", "cannot be read"), ("empty", "There is no music in")):
        code, out, err = library("scan", tmp_path / folder)
        assert (code, out) == (1, "")
        assert err.startswith("Error: ")
        assert says in err
        assert len(err.splitlines()) == 1
    assert "No music folder was indexed yet" in library("show")[2]
    library("scan", music)
    paths.library_file().write_text("no database")
    assert "is corrupt: run `attune library scan FOLDER`" in library("show")[2]
    code, out, err = library("scan", music)
    assert (code, "4 heard" in out) == (0, True)
    assert "was corrupt: it is kept as" in err
    paths.library_file().unlink()
    with closing(sqlite3.connect(paths.library_file())) as theirs:
        theirs.execute("CREATE TABLE theirs (one INTEGER)")
    for command in (["scan", str(music)], ["show"], ["forget", "--yes"]):
        code, _, err = library(*command)
        assert code == 1
        assert "is a database of another program" in err


def test_forgetting_is_asked_for(library: Terminal, music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library("scan", music)
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert library("forget")[0] == 1
    assert len(read_library(paths.library_file()).rows) == 5


def test_progress_is_shown_on_a_terminal(
    library: Terminal, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=100, _environ={})
    monkeypatch.setattr(cli_library, "_err", console)
    library("scan", music)
    assert "5/5" in shown.getvalue()


def test_ctrl_c_keeps_what_was_heard(library: Terminal, music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = MoodTagger.analyse

    def interrupted(self: MoodTagger, source: Path, **options: object) -> object:
        if source.name == "Ann - 2.wav":
            raise KeyboardInterrupt
        return real(self, source, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(MoodTagger, "analyse", interrupted)
    code, out, err = library("scan", music)
    assert (code, out) == (130, "")
    assert err == "Stopped: what was heard is kept, and the next scan goes on there.\n"
    monkeypatch.setattr(MoodTagger, "analyse", real)
    assert "2 heard, 2 known already" in library("scan", music)[1]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signal to one process")
def test_a_signal_in_the_middle_of_a_long_file_ends_it_without_a_traceback(
    music: Path, tmp_path: Path
) -> None:
    with soundfile.SoundFile(music / "zz.wav", "w", samplerate=RATE_HZ, channels=1) as file:
        for _ in range(120):
            file.write(np.full(RATE_HZ * 60, 3_000, dtype=np.int16))
    code = "import sys; sys.argv[0] = 'attune'; from cli import main; main()"
    homes = ("HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    environment = {**os.environ, **dict.fromkeys(homes, str(tmp_path / "home"))}
    with subprocess.Popen(
        [sys.executable, "-c", code, "library", "scan", str(music)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as program:
        database = tmp_path / "home" / "attune" / "library.sqlite3"
        while program.poll() is None and not (database.exists() and read_library(database).folder):
            time.sleep(0.05)
        program.send_signal(signal.SIGINT)
        _, err = program.communicate(timeout=60)
    assert program.returncode == 130
    assert "Traceback" not in err
    assert read_library(database).folder == music


def test_help_has_examples(library: Terminal) -> None:
    for command in ("scan", "show", "forget"):
        code, out, _ = library(command, "--help")
        assert code == 0
        assert f"attune library {command}" in out

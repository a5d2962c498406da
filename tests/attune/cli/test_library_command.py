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
from unittest.mock import Mock

import numpy as np
import pytest
import soundfile
from rich.console import Console

from attune.cli import console
from attune.engine.model_cache import ModelCache
from core import paths
from core.errors import WeightsError
from models import assets
from models.track import profile
from models.track.profile import TrackProfiler
from playback.library.tracks import read_library
from playback.mapping.styles import Style
from tests.models.mood_graphs import write_backbone, write_head, write_track_heads
from tests.paths import ROOT
from tests.terminal import Terminal

pytestmark = pytest.mark.usefixtures("no_librosa")

RATE_HZ = 16_000


@pytest.fixture(autouse=True)
def _own_library_and_tiny_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("config_dir", "data_dir", "cache_dir"):
        monkeypatch.setattr(paths, name, lambda name=name: tmp_path / name)
    monkeypatch.setattr(ModelCache, "warm_up", lambda _self: None)  # nobody listens here
    monkeypatch.setenv("ATTUNE_MOOD_BACKBONE", str(write_backbone(tmp_path / "backbone.onnx")))
    monkeypatch.setenv("ATTUNE_MOOD_HEAD", str(write_head(tmp_path / "head.onnx")))


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


def test_a_file_that_is_not_whole_is_heard_and_said(library: Terminal, music: Path) -> None:
    cut = music / "Ann - 2.wav"
    cut.write_bytes(cut.read_bytes()[: RATE_HZ * 2])
    said = f"{cut}: {cut.name} is truncated: 50\xa0% of its sound is there"
    code, out, err = library("scan", music)
    assert (code, err.startswith(said)) == (0, True)
    assert "4 heard, 1 unreadable" in out
    _, _, err = library("show")
    assert said in err
    faults = json.loads(library("show", "--json")[1])["faults"]
    assert [(one["file"], f"{cut}: {one['fault']}".startswith(said)) for one in faults] == [(str(cut), True)]
    cut.touch()
    assert [said in one for one in json.loads(library("scan", "--json", music)[1])["faults"]] == [True]


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
    assert (
        "is corrupt: scan your music (on the page Playlists, or with `attune library scan FOLDER`)"
        in library("show")[2]
    )
    code, out, err = library("scan", music)
    assert (code, "4 heard" in out) == (0, True)
    assert "was corrupt and has been put aside as" in err
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
    monkeypatch.setattr(console, "err", Console(file=shown, force_terminal=True, width=100, _environ={}))
    library("scan", music)
    assert "5/5" in shown.getvalue()


def test_ctrl_c_keeps_what_was_heard(library: Terminal, music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = TrackProfiler.profile

    def interrupted(self: TrackProfiler, source: Path, **options: object) -> object:
        if source.name == "Ann - 2.wav":
            raise KeyboardInterrupt
        return real(self, source, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(TrackProfiler, "profile", interrupted)
    code, out, err = library("scan", music)
    assert (code, out) == (130, "")
    assert err == "Stopped: what was heard is kept, and the next scan goes on there.\n"
    monkeypatch.setattr(TrackProfiler, "profile", real)
    assert "2 heard, 2 known already" in library("scan", music)[1]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signal to one process")
def test_a_signal_in_the_middle_of_a_long_file_ends_it_without_a_traceback(
    music: Path, tmp_path: Path
) -> None:
    with soundfile.SoundFile(music / "zz.wav", "w", samplerate=RATE_HZ, channels=1) as file:
        for _ in range(120):
            file.write(np.full(RATE_HZ * 60, 3_000, dtype=np.int16))
    code = "import sys; sys.argv[0] = 'attune'; from attune.cli.main import main; main()"
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


# What is found in it


@pytest.fixture
def placed(library: Terminal, music: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The same folder, indexed with all the heads."""
    monkeypatch.setattr(assets, "locate", write_track_heads(tmp_path).__getitem__)
    assert library("scan", music)[0] == 0
    return music


def test_tracks_are_listed_and_filtered(library: Terminal, placed: Path) -> None:
    code, out, err = library("show", "--tracks")
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == 5
    assert out.splitlines()[0].split() == [
        *("title", "artist", "length", "BPM", "key", "mood", "genres", "pleasantness", "energy"),
    ]
    records = json.loads(library("show", "--tracks", "--json")[1])
    assert [one["title"] for one in records] == ["0", "1", "2", "3"]
    assert records[0]["file"] == str(placed / "Ann - 0.wav")
    assert -1.0 <= records[0]["energy"] <= 1.0
    assert len(records[0]["emotions"]) == 9
    genre = next(iter(records[0]["genres"]))
    assert json.loads(library("show", "--genre", genre.upper(), "--json")[1])
    assert library("show", "--energy=-1,1", "--json")[1].count('"file"') == 4
    code, out, err = library("show", "--tempo", "90,120")
    assert (code, err) == (0, "No track fits: ask for less.\n")
    assert library("show", "--key", "Bb major", "--csv")[1].count("\n") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tempo", "fast"), "'fast' is not LOW,HIGH"),
        (("--tempo", "120,90"), "120 is not below 90"),
        (("--key", "H"), "'H' is no key such as `C# minor`"),
    ],
)
def test_filters_that_cannot_be_read_are_refused(
    library: Terminal, options: tuple[str, ...], words: str
) -> None:
    code, _, err = library("show", *options)
    assert code == 2
    assert words in " ".join(err.replace("│", " ").split())


def test_tracks_like_a_file_are_found(library: Terminal, placed: Path, tmp_path: Path) -> None:
    known = placed / "Ann - 1.wav"
    code, out, _ = library("like", known, "-n", "2", "--json")
    found = json.loads(out)
    assert (code, len(found)) == (0, 2)
    assert str(known) not in {one["file"] for one in found}
    assert found[0]["similarity"] >= found[1]["similarity"] > 0.5
    other = tmp_path / "other.wav"
    other.write_bytes(known.read_bytes())
    playlist = tmp_path / "like.m3u8"
    code, out, err = library("like", other, "--m3u", playlist)
    assert code == 0
    assert out.splitlines()[1].split()[:2] == ["100", "%"]
    assert "Wrote 4 tracks into" in err
    assert playlist.read_text().count("#EXTINF") == 4


def test_a_path_leads_from_place_to_place(library: Terminal, placed: Path, tmp_path: Path) -> None:
    playlist = tmp_path / "path.m3u8"
    code, out, err = library("path", "--from", "sad", "--to=-0.1,0.3", "--length", "3", "--m3u", playlist)
    assert (code, len(out.splitlines())) == (0, 4)
    assert "Wrote 3 tracks into" in err
    assert str(placed) in playlist.read_text()
    code, _, err = library("path", "--from", "sad", "--to", "happy", "--length", "9", "--json")
    assert (code, err) == (0, "Only 4 tracks could be used: that is all whose place is known.\n")
    code, _, err = library("path", "--from", "bliss", "--to", "happy")
    assert (code, "'bliss' is no place on the plane" in err) == (1, True)


def test_without_a_library_or_places_one_sentence_says_what_to_do(
    library: Terminal, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (("show", "--tracks"), ("like", "x.wav"), ("path", "--from", "sad", "--to", "happy")):
        code, _, err = library(*words)
        assert (code, "No music folder was indexed yet" in err) == (1, True)
    monkeypatch.setattr(assets, "locate", {}.__getitem__)  # no head
    monkeypatch.setattr(profile, "load_track_head", Mock(side_effect=WeightsError("It is missing.")))
    assert library("scan", music)[0] == 0
    code, _, err = library("path", "--from", "sad", "--to", "happy")
    assert (code, "The place of no track of" in err) == (1, True)


def test_what_is_no_music_is_like_nothing(library: Terminal, placed: Path, tmp_path: Path) -> None:
    assert placed.exists()
    soundfile.write(tmp_path / "hush.wav", np.zeros(RATE_HZ), RATE_HZ)
    code, _, err = library("like", tmp_path / "hush.wav")
    assert (code, "holds no music, so nothing is like it" in err) == (1, True)

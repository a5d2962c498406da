"""Indexing a folder: only what is new is heard, whatever happens on the way what is done is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import AnalysisCancelledError, ModelError, MusicError
from models.audio import decode
from playback.library.scan import Scanned, TrackMood
from playback.library.tracks import read_library
from tests.paths import ROOT
from tests.playback.own_music import index, score, write_tone


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Three files, and what is no music."""
    folder = tmp_path / "music"
    for name in ("a.wav", "b/c.flac", "b/d.wav"):
        write_tone(folder / name, seconds=0.2)
    (folder / "notes.txt").write_text("no sound")
    return folder


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "data" / "library.sqlite3"


class CountingScorer:
    """A scorer that counts what it hears, and what it does then."""

    def __init__(self, then: Callable[[Path], None] = lambda _path: None) -> None:
        self.scored: list[str] = []
        self._then = then

    def __call__(self, path: Path) -> TrackMood:
        self.scored.append(path.name)
        self._then(path)
        return score(path)


def names(database: Path) -> list[str]:
    return [row.path.name for row in read_library(database).rows]


def test_files_are_heard_in_order_and_progress_is_told(music: Path, database: Path) -> None:
    told: list[tuple[int, int]] = []
    done = index(music, database, on_progress=lambda *given: told.append(given))
    assert done == Scanned(music, files=3, heard=3)
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    library = read_library(database)
    assert library.folder == music
    assert names(database) == ["a.wav", "c.flac", "d.wav"]
    first = library.rows[0]
    assert first.path == music / "a.wav"
    assert first.size == first.path.stat().st_size
    assert first.mtime_ns == first.path.stat().st_mtime_ns
    assert first.duration_s == pytest.approx(0.2)
    assert first.rms == pytest.approx(0.1414, rel=1e-2)
    assert first.moods is not None
    assert first.moods.shape == (59,)


def test_only_what_has_changed_is_heard_again(music: Path, database: Path) -> None:
    index(music, database)
    scorer = CountingScorer()
    assert index(music, database, score=scorer) == Scanned(music, files=3, unchanged=3)
    assert scorer.scored == []
    write_tone(music / "a.wav", seconds=0.3)
    write_tone(music / "new.wav", seconds=0.2)
    (music / "b" / "c.flac").unlink()
    assert index(music, database, score=scorer) == Scanned(music, files=3, heard=2, unchanged=1, removed=1)
    assert scorer.scored == ["a.wav", "new.wav"]
    assert names(database) == ["a.wav", "d.wav", "new.wav"]
    index(music, database, score=scorer, fingerprint="two")
    assert scorer.scored[2:] == ["a.wav", "d.wav", "new.wav"]
    assert {row.fingerprint for row in read_library(database).rows} == {"two"}


def test_files_that_are_only_renamed_are_known_again(music: Path, database: Path) -> None:
    index(music, database)
    (music / "b").rename(music / "elsewhere")
    (music / "a.wav").rename(music / "Ann - Sea.wav")
    scorer = CountingScorer()
    done = index(music, database, score=scorer)
    assert (done.moved, done.removed, done.heard, done.unchanged) == (3, 0, 0, 0)
    assert scorer.scored == []
    first = read_library(database).rows[0]
    assert (first.path.name, first.title, first.artist) == ("Ann - Sea.wav", "Sea", "Ann")
    assert first.moods is not None


def test_a_whole_folder_that_is_moved_is_known_again(music: Path, database: Path, tmp_path: Path) -> None:
    index(music, database)
    music.rename(tmp_path / "moved")
    assert index(tmp_path / "moved", database).moved == 3
    assert read_library(database).folder == tmp_path / "moved"


def test_two_files_of_one_age_and_size_are_not_taken_for_each_other(music: Path, database: Path) -> None:
    for name in ("a.wav", "b/d.wav"):
        os.utime(music / name, ns=(10**18, 10**18))
    index(music, database)
    for name in ("a", "b/d"):
        (music / f"{name}.wav").rename(music / f"{name}2.wav")
    assert index(music, database).moved == 0


def test_a_folder_within_the_librarys_is_brought_up_to_date_alone(music: Path, database: Path) -> None:
    index(music, database)
    write_tone(music / "b" / "new.wav", seconds=0.2)
    (music / "a.wav").unlink()
    assert index(music / "b", database) == Scanned(music / "b", files=3, heard=1, unchanged=2)
    assert names(database) == ["a.wav", "c.flac", "d.wav", "new.wav"]
    assert read_library(database).folder == music
    index(music, database)
    assert names(database) == ["c.flac", "d.wav", "new.wav"]


def test_another_folder_takes_the_place_of_the_one_before(
    music: Path, database: Path, tmp_path: Path
) -> None:
    index(music, database)
    write_tone(tmp_path / "other" / "x.wav", seconds=0.2)
    assert index(tmp_path / "other", database).removed == 3
    assert names(database) == ["x.wav"]
    assert read_library(database).folder == tmp_path / "other"
    assert index(tmp_path, database).files == 4  # a folder around it
    assert read_library(database).folder == tmp_path


def test_hidden_things_links_in_circles_and_second_names_are_left_out(music: Path, database: Path) -> None:
    write_tone(music / ".hidden" / "x.wav")
    write_tone(music / "._a.wav")
    (music / "b" / "around").symlink_to(music, target_is_directory=True)
    (music / "b" / "again.wav").symlink_to(music / "a.wav")
    (music / "nowhere.wav").symlink_to(music / "gone.wav")
    (music / "folder.wav").mkdir()
    index(music, database)
    assert names(database) == ["a.wav", "c.flac", "d.wav"]


def test_very_deep_folders_end_somewhere(tmp_path: Path, database: Path) -> None:
    write_tone(tmp_path / "music" / "a.wav", seconds=0.1)
    write_tone(Path(tmp_path, "music", *"x" * 60, "b.wav"), seconds=0.1)
    index(tmp_path / "music", database)
    assert names(database) == ["a.wav"]


def test_unreadable_files_get_a_sentence_and_are_left_until_they_change(music: Path, database: Path) -> None:
    (music / "text.mp3").write_text("no sound at all")
    (music / "empty.mp3").touch()
    whole = (music / "a.wav").read_bytes()
    (music / "a.wav").write_bytes(whole[:30])

    def really(path: Path) -> TrackMood:
        decode(path)
        return score(path)

    scorer = CountingScorer(then=lambda path: decode(path) is None)
    done = index(music, database, score=scorer)
    assert (done.heard, done.unreadable) == (5, 3)
    problems = {row.path.name: row.problem for row in read_library(database).rows if row.problem}
    assert problems.keys() == {"text.mp3", "empty.mp3", "a.wav"}
    assert "text.mp3 is not sound" in problems["text.mp3"]
    assert "empty.mp3 is empty" in problems["empty.mp3"]
    assert all(problem.endswith(".") and "\n" not in problem for problem in problems.values())
    assert len(read_library(database).playable) == 2
    assert index(music, database, score=scorer).heard == 0
    assert index(music, database, score=scorer, retry=True).heard == 3
    write_tone(music / "a.wav", seconds=0.4)
    assert index(music, database, score=really) == Scanned(music, files=5, heard=1, unchanged=4)


def test_a_file_that_breaks_the_scorer_does_not_stop_the_others(music: Path, database: Path) -> None:
    def broken(path: Path) -> TrackMood:
        if path.name == "a.wav":
            raise ZeroDivisionError("internals")
        if path.name == "c.flac":
            raise PermissionError(13, "Permission denied")
        return score(path)

    assert index(music, database, score=broken).unreadable == 2
    first, second, _ = read_library(database).rows
    assert first.problem == "a.wav cannot be used (ZeroDivisionError): the program's log says more."
    assert second.problem == "c.flac cannot be read (Permission denied): check the file."


def test_what_is_no_fault_of_the_file_stops_the_scan_and_what_was_heard_is_kept(
    music: Path, database: Path
) -> None:
    def broken(path: Path) -> TrackMood:
        if path.name == "d.wav":
            raise ModelError("The model cannot be run.")
        return score(path)

    with pytest.raises(ModelError):
        index(music, database, score=broken)
    assert names(database) == ["a.wav", "c.flac"]
    assert index(music, database).unchanged == 2


@pytest.mark.parametrize("at", ["between", "within", "before"])
def test_cancelled_it_keeps_what_was_heard(music: Path, database: Path, at: str) -> None:
    def stop(path: Path) -> None:
        if at == "within" and path.name == "c.flac":
            raise AnalysisCancelledError("stopped")

    scorer = CountingScorer(stop)
    done = index(
        music,
        database,
        score=scorer,
        cancelled=lambda: at == "before" or (at == "between" and len(scorer.scored) == 1),
    )
    assert not done.complete
    assert names(database) == ([] if at == "before" else ["a.wav"])
    assert index(music, database).complete


def test_ctrl_c_keeps_what_was_heard(music: Path, database: Path) -> None:
    def interrupt(path: Path) -> None:
        if path.name == "d.wav":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index(music, database, score=CountingScorer(interrupt))
    assert names(database) == ["a.wav", "c.flac"]


def test_a_folder_that_vanishes_on_the_way_is_one_sentence_and_nothing_is_forgotten(
    music: Path, database: Path, tmp_path: Path
) -> None:
    index(music, database)

    def vanish(path: Path) -> None:
        if path.name == "c.flac":
            music.rename(tmp_path / "gone")

    with pytest.raises(MusicError, match=r"is not there any more, but what was indexed is kept: connect"):
        index(music, database, score=CountingScorer(vanish), fingerprint="two")
    rows = read_library(database).rows
    assert [row.fingerprint for row in rows] == ["two", "one", "one"]
    assert not any(row.problem for row in rows)
    with pytest.raises(MusicError, match="cannot be read"):
        index(music, database)
    assert len(names(database)) == 3


def test_a_file_that_vanishes_on_the_way_is_no_problem(music: Path, database: Path) -> None:
    scorer = CountingScorer(lambda path: (music / "b" / "d.wav").unlink() if path.name == "a.wav" else None)
    index(music, database, score=scorer)
    assert names(database) == ["a.wav", "c.flac"]


def test_an_empty_folder_is_one_sentence_and_nothing_is_forgotten(
    music: Path, database: Path, tmp_path: Path
) -> None:
    index(music, database)
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        MusicError, match=r"There is no music in .*empty: connect .* The 3 files .* are kept\."
    ):
        index(tmp_path / "empty", database)
    assert len(names(database)) == 3
    (tmp_path / "file").touch()
    for nothing in ("gone", "file"):
        with pytest.raises(MusicError, match=r"The music folder .* cannot be read \(.*\): connect its disk"):
            index(tmp_path / nothing, database)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_folders_that_may_not_be_read_are_said_and_not_forgotten(music: Path, database: Path) -> None:
    index(music, database)
    (music / "b").chmod(0)
    try:
        done = index(music, database)
    finally:
        (music / "b").chmod(0o700)
    assert "may not be read, so it was left out" in done.notice
    assert len(names(database)) == 3


def test_a_corrupt_library_is_said(music: Path, database: Path) -> None:
    index(music, database)
    database.write_text("no database at all")
    done = index(music, database)
    assert done.heard == 3
    assert "was corrupt" in done.notice


SCANNER = """
import sys, time
from pathlib import Path
from tests.playback.own_music import index, score

def slowly(path):
    print(path.name, flush=True)
    time.sleep(0.02)
    return score(path)

index(Path(sys.argv[1]), Path(sys.argv[2]), score=slowly)
"""


def test_killed_it_has_lost_a_handful_and_goes_on_there(tmp_path: Path, database: Path) -> None:
    for number in range(60):
        write_tone(tmp_path / "music" / f"{number:03d}.wav", seconds=0.02)
    with subprocess.Popen(
        [sys.executable, "-c", SCANNER, str(tmp_path / "music"), str(database)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as scanner:
        assert scanner.stdout is not None
        begun = [scanner.stdout.readline() for _ in range(30)]
        scanner.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        begun += scanner.stdout.readlines()
    kept = len(names(database))
    assert len(begun) - 9 <= kept < 60
    scorer = CountingScorer()
    done = index(tmp_path / "music", database, score=scorer)
    assert (done.unchanged, done.heard) == (kept, 60 - kept)
    assert len(names(database)) == 60


def test_others_read_while_it_goes_on(tmp_path: Path, database: Path) -> None:
    for number in range(20):
        write_tone(tmp_path / "music" / f"{number:03d}.wav", seconds=0.02)
    seen: list[int] = []
    index(
        tmp_path / "music",
        database,
        score=CountingScorer(lambda _: seen.append(len(read_library(database).rows))),
    )
    assert seen[0] == 0
    assert seen[-1] == 16
    assert seen == sorted(seen)


def test_what_is_kept_of_a_mood_is_what_was_heard(tmp_path: Path, database: Path) -> None:
    write_tone(tmp_path / "music" / "a.wav", seconds=0.1)
    moods = np.linspace(0.0, 1.0, 59, dtype=np.float32)
    index(tmp_path / "music", database, score=lambda _: TrackMood(moods, 1.0, 0.1, 0.2))
    kept = read_library(database).rows[0].moods
    assert kept is not None
    np.testing.assert_array_equal(kept, moods)

"""The library's file: what is kept, and one sentence for everything that can be wrong with it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import MusicError
from core.sqlite import transaction
from playback.library.database import prepare, using
from playback.library.loudness import Loudness, levelling_gain
from playback.library.song_tags import SongTags, read_song_tags
from playback.library.tracks import (
    Library,
    TrackRow,
    forget_library,
    library_mark,
    put_rows,
    read_library,
    remove_rows,
    set_folder,
)
from playback.mapping.styles import Style
from tests.playback.own_music import index, moods_of, write_tone


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "data" / "library.sqlite3"


def row(name: str, **others: object) -> TrackRow:
    return TrackRow(Path("/music") / name, 10, 20, name, **others)  # type: ignore[arg-type]


def put(database: Path, *rows: TrackRow) -> None:
    prepare(database)
    with using(database, writable=True) as connection, transaction(connection):
        set_folder(connection, Path("/music"))
        put_rows(connection, rows)


def test_what_is_kept_is_read_again(database: Path) -> None:
    moods = moods_of(Style.UPBEAT)
    put(
        database,
        row("b.mp3", problem="It is broken."),
        row(
            "a.mp3",
            artist="Ann",
            album="One",
            duration_s=3.5,
            rms=0.1,
            peak=0.9,
            moods=moods,
            fingerprint="x",
        ),
        row("c.mp3", moods=np.zeros_like(moods)),
    )
    library = read_library(database)
    assert library.folder == Path("/music")
    assert [one.path.name for one in library.rows] == ["a.mp3", "b.mp3", "c.mp3"]
    first = library.rows[0]
    assert (first.title, first.artist, first.album) == ("a.mp3", "Ann", "One")
    assert (first.size, first.mtime_ns, first.duration_s, first.rms, first.peak) == (10, 20, 3.5, 0.1, 0.9)
    assert first.fingerprint == "x"
    assert first.moods is not None
    np.testing.assert_array_equal(first.moods, moods)
    assert [one.path.name for one in library.playable] == ["a.mp3", "c.mp3"]
    assert [one.path.name for one in library.with_mood] == ["a.mp3"]
    with using(database, writable=True) as connection:
        remove_rows(connection, [Path("/music/a.mp3"), Path("/music/gone.mp3")])
    assert len(read_library(database).rows) == 2


@pytest.mark.skipif(os.name != "posix", reason="elsewhere names are text")
def test_names_that_are_no_text_are_kept(database: Path) -> None:
    name = os.fsdecode(b"caf\xe9.mp3")
    put(database, TrackRow(Path("/music") / name, 1, 2, "caf"))
    assert read_library(database).rows[0].path.name == name


def test_without_a_library_there_is_nothing(database: Path) -> None:
    assert read_library(database).rows == Library().rows
    assert forget_library(database) == 0
    assert not database.exists()
    database.parent.mkdir()
    database.touch()
    assert read_library(database).folder is None


def test_the_mark_changes_with_what_is_kept(database: Path) -> None:
    marks = [library_mark(database)]
    for number in range(3):
        put(database, row(f"{number}.mp3"))
        marks.append(library_mark(database))
    assert len(set(marks)) == 4
    read_library(database)
    assert library_mark(database) == marks[-1]


def test_forgetting_leaves_the_music_and_nothing_else(tmp_path: Path, database: Path) -> None:
    song = write_tone(tmp_path / "music" / "a.wav")
    index(song.parent, database)
    database.with_name(f"{database.name}.corrupt-1").write_text("old")
    assert forget_library(database) == 1
    assert song.exists()
    assert read_library(database).folder is None
    assert not list(database.parent.glob("*.corrupt-*"))
    assert b"a.wav" not in database.read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_the_file_is_its_owners_alone(database: Path) -> None:
    prepare(database)
    assert database.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["no database at all", None])
def test_a_corrupt_library_is_put_aside_and_a_new_one_begun(database: Path, damage: str | None) -> None:
    put(database, *(row(f"{number}.mp3", problem="x" * 500) for number in range(100)))
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    content = database.read_bytes()
    broken = content[:4096] + b"\xff" * 8192 + content[12288:] if damage is None else damage.encode()
    database.write_bytes(broken)
    with pytest.raises(MusicError, match=r"library.sqlite3 is corrupt: scan .*`attune library scan FOLDER`"):
        read_library(database)
    notice = prepare(database)
    assert notice.startswith(f"The library {database} was corrupt")
    assert notice.endswith("a new one was begun, nothing was deleted.")
    assert [aside.read_bytes() for aside in database.parent.glob("*.corrupt-*")] == [broken]
    assert prepare(database) == ""
    assert read_library(database).rows == ()


def test_a_database_of_another_program_is_left_alone(database: Path) -> None:
    database.parent.mkdir()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE theirs (one INTEGER)")
    before = database.read_bytes()
    for use in (prepare, read_library, forget_library):
        with pytest.raises(MusicError, match=r"is a database of another program: move it"):
            use(database)
    assert database.read_bytes() == before


def test_a_library_of_a_newer_program_is_left_alone(database: Path) -> None:
    prepare(database)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 99")
    for use in (prepare, read_library):
        with pytest.raises(
            MusicError, match=r"written by a newer Attune \(its version is 99, .*\): update Attune"
        ):
            use(database)


def test_a_locked_library_is_one_sentence(database: Path) -> None:
    prepare(database)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(MusicError, match=r"is locked by another program: close that program\.$"):
            read_library(database)


def test_a_folder_that_cannot_hold_it_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MusicError, match=r"cannot be used \(.*\): check its folder\.$"):
        prepare(tmp_path / "file" / "library.sqlite3")


def test_a_place_that_may_not_be_looked_at_is_one_sentence(tmp_path: Path) -> None:
    for use in (read_library, forget_library):
        with pytest.raises(MusicError, match=r"cannot be used \(File name too long\): check its folder"):
            use(tmp_path / ("n" * 300))


def test_what_is_written_halfway_is_not_there(database: Path) -> None:
    prepare(database)
    with using(database, writable=True) as connection:
        with pytest.raises(AttributeError), transaction(connection):
            put_rows(connection, [row("a.mp3"), None])  # type: ignore[list-item]
        assert list(connection.execute("SELECT path FROM tracks")) == []


# What a file says of itself


def test_tags_are_read_where_there_are_any(tmp_path: Path) -> None:
    for suffix in ("flac", "ogg", "wav", "mp3"):
        path = tmp_path / f"x.{suffix}"
        with soundfile.SoundFile(path, "w", samplerate=8_000, channels=1) as file:
            file.title, file.artist, file.album = "Blue\nSea", "Ann", "Waves"
            file.write(np.zeros(8_000))
        assert read_song_tags(path) == SongTags("Blue Sea", "Ann", "Waves"), suffix


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("Ann - Blue Sea", SongTags("Blue Sea", "Ann")),
        ("01 - Blue Sea", SongTags("01 - Blue Sea")),
        ("Blue_Sea", SongTags("Blue_Sea")),
        ("\x1b[31mred\x07", SongTags("[31mred")),
        ("x" * 240, SongTags("x" * 200)),
    ],
)
def test_else_the_name_of_the_file_is_its_title(tmp_path: Path, name: str, tags: SongTags) -> None:
    assert read_song_tags(write_tone(tmp_path / f"{name}.wav", seconds=0.1)) == tags
    (tmp_path / f"{name}.mp3").write_text("no sound")
    assert read_song_tags(tmp_path / f"{name}.mp3") == tags
    assert read_song_tags(tmp_path / "gone" / f"{name}.mp3") == tags


def test_a_damaged_file_prints_no_warnings_of_a_library(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mutagen")
    path = tmp_path / "Ann - Sea.mp3"
    soundfile.write(path, np.zeros(100_000), 16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert read_song_tags(path) == SongTags("Sea", "Ann")
    assert capfd.readouterr().err == ""


# Loudness


def test_levels_do_not_depend_on_the_blocks() -> None:
    sound = np.random.default_rng(0).uniform(-0.5, 0.4, (1_000, 2)).astype(np.float32)
    whole, parts = Loudness(), Loudness()
    whole.push(sound)
    for start in range(0, 1_000, 77):
        parts.push(sound[start : start + 77])
    parts.push(sound[:0])
    assert whole.peak == parts.peak == np.abs(sound).max()
    assert whole.rms == pytest.approx(parts.rms) == pytest.approx(np.sqrt(np.mean(sound**2)), rel=1e-4)
    assert Loudness().rms == 0.0


def test_tracks_are_made_about_equally_loud_and_never_clip() -> None:
    assert levelling_gain(0.1259, 0.5) == pytest.approx(1.0, rel=1e-3)
    assert levelling_gain(0.5, 1.0) == pytest.approx(0.252, rel=1e-2)
    assert levelling_gain(0.9, 1.0) == pytest.approx(0.251, rel=1e-2)  # at most 12 dB down
    assert levelling_gain(0.001, 0.01) == pytest.approx(2.818, rel=1e-2)  # at most 9 dB up
    assert levelling_gain(0.05, 0.9) == pytest.approx(0.98 / 0.9)
    assert levelling_gain(None, None) == levelling_gain(0.0, 0.0) == 1.0


def test_a_library_of_before_faults_were_kept_is_read_and_brought_up_to_date(database: Path) -> None:
    put(database, row("a.mp3", fault="It is cut."))
    assert read_library(database).rows[0].fault == "It is cut."
    with closing(sqlite3.connect(database)) as connection:
        for column in ("fault", "facts", "embedding"):
            connection.execute(f"ALTER TABLE tracks DROP COLUMN {column}")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    assert [(one.title, one.fault) for one in read_library(database).rows] == [("a.mp3", "")]
    put(database, row("b.mp3", fault="It is cut."))
    assert [one.fault for one in read_library(database).rows] == ["", "It is cut."]

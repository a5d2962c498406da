"""A database is made for its owner, migrated as a whole, left alone where it is not ours."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import DataError
from core.sqlite import Schema, _is_corrupt, connect, is_transient, transaction

NOTES = Schema(
    name="notebook",
    application_id=0x4E4F5445,
    migrations=(("CREATE TABLE notes (words TEXT)",),),
    error=DataError,
    repair="begin a new one",
    alternative="choose another place",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "notes.sqlite3"


def test_a_new_file_is_its_owner_s_alone_and_at_the_newest_version(path: Path) -> None:
    assert NOTES.prepare(path) == ""
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with closing(connect(path)) as connection:
        assert NOTES.version(connection, path) == 1
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_missing_file_is_not_made_by_connecting(path: Path) -> None:
    path.parent.mkdir()
    with pytest.raises(sqlite3.OperationalError) as caught:
        connect(path)
    assert not path.exists()
    assert NOTES.describe(path, caught.value).startswith(f"The notebook {path} cannot be opened")


def test_a_read_only_connection_does_not_write(path: Path) -> None:
    NOTES.prepare(path)
    with closing(connect(path, mode="ro")) as connection, pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("INSERT INTO notes VALUES ('a')")
    assert is_transient(caught.value)
    assert "it is read-only" in NOTES.describe(path, caught.value)


def test_a_transaction_that_fails_leaves_nothing(path: Path) -> None:
    NOTES.prepare(path)
    rows: list[tuple[str | None]] = [("a",), ("b", "too many")]  # type: ignore[list-item]
    with closing(connect(path)) as connection:
        with pytest.raises(sqlite3.ProgrammingError), transaction(connection):
            connection.executemany("INSERT INTO notes VALUES (?)", rows)
        assert connection.execute("SELECT * FROM notes").fetchall() == []


def test_rows_outlive_a_migration_and_a_broken_one_changes_nothing(path: Path) -> None:
    NOTES.prepare(path)
    with closing(connect(path)) as connection, transaction(connection):
        connection.execute("INSERT INTO notes VALUES ('a')")
    added = "ALTER TABLE notes ADD COLUMN author TEXT DEFAULT 'me'"
    with pytest.raises(sqlite3.OperationalError):
        replace(NOTES, migrations=(*NOTES.migrations, (added, "SELECT * FROM nowhere"))).prepare(path)
    newer = replace(NOTES, migrations=(*NOTES.migrations, (added,)))
    assert newer.prepare(path) == ""
    with closing(connect(path)) as connection:
        assert connection.execute("SELECT * FROM notes").fetchall() == [("a", "me")]
    with pytest.raises(
        DataError, match=r"newer Attune \(its version is 2, this one knows 1\): update Attune"
    ):
        NOTES.prepare(path)


def test_a_file_of_another_program_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"is a database of another program: choose another place\.$"):
        NOTES.prepare(path)
    assert path.read_bytes() == before


def test_a_corrupt_file_is_put_aside_also_where_only_the_clean_up_finds_it(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 100)
    assert "was corrupt and has been put aside as notes.sqlite3.corrupt-" in NOTES.prepare(path)
    seen: list[sqlite3.Connection] = []

    def clean_up(connection: sqlite3.Connection) -> None:
        seen.append(connection)
        if len(seen) == 1:
            error = sqlite3.DatabaseError("malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

    assert "was corrupt" in NOTES.prepare(path, clean_up=clean_up)
    assert len(list(path.parent.glob("*.corrupt-*"))) == len(seen) == 2


def test_any_text_can_be_kept_and_what_is_no_utf_8_is_read(path: Path) -> None:
    NOTES.prepare(path)
    texts = ["caf\udce9", "\ud800", "a\0b\x1b\n", None]
    with closing(connect(path)) as connection:
        connection.execute("INSERT INTO notes VALUES (?)", (texts[0],))
        connection.executemany("INSERT INTO notes VALUES (?)", ((text,) for text in texts[1:]))
        connection.execute("INSERT INTO notes VALUES (CAST(? AS TEXT))", (b"of another program: \xe9",))
        kept = [words for (words,) in connection.execute("SELECT words FROM notes")]
    assert kept == ["caf\\xe9", "\\ud800", "a\0b\x1b\n", None, "of another program: \\xe9"]


def test_a_corrupt_file_of_the_longest_name_is_put_aside(path: Path) -> None:
    path = path.with_name("n" * 247)  # SQLite's own files beside it end in -journal
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 100)
    assert "has been put aside" in NOTES.prepare(path)
    assert len(list(path.parent.glob("*.corrupt-*"))) == 1


@pytest.mark.parametrize(
    ("error", "transient", "sentence"),
    [
        (OSError(errno.ENOSPC, "full"), True, "cannot grow, the disk is full: make room"),
        (OSError(errno.EROFS, "read-only"), True, "it is read-only: change its permissions"),
        (PermissionError(errno.EACCES, "no"), False, "cannot be opened: check its folder and permissions"),
        (IsADirectoryError(errno.EISDIR, "Is a directory"), False, "cannot be used (Is a directory): check"),
        (sqlite3.OperationalError("odd"), False, "cannot be used (odd): check its folder"),
        (DataError("What we raised."), False, "What we raised"),
    ],
)
def test_errors_are_sentences(error: Exception, transient: bool, sentence: str) -> None:
    assert is_transient(error) is transient
    assert not _is_corrupt(error)
    said = NOTES.describe(Path("x"), error)
    assert sentence in said
    assert not said.endswith(".")

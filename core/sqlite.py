"""SQLite files: opened, checked, migrated, put aside where corrupt; errors in plain words."""

from __future__ import annotations

import errno
import logging
import math
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from core.errors import AttuneError
from core.files import named_after
from core.text import encodable

_LOG = logging.getLogger(__name__)

_TRANSIENT: Final = {
    sqlite3.SQLITE_BUSY: "is locked by another program: close that program",
    sqlite3.SQLITE_LOCKED: "is locked by another program: close that program",
    sqlite3.SQLITE_FULL: "cannot grow, the disk is full: make room",
    sqlite3.SQLITE_READONLY: "may not be written, it is read-only: change its permissions",
    sqlite3.SQLITE_IOERR: "meets an error of the disk: check that it is there and has room",
}
_MESSAGES: Final = {
    **_TRANSIENT,
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check its folder and permissions",
}
_SYSTEM_CODES: Final = {
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EROFS: sqlite3.SQLITE_READONLY,
    errno.EACCES: sqlite3.SQLITE_CANTOPEN,
}


def connect(path: Path, *, mode: Literal["rw", "ro"] = "rw", timeout_s: float = 0.25) -> sqlite3.Connection:
    """Connect in autocommit to a file that exists.

    Parameters
    ----------
    path
        The file; one that is missing is not made, since it would be open to all users.
    mode
        Read and write, or read only.
    timeout_s
        How long to wait for another program's lock.

    Raises
    ------
    sqlite3.Error
        The file cannot be opened.
    """
    address = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(
        address, uri=True, timeout=timeout_s, isolation_level=None, factory=_Connection
    )
    connection.text_factory = _decoded
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


class _Connection(sqlite3.Connection):
    """Takes any text: what UTF-8 cannot hold is escaped. A path that is opened again is stored as bytes."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        return super().execute(sql, _storable(parameters))

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        return super().executemany(sql, map(_storable, parameters))


def _storable(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(encodable(value) if isinstance(value, str) else value for value in values)


def _decoded(stored: bytes) -> str:
    """Text of the database, also where another program wrote what is no UTF-8."""
    return encodable(stored.decode(errors="surrogateescape"))


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write everything that is done within, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite has rolled back by itself where it had to
            connection.execute("ROLLBACK")
        raise


def is_transient(error: Exception) -> bool:
    """Whether a later attempt may succeed without a change of settings."""
    return _code(error) in _TRANSIENT


def _is_corrupt(error: Exception) -> bool:
    """Whether the file is damaged, or no database at all."""
    return _code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@dataclass(frozen=True, slots=True)
class Schema:
    """One kind of database: its tables, and what messages say about it."""

    name: str  # its name in messages, such as "journal"
    application_id: int  # marks a file as ours (`PRAGMA application_id`)
    # Entry n holds the statements that bring version n to n + 1. A released entry is never edited.
    migrations: tuple[tuple[str, ...], ...]
    error: type[AttuneError]  # raised for a file that is not ours to change
    repair: str  # what to do about a corrupt file: ends the sentence "is corrupt: ..."
    # What else to do about a file that cannot be used: ends the sentence "update Attune, or ...".
    alternative: str
    full_check_bytes: float = math.inf  # larger files are not read whole when they are checked

    def prepare(self, path: Path, *, clean_up: Callable[[sqlite3.Connection], None] | None = None) -> str:
        """Make, check and migrate the file; a corrupt one is put aside, which the sentence returned says.

        Parameters
        ----------
        path
            The file; it and its folder are made for their owner alone.
        clean_up
            Runs on the checked file; one that it finds corrupt is put aside as well.

        Raises
        ------
        AttuneError
            The file belongs to another program or a newer Attune.
        sqlite3.Error, OSError
            It cannot be made or opened; see `describe`.
        """
        try:
            self._open(path, clean_up)
        except sqlite3.DatabaseError as error:
            if not _is_corrupt(error):
                raise
            aside = _put_aside(path)
            self._open(path, clean_up)
            notice = (
                f"The {self.name} {path} was corrupt and has been put aside as {aside.name}: "
                "a new one was begun, nothing was deleted."
            )
            _LOG.warning("%s", notice)
            return notice
        return ""

    def migrate(self, connection: sqlite3.Connection, path: Path) -> None:
        """Bring the tables to the newest version.

        Raises
        ------
        AttuneError
            The file at `path` belongs to another program or a newer Attune.
        """
        newest = len(self.migrations)
        if self.version(connection, path) == newest:
            return
        with transaction(connection):
            # Asked again under the lock: another process may just have done it.
            for script in self.migrations[self.version(connection, path) :]:
                for statement in script:
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {self.application_id}")
            connection.execute(f"PRAGMA user_version = {newest}")

    def version(self, connection: sqlite3.Connection, path: Path) -> int:
        """Version of the tables, 0 where there are none yet.

        Raises
        ------
        AttuneError
            The file at `path` belongs to another program or a newer Attune.
        """
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        used = found or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if used and connection.execute("PRAGMA application_id").fetchone()[0] != self.application_id:
            raise self.error(f"{path} is a database of another program: {self.alternative}.")
        if found > len(self.migrations):
            raise self.error(
                f"The {self.name} {path} was written by a newer Attune (its version is {found}, this one "
                f"knows {len(self.migrations)}): update Attune, or {self.alternative}."
            )
        return found

    def describe(self, path: Path, error: Exception) -> str:
        """Say what is wrong with the file and what to do, without a full stop.

        Parameters
        ----------
        path
            The file.
        error
            What SQLite, the system or this class raised.
        """
        if isinstance(error, self.error):
            return str(error).removesuffix(".")
        if _is_corrupt(error):
            return f"The {self.name} {path} is corrupt: {self.repair}"
        detail = getattr(error, "strerror", None) or error
        reason = _MESSAGES.get(_code(error), f"cannot be used ({detail}): check its folder")
        return f"The {self.name} {path} {reason}"

    def _open(self, path: Path, clean_up: Callable[[sqlite3.Connection], None] | None) -> None:
        _make(path)
        with closing(connect(path)) as connection:
            self.version(connection, path)  # of another program's file not even the journal mode is changed
            check = "quick_check(1)" if path.stat().st_size <= self.full_check_bytes else "schema_version"
            answer = connection.execute(f"PRAGMA {check}").fetchone()[0]
            if isinstance(answer, str) and answer != "ok":
                corrupt = sqlite3.DatabaseError(answer)
                corrupt.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise corrupt
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            self.migrate(connection, path)
            if clean_up is not None:
                clean_up(connection)


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if os.name == "posix" and path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _put_aside(path: Path) -> Path:
    aside = named_after(path, f".corrupt-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(named_after(aside, suffix))
    return aside


def _code(error: Exception) -> int:
    """Primary code of an SQLite error, or the code that an error of the system amounts to; else 0."""
    if isinstance(error, OSError):
        return _SYSTEM_CODES.get(error.errno or 0, 0)
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF

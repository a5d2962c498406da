"""Results that are not yet written, kept apart from the workers: one that dies repeats nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from attune.catalog.index import ContentLookup
from attune.catalog.rows import Row


@dataclass(frozen=True, slots=True)
class KnownResult:
    """What is known of a sound before it is analysed."""

    row: Row | None = None  # its own, where a worker died after it had heard it
    elsewhere: Row | None = None  # that of the same content at another location
    attempts: int = 1  # how often its analysis was begun, with this one


class PendingResults:
    """The results of one run between the workers and the disk; the class of a Ray actor.

    Parameters
    ----------
    catalog
        Its folder, on the machine that the run was started on.
    """

    def __init__(self, catalog: Path) -> None:
        self._lookup = ContentLookup(catalog)
        self._rows: dict[str, Row] = {}
        self._contents: dict[str, str] = {}  # content -> a location in `_rows`
        self._attempts: dict[str, int] = {}
        self._analysed = self._reused = 0
        self._failure = ""

    def begin(self, location: str, content_key: str) -> KnownResult:
        """Note that a worker is about to analyse a sound, and say what is known of it."""
        if (row := self._rows.get(location)) is not None:
            return KnownResult(row=row)
        same = self._rows.get(self._contents.get(content_key, ""))
        if (elsewhere := same or self._lookup.answer(content_key)) is not None:
            return KnownResult(elsewhere=elsewhere)
        attempts = self._attempts[location] = self._attempts.get(location, 0) + 1
        return KnownResult(attempts=attempts)

    def finish(self, location: str, row: Row, *, reused: bool = False) -> None:
        """Keep the row of a sound until it is written."""
        self._rows[location] = row
        if (key := row.get("content_key")) is not None and row.get("error") is None:
            self._contents[key] = location
        self._analysed += not reused
        self._reused += reused

    def written(self, locations: list[str]) -> None:
        """Let go of rows that are on the disk."""
        for location in locations:
            row = self._rows.pop(location, None)
            if row is not None and self._contents.get(row.get("content_key") or "") == location:
                del self._contents[row["content_key"]]
            self._attempts.pop(location, None)

    def unwritten(self) -> list[Row]:
        """The rows that are not on the disk yet."""
        return list(self._rows.values())

    def counts(self) -> tuple[int, int]:
        """Analyses that ended, and results that were taken from the same content elsewhere."""
        return self._analysed, self._reused

    def fail(self, sentence: str) -> None:
        """Keep why a worker cannot work: Ray would hand on a traceback, and no sentence."""
        self._failure = self._failure or sentence

    def failure(self) -> str:
        """Why the first worker that could not work could not; empty where all could."""
        return self._failure

"""What searches read instead of the Parquet files: embeddings, facts and answers of heads, row by row."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute, parquet

from attune.catalog.schema import TRACKS, open_tracks
from core.errors import CatalogError
from core.file_lock import locked
from core.files import write_atomic, writing
from models.mood.backbone import EMBEDDING_SIZE
from models.track.heads import EmbeddingHead

FOLDER: Final = "search"
"""Folder of these files, beside the rows. It can be deleted at any time: the next search makes it again."""

FACTS: Final = np.dtype(
    [
        ("music", "?"),  # whether it has an answer and an embedding of music; only such rows are found
        ("duration_s", "f4"),  # NaN where a fact is not known, as in the next ones
        ("tempo_bpm", "f4"),
        ("arousal", "f4"),
        ("key", "S10"),  # such as b"C# minor"; empty where it is not known
        ("mood", "S12"),
    ]
)
"""What rows are filtered by."""

_FORM: Final = 1
_STATE: Final = "state.json"
_EMBEDDINGS: Final = "embeddings.f16"
_FACTS: Final = "facts.bin"
_COLUMNS: Final = ("embedding", *(FACTS.names or ()))
_EMBEDDING: Final = np.dtype((np.float16, EMBEDDING_SIZE))
_AT_ONCE: Final = 16_384  # rows
_PARTS_AT_ONCE: Final = 100  # what is read is kept where a search is broken off

OnRows = Callable[[str, int, int], None]
"""Called with what is being done, rows done, and rows in all."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A file of rows as it was read; what has another size or time of change is another file."""

    name: str
    size_bytes: int
    changed_ns: int
    rows: int


@dataclass(frozen=True, slots=True)
class _State:
    parts: tuple[StoredPart, ...] = ()
    heads: Mapping[str, tuple[str, int]] = field(
        default_factory=dict
    )  # name -> version, rows that it answered
    indexed: int = 0  # rows that the index of nearest neighbours holds

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)


class SearchFiles:
    """Embeddings, facts and answers of heads for all rows, in the order of the files of rows.

    Only what is new is read: a file of rows that has changed, and those after it, are read again. Rows
    without music have an embedding of zeros.

    Parameters
    ----------
    catalog
        Its folder.
    on_rows
        Called now and then while something is brought up to date.
    """

    def __init__(self, catalog: Path, on_rows: OnRows = lambda _what, _done, _total: None) -> None:
        self.folder = catalog / FOLDER
        self._catalog, self._tracks, self._on_rows = catalog, catalog / TRACKS, on_rows
        self._state = self._read_state()
        self._update()

    # What is known of the rows

    @property
    def rows(self) -> int:
        """How many there are."""
        return self._state.rows

    def embeddings(self) -> npt.NDArray[np.float16]:
        """Mean embeddings of their music, float16, shape (rows, 1024), on the disk; zeros without music."""
        return self._opened(_EMBEDDINGS, _EMBEDDING, self.rows)

    def facts(self) -> npt.NDArray[Any]:
        """Facts, of the type `FACTS`, shape (rows,), on the disk."""
        return self._opened(_FACTS, FACTS, self.rows)

    def answers(self, name: str, head: EmbeddingHead) -> npt.NDArray[np.float16]:
        """Answers of a head, float16, shape (rows, labels), on the disk; what is missing is computed.

        Parameters
        ----------
        name
            Of its file.
        head
            The head.
        """
        labels = len(head.info.labels)
        kind = np.dtype((np.float16, labels))
        version = f"{head.info.name} {head.info.version} {labels}"
        known, done = self._state.heads.get(name, ("", 0))
        done = self._cut(f"{name}.f16", kind, done if known == version else 0)
        if done < self.rows:
            embeddings = self.embeddings()
            with self._appending(f"{name}.f16") as file:
                for start in range(done, self.rows, _AT_ONCE):
                    block = embeddings[start : start + _AT_ONCE].astype(np.float32)
                    file.write(head.predict(block).astype(np.float16).tobytes())
                    self._on_rows("Asking the heads", min(start + _AT_ONCE, self.rows), self.rows)
            self._save(heads={**self._state.heads, name: (version, self.rows)})
        return self._opened(f"{name}.f16", kind, self.rows)

    def stored(self, numbers: npt.NDArray[np.integer], columns: list[str]) -> list[dict[str, Any]]:
        """Rows as they stand in the Parquet files.

        Parameters
        ----------
        numbers
            Of rows, in any order.
        columns
            Of `schema.SCHEMA`.
        """
        ends = np.cumsum([part.rows for part in self._state.parts])
        found: dict[int, dict[str, Any]] = {}
        places = np.searchsorted(ends, numbers, side="right")
        for place in np.unique(places):
            part = self._state.parts[place]
            first = int(ends[place]) - part.rows
            inside = numbers[places == place]
            with self._readable(part.name):
                values = self._table(part, columns).take(pa.array(inside - first)).to_pylist()
            found.update(zip(inside.tolist(), values, strict=True))
        return [found[int(number)] for number in numbers]

    # The index of nearest neighbours, which another module makes

    @property
    def indexed(self) -> int:
        """How many rows, from the first on, the index of nearest neighbours holds."""
        return self._state.indexed

    def set_indexed(self, rows: int) -> None:
        """Note how many rows the index now holds."""
        self._save(indexed=rows)

    # Bringing them up to date

    def _update(self) -> None:
        parts = self._parts()
        same = 0
        for before, now in zip(self._state.parts, parts, strict=False):
            if before != now:
                break
            same += 1
        kept = self._state.parts[:same]
        rows = sum(part.rows for part in kept)
        if rows != self._cut(_FACTS, FACTS, rows) or rows != self._cut(_EMBEDDINGS, _EMBEDDING, rows):
            kept, rows = (), 0  # damaged
            self._cut(_FACTS, FACTS, 0)
            self._cut(_EMBEDDINGS, _EMBEDDING, 0)
        if kept == self._state.parts and len(kept) == len(parts):
            return
        # First what is cut off is said to be gone: a search that is killed in between leaves nothing wrong.
        heads = {name: (version, min(done, rows)) for name, (version, done) in self._state.heads.items()}
        indexed = self._state.indexed if self._state.indexed <= rows else 0
        self._save(parts=kept, heads=heads, indexed=indexed)
        total = sum(part.rows for part in parts)
        for end in range(len(kept) + _PARTS_AT_ONCE, len(parts) + _PARTS_AT_ONCE, _PARTS_AT_ONCE):
            self._read(parts[end - _PARTS_AT_ONCE : end], total)
            self._save(parts=tuple(parts[:end]))

    def _read(self, parts: list[StoredPart], total: int) -> None:
        rows = self.rows
        with self._appending(_EMBEDDINGS) as embeddings, self._appending(_FACTS) as facts:
            for part in parts:
                with self._readable(part.name):
                    table = self._table(part, list(_COLUMNS))
                    musical = _musical(table)
                    embeddings.write(_embeddings(table, musical).tobytes())
                    facts.write(_facts(table, musical).tobytes())
                rows += part.rows
                self._on_rows("Reading the catalogue", rows, total)

    def _table(self, part: StoredPart, columns: list[str]) -> Any:
        """The rows of a file, which is still the one that is known: an analysis may have written it anew."""
        path = self._tracks / part.name
        table = parquet.read_table(path, columns=columns, partitioning=None)
        status = path.stat()
        if (status.st_size, status.st_mtime_ns, table.num_rows) != (
            part.size_bytes,
            part.changed_ns,
            part.rows,
        ):
            raise CatalogError(
                f"An analysis has just changed the file {path} of the catalogue: search again."
            )
        return table

    def _parts(self) -> list[StoredPart]:
        """The files of rows; those that are known to be the same are not opened."""
        known = {(part.name, part.size_bytes, part.changed_ns): part for part in self._state.parts}
        found = []
        for path in sorted(map(Path, open_tracks(self._catalog).files), key=lambda path: (path.name, path)):
            name = path.relative_to(self._tracks).as_posix()
            with self._readable(name):
                status = path.stat()
                stamp = name, status.st_size, status.st_mtime_ns
                found.append(known.get(stamp) or StoredPart(*stamp, parquet.read_metadata(path).num_rows))
        return found

    def _opened(self, name: str, kind: np.dtype[Any], rows: int) -> npt.NDArray[Any]:
        if not rows:
            return np.zeros((0, *kind.shape), dtype=kind.base)
        return np.memmap(self.folder / name, dtype=kind, mode="r", shape=(rows,))

    @contextmanager
    def _appending(self, name: str) -> Iterator[Any]:
        path = self.folder / name
        with writing(f"The file {path}", error_type=CatalogError), path.open("ab") as file:
            yield file

    def _cut(self, name: str, kind: np.dtype[Any], rows: int) -> int:
        """Cut a file to so many rows; how many it then has."""
        path = self.folder / name
        there = path.stat().st_size // kind.itemsize if path.exists() else 0
        rows = min(rows, there)
        if path.exists() and path.stat().st_size != rows * kind.itemsize:
            with writing(f"The file {path}", error_type=CatalogError):
                os.truncate(path, rows * kind.itemsize)
        return rows

    def _read_state(self) -> _State:
        try:
            stored = json.loads((self.folder / _STATE).read_text(encoding="utf-8"))
            if stored["form"] != _FORM:
                return _State()
            return _State(
                parts=tuple(StoredPart(*part) for part in stored["parts"]),
                heads={name: (str(version), int(rows)) for name, (version, rows) in stored["heads"].items()},
                indexed=int(stored["indexed"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return _State()  # what is missing or damaged is made again

    def _save(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes)
        parts = [[part.name, part.size_bytes, part.changed_ns, part.rows] for part in self._state.parts]
        content = {"form": _FORM, "parts": parts, "heads": self._state.heads, "indexed": self._state.indexed}
        file = self.folder / _STATE
        write_atomic(file, json.dumps(content), what=f"The file {file}", error_type=CatalogError)

    @contextmanager
    def _readable(self, part: str) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException, KeyError, ValueError, IndexError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise CatalogError(
                f"The file {self._tracks / part} of the catalogue cannot be read ({reason}): search again; "
                "if it is damaged, delete it and analyse again."
            ) from error


@contextmanager
def open_search_files(
    catalog: Path, on_rows: OnRows = lambda _what, _done, _total: None
) -> Iterator[SearchFiles]:
    """Bring the files of searches up to date, and have them for this search alone.

    Parameters
    ----------
    catalog, on_rows
        As in `SearchFiles`.

    Raises
    ------
    CatalogError
        There is no catalogue, it cannot be read, or the files cannot be written beside it.
    """
    open_tracks(catalog)  # a folder without a catalogue stays as it is
    folder = catalog / FOLDER
    with writing(f"The folder {folder}, which a search needs,", error_type=CatalogError):
        folder.mkdir(exist_ok=True)
        lock = locked(folder / ".lock")
        lock.__enter__()
    try:
        yield SearchFiles(catalog, on_rows)
    finally:
        lock.__exit__(None, None, None)


def _musical(table: Any) -> npt.NDArray[np.bool_]:
    """Which rows have an embedding of music, shape (rows,)."""
    embedded = table["embedding"].combine_chunks().is_valid()
    found: npt.NDArray[np.bool_] = compute.and_(table["music"].fill_null(False), embedded).to_numpy()
    return found


def _embeddings(table: Any, musical: npt.NDArray[np.bool_]) -> npt.NDArray[np.float16]:
    """Shape (rows, 1024); zeros where there is no music."""
    found = np.zeros((table.num_rows, EMBEDDING_SIZE), dtype=np.float16)
    values = table["embedding"].combine_chunks().filter(pa.array(musical)).flatten()
    found[musical] = values.to_numpy(zero_copy_only=False).reshape(-1, EMBEDDING_SIZE)
    return found


def _facts(table: Any, musical: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    found = np.zeros(table.num_rows, dtype=FACTS)
    found["music"] = musical
    for name in ("duration_s", "tempo_bpm", "arousal"):
        found[name] = table[name].cast(pa.float64()).to_numpy()
    for name in ("key", "mood"):
        found[name] = table[name].fill_null("").to_numpy().astype(FACTS[name])
    return found

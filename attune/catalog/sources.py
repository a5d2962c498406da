"""What a catalogue is made of: the files of a folder, a list of files, or a column of a Parquet file."""

from __future__ import annotations

import csv
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
from pyarrow import parquet

from attune.catalog.storage import (
    Answer,
    StorageError,
    attempt,
    file_system,
    is_remote,
    local_path,
    open_text,
    version_of,
    version_of_path,
)
from core.errors import CatalogError
from core.text import encodable, printable
from models.audio import SUPPORTED_SUFFIXES

COLUMNS: Final = ("location", "path", "url", "uri", "file", "filename")
"""Columns that are taken for the one with paths and URLs, in this order, where none is named."""

_TABLES: Final = {".csv": ",", ".tsv": "\t"}
_LISTS: Final = (".txt", ".lst", ".list", ".m3u", ".m3u8")
_PARQUET: Final = (".parquet", ".pq")
_LONGEST: Final = 4_096  # characters of a location
_AT_ONCE: Final = 4_096  # rows of a Parquet file


class CatalogEntry(NamedTuple):
    """One sound of a source."""

    location: str  # path or URL
    version: str = ""  # as `storage.version_of` gives it; empty where that is not known without asking
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be analysed."""

    name: str  # absolute, or a URL
    column: str = ""  # of a table; empty takes the first of `COLUMNS` that is there


def named_source(text: str, *, column: str = "") -> Source:
    """The source that somebody names.

    Parameters
    ----------
    text
        A path or a URL.
    column
        Of a CSV or Parquet file: which column holds paths and URLs.
    """
    if is_remote(text):
        return Source(text.rstrip("/"), column)
    return Source(os.path.abspath(os.path.expanduser(local_path(text))), column)  # noqa: PTH100, PTH111 - links stay


def entries(source: Source) -> Iterator[CatalogEntry]:
    """The sounds of a source, one after the other; memory does not grow with their number.

    Of a folder these are the files with the suffixes of sounds, in it and below; linked folders and names
    that begin with a dot are passed over. Of a list and of a table they are whatever it names: paths relative
    to the file that names them, and URLs.

    Raises
    ------
    CatalogError
        The source is not there, cannot be read, or is of another kind.
    """
    suffix = os.path.splitext(source.name)[1].lower()  # noqa: PTH122 - also of URLs
    if suffix in _PARQUET or "*" in source.name:
        return _placed(source, _of_parquet(source))
    if suffix in _TABLES:
        return _placed(source, _of_table(source, _TABLES[suffix]))
    if suffix in _LISTS:
        return _placed(source, _of_list(source))
    return _of_remote_folder(source) if is_remote(source.name) else _of_folder(source)


def _placed(source: Source, named: Iterable[str]) -> Iterator[CatalogEntry]:
    """The entries that texts name; those of files on disks with their versions."""
    remote, folder = is_remote(source.name), os.path.dirname(source.name)  # noqa: PTH120 - also of URLs
    for text in named:
        if is_remote(text):
            yield CatalogEntry(text)
        elif remote:
            yield CatalogEntry(_joined(source.name, text))
        else:
            path = os.path.normpath(os.path.join(folder, local_path(text)))  # noqa: PTH118
            yield CatalogEntry(encodable(path), *version_of_path(path))


def _joined(url: str, relative: str) -> str:
    """What a file at a URL calls another one, from its own folder."""
    scheme, _, place = url.partition("://")
    joined = posixpath.join(posixpath.dirname(place), relative.lstrip("/"))
    return f"{scheme}://{posixpath.normpath(joined)}"


def _of_folder(source: Source) -> Iterator[CatalogEntry]:
    if Path(source.name).is_file():
        kinds = ", ".join((*_TABLES, *_LISTS, *_PARQUET))
        raise CatalogError(
            f"{printable(source.name)} is a file of another kind: name a folder of sounds, or a list or "
            f"table of paths and URLs ({kinds})."
        )
    attempt(source.name, lambda: os.listdir(source.name))  # noqa: PTH208 - whether it can be read at all
    for folder, folders, names in os.walk(source.name):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if _is_sound(name):
                path = os.path.join(folder, name)  # noqa: PTH118 - a million of them
                yield CatalogEntry(encodable(path), *version_of_path(path))


def _of_remote_folder(source: Source) -> Iterator[CatalogEntry]:
    system, root = file_system(source.name)
    if attempt(source.name, lambda: system.info(root))["type"] != "directory":
        raise CatalogError(
            f"{printable(source.name)} is a file of another kind: name a folder of sounds, or a list or "
            "table of paths and URLs."
        )
    folders = attempt(source.name, lambda: iter(system.walk(root, detail=True, on_error="raise")))
    while (found := attempt(source.name, lambda: next(folders, None))) is not None:
        for name, facts in found[2].items():
            if _is_sound(name):
                location = system.unstrip_protocol(facts["name"])
                yield CatalogEntry(location, version_of(facts), facts.get("size"))


def _is_sound(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUPPORTED_SUFFIXES  # noqa: PTH122


def _of_list(source: Source) -> Iterator[str]:
    for line in _lines(source):
        text = line.strip()
        if text and not text.startswith("#"):
            yield text


def _of_table(source: Source, delimiter: str) -> Iterator[str]:
    rows = csv.DictReader(_lines(source), delimiter=delimiter)
    try:
        column = _chosen(source.name, source.column, list(rows.fieldnames or ()))
        for row in rows:
            if text := (row[column] or "").strip():
                yield text
    except csv.Error as error:
        raise CatalogError(f"{printable(source.name)} is no table ({error}): export it again.") from error


def _lines(source: Source) -> Iterator[str]:
    name = printable(source.name)
    with open_text(source.name) as file:
        while True:
            try:
                line = attempt(source.name, lambda: file.readline(_LONGEST * 4))
            except StorageError as error:
                if isinstance(error.__cause__, UnicodeDecodeError):
                    raise CatalogError(f"{name} is no text in UTF-8: export it again as UTF-8.") from error
                raise
            if not line:
                return
            if "\0" in line or len(line) >= _LONGEST * 4:
                raise CatalogError(f"{name} is no list of paths and URLs: give one a line.")
            yield line


def _of_parquet(source: Source) -> Iterator[str]:
    system, root = file_system(source.name)
    for path in _parquet_files(source, system, root):
        yield from _of_parquet_file(source, system, path)


def _of_parquet_file(source: Source, system: Any, path: str) -> Iterator[str]:
    with attempt(path, lambda: system.open(path, "rb")) as handle:
        file = _read(path, lambda: parquet.ParquetFile(handle))
        column = _chosen(path, source.column, file.schema_arrow.names)
        kind = file.schema_arrow.field(column).type
        text = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not (pa.types.is_string(text) or pa.types.is_large_string(text)):
            raise CatalogError(
                f"The column {column!r} of {printable(path)} holds {kind}, not paths and URLs as text: name "
                "another one with --column."
            )
        batches = file.iter_batches(batch_size=_AT_ONCE, columns=[column])
        while (batch := _read(path, lambda: next(batches, None))) is not None:
            yield from filter(None, batch.column(0).to_pylist())


def _parquet_files(source: Source, system: Any, root: str) -> list[str]:
    if "*" in root:
        found = attempt(source.name, lambda: system.glob(root))
    elif attempt(source.name, lambda: system.isdir(root)):
        found = attempt(source.name, lambda: system.find(root))
    else:
        found = [root]
    files = sorted(path for path in found if path.lower().endswith(_PARQUET))
    if not files:
        raise CatalogError(f"There is no Parquet file in {printable(source.name)}: check the name.")
    return files


def _read(path: str, action: Callable[[], Answer]) -> Answer:
    try:
        return attempt(path, action)
    except StorageError as error:
        if isinstance(error.__cause__, pa.ArrowException) and not isinstance(error.__cause__, OSError):
            raise CatalogError(
                f"{printable(path)} is no Parquet file, or a damaged one: write it again."
            ) from error
        raise


def _chosen(name: str, column: str, there: list[str]) -> str:
    """The column with paths and URLs."""
    wanted = (column,) if column else COLUMNS
    found = next((one for one in wanted if one in there), None)
    if found is None:
        lacks = f"no column {column!r}" if column else f"none of the columns {', '.join(COLUMNS)}"
        raise CatalogError(
            f"{printable(name)} has {lacks}, but {', '.join(map(printable, there)) or 'none'}: name the one "
            "with paths or URLs with --column."
        )
    return found

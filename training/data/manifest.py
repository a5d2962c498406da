"""The manifest: a CSV with one row a clip, read and written whole or not at all."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Final

from core.emotions import EMOTIONS
from core.errors import DataError
from core.files import write_atomic
from core.text import encodable

COLUMNS: Final = ("path", "corpus", "speaker", "sex", "emotion", "intensity", "text", "language", "split")
"""Columns of every manifest we write, in this order."""

OTHER: Final = "other:"
"""Labels that are none of the eight emotions begin so, as in ``other:boredom``."""

_OPTIONAL: Final = ("licence", "dup_of")
_REQUIRED: Final = ("path", "corpus", "speaker", "emotion")
_EMOTION_NAMES: Final = frozenset(str(emotion) for emotion in EMOTIONS)
_OTHER_LABEL: Final = re.compile(rf"{OTHER}[a-z0-9][a-z0-9_-]*")
_SUFFIX: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")


@dataclass(frozen=True)
class ManifestRow:
    """One clip, as a manifest has it."""

    # The file, from the manifest's folder or absolute, with ``/`` between folders; ``archive.tar!/name`` is a
    # file within a tar archive.
    path: str
    corpus: str  # where it comes from, such as ``crema_d``
    speaker: str  # who speaks; a name is a person within its corpus
    emotion: str  # one of the eight emotions, or ``other:`` and a name
    sex: str = ""  # ``female``, ``male`` or empty
    # As the corpus has them, or empty.
    intensity: str = ""
    text: str = ""
    language: str = ""  # ISO 639-1 code, or empty
    split: str = ""  # a value of `splits.Split`, or empty where none is assigned
    licence: str = ""  # the licence of this clip, or empty
    dup_of: str = ""  # path of another row that holds the same sound, or empty
    more: tuple[tuple[str, str], ...] = ()  # further columns with their values; they are kept


_OWN: Final = tuple(field.name for field in fields(ManifestRow) if field.name != "more")


def is_emotion(label: str) -> bool:
    """Whether a label is one of the eight emotions."""
    return label in _EMOTION_NAMES


def is_label(label: str) -> bool:
    """Whether a label is one of the eight emotions or a well-formed ``other:<name>``."""
    return is_emotion(label) or _OTHER_LABEL.fullmatch(label) is not None


def clip_name(path: str) -> str:
    """Name of a clip without folders and suffix, as fold files have it.

    Examples
    --------
    >>> clip_name("AudioWAV/1001_DFA_ANG_XX.wav")
    '1001_DFA_ANG_XX'
    """
    return _SUFFIX.sub("", PurePosixPath(path).name)


def read_manifest(manifest_csv: Path, *, strict: bool = True) -> tuple[ManifestRow, ...]:
    """Read a manifest and check its form; rows are in the order of the file.

    Only the columns path, corpus, speaker and emotion must be there. If it is strict, an unknown label or a
    path that is there twice is an error; what reports them itself, clip by clip, reads without.

    Raises
    ------
    DataError
        The file is missing, unreadable or empty, lacks a column, or a row lacks a value.
    """
    try:
        with manifest_csv.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle, strict=True)
            columns = tuple(reader.fieldnames or ())
            missing = [column for column in _REQUIRED if column not in columns]
            if columns and missing:
                raise DataError(
                    f"The manifest {manifest_csv} has no column {', '.join(missing)}: its first line must "
                    f"name {', '.join(COLUMNS)}."
                )
            rows = tuple(_row(manifest_csv, reader.line_num, columns, values) for values in reader)
    except OSError as error:
        raise DataError(
            f"The manifest {manifest_csv} cannot be read ({error.strerror}): "
            "name a manifest, or the folder that holds manifest.csv."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"The manifest {manifest_csv} is no CSV in UTF-8 ({error}): save it as comma-separated UTF-8."
        ) from error
    if not rows:
        raise DataError(f"The manifest {manifest_csv} is empty: it needs one row a clip.")
    if strict:
        _check_values(manifest_csv, rows)
    return rows


def write_manifest(manifest_csv: Path, rows: Sequence[ManifestRow]) -> None:
    """Write a manifest so that the file is always a whole one, the old or the new.

    There must be a row. Columns beyond `COLUMNS` are written where any row has a value.

    Raises
    ------
    DataError
        There is no row, a label is unknown, a path is there twice, or the file cannot be written.
    """
    if not rows:
        raise DataError(f"The manifest {manifest_csv} would be empty: it needs one row a clip.")
    _check_values(manifest_csv, rows)
    if odd := next((row.path for row in rows if encodable(row.path) != row.path), None):
        raise DataError(f"The name {odd} is not UTF-8, as a manifest must be: rename the file or folder.")
    more = tuple(dict.fromkeys(name for row in rows for name, _ in row.more))
    optional = tuple(name for name in _OPTIONAL if any(getattr(row, name) for row in rows))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, *optional, *more))
    for row in rows:
        extra = dict(row.more)
        writer.writerow(
            [*(getattr(row, name) for name in (*COLUMNS, *optional)), *(extra.get(name, "") for name in more)]
        )
    write_atomic(manifest_csv, text.getvalue(), what=f"The manifest {manifest_csv}")


def _row(manifest_csv: Path, line: int, columns: Sequence[str], values: dict[str, str]) -> ManifestRow:
    # csv keeps surplus fields under None, and gives None for those that a short line lacks.
    if len(values) != len(columns) or None in values.values():
        raise DataError(
            f"Line {line} of the manifest {manifest_csv} has not {len(columns)} fields like its first: "
            "put text that holds commas between double quotes."
        )
    cells = {name: value.strip() for name, value in values.items()}
    for name in _REQUIRED:
        if not cells[name]:
            raise DataError(
                f"Line {line} of the manifest {manifest_csv} has no {name}: every clip needs one."
            )
    own = {name: cells.pop(name, "") for name in _OWN}
    return ManifestRow(**own, more=tuple(cells.items()))


def _check_values(manifest_csv: Path, rows: Iterable[ManifestRow]) -> None:
    seen: set[str] = set()
    for row in rows:
        if not is_label(row.emotion):
            raise DataError(
                f"The clip {row.path} of the manifest {manifest_csv} has the unknown label {row.emotion!r}: "
                f"use {', '.join(str(emotion) for emotion in EMOTIONS)}, or {OTHER}<name>."
            )
        if row.path in seen:
            raise DataError(
                f"The clip {row.path} is in the manifest {manifest_csv} more than once: keep one of its rows."
            )
        seen.add(row.path)

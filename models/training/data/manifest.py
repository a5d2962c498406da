"""Owns the one manifest form: a CSV with one row a clip, read and written whole or not at all."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Final

from core.errors import DataError
from models.emotion.labels import EMOTIONS
from models.writing import write_whole

__all__ = [
    "COLUMNS",
    "OTHER",
    "Row",
    "clip_name",
    "is_emotion",
    "is_label",
    "read_manifest",
    "write_manifest",
]

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
class Row:
    """One clip, as a manifest has it.

    Attributes
    ----------
    path
        The file, from the manifest's folder or absolute, with ``/`` between folders;
        ``archive.tar!/name`` is a file within a tar archive.
    corpus
        Where it comes from, such as ``crema_d``.
    speaker
        Who speaks; a name is a person within its corpus.
    emotion
        One of the eight emotions, or ``other:`` and a name.
    sex
        ``female``, ``male`` or empty.
    intensity, text
        As the corpus has them, or empty.
    language
        ISO 639-1 code, or empty.
    split
        A value of `splits.Split`, or empty where none is assigned.
    licence
        The licence of this clip, or empty.
    dup_of
        Path of another row that holds the same sound, or empty.
    more
        Further columns with their values; they are kept.
    """

    path: str
    corpus: str
    speaker: str
    emotion: str
    sex: str = ""
    intensity: str = ""
    text: str = ""
    language: str = ""
    split: str = ""
    licence: str = ""
    dup_of: str = ""
    more: tuple[tuple[str, str], ...] = ()


_OWN: Final = tuple(field.name for field in fields(Row) if field.name != "more")


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


def read_manifest(manifest_csv: Path, *, strict: bool = True) -> tuple[Row, ...]:
    """Read a manifest and check its form.

    Parameters
    ----------
    manifest_csv
        UTF-8 CSV. Only the columns path, corpus, speaker and emotion must be there.
    strict
        Whether an unknown label or a path that is there twice is an error. What reports them
        itself, clip by clip, reads without.

    Returns
    -------
    tuple of Row
        In the order of the file.

    Raises
    ------
    DataError
        The file is missing, unreadable or empty, lacks a column, or a row lacks a value.
    """
    try:
        with manifest_csv.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle, strict=True)
            columns = tuple(reader.fieldnames or ())
            _check_columns(manifest_csv, columns)
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


def write_manifest(manifest_csv: Path, rows: Sequence[Row]) -> None:
    """Write a manifest so that the file is always a whole one, the old or the new.

    Parameters
    ----------
    manifest_csv
        File to write; its folder is made.
    rows
        At least one. Columns beyond `COLUMNS` are written where any row has a value.

    Raises
    ------
    DataError
        There is no row, a label is unknown, a path is there twice, or the file cannot be written.
    """
    if not rows:
        raise DataError(f"The manifest {manifest_csv} would be empty: it needs one row a clip.")
    _check_values(manifest_csv, rows)
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
    write_whole(manifest_csv, text.getvalue(), what=f"The manifest {manifest_csv}")


def _check_columns(manifest_csv: Path, columns: Sequence[str]) -> None:
    missing = [column for column in _REQUIRED if column not in columns]
    if columns and missing:
        raise DataError(
            f"The manifest {manifest_csv} has no column {', '.join(missing)}: its first line must name "
            f"{', '.join(COLUMNS)}."
        )


def _row(manifest_csv: Path, line: int, columns: Sequence[str], values: dict[str, str]) -> Row:
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
    return Row(**own, more=tuple(cells.items()))


def _check_values(manifest_csv: Path, rows: Iterable[Row]) -> None:
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

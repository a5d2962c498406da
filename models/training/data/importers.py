"""Owns the import of a corpus on disk: from one of the public layouts, or from a bundle, to manifest rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from core.errors import DataError
from models.audio import SUPPORTED_SUFFIXES
from models.training.data.check import Problem
from models.training.data.layouts import EXAMPLE_NAMES, PARSERS, crema_d
from models.training.data.manifest import Row, clip_name, is_label
from models.training.data.sources import IN_ARCHIVE, open_source, seen_from

__all__ = ["Imported", "import_bundle", "import_layout"]

_AUDIO_FOLDERS: Final = {"crema_d": "AudioWAV", "emodb": "wav"}
"""Where a corpus keeps the same sound in several forms, the folder to take."""


@dataclass(frozen=True)
class Imported:
    """What an importer read.

    Attributes
    ----------
    rows
        One a clip, paths as `manifest.Row` has them.
    problems
        Every file or row that is not among them, by name.
    """

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def import_layout(layout: str, folder: Path, *, manifest_dir: Path) -> Imported:
    """Read a corpus in its public layout.

    Parameters
    ----------
    layout
        A key of `layouts.PARSERS`.
    folder
        The corpus as it was unpacked; folders within it are searched.
    manifest_dir
        Folder the manifest will lie in: paths are written from there.

    Returns
    -------
    Imported
        Sound files whose names do not fit, or that are there twice, are its problems.

    Raises
    ------
    DataError
        The layout is unknown, the folder is missing, or no file in it fits.
    """
    if layout not in PARSERS:
        raise DataError(f"There is no layout {layout!r}: choose one of {', '.join(PARSERS)}.")
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}: name the one the corpus was unpacked into.")
    folder = folder.resolve()  # SAVEE's speakers may be the name of the folder itself
    audio_dir = folder / _AUDIO_FOLDERS.get(layout, "")
    sexes = _sexes(folder) if layout == "crema_d" else {}
    rows: list[Row] = []
    problems: list[Problem] = []
    seen: dict[tuple[str, str, str], str] = {}
    for file in _sound_files(audio_dir if audio_dir.is_dir() else folder):
        name = PurePosixPath(file.relative_to(folder.parent).as_posix())
        path = seen_from(manifest_dir, file)
        row = PARSERS[layout](name)
        if row is None:
            problems.append(
                Problem(path, "unknown name", f"{layout} names files like {EXAMPLE_NAMES[layout]}; left out")
            )
            continue
        first = seen.setdefault((row.corpus, row.speaker, clip_name(name.name)), path)
        if first != path:
            problems.append(Problem(path, "duplicate", f"the same name as {first}; this copy left out"))
            continue
        rows.append(replace(row, path=path, sex=row.sex or sexes.get(row.speaker, "")))
    if not rows:
        count = f"none of {len(problems)} sound files" if problems else "no sound file"
        raise DataError(
            f"{folder} does not look like {layout}: {count} in it fits; its files are named like "
            f"{EXAMPLE_NAMES[layout]}."
        )
    return Imported(tuple(rows), tuple(problems))


def import_bundle(folder: Path, *, manifest_dir: Path) -> Imported:
    """Read a bundle: a folder with ``manifest.csv`` and tar archives, which stay as they are.

    Parameters
    ----------
    folder
        The bundle.
    manifest_dir
        Folder the manifest will lie in: paths are written from there, into the archives.

    Returns
    -------
    Imported
        Rows whose label is unknown, whose clip is in no archive or that come twice are its problems.

    Raises
    ------
    DataError
        The manifest or a whole archive is missing or damaged, or nothing is left.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}: name the one that holds manifest.csv.")
    source = open_source(folder)
    problems: list[Problem] = []
    path_of: dict[str, str] = {}
    kept: list[Row] = []
    for row in source.rows:
        place = source.places.get(row.path)
        if row.path in path_of:
            problems.append(Problem(row.path, "listed twice", "more than once in the manifest; left out"))
        elif place is None:
            problems.append(
                Problem(row.path, "missing", "in the manifest, but there is no such file; left out")
            )
        elif not is_label(row.emotion):
            problems.append(Problem(row.path, "unknown label", f"{row.emotion!r}; left out"))
        else:
            file = seen_from(manifest_dir, place.file)
            path_of[row.path] = f"{file}{IN_ARCHIVE}{place.member}" if place.member else file
            kept.append(row)
    if not kept:
        raise DataError(f"No clip of {source.manifest} can be imported, beginning with {problems[0]}.")
    rows = tuple(
        replace(row, path=path_of[row.path], dup_of=path_of.get(row.dup_of, row.dup_of)) for row in kept
    )
    return Imported(rows, tuple(problems))


def _sexes(folder: Path) -> dict[str, str]:
    demographics = folder / crema_d.DEMOGRAPHICS
    return crema_d.read_sexes(demographics) if demographics.is_file() else {}


def _sound_files(folder: Path) -> Iterator[Path]:
    files: Sequence[Path] = sorted(folder.rglob("*"))
    # Names that begin with a dot are what macOS leaves beside the files in an archive.
    return (
        file
        for file in files
        if file.suffix.lower() in SUPPORTED_SUFFIXES and not file.name.startswith(".") and file.is_file()
    )

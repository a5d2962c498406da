"""The import of a corpus on disk: from one of the public layouts, or from a bundle, to manifest rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from core.errors import DataError
from models.audio import SUPPORTED_SUFFIXES
from training.data.check import Problem
from training.data.layouts import CREMA_D_DEMOGRAPHICS, LAYOUTS, read_crema_d_sexes
from training.data.manifest import ManifestRow, clip_name, is_label
from training.data.sources import IN_ARCHIVE, open_source, seen_from


@dataclass(frozen=True)
class Imported:
    """What an importer read."""

    rows: tuple[ManifestRow, ...]  # one a clip, paths as `manifest.ManifestRow` has them
    problems: tuple[Problem, ...]  # every file or row that is not among them, by name


def import_layout(layout: str, folder: Path, *, manifest_dir: Path) -> Imported:
    """Read a corpus in one of `layouts.LAYOUTS`; paths are written from the folder the manifest will lie in.

    Sound files whose names do not fit, or that are there twice, are its problems.

    Raises
    ------
    DataError
        The layout is unknown, the folder is missing, or no file in it fits.
    """
    if layout not in LAYOUTS:
        raise DataError(f"There is no layout {layout!r}: choose one of {', '.join(LAYOUTS)}.")
    form = LAYOUTS[layout]
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}: name the one the corpus was unpacked into.")
    folder = folder.resolve()  # SAVEE's speakers may be the name of the folder itself
    audio_dir = folder / form.audio_folder
    actors = folder / CREMA_D_DEMOGRAPHICS
    sexes = read_crema_d_sexes(actors) if layout == "crema_d" and actors.is_file() else {}
    rows: list[ManifestRow] = []
    problems: list[Problem] = []
    seen: dict[tuple[str, str, str], str] = {}
    for file in _sound_files(audio_dir if audio_dir.is_dir() else folder):
        name = PurePosixPath(file.relative_to(folder.parent).as_posix())
        path = seen_from(manifest_dir, file)
        row = form.parse(name)
        if row is None:
            problems.append(
                Problem(path, "unknown name", f"{layout} names files like {form.example}; left out")
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
            f"{form.example}."
        )
    return Imported(tuple(rows), tuple(problems))


def import_bundle(folder: Path, *, manifest_dir: Path) -> Imported:
    """Read a bundle: a folder with ``manifest.csv`` and tar archives, which stay as they are.

    Paths are written from the folder the manifest will lie in, into the archives. Rows whose label is
    unknown, whose clip is in no archive or that come twice are its problems.

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
    kept: list[ManifestRow] = []
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


def _sound_files(folder: Path) -> Iterator[Path]:
    files: Sequence[Path] = sorted(folder.rglob("*"))
    # Names that begin with a dot are what macOS leaves beside the files in an archive.
    return (
        file
        for file in files
        if file.suffix.lower() in SUPPORTED_SUFFIXES and not file.name.startswith(".") and file.is_file()
    )

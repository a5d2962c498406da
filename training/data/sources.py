"""Where the clips of a corpus lie: files beside a manifest, or tar archives of a bundle."""

from __future__ import annotations

import os
import tarfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from core.errors import DataError
from training.data.manifest import ManifestRow, read_manifest

IN_ARCHIVE: Final = "!/"
"""Stands in a path between a tar archive and the name of a file within it."""

_BUNDLE_MANIFEST: Final = "manifest.csv"
_BUNDLE_SUFFIX: Final = ".ogg"


@dataclass(frozen=True)
class AudioLocation:
    """Where the bytes of one clip lie: a file, or where `member` is set a file within a tar archive."""

    file: Path
    member: str = ""


@dataclass(frozen=True)
class SpeechSource:
    """The clips of a manifest and where to read them."""

    rows: tuple[ManifestRow, ...]  # in manifest order
    places: Mapping[str, AudioLocation]  # by `Row.path`; a clip that is nowhere has none
    manifest: Path  # the file the rows were read from


def open_source(path: Path) -> SpeechSource:
    """Open a manifest, or a bundle: a folder with ``manifest.csv`` and one or more tar files a corpus.

    In a bundle a path is the name within the corpus's archives without ``.ogg``. Unknown labels are left in,
    for the checks to name.

    Raises
    ------
    DataError
        The manifest is not what it must be, or a whole archive of a bundle is missing or damaged.
    """
    if not path.is_dir():
        rows = read_manifest(path, strict=False)
        return SpeechSource(rows, {row.path: _place(path.parent, row.path) for row in rows}, path)
    manifest = path / _BUNDLE_MANIFEST
    rows = read_manifest(manifest, strict=False)
    listed = {row.path for row in rows}
    archives = _archives(path, {row.corpus for row in rows})
    places: dict[str, AudioLocation] = {}
    if not archives:  # a folder whose manifest names plain files
        places = {row.path: _place(path, row.path) for row in rows}
    for archive in archives:
        with _opened(archive) as tar:
            for member in tar.getmembers():
                name = member.name.removesuffix(_BUNDLE_SUFFIX)
                if member.isfile() and name != member.name and name in listed:
                    places.setdefault(name, AudioLocation(archive, member.name))
    return SpeechSource(rows, places, manifest)


def read_encoded(
    source: SpeechSource, rows: Iterable[ManifestRow]
) -> Iterator[tuple[ManifestRow, bytes | None]]:
    """Read clips as they lie on disk, archive by archive, each opened once.

    Rows come in another order where archives take turns among them. The bytes are None where there is no
    file.

    Raises
    ------
    DataError
        An archive is damaged.
    """
    by_archive: defaultdict[Path | None, list[tuple[ManifestRow, AudioLocation | None]]] = defaultdict(list)
    for row in rows:
        place = source.places.get(row.path)
        by_archive[place.file if place and place.member else None].append((row, place))
    for archive, wanted in by_archive.items():
        if archive is None:
            for row, place in wanted:
                yield row, _file_bytes(place)
        elif not archive.is_file():
            yield from ((row, None) for row, _ in wanted)
        else:
            yield from _archived(archive, wanted)


def seen_from(manifest_dir: Path, file: Path) -> str:
    """Path of a file from the manifest's folder, with ``/``; absolute where the two share no drive."""
    try:
        return Path(os.path.relpath(file.resolve(), manifest_dir.resolve())).as_posix()
    except ValueError:
        return file.resolve().as_posix()


def rebase(rows: Sequence[ManifestRow], manifest_dir: Path, other_dir: Path) -> tuple[ManifestRow, ...]:
    """Write the paths of a manifest anew, for one that will lie in another folder."""
    if manifest_dir.resolve() == other_dir.resolve():
        return tuple(rows)

    def moved(path: str) -> str:
        file, separator, member = path.partition(IN_ARCHIVE)
        return f"{seen_from(other_dir, manifest_dir / file)}{separator}{member}"

    return tuple(
        replace(row, path=moved(row.path), dup_of=moved(row.dup_of) if row.dup_of else "") for row in rows
    )


def _archived(
    archive: Path, wanted: Iterable[tuple[ManifestRow, AudioLocation | None]]
) -> Iterator[tuple[ManifestRow, bytes | None]]:
    with _opened(archive) as tar:
        members = {member.name: member for member in tar.getmembers() if member.isfile()}
        for row, place in wanted:
            member = members.get(place.member) if place else None
            handle = tar.extractfile(member) if member else None
            yield row, handle.read() if handle else None


def _place(folder: Path, path: str) -> AudioLocation:
    file, separator, member = path.partition(IN_ARCHIVE)
    return AudioLocation(folder / file, member) if separator else AudioLocation(folder / path)


def _archives(folder: Path, corpora: set[str]) -> list[Path]:
    found: list[Path] = []
    missing: list[str] = []
    for corpus in sorted(corpora):
        tars = sorted({*folder.glob(f"{corpus}.tar"), *folder.glob(f"{corpus}_[0-9].tar")})
        found += tars
        if not tars:
            missing.append(corpus)
    if missing and (found or not any(file.is_dir() for file in folder.iterdir())):
        raise DataError(
            f"No tar file of the corpus {missing[0]!r} lies in {folder}: expected {missing[0]}.tar."
        )
    return found


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(archive) as tar:
            yield tar
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"The archive {archive} is damaged ({error}): fetch it again.") from error


def _file_bytes(place: AudioLocation | None) -> bytes | None:
    try:
        return place.file.read_bytes() if place else None
    except (OSError, ValueError):  # ValueError: a null character in the name
        return None

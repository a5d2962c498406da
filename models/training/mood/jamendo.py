"""Owns the reading of MTG-Jamendo: track embeddings, mood tags, artists, and who stands on which side."""

from __future__ import annotations

import gzip
import hashlib
import logging
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from models.mood.tags import TAGS

__all__ = ["EMBEDDINGS_NAME", "EMBEDDING_SIZE", "SIDES", "TAGS_NAME", "Jamendo", "read_jamendo", "split_name"]

EMBEDDING_SIZE: Final = 1024
EMBEDDINGS_NAME: Final = "yamnet_embeddings.npz"
TAGS_NAME: Final = "autotagging_moodtheme_59tags.tsv.gz"
SIDES: Final = ("train", "validation", "test")
_PREFIX: Final = "mood/theme---"
_DAMAGE: Final = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Jamendo:
    """All tracks that have an embedding and a mood, in the order of their numbers.

    Attributes
    ----------
    tracks
        Numbers of the tracks, int64, ``(tracks,)``, rising.
    embeddings
        Mean YAMNet embedding of each, float32, ``(tracks, 1024)``, at least 0.
    labels
        Whether a track has a tag, bool, ``(tracks, 59)``, in the order of `TAGS`.
    artists
        Of each track.
    official
        Side of the official split-0, one of `SIDES`, or empty: not in the split.
    wide
        The same, and for tracks outside the split the side of their artist. Artists who have no track in
        the split are dealt out by a hash of their names, half of them to training.
    official_tags
        Indices of the tags in the official split, rising: 56 of the 59.
    absent
        By side, how many official tracks have no embedding and are left out.
    fingerprint
        SHA-256 over everything above, in hexadecimal.
    """

    tracks: NDArray[np.int64]
    embeddings: NDArray[np.float32]
    labels: NDArray[np.bool_]
    artists: tuple[str, ...]
    official: tuple[str, ...]
    wide: tuple[str, ...]
    official_tags: tuple[int, ...]
    absent: Mapping[str, int]
    fingerprint: str

    def twins(self) -> tuple[tuple[int, ...], ...]:
        """Rows with identical embeddings, group by group: one recording under several numbers."""
        groups: dict[bytes, list[int]] = {}
        for row, embedding in enumerate(self.embeddings):
            groups.setdefault(embedding.tobytes(), []).append(row)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    def rows(self, side: str, *, wide: bool = False) -> NDArray[np.int64]:
        """Rows of one side; what is identical to a track of a later side is left out.

        Parameters
        ----------
        side
            One of `SIDES`: training gives way to validation and test, validation to test.
        wide
            With the tracks outside the official split.
        """
        sides = self.wide if wide else self.official
        later = SIDES[SIDES.index(side) + 1 :]
        twice = {row for group in self.twins() if {sides[one] for one in group} & set(later) for row in group}
        mine = [row for row, of in enumerate(sides) if of == side and row not in twice]
        return np.array(mine, dtype=np.int64)


@dataclass(frozen=True)
class _Track:
    number: int
    artist: str
    tags: frozenset[str]


def split_name(side: str) -> str:
    """Name of the file of one side of the official split."""
    return f"split0_moodtheme-{side}.tsv.gz"


def read_jamendo(folder: Path) -> Jamendo:
    """Read embeddings, tags and the official split.

    Parameters
    ----------
    folder
        With `EMBEDDINGS_NAME` (``ids`` and ``embeddings``), `TAGS_NAME` and the three files of the split.

    Returns
    -------
    Jamendo

    Raises
    ------
    DataError
        A file is missing or damaged, a tag is unknown, the files contradict each other, an artist stands
        on two sides, or no track has an embedding.
    """
    all_tracks = {track.number: track for track in _read_tracks(folder / TAGS_NAME)}
    numbers, embeddings = _read_embeddings(folder / EMBEDDINGS_NAME)
    split = {side: list(_read_tracks(folder / split_name(side))) for side in SIDES}
    used = _check_split(split, all_tracks, folder)
    kept = [place for place, number in enumerate(numbers.tolist()) if number in all_tracks]
    if not kept:
        raise DataError(
            f"No track of {folder / TAGS_NAME} has an embedding: the files belong to different data."
        )
    order = sorted(kept, key=lambda place: int(numbers[place]))
    tracks = [all_tracks[int(numbers[place])] for place in order]
    side_of = {track.number: side for side, listed in split.items() for track in listed}
    present = {track.number for track in tracks}
    absent = {side: sum(one.number not in present for one in listed) for side, listed in split.items()}
    if any(absent.values()):
        _LOG.info("Tracks without an embedding, left out: %s", absent)
    artist_side = {track.artist: side for side, listed in split.items() for track in listed}
    labels = np.array([[tag in track.tags for tag in TAGS] for track in tracks], dtype=np.bool_)
    official = tuple(side_of.get(track.number, "") for track in tracks)
    wide = tuple(
        side or artist_side.get(track.artist) or _dealt(track.artist)
        for side, track in zip(official, tracks, strict=True)
    )
    for side in SIDES:
        if side not in official:
            raise DataError(f"No track of {folder / split_name(side)} has an embedding: get the data again.")
    numbers, embeddings = numbers[order], embeddings[order]
    print_of = hashlib.sha256(numbers.tobytes() + embeddings.tobytes() + labels.tobytes())
    print_of.update(repr((official, [track.artist for track in tracks])).encode())
    return Jamendo(
        tracks=numbers,
        embeddings=embeddings,
        labels=labels,
        artists=tuple(track.artist for track in tracks),
        official=official,
        wide=wide,
        official_tags=tuple(index for index, tag in enumerate(TAGS) if tag in used),
        absent=absent,
        fingerprint=print_of.hexdigest(),
    )


def _dealt(artist: str) -> str:
    """Side of an artist whom the split does not know; the same on every machine."""
    return ("train", "train", "validation", "test")[hashlib.sha256(artist.encode()).digest()[0] % 4]


def _read_embeddings(path: Path) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    if not path.is_file():
        raise DataError(f"There is no {path}: give the folder of MTG-Jamendo that holds it.")
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as content:
            numbers, embeddings = content["ids"], content["embeddings"]
            numbers, embeddings = numbers.astype(np.int64), embeddings.astype(np.float32)
    except _DAMAGE as error:
        raise DataError(f"The file {path} is damaged ({error}): get it again.") from error
    if numbers.ndim != 1 or embeddings.shape != (len(numbers), EMBEDDING_SIZE):
        raise DataError(
            f"The file {path} holds track numbers {numbers.shape} and embeddings {embeddings.shape} instead "
            f"of (n,) and (n, {EMBEDDING_SIZE}): it is another file."
        )
    if len(np.unique(numbers)) != len(numbers):
        raise DataError(f"The file {path} lists a track twice: get it again.")
    if not np.isfinite(embeddings).all() or (embeddings < 0).any():
        raise DataError(
            f"The file {path} holds embeddings below 0 or NaN, as YAMNet gives none: get it again."
        )
    return numbers, embeddings


def _read_tracks(path: Path) -> Iterator[_Track]:
    """The rows of one table: TRACK_ID, ARTIST_ID, ALBUM_ID, PATH, DURATION, TAGS, all after it being tags."""
    if not path.is_file():
        raise DataError(f"There is no {path}: give the folder of MTG-Jamendo that holds it.")
    try:
        lines = gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
    except _DAMAGE as error:
        raise DataError(f"The file {path} is damaged ({error}): get it again.") from error
    if not lines:
        raise DataError(f"The file {path} is damaged (it is empty): get it again.")
    if not lines[0].startswith("TRACK_ID\tARTIST_ID\t"):
        raise DataError(f"The file {path} has no heading TRACK_ID, ARTIST_ID: it is no table of MTG-Jamendo.")
    for place, line in enumerate(lines[1:], start=2):
        yield _read_track(line.split("\t"), f"{path}, line {place}")


def _read_track(cells: Sequence[str], where: str) -> _Track:
    name, artist = (*cells, "", "")[:2]
    digits = name.removeprefix("track_")
    if len(cells) < 6 or not digits.isdecimal() or not artist:
        raise DataError(f"{where} is no track ({cells[0]!r} and {len(cells)} columns): get the file again.")
    for tag in cells[5:]:
        if not tag.startswith(_PREFIX) or tag.removeprefix(_PREFIX) not in TAGS:
            raise DataError(f"{where} has the tag {tag!r}, which is none of the 59 of mood and theme.")
    return _Track(int(digits), artist, frozenset(tag.removeprefix(_PREFIX) for tag in cells[5:]))


def _check_split(
    split: Mapping[str, Sequence[_Track]], all_tracks: Mapping[int, _Track], folder: Path
) -> frozenset[str]:
    """Tags that the split knows, once it fits the table of all tracks and keeps artists apart."""
    used = frozenset(tag for listed in split.values() for track in listed for tag in track.tags)
    side_of: dict[str, str] = {}
    for side, listed in split.items():
        for track in listed:
            known = all_tracks.get(track.number)
            if known is None or known.artist != track.artist or known.tags & used != track.tags:
                raise DataError(
                    f"Track {track.number} is not the same in {folder / split_name(side)} and {TAGS_NAME}: "
                    "the files do not belong together."
                )
            if side_of.setdefault(track.artist, side) != side:
                raise DataError(
                    f"{track.artist} stands in {side_of[track.artist]} and in {side}: this is not the "
                    "official split, which keeps artists apart."
                )
    return used

"""MTG-Jamendo: track embeddings, mood tags, artists, and who stands on which side."""

from __future__ import annotations

import gzip
import hashlib
import logging
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.mood_tags import TAGS

EMBEDDING_SIZE: Final = 1024
EMBEDDINGS_NAME: Final = "yamnet_embeddings.npz"
TAGS_NAME: Final = "autotagging_moodtheme_59tags.tsv.gz"
SIDES: Final = ("train", "validation", "test")
_PREFIX: Final = "mood/theme---"
_DAMAGE: Final = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class TaggedTracks:
    """Tracks, their artists, and which of several tags they have."""

    embeddings: NDArray[np.float32]  # mean YAMNet embedding of each, float32, ``(tracks, 1024)``, at least 0
    labels: NDArray[np.bool_]  # whether a track has a tag, bool, ``(tracks, tags)``
    artists: tuple[str, ...]  # of each track
    fingerprint: str  # SHA-256 over all there is, in hexadecimal


@dataclass(frozen=True)
class Jamendo(TaggedTracks):
    """All tracks that have an embedding and a mood, in the order of their numbers; the tags are `TAGS`."""

    tracks: NDArray[np.int64]  # numbers of the tracks, int64, ``(tracks,)``, rising
    official: tuple[str, ...]  # side of the official split-0, one of `SIDES`, or empty: not in the split
    # The same, and for tracks outside the split the side of their artist. Artists who have no track in the
    # split are dealt out by a hash of their names, half of them to training.
    wide: tuple[str, ...]
    official_tags: tuple[int, ...]  # indices of the tags in the official split, rising: 56 of the 59
    absent: Mapping[str, int]  # by side, how many official tracks have no embedding and are left out

    def duplicates(self) -> tuple[tuple[int, ...], ...]:
        """Rows with identical embeddings, group by group: one recording under several numbers."""
        return identical_rows(self.embeddings)

    def rows(self, side: str, *, wide: bool = False) -> NDArray[np.int64]:
        """Rows of one side; what is identical to a track of a later side is left out.

        Training gives way to validation and test, validation to test. ``wide`` is with the tracks outside the
        split.
        """
        sides = self.wide if wide else self.official
        later = SIDES[SIDES.index(side) + 1 :]
        twice = {
            row for group in self.duplicates() if {sides[one] for one in group} & set(later) for row in group
        }
        mine = [row for row, of in enumerate(sides) if of == side and row not in twice]
        return np.array(mine, dtype=np.int64)


@dataclass(frozen=True)
class TagRow:
    """A track, as a table of tags tells of it."""

    number: int
    artist: str
    tags: frozenset[str]  # without what they begin with


def identical_rows(embeddings: Iterable[NDArray[np.float32]]) -> tuple[tuple[int, ...], ...]:
    """Rows that are alike in every bit, group by group."""
    groups: dict[bytes, list[int]] = {}
    for row, embedding in enumerate(embeddings):
        groups.setdefault(embedding.tobytes(), []).append(row)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _split_name(side: str) -> str:
    """Name of the file of one side of the official split."""
    return f"split0_moodtheme-{side}.tsv.gz"


def read_jamendo(folder: Path) -> Jamendo:
    """Read embeddings, tags and the official split.

    The folder has `EMBEDDINGS_NAME` (``ids`` and ``embeddings``), `TAGS_NAME` and the three files of the
    split.

    Raises
    ------
    DataError
        A file is missing or damaged, a tag is unknown, the files contradict each other, an artist stands
        on two sides, or no track has an embedding.
    """
    all_tracks = {track.number: track for track in _read_mood_table(folder / TAGS_NAME)}
    numbers, embeddings = read_embeddings(folder / EMBEDDINGS_NAME)
    split = {side: list(_read_mood_table(folder / _split_name(side))) for side in SIDES}
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
            raise DataError(f"No track of {folder / _split_name(side)} has an embedding: get the data again.")
    numbers, embeddings = numbers[order], embeddings[order]
    digest = hashlib.sha256(numbers.tobytes() + embeddings.tobytes() + labels.tobytes())
    digest.update(repr((official, [track.artist for track in tracks])).encode())
    return Jamendo(
        tracks=numbers,
        embeddings=embeddings,
        labels=labels,
        artists=tuple(track.artist for track in tracks),
        official=official,
        wide=wide,
        official_tags=tuple(index for index, tag in enumerate(TAGS) if tag in used),
        absent=absent,
        fingerprint=digest.hexdigest(),
    )


def _dealt(artist: str) -> str:
    """Side of an artist whom the split does not know; the same on every machine."""
    return ("train", "train", "validation", "test")[hashlib.sha256(artist.encode()).digest()[0] % 4]


def read_embeddings(path: Path) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Read numbers of tracks, int64 ``(tracks,)``, and their embeddings, float32 ``(tracks, 1024)``.

    Raises
    ------
    DataError
        The file is missing or damaged, or holds something else.
    """
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


def _read_mood_table(path: Path) -> Iterator[TagRow]:
    for line, row in enumerate(read_tag_table(path, _PREFIX), start=2):
        if strange := sorted(row.tags - set(TAGS)):
            raise DataError(
                f"{path}, line {line} has the tag {_PREFIX + strange[0]!r}, which is none of the 59 of mood "
                "and theme."
            )
        yield row


def read_tag_table(path: Path, beginning: str) -> Iterator[TagRow]:
    """Read a table of tracks: TRACK_ID, ARTIST_ID, ALBUM_ID, PATH, DURATION, TAGS, all after it being tags.

    Parameters
    ----------
    path
        As it is published, or compressed by gzip.
    beginning
        Of every tag, such as ``genre---``.

    Raises
    ------
    DataError
        The file is missing or damaged, or holds something else.
    """
    if not path.is_file():
        raise DataError(f"There is no {path}: give the folder of MTG-Jamendo that holds it.")
    try:
        content = path.read_bytes()
        lines = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8").splitlines()
    except _DAMAGE as error:
        raise DataError(f"The file {path} is damaged ({error}): get it again.") from error
    if not lines:
        raise DataError(f"The file {path} is damaged (it is empty): get it again.")
    if not lines[0].startswith("TRACK_ID\tARTIST_ID\t"):
        raise DataError(f"The file {path} has no heading TRACK_ID, ARTIST_ID: it is no table of MTG-Jamendo.")
    for place, line in enumerate(lines[1:], start=2):
        yield _read_row(line.split("\t"), f"{path}, line {place}", beginning)


def _read_row(cells: Sequence[str], where: str, beginning: str) -> TagRow:
    name, artist = (*cells, "", "")[:2]
    digits = name.removeprefix("track_")
    if len(cells) < 6 or not digits.isdecimal() or not artist:
        raise DataError(f"{where} is no track ({cells[0]!r} and {len(cells)} columns): get the file again.")
    strange = [tag for tag in cells[5:] if not tag.startswith(beginning)]
    if strange:
        raise DataError(f"{where} has the tag {strange[0]!r}, which does not begin with {beginning!r}.")
    return TagRow(int(digits), artist, frozenset(tag.removeprefix(beginning) for tag in cells[5:]))


def _check_split(
    split: Mapping[str, Sequence[TagRow]], all_tracks: Mapping[int, TagRow], folder: Path
) -> frozenset[str]:
    """Tags that the split knows, once it fits the table of all tracks and keeps artists apart."""
    used = frozenset(tag for listed in split.values() for track in listed for tag in track.tags)
    side_of: dict[str, str] = {}
    for side, listed in split.items():
        for track in listed:
            known = all_tracks.get(track.number)
            if known is None or known.artist != track.artist or known.tags & used != track.tags:
                raise DataError(
                    f"Track {track.number} is not the same in {folder / _split_name(side)} and {TAGS_NAME}: "
                    "the files do not belong together."
                )
            if side_of.setdefault(track.artist, side) != side:
                raise DataError(
                    f"{track.artist} stands in {side_of[track.artist]} and in {side}: this is not the "
                    "official split, which keeps artists apart."
                )
    return used

"""MTG-Jamendo is read whole and in order, and what is wrong with its files is said."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from core.mood_tags import TAGS
from tests.training.invented_jamendo import HEADING, write_jamendo, write_table
from training.mood.jamendo import EMBEDDING_SIZE, EMBEDDINGS_NAME, SIDES, TAGS_NAME, _split_name, read_jamendo


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_jamendo(tmp_path / "jamendo")


def test_tracks_are_read_in_the_order_of_their_numbers(folder: Path) -> None:
    data = read_jamendo(folder)
    assert data.tracks.tolist() == sorted(data.tracks.tolist())
    assert len(data.tracks) == 416 - 2
    assert data.embeddings.shape == (414, EMBEDDING_SIZE)
    assert data.embeddings.dtype == np.float32
    with np.load(folder / EMBEDDINGS_NAME) as content:
        place = content["ids"].tolist().index(int(data.tracks[100]))
        assert np.array_equal(data.embeddings[100], content["embeddings"][place].astype(np.float32))
    assert data.artists[0] == "artist_train0"


def test_labels_stand_in_the_order_of_the_tags(folder: Path) -> None:
    data = read_jamendo(folder)
    for row in (0, 57, 400):
        for tag in np.flatnonzero(data.labels[row]):
            assert data.embeddings[row, 17 * tag : 17 * tag + 17].min() > 0.75


def test_tags_of_the_split_are_told_from_the_others(folder: Path) -> None:
    data = read_jamendo(folder)
    unknown = {TAGS[tag] for tag in range(59) if tag not in data.official_tags}
    assert unknown == {"ambiental", "horror", "mellow"}


def test_tracks_without_an_embedding_are_left_out_and_counted(folder: Path) -> None:
    assert read_jamendo(folder).absent == {"train": 1, "validation": 0, "test": 1}


def test_identical_embeddings_are_found_and_kept_out_of_the_earlier_side(folder: Path) -> None:
    data = read_jamendo(folder)
    ((first, second),) = data.duplicates()
    assert (data.official[first], data.official[second]) == ("train", "test")
    assert first not in data.rows("train")
    assert second in data.rows("test")
    assert len(data.rows("train")) == data.official.count("train") - 1


def test_artists_outside_the_split_stand_on_one_side_each(folder: Path) -> None:
    data = read_jamendo(folder)
    assert not {row for row, side in enumerate(data.official) if not side} & set(data.rows("train"))
    side_of: dict[str, set[str]] = {}
    for artist, side in zip(data.artists, data.wide, strict=True):
        side_of.setdefault(artist, set()).add(side)
    assert all(len(found) == 1 for found in side_of.values())
    assert set(data.wide) == set(SIDES)


def test_tracks_outside_the_split_follow_their_artist(folder: Path) -> None:
    rows = [(9001, "artist_test3", ["horror"])]
    table = gzip.decompress((folder / TAGS_NAME).read_bytes()).decode()
    more = f"{table}track_0009001\t{rows[0][1]}\talbum_1\t00/9001.mp3\t200.0\tmood/theme---horror\n"
    (folder / TAGS_NAME).write_bytes(gzip.compress(more.encode()))
    with np.load(folder / EMBEDDINGS_NAME) as content:
        ids, embeddings = content["ids"], content["embeddings"]
    np.savez(
        folder / EMBEDDINGS_NAME,
        ids=np.append(ids, np.int32(9001)),
        embeddings=np.vstack([embeddings, embeddings[:1] * 2]),
    )
    data = read_jamendo(folder)
    assert (data.official[-1], data.wide[-1]) == ("", "test")


def test_the_fingerprint_is_that_of_the_content(folder: Path, tmp_path: Path) -> None:
    again = write_jamendo(tmp_path / "again")
    assert read_jamendo(folder).fingerprint == read_jamendo(again).fingerprint
    other = read_jamendo(folder)
    with np.load(again / EMBEDDINGS_NAME) as content:
        np.savez(
            again / EMBEDDINGS_NAME, ids=content["ids"], embeddings=content["embeddings"] * np.float16(2)
        )
    assert read_jamendo(again).fingerprint != other.fingerprint


@pytest.mark.parametrize("name", [EMBEDDINGS_NAME, TAGS_NAME, *(_split_name(side) for side in SIDES)])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"There is no .*{name}: give the folder"):
        read_jamendo(folder)


@pytest.mark.parametrize("name", [EMBEDDINGS_NAME, TAGS_NAME, _split_name("test")])
@pytest.mark.parametrize("damage", [lambda content: content[:-40], lambda _: b"", lambda _: b"no archive"])
def test_a_damaged_file_is_named(folder: Path, name: str, damage: Callable[[bytes], bytes]) -> None:
    (folder / name).write_bytes(damage((folder / name).read_bytes()))
    with pytest.raises(DataError, match=rf"{name} is damaged .*: get it again"):
        read_jamendo(folder)


def _embeddings(folder: Path, **arrays: np.ndarray) -> None:
    np.savez(folder / EMBEDDINGS_NAME, **arrays)


def test_other_arrays_are_refused(folder: Path) -> None:
    _embeddings(folder, numbers=np.arange(3))
    with pytest.raises(DataError, match="is damaged"):
        read_jamendo(folder)
    _embeddings(folder, ids=np.arange(3), embeddings=np.zeros((3, 512)))
    with pytest.raises(DataError, match=r"\(3, 512\) instead of"):
        read_jamendo(folder)
    _embeddings(folder, ids=np.array([1, 1]), embeddings=np.zeros((2, EMBEDDING_SIZE)))
    with pytest.raises(DataError, match="lists a track twice"):
        read_jamendo(folder)
    for odd in (-1.0, np.nan, np.inf):
        _embeddings(folder, ids=np.array([1]), embeddings=np.full((1, EMBEDDING_SIZE), odd))
        with pytest.raises(DataError, match="below 0 or NaN"):
            read_jamendo(folder)


def test_nothing_is_unpickled(folder: Path) -> None:
    _embeddings(folder, ids=np.array([1]), embeddings=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="is damaged"):
        read_jamendo(folder)


def test_embeddings_of_other_tracks_are_refused(folder: Path) -> None:
    _embeddings(folder, ids=np.array([90_001]), embeddings=np.zeros((1, EMBEDDING_SIZE)))
    with pytest.raises(DataError, match=r"No track of .*59tags.tsv.gz has an embedding"):
        read_jamendo(folder)
    _embeddings(folder, ids=np.array([1]), embeddings=np.zeros((1, EMBEDDING_SIZE)))
    with pytest.raises(DataError, match=r"No track of .*validation.tsv.gz has an embedding"):
        read_jamendo(folder)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "track_0000001\tartist_1\ta\tp\t1.0\tmood/theme---lugubrious",
            "line 2 has the tag 'mood/theme---lug",
        ),
        ("track_0000001\tartist_1\ta\tp\t1.0\tgenre---rock", "line 2 has the tag 'genre---rock'"),
        ("track_one\tartist_1\ta\tp\t1.0\tmood/theme---sad", "line 2 is no track \\('track_one' and 6"),
        ("track_0000001\tartist_1", "line 2 is no track \\('track_0000001' and 2"),
        ("", "line 2 is no track"),
    ],
)
def test_an_odd_line_is_named(folder: Path, line: str, says: str) -> None:
    (folder / TAGS_NAME).write_bytes(gzip.compress(f"{HEADING}\n{line}\n".encode()))
    with pytest.raises(DataError, match=says):
        read_jamendo(folder)


def test_a_table_without_heading_is_refused(folder: Path) -> None:
    (folder / TAGS_NAME).write_bytes(gzip.compress(b"a,b\n1,2\n"))
    with pytest.raises(DataError, match="has no heading TRACK_ID"):
        read_jamendo(folder)


def test_a_split_that_does_not_fit_the_tags_is_refused(folder: Path) -> None:
    write_table(folder / _split_name("test"), [(300, "somebody else", ["sad"])])
    with pytest.raises(DataError, match="Track 300 is not the same in"):
        read_jamendo(folder)


def test_an_artist_on_two_sides_is_refused(folder: Path) -> None:
    train = gzip.decompress((folder / _split_name("train")).read_bytes()).decode().splitlines()
    test = gzip.decompress((folder / _split_name("test")).read_bytes()).decode().splitlines()
    content = "\n".join([*test, train[1]]) + "\n"
    (folder / _split_name("test")).write_bytes(gzip.compress(content.encode()))
    with pytest.raises(DataError, match="artist_train0 stands in train and in test"):
        read_jamendo(folder)

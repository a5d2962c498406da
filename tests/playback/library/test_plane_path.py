"""Music on the plane: what is kept of tracks, which are wanted or alike, and paths from place to place."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.emotions import Emotion
from core.errors import MusicError
from playback.library.database import prepare, using
from playback.library.m3u import m3u_content, write_m3u
from playback.library.plane_path import (
    PLACES,
    PlanePath,
    parse_place,
    path_between,
    path_length_problem,
    path_rows,
    place_text,
    rows_around,
)
from playback.library.playlists import lists_of, path_address, path_of
from playback.library.similar import similar_rows
from playback.library.track_facts import PlanePlace, TrackFacts, facts_text, read_facts
from playback.library.track_filter import TrackFilter, wanted_rows
from playback.library.tracks import Library, TrackRow, put_rows, read_library

ALL = TrackFacts(
    tempo_bpm=120.5,
    tempo_confidence=0.8,
    key="A minor",
    key_confidence=0.6,
    loudness_lufs=-12.0,
    mood="sad",
    genres=(("rock", 0.6), ("pop", 0.4)),
    instruments=(("piano", 0.7),),
    emotions=(("tension", 0.3),),
    pleasantness=-0.5,
    energy=0.25,
)
coordinates = st.floats(-1.0, 1.0).map(lambda value: round(value, 2))
places = st.builds(PlanePlace, coordinates, coordinates)


def row(name: str, x: float | None = 0.0, y: float | None = 0.0, **others: object) -> TrackRow:
    facts = TrackFacts(pleasantness=x, energy=y)
    return TrackRow(Path("/music") / name, 1, 2, name, **{"facts": facts, "duration_s": 61.6, **others})  # type: ignore[arg-type]


def grid(step: float = 0.25) -> list[TrackRow]:
    """A library that fills the plane evenly."""
    values = np.arange(-1.0, 1.0 + step / 2, step).tolist()
    return [row(f"{x:.2f} {y:.2f}", x, y) for x in values for y in values]


def points(rows: list[TrackRow]) -> np.ndarray:
    return np.array([(one.facts.pleasantness, one.facts.energy) for one in rows if one.facts is not None])


# What is kept


def test_facts_are_read_as_they_were_written() -> None:
    assert read_facts(facts_text(ALL)) == ALL
    assert read_facts(facts_text(TrackFacts())) == TrackFacts()
    assert ALL.place == PlanePlace(-0.5, 0.25)
    assert TrackFacts(pleasantness=0.1).place is None


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "7", '{"tempo_bpm": "fast"}', '{"genres": [["a"]]}', '{"key": 1}x']
)
def test_facts_that_are_damaged_are_not_known(text: str) -> None:
    assert read_facts(text) is None


def test_facts_of_a_newer_program_are_read_as_far_as_they_are_known() -> None:
    assert read_facts('{"key": "C major", "danceability": 0.9}') == TrackFacts(key="C major")


def test_the_library_keeps_facts_and_embeddings(tmp_path: Path) -> None:
    database = tmp_path / "library.sqlite3"
    embedding = np.linspace(0.0, 3.0, 1024).astype(np.float16)
    prepare(database)
    with using(database, writable=True) as connection:
        put_rows(connection, [row("a", facts=ALL, embedding=embedding), row("b", facts=None)])
        connection.execute(
            "INSERT INTO tracks SELECT 'c', size, mtime_ns, title, artist, album, duration_s, rms,"
            " peak, moods, fingerprint, problem, fault, 'no JSON', x'00' FROM tracks WHERE title='a'"
        )
    found = {one.path.name: one for one in read_library(database).rows}
    assert found["a"].facts == ALL
    assert found["a"].embedding is not None
    np.testing.assert_array_equal(found["a"].embedding, embedding)
    assert (found["b"].facts, found["b"].embedding) == (None, None)
    assert (found["c"].facts, found["c"].embedding) == (None, None)


def test_a_library_of_before_facts_is_read_and_brought_up_to_date(tmp_path: Path) -> None:
    database = tmp_path / "library.sqlite3"
    prepare(database)
    with using(database, writable=True) as connection:
        put_rows(connection, [row("a", facts=None, fault="It is cut.")])
        for column in ("facts", "embedding"):
            connection.execute(f"ALTER TABLE tracks DROP COLUMN {column}")
        connection.execute("PRAGMA user_version = 2")
    assert [(one.title, one.fault, one.facts) for one in read_library(database).rows] == [
        ("a", "It is cut.", None)
    ]
    prepare(database)
    with using(database, writable=True) as connection:
        put_rows(connection, [row("b", facts=ALL)])
    assert [one.facts for one in read_library(database).rows] == [None, ALL]


# Which are wanted, and which are alike


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (TrackFilter(), True),
        (TrackFilter(tempo_bpm=(120.0, 121.0)), True),
        (TrackFilter(tempo_bpm=(90.0, 120.0)), False),
        (TrackFilter(keys=frozenset({"A minor", "C major"})), True),
        (TrackFilter(keys=frozenset({"C major"})), False),
        (TrackFilter(moods=frozenset({"sad"})), True),
        (TrackFilter(moods=frozenset({"happy"})), False),
        (TrackFilter(genres=frozenset({"pop", "jazz"})), True),
        (TrackFilter(genres=frozenset({"jazz"})), False),
        (TrackFilter(energy=(0.25, 1.0)), True),
        (TrackFilter(energy=(-1.0, 0.2)), False),
        (TrackFilter(tempo_bpm=(100.0, 130.0), genres=frozenset({"jazz"})), False),
    ],
)
def test_a_filter_takes_what_fits_all_of_it(wanted: TrackFilter, fits: bool) -> None:
    assert wanted.fits(ALL) is fits
    assert [one.title for one in wanted_rows([row("a", facts=ALL)], wanted)] == ["a"] * fits


def test_what_is_not_known_fits_no_question() -> None:
    assert TrackFilter().fits(None)
    for wanted in (TrackFilter(tempo_bpm=(0.0, 999.0)), TrackFilter(energy=(-1.0, 1.0))):
        assert not wanted.fits(None)
        assert not wanted.fits(TrackFacts())


def test_the_likest_come_first() -> None:
    vectors = {
        "same": (1.0, 0.0),
        "near": (1.0, 0.5),
        "far": (0.0, 1.0),
        "none": None,
        "other": (1.0, 0.0, 0.0),
    }
    rows = [
        row(name, embedding=None if one is None else np.array(one, dtype=np.float16))
        for name, one in reversed(vectors.items())
    ]
    found = similar_rows(np.array([2.0, 0.0]), rows, 3)
    assert [(one.title, round(share, 2)) for one, share in found] == [
        ("same", 1.0),
        ("near", 0.89),
        ("far", 0.0),
    ]
    assert len(similar_rows(np.array([2.0, 0.0]), rows, 1)) == 1
    assert similar_rows(np.zeros(2), rows, 3) == []
    assert similar_rows(np.ones(2), [], 3) == []


# Places


def test_emotions_are_places() -> None:
    assert set(PLACES) == set(Emotion)
    assert parse_place(" Happy ") == PLACES[Emotion.HAPPY]
    assert parse_place("-0.5, .25") == PlanePlace(-0.5, 0.25)


@given(places)
def test_a_place_is_read_as_it_was_written(place: PlanePlace) -> None:
    assert parse_place(place_text(place)) == place


@pytest.mark.parametrize("text", ["", "bliss", "1", "1,2", "0.1,0.2,0.3", "nan,0", "1e0,0", "-1.01,0"])
def test_what_is_no_place_is_one_sentence(text: str) -> None:
    with pytest.raises(MusicError, match="is no place on the plane: name neutral, calm"):
        parse_place(text)


# Paths


@given(places, places, st.integers(2, 12))
def test_a_path_leads_along_the_line_and_takes_no_track_twice(
    start: PlanePlace, end: PlanePlace, length: int
) -> None:
    rows = path_between(grid(), start, end, length)
    assert len(rows) == length
    assert len({one.path for one in rows}) == length
    along = np.linspace(0.0, 1.0, length)[:, np.newaxis]
    begin = np.array((start.pleasantness, start.energy))
    goal = np.array((end.pleasantness, end.energy))
    off = np.linalg.norm(points(rows) - (begin + along * (goal - begin)), axis=1)
    # On a grid a quarter apart the last of twelve around one corner lie three steps off.
    assert off.mean() < 0.55
    assert off.max() < 0.85


def test_energy_and_pleasantness_rise_from_sad_to_happy() -> None:
    rows = path_between(grid(0.1), PLACES[Emotion.SAD], PLACES[Emotion.HAPPY], 12)
    assert (np.diff(points(rows), axis=0) >= -1e-9).all()


def test_no_two_tracks_of_a_path_would_better_change_places() -> None:
    dice = np.random.default_rng(4)
    rows = [row(f"{number}", *dice.uniform(-1.0, 1.0, 2).tolist()) for number in range(34)]
    start, end = PLACES[Emotion.CALM], PLACES[Emotion.HAPPY]
    found = points(path_between(rows, start, end, 12))
    ends = np.array([[place.pleasantness, place.energy] for place in (start, end)])
    targets = ends[0] + np.linspace(0.0, 1.0, 12)[:, np.newaxis] * (ends[1] - ends[0])
    off = np.square(targets[:, np.newaxis] - found).sum(axis=2)  # (steps, tracks)
    own = off.diagonal()
    exchanged = off + off.T  # of two steps that change tracks
    assert (exchanged >= own[:, np.newaxis] + own - 1e-6).all()


def test_a_path_is_no_longer_than_the_library() -> None:
    rows = [
        row("a", -1.0),
        row("b", 1.0),
        row("c", None, None),
        row("d", 0.0, problem="broken"),
        row("e", facts=None),
    ]
    assert [one.title for one in path_between(rows, PlanePlace(1, 0), PlanePlace(-1, 0), 9)] == ["b", "a"]
    assert [one.title for one in path_between(rows, PlanePlace(0, 0), PlanePlace(1, 0), 1)] == ["b"]
    assert path_between(rows[2:], PlanePlace(0, 0), PlanePlace(1, 0), 3) == []
    assert path_between([], PlanePlace(0, 0), PlanePlace(1, 0), 3) == []


def test_neighbours_on_a_path_sound_alike_and_are_of_different_artists() -> None:
    strings, drums = np.array([1.0, 0.0], dtype=np.float16), np.array([0.0, 1.0], dtype=np.float16)
    rows = [
        row(f"{sound} {x}", x / 10, embedding=one)
        for x in range(10)
        for sound, one in (("strings", strings), ("drums", drums))
    ]
    heard = [one.title.split()[0] for one in path_between(rows, PlanePlace(0, 0), PlanePlace(0.9, 0), 10)]
    assert len(set(heard)) == 1
    rows = [row(f"{artist} {x}", x / 10, artist=artist) for x in range(6) for artist in ("Ann", "Bo")]
    artists = [one.artist for one in path_between(rows, PlanePlace(0, 0), PlanePlace(0.5, 0), 6)]
    assert all(one != other for one, other in pairwise(artists))


def test_embeddings_that_are_not_all_known_do_not_count() -> None:
    rows = grid(0.5)
    some = [replace(rows[0], embedding=np.ones(3, dtype=np.float16)), *rows[1:]]
    ends = PLACES[Emotion.SAD], PLACES[Emotion.HAPPY]
    assert [one.title for one in path_between(some, *ends, 5)] == [
        one.title for one in path_between(rows, *ends, 5)
    ]


def test_around_a_place_the_order_depends_on_the_seed() -> None:
    near = [
        [one.title for one in rows_around(grid(), PlanePlace(0.7, 0.5), 6, seed=seed)] for seed in (1, 1, 2)
    ]
    assert near[0] == near[1] != near[2]
    assert (
        np.linalg.norm(
            points(rows_around(grid(), PlanePlace(0.7, 0.5), 6, seed=1)) - (0.7, 0.5), axis=1
        ).max()
        < 0.8
    )
    assert rows_around([], PlanePlace(0, 0), 3, seed=1) == []


def test_a_path_that_is_over_stays_where_it_led() -> None:
    path, path_grid = PlanePath("sad", "0.70,0.50", 6), grid()
    first, second = (path_rows(path_grid, path, round_number=number, seed=number) for number in (0, 1))
    assert first == path_between(path_grid, PLACES[Emotion.SAD], PLACES[Emotion.HAPPY], 6)
    assert np.linalg.norm(points(second) - (0.7, 0.5), axis=1).max() < 0.8


@pytest.mark.parametrize(
    ("length", "words"), [(2, ""), (100, ""), (1, "1 tracks: ask for 2 to 100"), (101, "101")]
)
def test_a_path_has_a_sensible_length(length: int, words: str) -> None:
    assert words in path_length_problem(length)
    assert bool(words) == bool(path_length_problem(length))


# As playlists


def test_a_path_has_an_address() -> None:
    path = PlanePath("sad", "0.50,-0.20", 7)
    assert path_address(path) == "local:path:sad:0.50,-0.20:7"
    assert path_of(path_address(path)) == path
    assert path.name == "From sad to 0.50,-0.20"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "local:path:sad:happy",
        "local:path:sad:bliss:7",
        "local:path:sad:happy:x",
        "local:path:sad:happy:1",
        "local:style:chill",
        "spotify:path:sad:happy:7",
    ],
)
def test_other_addresses_are_no_paths(uri: str) -> None:
    assert path_of(uri) is None


def test_a_library_plays_paths_by_their_address() -> None:
    lists = lists_of(Library(Path("/music"), tuple(grid())))
    uri = path_address(PlanePath("sad", "happy", 5))
    playlist = lists.playlist(uri)
    assert playlist is not None
    assert (playlist.uri, playlist.name, playlist.tracks) == (uri, "From sad to happy", 5)
    assert uri not in lists.playlists
    assert len(lists.rows(playlist, seed=3)) == 5
    assert lists.rows(playlist, seed=3) != lists.rows(playlist, seed=3, round_number=1)
    assert lists.playlist("local:style:nothing") is None
    assert lists_of(Library()).playlist(uri) is None
    folder = next(iter(lists.playlists))
    assert lists.playlist(folder) is lists.playlists[folder]


def test_other_players_read_the_playlist(tmp_path: Path) -> None:
    strange = Path(os.fsdecode(b"/music/caf\xe9.mp3")) if os.name == "posix" else Path("/music/cafe.mp3")
    rows = [
        row("a.mp3", artist="Ann"),
        TrackRow(strange, 1, 2, "No\nlength"),
        row("two\nlines.mp3"),
    ]
    content = m3u_content(rows)
    assert content.split(b"\n")[:5] == [
        b"#EXTM3U",
        b"#EXTINF:62,Ann - a.mp3",
        os.fsencode(rows[0].path),
        b"#EXTINF:-1,No length",
        os.fsencode(strange),
    ]
    assert content.count(b"\n") == 5
    write_m3u(rows, tmp_path / "a.m3u8")
    assert (tmp_path / "a.m3u8").read_bytes() == content
    with pytest.raises(MusicError, match=r"cannot be written .*: name another place"):
        write_m3u(rows, tmp_path / "no" / "a.m3u8")

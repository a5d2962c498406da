"""Styles by mood: any library gives lists for all of them, different ones, and no artist twice in a row."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.mood_tags import TAGS
from playback.library.tracks import TrackRow
from playback.mapping.style_scores import AGAINST, FOR, playlist_for, style_scores
from playback.mapping.styles import Style
from tests.playback.own_music import moods_of


def row(number: int, moods: np.ndarray | None, artist: str = "") -> TrackRow:
    return TrackRow(Path(f"/music/{number:05d}.mp3"), 1, 1, f"{number}", artist=artist, moods=moods)


def library(count: int, seed: int = 0, artists: int = 20) -> list[TrackRow]:
    """A library of one kind of music, as models hear it: low probabilities, close to each other."""
    rng = np.random.default_rng(seed)
    usual = rng.uniform(0.001, 0.2, len(TAGS))
    return [
        row(
            number,
            (usual * rng.lognormal(0.0, 0.3, len(TAGS))).astype(np.float32),
            f"artist {number % artists}",
        )
        for number in range(count)
    ]


def numbers(rows: list[TrackRow]) -> list[int]:
    return [int(one.title) for one in rows]


def test_the_tags_of_styles_are_tags_and_none_speaks_for_and_against() -> None:
    assert set(FOR) == set(AGAINST) == set(Style)
    for style in Style:
        assert set(FOR[style]) | set(AGAINST[style]) <= set(TAGS)
        assert not set(FOR[style]) & set(AGAINST[style])
    assert len({frozenset(FOR[style]) for style in Style}) == len(Style)


def test_tracks_fit_the_style_whose_tags_they_have() -> None:
    rows = [row(number, moods_of(style, 0.3)) for number, style in enumerate([*Style] * 5)]
    scores = style_scores(np.stack([one.moods for one in rows if one.moods is not None]))
    assert scores.shape == (30, 6)
    for place, style in enumerate(Style):
        assert {int(best) % 6 for best in np.argsort(-scores[:, place], kind="stable")[:5]} == {place}
        assert {number % 6 for number in numbers(playlist_for(style, rows, 2))} == {place}


def test_only_the_order_within_a_library_counts() -> None:
    rows = library(60)
    moods = np.stack([one.moods for one in rows if one.moods is not None])
    np.testing.assert_allclose(style_scores(moods), style_scores(moods**3))


@pytest.mark.parametrize("count", [12, 30, 200, 1_000])
def test_any_library_gives_lists_for_all_styles_and_different_ones(count: int) -> None:
    rows = library(count)
    lists = {style: numbers(playlist_for(style, rows)) for style in Style}
    for style, found in lists.items():
        assert len(found) == len(set(found)) == min(30, max(3, count // 3))
        for other in Style:
            shared = set(found) & set(lists[other])
            assert other is style or len(shared) <= 0.75 * len(found), (style, other)
    assert len({frozenset(found) for found in lists.values()}) == len(Style)


def test_small_and_empty_libraries() -> None:
    assert playlist_for(Style.CHILL, []) == []
    assert playlist_for(Style.CHILL, [row(0, None), row(1, np.zeros(59, dtype=np.float32))]) == []
    one = row(0, moods_of(Style.EXCITING))
    for style in Style:
        assert playlist_for(style, [one]) == [one]
        assert len(playlist_for(style, [one] * 2)) == 2


def test_equal_tracks_are_all_as_good() -> None:
    rows = [row(number, moods_of(Style.CHILL)) for number in range(9)]
    for style in Style:
        assert len(playlist_for(style, rows)) == 3


def test_the_same_seed_gives_the_same_list_and_another_one_another() -> None:
    rows = library(300)
    lists = [numbers(playlist_for(Style.UPBEAT, rows, 20, seed=seed)) for seed in (1, 1, 2)]
    assert lists[0] == lists[1] != lists[2]
    assert set(lists[0]) & set(lists[2])  # yet the best are oftener there than not
    scores = style_scores(np.stack([one.moods for one in rows if one.moods is not None]))
    assert numbers(playlist_for(Style.UPBEAT, rows, 20, seed=1, scores=scores)) == lists[0]


def test_better_fitting_tracks_come_oftener_and_earlier() -> None:
    rows = library(300)
    scores = style_scores(np.stack([one.moods for one in rows if one.moods is not None]))
    best = np.argsort(-scores[:, list(Style).index(Style.CALMING)])
    drawn = Counter(
        number for seed in range(40) for number in numbers(playlist_for(Style.CALMING, rows, 20, seed=seed))
    )
    assert sum(drawn[int(number)] for number in best[:15]) > 2 * sum(drawn[int(n)] for n in best[25:40])
    assert set(drawn) <= {int(number) for number in best[:40]}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["Ann", "Bob", "Cid", ""]), min_size=1, max_size=12), st.integers(0, 5))
def test_no_artist_comes_twice_in_a_row_where_it_can_be_helped(artists: list[str], seed: int) -> None:
    rows = [row(number, moods_of(Style.CHILL), artist) for number, artist in enumerate(artists * 3)]
    found = playlist_for(Style.CHILL, rows, len(artists), seed=seed)
    counts = Counter(one.artist for one in found if one.artist)
    most = max(counts.values(), default=0)
    twice = sum(bool(before.artist) and before.artist == after.artist for before, after in pairwise(found))
    assert twice == max(0, 2 * most - len(found) - 1)

"""The place of music on the plane: what tags move it where, what is usual, silence, the figures' command."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import mood_plane
from core.mood_tags import TAGS
from models.mood.plane import LEXICON, plane_positions, scores

USUAL = np.full((1, 59), 0.02)


def raised(*tags: str) -> np.ndarray:
    """All tags are as rare as usual, but for these."""
    return np.where([tag in tags for tag in TAGS], 0.3, USUAL)


def moved(*tags: str) -> tuple[float, float]:
    """By how much these tags move the music: pleasantness, energy."""
    pleasantness, energy = (scores(raised(*tags)) - scores(USUAL))[0]
    return float(pleasantness), float(energy)


def test_the_lexicon_knows_tags_alone_and_rates_them_from_one_to_nine() -> None:
    assert set(LEXICON) == set(TAGS) - {"ambiental", "horror", "mellow"}
    assert all(1.0 <= value <= 9.0 for rating in LEXICON.values() for value in rating)


@pytest.mark.parametrize(
    ("tags", "pleasant", "lively"),
    [
        (("happy", "fun", "party"), True, True),
        (("dramatic", "fast", "drama"), False, True),
        (("sad", "melancholic", "slow"), False, False),
        (("calm", "soft", "relaxing"), True, False),
    ],
)
def test_music_goes_where_its_outstanding_tags_lie(
    tags: tuple[str, ...], pleasant: bool, lively: bool
) -> None:
    pleasantness, energy = moved(*tags)
    assert (pleasantness > 0) == pleasant
    assert (energy > 0) == lively


def test_a_tag_counts_by_how_far_it_stands_out_not_by_how_likely_it_is() -> None:
    frequent = np.where([tag == "happy" for tag in TAGS], 0.5, 0.02)[None]
    outstanding = np.where([tag == "happy" for tag in TAGS], 1 - 1e-3, 0.02)[None]
    step = scores(frequent) - scores(USUAL)
    np.testing.assert_allclose(
        (scores(outstanding) - scores(frequent)) / step, np.log(999.0) / np.log(49.0), rtol=1e-9
    )


def test_words_that_the_lexicon_lacks_do_not_move_music() -> None:
    assert moved("horror", "ambiental", "mellow") == (0.0, 0.0)


def test_places_lie_between_minus_one_and_one_and_keep_the_order_of_the_scores() -> None:
    rows = np.random.default_rng(0).uniform(0.0, 1.0, (200, 59)) ** 3
    found = plane_positions(rows)
    assert found.shape == (200, 2)
    assert (np.abs(found) <= 1.0).all()
    for axis in (0, 1):
        by_score = np.argsort(scores(rows)[:, axis])
        assert (np.diff(found[by_score, axis]) >= 0.0).all()


@pytest.mark.parametrize("extreme", [0.0, 1.0])
def test_probabilities_at_their_ends_have_a_place(extreme: float) -> None:
    rows = np.where([tag == "sad" for tag in TAGS], 1.0 - extreme, extreme)[None]
    assert np.isfinite(plane_positions(rows)).all()


def test_silence_has_no_place_and_leaves_the_others_theirs() -> None:
    found = plane_positions(np.concatenate([np.zeros((1, 59)), raised("happy")]))
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1], plane_positions(raised("happy"))[0])


def test_an_area_counts_pairs_in_order_and_half_of_the_ties() -> None:
    values = np.array([0.1, 0.4, 0.4, 0.8])
    assert mood_plane.area(values, np.array([False, False, True, True])) == pytest.approx(3.5 / 4)


def test_the_figures_are_printed_for_labelled_embeddings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = np.random.default_rng(0).uniform(0.0, 0.5, (8, 1024)).astype(np.float16)
    paths = [f"{number}.ogg" for number in range(8)]
    np.savez(tmp_path / "clips.npz", path=np.array(paths), mean=drawn)
    np.savez(tmp_path / "all.npz", embeddings=drawn)
    with (tmp_path / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "quadrant"))
        rows.writerows((path, f"Q{1 + number % 4}") for number, path in enumerate(paths))
    wanted = ["--embeddings", str(tmp_path / "clips.npz"), "--labels", str(tmp_path / "labels.csv")]
    mood_plane.main([*wanted, "--all-music", str(tmp_path / "all.npz")])
    figures = json.loads(capsys.readouterr().out)
    assert figures["clips"] == 8
    assert 0.0 <= figures["energy"]["auc"] <= 1.0
    assert set(figures["means"]) == {"Q1", "Q2", "Q3", "Q4"}
    assert len(figures["all_music"]["pleasantness"]) == 2

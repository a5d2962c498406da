"""Moods are made comparable on tracks whose truth is known, counted rightly, and looked at from outside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from core.mood_tags import GROUPS, TAGS
from models.mood.mood_scale import MOODS, MoodScale, mood_weights
from tests.training.invented_jamendo import write_quadrants
from training.mood.calibrate import sigmoid
from training.mood.moods import (
    _voices,
    fit_scale,
    mood_figures,
    moods_of,
    quadrant_figures,
    read_quadrants,
    weights_by_rule,
)

HIDDEN = np.array([0.25, 0.2, 0.15, 0.15, 0.1, 0.07, 0.05, 0.03])
TAG_MOOD = np.array(
    [next(place for place, tags in enumerate(GROUPS.values()) if tag in tags) for tag in TAGS]
)

TAG_OFFSETS = np.random.default_rng(9).uniform(-1.0, 1.0, 59)


def invented(tracks: int = 6000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that know something of labels: one mood a track, of hidden shares, and one tag of it."""
    rng = np.random.default_rng(seed)
    mood = rng.choice(8, size=tracks, p=HIDDEN)
    labels = np.zeros((tracks, 59), dtype=bool)
    for place in range(8):
        mine = np.flatnonzero(mood == place)
        labels[mine, rng.choice(np.flatnonzero(place == TAG_MOOD), size=len(mine))] = True
    of_mood = rng.standard_normal((tracks, 8)) + 1.5 * np.eye(8)[mood]
    logits = -4.0 + TAG_OFFSETS + of_mood[:, TAG_MOOD] + 0.5 * rng.standard_normal((tracks, 59))
    return sigmoid(logits), labels


def leads(weights: np.ndarray) -> np.ndarray:
    return np.bincount(weights.argmax(axis=1), minlength=8) / len(weights)


def test_each_mood_leads_as_often_as_it_is_labelled_on_other_tracks_too() -> None:
    scale = fit_scale(*invented())
    probabilities, labels = invented(seed=1)
    found = weights_by_rule(probabilities, np.full(59, 0.1), scale)
    np.testing.assert_allclose(leads(found["scale"]), HIDDEN, atol=0.02)
    figures = {
        rule: mood_figures(weights, labels, ["one"] * len(labels), draws=2) for rule, weights in found.items()
    }
    assert figures["scale"]["misplaced"] < 0.03
    assert figures["thresholds"]["misplaced"] > 0.1
    assert figures["scale"]["hit"] > figures["thresholds"]["hit"] + 0.03


def test_the_slope_that_was_hidden_is_found() -> None:
    rng = np.random.default_rng(4)
    scores = rng.standard_normal((20_000, 8))
    chances = np.exp(2.0 * scores + np.log(HIDDEN))
    chances /= chances.sum(axis=1, keepdims=True)
    mood = (rng.random((len(scores), 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(max=7)
    labels = np.zeros((len(scores), 59), dtype=bool)
    firsts = np.array([TAGS.index(tags[0]) for tags in GROUPS.values()])
    labels[np.arange(len(scores)), firsts[mood]] = True
    scale = fit_scale(sigmoid(scores[:, TAG_MOOD]), labels)
    assert scale.slope == pytest.approx(2.0, abs=0.06)
    assert sum(scale.offsets) == pytest.approx(0.0, abs=1e-4)


def test_moods_of_labels_and_their_voices() -> None:
    labels = np.zeros((2, 59), dtype=bool)
    labels[0, [TAGS.index("sad"), TAGS.index("emotional")]] = True
    labels[1, [TAGS.index("dark"), TAGS.index("film")]] = True
    moods = moods_of(labels)
    assert [[MOODS[place] for place in np.flatnonzero(row)] for row in moods] == [
        ["sad"],
        ["dark", "dramatic"],
    ]
    shares = dict(zip(MOODS, _voices(moods).mean(axis=0), strict=True))
    assert (shares["sad"], shares["dark"], shares["dramatic"], shares["calm"]) == (0.5, 0.25, 0.25, 0.0)


def test_figures_count_every_track_in_each_of_its_moods() -> None:
    labels = np.zeros((4, 59), dtype=bool)
    for track, tags in enumerate((["sad"], ["dark", "film"], ["film"], ["happy"])):
        labels[track, [TAGS.index(tag) for tag in tags]] = True
    weights = np.eye(8, dtype=np.float32)[[MOODS.index(mood) for mood in ("sad", "dark", "sad", "happy")]]
    figures = mood_figures(weights, labels, ["a", "a", "b", "b"], draws=20)
    assert (figures["tracks"], figures["hit"], figures["hit_of_commonest"]) == (4, 0.75, 0.5)
    sad, dramatic = figures["by_mood"]["sad"], figures["by_mood"]["dramatic"]
    assert (sad["labelled"], sad["voices"], sad["leads"]) == (0.25, 0.25, 0.5)
    assert (sad["recall"], sad["precision"]) == (1.0, 0.5)
    assert (dramatic["labelled"], dramatic["voices"], dramatic["leads"], dramatic["recall"]) == (
        0.5,
        0.375,
        0.0,
        0.0,
    )
    confusion = np.array(figures["confusion"])
    at = {mood: MOODS.index(mood) for mood in MOODS}
    assert confusion[at["dramatic"]].sum() == 2
    assert confusion[at["dramatic"], at["dark"]] == confusion[at["dramatic"], at["sad"]] == 1
    assert figures["misplaced"] == pytest.approx(0.375)
    assert figures["macro_recall"] == pytest.approx(3 / 8)


def test_what_cannot_be_fitted_is_said() -> None:
    probabilities, labels = invented(400)
    none_sad = labels & (MOODS.index("sad") != TAG_MOOD)
    with pytest.raises(DataError, match="None of 400 validation tracks has a tag of the mood 'sad'"):
        fit_scale(probabilities, none_sad)
    bare = labels.copy()
    bare[0] = False
    with pytest.raises(DataError, match="A validation track has no mood tag at all"):
        fit_scale(probabilities, bare)
    with pytest.raises(DataError, match="answers with NaN"):
        fit_scale(np.full_like(probabilities, np.nan), labels)
    with pytest.raises(DataError, match="it has learned nothing to weigh"):
        fit_scale(1.0 - probabilities, labels)


def test_clips_in_quadrants_are_read_and_their_leading_moods_counted(tmp_path: Path) -> None:
    clips = read_quadrants(write_quadrants(tmp_path / "q", ("Q1", "Q4", "Q4", "Q3")))
    assert clips.quadrants == ("Q1", "Q4", "Q4", "Q3")
    assert clips.embeddings.shape == (4, 1024)
    weights = np.eye(8, dtype=np.float32)[[MOODS.index(mood) for mood in ("happy", "calm", "sad", "sad")]]
    figures = quadrant_figures(weights, clips.quadrants)
    assert figures["Q4"]["clips"] == 2
    assert (figures["Q4"]["leads"]["calm"], figures["Q4"]["leads"]["sad"]) == (1, 1)
    assert [figures[name]["fitting"] for name in ("Q1", "Q2", "Q3", "Q4")] == [1.0, 0.0, 1.0, 0.5]


def test_clips_that_are_missing_or_damaged_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no .*4q_taffc_manifest\.csv: give the folder"):
        read_quadrants(tmp_path)
    with pytest.raises(DataError, match=r"quadrants Q7: finite ones of 1024 values and Q1, Q2, Q3, Q4"):
        read_quadrants(write_quadrants(tmp_path / "a", ("Q1", "Q7")))
    with pytest.raises(DataError, match=r"embeddings \(2, 9\) and quadrants as they should be"):
        read_quadrants(write_quadrants(tmp_path / "b", ("Q1", "Q2"), size=9))
    with pytest.raises(DataError, match=r"are damaged .*KeyError"):
        read_quadrants(write_quadrants(tmp_path / "c", ("Q1", "Q2"), skip=1))
    broken = write_quadrants(tmp_path / "d", ("Q1",))
    (broken / "4q_taffc_yamnet_embeddings.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(DataError, match="are damaged"):
        read_quadrants(broken)


def test_weights_come_from_the_rule_that_serves() -> None:
    probabilities, _ = invented(20)
    scale = MoodScale(1.1, tuple(np.linspace(-1, 1, 8).tolist()))
    answers, needed = probabilities.astype(np.float32), np.full(59, 0.1, dtype=np.float32)
    found = weights_by_rule(probabilities, needed.astype(np.float64), scale)
    np.testing.assert_array_equal(found["scale"], mood_weights(answers, needed, scale))
    np.testing.assert_array_equal(found["thresholds"], mood_weights(answers, needed))

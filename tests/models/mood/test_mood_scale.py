"""Eight moods of 59 tags: the scale of a head, heads without one, and scales that are damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import WeightsError
from core.mood_tags import GROUPS, TAGS
from models.mood.head import load_head
from models.mood.mood_scale import MOODS, MoodScale, mean_logits, mood_weights, read_scale, write_scale
from models.mood.tagger import load_tagger
from tests.models.mood_graphs import write_backbone, write_head

THRESHOLDS = np.full(59, 0.1, dtype=np.float32)
SCALE = MoodScale(1.3, (0.1, 0.2, -0.3, 0.0, 0.4, -1.0, 0.6, 0.0))


def tagged(mood: str, high: float = 0.3, low: float = 0.02) -> np.ndarray:
    return np.array([[high if tag in GROUPS[mood] else low for tag in TAGS]], dtype=np.float32)


def test_a_mood_counts_by_the_mean_logit_of_its_tags() -> None:
    probabilities = np.random.default_rng(0).uniform(0.01, 0.9, (5, 59)).astype(np.float32)
    for place, tags in enumerate(GROUPS.values()):
        mine = probabilities[:, [TAGS.index(tag) for tag in tags]].astype(np.float64)
        expected = np.log(mine / (1 - mine)).mean(axis=1)
        np.testing.assert_allclose(mean_logits(probabilities)[:, place], expected, rtol=1e-5)


@pytest.mark.parametrize("mood", MOODS)
def test_a_mood_whose_tags_are_likely_leads_however_many_they_are(mood: str) -> None:
    weights = mood_weights(tagged(mood), THRESHOLDS, MoodScale(1.0, (0.0,) * 8))
    assert MOODS[int(weights.argmax())] == mood
    assert weights.max() == pytest.approx(1 / (1 + 7 * (0.02 / 0.98) / (0.3 / 0.7)), rel=1e-4)


def test_weights_are_shares_that_rise_with_their_offsets() -> None:
    rows = np.random.default_rng(1).uniform(0, 1, (50, 59)).astype(np.float32)
    weights = mood_weights(rows, THRESHOLDS, SCALE)
    assert weights.shape == (50, 8)
    assert weights.dtype == np.float32
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-5)
    more = mood_weights(rows, THRESHOLDS, replace(SCALE, offsets=(2.0, *SCALE.offsets[1:])))
    assert (more[:, 0] > weights[:, 0]).all()
    assert (more[:, 1:] <= weights[:, 1:]).all()


@pytest.mark.parametrize("scale", [None, SCALE])
def test_a_silent_row_has_no_mood_and_leaves_the_others_alone(scale: MoodScale | None) -> None:
    rows = np.concatenate([np.zeros((1, 59), np.float32), tagged("calm")])
    weights = mood_weights(rows, THRESHOLDS, scale)
    assert not weights[0].any()
    assert weights[1].sum() == pytest.approx(1.0, abs=1e-5)


def test_probabilities_of_nought_and_one_stay_finite() -> None:
    rows = np.zeros((2, 59), dtype=np.float32)
    rows[0, 3], rows[1] = 1.0, 1.0
    assert np.isfinite(mood_weights(rows, THRESHOLDS, SCALE)).all()


def test_a_head_says_its_scale_and_the_tagger_weighs_by_it(tmp_path: Path) -> None:
    files = write_backbone(tmp_path / "b.onnx"), write_head(tmp_path / "h.onnx")
    scaled = write_head(tmp_path / "s.onnx", metadata={"moods": write_scale(SCALE)})
    assert load_head(files[1]).moods is None
    assert load_head(scaled).moods == SCALE
    sound = (0.1 * np.random.default_rng(2).standard_normal(64_000)).astype(np.float32)
    for head, scale in ((files[1], None), (scaled, SCALE)):
        result = load_tagger(backbone=files[0], head=head).analyse_audio(sound)
        expected = mood_weights(result.timeline, result.thresholds, scale)
        np.testing.assert_array_equal(result.moods, expected)
        theme = mood_weights(result.theme[np.newaxis], result.thresholds, scale)
        np.testing.assert_array_equal(result.theme_moods, theme[0])


def test_without_a_scale_moods_are_means_in_units_of_thresholds() -> None:
    thresholds = np.linspace(0.05, 0.9, 59).astype(np.float32)
    rows = np.random.default_rng(3).uniform(0, 1, (4, 59)).astype(np.float32)
    means = np.stack(
        [(rows / thresholds)[:, [TAGS.index(tag) for tag in tags]].mean(axis=1) for tags in GROUPS.values()],
        axis=1,
    )
    expected = means / means.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(mood_weights(rows, thresholds), expected, rtol=1e-4)


def test_a_scale_is_read_as_it_was_written() -> None:
    assert read_scale(write_scale(SCALE)) == SCALE


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "{",
        "[]",
        "3",
        '{"slope": 1.0}',
        json.dumps({"slope": 1.0, "offsets": [0.0] * 8}),
        json.dumps({"slope": 1.0, "offsets": dict.fromkeys(MOODS[:7], 0.0)}),
        json.dumps({"slope": 1.0, "offsets": dict.fromkeys(MOODS[::-1], 0.0)}),
        json.dumps({"slope": 1.0, "offsets": dict.fromkeys(MOODS)}),
        json.dumps({"slope": 0.0, "offsets": dict.fromkeys(MOODS, 0.0)}),
        json.dumps({"slope": -1.0, "offsets": dict.fromkeys(MOODS, 0.0)}),
        json.dumps({"slope": float("nan"), "offsets": dict.fromkeys(MOODS, 0.0)}),
        json.dumps({"slope": 1.0, "offsets": dict.fromkeys(MOODS, float("inf"))}),
        json.dumps({"slope": 1.0, "offsets": list(MOODS)}),
    ],
)
def test_a_head_with_a_damaged_scale_is_refused_in_one_sentence(tmp_path: Path, damaged: str) -> None:
    with pytest.raises(WeightsError, match=r"no mood head of this project \(metadata: .*\): use one that"):
        load_head(write_head(tmp_path / "h.onnx", metadata={"moods": damaged}))


def test_the_head_that_ships_has_a_scale() -> None:
    head = load_head()
    assert head.moods is not None
    assert (head.info.name, head.info.version) == ("mood-head", "2.0.0")

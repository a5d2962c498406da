"""Areas, intervals, calibration and thresholds of tags, on answers whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from core.errors import DataError
from training.intervals import percentile_interval
from training.mood.calibrate import best_thresholds, f1_at, fit_calibration, mean_nll, sigmoid
from training.mood.ranking import artist_bootstrap, draw_artists, micro_areas, tag_areas


def answers(tracks: int = 300, tags: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties, which know a little of the labels."""
    rng = np.random.default_rng(0)
    labels = rng.random((tracks, tags)) < 0.2
    return np.round(rng.standard_normal((tracks, tags)) + labels, 1), labels


def test_areas_are_those_of_scikit_learn() -> None:
    scores, labels = answers()
    precision, roc = tag_areas(scores, labels)
    for tag in range(labels.shape[1]):
        assert precision[tag] == pytest.approx(average_precision_score(labels[:, tag], scores[:, tag]))
        assert roc[tag] == pytest.approx(roc_auc_score(labels[:, tag], scores[:, tag]))
    pooled = micro_areas(scores, labels)
    assert pooled[0] == pytest.approx(average_precision_score(labels.ravel(), scores.ravel()))
    assert pooled[1] == pytest.approx(roc_auc_score(labels.ravel(), scores.ravel()))


def test_a_tag_that_no_track_or_every_track_has_has_no_area() -> None:
    scores, labels = answers()
    labels[:, 1], labels[:, 2] = False, True
    for areas in tag_areas(scores, labels):
        assert np.isnan(areas[[1, 2]]).all()
        assert np.isfinite(areas[[0, 3, 4]]).all()


def test_order_alone_counts() -> None:
    scores, labels = answers()
    assert np.allclose(tag_areas(scores, labels), tag_areas(np.exp(scores), labels))


def test_perfect_and_reversed_answers() -> None:
    _, labels = answers()
    assert [area.tolist() for area in tag_areas(labels.astype(np.float64), labels)] == [[1.0] * 5] * 2
    assert tag_areas(-labels.astype(np.float64), labels)[1].tolist() == [0.0] * 5


def test_artists_are_drawn_whole() -> None:
    artists = [f"artist {track // 10}" for track in range(300)]
    drawn = draw_artists(artists, draws=7, seed=3)
    assert drawn.shape == (7, 300)
    assert np.array_equal(drawn[:, ::10], drawn[:, 9::10])
    assert (drawn.sum(axis=1) == 300).all()
    assert np.array_equal(drawn, draw_artists(artists, draws=7, seed=3))


def test_a_draw_weighs_tracks_as_scikit_learn_does() -> None:
    scores, labels = answers()
    drawn = draw_artists([str(track // 10) for track in range(300)], draws=4)
    spread = artist_bootstrap(scores, labels, drawn)
    weights = drawn[2]
    assert spread["pr_auc"][2, 1] == pytest.approx(
        average_precision_score(labels[:, 1], scores[:, 1], sample_weight=weights)
    )
    assert spread["micro_roc_auc"][2] == pytest.approx(
        roc_auc_score(labels.ravel(), scores.ravel(), sample_weight=np.repeat(weights, 5))
    )


def test_an_interval_holds_the_figure_and_few_artists_make_it_wide() -> None:
    scores, labels = answers()
    widths = []
    for tracks_each in (1, 30):
        drawn = draw_artists([str(track // tracks_each) for track in range(300)], draws=200)
        low, high = percentile_interval(
            np.nanmean(artist_bootstrap(scores, labels, drawn)["pr_auc"], axis=1)
        ) or (1, 0)
        assert low < np.nanmean(tag_areas(scores, labels)[0]) < high
        widths.append(high - low)
    assert percentile_interval(np.array([np.nan, np.nan, 0.5])) is None
    assert percentile_interval(np.array([])) is None


def test_calibration_finds_the_slope_and_the_offsets_that_were_hidden() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(-2.0, 2.0, (20_000, 4))
    hidden = np.array([0.5, -0.5, 0.0, 1.0])
    labels = rng.random(logits.shape) < sigmoid(0.6 * logits + hidden)
    slope, offsets = fit_calibration(logits, labels, shrinkage=1.0)
    assert slope == pytest.approx(0.6, abs=0.03)
    assert offsets == pytest.approx(hidden, abs=0.08)
    assert mean_nll(sigmoid(slope * logits + offsets), labels) < mean_nll(sigmoid(logits), labels)


def test_a_rare_tag_keeps_its_offset_near_zero() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(-3.0, 1.0, (400, 2))
    labels = rng.random(logits.shape) < sigmoid(logits)
    labels[:, 1] = False
    labels[0, 1] = True
    free, shrunk = (fit_calibration(logits, labels, shrinkage=by)[1][1] for by in (0.0, 10.0))
    assert free < shrunk < 0.0


def test_a_tag_without_a_track_stays_finite() -> None:
    _, labels = answers()
    labels[:, 0] = False
    slope, offsets = fit_calibration(np.random.default_rng(0).normal(size=labels.shape), labels)
    assert np.isfinite([slope, *offsets]).all()


def test_calibration_needs_tracks_with_tags_and_numbers() -> None:
    with pytest.raises(DataError, match="None of 3 calibration tracks has a tag"):
        fit_calibration(np.zeros((3, 2)), np.zeros((3, 2), dtype=bool))
    with pytest.raises(DataError, match="answers with NaN"):
        fit_calibration(np.full((3, 2), np.nan), np.ones((3, 2), dtype=bool))


def test_the_threshold_is_that_of_the_best_f1() -> None:
    probabilities = np.array([[0.9], [0.8], [0.6], [0.5], [0.1]])
    labels = np.array([[True], [False], [True], [False], [False]])
    assert best_thresholds(probabilities, labels) == pytest.approx([0.55])
    precision, recall, f1 = f1_at(probabilities, labels, np.array([0.55]))
    assert (precision[0], recall[0], f1[0]) == pytest.approx((2 / 3, 1.0, 0.8))


def test_no_other_threshold_gives_a_better_f1() -> None:
    scores, labels = answers()
    probabilities = sigmoid(scores)
    best = f1_at(probabilities, labels, best_thresholds(probabilities, labels))[2]
    for threshold in np.linspace(0.01, 0.99, 99):
        assert (f1_at(probabilities, labels, np.full(5, threshold))[2] <= best + 1e-12).all()


def test_thresholds_lie_above_zero_and_a_tag_without_tracks_is_never_said() -> None:
    labels = np.array([[True, False], [True, False]])
    thresholds = best_thresholds(np.array([[0.4, 0.2], [0.4, 0.3]]), labels)
    assert thresholds == pytest.approx([0.2, 1.0])
    assert f1_at(np.array([[0.4, 0.2]]), labels[:1], thresholds)[2].tolist() == [1.0, 0.0]

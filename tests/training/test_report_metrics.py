"""Curves and intervals of the report on cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.intervals import binary_figures_with_interval, events_per_hour_interval, speaker_bootstrap
from training.metrics import confusion, masked
from training.report.curves import precision_recall, reliability, risk_coverage, roc, thin, threshold_sweep

SCORE = np.array([0.9, 0.8, 0.7, 0.6])
POSITIVE = np.array([True, False, True, False])


def test_confusion_counts_truth_by_answer() -> None:
    counts = confusion(np.array([0, 0, 1]), np.array([0, 2, 1]), 3)
    assert counts.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_masking_renormalises_what_is_left() -> None:
    assert masked(np.array([[0.2, 0.3, 0.5]]), (0, 1)) == pytest.approx(np.array([[0.4, 0.6, 0.0]]))


def test_roc_of_a_known_ranking() -> None:
    curve = roc(SCORE, POSITIVE)  # of the four pairs, the second positive loses one
    assert curve is not None
    assert curve.area == pytest.approx(0.75)
    assert curve.x.tolist() == [0.0, 0.0, 0.5, 0.5, 1.0]
    assert curve.y.tolist() == [0.0, 0.5, 0.5, 1.0, 1.0]


def test_tied_scores_count_half() -> None:
    curve = roc(np.full(4, 0.5), POSITIVE)
    assert curve is not None
    assert curve.area == pytest.approx(0.5)


@pytest.mark.parametrize("positive", [np.zeros(4, dtype=bool), np.ones(4, dtype=bool)])
def test_roc_of_an_absent_or_only_class_does_not_exist(positive: np.ndarray) -> None:
    assert roc(SCORE, positive) is None


def test_average_precision_of_a_known_ranking() -> None:
    curve = precision_recall(SCORE, POSITIVE)  # precision 1 at half of the recall, 2/3 at the other half
    assert curve is not None
    assert curve.area == pytest.approx((1 + 2 / 3) / 2)
    assert precision_recall(SCORE, np.zeros(4, dtype=bool)) is None


def test_reliability_names_only_bins_that_hold_clips() -> None:
    rows = reliability(np.array([0.05, 0.95, 1.0]), np.array([False, True, False]), bins=10)
    assert [(row["low"], row["n"], row["accuracy"]) for row in rows] == [(0.0, 1, 0.0), (0.9, 2, 0.5)]
    assert rows[1]["confidence"] == pytest.approx(0.975)


def test_risk_coverage_of_a_known_ranking() -> None:
    curve = risk_coverage(np.array([0.6, 0.9, 0.8]), np.array([False, True, True]))
    assert curve.y.tolist() == pytest.approx([0.0, 0.0, 1 / 3])
    assert curve.area == pytest.approx(1 / 9)


def test_risk_among_ties_does_not_depend_on_their_order() -> None:
    one = risk_coverage(np.full(2, 0.5), np.array([True, False]))
    other = risk_coverage(np.full(2, 0.5), np.array([False, True]))
    assert one.area == other.area == pytest.approx(0.5)


def test_risk_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        risk_coverage(np.zeros(0), np.zeros(0, dtype=bool))


def test_sweep_says_none_where_nothing_is_accepted() -> None:
    rows = threshold_sweep(np.array([0.5, 0.8]), np.array([False, True]), thresholds=(0.5, 0.7, 0.9))
    assert [row["n"] for row in rows] == [2, 1, 0]
    assert [row["accuracy"] for row in rows] == [0.5, 1.0, None]


def test_thin_keeps_the_ends() -> None:
    x, y = thin(np.arange(1000.0), -np.arange(1000.0), 11)
    assert len(x) == 11
    assert (x[0], x[-1], y[-1]) == (0.0, 999.0, -999.0)


def voices(right_of: list[int]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Two classes; of each speaker's ten clips, five of each class, so many are right, all at 0.9."""
    truth = np.tile(np.repeat([0, 1], 5), len(right_of))
    right = np.concatenate([np.arange(10) % 5 < count / 2 for count in right_of])
    guess = np.where(right, truth, 1 - truth)
    probabilities = np.full((len(truth), 2), 0.1)
    probabilities[np.arange(len(truth)), guess] = 0.9
    return probabilities, truth, [f"s{i}" for i in range(len(right_of)) for _ in range(10)]


def test_bootstrap_spans_what_speakers_span() -> None:
    intervals = speaker_bootstrap(*voices([10, 10, 0, 0]))
    assert intervals["wa"] == (0.0, 1.0)
    assert intervals["coverage"] == (1.0, 1.0)


def test_bootstrap_of_equal_speakers_is_a_point() -> None:
    intervals = speaker_bootstrap(*voices([6, 6, 6]))
    assert intervals["ua"] == intervals["wa"] == intervals["accepted_accuracy"] == (0.6, 0.6)
    assert intervals["ece"] == pytest.approx((0.3, 0.3))
    assert intervals["macro_f1"] == (0.6, 0.6)


def test_bootstrap_is_the_same_for_the_same_seed() -> None:
    given = voices([10, 6, 2, 8])
    assert speaker_bootstrap(*given, seed=3) == speaker_bootstrap(*given, seed=3)


def test_one_speaker_has_no_interval() -> None:
    assert set(speaker_bootstrap(*voices([6])).values()) == {None}


def test_accuracy_of_nothing_accepted_has_no_interval() -> None:
    probabilities, truth, speakers = voices([6, 4])
    timid = 0.5 + (probabilities - 0.5) * 0.1
    intervals = speaker_bootstrap(timid, truth, speakers)
    assert intervals["accepted_accuracy"] is None
    assert intervals["coverage"] == (0.0, 0.0)


def test_two_sided_figures_span_what_speakers_span() -> None:
    """Two speakers whose lively clips are told from quiet ones, and two who are heard the wrong way round."""
    high = np.tile([True, True, False, False], 4)
    told = np.where(high == (np.arange(16) < 8), 0.9, 0.1)
    record = binary_figures_with_interval(told, high, [f"s{i}" for i in range(4) for _ in range(4)], 0.8)
    assert (record["auc"], record["accepted_accuracy"], record["coverage"]) == (0.5, 0.5, 1.0)
    assert record["interval"]["auc"] == record["interval"]["accuracy"] == (0.0, 1.0)
    assert record["interval"]["coverage"] == (1.0, 1.0)


def test_two_sided_intervals_count_what_their_own_threshold_accepts() -> None:
    high = np.tile([True, False], 6)
    told, speakers = np.where(high, 0.75, 0.25), [f"s{i // 4}" for i in range(12)]
    assert binary_figures_with_interval(told, high, speakers, 0.7)["interval"]["coverage"] == (1.0, 1.0)
    assert binary_figures_with_interval(told, high, speakers, 0.8)["interval"]["coverage"] == (0.0, 0.0)


def test_two_sided_figures_of_one_speaker_or_one_side_have_no_interval() -> None:
    high = np.array([True, False])
    alone = binary_figures_with_interval(np.array([0.9, 0.1]), high, ["s", "s"], 0.8)
    assert set(alone["interval"].values()) == {None}
    lively = binary_figures_with_interval(np.full(2, 0.9), np.ones(2, dtype=bool), ["s", "t"], 0.8)
    assert lively["auc"] is lively["interval"]["auc"] is None
    assert lively["interval"]["accuracy"] == (1.0, 1.0)


def test_poisson_interval_of_textbook_counts() -> None:
    assert events_per_hour_interval(0, 1.0) == pytest.approx((0.0, 3.689))  # Garwood's table
    assert events_per_hour_interval(10, 1.0) == pytest.approx((4.795, 18.390))
    assert events_per_hour_interval(10, 2.0) == pytest.approx((2.398, 9.195), abs=1e-3)


@pytest.mark.parametrize(("events", "hours"), [(1, 0.0), (-1, 1.0)])
def test_a_rate_of_nothing_is_refused(events: int, hours: float) -> None:
    with pytest.raises(ValueError, match="no rate"):
        events_per_hour_interval(events, hours)

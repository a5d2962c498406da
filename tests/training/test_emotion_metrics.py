"""Figures and temperature on predictions whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import DataError
from training.emotion.confidence import _weighted_nll, balanced_weights, fit_temperature
from training.intervals import AreasInDraws
from training.metrics import (
    _area_under_roc,
    binary_figures,
    expected_calibration_error,
    figures,
    mean_recall,
    softmax,
)

LABELS = ("a", "b", "c")


def drawn(n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits of a perfectly calibrated model and labels drawn from it."""
    rng = np.random.default_rng(0)
    logits = 2.0 * rng.standard_normal((n, 8))
    uniform = rng.random((n, 1))
    truth = (softmax(logits).cumsum(axis=1) < uniform).sum(axis=1).clip(max=7)
    return logits, truth


@pytest.mark.parametrize("known", [0.4, 1.0, 2.5])
def test_known_temperature_is_recovered(known: float) -> None:
    logits, truth = drawn()
    assert fit_temperature(logits * known, truth) == pytest.approx(known, rel=0.03)


def test_temperature_makes_confidence_honest() -> None:
    logits, truth = drawn()
    for divisor, low, high in ((1.0, 0.1, 1.0), (3.0, 0.0, 0.02)):
        probabilities = softmax(logits * 3.0, divisor)
        correct = probabilities.argmax(axis=1) == truth
        assert low <= expected_calibration_error(probabilities.max(axis=1), correct) <= high


def test_weights_let_small_corpora_count() -> None:
    weights = balanced_weights(["x"] * 9 + ["y"])
    assert weights.mean() == pytest.approx(1.0)
    assert weights[:9].sum() == pytest.approx(weights[9])
    logits, truth = drawn(2_000)
    assert _weighted_nll(logits, truth, 1.0, np.ones(2_000)) == pytest.approx(
        _weighted_nll(logits, truth, 1.0)
    )


def test_temperature_of_nothing_or_nan_is_refused() -> None:
    with pytest.raises(DataError, match="no calibration clips"):
        fit_temperature(np.zeros((0, 8)), np.zeros(0, dtype=np.int64))
    with pytest.raises(DataError, match="NaN"):
        fit_temperature(np.full((2, 8), np.nan), np.zeros(2, dtype=np.int64))


def test_figures_of_known_predictions() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.2, 0.7, 0.1], [0.8, 0.2, 0.0]])
    result = figures(probabilities, np.array([0, 0, 1, 1]), LABELS)
    assert result.recall == {"a": 1.0, "b": 0.5}
    assert result.ua == pytest.approx(0.75)
    assert result.wa == pytest.approx(0.75)
    assert result.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    assert result.coverage == pytest.approx(0.75)
    assert result.accepted_accuracy == pytest.approx(2 / 3)


def test_masking_chooses_among_the_present_classes() -> None:
    probabilities = np.array([[0.2, 0.1, 0.7], [0.1, 0.3, 0.6]])
    truth = np.array([0, 1])
    assert figures(probabilities, truth, LABELS).wa == 0.0
    masked = figures(probabilities, truth, LABELS, only=(0, 1))
    assert masked.wa == 1.0
    assert masked.coverage == pytest.approx(0.5)  # 0.2 / 0.3 stays below 0.70, 0.3 / 0.4 does not


def test_nothing_accepted_has_no_accuracy() -> None:
    result = figures(np.full((4, 3), 1 / 3), np.array([0, 1, 2, 0]), LABELS)
    assert result.coverage == 0.0
    assert result.accepted_accuracy is None
    assert result.record()["accepted_accuracy"] is None


def test_figures_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        figures(np.zeros((0, 3)), np.zeros(0, dtype=np.int64), LABELS)


def test_mean_recall_counts_classes_alike_however_rare() -> None:
    truth, guess = np.array([0, 0, 0, 0, 2]), np.array([0, 0, 0, 1, 2])
    assert mean_recall(guess, truth) == pytest.approx((0.75 + 1.0) / 2)
    assert figures(np.eye(3)[guess], truth, LABELS).ua == mean_recall(guess, truth)


def two_sided(n: int = 3_000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities in steps of a hundredth, so that many are tied, and sides drawn from them."""
    rng = np.random.default_rng(1)
    probability = np.round(rng.beta(0.7, 0.7, n), 2)
    return probability, rng.random(n) < probability


def test_two_sided_figures_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, roc_auc_score  # noqa: PLC0415

    probability, high = two_sided()
    result = binary_figures(probability, high, 0.8)
    assert result.n == 3_000
    assert result.auc == pytest.approx(roc_auc_score(high, probability))
    assert result.accuracy == pytest.approx(accuracy_score(high, probability >= 0.5))
    sure = np.maximum(probability, 1 - probability) >= 0.8
    assert result.accepted == sure.sum()
    assert result.coverage == pytest.approx(sure.mean())
    assert result.accepted_accuracy == pytest.approx(accuracy_score(high[sure], probability[sure] >= 0.5))


def test_the_area_of_repeated_examples_is_that_of_scikit_learn_with_weights() -> None:
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415

    probability, high = two_sided(400)
    times = np.random.default_rng(2).integers(0, 4, 400)
    expected = roc_auc_score(high, probability, sample_weight=times)
    _, areas = AreasInDraws(probability, high).areas(times[None].astype(float))
    assert areas == pytest.approx([expected])
    assert _area_under_roc(probability, high) == pytest.approx(roc_auc_score(high, probability))


def test_two_sided_confidence_is_that_of_the_likelier_side() -> None:
    probability, high = two_sided(20_000)
    assert binary_figures(probability, high, 0.8).ece < 0.02
    # All quiet, and said so with 0.9: right in all, a tenth too modest.
    modest = binary_figures(np.full(10, 0.1), np.zeros(10, dtype=bool), 0.8)
    assert modest.ece == pytest.approx(0.1)
    assert (modest.coverage, modest.accepted_accuracy, modest.auc) == (1.0, 1.0, None)


def test_two_sided_answers_of_even_odds_are_never_accepted() -> None:
    result = binary_figures(np.full(4, 0.5), np.array([True, False, True, False]), 0.55)
    assert (result.auc, result.accuracy, result.coverage, result.accepted_accuracy) == (0.5, 0.5, 0.0, None)
    assert result.record()["accepted_accuracy"] is None


@pytest.mark.parametrize("sides", [0, 3])
def test_two_sided_figures_of_nothing_or_of_another_shape_are_refused(sides: int) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        binary_figures(np.zeros(2 if sides else 0), np.zeros(sides, dtype=bool), 0.8)

"""What heads are to answer: classes, and energy and pleasantness where a label says something of them."""

from __future__ import annotations

import numpy as np
import pytest

from core.emotions import EMOTIONS
from training.data.ordinary import ORDINARY
from training.emotion.protocols import CLASSES
from training.emotion.targets import axis_truth, draw_probabilities, targets_of

TRUTH = {
    "neutral": (0.0, np.nan),
    "calm": (0.0, 1.0),
    "happy": (1.0, 1.0),
    "sad": (0.0, 0.0),
    "angry": (1.0, 0.0),
    "fearful": (1.0, 0.0),
    "disgust": (np.nan, 0.0),
    "surprised": (1.0, np.nan),
    ORDINARY: (0.5, 0.5),
    "other:boredom": (np.nan, np.nan),
    "other:cough": (np.nan, np.nan),
    "": (np.nan, np.nan),
}
EIGHT = tuple(str(emotion) for emotion in EMOTIONS)


@pytest.mark.parametrize("label", TRUTH)
def test_every_label_says_what_is_known_of_it(label: str) -> None:
    assert axis_truth(label) == pytest.approx(TRUTH[label], nan_ok=True)


def test_no_class_is_left_out_of_the_table() -> None:
    assert set(CLASSES) <= set(TRUTH)


def test_targets_are_classes_in_the_order_of_the_logits_and_both_axes() -> None:
    found = targets_of(["sad", "other:boredom", "angry", ORDINARY], ("angry", "sad", "neutral"))
    assert found.labels.tolist() == [1, -1, 0, 2]
    assert found.labels.dtype == np.int64
    assert found.certainty.tolist() == [1.0, 1.0, 1.0, 0.5]  # neutral may be said, but not be claimed
    assert found.certainty.dtype == found.axes.dtype == np.float32
    assert found.axes == pytest.approx(
        np.array([[0, 0], [np.nan, np.nan], [1, 0], [0.5, 0.5]], np.float32), nan_ok=True
    )


def test_boredom_is_a_class_of_its_own_where_it_is_one() -> None:
    assert targets_of(["other:boredom"], CLASSES).labels.tolist() == [8]
    assert targets_of(["other:boredom"], EIGHT).labels.tolist() == [-1]


def test_ordinary_talk_is_neutral_or_nothing() -> None:
    assert targets_of([ORDINARY], EIGHT).labels.tolist() == [EIGHT.index("neutral")]
    assert targets_of([ORDINARY], ("happy", "sad")).labels.tolist() == [-1]
    assert targets_of([ORDINARY], ("neutral", ORDINARY)).labels.tolist() == [1]


def test_no_clips_have_no_targets() -> None:
    nothing = targets_of([], EIGHT)
    assert (nothing.labels.shape, nothing.certainty.shape, nothing.axes.shape) == ((0,), (0,), (0, 2))


def test_small_cells_are_heard_more_often_than_their_share() -> None:
    odds = draw_probabilities(["sad"] * 90 + ["angry"] * 10, ["a"] * 90 + ["b"] * 10)
    assert odds.sum() == pytest.approx(1.0)
    assert 0.1 < odds[90:].sum() < 0.5
    assert odds[90] > odds[0]
    assert odds[:90] == pytest.approx(odds[0])


def test_a_label_of_two_corpora_is_two_cells() -> None:
    odds = draw_probabilities(["sad"] * 20, ["a"] * 16 + ["b"] * 4)
    assert odds[16:].sum() / odds[:16].sum() == pytest.approx((4 / 16) ** 0.35)

"""The scores that tempo, beats and key are measured by."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.track_truth import beat_f, mirex_score

C_MAJOR, C_MINOR, A_MINOR = 0, 1, 19


def test_keys_are_numbered_by_tonic_and_mode_and_silence_scores_nothing() -> None:
    assert mirex_score(C_MAJOR, C_MAJOR) == mirex_score(A_MINOR, A_MINOR) == 1.0
    assert mirex_score(A_MINOR, C_MAJOR) == mirex_score(C_MAJOR, A_MINOR) == 0.3
    assert mirex_score(C_MINOR, C_MAJOR) == 0.2
    assert mirex_score(-1, C_MAJOR) == 0.0


def test_beats_count_when_they_are_right_to_70_ms() -> None:
    truth = np.arange(0.0, 20.0, 0.5)
    assert beat_f(truth + 0.05, truth) == 1.0
    assert beat_f(truth + 0.2, truth) == 0.0
    assert beat_f(truth[::2], truth) == pytest.approx(2 / 3)
    assert beat_f(np.zeros(0), truth) == 0.0

"""The evidence for a tempo, on onset strengths that are written down."""

from __future__ import annotations

import numpy as np
import pytest

from models.track.tempo import (
    FASTEST_BPM,
    FRAMES_PER_S,
    LAGS,
    SLOWEST_BPM,
    WEIGHTS,
    Pulse,
    candidates,
    clearness,
    correlations,
    evidence,
)


def strengths(bpm: float, *, seconds: float = 30.0) -> np.ndarray:
    """Of a kick on every other beat, a snare between, and a hi-hat on eighths: whole, low, middle, high."""
    frames = np.zeros((4, round(seconds * FRAMES_PER_S)))
    beats = np.round(np.arange(0.0, seconds - 0.5, 30.0 / bpm) * FRAMES_PER_S).astype(int)
    for start, hit in ((0, (1.0, 1.0, 0.6, 0.2)), (2, (1.0, 0.3, 0.8, 1.0))):
        frames[:, beats[start::4]] = np.array(hit)[:, np.newaxis]
    frames[3, beats[1::2]] = 0.5
    frames[0, beats[1::2]] = 0.2
    return frames


@pytest.mark.parametrize("bpm", [60.0, 91.0, 120.0, 173.0, 200.0])
def test_the_tempo_is_chosen_among_its_halves_and_doubles(bpm: float) -> None:
    found = correlations(strengths(bpm))
    tempi = candidates(found)
    assert (np.abs(tempi / bpm - 1) < 0.02).any()
    assert len(tempi) > 1
    assert tempi[(evidence(found, tempi) @ WEIGHTS).argmax()] == pytest.approx(bpm, rel=0.02)


def test_candidates_differ_and_stay_within_what_people_tap() -> None:
    tempi = np.sort(candidates(correlations(strengths(117.0))))
    assert SLOWEST_BPM < tempi[0] < tempi[-1] < FASTEST_BPM
    assert (np.diff(tempi) / tempi[:-1] > 0.019).all()


def test_a_perfect_pulse_is_as_clear_as_can_be_a_beat_later_and_unclear_between() -> None:
    found = correlations(strengths(120.0))
    assert clearness(found, 120.0) > 0.9
    assert clearness(found, 200.0) < 0.2
    assert found[Pulse.LOW, FRAMES_PER_S] > 0.9
    assert found[Pulse.LOW, FRAMES_PER_S // 2] < found[Pulse.LOW_TO_HIGH, FRAMES_PER_S // 2]


@pytest.mark.parametrize("frames", [1, 300, 900, 5_000])
def test_without_onsets_nothing_correlates(frames: int) -> None:
    found = correlations(np.zeros((4, frames)))
    assert found.shape == (len(Pulse), 8 * FRAMES_PER_S)
    assert not found.any()
    assert clearness(found, 120.0) == 0.0


def test_every_piece_of_evidence_has_a_weight() -> None:
    assert WEIGHTS.shape == (len(LAGS) + 2,)
    assert evidence(correlations(strengths(100.0)), np.array([50.0, 100.0])).shape == (2, len(WEIGHTS))

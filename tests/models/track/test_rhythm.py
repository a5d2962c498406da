"""Tempo and beats of sound whose pulse is known, and of sound that has none."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks.track_sounds import Drums, beat_times, drum_track, pulse_track
from core.errors import ExtraMissingError, ModelError
from models.resample import SAMPLE_RATE_HZ
from models.track import rhythm
from models.track.rhythm import Rhythm, analyse_rhythm
from tests.models.track.odd_sounds import ODD_SOUNDS

SECONDS = 20.0


@pytest.fixture
def _librosa() -> None:
    pytest.importorskip("librosa")


@pytest.mark.usefixtures("_librosa")
@pytest.mark.parametrize("bpm", [72.0, 97.3, 128.0, 174.0])
@pytest.mark.parametrize("drums", [None, Drums.ROCK, Drums.FOUR_ON_THE_FLOOR])
def test_the_tempo_is_right_to_one_percent(bpm: float, drums: Drums | None) -> None:
    audio = pulse_track(bpm, SECONDS) if drums is None else drum_track(bpm, SECONDS, drums=drums)
    found = analyse_rhythm(audio)
    assert found.tempo_bpm == pytest.approx(bpm, rel=0.01)
    assert found.alternatives_bpm == pytest.approx((bpm / 2, 2 * bpm), rel=0.01)
    assert found.confidence > 0.4


@pytest.mark.long
@pytest.mark.usefixtures("_librosa")
def test_the_tempo_is_right_from_60_to_200_bpm() -> None:
    from benchmarks.track_truth import synthetic_tempo  # noqa: PLC0415 - with the room of training

    figures = synthetic_tempo(range(60, 201, 5))
    assert figures["within_1_percent"] >= 0.95, figures["missed"]


@pytest.mark.usefixtures("_librosa")
def test_beats_are_where_they_are_played() -> None:
    found = analyse_rhythm(pulse_track(100.0, SECONDS)).beats_s
    played = beat_times(100.0, SECONDS)
    assert found.dtype == np.float64
    assert len(found) == pytest.approx(len(played), abs=2)
    assert np.abs(found[:, np.newaxis] - played).min(axis=1).max() < 0.03


@pytest.mark.usefixtures("_librosa")
def test_beats_go_on_across_the_parts_that_are_transformed(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = drum_track(110.0, SECONDS)
    whole = analyse_rhythm(audio)
    monkeypatch.setattr(rhythm, "_PART_S", 3)
    parts = analyse_rhythm(audio)
    assert parts.tempo_bpm == whole.tempo_bpm
    np.testing.assert_array_equal(parts.beats_s, whole.beats_s)


@pytest.mark.usefixtures("_librosa")
def test_the_level_does_not_matter() -> None:
    audio = drum_track(110.0, SECONDS)
    assert analyse_rhythm(0.05 * audio).tempo_bpm == pytest.approx(analyse_rhythm(audio).tempo_bpm, rel=1e-3)


@pytest.mark.usefixtures("_librosa")
@pytest.mark.parametrize("name", ODD_SOUNDS)
def test_what_has_no_pulse_gets_no_tempo_or_little_confidence(name: str) -> None:
    found = analyse_rhythm(ODD_SOUNDS[name])
    assert 0.0 <= found.confidence < 0.3
    assert np.isfinite(found.beats_s).all()
    assert (found.tempo_bpm is None) == (found.alternatives_bpm is None)
    if name in {"silence", "one second", "one sample"}:
        assert (found.tempo_bpm, found.confidence, len(found.beats_s)) == (None, 0.0, 0)


@pytest.mark.usefixtures("_librosa")
@pytest.mark.parametrize(
    "audio",
    [np.zeros(0, np.float32), np.zeros((2, 9), np.float32), np.full(SAMPLE_RATE_HZ, np.nan, np.float32)],
)
def test_what_is_no_audio_is_refused(audio: np.ndarray) -> None:
    with pytest.raises(ModelError):
        analyse_rhythm(audio)


def test_without_librosa_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(ExtraMissingError, match="analysis"):
        analyse_rhythm(np.zeros(SAMPLE_RATE_HZ, dtype=np.float32))


def test_a_rhythm_is_shown_without_its_beats() -> None:
    assert "beats" not in repr(Rhythm(120.0, 0.9, (60.0, 240.0), np.arange(500.0)))

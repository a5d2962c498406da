"""The key of progressions whose key is known, and of sound that has none."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import soxr

from benchmarks.track_sounds import chord_progression
from core.errors import ExtraMissingError, ModelError
from models.resample import SAMPLE_RATE_HZ
from models.track.features import PITCH_CLASSES
from models.track.key import MAJOR_PROFILE, MINOR_PROFILE, KeyMode, estimate_key, key_scores
from tests.models.track.odd_sounds import ODD_SOUNDS

SECONDS = 10.0


@pytest.fixture
def _librosa() -> None:
    pytest.importorskip("librosa")


@pytest.mark.usefixtures("_librosa")
@pytest.mark.parametrize("minor", [False, True], ids=["major", "minor"])
@pytest.mark.parametrize("tonic", [0, 3, 6, 10])
def test_the_key_of_a_progression_is_found(tonic: int, minor: bool) -> None:
    found = estimate_key(chord_progression(tonic, minor=minor, seconds=SECONDS))
    assert found is not None
    assert (found.tonic, found.mode) == (PITCH_CLASSES[tonic], KeyMode.MINOR if minor else KeyMode.MAJOR)
    assert found.confidence > 0.5


@pytest.mark.long
@pytest.mark.usefixtures("_librosa")
def test_all_24_keys_are_found() -> None:
    from benchmarks.track_truth import synthetic_key  # noqa: PLC0415 - with the room of training

    figures = synthetic_key(range(24))
    assert figures["exact"] >= 22, figures["missed"]


@pytest.mark.usefixtures("_librosa")
@pytest.mark.parametrize("cents", [-40, 25, 40])
def test_an_instrument_out_of_tune_is_in_the_same_key(cents: int) -> None:
    rate = SAMPLE_RATE_HZ * 2.0 ** (cents / 1200)
    audio = soxr.resample(chord_progression(2, minor=True, seconds=SECONDS), rate, SAMPLE_RATE_HZ)
    found = estimate_key(audio)
    assert found is not None
    assert (found.tonic, found.mode) == ("D", "minor")


@pytest.mark.usefixtures("_librosa")
@pytest.mark.parametrize("name", ODD_SOUNDS)
def test_what_has_no_key_gets_none_or_little_confidence(name: str) -> None:
    found = estimate_key(ODD_SOUNDS[name])
    if name in {"silence", "one second"}:
        assert found is None
    elif found is not None:
        assert found.tonic in PITCH_CLASSES
        assert 0.0 <= found.confidence < 0.5


def test_a_profile_correlates_best_with_itself() -> None:
    profiles = np.array((MAJOR_PROFILE, MINOR_PROFILE))
    for key in range(24):
        scores = key_scores(np.roll(profiles[key % 2], key // 2), profiles)
        assert scores.argmax() == key
        assert scores[key] == pytest.approx(1.0)
    assert not key_scores(np.ones(12), profiles).any()


@pytest.mark.usefixtures("_librosa")
@pytest.mark.parametrize(
    "audio",
    [np.zeros(0, np.float32), np.zeros((2, 9), np.float32), np.full(SAMPLE_RATE_HZ, np.inf, np.float32)],
)
def test_what_is_no_audio_is_refused(audio: np.ndarray) -> None:
    with pytest.raises(ModelError):
        estimate_key(audio)


def test_without_librosa_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(ExtraMissingError, match="analysis"):
        estimate_key(np.zeros(SAMPLE_RATE_HZ, dtype=np.float32))

"""The 103 features: their names, and their values on sound whose truth is known."""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import pytest

from core.errors import DataError, ModelError
from models.resample import SAMPLE_RATE_HZ
from models.track import features
from models.track.feature_file import features_from_dict, features_to_dict, read_features, write_features
from models.track.features import FEATURE_NAMES, FEATURES, PITCH_CLASSES, FeatureGroup

SECONDS = 4.0


def tone(pitch_hz: float, *, peak: float = 0.5, seconds: float = SECONDS) -> np.ndarray:
    time_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (peak * np.sin(2 * np.pi * pitch_hz * time_s)).astype(np.float32)


def noise(*, peak: float = 0.1, seconds: float = SECONDS) -> np.ndarray:
    random = np.random.default_rng(0)
    return (peak * random.normal(size=round(seconds * SAMPLE_RATE_HZ))).astype(np.float32)


def pulses(bpm: float, *, seconds: float = 20.0) -> np.ndarray:
    """Short clicks at a steady tempo over a floor of noise."""
    sound = noise(peak=1e-4, seconds=seconds)
    click = (
        0.8 * np.exp(-np.arange(800) / 100.0) * np.sin(2 * np.pi * 1_000 * np.arange(800) / SAMPLE_RATE_HZ)
    )
    for start in np.arange(0.1, seconds - 0.1, 60.0 / bpm):
        first = round(start * SAMPLE_RATE_HZ)
        sound[first : first + len(click)] += click.astype(np.float32)
    return sound


def described(audio: np.ndarray) -> dict[str, float]:
    pytest.importorskip("librosa")
    vector = features.extract_features(audio)
    assert vector.dtype == np.float32
    assert vector.shape == (103,)
    assert np.isfinite(vector).all()
    return dict(zip(FEATURE_NAMES, vector.tolist(), strict=True))


def test_there_are_103_features_in_five_groups_each_explained() -> None:
    assert len(FEATURE_NAMES) == len(set(FEATURE_NAMES)) == 103
    assert set(Counter(feature.group for feature in FEATURES)) == set(FeatureGroup)
    assert all(feature.about for feature in FEATURES)
    assert {"tempo", "spectral_centroid_mean", "mfcc_1_mean", "mfcc_13_std", "chroma_1_mean"} <= set(
        FEATURE_NAMES
    )


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros(3 * SAMPLE_RATE_HZ, dtype=np.float32),
        np.ones(1, dtype=np.float32),
        np.full(SAMPLE_RATE_HZ, 0.3, dtype=np.float32),
        noise(seconds=1.0),
        noise(seconds=0.01),
        tone(40.0, seconds=1.0),
        np.sign(tone(300.0)),
    ],
    ids=["silence", "one sample", "an offset", "one second", "10 ms", "a low hum", "clipped"],
)
def test_odd_sounds_are_described_by_finite_numbers(audio: np.ndarray) -> None:
    described(audio)


def test_silence_has_no_tempo_no_level_and_no_key() -> None:
    found = described(np.zeros(2 * SAMPLE_RATE_HZ, dtype=np.float32))
    for name in (
        "tempo",
        "beat_count",
        "onset_count",
        "rms_energy",
        "key_confidence",
        "dynamic_range",
        "kurtosis",
    ):
        assert found[name] == 0.0
    assert found["duration"] == 2.0


def test_a_tone_is_where_it_is() -> None:
    found = described(tone(440.0))
    assert found["spectral_centroid_mean"] == pytest.approx(440.0, abs=25.0)
    assert found["spectral_rolloff_mean"] == pytest.approx(440.0, abs=16.0)
    assert PITCH_CLASSES[int(found["estimated_key"])] == "A"
    assert found["chroma_10_mean"] == pytest.approx(1.0, abs=0.01)
    assert found["spectral_flatness_mean"] < 0.01
    assert found["zcr_mean"] == pytest.approx(2 * 440.0 / SAMPLE_RATE_HZ, rel=0.05)
    assert found["rms_energy"] == pytest.approx(0.5 / np.sqrt(2), rel=1e-3)
    assert found["mean_amplitude"] == pytest.approx(0.5 * 2 / np.pi, rel=1e-3)
    assert found["max_amplitude"] == pytest.approx(0.5, rel=1e-3)
    assert found["kurtosis"] == pytest.approx(-1.5, abs=1e-3)


def test_a_detuned_tone_has_the_same_key() -> None:
    for cents in (-30, 30):
        assert PITCH_CLASSES[int(described(tone(261.63 * 2 ** (cents / 1200)))["estimated_key"])] == "C"


def test_noise_is_flat_even_and_normal() -> None:
    found = described(noise())
    assert found["spectral_flatness_mean"] > 0.5
    assert found["spectral_centroid_mean"] == pytest.approx(SAMPLE_RATE_HZ / 4, rel=0.02)
    assert found["skewness"] == pytest.approx(0.0, abs=0.05)
    assert found["kurtosis"] == pytest.approx(0.0, abs=0.1)
    assert found["std_amplitude"] == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("bpm", [72.0, 97.0, 120.0, 138.0])
def test_tempo_onsets_and_beats_of_a_steady_pulse(bpm: float) -> None:
    found = described(pulses(bpm))
    assert found["tempo"] == pytest.approx(bpm, rel=0.01)
    assert found["onset_density"] == pytest.approx(bpm / 60.0, rel=0.1)
    assert found["beat_count"] == pytest.approx(20.0 * bpm / 60.0, abs=3)
    assert found["rhythm_regularity"] > 0.9
    assert found["tempogram_max"] > 0.5


def test_a_pulse_is_more_regular_and_clearer_than_noise() -> None:
    steady, random = described(pulses(120.0)), described(noise(seconds=20.0))
    assert steady["tempogram_max"] > random["tempogram_max"] + 0.2
    assert steady["rhythm_regularity"] > random["rhythm_regularity"]


def test_dynamic_range_is_that_of_the_levels() -> None:
    quiet, loud = tone(440.0, peak=0.01), tone(440.0, peak=0.1)
    assert described(np.concatenate([quiet, loud]))["dynamic_range"] == pytest.approx(20.0, abs=0.5)


def test_of_a_long_track_the_middle_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "MOST_S", 2.0)
    found = described(np.concatenate([noise(seconds=3.0), tone(440.0, seconds=2.0), noise(seconds=3.0)]))
    assert found["duration"] == 2.0
    assert found["spectral_flatness_mean"] < 0.01


@pytest.mark.parametrize(
    ("audio", "said"),
    [
        (np.zeros(0, dtype=np.float32), r"shape \(0,\)"),
        (np.zeros((2, 9), dtype=np.float32), r"shape \(2, 9\)"),
        (np.full(9, np.nan, dtype=np.float32), "NaN"),
    ],
)
def test_what_is_no_audio_is_refused(audio: np.ndarray, said: str) -> None:
    pytest.importorskip("librosa")
    with pytest.raises(ModelError, match=said):
        features.extract_features(audio)


def test_without_librosa_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(ModelError, match=r"pip install -e '\.\[analysis\]'"):
        features.extract_features(noise())


def test_a_file_of_features_is_read_as_it_was_written(tmp_path) -> None:
    vector = np.linspace(-3.0, 3.0, 103).astype(np.float32)
    vector[FEATURE_NAMES.index("estimated_key")] = 9.0
    path = tmp_path / "deep" / "a_features.json"
    write_features(path, vector, {"filename": "a.mp3"})
    assert read_features(path).tolist() == vector.tolist()
    assert features_to_dict(vector)["estimated_key"] == "A"
    assert '"filename": "a.mp3"' in path.read_text(encoding="utf-8")


def test_files_of_other_pipelines_are_read_by_their_names() -> None:
    content = {
        "tempo": 120,
        "chroma_C#_mean": 0.5,
        "estimated_key": "D#",
        "sample_rate": 22050,
        "filename": "x",
    }
    found = dict(zip(FEATURE_NAMES, features_from_dict(content).tolist(), strict=True))
    assert (found["tempo"], found["chroma_2_mean"], found["estimated_key"]) == (120.0, 0.5, 3.0)
    assert np.isnan(found["mfcc_1_mean"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "damaged"),
        ("[1]", "no names and values"),
        ("{}", "none of the 103 features"),
        ('{"tempo": "fast"}', "tempo is 'fast'"),
        ('{"tempo": true}', "tempo is True"),
        ('{"tempo": NaN}', "tempo is nan"),
        ('{"tempo": 1e99}', "tempo is 1e\\+99"),
        ('{"estimated_key": "H"}', "estimated_key is 'H'"),
        ("[" * 100_000, "damaged"),
    ],
)
def test_what_is_wrong_with_a_file_of_features_is_said(tmp_path, text: str, said: str) -> None:
    path = tmp_path / "x_features.json"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        read_features(path)
    with pytest.raises(DataError, match="There is no features file"):
        read_features(tmp_path / "none.json")

"""Spectrograms of 128 mel bands: shape, level, and the picture."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

from core.errors import ModelError
from models.resample import SAMPLE_RATE_HZ
from models.track.spectrogram import RANGE_DB, draw_spectrogram, mel_spectrogram, npy_bytes
from tests.models.track.test_features import noise, tone

librosa = pytest.importorskip("librosa")


def test_a_tone_is_in_its_band_and_tenfold_is_20_db() -> None:
    quiet, loud = (mel_spectrogram(tone(1_000.0, peak=peak)) for peak in (0.05, 0.5))
    assert quiet.shape == (128, 126)
    assert quiet.dtype == np.float32
    middle = librosa.mel_frequencies(n_mels=130, fmax=SAMPLE_RATE_HZ / 2)[1:-1]
    assert middle[int(loud.mean(axis=1).argmax())] == pytest.approx(1_000.0, abs=40.0)
    assert loud[:, 60].max() - quiet[:, 60].max() == pytest.approx(20.0, abs=0.1)
    assert loud.max() - loud.min() <= RANGE_DB + 1e-3


@pytest.mark.parametrize("samples", [1, 100, SAMPLE_RATE_HZ])
def test_silence_and_short_sounds_are_finite(samples: int) -> None:
    assert np.allclose(mel_spectrogram(np.zeros(samples, dtype=np.float32)), -100.0)
    assert np.isfinite(mel_spectrogram(noise()[:samples])).all()


def test_what_is_no_audio_is_refused() -> None:
    with pytest.raises(ModelError, match="NaN"):
        mel_spectrogram(np.array([np.inf], dtype=np.float32))


def test_picture_and_file_are_what_they_say() -> None:
    pytest.importorskip("matplotlib")
    values = mel_spectrogram(noise())
    first, again = (draw_spectrogram(values, title="5 $ & <b> $x_1$") for _ in range(2))
    assert first.startswith(b"\x89PNG")
    assert first == again
    assert np.load(io.BytesIO(npy_bytes(values))).tolist() == values.tolist()


def test_without_matplotlib_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    values = mel_spectrogram(noise())
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModelError, match="pip install"):
        draw_spectrogram(values)

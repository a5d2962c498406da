"""Spectrograms of 128 mel bands in dB, as arrays and as pictures."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import ExtraMissingError
from core.extras import missing_library
from models.resample import SAMPLE_RATE_HZ, Audio
from models.track.features import FFT_SAMPLES, HOP_SAMPLES, MEL_BANDS, checked, middle_of, padded
from models.track.librosa_library import load_librosa

Spectrogram = npt.NDArray[np.float32]  # float32, shape (128, frames), dB; 31.25 frames a second

FRAME_S: Final = HOP_SAMPLES / SAMPLE_RATE_HZ
RANGE_DB: Final = 80.0
PREPROCESSING: Final[Mapping[str, Any]] = {
    "sample_rate_hz": SAMPLE_RATE_HZ,
    "fft_samples": FFT_SAMPLES,
    "hop_samples": HOP_SAMPLES,
    "mel_bands": MEL_BANDS,
    "mel_scale": "slaney",
    "range_db": RANGE_DB,
}
"""How the spectrograms are made, for what is trained on them."""

_TICKS_HZ: Final = (125, 250, 500, 1_000, 2_000, 4_000, 8_000)


def mel_spectrogram(audio: Audio) -> Spectrogram:
    """Power in 128 mel bands (Slaney) up to 8 kHz, in dB.

    0 dB is a power of 1; what is more than 80 dB below the loudest is raised to that, and nothing is below
    -100 dB.

    Parameters
    ----------
    audio
        As in `models.track.features.extract_features`.

    Raises
    ------
    ExtraMissingError
        librosa is not installed.
    ModelError
        The audio is empty, has another shape or is not finite.
    """
    librosa = load_librosa()
    samples = padded(middle_of(checked(audio)))
    power = librosa.feature.melspectrogram(
        y=samples, sr=SAMPLE_RATE_HZ, n_fft=FFT_SAMPLES, hop_length=HOP_SAMPLES, n_mels=MEL_BANDS
    )
    decibels: Spectrogram = librosa.power_to_db(power, top_db=RANGE_DB).astype(np.float32)
    return decibels


def npy_bytes(spectrogram: Spectrogram) -> bytes:
    """The content of a file of NumPy."""
    content = io.BytesIO()
    np.save(content, spectrogram, allow_pickle=False)
    return content.getvalue()


def draw_spectrogram(spectrogram: Spectrogram, *, title: str = "") -> bytes:
    """Draw time over frequency as a PNG, 1 200 by 480 pixels.

    Parameters
    ----------
    spectrogram
        Shape (128, frames), at least one frame, in dB.
    title
        Written above it.

    Raises
    ------
    ExtraMissingError
        matplotlib or librosa is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - heavy, and an extra
    except ModuleNotFoundError as error:
        raise ExtraMissingError(missing_library("analysis", error.name)) from error
    librosa = load_librosa()
    figure = Figure(figsize=(12.0, 4.8), dpi=100, layout="constrained")
    axes = figure.subplots()
    top = float(spectrogram.max())
    image = axes.imshow(
        spectrogram,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=top - RANGE_DB,
        vmax=top,
        extent=(0.0, spectrogram.shape[1] * FRAME_S, 0, MEL_BANDS),
    )
    mels = librosa.mel_frequencies(n_mels=MEL_BANDS + 2, fmax=SAMPLE_RATE_HZ / 2)
    axes.set_yticks(np.interp(_TICKS_HZ, mels, np.arange(-1, MEL_BANDS + 1) + 0.5).clip(0, MEL_BANDS))
    axes.set_yticklabels([f"{tick:,}" for tick in _TICKS_HZ])
    axes.set_xlabel("time (s)")
    axes.set_ylabel("frequency (Hz)")
    # What is between dollar signs would be set as a formula.
    axes.set_title(title.replace("$", r"\$"))
    figure.colorbar(image, ax=axes, label="dB")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()

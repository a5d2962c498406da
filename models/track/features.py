"""The 103 classical features of a track: what they are called, what they mean, and how they are computed.

They are computed at 16 kHz, as all audio here: one decoding serves every model, and lossy music seldom holds
more than noise above 8 kHz. So frequencies end at 8 kHz, and values are not those of a pipeline at 22 050 Hz.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import ModelError
from models.resample import SAMPLE_RATE_HZ, Audio
from models.track.librosa_library import load_librosa

FeatureVector = npt.NDArray[np.float32]  # float32, shape (103,), in the order of `FEATURE_NAMES`

FFT_SAMPLES: Final = 2_048  # 128 ms
HOP_SAMPLES: Final = 512  # 32 ms
MEL_BANDS: Final = 128
MOST_S: Final = 600.0  # of a longer track its middle is analysed
LEAST_S: Final = 3.0  # below that nothing is said of tempo and key

PITCH_CLASSES: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

_MFCCS: Final = 13
_CONTRAST_BANDS: Final = 7
_SILENT: Final = 1e-6  # power of a bin below which there is nothing to tune to
_FLOOR: Final = 1e-4  # amplitude of -80 dBFS, below which levels are not told apart
# An onset is larger than the frames beside it: librosa asks that only of frames shorter than 30 ms.
_PEAK: Final = {"pre_max": 1, "post_max": 2, "wait": 1}
_FASTEST_BPM, _SLOWEST_BPM = 300.0, 30.0
_TUNED_FROM: Final = 8  # every so manyth frame is enough to estimate the tuning


class FeatureGroup(StrEnum):
    """What a feature speaks of."""

    TEMPORAL = "temporal"
    SPECTRAL = "spectral"
    HARMONIC = "harmonic"
    RHYTHMIC = "rhythmic"
    STATISTICAL = "statistical"


@dataclass(frozen=True, slots=True)
class ClassicalFeature:
    """One of the 103."""

    name: str
    group: FeatureGroup
    about: str  # what it is, with its unit where it has one


def _mean_and_std(name: str, group: FeatureGroup, about: str) -> tuple[ClassicalFeature, ...]:
    return (
        ClassicalFeature(f"{name}_mean", group, f"{about}: mean over the frames"),
        ClassicalFeature(f"{name}_std", group, f"{about}: standard deviation over the frames"),
    )


def _table() -> tuple[ClassicalFeature, ...]:
    temporal, spectral, harmonic, rhythmic, statistical = FeatureGroup
    one, both = ClassicalFeature, _mean_and_std
    return (
        one("duration", temporal, "Length of what was analysed, in seconds"),
        *both("zcr", temporal, "Zero crossings per sample, 0 to 1"),
        one("onset_count", temporal, "Number of note onsets"),
        one("onset_density", temporal, "Note onsets per second"),
        *(
            feature
            for number in range(1, _MFCCS + 1)
            for feature in both(f"mfcc_{number}", spectral, f"Mel-frequency cepstral coefficient {number}")
        ),
        *both("spectral_centroid", spectral, "Centre of mass of the spectrum, in Hz"),
        *both("spectral_rolloff", spectral, "Frequency below which 85 % of the magnitude lies, in Hz"),
        *both("spectral_bandwidth", spectral, "Spread of the spectrum around its centroid, in Hz"),
        one("spectral_flatness_mean", spectral, "0 for a tone, 1 for white noise: mean over the frames"),
        *(
            feature
            for number, band in enumerate(_contrast_bands(), start=1)
            for feature in both(
                f"spectral_contrast_{number}", spectral, f"Peaks over valleys, {band} Hz, in dB"
            )
        ),
        *(
            feature
            for number, pitch in enumerate(PITCH_CLASSES, start=1)
            for feature in both(f"chroma_{number}", harmonic, f"Strength of the pitch class {pitch}, 0 to 1")
        ),
        one("estimated_key", harmonic, "Strongest pitch class, 0 for C to 11 for B; a rough guess"),
        one("key_confidence", harmonic, "Its share of the strength of all pitch classes, 0 to 1"),
        *(
            feature
            for number, axis in enumerate(_TONNETZ_AXES, start=1)
            for feature in both(f"tonnetz_{number}", harmonic, f"Tonal centroid, {axis}, -1 to 1")
        ),
        one("tempo", rhythmic, "Beats per minute by the spacing of the beats; 0 without beats"),
        one("beat_count", rhythmic, "Number of beats"),
        one("tempogram_mean", rhythmic, "Autocorrelation of the onset strength, 30 to 300 BPM: mean"),
        one("tempogram_std", rhythmic, "The same: standard deviation"),
        one("tempogram_max", rhythmic, "The same: that of the strongest tempo, 1 for a perfect pulse"),
        one("rhythm_regularity", rhythmic, "1 where the spacing of onsets is even, 0 where it is not"),
        one("rms_energy", statistical, "Root mean square of the samples"),
        one("max_amplitude", statistical, "Largest magnitude of a sample"),
        one("mean_amplitude", statistical, "Mean magnitude of the samples"),
        one("std_amplitude", statistical, "Standard deviation of the samples"),
        one("skewness", statistical, "Third standardised moment of the samples; 0 where all are equal"),
        one("kurtosis", statistical, "Fourth standardised moment less 3; 0 where all are equal"),
        one("dynamic_range", statistical, "Level exceeded in 5 % of the frames over that in 90 %, in dB"),
    )


def _contrast_bands() -> tuple[str, ...]:
    """Octaves from 200 Hz as `librosa.feature.spectral_contrast` cuts them."""
    edges = (0, *(200 * 2**octave for octave in range(_CONTRAST_BANDS - 1)), SAMPLE_RATE_HZ // 2)
    return tuple(f"{low} to {high}" for low, high in pairwise(edges))


_TONNETZ_AXES: Final = (
    "fifths, x",
    "fifths, y",
    "minor thirds, x",
    "minor thirds, y",
    "major thirds, x",
    "major thirds, y",
)

FEATURES: Final = _table()
"""All of them in their order. References: librosa (McFee et al., 2015) for the definitions; spectral contrast
Jiang et al. 2002; tonal centroids Harte et al. 2006; tempogram Grosche et al. 2010; beats Ellis 2007."""

FEATURE_NAMES: Final = tuple(feature.name for feature in FEATURES)


def extract_features(audio: Audio) -> FeatureVector:
    """Compute the 103 features; all are finite, also of silence and of a single sample.

    Parameters
    ----------
    audio
        Mono float32, shape (samples,), 16 000 Hz, range [-1, 1], at least one sample. Of more than 10
        minutes the middle ones are taken.

    Raises
    ------
    ExtraMissingError
        librosa is not installed.
    ModelError
        The audio is empty, has another shape or is not finite.
    """
    librosa = load_librosa()
    audio = middle_of(checked(audio))
    samples = padded(audio)
    magnitudes = np.abs(librosa.stft(samples, n_fft=FFT_SAMPLES, hop_length=HOP_SAMPLES))  # (1025, frames)
    powers = magnitudes**2
    mel = librosa.feature.melspectrogram(S=powers, sr=SAMPLE_RATE_HZ, n_mels=MEL_BANDS)
    decibels = librosa.power_to_db(mel)  # (128, frames)
    values = {
        **_spectral(librosa, magnitudes, decibels),
        **_harmonic(librosa, powers),
        **_rhythmic(librosa, decibels, len(audio) / SAMPLE_RATE_HZ),
        **_statistical(audio, librosa.feature.rms(S=magnitudes, frame_length=FFT_SAMPLES)[0]),
        **_moments("zcr", librosa.feature.zero_crossing_rate(samples, hop_length=HOP_SAMPLES)[0]),
    }
    vector = np.array([values[name] for name in FEATURE_NAMES], dtype=np.float32)
    if not np.isfinite(vector).all():
        wrong = [name for name, value in zip(FEATURE_NAMES, vector, strict=True) if not np.isfinite(value)]
        raise ModelError(f"The features {', '.join(wrong)} came out as NaN: this sound cannot be described.")
    return vector


def checked(audio: Audio) -> Audio:
    """The same audio.

    Raises
    ------
    ModelError
        It is empty, has another shape or is not finite.
    """
    if audio.ndim != 1 or not len(audio):
        raise ModelError(f"Audio of shape {audio.shape} came: give (samples,), at least one.")
    if not np.isfinite(audio).all():
        raise ModelError("The audio holds NaN or infinities: make them silent before.")
    return audio


def middle_of(audio: Audio) -> Audio:
    """The middle 10 minutes; all of what is shorter."""
    most = round(MOST_S * SAMPLE_RATE_HZ)
    start = max(0, (len(audio) - most) // 2)
    return audio[start : start + most]


def padded(audio: Audio) -> Audio:
    """At least one Fourier transform long, with silence behind."""
    return np.pad(audio, (0, max(0, FFT_SAMPLES - len(audio))))


def _moments(name: str, frames: npt.NDArray[np.floating]) -> dict[str, float]:
    """Mean and standard deviation over the frames, shape (frames,)."""
    return {f"{name}_mean": float(frames.mean()), f"{name}_std": float(frames.std())}


def _rows(name: str, rows: npt.NDArray[np.floating]) -> dict[str, float]:
    """The same for numbered rows, shape (rows, frames)."""
    return {
        key: value
        for number, frames in enumerate(rows, start=1)
        for key, value in _moments(f"{name}_{number}", frames).items()
    }


def _spectral(
    librosa: Any, magnitudes: npt.NDArray[np.float32], decibels: npt.NDArray[np.float32]
) -> dict[str, float]:
    shape = {"S": magnitudes, "sr": SAMPLE_RATE_HZ}
    centroid = librosa.feature.spectral_centroid(**shape)
    return {
        **_rows("mfcc", librosa.feature.mfcc(S=decibels, n_mfcc=_MFCCS)),
        **_moments("spectral_centroid", centroid[0]),
        **_moments("spectral_rolloff", librosa.feature.spectral_rolloff(**shape)[0]),
        **_moments("spectral_bandwidth", librosa.feature.spectral_bandwidth(**shape, centroid=centroid)[0]),
        "spectral_flatness_mean": float(librosa.feature.spectral_flatness(S=magnitudes).mean()),
        **_rows("spectral_contrast", librosa.feature.spectral_contrast(**shape, n_bands=_CONTRAST_BANDS - 1)),
    }


def _harmonic(librosa: Any, powers: npt.NDArray[np.float32]) -> dict[str, float]:
    tuning = _tuning(librosa, powers[:, ::_TUNED_FROM])
    chroma = librosa.feature.chroma_stft(S=powers, sr=SAMPLE_RATE_HZ, tuning=tuning)  # (12, frames)
    strengths = chroma.mean(axis=1)
    total = float(strengths.sum())
    return {
        **_rows("chroma", chroma),
        **_rows("tonnetz", librosa.feature.tonnetz(chroma=chroma, sr=SAMPLE_RATE_HZ)),
        "estimated_key": float(strengths.argmax()),
        "key_confidence": float(strengths.max()) / total if total else 0.0,
    }


def _tuning(librosa: Any, powers: npt.NDArray[np.float32]) -> float:
    """Deviation from 440 Hz in semitones; 0 where nothing sounds that has a pitch."""
    if powers.max() < _SILENT:
        return 0.0
    pitches, strengths = librosa.piptrack(S=powers, sr=SAMPLE_RATE_HZ)
    pitched = pitches > 0
    if not pitched.any():
        return 0.0
    pitched &= strengths >= np.median(strengths[pitched])
    return float(librosa.pitch_tuning(pitches[pitched]))


def _rhythmic(librosa: Any, decibels: npt.NDArray[np.float32], duration_s: float) -> dict[str, float]:
    time = {"sr": SAMPLE_RATE_HZ, "hop_length": HOP_SAMPLES}
    strength = librosa.onset.onset_strength(S=decibels, **time)
    onsets = beats = lags = np.zeros(0)
    if strength.any():
        onsets = librosa.onset.onset_detect(onset_envelope=strength, units="time", **_PEAK, **time)
        # About its mean, so that noise, whose strength hardly varies, does not pass for a pulse.
        tempogram = librosa.feature.tempogram(onset_envelope=strength - strength.mean(), **time)
        tempogram = np.maximum(tempogram, 0.0)
        bpm = librosa.feature.tempo(tg=tempogram, **time)
        beats = librosa.beat.beat_track(onset_envelope=strength, bpm=bpm, units="time", **time)[1]
        lags = tempogram.mean(axis=1)[_tempo_lags()]
    return {
        "duration": duration_s,
        "onset_count": float(len(onsets)),
        "onset_density": len(onsets) / duration_s,
        "tempo": 60.0 / float(np.diff(beats).mean()) if len(beats) > 1 else 0.0,
        "beat_count": float(len(beats)),
        "tempogram_mean": float(lags.mean()) if len(lags) else 0.0,
        "tempogram_std": float(lags.std()) if len(lags) else 0.0,
        "tempogram_max": float(lags.max()) if len(lags) else 0.0,
        "rhythm_regularity": _regularity(np.diff(onsets)),
    }


def _tempo_lags() -> slice:
    """Rows of the tempogram from the fastest tempo to the slowest."""
    per_minute = 60.0 * SAMPLE_RATE_HZ / HOP_SAMPLES
    return slice(round(per_minute / _FASTEST_BPM), round(per_minute / _SLOWEST_BPM) + 1)


def _regularity(intervals: npt.NDArray[np.float64]) -> float:
    if len(intervals) < 2:
        return 0.0
    return max(0.0, 1.0 - float(intervals.std() / intervals.mean()))


def _statistical(audio: Audio, levels: npt.NDArray[np.float32]) -> dict[str, float]:
    samples = audio.astype(np.float64)
    spread = float(samples.std())
    standard = (samples - samples.mean()) / spread if spread > 0.0 else np.zeros(1)
    loud, quiet = np.percentile(20.0 * np.log10(np.maximum(levels, _FLOOR)), (95, 10))
    return {
        "rms_energy": float(np.sqrt(np.mean(samples**2))),
        "max_amplitude": float(np.abs(samples).max()),
        "mean_amplitude": float(np.abs(samples).mean()),
        "std_amplitude": spread,
        "skewness": float(np.mean(standard**3)),
        "kurtosis": float(np.mean(standard**4)) - 3.0 if spread > 0.0 else 0.0,
        "dynamic_range": float(loud - quiet),
    }

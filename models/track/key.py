"""The key of a track."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.resample import SAMPLE_RATE_HZ, Audio
from models.track.features import LEAST_S, PITCH_CLASSES, checked, middle_of
from models.track.librosa_library import load_librosa

Values = npt.NDArray[np.float64]

MAJOR_PROFILE: Final = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
MINOR_PROFILE: Final = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)
"""How much each degree sounds above the tonic (Albrecht and Shanahan 2013). Of the published profiles they
did best on synthesised songs: `python -m benchmarks.track_choice`."""

_HOP: Final = 2_048
_BINS: Final = 3  # a semitone
_OCTAVES: Final = 5
_LOWEST_HZ: Final = 61.735  # B1: a semitone below the first that counts
_SILENT: Final = 1e-3  # magnitude that no bin of silence exceeds
_RIPPLE: Final = np.full(9, 1.0 / 9.0)

_CONFIDENCE: Final = (-5.90, 14.42, 18.68)
"""Of a constant, of the lead over the second key and of the contrast of the pitch classes: a logistic
regression fitted by `python -m benchmarks.track_choice` on songs, speech and noise."""


class KeyMode(StrEnum):
    """Major or minor."""

    MAJOR = "major"
    MINOR = "minor"


@dataclass(frozen=True, slots=True)
class KeyEstimate:
    """In which key a track is, as a whole."""

    tonic: str  # one of `PITCH_CLASSES`
    mode: KeyMode
    confidence: float  # chance that both are right, 0 to 1


def estimate_key(audio: Audio) -> KeyEstimate | None:
    """Find the key by the profile that correlates best with the pitch classes (Krumhansl 1990).

    Parameters
    ----------
    audio
        Mono float32, shape (samples,), 16 000 Hz, range [-1, 1], at least one sample. Of more than 10
        minutes the middle ones are taken.

    Returns
    -------
    key
        None where nothing sounds, or for less than 3 s.

    Raises
    ------
    ExtraMissingError
        librosa is not installed.
    ModelError
        The audio is empty, has another shape or is not finite.
    """
    librosa = load_librosa()
    if len(checked(audio)) < LEAST_S * SAMPLE_RATE_HZ:
        return None
    strengths = pitch_classes(librosa, middle_of(audio))
    if strengths is None:
        return None
    scores = key_scores(strengths, np.array((MAJOR_PROFILE, MINOR_PROFILE)))
    best = int(scores.argmax())
    tonic, minor = divmod(best, 2)
    return KeyEstimate(
        PITCH_CLASSES[tonic],
        KeyMode.MINOR if minor else KeyMode.MAJOR,
        _confidence(*key_evidence(strengths, scores)),
    )


def pitch_classes(librosa: Any, audio: Audio) -> Values | None:
    """Mean strength of the pitch classes from C2 to B6, whatever the tuning, shape (12,); None of silence.

    The constant-Q transform has three bins a semitone. How the tuning deviates from 440 Hz is read off where
    its peaks lie within the semitones (Gomez 2006), and semitones are taken around that.
    """
    transform = librosa.cqt(
        audio,
        sr=SAMPLE_RATE_HZ,
        hop_length=_HOP,
        fmin=_LOWEST_HZ,
        n_bins=(12 * _OCTAVES + 2) * _BINS,
        bins_per_octave=12 * _BINS,
        tuning=0.0,
    )
    magnitudes = np.abs(transform).astype(np.float64)  # (186, frames)
    if magnitudes.max() < _SILENT:
        return None
    semitones = np.sqrt(_around(_deviation(magnitudes.sum(axis=1))) @ magnitudes)  # (60, frames)
    strengths: Values = semitones.reshape(_OCTAVES, 12, -1).sum(axis=0).mean(axis=1)
    return strengths


def _deviation(spectrum: Values) -> float:
    """How many bins the peaks lie above their semitones, -1.5 to 1.5, shape (186,)."""
    peaks = np.maximum(spectrum - np.convolve(spectrum, _RIPPLE, mode="same"), 0.0)
    turns = np.exp(2j * np.pi * np.arange(len(spectrum)) / _BINS)
    return float(np.angle(peaks @ turns)) / (2.0 * np.pi) * _BINS


def _around(deviation: float) -> Values:
    """Triangles of four bins around each semitone, shape (60, 186)."""
    centres = _BINS * (1 + np.arange(12 * _OCTAVES)) + deviation
    bins = np.arange((12 * _OCTAVES + 2) * _BINS)
    return np.maximum(0.0, 1.0 - np.abs(bins - centres[:, np.newaxis]) / 2.0)


def key_scores(strengths: Values, profiles: Values) -> Values:
    """Correlate pitch classes, shape (12,), with profiles of major and minor, shape (2, 12).

    Returns
    -------
    scores
        Shape (24,): C major, C minor, C# major, ..., B minor; -1 to 1.
    """
    keys = np.stack([np.roll(profile, tonic) for tonic in range(12) for profile in profiles])
    keys = keys - keys.mean(axis=1, keepdims=True)
    heard = strengths - strengths.mean()
    lengths = np.linalg.norm(keys, axis=1) * np.linalg.norm(heard)
    scores: Values = keys @ heard / np.maximum(lengths, np.finfo(np.float64).tiny)
    return scores


def key_evidence(strengths: Values, scores: Values) -> tuple[float, float]:
    """The lead of the best key over the second, and the contrast of pitch classes: deviation over mean."""
    second, best = np.sort(scores)[-2:]
    return float(best - second), float(strengths.std() / strengths.mean())


def _confidence(lead: float, contrast: float) -> float:
    constant, of_lead, of_contrast = _CONFIDENCE
    return float(1.0 / (1.0 + np.exp(-(constant + of_lead * lead + of_contrast * contrast))))

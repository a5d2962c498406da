"""The tempo of a track and its beats."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.resample import SAMPLE_RATE_HZ, Audio
from models.track.features import LEAST_S, checked
from models.track.librosa_library import load_librosa
from models.track.tempo import FRAMES_PER_S, WEIGHTS, Values, candidates, clearness, correlations, evidence

_HOP: Final = SAMPLE_RATE_HZ // FRAMES_PER_S
_FFT: Final = 1_024
_MELS: Final = 48
_LOWEST_HZ: Final = 30.0
_BANDS: Final = (0, 4, 20, 48)  # mel bands where bass, middle and treble begin: 30, 270 and 1 650 Hz
_FLOOR: Final = 1e-7
_PART_S: Final = 60  # of sound, transformed at once
_DRIFT: Final = 0.04  # beats further from the tempo than this were not found
_FAINTEST: Final = 0.05

_CONFIDENCE: Final = (-9.17, 7.65, 7.65)
"""Of a constant, of the share of the tempo among the candidates and of its clearness: a logistic regression
fitted by `python -m benchmarks.track_choice` on songs, speech and noise."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What the pulse of a track is."""

    tempo_bpm: float | None  # None where there is no pulse, or less than 3 s of sound
    confidence: float  # chance that the tempo is right to 4 %, not only its half or double, 0 to 1
    alternatives_bpm: tuple[float, float] | None  # half and double
    beats_s: npt.NDArray[np.float64] = field(repr=False)  # shape (beats,), since the beginning


def analyse_rhythm(audio: Audio) -> Rhythm:
    """Find the tempo and the beats.

    Onset strength in three bands is correlated with itself (Ellis 2007; Grosche et al. 2010), a conditional
    logit chooses among the tempi at which it is periodic (`models.track.tempo`), librosa's dynamic
    programming places the beats at that tempo (Ellis 2007), and a line through them gives it exactly.

    Parameters
    ----------
    audio
        Mono float32, shape (samples,), 16 000 Hz, range [-1, 1], at least one sample.

    Raises
    ------
    ExtraMissingError
        librosa is not installed.
    ModelError
        The audio is empty, has another shape or is not finite.
    """
    librosa = load_librosa()
    if len(checked(audio)) < LEAST_S * SAMPLE_RATE_HZ:
        return _none()
    strengths = onset_strengths(librosa, audio)
    found = correlations(strengths)
    tempi = candidates(found)
    if not len(tempi):
        return _none()
    scores = evidence(found, tempi) @ WEIGHTS
    shares = np.exp(scores - scores.max())
    best = int(shares.argmax())
    clear = clearness(found, tempi[best])
    if clear < _FAINTEST:
        return _none()
    beats = librosa.beat.beat_track(
        onset_envelope=strengths[0], sr=SAMPLE_RATE_HZ, hop_length=_HOP, bpm=tempi[best], units="time"
    )[1].astype(np.float64)
    bpm = _refined(tempi[best], beats)
    return Rhythm(bpm, _confidence(shares[best] / shares.sum(), clear), (bpm / 2.0, 2.0 * bpm), beats)


def onset_strengths(librosa: Any, audio: Audio) -> Values:
    """How much louder it gets, of the whole spectrum and of three bands, shape (4, frames), 100 a second."""
    length = _PART_S * SAMPLE_RATE_HZ
    padded = np.pad(audio, (_FFT // 2, _FFT // 2))
    levels = np.concatenate(
        [
            librosa.feature.melspectrogram(
                y=padded[start : start + length + _FFT - _HOP],
                sr=SAMPLE_RATE_HZ,
                n_fft=_FFT,
                hop_length=_HOP,
                n_mels=_MELS,
                fmin=_LOWEST_HZ,
                center=False,
            )
            for start in range(0, len(audio), length)
        ],
        axis=1,
    )  # (48, frames)
    decibels = librosa.power_to_db(levels, ref=1.0, amin=_FLOOR, top_db=None)
    bands = librosa.onset.onset_strength_multi(
        S=decibels, sr=SAMPLE_RATE_HZ, n_fft=_FFT, hop_length=_HOP, channels=list(_BANDS)
    )  # (3, frames)
    whole = np.average(bands, axis=0, weights=np.diff(_BANDS))
    return np.stack((whole, *bands)).astype(np.float64)


def _refined(bpm: float, beats: Values) -> float:
    """The tempo by the slope of a line through the beats, in BPM; as it was where they do not keep it."""
    if len(beats) < 4:
        return bpm
    places = np.cumsum(np.maximum(1.0, np.rint(np.diff(beats, prepend=beats[0]) * bpm / 60.0)))
    slope = float(np.polyfit(places, beats, 1)[0])
    exact = 60.0 / slope
    return exact if abs(exact / bpm - 1.0) < _DRIFT else bpm


def _confidence(share: float, clear: float) -> float:
    constant, of_share, of_clearness = _CONFIDENCE
    return float(1.0 / (1.0 + np.exp(-(constant + of_share * share + of_clearness * clear))))


def _none() -> Rhythm:
    return Rhythm(None, 0.0, None, np.zeros(0))

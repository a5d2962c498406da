"""How the constants of tempo, beats and key were chosen: on one half of POP909, drums, speech and noise.

    python -m benchmarks.track_choice --data ../shared/data [--songs 150] [--cache FOLDER]

They stand in `models/track/tempo.py`, `rhythm.py` and `key.py`. Tempo figures are those of four folds. The
other half of the songs is for `benchmarks.track_truth`.
"""

from __future__ import annotations

import argparse
import json
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from benchmarks.track_songs import Song, read_songs, sing
from benchmarks.track_sounds import Drums, drum_track, pulse_track
from benchmarks.track_truth import SONG_CACHE, mirex_score
from models.audio import decode
from models.resample import SAMPLE_RATE_HZ, Audio
from models.track.key import MAJOR_PROFILE, MINOR_PROFILE, key_evidence, key_scores, pitch_classes
from models.track.librosa_library import load_librosa
from models.track.rhythm import onset_strengths
from models.track.tempo import Values, candidates, clearness, correlations, evidence

PROFILES: Final = {
    "Krumhansl-Kessler": (
        (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
        (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
    ),
    "Temperley": (
        (0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400),
        (0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330),
    ),
    "Albrecht-Shanahan": (MAJOR_PROFILE, MINOR_PROFILE),
    "Faraldo (EDMA)": (
        (0.165, 0.047, 0.083, 0.067, 0.100, 0.093, 0.053, 0.132, 0.052, 0.074, 0.069, 0.064),
        (0.172, 0.053, 0.076, 0.100, 0.056, 0.085, 0.050, 0.135, 0.075, 0.050, 0.092, 0.055),
    ),
}

_FOLDS: Final = 4
_RIGHT: Final = 0.04
_PENALTY: Final = 1.0
_SLOWEST_BPM, _FASTEST_BPM = 60.0, 200.0
_SPEEDS: Final = 3  # a song with drums is heard at so many more tempi
_SYNTHETIC_S: Final = 30.0
_TEMPI: Final = 40


@dataclass(frozen=True, slots=True)
class TimedSound:
    """A sound whose tempo is known."""

    kind: str
    name: str
    bpm: float
    found: Values  # correlations, shape (5, lags)


@dataclass(frozen=True, slots=True)
class Choice:
    """The tempi that it may have, which of them are right, and what speaks for each."""

    of: TimedSound
    tempi: Values
    right: npt.NDArray[np.bool_]
    evidence: Values  # shape (tempi, 14)


def run(data: Path, cache: Path, songs: int) -> dict[str, Any]:
    """All constants, and how well they do in four folds."""
    chosen = read_songs(data, choosing=True, most=songs)
    plain = [sing(song, cache) for song in chosen]
    others = list(_other_sounds(data))
    heard = [*_songs(chosen, plain, cache), *_synthetic()]
    return {**_tempo(heard, others), **_key(chosen, plain, others)}


def _songs(songs: list[Song], plain: list[Audio], cache: Path) -> Iterator[TimedSound]:
    librosa = load_librosa()
    for number, (song, audio) in enumerate(zip(songs, plain, strict=True)):
        drums = list(Drums)[number % len(Drums)]
        with_drums = sing(song, cache, drums=drums)
        for kind, sound in (("song", audio), ("song with drums", with_drums)):
            yield TimedSound(kind, song.name, song.tempo_bpm, correlations(onset_strengths(librosa, sound)))


def _synthetic() -> Iterator[TimedSound]:
    librosa, dice = load_librosa(), np.random.default_rng(1)
    for bpm in np.geomspace(_SLOWEST_BPM, _FASTEST_BPM, _TEMPI):
        seed = int(dice.integers(1, 1 << 30))
        sounds = {"pulse": pulse_track(bpm, _SYNTHETIC_S, seed=seed)}
        sounds |= {drums.value: drum_track(bpm, _SYNTHETIC_S, drums=drums, seed=seed) for drums in Drums}
        for kind, sound in sounds.items():
            yield TimedSound(kind, f"{bpm:.1f}", float(bpm), correlations(onset_strengths(librosa, sound)))


def _other_sounds(data: Path) -> Iterator[Audio]:
    """Sound without a tempo and a key: noise of five colours, forty people who read aloud."""
    dice = np.random.default_rng(2)
    size = round(_SYNTHETIC_S * SAMPLE_RATE_HZ)
    for slope in (0.0, 0.25, 0.5, 0.75, 1.0):
        for _ in range(4):
            bins = (
                np.fft.rfft(dice.standard_normal(size)) / np.maximum(1.0, np.arange(size // 2 + 1)) ** slope
            )
            noise = np.fft.irfft(bins, size)
            yield (0.3 * noise / np.abs(noise).max()).astype(np.float32)
    with tarfile.open(data / "speech" / "librispeech_ordinary.tar") as tar:
        members = [member for member in tar.getmembers() if member.name.endswith(".ogg")][:40]
        for member in members:
            file = tar.extractfile(member)
            assert file is not None
            yield decode(file.read())


def _tempo(heard: list[TimedSound], others: list[Audio]) -> dict[str, Any]:
    dice = np.random.default_rng(3)
    choices = [_choice(one) for one in heard]
    faster = [
        _choice(_at_speed(one, dice))
        for one in heard
        if one.kind == "song with drums"
        for _ in range(_SPEEDS)
    ]
    folds: dict[str, list[bool]] = {}
    shares: list[tuple[float, float, bool]] = []
    for fold in range(_FOLDS):
        weights = fit([one for one in choices + faster if _fold(one.of.name) != fold])
        for one in choices:
            if _fold(one.of.name) == fold:
                share, best = _best(one.evidence @ weights)
                folds.setdefault(one.of.kind, []).append(bool(one.right[best]))
                shares.append((share, clearness(one.of.found, one.tempi[best]), bool(one.right[best])))
    weights = fit(choices + faster)
    librosa = load_librosa()
    for audio in others:
        found = correlations(onset_strengths(librosa, audio))
        tempi = candidates(found)
        if len(tempi):
            share, best = _best(evidence(found, tempi) @ weights)
            shares.append((share, clearness(found, tempi[best]), False))
    confidence = _logistic(shares)
    return {
        "tempo_acc1_4_folds": {kind: round(float(np.mean(right)), 3) for kind, right in folds.items()},
        "tempo_weights": weights.round(3).tolist(),
        "tempo_confidence": confidence,
    }


def _choice(heard: TimedSound) -> Choice:
    tempi = candidates(heard.found)
    right = np.abs(tempi / heard.bpm - 1.0) < _RIGHT
    return Choice(heard, tempi, right, evidence(heard.found, tempi))


def _at_speed(heard: TimedSound, dice: np.random.Generator) -> TimedSound:
    """The same, played at a tempo drawn from 60 to 200 BPM."""
    bpm = float(np.exp(dice.uniform(np.log(_SLOWEST_BPM), np.log(_FASTEST_BPM))))
    lags = np.arange(heard.found.shape[1])
    found = np.stack([np.interp(lags * bpm / heard.bpm, lags, row, right=0.0) for row in heard.found])
    return TimedSound(heard.kind, heard.name, bpm, found)


def _fold(name: str) -> int:
    return zlib.crc32(f"fold {name}".encode()) % _FOLDS


def _best(scores: Values) -> tuple[float, int]:
    shares = np.exp(scores - scores.max())
    best = int(shares.argmax())
    return float(shares[best] / shares.sum()), best


def fit(choices: Sequence[Choice]) -> Values:
    """Weights of a conditional logit (McFadden 1974), shape (14,), that make the right tempi likely."""
    known = [one for one in choices if one.right.any()]
    rows = np.concatenate([one.evidence for one in known])
    right = np.concatenate([one.right for one in known]).astype(np.float64)
    sizes = np.array([len(one.tempi) for one in known])
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    spread = rows.std(axis=0)
    standard = rows / spread

    def loss(weights: Values) -> tuple[float, Values]:
        scores = standard @ weights
        raised = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), sizes))
        of_all = np.add.reduceat(raised, starts)
        of_right = np.add.reduceat(raised * right, starts)
        pull = raised / np.repeat(of_all, sizes) - raised * right / np.repeat(of_right, sizes)
        gradient = standard.T @ pull + 2.0 * _PENALTY * weights
        return float(np.log(of_all / of_right).sum() + _PENALTY * weights @ weights), gradient

    found = minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B")
    weights: Values = found.x / spread
    return weights


def _logistic(rows: Sequence[tuple[float, float, bool]]) -> list[float]:
    """Constant and weights of the chance to be right."""
    inputs = np.array([row[:2] for row in rows])
    model = LogisticRegression(C=100.0).fit(inputs, [row[2] for row in rows])
    return [round(float(value), 2) for value in (model.intercept_[0], *model.coef_[0])]


def _key(songs: list[Song], plain: list[Audio], others: list[Audio]) -> dict[str, Any]:
    librosa = load_librosa()
    heard = [pitch_classes(librosa, audio) for audio in plain]
    table = {}
    for name, profiles in PROFILES.items():
        answers = [int(key_scores(one, np.array(profiles)).argmax()) for one in heard if one is not None]
        truth = [song.key for song, one in zip(songs, heard, strict=True) if one is not None]
        table[name] = {
            "mirex": round(
                float(np.mean([mirex_score(*pair) for pair in zip(answers, truth, strict=True)])), 3
            ),
            "exact": round(float(np.mean(np.equal(answers, truth))), 3),
        }
    rows: list[tuple[float, float, bool]] = []
    sounds = [*zip(plain, (song.key for song in songs), strict=True), *((audio, -1) for audio in others)]
    for audio, key in sounds:
        strengths = pitch_classes(librosa, audio)
        if strengths is not None:
            scores = key_scores(strengths, np.array((MAJOR_PROFILE, MINOR_PROFILE)))
            rows.append((*key_evidence(strengths, scores), int(scores.argmax()) == key))
    return {"key_profiles": table, "key_confidence": _logistic(rows)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the constants and figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.track_choice")
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds music/ and speech/")
    parser.add_argument("--cache", type=Path, default=SONG_CACHE, help="where synthesised songs are kept")
    parser.add_argument("--songs", type=int, default=150)
    given = parser.parse_args(arguments)
    print(json.dumps(run(given.data, given.cache, given.songs), indent=1))


if __name__ == "__main__":
    main()

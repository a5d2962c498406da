"""Test signals and the reference YAMNet's answers to them, by which other weights are compared with it."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from core.errors import WeightsError
from models import assets
from models.mood.patches import PATCH_SAMPLES
from models.resample import SAMPLE_RATE_HZ, Audio

FINGERPRINT: Final = "yamnet-fingerprint"  # name of the reference's fingerprint in the list of weight files
LEAST_COSINE: Final = 0.995  # least cosine similarity of the embedding of each signal with the reference's
TOP: Final = 5  # how many of the highest-scoring classes must be the same
SCORE_TIE: Final = 1e-3  # classes whose scores differ by less from the reference's fifth are interchangeable


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A YAMNet's answers to `signals`, in their order."""

    embedding: npt.NDArray[np.float32]  # float32, shape (n, 1024)
    scores: npt.NDArray[np.float32]  # float32, shape (n, 521), in [0, 1]


def signals() -> Mapping[str, Audio]:
    """The test signals by name: one patch each, (15 600,); equal on all machines but for rounded sines.

    They come from formulas, without a random generator: noise is a hash of the sample's index (the finaliser
    of xxHash32). In each the reference's fifth class scores well above its sixth, so that small errors of
    weights do not change the first five; silence is the exception, where all but one tie.
    """
    time_s = np.arange(PATCH_SAMPLES) / SAMPLE_RATE_HZ

    def sine(hz: float) -> npt.NDArray[np.float64]:
        tone: npt.NDArray[np.float64] = np.sin(2.0 * np.pi * hz * time_s)
        return tone

    noise = _noise(PATCH_SAMPLES + 15)
    tones = [220.0 * 2.0 ** (semitones / 12.0) for semitones in (0, 3, 7)]  # A minor
    made = {
        "noise": 0.03 * noise[:PATCH_SAMPLES],
        "rumble": 1.2 * np.convolve(noise, np.full(16, 1.0 / 16.0), "valid"),
        "chirp": 0.1 * np.sin(2.0 * np.pi * (100.0 * time_s + 3540.0 * time_s**2)),  # 100 Hz to 7 kHz
        "tone": 0.1 * sine(440.0),
        "square": 0.2 * np.sign(np.sin(2.0 * np.pi * 110.0 * time_s + 1e-6)),
        "chord": sum(
            0.1 * sine(hz) + 0.06 * sine(2 * hz) + 0.04 * sine(3 * hz) + 0.03 * sine(4 * hz) for hz in tones
        ),
        "clicks": np.where(np.arange(PATCH_SAMPLES) % 320 < 8, 0.3, 0.0),  # 50 a second, 0.5 ms long
        "quiet": 0.01 * noise[:PATCH_SAMPLES],
        "silence": np.zeros(PATCH_SAMPLES),
    }
    return MappingProxyType({name: np.asarray(sound, dtype=np.float32) for name, sound in made.items()})


def mismatches(answer: Fingerprint, expected: Fingerprint) -> tuple[str, ...]:
    """Signals whose answer is not the reference's, one phrase each; empty where all agree.

    Answers agree where the cosine of the embeddings is at least `LEAST_COSINE` and the five highest classes
    are the same, in any order. Classes within `SCORE_TIE` of the reference's fifth score are interchangeable.

    Parameters
    ----------
    answer, expected
        Of the weights to compare, and of the reference.
    """
    found = []
    for number, name in enumerate(signals()):
        cosine = _cosine(answer.embedding[number], expected.embedding[number])
        if not cosine >= LEAST_COSINE:
            found.append(f"{name}: the embedding's cosine is {cosine:.3f}")
        elif not _same_top(answer.scores[number], expected.scores[number]):
            found.append(f"{name}: other classes lead")
    return tuple(found)


def pack(fingerprint: Fingerprint) -> bytes:
    """The content of a fingerprint's file: an npz in float16, its bytes the same whenever it is made."""
    content = io.BytesIO()
    np.savez_compressed(
        content,
        embedding=fingerprint.embedding.astype(np.float16),
        scores=fingerprint.scores.astype(np.float16),
    )
    return content.getvalue()


def read_fingerprint(path: Path | None = None) -> Fingerprint:
    """Read what `pack` made.

    Parameters
    ----------
    path
        None takes the reference's.

    Raises
    ------
    WeightsError
        It is missing, damaged, or made for other signals.
    """
    file = assets.locate(FINGERPRINT) if path is None else path
    try:
        with file.open("rb") as handle, np.load(handle, allow_pickle=False) as stored:
            parts = Fingerprint(*(stored[name].astype(np.float32) for name in ("embedding", "scores")))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise WeightsError(
            f"The fingerprint {file} cannot be read ({error}): restore it from the repository."
        ) from error
    if {len(parts.embedding), len(parts.scores)} != {len(signals())}:
        raise WeightsError(
            f"The fingerprint {file} answers {len(parts.embedding)} signals instead of {len(signals())}: "
            "restore it from the repository."
        )
    return parts


def _noise(samples: int) -> npt.NDArray[np.float64]:
    """White noise in [-1, 1)."""
    number = np.arange(1, samples + 1, dtype=np.uint32) * np.uint32(2_654_435_761)
    for shift, factor in ((15, 2_246_822_519), (13, 3_266_489_917), (16, 1)):
        number ^= number >> np.uint32(shift)
        number *= np.uint32(factor)
    return number / 2.0**31 - 1.0


def _cosine(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    length = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(one @ other) / length if length else 0.0


def _same_top(answer: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> bool:
    fifth = np.sort(expected)[-TOP]
    top = set(np.argsort(-answer, kind="stable")[:TOP].tolist())
    required = set(np.flatnonzero(expected > fifth + SCORE_TIE).tolist())
    allowed = set(np.flatnonzero(expected >= fifth - SCORE_TIE).tolist())
    return required <= top <= allowed

"""A fitted adaptation to one user's voice, and its application to the model's answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from core.errors import VoiceError
from models.emotion.recogniser import Answers, softmax

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

_MAX_LENGTH: Final = 2.0  # of features, in units of the typical length among the takes


@dataclass(frozen=True, slots=True)
class Score:
    """Quality on left-out clips."""

    clips: int
    right: int  # clips whose intended emotion was the most probable one
    recall: float  # mean over emotions of the share that was right (unweighted accuracy), 0 to 1
    log_loss: float  # mean of -log(probability of the intended emotion), nats


@dataclass(frozen=True, slots=True, eq=False)
class VoiceClips:
    """Clips of one voice: no sound, only what the model said of each, and what each really was."""

    logits: Array  # shape (n, 8), from `summarise_clip`
    embedding: Array  # shape (n, E)
    labels: Labels  # index into `EMOTIONS`, shape (n,)


@dataclass(frozen=True, slots=True)
class PersonalVoice:
    """Parameters that turn the model's answers into answers for one user.

    logits' = (slope * logits + features @ weights + bias) / temperature, where features are
    (embedding - mean) / scale, limited to twice the typical length among the takes.
    """

    # Name with version, and file, of the model that it was fitted to, and with which alone it works.
    model: str
    model_sha256: str
    # Of the user's embeddings, shape (E,).
    mean: Array
    scale: Array
    # Added to the logits, shapes (E, 8) and (8,).
    weights: Array
    bias: Array
    slope: float  # factor of the logits
    temperature: float  # divisor of the adapted logits, at least 1
    clips: tuple[int, ...]  # number of takes of each emotion, in the order of `EMOTIONS`
    strength: float  # of the prior, see `models.emotion.personal.fit.STRENGTH`
    made_at: str = ""  # ISO 8601, UTC
    enabled: bool = True  # whether the listener uses it
    # Scores on the user's left-out clips without and with it; None where not measured.
    before: Score | None = None
    after: Score | None = None
    corrections: int = 0  # corrections that it was fitted to beside the takes
    takes: VoiceClips | None = None  # for another fit; None in files from before there were corrections

    @property
    def made(self) -> datetime | None:
        """When it was made, in local time; None where the file says no moment."""
        try:
            return datetime.fromisoformat(self.made_at).astimezone()
        except ValueError:
            return None


def apply_personal(voice: PersonalVoice, answers: Answers) -> npt.NDArray[np.float32]:
    """Adapt the model's answers to one user: probabilities, shape (n, 8), rows summing to 1.

    Raises
    ------
    VoiceError
        The embedding has another size than in the fit.
    """
    if answers.embedding.shape[1] != len(voice.mean):
        raise VoiceError(
            f"Your voice was fitted to {len(voice.mean)} features, but the model has "
            f"{answers.embedding.shape[1]}: record your voice again."
        )
    features = limit_length((answers.embedding - voice.mean) / voice.scale)  # (n, E)
    logits = (voice.slope * answers.logits + features @ voice.weights + voice.bias) / voice.temperature
    return softmax(logits).astype(np.float32)


def limit_length(features: Array) -> Array:
    """Shorten features, (n, E), that are far from the takes: what is unlike them must not add confidence."""
    length = np.linalg.norm(features, axis=1, keepdims=True)  # typically 1 among the takes
    nearer: Array = features * np.minimum(1.0, _MAX_LENGTH / np.maximum(length, 1e-9))
    return nearer

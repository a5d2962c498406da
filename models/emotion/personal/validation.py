"""Cross-validation: whether an adaptation is better on clips that it was not fitted to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from core.emotions import EMOTIONS
from models.emotion.personal.fit import (
    NEUTRAL_STRENGTH,
    add_corrections,
    as_clips,
    check_clips,
    fit_personal,
    only_neutral,
    solve,
)
from models.emotion.personal.voice import Array, Labels, PersonalVoice, Score, VoiceClips, limit_length
from models.emotion.recogniser import ModelInfo

STRENGTHS: Final = (3.0, 1.0, 0.3, 0.1)  # strengths to choose from, the most cautious first
# Chosen on the calibration speakers, UA and log loss (nats) of what three takes of each emotion, drawn ten
# times, leave. With 30 and 10 before these, left-out takes too often choose them, which gives the gain away:
# CREMA-D (9 speakers) 61.8 % and 1.04, not 62.9 % and 1.02; EMO-DB (1) 76.6 % and 0.68, not 77.0 % and 0.65;
# RAVDESS (2) 69.0 % and 0.91, not 68.9 % and 0.91; nEMO (1) 69.4 % and 0.88 both. With 0.03 after them the
# log loss rises by 0.01 on each of the four, and UA by 0.2 points at most (EMO-DB loses 1.4).

_MAX_FOLDS: Final = 40  # of more clips several are left out together, which bounds the time
_TEMPERATURES: Final = np.linspace(1.0, 3.0, 41)
_RESCALINGS: Final = np.geomspace(0.2, 5.0, 61)  # also below 1, as the slope of a fit may sharpen


@dataclass(frozen=True, slots=True)
class ValidatedFit:
    """A fit that is not saved yet, with its scores on left-out clips."""

    voice: PersonalVoice  # fitted to all clips
    # Scores of the model's and of the adapted answers, the latter fitted without the clip in question.
    before: Score
    after: Score
    rescaled: Score  # score of the model's answers with another temperature, likewise fitted without the clip

    @property
    def better(self) -> bool:
        """Whether it is worth keeping: its log loss is the lowest, also compared with a mere new temperature.

        Mean recall is not required as well: with few clips it moves in large steps, and requiring it lost 0.4
        to 5 points of UA on the calibration speakers of three corpora of four.
        """
        return self.after.log_loss < min(self.before.log_loss, self.rescaled.log_loss)

    @property
    def verdict(self) -> str:
        """The result, as the beginning of a sentence for people."""
        subject = "On takes that it was not fitted to, the adapted model"
        if self.better:
            return f"{subject} is better than the model as it is"
        if self.after.log_loss < self.before.log_loss:
            return f"{subject} is better calibrated, but recognises no more than the model as it is"
        return f"{subject} is no better than the model as it is"


def fit_and_validate(
    logits: npt.ArrayLike,
    embedding: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    strengths: tuple[float, ...] = STRENGTHS,
    model: ModelInfo | None = None,
    corrections: VoiceClips | None = None,
) -> ValidatedFit:
    """Fit with the best strength, and score by leave-one-out cross-validation.

    Only takes are left out and scored: people correct what was wrong, so corrections flatter every fit.

    The strength with the lowest log loss on left-out clips is chosen, the more cautious one of equals. The
    temperature minimises the log loss of the left-out clips and of one imaginary clip of unknown emotion
    (Laplace's rule of succession), so that few clips allow little confidence.

    Parameters
    ----------
    logits, embedding, labels, model, corrections
        As for `fit_personal`.
    strengths
        To choose from, the most cautious first.

    Raises
    ------
    VoiceError
        There are too few clips, see `check_clips`.
    """
    check_clips(labels)
    takes = as_clips(logits, embedding, labels)
    given, classes = takes.logits, takes.labels
    candidates = (NEUTRAL_STRENGTH,) if only_neutral(classes) else strengths
    left_out = {strength: _left_out(takes, corrections, strength) for strength in candidates}
    chosen = min(candidates, key=lambda strength: _score(left_out[strength], classes).log_loss)
    temperature = _temperature(left_out[chosen], classes)
    voice = fit_personal(
        given,
        takes.embedding,
        classes,
        strength=chosen,
        temperature=temperature,
        model=model,
        corrections=corrections,
    )
    before, after = _score(given, classes), _score(left_out[chosen] / temperature, classes)
    rescaled = _score(_rescaled(given, classes), classes)
    return ValidatedFit(replace(voice, before=before, after=after), before, after, rescaled)


def _folds(count: int) -> tuple[Labels, Array]:
    """The fold that leaves each clip out, (n,), and the clips that each fold keeps, 1 or 0, (folds, n)."""
    fold = np.arange(count, dtype=np.int64) % min(count, _MAX_FOLDS)
    return fold, (fold != np.arange(fold.max() + 1)[:, np.newaxis]).astype(np.float64)


def _rescaled(logits: Array, labels: Labels) -> Array:
    """The model's logits, (n, 8), each divided by the best temperature of the other folds."""
    fold, keep = _folds(len(labels))
    rows = np.arange(len(labels))
    losses = np.stack([-_log_softmax(logits / value)[rows, labels] for value in _RESCALINGS])
    chosen = (losses @ keep.T).argmin(axis=0)  # (folds,)
    result: Array = logits / _RESCALINGS[chosen][fold][:, np.newaxis]
    return result


def _left_out(takes: VoiceClips, corrections: VoiceClips | None, strength: float) -> Array:
    """Adapted logits of each take, (n, 8), from the fit without it."""
    fold, keep = _folds(len(takes.labels))
    clips, shares = add_corrections(takes, corrections)
    beside = np.broadcast_to(shares[len(fold) :], (len(keep), len(shares) - len(fold)))
    keep = np.concatenate([keep, beside], axis=1)
    mean, scale, slope, weights, bias = (
        part[fold] for part in solve(clips.logits, clips.embedding, clips.labels, keep, strength)
    )
    features = limit_length((takes.embedding - mean) / scale)
    adapted: Array = slope[:, np.newaxis] * takes.logits + np.einsum("ne,nek->nk", features, weights) + bias
    return adapted


def _temperature(logits: Array, labels: Labels) -> float:
    """Temperature, at least 1, that minimises the log loss on the clips and on one of unknown emotion."""
    count = len(labels)
    target = (np.eye(len(EMOTIONS))[labels] * count + 1.0 / len(EMOTIONS)) / (count + 1)
    losses = [-(target * _log_softmax(logits / value)).sum(axis=1).mean() for value in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _score(logits: Array, labels: Labels) -> Score:
    right = logits.argmax(axis=1) == labels
    recall = float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))
    log_loss = -float(_log_softmax(logits)[np.arange(len(labels)), labels].mean())
    return Score(len(labels), int(right.sum()), recall, log_loss)


def _log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result

"""Maximum a posteriori fit of an adaptation to clips of one user's voice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from core.emotions import EMOTIONS, Emotion
from core.errors import VoiceError
from models.emotion.personal.voice import Array, Labels, PersonalVoice, VoiceClips
from models.emotion.recogniser import Answers, ModelInfo, softmax

STRENGTH: Final = 1.0
"""Precision of the prior that the user is like everybody: one clip moves the logits by at most 1 / STRENGTH.
0.1 trusts the user's clips almost alone, 100 almost not at all."""

NEUTRAL_STRENGTH: Final = 1.0
"""The same where all clips are neutral. Their loss is averaged: more of them must not move the bias further,
because nothing is known of the other emotions."""
# On the same speakers, three neutral takes fitted with 1 move UA by +1.6 (CREMA-D), +3.6 (nEMO), 0.0 (EMO-DB)
# and -0.8 points (RAVDESS); 2 and 0.6 are not better over all, and 0.3 loses 3 points on CREMA-D.

MIN_CLIPS: Final = 2
"""Least clips of each emotion that is given; of a single one none would remain for validation."""

MIN_NEUTRAL_CLIPS: Final = 3  # least clips where only neutral ones are given

CORRECTION_WEIGHT: Final = 0.5
"""Of one correction beside one take."""
# `attune evaluate corrections` moves UA from 73.0 to 74.2 % (CREMA-D, 18 test speakers) and from 80.0 to 80.6
# (RAVDESS, 4); with 3 of 10 corrections wrong to 73.7 and 79.4. The weight was chosen on fewer draws (3, of 8
# speakers of CREMA-D): there 0.25 gave 76.1 and 81.9, 0.5 gave 76.7 and 82.7, 1 gave 76.4 and 82.7, the last
# with a higher log loss where 3 of 10 are wrong.

_MAX_CORRECTIONS: Final = 100  # the newest; more of them take time and change little
_ITERATIONS: Final = 400
_CONVERGED: Final = 1e-7  # a step that changes no parameter by more ends the fit
_NEUTRAL: Final = EMOTIONS.index(Emotion.NEUTRAL)


def summarise_clip(answers: Answers) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Mean logits (8,) and mean embedding (E,) over the windows of one clip."""
    return answers.logits.mean(axis=0), answers.embedding.mean(axis=0)


def check_clips(labels: npt.ArrayLike) -> None:
    """Check that there are enough clips for a fit.

    Parameters
    ----------
    labels
        Index into `EMOTIONS` of each clip, shape (n,).

    Raises
    ------
    VoiceError
        There is none, only one emotion that is not neutral, or too few of one.
    """
    counts = np.bincount(np.asarray(labels, dtype=np.int64), minlength=len(EMOTIONS))
    given = [emotion for emotion, count in zip(EMOTIONS, counts, strict=True) if count]
    if not given:
        raise VoiceError("There is no take of your voice yet: record some sentences first.")
    if given == [Emotion.NEUTRAL]:
        if counts[_NEUTRAL] < MIN_NEUTRAL_CLIPS:
            raise VoiceError(
                f"There are only {counts[_NEUTRAL]} neutral takes: record at least {MIN_NEUTRAL_CLIPS}."
            )
        return
    if len(given) == 1:
        raise VoiceError(
            f"All takes are {given[0]}: record at least one other emotion, or only neutral sentences."
        )
    few = [emotion for emotion, count in zip(EMOTIONS, counts, strict=True) if 0 < count < MIN_CLIPS]
    if few:
        raise VoiceError(
            f"There is only one take of {' and of '.join(few)}: record {MIN_CLIPS} of each emotion, or none."
        )


def fit_personal(
    logits: npt.ArrayLike,
    embedding: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    strength: float = STRENGTH,
    temperature: float = 1.0,
    model: ModelInfo | None = None,
    corrections: VoiceClips | None = None,
) -> PersonalVoice:
    """Fit a multinomial logistic regression on top of the model's answers.

    A Gaussian prior centres it on the model's own answers: weights 0, bias 0, slope 1 (maximum a posteriori,
    Bishop, "Pattern Recognition and Machine Learning", 2006, section 4.3). The loss compares only the
    emotions that were given; missing clips are no evidence against the others. Where all clips are neutral,
    only the bias is learned.

    Parameters
    ----------
    logits
        Shape (n, 8), one row a clip, divided by the model's temperature.
    embedding
        Shape (n, E).
    labels
        Index into `EMOTIONS` of each clip, shape (n,).
    strength
        See `STRENGTH`; where all clips are neutral, `NEUTRAL_STRENGTH` takes its place.
    temperature
        Stored with the fit, see `fit_and_validate`.
    model
        That gave the answers.
    corrections
        What a person corrected while they were listened to, see `add_corrections`.

    Raises
    ------
    VoiceError
        There are too few clips, see `check_clips`.
    """
    check_clips(labels)
    takes = as_clips(logits, embedding, labels)
    classes = takes.labels
    clips, shares = add_corrections(takes, corrections)
    used = NEUTRAL_STRENGTH if only_neutral(classes) else strength
    keep = shares[np.newaxis]
    mean, scale, slope, weights, bias = solve(clips.logits, clips.embedding, clips.labels, keep, used)
    return PersonalVoice(
        model=f"{model.name} {model.version}" if model is not None else "",
        model_sha256=model.sha256 if model is not None else "",
        mean=mean[0],
        scale=scale[0],
        weights=weights[0],
        bias=bias[0],
        slope=float(slope[0]),
        temperature=temperature,
        clips=tuple(np.bincount(classes, minlength=len(EMOTIONS)).tolist()),
        strength=used,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        corrections=len(clips.labels) - len(classes),
        takes=takes,
    )


def as_clips(logits: npt.ArrayLike, embedding: npt.ArrayLike, labels: npt.ArrayLike) -> VoiceClips:
    """Arguments of `fit_personal` as arrays."""
    given = np.asarray(logits, dtype=np.float64).reshape(-1, len(EMOTIONS))
    rows = np.asarray(embedding, dtype=np.float64).reshape(len(given), -1)
    return VoiceClips(given, rows, np.asarray(labels, dtype=np.int64).reshape(len(given)))


def usable_corrections(takes: VoiceClips, corrections: VoiceClips | None) -> Labels:
    """Positions of the corrections that a fit would use beside these takes."""
    if corrections is None:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.isin(corrections.labels, takes.labels))[-_MAX_CORRECTIONS:]


def add_corrections(takes: VoiceClips, corrections: VoiceClips | None) -> tuple[VoiceClips, Array]:
    """Add corrections after the takes; also returns how much each clip counts, (n,).

    A correction to an emotion of which there is no take is left out: nothing would show whether it helps.
    """
    chosen = usable_corrections(takes, corrections)
    shares = np.concatenate([np.ones(len(takes.labels)), np.full(len(chosen), CORRECTION_WEIGHT)])
    if corrections is None or not len(chosen):
        return takes, shares
    return VoiceClips(
        np.concatenate([takes.logits, corrections.logits[chosen]]),
        np.concatenate([takes.embedding, corrections.embedding[chosen]]),
        np.concatenate([takes.labels, corrections.labels[chosen]]),
    ), shares


def only_neutral(labels: Labels) -> bool:
    """Whether all clips are neutral."""
    return bool((labels == _NEUTRAL).all())


def solve(
    logits: Array, embedding: Array, labels: Labels, keep: Array, strength: float
) -> tuple[Array, Array, Array, Array, Array]:
    """Fit to several subsets of the clips at once.

    Nesterov's accelerated gradient for strongly convex functions ("Introductory Lectures on Convex
    Optimization", 2004, section 2.2) with the step size that the data bound: deterministic, nothing to tune.

    Parameters
    ----------
    logits, embedding, labels
        As in `VoiceClips`.
    keep
        How much each clip counts in each fit: 1, or less, or 0; shape (fits, n).
    strength
        See `STRENGTH`.

    Returns
    -------
    mean, scale, slope, weights, bias
        Shapes (fits, E), (fits, E), (fits,), (fits, E, 8), (fits, 8).
    """
    neutral_only = only_neutral(labels)
    count = keep.sum(axis=1)[:, np.newaxis]  # (fits, 1)
    mean = keep @ embedding / count
    spread = np.sqrt(np.maximum(keep @ embedding**2 / count - mean**2, 0.0))
    # A dimension that hardly varies in these clips must not explode in others.
    floor = np.maximum(0.1 * np.median(spread, axis=1, keepdims=True), 1e-6)
    # Divided by the root of their number, so that the features of a typical clip have length 1.
    scale = np.maximum(spread, floor) * np.sqrt(embedding.shape[1])
    features = (embedding - mean[:, np.newaxis]) / scale[:, np.newaxis]  # (fits, n, E)
    centred = logits - logits.mean(axis=1, keepdims=True)  # (n, 8)
    length = max(float(np.sqrt((centred**2).sum(axis=1).mean())), 1e-6)
    unit = centred / length
    # Emotions that were not given are excluded: with weights of 0 they keep the model's answer.
    seen = np.bincount(labels, minlength=len(EMOTIONS)) > 0
    barred = np.where(seen | neutral_only, 0.0, -np.inf)  # (8,)
    target = np.eye(len(EMOTIONS))[labels]  # (n, 8)
    share = keep / count if neutral_only else keep  # (fits, n)

    # The Hessian of the cross-entropy is at most 1/2 in its logits.
    reach = share.sum(axis=1) + (share * (unit**2).sum(axis=1)).sum(axis=1)
    reach += (share * (features**2).sum(axis=2)).sum(axis=1)
    step = 1.0 / (0.5 * reach + strength)  # (fits,)
    root = np.sqrt(step * strength)
    momentum = (1.0 - root) / (1.0 + root)

    fits, size = len(keep), embedding.shape[1]
    # All parameters in one array: E rows of weights, one of the bias, one whose first entry is the slope.
    now = np.zeros((fits, size + 2, len(EMOTIONS)))
    ahead = now
    for _ in range(_ITERATIONS):
        adapted = logits + ahead[:, size, np.newaxis] + ahead[:, size + 1, :1, np.newaxis] * unit
        adapted += features @ ahead[:, :size]
        error = (softmax(adapted + barred) - target) * share[:, :, np.newaxis]  # (fits, n, 8)
        gradient = strength * ahead
        gradient[:, size] += error.sum(axis=1)
        if not neutral_only:
            gradient[:, :size] += features.transpose(0, 2, 1) @ error
            gradient[:, size + 1, 0] += (error * unit).sum(axis=(1, 2))
        following = ahead - step[:, np.newaxis, np.newaxis] * gradient
        moved = following - now
        ahead = following + momentum[:, np.newaxis, np.newaxis] * moved
        now = following
        if np.abs(moved).max() < _CONVERGED:
            break
    slope = 1.0 + now[:, size + 1, 0] / length
    return mean, scale, slope, now[:, :size], now[:, size]

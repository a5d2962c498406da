"""One user's adaptation of the emotion model: fitted to a few clips of their own voice, kept as a file."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import VoiceError
from models.emotion.labels import EMOTIONS, Emotion
from models.emotion.recogniser import Answers, ModelInfo, softmax

__all__ = [
    "MIN_CLIPS",
    "MIN_NEUTRAL_CLIPS",
    "NEUTRAL_STRENGTH",
    "STRENGTH",
    "STRENGTHS",
    "PersonalVoice",
    "Score",
    "Trial",
    "apply_personal",
    "check_clips",
    "fit_personal",
    "load_voice",
    "save_voice",
    "summarise_clip",
    "try_personal",
]

STRENGTH: Final = 1.0
"""Precision of the prior that the user is like everybody: one clip in an unknown direction moves the logits
by at most 1 / STRENGTH. 0.1 trusts the user's clips nearly alone, 100 nearly not at all."""

STRENGTHS: Final = (3.0, 1.0, 0.3, 0.1)
"""What `try_personal` chooses from, the most careful first."""
# Chosen on the calibration speakers, UA and log loss (nats) of what three takes of each emotion, drawn ten
# times, leave. With 30 and 10 before these, left-out takes too often choose them, which gives the gain away:
# CREMA-D (9 speakers) 61.8 % and 1.04, not 62.9 % and 1.02; EMO-DB (1) 76.6 % and 0.68, not 77.0 % and 0.65;
# RAVDESS (2) 69.0 % and 0.91, not 68.9 % and 0.91; nEMO (1) 69.4 % and 0.88 both. With 0.03 after them the
# log loss rises by 0.01 on each of the four, and UA by 0.2 points at most (EMO-DB loses 1.4).

NEUTRAL_STRENGTH: Final = 1.0
"""The same for clips that are all neutral, whose loss is averaged: more of them must not pull further, for
nothing is known of how the other emotions sound."""
# On the same speakers, three neutral takes fitted with 1 move UA by +1.6 (CREMA-D), +3.6 (nEMO), 0.0 (EMO-DB)
# and -0.8 points (RAVDESS); 2 and 0.6 are not better over all, and 0.3 loses 3 points on CREMA-D.

MIN_CLIPS: Final = 2
"""Of each emotion that is given at all; with one, leaving it out would leave none."""

MIN_NEUTRAL_CLIPS: Final = 3
"""Where only neutral is given."""

_ITERATIONS: Final = 400
_REACH: Final = 2.0  # of the typical distance of a take from their mean
_STILL: Final = 1e-7  # a step that moves no parameter by more ends the search
_MAX_FOLDS: Final = 40  # more clips than these are left out in groups, so that time stays bounded
_TEMPERATURES: Final = np.linspace(1.0, 3.0, 41)
_RESCALINGS: Final = np.geomspace(0.2, 5.0, 61)  # also sharper, as the slope of a fit may be
_FORMAT: Final = 1
_NEUTRAL: Final = EMOTIONS.index(Emotion.NEUTRAL)

_Array = npt.NDArray[np.float64]
_Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Score:
    """How well left-out clips were read.

    Parameters
    ----------
    clips
        How many there were.
    right
        How many had the intended emotion as the most probable one.
    recall
        Mean over emotions of the share that was right (UA), 0 to 1.
    log_loss
        Mean of -log(probability of the intended emotion), nats: also punishes false confidence.
    """

    clips: int
    right: int
    recall: float
    log_loss: float


@dataclass(frozen=True, slots=True)
class PersonalVoice:
    """What turns the model's answers into answers for one user.

    logits' = (slope * logits + ((embedding - mean) / scale) @ weights + bias) / temperature,
    where what lies further than twice as far as the takes themselves counts as twice as far.

    Parameters
    ----------
    model, model_sha256
        Name with version, and file, of the model that it was fitted to; of no use with another.
    mean, scale
        Of the user's embeddings, shape (E,).
    weights, bias
        What is added to the logits, shapes (E, 8) and (8,).
    slope
        What the logits are multiplied by.
    temperature
        Divisor of the adapted logits, at least 1: few clips allow little confidence.
    clips
        How many of each emotion it was fitted to, in the order of `EMOTIONS`.
    strength
        Of the prior, see `STRENGTH`.
    made_at
        ISO 8601, UTC.
    enabled
        Whether the listener uses it.
    before, after
        On the user's own left-out clips, without and with it; None where that was not measured.
    """

    model: str
    model_sha256: str
    mean: _Array
    scale: _Array
    weights: _Array
    bias: _Array
    slope: float
    temperature: float
    clips: tuple[int, ...]
    strength: float
    made_at: str = ""
    enabled: bool = True
    before: Score | None = None
    after: Score | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """A fit that is not kept yet, with how it reads clips that it was not fitted to.

    Parameters
    ----------
    voice
        Fitted to all clips.
    before, after
        The model's and the adapted answers on each clip, the latter fitted without that clip.
    rescaled
        The model's answers, surer or less sure by one factor, which is fitted without the clip as well.
    """

    voice: PersonalVoice
    before: Score
    after: Score
    rescaled: Score

    @property
    def better(self) -> bool:
        """Whether it is worth keeping: the probabilities of left-out clips are closer to the truth.

        They must be closer than another confidence alone would bring them, for that recognises nobody
        better. Mean recall is not asked as well: with a few clips it moves in large steps, and to ask it
        lost 0.4 to 5 points of UA on the calibration speakers of three corpora of four.
        """
        return self.after.log_loss < min(self.before.log_loss, self.rescaled.log_loss)

    @property
    def verdict(self) -> str:
        """What came of it, as the beginning of a sentence for people."""
        heard = "On takes that it was not fitted to, the adapted model"
        if self.better:
            return f"{heard} is better than the model as it is"
        if self.after.log_loss < self.before.log_loss:
            return f"{heard} is better calibrated, but recognises no more than the model as it is"
        return f"{heard} is no better than the model as it is"


def summarise_clip(answers: Answers) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Draw the windows of one clip together: mean logits (8,) and mean embedding (E,)."""
    return answers.logits.mean(axis=0), answers.embedding.mean(axis=0)


def check_clips(labels: npt.ArrayLike) -> None:
    """Check that clips suffice to fit to.

    Parameters
    ----------
    labels
        Index into `EMOTIONS` of each clip, shape (n,).

    Raises
    ------
    VoiceError
        There is none, one emotion alone that is not neutral, or too few of one.
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
    neutral_strength: float = NEUTRAL_STRENGTH,
    temperature: float = 1.0,
    model: ModelInfo | None = None,
) -> PersonalVoice:
    """Fit a residual multinomial logistic regression on top of the model's answers.

    A Gaussian prior holds it to the model's own answers: weights 0, bias 0, slope 1 (maximum a
    posteriori, Bishop, "Pattern Recognition and Machine Learning", 2006, section 4.3). The loss
    compares only the emotions that were given: of the others nothing was heard, and silence is no
    evidence against them. Where all clips are neutral, only the bias is learned.

    Parameters
    ----------
    logits
        Shape (n, 8), one row a clip, divided by the model's temperature.
    embedding
        Shape (n, E).
    labels
        Index into `EMOTIONS` of each clip, shape (n,).
    strength, neutral_strength
        See `STRENGTH` and `NEUTRAL_STRENGTH`.
    temperature
        Stored with it, see `try_personal`.
    model
        What the answers come from.

    Raises
    ------
    VoiceError
        The clips do not suffice, see `check_clips`.
    """
    check_clips(labels)
    given, rows, classes = _as_arrays(logits, embedding, labels)
    neutral_only = bool((classes == _NEUTRAL).all())
    used = neutral_strength if neutral_strength and neutral_only else strength
    keep = np.ones((1, len(classes)))
    mean, scale, slope, weights, bias = _solve(given, rows, classes, keep, used)
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
    )


def try_personal(
    logits: npt.ArrayLike,
    embedding: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    strengths: tuple[float, ...] = STRENGTHS,
    neutral_strength: float = NEUTRAL_STRENGTH,
    model: ModelInfo | None = None,
) -> Trial:
    """Fit, and measure on clips that were left out of the fit, one after the other.

    The strength is the one whose left-out clips lose least (the more careful one of equals). The
    temperature makes the left-out clips and one imaginary clip, whose emotion nobody could tell,
    least surprising (Laplace's rule of succession): with few clips it allows little confidence.

    Parameters
    ----------
    logits, embedding, labels, model
        As for `fit_personal`.
    strengths
        What to choose from, the most careful first.
    neutral_strength
        Used, without a choice, where all clips are neutral.

    Raises
    ------
    VoiceError
        The clips do not suffice, see `check_clips`.
    """
    check_clips(labels)
    given, rows, classes = _as_arrays(logits, embedding, labels)
    neutral_only = bool((classes == _NEUTRAL).all())
    candidates = (neutral_strength,) if neutral_only else strengths
    left_out = {strength: _left_out(given, rows, classes, strength) for strength in candidates}
    chosen = min(candidates, key=lambda strength: _score(left_out[strength], classes).log_loss)
    temperature = _temperature(left_out[chosen], classes)
    voice = fit_personal(
        given,
        rows,
        classes,
        strength=chosen,
        neutral_strength=neutral_strength,
        temperature=temperature,
        model=model,
    )
    before, after = _score(given, classes), _score(left_out[chosen] / temperature, classes)
    rescaled = _score(_rescaled(given, classes), classes)
    return Trial(replace(voice, before=before, after=after), before, after, rescaled)


def apply_personal(voice: PersonalVoice, answers: Answers) -> npt.NDArray[np.float32]:
    """Turn the model's answers into those for one user.

    Returns
    -------
    probabilities
        float32, shape (n, 8), rows summing to 1.

    Raises
    ------
    VoiceError
        The embedding has another size than the one it was fitted to.
    """
    if answers.embedding.shape[1] != len(voice.mean):
        raise VoiceError(
            f"Your voice was fitted to {len(voice.mean)} features, but the model has "
            f"{answers.embedding.shape[1]}: record your voice again."
        )
    features = _within_reach((answers.embedding - voice.mean) / voice.scale)  # (n, E)
    logits = (voice.slope * answers.logits + features @ voice.weights + voice.bias) / voice.temperature
    return softmax(logits).astype(np.float32)


def save_voice(voice: PersonalVoice, path: Path) -> None:
    """Write it, readable by its owner alone, whole or not at all.

    Raises
    ------
    VoiceError
        The folder or the file cannot be written.
    """
    content = {"format": _FORMAT, **asdict(voice)}
    text = json.dumps({k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in content.items()})
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp opens for the owner alone; in the same folder, so that replacing is one step.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise VoiceError(
            f"Your voice cannot be written to {path} ({error.strerror or error}): make room there, "
            "or change the folder's permissions."
        ) from error


def load_voice(path: Path, model: ModelInfo) -> PersonalVoice | None:
    """Read what `save_voice` wrote; None where there is no such file.

    Raises
    ------
    VoiceError
        It cannot be read, is damaged, or was made for another model.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise VoiceError(
            f"The file of your voice, {path}, cannot be read ({error}): delete it and record again."
        ) from error
    try:
        voice = _parse(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise VoiceError(
            f"The file of your voice, {path}, is damaged ({error!r}): delete it and record again."
        ) from error
    if voice.model_sha256 != model.sha256:
        raise VoiceError(
            f"Your voice was recorded for the model {voice.model}, but {model.name} {model.version} "
            "with other weights is in use: record it again."
        )
    return voice


def _parse(content: Mapping[str, Any]) -> PersonalVoice:
    fields = dict(content)
    if fields.pop("format") != _FORMAT:
        raise ValueError("another format")
    arrays = {
        name: np.asarray(fields.pop(name), dtype=np.float64) for name in ("mean", "scale", "weights", "bias")
    }
    size = arrays["mean"].size
    shapes = {"mean": (size,), "scale": (size,), "weights": (size, len(EMOTIONS)), "bias": (len(EMOTIONS),)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} of shape {arrays[name].shape}")
    numbers = {name: float(fields.pop(name)) for name in ("slope", "temperature", "strength")}
    if not np.isfinite(list(numbers.values())).all() or numbers["temperature"] < 1:
        raise ValueError(f"temperature {numbers['temperature']}")
    if not (arrays["scale"] > 0).all():
        raise ValueError("a scale of 0")
    clips = tuple(int(count) for count in fields.pop("clips"))
    if len(clips) != len(EMOTIONS):
        raise ValueError(f"{len(clips)} counts")
    scores = {name: Score(**score) if (score := fields.pop(name)) else None for name in ("before", "after")}
    return PersonalVoice(
        model=str(fields.pop("model")),
        model_sha256=str(fields.pop("model_sha256")),
        made_at=str(fields.pop("made_at")),
        enabled=bool(fields.pop("enabled")),
        clips=clips,
        before=scores["before"],
        after=scores["after"],
        mean=arrays["mean"],
        scale=arrays["scale"],
        weights=arrays["weights"],
        bias=arrays["bias"],
        slope=numbers["slope"],
        temperature=numbers["temperature"],
        strength=numbers["strength"],
        **fields,  # what nobody knows is a TypeError
    )


def _as_arrays(
    logits: npt.ArrayLike, embedding: npt.ArrayLike, labels: npt.ArrayLike
) -> tuple[_Array, _Array, _Labels]:
    given = np.asarray(logits, dtype=np.float64).reshape(-1, len(EMOTIONS))
    rows = np.asarray(embedding, dtype=np.float64).reshape(len(given), -1)
    return given, rows, np.asarray(labels, dtype=np.int64).reshape(len(given))


def _within_reach(features: _Array) -> _Array:
    """Shorten what lies further from the takes than they reach, so that strangeness makes nothing surer."""
    length = np.linalg.norm(features, axis=1, keepdims=True)  # typically 1 among the takes
    nearer: _Array = features * np.minimum(1.0, _REACH / np.maximum(length, 1e-9))
    return nearer


def _folds(count: int) -> tuple[_Labels, _Array]:
    """Which fold each clip is left out in, (n,), and which clips each fold keeps, 1 or 0, (folds, n)."""
    fold = np.arange(count, dtype=np.int64) % min(count, _MAX_FOLDS)
    return fold, (fold != np.arange(fold.max() + 1)[:, np.newaxis]).astype(np.float64)


def _rescaled(logits: _Array, labels: _Labels) -> _Array:
    """The model's logits, (n, 8), each clip's divided by what suits the clips of the other folds best."""
    fold, keep = _folds(len(labels))
    rows = np.arange(len(labels))
    losses = np.stack([-_log_softmax(logits / value)[rows, labels] for value in _RESCALINGS])
    chosen = (losses @ keep.T).argmin(axis=0)  # (folds,)
    result: _Array = logits / _RESCALINGS[chosen][fold][:, np.newaxis]
    return result


def _left_out(logits: _Array, embedding: _Array, labels: _Labels, strength: float) -> _Array:
    """Adapted logits of every clip, (n, 8), from fits that have not seen it."""
    fold, keep = _folds(len(labels))
    mean, scale, slope, weights, bias = (
        part[fold] for part in _solve(logits, embedding, labels, keep, strength)
    )
    features = _within_reach((embedding - mean) / scale)
    adapted: _Array = slope[:, np.newaxis] * logits + np.einsum("ne,nek->nk", features, weights) + bias
    return adapted


def _solve(
    logits: _Array, embedding: _Array, labels: _Labels, keep: _Array, strength: float
) -> tuple[_Array, _Array, _Array, _Array, _Array]:
    """Fit several times at once, each time to the clips that a row of `keep`, (fits, n), has as 1.

    Nesterov's accelerated gradient for strongly convex functions ("Introductory Lectures on Convex
    Optimization", 2004, section 2.2) with the step that the data bound: nothing to tune, and the
    same answer every time.

    Returns
    -------
    mean, scale, slope, weights, bias
        Shapes (fits, E), (fits, E), (fits,), (fits, E, 8), (fits, 8).
    """
    neutral_only = bool((labels == _NEUTRAL).all())
    count = keep.sum(axis=1)[:, np.newaxis]  # (fits, 1)
    mean = keep @ embedding / count
    spread = np.sqrt(np.maximum(keep @ embedding**2 / count - mean**2, 0.0))
    # A dimension that hardly moves in these clips must not explode in the next.
    floor = np.maximum(0.1 * np.median(spread, axis=1, keepdims=True), 1e-6)
    # Divided by the root of their number, the features of a typical clip have the length 1.
    scale = np.maximum(spread, floor) * np.sqrt(embedding.shape[1])
    features = (embedding - mean[:, np.newaxis]) / scale[:, np.newaxis]  # (fits, n, E)
    centred = logits - logits.mean(axis=1, keepdims=True)  # (n, 8)
    length = max(float(np.sqrt((centred**2).sum(axis=1).mean())), 1e-6)
    unit = centred / length
    # Emotions that were not given take no part: with their weights at 0 they keep the model's answer.
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
    # One array for all parameters: E rows of weights, one of the bias, one whose first place is the slope's.
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
        if np.abs(moved).max() < _STILL:
            break
    slope = 1.0 + now[:, size + 1, 0] / length
    return mean, scale, slope, now[:, :size], now[:, size]


def _temperature(logits: _Array, labels: _Labels) -> float:
    """Least surprise on the clips and one that nobody could tell; never below 1."""
    count = len(labels)
    target = (np.eye(len(EMOTIONS))[labels] * count + 1.0 / len(EMOTIONS)) / (count + 1)
    losses = [-(target * _log_softmax(logits / value)).sum(axis=1).mean() for value in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _score(logits: _Array, labels: _Labels) -> Score:
    right = logits.argmax(axis=1) == labels
    recall = float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))
    log_loss = -float(_log_softmax(logits)[np.arange(len(labels)), labels].mean())
    return Score(len(labels), int(right.sum()), recall, log_loss)


def _log_softmax(logits: _Array) -> _Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: _Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result

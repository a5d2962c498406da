"""Owns what a user's own takes gain: people a model never heard, each as if they were a new user."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from models.emotion.labels import Emotion
from models.emotion.personal import (
    MIN_CLIPS,
    MIN_NEUTRAL_CLIPS,
    apply_personal,
    try_personal,
)
from models.emotion.recogniser import Answers
from models.training.data.cache import Clip, SpeechCache
from models.training.data.judged import LABELS, strangers, truth_of, whole_corpora
from models.training.data.window import centre_window
from models.training.intervals import DRAWS
from models.training.metrics import ACCEPT_AT, BINS, confidence_bin, softmax
from models.training.report.served import Predictor

__all__ = [
    "MODES",
    "PARTS",
    "Draw",
    "PersonalPlan",
    "Progress",
    "draw_clips",
    "evaluate_personal",
    "personal_gain",
]

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

MODES: Final = ("emotions", "neutral")
"""Takes of every emotion; only the neutral ones among the takes of a new user."""

PARTS: Final = ("corpora", "unseen_corpora")
"""Parts of the figures: who is kept for tests, and whole corpora that another model never heard."""

_BATCH: Final = 32
_NEUTRAL: Final = LABELS.index(Emotion.NEUTRAL)
_STATES: Final = ("before", "after", "always")
_NAMES: Final = ("ua", "ua_pooled", "wa", "ece", "coverage", "accepted_accuracy")

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PersonalPlan:
    """How new users are made of recorded people.

    Attributes
    ----------
    clips_per_emotion
        Takes of each emotion, at least `MIN_CLIPS`.
    repeats
        How often each speaker's takes are drawn anew, at least 1.
    seed
        Of the draws and the bootstrap.
    """

    clips_per_emotion: int = 3
    repeats: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.clips_per_emotion < MIN_CLIPS or self.repeats < 1:
            raise DataError(
                f"{self.clips_per_emotion} clips per emotion, drawn {self.repeats} times, measure nothing: "
                f"take at least {MIN_CLIPS} clips, and draw at least once."
            )


@dataclass(frozen=True)
class Draw:
    """One speaker's clips, dealt out; each array holds positions, no position is in `scored` and elsewhere.

    Attributes
    ----------
    emotions
        Takes of all emotions; empty where fewer than two emotions have clips to spare.
    neutral
        Neutral takes for those who record nothing else; empty where there are too few.
    scored
        What is left, judged before and after.
    """

    emotions: Indices
    neutral: Indices
    scored: Indices


def draw_clips(labels: Indices, plan: PersonalPlan, rng: np.random.Generator) -> Draw:
    """Draw a new user's takes by chance.

    An emotion gives takes only where at least one clip of it is left to score; one that has too few
    is scored all the same, for a user, too, is heard in emotions that they did not record.

    Parameters
    ----------
    labels
        Index into the eight emotions, ``(clips,)``.
    plan
        How many.
    rng
        Chance.
    """
    takes: list[Indices] = []
    neutral: Indices = np.zeros(0, dtype=np.int64)
    for label in np.unique(labels):
        mine = rng.permutation(np.flatnonzero(labels == label))
        if len(mine) > plan.clips_per_emotion:
            takes.append(mine[: plan.clips_per_emotion])
        enough = max(plan.clips_per_emotion, MIN_NEUTRAL_CLIPS)
        if label == _NEUTRAL and len(mine) > enough:
            neutral = mine[:enough]
    emotions = np.concatenate(takes) if len(takes) > 1 else np.zeros(0, dtype=np.int64)
    scored = np.setdiff1d(np.arange(len(labels)), np.concatenate([emotions, neutral]))
    return Draw(emotions, neutral, scored)


def evaluate_personal(
    predict: Predictor,
    cache: SpeechCache,
    *,
    others: Mapping[str, Predictor] | None = None,
    plan: PersonalPlan | None = None,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure what calibration to the own voice gains.

    Parameters
    ----------
    predict
        The model; asked once for each clip, by the 3 seconds around the middle of the voice.
    cache
        Prepared speech with its splits.
    others
        Models that never heard a corpus, by the corpus: all its people are new users to them.
    plan
        How takes are drawn.
    on_progress
        See `Progress`.

    Returns
    -------
    dict
        Plain values: ``labels``, ``accept_at``, ``plan``, ``corpora`` (test speakers and unseen languages,
        answered by `predict`) and ``unseen_corpora`` (everybody in the corpora of `others`), each by name
        from `personal_gain`.

    Raises
    ------
    DataError
        Nobody is there to measure on, or a corpus of `others` is not.
    """
    plan, others = plan or PersonalPlan(), others or {}
    tell = on_progress or (lambda _what, _done, _total: None)
    home = strangers(cache)
    if not home and not others:
        raise DataError("The prepared speech holds no test speakers: prepare the whole manifest.")
    away = whole_corpora(cache, others)

    def gain(corpus: str, clips: Sequence[Clip], model: Predictor) -> dict[str, Any]:
        logits, embedding = _answers(model, cache, clips, f"clips of {corpus}", tell)
        return {
            "split": clips[0].split.value,
            "language": clips[0].language,
            "licence": clips[0].licence,
            **personal_gain(logits, embedding, clips, plan, lambda *at: tell(f"voices of {corpus}", *at)),
        }

    return {
        "labels": list(LABELS),
        "accept_at": ACCEPT_AT,
        "plan": vars(plan),
        "corpora": {corpus: gain(corpus, clips, predict) for corpus, clips in home.items()},
        "unseen_corpora": {
            corpus: {**gain(corpus, clips, others[corpus]), "split": "all"} for corpus, clips in away.items()
        },
    }


def personal_gain(
    logits: Floats,
    embedding: Floats,
    clips: Sequence[Clip],
    plan: PersonalPlan,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Score the people of one corpus before and after calibration to their own takes.

    Takes are drawn by chance, so the sentence of a take may be among those that are scored; the take
    itself never is. Each mode speaks of the people who have enough clips for it.

    Parameters
    ----------
    logits
        ``(clips, 8)``.
    embedding
        ``(clips, E)``.
    clips
        At least one.
    plan
        How takes are drawn.
    on_progress
        Called with fits done and fits in all.

    Returns
    -------
    dict
        ``n``, ``speakers``, and for each of `MODES` None where nobody has enough clips, or: ``users``,
        ``skipped``, mean ``takes`` and ``scored`` clips of a draw, ``kept`` (share of the draws whose fit
        the program would keep), ``before``, ``after`` (adapted where it would be kept) and ``always``
        (adapted in any case) with ``ua`` (mean over speakers), ``ua_pooled``, ``wa``, ``ece``, ``coverage``
        and ``accepted_accuracy``; ``difference`` and ``difference_always`` of each figure to before,
        ``value`` and 95 % ``interval`` (bootstrap over speakers, None with one); ``by_speaker``.
    """
    truth = truth_of(clips)
    positions: defaultdict[str, list[int]] = defaultdict(list)
    for position, clip in enumerate(clips):
        positions[clip.speaker].append(position)
    people = sorted(positions)
    tell = on_progress or (lambda _done, _total: None)
    outcomes: dict[str, dict[str, list[_Outcome]]] = {mode: defaultdict(list) for mode in MODES}
    for index, speaker in enumerate(people):
        mine = np.array(positions[speaker])
        for repeat in range(plan.repeats):
            tell(index * plan.repeats + repeat, len(people) * plan.repeats)
            draw = draw_clips(truth[mine], plan, np.random.default_rng((plan.seed, index, repeat)))
            for mode, takes in (("emotions", draw.emotions), ("neutral", draw.neutral)):
                if len(takes):
                    outcomes[mode][speaker].append(
                        _as_a_new_user(logits[mine], embedding[mine], truth[mine], takes, draw.scored)
                    )
    return {
        "n": len(clips),
        "speakers": people,
        **{mode: _mode_record(outcomes[mode], people, plan.seed) for mode in MODES},
    }


@dataclass(frozen=True)
class _Outcome:
    """What one draw came to: a tally for each of `_STATES`, ``(3, T)``."""

    tallies: Floats
    uas: Floats  # (3,)
    takes: int
    scored: int
    kept: bool


def _as_a_new_user(
    logits: Floats, embedding: Floats, labels: Indices, takes: Indices, scored: Indices
) -> _Outcome:
    trial = try_personal(logits[takes], embedding[takes], labels[takes])
    unadapted = _answers_of(logits[scored], embedding[scored])
    adapted = apply_personal(trial.voice, unadapted).astype(np.float64)
    before = unadapted.probabilities.astype(np.float64)
    states = (before, adapted if trial.better else before, adapted)
    tallies = np.stack([_tally(state, labels[scored]) for state in states])
    hits, had = tallies[:, : len(LABELS)], tallies[:, len(LABELS) : 2 * len(LABELS)]
    uas = np.nanmean(np.where(had > 0, hits / np.maximum(had, 1), np.nan), axis=1)
    return _Outcome(tallies, uas, len(takes), len(scored), trial.better)


def _answers_of(logits: Floats, embedding: Floats) -> Answers:
    rows = (softmax(logits), logits, embedding)
    return Answers(*(part.astype(np.float32) for part in rows))


def _tally(probabilities: Floats, truth: Indices) -> Floats:
    """Counts that add up over people: hits and clips by class, accepted ones, right ones, gaps by bin."""
    guess, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = guess == truth
    sure = confidence >= ACCEPT_AT
    gaps = np.zeros(BINS)
    np.add.at(gaps, confidence_bin(confidence), confidence - right)
    return np.concatenate(
        [
            np.bincount(truth[right], minlength=len(LABELS)),
            np.bincount(truth, minlength=len(LABELS)),
            [sure.sum(), (sure & right).sum()],
            gaps,
        ]
    ).astype(np.float64)


def _mode_record(
    outcomes: Mapping[str, Sequence[_Outcome]], people: Sequence[str], seed: int
) -> dict[str, Any] | None:
    if not outcomes:
        return None
    users = list(outcomes)
    tallies = np.array([np.sum([one.tallies for one in outcomes[user]], axis=0) for user in users])
    uas = np.array([np.mean([one.uas for one in outcomes[user]], axis=0) for user in users])  # (users, 3)
    everybody = np.ones((1, len(users)))
    drawn = np.random.default_rng(seed).multinomial(
        len(users), np.full(len(users), 1 / len(users)), size=DRAWS
    )  # (draws, users)
    point, spread = (
        {state: _figures(tallies[:, place], uas[:, place], weights) for place, state in enumerate(_STATES)}
        for weights in (everybody, drawn)
    )

    def difference(state: str) -> dict[str, Any]:
        return {
            name: {
                "value": _plain(point[state][name][0] - point["before"][name][0]),
                "interval": _interval(spread[state][name] - spread["before"][name], len(users)),
            }
            for name in _NAMES
        }

    every = [one for user in users for one in outcomes[user]]
    return {
        "users": len(users),
        "skipped": [speaker for speaker in people if speaker not in outcomes],
        "takes": round(float(np.mean([one.takes for one in every])), 1),
        "scored": round(float(np.mean([one.scored for one in every])), 1),
        "kept": round(float(np.mean([one.kept for one in every])), 4),
        **{state: {name: _plain(point[state][name][0]) for name in _NAMES} for state in _STATES},
        "difference": difference("after"),
        "difference_always": difference("always"),
        "by_speaker": {
            user: {state: round(float(ua), 4) for state, ua in zip(_STATES, row, strict=True)}
            for user, row in zip(users, uas, strict=True)
        },
    }


def _figures(tallies: Floats, uas: Floats, weights: NDArray[Any]) -> dict[str, Floats]:
    """Every figure under each row of `weights`, ``(draws, users)``; NaN where there is none."""
    total = weights @ tallies  # (draws, T)
    classes = len(LABELS)
    hits, had = total[:, :classes], total[:, classes : 2 * classes]
    sure, sure_right = total[:, 2 * classes], total[:, 2 * classes + 1]
    gaps, count = total[:, 2 * classes + 2 :], had.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "ua": weights @ uas / weights.sum(axis=1),
            "ua_pooled": np.nanmean(hits / had, axis=1),
            "wa": hits.sum(axis=1) / count,
            "ece": np.abs(gaps).sum(axis=1) / count,
            "coverage": sure / count,
            "accepted_accuracy": sure_right / sure,
        }


def _plain(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _interval(values: Floats, users: int) -> tuple[float, float] | None:
    known = values[np.isfinite(values)]
    if users < 2 or 2 * len(known) < len(values):
        return None
    low, high = np.percentile(known, (2.5, 97.5))
    return round(float(low), 4), round(float(high), 4)


def _answers(
    predict: Predictor, cache: SpeechCache, clips: Sequence[Clip], what: str, tell: Progress
) -> tuple[Floats, Floats]:
    """One answer a clip: logits up to a constant, ``(clips, 8)``, and embedding, ``(clips, E)``."""
    logits, embedding = [], []
    for start in range(0, len(clips), _BATCH):
        tell(what, start, len(clips))
        part = clips[start : start + _BATCH]
        judged = predict([centre_window(cache.audio(clip)) for clip in part])
        logits.append(np.log(np.maximum(judged.probabilities, 1e-30)))
        embedding.append(judged.embedding)
    tell(what, len(clips), len(clips))
    return np.concatenate(logits), np.concatenate(embedding)

"""Recorded people as new users: takes of theirs, drawn by chance, and how the rest is answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.emotions import Emotion
from core.errors import DataError
from models.emotion.personal import MIN_CLIPS, MIN_NEUTRAL_CLIPS
from models.emotion.recogniser import Answers
from training.data.cache import LABELS, Clip, SpeechCache, truth_of, unseen_speakers, whole_corpora
from training.intervals import draw_groups, figures_of_tallies, percentile_interval, tally
from training.metrics import ACCEPT_AT, softmax
from training.progress import Progress, StepProgress
from training.report.model_under_test import Predictor, predict_clips

PARTS: Final = ("corpora", "unseen_corpora")
"""Parts of the figures: test speakers, and whole corpora that the training of another model left out."""

_NEUTRAL: Final = LABELS.index(Emotion.NEUTRAL)
_NAMES: Final = ("ua", "ua_pooled", "wa", "ece", "coverage", "accepted_accuracy")

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PersonalPlan:
    """How new users are made of recorded people."""

    clips_per_emotion: int = 3  # takes of each emotion, at least `MIN_CLIPS`
    repeats: int = 5  # how often each speaker's takes are drawn anew, at least 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.clips_per_emotion < MIN_CLIPS or self.repeats < 1:
            raise DataError(
                f"{self.clips_per_emotion} clips per emotion, drawn {self.repeats} times, measure nothing: "
                f"take at least {MIN_CLIPS} clips, and draw at least once."
            )


@dataclass(frozen=True)
class Draw:
    """One speaker's clips as positions; none is in `scored` and elsewhere too."""

    emotions: Indices  # takes of all emotions; empty where fewer than two have clips to spare
    neutral: Indices  # neutral takes for those who record nothing else; empty where there are too few
    scored: Indices  # the rest, scored before and after calibration


@dataclass(frozen=True)
class NewUser:
    """One speaker with one draw of takes."""

    speaker: str
    clips: Indices  # positions of the speaker's clips in the corpus
    draw: Draw  # of those
    rng: np.random.Generator  # for what else is left to chance


Plan = TypeVar("Plan", bound=PersonalPlan)


@dataclass(frozen=True)
class DrawOutcome:
    """What one draw gives in each of several states."""

    tallies: Floats  # ``(states, T)``
    uas: Floats  # ``(states,)``
    means: Mapping[str, float]  # of what else the mean over all draws is told


def measure_new_users(
    predict: Predictor,
    cache: SpeechCache,
    leave_one_out: Mapping[str, Predictor],
    plan: Plan,
    gain: Callable[[Floats, Floats, Sequence[Clip], Plan, StepProgress], dict[str, Any]],
    on_progress: Progress,
) -> dict[str, Any]:
    """Measure on test speakers, and on everybody in corpora that the training of another model left out.

    Parameters
    ----------
    gain
        Figures of one corpus, from logits ``(clips, 8)``, embeddings ``(clips, E)``, the clips and the plan.

    Returns
    -------
    dict
        Plain values: ``labels``, ``accept_at``, ``plan``, ``corpora`` (test speakers and unseen languages,
        answered by `predict`) and ``unseen_corpora`` (everybody in the corpora of `leave_one_out`), each by
        name from `gain`.

    Raises
    ------
    DataError
        Nobody is there to measure on, or a corpus of `leave_one_out` is not.
    """
    test_sets = unseen_speakers(cache)
    if not test_sets and not leave_one_out:
        raise DataError("The prepared speech holds no test speakers: prepare the whole manifest.")
    unseen_sets = whole_corpora(cache, leave_one_out)

    def measure(corpus: str, clips: Sequence[Clip], model: Predictor, split: str) -> dict[str, Any]:
        predictions = predict_clips(model, cache, clips, f"clips of {corpus}", on_progress)
        logits = np.log(np.maximum(predictions.probabilities, 1e-30))  # up to a constant
        return {
            "split": split,
            "language": clips[0].language,
            "licence": clips[0].licence,
            **gain(logits, predictions.embedding, clips, plan, partial(on_progress, f"voices of {corpus}")),
        }

    return {
        "labels": list(LABELS),
        "accept_at": ACCEPT_AT,
        "plan": vars(plan),
        "corpora": {
            corpus: measure(corpus, clips, predict, clips[0].split.value)
            for corpus, clips in test_sets.items()
        },
        "unseen_corpora": {
            corpus: measure(corpus, clips, leave_one_out[corpus], "all")
            for corpus, clips in unseen_sets.items()
        },
    }


def new_users(clips: Sequence[Clip], plan: PersonalPlan, on_progress: StepProgress) -> Iterator[NewUser]:
    """Each speaker as often as the plan says, with takes drawn anew; always the same."""
    truth, speaker_of = truth_of(clips), np.array([clip.speaker for clip in clips])
    people = speakers_of(clips)
    for index, speaker in enumerate(people):
        mine = np.flatnonzero(speaker_of == speaker)
        for repeat in range(plan.repeats):
            on_progress(index * plan.repeats + repeat, len(people) * plan.repeats)
            rng = np.random.default_rng((plan.seed, index, repeat))
            yield NewUser(speaker, mine, draw_clips(truth[mine], plan, rng), rng)


def speakers_of(clips: Sequence[Clip]) -> list[str]:
    """Everybody who is heard, in order."""
    return sorted({clip.speaker for clip in clips})


def draw_clips(labels: Indices, plan: PersonalPlan, rng: np.random.Generator) -> Draw:
    """Draw a new user's takes by chance.

    An emotion gives takes only where at least one clip of it is left to score; one that has too few
    is scored all the same, for a user, too, is heard in emotions that they did not record.
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


def answers_of(logits: Floats, embedding: Floats) -> Answers:
    """What the model answers to clips, as `models.emotion.personal.apply_personal` takes it."""
    return Answers(*(part.astype(np.float32) for part in (softmax(logits), logits, embedding)))


def outcome_of(states: Sequence[Floats], labels: Indices, **means: float) -> DrawOutcome:
    """Score the probabilities of each state, ``(clips, 8)``, on the same clips."""
    tallies = np.stack([tally(state, labels) for state in states])
    return DrawOutcome(tallies, figures_of_tallies(tallies)["ua"], means)


def summarise_users(
    outcomes: Sequence[tuple[str, DrawOutcome]],
    people: Sequence[str],
    *,
    states: Sequence[str],
    differences: Mapping[str, tuple[str, str]],
    seed: int,
) -> dict[str, Any] | None:
    """Mean over new users; None where nobody has enough clips.

    Parameters
    ----------
    outcomes
        Of each draw, with its speaker.
    people
        Everybody in the corpus.
    states
        Names of the states, in the order of the outcomes.
    differences
        By name, the state and the one that it is compared with.
    seed
        Of the bootstrap over speakers.

    Returns
    -------
    dict
        ``users``, ``skipped``, the outcomes' means, for each state ``ua`` (mean over speakers),
        ``ua_pooled``, ``wa``, ``ece``, ``coverage`` and ``accepted_accuracy``; the differences of each
        figure, ``value`` and 95 % ``interval`` (bootstrap over speakers, None with one); ``by_speaker``, the
        UA of each.
    """
    if not outcomes:
        return None
    by_user: dict[str, list[DrawOutcome]] = defaultdict(list)
    for speaker, outcome in outcomes:
        by_user[speaker].append(outcome)
    users = list(by_user)
    tallies = np.array([np.sum([one.tallies for one in by_user[user]], axis=0) for user in users])
    uas = np.array([np.mean([one.uas for one in by_user[user]], axis=0) for user in users])  # (users, states)
    everybody = np.ones((1, len(users)))
    _, drawn = draw_groups(users, seed=seed)  # (draws, users)
    point, spread = (
        {state: _figures(tallies[:, place], uas[:, place], weights) for place, state in enumerate(states)}
        for weights in (everybody, drawn)
    )

    def difference(state: str, to: str) -> dict[str, Any]:
        return {
            name: {
                "value": _plain(point[state][name][0] - point[to][name][0]),
                "interval": percentile_interval(spread[state][name] - spread[to][name])
                if len(users) > 1
                else None,
            }
            for name in _NAMES
        }

    means = [outcome.means for _, outcome in outcomes]
    return {
        "users": len(users),
        "skipped": [speaker for speaker in people if speaker not in by_user],
        **{name: round(float(np.mean([one[name] for one in means])), 4) for name in means[0]},
        **{state: {name: _plain(point[state][name][0]) for name in _NAMES} for state in states},
        **{name: difference(*compared) for name, compared in differences.items()},
        "by_speaker": {
            user: {state: round(float(ua), 4) for state, ua in zip(states, row, strict=True)}
            for user, row in zip(users, uas, strict=True)
        },
    }


def _figures(tallies: Floats, uas: Floats, weights: NDArray[Any]) -> dict[str, Floats]:
    """Every figure under each row of `weights`, ``(draws, users)``; NaN where there is none."""
    pooled = figures_of_tallies(weights @ tallies)
    return {**pooled, "ua": weights @ uas / weights.sum(axis=1), "ua_pooled": pooled["ua"]}


def _plain(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None

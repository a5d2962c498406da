"""What corrections gain: people whose voice is known correct wrong answers, and the fit learns from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from core.errors import DataError
from models.emotion.personal import PersonalVoice, VoiceClips, apply_personal, fit_and_validate
from training.data.cache import Clip, SpeechCache, truth_of
from training.progress import Progress, StepProgress, no_progress
from training.report.model_under_test import Predictor
from training.report.new_users import (
    DrawOutcome,
    Floats,
    Indices,
    NewUser,
    PersonalPlan,
    answers_of,
    measure_new_users,
    new_users,
    outcome_of,
    speakers_of,
    summarise_users,
)

STATES: Final = ("before", "calibrated", "corrected", "some_wrong")
_DIFFERENCES: Final = {
    "difference": ("corrected", "calibrated"),
    "difference_some_wrong": ("some_wrong", "calibrated"),
}


@dataclass(frozen=True)
class CorrectionPlan(PersonalPlan):
    """How new users correct what was said of them."""

    most: int = 12  # corrections of one user, at least 1
    wrong: float = 0.3  # share of the corrections that are wrong themselves, in ``some_wrong``

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.most < 1 or not 0.0 <= self.wrong <= 1.0:
            raise DataError(
                f"{self.most} corrections, {self.wrong} of them wrong, measure nothing: take at least one, "
                "and a share from 0 to 1."
            )


def evaluate_corrections(
    predict: Predictor,
    cache: SpeechCache,
    *,
    leave_one_out: Mapping[str, Predictor] | None = None,
    plan: CorrectionPlan | None = None,
    on_progress: Progress = no_progress,
) -> dict[str, Any]:
    """Measure what correcting wrong answers gains beside takes of the own voice.

    To models whose training left a corpus out, by that corpus, all its people are new users.

    Returns
    -------
    dict
        From `training.report.new_users.measure_new_users`, with figures from `correction_gain`.

    Raises
    ------
    DataError
        Nobody is there to measure on, or a corpus of `leave_one_out` is not.
    """
    used = plan or CorrectionPlan()

    return measure_new_users(predict, cache, leave_one_out or {}, used, correction_gain, on_progress)


def correction_gain(
    logits: Floats,
    embedding: Floats,
    clips: Sequence[Clip],
    plan: CorrectionPlan,
    on_progress: StepProgress = no_progress,
) -> dict[str, Any]:
    """Score the people of one corpus before and after they corrected what was said of them.

    After takes of every emotion, half of what a person says besides is heard: of the wrong answers to it so
    many as the plan says are corrected. The other half is scored. Logits are ``(clips, 8)``, embeddings
    ``(clips, E)``.

    Returns
    -------
    dict
        ``n``, ``speakers``, and as ``emotions`` what `training.report.new_users.summarise_users` says of
        ``before`` (the model alone), ``calibrated`` (takes alone), ``corrected`` (takes and corrections) and
        ``some_wrong``, each fit used where the program would keep it; with mean ``takes``, ``corrections``
        and ``scored`` clips of a draw.
    """
    truth, people = truth_of(clips), speakers_of(clips)
    outcomes: list[tuple[str, DrawOutcome]] = []
    for user in new_users(clips, plan, on_progress):
        if len(user.draw.emotions):
            rows = VoiceClips(logits[user.clips], embedding[user.clips], truth[user.clips])
            outcomes.append((user.speaker, _corrected(rows, user, plan)))
    return {
        "n": len(clips),
        "speakers": people,
        "emotions": summarise_users(
            outcomes, people, states=STATES, differences=_DIFFERENCES, seed=plan.seed
        ),
    }


def split_heard(labels: Indices, rest: Indices, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Halve what is no take by chance, emotion by emotion: what is heard first, and what is scored."""
    heard, scored = [], []
    for label in np.unique(labels[rest]):
        mine = rng.permutation(rest[labels[rest] == label])
        heard.append(mine[: len(mine) // 2])
        scored.append(mine[len(mine) // 2 :])
    return np.concatenate(heard), np.concatenate(scored)


def mistake(labels: Indices, known: Indices, share: float, rng: np.random.Generator) -> Indices:
    """Corrections of which so many say another emotion of the takes than the true one, by chance."""
    given = labels.copy()
    for place in rng.permutation(len(labels))[: round(share * len(labels))]:
        given[place] = rng.choice(np.setdiff1d(known, labels[place]))
    return given


def _corrected(clips: VoiceClips, user: NewUser, plan: CorrectionPlan) -> DrawOutcome:
    takes = _part(clips, user.draw.emotions)
    heard, scored = split_heard(clips.labels, user.draw.scored, user.rng)
    known = _fit(takes, None, None)
    wrong = heard[_answers(known, _part(clips, heard)).argmax(axis=1) != clips.labels[heard]]
    right = _part(clips, user.rng.permutation(wrong)[: plan.most])
    mistaken = mistake(right.labels, np.unique(takes.labels), plan.wrong, user.rng)
    voices = (
        None,
        known,
        _fit(takes, right, known),
        _fit(takes, VoiceClips(right.logits, right.embedding, mistaken), known),
    )
    return outcome_of(
        [_answers(voice, _part(clips, scored)) for voice in voices],
        clips.labels[scored],
        takes=len(takes.labels),
        corrections=len(right.labels),
        scored=len(scored),
    )


def _fit(
    takes: VoiceClips, corrections: VoiceClips | None, before: PersonalVoice | None
) -> PersonalVoice | None:
    """The fit that the program would keep, else the one of before."""
    trial = fit_and_validate(takes.logits, takes.embedding, takes.labels, corrections=corrections)
    return trial.voice if trial.better else before


def _answers(voice: PersonalVoice | None, clips: VoiceClips) -> Floats:
    """Probabilities of the emotions, ``(n, 8)``; without a voice the model's own."""
    answers = answers_of(clips.logits, clips.embedding)
    return (answers.probabilities if voice is None else apply_personal(voice, answers)).astype(np.float64)


def _part(clips: VoiceClips, which: Indices) -> VoiceClips:
    return VoiceClips(clips.logits[which], clips.embedding[which], clips.labels[which])

"""What calibration to a user's own takes gains: each test speaker as if they were a new user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from models.emotion.personal import apply_personal, fit_and_validate
from training.data.cache import Clip, SpeechCache, truth_of
from training.progress import Progress, StepProgress, no_progress
from training.report.model_under_test import Predictor
from training.report.new_users import (
    DrawOutcome,
    Floats,
    Indices,
    PersonalPlan,
    answers_of,
    measure_new_users,
    new_users,
    outcome_of,
    speakers_of,
    summarise_users,
)

_STATES: Final = ("before", "after", "always")
_DIFFERENCES: Final = {"difference": ("after", "before"), "difference_always": ("always", "before")}


def evaluate_personal(
    predict: Predictor,
    cache: SpeechCache,
    *,
    leave_one_out: Mapping[str, Predictor] | None = None,
    plan: PersonalPlan | None = None,
    on_progress: Progress = no_progress,
) -> dict[str, Any]:
    """Measure what calibration to the own voice gains.

    To models whose training left a corpus out, by that corpus, all its people are new users.

    Returns
    -------
    dict
        From `training.report.new_users.measure_new_users`, with figures from `personal_gain`.

    Raises
    ------
    DataError
        Nobody is there to measure on, or a corpus of `leave_one_out` is not.
    """
    used = plan or PersonalPlan()

    return measure_new_users(predict, cache, leave_one_out or {}, used, personal_gain, on_progress)


def personal_gain(
    logits: Floats,
    embedding: Floats,
    clips: Sequence[Clip],
    plan: PersonalPlan,
    on_progress: StepProgress = no_progress,
) -> dict[str, Any]:
    """Score the people of one corpus before and after calibration to their own takes.

    Takes are drawn by chance, so the sentence of a take may be among those that are scored; the take itself
    never is. Either kind of takes counts the people who have enough clips for it. Logits are ``(clips, 8)``,
    embeddings ``(clips, E)``.

    Returns
    -------
    dict
        ``n``, ``speakers``, and for ``emotions`` (takes of every emotion) and ``neutral`` (neutral takes
        only) what `training.report.new_users.summarise_users` says of ``before``, ``after`` (adapted where
        the program would keep the fit) and ``always`` (adapted in any case), with mean ``takes`` and
        ``scored`` clips of a draw and ``kept``, the share of the draws whose fit would be kept.
    """
    truth, people = truth_of(clips), speakers_of(clips)
    outcomes: dict[str, list[tuple[str, DrawOutcome]]] = {"emotions": [], "neutral": []}
    for user in new_users(clips, plan, on_progress):
        for kind, of_kind in outcomes.items():
            takes = getattr(user.draw, kind)
            if len(takes):
                rows = (logits[user.clips], embedding[user.clips], truth[user.clips])
                of_kind.append((user.speaker, _calibrated(*rows, takes, user.draw.scored)))
    return {
        "n": len(clips),
        "speakers": people,
        **{
            kind: summarise_users(of_kind, people, states=_STATES, differences=_DIFFERENCES, seed=plan.seed)
            for kind, of_kind in outcomes.items()
        },
    }


def _calibrated(
    logits: Floats, embedding: Floats, labels: Indices, takes: Indices, scored: Indices
) -> DrawOutcome:
    trial = fit_and_validate(logits[takes], embedding[takes], labels[takes])
    unadapted = answers_of(logits[scored], embedding[scored])
    before = unadapted.probabilities.astype(np.float64)
    adapted = apply_personal(trial.voice, unadapted).astype(np.float64)
    states = (before, adapted if trial.better else before, adapted)
    return outcome_of(states, labels[scored], takes=len(takes), scored=len(scored), kept=trial.better)

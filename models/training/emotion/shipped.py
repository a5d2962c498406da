"""The shipped model: its head on all corpora, its twins without one each, one confidence for all."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.emotion.hybrid import EmotionHybrid
from models.training.data.cache import Clip
from models.training.data.judged import LABELS
from models.training.data.ordinary import ORDINARY
from models.training.data.splits import Split
from models.training.emotion.confidence import (
    AxisHeats,
    Density,
    Knobs,
    fit_axis_heat,
    fit_density,
    fit_knobs,
    log_temperature,
)
from models.training.emotion.experiment import Experiment, fit_clips
from models.training.emotion.heads import predict_head
from models.training.emotion.targets import targets_of
from models.training.metrics import ACCEPT_AT, figures, softmax

__all__ = [
    "STRANGERS",
    "Answered",
    "HomeModel",
    "axis_heats",
    "fit_home",
    "heard_by",
    "stranger_table",
    "weigh_confidence",
]

_LOG = logging.getLogger(__name__)
STRANGERS: Final = ("ravdess_speech", "crema_d", "emodb", "nemo")
"""Corpora that are left out in turn, each with the songs of its people."""
_SONGS: Final = "ravdess_song"


@dataclass(frozen=True)
class Answered:
    """Uncalibrated answers to clips of one corpus.

    Attributes
    ----------
    logits, embedding
        float32, ``(n, 8)`` and ``(n, 128)``.
    axes
        float32, ``(n, 2)``: logits of lively and of pleasant.
    truth
        int64, ``(n,)``.
    axis_truth
        float32, ``(n, 2)``, as `targets.axis_truth` has it.
    spared
        Whether a clip is of the shipped model's test speakers, ``(n,)``: nothing is fitted to those.
    speakers
        Of the clips.
    """

    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]
    axes: NDArray[np.float32]
    truth: NDArray[np.int64]
    axis_truth: NDArray[np.float32]
    spared: NDArray[np.bool_]
    speakers: tuple[str, ...]

    def fitted(self) -> Answered:
        """Without the test speakers."""
        rows = np.flatnonzero(~self.spared)
        return Answered(
            self.logits[rows],
            self.embedding[rows],
            self.axes[rows],
            self.truth[rows],
            self.axis_truth[rows],
            self.spared[rows],
            tuple(self.speakers[row] for row in rows),
        )


@dataclass(frozen=True)
class HomeModel:
    """A hybrid on the encoder, with where its home is.

    Attributes
    ----------
    hybrid
        With the fitted head.
    density
        Of the embeddings of its training speakers.
    home
        By corpus, answers to home speakers outside training, ordinary talk among them.
    strangers
        Answers to all clips of the corpus that it never heard; None: it heard all.
    """

    hybrid: EmotionHybrid
    density: Density
    home: Mapping[str, Answered]
    strangers: Answered | None


def heard_by(clip: Clip, without: str | None) -> bool:
    """Whether the head without a corpus is fitted to a clip: people of no test, and not of that corpus."""
    if clip.emotion not in LABELS and clip.emotion != ORDINARY:
        return False
    if clip.split not in (Split.TRAIN, Split.VALIDATION):
        return False
    return without is None or not _of(clip, without)


def _of(clip: Clip, corpus: str) -> bool:
    """Whether a clip is of a corpus; songs are of their singers'."""
    return clip.corpus == corpus or (clip.corpus == _SONGS and corpus.startswith("ravdess"))


def fit_home(experiment: Experiment, without: str | None = None) -> HomeModel:
    """Fit an eight-way head to everything but one corpus.

    Parameters
    ----------
    experiment
        Data, features and recipe.
    without
        One of `STRANGERS`; None: the shipped head.
    """
    name = "shipped" if without is None else f"without_{without}"
    train = [clip for clip in experiment.clips if heard_by(clip, without)]
    at_home = {clip.corpus for clip in train} - {_SONGS}
    result = fit_clips(experiment, train, experiment.head, run_dir=experiment.folder / "heads" / name)
    home = {
        corpus: _answer(
            experiment,
            result,
            [
                clip
                for clip in experiment.clips
                if clip.corpus == corpus
                and clip.split is Split.CALIBRATION
                and (clip.emotion in LABELS or clip.emotion == ORDINARY)
            ],
        )
        for corpus in sorted(at_home)
    }
    home = {corpus: answered for corpus, answered in home.items() if len(answered.truth)}
    strangers = None
    if without is not None:
        clips = [clip for clip in experiment.clips if clip.corpus == without and clip.emotion in LABELS]
        strangers = _answer(experiment, result, clips)
    hybrid = experiment.hybrid(experiment.head)
    hybrid.head = result.head
    answers = predict_head(result, experiment.features, [experiment.row_of[clip.path] for clip in train])
    density = fit_density(
        answers.embedding,
        targets_of([clip.emotion for clip in train], LABELS).labels,
        np.concatenate([part.logits for part in home.values()]),
        np.concatenate([part.embedding for part in home.values()]),
    )
    _LOG.info("head %s is ready", name)
    return HomeModel(hybrid.eval(), density, home, strangers)


def _answer(experiment: Experiment, result: Any, clips: Sequence[Clip]) -> Answered:
    answers = predict_head(result, experiment.features, [experiment.row_of[clip.path] for clip in clips])
    targets = targets_of([clip.emotion for clip in clips], LABELS)
    return Answered(
        answers.logits,
        answers.embedding,
        answers.axes,
        targets.labels,
        targets.axes,
        np.array([clip.split is Split.TEST for clip in clips], dtype=np.bool_),
        tuple(clip.speaker for clip in clips),
    )


def weigh_confidence(
    home: HomeModel, away: Mapping[str, HomeModel], *, stranger_weight: float, signals: tuple[bool, bool]
) -> Knobs:
    """One set of knobs for known rooms and unknown ones; test speakers are left out on both sides.

    Parameters
    ----------
    home
        The shipped model.
    away
        By corpus, the model that never heard it.
    stranger_weight
        How much all strangers together count beside all home speakers together; 0 or more.
    signals
        Whether distance and energy of the logits may speak.
    """
    groups = [
        (home.density, part.logits, part.embedding, part.truth, 1.0 / len(home.home))
        for part in home.home.values()
    ]
    for model in away.values():
        assert model.strangers is not None
        part = model.strangers.fitted()
        groups.append((model.density, part.logits, part.embedding, part.truth, stranger_weight / len(away)))
    return fit_knobs(groups, use_distance=signals[0], use_energy=signals[1])


def axis_heats(away: Mapping[str, HomeModel]) -> AxisHeats:
    """Temperatures of energy and pleasantness, fitted to corpora left out; test speakers are left out.

    Parameters
    ----------
    away
        By corpus, the model that never heard it.
    """
    parts = [model.strangers.fitted() for model in away.values() if model.strangers is not None]
    heats = (
        fit_axis_heat([(part.axes[:, axis], part.axis_truth[:, axis]) for part in parts]) for axis in (0, 1)
    )
    return AxisHeats(*heats)


def stranger_table(knobs: Knobs, density: Density, answered: Answered) -> dict[str, Any]:
    """Figures of one corpus under a confidence: eight-way and masked to the classes it has."""
    heat = np.exp(log_temperature(knobs, density, answered.logits, answered.embedding))
    probabilities = softmax(answered.logits / heat[:, None])
    present = [int(label) for label in np.unique(answered.truth)]
    return {
        "accept_at": ACCEPT_AT,
        "eight_way": figures(probabilities, answered.truth, LABELS).record(),
        "masked": figures(probabilities, answered.truth, LABELS, only=present).record(),
    }

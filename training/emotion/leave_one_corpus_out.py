"""The released model and its leave-one-corpus-out models: fitted, and run on people outside training."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.emotion.hybrid import EmotionHybrid
from training.data.cache import LABELS, Clip
from training.data.ordinary import ORDINARY
from training.data.splits import Split
from training.emotion import confidence
from training.emotion.experiment import Experiment, fit_clips
from training.emotion.heads import HeadResult, predict_head
from training.emotion.targets import targets_of
from training.metrics import ACCEPT_AT, figures

_LOG = logging.getLogger(__name__)
LEFT_OUT_CORPORA: Final = ("ravdess_speech", "crema_d", "emodb", "nemo")
"""Corpora that are left out in turn, each with the songs of its people."""
_SONGS: Final = "ravdess_song"


@dataclass(frozen=True)
class CorpusAnswers:
    """Uncalibrated answers to clips of one corpus."""

    # float32, ``(n, 8)`` and ``(n, 128)``.
    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]
    axes: NDArray[np.float32]  # float32, ``(n, 2)``: logits of lively and of pleasant
    truth: NDArray[np.int64]  # int64, ``(n,)``
    axis_truth: NDArray[np.float32]  # float32, ``(n, 2)``, as `targets.axis_truth` has it
    # Whether a clip is of the released model's test speakers, ``(n,)``: nothing is fitted to those.
    is_test: NDArray[np.bool_]
    speakers: tuple[str, ...]  # of the clips

    def without_test_speakers(self) -> CorpusAnswers:
        """What may be fitted to."""
        rows = np.flatnonzero(~self.is_test)
        parts = {name: part[rows] for name, part in vars(self).items() if name != "speakers"}
        return CorpusAnswers(**parts, speakers=tuple(self.speakers[row] for row in rows))


@dataclass(frozen=True)
class FittedModel:
    """A hybrid with a fitted head, and what it answers to people outside its training."""

    hybrid: EmotionHybrid  # with the head
    density: confidence.Density  # of the embeddings of its training speakers
    # By corpus that it was trained on, answers to that corpus's calibration speakers; ordinary talk is one.
    in_domain: Mapping[str, CorpusAnswers]
    # Answers to all clips of the corpus that was left out; None: none was.
    unseen_corpus: CorpusAnswers | None

    @property
    def unseen(self) -> CorpusAnswers:
        """Answers to the corpus that was left out."""
        assert self.unseen_corpus is not None
        return self.unseen_corpus


def is_training_clip(clip: Clip, without: str | None) -> bool:
    """Whether the head without a corpus is fitted to a clip: people of no test, and not of that corpus.

    Songs are of their singers' corpus.
    """
    if not _has_target(clip) or clip.split not in (Split.TRAIN, Split.VALIDATION):
        return False
    corpus = "ravdess_speech" if clip.corpus == _SONGS else clip.corpus
    return without is None or corpus != without


def _has_target(clip: Clip) -> bool:
    return clip.emotion in LABELS or clip.emotion == ORDINARY


def fit_model(experiment: Experiment, without: str | None = None) -> FittedModel:
    """Fit an eight-way head to everything but one of `LEFT_OUT_CORPORA`; to everything for None."""
    name = "shipped" if without is None else f"without_{without}"
    train = [clip for clip in experiment.clips if is_training_clip(clip, without)]
    result = fit_clips(experiment, train, experiment.head, run_dir=experiment.folder / "heads" / name)
    in_domain: dict[str, CorpusAnswers] = {}
    for corpus in sorted({clip.corpus for clip in train} - {_SONGS}):
        of_corpus = [clip for clip in experiment.clips if clip.corpus == corpus and _has_target(clip)]
        calibration = [clip for clip in of_corpus if clip.split is Split.CALIBRATION]
        if calibration:
            in_domain[corpus] = _answer(experiment, result, calibration)
    unseen = [clip for clip in experiment.clips if clip.corpus == without and clip.emotion in LABELS]
    hybrid = experiment.hybrid(experiment.head)
    hybrid.head = result.head
    density = confidence.fit_density(
        predict_head(result, experiment.features, experiment.rows(train)).embedding,
        targets_of([clip.emotion for clip in train], LABELS).labels,
        np.concatenate([part.embedding for part in in_domain.values()]),
    )
    _LOG.info("head %s is ready", name)
    answers = None if without is None else _answer(experiment, result, unseen)
    return FittedModel(hybrid.eval(), density, in_domain, answers)


def _answer(experiment: Experiment, result: HeadResult, clips: Sequence[Clip]) -> CorpusAnswers:
    answers = predict_head(result, experiment.features, experiment.rows(clips))
    targets = targets_of([clip.emotion for clip in clips], LABELS)
    return CorpusAnswers(
        **vars(answers),
        truth=targets.labels,
        axis_truth=targets.axes,
        is_test=np.array([clip.split is Split.TEST for clip in clips], dtype=np.bool_),
        speakers=tuple(clip.speaker for clip in clips),
    )


def fit_confidence(
    model: FittedModel, left_out: Mapping[str, FittedModel], *, unseen_weight: float, use_distance: bool
) -> confidence.ConfidenceParameters:
    """One set of parameters for known rooms and unknown ones; test speakers are left out of both.

    All unseen corpora together weigh ``unseen_weight``, 0 or more, all in-domain speakers together 1.
    """
    groups = [
        (model.density, part.logits, part.embedding, part.truth, 1.0 / len(model.in_domain))
        for part in model.in_domain.values()
    ]
    for other in left_out.values():
        part = other.unseen.without_test_speakers()
        groups.append((other.density, part.logits, part.embedding, part.truth, unseen_weight / len(left_out)))
    return confidence.fit_parameters(groups, use_distance=use_distance)


def fit_axis_temperatures(left_out: Mapping[str, FittedModel]) -> confidence.AxisTemperatures:
    """Temperatures of energy and pleasantness, fitted to unseen corpora without their test speakers.

    A model that was trained on all corpora is passed over.
    """
    parts = [
        model.unseen.without_test_speakers() for model in left_out.values() if model.unseen_corpus is not None
    ]
    return confidence.AxisTemperatures(
        *(
            confidence.fit_axis_temperature(
                [(part.axes[:, axis], part.axis_truth[:, axis]) for part in parts]
            )
            for axis in (0, 1)
        )
    )


def unseen_corpus_figures(
    parameters: confidence.ConfidenceParameters, density: confidence.Density, answers: CorpusAnswers
) -> dict[str, Any]:
    """Figures of one corpus under a confidence: eight-way and masked to the classes it has."""
    probabilities = confidence.calibrated(parameters, density, answers.logits, answers.embedding)
    present = [int(label) for label in np.unique(answers.truth)]
    return {
        "accept_at": ACCEPT_AT,
        "eight_way": figures(probabilities, answers.truth, LABELS).record(),
        "masked": figures(probabilities, answers.truth, LABELS, only=present).record(),
    }

"""Owns the shipped model: its head on all corpora, its twins without one each, one confidence for all."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.emotion.hybrid import EmotionHybrid
from models.training.data.cache import Clip
from models.training.data.judged import LABELS, truth_of
from models.training.data.splits import Split
from models.training.emotion.confidence import (
    Density,
    Knobs,
    fit_density,
    fit_knobs,
    log_temperature,
)
from models.training.emotion.heads import HeadResult, HeadSettings, fit_head, predict_head
from models.training.emotion.pretrain import draw_probabilities
from models.training.emotion.protocols import EncoderPlan, trainable
from models.training.emotion.runner import Workshop, corpus_features, train_encoder
from models.training.metrics import ACCEPT_AT, figures, softmax

__all__ = ["STRANGERS", "Answered", "HomeModel", "fit_home", "stranger_table", "weigh_confidence"]

_LOG = logging.getLogger(__name__)
STRANGERS: Final[Mapping[str, str]] = {
    "ravdess_speech": "without_ravdess",
    "crema_d": "without_crema_d",
    "emodb": "without_emodb",
    "nemo": "without_nemo",
}
"""Corpus -> encoder plan that never heard it."""


@dataclass(frozen=True)
class Answered:
    """Uncalibrated answers to clips of one corpus.

    Attributes
    ----------
    logits, embedding
        float32, ``(n, 8)`` and ``(n, 128)``.
    truth
        int64, ``(n,)``.
    spared
        Whether a clip is of the shipped model's test speakers, ``(n,)``: nothing is fitted to those.
    speakers
        Of the clips.
    """

    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]
    truth: NDArray[np.int64]
    spared: NDArray[np.bool_]
    speakers: tuple[str, ...]

    def fitted(self) -> Answered:
        """Without the test speakers."""
        rows = np.flatnonzero(~self.spared)
        return Answered(
            self.logits[rows],
            self.embedding[rows],
            self.truth[rows],
            self.spared[rows],
            tuple(self.speakers[row] for row in rows),
        )


@dataclass(frozen=True)
class HomeModel:
    """A hybrid on one encoder, with where its home is.

    Attributes
    ----------
    hybrid
        With the fitted head.
    density
        Of the embeddings of its training speakers.
    home
        By corpus, answers to home speakers outside training.
    strangers
        By corpus, answers to all clips of corpora it never heard.
    """

    hybrid: EmotionHybrid
    density: Density
    home: Mapping[str, Answered]
    strangers: Mapping[str, Answered]


def fit_home(
    workshop: Workshop,
    plans: Mapping[str, EncoderPlan],
    name: str,
    *,
    strangers: Sequence[str] = (),
    views: int = 3,
    settings: HeadSettings | None = None,
) -> HomeModel:
    """Fit an eight-way head on everything that a plan's encoder may hear.

    Parameters
    ----------
    workshop, plans, name
        Data, plans, and the plan whose encoder is used.
    strangers
        Corpora to answer without having heard them.
    views
        Of the feature cache.
    settings
        The recipe of the head.
    """
    encoder = train_encoder(workshop, plans, name)
    plan = plans[name]

    def wanted(clip: Clip) -> bool:
        return clip.emotion in LABELS and trainable(clip)

    train = [clip for clip in workshop.cache.clips if wanted(clip) and plan.hears(clip)]
    at_home = {clip.corpus for clip in train} - {"ravdess_song"}
    home = [
        clip
        for clip in workshop.cache.clips
        if wanted(clip)
        and not plan.hears(clip)
        and clip.split is Split.CALIBRATION
        and clip.corpus in at_home
    ]
    strange = [clip for clip in workshop.cache.clips if wanted(clip) and clip.corpus in strangers]
    hybrid, features = corpus_features(workshop, encoder, train, views=views)
    labels = truth_of(train)
    odds = draw_probabilities([int(label) for label in labels], [clip.corpus for clip in train])
    result = fit_head(
        features,
        labels,
        np.arange(len(train)),
        [],
        replace(settings or HeadSettings(), threads=workshop.threads),
        draw_weights=odds,
        run_dir=workshop.folder / "heads" / name,
        resume=True,
    )
    hybrid.head = result.head
    outside = home + strange
    _, others = corpus_features(workshop, encoder, outside, views=1)
    by_corpus = {
        corpus: _answer(result, others, outside, [row for row, c in enumerate(outside) if c.corpus == corpus])
        for corpus in sorted({clip.corpus for clip in outside})
    }
    at_home_answers = {corpus: by_corpus[corpus] for corpus in by_corpus if corpus not in strangers}
    _, embedding = predict_head(result, features, np.arange(len(train)))
    density = fit_density(
        embedding,
        labels,
        np.concatenate([part.logits for part in at_home_answers.values()]),
        np.concatenate([part.embedding for part in at_home_answers.values()]),
    )
    return HomeModel(
        hybrid=hybrid.eval(),
        density=density,
        home=at_home_answers,
        strangers={corpus: by_corpus[corpus] for corpus in strangers},
    )


def _answer(result: HeadResult, features: Any, clips: Sequence[Clip], rows: Sequence[int]) -> Answered:
    logits, embedding = predict_head(result, features, np.array(rows, dtype=np.int64))
    chosen = [clips[row] for row in rows]
    spared = np.array([clip.split is Split.TEST for clip in chosen], dtype=np.bool_)
    return Answered(logits, embedding, truth_of(chosen), spared, tuple(clip.speaker for clip in chosen))


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
        Whether distance and energy may speak.
    """
    groups = [
        (home.density, part.logits, part.embedding, part.truth, 1.0 / len(home.home))
        for part in home.home.values()
    ]
    for corpus, model in away.items():
        part = model.strangers[corpus].fitted()
        groups.append((model.density, part.logits, part.embedding, part.truth, stranger_weight / len(away)))
    return fit_knobs(groups, use_distance=signals[0], use_energy=signals[1])


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

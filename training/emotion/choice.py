"""The choice of the released confidence, and figures of unseen corpora by choices that never saw them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError, WeightsError
from training.emotion.confidence import ConfidenceParameters, Density, calibrated
from training.emotion.leave_one_corpus_out import (
    CorpusAnswers,
    FittedModel,
    fit_confidence,
    unseen_corpus_figures,
)
from training.intervals import speaker_bootstrap
from training.metrics import ACCEPT_AT, expected_calibration_error

_LOG = logging.getLogger(__name__)
_WEIGHTS: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0)
_SIGNALS: Final[Mapping[str, bool]] = {"temperature alone": False, "distance": True}
"""Name of what the confidence is made of -> whether the distance from the training speakers is part of it."""
IN_DOMAIN_COVERAGE: Final = 0.42
IN_DOMAIN_ACCURACY: Final = 0.90
IN_DOMAIN_ECE: Final = 0.07
UNSEEN_COVERAGE: Final = 0.08
UNSEEN_ACCURACY: Final = 0.70
LEAST_IN_DOMAIN_COVERAGE: Final = 0.25
"""Less is not released."""


@dataclass(frozen=True)
class _GateFigures:
    """What the gate would accept of some clips, of all eight answers."""

    # Clips, those with a confidence of at least 0.70, and those of the accepted that are right.
    n: int
    accepted: int
    right: int
    ece: float  # expected calibration error over all clips, 15 bins, [0, 1]

    @property
    def coverage(self) -> float:
        """Share accepted."""
        return self.accepted / self.n

    @property
    def accuracy(self) -> float | None:
        """Share right of what is accepted; None where nothing is."""
        return self.right / self.accepted if self.accepted else None

    def record(self) -> dict[str, Any]:
        """Counts and shares as plain values, rounded to four digits."""
        return {
            "n": self.n,
            "accepted": self.accepted,
            "right": self.right,
            "coverage": round(self.coverage, 4),
            "accepted_accuracy": None if self.accuracy is None else round(self.accuracy, 4),
            "ece": round(self.ece, 4),
        }


@dataclass(frozen=True)
class _Candidate:
    """One confidence: figures in domain, and on each unseen corpus by parameters fitted without it."""

    signals: str
    unseen_weight: float
    parameters: ConfidenceParameters
    in_domain: dict[str, _GateFigures]
    all_in_domain: _GateFigures
    unseen: dict[str, _GateFigures]
    leave_one_out: dict[str, ConfidenceParameters]

    @property
    def worst(self) -> float:
        """Accuracy on the worst unseen corpus; one of which nothing is accepted counts as wrong."""
        return min(float(row.accuracy or 0.0) for row in self.unseen.values())

    @property
    def met(self) -> int:
        """How many of the demands, in domain and on unseen corpora, are met."""
        known = self.all_in_domain
        in_domain = (
            known.coverage >= IN_DOMAIN_COVERAGE,
            (known.accuracy or 0.0) >= IN_DOMAIN_ACCURACY,
            known.ece <= IN_DOMAIN_ECE,
        )
        # To speak often where it is wrong is no merit.
        right = [row for row in self.unseen.values() if (row.accuracy or 0.0) >= UNSEEN_ACCURACY]
        return sum(in_domain) + len(right) + sum(row.coverage >= UNSEEN_COVERAGE for row in right)

    def rank(self) -> tuple[float, ...]:
        """Larger is better; see `choose_confidence` for the order."""
        coverage = self.all_in_domain.coverage
        if coverage < LEAST_IN_DOMAIN_COVERAGE:
            return (0, coverage)
        return (1, self.met, self.worst, coverage)

    def record(self) -> dict[str, Any]:
        """Plain values, by the names that released records have."""
        return {
            "signals": self.signals,
            "stranger_weight": self.unseen_weight,
            "knobs": asdict(self.parameters),
            "home": {corpus: row.record() for corpus, row in self.in_domain.items()},
            "all_home": self.all_in_domain.record(),
            "home_coverage": round(self.all_in_domain.coverage, 4),
            "strangers": {corpus: row.record() for corpus, row in self.unseen.items()},
            "worst_stranger_accuracy": round(self.worst, 4),
        }


@dataclass(frozen=True)
class ConfidenceChoice:
    """The chosen confidence and how it was chosen."""

    parameters: ConfidenceParameters  # what is put into the graph
    # Names of the signals, and the weight of the unseen corpora in the fit.
    signals: str
    unseen_weight: float
    # Figures on each corpus by the model that was trained without it and parameters that were fitted without
    # it: ``eight_way`` and ``masked``; ``confidence``, those parameters; ``gate``, the counts behind the
    # eight-way figures with a 95 % interval; ``nested``, the same by a choice that never saw the corpus.
    unseen: dict[str, Any]
    leave_one_out: dict[str, ConfidenceParameters]  # by corpus, those parameters
    # One record a candidate: what it accepts, how much of it is right, and its calibration error, in domain
    # on the calibration speakers and on each unseen corpus by parameters fitted without it; of all eight
    # answers, and without the test speakers. ``chosen`` marks one.
    candidates: list[dict[str, Any]]


def choose_confidence(
    model: FittedModel, left_out: Mapping[str, FittedModel], *, claimed: Collection[str] = ()
) -> ConfidenceChoice:
    """Fit every candidate, take the one that serves known and unseen corpora best, and measure it honestly.

    A candidate is a set of signals and a weight of the unseen corpora. It is rated by what is accepted at
    0.70 of the calibration speakers' clips, all together, and of each unseen corpus under parameters fitted
    without that corpus; all eight answers count, as for a user. Those come first, in this order:

    1. they accept a quarter of the in-domain clips (else the greatest coverage: nothing is released then);
    2. they meet as many demands as possible of these: in domain 42 % accepted, 90 % of those right, a
       calibration error of at most 7 %; of each unseen corpus 70 % right of what is accepted and, where
       that holds, 8 % accepted;
    3. the best worst corpus;
    4. the greatest in-domain coverage.

    The figures on a corpus are by the released signals and weight, with parameters fitted without that
    corpus; but the choice of the two did look at it. So beside them stand nested figures, for which
    everything is chosen and fitted once more without that corpus, by its own model's in-domain answers and
    by the other corpora as unseen ones. (The models that answer the other corpora did train on it: without
    that, every pair of corpora would want a model.) Test speakers' clips are in both, but nothing is chosen
    or fitted by them.

    Parameters
    ----------
    claimed
        Corpora whose in-domain clips candidates are rated by; the others, of which too few people are
        there to rate by, are fitted to all the same. Empty: all.

    Raises
    ------
    DataError
        There are fewer than two unseen corpora.
    WeightsError
        No candidate accepts a quarter of the in-domain clips.
    """
    if len(left_out) < 2:
        raise DataError(f"{len(left_out)} unseen corpora are too few to choose by: two at least are needed.")
    candidates = _candidates(model, left_out, claimed)
    chosen = max(candidates, key=_Candidate.rank)
    if chosen.all_in_domain.coverage < LEAST_IN_DOMAIN_COVERAGE:
        raise WeightsError(
            f"No confidence accepts {LEAST_IN_DOMAIN_COVERAGE:.0%} of the calibration clips, the best "
            f"{chosen.all_in_domain.coverage:.1%}: train for longer."
        )
    _LOG.info(
        "confidence: %s, unseen corpora weigh %.2f, %s",
        chosen.signals,
        chosen.unseen_weight,
        chosen.parameters,
    )
    unseen = {}
    for corpus, other in left_out.items():
        nested = max(_candidates(other, _without(left_out, corpus), claimed), key=_Candidate.rank)
        unseen[corpus] = {
            **_stated(chosen, chosen.leave_one_out[corpus], other),
            "nested": _stated(nested, nested.parameters, other),
        }
    return ConfidenceChoice(
        parameters=chosen.parameters,
        signals=chosen.signals,
        unseen_weight=chosen.unseen_weight,
        unseen=unseen,
        leave_one_out=chosen.leave_one_out,
        candidates=[{**candidate.record(), "chosen": candidate is chosen} for candidate in candidates],
    )


def _without(left_out: Mapping[str, FittedModel], corpus: str) -> dict[str, FittedModel]:
    """The other models, without what they answer to calibration speakers of the corpus."""
    return {
        name: replace(
            model, in_domain={place: part for place, part in model.in_domain.items() if place != corpus}
        )
        for name, model in left_out.items()
        if name != corpus
    }


def _candidates(
    model: FittedModel, left_out: Mapping[str, FittedModel], claimed: Collection[str]
) -> list[_Candidate]:
    found = []
    rated = [corpus for corpus in model.in_domain if corpus in claimed] or list(model.in_domain)
    for signals, far in _SIGNALS.items():
        for weight in _WEIGHTS:
            parameters = fit_confidence(model, left_out, unseen_weight=weight, use_distance=far)
            in_domain = {
                corpus: _confidence(parameters, model.density, part)
                for corpus, part in model.in_domain.items()
            }
            unseen, leave_one_out = {}, {}
            for corpus, other in left_out.items():
                rest = {name: third for name, third in left_out.items() if name != corpus}
                fitted = fit_confidence(other, rest, unseen_weight=weight, use_distance=far)
                answers = other.unseen.without_test_speakers()
                leave_one_out[corpus] = fitted
                unseen[corpus] = _gate_figures([_confidence(fitted, other.density, answers)])
            found.append(
                _Candidate(
                    signals=signals,
                    unseen_weight=weight,
                    parameters=parameters,
                    in_domain={corpus: _gate_figures([part]) for corpus, part in in_domain.items()},
                    all_in_domain=_gate_figures([in_domain[corpus] for corpus in rated]),
                    unseen=unseen,
                    leave_one_out=leave_one_out,
                )
            )
    return found


_Confidence = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""Confidence of each clip, and whether its answer is right."""


def _confidence(parameters: ConfidenceParameters, density: Density, answers: CorpusAnswers) -> _Confidence:
    shares = calibrated(parameters, density, answers.logits, answers.embedding)
    return shares.max(axis=1), shares.argmax(axis=1) == answers.truth


def _gate_figures(parts: Sequence[_Confidence]) -> _GateFigures:
    sure = np.concatenate([confidence for confidence, _ in parts])
    correct = np.concatenate([right for _, right in parts])
    accepted = sure >= ACCEPT_AT
    return _GateFigures(
        n=len(sure),
        accepted=int(accepted.sum()),
        right=int(correct[accepted].sum()),
        ece=expected_calibration_error(sure, correct),
    )


def _stated(candidate: _Candidate, parameters: ConfidenceParameters, model: FittedModel) -> dict[str, Any]:
    """Figures of the corpus that a model was trained without, by the names that released records have."""
    density, answers = model.density, model.unseen
    probabilities = calibrated(parameters, density, answers.logits, answers.embedding)
    interval = speaker_bootstrap(probabilities, answers.truth, answers.speakers)["accepted_accuracy"]
    return {
        **unseen_corpus_figures(parameters, density, answers),
        "confidence": {
            "signals": candidate.signals,
            "stranger_weight": candidate.unseen_weight,
            **asdict(parameters),
        },
        "gate": {
            **_gate_figures([_confidence(parameters, density, answers)]).record(),
            "accepted_accuracy_95": interval,
            "interval": "bootstrap over speakers",
        },
    }

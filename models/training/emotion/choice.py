"""Owns the choice of the shipped confidence, and the stranger figures of a choice that never saw them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError, WeightsError
from models.training.emotion.confidence import Density, Knobs, calibrated
from models.training.emotion.shipped import Answered, HomeModel, stranger_table, weigh_confidence
from models.training.intervals import speaker_bootstrap
from models.training.metrics import ACCEPT_AT, expected_calibration_error

__all__ = [
    "HOME_ACCURACY",
    "HOME_COVERAGE",
    "LEAST_HOME_COVERAGE",
    "STRANGER_ACCURACY",
    "Confidence",
    "GateFigures",
    "choose_confidence",
]

_LOG = logging.getLogger(__name__)
_WEIGHTS: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0)
_SIGNALS: Final[Mapping[str, tuple[bool, bool]]] = {
    "temperature alone": (False, False),
    "distance": (True, False),
}
HOME_COVERAGE: Final = 0.42
HOME_ACCURACY: Final = 0.90
HOME_ECE: Final = 0.07
STRANGER_COVERAGE: Final = 0.08
STRANGER_ACCURACY: Final = 0.70
LEAST_HOME_COVERAGE: Final = 0.25
"""Less is not shipped."""


@dataclass(frozen=True)
class GateFigures:
    """What the gate would accept of some clips, of all eight answers.

    Attributes
    ----------
    n, accepted, right
        Clips, those with a confidence of at least 0.70, and those of the accepted that are right.
    ece
        Expected calibration error over all clips, 15 bins, [0, 1].
    """

    n: int
    accepted: int
    right: int
    ece: float

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
    """One way to be sure: what it gives at home, and on each corpus by knobs fitted without it."""

    signals: str
    stranger_weight: float
    knobs: Knobs
    home: dict[str, GateFigures]
    all_home: GateFigures
    strangers: dict[str, GateFigures]
    blind: dict[str, Knobs]

    @property
    def worst(self) -> float:
        """Accuracy on the worst corpus; one of which nothing is accepted counts as wrong."""
        return min(float(row.accuracy or 0.0) for row in self.strangers.values())

    @property
    def met(self) -> int:
        """How many of the demands on home and strangers are met."""
        home = self.all_home
        at_home = (
            home.coverage >= HOME_COVERAGE,
            (home.accuracy or 0.0) >= HOME_ACCURACY,
            home.ece <= HOME_ECE,
        )
        # To speak often where it is wrong is no merit.
        right = [row for row in self.strangers.values() if (row.accuracy or 0.0) >= STRANGER_ACCURACY]
        abroad = [True] * len(right) + [row.coverage >= STRANGER_COVERAGE for row in right]
        return sum(at_home) + sum(abroad)

    def rank(self) -> tuple[float, ...]:
        """Larger is better; see `choose_confidence` for the order."""
        coverage = self.all_home.coverage
        if coverage < LEAST_HOME_COVERAGE:
            return (0, coverage)
        return (1, self.met, self.worst, coverage)

    def record(self) -> dict[str, Any]:
        return {
            "signals": self.signals,
            "stranger_weight": self.stranger_weight,
            "knobs": asdict(self.knobs),
            "home": {corpus: row.record() for corpus, row in self.home.items()},
            "all_home": self.all_home.record(),
            "home_coverage": round(self.all_home.coverage, 4),
            "strangers": {corpus: row.record() for corpus, row in self.strangers.items()},
            "worst_stranger_accuracy": round(self.worst, 4),
        }


@dataclass(frozen=True)
class Confidence:
    """The chosen confidence and how it was chosen.

    Attributes
    ----------
    knobs
        What is put into the graph.
    signals, stranger_weight
        Names of the signals, and the weight of the strangers in the fit.
    strangers
        Figures on each corpus by the model that never heard it and knobs that were fitted without it:
        ``eight_way`` and ``masked``; ``confidence``, those knobs; ``gate``, the counts behind the eight-way
        figures with a 95 % interval; ``nested``, the same by a choice that never saw the corpus.
    blind
        By corpus, those knobs.
    trade
        One row a candidate: what it accepts, how much of it is right, and its calibration error, at home
        on the calibration speakers and on strangers by knobs fitted without their corpus; of all eight
        answers, and without the test speakers. ``chosen`` marks one row.
    """

    knobs: Knobs
    signals: str
    stranger_weight: float
    strangers: dict[str, Any]
    blind: dict[str, Knobs]
    trade: list[dict[str, Any]]


def choose_confidence(
    home: HomeModel, away: Mapping[str, HomeModel], *, claimed: Collection[str] = ()
) -> Confidence:
    """Fit every candidate, take the one that serves home and strangers best, and say honestly what it gives.

    A candidate is a set of signals and a weight of the strangers. It is judged by what is accepted at
    0.70 of the calibration speakers' clips, all together, and of each unseen corpus under knobs fitted
    without that corpus; all eight answers count, as for a user. Those come first, in this order:

    1. they accept a quarter of the home clips (else the greatest coverage: nothing is shipped then);
    2. they meet as many demands as possible of these: at home 42 % accepted, 90 % of those right, a
       calibration error of at most 7 %; of each unseen corpus 70 % right of what is accepted and, where
       that holds, 8 % accepted;
    3. the best worst corpus;
    4. the greatest home coverage.

    The figures on a corpus are by the signals and the weight that ship, with knobs fitted without that
    corpus; but the choice of the two did look at it. So beside them stand nested figures, for which
    everything is chosen and fitted once more without that corpus, by its own model's home and by the
    other corpora as strangers. (The models that answer the other corpora did hear it in their training:
    without that, every pair of corpora would want a model.) Test speakers' clips are in both, but
    nothing is chosen or fitted by them.

    Parameters
    ----------
    home
        The model on all corpora.
    away
        By corpus, the model that never heard it; at least two.
    claimed
        Corpora whose home clips candidates are judged by; the others, of which too few people are
        there to judge by, are fitted to all the same. Empty: all.

    Raises
    ------
    DataError
        There are fewer than two corpora of strangers.
    WeightsError
        No candidate accepts a quarter of the home clips.
    """
    if len(away) < 2:
        raise DataError(
            f"{len(away)} corpora of strangers are too few to choose by: two at least are needed."
        )
    candidates = _candidates(home, away, claimed)
    chosen = max(candidates, key=_Candidate.rank)
    if chosen.all_home.coverage < LEAST_HOME_COVERAGE:
        raise WeightsError(
            f"No confidence accepts {LEAST_HOME_COVERAGE:.0%} of the calibration clips, the best "
            f"{chosen.all_home.coverage:.1%}: train for longer."
        )
    nested = {
        corpus: max(_candidates(model, _without(away, corpus), claimed), key=_Candidate.rank)
        for corpus, model in away.items()
    }
    _LOG.info(
        "confidence: %s, strangers weigh %.2f, %s", chosen.signals, chosen.stranger_weight, chosen.knobs
    )
    return Confidence(
        knobs=chosen.knobs,
        signals=chosen.signals,
        stranger_weight=chosen.stranger_weight,
        strangers={
            corpus: {
                **_stated(chosen, chosen.blind[corpus], _strangers(model), model.density),
                "nested": _stated(nested[corpus], nested[corpus].knobs, _strangers(model), model.density),
            }
            for corpus, model in away.items()
        },
        blind=chosen.blind,
        trade=[{**candidate.record(), "chosen": candidate is chosen} for candidate in candidates],
    )


def _without(away: Mapping[str, HomeModel], corpus: str) -> dict[str, HomeModel]:
    """The other models, not even asked what they say of home speakers of the corpus."""
    return {
        name: replace(model, home={place: part for place, part in model.home.items() if place != corpus})
        for name, model in away.items()
        if name != corpus
    }


def _candidates(home: HomeModel, away: Mapping[str, HomeModel], claimed: Collection[str]) -> list[_Candidate]:
    found = []
    judged = [corpus for corpus in home.home if corpus in claimed] or list(home.home)
    for signals, used in _SIGNALS.items():
        for weight in _WEIGHTS:
            knobs = weigh_confidence(home, away, stranger_weight=weight, signals=used)
            at_home = {corpus: [_judged(knobs, home.density, part)] for corpus, part in home.home.items()}
            strangers, blind = {}, {}
            for corpus, model in away.items():
                others = {name: other for name, other in away.items() if name != corpus}
                blind[corpus] = weigh_confidence(model, others, stranger_weight=weight, signals=used)
                part = _strangers(model).fitted()
                strangers[corpus] = _gate_figures([_judged(blind[corpus], model.density, part)])
            found.append(
                _Candidate(
                    signals=signals,
                    stranger_weight=weight,
                    knobs=knobs,
                    home={corpus: _gate_figures(part) for corpus, part in at_home.items()},
                    all_home=_gate_figures([part for corpus in judged for part in at_home[corpus]]),
                    strangers=strangers,
                    blind=blind,
                )
            )
    return found


_Judged = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""Confidence of each clip, and whether its answer is right."""


def _strangers(model: HomeModel) -> Answered:
    assert model.strangers is not None
    return model.strangers


def _judged(knobs: Knobs, density: Density, answered: Answered) -> _Judged:
    shares = calibrated(knobs, density, answered.logits, answered.embedding)
    return shares.max(axis=1), shares.argmax(axis=1) == answered.truth


def _gate_figures(parts: Sequence[_Judged]) -> GateFigures:
    sure = np.concatenate([confidence for confidence, _ in parts])
    correct = np.concatenate([right for _, right in parts])
    accepted = sure >= ACCEPT_AT
    return GateFigures(
        n=len(sure),
        accepted=int(accepted.sum()),
        right=int(correct[accepted].sum()),
        ece=expected_calibration_error(sure, correct),
    )


def _stated(chosen: _Candidate, knobs: Knobs, answered: Answered, density: Density) -> dict[str, Any]:
    gate = _gate_figures([_judged(knobs, density, answered)])
    probabilities = calibrated(knobs, density, answered.logits, answered.embedding)
    interval = speaker_bootstrap(probabilities, answered.truth, answered.speakers)["accepted_accuracy"]
    return {
        **stranger_table(knobs, density, answered),
        "confidence": {
            "signals": chosen.signals,
            "stranger_weight": chosen.stranger_weight,
            **asdict(knobs),
        },
        "gate": {
            **gate.record(),
            "accepted_accuracy_95": interval,
            "interval": "bootstrap over speakers",
        },
    }

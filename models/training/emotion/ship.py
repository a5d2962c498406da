"""Owns the making of the shipped emotion file: home model, its twins, one confidence, graph and figures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.errors import WeightsError
from models.training.data.splits import Split
from models.training.emotion.confidence import ConfidentModel, Knobs
from models.training.emotion.encoders import save_trained
from models.training.emotion.heads import HeadSettings
from models.training.emotion.protocols import EncoderPlan, FoldOf, encoder_plans
from models.training.emotion.runner import Workshop
from models.training.emotion.shipped import (
    STRANGERS,
    HomeModel,
    fit_home,
    stranger_table,
    weigh_confidence,
)
from models.training.metrics import ACCEPT_AT
from models.training.onnx_file import emotion_metadata, export_graph
from models.training.records import read_json, write_json

__all__ = ["LICENCE", "NAME", "VERSION", "Confidence", "choose_confidence", "ship"]

NAME: Final = "emotion-compact"
VERSION: Final = "2.0.0"
LICENCE: Final = "CC-BY-NC-SA-4.0"
_LOG = logging.getLogger(__name__)
_WEIGHTS: Final = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
_SIGNALS: Final[Mapping[str, tuple[bool, bool]]] = {
    "temperature alone": (False, False),
    "distance": (True, False),
    "energy": (False, True),
    "distance and energy": (True, True),
}
_LEAST_HOME_COVERAGE: Final = 0.25
_STRANGER_ACCURACY: Final = 0.55
_OPSET: Final = 20
_HEAD: Final = HeadSettings(epochs=10, draws_per_clip=1.0)
"""Of ten thousand clips and more: fewer rounds over many are as good as many over few."""
_VIEWS_HOME: Final = 3
_VIEWS_AWAY: Final = 2
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Confidence:
    """The chosen confidence and how it was chosen.

    Attributes
    ----------
    knobs
        What is put into the graph.
    signals, stranger_weight
        Names in `_SIGNALS`, and the weight of the strangers in the fit.
    trade
        One row a candidate: figures on the calibration speakers, and on each stranger corpus by knobs
        that never saw it.
    """

    knobs: Knobs
    signals: str
    stranger_weight: float
    trade: list[dict[str, Any]]


def choose_confidence(home: HomeModel, away: Mapping[str, HomeModel]) -> Confidence:
    """Fit every candidate and take the one that is right most often where it was never at home.

    Of the candidates that still accept a quarter of the calibration speakers' clips, those come first
    whose accepted answers are right in 55 % on each unseen corpus, and of these the one that accepts
    most at home; without such, the one whose worst corpus is best. Test speakers are not looked at.

    Parameters
    ----------
    home
        The model on all corpora.
    away
        By corpus, the model that never heard it.
    """
    trade: list[dict[str, Any]] = []
    fitted: list[tuple[tuple[bool, float, float], Knobs, str, float]] = []
    for signals, used in _SIGNALS.items():
        for weight in _WEIGHTS:
            knobs = weigh_confidence(home, away, stranger_weight=weight, signals=used)
            at_home = {
                corpus: stranger_table(knobs, home.density, part)["eight_way"]
                for corpus, part in home.home.items()
            }
            strangers = {}
            for corpus, model in away.items():
                others = {name: other for name, other in away.items() if name != corpus}
                blind = weigh_confidence(home, others, stranger_weight=weight, signals=used)
                strangers[corpus] = stranger_table(blind, model.density, model.strangers[corpus])
            coverage = float(np.mean([row["coverage"] for row in at_home.values()]))
            accepted = [table["masked"]["accepted_accuracy"] for table in strangers.values()]
            worst = min((share if share is not None else 0.0) for share in accepted)
            good = worst >= _STRANGER_ACCURACY
            trade.append(
                {
                    "signals": signals,
                    "stranger_weight": weight,
                    "knobs": asdict(knobs),
                    "home": at_home,
                    "home_coverage": round(coverage, 4),
                    "strangers": strangers,
                    "worst_stranger_accuracy": round(worst, 4),
                }
            )
            if coverage >= _LEAST_HOME_COVERAGE:
                fitted.append(((good, coverage if good else worst, coverage), knobs, signals, weight))
    if not fitted:
        raise WeightsError(
            f"No confidence accepts {_LEAST_HOME_COVERAGE:.0%} of the calibration clips: train for longer."
        )
    _, knobs, signals, weight = max(fitted, key=lambda candidate: candidate[0])
    _LOG.info("confidence: %s, strangers weigh %.2f, %s", signals, weight, knobs)
    return Confidence(knobs, signals, weight, trade)


def ship(
    workshop: Workshop,
    fold_of: FoldOf,
    path: Path,
    *,
    version: str = VERSION,
    on_progress: Progress = lambda _what, _done, _total: None,
) -> dict[str, Any]:
    """Train what is missing, choose the confidence, write the graph and ``<name>.json``.

    Parameters
    ----------
    workshop, fold_of
        Data, folder, and the published folds.
    path
        The ONNX file.
    version
        Written into it.
    on_progress
        Called with what is being done, how much of it is done and in all.

    Returns
    -------
    dict
        What the JSON file holds. Figures on the test speakers are entered by `attune evaluate emotion`,
        those of the protocols by `attune evaluate protocols`.
    """
    plans: Mapping[str, EncoderPlan] = encoder_plans(workshop.cache.clips, fold_of)
    total = len(STRANGERS) + 1
    on_progress("model on all corpora", 0, total)
    home = fit_home(workshop, plans, "shipped", views=_VIEWS_HOME, settings=_HEAD)
    away: dict[str, HomeModel] = {}
    for done, (corpus, plan) in enumerate(STRANGERS.items(), start=1):
        on_progress(f"model without {corpus}", done, total)
        away[corpus] = fit_home(workshop, plans, plan, strangers=(corpus,), views=_VIEWS_AWAY, settings=_HEAD)
    confidence = choose_confidence(home, away)
    record = {
        "name": path.stem,
        "version": version,
        "accept_at": ACCEPT_AT,
        "held_out_speakers": _held_out(workshop),
        "calibration_speakers": _speakers(workshop, Split.CALIBRATION),
        "confidence": {
            "signals": confidence.signals,
            "stranger_weight": confidence.stranger_weight,
            **asdict(confidence.knobs),
        },
        "trade": confidence.trade,
        **_protocol_figures(workshop.folder / "protocols.json"),
    }
    corpora = sorted({clip.corpus for clip in workshop.cache.of(Split.TRAIN)})
    save_trained(home.hybrid, workshop.folder / "shipped" / "head.safetensors")
    export_graph(
        ConfidentModel(home.hybrid, home.density, confidence.knobs).eval(),
        path,
        emotion_metadata(
            name=path.stem,
            version=version,
            temperature=1.0,
            licence=LICENCE,
            corpora=corpora,
            metrics=record.get("metrics", {}),
        ),
        opset=_OPSET,
    )
    for corpus, model in away.items():
        export_graph(
            ConfidentModel(model.hybrid, model.density, confidence.knobs).eval(),
            workshop.folder / "shipped" / f"without-{corpus}.onnx",
            emotion_metadata(
                name=f"{path.stem}-without-{corpus}",
                version=version,
                temperature=1.0,
                licence=LICENCE,
                corpora=sorted(set(corpora) - {corpus}),
                metrics={},
            ),
            opset=_OPSET,
        )
    write_json(path.with_suffix(".json"), record)
    return record


def _speakers(workshop: Workshop, split: Split) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for clip in workshop.cache.of(split):
        found.setdefault(clip.corpus, set()).add(clip.speaker)
    return {corpus: sorted(speakers) for corpus, speakers in sorted(found.items())}


def _held_out(workshop: Workshop) -> Sequence[str]:
    return [
        f"{corpus}/{speaker}"
        for corpus, speakers in _speakers(workshop, Split.TEST).items()
        for speaker in speakers
    ]


def _protocol_figures(path: Path) -> dict[str, Any]:
    """Figures of the published protocols, in per cent, where they have been measured."""
    if not path.exists():
        return {}
    tables = read_json(path, "attune evaluate protocols")
    names = {
        "ravdess_6fold": "ravdess_6fold_ua",
        "crema_d_fold1": "cremad_fold1_ua",
        "crema_d_speakers": "cremad_speakers_ua",
        "emodb_5fold": "emodb_5fold_ua",
        "emodb_speakers": "emodb_speakers_ua",
    }
    figures = {
        entry: round(100 * tables[protocol]["hybrid"]["ua"], 1)
        for protocol, entry in names.items()
        if "hybrid" in tables.get(protocol, {})
    }
    return {**figures, "protocols": tables}

"""Owns the making of the shipped emotion file: home model, its twins, one confidence, graph and figures."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core.errors import DataError, WeightsError
from models.training.data.splits import Split
from models.training.emotion.confidence import ConfidentModel, Knobs
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
from models.training.manifest import register
from models.training.metrics import ACCEPT_AT, expected_calibration_error, figures, masked, softmax
from models.training.onnx_file import emotion_metadata, export_graph
from models.training.records import read_json, write_json
from models.training.report.clips import LABELS, centre_window, truth_of
from models.training.report.clips import strangers as strangers_in

__all__ = ["LICENCE", "VERSION", "Confidence", "choose_confidence", "held_out_figures", "ship"]

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
_LEAST_ACCEPTED: Final = 20
_OPSET: Final = 20
_SOURCE: Final = "Trained in this project; see its card"
_WEIGHTS_DIR: Final = Path(__file__).resolve().parents[2] / "weights"
_HEAD: Final = HeadSettings(epochs=10, draws_per_clip=1.0)
"""Of ten thousand clips and more: fewer rounds over many are as good as many over few."""
_VIEWS: Final = 2
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
    strangers
        Figures on each corpus by the model and by knobs that never saw it.
    blind
        By corpus, knobs fitted without a word on that corpus.
    trade
        One row a candidate, by corpus: coverage, accuracy of what is accepted, and calibration error, at
        home on the calibration speakers and on strangers.
    """

    knobs: Knobs
    signals: str
    stranger_weight: float
    strangers: dict[str, Any]
    blind: dict[str, Knobs]
    trade: list[dict[str, Any]]


def choose_confidence(home: HomeModel, away: Mapping[str, HomeModel]) -> Confidence:
    """Fit every candidate and take the one that is right most often where it was never at home.

    Of the candidates that still accept a quarter of the calibration speakers' clips, those come first
    whose accepted answers are right in 55 % on each unseen corpus, and of these the one that accepts
    most at home; without such, the one whose worst corpus is best. Strangers are masked to the classes of
    their corpus, fewer than 20 accepted clips pass, and test speakers are not looked at.

    Parameters
    ----------
    home
        The model on all corpora.
    away
        By corpus, the model that never heard it.
    """
    trade: list[dict[str, Any]] = []
    fitted: list[tuple[tuple[bool, float, float], Confidence]] = []
    for signals, used in _SIGNALS.items():
        for weight in _WEIGHTS:
            knobs = weigh_confidence(home, away, stranger_weight=weight, signals=used)
            at_home = {
                corpus: stranger_table(knobs, home.density, part)["eight_way"]
                for corpus, part in home.home.items()
            }
            strangers, compared, blind = {}, {}, {}
            for corpus, model in away.items():
                others = {name: other for name, other in away.items() if name != corpus}
                blind[corpus] = weigh_confidence(model, others, stranger_weight=weight, signals=used)
                answered = model.strangers[corpus]
                compared[corpus] = stranger_table(blind[corpus], model.density, answered.fitted())["masked"]
                strangers[corpus] = stranger_table(blind[corpus], model.density, answered)
            coverage = float(np.mean([row["coverage"] for row in at_home.values()]))
            worst = min(_believed(row) for row in compared.values())
            good = worst >= _STRANGER_ACCURACY
            trade.append(
                {
                    "signals": signals,
                    "stranger_weight": weight,
                    "knobs": asdict(knobs),
                    "home": {corpus: _brief(row) for corpus, row in at_home.items()},
                    "home_coverage": round(coverage, 4),
                    "strangers": {name: _brief(row) for name, row in compared.items()},
                    "worst_stranger_accuracy": round(worst, 4),
                }
            )
            if coverage >= _LEAST_HOME_COVERAGE:
                candidate = Confidence(knobs, signals, weight, strangers, blind, trade)
                fitted.append(((good, coverage if good else worst, coverage), candidate))
    if not fitted:
        raise WeightsError(
            f"No confidence accepts {_LEAST_HOME_COVERAGE:.0%} of the calibration clips: train for longer."
        )
    _, chosen = max(fitted, key=lambda candidate: candidate[0])
    _LOG.info(
        "confidence: %s, strangers weigh %.2f, %s", chosen.signals, chosen.stranger_weight, chosen.knobs
    )
    return chosen


def _believed(row: Mapping[str, Any]) -> float:
    """Accuracy of what is accepted; a model that hardly ever speaks is taken to be just good enough."""
    accepted = row["coverage"] * row["n"]
    return float(row["accepted_accuracy"]) if accepted >= _LEAST_ACCEPTED else _STRANGER_ACCURACY


def _brief(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("n", "coverage", "accepted_accuracy", "ece")}


def ship(
    workshop: Workshop,
    fold_of: FoldOf,
    path: Path,
    *,
    version: str = VERSION,
    on_progress: Progress = lambda _what, _done, _total: None,
) -> dict[str, Any]:
    """Train what is missing, choose the confidence; write graph, ``<name>.json`` and ``<name>-encoder``.

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
        What the JSON file holds; figures of the protocols where `attune evaluate protocols` left them.
    """
    plans: Mapping[str, EncoderPlan] = encoder_plans(workshop.cache.clips, fold_of)
    _check_corpora(workshop)
    total = len(STRANGERS) + 1
    on_progress("model on all corpora", 0, total)
    home = fit_home(workshop, plans, "shipped", views=_VIEWS, settings=_HEAD)
    away: dict[str, HomeModel] = {}
    for done, (corpus, plan) in enumerate(STRANGERS.items(), start=1):
        on_progress(f"model without {corpus}", done, total)
        away[corpus] = fit_home(workshop, plans, plan, strangers=(corpus,), views=_VIEWS, settings=_HEAD)
    confidence = choose_confidence(home, away)
    model = ConfidentModel(home.hybrid, home.density, confidence.knobs).eval()
    held_out = held_out_figures(model, workshop)
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
        "strangers": confidence.strangers,
        "trade": confidence.trade,
        **held_out,
        **_protocol_figures(workshop.folder / "protocols.json"),
    }
    corpora = sorted({clip.corpus for clip in workshop.cache.of(Split.TRAIN)})
    export_graph(
        model,
        path,
        emotion_metadata(
            name=path.stem,
            version=version,
            temperature=1.0,
            licence=LICENCE,
            corpora=corpora,
            metrics=_metrics(held_out["held_out"]),
        ),
        opset=_OPSET,
    )
    for corpus, twin in away.items():
        export_graph(
            ConfidentModel(twin.hybrid, twin.density, confidence.blind[corpus]).eval(),
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
    kept = path.with_name(f"{path.stem}-encoder")
    shutil.copytree(workshop.encoder_folder("shipped"), kept, dirs_exist_ok=True)
    if path.resolve().parent == _WEIGHTS_DIR:  # elsewhere it is opened by `emotion_model`, unlisted
        register(path, licence=LICENCE, source=_SOURCE)
        register(
            kept / "model.safetensors",
            licence=LICENCE,
            source=_SOURCE,
            manifest=path.with_name("manifest.toml"),
            name=kept.name,
            card=f"{path.stem}.md",
        )
    return record


def _check_corpora(workshop: Workshop) -> None:
    """Say before hours of training what would be missing after them."""
    for corpus in STRANGERS:
        if not any(clip.corpus == corpus for clip in workshop.cache.clips):
            raise DataError(f"The corpus {corpus!r} is not among the clips: prepare the whole manifest.")
    for split in (Split.CALIBRATION, Split.TEST):
        if not workshop.cache.of(split):
            raise DataError(
                f"There are no {split.value} speakers among the clips: prepare the whole manifest."
            )


def held_out_figures(model: nn.Module, workshop: Workshop) -> dict[str, Any]:
    """What the finished model says of people it never heard, clip by clip.

    Parameters
    ----------
    model
        From waveforms to calibrated logits and embedding.
    workshop
        Whose test speakers and unseen languages are asked.

    Returns
    -------
    dict
        ``held_out``: by corpus the figures over all eight answers and masked to the corpus's classes.
        ``held_out_ece``, ``gate_accuracy``, ``gate_coverage``: masked, all test speakers' clips together,
        shares in [0, 1].
    """
    by_corpus: dict[str, Any] = {}
    confidence, correct = [], []
    for corpus, clips in strangers_in(workshop.cache).items():
        windows = [centre_window(workshop.cache.audio(clip)) for clip in clips]
        probabilities = softmax(_logits(model, windows))
        truth = truth_of(clips)
        present = [int(label) for label in np.unique(truth)]
        by_corpus[corpus] = {
            "split": clips[0].split.value,
            "eight_way": figures(probabilities, truth, LABELS).record(),
            "masked": figures(probabilities, truth, LABELS, only=present).record(),
        }
        if clips[0].split is Split.TEST:
            shares = masked(probabilities, present)
            confidence.append(shares.max(axis=1))
            correct.append(shares.argmax(axis=1) == truth)
    sure, right = np.concatenate(confidence), np.concatenate(correct)
    accepted = sure >= ACCEPT_AT
    return {
        "held_out": by_corpus,
        "held_out_ece": round(expected_calibration_error(sure, right), 4),
        "gate_coverage": round(float(accepted.mean()), 4),
        "gate_accuracy": round(float(right[accepted].mean()), 4) if accepted.any() else None,
    }


def _logits(model: nn.Module, windows: Sequence[NDArray[np.float32]], batch: int = 64) -> NDArray[np.float32]:
    batches = (windows[first : first + batch] for first in range(0, len(windows), batch))
    with torch.no_grad():
        return np.concatenate([model(torch.from_numpy(np.stack(part)))[0].numpy() for part in batches])


def _metrics(held_out: Mapping[str, Any]) -> dict[str, Any]:
    """The few figures that travel inside the file, shares in [0, 1]."""
    return {
        corpus: {
            "split": parts["split"],
            "n": parts["eight_way"]["n"],
            "ua": parts["eight_way"]["ua"],
            "ua_masked": parts["masked"]["ua"],
            "ece": parts["eight_way"]["ece"],
            "coverage_at_0.70": parts["eight_way"]["coverage"],
            "accuracy_at_0.70": parts["eight_way"]["accepted_accuracy"],
        }
        for corpus, parts in held_out.items()
    }


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

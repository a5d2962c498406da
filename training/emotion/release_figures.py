"""The figures in the record of a released emotion model, by the names that records have always had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.resample import Audio
from training.data.cache import LABELS, truth_of, unseen_speakers
from training.data.splits import Split
from training.data.window import centre_window
from training.emotion.choice import ConfidenceChoice
from training.emotion.experiment import Experiment
from training.emotion.heads import BRANCHES
from training.emotion.leave_one_corpus_out import FittedModel, fit_axis_temperatures
from training.emotion.tables import PROTOCOLS, kept_tables, mismatch
from training.emotion.targets import axis_truth
from training.metrics import (
    accepted_figures,
    binary_figures,
    expected_calibration_error,
    figures,
    masked,
    softmax,
)

_AXES: Final = ("energy", "pleasantness")
_BATCH: Final = 64
_ENTRIES: Final[Mapping[str, str]] = {
    "ravdess_6fold": "ravdess_6fold_ua",
    "crema_d_speakers": "cremad_apart_ua",
    "crema_d_fold1": "cremad_fold1_ua",
    "emodb_5fold": "emodb_5fold_ua",
    "emodb_speakers": "emodb_loso_ua",
}
"""Protocol -> name of the released branch's UA in the JSON file."""


def held_out_figures(
    model: nn.Module, experiment: Experiment, axis_thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """Figures of the finished model on people it was not trained on, clip by clip.

    Returns
    -------
    dict
        ``held_out``: by corpus the figures over all eight answers, masked to the corpus's classes, and of
        both axes. ``held_out_ece``, ``gate_accuracy``, ``gate_coverage``: all test speakers' clips together,
        masked; with ``_eight_way`` behind their names of all eight answers. Shares in [0, 1].
    """
    by_corpus: dict[str, Any] = {}
    pooled: dict[str, list[NDArray[np.float64]]] = {"": [], "_eight_way": []}
    truths = []
    for corpus, clips in unseen_speakers(experiment.cache).items():
        logits, axes = _answers(model, [centre_window(experiment.audio(clip)) for clip in clips])
        probabilities, truth = softmax(logits), truth_of(clips)
        present = [int(label) for label in np.unique(truth)]
        of_axes = np.array([axis_truth(clip.emotion) for clip in clips])
        by_corpus[corpus] = {
            "split": clips[0].split.value,
            "eight_way": figures(probabilities, truth, LABELS).record(),
            "masked": figures(probabilities, truth, LABELS, only=present).record(),
            **{
                name: _axis_record(axes[:, axis], of_axes[:, axis], axis_thresholds[name])
                for axis, name in enumerate(_AXES)
            },
        }
        if clips[0].split is Split.TEST:
            pooled[""].append(masked(probabilities, present))
            pooled["_eight_way"].append(probabilities)
            truths.append(truth)
    summary: dict[str, Any] = {"held_out": by_corpus}
    truth = np.concatenate(truths)
    for kind, parts in pooled.items():
        shares = np.concatenate(parts)
        sure, right = shares.max(axis=1), shares.argmax(axis=1) == truth
        _, coverage, accuracy = accepted_figures(sure, right)
        summary |= {
            f"held_out_ece{kind}": round(expected_calibration_error(sure, right), 4),
            f"gate_coverage{kind}": round(coverage, 4),
            f"gate_accuracy{kind}": None if accuracy is None else round(accuracy, 4),
        }
    return summary


def _answers(model: nn.Module, windows: Sequence[Audio]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Logits ``(n, 8)`` and logits of the axes ``(n, 2)``."""
    logits, axes = [], []
    with torch.no_grad():
        for first in range(0, len(windows), _BATCH):
            answer = model(torch.from_numpy(np.stack(windows[first : first + _BATCH])))
            logits.append(answer[0].numpy())
            axes.append(torch.stack(answer[2:4], dim=1).double().numpy())
    return np.concatenate(logits), np.concatenate(axes)


def _axis_record(
    logits: NDArray[np.floating[Any]], truth: NDArray[np.floating[Any]], threshold: float
) -> dict[str, Any]:
    """Figures of one axis over the clips whose label says something of it."""
    known = np.isin(truth, (0, 1))
    shares = 1.0 / (1.0 + np.exp(-logits[known].astype(np.float64)))
    record = binary_figures(shares, truth[known] == 1, threshold).record()
    names = {"n": "n", "auc": "auc", "ece": "ece", "right": "accepted_accuracy", "share": "coverage"}
    return {name: record[figure] for name, figure in names.items()}


def left_out_figures(
    confidence: ConfidenceChoice, left_out: Mapping[str, FittedModel], thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """Figures of each corpus by the model that was trained without it: eight answers, masked, both axes.

    The temperatures of the axes are fitted without the corpus, too.
    """
    found: dict[str, Any] = {}
    for corpus, model in left_out.items():
        eight, present = (confidence.unseen[corpus][way] for way in ("eight_way", "masked"))
        row: dict[str, Any] = {
            "n": eight["n"],
            "ua": eight["ua"],
            "right": eight["accepted_accuracy"],
            "share": eight["coverage"],
            "masked_ua": present["ua"],
            "masked_right": present["accepted_accuracy"],
            "masked_share": present["coverage"],
        }
        temperatures = fit_axis_temperatures(
            {name: other for name, other in left_out.items() if name != corpus}
        )
        for axis, name in enumerate(_AXES):
            logits = model.unseen.axes[:, axis] / getattr(temperatures, name)
            of_axis = _axis_record(logits, model.unseen.axis_truth[:, axis], thresholds[name])
            row |= {f"{name}_{key}": value for key, value in of_axis.items()}
        found[corpus] = row
    return found


def graph_metrics(held_out: Mapping[str, Any], left_out: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The few figures that are written into the graph, shares in [0, 1]."""
    kept = ("right", "share", *(f"{axis}_{figure}" for axis in _AXES for figure in ("right", "share")))
    metrics: dict[str, Any] = {
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
    metrics["loco"] = {corpus: {name: row[name] for name in kept} for corpus, row in left_out.items()}
    return metrics


def protocol_figures(experiment: Experiment) -> dict[str, Any]:
    """Figures of the published protocols, in per cent, where they were measured, and what is missing.

    Raises
    ------
    WeightsError
        The tables are damaged.
    """
    tables = kept_tables(experiment)
    released: dict[str, float] = {}
    kept: dict[str, dict[str, Any]] = {}
    missing: dict[str, str] = {}
    for protocol in PROTOCOLS:
        for branch, branches in BRANCHES.items():
            row = tables.get(protocol, {}).get(branch, {})
            why = mismatch(row, experiment) if row else "was not measured"
            is_released = branches == experiment.head.branches
            if why is not None:
                missing[_ENTRIES[protocol] if is_released else f"{protocol}, {branch}"] = why
                continue
            kept.setdefault(protocol, {})[branch] = row
            if is_released:
                released[_ENTRIES[protocol]] = round(100 * row["ua"], 1)
    return {**released, "protocols": kept, "protocols_missing": missing}

"""The making of the shipped emotion file: home model, its twins, one confidence, graphs and figures."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core.errors import DataError
from models.training.data.judged import LABELS, truth_of
from models.training.data.judged import strangers as strangers_in
from models.training.data.splits import Split
from models.training.data.window import centre_window, voice_window
from models.training.emotion.choice import Confidence, choose_confidence
from models.training.emotion.confidence import AxisHeats, ConfidentModel
from models.training.emotion.experiment import Experiment
from models.training.emotion.shipped import STRANGERS, HomeModel, axis_heats, fit_home, heard_by
from models.training.emotion.tables import PROTOCOLS, TABLES_NAME, disagreement, made_from
from models.training.emotion.targets import axis_truth
from models.training.emotion.trade import draw_trade
from models.training.emotion.train import BRANCHES
from models.training.manifest import register
from models.training.metrics import (
    ACCEPT_AT,
    binary_figures,
    expected_calibration_error,
    figures,
    masked,
    softmax,
)
from models.training.onnx_file import (
    compare_int8,
    compare_speed,
    emotion_metadata,
    export_graph,
    quantise_int8,
)
from models.training.records import read_json, write_json
from models.training.whisper.ship import RECORD_NAME
from models.writing import staged

__all__ = ["LICENCE", "VERSION", "held_out_figures", "ship"]

VERSION: Final = "4.0.0"
LICENCE: Final = "CC-BY-NC-SA-4.0"
_SOURCE: Final = "Trained in this project; see its card"
_WEIGHTS_DIR: Final = Path(__file__).resolve().parents[2] / "weights"
_AGREEMENT_WINDOWS: Final = 500
_ENTRIES: Final[Mapping[str, str]] = {
    "ravdess_6fold": "ravdess_6fold_ua",
    "crema_d_speakers": "cremad_apart_ua",
    "crema_d_fold1": "cremad_fold1_ua",
    "emodb_5fold": "emodb_5fold_ua",
    "emodb_speakers": "emodb_loso_ua",
}
"""Protocol -> name of the shipped branch's UA in the JSON file."""
_AXES: Final = ("energy", "pleasantness")
Progress = Callable[[str, int, int], None]


def ship(
    experiment: Experiment,
    path: Path,
    *,
    axis_thresholds: Mapping[str, float],
    version: str = VERSION,
    command: str = "",
    on_progress: Progress = lambda _what, _done, _total: None,
) -> dict[str, Any]:
    """Fit head and twins, choose the confidence; write graph, ``<name>.json`` and ``<name>-encoder``.

    The graph has int8 matrices where it answers as the float one does, is smaller and faster; the float
    one lies in the run then. Beside the run, in ``shipped``, go the twins that never heard one corpus, and
    the picture of the trade, ``trade.png``.

    Parameters
    ----------
    experiment
        Data, encoder, recipe and folder.
    path
        The ONNX file.
    axis_thresholds
        Confidence from which the gate accepts ``energy`` and ``pleasantness``, for the figures.
    version
        Written into it.
    command
        The command line, for the record.
    on_progress
        Called with what is being done, how much of it is done and in all.

    Returns
    -------
    dict
        What the JSON file holds. Figures of the protocols are those that `attune evaluate protocols` left
        in the run, of the same data, encoder and recipe; ``protocols_missing`` says which are not there.

    Raises
    ------
    DataError
        A corpus is missing, or something cannot be written, as on a full disk: what was shipped before stays.
    """
    _check_corpora(experiment)
    total = len(STRANGERS) + 3
    on_progress("features", 0, total)
    experiment.make_features(lambda done, of: on_progress(f"features, {done} of {of} windows", 0, total))
    on_progress("model on all corpora", 1, total)
    home = fit_home(experiment)
    away: dict[str, HomeModel] = {}
    for done, corpus in enumerate(STRANGERS, start=2):
        on_progress(f"model without {corpus}", done, total)
        away[corpus] = fit_home(experiment, corpus)
    on_progress("confidence, graphs and figures", total - 1, total)
    tested = {clip.corpus for clip in experiment.cache.of(Split.TEST)}
    confidence = choose_confidence(home, away, claimed=tested)
    heats = axis_heats(away)
    model = ConfidentModel(home.hybrid, home.density, confidence.knobs, heats).eval()
    held_out = held_out_figures(model, experiment, axis_thresholds)
    metadata: dict[str, Any] = {"version": version, "temperature": 1.0, "licence": LICENCE}
    beside = experiment.folder / "shipped"
    for corpus, twin in away.items():
        others = {name: other for name, other in away.items() if name != corpus}
        export_graph(
            ConfidentModel(twin.hybrid, twin.density, confidence.blind[corpus], axis_heats(others)).eval(),
            beside / f"without-{corpus}.onnx",
            emotion_metadata(
                name=f"{path.stem}-without-{corpus}",
                corpora=_heard_corpora(experiment, corpus),
                metrics={},
                **metadata,
            ),
        )
    draw_trade(confidence.trade, beside / "trade.png")
    record: dict[str, Any] = {
        "name": path.stem,
        "version": version,
        "accept_at": ACCEPT_AT,
        "axis_thresholds": dict(axis_thresholds),
        "held_out_speakers": _held_out(experiment),
        "calibration_speakers": _speakers(experiment, Split.CALIBRATION),
        "made": made_from(experiment, command),
        **_encoder_record(experiment.encoder),
        **_confidence_record(confidence, heats),
        "loco": _left_out(confidence, away, axis_thresholds),
        **held_out,
        **_protocol_figures(experiment),
    }
    with staged(path.parent, what=f"The model {path}") as making:
        export_graph(
            model,
            making / path.name,
            emotion_metadata(
                name=path.stem,
                corpora=_heard_corpora(experiment, None),
                metrics={**_metrics(held_out["held_out"]), "loco": _travels(record["loco"])},
                **metadata,
            ),
        )
        record["int8"] = _choose_storage(making / path.name, beside, experiment)
        write_json(making / f"{path.stem}.json", record)
        _complete(making, path, experiment.encoder)
    return record


def _encoder_record(encoder: Path) -> dict[str, Any]:
    """How near the encoder comes to its teacher, where its folder says so."""
    path = encoder / RECORD_NAME
    record = read_json(path, "attune train encoder") if path.exists() else {}
    return {key: record[key] for key in ("teacher_variance",) if key in record}


def _left_out(
    confidence: Confidence, away: Mapping[str, HomeModel], thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """Of each corpus by the model that never heard it: all eight answers, masked ones, and both axes.

    Temperatures of the axes are fitted without the corpus, too.
    """
    found: dict[str, Any] = {}
    for corpus, model in away.items():
        assert model.strangers is not None
        stated, answered = confidence.strangers[corpus], model.strangers
        eight, six = stated["eight_way"], stated["masked"]
        row: dict[str, Any] = {
            "n": eight["n"],
            "ua": eight["ua"],
            "right": eight["accepted_accuracy"],
            "share": eight["coverage"],
            "masked_ua": six["ua"],
            "masked_right": six["accepted_accuracy"],
            "masked_share": six["coverage"],
        }
        heats = axis_heats({name: other for name, other in away.items() if name != corpus})
        for axis, name in enumerate(_AXES):
            logits = answered.axes[:, axis] / getattr(heats, name)
            figures_of_axis = _axis_record(logits, answered.axis_truth[:, axis], thresholds[name])
            row |= {f"{name}_{key}": value for key, value in figures_of_axis.items()}
        found[corpus] = row
    return found


def _axis_record(
    logits: NDArray[np.floating[Any]], truth: NDArray[np.floating[Any]], threshold: float
) -> dict[str, Any]:
    """Figures of one axis over the clips whose label says something of it."""
    known = np.isin(truth, (0, 1))
    shares = 1.0 / (1.0 + np.exp(-logits[known].astype(np.float64)))
    record = binary_figures(shares, truth[known] == 1, threshold).record()
    return {
        "n": record["n"],
        "auc": record["auc"],
        "ece": record["ece"],
        "right": record["accepted_accuracy"],
        "share": record["coverage"],
    }


def _complete(making: Path, path: Path, encoder: Path) -> None:
    """Put the encoder beside the graph, and enter both into a copy of the list that goes with them."""
    kept = making / f"{path.stem}-encoder"
    kept.mkdir()
    for file in encoder.iterdir():
        if file.is_file():
            shutil.copyfile(file, kept / file.name)
    if path.resolve().parent == _WEIGHTS_DIR:  # elsewhere it is opened by `emotion_model`, unlisted
        listed = making / "manifest.toml"
        shutil.copyfile(path.with_name(listed.name), listed)
        register(making / path.name, licence=LICENCE, source=_SOURCE)
        register(
            kept / "model.safetensors",
            licence=LICENCE,
            source=_SOURCE,
            manifest=listed,
            name=kept.name,
            card=f"{path.stem}.md",
        )


def _confidence_record(confidence: Confidence, heats: AxisHeats) -> dict[str, Any]:
    return {
        "confidence": {
            "signals": confidence.signals,
            "stranger_weight": confidence.stranger_weight,
            **asdict(confidence.knobs),
        },
        "axis_temperatures": asdict(heats),
        "strangers": confidence.strangers,
        "trade": confidence.trade,
    }


def _choose_storage(path: Path, beside: Path, experiment: Experiment) -> dict[str, Any]:
    """Put an int8 copy in the place of the float graph where it is as good, smaller and faster."""
    exact, quick = beside / f"{path.stem}-float32.onnx", beside / f"{path.stem}-int8.onnx"
    beside.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, exact)
    windows = _real_windows(experiment)
    quantise_int8(exact, quick)
    agreement = compare_int8(exact, quick, windows, 1.0)
    float_ms, int8_ms = compare_speed(exact, quick, windows[0], threads=experiment.threads)
    float_bytes, int8_bytes = exact.stat().st_size, quick.stat().st_size
    claims = {
        "answers as the float graph does": agreement.good,
        "is smaller": int8_bytes < float_bytes,
        "is faster": int8_ms < float_ms,
    }
    ships = "int8" if all(claims.values()) else "float"
    if ships == "int8":
        shutil.copyfile(quick, path)
    said = [f"{claim}: {'yes' if true else 'no'}" for claim, true in claims.items()]
    return {
        "windows": agreement.windows,
        "argmax_equal": round(agreement.argmax, 4),
        "gate_equal": round(agreement.gate, 4),
        "agrees": agreement.good,
        "size_bytes": int8_bytes,
        "float_size_bytes": float_bytes,
        "latency_ms": round(int8_ms, 3),
        "float_latency_ms": round(float_ms, 3),
        "latency_ratio": round(int8_ms / float_ms, 4),
        "threads": experiment.threads,
        "ships": ships,
        "note": f"The {ships} graph ships. The int8 graph {', '.join(said)}.",
    }


def _real_windows(experiment: Experiment) -> list[NDArray[np.float32]]:
    """Up to 500 windows, spread evenly over calibration speakers and, where those are few, training ones."""
    windows: list[NDArray[np.float32]] = []
    for split in (Split.CALIBRATION, Split.TRAIN):
        clips, wanted = experiment.cache.of(split), _AGREEMENT_WINDOWS - len(windows)
        rows = np.linspace(0, len(clips) - 1, min(len(clips), wanted)).astype(int)
        windows += [
            voice_window(experiment.audio(clip), (clip.active_start, clip.active_stop))
            for clip in (clips[row] for row in rows)
        ]
    return windows


def _check_corpora(experiment: Experiment) -> None:
    """Say before long work what would be missing after it."""
    for corpus in STRANGERS:
        clips = [clip for clip in experiment.cache.clips if clip.corpus == corpus]
        if all(clip.split is Split.TEST for clip in clips):
            raise DataError(
                f"The corpus {corpus!r} is not among the clips, or only with test speakers: "
                "prepare the whole manifest."
            )
    for split in (Split.CALIBRATION, Split.TEST):
        if not experiment.cache.of(split):
            raise DataError(
                f"There are no {split.value} speakers among the clips: prepare the whole manifest."
            )


def held_out_figures(
    model: nn.Module, experiment: Experiment, axis_thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """What the finished model says of people it never heard, clip by clip.

    Parameters
    ----------
    model
        From waveforms to calibrated logits, embedding, and logits of the axes.
    experiment
        Whose test speakers and unseen languages are asked.
    axis_thresholds
        As for `ship`.

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
    for corpus, clips in strangers_in(experiment.cache).items():
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
        accepted = sure >= ACCEPT_AT
        summary |= {
            f"held_out_ece{kind}": round(expected_calibration_error(sure, right), 4),
            f"gate_coverage{kind}": round(float(accepted.mean()), 4),
            f"gate_accuracy{kind}": round(float(right[accepted].mean()), 4) if accepted.any() else None,
        }
    return summary


def _answers(
    model: nn.Module, windows: Sequence[NDArray[np.float32]], batch: int = 64
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Logits ``(n, 8)`` and logits of the axes ``(n, 2)``."""
    logits, axes = [], []
    with torch.no_grad():
        for first in range(0, len(windows), batch):
            answer = model(torch.from_numpy(np.stack(windows[first : first + batch])))
            logits.append(answer[0].numpy())
            axes.append(torch.stack(answer[2:4], dim=1).double().numpy())
    return np.concatenate(logits), np.concatenate(axes)


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


def _travels(left_out: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Of each corpus left out: share accepted of each statement, and right of those."""
    kept = ("right", "share", *(f"{axis}_{figure}" for axis in _AXES for figure in ("right", "share")))
    return {corpus: {name: row[name] for name in kept} for corpus, row in left_out.items()}


def _heard_corpora(experiment: Experiment, without: str | None) -> list[str]:
    """Corpora that a head is fitted to."""
    return sorted({clip.corpus for clip in experiment.clips if heard_by(clip, without)})


def _speakers(experiment: Experiment, split: Split) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for clip in experiment.cache.of(split):
        found.setdefault(clip.corpus, set()).add(clip.speaker)
    return {corpus: sorted(speakers) for corpus, speakers in sorted(found.items())}


def _held_out(experiment: Experiment) -> Sequence[str]:
    return [
        f"{corpus}/{speaker}"
        for corpus, speakers in _speakers(experiment, Split.TEST).items()
        for speaker in speakers
    ]


def _protocol_figures(experiment: Experiment) -> dict[str, Any]:
    """Figures of the published protocols, in per cent, where they were measured, and what is missing."""
    path = experiment.folder / TABLES_NAME
    tables = read_json(path, "attune evaluate protocols") if path.exists() else {}
    figures: dict[str, float] = {}
    kept: dict[str, dict[str, Any]] = {}
    missing: dict[str, str] = {}
    for protocol in PROTOCOLS:
        for branch in BRANCHES:
            row = tables.get(protocol, {}).get(branch)
            why = "was not measured" if row is None else disagreement(row, experiment)
            if why is None:
                kept.setdefault(protocol, {})[branch] = row
            if branch != _shipped_branch(experiment):
                if why is not None:
                    missing[f"{protocol}, {branch}"] = why
            elif why is None:
                figures[_ENTRIES[protocol]] = round(100 * row["ua"], 1)
            else:
                missing[_ENTRIES[protocol]] = why
    return {**figures, "protocols": kept, "protocols_missing": missing}


def _shipped_branch(experiment: Experiment) -> str:
    """Name of the network that the recipe describes."""
    head = experiment.head
    switches = (head.use_pooled, head.use_encoder, head.use_spectrogram)
    return next((name for name, of_name in BRANCHES.items() if of_name == switches), "")

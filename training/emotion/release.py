"""The release of the emotion model: all models fitted, one confidence chosen, graphs and figures written."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.errors import DataError
from models.resample import Audio
from training.data.splits import Split
from training.data.window import voice_window
from training.emotion import release_figures
from training.emotion.choice import ConfidenceChoice, choose_confidence
from training.emotion.confidence import AxisTemperatures, CalibratedModel
from training.emotion.experiment import Experiment
from training.emotion.leave_one_corpus_out import (
    LEFT_OUT_CORPORA,
    FittedModel,
    fit_axis_temperatures,
    fit_model,
    is_training_clip,
)
from training.emotion.tables import made_from
from training.emotion.tradeoff_plot import plot_tradeoff
from training.int8 import AGREEMENT_WINDOWS, compare_int8, compare_speed, quantise_int8
from training.metrics import ACCEPT_AT
from training.onnx_file import emotion_metadata, export_graph
from training.progress import Progress, no_progress
from training.records import read_json
from training.release import LICENCE, staged_release
from training.whisper.release import RECORD_NAME

VERSION: Final = "4.0.0"


def release_emotion_model(
    experiment: Experiment,
    path: Path,
    *,
    axis_thresholds: Mapping[str, float],
    command: str = "",
    on_progress: Progress = no_progress,
) -> dict[str, Any]:
    """Fit all models, choose the confidence; write graph, ``<name>.json`` and ``<name>-encoder``.

    The graph has int8 matrices where it answers as the float one does, is smaller and faster; the float one
    lies in the run then. Into ``shipped`` in the run go the models that were trained without one corpus, and
    the picture of the trade-off, ``trade.png``. The thresholds are those of the gate for ``energy`` and
    ``pleasantness``, for the figures.

    Returns
    -------
    dict
        What the JSON file holds. Figures of the protocols are those that `attune evaluate protocols` left
        in the run, of the same data, encoder and recipe; ``protocols_missing`` says which are not there.

    Raises
    ------
    DataError
        A corpus is missing, or something cannot be written, as on a full disk: the last release stays.
    """
    _check_corpora(experiment)
    total = len(LEFT_OUT_CORPORA) + 3
    on_progress("features", 0, total)
    experiment.make_features(lambda done, of: on_progress(f"features, {done} of {of} windows", 0, total))
    on_progress("model on all corpora", 1, total)
    fitted = fit_model(experiment)
    left_out: dict[str, FittedModel] = {}
    for done, corpus in enumerate(LEFT_OUT_CORPORA, start=2):
        on_progress(f"model without {corpus}", done, total)
        left_out[corpus] = fit_model(experiment, corpus)
    on_progress("confidence, graphs and figures", total - 1, total)
    tested = {clip.corpus for clip in experiment.cache.of(Split.TEST)}
    confidence = choose_confidence(fitted, left_out, claimed=tested)
    temperatures = fit_axis_temperatures(left_out)
    model = CalibratedModel(fitted.hybrid, fitted.density, confidence.parameters, temperatures).eval()
    held_out = release_figures.held_out_figures(model, experiment, axis_thresholds)
    metadata: dict[str, Any] = {"version": VERSION, "temperature": 1.0, "licence": LICENCE}
    run = experiment.folder / "shipped"
    for corpus, other in left_out.items():
        rest = fit_axis_temperatures({name: third for name, third in left_out.items() if name != corpus})
        name = f"{path.stem}-without-{corpus}"
        export_graph(
            CalibratedModel(other.hybrid, other.density, confidence.leave_one_out[corpus], rest).eval(),
            run / f"without-{corpus}.onnx",
            emotion_metadata(
                name=name, corpora=_training_corpora(experiment, corpus), metrics={}, **metadata
            ),
        )
    plot_tradeoff(confidence.candidates, run / "trade.png")
    record: dict[str, Any] = {
        "name": path.stem,
        "version": VERSION,
        "accept_at": ACCEPT_AT,
        "axis_thresholds": dict(axis_thresholds),
        "held_out_speakers": [
            f"{corpus}/{speaker}"
            for corpus, speakers in _speakers(experiment, Split.TEST).items()
            for speaker in speakers
        ],
        "calibration_speakers": _speakers(experiment, Split.CALIBRATION),
        "made": made_from(experiment, command),
        **_encoder_record(experiment.encoder),
        **_confidence_record(confidence, temperatures),
        "loco": release_figures.left_out_figures(confidence, left_out, axis_thresholds),
        **held_out,
        **release_figures.protocol_figures(experiment),
    }
    with staged_release(path, record, encoder=experiment.encoder) as making:
        metrics = release_figures.graph_metrics(held_out["held_out"], record["loco"])
        export_graph(
            model,
            making / path.name,
            emotion_metadata(
                name=path.stem, corpora=_training_corpora(experiment, None), metrics=metrics, **metadata
            ),
        )
        record["int8"] = _choose_storage(making / path.name, run, experiment)
    return record


def _check_corpora(experiment: Experiment) -> None:
    """Say before long work what would be missing after it."""
    for corpus in LEFT_OUT_CORPORA:
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


def _encoder_record(encoder: Path) -> dict[str, Any]:
    """How near the encoder comes to its teacher, where its folder says so."""
    path = encoder / RECORD_NAME
    record = read_json(path, "attune train encoder") if path.exists() else {}
    return {key: record[key] for key in ("teacher_variance",) if key in record}


def _confidence_record(confidence: ConfidenceChoice, temperatures: AxisTemperatures) -> dict[str, Any]:
    return {
        "confidence": {
            "signals": confidence.signals,
            "stranger_weight": confidence.unseen_weight,
            **asdict(confidence.parameters),
        },
        "axis_temperatures": asdict(temperatures),
        "strangers": confidence.unseen,
        "trade": confidence.candidates,
    }


def _choose_storage(path: Path, run: Path, experiment: Experiment) -> dict[str, Any]:
    """Put an int8 copy in the place of the float graph where it is as good, smaller and faster."""
    exact, quick = run / f"{path.stem}-float32.onnx", run / f"{path.stem}-int8.onnx"
    run.mkdir(parents=True, exist_ok=True)
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
    kind = "int8" if all(claims.values()) else "float"
    if kind == "int8":
        shutil.copyfile(quick, path)
    said = ", ".join(f"{claim}: {'yes' if true else 'no'}" for claim, true in claims.items())
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
        "ships": kind,
        "note": f"The {kind} graph ships. The int8 graph {said}.",
    }


def _real_windows(experiment: Experiment) -> list[Audio]:
    """Up to 500 windows, spread evenly over calibration speakers and, where those are few, training ones."""
    windows: list[Audio] = []
    for split in (Split.CALIBRATION, Split.TRAIN):
        clips, wanted = experiment.cache.of(split), AGREEMENT_WINDOWS - len(windows)
        rows = np.linspace(0, len(clips) - 1, min(len(clips), wanted)).astype(int)
        windows += [voice_window(experiment.audio(clips[row]), clips[row].active) for row in rows]
    return windows


def _training_corpora(experiment: Experiment, without: str | None) -> list[str]:
    """Corpora that a head is fitted to."""
    return sorted({clip.corpus for clip in experiment.clips if is_training_clip(clip, without)})


def _speakers(experiment: Experiment, split: Split) -> dict[str, Sequence[str]]:
    found: dict[str, set[str]] = {}
    for clip in experiment.cache.of(split):
        found.setdefault(clip.corpus, set()).add(clip.speaker)
    return {corpus: sorted(speakers) for corpus, speakers in sorted(found.items())}

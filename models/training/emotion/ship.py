"""Owns the making of the shipped emotion file: home model, its twins, one confidence, graphs and figures."""

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
from models.training.emotion.confidence import ConfidentModel
from models.training.emotion.heads import HeadSettings
from models.training.emotion.protocols import EncoderPlan, FoldOf, encoder_plans
from models.training.emotion.runner import Workshop
from models.training.emotion.shipped import STRANGERS, HomeModel, fit_home
from models.training.emotion.tables import PROTOCOLS, TABLES_NAME, disagreement, made_from
from models.training.emotion.trade import draw_trade
from models.training.emotion.train import BRANCHES
from models.training.manifest import register
from models.training.metrics import ACCEPT_AT, expected_calibration_error, figures, masked, softmax
from models.training.onnx_file import (
    compare_int8,
    compare_speed,
    emotion_metadata,
    export_graph,
    quantise_int8,
)
from models.training.records import read_json, write_json
from models.writing import staged

__all__ = ["LICENCE", "VERSION", "held_out_figures", "ship"]

VERSION: Final = "3.0.0"
LICENCE: Final = "CC-BY-NC-SA-4.0"
_SOURCE: Final = "Trained in this project; see its card"
_WEIGHTS_DIR: Final = Path(__file__).resolve().parents[2] / "weights"
_HEAD: Final = HeadSettings(epochs=8, draws_per_clip=1.0)
"""Of ten thousand clips and more: fewer rounds over many are as good as many over few."""
_VIEWS: Final = 2
_AGREEMENT_WINDOWS: Final = 500
_ENTRIES: Final[Mapping[str, str]] = {
    "ravdess_6fold": "ravdess_6fold_ua",
    "crema_d_speakers": "cremad_speakers_ua",
    "crema_d_fold1": "cremad_fold1_ua",
    "emodb_5fold": "emodb_5fold_ua",
    "emodb_speakers": "emodb_speakers_ua",
}
"""Protocol -> name of the hybrid's UA in the JSON file."""
Progress = Callable[[str, int, int], None]


def ship(
    workshop: Workshop,
    fold_of: FoldOf,
    path: Path,
    *,
    version: str = VERSION,
    command: str = "",
    on_progress: Progress = lambda _what, _done, _total: None,
) -> dict[str, Any]:
    """Train what is missing, choose the confidence; write graph, ``<name>.json`` and ``<name>-encoder``.

    Beside the run, in ``shipped``, go the twins that never heard one corpus, an int8 copy, and the
    picture of the trade, ``trade.png``.

    Parameters
    ----------
    workshop, fold_of
        Data, folder, and the published folds.
    path
        The ONNX file.
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
        in the run, of the same data, budget and encoders; ``protocols_missing`` says which are not there.

    Raises
    ------
    DataError
        A corpus is missing, or something cannot be written, as on a full disk: what was shipped before stays.
    """
    plans: Mapping[str, EncoderPlan] = encoder_plans(workshop.cache.clips, fold_of)
    _check_corpora(workshop)
    total = len(STRANGERS) + 2
    on_progress("model on all corpora", 0, total)
    home = fit_home(workshop, plans, "shipped", views=_VIEWS, settings=_HEAD)
    away: dict[str, HomeModel] = {}
    for done, (corpus, plan) in enumerate(STRANGERS.items(), start=1):
        on_progress(f"model without {corpus}", done, total)
        away[corpus] = fit_home(workshop, plans, plan, strangers=(corpus,), views=_VIEWS, settings=_HEAD)
    on_progress("confidence, graphs and figures", total - 1, total)
    tested = {clip.corpus for clip in workshop.cache.of(Split.TEST)}
    confidence = choose_confidence(home, away, claimed=tested)
    model = ConfidentModel(home.hybrid, home.density, confidence.knobs).eval()
    held_out = held_out_figures(model, workshop)
    metadata: dict[str, Any] = {"version": version, "temperature": 1.0, "licence": LICENCE}
    beside = workshop.folder / "shipped"
    for corpus, twin in away.items():
        export_graph(
            ConfidentModel(twin.hybrid, twin.density, confidence.blind[corpus]).eval(),
            beside / f"without-{corpus}.onnx",
            emotion_metadata(
                name=f"{path.stem}-without-{corpus}",
                corpora=_heard_corpora(workshop, plans[STRANGERS[corpus]]),
                metrics={},
                **metadata,
            ),
        )
    draw_trade(confidence.trade, beside / "trade.png")
    record: dict[str, Any] = {
        "name": path.stem,
        "version": version,
        "accept_at": ACCEPT_AT,
        "held_out_speakers": _held_out(workshop),
        "calibration_speakers": _speakers(workshop, Split.CALIBRATION),
        "made": made_from(workshop, {"shipped", *STRANGERS.values()}, command),
        **_confidence_record(confidence),
        **held_out,
        **_protocol_figures(workshop),
    }
    with staged(path.parent, what=f"The model {path}") as making:
        export_graph(
            model,
            making / path.name,
            emotion_metadata(
                name=path.stem,
                corpora=_heard_corpora(workshop, plans["shipped"]),
                metrics=_metrics(held_out["held_out"]),
                **metadata,
            ),
        )
        record["int8"] = _int8_record(making / path.name, beside / f"{path.stem}-int8.onnx", workshop)
        write_json(making / f"{path.stem}.json", record)
        _complete(making, path, workshop.encoder_folder("shipped"))
    return record


def _complete(making: Path, path: Path, encoder: Path) -> None:
    """Put the encoder beside the graph, and enter both into a copy of the list that goes with them."""
    kept = making / f"{path.stem}-encoder"
    kept.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(encoder / name, kept / name)
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


def _confidence_record(confidence: Confidence) -> dict[str, Any]:
    return {
        "confidence": {
            "signals": confidence.signals,
            "stranger_weight": confidence.stranger_weight,
            **asdict(confidence.knobs),
        },
        "strangers": confidence.strangers,
        "trade": confidence.trade,
    }


def _int8_record(path: Path, path_int8: Path, workshop: Workshop) -> dict[str, Any]:
    """Make the int8 copy, and say how it compares with the float graph, which ships in any case."""
    windows = _real_windows(workshop)
    quantise_int8(path, path_int8)
    agreement = compare_int8(path, path_int8, windows, 1.0)
    float_ms, int8_ms = compare_speed(path, path_int8, windows[0], threads=workshop.threads)
    float_bytes, int8_bytes = path.stat().st_size, path_int8.stat().st_size
    claims = {
        "answers as the float graph does": agreement.good,
        "is smaller": int8_bytes < float_bytes,
        "is faster": int8_ms < float_ms,
    }
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
        "threads": workshop.threads,
        "ships": "float",
        "note": f"The float graph ships. The int8 graph {', '.join(said)}.",
    }


def _real_windows(workshop: Workshop) -> list[NDArray[np.float32]]:
    """Up to 500 windows, spread evenly over calibration speakers and, where those are few, training ones."""
    windows: list[NDArray[np.float32]] = []
    for split in (Split.CALIBRATION, Split.TRAIN):
        clips, wanted = workshop.cache.of(split), _AGREEMENT_WINDOWS - len(windows)
        rows = np.linspace(0, len(clips) - 1, min(len(clips), wanted)).astype(int)
        windows += [
            voice_window(workshop.cache.audio(clip), (clip.active_start, clip.active_stop))
            for clip in (clips[row] for row in rows)
        ]
    return windows


def _check_corpora(workshop: Workshop) -> None:
    """Say before hours of training what would be missing after them."""
    for corpus in STRANGERS:
        clips = [clip for clip in workshop.cache.clips if clip.corpus == corpus]
        if all(clip.split is Split.TEST for clip in clips):
            raise DataError(
                f"The corpus {corpus!r} is not among the clips, or only with test speakers: "
                "prepare the whole manifest."
            )
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


def _heard_corpora(workshop: Workshop, plan: EncoderPlan) -> list[str]:
    """Corpora that a model of the plan is trained on."""
    return sorted({clip.corpus for clip in workshop.cache.of(Split.TRAIN) if plan.hears(clip)})


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


def _protocol_figures(workshop: Workshop) -> dict[str, Any]:
    """Figures of the published protocols, in per cent, where they were measured, and what is missing."""
    path = workshop.folder / TABLES_NAME
    tables = read_json(path, "attune evaluate protocols") if path.exists() else {}
    figures: dict[str, float] = {}
    kept: dict[str, dict[str, Any]] = {}
    missing: dict[str, str] = {}
    for protocol in PROTOCOLS:
        for branch in BRANCHES:
            row = tables.get(protocol, {}).get(branch)
            why = "was not measured" if row is None else disagreement(row, workshop)
            if why is None:
                kept.setdefault(protocol, {})[branch] = row
            if branch != "hybrid":
                if why is not None:
                    missing[f"{protocol}, {branch}"] = why
            elif why is None:
                figures[_ENTRIES[protocol]] = round(100 * row["ua"], 1)
            else:
                missing[_ENTRIES[protocol]] = why
    return {**figures, "protocols": kept, "protocols_missing": missing}

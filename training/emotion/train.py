"""A training of the hybrid from end to end: encoder, cached features, head, temperature, run folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import DataError, WeightsError
from models.emotion.hybrid import EmotionHybrid, HybridHead, HybridSettings
from training.data.cache import LABELS, open_clips
from training.data.splits import Split
from training.data.window import voice_window
from training.emotion.confidence import balanced_weights, fit_axis_temperature, fit_temperature
from training.emotion.encoders import encoder_fingerprint, load_hybrid, load_trained, save_trained
from training.emotion.experiment import FRAME_POOL
from training.emotion.features import cache_features
from training.emotion.heads import HeadSettings, fit_head, predict_head
from training.emotion.targets import draw_probabilities, targets_of
from training.int8 import AGREEMENT_WINDOWS, Agreement, check_agreement, compare_int8, quantise_int8
from training.loop import CHECKPOINT_NAME
from training.onnx_file import emotion_metadata, export_graph
from training.progress import Progress, no_progress
from training.records import read_json, write_json
from training.release import LICENCE

RUN_NAME: Final = "run.json"
HEAD_NAME: Final = "head.safetensors"
_COMMAND: Final = "attune train emotion"


@dataclass(frozen=True)
class TrainPlan:
    """What is to be trained."""

    # Name on the hub or folder of a checkpoint of Wav2Vec2, HuBERT, WavLM or Whisper, or folder of the
    # compact encoder.
    encoder: str
    n_layers: int | None = None  # transformer layers that are kept; None keeps all
    # Neighbouring frames of the encoder that are averaged into one for the 1D-CNN; None: 4 of 20 ms, which
    # keeps what is cached small.
    frame_pool: int | None = None
    views: int = 4  # windows cached of each clip, the first the plain one
    # Recipe of the head; its seed is that of the views too.
    head: HeadSettings = field(default_factory=HeadSettings)


def _hybrid(plan: TrainPlan, *, download: bool) -> EmotionHybrid:
    """The hybrid of a plan, its head fresh."""
    base = HybridSettings(n_layers=plan.n_layers, frame_pool=plan.frame_pool or FRAME_POOL)
    return load_hybrid(plan.encoder, plan.head.shape(base), download=download)


def train_emotion(
    plan: TrainPlan,
    data: Path,
    run_dir: Path,
    features_dir: Path,
    *,
    noise: Sequence[NDArray[np.float32]] = (),
    download: bool = False,
    resume: bool = False,
    on_progress: Progress = no_progress,
) -> dict[str, Any]:
    """Train the hybrid's head on the training speakers; return what ``run.json`` holds.

    Speakers of the validation and calibration splits pick the epoch and calibrate. Unless it goes on
    (`resume`), the run folder must hold no training; what is cached is used in any case. The run folder gets
    checkpoint, head, TensorBoard events and ``run.json``; cached features are shared by all runs.

    Raises
    ------
    DataError
        The data are not usable, the disk is full, or the run folder holds another training.
    WeightsError, ModelError
        The encoder is absent, damaged, of another kind, or shorter than asked for.
    """
    if not resume and any((run_dir / name).exists() for name in (RUN_NAME, CHECKPOINT_NAME)):
        raise DataError(f"The folder {run_dir} holds a training: go on with --resume, or give another --out.")
    hybrid = _hybrid(plan, download=download)
    cache = open_clips(data, on_progress=lambda done, total: on_progress("decoding", done, total))
    clips = [clip for clip in cache.clips if clip.emotion in plan.head.labels]
    train = [clip for clip in clips if clip.split is Split.TRAIN]
    others = [clip for clip in clips if clip.split in {Split.VALIDATION, Split.CALIBRATION}]
    if not train or not others:
        raise DataError(
            f"{len(train)} clips are there to train on and {len(others)} of other speakers to choose by: "
            "both are needed, assign splits with `attune data split`."
        )
    used = [*train, *others]
    emotions, corpora = [clip.emotion for clip in used], [clip.corpus for clip in used]
    count = len(train)
    targets = targets_of(emotions, plan.head.labels)
    features = cache_features(
        hybrid,
        cache,
        used,
        features_dir,
        views=plan.views,
        noise=noise,
        seed=plan.head.seed,
        on_progress=lambda done, total: on_progress("asking the encoder", done, total),
    )
    result = fit_head(
        features,
        targets,
        range(count),
        range(count, len(used)),
        plan.head,
        draw_weights=draw_probabilities(emotions[:count], corpora[:count]),
        run_dir=run_dir,
        resume=resume,
        on_epoch=lambda done: on_progress("training", done, plan.head.epochs),
    )
    answers = predict_head(result, features, range(count, len(used)))
    weights = balanced_weights(corpora[count:])
    hybrid.head.load_state_dict(result.head.state_dict())
    save_trained(hybrid, run_dir / HEAD_NAME)
    record: dict[str, Any] = {
        "encoder": str(Path(plan.encoder).resolve()) if Path(plan.encoder).is_dir() else plan.encoder,
        "encoder_sha256": encoder_fingerprint(hybrid),
        "n_layers": plan.n_layers,
        "frame_pool": hybrid.settings.frame_pool,
        "views": plan.views,
        "head": plan.head.record(),
        "data": {
            "place": str(data.resolve()),
            "fingerprint": cache.fingerprint,
            "corpora": sorted({clip.corpus for clip in train}),
            "train_clips": len(train),
            "validation_clips": len(others),
        },
        "best_epoch": result.best_epoch,
        "validation": result.history[result.best_epoch - 1],
        "temperature": fit_temperature(answers.logits, targets.labels[count:], weights),
        "axis_temperatures": _axis_temperatures(answers.axes, targets.axes[count:], corpora[count:]),
    }
    write_json(run_dir / RUN_NAME, record)
    return record


def _axis_temperatures(
    logits: NDArray[np.float32], truth: NDArray[np.float32], corpora: Sequence[str]
) -> list[float]:
    """Of energy and pleasantness, ``(n, 2)`` each, corpora counting alike; 1 where no label says anything."""
    of_corpora = [np.array(corpora) == name for name in sorted(set(corpora))]
    return [
        fit_axis_temperature([(logits[rows, axis], truth[rows, axis]) for rows in of_corpora])
        if np.isin(truth[:, axis], (0, 1)).any()
        else 1.0
        for axis in (0, 1)
    ]


def export_run(
    run_dir: Path, path: Path, *, int8: bool = False, force: bool = False, download: bool = False
) -> Agreement | None:
    """Write a trained hybrid as one ONNX graph from waveform to logits, embedding, and both axes.

    With int8 weights it is written only if it answers as the exact one on up to 500 windows of people whom
    the head was not trained on, or by force; what comes back is how far it does.

    Raises
    ------
    WeightsError, ModelError
        The run or its encoder is missing, damaged or another, graph and network differ, or the int8
        graph answers otherwise too often.
    """
    record = read_json(run_dir / RUN_NAME, _COMMAND)
    hybrid = _trained(record, run_dir, download=download)
    temperature = float(record["temperature"])
    metadata = emotion_metadata(
        name=path.stem,
        version="1.0.0",
        temperature=temperature,
        licence=LICENCE,
        corpora=record["data"]["corpora"],
        metrics={"validation": record["validation"]},
    )
    if not int8:
        export_graph(hybrid, path, metadata)
        return None
    exact = path.with_name(path.name + ".float32")
    made = path.with_name(path.name + ".int8")
    try:
        export_graph(hybrid, exact, metadata)
        quantise_int8(exact, made)
        agreement = compare_int8(exact, made, _real_windows(record), temperature)
        if not force:
            check_agreement(agreement)
        made.replace(path)
    finally:
        exact.unlink(missing_ok=True)
        made.unlink(missing_ok=True)
    return agreement


def _trained(record: dict[str, Any], run_dir: Path, *, download: bool) -> EmotionHybrid:
    """The hybrid of a run, the logits of its axes calibrated."""
    try:
        head: dict[str, Any] = {**record["head"], "labels": tuple(record["head"]["labels"])}
        shape = {name: record[name] for name in ("encoder", "n_layers", "frame_pool", "views")}
        plan = TrainPlan(**shape, head=HeadSettings(**head))
        wanted, temperatures = record["encoder_sha256"], torch.tensor(record["axis_temperatures"])
    except (KeyError, TypeError) as error:
        raise WeightsError(
            f"The file {run_dir / RUN_NAME} is no record of a training ({error}): train again."
        ) from error
    if plan.head.labels != LABELS:
        raise WeightsError(
            f"The training {run_dir} tells {len(plan.head.labels)} classes apart: what is served needs the "
            f"{len(LABELS)} emotions."
        )
    hybrid = load_trained(_hybrid(plan, download=download), run_dir / HEAD_NAME)
    if encoder_fingerprint(hybrid) != wanted:
        raise WeightsError(
            f"The encoder {plan.encoder!r} is not the one that {run_dir} was trained on: "
            "bring that one back, or train again."
        )
    assert isinstance(hybrid.head, HybridHead)
    with torch.no_grad():
        hybrid.head.axes.weight.div_(temperatures[:, None])
        hybrid.head.axes.bias.div_(temperatures)
    return hybrid


def _real_windows(record: dict[str, Any]) -> list[NDArray[np.float32]]:
    """Windows of people the head was not trained on, spread evenly over the clips."""
    cache = open_clips(Path(record["data"]["place"]))
    others = [clip for clip in cache.clips if clip.split not in {Split.TRAIN, Split.LEFT_OUT}]
    rows = np.unique(np.linspace(0, len(others) - 1, min(len(others), AGREEMENT_WINDOWS)).astype(int))
    return [voice_window(cache.audio(others[row]), others[row].active) for row in rows]

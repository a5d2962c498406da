"""Owns a training of the hybrid from end to end: encoder, cached features, head, temperature, run folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import DataError, WeightsError
from models.emotion.hybrid import EmotionHybrid, HybridHead, HybridSettings
from models.training.data.judged import LABELS
from models.training.data.speech import open_clips
from models.training.data.splits import Split
from models.training.data.window import voice_window
from models.training.emotion.calibrate import balanced_weights, fit_temperature
from models.training.emotion.confidence import fit_axis_heat
from models.training.emotion.encoders import (
    encoder_fingerprint,
    load_hybrid,
    load_trained,
    save_trained,
)
from models.training.emotion.features import cache_features
from models.training.emotion.heads import CHECKPOINT_NAME, HeadSettings, fit_head, predict_head
from models.training.emotion.targets import draw_probabilities, targets_of
from models.training.onnx_file import (
    Agreement,
    check_agreement,
    compare_int8,
    emotion_metadata,
    export_graph,
    quantise_int8,
)
from models.training.records import read_json, write_json

__all__ = ["BRANCHES", "HEAD_NAME", "RUN_NAME", "TrainPlan", "export_run", "train_emotion"]

RUN_NAME: Final = "run.json"
HEAD_NAME: Final = "head.safetensors"
BRANCHES: Final = {
    "hybrid": (True, True, True),
    "pooled": (True, False, False),
    "encoder": (False, True, False),
    "spectrogram": (False, False, True),
}
"""Name of a network -> whether it has the pooled branch, the encoder's, and the spectrogram's."""
_COMMAND: Final = "attune train emotion"
_LICENCE: Final = "CC-BY-NC-SA-4.0"
_SHORT_FRAMES: Final = 4
_AGREEMENT_WINDOWS: Final = 500
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class TrainPlan:
    """What is to be trained.

    Attributes
    ----------
    encoder
        Name on the hub or folder of a checkpoint of Wav2Vec2, HuBERT, WavLM or Whisper, or folder of the
        compact encoder.
    n_layers
        Transformer layers that are kept; None keeps all.
    frame_pool
        Neighbouring frames of the encoder that are averaged into one for the 1D-CNN; None: 4 of 20 ms,
        which keeps what is cached small.
    views
        Windows cached of each clip, the first the plain one.
    head
        Recipe of the head; its seed is that of the views too.
    """

    encoder: str
    n_layers: int | None = None
    frame_pool: int | None = None
    views: int = 4
    head: HeadSettings = field(default_factory=HeadSettings)


def _hybrid(plan: TrainPlan, *, download: bool) -> EmotionHybrid:
    """The hybrid of a plan, its head fresh."""
    settings = HybridSettings(
        n_layers=plan.n_layers,
        frame_pool=plan.frame_pool or _SHORT_FRAMES,
        dropout=plan.head.dropout,
        dropout_pooled=plan.head.dropout_pooled,
        use_pooled=plan.head.use_pooled,
        use_encoder=plan.head.use_encoder,
        use_spectrogram=plan.head.use_spectrogram,
        labels=plan.head.labels,
    )
    return load_hybrid(plan.encoder, settings, download=download)


def train_emotion(
    plan: TrainPlan,
    data: Path,
    run_dir: Path,
    features_dir: Path,
    *,
    noise: Sequence[NDArray[np.float32]] = (),
    download: bool = False,
    resume: bool = False,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Train the hybrid's head on the training speakers, watching those of validation and calibration.

    Parameters
    ----------
    plan
        What is to be trained.
    data
        A manifest, or a folder of prepared speech.
    run_dir
        Folder of checkpoint, head, TensorBoard events and ``run.json``.
    features_dir
        Folder of cached features, shared by all runs.
    noise
        Recordings heard in the augmented views; none: pink noise.
    download
        Whether the checkpoint may be fetched.
    resume
        Go on from the run's checkpoint. What is cached is used in any case.
    on_progress
        Called with what is being done, and how much of it is done and in all.

    Returns
    -------
    dict
        What ``run.json`` holds.

    Raises
    ------
    DataError
        The data are not usable, the disk is full, or the run folder holds another training.
    WeightsError, ModelError
        The encoder is absent, damaged, of another kind, or shorter than asked for.
    """
    tell = on_progress or (lambda _what, _done, _total: None)
    if not resume and any((run_dir / name).exists() for name in (RUN_NAME, CHECKPOINT_NAME)):
        raise DataError(f"The folder {run_dir} holds a training: go on with --resume, or give another --out.")
    hybrid = _hybrid(plan, download=download)
    cache = open_clips(data, on_progress=lambda done, total: tell("decoding", done, total))
    clips = [clip for clip in cache.clips if clip.emotion in plan.head.labels]
    train = [i for i, clip in enumerate(clips) if clip.split is Split.TRAIN]
    watched = [i for i, clip in enumerate(clips) if clip.split in {Split.VALIDATION, Split.CALIBRATION}]
    if not train or not watched:
        raise DataError(
            f"{len(train)} clips are there to train on and {len(watched)} of other speakers to choose by: "
            "both are needed, assign splits with `attune data split`."
        )
    used = [clips[i] for i in train + watched]
    rows = (list(range(len(train))), list(range(len(train), len(used))))
    targets = targets_of([clip.emotion for clip in used], plan.head.labels)
    labels = targets.labels
    features = cache_features(
        hybrid,
        cache,
        used,
        features_dir,
        views=plan.views,
        noise=noise,
        seed=plan.head.seed,
        on_progress=lambda done, total: tell("asking the encoder", done, total),
    )
    corpora = [clip.corpus for clip in used]
    odds = draw_probabilities([clip.emotion for clip in used[: len(train)]], corpora[: len(train)])
    result = fit_head(
        features,
        targets,
        *rows,
        plan.head,
        draw_weights=odds,
        run_dir=run_dir,
        resume=resume,
        on_epoch=lambda done: tell("training", done, plan.head.epochs),
    )
    answers = predict_head(result, features, rows[1])
    weights = balanced_weights(corpora[len(train) :])
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
            "corpora": sorted({clip.corpus for clip in used if clip.split is Split.TRAIN}),
            "train_clips": len(train),
            "validation_clips": len(watched),
        },
        "best_epoch": result.best_epoch,
        "validation": result.history[result.best_epoch - 1],
        "temperature": fit_temperature(answers.logits, labels[len(train) :], weights),
        "axis_temperatures": _axis_temperatures(
            answers.axes, targets.axes[len(train) :], corpora[len(train) :]
        ),
    }
    write_json(run_dir / RUN_NAME, record)
    return record


def _axis_temperatures(
    logits: NDArray[np.float32], truth: NDArray[np.float32], corpora: Sequence[str]
) -> list[float]:
    """Of energy and pleasantness, ``(n, 2)`` each, corpora counting alike; 1 where no label says anything."""
    of_corpora = [np.array(corpora) == name for name in sorted(set(corpora))]
    return [
        fit_axis_heat([(logits[rows, axis], truth[rows, axis]) for rows in of_corpora])
        if np.isin(truth[:, axis], (0, 1)).any()
        else 1.0
        for axis in (0, 1)
    ]


def export_run(
    run_dir: Path,
    path: Path,
    *,
    int8: bool = False,
    force: bool = False,
    download: bool = False,
) -> Agreement | None:
    """Write a trained hybrid as one ONNX graph from waveform to logits, embedding, and both axes.

    Parameters
    ----------
    run_dir
        From `train_emotion`.
    path
        File to write, whole or not at all; it is compared with torch before.
    int8
        Write the graph with int8 weights, if it answers as the exact one on up to 500 windows of people
        whom the head was not trained on.
    force
        Write it even so.
    download
        Whether the encoder may be fetched again.

    Returns
    -------
    Agreement or None
        Of the int8 graph with the exact one; None for a float graph.

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
        licence=_LICENCE,
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
        plan = TrainPlan(
            record["encoder"],
            record["n_layers"],
            record["frame_pool"],
            record["views"],
            HeadSettings(**head),
        )
        wanted, heats = record["encoder_sha256"], torch.tensor(record["axis_temperatures"])
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
        hybrid.head.axes.weight.div_(heats[:, None])
        hybrid.head.axes.bias.div_(heats)
    return hybrid


def _real_windows(record: dict[str, Any]) -> list[NDArray[np.float32]]:
    """Windows of people the head was not trained on, as many corpora as there are, spread evenly."""
    cache = open_clips(Path(record["data"]["place"]))
    others = [clip for clip in cache.clips if clip.split not in {Split.TRAIN, Split.LEFT_OUT}]
    chosen = np.unique(np.linspace(0, len(others) - 1, min(len(others), _AGREEMENT_WINDOWS)).astype(int))
    return [
        voice_window(cache.audio(clip), (clip.active_start, clip.active_stop))
        for clip in (others[index] for index in chosen)
    ]

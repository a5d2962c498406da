"""A training of tracks from end to end: data, fit, thresholds, figures, model and its record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError, WeightsError
from core.files import write_atomic
from models.track.multi_task import ServedTask
from training.libraries import require_libraries
from training.loop import CHECKPOINT_NAME
from training.progress import Progress, no_progress
from training.release import release_record, staged_release
from training.track.config import Balance, TrainConfig
from training.track.dataset import TrackDataset
from training.track.export import LICENCE, VERSION, model_metadata, write_model
from training.track.figures import task_figures
from training.track.fit import fit_tracks, network_answers
from training.track.prepare import PreparedSide, PreparedTracks, prepare_tracks
from training.track.readers.any_form import ReadOptions, read_tracks
from training.track.splits import SIDES
from training.track.thresholds import served_tasks

CONFIG_NAME: Final = "config.yaml"


def read_training_data(config: TrainConfig, *, only: str = "") -> TrackDataset:
    """Read what a training is told to learn from.

    Parameters
    ----------
    config
        Its ``data``, and how they are read.
    only
        The one task that is learned; empty: all that the data have.

    Raises
    ------
    DataError
        No data are named, they cannot be read, or they do not have that task.
    """
    if config.data is None:
        raise DataError("No data are named: give --data, or a line `data:` in the configuration.")
    options = ReadOptions(
        inputs=config.inputs,
        labels=config.labels,
        window_s=config.window_seconds,
        segment_s=config.segment_seconds,
        share=config.listener_share,
    )
    dataset = read_tracks(config.data, options)
    tasks = tuple(task for task in dataset.tasks if only in {"", task.name})
    if not tasks:
        known = ", ".join(task.name for task in dataset.tasks)
        raise DataError(f"{config.data} says nothing of {only!r}, only of {known}: use `attune train track`.")
    return replace(dataset, tasks=tasks)


def train_tracks(
    dataset: TrackDataset,
    config: TrainConfig,
    *,
    command: str = "",
    on_progress: Progress = no_progress,
) -> dict[str, Any]:
    """Train one network of all tasks of a dataset, and write it; return its record.

    The folder of the training (`TrainConfig.run_dir`) gets checkpoint, curves, the options as YAML, the model
    and its record, and ``training_history.json`` and ``metrics.json``, which are of the record. The
    validation side picks the epoch and the thresholds; the test side, where there is one, is looked at
    once, at the end.

    Raises
    ------
    DataError
        The data cannot be used, the folder holds another training, or the disk is full.
    WeightsError
        The checkpoint to go on from is missing, damaged, or of another network, other settings or data.
    ModelError
        A library or the device is missing, or the graph answers otherwise than the network.
    """
    require_libraries("onnx", "onnxscript", "sklearn", "tensorboard", "yaml")
    if config.balance is Balance.SMOTE:
        require_libraries("imblearn")
    _check_folder(config)
    prepared = prepare_tracks(dataset, config)
    run, path = config.run_dir, config.model_path
    write_config(config)
    fit = fit_tracks(
        prepared, config, run, on_epoch=lambda done: on_progress("training", done, config.epochs)
    )
    on_progress("writing the model", 0, 1)
    answers = network_answers(fit.net, prepared.validation)
    served = served_tasks(prepared.tasks, prepared.train.targets, prepared.validation.targets, answers)
    metrics = {"validation": _figures(served, prepared.validation, answers)}
    if prepared.test.names:
        metrics["test"] = _figures(served, prepared.test, network_answers(fit.net, prepared.test))
    training = {
        "data": dataset.name,
        "entries": {side: prepared.dataset.sides.count(side) for side in SIDES},
        "fingerprint": prepared.fingerprint,
        "best_epoch": fit.best_epoch,
        "recipe": config.recipe() | {"threads": None},
    }
    record: dict[str, Any] = {
        **release_record(path, VERSION, command, "torch", "onnx", "imbalanced-learn"),
        "licence": LICENCE,
        "metrics": metrics,
        "training": training,
        "history": list(fit.history),
        "sides": {side: _names_on(prepared, side) for side in SIDES},
        "faults": [{"entry": fault.entry, "reason": fault.reason} for fault in prepared.dataset.faults],
    }
    with staged_release(path, record) as making:
        for name, content in (("training_history", record["history"]), ("metrics", metrics)):
            (making / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        metadata = model_metadata(path.stem, served, prepared, fit, metrics, training)
        write_model(fit, making / path.name, metadata, prepared)
    return record


def write_config(config: TrainConfig) -> None:
    """Write all options beside the training, as a file that `--config` takes.

    Raises
    ------
    DataError
        It cannot be written, as on a full disk.
    """
    import yaml  # noqa: PLC0415 - of the extra `train`

    said = config.model_dump(mode="json", exclude={"resume"}, exclude_none=True)
    path = config.run_dir / CONFIG_NAME
    write_atomic(path, yaml.safe_dump(said, sort_keys=False), what=f"The configuration {path}")


def _check_folder(config: TrainConfig) -> None:
    kept = config.run_dir / CHECKPOINT_NAME
    if config.resume is None:
        if kept.exists():
            raise DataError(
                f"The folder {config.run_dir} holds a training: go on with --resume {config.run_dir}, "
                "or give another --experiment-name."
            )
    elif not kept.exists() or (config.resume.is_file() and config.resume.name != CHECKPOINT_NAME):
        raise WeightsError(
            f"There is no checkpoint {CHECKPOINT_NAME} at {config.resume}: name the folder of a training."
        )


def _figures(
    served: tuple[ServedTask, ...], side: PreparedSide, answers: Mapping[str, NDArray[np.float32]]
) -> dict[str, Any]:
    return {
        one.task.name: task_figures(
            one.task, side.targets[one.task.name], answers[one.task.name], one.thresholds
        )
        for one in served
    }


def _names_on(prepared: PreparedTracks, side: str) -> list[str]:
    dataset = prepared.dataset
    return [name for name, of_name in zip(dataset.names, dataset.sides, strict=True) if of_name == side]

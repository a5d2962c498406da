"""Models of several tasks that users train on tracks of their own: opened, checked and run, without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import ModelError, WeightsError
from models.mood.backbone import EMBEDDING_SIZE
from models.mood.patches import PATCH_S
from models.runtime import Session, load_session, parsing_metadata
from models.track.features import FEATURE_NAMES, MEL_BANDS
from models.track.spectrogram import PREPROCESSING
from models.track.tasks import InputKind, Task, TaskKind

FORM: Final = "multi-task-1"
FUSED: Final = "fused"
"""The graph's output that all heads see, ``(entries, 256)``; no task may have this name."""
TEMPO_LABEL: Final = "bpm"
TEMPO_BOUNDS_BPM: Final = (90.0, 120.0)
"""Below the first a tempo is slow, from the second on it is fast."""
SIZES: Final[Mapping[InputKind, int]] = {
    InputKind.EMBEDDING: EMBEDDING_SIZE,
    InputKind.EMBEDDINGS: EMBEDDING_SIZE,
    InputKind.FEATURES: len(FEATURE_NAMES),
    InputKind.SPECTROGRAM: MEL_BANDS,
}
"""Length of the axis of each input that is no time."""

_AT_A_TIME: Final = 64


@dataclass(frozen=True, slots=True)
class ServedTask:
    """A task, and what its answers mean; all of the latter was measured on validation entries."""

    task: Task
    # Of several labels: probability from which each counts as present, in (0, 1].
    thresholds: tuple[float, ...] = ()
    # Of values: where low ends and high begins, and quantiles of what was true less what was answered.
    bounds: tuple[tuple[float, float], ...] = ()
    errors: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class MultiTaskInfo:
    """Metadata of a model of several tasks."""

    name: str
    version: str
    licence: str
    tasks: tuple[ServedTask, ...]
    # Shape of each input without the entries, as trained on: the axis of time may have any length.
    inputs: Mapping[InputKind, tuple[int, ...]]
    segment_s: float | None  # length of what an entry was, in seconds; None: whole tracks of any length
    whole: frozenset[InputKind]  # inputs that speak of the whole track, although entries were segments
    metrics: Mapping[str, Any]  # by side of the data, then by task
    history: tuple[Mapping[str, float], ...] = field(repr=False)  # figures of every epoch of its training
    training: Mapping[str, Any] = field(repr=False)  # recipe, name and size of the data, best epoch


def task_to_dict(served: ServedTask) -> dict[str, Any]:
    """A task as the metadata of a graph hold it."""
    task = served.task
    return {
        "name": task.name,
        "kind": str(task.kind),
        "labels": list(task.labels),
        "weight": task.weight,
        "thresholds": list(served.thresholds),
        "bounds": [list(pair) for pair in served.bounds],
        "errors": [list(values) for values in served.errors],
    }


def preprocessing_of(kinds: Sequence[InputKind]) -> dict[str, Any]:
    """How this program makes each input, as the metadata of a graph hold it."""
    embeddings = {"size": EMBEDDING_SIZE, "hop_s": PATCH_S}
    made: dict[InputKind, Any] = {
        InputKind.EMBEDDING: embeddings,
        InputKind.EMBEDDINGS: embeddings,
        InputKind.FEATURES: list(FEATURE_NAMES),
        InputKind.SPECTROGRAM: dict(PREPROCESSING),
    }
    return {str(kind): made[kind] for kind in kinds}


class MultiTaskModel:
    """A model of several tasks on ONNX Runtime; safe to use from several threads.

    Parameters
    ----------
    session
        Graph that `attune train` wrote.

    Raises
    ------
    WeightsError
        The graph lacks metadata, they contradict each other, or its inputs are made otherwise than this
        program makes them.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.info = _read_info(session)
        wanted = {served.task.name for served in self.info.tasks} | {FUSED}
        session.require_outputs(f"The model {self.info.name!r}", wanted)

    @classmethod
    def load(cls, path: Path, *, threads: int = 0, provider: str = "cpu") -> MultiTaskModel:
        """Open a model and run it once.

        Raises
        ------
        WeightsError
            The file is missing, damaged or no such model.
        ModelError
            The provider is not available.
        """
        model = cls(load_session(path, threads=threads, provider=provider, named_by="the command"))
        try:
            answers = model.predict(
                {kind: np.zeros((1, *shape), dtype=np.float32) for kind, shape in model.info.inputs.items()}
            )
        except ModelError as error:
            raise WeightsError(f"{path} is no model that this program can use: {error}") from error
        for served in model.info.tasks:
            shape = answers[served.task.name].shape
            if shape != (1, len(served.task.labels)):
                raise WeightsError(
                    f"The model {path} answers {served.task.name} with {shape}, not with "
                    f"(1, {len(served.task.labels)}): use one that this project exported."
                )
        return model

    def predict(
        self, inputs: Mapping[InputKind, npt.NDArray[np.float32]]
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Answers to entries by task, and `FUSED`.

        Parameters
        ----------
        inputs
            Those of `info.inputs`, each float32, ``(entries, ...)``, at least one entry.

        Returns
        -------
        dict
            Probabilities, or values in their own units, ``(entries, labels)``; what was fused,
            ``(entries, 256)``.

        Raises
        ------
        ModelError
            An input is missing or has another shape, or the answer is not finite.
        """
        feeds = {str(kind): self._checked(kind, inputs) for kind in self.info.inputs}
        count = len(next(iter(feeds.values())))
        parts = [
            self._session.run_named(
                {name: values[first : first + _AT_A_TIME] for name, values in feeds.items()}
            )
            for first in range(0, count, _AT_A_TIME)
        ]
        answers = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        if not all(np.isfinite(values).all() for values in answers.values()):
            raise ModelError(f"The model {self.info.name!r} answered with NaN: check its inputs.")
        return answers

    def _checked(
        self, kind: InputKind, inputs: Mapping[InputKind, npt.NDArray[np.float32]]
    ) -> npt.NDArray[np.float32]:
        if kind not in inputs:
            raise ModelError(f"The model {self.info.name!r} needs the input {str(kind)!r}: give it.")
        values = inputs[kind]
        wanted = self.info.inputs[kind]
        fixed = -1 if kind is InputKind.EMBEDDINGS else 1
        if values.ndim != len(wanted) + 1 or not len(values) or values.shape[fixed] != SIZES[kind]:
            shape = ", ".join(map(str, wanted))
            raise ModelError(f"An input {str(kind)!r} of shape {values.shape} came: give (entries, {shape}).")
        return np.asarray(values, dtype=np.float32)


def _read_info(session: Session) -> MultiTaskInfo:
    meta = session.metadata
    with parsing_metadata("model of several tasks"):
        if meta["form"] != FORM:
            raise ValueError(f"the form {meta['form']!r}")
        segment_s = json.loads(meta["segment_s"])
        info = MultiTaskInfo(
            name=meta["name"],
            version=meta["version"],
            licence=meta["licence"],
            tasks=tuple(map(_read_task, json.loads(meta["tasks"]))),
            inputs={
                InputKind(kind): tuple(map(int, shape)) for kind, shape in json.loads(meta["inputs"]).items()
            },
            segment_s=None if segment_s is None else float(segment_s),
            whole=frozenset(map(InputKind, json.loads(meta["whole"]))),
            metrics=json.loads(meta["metrics"]),
            history=tuple(json.loads(meta["history"])),
            training=json.loads(meta["training"]),
        )
        preprocessing = json.loads(meta["preprocessing"])
    if not info.tasks or not info.inputs:
        raise WeightsError(f"The model {info.name!r} has no tasks or no inputs: export it again.")
    if preprocessing != preprocessing_of(tuple(info.inputs)):
        raise WeightsError(
            f"The model {info.name!r} was trained on {' and '.join(map(str, info.inputs))} that were made "
            "otherwise than this program makes them: train it again."
        )
    return info


def _read_task(content: Mapping[str, Any]) -> ServedTask:
    task = Task(
        str(content["name"]),
        TaskKind(content["kind"]),
        tuple(map(str, content["labels"])),
        float(content["weight"]),
    )
    served = ServedTask(
        task,
        thresholds=tuple(map(float, content["thresholds"])),
        bounds=tuple((float(low), float(high)) for low, high in content["bounds"]),
        errors=tuple(tuple(map(float, values)) for values in content["errors"]),
    )
    wanted = len(task.labels)
    lengths = {
        TaskKind.SINGLE_LABEL: (0, 0, 0),
        TaskKind.MULTI_LABEL: (wanted, 0, 0),
        TaskKind.REGRESSION: (0, wanted, wanted),
    }[task.kind]
    if not wanted or (len(served.thresholds), len(served.bounds), len(served.errors)) != lengths:
        raise ValueError(f"the task {task.name!r}")
    return served

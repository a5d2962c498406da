"""The curves of a training, in the form that TensorBoard reads."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # type: ignore[import-untyped]
from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]
from tensorboard.summary.writer.record_writer import RecordWriter  # type: ignore[import-untyped]

from core.files import writing

LogFigures = Callable[[Mapping[str, float], int], None]
"""Called with figures by name, and the step that they are of."""


def open_tensorboard_log(folder: Path, *, first_step: int = 0) -> LogFigures:
    """Begin a file of curves; what is logged is on disk when the call returns.

    `torch.utils.tensorboard` writes on a thread of its own, where nobody can catch what a full disk raises.
    What earlier files of the folder show from the first step on is dropped, as after an interruption.

    Raises
    ------
    DataError
        The curves cannot be written, as on a full disk. The function that is returned raises it too.
    """
    path = folder / f"events.out.tfevents.{time.time_ns()}.{os.getpid()}"

    def add(*events: Any) -> None:
        with writing(f"The curves of the training {path}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            _append(path, events)

    def log(figures: Mapping[str, float], step: int) -> None:
        values = [Summary.Value(tag=name, simple_value=value) for name, value in figures.items()]
        add(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    session = SessionLog(status=SessionLog.START)
    add(
        Event(wall_time=time.time(), file_version="brain.Event:2"),
        Event(wall_time=time.time(), step=first_step, session_log=session),
    )
    return log


def _append(path: Path, events: tuple[Any, ...]) -> None:
    """Write events behind those that are there, all of them or none."""
    records = io.BytesIO()
    for event in events:
        RecordWriter(records).write(event.SerializeToString())
    left = memoryview(records.getvalue())
    with path.open("ab", buffering=0) as handle:
        begin = handle.tell()
        try:
            while left:
                left = left[handle.write(left) :]
        except OSError:
            handle.truncate(begin)
            raise

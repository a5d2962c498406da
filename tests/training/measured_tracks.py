"""Entries that an invented model has answered: classes, several labels and a tempo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models.track.multi_task import MultiTaskInfo, ServedTask
from models.track.tasks import InputKind, Task, TaskKind
from training.report.track_entries import MeasuredTask, MeasuredTracks

GENRE = ServedTask(Task("genre", TaskKind.SINGLE_LABEL, ("ambient", "polka", "rock")))
MOODS = ServedTask(
    Task("moods", TaskKind.MULTI_LABEL, ("calm", "dark", "very_epic")), thresholds=(0.5, 0.4, 0.7)
)
TEMPO = ServedTask(
    Task("bpm", TaskKind.REGRESSION, ("bpm",)),
    bounds=((90.0, 120.0),),
    errors=(tuple(np.linspace(-20, 20, 39).tolist()),),
)
HISTORY = tuple(
    {
        "loss": 2.0 / epoch,
        "loss_genre": 1.0 / epoch,
        "loss_moods": 1.0 / epoch,
        "validation_loss": 2.1 / epoch,
        "validation_loss_genre": 1.1 / epoch,
        "validation_accuracy_genre": 1 - 0.5 / epoch,
        "validation_loss_moods": 1.0 / epoch,
        "validation_f1_moods": 1 - 0.6 / epoch,
        "validation_auc_moods": 1 - 0.3 / epoch,
        "validation_mae_bpm": 10.0 / epoch,
        "learning_rate": 0.001,
    }
    for epoch in (1, 2, 3)
)


def invented_info(**changes: Any) -> MultiTaskInfo:
    info = MultiTaskInfo(
        name="tiny",
        version="1.0.0",
        licence="MIT",
        tasks=(GENRE, MOODS, TEMPO),
        inputs={InputKind.EMBEDDING: (1024,)},
        segment_s=None,
        whole=frozenset(),
        metrics={},
        history=HISTORY,
        training={"data": "invented", "best_epoch": 2, "recipe": {"seed": 0, "window_seconds": None}},
    )
    return replace(info, **changes)


def invented_measurement(count: int = 40, *, seed: int = 0, paths: Sequence[Path] = ()) -> MeasuredTracks:
    """Entries in pairs of one group; of each task one entry is unknown, and no entry is a polka."""
    rng = np.random.default_rng(seed)
    genre = np.eye(3, dtype=np.float32)[2 * rng.integers(0, 2, count)]
    moods = (rng.random((count, 3)) < (0.5, 0.3, 0.2)).astype(np.float32)
    bpm = rng.uniform(70, 160, (count, 1)).astype(np.float32)
    answers = 0.4 * genre + rng.random((count, 3)).astype(np.float32)
    measured = (
        MeasuredTask(GENRE, genre, answers / answers.sum(axis=1, keepdims=True)),
        MeasuredTask(
            MOODS, moods, np.clip(0.5 * moods + 0.6 * rng.random((count, 3)), 0, 1).astype(np.float32)
        ),
        MeasuredTask(TEMPO, bpm, (bpm + rng.normal(0, 8, (count, 1))).astype(np.float32)),
    )
    if count > 3:
        for place, task in enumerate(measured):
            task.targets[place] = np.nan
    sounds = [str(path) for path in paths]
    return MeasuredTracks(
        data="invented",
        side="test",
        names=tuple(f"track {number}" for number in range(count)),
        groups=tuple(f"artist {number // 2}" for number in range(count)),
        paths=tuple(sounds[number] if number < len(sounds) else "" for number in range(count)),
        inputs={InputKind.EMBEDDING: rng.random((count, 1024), dtype=np.float32)},
        tasks=measured,
        fused=np.concatenate([genre, moods, bpm, rng.random((count, 9))], axis=1).astype(np.float32),
    )

"""A dataset of tracks: what is to be learned, inputs and targets of every entry, and who stays together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.track.tasks import InputKind, Task, TaskKind

__all__ = ["EntryFault", "InputKind", "Task", "TaskKind", "TrackDataset"]


@dataclass(frozen=True, slots=True)
class EntryFault:
    """An entry that is left out, or goes without something."""

    entry: str  # its name
    reason: str  # one sentence for people


@dataclass(frozen=True, eq=False)
class TrackDataset:
    """Entries in one order; what an entry lacks is NaN, or -1 for a class."""

    name: str
    tasks: tuple[Task, ...]
    names: tuple[str, ...]  # of the entries, each once
    # Entries of one group (a track's segments, an artist's tracks) stand on one side of any split.
    groups: tuple[str, ...]
    sides: tuple[str, ...]  # "train", "validation" or "test" where the data says so, else empty
    # By kind of input; a spectrogram of another length is cut or padded to the longest that is used.
    inputs: Mapping[InputKind, npt.NDArray[np.float32]] = field(repr=False)
    # By name of the task: int64 (entries,) for a single label, -1 where unknown; float32 (entries, labels)
    # with 0 and 1 for several labels and with values for a regression, NaN where unknown.
    targets: Mapping[str, npt.NDArray[np.int64] | npt.NDArray[np.float32]] = field(repr=False)
    faults: tuple[EntryFault, ...] = ()
    # Of the sound of each entry: a file, or what it is called where the inputs come from, without suffix.
    paths: tuple[str, ...] = ()

"""Owns checkpoints of our own trainings: written atomically, read back without unpickling objects."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from core.errors import WeightsError
from models.writing import write_whole

__all__ = ["load_checkpoint", "resume", "save_checkpoint"]

# What torch raises on bytes that are no checkpoint depends on the bytes.
_DAMAGE = (
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that the file is always a whole one, the old or the new.

    Parameters
    ----------
    path
        File to write; its folder is made.
    state
        Tensors, numbers, strings, lists and dicts only, so that it loads with ``weights_only=True``.

    Raises
    ------
    DataError
        It cannot be written, as on a full disk; the old file stays.
    """
    # By way of memory: on a full disk torch's own writer speaks of its archive, not of the disk.
    content = io.BytesIO()
    torch.save(state, content)
    write_whole(path, content.getbuffer(), what=f"The checkpoint {path}")


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint written by `save_checkpoint`.

    Raises
    ------
    WeightsError
        It is missing, damaged or holds anything but plain tensors and values.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"There is no checkpoint {path}: train first.") from error
    except _DAMAGE as error:
        raise WeightsError(f"The checkpoint {path} is damaged: delete it and train again.") from error
    if not isinstance(state, dict):
        raise WeightsError(f"The checkpoint {path} is not one of ours: delete it and train again.")
    return state


def resume(path: Path, marks: Mapping[str, Any], parts: Mapping[str, Any]) -> int:
    """Fill the parts of a training from its checkpoint, if there is one.

    Parameters
    ----------
    path
        The checkpoint: ``marks``, ``epoch``, and the state of each part by name.
    marks
        What the training is; a checkpoint of another is refused.
    parts
        By name, what has a ``load_state_dict``.

    Returns
    -------
    int
        Epochs that are done.

    Raises
    ------
    WeightsError
        The checkpoint is damaged or belongs to another training.
    """
    if not path.exists():
        return 0
    state = load_checkpoint(path)
    if state.get("marks") != marks:
        raise WeightsError(
            f"The checkpoint {path} was made with other settings or data: give another folder."
        )
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["epoch"])

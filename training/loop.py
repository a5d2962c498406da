"""The one loop that every fit runs: seeded epochs, checkpoints, resuming, early stopping and curves."""

from __future__ import annotations

import copy
import io
import logging
import math
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import DataError, WeightsError
from core.files import write_atomic
from training.progress import StepProgress, no_progress
from training.tensorboard_log import open_tensorboard_log

CHECKPOINT_NAME: Final = "checkpoint.pt"
_LOG = logging.getLogger(__name__)
_WARM_UP: Final = 0.05
_WITH_BF16: Final = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
"""As `torch.cpu.get_capabilities` calls the instructions: two of Intel and AMD, two of ARM."""
# What torch raises on bytes that are no checkpoint depends on the bytes.
_DAMAGE: Final = (
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
    """Write a checkpoint, whole or not at all.

    It holds tensors, numbers, strings, lists and dicts only, so that it loads with ``weights_only=True``.

    Raises
    ------
    DataError
        It cannot be written, as on a full disk; the old file stays.
    """
    # By way of memory: on a full disk torch's own writer speaks of its archive, not of the disk.
    content = io.BytesIO()
    torch.save(state, content)
    write_atomic(path, content.getbuffer(), what=f"The checkpoint {path}")


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


@dataclass(frozen=True)
class KeepBest:
    """Which epoch's weights a fit ends with."""

    module: nn.Module  # whose weights are kept, and put back at the end
    score: Callable[[Mapping[str, float]], float]  # of the figures of an epoch; the largest is kept
    # Epochs without a better score until the fit stops; None: it never stops early.
    patience: int | None = None


@dataclass
class FitHistory:
    """How a fit has gone so far."""

    epochs: list[dict[str, float]] = field(default_factory=list)  # figures of every epoch
    # Of `KeepBest`; epochs are counted from 1.
    best_epoch: int = 0
    best_score: float = -math.inf
    best_weights: dict[str, Any] = field(default_factory=dict)


def fit_epochs(
    run_epoch: Callable[[int], Mapping[str, float]],
    epochs: int,
    parts: Mapping[str, Any],
    *,
    name: str,
    seed: int,
    settings: Mapping[str, Any],
    identity: str,
    run_dir: Path | None = None,
    resume: bool = True,
    keep: KeepBest | None = None,
    on_epoch: Callable[[int], None] = lambda _done: None,
) -> FitHistory:
    """Run epochs until all are done or the figures get no better.

    A fit that was interrupted and goes on gives the same weights as one that was not: torch is seeded anew
    for every epoch, and `run_epoch` is expected to seed NumPy by the epoch likewise.

    Parameters
    ----------
    run_epoch
        Trains one epoch, counted from 0, and returns its figures; seconds are added.
    name
        Of the fit: names the curves and begins the lines of the log.
    settings, identity
        What the fit is, as plain values, and its data: a checkpoint of another is refused. The number of
        threads, where the settings have one, makes no other fit.
    run_dir
        Folder of the checkpoint and of ``tensorboard``; None: nothing is written.
    keep
        Which weights the fit ends with; None: those of the last epoch.

    Raises
    ------
    DataError
        Checkpoint or curves cannot be written.
    WeightsError
        The checkpoint is damaged or belongs to another fit.
    """
    checkpoint = None if run_dir is None else run_dir / CHECKPOINT_NAME
    made_from = {"settings": {**settings, "threads": None}, "identity": identity}
    history = FitHistory()
    if keep is not None:
        history.best_weights = copy.deepcopy(keep.module.state_dict())
    if checkpoint is not None and resume and checkpoint.exists():
        state = load_checkpoint(checkpoint)
        if state.get("made_from") != made_from:
            raise WeightsError(
                f"The checkpoint {checkpoint} was made with other settings or data: give another folder."
            )
        history = FitHistory(**state["history"])
        for part_name, part in parts.items():
            part.load_state_dict(state[part_name])
    log = None
    if run_dir is not None:
        log = open_tensorboard_log(run_dir / "tensorboard", first_step=len(history.epochs) + 1)
    while len(history.epochs) < epochs and not _stalled(history, keep):
        started, epoch = time.monotonic(), len(history.epochs)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed * 10_007 + epoch)
            figures = dict(run_epoch(epoch))
        figures["seconds"] = time.monotonic() - started
        history.epochs.append(figures)
        if keep is not None and keep.score(figures) > history.best_score:
            history.best_score, history.best_epoch = keep.score(figures), epoch + 1
            history.best_weights = copy.deepcopy(keep.module.state_dict())
        shown = ", ".join(f"{figure} {value:.4f}" for figure, value in figures.items())
        _LOG.info("%s, seed %d epoch %d of %d: %s", name, seed, epoch + 1, epochs, shown)
        if log is not None:
            log({f"{name}/{figure}": value for figure, value in figures.items()}, epoch + 1)
        if checkpoint is not None:
            states = {part_name: part.state_dict() for part_name, part in parts.items()}
            save_checkpoint(checkpoint, {"made_from": made_from, "history": vars(history), **states})
        on_epoch(epoch + 1)
    if keep is not None:
        keep.module.load_state_dict(history.best_weights)
    return history


def _stalled(history: FitHistory, keep: KeepBest | None) -> bool:
    if keep is None or keep.patience is None:
        return False
    return len(history.epochs) - history.best_epoch >= keep.patience


def gradient_step(
    loss: Tensor, optimiser: torch.optim.Optimizer, module: nn.Module, *, largest_norm: float, epoch: int
) -> float:
    """Take one step down the gradient, clipped to ``largest_norm``, and return the loss.

    Raises
    ------
    DataError
        The loss left the finite numbers.
    """
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(module.parameters(), largest_norm)
    optimiser.step()
    value = float(loss.detach())
    if not math.isfinite(value):
        raise DataError(f"The loss became {value} in epoch {epoch + 1}: lower the rate.")
    return value


def fit_cycles(
    loss_of: Callable[[int, np.random.Generator], Tensor],
    validate: Callable[[], Mapping[str, float]],
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    cycles: Sequence[tuple[int, float]],
    run_dir: Path,
    settings: Mapping[str, Any],
    *,
    name: str,
    part: str,
    identity: str,
    largest_norm: float,
    stream: Sequence[int] = (),
    on_step: StepProgress = no_progress,
) -> None:
    """Fit a network by steps whose rate goes through cycles (Smith and Topin, 2018); see `fit_epochs`.

    Parameters
    ----------
    loss_of
        Of one step, by its number from 0 and a source of chance.
    cycles
        One after the other, each of so many steps, with its highest rate; ``settings`` has the steps of an
        epoch.
    stream
        Part of the seed of chance beside seed and epoch.
    """
    total, per_epoch = sum(steps for steps, _ in cycles), settings["steps_per_epoch"]

    def run_epoch(epoch: int) -> dict[str, float]:
        rng, losses = np.random.default_rng([settings["seed"], *stream, epoch]), []
        for step in range(epoch * per_epoch, min(total, (epoch + 1) * per_epoch)):
            for group in optimiser.param_groups:
                group["lr"] = _rate(step, cycles)
            loss = loss_of(step, rng)
            losses.append(gradient_step(loss, optimiser, network, largest_norm=largest_norm, epoch=epoch))
            on_step(step + 1, total)
        return {"loss": float(np.mean(losses)), **validate()}

    fit_epochs(
        run_epoch,
        -(-total // per_epoch),
        {part: network, "optimiser": optimiser},
        name=name,
        seed=settings["seed"],
        settings=settings,
        identity=identity,
        run_dir=run_dir,
    )


def _rate(step: int, cycles: Sequence[tuple[int, float]]) -> float:
    """Learning rate of a step: in each cycle up for a twentieth, then down half a cosine."""
    for steps, peak in cycles:
        if step < steps:
            done = step / steps
            return peak * min((done + 1e-3) / _WARM_UP, 0.5 * (1.0 + math.cos(math.pi * done)))
        step -= steps
    return 0.0


def has_fast_bf16() -> bool:
    """Whether the processor multiplies bfloat16 itself, and torch has the library (oneDNN) that lets it.

    Without, torch converts every operand back and forth, which is slower than float32. False, too, where
    torch is too old to tell.
    """
    library: Any = torch.backends.mkldnn
    ask: Callable[[], Mapping[str, Any]] = getattr(torch.cpu, "get_capabilities", dict)
    found = ask()
    return bool(library.is_available()) and any(found.get(name, False) for name in _WITH_BF16)


def autocast(*, allowed: bool = True) -> torch.autocast:
    """Products in bfloat16 where it is allowed and the processor is fast at it."""
    return torch.autocast("cpu", torch.bfloat16, enabled=allowed and has_fast_bf16())

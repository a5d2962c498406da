"""The fit of a network of several tasks: weighted losses, early stopping, checkpoints, curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau

from core.errors import ModelError
from models.track.multi_task import FUSED
from models.track.tasks import InputKind, TaskKind
from training.loop import KeepBest, fit_epochs, gradient_step
from training.track.balance import label_weights, with_smote
from training.track.batches import epoch_batches
from training.track.config import Balance, TrainConfig, TrainDevice
from training.track.figures import curve_figures
from training.track.losses import task_loss
from training.track.networks import TrackNet
from training.track.prepare import PreparedSide, PreparedTracks

_AT_A_TIME: Final = 64
_LARGEST_NORM: Final = 5.0
_RATE_FACTOR: Final = 0.5


@dataclass(frozen=True)
class TrackFit:
    """A fitted network of several tasks."""

    net: TrackNet  # in evaluation mode, on the CPU, as at the best epoch
    best_epoch: int  # counted from 1
    history: tuple[dict[str, float], ...]  # figures of every epoch


def fit_tracks(
    prepared: PreparedTracks,
    config: TrainConfig,
    run_dir: Path | None = None,
    *,
    on_epoch: Callable[[int], None] = lambda _done: None,
) -> TrackFit:
    """Train until the loss on the validation side gets no better, or all epochs are done.

    AdamW (Loshchilov and Hutter, ICLR 2019); its rate is halved when the validation loss stalls. Of a resumed
    fit the weights are those of one that was never interrupted.

    Raises
    ------
    DataError
        SMOTE cannot make up an input, the loss left the finite numbers, or the disk is full.
    WeightsError
        The checkpoint in the folder is damaged, or of another network, other settings or data.
    ModelError
        The device is not there.
    """
    if config.device is TrainDevice.CUDA and not torch.cuda.is_available():
        raise ModelError("This machine, or its torch, has no CUDA device: train with --device cpu.")
    torch.set_num_threads(config.threads)
    training = _TrackTraining(prepared, config)
    parts = {"net": training.net, "optimiser": training.optimiser, "scheduler": training.scheduler}
    history = fit_epochs(
        training.run_epoch,
        config.epochs,
        parts,
        name="track",
        seed=config.seed,
        settings={
            **config.recipe(),
            "tasks": [[task.name, str(task.kind), list(task.labels), task.weight] for task in prepared.tasks],
            "inputs": {str(kind): size for kind, size in prepared.sizes.items()},
        },
        identity=prepared.fingerprint,
        run_dir=run_dir,
        resume=config.resume is not None,
        keep=KeepBest(training.net, lambda figures: -figures["validation_loss"], config.patience),
        on_epoch=on_epoch,
    )
    return TrackFit(training.net.cpu().eval(), history.best_epoch, tuple(history.epochs))


def network_answers(net: TrackNet, side: PreparedSide) -> dict[str, NDArray[np.float32]]:
    """Answers to all entries by task, ``(entries, labels)``, and what was fused, ``(entries, 256)``."""
    parts: list[tuple[Tensor, ...]] = []
    device = next(net.parameters()).device
    net.eval()
    with torch.no_grad():
        for first in range(0, len(side.names), _AT_A_TIME):
            rows = [torch.from_numpy(values[first : first + _AT_A_TIME]) for values in side.inputs.values()]
            parts.append(tuple(answer.cpu() for answer in net(*(row.to(device) for row in rows))))
    names = [*(task.name for task in net.tasks), FUSED]
    return {
        name: torch.cat(found).numpy() for name, found in zip(names, zip(*parts, strict=True), strict=True)
    }


class _TrackTraining:
    """One fit: the network, and the data of an epoch."""

    def __init__(self, prepared: PreparedTracks, config: TrainConfig) -> None:
        self._prepared, self._config = prepared, config
        self._device = torch.device(config.device.value)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.net = TrackNet(prepared.sizes, prepared.tasks, config.model_type, config.dropout)
        self.net.standardise_on(prepared.train.inputs, prepared.train.targets)
        self.net.to(self._device)
        self._train, self._weights = prepared.train, self._label_weights()
        if config.balance is Balance.SMOTE:
            self._train = with_smote(prepared.train, prepared.tasks, seed=config.seed)
        learned = [value for value in self.net.parameters() if value.requires_grad]
        self.optimiser = torch.optim.AdamW(learned, lr=config.learning_rate, weight_decay=config.weight_decay)
        self.scheduler = ReduceLROnPlateau(self.optimiser, factor=_RATE_FACTOR, patience=config.rate_patience)

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Train one epoch and measure the network on the validation side."""
        usual = None
        if InputKind.SPECTROGRAM in self.net.kinds:
            usual = self.net.usual(InputKind.SPECTROGRAM).flatten().cpu().numpy()
        self.net.train()
        losses: list[list[float]] = []
        for inputs, targets in epoch_batches(self._train, self._config, epoch, usual):
            found = self._losses(self._logits(inputs), targets)
            total = torch.stack(
                [task.weight * loss for task, loss in zip(self.net.tasks, found, strict=True)]
            ).sum()
            value = gradient_step(total, self.optimiser, self.net, largest_norm=_LARGEST_NORM, epoch=epoch)
            losses.append([value, *(float(loss.detach()) for loss in found)])
        names = ["loss", *(f"loss_{task.name}" for task in self.net.tasks)]
        rate = float(self.optimiser.param_groups[0]["lr"])
        figures = dict(zip(names, np.mean(losses, axis=0).tolist(), strict=True)) | self._validate()
        self.scheduler.step(figures["validation_loss"])
        return {**figures, "learning_rate": rate}

    def _validate(self) -> dict[str, float]:
        side = self._prepared.validation
        self.net.eval()
        with torch.no_grad():
            parts = [
                self._logits(
                    [torch.from_numpy(values[first : first + _AT_A_TIME]) for values in side.inputs.values()]
                )
                for first in range(0, len(side.names), _AT_A_TIME)
            ]
            logits = tuple(torch.cat(found) for found in zip(*parts, strict=True))
            losses = self._losses(logits, tuple(map(torch.from_numpy, side.targets.values())))
        answers = network_answers(self.net, side)
        figures = {"validation_loss": 0.0}
        for task, loss in zip(self.net.tasks, losses, strict=True):
            figures["validation_loss"] += task.weight * float(loss)
            figures[f"validation_loss_{task.name}"] = float(loss)
            found = curve_figures(task, side.targets[task.name], answers[task.name])
            figures |= {f"validation_{name}_{task.name}": value for name, value in found.items()}
        return figures

    def _logits(self, inputs: tuple[Tensor, ...] | list[Tensor]) -> tuple[Tensor, ...]:
        return self.net.logits(self.net.fused(*(values.to(self._device) for values in inputs)))

    def _losses(self, logits: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> list[Tensor]:
        found = []
        parts = zip(
            self.net.tasks, logits, targets, self._weights, self.net.centres, self.net.scales, strict=True
        )
        for task, given, wanted, weights, centre, scale in parts:
            known = wanted.to(self._device)
            if task.kind is TaskKind.REGRESSION:
                known = (known - centre) / scale
            found.append(task_loss(task, given, known, weights, self._config.regression_loss))
        return found

    def _label_weights(self) -> list[Tensor | None]:
        if self._config.balance is not Balance.WEIGHTS:
            return [None] * len(self.net.tasks)
        return [
            None
            if task.kind is TaskKind.REGRESSION
            else torch.from_numpy(label_weights(task, self._prepared.train.targets[task.name])).to(
                self._device
            )
            for task in self.net.tasks
        ]

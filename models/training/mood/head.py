"""Owns the mood head: its network on track-mean embeddings, and its fit."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from core.errors import DataError
from models.mood.tags import TAGS
from models.training.board import open_board
from models.training.checkpoint import resume, save_checkpoint
from models.training.mood.jamendo import EMBEDDING_SIZE
from models.training.mood.ranking import tag_areas
from models.training.processor import has_fast_bf16

__all__ = ["CHECKPOINT_NAME", "WIDTHS", "MoodNet", "MoodResult", "MoodSettings", "fit_head", "predict_logits"]

CHECKPOINT_NAME: Final = "checkpoint.pt"
WIDTHS: Final = (EMBEDDING_SIZE, 512, 256, 128)
_FARTHEST: Final = 6.0
"""Standardised inputs end there: silence and rare sounds lie tens of deviations away."""
_SMALLEST_SPREAD: Final = 1e-3
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class MoodSettings:
    """Every knob of the fit.

    Attributes
    ----------
    epochs, batch
        How often every track is seen at most, and how many at a time.
    peak_rate
        Of the one cycle (Smith and Topin, 2019) of AdamW (Loshchilov and Hutter, ICLR 2019).
    weight_decay
        Decoupled, per step, times the rate.
    dropout
        Share of each hidden layer that is dropped.
    mixup_alpha
        Beta parameter of mixup (Zhang et al., ICLR 2018).
    second_folds, second_weight
        Second opinions (see `protocols.fitted`): heads that give them, 0 is none; their share of the targets.
    average_decay
        Of the moving average of the weights, which is what is kept.
    patience
        Epochs without a better validation figure until the fit stops.
    seed, threads
        Of everything random; of torch.
    """

    epochs: int = 12
    batch: int = 256
    peak_rate: float = 1.5e-3
    weight_decay: float = 0.1
    dropout: float = 0.5
    mixup_alpha: float = 1.0
    second_folds: int = 5
    second_weight: float = 0.5
    average_decay: float = 0.99
    patience: int = 5
    seed: int = 0
    threads: int = 1


class MoodNet(nn.Module):
    """1024 -> 512 -> 256 -> 128 -> 59 on the square root of the embedding, standardised.

    Roots, because activations averaged over a track are at least 0 and far from normal. What is fitted
    after the training, slope and offsets of the logits (see `calibrate`), is part of the network.
    """

    def __init__(self, dropout: float = 0.0, outputs: int = len(TAGS)) -> None:
        super().__init__()
        self.mean: Tensor
        self.spread: Tensor
        self.slope: Tensor
        self.offset: Tensor
        self.register_buffer("mean", torch.zeros(EMBEDDING_SIZE))
        self.register_buffer("spread", torch.ones(EMBEDDING_SIZE))
        self.register_buffer("slope", torch.ones(()))
        self.register_buffer("offset", torch.zeros(outputs))
        layers: list[nn.Module] = []
        for taken, given in pairwise(WIDTHS):
            layers += [nn.Linear(taken, given), nn.BatchNorm1d(given), nn.ReLU(), nn.Dropout(dropout)]
        self.body = nn.Sequential(*layers)
        self.out = nn.Linear(WIDTHS[-1], outputs)

    def standardise_on(self, embeddings: Tensor) -> None:
        """Take mean and spread of the roots from embeddings to train on, ``(tracks, 1024)``."""
        roots = embeddings.clamp(min=0.0).sqrt()
        self.mean.copy_(roots.mean(dim=0))
        self.spread.copy_(roots.std(dim=0, correction=0).clamp(min=_SMALLEST_SPREAD))

    def prepared(self, embeddings: Tensor) -> Tensor:
        """What the first layer sees of raw embeddings, same shape."""
        roots = embeddings.clamp(min=0.0).sqrt()
        return ((roots - self.mean) / self.spread).clamp(-_FARTHEST, _FARTHEST)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Calibrated probabilities ``(tracks, 59)`` of raw embeddings ``(tracks, 1024)``."""
        return torch.sigmoid(self.slope * self.out(self.body(self.prepared(embeddings))) + self.offset)


@dataclass(frozen=True)
class MoodResult:
    """A fitted head.

    Attributes
    ----------
    net
        In evaluation mode, the moving average of the weights at the best epoch, not calibrated.
    best_epoch
        Counted from 1.
    history
        Figures of every epoch.
    """

    net: MoodNet
    best_epoch: int
    history: tuple[dict[str, float], ...]


def fit_head(
    embeddings: NDArray[np.float32],
    labels: NDArray[np.bool_],
    train: NDArray[np.int64],
    watched: NDArray[np.int64],
    settings: MoodSettings,
    *,
    second: NDArray[np.float64] | None = None,
    identity: str = "",
    run_dir: Path | None = None,
    on_epoch: Callable[[int], None] | None = None,
) -> MoodResult:
    """Train a head; the epoch with the best macro PR-AUC on the watched tracks is kept.

    A fit that was interrupted and goes on gives the same weights as one that was not.

    Parameters
    ----------
    embeddings
        Raw, float32, ``(tracks, 1024)``.
    labels
        bool, ``(tracks, tags)``.
    train, watched
        Rows to train on, and those that pick the epoch.
    settings
        The recipe.
    second
        Second opinions on the tracks to train on, probabilities ``(train, tags)``, which make up
        ``settings.second_weight`` of the targets; None: the labels alone count.
    identity
        Says what the data are; a checkpoint of another is refused.
    run_dir
        Folder of checkpoint and TensorBoard events, gone on with; None: nothing is written.
    on_epoch
        Called with the epochs done.

    Raises
    ------
    DataError
        There are fewer tracks than a batch holds, none of the watched ones has a tag, or the loss left the
        finite numbers.
    WeightsError
        The checkpoint is damaged or belongs to other settings or data.
    """
    if len(train) < settings.batch:
        raise DataError(f"{len(train)} tracks to train on are fewer than a batch of {settings.batch}.")
    if not labels[watched].any():
        raise DataError(f"None of {len(watched)} validation tracks has a tag: they can pick no epoch.")
    torch.set_num_threads(settings.threads)
    fit = _Fit(embeddings, labels, train, watched, settings, second)
    checkpoint = run_dir / CHECKPOINT_NAME if run_dir is not None else None
    marks = {"settings": {**asdict(settings), "threads": None}, "identity": identity}
    if checkpoint is not None:
        fit.epoch = resume(checkpoint, marks, fit.parts)
    show = open_board(checkpoint.parent / "tensorboard", first_step=fit.epoch + 1) if checkpoint else None
    while fit.epoch < settings.epochs and fit.epoch - fit.record.best_epoch < settings.patience:
        seen = fit.run_epoch()
        told = ", ".join(f"{name} {value:.4f}" for name, value in seen.items())
        _LOG.info("seed %d epoch %d: %s", settings.seed, fit.epoch, told)
        if show is not None:
            show({f"mood/{name}": value for name, value in seen.items()}, fit.epoch)
        if checkpoint is not None:
            states = {name: part.state_dict() for name, part in fit.parts.items()}
            save_checkpoint(checkpoint, {"marks": marks, "epoch": fit.epoch, **states})
        if on_epoch is not None:
            on_epoch(fit.epoch)
    return MoodResult(fit.best.eval(), fit.record.best_epoch, tuple(fit.record.history))


def predict_logits(net: MoodNet, embeddings: NDArray[np.float32], batch: int = 1024) -> NDArray[np.float64]:
    """Logits before calibration, ``(tracks, tags)``, of raw embeddings ``(tracks, 1024)``."""
    net.eval()
    with torch.no_grad():
        parts = [
            net.out(net.body(net.prepared(torch.from_numpy(embeddings[first : first + batch])))).numpy()
            for first in range(0, len(embeddings), batch)
        ]
    return np.concatenate(parts).astype(np.float64)


class _Record:
    """What a checkpoint holds beside the weights."""

    def __init__(self) -> None:
        self.best_epoch = 0
        self.best_score = -1.0
        self.history: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


class _Fit:
    """One fit between two epochs."""

    def __init__(
        self,
        embeddings: NDArray[np.float32],
        labels: NDArray[np.bool_],
        train: NDArray[np.int64],
        watched: NDArray[np.int64],
        settings: MoodSettings,
        second: NDArray[np.float64] | None,
    ) -> None:
        self.settings = settings
        self.watched, self.truth = embeddings[watched], labels[watched]
        raw = torch.from_numpy(embeddings[train])
        self.targets = torch.from_numpy(labels[train].astype(np.float32))
        if second is not None:
            self.targets.lerp_(torch.from_numpy(second.astype(np.float32)), settings.second_weight)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.net = MoodNet(settings.dropout, labels.shape[1])
        self.net.standardise_on(raw)
        self.inputs = self.net.prepared(raw)
        share = self.targets.mean(dim=0).clamp(1e-4, 1.0 - 1e-4)
        with torch.no_grad():
            self.net.out.bias.copy_(torch.logit(share))
        self.average = copy.deepcopy(self.net).requires_grad_(False)
        self.best = copy.deepcopy(self.average)
        self.steps = len(train) // settings.batch
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), lr=settings.peak_rate, weight_decay=settings.weight_decay, fused=True
        )
        self.scheduler = OneCycleLR(
            self.optimiser,
            max_lr=settings.peak_rate,
            total_steps=settings.epochs * self.steps,
            pct_start=0.2,
        )
        self.record = _Record()
        self.epoch = 0
        self.parts: dict[str, Any] = {
            "net": self.net,
            "average": self.average,
            "best": self.best,
            "optimiser": self.optimiser,
            "scheduler": self.scheduler,
            "record": self.record,
        }

    def run_epoch(self) -> dict[str, float]:
        """Train one epoch and look at the watched tracks; keep the average if it is the best."""
        started = time.monotonic()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed * 10_007 + self.epoch)
            seen = {"loss": self._train()}
        precision, roc = tag_areas(predict_logits(self.average, self.watched), self.truth)
        seen |= {"pr_auc": float(np.nanmean(precision)), "roc_auc": float(np.nanmean(roc))}
        seen["seconds"] = time.monotonic() - started
        self.epoch += 1
        self.record.history.append(seen)
        if seen["pr_auc"] > self.record.best_score:
            self.record.best_score, self.record.best_epoch = seen["pr_auc"], self.epoch
            self.best.load_state_dict(self.average.state_dict())
        return seen

    def _train(self) -> float:
        settings = self.settings
        rng = np.random.default_rng([settings.seed, self.epoch])
        order = torch.from_numpy(rng.permutation(len(self.inputs)))
        self.net.train()
        losses = []
        for step in range(self.steps):
            rows = order[step * settings.batch : (step + 1) * settings.batch]
            loss = self._loss(rng, self.inputs[rows], self.targets[rows])
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
            self.optimiser.step()
            self.scheduler.step()
            taken = 1 + step + self.epoch * self.steps
            _follow(self.average, self.net, min(settings.average_decay, taken / (taken + 10)))
            losses.append(float(loss.detach()))
            if not np.isfinite(losses[-1]):
                raise DataError(f"The loss became {losses[-1]} in epoch {self.epoch + 1}: lower the rate.")
        return float(np.mean(losses))

    def _loss(self, rng: np.random.Generator, inputs: Tensor, targets: Tensor) -> Tensor:
        if self.settings.mixup_alpha > 0:
            share = rng.beta(self.settings.mixup_alpha, self.settings.mixup_alpha, (len(inputs), 1))
            larger = torch.from_numpy(np.maximum(share, 1.0 - share).astype(np.float32))
            other = torch.from_numpy(rng.permutation(len(inputs)))
            inputs = torch.lerp(inputs[other], inputs, larger)
            targets = torch.lerp(targets[other], targets, larger)
        with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16()):
            logits = self.net.out(self.net.body(inputs))
        return nn.functional.binary_cross_entropy_with_logits(logits.float(), targets)


def _follow(average: nn.Module, net: nn.Module, decay: float) -> None:
    """Move the average towards the network, running statistics included."""
    with torch.no_grad():
        kept = [value for value in average.state_dict().values() if value.is_floating_point()]
        new = [value for value in net.state_dict().values() if value.is_floating_point()]
        torch._foreach_lerp_(kept, new, 1.0 - decay)

"""The mood head: its network on track-mean embeddings, and its fit."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval
from torch.optim.lr_scheduler import OneCycleLR

from core.errors import DataError
from core.mood_tags import TAGS
from training.loop import KeepBest, autocast, fit_epochs, gradient_step
from training.mood.jamendo import EMBEDDING_SIZE
from training.mood.ranking import tag_areas
from training.release import round_to_float16

WIDTHS: Final = (EMBEDDING_SIZE, 512, 256, 128)
_FARTHEST: Final = 6.0
"""Standardised inputs end there: silence and rare sounds lie tens of deviations away."""
_SMALLEST_SPREAD: Final = 1e-3
_BATCH: Final = 1024


@dataclass(frozen=True)
class MoodSettings:
    """Settings of the fit."""

    # How often every track is seen at most, and how many at a time.
    epochs: int = 12
    batch: int = 256
    # Of the one cycle (Smith and Topin, 2019) of AdamW (Loshchilov and Hutter, ICLR 2019).
    peak_rate: float = 1.5e-3
    weight_decay: float = 0.1  # decoupled, per step, times the rate
    dropout: float = 0.5  # share of each hidden layer that is dropped
    mixup_alpha: float = 1.0  # Beta parameter of mixup (Zhang et al., ICLR 2018)
    # How far artists are evened out: a track is drawn in proportion to its artist's number of tracks to minus
    # this power; at 0 every track is seen once an epoch.
    artist_power: float = 0.0
    # Soft labels (see `protocols.second_opinions`): folds, 0 is none; `artist_power` of each head that gives
    # them; their share of the targets.
    second_folds: int = 5
    second_powers: tuple[float, ...] = (0.0, 0.5)
    second_weight: float = 0.5
    # Whether the head that is released is trained on the validation side, too, once that has been used.
    refit: bool = True
    average_decay: float = 0.99  # of the moving average of the weights, which is what is kept
    patience: int = 5  # epochs without a better validation figure until the fit stops
    # Of everything random; of torch.
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

    def calibrate(self, slope: float, offsets: NDArray[np.float64]) -> None:
        """Take slope and offsets of the logits from a calibration (`calibrate.fit_calibration`)."""
        self.slope.fill_(slope)
        self.offset.copy_(torch.from_numpy(offsets))

    def logits(self, embeddings: Tensor) -> Tensor:
        """Logits before calibration ``(tracks, 59)`` of raw embeddings ``(tracks, 1024)``."""
        answer: Tensor = self.out(self.body(self.prepared(embeddings)))
        return answer

    def forward(self, embeddings: Tensor) -> Tensor:
        """Calibrated probabilities ``(tracks, 59)`` of raw embeddings ``(tracks, 1024)``."""
        return torch.sigmoid(self.slope * self.logits(embeddings) + self.offset)


@dataclass(frozen=True)
class MoodFit:
    """A fitted head."""

    net: MoodNet  # in evaluation mode, the moving average of the weights at the best epoch, not calibrated
    best_epoch: int  # counted from 1; of a fit without validation the last
    history: tuple[dict[str, float], ...]  # figures of every epoch


def fit_head(
    embeddings: NDArray[np.float32],
    labels: NDArray[np.bool_],
    train: NDArray[np.int64],
    validation: NDArray[np.int64] | None,
    settings: MoodSettings,
    *,
    soft_labels: NDArray[np.float64] | None = None,
    draw_weights: NDArray[np.float64] | None = None,
    identity: str = "",
    run_dir: Path | None = None,
    on_epoch: Callable[[int], None] = lambda _done: None,
) -> MoodFit:
    """Train a head; the epoch with the best macro PR-AUC on the validation tracks is kept.

    Parameters
    ----------
    embeddings
        Raw, float32, ``(tracks, 1024)``; labels are ``(tracks, tags)``.
    validation
        Rows; None: no epoch is picked, the last is kept.
    soft_labels
        Probabilities of the tags of the tracks to train on, ``(train, tags)``, which make up
        ``settings.second_weight`` of the targets; None: the labels alone count.
    draw_weights
        How often each track is drawn, in proportion, ``(train,)``; None: each once an epoch.

    Raises
    ------
    DataError
        There are fewer tracks than a batch holds, none of the validation tracks has a tag, or the loss left
        the finite numbers.
    """
    if len(train) < settings.batch:
        raise DataError(f"{len(train)} tracks to train on are fewer than a batch of {settings.batch}.")
    if validation is not None and not labels[validation].any():
        raise DataError(f"None of {len(validation)} validation tracks has a tag: they can pick no epoch.")
    torch.set_num_threads(settings.threads)
    training = _MoodTraining(embeddings, labels, train, validation, settings, soft_labels, draw_weights)
    picked = KeepBest(training.average, lambda figures: figures["pr_auc"], settings.patience)
    parts = {
        "net": training.net,
        "average": training.average,
        "optimiser": training.optimiser,
        "scheduler": training.scheduler,
    }
    history = fit_epochs(
        training.run_epoch,
        settings.epochs,
        parts,
        name="mood",
        seed=settings.seed,
        settings=asdict(settings),
        identity=identity,
        run_dir=run_dir,
        keep=picked if validation is not None else None,
        on_epoch=on_epoch,
    )
    best_epoch = history.best_epoch or len(history.epochs)
    return MoodFit(training.average.eval(), best_epoch, tuple(history.epochs))


def compact_copy(net: MoodNet) -> MoodNet:
    """The same head in half the space: batch norms folded into the layers before, matrices as float16."""
    made = copy.deepcopy(net).eval().requires_grad_(False)
    layers = made.body
    for place, layer in enumerate(layers):
        if isinstance(layer, nn.BatchNorm1d):
            before = layers[place - 1]
            assert isinstance(before, nn.Linear)
            layers[place - 1], layers[place] = fuse_linear_bn_eval(before, layer), nn.Identity()
    round_to_float16(made)
    return made


def predict_logits(net: MoodNet, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logits before calibration, ``(tracks, tags)``, of raw embeddings ``(tracks, 1024)``."""
    return _in_batches(net.eval().logits, embeddings)


def predict_probabilities(net: MoodNet, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Calibrated probabilities, ``(tracks, tags)``, of raw embeddings ``(tracks, 1024)``."""
    return _in_batches(net.eval(), embeddings)


def _in_batches(answer: Callable[[Tensor], Tensor], embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    with torch.no_grad():
        parts = [
            answer(torch.from_numpy(embeddings[first : first + _BATCH])).numpy()
            for first in range(0, len(embeddings), _BATCH)
        ]
    return np.concatenate(parts).astype(np.float64)


class _MoodTraining:
    """One fit: the network, its moving average, and the data of an epoch."""

    def __init__(
        self,
        embeddings: NDArray[np.float32],
        labels: NDArray[np.bool_],
        train: NDArray[np.int64],
        validation: NDArray[np.int64] | None,
        settings: MoodSettings,
        soft_labels: NDArray[np.float64] | None,
        draw_weights: NDArray[np.float64] | None,
    ) -> None:
        self.settings = settings
        self.validation = None if validation is None else (embeddings[validation], labels[validation])
        self.shares = None if draw_weights is None else draw_weights / draw_weights.sum()
        raw = torch.from_numpy(embeddings[train])
        self.targets = torch.from_numpy(labels[train].astype(np.float32))
        if soft_labels is not None:
            self.targets.lerp_(torch.from_numpy(soft_labels.astype(np.float32)), settings.second_weight)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.net = MoodNet(settings.dropout, labels.shape[1])
        self.net.standardise_on(raw)
        self.inputs = self.net.prepared(raw)
        share = self.targets.mean(dim=0).clamp(1e-4, 1.0 - 1e-4)
        with torch.no_grad():
            self.net.out.bias.copy_(torch.logit(share))
        self.average = copy.deepcopy(self.net).requires_grad_(False)
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

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Train one epoch and measure the average on the validation tracks, where there are any."""
        settings, tracks = self.settings, len(self.inputs)
        rng = np.random.default_rng([settings.seed, epoch])
        order = torch.from_numpy(
            rng.permutation(tracks) if self.shares is None else rng.choice(tracks, tracks, p=self.shares)
        )
        self.net.train()
        losses = []
        for step in range(self.steps):
            rows = order[step * settings.batch : (step + 1) * settings.batch]
            loss = self._loss(rng, self.inputs[rows], self.targets[rows])
            losses.append(gradient_step(loss, self.optimiser, self.net, largest_norm=1.0, epoch=epoch))
            self.scheduler.step()
            taken = 1 + step + epoch * self.steps
            _follow(self.average, self.net, min(settings.average_decay, taken / (taken + 10)))
        mean_loss = float(np.mean(losses))
        if self.validation is None:
            return {"loss": mean_loss}
        embeddings, truth = self.validation
        precision, roc = tag_areas(predict_logits(self.average, embeddings), truth)
        return {"loss": mean_loss, "pr_auc": float(np.nanmean(precision)), "roc_auc": float(np.nanmean(roc))}

    def _loss(self, rng: np.random.Generator, inputs: Tensor, targets: Tensor) -> Tensor:
        if self.settings.mixup_alpha > 0:
            share = rng.beta(self.settings.mixup_alpha, self.settings.mixup_alpha, (len(inputs), 1))
            larger = torch.from_numpy(np.maximum(share, 1.0 - share).astype(np.float32))
            other = torch.from_numpy(rng.permutation(len(inputs)))
            inputs = torch.lerp(inputs[other], inputs, larger)
            targets = torch.lerp(targets[other], targets, larger)
        with autocast():
            logits = self.net.out(self.net.body(inputs))
        return nn.functional.binary_cross_entropy_with_logits(logits.float(), targets)


def _follow(average: nn.Module, net: nn.Module, decay: float) -> None:
    """Move the average towards the network, running statistics included."""
    with torch.no_grad():
        kept = [value for value in average.state_dict().values() if value.is_floating_point()]
        new = [value for value in net.state_dict().values() if value.is_floating_point()]
        torch._foreach_lerp_(kept, new, 1.0 - decay)

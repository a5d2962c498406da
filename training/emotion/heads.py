"""The fit of what is trained on a frozen encoder: branches, dense layers and layer weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau

from core.emotions import EMOTIONS
from core.errors import DataError
from models.emotion.hybrid import HeadEnsemble, HybridHead, HybridSettings
from training.emotion.features import Features
from training.emotion.targets import Targets
from training.loop import KeepBest, autocast, fit_epochs, gradient_step
from training.metrics import mean_recall

_BATCH: Final = 256
Rows = Sequence[int] | NDArray[np.int64]
BRANCHES: Final = {
    "hybrid": (True, True, True),
    "pooled": (True, False, False),
    "encoder": (False, True, False),
    "spectrogram": (False, False, True),
}
"""Name of a network -> whether it has the pooled branch, the encoder's, and the spectrogram's."""


@dataclass(frozen=True)
class HeadSettings:
    """Settings of the fit."""

    # How often every clip is drawn on average, times ``draws_per_clip``, and how many at a time.
    epochs: int = 20
    batch: int = 64
    draws_per_clip: float = 2.0  # windows of each clip in an epoch; which of its views is chance
    # Learning rates of Adam (Kingma and Ba, ICLR 2015), the second of the layer weights.
    rate: float = 1e-3
    rate_layers: float = 1e-2
    weight_decay: float = 1e-2  # decoupled, per step, times the rate (Loshchilov and Hutter, ICLR 2019)
    # Epochs without a better validation loss until the rate is halved; until the fit stops.
    patience_rate: int = 2
    patience_stop: int = 6
    watch: str = "ua"  # what picks the epoch that is kept: ``"ua"``, mean class recall, or ``"nll"``
    # Share of the target given to all classes alike; Beta parameter of mixup, 0 is off; shares of features
    # dropped in the dense layers and of the pooled statistics.
    label_smoothing: float = 0.05
    mixup_alpha: float = 0.3
    dropout: float = 0.3
    dropout_pooled: float = 0.2
    axes_weight: float = 0.5  # how much energy and pleasantness count together beside the emotions
    # Stretches hidden in the log-mels: count and largest width.
    frequency_masks: int = 2
    frequency_mask_bands: int = 8
    time_masks: int = 2
    time_mask_frames: int = 12
    # Stretches of time hidden in the encoder's states, and the largest share of time of each.
    state_masks: int = 2
    state_mask_share: float = 0.12
    # Branches, and names of the classes in the order of the logits.
    use_pooled: bool = True
    use_encoder: bool = True
    use_spectrogram: bool = True
    labels: tuple[str, ...] = tuple(str(emotion) for emotion in EMOTIONS)
    # Of everything random; of torch; whether products may run in bfloat16, where the processor has it.
    seed: int = 0
    threads: int = 2
    bf16: bool = True

    def record(self) -> dict[str, Any]:
        """The settings as plain values, for checkpoints and cards."""
        return {**asdict(self), "labels": list(self.labels)}

    @property
    def branches(self) -> tuple[bool, bool, bool]:
        """A value of `BRANCHES`."""
        return self.use_pooled, self.use_encoder, self.use_spectrogram

    def with_branches(self, network: str) -> HeadSettings:
        """The same recipe for one of the networks of `BRANCHES`."""
        pooled, encoder, spectrogram = BRANCHES[network]
        return replace(self, use_pooled=pooled, use_encoder=encoder, use_spectrogram=spectrogram)

    def shape(self, base: HybridSettings) -> HybridSettings:
        """The shape of a hybrid with a head of this recipe, the rest as in ``base``."""
        names = ("labels", "dropout", "dropout_pooled", "use_pooled", "use_encoder", "use_spectrogram")
        return replace(base, **{name: getattr(self, name) for name in names})


@dataclass(frozen=True)
class HeadResult:
    """A fitted head."""

    # In evaluation mode, with the weights of the best epoch; or several that answer together.
    head: HybridHead | HeadEnsemble
    settings: HeadSettings  # what it was fitted with
    best_epoch: int  # counted from 1
    history: tuple[dict[str, float], ...]  # figures of every epoch


def fit_head(
    features: Features,
    targets: Targets,
    train_rows: Rows,
    validation_rows: Rows,
    settings: HeadSettings | None = None,
    *,
    draw_weights: NDArray[np.float64] | None = None,
    run_dir: Path | None = None,
    resume: bool = False,
    on_epoch: Callable[[int], None] = lambda _done: None,
) -> HeadResult:
    """Train a head on cached features and validate it after every epoch.

    Parameters
    ----------
    targets
        Of all clips, for the classes of ``settings.labels``; rows without a class are not to be among those
        trained on or validated on.
    train_rows, validation_rows
        Indices of clips. Without validation rows nothing stops early, the last epoch is kept, and the
        rate falls along half a cosine (Loshchilov and Hutter, ICLR 2017).
    draw_weights
        How often each of ``train_rows`` is drawn, ``(train,)``, any scale; None: classes alike, and
        clips within a class.

    Raises
    ------
    DataError
        There is nothing to train on, a single class, a label outside the classes, no encoder's
        features for a branch that wants them, or the loss left the finite numbers.
    """
    settings = settings or HeadSettings()
    train, validation = (np.asarray(rows, dtype=np.int64) for rows in (train_rows, validation_rows))
    _check(features, targets.labels, train, validation, settings)
    torch.set_num_threads(settings.threads)
    training = _HeadTraining(features, targets, train, validation, settings, draw_weights)
    head = training.head
    history = fit_epochs(
        training.run_epoch,
        settings.epochs,
        {"head": head, "optimiser": training.optimiser, "scheduler": training.scheduler},
        name="head",
        seed=settings.seed,
        settings=settings.record(),
        identity=training.identity(),
        run_dir=run_dir,
        resume=resume,
        keep=KeepBest(head, training.score, settings.patience_stop) if validation.size else None,
        on_epoch=on_epoch,
    )
    best_epoch = history.best_epoch if validation.size else len(history.epochs)
    return HeadResult(head.eval(), settings, best_epoch, tuple(history.epochs))


@dataclass(frozen=True)
class HeadAnswers:
    """Answers of a fitted head to n clips."""

    # float32, ``(n, classes)`` and ``(n, 128)``, or as many times 128 as heads answer together.
    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]
    axes: NDArray[np.float32]  # float32, ``(n, 2)``: logits of lively and of pleasant


def predict_head(result: HeadResult, features: Features, rows: Rows) -> HeadAnswers:
    """Answers of a fitted head to the plain windows of clips, by features of its own encoder."""
    chosen = np.asarray(rows, dtype=np.int64)
    head = result.head.eval()
    answers = HeadAnswers(
        np.empty((len(chosen), len(result.settings.labels)), dtype=np.float32),
        np.empty((len(chosen), head.embedding_size), dtype=np.float32),
        np.empty((len(chosen), 2), dtype=np.float32),
    )
    with torch.no_grad():
        for first in range(0, len(chosen), _BATCH):
            part = slice(first, first + _BATCH)
            plain = np.zeros(len(chosen[part]), dtype=np.int64)
            answer = head(features.gather(chosen[part], plain))
            answers.logits[part], answers.embedding[part] = answer.logits.numpy(), answer.embedding.numpy()
            answers.axes[part] = torch.stack([answer.energy, answer.pleasantness], dim=1).numpy()
    return answers


def _check(
    features: Features,
    labels: NDArray[np.int64],
    train: NDArray[np.int64],
    validation: NDArray[np.int64],
    settings: HeadSettings,
) -> None:
    if len(labels) != len(features.paths):
        raise DataError(f"{len(labels)} labels came for {len(features.paths)} cached clips: give one a clip.")
    if not train.size:
        raise DataError("There are no clips to train the head on.")
    used = labels[np.concatenate([train, validation])]
    if used.min() < 0 or used.max() >= len(settings.labels):
        odd = int(used.min() if used.min() < 0 else used.max())
        raise DataError(
            f"A clip has the label {odd}: the head has {len(settings.labels)} classes, from 0 on."
        )
    present = np.unique(labels[train])
    if len(present) < 2:
        only = settings.labels[int(present[0])]
        raise DataError(f"All clips to train on are {only!r}: a head needs at least two classes.")
    if (settings.use_encoder and not features.states) or (settings.use_pooled and not features.statistics):
        raise DataError("The cached features hold no hidden states: cache them with an encoder.")


class _HeadTraining:
    """One fit: the head, its optimiser, and the data of an epoch."""

    def __init__(
        self,
        features: Features,
        targets: Targets,
        train: NDArray[np.int64],
        validation: NDArray[np.int64],
        settings: HeadSettings,
        draw_weights: NDArray[np.float64] | None,
    ) -> None:
        self.features, self.labels, self.settings = features, targets.labels, settings
        self.certainty = torch.from_numpy(targets.certainty)
        self.axes = torch.from_numpy(targets.axes)
        self.train, self.validation = train, validation
        if draw_weights is None:
            classes = self.labels[train]
            draw_weights = 1.0 / np.bincount(classes).astype(np.float64)[classes]
        self.odds = np.asarray(draw_weights, dtype=np.float64) / np.sum(draw_weights)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            shape = settings.shape(features.settings)
            self.head = HybridHead(features.hidden_size, features.n_states, shape)
        if settings.use_pooled:
            self.head.fit_scale(torch.from_numpy(features.statistics[0][train].astype(np.float32)))
        slow = [value for name, value in self.head.named_parameters() if name != "layer_weights"]
        groups: list[dict[str, Any]] = [{"params": slow}]
        if settings.use_encoder:
            groups.append(
                {"params": [self.head.layer_weights], "lr": settings.rate_layers, "weight_decay": 0.0}
            )
        self.optimiser = torch.optim.AdamW(groups, lr=settings.rate, weight_decay=settings.weight_decay)
        self.scheduler = (
            ReduceLROnPlateau(self.optimiser, factor=0.5, patience=settings.patience_rate)
            if validation.size
            else CosineAnnealingLR(self.optimiser, settings.epochs)
        )

    def identity(self) -> str:
        """Of the data."""
        digest = hashlib.sha256(f"{self.features.identity} {self.head.settings.pooled_layers}".encode())
        certainty, axes = self.certainty.numpy(), self.axes.numpy()
        for part in (self.train, self.validation, self.odds, self.labels, certainty, axes):
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()

    def score(self, figures: Mapping[str, float]) -> float:
        """What the epoch that is kept has most of."""
        if self.settings.watch == "ua":
            return figures["ua"] - 1e-3 * figures["nll"]
        return -figures["nll"]

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Train one epoch, validate, and set the next rate."""
        figures = {"loss": self._train(epoch), **self._validate()}
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(figures["nll"])
        else:
            self.scheduler.step()
        return {**figures, "rate": self.optimiser.param_groups[0]["lr"]}

    def _train(self, epoch: int) -> float:
        settings = self.settings
        rng = np.random.default_rng([settings.seed, epoch])
        draws = max(settings.batch, round(len(self.train) * settings.draws_per_clip))
        rows = rng.choice(self.train, size=draws // settings.batch * settings.batch, p=self.odds)
        views = rng.integers(0, self.features.n_views, size=len(rows))
        self.head.train()
        losses = []
        for first in range(0, len(rows), settings.batch):
            part = slice(first, first + settings.batch)
            loss = self._loss(rng, rows[part], views[part])
            losses.append(gradient_step(loss, self.optimiser, self.head, largest_norm=5.0, epoch=epoch))
        return float(np.mean(losses))

    def _loss(self, rng: np.random.Generator, rows: NDArray[np.int64], views: NDArray[np.int64]) -> Tensor:
        settings, head = self.settings, self.head
        frozen = self.features.gather(rows, views)
        n_classes = len(settings.labels)
        axes = self.axes[torch.from_numpy(rows)]
        known = (~torch.isnan(axes)).float()
        one_hot = nn.functional.one_hot(torch.from_numpy(self.labels[rows]), n_classes).float()
        certainty = self.certainty[torch.from_numpy(rows)][:, None]
        parts: list[Tensor] = [
            certainty * one_hot + (1.0 - certainty) / n_classes,
            known * torch.nan_to_num(axes),
            known,
        ]
        if settings.use_pooled:
            assert frozen.statistics is not None
            parts.append(head.standardise(frozen.statistics))
        if settings.use_encoder:
            assert frozen.states is not None
            mixed = head.mix(frozen.states)
            widest = round(settings.state_mask_share * mixed.shape[1])
            parts.append(hide_stretches(rng, mixed, 1, settings.state_masks, widest))
        if settings.use_spectrogram:
            bands, frames = settings.frequency_mask_bands, settings.time_mask_frames
            hidden = hide_stretches(rng, frozen.log_mel, 1, settings.frequency_masks, bands)
            parts.append(hide_stretches(rng, hidden, 2, settings.time_masks, frames))
        targets, axis_targets, known, *inputs = mixup(rng, settings.mixup_alpha, *parts)
        with autocast(allowed=settings.bf16):
            left = iter(inputs)
            embedding = head.embed(*(next(left) if used else None for used in settings.branches))
            answer = head.answer(embedding)
        loss: Tensor = nn.functional.cross_entropy(
            answer.logits.float(), targets, label_smoothing=settings.label_smoothing
        )
        # Of two blended windows those count that say something, by their shares.
        axis_logits = torch.stack([answer.energy, answer.pleasantness], dim=1).float()
        missed = nn.functional.binary_cross_entropy_with_logits(
            axis_logits, axis_targets / known.clamp_min(1e-6), reduction="none"
        )
        both: Tensor = loss + settings.axes_weight * (missed * known).mean(dim=0).sum()
        return both

    def _validate(self) -> dict[str, float]:
        """Loss and mean class recall on the validation rows."""
        if not self.validation.size:
            return {}
        logits = predict_head(HeadResult(self.head, self.settings, 0, ()), self.features, self.validation)
        guess, truth = logits.logits.argmax(axis=1), self.labels[self.validation]
        nll = nn.functional.cross_entropy(torch.from_numpy(logits.logits), torch.from_numpy(truth))
        return {"nll": float(nll), "ua": mean_recall(guess, truth), "wa": float((guess == truth).mean())}


def hide_stretches(rng: np.random.Generator, values: Tensor, axis: int, count: int, widest: int) -> Tensor:
    """Replace random stretches by each example's mean (SpecAugment, Park et al., Interspeech 2019).

    Values are ``(batch, ., .)``; stretches lie along axis 1 or 2.
    """
    batch, length = values.shape[0], values.shape[axis]
    place = np.arange(length)[None, None, :]
    width = rng.integers(0, min(widest, length) + 1, size=(batch, count, 1))
    start = (rng.random((batch, count, 1)) * (length - width + 1)).astype(np.int64)
    hidden = torch.from_numpy(((place >= start) & (place < start + width)).any(axis=1))
    hidden = hidden[:, :, None] if axis == 1 else hidden[:, None, :]
    return torch.where(hidden, values.mean(dim=(1, 2), keepdim=True), values)


def mixup(rng: np.random.Generator, alpha: float, *parts: Tensor) -> tuple[Tensor, ...]:
    """Blend each example with another of the batch (Zhang et al., ICLR 2018), all parts by the same shares.

    Parts are inputs and targets, ``(batch, ...)`` each. ``alpha`` is the Beta parameter; 0 leaves them as
    they are.
    """
    if alpha <= 0:
        return parts
    count = len(parts[0])
    other = torch.from_numpy(rng.permutation(count))
    share = torch.from_numpy(rng.beta(alpha, alpha, size=count).astype(np.float32))
    own = [share.view(-1, *([1] * (part.ndim - 1))) for part in parts]
    return tuple(weight * part + (1 - weight) * part[other] for weight, part in zip(own, parts, strict=True))

"""Owns the fit of what is trained: branches, dense layers and layer weights, on cached frozen features."""

from __future__ import annotations

import copy
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau

from core.errors import DataError, WeightsError
from models.emotion.hybrid import HeadEnsemble, HybridHead, HybridSettings
from models.emotion.labels import EMOTIONS
from models.training.board import open_board
from models.training.checkpoint import load_checkpoint, save_checkpoint
from models.training.emotion.features import Features
from models.training.emotion.targets import Targets
from models.training.metrics import mean_recall
from models.training.processor import has_fast_bf16

__all__ = [
    "CHECKPOINT_NAME",
    "HeadAnswers",
    "HeadResult",
    "HeadSettings",
    "fit_head",
    "predict_head",
]

CHECKPOINT_NAME: Final = "checkpoint.pt"
_LOG = logging.getLogger(__name__)
Rows = Sequence[int] | NDArray[np.int64]


@dataclass(frozen=True)
class HeadSettings:
    """Every knob of the fit.

    Attributes
    ----------
    epochs, batch
        How often every clip is drawn on average, times ``draws_per_clip``, and how many at a time.
    draws_per_clip
        Windows of each clip in an epoch; which of its views is chance.
    rate, rate_layers
        Learning rates of Adam (Kingma and Ba, ICLR 2015), the second of the layer weights.
    weight_decay
        Decoupled, per step, times the rate (Loshchilov and Hutter, ICLR 2019).
    patience_rate, patience_stop
        Epochs without a better validation loss until the rate is halved; until the fit stops.
    watch
        What picks the epoch that is kept: ``"ua"``, mean class recall, or ``"nll"``.
    label_smoothing, mixup_alpha, dropout, dropout_pooled
        Share of the target given to all classes alike; Beta parameter of mixup (Zhang et al., ICLR
        2018), 0 is off; shares of features dropped in the dense layers and of the pooled statistics.
    frequency_masks, frequency_mask_bands, time_masks, time_mask_frames
        SpecAugment (Park et al., Interspeech 2019) on the log-mels: count and largest width.
    state_masks, state_mask_share
        Stretches of time hidden in the encoder's states, and the largest share of time of each.
    axes_weight
        How much energy and pleasantness count together beside the emotions.
    use_pooled, use_encoder, use_spectrogram, labels
        Branches, and names of the classes in the order of the logits.
    seed, threads, bf16
        Of everything random; of torch; whether products may run in bfloat16, where the
        processor has it.
    """

    epochs: int = 20
    batch: int = 64
    draws_per_clip: float = 2.0
    rate: float = 1e-3
    rate_layers: float = 1e-2
    weight_decay: float = 1e-2
    patience_rate: int = 2
    patience_stop: int = 6
    watch: str = "ua"
    label_smoothing: float = 0.05
    mixup_alpha: float = 0.3
    dropout: float = 0.3
    dropout_pooled: float = 0.2
    axes_weight: float = 0.5
    frequency_masks: int = 2
    frequency_mask_bands: int = 8
    time_masks: int = 2
    time_mask_frames: int = 12
    state_masks: int = 2
    state_mask_share: float = 0.12
    use_pooled: bool = True
    use_encoder: bool = True
    use_spectrogram: bool = True
    labels: tuple[str, ...] = tuple(str(emotion) for emotion in EMOTIONS)
    seed: int = 0
    threads: int = 2
    bf16: bool = True

    def record(self) -> dict[str, Any]:
        """The settings as plain values, for checkpoints and cards."""
        return {**asdict(self), "labels": list(self.labels)}


@dataclass(frozen=True)
class HeadResult:
    """A fitted head.

    Attributes
    ----------
    head
        In evaluation mode, with the weights of the best epoch; or several that answer together.
    settings
        What it was fitted with.
    best_epoch
        Counted from 1.
    history
        Figures of every epoch.
    """

    head: HybridHead | HeadEnsemble
    settings: HeadSettings
    best_epoch: int
    history: tuple[dict[str, float], ...]


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
    on_epoch: Callable[[int], None] | None = None,
) -> HeadResult:
    """Train a head on cached features, watching the validation rows.

    A fit that was interrupted and resumed gives the same weights as one that was not.

    Parameters
    ----------
    features
        From `features.cache_features`.
    targets
        Of all clips, for the classes of ``settings.labels``; rows without a class are not to be among those
        trained on or watched.
    train_rows, validation_rows
        Indices of clips. Without validation rows nothing stops early, the last epoch is kept, and the
        rate falls along half a cosine (Loshchilov and Hutter, ICLR 2017).
    settings
        The recipe.
    draw_weights
        How often each of ``train_rows`` is drawn, ``(train,)``, any scale; None: classes alike, and
        clips within a class.
    run_dir
        Folder of checkpoint and TensorBoard events; None: nothing is written.
    resume
        Go on from the folder's checkpoint when there is one.
    on_epoch
        Called with the epochs done.

    Raises
    ------
    DataError
        There is nothing to train on, a single class, a label outside the classes, no encoder's
        features for a branch that wants them, or the loss left the finite numbers.
    WeightsError
        The checkpoint is damaged or belongs to other settings or data.
    """
    settings = settings or HeadSettings()
    train = np.asarray(train_rows, dtype=np.int64)
    watched = np.asarray(validation_rows, dtype=np.int64)
    _check(features, targets.labels, train, watched, settings)
    torch.set_num_threads(settings.threads)
    fit = _Fit(features, targets, train, watched, settings, _odds(targets.labels[train], draw_weights))
    checkpoint = run_dir / CHECKPOINT_NAME if run_dir is not None else None
    if checkpoint is not None and resume and checkpoint.exists():
        fit.restore(checkpoint)
    show = None
    if run_dir is not None:
        show = open_board(run_dir / "tensorboard", first_step=fit.epoch + 1)
    while fit.epoch < settings.epochs and not fit.stalled:
        seen = fit.run_epoch()
        _LOG.info("epoch %d: %s", fit.epoch, ", ".join(f"{k} {v:.4f}" for k, v in seen.items()))
        if show is not None:
            show({f"head/{name}": value for name, value in seen.items()}, fit.epoch)
        if checkpoint is not None:
            fit.save(checkpoint)
        if on_epoch is not None:
            on_epoch(fit.epoch)
    return fit.result()


@dataclass(frozen=True)
class HeadAnswers:
    """Answers of a fitted head to n clips.

    Attributes
    ----------
    logits, embedding
        float32, ``(n, classes)`` and ``(n, 128)``, or as many times 128 as heads answer together.
    axes
        float32, ``(n, 2)``: logits of lively and of pleasant.
    """

    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]
    axes: NDArray[np.float32]


def predict_head(result: HeadResult, features: Features, rows: Rows, *, batch: int = 256) -> HeadAnswers:
    """Answers of a fitted head to the plain windows.

    Parameters
    ----------
    result, features
        The head, and features of the encoder it was fitted on.
    rows
        Indices of clips.
    batch
        Windows at a time.
    """
    chosen = np.asarray(rows, dtype=np.int64)
    head = result.head.eval()
    answers = HeadAnswers(
        np.empty((len(chosen), len(result.settings.labels)), dtype=np.float32),
        np.empty((len(chosen), head.embedding_size), dtype=np.float32),
        np.empty((len(chosen), 2), dtype=np.float32),
    )
    with torch.no_grad():
        for first in range(0, len(chosen), batch):
            part = slice(first, first + batch)
            plain = np.zeros(len(chosen[part]), dtype=np.int64)
            answer = head(features.gather(chosen[part], plain))
            answers.logits[part], answers.embedding[part] = answer.logits.numpy(), answer.embedding.numpy()
            answers.axes[part] = torch.stack([answer.energy, answer.pleasantness], dim=1).numpy()
    return answers


def _check(
    features: Features,
    labels: NDArray[np.int64],
    train: NDArray[np.int64],
    watched: NDArray[np.int64],
    settings: HeadSettings,
) -> None:
    if len(labels) != len(features.paths):
        raise DataError(f"{len(labels)} labels came for {len(features.paths)} cached clips: give one a clip.")
    if not train.size:
        raise DataError("There are no clips to train the head on.")
    used = labels[np.concatenate([train, watched])]
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


def _odds(classes: NDArray[np.int64], weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
    if weights is None:
        weights = 1.0 / np.bincount(classes).astype(np.float64)[classes]
    odds: NDArray[np.float64] = np.asarray(weights, dtype=np.float64) / np.sum(weights)
    return odds


def _mask(rng: np.random.Generator, values: Tensor, axis: int, count: int, widest: int) -> Tensor:
    """Hide ``count`` random stretches along an axis of ``(batch, ., .)`` behind each example's mean."""
    batch, length = values.shape[0], values.shape[axis]
    place = np.arange(length)[None, None, :]
    width = rng.integers(0, min(widest, length) + 1, size=(batch, count, 1))
    start = (rng.random((batch, count, 1)) * (length - width + 1)).astype(np.int64)
    hidden = torch.from_numpy(((place >= start) & (place < start + width)).any(axis=1))
    hidden = hidden[:, :, None] if axis == 1 else hidden[:, None, :]
    return torch.where(hidden, values.mean(dim=(1, 2), keepdim=True), values)


def mixup(rng: np.random.Generator, alpha: float, *parts: Tensor) -> tuple[Any, ...]:
    """Blend each example with another of the batch, all parts (inputs, targets) by the same shares.

    Parameters
    ----------
    rng
        Source of partner and share.
    alpha
        Beta parameter; 0 returns the parts as they are.
    parts
        Tensors ``(batch, ...)``.
    """
    if alpha <= 0:
        return parts
    count = len(parts[0])
    other = torch.from_numpy(rng.permutation(count))
    share = torch.from_numpy(rng.beta(alpha, alpha, size=count).astype(np.float32))
    blended = []
    for part in parts:
        own = share.view(-1, *([1] * (part.ndim - 1)))
        blended.append(own * part + (1 - own) * part[other])
    return tuple(blended)


class _Fit:
    """One fit between two epochs: everything that a checkpoint has to hold."""

    def __init__(
        self,
        features: Features,
        targets: Targets,
        train: NDArray[np.int64],
        watched: NDArray[np.int64],
        settings: HeadSettings,
        odds: NDArray[np.float64],
    ) -> None:
        self.features, self.labels, self.settings = features, targets.labels, settings
        self.sure = torch.from_numpy(targets.sure)
        self.axes = torch.from_numpy(targets.axes)
        self.train, self.watched, self.odds = train, watched, odds
        shape: HybridSettings = replace(
            features.settings,
            labels=settings.labels,
            dropout=settings.dropout,
            dropout_pooled=settings.dropout_pooled,
            use_pooled=settings.use_pooled,
            use_encoder=settings.use_encoder,
            use_spectrogram=settings.use_spectrogram,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
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
            if watched.size
            else CosineAnnealingLR(self.optimiser, settings.epochs)
        )
        self.epoch = self.best_epoch = 0
        self.best_score = -np.inf
        self.best = copy.deepcopy(self.head.state_dict())
        self.history: list[dict[str, float]] = []

    @property
    def stalled(self) -> bool:
        """Whether validation has not become better for long."""
        return bool(self.watched.size) and self.epoch - self.best_epoch >= self.settings.patience_stop

    def run_epoch(self) -> dict[str, float]:
        """Train one epoch, look at the validation rows, keep the weights if they are the best."""
        started = time.monotonic()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed * 10_007 + self.epoch)
            seen = {"loss": self._train()}
        seen.update(self._watch())
        self.epoch += 1
        score = seen["ua"] - 1e-3 * seen["nll"] if self.settings.watch == "ua" and "ua" in seen else None
        if score is None:
            score = -seen["nll"] if "nll" in seen else float(self.epoch)
        if score > self.best_score:
            self.best_score, self.best_epoch = score, self.epoch
            self.best = copy.deepcopy(self.head.state_dict())
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(seen["nll"])
        else:
            self.scheduler.step()
        seen["rate"] = self.optimiser.param_groups[0]["lr"]
        seen["seconds"] = time.monotonic() - started
        self.history.append(seen)
        return seen

    def _train(self) -> float:
        settings = self.settings
        rng = np.random.default_rng([settings.seed, self.epoch])
        draws = max(settings.batch, round(len(self.train) * settings.draws_per_clip))
        rows = rng.choice(self.train, size=draws // settings.batch * settings.batch, p=self.odds)
        views = rng.integers(0, self.features.n_views, size=len(rows))
        self.head.train()
        losses = []
        for first in range(0, len(rows), settings.batch):
            part = slice(first, first + settings.batch)
            loss = self._loss(rng, rows[part], views[part])
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.head.parameters(), 5.0)
            self.optimiser.step()
            losses.append(float(loss.detach()))
            if not np.isfinite(losses[-1]):
                raise DataError(f"The loss became {losses[-1]} in epoch {self.epoch + 1}: lower the rate.")
        return float(np.mean(losses))

    def _loss(self, rng: np.random.Generator, rows: NDArray[np.int64], views: NDArray[np.int64]) -> Tensor:
        settings, head = self.settings, self.head
        frozen = self.features.gather(rows, views)
        n_classes = len(settings.labels)
        axes = self.axes[torch.from_numpy(rows)]
        known = (~torch.isnan(axes)).float()
        one_hot = nn.functional.one_hot(torch.from_numpy(self.labels[rows]), n_classes).float()
        sure = self.sure[torch.from_numpy(rows)][:, None]
        parts: list[Tensor] = [
            sure * one_hot + (1.0 - sure) / n_classes,
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
            parts.append(_mask(rng, mixed, 1, settings.state_masks, widest))
        if settings.use_spectrogram:
            masked = _mask(rng, frozen.log_mel, 1, settings.frequency_masks, settings.frequency_mask_bands)
            parts.append(_mask(rng, masked, 2, settings.time_masks, settings.time_mask_frames))
        targets, said, known, *inputs = mixup(rng, settings.mixup_alpha, *parts)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bf16 and has_fast_bf16()):
            left = iter(inputs)
            embedding = head.embed(
                next(left) if settings.use_pooled else None,
                next(left) if settings.use_encoder else None,
                next(left) if settings.use_spectrogram else None,
            )
            answer = head.answer(embedding)
        loss: Tensor = nn.functional.cross_entropy(
            answer.logits.float(), targets, label_smoothing=settings.label_smoothing
        )
        # Of two blended windows those count that say something, by their shares.
        axis_logits = torch.stack([answer.energy, answer.pleasantness], dim=1).float()
        missed = nn.functional.binary_cross_entropy_with_logits(
            axis_logits, said / known.clamp_min(1e-6), reduction="none"
        )
        both: Tensor = loss + settings.axes_weight * (missed * known).mean(dim=0).sum()
        return both

    def _watch(self) -> dict[str, float]:
        """Loss and mean class recall on the validation rows."""
        if not self.watched.size:
            return {}
        so_far = HeadResult(self.head, self.settings, self.best_epoch, ())
        logits = predict_head(so_far, self.features, self.watched).logits
        truth = self.labels[self.watched]
        nll = float(nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(truth)))
        guess = logits.argmax(axis=1)
        return {"nll": nll, "ua": mean_recall(guess, truth), "wa": float((guess == truth).mean())}

    def _identity(self) -> dict[str, Any]:
        settings = {key: value for key, value in self.settings.record().items() if key != "threads"}
        digest = hashlib.sha256()
        for part in (
            self.train,
            self.watched,
            self.odds,
            self.labels,
            self.sure.numpy(),
            self.axes.numpy(),
        ):
            digest.update(np.ascontiguousarray(part).data)
        return {
            "settings": settings,
            "pooled_layers": self.head.settings.pooled_layers,
            "features": self.features.identity,
            "rows": digest.hexdigest(),
        }

    def save(self, path: Path) -> None:
        """Write everything that going on needs."""
        state = {
            "identity": self._identity(),
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "best_score": float(self.best_score),
            "history": self.history,
            "head": self.head.state_dict(),
            "best": self.best,
            "optimiser": self.optimiser.state_dict(),
            "scheduler": self.scheduler.state_dict(),
        }
        save_checkpoint(path, state)

    def restore(self, path: Path) -> None:
        """Go back to what `save` wrote."""
        state = load_checkpoint(path)
        if state.get("identity") != self._identity():
            raise WeightsError(
                f"The checkpoint {path} was made with other settings or data: give another folder."
            )
        self.head.load_state_dict(state["head"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.best, self.best_score = state["best"], float(state["best_score"])
        self.epoch, self.best_epoch = int(state["epoch"]), int(state["best_epoch"])
        self.history = list(state["history"])

    def result(self) -> HeadResult:
        """The head with the weights that are kept."""
        head = copy.deepcopy(self.head)
        head.load_state_dict(self.best)
        return HeadResult(head.eval(), self.settings, self.best_epoch, tuple(self.history))

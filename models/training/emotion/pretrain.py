"""Owns the training of the compact encoder: on the emotions of many corpora and a teacher's view of them."""

from __future__ import annotations

import copy
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import DataError
from models.resample import SAMPLE_RATE_HZ
from models.training.board import open_board
from models.training.checkpoint import resume, save_checkpoint
from models.training.emotion.mel_encoder import (
    FRAME_HOP,
    AttentiveStatistics,
    EncoderSettings,
    make_encoder,
)
from models.training.emotion.mels import (
    MelAugment,
    MelFrames,
    Noises,
    augmented_windows,
    mixup,
    plain_windows,
)
from models.training.emotion.teacher import TARGET_SIZE, TeacherFrames
from models.training.metrics import mean_recall
from models.training.processor import has_fast_bf16

__all__ = [
    "CHECKPOINT_NAME",
    "EmotionNet",
    "PretrainSettings",
    "draw_probabilities",
    "one_cycle",
    "predict",
    "pretrain",
]

CHECKPOINT_NAME: Final = "checkpoint.pt"
_LOG = logging.getLogger(__name__)
_SCALED_ON: Final = 1_000
"""Clips that the scale of the teacher's channels is taken from."""
_FARTHEST: Final = 5.0
"""Standard deviations; a channel that is nearly always silent has outliers."""


@dataclass(frozen=True)
class PretrainSettings:
    """Every knob of one training of the encoder.

    Attributes
    ----------
    draws
        Windows seen in all.
    draws_per_epoch, batch
        An epoch is a number of balanced draws, not a pass over the clips.
    peak_rate, weight_decay
        Highest learning rate of the one-cycle schedule (Smith and Topin, 2018); of AdamW (Loshchilov
        and Hutter, ICLR 2019).
    label_smoothing
        Share of the target given to all classes alike, [0, 1).
    imitation
        How much the distance to the teacher counts beside the emotions, 0 or more.
    average_decay
        Of the moving average of the weights, per step; the average is what is kept.
    seed, threads
        Of everything random; of torch.
    encoder, augment
        Shape of the network; knobs of the augmentation.
    """

    draws: int = 160_000
    draws_per_epoch: int = 8_000
    batch: int = 32
    peak_rate: float = 1e-3
    weight_decay: float = 2e-2
    label_smoothing: float = 0.05
    imitation: float = 1.0
    average_decay: float = 0.998
    seed: int = 0
    threads: int = 2
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    augment: MelAugment = field(default_factory=MelAugment)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch."""
        return self.draws_per_epoch // self.batch


class EmotionNet(nn.Module):
    """The encoder under an attentive pooling and one linear layer, as it is trained.

    A second linear layer, on what enters the transformer, says what the teacher would.

    Parameters
    ----------
    settings
        Shape of the encoder; without layers the front-end alone is pooled, which is the plain log-mel
        network.
    n_classes
        Of the output.
    """

    def __init__(self, settings: EncoderSettings, n_classes: int) -> None:
        super().__init__()
        self.settings = settings
        self.encoder: Any = make_encoder(settings)
        if not settings.n_layers:
            self.encoder.feature_projection = nn.Identity()
            self.encoder.encoder = nn.Identity()
        width = settings.hidden_size if settings.n_layers else settings.n_features
        self.pool = AttentiveStatistics(width, max(8, width // 4))
        self.imitate = nn.Linear(width, TARGET_SIZE)
        self.out = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * width, n_classes))

    def forward(self, levelled: Tensor) -> tuple[Tensor, Tensor]:
        """Levelled log-mels ``(batch, bands, frames)`` to logits and the encoder's own frames.

        Returns
        -------
        logits
            ``(batch, classes)``.
        entering
            What enters the transformer, ``(batch, fewer frames, width)``.
        """
        entering = self.encoder.feature_extractor.frames(levelled).transpose(1, 2)
        leaving = entering
        if self.settings.n_layers:
            entering, _ = self.encoder.feature_projection(entering)
            leaving = self.encoder.encoder(entering).last_hidden_state
        return self.out(self.pool(leaving.transpose(1, 2))), entering


def draw_probabilities(classes: Sequence[int], corpora: Sequence[str]) -> NDArray[np.float64]:
    """Probability of each clip in a draw.

    Each emotion of each corpus counts with its clips to the power 0.35, so that small ones are heard
    without being worn out; within one, clips are equally likely.

    Returns
    -------
    ndarray
        float64, ``(clips,)``, sum 1.
    """
    count = Counter(zip(classes, corpora, strict=True))
    weights = np.array([count[pair] ** -0.65 for pair in zip(classes, corpora, strict=True)])
    probabilities: NDArray[np.float64] = weights / weights.sum()
    return probabilities


def predict(model: nn.Module, windows: Tensor, batch: int = 128) -> NDArray[np.float32]:
    """Answers for many windows, in evaluation mode, float32."""
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16()):
        parts = [model(windows[start : start + batch])[0].float() for start in range(0, len(windows), batch)]
    return torch.cat(parts).numpy()


def one_cycle(
    model: nn.Module, settings: PretrainSettings
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.OneCycleLR, int]:
    """AdamW, its one cycle of the rate, and the epochs that the cycle lasts."""
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=settings.peak_rate, weight_decay=settings.weight_decay
    )
    epochs = max(1, settings.draws // settings.draws_per_epoch)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=settings.peak_rate, total_steps=epochs * settings.steps_per_epoch, pct_start=0.2
    )
    return optimiser, scheduler, epochs


def pretrain(
    frames: MelFrames,
    train: Sequence[int],
    watched: Sequence[int],
    classes: NDArray[np.int64],
    corpora: Sequence[str],
    noises: Noises | None,
    teacher: TeacherFrames | None,
    run_dir: Path,
    settings: PretrainSettings,
    *,
    identity: str,
    n_classes: int,
    start: EmotionNet | None = None,
) -> EmotionNet:
    """Train, or go on with, one encoder; what is returned is the moving average of the weights.

    Parameters
    ----------
    frames
        Of all clips.
    train, watched
        Indices of the clips trained on, and of those the figures of each epoch are about.
    classes, corpora
        Of every clip.
    noises
        What may be heard beside the voice.
    teacher
        What is imitated, of all clips; None: the emotions alone are learned.
    run_dir
        Folder of checkpoint and TensorBoard events.
    settings
        The recipe.
    identity
        Says what ``train`` is; a checkpoint of another is refused.
    n_classes
        Of the output.
    start
        Network to start from, of the same shape; None: random weights.

    Raises
    ------
    DataError
        The loss left the finite numbers.
    WeightsError
        The checkpoint is damaged or belongs to other settings or data.
    """
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    model = EmotionNet(settings.encoder, n_classes)
    if start is not None:
        model.load_state_dict(start.state_dict())
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(model).requires_grad_(False)
    optimiser, scheduler, epochs = one_cycle(model, settings)
    checkpoint = run_dir / CHECKPOINT_NAME
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    marks = {"settings": {**asdict(settings), "threads": None}, "identity": identity}
    parts: dict[str, Any] = {
        "model": model,
        "average": average,
        "optimiser": optimiser,
        "scheduler": scheduler,
    }
    first_epoch = resume(checkpoint, marks, parts)
    odds = draw_probabilities([int(classes[i]) for i in train], [corpora[i] for i in train])
    windows = plain_windows(frames, list(watched)) if watched else torch.empty(0)
    view = _View(teacher, train, settings.encoder) if teacher is not None else None
    show = open_board(run_dir / "tensorboard", first_step=first_epoch)
    for epoch in range(first_epoch, epochs):
        started = time.monotonic()
        rng = np.random.default_rng([settings.seed, epoch])
        torch.manual_seed(settings.seed * 10_007 + epoch)
        drawn = rng.choice(
            np.array(train, dtype=np.int64), size=settings.steps_per_epoch * settings.batch, p=odds
        )
        model.train()
        losses = []
        for step in range(settings.steps_per_epoch):
            part = drawn[step * settings.batch : (step + 1) * settings.batch]
            inputs, place = augmented_windows(rng, frames, part.tolist(), noises, settings.augment)
            targets = nn.functional.one_hot(torch.from_numpy(classes[part]), n_classes).float()
            shown = view.of(part.tolist(), place) if view is not None else torch.empty(len(part), 0)
            batch = mixup(rng, settings.augment.mixup_alpha, inputs, targets, shown)
            losses.append(_step(model, optimiser, batch, settings))
            scheduler.step()
            taken = 1 + step + epoch * settings.steps_per_epoch
            _follow(average, model, min(settings.average_decay, taken / (taken + 10)))
            if not np.isfinite(losses[-1]).all():
                raise DataError(f"The loss became {sum(losses[-1])} in epoch {epoch}: lower the rate.")
        seen = dict(zip(("loss", "distance"), np.mean(losses, axis=0).tolist(), strict=True))
        seen |= _watch(average, windows, watched, classes, corpora)
        seen["seconds"] = time.monotonic() - started
        _LOG.info("%s epoch %d of %d: %s", run_dir.name, epoch + 1, epochs, seen)
        show({f"encoder/{name}": value for name, value in seen.items()}, epoch)
        states = {name: part.state_dict() for name, part in parts.items()}
        save_checkpoint(checkpoint, {"marks": marks, "epoch": epoch + 1, **states})
    return average.eval()


class _View:
    """The teacher's targets for windows, each channel at mean 0 and variance 1 over the training clips."""

    def __init__(self, teacher: TeacherFrames, train: Sequence[int], settings: EncoderSettings) -> None:
        self._teacher = teacher
        self._step = 2 * int(np.prod(settings.time_strides))  # log-mel frames for each of the encoder's
        self._mean, self._spread = teacher.scale(list(train)[:: max(1, len(train) // _SCALED_ON)])

    def of(self, clips: Sequence[int], place: NDArray[np.float64]) -> Tensor:
        """Targets ``(clips, frames, TARGET_SIZE)`` of windows whose log-mel frames lie at ``place``."""
        seconds = (place[:, :: self._step] + 0.5) * (FRAME_HOP / SAMPLE_RATE_HZ)
        seen = (self._teacher.at(clips, seconds) - self._mean) / self._spread
        return torch.from_numpy(np.clip(seen, -_FARTHEST, _FARTHEST))


def _step(
    model: EmotionNet,
    optimiser: torch.optim.Optimizer,
    batch: tuple[Tensor, Tensor, Tensor],
    settings: PretrainSettings,
) -> tuple[float, float]:
    """Learn from inputs, targets and what the teacher says; returns cross-entropy and distance to it."""
    inputs, targets, shown = batch
    with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16()):
        logits, entering = model(inputs)
        said = model.imitate(entering) if shown.numel() else None
    loss = nn.functional.cross_entropy(logits.float(), targets, label_smoothing=settings.label_smoothing)
    distance = torch.zeros(()) if said is None else nn.functional.mse_loss(said.float(), shown)
    apart = float(loss.detach()), float(distance.detach())
    loss = loss + settings.imitation * distance
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    optimiser.step()
    return apart


def _watch(
    average: EmotionNet,
    windows: Tensor,
    watched: Sequence[int],
    classes: NDArray[np.int64],
    corpora: Sequence[str],
) -> dict[str, float]:
    """Mean class recall on each corpus of the watched clips."""
    seen = {}
    for corpus in sorted({corpora[clip] for clip in watched}):
        rows = [row for row, clip in enumerate(watched) if corpora[clip] == corpus]
        guess = predict(average, windows[rows]).argmax(axis=1)
        seen[f"ua_{corpus}"] = mean_recall(guess, classes[[watched[row] for row in rows]])
    return seen


def _follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the average towards the model, running statistics included."""
    with torch.no_grad():
        kept = [value for value in average.state_dict().values() if value.is_floating_point()]
        new = [value for value in model.state_dict().values() if value.is_floating_point()]
        torch._foreach_lerp_(kept, new, 1.0 - decay)

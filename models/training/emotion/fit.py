"""Owns the fit of the compact emotion network: draws, epochs, checkpoints, resume."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from core.errors import DataError, WeightsError
from models.emotion.labels import EMOTIONS
from models.training.checkpoint import load_checkpoint, save_checkpoint
from models.training.data.cache import Clip, SpeechCache
from models.training.emotion.augment import (
    AugmentSettings,
    NoiseBank,
    augment_log_mel,
    centre_window,
    mixup,
    training_window,
)
from models.training.emotion.network import WINDOW_SAMPLES, EmotionCnn, peak_normalise
from models.training.emotion.splits import Split

__all__ = ["CHECKPOINT_NAME", "WEIGHTS_NAME", "FitSettings", "draw_probabilities", "fit", "predict_logits"]

CHECKPOINT_NAME: Final = "checkpoint.pt"
WEIGHTS_NAME: Final = "weights.safetensors"
_LOG = logging.getLogger(__name__)
_WATCH_EVERY: Final = 3  # of the calibration clips; enough to see the trend, cheap enough for every epoch
_NAMES: Final = tuple(str(emotion) for emotion in EMOTIONS)


@dataclass(frozen=True)
class FitSettings:
    """Every knob of the fit.

    Attributes
    ----------
    epochs, draws_per_epoch, batch
        How much is seen; an epoch is a number of balanced draws, not a pass over the clips.
    peak_rate
        Highest learning rate of the one-cycle schedule (Smith and Topin, 2018).
    weight_decay
        Of AdamW (Loshchilov and Hutter, ICLR 2019).
    label_smoothing
        Share of the target given to all classes alike, [0, 1).
    widths
        Channels of the four stages.
    seed
        Of everything random; epoch ``e`` draws from the seed pair ``(seed, e)``.
    threads
        Of torch.
    augment
        Knobs of the augmentation.
    """

    epochs: int = 24
    draws_per_epoch: int = 8_000
    batch: int = 64
    peak_rate: float = 2e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.05
    widths: tuple[int, ...] = (24, 48, 96, 192)
    seed: int = 0
    threads: int = 2
    augment: AugmentSettings = field(default_factory=AugmentSettings)

    def record(self) -> dict[str, Any]:
        """The settings as plain values, for the checkpoint and the card."""
        return {**asdict(self), "widths": list(self.widths)}


def draw_probabilities(clips: Sequence[Clip]) -> NDArray[np.float64]:
    """Probability of each clip in a balanced draw.

    Emotions are equally likely; within one, a corpus counts with the square root of its clips, so
    that small corpora are heard without being worn out; within both, clips are equally likely.

    Returns
    -------
    ndarray
        float64, ``(clips,)``, sum 1.
    """
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for clip in clips:
        counts[clip.emotion, clip.corpus] += 1
    total_of: dict[str, float] = defaultdict(float)
    for (emotion, _), count in counts.items():
        total_of[emotion] += count**0.5
    weights = np.array([counts[clip.emotion, clip.corpus] ** -0.5 / total_of[clip.emotion] for clip in clips])
    probabilities: NDArray[np.float64] = weights / weights.sum()
    return probabilities


def predict_logits(
    model: EmotionCnn, windows: Sequence[NDArray[np.float32]], batch: int = 64
) -> NDArray[np.float32]:
    """Logits of many windows, shape ``(windows, 8)``, in evaluation mode."""
    was_training = model.training
    model.eval()
    batches = [windows[start : start + batch] for start in range(0, len(windows), batch)]
    with torch.no_grad():
        outputs = [model(torch.from_numpy(np.stack(part))).numpy() for part in batches]
    model.train(was_training)
    return np.concatenate(outputs).astype(np.float32)


def _watch(
    model: EmotionCnn, windows: Sequence[NDArray[np.float32]], truth: NDArray[np.int64]
) -> dict[str, float]:
    """NLL and mean class recall on the calibration speakers."""
    logits = torch.from_numpy(predict_logits(model, windows))
    nll = float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(truth)))
    guess = logits.argmax(dim=1).numpy()
    recalls = [float((guess[truth == label] == label).mean()) for label in np.unique(truth)]
    return {"nll": nll, "ua": float(np.mean(recalls)), "wa": float((guess == truth).mean())}


def _partners(clips: Sequence[Clip]) -> dict[tuple[str, str, str], list[int]]:
    """Indices of the clips of each person and emotion within a corpus."""
    groups: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for index, clip in enumerate(clips):
        groups[clip.corpus, clip.speaker, clip.emotion].append(index)
    return groups


def _train_epoch(
    model: EmotionCnn,
    optimiser: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LRScheduler,
    cache: SpeechCache,
    clips: Sequence[Clip],
    noise: NoiseBank,
    settings: FitSettings,
    epoch: int,
) -> float:
    """One epoch of balanced draws; returns the mean loss."""
    rng = np.random.default_rng([settings.seed, epoch])
    torch.manual_seed(settings.seed * 10_007 + epoch)
    probabilities, groups = draw_probabilities(clips), _partners(clips)
    drawn = rng.choice(len(clips), size=settings.draws_per_epoch, p=probabilities)
    front_end, n_frames = model.front_end, 1 + (WINDOW_SAMPLES - 400) // 160
    model.train()
    losses = []
    n_batches = settings.draws_per_epoch // settings.batch
    for step in range(n_batches):
        waves, rates, labels = [], [], []
        for index in drawn[step * settings.batch : (step + 1) * settings.batch]:
            clip = clips[index]
            group = groups[clip.corpus, clip.speaker, clip.emotion]
            joined = rng.random() < settings.augment.join_share
            partner = clips[group[int(rng.integers(len(group)))]] if joined else None
            wave, rate = training_window(rng, cache, clip, partner, noise, settings.augment)
            waves.append(wave)
            rates.append(rate)
            labels.append(_NAMES.index(clip.emotion))
        with torch.no_grad():
            log_mel = front_end(peak_normalise(torch.from_numpy(np.stack(waves))))
            log_mel = augment_log_mel(rng, log_mel, np.array(rates), n_frames, settings.augment)
            targets: Tensor = torch.nn.functional.one_hot(torch.tensor(labels), len(_NAMES)).float()
            log_mel, targets = mixup(rng, log_mel, targets, settings.augment.mixup_alpha)
        logits = model.cnn(log_mel)
        loss = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=settings.label_smoothing)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        scheduler.step()
        losses.append(float(loss.detach()))
        if not np.isfinite(losses[-1]):
            raise DataError(f"The loss became {losses[-1]} in epoch {epoch}, step {step}: lower --peak-rate.")
        if step % 20 == 19:
            _LOG.info(
                "epoch %d step %d/%d loss %.4f", epoch, step + 1, n_batches, float(np.mean(losses[-20:]))
            )
    return float(np.mean(losses))


def fit(
    cache: SpeechCache,
    run_dir: Path,
    settings: FitSettings,
    *,
    resume: bool = False,
    stop_after: int | None = None,
) -> Path:
    """Train on the training speakers, watching the calibration speakers; test speakers are not read.

    After every epoch a checkpoint is written; a run that was interrupted and resumed gives the same
    weights as one that was not.

    Parameters
    ----------
    cache
        From `cache.load_cache`.
    run_dir
        Folder of checkpoint, weights and TensorBoard events.
    settings
        The recipe.
    resume
        Go on from the checkpoint of the folder when there is one.
    stop_after
        Stop once this many epochs are done (the schedule stays that of ``settings.epochs``).

    Returns
    -------
    Path
        The weights, a safetensors file.

    Raises
    ------
    DataError
        There is nothing to train on, or the loss left the finite numbers.
    WeightsError
        The checkpoint is damaged or belongs to other settings or other data.
    """
    clips, watched = cache.of(Split.TRAIN), cache.of(Split.CALIBRATION)
    if not clips or not watched:
        raise DataError(
            f"{len(clips)} training and {len(watched)} calibration clips: both are needed to fit."
        )
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    model = EmotionCnn(settings.widths)
    model.cnn.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a quarter faster on CPU
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=settings.peak_rate, weight_decay=settings.weight_decay
    )
    steps = settings.epochs * (settings.draws_per_epoch // settings.batch)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=settings.peak_rate, total_steps=steps)
    first_epoch, history = 0, []
    checkpoint = run_dir / CHECKPOINT_NAME
    identity = {"settings": settings.record(), "data": cache.fingerprint}
    if resume and checkpoint.exists():
        state = load_checkpoint(checkpoint)
        if state.get("identity") != identity:
            raise WeightsError(
                f"The checkpoint {checkpoint} was made with other settings or data: give another --run."
            )
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        scheduler.load_state_dict(state["scheduler"])
        torch.set_rng_state(state["torch_rng"])
        first_epoch, history = int(state["epoch"]), list(state["history"])
    noise = NoiseBank(settings.seed)
    watched = watched[::_WATCH_EVERY]
    windows = [centre_window(cache.audio(clip)) for clip in watched]
    truth = np.array([_NAMES.index(clip.emotion) for clip in watched], dtype=np.int64)
    run_dir.mkdir(parents=True, exist_ok=True)
    with SummaryWriter(str(run_dir / "tensorboard"), purge_step=first_epoch) as board:
        for epoch in range(first_epoch, min(settings.epochs, stop_after or settings.epochs)):
            started = time.monotonic()
            loss = _train_epoch(model, optimiser, scheduler, cache, clips, noise, settings, epoch)
            seen = {"loss": loss, **_watch(model, windows, truth), "seconds": time.monotonic() - started}
            history.append({"epoch": epoch + 1, **seen})
            _LOG.info("epoch %d done: %s", epoch + 1, ", ".join(f"{k} {v:.4f}" for k, v in seen.items()))
            for name, value in seen.items():
                board.add_scalar(f"emotion/{name}", value, epoch)
            board.add_scalar("emotion/rate", scheduler.get_last_lr()[0], epoch)
            save_checkpoint(
                checkpoint,
                {
                    "identity": identity,
                    "epoch": epoch + 1,
                    "model": model.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "scheduler": scheduler.state_dict(),
                    "torch_rng": torch.get_rng_state(),
                    "history": history,
                },
            )
            save_file({k: v.contiguous() for k, v in model.state_dict().items()}, run_dir / WEIGHTS_NAME)
    return run_dir / WEIGHTS_NAME

"""Owns a small Wav2Vec2 that hears the waveform itself, and its training: the compact encoder's rival."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from core.errors import DataError
from models.resample import SAMPLE_RATE_HZ, Audio
from models.training.board import open_board
from models.training.checkpoint import resume, save_checkpoint
from models.training.data.cache import Clip, SpeechCache
from models.training.data.window import voice_window
from models.training.emotion.mel_encoder import AttentiveStatistics, EncoderSettings, make_wav2vec2
from models.training.emotion.mels import MelAugment, mixup
from models.training.emotion.pretrain import CHECKPOINT_NAME, PretrainSettings, draw_probabilities, one_cycle
from models.training.processor import has_fast_bf16

__all__ = ["WaveformNet", "augmented_waveforms", "plain_waveforms", "train_waveform"]

_LOG = logging.getLogger(__name__)
_WINDOW_SAMPLES: Final = 3 * SAMPLE_RATE_HZ
_LOUDNESS_SAMPLES: Final = 800
"""Frames of 50 ms, of which the loudest says how loud a window is."""
_LEAST_PEAK: Final = 1e-3
"""Windows that are quieter are not raised to peak 1."""
_LEAST_POWER: Final = 1e-6
"""Power of the loudest frame below which a noise is not raised: silence stays silence."""


class WaveformNet(nn.Module):
    """A small Wav2Vec2 (Baevski et al., NeurIPS 2020) under the pooling and linear layer of `EmotionNet`.

    Its seven convolutions have the kernels and strides of wav2vec2-base, 64 channels each. Their frames
    are 20 ms apart, where those of the log-mel front-end are 160 ms: the convolution that tells places
    apart is eight times as long, so that it reaches as far.

    Parameters
    ----------
    settings
        Shape of the transformer; what concerns the log-mel front-end is left aside.
    n_classes
        Of the output.
    """

    def __init__(self, settings: EncoderSettings, n_classes: int) -> None:
        super().__init__()
        self.encoder = make_wav2vec2(
            settings,
            conv_dim=[64] * 7,
            conv_kernel=[10, 3, 3, 3, 3, 2, 2],
            conv_stride=[5, 2, 2, 2, 2, 2, 2],
            position_frames=56,
        )
        width = settings.hidden_size
        self.pool = AttentiveStatistics(width, max(8, width // 4))
        self.out = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * width, n_classes))

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """Waveform ``(batch, samples)`` at 16 kHz, any level, to logits and the frames they are made of.

        Returns
        -------
        logits
            ``(batch, classes)``.
        leaving
            What leaves the transformer, ``(batch, frames, width)``.
        """
        peak = waveform.abs().amax(dim=-1, keepdim=True).clamp_min(_LEAST_PEAK)
        leaving = self.encoder(waveform / peak).last_hidden_state
        return self.out(self.pool(leaving.transpose(1, 2))), leaving


def plain_waveforms(cache: SpeechCache, clips: Sequence[Clip]) -> Tensor:
    """The 3 s around the middle of each clip's voice, ``(clips, samples)``."""
    windows = [voice_window(cache.audio(clip), (clip.active_start, clip.active_stop)) for clip in clips]
    return torch.from_numpy(np.stack(windows))


def augmented_waveforms(
    rng: np.random.Generator, cache: SpeechCache, clips: Sequence[Clip], noise: Audio, knobs: MelAugment
) -> Tensor:
    """A random 3 s of each clip at peak 1, some with noise.

    The voice lies within the window where it is shorter, the window within the voice where it is longer.

    Parameters
    ----------
    rng
        Source of every choice.
    cache, clips
        The sound and whose; repeats allowed.
    noise
        What may be heard beside the voice, at least 3 s; or nothing, ``(0,)``.
    knobs
        Of which ``noise_share`` and ``noise_db`` count: the loudest 50 ms of the noise lie so far under
        the loudest 50 ms of the voice.

    Returns
    -------
    Tensor
        float32, ``(clips, 48000)``.
    """
    windows = [_augmented(rng, cache.audio(clip), clip, noise, knobs) for clip in clips]
    return torch.from_numpy(np.stack(windows))


def _augmented(rng: np.random.Generator, audio: Audio, clip: Clip, noise: Audio, knobs: MelAugment) -> Audio:
    """One window, ``(48000,)``."""
    window = np.zeros(_WINDOW_SAMPLES, dtype=np.float32)
    low, high = sorted((clip.active_start, clip.active_stop - _WINDOW_SAMPLES))
    start = int(rng.integers(low, high + 1))
    begin, end = max(0, start), min(audio.size, start + _WINDOW_SAMPLES)
    window[begin - start : end - start] = audio[begin:end]
    window /= max(float(np.abs(window).max()), _LEAST_PEAK)
    if noise.size and rng.random() < knobs.noise_share:
        first = int(rng.integers(noise.size - _WINDOW_SAMPLES + 1))
        piece = noise[first : first + _WINDOW_SAMPLES]
        power = _loudest(window) / max(_loudest(piece), _LEAST_POWER)
        window += piece * np.float32(np.sqrt(power) * 10.0 ** (-rng.uniform(*knobs.noise_db) / 20.0))
    return window


def _loudest(window: Audio) -> float:
    return float(np.square(window).reshape(-1, _LOUDNESS_SAMPLES).mean(axis=1).max())


def train_waveform(
    cache: SpeechCache,
    train: Sequence[Clip],
    classes: NDArray[np.int64],
    noise: Sequence[Audio],
    run_dir: Path,
    settings: PretrainSettings,
    *,
    n_classes: int,
) -> nn.Module:
    """Train, or go on with, one network; what is returned is the moving average of its weights.

    Draws, loss, rate and average are those of `pretrain`; the augmentation is `augmented_waveforms` and
    mixup.

    Parameters
    ----------
    cache, train
        The sound, and the clips trained on.
    classes
        Of those clips, ``(clips,)``.
    noise
        What may be heard beside the voice, float32 at 16 kHz; none of it: the voice alone.
    run_dir
        Folder of checkpoint and TensorBoard events.
    settings
        The recipe; ``imitation`` and most of ``augment`` do not apply.
    n_classes
        Of the output.

    Raises
    ------
    DataError
        The loss left the finite numbers, or the noise is shorter than a window.
    WeightsError
        The checkpoint is damaged or belongs to other settings or data.
    """
    sounds = np.concatenate(noise) if noise else np.zeros(0, dtype=np.float32)
    if 0 < sounds.size < _WINDOW_SAMPLES:
        raise DataError(f"The noise lasts {sounds.size / SAMPLE_RATE_HZ:.1f} s: give at least 3 s, or none.")
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    model = WaveformNet(settings.encoder, n_classes)
    optimiser, scheduler, epochs = one_cycle(model, settings)
    average = AveragedModel(
        model,
        avg_fn=lambda kept, new, n: (
            kept + (new - kept) * (1 - min(settings.average_decay, (n + 1) / (n + 11)))
        ),
    )
    parts: dict[str, Any] = {
        "model": model,
        "average": average,
        "optimiser": optimiser,
        "scheduler": scheduler,
    }
    said = "\n".join([cache.fingerprint, *(clip.path for clip in train)])
    identity = hashlib.sha256(said.encode()).hexdigest()
    marks = {"settings": {**asdict(settings), "threads": None}, "identity": identity}
    first_epoch = resume(run_dir / CHECKPOINT_NAME, marks, parts)
    odds = draw_probabilities(classes.tolist(), [clip.corpus for clip in train])
    show = open_board(run_dir / "tensorboard", first_step=first_epoch)
    for epoch in range(first_epoch, epochs):
        started = time.monotonic()
        rng = np.random.default_rng([settings.seed, epoch])
        torch.manual_seed(settings.seed * 10_007 + epoch)
        model.train()
        losses = []
        for drawn in rng.choice(len(train), size=(settings.steps_per_epoch, settings.batch), p=odds):
            inputs = augmented_waveforms(rng, cache, [train[i] for i in drawn], sounds, settings.augment)
            targets = nn.functional.one_hot(torch.from_numpy(classes[drawn]), n_classes).float()
            batch = mixup(rng, settings.augment.mixup_alpha, inputs, targets)
            losses.append(_step(model, optimiser, batch, settings.label_smoothing))
            scheduler.step()
            average.update_parameters(model)
        seen = {"loss": float(np.mean(losses)), "seconds": time.monotonic() - started}
        if not np.isfinite(seen["loss"]):
            raise DataError(f"The loss became {seen['loss']} in epoch {epoch}: lower the rate.")
        _LOG.info("%s epoch %d of %d: %s", run_dir.name, epoch + 1, epochs, seen)
        show({f"encoder/{name}": value for name, value in seen.items()}, epoch)
        states = {name: part.state_dict() for name, part in parts.items()}
        save_checkpoint(run_dir / CHECKPOINT_NAME, {"marks": marks, "epoch": epoch + 1, **states})
    return average.eval()


def _step(
    model: WaveformNet,
    optimiser: torch.optim.Optimizer,
    batch: tuple[Tensor, Tensor],
    label_smoothing: float,
) -> float:
    """Learn from inputs and targets; returns the cross-entropy."""
    inputs, targets = batch
    with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16()):
        logits, _ = model(inputs)
    loss = nn.functional.cross_entropy(logits.float(), targets, label_smoothing=label_smoothing)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    optimiser.step()
    return float(loss.detach())

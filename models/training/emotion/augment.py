"""Owns what happens to a clip on its way to the network: placement, noise, stretch, masks, mixup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.training.data.cache import SAMPLE_RATE_HZ, Clip, SpeechCache
from models.training.emotion.network import WINDOW_SAMPLES

__all__ = [
    "AugmentSettings",
    "NoiseBank",
    "augment_log_mel",
    "centre_window",
    "mixup",
    "place",
    "training_window",
]

Audio = NDArray[np.float32]
_BANK_SAMPLES: Final = 20 * SAMPLE_RATE_HZ
_BANK_SLOPES: Final = (0.0, 0.5, 1.0, 1.5)  # amplitude ~ frequency ** -slope / 2: white to brown


@dataclass(frozen=True)
class AugmentSettings:
    """Every knob of the augmentation, with unit and range.

    Attributes
    ----------
    stretch
        Largest relative change of tempo, [0, 0.5).
    mel_shift_bands
        Largest shift along the mel axis, bands.
    gain_db
        Largest gain after normalisation, dB.
    noise_share
        Share of windows that get a noise floor, [0, 1].
    noise_low_dbfs, noise_high_dbfs
        RMS range of the noise floor under speech of peak 1.
    join_share
        Share of draws where two clips of the same person and emotion are joined, [0, 1].
    edge_share
        Share of draws where a clip may run over the edge of the window, [0, 1].
    keep_s
        Seconds of voice that stay inside the window all the same.
    frequency_masks, frequency_mask_bands, time_masks, time_mask_frames
        SpecAugment (Park et al., Interspeech 2019): count and largest width.
    mixup_alpha
        Beta parameter of mixup (Zhang et al., ICLR 2018); 0 switches it off.
    """

    stretch: float = 0.15
    mel_shift_bands: int = 3
    gain_db: float = 6.0
    noise_share: float = 0.7
    noise_low_dbfs: float = -75.0
    noise_high_dbfs: float = -28.0
    join_share: float = 0.15
    edge_share: float = 0.35
    keep_s: float = 1.2
    frequency_masks: int = 2
    frequency_mask_bands: int = 8
    time_masks: int = 2
    time_mask_frames: int = 40
    mixup_alpha: float = 0.3


class NoiseBank:
    """Twenty seconds each of white to brown noise of RMS 1, cut at random."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 77])
        frequency = np.maximum(np.fft.rfftfreq(_BANK_SAMPLES, 1 / SAMPLE_RATE_HZ), 40.0)
        noises = []
        for slope in _BANK_SLOPES:
            spectrum = np.fft.rfft(rng.standard_normal(_BANK_SAMPLES)) * frequency ** (-slope / 2)
            noise = np.fft.irfft(spectrum, _BANK_SAMPLES)
            noises.append((noise / np.sqrt(np.square(noise).mean())).astype(np.float32))
        self._noises: tuple[Audio, ...] = tuple(noises)

    def cut(self, rng: np.random.Generator, n_samples: int) -> Audio:
        """A random piece of a random colour, shape ``(n_samples,)``, RMS about 1."""
        noise = self._noises[int(rng.integers(len(self._noises)))]
        start = int(rng.integers(noise.size - n_samples + 1))
        return noise[start : start + n_samples]


def centre_window(audio: Audio, n_samples: int = WINDOW_SAMPLES) -> Audio:
    """The middle ``n_samples`` of a clip, or the clip in the middle of digital silence."""
    window = np.zeros(n_samples, dtype=np.float32)
    spare = n_samples - audio.size
    if spare >= 0:
        window[spare // 2 : spare // 2 + audio.size] = audio
    else:
        window[:] = audio[-spare // 2 : -spare // 2 + n_samples]
    return window


def place(
    rng: np.random.Generator,
    audio: Audio,
    active: tuple[int, int],
    n_samples: int,
    *,
    over_edge: bool,
    keep: int,
) -> Audio:
    """Put a clip somewhere into a window, as a live listener would meet it.

    Parameters
    ----------
    rng
        Source of the position.
    audio
        float32, ``(samples,)``.
    active
        First and last sample of the voice within the clip.
    n_samples
        Length of the window.
    over_edge
        Whether the voice may begin before or end after the window.
    keep
        Samples of voice that stay inside the window; less when the clip has less.

    Returns
    -------
    ndarray
        float32, ``(n_samples,)``; zeros where there is no clip.
    """
    first, last = active
    keep = min(keep, last - first, n_samples)
    # The window starts at clip sample `start`, which is negative when the clip begins inside it.
    if over_edge:
        low, high = first + keep - n_samples, last - keep
    elif last - first >= n_samples:
        low, high = first, last - n_samples
    else:
        low, high = last - n_samples, first
    start = int(rng.integers(low, high + 1))
    window = np.zeros(n_samples, dtype=np.float32)
    begin, end = max(0, start), min(audio.size, start + n_samples)
    if end > begin:
        window[begin - start : end - start] = audio[begin:end]
    return window


def _peak_one(audio: Audio) -> Audio:
    return audio / max(float(np.abs(audio).max()), 1e-6)


def training_window(
    rng: np.random.Generator,
    cache: SpeechCache,
    clip: Clip,
    partner: Clip | None,
    noise: NoiseBank,
    settings: AugmentSettings,
) -> tuple[Audio, float]:
    """One augmented waveform and the tempo it is to be heard at.

    The result is longer than 3 s by the largest stretch; only the first ``rate * 3 s`` are filled
    and looked at, so that after stretching exactly 3 s remain.

    Parameters
    ----------
    rng
        Source of every choice.
    cache, clip
        The clip and where its samples are.
    partner
        A second clip of the same person and emotion to join, or None.
    noise, settings
        Noise floor and knobs.

    Returns
    -------
    waveform : ndarray
        float32, ``((1 + stretch) * 48000,)``, rounded up.
    rate : float
        In ``1 +- stretch``.
    """
    rate = 1.0 + float(rng.uniform(-settings.stretch, settings.stretch))
    filled = int(WINDOW_SAMPLES * rate)
    audio, active = _peak_one(cache.audio(clip)), (clip.active_start, clip.active_stop)
    if partner is not None:
        pause = np.zeros(int(rng.uniform(0.1, 0.7) * SAMPLE_RATE_HZ), dtype=np.float32)
        first = audio[: clip.active_stop]
        second = _peak_one(cache.audio(partner))[partner.active_start :]
        audio = np.concatenate([first, pause, second])
        active = (clip.active_start, first.size + pause.size + partner.active_stop - partner.active_start)
    over_edge = bool(rng.random() < settings.edge_share) or partner is not None
    keep = int(settings.keep_s * SAMPLE_RATE_HZ * rate)
    window = np.zeros(int(np.ceil(WINDOW_SAMPLES * (1.0 + settings.stretch))), dtype=np.float32)
    window[:filled] = place(rng, audio, active, filled, over_edge=over_edge, keep=keep)
    if rng.random() < settings.noise_share:
        level_dbfs = rng.uniform(settings.noise_low_dbfs, settings.noise_high_dbfs)
        window[:filled] += np.float32(10 ** (level_dbfs / 20)) * noise.cut(rng, filled)
    return window, rate


def augment_log_mel(
    rng: np.random.Generator,
    log_mel: Tensor,
    rate: NDArray[np.float64],
    n_frames: int,
    settings: AugmentSettings,
) -> Tensor:
    """Stretch in time, shift along the mel axis, change the gain, mask.

    Parameters
    ----------
    rng
        Source of every choice.
    log_mel
        Natural-log powers, ``(batch, bands, frames)``, of waveforms longer than the window.
    rate
        Tempo of each, ``(batch,)``.
    n_frames
        Frames of the result: those of a 3 s window.
    settings
        The knobs.

    Returns
    -------
    Tensor
        ``(batch, bands, n_frames)``.
    """
    batch, bands, frames = log_mel.shape
    shift = rng.integers(-settings.mel_shift_bands, settings.mel_shift_bands + 1, size=batch)
    band = (np.arange(bands)[None, :] + shift[:, None]) * (2.0 / (bands - 1)) - 1.0
    time = np.arange(n_frames)[None, :] * rate[:, None] * (2.0 / (frames - 1)) - 1.0
    grid = np.empty((batch, bands, n_frames, 2), dtype=np.float32)
    grid[..., 0] = time[:, None, :]
    grid[..., 1] = band[:, :, None]
    warped = torch.nn.functional.grid_sample(
        log_mel[:, None], torch.from_numpy(grid), padding_mode="border", align_corners=True
    )[:, 0]
    gain = rng.uniform(-settings.gain_db, settings.gain_db, size=(batch, 1, 1)) * (np.log(10) / 10)
    warped = warped + torch.from_numpy(gain.astype(np.float32))
    fill = warped.mean(dim=(1, 2))
    for index in range(batch):
        for _ in range(settings.frequency_masks):
            width = int(rng.integers(settings.frequency_mask_bands + 1))
            start = int(rng.integers(bands - width + 1))
            warped[index, start : start + width] = fill[index]
        for _ in range(settings.time_masks):
            width = int(rng.integers(settings.time_mask_frames + 1))
            start = int(rng.integers(n_frames - width + 1))
            warped[index, :, start : start + width] = fill[index]
    return warped


def mixup(rng: np.random.Generator, inputs: Tensor, targets: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Blend each example with another of the batch (Zhang et al., ICLR 2018).

    Parameters
    ----------
    rng
        Source of partner and share.
    inputs, targets
        ``(batch, ...)`` and soft labels ``(batch, 8)``.
    alpha
        Beta parameter; 0 returns the inputs as they are.

    Returns
    -------
    tuple of Tensor
        Blended inputs and targets of the same shapes.
    """
    if alpha <= 0:
        return inputs, targets
    other = torch.from_numpy(rng.permutation(len(inputs)))
    share = torch.from_numpy(rng.beta(alpha, alpha, size=len(inputs)).astype(np.float32))
    share_x = share.view(-1, *([1] * (inputs.ndim - 1)))
    blended = share_x * inputs + (1 - share_x) * inputs[other]
    return blended, share[:, None] * targets + (1 - share[:, None]) * targets[other]

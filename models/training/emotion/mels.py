"""Owns the log-mel frames of a set of clips, and the augmented windows that trainings draw from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.emotion.hybrid import LogMel
from models.training.emotion.mel_encoder import FRAME_HOP, FRONT_END, N_FRAMES, N_MELS, level, make_log_mel

__all__ = [
    "MelAugment",
    "MelFrames",
    "Noises",
    "augmented_windows",
    "front_end_identity",
    "mel_frames",
    "mixup",
    "plain_windows",
]

_EMPTY: Final = float(np.log(1e-9))
"""Natural-log power where there is no sound."""
_LN10: Final = float(np.log(10.0))
_REVERB_FRAMES: Final = 25
_LEAST_PEAK: Final = 1e-3
"""Clips that are quieter are not raised to peak 1."""
_LEAD_SAMPLES: Final = 240
"""Silence before a clip: its first frame is centred on its first 20 ms."""
_SPARE_SAMPLES: Final = 1200
"""Silence around a clip, at least."""


@dataclass(frozen=True)
class MelFrames:
    """Natural-log mel powers of clips scaled to peak 1, one after the other.

    Attributes
    ----------
    frames
        float16, ``(frames, bands)``, 20 ms apart.
    start, length
        First frame and number of frames of each clip, int64 ``(clips,)``.
    active
        First and last frame of the voice within each clip, int64 ``(clips, 2)``.
    """

    frames: NDArray[np.float16]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    active: NDArray[np.int64]


@dataclass(frozen=True)
class MelAugment:
    """Every knob of the augmentation, with unit and range.

    Attributes
    ----------
    stretch
        Largest relative change of tempo, [0, 0.5).
    mel_shift_bands
        Largest shift along the mel axis, bands: longer and shorter vocal tracts, other pitches.
    equaliser_share, equaliser_db
        Share of windows heard through another microphone, and the spread of its smooth response, dB.
    reverb_share, reverb_s
        Share of windows in a room, and its range of reverberation times, seconds.
    noise_share, noise_db
        Share of windows with noise, and the range of its level under the loudest frame, dB.
    telephone_share
        Share of windows cut to 300 to 3 400 Hz.
    floor_db
        Range of the level under the loudest frame below which nothing is told apart, dB.
    edge_share, keep_frames
        Share of windows where the voice may run over the edge, and how much stays inside, frames.
    frequency_masks, frequency_mask_bands, time_masks, time_mask_frames
        SpecAugment (Park et al., Interspeech 2019): count and largest width.
    mixup_alpha
        Beta parameter of mixup (Zhang et al., ICLR 2018); 0 switches it off.
    """

    stretch: float = 0.15
    mel_shift_bands: float = 2.5
    equaliser_share: float = 0.3
    equaliser_db: float = 3.0
    reverb_share: float = 0.2
    reverb_s: tuple[float, float] = (0.2, 0.8)
    noise_share: float = 0.3
    noise_db: tuple[float, float] = (8.0, 45.0)
    telephone_share: float = 0.05
    floor_db: tuple[float, float] = (45.0, 75.0)
    edge_share: float = 0.2
    keep_frames: int = 65
    frequency_masks: int = 1
    frequency_mask_bands: int = 8
    time_masks: int = 1
    time_mask_frames: int = 12
    mixup_alpha: float = 0.1


@dataclass(frozen=True)
class Noises:
    """Recorded sounds without speech, as log-mel frames to lay under a voice."""

    frames: NDArray[np.float16]

    def cut(self, rng: np.random.Generator, count: int, n_frames: int) -> Tensor:
        """Random pieces, natural-log powers ``(count, bands, n_frames)``, loudest frame at 0 dB."""
        starts = rng.integers(0, len(self.frames) - n_frames + 1, size=count)
        pieces = np.stack([self.frames[start : start + n_frames] for start in starts])
        return level(torch.from_numpy(pieces.astype(np.float32)).transpose(1, 2), floor_db=90.0)


def mel_frames(
    audios: Sequence[NDArray[np.float32]], active: Sequence[tuple[int, int]] | None = None
) -> MelFrames:
    """Log-mel frames of clips of any length.

    Parameters
    ----------
    audios
        float32 at 16 kHz, each ``(samples,)``; ones shorter than a frame are padded.
    active
        First and last sample of the voice in each; None: all of it.
    """
    front: LogMel = make_log_mel()
    pieces, length = [], []
    for audio in audios:
        loudest = max(float(np.abs(audio).max(initial=0.0)), _LEAST_PEAK)
        count = 1 + max(0, audio.size - FRAME_HOP) // FRAME_HOP
        # Few different lengths: a convolution is prepared anew for each.
        padded = np.zeros(-(-(audio.size + _SPARE_SAMPLES) // 16_000) * 16_000, dtype=np.float32)
        padded[_LEAD_SAMPLES : _LEAD_SAMPLES + audio.size] = audio / loudest
        with torch.no_grad():
            frames = front(torch.from_numpy(padded)[None])[0].T.numpy()[:count]
        pieces.append(frames.astype(np.float16))
        length.append(len(frames))
    lengths = np.array(length, dtype=np.int64)
    bounds = (
        np.stack([np.zeros_like(lengths), lengths], axis=1)
        if active is None
        else np.minimum(np.array(active, dtype=np.int64) // FRAME_HOP, lengths[:, None])
    )
    return MelFrames(
        frames=np.concatenate(pieces), start=np.cumsum(lengths) - lengths, length=lengths, active=bounds
    )


def front_end_identity() -> str:
    """Name of the front-end behind `mel_frames`, 12 hexadecimal digits: frames that are kept carry it.

    It changes with every constant that the frames depend on beside the sound itself.
    """
    constants = [FRONT_END, _LEAST_PEAK, _LEAD_SAMPLES]
    return hashlib.sha256(json.dumps(constants, sort_keys=True).encode()).hexdigest()[:12]


def _cut(store: MelFrames, clip: int, first: int, n_frames: int, out: NDArray[np.float32]) -> None:
    """Frames ``first`` to ``first + n_frames`` of a clip into ``out`` ``(n_frames, bands)``."""
    start, length = int(store.start[clip]), int(store.length[clip])
    low, high = max(0, first), min(length, first + n_frames)
    if high > low:
        out[low - first : high - first] = store.frames[start + low : start + high]


def plain_windows(store: MelFrames, clips: Sequence[int], offsets: Sequence[int] | None = None) -> Tensor:
    """The middle 3 s of each clip, levelled as the served network does it, ``(clips, bands, frames)``.

    Parameters
    ----------
    store
        The frames.
    clips
        Indices of the clips.
    offsets
        Frames by which each window is moved off the middle of the voice; None: none.
    """
    out = np.full((len(clips), N_FRAMES, N_MELS), _EMPTY, dtype=np.float32)
    for row, clip in enumerate(clips):
        middle = int(store.active[clip].sum()) // 2 + (0 if offsets is None else offsets[row])
        _cut(store, clip, middle - N_FRAMES // 2, N_FRAMES, out[row])
    return level(torch.from_numpy(out).transpose(1, 2))


def augmented_windows(
    rng: np.random.Generator,
    store: MelFrames,
    clips: Sequence[int],
    noises: Noises | None,
    knobs: MelAugment,
) -> tuple[Tensor, NDArray[np.float64]]:
    """One augmented window of each clip, levelled as the served network does it.

    Parameters
    ----------
    rng
        Source of every choice.
    store, clips
        The frames and the indices of the clips, repeats allowed.
    noises
        What may be heard beside the voice.
    knobs
        How much of everything.

    Returns
    -------
    windows
        ``(clips, bands, frames)``.
    place
        Where each frame of a window lies in its clip, in frames of the clip, ``(clips, frames)``; it
        may lie outside.
    """
    count = len(clips)
    wide = int(np.ceil(N_FRAMES * (1.0 + knobs.stretch))) + 1
    raw = np.full((count, wide, N_MELS), _EMPTY, dtype=np.float32)
    rate = 1.0 + rng.uniform(-knobs.stretch, knobs.stretch, size=count)
    begin = np.empty(count, dtype=np.int64)
    for row, clip in enumerate(clips):
        filled = int(N_FRAMES * rate[row])
        first, last = (int(edge) for edge in store.active[clip])
        keep = min(knobs.keep_frames, last - first, filled)
        if rng.random() < knobs.edge_share:
            low, high = first + keep - filled, last - keep
        elif last - first >= filled:
            low, high = first, last - filled
        else:
            low, high = last - filled, first
        begin[row] = rng.integers(low, max(low, high) + 1)
        _cut(store, clip, int(begin[row]), wide, raw[row])
    logs = _warp(rng, torch.from_numpy(raw).transpose(1, 2), rate, knobs)
    logs = logs + _equaliser(rng, count, knobs)
    power = torch.exp(level(logs, floor_db=90.0))
    power = _reverberate(rng, power, knobs)
    if noises is not None:
        under_db = rng.uniform(*knobs.noise_db, size=count)
        under_db[rng.random(count) >= knobs.noise_share] = np.inf
        share = torch.from_numpy(10.0 ** (-under_db / 10.0)).float()[:, None, None]
        power = power + share * torch.exp(noises.cut(rng, count, N_FRAMES))
    logs = torch.log(power.clamp_min(1e-12))
    telephone = torch.from_numpy(rng.random(count) < knobs.telephone_share)
    if bool(telephone.any()):
        logs[telephone, :5] = _EMPTY
        logs[telephone, 44:] = _EMPTY
    floor = torch.from_numpy(rng.uniform(*knobs.floor_db, size=count)).float()[:, None, None]
    place = begin[:, None] + np.arange(N_FRAMES)[None, :] * rate[:, None]
    return _mask(rng, level(logs, floor_db=floor), knobs), place


def _warp(rng: np.random.Generator, logs: Tensor, rate: NDArray[np.float64], knobs: MelAugment) -> Tensor:
    """Stretch in time and shift along the mel axis, to ``(batch, bands, N_FRAMES)``."""
    count, bands, frames = logs.shape
    shift = rng.uniform(-knobs.mel_shift_bands, knobs.mel_shift_bands, size=count)
    band = (np.arange(bands)[None, :] + shift[:, None]) * (2.0 / (bands - 1)) - 1.0
    time = np.arange(N_FRAMES)[None, :] * rate[:, None] * (2.0 / (frames - 1)) - 1.0
    grid = np.empty((count, bands, N_FRAMES, 2), dtype=np.float32)
    grid[..., 0] = time[:, None, :]
    grid[..., 1] = band[:, :, None]
    return torch.nn.functional.grid_sample(
        logs[:, None], torch.from_numpy(grid), padding_mode="border", align_corners=True
    )[:, 0]


def _equaliser(rng: np.random.Generator, count: int, knobs: MelAugment) -> Tensor:
    """Smooth random responses, natural log of power, ``(count, bands, 1)``."""
    place = np.arange(N_MELS)[None, :] / N_MELS
    curve = np.zeros((count, N_MELS))
    for waves in (0.5, 1.0, 1.5, 2.5):
        size, phase = rng.normal(0.0, knobs.equaliser_db, size=(2, count, 1))
        curve += size * np.cos(2 * np.pi * waves * place + phase) / np.sqrt(2 * waves)
    curve[rng.random(count) >= knobs.equaliser_share] = 0.0
    return torch.from_numpy((curve * _LN10 / 10.0).astype(np.float32))[:, :, None]


def _reverberate(rng: np.random.Generator, power: Tensor, knobs: MelAugment) -> Tensor:
    """Smear power over time as a room's exponential decay does."""
    chosen = np.flatnonzero(rng.random(len(power)) < knobs.reverb_share)
    if not chosen.size:
        return power
    seconds = rng.uniform(*knobs.reverb_s, size=(chosen.size, 1))
    direct_db = rng.uniform(-3.0, 12.0, size=(chosen.size, 1))
    decay = 10.0 ** (-6.0 * np.arange(_REVERB_FRAMES)[None, ::-1] * 0.02 / seconds)
    tail = decay / decay.sum(axis=1, keepdims=True) * 10.0 ** (-direct_db / 10.0)
    tail[:, -1] += 1.0
    kernel = torch.from_numpy(tail.astype(np.float32))[:, None, :]
    dry = power[chosen].transpose(0, 1)  # (bands, chosen, frames)
    wet = torch.nn.functional.conv1d(
        torch.nn.functional.pad(dry, (_REVERB_FRAMES - 1, 0)), kernel, groups=chosen.size
    )
    power = power.clone()
    power[chosen] = wet.transpose(0, 1)
    return power


def _mask(rng: np.random.Generator, logs: Tensor, knobs: MelAugment) -> Tensor:
    """SpecAugment, in place, filled with each window's mean."""
    fill = logs.mean(dim=(1, 2))
    for row in range(len(logs)):
        for _ in range(knobs.frequency_masks):
            width = int(rng.integers(knobs.frequency_mask_bands + 1))
            start = int(rng.integers(N_MELS - width + 1))
            logs[row, start : start + width] = fill[row]
        for _ in range(knobs.time_masks):
            width = int(rng.integers(knobs.time_mask_frames + 1))
            start = int(rng.integers(N_FRAMES - width + 1))
            logs[row, :, start : start + width] = fill[row]
    return logs


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

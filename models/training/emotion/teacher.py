"""Owns what the compact encoder imitates: the middle of YAMNet, frame by frame over every clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.training.yamnet.network import (
    HOP_SAMPLES,
    LEAST_PEAK,
    PEAK,
    WINDOW_SAMPLES,
    YamnetLayers,
    YamnetLogMel,
    window_samples,
)

__all__ = ["TARGET_SIZE", "TEACHER_LAYERS", "TeacherFrames", "teacher_frames"]

TEACHER_LAYERS: Final = 7
"""Of YAMNet's fourteen: deeper ones know more of the world's sounds and less of a voice's tone."""
TARGET_SIZE: Final = 4 * 512
"""Bands times channels of a frame."""
_SAMPLE_RATE_HZ: Final = 16_000
_FRAME_S: Final = 0.16
_REACH: Final = 16
"""Log-mel frames under one frame of the teacher."""
_LEAD: Final = 64 * HOP_SAMPLES
"""Silence before and after each clip, samples: what lies outside a clip is silence."""
_EDGES: Final = (1, 2)
"""Frames at the start and the end that see the padding, which is no silence: they are left out."""
_FIRST_S: Final = (
    ((1 + _EDGES[0]) * _REACH - 1) * HOP_SAMPLES + WINDOW_SAMPLES / 2 - _LEAD
) / _SAMPLE_RATE_HZ
"""Middle of the first frame kept: TensorFlow pads even lengths after their end, so a stride looks ahead."""


@dataclass(frozen=True)
class TeacherFrames:
    """The teacher's view of clips, one after the other.

    Attributes
    ----------
    frames
        float16, ``(frames, TARGET_SIZE)``, 160 ms apart.
    start, length
        First frame and number of frames of each clip, int64 ``(clips,)``.
    """

    frames: NDArray[np.float16]
    start: NDArray[np.int64]
    length: NDArray[np.int64]

    def scale(self, clips: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and standard deviation of each channel over clips, ``(TARGET_SIZE,)``."""
        count, total, squares = 0, np.zeros(TARGET_SIZE), np.zeros(TARGET_SIZE)
        for clip in clips:
            part = self.frames[self.start[clip] : self.start[clip] + self.length[clip]].astype(np.float64)
            count += len(part)
            total += part.sum(axis=0)
            squares += np.square(part).sum(axis=0)
        mean = total / count
        spread = np.sqrt(np.maximum(squares / count - mean**2, 0.0)) + 1e-2
        return mean.astype(np.float32), spread.astype(np.float32)

    def at(self, clips: Sequence[int], seconds: NDArray[np.float64]) -> NDArray[np.float32]:
        """The teacher at moments of clips, between frames by linear interpolation.

        Parameters
        ----------
        clips
            Indices, ``n`` of them.
        seconds
            From the start of each clip, ``(n, moments)``; outside it is silence.

        Returns
        -------
        ndarray
            float32, ``(n, moments, TARGET_SIZE)``.
        """
        of_clip = np.asarray(clips, dtype=np.int64)
        last = (self.length[of_clip] - 1)[:, None]
        position = np.clip((seconds - _FIRST_S) / _FRAME_S, 0.0, last)
        before = np.minimum(position.astype(np.int64), last - 1)
        share = (position - before)[:, :, None].astype(np.float32)
        rows = self.start[of_clip][:, None] + before
        return (1.0 - share) * self.frames[rows] + share * self.frames[rows + 1]


def teacher_frames(audios: Sequence[NDArray[np.float32]], layers: YamnetLayers) -> TeacherFrames:
    """What the last of YAMNet's first layers says over clips of any length.

    YAMNet is the MobileNetV1 (Howard et al., 2017) that Google trained on AudioSet (Gemmeke et al.,
    ICASSP 2017). Its middle tells voices apart better than its end (Shor et al., "Towards Learning a
    Universal Non-Semantic Representation of Speech", Interspeech 2020).

    Parameters
    ----------
    audios
        float32 at 16 kHz, each ``(samples,)``; each is scaled to peak 0.5.
    layers
        `TEACHER_LAYERS` of them.
    """
    log_mel, pieces = YamnetLogMel(), []
    for audio in audios:
        with torch.inference_mode():
            pieces.append(_frames(audio, log_mel, layers).numpy().astype(np.float16))
    lengths = np.array([len(piece) for piece in pieces], dtype=np.int64)
    return TeacherFrames(np.concatenate(pieces), np.cumsum(lengths) - lengths, lengths)


def _frames(audio: NDArray[np.float32], log_mel: YamnetLogMel, layers: YamnetLayers) -> Tensor:
    """One clip's frames, ``(frames, TARGET_SIZE)``."""
    mel_frames = -(-(audio.size + 2 * _LEAD) // (_REACH * HOP_SAMPLES)) * _REACH
    sound = np.zeros(window_samples(mel_frames), dtype=np.float32)
    loudest = max(float(np.abs(audio).max(initial=0.0)), LEAST_PEAK)
    sound[_LEAD : _LEAD + audio.size] = audio * (PEAK / loudest)
    features: Tensor = layers(log_mel(torch.from_numpy(sound)[None]))
    return features[0].permute(1, 2, 0).flatten(1)[_EDGES[0] : -_EDGES[1]]

"""Owns what the compact encoder imitates: the middle of YAMNet, frame by frame over every clip."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import WeightsError

__all__ = ["TARGET_SIZE", "TeacherFrames", "read_teacher", "teacher_frames"]

_LAYERS: Final = 7
"""Of YAMNet's fourteen: deeper ones know more of the world's sounds and less of a voice's tone."""
_STRIDES: Final = (2, 1, 2, 1, 2, 1, 2)
TARGET_SIZE: Final = 4 * 512
"""Bands times channels of a frame."""
_SAMPLE_RATE_HZ: Final = 16_000
_WINDOW, _HOP, _N_FFT = 400, 160, 512
_MEL_OFFSET: Final = 1e-3
_FRAME_S: Final = 0.16
_REACH: Final = 16
"""Log-mel frames under one frame of the teacher."""
_LEAD: Final = 64 * _HOP
"""Silence before and after each clip, samples: what lies outside a clip is silence."""
_EDGES: Final = (1, 2)
"""Frames at the start and the end that see the padding, which is no silence: they are left out."""
_FIRST_S: Final = (((1 + _EDGES[0]) * _REACH - 1) * _HOP + _WINDOW / 2 - _LEAD) / _SAMPLE_RATE_HZ
"""Middle of the first frame kept: TensorFlow pads even lengths after their end, so a stride looks ahead."""
_PEAK: Final = 0.5


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


def read_teacher(path: Path) -> dict[str, Tensor]:
    """YAMNet's weights, batch norm folded, and its mel filters, from one npz file.

    Parameters
    ----------
    path
        Holds ``conv1``, ``dw2`` to ``dw7`` and ``pw2`` to ``pw7``, each ``.weight`` and ``.bias``,
        ``mel_matrix`` ``(257, 64)`` and ``hann_window`` ``(400,)``.

    Raises
    ------
    WeightsError
        The file is missing, damaged, or lacks one of them.
    """
    layers = ["conv1", *(f"{kind}{n}" for n in range(2, _LAYERS + 1) for kind in ("dw", "pw"))]
    names = [
        "mel_matrix",
        "hann_window",
        *(f"{layer}.{part}" for layer in layers for part in ("weight", "bias")),
    ]
    try:
        with np.load(path) as kept:
            return {name: torch.from_numpy(kept[name].astype(np.float32)) for name in names}
    except KeyError as error:
        raise WeightsError(f"The file {path} is not YAMNet's: {error.args[0]}; give its npz.") from error
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"YAMNet's weights {path} cannot be read: give the npz that holds them."
        ) from error


def teacher_frames(audios: Sequence[NDArray[np.float32]], weights: Mapping[str, Tensor]) -> TeacherFrames:
    """The outputs of YAMNet's seventh layer over clips of any length.

    YAMNet is the MobileNetV1 (Howard et al., 2017) that Google trained on AudioSet (Gemmeke et al.,
    ICASSP 2017). Its middle tells voices apart better than its end (Shor et al., "Towards Learning a
    Universal Non-Semantic Representation of Speech", Interspeech 2020).

    Parameters
    ----------
    audios
        float32 at 16 kHz, each ``(samples,)``; each is scaled to peak 0.5.
    weights
        From `read_teacher`.
    """
    pieces = []
    for audio in audios:
        with torch.inference_mode():
            pieces.append(_frames(audio, weights).numpy().astype(np.float16))
    lengths = np.array([len(piece) for piece in pieces], dtype=np.int64)
    return TeacherFrames(np.concatenate(pieces), np.cumsum(lengths) - lengths, lengths)


def _frames(audio: NDArray[np.float32], weights: Mapping[str, Tensor]) -> Tensor:
    """One clip's frames, ``(frames, TARGET_SIZE)``."""
    mel_frames = -(-(audio.size + 2 * _LEAD) // (_REACH * _HOP)) * _REACH
    sound = np.zeros((mel_frames - 1) * _HOP + _WINDOW, dtype=np.float32)
    loudest = max(float(np.abs(audio).max(initial=0.0)), 1e-3)
    sound[_LEAD : _LEAD + audio.size] = audio * (_PEAK / loudest)
    cuts = torch.from_numpy(sound).unfold(0, _WINDOW, _HOP) * weights["hann_window"]
    mel = torch.fft.rfft(cuts, n=_N_FFT).abs() @ weights["mel_matrix"]
    features = torch.log(mel + _MEL_OFFSET)[None, None]
    for layer, stride in enumerate(_STRIDES, start=1):
        if layer == 1:
            features = _convolve(features, weights, "conv1", stride)
        else:
            features = _convolve(features, weights, f"dw{layer}", stride)
            features = _convolve(features, weights, f"pw{layer}", 1)
    return features[0].permute(1, 2, 0).flatten(1)[_EDGES[0] : -_EDGES[1]]


def _convolve(features: Tensor, weights: Mapping[str, Tensor], name: str, stride: int) -> Tensor:
    """One convolution with its ReLU, padded as TensorFlow's SAME pads even lengths."""
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    if weight.shape[-1] == 3:
        before = 1 if stride == 1 else 0
        features = torch.nn.functional.pad(features, (before, 1, before, 1))
    groups = features.shape[1] // weight.shape[1]
    return torch.relu(torch.nn.functional.conv2d(features, weight, bias, stride=stride, groups=groups))

"""Owns mood in eager torch, as the benchmark times it: log-mel, YAMNet and head without a runtime."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.mood.tags import TAGS
from models.training.yamnet.network import (
    EMBEDDING_SIZE,
    HOP_SAMPLES,
    PATCH_FRAMES,
    WINDOW_SAMPLES,
    Yamnet,
    yamnet_mel_matrix,
)

__all__ = ["eager_log_mel", "eager_mood", "read_at_16_khz"]

_N_FFT: Final = 512
_BATCH: Final = 16
"""As fast as any: 8, 32 and 64 take as long or longer."""
_RATE_HZ: Final = 16_000


def read_at_16_khz(path: Path) -> NDArray[np.float32]:
    """A whole file as it is usually read: decoded at once, mixed down, resampled by soxr.

    Returns
    -------
    ndarray
        float32, ``(samples,)``, 16 000 Hz.
    """
    sound, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    mono = torch.from_numpy(sound).mean(dim=1).numpy()
    resampled: NDArray[np.float32] = soxr.resample(mono, rate_hz, _RATE_HZ)
    return resampled


def eager_log_mel(waveform: Tensor) -> Tensor:
    """YAMNet's log-mels of a whole sound by `torch.stft`: ``(samples,)`` to ``(frames, 64)``."""
    aside = (_N_FFT - WINDOW_SAMPLES) // 2  # the window lies in the middle of what is transformed
    spectrum = torch.stft(
        nn.functional.pad(waveform, (aside, aside)),
        n_fft=_N_FFT,
        hop_length=HOP_SAMPLES,
        win_length=WINDOW_SAMPLES,
        window=torch.hann_window(WINDOW_SAMPLES),
        center=False,
        return_complex=True,
    )
    return torch.log(spectrum.abs().T @ torch.from_numpy(yamnet_mel_matrix()) + 1e-3)


def eager_mood(threads: int) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Sound to the tags of each patch and of the whole, in torch as it is; random weights take the same time.

    Parameters
    ----------
    threads
        Of torch, for the whole process.

    Returns
    -------
    callable
        From audio ``(samples,)`` at 16 kHz to probabilities ``(patches + 1, 59)``, patches 0.96 s apart; the
        last row is from the mean embedding.
    """
    torch.set_num_threads(threads)
    network: Any = Yamnet().eval()
    sizes = (EMBEDDING_SIZE, 512, 256, 128)
    layers = [
        part
        for before, after in pairwise(sizes)
        for part in (nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU())
    ]
    head = nn.Sequential(*layers, nn.Linear(sizes[-1], len(TAGS)), nn.Sigmoid()).eval()

    def run(audio: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            log_mel = eager_log_mel(torch.from_numpy(audio))
            patches = nn.functional.pad(log_mel, (0, 0, 0, -len(log_mel) % PATCH_FRAMES))
            parts = torch.split(patches.view(-1, PATCH_FRAMES, log_mel.shape[1]), _BATCH)
            embedding = torch.cat([network(part)[0] for part in parts])
            rows = head(torch.cat([embedding, embedding.mean(dim=0, keepdim=True)]))
        return np.asarray(rows.numpy(), dtype=np.float32)

    return run

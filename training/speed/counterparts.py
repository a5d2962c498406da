"""What the benchmarks time beside the released models: a hybrid of wav2vec2-base shape, and eager torch."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.mood_tags import TAGS
from models.emotion import hybrid
from models.emotion.hybrid import HybridSettings
from training import int8, onnx_file
from training.emotion import encoders
from training.emotion.encoders import random_hybrid
from training.int8 import quantise_int8
from training.onnx_file import emotion_metadata, export_graph
from training.yamnet import network as yamnet

BASE_LAYERS: Final = 8
"""Transformer layers of 12 that the served hybrid keeps."""


def _key() -> str:
    """Changes whenever the exported graph may."""
    digest = hashlib.sha256()
    for source in (__file__, hybrid.__file__, encoders.__file__, onnx_file.__file__, int8.__file__):
        digest.update(Path(source).read_bytes())
    for package in ("torch", "transformers", "onnx", "onnxscript", "onnxruntime"):
        digest.update(version(package).encode())
    return digest.hexdigest()[:12]


def int8_hybrid(folder: Path) -> Path:
    """The hybrid of full wav2vec2-base shape, cut to 8 layers, random weights, int8, as an ONNX file.

    Made once (about a minute) and kept in the folder; random weights take the same time to run as
    trained ones.
    """
    path = folder / f"hybrid-base-{BASE_LAYERS}-int8-{_key()}.onnx"
    if not path.is_file():
        metadata = emotion_metadata(
            name=f"hybrid-base-{BASE_LAYERS}-int8-random",
            version="0",
            temperature=1.0,
            licence="MIT",
            corpora=[],
            metrics={},
        )
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            full = Path(scratch) / "float32.onnx"
            export_graph(random_hybrid(settings=HybridSettings(n_layers=BASE_LAYERS)), full, metadata)
            quantise_int8(full, path)
    return path


def eager_encoder(threads: int) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """The full 12-layer wav2vec2-base shape as `transformers` runs it: eager, float32, random weights.

    It is called with waveforms ``(batch, samples)`` and gives the last hidden states ``(batch, frames,
    768)``.
    """
    from transformers import Wav2Vec2Config, Wav2Vec2Model  # noqa: PLC0415 - slow to import

    torch.set_num_threads(threads)
    config = Wav2Vec2Config()
    config._attn_implementation = "eager"
    model: Any = Wav2Vec2Model(config)
    model.eval()

    def run(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            states = model(torch.from_numpy(waveform)).last_hidden_state
        return np.asarray(states.numpy(), dtype=np.float32)

    return run


_N_FFT: Final = 512
_BATCH: Final = 16
"""As fast as any: 8, 32 and 64 take as long or longer."""
_RATE_HZ: Final = 16_000


def read_at_16_khz(path: Path) -> NDArray[np.float32]:
    """A whole file as it is usually read: decoded at once, mixed down, resampled by soxr to 16 kHz."""
    sound, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    mono = torch.from_numpy(sound).mean(dim=1).numpy()
    resampled: NDArray[np.float32] = soxr.resample(mono, rate_hz, _RATE_HZ)
    return resampled


def _eager_log_mel(waveform: Tensor) -> Tensor:
    """YAMNet's log-mels of a whole sound by `torch.stft`: ``(samples,)`` to ``(frames, 64)``."""
    aside = (_N_FFT - yamnet.WINDOW_SAMPLES) // 2  # the window lies in the middle of what is transformed
    spectrum = torch.stft(
        nn.functional.pad(waveform, (aside, aside)),
        n_fft=_N_FFT,
        hop_length=yamnet.HOP_SAMPLES,
        win_length=yamnet.WINDOW_SAMPLES,
        window=torch.hann_window(yamnet.WINDOW_SAMPLES),
        center=False,
        return_complex=True,
    )
    return torch.log(spectrum.abs().T @ torch.from_numpy(yamnet.yamnet_mel_matrix()) + 1e-3)


def eager_mood(threads: int) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Sound to the tags of each patch and of the whole, in torch as it is; random weights take the same time.

    It is called with audio ``(samples,)`` at 16 kHz and gives probabilities ``(patches + 1, 59)``, patches
    0.96 s apart; the last row is from the mean embedding.
    """
    torch.set_num_threads(threads)
    network: Any = yamnet.Yamnet().eval()
    sizes = (yamnet.EMBEDDING_SIZE, 512, 256, 128)
    layers = [
        part
        for before, after in pairwise(sizes)
        for part in (nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU())
    ]
    head = nn.Sequential(*layers, nn.Linear(sizes[-1], len(TAGS)), nn.Sigmoid()).eval()

    def run(audio: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            log_mel = _eager_log_mel(torch.from_numpy(audio))
            patches = nn.functional.pad(log_mel, (0, 0, 0, -len(log_mel) % yamnet.PATCH_FRAMES))
            parts = torch.split(patches.view(-1, yamnet.PATCH_FRAMES, log_mel.shape[1]), _BATCH)
            embedding = torch.cat([network(part)[0] for part in parts])
            rows = head(torch.cat([embedding, embedding.mean(dim=0, keepdim=True)]))
        return np.asarray(rows.numpy(), dtype=np.float32)

    return run

"""Owns the networks of wav2vec2-base shape that the benchmark times: served hybrid and eager encoder."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from models.emotion import hybrid
from models.emotion.hybrid import HybridSettings
from models.training import onnx_file
from models.training.emotion import encoders
from models.training.emotion.encoders import random_hybrid
from models.training.onnx_file import emotion_metadata, export_graph, quantise_int8

__all__ = ["BASE_LAYERS", "eager_encoder", "int8_hybrid"]

BASE_LAYERS: Final = 8
"""Transformer layers of 12 that the served hybrid keeps."""


def _key() -> str:
    """Changes whenever the exported graph may."""
    digest = hashlib.sha256()
    for source in (__file__, hybrid.__file__, encoders.__file__, onnx_file.__file__):
        digest.update(Path(source).read_bytes())
    for package in ("torch", "transformers", "onnx", "onnxscript", "onnxruntime"):
        digest.update(version(package).encode())
    return digest.hexdigest()[:12]


def int8_hybrid(folder: Path) -> Path:
    """The hybrid of full wav2vec2-base shape, cut to 8 layers, random weights, int8, as an ONNX file.

    Made once (about a minute) and kept in the folder; random weights take the same time to run as
    trained ones.

    Parameters
    ----------
    folder
        Where the file is kept; made if absent.

    Returns
    -------
    Path
        The file.
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

    Parameters
    ----------
    threads
        Of torch, for the whole process.

    Returns
    -------
    callable
        From waveforms ``(batch, samples)`` to the last hidden states ``(batch, frames, 768)``.
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

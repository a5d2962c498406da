"""YAMNet in torch: its log-mels and its layers, as the reference has them and as students learn them."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import WeightsError

N_MELS: Final = 64
WINDOW_SAMPLES: Final = 400
"""25 ms at 16 kHz."""
HOP_SAMPLES: Final = 160
"""10 ms at 16 kHz."""
CHANNELS: Final = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
"""That each of the fourteen layers gives."""
EMBEDDING_SIZE: Final = 1024
N_CLASSES: Final = 521
PATCH_FRAMES: Final = 96
"""0.96 s."""
STRIDES: Final = (2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
"""Of each layer, over frames and bands alike."""
PEAK: Final = 0.5
"""Level at which windows of any level are shown to the layers."""
LEAST_PEAK: Final = 1e-3
"""Windows below are taken for silence: they are not raised to it."""
_N_FFT: Final = 512
_LOW_HZ, _HIGH_HZ = 125.0, 7500.0
_OFFSET: Final = 1e-3
_BLOCK: Final = 80
"""Samples: hop and window are multiples of it."""
_HALF_WINDOW: Final = WINDOW_SAMPLES // 2


def window_samples(n_frames: int) -> int:
    """Samples under so many log-mel frames."""
    return (n_frames - 1) * HOP_SAMPLES + WINDOW_SAMPLES


def yamnet_mel_matrix() -> NDArray[np.float32]:
    """YAMNet's mel filters, from magnitudes of the Fourier transform to bands, ``(257, 64)``.

    Triangles on the mel scale itself, 125 to 7 500 Hz, none over the mean. The scale is 1127 ln(1 + f / 700)
    (Young et al., The HTK Book), as TensorFlow's ``linear_to_mel_weight_matrix`` has it.
    """
    bins, ends = (
        1127.0 * np.log1p(hz / 700.0)
        for hz in (np.arange(_N_FFT // 2 + 1)[:, None] * (16_000.0 / _N_FFT), np.array([_LOW_HZ, _HIGH_HZ]))
    )
    edges = np.linspace(ends[0], ends[1], N_MELS + 2)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre))
    triangles[0] = 0.0
    matrix: NDArray[np.float32] = np.maximum(0.0, triangles).astype(np.float32)
    return matrix


class YamnetLogMel(nn.Module):
    """16 kHz audio to ``log(mel + 0.001)`` of Fourier magnitudes: 25 ms windows, 10 ms hop, 64 bands.

    Frame ``t`` starts at sample ``160 t``. The Fourier transform is a product with fixed rows, so that it
    exports to a fast graph. Its phases are counted from the middle of the window, about which the window is
    even: cosines then see sums of two samples and sines differences, which halves rows and products.
    """

    def __init__(self) -> None:
        super().__init__()
        mel = yamnet_mel_matrix()
        used = np.flatnonzero(mel.any(axis=1))  # bins outside the filters need no rows
        away = np.arange(_HALF_WINDOW)  # samples from the middle; that 200 away has weight 0
        window = 0.5 + 0.5 * np.cos(np.pi * away / _HALF_WINDOW)
        angle = 2 * np.pi * np.outer(away, used) / _N_FFT
        cosines, sines = window[:, None] * np.cos(angle), window[:, None] * np.sin(angle)
        cosines[0] *= 0.5  # the middle sample is added to itself
        self.cosines: Tensor
        self.sines: Tensor
        self.mel: Tensor
        for name, rows in (("cosines", cosines), ("sines", sines), ("mel", mel[used])):
            self.register_buffer(name, torch.from_numpy(rows.astype(np.float32)), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform ``(batch, samples)`` to log-mels ``(batch, frames, bands)``."""
        whole = waveform.shape[1] // _BLOCK * _BLOCK
        blocks = torch.unflatten(waveform[:, :whole], 1, (-1, _BLOCK))
        stride, width = HOP_SAMPLES // _BLOCK, WINDOW_SAMPLES // _BLOCK
        last = (blocks.shape[1] - width) // stride * stride
        frames = torch.cat([blocks[:, first : first + last + 1 : stride] for first in range(width)], dim=2)
        after, before = frames[..., _HALF_WINDOW:], frames[..., 1 : _HALF_WINDOW + 1].flip(2)
        power = ((after + before) @ self.cosines).square() + ((after - before) @ self.sines).square()
        return torch.log(power.sqrt() @ self.mel + _OFFSET)


class YamnetLayers(nn.Module):
    """The first layers of YAMNet: MobileNetV1 (Howard et al., 2017) without batch norm, ReLU throughout.

    Layer 1 is a full convolution, each other one a depthwise and a pointwise one. Borders are padded as
    TensorFlow's SAME does for even lengths: frames must come in multiples of the product of the strides.
    """

    def __init__(self, n_layers: int = 14) -> None:
        super().__init__()
        self.n_layers = n_layers
        self.conv1 = nn.Conv2d(1, CHANNELS[0], 3, STRIDES[0])
        for layer in range(2, n_layers + 1):
            before, after = CHANNELS[layer - 2], CHANNELS[layer - 1]
            depthwise = nn.Conv2d(before, before, 3, STRIDES[layer - 1], groups=before)
            self.add_module(f"dw{layer}", depthwise)
            self.add_module(f"pw{layer}", nn.Conv2d(before, after, 1))
        self.names = tuple(name for name, _ in self.named_children())

    def convolve(self, name: str, features: Tensor) -> Tensor:
        """One padded convolution, before its ReLU."""
        convolution: Any = self.get_submodule(name)
        if convolution.kernel_size == (3, 3):
            before = 1 if convolution.stride == (1, 1) else 0  # SAME: even lengths are padded after their end
            features = nn.functional.pad(features, (before, 1, before, 1))
        answer: Tensor = convolution(features)
        return answer

    def pre_activation(self, number: int, features: Tensor) -> Tensor:
        """One layer before its last ReLU, counted from 1."""
        if number == 1:
            return self.convolve("conv1", features)
        return self.convolve(f"pw{number}", torch.relu(self.convolve(f"dw{number}", features)))

    def layer(self, number: int, features: Tensor) -> Tensor:
        """One layer: ``(batch, channels, frames, bands)`` to fewer or as many of each."""
        return torch.relu(self.pre_activation(number, features))

    def forward(self, log_mel: Tensor) -> Tensor:
        """Log-mels ``(batch, frames, bands)`` to ``(batch, channels, fewer frames, fewer bands)``."""
        features = log_mel[:, None]
        for number in range(1, self.n_layers + 1):
            features = self.layer(number, features)
        return features


class Yamnet(YamnetLayers):
    """All fourteen layers, the mean over what is left of a patch, and the classes of AudioSet above it.

    AudioSet is Gemmeke et al., ICASSP 2017; the classes are those of its ontology that YAMNet knows.
    """

    def __init__(self) -> None:
        super().__init__(len(CHANNELS))
        self.fc = nn.Linear(EMBEDDING_SIZE, N_CLASSES)

    def embed(self, log_mel: Tensor) -> Tensor:
        """Log-mels of patches ``(batch, 96, bands)`` to embeddings ``(batch, 1024)``, 0 or more."""
        return super().forward(log_mel).mean(dim=(2, 3))

    def forward(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Log-mels of patches ``(batch, 96, bands)`` to embeddings and the logits of the classes."""
        embedding = self.embed(log_mel)
        return embedding, self.fc(embedding)


class ServedYamnet(nn.Module):
    """What is exported: patches of audio to embeddings and scores."""

    def __init__(self, network: Yamnet) -> None:
        super().__init__()
        self.log_mel, self.network = YamnetLogMel(), network

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """Patches ``(batch, 15600)`` at 16 kHz to embeddings ``(batch, 1024)`` and scores in [0, 1]."""
        embedding, logits = self.network(self.log_mel(waveform))
        return embedding, torch.sigmoid(logits)


def read_yamnet(path: Path) -> Yamnet:
    """The whole reference, frozen, from one npz file.

    It holds ``conv1``, ``dw2`` to ``dw14``, ``pw2`` to ``pw14`` and ``fc``, each ``.weight`` and ``.bias``,
    batch norm folded.

    Raises
    ------
    WeightsError
        The file is missing, damaged, or lacks a part.
    """
    network = Yamnet()
    wanted = network.state_dict()
    try:
        with path.open("rb") as handle, np.load(handle) as kept:
            given = {name: torch.from_numpy(kept[name].astype(np.float32)) for name in wanted}
    except KeyError as error:
        raise WeightsError(f"The file {path} is not YAMNet's: {error.args[0]}; give its npz.") from error
    except (EOFError, OSError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise WeightsError(
            f"YAMNet's weights {path} cannot be read: give the npz that holds them."
        ) from error
    for name, weight in given.items():
        shape, right = tuple(weight.shape), tuple(wanted[name].shape)
        if shape != right:
            raise WeightsError(
                f"The file {path} is not YAMNet's: {name} has the shape {shape}, not {right}; give its npz."
            )
        if not weight.isfinite().all():
            raise WeightsError(f"The file {path} is damaged: {name} is not finite; give YAMNet's npz.")
    network.load_state_dict(given)
    return network.requires_grad_(False).eval()

"""The distillation of YAMNet: a student's layers are trained to give what the reference's layers give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from core.errors import DataError
from training.loop import autocast, fit_cycles
from training.yamnet.network import (
    EMBEDDING_SIZE,
    N_CLASSES,
    PEAK,
    Yamnet,
    YamnetLayers,
    YamnetLogMel,
    window_samples,
)
from training.yamnet.recordings import PieceSettings, random_windows

_HELD_OUT_SHARE: Final = 10
"""Every so many recordings one is held out, for the figures."""
_VALIDATION_FRAMES: Final = 12_288
"""Of log-mels, over all validation windows."""
_EMBEDDING_WEIGHT: Final = 3.0
"""Of the distance of embeddings, beside one of each layer and one of the logits."""
_CLASSES_WEIGHT: Final = 10.0
"""Of the cross-entropy of the 521 scores, most of which are next to 0."""
_LEAK: Final = 0.1
_LEAST_SPREAD: Final = 0.5
"""Of the mean spread: channels that hardly ever move must not outweigh the others."""


@dataclass(frozen=True)
class DistilSettings:
    """Settings of one training."""

    n_layers: int = 14  # of the student, from the first
    # Batches with norms that follow each batch, and then with norms that stand still.
    steps: int = 12_000
    still_steps: int = 3_000
    # Batches between two checkpoints, and windows in each.
    steps_per_epoch: int = 250
    batch: int = 8
    n_frames: int = 304  # log-mel frames of a window; a multiple of the product of the strides
    # Highest rates of Adam in the two parts, each a cycle that ends at nothing (Smith and Topin, 2018).
    peak_rate: float = 3e-3
    still_rate: float = 1e-3
    # Share of the first part's steps in which each layer gets the input of the reference's layer; in the rest
    # it gets the output of the student's layer below.
    apart: float = 0.4
    # Of everything random; of torch.
    seed: int = 0
    threads: int = 2
    peak: float = PEAK  # full level of the windows, (0, 1]
    pieces: PieceSettings = field(default_factory=PieceSettings)  # how windows are drawn


class _CosineKernels(nn.Module):
    """A 3x3 kernel as the sum of nine cosines (DCT-II), whose weights are trained.

    Neighbouring values of a spectrogram are much alike, so that changes of a kernel's mean drown those of
    its edges; cosines are nearly uncorrelated, and Adam gives each its own pace.
    """

    def __init__(self) -> None:
        super().__init__()
        place, wave = np.arange(3)[None, :] + 0.5, np.arange(3)[:, None]
        waves = np.cos(np.pi * wave * place / 3) * np.sqrt(np.where(wave == 0, 1, 2) / 3)
        self.basis: Tensor
        self.register_buffer("basis", torch.from_numpy(np.kron(waves, waves).astype(np.float32)))

    def forward(self, weights: Tensor) -> Tensor:
        """Weights of the cosines to kernels, both ``(..., 3, 3)``."""
        return (weights.flatten(-2) @ self.basis).view_as(weights)

    def right_inverse(self, kernels: Tensor) -> Tensor:
        """Kernels to weights: the cosines are orthonormal."""
        return (kernels.flatten(-2) @ self.basis.T).view_as(kernels)


class _StudentLayers(YamnetLayers):
    """The layers with the batch norm that the reference, too, was trained with (Ioffe and Szegedy, 2015)."""

    def __init__(self, n_layers: int, *, with_classes: bool) -> None:
        super().__init__(n_layers)
        self.fc = nn.Linear(EMBEDDING_SIZE, N_CLASSES) if with_classes else None
        for name in self.names:
            convolution: Any = self.get_submodule(name)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)
            if convolution.kernel_size == (3, 3):
                nn.utils.parametrize.register_parametrization(convolution, "weight", _CosineKernels())
            self.add_module(f"norm_{name}", nn.BatchNorm2d(convolution.out_channels, momentum=0.02))

    def convolve(self, name: str, features: Tensor) -> Tensor:
        """One convolution and its norm."""
        answer: Tensor = self.get_submodule(f"norm_{name}")(super().convolve(name, features))
        return answer

    def folded(self) -> YamnetLayers:
        """The same without norms, frozen; a `Yamnet` where it has classes."""
        plain: Any = (YamnetLayers(self.n_layers) if self.fc is None else Yamnet()).eval()
        trained: Any = self.eval()
        for name in self.names:
            convolution, own = plain.get_submodule(name), trained.get_submodule(name)
            convolution.load_state_dict({"weight": own.weight, "bias": own.bias})
            fused = fuse_conv_bn_eval(convolution, trained.get_submodule(f"norm_{name}"))
            convolution.load_state_dict(fused.state_dict())
        if self.fc is not None:
            plain.fc.load_state_dict(trained.fc.state_dict())
        frozen: YamnetLayers = plain.requires_grad_(False)
        return frozen


def distil_layers(
    teacher: YamnetLayers,
    recordings: Sequence[NDArray[np.float32]],
    run_dir: Path,
    settings: DistilSettings,
    *,
    identity: str,
) -> YamnetLayers:
    """Train a student of the reference's first layers from random weights, or go on with one.

    Every layer is compared with the reference's layer (hints: Romero et al., "FitNets", ICLR 2015); the
    distance is the mean square over channels, each in units of its spread. At first each layer learns by
    itself, on the reference's input, which is fast (blockwise: Li et al., "DNA", CVPR 2020); then all of them
    in a row, on the student's own. What comes back is frozen, its batch norm folded. Of a whole `Yamnet`
    embedding and classes are learned too; one in ten recordings is held out for validation.

    Raises
    ------
    DataError
        There are fewer than two recordings, or the loss left the finite numbers.
    """
    if len(recordings) < 2:
        raise DataError(f"{len(recordings)} recordings are too few to learn YAMNet's layers from: give more.")
    torch.set_num_threads(settings.threads)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        student = _StudentLayers(settings.n_layers, with_classes=isinstance(teacher, Yamnet))
    student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    held_out = [sound for row, sound in enumerate(recordings) if row % _HELD_OUT_SHARE == 0]
    train = [sound for row, sound in enumerate(recordings) if row % _HELD_OUT_SHARE]
    log_mel = YamnetLogMel()
    count = -(-_VALIDATION_FRAMES // settings.n_frames)
    validation = _log_mels(np.random.default_rng(settings.seed), held_out, count, log_mel, settings)
    scales = _scales(teacher, validation, settings.n_layers)
    _start_at_level(student, teacher, validation)

    def loss_of(step: int, rng: np.random.Generator) -> Tensor:
        student.train(step < settings.steps)  # a batch's own norms are noise that a teacher has not
        batch = _log_mels(rng, train, settings.batch, log_mel, settings)
        layerwise = step < settings.apart * settings.steps
        return _distance(student, teacher, batch, scales, layerwise=layerwise)

    fit_cycles(
        loss_of,
        lambda: _validate(student, teacher, validation, scales),
        student,
        torch.optim.Adam(student.parameters(), lr=settings.peak_rate),
        [(settings.steps, settings.peak_rate), (settings.still_steps, settings.still_rate)],
        run_dir,
        asdict(settings),
        name="student",
        part="student",
        identity=identity,
        largest_norm=5.0,
    )
    return student.folded()


def _log_mels(
    rng: np.random.Generator,
    recordings: Sequence[NDArray[np.float32]],
    count: int,
    log_mel: YamnetLogMel,
    settings: DistilSettings,
) -> Tensor:
    """Log-mels of random windows as the layers take them, ``(count, 1, frames, bands)``."""
    samples = window_samples(settings.n_frames)
    windows = random_windows(rng, recordings, count, samples, peak=settings.peak, settings=settings.pieces)
    with torch.no_grad():
        frames: Tensor = log_mel(torch.from_numpy(windows))[:, None]
    return frames.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class _Scales:
    """Standard deviation of each channel of each layer, of the embedding, of each class's logit."""

    layers: tuple[Tensor, ...]
    embedding: Tensor
    logits: Tensor | None


def _scales(teacher: YamnetLayers, log_mels: Tensor, n_layers: int) -> _Scales:
    """What distances are counted in; nearly silent channels count as less silent."""
    spreads, features = [], log_mels
    with torch.no_grad():
        for number in range(1, n_layers + 1):
            activation = teacher.pre_activation(number, features)
            features = torch.relu(activation)
            spreads.append(_spread(_leak(activation).transpose(0, 1).flatten(1).T)[None, :, None, None])
        embedding = _embed(features)
        logits = teacher.fc(embedding) if isinstance(teacher, Yamnet) else None
    return _Scales(tuple(spreads), _spread(embedding), None if logits is None else _spread(logits))


def _spread(rows: Tensor) -> Tensor:
    spread = rows.std(dim=0)
    return spread + _LEAST_SPREAD * spread.mean()


def _embed(features: Tensor) -> Tensor:
    return features.mean(dim=(2, 3))


def _start_at_level(student: _StudentLayers, teacher: YamnetLayers, log_mels: Tensor) -> None:
    """Give each layer's last norm mean and spread of the reference's channels: thousands of steps, else."""
    features = log_mels
    with torch.no_grad():
        for number in range(1, student.n_layers + 1):
            activation = teacher.pre_activation(number, features)
            features = torch.relu(activation)
            norm: Any = student.get_submodule("norm_conv1" if number == 1 else f"norm_pw{number}")
            norm.weight.copy_(activation.std(dim=(0, 2, 3)))
            norm.bias.copy_(activation.mean(dim=(0, 2, 3)))


def _distance(
    student: _StudentLayers, teacher: YamnetLayers, log_mels: Tensor, scales: _Scales, *, layerwise: bool
) -> Tensor:
    """Sum of the distances to the teacher over layers, embedding and classes, in units of its spread."""
    own_output = reference = log_mels
    total = torch.zeros(())
    # Before the ReLU, with what that cuts off counting little (Heo et al., "A Comprehensive Overhaul of
    # Feature Distillation", ICCV 2019): a channel that is never open would else learn nothing more.
    with autocast():
        for number, unit in enumerate(scales.layers, start=1):
            with torch.no_grad():
                wanted = teacher.pre_activation(number, reference)
            own = student.pre_activation(number, reference if layerwise else own_output)
            own_output, reference = torch.relu(own), torch.relu(wanted)
            total = total + ((_leak(own) - _leak(wanted)) / unit).float().square().mean()
    if not isinstance(teacher, Yamnet) or student.fc is None or scales.logits is None:
        return total
    with torch.no_grad():
        embedding = _embed(reference.float())
        logits = teacher.fc(embedding)
    answered = _embed(own_output.float())
    scored = student.fc(embedding if layerwise else answered)
    total = total + _EMBEDDING_WEIGHT * ((answered - embedding) / scales.embedding).square().mean()
    total = total + ((scored - logits) / scales.logits).square().mean()
    wrong: Tensor = nn.functional.binary_cross_entropy_with_logits(scored, torch.sigmoid(logits))
    whole: Tensor = total + _CLASSES_WEIGHT * wrong
    return whole


def _leak(activation: Tensor) -> Tensor:
    return nn.functional.leaky_relu(activation, _LEAK)


def _validate(
    student: _StudentLayers, teacher: YamnetLayers, log_mels: Tensor, scales: _Scales
) -> dict[str, float]:
    """How much of what varies in the teacher's outputs the student, by itself, gets right; 1 is all."""
    student.eval()
    with torch.no_grad():
        own = wanted = log_mels
        for number in range(1, student.n_layers + 1):
            own, wanted = student.layer(number, own), teacher.layer(number, wanted)
        unit = scales.layers[-1]
        missed = ((own - wanted) / unit).square().mean()
        varied = ((wanted - wanted.mean(dim=(0, 2, 3), keepdim=True)) / unit).square().mean()
        figures = {"explained": float(1.0 - missed / varied)}
        if student.fc is not None:
            embedding = _embed(wanted)
            middle = embedding.mean(dim=0)
            cosine = nn.functional.cosine_similarity(_embed(own) - middle, embedding - middle, dim=1)
            figures["cosine"] = float(cosine.mean())
    return figures

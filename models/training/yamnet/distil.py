"""Owns the training of students: YAMNet's layers learned anew from what the reference answers."""

from __future__ import annotations

import logging
import math
import time
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
from models.training.board import open_board
from models.training.checkpoint import resume, save_checkpoint
from models.training.processor import has_fast_bf16
from models.training.yamnet.network import (
    EMBEDDING_SIZE,
    N_CLASSES,
    PEAK,
    Yamnet,
    YamnetLayers,
    YamnetLogMel,
    window_samples,
)
from models.training.yamnet.sounds import PieceSettings, random_windows

__all__ = ["DistilSettings", "distil_layers"]

_LOG = logging.getLogger(__name__)
_CHECKPOINT: Final = "checkpoint.pt"
_WATCHED: Final = 10
"""Every so many recordings one is kept out, for the figures."""
_WATCHED_FRAMES: Final = 12_288
"""Of log-mels, over all windows that are watched."""
_EMBEDDING_WEIGHT: Final = 3.0
"""Of the distance of embeddings, beside one of each layer and one of the logits."""
_CLASSES_WEIGHT: Final = 10.0
"""Of the cross-entropy of the 521 scores, most of which are next to 0."""
_WARM_UP: Final = 0.05
_LEAK: Final = 0.1
_LEAST_SPREAD: Final = 0.5
"""Of the mean spread: channels that hardly ever move must not outweigh the others."""


@dataclass(frozen=True)
class DistilSettings:
    """Every knob of one training.

    Attributes
    ----------
    n_layers
        Of the student, from the first.
    steps, still_steps
        Batches with norms that follow each batch, and then with norms that stand still.
    steps_per_epoch, batch
        Batches between two checkpoints, and windows in each.
    n_frames
        Log-mel frames of a window; a multiple of the product of the strides.
    peak_rate, still_rate
        Highest rates of Adam in the two parts, each a cycle that ends at nothing (Smith and Topin, 2018).
    apart
        Share of the first part's steps in which each layer hears what the reference's layer hears; in the
        rest it hears the student's layer below.
    seed, threads
        Of everything random; of torch.
    peak
        Full level of what is heard, (0, 1].
    pieces
        What is heard.
    """

    n_layers: int = 14
    steps: int = 12_000
    still_steps: int = 3_000
    steps_per_epoch: int = 250
    batch: int = 8
    n_frames: int = 304
    peak_rate: float = 3e-3
    still_rate: float = 1e-3
    apart: float = 0.4
    seed: int = 0
    threads: int = 2
    peak: float = PEAK
    pieces: PieceSettings = field(default_factory=PieceSettings)


class _InWaves(nn.Module):
    """A 3x3 kernel as the sum of nine cosines (DCT-II), which are what is learned.

    Neighbouring values of a spectrogram are much alike, so that changes of a kernel's mean drown those of
    its edges; cosines are nearly uncorrelated, and Adam gives each its own pace.
    """

    def __init__(self) -> None:
        super().__init__()
        place, wave = np.arange(3)[None, :] + 0.5, np.arange(3)[:, None]
        waves = np.cos(np.pi * wave * place / 3) * np.sqrt(np.where(wave == 0, 1, 2) / 3)
        self.basis: Tensor
        self.register_buffer("basis", torch.from_numpy(np.kron(waves, waves).astype(np.float32)))

    def forward(self, shares: Tensor) -> Tensor:
        """Shares of the cosines to kernels, both ``(..., 3, 3)``."""
        return (shares.flatten(-2) @ self.basis).view_as(shares)

    def right_inverse(self, kernels: Tensor) -> Tensor:
        """Kernels to shares: the cosines are orthonormal."""
        return (kernels.flatten(-2) @ self.basis.T).view_as(kernels)


class _Student(YamnetLayers):
    """The layers with the batch norm that the reference, too, was trained with (Ioffe and Szegedy, 2015)."""

    def __init__(self, n_layers: int, *, with_classes: bool) -> None:
        super().__init__(n_layers)
        self.fc = nn.Linear(EMBEDDING_SIZE, N_CLASSES) if with_classes else None
        for name in self.names:
            convolution: Any = self.get_submodule(name)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)
            if convolution.kernel_size == (3, 3):
                nn.utils.parametrize.register_parametrization(convolution, "weight", _InWaves())
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

    Every layer is shown what the reference's layer answers (hints: Romero et al., "FitNets", ICLR 2015); the
    distance is the mean square over channels, each in units of its spread. At first each layer learns by
    itself, on the reference's input, which is fast (blockwise: Li et al., "DNA", CVPR 2020); then all of them
    in a row, on the student's own.

    Parameters
    ----------
    teacher
        As many layers as the student's, or more; of a whole `Yamnet` embedding and classes are learned too.
    recordings
        float32 at 16 kHz; one in ten is kept out and watched.
    run_dir
        Folder of checkpoint and TensorBoard events.
    settings
        The recipe.
    identity
        Says what teacher and recordings are; a checkpoint of another is refused.

    Returns
    -------
    YamnetLayers
        Frozen, batch norm folded.

    Raises
    ------
    DataError
        There are fewer than two recordings, or the loss left the finite numbers.
    WeightsError
        The checkpoint is damaged or belongs to other settings or data.
    """
    if len(recordings) < 2:
        raise DataError(f"{len(recordings)} recordings are too few to learn YAMNet's layers from: give more.")
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    student = _Student(settings.n_layers, with_classes=isinstance(teacher, Yamnet))
    student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(student.parameters(), lr=settings.peak_rate)
    parts: dict[str, Any] = {"student": student, "optimiser": optimiser}
    marks = {"settings": {**asdict(settings), "threads": None}, "identity": identity}
    kept_out = [sound for row, sound in enumerate(recordings) if row % _WATCHED == 0]
    heard = [sound for row, sound in enumerate(recordings) if row % _WATCHED]
    log_mel = YamnetLogMel()
    count = -(-_WATCHED_FRAMES // settings.n_frames)
    watched = _log_mels(np.random.default_rng(settings.seed), kept_out, count, log_mel, settings)
    units = _units(teacher, watched, settings.n_layers)
    _start_at_level(student, teacher, watched)
    first_epoch = resume(run_dir / _CHECKPOINT, marks, parts)
    show = open_board(run_dir / "tensorboard", first_step=first_epoch)
    total = settings.steps + settings.still_steps
    for epoch in range(first_epoch, -(-total // settings.steps_per_epoch)):
        started = time.monotonic()
        rng = np.random.default_rng([settings.seed, epoch])
        last = min((epoch + 1) * settings.steps_per_epoch, total)
        losses = []
        for step in range(epoch * settings.steps_per_epoch, last):
            student.train(step < settings.steps)  # a batch's own norms are noise that a teacher has not
            for group in optimiser.param_groups:
                group["lr"] = _rate(step, settings)
            heard_now = _log_mels(rng, heard, settings.batch, log_mel, settings)
            apart = step < settings.apart * settings.steps
            loss = _distance(student, teacher, heard_now, units, apart=apart)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(student.parameters(), 5.0)
            optimiser.step()
            losses.append(float(loss.detach()))
        if not np.isfinite(losses).all():
            raise DataError(f"The loss became {sum(losses)} in epoch {epoch + 1}: lower the rate.")
        seen = {"loss": float(np.mean(losses)), **_watch(student, teacher, watched, units)}
        seen["seconds"] = time.monotonic() - started
        _LOG.info("%s epoch %d, step %d of %d: %s", run_dir.name, epoch + 1, last, total, seen)
        show({f"student/{name}": value for name, value in seen.items()}, epoch)
        states = {name: part.state_dict() for name, part in parts.items()}
        save_checkpoint(run_dir / _CHECKPOINT, {"marks": marks, "epoch": epoch + 1, **states})
    return student.folded()


def _rate(step: int, settings: DistilSettings) -> float:
    """Rises for a twentieth of a part, and falls along half a cosine."""
    first = step < settings.steps
    peak = settings.peak_rate if first else settings.still_rate
    done = step / settings.steps if first else (step - settings.steps) / settings.still_steps
    return peak * min((done + 1e-3) / _WARM_UP, 0.5 * (1.0 + math.cos(math.pi * done)))


def _log_mels(
    rng: np.random.Generator,
    recordings: Sequence[NDArray[np.float32]],
    count: int,
    log_mel: YamnetLogMel,
    settings: DistilSettings,
) -> Tensor:
    """Log-mels of random windows as the layers take them, ``(count, 1, frames, bands)``."""
    samples = window_samples(settings.n_frames)
    windows = random_windows(rng, recordings, count, samples, peak=settings.peak, knobs=settings.pieces)
    with torch.no_grad():
        frames: Tensor = log_mel(torch.from_numpy(windows))[:, None]
    return frames.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class _Units:
    """Standard deviation of each channel of each layer, of the embedding, of each class's logit."""

    layers: tuple[Tensor, ...]
    embedding: Tensor
    logits: Tensor | None


def _units(teacher: YamnetLayers, log_mels: Tensor, n_layers: int) -> _Units:
    """What distances are counted in; nearly silent channels count as less silent."""
    spreads, features = [], log_mels
    with torch.no_grad():
        for number in range(1, n_layers + 1):
            drive = teacher.drive(number, features)
            features = torch.relu(drive)
            spreads.append(_spread(_leak(drive).transpose(0, 1).flatten(1).T)[None, :, None, None])
        embedding = _embed(features)
        logits = teacher.fc(embedding) if isinstance(teacher, Yamnet) else None
    return _Units(tuple(spreads), _spread(embedding), None if logits is None else _spread(logits))


def _spread(rows: Tensor) -> Tensor:
    spread = rows.std(dim=0)
    return spread + _LEAST_SPREAD * spread.mean()


def _embed(features: Tensor) -> Tensor:
    return features.mean(dim=(2, 3))


def _start_at_level(student: _Student, teacher: YamnetLayers, log_mels: Tensor) -> None:
    """Give each layer's last norm mean and spread of the reference's channels: thousands of steps, else."""
    features = log_mels
    with torch.no_grad():
        for number in range(1, student.n_layers + 1):
            drive = teacher.drive(number, features)
            features = torch.relu(drive)
            norm: Any = student.get_submodule("norm_conv1" if number == 1 else f"norm_pw{number}")
            norm.weight.copy_(drive.std(dim=(0, 2, 3)))
            norm.bias.copy_(drive.mean(dim=(0, 2, 3)))


def _distance(
    student: _Student, teacher: YamnetLayers, log_mels: Tensor, units: _Units, *, apart: bool
) -> Tensor:
    """Sum of the distances to the teacher over layers, embedding and classes, in units of its spread.

    At layers it is measured before the ReLU, with what that cuts off counting little (Heo et al., "A
    Comprehensive Overhaul of Feature Distillation", ICCV 2019): a channel of the student that is never open
    would else learn nothing more.
    """
    said = shown = log_mels
    total = torch.zeros(())
    with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16()):
        for number, unit in enumerate(units.layers, start=1):
            with torch.no_grad():
                drive = teacher.drive(number, shown)
            own = student.drive(number, shown if apart else said)
            said, shown = torch.relu(own), torch.relu(drive)
            total = total + ((_leak(own) - _leak(drive)) / unit).float().square().mean()
    if not isinstance(teacher, Yamnet) or student.fc is None or units.logits is None:
        return total
    with torch.no_grad():
        embedding = _embed(shown.float())
        logits = teacher.fc(embedding)
    answered = _embed(said.float())
    scored = student.fc(embedding if apart else answered)
    total = total + _EMBEDDING_WEIGHT * ((answered - embedding) / units.embedding).square().mean()
    total = total + ((scored - logits) / units.logits).square().mean()
    wrong: Tensor = nn.functional.binary_cross_entropy_with_logits(scored, torch.sigmoid(logits))
    whole: Tensor = total + _CLASSES_WEIGHT * wrong
    return whole


def _leak(drive: Tensor) -> Tensor:
    return nn.functional.leaky_relu(drive, _LEAK)


def _watch(student: _Student, teacher: YamnetLayers, log_mels: Tensor, units: _Units) -> dict[str, float]:
    """How much of what varies in the teacher's answers the student, by itself, gets right; 1 is all."""
    student.eval()
    with torch.no_grad():
        said = shown = log_mels
        for number in range(1, student.n_layers + 1):
            said, shown = student.layer(number, said), teacher.layer(number, shown)
        unit = units.layers[-1]
        missed = ((said - shown) / unit).square().mean()
        varied = ((shown - shown.mean(dim=(0, 2, 3), keepdim=True)) / unit).square().mean()
        seen = {"explained": float(1.0 - missed / varied)}
        if student.fc is not None:
            own, wanted = _embed(said), _embed(shown)
            middle = wanted.mean(dim=0)
            cosine = nn.functional.cosine_similarity(own - middle, wanted - middle, dim=1)
            seen["cosine"] = float(cosine.mean())
    return seen

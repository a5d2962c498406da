"""Networks of whole tracks: a branch for each input, their fusion, and one head for each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.track.tasks import InputKind, Task, TaskKind

FUSED_SIZE: Final = 256
LEAST_FRAMES: Final = 16
"""Frames that the convolutions need: four times they keep every second one."""
_FUSION_SIZE: Final = 512
_BRANCH_SIZE: Final = 256
_FEATURES_SIZE: Final = 64
_CHANNELS: Final = (1, 16, 32, 64, 128)
_FARTHEST: Final = 6.0
"""Standardised inputs end there: silence and rare sounds lie tens of deviations away."""
_SMALLEST_SPREAD: Final = 1e-6
_IGNORED: Final = 1e30
"""Deviation of what hardly differs on the training side: it comes out as 0, as nothing was learned of it."""


class ModelType(StrEnum):
    """How a branch looks along time."""

    CNN = "cnn"  # convolutions
    RNN = "rnn"  # a bidirectional LSTM
    CNN_GRU = "cnn-gru"  # convolutions, then a bidirectional GRU
    CNN_LSTM = "cnn-lstm"  # convolutions, then a bidirectional LSTM


class _Standardise(nn.Module):
    """Mean 0 and deviation 1 of each band or feature, as on the training side.

    Of embeddings the square roots: activations averaged over time are at least 0 and far from normal.
    Time comes last: embeddings over time leave as ``(n, 1024, steps)``.
    """

    def __init__(self, kind: InputKind, size: int) -> None:
        super().__init__()
        self.roots = kind in {InputKind.EMBEDDING, InputKind.EMBEDDINGS}
        self.turned = kind is InputKind.EMBEDDINGS
        shape = (size,) if kind in {InputKind.EMBEDDING, InputKind.FEATURES} else (size, 1)
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("spread", torch.ones(shape))

    def fit(self, raw: NDArray[np.float32]) -> None:
        """Take mean and deviation from what is trained on."""
        axes = tuple(axis for axis in range(raw.ndim) if axis != (raw.ndim - 1 if self.turned else 1))
        values = np.sqrt(np.maximum(raw, 0.0)) if self.roots else raw
        mean, spread = values.mean(axis=axes, dtype=np.float64), values.std(axis=axes, dtype=np.float64)
        self.mean.copy_(torch.from_numpy(mean).reshape(self.mean.shape))
        spread = np.where(spread > _SMALLEST_SPREAD * (1.0 + np.abs(mean)), spread, _IGNORED)
        self.spread.copy_(torch.from_numpy(spread).reshape(self.spread.shape))

    def forward(self, raw: Tensor) -> Tensor:
        values = raw.transpose(1, 2) if self.turned else raw
        values = values.clamp(min=0.0).sqrt() if self.roots else values
        return ((values - self.mean) / self.spread).clamp(-_FARTHEST, _FARTHEST)


class _VectorBranch(nn.Sequential):
    """Dense layers on one vector for each track."""

    def __init__(self, sizes: Sequence[int], dropout: float) -> None:
        layers: list[nn.Module] = []
        for taken, given in pairwise(sizes):
            layers += [nn.Linear(taken, given), nn.BatchNorm1d(given), nn.ReLU(), nn.Dropout(dropout)]
        super().__init__(*layers)


def _spectrogram_blocks(pools: Sequence[tuple[int, int]]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for (taken, given), pool in zip(pairwise(_CHANNELS), pools, strict=False):
        layers += [
            nn.Conv2d(taken, given, 3, padding=1, bias=False),
            nn.BatchNorm2d(given),
            nn.ReLU(),
            nn.MaxPool2d(pool),
        ]
    return nn.Sequential(*layers)


class _ConvolvedSpectrogram(nn.Module):
    """Convolutions over bands and frames ``(n, bands, frames)``, then the mean over time: any length."""

    def __init__(self, bands: int, dropout: float) -> None:
        super().__init__()
        self.blocks = _spectrogram_blocks([(2, 2)] * 4)
        self.dense = nn.Sequential(
            nn.Linear(_CHANNELS[-1] * (bands // 16), _BRANCH_SIZE), nn.ReLU(), nn.Dropout(dropout)
        )

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.blocks(values.unsqueeze(1))  # (n, 128, bands / 16, frames / 16)
        answer: Tensor = self.dense(found.mean(dim=3).flatten(1))
        return answer


class _ConvolvedSteps(nn.Module):
    """Convolutions over time ``(n, size, steps)``, then mean and maximum over it."""

    def __init__(self, size: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            _steps_block(size, _BRANCH_SIZE // 2),
            nn.Dropout(dropout),
            _steps_block(_BRANCH_SIZE // 2, _BRANCH_SIZE // 2),
        )

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.blocks(values)
        return torch.cat([found.mean(dim=2), found.amax(dim=2)], dim=1)


def _steps_block(taken: int, given: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(taken, given, 3, padding=1, bias=False), nn.BatchNorm1d(given), nn.ReLU())


class _Recurrent(nn.Module):
    """A bidirectional network along time ``(n, size, steps)``, then the mean over it."""

    def __init__(self, size: int, cell: type[nn.GRU | nn.LSTM], dropout: float) -> None:
        super().__init__()
        self.cell = cell(size, _BRANCH_SIZE // 2, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor) -> Tensor:
        states, _ = self.cell(values.transpose(1, 2))
        answer: Tensor = self.dropout(states.mean(dim=1))
        return answer


class _ConvolvedThenRecurrent(nn.Module):
    """Convolutions that keep time, then a recurrent network along it."""

    def __init__(self, blocks: nn.Module, recurrent: _Recurrent, *, planes: bool) -> None:
        super().__init__()
        self.blocks, self.recurrent, self.planes = blocks, recurrent, planes

    def forward(self, values: Tensor) -> Tensor:
        found = self.blocks(values.unsqueeze(1) if self.planes else values)
        answer: Tensor = self.recurrent(found.flatten(1, 2) if self.planes else found)
        return answer


def _time_branch(kind: InputKind, size: int, model_type: ModelType, dropout: float) -> nn.Module:
    planes = kind is InputKind.SPECTROGRAM
    if model_type is ModelType.CNN:
        return _ConvolvedSpectrogram(size, dropout) if planes else _ConvolvedSteps(size, dropout)
    if model_type is ModelType.RNN:
        recurrent = _Recurrent(size, nn.LSTM, dropout)
        # Frames lie some 20 ms apart: four are averaged, else the steps are too many to learn along.
        return nn.Sequential(nn.AvgPool1d(4), recurrent) if planes else recurrent
    cell = nn.GRU if model_type is ModelType.CNN_GRU else nn.LSTM
    if planes:
        blocks = _spectrogram_blocks([(2, 2), (2, 2), (4, 2)])
        recurrent = _Recurrent(_CHANNELS[3] * (size // 16), cell, dropout)
    else:
        blocks, recurrent = (
            _steps_block(size, _BRANCH_SIZE // 2),
            _Recurrent(_BRANCH_SIZE // 2, cell, dropout),
        )
    return _ConvolvedThenRecurrent(blocks, recurrent, planes=planes)


def _branch(kind: InputKind, size: int, model_type: ModelType, dropout: float) -> tuple[nn.Module, int]:
    """A branch, and the length of what it gives."""
    if kind is InputKind.FEATURES:
        return _VectorBranch((size, 2 * _FEATURES_SIZE, _FEATURES_SIZE), dropout), _FEATURES_SIZE
    if kind is InputKind.EMBEDDING:
        return _VectorBranch((size, 2 * _BRANCH_SIZE, _BRANCH_SIZE), dropout), _BRANCH_SIZE
    return _time_branch(kind, size, model_type, dropout), _BRANCH_SIZE


class TrackNet(nn.Module):
    """Several answers about a track from one or several inputs.

    Every input is standardised as on the training side, within the network, and has a branch. What the
    branches give is fused, by layers of 512 and 256, and each task has one linear head on that.

    Parameters
    ----------
    sizes
        Length of the axis of each input that is no time: 1024, 103 or 128. The order of the inputs is theirs.
    """

    def __init__(
        self,
        sizes: Mapping[InputKind, int],
        tasks: Sequence[Task],
        model_type: ModelType,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.kinds, self.tasks, self.model_type = tuple(sizes), tuple(tasks), model_type
        self.prepare = nn.ModuleList(_Standardise(kind, size) for kind, size in sizes.items())
        branches = [_branch(kind, size, model_type, dropout) for kind, size in sizes.items()]
        self.branches = nn.ModuleList(branch for branch, _ in branches)
        self.fusion = nn.Sequential(
            nn.Linear(sum(given for _, given in branches), _FUSION_SIZE),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(_FUSION_SIZE, FUSED_SIZE),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleList(nn.Linear(FUSED_SIZE, len(task.labels)) for task in tasks)
        # Of the values of regressions, which are learned at mean 0 and deviation 1.
        self.centres = nn.ParameterList(_constant(torch.zeros(len(task.labels))) for task in tasks)
        self.scales = nn.ParameterList(_constant(torch.ones(len(task.labels))) for task in tasks)

    def standardise_on(
        self, inputs: Mapping[InputKind, NDArray[np.float32]], targets: Mapping[str, NDArray[np.float32]]
    ) -> None:
        """Take means and deviations of inputs, and of the values of regressions, from what is trained on."""
        for kind, part in zip(self.kinds, self.prepare, strict=True):
            assert isinstance(part, _Standardise)
            part.fit(inputs[kind])
        for task, centre, scale in zip(self.tasks, self.centres, self.scales, strict=True):
            if task.kind is TaskKind.REGRESSION:
                known = targets[task.name].astype(np.float64)
                centre.data = torch.from_numpy(np.nanmean(known, axis=0)).float()
                scale.data = torch.from_numpy(np.maximum(np.nanstd(known, axis=0), 1e-6)).float()

    def usual(self, kind: InputKind) -> Tensor:
        """Mean of an input on the training side, by band or feature."""
        part = self.prepare[self.kinds.index(kind)]
        assert isinstance(part, _Standardise)
        return part.mean

    def fused(self, *inputs: Tensor) -> Tensor:
        """What all heads see, ``(n, 256)``, of raw inputs in the order of `kinds`."""
        parts = zip(self.prepare, self.branches, inputs, strict=True)
        found: Tensor = self.fusion(
            torch.cat([branch(prepare(raw)) for prepare, branch, raw in parts], dim=1)
        )
        return found

    def logits(self, fused: Tensor) -> tuple[Tensor, ...]:
        """Of each task ``(n, labels)``; of a regression its standardised values."""
        seen = self.dropout(fused)
        return tuple(head(seen) for head in self.heads)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Probabilities, or values in their own units, of each task, and what was fused."""
        fused = self.fused(*inputs)
        answers = []
        for task, logits, centre, scale in zip(
            self.tasks, self.logits(fused), self.centres, self.scales, strict=True
        ):
            match task.kind:
                case TaskKind.SINGLE_LABEL:
                    answers.append(torch.softmax(logits, dim=1))
                case TaskKind.MULTI_LABEL:
                    answers.append(torch.sigmoid(logits))
                case TaskKind.REGRESSION:
                    answers.append(logits * scale + centre)
        return *answers, fused


def _constant(value: Tensor) -> nn.Parameter:
    return nn.Parameter(value, requires_grad=False)

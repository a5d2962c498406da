"""The batches of an epoch: shuffled, with masked spectrograms and mixed entries; made by any process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from models.track.tasks import InputKind
from training.track.config import TrainConfig
from training.track.prepare import PreparedSide

Batch = tuple[tuple[Tensor, ...], tuple[Tensor, ...]]
"""Inputs and targets of some entries, in the order of the network's inputs and tasks."""

_MASKS: Final = 2
_MOST_BANDS: Final = 16  # of a mask
_MOST_TIME: Final = 0.1  # of the frames, of a mask


class _EpochBatches(Dataset[Batch]):
    """Each batch is made from the seed, the epoch and its number alone, whichever process makes it."""

    def __init__(
        self, side: PreparedSide, config: TrainConfig, epoch: int, usual_bands: NDArray[np.float32] | None
    ) -> None:
        self._side, self._config, self._epoch, self._usual = side, config, epoch, usual_bands
        order = np.random.default_rng([config.seed, epoch]).permutation(len(side.names))
        # Parts of about one size: batch norm cannot use a last batch of one entry.
        self._parts = np.array_split(order, -(-len(order) // config.batch_size))

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, number: int) -> Batch:
        rows, config = self._parts[number], self._config
        rng = np.random.default_rng([config.seed, self._epoch, 1 + number])
        inputs = [values[rows] for values in self._side.inputs.values()]
        targets = [values[rows] for values in self._side.targets.values()]
        if config.spec_augment and self._usual is not None:
            place = list(self._side.inputs).index(InputKind.SPECTROGRAM)
            _mask(inputs[place], self._usual, rng)
        if config.mixup > 0:
            share, other = _mixing(len(rows), config.mixup, rng)
            inputs = [_mixed(values, share, other) for values in inputs]
            targets = [_mixed(values, share, other) for values in targets]
        return tuple(map(torch.from_numpy, inputs)), tuple(map(torch.from_numpy, targets))


def epoch_batches(
    side: PreparedSide, config: TrainConfig, epoch: int, usual_bands: NDArray[np.float32] | None = None
) -> DataLoader[Batch]:
    """Batches of an epoch, counted from 0.

    Parameters
    ----------
    usual_bands
        What masked parts of spectrograms become, ``(bands,)``: the mean on the training side.
    """
    batches = _EpochBatches(side, config, epoch, usual_bands)
    # A generator of its own: else it would draw from the chance that dropout uses.
    return DataLoader(batches, batch_size=None, num_workers=config.num_workers, generator=torch.Generator())


def _mask(spectrograms: NDArray[np.float32], usual: NDArray[np.float32], rng: np.random.Generator) -> None:
    """SpecAugment (Park et al., Interspeech 2019) in place: two masks of bands and two of time each."""
    _, bands, frames = spectrograms.shape
    longest = max(1, int(_MOST_TIME * frames))
    for one in spectrograms:
        for _ in range(_MASKS):
            width = int(rng.integers(0, min(_MOST_BANDS, bands) + 1))
            first = int(rng.integers(0, bands - width + 1))
            one[first : first + width] = usual[first : first + width, np.newaxis]
            length = int(rng.integers(0, longest + 1))
            start = int(rng.integers(0, frames - length + 1))
            one[:, start : start + length] = usual[:, np.newaxis]


def _mixing(
    count: int, alpha: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Mixup (Zhang et al., ICLR 2018): the larger share of each entry, and whom it is mixed with."""
    share = rng.beta(alpha, alpha, count)
    return np.maximum(share, 1.0 - share).astype(np.float32), rng.permutation(count)


def _mixed(
    values: NDArray[np.float32], share: NDArray[np.float32], other: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.float32]:
    """A target that is unknown of either is unknown of both."""
    wide = share.reshape(-1, *[1] * (values.ndim - 1))
    mixed: NDArray[np.float32] = wide * values + (1.0 - wide) * values[other]
    return mixed

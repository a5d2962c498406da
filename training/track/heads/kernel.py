"""Kernel ridge regression on what a mood head sees and says of music: for data of a few hundred tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.mood.plane import DIRECTIONS
from training.mood.head import MoodNet, compact_copy

SHARPNESS: Final = 0.5
"""Of the kernel exp(-SHARPNESS * distance), the distance being a root mean square over 1024 inputs."""
PENALTY: Final = 0.3
"""Added to the kernel's diagonal: what two hearings of one track may differ by."""
_TAG_WEIGHT: Final = 2.0
"""Weight of the tags' standardised logits beside the standardised roots."""
_MOST_LOGIT: Final = 13.8
"""Of a tag in the prior: logits of probabilities of 1e-6 and 1 - 1e-6, as on the plane of moods."""
_BATCH: Final = 512


class TrackView(nn.Module):
    """What a mood head sees and says of a track: standardised roots of the embedding, and the tags' logits.

    Parameters
    ----------
    net
        A calibrated mood head, of which a compact copy is taken.
    usual
        Raw embeddings of music, ``(tracks, 1024)``, over which logits and prior are standardised.
    """

    def __init__(self, net: MoodNet, usual: NDArray[np.float32]) -> None:
        super().__init__()
        self.net = compact_copy(net)
        self.size = len(net.mean) + len(net.offset)
        self.mean: Tensor
        self.spread: Tensor
        self.place: Tensor
        self.scale: Tensor
        self.directions: Tensor
        self.register_buffer("mean", torch.zeros(len(net.offset)))
        self.register_buffer("spread", torch.ones(len(net.offset)))
        self.register_buffer("place", torch.zeros(2))
        self.register_buffer("scale", torch.ones(2))
        self.register_buffer("directions", torch.from_numpy(DIRECTIONS).float())
        with torch.no_grad():
            logits = torch.cat([self._logits(part) for part in _parts(usual)])
            self.mean.copy_(logits.mean(dim=0))
            self.spread.copy_(logits.std(dim=0))
            axes = self._axes(logits)
            self.place.copy_(axes.mean(dim=0))
            self.scale.copy_(axes.std(dim=0))

    def forward(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``(tracks, 1083)``, and valence and arousal by the words of the tags ``(tracks, 2)``.

        The latter are the lexicon of `models.mood.plane` at mean 0 and deviation 1 over usual music.
        """
        logits = self._logits(embeddings)
        tags = (logits - self.mean) / self.spread
        features = torch.cat([self.net.prepared(embeddings), _TAG_WEIGHT * tags], dim=1)
        return features, (self._axes(logits) - self.place) / self.scale

    def _logits(self, embeddings: Tensor) -> Tensor:
        return self.net.slope * self.net.logits(embeddings) + self.net.offset

    def _axes(self, logits: Tensor) -> Tensor:
        return logits.clamp(-_MOST_LOGIT, _MOST_LOGIT) @ self.directions

    def of(self, embeddings: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both, of raw embeddings ``(tracks, 1024)``."""
        with torch.no_grad():
            found = [self(part) for part in _parts(embeddings)]
        features, axes = (torch.cat(parts).double().numpy() for parts in zip(*found, strict=True))
        return features, axes


@dataclass(frozen=True, eq=False)
class KernelProblem:
    """What is to be learned of some tracks."""

    features: NDArray[np.float64]  # (tracks, 1083), see `TrackView`
    targets: NDArray[np.float64]  # (tracks, labels)
    prior: NDArray[np.float64]  # what is answered where nothing is known, (tracks, labels)


def fit_weights(problem: KernelProblem, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weights of the tracks to learn from, ``(rows, labels)``.

    Kernel ridge regression of what the prior leaves (Saunders et al., ICML 1998).
    """
    known = problem.features[rows]
    gram = _kernel(known, known) + PENALTY * np.eye(len(rows))
    return np.asarray(np.linalg.solve(gram, (problem.targets - problem.prior)[rows]), dtype=np.float64)


def answers_to(
    problem: KernelProblem, learned: NDArray[np.int64], asked: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Answers to the tracks that are asked for, by what is learned from others, ``(asked, labels)``."""
    similar = _kernel(problem.features[asked], problem.features[learned])
    found: NDArray[np.float64] = problem.prior[asked] + similar @ fit_weights(problem, learned)
    return found


def answers_of_others(problem: KernelProblem, fold_of: NDArray[np.int64]) -> NDArray[np.float64]:
    """To each track the answer of a head that learned from the other folds alone, ``(tracks, labels)``."""
    answers = np.empty_like(problem.targets)
    for fold in np.unique(fold_of):
        asked, learned = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)
        answers[asked] = answers_to(problem, learned, asked)
    return answers


def _kernel(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = (one**2).sum(axis=1)[:, np.newaxis] + (other**2).sum(axis=1) - 2.0 * one @ other.T
    similar: NDArray[np.float64] = np.exp(-SHARPNESS * np.sqrt(np.maximum(squares, 0.0) / 1024))
    return similar


class KernelHead(nn.Module):
    """Embedding to answers: the prior, and the sum of weights of all known tracks by how near they are.

    Parameters
    ----------
    view
        What features are.
    problem
        All of it is learned from.
    constant, slopes
        Of the prior: ``(labels,)``, and for valence and arousal by words ``(2, labels)``.
    bounds
        Lowest and highest answer of each label, ``(labels, 2)``.
    """

    def __init__(
        self,
        view: TrackView,
        problem: KernelProblem,
        constant: NDArray[np.float64],
        slopes: NDArray[np.float64],
        bounds: Sequence[tuple[float, float]],
    ) -> None:
        super().__init__()
        self.view = view
        # Rounded before the fit: the graph stores them in float16.
        known = problem.features.astype(np.float16).astype(np.float64)
        weights = fit_weights(replace(problem, features=known), np.arange(len(known)))
        self.known, self.weights = _fixed(known), _fixed(weights)
        self.constant, self.slopes = _fixed(constant), _fixed(slopes)
        self.lowest, self.highest = (_fixed(np.array(side)) for side in zip(*bounds, strict=True))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Answers ``(tracks, labels)`` to raw embeddings ``(tracks, 1024)``."""
        features, axes = self.view(embeddings)
        squares = (features**2).sum(dim=1, keepdim=True) + (self.known**2).sum(dim=1)
        squares = squares - 2.0 * features @ self.known.T
        similar = torch.exp(-SHARPNESS * torch.sqrt(squares.clamp(min=0.0) / 1024))
        found = self.constant + axes @ self.slopes + similar @ self.weights
        return torch.minimum(torch.maximum(found, self.lowest), self.highest)


def _fixed(values: NDArray[np.float64]) -> nn.Parameter:
    return nn.Parameter(torch.tensor(values, dtype=torch.float32), requires_grad=False)


def _parts(embeddings: NDArray[np.float32]) -> list[Tensor]:
    return [
        torch.from_numpy(embeddings[first : first + _BATCH].astype(np.float32))
        for first in range(0, len(embeddings), _BATCH)
    ]

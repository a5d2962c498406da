"""Owns the confidence that knows when it is away from home: a temperature for each window, in the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import DataError
from models.training.emotion.calibrate import balanced_weights, fit_temperature
from models.training.metrics import softmax

__all__ = [
    "AxisHeats",
    "ConfidentModel",
    "Density",
    "Knobs",
    "calibrated",
    "fit_axis_heat",
    "fit_density",
    "fit_knobs",
    "log_temperature",
]

Floats = NDArray[np.floating]
_SHRINKAGE: Final = 0.1
_CLIP: Final = 6.0
"""Standardised signals further out than this say nothing more."""
_HEAT: Final = (-3.0, 4.0)
"""Range of the log temperature."""


@dataclass(frozen=True)
class Density:
    """Where the embeddings of home speakers lie: class means under one covariance (Lee et al., NeurIPS 2018).

    Attributes
    ----------
    means
        float64, ``(classes, dim)``, in whitened space.
    whitening
        float64, ``(embedding, dim)``.
    centre
        float64, ``(embedding,)``, taken off before whitening.
    typical, spread
        Median and half-spread of the signals on home speakers outside training, each ``(2,)``: squared
        distance to the nearest class mean, and free energy of the logits.
    """

    means: NDArray[np.float64]
    whitening: NDArray[np.float64]
    centre: NDArray[np.float64]
    typical: NDArray[np.float64]
    spread: NDArray[np.float64]


@dataclass(frozen=True)
class Knobs:
    """The log temperature: ``base + distance * z_distance + energy * z_energy``.

    Attributes
    ----------
    base, distance, energy
        Fitted; a larger value makes the model less sure.
    """

    base: float
    distance: float = 0.0
    energy: float = 0.0


@dataclass(frozen=True)
class AxisHeats:
    """Temperatures by which the logits of the two axes are divided, each > 0."""

    energy: float = 1.0
    pleasantness: float = 1.0


def fit_axis_heat(groups: Sequence[tuple[Floats, Floats]]) -> float:
    """Temperature of one axis of least mean negative log-likelihood, groups counting alike.

    Parameters
    ----------
    groups
        Each of one corpus: logits and truth, ``(n,)`` each; truth other than 0 and 1 is passed over.

    Raises
    ------
    DataError
        No label says anything of the axis.
    """
    known = [(logits[np.isin(truth, (0, 1))], truth[np.isin(truth, (0, 1))]) for logits, truth in groups]
    kept = [(logits, truth) for logits, truth in known if len(truth)]
    if not kept:
        raise DataError("No clip says anything of the axis: its confidence needs labelled people.")
    pairs = np.concatenate([np.stack([np.zeros(len(logits)), logits], axis=1) for logits, _ in kept])
    truth = np.concatenate([truth for _, truth in kept]).astype(np.int64)
    weights = balanced_weights([str(number) for number, (_, part) in enumerate(kept) for _ in part])
    return fit_temperature(pairs, truth, weights)


def fit_density(
    embedding: Floats, labels: NDArray[np.int64], home_logits: Floats, home_embedding: Floats
) -> Density:
    """Describe where home is.

    Parameters
    ----------
    embedding, labels
        Of training clips, ``(n, embedding)`` and ``(n,)``.
    home_logits, home_embedding
        Of home speakers outside training, which set the scale of the signals.

    Raises
    ------
    DataError
        There are no clips.
    """
    if not len(labels) or not len(home_logits):
        raise DataError("There are no clips to describe the home of the model with.")
    values = embedding.astype(np.float64)
    centre = values.mean(axis=0)
    means = np.stack([values[labels == label].mean(axis=0) for label in np.unique(labels)])
    own = values - means[np.searchsorted(np.unique(labels), labels)]
    covariance = own.T @ own / len(own)
    scale = np.trace(covariance) / len(covariance)
    covariance = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * scale * np.eye(len(covariance))
    power, axes = np.linalg.eigh(covariance)
    whitening = axes / np.sqrt(power)
    density = Density((means - centre) @ whitening, whitening, centre, np.zeros(2), np.ones(2))
    signals = _signals(density, home_logits, home_embedding)
    low, typical, high = np.quantile(signals, [0.16, 0.5, 0.84], axis=0)
    return Density(density.means, whitening, centre, typical, np.maximum((high - low) / 2, 1e-6))


def _signals(density: Density, logits: Floats, embedding: Floats) -> NDArray[np.float64]:
    """Standardised distance and free energy (Liu et al., NeurIPS 2020), ``(n, 2)``; large is strange."""
    white = (embedding.astype(np.float64) - density.centre) @ density.whitening
    squared = (
        np.square(white).sum(axis=1, keepdims=True)
        - 2 * white @ density.means.T
        + np.square(density.means).sum(axis=1)
    )
    distance = np.log(np.maximum(squared.min(axis=1), 1e-6))
    top = logits.astype(np.float64).max(axis=1)
    energy = -(top + np.log(np.exp(logits - top[:, None]).sum(axis=1)))
    both = (np.stack([distance, energy], axis=1) - density.typical) / density.spread
    return np.clip(both, -_CLIP, _CLIP)


def log_temperature(knobs: Knobs, density: Density, logits: Floats, embedding: Floats) -> NDArray[np.float64]:
    """Natural log of the temperature of each window, ``(n,)``."""
    signals = _signals(density, logits, embedding)
    heat = knobs.base + signals @ np.array([knobs.distance, knobs.energy])
    return np.asarray(np.clip(heat, *_HEAT), dtype=np.float64)


def calibrated(knobs: Knobs, density: Density, logits: Floats, embedding: Floats) -> NDArray[np.float64]:
    """Probabilities under the temperature of each window, ``(n, classes)``."""
    return softmax(logits / np.exp(log_temperature(knobs, density, logits, embedding))[:, None])


def fit_knobs(
    groups: list[tuple[Density, Floats, Floats, NDArray[np.int64], float]],
    *,
    use_distance: bool = True,
    use_energy: bool = True,
) -> Knobs:
    """Least weighted negative log-likelihood over home speakers and strangers alike.

    Parameters
    ----------
    groups
        Each of one model and corpus: its density, logits ``(n, classes)``, embeddings, truth, and the
        weight of the whole group.
    use_distance, use_energy
        Which signals may speak.

    Returns
    -------
    Knobs
        Signals have weights of 0 or more: what is strange never makes the model surer.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - only while fitting

    prepared = [
        (_signals(density, logits, embedding), logits.astype(np.float64), truth, weight)
        for density, logits, embedding, truth, weight in groups
        if weight > 0
    ]

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The loss and its gradient: d loss / d log temperature = (true logit - expected logit) / heat."""
        total, slope = 0.0, np.zeros(3)
        for signals, logits, truth, weight in prepared:
            asked = values[0] + signals @ values[1:]
            heat = np.exp(np.clip(asked, *_HEAT))
            probabilities = softmax(logits / heat[:, None])
            rows = np.arange(len(truth))
            total -= weight * float(np.log(np.maximum(probabilities[rows, truth], 1e-12)).mean())
            surprise = (logits[rows, truth] - (probabilities * logits).sum(axis=1)) / heat
            surprise *= (asked > _HEAT[0]) & (asked < _HEAT[1])
            slope += weight * np.concatenate([[surprise.mean()], signals.T @ surprise / len(truth)])
        return total, slope

    bounds = [(-2.0, 3.0), (0.0, 2.0 * use_distance), (0.0, 2.0 * use_energy)]
    found = minimize(
        loss,
        np.array([0.0, 0.1 * use_distance, 0.1 * use_energy]),
        jac=True,
        bounds=bounds,
        method="L-BFGS-B",
    )
    return Knobs(*(float(value) for value in found.x))


class ConfidentModel(nn.Module):
    """A network whose logits are divided by the temperature of each window, its axes by one each.

    Parameters
    ----------
    network
        From waveforms to a `models.emotion.hybrid.HeadAnswer`.
    density, knobs, heats
        From `fit_density`, `fit_knobs` and `fit_axis_heat`.
    """

    def __init__(
        self, network: nn.Module, density: Density, knobs: Knobs, heats: AxisHeats | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.knobs = knobs
        self.heats = heats or AxisHeats()
        for name in ("means", "whitening", "centre", "typical", "spread"):
            self.register_buffer(name, torch.from_numpy(getattr(density, name).astype(np.float32)))

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Waveform ``(batch, samples)`` to calibrated logits, embedding, and logits of the two axes."""
        logits, embedding, energy, pleasantness = self.network(waveform)
        white = (embedding - self.get_buffer("centre")) @ self.get_buffer("whitening")
        means = self.get_buffer("means")
        squared = (white[:, None, :] - means[None]).square().sum(dim=2).amin(dim=1)
        signals = torch.stack([squared.clamp_min(1e-6).log(), -torch.logsumexp(logits, dim=1)], dim=1)
        signals = ((signals - self.get_buffer("typical")) / self.get_buffer("spread")).clamp(-_CLIP, _CLIP)
        heat = self.knobs.base + signals[:, 0] * self.knobs.distance + signals[:, 1] * self.knobs.energy
        return (
            logits / heat.clamp(*_HEAT).exp()[:, None],
            embedding,
            energy / self.heats.energy,
            pleasantness / self.heats.pleasantness,
        )

"""Temperatures: one for all windows, and one for each that rises with the distance from training speakers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import DataError
from training.metrics import softmax

_LOWEST: Final = 0.05
_HIGHEST: Final = 20.0


def _weighted_nll(
    logits: NDArray[np.floating[Any]],
    truth: NDArray[np.int64],
    temperature: float,
    weights: NDArray[np.float64] | None = None,
) -> float:
    """Weighted mean negative log-likelihood in nats of ``softmax(logits / temperature)``."""
    share = softmax(logits, temperature)[np.arange(len(truth)), truth]
    return float(np.average(-np.log(np.maximum(share, 1e-300)), weights=weights))


def balanced_weights(groups: list[str]) -> NDArray[np.float64]:
    """Weights that let every group (corpus) count alike, ``(n,)``, mean 1."""
    names, which, counts = np.unique(groups, return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = len(groups) / (len(names) * counts[which].astype(np.float64))
    return weights


def fit_temperature(
    logits: NDArray[np.floating[Any]], truth: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> float:
    """Temperature of least negative log-likelihood, 0.05 to 20 (Guo et al., ICML 2017).

    The likelihood is unimodal in the logarithm of the temperature, so the search cannot miss. Logits are
    ``(n, classes)``, of people held out of training; truth and weights ``(n,)``.

    Raises
    ------
    DataError
        There are no examples, or logits are not finite.
    """
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - only while fitting

    if len(truth) == 0:
        raise DataError("There are no calibration clips: the temperature needs speakers outside training.")
    if not np.isfinite(logits).all():
        raise DataError("The network answers with NaN on calibration clips: its weights are damaged.")
    found = minimize_scalar(
        lambda log_temperature: _weighted_nll(logits, truth, float(np.exp(log_temperature)), weights),
        bounds=(np.log(_LOWEST), np.log(_HIGHEST)),
        method="bounded",
        options={"xatol": 1e-7},
    )
    return float(np.exp(found.x))


Floats = NDArray[np.floating]
_SHRINKAGE: Final = 0.1
_CLIP: Final = 6.0
"""Standardised distances further out than this say nothing more."""
_LOG_TEMPERATURE: Final = (-3.0, 4.0)
"""Range of the log temperature."""


@dataclass(frozen=True)
class Density:
    """Where the embeddings of training speakers lie: class means under one covariance.

    After Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples", NeurIPS 2018.
    """

    means: NDArray[np.float64]  # float64, ``(classes, dim)``, in whitened space
    whitening: NDArray[np.float64]  # float64, ``(embedding, dim)``
    centre: NDArray[np.float64]  # float64, ``(embedding,)``, taken off before whitening
    # Median and half-spread of the log squared distance to the nearest class mean, of other speakers of the
    # same corpora.
    typical: float = 0.0
    spread: float = 1.0


@dataclass(frozen=True)
class ConfidenceParameters:
    """The log temperature: ``base + distance * z``, z the standardised distance from training speakers."""

    # Fitted; a larger value makes the model less sure.
    base: float
    distance: float = 0.0


@dataclass(frozen=True)
class AxisTemperatures:
    """Temperatures by which the logits of the two axes are divided, each > 0."""

    energy: float = 1.0
    pleasantness: float = 1.0


def fit_axis_temperature(groups: Sequence[tuple[Floats, Floats]]) -> float:
    """Temperature of one axis of least mean negative log-likelihood, groups counting alike.

    Groups are corpora: logits and truth, ``(n,)`` each; truth other than 0 and 1 is passed over.

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


def fit_density(embedding: Floats, labels: NDArray[np.int64], others: Floats) -> Density:
    """Describe where training speakers lie; other speakers of the same corpora set the scale of the distance.

    Embeddings are ``(n, embedding)``.

    Raises
    ------
    DataError
        There are no clips.
    """
    if not len(labels) or not len(others):
        raise DataError("There are no clips to describe the training speakers of the model with.")
    values = embedding.astype(np.float64)
    centre = values.mean(axis=0)
    means = np.stack([values[labels == label].mean(axis=0) for label in np.unique(labels)])
    own = values - means[np.searchsorted(np.unique(labels), labels)]
    covariance = own.T @ own / len(own)
    scale = np.trace(covariance) / len(covariance)
    covariance = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * scale * np.eye(len(covariance))
    power, axes = np.linalg.eigh(covariance)
    whitening = axes / np.sqrt(power)
    density = Density((means - centre) @ whitening, whitening, centre)
    low, typical, high = np.quantile(_distance(density, others), [0.16, 0.5, 0.84])
    return replace(density, typical=float(typical), spread=float(max((high - low) / 2, 1e-6)))


def _distance(density: Density, embedding: Floats) -> NDArray[np.float64]:
    """Standardised distance from the nearest class mean, ``(n,)``."""
    white = (embedding.astype(np.float64) - density.centre) @ density.whitening
    squared = (
        np.square(white).sum(axis=1, keepdims=True)
        - 2 * white @ density.means.T
        + np.square(density.means).sum(axis=1)
    )
    distance = np.log(np.maximum(squared.min(axis=1), 1e-6))
    signal = np.clip((distance - density.typical) / density.spread, -_CLIP, _CLIP)
    return np.asarray(signal, dtype=np.float64)


def log_temperature(
    parameters: ConfidenceParameters, density: Density, embedding: Floats
) -> NDArray[np.float64]:
    """Natural log of the temperature of each window, ``(n,)``, of embeddings ``(n, embedding)``."""
    unclipped = parameters.base + parameters.distance * _distance(density, embedding)
    return np.clip(unclipped, *_LOG_TEMPERATURE)


def calibrated(
    parameters: ConfidenceParameters, density: Density, logits: Floats, embedding: Floats
) -> NDArray[np.float64]:
    """Probabilities under the temperature of each window, ``(n, classes)``."""
    return softmax(logits / np.exp(log_temperature(parameters, density, embedding))[:, None])


def fit_parameters(
    groups: list[tuple[Density, Floats, Floats, NDArray[np.int64], float]],
    *,
    use_distance: bool = True,
) -> ConfidenceParameters:
    """Least weighted negative log-likelihood over several groups of speakers.

    The distance gets a weight of 0 or more: what is far from the training speakers never makes the model
    surer. Groups are each of one model and corpus: its density, logits ``(n, classes)``, embeddings, truth,
    and the weight of the whole group.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - only while fitting

    prepared = [
        (_distance(density, embedding), logits.astype(np.float64), truth, weight)
        for density, logits, embedding, truth, weight in groups
        if weight > 0
    ]

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The loss and its gradient: by the log temperature, (true logit - expected logit) / temperature."""
        total, slope = 0.0, np.zeros(2)
        for distance, logits, truth, weight in prepared:
            unclipped = values[0] + distance * values[1]
            temperature = np.exp(np.clip(unclipped, *_LOG_TEMPERATURE))
            probabilities = softmax(logits / temperature[:, None])
            rows = np.arange(len(truth))
            total -= weight * float(np.log(np.maximum(probabilities[rows, truth], 1e-12)).mean())
            gradient = (logits[rows, truth] - (probabilities * logits).sum(axis=1)) / temperature
            gradient *= (unclipped > _LOG_TEMPERATURE[0]) & (unclipped < _LOG_TEMPERATURE[1])
            slope += weight * np.array([gradient.mean(), (distance * gradient).mean()])
        return total, slope

    bounds = [(-2.0, 3.0), (0.0, 2.0 * use_distance)]
    start = np.array([0.0, 0.1 * use_distance])
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
    return ConfidenceParameters(*(float(value) for value in found.x))


class CalibratedModel(nn.Module):
    """A network whose logits are divided by the temperature of each window, its axes by one each.

    The network gives a `models.emotion.hybrid.HeadAnswer` of waveforms.
    """

    def __init__(
        self,
        network: nn.Module,
        density: Density,
        parameters: ConfidenceParameters,
        axis_temperatures: AxisTemperatures | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.confidence = parameters
        self.axis_temperatures = axis_temperatures or AxisTemperatures()
        self.typical, self.spread = density.typical, density.spread
        for name in ("means", "whitening", "centre"):
            self.register_buffer(name, torch.from_numpy(getattr(density, name).astype(np.float32)))

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Waveform ``(batch, samples)`` to calibrated logits, embedding, and logits of the two axes."""
        logits, embedding, energy, pleasantness = self.network(waveform)
        white = (embedding - self.get_buffer("centre")) @ self.get_buffer("whitening")
        means = self.get_buffer("means")
        squared = (white[:, None, :] - means[None]).square().sum(dim=2).amin(dim=1)
        distance = ((squared.clamp_min(1e-6).log() - self.typical) / self.spread).clamp(-_CLIP, _CLIP)
        fitted = self.confidence
        log_temperatures = (fitted.base + fitted.distance * distance).clamp(*_LOG_TEMPERATURE)
        return (
            logits / log_temperatures.exp()[:, None],
            embedding,
            energy / self.axis_temperatures.energy,
            pleasantness / self.axis_temperatures.pleasantness,
        )

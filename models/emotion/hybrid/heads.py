"""The trained part of the hybrid: its branches, dense layers and outputs, and ensembles of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from core.emotions import EMOTIONS
from core.errors import ModelError

EMBEDDING_SIZE: Final = 128  # width of the layer before the logits

_LEAST_SPREAD: Final = 1e-3
_MAX_DEVIATION: Final = 6.0  # standardised statistics are clipped to plus and minus this
_LOG_MEL_CENTRE: Final = -10.0
_LOG_MEL_SPREAD: Final = 4.0  # fixed standardisation of the log-mels of speech of peak 1 (measured, rounded)


@dataclass(frozen=True)
class HybridSettings:
    """Architecture of the hybrid."""

    # Number of transformer layers to keep, from the first; None keeps all.
    n_layers: int | None = None
    # Whether each waveform is normalised before the encoder: to zero mean and unit variance for encoders like
    # wav2vec2-base, to half of full scale for Whisper. The compact encoder normalises by itself.
    normalise_input: bool = True
    dropout: float = 0.3  # dropout of the dense layers, [0, 1)
    dropout_pooled: float = 0.2  # dropout of the pooled statistics, [0, 1)
    # Of the log-mel spectrogram, samples at 16 kHz; the window is as long as ``n_fft``.
    n_mels: int = 64
    n_fft: int = 1024
    hop_samples: int = 512
    # Number of consecutive encoder frames that are averaged into one, at least 1: 4 makes the frames of
    # wav2vec2-base 80 ms long, and cached features four times smaller.
    frame_pool: int = 1
    # Branches to use, at least one: mean and deviation over time of the encoder's states, the 1D-CNN on their
    # frames, the 2D-CNN on the spectrogram.
    use_pooled: bool = True
    use_encoder: bool = True
    use_spectrogram: bool = True
    pooled_layers: int = 2  # number of last layers whose states are pooled, at least 1
    # Names of the classes, in the order of the logits.
    labels: tuple[str, ...] = tuple(str(emotion) for emotion in EMOTIONS)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.labels)

    @property
    def uses_encoder(self) -> bool:
        """Whether any branch uses the encoder."""
        return self.use_pooled or self.use_encoder


class FrozenFeatures(NamedTuple):
    """Everything that the head sees: features that are not trained."""

    # Mean and deviation over time of each layer's output, ``(batch, 2 * layers * hidden)``; None without an
    # encoder.
    statistics: Tensor | None
    # Input of the first layer and output of each, with averaged frames, ``(batch, n_states, frames,
    # hidden)``; None without the encoder's branch.
    states: Tensor | None
    log_mel: Tensor  # ``(batch, bands, frames)``


class HeadAnswer(NamedTuple):
    """A head's answers to windows."""

    logits: Tensor  # ``(batch, classes)``
    embedding: Tensor  # the layer before the outputs, after its ReLU, ``(batch, 128)``
    # Logits of lively and of pleasant, ``(batch,)``.
    energy: Tensor
    pleasantness: Tensor


def _branch_1d(hidden_size: int) -> nn.Sequential:
    """1D-CNN over the encoder's frames: hidden size -> 128 -> 64 channels."""
    return nn.Sequential(
        nn.Conv1d(hidden_size, 128, 5, padding=2, bias=False),
        nn.BatchNorm1d(128),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(128, 64, 5, padding=2, bias=False),
        nn.BatchNorm1d(64),
        nn.ReLU(),
    )


def _branch_2d() -> nn.Sequential:
    """2D-CNN over the log-mel spectrogram: 32 -> 64 -> 128 channels, each halving both axes."""
    layers: list[nn.Module] = []
    channels = 1
    for filters in (32, 64, 128):
        layers += [nn.Conv2d(channels, filters, 3, 2, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU()]
        channels = filters
    return nn.Sequential(*layers)


def pooled_statistics(frames: Tensor) -> Tensor:
    """Mean and standard deviation over time of ``(batch, channels, frames)``: ``(batch, 2 * channels)``."""
    mean = frames.mean(dim=2)
    variance = (frames - mean[:, :, None]).square().mean(dim=2)
    return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)


class HybridHead(nn.Module):
    """The trained part: layer weights, branches, dense layers and outputs.

    The 1D-CNN sees the mean of the hidden states, including the first layer's input, with learned softmax
    weights (Yang et al., "SUPERB", Interspeech 2021).

    Parameters
    ----------
    hidden_size, n_states
        Width and number of the encoder's states: outputs of its layers and the input of the first.
    settings
        Architecture.

    Raises
    ------
    ModelError
        There is no branch, no layer is pooled, or there are fewer than two classes.
    """

    def __init__(self, hidden_size: int, n_states: int, settings: HybridSettings) -> None:
        super().__init__()
        if not (settings.uses_encoder or settings.use_spectrogram):
            raise ModelError("The hybrid has neither encoder nor spectrogram: switch one of them on.")
        if settings.pooled_layers < 1:
            raise ModelError(f"{settings.pooled_layers} layers are to be pooled: give 1 or more.")
        if settings.n_classes < 2:
            raise ModelError(f"The hybrid has {settings.n_classes} classes: give at least two labels.")
        self.hidden_size, self.n_states, self.settings = hidden_size, n_states, settings
        self.embedding_size = EMBEDDING_SIZE
        width = 0
        if settings.use_pooled:
            n_statistics = 2 * min(settings.pooled_layers, n_states - 1) * hidden_size
            self.register_buffer("typical", torch.zeros(n_statistics))
            self.register_buffer("spread", torch.ones(n_statistics))
            self.drop_pooled = nn.Dropout(settings.dropout_pooled)
            width += n_statistics
        if settings.use_encoder:
            self.layer_weights = nn.Parameter(torch.zeros(n_states))
            self.branch_1d = _branch_1d(hidden_size)
            width += 2 * 64
        if settings.use_spectrogram:
            self.branch_2d = _branch_2d()
            width += 128
        self.dense = nn.Sequential(
            nn.Linear(width, 256),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(256, EMBEDDING_SIZE),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.out = nn.Linear(EMBEDDING_SIZE, settings.n_classes)
        self.axes = nn.Linear(EMBEDDING_SIZE, 2)

    def fit_scale(self, statistics: Tensor) -> None:
        """Fit the standardisation of pooled statistics to those of many windows, in place."""
        with torch.no_grad():
            used = statistics[:, -len(self.get_buffer("typical")) :]
            self.get_buffer("typical").copy_(used.mean(dim=0))
            self.get_buffer("spread").copy_(used.std(dim=0) + _LEAST_SPREAD)

    def standardise(self, statistics: Tensor) -> Tensor:
        """Standardise the pooled statistics of the last layers, clipped to [-6, 6]."""
        typical = self.get_buffer("typical")
        standard = (statistics[:, -len(typical) :] - typical) / self.get_buffer("spread")
        return standard.clamp(-_MAX_DEVIATION, _MAX_DEVIATION)

    def mix(self, states: Tensor) -> Tensor:
        """Weighted mean of the states ``(batch, n_states, frames, hidden)``: ``(batch, frames, hidden)``."""
        return torch.einsum("s,bsth->bth", torch.softmax(self.layer_weights, dim=0), states)

    def embed(self, standard: Tensor | None, mixed: Tensor | None, log_mel: Tensor | None) -> Tensor:
        """The layer before the outputs, after its ReLU, ``(batch, 128)``.

        Parameters
        ----------
        standard, mixed
            From `standardise` and `mix`; ignored without their branches.
        log_mel
            ``(batch, bands, frames)``; ignored without the spectrogram's branch.
        """
        parts = []
        if self.settings.use_pooled and standard is not None:
            parts.append(self.drop_pooled(standard))
        if self.settings.use_encoder and mixed is not None:
            parts.append(pooled_statistics(self.branch_1d(mixed.transpose(1, 2))))
        if self.settings.use_spectrogram and log_mel is not None:
            centred = (log_mel[:, None] - _LOG_MEL_CENTRE) / _LOG_MEL_SPREAD
            parts.append(self.branch_2d(centred).mean(dim=(2, 3)))
        embedding: Tensor = self.dense(torch.cat(parts, dim=1))
        return embedding

    def answer(self, embedding: Tensor) -> HeadAnswer:
        """Outputs for an embedding ``(batch, 128)``."""
        dropped = self.dropout(embedding)
        energy, pleasantness = self.axes(dropped).unbind(dim=1)
        return HeadAnswer(self.out(dropped), embedding, energy, pleasantness)

    def forward(self, frozen: FrozenFeatures) -> HeadAnswer:
        """From `EmotionHybrid.frozen_features` to answers."""
        settings = self.settings
        standard = (
            self.standardise(frozen.statistics)
            if settings.use_pooled and frozen.statistics is not None
            else None
        )
        mixed = self.mix(frozen.states) if settings.use_encoder and frozen.states is not None else None
        return self.answer(self.embed(standard, mixed, frozen.log_mel))


class HeadEnsemble(nn.Module):
    """Heads that were trained alike from different random weights.

    Logits are averaged and embeddings concatenated (Lakshminarayanan et al., "Simple and Scalable
    Predictive Uncertainty Estimation using Deep Ensembles", NeurIPS 2017).

    Parameters
    ----------
    heads
        At least one, all of the same shape.
    """

    def __init__(self, heads: Sequence[HybridHead]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)
        self.settings = heads[0].settings
        self.embedding_size = sum(head.embedding_size for head in heads)

    def forward(self, frozen: FrozenFeatures) -> HeadAnswer:
        """From `EmotionHybrid.frozen_features` to answers; the embedding is ``(batch, heads * 128)``."""
        logits, embedding, energy, pleasantness = zip(*(head(frozen) for head in self.heads), strict=True)
        return HeadAnswer(
            torch.stack(logits).mean(dim=0),
            torch.cat(embedding, dim=1),
            torch.stack(energy).mean(dim=0),
            torch.stack(pleasantness).mean(dim=0),
        )

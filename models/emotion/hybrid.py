"""Owns the torch hybrid: a frozen speech encoder under a 1D-CNN branch, beside a 2D-CNN on log-mels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import ModelError
from models.emotion.labels import EMOTIONS

__all__ = [
    "EMBEDDING_SIZE",
    "ENCODER_KINDS",
    "EmotionHybrid",
    "Frozen",
    "HeadAnswer",
    "HeadEnsemble",
    "HybridHead",
    "HybridSettings",
    "LogMel",
    "Positions",
    "WhisperLogMel",
    "fold_weight_norm",
    "layers_to_keep",
    "mel_matrix",
    "refuse_other_kinds",
    "slaney_edges_hz",
]

EMBEDDING_SIZE: Final = 128
"""Width of the layer before the logits."""
ENCODER_KINDS: Final = {
    "wav2vec2": "Wav2Vec2",
    "hubert": "HuBERT",
    "wavlm": "WavLM",
    "whisper": "Whisper's encoder",
}
"""The speech encoders of transformers that the hybrid takes: ``model_type`` and name."""

_SAMPLE_RATE_HZ: Final = 16_000
_SLANEY_BREAK_HZ: Final = 1000.0
_SLANEY_LINEAR_HZ: Final = 200.0 / 3.0
_SLANEY_LOG_STEP: Final = math.log(6.4) / 27.0
_PEAK_FLOOR: Final = 1e-3
_LEAST_SPREAD: Final = 1e-3
_FARTHEST: Final = 6.0
"""Standardised statistics further out than this say nothing more."""
_LOG_MEL_CENTRE: Final = -10.0
_LOG_MEL_SPREAD: Final = 4.0
"""Fixed standardisation of the log-mels of speech of peak 1 (measured, rounded)."""
_WHISPER_FFT: Final = 400
_WHISPER_HOP: Final = 160
_WHISPER_PEAK: Final = 0.5
_FRAME_S: Final = 0.02
"""Of an encoder that tells places apart by a table."""


def _hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale: linear to 1 kHz, logarithmic above (Auditory Toolbox, 1998)."""
    linear = hz / _SLANEY_LINEAR_HZ
    above = np.log(np.maximum(hz, _SLANEY_BREAK_HZ) / _SLANEY_BREAK_HZ) / _SLANEY_LOG_STEP
    return np.where(hz < _SLANEY_BREAK_HZ, linear, _SLANEY_BREAK_HZ / _SLANEY_LINEAR_HZ + above)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of `_hz_to_mel`."""
    break_mel = _SLANEY_BREAK_HZ / _SLANEY_LINEAR_HZ
    above = _SLANEY_BREAK_HZ * np.exp(_SLANEY_LOG_STEP * (np.maximum(mel, break_mel) - break_mel))
    return np.where(mel < break_mel, mel * _SLANEY_LINEAR_HZ, above)


def slaney_edges_hz(n_mels: int, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Where mel filters begin, peak and end: each peaks where the one before ends, ``(n_mels + 2,)`` Hz."""
    ends = _hz_to_mel(np.array([low_hz, high_hz]))
    return _mel_to_hz(np.linspace(ends[0], ends[1], n_mels + 2))


def mel_matrix(n_mels: int, n_fft: int, low_hz: float, high_hz: float) -> NDArray[np.float32]:
    """Triangular mel filters on Slaney's scale, each with peak 1.

    Parameters
    ----------
    n_mels
        Number of bands.
    n_fft
        Length of the Fourier transform in samples at 16 kHz.
    low_hz, high_hz
        Lower edge of the first and upper edge of the last filter; 0 <= low < high <= 8000.

    Returns
    -------
    ndarray
        float32, ``(n_fft // 2 + 1, n_mels)``.
    """
    edges_hz = slaney_edges_hz(n_mels, low_hz, high_hz)
    bins_hz = np.arange(n_fft // 2 + 1)[:, None] * (_SAMPLE_RATE_HZ / n_fft)
    left, centre, right = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz - left) / (centre - left)
    falling = (right - bins_hz) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


class LogMel(nn.Module):
    """Natural-log mel powers of 16 kHz audio, as one convolution, so that it exports to a fast graph.

    The Fourier transform is a product with fixed cosine and sine rows under a periodic Hann window
    scaled to sum 1 (a full-scale sine has power 1/4). Frames are not centred: frame ``t`` starts at
    sample ``t * hop_samples``.

    Parameters
    ----------
    n_mels
        Number of bands.
    n_fft, window_samples, hop_samples
        Lengths in samples at 16 kHz; ``window_samples <= n_fft``.
    low_hz, high_hz
        Edges of the mel filters.
    floor
        Power below which nothing is told apart; the smallest output is its logarithm.
    """

    def __init__(
        self,
        n_mels: int = 64,
        n_fft: int = 1024,
        window_samples: int = 1024,
        hop_samples: int = 512,
        *,
        low_hz: float = 50.0,
        high_hz: float = 7600.0,
        floor: float = 1e-8,
    ) -> None:
        super().__init__()
        mel = mel_matrix(n_mels, n_fft, low_hz, high_hz)
        used = np.flatnonzero(mel.any(axis=1))  # bins outside the filters need no rows
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window_samples) / window_samples)
        window /= window.sum()
        angle = 2 * np.pi * np.outer(used, np.arange(window_samples)) / n_fft
        rows = np.concatenate([np.cos(angle), np.sin(angle)]) * window  # (2 * bins, window)
        self.hop_samples = hop_samples
        self._log_floor = math.log(floor)
        self.fourier: Tensor
        self.mel: Tensor
        self.register_buffer(
            "fourier", torch.from_numpy(rows[:, None, :].astype(np.float32)), persistent=False
        )
        # Powers are counted in units of the floor: graph optimisers take a bare "+ 1e-8" for "+ 0".
        in_floors = (mel[used].T / floor)[:, :, None].astype(np.float32)
        self.register_buffer("mel", torch.from_numpy(in_floors), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform ``(batch, samples)`` to natural-log powers ``(batch, n_mels, frames)``."""
        spectrum = nn.functional.conv1d(waveform[:, None, :], self.fourier, stride=self.hop_samples)
        real, imaginary = spectrum.chunk(2, dim=1)
        power = nn.functional.conv1d(real.square() + imaginary.square(), self.mel)
        return torch.log(power + 1.0) + self._log_floor


class WhisperLogMel(nn.Module):
    """The log-mels that Whisper was trained on (Radford et al., ICML 2023), as convolutions that export well.

    Slaney's bands of equal area from 0 to 8 kHz over Hann windows of 25 ms, 10 ms apart, centred on reflected
    edges; log10, nothing more than 8 below the loudest value of the window, ``(x + 4) / 4``. What
    ``transformers.WhisperFeatureExtractor`` gives for sound that is not padded to 30 s.

    Parameters
    ----------
    n_mels
        Number of bands: 80, or 128 from large-v3 on.
    """

    def __init__(self, n_mels: int = 80) -> None:
        super().__init__()
        edges_hz = slaney_edges_hz(n_mels, 0.0, 8000.0)
        by_area = (2.0 / (edges_hz[2:] - edges_hz[:-2])).astype(np.float32)
        mel = mel_matrix(n_mels, _WHISPER_FFT, 0.0, 8000.0) * by_area
        used = np.flatnonzero(mel.any(axis=1))
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WHISPER_FFT) / _WHISPER_FFT)
        angle = 2 * np.pi * np.outer(used, np.arange(_WHISPER_FFT)) / _WHISPER_FFT
        rows = np.concatenate([np.cos(angle), np.sin(angle)]) * window  # (2 * bins, 400)
        self.fourier: Tensor
        self.mel: Tensor
        self.register_buffer(
            "fourier", torch.from_numpy(rows[:, None, :].astype(np.float32)), persistent=False
        )
        self.register_buffer("mel", torch.from_numpy(mel[used].T[:, :, None].copy()), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform ``(batch, samples)`` to ``(batch, n_mels, samples // 160)``; at least 201 samples."""
        n_frames = waveform.shape[-1] // _WHISPER_HOP
        margin = _WHISPER_FFT // 2
        padded = nn.functional.pad(waveform[:, None, :], (margin, margin), mode="reflect")
        spectrum = nn.functional.conv1d(
            padded[:, :, : (n_frames - 1) * _WHISPER_HOP + _WHISPER_FFT], self.fourier, stride=_WHISPER_HOP
        )
        real, imaginary = spectrum.chunk(2, dim=1)
        power = nn.functional.conv1d(real.square() + imaginary.square(), self.mel)
        log = power.clamp_min(1e-10).log10()
        return (torch.maximum(log, log.amax(dim=(1, 2), keepdim=True) - 8.0) + 4.0) / 4.0


@dataclass(frozen=True)
class HybridSettings:
    """Shape of what is trained on top of the encoder.

    Attributes
    ----------
    n_layers
        Transformer layers of the encoder that are kept, from the first; None keeps all.
    normalise_input
        Whether a wave front-end expects each waveform at zero mean and unit variance, as those of
        the wav2vec2-base kind do, and whether Whisper's encoder hears each at half of full scale; the
        compact encoder's front-end sets the level itself.
    dropout
        Share of features dropped in the dense layers while training, [0, 1).
    dropout_pooled
        Share of the pooled statistics dropped while training, [0, 1).
    n_mels, n_fft, hop_samples
        Of the log-mel spectrogram, samples at 16 kHz; the window is as long as ``n_fft``.
    frame_pool
        Neighbouring frames of the encoder that are averaged into one, at least 1: 4 makes the 20 ms
        frames of wav2vec2-base 80 ms long, and what is cached of them four times smaller.
    use_pooled, use_encoder, use_spectrogram
        Which branches there are, at least one: mean and deviation over time of the encoder's states, the
        1D-CNN on their frames, the 2D-CNN on the spectrogram.
    pooled_layers
        Last layers whose states are pooled, at least 1; fewer where the encoder has fewer.
    labels
        Names of the classes, in the order of the logits.
    """

    n_layers: int | None = None
    normalise_input: bool = True
    dropout: float = 0.3
    dropout_pooled: float = 0.2
    n_mels: int = 64
    n_fft: int = 1024
    hop_samples: int = 512
    frame_pool: int = 1
    use_pooled: bool = True
    use_encoder: bool = True
    use_spectrogram: bool = True
    pooled_layers: int = 2
    labels: tuple[str, ...] = tuple(str(emotion) for emotion in EMOTIONS)

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.labels)

    @property
    def hears_encoder(self) -> bool:
        """Whether any branch looks at the encoder."""
        return self.use_pooled or self.use_encoder


class Frozen(NamedTuple):
    """What is not trained, and all that the head looks at.

    Attributes
    ----------
    statistics
        Mean and deviation over time of the state after each layer, ``(batch, 2 * layers * hidden)``; None
        without an encoder.
    states
        Input of the first layer and output of each, frames averaged as the settings say, stacked,
        ``(batch, n_states, frames, hidden)``; None without the encoder's branch.
    log_mel
        ``(batch, bands, frames)``.
    """

    statistics: Tensor | None
    states: Tensor | None
    log_mel: Tensor


class HeadAnswer(NamedTuple):
    """What a head says of windows.

    Attributes
    ----------
    logits
        ``(batch, classes)``.
    embedding
        The layer before the answers, after its ReLU, ``(batch, 128)``.
    energy, pleasantness
        Logits of lively and of pleasant, ``(batch,)``.
    """

    logits: Tensor
    embedding: Tensor
    energy: Tensor
    pleasantness: Tensor


def _branch_1d(hidden_size: int) -> nn.Sequential:
    """Hidden size -> 128 -> 64 over the encoder's frames."""
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
    """32 -> 64 -> 128 filters over the log-mel spectrogram, each halving both axes by its stride."""
    layers: list[nn.Module] = []
    channels = 1
    for filters in (32, 64, 128):
        layers += [nn.Conv2d(channels, filters, 3, 2, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU()]
        channels = filters
    return nn.Sequential(*layers)


def _statistics(frames: Tensor) -> Tensor:
    """Mean and standard deviation over time of ``(batch, channels, frames)``, side by side."""
    mean = frames.mean(dim=2)
    variance = (frames - mean[:, :, None]).square().mean(dim=2)
    return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)


class HybridHead(nn.Module):
    """All that is trained: the weights of the layers, the branches, the dense layers.

    For the 1D-CNN, hidden states, the input of the first layer included, are averaged with learned softmax
    weights (Yang et al., "SUPERB", Interspeech 2021).

    Parameters
    ----------
    hidden_size, n_states
        Width of the encoder's states, and how many there are: its layers and the input of the first.
    settings
        The shape.

    Raises
    ------
    ModelError
        No branch is left, no layer is pooled, or there are fewer than two classes.
    """

    def __init__(self, hidden_size: int, n_states: int, settings: HybridSettings) -> None:
        super().__init__()
        if not (settings.hears_encoder or settings.use_spectrogram):
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
        """Let pooled statistics be seen at mean 0 and deviation 1, by those of many windows, in place."""
        with torch.no_grad():
            used = statistics[:, -len(self.get_buffer("typical")) :]
            self.get_buffer("typical").copy_(used.mean(dim=0))
            self.get_buffer("spread").copy_(used.std(dim=0) + _LEAST_SPREAD)

    def standardise(self, statistics: Tensor) -> Tensor:
        """Pooled statistics of the last layers as the dense layers see them, in [-6, 6]."""
        typical = self.get_buffer("typical")
        standard = (statistics[:, -len(typical) :] - typical) / self.get_buffer("spread")
        return standard.clamp(-_FARTHEST, _FARTHEST)

    def mix(self, states: Tensor) -> Tensor:
        """Weighted mean of the states ``(batch, n_states, frames, hidden)``: ``(batch, frames, hidden)``."""
        return torch.einsum("s,bsth->bth", torch.softmax(self.layer_weights, dim=0), states)

    def embed(self, standard: Tensor | None, mixed: Tensor | None, log_mel: Tensor | None) -> Tensor:
        """The layer before the answers, after its ReLU, ``(batch, 128)``.

        Parameters
        ----------
        standard, mixed
            From `standardise` and `mix`; each is not looked at without its branch.
        log_mel
            ``(batch, bands, frames)``; not looked at without the spectrogram's branch.
        """
        parts = []
        if self.settings.use_pooled and standard is not None:
            parts.append(self.drop_pooled(standard))
        if self.settings.use_encoder and mixed is not None:
            parts.append(_statistics(self.branch_1d(mixed.transpose(1, 2))))
        if self.settings.use_spectrogram and log_mel is not None:
            centred = (log_mel[:, None] - _LOG_MEL_CENTRE) / _LOG_MEL_SPREAD
            parts.append(self.branch_2d(centred).mean(dim=(2, 3)))
        embedding: Tensor = self.dense(torch.cat(parts, dim=1))
        return embedding

    def answer(self, embedding: Tensor) -> HeadAnswer:
        """What an embedding ``(batch, 128)`` amounts to."""
        dropped = self.dropout(embedding)
        energy, pleasantness = self.axes(dropped).unbind(dim=1)
        return HeadAnswer(self.out(dropped), embedding, energy, pleasantness)

    def forward(self, frozen: Frozen) -> HeadAnswer:
        """What `EmotionHybrid.frozen` gave to answers."""
        settings = self.settings
        standard = (
            self.standardise(frozen.statistics)
            if settings.use_pooled and frozen.statistics is not None
            else None
        )
        mixed = self.mix(frozen.states) if settings.use_encoder and frozen.states is not None else None
        return self.answer(self.embed(standard, mixed, frozen.log_mel))


class HeadEnsemble(nn.Module):
    """Heads that were fitted alike from other random weights, and answer together.

    Logits are averaged and embeddings stand side by side (Lakshminarayanan et al., "Simple and Scalable
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

    def forward(self, frozen: Frozen) -> HeadAnswer:
        """What `EmotionHybrid.frozen` gave to answers; the embedding is ``(batch, heads * 128)``."""
        logits, embedding, energy, pleasantness = zip(*(head(frozen) for head in self.heads), strict=True)
        return HeadAnswer(
            torch.stack(logits).mean(dim=0),
            torch.cat(embedding, dim=1),
            torch.stack(energy).mean(dim=0),
            torch.stack(pleasantness).mean(dim=0),
        )


class EmotionHybrid(nn.Module):
    """Frozen speech encoder and log-mels, each under a CNN, to logits.

    The encoder is Wav2Vec2 (Baevski et al., NeurIPS 2020), HuBERT (Hsu et al., TASLP 2021), WavLM (Chen et
    al., JSTSP 2022) or that of Whisper (Radford et al., ICML 2023), as transformers have them. It is never
    trained: its parameters ask for no gradient and it stays in evaluation mode under ``train()``. The
    front-end of a Wav2Vec2 may be its own, or any module from waveforms ``(batch, samples)`` to features
    ``(batch, channels, frames)``.

    Parameters
    ----------
    encoder
        A ``Wav2Vec2Model``, ``HubertModel``, ``WavLMModel`` or ``WhisperModel`` of transformers; changed in
        place: cut, frozen, its weight norm folded. None where the settings leave the encoder out.
    settings
        Shape of the rest.

    Raises
    ------
    ModelError
        The encoder is of another kind, has fewer layers than asked for, or is wanted and absent.
    """

    def __init__(self, encoder: nn.Module | None, settings: HybridSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or HybridSettings()
        if self.settings.frame_pool < 1:
            raise ModelError(
                f"{self.settings.frame_pool} frames are to be averaged into one: give 1 or more."
            )
        self.n_layers = self.hidden_size = self.n_states = 0
        self.encoder: nn.Module | None = None
        if self.settings.hears_encoder:
            if encoder is None:
                raise ModelError("The hybrid has no encoder: give one, or leave its branch out.")
            self._take(encoder)
        self.log_mel = LogMel(
            self.settings.n_mels, self.settings.n_fft, self.settings.n_fft, self.settings.hop_samples
        )
        self.head: HybridHead | HeadEnsemble = HybridHead(self.hidden_size, self.n_states, self.settings)

    def _take(self, encoder: nn.Module) -> None:
        """Cut and freeze the encoder, and learn its shape."""
        kind = getattr(getattr(encoder, "config", None), "model_type", type(encoder).__name__)
        refuse_other_kinds(kind, "The encoder")
        if kind == "whisper":
            encoder = _WhisperEncoder(encoder, levelled=self.settings.normalise_input)
        whole: Any = encoder
        config = whole.config
        stack = whole.encoder
        present = len(stack.layers)
        self.n_layers = layers_to_keep(self.settings.n_layers, present)
        self.hidden_size, self.n_states = int(config.hidden_size), self.n_layers + 1
        # In the "stable" variant the last norm belongs behind the last layer of the whole stack only.
        stable = kind == "whisper" or config.do_stable_layer_norm
        self._norm_first = not stable
        self._norm_last = stable and self.n_layers == present
        self._hands_on_bias = kind == "wavlm"
        stack.layers = stack.layers[: self.n_layers]
        fold_weight_norm(whole)
        self.encoder = encoder.requires_grad_(False).eval()

        # The wave front-end's convolutions, all but the first, are kept as matrices: as products on
        # (frames, channels) they run in int8 when the graph is quantised, as convolutions they do not.
        self._convolutions: list[Any] = list(getattr(whole.feature_extractor, "conv_layers", ()))
        for index, layer in enumerate(self._convolutions[1:], start=1):
            taps = layer.conv.weight.detach().permute(2, 1, 0)  # (width, in, out)
            stride = layer.conv.stride[0]
            self.register_buffer(
                f"front_{index}_beside", taps[:stride].flatten(0, 1).contiguous(), persistent=False
            )
            for tap in range(stride, len(taps)):
                self.register_buffer(f"front_{index}_{tap}", taps[tap].contiguous(), persistent=False)

    def train(self, mode: bool = True) -> Self:
        """Switch what is trained; the encoder stays in evaluation mode."""
        super().train(mode)
        if self.encoder is not None:
            self.encoder.eval()
        return self

    def _wave_features(self, waveform: Tensor) -> Tensor:
        """Waveform ``(batch, samples)`` to front-end features ``(batch, frames, channels)``."""
        if self.settings.normalise_input:
            centred = waveform - waveform.mean(dim=-1, keepdim=True)
            waveform = centred / (centred.square().mean(dim=-1, keepdim=True) + 1e-7).sqrt()
        first, *others = self._convolutions
        features: Tensor = first(waveform[:, None]).transpose(1, 2)
        for index, layer in enumerate(others, start=1):
            width, stride = layer.conv.kernel_size[0], layer.conv.stride[0]
            n_frames = (features.shape[1] - width) // stride + 1
            # Taps within one stride lie side by side already; only those beyond have to be gathered.
            beside = features[:, : n_frames * stride].reshape(-1, n_frames, stride * features.shape[2])
            product = beside @ self.get_buffer(f"front_{index}_beside")
            for tap in range(stride, width):
                beyond = features[:, tap : tap + (n_frames - 1) * stride + 1 : stride]
                product = product + beyond @ self.get_buffer(f"front_{index}_{tap}")
            features = product
            if layer.conv.bias is not None:
                features = features + layer.conv.bias
            if hasattr(layer, "layer_norm"):
                features = layer.layer_norm(features)
            features = layer.activation(features)
        return features

    def hidden_states(self, waveform: Tensor) -> list[Tensor]:
        """Input of the first layer and output of each, ``n_states`` times ``(batch, frames, hidden)``.

        Parameters
        ----------
        waveform
            float32, ``(batch, samples)`` at 16 kHz.

        Returns
        -------
        list of Tensor
            Empty without an encoder.
        """
        if self.encoder is None:
            return []
        encoder: Any = self.encoder
        if self._convolutions:
            features = self._wave_features(waveform)
        else:
            features = encoder.feature_extractor(waveform).transpose(1, 2)
        projected = encoder.feature_projection(features)
        state = projected[0] if isinstance(projected, tuple) else projected  # HuBERT gives no tuple
        stack = encoder.encoder
        state = state + stack.pos_conv_embed(state)
        if self._norm_first:
            state = stack.layer_norm(state)
        states = [state]
        handed_on: dict[str, Tensor | None] = {}
        for layer in stack.layers:
            answer = layer(state, attention_mask=None, **handed_on)
            state = answer[0] if isinstance(answer, tuple) else answer  # transformers 4 returned a tuple
            if self._hands_on_bias:  # WavLM's first layer makes the bias of relative positions for all
                handed_on = {"position_bias": answer[1]}
            states.append(state)
        if self._norm_last:
            states[-1] = stack.layer_norm(states[-1])
        return states

    def spectrogram(self, waveform: Tensor) -> Tensor:
        """Waveform ``(batch, samples)``, any level, to log-mels ``(batch, bands, frames)`` of peak 1."""
        peak = waveform.abs().amax(dim=-1, keepdim=True).clamp_min(_PEAK_FLOOR)
        log_mel: Tensor = self.log_mel(waveform / peak)
        return log_mel

    def frozen(self, waveform: Tensor) -> Frozen:
        """Waveform ``(batch, samples)`` at 16 kHz to all that the head looks at."""
        states, pool = self.hidden_states(waveform), self.settings.frame_pool
        pooled = [_statistics(state.transpose(1, 2)) for state in states[1:]]
        return Frozen(
            torch.cat(pooled, dim=1) if self.settings.use_pooled and pooled else None,
            torch.stack([_average_frames(state, pool) for state in states], dim=1)
            if self.settings.use_encoder and states
            else None,
            self.spectrogram(waveform),
        )

    def forward(self, waveform: Tensor) -> HeadAnswer:
        """Waveform ``(batch, samples)`` at 16 kHz to answers."""
        answer: HeadAnswer = self.head(self.frozen(waveform))
        return answer


class _WhisperFrontEnd(nn.Module):
    """Waveform to features in the place of Wav2Vec2's wave front-end: log-mels and Whisper's convolutions."""

    def __init__(self, whisper: Any, *, levelled: bool) -> None:
        super().__init__()
        self.log_mel = WhisperLogMel(whisper.conv1.in_channels)
        self.conv1, self.conv2 = whisper.conv1, whisper.conv2
        self.levelled = levelled

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform ``(batch, samples)`` to ``(batch, channels, samples // 320)``."""
        if self.levelled:
            peak = waveform.abs().amax(dim=-1, keepdim=True).clamp_min(_PEAK_FLOOR)
            waveform = waveform * (_WHISPER_PEAK / peak)
        inner = nn.functional.gelu(self.conv1(self.log_mel(waveform)))
        features: Tensor = nn.functional.gelu(self.conv2(inner))
        return features


class Positions(nn.Module):
    """Fixed vectors that tell places apart, in the place of Wav2Vec2's positional convolution.

    Parameters
    ----------
    table
        A vector for each frame, ``(places, hidden)``.
    """

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table = nn.Parameter(table, requires_grad=False)

    def forward(self, state: Tensor) -> Tensor:
        """The vectors of the first frames, as many as the state has, ``(1, frames, hidden)``."""
        if state.shape[1] > len(self.table):
            raise ModelError(
                f"The sound has {state.shape[1]} frames, the encoder knows {len(self.table)}: "
                f"give it at most {len(self.table) * _FRAME_S:g} s."
            )
        return self.table[None, : state.shape[1]]


class _WhisperEncoder(nn.Module):
    """Whisper's encoder in the shape of a Wav2Vec2 with stable layer norm.

    Only as many positions are computed as there is sound: nothing is padded to 30 s.
    """

    def __init__(self, whisper: Any, *, levelled: bool) -> None:
        super().__init__()
        whisper = getattr(whisper, "encoder", whisper)  # a whole model, or its encoder
        self.config = whisper.config
        self.feature_extractor = _WhisperFrontEnd(whisper, levelled=levelled)
        self.feature_projection = nn.Identity()
        self.encoder = nn.Module()
        self.encoder.pos_conv_embed = Positions(whisper.embed_positions.weight)
        self.encoder.layers = whisper.layers
        self.encoder.layer_norm = whisper.layer_norm


def _average_frames(state: Tensor, count: int) -> Tensor:
    """Means of ``count`` neighbours along time; what is left over at the end is dropped."""
    if count == 1:
        return state
    n_frames = state.shape[1] // count
    return state[:, : n_frames * count].reshape(-1, n_frames, count, state.shape[2]).mean(dim=2)


def refuse_other_kinds(kind: str | None, what: str) -> None:
    """Raise `ModelError` for an encoder that the hybrid does not take; `what` begins the sentence."""
    if kind not in ENCODER_KINDS:
        *others, last = ENCODER_KINDS.values()
        raise ModelError(f"{what} is of the kind {kind!r}: the hybrid needs {', '.join(others)} or {last}.")


def layers_to_keep(asked: int | None, present: int) -> int:
    """How many layers stay; `ModelError` when more, or none, are asked for than there are."""
    if asked is None:
        return present
    if not 1 <= asked <= present:
        raise ModelError(
            f"{asked} layers of the encoder are asked for: it has {present}, give 1 to {present}."
        )
    return asked


def fold_weight_norm(encoder: Any) -> None:
    """Put a plain positional convolution in the place of the weight-normalised one: frozen, it needs no more.

    The module is replaced, not changed: copies of an encoder share the class that carries the norm.
    """
    embed = encoder.encoder.pos_conv_embed
    normed = getattr(embed, "conv", None)  # positions may be a table
    if normed is None or not nn.utils.parametrize.is_parametrized(normed, "weight"):
        return
    plain = nn.Conv1d(
        normed.in_channels,
        normed.out_channels,
        normed.kernel_size[0],
        padding=normed.padding[0],
        groups=normed.groups,
    )
    with torch.no_grad():
        plain.weight.copy_(normed.weight)
        plain.bias.copy_(normed.bias)  # type: ignore[union-attr]
    embed.conv = plain

"""The hybrid emotion model: a frozen speech encoder and log-mels, each under a CNN, to logits."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn

from core.errors import ModelError
from models.emotion.hybrid.encoders import (
    PEAK_FLOOR,
    WhisperEncoder,
    check_encoder_kind,
    fold_weight_norm,
    layers_to_keep,
)
from models.emotion.hybrid.heads import (
    FrozenFeatures,
    HeadAnswer,
    HeadEnsemble,
    HybridHead,
    HybridSettings,
    pooled_statistics,
)
from models.emotion.hybrid.log_mel import LogMel


class EmotionHybrid(nn.Module):
    """Frozen speech encoder and log-mels, each under a CNN, to logits.

    The encoder is Wav2Vec2 (Baevski et al., NeurIPS 2020), HuBERT (Hsu et al., TASLP 2021), WavLM (Chen et
    al., JSTSP 2022) or Whisper's (Radford et al., ICML 2023), from transformers. It is never trained: its
    parameters require no gradient and it stays in evaluation mode under ``train()``. The front-end of a
    Wav2Vec2 may be its own, or any module from waveforms ``(batch, samples)`` to features
    ``(batch, channels, frames)``.

    Parameters
    ----------
    encoder
        A ``Wav2Vec2Model``, ``HubertModel``, ``WavLMModel`` or ``WhisperModel`` of transformers. It is
        changed in place: cut, frozen, its weight norm folded. None where the settings use no encoder.
    settings
        Architecture.

    Raises
    ------
    ModelError
        The encoder is of another kind, has too few layers, or is missing.
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
        if self.settings.uses_encoder:
            if encoder is None:
                raise ModelError("The hybrid has no encoder: give one, or leave its branch out.")
            self._adopt(encoder)
        self.log_mel = LogMel(
            self.settings.n_mels, self.settings.n_fft, self.settings.n_fft, self.settings.hop_samples
        )
        self.head: HybridHead | HeadEnsemble = HybridHead(self.hidden_size, self.n_states, self.settings)

    def _adopt(self, encoder: nn.Module) -> None:
        """Cut and freeze the encoder, and read its architecture."""
        kind = getattr(getattr(encoder, "config", None), "model_type", type(encoder).__name__)
        check_encoder_kind(kind, "The encoder")
        if kind == "whisper":
            encoder = WhisperEncoder(encoder, normalise_peak=self.settings.normalise_input)
        whole: Any = encoder
        config = whole.config
        stack = whole.encoder
        present = len(stack.layers)
        self.n_layers = layers_to_keep(self.settings.n_layers, present)
        self.hidden_size, self.n_states = int(config.hidden_size), self.n_layers + 1
        # In the "stable" variant the last norm follows only the last layer of the whole stack.
        stable = kind == "whisper" or config.do_stable_layer_norm
        self._norm_first = not stable
        self._norm_last = stable and self.n_layers == present
        self._passes_position_bias = kind == "wavlm"
        stack.layers = stack.layers[: self.n_layers]
        fold_weight_norm(whole)
        self.encoder = encoder.requires_grad_(False).eval()

        # The front-end's convolutions, except the first, are stored as matrices: products on
        # (frames, channels) run in int8 when the graph is quantised, convolutions do not.
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
        """Switch to training mode; the encoder stays in evaluation mode."""
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
            # Taps within one stride are adjacent in memory; only those beyond have to be gathered.
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
        """Input of the first layer and output of each, ``(batch, frames, hidden)``; none without an encoder.

        Parameters
        ----------
        waveform
            float32, ``(batch, samples)`` at 16 kHz.
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
        position_bias: dict[str, Tensor | None] = {}
        for layer in stack.layers:
            answer = layer(state, attention_mask=None, **position_bias)
            state = answer[0] if isinstance(answer, tuple) else answer  # transformers 4 returned a tuple
            if self._passes_position_bias:  # WavLM's first layer computes it for all
                position_bias = {"position_bias": answer[1]}
            states.append(state)
        if self._norm_last:
            states[-1] = stack.layer_norm(states[-1])
        return states

    def spectrogram(self, waveform: Tensor) -> Tensor:
        """Waveform ``(batch, samples)``, scaled to peak 1, to log-mels ``(batch, bands, frames)``."""
        peak = waveform.abs().amax(dim=-1, keepdim=True).clamp_min(PEAK_FLOOR)
        log_mel: Tensor = self.log_mel(waveform / peak)
        return log_mel

    def frozen_features(self, waveform: Tensor) -> FrozenFeatures:
        """Waveform ``(batch, samples)`` at 16 kHz to everything that the head sees."""
        states, pool = self.hidden_states(waveform), self.settings.frame_pool
        pooled = [pooled_statistics(state.transpose(1, 2)) for state in states[1:]]
        return FrozenFeatures(
            torch.cat(pooled, dim=1) if self.settings.use_pooled and pooled else None,
            torch.stack([_average_frames(state, pool) for state in states], dim=1)
            if self.settings.use_encoder and states
            else None,
            self.spectrogram(waveform),
        )

    def forward(self, waveform: Tensor) -> HeadAnswer:
        """Waveform ``(batch, samples)`` at 16 kHz to answers."""
        answer: HeadAnswer = self.head(self.frozen_features(waveform))
        return answer


def _average_frames(state: Tensor, count: int) -> Tensor:
    """Means of ``count`` consecutive frames; a rest at the end is dropped."""
    if count == 1:
        return state
    n_frames = state.shape[1] // count
    return state[:, : n_frames * count].reshape(-1, n_frames, count, state.shape[2]).mean(dim=2)

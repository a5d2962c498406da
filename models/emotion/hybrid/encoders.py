"""Speech encoders of transformers as the hybrid uses them: Wav2Vec2, HuBERT, WavLM, and Whisper adapted."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn

from core.errors import ModelError
from models.emotion.hybrid.log_mel import WhisperLogMel

ENCODER_KINDS: Final = {
    "wav2vec2": "Wav2Vec2",
    "hubert": "HuBERT",
    "wavlm": "WavLM",
    "whisper": "Whisper's encoder",
}
"""``model_type`` in transformers -> name, of the encoders that the hybrid supports."""

PEAK_FLOOR: Final = 1e-3  # least peak by which a waveform is normalised

_WHISPER_PEAK: Final = 0.5
_FRAME_S: Final = 0.02  # of Whisper's encoder


def check_encoder_kind(kind: str | None, subject: str) -> None:
    """Raise `ModelError` for an encoder that the hybrid does not support.

    Parameters
    ----------
    kind
        ``model_type`` of the encoder.
    subject
        Beginning of the sentence.
    """
    if kind not in ENCODER_KINDS:
        *others, last = ENCODER_KINDS.values()
        raise ModelError(
            f"{subject} is of the kind {kind!r}: the hybrid needs {', '.join(others)} or {last}."
        )


def layers_to_keep(wanted: int | None, present: int) -> int:
    """Number of layers to keep; raises `ModelError` where fewer are present, or none is wanted.

    Parameters
    ----------
    wanted
        None keeps all.
    present
        Layers of the encoder.
    """
    if wanted is None:
        return present
    if not 1 <= wanted <= present:
        raise ModelError(
            f"{wanted} layers of the encoder are asked for: it has {present}, give 1 to {present}."
        )
    return wanted


def fold_weight_norm(encoder: Any) -> None:
    """Replace the weight-normalised positional convolution by a plain one: frozen, it needs no norm.

    The module is replaced, not changed, because copies of an encoder share the class that carries the norm.

    Parameters
    ----------
    encoder
        Of transformers, or a `WhisperEncoder`, whose positions are a table and are left alone.
    """
    embed = encoder.encoder.pos_conv_embed
    normed = getattr(embed, "conv", None)
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


class Positions(nn.Module):
    """Fixed position embeddings, instead of Wav2Vec2's positional convolution.

    Parameters
    ----------
    table
        One vector a frame, ``(frames, hidden)``.
    """

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table = nn.Parameter(table, requires_grad=False)

    def forward(self, state: Tensor) -> Tensor:
        """The vectors of the first frames, as many as ``state`` has, ``(1, frames, hidden)``."""
        if state.shape[1] > len(self.table):
            raise ModelError(
                f"The sound has {state.shape[1]} frames, the encoder knows {len(self.table)}: "
                f"give it at most {len(self.table) * _FRAME_S:g} s."
            )
        return self.table[None, : state.shape[1]]


class _WhisperFrontEnd(nn.Module):
    """Log-mels and Whisper's convolutions, instead of Wav2Vec2's convolutions on the waveform."""

    def __init__(self, whisper: Any, *, normalise_peak: bool) -> None:
        super().__init__()
        self.log_mel = WhisperLogMel(whisper.conv1.in_channels)
        self.conv1, self.conv2 = whisper.conv1, whisper.conv2
        self.normalise_peak = normalise_peak

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform ``(batch, samples)`` to ``(batch, channels, samples // 320)``."""
        if self.normalise_peak:
            peak = waveform.abs().amax(dim=-1, keepdim=True).clamp_min(PEAK_FLOOR)
            waveform = waveform * (_WHISPER_PEAK / peak)
        inner = nn.functional.gelu(self.conv1(self.log_mel(waveform)))
        features: Tensor = nn.functional.gelu(self.conv2(inner))
        return features


class WhisperEncoder(nn.Module):
    """Whisper's encoder with the structure of a Wav2Vec2 with stable layer norm; not padded to 30 s.

    Parameters
    ----------
    whisper
        A ``WhisperModel`` of transformers, or its encoder.
    normalise_peak
        Whether each waveform is scaled to half of full scale.
    """

    def __init__(self, whisper: Any, *, normalise_peak: bool) -> None:
        super().__init__()
        whisper = getattr(whisper, "encoder", whisper)
        self.config = whisper.config
        self.feature_extractor = _WhisperFrontEnd(whisper, normalise_peak=normalise_peak)
        self.feature_projection = nn.Identity()
        self.encoder = nn.Module()
        self.encoder.pos_conv_embed = Positions(whisper.embed_positions.weight)
        self.encoder.layers = whisper.layers
        self.encoder.layer_norm = whisper.layer_norm

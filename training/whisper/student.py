"""The compact encoder: a Wav2Vec2 of three blocks on log-mels, with a convolutional stem and sinusoids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from core.errors import WeightsError
from models.emotion.hybrid import Positions, WhisperLogMel
from training.whisper.teacher import POSITIONS, level

CONFIG_KEY: Final = "attune_compact_encoder"
"""Key in ``config.json`` under which the shape of the front-end stands."""


@dataclass(frozen=True)
class StudentSettings:
    """Shape of the compact encoder."""

    stem: int = 256  # channels of the first convolution
    stem_out: int = 512  # channels of the second, which halves the frames
    # Of the transformer.
    hidden_size: int = 384
    n_layers: int = 3
    n_heads: int = 8
    intermediate_size: int = 1536

    def record(self) -> dict[str, Any]:
        """Plain values, for config files."""
        return asdict(self)


def student_settings(record: object) -> StudentSettings:
    """Read what `StudentSettings.record` wrote.

    Raises
    ------
    WeightsError
        It is no such record.
    """
    try:
        values = {key: int(value) for key, value in dict(record).items()}  # type: ignore[call-overload]
        shape = StudentSettings(**values)
        if min(shape.record().values()) < 1 or shape.hidden_size % shape.n_heads:
            raise ValueError("no such network can be")
        return shape
    except (TypeError, ValueError) as error:
        raise WeightsError(
            f"The compact encoder's config.json does not say its shape ({error}): get a fresh copy."
        ) from error


class _StemFrontEnd(nn.Module):
    """Waveform to features, in the place of Wav2Vec2's wave front-end: log-mels and two convolutions."""

    def __init__(self, settings: StudentSettings) -> None:
        super().__init__()
        self.log_mel = WhisperLogMel()
        self.conv1 = nn.Conv1d(self.log_mel.mel.shape[0], settings.stem, 3, padding=1)
        self.conv2 = nn.Conv1d(settings.stem, settings.stem_out, 3, stride=2, padding=1)

    def features(self, mels: Tensor) -> Tensor:
        """Log-mels ``(batch, 80, frames)`` to ``(batch, channels, frames / 2)``."""
        inner = nn.functional.gelu(self.conv1(mels))
        outer: Tensor = nn.functional.gelu(self.conv2(inner))
        return outer

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform ``(batch, samples)`` at 16 kHz, any level, to ``(batch, channels, samples / 320)``."""
        return self.features(self.log_mel(level(waveform)))


def make_student(settings: StudentSettings | None = None) -> nn.Module:
    """A fresh compact encoder.

    It is a ``transformers.Wav2Vec2Model`` (Baevski et al., NeurIPS 2020) with stable layer norm whose
    ``feature_extractor`` is a `_StemFrontEnd`. Positions are a table. Norms stand before each block and none
    behind the last, as in its teacher: those of the projection and of the whole stack are left out.
    """
    from transformers import Wav2Vec2Config, Wav2Vec2Model  # noqa: PLC0415 - slow to import

    settings = settings or StudentSettings()
    config = Wav2Vec2Config(
        hidden_size=settings.hidden_size,
        num_hidden_layers=settings.n_layers,
        num_attention_heads=settings.n_heads,
        intermediate_size=settings.intermediate_size,
        conv_dim=(settings.stem_out,),
        conv_kernel=(3,),
        conv_stride=(2,),
        num_conv_pos_embeddings=2,
        num_conv_pos_embedding_groups=1,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        feat_proj_dropout=0.0,
        layerdrop=0.0,
        do_stable_layer_norm=True,
        mask_time_prob=0.0,
    )
    setattr(config, CONFIG_KEY, settings.record())
    config._attn_implementation = "eager"
    encoder: Any = Wav2Vec2Model(config)
    encoder.feature_extractor = _StemFrontEnd(settings)
    encoder.feature_projection.layer_norm = nn.Identity()
    encoder.encoder.pos_conv_embed = Positions(torch.zeros(POSITIONS, settings.hidden_size))
    encoder.encoder.layer_norm = nn.Identity()
    student: nn.Module = encoder
    return student


def student_states(student: Any, mels: Tensor) -> list[Tensor]:
    """The stream before and after each block, for log-mels ``(batch, 80, frames)``."""
    features = student.feature_extractor.features(mels).transpose(1, 2)
    stream = student.feature_projection.projection(features)
    states = [stream + student.encoder.pos_conv_embed(stream)]
    for layer in student.encoder.layers:
        after = layer(states[-1])
        states.append(after[0] if isinstance(after, tuple) else after)
    return states


def load_student(arrays: Mapping[str, Tensor], settings: StudentSettings) -> nn.Module:
    """A compact encoder with the given weights.

    Raises
    ------
    WeightsError
        They are of another shape.
    """
    student = make_student(settings)
    try:
        student.load_state_dict(dict(arrays))
    except RuntimeError as error:
        raise WeightsError(
            f"The weights of the compact encoder do not fit its config.json: get a fresh copy ({error})."
        ) from error
    return student

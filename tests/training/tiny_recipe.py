"""A recipe of the compact encoder that is trained in seconds."""

from __future__ import annotations

from models.training.emotion.mel_encoder import EncoderSettings
from models.training.emotion.pretrain import PretrainSettings

__all__ = ["TINY"]

TINY = PretrainSettings(
    batch=4,
    draws_per_epoch=16,
    encoder=EncoderSettings(
        stem=8,
        widths=(8, 8),
        time_strides=(2, 2),
        hidden_size=16,
        n_layers=1,
        n_heads=2,
        intermediate_size=16,
    ),
)

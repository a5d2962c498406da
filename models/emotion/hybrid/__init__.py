"""The emotion model in torch, for training and export: a frozen speech encoder and log-mels under CNNs."""

from models.emotion.hybrid.encoders import Positions, check_encoder_kind, layers_to_keep
from models.emotion.hybrid.heads import (
    FrozenFeatures,
    HeadAnswer,
    HeadEnsemble,
    HybridHead,
    HybridSettings,
)
from models.emotion.hybrid.log_mel import LogMel, WhisperLogMel, mel_matrix
from models.emotion.hybrid.model import EmotionHybrid

__all__ = [
    "EmotionHybrid",
    "FrozenFeatures",
    "HeadAnswer",
    "HeadEnsemble",
    "HybridHead",
    "HybridSettings",
    "LogMel",
    "Positions",
    "WhisperLogMel",
    "check_encoder_kind",
    "layers_to_keep",
    "mel_matrix",
]

"""What models of whole tracks are given and what they answer: the words that training and serving share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class InputKind(StrEnum):
    """What a network is given of a track."""

    EMBEDDING = "embedding"  # YAMNet's, float32, (entries, 1024)
    EMBEDDINGS = "embeddings"  # YAMNet's over time, float32, (entries, steps, 1024)
    FEATURES = "features"  # classical ones, float32, (entries, 103)
    SPECTROGRAM = "spectrogram"  # log-mel, float32, (entries, 128, frames)


class TaskKind(StrEnum):
    """What an answer is, and by which loss it is learned."""

    SINGLE_LABEL = "single-label"  # one of the labels: cross entropy
    MULTI_LABEL = "multi-label"  # any number of the labels: binary cross entropy
    REGRESSION = "regression"  # values, one a label: smooth L1 or squared error


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to learn, and to answer."""

    name: str  # such as "genre"
    kind: TaskKind
    labels: tuple[str, ...]  # names of classes, or of the values of a regression
    weight: float = 1.0  # of its loss in the sum, above 0

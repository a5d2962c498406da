"""Owns the model under test as it is served: its answers, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from models import assets
from models.emotion.recogniser import EMBEDDED_MODEL, EmotionRecogniser, load_recogniser
from models.resample import Audio

__all__ = ["Judged", "Predictor", "model_record", "open_model", "open_unheard"]


@dataclass(frozen=True)
class Judged:
    """What a model says of n windows, float64.

    Attributes
    ----------
    probabilities
        Of the eight emotions, ``(n, 8)``.
    embedding
        ``(n, E)``.
    energy, pleasantness
        Probability of lively, and of pleasant, ``(n,)``; None from a model that knows emotions alone.
    """

    probabilities: NDArray[np.float64]
    embedding: NDArray[np.float64]
    energy: NDArray[np.float64] | None = None
    pleasantness: NDArray[np.float64] | None = None

    @property
    def axes(self) -> dict[str, NDArray[np.float64] | None]:
        """The two axes by their names."""
        return {"energy": self.energy, "pleasantness": self.pleasantness}


Predictor = Callable[[Sequence[Audio]], Judged]
"""From windows ``(48 000,)`` to what a model says of them."""


def open_model(path: Path | None, *, threads: int = 0) -> tuple[Predictor, dict[str, Any]]:
    """Open a served model.

    Parameters
    ----------
    path
        ONNX file; None takes the embedded model.
    threads
        Of the runtime; 0 takes the cores, at most 4.

    Returns
    -------
    predict, record
        The predictor, and from `model_record`.

    Raises
    ------
    WeightsError
        The file is missing, damaged or no emotion model.
    """
    file = assets.locate(EMBEDDED_MODEL) if path is None else path
    recogniser = load_recogniser(file, threads=threads)

    def predict(windows: Sequence[Audio]) -> Judged:
        answers = recogniser.answers(np.stack(windows))
        return Judged(
            answers.probabilities.astype(np.float64),
            answers.embedding.astype(np.float64),
            *(
                None if side is None else side.astype(np.float64)
                for side in (answers.energy, answers.pleasantness)
            ),
        )

    return predict, model_record(file, recogniser)


def open_unheard(
    files: Mapping[str, Path], *, threads: int = 0
) -> dict[str, tuple[Predictor, dict[str, Any]]]:
    """Open models that never heard a corpus, as `open_model` does, by the corpus.

    Raises
    ------
    ModelError
        A model says of itself that it was trained on the corpus.
    WeightsError
        A file is missing, damaged or no emotion model.
    """
    opened = {corpus: open_model(file, threads=threads) for corpus, file in files.items()}
    for corpus, (_, record) in opened.items():
        if corpus in record["trained_on"]:
            raise ModelError(
                f"The model {files[corpus]} was trained on {corpus!r}, so its people are no strangers: "
                "give one that never heard that corpus."
            )
    return opened


def model_record(file: Path, recogniser: EmotionRecogniser) -> dict[str, Any]:
    """What identifies a model: name, version, licence, file, size in bytes, SHA-256, temperature, outputs."""
    info = recogniser.info
    return {
        "name": info.name,
        "version": info.version,
        "licence": info.licence,
        "file": file.name,
        "bytes": file.stat().st_size,
        "sha256": info.sha256,
        "temperature": round(info.temperature, 6),
        "trained_on": list(info.corpora),
        "plane": info.plane,
    }

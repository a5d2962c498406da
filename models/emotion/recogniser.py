"""The emotion model as it is served: windows in, calibrated probabilities out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import ModelError, WeightsError
from models import assets
from models.emotion.labels import EMOTIONS
from models.resample import SAMPLE_RATE_HZ
from models.runtime import Session, load_session

__all__ = ["EMBEDDED_MODEL", "WINDOW_SAMPLES", "EmotionRecogniser", "ModelInfo", "load_recogniser"]

WINDOW_SAMPLES: Final = 48_000
"""3.0 s at 16 kHz, what the model sees."""

EMBEDDED_MODEL: Final = "emotion-compact"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What an emotion model says of itself.

    Parameters
    ----------
    name, version, licence
        From its file.
    labels
        Emotions in output order.
    temperature
        Divisor of the logits, fitted on speakers held out of training.
    corpora
        What it was trained on.
    metrics
        Its published figures.
    provider, threads
        How it runs here.
    """

    name: str
    version: str
    licence: str
    labels: tuple[str, ...]
    temperature: float
    corpora: tuple[str, ...]
    metrics: Mapping[str, Any]
    provider: str
    threads: int


class EmotionRecogniser:
    """Recognise the emotion of a voice in 3-second windows.

    Probabilities are softmax(logits / temperature): Guo et al., "On Calibration of Modern Neural
    Networks", ICML 2017.

    Parameters
    ----------
    session
        Graph with input `waveform` (n, 48 000) and output `logits` (n, 8), and metadata.

    Raises
    ------
    WeightsError
        The file lacks the metadata, or is made for other labels, rates or windows.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.info = _read_info(session)

    def probabilities(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Calibrated probabilities of each window.

        Parameters
        ----------
        windows
            float32, shape (n, 48 000), 16 kHz, range [-1, 1].

        Returns
        -------
        probabilities
            float32, shape (n, 8), in the order of `EMOTIONS`, rows summing to 1.

        Raises
        ------
        ModelError
            The shape is another, or the model's answer is not finite.
        """
        if windows.ndim != 2 or windows.shape[1] != WINDOW_SAMPLES:
            raise ModelError(f"Windows of shape {windows.shape} came: give (n, {WINDOW_SAMPLES}).")
        (logits,) = self._session.run({"waveform": windows})  # (n, 8)
        if not np.isfinite(logits).all():
            raise ModelError("The emotion model answered with NaN: its weights do not fit this machine.")
        scaled = logits / self.info.temperature
        scaled -= scaled.max(axis=1, keepdims=True)
        exp = np.exp(scaled)
        result: npt.NDArray[np.float32] = (exp / exp.sum(axis=1, keepdims=True)).astype(np.float32)
        return result


def load_recogniser(
    path: Path | None = None, *, threads: int = 0, provider: str = "cpu"
) -> EmotionRecogniser:
    """Load an emotion model and run it once, so that the first real window is not the slow one.

    Parameters
    ----------
    path
        An ONNX file with the metadata of this project; None takes the embedded model.
    threads, provider
        See `models.runtime.load_session`.

    Raises
    ------
    WeightsError
        The file is missing, damaged or no emotion model.
    ModelError
        The provider is not available.
    """
    file = assets.locate(EMBEDDED_MODEL) if path is None else path
    recogniser = EmotionRecogniser(load_session(file, threads=threads, provider=provider))
    recogniser.probabilities(np.zeros((1, WINDOW_SAMPLES), dtype=np.float32))
    return recogniser


def _read_info(session: Session) -> ModelInfo:
    meta = session.metadata
    try:
        info = ModelInfo(
            name=meta["name"],
            version=meta["version"],
            licence=meta["licence"],
            labels=tuple(json.loads(meta["labels"])),
            temperature=float(meta["temperature"]),
            corpora=tuple(json.loads(meta["corpora"])),
            metrics=json.loads(meta["metrics"]),
            provider=session.provider,
            threads=session.threads,
        )
        rate_hz, samples = int(meta["sample_rate_hz"]), int(meta["window_samples"])
    except (KeyError, ValueError, TypeError) as error:
        raise WeightsError(
            f"The file is no emotion model of this project (metadata: {error!r}): "
            "use one that its own export wrote."
        ) from error
    if info.labels != EMOTIONS or rate_hz != SAMPLE_RATE_HZ or samples != WINDOW_SAMPLES:
        raise WeightsError(
            f"The emotion model {info.name!r} wants {samples} samples at {rate_hz} Hz and labels "
            f"{', '.join(info.labels)}: this program needs {WINDOW_SAMPLES} at {SAMPLE_RATE_HZ} Hz "
            f"and {', '.join(EMOTIONS)}."
        )
    if not info.temperature > 0:
        raise WeightsError(f"The emotion model {info.name!r} has the temperature {info.temperature}.")
    return info

"""The emotion model at run time: windows in, calibrated probabilities out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from core.emotions import EMOTIONS
from core.errors import ModelError, WeightsError
from models import assets
from models.resample import SAMPLE_RATE_HZ
from models.runtime import Session, load_session, parsing_metadata

WINDOW_SAMPLES: Final = 48_000  # 3.0 s at 16 kHz, what the model sees

EMBEDDED_MODEL: Final = "emotion-compact"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Metadata of an emotion model, and how it runs here."""

    name: str
    version: str
    licence: str
    labels: tuple[str, ...]  # emotions in output order
    temperature: float  # divisor of the logits, fitted on speakers held out of training
    corpora: tuple[str, ...]  # what it was trained on
    metrics: Mapping[str, Any]  # its published figures
    provider: str
    threads: int
    # Of its file, by which a personal adaptation knows its model. Empty where the graph did not come from a
    # file.
    sha256: str = ""
    plane: bool = False  # whether it answers energy and pleasantness, too


@dataclass(frozen=True, slots=True)
class Answers:
    """The model's answers to n windows."""

    # float32, shape (n, 8), in the order of `EMOTIONS`, calibrated, rows summing to 1.
    probabilities: npt.NDArray[np.float32]
    # float32, shape (n, 8), divided by the temperature: their softmax is `probabilities`.
    logits: npt.NDArray[np.float32]
    # float32, shape (n, E): the layer before the last, or, where the graph has no such output, the logits
    # minus their mean (E = 8).
    embedding: npt.NDArray[np.float32]
    # float32, shape (n,): calibrated probabilities that the voice is lively, and pleasant; None where the
    # graph has no such outputs.
    energy: npt.NDArray[np.float32] | None = None
    pleasantness: npt.NDArray[np.float32] | None = None


class Recogniser(Protocol):
    """Whatever answers to windows: a model, or what shares one among many callers."""

    info: ModelInfo

    def answers(self, windows: npt.NDArray[np.float32]) -> Answers:
        """See `EmotionRecogniser.answers`."""


class EmotionRecogniser:
    """Recognise the emotion of a voice in 3-second windows.

    Probabilities are softmax(logits / temperature): Guo et al., "On Calibration of Modern Neural
    Networks", ICML 2017.

    Parameters
    ----------
    session
        Graph with metadata, input `waveform` (n, 48 000), output `logits` (n, 8), and optional outputs
        `embedding` (n, E) and `energy` and `pleasantness` (n,), the calibrated logits of lively and pleasant.
    sha256
        Of the file, in hexadecimal.

    Raises
    ------
    WeightsError
        The graph lacks metadata, or is made for other labels, rates or windows.
    """

    def __init__(self, session: Session, *, sha256: str = "") -> None:
        self._session = session
        self.info = _read_info(session, sha256)

    def probabilities(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Calibrated probabilities of each window, shape (n, 8), in the order of `EMOTIONS`.

        Parameters
        ----------
        windows
            float32, shape (n, 48 000), 16 kHz, range [-1, 1].

        Raises
        ------
        ModelError
            The shape is another, or the model's answer is not finite.
        """
        return self.answers(windows).probabilities

    def answers(self, windows: npt.NDArray[np.float32]) -> Answers:
        """All answers to each window.

        Parameters
        ----------
        windows
            float32, shape (n, 48 000), 16 kHz, range [-1, 1].

        Raises
        ------
        ModelError
            The shape is another, or the model's answer is not finite.
        """
        require_windows(windows)
        outputs = self._session.run_named({"waveform": windows})
        logits: npt.NDArray[np.float32] = np.divide(
            outputs["logits"], self.info.temperature, dtype=np.float32
        )  # (n, 8)
        embedding = outputs.get("embedding", logits - logits.mean(axis=1, keepdims=True))  # (n, E)
        if not (np.isfinite(logits).all() and np.isfinite(embedding).all()):
            raise ModelError("The emotion model answered with NaN: its weights do not fit this machine.")
        energy, pleasantness = (_axis(outputs, name, len(windows)) for name in ("energy", "pleasantness"))
        return Answers(softmax(logits).astype(np.float32), logits, embedding, energy, pleasantness)


def require_windows(windows: npt.NDArray[np.float32]) -> None:
    """Check that something has the shape of windows, (n, 48 000).

    Raises
    ------
    ModelError
        It has another.
    """
    if windows.ndim != 2 or windows.shape[1] != WINDOW_SAMPLES:
        raise ModelError(f"Windows of shape {windows.shape} came: give (n, {WINDOW_SAMPLES}).")


def _axis(
    outputs: Mapping[str, npt.NDArray[np.float32]], name: str, count: int
) -> npt.NDArray[np.float32] | None:
    """Probabilities of one axis, (count,); None where the graph has no such output."""
    logits = outputs.get(name)
    if logits is None:
        return None
    if logits.shape not in ((count,), (count, 1)):
        raise ModelError(
            f"The emotion model's output {name!r} has the shape {logits.shape}, not ({count},): "
            "export it again."
        )
    if not np.isfinite(logits).all():
        raise ModelError("The emotion model answered with NaN: its weights do not fit this machine.")
    # The logistic function as a hyperbolic tangent: large logits do not overflow.
    probabilities: npt.NDArray[np.float32] = (0.5 + 0.5 * np.tanh(0.5 * logits.reshape(count))).astype(
        np.float32
    )
    return probabilities


def softmax(logits: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    """Turn logits into probabilities along the last axis."""
    exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: npt.NDArray[np.floating[Any]] = exp / exp.sum(axis=-1, keepdims=True)
    return result


def load_recogniser(
    path: Path | None = None,
    *,
    threads: int = 0,
    provider: str = "cpu",
    named_by: str = "the setting `emotion_model`",
) -> EmotionRecogniser:
    """Load an emotion model and run it once, so that the first real window is not the slow one.

    Parameters
    ----------
    path
        An ONNX file with the metadata of this project; None takes the embedded model.
    threads, provider, named_by
        See `models.runtime.load_session`.

    Raises
    ------
    WeightsError
        The file is missing, damaged or no emotion model.
    ModelError
        The provider is not available.
    """
    file = assets.locate(EMBEDDED_MODEL) if path is None else path
    named = "" if path is None else named_by
    session = load_session(file, threads=threads, provider=provider, named_by=named)
    recogniser = EmotionRecogniser(session, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    recogniser.probabilities(np.zeros((1, WINDOW_SAMPLES), dtype=np.float32))
    return recogniser


def _read_info(session: Session, sha256: str) -> ModelInfo:
    meta = session.metadata
    with parsing_metadata("emotion model"):
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
            sha256=sha256,
            plane={"energy", "pleasantness"} <= set(session.output_names),
        )
        rate_hz, samples = int(meta["sample_rate_hz"]), int(meta["window_samples"])
    if info.labels != EMOTIONS or rate_hz != SAMPLE_RATE_HZ or samples != WINDOW_SAMPLES:
        raise WeightsError(
            f"The emotion model {info.name!r} wants {samples} samples at {rate_hz} Hz and labels "
            f"{', '.join(info.labels)}: this program needs {WINDOW_SAMPLES} at {SAMPLE_RATE_HZ} Hz "
            f"and {', '.join(EMOTIONS)}."
        )
    session.require_outputs(f"The emotion model {info.name!r}", {"logits"})
    if not info.temperature > 0:
        raise WeightsError(f"The emotion model {info.name!r} has the temperature {info.temperature}.")
    return info

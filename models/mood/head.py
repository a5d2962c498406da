"""Owns the mood head as it is served: embeddings to the probabilities of 59 tags."""

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
from models.mood.backbone import EMBEDDING_SIZE
from models.mood.groups import MoodScale, read_scale
from models.mood.tags import TAGS
from models.runtime import Session, load_session

__all__ = ["EMBEDDED_HEAD", "Head", "HeadInfo", "load_head"]

EMBEDDED_HEAD: Final = "mood-head"


@dataclass(frozen=True, slots=True)
class HeadInfo:
    """What a head says of itself.

    Parameters
    ----------
    name, version, licence
        From its file.
    thresholds
        Probability from which each of the 59 tags counts as present, in (0, 1], in the order of `TAGS`.
    metrics
        Its published figures.
    moods
        What makes its eight moods comparable; None where its file has none (see `mood_weights`).
    """

    name: str
    version: str
    licence: str
    thresholds: tuple[float, ...]
    metrics: Mapping[str, Any]
    moods: MoodScale | None = None


class Head:
    """The mood head on ONNX Runtime; safe to use from several threads.

    Parameters
    ----------
    session
        Graph with input `embedding` (n, 1024), output `probabilities` (n, 59), and metadata.

    Raises
    ------
    WeightsError
        The file lacks the metadata, or is made for other tags.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.info = _read_info(session)

    def probabilities(self, embedding: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Probabilities of the tags.

        They are calibrated for the official YAMNet's mean embedding of a whole clip; with the embedded
        student approximately.

        Parameters
        ----------
        embedding
            float32, shape (n, 1024), raw: as the backbone gives it, or means of it.

        Returns
        -------
        probabilities
            float32, shape (n, 59), in [0, 1], in the order of `TAGS`; they do not sum to 1.

        Raises
        ------
        ModelError
            The shape is another, or the answer is not finite.
        """
        if embedding.ndim != 2 or embedding.shape[1] != EMBEDDING_SIZE:
            raise ModelError(f"Embeddings of shape {embedding.shape} came: give (n, {EMBEDDING_SIZE}).")
        outputs = dict(
            zip(self._session.output_names, self._session.run({"embedding": embedding}), strict=True)
        )
        probabilities: npt.NDArray[np.float32] = outputs["probabilities"]
        if not np.isfinite(probabilities).all():
            raise ModelError(
                f"The mood head {self.info.name!r} answered with NaN: its weights do not fit this machine."
            )
        return probabilities


def load_head(path: Path | None = None, *, provider: str = "cpu") -> Head:
    """Load a mood head and run it once.

    Parameters
    ----------
    path
        An ONNX file with the metadata of this project; None takes the embedded head.
    provider
        Key of `models.runtime.PROVIDERS`.

    Raises
    ------
    WeightsError
        The file is missing, damaged or no mood head.
    ModelError
        The provider is not available.
    """
    file = assets.locate(EMBEDDED_HEAD) if path is None else path
    head = Head(load_session(file, threads=1, provider=provider))
    try:
        answer = head.probabilities(np.zeros((1, EMBEDDING_SIZE), dtype=np.float32))
    except ModelError as error:
        raise WeightsError(f"{file} is no mood head that this program can use: {error}") from error
    if answer.shape != (1, len(TAGS)):
        raise WeightsError(
            f"The mood head {file} answers one embedding with {answer.shape}, not with (1, {len(TAGS)}): "
            "use one that this project exported."
        )
    return head


def _read_info(session: Session) -> HeadInfo:
    meta = session.metadata
    try:
        info = HeadInfo(
            name=meta["name"],
            version=meta["version"],
            licence=meta["licence"],
            thresholds=tuple(float(value) for value in json.loads(meta["thresholds"])),
            metrics=json.loads(meta["metrics"]),
            moods=read_scale(meta["moods"]) if "moods" in meta else None,
        )
        tags = tuple(json.loads(meta["tags"]))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"The file is no mood head of this project (metadata: {error!r}): use one that its own "
            "export wrote."
        ) from error
    if tags != TAGS:
        raise WeightsError(
            f"The mood head {info.name!r} knows {len(tags)} tags, {', '.join(map(str, tags[:3]))}...: this "
            f"program needs the {len(TAGS)} of MTG-Jamendo in their public order."
        )
    if len(info.thresholds) != len(TAGS) or not all(0.0 < value <= 1.0 for value in info.thresholds):
        raise WeightsError(
            f"The mood head {info.name!r} has {len(info.thresholds)} thresholds, from "
            f"{min(info.thresholds, default=0.0)} to {max(info.thresholds, default=0.0)}: one above 0 and at "
            f"most 1 is needed for each of {len(TAGS)} tags."
        )
    if "probabilities" not in session.output_names:
        raise WeightsError(
            f"The mood head {info.name!r} gives out {', '.join(session.output_names)} but no probabilities: "
            "export it again."
        )
    return info

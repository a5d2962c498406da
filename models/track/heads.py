"""Heads at run time: embeddings of YAMNet to the probabilities of labels, or to values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt

from core.errors import ModelError, WeightsError
from models import assets
from models.mood.backbone import EMBEDDING_SIZE
from models.runtime import Session, load_session, parsing_metadata
from models.track.tasks import TaskKind

GENRE_HEAD: Final = "genre-head"
INSTRUMENT_HEAD: Final = "instrument-head"
GEMS_HEAD: Final = "gems-head"
VA_HEAD: Final = "va-head"
TRACK_HEADS: Final = (GENRE_HEAD, INSTRUMENT_HEAD, GEMS_HEAD, VA_HEAD)
"""The embedded heads beside the mood head, as the list of weight files calls them."""

_OUTPUTS: Final[Mapping[TaskKind, str]] = {
    TaskKind.SINGLE_LABEL: "probabilities",
    TaskKind.MULTI_LABEL: "probabilities",
    TaskKind.REGRESSION: "values",
}
"""Kind of a head -> name of its graph's output."""


@dataclass(frozen=True, slots=True)
class HeadInfo:
    """Metadata of a head."""

    name: str
    version: str
    licence: str
    kind: TaskKind
    labels: tuple[str, ...]  # in the order of the answers
    # Probability from which each label counts as present, in (0, 1]; empty where not several can.
    thresholds: tuple[float, ...]
    metrics: Mapping[str, Any]  # its published figures


class EmbeddingHead:
    """A head on ONNX Runtime; safe to use from several threads.

    Parameters
    ----------
    session
        Graph with input `embedding` (n, 1024), output `probabilities` or `values` (n, labels), and metadata.

    Raises
    ------
    WeightsError
        The graph lacks metadata, or they contradict each other.
    """

    what: ClassVar = "head"  # for people

    def __init__(self, session: Session) -> None:
        self._session = session
        self.info = _read_info(session, self.what)
        self._output = _OUTPUTS[self.info.kind]
        session.require_outputs(f"The {self.what} {self.info.name!r}", {self._output})

    @classmethod
    def load(cls, file: Path, *, named_by: str = "") -> Self:
        """Open an ONNX file with the metadata of this project, and run it once.

        Parameters
        ----------
        named_by
            What names the file where it is the user's own, such as a setting.

        Raises
        ------
        WeightsError
            The file is missing, damaged or no such head.
        """
        head = cls(load_session(file, threads=1, named_by=named_by))
        try:
            answer = head.predict(np.zeros((1, EMBEDDING_SIZE), dtype=np.float32))
        except ModelError as error:
            raise WeightsError(f"{file} is no {cls.what} that this program can use: {error}") from error
        wanted = (1, len(head.info.labels))
        if answer.shape != wanted:
            raise WeightsError(
                f"The {cls.what} {file} answers one embedding with {answer.shape}, not with {wanted}: "
                "use one that this project exported."
            )
        return head

    def predict(self, embedding: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Probabilities or values of the labels, shape (n, labels); of several labels they do not sum to 1.

        Probabilities are calibrated for the mean embedding of a whole clip from Google's YAMNet; with the
        embedded student approximately.

        Parameters
        ----------
        embedding
            float32, shape (n, 1024): as the backbone gives it, or means of that.

        Raises
        ------
        ModelError
            The shape is another, or the answer is not finite.
        """
        if embedding.ndim != 2 or embedding.shape[1] != EMBEDDING_SIZE:
            raise ModelError(f"Embeddings of shape {embedding.shape} came: give (n, {EMBEDDING_SIZE}).")
        answer: npt.NDArray[np.float32] = self._session.run_named({"embedding": embedding})[self._output]
        if not np.isfinite(answer).all():
            raise ModelError(
                f"The {self.what} {self.info.name!r} answered with NaN: its weights do not fit this machine."
            )
        return answer


def load_track_head(head: str | Path) -> EmbeddingHead:
    """Load a head.

    Parameters
    ----------
    head
        Name of an embedded one, of `TRACK_HEADS`; or an ONNX file.

    Raises
    ------
    WeightsError
        The name is unknown, or the file is missing, damaged or no head.
    """
    return EmbeddingHead.load(assets.locate(head) if isinstance(head, str) else head)


def _read_info(session: Session, what: str) -> HeadInfo:
    meta = session.metadata
    with parsing_metadata(what):
        # Mood heads before 2.0 have no kind, and call their labels tags.
        kind = TaskKind(meta.get("kind", TaskKind.MULTI_LABEL))
        info = HeadInfo(
            name=meta["name"],
            version=meta["version"],
            licence=meta["licence"],
            kind=kind,
            labels=tuple(str(label) for label in json.loads(meta["labels" if "labels" in meta else "tags"])),
            thresholds=tuple(float(value) for value in json.loads(meta["thresholds"]))
            if kind is TaskKind.MULTI_LABEL
            else (),
            metrics=json.loads(meta["metrics"]),
        )
    needed = len(info.labels) if kind is TaskKind.MULTI_LABEL else 0
    if len(info.thresholds) != needed or not all(0.0 < value <= 1.0 for value in info.thresholds):
        raise WeightsError(
            f"The {what} {info.name!r} has {len(info.thresholds)} thresholds, from "
            f"{min(info.thresholds, default=0.0)} to {max(info.thresholds, default=0.0)}: one above 0 and at "
            f"most 1 is needed for each of {needed} labels."
        )
    return info

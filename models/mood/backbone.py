"""Owns YAMNet as it is served: patches of audio to embeddings and to the scores of AudioSet's classes."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from core.errors import ModelError, WeightsError
from models import assets
from models.mood.patches import PATCH_SAMPLES, Patches
from models.resample import SAMPLE_RATE_HZ
from models.runtime import Session, default_threads, load_session

__all__ = [
    "BATCH",
    "CLASS_COUNT",
    "EMBEDDED_BACKBONE",
    "EMBEDDING_SIZE",
    "Backbone",
    "BackboneInfo",
    "Heard",
    "load_backbone",
]

EMBEDDED_BACKBONE: Final = "yamnet-student"
EMBEDDING_SIZE: Final = 1024
CLASS_COUNT: Final = 521

BATCH: Final = 16
"""Patches at a time: its activations still fit the caches of a core; 4, 8, 32 and 64 are slower."""

_AHEAD: Final = 2
"""Batches that each further thread has been given: one in work, one that waits."""


@dataclass(frozen=True, slots=True)
class BackboneInfo:
    """What a backbone says of itself.

    Parameters
    ----------
    name, version, licence
        From its file.
    classes
        The 521 names of AudioSet's classes, in the order of the scores.
    provider, threads
        How it runs here.
    """

    name: str
    version: str
    licence: str
    classes: tuple[str, ...]
    provider: str
    threads: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What the backbone says of n patches.

    Parameters
    ----------
    embedding
        float32, shape (n, 1024), 0 or more.
    scores
        float32, shape (n, 521), in [0, 1].
    """

    embedding: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]


class Backbone:
    """YAMNet on ONNX Runtime; safe to use from several threads.

    A batch runs on one thread, several batches on several: that leaves no thread waiting for another at every
    one of the network's many small steps.

    Parameters
    ----------
    session
        Graph with input `waveform` (n, 15 600), outputs `embedding` (n, 1024) and `scores` (n, 521), and
        metadata.
    threads
        Of `stream`, the caller's among them.

    Raises
    ------
    WeightsError
        The file lacks the metadata, or is made for other rates, patches or classes.
    """

    def __init__(self, session: Session, *, threads: int = 1) -> None:
        self._session = session
        self.info = _read_info(session, threads)

    def hear(self, patches: Patches) -> Heard:
        """Embeddings and scores of each patch, on the calling thread.

        Parameters
        ----------
        patches
            float32, shape (n, 15 600), 16 kHz, range [-1, 1]; at most some tens, for memory.

        Raises
        ------
        ModelError
            The shape is another, or the answer is not finite.
        """
        if patches.ndim != 2 or patches.shape[1] != PATCH_SAMPLES:
            raise ModelError(f"Patches of shape {patches.shape} came: give (n, {PATCH_SAMPLES}).")
        outputs = dict(zip(self._session.output_names, self._session.run({"waveform": patches}), strict=True))
        heard = Heard(outputs["embedding"], outputs["scores"])
        if not (np.isfinite(heard.embedding).all() and np.isfinite(heard.scores).all()):
            raise ModelError(
                f"The backbone {self.info.name!r} answered with NaN: its weights do not fit this machine."
            )
        return heard

    def stream(self, batches: Iterable[Patches]) -> Iterator[Heard]:
        """Answers to one batch after the other, in order, while the next ones are being made.

        The calling thread draws batches and hands them to the others; when those have enough to do it runs
        one itself. Answers depend on the batches alone, not on the number of threads.

        Parameters
        ----------
        batches
            As `hear` takes them; drawn on the calling thread, a few ahead of what has been answered.

        Raises
        ------
        ModelError
            As `hear`.
        """
        others = self.info.threads - 1
        if not others:
            yield from map(self.hear, batches)
            return
        given: deque[Future[Heard]] = deque()
        pool = ThreadPoolExecutor(others, thread_name_prefix="attune-mood")
        try:
            for batch in batches:
                if sum(not one.done() for one in given) < _AHEAD * others:
                    given.append(pool.submit(self.hear, batch))
                else:
                    given.append(_done(self.hear(batch)))
                while given and given[0].done():
                    yield given.popleft().result()
            while given:
                yield given.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _done(heard: Heard) -> Future[Heard]:
    future: Future[Heard] = Future()
    future.set_result(heard)
    return future


def load_backbone(path: Path | None = None, *, threads: int = 0, provider: str = "cpu") -> Backbone:
    """Load a backbone and run it once, so that the first real patch is not the slow one.

    Parameters
    ----------
    path
        An ONNX file with the metadata of this project; one that was fetched is checked first. None takes the
        embedded student.
    threads
        That work on one file; 0 takes `models.runtime.default_threads()`.
    provider
        Key of `models.runtime.PROVIDERS`.

    Raises
    ------
    WeightsError
        The file is missing, damaged or no backbone.
    ModelError
        The provider is not available.
    """
    file = assets.locate(EMBEDDED_BACKBONE) if path is None else assets.checked(path)
    backbone = Backbone(
        load_session(file, threads=1, provider=provider), threads=threads or default_threads()
    )
    try:
        heard = backbone.hear(np.zeros((1, PATCH_SAMPLES), dtype=np.float32))
    except ModelError as error:
        raise WeightsError(f"{file} is no backbone that this program can use: {error}") from error
    shapes = (heard.embedding.shape, heard.scores.shape)
    if shapes != ((1, EMBEDDING_SIZE), (1, CLASS_COUNT)):
        raise WeightsError(
            f"The backbone {file} answers one patch with {shapes[0]} and {shapes[1]}, not with "
            f"(1, {EMBEDDING_SIZE}) and (1, {CLASS_COUNT}): use one that this project exported."
        )
    return backbone


def _read_info(session: Session, threads: int) -> BackboneInfo:
    meta = session.metadata
    try:
        info = BackboneInfo(
            name=meta["name"],
            version=meta["version"],
            licence=meta["licence"],
            classes=tuple(str(name) for name in json.loads(meta["classes"])),
            provider=session.provider,
            threads=threads,
        )
        rate_hz, samples = int(meta["sample_rate_hz"]), int(meta["patch_samples"])
    except (KeyError, ValueError, TypeError) as error:
        raise WeightsError(
            f"The file is no backbone of this project (metadata: {error!r}): use one that its own "
            "export wrote."
        ) from error
    if rate_hz != SAMPLE_RATE_HZ or samples != PATCH_SAMPLES or len(info.classes) != CLASS_COUNT:
        raise WeightsError(
            f"The backbone {info.name!r} wants {samples} samples at {rate_hz} Hz and knows "
            f"{len(info.classes)} classes: this program needs {PATCH_SAMPLES} at {SAMPLE_RATE_HZ} Hz and "
            f"{CLASS_COUNT}."
        )
    if missing := {"embedding", "scores"} - set(session.output_names):
        raise WeightsError(
            f"The backbone {info.name!r} gives out {', '.join(session.output_names)} but no "
            f"{' and no '.join(sorted(missing))}: export it again."
        )
    return info

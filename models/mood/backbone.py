"""YAMNet at run time: patches of audio to embeddings and scores of AudioSet's classes."""

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
from models.runtime import Session, default_threads, load_session, parsing_metadata

EMBEDDED_BACKBONE: Final = "yamnet-student"
EMBEDDING_SIZE: Final = 1024
CLASS_COUNT: Final = 521

BATCH: Final = 16
"""Patches in a batch, the fastest of 4 to 64: the activations still fit the caches of a core."""

_AHEAD: Final = 2  # batches queued for each pool thread: one in work, one that waits


@dataclass(frozen=True, slots=True)
class BackboneInfo:
    """Metadata of a backbone, and how it runs here."""

    name: str
    version: str
    licence: str
    classes: tuple[str, ...]  # names of AudioSet's 521 classes, in the order of the scores
    provider: str
    threads: int


@dataclass(frozen=True, slots=True)
class BackboneOutput:
    """The backbone's answers to n patches."""

    embedding: npt.NDArray[np.float32]  # float32, shape (n, 1024), 0 or more
    scores: npt.NDArray[np.float32]  # float32, shape (n, 521), in [0, 1]


class Backbone:
    """YAMNet on ONNX Runtime; safe to use from several threads.

    Each batch runs on one thread, and batches run in parallel: threads that share a batch would wait for each
    other at each of the network's many small steps.

    Parameters
    ----------
    session
        Graph with input `waveform` (n, 15 600), outputs `embedding` (n, 1024) and `scores` (n, 521), and
        metadata.
    threads
        Used by `stream`, including the calling one.

    Raises
    ------
    WeightsError
        The graph lacks metadata, or is made for other rates, patches or classes.
    """

    def __init__(self, session: Session, *, threads: int = 1) -> None:
        self._session = session
        self.info = _read_info(session, threads)

    def predict(self, patches: Patches) -> BackboneOutput:
        """Embeddings and scores of each patch, on the calling thread.

        Parameters
        ----------
        patches
            float32, shape (n, 15 600), 16 kHz, range [-1, 1]; some tens at most, because of memory.

        Raises
        ------
        ModelError
            The shape is another, or the answer is not finite.
        """
        if patches.ndim != 2 or patches.shape[1] != PATCH_SAMPLES:
            raise ModelError(f"Patches of shape {patches.shape} came: give (n, {PATCH_SAMPLES}).")
        outputs = self._session.run_named({"waveform": patches})
        output = BackboneOutput(outputs["embedding"], outputs["scores"])
        if not (np.isfinite(output.embedding).all() and np.isfinite(output.scores).all()):
            raise ModelError(
                f"The backbone {self.info.name!r} answered with NaN: its weights do not fit this machine."
            )
        return output

    def stream(self, batches: Iterable[Patches]) -> Iterator[BackboneOutput]:
        """Answers to batches, in their order.

        The calling thread draws batches and hands them to a pool; while that is busy it runs one itself.
        Answers do not depend on the number of threads.

        Parameters
        ----------
        batches
            As in `predict`; drawn on the calling thread, a few ahead of the answers.

        Raises
        ------
        ModelError
            As in `predict`.
        """
        others = self.info.threads - 1
        if not others:
            yield from map(self.predict, batches)
            return
        pending: deque[Future[BackboneOutput]] = deque()
        pool = ThreadPoolExecutor(others, thread_name_prefix="attune-mood")
        try:
            for batch in batches:
                if sum(not future.done() for future in pending) < _AHEAD * others:
                    pending.append(pool.submit(self.predict, batch))
                else:
                    pending.append(_done(self.predict(batch)))
                while pending and pending[0].done():
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _done(output: BackboneOutput) -> Future[BackboneOutput]:
    future: Future[BackboneOutput] = Future()
    future.set_result(output)
    return future


def load_backbone(path: Path | None = None, *, threads: int = 0, provider: str = "cpu") -> Backbone:
    """Load a backbone and run it once, so that the first real patch is not the slow one.

    Parameters
    ----------
    path
        An ONNX file with the metadata of this project, verified where it was fetched; None takes the embedded
        student.
    threads
        Used for one file; 0 takes `models.runtime.default_threads()`.
    provider
        Key of `models.runtime.PROVIDERS`.

    Raises
    ------
    WeightsError
        The file is missing, damaged or no backbone.
    ModelError
        The provider is not available.
    """
    file = assets.locate(EMBEDDED_BACKBONE) if path is None else assets.verified(path)
    named_by = "" if path is None else "the setting `mood_backbone`"
    session = load_session(file, threads=1, provider=provider, named_by=named_by)
    backbone = Backbone(session, threads=threads or default_threads())
    try:
        output = backbone.predict(np.zeros((1, PATCH_SAMPLES), dtype=np.float32))
    except ModelError as error:
        raise WeightsError(f"{file} is no backbone that this program can use: {error}") from error
    shapes = (output.embedding.shape, output.scores.shape)
    if shapes != ((1, EMBEDDING_SIZE), (1, CLASS_COUNT)):
        raise WeightsError(
            f"The backbone {file} answers one patch with {shapes[0]} and {shapes[1]}, not with "
            f"(1, {EMBEDDING_SIZE}) and (1, {CLASS_COUNT}): use one that this project exported."
        )
    return backbone


def _read_info(session: Session, threads: int) -> BackboneInfo:
    meta = session.metadata
    with parsing_metadata("backbone"):
        info = BackboneInfo(
            name=meta["name"],
            version=meta["version"],
            licence=meta["licence"],
            classes=tuple(str(name) for name in json.loads(meta["classes"])),
            provider=session.provider,
            threads=threads,
        )
        rate_hz, samples = int(meta["sample_rate_hz"]), int(meta["patch_samples"])
    if rate_hz != SAMPLE_RATE_HZ or samples != PATCH_SAMPLES or len(info.classes) != CLASS_COUNT:
        raise WeightsError(
            f"The backbone {info.name!r} wants {samples} samples at {rate_hz} Hz and knows "
            f"{len(info.classes)} classes: this program needs {PATCH_SAMPLES} at {SAMPLE_RATE_HZ} Hz and "
            f"{CLASS_COUNT}."
        )
    session.require_outputs(f"The backbone {info.name!r}", {"embedding", "scores"})
    return info

"""The emotion model under test: what it predicts for windows, and what identifies it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from models import assets
from models.emotion.recogniser import EMBEDDED_MODEL, EmotionRecogniser, load_recogniser
from models.resample import Audio
from training.data.cache import Clip, SpeechCache
from training.data.window import centre_window
from training.libraries import library_versions
from training.progress import Progress
from training.report.axes import AXES

_BATCH: Final = 32


@dataclass(frozen=True)
class Predictions:
    """What a model predicts for n windows, float64."""

    probabilities: NDArray[np.float64]  # of the eight emotions, ``(n, 8)``
    embedding: NDArray[np.float64]  # ``(n, E)``
    # Probability of the high sides, ``(n,)``; None from a model that knows emotions alone.
    energy: NDArray[np.float64] | None = None
    pleasantness: NDArray[np.float64] | None = None

    @property
    def axes(self) -> dict[str, NDArray[np.float64] | None]:
        """The two axes by their names."""
        return {"energy": self.energy, "pleasantness": self.pleasantness}

    def of(self, which: NDArray[np.bool_]) -> Predictions:
        """Those of some of the windows, chosen by a mask, ``(n,)``."""
        return Predictions(
            self.probabilities[which],
            self.embedding[which],
            **{name: None if side is None else side[which] for name, side in self.axes.items()},
        )


Predictor = Callable[[Sequence[Audio]], Predictions]
"""From windows ``(48 000,)`` to what a model predicts for them."""


def open_model(
    path: Path | None, *, threads: int = 0, named_by: str = "`--model`, or the setting `emotion_model`"
) -> tuple[Predictor, dict[str, Any]]:
    """Open an ONNX file, or the embedded model for None; threads 0 takes the cores, at most 4.

    Parameters
    ----------
    path, threads, named_by
        As for `models.emotion.recogniser.load_recogniser`.

    Raises
    ------
    WeightsError
        The file is missing, damaged or no emotion model.
    """
    file = assets.locate(EMBEDDED_MODEL) if path is None else path
    recogniser = load_recogniser(file, threads=threads, named_by="" if path is None else named_by)

    def predict(windows: Sequence[Audio]) -> Predictions:
        answers = recogniser.answers(np.stack(windows))
        return Predictions(
            answers.probabilities.astype(np.float64),
            answers.embedding.astype(np.float64),
            *(
                None if side is None else side.astype(np.float64)
                for side in (answers.energy, answers.pleasantness)
            ),
        )

    return predict, model_record(file, recogniser)


def open_leave_one_out_models(
    files: Mapping[str, Path], *, threads: int = 0
) -> dict[str, tuple[Predictor, dict[str, Any]]]:
    """Open models whose training left a corpus out, as `open_model` does, by that corpus.

    Raises
    ------
    ModelError
        A model says of itself that it was trained on the corpus.
    WeightsError
        A file is missing, damaged or no emotion model.
    """
    opened = {
        corpus: open_model(file, threads=threads, named_by="`--corpus`") for corpus, file in files.items()
    }
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


def provenance(
    *,
    command: str,
    model: Mapping[str, Any],
    cache: SpeechCache,
    report: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything needed to get the figures of an evaluation again, with the moment they were made (UTC)."""
    corpora = report["corpora"].values()
    return {
        "command": command,
        "made_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "model": dict(model),
        "libraries": library_versions(),
        "data": {
            "clips": sum(record["n"] for record in corpora),
            "speakers": sum(len(record["speakers"]) for record in corpora),
            "fingerprint": cache.fingerprint,
        },
        "settings": dict(settings),
    }


def predict_clips(
    predict: Predictor, cache: SpeechCache, clips: Sequence[Clip], what: str, on_progress: Progress
) -> Predictions:
    """Predict for each clip by the one window around the middle of its voice; see `predict_windows`."""
    windows = (centre_window(cache.audio(clip)) for clip in clips)
    return predict_windows(predict, windows, len(clips), what, on_progress)


def predict_windows(
    predict: Predictor, windows: Iterator[Audio], total: int, what: str, on_progress: Progress
) -> Predictions:
    """Predict for many windows, batch by batch, so that few are in memory.

    Windows are ``(48 000,)`` each, as many as ``total``, at least one.
    """
    batches: list[Predictions] = []
    on_progress(what, 0, total)
    for start in range(0, total, _BATCH):
        batch = list(islice(windows, _BATCH))
        batches.append(predict(batch))
        on_progress(what, start + len(batch), total)
    axes = {name: [side for one in batches if (side := one.axes[name]) is not None] for name in AXES}
    return Predictions(
        np.concatenate([one.probabilities for one in batches]),
        np.concatenate([one.embedding for one in batches]),
        **{name: np.concatenate(sides) if sides else None for name, sides in axes.items()},
    )

"""Sound files to the answers of a model of several tasks, one after the other; what fails is a row, too."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import AttuneError, AudioDecodeError, ExtraMissingError
from core.text import percent
from models.audio import open_stream
from models.mood.audio_classes import AudioClassReader
from models.mood.backbone import Backbone
from models.mood.music_share import MUSIC_FROM, music_shares
from models.mood.patches import PATCH_S, hop_samples
from models.mood.tagger import PatchSource
from models.resample import SAMPLE_RATE_HZ, Audio
from models.track.answers import TaskAnswer, answer_cells, answer_columns, answer_to_dict, task_answers
from models.track.features import extract_features
from models.track.multi_task import MultiTaskModel
from models.track.spectrogram import mel_spectrogram
from models.track.tasks import InputKind

_MOST_SEGMENTS: Final = 8
_LEAST_LENGTH: Final = 0.5
"""Share of the length trained on below which an answer is not to be relied on."""
_SILENT: Final = 10.0 ** (-70.0 / 20.0)
"""Peak below which a track is silent, as a patch is in `models.mood.tagger`."""
_BLOCK_FRAMES: Final = 65_536
_FIXED_COLUMNS: Final = ("file", "duration_s")
_LAST_COLUMNS: Final = ("processing_time_s", "model", "warnings", "error")


@dataclass(frozen=True, slots=True)
class FilePrediction:
    """What is said of one file, or why nothing is."""

    file: str
    model: str  # name and version
    duration_s: float | None = None
    answers: tuple[TaskAnswer, ...] = ()
    processing_time_s: float = 0.0  # from the file to the answers
    warnings: tuple[str, ...] = ()  # one sentence each
    error: str = ""  # one sentence; empty where there are answers


class TrackPredictor:
    """A model of several tasks for sound files.

    Of a track that is longer than what the model was trained on, up to eight segments, evenly spaced, are
    heard and their answers averaged.

    Parameters
    ----------
    model
        A model that `attune train` wrote.
    backbone
        Gives the embeddings, where the model takes them, and tells whether there is music at all.
    max_minutes
        Longest file, in minutes.
    """

    def __init__(self, model: MultiTaskModel, backbone: Backbone, *, max_minutes: float = 240.0) -> None:
        self.model, self._backbone, self._max_minutes = model, backbone, max_minutes
        self._class_reader = AudioClassReader(backbone.info.classes)
        self.name = f"{model.info.name} {model.info.version}"

    def predict(self, source: Path | bytes, *, name: str = "") -> FilePrediction:
        """Answers about one file, or the error as one sentence.

        Parameters
        ----------
        source, name
            As in `models.audio.open_stream`.

        Raises
        ------
        ExtraMissingError
            librosa, which features and spectrograms need, is not installed.
        """
        started, name = time.monotonic(), name or str(source if isinstance(source, Path) else "The upload")
        try:
            audio, notices = self._decoded(source, name)
            answers, warnings = self._answers(audio, name)
        except ExtraMissingError:
            raise  # it would be the same for all files
        except AttuneError as error:
            return FilePrediction(
                name, self.name, processing_time_s=time.monotonic() - started, error=str(error)
            )
        return FilePrediction(
            file=name,
            model=self.name,
            duration_s=len(audio) / SAMPLE_RATE_HZ,
            answers=answers,
            processing_time_s=time.monotonic() - started,
            warnings=(*notices, *warnings),
        )

    def columns(self) -> tuple[str, ...]:
        """Columns of a table of predictions."""
        return (*_FIXED_COLUMNS, *answer_columns(self.model.info.tasks), *_LAST_COLUMNS)

    def _decoded(self, source: Path | bytes, name: str) -> tuple[Audio, tuple[str, ...]]:
        with open_stream(source, max_minutes=self._max_minutes, name=Path(name).name) as stream:
            resampler = stream.resampler()
            parts = [resampler.process(block) for block in stream.blocks(_BLOCK_FRAMES)]
            audio = np.concatenate([*parts, resampler.finish()])
            if not len(audio):
                raise AudioDecodeError(f"{stream.name} holds too little sound to use: choose a longer one.")
            if float(np.abs(audio).max()) < _SILENT:
                raise AudioDecodeError(f"{stream.name} is silent: check the file, or choose another.")
            return audio, stream.notices

    def _answers(self, audio: Audio, name: str) -> tuple[tuple[TaskAnswer, ...], tuple[str, ...]]:
        info, warnings = self.model.info, []
        segments = tuple(_segments(audio, info.segment_s))
        if info.segment_s is not None and len(audio) < _LEAST_LENGTH * info.segment_s * SAMPLE_RATE_HZ:
            warnings.append(
                f"{name} lasts {len(audio) / SAMPLE_RATE_HZ:.1f} s, and the model was trained on "
                f"{info.segment_s:.1f} s: rely less on its answers."
            )
        embeddings, music = zip(*map(self._heard, segments), strict=True)
        share = float(np.mean(music))
        if share < MUSIC_FROM:
            warnings.append(
                f"{name}: no music was heard ({percent(share)} of it sounds like music), so the answers mean "
                "little."
            )
        of_whole = {InputKind.FEATURES: extract_features(audio)} if info.whole else {}
        inputs = {
            kind: np.stack(
                [
                    of_whole[kind] if kind in of_whole else _input(kind, shape, *heard)
                    for heard in zip(segments, embeddings, strict=True)
                ]
            )
            for kind, shape in info.inputs.items()
        }
        means = {task: values.mean(axis=0) for task, values in self.model.predict(inputs).items()}
        answers = [answer for one in info.tasks for answer in task_answers(one, means[one.task.name])]
        return tuple(answers), tuple(warnings)

    def _heard(self, segment: Audio) -> tuple[npt.NDArray[np.float32], float]:
        """Embedding of each patch, ``(steps, 1024)``, and how much of the segment is music, 0 to 1."""
        patches = PatchSource([segment])
        outputs = list(self._backbone.stream(patches.batches(hop_samples(PATCH_S))))
        scores = np.concatenate([output.scores for output in outputs])
        music = music_shares(self._class_reader.read(scores))
        return np.concatenate([output.embedding for output in outputs]), float(music.mean())


def _input(
    kind: InputKind, shape: Sequence[int], segment: Audio, embeddings: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    match kind:
        case InputKind.FEATURES:
            return extract_features(segment)
        case InputKind.SPECTROGRAM:
            return _fitted(mel_spectrogram(segment), shape[1], axis=1)
        case InputKind.EMBEDDING:
            mean: npt.NDArray[np.float32] = embeddings.mean(axis=0)
            return mean
        case InputKind.EMBEDDINGS:
            return _fitted(embeddings, shape[0], axis=0)


def _segments(audio: Audio, segment_s: float | None) -> Iterator[Audio]:
    """The whole, or up to eight parts of the length that was trained on, evenly spaced."""
    length = len(audio) if segment_s is None else round(segment_s * SAMPLE_RATE_HZ)
    count = min(_MOST_SEGMENTS, max(1, math.floor(len(audio) / length)))
    for start in np.linspace(0, max(0, len(audio) - length), count).astype(int):
        yield audio[start : start + length]


def _fitted(values: npt.NDArray[np.float32], length: int, *, axis: int) -> npt.NDArray[np.float32]:
    """Cut along time, or repeated up to the length, as for training."""
    return values.take(range(length), axis=axis, mode="wrap")


def prediction_to_dict(prediction: FilePrediction) -> dict[str, Any]:
    """A prediction for JSON: the answers under their names."""
    return {
        "file": prediction.file,
        "duration_s": prediction.duration_s,
        "answers": {answer.name: answer_to_dict(answer) for answer in prediction.answers},
        "processing_time_s": round(prediction.processing_time_s, 3),
        "model": prediction.model,
        "warnings": list(prediction.warnings),
        "error": prediction.error or None,
    }


def prediction_cells(prediction: FilePrediction) -> dict[str, Any]:
    """Values of a prediction by the columns of `TrackPredictor.columns`; those that it lacks are absent."""
    return {
        "file": prediction.file,
        "duration_s": prediction.duration_s,
        **answer_cells(prediction.answers),
        "processing_time_s": round(prediction.processing_time_s, 3),
        "model": prediction.model,
        "warnings": " ".join(prediction.warnings),
        "error": prediction.error,
    }

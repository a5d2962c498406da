"""Owns the way from sound to mood: any length, in constant memory, the same rows for any block size."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from core.errors import AnalysisCancelledError, AudioDecodeError, ModelError
from models.audio import AudioStream, Sound, open_stream
from models.mood.backbone import BATCH, CLASS_COUNT, EMBEDDING_SIZE, Backbone, load_backbone
from models.mood.groups import mood_weights
from models.mood.head import Head, load_head
from models.mood.patches import HOPS_S, PATCH_S, Patches, batches, hop_samples
from models.mood.result import MoodResult
from models.mood.shares import ShareReader
from models.resample import SAMPLE_RATE_HZ, Audio, MonoResampler

__all__ = ["CENTRED_S", "SILENT_DBFS", "CentredMeans", "MoodTagger", "OnProgress", "load_tagger"]

CENTRED_S: Final = 5.0
"""What a row of the timeline hears, around the middle of its patch: the head has learned from means."""

SILENT_DBFS: Final = -70.0
"""Level of a patch below which it is silent: YAMNet takes noise for silence from about -80 dBFS down."""

_BLOCK_FRAMES: Final = 65_536

OnProgress = Callable[[float, float | None], None]
"""Called with the seconds read so far, and those in all; None where the file's header does not say."""


class CentredMeans:
    """Means over a row and its neighbours, of a stream of rows; at both ends over those that there are.

    Parameters
    ----------
    radius
        Neighbours on each side.
    width
        Of a row.
    """

    def __init__(self, radius: int, width: int) -> None:
        self._radius = radius
        self._held = np.zeros((radius, width + 1), dtype=np.float32)  # the last column counts

    def push(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Means of the rows whose neighbours are all known by now.

        Parameters
        ----------
        rows
            float32, shape (n, width): those that come next.

        Returns
        -------
        means
            float32, shape (m, width); possibly none.
        """
        return self._add(np.pad(rows, ((0, 0), (0, 1)), constant_values=1.0))

    def finish(self) -> npt.NDArray[np.float32]:
        """Means of the rows that are left, at most `radius` of them."""
        return self._add(np.zeros((self._radius, self._held.shape[1]), dtype=np.float32))

    def _add(self, counted: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        held = np.concatenate([self._held, counted])
        ready = max(0, len(held) - 2 * self._radius)
        total = np.zeros((ready, held.shape[1]), dtype=np.float32)
        for shift in range(2 * self._radius + 1):
            total += held[shift : shift + ready]
        self._held = held[ready:]
        means: npt.NDArray[np.float32] = total[:, :-1] / total[:, -1:]
        return means


class MoodTagger:
    """Mood of whole pieces of sound: tags over time, and a theme.

    Safe to use from several threads.

    Parameters
    ----------
    backbone, head
        The two models.
    hop_s
        Time from patch to patch, in seconds: one of `HOPS_S`.

    Raises
    ------
    ModelError
        The hop is another.
    WeightsError
        The backbone lacks classes that tell music, speech, singing and silence apart.
    """

    def __init__(self, backbone: Backbone, head: Head, *, hop_s: float = 0.96) -> None:
        if hop_s not in HOPS_S:
            raise ModelError(
                f"Patches {hop_s} s apart are asked for: take {' or '.join(map(str, HOPS_S))} s."
            )
        self.backbone = backbone
        self.head = head
        self.hop_s = hop_s
        self._shares = ShareReader(backbone.info.classes)

    def timeline(self, audio: Audio) -> npt.NDArray[np.float32]:
        """Tags over time, one row a patch, each from the centred 5 s.

        Parameters
        ----------
        audio
            Mono float32, shape (samples,), 16 000 Hz, range [-1, 1]; at least one sample.

        Returns
        -------
        timeline
            float32, shape (n, 59), in the order of `TAGS`; row i begins `i * hop_s` seconds into the sound.
            Zeros where these 5 s are silent.

        Raises
        ------
        ModelError
            The audio is of another shape, empty, or not finite.
        """
        return self.hear(audio).timeline

    def theme(self, audio: Audio) -> npt.NDArray[np.float32]:
        """Tags of the whole, from its mean embedding: what the head's calibration holds for.

        It was fitted on the official YAMNet's embeddings; with the embedded student it holds approximately.

        Parameters
        ----------
        audio
            As in `timeline`.

        Returns
        -------
        theme
            float32, shape (59,), in the order of `TAGS`; zeros where all is silent.

        Raises
        ------
        ModelError
            As in `timeline`.
        """
        return self.hear(audio).theme

    def hear(self, audio: Audio, *, name: str = "The sound") -> MoodResult:
        """Everything about audio that is in memory.

        Parameters
        ----------
        audio
            As in `timeline`.
        name
            What to call it in messages.

        Raises
        ------
        ModelError
            As in `timeline`.
        """
        if audio.ndim != 1 or not len(audio):
            raise ModelError(f"Audio of shape {audio.shape} came: give (samples,), at least one.")
        if not np.isfinite(audio).all():
            raise ModelError("The audio holds NaN or infinities: make them silent before.")
        return self._answer(_Way(iter([audio])), name)

    def analyse(
        self,
        source: Path | bytes,
        *,
        name: str = "",
        max_minutes: float = 240.0,
        on_progress: OnProgress | None = None,
        on_sound: Callable[[Sound], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> MoodResult:
        """Everything about a file of any length; memory hardly grows with it (20 KB a minute).

        Parameters
        ----------
        source, name, max_minutes
            As in `models.audio.open_stream`.
        on_progress
            Called on this thread, about every second of sound.
        on_sound
            Called with each block as it was decoded, for what else is to be known of it: float32, shape
            (frames, channels), at the file's own rate.
        cancelled
            Asked as often; once it says true the analysis ends.

        Raises
        ------
        AudioDecodeError
            As in `models.audio.open_stream`, and when the file turns out too long on the way.
        AnalysisCancelledError
            `cancelled` said so.
        ModelError
            The model could not be run.
        """
        with open_stream(source, max_minutes=max_minutes, name=name) as stream:
            way = _Way(_audio(stream, on_progress, on_sound, cancelled))
            return self._answer(way, stream.name, stream)

    def _answer(self, way: _Way, name: str, stream: AudioStream | None = None) -> MoodResult:
        radius = int((CENTRED_S - PATCH_S) / 2 / self.hop_s)
        means = CentredMeans(radius, EMBEDDING_SIZE + 1)
        embedding, scores = np.zeros(EMBEDDING_SIZE), np.zeros(CLASS_COUNT)  # float64: sums of hours
        timeline: list[npt.NDArray[np.float32]] = []
        shares: list[npt.NDArray[np.float32]] = []
        for heard in self.backbone.stream(way.batches(hop_samples(self.hop_s))):
            timeline.append(self._rows(means.push(np.column_stack([heard.embedding, way.loud.popleft()]))))
            shares.append(self._shares.read(heard.scores))
            embedding += heard.embedding.sum(axis=0, dtype=np.float64)
            scores += heard.scores.sum(axis=0, dtype=np.float64)
        if not shares:
            raise AudioDecodeError(f"{name} holds too little sound to use: choose a longer one.")
        timeline.append(self._rows(means.finish()))
        rows, share_rows = np.concatenate(timeline), np.concatenate(shares)
        theme = self.head.probabilities((embedding / len(rows)).astype(np.float32)[np.newaxis])  # (1, 59)
        theme *= not way.silent
        thresholds, scale = np.array(self.head.info.thresholds, dtype=np.float32), self.head.info.moods
        return MoodResult(
            name=name,
            duration_s=way.samples / SAMPLE_RATE_HZ,
            hop_s=self.hop_s,
            timeline=rows,
            theme=theme[0],
            moods=mood_weights(rows, thresholds, scale),
            theme_moods=mood_weights(theme, thresholds, scale)[0],
            shares=share_rows,
            classes=(scores / len(rows)).astype(np.float32),
            thresholds=thresholds,
            silent=way.silent,
            notices=_notices(name, way, stream),
        )

    def _rows(self, means: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Tags of each mean embedding; zeros where no patch was loud, which the last column tells."""
        return self.head.probabilities(means[:, :-1]) * (means[:, -1:] > 0.0)


def load_tagger(
    *,
    backbone: Path | None = None,
    head: Path | None = None,
    hop_s: float = 0.96,
    threads: int = 0,
    provider: str = "cpu",
) -> MoodTagger:
    """Load backbone and head.

    Parameters
    ----------
    backbone, head
        ONNX files; None takes the embedded ones.
    hop_s
        As in `MoodTagger`.
    threads
        That work on one file; 0 takes `models.runtime.default_threads()`.
    provider
        Key of `models.runtime.PROVIDERS`, for the backbone; the head, being small, always runs on the CPU.

    Raises
    ------
    WeightsError
        A file is missing, damaged or none of this kind.
    ModelError
        The provider is not available, or the hop is another.
    """
    return MoodTagger(
        load_backbone(backbone, threads=threads, provider=provider), load_head(head), hop_s=hop_s
    )


class _Way:
    """A sound on its way into batches, and what is noted of it there."""

    def __init__(self, blocks: Iterator[Audio]) -> None:
        self._blocks = blocks
        self.samples = 0
        self.loud: deque[npt.NDArray[np.float32]] = deque()  # 1 or 0 of each patch, batch by batch
        self.silent = True

    def batches(self, hop: int) -> Iterator[Patches]:
        for batch in batches(self._counted(), hop=hop, size=BATCH):
            power = np.einsum("ps,ps->p", batch, batch) / batch.shape[1]
            loud = power >= 10.0 ** (SILENT_DBFS / 10.0)
            self.loud.append(loud.astype(np.float32))
            self.silent &= not loud.any()
            yield batch

    def _counted(self) -> Iterator[Audio]:
        for block in self._blocks:
            self.samples += len(block)
            yield block


def _audio(
    stream: AudioStream,
    on_progress: OnProgress | None,
    on_sound: Callable[[Sound], None] | None,
    cancelled: Callable[[], bool] | None,
) -> Iterator[Audio]:
    resampler = MonoResampler(stream.rate_hz, stream.channels)
    for block in stream.blocks(_BLOCK_FRAMES):
        if cancelled is not None and cancelled():
            raise AnalysisCancelledError(
                f"The analysis of {stream.name} was cancelled: start it again for its mood."
            )
        if on_progress is not None:
            on_progress(stream.position / stream.rate_hz, stream.duration_s)
        if on_sound is not None:
            on_sound(block)
        yield resampler.process(block)
    yield resampler.finish()


def _notices(name: str, way: _Way, stream: AudioStream | None) -> tuple[str, ...]:
    notices = list(stream.notices) if stream is not None else []
    seconds = way.samples / SAMPLE_RATE_HZ
    if way.silent:
        notices.append(
            f"{name} is silent (below {SILENT_DBFS:g} dBFS throughout), so it has no mood: check the "
            "file, or its level."
        )
    elif seconds < CENTRED_S:
        notices.append(
            f"{name} lasts {seconds:.2f} s, and a mood is heard in {CENTRED_S:g} s: do not rely on it."
        )
    if stream is not None and stream.rate_hz < SAMPLE_RATE_HZ:
        notices.append(
            f"{name} has a sample rate of {stream.rate_hz} Hz, so nothing above {stream.rate_hz // 2} Hz "
            "can be heard: rely less on its mood."
        )
    return tuple(notices)

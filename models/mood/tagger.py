"""From sound to mood: any length, in constant memory, the same result for any block size."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from core.errors import AnalysisCancelledError, AudioDecodeError, ModelError
from core.settings import Settings
from core.text import percent
from models.audio import AudioStream, open_stream
from models.decoders.track import Sound
from models.mood.audio_classes import AudioClassReader
from models.mood.backbone import BATCH, CLASS_COUNT, EMBEDDING_SIZE, Backbone, load_backbone
from models.mood.centred_sums import CentredSums
from models.mood.embedded_track import EmbeddedTrack
from models.mood.head import Head, load_head
from models.mood.mood_scale import mood_weights
from models.mood.music_share import MUSIC_FROM, music_shares
from models.mood.patches import HOPS_S, PATCH_S, Patches, batches, hop_samples
from models.mood.result import Floats, MoodResult
from models.resample import SAMPLE_RATE_HZ, Audio

CENTRED_S: Final = 5.0
"""Length around a patch whose mean embedding a row of the timeline sees: the head was trained on means."""

SILENT_DBFS: Final = -70.0
"""Level below which a patch is silent. YAMNet takes noise below about -80 dBFS for silence."""

QUIET_DBFS: Final = -30.0
"""Level to which quieter patches are raised, that of the quietest songs: else YAMNet hears silence in quiet
music, and the mood of a song depends on its volume."""

ANALYSIS: Final = "2: moods of music alone"
"""Raised whenever the same models give other results, so that what was kept is computed again."""

_BLOCK_FRAMES: Final = 65_536
_LEAST: Final = 1e-6  # of what is divided by

_Rows = tuple[Floats, Floats]  # shapes (n, 59) and (n,)
_Kept = tuple[npt.NDArray[np.float16], Floats, Floats]  # of n patches: see `EmbeddedTrack`

OnProgress = Callable[[float, float | None], None]
"""Called with the seconds read so far, and the length in seconds; None where the header does not say."""


class MoodTagger:
    """Mood of whole sounds: tags over time, and of the whole. Safe to use from several threads.

    Parameters
    ----------
    backbone, head
        The two models.
    hop_s
        Time between two patches, in seconds: one of `HOPS_S`.

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
        self._class_reader = AudioClassReader(backbone.info.classes)

    def analyse_audio(self, audio: Audio, *, name: str = "The sound") -> MoodResult:
        """Mood of audio in memory.

        Parameters
        ----------
        audio
            Mono float32, shape (samples,), 16 000 Hz, range [-1, 1]; at least one sample.
        name
            For messages.

        Raises
        ------
        ModelError
            The audio has another shape, is empty, or is not finite.
        """
        if audio.ndim != 1 or not len(audio):
            raise ModelError(f"Audio of shape {audio.shape} came: give (samples,), at least one.")
        if not np.isfinite(audio).all():
            raise ModelError("The audio holds NaN or infinities: make them silent before.")
        return self._analyse(PatchSource([audio]), name)

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
        """Mood of a file of any length; memory grows by only 20 KB a minute.

        Parameters
        ----------
        source, name, max_minutes
            As in `models.audio.open_stream`.
        on_progress
            Called on this thread, about every second of sound.
        on_sound
            Called with each decoded block: float32, shape (frames, channels), at the file's own rate.
        cancelled
            Called as often; the analysis ends once it returns True.

        Raises
        ------
        AudioDecodeError
            As in `models.audio.open_stream`, and where the file turns out too long while it is read.
        AnalysisCancelledError
            `cancelled` returned True.
        ModelError
            The model cannot run.
        """
        with open_stream(source, max_minutes=max_minutes, name=name) as stream:
            patches = PatchSource(_resampled(stream, on_progress, on_sound, cancelled))
            return self._analyse(patches, stream.name, stream)

    def embed(
        self,
        source: Path | bytes,
        *,
        name: str = "",
        max_minutes: float = 240.0,
        audio_s: float = 0.0,
        on_progress: OnProgress | None = None,
        on_sound: Callable[[Sound], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> EmbeddedTrack:
        """Mood of a file and, from the same pass, the embeddings behind it; 150 KB a minute.

        Parameters
        ----------
        source, name, max_minutes, on_progress, on_sound, cancelled
            As in `analyse`.
        audio_s
            How much of the sound is kept, from its beginning, in seconds.

        Raises
        ------
        AudioDecodeError, AnalysisCancelledError, ModelError
            As in `analyse`.
        """
        audio: list[Audio] = []
        kept: list[_Kept] = []
        with open_stream(source, max_minutes=max_minutes, name=name) as stream:
            blocks = _resampled(stream, on_progress, on_sound, cancelled)
            patches = PatchSource(_keeping(blocks, audio, round(audio_s * SAMPLE_RATE_HZ)))
            mood = self._analyse(patches, stream.name, stream, kept)
        embeddings, music, sounding = (np.concatenate(part) for part in zip(*kept, strict=True))
        sound = np.concatenate(audio) if audio else np.zeros(0, dtype=np.float32)
        return EmbeddedTrack(mood, embeddings, music, sounding, self._radius, sound)

    @property
    def _radius(self) -> int:
        return int((CENTRED_S - PATCH_S) / 2 / self.hop_s)

    def _analyse(
        self,
        source: PatchSource,
        name: str,
        stream: AudioStream | None = None,
        kept: list[_Kept] | None = None,
    ) -> MoodResult:
        # Of each patch: its embedding times its share of music, that share, and whether it sounds.
        centred, total = CentredSums(self._radius, EMBEDDING_SIZE + 2), np.zeros(EMBEDDING_SIZE + 2)
        scores = np.zeros(CLASS_COUNT)  # float64, as `total`: sums of hours
        rows: list[_Rows] = []
        class_scores: list[Floats] = []
        for output in self.backbone.stream(source.batches(hop_samples(self.hop_s))):
            class_scores.append(self._class_reader.read(output.scores))
            sounding = source.sounding.popleft()
            music = music_shares(class_scores[-1]) * sounding
            if kept is not None:
                kept.append((output.embedding.astype(np.float16), music, sounding))
            weighted = np.column_stack([output.embedding * music[:, np.newaxis], music, sounding])
            rows.append(self._rows(centred.push(weighted)))
            total += weighted.sum(axis=0, dtype=np.float64)
            scores += output.scores.sum(axis=0, dtype=np.float64)
        if not class_scores:
            raise AudioDecodeError(f"{name} holds too little sound to use: choose a longer one.")
        rows.append(self._rows(centred.finish()))
        timeline, shares = (np.concatenate(part) for part in zip(*rows, strict=True))
        theme, (share,) = self._rows(total[np.newaxis].astype(np.float32))
        thresholds, scale = np.array(self.head.info.thresholds, dtype=np.float32), self.head.moods
        result = MoodResult(
            name=name,
            duration_s=source.samples / SAMPLE_RATE_HZ,
            hop_s=self.hop_s,
            timeline=timeline,
            theme=theme[0],
            moods=mood_weights(timeline, thresholds, scale),
            theme_moods=mood_weights(theme, thresholds, scale)[0],
            class_scores=np.concatenate(class_scores),
            classes=(scores / len(timeline)).astype(np.float32),
            thresholds=thresholds,
            music_share=0.0 if np.isnan(share) else float(share),
            music_shares=shares,
            silent=bool(np.isnan(share)),
        )
        file_notices = () if stream is None else stream.notices
        notices = (*file_notices, *_notices(result, stream))
        return replace(result, notices=notices, file_notices=file_notices)

    def _rows(self, sums: Floats) -> _Rows:
        """Tags of the mean embedding of what is music, zeros without music; and the shares of music."""
        music, sounding = sums[:, -2], sums[:, -1]
        shares = np.divide(music, sounding, out=np.full_like(music, np.nan), where=sounding > 0.0)
        means = np.divide(sums[:, :-2], np.maximum(music, _LEAST)[:, np.newaxis], dtype=np.float32)
        return self.head.predict(means) * (shares >= MUSIC_FROM)[:, np.newaxis], shares


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
        Used for one file; 0 takes `models.runtime.default_threads()`.
    provider
        Key of `models.runtime.PROVIDERS`, for the backbone; the small head always runs on the CPU.

    Raises
    ------
    WeightsError
        A file is missing, damaged or of another kind.
    ModelError
        The provider is not available, or the hop is another.
    """
    return MoodTagger(
        load_backbone(backbone, threads=threads, provider=provider), load_head(head), hop_s=hop_s
    )


def configured_tagger(settings: Settings) -> MoodTagger:
    """The tagger of the settings; see `load_tagger`."""
    return load_tagger(
        backbone=settings.mood_backbone,
        head=settings.mood_head,
        threads=settings.threads,
        provider=settings.provider,
    )


class PatchSource:
    """Batches of patches of a sound, as they are heard by YAMNet, and what is measured on the way.

    Parameters
    ----------
    blocks
        Consecutive blocks of audio.
    """

    def __init__(self, blocks: Iterable[Audio]) -> None:
        self._blocks = blocks
        self.samples = 0
        self.sounding: deque[Floats] = deque()  # 1 or 0 of each patch, batch by batch

    def batches(self, hop: int) -> Iterator[Patches]:
        """Patches `hop` samples apart, without offset; those of quiet music are raised to `QUIET_DBFS`."""
        for patches in batches(self._counted(), hop=hop, size=BATCH):
            batch = patches - patches.mean(axis=1, keepdims=True)  # an offset is no sound, and hides music
            power = np.einsum("ps,ps->p", batch, batch) / batch.shape[1]
            sounding = power >= 10.0 ** (SILENT_DBFS / 10.0)
            self.sounding.append(sounding.astype(np.float32))
            gain = np.sqrt(np.maximum(1.0, 10.0 ** (QUIET_DBFS / 10.0) / np.where(sounding, power, 1.0)))
            yield batch * gain[:, np.newaxis].astype(np.float32)

    def _counted(self) -> Iterator[Audio]:
        for block in self._blocks:
            self.samples += len(block)
            yield block


def _resampled(
    stream: AudioStream,
    on_progress: OnProgress | None,
    on_sound: Callable[[Sound], None] | None,
    cancelled: Callable[[], bool] | None,
) -> Iterator[Audio]:
    resampler = stream.resampler()
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


def _keeping(blocks: Iterable[Audio], into: list[Audio], samples: int) -> Iterator[Audio]:
    """Pass blocks on, and keep the first samples of them."""
    for block in blocks:
        if samples > 0 and len(block):
            into.append(block[:samples].copy())
            samples -= len(into[-1])
        yield block


def _notices(result: MoodResult, stream: AudioStream | None) -> tuple[str, ...]:
    notices, name = [], result.name
    if result.silent:
        notices.append(
            f"{name} is silent (below {SILENT_DBFS:g} dBFS throughout), so it has no mood: check the "
            "file, or its level."
        )
    elif not result.has_music:
        notices.append(
            f"{name}: no music was heard ({percent(result.music_share)} of it sounds like music, "
            f"{percent(MUSIC_FROM)} is needed), so no mood is given."
        )
    elif result.duration_s < CENTRED_S:
        notices.append(
            f"{name} lasts {result.duration_s:.2f} s, and a mood is heard in {CENTRED_S:g} s: do not rely "
            "on it."
        )
    if stream is not None and stream.rate_hz < SAMPLE_RATE_HZ:
        notices.append(
            f"{name} has a sample rate of {stream.rate_hz} Hz, so nothing above {stream.rate_hz // 2} Hz "
            "can be heard: rely less on its mood."
        )
    return tuple(notices)

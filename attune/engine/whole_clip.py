"""Hears a recording from its beginning to its end, as the live path would, on the calling thread alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from attune.engine.model_cache import ListenerModels
from core.settings import Settings
from models.audio import AudioStream
from models.mood.tagger import OnProgress
from models.resample import SAMPLE_RATE_HZ
from realtime.capture.source import SourceInfo, SourceKind
from realtime.clip_summary import ClipEmotion, summarise
from realtime.fifo import Begin, End, Record, Sound
from realtime.listener.emotion_stage import EmotionStage
from realtime.listener.stream_worker import StreamWorker, Window
from realtime.live_mood_tagger import LiveMoodTagger
from realtime.snapshot import WindowResult

_BLOCK_S: Final = 0.1  # as often as a listener measures the level


def recognise_clip(
    stream: AudioStream,
    models: ListenerModels,
    settings: Settings,
    *,
    on_progress: OnProgress | None = None,
) -> ClipEmotion:
    """Recognise a recording with the stages of a listener, but without its threads and queues.

    The answer is that of a listener to which the recording is replayed (`attune listen --fast`). Handing
    sound from thread to thread would cost a clip of 3 s as much as the emotion model does.

    Parameters
    ----------
    stream
        The recording, from its start.
    models
        What to ask.
    settings
        Those of every stage.
    on_progress
        Called about ten times a second of sound, on this thread; what it raises ends the analysis.

    Raises
    ------
    AudioDecodeError
        The recording cannot be read to its end.
    ModelError
        The emotion model cannot run.
    """
    worker = StreamWorker(settings, models.voice_activity)
    mood = models.mood and LiveMoodTagger(*models.mood)
    stage = EmotionStage(models.recogniser, settings, mood=mood, separator=models.separator)
    windows: list[WindowResult] = []
    for record in _records(stream):
        events = worker.process(record)
        windows += [stage.process(event).result for event in events if isinstance(event, Window)]
        if on_progress is not None:
            on_progress(worker.clock / SAMPLE_RATE_HZ, stream.duration_s)
    return summarise(
        windows,
        threshold=settings.threshold,
        energy_threshold=settings.energy_threshold,
        pleasantness_threshold=settings.pleasantness_threshold,
        notice=" ".join((*stream.notices, *worker.notices.values(), *filter(None, [stage.problem]))),
    )


def _records(stream: AudioStream) -> Iterator[Record]:
    info = SourceInfo(
        SourceKind.FILE,
        name=stream.name,
        rate_hz=stream.rate_hz,
        channels=stream.channels,
        lossless=True,
        duration_s=stream.duration_s,
    )
    yield Begin(info)
    for block in stream.blocks(round(_BLOCK_S * stream.rate_hz)):
        yield Sound(block, time.perf_counter())
    yield End(None)

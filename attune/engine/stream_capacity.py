"""How many streams keep their pace on this machine: measured on a few seconds of speech."""

from __future__ import annotations

import time
from statistics import fmean
from typing import Final

from attune.engine.model_cache import ListenerModels
from core.settings import Settings
from models.audio import open_stream
from realtime.capture.demo import DEMO_FILE
from realtime.capture.source import SourceInfo, SourceKind
from realtime.fifo import Begin, Sound
from realtime.listener.emotion_stage import EmotionStage
from realtime.listener.stream_worker import StreamWorker, Window
from realtime.live_mood_tagger import LiveMoodTagger

# Of the cores. The rest is for the threads and connections of streams (about a tenth), and for short queues:
# over ten minutes 0.75 lost a window in a hundred (docs/streams.md).
_LOAD: Final = 0.6
_LEAST_COST_S: Final = 0.001
_BLOCK_S: Final = 0.1
_FROM_S, _TO_S = 10.0, 17.0  # of the built-in demo, in which people speak


def stream_cost_s(models: ListenerModels, settings: Settings) -> float:
    """What one window of a stream in which somebody speaks costs, in seconds of one core.

    Of a processor it is the time of this thread, which other programs do not change much; the models must
    have one thread each. Of an accelerator it is the time that passes.

    Parameters
    ----------
    models
        What the streams ask.
    settings
        Those of every stage.
    """
    clock = time.thread_time if models.recogniser.info.provider == "cpu" else time.perf_counter
    worker = StreamWorker(settings, models.voice_activity)
    mood = models.mood and LiveMoodTagger(*models.mood)
    stage = EmotionStage(models.recogniser, settings, mood=mood, separator=models.separator)
    costs_s, with_voice_s = [], []
    with open_stream(DEMO_FILE) as stream:
        info = SourceInfo(SourceKind.PUSH, "Measurement", stream.rate_hz, stream.channels)
        list(worker.process(Begin(info)))
        begun_s = clock()
        for number, block in enumerate(stream.blocks(round(_BLOCK_S * stream.rate_hz))):
            if number * _BLOCK_S < _FROM_S:
                begun_s = clock()
                continue
            if number * _BLOCK_S >= _TO_S:
                break
            for event in worker.process(Sound(block, time.perf_counter())):
                if isinstance(event, Window):
                    answered = stage.process(event).result.reading.probabilities is not None
                    costs_s.append(clock() - begun_s)
                    if answered and len(costs_s) > 1:  # the first is of three seconds of sound
                        with_voice_s.append(costs_s[-1])
                    begun_s = clock()
    # Their mean, since a clock may go in steps of half a window's cost.
    return max(_LEAST_COST_S, fmean(with_voice_s or costs_s))


def stream_capacity(cost_s: float, hop_s: float, cores: float) -> int:
    """How many streams keep their pace, at least 1.

    Parameters
    ----------
    cost_s
        What one window costs, in seconds of one core.
    hop_s
        Time between two windows of a stream, s.
    cores
        That may be used; a container may have a part of one.

    Examples
    --------
    >>> stream_capacity(0.0265, 0.5, 2)
    22
    >>> stream_capacity(0.0265, 0.5, 0.5)
    5
    """
    return max(1, int(_LOAD * cores * hop_s / cost_s))

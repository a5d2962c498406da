"""Listeners to sound that other programs push, one for each stream, as many as keep their pace."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from attune.engine.events import EventLog
from attune.engine.model_cache import ListenerModels, ModelCache
from attune.engine.recent_events import EventHandler
from attune.engine.stream_capacity import stream_capacity, stream_cost_s
from core.cores import core_limit, usable_cores
from core.errors import AttuneError
from core.settings import Settings
from models.emotion.batching import BatchingRecogniser, batch_policy
from models.emotion.recogniser import ModelInfo
from realtime.capture.push import PushSource
from realtime.listener import Listener
from realtime.live_mood_tagger import LiveMoodTagger
from realtime.snapshot import Snapshot

_LOG = logging.getLogger(__name__)


class StreamsFullError(AttuneError):
    """As many streams are open as keep their pace."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    models: ListenerModels
    recogniser: BatchingRecogniser
    capacity: int


class StreamListeners:
    """Opens and closes the listeners of streams; any thread may use it.

    The models are apart from those of the engine. They run on one thread each, so that streams share the
    cores without waiting for each other, and the emotion model answers in batches. Nothing is recorded, and
    the model is not adapted to the user's voice, since it is others who speak.

    Parameters
    ----------
    settings
        Those of every stage.
    max_streams
        Streams at a time; None: as many as keep their pace, measured when the models are loaded.
    """

    def __init__(self, settings: Settings, *, max_streams: int | None = None) -> None:
        self._settings = settings.model_copy(update={"threads": 1})
        self._max_streams = max_streams
        self._loading = threading.Lock()
        self._loaded: _Loaded | None = None
        self._lock = threading.Lock()  # guards the next two
        self._listeners: set[Listener] = set()
        self._closed = False

    def prepare(self) -> None:
        """Load the models and find the capacity, once; takes some seconds the first time.

        Raises
        ------
        WeightsError
            The emotion model cannot be loaded.
        """
        with self._loading:
            if self._loaded is None:
                self._loaded = _load(self._settings, self._max_streams)

    def warm_up(self) -> None:
        """As `prepare`, before somebody waits for it; a problem is told when the models are needed."""
        try:
            self.prepare()
        except AttuneError as error:
            _LOG.warning("streams cannot be heard: %s", error)

    @property
    def capacity(self) -> int:
        """Streams at a time; loads the models and raises as `prepare` does."""
        return self._prepared().capacity

    @property
    def model(self) -> ModelInfo:
        """The emotion model; loads it and raises as `prepare` does."""
        return self._prepared().recogniser.info

    @property
    def count(self) -> int:
        """Streams that are open."""
        return len(self._listeners)

    def open(
        self,
        source: PushSource,
        on_event: EventHandler,
        *,
        music: bool = True,
        threshold: float | None = None,
    ) -> Listener:
        """Begin to listen to what will be pushed.

        Parameters
        ----------
        source
            Not opened yet.
        on_event
            Called with each window and each notice, in order, on the threads of the listener: it must be
            quick.
        music
            Whether music beside the voice is heard, named and held back. Without, a window costs a tenth
            less, and singing may count as a voice; where no music plays, the answers are the same.
        threshold
            Confidence from which an emotion is accepted, 0 to 1; None: as in the settings.

        Raises
        ------
        StreamsFullError
            As many streams are open as keep their pace.
        WeightsError
            The emotion model cannot be loaded.
        AttuneError
            The system has no thread left.
        """
        loaded, settings = self._prepared(), self._settings
        if threshold is not None:
            settings = settings.model_copy(update={"threshold": threshold})
        models = loaded.models
        heard = models.mood if music else None
        log = EventLog(on_event, lambda: (listener.snapshot(), None))

        def observe(_before: Snapshot, _after: Snapshot) -> None:
            log.observe()

        listener = Listener(
            source,
            recogniser=loaded.recogniser,
            voice_activity=models.voice_activity,
            settings=settings,
            on_window=log.tell,
            mood=heard and LiveMoodTagger(*heard),
            separator=models.separator if music else None,
            on_change=observe,
        )
        with self._lock:
            if self._closed:
                raise StreamsFullError("The server ends: no stream is opened any more.")
            if len(self._listeners) >= loaded.capacity:
                raise StreamsFullError(
                    f"All {loaded.capacity} streams that keep their pace on this machine are in use: "
                    "try again later."
                )
            listener.start()
            self._listeners.add(listener)
        return listener

    def release(self, listener: Listener) -> None:
        """Stop a listener, within a second, and give its place to another; harmless when repeated."""
        listener.stop()
        with self._lock:
            self._listeners.discard(listener)

    def close(self) -> None:
        """Stop all listeners and let go of the models."""
        with self._lock:
            self._closed = True
            listeners = list(self._listeners)
        for listener in listeners:
            self.release(listener)
        with self._loading:
            if self._loaded is not None:
                self._loaded.recogniser.close()

    def _prepared(self) -> _Loaded:
        self.prepare()
        assert self._loaded is not None
        return self._loaded


def _load(settings: Settings, max_streams: int | None) -> _Loaded:
    models = ModelCache(settings).for_listening()
    provider = models.recogniser.info.provider
    capacity = max_streams or stream_capacity(
        stream_cost_s(models, settings), settings.hop_s, core_limit() if provider == "cpu" else 1
    )
    return _Loaded(
        models, BatchingRecogniser(models.recogniser, batch_policy(provider, usable_cores())), capacity
    )

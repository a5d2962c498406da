"""The models that the engine uses, each loaded once, when it is first needed."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Final

from core.errors import AttuneError
from core.settings import Settings
from models import assets
from models.emotion.recogniser import EmotionRecogniser, load_recogniser
from models.emotion.separator import VoiceSeparator, load_separator
from models.mood.backbone import EMBEDDED_BACKBONE, Backbone, load_backbone
from models.mood.head import EMBEDDED_HEAD, Head, load_head
from models.mood.result_store import digest
from models.mood.tagger import ANALYSIS, MoodTagger
from models.runtime import Session
from models.track.profile import TrackProfiler, load_profiler, profile_fingerprint
from realtime.live_mood_tagger import WITHOUT_MOOD, WITHOUT_SEPARATOR
from realtime.voice_activity import load_voice_activity_session

_LOG = logging.getLogger(__name__)
_OF_MODELS: Final = ("emotion_model", "mood_backbone", "mood_head", "threads", "provider")


@dataclass(frozen=True, slots=True)
class ListenerModels:
    """What a listener needs; mood and separator are None where they cannot be used."""

    recogniser: EmotionRecogniser
    voice_activity: Session
    mood: tuple[Backbone, Head] | None
    separator: VoiceSeparator | None


class ModelCache:
    """Loads models; any thread may ask, and the others wait while one is being loaded.

    Parameters
    ----------
    settings
        Which models, and how they run.
    """

    def __init__(self, settings: Settings) -> None:
        self.mood_problem = ""  # one sentence on why music is not heard while listening; else empty
        self._settings = settings
        self._lock = threading.RLock()
        self._emotion: tuple[EmotionRecogniser, Session] | None = None
        self._mood: tuple[Backbone, Head] | None = None
        self._separator: VoiceSeparator | None = None
        self._profiler: tuple[TrackProfiler, str] | None = None

    def set_settings(self, settings: Settings) -> None:
        """Take other settings over; models that they change are loaded anew when they are next needed."""
        with self._lock:
            before, self._settings = self._settings, settings
            if any(getattr(before, name) != getattr(settings, name) for name in _OF_MODELS):
                self._emotion = self._mood = self._separator = self._profiler = None

    def emotion(self) -> tuple[EmotionRecogniser, Session]:
        """The emotion model and the one for voice activity.

        Raises
        ------
        WeightsError
            One of them cannot be loaded.
        """
        with self._lock:
            if self._emotion is None:
                settings = self._settings
                recogniser = load_recogniser(
                    settings.emotion_model, threads=settings.threads, provider=settings.provider
                )
                self._emotion = recogniser, load_voice_activity_session()
            return self._emotion

    def mood(self) -> tuple[Backbone, Head]:
        """The two models that hear the mood of music.

        Raises
        ------
        WeightsError, ModelError
            One of them cannot be used.
        """
        with self._lock:
            if self._mood is None:
                settings = self._settings
                self._mood = (
                    load_backbone(
                        settings.mood_backbone, threads=settings.threads, provider=settings.provider
                    ),
                    load_head(settings.mood_head),
                )
            return self._mood

    def profiler(self) -> tuple[TrackProfiler, str]:
        """What profiles whole files, and a fingerprint of its answers; raises as `mood` does."""
        with self._lock:
            if self._profiler is None:
                models = self.mood()
                fingerprint = profiler_fingerprint(self._settings)
                self._profiler = load_profiler(MoodTagger(*models)), fingerprint
            return self._profiler

    def for_listening(self) -> ListenerModels:
        """All that a listener needs; where no mood can be heard, `mood_problem` says why.

        Raises
        ------
        WeightsError
            The emotion model cannot be loaded.
        """
        recogniser, voice_activity = self.emotion()
        mood = separator = None
        try:
            mood = self.mood()
            self.mood_problem = ""
        except AttuneError as error:
            _LOG.warning("%s", error)
            self.mood_problem = f"{error} {WITHOUT_MOOD}"
        else:
            separator = self._open_separator()
        return ListenerModels(recogniser, voice_activity, mood, separator)

    def warm_up(self) -> None:
        """Load the models before somebody waits for them; a problem is told when they are needed."""
        try:
            self.for_listening()
        except AttuneError as error:
            _LOG.warning("models are not usable: %s", error)

    def _open_separator(self) -> VoiceSeparator | None:
        with self._lock:
            if self._separator is None:
                try:
                    self._separator = load_separator(threads=self._settings.threads)
                except AttuneError as error:
                    _LOG.warning("%s", error)
                    self.mood_problem = f"{error} {WITHOUT_SEPARATOR}"
            return self._separator


def profiler_fingerprint(settings: Settings) -> str:
    """Text that changes whenever the same sound gets another profile; no model is loaded.

    Parameters
    ----------
    settings
        Which models.

    Raises
    ------
    WeightsError
        An embedded model is missing.
    OSError
        A model of the settings cannot be read.
    """
    return digest(
        settings.mood_backbone or assets.locate(EMBEDDED_BACKBONE),
        settings.mood_head or assets.locate(EMBEDDED_HEAD),
        ANALYSIS,
        profile_fingerprint(),
    )

"""The one place that joins source, listener, models, music and journal; the doors use it and join nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from core import paths
from core.errors import AttuneError, JournalError
from core.settings import Settings
from engine_music import Music
from models import assets
from models.audio import SUPPORTED_SUFFIXES
from models.emotion.personal import PersonalVoice
from models.emotion.plane import Feeling
from models.emotion.recogniser import EmotionRecogniser, ModelInfo, load_recogniser
from models.emotion.separator import VoiceSeparator, load_separator
from models.mood.backbone import EMBEDDED_BACKBONE, Backbone, load_backbone
from models.mood.head import EMBEDDED_HEAD, Head, load_head
from models.mood.store import ResultStore, digest
from models.mood.tagger import MoodTagger
from models.mood.tracks import TrackQueue
from models.resample import SAMPLE_RATE_HZ
from models.runtime import Session
from playback.levels import Level
from playback.player import PlayerKind
from playback.preferences import Mode
from playback.scan import OnProgress, Scanned, TrackMood, scan
from playback.snapshot import MusicSnapshot
from realtime.calibration import Calibration
from realtime.capture import make_source
from realtime.capture.source import AudioSource, SourceKind, SourceSpec
from realtime.clip import ClipEmotion, ClipWindow, summarise
from realtime.echo import EchoReference
from realtime.journal import Journal
from realtime.listener import Listener
from realtime.mood import WITHOUT_MOOD, WITHOUT_SEPARATOR, MoodEar
from realtime.snapshot import Decision, ListenerState, Reading, Snapshot, Tenor
from realtime.voice_activity import load_voice_activity_session

__all__ = ["DecisionHandler", "Engine", "feeling_of"]

DecisionHandler = Callable[[Reading, Decision], None]

_LOG = logging.getLogger(__name__)
_IDLE_POLL_S: Final = 1.0
_PROGRESS_S: Final = 0.1
_WARM_UP_S: Final = 10.0
_ROOM: Final = (SourceKind.MICROPHONE, SourceKind.SYSTEM, SourceKind.PUSH)
# In recordings, in the demo and in what the machine plays, others speak; and a replay must give the same
# decisions on every machine.
_OWN_VOICE: Final = (SourceKind.MICROPHONE, SourceKind.PUSH)


def feeling_of(decision: Decision, talk: Tenor | None) -> Feeling | None:
    """Tell what music is to follow: the accepted emotion, else that of the talk, else the direction.

    Parameters
    ----------
    decision
        The gate's.
    talk
        What the last half minute of voice adds up to; None where that is not known.

    Returns
    -------
    Emotion or Direction or None
        None where nothing is sure.
    """
    return decision.emotion or (None if talk is None else talk.emotion) or decision.direction


class Engine:
    """Listens to one source at a time; any thread and any number of doors may use it.

    Parameters
    ----------
    settings
        All knobs.
    open_source
        Turns what was asked for into a source; tests and programs that bring their own sound
        pass another function.
    """

    def __init__(
        self, settings: Settings, *, open_source: Callable[[SourceSpec, Settings], AudioSource] = make_source
    ) -> None:
        self.settings = settings
        self._open_source = open_source
        self._lock = threading.RLock()
        self._loading = threading.Lock()
        self._models: tuple[EmotionRecogniser, Session] | None = None
        self._mood_models: tuple[Backbone, Head] | None = None
        self._mood_problem = ""
        self._separator: VoiceSeparator | None = None
        self._tagger: tuple[MoodTagger, str] | None = None
        self._journal: Journal | None = None
        self._journal_problem = ""
        self._listener: Listener | None = None
        self._idle_snapshot = Snapshot()
        self._spec: SourceSpec | None = None
        self._echo = EchoReference()
        self._music: Music | None = None
        self.calibration = Calibration(
            settings,
            models=self._load_models,
            open_source=self._open_for_take,
            file=paths.voice_file(),
            on_change=self._set_voice,
        )
        """How the model is adapted to the user's voice."""
        self.tracks = TrackQueue(
            self._load_tagger,
            ResultStore(paths.cache_dir() / "moods"),
            max_minutes=settings.max_file_minutes,
        )
        """The music files that people bring."""
        self._threshold = settings.threshold
        self._seen_s: float | None = None
        self._closing = threading.Event()
        self._caretaker: threading.Thread | None = None
        self._warming = threading.Thread(target=self._warm_up, name="attune-warm-up", daemon=True)
        self._warming.start()

    # Listening

    def start(self, spec: SourceSpec, *, on_decision: DecisionHandler | None = None) -> None:
        """Listen to a source, instead of the one before.

        Parameters
        ----------
        spec
            What to listen to.
        on_decision
            Called with every reading and decision, in order, on a thread of the listener.

        Raises
        ------
        AttuneError
            The source, the model or a device is not to be had; nothing is listened to then, and
            the snapshot says why.
        """
        self.calibration.stop_recording()
        with self._lock:
            self.stop()
            self._spec = spec
            try:
                # Seen from now on: the sign must show while a microphone is being opened.
                self._listener = self._make_listener(
                    spec, journal=self._open_journal(), on_decision=on_decision, leads=not spec.fast
                )
                self._set_voice(self.calibration.active)  # one kept meanwhile found no listener yet
                self._listener.start()
            except AttuneError as error:
                self._listener = None
                self._idle_snapshot = Snapshot(state=ListenerState.FAILED, message=str(error))
                raise

    def stop(self, reason: str = "") -> None:
        """Stop listening, within a second; harmless when nothing is listened to.

        Parameters
        ----------
        reason
            One sentence for people, where it was not they who asked.
        """
        with self._lock:
            if self._listener is not None:
                self._listener.stop(reason)
                self._idle_snapshot = self._listener.snapshot()
                self._listener = None

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the source has ended by itself and all of it was decided; False on time-out."""
        listener = self._listener
        return listener is None or listener.wait(timeout_s)

    def snapshot(self) -> Snapshot:
        """The newest picture; never waits."""
        listener = self._listener
        snapshot = self._idle_snapshot if listener is None else listener.snapshot()
        journal = self._journal
        problem = self._journal_problem if journal is None else journal.error or journal.notice
        voice_error = self.calibration.problem
        mood_error = self._mood_problem or snapshot.mood_error
        if (snapshot.journal_error, snapshot.voice_error, snapshot.mood_error) == (
            problem,
            voice_error,
            mood_error,
        ):
            return snapshot
        return replace(snapshot, journal_error=problem, voice_error=voice_error, mood_error=mood_error)

    def recognise(self, path: Path, *, on_progress: Callable[[float], None] | None = None) -> ClipEmotion:
        """Analyse a recording as the live path would hear it, as fast as possible, unrecorded.

        What is listened to meanwhile is not disturbed.

        Parameters
        ----------
        path
            The recording; one shorter than a window is padded with silence.
        on_progress
            Called now and then with the seconds of sound analysed so far, on this thread.

        Raises
        ------
        AttuneError
            The file cannot be read, or not to its end; or the model cannot be used.
        """
        windows: list[ClipWindow] = []
        listener = self._make_listener(
            SourceSpec(SourceKind.FILE, path=path, fast=True),
            journal=None,
            on_decision=lambda reading, decision: windows.append(ClipWindow(reading, decision)),
        )
        listener.start()
        try:
            while not listener.wait(_PROGRESS_S):
                if on_progress is not None:
                    on_progress(listener.snapshot().clock / SAMPLE_RATE_HZ)
        finally:
            listener.stop()
        snapshot = listener.snapshot()
        if snapshot.state is ListenerState.FAILED:
            raise AttuneError(snapshot.message)
        return summarise(
            windows,
            threshold=self._threshold,
            energy_threshold=self.settings.energy_threshold,
            pleasantness_threshold=self.settings.pleasantness_threshold,
            notice=snapshot.notice,
        )

    @property
    def spec(self) -> SourceSpec | None:
        """What is, or was last, listened to."""
        return self._spec

    @property
    def threshold(self) -> float:
        """Confidence from which an emotion is accepted, 0 to 1."""
        return self._threshold

    def set_threshold(self, threshold: float) -> None:
        """Change the threshold, 0 to 1, from the next window on."""
        self._threshold = threshold
        listener = self._listener
        if listener is not None:
            listener.set_threshold(threshold)

    # The user's own music

    def scan_library(
        self,
        folder: Path,
        on_progress: OnProgress | None = None,
        cancelled: Callable[[], bool] | None = None,
        *,
        retry: bool = False,
    ) -> Scanned:
        """Index a music folder by mood for the local player; goes on where it was broken off.

        Parameters
        ----------
        folder
            Where the music lies.
        on_progress
            Called with the files seen to and those in all, on this thread.
        cancelled
            Asked often; once it says true the indexing ends, and what is done is kept.
        retry
            Files that could not be read are tried again, though they have not changed.

        Raises
        ------
        MusicError
            The folder or the library cannot be used.
        ModelError
            The mood models cannot be used.
        """
        tagger, fingerprint = self._load_tagger()

        def score(path: Path) -> TrackMood:
            level = Level()
            found = tagger.analyse(
                path,
                max_minutes=self.settings.max_file_minutes,
                on_sound=level.push,
                cancelled=cancelled,
            )
            return TrackMood(found.theme, found.duration_s, level.rms, level.peak)

        return scan(
            folder,
            paths.library_file(),
            score,
            fingerprint=fingerprint,
            suffixes=SUPPORTED_SUFFIXES,
            on_progress=on_progress,
            cancelled=cancelled,
            retry=retry,
        )

    # What it joins

    @property
    def model(self) -> ModelInfo:
        """The emotion model that is used.

        Raises
        ------
        WeightsError
            It cannot be loaded.
        """
        return self._load_models()[0].info

    @property
    def music(self) -> Music:
        """The music that follows what is listened to; from the first call on it does."""
        if (music := self._music) is not None:
            return music  # a page must not wait while a device is being opened
        with self._lock:
            return self._music or self.lend_music()

    def music_snapshot(self) -> MusicSnapshot | None:
        """The newest picture of the music; None where none follows. Never waits."""
        music = self._music
        return None if music is None else music.snapshot()

    def lend_music(self, player: PlayerKind | None = None, mode: Mode | None = None) -> Music:
        """Let the music follow, with a player and a mode for this run alone.

        Parameters
        ----------
        player, mode
            None: as people have decided.
        """
        with self._lock:
            if self._music is not None:
                self._music.close()
            self._music = Music(
                self.settings,
                scan=self.scan_library,
                record=self._record_music,
                echo=self._echo,
                player=player,
                mode=mode,
            )
            if (listener := self._listener) is not None:
                self._music.conductor.listening(listener.snapshot().state is ListenerState.LISTENING)
            return self._music

    @property
    def journal(self) -> Journal | None:
        """The journal; None where settings switch it off or it cannot be opened."""
        with self._lock:
            return self._open_journal()

    # Being looked at

    def heartbeat(self) -> None:
        """Say that a page is looking.

        From the first call on, listening stops when none comes for `settings.idle_stop_s`: a closed
        tab must not leave a microphone open. Programs that never call it listen for ever.
        """
        self._seen_s = time.monotonic()
        if self._caretaker is None and self.settings.idle_stop_s > 0:
            with self._lock:
                if self._caretaker is None:
                    self._caretaker = threading.Thread(
                        target=self._stop_when_unseen, name="attune-idle", daemon=True
                    )
                    self._caretaker.start()

    def close(self) -> None:
        """Stop and let go of everything; the engine is of no more use."""
        self._closing.set()
        self.tracks.close()
        self.calibration.stop_recording()
        with self._lock:
            self.stop()
            if self._music is not None:
                self._music.close()
            if self._journal is not None:
                self._journal.close()
                self._journal = None
        if self._caretaker is not None:
            self._caretaker.join(_IDLE_POLL_S)
        # A program that ends while the runtime is loading a graph is aborted by it.
        self._warming.join(_WARM_UP_S)

    def _make_listener(
        self,
        spec: SourceSpec,
        *,
        journal: Journal | None,
        on_decision: DecisionHandler | None,
        leads: bool = False,
    ) -> Listener:
        def decided(reading: Reading, decision: Decision) -> None:
            if (music := self._music) is not None:
                music.conductor.hear(feeling_of(decision, listener.snapshot().tenor))
            if on_decision is not None:
                on_decision(reading, decision)

        recogniser, voice_activity = self._load_models()
        mood = self._open_mood()
        listener = Listener(
            self._open_source(spec, self.settings),
            recogniser=recogniser,
            voice_activity=voice_activity,
            settings=self.settings,
            journal=journal,
            on_decision=decided if leads else on_decision,
            mood=None if mood is None else MoodEar(*mood, music_from=self.settings.music_from),
            separator=None if mood is None else self._open_separator(),
            echo=self._echo if spec.kind in _ROOM else None,
            on_state=self._tell_music if leads else None,
        )
        listener.set_threshold(self._threshold)
        if spec.kind in _OWN_VOICE:
            listener.set_voice(self.calibration.active)
        return listener

    def _tell_music(self, state: ListenerState) -> None:
        if (music := self._music) is not None:
            music.conductor.listening(state is ListenerState.LISTENING)

    def _record_music(self, kind: str, sentence: str) -> None:
        if (listener := self._listener) is not None:
            listener.note(kind, sentence)

    def _open_for_take(self, spec: SourceSpec) -> AudioSource:
        """Many devices can be opened only once: listening ends before a take begins."""
        self.stop("Listening stopped, because a sentence of yours is recorded.")
        return self._open_source(spec, self.settings)

    def _set_voice(self, voice: PersonalVoice | None) -> None:
        listener, spec = self._listener, self._spec
        if listener is not None and spec is not None and spec.kind in _OWN_VOICE:
            listener.set_voice(voice)

    def _stop_when_unseen(self) -> None:
        limit_s = self.settings.idle_stop_s
        while not self._closing.wait(min(_IDLE_POLL_S, limit_s / 4)):
            try:
                with self._lock:
                    if self._unseen_s() > limit_s and self.snapshot().listening:
                        self.stop(f"Listening stopped, because no page was open for {limit_s:g} s.")
            except Exception:  # noqa: BLE001 - whatever goes wrong, the next round must come
                _LOG.exception("an unseen listener could not be stopped")

    def _unseen_s(self) -> float:
        return 0.0 if self._seen_s is None else time.monotonic() - self._seen_s

    def _warm_up(self) -> None:
        """Load the models before somebody waits for them; a problem is told when they are needed."""
        try:
            self._load_models()
            self._open_mood()
            self._open_separator()
        except AttuneError as error:
            _LOG.warning("models are not usable: %s", error)

    def _load_models(self) -> tuple[EmotionRecogniser, Session]:
        with self._loading:
            if self._models is None:
                recogniser = load_recogniser(
                    self.settings.emotion_model,
                    threads=self.settings.threads,
                    provider=self.settings.provider,
                )
                self._models = recogniser, load_voice_activity_session()
            return self._models

    def load_mood(self) -> tuple[Backbone, Head]:
        """The backbone and the head that hear music, loaded once.

        Raises
        ------
        WeightsError, ModelError
            One of them cannot be used.
        """
        with self._loading:
            if self._mood_models is None:
                settings = self.settings
                self._mood_models = (
                    load_backbone(
                        settings.mood_backbone, threads=settings.threads, provider=settings.provider
                    ),
                    load_head(settings.mood_head),
                )
            return self._mood_models

    def _load_tagger(self) -> tuple[MoodTagger, str]:
        """What hears whole files, and a fingerprint of its two models."""
        models = self.load_mood()
        with self._loading:
            if self._tagger is None:
                settings = self.settings
                fingerprint = digest(
                    settings.mood_backbone or assets.locate(EMBEDDED_BACKBONE),
                    settings.mood_head or assets.locate(EMBEDDED_HEAD),
                )
                self._tagger = MoodTagger(*models), fingerprint
            return self._tagger

    def _open_mood(self) -> tuple[Backbone, Head] | None:
        """Mood models that cannot be used are said, and listening goes on without."""
        try:
            models = self.load_mood()
            self._mood_problem = ""
        except AttuneError as error:
            self._mood_problem = f"{error} {WITHOUT_MOOD}"
            _LOG.warning("%s", error)
            return None
        return models

    def _open_separator(self) -> VoiceSeparator | None:
        """A separator that cannot be used is said, and listening goes on without."""
        with self._loading:
            if self._separator is None:
                try:
                    self._separator = load_separator(threads=self.settings.threads)
                except AttuneError as error:
                    self._mood_problem = f"{error} {WITHOUT_SEPARATOR}"
                    _LOG.warning("%s", error)
            return self._separator

    def _open_journal(self) -> Journal | None:
        """A journal that cannot be opened is said, and listening goes on without."""
        if self._journal is None and self.settings.journal and not self._closing.is_set():
            try:
                self._journal = Journal(
                    self.settings.journal_path, retention_days=self.settings.retention_days
                )
                self._journal_problem = ""
            except JournalError as error:
                self._journal_problem = str(error)
                _LOG.warning("%s", error)
        return self._journal

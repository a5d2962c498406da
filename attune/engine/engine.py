"""Joins source, listener, models, music and journal; the front doors use it and join nothing themselves."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from attune.engine.corrections import Corrections
from attune.engine.events import EventLog
from attune.engine.home.automation import HomeAutomation
from attune.engine.idle_stop import IdleStop
from attune.engine.journal_access import JournalAccess
from attune.engine.library_indexing import LibraryIndexing
from attune.engine.listening_pause import ListeningPause
from attune.engine.live_settings import hand_out
from attune.engine.model_cache import ModelCache
from attune.engine.music import Music
from attune.engine.recent_events import EventHandler
from attune.engine.spotify_setup import SpotifySetup
from attune.engine.whole_clip import recognise_clip
from core import paths
from core.errors import AttuneError
from core.settings import Settings
from models.audio import open_stream
from models.emotion.personal import PersonalVoice
from models.emotion.recogniser import ModelInfo
from models.mood.result_store import ResultStore
from models.mood.tagger import OnProgress
from models.mood.track_queue import TrackQueue
from models.track.profile import TrackProfiler
from playback.autopilot.wording import playlist_names
from playback.controller import PlaybackController
from playback.player import PlayerKind
from playback.preferences.preferences import Mode
from playback.snapshot import MusicRecord, MusicSnapshot
from realtime.calibration.calibration import Calibration
from realtime.capture import AudioSource, SourceKind, SourceSpec, make_source
from realtime.clip_summary import ClipEmotion
from realtime.echo_cancellation import EchoReference
from realtime.journal import Journal
from realtime.listener import Listener
from realtime.live_mood_tagger import LiveMoodTagger
from realtime.recent_voice import VoiceWindow
from realtime.response import feeling_to_follow
from realtime.snapshot import ListenerState, Snapshot, WindowResult

_WARM_UP_S: Final = 10.0
_ROOM: Final = (SourceKind.MICROPHONE, SourceKind.SYSTEM, SourceKind.PUSH)
# In recordings, in the demo and in what the machine plays, others speak; and a replay must give the same
# decisions on every machine.
_OWN_VOICE: Final = (SourceKind.MICROPHONE, SourceKind.PUSH)


class Engine:
    """Listens to one source at a time; any thread and any number of front doors may use it.

    Parameters
    ----------
    settings
        All settings.
    open_source
        Turns what was asked for into a source; tests and programs that bring their own sound
        pass another function.
    on_event
        Called with each window that `start` leads to, each notice and each record of the music, in the
        order in which they happen, on whichever thread brought it: it must be quick.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        open_source: Callable[[SourceSpec, Settings], AudioSource] = make_source,
        on_event: EventHandler | None = None,
    ) -> None:
        self.settings = self.listening_settings = settings
        self._open_source = open_source
        self._lock = threading.RLock()
        self.events = EventLog(on_event, lambda: (self._read_snapshot(), self.music_snapshot()), kept=600)
        self._models = ModelCache(settings)
        self._journal = JournalAccess(settings)
        self._listener: Listener | None = None
        self._idle_snapshot = Snapshot()
        self._spec: SourceSpec | None = None
        self._echo = EchoReference()
        self._music: Music | None = None
        self.calibration = Calibration(  # how the model is adapted to the user's voice
            settings,
            models=self._models.emotion,
            open_source=self._open_for_take,
            file=paths.voice_file(),
            on_change=self._set_voice,
        )
        self.corrections = Corrections(  # what people correct of what was said
            snapshot=self._read_snapshot,
            voice=self._own_voice_between,
            journal=self._journal.open,
            model=lambda: self.model,
        )
        self.pause = ListeningPause(self)  # listening, paused for a while
        self.home = HomeAutomation(self)  # told over MQTT, once it is opened
        self.tracks = TrackQueue(self._models.profiler, ResultStore(paths.cache_dir() / "moods"))
        self.tracks.max_minutes = settings.max_file_minutes  # of the music files that people bring
        self.spotify = SpotifySetup(settings, music=self._ensure_music)  # Spotify: sign-in, account, search
        self.library = LibraryIndexing(
            settings, profiler=self._models.profiler, on_indexed=self._refresh_local_player
        )
        """The user's own music files, indexed for the local player."""
        self._idle = IdleStop(settings.idle_stop_s, self._stop_when_idle)
        self._warming = threading.Thread(target=self._models.warm_up, name="attune-warm-up", daemon=True)
        self._warming.start()
        atexit.register(self.close)  # a program may end without, also in the middle of a loop

    def start(self, spec: SourceSpec) -> None:
        """Listen to a source, instead of the one before.

        Parameters
        ----------
        spec
            What to listen to.

        Raises
        ------
        AttuneError
            The source, the model or a device is not to be had; nothing is listened to then, and
            the snapshot says why.
        """
        self.calibration.stop_recording()
        with self._lock:
            self.stop()
            self._spec, self.listening_settings = spec, self.settings
            try:
                # Set before it starts: pages must show that it listens while a microphone is being opened.
                self._listener = self._make_listener(spec, journal=self._journal.open(anew=True))
                self._set_voice(self.calibration.active)  # one kept meanwhile found no listener yet
                self._listener.start()
            except AttuneError as error:
                self._listener = None
                self._idle_snapshot = Snapshot(state=ListenerState.FAILED, message=str(error))
                self.events.observe()
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
        """Wait until the source has ended by itself and all was decided; False on time-out or a pause."""
        if self.pause.wait(timeout_s):
            return False
        listener = self._listener
        over = listener is None or listener.wait(timeout_s)
        return over and not self.pause.active and self._listener in (listener, None)

    def snapshot(self) -> Snapshot:
        """The newest state; never waits."""
        return self.events.observe()

    def _read_snapshot(self) -> Snapshot:
        listener = self._listener
        snapshot = self.pause.shown(self._idle_snapshot) if listener is None else listener.snapshot()
        return replace(
            self._journal.report(snapshot),
            voice_error=self.calibration.problem,
            home_error=self.home.problem,
            mood_error=self._models.mood_problem or snapshot.mood_error,
        )

    def recognise(
        self,
        path: Path,
        *,
        content: bytes | None = None,
        on_progress: OnProgress | None = None,
    ) -> ClipEmotion:
        """Analyse a recording as the live path would hear it, as fast as possible, unrecorded.

        What is listened to meanwhile is not disturbed.

        Parameters
        ----------
        path
            The recording; one shorter than a window is padded with silence.
        content
            Its content, where `path` is but a name.
        on_progress
            Called now and then on this thread; what it raises ends the analysis.

        Raises
        ------
        AudioDecodeError, ModelError
            The file cannot be read, or not to its end; or the model cannot be used.
        """
        source = path if content is None else content
        models, minutes = self._models.for_listening(), self.settings.max_file_minutes
        with open_stream(source, max_minutes=minutes, name=str(path)) as stream:
            return recognise_clip(stream, models, self.settings, on_progress=on_progress)

    @property
    def spec(self) -> SourceSpec | None:
        """What is, or was last, listened to."""
        return self._spec

    @property
    def threshold(self) -> float:
        """Confidence from which an emotion is accepted, 0 to 1."""
        return self.settings.threshold

    def set_threshold(self, threshold: float) -> None:
        """Change the threshold, 0 to 1, from the next window on."""
        self.set_settings(self.settings.model_copy(update={"threshold": threshold}))

    def set_settings(self, settings: Settings) -> None:
        """Take other settings over; `SettingInfo.takes_effect` says from when each of them holds."""
        with self._lock:
            self.settings = self.library.settings = settings
            self._idle.limit_s, self.tracks.max_minutes = settings.idle_stop_s, settings.max_file_minutes
            parts = self._models, self.calibration, self._journal, self.spotify, self._music, self._listener
            hand_out(settings, self.home, *parts)

    @property
    def warming_up(self) -> bool:
        """Whether models are still being loaded."""
        return self._warming.is_alive()

    @property
    def model(self) -> ModelInfo:
        """The emotion model that is used.

        Raises
        ------
        WeightsError
            It cannot be loaded.
        """
        return self._models.emotion()[0].info

    @property
    def profiler(self) -> TrackProfiler:
        """What tells the mood and the profile of whole files; raises as `ModelCache.profiler` does."""
        return self._models.profiler()[0]

    @property
    def music(self) -> PlaybackController:
        """The music; from the first call on it follows what is listened to."""
        return self._ensure_music().controller

    def music_snapshot(self) -> MusicSnapshot | None:
        """The newest state of the music; None where none follows. Never waits."""
        music = self._music
        return None if music is None else music.controller.snapshot()

    def use_player(self, kind: PlayerKind) -> None:
        """Let another player play from now on.

        Raises
        ------
        AttuneError
            It cannot be opened; the one before stays.
        """
        self._ensure_music().use(kind)

    def open_music(self, player: PlayerKind | None = None, mode: Mode | None = None) -> PlaybackController:
        """Let the music follow, with a player and a mode for this run alone; None: as people have decided."""
        with self._lock:
            if self._music is not None:
                self._music.close()
            self._music = Music(
                self.settings,
                open_spotify=self.spotify.open_player,
                record=self._record_music,
                echo=self._echo,
                player=player,
                mode=mode,
            )
            controller = self._music.controller
            if (listener := self._listener) is not None:
                on, spec = listener.snapshot().state is ListenerState.LISTENING, self._spec
                controller.set_listening(on, demo=spec is not None and spec.kind is SourceKind.DEMO)
            return controller

    @property
    def journal(self) -> Journal | None:
        """The journal; None where settings switch it off or it cannot be opened."""
        return self._journal.open(anew=self._listener is None)

    def heartbeat(self) -> None:
        """Say that a page is open.

        From the first call on, listening stops when none comes for `settings.idle_stop_s`. Programs that
        never call it listen for ever.
        """
        self._idle.heartbeat()

    def close(self) -> None:
        """Stop and let go of everything; the engine is of no more use."""
        atexit.unregister(self.close)
        self.home.close()
        self.pause.close()
        self.tracks.close()
        self.library.close()
        self.calibration.stop_recording()
        with self._lock:
            self.stop()
            self._journal.close()
            self.spotify.close()
            if self._music is not None:
                self._music.close()
        self._idle.close()
        # A program that ends while the runtime is loading a graph is aborted by it.
        self._warming.join(_WARM_UP_S)

    def _make_listener(
        self,
        spec: SourceSpec,
        *,
        journal: Journal | None = None,
    ) -> Listener:
        models = self._models.for_listening()
        mood = models.mood and LiveMoodTagger(*models.mood)
        listener = Listener(
            self._open_source(spec, self.settings),
            recogniser=models.recogniser,
            voice_activity=models.voice_activity,
            settings=self.settings,
            journal=journal,
            on_window=partial(self._take_window, spec),
            mood=mood,
            separator=models.separator,
            echo=self._echo if spec.kind in _ROOM else None,
            on_change=partial(self._take_change, spec),
        )
        if spec.kind in _OWN_VOICE:
            listener.set_voice(self.calibration.active)
        return listener

    def _take_window(self, spec: SourceSpec, window: WindowResult) -> None:
        if (music := self._music) is not None and not spec.fast:
            music.controller.follow(feeling_to_follow(window.decision, window.sustained))
        self.events.tell(window)

    def _take_change(self, spec: SourceSpec, before: Snapshot, after: Snapshot) -> None:
        if (music := self._music) is not None and after.state is not before.state and not spec.fast:
            on = after.state is ListenerState.LISTENING
            music.controller.set_listening(on, demo=spec.kind is SourceKind.DEMO)
        self.events.observe()

    def _ensure_music(self) -> Music:
        if (music := self._music) is not None:
            return music  # a page must not wait while a device is being opened
        with self._lock:
            if self._music is None:
                self.open_music()
            assert self._music is not None
            return self._music

    def _refresh_local_player(self) -> None:
        if self._music is not None and self._music.controller.kind is PlayerKind.LOCAL:
            self._music.controller.refresh()

    def _record_music(self, record: MusicRecord, sentence: str) -> None:
        if (listener := self._listener) is not None:
            playlist = None if record.playlist is None else playlist_names(record.playlist)[1]
            listener.note(f"music {record.kind}", sentence, feeling=record.feeling, playlist=playlist)
        self.events.tell(record)

    def _open_for_take(self, spec: SourceSpec) -> AudioSource:
        """Many devices can be opened only once: listening ends before a take begins."""
        self.stop("Listening stopped, because a sentence of yours is recorded.")
        return self._open_source(spec, self.settings)

    def _own_voice_between(self, from_clock: int, to_clock: int) -> VoiceWindow | None:
        listener, spec = self._listener, self._spec
        own = listener is not None and spec is not None and spec.kind in _OWN_VOICE
        return listener.voice_between(from_clock, to_clock) if own and listener is not None else None

    def _set_voice(self, voice: PersonalVoice | None) -> None:
        listener, spec = self._listener, self._spec
        if listener is not None and spec is not None and spec.kind in _OWN_VOICE:
            listener.set_voice(voice)

    def _stop_when_idle(self) -> None:
        with self._lock:
            if self._idle.expired and self.snapshot().listening:
                self.stop(f"Listening stopped, because no page was open for {self._idle.limit_s:g} s.")

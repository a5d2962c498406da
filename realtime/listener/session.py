"""One run of listening: starts and stops the threads and hands values from stage to stage."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from core.errors import AttuneError
from core.settings import Settings
from models.emotion.personal import PersonalVoice
from models.emotion.recogniser import Recogniser
from models.emotion.separator import VoiceSeparator
from models.resample import SAMPLE_RATE_HZ
from models.runtime import Session
from realtime.capture.source import AudioSource, SourceInfo
from realtime.echo_cancellation import EchoReference
from realtime.fifo import BlockFifo, End
from realtime.journal import Journal
from realtime.listener.emotion_stage import EmotionStage, StageResult
from realtime.listener.publisher import SnapshotPublisher, StageTimes
from realtime.listener.stream_worker import (
    LevelMeasured,
    SoundLost,
    StreamEvent,
    StreamStarted,
    StreamWorker,
    Window,
)
from realtime.listener.watchdog import Watchdog
from realtime.live_mood_tagger import LiveMoodTagger
from realtime.mailbox import Mailbox
from realtime.recent_voice import VoiceWindow, mean_of, remember
from realtime.snapshot import (
    OPENING,
    RECORDING_OVER,
    Counters,
    Decision,
    ListenerState,
    MoodReading,
    Reading,
    Snapshot,
    WindowResult,
)

_LOG = logging.getLogger(__name__)

_NO_THREAD: Final = "The system has no thread left to listen with: close other programs, then start again."

_HISTORY_SAMPLES: Final = 120 * SAMPLE_RATE_HZ
_STOP_S: Final = 0.9


class Listener:
    """One run of listening to one source, from `start` to `stop`; not to be started again.

    Parameters
    ----------
    source
        Where sound comes from.
    recogniser
        The emotion model.
    voice_activity
        Silero's session (`realtime.voice_activity.load_voice_activity_session`).
    settings
        Those of every stage, kept in the journal.
    journal
        Where decisions are recorded; None records nothing.
    on_window
        Called with the result of every window, in order, on the emotion thread: it must be quick.
    mood, separator, echo
        See `EmotionStage`.
    on_change
        See `SnapshotPublisher`.
    """

    def __init__(
        self,
        source: AudioSource,
        *,
        recogniser: Recogniser,
        voice_activity: Session,
        settings: Settings,
        journal: Journal | None = None,
        on_window: Callable[[WindowResult], None] | None = None,
        mood: LiveMoodTagger | None = None,
        separator: VoiceSeparator | None = None,
        echo: EchoReference | None = None,
        on_change: Callable[[Snapshot, Snapshot], None] | None = None,
    ) -> None:
        self._source = source
        self._recogniser = recogniser
        self._settings = settings
        self._journal = journal
        self._on_window = on_window
        self._session_id: int | None = None

        self._publisher = SnapshotPublisher(on_change)
        self._stopping = self._publisher.stopping
        self._fifo = BlockFifo(settings.fifo_s)
        self._worker = StreamWorker(settings, voice_activity)
        self._mailbox: Mailbox[Window | End] = Mailbox()
        self._stage = EmotionStage(recogniser, settings, mood=mood, separator=separator, echo=echo)
        self._watchdog = Watchdog(source, self._fifo, self._worker, settings, self._stopping)
        self._threads: list[threading.Thread] = []
        self._lifecycle = threading.Lock()

        self._counters = Counters()  # the worker thread's own
        # The emotion thread's own
        self._noted_mood_clock = 0
        self._history: deque[tuple[Reading, Decision]] = deque()
        self._times = StageTimes()
        self._recent_voice: tuple[VoiceWindow, ...] = ()  # read by others

    # For the engine

    def start(self) -> None:
        """Open the source and begin to listen.

        Raises
        ------
        AttuneError
            The source cannot be opened, or the system has no thread left; nothing runs then.
        """
        with self._lifecycle:
            self._publisher.publish(state=ListenerState.STARTING, message=OPENING)
            try:
                info = self._source.open(self._fifo)
            except AttuneError as error:
                self._publisher.publish(state=ListenerState.FAILED, message=str(error))
                raise
            self._begin_session(info)
            self._publisher.publish(source=info, message="", session_id=self._session_id)
            try:
                self._spawn("attune-worker", self._work)
                self._spawn("attune-emotion", self._classify)
                if info.live:
                    self._spawn("attune-watchdog", self._watch)
            except RuntimeError as error:
                self._end(ListenerState.FAILED, _NO_THREAD)
                raise AttuneError(_NO_THREAD) from error

    def stop(self, reason: str = "") -> None:
        """Stop listening, within a second; safe to call at any time and more than once.

        Parameters
        ----------
        reason
            One sentence for people, where it was not they who asked.
        """
        deadline_s = time.perf_counter() + _STOP_S
        with self._lifecycle:
            self._end(ListenerState.STOPPED, reason)
            for thread in self._threads:
                if thread is not threading.current_thread():
                    thread.join(max(0.0, deadline_s - time.perf_counter()))
            # Another thread may still be closing a device that hangs.
            self._publisher.end(ListenerState.STOPPED, reason, if_listening=True)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the source has ended and everything it held was decided; False on time-out."""
        deadline_s = None if timeout_s is None else time.perf_counter() + timeout_s
        for thread in self._threads:
            thread.join(None if deadline_s is None else max(0.0, deadline_s - time.perf_counter()))
        return not any(thread.is_alive() for thread in self._threads)

    def snapshot(self) -> Snapshot:
        """The newest state of everything; never waits."""
        return self._publisher.snapshot

    def set_settings(self, settings: Settings) -> None:
        """Take the limits of the gate and of music rejection over, from the next window on."""
        self._stage.set_settings(settings)
        if settings.threshold != self._settings.threshold:
            self.note("threshold", f"{settings.threshold:.2f}")
        self._settings = settings

    def set_voice(self, voice: PersonalVoice | None) -> None:
        """Adapt the model to the user's voice from the next window on; None takes it as it is."""
        if voice is self._stage.voice:
            return
        self._stage.voice = voice
        self._publisher.publish(personal=voice is not None)
        self.note("voice", "off" if voice is None else f"on, made {voice.made_at}")

    def voice_between(self, from_clock: int, to_clock: int) -> VoiceWindow | None:
        """What the model said of the voice in a stretch of the last minute, on average; None without any."""
        return mean_of(self._recent_voice, from_clock, to_clock)

    def note(
        self,
        kind: str,
        detail: str,
        *,
        clock: int | None = None,
        feeling: str | None = None,
        playlist: str | None = None,
    ) -> None:
        """Write an event into the journal.

        Parameters
        ----------
        kind, detail
            A short word, and a sentence for people.
        clock
            Sample clock of the event; None: the present.
        feeling, playlist
            What a record of the music is about, see `EventRow`.
        """
        if self._journal is not None and self._session_id is not None:
            moment = self._worker.clock if clock is None else clock
            self._journal.record_event(
                self._session_id,
                moment,
                kind,
                detail,
                feeling=feeling,
                playlist=playlist,
                wait=self._worker.lossless,
            )

    # Life cycle

    def _spawn(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Run a thread's work; whatever it raises ends the listener with a sentence, not silently."""
        try:
            work()
        except AttuneError as error:
            self._end(ListenerState.FAILED, str(error))
        except Exception as error:  # noqa: BLE001 - the thread ends here, and says so
            _LOG.exception("listening ended by an internal error")
            self._end(
                ListenerState.FAILED,
                f"Listening ended by an internal error ({error!r}): press Start to go on.",
            )

    def _end(self, state: ListenerState, message: str) -> None:
        """End everything without waiting for the threads; the first reason counts."""
        if not self._publisher.begin_end():
            return
        self._fifo.close()
        self._mailbox.close()
        self._watchdog.close_source(_STOP_S / 4)
        if self._journal is not None and self._session_id is not None:
            self._journal.end_session(self._session_id)
        self._publisher.end(state, message)

    def _begin_session(self, info: SourceInfo) -> None:
        if self._journal is None:
            return
        model = self._recogniser.info
        self._session_id = self._journal.begin_session(
            info,
            model=f"{model.name} {model.version}" + (", adapted" if self._stage.voice is not None else ""),
            settings=self._settings.model_dump(mode="json", exclude={"journal_path"}),
        )

    # Worker thread: every sample, in order

    def _work(self) -> None:
        for event in self._worker.drain(self._fifo, self._stopping):
            self._take_stream_event(event)

    def _take_stream_event(self, event: StreamEvent) -> None:
        counters = self._counters
        match event:
            case Window():
                replaced = self._mailbox.put(event, wait=self._worker.lossless)
                self._counters = replace(
                    counters,
                    windows=counters.windows + 1,
                    dropped_windows=counters.dropped_windows + replaced,
                    dropped_clock=event.clock if replaced else counters.dropped_clock,
                )
            case LevelMeasured(level, clock, delay_ms):
                if level.clipping:
                    self._counters = replace(counters, clipped_clock=clock)
                self._publisher.publish(
                    level=level,
                    clock=clock,
                    counters=self._counters,
                    resampler_delay_ms=delay_ms,
                    sound_notices=self._worker.notices,
                )
            case StreamStarted(info):
                if self.snapshot().state is ListenerState.DEVICE_LOST:
                    self._counters = replace(counters, reconnects=counters.reconnects + 1)
                    self.note("device back", info.name)
                self._publisher.publish(
                    state=ListenerState.LISTENING, message="", source=info, counters=self._counters
                )
            case SoundLost(frames, overflows, report):
                self._counters = replace(
                    counters,
                    overflows=counters.overflows + overflows,
                    lost_frames=counters.lost_frames + frames,
                    lost_clock=self._worker.clock,
                )
                if report:
                    self.note("gap", f"{overflows} overflows of the device, {frames} frames without room")
            case End():
                self._take_end(event)

    def _take_end(self, end: End) -> None:
        source = self.snapshot().source
        if source is not None and source.live:
            self._watchdog.report_loss()
            return
        self._publisher.publish(
            clock=self._worker.clock, counters=self._counters, sound_notices=self._worker.notices
        )
        self._mailbox.put(end, wait=True)

    # Emotion thread: the newest window

    def _classify(self) -> None:
        while (item := self._mailbox.take()) is not None:
            if isinstance(item, End):
                self._finish(item)
                return
            found = self._stage.process(item)
            if self._stopping.is_set():
                return  # nothing follows the end of a session
            self._hand_out(item, found)

    def _hand_out(self, window: Window, found: StageResult) -> None:
        reading, decision = found.result.reading, found.result.decision
        if found.voice is not None:
            self._recent_voice = remember(self._recent_voice, found.voice)
        self._history.append((reading, decision))
        while decision.clock - self._history[0][0].clock > _HISTORY_SAMPLES:
            self._history.popleft()
        readings, decisions = zip(*self._history, strict=True)
        self._publisher.publish(
            reading=reading,
            decision=decision,
            sustained=found.result.sustained,
            mood=found.mood,
            mood_error=self._stage.problem,
            history=decisions,
            readings=readings,
            timing=self._times.summary(),
            counters=self._counters,
        )
        published_s = time.perf_counter()
        self._times.add(
            {
                "queue": (found.started_s - window.arrival_time_s) * 1000.0,
                **window.durations_ms,
                "gate": (published_s - found.answered_s) * 1000.0,
                "total": (published_s - window.arrival_time_s) * 1000.0,
                **found.durations_ms,
            }
        )
        if found.mood is not None:
            self._note_mood(found.mood)
        if self._journal is not None and self._session_id is not None:
            self._journal.record_window(self._session_id, reading, decision, wait=self._worker.lossless)
        if self._on_window is not None:
            self._on_window(found.result)

    def _note_mood(self, mood: MoodReading) -> None:
        """Write the mood of the music into the journal, now and then."""
        newest = mood.themes[0]
        due = mood.clock - self._noted_mood_clock >= newest.seconds * SAMPLE_RATE_HZ
        if due and newest.tags:
            self._noted_mood_clock = mood.clock
            tags = ", ".join(f"{tag} {probability:.2f}" for tag, probability in newest.tags)
            self.note("mood", f"the last {newest.seconds:.0f} s: {tags}", clock=mood.clock)

    def _finish(self, end: End) -> None:
        self._publisher.publish(notice=end.notice)
        if end.error is None:
            self._end(ListenerState.FINISHED, RECORDING_OVER)
        else:
            self._end(ListenerState.FAILED, str(end.error))

    # Watchdog thread: sources that can vanish

    def _watch(self) -> None:
        for _ in self._watchdog.losses():
            snapshot = self.snapshot()
            assert snapshot.source is not None
            name = snapshot.source.name
            if snapshot.state is not ListenerState.DEVICE_LOST:
                self.note("device lost", name)
            self._publisher.publish(
                state=ListenerState.DEVICE_LOST,
                message=f"{name} has stopped delivering sound. "
                "It will be opened again as soon as it is back.",
            )

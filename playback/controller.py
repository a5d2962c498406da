"""Plays what follows from what is heard: what people and the autopilot want is carried out on one thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from core.directions import Feeling
from playback.autopilot import events
from playback.autopilot.events import Action, Event
from playback.autopilot.runner import AutopilotRunner, PlayerCall
from playback.call_state import CallState
from playback.mapping import candidates as mapping
from playback.player import Outcome, Player, PlayerKind, Playlist
from playback.preferences.file import import_preferences
from playback.preferences.keeper import PreferencesKeeper
from playback.preferences.opinions import Opinion
from playback.preferences.preferences import Mode, PlaylistRef, Preferences
from playback.serial_executor import CLOSED, SerialExecutor
from playback.snapshot import MusicRecord, MusicSnapshot

_TICK_SHARE: Final = 0.25
_CALL_POLLS: Final = 5
_STOP_S: Final = 0.3
_BACKGROUND_STOP_S: Final = 0.6


def _minute_of_day() -> int:
    now = time.localtime()
    return 60 * now.tm_hour + now.tm_min


class PlaybackController:
    """Changes the music by itself and for people; any thread may call any method, and none of them waits.

    Everything is decided on one thread, in the order in which it was asked for, so that what people do and
    what the autopilot decides cannot cross.

    Parameters
    ----------
    player
        Plays; closed by the controller.
    preferences
        What people have decided before.
    save
        Saves changed preferences, in the background; where it raises, the snapshot's `problem` says so and
        the change holds.
    record
        Takes what happened, and one sentence on it without any name that comes from Spotify, for the
        journal. Must not wait.
    clock
        Unix time.
    local_minute
        Local minute of the day, 0 to 1439.
    call_is_on
        Whether a call is on, None where that is not known; may take its time. Asked now and then, in the
        background, while something is listened to and the autopilot is not off.
    problem
        One sentence on what is wrong with the preferences; empty where nothing is.
    poll_s
        Time between two looks at the player, a quarter of it while something changes, s; a call is asked
        for a fifth as often.
    """

    def __init__(
        self,
        player: Player,
        preferences: Preferences,
        *,
        save: Callable[[Preferences], None],
        record: Callable[[MusicRecord, str], None],
        clock: Callable[[], float] = time.time,
        local_minute: Callable[[], int] = _minute_of_day,
        call_is_on: Callable[[], bool | None] = lambda: None,
        problem: str = "",
        poll_s: float = 1.0,
    ) -> None:
        self._clock = clock
        self._call_is_on = call_is_on
        self._poll_s = poll_s
        self._background = SerialExecutor("attune-music-background")
        self._call_detection = SerialExecutor("attune-music-calls")

        # Shared: replaced whole, under the lock where what comes depends on what was.
        self._lock = threading.Lock()
        self._closed = False
        self._preferences = PreferencesKeeper(
            preferences, save=save, executor=self._background, problem=problem
        )
        self._shown_player = player
        self._answers: set[Future[Outcome]] = set()

        # The thread's own.
        self._call = CallState()
        self._detecting = False
        self._detect_at_s = 0.0
        self._autopilot = AutopilotRunner(
            player,
            self._preferences,
            post=self._post,
            record=record,
            clock=clock,
            local_minute=local_minute,
            poll_s=poll_s,
        )
        self._published = MusicSnapshot(player.snapshot(), preferences)
        self._poll()
        self._thread = SerialExecutor("attune-music", tick=self._poll, tick_s=poll_s * _TICK_SHARE)

    # What is heard

    def follow(self, feeling: Feeling | None) -> None:
        """Take what every decision of the gate leaves to follow; None for unsure and for no speech."""
        self._post(partial(self._autopilot.follow, self._clock(), feeling))

    def set_listening(self, on: bool, *, demo: bool = False) -> None:
        """Report whether anything is listened to: not while a device is lost, nor after listening stopped.

        Parameters
        ----------
        on
            Whether.
        demo
            It is the demo, see `context_for`.
        """
        self._post(partial(self._autopilot.set_listening, self._clock(), on, demo=demo))

    def set_call(self, on: bool) -> None:
        """Report that a call is on or over; goes before what the machine detects of this call."""
        self._post(lambda: self._set_call(self._call.after_saying(on)))

    # What people see

    def snapshot(self) -> MusicSnapshot:
        """The newest state; never waits."""
        return replace(
            self._published,
            player=self._shown_player.snapshot(),
            preferences=self._preferences.current,
            problem=self._preferences.problem,
        )

    @property
    def kind(self) -> PlayerKind:
        """The player in use."""
        return self._shown_player.kind

    def candidates(self, feeling: Feeling) -> tuple[Playlist, ...]:
        """The playlists that an emotion or a direction leads to now."""
        player = self._shown_player.snapshot()
        return mapping.candidates(self._preferences.current, feeling, player.playlists, player.kind)

    def missing(self) -> tuple[PlaylistRef, ...]:
        """Chosen playlists of the player in use that are not there any more."""
        player = self._shown_player.snapshot()
        return mapping.missing(self._preferences.current, player.playlists, player.kind)

    # What people do

    def mark_viewed(self) -> None:
        """Say that the snapshot is on screen, see `Player.mark_viewed`."""
        self._shown_player.mark_viewed()

    def refresh(self) -> Future[Outcome]:
        """List playlists and devices anew, and ask what is playing."""
        return self._shown_player.refresh()

    def play(self, uri: str) -> Future[Outcome]:
        """Play a playlist; the autopilot takes it as a change of its own."""
        return self._command(Action.PLAY, lambda player: player.play(uri), uri)

    def pause(self) -> Future[Outcome]:
        """Pause the music, and keep the autopilot quiet for a while, as the next two do."""
        return self._command(Action.PAUSE, lambda player: player.pause())

    def resume(self) -> Future[Outcome]:
        """Let it go on."""
        return self._command(Action.RESUME, lambda player: player.resume())

    def next(self) -> Future[Outcome]:
        """Go to the next track; within its first 30 s, that says something of its playlist, too."""
        return self._command(Action.NEXT, lambda player: player.next())

    def set_volume(self, volume: float) -> Future[Outcome]:
        """Set the volume, 0 to 1."""
        return self._command(Action.VOLUME, lambda player: player.set_volume(volume))

    def choose_device(self, name: str) -> Future[Outcome]:
        """Let music come out of the device of that name, and remember it; empty: whichever is active."""
        answer = self._command(Action.DEVICE, lambda player: player.choose_device(name))
        if self.kind in (PlayerKind.LOCAL, PlayerKind.SYSTEM):  # the one on Spotify remembers its own
            answer.add_done_callback(partial(self._keep_device, self.kind, name))
        return answer

    def give_opinion(self, opinion: Opinion) -> None:
        """Say what a person thinks of what plays; not this changes the music at once."""
        self._post(lambda: self._autopilot.give_opinion(self._clock(), opinion))

    def undo(self) -> None:
        """Take the autopilot's last switch back, and keep it quiet for a while; how it ended is recorded."""
        self._post_event(events.UserActed(self._clock(), Action.UNDO))

    def resume_autopilot(self) -> None:
        """End what the autopilot waits for, where `MusicSnapshot.can_resume` says that it can be ended."""
        self._post(self._resume_autopilot)

    def answer(self, yes: bool) -> None:
        """Answer the suggestion; nothing where none waits."""
        self._post_event(events.SuggestionAnswered(self._clock(), yes))

    def add_record(self, record: MusicRecord, journal_reason: str) -> None:
        """Keep a record of something that happened elsewhere, and its reason for the journal."""
        self._post(partial(self._autopilot.execute, events.Record(record, journal_reason)))

    # What people decide

    def set_mode(self, mode: Mode) -> None:
        """Set what the autopilot may do."""
        self._change(lambda given: replace(given, autopilot=replace(given.autopilot, mode=mode)))

    def set_preferences(self, preferences: Preferences) -> None:
        """Set all that people decide about the music."""
        self._change(lambda _: preferences)

    def import_preferences(self, text: str) -> None:
        """Take preferences from such a text; which player plays, and where, stays as it is.

        Raises
        ------
        MusicError
            It cannot be read.
        """
        given = import_preferences(text)
        self._change(
            lambda now: replace(
                given, player=now.player, loudspeaker=now.loudspeaker, open_player=now.open_player
            )
        )

    def use(self, player: Player) -> None:
        """Use another player from now on, and close the one before."""
        with self._lock:
            if not self._closed:
                self._shown_player = player
                self._post(partial(self._use, player))
                return
        player.close()

    def close(self) -> None:
        """Stop within a second, and close the player; calling it again changes nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._thread.close(_STOP_S, finish=True)
        for player in {
            id(player): player for player in (self._autopilot.player, self._shown_player)
        }.values():
            self._background.post(player.close)
        self._call_detection.close(0.0)
        self._background.close(_BACKGROUND_STOP_S, finish=True)
        for answer in tuple(self._answers):
            self._settle(answer, CLOSED)

    def _change(self, change: Callable[[Preferences], Preferences]) -> None:
        with self._lock:  # what changes first is told first
            before, now = self._preferences.update(change)
            if now == before:
                return
            mode = now.autopilot.mode
            if mode is not before.autopilot.mode:
                self._post_event(events.ModeSet(self._clock(), mode))
            self._post_event(events.SettingsChanged(self._clock()))

    def _keep_device(self, kind: PlayerKind, name: str, done: Future[Outcome]) -> None:
        if done.cancelled() or not done.result().ok:
            return
        if kind is PlayerKind.LOCAL:
            self._change(lambda given: replace(given, loudspeaker=name))
        else:
            self._change(lambda given: replace(given, open_player=name))

    def _command(self, action: Action, call: PlayerCall, uri: str = "") -> Future[Outcome]:
        answer: Future[Outcome] = Future()
        with self._lock:
            if self._closed:
                answer.set_result(CLOSED)
                return answer
            self._answers.add(answer)
        settle = partial(self._settle, answer)
        self._post(partial(self._autopilot.start_command, self._clock(), action, call, uri, settle))
        return answer

    def _settle(self, answer: Future[Outcome], outcome: Outcome) -> None:
        self._answers.discard(answer)
        with suppress(InvalidStateError):  # cancelled, or given up by `close`
            answer.set_result(outcome)

    def _post_event(self, event: Event) -> None:
        self._post(partial(self._autopilot.step, event))

    def _post(self, task: Callable[[], None]) -> None:
        self._thread.post(partial(self._run, task))

    # On the thread

    def _run(self, task: Callable[[], None]) -> None:
        task()
        self._published = self._autopilot.update(self._published)

    def _poll(self) -> None:
        if self._autopilot.poll_if_due():
            self._detect_call(time.monotonic())
            self._published = self._autopilot.update(self._published)

    def _use(self, player: Player) -> None:
        former = self._autopilot.player
        if former is not player:
            self._autopilot.use(player)
            self._background.post(former.close)

    def _detect_call(self, now_s: float) -> None:
        mode = self._preferences.current.autopilot.mode
        if not self._autopilot.state.listening or mode is Mode.OFF:
            if self._call.detected is not None:
                self._set_call(self._call.after_detecting(None))
        elif not self._detecting and now_s >= self._detect_at_s:
            self._detecting = True
            self._detect_at_s = now_s + _CALL_POLLS * self._poll_s
            self._call_detection.post(self._detect_in_background)

    def _detect_in_background(self) -> None:
        on: bool | None = None
        try:
            on = self._call_is_on()
        finally:
            self._post(partial(self._call_detected, on))

    def _call_detected(self, on: bool | None) -> None:
        self._detecting = False
        self._set_call(self._call.after_detecting(on))

    def _resume_autopilot(self) -> None:
        self._autopilot.step(events.ResumeRequested(self._clock()))
        if self._call.on and not self._autopilot.state.on_call:
            self._call = self._call.after_saying(False)

    def _set_call(self, call: CallState) -> None:
        self._call = call
        if call.on is not self._autopilot.state.on_call:
            self._autopilot.step(events.CallChanged(self._clock(), call.on))

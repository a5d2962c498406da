"""Owns the thread that hears for the autopilot, does on a player what it decides, and keeps what happened."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final

from core.errors import AttuneError
from models.emotion.plane import Feeling
from playback import autopilot
from playback.attribution import Sight
from playback.autopilot import AutopilotState
from playback.autopilot_events import (
    Action,
    ActionEnded,
    CallSeen,
    Command,
    Context,
    Event,
    Heard,
    ListeningSeen,
    ModeSet,
    PlayerChanged,
    PlayerSeen,
    Record,
    SettingsChanged,
    Suggest,
    SuggestionAnswered,
    Switch,
    SwitchEnded,
    SwitchForestalled,
    Tick,
    Undo,
    UserActed,
    Withdraw,
)
from playback.feelings import FEELINGS
from playback.mapping import candidates
from playback.player import ConnectionState, Outcome, OutcomeKind, Player, PlayerSnapshot, Playlist
from playback.preferences import Mode, Preferences
from playback.snapshot import MusicRecord, MusicSnapshot, Suggestion
from playback.worker import CLOSED

__all__ = ["Conductor"]

_LOG = logging.getLogger(__name__)
_RECORDS: Final = 200
_BRISK_SHARE: Final = 0.25
_BRISK_S: Final = 10.0
_CALL_EVERY: Final = 5
_EDGE_S: Final = 1.0
_STOP_S: Final = 0.3
_ASIDE_S: Final = 0.6


def _minute_of_day() -> int:
    now = time.localtime()
    return 60 * now.tm_hour + now.tm_min


def _nobody_knows() -> bool | None:
    return None


class Conductor:
    """Changes the music by itself and for people; any thread may call any method, and none of them waits.

    Everything is decided on one thread, in the order in which it was asked for, so that what people do and
    what the autopilot decides cannot cross.

    Parameters
    ----------
    player
        Plays; closed by the conductor.
    preferences
        What people have decided before.
    save
        Keeps changed preferences; called on a thread of its own, and what it raises is said in the
        snapshot's `problem` while the change holds.
    record
        Puts what happened into the journal: kind, and one sentence without any name that comes from Spotify.
        Must not wait.
    clock
        Unix time.
    local_minute
        Local minute of the day, 0 to 1439.
    call_is_on
        Whether a call is on, None where that is not known; may take its time. Asked now and then, on a
        thread of its own, while something is listened to and the autopilot is not off.
    problem
        One sentence on what is wrong with the preferences; empty where nothing is.
    watch_s
        The player is looked at so often, and four times as often while something changes, s; a call is
        asked for a fifth as often.
    """

    def __init__(
        self,
        player: Player,
        preferences: Preferences,
        *,
        save: Callable[[Preferences], None],
        record: Callable[[str, str], None],
        clock: Callable[[], float] = time.time,
        local_minute: Callable[[], int] = _minute_of_day,
        call_is_on: Callable[[], bool | None] = _nobody_knows,
        problem: str = "",
        watch_s: float = 1.0,
    ) -> None:
        self._save = save
        self._record = record
        self._clock = clock
        self._local_minute = local_minute
        self._call_is_on = call_is_on
        self._problem = problem
        self._watch_s = watch_s

        # Shared: replaced whole, under the lock where what comes depends on what was.
        self._lock = threading.Lock()
        self._closed = False
        self._preferences = preferences
        self._shown_player = player
        self._open: set[Future[Outcome]] = set()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._aside = _Aside("attune-music-aside")
        self._calls = _Aside("attune-music-calls")

        # The thread's own.
        self._player = player
        self._state = AutopilotState()
        self._context = _context(preferences, player.snapshot())
        self._context_of: tuple[Preferences, tuple[Playlist, ...]] = (preferences, ())
        self._seen: PlayerSeen | None = None
        self._granting = 0
        self._suggestion: Suggestion | None = None
        self._records: tuple[MusicRecord, ...] = ()
        self._said_call: bool | None = None
        self._guessed_call: bool | None = None
        self._asking = False
        self._ask_at_s = 0.0
        self._due_s = time.monotonic() + watch_s
        self._brisk_until_s = 0.0

        self._published = MusicSnapshot(player.snapshot(), preferences)
        self._watch()
        self._publish()
        self._thread = threading.Thread(target=self._run, name="attune-music", daemon=True)
        self._thread.start()

    # What is heard

    def hear(self, feeling: Feeling | None) -> None:
        """Take what every decision of the gate leaves to follow; None for unsure and for no speech."""
        self._jobs.put(partial(self._heard, self._clock(), feeling))

    def listening(self, on: bool) -> None:
        """Say whether anything is listened to: not while a device is lost, nor after listening stopped."""
        self._tell(ListeningSeen(self._clock(), on))

    def set_call(self, on: bool) -> None:
        """Say that a call is on or over; believed rather than what the machine guesses about this call."""
        self._jobs.put(partial(self._call_said, on))

    # What people ask for

    def snapshot(self) -> MusicSnapshot:
        """The newest picture; never waits."""
        return replace(
            self._published,
            player=self._shown_player.snapshot(),
            preferences=self._preferences,
            problem=self._problem,
        )

    def look(self) -> None:
        """Say that somebody looks, see `Player.look`."""
        self._shown_player.look()

    def refresh(self) -> Future[Outcome]:
        """List playlists and devices anew, and ask what is playing."""
        return self._shown_player.refresh()

    def play(self, uri: str) -> Future[Outcome]:
        """Play a playlist, and keep the autopilot quiet for a while, as all of the next three do."""
        return self._wish(Action.PLAY, lambda player: player.play(uri), uri)

    def pause(self) -> Future[Outcome]:
        """Let the music rest."""
        return self._wish(Action.PAUSE, lambda player: player.pause())

    def resume(self) -> Future[Outcome]:
        """Let it go on."""
        return self._wish(Action.RESUME, lambda player: player.resume())

    def next(self) -> Future[Outcome]:
        """Go to the next track."""
        return self._wish(Action.NEXT, lambda player: player.next())

    def set_volume(self, volume: float) -> Future[Outcome]:
        """Set the volume, 0 to 1."""
        return self._wish(Action.VOLUME, lambda player: player.set_volume(volume))

    def choose_device(self, name: str) -> Future[Outcome]:
        """Let music come out of the device of that name; empty: whichever is active."""
        return self._wish(Action.DEVICE, lambda player: player.choose_device(name))

    def undo(self) -> None:
        """Take the autopilot's last switch back, and keep it quiet for a while; how it ended is recorded."""
        self._tell(UserActed(self._clock(), Action.UNDO))

    def answer(self, yes: bool) -> None:
        """Answer the suggestion; nothing where none waits."""
        self._tell(SuggestionAnswered(self._clock(), yes))

    def note(self, record: MusicRecord, discreet: str) -> None:
        """Keep a record of something that happened beside; `discreet` is its reason for the journal."""
        self._jobs.put(partial(self._carry_out, Record(record, discreet)))

    def set_mode(self, mode: Mode) -> None:
        """Set what the autopilot may do."""
        with self._lock:
            given = self._preferences
            self._prefer(replace(given, autopilot=replace(given.autopilot, mode=mode)))

    def set_preferences(self, preferences: Preferences) -> None:
        """Set all that people decide about the music."""
        with self._lock:
            self._prefer(preferences)

    def use(self, player: Player) -> None:
        """Use another player from now on, and close the one before."""
        with self._lock:
            if not self._closed:
                self._shown_player = player
                self._jobs.put(partial(self._use, player))
                return
        player.close()

    def close(self) -> None:
        """Stop within a second, and close the player; calling it again changes nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._jobs.put(None)
        self._thread.join(_STOP_S)
        for player in {id(player): player for player in (self._player, self._shown_player)}.values():
            self._aside.put(player.close)
        self._calls.close(0.0)
        self._aside.close(_ASIDE_S)
        for answer in tuple(self._open):
            self._settle(answer, CLOSED)

    def _prefer(self, preferences: Preferences) -> None:
        before, self._preferences = self._preferences, preferences
        if self._closed or preferences == before:
            return
        self._aside.put(partial(self._keep_preferences, preferences))
        mode = preferences.autopilot.mode
        if mode is not before.autopilot.mode:
            self._tell(ModeSet(self._clock(), mode))
        self._tell(SettingsChanged(self._clock()))

    def _keep_preferences(self, preferences: Preferences) -> None:
        try:
            self._save(preferences)
            self._problem = ""
        except AttuneError as error:
            self._problem = f"{error} What you changed holds until the program ends."
        except Exception as error:
            self._problem = (
                f"Your choices for the music could not be saved ({type(error).__name__}), and hold until the "
                "program ends: see its log."
            )
            raise

    def _wish(
        self, what: Action, call: Callable[[Player], Future[Outcome]], uri: str = ""
    ) -> Future[Outcome]:
        answer: Future[Outcome] = Future()
        with self._lock:
            if self._closed:
                answer.set_result(CLOSED)
                return answer
            self._open.add(answer)
        self._jobs.put(partial(self._grant, self._clock(), what, call, uri, answer))
        return answer

    def _settle(self, answer: Future[Outcome], outcome: Outcome) -> None:
        self._open.discard(answer)
        with suppress(InvalidStateError):  # cancelled, or given up by `close`
            answer.set_result(outcome)

    def _tell(self, event: Event) -> None:
        self._jobs.put(partial(self._feed, event))

    # On the thread

    def _run(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=max(0.0, self._due_s - time.monotonic()))
            except Empty:
                job = self._watch
            if job is None:
                return
            try:
                job()
                self._publish()
            except Exception:  # noqa: BLE001 - the next event must find its thread alive
                _LOG.exception("the music could not be seen to")

    def _heard(self, at_s: float, feeling: Feeling | None) -> None:
        if feeling is not None:
            self._look(at_s)
            if self._local_minute() != self._state.minute_of_day:
                self._feed(Tick(at_s, self._local_minute()))
        self._feed(Heard(at_s, feeling))

    def _watch(self) -> None:
        """Look at the player and the time; now and then at whether a call is on."""
        at_s, now_s = self._clock(), time.monotonic()
        self._look(at_s)
        self._feed(Tick(at_s, self._local_minute()))
        self._ask_for_calls()
        brisk = self._state.under_way is not None or self._granting > 0 or now_s < self._brisk_until_s
        self._due_s = now_s + self._watch_s * (_BRISK_SHARE if brisk else 1.0)

    def _look(self, at_s: float) -> None:
        snapshot = self._player.snapshot()
        self._context_for(snapshot)
        connection = snapshot.connection
        able = connection.state is ConnectionState.CONNECTED
        seen = PlayerSeen(
            at_s,
            able,
            _sight(snapshot),
            "" if able else connection.message,
            None if able else connection.until_s,
            commanded=self._granting > 0,
        )
        if self._seen is None or replace(seen, at_s=self._seen.at_s) != self._seen:
            self._seen = seen
            self._feed(seen)

    def _context_for(self, snapshot: PlayerSnapshot) -> None:
        """Keep the context what preferences and playlists make it."""
        preferences, playlists = self._preferences, snapshot.playlists
        if preferences is not self._context_of[0] or playlists != self._context_of[1]:
            self._context = _context(preferences, snapshot)
            self._context_of = preferences, playlists

    def _feed(self, event: Event) -> None:
        if isinstance(event, ModeSet | SettingsChanged):
            self._context_for(self._player.snapshot())
        self._state, commands = autopilot.step(self._state, event, self._context)
        for command in commands:
            self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Switch(playlist, wanted=wanted):
                self._switch(playlist.uri, lambda player: player.play(playlist.uri), sure=wanted)
            case Undo(None):
                self._switch("", lambda player: player.pause())
            case Undo():
                self._switch(command.uri, lambda player: player.play(command.uri))
            case Suggest(suggestion):
                self._suggestion = suggestion
            case Withdraw():
                self._suggestion = None
            case Record(record, discreet):
                self._records = (record, *self._records)[:_RECORDS]
                try:
                    self._record(f"music {record.kind}", discreet)
                except Exception:  # noqa: BLE001 - the music goes on without a journal
                    _LOG.exception("the journal did not take what happened to the music")

    def _switch(self, uri: str, call: Callable[[Player], Future[Outcome]], *, sure: bool = True) -> None:
        """Carry out a switch; unless a person wants it, only once it is sure that they did nothing else."""
        player = self._player
        if not sure:
            then = partial(self._glanced, player, uri, call)
            self._ask(lambda one: one.glance()).add_done_callback(lambda _: self._jobs.put(then))
            return
        future = self._ask(call)
        future.add_done_callback(
            lambda done: self._jobs.put(partial(self._switched, player, self._clock(), uri, _outcome(done)))
        )

    def _glanced(self, player: Player, uri: str, call: Callable[[Player], Future[Outcome]]) -> None:
        if player is not self._player:
            return
        doing = autopilot.forestalled(self._state, _sight(player.snapshot()))
        if doing is None:
            self._switch(uri, call)
            return
        self._feed(SwitchForestalled(self._clock(), doing))

    def _switched(self, player: Player, at_s: float, uri: str, outcome: Outcome) -> None:
        if player is self._player:
            self._feed(SwitchEnded(at_s, uri, outcome))

    def _ask(self, call: Callable[[Player], Future[Outcome]]) -> Future[Outcome]:
        now_s = time.monotonic()
        self._brisk_until_s = now_s + _BRISK_S
        self._due_s = min(self._due_s, now_s + self._watch_s * _BRISK_SHARE)
        try:
            return call(self._player)
        except Exception as error:  # noqa: BLE001 - else the autopilot would wait for its end for ever
            _LOG.exception("a player did not take a command")
            failed: Future[Outcome] = Future()
            failed.set_exception(error)
            return failed

    def _grant(
        self,
        at_s: float,
        what: Action,
        call: Callable[[Player], Future[Outcome]],
        uri: str,
        answer: Future[Outcome],
    ) -> None:
        self._look(at_s)
        playlist = self._named(uri) if uri else None
        self._feed(UserActed(at_s, what, playlist))
        self._granting += 1
        player = self._player

        def done(future: Future[Outcome]) -> None:
            outcome = _outcome(future)
            self._jobs.put(
                partial(self._granted, player, ActionEnded(self._clock(), what, outcome, playlist))
            )
            self._settle(answer, outcome)

        self._ask(call).add_done_callback(done)

    def _granted(self, player: Player, event: ActionEnded) -> None:
        if player is self._player:
            self._granting -= 1
            self._feed(event)

    def _named(self, uri: str) -> Playlist:
        listed = (playlist for playlist in self._player.snapshot().playlists if playlist.uri == uri)
        return next(listed, Playlist(uri, uri))

    def _use(self, player: Player) -> None:
        former = self._player
        if former is player:
            return
        self._player, self._granting, self._seen = player, 0, None
        self._feed(PlayerChanged(self._clock()))
        self._watch()
        self._aside.put(former.close)

    # Calls

    def _ask_for_calls(self) -> None:
        wanted = self._state.listening and self._context.settings.mode is not Mode.OFF
        if not wanted:
            if self._guessed_call is not None:
                self._call_guessed(None)
        elif not self._asking and time.monotonic() >= self._ask_at_s:
            self._asking = True
            self._ask_at_s = time.monotonic() + _CALL_EVERY * self._watch_s
            self._calls.put(self._guess_call)

    def _guess_call(self) -> None:
        """Ask, which may take its time; not on the thread."""
        on: bool | None = None
        try:
            on = self._call_is_on()
        finally:
            self._jobs.put(partial(self._call_answered, on))

    def _call_answered(self, on: bool | None) -> None:
        self._asking = False
        self._call_guessed(on)

    def _call_guessed(self, on: bool | None) -> None:
        self._guessed_call = on
        if self._said_call is False and not on:
            self._said_call = None  # what a person said was about the call that is over now
        self._see_call()

    def _call_said(self, on: bool) -> None:
        self._said_call = on if on or self._guessed_call else None
        self._see_call()

    def _see_call(self) -> None:
        on = bool(self._guessed_call) if self._said_call is None else self._said_call
        if on is not self._state.on_call:
            self._feed(CallSeen(self._clock(), on))

    # What is shown

    def _publish(self) -> None:
        state, context = self._state, self._context
        phase, says, until_s = autopilot.phase(state, context, self._clock())
        self._published = replace(
            self._published,
            phase=phase,
            says=says,
            until_s=until_s,
            suggestion=self._suggestion,
            records=self._records,
            can_undo=autopilot.can_undo(state),
            on_call=state.on_call,
        )


class _Aside:
    """Does what may take its time, one after the other, on a thread that starts when it is first needed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def put(self, job: Callable[[], None]) -> None:
        self._jobs.put(job)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Let it end after what it has been given, and wait for that at most so long."""
        self._jobs.put(None)
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:  # noqa: BLE001 - the next one must find its thread alive
                _LOG.exception("%s: something could not be done", self._name)


def _context(preferences: Preferences, snapshot: PlayerSnapshot) -> Context:
    return Context(
        preferences.autopilot,
        {
            feeling: candidates(preferences, feeling, snapshot.playlists, snapshot.kind)
            for feeling in FEELINGS
        },
        {feeling: choice.strategy for feeling, choice in preferences.choices.items()},
        listed=bool(snapshot.playlists),
    )


def _sight(snapshot: PlayerSnapshot) -> Sight:
    track = snapshot.track
    return Sight(
        snapshot.taken_s,
        snapshot.playing,
        snapshot.playlist,
        "" if track is None else f"{track.artist}: {track.title}",
        ended=not snapshot.playing and _at_an_edge(snapshot),
    )


def _at_an_edge(snapshot: PlayerSnapshot) -> bool:
    track = snapshot.track
    if track is None:
        return True
    if track.position_s is None:
        return False
    left_s = None if track.duration_s is None else track.duration_s - track.position_s
    return track.position_s < _EDGE_S or (left_s is not None and left_s < _EDGE_S)


def _outcome(future: Future[Outcome]) -> Outcome:
    """How a command ended; a player that breaks its word, too, has ended it somehow."""
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 - cancelled, or whatever a broken player leaves there
        return Outcome(
            OutcomeKind.FAILED, f"The player failed ({type(error).__name__}): see the program's log."
        )

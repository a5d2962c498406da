"""The conductor: what it hears becomes music at once, and nothing that a player does can hold it up."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from core.errors import SettingsError
from models.emotion.labels import Emotion
from models.emotion.plane import Direction, Feeling
from playback.conductor import Conductor
from playback.dry_run import DryRunPlayer
from playback.player import (
    Connection,
    ConnectionState,
    Outcome,
    OutcomeKind,
    Player,
    PlayerKind,
    PlayerSnapshot,
    Playlist,
    Track,
)
from playback.preferences import AutopilotSettings, Choice, Mode, PlaylistRef, Preferences
from playback.snapshot import MusicSnapshot, Phase, RecordKind
from playback.styles import Strategy

SAD, HAPPY = Emotion.SAD, Emotion.HAPPY
DONE = Outcome(OutcomeKind.DONE)
CONNECTED = Connection(ConnectionState.CONNECTED)


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


class MemoryPlayer:
    """A player of three playlists without any sound; `slow` keeps its commands until `finish`."""

    def __init__(self, clock: Callable[[], float], *, kind: PlayerKind = PlayerKind.LOCAL) -> None:
        self.kind = kind
        self.clock = clock
        self.lists = tuple(Playlist(f"{kind.value}:{name}", name) for name in ("Sunny", "Party", "Mine"))
        self.asked: list[str] = []
        self.asked_at: list[float] = []
        self.outcome = DONE
        self.slow = False
        self.fault: Exception | None = None
        self.closed = threading.Event()
        self.looks = 0
        self.unseen: dict[str, Any] = {}
        self._waiting: list[tuple[Future[Outcome], dict[str, Any]]] = []
        self._shown = PlayerSnapshot(kind, CONNECTED, playlists=self.lists, taken_s=clock())

    def snapshot(self) -> PlayerSnapshot:
        return self._shown

    def show(self, **changes: Any) -> None:
        """Something happens in the player itself."""
        self._shown = replace(self._shown, **({"taken_s": self.clock()} | changes))

    def look(self) -> None:
        self.looks += 1

    def glance(self) -> Future[Outcome]:
        """What had not been seen is seen now."""
        if self.unseen:
            self.show(**self.unseen)
        seen: Future[Outcome] = Future()
        seen.set_result(DONE)
        return seen

    def refresh(self) -> Future[Outcome]:
        return self._command("refresh")

    def play(self, uri: str) -> Future[Outcome]:
        playlist = next(one for one in self.lists if one.uri == uri)
        return self._command(
            f"play {playlist.name}", playing=True, playlist=playlist, track=Track("A song", "", 180.0, 30.0)
        )

    def pause(self) -> Future[Outcome]:
        return self._command("pause", playing=False)

    def resume(self) -> Future[Outcome]:
        return self._command("resume", playing=True)

    def next(self) -> Future[Outcome]:
        return self._command("next")

    def set_volume(self, volume: float) -> Future[Outcome]:
        return self._command(f"volume {volume}", volume=volume)

    def choose_device(self, name: str) -> Future[Outcome]:
        return self._command(f"device {name}")

    def close(self) -> None:
        self.closed.set()
        while self._waiting:
            self._waiting.pop(0)[0].set_result(Outcome(OutcomeKind.FAILED, "The player was closed."))

    def finish(self) -> None:
        """Carry out the oldest command that waits."""
        future, changes = self._waiting.pop(0)
        if self.outcome.ok:
            self.show(**changes)
        future.set_result(self.outcome)

    def _command(self, name: str, **changes: Any) -> Future[Outcome]:
        self.asked_at.append(time.perf_counter())
        self.asked.append(name)
        if self.fault is not None:
            raise self.fault
        future: Future[Outcome] = Future()
        self._waiting.append((future, changes))
        if not self.slow:
            self.finish()
        return future


def preferences(kind: PlayerKind = PlayerKind.LOCAL, **changes: Any) -> Preferences:
    def choice(strategy: Strategy, name: str) -> Choice:
        ref = (PlaylistRef(f"{kind.value}:{name}", name),)
        return Choice(strategy, match=ref, lift=ref)

    choices = dict(Preferences().choices)
    choices |= {SAD: choice(Strategy.LIFT, "Sunny"), HAPPY: choice(Strategy.MATCH, "Party")}
    return Preferences(choices, replace(AutopilotSettings(mode=Mode.AUTO, cooldown_s=60.0), **changes))


class Stage:
    """A conductor with all that is around it."""

    def __init__(self, kind: PlayerKind = PlayerKind.LOCAL, **changes: Any) -> None:
        self.clock = Clock()
        self.player = MemoryPlayer(self.clock, kind=kind)
        self.saved: list[Preferences] = []
        self.save_error: Exception | None = None
        self.journal: list[tuple[str, str]] = []
        self.call: bool | None = None
        self.conductor = Conductor(
            self.player,
            preferences(kind, **changes),
            save=self._save,
            record=lambda name, detail: self.journal.append((name, detail)),
            clock=self.clock,
            local_minute=lambda: 720,
            call_is_on=lambda: self.call,
            watch_s=0.02,
        )
        self.conductor.listening(True)

    def _save(self, given: Preferences) -> None:
        if self.save_error is not None:
            raise self.save_error
        self.saved.append(given)

    def hear(self, feeling: Feeling | None, time_s: float = 4.0) -> None:
        for number in range(round(2 * time_s) + 1):
            self.clock.now_s += 0.5 if number else 0.0
            self.conductor.hear(feeling)

    def eventually(self, holds: Callable[[MusicSnapshot], object]) -> MusicSnapshot:
        deadline_s = time.monotonic() + 10.0
        while not holds(snapshot := self.conductor.snapshot()):
            assert time.monotonic() < deadline_s, snapshot
            time.sleep(0.002)
        return snapshot

    def heard_out(self) -> None:
        """Wait until all that was told before has been seen to: commands are taken in order."""
        self.conductor.set_volume(0.5).result(10.0)

    def kinds(self) -> list[RecordKind]:
        return [one.kind for one in self.conductor.snapshot().records]


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.conductor.close()


@pytest.fixture
def make() -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def build(*args: Any, **changes: Any) -> Stage:
        made.append(Stage(*args, **changes))
        return made[-1]

    yield build
    for stage in made:
        stage.conductor.close()


def our_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("attune-music")]


# What is heard


def test_an_emotion_becomes_music_and_a_record_in_snapshot_and_journal(stage: Stage) -> None:
    stage.hear(SAD)
    snapshot = stage.eventually(lambda now: now.records)
    assert stage.player.asked == ["play Sunny"]
    assert snapshot.records[0].kind is RecordKind.SWITCHED
    assert snapshot.phase is Phase.COOLING
    assert snapshot.until_s == stage.clock.now_s + 60.0
    assert snapshot.can_undo
    assert snapshot.player.playing
    reason = "Sad was heard for 4 s, so music that lifts follows: Sunny."
    assert stage.journal == [("music switched", reason)]
    assert snapshot.records[0].reason == reason


def test_a_direction_becomes_music_by_the_choice_for_it(stage: Stage) -> None:
    given = stage.conductor.snapshot().preferences
    mine = Choice(Strategy.MATCH, match=(PlaylistRef("local:Mine", "Mine"),))
    stage.conductor.set_preferences(
        replace(given, choices={**given.choices, Direction.LIVELY_UNPLEASANT: mine})
    )
    stage.hear(Direction.LIVELY_UNPLEASANT)
    snapshot = stage.eventually(lambda now: now.records)
    assert stage.player.asked == ["play Mine"]
    reason = "A lively, unpleasant voice was heard for 4 s, so music that matches follows: Mine."
    assert stage.journal == [("music switched", reason)]
    assert snapshot.records[0].feeling is Direction.LIVELY_UNPLEASANT


def test_what_a_person_did_elsewhere_and_nobody_saw_comes_before_a_switch(stage: Stage) -> None:
    stage.hear(SAD)
    stage.eventually(lambda now: now.player.playing)
    stage.clock.now_s += 120.0
    stage.player.unseen = {"playing": False}  # in the middle of a track
    stage.hear(HAPPY)
    snapshot = stage.eventually(lambda now: now.records[0].kind is RecordKind.USER)
    assert stage.player.asked == ["play Sunny"]
    assert snapshot.records[0].reason.startswith(
        "In the player itself the music was paused, so the autopilot"
    )
    assert snapshot.phase is Phase.OVERRIDDEN
    stage.player.unseen = {}
    stage.hear(HAPPY, 16 * 60.0)  # it still holds when the rest is over
    stage.eventually(lambda now: now.player.playing)
    assert stage.player.asked == ["play Sunny", "play Party"]


def test_what_ended_by_itself_holds_no_switch_back(stage: Stage) -> None:
    stage.hear(SAD)
    stage.eventually(lambda now: now.player.playing)
    stage.clock.now_s += 120.0
    stage.player.unseen = {"playing": False, "track": None}
    stage.hear(HAPPY)
    stage.eventually(lambda now: len(now.records) == 2)
    assert stage.player.asked == ["play Sunny", "play Party"]


def test_a_suggestion_that_was_accepted_plays_whatever_was_done_elsewhere(make: Callable[..., Stage]) -> None:
    stage = make(mode=Mode.SUGGEST)
    stage.hear(SAD)
    stage.eventually(lambda now: now.suggestion)
    stage.player.unseen = {"playing": True, "playlist": stage.player.lists[2]}
    stage.conductor.answer(True)
    stage.eventually(lambda now: now.player.playing)
    assert stage.player.asked == ["play Sunny"]


def test_names_from_spotify_do_not_reach_the_journal(make: Callable[..., Stage]) -> None:
    stage = make(PlayerKind.SPOTIFY)
    stage.hear(SAD)
    snapshot = stage.eventually(lambda now: now.records)
    assert "Sunny" in snapshot.records[0].reason
    assert stage.journal == [
        (
            "music switched",
            "Sad was heard for 4 s, so music that lifts follows: a playlist on Spotify.",
        )
    ]


def test_from_hearing_to_the_player_takes_well_under_ten_milliseconds(make: Callable[..., Stage]) -> None:
    delays_s = []
    for _ in range(20):
        stage = make(dwell_s=0.5)
        stage.conductor.hear(SAD)
        stage.heard_out()
        stage.player.asked.clear()
        stage.player.asked_at.clear()
        stage.clock.now_s += 0.5
        heard_s = time.perf_counter()
        stage.conductor.hear(SAD)
        stage.eventually(lambda now: now.records)
        assert stage.player.asked == ["play Sunny"]
        delays_s.append(stage.player.asked_at[0] - heard_s)
        stage.conductor.close()
    assert statistics.median(delays_s) < 0.010


def test_hearing_takes_microseconds(stage: Stage) -> None:
    begun_s = time.perf_counter()
    for _ in range(1_000):
        stage.conductor.hear(None)
    assert (time.perf_counter() - begun_s) / 1_000 < 0.000_5


def test_nothing_is_played_while_nothing_is_listened_to(stage: Stage) -> None:
    stage.conductor.listening(False)
    stage.hear(SAD)
    assert stage.eventually(lambda now: now.phase is Phase.DEAF).says == "Nothing is listened to."
    stage.heard_out()
    assert stage.player.asked == ["volume 0.5"]


def test_a_slow_player_holds_up_nobody(stage: Stage) -> None:
    stage.player.slow = True
    stage.hear(SAD)
    stage.eventually(lambda now: now.phase is Phase.SWITCHING)
    stage.clock.now_s += 0.5
    stage.hear(HAPPY, 100.0)
    stage.conductor.listening(False)
    stage.conductor.listening(True)
    stage.player.finish()
    assert stage.eventually(lambda now: now.records).phase is Phase.COOLING
    assert stage.player.asked == ["play Sunny"]


def test_a_failed_switch_is_told(stage: Stage) -> None:
    stage.player.outcome = Outcome(OutcomeKind.NO_DEVICE, "No device is open: open Spotify somewhere.")
    stage.hear(SAD)
    snapshot = stage.eventually(lambda now: now.records)
    assert snapshot.records[0].outcome is OutcomeKind.NO_DEVICE
    assert not snapshot.can_undo
    assert stage.journal[0][0] == "music failed"


def test_a_player_that_breaks_its_word_does_not_stop_the_autopilot(stage: Stage) -> None:
    stage.player.fault = RuntimeError("broken")
    stage.hear(SAD)
    snapshot = stage.eventually(lambda now: now.records)
    assert "The player failed (RuntimeError)" in snapshot.records[0].reason
    assert stage.conductor.pause().result(10.0).kind is OutcomeKind.FAILED
    stage.player.fault = None
    assert stage.conductor.pause().result(10.0).ok


def test_records_are_the_newest_two_hundred(stage: Stage) -> None:
    for _ in range(210):
        stage.conductor.next()
    stage.eventually(lambda now: len(stage.journal) == 210 and len(now.records) == 200)
    stage.conductor.pause()
    assert stage.eventually(lambda now: now.records[0].reason.startswith("You pressed pause")).records


# What people ask for


def test_people_play_pause_and_so_on_and_the_autopilot_keeps_quiet(stage: Stage) -> None:
    conductor = stage.conductor
    wishes = [conductor.play("local:Mine"), conductor.pause(), conductor.resume(), conductor.next()]
    wishes += [conductor.set_volume(0.25), conductor.choose_device("Desk")]
    assert all(wish.result(10.0) == DONE for wish in wishes)
    assert stage.player.asked == ["play Mine", "pause", "resume", "next", "volume 0.25", "device Desk"]
    snapshot = stage.eventually(lambda now: now.phase is Phase.OVERRIDDEN)
    assert [one.reason.split(",")[0] for one in reversed(snapshot.records)] == [
        "You chose Mine",
        "You pressed pause",
        "You let the music go on",
        "You went to the next track",
    ]
    stage.hear(SAD, 20.0)
    stage.heard_out()
    assert "play Sunny" not in stage.player.asked
    assert stage.kinds().count(RecordKind.HELD_BACK) == 1


def test_what_somebody_does_in_the_player_itself_is_seen(stage: Stage) -> None:
    stage.hear(SAD)
    stage.eventually(lambda now: now.records)
    stage.clock.now_s += 20.0
    stage.player.show(playing=False)
    snapshot = stage.eventually(lambda now: now.phase is Phase.OVERRIDDEN)
    assert snapshot.records[0].reason.startswith("In the player itself the music was paused")


def test_a_playlist_that_comes_to_its_end_is_no_override(stage: Stage) -> None:
    stage.hear(SAD)
    stage.eventually(lambda now: now.records)
    stage.clock.now_s += 20.0
    stage.player.show(playing=False, track=Track("A song", "", 180.0, 179.5))
    stage.hear(HAPPY, 5.0)
    stage.heard_out()
    assert stage.kinds() == [RecordKind.HELD_BACK, RecordKind.SWITCHED]


def test_what_somebody_just_did_there_is_seen_before_the_music_is_changed(make: Callable[..., Stage]) -> None:
    stage = make(dwell_s=0.0)
    stage.heard_out()
    stage.player.show(playing=True, playlist=stage.player.lists[2])
    stage.conductor.hear(SAD)
    stage.heard_out()
    assert "play Sunny" not in stage.player.asked


def test_undo_plays_what_played_before(stage: Stage) -> None:
    stage.player.show(playing=True, playlist=stage.player.lists[2])
    stage.eventually(lambda now: now.phase is Phase.OVERRIDDEN)
    stage.clock.now_s += 901.0
    stage.hear(SAD)
    stage.eventually(lambda now: now.can_undo)
    stage.conductor.undo()
    snapshot = stage.eventually(lambda now: now.records[0].kind is RecordKind.UNDONE)
    assert stage.player.asked == ["play Sunny", "play Mine"]
    assert snapshot.phase is Phase.OVERRIDDEN
    assert not snapshot.can_undo


def test_undo_pauses_where_nothing_played_before(stage: Stage) -> None:
    stage.hear(SAD)
    stage.eventually(lambda now: now.can_undo)
    stage.conductor.undo()
    stage.eventually(lambda now: now.records[0].kind is RecordKind.UNDONE)
    assert stage.player.asked == ["play Sunny", "pause"]


def test_a_suggestion_is_shown_and_carried_out_on_yes(make: Callable[..., Stage]) -> None:
    stage = make(mode=Mode.SUGGEST)
    stage.hear(SAD)
    snapshot = stage.eventually(lambda now: now.suggestion)
    assert snapshot.suggestion is not None
    assert snapshot.suggestion.playlist.name == "Sunny"
    assert stage.player.asked == []
    stage.conductor.answer(True)
    assert stage.eventually(lambda now: now.records[0].kind is RecordKind.SWITCHED).suggestion is None
    assert stage.player.asked == ["play Sunny"]


def test_looking_and_refreshing_reach_the_player(stage: Stage) -> None:
    stage.conductor.look()
    assert stage.conductor.refresh().result(10.0) == DONE
    assert stage.player.looks == 1


# Preferences


def test_a_mode_holds_at_once_and_is_saved(stage: Stage) -> None:
    stage.conductor.set_mode(Mode.OFF)
    assert stage.conductor.snapshot().preferences.autopilot.mode is Mode.OFF
    assert stage.eventually(lambda now: now.phase is Phase.OFF).says == "The autopilot is off."
    stage.eventually(lambda _: stage.saved)
    assert stage.saved[0].autopilot.mode is Mode.OFF
    stage.conductor.set_mode(Mode.OFF)
    stage.heard_out()
    assert len(stage.saved) == 1
    assert stage.kinds() == [RecordKind.USER]


def test_preferences_that_cannot_be_saved_hold_and_the_trouble_is_said(stage: Stage) -> None:
    stage.save_error = SettingsError("The file music.toml cannot be written: the disk is full.")
    changed = preferences(dwell_s=1.0)
    stage.conductor.set_preferences(changed)
    snapshot = stage.eventually(lambda now: now.problem)
    assert snapshot.problem == (
        "The file music.toml cannot be written: the disk is full. What you changed holds until the program "
        "ends."
    )
    assert snapshot.preferences == changed
    stage.hear(SAD, 1.0)
    stage.eventually(lambda now: now.records)
    stage.save_error = OSError("no")
    stage.conductor.set_preferences(preferences(dwell_s=2.0))
    stage.eventually(lambda now: "OSError" in now.problem)
    stage.save_error = None
    stage.conductor.set_preferences(preferences(dwell_s=3.0))
    stage.eventually(lambda now: not now.problem)


def test_another_choice_of_playlists_is_used_from_then_on(stage: Stage) -> None:
    choices = dict(preferences().choices)
    choices[SAD] = Choice(Strategy.LIFT, lift=(PlaylistRef("local:Mine", "Mine"),))
    stage.conductor.set_preferences(replace(preferences(), choices=choices))
    stage.hear(SAD)
    stage.eventually(lambda now: now.records)
    assert stage.player.asked == ["play Mine"]


# Calls


def test_a_call_that_a_person_announces_holds_until_they_end_it(stage: Stage) -> None:
    stage.conductor.set_call(True)
    stage.eventually(lambda now: now.on_call)
    stage.hear(SAD)
    stage.eventually(lambda now: now.records)
    assert stage.player.asked == []
    assert stage.conductor.snapshot().phase is Phase.CALL
    stage.conductor.set_call(False)
    stage.eventually(lambda now: not now.on_call)


def test_a_call_that_the_machine_knows_of_counts_until_a_person_denies_it(stage: Stage) -> None:
    stage.call = True
    stage.eventually(lambda now: now.on_call)
    stage.conductor.set_call(False)
    stage.eventually(lambda now: not now.on_call)
    stage.call = None
    stage.eventually(lambda _: stage.conductor._said_call is None)
    stage.call = True
    stage.eventually(lambda now: now.on_call)
    stage.conductor.listening(False)
    stage.eventually(lambda now: not now.on_call)


def test_asking_for_calls_may_take_long_and_may_fail(stage: Stage) -> None:
    gate = threading.Event()

    def ask() -> bool:
        gate.wait(10.0)
        raise OSError("no sound server")

    stage.conductor._call_is_on = ask
    stage.eventually(lambda _: stage.conductor._asking)
    stage.hear(SAD)
    stage.eventually(lambda now: now.records)
    gate.set()
    assert not stage.conductor.snapshot().on_call


# Players


def test_another_player_takes_over_and_the_former_is_closed(stage: Stage) -> None:
    former, other = stage.player, MemoryPlayer(stage.clock, kind=PlayerKind.SPOTIFY)
    former.slow = True
    stage.hear(SAD)
    stage.eventually(lambda now: now.phase is Phase.SWITCHING)
    waiting = stage.conductor.pause()
    stage.conductor.use(other)
    assert stage.conductor.snapshot().player.kind is PlayerKind.SPOTIFY
    assert former.closed.wait(10.0)
    assert waiting.result(10.0).kind is OutcomeKind.FAILED
    snapshot = stage.eventually(lambda now: now.records and now.records[0].kind is RecordKind.FAILED)
    assert "Another player was chosen meanwhile." in snapshot.records[0].reason
    assert stage.conductor.play("spotify:Mine").result(10.0) == DONE
    assert other.asked == ["play Mine"]
    assert not other.closed.is_set()


def test_a_player_that_cannot_play_is_not_asked(stage: Stage) -> None:
    limited = Connection(ConnectionState.RATE_LIMITED, "Spotify asks for a pause.", until_s=1_000_600.0)
    stage.player.show(connection=limited)
    snapshot = stage.eventually(lambda now: now.phase is Phase.UNABLE)
    assert snapshot.says == "The player cannot play: Spotify asks for a pause."
    assert snapshot.until_s == 1_000_600.0
    stage.hear(SAD)
    stage.eventually(lambda now: now.records)
    assert stage.player.asked == []


def test_the_dry_run_does_as_well() -> None:
    clock = Clock()
    player = DryRunPlayer(clock=clock)
    conductor = Conductor(
        player,
        Preferences(autopilot=AutopilotSettings(mode=Mode.AUTO, dwell_s=0.0)),
        save=lambda _: None,
        record=lambda *_: None,
        clock=clock,
    )
    try:
        conductor.listening(True)
        conductor.hear(SAD)
        deadline_s = time.monotonic() + 10.0
        while not conductor.snapshot().player.playing:
            assert time.monotonic() < deadline_s
        assert conductor.next().result(10.0).ok
        playlist = conductor.snapshot().player.playlist
        assert playlist is not None
        assert "Uplifting" in playlist.name
    finally:
        conductor.close()


# The end


def test_it_closes_within_a_second_whatever_its_player_does(stage: Stage) -> None:
    stage.player.slow = True
    waiting = stage.conductor.pause()
    stage.conductor.set_mode(Mode.OFF)
    begun_s = time.monotonic()
    stage.conductor.close()
    stage.conductor.close()
    assert time.monotonic() - begun_s < 1.0
    assert stage.player.closed.is_set()
    assert waiting.result(0.0).kind is OutcomeKind.FAILED
    assert stage.saved
    assert stage.conductor.pause().result(0.0).kind is OutcomeKind.FAILED
    late: Player = MemoryPlayer(stage.clock)
    stage.conductor.use(late)
    assert isinstance(late, MemoryPlayer)
    assert late.closed.is_set()
    stage.conductor.hear(SAD)
    assert stage.conductor.snapshot().player.kind is PlayerKind.LOCAL


def test_it_leaves_no_thread_behind() -> None:
    stage = Stage()
    stage.conductor.set_mode(Mode.SUGGEST)
    stage.heard_out()
    stage.conductor.close()
    deadline_s = time.monotonic() + 1.0
    while our_threads():
        assert time.monotonic() < deadline_s, our_threads()
        time.sleep(0.005)


def test_watching_costs_next_to_nothing(make: Callable[..., Stage]) -> None:
    """One look and one tick of the clock, as happen about once a second."""
    stage = make()
    stage.conductor.close()
    begun_s = time.thread_time()
    for _ in range(100):
        stage.clock.now_s += 1.0
        stage.player.show()
        stage.conductor._watch()
        stage.conductor._publish()
    assert (time.thread_time() - begun_s) / 100 < 0.003

"""What is heard becomes music at once, and nothing that a player does can hold it up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from core.directions import Direction, Feeling
from core.emotions import Emotion
from core.errors import SettingsError
from playback.controller import PlaybackController
from playback.dry_run import DryRunPlayer
from playback.mapping.styles import Strategy
from playback.player import (
    ConnectionState,
    Outcome,
    OutcomeKind,
    Player,
    PlayerConnection,
    PlayerKind,
    PlayerSnapshot,
    PlayingTrack,
    Playlist,
)
from playback.preferences.opinions import Opinion
from playback.preferences.preferences import AutopilotSettings, MappingEntry, Mode, PlaylistRef, Preferences
from playback.snapshot import MusicSnapshot, Phase, RecordKind
from tests.patience import PROMPT_S
from tests.playback.catching_up import catch_up

SAD, HAPPY = Emotion.SAD, Emotion.HAPPY
DONE = Outcome(OutcomeKind.DONE)
CONNECTED = PlayerConnection(ConnectionState.CONNECTED)


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
        self.outcome = DONE
        self.slow = False
        self.fault: Exception | None = None
        self.closed = threading.Event()
        self.looks = 0
        self.unseen: dict[str, Any] = {}
        self.changed_s = 0.0
        self._waiting: list[tuple[Future[Outcome], dict[str, Any]]] = []
        self._shown = PlayerSnapshot(kind, CONNECTED, playlists=self.lists, taken_s=clock())

    def snapshot(self) -> PlayerSnapshot:
        return self._shown

    def show(self, **changes: Any) -> None:
        """Something happens in the player itself."""
        before, self._shown = self._shown, replace(self._shown, **({"taken_s": self.clock()} | changes))
        if (before.playing, before.playlist) != (self._shown.playing, self._shown.playlist):
            self.changed_s = self._shown.taken_s

    def mark_viewed(self) -> None:
        self.looks += 1

    def refresh(self) -> Future[Outcome]:
        return self._command("refresh")

    def play(self, uri: str, *, if_unchanged_since: float | None = None) -> Future[Outcome]:
        if if_unchanged_since is not None and self.unseen:
            self.show(**self.unseen)  # what had not been seen is seen now
            if self.changed_s > if_unchanged_since:
                changed: Future[Outcome] = Future()
                changed.set_result(Outcome(OutcomeKind.CHANGED))
                return changed
        playlist = next(one for one in self.lists if one.uri == uri)
        return self._command(
            f"play {playlist.name}",
            playing=True,
            playlist=playlist,
            track=PlayingTrack("A song", "", 180.0, 30.0),
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
        self.asked.append(name)
        if self.fault is not None:
            raise self.fault
        future: Future[Outcome] = Future()
        self._waiting.append((future, changes))
        if not self.slow:
            self.finish()
        return future


def preferences(kind: PlayerKind = PlayerKind.LOCAL, **changes: Any) -> Preferences:
    def choice(strategy: Strategy, name: str) -> MappingEntry:
        ref = (PlaylistRef(f"{kind.value}:{name}", name),)
        return MappingEntry(strategy, match=ref, lift=ref)

    choices = dict(Preferences().choices)
    choices |= {SAD: choice(Strategy.LIFT, "Sunny"), HAPPY: choice(Strategy.MATCH, "Party")}
    return Preferences(choices, replace(AutopilotSettings(mode=Mode.AUTO, cooldown_s=60.0), **changes))


class Stage:
    """A controller with all that is around it."""

    def __init__(self, kind: PlayerKind = PlayerKind.LOCAL, **changes: Any) -> None:
        self.clock = Clock()
        self.player = MemoryPlayer(self.clock, kind=kind)
        self.saved: list[Preferences] = []
        self.save_error: Exception | None = None
        self.journal: list[tuple[str, str]] = []
        self.call: bool | None = None
        self.controller = PlaybackController(
            self.player,
            preferences(kind, **changes),
            save=self._save,
            record=lambda record, detail: self.journal.append((f"music {record.kind}", detail)),
            clock=self.clock,
            local_minute=lambda: 720,
            call_is_on=lambda: self.call,
            poll_s=0.02,
        )
        self.controller.set_listening(True)

    def _save(self, given: Preferences) -> None:
        if self.save_error is not None:
            raise self.save_error
        self.saved.append(given)

    def hear(self, feeling: Feeling | None, time_s: float = 4.0) -> None:
        for number in range(round(2 * time_s) + 1):
            self.clock.now_s += 0.5 if number else 0.0
            self.controller.follow(feeling)
            self.heard_out()

    def eventually(self, holds: Callable[[MusicSnapshot], object]) -> MusicSnapshot:
        deadline_s = time.monotonic() + 20.0
        while not holds(snapshot := self.controller.snapshot()):
            assert time.monotonic() < deadline_s, snapshot
            time.sleep(0.002)
        return snapshot

    def heard_out(self) -> None:
        """Wait until all that was told before has been seen to."""
        catch_up(self.controller)

    def kinds(self) -> list[RecordKind]:
        return [one.kind for one in self.controller.snapshot().records]


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.controller.close()


@pytest.fixture
def make() -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def build(*args: Any, **changes: Any) -> Stage:
        made.append(Stage(*args, **changes))
        return made[-1]

    yield build
    for stage in made:
        stage.controller.close()


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
    given = stage.controller.snapshot().preferences
    mine = MappingEntry(Strategy.MATCH, match=(PlaylistRef("local:Mine", "Mine"),))
    stage.controller.set_preferences(
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
    stage.controller.answer(True)
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


def test_nothing_is_played_while_nothing_is_listened_to(stage: Stage) -> None:
    stage.controller.set_listening(False)
    stage.hear(SAD)
    assert stage.eventually(lambda now: now.phase is Phase.NOT_LISTENING).message == "Nothing is listened to."
    stage.heard_out()
    assert stage.player.asked == []


def test_a_slow_player_holds_up_nobody(stage: Stage) -> None:
    stage.player.slow = True
    stage.hear(SAD)
    stage.eventually(lambda now: now.phase is Phase.SWITCHING)
    stage.clock.now_s += 0.5
    stage.hear(HAPPY, 100.0)
    stage.controller.set_listening(False)
    stage.controller.set_listening(True)
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
    assert stage.controller.pause().result(10.0).kind is OutcomeKind.FAILED
    stage.player.fault = None
    assert stage.controller.pause().result(10.0).ok


def test_records_are_the_newest_two_hundred(stage: Stage) -> None:
    for _ in range(210):
        stage.controller.next()
    stage.eventually(lambda now: len(stage.journal) == 210 and len(now.records) == 200)
    stage.controller.pause()
    assert stage.eventually(lambda now: now.records[0].reason.startswith("You pressed pause")).records


# What people ask for


def test_people_play_pause_and_so_on_and_the_autopilot_keeps_quiet(stage: Stage) -> None:
    controller = stage.controller
    wishes = [controller.play("local:Mine"), controller.pause(), controller.resume(), controller.next()]
    wishes += [controller.set_volume(0.25), controller.choose_device("Desk")]
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


def test_a_playlist_that_somebody_plays_here_does_not_silence_the_autopilot(stage: Stage) -> None:
    assert stage.controller.play("local:Mine").result(10.0) == DONE
    snapshot = stage.eventually(lambda now: now.phase is Phase.COOLING)
    assert snapshot.until_s == stage.clock.now_s + 60.0
    stage.clock.now_s += 61.0
    stage.hear(SAD)
    stage.eventually(lambda now: now.records[0].kind is RecordKind.SWITCHED)
    assert stage.player.asked == ["play Mine", "play Sunny"]


def test_a_wait_can_be_ended_and_a_call_that_was_ended_so_is_over(stage: Stage) -> None:
    stage.controller.pause()
    stage.controller.set_call(True)
    snapshot = stage.eventually(lambda now: now.phase is Phase.CALL)
    assert snapshot.can_resume
    stage.controller.resume_autopilot()
    snapshot = stage.eventually(lambda now: now.phase is Phase.READY)
    assert (snapshot.on_call, snapshot.can_resume) == (False, False)
    assert snapshot.records[0].reason == "You let the autopilot go on at once."
    assert stage.journal[-1] == ("music user", "You let the autopilot go on at once.")
    stage.controller.set_call(True)
    assert stage.eventually(lambda now: now.phase is Phase.CALL).can_resume


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
    stage.player.show(playing=False, track=PlayingTrack("A song", "", 180.0, 179.5))
    stage.hear(HAPPY, 5.0)
    stage.heard_out()
    assert stage.kinds() == [RecordKind.HELD_BACK, RecordKind.SWITCHED]


def test_what_somebody_just_did_there_is_seen_before_the_music_is_changed(make: Callable[..., Stage]) -> None:
    stage = make(dwell_s=0.0)
    stage.heard_out()
    stage.player.show(playing=True, playlist=stage.player.lists[2])
    stage.controller.follow(SAD)
    stage.heard_out()
    assert "play Sunny" not in stage.player.asked


def test_undo_plays_what_played_before(stage: Stage) -> None:
    stage.player.show(playing=True, playlist=stage.player.lists[2])
    stage.eventually(lambda now: now.phase is Phase.OVERRIDDEN)
    stage.clock.now_s += 901.0
    stage.hear(SAD)
    stage.eventually(lambda now: now.can_undo)
    stage.controller.undo()
    snapshot = stage.eventually(lambda now: now.records[0].kind is RecordKind.UNDONE)
    assert stage.player.asked == ["play Sunny", "play Mine"]
    assert snapshot.phase is Phase.OVERRIDDEN
    assert not snapshot.can_undo


def test_undo_pauses_where_nothing_played_before(stage: Stage) -> None:
    stage.hear(SAD)
    stage.eventually(lambda now: now.can_undo)
    stage.controller.undo()
    stage.eventually(lambda now: now.records[0].kind is RecordKind.UNDONE)
    assert stage.player.asked == ["play Sunny", "pause"]


def opinions(stage: Stage, feeling: Feeling) -> list[tuple[str, float, Opinion]]:
    given = stage.controller.snapshot().preferences.choices[feeling].opinions
    return [(one.name, one.weight, one.said) for one in given]


def test_not_this_plays_something_else_at_once_and_is_kept(stage: Stage) -> None:
    given = stage.controller.snapshot().preferences
    two = tuple(PlaylistRef(f"local:{name}", name) for name in ("Sunny", "Mine"))
    choices = {**given.choices, SAD: MappingEntry(Strategy.LIFT, lift=two)}
    stage.controller.set_preferences(replace(given, choices=choices))
    assert not stage.controller.snapshot().can_rate
    stage.hear(SAD)
    stage.eventually(lambda now: now.can_rate)
    stage.controller.give_opinion(Opinion.NOT_THIS)
    snapshot = stage.eventually(lambda now: len(now.records) == 3)
    assert stage.player.asked == ["play Sunny", "play Mine"]
    assert stage.kinds() == [RecordKind.SWITCHED, RecordKind.USER, RecordKind.SWITCHED]
    assert stage.journal[1:] == [
        ("music user", "You said not this to Sunny, so it comes up half as often for sad."),
        ("music switched", "You said not this, so Mine follows."),
    ]
    assert snapshot.phase is Phase.COOLING
    assert opinions(stage, SAD) == [("Sunny", 0.5, Opinion.NOT_THIS)]
    stage.eventually(lambda _: stage.saved and stage.saved[-1].choices[SAD].opinions)


def test_not_this_without_another_playlist_goes_to_the_next_track_and_silences_nobody(stage: Stage) -> None:
    stage.hear(HAPPY)
    stage.eventually(lambda now: now.can_rate)
    stage.controller.give_opinion(Opinion.NOT_THIS)
    stage.eventually(lambda now: len(now.records) == 2)
    stage.heard_out()
    assert stage.player.asked == ["play Party", "next"]
    assert stage.controller.snapshot().phase is Phase.COOLING


def test_a_next_track_within_half_a_minute_says_something_of_the_playlist(stage: Stage) -> None:
    stage.hear(HAPPY)
    stage.eventually(lambda now: now.can_rate)
    stage.controller.next().result(10.0)  # the player says that the track has played for 30 s
    assert opinions(stage, HAPPY) == []
    stage.player.show(track=PlayingTrack("Another", "", 180.0, 4.0))
    stage.clock.now_s += 25.0
    stage.controller.next().result(10.0)
    assert opinions(stage, HAPPY) == [("Party", 0.9, Opinion.SKIPPED)]


def test_an_opinion_on_silence_changes_nothing(stage: Stage) -> None:
    stage.controller.give_opinion(Opinion.NOT_THIS)
    stage.heard_out()
    assert stage.player.asked == []
    assert stage.controller.snapshot().records == ()


def test_a_suggestion_is_shown_and_carried_out_on_yes(make: Callable[..., Stage]) -> None:
    stage = make(mode=Mode.SUGGEST)
    stage.hear(SAD)
    snapshot = stage.eventually(lambda now: now.suggestion)
    assert snapshot.suggestion is not None
    assert snapshot.suggestion.playlist.name == "Sunny"
    assert stage.player.asked == []
    stage.controller.answer(True)
    assert stage.eventually(lambda now: now.records[0].kind is RecordKind.SWITCHED).suggestion is None
    assert stage.player.asked == ["play Sunny"]


def test_looking_and_refreshing_reach_the_player(stage: Stage) -> None:
    stage.controller.mark_viewed()
    assert stage.controller.refresh().result(10.0) == DONE
    assert stage.player.looks == 1


# Preferences


def test_a_mode_holds_at_once_and_is_saved(stage: Stage) -> None:
    stage.controller.set_mode(Mode.OFF)
    assert stage.controller.snapshot().preferences.autopilot.mode is Mode.OFF
    assert stage.eventually(lambda now: now.phase is Phase.OFF).message == "The autopilot is off."
    stage.eventually(lambda _: stage.saved)
    assert stage.saved[0].autopilot.mode is Mode.OFF
    stage.controller.set_mode(Mode.OFF)
    stage.heard_out()
    assert len(stage.saved) == 1
    assert stage.kinds() == [RecordKind.USER]


def test_preferences_that_cannot_be_saved_hold_and_the_trouble_is_said(stage: Stage) -> None:
    stage.save_error = SettingsError("The file music.toml cannot be written: the disk is full.")
    changed = preferences(dwell_s=1.0)
    stage.controller.set_preferences(changed)
    snapshot = stage.eventually(lambda now: now.problem)
    assert snapshot.problem == (
        "The file music.toml cannot be written: the disk is full. What you changed holds until the program "
        "ends."
    )
    assert snapshot.preferences == changed
    stage.hear(SAD, 1.0)
    stage.eventually(lambda now: now.records)
    stage.save_error = OSError("no")
    stage.controller.set_preferences(preferences(dwell_s=2.0))
    stage.eventually(lambda now: "OSError" in now.problem)
    stage.save_error = None
    stage.controller.set_preferences(preferences(dwell_s=3.0))
    stage.eventually(lambda now: not now.problem)


def test_another_choice_of_playlists_is_used_from_then_on(stage: Stage) -> None:
    choices = dict(preferences().choices)
    choices[SAD] = MappingEntry(Strategy.LIFT, lift=(PlaylistRef("local:Mine", "Mine"),))
    stage.controller.set_preferences(replace(preferences(), choices=choices))
    stage.hear(SAD)
    stage.eventually(lambda now: now.records)
    assert stage.player.asked == ["play Mine"]


# Calls


def test_a_call_that_a_person_announces_holds_until_they_end_it(stage: Stage) -> None:
    stage.controller.set_call(True)
    stage.eventually(lambda now: now.on_call)
    stage.hear(SAD)
    stage.eventually(lambda now: now.records)
    assert stage.player.asked == []
    assert stage.controller.snapshot().phase is Phase.CALL
    stage.controller.set_call(False)
    stage.eventually(lambda now: not now.on_call)


def test_a_call_that_the_machine_knows_of_counts_until_a_person_denies_it(stage: Stage) -> None:
    stage.call = True
    stage.eventually(lambda now: now.on_call)
    stage.controller.set_call(False)
    stage.eventually(lambda now: not now.on_call)
    stage.call = None
    stage.eventually(lambda _: stage.controller._call.said is None)
    stage.call = True
    stage.eventually(lambda now: now.on_call)
    stage.controller.set_listening(False)
    stage.eventually(lambda now: not now.on_call)


def test_asking_for_calls_may_take_long_and_may_fail(stage: Stage) -> None:
    gate = threading.Event()

    def ask() -> bool:
        gate.wait(10.0)
        raise OSError("no sound server")

    stage.controller._call_is_on = ask
    stage.eventually(lambda _: stage.controller._detecting)
    stage.hear(SAD)
    stage.eventually(lambda now: now.records)
    gate.set()
    assert not stage.controller.snapshot().on_call


# Players


def test_another_player_takes_over_and_the_former_is_closed(stage: Stage) -> None:
    former, other = stage.player, MemoryPlayer(stage.clock, kind=PlayerKind.SPOTIFY)
    former.slow = True
    stage.hear(SAD)
    stage.eventually(lambda now: now.phase is Phase.SWITCHING)
    waiting = stage.controller.pause()
    stage.controller.use(other)
    assert stage.controller.snapshot().player.kind is PlayerKind.SPOTIFY
    assert former.closed.wait(10.0)
    assert waiting.result(10.0).kind is OutcomeKind.FAILED
    snapshot = stage.eventually(lambda now: now.records and now.records[0].kind is RecordKind.FAILED)
    assert "Another player was chosen meanwhile." in snapshot.records[0].reason
    assert stage.controller.play("spotify:Mine").result(10.0) == DONE
    assert other.asked == ["play Mine"]
    assert not other.closed.is_set()


def test_a_player_that_cannot_play_is_not_asked(stage: Stage) -> None:
    limited = PlayerConnection(ConnectionState.RATE_LIMITED, "Spotify asks for a pause.", until_s=1_000_600.0)
    stage.player.show(connection=limited)
    snapshot = stage.eventually(lambda now: now.phase is Phase.UNABLE)
    assert snapshot.message == "The player cannot play: Spotify asks for a pause."
    assert snapshot.until_s == 1_000_600.0
    stage.hear(SAD)
    stage.eventually(lambda now: now.records)
    assert stage.player.asked == []


def test_a_player_that_waits_for_music_is_not_explained_twice(stage: Stage) -> None:
    command = "Scan yours with `attune library scan FOLDER`."
    stage.player.show(connection=PlayerConnection(ConnectionState.DISCONNECTED, command, needs_music=True))
    snapshot = stage.eventually(lambda now: now.phase is Phase.UNABLE)
    assert snapshot.message == "The player cannot play: there is nothing to play yet."


def test_the_dry_run_does_as_well() -> None:
    clock = Clock()
    player = DryRunPlayer(clock=clock)
    controller = PlaybackController(
        player,
        Preferences(autopilot=AutopilotSettings(mode=Mode.AUTO, dwell_s=0.0)),
        save=lambda _: None,
        record=lambda *_: None,
        clock=clock,
    )
    try:
        controller.set_listening(True)
        controller.follow(SAD)
        deadline_s = time.monotonic() + 20.0
        while not controller.snapshot().player.playing:
            assert time.monotonic() < deadline_s
        assert controller.next().result(10.0).ok
        playlist = controller.snapshot().player.playlist
        assert playlist is not None
        assert "Uplifting" in playlist.name
    finally:
        controller.close()


# The end


def test_it_closes_at_once_whatever_its_player_does(stage: Stage) -> None:
    stage.player.slow = True
    waiting = stage.controller.pause()
    stage.controller.set_mode(Mode.OFF)
    begun_s = time.monotonic()
    stage.controller.close()
    stage.controller.close()
    assert time.monotonic() - begun_s < PROMPT_S
    assert stage.player.closed.is_set()
    assert waiting.result(0.0).kind is OutcomeKind.FAILED
    assert stage.saved
    assert stage.controller.pause().result(0.0).kind is OutcomeKind.FAILED
    late: Player = MemoryPlayer(stage.clock)
    stage.controller.use(late)
    assert isinstance(late, MemoryPlayer)
    assert late.closed.is_set()
    stage.controller.follow(SAD)
    assert stage.controller.snapshot().player.kind is PlayerKind.LOCAL


def test_it_leaves_no_thread_behind() -> None:
    stage = Stage()
    stage.controller.set_mode(Mode.SUGGEST)
    stage.heard_out()
    stage.controller.close()
    deadline_s = time.monotonic() + 1.0
    while our_threads():
        assert time.monotonic() < deadline_s, our_threads()
        time.sleep(0.005)

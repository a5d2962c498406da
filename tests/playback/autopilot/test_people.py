"""The autopilot and people: a playlist that they play, a podcast, their wish that it goes on at once."""

from __future__ import annotations

import pytest

from playback.autopilot.attribution import PlayerObservation
from playback.autopilot.events import (
    Action,
    ActionEnded,
    CallChanged,
    ListeningChanged,
    PlayerChanged,
    PlayerObserved,
    Suggest,
    Tick,
    Undo,
    UserActed,
    Withdraw,
)
from playback.player import ContentKind
from playback.preferences.preferences import Mode
from playback.snapshot import Phase, RecordKind
from tests.playback.autopilot.autopilot_room import (
    ANGRY,
    DONE,
    HAPPY,
    LIVELY,
    LOST,
    OTHER,
    SAD,
    SUGGESTING,
    SUNNY,
    Room,
)

PODCAST = {"playing": True, "playlist": None, "track": "", "kind": ContentKind.PODCAST}


@pytest.fixture
def room() -> Room:
    return Room()


# A playlist that is played here


def test_a_playlist_that_a_person_plays_counts_as_a_change_of_its_own(room: Room) -> None:
    room.act(Action.PLAY, OTHER)
    (record,) = room.records(RecordKind.USER)
    assert record.record.reason == "You chose My own, so nothing else follows for 2 min."
    assert room.phase is Phase.COOLING
    room.hear(SAD, 119.0)
    assert room.switched == []
    assert room.held_back == ["Sad was heard for 4 s, but at least 2 min lie between two changes."]
    room.hear(SAD, 1.5)
    assert room.switched == ["Sunny Songs"]


def test_a_playlist_that_a_person_plays_answers_the_feeling_that_holds(room: Room) -> None:
    room.feed(CallChanged(room.now_s, on=True))
    room.hear(SAD)
    room.act(Action.PLAY, OTHER)
    room.feed(CallChanged(room.now_s, on=False))
    room.hear(SAD, 300.0)
    assert room.switched == []
    room.now_s += 0.5
    room.hear(HAPPY)
    assert room.switched == ["Party"]


def test_a_playlist_that_a_person_played_is_not_put_on_again_as_the_next_one(room: Room) -> None:
    room.act(Action.PLAY, SUNNY)
    room.see(playing=False, ended=True)
    room.wait(121.0)
    room.hear(SAD)
    assert room.switched == ["After the Rain"]


def test_a_playlist_that_did_not_play_answers_nothing(room: Room) -> None:
    room.hear(SAD, 3.0)
    room.act(Action.PLAY, OTHER, LOST)
    room.now_s += 0.5
    room.hear(SAD, 118.0)
    assert room.switched == []
    room.hear(SAD, 3.0)
    assert room.switched == ["Sunny Songs"]


def test_nothing_follows_while_a_playlist_that_a_person_plays_takes_its_time(room: Room) -> None:
    room.feed(UserActed(room.now_s, Action.PLAY, OTHER))
    room.hear(SAD, 100.0)
    room.feed(ActionEnded(room.now_s, Action.PLAY, DONE, OTHER))
    room.hear(SAD, 119.0)
    assert room.switched == []


def test_an_override_outlasts_a_playlist_that_is_played(room: Room) -> None:
    room.act(Action.PAUSE)
    room.act(Action.PLAY, OTHER)
    room.hear(SAD, 890.0)
    assert room.switched == []


def test_a_playlist_that_is_played_answers_a_suggestion() -> None:
    room = Room(SUGGESTING)
    room.hear(SAD)
    room.act(Action.PLAY, OTHER)
    assert Withdraw() in room.commands
    room.hear(SAD, 300.0)
    assert sum(isinstance(one, Suggest) for one in room.commands) == 1


def test_a_direction_around_both_does_not_hold_what_another_emotion_has_ended(room: Room) -> None:
    room.set(cooldown_s=10.0)
    room.hear(SAD)
    room.hear(LIVELY, 0.5)
    room.hear(HAPPY, 9.0)
    room.now_s += 0.5
    room.hear(ANGRY, 2.0)
    assert room.switched == ["Sunny Songs"]


# Podcasts, audiobooks, and what has no name


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (ContentKind.PODCAST, "a podcast was started"),
        (ContentKind.AUDIOBOOK, "an audiobook was started"),
        (ContentKind.UNKNOWN, "the music was changed"),
    ],
)
@pytest.mark.parametrize("before", ["nothing", "our own", "our own, not seen yet", "an album", "paused"])
def test_what_is_no_music_is_a_persons_choice(room: Room, kind: ContentKind, words: str, before: str) -> None:
    """Though it may have no name, so that it looks like the moment after a command."""
    match before:
        case "an album":
            room.see(playing=True)
            room.wait(901.0)
        case "paused":
            room.see(playing=False, playlist=OTHER)
        case "our own" | "our own, not seen yet":
            room.hear(SAD)
            room.wait(121.0)
    if before == "our own":
        room.see()
    switched = list(room.switched)
    room.see(**PODCAST | {"kind": kind})
    assert room.phase is Phase.OVERRIDDEN
    record = room.records(RecordKind.USER)[-1]
    assert record.record.reason == f"In the player itself {words}, so the autopilot keeps quiet for 15 min."
    room.hear(HAPPY, 890.0)
    assert room.switched == switched
    room.hear(HAPPY, 15.0)
    assert room.switched == [*switched, "Party"]


def test_a_podcast_that_plays_when_the_player_is_first_seen_is_a_persons_choice(room: Room) -> None:
    room.feed(PlayerChanged(room.now_s))
    room.see(**PODCAST)
    assert room.phase is Phase.OVERRIDDEN


def test_a_podcast_that_goes_on_was_chosen_once(room: Room) -> None:
    for track in ("1", "2", "2"):
        room.see(**PODCAST | {"track": track})
    room.act(Action.DEVICE)
    room.see(**PODCAST | {"track": "3"})
    assert len(room.records(RecordKind.USER)) == 1


def test_music_after_a_podcast_is_a_persons_choice_but_for_our_own(room: Room) -> None:
    room.see(**PODCAST)
    room.see(playing=True, playlist=None, track="a song")
    assert len(room.records(RecordKind.USER)) == 2
    room.see(**PODCAST)
    room.wait(901.0)
    room.ends = LOST
    room.hear(SAD)
    room.now_s += 11.0
    room.see(playing=True, playlist=SUNNY)  # it took effect though it failed
    assert len(room.records(RecordKind.USER)) == 3


def test_undo_pauses_where_a_podcast_played_and_says_that_it_cannot_come_back(room: Room) -> None:
    room.see(**PODCAST)
    room.wait(901.0)
    room.hear(SAD)
    room.act(Action.UNDO)
    (undo,) = [one for one in room.commands if isinstance(one, Undo)]
    assert undo.playlist is None
    assert "a podcast, which cannot be brought back from here" in undo.reason


# Going on at once


@pytest.mark.parametrize("wait", ["override", "elsewhere", "cool-down", "call", "quiet hours", "all"])
def test_a_person_can_end_every_wait_that_is_one_of_time(room: Room, wait: str) -> None:
    if wait == "cool-down":
        room.act(Action.PLAY, OTHER)
    if wait in ("override", "all"):
        room.act(Action.PAUSE)
    if wait == "elsewhere":
        room.see(**PODCAST)
    if wait in ("call", "all"):
        room.feed(CallChanged(room.now_s, on=True))
    if wait in ("quiet hours", "all"):
        room.set(quiet_from=11 * 60, quiet_to=13 * 60)
    room.hear(SAD, 10.0)
    assert room.switched == []
    room.resume()
    assert room.records(RecordKind.USER)[-1].record.reason == "You let the autopilot go on at once."
    assert room.switched == ["Sunny Songs"]
    assert room.phase is Phase.COOLING


def test_quiet_hours_that_were_ended_are_quiet_again_the_next_day(room: Room) -> None:
    room.set(quiet_from=11 * 60, quiet_to=13 * 60)
    room.feed(Tick(room.now_s, 12 * 60))
    room.resume()
    room.feed(Tick(room.now_s, 12 * 60 + 59))
    assert room.phase is Phase.READY
    room.feed(Tick(room.now_s, 13 * 60))
    room.feed(Tick(room.now_s, 11 * 60))
    assert room.phase is Phase.QUIET


def test_what_does_not_end_by_waiting_is_not_ended(room: Room) -> None:
    room.act(Action.PAUSE)
    for event in (
        ListeningChanged(room.now_s, on=False),
        PlayerObserved(room.now_s, False, PlayerObservation(room.now_s), "Spotify's quota is used up."),
    ):
        room.feed(event)
        assert room.resume() == []
    room.feed(ListeningChanged(room.now_s, on=True))
    room.see()
    room.set(mode=Mode.OFF)
    assert room.resume() == []
    room.set(mode=Mode.AUTO)
    assert room.phase is Phase.OVERRIDDEN
    assert len(room.records(RecordKind.USER)) == 1


def test_to_go_on_brings_no_second_change_for_one_feeling(room: Room) -> None:
    room.hear(SAD)
    room.resume()
    room.hear(SAD, 60.0)
    assert room.switched == ["Sunny Songs"]
    assert room.resume() == []

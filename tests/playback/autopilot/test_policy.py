"""The autopilot: one change for each real change of emotion, never where it must not, and with a reason."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from core.directions import Direction
from core.emotions import EMOTIONS, Emotion
from playback.autopilot.attribution import PlayerObservation
from playback.autopilot.events import (
    Action,
    ActionEnded,
    CallChanged,
    FeelingDecided,
    ListeningChanged,
    ModeSet,
    PlayerChanged,
    PlayerObserved,
    Record,
    SettingsChanged,
    Suggest,
    SuggestionAnswered,
    Switch,
    SwitchEnded,
    Tick,
    Undo,
    UserActed,
    Withdraw,
)
from playback.autopilot.policy import can_undo, phase, step
from playback.autopilot.state import AutopilotState
from playback.player import Outcome, OutcomeKind
from playback.preferences.preferences import Mode
from playback.snapshot import Phase, RecordKind
from tests.playback.autopilot.autopilot_room import (
    ANGRY,
    AUTO,
    CALM,
    CONTEXT,
    DANCE,
    DONE,
    HAPPY,
    LIVELY,
    LIVELY_PLEASANT,
    LIVELY_UNPLEASANT,
    LOST,
    OTHER,
    PARTY,
    QUIET,
    QUIET_UNPLEASANT,
    RAGE,
    RAIN,
    SAD,
    SUGGESTING,
    SUNNY,
    Room,
)


@pytest.fixture
def room() -> Room:
    return Room()


# When it switches


def test_an_emotion_held_for_the_dwell_time_switches_once_with_its_reason(room: Room) -> None:
    room.hear(SAD, 3.5)
    assert room.switched == []
    assert room.phase is Phase.HOLDING
    room.hear(SAD, 60.0)
    assert room.switched == ["Sunny Songs"]
    (record,) = room.records(RecordKind.SWITCHED)
    assert record.record.reason == "Sad was heard for 4 s, so music that lifts follows: Sunny Songs."
    assert record.record.outcome is OutcomeKind.DONE
    assert record.record.feeling is SAD


def test_pauses_between_sentences_do_not_restart_the_dwell(room: Room) -> None:
    room.hear(SAD, 2.0)
    room.now_s += 0.5
    room.hear(None, 2.5)
    room.now_s += 0.5
    room.hear(SAD, 0.5)
    assert room.switched == ["Sunny Songs"]


def test_silence_after_a_short_utterance_is_not_dwell(room: Room) -> None:
    room.hear(SAD, 2.0)
    room.now_s += 0.5
    room.hear(None, 30.0)
    assert room.switched == []


def test_a_long_gap_or_another_emotion_restarts_the_dwell(room: Room) -> None:
    room.hear(SAD, 3.0)
    room.wait(5.0)
    room.hear(SAD, 3.0)
    room.now_s += 0.5
    room.hear(HAPPY, 0.0)
    room.now_s += 0.5
    room.hear(SAD, 3.5)
    assert room.switched == []


def test_the_same_emotion_coming_back_does_not_switch_again(room: Room) -> None:
    room.hear(SAD)
    room.wait(300.0)
    room.hear(SAD, 20.0)
    assert room.switched == ["Sunny Songs"]
    assert phase(room.state, room.context, room.now_s)[:2] == (
        Phase.READY,
        "Sad has been seen to; it waits for another emotion.",
    )


def test_a_glimpse_of_another_emotion_is_no_change(room: Room) -> None:
    room.hear(SAD)
    room.wait(200.0)
    room.hear(HAPPY, 1.0)
    room.now_s += 0.5
    room.hear(SAD, 10.0)
    assert room.switched == ["Sunny Songs"]


def test_another_emotion_in_between_makes_the_first_count_again_and_playlists_take_turns(room: Room) -> None:
    for emotion in (SAD, HAPPY, SAD, HAPPY, SAD):
        room.hear(emotion)
        room.wait(130.0)
    assert room.switched == ["Sunny Songs", "Party", "After the Rain", "Party", "Sunny Songs"]


def test_after_ten_minutes_the_same_emotion_counts_again_unless_its_music_plays(room: Room) -> None:
    room.hear(SAD)
    room.wait(610.0)
    room.hear(SAD)
    assert room.switched == ["Sunny Songs"]
    assert room.held_back[-1].endswith("but Sunny Songs plays already, and is for it.")
    room.playing = None
    room.see(track="", ended=True)
    room.wait(610.0)
    room.hear(SAD)
    assert room.switched == ["Sunny Songs", "After the Rain"]


def test_the_only_playlist_for_an_emotion_is_left_alone_where_it_plays(room: Room) -> None:
    room.act(Action.PLAY, RAIN)
    room.wait(901.0)
    room.hear(CALM, 30.0)
    assert room.switched == []
    assert room.held_back == ["Calm was heard for 4 s, but After the Rain plays already, and is for it."]


def test_music_that_is_for_the_new_emotion_too_gives_way_to_another_where_there_is_one(room: Room) -> None:
    room.hear(CALM)
    room.wait(130.0)
    room.hear(SAD)
    assert room.switched == ["After the Rain", "Sunny Songs"]


def test_an_emotion_that_comes_back_before_anything_changed_keeps_its_music(room: Room) -> None:
    room.hear(SAD)
    room.now_s += 0.5
    room.hear(HAPPY, 20.0)
    room.wait(130.0)
    room.hear(SAD, 20.0)
    assert room.switched == ["Sunny Songs"]
    assert room.held_back[-1].endswith("but Sunny Songs plays already, and is for it.")


def test_the_playlist_that_played_last_is_not_played_again(room: Room) -> None:
    room.hear(HAPPY)
    room.wait(130.0)
    room.playing = None
    room.see(track="", ended=True)
    room.hear(ANGRY, 2.0)
    room.wait(700.0)
    room.hear(HAPPY, 20.0)
    assert room.switched == ["Party"]
    assert room.held_back == ["Happy was heard for 4 s, but Party, the only playlist for it, played last."]


def test_an_emotion_without_playlists_is_told_once_and_served_as_soon_as_there_is_one(room: Room) -> None:
    room.hear(Emotion.DISGUST, 20.0)
    assert room.held_back == ["Disgust was heard for 4 s, but no playlist is chosen for it."]
    assert phase(room.state, room.context, room.now_s)[1] == "No playlist is chosen for disgust."
    room.context = replace(room.context, candidates={Emotion.DISGUST: (OTHER,)})
    room.feed(SettingsChanged(room.now_s))
    assert room.switched == ["My own"]


def test_before_the_playlists_are_listed_nothing_is_said_about_them(room: Room) -> None:
    before = room.context
    room.context = replace(before, candidates={}, listed=False)
    room.hear(SAD, 20.0)
    assert room.held_back == []
    room.context = before
    room.hear(SAD, 1.0)
    assert room.switched == ["Sunny Songs"]


def test_a_half_hour_with_twelve_changes_switches_twelve_times(room: Room) -> None:
    """Between the changes: silence, unsure windows, a glimpse of something else, the same again."""
    rng = random.Random(5)
    changes = [SAD, HAPPY, ANGRY, CALM] * 3
    room.set(cooldown_s=60.0)
    for emotion in changes:
        for _ in range(4):
            room.hear(emotion, rng.uniform(5.0, 12.0))
            room.now_s += 0.5
            room.hear(None, rng.uniform(0.5, 20.0))
            room.now_s += 0.5
            if rng.random() < 0.3:
                room.hear(rng.choice(EMOTIONS), rng.uniform(0.0, 2.0))
        room.wait(60.0)
        room.see()
    assert len(room.switched) == 12
    assert room.now_s - 1_000_000.0 > 1_500.0


# Directions


def test_a_direction_that_is_held_switches_with_its_reason_in_words(room: Room) -> None:
    room.hear(LIVELY_PLEASANT, 3.5)
    assert room.switched == []
    assert phase(room.state, room.context, room.now_s)[1] == "A lively, pleasant voice has to last 4 s."
    room.hear(LIVELY_PLEASANT, 60.0)
    assert room.switched == ["Party"]
    (record,) = room.records(RecordKind.SWITCHED)
    assert record.record.reason == (
        "A lively, pleasant voice was heard for 4 s, so music that matches follows: Party."
    )
    assert record.record.feeling is LIVELY_PLEASANT
    assert phase(room.state, replace(CONTEXT, settings=replace(AUTO, cooldown_s=0.0)), room.now_s)[1] == (
        "A lively, pleasant voice has been seen to; it waits for another emotion."
    )


def test_a_direction_lifts_where_that_is_chosen_and_says_so(room: Room) -> None:
    room.hear(LIVELY_UNPLEASANT)
    (record,) = room.records(RecordKind.SWITCHED)
    assert record.record.reason == (
        "A lively, unpleasant voice was heard for 4 s, so music that lifts follows: After the Rain."
    )


@pytest.mark.parametrize(
    ("emotion", "around"), [(HAPPY, [LIVELY_PLEASANT, LIVELY]), (SAD, [QUIET_UNPLEASANT, QUIET])]
)
def test_a_direction_that_contains_the_emotion_is_the_same_feeling_going_on(
    room: Room, emotion: Emotion, around: list[Direction]
) -> None:
    room.hear(emotion)
    first = room.switched.copy()
    for _ in range(5):
        for feeling in (*around, emotion):
            room.hear(feeling, 40.0)
            room.now_s += 0.5
    assert room.switched == first
    assert len(first) == 1
    assert room.held_back == []


def test_energy_alone_after_a_corner_is_no_change_and_the_other_corner_is(room: Room) -> None:
    room.hear(LIVELY_PLEASANT)
    room.now_s += 0.5
    room.hear(LIVELY, 200.0)
    assert room.switched == ["Party"]
    room.now_s += 0.5
    room.hear(LIVELY_UNPLEASANT)
    assert room.switched == ["Party", "After the Rain"]


def test_a_direction_that_does_not_contain_the_emotion_is_another_feeling(room: Room) -> None:
    room.hear(HAPPY)
    room.wait(130.0)
    room.hear(QUIET_UNPLEASANT)
    assert room.switched == ["Party", "Sunny Songs"]


def test_an_emotion_that_a_direction_turns_out_to_be_keeps_the_music_that_suits_it_and_says_so_once(
    room: Room,
) -> None:
    room.hear(LIVELY_PLEASANT)
    room.now_s += 0.5
    room.hear(HAPPY, 200.0)
    assert room.switched == ["Party"]
    assert room.held_back == ["Happy was heard for 4 s, but Party plays already, and is for it."]
    assert phase(room.state, room.context, room.now_s)[:2] == (
        Phase.READY,
        "Happy has been seen to; it waits for another emotion.",
    )


def test_an_emotion_that_a_direction_turns_out_to_be_changes_music_that_does_not_suit_it_once(
    room: Room,
) -> None:
    room.hear(LIVELY)
    for _ in range(3):
        room.now_s += 0.5
        room.hear(HAPPY, 130.0)
        room.now_s += 0.5
        room.hear(LIVELY, 130.0)
    assert room.switched == ["Dance", "Party"]


def test_a_direction_leaves_music_alone_that_suits_it_already(room: Room) -> None:
    room.hear(SAD)
    room.wait(130.0)
    room.hear(HAPPY, 2.0)
    room.now_s += 0.5
    room.act(Action.PLAY, DANCE)
    room.wait(901.0)
    room.hear(LIVELY_PLEASANT, 20.0)
    assert room.switched == ["Sunny Songs"]
    assert room.held_back == [
        "A lively, pleasant voice was heard for 4 s, but Dance plays already, and is for it."
    ]


def test_a_direction_goes_on_while_an_emotion_within_it_is_heard(room: Room) -> None:
    room.hear(LIVELY_PLEASANT, 2.0)
    room.now_s += 0.5
    room.hear(HAPPY, 1.5)
    assert room.switched == ["Party"]
    (record,) = room.records(RecordKind.SWITCHED)
    assert record.record.feeling is LIVELY_PLEASANT


def test_a_direction_does_not_lend_its_time_to_an_emotion_that_was_only_glimpsed(room: Room) -> None:
    room.hear(HAPPY, 0.5)
    room.now_s += 0.5
    room.hear(LIVELY_PLEASANT, 30.0)
    (record,) = room.records(RecordKind.SWITCHED)
    assert record.record.feeling is LIVELY_PLEASANT


def test_emotions_alone_make_no_direction(room: Room) -> None:
    """Fear and anger are lively both, but nobody has said that the energy was sure."""
    room.hear(HAPPY, 3.0)
    room.now_s += 0.5
    room.hear(ANGRY, 3.0)
    assert room.switched == []


def test_a_direction_between_two_words_of_an_emotion_is_as_a_gap(room: Room) -> None:
    room.hear(HAPPY, 1.5)
    room.now_s += 0.5
    room.hear(LIVELY, 1.5)
    room.now_s += 0.5
    room.hear(HAPPY, 0.0)
    assert room.switched == ["Party"]
    (record,) = room.records(RecordKind.SWITCHED)
    assert record.record.reason == "Happy was heard for 4 s, so music that matches follows: Party."


def test_what_a_direction_contradicts_has_to_begin_anew(room: Room) -> None:
    room.hear(HAPPY, 3.0)
    room.now_s += 0.5
    room.hear(LIVELY_UNPLEASANT, 0.0)
    room.now_s += 0.5
    room.hear(HAPPY, 3.5)
    assert room.switched == []


def test_a_direction_without_playlists_is_told_in_words(room: Room) -> None:
    room.hear(QUIET, 20.0)
    assert room.held_back == ["A quiet voice was heard for 4 s, but no playlist is chosen for it."]
    assert phase(room.state, room.context, room.now_s)[1] == "No playlist is chosen for a quiet voice."


def test_a_suggestion_for_a_direction_stays_when_it_turns_out_to_be_an_emotion_that_it_suits() -> None:
    room = Room(SUGGESTING)
    room.hear(LIVELY_PLEASANT)
    room.now_s += 0.5
    room.hear(HAPPY, 20.0)
    made = room.state.suggested
    assert made is not None
    assert made.feeling is LIVELY_PLEASANT
    assert [type(one) for one in room.commands if isinstance(one, Suggest | Withdraw)] == [Suggest]
    room.feed(SuggestionAnswered(room.now_s, yes=True))
    assert room.switched == ["Party"]
    room.hear(HAPPY, 300.0)
    assert sum(isinstance(one, Suggest) for one in room.commands) == 1


def test_a_suggestion_for_a_direction_gives_way_where_it_does_not_suit_the_emotion() -> None:
    room = Room(SUGGESTING)
    room.hear(LIVELY)
    room.now_s += 0.5
    room.hear(HAPPY)
    made = room.state.suggested
    assert made is not None
    assert (made.feeling, made.playlist) == (HAPPY, PARTY)


def test_a_suggestion_refused_for_a_direction_is_not_made_for_what_it_turns_out_to_be() -> None:
    room = Room(SUGGESTING)
    room.hear(LIVELY)
    room.feed(SuggestionAnswered(room.now_s, yes=False))
    for feeling in (LIVELY_PLEASANT, HAPPY):
        room.now_s += 0.5
        room.hear(feeling, 60.0)
    assert sum(isinstance(one, Suggest) for one in room.commands) == 1
    room.now_s += 0.5
    room.hear(SAD)
    assert sum(isinstance(one, Suggest) for one in room.commands) == 2


# What holds it back


def test_a_second_emotion_waits_for_the_cool_down_if_it_still_holds(room: Room) -> None:
    room.hear(SAD)
    room.now_s += 0.5
    room.hear(HAPPY, 115.0)
    assert room.switched == ["Sunny Songs"]
    assert room.held_back == ["Happy was heard for 4 s, but at least 2 min lie between two changes."]
    assert room.phase is Phase.COOLING
    room.hear(HAPPY, 10.0)
    assert room.switched == ["Sunny Songs", "Party"]
    assert len(room.held_back) == 1


def test_an_emotion_that_has_gone_by_the_end_of_the_cool_down_does_not_switch(room: Room) -> None:
    room.hear(SAD)
    room.now_s += 0.5
    room.hear(HAPPY, 20.0)
    room.wait(200.0)
    assert room.switched == ["Sunny Songs"]


@pytest.mark.parametrize(
    ("event", "end", "expected", "words"),
    [
        (CallChanged(0, on=True), CallChanged(0, on=False), Phase.CALL, "a call is on"),
        (
            PlayerObserved(0, False, PlayerObservation(0), "Signed out."),
            PlayerObserved(0, True, PlayerObservation(0)),
            Phase.UNABLE,
            "the player cannot play: Signed out",
        ),
        (Tick(0, 23 * 60), Tick(0, 7 * 60), Phase.QUIET, "these are quiet hours, until 07:00"),
    ],
)
def test_what_stands_in_the_way_is_told_once_and_the_switch_comes_after_it(
    room: Room, event: Any, end: Any, expected: Phase, words: str
) -> None:
    room.set(quiet_from=22 * 60, quiet_to=7 * 60)
    room.feed(replace(event, at_s=room.now_s))
    room.hear(SAD, 30.0)
    assert room.switched == []
    assert room.held_back == [f"Sad was heard for 4 s, but {words}."]
    assert room.phase is expected
    room.feed(replace(end, at_s=room.now_s))
    assert room.switched == ["Sunny Songs"]


def test_nothing_is_switched_while_deaf_and_what_was_held_is_forgotten(room: Room) -> None:
    room.hear(SAD, 3.5)
    room.feed(ListeningChanged(room.now_s, on=False))
    room.hear(SAD, 10.0)
    assert room.phase is Phase.NOT_LISTENING
    room.feed(ListeningChanged(room.now_s, on=True))
    room.hear(SAD, 3.5)
    assert room.switched == []
    room.now_s += 0.5
    room.hear(SAD, 0.0)
    assert room.switched == ["Sunny Songs"]


@pytest.mark.parametrize(
    ("minute", "quiet"), [(1319, False), (1320, True), (0, True), (419, True), (420, False)]
)
def test_quiet_hours_go_over_midnight(room: Room, minute: int, quiet: bool) -> None:
    room.set(quiet_from=22 * 60, quiet_to=7 * 60)
    room.feed(Tick(room.now_s, minute))
    assert (room.phase is Phase.QUIET) is quiet


def test_quiet_hours_that_are_set_hold_before_the_time_is_known() -> None:
    context = replace(CONTEXT, settings=replace(AUTO, quiet_from=60, quiet_to=120))
    state = AutopilotState()
    for event in (PlayerObserved(0.0, True, PlayerObservation(0.0)), ListeningChanged(0.0, on=True)):
        state, _ = step(state, event, context)
    assert phase(state, context, 0.0)[0] is Phase.QUIET


def test_quiet_hours_end_at_the_minute_that_was_set(room: Room) -> None:
    room.now_s = 1_000_000.0 + 40.0  # 20 s past a minute
    room.set(quiet_from=11 * 60, quiet_to=12 * 60 + 3)
    room.feed(Tick(room.now_s, 12 * 60))
    assert phase(room.state, room.context, room.now_s)[2] == room.now_s - 20.0 + 180.0


def test_no_second_switch_while_one_is_under_way(room: Room) -> None:
    room.set(cooldown_s=10.0)
    room.ends = None
    room.hear(SAD)
    room.now_s += 0.5
    room.hear(HAPPY, 40.0)
    assert room.switched == ["Sunny Songs"]
    assert room.phase is Phase.SWITCHING
    room.feed(SwitchEnded(room.now_s, SUNNY.uri, DONE))
    assert room.phase is Phase.COOLING
    room.hear(HAPPY, 11.0)
    assert room.switched == ["Sunny Songs", "Party"]


def test_the_end_of_something_else_ends_nothing(room: Room) -> None:
    room.ends = None
    room.feed(SwitchEnded(room.now_s, "local:x", DONE))
    room.hear(SAD)
    room.feed(SwitchEnded(room.now_s, "local:x", DONE))
    assert room.phase is Phase.SWITCHING
    assert room.records(RecordKind.SWITCHED) == []


# A person has their way


@pytest.mark.parametrize("what", [Action.PAUSE, Action.RESUME, Action.NEXT])
def test_what_a_person_does_here_keeps_it_quiet_for_the_override(room: Room, what: Action) -> None:
    room.act(what)
    room.hear(SAD, 890.0)
    assert room.switched == []
    assert room.phase is Phase.OVERRIDDEN
    assert len(room.held_back) == len(room.records(RecordKind.USER)) == 1
    room.hear(SAD, 15.0)
    assert room.switched == ["Sunny Songs"]


@pytest.mark.parametrize("what", [Action.VOLUME, Action.DEVICE])
def test_volume_and_device_are_no_override(room: Room, what: Action) -> None:
    room.act(what)
    room.hear(SAD)
    assert room.switched == ["Sunny Songs"]
    assert room.records(RecordKind.USER) == []


def test_what_is_done_while_it_is_off_does_not_hold_it_back_once_it_is_on(room: Room) -> None:
    room.set(mode=Mode.OFF)
    room.act(Action.PLAY, OTHER)
    (record,) = room.records(RecordKind.USER)
    assert record.record.reason == "You chose My own."
    room.set(mode=Mode.AUTO)
    room.hear(SAD)
    assert room.switched == ["Sunny Songs"]


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        ({"playing": False}, "paused"),
        ({"playlist": OTHER, "track": "b"}, "changed"),
        ({"playlist": None, "track": "b"}, "changed"),
    ],
)
def test_what_a_person_does_in_the_player_itself_is_an_override(
    room: Room, observed: dict[str, Any], words: str
) -> None:
    room.hear(SAD)
    room.now_s += 20.0
    room.see()
    assert room.phase is Phase.COOLING
    room.see(**observed)
    assert room.phase is Phase.OVERRIDDEN
    (record,) = room.records(RecordKind.USER)
    assert record.record.reason == (
        f"In the player itself the music was {words}, so the autopilot keeps quiet for 15 min."
    )


def test_music_started_elsewhere_is_an_override(room: Room) -> None:
    room.see(playing=True, playlist=OTHER)
    assert room.phase is Phase.OVERRIDDEN


@pytest.mark.parametrize(
    "observed",
    [
        {"track": "the next one"},
        {"playing": False, "ended": True},
        {"playing": False, "playlist": None, "track": "", "ended": True},
        {"playlist": None},
    ],
)
def test_next_tracks_the_end_of_a_playlist_and_a_lost_list_are_nobodys_doing(
    room: Room, observed: dict[str, Any]
) -> None:
    room.hear(SAD)
    room.now_s += 20.0
    room.see()
    room.see(**observed)
    assert room.records(RecordKind.USER) == []


def test_the_echo_of_its_own_switch_is_nobodys_doing(room: Room) -> None:
    room.see(playing=True, playlist=OTHER)
    room.wait(901.0)
    before = len(room.records(RecordKind.USER))
    room.playing = OTHER
    room.hear(SAD)
    room.now_s += 1.0
    room.see(playlist=OTHER)  # the player is a moment behind
    room.now_s += 5.0
    room.see(playlist=SUNNY)
    assert len(room.records(RecordKind.USER)) == before
    room.see(playing=False)
    assert len(room.records(RecordKind.USER)) == before + 1


def test_a_change_while_a_command_is_carried_out_is_its_doing(room: Room) -> None:
    room.feed(UserActed(room.now_s, Action.PLAY, OTHER))
    room.now_s += 30.0
    observed = PlayerObservation(room.now_s, True, OTHER)
    room.feed(PlayerObserved(room.now_s, True, observed, commanded=True))
    room.feed(ActionEnded(room.now_s, Action.PLAY, DONE, OTHER))
    assert len(room.records(RecordKind.USER)) == 1


def test_what_did_not_work_is_recorded(room: Room) -> None:
    room.act(Action.PAUSE, outcome=Outcome(OutcomeKind.NO_DEVICE, "No device is open: open Spotify."))
    (record,) = room.records(RecordKind.FAILED)
    assert record.record.reason == "Pause did not work. No device is open: open Spotify."
    assert record.journal_reason == "Pause did not work. Outcome: no device."


# Taking back


def test_undo_goes_back_to_the_playlist_before_and_is_an_override(room: Room) -> None:
    room.act(Action.PLAY, OTHER)
    room.wait(901.0)
    assert not can_undo(room.state)
    room.hear(SAD)
    assert can_undo(room.state)
    room.act(Action.UNDO)
    (undo,) = [one for one in room.commands if isinstance(one, Undo)]
    assert undo.playlist == OTHER
    assert room.phase is Phase.OVERRIDDEN
    assert not can_undo(room.state)
    (record,) = room.records(RecordKind.UNDONE)
    assert record.record.reason == "You took the change back, to My own."
    room.act(Action.UNDO)
    assert len(room.records(RecordKind.UNDONE)) == 1


def test_undo_pauses_where_nothing_played_before(room: Room) -> None:
    room.hear(SAD)
    room.act(Action.UNDO)
    (undo,) = [one for one in room.commands if isinstance(one, Undo)]
    assert undo.playlist is None
    assert "nothing played before" in undo.reason


def test_undo_pauses_where_what_played_before_has_no_name(room: Room) -> None:
    room.see(playing=True)
    room.wait(901.0)
    room.hear(SAD)
    room.act(Action.UNDO)
    (undo,) = [one for one in room.commands if isinstance(one, Undo)]
    assert undo.playlist is None
    assert "no playlist of yours" in undo.reason


def test_an_undo_that_failed_can_be_tried_again(room: Room) -> None:
    room.hear(SAD)
    room.ends = LOST
    room.act(Action.UNDO)
    assert can_undo(room.state)
    (record,) = room.records(RecordKind.FAILED)
    assert LOST.message in record.record.reason


def test_there_is_nothing_to_take_back_once_other_music_was_chosen(room: Room) -> None:
    room.hear(SAD)
    room.act(Action.PLAY, OTHER)
    assert not can_undo(room.state)
    room.ends = None
    room.wait(901.0)
    room.hear(HAPPY)
    room.feed(UserActed(room.now_s, Action.PLAY, RAIN))
    room.feed(SwitchEnded(room.now_s, PARTY.uri, DONE))
    assert not can_undo(room.state)


# What fails


def test_a_failed_switch_is_recorded_and_tried_again_only_after_the_cool_down(room: Room) -> None:
    room.ends = LOST
    room.hear(SAD, 100.0)
    assert room.switched == ["Sunny Songs"]
    (record,) = room.records(RecordKind.FAILED)
    assert record.record.outcome is OutcomeKind.UNREACHABLE
    assert record.record.reason.endswith(f"But it did not work. {LOST.message}")
    assert not can_undo(room.state)
    room.ends = DONE
    room.hear(SAD, 30.0)
    assert room.switched == ["Sunny Songs", "After the Rain"]
    assert room.held_back == []


def test_a_failed_switch_to_the_only_playlist_is_tried_again_too(room: Room) -> None:
    room.ends = LOST
    room.hear(HAPPY, 130.0)
    assert room.switched == ["Party", "Party"]


def test_what_cannot_get_better_by_itself_is_not_tried_again(room: Room) -> None:
    room.ends = Outcome(OutcomeKind.PREMIUM_REQUIRED, "This account cannot control playback.")
    room.hear(SAD, 600.0)
    assert room.switched == ["Sunny Songs"]


def test_a_switch_that_took_effect_though_it_failed_is_nobodys_doing(room: Room) -> None:
    room.ends = LOST
    room.hear(SAD)
    room.now_s += 15.0
    room.see(playing=True, playlist=SUNNY)
    assert room.records(RecordKind.USER) == []
    room.wait(10.0)
    room.see(playing=True, playlist=OTHER)
    assert len(room.records(RecordKind.USER)) == 1


def test_a_player_changed_during_a_switch_ends_it(room: Room) -> None:
    room.ends = None
    room.hear(SAD)
    room.feed(PlayerChanged(room.now_s))
    (record,) = room.records(RecordKind.FAILED)
    assert "Another player was chosen meanwhile." in record.record.reason
    assert room.phase is Phase.UNABLE
    room.feed(SwitchEnded(room.now_s, SUNNY.uri, DONE))
    assert room.records(RecordKind.SWITCHED) == []


def changed_meanwhile(room: Room, **observed: Any) -> PlayerObservation:
    room.ends = None
    room.hear(SAD)
    room.now_s += 1.0
    now = PlayerObservation(room.now_s, **observed)
    room.feed(SwitchEnded(room.now_s, SUNNY.uri, Outcome(OutcomeKind.CHANGED), now))
    return now


def test_a_switch_gives_way_to_what_a_person_chose_just_before_it(room: Room) -> None:
    changed_meanwhile(room, playing=True, playlist=OTHER)
    assert room.phase is Phase.OVERRIDDEN
    assert room.switched == ["Sunny Songs"]
    (record,) = room.records(RecordKind.USER)
    assert record.record.reason.startswith("In the player itself the music was changed, so the autopilot")
    assert not can_undo(room.state)


def test_a_switch_is_tried_again_whatever_plays_where_nobody_had_changed_anything(room: Room) -> None:
    room.see(playing=True, playlist=OTHER)
    room.wait(901.0)
    changed_meanwhile(room, playing=False, ended=True)
    first, second = (one for one in room.commands if isinstance(one, Switch))
    assert first.if_unchanged_since is not None
    assert second == replace(first, if_unchanged_since=None)
    assert room.phase is Phase.SWITCHING
    room.feed(SwitchEnded(room.now_s, SUNNY.uri, DONE))
    assert len(room.records(RecordKind.SWITCHED)) == 1


# Modes


def test_off_does_nothing_and_tells_nothing(room: Room) -> None:
    room.set(mode=Mode.OFF)
    room.hear(SAD, 60.0)
    assert room.commands == []
    assert phase(room.state, room.context, room.now_s) == (Phase.OFF, "The autopilot is off.", None)


def test_a_mode_that_is_set_is_recorded_and_serves_the_emotion_that_holds(room: Room) -> None:
    room.set(mode=Mode.OFF)
    room.hear(SAD, 10.0)
    room.context = CONTEXT
    room.feed(ModeSet(room.now_s, Mode.AUTO))
    (record,) = room.records(RecordKind.USER)
    assert record.record.reason == "You set the autopilot to auto."
    assert room.switched == ["Sunny Songs"]


def test_a_suggestion_waits_for_yes() -> None:
    room = Room(SUGGESTING)
    room.hear(SAD, 60.0)
    assert room.switched == []
    made = room.state.suggested
    assert made is not None
    assert made.playlist == SUNNY
    assert len(room.records(RecordKind.SUGGESTED)) == 1
    room.feed(SuggestionAnswered(room.now_s, yes=True))
    assert room.switched == ["Sunny Songs"]
    assert room.state.suggested is None
    (record,) = room.records(RecordKind.SWITCHED)
    assert record.record.reason == made.reason


def test_a_suggestion_refused_is_not_made_again_nor_carried_out_by_another_mode() -> None:
    room = Room(SUGGESTING)
    room.hear(SAD)
    assert Withdraw() in room.feed(SuggestionAnswered(room.now_s, yes=False))
    room.hear(SAD, 60.0)
    room.set(mode=Mode.AUTO)
    room.hear(SAD, 60.0)
    assert sum(isinstance(one, Suggest) for one in room.commands) == 1
    assert room.switched == []
    assert room.feed(SuggestionAnswered(room.now_s, yes=True)) == []


def test_a_suggestion_is_withdrawn_after_two_minutes() -> None:
    room = Room(SUGGESTING)
    room.hear(SAD)
    room.wait(119.0)
    assert room.state.suggested is not None
    room.wait(1.0)
    assert room.state.suggested is None
    assert room.commands[-1] == Withdraw()
    assert room.feed(SuggestionAnswered(room.now_s, yes=True)) == []


def test_a_suggestion_answered_too_late_is_no_switch_even_without_a_tick_in_between() -> None:
    room = Room(SUGGESTING)
    room.hear(SAD)
    room.now_s += 121.0
    assert room.feed(SuggestionAnswered(room.now_s, yes=True)) == [Withdraw()]


def test_a_newer_suggestion_takes_the_place_of_the_older() -> None:
    room = Room(SUGGESTING)
    room.hear(SAD)
    room.now_s += 0.5
    room.hear(HAPPY)
    made = room.state.suggested
    assert made is not None
    assert made.feeling is HAPPY
    kinds = [type(one) for one in room.commands if isinstance(one, Suggest | Withdraw)]
    assert kinds == [Suggest, Withdraw, Suggest]


@pytest.mark.parametrize(
    "event",
    [
        CallChanged(0, on=True),
        ListeningChanged(0, on=False),
        UserActed(0, Action.NEXT),
        PlayerObserved(0, False, PlayerObservation(0)),
        PlayerChanged(0),
        PlayerObserved(0, True, PlayerObservation(2e6, True, SUNNY)),
    ],
)
@pytest.mark.parametrize("override_min", [0.0, 15.0])
def test_a_suggestion_does_not_outlive_what_holds_the_autopilot_back(event: Any, override_min: float) -> None:
    room = Room(SUGGESTING)
    room.set(override_min=override_min)
    room.hear(SAD)
    assert Withdraw() in room.feed(replace(event, at_s=room.now_s))
    assert room.state.suggested is None


def test_a_suggestion_of_a_playlist_that_is_no_choice_any_more_is_withdrawn() -> None:
    room = Room(SUGGESTING)
    room.hear(SAD)
    room.context = replace(SUGGESTING, candidates={SAD: (RAIN,)})
    assert room.feed(SettingsChanged(room.now_s)) == [Withdraw()]


def test_a_suggestion_that_nobody_answered_is_carried_out_once_auto_is_chosen() -> None:
    room = Room(SUGGESTING)
    room.hear(SAD)
    room.set(mode=Mode.AUTO)
    assert room.switched == ["Sunny Songs"]


# Words, times


def test_names_from_spotify_stay_out_of_the_journal(room: Room) -> None:
    room.hear(ANGRY)
    (record,) = room.records(RecordKind.SWITCHED)
    assert "Loud and Fast" in record.record.reason
    assert record.journal_reason == (
        "Angry was heard for 4 s, so music that matches follows: a playlist on Spotify."
    )
    room.act(Action.PLAY, RAGE)
    room.wait(901.0)
    room.hear(SAD)
    room.act(Action.UNDO)
    records = [one for one in room.commands if isinstance(one, Record)]
    assert sum("Loud and Fast" in one.record.reason for one in records) == 3
    assert not any("Loud and Fast" in one.journal_reason for one in records)


def test_a_clock_that_is_set_back_neither_freezes_nor_frees_it(room: Room) -> None:
    room.hear(SAD)
    room.now_s -= 7_200.0
    room.hear(HAPPY, 100.0)
    assert room.switched == ["Sunny Songs"]
    assert room.phase is Phase.COOLING
    room.hear(HAPPY, 30.0)
    assert room.switched == ["Sunny Songs", "Party"]


def test_events_a_moment_out_of_order_do_no_harm(room: Room) -> None:
    for number in range(9):
        room.feed(Tick(room.now_s + 0.5 * number + 0.01, 720))
        room.feed(FeelingDecided(room.now_s + 0.5 * number, SAD))
    assert room.switched == ["Sunny Songs"]


def test_every_phase_has_a_sentence(room: Room) -> None:
    def says() -> str:
        text = phase(room.state, room.context, room.now_s)[1]
        assert text[0].isupper()
        assert text.endswith(".")
        return text

    assert says() == "It waits for an emotion that lasts 4 s."
    room.hear(SAD, 1.0)
    assert says() == "Sad has to last 4 s."
    assert phase(room.state, room.context, room.now_s)[2] == room.now_s + 3.0
    room.hear(SAD, 4.0)
    assert says() == "At least 2 min lie between two changes."
    room.act(Action.PAUSE)
    assert says() == "The autopilot keeps quiet for 15 min after something that you did yourself."

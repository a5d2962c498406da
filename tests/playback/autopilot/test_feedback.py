"""More like this, not this, skip: what they change of the mapping, and of what plays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from playback.autopilot.attribution import PlayerObservation
from playback.autopilot.events import Action, CallChanged, NextTrack, OpinionGiven, Switch, Undo, Weigh
from playback.autopilot.feedback import can_rate
from playback.player import ContentKind, Outcome, OutcomeKind, Playlist
from playback.preferences.opinions import Opinion
from playback.preferences.preferences import Mode
from playback.snapshot import Phase, RecordKind
from tests.playback.autopilot.autopilot_room import (
    AUTO,
    CONTEXT,
    DANCE,
    DONE,
    HAPPY,
    LIVELY,
    LIVELY_PLEASANT,
    OTHER,
    PARTY,
    QUIET_UNPLEASANT,
    RAGE,
    RAIN,
    SAD,
    SUNNY,
    Room,
)

MORE, NOT_THIS, SKIPPED = Opinion.MORE, Opinion.NOT_THIS, Opinion.SKIPPED


@pytest.fixture
def room() -> Room:
    return Room()


def told(room: Room) -> list[str]:
    return [one.record.reason for one in room.records(RecordKind.USER)]


def weight(room: Room, feeling: object, playlist: Playlist) -> float:
    opinions = room.context.opinions.get(feeling, ())  # type: ignore[call-overload]
    return next((one.weight for one in opinions if one.uri == playlist.uri), 1.0)


def test_not_this_plays_what_comes_next_and_lets_it_come_up_half_as_often(room: Room) -> None:
    room.hear(SAD)
    room.say(NOT_THIS)
    assert room.switched == ["Sunny Songs", "After the Rain"]
    assert told(room) == ["You said not this to Sunny Songs, so it comes up half as often for sad."]
    assert (
        room.records(RecordKind.SWITCHED)[-1].record.reason == "You said not this, so After the Rain follows."
    )
    assert weight(room, SAD, SUNNY) == 0.5
    assert weight(room, QUIET_UNPLEASANT, SUNNY) == 1.0  # it was not played for that


def test_a_name_that_ends_like_a_sentence_does_not_end_it(room: Room) -> None:
    wham = Playlist("local:wham", "Wham!")
    room.act(Action.PLAY, wham)
    room.see()
    room.say(NOT_THIS)
    assert told(room)[-1] == "You said not this to Wham!."


def test_it_is_consent_and_no_override(room: Room) -> None:
    room.hear(SAD)
    room.say(NOT_THIS)
    assert room.phase is Phase.COOLING
    room.wait(121.0)
    room.hear(HAPPY)
    assert room.switched == ["Sunny Songs", "After the Rain", "Party"]


def test_what_was_said_not_this_to_has_one_turn_where_the_other_has_two(room: Room) -> None:
    room.set(cooldown_s=10.0)
    turns = []
    for number in range(12):
        room.hear(SAD)
        turns.append(room.switched[-1])
        if number == 0:
            room.say(NOT_THIS)
            turns.append(room.switched[-1])
        room.wait(11.0)
        room.hear(HAPPY)
        room.wait(11.0)
    sunny, rain = (turns[2:].count(name) for name in ("Sunny Songs", "After the Rain"))
    assert rain == pytest.approx(2 * sunny, abs=2)
    assert sunny >= 3


def test_more_like_this_lets_it_come_up_more_often_and_keeps_the_music(room: Room) -> None:
    room.hear(SAD)
    room.wait(60.0)
    room.say(MORE)
    room.say(MORE)
    assert told(room) == [
        "You said more like this to Sunny Songs, so it comes up 50\xa0% more often for sad.",
        "You said more like this to Sunny Songs, so it comes up 2.2 times as often for sad.",
    ]
    assert weight(room, SAD, SUNNY) == 2.25
    room.hear(HAPPY, 100.0)
    assert room.switched == ["Sunny Songs"]  # it counts as a change of the music


def test_more_like_this_answers_the_feeling_that_holds(room: Room) -> None:
    room.act(Action.PLAY, DANCE)
    room.hear(SAD, 30.0)
    room.say(MORE)
    room.hear(SAD, 200.0)
    assert room.switched == []


def test_not_this_without_another_playlist_goes_to_the_next_track(room: Room) -> None:
    room.hear(HAPPY)
    before = room.state.user_acted_s
    assert NextTrack() in room.say(NOT_THIS)
    assert room.switched == ["Party"]
    assert weight(room, HAPPY, PARTY) == 0.5
    assert room.state.user_acted_s == before
    room.see(track="b")
    assert room.phase is Phase.COOLING


def test_not_this_follows_what_is_felt_now(room: Room) -> None:
    room.hear(HAPPY)
    room.hear(SAD, 20.0)
    assert room.switched == ["Party"]  # it waits for the cool-down
    room.say(NOT_THIS)
    assert room.switched == ["Party", "Sunny Songs"]
    assert weight(room, HAPPY, PARTY) == 0.5


def test_a_playlist_that_a_person_played_is_weighed_for_all_that_lead_to_it(room: Room) -> None:
    room.act(Action.PLAY, DANCE)
    room.say(MORE)
    assert weight(room, LIVELY_PLEASANT, DANCE) == weight(room, LIVELY, DANCE) == 1.5
    assert told(room)[-1] == (
        "You said more like this to Dance, so it comes up more often for everything that leads to it."
    )


def test_a_word_against_what_was_said_before_is_told_with_what_is_left_of_it(room: Room) -> None:
    room.hear(HAPPY)
    for opinion in (NOT_THIS, MORE, MORE, NOT_THIS, MORE, MORE, SKIPPED):
        room.say(opinion)
    endings = [one.rpartition("it comes up ")[2] for one in told(room)]
    assert endings == [
        "half as often for happy.",
        "more often than before for happy, though still 25\xa0% less often than others.",
        "12\xa0% more often for happy.",
        "44\xa0% less often for happy.",
        "more often than before for happy, though still 16\xa0% less often than others.",
        "27\xa0% more often for happy.",
        "less often than before for happy, though still 14\xa0% more often than others.",
    ]


def test_what_no_emotion_leads_to_is_said(room: Room) -> None:
    room.act(Action.PLAY, OTHER)
    room.say(MORE)
    assert told(room)[-1] == (
        "You said more like this to My own, which no emotion leads to: it can be chosen for one."
    )
    assert not room.context.opinions
    assert room.say(NOT_THIS)[-1] == NextTrack()


def test_of_music_from_no_playlist_not_this_plays_what_suits(room: Room) -> None:
    room.hear(SAD, 3.5)
    room.feed(CallChanged(room.now_s, on=True))
    room.see(playing=True, playlist=None, track="an album")
    room.hear(SAD, 3.0)
    room.say(NOT_THIS)
    assert room.switched == ["Sunny Songs"]  # though a call is on: a person has asked for it
    assert told(room)[-1] == "You said not this to what is no playlist."


@pytest.mark.parametrize("opinion", Opinion)
def test_nothing_is_said_of_silence_a_podcast_or_a_player_that_cannot_play(
    room: Room, opinion: Opinion
) -> None:
    assert room.say(opinion) == []
    room.see(playing=True, playlist=None, track="", kind=ContentKind.PODCAST)
    assert not can_rate(room.state)
    assert room.say(opinion) == []
    room.act(Action.PLAY, DANCE)
    assert can_rate(room.state)
    room.see(able=False)
    assert room.say(opinion) == []


def test_while_the_music_is_being_changed_it_is_weighed_and_no_more(room: Room) -> None:
    room.act(Action.PLAY, DANCE)
    room.set(cooldown_s=0.0)
    room.ends = None
    room.hear(SAD)
    assert room.switched == ["Sunny Songs"]
    said = room.say(NOT_THIS)
    assert [type(one) for one in said if isinstance(one, Weigh | Switch | NextTrack)] == [Weigh]


def test_a_skip_says_a_little_and_the_music_goes_on_as_the_player_likes(room: Room) -> None:
    room.hear(SAD)
    room.say(SKIPPED)
    assert told(room) == [
        "You skipped a track of Sunny Songs at once, so it comes up 10\xa0% less often for sad."
    ]
    assert room.switched == ["Sunny Songs"]
    room.act(Action.PLAY, OTHER)
    assert room.say(SKIPPED) == []


def test_it_holds_while_the_autopilot_is_off_and_keeps_nothing_waiting(room: Room) -> None:
    room.act(Action.PLAY, SUNNY)
    room.context = replace(CONTEXT, settings=replace(AUTO, mode=Mode.OFF))
    room.say(NOT_THIS)
    assert room.switched == ["After the Rain"]
    room.say(MORE)
    assert weight(room, SAD, RAIN) == 1.5
    assert room.state.user_acted_s is None


def test_not_this_can_be_taken_back_and_a_failure_is_told(room: Room) -> None:
    room.hear(SAD)
    room.say(NOT_THIS)
    room.act(Action.UNDO)
    assert [one.playlist for one in room.commands if isinstance(one, Undo)] == [SUNNY]
    room = Room()
    room.hear(SAD)
    room.ends = Outcome(OutcomeKind.UNREACHABLE, "Spotify did not answer: look at the network.")
    room.say(NOT_THIS)
    (failed,) = room.records(RecordKind.FAILED)
    assert failed.record.reason.startswith(
        "You said not this, so After the Rain follows. But it did not work."
    )


def test_the_journal_gets_no_name_that_comes_from_spotify(room: Room) -> None:
    room.act(Action.PLAY, RAGE)
    room.see()
    room.say(MORE)
    record = room.records(RecordKind.USER)[-1]
    assert "Loud and Fast" in record.record.reason
    assert record.journal_reason.startswith(
        "You said more like this to a playlist on Spotify, so it comes up"
    )


def test_an_opinion_on_what_was_paused_elsewhere_just_now_changes_nothing(room: Room) -> None:
    room.hear(SAD)
    room.now_s += 20.0
    observation = PlayerObservation(room.now_s, playing=False, playlist=SUNNY, track="a")
    room.see(playing=observation.playing, playlist=SUNNY)
    assert room.feed(OpinionGiven(room.now_s, NOT_THIS)) == []
    assert room.ends is DONE

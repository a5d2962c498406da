"""The autopilot through random histories: never what it must not do, and never twice for one feeling."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.directions import Feeling
from core.emotions import Emotion
from playback.autopilot.events import (
    Action,
    ActionEnded,
    CallChanged,
    Command,
    Event,
    FeelingDecided,
    ListeningChanged,
    ModeSet,
    NextTrack,
    OpinionGiven,
    PlayerChanged,
    Record,
    ResumeRequested,
    SuggestionAnswered,
    Switch,
    SwitchEnded,
    Tick,
    Undo,
    UserActed,
    Weigh,
)
from playback.autopilot.policy import can_undo, phase, step
from playback.mapping.feelings import contains, overlaps
from playback.player import ContentKind, Outcome, Playlist
from playback.preferences.opinions import LEAST, MOST, Opinion
from playback.preferences.preferences import AutopilotSettings, Mode
from playback.snapshot import Phase, RecordKind
from tests.playback.autopilot.autopilot_room import (
    ANGRY,
    AUTO,
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
    SUNNY,
    Room,
)

PODCAST = "a podcast"
WAITS = {Phase.CALL, Phase.QUIET, Phase.OVERRIDDEN, Phase.COOLING}
PLAYLISTS = (SUNNY, RAIN, PARTY, DANCE, RAGE, OTHER)
DIRECTIONS = [LIVELY_PLEASANT, LIVELY_UNPLEASANT, QUIET_UNPLEASANT, LIVELY, QUIET]
SOME = st.sampled_from([SAD, HAPPY, ANGRY, Emotion.DISGUST, *DIRECTIONS, None])
PLAYLIST = st.sampled_from([*PLAYLISTS, None])
HEARD = st.tuples(st.just("hear"), SOME, st.integers(1, 24))
DONE_OR_SEEN = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([1.0, 5.0, 30.0, 130.0, 700.0])),
    st.tuples(st.just("minute"), st.sampled_from([0, 60, 720, 1380])),
    st.tuples(st.just("call"), st.booleans()),
    st.tuples(st.just("listening"), st.booleans()),
    st.tuples(st.just("able"), st.booleans()),
    st.tuples(st.just("elsewhere"), st.booleans(), PLAYLIST),
    st.tuples(st.just("podcast")),
    st.tuples(st.just("resume")),
    st.tuples(st.just("say"), st.sampled_from(Opinion)),
    st.tuples(st.just("act"), st.sampled_from(Action), PLAYLIST),
    st.tuples(st.just("ends"), st.sampled_from([None, DONE, LOST])),
    st.tuples(st.just("answer"), st.booleans()),
    st.tuples(st.just("mode"), st.sampled_from([Mode.OFF, Mode.SUGGEST, Mode.AUTO, Mode.AUTO])),
    st.tuples(st.just("other player")),
)
HISTORIES = st.lists(st.tuples(HEARD, DONE_OR_SEEN), max_size=12).map(
    lambda pairs: [given_step for pair in pairs for given_step in pair]
)
SETTINGS = st.builds(
    AutopilotSettings,
    mode=st.sampled_from([Mode.SUGGEST, Mode.AUTO, Mode.AUTO]),
    dwell_s=st.sampled_from([0.0, 2.0, 4.0]),
    cooldown_s=st.sampled_from([10.0, 30.0]),
    override_min=st.sampled_from([0.0, 0.5, 2.0]),
    quiet_from=st.sampled_from([0, 1320]),
    quiet_to=st.sampled_from([0, 420]),
)


class Witness(Room):
    """A room in which somebody watches, and knows of the autopilot only what it is told and does."""

    def __post_init__(self) -> None:
        self.minute = 12 * 60
        self.call = False
        self.hears = True
        self.can = True
        self.last_change_s = self.acted_s = self.last_heard_s = -1e9
        self.last_heard: Feeling | None = None
        self.ever_heard: set[Feeling] = set()
        self.last_played: str | None = None
        self.under_way: Switch | Undo | None = None
        self.last_asked_for: str | None = None
        self.seen: tuple[bool, str | None] | None = None  # what the autopilot must know of the player
        self.podcast = False  # what played last that it must know of was a podcast
        self.quiet_ended = False  # a person has ended these quiet hours
        super().__post_init__()

    def feed(self, event: Event) -> list[Command]:
        self.now_s = max(self.now_s, event.at_s)
        if isinstance(event, Tick):
            self.quiet_ended = self.quiet_ended and self.is_quiet
        if isinstance(event, FeelingDecided) and event.feeling is not None and self.hears:
            self.last_heard, self.last_heard_s = event.feeling, event.at_s
            self.ever_heard.add(event.feeling)
        self.state, commands = step(self.state, event, self.context)
        self.commands += commands
        for command in commands:
            self.check(command, event)
            if isinstance(command, Weigh):
                self.weigh(command)
        return list(commands)

    def check(self, command: Command, event: Event) -> None:
        if isinstance(command, Record):
            reason = command.record.reason
            assert reason.endswith((".", "network."))
            assert len(reason) > 10
            if command.record.kind is RecordKind.USER and "player itself" in reason and self.on:
                self.acted_s = self.now_s
        if isinstance(command, Undo):
            assert self.under_way is None
            self.under_way = command
            self.last_change_s = self.now_s
            self.last_asked_for = command.uri or None
        if isinstance(command, Switch) and isinstance(event, OpinionGiven):
            self.check_asked_for(command, event)
        elif isinstance(command, Switch):
            self.check_switch(command, event)
        if isinstance(command, Weigh | NextTrack):
            assert isinstance(event, OpinionGiven)
            assert self.can
        if isinstance(command, NextTrack):
            assert event.opinion is Opinion.NOT_THIS
            assert self.under_way is None
        if isinstance(command, Weigh):
            assert command.feelings
            leads = [self.context.candidates[feeling] for feeling in command.feelings]
            assert all(command.playlist in playlists for playlists in leads)

    def check_asked_for(self, switch: Switch, event: OpinionGiven) -> None:
        """Whoever says not this gets other music at once, whatever the autopilot waits for."""
        assert event.opinion is Opinion.NOT_THIS
        assert switch.playlist in self.context.candidates[switch.feeling]
        assert self.under_way is None
        assert self.can
        assert switch.playlist.uri != self.last_played
        self.under_way = switch
        self.last_change_s = self.now_s
        self.last_asked_for = switch.playlist.uri

    def check_switch(self, switch: Switch, event: Event) -> None:
        given = self.context.settings
        asked = isinstance(event, SuggestionAnswered) and event.yes
        assert given.mode is (Mode.SUGGEST if asked else Mode.AUTO)
        assert switch.reason
        assert switch.journal_reason
        assert switch.playlist in self.context.candidates[switch.feeling]
        assert self.under_way is None
        assert self.hears
        assert self.can
        assert not self.call
        assert not self.is_quiet or self.quiet_ended
        assert self.now_s >= self.last_change_s + given.cooldown_s
        assert self.now_s >= self.acted_s + 60.0 * given.override_min
        assert switch.playlist.uri != self.last_played
        if not asked:
            assert self.last_heard is not None
            assert overlaps(switch.feeling, self.last_heard)
            assert switch.feeling in self.ever_heard
            assert self.now_s - self.last_heard_s <= 4.0
        self.under_way = switch
        self.last_change_s = self.now_s
        self.last_asked_for = switch.playlist.uri

    @property
    def is_quiet(self) -> bool:
        given = self.context.settings
        return (self.minute - given.quiet_from) % 1440 < (given.quiet_to - given.quiet_from) % 1440

    def notice(self, playing: bool, uri: str | None) -> None:
        before, self.seen = self.seen, (playing, uri)
        was_podcast, self.podcast = self.podcast, uri == PODCAST
        if self.on and self.podcast and not was_podcast:
            self.acted_s = self.now_s  # nobody but a person puts one on, so it need not be seen to begin
        if before is None or not self.on or before == self.seen:
            return
        if before[0] if not playing else uri is None or uri != self.last_asked_for:
            self.acted_s = self.now_s

    @property
    def on(self) -> bool:
        return self.context.settings.mode is not Mode.OFF

    def finish(self, outcome: Outcome) -> None:
        ended = self.under_way
        if ended is None:
            return
        self.under_way = None
        self.last_change_s = self.now_s
        self.seen = None
        if outcome.ok:
            self.playing = ended.playlist
            self.seen = None if ended.playlist is None else (True, ended.playlist.uri)
            if ended.playlist is not None:
                self.last_played = ended.playlist.uri
            self.podcast = False
        uri = "" if ended.playlist is None else ended.playlist.uri
        self.feed(SwitchEnded(self.now_s, uri, outcome))

    def obey(self, given: tuple[Any, ...]) -> None:  # noqa: PLR0912 - one for each
        match given:
            case ("hear", feeling, count):
                for _ in range(count):
                    self.now_s += 0.5
                    self.feed(FeelingDecided(self.now_s, feeling))
                    if self.ends is not None:
                        self.finish(self.ends)
            case ("wait", time_s):
                self.now_s += time_s
                self.feed(Tick(self.now_s, self.minute))
            case ("minute", minute):
                self.minute = minute
                self.feed(Tick(self.now_s, minute))
            case ("call", on):
                self.call = on
                self.feed(CallChanged(self.now_s, on))
            case ("listening", on):
                self.hears = on
                self.feed(ListeningChanged(self.now_s, on))
            case ("able", on):
                self.can = on
                self.see(able=on)
                self.seen = None
            case ("elsewhere", playing, playlist) if self.under_way is None and self.can:
                self.now_s += 11.0  # before that it might be an echo
                self.notice(playing, playlist.uri if playlist else None)
                self.playing = playlist if playing else None
                self.last_played = (playlist.uri if playlist else None) if playing else self.last_played
                self.see(playing=playing, playlist=playlist, track=str(playlist))
            case ("podcast",) if self.under_way is None and self.can:
                self.now_s += 11.0
                self.notice(True, PODCAST)
                self.playing = self.last_played = None
                self.see(playing=True, playlist=None, track="", kind=ContentKind.PODCAST)
            case ("resume",):
                waits = phase(self.state, self.context, self.now_s)[0]
                if waits in WAITS:
                    self.call, self.quiet_ended = False, self.is_quiet
                    self.acted_s = self.last_change_s = -1e9
                self.feed(ResumeRequested(self.now_s))
                assert phase(self.state, self.context, self.now_s)[0] is not waits or waits not in WAITS
            case ("say", opinion):
                self.say_opinion(opinion)
            case ("act", what, playlist):
                self.do(what, playlist if what is Action.PLAY else None)
            case ("ends", outcome):
                self.ends = outcome
                if outcome is not None:
                    self.finish(outcome)
            case ("answer", yes):
                self.feed(SuggestionAnswered(self.now_s, yes))
            case ("mode", mode):
                self.context = replace(self.context, settings=replace(self.context.settings, mode=mode))
                self.feed(ModeSet(self.now_s, mode))
            case ("other player",):
                self.can = False
                self.under_way = self.last_played = self.playing = self.seen = None
                self.podcast = False
                self.feed(PlayerChanged(self.now_s))

    def say_opinion(self, opinion: Opinion) -> None:
        silenced_s, weights = self.state.user_acted_s, self.context.opinions
        commands = self.say(opinion)
        assert self.state.user_acted_s == silenced_s  # consent, and no override
        if commands and self.on and opinion is not Opinion.SKIPPED:
            self.last_change_s = self.now_s  # as if the autopilot had changed the music
        if NextTrack() in commands:
            self.feed(ActionEnded(self.now_s, Action.NEXT, DONE))
        weighed = any(isinstance(one, Weigh) for one in commands)
        assert weighed or self.context.opinions == weights
        for said in self.context.opinions.values():
            assert all(LEAST <= one.weight <= MOST for one in said)

    def do(self, what: Action, playlist: Playlist | None) -> None:
        if what is Action.PLAY and playlist is None:
            return
        counts = what not in {Action.VOLUME, Action.DEVICE, Action.PLAY}
        if self.on and counts and (what is not Action.UNDO or can_undo(self.state)):
            self.acted_s = self.now_s
        if self.on and what is Action.PLAY:
            self.last_change_s = self.now_s  # as if the autopilot had changed the music
        silenced_s = self.state.user_acted_s
        self.feed(UserActed(self.now_s, what, playlist))
        if playlist is not None:  # by the time its end is told, it plays
            self.playing = playlist
            self.last_played = self.last_asked_for = playlist.uri
            self.podcast = False
        if what is not Action.UNDO:
            self.feed(ActionEnded(self.now_s, what, DONE, playlist))
        if what is Action.PLAY:
            assert self.state.user_acted_s == silenced_s  # consent, and no override
        if what is not Action.VOLUME:
            self.seen = None if playlist is None else (True, playlist.uri)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HISTORIES, SETTINGS)
def test_in_random_histories_it_never_does_what_it_must_not(
    history: list[tuple[Any, ...]], given_settings: AutopilotSettings
) -> None:
    obey_all(history, given_settings)


@pytest.mark.long
@settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HISTORIES, SETTINGS)
def test_in_a_thousand_histories_it_never_does_what_it_must_not(
    history: list[tuple[Any, ...]], given_settings: AutopilotSettings
) -> None:
    obey_all(history, given_settings)


def obey_all(history: list[tuple[Any, ...]], given_settings: AutopilotSettings) -> None:
    witness = Witness(replace(CONTEXT, settings=given_settings))
    for given_step in history:
        witness.obey(given_step)
        says = phase(witness.state, witness.context, witness.now_s)
        assert says[1].endswith(".")
        assert says[2] is None or says[2] > witness.now_s or says[0] is Phase.UNABLE


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([SAD, SAD, None]), st.integers(1, 30)), max_size=25))
def test_one_emotion_switches_at_most_once_however_it_comes_and_goes(
    stretches: list[tuple[Emotion | None, int]],
) -> None:
    """Though its music ends at once, there is other music for it, and the cool-down is short."""
    room = Room(replace(CONTEXT, settings=replace(AUTO, dwell_s=1.0, cooldown_s=10.0)))
    for emotion, count in stretches:
        room.hear(emotion, count / 2)
        room.now_s += 0.5
        if room.switched:
            room.see(playing=False, ended=True)
    assert len(room.switched) <= 1


LIVELY_AND_WITHIN = st.lists(
    st.tuples(st.sampled_from([HAPPY, LIVELY_PLEASANT, LIVELY, None]), st.integers(1, 30)), max_size=25
)


@settings(max_examples=100, deadline=None)
@given(LIVELY_AND_WITHIN)
def test_directions_around_an_emotion_switch_nothing_after_it_however_they_come_and_go(
    stretches: list[tuple[Feeling | None, int]],
) -> None:
    """Though the emotion's music ends at once, and there is other music for each of them."""
    room = Room(replace(CONTEXT, settings=replace(AUTO, dwell_s=1.0, cooldown_s=10.0)))
    room.hear(HAPPY, 1.0)
    for feeling, count in stretches:
        room.now_s += 0.5
        room.hear(feeling, count / 2)
        room.see(playing=False, ended=True)
    assert room.switched == ["Party"]


@settings(max_examples=100, deadline=None)
@given(LIVELY_AND_WITHIN)
def test_what_becomes_clearer_switches_once_for_each_step_and_never_back(
    stretches: list[tuple[Feeling | None, int]],
) -> None:
    room = Room(replace(CONTEXT, settings=replace(AUTO, dwell_s=1.0, cooldown_s=10.0)))
    for feeling, count in stretches:
        room.hear(feeling, count / 2)
        room.now_s += 0.5
        if room.switched:
            room.see(playing=False, ended=True)
    switches = [one.feeling for one in room.commands if isinstance(one, Switch)]
    assert all(contains(wide, narrow) for wide, narrow in pairwise(switches))

"""A room with an autopilot in it, for the tests: what is heard and done there, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from core.directions import Direction, Feeling
from core.emotions import Emotion
from playback.autopilot.attribution import PlayerObservation
from playback.autopilot.context import Context
from playback.autopilot.events import (
    Action,
    ActionEnded,
    Command,
    Event,
    FeelingDecided,
    ListeningChanged,
    NextTrack,
    OpinionGiven,
    PlayerObserved,
    Record,
    ResumeRequested,
    SettingsChanged,
    Switch,
    SwitchEnded,
    Tick,
    Undo,
    UserActed,
    Weigh,
)
from playback.autopilot.policy import phase, step
from playback.autopilot.state import AutopilotState
from playback.mapping.styles import Strategy
from playback.player import Outcome, OutcomeKind, Playlist
from playback.preferences.opinions import Opinion, add_opinion
from playback.preferences.preferences import AutopilotSettings, Mode
from playback.snapshot import Phase, RecordKind

SUNNY = Playlist("local:sunny", "Sunny Songs")
RAIN = Playlist("local:rain", "After the Rain")
PARTY = Playlist("local:party", "Party")
DANCE = Playlist("local:dance", "Dance")
RAGE = Playlist("spotify:playlist:rage", "Loud and Fast")
OTHER = Playlist("local:other", "My own")

DONE = Outcome(OutcomeKind.DONE)
LOST = Outcome(OutcomeKind.UNREACHABLE, "Spotify did not answer: look at the network.")
AUTO = AutopilotSettings(mode=Mode.AUTO, dwell_s=4.0, cooldown_s=120.0, override_min=15.0)
CONTEXT = Context(
    AUTO,
    {
        Emotion.SAD: (SUNNY, RAIN),
        Emotion.HAPPY: (PARTY,),
        Emotion.ANGRY: (RAGE,),
        Emotion.CALM: (RAIN,),
        Direction.LIVELY_PLEASANT: (PARTY, DANCE),
        Direction.LIVELY_UNPLEASANT: (RAIN,),
        Direction.QUIET_UNPLEASANT: (SUNNY, RAIN),
        Direction.LIVELY: (DANCE, RAGE),
    },
    {Emotion.SAD: Strategy.LIFT, Direction.LIVELY_UNPLEASANT: Strategy.LIFT},
)
SUGGESTING = replace(CONTEXT, settings=replace(AUTO, mode=Mode.SUGGEST))
SAD, HAPPY, ANGRY, CALM = Emotion.SAD, Emotion.HAPPY, Emotion.ANGRY, Emotion.CALM
LIVELY_PLEASANT, LIVELY, QUIET = Direction.LIVELY_PLEASANT, Direction.LIVELY, Direction.QUIET
LIVELY_UNPLEASANT, QUIET_UNPLEASANT = Direction.LIVELY_UNPLEASANT, Direction.QUIET_UNPLEASANT


@dataclass
class Room:
    """A room with an autopilot in it, and a player that does as it is told as soon as `ends` says so."""

    context: Context = CONTEXT
    now_s: float = 1_000_000.0
    ends: Outcome | None = DONE
    state: AutopilotState = field(default_factory=AutopilotState)
    commands: list[Command] = field(default_factory=list)
    playing: Playlist | None = None

    def __post_init__(self) -> None:
        self.feed(Tick(self.now_s, 12 * 60))
        self.see()
        self.feed(ListeningChanged(self.now_s, on=True))

    def feed(self, event: Event) -> list[Command]:
        self.state, commands = step(self.state, event, self.context)
        self.commands += commands
        for command in commands:
            if isinstance(command, Switch | Undo) and self.ends is not None:
                self.end(command, self.ends)
            elif isinstance(command, Weigh):
                self.weigh(command)
            elif isinstance(command, NextTrack):
                self.feed(ActionEnded(self.now_s, Action.NEXT, DONE))
        return list(commands)

    def weigh(self, command: Weigh) -> None:
        opinions, playlist = dict(self.context.opinions), command.playlist
        for feeling in command.feelings:
            given = (opinions.get(feeling, ()), playlist.uri, playlist.name, command.opinion, command.at_s)
            opinions[feeling] = add_opinion(*given)
        self.context = replace(self.context, opinions=opinions)
        self.feed(SettingsChanged(self.now_s))

    def end(self, command: Switch | Undo, outcome: Outcome) -> None:
        if outcome.ok:
            self.playing = command.playlist
        uri = "" if command.playlist is None else command.playlist.uri
        self.feed(SwitchEnded(self.now_s, uri, outcome))

    def see(self, *, able: bool = True, **observed: Any) -> list[Command]:
        given = {"playing": self.playing is not None, "playlist": self.playing, "track": "a"} | observed
        return self.feed(
            PlayerObserved(
                self.now_s, able, PlayerObservation(self.now_s, **given), "" if able else "Signed out."
            )
        )

    def wait(self, time_s: float) -> None:
        """Let time pass in silence."""
        end_s = self.now_s + time_s
        while self.now_s < end_s:
            self.now_s = min(end_s, self.now_s + 1.0)
            self.feed(Tick(self.now_s, 12 * 60))

    def hear(self, feeling: Feeling | None, time_s: float = 4.0) -> None:
        """Two decisions a second, the first now and the last after `time_s`."""
        for number in range(round(2 * time_s) + 1):
            self.now_s += 0.5 if number else 0.0
            self.feed(FeelingDecided(self.now_s, feeling))

    def act(self, what: Action, playlist: Playlist | None = None, outcome: Outcome = DONE) -> None:
        self.feed(UserActed(self.now_s, what, playlist))
        if what is not Action.UNDO:
            if playlist is not None and outcome.ok:
                self.playing = playlist
            self.feed(ActionEnded(self.now_s, what, outcome, playlist))

    def say(self, opinion: Opinion) -> list[Command]:
        return self.feed(OpinionGiven(self.now_s, opinion))

    def resume(self) -> list[Command]:
        return self.feed(ResumeRequested(self.now_s))

    def set(self, **changes: Any) -> None:
        self.context = replace(self.context, settings=replace(self.context.settings, **changes))
        self.feed(SettingsChanged(self.now_s))

    @property
    def switched(self) -> list[str]:
        return [one.playlist.name for one in self.commands if isinstance(one, Switch)]

    def records(self, kind: RecordKind) -> list[Record]:
        return [one for one in self.commands if isinstance(one, Record) and one.record.kind is kind]

    @property
    def held_back(self) -> list[str]:
        return [one.record.reason for one in self.records(RecordKind.HELD_BACK)]

    @property
    def phase(self) -> Phase:
        return phase(self.state, self.context, self.now_s)[0]

"""Runs the autopilot: observes the player, feeds the policy, and carries out what it decides."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Final

from core.directions import Feeling
from playback.autopilot import events, feedback, policy
from playback.autopilot.attribution import observe
from playback.autopilot.context import context_for
from playback.autopilot.events import Command, Event
from playback.autopilot.state import AutopilotState
from playback.player import ConnectionState, Outcome, OutcomeKind, Player, PlayerSnapshot, Playlist
from playback.preferences.keeper import PreferencesKeeper
from playback.preferences.opinions import Opinion, add_opinion
from playback.preferences.preferences import Preferences
from playback.serial_executor import player_failed
from playback.snapshot import MusicRecord, MusicSnapshot, Suggestion

NOTHING_TO_PLAY: Final = "there is nothing to play yet"
"""Why a player cannot play that waits for music; what to do about it, it says itself."""

_LOG = logging.getLogger(__name__)
_RECORDS: Final = 200
_FAST_SHARE: Final = 0.25
_FAST_S: Final = 10.0
_AT_ONCE_S: Final = 30.0

PlayerCall = Callable[[Player], Future[Outcome]]


class AutopilotRunner:
    """The autopilot at work on a player; but for its constructor, all of it runs on one thread.

    Parameters
    ----------
    player, preferences, record, clock, local_minute, poll_s
        As for `playback.controller.PlaybackController`.
    post
        Has something run on that thread; used when a player has carried out a command.
    """

    def __init__(
        self,
        player: Player,
        preferences: PreferencesKeeper,
        *,
        post: Callable[[Callable[[], None]], None],
        record: Callable[[MusicRecord, str], None],
        clock: Callable[[], float],
        local_minute: Callable[[], int],
        poll_s: float,
    ) -> None:
        self.player = player
        self.state = AutopilotState()  # what the autopilot remembers
        self._preferences = preferences
        self._post = post
        self._record = record
        self._clock = clock
        self._local_minute = local_minute
        self._poll_s = poll_s
        snapshot = player.snapshot()
        self._demo = False
        self._context = context_for(preferences.current, snapshot)
        self._context_of: tuple[Preferences, tuple[Playlist, ...], bool] = (preferences.current, (), False)
        self._observed: events.PlayerObserved | None = None
        self._user_commands = 0
        self._suggestion: Suggestion | None = None
        self._records: tuple[MusicRecord, ...] = ()
        self._poll_at_s = 0.0
        self._fast_until_s = 0.0

    def update(self, snapshot: MusicSnapshot) -> MusicSnapshot:
        """Put in what the autopilot does and has done; player and preferences stay as they are."""
        phase, message, until_s = policy.phase(self.state, self._context, self._clock())
        return replace(
            snapshot,
            phase=phase,
            message=message,
            until_s=until_s,
            suggestion=self._suggestion,
            records=self._records,
            can_undo=policy.can_undo(self.state),
            can_rate=feedback.can_rate(self.state),
            on_call=self.state.on_call,
        )

    def poll_if_due(self) -> bool:
        """Look at the player and the time, unless that was done a moment ago; whether it was due."""
        now_s = time.monotonic()
        if now_s < self._poll_at_s:
            return False
        at_s = self._clock()
        self._observe_player(at_s)
        self.step(events.Tick(at_s, self._local_minute()))
        fast = self.state.under_way is not None or self._user_commands > 0 or now_s < self._fast_until_s
        self._poll_at_s = now_s + self._poll_s * (_FAST_SHARE if fast else 1.0)
        return True

    def set_listening(self, at_s: float, on: bool, *, demo: bool) -> None:
        """Take whether anything is listened to, and whether it is the demo."""
        self._demo = demo
        self._update_context(self.player.snapshot())
        self.step(events.ListeningChanged(at_s, on))

    def follow(self, at_s: float, feeling: Feeling | None) -> None:
        """Take what a decision of the gate leaves to follow."""
        if feeling is not None:
            self._observe_player(at_s)
            if self._local_minute() != self.state.minute_of_day:
                self.step(events.Tick(at_s, self._local_minute()))
        self.step(events.FeelingDecided(at_s, feeling))

    def step(self, event: Event) -> None:
        """Feed the policy, and carry out what it decides."""
        if isinstance(event, events.ModeSet | events.SettingsChanged):
            self._update_context(self.player.snapshot())
        self.state, commands = policy.step(self.state, event, self._context)
        for command in commands:
            self.execute(command)

    def use(self, player: Player) -> None:
        """Go on with another player."""
        self.player, self._user_commands, self._observed = player, 0, None
        self.step(events.PlayerChanged(self._clock()))
        self._poll_at_s = 0.0
        self.poll_if_due()

    def start_command(
        self,
        at_s: float,
        action: events.Action,
        call: PlayerCall,
        uri: str,
        settle: Callable[[Outcome], None],
    ) -> None:
        """Have the player carry out a command of a person.

        Parameters
        ----------
        at_s
            When it was given.
        action, call
            What it is, and how the player is asked.
        uri
            Of the playlist that is to play; else empty.
        settle
            Called with its end.
        """
        self._observe_player(at_s)
        playlist = self._playlist(uri) if uri else None
        if action is events.Action.NEXT and self._has_just_begun(at_s):
            self.step(events.OpinionGiven(at_s, Opinion.SKIPPED))
        self.step(events.UserActed(at_s, action, playlist))
        self._carry_out(action, call, playlist, settle)

    def give_opinion(self, at_s: float, opinion: Opinion) -> None:
        """Take what a person thinks of what plays."""
        self._observe_player(at_s)
        self.step(events.OpinionGiven(at_s, opinion))

    def _has_just_begun(self, at_s: float) -> bool:
        """Whether the track that plays is in its first 30 s."""
        snapshot = self.player.snapshot()
        position_s = None if snapshot.track is None else snapshot.track.position_s
        return position_s is not None and position_s + at_s - snapshot.taken_s < _AT_ONCE_S

    def _carry_out(
        self,
        action: events.Action,
        call: PlayerCall,
        playlist: Playlist | None = None,
        settle: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self._user_commands += 1
        player = self.player

        def done(future: Future[Outcome]) -> None:
            outcome = _outcome(future)
            event = events.ActionEnded(self._clock(), action, outcome, playlist)
            self._post(partial(self._command_ended, player, event))
            settle(outcome)

        self._call_player(call).add_done_callback(done)

    def _command_ended(self, player: Player, event: events.ActionEnded) -> None:
        if player is self.player:
            self._user_commands -= 1
            self.step(event)

    def _playlist(self, uri: str) -> Playlist:
        listed = (playlist for playlist in self.player.snapshot().playlists if playlist.uri == uri)
        return next(listed, Playlist(uri, uri))

    def execute(self, command: Command) -> None:
        """Carry out what the policy decided."""
        match command:
            case events.Switch(playlist, if_unchanged_since=since_s):
                uri = playlist.uri
                self._switch(uri, lambda player: player.play(uri, if_unchanged_since=since_s))
            case events.Undo(None):
                self._switch("", lambda player: player.pause())
            case events.Undo():
                self._switch(command.uri, lambda player: player.play(command.uri))
            case events.NextTrack():
                self._carry_out(events.Action.NEXT, lambda player: player.next())
            case events.Weigh():
                self._preferences.update(partial(_weighed, command))
                self._post(lambda: self.step(events.SettingsChanged(self._clock())))
            case events.Suggest(suggestion):
                self._suggestion = suggestion
            case events.Withdraw():
                self._suggestion = None
            case events.Record(record, journal_reason):
                self._records = (record, *self._records)[:_RECORDS]
                try:
                    self._record(record, journal_reason)
                except Exception:  # noqa: BLE001 - the music goes on without a journal
                    _LOG.exception("the journal did not take what happened to the music")

    def _switch(self, uri: str, call: PlayerCall) -> None:
        player = self.player

        def done(future: Future[Outcome]) -> None:
            at_s, outcome = self._clock(), _outcome(future)
            self._post(partial(self._switch_ended, player, at_s, uri, outcome))

        self._call_player(call).add_done_callback(done)

    def _switch_ended(self, player: Player, at_s: float, uri: str, outcome: Outcome) -> None:
        if player is self.player:
            self.step(events.SwitchEnded(at_s, uri, outcome, observe(player.snapshot())))

    def _call_player(self, call: PlayerCall) -> Future[Outcome]:
        now_s = time.monotonic()
        self._fast_until_s = now_s + _FAST_S
        self._poll_at_s = min(self._poll_at_s, now_s + self._poll_s * _FAST_SHARE)
        try:
            return call(self.player)
        except Exception as error:  # noqa: BLE001 - else the autopilot would wait for its end for ever
            _LOG.exception("a player did not take a command")
            failed: Future[Outcome] = Future()
            failed.set_exception(error)
            return failed

    def _observe_player(self, at_s: float) -> None:
        snapshot = self.player.snapshot()
        self._update_context(snapshot)
        connection = snapshot.connection
        able = connection.state is ConnectionState.CONNECTED
        observed = events.PlayerObserved(
            at_s,
            able,
            observe(snapshot),
            "" if able else NOTHING_TO_PLAY if connection.needs_music else connection.message,
            None if able else connection.until_s,
            commanded=self._user_commands > 0,
        )
        if self._observed is None or replace(observed, at_s=self._observed.at_s) != self._observed:
            self._observed = observed
            self.step(observed)

    def _update_context(self, snapshot: PlayerSnapshot) -> None:
        preferences, playlists = self._preferences.current, snapshot.playlists
        if preferences is not self._context_of[0] or (playlists, self._demo) != self._context_of[1:]:
            self._context = context_for(preferences, snapshot, demo=self._demo)
            self._context_of = preferences, playlists, self._demo


def _weighed(command: events.Weigh, preferences: Preferences) -> Preferences:
    playlist, choices = command.playlist, dict(preferences.choices)
    for feeling in command.feelings:
        entry = choices.get(feeling) or Preferences().choices[feeling]
        said = add_opinion(entry.opinions, playlist.uri, playlist.name, command.opinion, command.at_s)
        choices[feeling] = replace(entry, opinions=said)
    return replace(preferences, choices=choices)


def _outcome(future: Future[Outcome]) -> Outcome:
    """How a command ended; a player that breaks its word, too, has ended it somehow."""
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 - cancelled, or whatever a broken player leaves there
        return Outcome(OutcomeKind.FAILED, player_failed(error))

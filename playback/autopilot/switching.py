"""How a switch of the music begins, ends, fails, is preempted and is taken back. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from core.phrases import Phrase
from playback.autopilot.attribution import ExternalAction, PlayerObservation
from playback.autopilot.events import Command, Record, Switch, SwitchEnded, Undo
from playback.autopilot.state import AutopilotState, ResponseStage
from playback.autopilot.wording import SPOKEN, playlist_names, record, with_message
from playback.mapping.feelings import continues
from playback.player import Outcome, OutcomeKind
from playback.snapshot import Phase, RecordKind

_PLAYED: Final = 500
# These come from the account or the app: trying again in a few minutes cannot help.
_LASTING: Final = frozenset(
    {
        OutcomeKind.APP_LAPSED,
        OutcomeKind.FORBIDDEN,
        OutcomeKind.NOT_CONNECTED,
        OutcomeKind.PREMIUM_REQUIRED,
        OutcomeKind.SIGN_IN_AGAIN,
    }
)

_Step = tuple[AutopilotState, tuple[Command, ...]]


def begin_switch(state: AutopilotState, switch: Switch) -> _Step:
    """Have the player change the music."""
    state = replace(
        state,
        under_way=switch,
        undo=_way_back(state.player.current),
        changed_s=state.at_s,
        response=ResponseStage.SWITCH if _is_for_the_confirmed(state, switch) else state.response,
        player=state.player.command_began(switch.playlist.uri),
    )
    return state, (switch,)


def begin_undo(state: AutopilotState, undo: Undo) -> _Step:
    """Have the player go back to what played before."""
    state = replace(
        state,
        under_way=undo,
        undo=None,
        changed_s=state.at_s,
        player=state.player.command_began(undo.uri or None),
    )
    return state, (undo,)


def end_switch(state: AutopilotState, event: SwitchEnded) -> _Step:
    """Take the end of the switch or undo that is under way; that of another one changes nothing."""
    done = state.under_way
    if done is None or event.uri != ("" if done.playlist is None else done.playlist.uri):
        return state, ()
    state = replace(state, under_way=None, changed_s=state.at_s)
    if not event.outcome.ok:
        return _fail(state, done, event.outcome)
    now = state.player.current
    result = PlayerObservation(
        state.at_s,
        playing=done.playlist is not None,
        playlist=done.playlist or (None if now is None else now.playlist),
    )
    state = replace(state, player=state.player.command_ended(state.at_s, result))
    if done.playlist is not None:
        state = replace(state, played=add_played(state.played, done.playlist.uri))
    if isinstance(done, Switch):
        state = replace(state, music_for=done.feeling)
    kind = RecordKind.SWITCHED if isinstance(done, Switch) else RecordKind.UNDONE
    return state, (_ended(state, kind, done, event.outcome.kind, done.reason, done.journal_reason),)


def preempted(state: AutopilotState, observation: PlayerObservation) -> ExternalAction | None:
    """Tell what a person did elsewhere before the switch under way began, going by what is seen only now."""
    before = replace(state.player, current=state.player.before_command)
    return before.observed(observation, commanded=False)[1]


def failed(state: AutopilotState, command: Switch | Undo, outcome: Outcome) -> Record:
    """Record that a switch or undo did not work."""
    named, unnamed = (
        Phrase("{what} But it did not work.", what=what) for what in (command.reason, command.journal_reason)
    )
    reason = with_message(named, outcome.message)
    journal_reason = f"{unnamed} Outcome: {outcome.kind}."
    return _ended(state, RecordKind.FAILED, command, outcome.kind, reason, journal_reason)


def add_played(played: tuple[str, ...], uri: str) -> tuple[str, ...]:
    """Return the addresses with one more at their end; empty stands for music of no playlist."""
    return played if played[-1:] == (uri,) else (*played, uri)[-_PLAYED:]


def _fail(state: AutopilotState, command: Switch | Undo, outcome: Outcome) -> _Step:
    state = replace(state, player=state.player.command_ended(state.at_s, state.player.current))
    if isinstance(command, Undo):
        return replace(state, undo=command), (failed(state, command, outcome),)
    state = replace(state, undo=None, played=_before_last(state.played, command.playlist.uri))
    if _is_for_the_confirmed(state, command) and outcome.kind not in _LASTING:
        reported = state.reported | {Phase.COOLING}
        state = replace(state, response=ResponseStage.NOTHING, reported=reported)
    return state, (failed(state, command, outcome),)


def _ended(
    state: AutopilotState,
    kind: RecordKind,
    ended: Switch | Undo,
    outcome: OutcomeKind,
    reason: Phrase,
    journal_reason: str,
) -> Record:
    feeling = ended.feeling if isinstance(ended, Switch) else None
    return record(
        state.at_s, kind, reason, journal_reason, feeling=feeling, playlist=ended.playlist, outcome=outcome
    )


def _is_for_the_confirmed(state: AutopilotState, switch: Switch) -> bool:
    return state.confirmed is not None and continues(state.confirmed, switch.feeling)


def _way_back(before: PlayerObservation | None) -> Undo:
    if before is None or not before.playing:
        text = Phrase("You took the change back; nothing played before, so the music rests.")
        return Undo(None, text, text)
    if before.kind in SPOKEN:
        text = Phrase(
            "You took the change back; what played before was {something}, which cannot be brought back from "
            "here, so the music rests.",
            something=SPOKEN[before.kind],
        )
        return Undo(None, text, text)
    if before.playlist is None:
        text = Phrase(
            "You took the change back; what played before is no playlist of yours, so the music rests."
        )
        return Undo(None, text, text)
    reasons = (
        Phrase("You took the change back, to {playlist}.", playlist=name)
        for name in playlist_names(before.playlist)
    )
    return Undo(before.playlist, *reasons)


def _before_last(played: tuple[str, ...], uri: str) -> tuple[str, ...]:
    """Return the addresses with one that did not play: it has had its turn, but did not play last."""
    last = played[-1:] or ("",)
    return (*played[:-1], uri, *last)[-_PLAYED:]

"""How the autopilot takes what the player shows and what people do. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from core.phrases import Phrase, sentence
from playback.autopilot.attribution import ExternalAction, PlayerObservation, TrackedState
from playback.autopilot.events import (
    Action,
    ActionEnded,
    Command,
    PlayerObserved,
    Switch,
    SwitchEnded,
    UserActed,
    Withdraw,
)
from playback.autopilot.state import (
    AutopilotState,
    ResponseStage,
    blocker,
    change_here,
    end_waits,
    still_held,
)
from playback.autopilot.switching import add_played, begin_switch, begin_undo, end_switch, failed, preempted
from playback.autopilot.wording import SPOKEN, duration, playlist_names, record, with_message
from playback.player import Outcome, OutcomeKind, Playlist
from playback.preferences.preferences import AutopilotSettings, Mode
from playback.snapshot import RESUMABLE, RecordKind

_DONE_HERE: Final = {
    Action.RESUME: Phrase("You let the music go on"),
    Action.NEXT: Phrase("You went to the next track"),
}
_DONE_THERE: Final = {
    ExternalAction.PAUSED: Phrase("In the player itself the music was paused"),
    ExternalAction.RESUMED: Phrase("In the player itself the music was started again"),
    ExternalAction.CHOSE: Phrase("In the player itself the music was changed"),
}

_Step = tuple[AutopilotState, tuple[Command, ...]]


def observe_player(state: AutopilotState, event: PlayerObserved, settings: AutopilotSettings) -> _Step:
    """Take what the player shows; what a person did in it keeps the autopilot quiet."""
    state = replace(state, able=event.able, unable_message=event.message, unable_until_s=event.until_s)
    if not event.able:
        return state, ()
    observation = event.observation
    commanded = event.commanded or state.under_way is not None
    player, action = state.player.observed(observation, commanded=commanded)
    if player.current is observation and observation.playing and not commanded:
        state = replace(state, played=add_played(state.played, observation.uri or ""))
    state = replace(state, player=player)
    if action is None:
        return state, ()
    if action is ExternalAction.CHOSE:
        state = replace(state, undo=None)
    return _override(state, _done_there(action, observation), settings=settings)


def switch_ended(state: AutopilotState, event: SwitchEnded, settings: AutopilotSettings) -> _Step:
    """Take the end of a switch; one that found other music than expected is given up if a person chose it."""
    switch, now = state.under_way, event.observation
    if event.outcome.kind is not OutcomeKind.CHANGED or not isinstance(switch, Switch) or now is None:
        return end_switch(state, event)
    action = preempted(state, now)
    if action is None:  # nobody did that: the music ended by itself, say
        return state, (replace(switch, if_unchanged_since=None),)
    player = replace(state.player, target=None)
    state = replace(state, under_way=None, undo=None, response=ResponseStage.NOTHING, player=player)
    return _override(state, _done_there(action, now), settings=settings)


def replace_player(state: AutopilotState) -> _Step:
    """Forget what the player before did."""
    lost = state.under_way
    state = replace(
        state,
        able=False,
        unable_message="",
        unable_until_s=None,
        player=TrackedState(),
        under_way=None,
        undo=None,
        played=(),
    )
    outcome = Outcome(OutcomeKind.FAILED, Phrase("Another player was chosen meanwhile."))
    return state, () if lost is None else (failed(state, lost, outcome),)


def user_acted(state: AutopilotState, event: UserActed, settings: AutopilotSettings) -> _Step:
    """Take what a person has begun to do here."""
    action, playlist = event.action, event.playlist
    if action in {Action.VOLUME, Action.DEVICE}:
        return state, ()
    if action is Action.UNDO:
        return _undo(state, settings)
    target = None if playlist is None else playlist.uri
    state = replace(state, player=state.player.command_began(target))
    if playlist is not None:
        return _choose(state, playlist, settings)
    pressed = Phrase("You pressed {button}", button=Phrase(action.value))
    return _override(state, _DONE_HERE.get(action, pressed), settings=settings)


def resume(state: AutopilotState, settings: AutopilotSettings) -> _Step:
    """Let the autopilot go on, where it waits for nothing else than time, a call, or quiet hours."""
    blocked = None if settings.mode is Mode.OFF else blocker(state, settings)
    if blocked is None or blocked.phase not in RESUMABLE:
        return state, ()
    return end_waits(state, settings), (
        record(state.at_s, RecordKind.USER, Phrase("You let the autopilot go on at once.")),
    )


def end_action(state: AutopilotState, event: ActionEnded, settings: AutopilotSettings) -> _Step:
    """Take the end of what a person did here; a playlist is their answer to the feeling that holds."""
    if event.action is not Action.VOLUME:
        result = _result(state, event)
        state = replace(state, player=state.player.command_ended(state.at_s, result))
    if event.playlist is not None and settings.mode is not Mode.OFF:
        state = replace(state, changed_s=state.at_s)
        if event.outcome.ok and still_held(state, settings):
            state = replace(state, response=ResponseStage.SWITCH, music_for=state.confirmed)
    if event.outcome.ok:
        if event.playlist is not None:
            state = replace(state, played=add_played(state.played, event.playlist.uri))
        return state, ()
    what = Phrase("{action} did not work.", capital=True, action=Phrase(event.action.value))
    failure = record(
        state.at_s,
        RecordKind.FAILED,
        with_message(what, event.outcome.message),
        f"{what} Outcome: {event.outcome.kind}.",
        playlist=event.playlist,
        outcome=event.outcome.kind,
    )
    return state, (failure,)


def answer_suggestion(state: AutopilotState, *, yes: bool) -> _Step:
    """Carry a suggestion out, or drop it for good."""
    suggested = state.suggested
    if suggested is None:
        return state, ()
    state = replace(state, suggested=None)
    if yes:
        state, commands = begin_switch(state, replace(suggested, if_unchanged_since=None))
        return state, (*commands, Withdraw())
    state = replace(state, response=ResponseStage.SWITCH, refused=True)
    named, journal_reason = (
        Phrase("You said not now to {playlist}.", playlist=name)
        for name in playlist_names(suggested.playlist)
    )
    refusal = record(
        state.at_s,
        RecordKind.USER,
        named,
        journal_reason,
        feeling=suggested.feeling,
        playlist=suggested.playlist,
    )
    return state, (Withdraw(), refusal)


def _undo(state: AutopilotState, settings: AutopilotSettings) -> _Step:
    undo = state.undo
    if undo is None or state.under_way is not None:
        return state, ()
    withdrawn = () if state.suggested is None else (Withdraw(),)
    acted_s = state.user_acted_s if settings.mode is Mode.OFF else state.at_s
    state, commands = begin_undo(replace(state, user_acted_s=acted_s, suggested=None), undo)
    return state, (*commands, *withdrawn)


def _choose(state: AutopilotState, playlist: Playlist, settings: AutopilotSettings) -> _Step:
    """Take a playlist that a person plays here, which counts as a change of the autopilot's own."""
    on = settings.mode is not Mode.OFF
    named, journal_reason = (
        _chosen(name, duration(settings.cooldown_s) if on else None) for name in playlist_names(playlist)
    )
    state, withdrawn = change_here(replace(state, undo=None), settings)
    return state, (*withdrawn, record(state.at_s, RecordKind.USER, named, journal_reason, playlist=playlist))


def _chosen(playlist: str, alone_for: Phrase | None) -> Phrase:
    if alone_for is None:
        return Phrase("You chose {playlist}.", playlist=playlist)
    return Phrase(
        "You chose {playlist}, so nothing else follows for {time}.", playlist=playlist, time=alone_for
    )


def _override(state: AutopilotState, done: Phrase, *, settings: AutopilotSettings) -> _Step:
    """Keep quiet for a while, and record why."""
    on = settings.mode is not Mode.OFF
    keeps = Phrase(
        "{done}, so the autopilot keeps quiet for {time}.",
        done=done,
        time=duration(60 * settings.override_min),
    )
    reason = keeps if on and settings.override_min > 0 else sentence(done)
    withdrawn = () if state.suggested is None else (Withdraw(),)
    # Music that is started by hand while it is off says nothing about what it may do once it is on.
    acted_s = state.at_s if on else state.user_acted_s
    state = replace(state, user_acted_s=acted_s, suggested=None)
    return state, (*withdrawn, record(state.at_s, RecordKind.USER, reason))


def _done_there(action: ExternalAction, now: PlayerObservation) -> Phrase:
    if action is ExternalAction.CHOSE and now.kind in SPOKEN:
        return Phrase("In the player itself {something} was started", something=SPOKEN[now.kind])
    return _DONE_THERE[action]


def _result(state: AutopilotState, event: ActionEnded) -> PlayerObservation | None:
    """What the player does now, as far as can be told."""
    now = state.player.current
    match event.action:
        case Action.DEVICE:
            return None  # music may have gone on there, or stopped
        case Action.PLAY if event.outcome.ok:
            return PlayerObservation(state.at_s, True, event.playlist)
        case Action.PAUSE | Action.RESUME if event.outcome.ok and now is not None:
            return replace(now, playing=event.action is Action.RESUME)
        case _:
            return now

"""The autopilot: what was heard and done goes in, changes of the music with reasons come out. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from core.directions import Direction, Feeling
from core.phrases import Phrase, sentence
from playback.autopilot import events, feedback, reactions, switching
from playback.autopilot.context import Context
from playback.autopilot.events import Command, Event
from playback.autopilot.state import (
    AutopilotState,
    ResponseStage,
    advance_clock,
    blocker,
    confirm,
    hear,
    latest_span,
    pass_minute,
    still_held,
)
from playback.autopilot.wording import duration, noun, playlist_names, record
from playback.mapping.candidates import next_playlist
from playback.mapping.feelings import contains, continues, overlaps
from playback.mapping.styles import Strategy
from playback.player import Playlist
from playback.preferences.opinions import weights
from playback.preferences.preferences import AutopilotSettings, Mode
from playback.snapshot import Phase, RecordKind, Suggestion

SUGGESTION_S: Final = 120.0  # for so long a suggestion waits

_OFF: Final = Phrase("The autopilot is off.")
_SUGGESTED: Final = Phrase("A suggestion waits for your answer.")

_NO_PLAYLIST: Final = "no playlist"
_PLAYS_ALREADY: Final = "plays already"
_PLAYED_LAST: Final = "played last"

_Step = tuple[AutopilotState, tuple[Command, ...]]


def step(state: AutopilotState, event: Event, context: Context) -> _Step:
    """Take one event, and return the state for the next step, and what to do, in this order.

    A feeling (an accepted emotion, or a direction) that is held for the dwell time leads to one switch (or
    one suggestion) and to no other until another feeling has been held, or it had not been held itself for
    `AGAIN_S`. A direction that contains the feeling is no other one: it is the same, known less well. Where
    something keeps the music from changing, that is recorded once, and the switch comes as soon as nothing
    does if the feeling holds still. Music that was put on for it and plays still is left alone, and so is
    whatever suits a direction; what plays, or played last, is not switched to. A switch that failed is tried
    again after the cool-down, if the feeling holds and trying can help. What people do, here or in the player
    itself, keeps the autopilot quiet; what they do while it is off does not. A playlist that they play here
    does not either, nor what they say of what plays: these count as changes of the autopilot's own. They can
    end any wait.

    Parameters
    ----------
    state
        From the step before, or `AutopilotState()`.
    event
        What happened. Times are Unix time; where a clock is set back, what is remembered goes back with it.
    context
        What to go by now.
    """
    state, withdrawn = _withdraw(advance_clock(state, event.at_s), context)
    state, commands = _take(state, event, context)
    state, stale = _withdraw(confirm(state, context.settings), context)
    state, decided = _decide(state, context)
    return state, (*withdrawn, *commands, *stale, *decided)


def phase(state: AutopilotState, context: Context, at_s: float) -> tuple[Phase, str, float | None]:
    """Say what the autopilot waits for.

    Parameters
    ----------
    state
        From the last step.
    context
        What to go by.
    at_s
        Unix time, not before the last step's.

    Returns
    -------
    phase, message, until_s
        For programs, one sentence for people, and Unix time at which it ends by itself, where that is known.
    """
    state, settings = replace(state, at_s=max(state.at_s, at_s)), context.settings
    if settings.mode is Mode.OFF:
        return Phase.OFF, _OFF, None
    if (blocked := blocker(state, settings)) is not None:
        return blocked.phase, sentence(blocked.clause), blocked.until_s
    span = latest_span(state)
    if (
        span is not None
        and not span.is_held(state.at_s, settings)
        and _is_news(state, span.feeling, settings)
    ):
        until_s = span.since_s + settings.dwell_s
        message = Phrase(
            "{feeling} has to last {time}.",
            capital=True,
            feeling=noun(span.feeling),
            time=duration(settings.dwell_s),
        )
        return Phase.HOLDING, message, until_s if until_s > state.at_s else None
    ends_s = None if state.suggested is None else state.suggested_s + SUGGESTION_S
    return Phase.READY, _ready(state, settings), ends_s


def can_undo(state: AutopilotState) -> bool:
    """Whether there is a switch that can be taken back."""
    return state.undo is not None and state.under_way is None


def _ready(state: AutopilotState, settings: AutopilotSettings) -> Phrase:
    if state.suggested is not None:
        return _SUGGESTED
    may = _may_respond(state, settings.mode)
    if state.confirmed is None or (may and not still_held(state, settings)):
        return Phrase("It waits for an emotion that lasts {time}.", time=duration(settings.dwell_s))
    if may and _NO_PLAYLIST in state.reported:
        return Phrase("No playlist is chosen for {feeling}.", feeling=noun(state.confirmed))
    return Phrase(
        "{feeling} has been seen to; it waits for another emotion.",
        capital=True,
        feeling=noun(state.confirmed),
    )


def _take(state: AutopilotState, event: Event, context: Context) -> _Step:  # noqa: PLR0911, PLR0912 - one for each event
    match event:
        case events.FeelingDecided(_, feeling):
            return hear(state, feeling), ()
        case events.Tick(_, minute):
            return pass_minute(state, minute, context.settings), ()
        case events.PlayerObserved():
            return reactions.observe_player(state, event, context.settings)
        case events.PlayerChanged():
            return reactions.replace_player(state)
        case events.UserActed():
            return reactions.user_acted(state, event, context.settings)
        case events.OpinionGiven():
            return feedback.give_opinion(state, event, context)
        case events.ResumeRequested():
            return reactions.resume(state, context.settings)
        case events.ActionEnded():
            return reactions.end_action(state, event, context.settings)
        case events.CallChanged(_, on):
            return replace(state, on_call=on), ()
        case events.ListeningChanged(_, on):
            return replace(state, listening=on, spans=state.spans if on else ()), ()
        case events.SwitchEnded():
            return reactions.switch_ended(state, event, context.settings)
        case events.ModeSet(at_s, mode):
            reason = Phrase("You set the autopilot to {mode}.", mode=Phrase(mode.value))
            return state, (record(at_s, RecordKind.USER, reason),)
        case events.SuggestionAnswered(_, yes):
            return reactions.answer_suggestion(state, yes=yes)
        case events.SettingsChanged():
            return state, ()


def _withdraw(state: AutopilotState, context: Context) -> _Step:
    """Drop a suggestion that does not stand any more."""
    suggested, playing = state.suggested, state.playing
    if suggested is None:
        return state, ()
    stands = (
        context.settings.mode is Mode.SUGGEST
        and state.at_s < state.suggested_s + SUGGESTION_S
        and state.confirmed is not None
        and continues(state.confirmed, suggested.feeling)
        and blocker(state, context.settings) is None
        and suggested.playlist.uri in _uris(context.candidates.get(state.confirmed, ()))
        and (playing is None or playing.uri != suggested.playlist.uri)
    )
    return (state, ()) if stands else (replace(state, suggested=None), (events.Withdraw(),))


def _decide(state: AutopilotState, context: Context) -> _Step:
    settings, feeling = context.settings, state.confirmed
    if (
        settings.mode is Mode.OFF
        or feeling is None
        or not still_held(state, settings)
        or not _may_respond(state, settings.mode)
    ):
        return state, ()
    if state.refused:
        return replace(state, response=ResponseStage.SWITCH), ()
    if state.music_for is not None and contains(state.music_for, feeling) and _suits(state, context):
        return _keep(state)  # the music was put on for a direction, which has turned out to be this feeling
    if (blocked := blocker(state, settings)) is not None:
        return _report(state, blocked.phase, blocked.clause)
    if state.suggested is not None:  # for a direction that contains it, and it suits it: see `_withdraw`
        return replace(state, response=ResponseStage.SUGGESTION), ()
    return _choose(state, feeling, context)


def _choose(state: AutopilotState, feeling: Feeling, context: Context) -> _Step:
    candidates = context.candidates.get(feeling, ())
    if not context.listed:
        return state, ()
    if not candidates:
        return _report(state, _NO_PLAYLIST, Phrase("no playlist is chosen for it"))
    just_played = {*state.played[-1:], None if state.playing is None else state.playing.uri}
    how_often = weights(context.opinions.get(feeling, ()), state.at_s)
    playlist = next_playlist(candidates, state.played, just_played, how_often)
    meant_for_it = state.music_for is not None and overlaps(state.music_for, feeling)
    if _suits(state, context) and (playlist is None or meant_for_it or isinstance(feeling, Direction)):
        return _keep(state)
    if playlist is None:
        only = (
            Phrase("{playlist}, the only playlist for it, played last", playlist=name)
            for name in playlist_names(candidates[0])
        )
        return _report(state, _PLAYED_LAST, *only)
    switch = _make_switch(state, feeling, playlist, context)
    if context.settings.mode is Mode.AUTO:
        return switching.begin_switch(state, switch)
    state = replace(state, suggested=switch, suggested_s=state.at_s, response=ResponseStage.SUGGESTION)
    suggestion = record(
        state.at_s,
        RecordKind.SUGGESTED,
        switch.reason,
        switch.journal_reason,
        feeling=feeling,
        playlist=switch.playlist,
    )
    return state, (events.Suggest(Suggestion(switch.playlist, feeling, switch.reason)), suggestion)


def _make_switch(
    state: AutopilotState, feeling: Feeling, playlist: Playlist, context: Context
) -> events.Switch:
    lifts = context.strategies.get(feeling) is Strategy.LIFT
    reason, journal_reason = (
        _follows(_was_heard(state, feeling), name, lifts=lifts) for name in playlist_names(playlist)
    )
    now = state.player.current
    return events.Switch(playlist, feeling, reason, journal_reason, None if now is None else now.taken_s)


def _follows(heard: Phrase, playlist: str, *, lifts: bool) -> Phrase:
    if lifts:
        return Phrase(
            "{heard}, so music that lifts follows: {playlist}.", capital=True, heard=heard, playlist=playlist
        )
    return Phrase(
        "{heard}, so music that matches follows: {playlist}.", capital=True, heard=heard, playlist=playlist
    )


def _keep(state: AutopilotState) -> _Step:
    """Leave the music alone that suits the confirmed feeling already."""
    assert state.playing is not None
    already = (
        Phrase("{playlist} plays already, and is for it", playlist=name)
        for name in playlist_names(state.playing)
    )
    state, commands = _report(state, _PLAYS_ALREADY, *already)
    return replace(state, response=ResponseStage.SWITCH), commands


def _suits(state: AutopilotState, context: Context) -> bool:
    """Whether what plays is among the choices for the confirmed feeling."""
    candidates = () if state.confirmed is None else context.candidates.get(state.confirmed, ())
    return state.playing is not None and state.playing.uri in _uris(candidates)


def _may_respond(state: AutopilotState, mode: Mode) -> bool:
    """Whether the confirmed feeling may still lead to something."""
    return state.response is ResponseStage.NOTHING or (
        mode is Mode.AUTO and state.response is ResponseStage.SUGGESTION
    )


def _is_news(state: AutopilotState, feeling: Feeling, settings: AutopilotSettings) -> bool:
    same = state.confirmed is not None and continues(state.confirmed, feeling)
    return not same or _may_respond(state, settings.mode)


def _report(state: AutopilotState, key: str, clause: Phrase, journal_clause: Phrase | None = None) -> _Step:
    """Record once why the music stays as it is, though a feeling is confirmed."""
    feeling = state.confirmed
    if feeling is None or key in state.reported or key == Phase.SWITCHING:  # that has its own record
        return state, ()
    state = replace(state, reported=state.reported | {key})
    heard = _was_heard(state, feeling)
    named, unnamed = (
        sentence(Phrase("{heard}, but {clause}", heard=heard, clause=one))
        for one in (clause, journal_clause or clause)
    )
    return state, (record(state.at_s, RecordKind.HELD_BACK, named, unnamed, feeling=feeling),)


def _was_heard(state: AutopilotState, feeling: Feeling) -> Phrase:
    held_s = next((span.last_s - span.since_s for span in state.spans if span.feeling is feeling), 0.0)
    if held_s < 0.1:
        return Phrase("{feeling} was heard", feeling=noun(feeling))
    return Phrase("{feeling} was heard for {time}", feeling=noun(feeling), time=duration(held_s))


def _uris(playlists: Iterable[Playlist]) -> set[str]:
    return {one.uri for one in playlists}

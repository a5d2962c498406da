"""Owns the autopilot: what was heard and done goes in, changes of the music with reasons come out. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from models.emotion.plane import Direction, Feeling
from playback import attribution
from playback.attribution import Doing, Known, Sight
from playback.autopilot_events import (
    Action,
    ActionEnded,
    CallSeen,
    Command,
    Context,
    Event,
    Heard,
    ListeningSeen,
    ModeSet,
    PlayerChanged,
    PlayerSeen,
    Record,
    SettingsChanged,
    Suggest,
    SuggestionAnswered,
    Switch,
    SwitchEnded,
    SwitchForestalled,
    Tick,
    Undo,
    UserActed,
    Withdraw,
)
from playback.autopilot_state import AutopilotState, Led, at, goes_on_now, heard, newest, settled, waits
from playback.autopilot_words import called, name, noun, sentence, span
from playback.feelings import contains, goes_on, overlaps
from playback.mapping import next_playlist
from playback.player import Outcome, OutcomeKind, Playlist
from playback.preferences import AutopilotSettings, Mode
from playback.snapshot import MusicRecord, Phase, RecordKind, Suggestion
from playback.styles import Strategy

__all__ = ["SUGGESTION_S", "AutopilotState", "can_undo", "forestalled", "phase", "step"]

SUGGESTION_S: Final = 120.0
"""For so long a suggestion waits."""

_PLAYED: Final = 50
_NONE: Final = "none"
_FITS: Final = "fits"
_WORN: Final = "worn"
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
_DONE_HERE: Final = {Action.RESUME: "You let the music go on", Action.NEXT: "You went to the next track"}
_DONE_THERE: Final = {Doing.PAUSED: "paused", Doing.RESUMED: "started again", Doing.CHOSE: "changed"}

_Step = tuple[AutopilotState, tuple[Command, ...]]


def step(state: AutopilotState, event: Event, context: Context) -> _Step:
    """Take one event.

    A feeling (an accepted emotion, or a direction) that is held for the dwell time leads to one switch (or
    one suggestion) and to no other until another feeling has been held, or it had not been held itself for
    `AGAIN_S`. A direction that contains the feeling is no other one: it is the same, known less well. Where
    something stands in the way, that is recorded once, and the switch comes as soon as nothing does if the
    feeling holds still. Music that was put on for it and plays still is left alone, and so is whatever suits
    a direction; what plays, or played last, is not switched to. A switch that failed is tried again after
    the cool-down, if the feeling holds and trying can help. What people do, here or in the player itself,
    keeps the autopilot quiet; what they do while it is off does not.

    Parameters
    ----------
    state
        From the step before, or `AutopilotState()`.
    event
        What happened. Times are Unix time; where a clock is set back, what is remembered goes back with it.
    context
        What to go by now.

    Returns
    -------
    state, commands
        The state for the next step, and what to do, in this order.
    """
    state, withdrawn = _withdraw(at(state, event.at_s), context)
    state, commands = _take(state, event, context)
    state, stale = _withdraw(settled(state, context.settings), context)
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
    phase, says, until_s
        For programs, one sentence for people, and Unix time at which it ends by itself, where that is known.
    """
    state, settings = replace(state, at_s=max(state.at_s, at_s)), context.settings
    if settings.mode is Mode.OFF:
        return Phase.OFF, "The autopilot is off.", None
    wait = waits(state, settings)
    if wait is not None:
        return wait.phase, sentence(wait.clause), wait.until_s
    one = newest(state)
    if one is not None and not one.is_held(state.at_s, settings) and _is_news(state, one.feeling, settings):
        until_s = one.since_s + settings.dwell_s
        says = f"{name(one.feeling)} has to last {span(settings.dwell_s)}."
        return Phase.HOLDING, says, until_s if until_s > state.at_s else None
    ends_s = None if state.offer is None else state.offered_s + SUGGESTION_S
    return Phase.READY, _ready(state, settings), ends_s


def _ready(state: AutopilotState, settings: AutopilotSettings) -> str:
    if state.offer is not None:
        return "A suggestion waits for your answer."
    if state.settled is None or (_may(state, settings.mode) and not goes_on_now(state, settings)):
        return f"It waits for an emotion that lasts {span(settings.dwell_s)}."
    if _may(state, settings.mode) and _NONE in state.told:
        return f"No playlist is chosen for {noun(state.settled)}."
    return f"{name(state.settled)} has been seen to; it waits for another emotion."


def can_undo(state: AutopilotState) -> bool:
    """Whether there is a switch that can be taken back."""
    return state.undo is not None and state.under_way is None


def _take(state: AutopilotState, event: Event, context: Context) -> _Step:  # noqa: PLR0911, PLR0912 - one for each event
    match event:
        case Heard(_, feeling):
            return heard(state, feeling), ()
        case Tick(_, minute):
            return replace(state, minute_of_day=minute), ()
        case PlayerSeen():
            return _player_seen(state, event, context.settings)
        case PlayerChanged():
            return _player_changed(state)
        case UserActed(_, what, playlist):
            return _acted(state, what, playlist, context.settings)
        case ActionEnded():
            return _action_ended(state, event)
        case CallSeen(_, on):
            return replace(state, on_call=on), ()
        case ListeningSeen(_, on):
            return replace(state, listening=on, stretches=state.stretches if on else ()), ()
        case SwitchEnded():
            return _switch_ended(state, event)
        case SwitchForestalled(_, doing):
            return _forestalled(state, doing, context.settings)
        case ModeSet(_, mode):
            reason = f"You set the autopilot to {mode}."
            return state, (_record(state, RecordKind.USER, reason),)
        case SuggestionAnswered(_, yes):
            return _answered(state, yes=yes)
        case SettingsChanged():
            return state, ()


# What the player does


def _player_seen(state: AutopilotState, event: PlayerSeen, settings: AutopilotSettings) -> _Step:
    state = replace(state, able=event.able, unable_message=event.message, unable_until_s=event.until_s)
    if not event.able:
        return state, ()
    commanded = event.commanded or state.under_way is not None
    known, doing = attribution.notice(state.known, event.sight, commanded=commanded)
    if known.now is event.sight and event.sight.playing and not commanded:
        state = replace(state, played=_after(state.played, event.sight.uri or ""))
    state = replace(state, known=known)
    if doing is None:
        return state, ()
    if doing is Doing.CHOSE:
        state = replace(state, undo=None)
    return _overridden(state, _done_there(doing), settings=settings)


def forestalled(state: AutopilotState, sight: Sight) -> Doing | None:
    """Tell what a person did elsewhere before the switch under way began, going by what is seen only now."""
    return attribution.notice(replace(state.known, now=state.known.former), sight, commanded=False)[1]


def _forestalled(state: AutopilotState, doing: Doing, settings: AutopilotSettings) -> _Step:
    known = replace(state.known, target=None)
    state = replace(state, under_way=None, undo=None, led_to=Led.NOTHING, known=known)
    return _overridden(state, _done_there(doing), settings=settings)


def _done_there(doing: Doing) -> str:
    return f"In the player itself the music was {_DONE_THERE[doing]}"


def _player_changed(state: AutopilotState) -> _Step:
    lost = state.under_way
    state = replace(
        state,
        able=False,
        unable_message="",
        unable_until_s=None,
        known=Known(),
        under_way=None,
        undo=None,
        played=(),
    )
    outcome = Outcome(OutcomeKind.FAILED, "Another player was chosen meanwhile.")
    return state, () if lost is None else (_failed(state, lost, outcome),)


# What people do


def _acted(
    state: AutopilotState, what: Action, playlist: Playlist | None, settings: AutopilotSettings
) -> _Step:
    if what in {Action.VOLUME, Action.DEVICE}:
        return state, ()
    if what is Action.UNDO:
        return _undo(state, settings)
    if what is Action.PLAY:
        state = replace(state, undo=None)
    known = attribution.begun(state.known, None if playlist is None else playlist.uri)
    state = replace(state, known=known)
    if playlist is not None:
        named, discreet = (f"You chose {one}" for one in called(playlist))
        return _overridden(state, named, discreet, playlist=playlist, settings=settings)
    return _overridden(state, _DONE_HERE.get(what, f"You pressed {what}"), settings=settings)


def _overridden(
    state: AutopilotState,
    done: str,
    discreet: str = "",
    *,
    settings: AutopilotSettings,
    playlist: Playlist | None = None,
) -> _Step:
    on = settings.mode is not Mode.OFF
    keeps = f", so the autopilot keeps quiet for {span(60 * settings.override_min)}."
    end = keeps if on and settings.override_min > 0 else "."
    withdrawn = () if state.offer is None else (Withdraw(),)
    # Music that is started by hand while it is off says nothing about what it may do once it is on.
    state = replace(state, acted_s=state.at_s if on else state.acted_s, offer=None)
    record = _record(state, RecordKind.USER, done + end, (discreet or done) + end, playlist=playlist)
    return state, (*withdrawn, record)


def _action_ended(state: AutopilotState, event: ActionEnded) -> _Step:
    if event.what is not Action.VOLUME:
        state = replace(state, known=attribution.ended(state.known, state.at_s, _result(state, event)))
    if not event.outcome.ok:
        said = f"{event.what.capitalize()} did not work."
        record = _record(
            state,
            RecordKind.FAILED,
            f"{said} {event.outcome.message}".rstrip(),
            f"{said} Outcome: {event.outcome.kind}.",
            playlist=event.playlist,
            outcome=event.outcome.kind,
        )
        return state, (record,)
    if event.playlist is not None:
        state = replace(state, played=_after(state.played, event.playlist.uri))
    return state, ()


def _result(state: AutopilotState, event: ActionEnded) -> Sight | None:
    now = state.known.now
    match event.what:
        case Action.DEVICE:
            return None  # music may have gone on there, or stopped
        case Action.PLAY if event.outcome.ok:
            return Sight(state.at_s, True, event.playlist)
        case Action.PAUSE | Action.RESUME if event.outcome.ok and now is not None:
            return replace(now, playing=event.what is Action.RESUME)
        case _:
            return now


def _undo(state: AutopilotState, settings: AutopilotSettings) -> _Step:
    undo = state.undo
    if undo is None or state.under_way is not None:
        return state, ()
    withdrawn = () if state.offer is None else (Withdraw(),)
    state = replace(
        state,
        acted_s=state.acted_s if settings.mode is Mode.OFF else state.at_s,
        changed_s=state.at_s,
        offer=None,
        undo=None,
        under_way=undo,
        known=attribution.begun(state.known, undo.uri or None),
    )
    return state, (undo, *withdrawn)


def _answered(state: AutopilotState, *, yes: bool) -> _Step:
    offer = state.offer
    if offer is None:
        return state, ()
    state = replace(state, offer=None)
    if yes:
        state, commands = _switch(state, replace(offer, wanted=True))
        return state, (*commands, Withdraw())
    state = replace(state, led_to=Led.SWITCH, refused=True)
    named, discreet = (f"You said not now to {one}." for one in called(offer.playlist))
    record = _record(state, RecordKind.USER, named, discreet, feeling=offer.feeling, playlist=offer.playlist)
    return state, (Withdraw(), record)


# What comes of it


def _withdraw(state: AutopilotState, context: Context) -> _Step:
    offer = state.offer
    if offer is None:
        return state, ()
    playing = _playing(state)
    stands = (
        context.settings.mode is Mode.SUGGEST
        and state.at_s < state.offered_s + SUGGESTION_S
        and state.settled is not None
        and goes_on(state.settled, offer.feeling)
        and waits(state, context.settings) is None
        and offer.playlist.uri in _uris(context.candidates.get(state.settled, ()))
        and (playing is None or playing.uri != offer.playlist.uri)
    )
    return (state, ()) if stands else (replace(state, offer=None), (Withdraw(),))


def _playing(state: AutopilotState) -> Playlist | None:
    now = state.known.now
    return now.playlist if now is not None and now.playing else None


def _may(state: AutopilotState, mode: Mode) -> bool:
    """Whether the settled feeling may still lead to something."""
    return state.led_to is Led.NOTHING or (mode is Mode.AUTO and state.led_to is Led.SUGGESTION)


def _is_news(state: AutopilotState, feeling: Feeling, settings: AutopilotSettings) -> bool:
    same = state.settled is not None and goes_on(state.settled, feeling)
    return not same or _may(state, settings.mode)


def _decide(state: AutopilotState, context: Context) -> _Step:
    settings, feeling = context.settings, state.settled
    if (
        settings.mode is Mode.OFF
        or feeling is None
        or not goes_on_now(state, settings)
        or not _may(state, settings.mode)
    ):
        return state, ()
    if _is_seen_to(state, feeling, context):
        return replace(state, led_to=Led.SWITCH), ()
    wait = waits(state, settings)
    if wait is not None:
        return _tell(state, wait.phase, wait.clause)
    if state.offer is not None:  # made for a direction that contains it, and suits it too: see `_withdraw`
        return replace(state, led_to=Led.SUGGESTION), ()
    return _choose(state, feeling, context)


def _is_seen_to(state: AutopilotState, feeling: Feeling, context: Context) -> bool:
    """Whether what was done, or refused, for a direction does for what that has turned out to be."""
    playing = _playing(state)
    return state.refused or (
        playing is not None
        and state.served is not None
        and contains(state.served, feeling)
        and playing.uri in _uris(context.candidates.get(feeling, ()))
    )


def _choose(state: AutopilotState, feeling: Feeling, context: Context) -> _Step:
    candidates = context.candidates.get(feeling, ())
    if not context.listed:
        return state, ()
    if not candidates:
        return _tell(state, _NONE, "no playlist is chosen for it")
    playing = _playing(state)
    worn = {*state.played[-1:], None if playing is None else playing.uri}
    playlist = next_playlist([one for one in candidates if one.uri not in worn], state.played, None)
    fits = playing is not None and playing.uri in _uris(candidates)
    served = state.served is not None and overlaps(state.served, feeling)
    if playing is not None and fits and (playlist is None or served or isinstance(feeling, Direction)):
        already = (f"{one} plays already, and is for it" for one in called(playing))
        state, commands = _tell(state, _FITS, *already)
        return replace(state, led_to=Led.SWITCH), commands
    if playlist is None:
        only = (f"{one}, the only playlist for it, played last" for one in called(candidates[0]))
        return _tell(state, _WORN, *only)
    offer = _offer(state, feeling, playlist, context)
    if context.settings.mode is Mode.AUTO:
        return _switch(state, offer)
    state = replace(state, offer=offer, offered_s=state.at_s, led_to=Led.SUGGESTION)
    record = _record(
        state, RecordKind.SUGGESTED, offer.reason, offer.discreet, feeling=feeling, playlist=offer.playlist
    )
    return state, (Suggest(Suggestion(offer.playlist, feeling, offer.reason)), record)


def _offer(state: AutopilotState, feeling: Feeling, playlist: Playlist, context: Context) -> Switch:
    lifts = context.strategies.get(feeling) is Strategy.LIFT
    chosen = f"{_was_heard(state, feeling)}, so music that {'lifts' if lifts else 'matches'} follows: "
    reason, discreet = (f"{chosen}{one}." for one in called(playlist))
    return Switch(playlist, feeling, reason, discreet)


def _switch(state: AutopilotState, switch: Switch) -> _Step:
    state = replace(
        state,
        under_way=switch,
        undo=_way_back(state.known.now),
        changed_s=state.at_s,
        led_to=Led.SWITCH if _is_for_the_settled(state, switch) else state.led_to,
        known=attribution.begun(state.known, switch.playlist.uri),
    )
    return state, (switch,)


def _is_for_the_settled(state: AutopilotState, switch: Switch) -> bool:
    return state.settled is not None and goes_on(state.settled, switch.feeling)


def _switch_ended(state: AutopilotState, event: SwitchEnded) -> _Step:
    done = state.under_way
    uri = "" if done is None or done.playlist is None else done.playlist.uri
    if done is None or event.uri != uri:
        return state, ()
    state = replace(state, under_way=None, changed_s=state.at_s)
    if not event.outcome.ok:
        return _switch_failed(state, done, event.outcome)
    now = state.known.now
    rests = Sight(state.at_s, playing=False, playlist=None if now is None else now.playlist)
    result = rests if done.playlist is None else Sight(state.at_s, playing=True, playlist=done.playlist)
    state = replace(state, known=attribution.ended(state.known, state.at_s, result))
    if done.playlist is not None:
        state = replace(state, played=_after(state.played, done.playlist.uri))
    if isinstance(done, Switch):
        state = replace(state, served=done.feeling)
    kind = RecordKind.SWITCHED if isinstance(done, Switch) else RecordKind.UNDONE
    return state, (_ended(state, kind, done, event.outcome.kind, done.reason, done.discreet),)


def _switch_failed(state: AutopilotState, failed: Switch | Undo, outcome: Outcome) -> _Step:
    state = replace(state, known=attribution.ended(state.known, state.at_s, state.known.now))
    if isinstance(failed, Undo):
        return replace(state, undo=failed), (_failed(state, failed, outcome),)
    state = replace(state, undo=None, played=_before_last(state.played, failed.playlist.uri))
    if _is_for_the_settled(state, failed) and outcome.kind not in _LASTING:
        state = replace(state, led_to=Led.NOTHING, told=state.told | {Phase.COOLING})
    return state, (_failed(state, failed, outcome),)


def _failed(state: AutopilotState, failed: Switch | Undo, outcome: Outcome) -> Record:
    reason = f"{failed.reason} But it did not work. {outcome.message}".rstrip()
    discreet = f"{failed.discreet} But it did not work. Outcome: {outcome.kind}."
    return _ended(state, RecordKind.FAILED, failed, outcome.kind, reason, discreet)


def _ended(
    state: AutopilotState,
    kind: RecordKind,
    ended: Switch | Undo,
    outcome: OutcomeKind,
    reason: str,
    discreet: str,
) -> Record:
    feeling = ended.feeling if isinstance(ended, Switch) else None
    return _record(state, kind, reason, discreet, feeling=feeling, playlist=ended.playlist, outcome=outcome)


def _way_back(former: Sight | None) -> Undo:
    if former is None or not former.playing:
        text = "You took the change back; nothing played before, so the music rests."
        return Undo(None, text, text)
    if former.playlist is None:
        text = "You took the change back; what played before is no playlist of yours, so the music rests."
        return Undo(None, text, text)
    return Undo(former.playlist, *(f"You took the change back, to {one}." for one in called(former.playlist)))


# Words


def _tell(state: AutopilotState, key: str, clause: str, discreet: str = "") -> _Step:
    """Record once what stands in the way of the settled feeling."""
    feeling = state.settled
    if feeling is None or key in state.told or key == Phase.SWITCHING:  # that passes, and has its own record
        return state, ()
    state = replace(state, told=state.told | {key})
    but = f"{_was_heard(state, feeling)}, but "
    named, unnamed = (sentence(but + one) for one in (clause, discreet or clause))
    return state, (_record(state, RecordKind.HELD_BACK, named, unnamed, feeling=feeling),)


def _record(
    state: AutopilotState,
    kind: RecordKind,
    reason: str,
    discreet: str = "",
    *,
    feeling: Feeling | None = None,
    playlist: Playlist | None = None,
    outcome: OutcomeKind | None = None,
) -> Record:
    record = MusicRecord(state.at_s, kind, reason, feeling=feeling, playlist=playlist, outcome=outcome)
    return Record(record, discreet or reason)


def _was_heard(state: AutopilotState, feeling: Feeling) -> str:
    held_s = next((one.heard_s - one.since_s for one in state.stretches if one.feeling is feeling), 0.0)
    return f"{name(feeling)} was heard" + (f" for {span(held_s)}" if held_s >= 0.1 else "")


def _uris(playlists: Iterable[Playlist]) -> set[str]:
    return {one.uri for one in playlists}


def _before_last(played: tuple[str, ...], uri: str) -> tuple[str, ...]:
    """Return the addresses with one that did not play: it has had its turn, but did not play last."""
    last = played[-1:] or ("",)
    return (*(one for one in played[:-1] if one != uri), uri, *last)[-_PLAYED:]


def _after(played: tuple[str, ...], uri: str) -> tuple[str, ...]:
    """Return the addresses with one more at their end; empty stands for music of no playlist."""
    if played[-1:] == (uri,):
        return played
    return (*(one for one in played if one != uri), uri)[-_PLAYED:]

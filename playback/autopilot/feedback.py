"""What people think of what plays: it moves how often playlists come up, and may change the music. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from core.directions import Feeling
from core.phrases import Phrase
from playback.autopilot.context import Context
from playback.autopilot.events import Command, NextTrack, OpinionGiven, Switch, Weigh
from playback.autopilot.state import AutopilotState, ResponseStage, change_here, still_held
from playback.autopilot.switching import begin_switch
from playback.autopilot.wording import SPOKEN, comes_up, noun, playlist_names, record
from playback.mapping.candidates import next_playlist
from playback.mapping.feelings import FEELINGS
from playback.player import Playlist
from playback.preferences.opinions import Opinion, PlaylistOpinion, add_opinion, weights
from playback.snapshot import RecordKind

_SAID: Final = {
    Opinion.MORE: Phrase("more like this"),
    Opinion.NOT_THIS: Phrase("not this"),
}

_Step = tuple[AutopilotState, tuple[Command, ...]]


def can_rate(state: AutopilotState) -> bool:
    """Whether music plays of which a person can say what they think."""
    now = state.player.current
    return state.able and now is not None and now.playing and now.kind not in SPOKEN


def give_opinion(state: AutopilotState, event: OpinionGiven, context: Context) -> _Step:
    """Take what a person thinks of what plays.

    It counts for the feeling that the music was put on for, else for all that lead to its playlist. Not this
    goes on to the playlist whose turn it is for what is felt, or where there is no other, to the next track.
    Like a playlist that is played here, it is consent and no override; a skip is told as `Action.NEXT` too.
    """
    said, playing = event.opinion, state.playing
    feelings = _concerned(state, context)
    if not can_rate(state) or (said is Opinion.SKIPPED and not feelings):
        return state, ()
    told: tuple[Command, ...] = (_told(state, said, playing, feelings, context),)
    if playing is not None and feelings:
        told = (*told, Weigh(feelings, playing, said, event.at_s))
    if said is Opinion.SKIPPED:
        return state, told
    state, withdrawn = change_here(state, context.settings)
    if said is Opinion.MORE:
        held = still_held(state, context.settings)
        response = ResponseStage.SWITCH if held else state.response
        return replace(state, response=response), (*withdrawn, *told)
    state, changed = _go_on(state, feelings, context)
    return state, (*withdrawn, *told, *changed)


def _concerned(state: AutopilotState, context: Context) -> tuple[Feeling, ...]:
    playing = state.playing
    if playing is None:
        return ()
    lead_to_it = tuple(
        feeling
        for feeling in FEELINGS
        if any(one.uri == playing.uri for one in context.candidates.get(feeling, ()))
    )
    return (state.music_for,) if state.music_for in lead_to_it else lead_to_it


def _go_on(state: AutopilotState, feelings: tuple[Feeling, ...], context: Context) -> _Step:
    """Play something else at once, unless the music is just being changed anyway."""
    if state.under_way is not None:
        return state, ()
    held = (state.confirmed,) if still_held(state, context.settings) else ()
    playing = None if state.playing is None else state.playing.uri
    for feeling in (*held, *feelings):
        if feeling is None:
            continue
        follows = next_playlist(
            context.candidates.get(feeling, ()),
            state.played,
            {*state.played[-1:], playing},
            weights(context.opinions.get(feeling, ()), state.at_s),
        )
        if follows is not None:
            reason, journal_reason = (
                Phrase("You said not this, so {playlist} follows.", playlist=name)
                for name in playlist_names(follows)
            )
            return begin_switch(state, Switch(follows, feeling, reason, journal_reason))
    return replace(state, player=state.player.command_began(None)), (NextTrack(),)


def _told(
    state: AutopilotState,
    said: Opinion,
    playing: Playlist | None,
    feelings: tuple[Feeling, ...],
    context: Context,
) -> Command:
    """Record what was said, and what comes of it."""
    if playing is None:
        what = Phrase("You said {opinion} to what is no playlist", opinion=_SAID[said])
        return record(state.at_s, RecordKind.USER, _consequence(state, what, said, None, feelings, context))
    named, unnamed = (
        _consequence(state, _said(said, name), said, playing, feelings, context)
        for name in playlist_names(playing)
    )
    feeling = feelings[0] if len(feelings) == 1 else None
    return record(state.at_s, RecordKind.USER, named, unnamed, feeling=feeling, playlist=playing)


def _said(said: Opinion, playlist: str) -> Phrase:
    if said is Opinion.SKIPPED:
        return Phrase("You skipped a track of {playlist} at once", playlist=playlist)
    return Phrase("You said {opinion} to {playlist}", opinion=_SAID[said], playlist=playlist)


def _consequence(
    state: AutopilotState,
    what: Phrase,
    said: Opinion,
    playing: Playlist | None,
    feelings: tuple[Feeling, ...],
    context: Context,
) -> Phrase:
    """Add to what was said what comes of it."""
    up = said is Opinion.MORE
    if playing is None or not feelings:
        if not up:
            return Phrase("{what}.", what=what)
        return Phrase("{what}, which no emotion leads to: it can be chosen for one.", what=what)
    if len(feelings) > 1:  # by different degrees, perhaps
        if up:
            return Phrase("{what}, so it comes up more often for everything that leads to it.", what=what)
        return Phrase("{what}, so it comes up less often for everything that leads to it.", what=what)
    (feeling,) = feelings
    weight = _weight(context.opinions.get(feeling, ()), playing, said, state.at_s)
    often = comes_up(weight, up=up, whom=noun(feeling))
    return Phrase("{what}, so {it_comes_up}.", what=what, it_comes_up=often)


def _weight(opinions: tuple[PlaylistOpinion, ...], playing: Playlist, said: Opinion, at_s: float) -> float:
    now = add_opinion(opinions, playing.uri, playing.name, said, at_s)
    return weights(now, at_s).get(playing.uri, 1.0)

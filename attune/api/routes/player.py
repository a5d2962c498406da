"""The music of this machine: what plays, the autopilot, and their commands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import Future
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter

from attune.api.problems import HttpProblem
from attune.api.schemas.events import MusicRecordEvent
from attune.api.schemas.player import (
    AnswerSuggestion,
    ChooseDevice,
    ChoosePlayer,
    ConnectionReport,
    OutcomeReport,
    OutputState,
    PlayerState,
    PlayingTrackState,
    PlaylistState,
    PlayPlaylist,
    SetVolume,
    SuggestionState,
)
from attune.api.services import Services, ServicesDep
from attune.engine.plain_events import plain_record
from core.directions import Direction
from core.emotions import Emotion
from playback.controller import PlaybackController
from playback.player import Outcome, OutcomeKind, Playlist
from playback.snapshot import MusicSnapshot, Suggestion

router = APIRouter(prefix="/v1/player", tags=["player"])

_RECORDS: Final = 20
_ANSWER_S: Final = 30.0
_RETRY_S: Final = 60.0
_STATUS_OF: Final[Mapping[OutcomeKind, HTTPStatus]] = {
    OutcomeKind.GONE: HTTPStatus.NOT_FOUND,
    OutcomeKind.RATE_LIMITED: HTTPStatus.SERVICE_UNAVAILABLE,
    OutcomeKind.QUOTA_EXCEEDED: HTTPStatus.SERVICE_UNAVAILABLE,
    OutcomeKind.UNREACHABLE: HTTPStatus.BAD_GATEWAY,
}
"""What a command ends as; all others say that the player is not in a state for it."""


@router.get("", summary="What plays now")
async def read_player(services: ServicesDep) -> PlayerState:
    """Tell what plays and what the autopilot does; 409 before a player was chosen."""
    _music(services).mark_viewed()
    return _state(services)


@router.put("", summary="Choose a player")
def choose_player(services: ServicesDep, wanted: ChoosePlayer) -> PlayerState:
    """Let music follow what is heard, on a player and in a mode; both are kept for the next time."""
    music = services.engine.music
    if wanted.player is not None:
        services.engine.use_player(wanted.player)
    if wanted.mode is not None:
        music.set_mode(wanted.mode)
    return _state(services)


@router.post("/play", summary="Play a playlist")
async def play(services: ServicesDep, wanted: PlayPlaylist) -> OutcomeReport:
    """Play a playlist that is listed; the autopilot takes it as a change of a person's own."""
    music = _music(services)
    listed = (one.uri for one in music.snapshot().player.playlists)
    if wanted.uri not in listed:  # an address may be a file's: those of clients are not opened
        raise HttpProblem(404, "The player lists no such playlist: GET /v1/player tells which there are.")
    return await _report(music.play(wanted.uri))


@router.post("/pause", summary="Pause the music")
async def pause(services: ServicesDep) -> OutcomeReport:
    """Pause the music, and keep the autopilot quiet for a while."""
    return await _report(_music(services).pause())


@router.post("/resume", summary="Let the music go on")
async def resume(services: ServicesDep) -> OutcomeReport:
    """Go on where it was paused."""
    return await _report(_music(services).resume())


@router.post("/next", summary="Next track")
async def skip(services: ServicesDep) -> OutcomeReport:
    """Go to the next track of what plays."""
    return await _report(_music(services).next())


@router.post("/volume", summary="Set the volume")
async def set_volume(services: ServicesDep, wanted: SetVolume) -> OutcomeReport:
    """Set the volume."""
    return await _report(_music(services).set_volume(wanted.volume))


@router.post("/device", summary="Choose where music comes out")
async def choose_device(services: ServicesDep, wanted: ChooseDevice) -> OutcomeReport:
    """Let music come out of a device, and remember it."""
    return await _report(_music(services).choose_device(wanted.name))


@router.post("/refresh", summary="List playlists and devices anew")
async def refresh(services: ServicesDep) -> OutcomeReport:
    """List playlists and devices anew, and ask what is playing."""
    return await _report(_music(services).refresh())


@router.post("/answer", summary="Answer a suggestion", status_code=HTTPStatus.ACCEPTED)
async def answer(services: ServicesDep, wanted: AnswerSuggestion) -> PlayerState:
    """Answer what the autopilot suggests; nothing happens where nothing waits."""
    _music(services).answer(wanted.yes)
    return _state(services)


@router.post("/undo", summary="Take the last switch back", status_code=HTTPStatus.ACCEPTED)
async def undo(services: ServicesDep) -> PlayerState:
    """Take the autopilot's last switch back, and keep it quiet for a while; an event tells how it ended."""
    _music(services).undo()
    return _state(services)


@router.post("/autopilot/resume", summary="End what it waits for", status_code=HTTPStatus.ACCEPTED)
async def resume_autopilot(services: ServicesDep) -> PlayerState:
    """Let the autopilot go on where `can_resume` says that it waits for something a person can end."""
    _music(services).resume_autopilot()
    return _state(services)


def _music(services: Services) -> PlaybackController:
    if services.engine.music_snapshot() is None:
        raise HttpProblem(409, "No music follows yet: PUT /v1/player chooses a player.", title="No player")
    return services.engine.music


async def _report(answer: Future[Outcome]) -> OutcomeReport:
    """How a command ended; what did not work is raised as a problem."""
    try:
        outcome = await asyncio.wait_for(asyncio.wrap_future(answer), _ANSWER_S)
    except TimeoutError:
        raise HttpProblem(504, f"The player did not answer within {_ANSWER_S:g} s: try again.") from None
    if outcome.ok:
        return OutcomeReport(outcome=outcome.kind, message=outcome.message)
    status = _STATUS_OF.get(outcome.kind, HTTPStatus.CONFLICT)
    retry_s = None
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        retry_s = _RETRY_S if outcome.until_s is None else outcome.until_s - time.time()
    raise HttpProblem(
        status,
        outcome.message or f"The player says: {outcome.kind}.",
        retry_after_s=retry_s,
        extra={"outcome": outcome.kind},
    )


def _state(services: Services) -> PlayerState:
    snapshot = services.engine.music_snapshot()
    assert snapshot is not None
    return player_state(snapshot)


def player_state(snapshot: MusicSnapshot) -> PlayerState:
    """A snapshot of the music as the API gives it."""
    player, track = snapshot.player, snapshot.player.track
    return PlayerState(
        player=player.kind,
        connection=ConnectionReport.model_validate(player.connection, from_attributes=True),
        playing=player.playing,
        track=None if track is None else PlayingTrackState.model_validate(track, from_attributes=True),
        playlist=None if player.playlist is None else _playlist(player.playlist),
        device=None if player.device is None else player.device.name,
        volume=player.volume,
        playlists=[_playlist(one) for one in player.playlists],
        devices=[OutputState.model_validate(one, from_attributes=True) for one in player.devices],
        mode=snapshot.preferences.autopilot.mode,
        phase=snapshot.phase,
        message=snapshot.message,
        until_s=snapshot.until_s,
        suggestion=None if snapshot.suggestion is None else _suggestion(snapshot.suggestion),
        can_undo=snapshot.can_undo,
        can_resume=snapshot.can_resume,
        on_call=snapshot.on_call,
        problem=snapshot.problem,
        records=[MusicRecordEvent(**plain_record(record)) for record in snapshot.records[:_RECORDS]],
    )


def _playlist(playlist: Playlist) -> PlaylistState:
    return PlaylistState.model_validate(playlist, from_attributes=True)


def _suggestion(suggestion: Suggestion) -> SuggestionState:
    feeling = suggestion.feeling
    return SuggestionState(
        playlist=_playlist(suggestion.playlist),
        emotion=feeling if isinstance(feeling, Emotion) else None,
        direction=feeling if isinstance(feeling, Direction) else None,
        reason=suggestion.reason,
    )

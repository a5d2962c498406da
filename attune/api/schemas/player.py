"""The music of this machine."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from attune.api.schemas.events import MusicRecordEvent
from core.directions import Direction
from core.emotions import Emotion
from playback.player import ConnectionState, ContentKind, OutcomeKind, PlayerKind
from playback.preferences.preferences import Mode
from playback.snapshot import Phase

_PLAYLIST: Final = {"uri": "local:style:chill", "name": "Chill", "tracks": 120, "owned": True}
_STATE: Final[dict[str, Any]] = {
    "player": "local",
    "connection": {"state": "connected", "message": "", "until_s": None},
    "playing": True,
    "track": {
        "title": "Night train",
        "artist": "The Example",
        "duration_s": 215.0,
        "position_s": 12.5,
        "kind": "music",
    },
    "playlist": _PLAYLIST,
    "device": "Speakers",
    "volume": 0.6,
    "playlists": [_PLAYLIST],
    "devices": [{"name": "Speakers", "active": True, "volume": 0.6}],
    "mode": "suggest",
    "phase": "ready",
    "message": "It waits for a feeling that leads elsewhere.",
    "until_s": None,
    "suggestion": None,
    "can_undo": False,
    "can_resume": False,
    "on_call": False,
    "problem": "",
    "records": [],
}


class PlaylistState(BaseModel):
    """Something that can be played."""

    uri: str = Field(description="Its address: what `POST /v1/player/play` takes.")
    name: str = Field(description="Its name, for people.")
    tracks: int | None = Field(description="How many it holds; null where that is not known.")
    owned: bool = Field(description="The user's own, or one that they follow.")


class PlayingTrackState(BaseModel):
    """What is playing or paused."""

    title: str = Field(description="Its title.")
    artist: str = Field(description="Whose it is; empty where that is not known.")
    duration_s: float | None = Field(description="Its length, in seconds.")
    position_s: float | None = Field(description="How far it had got, in seconds.")
    kind: ContentKind = Field(description="Music, or something spoken.")


class OutputState(BaseModel):
    """Where music can come out."""

    name: str = Field(description="Its name: what `POST /v1/player/device` takes.")
    active: bool = Field(description="It is the one in use.")
    volume: float | None = Field(description="0 to 1; null where it cannot be set.")


class ConnectionReport(BaseModel):
    """Whether the player can play."""

    state: ConnectionState = Field(description="Whether it can.")
    message: str = Field(description="One sentence for people; may be empty.")
    until_s: float | None = Field(description="Until when it lasts, as Unix time in seconds, where known.")


class SuggestionState(BaseModel):
    """A playlist that waits for a yes."""

    playlist: PlaylistState = Field(description="Which.")
    emotion: Emotion | None = Field(description="The emotion that leads to it, if one does.")
    direction: Direction | None = Field(description="The place on the plane that leads to it, if one does.")
    reason: str = Field(description="One sentence for people.")


class PlayerState(BaseModel):
    """The music at one moment."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STATE]})

    player: PlayerKind = Field(description="Which player is in use.")
    connection: ConnectionReport = Field(description="Whether it can play.")
    playing: bool = Field(description="Whether music is coming out, as far as is known.")
    track: PlayingTrackState | None = Field(description="What is playing or paused; null where nothing is.")
    playlist: PlaylistState | None = Field(description="What it comes from, where that is listed.")
    device: str | None = Field(description="Where it comes out.")
    volume: float | None = Field(description="0 to 1; null where it cannot be set.")
    playlists: list[PlaylistState] = Field(description="All that can be played.")
    devices: list[OutputState] = Field(description="Where music can come out.")
    mode: Mode = Field(description="What the autopilot may do.")
    phase: Phase = Field(description="What keeps the autopilot from changing the music, if anything does.")
    message: str = Field(description="One sentence on that.")
    until_s: float | None = Field(description="When it ends by itself, as Unix time in seconds, where known.")
    suggestion: SuggestionState | None = Field(description="What waits for an answer.")
    can_undo: bool = Field(description="A switch of the autopilot can be taken back.")
    can_resume: bool = Field(description="The autopilot waits for something that a person can end.")
    on_call: bool = Field(description="A call is on, and the autopilot leaves the music alone.")
    problem: str = Field(description="One sentence on what is wrong besides; else empty.")
    records: list[MusicRecordEvent] = Field(description="The newest 20 things that happened, newest first.")


class OutcomeReport(BaseModel):
    """How a command ended."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "done", "message": ""}]})

    outcome: OutcomeKind = Field(description="Done, or nothing to do; anything else is a problem.")
    message: str = Field(description="One sentence for people; may be empty.")


class ChoosePlayer(BaseModel):
    """Which player plays, and what the autopilot may do; what is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"player": "local", "mode": "auto"}]}
    )

    player: PlayerKind | None = Field(None, description="Which player plays; kept for the next time.")
    mode: Mode | None = Field(None, description="What the autopilot may do; kept for the next time.")


class PlayPlaylist(BaseModel):
    """What to play."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"uri": "local:style:chill"}]})

    uri: str = Field(max_length=2000, description="Address of a playlist that `GET /v1/player` lists.")


class SetVolume(BaseModel):
    """How loud."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"volume": 0.5}]})

    volume: float = Field(ge=0, le=1, description="0 silent to 1 full.")


class ChooseDevice(BaseModel):
    """Where music comes out."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Speakers"}]})

    name: str = Field(max_length=200, description="Name of a device; empty for whichever is active.")


class AnswerSuggestion(BaseModel):
    """The answer to what the autopilot suggests."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"yes": True}]})

    yes: bool = Field(description="Play it, or not.")

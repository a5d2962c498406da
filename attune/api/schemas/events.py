"""What happens while the server runs, as server-sent events carry it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from attune.api.schemas.emotion import EmotionWindow
from attune.api.schemas.listener import NoticeState
from core.directions import Direction
from core.emotions import Emotion
from playback.player import OutcomeKind
from playback.snapshot import RecordKind


class WindowEvent(EmotionWindow):
    """A window was decided; twice for each second of sound."""

    type: Literal["window"] = "window"


class NoticeEvent(NoticeState):
    """Something is said in words: a device is lost, a voice is too quiet, a broker is gone."""

    type: Literal["notice"] = "notice"


class MusicRecordEvent(BaseModel):
    """Something happened to the music."""

    type: Literal["music"] = "music"
    music: RecordKind = Field(description="What happened.")
    at_s: float = Field(description="When, as Unix time in seconds.")
    emotion: Emotion | None = Field(description="The emotion that it follows, if it does.")
    direction: Direction | None = Field(description="The place on the plane that it follows, if it does.")
    playlist: str | None = Field(description="Name of the playlist that it is about.")
    reason: str = Field(description="One sentence for people.")
    outcome: OutcomeKind | None = Field(description="How the player ended it; null where none was asked.")


class GapEvent(BaseModel):
    """Events were missed: too many came since the id that was named, or the server was started anew."""

    type: Literal["gap"] = "gap"
    missed: int | None = Field(description="How many are lost; null where that is not known.")


AnyEvent = Annotated[WindowEvent | NoticeEvent | MusicRecordEvent | GapEvent, Field(discriminator="type")]
"""What one server-sent event carries."""

"""One track that people brought, as a page sees it: its state, progress and result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models.mood.result_store import TrackAnalysis


class TrackState(StrEnum):
    """State of a track's analysis."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, eq=False)
class UploadedTrack:
    """One track as a page sees it."""

    key: str  # unique in this process
    name: str  # for people; tracks of the same name are numbered
    size_bytes: int  # of the file
    # As the file says; empty where it does not, and before it is analysed.
    title: str = ""
    artist: str = ""
    state: TrackState = TrackState.WAITING  # of its analysis
    # Share of the work that is done, 0 to 1; None where the file does not say how long it is.
    progress: float | None = 0.0
    message: str = ""  # one sentence on why there is no result; else empty
    # The result; None before.
    analysis: TrackAnalysis | None = None
    has_sound: bool = True  # whether the sound is still available

    @property
    def open(self) -> bool:
        """Whether it waits or is being analysed."""
        return self.state in {TrackState.WAITING, TrackState.WORKING}

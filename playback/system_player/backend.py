"""What is needed of an operating system: which players are open, and how they take commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.errors import MusicError
from core.text import printable
from playback.player import OutcomeKind, PlayingTrack


class PlayersUnseenError(MusicError):
    """Whether any player is open cannot be told."""


class PlayerCallError(MusicError):
    """A player did not do what it was asked to.

    Parameters
    ----------
    kind
        For programs.
    message
        For people.
    """

    def __init__(self, kind: OutcomeKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class OpenPlayer:
    """A player that is open, as it was at one moment."""

    id: str  # its key at the system
    name: str  # for people; no two of those that are open have the same
    playing: bool = False
    stopped: bool = False  # it says that it neither plays nor is paused, which need not be true
    # What plays or is paused, with the position at `seen_s`; what tells it from others; its address, if told.
    track: PlayingTrack | None = None
    track_id: str = ""
    address: str = ""
    volume: float | None = None  # 0 to 1; None where it cannot be set
    schemes: frozenset[str] = frozenset()  # of the links that it opens
    takes_commands: bool = True
    has_next: bool = True
    answers: bool = True  # False: it did not answer in time when it was last asked
    # Monotonic times: of this, and when its position was last seen to move.
    seen_s: float = float("-inf")
    moved_s: float = float("-inf")
    played_s: float = float("-inf")  # when it was last seen to play, see `playback.system_player.selection`

    @property
    def usable(self) -> bool:
        """Whether it can be asked to play links."""
        return self.takes_commands and self.answers and bool(self.schemes)


class PlayerBackend(Protocol):
    """The players of one operating system; one thread alone uses it.

    Commands raise `PlayerCallError`. None of them waits for what it leads to.
    """

    examples: str  # players that people may open, "X, Y or another one"

    def players(self, max_age_s: float) -> tuple[OpenPlayer, ...]:
        """List the players that are open.

        Parameters
        ----------
        max_age_s
            What was seen longer ago than this is asked for again; 0 asks for all.

        Raises
        ------
        PlayersUnseenError
            That cannot be told.
        """

    def open(self, player: OpenPlayer, link: str) -> None:
        """Have a player play a link of one of its schemes."""

    def pause(self, player: OpenPlayer) -> None:
        """Have it pause."""

    def resume(self, player: OpenPlayer) -> None:
        """Have it go on."""

    def next(self, player: OpenPlayer) -> None:
        """Have it go to its next track."""

    def set_volume(self, player: OpenPlayer, volume: float) -> None:
        """Set its volume, 0 to 1."""

    def close(self) -> None:
        """Let go of everything; called once."""


def player_name(text: str, fallback: str) -> str:
    """The name of a player as it is shown and remembered.

    Parameters
    ----------
    text
        As the player tells it.
    fallback
        Where that is empty.
    """
    return printable(" ".join(text.split()))[:60] or fallback


def text_of(value: object) -> str:
    """A text that a player tells; empty where it is none."""
    return value.strip() if isinstance(value, str) else ""


def number_of(value: object, *, factor: float = 1.0, most: float = 1e9) -> float | None:
    """A number that a player tells; None where it is none, negative, or beyond belief.

    Parameters
    ----------
    value
        What it told.
    factor
        What it is multiplied with.
    most
        The highest that is believed, after that.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(value) * factor if abs(value) < 1e18 else float("nan")
    return number if 0.0 <= number <= most else None

"""Owns what a player is: the protocol that Spotify, local player and dry run fulfil, and its words."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from playback.styles import Style

__all__ = [
    "Connection",
    "ConnectionState",
    "Outcome",
    "OutcomeKind",
    "OutputDevice",
    "Player",
    "PlayerKind",
    "PlayerSnapshot",
    "Playlist",
    "Track",
]


class PlayerKind(StrEnum):
    """Which player it is; also the scheme that the addresses of its playlists begin with."""

    SPOTIFY = "spotify"
    LOCAL = "local"
    DRY_RUN = "dry-run"


@dataclass(frozen=True, slots=True)
class Playlist:
    """Something that can be played.

    Parameters
    ----------
    uri
        Its address, beginning with its player's kind: ``spotify:playlist:...``, ``local:style:chill``.
    name
        For people.
    tracks
        How many it holds, None where that is not known.
    owned
        The user's own, or one that they follow.
    style
        What it is for, where its player knows; else its name may tell (`playback.mapping`).
    """

    uri: str
    name: str
    tracks: int | None = None
    owned: bool = True
    style: Style | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """What is playing.

    Parameters
    ----------
    title, artist
        For people; the artist may be empty.
    duration_s, position_s
        Length, and how far it has got when the snapshot was taken; None where that is not known.
    """

    title: str
    artist: str = ""
    duration_s: float | None = None
    position_s: float | None = None


@dataclass(frozen=True, slots=True)
class OutputDevice:
    """Where music can come out.

    Parameters
    ----------
    name
        By which it is remembered.
    active
        It is the one in use.
    volume
        0 to 1; None where it cannot be set.
    id
        Its number or key at the player; may change from day to day.
    """

    name: str
    active: bool = False
    volume: float | None = None
    id: str = ""


class OutcomeKind(StrEnum):
    """How a command ended."""

    DONE = "done"
    NOTHING_TO_DO = "nothing to do"
    """It was so already."""
    NOT_CONNECTED = "not connected"
    """No player is signed in, or no folder was chosen."""
    SIGN_IN_AGAIN = "sign in again"
    PREMIUM_REQUIRED = "premium required"
    """This account cannot control playback."""
    APP_LAPSED = "app lapsed"
    """The owner of the developer app has no Premium any more."""
    FORBIDDEN = "forbidden"
    NO_DEVICE = "no device"
    RATE_LIMITED = "rate limited"
    GONE = "gone"
    """The playlist, folder or device is not there any more."""
    EMPTY = "empty"
    """The playlist holds nothing that can be played."""
    UNREACHABLE = "unreachable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended, for programs and for people.

    Parameters
    ----------
    kind
        For programs.
    message
        One sentence: what happened and, unless all is well, what to do.
    until_s
        Unix time until which it is useless to try again; None where that is not known.
    """

    kind: OutcomeKind
    message: str = ""
    until_s: float | None = None

    @property
    def ok(self) -> bool:
        """Whether it is now as was asked."""
        return self.kind in (OutcomeKind.DONE, OutcomeKind.NOTHING_TO_DO)


class ConnectionState(StrEnum):
    """How a player stands to what it plays on."""

    DISCONNECTED = "disconnected"
    CONNECTED = "connected"
    DEGRADED = "degraded"
    """It answers badly or not at all just now, and is tried again by itself."""
    RATE_LIMITED = "rate limited"
    SIGN_IN_AGAIN = "sign in again"


@dataclass(frozen=True, slots=True)
class Connection:
    """How a player stands to what it plays on.

    Parameters
    ----------
    state
        For programs.
    message
        One sentence for people.
    until_s
        Unix time until which it lasts, where that is known.
    account
        Whose it is; empty where there is none.
    calls_today
        Requests sent since midnight UTC; None where nothing is sent anywhere.
    """

    state: ConnectionState
    message: str = ""
    until_s: float | None = None
    account: str = ""
    calls_today: int | None = None


@dataclass(frozen=True, slots=True)
class PlayerSnapshot:
    """A player at one moment.

    Parameters
    ----------
    kind
        Which player it is.
    connection
        Whether it can play at all.
    playing
        Music is coming out, as far as is known.
    track
        What is playing or paused; None where nothing is.
    playlist
        From which it comes; None where it comes from none, or from one that is not listed.
    device
        Where it comes out; None where that is not known.
    volume
        0 to 1; None where it cannot be set.
    playlists
        All that can be played, in the player's order; empty until they were listed.
    devices
        Where music can come out; empty until they were listed.
    taken_s
        Unix time at which playing, track, device and volume were known to be so; 0 before anything was.
    """

    kind: PlayerKind
    connection: Connection
    playing: bool = False
    track: Track | None = None
    playlist: Playlist | None = None
    device: OutputDevice | None = None
    volume: float | None = None
    playlists: tuple[Playlist, ...] = ()
    devices: tuple[OutputDevice, ...] = ()
    taken_s: float = 0.0


class Player(Protocol):
    """Plays playlists somewhere.

    Any thread may call any method. None of them waits for the network, a disk or a sound device: commands
    are carried out one after the other on the player's own thread, and their futures hold an `Outcome`,
    never an exception of the player. A command that can no longer be carried out because the player was
    closed ends as `OutcomeKind.FAILED`.
    """

    @property
    def kind(self) -> PlayerKind:
        """Which player it is."""

    def snapshot(self) -> PlayerSnapshot:
        """The newest picture; never waits."""

    def look(self) -> None:
        """Say that somebody looks: what plays is asked for now and then, until nobody has looked for 15 s."""

    def glance(self) -> Future[Outcome]:
        """See to it that the snapshot tells what plays now, or did a few seconds ago."""

    def refresh(self) -> Future[Outcome]:
        """List playlists and devices anew, and ask what is playing."""

    def play(self, uri: str) -> Future[Outcome]:
        """Play a playlist from its beginning (or shuffled, as the player does it), instead of what plays."""

    def pause(self) -> Future[Outcome]:
        """Let the music rest; a matter of a moment."""

    def resume(self) -> Future[Outcome]:
        """Go on where it rested."""

    def next(self) -> Future[Outcome]:
        """Go to the next track of what plays."""

    def set_volume(self, volume: float) -> Future[Outcome]:
        """Set the volume, 0 to 1."""

    def choose_device(self, name: str) -> Future[Outcome]:
        """Let music come out of the device of that name, and remember it; empty: whichever is active."""

    def close(self) -> None:
        """Let go of everything, within a second; the player is of no more use."""

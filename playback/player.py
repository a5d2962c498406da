"""What every player can do, and what it reports: the protocol that all of them follow."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from core.phrases import Phrase
from core.text import percent
from playback.mapping.styles import Style


class PlayerKind(StrEnum):
    """Which player it is; also the scheme that the addresses of its playlists begin with."""

    SPOTIFY = "spotify"
    LOCAL = "local"
    SYSTEM = "system"  # whichever is already open on this machine
    DRY_RUN = "dry-run"


@dataclass(frozen=True, slots=True)
class Playlist:
    """Something that can be played."""

    # Its address, beginning with its player's kind: ``spotify:playlist:...``, ``local:style:chill``,
    # ``system:file:///...``.
    uri: str
    name: str  # for people
    tracks: int | None = None  # how many it holds, None where that is not known
    owned: bool = True  # the user's own, or one that they follow
    # What it is for, where its player knows; else its name may tell (`playback.mapping.candidates`).
    style: Style | None = None


class ContentKind(StrEnum):
    """What plays, for people, too."""

    MUSIC = "music"
    PODCAST = "podcast"
    AUDIOBOOK = "audiobook"
    ADVERT = "advert"
    UNKNOWN = "unknown"  # the player does not say what it is


@dataclass(frozen=True, slots=True)
class PlayingTrack:
    """What is playing, and how far it had got when the snapshot was taken; None where that is not known."""

    title: str
    artist: str = ""
    duration_s: float | None = None
    position_s: float | None = None
    kind: ContentKind = ContentKind.MUSIC


@dataclass(frozen=True, slots=True)
class OutputDevice:
    """Where music can come out."""

    name: str  # by which it is remembered
    active: bool = False  # it is the one in use
    # 0 to 1; None where it cannot be set.
    volume: float | None = None
    id: str = ""  # its key at the player; may change from day to day
    takes_commands: bool = True  # programs like this one can let it play


class OutcomeKind(StrEnum):
    """How a command ended."""

    DONE = "done"
    NOTHING_TO_DO = "nothing to do"  # it was so already
    NOT_CONNECTED = "not connected"  # no player is signed in, or no folder was chosen
    SIGN_IN_AGAIN = "sign in again"
    PREMIUM_REQUIRED = "premium required"  # this account cannot control playback
    APP_LAPSED = "app lapsed"  # the owner of the developer app has no Premium any more
    FORBIDDEN = "forbidden"
    NO_DEVICE = "no device"
    RATE_LIMITED = "rate limited"
    QUOTA_EXCEEDED = "quota exceeded"  # the day's calls are used up, perhaps by other programs
    GONE = "gone"  # the playlist, folder or device is not there any more
    CHANGED = "changed meanwhile"
    """Something else was chosen in the player itself, so the command was not carried out."""
    EMPTY = "empty"  # the playlist holds nothing that can be played
    UNREACHABLE = "unreachable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended, for programs and for people."""

    kind: OutcomeKind  # for programs
    message: str = ""  # one sentence: what happened and, unless all is well, what to do
    # Unix time until which it is useless to try again; None where that is not known.
    until_s: float | None = None
    playlists: tuple[Playlist, ...] = ()  # what a search has found

    @property
    def ok(self) -> bool:
        """Whether it is now as was asked."""
        return self.kind in (OutcomeKind.DONE, OutcomeKind.NOTHING_TO_DO)


NOTHING_CHOSEN: Final = Outcome(
    OutcomeKind.FAILED, Phrase("Nothing was played yet: choose a playlist first.")
)
"""How it ends to go on with the music before there was any."""


def volume_problem(volume: float, now: float) -> Outcome | None:
    """Tell why a volume cannot, or need not, be set; None where it is to be set.

    Parameters
    ----------
    volume
        The volume asked for; must be 0 to 1.
    now
        The volume now.
    """
    if not 0.0 <= volume <= 1.0:
        return Outcome(
            OutcomeKind.FAILED, f"The volume cannot be {volume!r}: it must be a number from 0 to 1."
        )
    if volume == now:
        return Outcome(OutcomeKind.NOTHING_TO_DO, f"The volume is {percent(volume)} already.")
    return None


class ConnectionState(StrEnum):
    """Whether a player can play."""

    DISCONNECTED = "disconnected"
    CONNECTED = "connected"
    DEGRADED = "degraded"  # it answers badly or not at all just now, and is tried again by itself
    RATE_LIMITED = "rate limited"
    QUOTA_EXCEEDED = "quota exceeded"  # the day's calls are used up, perhaps by other programs
    SIGN_IN_AGAIN = "sign in again"


LIMITED: Final = (ConnectionState.RATE_LIMITED, ConnectionState.QUOTA_EXCEEDED)
"""It was asked too often, so nothing is asked of it until that is over."""


@dataclass(frozen=True, slots=True)
class PlayerConnection:
    """Whether a player can play, and why not."""

    state: ConnectionState  # for programs
    message: str = ""  # one sentence for people
    until_s: float | None = None  # Unix time until which it lasts, where that is known
    account: str = ""  # whose it is; empty where there is none
    # Requests sent in the last 24 hours; None where nothing is sent anywhere.
    calls_today: int | None = None
    needs_music: bool = False  # no folder with music was scanned yet: pages offer to


@dataclass(frozen=True, slots=True)
class PlayerSnapshot:
    """A player at one moment."""

    # Which player it is, and whether it can play.
    kind: PlayerKind
    connection: PlayerConnection
    # Music is coming out, as far as is known; what is playing or paused, None where nothing is.
    playing: bool = False
    track: PlayingTrack | None = None
    # From which it comes; None where it comes from none, or from one that is not listed.
    playlist: Playlist | None = None
    # Where it comes out, and 0 to 1; None where that is not known, or cannot be set.
    device: OutputDevice | None = None
    volume: float | None = None
    # All that can be played, and where it can come out, in the player's order; empty until listed.
    playlists: tuple[Playlist, ...] = ()
    devices: tuple[OutputDevice, ...] = ()
    # Unix time at which playing, track, device and volume were known to be so; 0 before anything was.
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
        """The newest state; never waits."""

    def mark_viewed(self) -> None:
        """Say that the snapshot is on screen: for the next 15 s it is kept up to date."""

    def refresh(self) -> Future[Outcome]:
        """List playlists and devices anew, and ask what is playing."""

    def play(self, uri: str, *, if_unchanged_since: float | None = None) -> Future[Outcome]:
        """Play a playlist from its beginning (or shuffled, as the player does it), instead of what plays.

        Parameters
        ----------
        uri
            Address of the playlist.
        if_unchanged_since
            Unix time of the snapshot that the choice was made from. The player first makes sure that it knows
            what plays now, or played a few seconds ago. Where another playlist plays since that time, or the
            music was stopped or started, nothing is done and the outcome is `OutcomeKind.CHANGED`.
        """

    def pause(self) -> Future[Outcome]:
        """Pause the music."""

    def resume(self) -> Future[Outcome]:
        """Go on where it was paused."""

    def next(self) -> Future[Outcome]:
        """Go to the next track of what plays."""

    def set_volume(self, volume: float) -> Future[Outcome]:
        """Set the volume, 0 to 1."""

    def choose_device(self, name: str) -> Future[Outcome]:
        """Let music come out of the device of that name, and remember it; empty: whichever is active."""

    def close(self) -> None:
        """Let go of everything, within a second; the player is of no more use."""

"""Whose doing a change of the player was: ours, its own, or a person's in another app. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from playback.player import ContentKind, PlayerSnapshot, PlayingTrack, Playlist

ECHO_S: Final = 10.0  # for so long after a command a player may still show what was before it

_EDGE_S: Final = 1.0


class ExternalAction(StrEnum):
    """What a person did in the player itself."""

    PAUSED = "paused"
    RESUMED = "resumed"
    CHOSE = "chose other music"


@dataclass(frozen=True, slots=True)
class PlayerObservation:
    """What a player did at one moment."""

    taken_s: float  # Unix time of that moment
    playing: bool = False  # music came out
    # From which; None where it came from none that is listed.
    playlist: Playlist | None = None
    track: str = ""  # tells the track from others; empty where there is none
    kind: ContentKind = (
        ContentKind.MUSIC
    )  # what it is; whatever comes from a playlist, and adverts, are music here
    # It does not play, and is where a track begins or ends: it may have come to its end by itself.
    ended: bool = False

    @property
    def uri(self) -> str | None:
        """Address of the playlist."""
        return None if self.playlist is None else self.playlist.uri


def observe(snapshot: PlayerSnapshot) -> PlayerObservation:
    """Take from a player's snapshot what tells one observation from another."""
    track = snapshot.track
    alone = track is not None and snapshot.playlist is None and track.kind is not ContentKind.ADVERT
    return PlayerObservation(
        snapshot.taken_s,
        snapshot.playing,
        snapshot.playlist,
        "" if track is None else f"{track.artist}: {track.title}",
        track.kind if track is not None and alone else ContentKind.MUSIC,
        ended=not snapshot.playing and _at_an_edge(track),
    )


@dataclass(frozen=True, slots=True)
class TrackedState:
    """What is known of the player."""

    # What it does, as far as is known; None: the next observation is taken as it is.
    current: PlayerObservation | None = None
    before_command: PlayerObservation | None = None  # what it did before our last command
    target: str | None = None  # address of what our last command was to play
    command_ended_s: float = 0.0  # when our last command ended; older observations tell nothing
    kind: ContentKind = ContentKind.MUSIC  # what played when it ended

    def command_began(self, target: str | None) -> TrackedState:
        """Take note of a command of ours; `target` is what it is to play, if anything."""
        return replace(self, before_command=self.current, target=target)

    def command_ended(self, at_s: float, result: PlayerObservation | None) -> TrackedState:
        """Take note of its end; `result` is what it led to, None where that is not known."""
        played = result or self.current
        kind = self.kind if played is None else played.kind
        return replace(self, current=result, command_ended_s=at_s, kind=kind)

    def observed(
        self, observation: PlayerObservation, *, commanded: bool
    ) -> tuple[TrackedState, ExternalAction | None]:
        """Take an observation of a player that can play, and say what a person did in the player itself.

        Parameters
        ----------
        observation
            What it does.
        commanded
            A command of ours is being carried out: whatever changes now is its doing.
        """
        if observation.taken_s < self.command_ended_s or self._is_echo(observation):
            return self, None
        action = None if commanded else self._action(observation)
        target = None if action is ExternalAction.CHOSE else self.target
        return replace(self, current=observation, target=target), action

    def _is_echo(self, observation: PlayerObservation) -> bool:
        before = self.before_command
        return (
            before is not None
            and observation.taken_s < self.command_ended_s + ECHO_S
            and (observation.playing, observation.uri) == (before.playing, before.uri)
        )

    def _action(self, observation: PlayerObservation) -> ExternalAction | None:
        before = self.current
        if before is None:
            return ExternalAction.CHOSE if self._is_found_talking(observation) else None
        if not observation.playing:
            return ExternalAction.PAUSED if before.playing and not observation.ended else None
        same_kind = observation.kind is before.kind
        if observation.uri is None and not same_kind:
            return ExternalAction.CHOSE
        if observation.uri == before.uri:
            return None if before.playing else ExternalAction.RESUMED
        if self.target is not None and observation.uri == self.target:
            return None  # a command that was given up can still have reached the player
        same_track = same_kind and observation.track == before.track != ""
        listed_meanwhile = None in (observation.uri, before.uri) and same_track
        return None if before.playing and listed_meanwhile else ExternalAction.CHOSE

    def _is_found_talking(self, observation: PlayerObservation) -> bool:
        """Whether a podcast or the like plays when the player is first seen, which only a person puts on."""
        return observation.playing and observation.kind not in (ContentKind.MUSIC, self.kind)


def _at_an_edge(track: PlayingTrack | None) -> bool:
    """Whether a track is just beginning or ending; no track counts as such."""
    if track is None:
        return True
    if track.position_s is None:
        return False
    left_s = None if track.duration_s is None else track.duration_s - track.position_s
    return track.position_s < _EDGE_S or (left_s is not None and left_s < _EDGE_S)

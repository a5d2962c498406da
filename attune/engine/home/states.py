"""What home automation is told of the present: few words that hold for a while. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from core.directions import ENERGY_WORDS, PLEASANTNESS_WORDS
from core.emotions import EMOTIONS
from core.text import printable
from playback.player import PlayerKind, PlayerSnapshot
from playback.snapshot import MusicSnapshot
from realtime.snapshot import DecisionKind, ListenerState, Snapshot, accepted_word

UNSURE: Final = "unsure"
NO_VOICE: Final = "no voice"
NOTHING: Final = "nothing"
EMOTION_WORDS: Final = (*EMOTIONS, UNSURE, NO_VOICE)
ENERGY_STATES: Final = (*ENERGY_WORDS, UNSURE, NO_VOICE)
PLEASANTNESS_STATES: Final = (*PLEASANTNESS_WORDS, UNSURE, NO_VOICE)
"""All that each of the three can be."""

_HOLD_S: Final = 10.0
_MOST_CHARACTERS: Final = 250  # a state of Home Assistant has at most 255
_SPOTIFY: Final = "Spotify"


@dataclass(frozen=True, slots=True)
class HomeState:
    """What home automation is told."""

    emotion: str = NO_VOICE  # one of EMOTION_WORDS
    energy: str = NO_VOICE  # one of ENERGY_STATES
    pleasantness: str = NO_VOICE  # one of PLEASANTNESS_STATES
    listening: bool = False
    paused: bool = False
    playing: str = NOTHING  # what plays, in words


@dataclass(frozen=True, slots=True)
class HeldState:
    """A state, and when a voice was last heard."""

    state: HomeState = HomeState()
    voice_s: float = float("-inf")  # monotonic time


def step(held: HeldState, snapshot: Snapshot, music: MusicSnapshot | None, now_s: float) -> HeldState:
    """Take the present; what a voice said holds for 10 s of silence, because people pause for breath.

    Parameters
    ----------
    held
        What was told before.
    snapshot, music
        The present; None where no music follows.
    now_s
        Monotonic time.
    """
    state = replace(
        held.state,
        listening=snapshot.listening,
        paused=snapshot.state is ListenerState.PAUSED,
        playing=_playing(music),
    )
    decision = snapshot.decision
    if snapshot.listening and decision is not None and decision.kind is not DecisionKind.NO_SPEECH:
        lasting = None if snapshot.sustained is None else snapshot.sustained.emotion
        return HeldState(
            replace(
                state,
                emotion=decision.emotion or lasting or UNSURE,
                energy=accepted_word(decision.energy, ENERGY_WORDS) or UNSURE,
                pleasantness=accepted_word(decision.pleasantness, PLEASANTNESS_WORDS) or UNSURE,
            ),
            now_s,
        )
    if snapshot.listening and now_s - held.voice_s < _HOLD_S:
        return replace(held, state=state)
    return HeldState(replace(state, emotion=NO_VOICE, energy=NO_VOICE, pleasantness=NO_VOICE))


def _playing(music: MusicSnapshot | None) -> str:
    if music is None or not music.player.playing:
        return NOTHING
    if _is_spotify(music.player):
        return _SPOTIFY  # whatever comes from Spotify may not be kept beside what was heard
    track, playlist = music.player.track, music.player.playlist
    if track is not None:
        text = f"{track.artist} - {track.title}" if track.artist else track.title
    else:
        text = playlist.name if playlist is not None else "music"
    return printable(text)[:_MOST_CHARACTERS] or "music"


def _is_spotify(player: PlayerSnapshot) -> bool:
    opened = "" if player.playlist is None else player.playlist.uri
    device = "" if player.device is None else player.device.name
    return (
        player.kind is PlayerKind.SPOTIFY
        or opened.startswith(f"{PlayerKind.SYSTEM}:{PlayerKind.SPOTIFY}:")
        or _SPOTIFY.casefold() in device.casefold()
    )

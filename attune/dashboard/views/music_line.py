"""What plays and why, one line each, on the Live board."""

from __future__ import annotations

from typing import Final

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.now_playing_bar import PREVIEW_MARK
from core.text import printable
from playback.player import PlayerKind, PlayerSnapshot
from playback.snapshot import MusicSnapshot, RecordKind

NOTHING: Final = N_("Nothing is playing")
PREVIEW: Final = N_("{playlist} would play (preview, no sound)")
NOTHING_YET: Final = N_("Nothing has changed the music yet.")
_CHANGES: Final = (RecordKind.SWITCHED, RecordKind.USER, RecordKind.UNDONE, RecordKind.FAILED)


def music_values(music: MusicSnapshot | None) -> dict[str, object]:
    """Values of both lines.

    Parameters
    ----------
    music
        What plays; None where no music follows yet.
    """
    if music is None:
        return {"plays": _(NOTHING), "playlist": "", "plays_because": _(NOTHING_YET)}
    return {
        "plays": printable(_plays(music.player)),
        "playlist": printable(playlist_name(music.player)),
        "plays_because": printable(_because(music)),
    }


def playlist_name(player: PlayerSnapshot) -> str:
    """The playlist from which music comes, or would come; empty where there is none."""
    preview = player.kind is PlayerKind.DRY_RUN
    if player.playlist is None or (preview and not player.playing):
        return ""
    return player.playlist.name.removesuffix(PREVIEW_MARK)


def _plays(player: PlayerSnapshot) -> str:
    playlist = playlist_name(player)
    if player.kind is PlayerKind.DRY_RUN:
        return _(PREVIEW).format(playlist=playlist) if playlist else _(NOTHING)
    track = player.track
    if track is None:
        return playlist if player.playing and playlist else _(NOTHING)
    return " · ".join(part for part in (track.title, track.artist, playlist) if part)


def _because(music: MusicSnapshot) -> str:
    """Why this and no other: what a suggestion rests on, else the last change, else what is waited for."""
    if music.suggestion is not None:
        return _(music.suggestion.reason)
    if playlist_name(music.player):
        for record in music.records:
            if record.kind in _CHANGES:
                return _(record.reason)
    return _(music.message or NOTHING_YET)

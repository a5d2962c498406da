"""The now-playing bar: what plays and where it comes from and comes out, and what the autopilot says."""

from __future__ import annotations

from typing import Any, Final

from markupsafe import Markup

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.feeling_colours import background_of
from attune.dashboard.views.formatting import capitalized, moment
from attune.dashboard.views.html import render
from playback.player import LIMITED, ConnectionState, ContentKind, PlayerKind, PlayerSnapshot
from playback.preferences.preferences import Mode
from playback.snapshot import MusicSnapshot

PLAYERS: Final = {
    PlayerKind.SPOTIFY: "Spotify",
    PlayerKind.LOCAL: N_("Music on this machine"),
    PlayerKind.SYSTEM: N_("A player that is open"),
    PlayerKind.DRY_RUN: N_("Preview (no sound)"),
}
"""What the players are called."""

MODES: Final = {Mode.OFF: N_("Off"), Mode.SUGGEST: N_("Suggest"), Mode.AUTO: N_("Auto")}
"""What the autopilot's modes are called."""

PREVIEW_MARK: Final = " (preview)"
"""What the playlists of the preview end on."""
SIGNED_OUT: Final = (ConnectionState.DISCONNECTED, ConnectionState.SIGN_IN_AGAIN)


def position(player: PlayerSnapshot, now_s: float) -> dict[str, Any] | None:
    """Say how far the track has got by now; None where its length is not known.

    Parameters
    ----------
    player
        Of which the track is.
    now_s
        Unix time.
    """
    track = player.track
    if track is None or track.duration_s is None or track.position_s is None or track.duration_s <= 0.0:
        return None
    passed_s = max(0.0, now_s - player.taken_s) if player.playing else 0.0
    return {
        "at_s": round(min(track.position_s + passed_s, track.duration_s), 2),
        "length_s": round(track.duration_s, 2),
        "playing": player.playing,
    }


def now_playing_bar(
    snapshot: MusicSnapshot, now_s: float, *, elsewhere: bool = True, problem: str = ""
) -> Markup:
    """Draw the bar; one quiet line where nothing is connected.

    Parameters
    ----------
    snapshot
        What to show.
    now_s
        Unix time.
    elsewhere
        Music is set up on another page than this.
    problem
        One sentence on why the last command failed, or nothing.
    """
    player, suggestion, mode = snapshot.player, snapshot.suggestion, snapshot.preferences.autopilot.mode
    away = player.kind is PlayerKind.DRY_RUN or player.connection.state in SIGNED_OUT
    return render(
        "now_playing_bar",
        away={"player": _(PLAYERS[player.kind]), "words": _away_words(player)} if away else None,
        elsewhere=elsewhere,
        player=player,
        track=_track(player),
        limited=player.connection.state in LIMITED,
        trouble_of_player=_trouble(player, now_s),
        suggestion=suggestion,
        hue=background_of(suggestion.feeling) if suggestion is not None else "",
        reason="" if suggestion is None else _(suggestion.reason),
        problem=problem,
        mode=mode,
        mode_words=_(MODES[mode]),
        says=_(snapshot.message),
        can_undo=snapshot.can_undo,
        can_rate=snapshot.can_rate and player.connection.state not in LIMITED,
        can_resume=snapshot.can_resume,
    )


def _away_words(player: PlayerSnapshot) -> str:
    if player.kind is not PlayerKind.DRY_RUN:
        if player.connection.needs_music:
            return _("There is nothing to play yet.")
        return _(player.connection.message) or _("Not connected.")
    if player.playlist is not None and player.playing:
        name = player.playlist.name.removesuffix(PREVIEW_MARK)
        return _("{name} would play now.").format(name=name)
    return _("nothing would play now.")


def _track(player: PlayerSnapshot) -> dict[str, Any]:
    """The track, and where it comes from and comes out."""
    track = player.track
    playlist = player.playlist.name if player.playlist is not None else ""
    title, artist = _("Nothing is playing"), ""
    if track is not None:
        title, artist = track.title or _("Untitled"), track.artist
    elif player.playing:  # it has only just begun, and is asked in a moment
        title, playlist = playlist or _("Music is playing"), ""
    device = player.device.name if player.device is not None else ""
    where = "" if player.kind is PlayerKind.SYSTEM and device else _(PLAYERS[player.kind])
    spoken = track is not None and track.kind in (ContentKind.PODCAST, ContentKind.AUDIOBOOK)
    kind = capitalized(_(track.kind.value)) if track is not None and spoken else ""
    return {
        "title": title,
        "artist": artist,
        "tooltip": " · ".join(part for part in (title, artist) if part),
        "source": " · ".join(part for part in (playlist or kind, where, device) if part),
        "has_position": track is not None and None not in (track.duration_s, track.position_s),
    }


def _trouble(player: PlayerSnapshot, now_s: float) -> str:
    connection = player.connection
    if connection.state in LIMITED and connection.until_s is not None:
        used_up = connection.state is ConnectionState.QUOTA_EXCEEDED
        what = _("Spotify's quota is used up") if used_up else _("Rate limited")
        time = moment(connection.until_s, now_s)
        return _("{state} until {time}").format(state=what, time=time) + "."
    return "" if connection.state is ConnectionState.CONNECTED else _(connection.message)

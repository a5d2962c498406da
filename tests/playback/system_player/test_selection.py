"""Which player counts, which one opens a link, and whether it plays it."""

from __future__ import annotations

from dataclasses import replace

from playback.player import ConnectionState, ContentKind, PlayingTrack, Playlist
from playback.system_player.backend import OpenPlayer
from playback.system_player.player_view import connection, names_of, no_player_for, snapshot_of
from playback.system_player.selection import (
    OpenedPlaylist,
    has_begun,
    must_not_be_disturbed,
    over_gaps,
    player_for,
    player_in_use,
)

SONG = PlayingTrack("Song", duration_s=100.0, position_s=10.0)
MPV = OpenPlayer("mpv", "mpv", schemes=frozenset({"file", "http"}))
SPOTIFY = OpenPlayer("spotify", "Spotify", schemes=frozenset({"spotify"}))
FIREFOX = OpenPlayer("firefox", "Firefox")
FILM = replace(FIREFOX, playing=True, track=replace(SONG, kind=ContentKind.UNKNOWN))


def test_the_chosen_one_counts_else_the_one_that_plays_else_that_of_the_last_time() -> None:
    open_now = (FIREFOX, MPV, SPOTIFY)

    def counts(players: tuple[OpenPlayer, ...], chosen: str = "", used_id: str = "") -> str:
        found = player_in_use(players, chosen=chosen, used_id=used_id)
        return "" if found is None else found.id

    assert counts(()) == ""
    assert counts(open_now) == "mpv"  # the first that opens anything
    assert counts(open_now, used_id="spotify") == "spotify"
    assert counts(open_now, used_id="closed") == "mpv"
    assert counts((FILM, MPV, SPOTIFY), used_id="mpv") == "firefox"
    assert counts((FILM, replace(MPV, playing=True)), used_id="mpv") == "mpv"
    assert counts((FILM, MPV, SPOTIFY), chosen="Spotify") == "spotify"
    assert counts((FILM, MPV), chosen="Spotify") == "firefox"


def test_a_link_goes_to_a_player_that_opens_it() -> None:
    open_now = (FILM, MPV, SPOTIFY)
    assert player_for("file", open_now, chosen="Spotify", used_id="") == MPV
    assert player_for("spotify", open_now, chosen="", used_id="mpv") == SPOTIFY
    assert player_for("https", open_now, chosen="", used_id="") is None
    silent = replace(MPV, answers=False)
    deaf = replace(MPV, takes_commands=False)
    assert player_for("file", (silent, deaf), chosen="", used_id="") is None


def test_what_may_be_a_film_or_a_call_is_only_disturbed_by_people() -> None:
    assert must_not_be_disturbed(FILM)
    assert not must_not_be_disturbed(replace(FILM, playing=False))
    assert not must_not_be_disturbed(replace(MPV, playing=True, track=SONG))


def test_a_player_has_begun_once_it_plays_something_else_or_from_the_beginning() -> None:
    before = replace(MPV, playing=True, track=SONG, track_id="1")

    def begun(**changes: object) -> bool:
        return has_begun(before, replace(before, seen_s=51.0, **changes), asked_s=50.0)  # type: ignore[arg-type]

    assert not begun()  # what played before goes on
    assert begun(track_id="2")
    assert begun(track=replace(SONG, position_s=0.5))
    assert begun(track_id="2", track=replace(SONG, position_s=None))
    assert not begun(track_id="2", track=replace(SONG, position_s=0.0))  # it waits for the sound
    assert not begun(track_id="2", playing=False)
    assert not begun(track_id="2", stopped=True, moved_s=49.0)
    assert begun(track_id="2", stopped=True, moved_s=51.0)


def test_players_play_on_between_two_tracks_and_not_where_somebody_pauses_them() -> None:
    playing = replace(MPV, playing=True, track=SONG)
    (first,) = over_gaps((), (playing,), 10.0)
    for track in (None, replace(SONG, position_s=99.5), replace(SONG, position_s=0.2)):
        gap = replace(MPV, track=track)
        (second,) = over_gaps((first,), (gap,), 11.0)
        assert second.playing
        (third,) = over_gaps((second,), (gap,), 11.6)
        assert not third.playing
    (paused,) = over_gaps((first,), (replace(MPV, track=SONG),), 10.1)
    assert not paused.playing
    assert not over_gaps((), (MPV,), 10.0)[0].playing


def test_a_playlist_is_on_until_its_player_plays_what_is_not_in_it() -> None:
    opened = OpenedPlaylist("mpv", Playlist("system:file:///m/rain", "Rain"))
    assert opened.is_on(MPV)  # nothing plays: it would be gone on with
    assert opened.is_on(replace(MPV, track=SONG, address="file:///m/rain/1.mp3"))
    assert not opened.is_on(replace(MPV, track=SONG, address="file:///m/sun/1.mp3"))
    assert not opened.is_on(SPOTIFY)


def test_the_connection_says_what_is_open_and_what_to_open() -> None:
    def said(*players: OpenPlayer, problem: str = "") -> tuple[ConnectionState, str]:
        found = connection(
            players, player_in_use(players, chosen="", used_id=""), problem=problem, examples="mpv"
        )
        return found.state, found.message

    assert said(problem="No bus.") == (ConnectionState.DISCONNECTED, "No bus.")
    assert said() == (ConnectionState.DISCONNECTED, "No player is open: open mpv.")
    assert said(MPV) == (ConnectionState.CONNECTED, "mpv is open.")
    assert said(FIREFOX, MPV, SPOTIFY)[1] == "Firefox, mpv and Spotify are open."
    assert said(FIREFOX) == (ConnectionState.DEGRADED, "Firefox opens no links: open mpv.")
    assert said(replace(MPV, answers=False))[0] is ConnectionState.DEGRADED
    assert no_player_for("spotify", (FIREFOX, MPV)).startswith("mpv cannot open links of Spotify: open")
    assert no_player_for("file", (FIREFOX,)).startswith("Firefox cannot open files")
    assert no_player_for("file", ()) == names_of(()) == ""


def test_the_position_moves_on_in_the_snapshot_and_not_past_the_end() -> None:
    playing = replace(MPV, playing=True, track=SONG, seen_s=10.0, volume=0.5)

    def position(now_s: float, player: OpenPlayer = playing) -> float | None:
        seen = snapshot_of(
            (player, SPOTIFY),
            player,
            connection=connection((player,), player, problem="", examples=""),
            opened=None,
            playlists=(),
            taken_s=5.0,
            now_s=now_s,
        )
        assert seen.track is not None
        assert [(one.name, one.active) for one in seen.devices] == [("mpv", True), ("Spotify", False)]
        return seen.track.position_s

    assert position(15.0) == 15.0
    assert position(500.0) == 100.0
    assert position(15.0, replace(playing, playing=False)) == 10.0

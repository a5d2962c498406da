"""Properties of MPRIS players as real ones tell them, and as broken ones do."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from playback.player import ContentKind, PlayingTrack
from playback.system_player.backend import OpenPlayer
from playback.system_player.mpris_properties import is_player, parse_player

MPV = {
    "Identity": ("s", "mpv"),
    "SupportedUriSchemes": ("as", ["ftp", "http", "https", "mms", "rtmp", "rtsp", "sftp", "smb"]),
}
SPOTIFY = {"Identity": ("s", "Spotify"), "SupportedUriSchemes": ("as", ["spotify"])}
FIREFOX = {"Identity": ("s", "Mozilla Firefox"), "SupportedUriSchemes": ("as", [])}


def player(
    application: dict[str, Any],
    *,
    before: OpenPlayer | None = None,
    now_s: float = 100.0,
    metadata: Any = None,
    **properties: Any,
) -> OpenPlayer:
    told = {**properties, "Metadata": ("a{sv}", metadata or {})}
    return parse_player("org.mpris.MediaPlayer2.x", application, told, before=before, now_s=now_s)


def song(position_s: float, title: str = "a") -> dict[str, Any]:
    """As mpv tells it: stopped, all the while that it plays."""
    return {
        "metadata": {
            "mpris:trackid": ("o", "/0"),
            "xesam:title": ("s", title),
            "mpris:length": ("x", 12_000_000),
        },
        "PlaybackStatus": ("s", "Stopped"),
        "Position": ("x", round(position_s * 1e6)),
    }


def test_which_names_on_the_bus_are_players() -> None:
    assert is_player("org.mpris.MediaPlayer2.vlc.instance77")
    assert not is_player("org.mpris.MediaPlayer2.playerctld")
    assert not is_player("org.mpris.MediaPlayer2")
    assert not is_player("org.freedesktop.DBus")


def test_what_spotify_tells() -> None:
    found = player(
        SPOTIFY,
        metadata={
            "mpris:trackid": ("s", "/com/spotify/track/6rqhFgbbKwnb9MLmUQDhG6"),
            "mpris:length": ("t", 185_000_000),
            "xesam:title": ("s", "Rain"),
            "xesam:artist": ("as", ["One", "Two"]),
            "xesam:url": ("s", "https://open.spotify.com/track/6rqhFgbbKwnb9MLmUQDhG6"),
        },
        PlaybackStatus=("s", "Playing"),
        Position=("x", 3_500_000),
        Volume=("d", 0.4),
        CanGoNext=("b", False),
    )
    assert found.track == PlayingTrack("Rain", "One, Two", duration_s=185.0, position_s=3.5)
    assert (found.name, found.playing, found.volume, found.schemes) == ("Spotify", True, 0.4, {"spotify"})
    assert found.usable
    assert not found.has_next


def test_adverts_and_podcasts_of_spotify_are_told_apart() -> None:
    kinds = {"track": ContentKind.MUSIC, "ad": ContentKind.ADVERT, "episode": ContentKind.PODCAST}
    for word, kind in kinds.items():
        for track_id in (f"/com/spotify/{word}/x1", f"spotify:{word}:x1"):
            found = player(SPOTIFY, metadata={"mpris:trackid": ("s", track_id), "xesam:title": ("s", "T")})
            assert found.track is not None
            assert found.track.kind is kind


def test_who_opens_addresses_of_the_web_opens_files_and_a_browser_opens_nothing() -> None:
    assert {"file", "http", "https"} <= player(MPV).schemes
    browser = player(FIREFOX, metadata={"xesam:title": ("s", "A film")}, PlaybackStatus=("s", "Playing"))
    assert not browser.usable
    assert browser.playing
    assert browser.track is not None
    assert browser.track.kind is ContentKind.UNKNOWN


def test_one_that_says_it_is_stopped_plays_while_its_position_moves() -> None:
    first = player(MPV, **song(5.0))
    assert not first.playing
    second = player(MPV, before=first, now_s=100.1, **song(5.1))
    assert second.playing
    next_track = player(MPV, before=second, now_s=100.2, **song(0.0, "b"))
    assert next_track.playing  # a new track goes on as the one before
    before_it = player(MPV, before=second, now_s=100.2, **song(-0.1, "b"))
    assert before_it.track is not None
    assert (before_it.playing, before_it.track.position_s) == (True, 0.0)
    assert player(MPV, before=before_it, now_s=104.0, **song(0.8, "b")).playing
    assert not player(MPV, before=next_track, now_s=102.0, **song(0.0, "b")).playing
    over = player(MPV, before=second, now_s=100.2, PlaybackStatus=("s", "Stopped"))
    assert (over.playing, over.track) == (False, None)


def test_what_is_paused_or_holds_no_track_does_not_play() -> None:
    first = player(MPV, **song(5.0))
    assert not player(
        MPV, before=first, now_s=101.0, **{**song(6.0), "PlaybackStatus": ("s", "Paused")}
    ).playing
    for track_id in ("/org/mpris/MediaPlayer2/TrackList/NoTrack", "/noplaylist"):
        found = player(MPV, metadata={"mpris:trackid": ("o", track_id)}, PlaybackStatus=("s", "Playing"))
        assert (found.playing, found.track) == (False, None)


def test_a_track_without_a_title_is_called_by_its_file() -> None:
    found = player(MPV, metadata={"xesam:url": ("s", "file:///m/a%20song.mp3")})
    assert found.track is not None
    assert found.track.title == "a song.mp3"


def test_wrong_types_and_values_are_left_out() -> None:
    found = player(
        {"Identity": ("i", 7), "SupportedUriSchemes": ("s", "http")},
        metadata={
            "mpris:trackid": ("i", 4),
            "mpris:length": ("s", "long"),
            "xesam:title": ("as", ["a"]),
            "xesam:artist": ("s", "One"),
            "xesam:url": ("s", "http://r/x"),
        },
        PlaybackStatus=("i", 1),
        Position=("d", float("nan")),
        Volume=("d", -1.0),
        CanControl=("b", False),
    )
    assert found.name == "x"
    assert found.track == PlayingTrack("x", "One", kind=ContentKind.UNKNOWN)
    assert (found.volume, found.takes_commands, found.playing) == (None, False, False)
    assert player(MPV, Volume=("d", 1.25)).volume == 1.0
    assert player({"Identity": ("s", "A\x1b[2J\n B")}).name == "A\\x1b[2J B"


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=3)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(st.text(max_size=2), inner),
        st.dictionaries(st.text(max_size=5), inner),
    ),
    max_leaves=5,
)
KEYS = st.sampled_from(["PlaybackStatus", "Metadata", "Position", "Volume", "CanControl", "CanGoNext"])
ABOUT = st.sampled_from(["mpris:trackid", "mpris:length", "xesam:title", "xesam:artist", "xesam:url"])


@settings(derandomize=True, max_examples=50)
@given(
    st.dictionaries(st.sampled_from(["Identity", "SupportedUriSchemes"]), VALUES),
    st.dictionaries(KEYS, VALUES),
    st.dictionaries(ABOUT, VALUES),
)
def test_whatever_a_player_tells_is_read(
    application: dict[str, Any], properties: dict[str, Any], about: dict[str, Any]
) -> None:
    told = {"Metadata": ("a{sv}", about), **properties}
    found = parse_player("org.mpris.MediaPlayer2.x", application, told, before=None, now_s=1.0)
    again = parse_player("org.mpris.MediaPlayer2.x", application, told, before=found, now_s=2.0)
    assert found.name
    assert again.track is None or again.track.position_s is None or again.track.position_s >= 0.0
    assert found.volume is None or 0.0 <= found.volume <= 1.0

"""The player that plays in whichever player is open, on players in memory; real ones are in tests/e2e."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from playback.autopilot.attribution import ExternalAction, TrackedState, observe
from playback.player import ConnectionState, ContentKind, Outcome, OutcomeKind, PlayerKind, PlayingTrack
from playback.preferences.preferences import PlaylistRef
from playback.system_player.backend import OpenPlayer, PlayerCallError, PlayersUnseenError
from playback.system_player.player import SystemPlayer

RAIN = PlaylistRef("system:spotify:album:4aawyAB9vmqN3uQ7FjRGTy", "Rain")
RADIO = PlaylistRef("system:http://radio.example/live", "Radio")
SONG = PlayingTrack("Song", duration_s=100.0, position_s=10.0)
MPV = OpenPlayer("mpv", "mpv", schemes=frozenset({"file", "http"}), volume=0.5)
SPOTIFY = OpenPlayer("spotify", "Spotify", schemes=frozenset({"spotify"}), volume=1.0)
FILM = OpenPlayer("firefox", "Firefox", playing=True, track=replace(SONG, kind=ContentKind.UNKNOWN))


class MemoryBackend:
    """Players that do at once what they are asked to; a test may change them as people would."""

    examples = "mpv"

    def __init__(self, *players: OpenPlayer) -> None:
        self.lock = threading.Lock()
        self.open_now = {one.id: one for one in players}
        self.asked: list[tuple[str, ...]] = []
        self.unseen = ""
        self.on_open: Callable[[OpenPlayer, str], None] = self.obey
        self.closed = False

    def change(self, player_id: str, **changes: Any) -> None:
        with self.lock:
            self.open_now[player_id] = replace(self.open_now[player_id], **changes)

    def obey(self, player: OpenPlayer, link: str) -> None:
        track = PlayingTrack(link, duration_s=100.0, position_s=0.1)
        self.change(player.id, playing=True, track=track, track_id=link)

    def players(self, max_age_s: float) -> tuple[OpenPlayer, ...]:
        del max_age_s
        if self.unseen:
            raise PlayersUnseenError(self.unseen)
        with self.lock:
            return tuple(replace(one, seen_s=time.monotonic()) for one in self.open_now.values())

    def open(self, player: OpenPlayer, link: str) -> None:
        self.asked.append(("open", player.id, link))
        self.on_open(player, link)

    def pause(self, player: OpenPlayer) -> None:
        self.asked.append(("pause", player.id))
        self.change(player.id, playing=False)

    def resume(self, player: OpenPlayer) -> None:
        self.asked.append(("resume", player.id))
        self.change(player.id, playing=True)

    def next(self, player: OpenPlayer) -> None:
        self.asked.append(("next", player.id))
        self.change(player.id, track_id="next")

    def set_volume(self, player: OpenPlayer, volume: float) -> None:
        self.change(player.id, volume=volume)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def make() -> Iterator[Callable[..., tuple[SystemPlayer, MemoryBackend]]]:
    made: list[SystemPlayer] = []

    def build(*players: OpenPlayer, chosen: str = "") -> tuple[SystemPlayer, MemoryBackend]:
        backend = MemoryBackend(*players)
        made.append(SystemPlayer(lambda _: backend, links=lambda: (RAIN, RADIO), chosen=chosen, tick_s=0.01))
        return made[-1], backend

    yield build
    for player in made:
        player.close()


def ended(future: Any) -> Outcome:
    outcome = future.result(30.0)
    assert isinstance(outcome, Outcome)
    return outcome


def eventually(condition: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.005)


def test_the_links_are_its_playlists_and_the_players_its_devices(make: Any) -> None:
    player, _ = make(MPV, SPOTIFY)
    assert ended(player.refresh()) == Outcome(OutcomeKind.DONE, "mpv and Spotify are open.")
    seen = player.snapshot()
    assert player.kind is seen.kind is PlayerKind.SYSTEM
    assert [(one.uri, one.name) for one in seen.playlists] == [(RAIN.uri, "Rain"), (RADIO.uri, "Radio")]
    assert [one.name for one in seen.devices] == ["mpv", "Spotify"]
    assert (seen.connection.state, seen.playing, seen.playlist) == (ConnectionState.CONNECTED, False, None)


def test_a_link_plays_in_the_player_that_opens_it_and_the_other_one_pauses(make: Any) -> None:
    player, backend = make(MPV, SPOTIFY)
    assert ended(player.play(RADIO.uri)) == Outcome(OutcomeKind.DONE, "Radio plays in mpv now.")
    assert ended(player.play(RAIN.uri)).message == "Rain plays in Spotify now."
    assert backend.asked == [
        ("open", "mpv", "http://radio.example/live"),
        ("open", "spotify", "spotify:album:4aawyAB9vmqN3uQ7FjRGTy"),
        ("pause", "mpv"),
    ]
    seen = player.snapshot()
    assert seen.playlist is not None
    assert (seen.playlist.name, seen.device and seen.device.name, seen.playing) == ("Rain", "Spotify", True)


def test_one_that_is_closed_in_the_middle_of_a_switch_is_named(make: Any) -> None:
    player, backend = make(MPV)
    backend.on_open = lambda *_: backend.open_now.clear()
    outcome = ended(player.play(RADIO.uri))
    assert outcome.kind is OutcomeKind.GONE
    assert outcome.message.startswith("mpv was closed in the middle of the switch: open it again")
    assert player.snapshot().connection.message == "No player is open: open mpv."


def test_one_that_cannot_be_seen_any_more_in_the_middle_of_a_switch_is_named(make: Any) -> None:
    player, backend = make(MPV)

    def lose(*_: object) -> None:
        backend.unseen = "The bus has gone: start it again."

    backend.on_open = lose
    assert ended(player.play(RADIO.uri)) == Outcome(OutcomeKind.NO_DEVICE, backend.unseen)
    assert player.snapshot().connection.state is ConnectionState.DISCONNECTED


@pytest.mark.parametrize("changes", [{}, {"track": SONG, "playing": True}, {"track": SONG}])
def test_what_does_not_begin_to_play_is_said(make: Any, monkeypatch: Any, changes: dict[str, Any]) -> None:
    for name in ("_START_S", "_NOTHING_S", "_SETTLE_S", "_RESUME_AFTER_S"):
        monkeypatch.setattr(f"playback.system_player.player.{name}", 0.2)
    player, backend = make(replace(MPV, **changes))
    backend.on_open = lambda *_: None
    backend.resume = lambda _: None
    outcome = ended(player.play(RADIO.uri))
    assert outcome.kind is (OutcomeKind.FAILED if changes.get("playing") else OutcomeKind.EMPTY)
    assert "mpv was given Radio, but" in outcome.message


def test_one_that_opens_without_playing_is_told_to_play(make: Any) -> None:
    player, backend = make(MPV)

    def open_paused(one: OpenPlayer, link: str) -> None:
        backend.obey(one, link)
        backend.change(one.id, playing=False)

    backend.on_open = open_paused
    assert ended(player.play(RADIO.uri)).ok
    assert backend.asked[-1] == ("resume", "mpv")


def test_nothing_to_play_on_is_said_with_what_to_do(make: Any) -> None:
    for players, part in (
        ((), "No player is open: open mpv."),
        ((MPV,), "mpv cannot open links of Spotify: open a player that does"),
        ((FILM,), "Firefox cannot open links of Spotify"),
        ((replace(SPOTIFY, answers=False),), "Spotify cannot open"),
    ):
        player, _ = make(*players)
        outcome = ended(player.play(RAIN.uri))
        assert outcome.kind is OutcomeKind.NO_DEVICE
        assert part in outcome.message
    player, _ = make(MPV)
    assert ended(player.play("system:http://other/x")).kind is OutcomeKind.GONE


def test_a_file_that_is_not_there_any_more_is_named_and_what_plays_goes_on(tmp_path: Any) -> None:
    gone = PlaylistRef(f"system:{(tmp_path / 'gone.m3u').as_uri()}", "Gone")
    backend = MemoryBackend(MPV)
    player = SystemPlayer(lambda _: backend, links=lambda: (gone,))
    outcome = ended(player.play(gone.uri))
    player.close()
    assert outcome.kind is OutcomeKind.GONE
    assert str(tmp_path / "gone.m3u") in outcome.message
    assert backend.asked == []


def test_by_itself_it_disturbs_no_film_and_a_person_may(make: Any) -> None:
    player, backend = make(FILM, MPV)
    assert ended(player.refresh()).ok
    since_s = player.snapshot().taken_s
    outcome = ended(player.play(RADIO.uri, if_unchanged_since=since_s))
    assert outcome.kind is OutcomeKind.FORBIDDEN
    assert "Firefox plays something that may be a film or a call" in outcome.message
    assert backend.asked == []
    assert ended(player.play(RADIO.uri)).ok
    assert backend.asked[-1] == ("pause", "firefox")


def test_what_a_person_does_in_the_player_is_seen_and_not_played_over(make: Any) -> None:
    player, backend = make(MPV)
    assert ended(player.play(RADIO.uri)).ok
    state, _ = TrackedState().observed(observe(player.snapshot()), commanded=False)
    since_s = player.snapshot().taken_s
    backend.change("mpv", playing=False, track=SONG)
    eventually(lambda: not player.snapshot().playing)
    state, action = state.observed(observe(player.snapshot()), commanded=False)
    assert action is ExternalAction.PAUSED
    assert ended(player.play(RADIO.uri, if_unchanged_since=since_s)).kind is OutcomeKind.CHANGED
    backend.change("mpv", playing=True, address="file:///m/own.mp3")
    eventually(lambda: player.snapshot().playing)
    _, action = state.observed(observe(player.snapshot()), commanded=False)
    assert action is ExternalAction.CHOSE
    assert ended(player.play(RADIO.uri, if_unchanged_since=time.time())).ok


def test_commands_and_their_refusals(make: Any) -> None:
    player, backend = make(replace(MPV, has_next=False))
    assert ended(player.pause()).kind is OutcomeKind.NOTHING_TO_DO
    assert "has nothing to go on with" in ended(player.resume()).message
    assert "no next track" in ended(player.next()).message
    assert ended(player.play(RADIO.uri)).ok
    assert ended(player.pause()).ok
    assert not player.snapshot().playing
    assert ended(player.resume()).ok
    assert ended(player.resume()).kind is OutcomeKind.NOTHING_TO_DO
    backend.change("mpv", has_next=True)
    assert ended(player.next()).ok
    assert ended(player.set_volume(0.25)).ok
    assert player.snapshot().volume == 0.25
    assert ended(player.set_volume(0.25)).kind is OutcomeKind.NOTHING_TO_DO
    assert ended(player.set_volume(7)).kind is OutcomeKind.FAILED
    backend.change("mpv", volume=None)
    assert "can only be set there" in ended(player.set_volume(0.5)).message
    backend.change("mpv", track=None, playing=False)
    assert ended(player.resume()).message == "Radio plays in mpv now."  # it was over
    backend.open_now.clear()
    for command in (player.pause, player.resume, player.next):
        assert ended(command()) == Outcome(OutcomeKind.NO_DEVICE, "No player is open: open mpv.")


def test_a_call_that_fails_ends_the_command(make: Any) -> None:
    player, backend = make(MPV)

    def refuse(*_: object) -> None:
        raise PlayerCallError(OutcomeKind.UNREACHABLE, "mpv does not answer.")

    backend.on_open = refuse
    assert ended(player.play(RADIO.uri)) == Outcome(OutcomeKind.UNREACHABLE, "mpv does not answer.")


def test_the_chosen_player_is_used_while_it_is_open(make: Any) -> None:
    other = replace(MPV, id="vlc", name="VLC")
    player, backend = make(MPV, other, chosen="VLC")
    assert ended(player.play(RADIO.uri)).message == "Radio plays in VLC now."
    assert ended(player.choose_device("mpv")).message == "Radio plays in mpv now."  # it moves there
    assert backend.asked[-2:] == [("open", "mpv", "http://radio.example/live"), ("pause", "vlc")]
    missing = ended(player.choose_device("Rhythmbox"))
    assert missing.kind is OutcomeKind.GONE
    assert "mpv and VLC" in missing.message
    del backend.open_now["mpv"]
    assert ended(player.play(RADIO.uri)).message == "mpv cannot play it now, so it is VLC that plays."
    assert ended(player.choose_device("")).ok
    assert player.snapshot().device is not None
    assert player.snapshot().device.name == "VLC"


def test_a_backend_that_is_not_to_be_had_is_the_state_of_the_connection() -> None:
    def refuse(_: object) -> MemoryBackend:
        raise PlayersUnseenError("This session has no D-Bus: start it from the desktop.")

    player = SystemPlayer(refuse, links=lambda: ())
    assert ended(player.refresh()).kind is OutcomeKind.NO_DEVICE
    assert player.snapshot().connection.message.startswith("This session has no D-Bus")
    player.close()


def test_it_closes_while_a_switch_waits(make: Any) -> None:
    player, backend = make(MPV)
    opened = threading.Event()
    backend.on_open = lambda *_: opened.set()
    future = player.play(RADIO.uri)
    assert opened.wait(30.0)
    player.close()
    assert "closed" in ended(future).message
    eventually(lambda: backend.closed)

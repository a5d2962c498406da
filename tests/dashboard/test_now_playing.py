"""Now-playing: what stands in the bar, what its buttons ask for; without music it is one quiet line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest
from fake_music import DISCONNECTED, FakeMusic, a_suggestion, dry_run, on_spotify
from fakes import FakeEngine, Machine
from streamlit.testing.v1 import AppTest

from core import logs
from dashboard import opening
from dashboard.desk import Desk
from dashboard.feelings import background_of
from dashboard.now_playing import bar, obey, position
from dashboard.times import as_minutes, as_time, moment
from models.emotion.plane import Direction
from playback.player import (
    Connection,
    ConnectionState,
    Outcome,
    OutcomeKind,
    PlayerKind,
    PlayerSnapshot,
    Track,
)
from playback.preferences import Mode, Preferences
from playback.snapshot import MusicSnapshot, Phase

NOW_S = 1_000_000.0
SCRIPT = (
    "from dashboard import opening, now_playing\n"
    "desk = opening.open_page('Attune', 'a page')\n"
    "now_playing.now_playing(desk, set_up=lambda: None)\n"
)


def music(player: PlayerSnapshot, mode: Mode = Mode.AUTO, **changes: Any) -> MusicSnapshot:
    preferences = Preferences()
    preferences = replace(preferences, autopilot=replace(preferences.autopilot, mode=mode))
    return replace(MusicSnapshot(player, preferences, Phase.READY, "Waits for a feeling."), **changes)


def test_the_bar_names_what_plays_where_and_what_the_autopilot_does() -> None:
    html = bar(music(on_spotify()), NOW_S)
    assert "Drops on the window" in html
    assert "The Grey Clouds" in html
    assert "Rainy day · Spotify · Desk" in html
    assert 'data-do="pause"' in html
    assert 'data-do="play"' not in html
    assert 'aria-label="Volume"' in html
    assert "Waits for a feeling." in html
    assert "Autopilot: </span>auto</span>" in html
    assert 'data-do="undo"' not in html


def test_what_rests_can_be_played_and_a_switch_be_undone() -> None:
    html = bar(music(on_spotify(playing=False), can_undo=True), NOW_S)
    assert 'data-do="play"' in html
    assert 'data-do="pause"' not in html
    assert 'data-do="undo"' in html


def test_names_from_elsewhere_are_escaped() -> None:
    track = Track("<img src=x onerror=alert(1)>", '"<b>"', 10.0, 1.0)
    html = bar(music(on_spotify(track=track), says="<i>so</i>"), NOW_S, trouble="<u>no</u>")
    for raw in ("<img", "<b>", "<i>so", "<u>"):
        assert raw not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


@pytest.mark.parametrize("state", [ConnectionState.DISCONNECTED, ConnectionState.SIGN_IN_AGAIN])
def test_without_a_connection_it_is_one_quiet_line(state: ConnectionState) -> None:
    html = bar(music(PlayerSnapshot(PlayerKind.SPOTIFY, Connection(state, "Not signed in."))), NOW_S)
    assert "Spotify: " in html
    assert "Not signed in." in html
    assert "Set up music on the page Playlists" in html
    assert 'data-do="play"' not in html
    assert 'class="foot"' not in html


def test_the_dry_run_says_what_would_play() -> None:
    assert "nothing would be playing now." in bar(music(dry_run()), NOW_S)
    playing = dry_run(playing=True, playlist=on_spotify().playlist)
    html = bar(music(playing, can_undo=True), NOW_S, elsewhere=False)
    assert "Rainy day would be playing now." in html
    assert 'data-do="undo"' in html
    assert "Set up music" not in html


def test_a_suggestion_stands_in_the_bar_also_where_nothing_is_connected() -> None:
    for player in (on_spotify(), dry_run()):
        html = bar(music(player, Mode.SUGGEST, suggestion=a_suggestion()), NOW_S)
        assert "Play Rainy day?" in html
        assert "Sad was held for 4 s" in html
        assert 'data-do="accept"' in html
        assert 'data-do="not now"' in html


def test_a_suggestion_for_a_direction_has_its_mark() -> None:
    suggestion = replace(a_suggestion(), feeling=Direction.QUIET_PLEASANT)
    html = bar(music(on_spotify(), Mode.SUGGEST, suggestion=suggestion), NOW_S)
    assert f'style="background:{background_of(Direction.QUIET_PLEASANT)}"' in html


def test_a_rate_limit_is_told_with_its_end_and_the_buttons_rest() -> None:
    limited = Connection(ConnectionState.RATE_LIMITED, "Spotify was asked too often.", NOW_S + 600)
    html = bar(music(on_spotify(connection=limited)), NOW_S)
    assert f"Rate limited until {moment(NOW_S + 600, NOW_S)}." in html
    assert html.count(" disabled") == 3


def test_a_volume_or_a_length_that_is_not_known_is_left_out() -> None:
    html = bar(music(on_spotify(volume=None, track=Track("Rain"))), NOW_S)
    assert 'class="loud" hidden' in html
    assert 'class="position" hidden' in html
    nothing = bar(music(on_spotify(track=None, playing=False)), NOW_S)
    assert "Nothing is playing" in nothing
    assert nothing.count(" disabled") == 1


def test_music_that_has_only_just_begun_is_not_called_silence() -> None:
    html = bar(music(on_spotify(track=None)), NOW_S)
    assert "Nothing is playing" not in html
    assert html.count("Rainy day") == 2  # as the title, and as the title's tooltip
    assert "Music is playing" in bar(music(on_spotify(track=None, playlist=None)), NOW_S)


def test_the_position_goes_on_while_music_plays_and_no_further_than_the_end() -> None:
    player = on_spotify(taken_s=NOW_S)
    assert position(player, NOW_S + 10.0) == {"at_s": 73.0, "length_s": 214.0, "playing": True}
    assert position(player, NOW_S - 5.0) == {"at_s": 63.0, "length_s": 214.0, "playing": True}
    ended = position(player, NOW_S + 999.0)
    assert ended is not None
    assert ended["at_s"] == 214.0
    rests = position(replace(player, playing=False), NOW_S + 10.0)
    assert rests is not None
    assert rests["at_s"] == 63.0
    assert position(on_spotify(track=None), NOW_S) is None
    assert position(on_spotify(track=Track("Rain", "", 0.0, 0.0)), NOW_S) is None


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"what": "pause"}, ("pause",)),
        ({"what": "play"}, ("resume",)),
        ({"what": "next"}, ("next",)),
        ({"what": "volume", "value": 35}, ("volume", 0.35)),
        ({"what": "volume", "value": 900}, ("volume", 1.0)),
        ({"what": "undo"}, ("undo",)),
        ({"what": "accept"}, ("answer", True)),
        ({"what": "not now"}, ("answer", False)),
    ],
)
def test_every_button_asks_for_one_thing(asked: dict[str, Any], told: tuple[Any, ...]) -> None:
    fake = FakeMusic()
    obey(asked, fake)  # type: ignore[arg-type]
    assert fake.asked == [told]


def test_what_no_button_asks_for_is_ignored() -> None:
    fake = FakeMusic()
    obey({"what": "format"}, fake)  # type: ignore[arg-type]
    obey({}, fake)  # type: ignore[arg-type]
    assert fake.asked == []


def test_moments_are_written_with_their_day_where_it_is_another() -> None:
    noon = dt.datetime(2026, 11, 27, 12, 0).timestamp()
    hour = 3600.0
    assert moment(noon + hour, noon) == "13:00"
    assert moment(noon + 15 * hour, noon) == "03:00"
    assert moment(noon - 24 * hour, noon) == "26 Nov 12:00"
    assert moment(noon - 366 * 24 * hour, noon) == "2025-11-26 12:00"
    assert as_minutes(as_time(1439)) == 1439
    assert as_time(90) == dt.time(1, 30)


# On a page


@pytest.fixture
def tab(machine: Machine, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:  # noqa: ARG001
    """A browser tab with nothing but the bar, not yet open."""
    monkeypatch.setattr(opening, "open_desk", lambda: Desk(engine))  # type: ignore[arg-type]
    monkeypatch.setattr(logs, "start_logging", lambda: None)
    opening.shared_desk.clear()
    yield AppTest.from_string(SCRIPT, default_timeout=20)
    opening.shared_desk.clear()


def drawn(tab: AppTest) -> str:
    assert not tab.exception, tab.exception
    (component,) = tab.get("bidi_component")
    proto: Any = component.proto
    return str(proto.json)


def test_the_bar_says_that_somebody_looks(tab: AppTest, engine: FakeEngine) -> None:
    engine.music.show(player=on_spotify())
    assert "Drops on the window" in drawn(tab.run())
    assert engine.music.looks >= 1
    engine.music.show(player=PlayerSnapshot(PlayerKind.SPOTIFY, DISCONNECTED))
    assert "Not signed in." in drawn(tab.run())


def test_why_a_command_was_refused_is_told_in_the_bar(tab: AppTest, engine: FakeEngine) -> None:
    engine.music.show(player=on_spotify())
    tab.session_state["now problem"] = "The speaker is gone: choose another."
    assert "The speaker is gone: choose another." in drawn(tab.run())


def test_how_a_command_ended_is_told_where_it_ended_badly(tab: AppTest, engine: FakeEngine) -> None:
    engine.music.show(player=on_spotify())
    answer: Future[Outcome] = Future()
    tab.session_state["now answer"] = answer
    assert "now-problem" not in drawn(tab.run())
    answer.set_result(Outcome(OutcomeKind.NO_DEVICE, "No device is open: open Spotify somewhere."))
    assert "No device is open: open Spotify somewhere." in drawn(tab.run())
    tab.session_state["now answer"] = answer = Future()
    answer.set_result(Outcome(OutcomeKind.DONE, "It plays."))
    assert "It plays." not in drawn(tab.run())
    tab.session_state["now answer"] = answer = Future()
    answer.set_exception(ZeroDivisionError("boom"))
    assert "unexpected" in drawn(tab.run())


def test_a_bar_that_cannot_be_drawn_is_one_sentence(tab: AppTest, engine: FakeEngine) -> None:
    engine.music.shown = None  # type: ignore[assignment]
    tab.run()
    assert not tab.exception
    assert "unexpected" in tab.error[0].value

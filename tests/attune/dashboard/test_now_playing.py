"""Now-playing: what stands in the bar, what its buttons ask for; without music it is one quiet line."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from attune.dashboard.components import now_playing as page
from attune.dashboard.components.now_playing import handle_request
from attune.dashboard.views.feeling_colours import background_of
from attune.dashboard.views.formatting import as_minutes, as_time, moment
from attune.dashboard.views.now_playing_bar import now_playing_bar, position
from core.directions import Direction
from playback.player import (
    ConnectionState,
    ContentKind,
    Outcome,
    OutcomeKind,
    PlayerConnection,
    PlayerKind,
    PlayerSnapshot,
    PlayingTrack,
)
from playback.preferences.opinions import Opinion
from playback.preferences.preferences import Mode, Preferences
from playback.snapshot import MusicSnapshot, Phase
from tests.attune.dashboard.fake_music import DISCONNECTED, FakeMusic, a_suggestion, dry_run, on_spotify
from tests.attune.dashboard.fakes import FakeEngine

NOW_S = 1_000_000.0
SCRIPT = (
    "from attune.dashboard.components import now_playing, page_header\n"
    "context = page_header.open_page('Attune', 'a page')\n"
    "now_playing.now_playing(context, elsewhere=True)\n"
)


def music(player: PlayerSnapshot, mode: Mode = Mode.AUTO, **changes: Any) -> MusicSnapshot:
    preferences = Preferences()
    preferences = replace(preferences, autopilot=replace(preferences.autopilot, mode=mode))
    return replace(MusicSnapshot(player, preferences, Phase.READY, "Waits for a feeling."), **changes)


def test_the_bar_names_what_plays_where_and_what_the_autopilot_does() -> None:
    html = now_playing_bar(music(on_spotify()), NOW_S)
    assert "Drops on the window" in html
    assert "The Grey Clouds" in html
    assert "Rainy day · Spotify · Desk" in html
    assert 'data-action="pause"' in html
    assert 'data-action="play"' not in html
    assert 'aria-label="Volume"' in html
    assert "Waits for a feeling." in html
    assert "Autopilot: auto</span>" in html
    assert 'data-action="undo"' not in html


def test_what_rests_can_be_played_and_a_switch_be_undone() -> None:
    html = now_playing_bar(music(on_spotify(playing=False), can_undo=True), NOW_S)
    assert 'data-action="play"' in html
    assert 'data-action="pause"' not in html
    assert 'data-action="undo"' in html


@pytest.mark.parametrize("phase", Phase)
def test_every_wait_that_a_person_can_end_has_a_button_beside_it(phase: Phase) -> None:
    html = now_playing_bar(music(on_spotify(), phase=phase), NOW_S)
    waits = phase in (Phase.COOLING, Phase.OVERRIDDEN, Phase.QUIET, Phase.CALL)
    assert ('data-action="resume now"' in html) is waits


@pytest.mark.parametrize(
    ("kind", "word"), [(ContentKind.PODCAST, "Podcast"), (ContentKind.AUDIOBOOK, "Audiobook")]
)
def test_what_is_no_music_is_called_so(kind: ContentKind, word: str) -> None:
    track = PlayingTrack("Episode 7", "A Show", kind=kind)
    html = now_playing_bar(music(on_spotify(playlist=None, track=track)), NOW_S)
    assert f"{word} · Spotify · Desk" in html


def test_names_from_elsewhere_are_escaped() -> None:
    track = PlayingTrack("<img src=x onerror=alert(1)>", '"<b>"', 10.0, 1.0)
    html = now_playing_bar(music(on_spotify(track=track), message="<i>so</i>"), NOW_S, problem="<u>no</u>")
    for raw in ("<img", "<b>", "<i>so", "<u>"):
        assert raw not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


@pytest.mark.parametrize("state", [ConnectionState.DISCONNECTED, ConnectionState.SIGN_IN_AGAIN])
def test_without_a_connection_it_is_one_quiet_line(state: ConnectionState) -> None:
    html = now_playing_bar(
        music(PlayerSnapshot(PlayerKind.SPOTIFY, PlayerConnection(state, "Not signed in."))), NOW_S
    )
    assert "Spotify: " in html
    assert "Not signed in." in html
    assert "Set up music" in html
    assert 'data-action="play"' not in html
    assert 'class="foot"' not in html


def test_the_dry_run_says_what_would_play() -> None:
    assert "nothing would play now." in now_playing_bar(music(dry_run()), NOW_S)
    playing = dry_run(playing=True, playlist=on_spotify().playlist)
    html = now_playing_bar(music(playing, can_undo=True), NOW_S, elsewhere=False)
    assert "Rainy day would play now." in html
    assert 'data-action="undo"' in html
    assert "Set up music" not in html


def test_a_suggestion_stands_in_the_bar_also_where_nothing_is_connected() -> None:
    for player in (on_spotify(), dry_run()):
        html = now_playing_bar(music(player, Mode.SUGGEST, suggestion=a_suggestion()), NOW_S)
        assert "Play Rainy day?" in html
        assert "Sad was held for 4 s" in html
        assert 'data-action="accept"' in html
        assert 'data-action="not now"' in html


def test_a_suggestion_for_a_direction_has_its_mark() -> None:
    suggestion = replace(a_suggestion(), feeling=Direction.QUIET_PLEASANT)
    html = now_playing_bar(music(on_spotify(), Mode.SUGGEST, suggestion=suggestion), NOW_S)
    assert f'style="background:{background_of(Direction.QUIET_PLEASANT)}"' in html


def test_a_rate_limit_is_told_with_its_end_and_the_buttons_rest() -> None:
    limited = PlayerConnection(ConnectionState.RATE_LIMITED, "Spotify was asked too often.", NOW_S + 600)
    html = now_playing_bar(music(on_spotify(connection=limited)), NOW_S)
    assert f"Rate limited until {moment(NOW_S + 600, NOW_S)}." in html
    assert html.count(" disabled") == 3


def test_a_quota_that_is_used_up_is_told_with_its_end() -> None:
    used_up = PlayerConnection(ConnectionState.QUOTA_EXCEEDED, "The quota is used up.", NOW_S + 600)
    html = now_playing_bar(music(on_spotify(connection=used_up)), NOW_S)
    assert f"Spotify&#39;s quota is used up until {moment(NOW_S + 600, NOW_S)}." in html
    assert html.count(" disabled") == 3


def test_a_volume_or_a_length_that_is_not_known_is_left_out() -> None:
    html = now_playing_bar(music(on_spotify(volume=None, track=PlayingTrack("Rain"))), NOW_S)
    assert 'class="volume" hidden' in html
    assert 'class="position" hidden' in html
    nothing = now_playing_bar(music(on_spotify(track=None, playing=False)), NOW_S)
    assert "Nothing is playing" in nothing
    assert nothing.count(" disabled") == 1


def test_music_that_has_only_just_begun_is_not_called_silence() -> None:
    html = now_playing_bar(music(on_spotify(track=None)), NOW_S)
    assert "Nothing is playing" not in html
    assert html.count("Rainy day") == 2  # as the title, and as the title's tooltip
    assert "Music is playing" in now_playing_bar(music(on_spotify(track=None, playlist=None)), NOW_S)


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
    assert position(on_spotify(track=PlayingTrack("Rain", "", 0.0, 0.0)), NOW_S) is None


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"action": "pause"}, ("pause",)),
        ({"action": "play"}, ("resume",)),
        ({"action": "next"}, ("next",)),
        ({"action": "volume", "value": 35}, ("volume", 0.35)),
        ({"action": "volume", "value": 900}, ("volume", 1.0)),
        ({"action": "undo"}, ("undo",)),
        ({"action": "resume now"}, ("resume autopilot",)),
        ({"action": "more like this"}, ("opinion", Opinion.MORE)),
        ({"action": "not this"}, ("opinion", Opinion.NOT_THIS)),
        ({"action": "accept"}, ("answer", True)),
        ({"action": "not now"}, ("answer", False)),
    ],
)
def test_every_button_asks_for_one_thing(request_: dict[str, Any], told: tuple[Any, ...]) -> None:
    fake = FakeMusic()
    handle_request(request_, fake)  # type: ignore[arg-type]
    assert fake.asked == [told]


@pytest.mark.parametrize("player", [on_spotify(), dry_run(playing=True, playlist=on_spotify().playlist)])
def test_music_that_plays_can_be_rated(player: PlayerSnapshot) -> None:
    html = now_playing_bar(music(player, can_rate=True), NOW_S)
    for words in ("More like this", "Not this"):
        assert f'data-action="{words.lower()}" data-focus="{words.lower()}" aria-label="{words}"' in html
    assert "hidden><svg" not in html


def test_what_cannot_be_rated_keeps_the_place_of_the_buttons() -> None:
    html = now_playing_bar(music(on_spotify(playing=False)), NOW_S)
    assert html.count("hidden><svg") == 2
    assert "Not this" not in now_playing_bar(music(dry_run()), NOW_S)
    limited = PlayerConnection(ConnectionState.RATE_LIMITED, "Spotify was asked too often.", NOW_S + 600)
    html = now_playing_bar(music(on_spotify(connection=limited), can_rate=True), NOW_S)
    assert html.count("hidden><svg") == 2


def test_what_no_button_asks_for_is_ignored() -> None:
    fake = FakeMusic()
    handle_request({"action": "format"}, fake)  # type: ignore[arg-type]
    handle_request({}, fake)  # type: ignore[arg-type]
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
def tab(invented_context: None) -> AppTest:  # noqa: ARG001
    """A browser tab with nothing but the bar, not yet open."""
    return AppTest.from_string(SCRIPT, default_timeout=20)


def drawn(tab: AppTest) -> str:
    assert not tab.exception, tab.exception
    (proto,) = [
        one.proto
        for one in tab.get("bidi_component")
        if one.proto.component_name.endswith("now_playing_feed")
    ]
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


def test_trouble_that_is_over_leaves_the_bar(
    tab: AppTest, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [NOW_S]
    monkeypatch.setattr(page.time, "time", lambda: now_s[0])
    engine.music.show(player=on_spotify())
    for _again in range(2):
        tab.session_state["now problem"] = "Spotify did not answer in time."
        assert "Spotify did not answer in time." in drawn(tab.run())
        now_s[0] += 29.0
        assert "Spotify did not answer in time." in drawn(tab.run())
        now_s[0] += 2.0
        assert "now-problem" not in drawn(tab.run())


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

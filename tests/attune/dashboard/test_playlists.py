"""The Playlists page: player, sign-in, devices, mapping, autopilot and what happened, with invented music."""

from __future__ import annotations

import datetime as dt
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from attune.dashboard.views.feeling_colours import HUES, background_of
from attune.dashboard.views.formatting import moment
from attune.dashboard.views.music_history import music_history
from attune.dashboard.views.now_playing_bar import PLAYERS
from attune.dashboard.views.opinions import opinion_words
from attune.dashboard.views.player_status import (
    autopilot_status,
    connection_status,
    scan_progress,
    sign_in_steps,
)
from attune.dashboard.views.playlist_choices import chosen, labels_of, styles_of, with_chosen
from core.directions import DIRECTIONS, Direction, Feeling
from core.emotions import EMOTIONS, Emotion
from core.errors import AttuneError
from playback.mapping.styles import Strategy, Style
from playback.player import (
    ConnectionState,
    Outcome,
    OutcomeKind,
    OutputDevice,
    PlayerConnection,
    PlayerKind,
    Playlist,
)
from playback.preferences.opinions import Opinion, PlaylistOpinion
from playback.preferences.preferences import MappingEntry, Mode, PlaylistRef, Preferences
from playback.snapshot import MusicRecord, MusicSnapshot, Phase, RecordKind
from tests.attune.dashboard.fake_music import (
    CLIENT_ID,
    FOCUS,
    PARTY,
    RAINY,
    FakeMusic,
    FakeScan,
    FakeSignIn,
    on_spotify,
    some_records,
)
from tests.attune.dashboard.fakes import FakeEngine, Machine, accepted, listening
from tests.attune.dashboard.tabs import healthy, labels
from tests.paths import ROOT

APP = str(ROOT / "app.py")
SCRIPT = "from attune.dashboard.pages import playlists\nplaylists.page()\n"
NOW_S = 1_764_250_000.0
RAINY_REF, PARTY_REF = PlaylistRef(RAINY.uri, RAINY.name), PlaylistRef(PARTY.uri, PARTY.name)
GONE_REF = PlaylistRef("spotify:playlist:9", "Evening")
LOCAL_REF = PlaylistRef("local:style:calming", "Calming")


@pytest.fixture
def tab(machine: Machine, invented_context: None) -> AppTest:  # noqa: ARG001
    """A browser tab at the page, not yet open."""
    machine.plug_in_microphone()
    return AppTest.from_string(SCRIPT, default_timeout=20)


@pytest.fixture
def music(engine: FakeEngine) -> FakeMusic:
    return engine.music


def html(tab: AppTest) -> str:
    """All that is drawn by our own markup."""
    parts = [str(part.proto.body) for part in tab.get("html")]
    parts += [str(part.proto.json) for part in tab.get("bidi_component")]
    return "\n".join(parts)


def field(tab: AppTest, kind: str, name: str) -> Any:
    """The widget of that name; its key counts how often somebody else has changed it."""
    (found,) = [one for one in getattr(tab, kind) if str(one.key).rpartition(" ")[0] == name]
    return found


def captions(tab: AppTest) -> str:
    return "\n".join(caption.value.replace("\\", "") for caption in tab.caption)


def strategy_of(music: FakeMusic, feeling: Feeling) -> MappingEntry:
    return music.shown.preferences.choices[feeling]


def chooses(music: FakeMusic, emotion: Emotion, choice: MappingEntry) -> None:
    preferences = music.shown.preferences
    music.show(preferences=replace(preferences, choices={**preferences.choices, emotion: choice}))


# Player


def test_the_page_opens_with_the_dry_run_and_tells_what_each_player_needs(
    tab: AppTest, music: FakeMusic
) -> None:
    healthy(tab.run())
    which = field(tab, "radio", "playlists player")
    assert which.options == list(PLAYERS.values())
    assert which.options[:3] == ["Spotify", "Music on this machine", "A player that is open"]
    assert which.value is PlayerKind.DRY_RUN
    assert "Preview (no sound)" in html(tab)
    assert "Sign in" not in labels(tab)
    assert "Scan" not in labels(tab)
    assert music.looks >= 1
    assert "choose a player above" in captions(tab)


def test_another_player_is_taken_into_use_and_a_refusal_leaves_the_old_one(
    tab: AppTest, music: FakeMusic
) -> None:
    healthy(tab.run())
    healthy(field(tab, "radio", "playlists player").set_value(PlayerKind.SPOTIFY).run())
    assert ("use", PlayerKind.SPOTIFY) in music.asked
    assert "Sign in" in labels(tab)
    music.refusal = AttuneError("No sound device is to be had: plug one in.")
    healthy(field(tab, "radio", "playlists player").set_value(PlayerKind.LOCAL).run())
    assert [error.value.replace("\\", "") for error in tab.error] == [
        "No sound device is to be had: plug one in."
    ]
    assert music.kind is PlayerKind.SPOTIFY
    assert field(tab, "radio", "playlists player").value is PlayerKind.SPOTIFY


def test_links_are_pasted_refused_in_one_sentence_and_removed(tab: AppTest, music: FakeMusic) -> None:
    music.use(PlayerKind.SYSTEM)
    music.kind = PlayerKind.SYSTEM
    healthy(tab.run())
    assert "No link was pasted yet" in captions(tab)
    assert "paste a link to one above" in captions(tab)

    def paste(link: str, name: str) -> None:
        tab.text_input(key="links typed").set_value(link)
        tab.text_input(key="links name").set_value(name)
        (add,) = [one for one in tab.button if one.label == "Add"]
        healthy(add.click().run())

    paste("https://open.spotify.com/track/4aawyAB9vmqN3uQ7FjRGTy", "Rain")
    assert "is one song on Spotify" in tab.error[0].value
    assert tab.text_input(key="links typed").value.startswith("https://open")  # to be corrected
    paste("open.spotify.com/album/4aawyAB9vmqN3uQ7FjRGTy", "Rain <b>")
    assert not tab.error
    assert tab.text_input(key="links typed").value == ""
    (kept,) = music.shown.preferences.links
    assert kept == PlaylistRef("system:spotify:album:4aawyAB9vmqN3uQ7FjRGTy", "Rain <b>")
    assert "Rain &lt;b&gt;" in html(tab)
    (remove,) = [one for one in tab.button if one.label.startswith("Remove Rain")]
    healthy(remove.click().run())
    assert music.shown.preferences.links == ()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (ConnectionState.CONNECTED, "Connected"),
        (ConnectionState.DEGRADED, "Works in part"),
        (ConnectionState.SIGN_IN_AGAIN, "Sign in again"),
        (ConnectionState.DISCONNECTED, "Disconnected"),
        (ConnectionState.RATE_LIMITED, f"Rate limited until {moment(NOW_S + 600, NOW_S)}"),
        (ConnectionState.QUOTA_EXCEEDED, f"Quota used up until {moment(NOW_S + 600, NOW_S)}"),
    ],
)
def test_the_connection_is_told_in_words(state: ConnectionState, words: str) -> None:
    connection = PlayerConnection(state, "<b>So</b> it is.", NOW_S + 600, "Robin & Co", 1)
    drawn = connection_status(connection, PlayerKind.SPOTIFY, NOW_S)
    assert f">{words}</strong>" in drawn
    assert "&lt;b&gt;So&lt;/b&gt; it is." in drawn
    assert "Robin &amp; Co" in drawn
    for told in ("1 call in the last 24 hours", "other apps of your developer account share the quota"):
        assert (told in drawn) is (state is not ConnectionState.DISCONNECTED)
    assert "calls" not in connection_status(PlayerConnection(state), PlayerKind.LOCAL, NOW_S)


def test_a_wait_of_the_autopilot_has_a_button_that_ends_it(tab: AppTest, music: FakeMusic) -> None:
    music.show(player=on_spotify(), phase=Phase.OVERRIDDEN, message="The autopilot keeps quiet.")
    healthy(tab.run())
    healthy(tab.button(key="autopilot resume").click().run())
    assert ("resume autopilot",) in music.asked
    assert "Resume now" not in labels(tab)


def test_a_device_that_takes_no_commands_is_named(tab: AppTest, music: FakeMusic) -> None:
    car = OutputDevice("Car", active=True, takes_commands=False)
    music.show(player=on_spotify(device=car, devices=(car,)))
    healthy(tab.run())
    said = tab.info[0].value.replace("\\", "")
    assert said.startswith("Spotify is open on Car, which takes no commands from apps")
    assert "Car (takes no commands from apps)" in field(tab, "selectbox", "playlists device").options


# Sign-in


def test_signing_in_asks_for_the_client_id_with_the_exact_steps(tab: AppTest, music: FakeMusic) -> None:
    music.use(PlayerKind.SPOTIFY)
    healthy(tab.run())
    assert "<li>Create an app &amp; note its id.</li>" in html(tab)
    assert tab.code[0].value == music.redirect_address
    healthy(field(tab, "text_input", "connection client").set_value("short").run())
    healthy(tab.button(key="connection sign in").click().run())
    assert "is no client id" in tab.error[0].value
    healthy(field(tab, "text_input", "connection client").set_value(f" {CLIENT_ID} ").run())
    healthy(tab.checkbox(key="connection may create").check().run())
    healthy(tab.button(key="connection sign in").click().run())
    assert ("sign in", CLIENT_ID, True) in music.asked
    assert not tab.error


def test_while_it_waits_the_way_to_spotify_and_cancel_are_there(tab: AppTest, music: FakeMusic) -> None:
    music.use(PlayerKind.SPOTIFY)
    music.account = replace(music.account, client_id=CLIENT_ID)
    music.sign_in = FakeSignIn()
    healthy(tab.run())
    (link,) = tab.get("link_button")
    proto: Any = link.proto
    assert proto.url == "http://127.0.0.1:9/authorize?state=x"
    assert "Waiting for your answer" in html(tab)
    assert "Sign in" not in labels(tab)
    healthy(tab.button(key="connection cancel").click().run())
    assert ("cancel sign in",) in music.asked
    assert [told.value.replace("\\", "") for told in tab.info] == ["The sign-in was cancelled."]
    assert not tab.error
    assert field(tab, "text_input", "connection client").value == CLIENT_ID


def test_a_player_that_vanishes_and_one_that_waits_for_a_sign_in_are_told_once(
    tab: AppTest, music: FakeMusic
) -> None:
    music.show(player=on_spotify())
    gone = Outcome(OutcomeKind.GONE, "Spotify was closed in the middle of the switch: open it again.")
    answer: Future[Outcome] = Future()
    answer.set_result(gone)
    healthy(tab.run())
    music.show(
        player=replace(music.shown.player, connection=replace(on_spotify().connection, message=gone.message))
    )
    tab.session_state["play answer"] = answer
    assert gone.message in html(healthy(tab.run()))
    assert not tab.error
    music.sign_in = FakeSignIn(waiting=False, outcome=gone)
    assert not healthy(tab.run()).error
    music.sign_in = FakeSignIn()
    assert "connection-state" not in html(healthy(tab.run()))


def test_how_a_sign_in_failed_is_told(tab: AppTest, music: FakeMusic) -> None:
    music.use(PlayerKind.SPOTIFY)
    no = Outcome(OutcomeKind.FAILED, "You pressed Cancel on Spotify's page: press Sign in to try again.")
    music.sign_in = FakeSignIn(waiting=False, outcome=no)
    healthy(tab.run())
    assert [told.value.replace("\\", "") for told in tab.error] == [no.message]


def test_connected_it_can_be_tested_and_disconnecting_asks_once_more(tab: AppTest, music: FakeMusic) -> None:
    music.show(player=on_spotify())
    healthy(tab.run())
    assert "Robin Listener" in html(tab)
    assert "37 calls in the last 24 hours" in html(tab)
    healthy(tab.button(key="connection test").click().run())
    assert ("refresh",) in music.asked
    assert [told.value for told in tab.success] == ["It answers: 4 playlists and 2 devices are there."]
    music.answered = Outcome(OutcomeKind.UNREACHABLE, "Spotify cannot be reached: check the network.")
    healthy(tab.button(key="connection test").click().run())
    assert [told.value.replace("\\", "") for told in tab.error] == [music.answered.message]
    assert "Disconnect" not in labels(tab)
    healthy(tab.button(key="connection disconnect").click().run())
    assert ("disconnect",) in music.asked
    assert "Sign in" in labels(tab)


def test_steps_are_numbered_and_escaped() -> None:
    assert sign_in_steps(["a < b"], "") == '<ol class="at-steps"><li>a &lt; b</li></ol>'
    linked = sign_in_steps(["Open https://a.example/board, and log in."], "")
    assert '<a href="https://a.example/board" target="_blank"' in linked
    assert ">https://a.example/board</a>, and log in." in linked


# Music on this machine


def test_a_folder_is_scanned_with_progress_and_can_be_cancelled(tab: AppTest, music: FakeMusic) -> None:
    music.use(PlayerKind.LOCAL)
    healthy(tab.run())
    assert "No music has been scanned yet." in html(tab)
    healthy(tab.button(key="connection scan").click().run())
    assert "No folder was named" in tab.error[0].value
    healthy(field(tab, "text_input", "connection folder").set_value(' "~/Music" ').run())
    healthy(tab.button(key="connection scan").click().run())
    assert ("scan", Path("~/Music").expanduser()) in music.asked
    assert "Looking for files" in html(tab)
    assert field(tab, "text_input", "connection folder").disabled
    assert "Scan" not in labels(tab)
    healthy(tab.button(key="connection cancel scan").click().run())
    assert ("cancel scan",) in music.asked
    assert "Scan" in labels(tab)


def test_a_scan_is_told_in_figures_and_its_trouble_in_a_sentence() -> None:
    drawn = scan_progress(FakeScan(), (1, 0))  # type: ignore[arg-type]
    assert "40 of 100 files" in drawn
    assert 'aria-valuenow="40"' in drawn
    assert "1 track can be played." in drawn
    ended = FakeScan(running=False, problem="The folder <x> is gone.")
    broken = scan_progress(ended, (988, 12))  # type: ignore[arg-type]
    assert "The folder &lt;x&gt; is gone." in broken
    assert "988 tracks can be played, 12 files could not be read." in broken
    assert "progressbar" not in broken


# Devices


def test_a_device_is_chosen_by_its_name(tab: AppTest, music: FakeMusic) -> None:
    music.show(player=on_spotify())
    healthy(tab.run())
    devices = field(tab, "selectbox", "playlists device")
    assert devices.options == ["Whichever is active", "Desk (active)", "Kitchen"]
    assert devices.value == "Desk"
    healthy(devices.set_value("Kitchen").run())
    assert ("device", "Kitchen") in music.asked
    assert field(tab, "selectbox", "playlists device").value == "Kitchen"


def test_a_playlist_is_played_at_once(tab: AppTest, music: FakeMusic) -> None:
    music.show(player=on_spotify())
    healthy(tab.run())
    assert field(tab, "selectbox", "playlists list").value == RAINY.uri
    healthy(field(tab, "selectbox", "playlists list").set_value(FOCUS.uri).run())
    assert music.asked == []
    healthy(tab.button(key="playlists play").click().run())
    assert music.asked == [("play", FOCUS.uri)]


def test_a_device_that_is_not_listed_now_keeps_its_line(tab: AppTest, music: FakeMusic) -> None:
    player = on_spotify()
    music.show(player=replace(player, devices=player.devices[1:]))
    healthy(tab.run())
    assert "Desk (not there now)" in field(tab, "selectbox", "playlists device").options


# Mapping


def test_every_emotion_has_its_colour_and_says_where_each_strategy_leads(
    tab: AppTest, music: FakeMusic
) -> None:
    music.show(player=on_spotify())
    healthy(tab.run())
    assert set(HUES) == set(EMOTIONS)
    drawn = html(tab)
    for emotion in EMOTIONS:
        assert f'style="background:{HUES[emotion]}"' in drawn
    assert "Lift: uplifting or calming" in drawn
    assert styles_of(Emotion.SAD, Strategy.MATCH) == (Style.CALMING,)


def test_the_directions_are_chosen_for_in_a_group_of_their_own_folded_at_first(
    tab: AppTest, music: FakeMusic
) -> None:
    music.show(player=on_spotify())
    healthy(tab.run())
    (group,) = [one for one in tab.expander if one.label == "When only the direction is sure"]
    assert not group.proto.expanded
    words = "\n".join(str(part.proto.body) for part in group.get("html"))
    assert "If no emotion is sure" in words
    for direction in DIRECTIONS:
        assert direction.capitalize() in words
    assert "Happy" not in words
    assert len(group.multiselect) == len(DIRECTIONS)


def test_where_a_direction_leads_is_chosen_like_an_emotion(tab: AppTest, music: FakeMusic) -> None:
    music.show(player=on_spotify())
    healthy(tab.run())
    healthy(field(tab, "button_group", "mapping lively and unpleasant strategy").set_value("match").run())
    assert strategy_of(music, Direction.LIVELY_UNPLEASANT).strategy is Strategy.MATCH
    healthy(tab.button(key="mapping lively and unpleasant use").click().run())
    assert [one.name for one in strategy_of(music, Direction.LIVELY_UNPLEASANT).match] == ["Running fast"]
    lists = field(tab, "multiselect", "mapping quiet lists")
    healthy(lists.set_value([PARTY.uri, RAINY.uri]).run())
    assert strategy_of(music, Direction.QUIET).match == (PARTY_REF, RAINY_REF)
    assert strategy_of(music, Direction.QUIET_PLEASANT).match == ()


def test_every_direction_has_a_mark_of_its_own() -> None:
    assert len({background_of(one) for one in (*EMOTIONS, *DIRECTIONS)}) == len(EMOTIONS) + len(DIRECTIONS)
    assert HUES[Emotion.ANGRY] in background_of(Direction.LIVELY)
    assert "left top" in background_of(Direction.LIVELY_UNPLEASANT)
    assert "right bottom" in background_of(Direction.QUIET_PLEASANT)


def test_the_strategy_of_an_emotion_is_changed(tab: AppTest, music: FakeMusic) -> None:
    music.show(player=on_spotify())
    healthy(tab.run())
    control = tab.get("button_group")
    assert control
    healthy(field(tab, "button_group", "mapping angry strategy").set_value(Strategy.LIFT).run())
    assert strategy_of(music, Emotion.ANGRY).strategy is Strategy.LIFT
    assert strategy_of(music, Emotion.HAPPY).strategy is Strategy.MATCH


def test_playlists_are_chosen_in_the_order_of_their_turns_and_those_of_other_players_stay(
    tab: AppTest, music: FakeMusic
) -> None:
    music.show(player=on_spotify())
    chooses(music, Emotion.HAPPY, MappingEntry(Strategy.MATCH, match=(LOCAL_REF,)))
    healthy(tab.run())
    lists = field(tab, "multiselect", "mapping happy lists")
    assert lists.options == ["Rainy day", "Party <b>bangers</b>", "Running fast", "Focus"]
    assert lists.value == []
    healthy(lists.set_value([PARTY.uri, RAINY.uri]).run())
    assert strategy_of(music, Emotion.HAPPY).match == (PARTY_REF, RAINY_REF, LOCAL_REF)
    assert strategy_of(music, Emotion.HAPPY).lift == ()
    chooses(music, Emotion.HAPPY, MappingEntry(Strategy.MATCH, match=(RAINY_REF,)))
    healthy(tab.run())
    assert field(tab, "multiselect", "mapping happy lists").value == [RAINY.uri]


def test_what_was_said_of_playlists_is_listed_with_its_reason_and_forgotten_by_a_button(
    tab: AppTest, music: FakeMusic
) -> None:
    now_s = int(time.time())
    said = (
        PlaylistOpinion(PARTY.uri, "[Party](x)", 0.5, Opinion.NOT_THIS, now_s),
        PlaylistOpinion(RAINY.uri, "Rainy day", 1.5, Opinion.MORE, now_s),
        PlaylistOpinion("local:style:chill", "Chill", 1.5, Opinion.MORE, now_s),
        PlaylistOpinion(FOCUS.uri, "Focus", 1.5, Opinion.MORE, now_s - 400 * 86_400),
    )
    music.show(player=on_spotify())
    healthy(tab.run())
    assert not [button for button in tab.button if "forget" in str(button.key)]
    chooses(music, Emotion.HAPPY, MappingEntry(Strategy.MATCH, opinions=said))
    healthy(tab.run())
    assert "You said not this to [Party](x) today, so it comes up half as often." in captions(tab)
    assert "You said more like this to Rainy day today, so it comes up 50\xa0% more often." in captions(tab)
    assert "Chill" not in captions(tab)  # of another player
    assert "Focus" not in captions(tab)  # long faded
    # Each button says what it is for, as screen readers list them.
    assert len(set(labels(tab))) == len(labels(tab))
    healthy(tab.button(key=f"mapping happy forget {PARTY.uri}").click().run())
    assert strategy_of(music, Emotion.HAPPY).opinions == said[1:]
    assert "[Party](x)" not in captions(tab)
    healthy(tab.button(key="mapping forget all").click().run())
    assert strategy_of(music, Emotion.HAPPY).opinions == ()
    assert not [button for button in tab.button if "forget" in str(button.key)]


def test_the_day_of_what_was_said_is_named() -> None:
    noon_s = int(dt.datetime(2026, 11, 29, 12).timestamp())
    skipped = PlaylistOpinion(PARTY.uri, "Party", 0.9, Opinion.SKIPPED, noon_s)
    later_s = dt.datetime(2026, 12, 2, 12).timestamp()
    words = "You skipped a track of Party on 29 Nov, so it comes up 9\xa0% less often."
    assert opinion_words(skipped, later_s) == words
    assert "on 29 Nov 2026" in opinion_words(skipped, dt.datetime(2027, 1, 2, 12).timestamp())


def test_what_would_be_played_is_suggested_and_taken_by_a_button(tab: AppTest, music: FakeMusic) -> None:
    music.show(player=on_spotify())
    healthy(tab.run())
    assert "Suggested: Party <b>bangers</b>" in captions(tab)
    assert "No playlist suits by its name" in captions(tab)
    healthy(tab.button(key="mapping happy use").click().run())
    assert strategy_of(music, Emotion.HAPPY).match == (PARTY_REF,)
    assert field(tab, "multiselect", "mapping happy lists").value == [PARTY.uri]
    assert not [button for button in tab.button if button.key == "mapping happy use"]


def test_where_nothing_of_ones_own_suits_spotify_is_searched(tab: AppTest, music: FakeMusic) -> None:
    public = [
        Playlist(f"spotify:playlist:p{turn}", f"Hype {turn}", owned=False, style=None) for turn in range(4)
    ]
    music.show(player=on_spotify())
    healthy(tab.run())
    healthy(tab.button(key="mapping surprised search").click().run())
    assert ("search", Style.EXCITING) in music.asked
    music.found = {Style.EXCITING: tuple(public)}
    healthy(tab.run())
    assert "Found on Spotify: Hype 0, Hype 1, Hype 2, Hype 3" in captions(tab)
    assert field(tab, "multiselect", "mapping surprised lists").options[-4:] == [one.name for one in public]
    assert "Hype 0" not in field(tab, "multiselect", "mapping happy lists").options
    use = tab.button(key="mapping surprised use")
    assert use.label == "Use the first 3 for surprised"
    healthy(use.click().run())
    refs = [PlaylistRef(one.uri, one.name, public=True) for one in public]
    assert strategy_of(music, Emotion.SURPRISED).match == tuple(refs[:3])
    lists = field(tab, "multiselect", "mapping surprised lists")
    healthy(lists.set_value([PARTY.uri, public[3].uri, public[0].uri]).run())
    assert strategy_of(music, Emotion.SURPRISED).match == (PARTY_REF, refs[3], refs[0])


def test_another_redirect_address_than_usual_is_said_while_the_sign_in_waits(
    tab: AppTest, music: FakeMusic
) -> None:
    music.show(player=on_spotify())
    music.sign_in = FakeSignIn(notice="Port 8898 is taken: add http://127.0.0.1:9/callback to your app.")
    healthy(tab.run())
    assert "`http://127.0.0.1:9/callback`" in tab.warning[0].value


def test_a_search_that_finds_nothing_or_fails_is_told(tab: AppTest, music: FakeMusic) -> None:
    music.show(player=on_spotify(playlists=()))
    music.answered = Outcome(
        OutcomeKind.RATE_LIMITED, "Spotify was asked too often: it is asked again later."
    )
    healthy(tab.run())
    assert "No playlists are listed yet" not in captions(tab)
    healthy(tab.button(key="mapping surprised search").click().run())
    assert [error.value.replace("\\", "") for error in tab.error] == [music.answered.message]
    music.found = {Style.EXCITING: ()}
    healthy(tab.run())
    assert "Nothing that Spotify found suits by its name either" in captions(tab)
    assert "mapping surprised search" not in [button.key for button in tab.button]


def test_nothing_is_searched_for_where_spotify_does_not_play(tab: AppTest, music: FakeMusic) -> None:
    music.show(player=replace(on_spotify(), kind=PlayerKind.LOCAL))
    healthy(tab.run())
    assert "No playlist suits by its name" in captions(tab)
    assert not any("Search Spotify" in label for label in labels(tab))


def test_that_the_sign_in_will_end_is_said_beforehand(tab: AppTest, music: FakeMusic) -> None:
    music.show(player=on_spotify())
    notice = "Your sign-in to Spotify ends in 9 days: disconnect and sign in again before."
    music.account = replace(music.account, notice=notice)
    healthy(tab.run())
    assert [info.value.replace("\\", "") for info in tab.info] == [notice]
    healthy(tab.button(key="connection again").click().run())
    assert ("sign in again", False) in music.asked
    assert "Cancel" in labels(tab)
    refused = Outcome(OutcomeKind.FAILED, "You did not agree on Spotify's page: sign in again.")
    music.sign_in = FakeSignIn(waiting=False, outcome=refused)
    healthy(tab.run())
    assert [error.value.replace("\\", "") for error in tab.error] == [refused.message]
    assert "Test" in labels(tab)


def test_a_deleted_playlist_is_told_and_removed(tab: AppTest, music: FakeMusic) -> None:
    music.show(player=on_spotify())
    chooses(music, Emotion.SAD, MappingEntry(Strategy.LIFT, lift=(GONE_REF, RAINY_REF)))
    chooses(music, Emotion.CALM, MappingEntry(Strategy.MATCH, match=(GONE_REF,)))
    music.gone = (GONE_REF,)
    healthy(tab.run())
    assert "“Evening” is not there any more." in captions(tab)
    assert "“Evening” is not there any more; nothing is played." in captions(tab)
    assert "Evening (not there any more)" in field(tab, "multiselect", "mapping sad lists").options
    healthy(tab.button(key="mapping sad clean").click().run())
    assert strategy_of(music, Emotion.SAD).lift == (RAINY_REF,)


def test_a_choice_that_cannot_be_kept_is_one_sentence_and_the_field_goes_back(
    tab: AppTest, music: FakeMusic
) -> None:
    music.show(player=on_spotify())
    healthy(tab.run())
    music.refusal = AttuneError("The disk is full: free some space.")
    healthy(field(tab, "multiselect", "mapping happy lists").set_value([FOCUS.uri]).run())
    assert [error.value.replace("\\", "") for error in tab.error] == ["The disk is full: free some space."]
    assert field(tab, "multiselect", "mapping happy lists").value == []


def test_the_missing_playlists_are_created_on_spotify_alone(tab: AppTest, music: FakeMusic) -> None:
    healthy(tab.run())
    assert "Create the missing playlists" not in labels(tab)
    music.show(player=on_spotify())
    healthy(tab.run())
    healthy(tab.button(key="mapping create").click().run())
    assert ("create missing",) in music.asked
    music.account = replace(music.account, scopes=())
    healthy(tab.run())
    healthy(tab.button(key="mapping allow").click().run())
    assert ("sign in again", True) in music.asked


def test_choices_are_imported_from_a_file(tab: AppTest, music: FakeMusic) -> None:
    healthy(tab.run())
    upload = tab.file_uploader(key="mapping imports 0")
    healthy(upload.set_value(("music.toml", b"version = 1\n", "application/toml")).run())
    assert ("import", "version = 1\n") in music.asked
    healthy(tab.file_uploader(key="mapping imports 1").set_value(("x.toml", b"\xff", "text/plain")).run())
    assert "choose a file that was exported here" in tab.error[0].value
    music.refusal = AttuneError("Line 3 of the file cannot be read: correct it.")
    healthy(tab.file_uploader(key="mapping imports 2").set_value(("x.toml", b"x", "text/plain")).run())
    assert "Line 3" in tab.error[0].value
    too_much = ("x.toml", b" " * 1_000_001, "text/plain")
    healthy(tab.file_uploader(key="mapping imports 3").set_value(too_much).run())
    assert "cannot be read" in tab.error[0].value


def test_two_playlists_of_one_name_can_be_told_apart() -> None:
    twins = [Playlist("spotify:playlist:a", "Mix"), Playlist("spotify:playlist:b", " Mix\n")]
    assert list(labels_of(twins, [], set()).values()) == ["Mix", "Mix (2)"]
    unnamed = labels_of([Playlist("spotify:playlist:c", "")], [GONE_REF], {GONE_REF.uri})
    assert unnamed == {"spotify:playlist:c": "Unnamed", GONE_REF.uri: "Evening (not there any more)"}
    # Not known to be gone, as long as nothing has been listed.
    assert labels_of([], [GONE_REF], set()) == {GONE_REF.uri: "Evening"}


def test_only_the_list_of_the_strategy_in_use_is_changed() -> None:
    choice = MappingEntry(Strategy.LIFT, match=(PARTY_REF,), lift=(LOCAL_REF, GONE_REF))
    changed = with_chosen(choice, [RAINY_REF], PlayerKind.SPOTIFY)
    assert changed == MappingEntry(Strategy.LIFT, match=(PARTY_REF,), lift=(RAINY_REF, LOCAL_REF))
    assert chosen(changed) == (RAINY_REF, LOCAL_REF)


# Autopilot


def test_the_autopilot_is_switched_and_set(tab: AppTest, music: FakeMusic) -> None:
    healthy(tab.run())
    healthy(field(tab, "button_group", "autopilot mode").set_value(Mode.AUTO).run())
    assert ("mode", Mode.AUTO) in music.asked
    assert "The music changes by itself." in html(tab)
    healthy(field(tab, "toggle", "autopilot call").set_value(True).run())
    assert music.shown.on_call
    healthy(field(tab, "number_input", "autopilot dwell_s").set_value(6.5).run())
    healthy(field(tab, "number_input", "autopilot cooldown_s").set_value(300).run())
    healthy(field(tab, "number_input", "autopilot override_min").set_value(30).run())
    healthy(field(tab, "time_input", "autopilot quiet_from").set_value(dt.time(22, 30)).run())
    healthy(field(tab, "time_input", "autopilot quiet_to").set_value(dt.time(7, 0)).run())
    settings = music.shown.preferences.autopilot
    assert (settings.dwell_s, settings.cooldown_s, settings.override_min) == (6.5, 300.0, 30.0)
    assert (settings.quiet_from, settings.quiet_to) == (1350, 420)
    assert settings.mode is Mode.AUTO


def test_what_another_tab_has_set_is_shown(tab: AppTest, music: FakeMusic) -> None:
    healthy(tab.run())
    preferences = music.shown.preferences
    music.show(preferences=replace(preferences, autopilot=replace(preferences.autopilot, dwell_s=9.0)))
    healthy(tab.run())
    assert field(tab, "number_input", "autopilot dwell_s").value == 9.0


def test_what_it_does_now_is_told_with_its_end() -> None:
    snapshot = MusicSnapshot(on_spotify(), Preferences(), Phase.COOLING, "<i>Waits.</i>", NOW_S + 60)
    drawn = autopilot_status(snapshot, NOW_S)
    assert "Cooling down" in drawn
    assert f"until {moment(NOW_S + 60, NOW_S)}" in drawn
    assert "&lt;i&gt;Waits.&lt;/i&gt;" in drawn
    assert "until" not in autopilot_status(replace(snapshot, until_s=None), NOW_S)


# What happened


def test_records_tell_time_emotion_playlist_reason_and_outcome() -> None:
    drawn = music_history(some_records(NOW_S), NOW_S)
    assert drawn.count("<tr>") == 6
    assert moment(NOW_S - 20, NOW_S) in drawn
    assert "Switched" in drawn
    assert "Held back" in drawn
    assert f"--hue:{HUES[Emotion.SAD]}" in drawn
    assert f">{Direction.LIVELY_PLEASANT.capitalize()}</span>" in drawn
    assert background_of(Direction.LIVELY_PLEASANT) in drawn
    assert "Party &lt;b&gt;bangers&lt;/b&gt;" in drawn
    assert "No device is open: open Spotify somewhere." in drawn
    assert ">No device<" in drawn
    assert "Nothing has happened yet." in music_history((), NOW_S)


@pytest.mark.parametrize("kind", RecordKind)
def test_every_kind_of_record_has_a_word(kind: RecordKind) -> None:
    assert "So it was." in music_history([MusicRecord(NOW_S, kind, "So it was.")], NOW_S)


def test_the_page_shows_the_records_and_what_is_wrong_besides(tab: AppTest, music: FakeMusic) -> None:
    music.show(records=some_records(NOW_S), problem="music.toml cannot be read: line 3 has a typo.")
    healthy(tab.run())
    assert "nothing stood in the way" in html(tab)
    assert "line 3 has a typo" in tab.warning[0].value


# As every page


def test_what_is_listened_to_is_said_and_every_run_says_that_somebody_looks(
    tab: AppTest, engine: FakeEngine
) -> None:
    engine.shown = listening(accepted())
    healthy(tab.run())
    assert "Listening to Built-in demo" in html(tab)
    before = engine.beats
    healthy(tab.run())
    assert engine.beats > before


def test_an_unexpected_fault_is_one_sentence(tab: AppTest, music: FakeMusic) -> None:
    healthy(tab.run())
    music.refusal = ZeroDivisionError("boom")
    healthy(field(tab, "button_group", "autopilot mode").set_value(Mode.AUTO).run())
    assert "unexpected" in tab.error[0].value
    assert "boom" not in tab.error[0].value
    assert field(tab, "button_group", "autopilot mode").value is Mode.SUGGEST


def test_the_app_has_the_page(tab: AppTest, music: FakeMusic) -> None:  # noqa: ARG001
    app = AppTest.from_file(APP, default_timeout=20).run()
    assert not app.exception, app.exception
    assert any("Set up music" in str(part.proto.json) for part in app.get("bidi_component"))

"""The Playlists page in a real browser: sign-in at a fake Spotify, mapping, autopilot, own files, dry run."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.e2e.browser import (
    CHROMIUM,
    CHROMIUM_FLAGS,
    Server,
    Watched,
    new_context,
    picture,
    serve,
    until,
    views,
    window,
)
from tests.e2e.sound_server import SoundServer
from tests.fake_spotify import CLIENT_ID, FakeSpotify, fake_spotify
from tests.models.mood_graphs import write_backbone, write_head

pytestmark = pytest.mark.e2e

RATE_HZ = 22_050


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def spotify() -> Iterator[FakeSpotify]:
    """A Spotify with some playlists, of which one has a name that wants to be more, and two devices."""
    with fake_spotify() as world:
        for name in ("Chill evening", "Party <b>bangers</b>", "Rainy day calm", "Workout energy", "Focus"):
            world.add_playlist(name, 12)
        world.add_device("Desk", active=True)
        world.add_device("Kitchen", kind="Speaker")
        yield world


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(tmp_path: Path, spotify: FakeSpotify) -> Iterator[Server]:
    """The dashboard, to which the fake is Spotify; it accepts emotions readily."""
    with serve(
        tmp_path / "home",
        spotify_accounts_url=spotify.url,
        spotify_api_url=spotify.url,
        spotify_callback_port=str(free_port()),
        threshold="0.35",
        hysteresis="0.05",
    ) as server:
        yield server


def open_page(context: Any, server: Server, name: str = "Playlists") -> Page:
    """Open the dashboard and follow the link to a page; narrow, the links stand behind a button."""
    # Only Spotify's page and the answer's ask for one, and it is nothing that they could show.
    context.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    page: Page = context.new_page()
    asked = page.viewport_size or {"width": 1240, "height": 900}
    page.set_viewport_size({"width": 1240, "height": 900})
    page.goto(server.url)
    page.get_by_role("link", name=name).click()
    page.set_viewport_size(asked)
    expect(page.get_by_role("radio", name="Preview (no sound)")).to_be_attached()
    return page


def open_anew(context: Any, server: Server, page: Page) -> Page:
    """Close the tab and come back: what is seen then was kept."""
    page.close()
    return open_page(context, server)


def choose_player(page: Page, name: str) -> None:
    page.locator(".st-key-at-player label").filter(has_text=name).first.click()
    expect(page.get_by_role("radio", name=name)).to_be_checked()


def state(page: Page) -> Locator:
    return page.get_by_test_id("connection-state")


def sign_in(context: Any, page: Page, *, agree: bool = True) -> None:
    """Click through the whole sign-in, the consent page included."""
    page.get_by_role("textbox", name="Client id").fill(CLIENT_ID)
    page.get_by_role("button", name="Sign in").click()
    link = page.get_by_role("link", name="Open Spotify's page")
    expect(link).to_be_visible()
    with context.expect_page() as opened:
        link.click()
    consent: Page = opened.value
    consent.get_by_role("button", name="Agree" if agree else "Cancel").click()
    consent.wait_for_url(re.compile("/callback"))
    consent.close()


def connect(context: Any, page: Page) -> None:
    choose_player(page, "Spotify")
    sign_in(context, page)
    expect(state(page)).to_have_text("Connected")
    expect(playlists_of(page, "happy")).to_be_visible()
    expect(page.get_by_text("No playlists are listed yet")).to_have_count(0)


def playlists_of(page: Page, emotion: str) -> Locator:
    # Streamlit hides a field that gave way to another for a moment before it takes it away.
    return page.locator(f".st-key-leads-{emotion} [data-testid=stMultiSelect]").filter(visible=True)


def choose_playlist(page: Page, emotion: str, name: str) -> None:
    field = playlists_of(page, emotion).get_by_role("combobox")
    # The list closes when the page is scrolled, as it is by a test that clicks on what is out of sight.
    field.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    field.click()
    page.get_by_role("option", name=name, exact=True).click()
    page.keyboard.press("Escape")
    expect(playlists_of(page, emotion)).to_contain_text(name)


def test_a_wrong_client_id_and_a_refusal_are_one_sentence_each(chromium: Browser, server: Server) -> None:
    context, watched = new_context(chromium), Watched()
    context.on("page", watched.watch)
    page = open_page(context, server)
    choose_player(page, "Spotify")
    page.get_by_role("textbox", name="Client id").fill("my app")
    page.get_by_role("button", name="Sign in").click()
    card = page.locator(".st-key-at-player")
    expect(card.get_by_role("alert")).to_contain_text("is no client id")

    sign_in(context, page, agree=False)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(card.get_by_role("alert")).to_have_count(1)
    expect(card.get_by_role("alert")).not_to_contain_text("is no client id")
    expect(page.get_by_role("textbox", name="Client id")).to_have_value(CLIENT_ID)
    assert watched.abroad == []
    # The page on which the refusal arrives says so in its status, too, and Chromium remarks on that.
    assert all("400" in complaint for complaint in watched.complaints)
    context.close()


def test_signed_in_mapped_and_disconnected(
    chromium: Browser, server: Server, spotify: FakeSpotify, tmp_path: Path
) -> None:
    with window(chromium) as context:
        page = open_page(context, server)
        until(lambda: page.title() == "Playlists · Attune")
        choose_player(page, "Spotify")
        expect(state(page)).to_have_text("Disconnected")
        expect(page.locator(".at-steps li")).to_have_count(5)

        sign_in(context, page)
        expect(state(page)).to_have_text("Connected")
        expect(page.locator(".at-status").first).to_contain_text(spotify.user_name)
        expect(page.locator(".at-status").first).to_contain_text(
            re.compile(r"\d+ calls? in the last 24 hours")
        )
        before = spotify.count("/v1/me/playlists")
        page.get_by_role("button", name="Test").click()
        until(lambda: spotify.count("/v1/me/playlists") > before)
        expect(page.get_by_text("It answers:")).to_be_visible()  # the lists are drawn anew then

        # Where happy leads: two playlists in the order of their turns, kept after a reload.
        choose_playlist(page, "happy", "Focus")
        choose_playlist(page, "happy", "Party <b>bangers</b>")
        page.locator(".st-key-leads-happy").get_by_text("Lift", exact=True).click()
        expect(page.locator(".st-key-leads-happy .at-leads .used")).to_have_text("Lift: upbeat")
        page.locator(".st-key-leads-happy").get_by_text("Match", exact=True).click()
        expect(playlists_of(page, "happy")).to_contain_text("Focus")
        page.locator(".st-key-leads-calm").get_by_role("button", name="Use these").click()
        expect(playlists_of(page, "calm")).to_contain_text("Chill evening")
        # Nothing of one's own uplifts: a public playlist does.
        spotify.add_playlist("Uplifting mornings", owner="friend7", followed=False)
        neutral = page.locator(".st-key-leads-neutral")
        neutral.get_by_text("Lift", exact=True).click()
        neutral.get_by_role("button", name="Search Spotify").click()
        expect(neutral).to_contain_text("Found on Spotify: Uplifting mornings")
        neutral.get_by_role("button", name="Use these").click()
        expect(playlists_of(page, "neutral")).to_contain_text("Uplifting mornings")
        page = open_anew(context, server, page)
        expect(playlists_of(page, "happy")).to_contain_text("Focus")
        text = playlists_of(page, "happy").inner_text()
        assert text.index("Focus") < text.index("Party <b>bangers</b>")
        expect(playlists_of(page, "calm")).to_contain_text("Chill evening")

        # All of it leaves as a file, and comes back from one.
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Export").click()
        saved = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(saved)
        assert "Focus" in saved.read_text(encoding="utf-8")
        typo = tmp_path / "typo.toml"
        typo.write_text(saved.read_text(encoding="utf-8").replace('"match"', '"macht"'), encoding="utf-8")
        page.get_by_role("button", name="Import").click()
        page.locator("input[type=file]").set_input_files(typo)
        expect(page.locator(".st-key-at-mapping").get_by_role("alert")).to_contain_text("macht")
        page.locator("input[type=file]").set_input_files(saved)
        expect(page.locator(".st-key-at-mapping").get_by_role("alert")).to_have_count(0)
        page.keyboard.press("Escape")
        # A click while the pop-up is open only closes it.
        expect(page.locator("input[type=file]")).to_have_count(0)

        # A playlist that somebody deletes is told.
        gone = next(one for one in spotify.playlists if one.name == "Focus")
        spotify.delete_playlist(gone)
        before = spotify.count("/v1/me/playlists")
        page.get_by_role("button", name="Test").click()
        until(lambda: spotify.count("/v1/me/playlists") > before)
        expect(page.get_by_text("“Focus” is not there any more")).to_be_visible()

        secrets = [*spotify.access_tokens, *spotify.grants]
        assert secrets
        content = page.content()
        assert not [secret for secret in secrets if secret in content]

        page.get_by_role("button", name="Disconnect").click()
        assert spotify.grants
        page.get_by_role("button", name="Disconnect for good").click()
        expect(state(page)).to_have_text("Disconnected")
        page = open_anew(context, server, page)
        expect(state(page)).to_have_text("Disconnected")
        kept = [
            path
            for path in server.data.parent.rglob("*")
            if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets)
        ]
        assert kept == []


@pytest.mark.parametrize("width", [1240, 390])
def test_where_a_direction_leads_is_folded_and_kept_once_it_is_chosen(
    chromium: Browser, server: Server, width: int
) -> None:
    with window(chromium, width=width) as context:
        page = open_page(context, server)
        group = page.locator("[data-testid=stExpander]").filter(has_text="When only the direction is sure")
        lively = page.locator(".st-key-leads-lively-and-unpleasant")
        expect(group).to_be_visible()
        expect(lively.get_by_text("Lively and unpleasant")).not_to_be_visible()
        group.get_by_text("When only the direction is sure").click()
        expect(lively.locator(".at-leads .used")).to_have_text("Lift: calming")
        if width < 640:  # on a phone each row is folded
            lively.locator("summary").click()
        lively.get_by_text("Match", exact=True).click()
        expect(lively.locator(".at-leads .used")).to_have_text("Match: energetic")
        lively.get_by_role("button", name="Use these").click()
        # While the page is drawn again the old list may still stand beside the new one.
        expect(lively.locator("[data-testid=stMultiSelect]").first).to_contain_text("Energetic (preview)")
        expect(lively.locator(".at-leads")).to_be_visible()  # it stays open while things are chosen in it
        page = open_anew(context, server, page)
        page.get_by_text("When only the direction is sure").click()
        again = page.locator(".st-key-leads-lively-and-unpleasant")
        expect(again.locator(".at-leads .used")).to_have_text("Match: energetic")
        expect(again.locator("[data-testid=stMultiSelect]").first).to_contain_text("Energetic (preview)")


def test_music_is_played_paused_and_moved_from_every_page(
    chromium: Browser, server: Server, spotify: FakeSpotify
) -> None:
    with window(chromium) as context:
        page = open_page(context, server)
        connect(context, page)
        page.get_by_role("combobox", name="Playlist", exact=True).click()
        page.get_by_role("option", name="Rainy day calm").click()
        page.get_by_role("button", name="Play", exact=True).first.click()
        title, place = page.get_by_test_id("now-title"), page.get_by_test_id("now-from")
        expect(title).to_have_text("Rainy day calm 1")
        expect(place).to_have_text("Rainy day calm · Spotify · Desk")

        page.get_by_role("link", name="Live").click()
        expect(page.locator(".at-root .hero")).to_be_visible()
        expect(title).to_have_text("Rainy day calm 1")
        # The position goes on between two questions to Spotify.
        clock = page.get_by_test_id("now-elapsed")

        def goes_on_unasked() -> bool:
            asked, first = spotify.count("/v1/me/player", "GET"), clock.inner_text()
            page.wait_for_timeout(1_100)
            return clock.inner_text() != first and spotify.count("/v1/me/player", "GET") == asked

        until(goes_on_unasked)

        page.locator(".at-now").get_by_role("button", name="Pause").click()
        until(lambda: not spotify.now_playing().playing)
        play = page.locator(".at-now").get_by_role("button", name="Play", exact=True)
        expect(play).to_be_visible()
        # By keys alone; the focus stays when play becomes pause.
        play.focus()
        page.keyboard.press("Enter")
        until(lambda: spotify.now_playing().playing)
        expect(page.locator(".at-now").get_by_role("button", name="Pause")).to_be_focused()
        page.get_by_role("button", name="Next track").click()
        expect(title).to_have_text("Rainy day calm 2")
        # Of two presses that wait for a busy program both are done.
        page.get_by_role("button", name="Next track").evaluate("button => [1, 2].map(() => button.click())")
        expect(title).to_have_text("Rainy day calm 4")
        # The bar changes while a button is pressed, which is clicked all the same.
        page.locator(".at-now").get_by_role("button", name="Pause").hover()
        page.mouse.down()
        spotify.phone.play(spotify.playlists[0].uri)
        until(lambda: page.evaluate("window.attune.now_playing.values.html.includes('Chill evening 1')"))
        page.mouse.up()
        until(lambda: not spotify.now_playing().playing)
        expect(title).to_have_text("Chill evening 1")
        volume = page.get_by_role("slider", name="Volume")
        volume.press("ArrowRight")
        until(lambda: spotify.devices[0].volume == 55)
        expect(volume).to_have_value("55")

        page.get_by_role("link", name="Playlists").click()
        page.get_by_role("combobox", name="Play on").click()
        page.get_by_role("option", name="Kitchen").click()
        expect(place).to_contain_text("Kitchen")


def test_a_suggestion_is_accepted_and_the_autopilot_switched_to_auto(
    chromium: Browser, server: Server, spotify: FakeSpotify
) -> None:
    with window(chromium) as context:
        page = open_page(context, server)
        connect(context, page)
        autopilot = page.locator(".st-key-at-autopilot")
        dwell = page.get_by_role("spinbutton", name="An emotion must last")
        dwell.fill("0")
        dwell.press("Enter")
        autopilot.get_by_text("Suggest", exact=True).click()

        # The built-in demo speaks.
        page.get_by_role("link", name="Live").click()
        accept = page.get_by_role("button", name="Accept")
        expect(accept).to_be_visible()
        wanted = page.get_by_test_id("now-suggestion").locator("strong").inner_text()
        accept.click()
        until(lambda: bool(spotify.played))
        name = wanted.removeprefix("Play ").removesuffix("?")
        expect(page.get_by_test_id("now-from")).to_contain_text(name)
        page.get_by_role("button", name="Not now").or_(page.get_by_test_id("now-says")).first.wait_for()

        page.get_by_role("link", name="Playlists").click()
        records = page.get_by_role("region", name="What happened and why")
        expect(records).to_contain_text(name)
        autopilot.get_by_text("Auto", exact=True).click()
        expect(page.locator(".at-now .mode")).to_have_text("Autopilot: auto")
        page.get_by_text("I am on a call").click()
        expect(page.get_by_test_id("phase")).to_have_text("On a call")
        page = open_anew(context, server, page)
        expect(page.locator(".at-now .mode")).to_have_text("Autopilot: auto")


def test_own_files_are_scanned_and_played(
    chromium: Browser, sound_server: SoundServer, tmp_path: Path
) -> None:
    songs = tmp_path / "music"
    songs.mkdir()
    for number, hertz in enumerate((220.0, 330.0, 440.0, 660.0)):
        second = np.arange(12 * RATE_HZ) / RATE_HZ
        soundfile.write(songs / f"tone {number}.flac", 0.3 * np.sin(2 * np.pi * hertz * second), RATE_HZ)
    (songs / "poem.mp3").write_bytes(b"no sound at all\n" * 99)
    graphs = {
        "mood_backbone": str(write_backbone(tmp_path / "backbone.onnx")),
        "mood_head": str(write_head(tmp_path / "head.onnx")),
    }
    sound = sound_server.environment
    with serve(tmp_path / "home", sound=sound, **graphs) as server, window(chromium) as context:
        page = open_page(context, server)
        choose_player(page, "Music on this machine")
        folder = page.get_by_role("textbox", name="Folder of your music")
        folder.fill(str(tmp_path / "not there"))
        page.get_by_role("button", name="Scan").click()
        expect(page.locator(".st-key-at-player")).to_contain_text("not there")
        folder.fill(str(songs))
        page.get_by_role("button", name="Scan").click()
        expect(page.get_by_test_id("library-counts")).to_have_text(
            "4 tracks can be played, 1 file could not be read."
        )
        expect(page.get_by_text("No playlists are listed yet")).to_have_count(0)
        page.get_by_role("button", name="Play", exact=True).first.click()
        expect(page.get_by_test_id("now-title")).to_contain_text("tone")
        page.locator(".at-now").get_by_role("button", name="Pause").click()
        expect(page.locator(".at-now").get_by_role("button", name="Play", exact=True)).to_be_visible()
        page = open_anew(context, server, page)
        folder = page.get_by_role("textbox", name="Folder of your music")
        expect(folder).to_have_value(str(songs))


def test_without_music_there_is_one_line_that_leads_to_the_page(chromium: Browser, server: Server) -> None:
    with window(chromium) as context:
        page = context.new_page()
        page.goto(server.url)
        words = page.get_by_test_id("now-words")
        expect(words).to_contain_text("Preview (no sound): ")
        assert page.locator(".at-now").evaluate("bar => bar.offsetHeight") <= 60
        page.get_by_role("link", name="Set up music").click()
        expect(page.get_by_role("heading", name="Playlists")).to_be_visible()
        expect(words).not_to_contain_text("Set up music")


def test_the_board_is_not_pushed_about(chromium: Browser, server: Server) -> None:
    with window(chromium) as context:
        page = open_page(context, server)
        page.get_by_role("link", name="Live").click()
        hero = page.locator(".at-root .hero")
        expect(hero).to_be_visible()
        before = hero.bounding_box()
        assert before is not None
        other = open_page(context, server)
        connect(context, other)
        other.get_by_role("button", name="Play", exact=True).first.click()
        expect(page.get_by_test_id("now-title")).to_have_text("Chill evening 1")
        after = hero.bounding_box()
        assert after is not None
        # Its height is its own affair: what it says may take another line.
        assert [after[side] for side in ("x", "y", "width")] == [before[side] for side in ("x", "y", "width")]
        bar = page.locator(".at-now").bounding_box()
        assert bar is not None
        assert bar["y"] + bar["height"] <= 900


def test_screenshots(chromium: Browser, server: Server) -> None:
    with views(chromium) as contexts:
        pages = {name: open_page(context, server) for name, context in contexts.items()}
        first, page = next(zip(contexts.values(), pages.values(), strict=True))
        for moment in ("dry-run", "sign-in", "connected"):
            if moment == "sign-in":
                choose_player(page, "Spotify")
            if moment == "connected":
                connect(first, page)
                page.get_by_role("button", name="Play", exact=True).first.click()
            for name, seen in pages.items():
                if moment == "sign-in":
                    expect(seen.get_by_role("button", name="Sign in")).to_be_visible()
                if moment == "connected":
                    expect(seen.locator(".st-key-leads-happy")).to_be_visible()
                    expect(seen.get_by_test_id("now-title")).to_contain_text("1")
                picture(seen, f"playlists-{moment}-{name}")

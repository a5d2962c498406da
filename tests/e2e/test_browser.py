"""A real browser before the real dashboard: what a person sees, on a machine without a microphone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from browser import (
    CHROMIUM,
    CHROMIUM_FLAGS,
    SEEN,
    WATCH,
    Server,
    clock_s,
    line_percent,
    pick,
    picture,
    replay,
    serve,
    shares,
    sign,
    speak,
    until,
    views,
    visit,
    window,
)
from emotion_graphs import write_emotion_model
from playwright.sync_api import Browser, expect, sync_playwright
from sound_server import SoundServer

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return speak(tmp_path_factory.mktemp("clip") / "some words.wav")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serve(tmp_path / "home") as server:
        yield server


def test_a_bare_machine_shows_the_whole_loop_and_says_why(chromium: Browser, server: Server) -> None:
    with window(chromium) as context:
        page = visit(context, server)
        expect(page.get_by_text("until then the built-in demo plays")).to_be_visible()
        expect(page.get_by_text("Built-in demo ·")).to_be_visible()
        until(lambda: sign(page) == "Listening")
        until(lambda: page.title().startswith("● "))
        until(lambda: any(transform != "scaleX(0)" for transform in shares(page)), timeout_s=30)
        expect(page.get_by_test_id("reason")).not_to_have_text("")

        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("button", name="Start")).to_be_visible()
        until(lambda: sign(page) == "Stopped")
        until(lambda: page.title() == "Attune")
        expect(page.get_by_test_id("headline")).to_have_text("Not listening")

        page.reload()
        expect(page.get_by_role("button", name="Start")).to_be_visible()
        assert sign(page) == "Stopped"
        assert server.sessions() == 1


def test_the_server_listens_on_loopback_alone(server: Server) -> None:
    process = psutil.Process(server.process.pid)
    family = (process, *process.children(recursive=True))
    listening = {
        connection.laddr.ip
        for member in family
        for connection in member.net_connections("all")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_bars_move_on_a_replayed_clip_without_flicker(chromium: Browser, server: Server, clip: Path) -> None:
    with window(chromium) as context:
        page = visit(context, server)
        replay(page, clip)
        expect(page.get_by_text(f"{clip.name} ·")).to_be_visible()
        until(lambda: any(transform != "scaleX(0)" for transform in shares(page)), timeout_s=30)

        page.evaluate(WATCH)
        values = set()
        for _ in range(25):
            values.add(shares(page))
            page.wait_for_timeout(200)
        seen = page.evaluate(SEEN)
        assert len(values) >= 4
        assert seen["bars"] == 8
        assert seen["attached"]
        assert seen["removed"] == 0
        assert seen["outside"] == 0
        assert seen["ticks"] >= 12

        before_s = clock_s(page)
        page.reload()
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        until(lambda: clock_s(page) >= before_s)
        assert sign(page) == "Listening"
        expect(page.get_by_role("combobox", name="Listen to")).to_have_value("A recording …")

        expect(page.get_by_test_id("headline")).to_have_text("Finished", timeout=45_000)
        expect(page.get_by_role("button", name="Start")).to_be_visible()
        assert page.locator(".run").count() > 0
        assert server.sessions() == 2


def test_voice_and_details_of_the_plane_stay_as_they_are_between_pictures(
    chromium: Browser, clip: Path, tmp_path: Path
) -> None:
    model = write_emotion_model(tmp_path / "plane.onnx")
    with serve(tmp_path / "home", emotion_model=str(model)) as server, window(chromium) as context:
        page = visit(context, server)
        replay(page, clip)
        expect(page.get_by_text(f"{clip.name} ·")).to_be_visible()
        plane, dot = page.get_by_test_id("plane"), page.get_by_test_id("plane-voice")
        expect(dot).to_be_visible(timeout=30_000)
        expect(page.get_by_test_id("said-energy")).to_have_text(re.compile("Lively|Quiet|Unsure"))
        page.evaluate(WATCH)
        said = set()
        for _ in range(15):
            said.add(plane.get_attribute("aria-label"))
            page.wait_for_timeout(200)
        assert len(said) >= 2
        seen = page.evaluate(SEEN)
        assert seen["attached"]
        assert seen["removed"] == 0

        bar, summary = page.locator(".bar").first, page.get_by_text("Details", exact=True)
        expect(bar).to_be_hidden()
        summary.click()
        expect(bar).to_be_visible()
        page.wait_for_timeout(1_500)
        expect(bar).to_be_visible()
        page.reload()
        expect(bar).to_be_visible(timeout=30_000)
        summary.click()
        page.wait_for_timeout(1_500)
        expect(bar).to_be_hidden()

        page.emulate_media(reduced_motion="reduce")
        assert dot.evaluate("dot => getComputedStyle(dot).transitionProperty") == "none"


def test_a_second_tab_shows_the_same_and_opens_nothing(chromium: Browser, server: Server) -> None:
    with window(chromium) as context:
        first = visit(context, server)
        until(lambda: clock_s(first) >= 2)
        second = visit(context, server)
        until(lambda: sign(second) == "Listening")
        assert abs(clock_s(second) - clock_s(first)) <= 2
        assert server.sessions() == 1

        second.get_by_role("button", name="Stop").click()
        until(lambda: sign(first) == "Stopped", timeout_s=5)
        expect(first.get_by_role("button", name="Start")).to_be_visible()

        first.get_by_role("button", name="Start").click()
        until(lambda: sign(second) == "Listening", timeout_s=5)
        expect(second.get_by_role("button", name="Stop")).to_be_visible()
        assert server.sessions() == 2


def test_the_threshold_moves_the_line_in_every_tab(chromium: Browser, server: Server) -> None:
    with window(chromium) as context:
        first, second = visit(context, server), visit(context, server)
        assert line_percent(first, "enter") == 70.0
        assert line_percent(first, "leave") == 55.0
        slider = first.get_by_role("slider", name="Accept from a confidence of")
        slider.focus()
        for wanted in range(71, 77):
            slider.press("ArrowRight")
            expect(slider).to_have_value(str(wanted))
        until(lambda: line_percent(first, "enter") == 76.0)
        assert line_percent(first, "leave") == 61.0
        until(lambda: line_percent(second, "enter") == 76.0)
        other = second.get_by_role("slider", name="Accept from a confidence of")
        expect(other).to_have_value("76")
        first.wait_for_timeout(1500)
        assert line_percent(first, "enter") == 76.0


def test_listening_ends_when_nobody_looks(chromium: Browser, tmp_path: Path) -> None:
    with serve(tmp_path / "home", idle_stop_s="2") as server, window(chromium) as context:
        page = visit(context, server)
        until(lambda: clock_s(page) >= 4)
        assert sign(page) == "Listening"
        page.close()
        blank = context.new_page()
        blank.wait_for_timeout(6_000)
        page = visit(context, server)
        until(lambda: sign(page) == "Stopped")
        expect(page.get_by_text("Listening stopped, because no page was open for 2 s.")).to_be_visible()
        assert server.sessions() == 1


def test_a_microphone_is_opened_on_start_survives_unplugging_and_is_closed_with_the_tab(
    chromium: Browser, sound_server: SoundServer, clip: Path, tmp_path: Path
) -> None:
    sound = sound_server.environment
    with serve(tmp_path / "home", sound=sound, idle_stop_s="4") as server, window(chromium) as context:
        page = visit(context, server)
        page.wait_for_timeout(1_000)
        assert sign(page) == "Stopped"
        expect(page.get_by_role("combobox", name="Listen to")).to_have_value("Default microphone")

        page.get_by_role("button", name="Start").click()
        until(lambda: sign(page) == "Listening")
        speaking = sound_server.speak(clip, wait=False)
        until(lambda: any(transform != "scaleX(0)" for transform in shares(page)), timeout_s=30)

        sound_server.unplug()
        speaking.wait(10)
        until(lambda: sign(page) == "Device lost", timeout_s=20)
        until(lambda: page.title() == "● Device lost · Attune")
        expect(page.get_by_test_id("headline")).to_have_text("Device lost")
        assert set(shares(page)) == {"scaleX(0)"}

        sound_server.plug()
        until(lambda: sign(page) == "Listening", timeout_s=20)
        expect(
            page.get_by_text("Reconnects").locator("xpath=..").get_by_text("1", exact=True)
        ).to_be_visible()

        page.close()
        blank = context.new_page()
        blank.wait_for_timeout(8_000)
        page = visit(context, server)
        until(lambda: sign(page) == "Stopped")
        assert server.sessions() == 1


def test_a_take_of_the_own_voice_is_judged_and_a_silent_one_refused(
    chromium: Browser, sound_server: SoundServer, tmp_path: Path
) -> None:
    sentence = speak(tmp_path / "sentence.wav", "The train to the harbour leaves at a quarter past nine.")
    sound = sound_server.environment
    with serve(tmp_path / "home", sound=sound) as server, window(chromium) as context:
        page = visit(context, server)
        slider = page.get_by_role("slider", name="Accept from a confidence of")
        slider.press("ArrowRight")
        until(lambda: line_percent(page, "enter") == 71.0)

        page.get_by_role("link", name="Your voice").click()
        state, verdict = page.get_by_test_id("booth-state"), page.get_by_test_id("verdict")
        record = page.get_by_role("button", name="Record")
        expect(state).to_have_text("Ready")
        expect(page.get_by_role("button", name="Fit to my voice")).to_be_disabled()
        record.click()
        expect(state).to_have_text("Recording")
        until(lambda: page.title() == "● Your voice · Attune")
        sound_server.speak(sentence)
        expect(verdict).to_contain_text("Good: ", timeout=20_000)
        expect(page.get_by_text("Sentence 2 of 24")).to_be_visible()
        expect(page.get_by_role("listitem", name="Neutral: 1 of 3 done")).to_be_visible()

        record.click()
        expect(state).to_have_text("Recording")
        page.wait_for_timeout(1_500)
        page.get_by_role("button", name="Stop").click()
        expect(verdict).to_contain_text("Nothing but zeros came")
        until(lambda: page.title() == "Your voice · Attune")
        expect(page.get_by_text("Sentence 2 of 24")).to_be_visible()
        expect(page.get_by_role("listitem", name="Neutral: 1 of 3 done")).to_be_visible()

        page.get_by_role("link", name="Live").click()
        expect(slider).to_have_value("71")
        until(lambda: line_percent(page, "enter") == 71.0)
        assert not list((tmp_path / "home").rglob("voice.json"))


def test_a_hidden_tab_with_slowed_timers_still_looks(chromium: Browser, tmp_path: Path) -> None:
    with serve(tmp_path / "home", idle_stop_s="8") as server, window(chromium) as context:
        # What Chromium does to a tab in the background, brought about at once: the page is hidden, and
        # the interval by which Streamlit asks for the next picture never comes round.
        context.add_init_script(
            """
            const given = window.setInterval;
            Object.defineProperty(document, "hidden", {get: () => true});
            window.setInterval = (work, ms, ...rest) => ms <= 1000 ? 0 : given(work, ms, ...rest);
            """
        )
        page = visit(context, server)
        page.wait_for_timeout(20_000)
        assert sign(page) == "Listening"
        assert clock_s(page) >= 12


def test_a_dropped_recording_is_replayed(chromium: Browser, server: Server, clip: Path) -> None:
    with window(chromium) as context:
        page = visit(context, server)
        pick(page, "A recording")
        page.locator("input[type=file]").set_input_files(clip)
        page.get_by_role("button", name="Switch to this").click()
        expect(page.get_by_text(f"{clip.name} ·")).to_be_visible()
        until(lambda: clock_s(page) >= 1)
        expect(page.get_by_role("button", name="Switch to this")).to_have_count(0)


def test_a_recording_that_is_none_is_one_sentence(chromium: Browser, server: Server, tmp_path: Path) -> None:
    fake = tmp_path / "fake.wav"
    fake.write_bytes(b"this is no sound" * 100)
    with window(chromium) as context:
        page = visit(context, server)
        for path in (tmp_path / "not there.wav", fake):
            replay(page, path)
            alert = page.get_by_role("alert").filter(has_text=path.name)
            expect(alert).to_be_visible()
            expect(page.get_by_text("Traceback")).to_have_count(0)
        pick(page, "Built-in demo")
        page.get_by_role("button", name="Start").click()
        until(lambda: sign(page) == "Listening")
        expect(page.get_by_role("alert")).to_have_count(0)


def test_screenshots(chromium: Browser, tmp_path: Path) -> None:
    silent = {"PULSE_SERVER": f"unix:{tmp_path}/no-pulse"}
    with serve(tmp_path / "home", sound=silent) as server, views(chromium) as contexts:
        pages = {name: visit(context, server) for name, context in contexts.items()}
        page = next(iter(pages.values()))
        if sign(page) != "Listening":  # a machine with a microphone of its own
            pick(page, "Built-in demo")
            page.get_by_role("button", name="Start").click()
        until(lambda: clock_s(page) >= 12)
        accepted = page.locator(".hero.accepted")
        spoken = page.locator(".hero.accepted, .hero.leaning, .hero.unsure")
        until(lambda: accepted.count() or (clock_s(page) >= 25 and spoken.count()), timeout_s=60)
        for name, page in pages.items():
            picture(page, f"live-{name}")


def test_nothing_moves_for_those_who_asked_for_less_motion(chromium: Browser, server: Server) -> None:
    with window(chromium) as context:
        page = visit(context, server)
        until(lambda: sign(page) == "Listening")
        style = "dot => getComputedStyle(dot).animationName"
        assert page.locator(".sign .dot").evaluate(style) == "pulse"
        page.emulate_media(reduced_motion="reduce")
        assert page.locator(".sign .dot").evaluate(style) == "none"
        bar = page.locator(".bar .fill").first
        assert bar.evaluate("bar => getComputedStyle(bar).transitionProperty") == "none"


def test_every_program_that_these_tests_need_is_here() -> None:
    assert shutil.which(CHROMIUM) is not None
    assert shutil.which("espeak-ng") is not None

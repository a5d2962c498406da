"""A real browser before the real dashboard: what a person sees, on a machine without a microphone."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, WebSocketRoute, expect, sync_playwright
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.e2e.browser import (
    CHROMIUM,
    CHROMIUM_FLAGS,
    SEEN,
    WATCH,
    WHOLE,
    Server,
    clock_s,
    line_percent,
    listening_state,
    new_context,
    open_options,
    pick,
    picture,
    replay,
    serve,
    shares,
    speak,
    until,
    views,
    visit,
    window,
)
from tests.e2e.sound_server import SoundServer
from tests.models.emotion_graphs import write_emotion_model

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
        expect(page.locator(".indicator .source")).to_have_text("Built-in demo")
        until(lambda: listening_state(page) == "Listening")
        until(lambda: page.title().startswith("● "))
        until(lambda: any(transform != "scaleX(0)" for transform in shares(page)))
        expect(page.get_by_test_id("reason")).not_to_have_text("")

        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("button", name="Start")).to_be_visible()
        until(lambda: listening_state(page) == "Not listening")
        until(lambda: page.title() == "Attune")
        expect(page.get_by_test_id("headline")).to_have_text("Not listening")

        page.reload()
        expect(page.get_by_role("button", name="Start")).to_be_visible()
        until(lambda: listening_state(page) == "Not listening")
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
        expect(page.locator(".indicator .source")).to_have_text(clip.name)
        until(lambda: any(transform != "scaleX(0)" for transform in shares(page)))

        page.evaluate(WATCH)
        values = set()

        def moved() -> bool:
            values.add(shares(page))
            return len(values) >= 4 and page.evaluate(SEEN)["ticks"] >= 8

        until(moved)
        seen = page.evaluate(SEEN)
        assert seen["bars"] == 8
        assert seen["attached"]
        assert seen["removed"] == 0
        assert seen["outside"] == 0

        before_s = clock_s(page)
        page.reload()
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        until(lambda: clock_s(page) >= before_s)
        assert listening_state(page) == "Listening"
        open_options(page)
        expect(page.get_by_role("combobox", name="Listen to")).to_have_value("A recording …")

        expect(page.get_by_test_id("headline")).to_have_text("Finished")
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
        expect(page.locator(".indicator .source")).to_have_text(clip.name)
        plane, dot = page.get_by_test_id("plane"), page.get_by_test_id("plane-voice")
        expect(dot.locator("i")).to_be_visible()
        expect(page.get_by_test_id("statement-energy")).to_have_text(re.compile("Lively|Quiet|Unsure"))
        page.evaluate(WATCH)
        said = set()

        def says_more() -> bool:
            said.add(plane.get_attribute("aria-label"))
            return len(said) >= 2 and page.evaluate(SEEN)["ticks"] >= 6

        until(says_more)
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
        expect(bar).to_be_visible()
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
        until(lambda: listening_state(second) == "Listening")
        until(lambda: abs(clock_s(second) - clock_s(first)) <= 2)
        assert server.sessions() == 1

        second.get_by_role("button", name="Stop").click()
        until(lambda: listening_state(first) == "Not listening")
        expect(first.get_by_role("button", name="Start")).to_be_visible()

        first.get_by_role("button", name="Start").click()
        until(lambda: listening_state(second) == "Listening")
        expect(second.get_by_role("button", name="Stop")).to_be_visible()
        assert server.sessions() == 2


def test_two_presses_at_once_are_both_done(chromium: Browser, server: Server) -> None:
    """A browser that was busy passes on all at once what a person has pressed meanwhile."""
    with window(chromium) as context:
        page = visit(context, server)
        for number in range(6):
            until(lambda: listening_state(page) == "Listening")
            expect(page.get_by_role("button", name="Stop")).to_be_visible()
            page.evaluate(
                """() => {
                  for (const key of ["stop", "wall"]) document.querySelector(`.st-key-${key} button`).click();
                }"""
            )
            expect(page.locator(".wall .word")).to_be_visible()
            page.keyboard.press("Escape")
            page.get_by_role("button", name="Start").click()
            until(lambda number=number: server.sessions() == number + 2)  # type: ignore[misc]


def test_a_drawing_that_was_dropped_is_made_good(chromium: Browser, server: Server) -> None:
    with window(chromium) as context:
        page = visit(context, server)
        until(lambda: listening_state(page) == "Listening")
        page.evaluate(
            """() => {
              const {draws, told} = window.attune.live;
              for (const draw of draws) draw({state: "Something old"});
              told({turn: -1, all: false, done: 0});  // none that follows on the last one
            }"""
        )
        until(lambda: listening_state(page) == "Listening")


def test_the_threshold_moves_the_line_in_every_tab(chromium: Browser, server: Server) -> None:
    with window(chromium) as context:
        first, second = visit(context, server), visit(context, server)
        until(lambda: line_percent(first, "enter") == 70.0)
        assert line_percent(first, "leave") == 55.0
        open_options(first)
        slider = first.get_by_role("slider", name="Minimum confidence")
        slider.focus()
        for wanted in range(71, 77):
            slider.press("ArrowRight")
            expect(slider).to_have_value(str(wanted))
        until(lambda: line_percent(first, "enter") == 76.0)
        assert line_percent(first, "leave") == 61.0
        until(lambda: line_percent(second, "enter") == 76.0)
        open_options(second)
        other = second.get_by_role("slider", name="Minimum confidence")
        expect(other).to_have_value("76")
        first.wait_for_timeout(1500)
        assert line_percent(first, "enter") == 76.0


def test_listening_ends_when_nobody_looks(chromium: Browser, tmp_path: Path) -> None:
    with serve(tmp_path / "home", idle_stop_s="8") as server, window(chromium) as context:
        page = visit(context, server)
        until(lambda: clock_s(page) >= 10)
        assert listening_state(page) == "Listening"
        context.new_page()
        page.close()
        until(lambda: not server.listens())
        page = visit(context, server)
        until(lambda: listening_state(page) == "Not listening")
        expect(page.get_by_text("Listening stopped, because no page was open for 8 s.")).to_be_visible()
        assert server.sessions() == 1


def test_a_microphone_is_opened_on_start_survives_unplugging_and_is_closed_with_the_tab(
    chromium: Browser, sound_server: SoundServer, clip: Path, tmp_path: Path
) -> None:
    sound = sound_server.environment
    with serve(tmp_path / "home", sound=sound, idle_stop_s="8") as server, window(chromium) as context:
        page = visit(context, server)
        page.wait_for_timeout(1_000)
        until(lambda: listening_state(page) == "Not listening")
        expect(page.get_by_role("combobox", name="Listen to")).to_have_value("Default microphone")

        page.get_by_role("button", name="Start").click()
        until(lambda: listening_state(page) == "Listening")
        speaking = sound_server.speak(clip, wait=False)
        until(lambda: any(transform != "scaleX(0)" for transform in shares(page)))

        sound_server.unplug()
        speaking.wait(10)
        until(lambda: listening_state(page) == "Device lost")
        until(lambda: page.title() == "● Device lost · Attune")
        expect(page.get_by_test_id("headline")).to_have_text("Device lost")
        until(lambda: set(shares(page)) == {"scaleX(0)"})

        sound_server.plug()
        until(lambda: listening_state(page) == "Listening")
        expect(page.get_by_test_id("figure-reconnects")).to_have_text("1")

        context.new_page()
        page.close()
        until(lambda: not server.listens())
        page = visit(context, server)
        until(lambda: listening_state(page) == "Not listening")
        assert server.sessions() == 1


def test_a_take_of_the_own_voice_is_judged_and_a_silent_one_refused(
    chromium: Browser, sound_server: SoundServer, tmp_path: Path
) -> None:
    sentence = speak(tmp_path / "sentence.wav", "The train to the harbour leaves at a quarter past nine.")
    sound = sound_server.environment
    with serve(tmp_path / "home", sound=sound) as server, window(chromium) as context:
        page = visit(context, server)
        open_options(page)
        slider = page.get_by_role("slider", name="Minimum confidence")
        slider.press("ArrowRight")
        until(lambda: line_percent(page, "enter") == 71.0)

        page.get_by_role("link", name="Your voice").click()
        state, verdict = page.get_by_test_id("calibration-state"), page.get_by_test_id("verdict")
        record = page.get_by_role("button", name="Record")
        expect(state).to_have_text("Ready")
        expect(page.get_by_role("button", name="Fit to my voice")).to_be_disabled()
        record.click()
        expect(state).to_have_text("Recording")
        until(lambda: page.title() == "● Your voice · Attune")
        sound_server.speak(sentence)
        expect(verdict).to_contain_text("Good: ")
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
        expect(page.get_by_test_id("hero")).to_be_visible()
        open_options(page)
        expect(slider).to_have_value("71")
        until(lambda: line_percent(page, "enter") == 71.0)
        assert not list((tmp_path / "home").rglob("voice.json"))


def test_a_hidden_tab_with_slowed_timers_still_looks(chromium: Browser, tmp_path: Path) -> None:
    with serve(tmp_path / "home", idle_stop_s="12") as server, window(chromium) as context:
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
        until(lambda: clock_s(page) >= 20)
        assert listening_state(page) == "Listening"
        assert server.sessions() == 1


def test_a_dropped_recording_is_replayed(chromium: Browser, server: Server, clip: Path) -> None:
    with window(chromium) as context:
        page = visit(context, server)
        pick(page, "A recording")
        page.locator("input[type=file]").set_input_files(clip)
        page.get_by_role("button", name="Switch to this").click()
        expect(page.locator(".indicator .source")).to_have_text(clip.name)
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
        until(lambda: listening_state(page) == "Listening")
        expect(page.get_by_role("alert")).to_have_count(0)


def test_screenshots(chromium: Browser, tmp_path: Path) -> None:
    silent = {"PULSE_SERVER": f"unix:{tmp_path}/no-pulse"}
    with serve(tmp_path / "home", sound=silent) as server, views(chromium) as contexts:
        pages = {name: visit(context, server) for name, context in contexts.items()}
        page = next(iter(pages.values()))
        if listening_state(page) != "Listening":  # a machine with a microphone of its own
            pick(page, "Built-in demo")
            page.get_by_role("button", name="Start").click()
        until(lambda: clock_s(page) >= 12)
        accepted = page.locator(".hero.accepted")
        spoken = page.locator(".hero.accepted, .hero.leaning, .hero.unsure")
        until(lambda: accepted.count() or (clock_s(page) >= 25 and spoken.count()))
        for name, page in pages.items():
            picture(page, f"live-{name}")


def test_nothing_moves_for_those_who_asked_for_less_motion(chromium: Browser, server: Server) -> None:
    with window(chromium) as context:
        page = visit(context, server)
        until(lambda: listening_state(page) == "Listening")
        style = "part => getComputedStyle(part).transitionProperty"
        parts = [page.locator(where).first for where in (".bar .fill", ".level .track i", ".voice")]
        assert [part.evaluate(style) for part in parts] == ["transform"] * 3
        page.emulate_media(reduced_motion="reduce")
        assert [part.evaluate(style) for part in parts] == ["none"] * 3


# How often the program was asked whether it is there, from its last drawing until it is said that it is not.
ASKED = """
const ask = window.fetch;
let asked = 0;
window.fetch = (what, ...more) => {
  if (`${what}`.endsWith("/_stcore/health")) asked += 1;
  return ask(what, ...more);
};
document.addEventListener("attune-connection", ({detail}) => {
  window.attuneAsked = detail.gone ? asked : 0;
});
let drawn = 0;
setInterval(() => {
  const atMs = window.attune?.live?.atMs ?? 0;
  if (atMs > drawn) [drawn, asked] = [atMs, 0];
}, 20);
"""


def test_a_dead_program_is_said_after_two_questions_and_so_is_its_return(
    chromium: Browser, server: Server
) -> None:
    with window(chromium) as context:
        context.add_init_script(ASKED)
        page = visit(context, server)
        until(lambda: listening_state(page) == "Listening")
        until(lambda: page.title().startswith("● "))
        said = page.locator(".gone")
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            expect(said).to_contain_text("Attune does not answer")
            assert 1 <= page.evaluate("window.attuneAsked") <= 2
            expect(page.get_by_text("No connection").last).to_be_visible()
            expect(page.get_by_test_id("state")).to_be_hidden()
            assert not page.title().startswith("● ")
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        expect(said).to_be_hidden()
        expect(page.get_by_test_id("state")).to_have_text("Listening")
        until(lambda: page.title().startswith("● "))


def test_a_page_that_streamlit_gives_up_is_loaded_anew(chromium: Browser, server: Server) -> None:
    with new_context(chromium) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        sockets: list[WebSocketRoute] = []

        def pass_on(socket: WebSocketRoute) -> None:
            socket.connect_to_server()
            sockets.append(socket)

        page.route_web_socket(re.compile("/_stcore/stream"), pass_on)
        page.goto(server.url)
        page.wait_for_function(WHOLE)
        nowhere = ForwardMsg(metadata={"delta_path": [0, 99]}, delta={"add_block": {}})
        sockets[-1].send(nowhere.SerializeToString())
        page.wait_for_function("() => !document.getElementById('root').hasChildNodes()")
        page.wait_for_function(WHOLE)
        assert len(sockets) == 2
        assert [said for said in complaints if "delta path" not in said] == []


def test_the_tab_is_named_by_the_page_that_is_shown(chromium: Browser, server: Server) -> None:
    with window(chromium) as context:
        page = visit(context, server)
        for title in ("History", "Settings", "Your voice", "Tracks"):
            until(lambda: page.title().startswith("● "))
            page.get_by_role("link", name=title).first.click()
            until(lambda title=title: page.title() == f"{title} · Attune")  # type: ignore[misc]
            # What Live drew late would come now.
            page.wait_for_timeout(1_500)
            assert page.title() == f"{title} · Attune"
            page.get_by_role("link", name="Live").first.click()
        until(lambda: page.title().startswith("● "))


def test_the_second_screen_shows_the_word_at_a_fifth_of_its_height(chromium: Browser, server: Server) -> None:
    with window(chromium, width=2560, height=1440) as context:
        page = visit(context, server)
        page.get_by_role("button", name="Full screen").click()
        word = page.locator(".wall .word")
        expect(word).to_be_visible()
        expect(page).to_have_url(re.compile(r"\?view=wall$"))
        size = "word => parseFloat(getComputedStyle(word).fontSize) / window.innerHeight"
        until(lambda: word.evaluate(size) == pytest.approx(0.2, abs=0.001))
        expect(page.get_by_role("link", name="Tracks")).to_have_count(0)
        expect(page.get_by_role("button")).to_have_count(0)
        page.keyboard.press("Escape")
        expect(page.get_by_test_id("hero")).to_be_visible()
        expect(page).not_to_have_url(re.compile("view="))
        page.goto(f"{server.url}/?view=wall")
        word.click()
        expect(page.get_by_test_id("hero")).to_be_visible()


# A browser that is driven takes this for a press; one in which a person opens an address refuses at first.
REFUSES_FIRST = """
const full = Element.prototype.requestFullscreen;
let asked = false;
Element.prototype.requestFullscreen = function () {
  if (asked) return full.call(this);
  asked = true;
  return Promise.reject(new TypeError("nothing was pressed"));
};"""


def test_the_second_screen_opened_by_its_address_offers_the_whole_screen(
    chromium: Browser, server: Server
) -> None:
    with window(chromium, width=2560, height=1440) as context:
        visit(context, server).close()
        context.add_init_script(REFUSES_FIRST)
        page = context.new_page()
        page.goto(f"{server.url}/?view=wall")
        expect(page.get_by_test_id("demo")).to_have_text("Demo with synthetic voices")
        until(lambda: page.title().endswith(" (demo) · Attune"))
        offer = page.get_by_role("button", name="Full screen")
        offer.click()
        expect(offer).to_be_hidden()
        assert page.evaluate("document.fullscreenElement !== null")
        assert page.url.endswith("?view=wall")
        page.evaluate("document.exitFullscreen()")
        expect(page.get_by_test_id("hero")).to_be_visible()


def test_nothing_jumps_when_words_change_and_text_may_be_twice_as_large(
    chromium: Browser, server: Server
) -> None:
    boxes = """() => [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")]
        .flatMap(({shadowRoot}) => [...shadowRoot.querySelectorAll(".hero, .say > *, .lines dd, .field")])
        .map((part) => {
            const {top, height} = part.getBoundingClientRect();
            return [part.className.toString().split(" ")[0], Math.round(top), Math.round(height)];
        })"""
    with window(chromium, width=390, height=844) as context:
        page = visit(context, server)
        until(lambda: clock_s(page) >= 2)
        page.wait_for_timeout(1_500)
        before, said = page.evaluate(boxes), set()

        def says_more() -> bool:
            said.add(page.get_by_test_id("headline").inner_text())
            assert page.evaluate(boxes) == before
            return len(said) >= 3

        until(says_more)
        small = page.get_by_test_id("reason").evaluate("line => parseFloat(getComputedStyle(line).fontSize)")
        page.evaluate("document.documentElement.style.fontSize = '32px'")
        large = page.get_by_test_id("reason").evaluate("line => parseFloat(getComputedStyle(line).fontSize)")
        assert large == pytest.approx(2 * small)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_every_program_that_these_tests_need_is_here() -> None:
    assert shutil.which(CHROMIUM) is not None
    assert shutil.which("espeak-ng") is not None

"""The Tracks page in a real browser: drop files, see progress and timelines, hear moments, save results."""

from __future__ import annotations

import base64
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Page, expect, sync_playwright

from models.mood.result import CSV_COLUMNS
from tests.e2e.browser import CHROMIUM, CHROMIUM_FLAGS, DROP, Server, picture, serve, until, views, window
from tests.models.mood_graphs import write_backbone, write_head

pytestmark = pytest.mark.e2e

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[*CHROMIUM_FLAGS, "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Music that is none, but whose level swells, and files with nothing to hear."""
    folder = tmp_path_factory.mktemp("songs")
    paths = {}
    for seed, (name, seconds) in enumerate(
        {"one.wav": 40, "two.flac": 30, "three.ogg": 20, "long.flac": 3_600}.items()
    ):
        path = folder / name
        rng = np.random.default_rng(seed)
        with soundfile.SoundFile(path, "w", samplerate=RATE_HZ, channels=1) as file:
            for second in range(seconds):
                swell = 0.02 + 0.2 * (1 + np.sin(second / 5.0 + seed)) / 2
                quiet = 0.05 if name.startswith("long") else 1.0  # so that it is small
                file.write(quiet * swell * rng.standard_normal(RATE_HZ))
        paths[name] = path
    for name, content in {"empty.mp3": b"", "poem.mp3": b"no sound at all\n" * 99}.items():
        paths[name] = folder / name
        paths[name].write_bytes(content)
    twin = folder / "twin" / "one.wav"
    twin.parent.mkdir()
    soundfile.write(twin, 0.3 * np.random.default_rng(9).standard_normal(RATE_HZ * 10), RATE_HZ)
    return {**paths, "twin": twin}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    graphs = {
        "mood_backbone": str(write_backbone(tmp_path / "backbone.onnx")),
        "mood_head": str(write_head(tmp_path / "head.onnx")),
    }
    with serve(tmp_path / "home", **graphs) as server:
        yield server


def visit(context: Any, server: Server) -> Page:
    page: Page = context.new_page()
    # Narrow, the links stand behind a button.
    asked = page.viewport_size
    page.set_viewport_size({"width": 1240, "height": 900})
    page.goto(server.url)
    page.get_by_role("link", name="Tracks").click()
    page.set_viewport_size(asked or {"width": 1240, "height": 900})
    expect(page.locator("input[type=file]")).to_be_attached()
    expect(page.locator(".st-key-tracks-drop").get_by_role("textbox")).to_be_visible()
    # The table listens for big files, and has named the page.
    until(lambda: page.title() == "Tracks · Attune")
    return page


def bring(page: Page, *paths: Path) -> None:
    page.locator("input[type=file]").set_input_files(list(paths))


def finished(page: Page, words: str) -> None:
    expect(page.get_by_test_id("summary")).to_have_text(words)


def player(page: Page) -> Any:
    return page.locator("audio").first


def test_files_are_dropped_analysed_heard_and_saved(
    chromium: Browser, server: Server, songs: dict[str, Path], tmp_path: Path
) -> None:
    with window(chromium) as context:
        page = visit(context, server)
        bring(page, songs["one.wav"], songs["empty.mp3"], songs["poem.mp3"], songs["twin"], songs["two.flac"])
        finished(page, "3 of 5 analysed, 2 failed")
        expect(
            page.get_by_text("empty.mp3 is empty (0 bytes): choose a file that holds sound.")
        ).to_be_visible()
        expect(page.get_by_text("poem.mp3 is not sound that Attune can read")).to_be_visible()
        expect(page.get_by_role("rowheader", name="one (2).wav")).to_be_visible()

        timeline = page.get_by_test_id("mood-timeline")
        expect(timeline).to_have_count(1)
        assert timeline.locator(".mood-timeline .band").count() == 8
        paths = timeline.locator(".mood-timeline .band").evaluate_all(
            "bands => bands.map((band) => band.getAttribute('d'))"
        )
        assert len(set(paths)) == 8
        assert all(len(path) > 200 for path in paths)

        # Pointing reads a moment, clicking plays from there.
        box = timeline.bounding_box()
        assert box is not None
        timeline.hover(position={"x": 0.25 * box["width"], "y": 100})
        expect(page.get_by_test_id("readout")).to_contain_text(re.compile("0:(09|10) · "))
        expect(page.get_by_test_id("readout")).to_contain_text("%")
        until(lambda: player(page).evaluate("audio => audio.readyState") >= 1)
        timeline.click(position={"x": 0.75 * box["width"], "y": 100})
        until(lambda: player(page).evaluate("audio => audio.currentTime") >= 29.5)
        assert player(page).evaluate("audio => audio.currentTime") < 36
        assert not player(page).evaluate("audio => audio.paused")
        left = timeline.locator(".playhead").evaluate("head => parseFloat(head.style.left)")
        assert 73 <= left <= 95
        expect(timeline.locator(".playhead.seen")).to_have_count(1)

        # And so by keys alone.
        timeline.focus()
        timeline.press("Home")
        expect(timeline).to_have_attribute("aria-valuenow", "0")
        timeline.press("PageUp")
        timeline.press("ArrowRight")
        assert "0:04" in str(timeline.get_attribute("aria-valuetext"))
        timeline.press("Enter")
        until(lambda: 4 <= player(page).evaluate("audio => audio.currentTime") < 20)
        timeline.press(" ")
        until(lambda: player(page).evaluate("audio => audio.paused"))

        saved = {}
        for name in ("CSV", "JSON", "PNG"):
            with page.expect_download() as waiting:
                page.get_by_role("button", name=name, exact=True).click()
            assert waiting.value.suggested_filename == f"one-mood.{name.lower()}"
            saved[name] = tmp_path / f"saved.{name.lower()}"
            waiting.value.save_as(saved[name])
        rows = list(csv.reader(saved["CSV"].read_text(encoding="utf-8").splitlines()))
        assert tuple(rows[0]) == CSV_COLUMNS
        assert {row[0] for row in rows[1:]} == {"one.wav"}
        assert len([row for row in rows if row[1] == "theme"]) == 10
        answer = json.loads(saved["JSON"].read_text(encoding="utf-8"))
        assert answer["duration_s"] == 40.0
        assert len(answer["timeline"]) == 42
        assert answer["theme"][0]["tag"] == rows[1][5]
        picture = saved["PNG"].read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert tuple(int.from_bytes(picture[at : at + 4], "big") for at in (16, 20)) == (1600, 800)
        assert len(picture) > 20_000


def test_progress_is_seen_and_work_can_be_cancelled(
    chromium: Browser, server: Server, songs: dict[str, Path]
) -> None:
    with window(chromium) as context:
        page = visit(context, server)
        page.evaluate(
            """() => {
              window.seen = [];
              setInterval(() => {
                for (const host of document.querySelectorAll("[data-testid=stBidiComponentIsolated]")) {
                  const bar = host.shadowRoot?.querySelector("[data-progress]");
                  if (bar) window.seen.push(Number(bar.getAttribute("aria-valuenow") ?? -1));
                }
              }, 20);
            }"""
        )
        bring(page, songs["long.flac"], songs["one.wav"], songs["two.flac"])
        cancel = page.get_by_role("button", name="Cancel two.flac")
        cancel.click()
        finished(page, "2 of 3 analysed, 1 cancelled")
        seen = page.evaluate("window.seen")
        assert any(0 < share < 100 for share in seen), seen
        expect(page.get_by_text("two.flac was cancelled.")).to_be_visible()
        page.get_by_role("button", name="Try two.flac again").click()
        finished(page, "3 of 3 analysed")
        page.get_by_role("button", name="Remove long.flac").click()
        finished(page, "2 of 2 analysed")
        page.get_by_role("button", name="Remove all").click()
        expect(page.get_by_test_id("summary")).to_have_count(0)
        expect(page.get_by_test_id("mood-timeline")).to_have_count(0)


def test_tracks_are_sorted_compared_and_known_again(
    chromium: Browser, server: Server, songs: dict[str, Path]
) -> None:
    with window(chromium) as context:
        page = visit(context, server)
        bring(page, songs["one.wav"], songs["three.ogg"], songs["two.flac"])
        finished(page, "3 of 3 analysed")
        rows = page.locator("tbody th")
        page.get_by_role("button", name="Length").click()
        until(lambda: rows.all_inner_texts() == ["three.ogg", "two.flac", "one.wav"])
        page.get_by_role("button", name="Length").click()
        until(lambda: rows.all_inner_texts() == ["one.wav", "two.flac", "three.ogg"])
        expect(page.locator("th.length")).to_have_attribute("aria-sort", "descending")

        page.get_by_role("checkbox", name="Show the mood timeline of three.ogg").check()
        expect(page.get_by_test_id("mood-timeline")).to_have_count(2)
        players = page.locator("audio")
        expect(players).to_have_count(2)
        for number in (0, 1):
            page.get_by_test_id("mood-timeline").nth(number).click(position={"x": 200, "y": 100})
            until(lambda number=number: not players.nth(number).evaluate("audio => audio.paused"))  # type: ignore[misc]
        until(lambda: players.nth(0).evaluate("audio => audio.paused"))
        page.get_by_role("checkbox", name="Show the mood timeline of one.wav").uncheck()
        expect(page.get_by_test_id("mood-timeline")).to_have_count(1)

        other = visit(context, server)
        bring(other, songs["one.wav"])
        finished(other, "1 of 1 analysed")
        expect(other.get_by_text("analysed before")).to_be_visible()
        finished(page, "3 of 3 analysed")


def test_fifty_are_cancelled_in_the_middle_and_gone_on_with(
    chromium: Browser, server: Server, songs: dict[str, Path], tmp_path: Path
) -> None:
    for number in range(49):
        noise = 0.1 * np.random.default_rng(number).standard_normal(RATE_HZ * 6)
        soundfile.write(tmp_path / f"{number:02d}.flac", noise, RATE_HZ)
    fifty = [songs["long.flac"], *sorted(tmp_path.glob("*.flac"))]
    with window(chromium) as context:
        page = visit(context, server)
        bring(page, *fifty)
        expect(page.get_by_role("progressbar", name="Analysis of all tracks")).to_be_visible()
        page.get_by_role("button", name="Cancel all").click()
        expect(page.get_by_test_id("summary")).to_contain_text("cancelled")
        page.get_by_role("button", name="Go on").click()
        finished(page, "50 of 50 analysed")
        expect(page.get_by_role("progressbar")).to_have_count(0)

        # However long the table, the timelines stand close below it, and the newest is the first of them.
        rows = page.locator(".track-table tbody tr:visible")
        expect(rows).to_have_count(6)
        assert page.locator(".track-table").evaluate("table => table.clientHeight") <= 460
        more = page.get_by_role("button", name="Show all 50")
        more.press("Enter")
        expect(rows).to_have_count(50)
        page.get_by_role("checkbox", name="Show the mood timeline of 40.flac").check()
        expect(page.get_by_test_id("mood-timeline")).to_have_count(2)
        expect(rows).to_have_count(50)
        page.get_by_role("button", name="Show fewer").click()
        expect(rows).to_have_count(6)
        expect(page.get_by_role("slider").first).to_have_attribute(
            "aria-label", "Moment of 40.flac; press Enter to hear it"
        )
        page.get_by_role("button", name="Title").click()
        expect(page.locator("th.title").first).to_be_attached()
        assert page.locator(".mini-timeline .band").count() == 50 * 8

        other = visit(context, server)
        bring(other, *fifty)
        finished(other, "50 of 50 analysed")
        expect(other.get_by_text("analysed before")).to_be_visible()


def test_files_let_go_over_the_page_come(chromium: Browser, server: Server, songs: dict[str, Path]) -> None:
    with window(chromium) as context:
        page = visit(context, server)
        files = [
            {"name": name, "text": base64.b64encode(songs[name].read_bytes()).decode()}
            for name in ("three.ogg", "poem.mp3")
        ]
        page.locator("[data-testid=stFileUploaderDropzone]").evaluate(DROP, files)
        finished(page, "1 of 2 analysed, 1 failed")


def test_a_file_of_two_gigabytes_is_told_and_the_others_go_on(
    chromium: Browser, server: Server, songs: dict[str, Path], tmp_path: Path
) -> None:
    film = tmp_path / "film.wav"
    with film.open("wb") as file:
        file.truncate(2**31)
    with window(chromium) as context:
        page = visit(context, server)
        bring(page, film, songs["three.ogg"])
        why = "film.wav has 2.1 GB, more than the 200 MB that a page can take: type its path instead"
        expect(page.get_by_text(why)).to_be_visible()
        finished(page, "1 of 2 analysed, 1 failed")


def test_without_weights_the_page_says_what_is_missing(chromium: Browser, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.onnx")
    with serve(tmp_path / "home", mood_backbone=gone) as server, window(chromium) as context:
        page = visit(context, server)
        expect(page.get_by_role("alert").filter(has_text="gone.onnx")).to_be_visible()
        expect(page.get_by_text("Traceback")).to_have_count(0)


def test_screenshots(chromium: Browser, server: Server, songs: dict[str, Path]) -> None:
    with views(chromium) as contexts:
        for name, context in contexts.items():
            page = visit(context, server)
            bring(page, *(songs[song] for song in ("one.wav", "two.flac", "three.ogg", "poem.mp3")))
            finished(page, "3 of 4 analysed, 1 failed")
            page.get_by_role("checkbox", name="Show the mood timeline of three.ogg").check()
            expect(page.get_by_test_id("mood-timeline")).to_have_count(2)
            picture(page, f"tracks-{name}")


def test_nothing_glides_for_those_who_asked_for_less_motion(
    chromium: Browser, server: Server, songs: dict[str, Path]
) -> None:
    with window(chromium) as context:
        page = visit(context, server)
        page.emulate_media(reduced_motion="reduce")
        bring(page, songs["one.wav"])
        finished(page, "1 of 1 analysed")
        page.get_by_test_id("mood-timeline").click(position={"x": 300, "y": 100})
        until(lambda: player(page).evaluate("audio => audio.currentTime") > 0)
        head = page.locator(".playhead")
        assert head.evaluate("head => getComputedStyle(head).transitionProperty") == "none"

"""What the dashboard costs, and how soon it is there, in a real Chromium: cold, warm, each page, and Live.

    python -m benchmarks.live_page [--seconds 120]

The server runs in an empty home and plays the demo. Needs `.[test,dev]` and Chromium; quiet cores.
"""

from __future__ import annotations

import argparse
import importlib
import json
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

_SETTLE_S: Final = 8.0
_SCREENS: Final = ((1440, 900), (390, 844))
_LIVE: Final = """() => {
  const feed = window.attune?.live;
  return feed?.values.heard !== undefined && feed.values.heard !== "0:00";
}"""


def run(*, seconds: float) -> dict[str, Any]:
    """Measure all of it.

    Returns
    -------
    figures
        Times in seconds from when the server answers (cold) or from the click (warm); processor in per cent
        of one core; `socket_mb_per_hour` as received over the web socket; heap in megabytes at the beginning
        and the end. Under `pages`, for each page that is opened by its address on a wide and a narrow
        screen: when all of it is shown, and its layout shift over eight seconds.
    """
    browser_tests: Any = importlib.import_module("tests.e2e.browser")  # the tests' ground
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser_tests.CHROMIUM, args=list(browser_tests.CHROMIUM_FLAGS)
        )
        with browser_tests.serve(Path(folder) / "home") as server:
            page = chromium.new_page(viewport={"width": 1440, "height": 900})
            page.add_init_script(browser_tests.SHIFTS)
            figures: dict[str, Any] = {
                "cold": _cold(page, server.url, browser_tests),
                "page_change_s": _page_changes(page, browser_tests),
            }
            page.close()
            figures["pages"] = _pages(chromium, server.url, browser_tests)
            page = chromium.new_page(viewport={"width": 1440, "height": 900})
            page.add_init_script(browser_tests.SHIFTS)
            figures["live"] = _live(chromium, page, server, seconds, browser_tests)
        chromium.close()
    return figures


def _since(began_s: float, wait: Callable[[], object]) -> float:
    wait()
    return round(time.monotonic() - began_s, 2)


def _cold(page: Page, url: str, ground: Any) -> dict[str, float]:
    began_s = time.monotonic()
    page.goto(url, wait_until="commit")
    figures = {
        "heading_s": _since(began_s, page.locator("h1").first.wait_for),
        "skeleton_s": _since(began_s, page.locator(".at-skeleton, [data-testid=hero]").first.wait_for),
        "board_s": _since(began_s, lambda: page.wait_for_function(_LIVE)),
    }
    page.wait_for_timeout(3000)
    return figures | {"layout_shift": ground.layout_shift(page)}


def _pages(chromium: Browser, url: str, ground: Any) -> dict[str, dict[str, float]]:
    """Each page, opened by its address in a window of its own."""
    entries = importlib.import_module("attune.dashboard.navigation").ENTRIES
    names = ["", *(entry.module for entry in entries[1:])]
    figures = {}
    for name, (width, height) in product([*names, "?view=wall"], _SCREENS):
        page = chromium.new_page(viewport={"width": width, "height": height})
        page.add_init_script(ground.SHIFTS)
        began_s = time.monotonic()
        page.goto(f"{url}/{name}", wait_until="commit")
        whole_s = _since(began_s, lambda page=page: page.wait_for_function(ground.WHOLE))  # type: ignore[misc]
        page.wait_for_timeout(max(0.0, 1000 * (_SETTLE_S - whole_s)))
        figures[f"/{name}, {width}"] = {"whole_s": whole_s, "layout_shift": ground.layout_shift(page)}
        page.close()
    return figures


def _page_changes(page: Page, ground: Any) -> dict[str, float]:
    links = page.locator("header a, [data-testid=stTopNavLink]")
    names = [name.strip().splitlines()[-1] for name in links.all_inner_texts()]
    took: dict[str, float] = {}
    for turn in ("first", "warm"):
        for name in [*names[1:], names[0]]:
            heading = page.locator(".stMain h1").first.inner_text()
            began_s = time.monotonic()
            links.filter(has_text=name).first.click()
            page.wait_for_function(
                "old => (document.querySelector('.stMain h1')?.textContent ?? old) !== old", arg=heading
            )
            page.wait_for_function(ground.WHOLE)
            took[f"{name}, {turn}"] = round(time.monotonic() - began_s, 2)
            page.wait_for_timeout(1500)
    return took


def _live(chromium: Browser, page: Page, server: Any, seconds: float, ground: Any) -> dict[str, Any]:
    session = page.context.new_cdp_session(page)
    received = [0]
    session.send("Network.enable")
    session.send("Performance.enable")
    session.on("Network.webSocketFrameReceived", lambda event: _count(event, received))
    page.goto(server.url)
    page.wait_for_function(_LIVE)
    page.wait_for_timeout(1000 * _SETTLE_S)
    whole = chromium.new_browser_cdp_session()
    process = importlib.import_module("psutil").Process(server.process.pid)
    received[0], before, busy = 0, _metrics(session), _processor(whole)
    server_s, began_s = _busy_s(process), time.monotonic()
    page.wait_for_timeout(1000 * seconds)
    wall_s = time.monotonic() - began_s
    after, spent = _metrics(session), _processor(whole)
    with_page = 100.0 * (_busy_s(process) - server_s) / wall_s
    shift = ground.layout_shift(page)
    page.close()
    # It goes on listening for a while, and that alone is what the page costs nothing of.
    alone_s, began_s = _busy_s(process), time.monotonic()
    time.sleep(min(60.0, seconds))
    without_page = 100.0 * (_busy_s(process) - alone_s) / (time.monotonic() - began_s)
    return {
        "seconds": round(wall_s, 1),
        "browser_percent": {
            kind: round(100.0 * (spent[kind] - busy.get(kind, 0.0)) / wall_s, 1) for kind in spent
        },
        "browser_percent_of_a_core": round(100.0 * (sum(spent.values()) - sum(busy.values())) / wall_s, 1),
        "server_percent_of_a_core": round(with_page, 1),
        "server_percent_beside_the_listener": round(with_page - without_page, 1),
        "socket_mb_per_hour": round(received[0] / wall_s * 3600 / 1e6, 1),
        "heap_mb": [round(metrics["JSHeapUsedSize"] / 1e6, 1) for metrics in (before, after)],
        "nodes": [int(metrics["Nodes"]) for metrics in (before, after)],
        "layouts_per_s": round((after["LayoutCount"] - before["LayoutCount"]) / wall_s, 1),
        "layout_shift": shift,
    }


def _count(event: dict[str, Any], received: list[int]) -> None:
    payload = event["response"]["payloadData"]
    binary = event["response"]["opcode"] == 2
    received[0] += len(payload) * 3 // 4 if binary else len(payload)


def _metrics(session: CDPSession) -> dict[str, float]:
    session.send("HeapProfiler.collectGarbage")
    return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}


def _processor(session: CDPSession) -> dict[str, float]:
    """Processor time so far of each kind of the browser's processes, s."""
    spent: dict[str, float] = {}
    for process in session.send("SystemInfo.getProcessInfo")["processInfo"]:
        spent[process["type"]] = spent.get(process["type"], 0.0) + process["cpuTime"]
    return spent


def _busy_s(process: Any) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0)
    print(json.dumps(run(seconds=parser.parse_args().seconds), indent=2))


if __name__ == "__main__":
    main()

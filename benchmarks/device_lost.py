"""How soon the Live page says that the microphone is gone, in a real Chromium on a virtual microphone.

    python -m benchmarks.device_lost [--times 5]

Needs `.[test,dev]`, Chromium, PulseAudio and espeak-ng.
"""

from __future__ import annotations

import argparse
import importlib
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

_SAYS = """wanted => [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")].some(
  host => host.shadowRoot?.querySelector(".indicator .words")?.textContent === wanted)"""


def run(*, times: int) -> dict[str, Any]:
    """Pull the plug of the microphone so many times.

    Returns
    -------
    figures
        Seconds from the moment at which the device is gone until the page says so, one for each time.
    """
    ground: Any = importlib.import_module("tests.e2e.browser")
    sound_server: Any = importlib.import_module("tests.e2e.sound_server")
    said_s = []
    with tempfile.TemporaryDirectory(prefix="attune-") as folder, sync_playwright() as playwright:
        (Path(folder) / "sound").mkdir()
        sound = sound_server.SoundServer(Path(folder) / "sound")
        sound.start()
        try:
            chromium = playwright.chromium.launch(
                executable_path=ground.CHROMIUM, args=list(ground.CHROMIUM_FLAGS)
            )
            with ground.serve(Path(folder) / "home", sound=sound.environment) as server:
                page = chromium.new_page(viewport={"width": 1440, "height": 900})
                page.goto(server.url)
                page.get_by_role("button", name="Start").click()
                for _ in range(times):
                    page.wait_for_function(_SAYS, arg="Listening")
                    page.wait_for_timeout(3000)
                    sound.unplug()
                    gone_s = time.monotonic()
                    page.wait_for_function(_SAYS, arg="Device lost")
                    said_s.append(round(time.monotonic() - gone_s, 2))
                    sound.plug()
            chromium.close()
        finally:
            sound.stop()
    return {"said_s": said_s, "longest_s": max(said_s)}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    print(json.dumps(run(times=parser.parse_args().times), indent=2))


if __name__ == "__main__":
    main()

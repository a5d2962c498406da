"""How long it takes from an accepted emotion to the other playlist on a Spotify server on this machine.

    python -m benchmarks.switch [--switches 100]

The controller, the autopilot and the player are the program's own, spotipy included; the server is the tests'
fake one, over TCP. Dwell is 0, and the clock jumps over the cool-down between two switches.
"""

from __future__ import annotations

import argparse
import importlib
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.emotions import EMOTIONS, Emotion
from playback.controller import PlaybackController
from playback.mapping.styles import Strategy
from playback.preferences.preferences import MappingEntry, Mode, PlaylistRef, Preferences
from spotify.player import SpotifyPlayer

_PATIENCE_S: Final = 10.0
_COOLDOWN_S: Final = 10.0
_SETTLE_S: Final = 0.2


class _SignedIn:
    """Credentials that are good as long as the server is."""

    account = "somebody"

    def __init__(self, token: str) -> None:
        self._token = token

    def access_token(self) -> str:
        return self._token

    def refresh(self) -> str:
        return self._token


def run(switches: int) -> dict[str, Any]:
    """Time so many switches, in milliseconds: count, median, 95th percentile and worst."""
    fake = importlib.import_module("tests.fake_spotify")
    jumped_s = 0.0

    def clock() -> float:
        return time.time() + jumped_s

    with fake.fake_spotify() as server, tempfile.TemporaryDirectory() as folder:
        server.add_device("Desk", active=True)
        refs = {e: PlaylistRef(server.add_playlist(f"For {e}").uri, f"For {e}") for e in EMOTIONS}
        player = SpotifyPlayer(
            _SignedIn(server.sign_in()["access_token"]),
            api_url=server.url,
            state_file=Path(folder) / "memory.json",
            clock=clock,  # what plays is known too long ago, so that it is asked before each switch
        )
        player.refresh().result(_PATIENCE_S)
        default = Preferences()
        preferences = replace(
            default,
            choices={e: MappingEntry(Strategy.MATCH, (refs[e],)) for e in EMOTIONS},
            autopilot=replace(default.autopilot, mode=Mode.AUTO, dwell_s=0.0, cooldown_s=_COOLDOWN_S),
        )
        controller = PlaybackController(
            player, preferences, save=lambda _: None, record=lambda *_: None, clock=clock, poll_s=0.2
        )
        controller.set_listening(True)
        spent_ms = []
        try:
            for number in range(switches):
                emotion = (Emotion.HAPPY, Emotion.SAD, Emotion.ANGRY)[number % 3]
                spent_ms.append(1000.0 * _switched(server, controller, refs[emotion].uri, emotion))
                time.sleep(_SETTLE_S)  # what the server has done is known to the autopilot, too
                jumped_s += 2 * _COOLDOWN_S
        finally:
            controller.close()
    return {
        "switches": len(spent_ms),
        "median_ms": round(float(np.median(spent_ms)), 1),
        "p95_ms": round(float(np.percentile(spent_ms, 95)), 1),
        "worst_ms": round(max(spent_ms), 1),
    }


def _switched(server: Any, controller: PlaybackController, uri: str, emotion: Emotion) -> float:
    """Let the emotion be accepted; seconds until the server plays its playlist."""
    begun_s = time.perf_counter()
    controller.follow(emotion)
    while True:
        playing = server.now_playing()
        if uri in str(playing):
            return time.perf_counter() - begun_s
        if time.perf_counter() - begun_s > _PATIENCE_S:
            raise RuntimeError(f"The server never played {uri}: {controller.snapshot().message}")
        time.sleep(0.0005)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--switches", type=int, default=100)
    print(json.dumps(run(parser.parse_args().switches), indent=2))


if __name__ == "__main__":
    main()

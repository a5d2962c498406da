"""Owns the fake Spotify by hand: `python -m fake_spotify --port 8899` in tests/, for trials in a browser."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading

from tests.fake_spotify.server import fake_spotify
from tests.fake_spotify.world import CLIENT_ID, REDIRECT_URI, World

_PLAYLISTS = ("Chill evening", "Party bangers", "Rainy day", "Running fast", "Focus", "Sunday morning")


def main() -> None:
    """Answer until interrupted, with a small world to look at."""
    parser = argparse.ArgumentParser(prog="python -m fake_spotify", description=main.__doc__)
    parser.add_argument("--port", type=int, default=8899, help="port of 127.0.0.1 (0: any that is free)")
    parser.add_argument("--auto-consent", action="store_true", help="agree without asking")
    arguments = parser.parse_args()
    with fake_spotify(arguments.port) as server:
        furnish(server)
        server.auto_consent = arguments.auto_consent
        sys.stdout.write(
            f"Fake Spotify at {server.url}\n"
            f"client id {CLIENT_ID}\n"
            f"redirect address {REDIRECT_URI} (any port)\n"
        )
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


def furnish(world: World) -> None:
    """Playlists of every sort, and three devices of which one sleeps."""
    for name in _PLAYLISTS:
        world.add_playlist(name, 12)
    world.add_playlist("Friend's mix", 8, owner="friend7")
    world.add_playlist("Together", 8, owner="friend7", collaborative=True)
    world.add_playlist("Discover Weekly", 30, owner="spotify")
    world.add_device("Desk", active=True)
    world.add_device("Kitchen speaker", kind="Speaker", asleep=True)
    world.add_device("Phone", kind="Smartphone", volume=None)


if __name__ == "__main__":
    main()

"""Which backend an operating system has, and which players are open at this moment."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from typing import Final

from core.errors import MusicError
from playback.system_player.backend import OpenPlayer, PlayerBackend, PlayersUnseenError
from playback.system_player.macos import MacPlayers
from playback.system_player.windows import WindowsPlayers

_MOVE_S: Final = 0.3


def open_backend(stopping: Callable[[], bool]) -> PlayerBackend:
    """The backend of this operating system; it has asked nothing yet.

    Parameters
    ----------
    stopping
        Whether whoever waits is to give up.

    Raises
    ------
    PlayersUnseenError
        A library for it is not installed.
    """
    if sys.platform == "darwin":
        return MacPlayers(stopping)
    if sys.platform == "win32":
        return WindowsPlayers(stopping)
    try:
        mpris = import_module("playback.system_player.mpris")
    except ModuleNotFoundError as error:
        raise PlayersUnseenError(
            f"The players that are open cannot be asked ({error}): install the Python package jeepney, or "
            "choose another player."
        ) from error
    backend: PlayerBackend = mpris.MprisPlayers(stopping)
    return backend


def list_open_players() -> tuple[OpenPlayer, ...]:
    """The players that are open; takes up to some seconds.

    Raises
    ------
    PlayersUnseenError
        That cannot be told; the sentence says why.
    """
    with closing(open_backend(lambda: False)) as backend:
        players = backend.players(0.0)
        if any(one.stopped and one.track is not None for one in players):
            time.sleep(_MOVE_S)  # only a position that moves tells whether these play
            players = backend.players(0.0)
        return players


def open_players() -> tuple[str, ...]:
    """Names of the players that are open and play links; takes up to some seconds, and never fails."""
    try:
        return tuple(player.name for player in list_open_players() if player.usable)
    except MusicError:
        return ()

"""The players that are open on macOS: Spotify and Music, by the system's scripting (`osascript`)."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from playback.player import OutcomeKind, PlayingTrack
from playback.system_player.addresses import local_path
from playback.system_player.backend import (
    OpenPlayer,
    PlayerCallError,
    PlayersUnseenError,
    number_of,
    player_name,
    text_of,
)

SCRIPT: Final = Path(__file__).with_name("players.js")
"""JavaScript for the system's scripting."""

SCHEMES: Final = {"Spotify": frozenset({"spotify"}), "Music": frozenset({"file", "http", "https"})}
"""The links that each player opens."""

_LENGTH_UNIT_S: Final = {"Spotify": 0.001, "Music": 1.0}
_NOT_PERMITTED: Final = ("-1743", "-1744", "Not authorized")
_FORBIDDEN: Final = (
    "macOS does not let Attune use the players that are open: allow it in System Settings, under Privacy & "
    "Security, Automation."
)
_TIMEOUT_S: Final = 5.0
_SLICE_S: Final = 0.1


def command(verb: str, *arguments: str) -> list[str]:
    """The command line that has the script do something.

    Parameters
    ----------
    verb
        One of those in `SCRIPT`.
    arguments
        The player's name and a value, as the verb needs them.
    """
    return ["/usr/bin/osascript", "-l", "JavaScript", str(SCRIPT), verb, *arguments]


def open_command(name: str, link: str) -> list[str]:
    """The command line that has a player open a link.

    Parameters
    ----------
    name
        The player's.
    link
        Of one of its schemes.
    """
    if name == "Spotify":
        return command("play", name, link)
    path = local_path(link)
    return command("location", name, link) if path is None else command("file", name, str(path))


def parse_players(answer: str, now_s: float) -> tuple[OpenPlayer, ...]:
    """Read what the script answers to ``list``; what is none of its answers tells of no player.

    Parameters
    ----------
    answer
        JSON.
    now_s
        Monotonic time.
    """
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        return ()
    entries = told if isinstance(told, list) else []
    return tuple(
        _player(entry, now_s)
        for entry in entries
        if isinstance(entry, dict) and text_of(entry.get("name")) in SCHEMES
    )


def _player(told: dict[str, Any], now_s: float) -> OpenPlayer:
    name, title = told["name"], text_of(told.get("title"))
    track = PlayingTrack(
        title,
        text_of(told.get("artist")),
        duration_s=number_of(told.get("duration"), factor=_LENGTH_UNIT_S[name]) or None,
        position_s=number_of(told.get("position")),
    )
    state = text_of(told.get("state")).casefold()
    return OpenPlayer(
        id=name,
        name=player_name(name, name),
        playing=state == "playing" and bool(title),
        stopped=state == "stopped",
        track=track if title else None,
        track_id=text_of(told.get("id")),
        volume=number_of(told.get("volume"), factor=0.01, most=1.0),
        schemes=SCHEMES[name],
        seen_s=now_s,
        moved_s=now_s,
    )


class MacPlayers:
    """Fulfils `playback.system_player.backend.PlayerBackend` on macOS.

    Parameters
    ----------
    stopping
        Whether whoever waits is to give up.
    """

    examples = "Spotify or Music"

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._stopping = stopping
        self._players: tuple[OpenPlayer, ...] = ()
        self._seen_s = float("-inf")

    def players(self, max_age_s: float) -> tuple[OpenPlayer, ...]:
        """List which of the two are open; neither is started by that."""
        if time.monotonic() - self._seen_s >= max_age_s:
            try:
                self._players = parse_players(self._run(command("list")), time.monotonic())
            except PlayerCallError as error:
                raise PlayersUnseenError(str(error)) from error
            self._seen_s = time.monotonic()
        return self._players

    def open(self, player: OpenPlayer, link: str) -> None:
        """Have a player play a link."""
        self._run(open_command(player.id, link))

    def pause(self, player: OpenPlayer) -> None:
        """Have it pause."""
        self._run(command("pause", player.id))

    def resume(self, player: OpenPlayer) -> None:
        """Have it go on."""
        self._run(command("resume", player.id))

    def next(self, player: OpenPlayer) -> None:
        """Have it go to its next track."""
        self._run(command("next", player.id))

    def set_volume(self, player: OpenPlayer, volume: float) -> None:
        """Set its volume, 0 to 1."""
        self._run(command("volume", player.id, str(round(100 * volume))))

    def close(self) -> None:
        """Do nothing: no command outlives its call."""

    def _run(self, argv: Sequence[str]) -> str:
        try:
            process = subprocess.Popen(  # noqa: S603 - the system's own, with arguments that are no script
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            reason = f"The players that are open cannot be asked ({error.strerror or error})"
            raise PlayerCallError(OutcomeKind.UNREACHABLE, f"{reason}: choose another player.") from error
        until_s = time.monotonic() + _TIMEOUT_S
        with process:
            while True:
                try:
                    answer, problem = process.communicate(timeout=_SLICE_S)
                    break
                except subprocess.TimeoutExpired:
                    if self._stopping() or time.monotonic() >= until_s:
                        process.kill()
                        silent = "The player that is open does not answer: wait a moment, or start it again."
                        raise PlayerCallError(OutcomeKind.UNREACHABLE, silent) from None
        if process.returncode:
            raise PlayerCallError(*_failure(problem))
        return answer


def _failure(problem: str) -> tuple[OutcomeKind, str]:
    if any(mark in problem for mark in _NOT_PERMITTED):
        return OutcomeKind.FORBIDDEN, _FORBIDDEN
    if "not running" in problem or "-600" in problem:
        return OutcomeKind.GONE, "The player was closed: open it again, or choose another player."
    reason = player_name(problem, "no reason was given")
    return OutcomeKind.FAILED, f"The player that is open did not do it ({reason}): try it there."

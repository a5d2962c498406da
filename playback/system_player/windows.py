"""The players that are open on Windows: its media sessions, by PowerShell, and links of Spotify."""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from playback.player import ContentKind, OutcomeKind, PlayingTrack
from playback.system_player.backend import (
    OpenPlayer,
    PlayerCallError,
    PlayersUnseenError,
    number_of,
    player_name,
    text_of,
)
from playback.system_player.line_process import LineProcess

SCRIPT: Final = Path(__file__).with_name("media_sessions.ps1")
"""Answers one line of JSON to each line of JSON."""

_NAMES: Final = {
    "spotify": "Spotify",
    "zunemusic": "Media Player",
    "vlc": "VLC",
    "chrome": "Chrome",
    "msedge": "Edge",
    "firefox": "Firefox",
    "308046b0af4a39cb": "Firefox",
}
_SPOTIFY: Final = "Spotify"
_TIMEOUT_S: Final = 5.0
_START_S: Final = 15.0  # the first answer takes PowerShell's start
_UNSEEN: Final = (
    "Windows does not say which players are open ({}): choose another player, or start Attune again."
)


def command() -> list[str]:
    """The command line that runs `SCRIPT`: Windows PowerShell 5, which every Windows has."""
    encoded = base64.b64encode(SCRIPT.read_text(encoding="utf-8").encode("utf-16-le")).decode("ascii")
    return ["powershell.exe", "-NoLogo", "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded]


def request(verb: str, player_id: str = "") -> str:
    """One line for the script.

    Parameters
    ----------
    verb
        ``list``, ``pause``, ``resume`` or ``next``.
    player_id
        Which session.
    """
    return json.dumps({"verb": verb, "id": player_id})


def startable(link: str) -> str:
    """What Windows is to open for a link of Spotify, so that it plays at once.

    Examples
    --------
    >>> startable("spotify:album:4aawyAB9vmqN3uQ7FjRGTy")
    'spotify:album:4aawyAB9vmqN3uQ7FjRGTy:play'
    """
    return f"{link}:play"


def parse_players(told: object, now_s: float) -> tuple[OpenPlayer, ...]:
    """Read what the script tells to ``list``.

    Parameters
    ----------
    told
        A list of sessions; PowerShell makes no list of one.
    now_s
        Monotonic time.
    """
    entries = told if isinstance(told, list) else [told]
    players: dict[str, OpenPlayer] = {}
    for entry in entries:
        if isinstance(entry, dict) and text_of(entry.get("id")):
            player = _player(entry, now_s)
            players.setdefault(player.name, player)
    return tuple(players.values())


def _player(told: dict[str, Any], now_s: float) -> OpenPlayer:
    key, title = text_of(told["id"]), text_of(told.get("title"))
    name = next((name for mark, name in _NAMES.items() if mark in key.lower()), "")
    name = name or player_name(key.rpartition("!")[2].rpartition("\\")[2].removesuffix(".exe"), key)
    schemes = frozenset({"spotify"}) if name == _SPOTIFY else frozenset[str]()
    state = text_of(told.get("state")).casefold()
    playing = state == "playing" and bool(title)
    position_s = number_of(told.get("position"))
    if position_s is not None and playing:
        position_s += number_of(told.get("age"), most=36_000.0) or 0.0
    track = PlayingTrack(
        title,
        text_of(told.get("artist")),
        duration_s=number_of(told.get("duration")) or None,
        position_s=position_s,
        kind=ContentKind.MUSIC if schemes else ContentKind.UNKNOWN,
    )
    return OpenPlayer(
        id=key,
        name=name,
        playing=playing,
        stopped=state in ("stopped", "closed"),
        track=track if title else None,
        track_id=f"{track.artist}: {title}",
        schemes=schemes,
        has_next=told.get("next") is not False,
        seen_s=now_s,
        moved_s=now_s,
    )


class WindowsPlayers:
    """Fulfils `playback.system_player.backend.PlayerBackend` on Windows.

    Parameters
    ----------
    stopping
        Whether whoever waits is to give up.
    argv
        Command line of what answers as `SCRIPT` does; None: that itself.
    start
        Opens what the system has a program for.
    """

    examples = "Spotify and play something in it"

    def __init__(
        self,
        stopping: Callable[[], bool],
        *,
        argv: Sequence[str] | None = None,
        start: Callable[[str], None] | None = None,
    ) -> None:
        self._stopping = stopping
        self._argv = command() if argv is None else argv
        self._start = start or _start_file
        self._process: LineProcess | None = None
        self._players: tuple[OpenPlayer, ...] = ()
        self._seen_s = float("-inf")

    def players(self, max_age_s: float) -> tuple[OpenPlayer, ...]:
        """List the programs that have a media session."""
        if time.monotonic() - self._seen_s >= max_age_s:
            try:
                self._players = parse_players(self._ask(request("list")), time.monotonic())
            except PlayerCallError as error:
                raise PlayersUnseenError(_UNSEEN.format(error)) from error
            self._seen_s = time.monotonic()
        return self._players

    def open(self, player: OpenPlayer, link: str) -> None:
        """Have Spotify play a link of its own."""
        try:
            self._start(startable(link))
        except OSError as error:
            raise PlayerCallError(
                OutcomeKind.FAILED, f"{player.name} was not opened by Windows ({error.strerror or error})."
            ) from error

    def pause(self, player: OpenPlayer) -> None:
        """Have it pause."""
        self._command("pause", player)

    def resume(self, player: OpenPlayer) -> None:
        """Have it go on."""
        self._command("resume", player)

    def next(self, player: OpenPlayer) -> None:
        """Have it go to its next track."""
        self._command("next", player)

    def set_volume(self, player: OpenPlayer, volume: float) -> None:
        """Refuse: media sessions have no volume, and no player is listed with one."""
        del volume
        raise PlayerCallError(
            OutcomeKind.FORBIDDEN,
            f"The volume of {player.name} can only be set there.",
        )

    def close(self) -> None:
        """End what answers."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def _command(self, verb: str, player: OpenPlayer) -> None:
        try:
            done = self._ask(request(verb, player.id))
        except PlayerCallError as error:
            if str(error) == "closed":
                raise PlayerCallError(
                    OutcomeKind.GONE, f"{player.name} was closed: open it again, or choose another player."
                ) from error
            raise PlayerCallError(
                OutcomeKind.UNREACHABLE, f"{player.name} does not answer ({error}): try it there."
            ) from error
        if done is not True:
            raise PlayerCallError(OutcomeKind.FAILED, f"{player.name} did not do it: try it there.")

    def _ask(self, line: str) -> object:
        """What the script tells; raises `PlayerCallError` with the bare reason."""
        started = self._process is None
        try:
            process = self._process = self._process or LineProcess(self._argv, self._stopping)
        except OSError as error:
            raise PlayerCallError(OutcomeKind.UNREACHABLE, str(error.strerror or error)) from error
        answer = process.ask(line, _START_S if started else _TIMEOUT_S)
        try:
            told = json.loads(answer or "")
        except ValueError:
            self.close()
            raise PlayerCallError(OutcomeKind.UNREACHABLE, "no answer") from None
        if not isinstance(told, dict) or "told" not in told:
            problem = text_of(told.get("problem")) if isinstance(told, dict) else ""
            raise PlayerCallError(OutcomeKind.FAILED, player_name(problem, "no answer"))
        return told["told"]


def _start_file(address: str) -> None:
    if sys.platform == "win32":
        os.startfile(address)  # noqa: S606 - a link of Spotify, checked when it was pasted

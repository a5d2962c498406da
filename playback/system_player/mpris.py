"""The players that are open on Linux and other desktops with D-Bus: MPRIS2."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from jeepney import DBusAddress, HeaderFields, MatchRule

from playback.player import OutcomeKind
from playback.system_player.backend import OpenPlayer, PlayerCallError, PlayersUnseenError, player_name
from playback.system_player.mpris_properties import BUS_PREFIX, is_player, parse_player
from playback.system_player.session_bus import BusError, ReplyError, SessionBus, bus_address

_PATH: Final = "/org/mpris/MediaPlayer2"
_APPLICATION: Final = "org.mpris.MediaPlayer2"
_PLAYER: Final = f"{_APPLICATION}.Player"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_BUS: Final = DBusAddress(
    "/org/freedesktop/DBus", bus_name="org.freedesktop.DBus", interface="org.freedesktop.DBus"
)
_ASK_S: Final = 1.0
_COMMAND_S: Final = 5.0
_STOPPED_AGE_S: Final = 1.0  # one that says it is stopped is asked so often whether it plays all the same
_SILENT_S: Final = 10.0  # one that did not answer is left alone for so long
_GONE: Final = ("ServiceUnknown", "NameHasNoOwner", "NoReply", "Disconnected")
NO_BUS: Final = (
    "This session has no D-Bus, by which players that are open are found: start Attune from the desktop, or "
    "choose another player."
)
_BROKEN: Final = (
    "D-Bus, by which players that are open are found, does not answer ({}): it is tried again by itself."
)


class MprisPlayers:
    """Fulfils `playback.system_player.backend.PlayerBackend` over D-Bus; connects again by itself.

    Parameters
    ----------
    stopping
        Whether whoever waits is to give up.
    """

    examples = "Spotify, VLC, mpv or another player"

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._stopping = stopping
        self._bus: SessionBus | None = None
        self._known: dict[str, OpenPlayer] = {}
        self._applications: dict[str, Mapping[str, Any]] = {}
        self._owners: dict[str, str] = {}  # unique names and those of players
        self._changed: set[str] = set()

    def players(self, max_age_s: float) -> tuple[OpenPlayer, ...]:
        """List the players that are open; what signals tell is always taken."""
        try:
            bus = self._connected()
            self._take_signals(bus)
            now_s = time.monotonic()
            for name in list(self._known):
                if name in self._changed or self._is_old(self._known[name], now_s, max_age_s):
                    self._look(bus, name)
        except BusError as error:
            self._disconnect()
            raise PlayersUnseenError(_BROKEN.format(error) if bus_address() else NO_BUS) from error
        return _told_apart(self._known.values())

    def open(self, player: OpenPlayer, link: str) -> None:
        """Have a player play a link."""
        self._call(player, "OpenUri", "s", link)

    def pause(self, player: OpenPlayer) -> None:
        """Have it pause."""
        self._call(player, "Pause")

    def resume(self, player: OpenPlayer) -> None:
        """Have it go on."""
        self._call(player, "Play")

    def next(self, player: OpenPlayer) -> None:
        """Have it go to its next track."""
        self._call(player, "Next")

    def set_volume(self, player: OpenPlayer, volume: float) -> None:
        """Set its volume, 0 to 1."""
        self._call(player, "Set", "ssv", _PLAYER, "Volume", ("d", float(volume)), interface=_PROPERTIES)

    def close(self) -> None:
        """Leave the bus."""
        self._disconnect()

    def _connected(self) -> SessionBus:
        if self._bus is None:
            bus = self._bus = SessionBus(self._stopping)
            try:
                rule = MatchRule(
                    type="signal",
                    sender="org.freedesktop.DBus",
                    interface="org.freedesktop.DBus",
                    member="NameOwnerChanged",
                )
                rule.add_arg_condition(0, _APPLICATION, "namespace")
                bus.watch(rule, _ASK_S)
                for interface in (_PROPERTIES, _PLAYER):  # the latter tells where somebody moves in a track
                    bus.watch(MatchRule(type="signal", interface=interface, path=_PATH), _ASK_S)
                for name in sorted(filter(is_player, bus.names(_ASK_S))):
                    self._add(bus, name)
            except (ReplyError, TimeoutError) as error:
                raise BusError(str(error) or "no answer") from error
        return self._bus

    def _disconnect(self) -> None:
        if self._bus is not None:
            self._bus.close()
        self._bus = None
        self._known, self._applications, self._owners, self._changed = {}, {}, {}, set()

    def _take_signals(self, bus: SessionBus) -> None:
        for signal in bus.signals():
            fields = signal.header.fields
            sender = fields.get(HeaderFields.sender)
            if fields.get(HeaderFields.member) != "NameOwnerChanged":
                self._changed.update(name for name, owner in self._owners.items() if owner == sender)
            elif sender == "org.freedesktop.DBus" and len(signal.body) == 3 and is_player(signal.body[0]):
                name, _, owner = signal.body
                self._remove(name)
                if owner:
                    self._add(bus, name)

    def _add(self, bus: SessionBus, name: str) -> None:
        self._known[name] = OpenPlayer(name, name.removeprefix(BUS_PREFIX))
        self._changed.add(name)
        try:
            (self._owners[name],) = bus.call(_BUS, "GetNameOwner", "s", name, timeout_s=_ASK_S)
        except ReplyError:  # it has just gone
            self._remove(name)

    def _remove(self, name: str) -> None:
        self._known.pop(name, None)
        self._applications.pop(name, None)
        self._owners.pop(name, None)
        self._changed.discard(name)

    def _is_old(self, player: OpenPlayer, now_s: float, max_age_s: float) -> bool:
        age_s = now_s - player.seen_s
        if not player.answers:
            return age_s > _SILENT_S
        stopped = player.stopped and player.track is not None
        return age_s >= (min(max_age_s, _STOPPED_AGE_S) if stopped else max_age_s)

    def _look(self, bus: SessionBus, name: str) -> None:
        """Ask a player how it is; one that does not answer is kept as it was."""
        self._changed.discard(name)
        try:
            if name not in self._applications:
                (self._applications[name],) = self._ask(bus, name, _APPLICATION)
            (properties,) = self._ask(bus, name, _PLAYER)
        except ReplyError as error:
            if error.name.endswith(_GONE):
                self._remove(name)
            else:  # it has a name and no such interface
                self._known[name] = replace(self._known[name], takes_commands=False, seen_s=time.monotonic())
            return
        except TimeoutError:
            self._known[name] = replace(self._known[name], answers=False, seen_s=time.monotonic())
            return
        self._known[name] = parse_player(
            name,
            self._applications[name],
            properties,
            before=self._known[name],
            now_s=time.monotonic(),
        )

    def _ask(self, bus: SessionBus, name: str, interface: str) -> tuple[Any, ...]:
        target = DBusAddress(_PATH, bus_name=name, interface=_PROPERTIES)
        answer = bus.call(target, "GetAll", "s", interface, timeout_s=_ASK_S)
        if len(answer) != 1 or not isinstance(answer[0], Mapping):
            raise ReplyError("no properties")
        return answer

    def _call(
        self,
        player: OpenPlayer,
        method: str,
        signature: str | None = None,
        *body: Any,
        interface: str = _PLAYER,
    ) -> None:
        target = DBusAddress(_PATH, bus_name=player.id, interface=interface)
        self._changed.add(player.id)
        try:
            self._connected().call(target, method, signature, *body, timeout_s=_COMMAND_S)
        except TimeoutError:
            raise PlayerCallError(
                OutcomeKind.UNREACHABLE, f"{player.name} does not answer: wait a moment, or start it again."
            ) from None
        except BusError as error:
            self._disconnect()
            raise PlayerCallError(OutcomeKind.UNREACHABLE, _BROKEN.format(error)) from error
        except ReplyError as error:
            if error.name.endswith(_GONE):
                raise PlayerCallError(
                    OutcomeKind.GONE, f"{player.name} was closed: open it again, or choose another player."
                ) from error
            raise PlayerCallError(
                OutcomeKind.FAILED, f"{player.name} did not do it ({player_name(error.detail, error.name)})."
            ) from error


def _told_apart(players: Any) -> tuple[OpenPlayer, ...]:
    """The players in the order of their names on the bus; a second one of a name gets a number."""
    named: dict[str, OpenPlayer] = {}
    for player in sorted(players, key=lambda one: one.id):
        name, turn = player.name, 1
        while name in named:
            turn += 1
            name = f"{player.name} ({turn})"
        named[name] = replace(player, name=name)
    return tuple(named.values())

"""The session bus of D-Bus: calls that end in time, and the signals that came meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from jeepney import DBusAddress, HeaderFields, MatchRule, Message, MessageFlag, MessageType, new_method_call
from jeepney import message_bus as bus
from jeepney.io.blocking import DBusConnection, open_dbus_connection

_SLICE_S: Final = 0.1
_ADDRESS: Final = "DBUS_SESSION_BUS_ADDRESS"


class BusError(Exception):
    """There is no session bus, or it broke off."""


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


class ReplyError(Exception):
    """A call was answered by an error.

    Parameters
    ----------
    name
        Of the error.
    detail
        What it says.
    """

    def __init__(self, name: str, detail: str = "") -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name
        self.detail = detail


def bus_address() -> str:
    """Where the session bus listens; empty where there is none."""
    if address := os.environ.get(_ADDRESS, ""):
        return address
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    socket = Path(runtime, "bus")
    return f"unix:path={socket}" if runtime and socket.is_socket() else ""


class SessionBus:
    """A connection to the session bus; for one thread alone.

    Parameters
    ----------
    stopping
        Whether whoever waits is to give up.

    Raises
    ------
    BusError
        There is none.
    """

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._stopping = stopping
        self._signals: list[Message] = []
        address = bus_address()
        if not address:
            raise BusError("no address is known")
        try:
            self._connection: DBusConnection = open_dbus_connection(address)
        except Exception as error:
            # Whatever an address that is none makes the library raise.
            raise BusError(_words(error)) from error

    def call(
        self,
        target: DBusAddress,
        method: str,
        signature: str | None = None,
        *body: Any,
        timeout_s: float,
        starts: bool = False,
    ) -> tuple[Any, ...]:
        """Call a method and return what it answers.

        Parameters
        ----------
        target
            The object and its interface.
        method
            Its name.
        signature
            Of the arguments; None without any.
        body
            The arguments.
        timeout_s
            Longest time until the answer, s.
        starts
            Whether the bus may start who is called.

        Raises
        ------
        BusError
            The bus has gone, or it is given up.
        ReplyError
            The answer is an error.
        TimeoutError
            None came.
        """
        return self._send(new_method_call(target, method, signature, body), timeout_s, starts=starts)

    def names(self, timeout_s: float) -> tuple[str, ...]:
        """All names on the bus; raises as `call`."""
        (names,) = self._send(bus.ListNames(), timeout_s)
        return tuple(names)

    def watch(self, rule: MatchRule, timeout_s: float) -> None:
        """Have signals come that match; raises as `call`."""
        self._send(bus.AddMatch(rule), timeout_s)

    def signals(self) -> list[Message]:
        """Those that came since the last time; raises `BusError` where the bus has gone."""
        while (message := self._receive(0.0)) is not None:
            self._keep(message)
        signals, self._signals = self._signals, []
        return signals

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()

    def _send(self, message: Message, timeout_s: float, *, starts: bool = False) -> tuple[Any, ...]:
        if not starts:
            message.header.flags |= MessageFlag.no_auto_start
        serial = next(self._connection.outgoing_serial)
        deadline_s = time.monotonic() + timeout_s
        try:
            self._connection.send(message, serial=serial)
        except (OSError, ValueError) as error:
            raise BusError(_words(error)) from error
        while (left_s := deadline_s - time.monotonic()) > 0.0:
            if self._stopping():
                raise BusError("closed meanwhile")
            answer = self._receive(min(left_s, _SLICE_S))
            if answer is None:
                continue
            if answer.header.fields.get(HeaderFields.reply_serial) != serial:
                self._keep(answer)
            elif answer.header.message_type is MessageType.error:
                detail = answer.body[0] if answer.body and isinstance(answer.body[0], str) else ""
                raise ReplyError(str(answer.header.fields.get(HeaderFields.error_name, "")), detail)
            else:
                return tuple(answer.body)
        raise TimeoutError

    def _receive(self, timeout_s: float) -> Message | None:
        try:
            return self._connection.receive(timeout=timeout_s)
        except TimeoutError:
            return None
        except Exception as error:
            # It was closed, or sent what is no message.
            raise BusError(_words(error)) from error

    def _keep(self, message: Message) -> None:
        if message.header.message_type is MessageType.signal:
            self._signals.append(message)

"""A session bus of D-Bus for one test, a real player on it, and one that misbehaves."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, HeaderFields, MessageType, new_error, new_method_return, new_signal
from jeepney import message_bus as bus
from jeepney.io.blocking import DBusConnection, Proxy, open_dbus_connection

PLUGINS = (Path("/etc/mpv/scripts/mpris.so"), Path("/usr/lib/mpv/mpris.so"))
_PATH = "/org/mpris/MediaPlayer2"


@contextmanager
def session_bus() -> Iterator[str]:
    """A bus that knows no services; yields its address."""
    program = shutil.which("dbus-daemon")
    assert program, "no dbus-daemon: apt install dbus"
    with subprocess.Popen(
        [program, "--session", "--nofork", "--print-address"], stdout=subprocess.PIPE, encoding="utf-8"
    ) as daemon:
        assert daemon.stdout is not None
        try:
            yield daemon.stdout.readline().strip()
        finally:
            daemon.kill()


class Mpv:
    """mpv with its MPRIS plugin, silent and without a window.

    Parameters
    ----------
    address
        Of the bus.
    playing
        What it plays from the first; nothing where none is given.
    """

    def __init__(self, address: str, *playing: Path) -> None:
        plugin = next((one for one in PLUGINS if one.exists()), None)
        assert plugin, "mpv has no MPRIS plugin: apt install mpv mpv-mpris"
        self._process = subprocess.Popen(
            [
                "mpv",
                "--idle",
                "--no-config",
                "--no-video",
                "--ao=null",
                "--really-quiet",
                f"--script={plugin}",
                *map(str, playing),
            ],
            env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": address},
            stdin=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)


class OddPlayer:
    """A player that answers what a test wants; properties may be of any type.

    Parameters
    ----------
    address
        Of the bus.
    name
        What comes after ``org.mpris.MediaPlayer2.``.
    application, properties
        Of its two interfaces, as D-Bus has them.
    refuses
        Methods that it answers with an error.
    """

    def __init__(
        self,
        address: str,
        name: str,
        application: dict[str, tuple[str, Any]],
        properties: dict[str, tuple[str, Any]],
        *,
        refuses: tuple[str, ...] = (),
    ) -> None:
        self.asked: list[str] = []
        self.properties = properties
        self._application = application
        self._refuses = refuses
        self._closing = False
        self._connection: DBusConnection = open_dbus_connection(address)
        Proxy(bus, self._connection).RequestName(f"org.mpris.MediaPlayer2.{name}")
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def change(self, **properties: tuple[str, Any]) -> None:
        """Change properties, and say so."""
        self.properties |= properties
        emitter = DBusAddress(_PATH, interface="org.freedesktop.DBus.Properties")
        body = ("org.mpris.MediaPlayer2.Player", properties, [])
        self._connection.send(new_signal(emitter, "PropertiesChanged", "sa{sv}as", body))

    def close(self) -> None:
        self._closing = True
        self._thread.join()
        self._connection.close()

    def _serve(self) -> None:
        while not self._closing:
            try:
                message = self._connection.receive(timeout=0.05)
            except TimeoutError:
                continue
            if message.header.message_type is not MessageType.method_call:
                continue
            method = message.header.fields[HeaderFields.member]
            self.asked.append(method)
            if method in self._refuses:
                answer = new_error(message, "org.example.Error.No", "s", ("not today\x1b[2J",))
            elif method == "GetAll":
                player = message.body[0].endswith("Player")
                told = self.properties if player else self._application
                answer = new_method_return(message, "a{sv}", (told,))
            else:
                answer = new_method_return(message)
            self._connection.send(answer)


def eventually(condition: Any, timeout_s: float = 20.0) -> None:
    until_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until_s, "it never came to be"
        time.sleep(0.05)

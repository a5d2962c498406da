"""Notifications on a real D-Bus, as a desktop's server gets them."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from jeepney import HeaderFields, MessageType, new_method_return
from jeepney import message_bus as bus
from jeepney.io.blocking import Proxy, open_dbus_connection

from playback.desktop_notifications import show_notification
from tests.e2e.session_bus import session_bus

pytestmark = pytest.mark.e2e


def serve(address: str, abilities: list[str], got: list[tuple[Any, ...]], ready: threading.Event) -> None:
    """Take one notification, as `org.freedesktop.Notifications` says."""
    with open_dbus_connection(address) as connection:
        Proxy(bus, connection).RequestName("org.freedesktop.Notifications")
        ready.set()
        while not got:
            message = connection.receive(timeout=10.0)
            if message.header.message_type is not MessageType.method_call:
                continue
            if message.header.fields[HeaderFields.member] == "GetCapabilities":
                connection.send(new_method_return(message, "as", (abilities,)))
            else:
                got.append(message.body)
                connection.send(new_method_return(message, "u", (1,)))


@pytest.mark.parametrize(
    ("abilities", "body"),
    [(["body", "body-markup"], "Rock &amp; &lt;Roll&gt; follows."), (["body"], "Rock & <Roll> follows.")],
)
def test_a_notification_reaches_the_desktop(
    monkeypatch: pytest.MonkeyPatch, abilities: list[str], body: str
) -> None:
    with session_bus() as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        got: list[tuple[Any, ...]] = []
        ready = threading.Event()
        server = threading.Thread(target=serve, args=(address, abilities, got, ready))
        server.start()
        assert ready.wait(10.0)
        show_notification("The music has changed", "Rock & <Roll> follows.")
        server.join(10.0)
    assert got[0][0] == "Attune"
    assert got[0][3:5] == ("The music has changed", body)

"""What is said of a broker that is gone, is none, or is called wrongly."""

from __future__ import annotations

import gc
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from attune.engine.home.automation import HomeAutomation, HomeTarget, target_of, try_broker
from attune.engine.home.connection import Broker, BrokerConnection
from attune.engine.home.discovery import topics_of
from core.errors import HomeAutomationError, SettingsError
from core.settings import checked, load_settings
from tests.terminal import Terminal

ANSWERS_WRONGLY = b"HTTP/1.1 400 Bad Request\r\n\r\n"


def target(port: int, host: str = "127.0.0.1", **more: object) -> HomeTarget:
    broker = Broker(host, port, **more)  # type: ignore[arg-type]
    return HomeTarget(broker, topics_of("Test room", "homeassistant"), "Test room")


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that is no broker; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            thread.join(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_broker_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(HomeAutomationError, match="is not there: start it, or correct mqtt_host"):
        try_broker(target(free_port()))


def test_a_name_that_nobody_has_is_one_sentence() -> None:
    with pytest.raises(
        HomeAutomationError, match=r"nobody\.invalid:1883 (is not found|does not answer|cannot)"
    ):
        try_broker(target(1883, "nobody.invalid"))


@pytest.mark.parametrize("words", [b"", ANSWERS_WRONGLY, b"\x20\x02\x00"])
def test_what_is_no_broker_hangs_up(words: bytes) -> None:
    with (
        answering(lambda connection: connection.sendall(words)) as port,
        pytest.raises(HomeAutomationError, match=r"hangs up before it accepts|has ended the connection"),
    ):
        try_broker(target(port))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "refuses the connection"),
        (4, "refuses the name or the password"),
        (5, "refuses the name or the password"),
    ],
)
def test_a_refusal_says_what_to_do(code: int, words: str) -> None:
    with (
        answering(lambda connection: connection.sendall(bytes([0x20, 2, 0, code]))) as port,
        pytest.raises(HomeAutomationError, match=words),
    ):
        try_broker(target(port))


def test_a_topic_that_may_not_be_read_is_a_notice_and_no_end() -> None:
    def refuse(broker: socket.socket) -> None:
        broker.sendall(bytes([0x20, 2, 0, 0]))
        asked = broker.recv(1000)  # 0x82, length, number in two bytes, topic
        broker.sendall(bytes([0x90, 3, asked[2], asked[3], 0x80]))
        broker.recv(1000)

    with answering(refuse) as port:
        connection = BrokerConnection(target(port).broker, None, name="attune-test-room")
        with closing(connection):
            connection.connect()
            while not connection.accepted:
                connection.receive(0.1)
            connection.subscribe("attune/test-room/pause/set")
            while not connection.notice:
                connection.receive(0.1)
    assert "does not let this name read topics below attune/" in connection.notice


def test_what_is_published_over_a_connection_that_is_gone_is_one_sentence() -> None:
    with answering(lambda broker: broker.sendall(bytes([0x20, 2, 0, 0]))) as port:
        connection = BrokerConnection(target(port).broker, None, name="attune-test-room")
        with closing(connection):
            connection.connect()
            while not connection.accepted:
                connection.receive(0.1)
            with pytest.raises(HomeAutomationError, match="has ended the connection"):  # noqa: PT012 - soon
                for _ in range(1_000):
                    connection.publish("attune/test-room/state", "{}")
                    time.sleep(0.01)


def test_a_broker_that_is_not_there_leaves_nothing_for_the_collector_of_cycles() -> None:
    connection = BrokerConnection(target(free_port()).broker, None, name="attune-test-room")
    client = weakref.ref(connection._client)
    gc.disable()
    try:
        with closing(connection), suppress(HomeAutomationError):
            connection.connect()
        del connection
        assert client() is None
    finally:
        gc.enable()


def test_a_stop_is_not_missed_however_it_falls() -> None:
    class Changed(threading.Event):
        def clear(self) -> None:
            home._closing = True  # the moment before the thread begins its round
            self.set()
            super().clear()

    engine: Any = SimpleNamespace(settings=load_settings(), snapshot=lambda: None)
    home = HomeAutomation(engine)
    home._changed = Changed()
    thread = threading.Thread(target=home._run, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


def test_an_authority_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nonsense")
    for name in ("ca.pem", "none.pem"):
        with pytest.raises(HomeAutomationError, match=f"{name} cannot be read"):
            try_broker(target(8883, tls=True, ca_file=tmp_path / name))


def test_without_its_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(HomeAutomationError, match=r"pip install -e '\.\[mqtt\]' -c constraints\.txt"):
        try_broker(target(1883))


def test_the_settings_name_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.node", lambda: "Desk-PC")
    assert target_of(load_settings()) is None
    plain = target_of(load_settings(mqtt_host=" broker.local "))
    assert plain is not None
    assert (str(plain.broker), plain.name) == ("The MQTT broker broker.local:1883", "Desk-PC")
    encrypted = target_of(load_settings(mqtt_host="broker.local", mqtt_tls=True, mqtt_name="Desk"))
    assert encrypted is not None
    assert (encrypted.broker.port, encrypted.topics.node) == (8883, "desk")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mqtt_host", "mqtt://broker"),
        ("mqtt_host", "broker.local/x"),
        ("mqtt_port", -1),
        ("mqtt_port", 65_536),
        ("mqtt_discovery_prefix", ""),
        ("mqtt_discovery_prefix", "home/#"),
        ("mqtt_discovery_prefix", "/home"),
    ],
)
def test_what_is_no_broker_is_refused_as_a_setting(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name):
        checked(name, value)


def test_the_command_keeps_and_forgets_the_password_and_tries_the_broker(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    attune = Terminal(capsys, monkeypatch)
    code, _, said = attune("mqtt", "check")
    assert (code, "home automation is off" in said) == (1, True)
    monkeypatch.setenv("ATTUNE_MQTT_HOST", "127.0.0.1")
    monkeypatch.setenv("ATTUNE_MQTT_PORT", str(free_port()))
    code, _, said = attune("mqtt", "check")
    assert (code, "is not there: start it" in said) == (1, True)
    with closing((tmp_path / "typed").open("w+")) as typed:
        typed.write("secret-word\n")
        typed.seek(0)
        monkeypatch.setattr(sys, "stdin", typed)
        code, said, _ = attune("mqtt", "password")
        assert code == 0
        assert said.startswith("The password is kept in ")
        assert "secret-word" not in said
        code, _, said = attune("mqtt", "password")
        assert (code, "is empty" in said) == (1, True)
    assert attune("mqtt", "password", "--forget")[0] == 0

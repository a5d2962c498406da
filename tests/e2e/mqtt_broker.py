"""A real broker, mosquitto, on a free port of loopback; and a client that watches what is published."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

WAIT_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A broker that keeps nothing over a restart; stopped it is as one whose machine is off."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = free_port()
        self._config = folder / f"mosquitto-{self.port}.conf"
        # As root it would become another user, who may not read the test's files.
        text = "\n".join((f"listener {self.port} 127.0.0.1", "user root", "persistence false", *lines))
        self._config.write_text(text + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["/usr/sbin/mosquitto", "-c", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while True:  # pytest's timeout ends it
            assert self._process.poll() is None, "mosquitto does not start"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
                return

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(WAIT_S)
            self._process = None


class Watcher:
    """Sees all that is published, and what is kept, by topic."""

    def __init__(self, port: int, *, username: str = "", password: str = "") -> None:
        self._changed = threading.Condition()
        self.seen: dict[str, str] = {}
        self.history: list[tuple[str, str]] = []
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = self._take
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        if username:
            self._client.username_pw_set(username, password)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def wait_for(self, topic: str, holds: Callable[[Any], bool]) -> Any:
        """The first payload of a topic, parsed where it is JSON, of which it holds."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: topic in self.seen and holds(parsed(self.seen[topic])), WAIT_S
            ), f"{topic}: {self.seen.get(topic)}"
            return parsed(self.seen[topic])

    def publish(self, topic: str, text: str, *, retain: bool = False) -> None:
        self._client.publish(topic, text, qos=1, retain=retain).wait_for_publish(WAIT_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        with self._changed:
            text = message.payload.decode()
            self.seen[message.topic] = text
            self.history.append((message.topic, text))
            self._changed.notify_all()


def parsed(text: str) -> Any:
    return json.loads(text) if text.startswith("{") else text


def eventually(holds: Callable[[], bool], shown: Callable[[], object] = lambda: "") -> None:
    """Wait until something holds; what is shown instead is in the failure."""
    end_s = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < end_s, shown()
        time.sleep(0.02)


@contextlib.contextmanager
def broker(folder: Path, *lines: str) -> Iterator[Mosquitto]:
    """A broker until the end of the block; anybody may use it unless lines say otherwise."""
    running = Mosquitto(folder, *(lines or ("allow_anonymous true",)))
    try:
        yield running
    finally:
        running.stop()

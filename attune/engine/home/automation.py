"""Tells home automation what is heard and what plays, and takes its commands, for as long as it is open."""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from attune.engine.home.connection import Broker, BrokerConnection, broker_of
from attune.engine.home.discovery import (
    OFF,
    OFFLINE,
    ON,
    ONLINE,
    Topics,
    discovery_payload,
    state_payload,
    topics_of,
)
from attune.engine.home.password import read_password
from attune.engine.home.states import HeldState, HomeState, step
from core import paths
from core.errors import AttuneError, HomeAutomationError
from core.file_lock import try_lock
from core.settings import Settings
from core.version import app_version
from playback.player import PlayerKind
from playback.snapshot import MusicSnapshot

if TYPE_CHECKING:
    from attune.engine.engine import Engine

_LOG = logging.getLogger(__name__)
_TICK_S: Final = 0.25
_ACCEPT_S: Final = 10.0
_LEAST_BETWEEN_S: Final = 1.0  # two states; Home Assistant keeps each in its history
_FIRST_RETRY_S, _LONGEST_RETRY_S = 1.0, 60.0
_ANOTHER_PROGRAM_S: Final = 5.0
_STOP_S: Final = 1.0
_FLUSH_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class HomeTarget:
    """Which broker is told, and under which name."""

    broker: Broker
    topics: Topics
    name: str


def target_of(settings: Settings) -> HomeTarget | None:
    """The broker and the name that are set; None where no broker is."""
    broker = broker_of(settings)
    if broker is None:
        return None
    name = settings.mqtt_name or platform.node() or "Attune"
    return HomeTarget(broker, topics_of(name, settings.mqtt_discovery_prefix), name)


def try_broker(target: HomeTarget) -> None:
    """Connect to a broker and tell it nothing.

    Raises
    ------
    HomeAutomationError
        It cannot be reached, or refuses.
    """
    connection = BrokerConnection(target.broker, read_password(), name=f"attune-{target.topics.node}-check")
    with closing(connection):
        connection.connect()
        _wait_until_accepted(connection, target.broker, lambda: False)


class HomeAutomation:
    """Keeps a broker informed of an engine; any thread may use it.

    Of several programs of one user only one does so at a time.

    Parameters
    ----------
    engine
        What is listened to, and the music; its settings say which broker.
    retry_s
        Time until a broker that is gone is tried again, s; it doubles each time, up to a minute.
    """

    def __init__(self, engine: Engine, *, retry_s: float = _FIRST_RETRY_S) -> None:
        self._engine = engine
        self._retry_s = retry_s
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._closing = False
        self._opened = False
        self._thread: threading.Thread | None = None
        self.problem = ""
        """One sentence where home automation cannot be told; else empty."""
        self.connected = False
        """Whether the broker is told."""

    def open(self) -> None:
        """Tell the broker from now on, if one is set, now or later."""
        self._opened = True
        self.set_settings(self._engine.settings)

    def set_settings(self, settings: Settings) -> None:
        """Take other settings over, at once."""
        with self._lock:
            if self._opened and not self._closing and self._thread is None and settings.mqtt_host:
                self._thread = threading.Thread(target=self._run, name="attune-home", daemon=True)
                self._thread.start()
        self._changed.set()

    def close(self) -> None:
        """Say that this program is gone, and stop; calling it again changes nothing."""
        with self._lock:
            self._closing = True
        self._changed.set()
        if self._thread is not None:
            self._thread.join(_STOP_S)

    # On the thread

    def _run(self) -> None:
        retry_s = self._retry_s
        with closing(_OneProgram()) as lock:
            while True:
                self._changed.clear()
                if self._closing:  # asked after `clear`, which may have taken the word that it is
                    return
                target = target_of(self._engine.settings)
                if target is None:
                    self._report("")
                    self._changed.wait()
                elif not lock.held():
                    self._changed.wait(_ANOTHER_PROGRAM_S)
                else:
                    try:
                        self._serve(target)
                    except AttuneError as error:
                        retry_s = self._retry_s if self.connected else min(2 * retry_s, _LONGEST_RETRY_S)
                        self._report(str(error))
                        self._changed.wait(retry_s)
                    except Exception:  # noqa: BLE001 - listening must go on whatever a broker sends
                        _LOG.exception("home automation failed")
                        self._report("Home automation failed, the program's log says why. It is tried again.")
                        self._changed.wait(_LONGEST_RETRY_S)

    def _report(self, problem: str, *, connected: bool = False) -> None:
        self.connected = connected
        if problem and problem != self.problem:
            _LOG.warning("%s", problem)
        self.problem = problem
        self._engine.snapshot()  # tells it

    def _serve(self, target: HomeTarget) -> None:
        """Tell a broker until another one is set or the program ends; raises once it cannot be told."""
        topics = target.topics
        name, will = f"attune-{topics.node}", (topics.availability, OFFLINE)
        connection = BrokerConnection(target.broker, read_password(), name=name, will=will)
        with closing(connection):
            connection.connect()
            if not _wait_until_accepted(connection, target.broker, lambda: self._closing):
                return
            connection.subscribe(topics.pause)
            text = discovery_payload(topics, name=target.name, version=app_version())
            connection.publish(topics.discovery, text)
            self._report("", connected=True)
            self._tell_states(connection, target)
            connection.publish(topics.availability, OFFLINE)
            if self._closing:
                connection.publish(topics.state, state_payload(HomeState()))
            else:  # people have switched it off, or named another place: nothing stays here
                for topic in (topics.discovery, topics.state, topics.availability):
                    connection.publish(topic, "")
            connection.flush(_FLUSH_S)

    def _tell_states(self, connection: BrokerConnection, target: HomeTarget) -> None:
        held, told, told_s = HeldState(), "", float("-inf")
        while not self._closing and target_of(self._engine.settings) == target:
            now_s = time.monotonic()
            held = step(held, self._engine.snapshot(), self._music(), now_s)
            text = state_payload(held.state)
            if text != told and now_s - told_s >= _LEAST_BETWEEN_S:
                connection.publish(target.topics.state, text)
                if not told:
                    connection.publish(target.topics.availability, ONLINE)
                told, told_s = text, now_s
            for message in connection.receive(_TICK_S):
                if message.topic == target.topics.pause and not message.retained:
                    self._carry_out(message.text)
                    told, told_s = "", float("-inf")  # the switch shows at once what has become of it
            if connection.notice != self.problem:
                self._report(connection.notice, connected=True)

    def _music(self) -> MusicSnapshot | None:
        music = self._engine.music_snapshot()
        if music is not None and music.player.kind is not PlayerKind.SPOTIFY:  # whose titles are not told
            self._engine.music.mark_viewed()
        return music

    def _carry_out(self, command: str) -> None:
        pause = self._engine.pause
        try:
            match command.strip().upper():
                case "ON":
                    pause.begin()
                case "OFF":
                    pause.end()
                case _:
                    _LOG.warning("home automation sent %.50r: the pause takes %s and %s", command, ON, OFF)
        except AttuneError as error:
            _LOG.info("home automation: %s", error)


def _wait_until_accepted(connection: BrokerConnection, broker: Broker, given_up: Callable[[], bool]) -> bool:
    """Wait until the broker accepts; False where it was given up."""
    end_s = time.monotonic() + _ACCEPT_S
    while not connection.accepted:
        if given_up():
            return False
        if time.monotonic() > end_s:
            raise HomeAutomationError(
                f"{broker} does not answer as a broker does: correct mqtt_port. It is tried again."
            )
        connection.receive(_TICK_S)
    return True


class _OneProgram:
    """The lock that the program holds which tells the broker."""

    def __init__(self) -> None:
        self._descriptor: int | None = None

    def held(self) -> bool:
        """Whether this program has it, after trying to take it; also where there can be no lock."""
        if self._descriptor is not None:
            return True
        folder = paths.running_dir()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(folder / "home.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            _LOG.warning("other programs that tell home automation are not seen: %s", error)
            return True
        try:
            try_lock(descriptor)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def close(self) -> None:
        """Let another program have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)

"""Home automation against a real broker: what is told, what it may switch, and what goes wrong."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backends import fail

from attune.engine.engine import Engine
from attune.engine.home.automation import HomeAutomation
from attune.engine.home.password import keep_password
from attune.engine.home.states import EMOTION_WORDS, ENERGY_STATES, NO_VOICE
from core.settings import Settings, load_settings
from realtime.capture import SourceKind, SourceSpec
from realtime.notices import NoticeKind
from realtime.snapshot import ListenerState
from tests.e2e.mqtt_broker import WAIT_S, Mosquitto, Watcher, broker, eventually, free_port
from tests.terminal import Terminal

pytestmark = pytest.mark.e2e

CONFIG = "homeassistant/device/attune-test-room/config"
STATE = "attune/test-room/state"
AVAILABILITY = "attune/test-room/availability"
PAUSE = "attune/test-room/pause/set"
PASSWORD = "correct-horse-battery-staple"
DEMO = SourceSpec(SourceKind.DEMO)
# paho closes the socket of a handshake that failed by letting go of it.
unclosed_by_paho = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")


@pytest.fixture(autouse=True)
def _own_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with broker(tmp_path) as running:
        yield running


@pytest.fixture
def watcher(mosquitto: Mosquitto) -> Iterator[Watcher]:
    with closing(Watcher(mosquitto.port)) as one:
        yield one


def settings_for(port: int, **more: Any) -> Settings:
    given = {"mqtt_host": "127.0.0.1", "mqtt_port": port, "mqtt_name": "Test room"}
    return load_settings(journal=False, **given | more)


@contextmanager
def opened(settings: Settings, *, on_event: Callable[[Any], None] | None = None) -> Iterator[Engine]:
    """An engine that tells the broker, and tries one that is gone at once."""
    with closing(Engine(settings, on_event=on_event)) as engine:
        engine.home = HomeAutomation(engine, retry_s=0.05)
        engine.home.open()
        yield engine


def wait_for_problem(engine: Engine, words: str) -> str:
    eventually(lambda: words in engine.snapshot().home_error, lambda: engine.snapshot().home_error)
    return engine.snapshot().home_error


def test_home_assistant_finds_the_machine_and_is_told_what_is_heard(
    mosquitto: Mosquitto, watcher: Watcher
) -> None:
    with opened(settings_for(mosquitto.port)) as engine:
        found = watcher.wait_for(CONFIG, bool)
        assert found["state_topic"] == STATE
        assert found["availability_topic"] == AVAILABILITY
        assert set(found["components"]) == {
            *("emotion", "energy", "pleasantness", "playing"),
            *("listening", "paused"),
        }
        watcher.wait_for(AVAILABILITY, lambda text: text == "online")
        watcher.wait_for(STATE, lambda state: state["listening"] == "OFF" and state["emotion"] == NO_VOICE)
        engine.start(DEMO)
        watcher.wait_for(STATE, lambda state: state["listening"] == "ON")
        state = watcher.wait_for(STATE, lambda state: state["energy"] not in ("unsure", NO_VOICE))
        assert state["emotion"] in EMOTION_WORDS
        assert state["energy"] in ENERGY_STATES
        # Who comes later is told as well.
        with closing(Watcher(mosquitto.port)) as later:
            assert later.wait_for(STATE, bool)["listening"] == "ON"
            later.wait_for(CONFIG, bool)
    watcher.wait_for(AVAILABILITY, lambda text: text == "offline")
    assert watcher.wait_for(STATE, bool)["listening"] == "OFF"


def test_the_switch_pauses_and_resumes_listening(mosquitto: Mosquitto, watcher: Watcher) -> None:
    with opened(settings_for(mosquitto.port)) as engine:
        engine.start(DEMO)
        watcher.wait_for(STATE, lambda state: state["listening"] == "ON")
        watcher.publish(PAUSE, "ON")
        watcher.wait_for(STATE, lambda state: (state["paused"], state["listening"]) == ("ON", "OFF"))
        assert engine.snapshot().state is ListenerState.PAUSED
        watcher.publish(PAUSE, "OFF")
        watcher.wait_for(STATE, lambda state: (state["paused"], state["listening"]) == ("OFF", "ON"))


def test_what_cannot_be_paused_is_told_to_be_as_it_was(mosquitto: Mosquitto, watcher: Watcher) -> None:
    watcher.publish(PAUSE, "ON", retain=True)  # of yesterday: nobody asks for it now
    with opened(settings_for(mosquitto.port)) as engine:
        watcher.wait_for(STATE, bool)
        engine.start(DEMO)
        watcher.wait_for(STATE, lambda state: state["listening"] == "ON")
        engine.stop()
        watcher.wait_for(STATE, lambda state: state["listening"] == "OFF")
        before = sum(topic == STATE for topic, _ in watcher.history)
        for nonsense in ("ON", "\x00\xff" * 5000, '{"a": 1}'):  # nothing is listened to
            watcher.publish(PAUSE, nonsense)
        eventually(lambda: sum(topic == STATE for topic, _ in watcher.history) >= before + 1)
        assert watcher.wait_for(STATE, bool)["paused"] == "OFF"
        assert engine.home.connected


def test_a_program_that_is_killed_is_told_to_be_gone(mosquitto: Mosquitto, watcher: Watcher) -> None:
    environment = os.environ | {
        "ATTUNE_MQTT_HOST": "127.0.0.1",
        "ATTUNE_MQTT_PORT": str(mosquitto.port),
        "ATTUNE_MQTT_NAME": "Test room",
    }
    program = subprocess.Popen(
        [sys.executable, "-m", "attune.cli.main", "listen", "--source", "demo", "--json"],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        watcher.wait_for(AVAILABILITY, lambda text: text == "online")
        program.send_signal(signal.SIGKILL)
        watcher.wait_for(AVAILABILITY, lambda text: text == "offline")
    finally:
        program.kill()
        program.wait(WAIT_S)


def test_a_broker_that_goes_and_comes_back_is_told_again(mosquitto: Mosquitto, watcher: Watcher) -> None:
    events: list[Any] = []
    with opened(settings_for(mosquitto.port), on_event=events.append) as engine:
        watcher.wait_for(AVAILABILITY, lambda text: text == "online")
        mosquitto.stop()
        wait_for_problem(engine, "tried again")
        watcher.seen.clear()
        mosquitto.start()  # it has kept nothing
        watcher.wait_for(AVAILABILITY, lambda text: text == "online")
        watcher.wait_for(CONFIG, bool)
        watcher.wait_for(STATE, bool)
        eventually(lambda: not engine.snapshot().home_error)
    kinds = [event.kind for event in events]
    assert kinds[0] is NoticeKind.HOME_PROBLEM
    assert kinds[-1] is NoticeKind.HOME_BACK


def test_a_wrong_password_is_one_sentence_and_the_right_one_helps(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", users, "attune", PASSWORD], check=True)
    with (
        broker(tmp_path, "allow_anonymous false", f"password_file {users}") as guarded,
        closing(Watcher(guarded.port, username="attune", password=PASSWORD)) as watcher,
        opened(settings_for(guarded.port, mqtt_username="attune")) as engine,
    ):
        keep_password("wrong-" + PASSWORD)
        said = wait_for_problem(engine, "refuses the name or the password")
        assert said.endswith("`attune mqtt password`.")
        keep_password(PASSWORD)
        engine.home.set_settings(engine.settings)
        watcher.wait_for(AVAILABILITY, lambda text: text == "online")
    assert PASSWORD not in caplog.text


@unclosed_by_paho
def test_an_encrypted_connection_trusts_the_named_authority_alone(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    lines = (f"cafile {tmp_path / 'ca.pem'}", f"certfile {tmp_path / 'broker.pem'}")
    lines = ("allow_anonymous true", *lines, f"keyfile {tmp_path / 'broker.key'}")
    with broker(tmp_path, *lines) as encrypted:
        with opened(settings_for(encrypted.port, mqtt_tls=True)) as engine:
            wait_for_problem(engine, "certificate that is not trusted")
        trusted = settings_for(encrypted.port, mqtt_tls=True, mqtt_ca_file=tmp_path / "ca.pem")
        with opened(trusted) as engine:
            eventually(lambda: engine.home.connected, lambda: engine.home.problem)
        with opened(settings_for(encrypted.port)) as engine:
            wait_for_problem(engine, "mqtt_tls, which is off")


def test_a_broker_that_takes_no_commands_is_told_all_the_same(tmp_path: Path) -> None:
    users, rights = tmp_path / "users", tmp_path / "rights"
    subprocess.run(["mosquitto_passwd", "-b", "-c", users, "attune", PASSWORD], check=True)
    subprocess.run(["mosquitto_passwd", "-b", users, "home", PASSWORD], check=True)
    rights.write_text("user attune\ntopic write #\nuser home\ntopic read #\n")
    keep_password(PASSWORD)
    lines = ("allow_anonymous false", f"password_file {users}", f"acl_file {rights}")
    with (
        broker(tmp_path, *lines) as guarded,
        closing(Watcher(guarded.port, username="home", password=PASSWORD)) as watcher,
        opened(settings_for(guarded.port, mqtt_username="attune")) as engine,
    ):
        watcher.wait_for(AVAILABILITY, lambda text: text == "online")
        watcher.wait_for(CONFIG, bool)
        assert engine.home.connected


def test_the_command_tries_the_broker_and_disturbs_nobody(
    mosquitto: Mosquitto,
    watcher: Watcher,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with opened(settings_for(mosquitto.port)) as engine:
        watcher.wait_for(AVAILABILITY, lambda text: text == "online")
        monkeypatch.setenv("ATTUNE_MQTT_HOST", "127.0.0.1")
        monkeypatch.setenv("ATTUNE_MQTT_PORT", str(mosquitto.port))
        monkeypatch.setenv("ATTUNE_MQTT_NAME", "Test room")
        code, said, _ = Terminal(capsys, monkeypatch)("mqtt", "check")
        assert code == 0
        assert said.endswith(f":{mosquitto.port} accepts the connection. This machine is Test room there.\n")
        assert engine.home.connected


@unclosed_by_paho
def test_tls_to_a_broker_without_it_is_one_sentence(mosquitto: Mosquitto) -> None:
    with opened(settings_for(mosquitto.port, mqtt_tls=True)) as engine:
        wait_for_problem(engine, "does not answer with TLS")


def test_switched_off_nothing_stays_on_the_broker(mosquitto: Mosquitto, watcher: Watcher) -> None:
    with opened(settings_for(mosquitto.port)) as engine:
        watcher.wait_for(AVAILABILITY, lambda text: text == "online")
        engine.set_settings(settings_for(mosquitto.port, mqtt_host=""))
        for topic in (CONFIG, STATE, AVAILABILITY):
            watcher.wait_for(topic, lambda text: text == "")
        eventually(lambda: not engine.home.connected)
        engine.set_settings(settings_for(mosquitto.port))
        watcher.wait_for(AVAILABILITY, lambda text: text == "online")


def test_of_two_programs_one_tells_and_the_other_takes_over(mosquitto: Mosquitto, watcher: Watcher) -> None:
    with opened(settings_for(mosquitto.port)) as first:
        watcher.wait_for(AVAILABILITY, lambda text: text == "online")
        with opened(settings_for(mosquitto.port)) as second:
            first.start(DEMO)
            watcher.wait_for(STATE, lambda state: state["listening"] == "ON")
            assert not second.home.connected
            first.close()
            eventually(lambda: second.home.connected, lambda: second.home.problem)
            watcher.wait_for(AVAILABILITY, lambda text: text == "online")


def test_a_broker_that_is_not_there_stops_nothing() -> None:
    with opened(settings_for(free_port())) as engine:
        wait_for_problem(engine, "is not there: start it")
        engine.start(DEMO)
        eventually(lambda: engine.snapshot().state is ListenerState.LISTENING)


def make_certificates(folder: Path) -> None:
    """An authority, and a certificate of it for 127.0.0.1."""
    key = ("-newkey", "rsa:2048", "-nodes", "-days", "2")
    openssl = ("openssl", "req", "-x509", *key)
    ca = ("-keyout", folder / "ca.key", "-out", folder / "ca.pem", "-subj", "/CN=Authority of a test")
    subprocess.run([*openssl, *ca], check=True, capture_output=True)
    signed_by = ("-CA", folder / "ca.pem", "-CAkey", folder / "ca.key")
    out = ("-keyout", folder / "broker.key", "-out", folder / "broker.pem", "-subj", "/CN=broker")
    extensions = ("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE")
    subprocess.run([*openssl, *signed_by, *out, *extensions], check=True, capture_output=True)

"""The listener on a real sound server: a voice is heard, a pulled plug is said, and both are journalled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import soundfile

from attune.engine.engine import Engine
from core.settings import Settings
from realtime.capture import SourceKind, SourceSpec
from realtime.journal import Journal
from realtime.snapshot import DecisionKind, ListenerState
from tests.e2e.sound_server import SoundServer
from tests.realtime.sources import voice

pytestmark = pytest.mark.e2e

MICROPHONE = SourceSpec(SourceKind.MICROPHONE)


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    path = tmp_path / "spoken.wav"
    soundfile.write(path, voice(6.0, rate_hz=48_000), 48_000)
    return path


@pytest.fixture
def engine(sound_server: SoundServer, tmp_path: Path) -> Iterator[Engine]:
    assert sound_server.plugged
    engine = Engine(Settings(journal_path=tmp_path / "journal.sqlite3", stall_s=1.0, retry_s=0.3))
    yield engine
    engine.close()


def eventually(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.05)


def test_a_voice_in_the_room_becomes_readings_and_journal_rows(
    engine: Engine, sound_server: SoundServer, spoken: Path
) -> None:
    engine.start(MICROPHONE)
    eventually(lambda: engine.snapshot().decision is not None)
    quiet = engine.snapshot().decision
    assert quiet is not None
    assert quiet.kind is DecisionKind.NO_SPEECH
    sound_server.speak(spoken)
    snapshot = engine.snapshot()
    assert snapshot.reading is not None
    assert snapshot.reading.speech_share > 0.8
    assert snapshot.reading.probabilities is not None
    assert snapshot.decision is not None
    assert snapshot.decision.leading is not None
    assert snapshot.counters.lost_frames == 0
    eventually(lambda: engine.snapshot().decision.kind is DecisionKind.NO_SPEECH)  # type: ignore[union-attr]
    engine.stop()
    assert engine.journal is not None
    assert engine.journal.flush(5.0)
    assert snapshot.session_id is not None
    kinds = [row.kind for row in engine.journal.windows(snapshot.session_id)]
    assert kinds[0] == kinds[-1] == "no speech"
    assert set(kinds) - {"no speech"}


def test_a_pulled_plug_is_said_and_survived_without_restart(
    engine: Engine, sound_server: SoundServer, spoken: Path
) -> None:
    engine.start(MICROPHONE)
    eventually(lambda: engine.snapshot().state is ListenerState.LISTENING)
    sound_server.unplug()
    eventually(lambda: engine.snapshot().state is ListenerState.DEVICE_LOST)
    assert "has stopped delivering sound" in engine.snapshot().message
    sound_server.plug()
    eventually(lambda: engine.snapshot().state is ListenerState.LISTENING)
    assert engine.snapshot().counters.reconnects == 1
    sound_server.speak(spoken)
    reading = engine.snapshot().reading
    assert reading is not None
    assert reading.speech_share > 0.8
    engine.stop()
    assert engine.journal is not None
    assert engine.journal.flush(5.0)
    session = engine.snapshot().session_id
    assert session is not None
    assert [e.kind for e in engine.journal.events(session)][:2] == ["device lost", "device back"]


def test_stop_while_the_device_is_lost_comes_soon(engine: Engine, sound_server: SoundServer) -> None:
    engine.start(MICROPHONE)
    eventually(lambda: engine.snapshot().state is ListenerState.LISTENING)
    sound_server.unplug()
    eventually(lambda: engine.snapshot().state is ListenerState.DEVICE_LOST)
    started_s = time.monotonic()
    engine.stop()
    assert time.monotonic() - started_s < 5.0
    assert engine.snapshot().state is ListenerState.STOPPED


@contextmanager
def terminal(journal: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "attune", "listen", "--source", "mic", "--json"]
    environment = {**os.environ, "ATTUNE_JOURNAL_PATH": str(journal), **environment}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def lines_of(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    return map(json.loads, iter(process.stdout.readline, ""))


def test_the_terminal_listens_to_the_room(sound_server: SoundServer, spoken: Path, tmp_path: Path) -> None:
    with terminal(tmp_path / "journal.sqlite3") as process:
        windows = (line for line in lines_of(process) if line["type"] == "window")
        assert next(windows)["kind"] == "no speech"
        sound_server.speak(spoken)
        heard = next(window for window in islice(windows, 20) if window["speech_share"] > 0.8)
        assert set(heard["probabilities"]) >= {"happy", "sad"}


def test_a_pulled_plug_is_a_line_of_json_and_so_are_its_return_and_the_end(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.sqlite3"
    with terminal(journal, ATTUNE_STALL_S="1", ATTUNE_RETRY_S="0.3") as process:
        lines = lines_of(process)
        assert next(lines)["type"] == "window"
        sound_server.unplug()
        lost = next(line for line in lines if line["kind"] == "device lost")
        assert (lost["type"], lost["ends"], lost["severity"]) == ("notice", None, "warning")
        assert "has stopped delivering sound" in lost["message"]
        sound_server.plug()
        back = next(lines)  # between the two nothing is heard, so nothing is said
        assert (back["kind"], back["ends"]) == ("device back", "device lost")
        assert lost["at_s"] < back["at_s"] <= time.time()
        after = next(line for line in lines if line["type"] == "window")
        assert after["time_s"] >= back["time_s"] + 3.0
        process.send_signal(signal.SIGTERM)
        rest = list(lines)
        assert rest[-1]["kind"] == "stopped"
        assert [line["kind"] for line in rest].count("device lost") == 0
        assert process.wait(10) == 128 + signal.SIGTERM
    with closing(Journal(journal, retention_days=0)) as kept:
        (session,) = kept.sessions()
        assert session.ended_at is not None
        assert [event.kind for event in kept.events(session.id)][:2] == ["device lost", "device back"]


def test_a_process_that_is_killed_has_its_session_ended_by_the_next(
    engine: Engine, sound_server: SoundServer, tmp_path: Path
) -> None:
    assert sound_server.plugged
    with terminal(tmp_path / "journal.sqlite3") as process:
        assert next(lines_of(process))["type"] == "window"
        process.kill()
        process.wait()
    engine.start(MICROPHONE)
    assert engine.journal is not None
    killed, mine = engine.journal.sessions()
    assert killed.ended_at is not None
    assert killed.started_at <= killed.ended_at < mine.started_at
    assert mine.ended_at is None
    assert [event.kind for event in engine.journal.events(killed.id)] == ["broken off"]

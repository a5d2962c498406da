"""The listener on a real sound server: a voice is heard, a pulled plug is said, and both are journalled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile
from sound_server import SoundServer

from core.settings import Settings
from engine import Engine
from realtime.capture import SourceKind, SourceSpec
from realtime.snapshot import DecisionKind, ListenerState
from sources import voice

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


def test_the_terminal_listens_to_the_room(sound_server: SoundServer, spoken: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cli", "listen", "--source", "mic", "--json"]
    environment = os.environ | {"ATTUNE_JOURNAL_PATH": str(tmp_path / "journal.sqlite3")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            first = json.loads(process.stdout.readline())
            assert first["kind"] == "no speech"
            sound_server.speak(spoken)
            heard = json.loads(process.stdout.readline())
            for _ in range(20):
                if heard["speech_share"] > 0.8:
                    break
                heard = json.loads(process.stdout.readline())
            assert heard["speech_share"] > 0.8
            assert set(heard["probabilities"]) >= {"happy", "sad"}
        finally:
            process.terminate()

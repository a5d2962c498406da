"""Listening that is paused: for how long, what is said meanwhile, and what ends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile

from attune.engine.engine import Engine
from attune.engine.listening_pause import LONGEST_S, ListeningPause
from core.errors import AttuneError
from core.settings import Settings
from realtime.capture import SourceKind, SourceSpec
from realtime.snapshot import ListenerState
from tests.realtime.sources import voice

DEMO = SourceSpec(SourceKind.DEMO)
NOON_S = time.mktime((2026, 11, 29, 12, 0, 0, 0, 0, -1))


class Clock:
    def __init__(self) -> None:
        self.now_s = NOON_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(clock: Clock) -> Iterator[Engine]:
    engine = Engine(Settings(journal=False, threads=1))
    engine.pause = ListeningPause(engine, clock=clock)
    yield engine
    engine.close()


def eventually(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.01)


def test_a_pause_is_said_and_ends_by_itself(engine: Engine, clock: Clock) -> None:
    engine.start(DEMO)
    assert engine.pause.begin(15 * 60) == "Paused until 12:15."
    paused = engine.snapshot()
    assert (paused.state, paused.message, paused.listening) == (
        ListenerState.PAUSED,
        "Paused until 12:15.",
        False,
    )
    assert paused.resumes_at_s == clock.now_s + 15 * 60
    assert not engine.wait(0.0)
    assert [notice.message for notice in paused.notices] == ["Paused until 12:15."]
    clock.now_s += 15 * 60
    eventually(lambda: engine.snapshot().state is ListenerState.LISTENING and not engine.pause.active)
    assert not engine.wait(0.0)


def test_a_pause_can_be_changed_and_ended_early(engine: Engine, clock: Clock) -> None:
    engine.start(DEMO)
    engine.pause.begin(60)
    assert engine.pause.begin() == "Paused until you resume."
    assert engine.snapshot().message == "Paused until you resume."
    assert engine.pause.begin(13 * 3600) == "Paused until tomorrow, 01:00."
    assert engine.pause.end() == "Listening to Built-in demo again."
    assert engine.snapshot().listening
    clock.now_s += LONGEST_S
    with pytest.raises(AttuneError, match="is not paused"):
        engine.pause.end()


def test_whoever_starts_to_listen_ends_the_pause(engine: Engine) -> None:
    engine.start(DEMO)
    engine.pause.begin()
    engine.start(DEMO)
    eventually(lambda: not engine.pause.active)
    assert engine.snapshot().listening


def test_what_cannot_be_paused_is_said(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(AttuneError, match="Nothing is listened to"):
        engine.pause.begin(60)
    soundfile.write(tmp_path / "voice.wav", voice(9.0), 16_000)
    engine.start(SourceSpec(SourceKind.FILE, path=tmp_path / "voice.wav"))
    with pytest.raises(AttuneError, match="A recording is played"):
        engine.pause.begin(60)
    for duration_s in (0.0, -1.0, LONGEST_S + 1.0, float("nan"), float("inf")):
        with pytest.raises(AttuneError, match="from 1 second to 24 hours"):
            engine.pause.begin(duration_s)
    with pytest.raises(AttuneError, match="knows no command 'dance'"):
        engine.pause.control("dance", None)


def test_a_source_that_is_gone_after_the_pause_is_said(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.start(DEMO)
    engine.pause.begin(60)
    monkeypatch.setattr("realtime.capture.demo.DEMO_FILE", Path("gone.ogg"))
    with pytest.raises(AttuneError, match=r"gone\.ogg"):
        engine.pause.end()
    assert engine.snapshot().state is ListenerState.FAILED
    assert engine.wait(0.0)


def test_a_pause_can_be_given_up_without_listening(engine: Engine) -> None:
    engine.start(DEMO)
    engine.pause.begin(60)
    engine.pause.begin(120)
    engine.pause.cancel()
    stopped = engine.snapshot()
    assert (stopped.state, stopped.message) == (ListenerState.STOPPED, "")
    assert engine.wait(0.0)


def test_a_closed_engine_does_not_go_on(engine: Engine, clock: Clock) -> None:
    engine.start(DEMO)
    engine.pause.begin(60)
    engine.close()
    clock.now_s += 60
    assert not engine.pause.active
    assert not engine.snapshot().listening

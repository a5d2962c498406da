"""The local player on a real sound server: a switch is heard soon, and nothing clicks."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.mood_tags import TAGS
from models.audio import open_stream
from playback.library.scan import TrackMood, scan
from playback.local_player.audio_output import PortAudioOutputs
from playback.local_player.player import LocalPlayer
from playback.mapping.style_scores import FOR
from playback.mapping.styles import Style
from playback.player import ConnectionState, OutcomeKind
from tests.e2e.sound_server import SoundServer
from tests.patience import PROMPT_S

pytestmark = pytest.mark.e2e

_LOG = logging.getLogger(__name__)

RATE_HZ = 48_000
TONES = {Style.CALMING: 440.0, Style.ENERGETIC: 880.0}
SOON_S = 20.0
WINDOW = RATE_HZ // 20


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


class Room:
    """Records what is played, and notes when it was heard at the latest."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [
                *("parec", "--device=room.monitor", "--latency-msec=20", "--raw"),
                *("--format=float32le", f"--rate={RATE_HZ}", "--channels=2"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._lock = threading.Lock()
        self._blocks: list[np.ndarray] = []
        self._times_s: list[float] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._program.kill()
        self._thread.join(5.0)
        self._program.wait()
        assert self._program.stdout is not None
        self._program.stdout.close()

    def heard(self) -> tuple[np.ndarray, np.ndarray]:
        """Mono sound, and for each sample the time at which it had been heard."""
        with self._lock:
            blocks, times_s = list(self._blocks), list(self._times_s)
        if not blocks:
            return np.zeros(0), np.zeros(0)
        return np.concatenate(blocks), np.repeat(times_s, [len(block) for block in blocks])

    def _read(self) -> None:
        assert self._program.stdout is not None
        handle, rest = self._program.stdout.fileno(), b""
        while data := os.read(handle, 65_536):
            now_s = time.monotonic()
            data = rest + data
            whole = len(data) // 8 * 8
            rest = data[whole:]
            block = np.frombuffer(data[:whole], dtype="<f4").reshape(-1, 2).mean(axis=1)
            with self._lock:
                self._blocks.append(block)
                self._times_s.append(now_s)


def tone(sound: np.ndarray, hz: float) -> float:
    return float(2 * abs(np.mean(sound * np.exp(-2j * np.pi * hz / RATE_HZ * np.arange(len(sound))))))


@pytest.fixture
def room(sound_server: SoundServer) -> Iterator[Room]:
    assert sound_server.plugged
    room = Room()
    yield room
    room.close()


def hear(path: Path) -> TrackMood:
    """The mood of invented music: its folder's name tells it."""
    moods = np.full(len(TAGS), 0.02, dtype=np.float32)
    for tag in FOR[Style(path.parent.name)]:
        moods[TAGS.index(tag)] = 0.5
    return TrackMood(moods, 20.0, 0.1414, 0.2)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    at_s = np.arange(20 * 44_100) / 44_100
    for style, hz in TONES.items():
        folder = tmp_path / "music" / style.value
        folder.mkdir(parents=True)
        for number in range(3):
            soundfile.write(folder / f"{number}.flac", 0.2 * np.sin(2 * np.pi * hz * at_s), 44_100)
    scan(tmp_path / "music", tmp_path / "library.sqlite3", hear, fingerprint="tones", suffixes=(".flac",))
    return tmp_path / "library.sqlite3"


@pytest.fixture
def player(sound_server: SoundServer, database: Path) -> Iterator[LocalPlayer]:
    assert sound_server.plugged
    player = LocalPlayer(database, open_sound=open_stream, outputs=PortAudioOutputs(), seed=1)
    assert player.refresh().result(SOON_S).ok
    yield player
    before_s = time.monotonic()
    player.close()
    assert time.monotonic() - before_s < PROMPT_S
    assert within(5.0, lambda: not [t for t in threading.enumerate() if t.name.startswith("attune-")])


def sounds(room: Room, hz: float) -> Callable[[], bool]:
    def newest() -> bool:
        sound, _ = room.heard()
        return len(sound) > WINDOW and tone(sound[-WINDOW:], hz) > 0.1

    return newest


def test_a_switch_is_heard_soon_without_a_gap_or_a_click(room: Room, player: LocalPlayer) -> None:
    assert player.play("local:style:calming").result(SOON_S).ok
    assert within(SOON_S, sounds(room, TONES[Style.CALMING]))
    time.sleep(2.5)
    asked_s = time.monotonic()
    assert player.play("local:style:energetic").result(SOON_S).ok
    answered_s = time.monotonic() - asked_s
    time.sleep(2.5)
    sound, times_s = room.heard()
    asked = int(np.searchsorted(times_s, asked_s))
    starts = np.arange(asked, len(sound) - WINDOW, WINDOW // 5)
    strengths = np.array(
        [[tone(sound[start : start + WINDOW], hz) for hz in TONES.values()] for start in starts]
    )
    switched = starts[np.argmax(strengths[:, 1] > strengths[:, 0])] + WINDOW
    delay_s = float(times_s[switched] - asked_s)
    _LOG.info("the command was answered after %.3f s and heard after %.3f s", answered_s, delay_s)
    assert strengths[-1, 1] > 20 * strengths[-1, 0]
    assert 0.0 < delay_s < PROMPT_S
    # A second before and the cross-fade: never silent for 5 ms, and no step that two such tones cannot make.
    around = sound[asked - RATE_HZ // 2 : asked + 2 * RATE_HZ]
    blocks = np.abs(around[: len(around) // 240 * 240]).reshape(-1, 240).max(axis=1)
    assert blocks.min() > 0.02
    steepest = sum(0.2 * 2 * np.pi * hz / RATE_HZ for hz in TONES.values())
    assert np.abs(np.diff(around)).max() < 1.05 * steepest
    assert player._speaker.mixer is not None
    assert player._speaker.mixer.underruns == 0


def test_pause_and_resume_are_heard_and_do_not_click(room: Room, player: LocalPlayer) -> None:
    player.play("local:style:calming").result(SOON_S)
    assert within(SOON_S, sounds(room, 440.0))
    time.sleep(0.5)
    assert player.pause().result(SOON_S).ok
    assert within(2.0, lambda: not np.abs(room.heard()[0][-WINDOW:]).max() > 1e-4)
    assert player.resume().result(SOON_S).ok
    assert within(2.0, sounds(room, 440.0))
    sound, _ = room.heard()
    begun = int(np.argmax(np.abs(sound) > 1e-3))
    assert np.abs(np.diff(sound[begun:])).max() < 1.05 * 0.2 * 2 * np.pi * 440 / RATE_HZ


def test_loudspeakers_are_listed_and_one_that_is_not_there_is_never_replaced(player: LocalPlayer) -> None:
    names = [device.name for device in player.snapshot().devices]
    assert "default" in names
    assert player.choose_device("Yeti").result(SOON_S).kind is OutcomeKind.GONE
    assert player.choose_device("default").result(SOON_S).ok
    assert player.play("local:style:calming").result(SOON_S).ok
    assert player.snapshot().device is not None
    assert player.snapshot().device.name == "default"  # type: ignore[union-attr]


def test_a_sound_server_that_dies_and_comes_back_is_survived(
    sound_server: SoundServer, player: LocalPlayer
) -> None:
    player.play("local:style:calming").result(SOON_S)
    assert within(5.0, lambda: player.snapshot().playing)
    try:
        sound_server.stop()
        assert within(10.0, lambda: player.snapshot().connection.state is ConnectionState.DEGRADED)
        assert "loudspeaker" in player.snapshot().connection.message
        assert not player.snapshot().playing
    finally:
        sound_server.start()
    room = Room()
    try:
        assert within(15.0, lambda: player.snapshot().playing)
        assert within(5.0, sounds(room, 440.0))
    finally:
        room.close()
    assert player.snapshot().connection.state is ConnectionState.CONNECTED


def test_a_sound_server_that_hangs_does_not_hang_the_player(
    sound_server: SoundServer, player: LocalPlayer
) -> None:
    player.play("local:style:calming").result(SOON_S)
    try:
        sound_server.freeze()
        assert within(5.0, lambda: player.snapshot().connection.state is ConnectionState.DEGRADED)
        before_s = time.monotonic()
        player.snapshot()
        assert time.monotonic() - before_s < PROMPT_S
        assert player.play("local:style:energetic").result(SOON_S).kind is OutcomeKind.NO_DEVICE
    finally:
        sound_server.thaw()
    assert within(20.0, lambda: player.play("local:style:energetic").result(SOON_S).ok)

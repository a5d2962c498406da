from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import AttuneError, AudioDeviceError, DeviceNotFoundError
from core.settings import Settings
from models.resample import MonoResampler
from realtime.capture import (
    AudioSource,
    Block,
    LoopbackSource,
    MicrophoneSource,
    SourceInfo,
    SourceKind,
    list_devices,
    suggest_source,
)
from realtime.capture.demo import DEMO_FILE
from tests.e2e.sound_server import SoundServer
from tests.patience import PROMPT_S

pytestmark = pytest.mark.e2e

PYAUDIO = partial(MicrophoneSource, backend="pyaudio")
SOURCES = pytest.mark.parametrize("make", [MicrophoneSource, PYAUDIO, LoopbackSource])
CLIP_S = (0.6, 7.6)


class Ear:
    """A sink that keeps what it hears."""

    def __init__(self) -> None:
        self.info: SourceInfo | None = None
        self.blocks: list[Block] = []
        self.overflows = 0
        self.ended: list[AttuneError | None] = []

    def begin(self, info: SourceInfo) -> None:
        self.info = info
        self.blocks = []

    def write(self, block: Block) -> None:
        self.blocks.append(block.copy())

    def overflow(self) -> None:
        self.overflows += 1

    def end(self, error: AttuneError | None = None, *, notice: str = "") -> None:  # noqa: ARG002
        self.ended.append(error)

    def hears(self, *, within_s: float = 10.0) -> bool:
        """Whether more blocks come."""
        count = len(self.blocks)
        deadline_s = time.monotonic() + within_s
        while len(self.blocks) < count + 3:
            if time.monotonic() > deadline_s:
                return False
            time.sleep(0.01)
        return True

    @property
    def audio(self) -> np.ndarray:
        """All that was heard, mono at 16 kHz."""
        assert self.info is not None
        return to_audio(np.concatenate(self.blocks), self.info.rate_hz)


def to_audio(sound: Block, rate_hz: int) -> np.ndarray:
    resampler = MonoResampler(rate_hz, sound.shape[1])
    return np.concatenate([resampler.process(sound), resampler.finish()])


def likeness(heard: np.ndarray, said: np.ndarray) -> float:
    """Highest normalised correlation of what was said with any stretch of what was heard, -1 to 1."""
    size = 2 ** int(np.ceil(np.log2(len(heard) + len(said))))
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size)), size)
    energy = np.concatenate([[0.0], np.cumsum(heard.astype(np.float64) ** 2)])
    lags = len(heard) - len(said) + 1
    stretches = energy[len(said) : len(said) + lags] - energy[:lags]
    norm = np.sqrt(np.maximum(stretches, 1e-9) * np.sum(said.astype(np.float64) ** 2))
    return float(np.max(product[:lags] / norm))


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


def listening(make: Callable[[], AudioSource]) -> tuple[Ear, AudioSource]:
    """A source that has been opened, and the ear that hears it."""
    ear = Ear()
    source = make()
    source.open(ear)
    assert ear.hears()
    return ear, source


def close_in_time(source: AudioSource) -> None:
    start_s = time.monotonic()
    source.close()
    assert time.monotonic() - start_s < PROMPT_S


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A voice of the demo, as a file and as audio."""
    sound, rate_hz = soundfile.read(DEMO_FILE, dtype="float32", always_2d=True)
    start, stop = (round(second * rate_hz) for second in CLIP_S)
    path = tmp_path_factory.mktemp("clip") / "voice.wav"
    soundfile.write(path, sound[start:stop], rate_hz)
    return path, to_audio(sound[start:stop], rate_hz)


@SOURCES
def test_what_is_spoken_in_the_room_is_recorded(
    sound_server: SoundServer, clip: tuple[Path, np.ndarray], make: Callable[[], AudioSource]
) -> None:
    path, said = clip
    ear = Ear()
    source = make()
    info = source.open(ear)
    assert ear.hears()
    sound_server.speak(path)
    time.sleep(1.0)
    source.close()
    count = len(ear.blocks)
    assert info.live
    assert ear.info == info
    assert likeness(ear.audio, said) > 0.98
    assert ear.overflows == 0
    time.sleep(0.2)
    assert len(ear.blocks) == count
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("attune")]


@SOURCES
def test_an_unplugged_device_falls_silent_and_is_reopened_once_it_is_back(
    sound_server: SoundServer, clip: tuple[Path, np.ndarray], make: Callable[[], AudioSource]
) -> None:
    path, said = clip
    ear, source = listening(make)
    sound_server.unplug()
    assert within(2.0, lambda: not ear.hears(within_s=0.5))
    for _ in range(2):
        close_in_time(source)
        with pytest.raises(AudioDeviceError, match=r"^[^\n]+\.$"):
            source.open(ear)
    sound_server.plug()
    source.open(ear)
    assert ear.hears()
    sound_server.speak(path)
    time.sleep(1.0)
    source.close()
    assert likeness(ear.audio, said) > 0.98


@SOURCES
def test_a_sound_server_that_dies_and_comes_back_is_survived(
    sound_server: SoundServer, make: Callable[[], AudioSource]
) -> None:
    ear, source = listening(make)
    try:
        sound_server.stop()
        assert within(3.0, lambda: not ear.hears(within_s=0.5))
        source.close()
        with pytest.raises(AudioDeviceError):
            source.open(ear)
        assert [device for device in list_devices() if device.kind is SourceKind.SYSTEM] == []
        spec, reason = suggest_source(Settings(journal=False))
        assert spec.kind is SourceKind.DEMO
        assert reason.startswith("No microphone was found")
    finally:
        sound_server.start()
    source.open(ear)
    assert ear.hears()
    source.close()


@SOURCES
def test_a_sound_server_that_hangs_does_not_hang_the_listener(
    sound_server: SoundServer, make: Callable[[], AudioSource]
) -> None:
    ear, source = listening(make)
    try:
        sound_server.freeze()
        assert within(2.0, lambda: not ear.hears(within_s=0.5))
        close_in_time(source)
        start_s = time.monotonic()
        with pytest.raises(AudioDeviceError, match="not answered"):
            source.open(ear)
        assert time.monotonic() - start_s < 12.0
    finally:
        sound_server.thaw()
    assert within(10.0, lambda: not any(t.name.startswith("attune") for t in threading.enumerate()))
    source.open(ear)
    assert ear.hears()
    source.close()


@SOURCES
def test_twenty_openings_leave_no_thread_and_stop_at_once(
    sound_server: SoundServer, make: Callable[[], AudioSource]
) -> None:
    assert sound_server.plugged
    source = make()
    for _ in range(20):
        ear = Ear()
        source.open(ear)
        assert ear.hears()
        close_in_time(source)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("attune")]


def test_devices_are_listed_without_disturbing_an_open_stream(sound_server: SoundServer) -> None:
    assert sound_server.plugged
    ear, source = listening(MicrophoneSource)
    for _ in range(5):
        devices = list_devices()
        suggest_source(Settings(journal=False))
    assert ear.hears(within_s=1.0)
    source.close()
    assert {(d.name, d.host_api, d.backend) for d in devices if d.is_default} == {
        ("default", "ALSA", "sounddevice"),
        ("Monitor of Room", "PulseAudio", "soundcard"),
    }


def test_two_libraries_record_at_once(sound_server: SoundServer) -> None:
    assert sound_server.plugged
    first, second = Ear(), Ear()
    sounddevice, pyaudio = MicrophoneSource("default"), MicrophoneSource("default", backend="pyaudio")
    sounddevice.open(first)
    pyaudio.open(second)
    assert first.hears()
    assert second.hears()
    # Reopening one must not initialise PortAudio under the other.
    pyaudio.open(second)
    assert first.hears()
    assert second.hears()
    sounddevice.close()
    assert second.hears()
    pyaudio.close()


@SOURCES
def test_a_device_that_is_not_there_is_never_replaced(
    sound_server: SoundServer, make: Callable[[str], AudioSource]
) -> None:
    assert sound_server.plugged
    ear = Ear()
    with pytest.raises(DeviceNotFoundError, match=r"'Yeti'.*(default|Room)"):
        make("Yeti").open(ear)
    assert ear.info is None


def test_the_microphone_is_suggested_while_it_is_plugged_in(sound_server: SoundServer) -> None:
    spec, reason = suggest_source(Settings(journal=False))
    assert spec.kind is SourceKind.MICROPHONE
    assert "is ready" in reason
    sound_server.unplug()
    spec, reason = suggest_source(Settings(journal=False))
    assert spec.kind is SourceKind.DEMO
    assert reason.endswith("until then the built-in demo plays.")

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.errors import AudioDeviceError, BackendMissingError, DeviceLostError, DeviceNotFoundError
from realtime.capture import list_system_audio, loopback
from realtime.capture.loopback import LoopbackSource, list_loopbacks
from realtime.capture.source import SourceKind
from tests.patience import PROMPT_S
from tests.realtime.capture.recording_sink import RecordingSink


class FakeCard:
    """A monitor of a loudspeaker that, like soundcard's, blocks while it records."""

    def __init__(self, identity: str, name: str, channels: int = 2) -> None:
        self.id = identity
        self.name = name
        self.channels = channels
        self.isloopback = True
        self.broken = threading.Event()
        self.hang = threading.Event()
        self.refuse = False
        self.options: dict[str, Any] = {}

    def recorder(self, rate_hz: int, **options: Any) -> FakeCard:
        self.options = options | {"rate_hz": rate_hz}
        return self

    def __enter__(self) -> FakeCard:
        if self.refuse:
            raise RuntimeError("Stream creation failed")
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def record(self, frames: int) -> np.ndarray:
        if self.hang.is_set():
            self.broken.wait(10.0)
        elif self.broken.wait(0.005):
            raise TypeError("object of type 'NoneType' has no len()")
        return np.full((frames, self.options["channels"]), 0.25)


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    found = [FakeCard("hdmi.monitor", "Monitor of HDMI", 8), FakeCard("room.monitor", "Monitor of Room")]
    microphone = FakeCard("mic", "Microphone")
    microphone.isloopback = False
    module = SimpleNamespace(
        all_microphones=lambda include_loopback: [*found, microphone] if include_loopback else [microphone],
        default_speaker=lambda: SimpleNamespace(id="room"),
    )
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(loopback, "_library", loopback._Soundcard())
    monkeypatch.setitem(sys.modules, "soundcard", module)
    monkeypatch.delitem(sys.modules, "soundcard.pulseaudio", raising=False)
    yield found
    for card in found:
        card.broken.set()


def test_loudspeakers_are_listed_and_microphones_are_not(cards: list[FakeCard]) -> None:
    assert [(d.id, d.channels, d.is_default) for d in list_loopbacks()] == [
        ("hdmi.monitor", 8, False),
        ("room.monitor", 2, True),
    ]
    cards.clear()
    assert list_loopbacks() == ()


@pytest.mark.parametrize(
    ("device", "name"),
    [(None, "Monitor of Room"), ("hdmi.monitor", "Monitor of HDMI"), ("monitor of h", "Monitor of HDMI")],
)
@pytest.mark.usefixtures("cards")
def test_a_loudspeaker_is_found_by_default_id_or_name(
    sink: RecordingSink, device: str | None, name: str
) -> None:
    source = LoopbackSource(device)
    info = source.open(sink)
    assert sink.written.wait(20.0)
    source.close()
    assert (info.kind, info.name, info.rate_hz, info.live) == (SourceKind.SYSTEM, name, 48_000, True)
    assert sink.calls[0] == "begin"
    assert "end" not in sink.calls
    assert sink.blocks[0].dtype == np.float32
    assert sink.blocks[0].shape == (960, info.channels)
    assert sink.threads == {"attune-loopback"}


def test_the_block_size_is_explicit(cards: list[FakeCard], sink: RecordingSink) -> None:
    source = LoopbackSource(block_ms=10.0)
    source.open(sink)
    source.close()
    assert cards[1].options == {"rate_hz": 48_000, "channels": 2, "blocksize": 480}


def test_nothing_arrives_after_close_and_no_thread_is_left(
    cards: list[FakeCard], sink: RecordingSink
) -> None:
    source = LoopbackSource()
    source.open(sink)
    assert sink.written.wait(20.0)
    start_s = time.monotonic()
    source.close()
    source.close()
    assert time.monotonic() - start_s < PROMPT_S
    calls = len(sink.calls)
    time.sleep(0.05)
    assert len(sink.calls) == calls
    assert cards[1].isloopback


def test_a_recording_that_hangs_is_left_behind_in_time(cards: list[FakeCard], sink: RecordingSink) -> None:
    source = LoopbackSource()
    source.open(sink)
    assert sink.written.wait(20.0)
    cards[1].hang.set()
    time.sleep(0.05)
    start_s = time.monotonic()
    source.close()
    assert time.monotonic() - start_s < PROMPT_S
    calls = len(sink.calls)
    cards[1].broken.set()
    time.sleep(0.05)
    assert len(sink.calls) == calls


def test_a_loudspeaker_that_vanishes_ends_the_stream_and_is_found_again(
    cards: list[FakeCard], sink: RecordingSink
) -> None:
    source = LoopbackSource()
    source.open(sink)
    assert sink.written.wait(20.0)
    lost = cards.pop()
    lost.broken.set()
    assert sink.ended.wait(20.0)
    assert isinstance(sink.error, DeviceLostError)
    source.close()
    assert "Monitor of Room has stopped delivering sound" in str(sink.error)
    with pytest.raises(DeviceNotFoundError, match=r"'room\.monitor'.*'Monitor of HDMI'"):
        source.open(sink)
    cards.append(FakeCard("room.monitor", "Monitor of Room"))
    assert source.open(sink).name == "Monitor of Room"
    source.close()


def test_a_loudspeaker_that_refuses_is_named(cards: list[FakeCard], sink: RecordingSink) -> None:
    cards[1].refuse = True
    with pytest.raises(
        AudioDeviceError, match=r"'Monitor of Room' cannot be recorded \(Stream creation failed\)"
    ):
        LoopbackSource().open(sink)
    assert sink.calls == []


def test_no_loudspeaker_is_said(cards: list[FakeCard], sink: RecordingSink) -> None:
    cards.clear()
    with pytest.raises(DeviceNotFoundError, match=r"no default loudspeaker.*none at all"):
        LoopbackSource().open(sink)


@pytest.mark.parametrize(
    ("error", "message"),
    [(ImportError("no"), r"\[loopback\]"), (AssertionError(), "no sound server answers")],
)
def test_what_is_missing_is_told_and_not_tried_again_by_listing(
    monkeypatch: pytest.MonkeyPatch, sink: RecordingSink, error: Exception, message: str
) -> None:
    attempts = []
    real = importlib.import_module

    def import_module(name: str, package: str | None = None) -> Any:
        if name == "soundcard":
            attempts.append(name)
            raise error
        return real(name, package)

    monkeypatch.setattr(loopback, "_library", loopback._Soundcard())
    monkeypatch.setattr(importlib, "import_module", import_module)
    for _ in range(3):
        with pytest.raises(BackendMissingError, match=message):
            list_loopbacks()
    assert len(attempts) == 1
    with pytest.raises(BackendMissingError, match=message):
        LoopbackSource().open(sink)
    assert len(attempts) == 2


def test_soundcard_is_told_our_name_also_under_python_c(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def import_module(_name: str, _package: str | None = None) -> Any:
        seen.append(list(sys.argv))
        raise ImportError

    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(importlib, "import_module", import_module)
    with pytest.raises(BackendMissingError):
        loopback._Soundcard().load(retry=True)
    assert (seen, sys.argv) == ([["attune"]], ["-c"])


def test_macos_is_told_of_blackhole(monkeypatch: pytest.MonkeyPatch, sink: RecordingSink) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    for ask in (list_loopbacks, list_system_audio, lambda: LoopbackSource().open(sink)):
        with pytest.raises(BackendMissingError, match=r"install BlackHole .*'BlackHole 2ch'"):
            ask()


@pytest.mark.parametrize("error", [RuntimeError("Error 0x88890004"), KeyError("default sink id")])
def test_whatever_soundcard_raises_is_told_in_a_sentence(
    cards: list[FakeCard], monkeypatch: pytest.MonkeyPatch, sink: RecordingSink, error: Exception
) -> None:
    def all_microphones(**_: object) -> list[FakeCard]:
        raise error

    assert cards
    monkeypatch.setattr(sys.modules["soundcard"], "all_microphones", all_microphones)
    for ask in (list_system_audio, lambda: LoopbackSource().open(sink)):
        with pytest.raises(AudioDeviceError, match="does not tell what can be recorded") as caught:
            ask()
        assert repr(error) in str(caught.value)


def test_without_a_default_loudspeaker_the_others_are_offered(
    cards: list[FakeCard], monkeypatch: pytest.MonkeyPatch, sink: RecordingSink
) -> None:
    def default_speaker() -> None:
        raise IndexError("no soundcard with id None")

    monkeypatch.setattr(sys.modules["soundcard"], "default_speaker", default_speaker)
    assert [device.is_default for device in list_system_audio()] == [False] * len(cards)
    with pytest.raises(DeviceNotFoundError, match=r"no default loudspeaker.*'Monitor of HDMI'"):
        LoopbackSource().open(sink)


def test_a_server_that_hangs_while_it_is_asked_is_given_up(
    cards: list[FakeCard], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()

    def all_microphones(**_: object) -> list[FakeCard]:
        answer.wait(10.0)
        return cards

    monkeypatch.setattr(sys.modules["soundcard"], "all_microphones", all_microphones)
    monkeypatch.setattr(loopback, "_OPEN_TIMEOUT_S", 0.02)
    with pytest.raises(AudioDeviceError, match=r"sound server has not answered for 0\.02 s"):
        list_system_audio()
    answer.set()


def test_a_recorder_that_does_not_come_up_is_given_up(
    cards: list[FakeCard], monkeypatch: pytest.MonkeyPatch, sink: RecordingSink
) -> None:
    def recorder(*_: object, **__: object) -> None:
        cards[1].broken.wait(10.0)
        raise RuntimeError("too late")

    monkeypatch.setattr(cards[1], "recorder", recorder)
    monkeypatch.setattr(loopback, "_OPEN_TIMEOUT_S", 0.05)
    with pytest.raises(AudioDeviceError, match=r"cannot be recorded \(no answer within 0\.05 s\)"):
        LoopbackSource().open(sink)
    assert sink.calls == []


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("Could not get client index")])
def test_a_server_that_is_gone_for_good_is_told_and_its_connection_taken_down(
    cards: list[FakeCard], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    taken_down: list[str] = []

    class DeadPulse:
        context = mainloop = None

        def __init__(self) -> None:
            raise error

        def _pa_context_disconnect(self, _: object) -> None:
            taken_down.append("disconnect")

        def _pa_context_unref(self, _: object) -> None:
            taken_down.append("unref")

    module = SimpleNamespace(
        _pulse=SimpleNamespace(_pa_context_get_state=lambda _: "failed", context=None),
        _PulseAudio=DeadPulse,
        _pa=SimpleNamespace(
            PA_CONTEXT_READY="ready",
            pa_threaded_mainloop_stop=lambda _: taken_down.append("stop"),
            pa_threaded_mainloop_free=lambda _: taken_down.append("free"),
        ),
    )
    assert cards
    monkeypatch.setitem(sys.modules, "soundcard.pulseaudio", module)
    with pytest.raises(BackendMissingError, match="no sound server answers: start PulseAudio"):
        list_system_audio()
    assert taken_down == ["disconnect", "unref", "stop", "free"]

from __future__ import annotations

import importlib
import logging
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.audio_devices import device_list as device_list_module
from core.audio_devices.device_list import device_list
from core.audio_devices.portaudio import PortAudioDevice
from core.errors import AudioDeviceError, BackendMissingError, DeviceNotFoundError
from realtime.capture import microphone
from realtime.capture.devices import list_devices, list_microphones
from realtime.capture.microphone import MicrophoneSource, formats
from realtime.capture.portaudio import StreamRefusedError
from realtime.capture.source import SourceKind
from tests.paths import ROOT
from tests.patience import PROMPT_S
from tests.realtime.capture.fake_portaudio import (
    BUILT_IN,
    USB,
    FakeBackend,
    FakePortAudioError,
    FakeStream,
    import_failing_with,
)
from tests.realtime.capture.recording_sink import RecordingSink


def test_the_default_opens_at_its_own_rate_and_channels(backend: FakeBackend, sink: RecordingSink) -> None:
    source = MicrophoneSource()
    info = source.open(sink)
    assert (info.name, info.host_api, info.rate_hz, info.channels) == ("Built-in", "ALSA", 48_000, 2)
    assert (info.kind, info.live, info.lossless) == (SourceKind.MICROPHONE, True, False)
    assert sink.infos == [info]
    assert backend.streams[0].wanted.block_frames == 960
    assert backend.streams[0].call(0.5)
    assert sink.blocks[0].shape == (960, 2)
    source.close()
    assert backend.streams[0].state == "closed"


def test_an_overflow_is_told_before_the_block_after_it(backend: FakeBackend, sink: RecordingSink) -> None:
    source = MicrophoneSource("usb")
    source.open(sink)
    backend.streams[0].call()
    backend.streams[0].call(overflowed=True)
    source.close()
    assert sink.calls == ["begin", "write", "overflow", "write"]


def test_a_failing_sink_aborts_the_stream_and_is_logged_later(
    backend: FakeBackend, sink: RecordingSink, caplog: pytest.LogCaptureFixture
) -> None:
    source = MicrophoneSource()
    source.open(sink)
    sink.fail_with = RuntimeError("no room")
    assert not backend.streams[0].call()
    assert not caplog.records
    source.close()
    assert "callback failed" in caplog.text


def test_nothing_arrives_after_close(backend: FakeBackend, sink: RecordingSink) -> None:
    source = MicrophoneSource()
    source.open(sink)
    source.close()
    source.close()
    assert not backend.streams[0].call(overflowed=True)
    assert sink.calls == ["begin"]


def test_a_dead_stream_that_hangs_is_left_behind_in_time(
    backend: FakeBackend, sink: RecordingSink, caplog: pytest.LogCaptureFixture
) -> None:
    source = MicrophoneSource()
    source.open(sink)
    backend.streams[0].hang.clear()
    start_s = time.monotonic()
    source.close()
    assert time.monotonic() - start_s < PROMPT_S
    assert [t.name for t in threading.enumerate() if t.name.startswith("attune")] == ["attune-mic-close"]
    assert "left behind" in caplog.text
    # It still counts as open, so PortAudio must not be initialised under it; opening goes on without.
    assert not device_list.refresh()
    source.open(sink)
    source.close()
    backend.streams[0].hang.set()


def test_a_device_plugged_in_later_is_found(backend: FakeBackend, sink: RecordingSink) -> None:
    backend.listed = (BUILT_IN,)
    source = MicrophoneSource("USB")
    source.open(sink)
    source.close()
    assert backend.opened == ["USB"]


def test_a_list_is_not_read_anew_under_an_open_stream(backend: FakeBackend, sink: RecordingSink) -> None:
    backend.listed = (BUILT_IN,)
    other = MicrophoneSource()
    other.open(RecordingSink())
    with pytest.raises(DeviceNotFoundError, match=r"'USB'.*'Built-in' \(ALSA\)"):
        MicrophoneSource("USB").open(sink)
    assert other.open(RecordingSink())
    other.close()


def test_an_unplugged_device_is_reopened_by_name_and_never_replaced(
    backend: FakeBackend, sink: RecordingSink
) -> None:
    source = MicrophoneSource()
    source.open(sink)
    source.close()
    usb_is_default = PortAudioDevice(0, "USB", "ALSA", 44_100, 1, is_default=True)
    backend.plugged = (usb_is_default,)
    with pytest.raises(DeviceNotFoundError, match="'Built-in'"):
        source.open(sink)
    moved = PortAudioDevice(7, "Built-in", "ALSA", 16_000, 1, is_default=False)
    backend.plugged = (usb_is_default, moved)
    assert source.open(sink).rate_hz == 16_000
    source.close()
    assert backend.opened == ["Built-in", "Built-in"]


def test_other_formats_are_tried_where_the_own_is_refused(backend: FakeBackend, sink: RecordingSink) -> None:
    backend.refusals = {(48_000, 2): -9998, (48_000, 1): -9997}
    source = MicrophoneSource()
    info = source.open(sink)
    source.close()
    assert (info.rate_hz, info.channels) == (44_100, 2)


def test_a_busy_device_is_named_and_not_asked_again(backend: FakeBackend, sink: RecordingSink) -> None:
    backend.refusals = {(48_000, 2): -9985}
    with pytest.raises(AudioDeviceError, match=r"'Built-in' \(ALSA\) is in use"):
        MicrophoneSource().open(sink)
    assert sink.calls == []


def test_a_stream_that_does_not_start_is_closed(backend: FakeBackend, sink: RecordingSink) -> None:
    backend.fail_start = StreamRefusedError("denied", -9999)
    with pytest.raises(AudioDeviceError, match=r"cannot be opened at 48000 Hz with 2 channels \(denied\)"):
        MicrophoneSource().open(sink)
    assert {stream.state for stream in backend.streams} == {"closed"}


def test_no_microphone_at_all_is_said(backend: FakeBackend, sink: RecordingSink) -> None:
    backend.plugged = backend.listed = ()
    with pytest.raises(DeviceNotFoundError, match="No microphone was found"):
        MicrophoneSource().open(sink)
    backend.plugged = backend.listed = (USB,)
    with pytest.raises(DeviceNotFoundError, match=r"no default microphone.*'USB'"):
        MicrophoneSource().open(sink)


def test_a_frozen_device_is_left_in_time_even_while_a_block_is_stuck(
    backend: FakeBackend, sink: RecordingSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, room = threading.Event(), threading.Event()

    def stuck_write(_block: object) -> None:
        entered.set()
        room.wait(10.0)

    monkeypatch.setattr(sink, "write", stuck_write)
    source = MicrophoneSource()
    source.open(sink)
    backend.streams[0].hang.clear()
    caller = threading.Thread(target=backend.streams[0].call)
    caller.start()
    assert entered.wait(20.0)
    start_s = time.monotonic()
    source.close()
    assert time.monotonic() - start_s < PROMPT_S
    room.set()
    backend.streams[0].hang.set()
    caller.join()


@pytest.mark.parametrize(
    "error", [OSError("PortAudio not initialized"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no")]
)
def test_a_list_that_cannot_be_read_is_told_in_a_sentence(
    backend: FakeBackend, sink: RecordingSink, error: Exception
) -> None:
    backend.fail_inputs = error
    with pytest.raises(AudioDeviceError, match="list of microphones cannot be read") as caught:
        MicrophoneSource().open(sink)
    assert str(error) in str(caught.value)
    assert backend.connections == 0


def test_why_a_stream_did_not_start_is_told_even_if_it_does_not_close_either(
    backend: FakeBackend,
    sink: RecordingSink,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def abort(_stream: FakeStream) -> None:
        raise OSError("no such stream")

    backend.fail_start = StreamRefusedError("denied", -9999)
    monkeypatch.setattr(FakeStream, "abort", abort)
    with pytest.raises(AudioDeviceError, match="denied"):
        MicrophoneSource().open(sink)
    assert "no such stream" in caplog.text


@pytest.mark.usefixtures("backend")
def test_a_sound_system_stuck_in_an_earlier_call_is_told(
    sink: RecordingSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_list_module, "_LOCK_TIMEOUT_S", 0.01)
    with device_list.locked(), pytest.raises(AudioDeviceError, match="stuck in an earlier call"):
        MicrophoneSource().open(sink)
    assert sink.calls == []


def test_a_sound_system_that_does_not_answer_is_given_up(
    backend: FakeBackend, sink: RecordingSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    connect = backend.connect

    def slow_connect() -> FakeBackend:
        answer.wait(10.0)
        return connect()

    monkeypatch.setattr(backend, "connect", slow_connect)
    monkeypatch.setattr(microphone, "OPEN_TIMEOUT_S", 0.1)
    with pytest.raises(AudioDeviceError, match="has not answered"):
        MicrophoneSource().open(sink)
    answer.set()
    deadline_s = time.monotonic() + 5.0
    while not (backend.streams and backend.streams[0].state == "closed") and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert backend.streams[0].state == "closed"
    assert sink.calls == []


@pytest.mark.usefixtures("backend")
def test_one_hundred_openings_leave_nothing_behind(sink: RecordingSink) -> None:
    source = MicrophoneSource()
    before = set(threading.enumerate())
    for _ in range(100):
        source.open(sink)
        source.close()
    deadline_s = time.monotonic() + 2.0  # a thread that has done its work may still be ending
    while set(threading.enumerate()) - before and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(
    ("device", "first", "count"),
    [
        (PortAudioDevice(0, "mono", "MME", 16_000, 1, is_default=True), (16_000, 1), 3),
        (PortAudioDevice(0, "surround", "Core Audio", 96_000, 8, is_default=True), (96_000, 8), 12),
        (PortAudioDevice(0, "virtual", "ALSA", 44_100, 32, is_default=True), (44_100, 2), 9),
        (PortAudioDevice(0, "too fast", "ASIO", 384_000, 2, is_default=True), (48_000, 2), 6),
    ],
)
def test_formats_begin_with_the_devices_own_and_stay_in_range(
    device: PortAudioDevice, first: tuple[int, int], count: int
) -> None:
    found = formats(device, 20.0)
    assert (found[0].rate_hz, found[0].channels) == first
    assert len(set(found)) == len(found) == count
    assert all(8_000 <= f.rate_hz <= 192_000 and 1 <= f.channels <= min(8, device.channels) for f in found)
    assert found[0].block_frames == first[0] // 50


def test_logging_says_nothing_while_all_is_well(
    backend: FakeBackend, sink: RecordingSink, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        source = MicrophoneSource()
        source.open(sink)
        backend.streams[0].call()
        source.close()
    assert not caplog.records


# The two libraries, without their machines


def test_sounddevice_is_used_as_the_library_wants(sounddevice: SimpleNamespace, sink: RecordingSink) -> None:
    source = MicrophoneSource("mic", block_ms=10.0)
    info = source.open(sink)
    assert (info.name, info.rate_hz, info.channels) == ("Mic", 48_000, 1)
    opened = source._opened
    assert opened is not None
    stream = opened.stream._stream
    callback = stream.options["callback"]
    callback(np.ones((480, 1), dtype=np.float32), 480, None, SimpleNamespace(input_overflow=True))
    assert sink.calls == ["begin", "overflow", "write"]
    source.close()
    assert stream.calls == ["start", "abort", "close"]
    with pytest.raises(sounddevice.CallbackAbort):
        callback(np.ones((480, 1), dtype=np.float32), 480, None, SimpleNamespace(input_overflow=False))


def test_a_device_list_that_does_not_come_up_again_is_told(
    sounddevice: SimpleNamespace, sink: RecordingSink
) -> None:
    def initialize() -> None:
        raise FakePortAudioError("Error initializing PortAudio")

    sounddevice._initialize = initialize
    with pytest.raises(AudioDeviceError, match=r"sound system cannot be read \(Error initializing PortAudio"):
        MicrophoneSource("Yeti").open(sink)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FakePortAudioError("Unanticipated host error", -9999, (0, -1, "gone")), "host error: gone"),
        (FakePortAudioError("Internal error"), r"\(Internal error\)"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "invalid start byte"),
    ],
)
def test_whatever_sounddevice_refuses_with_is_told(
    sounddevice: SimpleNamespace, sink: RecordingSink, error: Exception, message: str
) -> None:
    def refuse(**_: object) -> None:
        raise error

    sounddevice.InputStream = refuse
    with pytest.raises(AudioDeviceError, match=f"'Mic' .ALSA. cannot be opened.*{message}"):
        MicrophoneSource().open(sink)


def test_reopening_reads_the_device_list_anew(sounddevice: SimpleNamespace, sink: RecordingSink) -> None:
    source = MicrophoneSource()
    source.open(sink)
    source.close()
    assert sounddevice.refreshed == 0
    source.open(sink)
    assert sounddevice.refreshed == 1
    list_microphones = [d for d in list_devices() if d.kind is SourceKind.MICROPHONE]
    assert sounddevice.refreshed == 1
    assert [(d.name, d.host_api, d.backend, d.is_default) for d in list_microphones] == [
        ("Mic", "ALSA", "sounddevice", True)
    ]
    source.close()
    list_devices()
    assert sounddevice.refreshed == 2


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError("PortAudio library not found"), "apt install libportaudio2"),
        (ModuleNotFoundError("No module named 'sounddevice'"), "sounddevice is not installed"),
        (FakePortAudioError("Error initializing PortAudio"), "does not start"),
    ],
)
def test_a_missing_portaudio_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, sink: RecordingSink, error: Exception, message: str
) -> None:
    monkeypatch.setattr(importlib, "import_module", import_failing_with(error, "sounddevice"))
    with pytest.raises(BackendMissingError, match=message):
        MicrophoneSource().open(sink)
    assert sink.calls == []


def test_a_missing_pyaudio_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, sink: RecordingSink
) -> None:
    monkeypatch.setattr(importlib, "import_module", import_failing_with(ImportError("no"), "pyaudio"))
    with pytest.raises(BackendMissingError, match=r"\[pyaudio\]"):
        MicrophoneSource(backend="pyaudio").open(sink)


def test_a_portaudio_that_does_not_start_under_pyaudio_is_told(
    monkeypatch: pytest.MonkeyPatch, sink: RecordingSink
) -> None:
    def refuse() -> None:
        raise OSError("no host")

    monkeypatch.setitem(sys.modules, "pyaudio", SimpleNamespace(PyAudio=refuse))
    with pytest.raises(BackendMissingError, match=r"PortAudio does not start \(no host\)"):
        MicrophoneSource(backend="pyaudio").open(sink)


def test_devices_that_pyaudio_cannot_read_are_told(
    monkeypatch: pytest.MonkeyPatch, sink: RecordingSink
) -> None:
    ended: list[bool] = []

    class FakePyAudio:
        def get_default_input_device_info(self) -> None:
            raise OSError("No Default Input Device Available")

        def get_device_count(self) -> int:
            return 1

        def get_device_info_by_index(self, _index: int) -> None:
            raise OSError(-9996, "Invalid device")

        def terminate(self) -> None:
            ended.append(True)

    monkeypatch.setitem(sys.modules, "pyaudio", SimpleNamespace(PyAudio=FakePyAudio))
    with pytest.raises(AudioDeviceError, match=r"cannot be read \(.*Invalid device\)"):
        MicrophoneSource(backend="pyaudio").open(sink)
    with pytest.raises(AudioDeviceError, match=r"cannot be read \(.*Invalid device\)"):
        list_microphones("pyaudio")
    assert all(ended)
    assert len(ended) >= 2


def test_pyaudio_is_used_as_the_library_wants(monkeypatch: pytest.MonkeyPatch, sink: RecordingSink) -> None:
    calls: list[Any] = []
    device = {
        "index": 2,
        "name": b"Mic\xff",
        "hostApi": 0,
        "defaultSampleRate": 48_000.0,
        "maxInputChannels": 2,
    }

    class FakePyAudio:
        def get_default_input_device_info(self) -> dict[str, Any]:
            return device

        def get_device_count(self) -> int:
            return 1

        def get_device_info_by_index(self, _index: int) -> dict[str, Any]:
            return device

        def get_host_api_info_by_index(self, _index: int) -> dict[str, Any]:
            return {"name": "ALSA"}

        def open(self, **options: Any) -> SimpleNamespace:
            calls.append(options)
            return SimpleNamespace(
                start_stream=lambda: calls.append("start"), close=lambda: calls.append("close")
            )

        def terminate(self) -> None:
            calls.append("terminate")

    module = SimpleNamespace(PyAudio=FakePyAudio, paFloat32=1, paInputOverflow=2, paContinue=0, paAbort=2)
    monkeypatch.setitem(sys.modules, "pyaudio", module)
    source = MicrophoneSource(backend="pyaudio")
    info = source.open(sink)
    assert info.name == "Mic\N{REPLACEMENT CHARACTER}"
    options = calls[0]
    assert not options["start"]
    assert (options["rate"], options["channels"], options["frames_per_buffer"]) == (48_000, 2, 960)
    data = np.array([[0.25, -0.25]] * 960, dtype=np.float32)
    assert options["stream_callback"](data.tobytes(), 960, {}, 2) == (None, module.paContinue)
    np.testing.assert_array_equal(sink.sound, data)
    assert sink.calls == ["begin", "overflow", "write"]
    source.close()
    assert options["stream_callback"](data.tobytes(), 960, {}, 0) == (None, module.paAbort)
    assert calls[1:] == ["start", "close", "terminate"]


def test_the_libraries_are_not_imported_before_they_are_used() -> None:
    code = (
        "import sys, realtime.capture as c, core.settings as s\n"
        "c.make_source(c.SourceSpec(c.SourceKind.MICROPHONE), s.Settings(journal=False))\n"
        "print(sorted({'sounddevice', 'pyaudio', 'soundcard', 'av'} & set(sys.modules)))"
    )
    root = ROOT
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

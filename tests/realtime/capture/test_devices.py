from __future__ import annotations

import importlib
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from core.audio_devices.portaudio import PortAudioDevice, list_sounddevice
from core.errors import AudioDeviceError, BackendMissingError
from core.settings import Settings
from realtime.capture import devices, list_devices, list_microphones, list_system_audio, suggest_source
from realtime.capture.loopback import LoopbackDevice
from realtime.capture.microphone import BACKENDS
from realtime.capture.source import SourceKind, SourceSpec
from tests.realtime.capture.fake_portaudio import BUILT_IN, USB, FakeBackend, import_failing_with


@pytest.fixture
def _no_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> tuple[()]:
        raise BackendMissingError("not installed")

    monkeypatch.setattr("realtime.capture.devices.list_loopbacks", missing)


@pytest.fixture
def only(backend: FakeBackend, _no_loopback: None) -> FakeBackend:
    return backend


def settings(**fields: Any) -> Settings:
    return Settings(journal=False, **fields)


def test_devices_are_listed_as_they_are_now(only: FakeBackend) -> None:
    only.listed = ()
    assert [device.name for device in list_devices()] == ["USB", "Built-in"]
    assert [device.is_default for device in list_devices()] == [False, True]


@pytest.mark.usefixtures("_no_loopback")
def test_pyaudio_lists_where_sounddevice_is_missing(
    backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> FakeBackend:
        raise BackendMissingError("PortAudio is not installed.")

    monkeypatch.setitem(BACKENDS, "sounddevice", missing)
    monkeypatch.setitem(BACKENDS, "pyaudio", backend.connect)
    assert {device.backend for device in list_devices()} == {"pyaudio"}
    with pytest.raises(BackendMissingError, match="PortAudio is not installed"):
        list_microphones()
    backend.fail_inputs = OSError("no host")
    with pytest.raises(BackendMissingError, match="PortAudio is not installed"):
        list_devices()


@pytest.mark.parametrize("chosen", ["sounddevice", "pyaudio"])
def test_the_chosen_library_lists_the_microphones(
    only: FakeBackend, monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    asked: list[str] = []

    def connecting(name: str) -> FakeBackend:
        asked.append(name)
        return only.connect()

    for name in ("sounddevice", "pyaudio"):
        monkeypatch.setitem(BACKENDS, name, lambda name=name: connecting(name))
    assert {device.backend for device in list_devices(chosen)} == {chosen}
    assert {device.backend for device in list_microphones(backend=chosen)} == {chosen}
    assert set(asked) == {chosen}


def test_a_library_that_does_not_exist_is_told() -> None:
    for ask in (list_devices, list_microphones):
        with pytest.raises(AudioDeviceError, match="no backend 'oss' for microphones: use sounddevice or py"):
            ask("oss")


def test_microphones_and_system_audio_each_say_what_is_wrong(only: FakeBackend) -> None:
    assert {device.kind for device in list_devices()} == {SourceKind.MICROPHONE}
    with pytest.raises(BackendMissingError, match="not installed"):
        list_system_audio()
    only.fail_inputs = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    for ask in (list_microphones, list_devices):
        with pytest.raises(AudioDeviceError, match=r"microphones cannot be read \(.*invalid start byte"):
            ask()
    assert only.connections == 0
    only.fail_inputs, only.plugged = None, ()
    assert list_microphones() == ()


def test_loopbacks_are_listed_where_no_library_for_microphones_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = LoopbackDevice("room.monitor", "Monitor of Room", 2, is_default=True)
    monkeypatch.setattr(devices, "list_loopbacks", lambda: (room,))
    monkeypatch.setattr(
        importlib, "import_module", import_failing_with(OSError("no"), "sounddevice", "pyaudio")
    )
    assert [(d.kind, d.name, d.backend) for d in list_devices()] == [
        (SourceKind.SYSTEM, "Monitor of Room", "soundcard")
    ]


def test_a_sound_system_that_does_not_answer_is_told(
    only: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    connect = only.connect

    def slow_connect() -> FakeBackend:
        answer.wait(10.0)
        return connect()

    monkeypatch.setattr(only, "connect", slow_connect)
    monkeypatch.setattr(devices, "OPEN_TIMEOUT_S", 0.02)
    with pytest.raises(AudioDeviceError, match=r"sound system has not answered for 0\.02 s: restart it"):
        list_microphones()
    answer.set()


def test_the_default_microphone_is_suggested_if_it_opens(only: FakeBackend) -> None:
    spec, reason = suggest_source(settings())
    assert spec == SourceSpec(SourceKind.MICROPHONE)
    assert reason == "The default microphone, Built-in (ALSA), is ready."
    assert only.streams == []


def test_the_microphone_of_the_settings_is_suggested(only: FakeBackend) -> None:
    spec, reason = suggest_source(settings(device="usb"))
    assert spec == SourceSpec(SourceKind.MICROPHONE, device="USB", host_api="ALSA")
    assert "of your settings" in reason
    assert only.connections == 0


@pytest.mark.parametrize(
    ("plugged", "fields", "why"),
    [
        ((), {}, "No microphone was found: connect one"),
        ((USB, BUILT_IN), {"device": "Yeti"}, "There is no microphone called 'Yeti'"),
    ],
)
def test_else_the_demo_is_suggested_with_the_reason(
    only: FakeBackend, plugged: tuple[PortAudioDevice, ...], fields: dict[str, Any], why: str
) -> None:
    only.plugged = plugged
    spec, reason = suggest_source(settings(**fields))
    assert spec == SourceSpec(SourceKind.DEMO)
    assert reason.startswith(why)
    assert reason.endswith("until then the built-in demo plays.")


def test_the_demo_is_suggested_where_the_microphone_does_not_open(only: FakeBackend) -> None:
    only.refusals = {(rate, count): -9999 for rate in (48_000, 44_100, 16_000) for count in (1, 2)}
    spec, reason = suggest_source(settings())
    assert spec.kind is SourceKind.DEMO
    assert "'Built-in' (ALSA) cannot be opened" in reason


def test_the_demo_is_suggested_where_the_list_cannot_be_read(only: FakeBackend) -> None:
    only.fail_inputs = OSError("no host")
    spec, reason = suggest_source(settings())
    assert spec.kind is SourceKind.DEMO
    assert "microphones cannot be read (no host)" in reason


def test_the_demo_is_suggested_where_portaudio_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib, "import_module", import_failing_with(OSError("no"), "sounddevice"))
    spec, reason = suggest_source(settings())
    assert spec.kind is SourceKind.DEMO
    assert "apt install libportaudio2" in reason


def test_a_device_whose_name_is_no_utf_8_does_not_hide_the_others(caplog: pytest.LogCaptureFixture) -> None:
    def query_devices(index: int | None = None, kind: str | None = None) -> dict[str, Any]:
        if index != 1 or kind:
            raise UnicodeDecodeError("utf-8", b"Mic\xe9", 3, 4, "invalid start byte")
        return {"index": 1, "name": "USB", "hostapi": 0, "default_samplerate": 48e3, "max_input_channels": 1}

    library = SimpleNamespace(
        PortAudioError=OSError,
        query_hostapis=lambda: ({"name": "ALSA", "devices": [0, 1]},),
        query_devices=query_devices,
    )
    assert [device.name for device in list_sounddevice(library, "input")] == ["USB"]
    assert "Mic" in caplog.text

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.errors import AudioDecodeError, AudioDeviceError
from core.settings import Settings
from realtime.capture import (
    DemoSource,
    FileSource,
    LoopbackSource,
    MicrophoneSource,
    SourceKind,
    SourceSpec,
    make_source,
)


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (SourceSpec(SourceKind.MICROPHONE), MicrophoneSource),
        (SourceSpec(SourceKind.MICROPHONE, backend="pyaudio"), MicrophoneSource),
        (SourceSpec(SourceKind.SYSTEM, device="room.monitor"), LoopbackSource),
        (SourceSpec(SourceKind.DEMO, fast=True), DemoSource),
        (SourceSpec(SourceKind.FILE, path=Path("a.wav")), FileSource),
    ],
)
def test_every_kind_of_source_is_made_without_touching_a_device(spec: SourceSpec, kind: type[Any]) -> None:
    assert type(make_source(spec, Settings(journal=False))) is kind


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        (SourceSpec(SourceKind.FILE), AudioDecodeError, "No recording was named"),
        (SourceSpec(SourceKind.PUSH), AudioDeviceError, "Pushed audio cannot be chosen here.*PushSource"),
        (SourceSpec(SourceKind.MICROPHONE, backend="oss"), AudioDeviceError, "'oss'.*sounddevice or pyaudio"),
    ],
)
def test_what_cannot_be_made_is_told(spec: SourceSpec, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_source(spec, Settings(journal=False))


def test_the_microphone_of_the_settings_is_taken_unless_another_was_asked() -> None:
    settings = Settings(journal=False, device="USB")
    assert make_source(SourceSpec(SourceKind.MICROPHONE), settings)._device == "USB"
    named = SourceSpec(SourceKind.MICROPHONE, device="Array")
    assert make_source(named, settings)._device == "Array"

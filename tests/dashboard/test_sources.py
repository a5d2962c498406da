from __future__ import annotations

import pytest
from fakes import FakeDevice, recording

from dashboard.sources import choice_of, choices
from realtime.capture.source import SourceKind, SourceSpec

MICROPHONE = FakeDevice(SourceKind.MICROPHONE, "Desk microphone")
MONITOR = FakeDevice(SourceKind.SYSTEM, "Monitor of speakers", "PulseAudio", "soundcard")


def test_devices_are_listed_by_name_and_host_api_between_the_defaults() -> None:
    assert [choice.label for choice in choices((MONITOR, MICROPHONE))] == [
        "Default microphone",
        "Microphone: Desk microphone · ALSA",
        "System audio: what this machine plays",
        "System audio: Monitor of speakers · PulseAudio",
        "A recording \N{HORIZONTAL ELLIPSIS}",
        "Built-in demo",
    ]


def test_a_choice_starts_just_that_device() -> None:
    choice = choices((MICROPHONE,))[1]
    assert choice.spec == SourceSpec(
        SourceKind.MICROPHONE, device="Desk microphone", host_api="ALSA", backend="sounddevice"
    )


def test_the_same_name_twice_is_one_line() -> None:
    assert len(choices((MICROPHONE, MICROPHONE))) == 5


def test_the_wanted_device_is_offered_even_while_it_is_gone() -> None:
    wanted = SourceSpec(SourceKind.MICROPHONE, device="Headset")
    offered = choices((MICROPHONE,), also=(wanted, SourceSpec(SourceKind.DEMO)))
    assert choice_of(wanted, offered).spec == wanted
    assert choice_of(wanted, offered).label == "Microphone: Headset"


def test_the_default_microphone_is_opened_by_the_library_of_the_settings() -> None:
    assert choices((), backend="pyaudio")[0].spec.backend == "pyaudio"


@pytest.mark.parametrize(
    ("spec", "label"),
    [
        (SourceSpec(SourceKind.MICROPHONE), "Default microphone"),
        (recording("/tmp/a.wav"), "A recording \N{HORIZONTAL ELLIPSIS}"),
        (SourceSpec(SourceKind.DEMO), "Built-in demo"),
        (SourceSpec(SourceKind.PUSH), "Built-in demo"),
    ],
)
def test_what_is_heard_finds_its_line(spec: SourceSpec, label: str) -> None:
    assert choice_of(spec, choices((MICROPHONE,))).label == label

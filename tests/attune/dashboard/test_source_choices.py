from __future__ import annotations

import pytest

from attune.dashboard.views.source_choices import (
    DEFAULT_MICROPHONE,
    choice_of,
    choices,
    friendly_name,
    source_name,
)
from attune.dashboard.views.welcome import source_lines
from realtime.capture.source import SourceInfo, SourceKind, SourceSpec
from tests.attune.dashboard.fakes import FakeDevice, recording

MICROPHONE = FakeDevice(SourceKind.MICROPHONE, "Desk microphone")
MONITOR = FakeDevice(SourceKind.SYSTEM, "Monitor of speakers", "PulseAudio", "soundcard")


def test_devices_are_listed_by_their_names_between_the_defaults() -> None:
    assert [choice.label for choice in choices((MONITOR, MICROPHONE))] == [
        "Default microphone",
        "Desk microphone",
        "What this computer plays",
        "What plays on speakers",
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
    assert choice_of(wanted, offered).label == "Headset"


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


def test_a_device_of_any_name_is_shown_and_started_by_the_name_it_has() -> None:
    choice = choices((FakeDevice(SourceKind.MICROPHONE, "Mic\udce9\x1b[2J"),))[1]
    assert choice.label == r"Mic\xe9\x1b[2J"
    assert choice.spec.device == "Mic\udce9\x1b[2J"


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("HDA Intel PCH: ALC257 Analog (hw:0,0)", "Built-in microphone"),
        ("sof-hda-dsp: - (hw:0,6)", "Built-in microphone"),
        ("Built-in Audio Analog Stereo", "Built-in microphone"),
        ("MacBook Pro Microphone", "Built-in microphone"),
        ("Microphone Array (Realtek(R) Audio)", "Built-in microphone"),
        ("Microphone (Realtek High Definition Audio)", "Built-in microphone"),
        ("Mikrofon (Yeti Stereo Microphone)", "Yeti Stereo Microphone"),
        ("Headset Microphone (Jabra Evolve2 65)", "Jabra Evolve2 65"),
        ("USB PnP Sound Device: Audio (hw:2,0)", "USB PnP Sound Device"),
        ("AirPods von Ana", "AirPods von Ana"),
        ("pulse", "Chosen by the sound server"),
        ("(hw:0,0)", "(hw:0,0)"),
        ("", ""),
    ],
)
def test_a_device_is_called_as_people_would_call_it(device: str, name: str) -> None:
    assert friendly_name(device) == name


@pytest.mark.parametrize(
    ("kind", "device", "name"),
    [
        (SourceKind.MICROPHONE, "default", DEFAULT_MICROPHONE),
        (SourceKind.MICROPHONE, "pulse", DEFAULT_MICROPHONE),
        (SourceKind.MICROPHONE, "Headset", "Headset"),
        (SourceKind.SYSTEM, "Monitor of Built-in Audio", "What plays on the built-in speakers"),
        (SourceKind.FILE, "default", "default"),
    ],
)
def test_what_is_listened_to_is_called_as_it_was_chosen(kind: SourceKind, device: str, name: str) -> None:
    assert source_name(SourceInfo(kind, device, 48_000, 1)) == name


def test_a_guided_start_offers_no_second_name_of_the_default_microphone() -> None:
    devices = [FakeDevice(SourceKind.MICROPHONE, name) for name in ("pulse", "default", "Headset")]
    lines = source_lines(choices(devices), SourceSpec(SourceKind.MICROPHONE))
    assert list(lines.values())[:2] == [DEFAULT_MICROPHONE, "Headset"]
    assert "pulse" in "".join(source_lines(choices(devices), SourceSpec(SourceKind.DEMO)))


def test_what_tells_two_devices_apart_is_said_only_where_they_have_one_name() -> None:
    names = ("Yeti Stereo Microphone", "Microphone (Yeti Stereo Microphone)", "Headset")
    devices = [
        FakeDevice(SourceKind.MICROPHONE, name, api)
        for name, api in zip(names, ("MME", "Windows WASAPI", "MME"), strict=True)
    ]
    assert [choice.label for choice in choices(devices)][1:4] == [
        "Yeti Stereo Microphone (MME)",
        "Yeti Stereo Microphone (Microphone (Yeti Stereo Microphone), Windows WASAPI)",
        "Headset",
    ]

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audio_devices.names import describe, find_by_name
from core.errors import DeviceNotFoundError


@dataclass(frozen=True)
class Named:
    name: str
    host_api: str = "ALSA"
    index: int = 0


DEVICES = (
    Named("USB Microphone"),
    Named("USB Microphone Array"),
    Named("Headset (Bluetooth)"),
    Named("Line In", "MME"),
    Named("Line In", "Windows WASAPI"),
    Named("usb camera"),
)


def find(wanted: str, host_api: str | None = None, preferred_api: str = "") -> Named:
    return find_by_name(DEVICES, wanted, host_api=host_api, preferred_api=preferred_api, sort="microphone")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("USB Microphone", 0),
        ("usb microphone", 0),
        ("usb microphone a", 1),
        ("array", 1),
        ("head", 2),
        ("BLUETOOTH", 2),
        ("USB CAMERA", 5),
    ],
)
def test_exact_name_then_case_then_beginning_then_part(wanted: str, found: int) -> None:
    assert find(wanted) is DEVICES[found]


def test_what_may_mean_several_is_an_error_that_names_them() -> None:
    with pytest.raises(DeviceNotFoundError, match=r"'USB Microphone' \(ALSA\), .*Array.*, 'usb camera'"):
        find("usb")


def test_the_host_api_decides_between_equal_names() -> None:
    assert find("Line In", host_api="mme") is DEVICES[3]
    assert find("line in", preferred_api="Windows WASAPI") is DEVICES[4]
    with pytest.raises(DeviceNotFoundError, match=r"'Line In' \(MME\), 'Line In' \(Windows WASAPI\)"):
        find("Line In", preferred_api="ALSA")


def test_the_preferred_host_api_never_decides_between_different_names() -> None:
    with pytest.raises(DeviceNotFoundError, match="more than one"):
        find("usb", preferred_api="ALSA")


def test_a_device_of_another_host_api_is_not_taken_instead() -> None:
    with pytest.raises(DeviceNotFoundError, match=r"'USB Microphone' \(MME\)"):
        find("USB Microphone", host_api="MME")


def test_what_is_not_there_is_an_error_that_lists_what_is() -> None:
    with pytest.raises(
        DeviceNotFoundError, match=r"no microphone called 'Yeti'.*'Headset \(Bluetooth\)' \(ALSA\)"
    ):
        find("Yeti")
    with pytest.raises(DeviceNotFoundError, match="'Yeti', nor any other"):
        find_by_name((), "Yeti", sort="microphone")


def test_twins_cannot_be_told_apart() -> None:
    twins = (Named("USB", index=0), Named("USB", index=1))
    with pytest.raises(DeviceNotFoundError, match="very same name"):
        find_by_name(twins, "USB", sort="microphone")


@given(st.lists(st.text(min_size=1, max_size=4), max_size=5), st.text(max_size=4))
def test_a_device_is_found_only_if_its_name_holds_what_was_asked(names: list[str], wanted: str) -> None:
    devices = [Named(name, index=index) for index, name in enumerate(names)]
    try:
        found = find_by_name(devices, wanted, sort="microphone")
    except DeviceNotFoundError:
        return
    assert wanted.casefold() in found.name.casefold()
    if wanted in names:
        assert found.name == wanted


def test_devices_are_described_once_each() -> None:
    assert describe((Named("A"), Named("A"), Named("B", ""))) == "'A' (ALSA), 'B'"

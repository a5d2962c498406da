"""Owns what can be picked as a source and how it is called: pure functions, no device is opened here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from models.audio import SUPPORTED_SUFFIXES
from realtime.capture.source import SourceKind, SourceSpec

__all__ = ["FILE_TYPES", "Choice", "ListedDevice", "choice_of", "choices"]

FILE_TYPES: Final = tuple(suffix.removeprefix(".") for suffix in SUPPORTED_SUFFIXES)
"""Of the recordings that the page offers to take; what is read is decided by content."""


class ListedDevice(Protocol):
    """What the picker reads of a device."""

    @property
    def kind(self) -> SourceKind:
        """Microphone or system audio."""

    @property
    def name(self) -> str:
        """Name of the device."""

    @property
    def host_api(self) -> str:
        """Host API that offers it."""

    @property
    def backend(self) -> str:
        """Library that opens it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the picker.

    Parameters
    ----------
    key
        Stays the same as long as the choice means the same.
    label
        For people.
    spec
        What to start; for a recording its path is still to be filled in.
    """

    key: str
    label: str
    spec: SourceSpec


def choices(
    devices: Iterable[ListedDevice], *, also: Iterable[SourceSpec] = (), backend: str = "sounddevice"
) -> tuple[Choice, ...]:
    """List what can be listened to: microphones, system audio, a recording, the demo.

    Parameters
    ----------
    devices
        What the machine has.
    also
        Sources that must be offered even if their device is not there now: the one that is open,
        the one of the settings. Another device never takes their place.
    backend
        Library that opens the default microphone.
    """
    specs = [_spec(device) for device in devices]
    specs += [spec for spec in also if spec.device is not None]
    listed = [
        Choice(
            SourceKind.MICROPHONE.value,
            "Default microphone",
            SourceSpec(SourceKind.MICROPHONE, backend=backend),
        ),
        *(_choice(spec, "Microphone") for spec in specs if spec.kind is SourceKind.MICROPHONE),
        Choice(
            SourceKind.SYSTEM.value, "System audio: what this machine plays", SourceSpec(SourceKind.SYSTEM)
        ),
        *(_choice(spec, "System audio") for spec in specs if spec.kind is SourceKind.SYSTEM),
        Choice(SourceKind.FILE.value, "A recording \N{HORIZONTAL ELLIPSIS}", SourceSpec(SourceKind.FILE)),
        Choice(SourceKind.DEMO.value, "Built-in demo", SourceSpec(SourceKind.DEMO)),
    ]
    # The same name under the same host API cannot be told apart when it is opened: one line is enough.
    unique: dict[str, Choice] = {}
    for choice in listed:
        unique.setdefault(choice.key, choice)
    return tuple(unique.values())


def _spec(device: ListedDevice) -> SourceSpec:
    kind = SourceKind(device.kind)
    return SourceSpec(kind, device=device.name, host_api=device.host_api or None, backend=device.backend)


def _choice(spec: SourceSpec, sort: str) -> Choice:
    return Choice(
        _key(spec), " · ".join(part for part in (f"{sort}: {spec.device}", spec.host_api) if part), spec
    )


def choice_of(spec: SourceSpec, offered: Sequence[Choice]) -> Choice:
    """Find the line that stands for a source; the default of its kind where the device is not listed."""
    by_key = {choice.key: choice for choice in offered}
    return by_key.get(_key(spec)) or by_key.get(spec.kind.value) or offered[-1]


def _key(spec: SourceSpec) -> str:
    if spec.device is None:
        return spec.kind.value
    return "|".join((spec.kind.value, spec.backend, spec.host_api or "", spec.device))

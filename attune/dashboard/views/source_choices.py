"""What can be picked as a source, and how it is called; no device is opened here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from core.text import printable
from models.audio import SUPPORTED_SUFFIXES
from realtime.capture.source import DEMO_PLAYS, SourceInfo, SourceKind, SourceSpec

if TYPE_CHECKING:
    from realtime.capture import AudioDevice

FILE_TYPES: Final = tuple(suffix.removeprefix(".") for suffix in SUPPORTED_SUFFIXES)
"""Of the recordings that the page offers to take; what is read is decided by content."""


DEFAULT_MICROPHONE: Final = N_("Default microphone")
SYSTEM_AUDIO: Final = N_("What this computer plays")
OF_THE_SYSTEM: Final = N_("What plays on {name}")
RECORDING: Final = N_("A recording …")
DEMO: Final = N_("Built-in demo")
BUILT_IN: Final = N_("Built-in microphone")
BUILT_IN_SPEAKERS: Final = N_("the built-in speakers")
BY_THE_SERVER: Final = N_("Chosen by the sound server")
MICROPHONE_GONE: Final = N_("This microphone is not there any more: choose another.")

# How sound systems call what people do not know by these names.
_SERVERS: Final = frozenset({"pulse", "pipewire", "default", "sysdefault"})
_HARDWARE: Final = re.compile(r"\s*\((?:plug)?hw:[^)]*\)$")
_MONITOR: Final = re.compile(r"^Monitor of |\.monitor$", re.IGNORECASE)
_BUILT_IN: Final = re.compile(
    r"^(?:hda |sof-hda|built-in audio|built-?in mic|macbook \w+ microphone|internal mic|microphone array)"
    r"|realtek|intel.? smart sound",
    re.IGNORECASE,
)
_IN_BRACKETS: Final = re.compile(
    r"(?:mi[ck]ro\w+|headset(?: \w+)?|speakers|lautsprecher) \((.+)\)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """One line of the picker."""

    key: str  # stays the same as long as the choice means the same
    label: str  # for people
    spec: SourceSpec  # what to start; for a recording its path is still to be filled in


def choices(
    devices: Iterable[AudioDevice], *, also: Iterable[SourceSpec] = (), backend: str = "sounddevice"
) -> tuple[SourceChoice, ...]:
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
    names = Counter((spec.kind, friendly_name(spec.device or "", spec.kind)) for spec in set(specs))
    listed = [
        SourceChoice(
            SourceKind.MICROPHONE.value,
            _(DEFAULT_MICROPHONE),
            SourceSpec(SourceKind.MICROPHONE, backend=backend),
        ),
        *(_choice(spec, names) for spec in specs if spec.kind is SourceKind.MICROPHONE),
        SourceChoice(SourceKind.SYSTEM.value, _(SYSTEM_AUDIO), SourceSpec(SourceKind.SYSTEM)),
        *(_choice(spec, names) for spec in specs if spec.kind is SourceKind.SYSTEM),
        SourceChoice(SourceKind.FILE.value, _(RECORDING), SourceSpec(SourceKind.FILE)),
        SourceChoice(SourceKind.DEMO.value, _(DEMO), SourceSpec(SourceKind.DEMO)),
    ]
    # The same name under the same host API cannot be told apart when it is opened: one line is enough.
    unique: dict[str, SourceChoice] = {}
    for choice in listed:
        unique.setdefault(choice.key, choice)
    return tuple(unique.values())


def _spec(device: AudioDevice) -> SourceSpec:
    kind = SourceKind(device.kind)
    return SourceSpec(kind, device=device.name, host_api=device.host_api or None, backend=device.backend)


def _choice(spec: SourceSpec, names: Mapping[tuple[SourceKind, str], int]) -> SourceChoice:
    """A device by its friendly name; where two have the same, what tells them apart stands behind it."""
    name = friendly_name(spec.device or "", spec.kind)
    if names[spec.kind, name] > 1:
        apart = spec.host_api or spec.backend
        name = f"{name} ({apart})" if name == spec.device else f"{name} ({spec.device}, {apart})"
    label = _(OF_THE_SYSTEM).format(name=name) if spec.kind is SourceKind.SYSTEM else name
    return SourceChoice(_key(spec), printable(label), spec)


def friendly_name(device: str, kind: SourceKind = SourceKind.MICROPHONE) -> str:
    """Call a device as people would; what they know it by stays.

    Parameters
    ----------
    device
        Its name as the sound system has it.
    kind
        A microphone, or what is heard of a loudspeaker.

    Examples
    --------
    >>> friendly_name("HDA Intel PCH: ALC257 Analog (hw:0,0)")
    'Built-in microphone'
    >>> friendly_name("Monitor of Built-in Audio Analog Stereo", SourceKind.SYSTEM)
    'the built-in speakers'
    >>> friendly_name("Microphone (Yeti Stereo Microphone)")
    'Yeti Stereo Microphone'
    >>> friendly_name("USB PnP Sound Device: Audio (hw:2,0)")
    'USB PnP Sound Device'
    """
    system = kind is SourceKind.SYSTEM
    if is_of_the_server(device):
        return _(BY_THE_SERVER)
    name = _MONITOR.sub("", _HARDWARE.sub("", device.strip()))
    if _BUILT_IN.search(name):
        return _(BUILT_IN_SPEAKERS if system else BUILT_IN)
    if found := _IN_BRACKETS.fullmatch(name):
        name = found[1]
    return name.partition(": ")[0].strip() or device


def source_name(source: SourceInfo) -> str:
    """Call what is listened to now as people would."""
    if source.kind is SourceKind.DEMO:
        return _(DEMO)
    if source.kind not in (SourceKind.MICROPHONE, SourceKind.SYSTEM):
        return printable(source.name)
    if source.kind is SourceKind.MICROPHONE and is_of_the_server(source.name):
        return _(DEFAULT_MICROPHONE)
    name = printable(friendly_name(source.name, source.kind))
    return _(OF_THE_SYSTEM).format(name=name) if source.kind is SourceKind.SYSTEM else name


def without_microphone(reason: str) -> str:
    """Say why there is no microphone, as a sentence.

    Parameters
    ----------
    reason
        As `suggest_source` has it, with what plays meanwhile.
    """
    sentence = f"{reason.removesuffix(DEMO_PLAYS).rstrip('.')}."
    return _(sentence)


def is_of_the_server(device: str) -> bool:
    """Whether the sound server gives the name to the microphone that is its default."""
    return device.strip().lower() in _SERVERS


def choice_of(spec: SourceSpec, offered: Sequence[SourceChoice]) -> SourceChoice:
    """Find the line that stands for a source; the default of its kind where the device is not listed."""
    by_key = {choice.key: choice for choice in offered}
    return by_key.get(_key(spec)) or by_key.get(spec.kind.value) or offered[-1]


def _key(spec: SourceSpec) -> str:
    if spec.device is None:
        return spec.kind.value
    return "|".join((spec.kind.value, spec.backend, spec.host_api or "", spec.device))

"""PortAudio through sounddevice: the library, imported when a device is first wanted, and its devices."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from core.errors import AudioDeviceError, BackendMissingError
from core.text import printable

_LOG = logging.getLogger(__name__)
INVALID_SAMPLE_RATE: Final = -9997  # PortAudio's error number (portaudio.h)


@dataclass(frozen=True, slots=True)
class PortAudioDevice:
    """A microphone or a loudspeaker, as PortAudio lists it."""

    index: int  # PortAudio's number for it; good until the list is refreshed
    # As PortAudio has them.
    name: str
    host_api: str
    rate_hz: int  # the device's own default rate
    channels: int  # most channels it offers; virtual devices offer dozens
    is_default: bool  # it is the system's default


def load_sounddevice(*, consequence: str) -> Any:
    """Import sounddevice, which initialises PortAudio.

    Parameters
    ----------
    consequence
        What is not possible without it, for messages, e.g. "nothing can be played".

    Raises
    ------
    BackendMissingError
        sounddevice or PortAudio is not installed, or does not start.
    """
    try:
        return importlib.import_module("sounddevice")
    except ImportError as error:
        raise BackendMissingError(
            f"The Python package sounddevice is not installed, so {consequence}: "
            "install Attune's requirements again, pip install -e ."
        ) from error
    except OSError as error:
        raise BackendMissingError(
            f"PortAudio is not installed, so {consequence}: install it (Debian and Ubuntu: "
            "apt install libportaudio2; Fedora: dnf install portaudio) and start again."
        ) from error
    except Exception as error:
        # PortAudioError cannot be named here: its module has just failed to load.
        raise BackendMissingError(
            f"PortAudio does not start ({error}), so {consequence}: check the sound system."
        ) from error


def list_sounddevice(sounddevice: Any, direction: Literal["input", "output"]) -> tuple[PortAudioDevice, ...]:
    """List the devices that can record, or play.

    Parameters
    ----------
    sounddevice
        From `load_sounddevice`.
    direction
        "input" for microphones, "output" for loudspeakers.

    Raises
    ------
    Exception
        Whatever the library raises; see `unreadable_list`.
    """
    apis = sounddevice.query_hostapis()
    try:
        default = sounddevice.query_devices(kind=direction)["index"]
    except (sounddevice.PortAudioError, ValueError):
        default = -1
    return tuple(
        PortAudioDevice(
            index=device["index"],
            name=device["name"],
            host_api=apis[device["hostapi"]]["name"],
            rate_hz=round(device["default_samplerate"]),
            channels=device[f"max_{direction}_channels"],
            is_default=device["index"] == default,
        )
        for device in _described(sounddevice, apis)
        if device[f"max_{direction}_channels"] > 0
    )


def _described(sounddevice: Any, apis: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """All devices; those are left out whose names sounddevice cannot read, for it cannot open them either."""
    try:
        return list(sounddevice.query_devices())
    except UnicodeDecodeError:
        found = []
        for index in sorted(index for api in apis for index in api["devices"]):
            try:
                found.append(sounddevice.query_devices(index))
            except UnicodeDecodeError as error:
                name = printable(error.object.decode(errors="surrogateescape"))
                _LOG.warning("the sound device %s is left out: its name is not UTF-8", name)
        return found


def unreadable_list(sort: str, error: Exception) -> AudioDeviceError:
    """Say that a list of devices cannot be read, whatever the library raised.

    Parameters
    ----------
    sort
        What is listed, e.g. "microphones".
    error
        PortAudioError, OSError, a name that is not UTF-8, an index that means nothing any more.
    """
    return AudioDeviceError(
        f"The list of {sort} cannot be read ({str(error) or repr(error)}): check that the sound "
        "system runs, then try again."
    )

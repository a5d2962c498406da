"""Which device a name means. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from core.errors import DeviceNotFoundError


class NamedDevice(Protocol):
    """What is read of a device to find it."""

    @property
    def name(self) -> str:
        """Name as its host API has it."""

    @property
    def host_api(self) -> str:
        """Host API that offers it, empty where there is none."""


D = TypeVar("D", bound=NamedDevice)


def describe(devices: Sequence[NamedDevice]) -> str:
    """Name devices for a message: `'USB' (ALSA), 'Array' (MME)`; "none at all" if there is none."""
    labels = dict.fromkeys(
        f"{device.name!r} ({device.host_api})" if device.host_api else f"{device.name!r}"
        for device in devices
    )
    return ", ".join(labels) or "none at all"


def find_by_name(
    devices: Sequence[D], wanted: str, *, host_api: str | None = None, preferred_api: str = "", sort: str
) -> D:
    """Find the one device that a name means; never another one.

    Tried in this order, and the first that fits anything decides: the exact name, the name in
    another case, a beginning, a part. What then fits more than one device is an error. One name
    under several host APIs is one device seen in several ways: the preferred API's is taken.

    Parameters
    ----------
    devices
        What there is.
    wanted
        Name, or part of it.
    host_api
        Take only devices of this host API, in any case; None takes all.
    preferred_api
        Host API that decides between equal names, e.g. that of the default device.
    sort
        What is looked for, for messages, e.g. "microphone".

    Raises
    ------
    DeviceNotFoundError
        Nothing fits, or more than one device does; the message lists them.
    """
    asked = f"{wanted!r} ({host_api})" if host_api else f"{wanted!r}"
    offered = [d for d in devices if host_api is None or d.host_api.casefold() == host_api.casefold()]
    found = _fitting(offered, wanted)
    if not found:
        raise DeviceNotFoundError(
            f"There is no {sort} called {asked}: connect it, or choose one of these: {describe(devices)}."
            if devices
            else f"There is no {sort} called {asked}, nor any other: connect it."
        )
    if len({device.name for device in found}) == 1:
        found = [device for device in found if device.host_api == preferred_api] or found
    if len(found) > 1:
        raise DeviceNotFoundError(
            f"{asked} may mean more than one {sort}: give the full name, and the host API if need be, "
            f"of one of {describe(found)}{_same_name_hint(found)}."
        )
    return found[0]


def _fitting(devices: Sequence[D], wanted: str) -> list[D]:
    folded = wanted.casefold()
    tests: tuple[Callable[[str], bool], ...] = (
        lambda name: name == wanted,
        lambda name: name.casefold() == folded,
        lambda name: name.casefold().startswith(folded),
        lambda name: folded in name.casefold(),
    )
    for fits in tests:
        found = [device for device in devices if fits(device.name)]
        if found:
            return found
    return []


def _same_name_hint(found: Sequence[NamedDevice]) -> str:
    if len({(device.name, device.host_api) for device in found}) == len(found):
        return ""
    return " (some bear the very same name: disconnect all but one of them)"

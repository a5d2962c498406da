"""Owns what all open pages share: the engine, the devices, the suggestion."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from core.errors import AttuneError
from core.settings import load_settings
from dashboard.sources import Choice, choices
from realtime.capture import list_devices, suggest_source
from realtime.capture.source import SourceKind, SourceSpec

if TYPE_CHECKING:
    from engine import Engine
    from realtime.capture import Device

__all__ = ["Desk", "open_desk"]

_LOG = logging.getLogger(__name__)
_UNLISTED: Final = (
    "The devices could not be listed, the program's log says why; the defaults can still be tried."
)


class Desk:
    """What every page works at; one in the process, used from many threads.

    Parameters
    ----------
    engine
        The one engine.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.devices_problem = ""
        self._lock = threading.Lock()
        self._visited = False
        self._devices: tuple[Device, ...] = ()
        self.suggestion, self.suggestion_reason = SourceSpec(SourceKind.DEMO), ""
        self.refresh()

    def refresh(self) -> None:
        """List the devices anew and suggest one; what stands in the way is told in `devices_problem`."""
        settings = self.engine.settings
        try:
            self.suggestion, self.suggestion_reason = suggest_source(settings)
            devices = list_devices(backend=settings.backend)
        except AttuneError as error:
            told = str(error).rstrip(".") in self.suggestion_reason
            self._devices, self.devices_problem = (), "" if told else str(error)
        except Exception:  # noqa: BLE001 - a fault of a driver must not take the page away
            _LOG.exception("devices cannot be listed")
            self._devices, self.devices_problem = (), _UNLISTED
        else:
            self._devices, self.devices_problem = devices, ""

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What can be listened to."""
        also = (self.suggestion, *((self.engine.spec,) if self.engine.spec is not None else ()))
        return choices(self._devices, also=also, backend=self.engine.settings.backend)

    def greet(self) -> None:
        """Start the demo on the first visit of all, where there is no microphone to wait for.

        Raises
        ------
        AttuneError
            The demo cannot be started.
        """
        with self._lock:
            if self._visited:
                return
            self._visited = True
        if self.suggestion.kind is SourceKind.DEMO and self.engine.spec is None:
            self.start(self.suggestion)

    def start(self, spec: SourceSpec) -> None:
        """Listen to a source instead of the one before.

        Raises
        ------
        AttuneError
            It cannot be opened; nothing is listened to then.
        """
        self.engine.start(spec)

    def close(self) -> None:
        """Stop listening; may be called more than once."""
        self.engine.close()


def open_desk() -> Desk:
    """Read the settings and open the one engine of this process.

    Raises
    ------
    AttuneError
        The settings cannot be read.
    """
    # Imported here so that a page with faulty settings comes up without loading the models' runtime.
    from engine import Engine  # noqa: PLC0415

    return Desk(Engine(load_settings()))

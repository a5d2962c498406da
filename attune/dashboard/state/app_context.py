"""What all open pages share: the engine, the devices, the source to begin with."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from attune.dashboard.translations import N_
from attune.dashboard.views.source_choices import SourceChoice, choices
from attune.engine.control import ControlServer, is_gone, other_programs
from attune.engine.live_settings import LiveSettings
from core.errors import AttuneError
from core.settings import read_settings
from realtime.capture import list_devices, suggest_source
from realtime.capture.source import SourceKind, SourceSpec

if TYPE_CHECKING:
    from attune.engine.engine import Engine
    from realtime.capture import AudioDevice

_LOG = logging.getLogger(__name__)
_UNLISTED: Final = N_(
    "The devices could not be listed, the program's log says why; the defaults can still be tried."
)


class AppContext:
    """The engine and the devices; one in the process, used from many threads.

    Parameters
    ----------
    engine
        The one engine.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.settings = LiveSettings(engine)
        """The settings, and how they are changed."""
        self._others = other_programs()
        self._control = ControlServer(engine.pause.control)
        engine.home.open()
        self.devices_problem = ""
        self._lock = threading.Lock()
        self.visited = False
        self._devices: tuple[AudioDevice, ...] = ()
        self.suggestion, self.suggestion_reason = SourceSpec(SourceKind.DEMO), ""
        self.refresh()

    def refresh(self) -> None:
        """List the devices anew and suggest one; what stands in the way is told in `devices_problem`."""
        settings = self.engine.settings
        self._listed_for = settings.device, settings.backend
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
    def choices(self) -> tuple[SourceChoice, ...]:
        """What can be listened to."""
        if self._listed_for != (self.engine.settings.device, self.engine.settings.backend):
            self.refresh()
        also = (self.suggestion, *((self.engine.spec,) if self.engine.spec is not None else ()))
        return choices(self._devices, also=also, backend=self.engine.settings.backend)

    @property
    def microphones(self) -> tuple[str, ...]:
        """Names of the microphones that are there."""
        found = (device.name for device in self._devices if device.kind == SourceKind.MICROPHONE)
        return tuple(dict.fromkeys(found))

    @property
    def other_program(self) -> int | None:
        """Process of another Attune that ran with this profile before, and still does; None without one."""
        return next((process for process in self._others if not is_gone(process)), None)

    def start_demo_once(self) -> None:
        """Start the demo on the first visit, where there is no microphone to wait for.

        Raises
        ------
        AttuneError
            The demo cannot be started.
        """
        with self._lock:
            if self.visited:
                return
            self.visited = True
        if self.suggestion.kind is SourceKind.DEMO and self.engine.spec is None:
            self.engine.start(self.suggestion)

    def close(self) -> None:
        """Stop listening; may be called more than once."""
        self._control.close()
        self.engine.close()


def open_app_context() -> AppContext:
    """Read the settings, as far as they can be used, and open the one engine of this process."""
    # Imported here so that a page with faulty settings comes up without loading the models' runtime.
    from attune.engine.engine import Engine  # noqa: PLC0415

    return AppContext(Engine(read_settings().settings))

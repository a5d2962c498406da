"""PortAudio's one device list in this process: locked, read anew, and never under an open stream."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from core.errors import AudioDeviceError, BackendMissingError

_LOCK_TIMEOUT_S: Final = 4.0

T = TypeVar("T")


class DeviceList:
    """Guards PortAudio's one device list in this process.

    PortAudio reads the devices when it is initialised and never again; initialising anew kills every
    open stream. So streams are counted, whichever library opened them (both may share one PortAudio).
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._counting = threading.Lock()
        self._streams = 0

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be alone with PortAudio: it must not be initialised, listed and opened at the same time.

        Raises
        ------
        AudioDeviceError
            An earlier call still hangs.
        """
        if not self._lock.acquire(timeout=_LOCK_TIMEOUT_S):
            raise AudioDeviceError(
                "The sound system is stuck in an earlier call, so no sound device can be reached: "
                "restart it, or restart Attune."
            )
        try:
            yield
        finally:
            self._lock.release()

    def hold(self) -> None:
        """Count a stream in."""
        with self._counting:
            self._streams += 1

    def release(self) -> None:
        """Count a stream out."""
        with self._counting:
            self._streams -= 1

    def refresh(self) -> bool:
        """Read the devices anew; False, with nothing done, while a stream is open.

        Raises
        ------
        AudioDeviceError
            PortAudio does not come up again.
        """
        with self.locked():
            if self._streams:
                return False
            # PyAudio holds PortAudio only while one of its own streams or lists is open: none is now.
            sounddevice: Any = sys.modules.get("sounddevice")
            if sounddevice is None:
                return True
            try:
                if sounddevice._initialized:
                    sounddevice._terminate()
                sounddevice._initialize()
            except sounddevice.PortAudioError as error:
                raise AudioDeviceError(
                    f"The sound system cannot be read ({error}): check that it runs, then try again."
                ) from error
            return True

    def open(self, attempt: Callable[[], T], *, refresh_first: bool) -> T:
        """Open a device; if that fails, read the devices anew and try once more.

        The device may have been plugged in, or renumbered, since the list was read.

        Parameters
        ----------
        attempt
            Finds and opens the device; raises `AudioDeviceError`.
        refresh_first
            Read the devices anew before the first attempt.

        Raises
        ------
        AudioDeviceError
            From the last attempt.
        """
        with self.locked():
            fresh = refresh_first and self.refresh()
            try:
                return attempt()
            except BackendMissingError:
                raise
            except AudioDeviceError:
                if fresh or not self.refresh():
                    raise
                return attempt()


device_list: Final = DeviceList()

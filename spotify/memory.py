"""Owns what the Spotify room remembers between runs: calls of the day, device, until when to ask nothing."""

from __future__ import annotations

import json
import logging
import math
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from core import paths
from spotify import breaker
from spotify.breaker import MOST_WAIT_S, Breaker
from spotify.quota import day_of

__all__ = ["Memory", "memory_file"]

_LOG = logging.getLogger(__name__)
_VERSION: Final = 1


def memory_file() -> Path:
    """Where it is kept: in the user's data folder; it need not exist."""
    return paths.data_dir() / "spotify.json"


@dataclass(frozen=True, slots=True)
class _Kept:
    day: int = 0
    calls: int = 0
    device: str = ""
    limited_from_s: float = 0.0
    limited_until_s: float = 0.0


class Memory:
    """A small file; where it cannot be read or written, things are remembered until the program ends.

    Programs that run at once add to the same count, as they use the same quota, and heed the same limit.

    Parameters
    ----------
    file
        Where.
    clock
        Gives Unix time, s.
    """

    def __init__(self, file: Path, *, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        self._kept = _Kept()
        self._told: set[str] = set()
        self._read()

    @property
    def device(self) -> str:
        """Name of the device that was chosen; empty: none was."""
        return self._kept.device

    def choose_device(self, name: str) -> None:
        """Remember a device by its name."""
        self._read()
        self._kept = replace(self._kept, device=name)
        self._write()

    def limit(self, until_s: float) -> None:
        """Remember that Spotify wants to be left alone from now on until then, Unix time, s."""
        self._read()
        self._kept = replace(self._kept, limited_from_s=self._clock(), limited_until_s=until_s)
        self._write()

    def limited_until_s(self) -> float | None:
        """Until when nothing may be asked, whichever program was told so; None where it may."""
        self._read()
        return self._ends_s(self._kept)

    def calls(self) -> int:
        """Calls since midnight UTC."""
        return self._kept.calls if self._kept.day == day_of(self._clock()) else 0

    def count(self) -> None:
        """Count one call."""
        self._read()
        self._kept = replace(self._kept, calls=self.calls() + 1, day=day_of(self._clock()))
        self._write()

    def _read(self) -> None:
        """Take what another program has written; what is behind what we know was not written at all."""
        try:
            found = _parsed(json.loads(self._file.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError):
            return
        except (OSError, ValueError, TypeError, KeyError, OverflowError) as error:
            self._tell(f"{self._file} cannot be read ({type(error).__name__}), so calls are counted anew")
            return
        own, self._kept = self._kept, found
        if found.day == own.day and found.calls < own.calls:
            self._kept = replace(self._kept, calls=own.calls)
        if (self._ends_s(own) or 0.0) > (self._ends_s(found) or 0.0):
            self._kept = replace(
                self._kept, limited_from_s=own.limited_from_s, limited_until_s=own.limited_until_s
            )

    def _ends_s(self, kept: _Kept) -> float | None:
        """When the limit ends that lasts now; None where none does."""
        return breaker.limited_until(Breaker(kept.limited_from_s, kept.limited_until_s), self._clock())

    def _write(self) -> None:
        text = json.dumps({"version": _VERSION, **asdict(self._kept)}, ensure_ascii=False)
        making: Path | None = None
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".spotify-", dir=self._file.parent)
            making = Path(name)
            with os.fdopen(handle, "w", encoding="utf-8") as open_file:
                open_file.write(text)
            making.replace(self._file)
        except OSError as error:
            self._tell(f"{self._file} cannot be written ({error.strerror}): calls are counted until the end")
            if making is not None:
                with suppress(OSError):
                    making.unlink(missing_ok=True)

    def _tell(self, fault: str) -> None:
        if fault not in self._told:  # at every call the same would fill the log
            _LOG.warning("%s", fault)
        self._told.add(fault)


def _parsed(given: Any) -> _Kept:
    day, calls, device = given["day"], given["calls"], given["device"]
    if given["version"] != _VERSION or not isinstance(device, str):
        raise ValueError
    if type(day) is not int or type(calls) is not int or calls < 0:
        raise TypeError
    # Absent in files of versions that did not keep them.
    from_s, until_s = (float(given.get(name, 0.0)) for name in ("limited_from_s", "limited_until_s"))
    if not (math.isfinite(from_s) and math.isfinite(until_s)):
        raise ValueError
    return _Kept(day, calls, device, from_s, min(until_s, from_s + MOST_WAIT_S))

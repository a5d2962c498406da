"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

from core.errors import SettingsError


def timing_record(threads: int, repeats: int) -> dict[str, Any]:
    """Counts, processor and load, for the record of a timing.

    Raises
    ------
    SettingsError
        A count is below 1.
    """
    if threads < 1 or repeats < 1:
        raise SettingsError(f"{threads} threads and {repeats} rounds are asked for: both must be at least 1.")
    return {"threads": threads, "repeats": repeats, **machine_record()}


def machine_record() -> dict[str, Any]:
    """The processor, and how many wanted a core over the last minute (None where no system tells)."""
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return {"cpu": _processor_name(), "load_average": load}


def _processor_name() -> str:
    """Name of the processor, as well as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def peak_memory_mb() -> float | None:
    """Most resident memory of this process so far, in megabytes; None on Windows."""
    if sys.platform == "win32":
        return None
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss, which on Linux begins with what the process that started this one held.
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    import resource  # noqa: PLC0415 - does not exist on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6

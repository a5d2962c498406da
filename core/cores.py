"""How many processor cores this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Final

_CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/cpu.max")


def core_limit() -> float:
    """How many logical cores this process may use: its affinity, and a container's limit, such as 1.5."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = os.cpu_count() or 1 if affinity is None else len(affinity(0))
    return min(float(cores), _container_limit())


def usable_cores() -> int:
    """For how many threads there is a core: the limit, rounded; at least 1."""
    return max(1, round(core_limit()))


def _container_limit() -> float:
    """The limit of a container (cgroup version 2); endless where there is none."""
    try:
        quota, period = _CGROUP_LIMIT.read_text().split()
        return int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf

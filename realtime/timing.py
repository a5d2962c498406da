"""How long each stage takes, over the newest windows."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

import numpy as np

from realtime.snapshot import StageTiming

__all__ = ["StageTimes"]

_KEPT_WINDOWS: Final = 240


class StageTimes:
    """Durations per stage, of the newest 240 windows (two minutes at the default hop)."""

    def __init__(self) -> None:
        self._ms: dict[str, deque[float]] = {}

    def add(self, durations_ms: Mapping[str, float]) -> None:
        """Take the durations of one window, stage -> milliseconds."""
        for stage, ms in durations_ms.items():
            self._ms.setdefault(stage, deque(maxlen=_KEPT_WINDOWS)).append(ms)

    def summary(self) -> dict[str, StageTiming]:
        """Median, 95th percentile and worst of each stage."""
        return {
            stage: StageTiming(
                median_ms=float(np.median(values)),
                p95_ms=float(np.percentile(values, 95)),
                worst_ms=max(values),
            )
            for stage, values in self._ms.items()
        }

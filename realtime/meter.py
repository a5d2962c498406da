"""How loud it is: level, clipping and digital silence of a stream."""

from __future__ import annotations

from typing import Final

import numpy as np

from realtime.capture.source import Block
from realtime.snapshot import SILENT_DBFS, Level

__all__ = ["Meter"]

_FULL_SCALE: Final = 0.999
_CLIP_HOLD_S: Final = 1.0


class Meter:
    """Level meter over native blocks; time is counted in frames, never by the wall.

    Parameters
    ----------
    rate_hz
        Native rate of the stream.
    digital_silence_s
        Exact zeros for so long are reported.
    """

    def __init__(self, rate_hz: int, *, digital_silence_s: float) -> None:
        self._silence_frames = round(digital_silence_s * rate_hz)
        self._hold_frames = round(_CLIP_HOLD_S * rate_hz)
        self._frames = 0
        self._square_sum = 0.0
        self._peak = 0.0
        self._zero_frames = 0
        self._since_clip = self._hold_frames

    def feed(self, block: Block) -> None:
        """Take a block, shape (frames, channels)."""
        frames = len(block)
        if frames == 0:
            return
        magnitude = np.abs(np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=1.0))
        peak = float(magnitude.max())
        self._frames += frames
        self._square_sum += float(np.square(magnitude, dtype=np.float64).mean()) * frames
        self._peak = max(self._peak, peak)
        self._zero_frames = self._zero_frames + frames if peak == 0.0 else 0
        self._since_clip = 0 if peak >= _FULL_SCALE else self._since_clip + frames

    def level(self) -> Level:
        """Level since the last call."""
        rms = (self._square_sum / self._frames) ** 0.5 if self._frames else 0.0
        level = Level(
            rms_dbfs=_dbfs(rms),
            peak_dbfs=_dbfs(self._peak),
            clipping=self._since_clip < self._hold_frames,
            digital_silence=self._zero_frames >= self._silence_frames,
        )
        self._frames, self._square_sum, self._peak = 0, 0.0, 0.0
        return level


def _dbfs(amplitude: float) -> float:
    return max(SILENT_DBFS, 20.0 * float(np.log10(max(amplitude, 1e-12))))

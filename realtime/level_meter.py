"""Level, clipping and digital silence of a stream."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.resample import Audio
from realtime.capture.source import Block
from realtime.snapshot import InputLevel, dbfs

_FULL_SCALE: Final = 0.999
_CLIP_HOLD_S: Final = 1.0


class LevelMeter:
    """Level meter; time is counted in frames, never by the wall.

    The level is that of the audio that is listened to: an offset is no sound, and an inverted channel does
    not hide it. Clipping and digital silence are found in the native samples.

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
        self._samples = 0
        self._square_sum = 0.0
        self._peak = 0.0
        self._zero_frames = 0
        self._since_clip = self._hold_frames

    def feed(self, block: Block, audio: Audio) -> None:
        """Take a block, shape (frames, channels), and the audio that came of it, shape (samples,)."""
        frames = len(block)
        if frames == 0:
            return
        peak = float(np.abs(np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=1.0)).max())
        self._zero_frames = self._zero_frames + frames if peak == 0.0 else 0
        self._since_clip = 0 if peak >= _FULL_SCALE else self._since_clip + frames
        self._samples += len(audio)
        self._square_sum += float(np.square(audio, dtype=np.float64).sum())
        self._peak = max(self._peak, float(np.abs(audio).max(initial=0.0)))

    def level(self) -> InputLevel:
        """Level since the last call."""
        rms = (self._square_sum / self._samples) ** 0.5 if self._samples else 0.0
        level = InputLevel(
            rms_dbfs=dbfs(rms),
            peak_dbfs=dbfs(self._peak),
            clipping=self._since_clip < self._hold_frames,
            digital_silence=self._zero_frames >= self._silence_frames,
        )
        self._samples, self._square_sum, self._peak = 0, 0.0, 0.0
        return level

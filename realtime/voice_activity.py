"""Where in the stream somebody speaks: Silero's voice activity detector, frame by frame."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from models import assets
from models.resample import SAMPLE_RATE_HZ, Audio
from models.runtime import Session, load_session

__all__ = ["FRAME_SAMPLES", "VoiceActivity", "load_voice_activity_session"]

FRAME_SAMPLES: Final = 512
_CONTEXT_SAMPLES: Final = 64


def load_voice_activity_session() -> Session:
    """Open the Silero graph; it may serve any number of streams.

    Raises
    ------
    WeightsError
        The package that carries it is missing or damaged.
    """
    return load_session(assets.locate("silero-vad"), threads=1)


class VoiceActivity:
    """Speech share of the newest window of one stream.

    Source: Silero VAD v5. A frame has 512 samples at 16 kHz (32 ms) and is preceded by the 64
    samples before it; the recurrent state has shape (2, 1, 128).

    Parameters
    ----------
    session
        From `load_voice_activity_session`.
    window_samples
        Length of the window that shares are computed of.
    threshold
        Probability from which a frame is speech, 0 to 1.
    """

    def __init__(self, session: Session, *, window_samples: int, threshold: float) -> None:
        self._session = session
        self._threshold = threshold
        self._rate = np.array(SAMPLE_RATE_HZ, dtype=np.int64)
        self._speech = np.zeros(window_samples // FRAME_SAMPLES, dtype=bool)  # newest last
        self.reset()

    def reset(self) -> None:
        """Forget everything: what follows is unrelated to what came before."""
        self.interrupt()
        self._speech[:] = False

    def interrupt(self) -> None:
        """Take note that a little sound is missing here; what was speech in the window stays so."""
        self._pending = np.zeros(0, dtype=np.float32)
        self._context = np.zeros(_CONTEXT_SAMPLES, dtype=np.float32)
        self._state = np.zeros((2, 1, 128), dtype=np.float32)

    def feed(self, audio: Audio) -> None:
        """Take the next audio of the stream, shape (samples,), of any length."""
        self._pending = np.concatenate([self._pending, audio])
        whole = len(self._pending) // FRAME_SAMPLES
        for index in range(whole):
            frame = self._pending[index * FRAME_SAMPLES : (index + 1) * FRAME_SAMPLES]
            self._speech[:-1] = self._speech[1:]
            self._speech[-1] = self._probability(frame) >= self._threshold
        self._pending = self._pending[whole * FRAME_SAMPLES :]

    @property
    def share(self) -> float:
        """Share of the newest window's frames that are speech, 0 to 1."""
        return float(self._speech.mean())

    @property
    def frames(self) -> npt.NDArray[np.bool_]:
        """Which frames of the newest window are speech, newest last; shape (window / 512,)."""
        return self._speech.copy()

    def _probability(self, frame: npt.NDArray[np.float32]) -> float:
        joined = np.concatenate([self._context, frame])[np.newaxis]  # (1, 576)
        output, self._state = self._session.run({"input": joined, "state": self._state, "sr": self._rate})
        self._context = frame[-_CONTEXT_SAMPLES:]
        return float(output[0, 0])

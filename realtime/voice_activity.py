"""Where in the stream somebody speaks: Silero's voice activity detector."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from models import assets
from models.resample import SAMPLE_RATE_HZ, Audio
from models.runtime import Session, load_session
from realtime.snapshot import dbfs

FRAME_SAMPLES: Final = 512
_CONTEXT_SAMPLES: Final = 64
_STRETCH_FRAMES: Final = 36  # 1.15 s, in which a word is looked for
_SECOND_FRAMES: Final = SAMPLE_RATE_HZ // FRAME_SAMPLES
# Silero misses voices below -50 dBFS. So it hears everything twice, the second time 20 dB louder, which
# counts once no frame has been louder than -40 dBFS for a second. A gain that follows the level would amplify
# the noise between words instead, and cost speech in it.
_GAIN: Final = np.array([[1.0], [10.0]], dtype=np.float32)
_LOUD_POWER: Final = 1e-4
# Speech over which the level of a voice is averaged, and how much of it is needed.
_LEVEL_FRAMES: Final = 5 * _SECOND_FRAMES
_LEVEL_FROM_FRAMES: Final = _SECOND_FRAMES // 2


def load_voice_activity_session() -> Session:
    """Open the Silero graph; it may serve any number of streams.

    Raises
    ------
    WeightsError
        It is missing or damaged.
    """
    return load_session(assets.locate("voice-activity"), threads=1)


class VoiceActivity:
    """Speech in the newest window of one stream, and the level of the voice.

    Source: Silero VAD v5. A frame has 512 samples at 16 kHz (32 ms) and is preceded by the 64
    samples before it; the recurrent state of n streams has shape (2, n, 128). All frames that are complete
    go through the network in one call, with the same answers as one by one (`scripts.make_voice_activity`).

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
        self._speech = np.zeros(window_samples // FRAME_SAMPLES, dtype=bool)  # newest last
        self.reset()

    def reset(self) -> None:
        """Forget everything: what follows is unrelated to what came before."""
        self.interrupt()
        self._speech[:] = False
        self._since_loud = _SECOND_FRAMES
        self._loudest_power = 0.0
        self._voice_power = 0.0
        self._voice_frames = 0

    def interrupt(self) -> None:
        """Take note that a little sound is missing here; what was speech in the window stays so."""
        self._pending = np.zeros(
            _CONTEXT_SAMPLES, dtype=np.float32
        )  # what comes before the next frame, and it
        self._state = np.zeros((2, len(_GAIN), 128), dtype=np.float32)

    def feed(self, audio: Audio) -> None:
        """Take the next audio of the stream, shape (samples,), of any length."""
        self._pending = np.concatenate([self._pending, audio])
        whole = (len(self._pending) - _CONTEXT_SAMPLES) // FRAME_SAMPLES
        if not whole:
            return
        stretches = sliding_window_view(self._pending, _CONTEXT_SAMPLES + FRAME_SAMPLES)[::FRAME_SAMPLES]
        for frame, likely in zip(stretches[:, _CONTEXT_SAMPLES:], self._likely(stretches), strict=True):
            self._speech[:-1] = self._speech[1:]
            self._speech[-1] = self._is_speech(frame, *likely.tolist())
        self._pending = self._pending[whole * FRAME_SAMPLES :]

    @property
    def share(self) -> float:
        """Share of the newest window's frames that are speech, 0 to 1."""
        return float(self._speech.mean())

    @property
    def stretch_share(self) -> float:
        """Largest share of speech in 1.15 s on end of the newest window, 0 to 1: high also for one word."""
        length = min(_STRETCH_FRAMES, len(self._speech))
        return float(np.convolve(self._speech, np.ones(length), mode="valid").max()) / length

    @property
    def frames(self) -> npt.NDArray[np.bool_]:
        """Which frames of the newest window are speech, newest last; shape (window / 512,)."""
        return self._speech.copy()

    @property
    def voice_dbfs(self) -> float | None:
        """Level of the last five seconds of speech; None before there was half a second of it."""
        return dbfs(self._voice_power**0.5) if self._voice_frames >= _LEVEL_FROM_FRAMES else None

    @property
    def loudest_dbfs(self) -> float:
        """Level of the loudest frame so far."""
        return dbfs(self._loudest_power**0.5)

    def _is_speech(self, frame: npt.NDArray[np.float32], plain: bool, louder: bool) -> bool:
        power = float(frame @ frame) / FRAME_SAMPLES
        self._loudest_power = max(self._loudest_power, power)
        self._since_loud = 0 if power >= _LOUD_POWER else self._since_loud + 1
        speech = plain or (louder and self._since_loud >= _SECOND_FRAMES)
        if speech:
            self._voice_frames += 1
            newest = 1.0 / min(self._voice_frames, _LEVEL_FRAMES)
            self._voice_power += newest * (power - self._voice_power)
        return speech

    def _likely(self, stretches: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Whether the frames are speech, as they are and 20 dB louder, (frames, 2), from (frames, 576)."""
        heard = np.clip(_GAIN * stretches[:, np.newaxis], -1.0, 1.0)  # (frames, 2, 576)
        probabilities, self._state = self._session.run({"frames": heard, "state": self._state})
        likely: npt.NDArray[np.bool_] = probabilities >= self._threshold
        return likely

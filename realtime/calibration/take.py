"""One spoken sentence: whether it is complete, whether it is good enough, and its windows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from models.emotion.recogniser import WINDOW_SAMPLES
from models.high_pass import HighPass
from models.resample import SAMPLE_RATE_HZ, Audio
from realtime.snapshot import dbfs
from realtime.voice_activity import FRAME_SAMPLES

MAX_TAKE_S: Final = 12.0  # a take ends here at the latest

MIN_SPEECH_S: Final = 1.2  # a take with less speech says too little of a voice

PAUSE_S: Final = 1.0  # silence after a sentence that ends the take

MIN_SPEECH_DBFS: Final = -50.0  # quieter speech drowns in the noise of the room and of the microphone

MAX_CLIPPED_SHARE: Final = 0.001

_FULL_SCALE: Final = 0.999
_HOP_SAMPLES: Final = SAMPLE_RATE_HZ // 2
_MIN_SHARE_OF_BEST: Final = 0.6

Speech = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Take:
    """What was recorded while a sentence was spoken."""

    audio: Audio  # as it was recorded, shape (samples,)
    speech: Speech  # whether each whole frame of 512 samples is speech, shape (samples // 512,)


@dataclass(frozen=True, slots=True)
class TakeCheck:
    """Whether a take can be used."""

    good: bool  # it can
    sentence: str  # for people: what was found and, unless it is good, what to do
    speech_s: float  # seconds of speech
    level_dbfs: float  # loudness (RMS) of the speech, dB relative to full scale


def speech_seconds(speech: Speech) -> float:
    """How long somebody spoke, in seconds."""
    return float(speech.sum()) * FRAME_SAMPLES / SAMPLE_RATE_HZ


def is_complete(speech: Speech) -> bool:
    """Whether the sentence has been spoken: enough speech and then a pause, or no more time.

    Parameters
    ----------
    speech
        Frames since the take began, newest last.
    """
    if len(speech) * FRAME_SAMPLES >= MAX_TAKE_S * SAMPLE_RATE_HZ:
        return True
    pause = round(PAUSE_S * SAMPLE_RATE_HZ / FRAME_SAMPLES)
    return speech_seconds(speech) >= MIN_SPEECH_S and not speech[-pause:].any()


def check_take(take: Take) -> TakeCheck:
    """Say whether there is enough speech, loud enough, and not clipped."""
    speech_s = speech_seconds(take.speech)
    peak = float(np.abs(take.audio).max(initial=0.0))
    clipped = float(np.mean(np.abs(take.audio) >= _FULL_SCALE)) if len(take.audio) else 0.0
    spoken = HighPass().process(take.audio)[: len(take.speech) * FRAME_SAMPLES][
        np.repeat(take.speech, FRAME_SAMPLES)
    ]
    rms = float(np.sqrt(np.square(spoken, dtype=np.float64).mean())) if len(spoken) else 0.0
    level_dbfs = dbfs(rms)
    good = False
    if peak == 0.0:
        sentence = "Nothing but zeros came: unmute the microphone, or allow this program to use it."
    elif clipped > MAX_CLIPPED_SHARE:
        sentence = "It was too loud and is clipped: turn the microphone down or move away, and say it again."
    elif speech_s < MIN_SPEECH_S:
        sentence = (
            f"Only {speech_s:.1f} s of speech were heard, {MIN_SPEECH_S:g} s are needed: "
            "say the whole sentence, closer to the microphone."
        )
    elif level_dbfs < MIN_SPEECH_DBFS:
        sentence = f"It was too quiet ({level_dbfs:.0f} dBFS): move closer or turn the microphone up."
    else:
        good = True
        sentence = f"Good: {speech_s:.1f} s of speech at {level_dbfs:.0f} dBFS."
    return TakeCheck(good, sentence, speech_s, level_dbfs)


def windows_of(take: Take) -> npt.NDArray[np.float32]:
    """Cut the windows with the most speech, half a second apart, as the listener would.

    Returns
    -------
    windows
        float32, shape (n, 48 000), n at least 1; a shorter take is padded with silence.
    """
    padding = max(0, WINDOW_SAMPLES - len(take.audio))
    audio = np.concatenate([HighPass().process(take.audio), np.zeros(padding, dtype=np.float32)])
    spoken = np.zeros(len(audio), dtype=bool)
    spoken[: len(take.speech) * FRAME_SAMPLES] = np.repeat(take.speech, FRAME_SAMPLES)
    ends = np.arange(WINDOW_SAMPLES, len(audio) + 1, _HOP_SAMPLES)
    shares = np.array([spoken[end - WINDOW_SAMPLES : end].mean() for end in ends])
    kept = ends[shares >= _MIN_SHARE_OF_BEST * shares.max()]
    return np.stack([audio[end - WINDOW_SAMPLES : end] for end in kept])

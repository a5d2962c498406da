"""Owns what is measured on people the network never heard, and how a clip becomes windows for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from models.emotion.labels import EMOTIONS
from models.training.data.cache import SAMPLE_RATE_HZ, Clip, SpeechCache
from models.training.emotion.augment import NoiseBank, centre_window, place
from models.training.emotion.network import WINDOW_SAMPLES
from models.training.emotion.splits import Split
from models.training.metrics import ACCEPT_AT, figures, softmax

__all__ = ["LABELS", "Predictor", "clip_window", "evaluate", "live_window", "truth_of"]

Predictor = Callable[[Sequence[NDArray[np.float32]]], NDArray[np.float32]]
"""From windows of 48 000 samples to logits ``(windows, 8)``."""

LABELS: Final = tuple(str(emotion) for emotion in EMOTIONS)
_LIVE_NOISE_DBFS: Final = (-60.0, -40.0)


def clip_window(cache: SpeechCache, clip: Clip) -> NDArray[np.float32]:
    """The window a whole clip is judged by: its middle 3 s, or all of it in digital silence."""
    return centre_window(cache.audio(clip))


def live_window(
    cache: SpeechCache, clip: Clip, noise: NoiseBank, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A window as the listener meets it: cut anywhere, at least 1.2 s of voice, a noise floor under it."""
    audio = cache.audio(clip)
    audio = audio / max(float(np.abs(audio).max()), 1e-6)
    window = place(
        rng,
        audio,
        (clip.active_start, clip.active_stop),
        WINDOW_SAMPLES,
        over_edge=True,
        keep=int(1.2 * SAMPLE_RATE_HZ),
    )
    level = np.float32(10 ** (rng.uniform(*_LIVE_NOISE_DBFS) / 20))
    return window + level * noise.cut(rng, WINDOW_SAMPLES)


def truth_of(clips: Sequence[Clip]) -> NDArray[np.int64]:
    """Indices of the true emotions, ``(clips,)``."""
    return np.array([LABELS.index(clip.emotion) for clip in clips], dtype=np.int64)


def _one_corpus(
    predict: Predictor,
    cache: SpeechCache,
    clips: Sequence[Clip],
    temperature: float,
    noise: NoiseBank,
) -> dict[str, Any]:
    """Figures of one corpus: all eight classes, only those it has, and live windows."""
    truth = truth_of(clips)
    present = [int(label) for label in np.unique(truth)]
    probabilities = softmax(predict([clip_window(cache, clip) for clip in clips]), temperature)
    rng = np.random.default_rng(0)
    live = softmax(predict([live_window(cache, clip, noise, rng) for clip in clips]), temperature)
    guesses = Counter(LABELS[index] for index in probabilities.argmax(axis=1))
    return {
        "speakers": sorted({clip.speaker for clip in clips}),
        "classes": [LABELS[index] for index in present],
        "eight_way": figures(probabilities, truth, LABELS).record(),
        "masked": figures(probabilities, truth, LABELS, only=present).record(),
        "live_eight_way": figures(live, truth, LABELS).record(),
        "said": {label: guesses.get(label, 0) for label in LABELS},
    }


def evaluate(predict: Predictor, cache: SpeechCache, temperature: float) -> dict[str, Any]:
    """All figures of the card, from test speakers, an unseen language and sounds without emotion.

    Parameters
    ----------
    predict
        The network.
    cache
        From `cache.load_cache`.
    temperature
        From `calibrate.fit_temperature`.

    Returns
    -------
    dict
        Plain values: ``test``, ``calibration`` and ``unseen_language`` by corpus, ``no_emotion`` for
        coughs and the like, for which every accepted answer is a false one.

    Raises
    ------
    DataError
        The cache holds no test speakers.
    """
    if not cache.of(Split.TEST):
        raise DataError("The prepared speech holds no test speakers: prepare it from the whole manifest.")
    noise = NoiseBank(0)
    result: dict[str, Any] = {"temperature": round(temperature, 6), "accept_at": ACCEPT_AT}
    for split in (Split.TEST, Split.CALIBRATION, Split.UNSEEN_LANGUAGE):
        of_split = cache.of(split)
        result[split.value] = {
            corpus: _one_corpus(
                predict, cache, [clip for clip in of_split if clip.corpus == corpus], temperature, noise
            )
            for corpus in sorted({clip.corpus for clip in of_split})
        }
    others = cache.of(Split.NO_EMOTION)
    if others:
        sure = softmax(predict([clip_window(cache, clip) for clip in others]), temperature)
        said = Counter(LABELS[index] for index in sure.argmax(axis=1)[sure.max(axis=1) >= ACCEPT_AT])
        result[Split.NO_EMOTION.value] = {
            "n": len(others),
            "accepted_share": round(float((sure.max(axis=1) >= ACCEPT_AT).mean()), 4),
            "accepted_as": {label: said.get(label, 0) for label in LABELS},
        }
    return result

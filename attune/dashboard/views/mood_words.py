"""Moods, tags and audio classes of a track in words."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import numpy as np

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.feeling_names import mood_name
from attune.dashboard.views.formatting import percent
from models.mood.audio_classes import AudioClassScores
from models.mood.mood_scale import MOODS
from models.mood.result import NO_MUSIC, SILENT, Floats, top_tags

_HEARD_FROM: Final = 0.005
_CLASSES: Final = {
    "music": N_("music"),
    "speech": N_("speech"),
    "singing": N_("singing"),
    "silence": N_("silence"),
}


def tag_words(probabilities: Floats, top_k: int) -> str:
    """Name the likeliest tags of one row, shape (59,), with their probabilities; empty without music."""
    return ", ".join(f"{mood_name(name)} {percent(share)}" for name, share in top_tags(probabilities, top_k))


def mood_words(weights: Floats, music_share: float) -> str:
    """Name the three strongest moods of one row, shape (8,), with their weights.

    Parameters
    ----------
    weights
        float32, shape (8,); zeros without music.
    music_share
        How much of what sounds there is music, 0 to 1; NaN where silent.
    """
    if not weights.any():
        return _(SILENT) if np.isnan(music_share) else f"{_(NO_MUSIC)} ({percent(music_share)})"
    order = np.argsort(-weights, kind="stable")[:3]
    return ", ".join(f"{mood_name(MOODS[index])} {percent(float(weights[index]))}" for index in order)


def class_words(scores: AudioClassScores) -> str:
    """Say what is heard, the most first; what is not is left out."""
    named = sorted(asdict(scores).items(), key=lambda pair: -pair[1])
    return ", ".join(f"{_(_CLASSES[name])} {percent(share)}" for name, share in named if share >= _HEARD_FROM)

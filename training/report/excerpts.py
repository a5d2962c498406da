"""Sounds within a page: short excerpts, coded into the page itself."""

from __future__ import annotations

import base64
import io

import numpy as np
import soundfile

from models.resample import SAMPLE_RATE_HZ, Audio


def audio_uri(audio: Audio) -> str:
    """Audio as the address of a player that fetches nothing, in Ogg Vorbis."""
    coded = io.BytesIO()
    soundfile.write(coded, audio, SAMPLE_RATE_HZ, format="OGG", subtype="VORBIS")
    return "data:audio/ogg;base64," + base64.b64encode(coded.getvalue()).decode("ascii")


def excerpt(audio: Audio, seconds: float, start_s: float | None = None) -> Audio:
    """So much of audio, from a time on, or from its middle; it fades in and out over 20 ms."""
    length = min(len(audio), round(seconds * SAMPLE_RATE_HZ))
    latest = len(audio) - length
    start = latest // 2 if start_s is None else min(latest, round(start_s * SAMPLE_RATE_HZ))
    part = audio[start : start + length].copy()
    fade = np.linspace(0.0, 1.0, min(SAMPLE_RATE_HZ // 50, length // 2), dtype=np.float32)
    part[: len(fade)] *= fade
    part[length - len(fade) :] *= fade[::-1]
    return part

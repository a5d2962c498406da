"""RAVDESS, speech and song: ``Actor_12/03-01-06-01-02-01-12.wav``, seven codes in the name."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final

from models.training.data.manifest import Row, clip_name

__all__ = ["EMOTION_OF_CODE", "parse"]

EMOTION_OF_CODE: Final = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
"""Third code of the name. Source of all codes: Livingstone and Russo, PLoS ONE 13(5), 2018, and the
description at zenodo.org/records/1188976."""

_CORPUS_OF_CHANNEL: Final = {"01": "ravdess_speech", "02": "ravdess_song"}
_SUNG: Final = frozenset(("01", "02", "03", "04", "05", "06"))
_INTENSITY_OF_CODE: Final = {"01": "normal", "02": "strong"}
_TEXT_OF_CODE: Final = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
_AUDIO_ONLY: Final = "03"
_NAME: Final = re.compile(rf"{_AUDIO_ONLY}-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1[0-9]|2[0-4])")


def parse(path: PurePosixPath) -> Row | None:
    """Read a clip's row off its name; None where the name is not of this layout."""
    found = _NAME.fullmatch(clip_name(path.as_posix()))
    if found is None:
        return None
    channel, emotion, intensity, text, _repetition, actor = found.groups()
    if channel == "02" and emotion not in _SUNG:
        return None
    return Row(
        path=path.as_posix(),
        corpus=_CORPUS_OF_CHANNEL[channel],
        speaker=f"Actor_{actor}",
        emotion=EMOTION_OF_CODE[emotion],
        sex="male" if int(actor) % 2 else "female",
        intensity=_INTENSITY_OF_CODE[intensity],
        text=_TEXT_OF_CODE[text],
        language="en",
        licence="CC BY-NC-SA 4.0",
    )

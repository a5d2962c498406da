"""SAVEE: ``DC/a01.wav`` or ``DC_a01.wav``, speaker, emotion and sentence number in the name."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final

from models.training.data.manifest import Row, clip_name

__all__ = ["EMOTION_OF_LETTERS", "parse"]

EMOTION_OF_LETTERS: Final = {
    "a": "angry",
    "d": "disgust",
    "f": "fearful",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprised",
}
"""Letters before the sentence number. Source: Haq and Jackson, "Speaker-dependent audio-visual emotion
recognition", AVSP 2009, and the corpus's AudioData/Info.txt."""

_SPEAKERS: Final = ("DC", "JE", "JK", "KL")
_NAME: Final = re.compile(rf"(?:({'|'.join(_SPEAKERS)})_)?({'|'.join(EMOTION_OF_LETTERS)})([0-9]{{2}})")


def parse(path: PurePosixPath) -> Row | None:
    """Read a clip's row off its name or its folder's; None where neither is of this layout."""
    found = _NAME.fullmatch(clip_name(path.as_posix()))
    speaker = (found and found[1]) or path.parent.name
    if found is None or speaker not in _SPEAKERS:
        return None
    return Row(
        path=path.as_posix(),
        corpus="savee",
        speaker=speaker,
        emotion=EMOTION_OF_LETTERS[found[2]],
        sex="male",
        language="en",
        licence="research only (terms of the SAVEE database)",
    )

"""TESS, the Toronto set: ``OAF_angry/OAF_back_angry.wav``, speaker, word and emotion in the name."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final

from models.training.data.manifest import Row, clip_name

__all__ = ["EMOTION_OF_WORD", "parse"]

EMOTION_OF_WORD: Final = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fearful",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprised",  # pleasant surprise
    "pleasant_surprise": "surprised",
    "pleasant_surprised": "surprised",
    "sad": "sad",
}
"""What follows the spoken word in the name. Source: Pichora-Fuller and Dupuis, "Toronto emotional speech set
(TESS)", Borealis, 2020 (doi:10.5683/SP2/E8H2MF)."""

_SPEAKER_OF_PREFIX: Final = {
    "OAF": "OAF",  # the older actress, 64
    "OA": "OAF",  # OA_bite_neutral, a slip of the corpus itself
    "YAF": "YAF",  # the younger actress, 26
}
_NAME: Final = re.compile(
    rf"({'|'.join(_SPEAKER_OF_PREFIX)})_([a-z]+)_({'|'.join(EMOTION_OF_WORD)})", re.IGNORECASE
)


def parse(path: PurePosixPath) -> Row | None:
    """Read a clip's row off its name; None where the name is not of this layout."""
    found = _NAME.fullmatch(clip_name(path.as_posix()))
    if found is None:
        return None
    prefix, word, emotion = found.groups()
    return Row(
        path=path.as_posix(),
        corpus="tess",
        speaker=_SPEAKER_OF_PREFIX[prefix.upper()],
        emotion=EMOTION_OF_WORD[emotion.lower()],
        sex="female",
        text=f"Say the word {word.lower()}.",
        language="en",
        licence="CC BY-NC-ND 4.0",
    )

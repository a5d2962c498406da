"""EMO-DB, the Berlin database: ``wav/03a01Fa.wav``, speaker, sentence, emotion and version in the name."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final

from models.training.data.manifest import Row, clip_name

__all__ = ["EMOTION_OF_LETTER", "parse"]

EMOTION_OF_LETTER: Final = {
    "W": "angry",  # Wut, Aerger
    "L": "other:boredom",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fearful",  # Angst
    "F": "happy",  # Freude
    "T": "sad",  # Trauer
    "N": "neutral",
}
"""Sixth letter of the name, from the German word. Source of all codes: Burkhardt et al., "A Database of
German Emotional Speech", Interspeech 2005, and the database's page (emodb.bilderbar.info/docu)."""

_SEX_OF_SPEAKER: Final = {
    "03": "male",
    "08": "female",
    "09": "female",
    "10": "male",
    "11": "male",
    "12": "male",
    "13": "female",
    "14": "female",
    "15": "male",
    "16": "female",
}
_TEXT_OF_CODE: Final = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
_NAME: Final = re.compile(
    rf"({'|'.join(_SEX_OF_SPEAKER)})({'|'.join(_TEXT_OF_CODE)})([{''.join(EMOTION_OF_LETTER)}])[a-f]?"
)


def parse(path: PurePosixPath) -> Row | None:
    """Read a clip's row off its name; None where the name is not of this layout."""
    found = _NAME.fullmatch(clip_name(path.as_posix()))
    if found is None:
        return None
    speaker, text, emotion = found.groups()
    return Row(
        path=path.as_posix(),
        corpus="emodb",
        speaker=speaker,
        emotion=EMOTION_OF_LETTER[emotion],
        sex=_SEX_OF_SPEAKER[speaker],
        text=_TEXT_OF_CODE[text],
        language="de",
        licence="CC0-1.0 (audEERING data card)",
    )

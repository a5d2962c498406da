"""CREMA-D: ``AudioWAV/1001_DFA_ANG_XX.wav``, actor, sentence, emotion and level in the name."""

from __future__ import annotations

import csv
import re
from pathlib import Path, PurePosixPath
from typing import Final

from core.errors import DataError
from models.training.data.manifest import Row, clip_name

__all__ = ["DEMOGRAPHICS", "EMOTION_OF_CODE", "parse", "read_sexes"]

EMOTION_OF_CODE: Final = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fearful",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
"""Third field of the name. Source of all codes: Cao et al., IEEE Trans. Affective Computing 5(4), 2014, and
the corpus's README (github.com/CheyneyComputerScience/CREMA-D)."""

DEMOGRAPHICS: Final = "VideoDemographics.csv"
"""The corpus's file of its actors, with the columns ActorID and Sex."""

_TEXT_OF_CODE: Final = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
_INTENSITY_OF_CODE: Final = {
    "LO": "low",
    "MD": "medium",
    "HI": "high",
    "XX": "unspecified",
    "X": "unspecified",  # 1040_ITH_SAD_X, a slip of the corpus itself
}
_NAME: Final = re.compile(
    rf"(1[0-9]{{3}})_({'|'.join(_TEXT_OF_CODE)})_({'|'.join(EMOTION_OF_CODE)})_({'|'.join(_INTENSITY_OF_CODE)})"
)


def parse(path: PurePosixPath) -> Row | None:
    """Read a clip's row off its name; None where the name is not of this layout."""
    found = _NAME.fullmatch(clip_name(path.as_posix()))
    if found is None:
        return None
    actor, text, emotion, intensity = found.groups()
    return Row(
        path=path.as_posix(),
        corpus="crema_d",
        speaker=actor,
        emotion=EMOTION_OF_CODE[emotion],
        intensity=_INTENSITY_OF_CODE[intensity],
        text=_TEXT_OF_CODE[text],
        language="en",
        licence="ODbL 1.0 (database) / DbCL 1.0 (contents)",
    )


def read_sexes(demographics_csv: Path) -> dict[str, str]:
    """Read each actor's sex.

    Parameters
    ----------
    demographics_csv
        The corpus's `DEMOGRAPHICS`.

    Returns
    -------
    dict of str to str
        ``female`` or ``male`` by actor number.

    Raises
    ------
    DataError
        The file cannot be read or lacks a column.
    """
    try:
        with demographics_csv.open(newline="", encoding="utf-8-sig") as handle:
            return {line["ActorID"]: line["Sex"].lower() for line in csv.DictReader(handle)}
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, AttributeError) as error:
        raise DataError(
            f"The actors' file {demographics_csv} cannot be used ({error}): it needs the columns ActorID and "
            "Sex; fetch it again, or move it away to import without the actors' sex."
        ) from error

"""The public layouts: what a file's name means in each corpus."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from core.errors import DataError
from training.data.manifest import ManifestRow, clip_name

CREMA_D_DEMOGRAPHICS: Final = "VideoDemographics.csv"
"""CREMA-D's file of its actors, with the columns ActorID and Sex."""


@dataclass(frozen=True)
class CorpusLayout:
    """How a corpus names its files."""

    example: str  # a file, for messages
    pattern: str  # of folder and name of a clip; groups are fields of the manifest, or stand in `fixed`
    codes: Mapping[str, Mapping[str, str]]  # by field, code in the name -> value
    fixed: Mapping[str, str]  # further fields; a group's name in braces stands for what it found
    sexes: Mapping[str, str]  # by speaker
    audio_folder: str = ""  # where the same sound lies there in several forms, the folder to take

    def parse(self, path: PurePosixPath) -> ManifestRow | None:
        """Read a clip's row off its name; None where the name is not of this layout."""
        found = re.fullmatch(self.pattern, f"{path.parent.name}/{clip_name(path.as_posix())}")
        if found is None:
            return None
        groups = {name: code.lower() for name, code in found.groupdict().items()}
        fields = {name: text.format(**groups) for name, text in self.fixed.items()}
        for name, table in self.codes.items():
            fields[name] = table[found[name] if found[name] in table else groups[name]]
        return ManifestRow(path=path.as_posix(), sex=self.sexes.get(fields["speaker"], ""), more=(), **fields)


def _group(field: str, table: Mapping[str, str]) -> str:
    return f"(?P<{field}>{'|'.join(table)})"


# Livingstone and Russo, PLoS ONE 13(5), 2018, and the description at zenodo.org/records/1188976.
_RAVDESS: Final = {
    "corpus": {"01": "ravdess_speech", "02": "ravdess_song"},
    "emotion": {
        "01": "neutral",
        "02": "calm",
        "03": "happy",
        "04": "sad",
        "05": "angry",
        "06": "fearful",
        "07": "disgust",
        "08": "surprised",
    },
    "intensity": {"01": "normal", "02": "strong"},
    "text": {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"},
    "speaker": {f"{number:02d}": f"Actor_{number:02d}" for number in range(1, 25)},
}
# Cao et al., IEEE Trans. Affective Computing 5(4), 2014, and the corpus's README
# (github.com/CheyneyComputerScience/CREMA-D).
_CREMA_D: Final = {
    "text": {
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
    },
    "emotion": {
        "ANG": "angry",
        "DIS": "disgust",
        "FEA": "fearful",
        "HAP": "happy",
        "NEU": "neutral",
        "SAD": "sad",
    },
    "intensity": {
        "LO": "low",
        "MD": "medium",
        "HI": "high",
        "XX": "unspecified",
        "X": "unspecified",  # 1040_ITH_SAD_X, a slip of the corpus itself
    },
}
# Burkhardt et al., "A Database of German Emotional Speech", Interspeech 2005, and the database's page
# (emodb.bilderbar.info/docu).
_EMODB: Final = {
    "text": {
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
    },
    "emotion": {
        "W": "angry",  # Wut, Aerger
        "L": "other:boredom",  # Langeweile
        "E": "disgust",  # Ekel
        "A": "fearful",  # Angst
        "F": "happy",  # Freude
        "T": "sad",  # Trauer
        "N": "neutral",
    },
}
_EMODB_SEXES: Final = {
    **dict.fromkeys(("03", "10", "11", "12", "15"), "male"),
    **dict.fromkeys(("08", "09", "13", "14", "16"), "female"),
}
# Pichora-Fuller and Dupuis, "Toronto emotional speech set (TESS)", Borealis, 2020 (doi:10.5683/SP2/E8H2MF).
_TESS: Final = {
    "speaker": {
        "oaf": "OAF",  # the older actress, 64
        "oa": "OAF",  # OA_bite_neutral, a slip of the corpus itself
        "yaf": "YAF",  # the younger actress, 26
    },
    "emotion": {
        "angry": "angry",
        "disgust": "disgust",
        "fear": "fearful",
        "happy": "happy",
        "neutral": "neutral",
        "ps": "surprised",  # pleasant surprise
        "pleasant_surprise": "surprised",
        "pleasant_surprised": "surprised",
        "sad": "sad",
    },
}
# Haq and Jackson, "Speaker-dependent audio-visual emotion recognition", AVSP 2009, and the corpus's
# AudioData/Info.txt.
_SAVEE: Final = {
    "speaker": {name: name for name in ("DC", "JE", "JK", "KL")},
    "emotion": {
        "a": "angry",
        "d": "disgust",
        "f": "fearful",
        "h": "happy",
        "n": "neutral",
        "sa": "sad",
        "su": "surprised",
    },
}

LAYOUTS: Final[Mapping[str, CorpusLayout]] = {
    "ravdess": CorpusLayout(  # audio only, and two emotions that nobody sings
        "Actor_12/03-01-06-01-02-01-12.wav",
        r"[^/]*/03-(?!02-0[78])(?P<corpus>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<text>0[12])-0[12]-"
        + _group("speaker", _RAVDESS["speaker"]),
        _RAVDESS,
        {"language": "en", "licence": "CC BY-NC-SA 4.0"},
        {name: "male" if int(code) % 2 else "female" for code, name in _RAVDESS["speaker"].items()},
    ),
    "crema_d": CorpusLayout(
        "AudioWAV/1001_DFA_ANG_XX.wav",
        r"[^/]*/(?P<actor>1[0-9]{3})_" + "_".join(_group(field, table) for field, table in _CREMA_D.items()),
        _CREMA_D,
        {
            "corpus": "crema_d",
            "speaker": "{actor}",
            "language": "en",
            "licence": "ODbL 1.0 (database) / DbCL 1.0 (contents)",
        },
        {},
        audio_folder="AudioWAV",
    ),
    "emodb": CorpusLayout(
        "wav/03a01Fa.wav",
        rf"[^/]*/{_group('actor', _EMODB_SEXES)}{_group('text', _EMODB['text'])}"
        rf"{_group('emotion', _EMODB['emotion'])}[a-f]?",
        _EMODB,
        {
            "corpus": "emodb",
            "speaker": "{actor}",
            "language": "de",
            "licence": "CC0-1.0 (audEERING data card)",
        },
        _EMODB_SEXES,
        audio_folder="wav",
    ),
    "tess": CorpusLayout(
        "OAF_angry/OAF_back_angry.wav",
        rf"(?i)[^/]*/{_group('speaker', _TESS['speaker'])}_(?P<word>[a-z]+)_"
        + _group("emotion", _TESS["emotion"]),
        _TESS,
        {
            "corpus": "tess",
            "text": "Say the word {word}.",
            "language": "en",
            "licence": "CC BY-NC-ND 4.0",
        },
        {"OAF": "female", "YAF": "female"},
    ),
    "savee": CorpusLayout(  # the speaker in the name, or else in that of the folder
        "DC/a01.wav",
        rf"(?:[^/]*/)?{_group('speaker', _SAVEE['speaker'])}[_/]{_group('emotion', _SAVEE['emotion'])}"
        "[0-9]{2}",
        _SAVEE,
        {"corpus": "savee", "language": "en", "licence": "research only (terms of the SAVEE database)"},
        dict.fromkeys(_SAVEE["speaker"], "male"),
    ),
}


def emotion_in_name(row: ManifestRow) -> str:
    """Emotion that the name of a clip says where its corpus has a layout of ours; else empty."""
    name = row.corpus
    layout = LAYOUTS.get("ravdess" if name in _RAVDESS["corpus"].values() else name)
    named = layout.parse(PurePosixPath(row.path)) if layout and name != "ravdess" else None
    return named.emotion if named else ""


def read_crema_d_sexes(demographics_csv: Path) -> dict[str, str]:
    """Read each actor's sex, ``female`` or ``male``, from `CREMA_D_DEMOGRAPHICS`.

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

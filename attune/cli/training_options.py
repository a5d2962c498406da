"""What the commands that train and evaluate share: options, the command as recorded, the training module."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from attune.cli import console
from core.errors import ExtraMissingError
from core.extras import missing_library
from core.paths import cache_dir

_UNHEARD_FORM: Final = "NAME=MODEL.onnx"
_MOST_FAULTS: Final = 10

DataOption = Annotated[Path, typer.Option(help="Folder with manifest.csv and emobox_folds.csv.")]
NoiseOption = Annotated[
    Path | None, typer.Option(help="Folder with esc10.tar and emotify.tar; by default there is no noise.")
]
EncoderOption = Annotated[
    Path | None, typer.Option(help="Folder of the frozen encoder; by default the project's compact one.")
]
RunOption = Annotated[Path, typer.Option(help="Folder of checkpoints, features and heads; gone on with.")]
JamendoOption = Annotated[
    Path, typer.Option(help="Folder with MTG-Jamendo's embeddings, tags and official split.")
]
QuadrantsOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder of clips in four quadrants, on which moods are looked at from outside; by default none."
    ),
]
MoodRunOption = Annotated[Path, typer.Option(help="Folder of the trainings; kept and gone on with.")]
ThreadsOption = Annotated[int, typer.Option(min=1, help="Threads of torch.")]
ModelOption = Annotated[Path | None, typer.Option(help="ONNX file; by default the embedded model.")]
SpeechOption = Annotated[
    Path | None, typer.Option(help="Folder of prepared speech, or the manifest of the corpora.")
]
UnheardOption = Annotated[
    list[str] | None,
    typer.Option(
        "--corpus",
        metavar=_UNHEARD_FORM,
        help="A corpus and a model that never heard it: none of its people are in training; repeatable.",
    ),
]
BudgetOption = Annotated[float, typer.Option(min=0.001, help="Share of the training steps; 1 is all.")]


class Branches(StrEnum):
    """What the emotion network is made of."""

    HYBRID = "hybrid"
    POOLED = "pooled"
    ENCODER = "encoder"
    SPECTROGRAM = "spectrogram"


def command_line() -> str:
    """The command as it was given, for records; of a whole path only its last part, not where it lies."""
    words = []
    for word in sys.argv[1:]:
        name, equals, value = word.rpartition("=")
        words.append(name + equals + (Path(value).name if Path(value).is_absolute() else value))
    return shlex.join(["attune", *words])


def pairs(option: str, given: list[str], form: str = "name=value") -> dict[str, str]:
    """Options of the form NAME=VALUE."""
    found = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not (name and separator and value):
            raise typer.BadParameter(f"{text!r} is not of the form {form}.", param_hint=option)
        found[name] = value
    return found


def tell_faults(faults: Sequence[Mapping[str, str]], others_are: str) -> None:
    """Print what is wrong with entries of data, the first of them, and where the others are."""
    for fault in faults[:_MOST_FAULTS]:
        console.note(f"{fault['entry']}: {fault['reason']}")
    if len(faults) > _MOST_FAULTS:
        console.note(f"{len(faults) - _MOST_FAULTS} more of this kind are {others_are}.")


def unheard_models(given: list[str] | None) -> dict[str, Path]:
    """Models that never heard a corpus, by the corpus."""
    return {name: Path(file) for name, file in pairs("--corpus", given or [], _UNHEARD_FORM).items()}


def speech_dir() -> Path:
    """Where prepared speech lies when no place is named."""
    return cache_dir() / "training" / "emotion" / "speech"


def require_training() -> None:
    """Raise one sentence on the library that is missing where training cannot be imported."""
    try:
        from training.emotion import train  # noqa: F401, PLC0415 - no door starts with training
    except ModuleNotFoundError as error:
        raise ExtraMissingError(missing_library("train", error.name)) from error

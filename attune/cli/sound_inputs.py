"""What `emotion` and `mood` are given: sound files, folders that are looked through, and standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from core.errors import AttuneError, AudioDecodeError
from core.folders import find_files
from models.audio import SUPPORTED_SUFFIXES

FilesArgument = Annotated[
    list[str],
    typer.Argument(
        help="Sound files, folders to look through, and `-` for standard input.", metavar="FILE..."
    ),
]

_STANDARD_INPUT: Final = "standard input"
_MOST_MB: Final = 200  # held in memory; as much as a page of the dashboard takes


@dataclass(frozen=True, slots=True)
class SoundInput:
    """One sound to analyse."""

    # As it was given; of a file that was found in a folder its absolute path.
    name: str
    content: Path | bytes


def sound_inputs(given: Sequence[str]) -> Iterator[SoundInput | AttuneError]:
    """Sounds in the order they are asked for, those in a folder by name; what is wrong in its place.

    Parameters
    ----------
    given
        As typed: `-` is standard input, a file of that name is `./-`.
    """
    for place, name in enumerate(given):
        if name == "-":
            yield _standard_input(again="-" in given[:place])
        elif not name:
            yield AudioDecodeError("An empty name was given: name a sound file or a folder.")
        elif os.path.isdir(name):  # noqa: PTH112 - false, not an error, for a name that no file can have
            yield from _inside(name)
        else:
            yield SoundInput(name, Path(name))


def _inside(folder: str) -> Iterator[SoundInput | AttuneError]:
    try:
        folder = os.path.abspath(folder)  # noqa: PTH100 - links stay as they are
        contents = find_files(Path(folder), SUPPORTED_SUFFIXES)
    except OSError as error:
        yield AudioDecodeError(
            f"The folder {folder} cannot be read ({error.strerror}): change its permissions, or name another."
        )
        return
    yield from (SoundInput(str(path), path) for path in contents.files)
    yield from map(AudioDecodeError, contents.notices)
    if not contents.files and not contents.notices:
        yield AudioDecodeError(f"There is no sound file in the folder {folder}: name another.")


def _standard_input(*, again: bool) -> SoundInput | AttuneError:
    if again:
        return AudioDecodeError("Standard input can be read only once: name `-` once.")
    if sys.stdin.isatty():
        return AudioDecodeError("Standard input is the keyboard: pipe a sound file into it, or name one.")
    try:
        content = sys.stdin.buffer.read(_MOST_MB * 2**20 + 1)
    except OSError as error:
        return AudioDecodeError(f"Standard input cannot be read ({error.strerror}): name a file instead.")
    if len(content) > _MOST_MB * 2**20:
        return AudioDecodeError(
            f"Standard input holds more than {_MOST_MB} MB: save it as a file, and name that."
        )
    return SoundInput(_STANDARD_INPUT, content)

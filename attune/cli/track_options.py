"""Options by which tracks are filtered, read the same way by all commands that list tracks."""

from __future__ import annotations

from typing import Final

import typer

_FLATS: Final = {"Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#", "Bb": "A#"}


def span(option: str, text: str) -> tuple[float, float] | None:
    """Lowest and highest value of an option, `LOW,HIGH`; None where it was not given.

    Parameters
    ----------
    option
        What it is called, for messages.
    text
        What was given.

    Raises
    ------
    typer.BadParameter
        It is something else, or the first value is the higher one.
    """
    if not text:
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not LOW,HIGH.", param_hint=option) from error
    if not low <= high:
        raise typer.BadParameter(f"{low:g} is not below {high:g}.", param_hint=option)
    return low, high


def key_name(option: str, text: str) -> str:
    """The key as it is stored: a capital tonic with a sharp, and the mode in full.

    Parameters
    ----------
    option, text
        As in `span`.

    Raises
    ------
    typer.BadParameter
        It is no key.
    """
    tonic, _, mode = text.strip().partition(" ")
    if mode.lower() not in {"major", "minor"}:
        raise typer.BadParameter(f"{text!r} is no key such as `C# minor`.", param_hint=option)
    tonic = tonic.capitalize()
    return f"{_FLATS.get(tonic, tonic)} {mode.lower()}"

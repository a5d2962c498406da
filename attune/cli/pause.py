"""`attune pause`: programs that listen stop for a while, and go on by themselves."""

from __future__ import annotations

import re
from typing import Annotated, Final

import typer

from attune.cli import console
from attune.engine.control import Answer, send_command
from attune.engine.listening_pause import LONGEST_S
from core.errors import AttuneError

app = console.command_app()

NONE_RUNS: Final = (
    "No Attune that listens is running with this profile: start one with `attune dashboard` or "
    "`attune listen`."
)
_TIME: Final = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,5})m(?:in)?)?(?:(\d{1,5})s)?", re.ASCII)


def duration_s(typed: str) -> float:
    """Read a time such as 15m, 2h, 1h30m or 90s; a plain number is minutes.

    Raises
    ------
    typer.BadParameter
        It is none, or longer than a pause may be.
    """
    text = typed.strip().casefold().replace(" ", "")
    text = f"{text}m" if text.isdecimal() else text
    match = _TIME.fullmatch(text)
    if not text or match is None:
        raise typer.BadParameter(f"{typed!r} is no time: write it like 15m, 2h, 1h30m or 90s.")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    found = 3600.0 * hours + 60.0 * minutes + seconds
    if not 1.0 <= found <= LONGEST_S:
        raise typer.BadParameter(f"{typed!r} is too short or too long: a pause lasts from 1s to 24h.")
    return found


def say_answers(answers: tuple[Answer, ...]) -> None:
    """Print what was done; a program that had nothing to do is passed over where another had.

    Raises
    ------
    AttuneError
        Nothing was done anywhere.
    """
    if not answers:
        raise AttuneError(NONE_RUNS)
    done = [answer for answer in answers if answer.ok]
    if not done:
        raise AttuneError(answers[0].sentence)
    for answer in done:
        which = f" (process {answer.process})" if len(done) > 1 else ""
        console.say(f"{answer.sentence}{which}")


@app.command(epilog="**Examples**: `attune pause` · `attune pause 15m` · `attune pause 1h30m`")
def pause(
    time: Annotated[
        str | None,
        typer.Argument(
            help="How long, such as 15m or 2h; without it, until `attune resume`.", show_default=False
        ),
    ] = None,
) -> None:
    """Close the microphone of a running Attune for a while; the music stays as it is."""
    say_answers(send_command("pause", None if time is None else duration_s(time)))

"""`attune ...`: the table of commands, and what happens to their errors."""

from __future__ import annotations

import errno
import logging
import os
import sys
from importlib import import_module
from typing import Annotated, Any, Final, cast

import typer
from typer.core import TyperCommand, TyperGroup

from attune.cli import console, streams
from core import paths
from core.errors import AttuneError
from core.logs import start_logging
from core.stop_signals import interruptions
from core.text import printable
from core.version import app_version

COMMANDS: Final = {
    "listen": "Listen and say, twice a second, which emotion, energy and pleasantness are heard. "
    "Ctrl-C stops.",
    "dashboard": "Open the dashboard in a browser. Ctrl-C stops.",
    "serve": "Answer other programs over HTTP and WebSockets (needs the extra `api`). Ctrl-C stops.",
    "pause": "Close the microphone of a running Attune for a while; the music stays as it is.",
    "resume": "Let a running Attune listen again, before its pause is over.",
    "emotion": "Recognise emotion, energy and pleasantness in recordings: per window and for each "
    "whole clip.",
    "emotions": "List the eight emotions that are told apart.",
    "music-moods": "List the mood of music for each emotion, as the HTTP API answers it.",
    "mood": "Tell the mood of music: 59 tags and eight plain moods, as a whole or over time. Ctrl-C stops.",
    "profile": "Tell tempo, key, loudness, genre, instruments, feelings and mood of music. Ctrl-C stops.",
    "embed": "Write YAMNet's embedding of a track, for other programs.",
    "features": "Sound files described by 103 classical features and spectrograms, converted, cut, and "
    "prepared for training.",
    "calibrate": "Adapt the model to your own voice with two or three minutes of acted sentences; "
    "no sound is kept.",
    "library": "Your own music: indexed for the local player, filtered, found by likeness, led along a path.",
    "catalog": "Catalogues of any size: analysed on all cores or a cluster, searched (needs the extra "
    "`catalog`).",
    "player": "The players that are open on this machine, and the pasted links that they play.",
    "spotify": "Sign in to Spotify with an app of your own, and see what it lists.",
    "mqtt": "Home automation over MQTT: the password for the broker, and a trial of the connection.",
    "journal": "Look at, export or delete what was recorded.",
    "corrections": "What was corrected on the page Live: list it, take it back.",
    "settings": "What can be set, and what it stands at; change it.",
    "devices": "List microphones and system audio, by name and host API.",
    "doctor": "Say what works on this machine, and what to do about the rest.",
    "models": "Which weights there are; fetch others.",
    "bench": "Measure speed on this machine.",
    "data": "Bring speech corpora into one form and check them.",
    "train": "Train models (needs the extra `train`).",
    "export": "Write a trained emotion model as one ONNX file, from waveform to logits.",
    "predict": "Ask a model of your own, trained on tracks, about sound files; what fails is a row, too.",
    "evaluate": "Measure models on people and music they never heard.",
}
"""Each command and its help. The module of the same name (with _ for -) is imported when it is called."""

_LOG = logging.getLogger(__name__)


def load_command(name: str) -> Any:
    """The command, or the group of commands, that a module of this package makes."""
    command = typer.main.get_command(import_module(f"attune.cli.{name.replace('-', '_')}").app)
    command.name, command.help = name, command.help or COMMANDS[name]
    return command


# What every mistake in typing is derived from; Typer gives it no name of its own.
_USAGE_ERROR: Final = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])


def _name_like_an_option() -> str:
    """What to write for a file whose name was taken for an option; empty where there is none."""
    name = next((word for word in sys.argv[1:] if word.startswith("-") and os.path.lexists(word)), None)
    if name is None:
        return ""
    return f" For the file of that name write {printable(os.path.join(os.curdir, name))}."  # noqa: PTH118


class _LazyGroup(TyperGroup):
    """Knows the names and the help of all commands, and loads the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name=name, help=text) for name, text in COMMANDS.items()}

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except _USAGE_ERROR as error:
            error.message = f"{error.message.removesuffix('.')}.{_name_like_an_option()}"
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, known, rest = super().resolve_command(ctx, args)
        return name, known and load_command(known.name or ""), rest


def _say_version(asked: bool) -> None:
    if asked:
        console.say(f"attune {app_version()}")
        raise typer.Exit


def _program(
    version: Annotated[
        bool,
        typer.Option("--version", help="Say the version and exit.", callback=_say_version, is_eager=True),
    ] = False,
) -> None:
    """Take the options of the program itself, which do their work as they are read."""


app = typer.Typer(
    name="attune",
    cls=_LazyGroup,
    help="Hear how people in the room feel. The dashboard is `attune dashboard`.",
    callback=_program,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the program and exit; every error of ours is one sentence on standard error and exit code 1."""
    with interruptions(), streams.guarded_streams() as output:
        for stream in (sys.stdout, sys.stderr):
            # A terminal or a pipe whose encoding lacks a character gets its number, never an exception.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        if not output.isatty() and "COLUMNS" not in os.environ:
            # Typer reads it when it first writes help: at 80 columns it cuts long names of options.
            os.environ.setdefault("TERMINAL_WIDTH", "120")
        start_logging()
        code = _run()
        if output.failure is not None:
            code, sentence = streams.failure_of(output.failure)
            if sentence:
                console.say_error(sentence)
    sys.exit(code)


def _run() -> int | str | None:
    """Run the command that was typed; returns the exit code."""
    try:
        app()
    except SystemExit as end:
        return end.code
    except streams.OutputError:
        pass  # told from what the stream knows
    except KeyboardInterrupt:
        return 130
    except AttuneError as error:
        console.say_error(str(error))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            console.say_error("The disk is full: free some space and try again.")
        elif isinstance(error.filename, str | bytes):
            _LOG.exception("the program ended by a file that cannot be used")
            name, reason = os.fsdecode(error.filename), error.strerror
            console.say_error(f"{name} cannot be used ({reason}): check its name, folder and permissions.")
        else:
            _say_unexpected()
    except Exception:  # noqa: BLE001 - the last to see it: a sentence for people, the trace for the log
        _say_unexpected()
    return 1


def _say_unexpected() -> None:
    _LOG.exception("the program ended by an internal error")
    console.say_error(f"Something unexpected went wrong: the program's log, {paths.log_file()}, says what.")


if __name__ == "__main__":
    main()

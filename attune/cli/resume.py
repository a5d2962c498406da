"""`attune resume`: programs whose listening is paused go on."""

from __future__ import annotations

from attune.cli import console
from attune.cli.pause import say_answers
from attune.engine.control import send_command

app = console.command_app()


@app.command(epilog="**Example**: `attune resume`")
def resume() -> None:
    """Let a running Attune listen again, before its pause is over."""
    say_answers(send_command("resume"))

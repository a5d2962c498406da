"""`attune mqtt`: home automation, its password and a trial of the connection."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from attune.cli import console
from attune.engine.home.automation import target_of, try_broker
from attune.engine.home.password import forget_password, keep_password, password_place
from core.errors import HomeAutomationError
from core.settings import load_settings

app = console.command_app()

_MOST_CHARACTERS: Final = 10_000


@app.command(epilog="**Examples**: `attune mqtt check`")
def check() -> None:
    """Connect to the broker that is set, and say how that went; nothing is told to it."""
    target = target_of(load_settings())
    if target is None:
        raise HomeAutomationError(
            "No broker is set, so home automation is off: `attune settings set mqtt_host HOST` sets it."
        )
    with console.interruptible():
        try_broker(target)
    console.say(f"{target.broker} accepts the connection. This machine is {target.name} there.")


@app.command(
    epilog="**Examples**: `attune mqtt password` · `attune mqtt password < password.txt` · "
    "`attune mqtt password --forget`"
)
def password(
    forget: Annotated[bool, typer.Option("--forget", help="Delete the password that is kept.")] = False,
) -> None:
    """Ask for the password for the broker, and keep it in the system's keyring, else in a private file."""
    if forget:
        forget_password()
        console.say("No password for the broker is kept any more.")
        return
    given = _read_password()
    if not given:
        raise HomeAutomationError("The password is empty, so nothing was kept: type it again.")
    keep_password(given)
    console.say(f"The password is kept in {password_place()}.")


def _read_password() -> str:
    """What is typed unseen, or the first line of what is piped in."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password for the broker", hide_input=True, err=True))
    return sys.stdin.readline(_MOST_CHARACTERS).rstrip("\r\n")

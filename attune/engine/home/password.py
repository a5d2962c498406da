"""The password for the broker: from the environment, else from the system's keyring or a private file."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from core import paths
from core.errors import HomeAutomationError
from core.files import write_atomic
from core.system_keyring import SystemKeyring
from core.text_files import read_text_file

VARIABLE: Final = "ATTUNE_MQTT_PASSWORD"
FILE_VARIABLE: Final = "ATTUNE_MQTT_PASSWORD_FILE"
"""Names a file that holds nothing but the password, as containers are given secrets."""

_USERNAME: Final = "mqtt"
_AGAIN: Final = "keep the password again with `attune mqtt password`"


def password_file() -> Path:
    """Says where the password is, or holds it where there is no keyring; it need not exist."""
    return paths.config_dir() / "mqtt-password.json"


def read_password() -> str | None:
    """The password; None where there is none.

    Raises
    ------
    HomeAutomationError
        The file is damaged or unreadable, or the keyring does not give the password out.
    """
    if (given := os.environ.get(VARIABLE)) is not None:
        return given
    if (named := os.environ.get(FILE_VARIABLE)) is not None:
        return _read_named(Path(named))
    kept = _read_file()
    if kept is None:
        return None
    in_keyring, password = kept
    if not in_keyring:
        return password
    found = SystemKeyring(_USERNAME).get()
    if found is None:
        raise HomeAutomationError(
            "The system's keyring does not give out the password for the MQTT broker: unlock it, or "
            f"{_AGAIN}."
        )
    return found


def password_place() -> str:
    """Where the password is, in words; empty where there is none. Asks no keyring.

    Raises
    ------
    HomeAutomationError
        The file is damaged or unreadable.
    """
    for variable in (VARIABLE, FILE_VARIABLE):
        if variable in os.environ:
            return f"{variable} in the environment"
    kept = _read_file()
    if kept is None:
        return ""
    return "the system's keyring" if kept[0] else str(password_file())


def keep_password(password: str) -> None:
    """Keep a password instead of the one before.

    Raises
    ------
    HomeAutomationError
        It cannot be written.
    """
    keyring = SystemKeyring(_USERNAME)
    in_keyring = keyring.put(password)
    try:
        _write_file(in_keyring, "" if in_keyring else password)
    except HomeAutomationError:
        if in_keyring:
            keyring.delete()
        raise


def forget_password() -> None:
    """Delete the password that is kept; harmless where there is none.

    Raises
    ------
    HomeAutomationError
        It may still be there.
    """
    in_keyring = False
    with suppress(HomeAutomationError):
        in_keyring = (kept := _read_file()) is not None and kept[0]
    try:
        password_file().unlink(missing_ok=True)
    except OSError as error:
        raise HomeAutomationError(
            f"{password_file()} cannot be deleted ({error.strerror}): delete it by hand."
        ) from error
    if in_keyring and not SystemKeyring(_USERNAME).delete():
        raise HomeAutomationError(
            f"The system's keyring did not delete its entry for {_USERNAME!r}: delete it there by hand."
        )


def _read_named(file: Path) -> str:
    what = f"{file}, which {FILE_VARIABLE} names,"
    text = read_text_file(file, what=what, error_type=HomeAutomationError, advice="correct the variable")
    if text is None:
        raise HomeAutomationError(f"{what} is not there: correct the variable.")
    return text.rstrip("\r\n")


def _read_file() -> tuple[bool, str] | None:
    """Whether the password is in the keyring, and else the password itself."""
    what = f"{password_file()}, which keeps the password for the MQTT broker,"
    text = read_text_file(password_file(), what=what, error_type=HomeAutomationError, advice=_AGAIN)
    if text is None:
        return None
    try:
        given = json.loads(text)
        in_keyring, password = given["in_keyring"], given["password"]
    except (ValueError, TypeError, KeyError, RecursionError):
        in_keyring = password = None
    if not isinstance(in_keyring, bool) or not isinstance(password, str):
        # Not chained: the parser's message quotes the text, which holds the password.
        raise HomeAutomationError(f"{what} is damaged: {_AGAIN}.") from None
    return in_keyring, password


def _write_file(in_keyring: bool, password: str) -> None:
    write_atomic(
        password_file(),
        json.dumps({"version": 1, "in_keyring": in_keyring, "password": password}),
        what=f"The file {password_file()}",
        error_type=HomeAutomationError,
        advice=f"make its folder writable, then {_AGAIN}",
        private=True,
    )

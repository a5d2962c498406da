"""What reaches programs that run from a terminal: `attune pause` and `attune resume`.

Each program that listens leaves a file in a folder of the profile that only its user may open, with the
address of a socket (on Windows of a pipe) and a key. Both sides prove that they know the key before anything
is said.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import secrets
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any, Final

from core import paths
from core.audio_devices.call_timeout import call_with_timeout
from core.errors import AttuneError
from core.files import write_atomic

_LOG = logging.getLogger(__name__)
_ANSWER_S: Final = 5.0
_MOST_BYTES: Final = 10_000
_LOST: Final = (OSError, EOFError, AuthenticationError, ValueError)
"""What a connection raises whose other side is gone, is somebody else, or talks nonsense."""

Handler = Callable[[str, float | None], str]
"""Carries out a command, with a duration in s if it has one; returns a sentence, or raises `AttuneError`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program said to a command."""

    process: int
    ok: bool
    sentence: str


class ControlServer:
    """Takes commands from other programs of the same user, for as long as it is open.

    Where its file cannot be written it takes none, which is only logged: nothing else depends on it.

    Parameters
    ----------
    handle
        Called on a thread of its own.
    """

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._key = secrets.token_bytes(32)
        self._closing = False
        self._file: Path | None = None
        try:
            folder = _folder()
            self._listener = Listener(authkey=self._key)
            self._address = self._listener.address  # which a closed listener has no more
            file = folder / f"{os.getpid()}-{secrets.token_hex(4)}.json"
            told = {
                "host": platform.node(),
                "process": os.getpid(),
                "address": self._address,
                "key": self._key.hex(),
            }
            write_atomic(file, json.dumps(told), what=str(file), private=True)
        except (OSError, AttuneError) as error:
            _LOG.warning("`attune pause` cannot reach this program: %s", error)
            return
        self._file = file
        threading.Thread(target=self._serve, name="attune-control", daemon=True).start()

    def close(self) -> None:
        """Take no more commands; calling it again changes nothing."""
        if self._file is None or self._closing:
            return
        self._closing = True
        self._file.unlink(missing_ok=True)
        with suppress(*_LOST):  # only a connection wakes the thread
            Client(self._address, authkey=self._key).close()

    def _serve(self) -> None:
        while not self._closing:
            with suppress(*_LOST), self._listener.accept() as connection:
                if not self._closing and connection.poll(_ANSWER_S):
                    connection.send_bytes(self._answer(connection.recv_bytes(_MOST_BYTES)))
        self._listener.close()

    def _answer(self, message: bytes) -> bytes:
        try:
            asked = json.loads(message)
            ok, sentence = True, self._handle(str(asked["command"]), asked.get("duration_s"))
        except AttuneError as error:
            ok, sentence = False, str(error)
        except Exception:  # noqa: BLE001 - the program must go on whatever is asked of it
            _LOG.exception("a command from another program failed")
            ok, sentence = False, "That did not work: the program's log says why."
        return json.dumps({"ok": ok, "sentence": sentence}).encode()


def send_command(command: str, duration_s: float | None = None) -> tuple[Answer, ...]:
    """Have every program that listens with this profile carry out a command; returns their answers.

    Parameters
    ----------
    command
        Its name.
    duration_s
        What it takes, s; None where that is nothing.

    Raises
    ------
    AttuneError
        The folder with their addresses cannot be used.
    """
    if not paths.running_dir().exists():
        return ()
    answers = []
    for file in sorted(_folder().glob("*.json")):
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            if told["host"] != platform.node():
                continue  # the home folder is shared with other machines
            answers.append(_ask(told, {"command": command, "duration_s": duration_s}))
        except TimeoutError:
            sentence = "A program does not answer: it may be suspended. Let it go on, or close it."
            answers.append(Answer(int(told["process"]), ok=False, sentence=sentence))
        except (*_LOST, KeyError, TypeError):
            _LOG.info("%s is of a program that is gone", file)
            file.unlink(missing_ok=True)
    return tuple(answers)


def other_programs() -> tuple[int, ...]:
    """Numbers of the processes that listen with this profile on this machine, without this one."""
    try:
        answers = send_command("")  # which none knows, and all answer
    except AttuneError as error:
        _LOG.warning("%s", error)
        return ()
    return tuple(answer.process for answer in answers if answer.process != os.getpid())


def is_gone(process: int) -> bool:
    """Whether a program that `other_programs` named has been closed."""
    return not any(paths.running_dir().glob(f"{process}-*.json"))


def _ask(told: dict[str, Any], asked: dict[str, Any]) -> Answer:
    def ask() -> Answer:
        with Client(told["address"], authkey=bytes.fromhex(told["key"])) as connection:
            connection.send_bytes(json.dumps(asked).encode())
            answer = json.loads(connection.recv_bytes(_MOST_BYTES))
        return Answer(int(told["process"]), bool(answer["ok"]), str(answer["sentence"]))

    return call_with_timeout(ask, timeout_s=_ANSWER_S, name="attune-ask", late=lambda _: None)


def _folder() -> Path:
    """The folder of addresses, which nobody else may open."""
    folder = paths.running_dir()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise AttuneError(
            f"The folder {folder} cannot be used ({error.strerror}), so programs that run cannot be reached."
        ) from error
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077):
        raise AttuneError(
            f"The folder {folder} is open to other users, so it is not used: remove it, and start Attune "
            "again."
        )
    return folder

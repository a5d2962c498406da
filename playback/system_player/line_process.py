"""A program that is asked by lines on its standard input, and answers each with one line."""

from __future__ import annotations

import queue
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

_SLICE_S: Final = 0.1


class LineProcess:
    """A program that answers each line with one line; one thread alone may use it.

    Parameters
    ----------
    argv
        Its command line.
    stopping
        Whether whoever waits is to give up.

    Raises
    ------
    OSError
        It cannot be started.
    """

    def __init__(self, argv: Sequence[str], stopping: Callable[[], bool]) -> None:
        self._stopping = stopping
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._process = subprocess.Popen(  # noqa: S603 - a program of the system, and what it runs is ours
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        threading.Thread(target=self._read, name="attune-powershell", daemon=True).start()

    def ask(self, line: str, timeout_s: float) -> str | None:
        """What it answers; None where nothing comes in time, after which it is of no more use."""
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        except OSError:
            return None
        until_s = time.monotonic() + timeout_s
        while time.monotonic() < until_s and not self._stopping():
            try:
                return self._answers.get(timeout=_SLICE_S)
            except queue.Empty:
                continue
        return None

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                self._answers.put(line)
        except ValueError:
            pass  # closed meanwhile
        self._answers.put(None)

"""Standard output and standard error: what becomes of text that they do not take."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TextIO, cast

_SIGPIPE: Final = 13  # what the signal is that ends other programs then; Windows does not know it
_CLOSED: Final = "The output cannot be written because standard output is closed: send it to a file."
_FULL: Final = "The output cannot be written because the disk is full: free some space."


class OutputError(Exception):
    """Standard output takes no more; no `OSError`, so that nobody takes it for one about a file."""


class GuardedStream:
    """A text stream that ends the command where it takes no more, or is silent from then on.

    Parameters
    ----------
    stream
        What is written to.
    needed
        Raise `OutputError` at the first failure. All that comes after is dropped either way.
    """

    def __init__(self, stream: TextIO, *, needed: bool) -> None:
        self._stream = stream
        self.needed = needed
        self.failure: OSError | None = None  # the first one, of a stream that is needed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text; see the class for what fails."""
        with self._guarded():
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what was written."""
        with self._guarded():
            self._stream.flush()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # What waits in the buffers would fail once more when Python ends.
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            if self.needed:
                self.failure = self.failure or error
                raise OutputError from error


@contextmanager
def guarded_streams() -> Iterator[GuardedStream]:
    """Guard both for the length of a command; what standard error does not take is dropped.

    Yields
    ------
    GuardedStream
        Standard output.
    """
    _fill_gaps()
    before = sys.stdout, sys.stderr
    guarded = GuardedStream(sys.stdout, needed=True)
    sys.stdout = cast("TextIO", guarded)
    sys.stderr = cast("TextIO", GuardedStream(sys.stderr, needed=False))
    try:
        yield guarded
    finally:
        sys.stdout, sys.stderr = before


def let_output_fail() -> None:
    """Go on without standard output where it takes no more: this command is of use without it."""
    if isinstance(sys.stdout, GuardedStream):
        sys.stdout.needed = False


def failure_of(error: OSError) -> tuple[int, str]:
    """Exit code and sentence for output that failed; no sentence where its reader has left."""
    if isinstance(error, BrokenPipeError):
        return 128 + _SIGPIPE, ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return 1, _FULL
    if error.errno == errno.EBADF:
        return 1, _CLOSED
    return 1, f"The output cannot be written ({error.strerror or error}): send it elsewhere."


def _fill_gaps() -> None:
    """Take the places of streams that are closed, which files of ours would get otherwise.

    Writing to closed output must fail, so its place is opened for reading.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - for good
    if sys.stdout is None:
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")  # noqa: SIM115, PTH123
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123

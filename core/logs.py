"""The program's log: one rotating file that its owner alone may read; nothing is printed."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

from core import paths
from core.redaction import redact

__all__ = ["blot_secrets", "start_logging"]

_MAX_BYTES: Final = 1_000_000
_OLD_FILES: Final = 2  # beside the one in use: 3 MB in all
_starting: Final = threading.Lock()  # the dashboard calls from every tab
_plain: Final = logging.Formatter()
_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s [%(threadName)s] %(message)s"
_OURS: Final = frozenset(
    {
        "app",
        "benchmarks",
        "cli",
        "core",
        "dashboard",
        "doctor",
        "engine",
        "models",
        "playback",
        "realtime",
        "spotify",
    }
)


def start_logging() -> Path | None:
    """Send the log to a file in the user's log folder; calling it again changes nothing.

    Our own loggers are kept from INFO on, those of libraries from WARNING on. No sound may be logged
    by any room; what is secret is blotted out of all lines, whoever writes them (see `blot_secrets`).

    Returns
    -------
    file
        Where the log is written; None where that folder cannot be written, which is survived.
    """
    with _starting:
        blot_secrets()
        return _start()


def blot_secrets() -> None:
    """Stand before every handler of this process, and blot out what is secret; again changes nothing.

    A filter of a logger sees only what is logged by that very logger, and one of a handler only that
    handler's lines; records are made in one place. So the libraries' own handlers, those of the root,
    and all that are added later get a record whose text, traceback and stack hold no secret.
    """
    make = logging.getLogRecordFactory()
    if not isinstance(make, _Blotting):
        logging.setLogRecordFactory(_Blotting(make))


class _Blotting:
    """Makes log records without secrets; those that hold none are as they ever were."""

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        try:
            _blot(record)
        except Exception as error:  # noqa: BLE001 - what cannot be looked through is not let through
            record.msg = f"{redact(str(record.msg))} (it cannot be filled in: {type(error).__name__})"
            record.args = ()
            record.exc_info = record.exc_text = record.stack_info = None
        return record


def _blot(record: logging.LogRecord) -> None:
    said = record.getMessage()
    if (blotted := redact(said)) != said:
        record.msg, record.args = blotted, ()
    if record.exc_info and record.exc_info[0] is not None:
        trace = _plain.formatException(record.exc_info)
        if (blotted := redact(trace)) != trace:
            record.exc_text, record.exc_info = blotted, None
    if record.stack_info:
        record.stack_info = redact(record.stack_info)


def _start() -> Path | None:
    root = logging.getLogger()
    for handler in root.handlers:
        if isinstance(handler, _OwnFile):
            return Path(handler.baseFilename)
    try:
        file = _OwnFile(paths.log_file())
    except OSError:
        # Any handler keeps Python from printing tracebacks into the terminal for want of one.
        if not root.handlers:
            root.addHandler(logging.NullHandler())
        return None
    file.setFormatter(_Blotted(_FORMAT))
    file.addFilter(_worth_keeping)
    root.addHandler(file)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    return Path(file.baseFilename)


def _worth_keeping(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in _OURS


class _Blotted(logging.Formatter):
    """A second wall before the file, for records that were made elsewhere (another process, a library)."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _OwnFile(RotatingFileHandler):
    """Three files of 1 MB for their owner alone; trouble with them is nobody's trouble."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__(
            path, maxBytes=_MAX_BYTES, backupCount=_OLD_FILES, encoding="utf-8", errors="replace"
        )

    def _open(self) -> TextIOWrapper:
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if os.name == "posix":
            with suppress(OSError):
                os.fchmod(handle, 0o600)
        return TextIOWrapper(os.fdopen(handle, "ab"), encoding=self.encoding, errors=self.errors)

    def rotate(self, source: str, dest: str) -> None:
        """Give a full file its next name; on Windows another Attune may have it open, so it grows on."""
        with suppress(OSError):
            super().rotate(source, dest)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Pass over a line that cannot be written: a full disk must not fill the terminal, too."""

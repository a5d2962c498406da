"""The program's log: one rotating file that its owner alone may read; nothing is printed."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from core import paths

__all__ = ["start_logging"]

_MAX_BYTES: Final = 1_000_000
_OLD_FILES: Final = 2  # beside the one in use: 3 MB in all
_starting: Final = threading.Lock()  # the dashboard calls from every tab
_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s [%(threadName)s] %(message)s"
_OURS: Final = frozenset(
    {"app", "benchmarks", "cli", "core", "dashboard", "doctor", "engine", "models", "realtime"}
)


def start_logging() -> Path | None:
    """Send the log to a file in the user's log folder; calling it again changes nothing.

    Our own loggers are kept from INFO on, those of libraries from WARNING on. Neither sound nor
    anything secret may be logged by any room.

    Returns
    -------
    file
        Where the log is written; None where that folder cannot be written, which is survived.
    """
    with _starting:
        return _start()


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
    file.setFormatter(logging.Formatter(_FORMAT))
    file.addFilter(_worth_keeping)
    root.addHandler(file)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    return Path(file.baseFilename)


def _worth_keeping(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in _OURS


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

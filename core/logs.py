"""The program's log: one rotating, private file without secrets; nothing is printed."""

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
from core.text import printable, printable_lines

_MAX_BYTES: Final = 1_000_000
_OLD_FILES: Final = 2  # beside the one in use: 3 MB in all
_START_LOCK: Final = threading.Lock()  # the dashboard calls from every tab
_FORMATTER: Final = logging.Formatter()
_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s [%(threadName)s] %(message)s"
_OWN_PACKAGES: Final = frozenset(
    ["app", "attune", "benchmarks", "core", "models", "playback", "realtime", "spotify", "training"]
)


def start_logging() -> Path | None:
    """Send the log to a file in the user's log folder, once; None where it cannot be written.

    Our own loggers are logged from INFO on, those of libraries from WARNING on, both without secrets (see
    `_redact_records`). No room may log sound.
    """
    with _START_LOCK:
        _redact_records()
        return _open_log()


def _redact_records() -> None:
    """Remove secrets and control characters from all log records of this process, however often it is called.

    It replaces the factory of records, because a filter sees only the records of its logger or handler. So
    all handlers, also those of libraries and later ones, get records whose text, traceback and stack hold no
    secret, and nothing that a terminal would obey.
    """
    make = logging.getLogRecordFactory()
    if not isinstance(make, _RedactingFactory):
        logging.setLogRecordFactory(_RedactingFactory(make))


class _RedactingFactory:
    """Creates log records without secrets and control characters; records without any are not changed."""

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        try:
            _redact_record(record)
        except Exception as error:  # noqa: BLE001 - what cannot be looked through is not let through
            record.msg = f"{_clean(str(record.msg))} (it cannot be filled in: {type(error).__name__})"
            record.args = ()
            record.exc_info = record.exc_text = record.stack_info = None
        return record


def _redact_record(record: logging.LogRecord) -> None:
    message = record.getMessage()
    if (cleaned := _clean(message)) != message:
        record.msg, record.args = cleaned, ()
    if record.exc_info and record.exc_info[0] is not None:
        trace = _FORMATTER.formatException(record.exc_info)
        if (cleaned := _clean(trace)) != trace:
            record.exc_text, record.exc_info = cleaned, None
    if record.stack_info:
        record.stack_info = _clean(record.stack_info)


def _clean(text: str) -> str:
    return printable_lines(redact(text))


def _open_log() -> Path | None:
    root = logging.getLogger()
    for handler in root.handlers:
        if isinstance(handler, _PrivateLogFile):
            return Path(handler.baseFilename)
    try:
        file = _PrivateLogFile(paths.log_file())
    except OSError:
        # Without any handler Python would print tracebacks into the terminal.
        if not root.handlers:
            root.addHandler(logging.NullHandler())
        return None
    file.setFormatter(_RedactingFormatter(_FORMAT))
    file.addFilter(_is_relevant)
    root.addHandler(file)
    for name in _OWN_PACKAGES:
        logging.getLogger(name).setLevel(logging.INFO)
    return Path(file.baseFilename)


def _is_relevant(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in _OWN_PACKAGES


class _RedactingFormatter(logging.Formatter):
    """Cleans again, for records that the factory did not create (from another process, or by a library)."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """On one line, so that nothing from outside looks like a line of the log."""
        return printable(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        return _clean(super().format(record))


class _PrivateLogFile(RotatingFileHandler):
    """Three private files of 1 MB; their errors are ignored."""

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
        """Rename a full file; on Windows another Attune may have it open, then it grows on."""
        with suppress(OSError):
            super().rotate(source, dest)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Ignore a line that cannot be written: a full disk must not fill the terminal."""

"""Whether the guided start is due: once in a profile that nobody has used, until it is over or skipped."""

from __future__ import annotations

import functools
import logging
import threading

from core import paths
from core.errors import AttuneError
from core.files import write_atomic

_LOG = logging.getLogger(__name__)
_over = threading.Event()  # also where the mark cannot be written


def is_due() -> bool:
    """Whether a person is to be welcomed; what it rests on was there before this program began to listen."""
    return not (_over.is_set() or paths.welcomed_file().exists() or _used_before())


def finish() -> None:
    """Welcome nobody any more."""
    _over.set()
    mark = paths.welcomed_file()
    try:
        write_atomic(mark, "The guided start is over; without this file it comes again.\n", what=str(mark))
    except AttuneError as error:  # it comes again with the next start of the program
        _LOG.warning("%s", error)


@functools.cache
def _used_before() -> bool:
    traces = (
        paths.settings_file(),
        paths.music_file(),
        paths.voice_file(),
        paths.library_file(),
        paths.data_dir() / "journal.sqlite3",
    )
    return any(trace.exists() for trace in traces)

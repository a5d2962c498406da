"""Locks between programs: a file that the system unlocks when the process that holds it is gone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> None:
        """Lock an open file; raises OSError where another has locked it, or the file system has no locks."""
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _wait_for_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)  # it tries for ten seconds
else:
    import fcntl

    def try_lock(descriptor: int) -> None:
        """Lock an open file; raises OSError where another has locked it, or the file system has no locks."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _wait_for_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock, after waiting for whoever holds it, in this process or another.

    Parameters
    ----------
    path
        A file for nothing else; it is made, and stays.

    Raises
    ------
    OSError
        It cannot be made or locked.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for_lock(descriptor)
        yield
    finally:
        os.close(descriptor)

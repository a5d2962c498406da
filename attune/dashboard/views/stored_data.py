"""What Attune keeps on this machine: what it is, how large, where, and where it is deleted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markupsafe import Markup

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.formatting import size_text
from attune.dashboard.views.html import render

COLUMNS: Final = (N_("What"), N_("Size"), N_("Delete it"), N_("Where"))
NOTHING: Final = N_("nothing yet")


@dataclass(frozen=True, slots=True)
class StoredData:
    """Something that is kept."""

    what: str
    path: Path  # a file or a folder; it need not exist
    delete: str  # how


def stored_table(kept: Iterable[StoredData]) -> Markup:
    """Draw a table of what is kept."""
    rows = [(one.what, _size_words(one.path), one.delete, str(one.path)) for one in kept]
    return render("plain_table", columns=[_(name) for name in COLUMNS], rows=rows, stacked=True)


def _size_words(path: Path) -> str:
    size_bytes = stored_bytes(path)
    return size_text(size_bytes) if size_bytes else _(NOTHING)


def stored_bytes(path: Path) -> int:
    """Size of a file with those that SQLite and the log put beside it, or of all files of a folder, bytes."""
    try:
        if path.is_dir():
            return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        beside = (path, *(path.with_name(f"{path.name}{ending}") for ending in ("-wal", "-shm", ".1", ".2")))
        return sum(file.stat().st_size for file in beside if file.is_file())
    except OSError:
        return 0

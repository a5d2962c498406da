"""Tracks of a music library as a table: what they are called, and what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attune.cli import console
from core.text import percent
from core.track_labels import written
from playback.library.track_facts import TrackFacts
from playback.library.tracks import TrackRow

_FIELDS: Final = (
    *("file", "title", "artist", "album", "duration_s", "tempo_bpm", "tempo_confidence", "key"),
    *("key_confidence", "loudness_lufs", "mood", "genres", "instruments", "emotions", "pleasantness"),
    *("energy", "similarity"),
)
_COLUMNS: Final = ("title", "artist", "length", "BPM", "key", "mood", "genres", "pleasantness", "energy")


def track_listing(rows: Sequence[TrackRow], similarities: Sequence[float] | None = None) -> console.DataTable:
    """Make a table.

    Parameters
    ----------
    rows
        The tracks, in their order.
    similarities
        How much each sounds like what was asked for, 0 to 1; None where that was not asked.
    """
    shares = similarities if similarities is not None else [None] * len(rows)
    pairs = list(zip(rows, shares, strict=True))
    columns = _COLUMNS if similarities is None else ("like", *_COLUMNS)
    return console.DataTable(
        columns,
        [_cells(row, share) for row, share in pairs],
        _FIELDS,
        [_record(row, share) for row, share in pairs],
    )


def _cells(row: TrackRow, share: float | None) -> tuple[Any, ...]:
    facts = row.facts or TrackFacts()
    cells = (
        row.title,
        row.artist,
        "" if row.duration_s is None else console.duration_text(row.duration_s),
        "" if facts.tempo_bpm is None else f"{facts.tempo_bpm:.0f}",
        facts.key,
        facts.mood,
        ", ".join(written(name) for name, _ in facts.genres),
        "" if facts.pleasantness is None else f"{facts.pleasantness:+.2f}",
        "" if facts.energy is None else f"{facts.energy:+.2f}",
    )
    return cells if share is None else (percent(share), *cells)


def _record(row: TrackRow, share: float | None) -> dict[str, Any]:
    facts = row.facts or TrackFacts()
    known = {
        "file": str(row.path),
        **{name: getattr(row, name) for name in ("title", "artist", "album", "duration_s")},
        "similarity": None if share is None else round(share, 4),
    }
    found = {name: getattr(facts, name) for name in _FIELDS if name not in known}
    shares = {name: dict(found[name]) for name in ("genres", "instruments", "emotions")}
    return known | found | shares

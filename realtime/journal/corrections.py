"""What people corrected: the rows, and the SQL that writes and reads them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.emotions import EMOTIONS, Emotion
from models.emotion.personal import VoiceClips
from realtime.corrections import Stretch
from realtime.journal.rows import now
from realtime.recent_voice import VoiceWindow

INSERT_CORRECTION: Final = """
    INSERT OR REPLACE INTO corrections
    (session_id, from_clock, to_clock, said, meant, wall_time, model_sha256, windows, logits, embedding)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
DELETE_CORRECTION: Final = "DELETE FROM corrections WHERE session_id = ? AND from_clock = ?"
_ROWS: Final = """
    SELECT session_id, from_clock, to_clock, said, meant, windows, wall_time
    FROM corrections ORDER BY wall_time, session_id, from_clock
"""
_FEATURES: Final = """
    SELECT logits, embedding, meant FROM corrections WHERE windows > 0 AND model_sha256 = ?
    ORDER BY wall_time, session_id, from_clock
"""


@dataclass(frozen=True, slots=True)
class CorrectionRow:
    """What a person said about a stretch of a session; one that begins alike takes its place."""

    session_id: int
    # Sample clocks of its first and last window.
    from_clock: int
    to_clock: int
    said: str | None  # the emotion that was claimed; None: it was unsure
    meant: str | None  # what the person says it was; None: none of the eight, such as ordinary talk
    # Of how many windows the model's mean answers are kept with it: 0 where others than the user may speak.
    windows: int
    wall_time: str  # when it was corrected, UTC, ISO 8601


def correction_values(
    stretch: Stretch, meant: Emotion | None, voice: VoiceWindow | None, model_sha256: str
) -> tuple[Any, ...]:
    """Values of a correction that is made now, without its session."""
    kept = (0, None, None) if voice is None else (voice.windows, _blob(voice.logits), _blob(voice.embedding))
    said, really = (None if one is None else one.value for one in (stretch.said, meant))
    return (stretch.from_clock, stretch.to_clock, said, really, now(), model_sha256, *kept)


def read_corrections(connection: sqlite3.Connection) -> tuple[CorrectionRow, ...]:
    """All corrections, oldest first."""
    return tuple(CorrectionRow(*row) for row in connection.execute(_ROWS))


def read_clips(connection: sqlite3.Connection, model_sha256: str) -> VoiceClips | None:
    """What one model said of corrected stretches, oldest first; None where there are none.

    None of the eight counts as neutral: that is how the model is to take ordinary talk.
    """
    rows = connection.execute(_FEATURES, (model_sha256,)).fetchall()
    if not rows:
        return None
    labels = [0 if meant is None else _NUMBERS[meant] for _, _, meant in rows]
    return VoiceClips(
        _rows([row[0] for row in rows]), _rows([row[1] for row in rows]), np.array(labels, dtype=np.int64)
    )


_NUMBERS: Final = {emotion.value: number for number, emotion in enumerate(EMOTIONS)}


def _blob(values: npt.NDArray[np.float32]) -> bytes:
    return np.ascontiguousarray(values, dtype="<f4").tobytes()


def _rows(blobs: Sequence[bytes]) -> npt.NDArray[np.float64]:
    return np.stack([np.frombuffer(blob, dtype="<f4") for blob in blobs]).astype(np.float64)

"""Corrections: written, listed, taken back, exported, learnt from, and gone with their session."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from core.emotions import Emotion
from core.errors import JournalError
from realtime.corrections import Stretch
from realtime.journal import Journal
from realtime.journal.days import Span
from realtime.journal.schema import QUARTER_S
from realtime.recent_voice import VoiceWindow
from tests.realtime.journal.journal_rows import begin, record

MODEL = "ab" * 32
VOICE = VoiceWindow(16_000, np.arange(8, dtype=np.float32), np.full(4, 0.1, np.float32), windows=3)


def correct(
    journal: Journal,
    session_id: int,
    from_clock: int,
    meant: Emotion | None,
    voice: VoiceWindow | None = VOICE,
) -> None:
    stretch = Stretch(session_id, from_clock, from_clock + 16_000, Emotion.ANGRY)
    journal.record_correction(stretch, meant, voice=voice, model_sha256=MODEL)


@pytest.fixture
def corrected(journal: Journal) -> Journal:
    first, second = begin(journal), begin(journal)
    record(journal, first, range(0, 32_000, 8_000))
    correct(journal, first, 0, Emotion.SAD)
    correct(journal, first, 8_000, None)
    correct(journal, second, 0, Emotion.CALM, None)
    assert journal.flush(5.0)
    return journal


def test_what_was_said_and_what_it_was_is_listed(corrected: Journal) -> None:
    rows = corrected.corrections()
    assert [(row.session_id, row.from_clock, row.to_clock) for row in rows] == [
        (1, 0, 16_000),
        (1, 8_000, 24_000),
        (2, 0, 16_000),
    ]
    assert [(row.said, row.meant, row.windows) for row in rows] == [
        ("angry", "sad", 3),
        ("angry", None, 3),
        ("angry", "calm", 0),
    ]
    assert datetime.fromisoformat(rows[0].wall_time).tzinfo is UTC


def test_another_answer_to_the_same_stretch_takes_the_place_of_the_first(corrected: Journal) -> None:
    correct(corrected, 1, 0, Emotion.HAPPY)
    assert corrected.flush(5.0)
    assert {row.meant for row in corrected.corrections() if row.session_id == 1} == {None, "happy"}
    assert len(corrected.corrections()) == 3


def test_one_that_is_taken_back_leaves_nothing(corrected: Journal, path: Path) -> None:
    features = VOICE.logits.tobytes()
    corrected.undo_correction(1, 8_000)
    corrected.undo_correction(1, 8_000)
    corrected.undo_correction(1, 0)
    assert [(row.session_id, row.from_clock) for row in corrected.corrections()] == [(2, 0)]
    for file in path.parent.iterdir():
        assert features not in file.read_bytes(), file.name


def test_what_still_waits_to_be_written_can_be_taken_back(journal: Journal) -> None:
    session_id = begin(journal)
    correct(journal, session_id, 0, Emotion.SAD)
    journal.undo_correction(session_id, 0)
    assert journal.corrections() == ()


def test_what_the_model_had_said_is_learnt_from_and_none_of_the_eight_is_neutral(corrected: Journal) -> None:
    clips = corrected.corrected_clips(MODEL)
    assert clips is not None
    assert clips.labels.tolist() == [3, 0]  # that of the third was not kept
    assert clips.logits.tolist() == [list(range(8))] * 2
    assert np.allclose(clips.embedding, 0.1)
    assert corrected.corrected_clips("of another model") is None


def test_they_go_with_their_session_and_with_all(corrected: Journal) -> None:
    corrected.delete_session(1)
    assert [row.session_id for row in corrected.corrections()] == [2]
    corrected.delete_all()
    assert corrected.corrections() == ()
    correct(corrected, 2, 0, Emotion.SAD)  # a running session goes on
    assert corrected.flush(5.0)
    assert len(corrected.corrections()) == 1


def test_what_waits_is_erased_as_well(journal: Journal) -> None:
    session_id = begin(journal)
    correct(journal, session_id, 0, Emotion.SAD)
    journal.delete_all()
    assert journal.flush(5.0)
    assert journal.corrections() == ()


def test_they_go_with_their_day(corrected: Journal, path: Path) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with closing(sqlite3.connect(path)) as other, other:
        moment = yesterday.isoformat(timespec="milliseconds")
        other.execute("UPDATE corrections SET wall_time = ? WHERE from_clock = 8000", (moment,))
        other.execute("UPDATE sessions SET started_at = ? WHERE id = 1", (moment,))
    quarter = int(yesterday.timestamp()) // QUARTER_S
    corrected.delete_between(Span(quarter, quarter + 1))
    assert [(row.session_id, row.from_clock) for row in corrected.corrections()] == [(1, 0), (2, 0)]


def test_they_go_when_their_session_is_too_old(corrected: Journal, path: Path) -> None:
    corrected.end_session(1)
    corrected.close()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE sessions SET started_at = '2020-01-01T00:00:00.000+00:00' WHERE id = 1")
    with Journal(path, retention_days=30) as journal:
        assert [row.session_id for row in journal.corrections()] == [2]


def test_they_are_rows_of_the_export(corrected: Journal, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    assert corrected.export_csv(target) == 7
    with target.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["record"] == "correction"]
    assert [(row["session_id"], row["from_clock"], row["clock"]) for row in rows] == [
        ("1", "0", "16000"),
        ("1", "8000", "24000"),
        ("2", "0", "16000"),
    ]
    assert [(row["leading"], row["emotion"]) for row in rows] == [
        ("angry", "sad"),
        ("angry", ""),
        ("angry", "calm"),
    ]
    parquet = pytest.importorskip("pyarrow.parquet")
    corrected.export_parquet(tmp_path / "out.parquet")
    assert str(parquet.read_table(tmp_path / "out.parquet").schema.field("from_clock").type) == "int64"


def test_a_journal_that_is_locked_is_one_sentence(corrected: Journal, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="then take the correction back again"):
            corrected.undo_correction(1, 0)
    assert len(corrected.corrections()) == 3


def test_one_of_an_unknown_session_is_refused_and_counted(journal: Journal) -> None:
    correct(journal, 99, 0, Emotion.SAD)
    assert journal.flush(5.0)
    assert (journal.corrections(), journal.lost) == ((), 1)

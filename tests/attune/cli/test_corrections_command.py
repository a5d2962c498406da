"""`attune corrections`: listed, taken back one by one or all, also while a program writes the journal."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.emotions import Emotion
from realtime.corrections import Stretch
from realtime.journal import Journal
from realtime.recent_voice import VoiceWindow
from tests.realtime.journal.journal_rows import begin, record
from tests.terminal import Terminal

VOICE = VoiceWindow(16_000, np.zeros(8, np.float32), np.zeros(4, np.float32), windows=3)


@pytest.fixture
def corrections(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(capsys, monkeypatch, "corrections")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Journal]:
    """The journal of a program that runs: two corrections were made."""
    with Journal(tmp_path / "journal.sqlite3", retention_days=0) as journal:
        session = begin(journal)
        record(journal, session, range(0, 32_000, 8_000))
        journal.record_correction(
            Stretch(session, 0, 16_000, Emotion.ANGRY), Emotion.SAD, voice=VOICE, model_sha256="ab"
        )
        journal.record_correction(Stretch(session, 24_000, 32_000, None), None, voice=None, model_sha256="ab")
        assert journal.flush(20.0)
        yield journal


def left(journal: Journal) -> list[int]:
    return [row.from_clock for row in journal.corrections()]


@pytest.mark.usefixtures("running")
def test_they_are_listed_in_every_form(corrections: Terminal) -> None:
    code, out, err = corrections("list")
    assert (code, err) == (0, "")
    first, second = out.splitlines()[1:]
    assert first.split()[0] == "1:0"
    assert first.split()[3:] == ["angry", "sad", "yes"]
    assert second.split()[3:] == ["unsure", "just", "talking"]
    records = json.loads(corrections("list", "--json")[1])
    wanted = ("id", "session_id", "from_clock", "from_s", "to_s", "said", "meant", "windows")
    assert [records[0][name] for name in wanted] == ["1:0", 1, 0, 0.0, 1.0, "angry", "sad", 3]
    assert [records[1][name] for name in wanted] == ["1:24000", 1, 24_000, 1.5, 2.0, None, None, 0]
    rows = list(csv.DictReader(io.StringIO(corrections("list", "--csv")[1])))
    assert [row.keys() for row in rows] == [one.keys() for one in records]
    assert (rows[0]["meant"], rows[1]["meant"]) == ("sad", "")


def test_the_newest_or_those_that_are_named_are_taken_back(corrections: Terminal, running: Journal) -> None:
    code, out, _ = corrections("undo")
    assert (code, out.startswith("Taken back: "), "just talking, not unsure" in out) == (0, True, True)
    assert left(running) == [0]
    code, _, err = corrections("undo", "1:0", "1:24000")
    assert (code, "There is no correction '1:24000'" in err) == (1, True)
    assert left(running) == [0]
    assert "sad, not angry" in corrections("undo", "1:0")[1]
    assert left(running) == []
    code, _, err = corrections("undo")
    assert (code, "Nothing was corrected yet" in err) == (1, True)


def test_all_are_taken_back_and_the_rest_stays(corrections: Terminal, running: Journal) -> None:
    assert corrections("clear", "--yes")[1] == "2 corrections were taken back.\n"
    assert left(running) == []
    assert len(running.windows(1)) == 4
    record(running, 1, range(32_000, 48_000, 8_000))  # the program goes on
    assert running.flush(20.0)
    assert len(running.windows(1)) == 6


def test_no_program_needs_to_run(corrections: Terminal, running: Journal, tmp_path: Path) -> None:
    running.close()
    assert len(corrections("list")[1].splitlines()) == 3
    assert corrections("clear", "--yes")[0] == 0
    (tmp_path / "journal.sqlite3").unlink()
    assert corrections("list")[1].startswith("Nothing was corrected yet")
    assert corrections("list", "--json")[1] == "[]\n"
    assert corrections("clear", "--yes")[1].startswith("Nothing was corrected yet")

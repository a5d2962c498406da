"""The page "History": days, notes, export and delete, and what stands in the way of each."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import paths
from core.settings import Settings
from realtime.journal import Journal
from realtime.snapshot import Snapshot
from scripts.translations import read
from tests.attune.dashboard.fakes import FakeEngine
from tests.attune.dashboard.tabs import healthy
from tests.realtime.journal.invented_days import HAPPY, SAD, SILENCE, UNSURE, write_session
from tests.realtime.journal.test_file import restore

SCRIPT = "from attune.dashboard.pages import history\nhistory.page()\n"
MORNING = datetime(2026, 5, 12, 9, 0).astimezone()
MUSIC = [(2.0, "switched", "happy", "Bright Hours"), (30.0, "held back", "sad", None)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.sqlite3"


@pytest.fixture
def engine(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    monkeypatch.setattr(paths, "downloads_dir", lambda: tmp_path / "downloads")
    engine: Any = FakeEngine(Settings(journal_path=path, retention_days=0))
    with Journal(path, retention_days=0) as journal:
        engine.journal = journal
        yield engine


@pytest.fixture
def filled(engine: FakeEngine, path: Path) -> Path:  # noqa: ARG001
    """Three days of May, one of them with two sessions, and one of the demo."""
    write_session(path, MORNING, [HAPPY] * 90 + [UNSURE] * 30 + [SILENCE] * 40, music=MUSIC)
    write_session(path, MORNING + timedelta(hours=4), [UNSURE] * 100)
    write_session(path, MORNING - timedelta(days=2), [SAD] * 100)
    write_session(path, MORNING - timedelta(days=40), [SAD] * 100)
    write_session(path, MORNING - timedelta(days=1), [HAPPY] * 500, source="demo")
    return path


@pytest.fixture
def empty_tab(invented_context: None) -> AppTest:  # noqa: ARG001
    return AppTest.from_string(SCRIPT, default_timeout=30)


@pytest.fixture
def tab(empty_tab: AppTest, filled: Path) -> AppTest:  # noqa: ARG001
    return empty_tab


def said(tab: AppTest) -> str:
    parts = (tab.markdown, tab.caption, tab.info, tab.warning, tab.error, tab.success)
    return "\n".join(one.value.replace("\\", "") for part in parts for one in part)


def charts(tab: AppTest) -> list[Any]:
    found: list[Any] = list(tab.get("vega_lite_chart"))
    return found


def picks(tab: AppTest, calendar: str, *days: date) -> AppTest:
    """What a browser says of a calendar, by its identifier."""
    states = tab._tree.get_widget_states()
    picked = {"selection": {"day": [{"date": f"{day:%Y-%m-%d}"} for day in days] or {}}}
    states.widgets.add(id=calendar, string_value=json.dumps(picked))
    return healthy(tab._run(states))


def shown(tab: AppTest) -> tuple[str, date]:
    return str(tab.selectbox(key="history month").value), tab.date_input(key="history day").value


def music_of(tab: AppTest) -> str:
    return " ".join(str(one.proto.json) for one in tab.get("bidi_component"))


def test_an_empty_journal_says_how_to_fill_it(empty_tab: AppTest) -> None:
    assert "Nothing has been recorded yet. Press Start" in said(healthy(empty_tab.run()))
    assert not charts(empty_tab)


def test_the_newest_day_is_shown_and_the_demo_is_left_out(tab: AppTest) -> None:
    healthy(tab.run())
    assert tab.date_input(key="history day").value == MORNING.date()
    assert len(charts(tab)) == 3
    assert "2026: 4 min of listening on 3 days" in said(tab)
    assert "Bright Hours" in music_of(tab)
    assert "09:00 to 09:01, 1 min. Microphone: Desk" in said(tab)
    assert [field.label for field in tab.text_input] == [
        "Note on the session at 09:00",
        "Note on the session at 13:00",
    ]


def test_days_can_be_gone_through_and_the_month_follows(tab: AppTest) -> None:
    healthy(tab.run())
    healthy(tab.selectbox(key="history month").select("May").run())
    assert "May 2026: 3 min of listening on 2 days" in said(tab)
    healthy(tab.date_input(key="history day").set_value((MORNING - timedelta(days=40)).date()).run())
    assert tab.selectbox(key="history month").value == "April"
    assert "Most often: sad." in said(tab)
    healthy(tab.button(key="history Day after").click().run())
    assert tab.date_input(key="history day").value == (MORNING - timedelta(days=39)).date()
    assert "Nothing was heard in this time." in said(tab)
    assert "No sessions on this day." in said(tab)
    healthy(tab.selectbox(key="history month").select("May").run())
    assert tab.date_input(key="history day").value == MORNING.date()


def test_what_a_busy_browser_says_again_of_a_calendar_takes_nothing_back(tab: AppTest) -> None:
    day, newest = (MORNING - timedelta(days=40)).date(), MORNING.date()
    first = charts(healthy(tab.run()))[0].proto.id
    picks(tab, first, day)
    assert shown(tab) == ("Whole year", day)
    # The chart is drawn anew with what was picked, and the month is chosen meanwhile.
    picks(tab, first)
    tab.selectbox(key="history month").select("May")
    picks(tab, first, day)
    assert shown(tab) == ("May", newest)
    picks(tab, first, day)  # of a calendar that another one has replaced
    assert shown(tab) == ("May", newest)
    second = charts(tab)[0].proto.id
    assert second != first
    before = (MORNING - timedelta(days=2)).date()
    picks(tab, second, before)
    assert shown(tab) == ("May", before)
    healthy(tab.button(key="history Day after").click().run())
    picks(tab, charts(tab)[0].proto.id, before)
    assert shown(tab) == ("May", before)


def test_a_note_is_written_and_stays(tab: AppTest, engine: Any) -> None:
    healthy(tab.run())
    healthy(tab.text_input[0].set_value("  Breakfast with *Mia*  ").run())
    assert engine.journal.sessions()[0].note == "Breakfast with *Mia*"
    assert healthy(tab.run()).text_input[0].value == "Breakfast with *Mia*"


def test_what_is_deleted_is_said_before_and_after(tab: AppTest, engine: Any) -> None:
    healthy(tab.run())
    assert "This deletes Tue 12 May 2026: 2 sessions with notes and corrections, 2 min" in said(tab)
    assert "2 records of the music. It cannot be undone." in said(tab)
    healthy(tab.button(key="history delete day").click().run())
    assert "Tue 12 May 2026 is deleted." in said(tab)
    assert len(engine.journal.sessions()) == 3
    assert tab.date_input(key="history day").value == (MORNING - timedelta(days=2)).date()
    number = engine.journal.sessions()[0].id
    healthy(tab.button(key=f"history delete session {number}").click().run())
    assert "The session is deleted." in said(tab)
    healthy(tab.radio(key="history delete").set_value("Everything").run())
    # All is counted, whatever is shown.
    assert "everything that was ever recorded: 2 sessions" in said(tab)
    healthy(tab.button(key="history delete all").click().run())
    assert "Everything is deleted." in said(tab)
    assert "Nothing has been recorded yet." in said(tab)
    assert engine.journal.sessions() == ()


@pytest.mark.parametrize("form", ["CSV", "Parquet"])
def test_exports_are_saved_under_names_of_their_own(tab: AppTest, tmp_path: Path, form: str) -> None:
    healthy(tab.run())
    suffix = form.lower()
    tab.radio(key="history export format").set_value(form)
    for what, name in (
        ("This day", f"attune-2026-05-12.{suffix}"),
        ("This day", f"attune-2026-05-12-2.{suffix}"),
        ("The time shown in the calendar", f"attune-2026.{suffix}"),
        ("Everything", f"attune-all.{suffix}"),
    ):
        tab.radio(key="history export what").set_value(what)
        healthy(tab.button(key="history export").click().run())
        assert f"as {tmp_path / 'downloads' / name}." in said(tab)
        assert (tmp_path / "downloads" / name).stat().st_size > 0
        other = "Parquet" if form == "CSV" else "CSV"
        healthy(tab.radio(key="history export format").set_value(other).run())
        assert "Saved" not in said(tab)
        healthy(tab.radio(key="history export format").set_value(form).run())
    if form == "CSV":
        with (tmp_path / "downloads" / "attune-2026-05-12.csv").open(encoding="utf-8") as file:
            assert len(list(csv.DictReader(file))) == 262


def test_an_export_that_cannot_be_saved_says_why(tab: AppTest, tmp_path: Path) -> None:
    (tmp_path / "downloads").touch()
    healthy(tab.run())
    healthy(tab.button(key="history export").click().run())
    assert str(tmp_path / "downloads") in tab.error[0].value.replace("\\", "")


def test_a_journal_that_was_put_aside_is_said(empty_tab: AppTest, engine: Any, path: Path) -> None:
    engine.journal.close()
    path.write_bytes(b"no database " * 100)
    with Journal(path, retention_days=0) as journal:
        engine.journal = journal
        healthy(empty_tab.run())
    assert "was corrupt and has been put aside" in said(empty_tab)
    assert "nothing was deleted" in said(empty_tab)
    assert "Nothing has been recorded yet." in said(empty_tab)


def test_a_journal_that_becomes_corrupt_meanwhile_is_said(tab: AppTest, filled: Path, engine: Any) -> None:
    healthy(tab.run())
    engine.journal.close()
    for file in filled.parent.glob("journal.sqlite3-*"):
        file.unlink()
    filled.write_bytes(b"no database " * 1_000)
    healthy(tab.run())
    assert "is corrupt: restart Attune, which puts it aside" in said(tab)


def test_a_journal_that_is_switched_off_can_still_be_looked_at(tab: AppTest, engine: Any) -> None:
    engine.settings = engine.settings.model_copy(update={"journal": False})
    engine.journal = None
    healthy(tab.run())
    assert "The journal is switched off in the settings" in said(tab)
    assert len(charts(tab)) == 3
    assert tab.text_input[0].disabled
    assert not [button.key for button in tab.button if button.key and "delete" in button.key]


def test_no_journal_and_none_to_be_had_is_one_sentence(empty_tab: AppTest, engine: Any, path: Path) -> None:
    engine.journal.close()
    for file in path.parent.iterdir():
        file.unlink()
    engine.journal = None
    engine.shown = Snapshot(journal_error="The folder is read-only: choose another journal_path.")
    healthy(empty_tab.run())
    assert said(empty_tab).count("The folder is read-only: choose another journal_path.") == 1
    assert not empty_tab.error


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed")
def test_a_journal_of_an_older_version_that_cannot_be_changed_says_why_not(
    empty_tab: AppTest, engine: Any, path: Path
) -> None:
    engine.journal.close()
    for file in path.parent.iterdir():
        file.unlink()
    path.parent.rmdir()
    restore(path, 2)
    engine.journal = None
    engine.shown = Snapshot(journal_error="It is read-only.")
    healthy(empty_tab.run())
    assert [one.value.replace("\\", "").strip() for one in empty_tab.warning] == ["It is read-only."]
    assert not empty_tab.error


def test_a_locked_journal_is_looked_at_and_refuses_a_note(
    tab: AppTest, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.journal.file._DELETE_S", 0.05)
    healthy(tab.run())
    with closing(sqlite3.connect(filled, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        healthy(tab.text_input[0].set_value("Not now").run())
        assert "is locked by another program: close that program; then write the note again." in said(tab)
        assert len(charts(tab)) == 3
    assert healthy(tab.run()).text_input[0].value == "Not now"


def test_years_go_on_until_today(tab: AppTest) -> None:
    healthy(tab.run())
    assert tab.selectbox(key="history year").value == 2026
    years = [int(year) for year in tab.selectbox(key="history year").options]
    assert years == list(range(max(date.today().year, 2026), 2025, -1))


def test_days_that_are_still_counted_are_announced(tab: AppTest, filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as other, other:
        other.execute("INSERT INTO uncounted VALUES (1, 0, 10)")
    healthy(tab.run())
    assert "Older days are still being added up, the newest first: 1 session to go." in said(tab)


def test_many_sessions_of_a_day_are_shown_when_asked_for(empty_tab: AppTest, path: Path) -> None:
    for number in range(13):
        write_session(path, MORNING + timedelta(minutes=number), [UNSURE] * 2)
    healthy(empty_tab.run())
    assert len(empty_tab.text_input) == 10
    healthy(empty_tab.button(key="history all sessions").click().run())
    assert len(empty_tab.text_input) == 13


def test_two_programs_with_one_journal_see_the_same(tab: AppTest, filled: Path) -> None:
    with Journal(filled, retention_days=0) as other:
        healthy(tab.run())
        other.set_note(1, "From the other one")
        assert healthy(tab.run()).text_input[0].value == "From the other one"
        other.delete_all()
        assert "Nothing has been recorded yet." in said(healthy(tab.run()))


def test_corrections_are_listed_and_can_be_taken_back(tab: AppTest, filled: Path, engine: Any) -> None:
    for number, at, claimed, meant in (
        (1, MORNING, "angry", "calm"),
        (2, MORNING, None, None),
        (3, None, "sad", None),
    ):
        moment = (at or MORNING - timedelta(days=2)).astimezone(UTC).isoformat(timespec="milliseconds")
        with closing(sqlite3.connect(filled)) as other, other:
            other.execute(
                "INSERT INTO corrections VALUES (?, 0, 1, ?, ?, ?, '', 0, NULL, NULL)",
                (number, claimed, meant, moment),
            )
    healthy(tab.run())
    assert "09:00: calm, not angry." in said(tab)
    assert "09:00: just talking, not unsure." in said(tab)
    assert "not sad" not in said(tab)
    undo = tab.button(key="history undo 1 0")
    assert undo.label == "Undo the correction at 09:00"
    healthy(undo.click().run())
    assert "not angry" not in said(tab)
    assert {row.session_id for row in engine.journal.corrections()} == {2, 3}


def test_the_page_speaks_german(tab: AppTest, settings_file: Path) -> None:
    healthy(tab.run())
    settings_file.write_text('language = "de"\n')
    healthy(tab.run())
    drawn = f"{said(tab)}\n{heading(tab)}"
    assert "<h1>Verlauf</h1>" in drawn
    assert "2026: 4 min zugehört an 3 Tagen" in drawn
    assert "Gelöscht wird Di, 12. Mai 2026: 2 Sitzungen" in drawn
    labels = [one.label for one in (*tab.button, *tab.selectbox, *tab.radio, *tab.expander, *tab.text_input)]
    shown = {*drawn.splitlines(), *labels, *(option for one in tab.selectbox for option in one.options)}
    english = {
        message.id for message in read("de") if isinstance(message.id, str) and message.string != message.id
    }
    assert shown & english == set()


def test_the_language_follows_the_settings_and_the_browser(
    tab: AppTest, settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "<h1>History</h1>" in heading(healthy(tab.run()))
    settings_file.write_text('language = "es"\n')
    assert "<h1>Historial</h1>" in heading(healthy(tab.run()))
    settings_file.write_text('language = "auto"\n')
    monkeypatch.setattr(type(st.context), "locale", "de-AT")
    assert "<h1>Verlauf</h1>" in heading(healthy(tab.run()))
    monkeypatch.setattr(type(st.context), "locale", "fi")
    assert "<h1>History</h1>" in heading(healthy(tab.run()))


def heading(tab: AppTest) -> str:
    return "".join(str(one.proto.body) for one in tab.get("html"))

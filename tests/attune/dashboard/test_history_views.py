"""What the page "History" draws and says, without Streamlit: values in, charts and words out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import altair as alt
import pytest

from attune.dashboard.views import history_charts, history_words
from attune.dashboard.views.feeling_colours import colour_of, feeling_named
from attune.dashboard.views.formatting import time_text
from attune.dashboard.views.history_mix import Mix, Statement, mixes, total
from attune.dashboard.views.music_history import journal_music
from core.directions import DIRECTIONS, Direction
from core.emotions import EMOTIONS, Emotion
from realtime.journal.days import Span, span_of
from realtime.journal.history import Heard, MusicEvent, Played, SessionSummary
from tests.attune.dashboard.test_looks import THEME, contrast
from tests.realtime.journal.invented_days import time_zone

YEAR = tuple(date(2026, 1, 1) + timedelta(days=number) for number in range(365))
MARCH = tuple(date(2026, 3, 1) + timedelta(days=number) for number in range(31))
NOTHING = Mix(0.0, 0.0, {})
HAPPY = Mix(3600.0, 1200.0, {Emotion.HAPPY: 300.0, Emotion.SAD: 60.0})
UNSURE = Mix(600.0, 600.0, {})


def drawn(spec: dict[str, Any]) -> dict[str, Any]:
    alt.LayerChart.from_dict(spec)  # checks it against the schema of Vega-Lite
    return spec


def rows(spec: dict[str, Any], layer: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = drawn(spec)["layer"][layer]["data"]["values"]
    return found


def hours(count: int) -> list[Mix]:
    return [HAPPY] * count


def test_heard_is_added_up_by_emotion_and_by_direction() -> None:
    heard = [
        Heard(0, "no speech", None, None, 10.0),
        Heard(0, "accepted", "happy", "lively and pleasant", 4.0),
        Heard(0, "unsure", None, "quiet", 3.0),
        Heard(2, "unsure", None, None, 2.0),
        Heard(2, "accepted", "of a newer Attune", None, 1.0),
    ]
    first, second, third = mixes(heard, 3, Statement.EMOTION)
    assert (first.heard_s, first.voice_s, first.by_feeling) == (17.0, 7.0, {Emotion.HAPPY: 4.0})
    assert (first.unsure_s, first.unsure_share, first.leading) == (3.0, 3 / 7, Emotion.HAPPY)
    assert second == NOTHING
    assert (third.voice_s, third.unsure_share, third.leading) == (3.0, 1.0, None)
    by_direction = mixes(heard, 3, Statement.DIRECTION)[0]
    assert by_direction.by_feeling == {Direction.LIVELY_PLEASANT: 4.0, Direction.QUIET: 3.0}
    assert total([first, third]).voice_s == 10.0


def test_the_calendar_has_a_cell_for_each_day_of_the_year() -> None:
    heard = [NOTHING] * 365
    heard[40], heard[41] = HAPPY, UNSURE
    cells = rows(history_charts.calendar(YEAR, heard, YEAR[40], whole_year=True, pick="day", ink="#171a23"))
    assert [cell["date"] for cell in cells] == [day.isoformat() for day in YEAR]
    assert len({(cell["x"], cell["y"]) for cell in cells}) == 365
    assert [cell["y"] for cell in cells] == [day.weekday() for day in YEAR]
    assert cells[40]["fill"] == colour_of(Emotion.HAPPY)
    assert (cells[40]["heard"], cells[40]["voice"], cells[40]["most"]) == ("1 h", "20 min", "Happy")
    assert (cells[41]["most"], cells[41]["unsure"]) == ("Unsure", "100\xa0%")
    assert cells[0]["heard"] == "Nothing heard"
    assert cells[40]["opacity"] > cells[41]["opacity"] > cells[0]["opacity"] > 0
    assert [cell["date"] for cell in cells if cell["stroke"] == "#171a23"] == [YEAR[40].isoformat()]


@pytest.mark.parametrize("year", [2024, 2026, 2028, 2000])
def test_every_month_of_every_year_has_its_days_in_order(year: int) -> None:
    for month in range(1, 13):
        first = date(year, month, 1)
        days = [first + timedelta(days=n) for n in range(31) if (first + timedelta(days=n)).month == month]
        cells = rows(
            history_charts.calendar(
                days, [NOTHING] * len(days), first, whole_year=False, pick="d", ink="#000000"
            )
        )
        assert [(cell["y"] - 0.36) * 7 + cell["x"] for cell in cells] == pytest.approx(
            list(range(first.weekday(), first.weekday() + len(days)))
        )
        assert [cell["number"] for cell in cells] == [str(day.day) for day in days]


def test_shares_of_a_column_add_up_and_follow_the_order() -> None:
    chart = history_charts.shares_over_days(
        MARCH, [*hours(1), *[NOTHING] * 29, UNSURE], Statement.EMOTION, whole_year=False
    )
    parts = rows(chart)
    assert [part["what"] for part in parts] == ["Happy", "Sad", "Unsure", "Unsure"]
    assert [(part["y"], part["y2"]) for part in parts] == [(0, 25), (25, 30), (30, 100), (0, 100)]
    assert {part["when"] for part in parts} == {"Sun 1 Mar 2026", "Tue 31 Mar 2026"}


def test_a_year_is_drawn_by_weeks() -> None:
    parts = rows(history_charts.shares_over_days(YEAR, hours(365), Statement.EMOTION, whole_year=True))
    assert len({part["when"] for part in parts}) == 53
    assert parts[0]["when"] == "Week of Mon 29 Dec 2025"
    assert sum(part["y2"] - part["y"] for part in parts) == pytest.approx(5300)


@pytest.mark.parametrize(
    ("day", "labels"),
    [
        (date(2026, 3, 29), ["00:00", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00"]),
        (date(2026, 10, 25), ["00:00", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00"]),
    ],
)
def test_the_hours_of_a_day_that_changes_the_clocks_stand_where_they_are(
    monkeypatch: pytest.MonkeyPatch, day: date, labels: list[str]
) -> None:
    with time_zone(monkeypatch, "Europe/Berlin"):
        span = span_of(day)
        steps = [Span(at, at + 1) for at in range(span.first, span.until)]
        chart = drawn(
            history_charts.day_river(span, steps, hours(len(steps)), (), Statement.EMOTION, "#000000")
        )
        axis = chart["layer"][0]["encoding"]["x"]["axis"]
        shift = -60 if day.month == 3 else 60
        assert axis["values"] == [0, *(180 * number + shift for number in range(1, 8))]
        assert all(f'"{label}"' in axis["labelExpr"] for label in labels)
        assert chart["layer"][0]["encoding"]["x"]["scale"]["domain"] == [0, 1440 + shift]


def test_the_day_shows_the_hours_in_which_something_was_heard_and_what_played(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with time_zone(monkeypatch, "UTC"):
        span = span_of(date(2026, 6, 1))
        steps = [Span(at, at + 4) for at in range(span.first, span.until, 4)]
        heard = [HAPPY if number in {10, 13} else NOTHING for number in range(24)]
        noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
        music = [
            Played(noon, noon + timedelta(hours=1), "Rain\u202e", "Sad was heard."),
            Played(noon + timedelta(hours=1), noon + timedelta(hours=1, seconds=9), "", "So."),
        ]
        chart = history_charts.day_river(span, steps, heard, music, Statement.EMOTION, "#000000")
    assert drawn(chart)["layer"][0]["encoding"]["x"]["scale"]["domain"] == [540, 900]
    blocks = rows(chart, 2)
    assert [(block["x"], block["x2"]) for block in blocks] == [(720, 780), (780, 780.15)]
    assert [block["name"] for block in blocks] == ["Rain\\u202e", "Music"]
    assert blocks[0]["when"] == "12:00 to 13:00"


def test_a_day_without_a_sound_can_be_drawn() -> None:
    span = Span(0, 96)
    chart = history_charts.day_river(span, [span], [NOTHING], (), Statement.DIRECTION, "#000000")
    assert rows(chart) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_directions_stand_out_from_the_card(scheme: str, direction: Direction) -> None:
    assert contrast(colour_of(direction), THEME[scheme]["secondaryBackgroundColor"]) >= 3.0


def test_every_feeling_is_found_by_its_name_and_nothing_else_is() -> None:
    assert [feeling_named(str(one)) for one in (*EMOTIONS, *DIRECTIONS)] == [*EMOTIONS, *DIRECTIONS]
    assert [feeling_named(name) for name in (None, "", "joy")] == [None] * 3


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "none"),
        (20, "under a minute"),
        (60, "1 min"),
        (3599, "1 h"),
        (3661, "1 h 1 min"),
        (360_000, "100 h"),
    ],
)
def test_times_read_as_people_say_them(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


def test_the_summary_says_what_there_is_and_no_more() -> None:
    assert history_words.summary(NOTHING, 0) == "Nothing was heard in this time."
    assert history_words.summary(Mix(120.0, 0.0, {}), 1) == "2 min of listening, none of it with a voice."
    assert history_words.summary(HAPPY, 3) == (
        "1 h of listening on 3 days, 20 min of it with a voice. "
        "Most often: happy. Unsure for 70\xa0% of the voice."
    )


def test_a_deletion_says_what_goes_also_where_nothing_was_heard() -> None:
    said = history_words.what_goes("this session", NOTHING, 1, 0)
    assert said.startswith(
        "This deletes this session: 1 session with notes and corrections, 0 min of decisions, "
    )


def test_what_played_most_is_named() -> None:
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    music = [
        Played(noon, noon + timedelta(minutes=minutes), name, "")
        for minutes, name in ((5, "A"), (9, "B"), (7, "A"), (2, "C"), (1, "D"), (60, ""))
    ]
    assert history_words.most_played(music) == "Played most: A (12 min), B (9 min), C (2 min)."
    assert history_words.most_played(()) == ""


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (None, "23:50, still running. Microphone: Desk"),
        (5, "23:50 to 23:55, 5 min. Microphone: Desk"),
        (20, "23:50 to Tue 2 Jun 2026 00:10, 20 min. Microphone: Desk"),
    ],
)
def test_a_session_says_when_it_was(monkeypatch: pytest.MonkeyPatch, minutes: int | None, words: str) -> None:
    with time_zone(monkeypatch, "Europe/Berlin"):
        start = datetime(2026, 6, 1, 21, 50, tzinfo=UTC)
        end = None if minutes is None else start + timedelta(minutes=minutes)
        session = SessionSummary(1, start, end, "mic", "Desk", "", 0, 0.0)
        assert history_words.session_words(session, date(2026, 6, 1)) == words


def test_tables_hold_what_was_heard_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    days = history_words.days_table(MARCH[:3], [HAPPY, NOTHING, UNSURE])
    assert days.index("Tue 3 Mar 2026") < days.index("Sun 1 Mar 2026")
    assert "Mon 2 Mar" not in days
    with time_zone(monkeypatch, "UTC"):
        assert "00:15" in history_words.steps_table([Span(1, 2), Span(2, 3)], [HAPPY, NOTHING])


def test_records_of_the_journal_are_drawn_as_those_of_the_player() -> None:
    at = datetime(2026, 6, 1, 12, tzinfo=UTC)
    events = [
        MusicEvent(1, at, "switched", "Sad was heard: <b>Rain</b>.", "sad", "<i>Rain</i>"),
        MusicEvent(1, at, "of a newer Attune", "So.", "joy", None),
    ]
    html = journal_music(events)
    assert "&lt;b&gt;Rain" in html
    assert "&lt;i&gt;Rain" in html
    assert "Switched" in html
    assert "Of a newer Attune" in html
    assert "Outcome" not in html


def test_a_short_day_has_every_hour_and_a_begun_year_its_weeks(monkeypatch: pytest.MonkeyPatch) -> None:
    with time_zone(monkeypatch, "Asia/Kolkata"):
        span = span_of(date(2026, 6, 1))
        steps = [Span(at, at + 4) for at in range(span.first, span.until, 4)]
        heard = [HAPPY if number == 10 else NOTHING for number in range(24)]
        chart = drawn(history_charts.day_river(span, steps, heard, (), Statement.EMOTION, "#000000"))
    axis = chart["layer"][0]["encoding"]["x"]["axis"]
    assert axis["values"] == [540, 600, 660, 720]
    assert '["09:00", "10:00", "11:00", "12:00"]' in axis["labelExpr"]
    begun = history_charts.calendar(
        YEAR[:9], [HAPPY] * 9, YEAR[0], whole_year=True, pick="day", ink="#000000"
    )
    assert drawn(begun)["layer"][0]["encoding"]["x"]["scale"]["domain"] == [0, 27]
    weeks = history_charts.shares_over_days(YEAR[:9], [HAPPY] * 9, Statement.EMOTION, whole_year=True)
    assert {row["when"] for row in rows(weeks)} == {"Week of Mon 29 Dec 2025", "Week of Mon 5 Jan 2026"}

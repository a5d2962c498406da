"""Local days: as long as the clocks make them, in the zone that the machine is in now."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from realtime.journal.days import local_moment, refresh_time_zone, span_of
from tests.realtime.journal.invented_days import time_zone


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Europe/Berlin", date(2026, 7, 1), 24),
        ("America/Santiago", date(2026, 9, 6), 23),  # there is no midnight: the day begins at one
        ("America/Santiago", date(2026, 4, 4), 25),  # its last hour comes twice
        ("America/Havana", date(2024, 11, 3), 25),  # its midnight comes twice
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Asia/Kathmandu", date(2026, 1, 1), 24),  # a quarter to
        ("Pacific/Apia", date(2011, 12, 29), 24),  # the day after was left out
        ("UTC", date(2024, 2, 29), 24),
    ],
)
def test_a_day_is_as_long_as_the_clocks_make_it(
    monkeypatch: pytest.MonkeyPatch, zone: str, day: date, hours: float
) -> None:
    with time_zone(monkeypatch, zone):
        span = span_of(day)
        assert (span.until - span.first) / 4 == hours
        assert local_moment(span.first).date() == day
        assert local_moment(span.first - 1).date() == day - timedelta(days=1)
        assert local_moment(span.until - 1).date() == day


def test_days_of_a_year_follow_each_other_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    for zone in ("Europe/London", "America/Santiago", "Australia/Lord_Howe", "Africa/Casablanca"):
        with time_zone(monkeypatch, zone):
            spans = [span_of(date(2026, 1, 1) + timedelta(days=number)) for number in range(365)]
            assert all(one.until == two.first for one, two in pairwise(spans))
            assert span_of(date(2026, 1, 1), date(2026, 12, 31)).until == spans[-1].until


def test_a_machine_that_travels_has_other_days(monkeypatch: pytest.MonkeyPatch) -> None:
    with time_zone(monkeypatch, "Europe/Berlin"):
        before = span_of(date(2026, 7, 1))
        monkeypatch.setenv("TZ", "America/New_York")
        refresh_time_zone()
        assert span_of(date(2026, 7, 1)).first - before.first == 6 * 4
        monkeypatch.setenv("TZ", "Europe/Berlin")

"""When Spotify is asked again, and how many calls a day that may cost."""

from __future__ import annotations

from bisect import bisect_right

import hypothesis.strategies as st
import pytest
from hypothesis import given

from spotify import call_quota
from spotify.circuit_breaker import Breaker, answered, failed, limited, limited_until, may_command, next_try_s

NOW_S = 1_795_000_000.0
DAY_S = 86_400.0

waits = st.one_of(st.none(), st.floats(1, DAY_S))
passing = st.floats(0, 20_000)
events = st.lists(
    st.one_of(
        st.tuples(st.just("limited"), waits),
        st.tuples(st.just("unsent"), st.floats(0, 10)),
        st.tuples(st.just("unanswered"), st.floats(0, 10)),
        st.tuples(st.just("answered"), st.none()),
        st.tuples(st.just("pass"), passing),
    ),
    max_size=40,
)


def happen(breaker: Breaker, event: tuple[str, float | None], now_s: float) -> tuple[Breaker, float]:
    match event:
        case "limited", wait_s:
            return limited(breaker, now_s, None if wait_s is None else now_s + wait_s), now_s
        case "answered", _:
            return answered(breaker), now_s
        case "pass", passed_s:
            return breaker, now_s + (passed_s or 0.0)
        case kind, took_s:
            ended_s = now_s + (took_s or 0.0)
            return failed(breaker, began_s=now_s, now_s=ended_s, reached=kind == "unanswered"), ended_s


@given(events)
def test_nothing_is_asked_while_limited_and_every_wait_ends(history: list[tuple[str, float | None]]) -> None:
    breaker, now_s = Breaker(), NOW_S
    for event in history:
        breaker, now_s = happen(breaker, event, now_s)
        until_s = limited_until(breaker, now_s)
        if until_s is not None:
            assert now_s < until_s <= now_s + DAY_S
            assert not may_command(breaker, now_s)
            assert next_try_s(breaker, now_s) >= until_s
            assert limited_until(breaker, until_s) is None
        else:
            assert next_try_s(breaker, now_s) <= now_s + 300
            assert may_command(breaker, now_s + 5)
        later_s = next_try_s(breaker, now_s)
        assert may_command(breaker, max(now_s, later_s))


@given(events, passing)
def test_a_clock_that_is_set_back_holds_nothing_up(
    history: list[tuple[str, float | None]], back_s: float
) -> None:
    breaker, now_s = Breaker(), NOW_S
    for event in history:
        breaker, now_s = happen(breaker, event, now_s)
    before_s = NOW_S - 1 - back_s
    assert limited_until(breaker, before_s) is None
    assert next_try_s(breaker, before_s) <= before_s


def test_no_limit_lasts_longer_than_a_day_whoever_says_so() -> None:
    assert limited_until(limited(Breaker(), NOW_S, NOW_S + 1e9), NOW_S) == NOW_S + DAY_S


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 5)), min_size=1, max_size=60))
def test_within_the_first_minute_it_is_tried_every_five_seconds(calls: list[tuple[bool, float]]) -> None:
    breaker, now_s = Breaker(), NOW_S
    for number, (reached, took_s) in enumerate(calls):
        began_s = now_s
        breaker = failed(breaker, began_s=began_s, now_s=began_s + took_s, reached=reached)
        retry_s = next_try_s(breaker, began_s + took_s)
        if began_s + took_s - NOW_S < 60:
            assert retry_s - (began_s + took_s) <= min(5.0, 2.0**number)
        assert retry_s >= began_s + took_s + 0.5
        now_s = retry_s


def fail_for(duration_s: float, *, reached: bool) -> list[float]:
    """Gaps between the tries of an outage."""
    breaker, now_s, gaps = Breaker(), NOW_S, []
    while now_s < NOW_S + duration_s:
        breaker = failed(breaker, began_s=now_s, now_s=now_s, reached=reached)
        gaps.append(next_try_s(breaker, now_s) - now_s)
        now_s += gaps[-1]
    return gaps


def test_tries_are_1_2_4_and_5_seconds_apart_then_rarer_where_they_count() -> None:
    gaps = fail_for(3600, reached=True)
    assert gaps[:5] == [1, 2, 4, 5, 5]
    assert gaps[-1] == 300
    assert len(gaps) < 65
    assert gaps == sorted(gaps)


def test_what_costs_nothing_is_tried_within_ten_seconds_for_an_hour() -> None:
    assert max(fail_for(3599, reached=False)) < 10
    assert max(fail_for(9000, reached=False)) == 30


def test_calls_count_for_24_hours_whatever_the_clock_does() -> None:
    counts = {call_quota.slot_of(NOW_S): 7}
    for later_s, counted in (
        (0, 7),
        (DAY_S, 7),
        (DAY_S + 1200, 0),
        (-3600, 7),
        (-12 * 3600, 7),
        (-2 * DAY_S, 0),
    ):
        assert sum(call_quota.recent_calls(counts, NOW_S + later_s).values()) == counted
    assert DAY_S < call_quota.rest_s(counts, NOW_S) <= DAY_S + 600


def test_spotify_is_not_asked_before_it_wants_to_be() -> None:
    breaker = failed(Breaker(), began_s=NOW_S, now_s=NOW_S, reached=True, until_s=NOW_S + 120)
    assert next_try_s(breaker, NOW_S) == NOW_S + 120


def test_a_person_is_let_through_sooner() -> None:
    breaker = failed(Breaker(), began_s=NOW_S, now_s=NOW_S, reached=True)
    assert may_command(breaker, NOW_S)
    for _ in range(30):
        breaker = failed(breaker, began_s=NOW_S + 900, now_s=NOW_S + 900, reached=True)
    assert not may_command(breaker, NOW_S + 904)
    assert may_command(breaker, NOW_S + 905)
    assert next_try_s(breaker, NOW_S + 905) > NOW_S + 905


def test_a_wait_that_is_not_said_doubles_up_to_an_hour() -> None:
    breaker, waits_s = Breaker(), []
    for _ in range(9):
        breaker = limited(breaker, NOW_S, None)
        waits_s.append(breaker.limited_until_s - NOW_S)
    assert waits_s == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert limited(answered(breaker), NOW_S, None).limited_until_s == NOW_S + 60


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("playing", [True, False])
@pytest.mark.parametrize("before", [0, 100, 400])
def test_looking_alone_never_spends_a_day_and_never_ends(watched: bool, playing: bool, before: int) -> None:
    """Through three days, whichever 24 hours of them are looked at."""
    now_s, counts, times_s = NOW_S, {call_quota.slot_of(NOW_S): before}, []
    while now_s < NOW_S + 3 * DAY_S:
        calls = sum(call_quota.recent_calls(counts, now_s).values())
        rest_s = call_quota.rest_s(counts, now_s)
        interval_s = call_quota.interval_s(calls, rest_s, watched=watched, playing=playing)
        if interval_s is not None:
            slot = call_quota.slot_of(now_s)
            counts[slot] = counts.get(slot, 0) + 1
            times_s.append(now_s)
        now_s += rest_s if interval_s is None else interval_s
    most = max(bisect_right(times_s, at_s + DAY_S) - number for number, at_s in enumerate(times_s))
    assert most <= call_quota.POLLING_CALLS < call_quota.DAY_CALLS
    assert times_s[-1] > NOW_S + 2 * DAY_S


def test_who_watches_sees_every_eight_seconds_at_first_and_ever_more_rarely() -> None:
    rest_s = 6 * 3600.0
    gaps = [
        call_quota.interval_s(calls, rest_s, watched=True, playing=True)
        for calls in range(call_quota.POLLING_CALLS)
    ]
    assert gaps[0] == 8
    assert gaps == sorted(gaps)  # type: ignore[type-var]
    assert call_quota.interval_s(20, rest_s, watched=False, playing=True) == 120
    assert call_quota.interval_s(20, rest_s, watched=False, playing=False) == 900


@given(st.floats(0, 2 * DAY_S), st.integers(0, 400), st.booleans(), st.booleans())
def test_no_look_is_due_once_the_days_looks_are_spent(
    rest_s: float, calls: int, watched: bool, playing: bool
) -> None:
    interval_s = call_quota.interval_s(calls, rest_s, watched=watched, playing=playing)
    assert (interval_s is None) == (calls >= call_quota.POLLING_CALLS)
    assert interval_s is None or interval_s >= 8

"""Whether a call is on: what people say goes before what the machine detects, until that call is over."""

from __future__ import annotations

from playback.call_state import CallState


def test_what_is_detected_counts_while_nobody_says_anything() -> None:
    assert not CallState().on
    assert CallState().after_detecting(True).on
    assert not CallState().after_detecting(True).after_detecting(None).on


def test_a_person_may_deny_a_call_and_the_next_one_counts_again() -> None:
    denied = CallState().after_detecting(True).after_saying(False)
    assert not denied.on
    assert not denied.after_detecting(True).on
    assert denied.after_detecting(False).after_detecting(True).on


def test_a_call_that_a_person_announces_lasts_until_they_end_it() -> None:
    announced = CallState().after_saying(True)
    assert announced.on
    assert announced.after_detecting(None).on
    assert not announced.after_saying(False).on
    assert announced.after_saying(False).after_detecting(True).on

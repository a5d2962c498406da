from __future__ import annotations

from typing import Any

import pytest
import streamlit as st

from attune.dashboard.components.browser_part import BrowserPart
from attune.dashboard.state.part_requests import requests_done, take_requests


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    state: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", state)
    return state


def asked(*numbers: int) -> dict[str, Any]:
    return {"requests": [{"action": f"no. {number}", "number": number} for number in numbers]}


def test_each_request_is_taken_once_and_in_order() -> None:
    assert requests_done("bar") == 0
    assert [one["action"] for one in take_requests("bar", asked(1, 2))] == ["no. 1", "no. 2"]
    assert take_requests("bar", asked(1, 2)) == []
    assert [one["action"] for one in take_requests("bar", asked(2, 5))] == ["no. 5"]
    assert requests_done("bar") == 5
    assert requests_done("another") == 0


@pytest.mark.parametrize("nothing", [None, {}, {"requests": None}, "again"])
def test_nothing_is_taken_where_nothing_is_asked(nothing: object) -> None:
    assert take_requests("bar", nothing) == []
    assert requests_done("bar") == 0


class Browser:
    """A part of a page, and what is sent to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, session: dict[str, Any]) -> None:
        self._session = session
        self._part = BrowserPart("meter", (), ())
        self.drawn: list[dict[str, Any]] = []
        self.done: list[str] = []
        monkeypatch.setattr(self._part, "_show", lambda **_: None)
        monkeypatch.setattr(self._part, "_feed", self._take)

    def _take(self, *, data: dict[str, Any], on_asked_change: Any, **_: Any) -> None:
        self.drawn.append(data)
        self._on_asked = on_asked_change

    def place(self) -> None:
        self._part.place("")  # type: ignore[arg-type]

    def feed(self, **values: object) -> dict[str, Any]:
        self._part.feed(values, on_request=lambda request: self.done.append(request["action"]))
        return self.drawn[-1]

    def ask(self, **asked: Any) -> None:
        self._session["meter feed"] = {"asked": asked}
        self._on_asked()


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch, session: dict[str, Any]) -> Browser:
    return Browser(monkeypatch, session)


def test_only_what_is_new_is_sent_and_all_of_it_when_the_browser_lacks_a_drawing(browser: Browser) -> None:
    browser.place()
    first = browser.feed(level=1, state="on")
    assert (first["all"], first["values"]) == (True, {"level": 1, "state": "on"})
    second = browser.feed(level=2, state="on")
    assert (second["all"], second["values"]) == (False, {"level": 2})
    browser.ask(all=True, requests=[])
    third = browser.feed(level=2, state="on")
    assert (third["all"], third["values"]) == (True, {"level": 2, "state": "on"})
    assert browser.feed(level=2, state="on")["values"] == {}


def test_the_numbers_of_drawings_go_on_when_the_page_is_drawn_anew(browser: Browser) -> None:
    for _ in range(3):
        browser.place()
        browser.feed(level=1)
        browser.feed(level=2)
    assert [one["turn"] for one in browser.drawn] == list(range(6))
    assert [one["all"] for one in browser.drawn] == [True, False] * 3


def test_requests_that_come_again_are_done_once_and_the_browser_hears_of_it(browser: Browser) -> None:
    assert browser.feed()["done"] == 0
    browser.ask(all=False, **asked(1))
    browser.ask(all=False, **asked(1, 2))
    assert browser.done == ["no. 1", "no. 2"]
    assert browser.feed()["done"] == 2


def test_what_a_part_of_a_page_that_was_left_asks_for_is_no_fault(
    browser: Browser, session: dict[str, Any]
) -> None:
    browser.feed(level=1)
    browser.ask(all=True, **asked(1))
    session.pop("meter feed")
    browser._on_asked()
    assert browser.done == ["no. 1"]

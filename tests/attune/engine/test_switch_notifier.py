"""Which records of the music become notifications, and that a desktop without any is told once."""

from __future__ import annotations

import logging
import threading

import pytest

from attune.engine import switch_notifier
from attune.engine.switch_notifier import SwitchNotifier
from core.errors import MusicError
from playback.snapshot import MusicRecord, RecordKind


class Desktop:
    def __init__(self, *, broken: bool = False) -> None:
        self.shown: list[tuple[str, str]] = []
        self.broken = broken
        self.done = threading.Semaphore(0)

    def show(self, title: str, text: str) -> None:
        self.shown.append((title, text))
        self.done.release()
        if self.broken:
            raise MusicError("No desktop.")


def test_switches_and_suggestions_are_shown_where_people_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    desktop, wanted = Desktop(), [False]
    monkeypatch.setattr(switch_notifier, "show_notification", desktop.show)
    notifier = SwitchNotifier(lambda: wanted[0])
    notifier.take(MusicRecord(0.0, RecordKind.SWITCHED, "Nobody wants this."))
    wanted[0] = True
    for kind in RecordKind:
        notifier.take(MusicRecord(0.0, kind, f"It was {kind}."))
    assert desktop.done.acquire(timeout=5.0)
    assert desktop.done.acquire(timeout=5.0)
    assert desktop.shown == [
        ("The music has changed", "It was switched."),
        ("Change the music?", "It was suggested."),
    ]
    notifier.close()


def test_a_desktop_without_notifications_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desktop = Desktop(broken=True)
    monkeypatch.setattr(switch_notifier, "show_notification", desktop.show)
    notifier = SwitchNotifier(lambda: True)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            notifier.take(MusicRecord(0.0, RecordKind.SWITCHED, "It was switched."))
            assert desktop.done.acquire(timeout=5.0)
    notifier.close()
    assert [record.message for record in caplog.records] == ["No desktop."]

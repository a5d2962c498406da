"""The mailbox: the newest item wins, unless the writer waits."""

from __future__ import annotations

import threading
import time

from realtime.mailbox import Mailbox


def test_newest_item_replaces_one_that_nobody_took() -> None:
    box: Mailbox[int] = Mailbox()
    assert not box.put(1, wait=False)
    assert box.put(2, wait=False)
    assert box.take() == 2


def test_waiting_writer_loses_nothing() -> None:
    box: Mailbox[int] = Mailbox()
    writer = threading.Thread(target=lambda: [box.put(i, wait=True) for i in range(100)])
    writer.start()
    assert [box.take() for _ in range(100)] == list(range(100))
    writer.join(1.0)


def test_close_wakes_a_waiting_reader_and_a_waiting_writer() -> None:
    box: Mailbox[int] = Mailbox()
    taken: list[int | None] = []
    reader = threading.Thread(target=lambda: taken.append(box.take()))
    reader.start()
    time.sleep(0.02)
    box.close()
    reader.join(1.0)
    assert taken == [None]

    full: Mailbox[int] = Mailbox()
    full.put(1, wait=False)
    writer = threading.Thread(target=lambda: full.put(2, wait=True))
    writer.start()
    time.sleep(0.02)
    full.close()
    writer.join(1.0)
    assert not writer.is_alive()

"""The snapshot of a run: what is published late changes nothing of how it ended."""

from __future__ import annotations

from realtime.listener.publisher import SnapshotPublisher
from realtime.snapshot import ListenerState


def test_sound_that_is_still_taken_in_does_not_take_back_why_a_run_ended() -> None:
    publisher = SnapshotPublisher(None)
    publisher.publish(state=ListenerState.LISTENING)
    assert publisher.begin_end()
    publisher.end(ListenerState.STOPPED, "Paused until 12:15.")
    publisher.publish(state=ListenerState.LISTENING, message="", clock=160)
    snapshot = publisher.snapshot
    assert (snapshot.state, snapshot.message, snapshot.clock) == (
        ListenerState.STOPPED,
        "Paused until 12:15.",
        160,
    )

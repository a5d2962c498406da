"""Waits until a controller has seen to what it was told: only then may the clock of a test go on.

A look at the player that comes between takes the clock as it stands: what was told before, and waits, would
then be heard all at once.
"""

from __future__ import annotations

from typing import Final

from playback.controller import PlaybackController
from playback.player import Outcome, OutcomeKind

_DONE: Final = Outcome(OutcomeKind.DONE)
_ROUNDS: Final = (
    3  # the end of a command that was given meanwhile waits behind all else, and so does the next
)


def catch_up(controller: PlaybackController) -> None:
    """Wait until all that was told before is in the snapshot, with the commands that ended at once."""
    for _ in range(_ROUNDS):
        controller._thread.submit(lambda: _DONE).result(20.0)

"""Owns the thread that decodes ahead of what is heard, and tells what was sent out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from playback.mixer import Deck, Mixer
from playback.programme import Programme

__all__ = ["Feeder", "OnPlayed"]

_LOG = logging.getLogger(__name__)

OnPlayed = Callable[[npt.NDArray[np.float32], int, float], None]
"""Called with what was sent out: mono, shape (frames,); its rate in Hz; and when its last frame goes out, by
`time.perf_counter`, to within some tenths of a second."""

_AHEAD_S: Final = 3.0
_TURN_S: Final = 0.25
_WAIT_S: Final = 0.1
_CLOSE_S: Final = 0.2


class Feeder:
    """Fills decks from their programmes until the mixer is done with them.

    Parameters
    ----------
    on_played
        See `OnPlayed`; called on this thread, some ten times a second while a loudspeaker is open.
    """

    def __init__(self, on_played: OnPlayed | None = None) -> None:
        self._on_played = on_played
        self._changed = threading.Condition()
        self._jobs: list[tuple[Deck, Programme]] = []
        self._mixer: Mixer | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(self, deck: Deck, programme: Programme, mixer: Mixer) -> None:
        """Go on with a deck; the programme belongs to this thread from now on."""
        with self._changed:
            self._jobs.append((deck, programme))
            self._mixer = mixer
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="attune-local-feeder", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """End, and close all files; calling it again changes nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._closed:
                    self._changed.wait(self._pause_s())
                if self._closed:
                    break
                jobs = list(reversed(self._jobs))  # the newest is the one that is waited for
            for deck, programme in jobs:
                self._feed(deck, programme)
            self._tell()
        for _, programme in self._jobs:
            programme.close()

    def _pause_s(self) -> float | None:
        """Until the next round: none while a deck wants for sound, without an end where there is nothing."""
        if any(_wants(deck) for deck, _ in self._jobs):
            return 0.0
        return _WAIT_S if self._jobs else None

    def _feed(self, deck: Deck, programme: Programme) -> None:
        if deck.dropped:
            programme.close()
            with self._changed:
                self._jobs.remove((deck, programme))
            return
        try:
            programme.fill(deck, min(deck.ready + round(_TURN_S * deck.rate_hz), _lead(deck)))
        except Exception:  # noqa: BLE001 - the other decks must find their thread alive
            _LOG.exception("a track could not be decoded")
            deck.ended = True

    def _tell(self) -> None:
        played = None if self._mixer is None else self._mixer.take_played()
        if played is None or self._on_played is None or self._mixer is None:
            return
        try:
            self._on_played(played[0], self._mixer.rate_hz, played[1])
        except Exception:  # noqa: BLE001 - music goes on, whatever becomes of what was told
            _LOG.exception("what was played could not be told: it is not told any more")
            self._on_played = None


def _lead(deck: Deck) -> int:
    return round(_AHEAD_S * deck.rate_hz)


def _wants(deck: Deck) -> bool:
    return deck.dropped or (not deck.ended and deck.ready < _lead(deck) - round(_TURN_S * deck.rate_hz))

"""Decodes ahead of what is heard, and reports what was sent out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from playback.local_player.mixer import Deck, Mixer
from playback.local_player.play_queue import TrackDecoder
from playback.serial_executor import SerialExecutor

_LOG = logging.getLogger(__name__)

OnPlayed = Callable[[npt.NDArray[np.float32], int, float], None]
"""Called with what was sent out: mono, shape (frames,); its rate in Hz; and when its last frame goes out, by
`time.perf_counter`, to within some tenths of a second."""

_AHEAD_S: Final = 3.0
_TURN_S: Final = 0.25
_TICK_S: Final = 0.1
_CLOSE_S: Final = 0.2


class Feeder:
    """Fills decks on a thread of its own, until the mixer is done with them.

    Parameters
    ----------
    on_played
        See `OnPlayed`; called on that thread, some ten times a second while a loudspeaker is open.
    """

    def __init__(self, on_played: OnPlayed | None = None) -> None:
        self._on_played = on_played
        self._decks: list[tuple[Deck, TrackDecoder]] = []
        self._mixer: Mixer | None = None
        self._more_is_due = False
        self._thread = SerialExecutor("attune-local-feeder", tick=self._feed_all, tick_s=_TICK_S)

    def add(self, deck: Deck, decoder: TrackDecoder, mixer: Mixer) -> None:
        """Go on with a deck; the decoder belongs to this thread from now on."""
        self._thread.post(partial(self._add, deck, decoder, mixer))

    def close(self) -> None:
        """End, and close all files; calling it again changes nothing."""
        self._thread.post(self._close_files)
        self._thread.close(_CLOSE_S, finish=True)

    # On the thread

    def _add(self, deck: Deck, decoder: TrackDecoder, mixer: Mixer) -> None:
        self._decks.insert(0, (deck, decoder))  # the newest is the one that is waited for
        self._mixer = mixer
        self._feed_all()

    def _close_files(self) -> None:
        for _, decoder in self._decks:
            decoder.close()
        self._decks.clear()

    def _feed_all(self) -> None:
        for deck, decoder in tuple(self._decks):
            self._feed(deck, decoder)
        self._report()
        if not self._more_is_due and any(_wants(deck) for deck, _ in self._decks):
            self._more_is_due = True
            self._thread.post(self._feed_more)

    def _feed_more(self) -> None:
        self._more_is_due = False
        self._feed_all()

    def _feed(self, deck: Deck, decoder: TrackDecoder) -> None:
        if deck.dropped:
            decoder.close()
            self._decks.remove((deck, decoder))
            return
        try:
            decoder.fill(deck, min(deck.ready + round(_TURN_S * deck.rate_hz), _lead(deck)))
        except Exception:  # noqa: BLE001 - the other decks must be fed on
            _LOG.exception("a track could not be decoded")
            deck.ended = True

    def _report(self) -> None:
        if self._mixer is None or self._on_played is None:
            return
        played = self._mixer.take_played()
        if played is None:
            return
        try:
            self._on_played(played[0], self._mixer.rate_hz, played[1])
        except Exception:  # noqa: BLE001 - music goes on, whatever becomes of the report
            _LOG.exception("what was played could not be reported: it is not reported any more")
            self._on_played = None


def _lead(deck: Deck) -> int:
    return round(_AHEAD_S * deck.rate_hz)


def _wants(deck: Deck) -> bool:
    return deck.dropped or (not deck.ended and deck.ready < _lead(deck) - round(_TURN_S * deck.rate_hz))

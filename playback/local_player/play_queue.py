"""The tracks of a playlist, decoded one after the other without an end; what cannot be read is skipped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import AudioDecodeError
from playback.library.loudness import levelling_gain
from playback.library.tracks import TrackRow
from playback.local_player.decode import OpenSound, SoundStream, stereo_blocks
from playback.local_player.mixer import Deck, Stereo

_LOG = logging.getLogger(__name__)
_MARGIN_S: Final = 0.5
_EDGE_S: Final = 0.005
_Reader = Iterator[Stereo]


class PlayQueue:
    """Which tracks follow each other: made round by round, when one is over; any thread may ask.

    Parameters
    ----------
    make
        Gives the tracks of the round of that number, from 0; none where there are none any more.
    """

    def __init__(self, make: Callable[[int], Sequence[TrackRow]]) -> None:
        self._make = make
        self._rows: list[TrackRow] = []
        self._rounds = 0
        self._round_length = 0
        self._lock = threading.Lock()

    def row(self, number: int) -> TrackRow | None:
        """The track of that number, from 0; None where there is none any more."""
        with self._lock:
            while number >= len(self._rows):
                made = self._make(self._rounds)
                if not made:
                    return None
                self._rounds += 1
                self._round_length = len(made)
                self._rows += made
            return self._rows[number]

    @property
    def round_length(self) -> int:
        """Tracks of the newest round: when so many cannot be read one after the other, none can."""
        with self._lock:
            return max(1, self._round_length)


class TrackDecoder:
    """Decodes the tracks of a queue into a deck; one thread at a time may use it.

    Parameters
    ----------
    queue
        Which tracks follow each other.
    open_sound
        Opens a file.
    on_problem
        Called with a sentence about every file that was skipped.
    first
        Number of the track to begin with.
    skip_s
        How much of it is left out, s.
    """

    def __init__(
        self,
        queue: PlayQueue,
        open_sound: OpenSound,
        on_problem: Callable[[str], None],
        *,
        first: int = 0,
        skip_s: float = 0.0,
    ) -> None:
        self._queue = queue
        self._open_sound = open_sound
        self._on_problem = on_problem
        self._next = first
        self._skip_s = skip_s
        self._failed = 0
        self._stream: SoundStream | None = None
        self._blocks: _Reader | None = None

    def fill(self, deck: Deck, frames: int) -> None:
        """Go on until a deck has so many frames ready, is full, or there is nothing more to play."""
        margin = round(_MARGIN_S * deck.rate_hz)
        while not deck.ended and deck.ready < frames and deck.room > margin:
            if self._blocks is None and not self._begin(deck):
                deck.ended = True
                return
            block = self._block()
            if block is None:
                self.close()
            else:
                deck.write(block)

    def close(self) -> None:
        """Close the file that is open."""
        self._blocks = None
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _begin(self, deck: Deck) -> bool:
        """Open the next track that can be read; False where there is none."""
        while self._failed < self._queue.round_length:
            number, skip_s = self._next, self._skip_s
            row = self._queue.row(number)
            if row is None:
                return False
            self._next, self._skip_s = number + 1, 0.0
            try:
                self._stream = self._open_sound(row.path)
            except (AudioDecodeError, OSError) as error:
                self._skip(row.path, error)
                continue
            gain = levelling_gain(row.rms, row.peak)
            reader = stereo_blocks(self._stream, deck.rate_hz, gain=gain, skip_s=skip_s)
            self._blocks = _fade_edges(reader, round(_EDGE_S * deck.rate_hz))
            deck.marks.append((deck.written, number, skip_s))
            return True
        return False

    def _block(self) -> Stereo | None:
        assert self._blocks is not None
        try:
            block = next(self._blocks, None)
        except (AudioDecodeError, OSError) as error:
            self._skip(None, error)
            return None
        if block is not None and len(block):
            self._failed = 0
        return block

    def _skip(self, path: Path | None, error: Exception) -> None:
        self._failed += 1
        sentence = str(error) if isinstance(error, AudioDecodeError) else f"{path} cannot be read ({error})."
        _LOG.warning("a track was skipped: %s", sentence)
        self._on_problem(sentence)


def _fade_edges(blocks: _Reader, frames: int) -> _Reader:
    """Fade a track in where it begins and out where it ends or breaks off, so that it does not click."""
    ramp = np.linspace(0.0, 1.0, frames, dtype=np.float32)[:, np.newaxis]
    held: Stereo | None = None
    begun = False
    try:
        for block in blocks:
            if not len(block):
                continue
            if not begun and len(block) >= frames:
                block = block.copy()  # noqa: PLW2901 - the decoder may go on using its own
                block[:frames] *= ramp
            begun = True
            if held is not None:
                yield held
            held = block
    except (AudioDecodeError, OSError):
        if held is not None:
            yield _faded(held, ramp)
        raise
    if held is not None:
        yield _faded(held, ramp)


def _faded(block: Stereo, ramp: Stereo) -> Stereo:
    frames = min(len(block), len(ramp))
    faded = block.copy()
    faded[len(block) - frames :] *= ramp[::-1][len(ramp) - frames :]
    return faded

"""What goes out of the loudspeaker: decks of decoded sound, faded into each other, at one volume."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

CHANNELS: Final = 2
Stereo = npt.NDArray[np.float32]  # float32, shape (frames, 2), 1 is full scale

Render = Callable[[Stereo, float], None]
"""Fills a block that goes out: its last frame does so at that time of `time.perf_counter`."""

_BLOCK: Final = 1024
_STEPS: Final = np.arange(1, _BLOCK + 1, dtype=np.float32)
_BEND: Final = np.float32(3.0)
_QUARTER: Final = np.float32(np.pi / 2.0)
_VOLUME_S: Final = 0.05
_PLAYED_S: Final = 4.0


class _Fade:
    """A value on its way to another: quick at first, gentle at its end."""

    def __init__(self, value: float) -> None:
        self.value = value
        self._start = self._target = value
        self._passed = self._frames = 0

    @property
    def done(self) -> bool:
        return self._passed >= self._frames

    def to(self, target: float, frames: int) -> None:
        self._start, self._target = self.value, target
        self._passed, self._frames = 0, frames
        if not frames:
            self.value = target

    def fill(self, out: npt.NDArray[np.float32]) -> None:
        """Give the values of so many frames, at most a block of the mixer's."""
        if self.done:
            out.fill(self.value)
            return
        frames = len(out)
        np.add(_STEPS[:frames], self._passed, out=out)
        np.divide(out, self._frames, out=out)
        np.minimum(out, 1.0, out=out)
        np.subtract(1.0, out, out=out)
        np.power(out, _BEND, out=out)
        np.multiply(out, self._start - self._target, out=out)
        np.add(out, self._target, out=out)
        self._passed += frames
        self.value = self._target if self.done else float(out[-1])


class Deck:
    """Sound on its way from one thread that decodes to another that plays.

    Parameters
    ----------
    rate_hz
        Of the output.
    seconds
        Room for sound.
    """

    def __init__(self, rate_hz: int, *, seconds: float = 4.0) -> None:
        self.rate_hz = rate_hz
        # Frames put in and taken out so far.
        self.written = 0
        self.played = 0
        # Frame at which each track begins, the track's number, and s of it that were left out; oldest first.
        self.marks: list[tuple[int, int, float]] = []
        self.ended = False  # nothing more will be written
        self.dropped = False  # the mixer is done with it
        self.fade = _Fade(0.0)
        self._ring = np.zeros((round(rate_hz * seconds), CHANNELS), dtype=np.float32)

    @property
    def ready(self) -> int:
        """Frames that can be taken."""
        return self.written - self.played

    @property
    def room(self) -> int:
        """Frames that can be put in."""
        return len(self._ring) - self.ready

    def write(self, block: Stereo) -> None:
        """Put in what follows; there must be room."""
        start = self.written % len(self._ring)
        first = min(len(block), len(self._ring) - start)
        self._ring[start : start + first] = block[:first]
        self._ring[: len(block) - first] = block[first:]
        self.written += len(block)

    def take(self, out: Stereo) -> int:
        """Fill a block, with silence where there is nothing; returns the frames that there were."""
        frames = min(len(out), self.ready)
        start = self.played % len(self._ring)
        first = min(frames, len(self._ring) - start)
        out[:first] = self._ring[start : start + first]
        out[first:frames] = self._ring[: frames - first]
        out[frames:] = 0.0
        self.played += frames
        return frames

    def position(self) -> tuple[int, float]:
        """Number of the track that plays, and how far it has got, s."""
        number, began, skipped_s = 0, 0, 0.0
        for mark, track, left_out_s in tuple(self.marks):
            if mark > self.played:
                break
            number, began, skipped_s = track, mark, left_out_s
        return number, skipped_s + (self.played - began) / self.rate_hz


class Mixer:
    """Mixes decks into what goes out.

    One thread, a sound device's, calls `render`: it allocates nothing of size, takes no lock and never waits.
    Any other may call the rest, which takes effect with the next block.

    Parameters
    ----------
    rate_hz
        Of the output.
    volume
        0 to 1, as people see it; loudness goes with its square.
    """

    def __init__(self, rate_hz: int, *, volume: float = 1.0) -> None:
        self.rate_hz = rate_hz
        self.underruns = 0  # blocks for which a deck had too little
        self._commands: deque[Callable[[], None]] = deque()
        self._decks: list[Deck] = []
        self._pausing = _Fade(1.0)
        self._volume = _Fade(volume**2)
        self._paused = False
        self._silent = False
        self._scratch = np.zeros((_BLOCK, CHANNELS), dtype=np.float32)
        self._gain = np.zeros(_BLOCK, dtype=np.float32)
        self._other = np.zeros(_BLOCK, dtype=np.float32)
        self._out = np.zeros(round(rate_hz * _PLAYED_S), dtype=np.float32)
        self._sent = 0
        self._given = 0
        self._end_s = 0.0

    def switch(self, deck: Deck, fade_s: float, *, first_s: float) -> None:
        """Let a deck be heard instead of those before; `first_s` is its fade where nothing is heard yet."""
        self._commands.append(lambda: self._switch(deck, fade_s, first_s))

    def pause(self, fade_s: float) -> None:
        """Fade to silence, and rest there."""
        self._commands.append(lambda: self._pause(fade_s))

    def resume(self, fade_s: float) -> None:
        """Go on where it rested."""
        self._commands.append(lambda: self._resume(fade_s))

    def set_volume(self, volume: float) -> None:
        """Set the volume, 0 to 1."""
        self._commands.append(lambda: self._volume.to(volume**2, round(_VOLUME_S * self.rate_hz)))

    def take_played(self) -> tuple[npt.NDArray[np.float32], float] | None:
        """What was sent out since the last call, mono, and when its last frame goes out; None where nothing.

        One thread alone may call it. Of what is older than some seconds nothing is known any more.
        """
        sent, end_s = self._sent, self._end_s
        frames = min(sent - self._given, len(self._out) // 2)
        self._given = sent
        if not frames:
            return None
        places = np.arange(sent - frames, sent) % len(self._out)
        return self._out[places], end_s

    def render(self, out: Stereo, end_s: float) -> None:
        """Fill a block; see `Render`."""
        while self._commands:
            self._commands.popleft()()
        for start in range(0, len(out), _BLOCK):
            self._mix(out[start : start + _BLOCK])
        self._note(out, end_s)

    def _mix(self, out: Stereo) -> None:
        out.fill(0.0)
        if self._silent:
            return
        frames = len(out)
        gain, scratch = self._gain[:frames], self._scratch[:frames]
        for deck in self._decks:
            if deck.take(scratch) < frames and not deck.ended:
                self.underruns += 1
            _sine(deck.fade, gain)
            self._add(out, scratch, gain)
        other = self._other[:frames]
        _sine(self._pausing, gain)
        self._volume.fill(other)
        np.multiply(gain, other, out=gain)
        np.multiply(out, gain[:, np.newaxis], out=out)
        np.clip(out, -1.0, 1.0, out=out)
        self._tidy()

    @staticmethod
    def _add(out: Stereo, scratch: Stereo, gain: npt.NDArray[np.float32]) -> None:
        np.multiply(scratch, gain[:, np.newaxis], out=scratch)
        np.add(out, scratch, out=out)

    def _tidy(self) -> None:
        self._silent = self._paused and self._pausing.done
        for deck in tuple(self._decks):
            faded = deck.fade.done and deck.fade.value == 0.0
            if faded or (deck.ended and not deck.ready):
                deck.dropped = True
                self._decks.remove(deck)

    def _note(self, out: Stereo, end_s: float) -> None:
        """Keep it in mono, for those who want to know what was sent out."""
        start = self._sent % len(self._out)
        first = min(len(out), len(self._out) - start)
        for kept, block in (
            (self._out[start : start + first], out[:first]),
            (self._out[: len(out) - first], out[first:]),
        ):
            np.add(block[:, 0], block[:, 1], out=kept)
            np.multiply(kept, 0.5, out=kept)
        self._sent += len(out)
        self._end_s = end_s

    def _switch(self, deck: Deck, fade_s: float, first_s: float) -> None:
        if self._silent:
            self._drop_all()
        frames = round((fade_s if self._decks else first_s) * self.rate_hz)
        for before in self._decks:
            before.fade.to(0.0, frames)
        deck.fade.to(1.0, frames)
        self._decks.append(deck)
        self._resume(first_s)

    def _pause(self, fade_s: float) -> None:
        if not self._paused:
            self._paused = True
            self._pausing.to(0.0, round(fade_s * self.rate_hz))

    def _resume(self, fade_s: float) -> None:
        if self._paused:
            self._paused = self._silent = False
            self._pausing.to(1.0, round(fade_s * self.rate_hz))

    def _drop_all(self) -> None:
        for deck in self._decks:
            deck.dropped = True
        self._decks.clear()


def _sine(fade: _Fade, gain: npt.NDArray[np.float32]) -> None:
    """Gains of equal power: those of two decks that change places have squares that sum to 1."""
    fade.fill(gain)
    np.multiply(gain, _QUARTER, out=gain)
    np.sin(gain, out=gain)

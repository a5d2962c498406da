"""Downmix of channels to one: their mean, unless they cancel each other out, are dead or only hiss."""

from __future__ import annotations

from itertools import groupby
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
Powers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_FRAME_S: Final = 0.05
_SECOND: Final = 20  # frames that are judged together
_CONFIRMED: Final = 4  # frames for which something holds before the choice of channels follows
_AUDIBLE_POWER: Final = 1e-7  # -70 dBFS: nothing is concluded from quieter frames
# A channel that stays quieter, and far below the loudest, is dead.
_DEAD_BELOW: Final = 0.01
_UNCONNECTED_POWER: Final = 1e-10  # the same in the first second of a stream
# Power of the sum over the sum of powers: 1 for unrelated channels, 0 for those that cancel each other out.
_CANCEL_BELOW: Final = 0.5
_CANCEL_AT_ONCE_BELOW: Final = 0.1
_ADD_UP_FROM: Final = 0.8
_WORTH_HEARING: Final = 1 / 30  # of the power at which they cancelled; what is quieter may be noise
_MUCH_LOUDER: Final = 2.0  # power of another channel over that of the one in use, from which it is taken
# Logarithm of the mean power less the mean logarithm: below 0.01 in hiss and hum, above 0.35 in speech
# (95 % of its seconds).
_STEADY_BELOW: Final = 0.01
_SPEAKS_FROM: Final = 0.35

_CANCEL_NOTICE: Final = (
    "The channels cancel each other out when they are mixed (one is inverted, or late), so the loudest is "
    "used alone."
)
_NOISE_NOTICE: Final = "A channel holds nothing but steady noise, so it is left out."


class _Seconds(NamedTuple):
    """What is known of the second up to each of n frames."""

    powers: Powers  # mean products of channels, (n, channels, channels)
    level: Powers  # mean power of the channels in the frame itself, (n,)
    dead: Flags  # (n, channels)
    steady: Flags  # (n, channels)
    speaks: Flags  # (n, channels)


class Downmix:
    """Mix a stream down to one channel, the same samples for any block size.

    Ordinary sound gets the mean of all channels. Each frame of 50 ms decides from the second before it what
    the next one gets: dead channels are left out, also one with only steady noise beside one that speaks; of
    channels that cancel each other out the loudest is used alone.

    Parameters
    ----------
    rate_hz
        Native rate of the stream.
    channels
        At least 1.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        # Powers are measured of about 8 000 samples a second: enough, and quick.
        self._step_samples = rate_hz // 8_000
        self._frame = round(_FRAME_S * rate_hz / self._step_samples) * self._step_samples
        self._all = tuple(range(channels))
        self._position = 0  # samples since the last whole frame
        self._pending = np.zeros((channels, 0), dtype=np.float32)  # what is measured of them
        # Of the newest frames: products of channels, and logarithms of their powers.
        self._known = np.zeros((_SECOND - 1, channels * (channels + 1)))
        self._seen = 0
        self._chosen = self._all
        self._wanted, self._wanted_for = self._all, 0
        self._noise: tuple[int, ...] = ()
        self._cancelling = False
        self._cancelled_power = 0.0
        self._contrary = 0  # frames in a row that deny `_cancelling`, of those that tell anything
        # Frames that sound, and those in which channels cancelled, or one held only noise.
        self._sounding = self._cancelled = self._hissed = 0

    @property
    def notice(self) -> str:
        """What is wrong with the channels most of the time, for people; empty where nothing."""
        often = max(_SECOND, self._sounding // 2)
        if self._cancelled >= often:
            return _CANCEL_NOTICE
        return _NOISE_NOTICE if self._hissed >= often else ""

    def interrupt(self) -> None:
        """Take note that a little sound is missing here; the choice of channels stays."""
        self._position, self._pending = 0, self._pending[:, :0]

    def process(self, block: Samples) -> Samples:
        """Mix the next block, shape (frames, channels), finite, of any length; returns shape (frames,)."""
        if len(self._all) == 1:
            return block[:, 0]
        begun = self._position
        new = block.T[:, -begun % self._step_samples :: self._step_samples]
        measured = np.concatenate([self._pending, new], axis=1)
        whole, self._position = divmod(begun + len(block), self._frame)
        used = whole * (self._frame // self._step_samples)
        self._pending = measured[:, used:].copy()
        choices = [self._chosen, *self._choices(measured[:, :used])]
        parts = []
        start = 0
        for chosen, run in groupby(choices):
            stop = start + len(list(run))
            first, end = (max(0, index * self._frame - begun) for index in (start, stop))
            parts.append(_mean(block[first:end], chosen))
            start = stop
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _choices(self, measured: Samples) -> list[tuple[int, ...]]:
        """The channels to use after each of some whole frames."""
        if not measured.size:
            return []
        samples = self._frame // self._step_samples
        seconds = self._seconds(measured.reshape(len(self._all), -1, samples))
        self._sounding += int(np.count_nonzero(seconds.level >= _AUDIBLE_POWER))
        if self._ordinary(seconds):
            return [self._all] * len(seconds.level)
        return [self._step(*frame) for frame in zip(*seconds, strict=True)]

    def _seconds(self, frames: Samples) -> _Seconds:
        """Take whole frames, shape (channels, n, samples)."""
        channels, count, samples = frames.shape
        moving = frames - frames[:, :, :1]  # a constant offset is no sound
        sums = moving.sum(axis=2).astype(np.float64)
        products = np.vecdot(moving[:, np.newaxis], moving).astype(np.float64)  # (channels, channels, n)
        powers = np.moveaxis((products - sums[:, np.newaxis] * sums / samples) / samples, 2, 0)
        own = np.maximum(np.diagonal(powers, axis1=1, axis2=2), 0.0)  # (n, channels)
        new = np.concatenate([powers.reshape(count, -1), np.log(own + 1e-12)], axis=1)
        known = np.concatenate([self._known, new])
        self._known = known[count:]
        mean = np.zeros_like(new)
        for shift in range(_SECOND):  # one after the other, so that each sum has the same bits in any block
            mean += known[shift : shift + count]
        mean /= _SECOND
        self._seen += count
        settled = np.arange(self._seen - count + 1, self._seen + 1)[:, np.newaxis] >= _SECOND
        lasting = mean[:, :-channels].reshape(powers.shape)
        second = np.maximum(np.diagonal(lasting, axis1=1, axis2=2), 0.0)  # (n, channels)
        dead = second < np.where(settled, _AUDIBLE_POWER, _UNCONNECTED_POWER)
        dead &= second < _DEAD_BELOW * second.max(axis=1, keepdims=True)
        spread = np.log(second + 1e-12) - mean[:, -channels:]
        steady = (spread < _STEADY_BELOW) & settled & ~dead
        speaks = (spread > _SPEAKS_FROM) & settled & ~dead
        return _Seconds(lasting, own.mean(axis=1), dead, steady, speaks)

    def _ordinary(self, seconds: _Seconds) -> bool:
        """Whether all channels are in use and nothing in these frames speaks against it."""
        if self._wanted != self._all or self._chosen != self._all or self._contrary:
            return False
        dead, noise = seconds.dead, seconds.steady.any(axis=1) & seconds.speaks.any(axis=1)
        cancel = _cancel(seconds.powers) & (seconds.level >= _AUDIBLE_POWER)
        return not (noise | cancel | dead.any(axis=1)).any()

    def _step(
        self, powers: Powers, level: np.float64, dead: Flags, steady: Flags, speaks: Flags
    ) -> tuple[int, ...]:
        """Take one frame (see `_Seconds`) and return the channels to use after it."""
        self._noise = tuple(
            channel for channel in self._all if steady[channel] and (speaks.any() or channel in self._noise)
        )
        alive = tuple(channel for channel in self._all if not dead[channel])
        usable = tuple(channel for channel in alive if channel not in self._noise) or alive
        among = powers[np.ix_(usable, usable)]
        if self._cancelling:
            self._cancelled_power = max(self._cancelled_power, float(level))
            telling = level >= _WORTH_HEARING * self._cancelled_power
            contrary, needed = not bool(_cancel(among, below=_ADD_UP_FROM)), _SECOND
        else:
            telling = level >= _AUDIBLE_POWER
            contrary = bool(_cancel(among))
            needed = 1 if _cancel(among, below=_CANCEL_AT_ONCE_BELOW) else _CONFIRMED
        if telling:
            self._contrary = self._contrary + 1 if contrary else 0
        if self._contrary >= needed:
            self._cancelling, self._contrary, self._cancelled_power = not self._cancelling, 0, 0.0
        wanted = (self._loudest(among, usable),) if self._cancelling else usable
        self._wanted_for = self._wanted_for + 1 if wanted == self._wanted else 1
        self._wanted = wanted
        # What comes back is heard at once, and cancelling is confirmed already.
        if self._cancelling or set(wanted) >= set(self._chosen) or self._wanted_for >= _CONFIRMED:
            self._chosen = wanted
        self._count(level)
        return self._chosen

    def _loudest(self, among: Powers, usable: tuple[int, ...]) -> int:
        own = dict(zip(usable, among.diagonal().tolist(), strict=True))
        best = max(own, key=own.__getitem__)
        held = self._chosen[0] if len(self._chosen) == 1 else best
        return held if own.get(held, 0.0) * _MUCH_LOUDER >= own[best] else best

    def _count(self, level: np.float64) -> None:
        if level >= _AUDIBLE_POWER:
            self._cancelled += self._cancelling
            self._hissed += not set(self._noise).isdisjoint(set(self._all) - set(self._chosen))


def _cancel(powers: Powers, *, below: float = _CANCEL_BELOW) -> Flags:
    """Whether channels cancel each other out, from their products, shape (..., channels, channels)."""
    of_sum = powers.sum(axis=(-2, -1))
    cancelling: Flags = of_sum < below * np.trace(powers, axis1=-2, axis2=-1)
    return cancelling


def _mean(block: Samples, channels: tuple[int, ...]) -> Samples:
    if len(channels) == 1:
        return block[:, channels[0]]
    # Channel by channel: about ten times as fast as NumPy's mean over so short an axis.
    mono: Samples = block[:, channels[0]] + block[:, channels[1]]
    for channel in channels[2:]:
        mono += block[:, channel]
    mono /= np.float32(len(channels))
    return mono

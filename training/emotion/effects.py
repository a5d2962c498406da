"""The augmented views of a clip: windows of 3 s as other rooms and microphones give them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.resample import SAMPLE_RATE_HZ, Audio
from training.channel import add_noise, opus, pink_noise, reverberate, telephone
from training.data.window import cut

_WINDOW_SAMPLES: Final = 3 * SAMPLE_RATE_HZ
_MU: Final = 255.0


@dataclass(frozen=True)
class EffectSettings:
    """Settings of the augmented views; shares are of windows, [0, 1]."""

    # Share where the voice may run over the edge of the window, and the seconds that stay inside.
    edge_share: float = 0.25
    keep_s: float = 1.3
    # Share in a room, and the range of its reverberation time, seconds.
    room_share: float = 0.3
    rt60_s: tuple[float, float] = (0.15, 0.8)
    # Share with a noise beside the voice, and the range of voice over noise, dB.
    noise_share: float = 0.5
    snr_db: tuple[float, float] = (5.0, 35.0)
    # Share cut to the telephone band, coded as Opus, coded with 8-bit mu-law.
    telephone_share: float = 0.05
    opus_share: float = 0.1
    mu_law_share: float = 0.05
    # Largest change of level of a voice of peak 1, dB; what leaves [-1, 1] is clipped, as an overdriven
    # microphone does it.
    gain_db: float = 6.0


def place(
    rng: np.random.Generator,
    audio: Audio,
    active: tuple[int, int],
    n_samples: int,
    *,
    over_edge: bool,
    keep: int,
) -> Audio:
    """Put a clip somewhere into a window, float32 ``(n_samples,)``, with zeros where there is no clip.

    Parameters
    ----------
    active
        First and last sample of the voice within the clip.
    over_edge
        Whether the voice may begin before or end after the window.
    keep
        Samples of voice that stay inside the window; less when the clip has less.
    """
    first, last = active
    keep = min(keep, last - first, n_samples)
    # The window starts at clip sample `start`, which is negative when the clip begins inside it.
    if over_edge:
        low, high = first + keep - n_samples, last - keep
    elif last - first >= n_samples:
        low, high = first, last - n_samples
    else:
        low, high = last - n_samples, first
    return cut(audio, int(rng.integers(low, high + 1)), n_samples)


def _add_gain(window: Audio, gain_db: float) -> Audio:
    """Raise or lower the level; what leaves [-1, 1] is clipped."""
    louder: Audio = np.clip(window * np.float32(10 ** (gain_db / 20)), -1.0, 1.0)
    return louder


def _mu_law(window: Audio) -> Audio:
    """The voice in 8 bits of mu-law and back (ITU-T G.711's curve), same shape, in [-1, 1]."""
    squeezed = np.sign(window) * np.log1p(_MU * np.minimum(np.abs(window), 1.0)) / np.log1p(_MU)
    steps = np.rint(squeezed * 127.0) / 127.0
    decoded: Audio = (np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(_MU)) / _MU).astype(np.float32)
    return decoded


def some_noise(rng: np.random.Generator, recordings: Sequence[Audio], n_samples: int) -> Audio:
    """A random stretch of a random recording, looped where it is short; pink noise without recordings."""
    if not recordings:
        return pink_noise(n_samples, rng)
    sound = recordings[int(rng.integers(len(recordings)))]
    start = int(rng.integers(len(sound)))
    stretch: Audio = sound[(start + np.arange(n_samples)) % len(sound)]
    return stretch


def view_rng(seed: int, view: int, path: str) -> np.random.Generator:
    """Random generator of one view of one clip: the same whatever other clips are in the list."""
    return np.random.default_rng([seed, view, zlib.crc32(path.encode())])


def augmented_window(
    rng: np.random.Generator,
    audio: Audio,
    active: tuple[int, int],
    recordings: Sequence[Audio],
    settings: EffectSettings,
) -> Audio:
    """A clip, shifted within its window, as another room, microphone or line would give it, ``(48000,)``.

    Recordings may stand beside the voice, float32 at 16 kHz; without any, pink noise does.
    """
    window = place(
        rng,
        audio / max(float(np.abs(audio).max(initial=0.0)), 1e-6),
        active,
        _WINDOW_SAMPLES,
        over_edge=bool(rng.random() < settings.edge_share),
        keep=int(settings.keep_s * SAMPLE_RATE_HZ),
    )
    if rng.random() < settings.room_share:
        window = reverberate(window, float(rng.uniform(*settings.rt60_s)), rng)
    if rng.random() < settings.noise_share:
        noise = some_noise(rng, recordings, window.size)
        window = add_noise(window, noise, float(rng.uniform(*settings.snr_db)))
    if rng.random() < settings.telephone_share:
        window = telephone(window)
    window = _add_gain(window, float(rng.uniform(-settings.gain_db, settings.gain_db)))
    if rng.random() < settings.opus_share:
        window = opus(window)
    if rng.random() < settings.mu_law_share:
        window = _mu_law(window)
    return window

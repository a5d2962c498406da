"""Owns what happens to a voice on its way to the microphone: noise, telephone, codec, room."""

from __future__ import annotations

import io
import logging
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr

from core.errors import AudioDecodeError, DataError
from models.audio import SUPPORTED_SUFFIXES, decode
from models.resample import SAMPLE_RATE_HZ, Audio

__all__ = [
    "CONDITIONS",
    "Condition",
    "add_noise",
    "opus",
    "pink_noise",
    "play_on",
    "read_recordings",
    "reverberate",
    "telephone",
]

_LOG = logging.getLogger(__name__)

Condition = Callable[[Audio, Sequence[Audio], np.random.Generator], Audio]
"""From a window, recorded noises (none: pink noise) and chance to the window as it arrives."""

_FRAME: Final = SAMPLE_RATE_HZ // 50
_ACTIVE_BELOW_LOUDEST_DB: Final = 35.0
_TELEPHONE_RATE_HZ: Final = 8_000
_TELEPHONE_BAND_HZ: Final = (300.0, 3400.0)
_BAND_EDGE_HZ: Final = 100.0
# libsndfile maps 0..1 to 256..6 kbit/s a channel: this is 16 kbit/s, a poor mobile call.
_OPUS_COMPRESSION: Final = 0.96
_RECORDINGS_LIMIT_S: Final = 3600.0
_LONGEST_MEMBER_BYTES: Final = 256 * 2**20


def pink_noise(samples: int, rng: np.random.Generator) -> Audio:
    """Noise with power falling as 1/f from 20 Hz on, root mean square 0.1, shape ``(samples,)``."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency_hz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ)
    spectrum /= np.sqrt(np.maximum(frequency_hz, 20.0))
    noise = np.fft.irfft(spectrum, samples)
    result: Audio = (0.1 * noise / np.sqrt(np.mean(noise**2))).astype(np.float32)
    return result


def add_noise(window: Audio, noise: Audio, snr_db: float) -> Audio:
    """Lay noise under a voice.

    Parameters
    ----------
    window
        The voice; its power is taken where it is within 35 dB of its loudest 20 ms, so that pauses
        do not lower the noise.
    noise
        As long as the window.
    snr_db
        Power of the voice over that of the noise, dB.

    Returns
    -------
    ndarray
        float32, same shape, scaled down where the sum would leave [-1, 1].
    """
    noise_power = float(np.mean(np.square(noise, dtype=np.float64)))
    if noise_power == 0.0:
        return window
    gain = np.sqrt(_active_power(window) / noise_power * 10 ** (-snr_db / 10))
    return _within_range(window + np.float32(gain) * noise)


def telephone(window: Audio) -> Audio:
    """The voice through a telephone: 8 kHz, 300 to 3400 Hz, same shape."""
    narrow = soxr.resample(window, SAMPLE_RATE_HZ, _TELEPHONE_RATE_HZ)
    frequency_hz = np.fft.rfftfreq(len(narrow), 1 / _TELEPHONE_RATE_HZ)
    low_hz, high_hz = _TELEPHONE_BAND_HZ
    rise = np.clip((frequency_hz - low_hz) / _BAND_EDGE_HZ + 0.5, 0.0, 1.0)
    fall = np.clip((high_hz - frequency_hz) / _BAND_EDGE_HZ + 0.5, 0.0, 1.0)
    banded = np.fft.irfft(np.fft.rfft(narrow) * rise * fall, len(narrow)).astype(np.float32)
    wide = np.asarray(soxr.resample(banded, _TELEPHONE_RATE_HZ, SAMPLE_RATE_HZ), dtype=np.float32)
    return _within_range(_fit(wide, len(window)))


def opus(window: Audio) -> Audio:
    """The voice encoded as Opus at 16 kbit/s and decoded again, same shape."""
    coded = io.BytesIO()
    soundfile.write(
        coded,
        window,
        SAMPLE_RATE_HZ,
        format="OGG",
        subtype="OPUS",
        compression_level=_OPUS_COMPRESSION,
    )
    coded.seek(0)
    decoded, _ = soundfile.read(coded, dtype="float32")
    return _within_range(_fit(decoded, len(window)))


def reverberate(window: Audio, rt60_s: float, rng: np.random.Generator) -> Audio:
    """The voice in a room: direct sound and a tail of noise that decays by 60 dB in ``rt60_s``.

    The tail has as much energy as the direct sound (a listener at the critical distance). After
    Polack's model of late reverberation, 1988.

    Parameters
    ----------
    window
        The voice.
    rt60_s
        Reverberation time, seconds.
    rng
        Of the room.

    Returns
    -------
    ndarray
        float32, same shape; what rings beyond the end is cut off.
    """
    length = round(rt60_s * SAMPLE_RATE_HZ)
    response = rng.standard_normal(length) * np.exp(-np.log(1000.0) * np.arange(length) / length)
    response /= np.sqrt(np.sum(response**2))
    response[0] = 1.0
    size = 1 << (len(window) + length - 1).bit_length()  # lengths with large prime factors are slow
    wet = np.fft.irfft(np.fft.rfft(window, size) * np.fft.rfft(response, size), size)[: len(window)]
    return _within_range(wet.astype(np.float32))


def play_on(recordings: Sequence[Audio], samples: int, rng: np.random.Generator, *, layers: int = 1) -> Audio:
    """Play recordings one after the other in random order and loudness, for as long as is asked.

    Parameters
    ----------
    recordings
        At least one that is not empty.
    samples
        Length of what comes out.
    rng
        Of order and loudness (peak -20 to -1 dBFS).
    layers
        How many play at the same time.

    Returns
    -------
    ndarray
        float32, ``(samples,)``, [-1, 1].
    """
    mix = np.zeros(samples, dtype=np.float32)
    for _ in range(layers):
        position, order = 0, iter(())  # type: tuple[int, Iterator[int]]
        while position < samples:
            index = next(order, None)
            if index is None:
                order = iter(rng.permutation(len(recordings)).tolist())
                continue
            sound = recordings[index][: samples - position]
            peak = float(np.abs(sound).max(initial=1e-6))
            mix[position : position + len(sound)] += sound * np.float32(
                10 ** (rng.uniform(-20, -1) / 20) / peak
            )
            position += len(sound)
    return _within_range(mix)


def _noisy(snr_db: float) -> Condition:
    def apply(window: Audio, noises: Sequence[Audio], rng: np.random.Generator) -> Audio:
        return add_noise(window, _some_noise(len(window), noises, rng), snr_db)

    return apply


def _some_noise(samples: int, noises: Sequence[Audio], rng: np.random.Generator) -> Audio:
    """A stretch of a recording drawn by chance, looped where it is short; pink noise without any."""
    if not noises:
        return pink_noise(samples, rng)
    noise = noises[int(rng.integers(len(noises)))]
    start = int(rng.integers(len(noise)))
    stretch: Audio = noise[(start + np.arange(samples)) % len(noise)]
    return stretch


CONDITIONS: Final[dict[str, Condition]] = {
    "noise, 20 dB": _noisy(20.0),
    "noise, 10 dB": _noisy(10.0),
    "noise, 5 dB": _noisy(5.0),
    "telephone": lambda window, _noises, _rng: telephone(window),
    "Opus, 16 kbit/s": lambda window, _noises, _rng: opus(window),
    "room, RT60 0.3 s": lambda window, _noises, rng: reverberate(window, 0.3, rng),
    "room, RT60 0.8 s": lambda window, _noises, rng: reverberate(window, 0.8, rng),
}
"""Every condition by its name, mildest first within a kind."""


def read_recordings(
    path: Path,
    *,
    limit_s: float = _RECORDINGS_LIMIT_S,
    seed: int = 0,
    wanted: Callable[[str], bool] = lambda _: True,
) -> list[Audio]:
    """Read audio files of a folder or a tar archive, in an order drawn by chance.

    Files that cannot be decoded or hold nothing but silence are passed over and logged.

    Parameters
    ----------
    path
        A folder (with all below it) or a tar archive.
    limit_s
        Reading stops when so much sound has come together, seconds.
    seed
        Of the order.
    wanted
        Whether a file of this name is read; it begins with the folder's, as in ``emotify/301_pop.ogg``.

    Returns
    -------
    list of ndarray
        float32, ``(samples,)`` each, 16 kHz.

    Raises
    ------
    DataError
        There is no such place, the archive is damaged, or nothing in it can be read.
    """
    if not path.exists():
        raise DataError(f"No recordings lie in {path}: name a folder or a tar archive of audio files.")
    recordings: list[Audio] = []
    heard_s, unwanted = 0.0, 0
    try:
        for name, source in _members(path, seed):
            if not wanted(name):
                unwanted += 1
                continue
            try:
                audio = decode(source, name=name)
            except AudioDecodeError as error:
                _LOG.warning("passed over: %s", error)
                continue
            if np.abs(audio).max(initial=0.0) > 0.0:
                recordings.append(audio)
                heard_s += len(audio) / SAMPLE_RATE_HZ
            if heard_s >= limit_s:
                break
    except (tarfile.TarError, OSError) as error:
        raise DataError(
            f"The recordings in {path} cannot be read ({error}): name a folder or an undamaged tar archive."
        ) from error
    if not recordings and unwanted:
        raise DataError(
            f"All {unwanted} recordings in {path} are heard in training: name others, or leave --unheard out."
        )
    if not recordings:
        raise DataError(f"Nothing in {path} can be read as sound: name a folder or tar of audio files.")
    return recordings


def _members(path: Path, seed: int) -> Iterator[tuple[str, Path | bytes]]:
    rng = np.random.default_rng(seed)
    if path.is_dir():
        root = path.resolve()  # its own name is part of the recordings' names, as in the tar of it
        files = sorted(file for file in root.rglob("*") if file.suffix.lower() in SUPPORTED_SUFFIXES)
        for index in rng.permutation(len(files)):
            yield files[index].relative_to(root.parent).as_posix(), files[index]
        return
    with tarfile.open(path) as tar:
        members = [
            member
            for member in tar.getmembers()
            if member.isfile()
            and member.size <= _LONGEST_MEMBER_BYTES
            and Path(member.name).suffix.lower() in SUPPORTED_SUFFIXES
        ]
        for index in rng.permutation(len(members)):
            handle = tar.extractfile(members[index])
            if handle is not None:
                yield members[index].name, handle.read()


def _active_power(window: Audio) -> float:
    frames = window[: len(window) // _FRAME * _FRAME].reshape(-1, _FRAME)
    energy = np.square(frames, dtype=np.float64).mean(axis=1)
    return float(energy[energy >= energy.max() * 10 ** (-_ACTIVE_BELOW_LOUDEST_DB / 10)].mean())


def _fit(audio: Audio, samples: int) -> Audio:
    """Cut or pad with silence."""
    result: Audio = np.zeros(samples, dtype=np.float32)
    result[: min(samples, len(audio))] = audio[:samples]
    return result


def _within_range(audio: Audio) -> Audio:
    """Scale down what is louder than full scale; clipping would be one condition more."""
    peak = float(np.abs(audio).max(initial=0.0))
    return np.asarray(audio, dtype=np.float32) if peak <= 1.0 else (audio / peak).astype(np.float32)

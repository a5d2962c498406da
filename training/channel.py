"""What happens to a voice on its way to the microphone: noise, telephone, codec, room."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
import soundfile
import soxr

from models.resample import SAMPLE_RATE_HZ, Audio
from training.data.window import cut, frame_energy

_SOUNDING: Final = 1e-3
_TELEPHONE_RATE_HZ: Final = 8_000
_TELEPHONE_BAND_HZ: Final = (300.0, 3400.0)
_BAND_EDGE_HZ: Final = 100.0
# libsndfile maps 0..1 to 256..6 kbit/s a channel: this is 16 kbit/s, a poor mobile call.
_OPUS_COMPRESSION: Final = 0.96


def pink_noise(samples: int, rng: np.random.Generator) -> Audio:
    """Noise with power falling as 1/f from 20 Hz on, root mean square 0.1, shape ``(samples,)``."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency_hz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ)
    spectrum /= np.sqrt(np.maximum(frequency_hz, 20.0))
    noise = np.fft.irfft(spectrum, samples)
    result: Audio = (0.1 * noise / np.sqrt(np.mean(noise**2))).astype(np.float32)
    return result


def add_noise(window: Audio, noise: Audio, snr_db: float) -> Audio:
    """Lay noise, as long as it, under a voice; the sum is scaled down where it would leave [-1, 1].

    Parameters
    ----------
    window
        The voice, ``(samples,)``. Its power is taken where it is within 35 dB of its loudest 20 ms, so that
        pauses do not lower the noise.
    snr_db
        Power of the voice over that of the noise, dB.
    """
    noise_power = float(np.mean(np.square(noise, dtype=np.float64)))
    if noise_power == 0.0:
        return window
    energy, active = frame_energy(window)
    gain = np.sqrt(energy[active].mean() / noise_power * 10 ** (-snr_db / 10))
    return within_range(window + np.float32(gain) * noise)


def telephone(window: Audio) -> Audio:
    """The voice through a telephone: 8 kHz, 300 to 3400 Hz, same shape."""
    narrow = soxr.resample(window, SAMPLE_RATE_HZ, _TELEPHONE_RATE_HZ)
    frequency_hz = np.fft.rfftfreq(len(narrow), 1 / _TELEPHONE_RATE_HZ)
    low_hz, high_hz = _TELEPHONE_BAND_HZ
    rise = np.clip((frequency_hz - low_hz) / _BAND_EDGE_HZ + 0.5, 0.0, 1.0)
    fall = np.clip((high_hz - frequency_hz) / _BAND_EDGE_HZ + 0.5, 0.0, 1.0)
    banded = np.fft.irfft(np.fft.rfft(narrow) * rise * fall, len(narrow)).astype(np.float32)
    wide = np.asarray(soxr.resample(banded, _TELEPHONE_RATE_HZ, SAMPLE_RATE_HZ), dtype=np.float32)
    return within_range(cut(wide, 0, len(window)))


def opus(window: Audio) -> Audio:
    """The voice encoded as Opus at 16 kbit/s and decoded again, same shape."""
    coded = io.BytesIO()
    form = {"format": "OGG", "subtype": "OPUS", "compression_level": _OPUS_COMPRESSION}
    soundfile.write(coded, window, SAMPLE_RATE_HZ, **form)
    coded.seek(0)
    decoded, _ = soundfile.read(coded, dtype="float32")
    return within_range(cut(decoded, 0, len(window)))


def reverberate(window: Audio, rt60_s: float, rng: np.random.Generator) -> Audio:
    """The voice in a room: direct sound and a tail of noise that decays by 60 dB in ``rt60_s``.

    The tail has as much energy as the direct sound (a listener at the critical distance). After Polack's
    model of late reverberation, 1988. What rings beyond the end is cut off.
    """
    length = round(rt60_s * SAMPLE_RATE_HZ)
    response = rng.standard_normal(length) * np.exp(-np.log(1000.0) * np.arange(length) / length)
    response /= np.sqrt(np.sum(response**2))
    response[0] = 1.0
    size = 1 << (len(window) + length - 1).bit_length()  # lengths with large prime factors are slow
    wet = np.fft.irfft(np.fft.rfft(window, size) * np.fft.rfft(response, size), size)[: len(window)]
    return within_range(wet.astype(np.float32))


def within_range(audio: Audio) -> Audio:
    """Scale down what is louder than full scale; clipping would be one condition more."""
    peak = float(np.abs(audio).max(initial=0.0))
    return np.asarray(audio, dtype=np.float32) if peak <= 1.0 else (audio / peak).astype(np.float32)


def sounding_rms(audio: Audio) -> float:
    """Root mean square of what is no silence: above a thousandth of the peak."""
    sounding = audio[np.abs(audio) > _SOUNDING * np.abs(audio).max(initial=0.0)]
    return max(1e-6, float(np.sqrt(np.mean(np.square(sounding)))) if sounding.size else 0.0)

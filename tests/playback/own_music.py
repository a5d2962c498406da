"""Made-up music files: short tones with moods, and a loudspeaker that tests turn by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from core.errors import DeviceNotFoundError
from core.mood_tags import TAGS
from playback.library.loudness import Loudness
from playback.library.scan import Scanned, TrackMood, scan
from playback.local_player.audio_output import Connect
from playback.local_player.mixer import Render
from playback.mapping.style_scores import AGAINST, FOR
from playback.mapping.styles import Style

RATE_HZ = 8_000
SUFFIXES = (".flac", ".mp3", ".ogg", ".wav")


def write_tone(path: Path, hz: float = 440.0, seconds: float = 1.0, rate_hz: int = RATE_HZ) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    at_s = np.arange(round(seconds * rate_hz)) / rate_hz
    soundfile.write(path, 0.2 * np.sin(2 * np.pi * hz * at_s), rate_hz)
    return path


def moods_of(style: Style, strength: float = 0.5) -> npt.NDArray[np.float32]:
    """What a model would say of a track of that style."""
    moods = np.full(len(TAGS), 0.05, dtype=np.float32)
    for tag in AGAINST[style]:
        moods[TAGS.index(tag)] = 0.01
    for tag in FOR[style]:
        moods[TAGS.index(tag)] = strength
    return moods


def score(path: Path) -> TrackMood:
    """Hear a file whose style its folder's name tells, else chill."""
    sound, rate_hz = soundfile.read(path, dtype="float32")
    level = Loudness()
    level.push(sound)
    style = Style(path.parent.name) if path.parent.name in list(Style) else Style.CHILL
    return TrackMood(moods_of(style), len(sound) / rate_hz, level.rms, level.peak)


def index(folder: Path, database: Path, **options: object) -> Scanned:
    given = {"score": score, "fingerprint": "one", "suffixes": SUFFIXES} | options
    return scan(folder, database, **given)  # type: ignore[arg-type]


def eventually(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.005)


class HandOutput:
    """A loudspeaker that takes sound only when it is pulled."""

    def __init__(self, name: str, rate_hz: int, render: Render) -> None:
        self.name = name
        self.rate_hz = rate_hz
        self.lost = False
        self.closed = False
        self._render = render
        self.sent_s = 0.0

    def pull(self, seconds: float, block: int = 441) -> npt.NDArray[np.float32]:
        """What goes out next, in blocks as a device has them."""
        left, blocks = round(seconds * self.rate_hz), []
        while left:
            out = np.full((min(block, left), 2), np.nan, dtype=np.float32)
            left -= len(out)
            self.sent_s += len(out) / self.rate_hz
            self._render(out, self.sent_s)
            blocks.append(out)
        return np.concatenate(blocks)

    def close(self) -> None:
        self.closed = True


class HandOutputs:
    """Loudspeakers by name, and their rates; the first is the default."""

    def __init__(self, **rates_hz: int) -> None:
        self.rates_hz = rates_hz or {"Desk": RATE_HZ}
        self.opened: list[HandOutput] = []
        self.refusal: Exception | None = None

    @property
    def now(self) -> HandOutput:
        return self.opened[-1]

    def names(self) -> tuple[str, ...]:
        return tuple(self.rates_hz)

    def open(self, name: str, connect: Connect) -> HandOutput:
        if self.refusal is not None:
            raise self.refusal
        if name and name not in self.rates_hz:
            raise DeviceNotFoundError(f"There is no loudspeaker called {name!r}: connect it.")
        chosen = name or next(iter(self.rates_hz))
        self.opened.append(HandOutput(chosen, self.rates_hz[chosen], connect(self.rates_hz[chosen])))
        return self.opened[-1]


def strength(sound: npt.NDArray[np.float32], hz: float, rate_hz: int) -> float:
    """Amplitude of one tone in mono or stereo sound."""
    mono = sound.mean(axis=1) if sound.ndim == 2 else sound
    turn = np.exp(-2j * np.pi * hz * np.arange(len(mono)) / rate_hz)
    return float(2.0 * abs(np.mean(mono * turn)))

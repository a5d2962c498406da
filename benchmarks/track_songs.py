"""Songs whose beats and key are known: POP909 (Wang et al., ISMIR 2020), a minute each, synthesised once.

The two halves of the songs, told apart by a checksum of their names, are for choosing and for reporting.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.track_sounds import BEATS_PER_BAR, Drums, Hit, hits
from core.errors import DataError, ModelError
from models.audio import decode
from models.resample import Audio
from training.yamnet.synthesis import SOUNDFONT

ARCHIVE: Final = Path("music") / "pop909_midi.tar.gz"
SONG_S: Final = 60.0
_START_S: Final = 30.0
_TIME_LIMIT_S: Final = 120.0
_TONICS: Final = {
    name: place
    for place, name in enumerate(("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"))
}
_GENERAL_MIDI: Final = {Hit.KICK: 36, Hit.SNARE: 38, Hit.HAT: 42}
_DRUM_CHANNEL: Final = 9
_ALL_OFF: Final = (64, 120, 123)  # controllers: pedal, all sound, all notes


@dataclass(frozen=True, slots=True)
class Song:
    """A minute of a song, and its truth."""

    name: str
    midi: bytes  # of all of it
    start_s: float  # where the minute begins
    beats_s: npt.NDArray[np.float64]  # within the minute
    place: int  # of its first beat in the bar of four, 0 to 3
    key: int  # 2 * pitch class, 1 more in minor: that which lasts longest in the minute

    @property
    def tempo_bpm(self) -> float:
        """By the median distance of the beats."""
        return 60.0 / float(np.median(np.diff(self.beats_s)))


def for_choosing(name: str) -> bool:
    """Whether settings may be chosen by a song; no figure is reported on it."""
    return zlib.crc32(name.encode()) % 2 == 0


def read_songs(data: Path, *, choosing: bool, most: int) -> list[Song]:
    """The first songs of one half, in order of their names' checksums.

    Raises
    ------
    DataError
        The archive is missing or damaged.
    """
    path = data / ARCHIVE
    try:
        with tarfile.open(path) as tar:
            files = {
                member.name: handle.read()
                for member in tar.getmembers()
                if member.isfile() and (handle := tar.extractfile(member)) is not None
            }
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"The archive {path} is missing or damaged: give the folder that holds it."
        ) from error
    names = sorted(
        (name for name in files if name.endswith(".mid") and for_choosing(name) == choosing),
        key=lambda name: zlib.crc32(name.encode()),
    )
    return [_song(name, files) for name in names[:most]]


def _song(name: str, files: dict[str, bytes]) -> Song:
    folder = name.rpartition("/")[0]
    rows = np.array([line.split() for line in _lines(files[f"{folder}/beat_midi.txt"])], dtype=np.float64)
    beats, downbeats = rows[:, 0], rows[:, 2] > 0.0
    start_s = _START_S if beats[-1] > _START_S + SONG_S else 0.0
    inside = (beats >= start_s) & (beats < start_s + SONG_S)
    place = -int(downbeats[inside].argmax()) % BEATS_PER_BAR
    lasting: dict[int, float] = {}
    for line in _lines(files[f"{folder}/key_audio.txt"]):
        begins, ends, label = line.split()
        tonic, mode = label.split(":")
        key = 2 * _TONICS[tonic] + (mode == "min")
        within = min(float(ends), start_s + SONG_S) - max(float(begins), start_s)
        lasting[key] = lasting.get(key, 0.0) + max(0.0, within)
    key = max(lasting, key=lambda one: lasting[one])
    return Song(folder, files[name], start_s, beats[inside] - start_s, place, key)


def _lines(content: bytes) -> list[str]:
    return [line for line in content.decode().splitlines() if line.strip()]


def sing(song: Song, folder: Path, *, drums: Drums | None = None) -> Audio:
    """Synthesise a song, at 22 050 Hz without reverb, and keep it in a folder; with drums on request.

    Raises
    ------
    DataError
        fluidsynth or its soundfont is not installed.
    ModelError
        mido is not installed.
    """
    kept = folder / f"{song.name.replace('/', '-')}{f'-{drums}' if drums else ''}.flac"
    if not kept.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _render(_minute(song, drums), kept)
    return decode(kept)


def _render(midi: bytes, kept: Path) -> None:
    program = shutil.which("fluidsynth")
    if program is None or not SOUNDFONT.is_file():
        raise DataError(
            f"fluidsynth or its soundfont {SOUNDFONT} is not installed: on Debian, "
            "`apt install fluidsynth fluid-soundfont-gm`."
        )
    with tempfile.TemporaryDirectory(dir=kept.parent) as place:
        song, made = Path(place) / "song.mid", Path(place) / "song.flac"
        song.write_bytes(midi)
        options = [
            "-ni",
            "-q",
            "-r",
            "22050",
            "-R",
            "0",
            "-C",
            "0",
            "-g",
            "0.5",
            "-T",
            "flac",
            "-F",
            str(made),
        ]
        subprocess.run(  # noqa: S603 - ours
            [program, *options, str(SOUNDFONT), str(song)],
            check=True,
            capture_output=True,
            timeout=_TIME_LIMIT_S,
        )
        made.replace(kept)


def _minute(song: Song, drums: Drums | None) -> bytes:
    """The minute as a MIDI file of its own, a tick a millisecond."""
    try:
        import mido  # type: ignore[import-untyped]  # noqa: PLC0415 - only where songs are synthesised
    except ModuleNotFoundError as error:
        raise ModelError(
            "The library 'mido' is missing: run `pip install -e '.[train]' -c constraints.txt`."
        ) from error
    events: list[tuple[float, Any]] = []
    now_s = 0.0
    for event in mido.MidiFile(file=io.BytesIO(song.midi)):
        now_s += event.time
        if event.is_meta or now_s >= song.start_s + SONG_S:
            continue
        if now_s >= song.start_s or event.type == "program_change":
            events.append((max(0.0, now_s - song.start_s), event))
    if drums is not None:
        for at_s, note in _drum_notes(song, drums):
            hit = {"channel": _DRUM_CHANNEL, "note": note}
            events.append((at_s, mido.Message("note_on", velocity=90, **hit)))
            events.append((at_s + 0.05, mido.Message("note_off", **hit)))
    # Without this an instrument that never fades would sound, and fluidsynth would play, for ever.
    events += [
        (SONG_S, mido.Message("control_change", channel=channel, control=control, value=0))
        for channel in range(16)
        for control in _ALL_OFF
    ]
    track = mido.MidiTrack()
    last_ms = 0
    for at_s, event in sorted(events, key=lambda pair: pair[0]):
        at_ms = round(1_000 * min(at_s, SONG_S))
        track.append(event.copy(time=at_ms - last_ms))
        last_ms = at_ms
    file = mido.MidiFile(ticks_per_beat=500)  # at the 120 beats a minute of a file that names no tempo
    file.tracks.append(track)
    written = io.BytesIO()
    file.save(file=written)
    return written.getvalue()


def _drum_notes(song: Song, drums: Drums) -> Iterator[tuple[float, int]]:
    gaps = np.diff(song.beats_s)
    for place, (start_s, gap_s) in enumerate(zip(song.beats_s[:-1], gaps, strict=True), start=song.place):
        for offset, hit in hits(drums, place % BEATS_PER_BAR):
            yield float(start_s + offset * gap_s), _GENERAL_MIDI[hit]

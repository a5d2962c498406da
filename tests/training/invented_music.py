"""Invented archives of music, sounds and songs in the form of the real ones, each tone of its own pitch."""

from __future__ import annotations

import io
import itertools
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path

import mido
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.invented_corpus import encoded_tone
from training.yamnet.recordings import is_held_out
from training.yamnet.synthesis import SOUNDFONT

__all__ = [
    "SONGS",
    "kept_songs",
    "midi_song",
    "needs_fluidsynth",
    "pitch_hz",
    "pitches",
    "write_music",
    "write_tar",
]

needs_fluidsynth = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not SOUNDFONT.is_file(),
    reason="no fluidsynth with its soundfont: apt install fluidsynth fluid-soundfont-gm",
)

_TRACKS = tuple(f"emotify/{number:03d}_{genre}.ogg" for number in range(1, 9) for genre in ("pop", "rock"))
_SOUNDS = tuple(
    f"esc10/{kind}/{fold}-{number}-A.ogg"
    for kind, fold, number in itertools.product(("dog_bark", "rain"), (1, 2, 5), (17, 18))
)
_EXAMPLES = tuple(
    f"librosa_examples/{name}.ogg"
    for name in ("sweet-waltz", "198-209-0000", "solo-trumpet", "Vibe_Ace", "pibble")
)
_PITCHES = {name: 200.0 + 60.0 * place for place, name in enumerate((*_TRACKS, *_SOUNDS, *_EXAMPLES))}


def _song_names() -> tuple[str, ...]:
    """Two songs that a student may hear, then three that it may not."""
    names = [f"POP909/{number:03d}/{number:03d}.mid" for number in range(1, 40)]
    return (
        *[name for name in names if not is_held_out(name)][:2],
        *[name for name in names if is_held_out(name)][:3],
    )


SONGS = _song_names()


def pitches(archive: str) -> dict[str, float]:
    """Names of an archive's recordings and the pitch of each, Hz."""
    return {name: hz for name, hz in _PITCHES.items() if name.startswith(archive + "/")}


def pitch_hz(sound: NDArray[np.float32]) -> float:
    """The pitch of an invented recording, to the next that there is."""
    heard = float(np.abs(np.fft.rfft(sound)).argmax() * 16_000 / len(sound))
    return min(_PITCHES.values(), key=lambda hz: abs(hz - heard))


def midi_song(note: int = 60, *, notes: int = 4, program: int | None = 0) -> bytes:
    """Half a second for each note."""
    song, track = mido.MidiFile(), mido.MidiTrack()
    song.tracks.append(track)
    if program is not None:
        track.append(mido.Message("program_change", program=program, channel=0))
    for number in range(notes):
        track.append(mido.Message("note_on", note=note + 2 * (number % 12), velocity=100))
        track.append(mido.Message("note_off", note=note + 2 * (number % 12), time=480))
    content = io.BytesIO()
    song.save(file=content)
    return content.getvalue()


def kept_songs(factory: pytest.TempPathFactory) -> Path:
    """Where the songs of a run of tests are kept, so that each is made once."""
    return factory.getbasetemp() / "songs"


def write_tar(path: Path, members: Mapping[str, bytes], mode: str = "w") -> Path:
    """A tar archive; ``w:gz`` for a compressed one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def write_music(folder: Path) -> Path:
    """All four archives; everything in them lasts one or two seconds."""
    for archive in ("emotify", "esc10", "librosa_examples"):
        sounds = {name: encoded_tone(hz) for name, hz in pitches(archive).items()}
        write_tar(folder / f"{archive}.tar", {**sounds, f"{archive}/readme.txt": b"none of it is sound"})
    songs = {name: midi_song(48 + 3 * place) for place, name in enumerate(SONGS)}
    songs |= {name.replace(name[-7:], "key_audio.txt"): b"0.0 C:maj" for name in SONGS}
    write_tar(folder / "pop909_midi.tar.gz", songs, "w:gz")
    return folder

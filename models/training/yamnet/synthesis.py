"""Owns music made from MIDI files by fluidsynth: the student's music where recorded music is scarce."""

from __future__ import annotations

import hashlib
import io
import logging
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from core.errors import AudioDecodeError, DataError
from models.audio import decode
from models.training.data.writing import write_whole

__all__ = ["SOUNDFONT", "programs", "sing_midi", "songs_of"]

_LOG = logging.getLogger(__name__)
SOUNDFONT: Final = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
"""Where Debian's package fluid-soundfont-gm puts it."""
_TIME_LIMIT_S: Final = 120.0


def songs_of(archive: Path) -> dict[str, bytes]:
    """MIDI files of a tar archive, by name, in order.

    Raises
    ------
    DataError
        The archive is missing, damaged, or holds none.
    """
    try:
        with tarfile.open(archive) as tar:
            found = {
                member.name: handle.read()
                for member in tar.getmembers()
                if member.isfile() and member.name.endswith(".mid")
                if (handle := tar.extractfile(member)) is not None
            }
    except (tarfile.TarError, OSError) as error:
        raise DataError(
            f"The MIDI archive {archive} cannot be read ({error}): give a tar of .mid files."
        ) from error
    if not found:
        raise DataError(f"There are no MIDI files in {archive}: give a tar of .mid files.")
    return dict(sorted(found.items()))


def programs(midi: bytes, choices: NDArray[np.int64]) -> bytes:
    """The same song by other instruments.

    Parameters
    ----------
    midi
        A standard MIDI file.
    choices
        General MIDI program, 0 to 127, of each of the sixteen channels, instead of the song's own.

    Raises
    ------
    DataError
        It is no MIDI file.
    """
    import mido  # type: ignore[import-untyped]  # noqa: PLC0415 - only where songs are synthesised

    try:
        song = mido.MidiFile(file=io.BytesIO(midi))
    except (OSError, EOFError, ValueError, LookupError) as error:
        raise DataError(f"A song is no standard MIDI file ({error}): leave it out.") from error
    for track in song.tracks:
        for event in track:
            if event.type == "program_change":
                event.program = int(choices[event.channel])
    changed = io.BytesIO()
    song.save(file=changed)
    return changed.getvalue()


def sing_midi(
    midi: bytes, folder: Path, *, seconds: float, start_s: float = 0.0, soundfont: Path = SOUNDFONT
) -> NDArray[np.float32]:
    """Synthesise a stretch of a song, once: it is kept in a folder.

    Parameters
    ----------
    midi
        The song.
    folder
        Of the kept sounds.
    seconds, start_s
        How much of it, and from where; fewer where the song ends.
    soundfont
        The instruments.

    Returns
    -------
    ndarray
        float32, ``(samples,)`` at 16 kHz.

    Raises
    ------
    DataError
        fluidsynth or the soundfont is not installed, or it cannot make the song.
    """
    program = shutil.which("fluidsynth")
    if program is None or not soundfont.is_file():
        raise DataError(
            f"fluidsynth or its soundfont {soundfont} is not installed: on Debian, "
            "`apt install fluidsynth fluid-soundfont-gm`."
        )
    said = midi + f"{seconds} {start_s} {soundfont.name}".encode()
    kept = folder / f"{hashlib.sha256(said).hexdigest()[:20]}.flac"
    if not kept.is_file():
        _render(program, midi, kept, seconds=seconds, start_s=start_s, soundfont=soundfont)
    return decode(kept)


def _render(
    program: str, midi: bytes, kept: Path, *, seconds: float, start_s: float, soundfont: Path
) -> None:
    with tempfile.TemporaryDirectory() as place:
        song, made = Path(place) / "song.mid", Path(place) / "song.wav"
        song.write_bytes(midi)
        command = [
            program,
            "-ni",
            "-q",
            "-r",
            "16000",
            "-g",
            "0.6",
            "-F",
            str(made),
            str(soundfont),
            str(song),
        ]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_TIME_LIMIT_S)  # noqa: S603
            audio = decode(made)
        except (subprocess.SubprocessError, AudioDecodeError) as error:
            raise DataError(f"fluidsynth cannot make a song ({error}): leave the file out.") from error
        first = int(min(start_s, max(0.0, audio.size / 16_000 - seconds)) * 16_000)
        part = audio[first : first + int(seconds * 16_000)]
        soundfile.write(Path(place) / "part.flac", part, 16_000, subtype="PCM_16")
        write_whole(kept, (Path(place) / "part.flac").read_bytes(), what=f"The song {kept}")

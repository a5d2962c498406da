"""Music made from MIDI files by fluidsynth: the student's music where recorded music is scarce."""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import os
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from core.errors import AudioDecodeError, DataError, ExtraMissingError
from core.extras import missing_library
from core.files import write_atomic, writing
from models.audio import decode

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
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"The MIDI archive {archive} is missing or damaged: give a whole tar of .mid files."
        ) from error
    if not found:
        raise DataError(f"There are no MIDI files in {archive}: give a tar of .mid files.")
    return dict(sorted(found.items()))


def programs(midi: bytes, choices: NDArray[np.int64]) -> bytes:
    """The same song by other instruments.

    Choices are General MIDI programs, 0 to 127, of the sixteen channels, instead of the song's own.

    Raises
    ------
    AudioDecodeError
        It is no MIDI file.
    ExtraMissingError
        The library mido is not installed.
    """
    try:
        import mido  # type: ignore[import-untyped]  # noqa: PLC0415 - only where songs are synthesised
    except ModuleNotFoundError as error:
        raise ExtraMissingError(missing_library("train", error.name)) from error

    changed = io.BytesIO()
    try:
        song = mido.MidiFile(file=io.BytesIO(midi))
        for track in song.tracks:
            for event in track:
                if event.type == "program_change":
                    event.program = int(choices[event.channel])
        song.save(file=changed)
    except (OSError, EOFError, ValueError, LookupError, mido.KeySignatureError) as error:
        reason = str(error) or "it ends too early"
        raise AudioDecodeError(f"A song is no standard MIDI file ({reason}): leave it out.") from error
    return changed.getvalue()


def sing_midi(
    midi: bytes, folder: Path, *, seconds: float, start_s: float = 0.0, soundfont: Path = SOUNDFONT
) -> NDArray[np.float32]:
    """Synthesise a stretch of a song, float32 ``(samples,)`` at 16 kHz; once: it is kept in a folder.

    There is less where the song ends.

    Raises
    ------
    AudioDecodeError
        fluidsynth cannot make sound of it.
    DataError
        fluidsynth or the soundfont is not installed, the sound cannot be kept, as on a full disk, or the
        one that was kept is damaged.
    """
    key = midi + f"{seconds} {start_s} {soundfont.name}".encode()
    kept = folder / f"{hashlib.sha256(key).hexdigest()[:20]}.flac"
    if not kept.is_file():
        _render(midi, kept, seconds=seconds, start_s=start_s, soundfont=soundfont)
    try:
        return decode(kept)
    except AudioDecodeError as error:
        raise DataError(f"The kept song {kept} is damaged: delete it, and it is made anew.") from error


def _render(midi: bytes, kept: Path, *, seconds: float, start_s: float, soundfont: Path) -> None:
    program = shutil.which("fluidsynth")
    if program is None or not soundfont.is_file():
        raise DataError(
            f"fluidsynth or its soundfont {soundfont} is not installed: on Debian, "
            "`apt install fluidsynth fluid-soundfont-gm`."
        )
    what = f"The song {kept}"
    with writing(what):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=kept.parent) as place:
            audio = _play(program, midi, Path(place), soundfont)
    first = int(min(start_s, max(0.0, audio.size / 16_000 - seconds)) * 16_000)
    part = io.BytesIO()
    soundfile.write(
        part, audio[first : first + int(seconds * 16_000)], 16_000, format="FLAC", subtype="PCM_16"
    )
    write_atomic(kept, part.getbuffer(), what=what)


def _play(program: str, midi: bytes, place: Path, soundfont: Path) -> NDArray[np.float32]:
    song, made = place / "song.mid", place / "song.wav"
    song.write_bytes(midi)
    options = ["-ni", "-q", "-r", "16000", "-g", "0.6", "-F", str(made)]
    try:
        ran = subprocess.run(  # noqa: S603
            [program, *options, str(soundfont), str(song)],
            check=True,
            capture_output=True,
            timeout=_TIME_LIMIT_S,
        )
        if b"No space left" in ran.stderr:  # it ends well all the same, and the song is cut short
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return decode(made)
    except (subprocess.SubprocessError, AudioDecodeError) as error:
        raise AudioDecodeError("fluidsynth cannot make sound of a song: leave the file out.") from error

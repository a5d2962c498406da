"""Which decoder takes a file: decided by its content, never by its suffix."""

from __future__ import annotations

import stat
from pathlib import Path

from core.errors import AudioDecodeError
from models.decoders import ffmpeg, sndfile
from models.decoders.track import Input, Track, plain

__all__ = ["open_track"]


def open_track(given: Input) -> Track:
    """Open with libsndfile, else with FFmpeg.

    Raises
    ------
    AudioDecodeError
        There is no such file, or no sound in it that any of the two can read.
    """
    size = len(given.source) if isinstance(given.source, bytes) else _checked_size(given.source)
    if not size:
        raise AudioDecodeError(f"{given.name} is empty (0 bytes): choose a file that holds sound.")
    try:
        return sndfile.open_track(given)
    except sndfile.REFUSALS as error:
        unreadable = _unreadable(given, error)
        if not ffmpeg.installed():
            if ffmpeg.looks_familiar(given):
                raise AudioDecodeError(
                    f"{given.name} is in a format that needs an extra: install it, {ffmpeg.INSTALL}, "
                    f"or convert the file to WAV."
                ) from error
            raise unreadable from error
    try:
        return ffmpeg.open_track(given)
    except ffmpeg.refusals() as error:
        raise unreadable from error


def _unreadable(given: Input, error: Exception) -> AudioDecodeError:
    if given.head(3) == b"ID3":
        return AudioDecodeError(
            f"{given.name} holds tags (a title, a cover) but no sound: choose a file that holds sound."
        )
    return AudioDecodeError(
        f"{given.name} is not sound that Attune can read ({plain(error)}): it is damaged, or another "
        f"kind of file under a false name; choose a WAV, FLAC, MP3, Ogg or M4A file."
    )


def _checked_size(path: Path) -> int:
    """Size of the file in bytes, where it is a file and may be read."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise AudioDecodeError(f"{path} is a folder: choose a sound file in it.")
        if not stat.S_ISREG(status.st_mode):
            raise AudioDecodeError(f"{path} is a device or a pipe, not a file: choose a sound file.")
        with path.open("rb"):
            return status.st_size
    except FileNotFoundError as error:
        raise AudioDecodeError(f"There is no file {path}: check its name and folder.") from error
    except PermissionError as error:
        raise AudioDecodeError(f"{path} may not be read: change its permissions, or copy it.") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise AudioDecodeError(f"{str(path)!r} cannot be read ({plain(error)}): check its name.") from error

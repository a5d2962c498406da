"""Cache of profiles of tracks on disk: keyed by content and models, bounded in size, validated when read."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.files import replace_atomically
from core.mood_tags import TAGS
from models.mood.backbone import CLASS_COUNT
from models.mood.mood_scale import MOODS
from models.mood.result import MoodResult
from models.mood.waveform import OUTLINE_SIZE, Outline
from models.track.profile import TrackProfile
from models.track.profile_archive import profile_arrays, profile_meta, unpacked_profile

_LOG = logging.getLogger(__name__)
_FORM: Final = 4  # raised whenever the content, or its computation, changes
_SUFFIX: Final = ".npz"
_EARLIER_PART_PREFIX: Final = ".new-"  # what version 0.1 called unfinished files
_ARRAYS: Final = {
    "timeline": "timeline",
    "theme": "theme",
    "moods": "moods",
    "theme_moods": "theme_moods",
    "class_scores": "shares",
    "classes": "classes",
    "thresholds": "thresholds",
    "music_shares": "music_shares",
}
"""Field of a result -> its name in the file."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class TrackAnalysis:
    """Everything that a page shows of one track."""

    profile: TrackProfile
    outline: Outline
    from_cache: bool = False  # whether it was read from disk and not computed now

    @property
    def result(self) -> MoodResult:
        """Its mood."""
        return self.profile.mood


def digest(*sources: Path | bytes | str) -> str:
    """SHA-256 of several sources together.

    Parameters
    ----------
    *sources
        Files, contents or texts.

    Raises
    ------
    OSError
        A file cannot be read.
    """
    total = hashlib.sha256()
    for source in sources:
        if isinstance(source, Path):
            with source.open("rb") as file:
                part = hashlib.file_digest(file, "sha256")
        else:
            part = hashlib.sha256(source.encode() if isinstance(source, str) else source)
        total.update(part.digest())
    return total.hexdigest()


class _OtherFormError(Exception):
    """A result was stored by another version of the program."""


class ResultStore:
    """Results in one folder, by their keys; the least recently used are deleted first.

    Errors of the disk are logged and survived: results are then computed again. Neither sound nor file names
    are stored. Safe to use from several threads and several programs at once.

    Parameters
    ----------
    folder
        Created with the first result.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.max_bytes = 200_000_000  # of all results together
        self._lock = threading.Lock()

    def load(self, key: str, *, name: str) -> TrackAnalysis | None:
        """Read a result; None where there is none, or where it is damaged or of another form: then deleted.

        Parameters
        ----------
        key
            From `digest`, of content and models.
        name
            Current name of the file.
        """
        path = self._path(key)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                analysis = _unpacked(archive, name)
        except FileNotFoundError:
            return None
        except Exception as error:  # noqa: BLE001 - damage of an archive shows itself in a dozen ways
            if not isinstance(error, _OtherFormError):
                _LOG.warning("a stored result is damaged and was removed: %s: %s", path.name, error)
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)
        return analysis

    def save(self, key: str, analysis: TrackAnalysis) -> bool:
        """Write a result, and delete the oldest where there are too many; False where that fails."""
        arrays = {stored: getattr(analysis.result, name) for name, stored in _ARRAYS.items()}
        arrays |= profile_arrays(analysis.profile)
        meta = np.frombuffer(json.dumps(_meta(analysis.profile)).encode(), dtype=np.uint8)
        with self._lock:
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                with replace_atomically(self._path(key), private=True, fsync=False) as part:
                    np.savez_compressed(part, meta=meta, outline=analysis.outline, **arrays)
            except OSError as error:
                _LOG.warning("a result could not be stored: %s", error)
                return False
            self._trim()
        return True

    def clear(self) -> int:
        """Delete all results; returns how many there were."""
        with self._lock:
            files = self._files()
            for path, _, _ in files:
                with suppress(OSError):
                    path.unlink()
        return len(files)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _files(self) -> list[tuple[Path, float, int]]:
        """File, time of its last use, and bytes; also files that a killed program left unfinished."""
        found: list[tuple[Path, float, int]] = []
        with suppress(OSError):
            for path in self.folder.iterdir():
                if path.suffix == _SUFFIX or path.name.startswith(_EARLIER_PART_PREFIX):
                    with suppress(OSError):
                        status = path.stat()
                        found.append((path, status.st_mtime, status.st_size))
        return found

    def _trim(self) -> None:
        files = sorted(self._files(), key=lambda entry: entry[1])
        total = sum(size for _, _, size in files)
        for path, _, size in files:
            if total <= self.max_bytes:
                return
            with suppress(OSError):
                path.unlink()
                total -= size


def _meta(profile: TrackProfile) -> dict[str, Any]:
    """The fields that are no arrays; notices without the file's name, with which they may begin."""
    result = profile.mood
    return {
        "form": _FORM,
        "duration_s": result.duration_s,
        "hop_s": result.hop_s,
        "silent": result.silent,
        "music_share": result.music_share,
        "notices": _nameless(result.name, result.notices),
        "profile_notices": _nameless(result.name, profile.notices),
        "profile": profile_meta(profile),
    }


def _nameless(name: str, notices: Sequence[str]) -> list[tuple[bool, str]]:
    return [(notice.startswith(name), notice.removeprefix(name)) for notice in notices]


def _named(name: str, kept: Sequence[tuple[bool, str]]) -> tuple[str, ...]:
    return tuple((name if named else "") + text for named, text in kept)


def _unpacked(archive: Any, name: str) -> TrackAnalysis:
    """Raises exceptions of many types where the archive is damaged."""
    meta = json.loads(archive["meta"].tobytes().decode())
    if meta["form"] != _FORM:
        raise _OtherFormError
    arrays = {name: archive[stored] for name, stored in _ARRAYS.items()}
    outline = archive["outline"]
    rows = len(arrays["timeline"])
    expected = {
        "timeline": (rows, len(TAGS)),
        "theme": (len(TAGS),),
        "moods": (rows, len(MOODS)),
        "theme_moods": (len(MOODS),),
        "class_scores": (rows, 4),
        "classes": (CLASS_COUNT,),
        "thresholds": (len(TAGS),),
        "music_shares": (rows,),
    }
    for part, shape in expected.items():
        if arrays[part].shape != shape or arrays[part].dtype != np.float32:
            raise ValueError(f"{part} has another shape")
    if not rows or outline.dtype != np.uint8 or not 0 < len(outline) <= OUTLINE_SIZE:
        raise ValueError("it has no rows, or no outline")
    result = MoodResult(
        name=name,
        duration_s=float(meta["duration_s"]),
        hop_s=float(meta["hop_s"]),
        silent=bool(meta["silent"]),
        music_share=float(meta["music_share"]),
        notices=_named(name, meta["notices"]),
        **arrays,
    )
    profile = unpacked_profile(archive, meta["profile"], result, _named(name, meta["profile_notices"]))
    return TrackAnalysis(profile, outline, from_cache=True)

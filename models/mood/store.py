"""Owns the results on disk: found again by content and models, bounded in size, and never trusted."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.mood.backbone import CLASS_COUNT
from models.mood.groups import MOODS
from models.mood.result import MoodResult
from models.mood.tags import TAGS
from models.mood.waveform import OUTLINE_SIZE, Outline

__all__ = ["ResultStore", "Study", "digest"]

_LOG = logging.getLogger(__name__)
_FORM: Final = 2
"""Goes up whenever what is kept, or how it is computed, changes."""
_SUFFIX: Final = ".npz"
_CHUNK_BYTES: Final = 1_048_576
_ARRAYS: Final = ("timeline", "theme", "moods", "theme_moods", "shares", "classes", "thresholds")


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Study:
    """All that a page shows of one track.

    Parameters
    ----------
    result
        Its mood.
    outline
        Its waveform.
    recalled
        Whether it was found on disk and not computed now.
    """

    result: MoodResult
    outline: Outline
    recalled: bool = False


def digest(*sources: Path | bytes | str) -> str:
    """SHA-256 of files, contents or words together.

    Raises
    ------
    OSError
        A file cannot be read.
    """
    total = hashlib.sha256()
    for source in sources:
        part = hashlib.sha256()
        if isinstance(source, Path):
            with source.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    part.update(chunk)
        else:
            part.update(source.encode() if isinstance(source, str) else source)
        total.update(part.digest())
    return total.hexdigest()


class ResultStore:
    """Results by their keys, in one folder; what was used longest ago goes first.

    Whatever goes wrong with the disk is logged and survived: then results are computed again. Neither sound
    nor names of files are kept. Safe to use from several threads, and from several programs at once.

    Parameters
    ----------
    folder
        Made when the first result is kept.
    max_bytes
        Of all results together.
    """

    def __init__(self, folder: Path, *, max_bytes: int = 200_000_000) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._lock = threading.Lock()

    def load(self, key: str, *, name: str) -> Study | None:
        """Find a result again.

        Parameters
        ----------
        key
            What `digest` gave for content and models.
        name
            What the file is called now.

        Returns
        -------
        study
            None where there is none, or where it is damaged; then it is removed.
        """
        path = self._path(key)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                study = _unpacked(archive, name)
        except FileNotFoundError:
            return None
        except Exception as error:  # noqa: BLE001 - damage of an archive shows itself in a dozen ways
            _LOG.warning("a kept result is damaged and was removed: %s: %s", path.name, error)
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)
        return study

    def save(self, key: str, study: Study) -> bool:
        """Keep a result, and let the oldest go where there are too many; False where it could not be kept."""
        arrays = {part: getattr(study.result, part) for part in _ARRAYS}
        meta = np.frombuffer(json.dumps(_meta(study.result)).encode(), dtype=np.uint8)
        made = ""
        with self._lock:
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                handle, made = tempfile.mkstemp(prefix=".new-", dir=self.folder)
                with os.fdopen(handle, "wb") as file:
                    np.savez_compressed(file, meta=meta, outline=study.outline, **arrays)
                Path(made).replace(self._path(key))
            except OSError as error:
                _LOG.warning("a result could not be kept: %s", error)
                if made:
                    with suppress(OSError):
                        Path(made).unlink()
                return False
            self._trim()
        return True

    def clear(self) -> int:
        """Remove every result that is kept; returns how many there were."""
        with self._lock:
            kept = self._kept()
            for path, _, _ in kept:
                with suppress(OSError):
                    path.unlink()
        return len(kept)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _kept(self) -> list[tuple[Path, float, int]]:
        """File, when it was last used, and bytes; also what another run has left half written."""
        found: list[tuple[Path, float, int]] = []
        with suppress(OSError):
            for path in self.folder.iterdir():
                if path.suffix == _SUFFIX or path.name.startswith(".new-"):
                    with suppress(OSError):
                        status = path.stat()
                        found.append((path, status.st_mtime, status.st_size))
        return found

    def _trim(self) -> None:
        kept = sorted(self._kept(), key=lambda entry: entry[1])
        total = sum(size for _, _, size in kept)
        for path, _, size in kept:
            if total <= self.max_bytes:
                return
            with suppress(OSError):
                path.unlink()
                total -= size


def _meta(result: MoodResult) -> dict[str, Any]:
    """What is no array. Sentences are kept without the file's name, which they begin with."""
    return {
        "form": _FORM,
        "duration_s": result.duration_s,
        "hop_s": result.hop_s,
        "silent": result.silent,
        "notices": [
            [notice.startswith(result.name), notice.removeprefix(result.name)] for notice in result.notices
        ],
    }


def _unpacked(archive: Any, name: str) -> Study:
    """Raises whatever it may where anything is not as it was written."""
    meta = json.loads(archive["meta"].tobytes().decode())
    arrays = {part: archive[part] for part in _ARRAYS}
    outline = archive["outline"]
    rows = len(arrays["timeline"])
    expected = {
        "timeline": (rows, len(TAGS)),
        "theme": (len(TAGS),),
        "moods": (rows, len(MOODS)),
        "theme_moods": (len(MOODS),),
        "shares": (rows, 4),
        "classes": (CLASS_COUNT,),
        "thresholds": (len(TAGS),),
    }
    for part, shape in expected.items():
        if arrays[part].shape != shape or arrays[part].dtype != np.float32:
            raise ValueError(f"{part} has another shape")
    if meta["form"] != _FORM or not rows or outline.dtype != np.uint8 or not 0 < len(outline) <= OUTLINE_SIZE:
        raise ValueError("it is of another form")
    result = MoodResult(
        name=name,
        duration_s=float(meta["duration_s"]),
        hop_s=float(meta["hop_s"]),
        silent=bool(meta["silent"]),
        notices=tuple((name if named else "") + text for named, text in meta["notices"]),
        **arrays,
    )
    return Study(result, outline, recalled=True)

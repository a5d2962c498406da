"""Owns the speech corpora on their way into training: manifest, checks, splits, and the decoded cache."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from core.errors import DataError
from models.emotion.labels import EMOTIONS
from models.training.emotion.splits import Split, assign_split, check_disjoint, ravdess_test_speakers

__all__ = ["SAMPLE_RATE_HZ", "Clip", "Problem", "SpeechCache", "load_cache", "prepare", "read_manifest"]

SAMPLE_RATE_HZ: Final = 16_000
_SILENCE_PEAK: Final = 2e-3
"""Clips whose loudest sample stays below this (-54 dBFS) carry no speech; the quietest good one has -47."""
_ACTIVE_BELOW_LOUDEST_DB: Final = 35.0
_COLUMNS: Final = ("path", "corpus", "speaker", "emotion", "language", "licence", "dup_of")
_EMOTION_NAMES: Final = frozenset(str(emotion) for emotion in EMOTIONS)
_FORMAT: Final = "attune-speech-cache-1"
_WAVEFORMS: Final = "waveforms.i16"
_INDEX: Final = "index.json"


@dataclass(frozen=True)
class Problem:
    """One clip that is not what the manifest claims, and what was done about it."""

    path: str
    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: {self.kind} ({self.detail})"


@dataclass(frozen=True)
class Clip:
    """One decoded clip of the cache; positions are in samples at 16 kHz."""

    path: str
    corpus: str
    speaker: str
    emotion: str
    language: str
    licence: str
    split: Split
    start: int
    n_samples: int
    active_start: int
    active_stop: int


@dataclass(frozen=True)
class SpeechCache:
    """All usable clips with their waveforms, memory-mapped.

    Attributes
    ----------
    clips
        In manifest order.
    waveforms
        int16, shape ``(samples,)``, all clips one after the other.
    problems
        What was found wrong while the cache was made.
    fingerprint
        SHA-256 of the manifest and the fold file the cache was made from.
    """

    clips: tuple[Clip, ...]
    waveforms: NDArray[np.int16]
    problems: tuple[Problem, ...]
    fingerprint: str

    def audio(self, clip: Clip) -> NDArray[np.float32]:
        """Samples of one clip, float32 in [-1, 1], shape ``(n_samples,)``."""
        raw = self.waveforms[clip.start : clip.start + clip.n_samples]
        return np.asarray(raw, dtype=np.float32) / np.float32(32768.0)

    def of(self, *splits: Split) -> tuple[Clip, ...]:
        """Clips of the named splits, in manifest order."""
        return tuple(clip for clip in self.clips if clip.split in splits)


def read_manifest(manifest_csv: Path) -> list[dict[str, str]]:
    """Read the manifest and check its columns.

    Raises
    ------
    DataError
        The file is missing, empty or lacks a column.
    """
    try:
        with manifest_csv.open(newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
    except OSError as error:
        raise DataError(
            f"The manifest {manifest_csv} cannot be read ({error.strerror}): "
            "give the folder that holds it with --data."
        ) from error
    if not rows:
        raise DataError(f"The manifest {manifest_csv} is empty: it needs one row a clip.")
    missing = [column for column in _COLUMNS if column not in rows[0]]
    if missing:
        raise DataError(f"The manifest {manifest_csv} has no column {', '.join(missing)}.")
    return rows


def _walk_tars(data_dir: Path, corpora: set[str]) -> Iterator[tuple[str, bytes]]:
    """Yield every audio member of the tar files of the corpora as (path without .ogg, bytes)."""
    for corpus in sorted(corpora):
        tars = sorted({*data_dir.glob(f"{corpus}.tar"), *data_dir.glob(f"{corpus}_[0-9].tar")})
        if not tars:
            raise DataError(
                f"No tar file of the corpus {corpus!r} lies in {data_dir}: expected {corpus}.tar."
            )
        for tar_path in tars:
            try:
                with tarfile.open(tar_path) as tar:
                    for member in tar:
                        handle = tar.extractfile(member) if member.isfile() else None
                        if handle is not None and member.name.endswith(".ogg"):
                            yield member.name.removesuffix(".ogg"), handle.read()
            except tarfile.TarError as error:
                raise DataError(f"The archive {tar_path} is damaged ({error}): fetch it again.") from error


def _decode(encoded: bytes) -> NDArray[np.float32]:
    """Decode one file to mono float32 at 16 kHz; raises `soundfile.LibsndfileError` on damage."""
    with soundfile.SoundFile(io.BytesIO(encoded)) as sound:
        samples = sound.read(dtype="float32", always_2d=True)
        rate_hz = int(sound.samplerate)
    mono = np.ascontiguousarray(samples.mean(axis=1, dtype=np.float32))
    if rate_hz != SAMPLE_RATE_HZ:
        mono = np.asarray(soxr.resample(mono, rate_hz, SAMPLE_RATE_HZ), dtype=np.float32)
    return mono


def _active_range(audio: NDArray[np.float32]) -> tuple[int, int]:
    """First and last sample of what is within 35 dB of the loudest 20 ms: where the voice is."""
    frame = SAMPLE_RATE_HZ // 50
    n_frames = max(1, audio.size // frame)
    usable = audio[: n_frames * frame]
    energy = np.square(usable.reshape(n_frames, -1)).mean(axis=1)
    loud = np.flatnonzero(energy >= energy.max() * 10 ** (-_ACTIVE_BELOW_LOUDEST_DB / 10))
    return int(loud[0]) * frame, min(audio.size, (int(loud[-1]) + 1) * frame)


def _label_problems(rows: Sequence[dict[str, str]]) -> dict[str, Problem]:
    """Problems that the manifest alone shows, by clip path: unknown labels, twins of one recording."""
    problems: dict[str, Problem] = {}
    emotion_of = {row["path"]: row["emotion"] for row in rows}
    for row in rows:
        path, emotion, twin = row["path"], row["emotion"], row["dup_of"]
        if emotion not in _EMOTION_NAMES and not emotion.startswith("other:"):
            problems[path] = Problem(path, "unknown label", f"{emotion!r}; left out")
        if not twin:
            continue
        if twin not in emotion_of:
            problems[path] = Problem(path, "duplicate", f"of {twin}, which is not in the manifest; left out")
        elif emotion_of[twin] == emotion:
            problems[path] = Problem(
                path, "duplicate", f"the same bytes as {twin}, same label; this copy left out"
            )
        else:
            detail = f"{emotion} here and {emotion_of[twin]} in"
            problems[path] = Problem(path, "conflicting labels", f"{detail} {twin}; both left out")
            problems[twin] = Problem(
                twin, "conflicting labels", f"{emotion_of[twin]} here and {emotion} in {path}; both left out"
            )
    return problems


def _fingerprint(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def prepare(
    data_dir: Path,
    cache_dir: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> SpeechCache:
    """Decode all corpora of the manifest into one cache folder, checking every clip.

    Clips that are missing, broken, silent, twins of another or wrongly labelled are left out and
    listed in ``SpeechCache.problems`` by name. The folder appears whole or not at all.

    Parameters
    ----------
    data_dir
        Folder with ``manifest.csv``, ``emobox_folds.csv`` and one or more tar files a corpus.
    cache_dir
        Folder to make; one that is there already is replaced.
    progress
        Called with (clips done, clips of the manifest).

    Returns
    -------
    SpeechCache

    Raises
    ------
    DataError
        The manifest, the fold file or a whole archive is missing or damaged, or nothing usable is left.
    """
    manifest_csv, folds_csv = data_dir / "manifest.csv", data_dir / "emobox_folds.csv"
    rows = read_manifest(manifest_csv)
    ravdess_test = ravdess_test_speakers(folds_csv)
    row_of = {row["path"]: row for row in rows}
    problems = _label_problems(rows)
    positions: dict[str, tuple[int, int, int, int]] = {}
    first_with: dict[str, str] = {}

    cache_dir.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=cache_dir.name + ".", dir=cache_dir.parent))
    try:
        written = 0
        with (making / _WAVEFORMS).open("wb") as handle:
            for path, encoded in _walk_tars(data_dir, {row["corpus"] for row in rows}):
                if path not in row_of or path in problems or path in positions:
                    continue
                try:
                    audio = _decode(encoded)
                except (soundfile.LibsndfileError, RuntimeError) as error:
                    problems[path] = Problem(path, "broken", f"cannot be decoded: {error}; left out")
                    continue
                peak = float(np.abs(audio).max(initial=0.0))
                if not peak >= _SILENCE_PEAK:
                    problems[path] = Problem(path, "silent", f"loudest sample {peak:.5f}; left out")
                    continue
                samples = np.clip(np.rint(audio * 32768.0), -32768, 32767).astype("<i2")
                content = hashlib.sha256(samples.tobytes()).hexdigest()
                twin = first_with.setdefault(content, path)
                if twin != path:
                    problems[path] = Problem(
                        path, "duplicate", f"decodes to the same samples as {twin}; left out"
                    )
                    continue
                handle.write(samples.tobytes())
                positions[path] = (written, samples.size, *_active_range(audio))
                written += samples.size
                if progress is not None:
                    progress(len(positions) + len(problems), len(rows))
        for path in row_of.keys() - positions.keys() - problems.keys():
            problems[path] = Problem(path, "missing", "in the manifest, not in the archive; left out")
        clips = [
            Clip(
                path=path,
                corpus=row["corpus"],
                speaker=row["speaker"],
                emotion=row["emotion"],
                language=row["language"],
                licence=row["licence"],
                split=assign_split(row["corpus"], row["speaker"], row["emotion"], ravdess_test),
                start=positions[path][0],
                n_samples=positions[path][1],
                active_start=positions[path][2],
                active_stop=positions[path][3],
            )
            for path, row in row_of.items()
            if path in positions
        ]
        if not clips:
            raise DataError(f"No clip of {manifest_csv} is usable: {next(iter(problems.values()))}")
        check_disjoint(clips)
        index: dict[str, Any] = {
            "format": _FORMAT,
            "fingerprint": _fingerprint(manifest_csv, folds_csv),
            "clips": [vars(clip) for clip in clips],
            "problems": [vars(problems[path]) for path in sorted(problems)],
        }
        (making / _INDEX).write_text(json.dumps(index), encoding="utf-8")
        if cache_dir.exists():
            shutil.rmtree(cache_dir)
        making.replace(cache_dir)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return load_cache(cache_dir)


def load_cache(cache_dir: Path) -> SpeechCache:
    """Open a cache made by `prepare`.

    Raises
    ------
    DataError
        There is none, or it is damaged.
    """
    again = "run `python -m models.training.emotion prepare`"
    try:
        index = json.loads((cache_dir / _INDEX).read_text(encoding="utf-8"))
        if index["format"] != _FORMAT:
            raise DataError(
                f"The cache {cache_dir} has the format {index['format']!r}, not {_FORMAT!r}: {again}."
            )
        clips = tuple(Clip(**{**entry, "split": Split(entry["split"])}) for entry in index["clips"])
        problems = tuple(Problem(**entry) for entry in index["problems"])
        fingerprint = str(index["fingerprint"])
        waveforms = np.memmap(cache_dir / _WAVEFORMS, dtype="<i2", mode="r")
    except FileNotFoundError as error:
        raise DataError(f"No prepared speech lies in {cache_dir}: {again}.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"The prepared speech in {cache_dir} is damaged ({error}): {again}.") from error
    if clips and max(clip.start + clip.n_samples for clip in clips) > waveforms.size:
        raise DataError(f"The prepared speech in {cache_dir} is cut short: {again}.")
    check_disjoint(clips)
    return SpeechCache(clips=clips, waveforms=waveforms, problems=problems, fingerprint=fingerprint)

"""A folder of sound files prepared for training: features, spectrograms, embeddings, their manifest."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import AttuneError, DataError, ExtraMissingError
from core.files import replace_atomically, write_atomic, writing
from core.folders import find_files
from core.version import app_version
from models.audio import SUPPORTED_SUFFIXES, decode
from models.mood.backbone import Backbone
from models.resample import SAMPLE_RATE_HZ
from models.track import feature_file
from models.track.embeddings import embed_audio
from models.track.features import FEATURE_NAMES, extract_features
from models.track.spectrogram import PREPROCESSING, mel_spectrogram
from training.track.dataset import EntryFault

MANIFEST_NAME: Final = "dataset_manifest.json"
STATISTICS_NAME: Final = "statistics.json"
NUMBERS: Final = frozenset({"bpm", "valence", "arousal"})
"""Columns of labels that are numbers."""

_FORM: Final = 1  # raised whenever the same sound gives other files
_SEGMENT: Final = "_segment_"
_NAME_COLUMNS: Final = ("filename", "path", "file", "name")


@dataclass(frozen=True, slots=True)
class Preprocessed:
    """What a run has done."""

    manifest: Path
    statistics: Path
    entries: int  # in the manifest
    computed: int  # of them in this run; the others were there
    faults: tuple[EntryFault, ...]  # files that cannot be used, and labels without a file


def preprocess(
    folder: Path,
    out: Path,
    *,
    labels: Path | None = None,
    folder_label: str = "",
    backbone: Backbone | None = None,
    max_minutes: float = 240.0,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Preprocessed:
    """Prepare all sound files of a folder; what an earlier run made of the same files is kept.

    Writes ``features/``, ``spectrograms/``, with a backbone ``embeddings/``, the manifest and the statistics.

    Parameters
    ----------
    folder
        Where the sound lies, also in folders within.
    out
        Folder to write.
    labels
        A CSV with a column `filename` (a path within the folder, a file's name, or its name without suffix)
        and any others, such as genre, mood, bpm, key, artist, split; they go into the manifest.
    folder_label
        Label whose value is the name of the folder that a file lies in, such as ``genre``.
    backbone
        Gives the embeddings; None leaves them out.
    max_minutes
        Longest allowed file, in minutes.
    on_progress
        Called with the name of a file, how many are done and how many there are.

    Raises
    ------
    DataError
        The folder cannot be read, none of its files can be used, the labels cannot be read, or the disk
        refuses a file.
    ExtraMissingError
        librosa is not installed.
    """
    files, faults = _sound_files(folder)
    stems = _stems(folder, files)
    rows, unused = _matched(_read_labels(labels) if labels else {}, folder, files)
    entries: list[dict[str, Any]] = []
    vectors = []
    computed = 0
    for done, file in enumerate(files):
        if on_progress is not None:
            on_progress(file.name, done, len(files))
        try:
            entry, vector, new = _prepare(file, stems[file], out, backbone, max_minutes)
        except AttuneError as error:
            if isinstance(error, DataError | ExtraMissingError):
                raise  # the disk, or a library: it would be the same for all
            faults.append(EntryFault(file.relative_to(folder).as_posix(), str(error)))
            continue
        computed += new
        # What was measured stands behind: no column of the labels takes its place.
        given = {**_place_labels(file, folder, folder_label), **rows.get(file, {})}
        entries.append({**given, "filename": file.relative_to(folder).as_posix(), **entry})
        vectors.append(vector)
    faults += unused
    if not entries:
        raise DataError(f"None of {len(files)} sound files in {folder} can be used: {faults[0].reason}")
    manifest, statistics = out / MANIFEST_NAME, out / STATISTICS_NAME
    _write_json(statistics, _statistics(entries, np.array(vectors), len(files)))
    _write_json(
        manifest,
        {
            "dataset_name": folder.resolve().name,
            "created_by": f"attune {app_version()}",
            "total_files": len(entries),
            "total_errors": len(faults),
            "audio_folder": _relative(folder, out),
            "preprocessing": dict(PREPROCESSING),
            "files": entries,
            "errors": [{"filename": fault.entry, "error": fault.reason} for fault in faults],
        },
    )
    return Preprocessed(manifest, statistics, len(entries), computed, tuple(faults))


def _relative(folder: Path, out: Path) -> str:
    """Where the sound lies as seen from the manifest, so that both can be moved together."""
    try:
        return Path(os.path.relpath(folder, out)).as_posix()
    except ValueError:  # on another drive of Windows
        return folder.resolve().as_posix()


def _sound_files(folder: Path) -> tuple[list[Path], list[EntryFault]]:
    try:
        contents = find_files(folder, SUPPORTED_SUFFIXES)
    except OSError as error:
        raise DataError(
            f"The folder {folder} cannot be read ({error.strerror}): name one with sound files."
        ) from error
    if not contents.files:
        raise DataError(f"There is no sound file in the folder {folder}: name another.")
    return list(contents.files), [EntryFault(str(folder), notice) for notice in contents.notices]


def _stems(folder: Path, files: Sequence[Path]) -> dict[Path, Path]:
    """What the files made of each begin with: its name, with its suffix where two differ in that alone."""
    plain = [file.relative_to(folder).with_suffix("") for file in files]
    return {
        file: stem if plain.count(stem) == 1 else file.relative_to(folder)
        for file, stem in zip(files, plain, strict=True)
    }


def _prepare(
    file: Path, stem: Path, out: Path, backbone: Backbone | None, max_minutes: float
) -> tuple[dict[str, Any], npt.NDArray[np.float32], bool]:
    """Entry of the manifest, features, and whether anything had to be computed."""
    targets = {
        "features_file": Path("features") / f"{stem}{feature_file.ENDING}",
        "spectrogram_file": Path("spectrograms") / f"{stem}_spectrogram.npy",
    }
    if backbone is not None:
        targets["embedding_file"] = Path("embeddings") / f"{stem}_embedding.npy"
    status = file.stat()
    made_from = {
        "extracted_by": "attune",
        "form": _FORM,
        "backbone": "" if backbone is None else f"{backbone.info.name} {backbone.info.version}",
        "source_bytes": status.st_size,
        "source_modified_ns": status.st_mtime_ns,
    }
    vector = _kept(out, targets, made_from)
    new = vector is None
    if vector is None:
        audio = decode(file, max_minutes=max_minutes)
        vector = extract_features(audio)
        _save(out / targets["spectrogram_file"], mel_spectrogram(audio))
        if backbone is not None:
            _save(out / targets["embedding_file"], embed_audio(backbone, audio).astype(np.float16))
        # The last to be written: once it is there, so are the others.
        about = {"filename": file.name, "sample_rate": SAMPLE_RATE_HZ, "processing_info": made_from}
        feature_file.write_features(out / targets["features_file"], vector, about)
    entry = {
        "duration": round(float(vector[FEATURE_NAMES.index("duration")]), 3),
        "sample_rate": SAMPLE_RATE_HZ,
        **{name: path.as_posix() for name, path in targets.items()},
        "file_size_mb": round(status.st_size / 2**20, 6),
    }
    return entry, vector, new


def _kept(
    out: Path, targets: Mapping[str, Path], made_from: Mapping[str, Any]
) -> npt.NDArray[np.float32] | None:
    """Features that an earlier run computed of the same file; None where it must be done."""
    if not all((out / path).is_file() for path in targets.values()):
        return None
    path = out / targets["features_file"]
    try:
        if json.loads(path.read_text(encoding="utf-8")).get("processing_info") != made_from:
            return None
        return feature_file.read_features(path)
    except (OSError, ValueError, AttributeError, RecursionError, DataError):
        return None


def _save(path: Path, array: npt.NDArray[np.floating]) -> None:
    with writing(f"The file {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_atomically(path, fsync=False) as part, part.open("wb") as file:
            np.save(file, array, allow_pickle=False)


def _place_labels(file: Path, folder: Path, folder_label: str) -> dict[str, Any]:
    """What the place of a file says: its folder, and the track that it is a segment of."""
    said = {folder_label: file.parent.name} if folder_label and file.parent != folder else {}
    track = _track_of(file.relative_to(folder))
    return said | {"group": track.as_posix()} if track.name != file.stem else said


def _read_labels(path: Path) -> dict[str, dict[str, Any]]:
    """Labels by the name of the file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines, strict=True, skipinitialspace=True)
            columns = [column.strip().lower() for column in reader.fieldnames or ()]
            reader.fieldnames = columns
            key = next((name for name in _NAME_COLUMNS if name in columns), None)
            if key is None:
                raise DataError(
                    f"The labels {path} have no column {_NAME_COLUMNS[0]}: their first line must name it."
                )
            found: dict[str, dict[str, Any]] = {}
            for row in reader:
                name = (row.pop(key) or "").strip().replace("\\", "/")
                if name in found:
                    raise DataError(f"The labels {path} list {name!r} twice: keep one of the lines.")
                found[name] = {
                    column: _value(column, cell, f"{path}, line {reader.line_num}")
                    for column, cell in row.items()
                    if column and isinstance(cell, str) and cell.strip()
                }
    except OSError as error:
        raise DataError(f"The labels {path} cannot be read ({error.strerror}): name a CSV.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"The labels {path} are no CSV in UTF-8 ({error}): save them as that.") from error
    return found


def _value(column: str, cell: str, where: str) -> Any:
    if column not in NUMBERS:
        return cell.strip()
    try:
        return float(cell)
    except ValueError as error:
        raise DataError(f"{where}: the {column} {cell!r} is no number: correct it.") from error


def _matched(
    rows: Mapping[str, Mapping[str, Any]], folder: Path, files: Sequence[Path]
) -> tuple[dict[Path, Mapping[str, Any]], list[EntryFault]]:
    """Labels by file, and those that fit none, or several that are no segments of one track."""
    by_key: dict[str, list[Path]] = {}
    for file in files:
        for key in _keys(file.relative_to(folder)):
            by_key.setdefault(key, []).append(file)
    found: dict[Path, Mapping[str, Any]] = {}
    faults = []
    for key, row in rows.items():
        fitting = by_key.get(key, [])
        if len({_track_of(file) for file in fitting}) == 1:
            # A row about a segment wins over one about its track.
            found |= {file: row for file in fitting if len(fitting) == 1 or file not in found}
        elif fitting:
            faults.append(EntryFault(key, f"fits {len(fitting)} files: give its path within the folder"))
        else:
            faults.append(EntryFault(key, "has labels but no sound file"))
    return found, faults


def _keys(path: Path) -> set[str]:
    """What labels may call a file."""
    track = _track_of(path)
    return {
        path.as_posix(),
        path.with_suffix("").as_posix(),
        path.name,
        path.stem,
        track.as_posix(),
        track.name,
    }


def _track_of(path: Path) -> Path:
    """The file without suffix; of a segment, the track that it was cut from."""
    track, _, number = path.stem.rpartition(_SEGMENT)
    return path.with_name(track) if track and number.isdecimal() else path.with_suffix("")


def _statistics(
    entries: Sequence[Mapping[str, Any]], vectors: npt.NDArray[np.float32], files: int
) -> dict[str, Any]:
    durations = np.array([entry["duration"] for entry in entries])
    size_mb = sum(entry["file_size_mb"] for entry in entries)
    moments = zip(
        FEATURE_NAMES,
        vectors.mean(axis=0, dtype=np.float64),
        vectors.std(axis=0, dtype=np.float64),
        vectors.min(axis=0),
        vectors.max(axis=0),
        strict=True,
    )
    return {
        "total_files": len(entries),
        "total_duration_hours": float(durations.sum()) / 3600.0,
        "average_duration_seconds": float(durations.mean()),
        "total_size_gb": size_mb / 1024.0,
        "average_file_size_mb": size_mb / len(entries),
        "processing_success_rate": 100.0 * len(entries) / files,
        "duration_distribution": {
            "min": float(durations.min()),
            "max": float(durations.max()),
            "median": float(np.median(durations)),
            "std": float(durations.std()),
        },
        "features": {
            name: {"mean": float(mean), "std": float(std), "min": float(low), "max": float(high)}
            for name, mean, std, low, high in moments
        },
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    write_atomic(path, json.dumps(content, indent=2, allow_nan=False) + "\n", what=f"The file {path}")

"""What networks are given of each track: features, spectrograms and embeddings found, checked and stacked."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import DataError
from models.mood.backbone import EMBEDDING_SIZE
from models.mood.patches import PATCH_S
from models.track.feature_file import read_features
from models.track.features import FEATURE_NAMES, MEL_BANDS
from models.track.spectrogram import FRAME_S
from models.track.tasks import InputKind

Array = npt.NDArray[np.float32]
EntryInputs = Mapping[InputKind, Array]
"""Of one entry: ``(1024,)``, ``(steps, 1024)``, ``(103,)``, ``(128, frames)``."""

MOST_S: Final = 30.0
"""Of longer spectrograms and embeddings over time the middle is used."""

DAMAGE: Final = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)
_STEP_S: Final = {InputKind.SPECTROGRAM: FRAME_S, InputKind.EMBEDDINGS: PATCH_S}
_LEAST_KNOWN: Final = 0.5  # of the features, else an entry goes without
_PARENTS: Final = 4  # folders above a manifest from which its paths may count
_TABLE_KEYS: Final = ("path", "ids", "names")
_TABLE_ROWS: Final = ("mean", "embeddings")


@dataclass(frozen=True, slots=True)
class InputFiles:
    """Files made of one sound."""

    features: Path | None = None
    spectrogram: Path | None = None
    embedding: Path | None = None


@dataclass(frozen=True, eq=False)
class InputSource:
    """Where inputs come from, by the name of the sound."""

    where: str  # for messages
    # Sounds by their paths without suffix, in the order they are listed.
    files: Mapping[str, InputFiles] = field(default_factory=dict, repr=False)
    embeddings: Mapping[str, Array] = field(default_factory=dict, repr=False)

    @property
    def keys(self) -> tuple[str, ...]:
        """Paths without suffix of all sounds."""
        return tuple(dict.fromkeys((*self.files, *self.embeddings)))


def short_keys(source: InputSource) -> dict[str, str]:
    """Key of a sound by its path, and by its name alone where that is unique."""
    keys = source.keys
    names = [PurePosixPath(key).name for key in keys]
    counts = Counter(names)
    alone = {name: key for name, key in zip(names, keys, strict=True) if counts[name] == 1}
    return alone | {key: key for key in keys}


def open_inputs(where: Path) -> InputSource:
    """Open what `attune features preprocess` made, or a file of embeddings.

    Parameters
    ----------
    where
        Its manifest or its folder, or an ``.npz`` with ``path`` or ``ids`` and ``mean`` or ``embeddings``,
        ``(n, 1024)`` or ``(n, steps, 1024)``.

    Raises
    ------
    DataError
        It is missing, damaged or something else.
    """
    if where.suffix == ".npz":
        return _embedding_table(where)
    path = where / "dataset_manifest.json" if where.is_dir() else where
    entries = manifest_entries(path)[1]
    files = {
        stem_of(entry["filename"]): entry_files(path, entry)[0]
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("filename"), str)
    }
    return InputSource(str(path), files)


def manifest_entries(path: Path) -> tuple[dict[str, Any], list[Any]]:
    """What a manifest says of the whole, and its entries, unchecked.

    Raises
    ------
    DataError
        It is missing, no JSON, or has no list of files.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise DataError(f"There is no manifest {path}: make it with `attune features preprocess`.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"The manifest {path} is no JSON ({error}): make it again.") from error
    about = content if isinstance(content, dict) else {"files": content}
    if not isinstance(about.get("files"), list):
        raise DataError(f"The manifest {path} has no list `files`: it is another file.")
    return about, about["files"]


def entry_files(manifest: Path, entry: Mapping[str, Any]) -> tuple[InputFiles, list[str]]:
    """Files that an entry of a manifest names, and why some cannot be used.

    Paths count from the manifest's folder, else from one of those above: some pipelines write them as seen
    from where they ran, and with the separators of Windows.
    """
    found: dict[str, Path] = {}
    reasons = []
    for kind in ("features", "spectrogram", "embedding"):
        text = entry.get(f"{kind}_file")
        if text is None:
            continue
        if not isinstance(text, str) or not text or "\0" in text:
            reasons.append(f"its {kind}_file is {text!r}, not a path")
            continue
        relative = Path(text.replace("\\", "/"))
        roots = (manifest.parent, *list(manifest.resolve().parents)[1:_PARENTS])
        there = next((root / relative for root in roots if (root / relative).is_file()), None)
        if there is None:
            reasons.append(f"its {kind}_file {text} is not there")
        else:
            found[kind] = there
    return InputFiles(**found), reasons


def stem_of(name: str) -> str:
    """Path of a sound without suffix, with ``/`` between folders."""
    return PurePosixPath(name.replace("\\", "/")).with_suffix("").as_posix() if name.strip("./\\") else name


def read_entry(source: InputSource, key: str) -> tuple[dict[InputKind, Array], list[str]]:
    """Inputs of one sound, and why some of them are left out.

    Parameters
    ----------
    source
        Where they come from.
    key
        One of its keys.
    """
    inputs: dict[InputKind, Array] = {}
    reasons: list[str] = []
    files = source.files.get(key, InputFiles())
    if files.features is not None:
        try:
            inputs[InputKind.FEATURES] = read_features(files.features)
        except DataError as error:
            reasons.append(str(error))
    if files.spectrogram is not None:
        _add(inputs, reasons, InputKind.SPECTROGRAM, files.spectrogram)
    if files.embedding is not None:
        _add(inputs, reasons, InputKind.EMBEDDINGS, files.embedding)
    if key in source.embeddings:
        row = source.embeddings[key].astype(np.float32)
        if not np.isfinite(row).all():
            reasons.append(f"its embedding in {source.where} holds NaN")
        else:
            inputs[InputKind.EMBEDDINGS if row.ndim == 2 else InputKind.EMBEDDING] = row
    if InputKind.EMBEDDINGS in inputs:
        inputs[InputKind.EMBEDDING] = inputs[InputKind.EMBEDDINGS].mean(axis=0)
    return inputs, reasons


def _add(inputs: dict[InputKind, Array], reasons: list[str], kind: InputKind, path: Path) -> None:
    """Read an array of two dimensions; of a long spectrogram only what can be used."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except DAMAGE as error:
        reasons.append(f"its {kind} {path} is damaged ({error})")
        return
    size, axis = (MEL_BANDS, 0) if kind is InputKind.SPECTROGRAM else (EMBEDDING_SIZE, 1)
    if (
        not isinstance(array, np.ndarray)
        or array.ndim != 2
        or array.shape[axis] != size
        or not array.size
        or array.dtype.kind not in "fiu"
    ):
        shape = getattr(array, "shape", "no array")
        wanted = f"({MEL_BANDS}, frames)" if axis == 0 else f"(steps, {EMBEDDING_SIZE})"
        reasons.append(f"its {kind} {path} has the shape {shape} instead of {wanted}")
        return
    values = np.array(array, dtype=np.float32)
    if np.isfinite(values).all():
        inputs[kind] = values
    else:
        reasons.append(f"its {kind} {path} holds NaN or infinities")


def cut_window(inputs: EntryInputs, start_s: float, stop_s: float) -> dict[InputKind, Array]:
    """What of an entry lies between two times; features of the whole are left out.

    A frame or patch belongs where its middle is.
    """
    cut: dict[InputKind, Array] = {}
    for kind, step_s in _STEP_S.items():
        if kind in inputs:
            first, last = (round(time_s / step_s) for time_s in (start_s, stop_s))
            axis = 1 if kind is InputKind.SPECTROGRAM else 0
            last = min(max(last, first + 1), inputs[kind].shape[axis])
            part = inputs[kind].take(range(first, last), axis=axis)
            if part.size:
                cut[kind] = part
    if InputKind.EMBEDDINGS in cut:
        cut[InputKind.EMBEDDING] = cut[InputKind.EMBEDDINGS].mean(axis=0)
    return cut


def length_s(inputs: EntryInputs) -> float:
    """How long an entry lasts by what there is of it over time; 0 where nothing is."""
    spectrogram, steps = inputs.get(InputKind.SPECTROGRAM), inputs.get(InputKind.EMBEDDINGS)
    if spectrogram is not None:
        return float(spectrogram.shape[1] * FRAME_S)
    return 0.0 if steps is None else float(len(steps) * PATCH_S)


def trimmed(inputs: EntryInputs, most_s: float) -> dict[InputKind, Array]:
    """The same with the middle of what is long; made a copy, so that the whole can be forgotten."""
    kept = dict(inputs)
    for kind, step_s in _STEP_S.items():
        if kind in kept:
            axis, most = (1 if kind is InputKind.SPECTROGRAM else 0), max(1, round(most_s / step_s))
            start = max(0, (kept[kind].shape[axis] - most) // 2)
            kept[kind] = kept[kind].take(range(start, min(start + most, kept[kind].shape[axis])), axis=axis)
    return kept


def stack(entries: Sequence[EntryInputs]) -> dict[InputKind, Array]:
    """Inputs of all entries, as a dataset has them.

    What is shorter than the longest is repeated up to its length; what an entry lacks is NaN.
    """
    stacked: dict[InputKind, Array] = {}
    for kind in InputKind:
        present = [entry[kind] for entry in entries if kind in entry]
        if not present:
            continue
        shape = np.max([array.shape for array in present], axis=0)
        whole: Array = np.full((len(entries), *shape), np.nan, dtype=np.float32)
        for place, entry in enumerate(entries):
            if kind in entry:
                # Repeated, not silent: nothing has to know how much of it is real.
                whole[place] = (
                    entry[kind].take(range(shape[-1]), axis=-1, mode="wrap")
                    if (kind is InputKind.SPECTROGRAM)
                    else entry[kind].take(range(shape[0]), axis=0, mode="wrap")
                )
        stacked[kind] = whole
    return stacked


def fill_absent_features(inputs: dict[InputKind, Array]) -> tuple[list[int], tuple[str, ...]]:
    """Give up features of entries that lack most of them, and set those that all lack to 0, in place.

    Returns
    -------
    entries
        Places of the entries that go without features now.
    names
        Features that no entry has.
    """
    vectors = inputs.get(InputKind.FEATURES)
    if vectors is None:
        return [], ()
    given = ~np.isnan(vectors)
    absent = ~given.any(axis=0)
    vectors[np.ix_(given.any(axis=1), absent)] = 0.0
    known = given.sum(axis=1) / max(1, np.count_nonzero(~absent))
    poor = np.flatnonzero((known > 0.0) & (known < _LEAST_KNOWN))
    vectors[poor] = np.nan
    if np.isnan(vectors).all():
        del inputs[InputKind.FEATURES]
    return poor.tolist(), tuple(FEATURE_NAMES[place] for place in np.flatnonzero(absent))


def _embedding_table(path: Path) -> InputSource:
    names: npt.NDArray[Any] | None
    rows: npt.NDArray[Any] | None
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as content:
            names = next((content[key] for key in _TABLE_KEYS if key in content), None)
            rows = next((content[key] for key in _TABLE_ROWS if key in content), None)
    except FileNotFoundError as error:
        raise DataError(f"There is no file of embeddings {path}: name another.") from error
    except DAMAGE as error:
        raise DataError(f"The file of embeddings {path} is damaged ({error}): get it again.") from error
    if names is None or rows is None or rows.ndim not in {2, 3} or rows.shape[-1] != EMBEDDING_SIZE:
        raise DataError(
            f"The file {path} holds no embeddings: it needs `path` or `ids`, and `mean` or `embeddings` of "
            f"{EMBEDDING_SIZE} values each."
        )
    if names.ndim != 1 or len(names) != len(rows):
        raise DataError(f"The file {path} has {names.shape} names for {len(rows)} embeddings: get it again.")
    keys = [stem_of(str(name)) for name in names.ravel().tolist()]
    return InputSource(str(path), embeddings=dict(zip(keys, rows, strict=True)))

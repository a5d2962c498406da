"""The import of a Hugging Face audio dataset, from a local folder or, when asked, from the hub."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from core.emotions import EMOTIONS
from core.errors import DataError
from core.extras import missing_library
from core.files import writing
from training.data.check import Problem
from training.data.importers import Imported
from training.data.manifest import ManifestRow, is_label
from training.data.sources import seen_from

_SAVED: Final = ("dataset_info.json", "dataset_dict.json")
"""Files that `Dataset.save_to_disk` leaves; any other folder is one of parquet, CSV or sound files."""

_METADATA: Final = "metadata.csv"
"""Stands beside the files of a folder of sound files (AudioFolder), with a column ``file_name``."""


@dataclass(frozen=True)
class HubColumns:
    """Which column of the dataset is what; an empty name means there is none."""

    # Must be there: without speakers no split can keep them apart.
    audio: str = "audio"
    emotion: str = "emotion"
    speaker: str = "speaker_id"
    # Optional.
    sex: str = ""
    intensity: str = ""
    text: str = ""


def import_hub(
    dataset: str,
    *,
    corpus: str,
    manifest_dir: Path,
    audio_dir: Path,
    columns: HubColumns | None = None,
    labels: Mapping[str, str] | None = None,
    language: str = "",
    licence: str = "",
    online: bool = False,
) -> Imported:
    """Read an audio dataset of the library `datasets` into manifest rows and sound files.

    Sound that lies in the dataset's own tables is written out unchanged, one file a clip; sound that lies in
    files stays where it is. Nothing is decoded. Paths are written from the folder the manifest will lie in.
    The hub is asked only if `online`. Rows with an unknown label, without speaker or without sound are its
    problems.

    Parameters
    ----------
    dataset
        A local folder, or the name of a dataset on the hub, else in the local cache.
    audio_dir
        Folder for sound that is written out; it must not be there yet, and is made when needed.
    labels
        From the dataset's labels to ours, as in ``{"anger": "angry", "bored": "other:boredom"}``; a
        label that is ours already needs no entry.

    Raises
    ------
    DataError
        The library is missing, the dataset cannot be opened, a column or a mapping is wrong, nothing
        is left, or the disk is full.
    """
    columns, labels = columns or HubColumns(), labels or {}
    for label, ours in labels.items():
        if not is_label(ours):
            raise DataError(
                f"The label {label!r} is mapped to {ours!r}, which is none of ours: use "
                f"{', '.join(str(emotion) for emotion in EMOTIONS)}, or other:<name>."
            )
    if audio_dir.exists():
        raise DataError(f"{audio_dir} is there already: name another folder for the sound with --audio-dir.")
    parts = _open(dataset, online=online)
    rows: list[ManifestRow] = []
    problems: list[Problem] = []
    try:
        with writing(f"The sound of {dataset} in {audio_dir}"):
            for part, table in parts.items():
                for place, record in _records(dataset, part, table, columns):
                    made = _row(record, columns, labels, place)
                    file = _sound_file(dataset, record[columns.audio], audio_dir / f"{place}")
                    if isinstance(made, Problem) or file is None:
                        no_sound = Problem(place, "missing", "its sound is nowhere to be found; left out")
                        problems.append(made if isinstance(made, Problem) else no_sound)
                        continue
                    if isinstance(file, tuple):
                        target, content = file
                        target.parent.mkdir(parents=True, exist_ok=True)
                        target.write_bytes(content)
                        file = target
                    path = seen_from(manifest_dir, file)
                    more = (("source", f"{dataset}/{place}"),)
                    rows.append(
                        ManifestRow(path, corpus, language=language, licence=licence, more=more, **made)
                    )
        if not rows:
            raise DataError(
                f"No clip of {dataset} can be imported, beginning with {problems[0]}."
                if problems
                else f"The dataset {dataset} is empty: name another."
            )
    except BaseException:
        shutil.rmtree(audio_dir, ignore_errors=True)
        raise
    return Imported(tuple(rows), tuple(problems))


def _open(dataset: str, *, online: bool) -> dict[str, Any]:
    """Open every part (train, test, ...) of a dataset."""
    if not online:  # read by the library when it is first imported
        os.environ["HF_DATASETS_OFFLINE"] = os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        import datasets  # noqa: PLC0415 - optional and slow
    except ImportError as error:
        raise DataError(missing_library("hub", error.name)) from error
    if not online:
        datasets.config.HF_HUB_OFFLINE = datasets.config.HF_DATASETS_OFFLINE = True
    datasets.disable_progress_bars()
    folder = Path(dataset)
    try:
        if folder.is_dir() and any((folder / name).is_file() for name in _SAVED):
            loaded = datasets.load_from_disk(dataset)
        elif folder.is_dir() and (tables := sorted(folder.rglob(_METADATA))):
            loaded = {str(file.parent.relative_to(folder)): _sound_folder(file) for file in tables}
        else:
            loaded = datasets.load_dataset(dataset)
    except Exception as error:
        advice = "name a folder, or let the hub be asked with --online"
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        reason = " ".join(str(cause).split()) or type(cause).__name__
        raise DataError(f"The dataset {dataset} cannot be opened ({reason}): {advice}.") from error
    return dict(loaded) if isinstance(loaded, dict) else {str(loaded.split or "data"): loaded}


def _sound_folder(metadata_csv: Path) -> Any:
    """Open an AudioFolder; the library's own reader wants torchcodec although nothing is decoded."""
    import datasets  # noqa: PLC0415 - optional and slow

    with metadata_csv.open(newline="", encoding="utf-8-sig") as handle:
        lines = list(csv.DictReader(handle))
    columns = {name: [line[name] for line in lines] for name in (lines[0] if lines else ())}
    names = columns.pop("file_name")
    columns["audio"] = [str(metadata_csv.parent / name) for name in names]
    return datasets.Dataset.from_dict(columns).cast_column("audio", datasets.Audio(decode=False))


def _records(
    dataset: str, part: str, table: Any, columns: HubColumns
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of one part with their place; class numbers become names, sound stays as it is stored."""
    import datasets  # noqa: PLC0415 - optional and slow

    wanted = [name for name in vars(columns).values() if name]
    missing = [name for name in wanted if name not in table.column_names]
    if missing:
        raise DataError(
            f"The dataset {dataset} has no column {', '.join(missing)}: it has "
            f"{', '.join(table.column_names)}; say which is which with --column, as in speaker=actor."
        )
    if not isinstance(table.features[columns.audio], datasets.Audio):
        raise DataError(
            f"The column {columns.audio} of {dataset} holds no sound: name another with --column audio=NAME."
        )
    table = table.select_columns(list(dict.fromkeys(wanted)))
    table = table.cast_column(columns.audio, datasets.Audio(decode=False))
    names = {
        name: kind.names for name, kind in table.features.items() if isinstance(kind, datasets.ClassLabel)
    }
    for index, record in enumerate(table):
        for name, classes in names.items():
            known = record[name] is not None and 0 <= record[name] < len(classes)
            record[name] = classes[record[name]] if known else ""
        yield f"{part}/{index:06d}", record


def _row(
    record: Mapping[str, Any], columns: HubColumns, labels: Mapping[str, str], place: str
) -> dict[str, str] | Problem:
    """Fields of one row but its path, or what is wrong with it."""
    cells = {
        field: "" if record.get(name) is None else str(record[name]).strip()
        for field, name in vars(columns).items()
        if name and field != "audio"
    }
    label = cells["emotion"]
    cells["emotion"] = labels.get(label, label)
    if not is_label(cells["emotion"]):
        return Problem(place, "unknown label", f"{label!r}; map it with --label; left out")
    if not cells["speaker"]:
        return Problem(place, "unusable", "it names no speaker; left out")
    return cells


def _sound_file(
    dataset: str, sound: Mapping[str, Any] | None, target: Path
) -> Path | tuple[Path, bytes] | None:
    """The file a clip lies in, or the file to write with its content; None where there is neither."""
    if not sound:
        return None
    path = str(sound.get("path") or "")
    content = sound.get("bytes")
    if content:
        suffix = PurePosixPath(path).suffix.lower()
        # A name from elsewhere: nothing but a short plain suffix is taken from it.
        plain = suffix if suffix[1:].isalnum() and len(suffix) <= 6 else ".wav"
        return target.with_name(target.name + plain), bytes(content)
    for file in (Path(path), Path(dataset) / path):
        if path and file.is_file():
            return file
    return None

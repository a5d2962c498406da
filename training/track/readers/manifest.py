"""The manifest of prepared music, `dataset_manifest.json`: features, spectrogram and labels of each file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.track.features import PITCH_CLASSES
from models.track.tasks import Task, TaskKind
from training.track.dataset import EntryFault, TrackDataset
from training.track.readers import inputs
from training.track.readers.assemble import LabelledTrack, Target, assemble
from training.track.readers.inputs import InputFiles, InputSource

KEYS: Final = PITCH_CLASSES
MODES: Final = ("major", "minor")
KEYS_WITH_MODE: Final = tuple(f"{tonic} {mode}" for tonic in KEYS for mode in MODES)

SINGLE_LABELS: Final = ("genre", "mood")
SEVERAL_LABELS: Final = ("mood", "emotions", "instruments", "tags")
_NUMBERS: Final[Mapping[str, tuple[str, ...]]] = {"bpm": ("bpm",), "va": ("valence", "arousal")}
_SIDES: Final = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "evaluation"), "test"),
}
_FASTEST_BPM: Final = 1_000.0
_KEY: Final = re.compile(r"([A-Ga-g])([#b♯♭]?)[\s:_-]*(major|maj|M|minor|min|m|dur|moll|)")
_STEPS: Final = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
_MINOR: Final = frozenset({"minor", "min", "m", "moll"})


@dataclass(frozen=True, eq=False)
class _Entry:
    """What an entry of the manifest says."""

    name: str
    files: InputFiles
    singles: dict[str, str] = field(default_factory=dict)
    several: dict[str, tuple[str, ...]] = field(default_factory=dict)
    numbers: dict[str, tuple[float, ...]] = field(default_factory=dict)
    group: str = ""
    side: str = ""
    path: str = ""


def read_track_manifest(
    path: Path,
    *,
    labels: Mapping[str, Sequence[str]] | None = None,
    most_s: float = inputs.MOST_S,
    segment_s: float | None = None,
) -> TrackDataset:
    """Read a manifest.

    Its tasks are those that its entries speak of: `genre`, `mood`, `key` (one label); `mood` as a list or
    with semicolons, `emotions`, `instruments`, `tags` (several labels); `bpm`; `va` (`valence`, `arousal`).
    `artist`, else `group`, keeps tracks together; `split` names a side.

    Parameters
    ----------
    path
        The manifest, or its folder.
    labels
        By task the labels that there are, in their order; None, or a task that it lacks: those that occur.
    most_s, segment_s
        As in `assemble`.

    Raises
    ------
    DataError
        The manifest is missing or no manifest, or nothing in it can be learned.
    """
    path = path / "dataset_manifest.json" if path.is_dir() else path
    about, listed = inputs.manifest_entries(path)
    faults: list[EntryFault] = []
    entries = [
        entry
        for place, content in enumerate(listed, start=1)
        if (entry := _read_entry(path, about, content, place, faults)) is not None
    ]
    tasks = _tasks(entries, labels or {})
    name = str(about.get("dataset_name") or path.parent.name)
    tracks = [
        LabelledTrack(
            name=entry.name,
            key=f"{place}",
            targets=_targets(entry, tasks, faults),
            group=entry.group,
            side=entry.side,
            path=entry.path,
        )
        for place, entry in enumerate(entries)
    ]
    source = InputSource(str(path), {f"{place}": entry.files for place, entry in enumerate(entries)})
    return assemble(name, tasks, tracks, source, faults=faults, most_s=most_s, segment_s=segment_s)


def normal_key(text: str) -> str | None:
    """A key as the labels have it: its tonic with a sharp, and its mode where one is given.

    Examples
    --------
    >>> normal_key("Bb"), normal_key("F#m"), normal_key("C:maj"), normal_key("H")
    ('A#', 'F# minor', 'C major', None)
    """
    found = _KEY.fullmatch(text.strip())
    if found is None:
        return None
    letter, sign, mode = found.groups()
    tonic = KEYS[(KEYS.index(letter.upper()) + _STEPS[sign]) % len(KEYS)]
    return f"{tonic} {'minor' if mode in _MINOR else 'major'}" if mode else tonic


def _read_entry(
    manifest: Path, about: Mapping[str, Any], content: Any, place: int, faults: list[EntryFault]
) -> _Entry | None:
    """An entry without what is wrong with it; None where nothing is left of it."""
    if not isinstance(content, dict):
        faults.append(EntryFault(f"entry {place}", f"is {content!r:.80}, not an object, so it is left out"))
        return None
    name = content.get("filename")
    if not isinstance(name, str) or not name:
        name = f"entry {place}"
        faults.append(EntryFault(name, "has no filename"))
    files, reasons = inputs.entry_files(manifest, content)
    side = content.get("split") or ""
    if side and _SIDES.get(str(side).lower()) is None:
        reasons.append(f"its split is {side!r}, which is none of train, validation and test")
    artist, group = content.get("artist"), content.get("group")
    folder = about.get("audio_folder")
    sound = manifest.parent / folder / name if isinstance(folder, str) else manifest.parent / name
    entry = _Entry(
        name=name,
        files=files,
        group=f"artist {artist}" if artist else str(group or ""),
        side=_SIDES.get(str(side).lower(), ""),
        path=str(sound) if sound.is_file() else name,
    )
    reasons += _read_words(entry, content) + _read_numbers(entry, content)
    faults += [EntryFault(name, reason) for reason in reasons]
    return entry


def _read_words(entry: _Entry, content: Mapping[str, Any]) -> list[str]:
    reasons = []
    for task in (*SINGLE_LABELS, "key", *SEVERAL_LABELS[1:]):
        value = content.get(task)
        if value is None or value == "":
            continue
        words = _words(value)
        if not words or (len(words) > 1 and task not in SEVERAL_LABELS):
            reasons.append(f"its {task} is {value!r:.80}, not a word")
        elif task == "key":
            key = normal_key(words[0])
            if key is None:
                reasons.append(
                    f"its key is {value!r}, which is none of {', '.join(KEYS)}, with or without a mode"
                )
            else:
                entry.singles[task] = key
        elif task in SINGLE_LABELS and len(words) == 1 and not isinstance(value, list):
            entry.singles[task] = words[0]
        else:
            entry.several[task] = words
    return reasons


def _words(value: Any) -> tuple[str, ...]:
    """Labels of a list, or of a text that parts them by semicolons; none where it is something else."""
    listed = value if isinstance(value, list) else str(value).split(";")
    if isinstance(value, bool | float | dict) or not all(isinstance(word, str | int) for word in listed):
        return ()
    return tuple(dict.fromkeys(text for word in listed if (text := str(word).strip())))


def _read_numbers(entry: _Entry, content: Mapping[str, Any]) -> list[str]:
    reasons = []
    for task, fields in _NUMBERS.items():
        values: list[Any] = [content.get(name) for name in fields]
        if all(value is None or value == "" for value in values):
            continue
        if any(
            isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value)
            for value in values
        ):
            reasons.append(f"its {' and '.join(fields)} is {', '.join(map(repr, values))}, not a number each")
        elif task == "bpm" and not 0.0 < values[0] < _FASTEST_BPM:
            reasons.append(f"its bpm is {values[0]:g}, which is no tempo")
        else:
            entry.numbers[task] = tuple(map(float, values))
    return reasons


def _tasks(entries: Sequence[_Entry], labels: Mapping[str, Sequence[str]]) -> tuple[Task, ...]:
    tasks = []
    several = {task for entry in entries for task in entry.several}
    for task in dict.fromkeys((*SINGLE_LABELS, "key", *SEVERAL_LABELS)):
        words = {word for entry in entries for word in _said(entry, task)}
        if not words:
            continue
        known = labels.get(task)
        if known is None and task == "key":
            known = KEYS_WITH_MODE if any(" " in word for word in words) else KEYS
        kind = TaskKind.MULTI_LABEL if task in several else TaskKind.SINGLE_LABEL
        tasks.append(Task(task, kind, tuple(known if known is not None else sorted(words))))
    for task, fields in _NUMBERS.items():
        if any(task in entry.numbers for entry in entries):
            tasks.append(Task(task, TaskKind.REGRESSION, fields))
    return tuple(tasks)


def _said(entry: _Entry, task: str) -> tuple[str, ...]:
    return entry.several.get(task) or ((entry.singles[task],) if task in entry.singles else ())


def _targets(entry: _Entry, tasks: Sequence[Task], faults: list[EntryFault]) -> dict[str, Target]:
    targets: dict[str, Target] = {}
    for task in tasks:
        if task.kind is TaskKind.REGRESSION:
            if task.name in entry.numbers:
                targets[task.name] = np.array(entry.numbers[task.name], dtype=np.float32)
            continue
        words = _said(entry, task.name)
        known = [word for word in words if word in task.labels]
        if len(known) < len(words):
            strange = ", ".join(repr(word) for word in words if word not in task.labels)
            faults.append(EntryFault(entry.name, f"its {task.name} {strange} is outside the list of labels"))
        if known and task.kind is TaskKind.SINGLE_LABEL:
            targets[task.name] = task.labels.index(known[0])
        elif known:
            targets[task.name] = np.array([label in known for label in task.labels], dtype=np.float32)
    return targets

"""Annotations of valence and arousal as DEAM, emoMusic and PMEmo publish them, static and over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import DataError
from models.track.tasks import Task, TaskKind
from training.track.dataset import EntryFault, TrackDataset
from training.track.readers import inputs, tables
from training.track.readers.assemble import LabelledTrack, assemble
from training.track.readers.inputs import InputSource

VA_TASK: Final = Task("va", TaskKind.REGRESSION, ("valence", "arousal"))
"""Both from 0 to 1, whatever the scale of the annotations."""

_AXES: Final = VA_TASK.labels
_IDS: Final = ("song_id", "musicid", "music_id", "id")
_NINE_POINTS: Final = (1.0, 9.0)
_SIGNED: Final = (-1.0, 1.0)
_SHARES: Final = (0.0, 1.0)
_SAMPLE: Final = "sample_"
_LEAST_SHARE: Final = 0.5  # of a window's annotations that must be there
_MARGIN: Final = 1e-6
_SIDES: Final = {"development": "train", "evaluation": "test"}


@dataclass(frozen=True, slots=True)
class _Moment:
    """Where the listeners felt a song to be, at a time of it."""

    song: str
    time_s: float
    values: tuple[float, float]


def read_valence_arousal(
    source: Path,
    where: InputSource,
    *,
    window_s: float | None = None,
    most_s: float = inputs.MOST_S,
    segment_s: float | None = None,
) -> TrackDataset:
    """Read static annotations, or those over time.

    Artists, where a table of metadata beside the annotations names them, keep songs together, and emoMusic's
    own split is its split.

    Parameters
    ----------
    source
        A table of static annotations, or a folder in which the tables are looked for.
    where
        Sounds are found by the number of the song: its name is ``2``, as that of ``2.mp3``.
    window_s
        Read the annotations over time, averaged over windows of this length, in seconds: an entry is a
        window. None reads the static ones.
    most_s, segment_s
        As in `assemble`; windows are not cut any further.

    Raises
    ------
    DataError
        There are no such annotations, or nothing of them can be learned.

    References
    ----------
    Aljanaki et al., "Developing a benchmark for emotional analysis of music", PLOS ONE, 2017 (DEAM);
    Soleymani et al., "1000 songs for emotional analysis of music", CrowdMM 2013 (emoMusic); Zhang et al.,
    "The PMEmo dataset for music emotion recognition", ICMR 2018.
    """
    files = sorted(source.rglob("*.csv")) if source.is_dir() else [source]
    faults: list[EntryFault] = []
    artists, sides = _metadata(files if source.is_dir() else sorted(source.parent.glob("*.csv")))
    keys = inputs.short_keys(where)

    def track(song: str, values: Sequence[float], window: tuple[float, float] | None = None) -> LabelledTrack:
        return LabelledTrack(
            name=song if window is None else f"{song}@{window[0]:g}s",
            key=keys.get(song, ""),
            targets={VA_TASK.name: np.array(values, dtype=np.float32)},
            group=f"artist {artists[song]}" if song in artists else song,
            side=sides.get(song, ""),
            window_s=window,
        )

    if window_s is None:
        tracks = [track(song, values) for song, values in _static(source, files, faults).items()]
    elif segment_s is not None:
        raise DataError("Windows are segments already: give --window-seconds or --segment-seconds.")
    elif not window_s > 0.0:
        raise DataError(f"Windows of {window_s:g} s were asked for: give more than 0 s.")
    else:
        moments = _dynamic(source, files, faults)
        tracks = [track(*found) for found in _windows(moments, window_s)]
    return assemble(source.stem, (VA_TASK,), tracks, where, faults=faults, most_s=most_s, segment_s=segment_s)


def is_static(columns: Sequence[str]) -> bool:
    """Whether these plain names of columns are those of static annotations."""
    return (
        _id_of(columns) != "" and all(_column(columns, axis) for axis in _AXES) and "frametime" not in columns
    )


def is_dynamic(columns: Sequence[str]) -> bool:
    """Whether they are those of annotations over time."""
    sampled = any(column.startswith(_SAMPLE) for column in columns)
    return _id_of(columns) != "" and (sampled or "frametime" in columns)


def _id_of(columns: Sequence[str]) -> str:
    return next((name for name in _IDS if name in columns), "")


def _column(columns: Sequence[str], axis: str) -> str:
    return next((name for name in (f"{axis}_mean", f"mean_{axis}") if name in columns), "")


def _static(source: Path, files: Sequence[Path], faults: list[EntryFault]) -> dict[str, tuple[float, float]]:
    songs: dict[str, tuple[float, float]] = {}
    home: dict[str, Path] = {}
    for path in files:
        if not is_static(tables.read_columns(path)):
            continue
        columns, rows = tables.read_table(path)
        # PMEmo, whose number is called musicId, gives shares; the others nine points.
        scale = _SHARES if "musicid" in columns else _NINE_POINTS
        for row in rows:
            song = row.get(_id_of(columns), "")
            if song and home.setdefault(song, path) != path:
                raise DataError(f"{home[song]} and {path} both tell of the song {song}: name one of them.")
            values = [_scaled(row.get(_column(columns, axis)), scale) for axis in _AXES]
            if not song or None in values:
                faults.append(EntryFault(song or "a line without a number", _wrong(row, columns, path)))
            elif song in songs:
                faults.append(EntryFault(song, f"is in {path.name} twice: the first line was taken"))
            else:
                songs[song] = (values[0] or 0.0, values[1] or 0.0)
    if not songs:
        raise DataError(
            f"There are no static annotations in {source}: a CSV with song_id, valence_mean and arousal_mean "
            "is needed."
        )
    return songs


def _scaled(cell: str | None, scale: tuple[float, float]) -> float | None:
    """From 0 to 1; None where it is no number of the scale."""
    value = tables.number(cell)
    low, high = scale
    if value is None or not low - _MARGIN <= value <= high + _MARGIN:
        return None
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _wrong(row: tables.Row, columns: Sequence[str], path: Path) -> str:
    said = ", ".join(f"{axis} {row.get(_column(columns, axis), '')!r}" for axis in _AXES)
    return f"has {said} in {path.name}, which are no values of its scale, so it is left out"


def _dynamic(source: Path, files: Sequence[Path], faults: list[EntryFault]) -> list[_Moment]:
    by_axis: dict[str, dict[tuple[str, float], float]] = {axis: {} for axis in _AXES}
    for path in files:
        columns = tables.read_columns(path)
        if not is_dynamic(columns) or "std" in path.stem.lower():
            continue
        if "frametime" in columns:
            if all(_column(columns, axis) for axis in _AXES):
                _read_frames(path, by_axis, faults)
        elif (axis := next((axis for axis in _AXES if axis in path.stem.lower()), "")) != "":
            _read_samples(path, by_axis[axis], faults)
    if not all(by_axis.values()):
        raise DataError(
            f"There are no annotations over time in {source}: valence.csv and arousal.csv with song_id and "
            "sample_15000ms and so on are needed, or PMEmo's dynamic_annotations.csv."
        )
    valence, arousal = (by_axis[axis] for axis in _AXES)
    return [
        _Moment(song, time_s, (value, arousal[song, time_s]))
        for (song, time_s), value in sorted(valence.items())
        if (song, time_s) in arousal
    ]


def _read_samples(path: Path, values: dict[tuple[str, float], float], faults: list[EntryFault]) -> None:
    """A table with a row a song and a column every half second."""
    columns, rows = tables.read_table(path)
    times = {
        column: float(time) / 1_000.0
        for column in columns
        if (time := column.removeprefix(_SAMPLE).removesuffix("ms")).isdecimal()
        and column.startswith(_SAMPLE)
    }
    for row in rows:
        song = row.get(_id_of(columns), "")
        wrong = 0
        for column, time_s in times.items():
            # Songs are of different lengths: what comes after the end is empty, or said to be no number.
            if row.get(column, "").lower() in {"", "nan"}:
                continue
            value = _scaled(row[column], _SIGNED)
            if value is None:
                wrong += 1
            else:
                values[song, time_s] = value
        if wrong:
            faults.append(EntryFault(song, f"has {wrong} values in {path.name} that are not from -1 to 1"))


def _read_frames(
    path: Path, by_axis: Mapping[str, dict[tuple[str, float], float]], faults: list[EntryFault]
) -> None:
    """A table with a row a moment."""
    columns, rows = tables.read_table(path)
    for row in rows:
        song, time_s = row.get(_id_of(columns), ""), tables.number(row.get("frametime"))
        values = [_scaled(row.get(_column(columns, axis)), _SHARES) for axis in _AXES]
        if time_s is None or None in values:
            faults.append(EntryFault(song, _wrong(row, columns, path)))
            continue
        for axis, value in zip(_AXES, values, strict=True):
            by_axis[axis][song, time_s] = value or 0.0


def _windows(
    moments: Sequence[_Moment], window_s: float
) -> Iterator[tuple[str, tuple[float, float], tuple[float, float]]]:
    """Songs, means and times of the windows; those of which little is annotated are passed over."""
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for moment in moments:
        found.setdefault((moment.song, int(moment.time_s / window_s)), []).append(moment.values)
    most = max(map(len, found.values()))
    for (song, number), values in found.items():
        if len(values) >= _LEAST_SHARE * most:
            valence, arousal = np.mean(values, axis=0).tolist()
            yield song, (valence, arousal), (number * window_s, (number + 1) * window_s)


def _metadata(files: Sequence[Path]) -> tuple[dict[str, str], dict[str, str]]:
    """Artists and sides by song, of every table that names them."""
    artists: dict[str, str] = {}
    sides: dict[str, str] = {}
    for path in files:
        columns = tables.read_columns(path)
        named = next((name for name in ("artist", "artists") if name in columns), "")
        split = next((name for name in columns if "mediaeval" in name and name.endswith("set")), "")
        if not _id_of(columns) or not (named or split):
            continue
        for row in tables.read_table(path)[1]:
            song = row.get(_id_of(columns), "")
            if named and row.get(named):
                artists[song] = row[named]
            if split:
                sides[song] = _SIDES.get(row.get(split, "").lower(), "")
    return artists, sides

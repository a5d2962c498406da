"""Data of tracks in any of the forms that are read, told apart by what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from core.errors import DataError
from training.track.dataset import TrackDataset
from training.track.readers import (
    emotify,
    jamendo,
    manifest,
    quadrants,
    tables,
    valence_arousal,
)
from training.track.readers.inputs import InputSource, open_inputs

_MANIFEST: Final = "dataset_manifest.json"
_TABLES: Final = "*_yamnet_embeddings.npz"


class DatasetForm(StrEnum):
    """How data come."""

    MANIFEST = "manifest"  # made by `attune features preprocess`, or by a pipeline of the same form
    VALENCE_AROUSAL = "valence-arousal"  # DEAM, emoMusic, PMEmo
    EMOTIFY = "emotify"
    JAMENDO = "jamendo"
    QUADRANTS = "quadrants"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How they are read; see the readers."""

    inputs: Path | None = None  # a manifest, its folder, or embeddings; None looks beside the labels
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    window_s: float | None = None  # of annotations over time; None reads the static ones
    segment_s: float | None = None
    share: float = emotify.SHARE


def form_of(source: Path) -> DatasetForm:
    """Tell the form of data by the files there are.

    Parameters
    ----------
    source
        A file or a folder.

    Raises
    ------
    DataError
        There is no such file or folder, or nothing in it is known.
    """
    if not source.exists():
        raise DataError(f"There is no {source}: name a manifest, a table of annotations, or their folder.")
    if source.is_file():
        if source.suffix.lower() == ".json":
            return DatasetForm.MANIFEST
        found = _form_of_table(source)
    elif (source / _MANIFEST).is_file():
        return DatasetForm.MANIFEST
    elif jamendo.is_jamendo(source):
        return DatasetForm.JAMENDO
    else:
        # The shallowest first: what lies deep in a folder may be of another kind.
        paths = sorted(source.rglob("*.csv"), key=lambda path: (len(path.parts), path))
        found = next((form for path in paths if (form := _form_of_table(path)) is not None), None)
        if found is None and quadrants.is_quadrants(source):
            return DatasetForm.QUADRANTS
    if found is None:
        raise DataError(
            f"Nothing in {source} is known: a {_MANIFEST}, annotations of valence and arousal, Emotify's "
            "data.csv, MTG-Jamendo's split0 files, or folders Q1 to Q4 are needed."
        )
    return found


def read_tracks(
    source: Path, options: ReadOptions | None = None, *, form: DatasetForm | None = None
) -> TrackDataset:
    """Read data of tracks.

    Parameters
    ----------
    source
        A manifest, a table of annotations, or the folder that holds them.
    options
        How they are read.
    form
        Their form; None tells it by the files.

    Raises
    ------
    DataError
        The form is not known, a file is missing or damaged, or nothing can be learned.
    """
    options = options or ReadOptions()
    match form or form_of(source):
        case DatasetForm.MANIFEST:
            return manifest.read_track_manifest(source, labels=options.labels, segment_s=options.segment_s)
        case DatasetForm.JAMENDO:
            where = open_inputs(options.inputs) if options.inputs else None
            return jamendo.read_jamendo_tracks(source, where=where, segment_s=options.segment_s)
        case DatasetForm.VALENCE_AROUSAL:
            return valence_arousal.read_valence_arousal(
                source,
                _inputs(source, options, ""),
                window_s=options.window_s,
                segment_s=options.segment_s,
            )
        case DatasetForm.EMOTIFY:
            return emotify.read_emotify(
                source,
                _inputs(source, options, "emotify"),
                share=options.share,
                genre=True,
                segment_s=options.segment_s,
            )
        case DatasetForm.QUADRANTS:
            return quadrants.read_quadrant_tracks(
                source, _inputs(source, options, "4q"), segment_s=options.segment_s
            )


def _form_of_table(path: Path) -> DatasetForm | None:
    columns = tables.read_columns(path)
    if emotify.is_emotify(columns):
        return DatasetForm.EMOTIFY
    if valence_arousal.is_static(columns) or valence_arousal.is_dynamic(columns):
        return DatasetForm.VALENCE_AROUSAL
    return DatasetForm.QUADRANTS if quadrants.is_quadrant_table(columns) else None


def _inputs(source: Path, options: ReadOptions, beginning: str) -> InputSource:
    """Those that are named, else what lies beside the labels."""
    folder = source if source.is_dir() else source.parent
    if options.inputs is not None:
        return open_inputs(options.inputs)
    for place in (folder, folder / "prepared"):
        if (place / _MANIFEST).is_file():
            return open_inputs(place)
    beside = [path for path in sorted(folder.glob(_TABLES)) if beginning and path.name.startswith(beginning)]
    if beside:
        return open_inputs(beside[0])
    raise DataError(
        f"{source} has labels, but no features, spectrograms or embeddings lie beside it: make them with "
        "`attune features preprocess`, and name their folder."
    )

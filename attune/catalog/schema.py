"""What a catalogue holds: a row for each sound, in Parquet files below `tracks/`, and how they are opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa
from pyarrow import dataset

from core.errors import CatalogError
from core.mood_tags import TAGS
from core.track_labels import EMOTIONS
from models.mood.backbone import EMBEDDING_SIZE
from models.mood.mood_scale import MOODS

FORM: Final = 1
"""Raised whenever the columns, or their meaning, change."""

TRACKS: Final = "tracks"
"""Folder of the rows: `tracks/analysed_on=2026-11-30/part-000001.parquet`."""

PARTITION: Final = "analysed_on"
"""The column that is not in the files but in the names of their folders: the day (UTC), as text."""

LABELS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"theme": TAGS, "moods": MOODS, "emotions": tuple(EMOTIONS)}
)
"""What the places of the columns with a fixed number of values mean; also in the metadata of each file."""


class ErrorKind(StrEnum):
    """Why a row has no answer."""

    SOUND = "sound"  # it cannot be read as sound; tried again only when that is asked for
    MISSING = "missing"  # there is no such file; tried again by the next run
    STORAGE = "storage"  # it could not be fetched; tried again by the next run


_METADATA: Final = b"attune.catalog"

_SHARE: Final = pa.float32()
_LIKELIEST: Final = pa.list_(
    pa.struct([("label", pa.string()), ("probability", _SHARE)])
)  # the likeliest first
_TIMELINE: Final = pa.list_(
    pa.struct(
        [
            ("start_s", _SHARE),
            ("end_s", _SHARE),
            ("mood", pa.string()),  # the leading one; null without music
            ("valence", _SHARE),
            ("arousal", _SHARE),
            ("music_share", _SHARE),  # null where it is silent
        ]
    )
)

SCHEMA: Final = pa.schema(
    [
        # Where it came from. One row a location; two locations may hold the same content.
        pa.field("location", pa.string(), nullable=False),  # path or URL
        pa.field("content_key", pa.string()),  # of content and models; null where it was not read
        pa.field("version", pa.string()),  # of the file, as its storage tells it without reading it
        pa.field("size_bytes", pa.int64()),
        pa.field("analysed_at", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("processing_s", _SHARE),
        # Why there is no answer: one sentence, and a value of `ErrorKind`. Else null.
        pa.field("error", pa.string()),
        pa.field("error_kind", pa.string()),
        # The answer. Each column is null where it is not known.
        pa.field("name", pa.string()),  # of the file, for people
        pa.field("title", pa.string()),
        pa.field("artist", pa.string()),
        pa.field("duration_s", pa.float64()),
        pa.field("silent", pa.bool_()),
        pa.field("music", pa.bool_()),  # whether enough of it is music for what follows
        pa.field("music_share", _SHARE),  # of what sounds, 0 to 1
        pa.field("loudness_lufs", _SHARE),
        pa.field("tempo_bpm", _SHARE),
        pa.field("tempo_confidence", _SHARE),
        pa.field("key", pa.string()),  # such as "C# minor"
        pa.field("key_confidence", _SHARE),
        pa.field("genres", _LIKELIEST),
        pa.field("instruments", _LIKELIEST),
        pa.field("valence", _SHARE),  # -1 to 1
        pa.field("arousal", _SHARE),  # -1 to 1
        pa.field("emotions", pa.list_(_SHARE, len(EMOTIONS))),  # 0 to 1
        pa.field("mood", pa.string()),  # the leading one of eight
        pa.field("moods", pa.list_(_SHARE, len(MOODS))),  # weights; the sum is 1
        pa.field("tags", pa.list_(pa.string())),  # of the theme, those that are present
        pa.field("theme", pa.list_(_SHARE, len(TAGS))),  # probabilities, 0 to 1
        pa.field("timeline", _TIMELINE),  # parts of equal length, in order
        # Mean of YAMNet's embeddings of its music, else of what sounds; null where it is silent.
        pa.field("embedding", pa.list_(pa.float16(), EMBEDDING_SIZE)),
        pa.field("notices", pa.list_(pa.string())),
    ],
    metadata={_METADATA: json.dumps({"form": FORM, "labels": dict(LABELS)}).encode()},
)
"""Of one file of rows."""


def open_tracks(catalog: Path) -> Any:
    """All rows of a catalogue, read as they are asked for.

    Parameters
    ----------
    catalog
        Its folder.

    Returns
    -------
    pyarrow.dataset.Dataset
        With the columns of `SCHEMA` and `PARTITION`. Files that are being written are passed over.

    Raises
    ------
    CatalogError
        There is none yet, or a file of it cannot be read.
    """
    folder = catalog / TRACKS
    if not folder.is_dir():
        raise CatalogError(
            f"There is no catalogue in {catalog}: make one, `attune catalog analyse SOURCE --out {catalog}`."
        )
    partition = dataset.partitioning(pa.schema([(PARTITION, pa.string())]), flavor="hive")
    whole = pa.schema([*SCHEMA, (PARTITION, pa.string())], metadata=SCHEMA.metadata)
    try:
        return dataset.dataset(folder, schema=whole, format="parquet", partitioning=partition)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise CatalogError(f"The catalogue in {catalog} cannot be read: {reason}.") from error

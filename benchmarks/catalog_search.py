"""Searches in a catalogue of many tracks: how fast, how large, and how well words and likeness find.

    python -m benchmarks.catalog_search speed --data ../shared/data [--rows 1000000] [--folder FOLDER]
    python -m benchmarks.catalog_search words --data ../shared/data

`speed` makes a catalogue of embeddings between those of pairs of tracks of MTG-Jamendo. `words` asks for
what artists said of the test side of its official split, which the heads were not trained on.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import parquet
from sklearn.metrics import average_precision_score

from attune.catalog.nearest import INDEX_FILE, nearest
from attune.catalog.query import parse_query
from attune.catalog.schema import PARTITION, SCHEMA, TRACKS
from attune.catalog.search import search_words
from attune.catalog.search_files import FOLDER, open_search_files
from core.mood_tags import TAGS
from core.settings import load_settings
from models.mood.backbone import EMBEDDING_SIZE
from models.mood.head import load_head
from models.track.heads import INSTRUMENT_HEAD, load_track_head
from training.speed.machine import machine_record, peak_memory_mb

_PART_ROWS: Final = 1_000
_QUERIES: Final = 20
_FOUND: Final = 10
_LEAST_TRACKS: Final = 15  # that a pair of words must fit
_QUERY: Final = "calm piano"

_Vectors = npt.NDArray[np.float16]


def speed(data: Path, rows: int, folder: Path) -> dict[str, Any]:
    """Search a synthetic catalogue in each way.

    Parameters
    ----------
    data
        Folder of the shared data.
    rows
        Of the catalogue.
    folder
        Where it is made; one that is there already is used again.

    Returns
    -------
    figures
        Seconds of each step and search, megabytes of each file, and the share of the ten nearest that the
        index gives.
    """
    known = np.load(data / "jamendo" / "yamnet_embeddings.npz")["embeddings"]
    catalog = folder / f"catalogue-{rows}"
    if not catalog.exists():
        _write_catalogue(catalog, known, rows)
    settings, terms = load_settings(journal=False), parse_query(_QUERY)
    figures: dict[str, Any] = {"rows": rows}
    figures["read_s"], _ = _timed(lambda: _opened(catalog))
    figures["words_first_s"], _ = _timed(lambda: search_words(catalog, terms, settings))
    figures["words_s"], _ = _timed(lambda: search_words(catalog, terms, settings))
    queries = _between(known, np.random.default_rng(1), _QUERIES)
    with open_search_files(catalog) as files:
        wanted = np.array(files.facts()["music"])
        exact_s, exact = _each(lambda query: nearest(files, query, _FOUND, wanted, exact=rows), queries)
        figures["index_made_s"], _ = _timed(lambda: nearest(files, queries[0], _FOUND, wanted, exact=0))
        index_s, quick = _each(lambda query: nearest(files, query, _FOUND, wanted, exact=0), queries)
        figures["exact_s"], figures["index_s"] = exact_s, index_s
    hits = [len(set(one[0]) & set(other[0])) for one, other in zip(exact, quick, strict=True)]
    figures["index_recall"] = sum(hits) / _FOUND / _QUERIES
    figures["index_mb"] = (catalog / FOLDER / INDEX_FILE).stat().st_size / 1e6
    figures["search_files_mb"] = sum(file.stat().st_size for file in (catalog / FOLDER).iterdir()) / 1e6
    figures["catalogue_mb"] = sum(file.stat().st_size for file in (catalog / TRACKS).rglob("*.parquet")) / 1e6
    figures["peak_memory_mb"] = peak_memory_mb()
    figures["threads"] = faiss.omp_get_max_threads()
    shown = {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
    return {**shown, **machine_record()}


def words(data: Path) -> dict[str, Any]:
    """Ask for pairs of a mood tag and an instrument, and score several orders by what artists said.

    Parameters
    ----------
    data
        Folder of the shared data.

    Returns
    -------
    figures
        Mean average precision over the pairs, by order: the product of the probabilities (as searches have
        it), their sum, the product of their ranks, each word alone, and chance.
    """
    stored = np.load(data / "jamendo" / "yamnet_embeddings.npz")
    places = {int(number): place for place, number in enumerate(stored["ids"])}
    moods, instruments = (_labels(data, kind) for kind in ("moodtheme", "instrument"))
    tracks = [number for number in moods if number in places and number in instruments]
    vectors = stored["embeddings"][[places[number] for number in tracks]].astype(np.float32)
    mood, instrument = load_head().predict(vectors), load_track_head(INSTRUMENT_HEAD)
    played, names = instrument.predict(vectors), instrument.info.labels
    scores: list[list[float]] = []
    for tag, label in itertools.product(TAGS, names):
        truth = np.array([tag in moods[number] and label in instruments[number] for number in tracks])
        if truth.sum() < _LEAST_TRACKS:
            continue
        one, other = mood[:, TAGS.index(tag)], played[:, names.index(label)]
        orders = (one * other, one + other, _ranks(one) * _ranks(other), one, other)
        scores.append([*(average_precision_score(truth, order) for order in orders), truth.mean()])
    order_names = ("product", "sum", "product_of_ranks", "mood_alone", "instrument_alone", "chance")
    means = np.mean(scores, axis=0)
    return {
        "tracks": len(tracks),
        "pairs": len(scores),
        **{name: round(float(value), 3) for name, value in zip(order_names, means, strict=True)},
    }


def _write_catalogue(catalog: Path, known: _Vectors, rows: int) -> None:
    """Files of rows as an analysis writes them, but with embeddings and little else in them."""
    rng = np.random.default_rng(0)
    folder = catalog / TRACKS / f"{PARTITION}={datetime.now(UTC):%Y-%m-%d}"
    folder.mkdir(parents=True)
    for number, start in enumerate(range(0, rows, _PART_ROWS)):
        count = min(_PART_ROWS, rows - start)
        vectors = pa.array(_between(known, rng, count).reshape(-1))
        columns: dict[str, Any] = {
            "location": [f"/music/{place}.flac" for place in range(start, start + count)],
            "analysed_at": [datetime.now(UTC)] * count,
            "duration_s": rng.uniform(60.0, 400.0, count),
            "music": [True] * count,
            "tempo_bpm": rng.uniform(60.0, 180.0, count),
            "embedding": pa.FixedSizeListArray.from_arrays(vectors, EMBEDDING_SIZE),
        }
        arrays = [
            pa.array(columns[field.name], field.type)
            if field.name in columns
            else pa.nulls(count, field.type)
            for field in SCHEMA
        ]
        table = pa.Table.from_arrays(arrays, schema=SCHEMA)
        parquet.write_table(table, folder / f"part-{number + 1:06d}.parquet")


def _between(known: _Vectors, rng: np.random.Generator, count: int) -> _Vectors:
    """Embeddings between those of pairs of tracks, with some noise; shape (count, 1024)."""
    pairs = known[rng.integers(len(known), size=(2, count))].astype(np.float32)
    share = rng.uniform(0.5, 1.0, (count, 1)).astype(np.float32)
    noise = 1.0 + 0.2 * rng.standard_normal((count, EMBEDDING_SIZE), dtype=np.float32)
    mixed: _Vectors = np.maximum((share * pairs[0] + (1.0 - share) * pairs[1]) * noise, 0.0).astype(
        np.float16
    )
    return mixed


def _opened(catalog: Path) -> int:
    with open_search_files(catalog) as files:
        return files.rows


def _labels(data: Path, kind: str) -> dict[int, set[str]]:
    """Track -> its labels, on the test side of the official split."""
    file = data / "jamendo" / f"split0_{kind}-test.tsv.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        _, *rows = csv.reader(lines, delimiter="\t")
    return {
        int(row[0].removeprefix("track_")): {label.partition("---")[2] for label in row[5:]} for row in rows
    }


def _ranks(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return (np.argsort(np.argsort(values)) + 1.0) / len(values)


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    started_s = time.perf_counter()
    answer = call()
    return time.perf_counter() - started_s, answer


def _each(call: Callable[[_Vectors], Any], queries: _Vectors) -> tuple[float, list[Any]]:
    """Median of the seconds, and the answers."""
    seconds, answers = [], []
    for query in queries:
        started_s = time.perf_counter()
        answers.append(call(query))
        seconds.append(time.perf_counter() - started_s)
    return statistics.median(seconds), answers


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("speed", "words"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the catalogue is kept; by default nowhere")
    given = parser.parse_args(arguments)
    if given.what == "words":
        print(json.dumps(words(given.data), indent=1))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        print(json.dumps(speed(given.data, given.rows, folder), indent=1))


if __name__ == "__main__":
    main()

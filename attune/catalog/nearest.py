"""Nearest neighbours by cosine: exact below a million of rows, with a compressed index (faiss) above."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np
import numpy.typing as npt

from attune.catalog.search_files import OnRows, SearchFiles
from core.errors import CatalogError
from core.files import replace_atomically, writing
from models.mood.backbone import EMBEDDING_SIZE

EXACT: Final = 1_000_000
"""Up to so many rows every one is compared."""

TAIL: Final = 0.1
"""Up to this share of all, rows that came after the index was made are compared; then it takes them in."""

INDEX_FILE: Final = "nearest.faiss"

_COMPONENTS: Final = 256
"""Of a principal component analysis, of 1024; 8 bits each."""

_PROBED: Final = 16  # a 16th of the clusters is looked through
_PER_CLUSTER: Final = 64  # rows that the clusters are found with
_CANDIDATES: Final = 10  # times what is asked for: so many are compared exactly
_AT_ONCE: Final = 16_384

Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]
"""Numbers of rows and their cosines, the nearest first."""


def nearest(
    files: SearchFiles,
    embedding: npt.NDArray[np.floating],
    number: int,
    wanted: npt.NDArray[np.bool_],
    *,
    exact: int = EXACT,
    on_rows: OnRows = lambda _what, _done, _total: None,
) -> Found:
    """The rows whose embeddings point most in the direction of another one.

    Parameters
    ----------
    files
        Of the catalogue.
    embedding
        Of what is to be resembled, shape (1024,), not zero.
    number
        How many at most.
    wanted
        Which rows may be found, shape (rows,); all of them with music.
    exact
        Up to so many wanted rows every one is compared; above, the index gives candidates that are compared.
    on_rows
        Called now and then while the index is made.

    Raises
    ------
    CatalogError
        The index cannot be written.
    """
    query = embedding.astype(np.float32)[np.newaxis]
    faiss.normalize_L2(query)
    rows = np.flatnonzero(wanted)
    if len(rows) > exact:
        index = _current_index(files, on_rows)
        tail = rows[np.searchsorted(rows, files.indexed) :]
        rows = np.union1d(_candidates(index, query, number * _CANDIDATES, wanted[: files.indexed]), tail)
    return _compared(files, query, rows, number)


def _compared(
    files: SearchFiles, query: npt.NDArray[np.float32], rows: npt.NDArray[np.int64], number: int
) -> Found:
    """The nearest of some rows, each compared."""
    embeddings = files.embeddings()
    best = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    for start in range(0, len(rows), _AT_ONCE):
        block = rows[start : start + _AT_ONCE]
        units = _units(embeddings[block])
        cosines, places = faiss.knn(query, units, min(number, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
        numbers, values = np.concatenate([best[0], block[places[0]]]), np.concatenate([best[1], cosines[0]])
        order = np.argsort(-values, kind="stable")[:number]
        best = numbers[order], values[order]
    return best


def _units(embeddings: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
    units = np.ascontiguousarray(embeddings, dtype=np.float32)
    faiss.normalize_L2(units)
    return units


def _candidates(
    index: Any, query: npt.NDArray[np.float32], number: int, wanted: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    library: Any = faiss  # its stubs know fewer arguments than it takes
    inside = library.SearchParametersIVF(
        nprobe=max(1, faiss.extract_index_ivf(index).nlist // _PROBED),
        sel=library.IDSelectorBitmap(np.packbits(wanted, bitorder="little")),
    )
    _, found = index.search(query, number, params=library.SearchParametersPreTransform(index_params=inside))
    numbers: npt.NDArray[np.int64] = found[0][found[0] >= 0]
    return numbers


def _current_index(files: SearchFiles, on_rows: OnRows) -> Any:
    """The index, on the disk; it is made first, or takes in the rows that came since, where they are many."""
    file = files.folder / INDEX_FILE
    index = _read_index(file, files.indexed, faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
    if index is not None and files.rows - files.indexed <= TAIL * files.rows:
        return index
    index = index and _read_index(file, files.indexed)
    first = files.indexed if index else 0
    embeddings, musical = files.embeddings(), files.facts()["music"]
    if index is None:
        on_rows("Training the index", 0, files.rows)
        index = _trained(embeddings, np.flatnonzero(musical))
    for start in range(first, files.rows, _AT_ONCE):
        rows = start + np.flatnonzero(musical[start : start + _AT_ONCE])
        if len(rows):
            index.add_with_ids(_units(embeddings[rows]), rows)
        on_rows("Making the index", min(start + _AT_ONCE, files.rows), files.rows)
    files.set_indexed(0)  # until it is written
    with writing(f"The file {file}", error_type=CatalogError), replace_atomically(file) as unfinished:
        faiss.write_index(index, str(unfinished))
    files.set_indexed(files.rows)
    return index


def _read_index(file: Path, rows: int, flags: int = 0) -> Any:
    """The index; None where there is none that can be used."""
    if not rows or not file.is_file():
        return None
    try:
        return faiss.read_index(str(file), flags)
    except RuntimeError:  # damaged
        return None


def _trained(embeddings: npt.NDArray[np.float16], rows: npt.NDArray[np.int64]) -> Any:
    """An empty index.

    Parameters
    ----------
    embeddings
        Of all rows.
    rows
        Those with music.
    """
    # On unit vectors the order of Euclidean distances is that of cosines, and unlike these it stays the same
    # when the mean is taken off before the components are found.
    clusters = 1 << max(4, round(np.log2(np.sqrt(len(rows)))))
    index = faiss.index_factory(EMBEDDING_SIZE, f"PCA{_COMPONENTS},IVF{clusters},SQ8", faiss.METRIC_L2)
    number = min(len(rows), clusters * _PER_CLUSTER)
    chosen = np.random.default_rng(0).choice(rows, number, replace=False)
    index.train(_units(embeddings[np.sort(chosen)]))
    return index

"""Tracks that sound alike, by their embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from playback.library.tracks import TrackRow


def similar_rows(
    embedding: npt.NDArray[np.floating], rows: Sequence[TrackRow], n: int
) -> list[tuple[TrackRow, float]]:
    """The tracks whose embeddings point most in the same direction, the likest first.

    Parameters
    ----------
    embedding
        Of what is to be resembled, shape (size,).
    rows
        Where to look; those without an embedding, or with one of another size, are left out.
    n
        How many at most.

    Returns
    -------
    found
        Tracks, and the cosine between the embeddings, 0 to 1.
    """
    known = [row for row in rows if row.embedding is not None and row.embedding.shape == embedding.shape]
    if not known or not embedding.any():
        return []
    cosines = unit_rows(np.stack([row.embedding for row in known if row.embedding is not None])) @ (
        embedding.astype(np.float32) / np.linalg.norm(embedding.astype(np.float32))
    )
    order = np.argsort(-cosines, kind="stable")[:n]
    return [(known[index], float(cosines[index])) for index in order]


def unit_rows(embeddings: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Rows of length 1, float32; those of zeros stay."""
    rows = embeddings.astype(np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units: npt.NDArray[np.float32] = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0.0)
    return units

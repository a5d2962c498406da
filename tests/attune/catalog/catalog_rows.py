"""Catalogues with rows of known embeddings, written as an analysis writes them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from attune.catalog.identity import CatalogIdentity, backbone_fingerprint, write_identity
from attune.catalog.index import CatalogIndex
from attune.catalog.part_writer import PartWriter
from attune.catalog.schema import SCHEMA
from core.settings import Settings
from models.mood.backbone import EMBEDDING_SIZE


def row(name: str, embedding: np.ndarray | None, **facts: Any) -> dict[str, Any]:
    """The row of a sound; one without an embedding is silent."""
    return {
        "location": f"/music/{name}.flac",
        "content_key": name,
        "version": "1",
        "analysed_at": datetime.now(UTC),
        "name": name,
        "duration_s": 180.0,
        "music": embedding is not None,
        "silent": embedding is None,
        "embedding": None if embedding is None else embedding.astype(np.float16),
        **facts,
    }


def write_rows(catalog: Path, *parts: Sequence[dict[str, Any]]) -> None:
    """Add files of rows to a catalogue, which is made first where there is none."""
    catalog.mkdir(exist_ok=True)
    write_identity(catalog, CatalogIdentity("models", ("/music",), backbone_fingerprint(Settings())))
    with closing(CatalogIndex(catalog)) as index:
        for rows in parts:
            writer = PartWriter(index)
            writer.add(pa.Table.from_pylist(list(rows), schema=SCHEMA))
            writer.flush()


def embeddings(number: int, seed: int = 0) -> np.ndarray:
    """Embeddings with some structure: a few directions and noise, none negative, as YAMNet's; float16."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(1).gamma(0.3, 1.0, (32, EMBEDDING_SIZE))
    weights = rng.dirichlet(np.full(32, 0.2), number)
    noisy = weights @ directions * rng.gamma(4.0, 0.25, (number, EMBEDDING_SIZE))
    return noisy.astype(np.float16)

"""Planned entries distributed by Ray Data, and their rows written as they come; imported where Ray runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import ray
import ray.data
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from attune.catalog.index import CatalogIndex
from attune.catalog.part_writer import PartWriter
from attune.catalog.pending_results import PendingResults
from attune.catalog.schema import SCHEMA, ErrorKind
from attune.catalog.worker import CatalogWorker
from core.errors import AttuneError, CatalogError
from core.settings import Settings

BLOCK: Final = 8
"""Entries that a worker is given at once, at most: few, so that all workers end together."""

_LEAST_BLOCKS: Final = 2  # for each worker, where there are so many entries
_OUTAGE: Final = 50  # files in a row that could not be fetched
_ANSWER_S: Final = 30.0

_PLANNED: Final = pa.schema([("location", pa.string()), ("version", pa.string()), ("size_bytes", pa.int64())])


@dataclass(frozen=True, slots=True)
class Distribution:
    """How the entries of a run are distributed."""

    pending: int  # how many there are
    workers: int
    worker_memory_mb: int
    settings: Settings
    models: str  # fingerprint of the models


@dataclass(frozen=True, slots=True)
class DistributionCounts:
    """What became of the entries."""

    analysed: int
    reused: int  # the same content was analysed under another location
    failed: int  # rows with an error


def distribute(
    plan: Distribution, index: CatalogIndex, on_progress: Callable[[int, int], None]
) -> DistributionCounts:
    """Analyse what an index has pending, and write it; what is finished is written also where it ends early.

    Blocks wait for workers, and rows for the disk, in bounded numbers: memory does not grow with the entries.

    Parameters
    ----------
    plan
        How.
    index
        Of the catalogue.
    on_progress
        Called after each block with the entries done and all of them.

    Raises
    ------
    CatalogError
        Rows cannot be written, the storage is gone, or a worker cannot start.
    """
    writer = PartWriter(index)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    results: Any = (
        ray.remote(PendingResults).options(num_cpus=0, scheduling_strategy=here).remote(index.catalog)
    )
    done = failed = outage = 0
    try:
        for rows in _blocks(plan, index, results):
            kinds = rows["error_kind"].to_pylist()
            done, failed = done + len(kinds), failed + len(kinds) - kinds.count(None)
            if written := writer.add(rows):
                results.written.remote(written)
            on_progress(done, plan.pending)
            for kind in kinds:
                outage = outage + 1 if kind == ErrorKind.STORAGE else 0
            if outage >= _OUTAGE:
                raise CatalogError(
                    f"{outage} files in a row could not be fetched, so the run was stopped, and what was "
                    f"analysed is kept. The last one: {rows['error'].to_pylist()[-1]}"
                )
        writer.flush()
        ended, reused = ray.get(results.counts.remote())
    except BaseException as error:
        _write_finished(writer, results)
        ours = _ours(error)
        if ours is None and isinstance(error, Exception):  # no stop signal
            ours = _failure(results)
        if ours is not None:
            raise ours from error
        raise
    return DistributionCounts(ended - failed, reused, failed)


def _blocks(plan: Distribution, index: CatalogIndex, results: Any) -> Iterator[Any]:
    """The rows of each block, in the order in which workers end."""
    block = min(BLOCK, _parts(plan.pending, _LEAST_BLOCKS * plan.workers))
    planned: list[Any] = [
        ray.put(pa.Table.from_pylist([entry._asdict() for entry in part], schema=_PLANNED))
        for part in index.pending()
    ]
    rows = (
        ray.data.from_arrow_refs(planned)
        .repartition(target_num_rows_per_block=block)
        .map_batches(
            CatalogWorker,
            fn_constructor_args=(plan.settings, plan.models, results),
            batch_size=None,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=min(plan.workers, _parts(plan.pending, block))),
            num_cpus=1,
            memory=plan.worker_memory_mb * 1_000_000,
        )
    )
    yield from rows.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1)


def _parts(total: int, size: int) -> int:
    return -(-total // size)


def _write_finished(writer: PartWriter, results: Any) -> None:
    """Write what waits, and what workers have finished of blocks that will not come."""
    try:
        finished = ray.get(results.unwritten.remote(), timeout=_ANSWER_S)
    except Exception:  # noqa: BLE001 - whatever happened to Ray, what is here can be written
        finished = []
    waiting = writer.waiting()
    if rows := [row for row in finished if row["location"] not in waiting]:
        writer.add(pa.Table.from_pylist(rows, schema=SCHEMA))
    writer.flush()


def _failure(results: Any) -> CatalogError | None:
    """What a worker that could not work has said of it."""
    try:
        sentence: str = ray.get(results.failure.remote(), timeout=_ANSWER_S)
    except Exception:  # noqa: BLE001 - what happened to Ray is in the error that brought us here
        return None
    return CatalogError(sentence) if sentence else None


def _ours(error: BaseException) -> AttuneError | None:
    """The error of ours that is wrapped in others; None for stop signals, and for what is none of ours."""
    cause: BaseException | None = error
    while cause is not None:
        # Ray's wrapper passes for what it wraps, and its text is a traceback.
        wrapped = getattr(cause, "cause", None)
        if wrapped is None and isinstance(cause, AttuneError):
            return cause
        cause = wrapped or cause.__cause__
    return None

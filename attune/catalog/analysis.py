"""The analysis of a catalogue: the folder is checked, the source planned, and what is new distributed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from attune.catalog.identity import (
    CatalogIdentity,
    identity_of,
    read_identity,
    write_identity,
)
from attune.catalog.index import FILE as INDEX
from attune.catalog.index import CatalogIndex, PlanCounts
from attune.catalog.ray_session import RayResources, ray_session
from attune.catalog.schema import TRACKS
from attune.catalog.sources import Source, entries
from attune.catalog.storage import check_reachable, is_remote
from attune.engine.model_cache import ModelCache
from core.errors import CatalogError
from core.file_lock import try_lock
from core.files import writing
from core.settings import Settings
from core.text import printable

_LOCK: Final = ".lock"
_OWN: Final = frozenset({_LOCK, TRACKS, INDEX, f"{INDEX}-wal", f"{INDEX}-shm"})

OnProgress = Callable[[int, int], None]
"""Called with the entries done in this run, and those to be done."""


@dataclass(frozen=True, slots=True)
class CatalogJob:
    """What is to be analysed into which folder, and how."""

    source: Source
    catalog: Path
    resources: RayResources = field(default_factory=RayResources)
    retry: bool = False  # also what could not be read as sound before
    recheck: bool = False  # read everything again, and analyse what has another content
    add: bool = False  # to a catalogue of another source


@dataclass(frozen=True, slots=True)
class CatalogSummary:
    """What a run did."""

    entries: int  # of the source
    pending: int  # of them those that were to be done
    analysed: int = 0
    reused: int = 0  # the same content was analysed under another location
    failed: int = 0  # of those that were done: rows with an error
    seconds: float = 0.0


def plan_catalog(job: CatalogJob, settings: Settings) -> CatalogSummary:
    """Say what a run would do, without doing it.

    Raises
    ------
    CatalogError
        As in `analyse_catalog`.
    """
    with writing(_folder_name(job), error_type=CatalogError):
        known = _known(job)
    if known is None:  # nothing is made of it, not even the folder
        with TemporaryDirectory() as elsewhere, closing(CatalogIndex(Path(elsewhere))) as index:
            plan = _planned(job, index)
    else:
        with _opened(job, settings) as (index, _):
            plan = _planned(job, index)
    return CatalogSummary(plan.entries, plan.pending)


def analyse_catalog(
    job: CatalogJob, settings: Settings, *, on_progress: OnProgress = lambda _done, _total: None
) -> CatalogSummary:
    """Analyse what is new or changed of a source; what is broken off is gone on with by the next call.

    Parameters
    ----------
    job
        What, where, and how.
    settings
        Which models, and how long a sound may be.
    on_progress
        Called on this thread after each block.

    Raises
    ------
    CatalogError
        The source, the folder or Ray cannot be used, or a storage is gone; what was analysed is kept.
    WeightsError
        A model cannot be used.
    """
    started_s = time.monotonic()
    with _opened(job, settings) as (index, identity):
        plan = _planned(job, index)
        if plan.pending:
            ModelCache(settings).profiler()  # what is wrong with a model is said before Ray takes its seconds
        write_identity(job.catalog, identity)
        summary = CatalogSummary(plan.entries, plan.pending)
        if plan.pending:
            first = next(iter(next(index.pending())))
            if is_remote(first.location):
                check_reachable(first.location)
            with ray_session(job.resources) as workers:
                from attune.catalog.distribution import Distribution, distribute  # noqa: PLC0415 - imports Ray

                memory_mb = job.resources.worker_memory_mb
                how = Distribution(plan.pending, workers, memory_mb, settings, identity.models)
                done = distribute(how, index, on_progress)
            summary = replace(summary, **asdict(done))
    return replace(summary, seconds=time.monotonic() - started_s)


@contextmanager
def _opened(job: CatalogJob, settings: Settings) -> Iterator[tuple[CatalogIndex, CatalogIdentity]]:
    """The index of the catalogue, and what it is to be; no other run may have it meanwhile."""
    catalog, name = job.catalog, printable(str(job.catalog))
    wanted = identity_of(job.source.name, settings)
    with writing(_folder_name(job), error_type=CatalogError):
        catalog.mkdir(parents=True, exist_ok=True)
        identity = _known(job)
        descriptor = os.open(catalog / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            try_lock(descriptor)
        except OSError as error:
            raise CatalogError(
                f"Another run writes the catalogue in {name}: wait for it, or take another --out."
            ) from error
        with closing(CatalogIndex(catalog)) as index:
            # Where a run was given up before its first row, its models and its source bind nobody.
            if identity is None or index.is_empty():
                yield index, wanted
            else:
                yield index, _continued(job, identity, wanted)
    finally:
        os.close(descriptor)


def _folder_name(job: CatalogJob) -> str:
    return f"The folder {printable(str(job.catalog))}"


def _known(job: CatalogJob) -> CatalogIdentity | None:
    """The catalogue that the folder holds; None where it is empty, or not there."""
    catalog = job.catalog
    identity = read_identity(catalog)
    if identity is None and catalog.exists() and any(entry.name not in _OWN for entry in catalog.iterdir()):
        name = printable(str(catalog))
        raise CatalogError(f"{name} holds other things, and no catalogue: take a new or empty --out.")
    return identity


def _continued(job: CatalogJob, known: CatalogIdentity, wanted: CatalogIdentity) -> CatalogIdentity:
    """What the folder is to hold, where it is for this source and these models."""
    name, source = printable(str(job.catalog)), job.source.name
    if known.models != wanted.models:
        raise CatalogError(
            f"The catalogue in {name} was made with other models, and their answers do not mix: take another "
            "--out, or the models that it was made with."
        )
    if source in known.sources:
        return known
    if not job.add:
        raise CatalogError(
            f"The catalogue in {name} is of {', '.join(map(printable, known.sources))}, not of "
            f"{printable(source)}: take another --out, or --add to have both in one."
        )
    return replace(known, sources=(*known.sources, source))


def _planned(job: CatalogJob, index: CatalogIndex) -> PlanCounts:
    found = entries(job.source)
    first = next(found, None)
    if first is None:
        raise CatalogError(
            f"There is no sound in {printable(job.source.name)}: name another source; for Parquet files in a "
            "folder, name them as FOLDER/*.parquet."
        )
    return index.plan(chain([first], found), retry=job.retry, recheck=job.recheck)

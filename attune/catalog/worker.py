"""The worker of a catalogue: fetches sounds, analyses them one by one, and gives a row for each."""

from __future__ import annotations

import logging
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol

import pyarrow as pa

from attune.catalog.pending_results import KnownResult
from attune.catalog.rows import Row, answer_row, error_row, moved_row
from attune.catalog.schema import SCHEMA, ErrorKind
from attune.catalog.sources import CatalogEntry
from attune.catalog.storage import StorageError, fetch
from attune.engine.model_cache import ModelCache
from core.errors import AttuneError, CatalogError
from core.settings import Settings
from core.text import printable
from models.mood.result_store import digest
from models.mood.song_names import read_song_names
from models.track.profile import TrackProfiler

MOST_ATTEMPTS: Final = 2
"""How often a sound is analysed where the worker dies of it."""

_AHEAD: Final = 1  # sounds that are fetched while another one is analysed

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FetchedSound:
    """A sound as it is decoded, and the key of its content; or why it could not be fetched."""

    content: Path | bytes = b""
    content_key: str = ""
    size_bytes: int | None = None
    error: StorageError | None = None


class ResultsOfRun(Protocol):
    """`PendingResults`, as a worker reaches it."""

    def begin(self, location: str, content_key: str) -> KnownResult:
        """See `PendingResults.begin`."""

    def finish(self, location: str, row: Row, *, reused: bool = False) -> None:
        """See `PendingResults.finish`."""

    def fail(self, sentence: str) -> None:
        """See `PendingResults.fail`."""


class RemoteResults:
    """`PendingResults` in another process.

    Parameters
    ----------
    actor
        Ray's handle of it.
    """

    def __init__(self, actor: Any) -> None:
        import ray  # noqa: PLC0415 - what it is to do is set before it is imported

        self._actor, self._get = actor, ray.get

    def begin(self, location: str, content_key: str) -> KnownResult:
        """See `PendingResults.begin`."""
        known: KnownResult = self._get(self._actor.begin.remote(location, content_key))
        return known

    def finish(self, location: str, row: Row, *, reused: bool = False) -> None:
        """See `PendingResults.finish`; waits, since a row that is not kept yet is not safe."""
        self._get(self._actor.finish.remote(location, row, reused=reused))

    def fail(self, sentence: str) -> None:
        """See `PendingResults.fail`; waits, since the worker ends with it."""
        self._get(self._actor.fail.remote(sentence))


class CatalogWorker:
    """Analyses blocks of entries with models that stay loaded; the class of Ray Data's actors.

    Parameters
    ----------
    settings
        Which models, and how long a sound may be; each worker uses one thread.
    models
        Fingerprint of the models that the catalogue is made with.
    results
        The results of the run.

    Raises
    ------
    AttuneError
        This machine has other models, or they cannot be used; `results` is told so.
    """

    def __init__(self, settings: Settings, models: str, results: Any) -> None:
        self._settings = settings.model_copy(update={"threads": 1})
        self._results: ResultsOfRun = RemoteResults(results)
        try:
            self._profiler, self._models = _profiler_of_the_run(self._settings, models)
        except AttuneError as error:
            self._results.fail(f"On the machine {socket.gethostname()}: {error}")
            raise
        self._fetching = ThreadPoolExecutor(_AHEAD, thread_name_prefix="attune-fetch")

    def __call__(self, block: Any) -> Any:
        """Analyse a block.

        Parameters
        ----------
        block
            pyarrow.Table with the columns of `CatalogEntry`.

        Returns
        -------
        rows
            pyarrow.Table with the columns of `schema.SCHEMA`, in the same order.
        """
        entries = [CatalogEntry(**row) for row in block.select(CatalogEntry._fields).to_pylist()]
        fetched = _ahead(self._fetching, lambda entry: fetched_sound(entry, self._models), entries)
        rows = [
            row_of(entry, sound, self._profiler, self._results, max_minutes=self._settings.max_file_minutes)
            for entry, sound in zip(entries, fetched, strict=True)
        ]
        return pa.Table.from_pylist(rows, schema=SCHEMA)


def _profiler_of_the_run(settings: Settings, models: str) -> tuple[TrackProfiler, str]:
    profiler, fingerprint = ModelCache(settings).profiler()
    if fingerprint != models:
        raise CatalogError(
            "The models or the version of Attune are not those of the machine that started the run: install "
            "the same on all machines of the cluster."
        )
    return profiler, fingerprint


def fetched_sound(entry: CatalogEntry, models: str) -> FetchedSound:
    """Fetch a sound and compute the key of its content.

    Parameters
    ----------
    entry
        Where it is.
    models
        Fingerprint of the models.
    """
    try:
        content = fetch(entry.location)
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        return FetchedSound(content, digest(content, models), size)
    except StorageError as error:
        return FetchedSound(error=error)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        sentence = f"{printable(entry.location)} cannot be read ({reason}): check it and its permissions."
        return FetchedSound(error=StorageError(sentence, ErrorKind.STORAGE))


def row_of(
    entry: CatalogEntry,
    sound: FetchedSound,
    profiler: TrackProfiler,
    results: ResultsOfRun,
    *,
    max_minutes: float,
) -> Row:
    """The row of a sound; whatever is wrong with it is a row, too.

    Parameters
    ----------
    entry, sound
        Where it is, and what was fetched.
    profiler
        The models.
    results
        The results of the run; is told what begins and what is done.
    max_minutes
        How long it may last.
    """
    if sound.error is not None:
        row = error_row(entry, None, str(sound.error), sound.error.kind)
        results.finish(entry.location, row)
        return row
    entry = entry._replace(size_bytes=sound.size_bytes)
    name = PurePosixPath(entry.location).name
    known = results.begin(entry.location, sound.content_key)
    if known.row is not None:
        return known.row
    if known.elsewhere is not None:
        row = moved_row(entry, known.elsewhere, name)
        results.finish(entry.location, row, reused=True)
        return row
    if known.attempts > MOST_ATTEMPTS:
        sentence = (
            f"{printable(name)} ended the program that analysed it, {MOST_ATTEMPTS} times: leave it out."
        )
        row = error_row(entry, sound.content_key, sentence, ErrorKind.SOUND)
    else:
        row = _analysed(entry, sound, name, profiler, max_minutes)
    results.finish(entry.location, row)
    return row


def _analysed(
    entry: CatalogEntry, sound: FetchedSound, name: str, profiler: TrackProfiler, max_minutes: float
) -> Row:
    try:
        profile = profiler.profile(sound.content, name=name, max_minutes=max_minutes)
        return answer_row(entry, sound.content_key, profile, read_song_names(sound.content))
    except AttuneError as error:
        return error_row(entry, sound.content_key, str(error), ErrorKind.SOUND)
    except Exception as error:  # noqa: BLE001 - one sound in a million must not end the run
        _LOG.exception("a sound could not be analysed: %s", entry.location)
        sentence = f"{printable(name)} cannot be analysed ({type(error).__name__}): leave it out."
        return error_row(entry, sound.content_key, sentence, ErrorKind.SOUND)


def _ahead(
    pool: ThreadPoolExecutor, fetched: Callable[[CatalogEntry], FetchedSound], entries: Iterable[CatalogEntry]
) -> Iterator[FetchedSound]:
    """What is fetched for each entry, a little before it is asked for."""
    waiting: deque[Future[FetchedSound]] = deque()
    for entry in entries:
        waiting.append(pool.submit(fetched, entry))
        if len(waiting) > _AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()

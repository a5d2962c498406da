"""Work that takes a while, on a bounded number of threads; some may wait, and others are refused."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any, Final, Generic, ParamSpec, TypeVar

from attune.api.problems import HttpProblem

_P = ParamSpec("_P")
_T = TypeVar("_T")

_RECENT: Final = 0.2  # weight of the newest duration in the running mean
_MAX_RETRY_S: Final = 60


class SharedCall(Generic[_T]):
    """Calls a function on a thread of its own; who asks meanwhile gets the same answer.

    It takes no slot, and whatever number of clients asks, one thread answers. For the event loop alone.
    """

    def __init__(self, function: Callable[[], _T]) -> None:
        self._function = function
        self._call: asyncio.Task[_T] | None = None

    async def __call__(self) -> _T:
        """The answer; raises as the function does."""
        if self._call is None or self._call.done():
            self._call = asyncio.create_task(asyncio.to_thread(self._function))
            self._call.add_done_callback(_take_error)
        return await asyncio.shield(self._call)


class WorkSlots:
    """A pool of threads for analyses.

    Parameters
    ----------
    workers
        How many run at a time.
    max_waiting
        How many may wait for that.
    """

    def __init__(self, workers: int, max_waiting: int) -> None:
        self.workers, self.max_waiting = workers, max_waiting
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="attune-work")
        self._lock = threading.Lock()
        self._futures: set[Future[Any]] = set()
        self._mean_s = 1.0

    @property
    def running(self) -> int:
        """Analyses that run."""
        return min(len(self._futures), self.workers)

    @property
    def waiting(self) -> int:
        """Analyses that wait."""
        return max(0, len(self._futures) - self.workers)

    async def run(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run a function on one of the threads.

        The slot is taken until the function returns, also when nobody waits for it any more.

        Raises
        ------
        HttpProblem
            503 with Retry-After: as many wait already as may.
        """
        return await asyncio.wrap_future(self.submit(function, *args, **kwargs))

    def submit(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Queue a function; raises as `run` does. Cancelling the future takes one out that waits."""
        with self._lock:
            if len(self._futures) >= self.workers + self.max_waiting:
                raise HttpProblem(
                    503,
                    f"The server is busy: {self.workers} analyses run and {self.max_waiting} wait. "
                    "Try again later.",
                    title="Busy",
                    retry_after_s=self.retry_after_s,
                )
            future = self._pool.submit(self._timed, partial(function, *args, **kwargs))
            self._futures.add(future)
        future.add_done_callback(self._release)
        return future

    @property
    def retry_after_s(self) -> int:
        """When a slot is likely to be free, 1 to 60 s, from how long the newest work took."""
        return min(_MAX_RETRY_S, max(1, math.ceil(self._mean_s * (self.waiting + 1) / self.workers)))

    def close(self, timeout_s: float) -> bool:
        """Drop what waits, and let what runs come to its end; False where it did not in time."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            running = set(self._futures)
        return not wait(running, timeout_s).not_done

    def _timed(self, call: Callable[[], _T]) -> _T:
        start_s = time.monotonic()
        try:
            return call()
        finally:
            self._mean_s += _RECENT * (time.monotonic() - start_s - self._mean_s)

    def _release(self, future: Future[_T]) -> None:
        with self._lock:
            self._futures.discard(future)


def _take_error(call: asyncio.Task[Any]) -> None:
    """Take an error that nobody waits for any more, which asyncio would log."""
    if not call.cancelled():
        call.exception()

"""Ray, started on this machine for one run or joined where a cluster runs; quiet, and without a network."""

from __future__ import annotations

import io
import logging
import os
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any, Final

from core.cores import usable_cores
from core.errors import CatalogError
from core.stop_signals import STOP_SIGNALS

_LOG = logging.getLogger(__name__)

_SPARE_CPUS: Final = 1
"""Beside those of the workers: Ray Data cuts the plan into blocks on it, which takes next to no time."""

_CONNECTION_S: Final = 10.0
_LEAST_STORE_MB: Final = 80  # Ray takes no less


@dataclass(frozen=True, slots=True)
class RayResources:
    """What a run may use."""

    workers: int = 0  # one core each; 0 takes all of this machine, or of the cluster
    worker_memory_mb: int = 1_000  # that Ray sets aside for each
    object_store_mb: int = 256  # shared memory for the plan and for rows on their way; of this machine
    address: str = ""  # `host:port` of a cluster, or "auto"; empty starts Ray on this machine


@contextmanager
def ray_session(resources: RayResources) -> Iterator[int]:
    """Have Ray within.

    On this machine it listens on the loopback address alone, shows no dashboard and reports nothing. Standard
    output is Ray's within, and goes to the log.

    Parameters
    ----------
    resources
        What may be used.

    Yields
    ------
    int
        How many workers there are to be.

    Raises
    ------
    CatalogError
        Ray cannot be started, the cluster cannot be reached, or it has less than is asked for.
    """
    address = resources.address
    if address.startswith("ray://"):
        raise CatalogError(
            f"{address} is an address of Ray's client: run on a machine of the cluster, with "
            "--ray-address auto or host:port."
        )
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_worker_niceness", "0")  # that of the run, which people may change with `nice`
    # All of these are read when Ray is imported.
    if address:
        os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "1")  # each takes half a minute
    else:
        # Without it Ray's processes listen on all addresses, also on Linux.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        # Else Ray writes one to the home folder, where other users of the machine may read it.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    import ray  # noqa: PLC0415

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    folder = tempfile.mkdtemp(prefix="attune-ray-", dir="/tmp" if os.name == "posix" else None)  # noqa: S108 - short
    with redirect_stdout(_IntoLog()):
        try:
            with _silent_start():
                _start(resources, folder)
            for number, handler in before.items():
                signal.signal(number, handler)  # Ray has put its own in place
            yield _workers(resources)
        finally:
            ray.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


class _IntoLog(io.TextIOBase):
    """Standard output while Ray runs: it prints there that a worker has died, in the middle of our JSON."""

    def write(self, text: str) -> int:
        """Log the text."""
        if text.strip():
            _LOG.info("%s", text.strip())
        return len(text)


@contextmanager
def _silent_start() -> Iterator[None]:
    """Keep what Ray's C++ part says of its start off the terminal; what is wrong it also raises."""
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _check_reachable(address: str) -> None:
    """Make sure that somebody listens there: Ray itself tries for many minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECTION_S):
            pass


def _start(resources: RayResources, folder: str) -> None:
    import ray  # noqa: PLC0415
    from ray.data import DataContext  # noqa: PLC0415

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if resources.address:
            _check_reachable(resources.address)
            ray.init(resources.address, **quiet)
        else:
            ray.init(
                "local",
                num_cpus=(resources.workers or usable_cores()) + _SPARE_CPUS,
                num_gpus=0,
                object_store_memory=max(resources.object_store_mb, _LEAST_STORE_MB) * 1_000_000,
                include_dashboard=False,
                _temp_dir=folder,
                **quiet,
            )
    except Exception as error:
        text = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
        reason = text.splitlines()[0].rstrip(".")
        if resources.address:
            raise CatalogError(
                f"The Ray cluster {resources.address} cannot be joined ({reason}): check the address, its "
                "version of Ray, and that this machine is part of it."
            ) from error
        raise CatalogError(f"Ray does not start on this machine ({reason}): try again.") from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False


def _workers(resources: RayResources) -> int:
    import ray  # noqa: PLC0415

    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    cores, memory_mb = int(there.get("CPU", 0)), int(there.get("memory", 0) / 1e6)
    workers = resources.workers or max(1, cores - _SPARE_CPUS)
    if workers + _SPARE_CPUS > cores:
        raise CatalogError(
            f"{workers} workers are asked for, and the cluster has {cores} cores, of which one is kept "
            f"free: take --workers {max(1, cores - _SPARE_CPUS)}."
        )
    if workers * resources.worker_memory_mb > memory_mb:
        raise CatalogError(
            f"{workers} workers with {resources.worker_memory_mb} MB each are asked for, and Ray has "
            f"{memory_mb} MB: take fewer --workers, or less --worker-memory."
        )
    return workers

"""How much the API takes at a time: sizes, numbers and times; beyond them it refuses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from core.cores import usable_cores

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What one server holds at most; the defaults suit a machine with two cores and 4 GB of memory."""

    # Bodies of requests.
    max_upload_bytes: int = 200 * MEGABYTE  # one request with files, as much as the dashboard takes
    max_json_bytes: int = 64_000  # one request without files
    max_json_content_bytes: int = 12 * MEGABYTE  # one whose JSON holds sound or an embedding
    max_held_bytes: int = 600 * MEGABYTE  # the bodies of all requests together
    max_files: int = 100  # files in one request
    body_pause_s: float = 10.0  # longest pause within a body
    body_bytes_per_s: int = 16_000  # slowest average, after the first `body_pause_s`

    # Connections.
    max_connections: int = 500  # well below the 1024 files that a process may open
    head_s: float = 10.0  # until the head of a request is complete
    keep_alive_s: int = 5  # an idle connection between two requests
    write_s: float = 30.0  # for a reader that does not read
    shutdown_s: int = 5  # for answers that are under way when the server ends

    # Work on files.
    workers: int = field(default_factory=usable_cores)  # analyses at a time
    max_waiting: int = 16  # analyses that wait for one of them
    max_clip_minutes: float = 10.0  # sound of a file whose answer is waited for; longer ones are jobs
    max_analysis_s: float = 120.0  # for all files of a request

    # Jobs.
    max_jobs: int = 16  # that wait or run
    max_job_bytes: int = 600 * MEGABYTE  # their files together
    max_kept_jobs: int = 100  # that are over
    max_result_bytes: int = 200 * MEGABYTE  # their results together
    job_s: float = 3600.0  # one analysis
    job_kept_s: float = 3600.0  # a job that is over

    # Streams.
    # WebSocket streams; None: as many as keep their pace on this machine, measured.
    max_streams: int | None = None
    max_event_readers: int = 50  # of server-sent events
    stream_idle_s: float = 20.0  # a stream without sound gives its place to another


def server_limits(
    max_upload_mb: int, *, max_streams: int | None = None, workers: int | None = None
) -> ServerLimits:
    """The limits of a server that takes uploads of this size.

    Parameters
    ----------
    max_upload_mb
        Largest upload, in MB; three of them are held at a time, and as many as jobs.
    max_streams
        Streams at a time, which have connections of their own; None: as many as keep their pace.
    workers
        Analyses at a time; None: one a core.
    """
    upload, limits = max_upload_mb * MEGABYTE, ServerLimits(max_streams=max_streams)
    return replace(
        limits,
        max_upload_bytes=upload,
        max_held_bytes=3 * upload,
        max_job_bytes=3 * upload,
        max_connections=limits.max_connections + (max_streams or 0),
        workers=workers or limits.workers,
    )

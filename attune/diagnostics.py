"""A report on Attune and this machine, to go with a question: no sound, no words, no secrets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Final

from attune.doctor import Check
from core import paths
from core.redaction import REDACTED, redact
from core.settings import Origin, SettingsState
from core.text import printable
from core.version import app_version
from realtime.snapshot import Snapshot

_TAIL_BYTES: Final = 64_000
_HOME: Final = "~"
_PRIVATE: Final = frozenset({"spotify_client_id"})


def log_tail(lines: int) -> tuple[str, ...]:
    """The newest lines of the program's log, without secrets; none where there is no log.

    Parameters
    ----------
    lines
        At most so many.
    """
    try:
        with paths.log_file().open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ()
    found = redact(text).splitlines()
    return tuple(map(printable, found[1:] if end > _TAIL_BYTES else found))[-lines:]


def report_text(
    checks: Iterable[Check], state: SettingsState, snapshot: Snapshot, log: Sequence[str], at: datetime
) -> str:
    """Write the report.

    Parameters
    ----------
    checks
        From `attune.doctor.examine`.
    state
        The settings.
    snapshot
        Of the listener.
    log
        From `log_tail`.
    at
        When it is written.
    """
    parts = [
        f"Attune {app_version()}, {at:%Y-%m-%d %H:%M %Z}".rstrip(),
        _part("What works on this machine", map(_check, checks)),
        _part("Settings that are not at their default", _settings(state)),
        _part("Listening", _listening(snapshot)),
        _part("Time for each answer, ms: median, 95 of 100 below, longest", _timing(snapshot)),
        _part("Log, newest last", log),
    ]
    return _without_home(redact("\n\n".join(parts))) + "\n"


def _part(heading: str, lines: Iterable[str]) -> str:
    shown = [printable(line) for line in lines] or ["nothing"]
    return "\n".join((heading, "-" * len(heading), *shown))


def _check(check: Check) -> str:
    return f"[{check.verdict}] {check.topic}: {check.finding} {check.remedy}".rstrip()


def _settings(state: SettingsState) -> list[str]:
    lines = [
        f"{name} = {REDACTED if name in _PRIVATE else getattr(state.settings, name)} ({origin})"
        for name, origin in state.origins.items()
        if origin is not Origin.DEFAULT
    ]
    return [*lines, *filter(None, (state.file_problem, *state.problems.values()))]


def _listening(snapshot: Snapshot) -> list[str]:
    source = snapshot.source
    lines = [f"State: {snapshot.state}. {snapshot.message}".rstrip()]
    if source is not None:
        lines.append(f"Source: {source.kind}, {source.name}, {source.rate_hz} Hz, {source.channels} channels")
    lines += [f"{name}: {value}" for name, value in asdict(snapshot.counters).items() if value is not None]
    return [*lines, *(f"{notice.severity}: {notice.message}" for notice in snapshot.notices)]


def _timing(snapshot: Snapshot) -> list[str]:
    return [
        f"{stage}: {timing.median_ms:.1f}, {timing.p95_ms:.1f}, {timing.worst_ms:.1f}"
        for stage, timing in snapshot.timing.items()
    ]


def _without_home(text: str) -> str:
    """The name of the user stands in the path of the home folder."""
    home = str(Path.home())
    return text if len(home) < 2 else text.replace(home, _HOME)

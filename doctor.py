"""What works on this machine, and what to do about the rest."""

from __future__ import annotations

import importlib.util
import logging
import os
import platform
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import Final

from rich.filesize import decimal

from core import paths
from core.errors import AttuneError, AudioDeviceError, BackendMissingError, JournalError, ModelError
from core.settings import Settings, load_settings
from models import assets, runtime
from models.emotion.personal import load_voice
from models.emotion.recogniser import EmotionRecogniser, ModelInfo, load_recogniser
from realtime.capture import Device, list_microphones, list_system_audio
from realtime.journal import faults
from realtime.journal.schema import migrate

__all__ = ["Check", "Verdict", "examine"]

_LOG = logging.getLogger(__name__)
_BUSY_S: Final = 0.5
_LOW_DISK_BYTES: Final = 200_000_000


class Verdict(StrEnum):
    """How a check went."""

    GOOD = "good"
    OPTIONAL = "optional"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    topic
        What was looked at.
    verdict
        Good, optional and absent, or bad.
    finding
        What was found.
    remedy
        What to do about it; empty when nothing is to be done.
    """

    topic: str
    verdict: Verdict
    finding: str
    remedy: str = ""


def examine() -> Iterator[Check]:
    """Look at everything, one check after another; none of them changes anything of the user's."""
    yield Check("Python", Verdict.GOOD, f"{platform.python_version()} on {platform.platform()}")
    settings = Settings.model_construct()
    try:
        settings = load_settings()
        yield Check("Settings", Verdict.GOOD, f"{paths.settings_file()} (absent is fine)")
    except AttuneError as error:
        yield Check("Settings", Verdict.BAD, str(error), "Until then the defaults are used here.")
    yield _checked("Microphones", lambda: _microphones(settings))
    yield _checked("System audio", _system_audio)
    yield from _weights()
    # Asked for twice, loaded once.
    recogniser = cache(
        partial(
            load_recogniser,
            settings.emotion_model,
            threads=settings.threads,
            provider=settings.provider,
        )
    )
    yield _checked("Emotion model", lambda: _emotion_model(recogniser().info))
    yield _checked("Your voice", lambda: _voice(recogniser))
    yield _checked("Providers", lambda: ", ".join(runtime.available_providers()))
    if settings.journal:
        yield _checked("Journal", lambda: _journal(settings.journal_path))
    else:
        yield Check("Journal", Verdict.OPTIONAL, "switched off in the settings")
    yield _checked("Disk", lambda: _disk(settings.journal_path))
    yield _checked("Log", _log)
    yield from _extras()


def _checked(topic: str, look: Callable[[], str | Check]) -> Check:
    """Look at one thing; whatever is wrong with it becomes a finding, so that the others still come."""
    try:
        found = look()
    except AttuneError as error:
        return Check(topic, Verdict.BAD, str(error))
    except Exception as error:  # noqa: BLE001 - one check must not stop the others
        _LOG.exception("the check of %s failed", topic)
        return Check(topic, Verdict.BAD, f"could not be looked at ({error!r}): {paths.log_file()} says more.")
    return found if isinstance(found, Check) else Check(topic, Verdict.GOOD, found)


def _microphones(settings: Settings) -> Check:
    topic = "Microphones"
    try:
        found = list_microphones(backend=settings.backend)
    except AudioDeviceError as error:
        return Check(topic, Verdict.BAD, str(error), "The demo and recordings work without one.")
    if not found:
        remedy = "Connect one; the demo and recordings work without."
        return Check(topic, Verdict.OPTIONAL, "none found", remedy)
    return Check(topic, Verdict.GOOD, _names(found))


def _system_audio() -> Check:
    topic = "System audio"
    try:
        found = list_system_audio()
    except BackendMissingError as error:
        return Check(topic, Verdict.OPTIONAL, str(error))
    if not found:
        return Check(topic, Verdict.OPTIONAL, "none found", "Connect a loudspeaker.")
    return Check(topic, Verdict.GOOD, _names(found))


def _names(devices: Iterable[Device]) -> str:
    return ", ".join(dict.fromkeys(device.name for device in devices))


def _weights() -> Iterator[Check]:
    try:
        known = assets.assets()
    except AttuneError as error:
        yield Check("Weights", Verdict.BAD, str(error))
        return
    for asset in known:
        yield _checked(f"Weights {asset.name}", partial(_weight_file, asset))
    for name in assets.FETCHABLE:
        yield _checked(f"Weights {name}", partial(_fetched_weights, name))


def _weight_file(asset: assets.Asset) -> str:
    assets.locate(asset.name)
    use = ", for training alone" if asset.for_training else ""
    return f"intact, {decimal(asset.size_bytes)}, {asset.licence}{use}"


def _fetched_weights(name: str) -> str | Check:
    asset = assets.fetched(name)
    if asset is None:
        need = "training alone needs them" if name in assets.PINNED else "nothing needs them"
        remedy = f"`attune models fetch {name}` brings them; {need}."
        return Check(f"Weights {name}", Verdict.OPTIONAL, "not fetched", remedy)
    return _weight_file(asset)


def _emotion_model(info: ModelInfo) -> str:
    return f"{info.name} {info.version} runs on {info.provider} with {info.threads} threads"


def _voice(recogniser: Callable[[], EmotionRecogniser]) -> Check:
    topic, file = "Your voice", paths.voice_file()
    if not file.exists():
        remedy = "`attune calibrate` adapts the emotion model to your voice."
        return Check(topic, Verdict.OPTIONAL, "none kept", remedy)
    try:
        info = recogniser().info
    except ModelError:
        return Check(topic, Verdict.OPTIONAL, f"kept in {file}, but the emotion model cannot be loaded")
    voice = load_voice(file, info)
    if voice is None:  # deleted just now
        return Check(topic, Verdict.OPTIONAL, "none kept")
    use = "in use" if voice.enabled else "switched off"
    finding = f"{use}, from {voice.made_at}, for {voice.model}: {file}"
    return Check(topic, Verdict.GOOD, finding)


def _journal(path: Path) -> str:
    try:
        sessions = _sessions(path) if path.exists() else None
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"{faults.sentence(path, error)}.") from error
    if sessions is None:
        folder = _nearest_folder(path)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise JournalError(
                f"The journal cannot be begun in {path.parent}, because {folder} may not be written: "
                f"change its permissions, or choose another journal_path."
            )
        return f"{path} (none yet; it is begun with the first session)"
    return f"{sessions} sessions in {path}" if sessions != 1 else f"1 session in {path}"


def _sessions(path: Path) -> int:
    """Ask the journal what it holds, leaving file and log as they are."""
    address = path.absolute().as_uri()
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):  # the log is made beside it
        raise _fault(sqlite3.SQLITE_READONLY)
    with ExitStack() as stack:
        if path.with_name(f"{path.name}-wal").exists():
            # Who closes last folds the log into the file; a reader cannot, so let it be this one.
            keeper = stack.enter_context(closing(sqlite3.connect(f"{address}?mode=ro", uri=True)))
            keeper.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection = stack.enter_context(
            closing(sqlite3.connect(f"{address}?mode=rw", uri=True, timeout=_BUSY_S, isolation_level=None))
        )
        # A lock taken and given back at once tells whether it could be written.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
        connection.execute("PRAGMA query_only = ON")
        answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if answer != "ok":
            raise _fault(sqlite3.SQLITE_CORRUPT)
        with suppress(sqlite3.OperationalError):  # an older version, which may not be changed here
            migrate(connection, path)
        tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'sessions'")
        if not tables.fetchone()[0]:
            return 0
        return int(connection.execute("SELECT count(*) FROM sessions").fetchone()[0])


def _fault(code: int) -> sqlite3.DatabaseError:
    fault = sqlite3.DatabaseError()
    fault.sqlite_errorcode = code
    return fault


def _disk(journal: Path) -> Check:
    folder = _nearest_folder(journal)
    free_bytes = shutil.disk_usage(folder).free
    finding = f"{free_bytes / 1e9:.1f} GB free at {folder}"
    if free_bytes < _LOW_DISK_BYTES:
        return Check("Disk", Verdict.BAD, finding, "Make room: the journal cannot be written on a full disk.")
    return Check("Disk", Verdict.GOOD, finding)


def _log() -> Check:
    file = paths.log_file()
    there = file if file.exists() else _nearest_folder(file)
    if not os.access(there, os.W_OK):
        remedy = f"Change the permissions of {there}; until then nothing is logged."
        return Check("Log", Verdict.OPTIONAL, f"{file} cannot be written", remedy)
    return Check("Log", Verdict.GOOD, str(file))


def _nearest_folder(path: Path) -> Path:
    """Find the folder in which the missing rest of a path would be made."""
    return next(folder for folder in path.absolute().parents if folder.exists())


def _extras() -> Iterator[Check]:
    for extra, module, purpose in (
        ("media", "av", "m4a, aac and broken Opus files"),
        ("loopback", "soundcard", "system audio"),
        ("pyaudio", "pyaudio", "PyAudio as another way to the microphone"),
        ("yamnet", "h5py", "fetching Google's YAMNet"),
        ("train", "torch", "training and evaluation"),
    ):
        if importlib.util.find_spec(module) is None:
            remedy = f"pip install -e '.[{extra}]'"
            yield Check(f"Extra {extra}", Verdict.OPTIONAL, f"not installed: {purpose}", remedy)
        else:
            yield Check(f"Extra {extra}", Verdict.GOOD, purpose)

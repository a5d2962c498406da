"""What works on this machine, and what to do about the rest."""

from __future__ import annotations

import importlib.util
import logging
import os
import platform
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import Final

from rich.filesize import decimal

from attune.engine.home.automation import target_of
from attune.engine.home.password import password_place
from core import paths
from core.errors import AttuneError, AudioDeviceError, BackendMissingError, JournalError, ModelError
from core.extras import EXTRAS, install_command
from core.settings import Settings, load_settings
from core.sqlite import connect
from core.text import pluralize
from core.text_files import read_text_file
from models import assets, runtime
from models.emotion.personal import load_voice
from models.emotion.recogniser import EmotionRecogniser, ModelInfo, load_recogniser
from playback.preferences.file import read_preferences
from playback.system_player.backend import PlayersUnseenError
from playback.system_player.backends import list_open_players
from realtime.capture import AudioDevice, list_microphones, list_system_audio
from realtime.journal.schema import JOURNAL
from spotify import token_store
from spotify.persistent_state import persistent_state_file

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
    """The result of one check."""

    topic: str
    verdict: Verdict  # good, optional and absent, or bad
    finding: str
    remedy: str = ""  # what to do about it; empty when nothing is to be done


_Finding = str | tuple[Verdict, str] | tuple[Verdict, str, str]
"""What is good, or a verdict with what was found and what to do about it."""


def examine() -> Iterator[Check]:
    """Run all checks, one after another; none of them changes anything of the user's."""
    yield Check("Python", Verdict.GOOD, f"{platform.python_version()} on {platform.platform()}")
    settings = Settings.model_construct()
    try:
        settings = load_settings()
        yield _run("Settings", lambda: _read_from(paths.settings_file()))
    except AttuneError as error:
        yield Check("Settings", Verdict.BAD, str(error), "Until then the defaults are used here.")
    yield _run("Microphones", lambda: _microphones(settings))
    yield _run("System audio", _system_audio)
    yield from _weights()
    recogniser = cache(  # two checks need it
        partial(
            load_recogniser,
            settings.emotion_model,
            threads=settings.threads,
            provider=settings.provider,
        )
    )
    yield _run("Emotion model", lambda: _emotion_model(recogniser().info))
    yield _run("Your voice", lambda: _voice(recogniser))
    yield _run("Music preferences", _music_preferences)
    yield _run("Spotify", _spotify)
    yield _run("Open players", _open_players)
    yield _run("Home automation", lambda: _home_automation(settings))
    yield _run("Providers", lambda: ", ".join(runtime.available_providers()))
    if settings.journal:
        yield _run("Journal", lambda: _journal(settings.journal_path))
    else:
        yield Check("Journal", Verdict.OPTIONAL, "switched off in the settings")
    yield _run("Disk", lambda: _disk(settings.journal_path))
    yield _run("Log", _log)
    yield from _extras()


def _run(topic: str, check: Callable[[], _Finding]) -> Check:
    """Run one check; an error becomes its finding, so that the other checks still come."""
    try:
        found = check()
    except AttuneError as error:
        return Check(topic, Verdict.BAD, str(error))
    except Exception as error:  # noqa: BLE001 - one check must not stop the others
        _LOG.exception("the check of %s failed", topic)
        return Check(topic, Verdict.BAD, f"could not be looked at ({error!r}): {paths.log_file()} says more.")
    return Check(topic, Verdict.GOOD, found) if isinstance(found, str) else Check(topic, *found)


def _microphones(settings: Settings) -> _Finding:
    try:
        found = list_microphones(backend=settings.backend)
    except AudioDeviceError as error:
        return Verdict.BAD, str(error), "The demo and recordings work without one."
    if not found:
        return Verdict.OPTIONAL, "none found", "Connect one; the demo and recordings work without."
    return _names(found)


def _system_audio() -> _Finding:
    try:
        found = list_system_audio()
    except BackendMissingError as error:
        return Verdict.OPTIONAL, str(error)
    return _names(found) if found else (Verdict.OPTIONAL, "none found", "Connect a loudspeaker.")


def _names(devices: Iterable[AudioDevice]) -> str:
    return ", ".join(dict.fromkeys(device.name for device in devices))


def _weights() -> Iterator[Check]:
    try:
        known = assets.assets()
    except AttuneError as error:
        yield Check("Weights", Verdict.BAD, str(error))
        return
    for asset in known:
        yield _run(f"Weights {asset.name}", partial(_weight_file, asset))
    for name in assets.FETCHABLE:
        yield _run(f"Weights {name}", partial(_fetched_weights, name))


def _weight_file(asset: assets.Asset) -> str:
    assets.locate(asset.name)
    use = ", for training alone" if asset.for_training else ""
    return f"intact, {decimal(asset.size_bytes)}, {asset.licence}{use}"


def _fetched_weights(name: str) -> _Finding:
    asset = assets.fetched_asset(name)
    if asset is None:
        need = "training alone needs them" if name in assets.PINNED_FILES else "nothing needs them"
        remedy = f"`attune models fetch {name}` brings them; {need}."
        return Verdict.OPTIONAL, "not fetched", remedy
    return _weight_file(asset)


def _emotion_model(info: ModelInfo) -> str:
    return f"{info.name} {info.version} runs on {info.provider} with {info.threads} threads"


def _voice(recogniser: Callable[[], EmotionRecogniser]) -> _Finding:
    file = paths.voice_file()
    if not os.path.lexists(file):
        return Verdict.OPTIONAL, "none kept", "`attune calibrate` adapts the emotion model to your voice."
    try:
        info = recogniser().info
    except ModelError:
        return Verdict.OPTIONAL, f"kept in {file}, but the emotion model cannot be loaded"
    voice = load_voice(file, info)
    if voice is None:  # deleted just now
        return Verdict.OPTIONAL, "none kept"
    use = "in use" if voice.enabled else "switched off"
    return f"{use}, from {voice.made_at}, for {voice.model}: {file}"


def _read_from(file: Path) -> _Finding:
    if file.exists():
        return str(file)
    if file.is_symlink():
        return Verdict.OPTIONAL, f"{file} is a link that leads nowhere", "Until then the defaults are used."
    place = _nearest_folder(file)
    if not place.is_dir():
        return Verdict.BAD, f"{place} is no folder, so {file} cannot be kept", "Rename or remove it."
    return f"{file} (none yet, the defaults are used)"


def _music_preferences() -> _Finding:
    read_preferences(paths.music_file())
    return _read_from(paths.music_file())


def _spotify() -> _Finding:
    store = token_store.TokenStore(token_store.folder())
    found = store.load_without_token()
    read_text_file(
        persistent_state_file(), what=f"The file {persistent_state_file()}", error_type=AttuneError
    )
    if found is None:
        return Verdict.OPTIONAL, "not set up", "`attune spotify login` signs in; nothing else needs it."
    signed_in = "signed in" if found[1] else "signed out"
    return f"{signed_in}: {store.file}"


def _open_players() -> _Finding:
    try:
        found = list_open_players()
    except PlayersUnseenError as error:
        return Verdict.OPTIONAL, str(error)
    if not found:
        return Verdict.OPTIONAL, "none", "Open Spotify, VLC or mpv to use it; nothing else needs one."
    return ", ".join(one.name if one.schemes else f"{one.name} (opens no links)" for one in found)


def _home_automation(settings: Settings) -> _Finding:
    target = target_of(settings)
    if target is None:
        return Verdict.OPTIONAL, "off: no broker is set", "`attune settings set mqtt_host HOST` sets one."
    place = password_place()
    kept = f", with a password in {place}" if place else ", without a password"
    return f"{target.broker} as {target.name}{kept}; `attune mqtt check` tries it"


def _journal(path: Path) -> str:
    try:
        sessions = _count_sessions(path) if path.exists() else None
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"{JOURNAL.describe(path, error)}.") from error
    if sessions is None:
        folder = _nearest_folder(path)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise JournalError(
                f"The journal cannot be begun in {path.parent}, because {folder} may not be written: "
                f"change its permissions, or choose another journal_path."
            )
        return f"{path} (none yet; it is begun with the first session)"
    return f"{pluralize(sessions, 'session')} in {path}"


def _count_sessions(path: Path) -> int:
    """Ask the journal, and leave its file and its write-ahead log as they are."""
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):  # the log is made beside it
        raise _sqlite_error(sqlite3.SQLITE_READONLY)
    with ExitStack() as stack:
        if path.with_name(f"{path.name}-wal").exists():
            # Who closes last folds the log into the file; a reader cannot, so let it be this one.
            last = stack.enter_context(closing(connect(path, mode="ro")))
            last.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection = stack.enter_context(closing(connect(path, timeout_s=_BUSY_S)))
        # A lock taken and given back at once tells whether it could be written.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
        connection.execute("PRAGMA query_only = ON")
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise _sqlite_error(sqlite3.SQLITE_CORRUPT)
        if not JOURNAL.version(connection, path):
            return 0
        return int(connection.execute("SELECT count(*) FROM sessions").fetchone()[0])


def _sqlite_error(code: int) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError()
    error.sqlite_errorcode = code
    return error


def _disk(journal: Path) -> _Finding:
    folder = _nearest_folder(journal)
    free_bytes = shutil.disk_usage(folder).free
    finding = f"{free_bytes / 1e9:.1f} GB free at {folder}"
    if free_bytes < _LOW_DISK_BYTES:
        return Verdict.BAD, finding, "Make room: the journal cannot be written on a full disk."
    return finding


def _log() -> _Finding:
    file = paths.log_file()
    there = file if file.exists() else _nearest_folder(file)
    if not os.access(there, os.W_OK):
        remedy = f"Change the permissions of {there}; until then nothing is logged."
        return Verdict.OPTIONAL, f"{file} cannot be written", remedy
    return str(file)


def _nearest_folder(path: Path) -> Path:
    """The folder in which the missing rest of a path would be made."""
    return next(folder for folder in path.absolute().parents if folder.exists())


def _extras() -> Iterator[Check]:
    for name, extra in EXTRAS.items():
        if importlib.util.find_spec(extra.module) is None:
            found = f"not installed: {extra.purpose}"
            yield Check(f"Extra {name}", Verdict.OPTIONAL, found, install_command(name))
        else:
            yield Check(f"Extra {name}", Verdict.GOOD, extra.purpose)

"""Folders and files of the user in the platform's usual places: settings, data, cache, log."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from platformdirs import PlatformDirs

_DIRS = PlatformDirs(appname="attune", appauthor=False)


def config_dir() -> Path:
    """Folder of the settings file; it need not exist."""
    return Path(_DIRS.user_config_dir)


def data_dir() -> Path:
    """Folder of the journal; it need not exist."""
    return Path(_DIRS.user_data_dir)


def weights_dir() -> Path:
    """Folder of fetched weights; it need not exist."""
    return data_dir() / "weights"


def cache_dir() -> Path:
    """Folder of files that can be recreated; it need not exist."""
    return Path(_DIRS.user_cache_dir)


def with_home(path: Path) -> Path:
    """The path with its `~` replaced by the home folder, or as it is where nobody has such a home."""
    with suppress(RuntimeError):
        return path.expanduser()
    return path


def settings_file() -> Path:
    """The user's settings, a TOML file; it need not exist."""
    return config_dir() / "settings.toml"


def music_file() -> Path:
    """The music preferences, a TOML file; it need not exist."""
    return config_dir() / "music.toml"


def library_file() -> Path:
    """The index of the user's own music, a SQLite file; it need not exist."""
    return data_dir() / "library.sqlite3"


def voice_file() -> Path:
    """The adaptation to the user's voice, a JSON file; it need not exist."""
    return config_dir() / "voice.json"


def running_dir() -> Path:
    """Folder with the addresses of programs that run; it need not exist."""
    return data_dir() / "running"


def welcomed_file() -> Path:
    """The mark that the first run is over; it need not exist."""
    return config_dir() / "welcomed"


def downloads_dir() -> Path:
    """Folder for what people save; it need not exist."""
    return Path(_DIRS.user_downloads_dir)


def log_file() -> Path:
    """The program's log; it need not exist."""
    return Path(_DIRS.user_log_dir) / "attune.log"

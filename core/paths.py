"""Where files of the user live: settings, data, cache, log; each the platform's own place."""

from __future__ import annotations

from pathlib import Path

from platformdirs import PlatformDirs

__all__ = [
    "cache_dir",
    "config_dir",
    "data_dir",
    "library_file",
    "log_file",
    "music_file",
    "settings_file",
    "voice_file",
    "weights_dir",
]

_DIRS = PlatformDirs(appname="attune", appauthor=False)


def config_dir() -> Path:
    """Folder of the settings file; it need not exist."""
    return Path(_DIRS.user_config_dir)


def data_dir() -> Path:
    """Folder of the journal; it need not exist."""
    return Path(_DIRS.user_data_dir)


def weights_dir() -> Path:
    """Folder of the weights that the user has fetched; it need not exist."""
    return data_dir() / "weights"


def cache_dir() -> Path:
    """Folder of what can be made or fetched again; it need not exist."""
    return Path(_DIRS.user_cache_dir)


def settings_file() -> Path:
    """The user's settings, a TOML file; it need not exist."""
    return config_dir() / "settings.toml"


def music_file() -> Path:
    """What people decide about the music, a TOML file; it need not exist."""
    return config_dir() / "music.toml"


def library_file() -> Path:
    """What is known of the user's own music; it need not exist."""
    return data_dir() / "library.sqlite3"


def voice_file() -> Path:
    """What adapts the emotion model to the user's voice; it need not exist."""
    return config_dir() / "voice.json"


def log_file() -> Path:
    """The program's log; it need not exist."""
    return Path(_DIRS.user_log_dir) / "attune.log"

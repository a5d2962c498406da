"""The version of this program."""

from __future__ import annotations

from importlib import metadata


def app_version() -> str:
    """As the installed package has it; "unknown" in a checkout that is not installed."""
    try:
        return metadata.version("attune-listener")
    except metadata.PackageNotFoundError:
        return "unknown"

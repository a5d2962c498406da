"""The libraries behind figures: their versions, and whether they are there before long work begins."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Final

from core.errors import ExtraMissingError
from core.extras import missing_library

_LIBRARIES: Final = (
    "attune-listener",
    "numpy",
    "onnxruntime",
    "soundfile",
    "soxr",
    "scipy",
    "scikit-learn",
    "matplotlib",
)


def require_libraries(*names: str) -> None:
    """Make sure before long work that libraries of the extra `train` are there to write its result.

    Raises
    ------
    ExtraMissingError
        One is missing.
    """
    for name in names:
        if find_spec(name) is None:
            raise ExtraMissingError(missing_library("train", name))


def library_versions(*others: str) -> dict[str, str]:
    """Versions of Python and of every library that the figures pass through, and of the others named."""
    versions = {"python": platform.python_version()}
    for name in (*_LIBRARIES, *others):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions

"""librosa, of the extra `analysis`: loaded when it is first needed, or one sentence on how to get it."""

from __future__ import annotations

from typing import Any

from core.errors import ExtraMissingError
from core.extras import missing_library


def load_librosa() -> Any:
    """Return the library.

    Raises
    ------
    ExtraMissingError
        It is not installed.
    """
    try:
        import librosa  # noqa: PLC0415 - heavy, and an extra
    except ModuleNotFoundError as error:
        raise ExtraMissingError(missing_library("analysis", error.name)) from error
    return librosa

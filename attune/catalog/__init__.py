"""Catalogues of any size: analysed by Ray Data into Parquet, and searched (extra `catalog`)."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from core.errors import ExtraMissingError
from core.extras import missing_library

_LIBRARIES: Final = ("pyarrow", "fsspec", "ray", "faiss")


def check_extra() -> None:
    """Make sure that the libraries are there, before a module of this package is imported.

    Raises
    ------
    ExtraMissingError
        One is missing.
    """
    for name in _LIBRARIES:
        if find_spec(name) is None:
            raise ExtraMissingError(missing_library("catalog", name))

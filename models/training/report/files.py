"""Owns the report on disk: the figures as JSON, and the page beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from core.errors import DataError, ModelError
from models.training.report.page import AudioOf, render

__all__ = ["HTML_NAME", "JSON_NAME", "check_libraries", "write_report"]

HTML_NAME: Final = "evaluation.html"
JSON_NAME: Final = "evaluation.json"


def check_libraries() -> None:
    """Make sure, before a long run, that its end can be drawn.

    Raises
    ------
    ModelError
        A library of the extra `train` is missing.
    """
    missing = [name for name in ("matplotlib", "scipy", "sklearn") if find_spec(name) is None]
    if missing:
        raise ModelError(
            f"The evaluation needs {', '.join(missing)}, which is not installed: run "
            "pip install -e '.[train]' -c constraints.txt"
        )


def write_report(report: Mapping[str, Any], folder: Path, audio_of: AudioOf) -> tuple[Path, Path]:
    """Write page and figures; each file appears whole or not at all.

    Parameters
    ----------
    report
        With its provenance, see `page.render`.
    folder
        Made where it is missing.
    audio_of
        For the players.

    Returns
    -------
    html, json
        The two files.

    Raises
    ------
    DataError
        They cannot be written.
    """
    contents = {
        folder / HTML_NAME: render(report, audio_of),
        folder / JSON_NAME: json.dumps(report, indent=1, allow_nan=False) + "\n",
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in contents.items():
            making = path.with_name(path.name + ".part")
            making.write_text(content, encoding="utf-8")
            making.replace(path)
    except OSError as error:
        raise DataError(
            f"The report cannot be written to {folder} ({error.strerror}): name another folder with --out."
        ) from error
    return folder / HTML_NAME, folder / JSON_NAME

"""Owns the report on disk: the figures as JSON, and the page beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from core.errors import ModelError
from models.training.report.page import AudioOf, render
from models.writing import staged

__all__ = ["HTML_NAME", "JSON_NAME", "check_libraries", "write_page", "write_report"]

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
    """Write page and figures; both appear whole, or what was there before stays.

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
        They cannot be written, as on a full disk.
    """
    return write_page(render(report, audio_of), report, folder)


def write_page(page: str, report: Mapping[str, Any], folder: Path) -> tuple[Path, Path]:
    """Write a page that is drawn already, and the figures it was drawn from, as `write_report` does.

    Parameters
    ----------
    page
        HTML.
    report
        The figures, plain values.
    folder
        Made where it is missing.

    Returns
    -------
    html, json
        The two files.

    Raises
    ------
    DataError
        They cannot be written, as on a full disk.
    """
    figures = json.dumps(report, indent=1, allow_nan=False) + "\n"
    with staged(folder, what=f"The report {folder}") as making:
        (making / HTML_NAME).write_text(page, encoding="utf-8")
        (making / JSON_NAME).write_text(figures, encoding="utf-8")
    return folder / HTML_NAME, folder / JSON_NAME

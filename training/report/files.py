"""The report on disk: templates of the pages, how numbers are written in them, and the two files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.files import staged
from core.text import encodable


def percent(value: float | None, digits: int = 1) -> str:
    """A share in per cent, or that there is none."""
    return "none" if value is None else f"{100 * value:.{digits}f} %"


def decimal(value: float | None, digits: int) -> str:
    """A number with so many decimal places, or that there is none."""
    return "none" if value is None else f"{value:.{digits}f}"


def spaced(label: str) -> str:
    """A label as words, which a line may break between."""
    return label.replace("_", " ")


_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters.update(percent=percent, decimal=decimal, spaced=spaced)


def render(template: str, **context: object) -> str:
    """Render one of the templates beside this module; what is no `Markup` is escaped."""
    return _ENVIRONMENT.get_template(template).render(context)


HTML_NAME: Final = "evaluation.html"
JSON_NAME: Final = "evaluation.json"


REPORT_LIBRARIES: Final = ("matplotlib", "scipy", "sklearn")
"""What reports are made with."""


def write_report(page: str, report: Mapping[str, Any], folder: Path) -> tuple[Path, Path]:
    """Write page and figures into a folder; see `write_page`."""
    return write_page(page, report, folder / HTML_NAME, folder / JSON_NAME)


def write_page(page: str, report: Mapping[str, Any], html: Path, figures: Path) -> tuple[Path, Path]:
    """Write page and figures into one folder; both appear whole, or what was there before stays.

    Raises
    ------
    DataError
        They cannot be written, as on a full disk.
    """
    text = json.dumps(report, indent=1, allow_nan=False) + "\n"
    with staged(html.parent, what=f"The report {html.parent}") as making:
        (making / html.name).write_text(encodable(page), encoding="utf-8")
        (making / figures.name).write_text(text, encoding="utf-8")
    return html, figures

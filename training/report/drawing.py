"""How the reports draw: SVG that takes its ink from the page, so that it reads light and dark."""

from __future__ import annotations

import colorsys
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

SERIES: Final = ("#4a80d6", "#d19a0b", "#2fa39a", "#d84a4a", "#9663d8", "#5f9e3a")
# Stand-ins that become the page's own colours: matplotlib knows no CSS variables.
INK: Final = "#010203"
GRID: Final = "#040506"
_STYLE: Final = Path(__file__).with_name("report.mplstyle")


@dataclass
class Drawing:
    """Panels to draw into, and the picture, which is there when the drawing is closed."""

    axes: list[Any]  # row by row
    svg: Markup = field(default_factory=Markup)


@contextmanager
def drawing(
    name: str, panels: int, *, rows: int = 1, height: float = 3.2, projection: str | None = None
) -> Iterator[Drawing]:
    """Give panels of one picture.

    Parameters
    ----------
    name
        What the picture shows, for those who do not see it.
    panels
        How many stand side by side.
    rows
        How many stand one below the other.
    height
        Of the picture, in inches; it is 9.6 inches wide.
    projection
        Of matplotlib, such as ``3d``.
    """
    import matplotlib as mpl  # noqa: PLC0415 - heavy, and only model makers have it
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context({"svg.hashsalt": name}, fname=_STYLE):
        figure = Figure(figsize=(9.6, height), layout="constrained")
        axes = figure.subplots(rows, panels, squeeze=False, subplot_kw={"projection": projection})
        picture = Drawing(list(axes.ravel()))
        yield picture
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
        picture.svg = _for_page(buffer.getvalue(), name)


def _for_page(svg: str, name: str) -> Markup:
    """Cut what a page has no use for, name and scale the picture, and hand the ink over to CSS."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    head = rf'<svg viewBox="\1" role="img" aria-label="{escape(name)}">'
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', head, svg, count=1)
    svg = svg.replace("xlink:href", "href")
    svg = svg.replace(INK, "currentColor").replace(GRID, "var(--line)")
    return Markup(svg)  # noqa: S704 - matplotlib escapes the text in its pictures


def palette(count: int) -> Sequence[str]:
    """So many colours, told apart on light and dark paper; many of them lie around the circle of hues."""
    if count <= len(SERIES):
        return SERIES[:count]
    colours = (colorsys.hls_to_rgb(place / count, 0.5 if place % 2 else 0.62, 0.55) for place in range(count))
    return ["#" + "".join(f"{round(255 * part):02x}" for part in colour) for colour in colours]


def unit_square(axes: Any, x_label: str, y_label: str, title: str, *, left: float = 0.0) -> None:
    """Name both axes, and let them end at 1."""
    axes.set(xlabel=x_label, ylabel=y_label, title=title, xlim=(left, 1), ylim=(0, 1.02))


def diagonal(axes: Any, low: float = 0.0, high: float = 1.0) -> None:
    """A thin line where both axes are equal."""
    axes.plot([low, high], [low, high], color=INK, linewidth=0.8, linestyle=":")


def legend_beside(axes: Any, **options: Any) -> None:
    """The legend to the right of a panel."""
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), **options)


def column(rows: Iterable[Mapping[str, Any]], key: str) -> NDArray[np.float64]:
    """One figure of all rows, NaN where there is none: a gap in the picture."""
    return np.array([row[key] for row in rows], dtype=np.float64)

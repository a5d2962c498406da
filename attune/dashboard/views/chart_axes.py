"""Charts that lie over each other without pandas, and axes with words at some places alone."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import altair as alt

Spec = dict[str, Any]  # of Vega-Lite
Labels = Mapping[Any, str]  # words by their place on an axis

_LABELS_PX: Final = 44

COLOURS: Final[Mapping[str, Any]] = {
    "fill": alt.Fill("fill:N", scale=None),
    "opacity": alt.Opacity("opacity:Q", scale=None),
}


def layered_spec(charts: Sequence[alt.Chart], *, height: int) -> Spec:
    """Lay charts over each other, each with its own data: shared ones would bring pandas into memory."""
    layered = alt.layer(*charts, height=height, background="transparent", padding={"top": 4, "bottom": 4})
    spec: Spec = layered.to_dict(validate=False)
    datasets, shared = spec.pop("datasets", {}), spec.pop("data", None)
    for layer in spec["layer"]:
        data = layer.get("data", shared)
        layer["data"] = {"values": datasets[data["name"]]} if "name" in data else data
    del spec["config"]  # the page has a theme
    return spec


def chart_of(values: Sequence[Mapping[str, Any]]) -> alt.Chart:
    """Begin a chart of some rows."""
    _finish_pandas()
    return alt.Chart(alt.Data(values=list(values)))  # type: ignore[no-untyped-call]


def axis_of(
    labels: Labels,
    ends: tuple[float, float],
    *,
    align: Literal["left", "center", "right"] = "center",
    orient: Literal["top", "bottom"] | None = None,
    grid: bool = False,
) -> dict[str, Any]:
    """An axis of the quantity from one end to the other, with words at some places and nothing else."""
    _finish_pandas()
    places = list(labels)
    # Charts that stand above each other begin at the same place.
    extent = _LABELS_PX if align == "right" else alt.Undefined
    axis = alt.Axis(
        values=places,
        labelExpr=f"({json.dumps(list(labels.values()))})[indexof({json.dumps(places)}, datum.value)]",
        labelAngle=0,
        labelAlign=align,
        orient=orient or alt.Undefined,
        minExtent=extent,
        maxExtent=extent,
        labelOverlap=False,
        title=None,
        ticks=False,
        domain=False,
        grid=grid,
    )
    return {
        "axis": axis if labels else None,
        "scale": alt.Scale(domain=list(ends), nice=False, zero=False),
    }


def _finish_pandas() -> None:
    """Wait until pandas is whole: Altair asks it for types as soon as another tab has begun to import it."""
    if "pandas" in sys.modules:
        importlib.import_module("pandas")

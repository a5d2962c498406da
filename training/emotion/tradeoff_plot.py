"""The picture of the trade-off: what is accepted in domain against what is right on unseen corpora."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from core.files import write_atomic
from training.emotion.choice import LEAST_IN_DOMAIN_COVERAGE, UNSEEN_ACCURACY

_COLOURS: Final = ("#4a80d6", "#d19a0b", "#2fa39a", "#d84a4a", "#9663d8", "#5f9e3a")
_MARKERS: Final = "osD^vP"
_INK: Final = "#6b7078"
_SIZE_INCHES: Final = (9.6, 3.8)
_DOTS_PER_INCH: Final = 100
_STYLE: Final = Path(__file__).parents[1] / "report" / "report.mplstyle"


def plot_tradeoff(candidates: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the candidates of a confidence as two sets of curves over in-domain coverage, on white, as PNG.

    On the left the chosen signals: each unseen corpus, and the calibration speakers; along a line the weight
    of the unseen corpora grows to the left. On the right the worst corpus under each choice of signals. The
    chosen candidate is ringed, and dotted lines show what must hold.

    Raises
    ------
    DataError
        It cannot be written.
    """
    import matplotlib as mpl  # noqa: PLC0415 - heavy, and only model makers have it
    from matplotlib.figure import Figure  # noqa: PLC0415

    chosen = next(row for row in candidates if row["chosen"])
    ours = [row for row in candidates if row["signals"] == chosen["signals"]]
    with mpl.rc_context({"grid.color": "#e3e5e8", "lines.markersize": 4.0}, fname=_STYLE):
        figure = Figure(figsize=_SIZE_INCHES, facecolor="white")
        # Fixed margins: a layout that asks the texts has no room left where little is accepted.
        figure.subplots_adjust(left=0.07, right=0.99, bottom=0.13, top=0.92, wspace=0.04)
        left, right = figure.subplots(1, 2, sharey=True)
        _line(left, ours, [row["all_home"]["accepted_accuracy"] for row in ours], "in domain", _INK, "o")
        for index, corpus in enumerate(chosen["strangers"]):
            accuracy = [row["strangers"][corpus]["accepted_accuracy"] for row in ours]
            _line(left, ours, accuracy, corpus, _COLOURS[index % 6], _MARKERS[index % 6])
            _ring(left, chosen, chosen["strangers"][corpus]["accepted_accuracy"])
        _ring(left, chosen, chosen["all_home"]["accepted_accuracy"])
        left.set(title=f"Each unseen corpus: {chosen['signals']}", ylabel="share right of accepted")
        for index, signals in enumerate(dict.fromkeys(row["signals"] for row in candidates)):
            rows = [row for row in candidates if row["signals"] == signals]
            worst = [row["worst_stranger_accuracy"] for row in rows]
            _line(right, rows, worst, signals, _COLOURS[index % 6], _MARKERS[index % 6])
        _ring(right, chosen, chosen["worst_stranger_accuracy"])
        right.set(title="The worst of them, by signals")
        most = max(row["home_coverage"] for row in candidates)
        for axes in (left, right):
            axes.set(
                xlabel="share of in-domain clips accepted", xlim=(0, min(1.0, most + 0.05)), ylim=(0, 1.02)
            )
            axes.axhline(UNSEEN_ACCURACY, color=_INK, linewidth=0.9, linestyle=":")
            axes.axvline(LEAST_IN_DOMAIN_COVERAGE, color=_INK, linewidth=0.9, linestyle=":")
            named = {"color": _INK, "fontsize": 8.0}
            axes.text(0.005, UNSEEN_ACCURACY + 0.01, f"{UNSEEN_ACCURACY:.0%} of unseen corpora", **named)
            axes.text(
                LEAST_IN_DOMAIN_COVERAGE + 0.005, 0.01, f"{LEAST_IN_DOMAIN_COVERAGE:.0%} in domain", **named
            )
            axes.legend(loc="best")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    write_atomic(path, buffer.getvalue(), what=f"The picture {path}")


def _line(
    axes: Any,
    rows: Sequence[Mapping[str, Any]],
    accuracy: Sequence[float | None],
    label: str,
    colour: str,
    marker: str,
) -> None:
    """One curve; where nothing is accepted there is no point."""
    points = [
        (row["home_coverage"], share) for row, share in zip(rows, accuracy, strict=True) if share is not None
    ]
    axes.plot(
        [coverage for coverage, _ in points],
        [share for _, share in points],
        marker=marker,
        color=colour,
        label=label,
    )


def _ring(axes: Any, chosen: Mapping[str, Any], share: float | None) -> None:
    if share is not None:
        axes.plot([chosen["home_coverage"]], [share], "o", markersize=10, color="black", fillstyle="none")

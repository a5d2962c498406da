"""Owns the pictures of the report: SVG that takes its ink from the page, so that it reads light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

__all__ = [
    "COLOURS",
    "axis_curves",
    "calibration",
    "conditions",
    "curves",
    "embedding",
    "mood_calibration",
    "mood_curves",
    "mood_tags",
    "speakers",
]

COLOURS: Final[Mapping[str, str]] = {
    "neutral": "#8a8f98",
    "calm": "#2fa39a",
    "happy": "#d19a0b",
    "sad": "#4a80d6",
    "angry": "#d84a4a",
    "fearful": "#9663d8",
    "disgust": "#5f9e3a",
    "surprised": "#e0709f",
}
_SERIES: Final = ("#4a80d6", "#d19a0b", "#2fa39a", "#d84a4a", "#9663d8", "#5f9e3a")
# Stand-ins that become the page's own colours: matplotlib knows no CSS variables.
_INK, _GRID = "#010203", "#040506"
_STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "axes.titlesize": 10.0,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "lines.linewidth": 1.5,
}


class _Drawing:
    """A row of panels: open it, draw into ``axes``, read ``svg``."""

    def __init__(self, name: str, panels: int, *, height: float = 3.2, width: float = 9.6) -> None:
        import matplotlib as mpl  # noqa: PLC0415 - heavy, and only model makers have it

        self._style = mpl.rc_context({**_STYLE, "svg.hashsalt": name})
        self._name, self._panels, self._size = name, panels, (width, height)
        self.axes: list[Any] = []
        self.svg = ""

    def __enter__(self) -> _Drawing:
        from matplotlib.figure import Figure  # noqa: PLC0415

        self._style.__enter__()
        self._figure = Figure(figsize=self._size, layout="constrained")
        self.axes = list(self._figure.subplots(1, self._panels, squeeze=False)[0])
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            buffer = io.StringIO()
            nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
            self._figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
            self.svg = _for_page(buffer.getvalue(), self._name)
        self._style.__exit__(None, None, None)


def _for_page(svg: str, name: str) -> str:
    """Cut what a page has no use for, let the picture scale, and hand the ink over to CSS."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    head = rf'<svg viewBox="\1" role="img" aria-label="{escape(name)}">'
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', head, svg, count=1)
    svg = svg.replace("xlink:href", "href")
    return svg.replace(_INK, "currentColor").replace(_GRID, "var(--line)")


def curves(corpus: str, record: Mapping[str, Any]) -> str:
    """ROC and precision-recall curves of every class that has them."""
    with _Drawing(f"ROC and precision-recall curves, {corpus}", 2, height=3.6) as drawing:
        kinds = (
            ("roc", "ROC, one against all", "false positive rate", "true positive rate", "AUC"),
            ("precision_recall", "Precision and recall", "recall", "precision", "AP"),
        )
        for axes, (kind, title, x_label, y_label, measure) in zip(drawing.axes, kinds, strict=True):
            for label, curve in record[kind].items():
                if curve:
                    name = f"{label}, {measure} {curve['area']:.2f}"
                    axes.plot(curve["x"], curve["y"], color=COLOURS.get(label), label=name)
            if kind == "roc":
                axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=":")
            axes.set(xlabel=x_label, ylabel=y_label, title=title, xlim=(0, 1), ylim=(0, 1.02))
            if axes.get_legend_handles_labels()[1]:
                axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawing.svg


def calibration(corpus: str, record: Mapping[str, Any], accept_at: float) -> str:
    """Reliability diagram, risk-coverage curve and threshold sweep."""
    with _Drawing(f"Reliability, risk and coverage, {corpus}", 3) as drawing:
        reliable, risk, sweep = drawing.axes
        bins = record["reliability"]
        reliable.bar(
            [row["low"] for row in bins],
            [row["accuracy"] for row in bins],
            width=[row["high"] - row["low"] for row in bins],
            align="edge",
            color=_SERIES[0],
        )
        reliable.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=":")
        reliable.set(xlabel="confidence", ylabel="share right", xlim=(0, 1), ylim=(0, 1.02))
        reliable.set_title(f"Reliability, ECE {record['eight_way']['ece']:.3f}")
        curve = record["risk_coverage"]
        risk.plot(curve["x"], curve["y"], color=_SERIES[3])
        risk.set(xlabel="coverage", ylabel="share wrong", xlim=(0, 1), ylim=(0, 1.02))
        risk.set_title(f"Risk and coverage, AURC {curve['area']:.3f}")
        rows = record["sweep"]
        sweep.plot(
            [r["threshold"] for r in rows], [r["coverage"] for r in rows], color=_SERIES[0], label="coverage"
        )
        right = [(r["threshold"], r["accuracy"]) for r in rows if r["accuracy"] is not None]
        sweep.plot(
            [x for x, _ in right], [y for _, y in right], color=_SERIES[2], label="accuracy of accepted"
        )
        sweep.axvline(accept_at, color=_INK, linewidth=0.8, linestyle=":")
        sweep.set(xlabel="threshold", xlim=(0.3, 0.95), ylim=(0, 1.02), title="What the gate accepts")
        sweep.legend(loc="best")
    return drawing.svg


def speakers(corpus: str, by_speaker: Mapping[str, Mapping[str, Any]]) -> str:
    """UA of every speaker, best first."""
    ranked = sorted(by_speaker.items(), key=lambda item: -item[1]["ua"])
    with _Drawing(f"UA by speaker, {corpus}", 1, height=2.4) as drawing:
        axes = drawing.axes[0]
        axes.bar(
            range(len(ranked)), [row["ua"] for _, row in ranked], color=_SERIES[0], width=0.7, alpha=0.85
        )
        axes.set_xticks(range(len(ranked)), [name for name, _ in ranked], rotation=45, ha="right")
        axes.set(ylabel="UA", ylim=(0, 1.02), xlim=(-0.6, max(9.4, len(ranked) - 0.4)))
        axes.grid(visible=False, axis="x")
    return drawing.svg


def conditions(corpora: Sequence[str], table: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """UA, coverage and accuracy at the gate under every condition (rows of ``table``), by corpus."""
    names = list(table)
    panels = (
        ("ua", "UA"),
        ("coverage", "coverage at the gate"),
        ("accepted_accuracy", "accuracy of accepted"),
    )
    with _Drawing("Figures under conditions", 3, height=3.4) as drawing:
        for axes, (key, title) in zip(drawing.axes, panels, strict=True):
            for index, corpus in enumerate(corpora):
                points = [(table[name][corpus][key], place) for place, name in enumerate(names)]
                known = [(value, place) for value, place in points if value is not None]
                axes.plot(
                    [value for value, _ in known],
                    [place for _, place in known],
                    "o",
                    color=_SERIES[index % len(_SERIES)],
                    label=corpus,
                    markersize=5,
                )
            axes.set(xlim=(0, 1.02), ylim=(len(names) - 0.5, -0.5), title=title)
            axes.set_xticks([0, 0.5, 1.0])
            axes.set_yticks(range(len(names)), names if axes is drawing.axes[0] else [""] * len(names))
        drawing.axes[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawing.svg


def axis_curves(axis: str, by_corpus: Mapping[str, Mapping[str, Any]]) -> str:
    """ROC curve and reliability of one axis of the plane, a line a corpus."""
    with _Drawing(f"ROC and reliability of {axis}", 2, height=3.6) as drawing:
        ranks, reliable = drawing.axes
        for index, (corpus, record) in enumerate(by_corpus.items()):
            look = {
                "color": _SERIES[index % len(_SERIES)],
                "linestyle": "-" if index < len(_SERIES) else "--",
            }
            curve, bins = record["roc"], record["reliability"]
            if curve:
                ranks.plot(curve["x"], curve["y"], **look)
            area = f"AUC {curve['area']:.2f}" if curve else "one side only"
            reliable.plot(
                [row["confidence"] for row in bins],
                [row["accuracy"] for row in bins],
                marker="o",
                markersize=3,
                label=f"{corpus}, {area}",
                **look,
            )
        for axes, low in ((ranks, 0.0), (reliable, 0.5)):
            axes.plot([low, 1], [low, 1], color=_INK, linewidth=0.8, linestyle=":")
        ranks.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.02))
        ranks.set_title(f"ROC, {axis}")
        reliable.set(xlabel="confidence", ylabel="share right", xlim=(0.5, 1), ylim=(0, 1.02))
        reliable.set_title(f"Reliability, {axis}")
        reliable.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawing.svg


def embedding(points: Sequence[Mapping[str, Any]]) -> str:
    """The map, coloured by true emotion and by corpus."""
    corpora = list(dict.fromkeys(point["corpus"] for point in points))
    by_corpus = {name: _SERIES[index % len(_SERIES)] for index, name in enumerate(corpora)}
    with _Drawing("Embedding map", 2, height=4.4) as drawing:
        for axes, key, colours in (
            (drawing.axes[0], "emotion", COLOURS),
            (drawing.axes[1], "corpus", by_corpus),
        ):
            for name, colour in colours.items():
                mine = [point for point in points if point[key] == name]
                if mine:
                    x, y = [point["x"] for point in mine], [point["y"] for point in mine]
                    axes.plot(
                        x,
                        y,
                        "o",
                        color=colour,
                        label=name,
                        markersize=2.5 if len(points) > 500 else 4.0,
                        alpha=0.8,
                        markeredgewidth=0,
                    )
            axes.set(title=f"by {key}", xticks=[], yticks=[])
            axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=2.0)
    return drawing.svg


def mood_curves(record: Mapping[str, Any]) -> str:
    """ROC and precision-recall curves of every tag, thin, and of all answers pooled."""
    with _Drawing("ROC and precision-recall curves of the tags", 2, height=3.8) as drawing:
        kinds = (
            ("roc", "ROC", "false positive rate", "true positive rate"),
            ("precision_recall", "Precision and recall", "recall", "precision"),
        )
        for axes, (kind, title, x_label, y_label) in zip(drawing.axes, kinds, strict=True):
            for curve in record["by_tag"][kind].values():
                if curve:
                    axes.plot(curve["x"], curve["y"], color=_SERIES[0], linewidth=0.6, alpha=0.35)
            pooled = record["pooled"][kind]
            name = f"all answers pooled, area {pooled['area']:.3f}"
            axes.plot(pooled["x"], pooled["y"], color=_SERIES[3], label=name)
            axes.set(xlabel=x_label, ylabel=y_label, title=title, xlim=(0, 1), ylim=(0, 1.02))
            axes.legend(loc="lower right" if kind == "roc" else "upper right")
    return drawing.svg


def mood_tags(rows: Sequence[Mapping[str, Any]]) -> str:
    """PR-AUC of every tag with its interval beside what chance gives, best first."""
    ranked = sorted(rows, key=lambda row: row["pr_auc"] or 0.0)
    with _Drawing("PR-AUC by tag", 1, height=0.16 * len(ranked) + 0.8) as drawing:
        axes = drawing.axes[0]
        for place, row in enumerate(ranked):
            if row["interval"]["pr_auc"]:
                axes.plot(row["interval"]["pr_auc"], [place, place], color=_SERIES[0], linewidth=1.0)
        known = [(row["pr_auc"], place) for place, row in enumerate(ranked) if row["pr_auc"] is not None]
        axes.plot(*zip(*known, strict=True), "o", color=_SERIES[0], markersize=4, label="PR-AUC")
        shares = [row["share"] for row in ranked]
        axes.plot(shares, range(len(ranked)), "|", color=_INK, label="chance")
        axes.set_yticks(range(len(ranked)), [row["tag"] for row in ranked])
        axes.set(xlabel="PR-AUC, 95 % interval over artists", ylim=(-0.7, len(ranked) - 0.3), xlim=(0, None))
        axes.legend(loc="lower right")
    return drawing.svg


def mood_calibration(record: Mapping[str, Any]) -> str:
    """Probability against share of right answers before and after calibration, on logarithmic scales."""
    with _Drawing("Reliability before and after calibration", 2, height=3.4) as drawing:
        for axes, (name, bins) in zip(drawing.axes, record.items(), strict=True):
            shown = [row for row in bins if row["accuracy"] > 0]
            axes.loglog(
                [row["confidence"] for row in shown],
                [row["accuracy"] for row in shown],
                "o-",
                color=_SERIES[0],
            )
            axes.plot([0.005, 1], [0.005, 1], color=_INK, linewidth=0.8, linestyle=":")
            axes.set(xlabel="probability", ylabel="share right", xlim=(0.005, 1), ylim=(0.005, 1))
            axes.set_title(f"{name} calibration")
    return drawing.svg

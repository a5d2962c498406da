"""The pictures of the report on models of several tasks, drawn from its figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from markupsafe import Markup

from training.report.drawing import (
    INK,
    SERIES,
    column,
    diagonal,
    drawing,
    legend_beside,
    palette,
    unit_square,
)
from training.report.files import spaced

FEW_LABELS: Final = 12
"""Up to so many labels have colours and panels of their own."""

RAMP: Final = (SERIES[0], SERIES[2], SERIES[1], SERIES[3])
"""Colours of values, from the lowest to the highest."""

_PER_ROW: Final = 4
_ANGLES: Final = ((20, -60), (20, 30))  # elevation and azimuth, in degrees
_LOSSES: Final = ("loss", "validation_loss")
_VALIDATION: Final = "validation_"
_ERROR: Final = "validation_mae_"
_FIGURES: Final[Mapping[str, str]] = {"f1": "F1", "auc": "ROC-AUC"}
_DOTS: Final[Mapping[str, Any]] = {"alpha": 0.8, "linewidths": 0, "rasterized": True}


def training_curves(history: Sequence[Mapping[str, float]], best_epoch: int | None) -> Markup:
    """Losses of training and validation, losses and figures of each task, and the learning rate, by epoch."""
    epochs = np.arange(1, len(history) + 1)
    names = [name for name in history[0] if name not in {"seconds", "learning_rate", *_LOSSES}]
    losses = [name for name in names if "loss_" in name]
    figures = [name for name in names if name not in losses]
    panels = {
        "Loss": [name for name in _LOSSES if name in history[0]],
        "Loss by task": losses if len(losses) > 2 else [],
        **_by_task(name for name in figures if not name.startswith(_ERROR)),
        "MAE of values, validation": [name for name in figures if name.startswith(_ERROR)],
        "Learning rate": ["learning_rate"] * ("learning_rate" in history[0]),
    }
    shown = {title: curves for title, curves in panels.items() if curves}
    beside = 2 if len(shown) in {2, 4} else min(3, len(shown))
    rows = -(-len(shown) // beside)
    with drawing("Training and validation curves", beside, rows=rows, height=2.7 * rows) as picture:
        for axes, (title, curves) in zip(picture.axes, shown.items(), strict=False):
            for name, colour in zip(curves, palette(len(curves)), strict=True):
                values = column([{name: None, **epoch} for epoch in history], name)
                marker = "o" if len(history) < 3 else ""
                axes.plot(epochs, values, marker=marker, color=colour, label=_curve_name(name))
            if best_epoch:
                axes.axvline(best_epoch, color=INK, linewidth=0.8, linestyle=":")
            axes.set(title=title, xlabel="epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
            if title == "Learning rate":
                axes.set_ylim(bottom=0)
            else:
                axes.legend(loc="best", fontsize=7)
        for axes in picture.axes[len(shown) :]:
            axes.set_axis_off()
    return picture.svg


def _by_task(names: Iterable[str]) -> dict[str, list[str]]:
    """Figures of the labels of each task."""
    panels: dict[str, list[str]] = {}
    for name in names:
        task = name.removeprefix(_VALIDATION).partition("_")[2]
        panels.setdefault(f"{spaced(task)}, validation", []).append(name)
    return panels


def _curve_name(name: str) -> str:
    known = {"loss": "training", "validation_loss": "validation"}
    if name in known:
        return known[name]
    if "loss_" in name:
        task = name.removeprefix(_VALIDATION).removeprefix("loss_")
        return f"{task}, validation" if name.startswith(_VALIDATION) else f"{task}, training"
    figure, _, task = name.removeprefix(_VALIDATION).partition("_")
    return task if name.startswith(_ERROR) else _FIGURES.get(figure, figure)


def label_bars(task: str, by_label: Mapping[str, Mapping[str, Any]]) -> Markup:
    """F1 with its interval, precision and recall of every label, the best first."""
    ranked = sorted(by_label.items(), key=lambda item: item[1]["f1"] or 0.0)
    places = np.arange(len(ranked))
    rows = [row for _, row in ranked]
    height = (0.34 if len(rows) <= FEW_LABELS else 0.22) * len(rows) + 1.0
    with drawing(f"Precision, recall and F1 by label, {task}", 1, height=height) as picture:
        axes = picture.axes[0]
        for step, (name, colour) in enumerate(zip(("recall", "precision", "f1"), SERIES[2::-1], strict=True)):
            title = {"f1": "F1"}.get(name, name)
            axes.barh(places + 0.27 * (step - 1), column(rows, name), height=0.25, color=colour, label=title)
        for place, row in zip(places, rows, strict=True):
            if row["interval"]["f1"]:
                axes.plot(row["interval"]["f1"], [place + 0.27] * 2, color=INK, linewidth=1.0)
        axes.set_yticks(places, [f"{spaced(label)} ({row['n']})" for label, row in ranked])
        axes.set(xlim=(0, 1), ylim=(-0.6, len(rows) - 0.4))
        axes.grid(visible=False, axis="y")
        handles, titles = axes.get_legend_handles_labels()
        axes.legend(handles[::-1], titles[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return picture.svg


def heat_map(task: str, record: Mapping[str, Any], *, errors: bool = False) -> Markup:
    """Shares of each true label (row) that were called so (column); or how often, of errors alone."""
    counts = np.array(record["confusion"], dtype=np.float64)
    if errors:
        np.fill_diagonal(counts, 0)
        shares = counts / max(counts.max(), 1)
    else:
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = min(9.0, 0.16 * len(counts) + 2.0)
    with drawing(f"{'Errors' if errors else 'Confusion'}, {task}", 1, height=size) as picture:
        axes = picture.axes[0]
        axes.imshow(shares, cmap=_shades(), vmin=0, vmax=1, interpolation="nearest")
        axes.set_xticks(range(len(counts)), list(map(spaced, record["columns"])), rotation=90, fontsize=6)
        axes.set_yticks(range(len(counts)), list(map(spaced, record["rows"])), fontsize=6)
        axes.set(xlabel="answer", ylabel="truth")
        axes.grid(visible=False)
    return picture.svg


def _shades() -> Any:
    """From nothing, which lets the paper through, to a full colour."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgba  # noqa: PLC0415 - heavy

    return LinearSegmentedColormap.from_list("shares", [to_rgba(SERIES[0], 0.0), to_rgba(SERIES[0], 1.0)])


def label_curves(task: str, by_label: Mapping[str, Mapping[str, Any]]) -> Markup:
    """ROC and precision-recall curves: of few labels in colours, of many as thin lines."""
    few = len(by_label) <= FEW_LABELS
    with drawing(f"ROC and precision-recall curves, {task}", 2, height=3.8) as picture:
        ranks, precise = picture.axes
        for axes, kind in ((ranks, "roc"), (precise, "precision_recall")):
            for row, colour in zip(by_label.values(), palette(len(by_label)), strict=True):
                if row[kind] and few:
                    axes.plot(row[kind]["x"], row[kind]["y"], color=colour)
                elif row[kind]:
                    axes.plot(row[kind]["x"], row[kind]["y"], color=SERIES[0], linewidth=0.6, alpha=0.4)
        if few:
            for (label, row), colour in zip(by_label.items(), palette(len(by_label)), strict=True):
                areas = [
                    f"{measure} {row[kind]['area']:.2f}"
                    for kind, measure in (("roc", "AUC"), ("precision_recall", "AP"))
                    if row[kind]
                ]
                precise.plot([], [], color=colour, label=", ".join([spaced(label), *areas]))
            legend_beside(precise, fontsize=7)
        diagonal(ranks)
        unit_square(ranks, "false positive rate", "true positive rate", "ROC, one against all")
        unit_square(precise, "recall", "precision", "Precision and recall")
    return picture.svg


def label_calibration(task: str, record: Mapping[str, Any], *, classes: bool) -> Markup:
    """Reliability of all answers and of each label, and how often each probability is given."""
    few = len(record["by_label"]) <= FEW_LABELS
    bins = record["reliability"]
    with drawing(f"Calibration, {task}", 2, height=3.6) as picture:
        reliable, often = picture.axes
        for (label, row), colour in zip(
            record["by_label"].items(), palette(len(record["by_label"])), strict=True
        ):
            line = {"label": f"{spaced(label)}, ECE {row['ece']:.2f}"} if few else {}
            reliable.plot(
                column(row["reliability"], "confidence"),
                column(row["reliability"], "accuracy"),
                color=colour if few else SERIES[0],
                linewidth=0.8 if few else 0.5,
                alpha=0.8 if few else 0.3,
                **line,
            )
        whole = "the answer" if classes else "all labels"
        reliable.plot(
            column(bins, "confidence"),
            column(bins, "accuracy"),
            "o-",
            color=INK,
            markersize=4,
            linewidth=2,
            label=f"{whole}, ECE {record['ece']:.3f}",
        )
        diagonal(reliable)
        unit_square(reliable, "probability", "share right", "Reliability")
        legend_beside(reliable, fontsize=7)
        widths = [row["high"] - row["low"] for row in bins]
        often.bar(column(bins, "low"), column(bins, "n"), width=widths, align="edge", color=SERIES[0])
        often.set(
            xlabel=f"probability of {'the answer' if classes else 'a label'}",
            ylabel="answers",
            xlim=(0, 1),
            title="How often",
        )
    return picture.svg


def acceptance(task: str, steps: Sequence[Mapping[str, Any]]) -> Markup:
    """What share of the answers is at least so confident, and how much of that is right."""
    with drawing(f"Answers by confidence, {task}", 1, height=2.6) as picture:
        axes = picture.axes[0]
        thresholds = column(steps, "threshold")
        axes.plot(thresholds, column(steps, "coverage"), color=SERIES[0], label="share answered")
        axes.plot(thresholds, column(steps, "accuracy"), color=SERIES[2], label="of these right")
        axes.set(xlabel="least confidence", ylim=(0, 1.02))
        legend_beside(axes)
    return picture.svg


def threshold_sweeps(task: str, by_label: Mapping[str, Mapping[str, Any]]) -> Markup:
    """F1, precision and recall of each label by its threshold; of many labels F1 alone, as thin lines."""
    if len(by_label) > FEW_LABELS:
        with drawing(f"F1 by threshold, {task}", 1, height=3.2) as picture:
            axes = picture.axes[0]
            for row in by_label.values():
                sweep = row["sweep"]
                axes.plot(sweep["threshold"], sweep["f1"], color=SERIES[0], linewidth=0.6, alpha=0.4)
            unit_square(axes, "threshold", "F1", "F1 of every label")
        return picture.svg
    rows = -(-len(by_label) // _PER_ROW)
    panels = min(_PER_ROW, len(by_label))
    with drawing(f"Threshold sweep, {task}", panels, rows=rows, height=2.1 * rows + 0.5) as picture:
        for axes, (label, row) in zip(picture.axes, by_label.items(), strict=False):
            sweep = row["sweep"]
            for name, colour in (("precision", SERIES[1]), ("recall", SERIES[2]), ("f1", SERIES[0])):
                width = 1.8 if name == "f1" else 0.9
                axes.plot(
                    sweep["threshold"],
                    sweep[name],
                    color=colour,
                    linewidth=width,
                    label=name.replace("f", "F"),
                )
            if row["threshold"] is not None:
                axes.axvline(row["threshold"], color=INK, linewidth=0.8, linestyle=":")
            axes.set(title=spaced(label), xlim=(0, 1), ylim=(0, 1.02))
            axes.set_xticks([0, 0.5, 1.0])
        for axes in picture.axes[len(by_label) :]:
            axes.set_axis_off()
        picture.axes[0].legend(loc="best", fontsize=7)
    return picture.svg


def value_plots(label: str, record: Mapping[str, Any]) -> Markup:
    """Truth against answer, the errors, and how many truths lie within the model's intervals."""
    points = np.array(record["points"])
    low, high = float(points.min()), float(points.max())
    room = 0.04 * max(high - low, 1e-9)
    with drawing(f"Answers and errors, {label}", 3, height=3.1) as picture:
        scatter, errors, within = picture.axes
        scatter.scatter(points[:, 0], points[:, 1], s=14, color=SERIES[0], **_DOTS)
        scatter.plot([low, high], [low, high], color=INK, linewidth=0.8, linestyle=":")
        ends = (low - room, high + room)
        scatter.set(xlabel="truth", ylabel="answer", title=label, xlim=ends, ylim=ends)
        edges = np.array(record["histogram"]["edges"])
        errors.bar(
            edges[:-1], record["histogram"]["counts"], width=np.diff(edges), align="edge", color=SERIES[0]
        )
        errors.axvline(0.0, color=INK, linewidth=0.8, linestyle=":")
        errors.set(xlabel="answer less truth", ylabel="entries", title="Errors")
        if record["coverage"]:
            nominal, actual = (column(record["coverage"], name) for name in ("nominal", "actual"))
            within.plot(nominal, actual, color=SERIES[0])
        diagonal(within)
        unit_square(within, "share promised", "share within", "Intervals")
    return picture.svg


def flat_maps(record: Mapping[str, Any], colour: Mapping[str, Any]) -> Markup:
    """The two-dimensional map of every method, in the colours of one answer."""
    with drawing(f"Map in two dimensions, {colour['name']}", len(record["methods"]), height=3.4) as picture:
        for axes, (method, found) in zip(picture.axes, record["methods"].items(), strict=True):
            _dots(axes, np.array(found["flat"]), colour)
            axes.set(title=method, xticks=[], yticks=[])
        _legend_of(picture.axes[-1], colour)
    return picture.svg


def deep_maps(record: Mapping[str, Any], colour: Mapping[str, Any]) -> Markup:
    """The three-dimensional map of every method, seen from two sides."""
    methods = record["methods"]
    with drawing(
        f"Map in three dimensions, {colour['name']}",
        len(methods),
        rows=len(_ANGLES),
        height=2.4 * len(_ANGLES),
        projection="3d",
    ) as picture:
        for place, axes in enumerate(picture.axes):
            method = list(methods)[place % len(methods)]
            elevation, azimuth = _ANGLES[place // len(methods)]
            _dots(axes, np.array(methods[method]["deep"]), colour)
            axes.view_init(elev=elevation, azim=azimuth)
            axes.set(xticklabels=[], yticklabels=[], zticklabels=[])
            axes.set_box_aspect(None, zoom=1.3)
            if place < len(methods):
                axes.set_title(method)
            for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
                axis.set_pane_color((0, 0, 0, 0))
    return picture.svg


def _dots(axes: Any, points: np.ndarray[Any, Any], colour: Mapping[str, Any]) -> None:
    size = 8 if len(points) > 300 else 16
    if "labels" not in colour:
        from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415 - heavy

        values = np.array(colour["values"], dtype=np.float64)
        known = np.isfinite(values)
        ramp = LinearSegmentedColormap.from_list("values", RAMP)
        axes.scatter(*points[known].T, s=size, c=values[known], cmap=ramp, **_DOTS)
        return
    values = np.array(colour["values"])
    for place, shade in enumerate(palette(len(colour["labels"]))):
        axes.scatter(*points[values == place].T, s=size, color=shade, **_DOTS)


def _legend_of(axes: Any, colour: Mapping[str, Any]) -> None:
    if "labels" not in colour:
        shown = axes.collections[-1]
        axes.figure.colorbar(shown, ax=axes, label=colour["name"])
    elif len(colour["labels"]) <= FEW_LABELS:
        for label, shade in zip(colour["labels"], palette(len(colour["labels"])), strict=True):
            axes.plot([], [], "o", color=shade, label=spaced(label))
        legend_beside(axes)


def differences(record: Mapping[str, Any], titles: Sequence[str]) -> Markup:
    """How far each model lies from the first in each row, with intervals; to the right is better."""
    rows = record["rows"]
    places = np.arange(len(rows))[::-1]
    others = record["models"][1:]
    with drawing("Differences between models", 1, height=0.3 * len(rows) + 1.2) as picture:
        axes = picture.axes[0]
        for index, (model, colour) in enumerate(zip(others, palette(len(others)), strict=True)):
            for row, place in zip(rows, places, strict=True):
                found = row["differences"][index]
                if found["value"] is None:
                    continue
                sign = -1.0 if row["lower_is_better"] else 1.0
                scale = sign / max(abs(row["values"][0] or 0.0), 1e-9) if row["figure"] == "mae" else sign
                height = place + 0.14 * (index - (len(others) - 1) / 2)
                if found["interval"]:
                    ends = [scale * end for end in found["interval"]]
                    axes.plot(ends, [height] * 2, color=colour, linewidth=1.4)
                axes.plot(scale * found["value"], height, "o", color=colour, markersize=5)
            axes.plot([], [], "o", color=colour, label=model)
        axes.axvline(0.0, color=INK, linewidth=0.8, linestyle=":")
        axes.set_yticks(places, titles)
        axes.set(
            xlabel=f"better than {record['models'][0]}; MAE as a share of its own",
            ylim=(-0.7, len(rows) - 0.3),
        )
        legend_beside(axes)
    return picture.svg

"""The pictures of the reports on emotion and mood, drawn from their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from training.report.drawing import INK, SERIES, column, diagonal, drawing, legend_beside, unit_square

_COLOURS: Final[Mapping[str, str]] = {
    "neutral": "#8a8f98",
    "calm": "#2fa39a",
    "happy": "#d19a0b",
    "sad": "#4a80d6",
    "angry": "#d84a4a",
    "fearful": "#9663d8",
    "disgust": "#5f9e3a",
    "surprised": "#e0709f",
}


def curves(corpus: str, record: Mapping[str, Any]) -> Markup:
    """ROC and precision-recall curves of every class that has them."""
    with drawing(f"ROC and precision-recall curves, {corpus}", 2, height=3.6) as picture:
        ranks, precise = picture.axes
        for axes, kind, measure in ((ranks, "roc", "AUC"), (precise, "precision_recall", "AP")):
            for label, curve in record[kind].items():
                if curve:
                    name = f"{label}, {measure} {curve['area']:.2f}"
                    axes.plot(curve["x"], curve["y"], color=_COLOURS.get(label), label=name)
        diagonal(ranks)
        unit_square(ranks, "false positive rate", "true positive rate", "ROC, one against all")
        unit_square(precise, "recall", "precision", "Precision and recall")
        for axes in picture.axes:
            if axes.get_legend_handles_labels()[1]:
                legend_beside(axes)
    return picture.svg


def calibration(corpus: str, record: Mapping[str, Any], accept_at: float) -> Markup:
    """Reliability diagram, risk-coverage curve and threshold sweep."""
    with drawing(f"Reliability, risk and coverage, {corpus}", 3) as picture:
        reliable, risk, sweep = picture.axes
        bins, curve, steps = record["reliability"], record["risk_coverage"], record["sweep"]
        widths = [row["high"] - row["low"] for row in bins]
        reliable.bar(
            column(bins, "low"), column(bins, "accuracy"), width=widths, align="edge", color=SERIES[0]
        )
        diagonal(reliable)
        ece = record["eight_way"]["ece"]
        unit_square(reliable, "confidence", "share right", f"Reliability, ECE {ece:.3f}")
        risk.plot(curve["x"], curve["y"], color=SERIES[3])
        unit_square(risk, "coverage", "share wrong", f"Risk and coverage, AURC {curve['area']:.3f}")
        thresholds = column(steps, "threshold")
        sweep.plot(thresholds, column(steps, "coverage"), color=SERIES[0], label="coverage")
        sweep.plot(thresholds, column(steps, "accuracy"), color=SERIES[2], label="accuracy of accepted")
        sweep.axvline(accept_at, color=INK, linewidth=0.8, linestyle=":")
        sweep.set(xlabel="threshold", xlim=(0.3, 0.95), ylim=(0, 1.02), title="What the gate accepts")
        sweep.legend(loc="best")
    return picture.svg


def speakers(corpus: str, by_speaker: Mapping[str, Mapping[str, Any]]) -> Markup:
    """UA of every speaker, best first."""
    ranked = dict(sorted(by_speaker.items(), key=lambda item: -item[1]["ua"]))
    places = range(len(ranked))
    with drawing(f"UA by speaker, {corpus}", 1, height=2.4) as picture:
        axes = picture.axes[0]
        axes.bar(places, column(ranked.values(), "ua"), color=SERIES[0], width=0.7, alpha=0.85)
        axes.set_xticks(places, list(ranked), rotation=45, ha="right")
        axes.set(ylabel="UA", ylim=(0, 1.02), xlim=(-0.6, max(9.4, len(ranked) - 0.4)))
        axes.grid(visible=False, axis="x")
    return picture.svg


def conditions(corpora: Sequence[str], table: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Markup:
    """UA, coverage and accuracy at the gate under every condition (rows of ``table``), by corpus."""
    panels = {"ua": "UA", "coverage": "coverage at the gate", "accepted_accuracy": "accuracy of accepted"}
    places = range(len(table))
    with drawing("Figures under conditions", 3, height=3.4) as picture:
        for axes, (key, title) in zip(picture.axes, panels.items(), strict=True):
            for index, corpus in enumerate(corpora):
                values = column((row[corpus] for row in table.values()), key)
                colour = SERIES[index % len(SERIES)]
                axes.plot(values, places, "o", color=colour, label=corpus, markersize=5)
            axes.set(xlim=(0, 1.02), ylim=(len(table) - 0.5, -0.5), title=title)
            axes.set_xticks([0, 0.5, 1.0])
            axes.set_yticks(places, list(table) if axes is picture.axes[0] else [""] * len(table))
        legend_beside(picture.axes[-1])
    return picture.svg


def axis_curves(axis: str, by_corpus: Mapping[str, Mapping[str, Any]]) -> Markup:
    """ROC curve and reliability of energy or pleasantness, a line a corpus."""
    with drawing(f"ROC and reliability of {axis}", 2, height=3.6) as picture:
        ranks, reliable = picture.axes
        for index, (corpus, record) in enumerate(by_corpus.items()):
            line = {
                "color": SERIES[index % len(SERIES)],
                "linestyle": "-" if index < len(SERIES) else "--",
            }
            curve, bins = record["roc"], record["reliability"]
            if curve:
                ranks.plot(curve["x"], curve["y"], **line)
            area = f"AUC {curve['area']:.2f}" if curve else "one side only"
            reliable.plot(
                column(bins, "confidence"),
                column(bins, "accuracy"),
                marker="o",
                markersize=3,
                label=f"{corpus}, {area}",
                **line,
            )
        diagonal(ranks)
        diagonal(reliable, 0.5)
        unit_square(ranks, "false positive rate", "true positive rate", f"ROC, {axis}")
        unit_square(reliable, "confidence", "share right", f"Reliability, {axis}", left=0.5)
        legend_beside(reliable)
    return picture.svg


def embedding(points: Sequence[Mapping[str, Any]]) -> Markup:
    """The map, coloured by true emotion and by corpus."""
    corpora = list(dict.fromkeys(point["corpus"] for point in points))
    by_corpus = {name: SERIES[index % len(SERIES)] for index, name in enumerate(corpora)}
    size = 2.5 if len(points) > 500 else 4.0
    with drawing("Embedding map", 2, height=4.4) as picture:
        for axes, key, colours in zip(
            picture.axes, ("emotion", "corpus"), (_COLOURS, by_corpus), strict=True
        ):
            for name, colour in colours.items():
                mine = [point for point in points if point[key] == name]
                x, y = column(mine, "x"), column(mine, "y")
                if mine:
                    dots = axes.plot(x, y, "o", color=colour, label=name, markersize=size, alpha=0.8)
                    dots[0].set_markeredgewidth(0)
            axes.set(title=f"by {key}", xticks=[], yticks=[])
            legend_beside(axes, markerscale=2.0)
    return picture.svg


def mood_curves(record: Mapping[str, Any]) -> Markup:
    """ROC and precision-recall curves of every tag, thin, and of all answers pooled."""
    with drawing("ROC and precision-recall curves of the tags", 2, height=3.8) as picture:
        ranks, precise = picture.axes
        for axes, kind in ((ranks, "roc"), (precise, "precision_recall")):
            for curve in record["by_tag"][kind].values():
                if curve:
                    axes.plot(curve["x"], curve["y"], color=SERIES[0], linewidth=0.6, alpha=0.35)
            pooled = record["pooled"][kind]
            name = f"all answers pooled, area {pooled['area']:.3f}"
            axes.plot(pooled["x"], pooled["y"], color=SERIES[3], label=name)
        unit_square(ranks, "false positive rate", "true positive rate", "ROC")
        unit_square(precise, "recall", "precision", "Precision and recall")
        ranks.legend(loc="lower right")
        precise.legend(loc="upper right")
    return picture.svg


def mood_tags(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """PR-AUC of every tag with its interval beside what chance gives, best first."""
    ranked = sorted(rows, key=lambda row: row["pr_auc"] or 0.0)
    places = range(len(ranked))
    with drawing("PR-AUC by tag", 1, height=0.16 * len(ranked) + 0.8) as picture:
        axes = picture.axes[0]
        for place, row in enumerate(ranked):
            if row["interval"]["pr_auc"]:
                axes.plot(row["interval"]["pr_auc"], [place, place], color=SERIES[0], linewidth=1.0)
        axes.plot(column(ranked, "pr_auc"), places, "o", color=SERIES[0], markersize=4, label="PR-AUC")
        axes.plot(column(ranked, "share"), places, "|", color=INK, label="chance")
        axes.set_yticks(places, [row["tag"] for row in ranked])
        axes.set(xlabel="PR-AUC, 95 % interval over artists", ylim=(-0.7, len(ranked) - 0.3), xlim=(0, None))
        axes.legend(loc="lower right")
    return picture.svg


def mood_calibration(record: Mapping[str, Any]) -> Markup:
    """Probability against share of right answers before and after calibration, on logarithmic scales."""
    with drawing("Reliability before and after calibration", 2, height=3.4) as picture:
        for axes, (name, bins) in zip(picture.axes, record.items(), strict=True):
            shown = [row for row in bins if row["accuracy"] > 0]
            axes.loglog(column(shown, "confidence"), column(shown, "accuracy"), "o-", color=SERIES[0])
            diagonal(axes, 0.005)
            axes.set(xlabel="probability", ylabel="share right", xlim=(0.005, 1), ylim=(0.005, 1))
            axes.set_title(f"{name} calibration")
    return picture.svg

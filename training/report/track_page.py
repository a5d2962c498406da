"""The page of the report on a model of several tasks, drawn from its figures alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from core.text import pluralize
from models.track.multi_task import TEMPO_LABEL
from models.track.tasks import TaskKind
from training.report import track_plots
from training.report.drawing import palette
from training.report.files import decimal, percent, render, spaced
from training.report.track_entries import ALL

_AVERAGES: Final[Mapping[str, str]] = {
    "micro": "all answers (micro)",
    "macro": "labels (macro)",
    "samples": "entries (samples)",
}
_OF_LABELS: Final[Mapping[str, str]] = {"f1": "F1", "precision": "precision", "recall": "recall"}
_TITLES: Final[Mapping[str, str]] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "recall, labels (balanced accuracy)",
    "mirex": "MIREX score of the key",
    "hamming_loss": "Hamming loss",
    "exact_match": "all labels right",
    "macro_pr_auc": "PR-AUC, labels (macro)",
    "macro_roc_auc": "ROC-AUC, labels (macro)",
    "mae": "MAE",
    "rmse": "RMSE",
    "r2": "R²",
    "ccc": "CCC",
    "acc1": "Acc1, within 4 %",
    "acc2": "Acc2, or an octave off",
    **{
        f"{average}_{name}": f"{title}, {words}"
        for average, words in _AVERAGES.items()
        for name, title in _OF_LABELS.items()
    },
}
_SHARES: Final = frozenset({"accuracy", "exact_match", "acc1", "acc2"})
_MOST_FAULTS: Final = 50
_LARGE_TABLE: Final = 16
"""Labels from which on a confusion is a picture."""


def render_tracks(report: Mapping[str, Any], players: Mapping[str, str]) -> str:
    """Draw the whole page; nothing is fetched from elsewhere.

    Parameters
    ----------
    report
        Of `training.report.track.evaluate_tracks`.
    players
        Addresses of excerpts by name of the entry, see `track_errors.excerpt_uris`.
    """
    made, found = report["provenance"], report["map"]
    tasks = [_task(name, record, report) for name, record in report["tasks"].items()]
    comparison = report["comparison"]
    firsts = _first_colours(report)
    return render(
        "track.html.j2",
        title=f"Evaluation of {made['model']['name']} {made['model']['version']}",
        report=report,
        made=made,
        where=_where(report["data"]),
        contents=_contents(report, tasks),
        summary=summarise_tracks(report),
        tasks=tasks,
        training_plot=track_plots.training_curves(report["history"], report["best_epoch"])
        if report["history"]
        else "",
        map_note=_map_note(found) if found else "",
        flat_plots=[track_plots.flat_maps(found, colour) for colour in firsts],
        deep_plot=track_plots.deep_maps(found, firsts[0]) if found else "",
        cloud=_cloud(found) if found else None,
        hardest=[{**one, "file": _other_name(one["path"], one["name"])} for one in report["hardest"]],
        players=players,
        comparison_rows=comparison_rows(comparison) if comparison else [],
        comparison_plot=track_plots.differences(comparison, _row_titles(comparison)) if comparison else "",
        most_faults=_MOST_FAULTS,
    )


def render_comparison(report: Mapping[str, Any]) -> str:
    """Draw the page of a comparison alone, from `training.report.track.evaluate_comparison`."""
    return render(
        "track_comparison.html.j2",
        title=f"Comparison of {' and '.join(report['models'])}",
        report=report,
        made=report["provenance"],
        where=_where(report["data"]),
        summary=summarise_comparison(report),
        rows=comparison_rows(report),
        plot=track_plots.differences(report, _row_titles(report)),
    )


def figure_text(name: str, value: float | None) -> str:
    """A figure as people read it."""
    return percent(value) if name in _SHARES else decimal(value, 3)


def summarise_tracks(report: Mapping[str, Any]) -> list[str]:
    """What the figures say, in plain sentences without markup."""
    sentences = []
    overall = {(row["task"], row["label"], row["figure"]): row for row in report["overall"]}
    for name, record in report["tasks"].items():
        if record["kind"] == TaskKind.REGRESSION:
            sentences += [_of_value(name, label, overall, record) for label in record["labels"]]
        elif record["kind"] == TaskKind.SINGLE_LABEL:
            sentences.append(
                f"{name}: the right one of {len(record['labels'])} classes is named for "
                f"{_spoken(overall[name, '', 'accuracy'])} of {_entries(record['n'])}; always naming "
                f"the commonest would be right for {percent(record['guessing']['accuracy'])}. "
                f"The mean F1 of the classes is {_spoken(overall[name, '', 'macro_f1'])}. {_extremes(record)}"
            )
        else:
            sentences.append(
                f"{name}: the mean F1 of {pluralize(len(record['labels']), 'label')} is "
                f"{_spoken(overall[name, '', 'macro_f1'])}; claiming every label always would give "
                f"{decimal(record['guessing']['macro_f1'], 3)}. The Hamming loss is "
                f"{_spoken(overall[name, '', 'hamming_loss'])}; saying of each label what is commoner would "
                f"give {decimal(record['guessing']['hamming_loss'], 3)}. {_extremes(record)}"
            )
    if report["comparison"]:
        sentences += summarise_comparison(report["comparison"])
    return sentences


def summarise_comparison(record: Mapping[str, Any]) -> list[str]:
    """Which differences between models are more than chance, in plain sentences without markup."""
    first, *others = record["models"]
    sentences = []
    for place, model in enumerate(others):
        sides: dict[str, list[str]] = {"better": [], "worse": []}
        for row in record["rows"]:
            found = row["differences"][place]
            if found["interval"] and (found["interval"][0] > 0 or found["interval"][1] < 0):
                better = (found["value"] > 0) is not row["lower_is_better"]
                sides["better" if better else "worse"].append(_row_title(row))
        told = [f"{side} in {', '.join(names)}" for side, names in sides.items() if names]
        sentences.append(
            f"{model} is {' and '.join(told)} than {first}."
            if told
            else f"No difference between {model} and {first} is more than chance."
        )
    return sentences


def comparison_rows(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of a comparison with their titles, and differences with their signs."""
    return [
        {
            **row,
            "title": _row_title(row) + (", lower is better" if row["lower_is_better"] else ""),
            "heads": [f"{model} less {record['models'][0]}" for model in record["models"][1:]],
            "differences": [
                {**found, "text": "none" if found["value"] is None else f"{found['value']:+.3f}"}
                for found in row["differences"]
            ],
        }
        for row in record["rows"]
    ]


def _entries(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"


def _row_title(row: Mapping[str, Any]) -> str:
    label = f" {row['label']}" if row["label"] and row["label"] != row["task"] else ""
    average, _, name = row["figure"].partition("_")
    title = _TITLES[row["figure"]].partition(",")[0]
    if average in _AVERAGES and name in _OF_LABELS:
        title = f"{_OF_LABELS[name]} ({average})"
    return f"{row['task']}{label} {title}"


def _row_titles(record: Mapping[str, Any]) -> list[str]:
    return [_row_title(row) for row in record["rows"]]


def _spoken(row: Mapping[str, Any]) -> str:
    text = figure_text(row["figure"], row["value"])
    if not row["interval"]:
        return text
    low, high = (figure_text(row["figure"], end) for end in row["interval"])
    return f"{text} (95 % interval {low.removesuffix(' %')} to {high})"


def _extremes(record: Mapping[str, Any]) -> str:
    """The labels that are told best and worst; nothing where fewer than two occur."""
    known = {label: row["f1"] for label, row in record["by_label"].items() if row["n"]}
    if len(set(known.values())) < 2:
        return ""
    best, worst = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    return (
        f"Told best: {spaced(best)} (F1 {known[best]:.2f}); worst: {spaced(worst)} (F1 {known[worst]:.2f})."
    )


def _of_value(
    task: str,
    label: str,
    overall: Mapping[tuple[str, str, str], Mapping[str, Any]],
    record: Mapping[str, Any],
) -> str:
    name = label if label == task else f"{task}, {label}"
    mae, r2 = overall[task, label, "mae"], overall[task, label, "r2"]
    guessing = record["by_label"][label]["guessing"]["mae"]
    said = (
        f"{name}: it is {_spoken(mae)} off on average; always answering the mean would be "
        f"{decimal(guessing, 3)} off. R² is {_spoken(r2)}."
    )
    if label == TEMPO_LABEL:
        acc1, acc2 = (_spoken(overall[task, label, figure]) for figure in ("acc1", "acc2"))
        said += f" Within 4 % are {acc1}, or with octave errors allowed {acc2}."
    return said


def _where(data: Mapping[str, Any]) -> str:
    side = "all" if data["side"] == ALL else f"the {data['side']} side"
    groups = pluralize(data["groups"], "group")
    return f"{side} of {data['name']}: {_entries(data['entries'])} of {groups}"


def _contents(report: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Anchors and names of the cards that the page has."""
    cards = [("overall", "Overall")]
    cards += [("training", "Training")] * bool(report["history"])
    cards += [(task["id"], task["name"]) for task in tasks]
    cards += [("map", "Map")] * bool(report["map"])
    cards += [("errors", "Errors")]
    cards += [("comparison", "Comparison")] * bool(report["comparison"])
    return cards


def _task(name: str, record: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, Any]:
    rows = [row for row in report["overall"] if row["task"] == name]
    head = {"name": name, "id": f"task-{name}", "record": record}
    if record["kind"] == TaskKind.REGRESSION:
        return {**head, "title": name, **_of_values(record, rows)}
    single, by_label = record["kind"] == TaskKind.SINGLE_LABEL, record["by_label"]
    guessing = record["guessing"]
    averaged = {f"{average}_{name}" for average in _AVERAGES for name in _OF_LABELS}
    wide = len(record["columns"]) > _LARGE_TABLE
    return {
        **head,
        "title": f"{name}: {len(record['labels'])} {'classes' if single else 'labels'}",
        "note": "Behind a label: entries that have it. Line: 95 % interval of F1 over groups.",
        "value_rows": None,
        "single": single,
        "many": wide,
        "figures": [
            {
                **_cell(row),
                "title": _TITLES[row["figure"]],
                "guessing": figure_text(row["figure"], guessing[row["figure"]])
                if row["figure"] in guessing
                else "",
            }
            for row in rows
            if single or row["figure"] not in averaged or row["figure"] in guessing
        ],
        "averages": None if single else _averages(rows),
        "bars": track_plots.label_bars(name, by_label),
        "heat_map": track_plots.heat_map(name, record) if wide else "",
        "error_map": track_plots.heat_map(name, record, errors=True) if wide else "",
        "curves": track_plots.label_curves(name, by_label),
        "calibration": track_plots.label_calibration(name, record, classes=single),
        "acceptance": track_plots.acceptance(name, record["acceptance"]) if record["acceptance"] else "",
        "sweep_note": _sweep_note(single=single),
        "sweeps": track_plots.threshold_sweeps(name, by_label),
    }


def _of_values(record: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = list(dict.fromkeys(row["figure"] for row in rows))
    found = {(row["label"], row["figure"]): row for row in rows}
    return {
        "titles": [_TITLES[name] for name in names],
        "value_rows": {
            label: {
                "cells": [_cell(found.get((label, name))) for name in names],
                "guessing": decimal(record["by_label"][label]["guessing"]["mae"], 3),
            }
            for label in record["labels"]
        },
        "plots": {
            label: track_plots.value_plots(label, of_label) for label, of_label in record["by_label"].items()
        },
    }


def _averages(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """F1, precision and recall, averaged in three ways."""
    found = {row["figure"]: row for row in rows}
    return {
        "titles": list(_OF_LABELS.values()),
        "rows": {
            words: [_cell(found[f"{average}_{name}"]) for name in _OF_LABELS]
            for average, words in _AVERAGES.items()
        },
    }


def _cell(row: Mapping[str, Any] | None) -> dict[str, Any]:
    """A figure and its interval as text."""
    if row is None:
        return {"text": "", "interval": ""}
    interval = " to ".join(figure_text(row["figure"], end) for end in row["interval"] or ())
    return {"text": figure_text(row["figure"], row["value"]), "interval": interval}


def _sweep_note(*, single: bool) -> str:
    if single:
        return (
            "Each class against all others. The likeliest class is the answer, so no threshold is used; "
            "these are what there would be if each class were claimed by itself."
        )
    return (
        "Dotted: the threshold that the model carries, found on validation entries. The best one here is "
        "known only afterwards, so its F1 is no figure of the model."
    )


def _map_note(found: Mapping[str, Any]) -> str:
    shares = " + ".join(f"{100 * share:.0f}" for share in found["explained"])
    return (
        f"What all tasks of the model see, of {len(found['names'])} entries: those that it finds alike lie "
        f"close together. The axes of PCA hold {shares} % of the variance; distances between clusters mean "
        "little in t-SNE and UMAP."
    )


def _first_colours(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The first colours of each task."""
    found: dict[str, Mapping[str, Any]] = {}
    for colour in report["map"]["colours"] if report["map"] else ():
        found.setdefault(colour["name"].partition(":")[0], colour)
    return list(found.values())


def _cloud(found: Mapping[str, Any]) -> dict[str, Any]:
    """What the map that can be turned is drawn from."""
    colours = []
    for colour in found["colours"]:
        shown = {**colour, "name": spaced(colour["name"])}
        if "labels" in colour:
            shown["labels"] = [spaced(label) for label in colour["labels"]]
            shown["shades"] = list(palette(len(colour["labels"])))
        colours.append(shown)
    return {
        "names": found["names"],
        "methods": found["methods"],
        "colours": colours,
        "ramp": list(track_plots.RAMP),
    }


def _other_name(path: str, name: str) -> str:
    """The name of a sound's file, where it says more than that of its entry."""
    file = PurePath(path).name
    return "" if file == PurePath(name).name else file

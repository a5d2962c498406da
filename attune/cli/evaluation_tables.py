"""The figures of `attune evaluate` as tables and sentences in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from attune.cli import console
from core.emotions import EMOTIONS
from core.text import percent


def print_emotion(report: dict[str, Any]) -> None:
    """A row for each corpus and way: emotions, all eight and masked; both axes; then talk, by the hour."""
    from training.report.emotion_page import WITHOUT_PLANE  # noqa: PLC0415

    _print_emotions(report["table"])
    if report["plane_table"]:
        _print_axes(report["plane_table"])
    else:
        console.say(WITHOUT_PLANE)
    for name, rate in (report["non_speech"] or {}).items():
        console.say(f"{name}: {_per_hour(rate, 'false emotions')}.")
    talks = {"ordinary talk": report["ordinary"]} if report["ordinary"] else {}
    talks |= {f"prompts of {voice}": record for voice, record in report["prompts"].items()}
    for name, record in talks.items():
        share = record["neutral_share"]
        figures = [
            _per_hour(record["false_emotions"], "false emotions"),
            *(_per_hour(rate, f"times {axis}") for axis, rate in (record["directions"] or {}).items()),
            "no window with speech" if share is None else f"neutral or calm leads in {share:.1%} of windows",
        ]
        console.say(f"{name}, {60 * record['hours']:.0f} minutes: {'; '.join(figures)}.")


def print_emotion_csv(report: dict[str, Any]) -> None:
    """One table of both: a row for each statement, corpus and way; shares from 0 to 1."""
    place = ("corpus", "who", "way", "n")
    figures = ("ua", "auc", "accepted", "coverage", "accepted_accuracy", "ece")
    rows: list[tuple[Any, ...]] = [("statement", *place, "answers", *figures)]

    def add(statement: str, entry: dict[str, Any], answers: int, record: dict[str, Any]) -> None:
        rows.append((statement, *map(entry.get, place), answers, *map(record.get, figures)))

    for entry in report["table"]:
        add("emotion", entry, len(EMOTIONS), entry["eight_way"])
        if entry["classes"] < len(EMOTIONS):
            add("emotion", entry, entry["classes"], entry["masked"])
    for entry in report["plane_table"] or ():
        add(entry["axis"], entry, 2, entry)
    console.print_csv(rows)


def _print_emotions(entries: Sequence[dict[str, Any]]) -> None:
    rows: list[tuple[object, ...]] = []
    for entry in entries:
        place = (entry["corpus"], entry["who"], entry["way"], entry["n"])
        rows.append((*place, len(EMOTIONS), *_recall(entry["eight_way"])))
        if entry["classes"] < len(EMOTIONS):
            rows.append(("",) * len(place) + (f"{entry['classes']}, masked", *_recall(entry["masked"])))
    columns = ("corpus", "who", "heard", "clips", "answers", "UA", "accepted", "of those right", "ECE")
    console.print_table(columns, rows)


def _recall(record: dict[str, Any]) -> tuple[str, ...]:
    return f"{record['ua']:.1%}", *_accepted(record), f"{record['ece']:.3f}"


def _print_axes(entries: Sequence[dict[str, Any]]) -> None:
    rows = [
        (
            *(entry[key] for key in ("axis", "corpus", "who", "way", "n")),
            "none" if entry["auc"] is None else f"{entry['auc']:.3f}",
            *_accepted(entry),
            f"{entry['ece']:.3f}",
        )
        for entry in entries
    ]
    columns = ("axis", "corpus", "who", "heard", "clips", "AUC", "accepted", "of those right", "ECE")
    console.print_table(columns, rows)


def _accepted(record: dict[str, Any]) -> tuple[str, str]:
    """How much is accepted, and how much of that is right, with its interval."""
    right, low_high = record["accepted_accuracy"], record["interval"]["accepted_accuracy"]
    span = f" ({100 * low_high[0]:.0f} to {100 * low_high[1]:.0f})" if low_high else ""
    return (
        f"{record['accepted']}, {record['coverage']:.1%}",
        "none" if right is None else f"{right:.1%}{span}",
    )


def _per_hour(rate: dict[str, Any], what: str) -> str:
    return f"{rate['per_hour']:.1f} {what} an hour ({rate['low']:.1f} to {rate['high']:.1f})"


def print_personal_csv(report: dict[str, Any]) -> None:
    """One row a corpus and mode, as `print_personal` has them; shares from 0 to 1."""
    names = _state_names(("before", "after"))
    rows: list[tuple[Any, ...]] = [("part", "corpus", "mode", "takes", "users", *names, "kept")]
    for part, corpus, record in _corpora(report):
        for mode, entry in ((mode, record[mode]) for mode in _MODES):
            if entry is not None:
                shares = _state_shares(entry, ("before", "after"))
                rows.append((part, corpus, mode, entry["takes"], entry["users"], *shares, entry["kept"]))
    console.print_csv(rows)


def print_personal(report: dict[str, Any]) -> None:
    """One row a corpus and mode; shares in per cent, differences in points."""
    rows: list[tuple[str, ...]] = []
    for part, corpus, record in _corpora(report):
        for mode, takes in _MODES.items():
            entry = record[mode]
            if entry is None:
                rows.append((corpus, takes, "0", "too few clips"))
                continue
            row = (
                _corpus_name(part, corpus),
                f"{entry['takes']:.0f}, {takes}",
                str(entry["users"]),
                _change(entry, "ua", "before", "after"),
                _points(entry["difference"]["ua"]),
                _change(entry, "coverage", "before", "after"),
                _change(entry, "accepted_accuracy", "before", "after"),
                f"{entry['before']['ece']:.3f} > {entry['after']['ece']:.3f}",
                percent(entry["kept"]),
            )
            rows.append(row)
    columns = ("corpus", "takes", "users", "UA", "UA, points", "accepted", "of those right", "ECE", "kept")
    console.print_table(columns, rows)
    console.say("Before > after, on the same clips, which are none of the takes; their sentences may be.")


def print_corrections_csv(report: dict[str, Any]) -> None:
    """One row a corpus, as `print_corrections` has them; shares from 0 to 1."""
    from training.report.corrections import STATES  # noqa: PLC0415

    counts = ("takes", "users", "corrections", "scored")
    rows: list[tuple[Any, ...]] = [("part", "corpus", *counts, *_state_names(STATES))]
    for part, corpus, record in _corpora(report):
        if (entry := record["emotions"]) is not None:
            rows.append((part, corpus, *map(entry.get, counts), *_state_shares(entry, STATES)))
    console.print_csv(rows)


def print_corrections(report: dict[str, Any]) -> None:
    """One row a corpus; shares in per cent, differences in points."""
    rows: list[tuple[str, ...]] = []
    for part, corpus, record in _corpora(report):
        entry = record["emotions"]
        if entry is None:
            rows.append((corpus, "", "0", "", "too few clips"))
            continue
        row = (
            _corpus_name(part, corpus),
            f"{entry['takes']:.0f}",
            str(entry["users"]),
            f"{entry['corrections']:.1f}",
            f"{entry['before']['ua']:.1%}",
            _change(entry, "ua", "calibrated", "corrected"),
            _points(entry["difference"]["ua"]),
            _change(entry, "accepted_accuracy", "calibrated", "corrected"),
            f"{entry['some_wrong']['ua']:.1%}, {_points(entry['difference_some_wrong']['ua'])}",
        )
        rows.append(row)
    wrong = f"UA, {percent(report['plan']['wrong'])} wrong, points"
    columns = (
        "corpus",
        "takes",
        "users",
        "corrections",
        "UA, model",
        "UA",
        "UA, points",
        "of accepted right",
    )
    console.print_table((*columns, wrong), rows)
    console.say("Takes alone > takes and corrections, on the same clips, which are neither.")


_MODES: Final = {"emotions": "all emotions", "neutral": "only neutral"}
_FIGURES: Final = ("ua", "coverage", "accepted_accuracy", "ece")


def _corpora(report: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The part, the name and the figures of each corpus that new users come from."""
    from training.report.new_users import PARTS  # noqa: PLC0415

    for part in PARTS:
        for corpus, record in report[part].items():
            yield part, corpus, record


def _corpus_name(part: str, corpus: str) -> str:
    return corpus + (", never heard" if part == "unseen_corpora" else "")


def _state_names(states: Sequence[str]) -> list[str]:
    return [f"{figure}_{state}" for figure in _FIGURES for state in states]


def _state_shares(entry: dict[str, Any], states: Sequence[str]) -> list[float | None]:
    return [entry[state][figure] for figure in _FIGURES for state in states]


def _points(difference: dict[str, Any]) -> str:
    low_high = difference["interval"]
    span = f" ({100 * low_high[0]:+.1f} to {100 * low_high[1]:+.1f})" if low_high else ""
    return f"{100 * difference['value']:+.1f}{span}"


def _change(entry: dict[str, Any], figure: str, before: str, after: str) -> str:
    shares = (entry[state][figure] for state in (before, after))
    return " > ".join("none" if share is None else f"{share:.1%}" for share in shares)

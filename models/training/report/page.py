"""Owns the report as a page: one HTML file that needs nothing else, drawn from the figures alone."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, Final

import soundfile

from core.words import counted
from models.resample import SAMPLE_RATE_HZ, Audio
from models.training.report import plots
from models.training.report.axes import AXES
from models.training.report.sheet import grid, page, section, share
from models.training.report.table import ALONE, STRANGERS

__all__ = ["WITHOUT_PLANE", "AudioOf", "render", "summary"]

AudioOf = Callable[[str], Audio]
"""From the path of a clip to its audio, for the players."""

WITHOUT_PLANE: Final = (
    "The model knows emotions alone, without energy and pleasantness, so the figures of these are left out."
)

_FIGURES: Final = (
    ("ua", "UA"),
    ("wa", "WA"),
    ("macro_f1", "macro F1"),
    ("ece", "ECE"),
    ("coverage", "coverage"),
    ("accepted_accuracy", "accuracy of accepted"),
)
_AXIS_FIGURES: Final = (
    ("auc", "AUC"),
    ("ece", "ECE"),
    ("coverage", "coverage"),
    ("accepted_accuracy", "accuracy of accepted"),
)


def summary(report: Mapping[str, Any]) -> list[str]:
    """What the figures say, one plain sentence or two a corpus, without markup."""
    sentences = []
    sure = share(report["accept_at"], digits=0)
    for corpus, record in report["corpora"].items():
        plain = record["eight_way"]
        people = counted(len(record["speakers"]), "speaker")
        right = f"{corpus}: of {record['n']} clips by {people} it never heard"
        if record["split"] == "unseen_language":
            right += f", in a language ({record['language']}) it was not trained on"
        right += f", the model names the right one of eight emotions {share(plain['wa'])} of the time."
        if plain["accepted_accuracy"] is None:
            gate = f"It is never {sure} sure, so it claims nothing."
        else:
            gate = (
                f"Where it is at least {sure} sure, in {share(plain['coverage'])} of the "
                f"clips, {share(plain['accepted_accuracy'])} of its answers are right."
            )
        sentences.append(f"{right} {gate}")
    sentences += [_among_strangers(row) for row in report["table"] if row["who"] == STRANGERS]
    sentences += _plane_among_strangers(report["plane_table"]) if report["plane_table"] else [WITHOUT_PLANE]
    for corpus, record in (report["live"] or {}).items():
        whole = record["whole"]
        said = "nothing is accepted."
        if whole["accuracy"] is not None:
            said = (
                f"{share(whole['coverage'])} of the clips are accepted, "
                f"{share(whole['accuracy'])} of those rightly."
            )
        sentences.append(f"{corpus}, played through the live path: {said}")
    for name, rate in (report["non_speech"] or {}).items():
        sentences.append(
            f"{name}: {rate['per_hour']:.1f} false emotions an hour through the live path "
            f"({rate['events']} in {60 * rate['hours']:.0f} minutes; 95 % interval {rate['low']:.1f} to "
            f"{rate['high']:.1f})."
        )
    if report["ordinary"]:
        sentences.append(_of_talk("Ordinary talk", report["ordinary"]))
    sentences += [_of_talk(f"Prompts of {voice}", record) for voice, record in report["prompts"].items()]
    return sentences


def _of_talk(what: str, record: Mapping[str, Any]) -> str:
    rate = record["false_emotions"]
    return (
        f"{what}: {rate['per_hour']:.1f} false emotions an hour through the live path "
        f"({rate['events']} in {60 * record['hours']:.0f} minutes; 95 % interval {rate['low']:.1f} to "
        f"{rate['high']:.1f}); neutral or calm leads in {share(record['neutral_share'])} of the windows with "
        "speech."
    )


def _plane_among_strangers(table: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence an axis on the corpora that were left out, clip by clip."""
    sentences = []
    for axis in AXES:
        rows = [row for row in table if (row["axis"], row["who"], row["way"]) == (axis, STRANGERS, ALONE)]
        known = [row for row in rows if row["accepted_accuracy"] is not None]
        if not rows:
            continue
        said = "nothing is accepted."
        if known:
            lowest = min(known, key=lambda row: float(row["accepted_accuracy"]))
            right = sum(row["accepted_accuracy"] for row in known) / len(known)
            coverage = sum(row["coverage"] for row in rows) / len(rows)
            said = (
                f"on average {share(coverage)} of the clips are accepted, {share(right)} of those rightly, "
                f"at the lowest {share(lowest['accepted_accuracy'])}, in {lowest['corpus']}."
            )
        named = ", ".join(row["corpus"] for row in rows)
        sentences.append(f"{axis.capitalize()}, by a model that never heard the corpus ({named}): {said}")
    return sentences


def _among_strangers(row: Mapping[str, Any]) -> str:
    way = "" if row["way"] == ALONE else ", played through the live path"
    said = _accepted(row["eight_way"], row["n"])
    if row["classes"] < 8:
        said += f" Masked, chosen among its {row['classes']} classes: {_accepted(row['masked'], row['n'])}"
    return f"{row['corpus']}, answered by a model that never heard it{way}: {said}"


def _accepted(record: Mapping[str, Any], n: int) -> str:
    if record["accepted_accuracy"] is None:
        return "nothing is accepted."
    low_high = record["interval"]["accepted_accuracy"]
    span = f" (95 % interval {share(low_high[0])} to {share(low_high[1])})" if low_high else ""
    return (
        f"{share(record['coverage'])} of {n} clips are accepted, "
        f"{share(record['accepted_accuracy'])} of those rightly{span}."
    )


def render(report: Mapping[str, Any], audio_of: AudioOf) -> str:
    """Draw the whole page.

    Parameters
    ----------
    report
        From `evaluate.evaluate_emotion`, with ``provenance``: ``command``, ``made_at``, ``model``,
        ``libraries``, ``data`` and ``settings``; and ``other_models`` by corpus, where there are any.
    audio_of
        For the hardest examples.

    Returns
    -------
    str
        HTML without anything fetched from elsewhere.
    """
    made = report["provenance"]
    model = made["model"]
    title = f"Evaluation of {model['name']} {model['version']}"
    quick = (
        ""
        if report["plan"]["clips"] is None
        else ("<p><strong>A quick look: few clips, so the figures are rough.</strong></p>")
    )
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">Measured {escape(made["made_at"])} on people whom the model never heard.</p>',
        quick,
        section("In short", "".join(f"<p>{escape(sentence)}</p>" for sentence in summary(report))),
        section("Headline figures", _headline(report["corpora"])),
        _belief(report["table"]),
        _plane(report),
        *(_corpus(name, record, report) for name, record in report["corpora"].items()),
        *(
            _corpus(f"{name}, never heard", record, report)
            for name, record in report["unseen_corpora"].items()
        ),
        _conditions(report),
        _live(report),
        _talk(report),
        _no_emotion(report),
        _map(report),
        _hardest(report, audio_of),
        _provenance(made, report),
    ]
    return page(title, parts)


def _with_interval(record: Mapping[str, Any], key: str) -> str:
    """A figure and its interval below it."""
    interval = (record.get("interval") or {}).get(key)
    if key in ("ece", "auc"):
        below = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""
        shown = "none" if record[key] is None else f"{record[key]:.3f}"
    else:
        below = f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}" if interval else ""
        shown = share(record[key])
    return f"{shown}<br><small>{below}</small>" if below else shown


def _headline(corpora: Mapping[str, Any]) -> str:
    rows = [
        [escape(name), str(record["n"]), str(len(record["speakers"]))]
        + [_with_interval(record["eight_way"], key) for key, _ in _FIGURES]
        for name, record in corpora.items()
    ]
    note = (
        '<p class="soft">All eight answers allowed. UA is the mean of the class recalls, WA the share right; '
        "small print: 95&nbsp;% bootstrap over speakers.</p>"
    )
    return note + grid(["corpus", "clips", "speakers", *(name for _, name in _FIGURES)], rows)


def _belief(table: Sequence[Mapping[str, Any]]) -> str:
    keys = ("ua", "accepted_accuracy", "coverage", "ece")
    names = dict(_FIGURES)
    rows = [
        [escape(row["corpus"]), row["who"], row["way"], str(row["n"]), answers, str(row[choice]["accepted"])]
        + [_with_interval(row[choice], key) for key in keys]
        for row in table
        for choice, answers in (
            ("eight_way", "8"),
            ("masked", f"{row['classes']}, masked"),
        )
        if choice == "eight_way" or row["classes"] < 8
    ]
    head = ["corpus", "who", "heard", "clips", "answers", "accepted", *(names[key] for key in keys)]
    note = (
        "All eight answers allowed is what a user sees. Masked figures choose among the classes that a "
        "corpus has: compare those with tables of papers. Strangers: a whole corpus, answered by a model "
        "that never heard it: other voices, other rooms, often another language. Live: the answer for the "
        "whole recording; one without speech enough counts as wrong and not accepted."
    )
    return section("At home and among strangers", grid(head, rows), note)


def _plane(report: Mapping[str, Any]) -> str:
    """Both axes of the plane: every corpus and way, and a plot; or why there are none."""
    title = "Energy and pleasantness"
    table = report["plane_table"]
    if not table:
        return section(title, f"<p>{escape(WITHOUT_PLANE)}</p>")
    head = ["corpus", "who", "heard", "clips", "accepted", *(name for _, name in _AXIS_FIGURES)]
    records = {
        **report["corpora"],
        **{f"{name}, never heard": record for name, record in report["unseen_corpora"].items()},
    }
    body = []
    for axis in AXES:
        mine = [row for row in table if row["axis"] == axis]
        if not mine:
            continue
        rows = [
            [escape(row["corpus"]), row["who"], row["way"], str(row["n"]), str(row["accepted"])]
            + [_with_interval(row, key) for key, _ in _AXIS_FIGURES]
            for row in mine
        ]
        drawn = {
            name: record["axes"][axis]
            for name, record in records.items()
            if record["axes"] is not None and record["axes"][axis] is not None
        }
        body.append(
            f"<h3>{axis.capitalize()}, accepted from {share(mine[0]['threshold'], digits=0)}</h3>"
            + plots.axis_curves(axis, drawn)
            + grid(head, rows)
        )
    note = (
        "Energy: happy, angry, fearful and surprised are lively; neutral, calm and sad are quiet. "
        "Pleasantness: happy and calm are pleasant; sad, angry, fearful and disgust are unpleasant. Clips of "
        "other emotions have no side and are not counted. Confidence is the probability of the likelier side."
    )
    return section(title, "".join(body), note)


def _corpus(name: str, record: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    eight, only = record["eight_way"], record["masked"]
    figures = grid(
        ["answers", *(title for _, title in _FIGURES)],
        [
            ["all eight", *(_with_interval(eight, key) for key, _ in _FIGURES)],
            [f"masked to its {len(record['classes'])}", *(_with_interval(only, key) for key, _ in _FIGURES)],
        ],
    )
    recalls = grid(
        ["recall", *record["classes"]],
        [
            ["all eight", *(share(eight["recall"][label]) for label in record["classes"])],
            [
                f"masked to its {len(record['classes'])}",
                *(share(only["recall"][label]) for label in record["classes"]),
            ],
        ],
    )
    sweep = grid(
        ["threshold", *(f"{row['threshold']:.2f}" for row in record["sweep"])],
        [
            ["coverage", *(share(row["coverage"], digits=0) for row in record["sweep"])],
            ["accuracy", *(share(row["accuracy"], digits=0) for row in record["sweep"])],
        ],
    )
    spread = record["spread"]
    who = (
        f"UA by speaker from {share(spread['lowest_ua'])} to {share(spread['highest_ua'])}, "
        f"median {share(spread['median_ua'])}; all eight answers allowed."
    )
    note = (
        f"{record['n']} clips, language {record['language']}, "
        f"{counted(len(record['speakers']), 'speaker')}: {', '.join(record['speakers'])}."
    )
    body = [
        figures,
        recalls,
        "<h3>Truth (row) and answer (column)</h3>",
        _confusion(record, report["labels"]),
        "<h3>Curves, all eight answers allowed</h3>",
        plots.curves(name, record),
        plots.calibration(name, record, report["accept_at"]),
        sweep,
        "<h3>Speakers</h3>",
        f"<p>{escape(who)}</p>",
        plots.speakers(name, record["by_speaker"]),
    ]
    return section(name, "".join(body), note)


def _confusion(record: Mapping[str, Any], labels: Sequence[str]) -> str:
    rows = []
    for label, counts in zip(labels, record["confusion"], strict=True):
        total = sum(counts)
        if not total:
            continue
        cells = [
            f'<span style="display:block;margin:-.3rem -.7rem;padding:.3rem .7rem;'
            f'background:rgba(var(--mark),{0.75 * count / total:.3f})">{count}</span>'
            for count in counts
        ]
        rows.append([escape(label), *cells])
    return grid(["", *labels], rows, kind="confusion")


def _conditions(report: Mapping[str, Any]) -> str:
    if not report["conditions"]:
        return ""
    corpora = list(report["corpora"])
    clean = {name: record["eight_way"] for name, record in report["corpora"].items()}
    table = {"as recorded": clean, **report["conditions"]}
    axes_of = {
        "as recorded": {name: record["axes"] for name, record in report["corpora"].items()},
        **{
            condition: {name: record["axes"] for name, record in row.items()}
            for condition, row in report["conditions"].items()
        },
    }
    tables = [
        f"<h3>{escape(corpus)}</h3>"
        + grid(
            ["condition", *(title for _, title in _FIGURES)],
            [
                [escape(condition), *(_with_interval(row[corpus], key) for key, _ in _FIGURES)]
                for condition, row in table.items()
            ],
        )
        + _conditions_of_axes({condition: row[corpus] for condition, row in axes_of.items()})
        for corpus in corpora
    ]
    note = (
        "All eight answers allowed. "
        f"The same clips on a worse way to the microphone. Noise is {report['noise']} noise; a room is a "
        "synthetic response whose tail is as strong as the direct sound."
    )
    return section("Under conditions", plots.conditions(corpora, table) + "".join(tables), note)


def _conditions_of_axes(axes_of: Mapping[str, Mapping[str, Any] | None]) -> str:
    """A table for each axis under the conditions of a corpus; empty without the plane."""
    tables = []
    for axis in AXES:
        found = {
            condition: axes[axis]
            for condition, axes in axes_of.items()
            if axes is not None and axes[axis] is not None
        }
        rows = [
            [escape(condition), *(_with_interval(record, key) for key, _ in _AXIS_FIGURES)]
            for condition, record in found.items()
        ]
        if rows:
            tables.append(grid([axis, *(title for _, title in _AXIS_FIGURES)], rows))
    return "".join(tables)


def _live(report: Mapping[str, Any]) -> str:
    if not report["live"]:
        return ""
    rows = []
    for corpus, record in report["live"].items():
        plain = report["corpora"][corpus]["eight_way"]
        cells = [escape(corpus), str(record["n"]), share(record["spoken"])]
        for answer in (record["whole"], record["last"]):
            cells += [share(answer["coverage"]), share(answer["accuracy"])]
        rows.append([*cells, share(plain["coverage"]), share(plain["accepted_accuracy"])])
    head = ["corpus", "clips", "heard as speech"]
    for name in ("whole clip", "last accepted", "clip by clip"):
        head += [f"{name}: coverage", "accuracy"]
    note = (
        "Each clip is played as a recording, with a little silence around it, through voice activity, model "
        "and gate. Whole clip: all its windows drawn together; last accepted: what the gate believed last. "
        "All eight answers allowed."
    )
    return section("Through the live path", grid(head, rows), note)


def _talk(report: Mapping[str, Any]) -> str:
    """What is claimed of ordinary talk."""
    kinds = {"people who read aloud": report["ordinary"]} if report["ordinary"] else {}
    kinds |= {f"prompts, {voice}": record for voice, record in report["prompts"].items()}
    if not kinds:
        return ""
    axes = [axis for axis in AXES if all(record["directions"] is not None for record in kinds.values())]
    rows = [
        [
            escape(name),
            str(record["sessions"]),
            f"{record['hours']:.2f}",
            _rate(record["false_emotions"]),
            ", ".join(f"{label} {times}" for label, times in record["accepted_as"].items() if times)
            or "none",
            *(_rate(record["directions"][axis]) for axis in axes),
            share(record["neutral_share"]),
        ]
        for name, record in kinds.items()
    ]
    head = [
        "talk",
        "sessions",
        "hours",
        "false emotions an hour",
        "taken up",
        *(f"{axis} accepted, times an hour" for axis in axes),
        "windows that neutral or calm leads",
    ]
    note = (
        "Speech that acts nothing, of voices that training never heard, through the live path. An accepted "
        "emotion counts once, when it begins; neutral and calm are not false. Windows are those with speech, "
        "each by itself, all eight answers allowed. Small print: exact 95 % interval of a Poisson rate."
    )
    return section("Ordinary talk", grid(head, rows), note)


def _rate(rate: Mapping[str, Any]) -> str:
    """Events an hour and their interval below."""
    return f"{rate['per_hour']:.1f}<br><small>{rate['low']:.1f} to {rate['high']:.1f}</small>"


def _no_emotion(report: Mapping[str, Any]) -> str:
    body = []
    alone = report["no_emotion"]
    if alone:
        said = ", ".join(f"{label} {n}" for label, n in alone["accepted_as"].items() if n) or "nothing"
        body.append(
            f"<p>Of {alone['n']} coughs, laughs, cries and sighs the model alone would accept "
            f"{share(alone['accepted_share'])} (as: {escape(said)}). The live path asks it only where "
            "there is speech.</p>"
        )
    if report["non_speech"]:
        axes = AXES if report["plane"] else ()
        rows = [
            [
                escape(name),
                f"{rate['hours']:.2f}",
                str(rate["events"]),
                _rate(rate),
                *(str(rate["directions"][axis]) for axis in axes),
            ]
            for name, rate in report["non_speech"].items()
        ]
        head = ["through the live path", "hours", "accepted emotions", "per hour"]
        body.append(grid([*head, *(f"{axis} accepted" for axis in axes)], rows))
    note = "Every emotion accepted here is a false one. Small print: exact 95 % interval of a Poisson rate."
    return section("Sounds without speech", "".join(body), note) if body else ""


def _map(report: Mapping[str, Any]) -> str:
    if not report["map"]:
        return ""
    note = (
        "Clips that the model finds alike lie close together (t-SNE of its embedding). Clusters by corpus "
        "rather than by emotion mean that it hears the room and the microphone."
    )
    return section("Map of the embedding", plots.embedding(report["map"]), note)


def _hardest(report: Mapping[str, Any], audio_of: AudioOf) -> str:
    cards = [
        f"<div>{escape(clip['emotion'])}, called <strong>{escape(clip['said'])}</strong> with "
        f'{share(clip["confidence"])}<br><small class="soft">{escape(clip["path"])}, '
        f"{escape(clip['licence'])}</small>"
        f'<audio controls preload="metadata" src="{_data_uri(audio_of(clip["path"]))}"></audio></div>'
        for record in report["corpora"].values()
        for clip in record["hardest"]
    ]
    if not cards:
        return ""
    note = "The most confident mistakes. The recordings keep the licence of their corpus, also in this file."
    return section("Hardest examples", f'<div class="players">{"".join(cards)}</div>', note)


def _data_uri(audio: Audio) -> str:
    coded = io.BytesIO()
    soundfile.write(coded, audio, SAMPLE_RATE_HZ, format="OGG", subtype="VORBIS")
    return "data:audio/ogg;base64," + base64.b64encode(coded.getvalue()).decode("ascii")


def _provenance(made: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    model, data = made["model"], made["data"]
    rows = [
        [
            "model",
            escape(f"{model['name']} {model['version']}, {model['file']}, {model['bytes'] / 1e6:.1f} MB"),
        ],
        ["SHA-256 of the model", escape(model["sha256"])],
        ["temperature", f"{model['temperature']:g}"],
        ["licence of the weights", escape(model["licence"])],
        ["trained on", escape(", ".join(model["trained_on"]))],
        ["clips, people", f"{data['clips']}, {data['speakers']}"],
        ["fingerprint of the data", escape(data["fingerprint"])],
        ["libraries", escape(", ".join(f"{name} {text}" for name, text in made["libraries"].items()))],
        ["seed", str(report["plan"]["seed"])],
        *(
            [
                escape(f"model that never heard {corpus}"),
                escape(f"{other['name']} {other['version']}, {other['file']}, SHA-256 {other['sha256']}"),
            ]
            for corpus, other in made.get("other_models", {}).items()
        ),
    ]
    if made["settings"]:
        told = ", ".join(f"{name} {value}" for name, value in made["settings"].items())
        rows.append(["settings of the live path", escape(told)])
    body = f"<pre>{escape(made['command'])}</pre>" + grid(["", ""], rows, kind="wide")
    return section("How to get these figures again", body)

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
from models.training.report.sheet import grid, page, section, share
from models.training.report.table import ALONE, STRANGERS

__all__ = ["AudioOf", "render", "summary"]

AudioOf = Callable[[str], Audio]
"""From the path of a clip to its audio, for the players."""

_FIGURES: Final = (
    ("ua", "UA"),
    ("wa", "WA"),
    ("macro_f1", "macro F1"),
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
    return sentences


def _among_strangers(row: Mapping[str, Any]) -> str:
    way = "" if row["way"] == ALONE else ", played through the live path"
    said = "nothing is accepted."
    if row["accepted_accuracy"] is not None:
        low_high = row["interval"]["accepted_accuracy"]
        span = f" (95 % interval {share(low_high[0])} to {share(low_high[1])})" if low_high else ""
        said = (
            f"{share(row['coverage'])} of {row['n']} clips are accepted, "
            f"{share(row['accepted_accuracy'])} of those rightly{span}."
        )
    return f"{row['corpus']}, answered among its classes by a model that never heard it{way}: {said}"


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
        *(_corpus(name, record, report) for name, record in report["corpora"].items()),
        *(
            _corpus(f"{name}, never heard", record, report)
            for name, record in report["unseen_corpora"].items()
        ),
        _conditions(report),
        _live(report),
        _no_emotion(report),
        _map(report),
        _hardest(report, audio_of),
        _provenance(made, report),
    ]
    return page(title, parts)


def _with_interval(record: Mapping[str, Any], key: str) -> str:
    """A figure and its interval below it."""
    interval = (record.get("interval") or {}).get(key)
    if key == "ece":
        below = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""
        shown = f"{record[key]:.3f}"
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
        [escape(row["corpus"]), row["who"], row["way"], str(row["n"]), str(row["accepted"])]
        + [_with_interval(row, key) for key in keys]
        for row in table
    ]
    head = ["corpus", "who", "heard", "clips", "accepted", *(names[key] for key in keys)]
    note = (
        "Chosen among the classes that each corpus has. Strangers: a whole corpus, answered by a model that "
        "never heard it: other voices, other rooms, often another language. Live: the answer for the whole "
        "recording; one without speech enough counts as wrong and not accepted."
    )
    return section("At home and among strangers", grid(head, rows), note)


def _corpus(name: str, record: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    eight, only = record["eight_way"], record["masked"]
    figures = grid(
        ["answers", *(title for _, title in _FIGURES)],
        [
            ["all eight", *(_with_interval(eight, key) for key, _ in _FIGURES)],
            [f"its {len(record['classes'])} classes", *(_with_interval(only, key) for key, _ in _FIGURES)],
        ],
    )
    recalls = grid(
        ["recall", *record["classes"]],
        [
            ["all eight", *(share(eight["recall"][label]) for label in record["classes"])],
            [
                f"its {len(record['classes'])} classes",
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
        f"median {share(spread['median_ua'])}."
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
        "<h3>Curves</h3>",
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
    tables = [
        f"<h3>{escape(corpus)}</h3>"
        + grid(
            ["condition", *(title for _, title in _FIGURES)],
            [
                [escape(condition), *(_with_interval(row[corpus], key) for key, _ in _FIGURES)]
                for condition, row in table.items()
            ],
        )
        for corpus in corpora
    ]
    note = (
        f"The same clips on a worse way to the microphone. Noise is {report['noise']} noise; a room is a "
        "synthetic response whose tail is as strong as the direct sound."
    )
    return section("Under conditions", plots.conditions(corpora, table) + "".join(tables), note)


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
        "and gate. Whole clip: all its windows drawn together; last accepted: what the gate believed last."
    )
    return section("Through the live path", grid(head, rows), note)


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
        rows = [
            [
                escape(name),
                f"{rate['hours']:.2f}",
                str(rate["events"]),
                f"{rate['per_hour']:.1f}<br><small>{rate['low']:.1f} to {rate['high']:.1f}</small>",
            ]
            for name, rate in report["non_speech"].items()
        ]
        body.append(grid(["through the live path", "hours", "accepted emotions", "per hour"], rows))
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

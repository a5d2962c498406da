"""The page of the emotion report, drawn from the figures alone, and what they say in plain sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from core.text import pluralize
from models.resample import Audio
from training.report import plots
from training.report.axes import AXES
from training.report.corpus_figures import ALONE, STRANGERS
from training.report.excerpts import audio_uri
from training.report.files import percent, render


def render_emotion(report: Mapping[str, Any], audio_of: Callable[[str], Audio]) -> str:
    """Draw the whole page.

    The report is of `emotion.evaluate_emotion`, with its ``provenance``; audio is asked for by the path of a
    clip, for the players of the hardest examples.
    """
    made = report["provenance"]
    records = {
        **report["corpora"],
        **{f"{name}, never heard": record for name, record in report["unseen_corpora"].items()},
    }
    talks = {"people who read aloud": report["ordinary"]} if report["ordinary"] else {}
    talks |= {f"prompts, {voice}": record for voice, record in report["prompts"].items()}
    recorded = {
        name: {**record["eight_way"], "axes": record["axes"]} for name, record in report["corpora"].items()
    }
    conditions = {"as recorded": recorded, **report["conditions"]}
    return render(
        "emotion.html.j2",
        title=f"Evaluation of {made['model']['name']} {made['model']['version']}",
        report=report,
        made=made,
        axes=AXES,
        summary=summarise_emotion(report),
        without_plane=WITHOUT_PLANE,
        axis_plots=_axis_plots(report, records),
        corpora=[_corpus(name, record, report) for name, record in records.items()],
        conditions=conditions,
        conditions_plot=plots.conditions(list(recorded), conditions) if report["conditions"] else "",
        talks=talks,
        talk_axes=AXES if all(record["directions"] for record in talks.values()) else (),
        map_plot=plots.embedding(report["map"]) if report["map"] else "",
        hardest=[
            {**clip, "audio_uri": audio_uri(audio_of(clip["path"]))}
            for record in report["corpora"].values()
            for clip in record["hardest"]
        ],
    )


def _axis_plots(report: Mapping[str, Any], records: Mapping[str, Mapping[str, Any]]) -> dict[str, Markup]:
    """A picture for each axis that has a table."""
    found = {}
    for axis in AXES:
        if any(row["axis"] == axis for row in report["plane_table"]):
            of_axis = {name: (record["axes"] or {}).get(axis) for name, record in records.items()}
            found[axis] = plots.axis_curves(axis, {name: one for name, one in of_axis.items() if one})
    return found


def _corpus(title: str, record: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, Any]:
    labelled = zip(report["labels"], record["confusion"], strict=True)
    people, names = pluralize(len(record["speakers"]), "speaker"), ", ".join(record["speakers"])
    return {
        "title": title,
        "note": f"{record['n']} clips, language {record['language']}, {people}: {names}.",
        "record": record,
        "confusion": [(label, counts) for label, counts in labelled if any(counts)],
        "thresholds": [f"{step['threshold']:.2f}" for step in record["sweep"]],
        "curves": plots.curves(title, record),
        "calibration": plots.calibration(title, record, report["accept_at"]),
        "speakers": plots.speakers(title, record["by_speaker"]),
    }


WITHOUT_PLANE: Final = (
    "The model knows emotions alone, without energy and pleasantness, so the figures of these are left out."
)
_NOTHING: Final = "nothing is accepted."


def summarise_emotion(report: Mapping[str, Any]) -> list[str]:
    """One plain sentence or two for each corpus and kind of sound, without markup."""
    sentences = [_test_speakers(name, record, report) for name, record in report["corpora"].items()]
    sentences += [_left_out(row) for row in report["table"] if row["who"] == STRANGERS]
    sentences += _left_out_axes(report["plane_table"]) if report["plane_table"] else [WITHOUT_PLANE]
    for corpus, record in (report["live"] or {}).items():
        whole = record["whole"]
        accepted = _NOTHING
        if whole["accuracy"] is not None:
            accepted = (
                f"{percent(whole['coverage'])} of the clips are accepted, "
                f"{percent(whole['accuracy'])} of those rightly."
            )
        sentences.append(f"{corpus}, played through the live path: {accepted}")
    for name, rate in (report["non_speech"] or {}).items():
        sentences.append(f"{_false_emotions(name, rate, rate['hours'])}.")
    talks = {"Ordinary talk": report["ordinary"]} if report["ordinary"] else {}
    talks |= {f"Prompts of {voice}": record for voice, record in report["prompts"].items()}
    for name, record in talks.items():
        rate = _false_emotions(name, record["false_emotions"], record["hours"])
        neutral = percent(record["neutral_share"])
        sentences.append(f"{rate}; neutral or calm leads in {neutral} of the windows with speech.")
    return sentences


def _test_speakers(corpus: str, record: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    figures, sure = record["eight_way"], percent(report["accept_at"], digits=0)
    people = pluralize(len(record["speakers"]), "speaker")
    right = f"{corpus}: of {record['n']} clips by {people} it never heard"
    if record["split"] == "unseen_language":
        right += f", in a language ({record['language']}) it was not trained on"
    right += f", the model names the right one of eight emotions {percent(figures['wa'])} of the time."
    if figures["accepted_accuracy"] is None:
        return f"{right} It is never {sure} sure, so it claims nothing."
    return (
        f"{right} Where it is at least {sure} sure, in {percent(figures['coverage'])} of the "
        f"clips, {percent(figures['accepted_accuracy'])} of its answers are right."
    )


def _left_out(row: Mapping[str, Any]) -> str:
    way = "" if row["way"] == ALONE else ", played through the live path"
    accepted = _accepted(row["eight_way"], row["n"])
    if row["classes"] < 8:
        accepted += (
            f" Masked, chosen among its {row['classes']} classes: {_accepted(row['masked'], row['n'])}"
        )
    return f"{row['corpus']}, answered by a model that never heard it{way}: {accepted}"


def _accepted(record: Mapping[str, Any], n: int) -> str:
    if record["accepted_accuracy"] is None:
        return _NOTHING
    interval = record["interval"]["accepted_accuracy"]
    span = f" (95 % interval {percent(interval[0])} to {percent(interval[1])})" if interval else ""
    return (
        f"{percent(record['coverage'])} of {n} clips are accepted, "
        f"{percent(record['accepted_accuracy'])} of those rightly{span}."
    )


def _left_out_axes(table: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence an axis on the corpora that were left out, clip by clip."""
    sentences = []
    for axis in AXES:
        rows = [row for row in table if (row["axis"], row["who"], row["way"]) == (axis, STRANGERS, ALONE)]
        known = [row for row in rows if row["accepted_accuracy"] is not None]
        if not rows:
            continue
        accepted = _NOTHING
        if known:
            lowest = min(known, key=lambda row: float(row["accepted_accuracy"]))
            right = sum(row["accepted_accuracy"] for row in known) / len(known)
            coverage = sum(row["coverage"] for row in rows) / len(rows)
            accepted = (
                f"on average {percent(coverage)} of the clips are accepted, {percent(right)} of those "
                f"rightly, at the lowest {percent(lowest['accepted_accuracy'])}, in {lowest['corpus']}."
            )
        model = f"by a model that never heard the corpus ({', '.join(row['corpus'] for row in rows)})"
        sentences.append(f"{axis.capitalize()}, {model}: {accepted}")
    return sentences


def _false_emotions(what: str, rate: Mapping[str, Any], hours: float) -> str:
    return (
        f"{what}: {rate['per_hour']:.1f} false emotions an hour through the live path "
        f"({rate['events']} in {60 * hours:.0f} minutes; 95 % interval {rate['low']:.1f} to "
        f"{rate['high']:.1f})"
    )

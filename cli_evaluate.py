"""The terminal's commands that measure models: `attune evaluate`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli_shared import (
    Branches,
    DataOption,
    EncoderOption,
    JamendoOption,
    JsonFlag,
    MoodRunOption,
    NoiseOption,
    QuadrantsOption,
    RunOption,
    ThreadsOption,
    command_line,
    pairs,
    print_json,
    progress,
    training_module,
)
from core.paths import cache_dir
from core.settings import load_settings
from engine import Engine
from models.emotion.labels import EMOTIONS

__all__ = ["add_commands", "evaluate_app"]

evaluate_app = typer.Typer(help="Measure models on people they never heard.", no_args_is_help=True)

_LIVE_SETTINGS = (
    "threshold",
    "energy_threshold",
    "pleasantness_threshold",
    "hysteresis",
    "smoothing_s",
    "min_dwell_s",
    "min_speech_share",
    "speech_threshold",
    "hop_s",
)
"""Settings that the figures of the live path depend on."""

_UNHEARD_FORM = "NAME=MODEL.onnx"
UnheardOption = Annotated[
    list[str] | None,
    typer.Option(
        "--corpus",
        metavar=_UNHEARD_FORM,
        help="A corpus and a model that never heard it: all its people are strangers to it; repeatable.",
    ),
]


def add_commands(app: typer.Typer) -> None:
    """Add every command of this module to the program's."""
    app.add_typer(evaluate_app, name="evaluate")


@evaluate_app.command(
    name="emotion",
    epilog="**Examples**: `attune evaluate emotion --data speech-cache --quick` · "
    "`attune evaluate emotion --model my.onnx --data corpora/manifest.csv --noise esc10.tar --out report` · "
    "`attune evaluate emotion --data speech-cache --corpus nemo=without-nemo.onnx` · "
    "`attune evaluate emotion --data speech --ordinary speech --prompts /usr/share/asterisk/sounds`",
)
def evaluate_emotion_command(
    model: Annotated[Path | None, typer.Option(help="ONNX file; by default the embedded model.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of prepared speech, or the manifest of the corpora.")
    ] = None,
    corpus: UnheardOption = None,
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("report"),
    noise: Annotated[
        Path | None, typer.Option(help="Folder or tar of recorded noise; by default pink noise is made.")
    ] = None,
    non_speech: Annotated[
        list[Path] | None,
        typer.Option(help="Folder or tar of other sounds without an emotion, such as music; repeatable."),
    ] = None,
    ordinary: Annotated[
        Path | None,
        typer.Option(
            help="librispeech_ordinary.tar or its folder: people kept out of training, who act nothing."
        ),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(help="Folder of voice prompts (.g722), one folder a voice: talk of the same kind."),
    ] = None,
    unheard: Annotated[
        bool,
        typer.Option("--unheard", help="Of ESC-10 and Emotify take only what our own training never heard."),
    ] = False,
    no_live: Annotated[bool, typer.Option("--no-live", help="Leave the live path out.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Few clips and no conditions: a fast look.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Measure an emotion model on people it never heard, and write a report."""
    from models.training import provenance  # noqa: PLC0415 - no door starts with training
    from models.training.data import recordings, speech  # noqa: PLC0415
    from models.training.report import evaluate, files, served, talk  # noqa: PLC0415

    if no_live and (ordinary or prompts):
        raise typer.BadParameter(
            "Talk is replayed through the live path: leave --no-live out, or --ordinary and --prompts."
        )
    files.check_libraries()
    unheard_by = _unheard(corpus)
    settings = load_settings(emotion_model=model, journal=False)
    predict, record = served.open_model(settings.emotion_model, threads=settings.threads)
    others = served.open_unheard(unheard_by, threads=settings.threads)
    with ExitStack() as engines, progress() as tell:
        cache = speech.open_speech(
            data or cache_dir() / "training" / "emotion" / "speech",
            on_progress=lambda done, total: tell("decoding", done, total),
        )
        wanted = _never_heard if unheard else _any
        report = evaluate.evaluate_emotion(
            predict,
            cache,
            noises=recordings.read_recordings(noise, wanted=wanted) if noise else [],
            non_speech={
                path.name: recordings.read_recordings(path, wanted=wanted) for path in non_speech or []
            },
            ordinary=talk.read_ordinary(ordinary) if ordinary else [],
            prompts=talk.read_prompt_voices(prompts) if prompts else {},
            live=None if no_live else _live_path(model, engines),
            twins={
                name: evaluate.Twin(opened, None if no_live else _live_path(unheard_by[name], engines))
                for name, (opened, _) in others.items()
            },
            plan=evaluate.Plan.quick() if quick else evaluate.Plan(),
            on_progress=tell,
        )
    report["provenance"] = provenance.provenance(
        command=command_line(),
        model=record,
        cache=cache,
        report=report,
        settings={} if no_live else {name: getattr(settings, name) for name in _LIVE_SETTINGS},
    )
    report["provenance"]["other_models"] = {name: of_other for name, (_, of_other) in others.items()}
    by_path = {clip.path: clip for clip in cache.clips}
    html, figures = files.write_report(report, out, lambda path: cache.audio(by_path[path]))
    if as_json:
        plain = {corpus: entry["eight_way"] for corpus, entry in report["corpora"].items()}
        print_json(
            {
                "html": str(html),
                "json": str(figures),
                "corpora": plain,
                **{name: report[name] for name in ("table", "plane_table", *talk.KEYS) if name in report},
            }
        )
        return
    _print_headline(report)
    Console().print(f"Wrote {html} and {figures}.", highlight=False, markup=False, soft_wrap=True)


def _any(_name: str) -> bool:
    return True


def _never_heard(name: str) -> bool:
    from models.training.emotion.noise import heard  # noqa: PLC0415

    return not heard(name)


def _live_path(model: Path | None, engines: ExitStack) -> Callable[[Path], Any]:
    """An engine as the evaluation asks for it: a recording in, what was said and accepted out."""
    from models.training.report.live import LiveAnswer, LiveWindow  # noqa: PLC0415

    engine = Engine(load_settings(emotion_model=model, journal=False))
    engines.callback(engine.close)

    def live(path: Path) -> LiveAnswer:
        clip = engine.recognise(path)
        decisions = [window.decision for window in clip.windows]
        accepted = [decision for decision in decisions if decision.kind == "accepted"]
        return LiveAnswer(
            whole=str(clip.emotion) if clip.kind == "accepted" else None,
            last=str(accepted[-1].emotion) if accepted else None,
            probabilities=clip.probabilities,
            taken_up=sum(decision.changed for decision in accepted),
            energy=clip.energy.probability if clip.energy else None,
            pleasantness=clip.pleasantness.probability if clip.pleasantness else None,
            windows=tuple(
                LiveWindow(
                    leading=_leading(window.reading.probabilities),
                    emotion=window.decision.emotion,
                    energy=_side(window.decision.energy),
                    pleasantness=_side(window.decision.pleasantness),
                )
                for window in clip.windows
            ),
        )

    return live


def _leading(probabilities: Sequence[float] | None) -> str | None:
    """The likeliest emotion of one window; None where the model was not asked."""
    if probabilities is None:
        return None
    return EMOTIONS[max(range(len(EMOTIONS)), key=probabilities.__getitem__)]


def _side(statement: Any) -> bool | None:
    return None if statement is None else statement.accepted


def _print_headline(report: dict[str, Any]) -> None:
    """A row for each corpus and way: emotions, all eight and masked; both axes; then talk, by the hour."""
    from models.training.report.page import WITHOUT_PLANE  # noqa: PLC0415

    _print_emotions(report["table"])
    if report["plane_table"]:
        _print_plane(report["plane_table"])
    else:
        _say(WITHOUT_PLANE)
    for name, rate in (report["non_speech"] or {}).items():
        _say(f"{name}: {_per_hour(rate, 'false emotions')}.")
    talks = {"ordinary talk": report["ordinary"]} if report["ordinary"] else {}
    talks |= {f"prompts of {voice}": record for voice, record in report["prompts"].items()}
    for name, record in talks.items():
        share = record["neutral_share"]
        said = [
            _per_hour(record["false_emotions"], "false emotions"),
            *(_per_hour(rate, f"times {axis}") for axis, rate in (record["directions"] or {}).items()),
            "no window with speech" if share is None else f"neutral or calm leads in {share:.1%} of windows",
        ]
        _say(f"{name}, {60 * record['hours']:.0f} minutes: {'; '.join(said)}.")


def _print_emotions(rows: Sequence[dict[str, Any]]) -> None:
    table = Table(
        "corpus",
        "who",
        "heard",
        "clips",
        "answers",
        "UA",
        "accepted",
        "of those right",
        "ECE",
        box=SIMPLE_HEAD,
    )
    for row in rows:
        place = (escape(row["corpus"]), row["who"], row["way"], str(row["n"]))
        _add_emotions(table, place, str(len(EMOTIONS)), row["eight_way"])
        if row["classes"] < len(EMOTIONS):
            _add_emotions(table, ("",) * len(place), f"{row['classes']}, masked", row["masked"])
    Console().print(table)


def _add_emotions(table: Table, place: Sequence[str], answers: str, record: dict[str, Any]) -> None:
    table.add_row(*place, answers, f"{record['ua']:.1%}", *_accepted(record), f"{record['ece']:.3f}")


def _print_plane(rows: Sequence[dict[str, Any]]) -> None:
    table = Table(
        "axis", "corpus", "who", "heard", "clips", "AUC", "accepted", "of those right", "ECE", box=SIMPLE_HEAD
    )
    for row in rows:
        table.add_row(
            row["axis"],
            escape(row["corpus"]),
            row["who"],
            row["way"],
            str(row["n"]),
            "none" if row["auc"] is None else f"{row['auc']:.3f}",
            *_accepted(row),
            f"{row['ece']:.3f}",
        )
    Console().print(table)


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


def _say(sentence: str) -> None:
    Console().print(sentence, highlight=False, markup=False, soft_wrap=True)


@evaluate_app.command(
    name="personal",
    epilog="**Examples**: `attune evaluate personal --data speech-cache` · "
    "`attune evaluate personal --data speech-cache --corpus nemo=without-nemo.onnx --out personal.json`",
)
def evaluate_personal_command(
    model: Annotated[Path | None, typer.Option(help="ONNX file; by default the embedded model.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of prepared speech, or the manifest of the corpora.")
    ] = None,
    corpus: UnheardOption = None,
    clips_per_emotion: Annotated[int, typer.Option(min=2, help="Takes of each emotion.")] = 3,
    repeats: Annotated[int, typer.Option(min=1, help="How often the takes are drawn anew.")] = 5,
    out: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure what calibration gains: each held-out speaker as a new user, same clips before and after."""
    from models.training import provenance  # noqa: PLC0415 - no door starts with training
    from models.training.data import speech  # noqa: PLC0415
    from models.training.report import personal, served  # noqa: PLC0415
    from models.writing import write_whole  # noqa: PLC0415

    unheard_by = _unheard(corpus)
    settings = load_settings(emotion_model=model, journal=False)
    predict, record = served.open_model(settings.emotion_model, threads=settings.threads)
    others = served.open_unheard(unheard_by, threads=settings.threads)
    with progress() as tell:
        cache = speech.open_clips(
            data or cache_dir() / "training" / "emotion" / "speech",
            on_progress=lambda done, total: tell("decoding", done, total),
        )
        report = personal.evaluate_personal(
            predict,
            cache,
            others={name: opened for name, (opened, _) in others.items()},
            plan=personal.PersonalPlan(clips_per_emotion, repeats),
            on_progress=tell,
        )
    measured = {f"{part} {name}": report[part][name] for part in personal.PARTS for name in report[part]}
    report["provenance"] = provenance.provenance(
        command=command_line(),
        model=record,
        cache=cache,
        report={"corpora": measured},
        settings={},
    )
    report["provenance"]["other_models"] = {name: of_other for name, (_, of_other) in others.items()}
    if out is not None:
        write_whole(out, json.dumps(report, indent=1, allow_nan=False) + "\n", what=f"The figures {out}")
    if as_json:
        print_json(report)
        return
    _print_personal(report, personal.PARTS)


def _print_personal(report: dict[str, Any], parts: Sequence[str]) -> None:
    """One row a corpus and mode; shares in per cent, differences in points."""

    def points(entry: dict[str, Any]) -> str:
        low_high = entry["interval"]
        span = f" ({100 * low_high[0]:+.1f} to {100 * low_high[1]:+.1f})" if low_high else ""
        return f"{100 * entry['value']:+.1f}{span}"

    def change(entry: dict[str, Any], figure: str) -> str:
        shares = (entry[state][figure] for state in ("before", "after"))
        return " > ".join("none" if share is None else f"{share:.1%}" for share in shares)

    said = {"emotions": "all emotions", "neutral": "only neutral"}
    table = Table("corpus", "takes", "users", "UA", "UA, points", "accepted", "of those right", "ECE", "kept")
    for part in parts:
        for corpus, record in report[part].items():
            for mode, takes in said.items():
                entry = record[mode]
                if entry is None:
                    table.add_row(escape(corpus), takes, "0", "too few clips")
                    continue
                table.add_row(
                    escape(corpus) + (", never heard" if part == "unseen_corpora" else ""),
                    f"{entry['takes']:.0f}, {takes}",
                    str(entry["users"]),
                    change(entry, "ua"),
                    points(entry["difference"]["ua"]),
                    change(entry, "coverage"),
                    change(entry, "accepted_accuracy"),
                    f"{entry['before']['ece']:.3f} > {entry['after']['ece']:.3f}",
                    f"{entry['kept']:.0%}",
                )
    Console().print(table)
    Console().print(
        "Before > after, on the same clips, which are none of the takes; their sentences may be.",
        markup=False,
    )


@evaluate_app.command(
    name="protocols",
    epilog="**Examples**: `attune evaluate protocols --data speech --noise music --run run` · "
    "`attune evaluate protocols --data speech --noise music --run run --protocol emodb_5fold`",
)
def evaluate_protocols_command(
    data: DataOption,
    run: RunOption,
    noise: NoiseOption = None,
    encoder: EncoderOption = None,
    protocol: Annotated[list[str] | None, typer.Option(help="Table to make; by default all.")] = None,
    branch: Annotated[
        list[Branches] | None, typer.Option(help="Network to test; by default each, for the ablation.")
    ] = None,
    threads: ThreadsOption = 2,
    as_json: JsonFlag = False,
) -> None:
    """Mean class recall on the published folds, fitting what is missing; keeps protocols.json in --run."""
    training_module()
    from models.training.emotion import experiment, protocols, tables  # noqa: PLC0415

    with progress() as tell:
        opened = experiment.open_experiment(data, noise, run, encoder=encoder, threads=threads)
        results = tables.run_protocols(
            opened,
            protocols.read_folds(data),
            protocol or list(tables.PROTOCOLS),
            [one.value for one in branch or Branches],
            on_progress=tell,
        )
    found = tables.keep_tables(opened, results, command=command_line())
    if as_json:
        print_json(found)
        return
    table = Table("protocol", "network", "clips", "speakers", "UA", "UA pooled", "WA")
    for name, rows in found.items():
        for network, row in rows.items():
            shares = (f"{row[key]:.1%}" for key in ("ua", "ua_pooled", "wa"))
            table.add_row(tables.PROTOCOLS[name], network, str(row["n"]), str(row["speakers"]), *shares)
    Console().print(table)


@evaluate_app.command(
    name="mood",
    epilog="**Examples**: `attune evaluate mood --data jamendo --run run --out report` · "
    "`attune evaluate mood --data jamendo --run run --quadrants music --out report`",
)
def evaluate_mood_command(
    data: JamendoOption,
    run: MoodRunOption,
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("report"),
    quadrants: QuadrantsOption = None,
    threads: ThreadsOption = 1,
    as_json: JsonFlag = False,
) -> None:
    """Measure the mood head on artists it never heard, and by random splits; trains what --run lacks."""
    training_module()
    from models.training.mood import head, jamendo, moods  # noqa: PLC0415
    from models.training.report import files, mood, mood_page  # noqa: PLC0415

    files.check_libraries()
    with progress() as tell:
        report = mood.evaluate_mood(
            jamendo.read_jamendo(data),
            head.MoodSettings(threads=threads),
            run,
            quadrants=moods.read_quadrants(quadrants) if quadrants else None,
            command=command_line(),
            on_progress=tell,
        )
    html, figures = files.write_page(mood_page.render_mood(report), report, out)
    if as_json:
        shown = ("official_56_tags", "all_59_tags", "moods", "random_protocols")
        print_json({"html": str(html), "json": str(figures), **{name: report[name] for name in shown}})
        return
    for sentence in mood_page.summarise_mood(report):
        Console().print(sentence, highlight=False, markup=False, soft_wrap=True)
    Console().print(f"Wrote {html} and {figures}.", highlight=False, markup=False, soft_wrap=True)


def _unheard(given: list[str] | None) -> dict[str, Path]:
    """Models that never heard a corpus, by the corpus."""
    return {name: Path(file) for name, file in pairs("--corpus", given or [], _UNHEARD_FORM).items()}

"""`attune evaluate`: models measured on people they never heard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from attune.cli import console, evaluate_people, evaluate_track, evaluation_tables, heads
from attune.cli import training_options as options
from attune.engine.engine import Engine
from core.emotions import EMOTIONS
from core.settings import load_settings

app = console.command_app()

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


@app.command(
    epilog="**Examples**: `attune evaluate emotion --data speech-cache --quick` · "
    "`attune evaluate emotion --model my.onnx --data corpora/manifest.csv --noise esc10.tar --out report` · "
    "`attune evaluate emotion --data speech-cache --corpus nemo=without-nemo.onnx` · "
    "`attune evaluate emotion --data speech --ordinary speech --prompts /usr/share/asterisk/sounds`",
)
def emotion(
    model: options.ModelOption = None,
    data: options.SpeechOption = None,
    corpus: options.UnheardOption = None,
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
    record: Annotated[
        Path | None,
        typer.Option(help="JSON file beside a model that the figures of ordinary talk are written into."),
    ] = None,
    no_live: Annotated[bool, typer.Option("--no-live", help="Leave the live path out.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Few clips and no conditions: a fast look.")] = False,
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """Measure an emotion model on people it never heard, and write a report."""
    from training.data import recordings  # noqa: PLC0415 - no door starts with training
    from training.data.cache import open_speech  # noqa: PLC0415
    from training.libraries import require_libraries  # noqa: PLC0415
    from training.records import read_json, write_json  # noqa: PLC0415
    from training.report import emotion, emotion_page, files, model_under_test, talk  # noqa: PLC0415

    if no_live and (ordinary or prompts):
        raise typer.BadParameter(
            "Talk is replayed through the live path: leave --no-live out, or --ordinary and --prompts."
        )
    if record is not None and ordinary is None:
        raise typer.BadParameter("The figures of ordinary talk need --ordinary.", param_hint="--record")
    kept = read_json(record, "attune train shipped") if record is not None else {}
    require_libraries(*files.REPORT_LIBRARIES)
    unheard_by = options.unheard_models(corpus)
    settings = load_settings(emotion_model=model, journal=False)
    predict, of_model = model_under_test.open_model(settings.emotion_model, threads=settings.threads)
    others = model_under_test.open_leave_one_out_models(unheard_by, threads=settings.threads)
    with ExitStack() as engines, console.training_progress() as progress:
        cache = open_speech(
            data or options.speech_dir(),
            on_progress=lambda done, total: progress("decoding", done, total),
        )
        wanted = _never_heard if unheard else lambda _name: True
        report = emotion.evaluate_emotion(
            predict,
            cache,
            noises=recordings.read_recordings(noise, wanted=wanted) if noise else [],
            non_speech={
                path.name: recordings.read_recordings(path, wanted=wanted) for path in non_speech or []
            },
            ordinary=talk.read_ordinary(ordinary) if ordinary else [],
            prompts=talk.read_prompt_voices(prompts) if prompts else {},
            live=None if no_live else _live_path(model, engines),
            leave_one_out={
                name: emotion.LeaveOneOutModel(
                    opened, None if no_live else _live_path(unheard_by[name], engines)
                )
                for name, (opened, _) in others.items()
            },
            plan=emotion.Plan.quick() if quick else emotion.Plan(),
            on_progress=progress,
        )
    live_settings = {} if no_live else {name: getattr(settings, name) for name in _LIVE_SETTINGS}
    report["provenance"] = model_under_test.provenance(
        command=options.command_line(), model=of_model, cache=cache, report=report, settings=live_settings
    ) | {"other_models": {name: of_other for name, (_, of_other) in others.items()}}
    by_path = {clip.path: clip for clip in cache.clips}
    page = emotion_page.render_emotion(report, lambda path: cache.audio(by_path[path]))
    html, figures = files.write_report(page, report, out)
    if record is not None:
        write_json(record, {**kept, **{name: report[name] for name in talk.KEYS if name in report}})
    if as_json:
        eight_way = {corpus: entry["eight_way"] for corpus, entry in report["corpora"].items()}
        shown = {name: report[name] for name in ("table", "plane_table", *talk.KEYS) if name in report}
        console.print_json({"html": str(html), "json": str(figures), "corpora": eight_way, **shown})
        return
    if as_csv:
        evaluation_tables.print_emotion_csv(report)
        return
    evaluation_tables.print_emotion(report)
    console.say(f"Wrote {html} and {figures}.")


def _never_heard(name: str) -> bool:
    from training.data.recordings import is_training_recording  # noqa: PLC0415

    return not is_training_recording(name)


def _live_path(model: Path | None, engines: ExitStack) -> Callable[[Path], Any]:
    """An engine as the evaluation asks for it: a recording in, what was said and accepted out."""
    from training.report.live import LiveAnswer, LiveWindow  # noqa: PLC0415

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
            emotion_onsets=sum(decision.changed for decision in accepted),
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


@app.command(
    epilog="**Examples**: `attune evaluate protocols --data speech --noise music --run run` · "
    "`attune evaluate protocols --data speech --noise music --run run --protocol emodb_5fold`",
)
def protocols(
    data: options.DataOption,
    run: options.RunOption,
    noise: options.NoiseOption = None,
    encoder: options.EncoderOption = None,
    protocol: Annotated[list[str] | None, typer.Option(help="Table to make; by default all.")] = None,
    branch: Annotated[
        list[options.Branches] | None,
        typer.Option(help="Network to test; by default each, for the ablation."),
    ] = None,
    threads: options.ThreadsOption = 2,
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """Mean class recall on the published folds, fitting what is missing; keeps protocols.json in --run."""
    options.require_training()
    from training.emotion import experiment, protocols, tables  # noqa: PLC0415

    with console.training_progress() as progress:
        opened = experiment.open_experiment(data, noise, run, encoder=encoder, threads=threads)
        results = tables.run_protocols(
            opened,
            protocols.read_folds(data),
            protocol or list(tables.PROTOCOLS),
            [one.value for one in branch or options.Branches],
            on_progress=progress,
        )
    found = tables.keep_tables(opened, results, command=options.command_line())
    if as_json:
        console.print_json(found)
        return
    rows = [
        (
            tables.PROTOCOLS[name],
            network,
            row["n"],
            row["speakers"],
            *(f"{row[key]:.1%}" for key in ("ua", "ua_pooled", "wa")),
        )
        for name, networks in found.items()
        for network, row in networks.items()
    ]
    columns = ("protocol", "network", "clips", "speakers", "UA", "UA pooled", "WA")
    figures = ("n", "speakers", "ua", "ua_pooled", "wa")
    records = [
        {"protocol": name, "network": network, **{key: row[key] for key in figures}}
        for name, networks in found.items()
        for network, row in networks.items()
    ]
    table = console.DataTable(columns, rows, ("protocol", "network", *figures), records)
    console.print_data(table, as_csv=as_csv)


@app.command(
    epilog="**Examples**: `attune evaluate mood --data jamendo --run run --out report` · "
    "`attune evaluate mood --data jamendo --run run --quadrants music --out report`",
)
def mood(
    data: options.JamendoOption,
    run: options.MoodRunOption,
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("report"),
    quadrants: options.QuadrantsOption = None,
    threads: options.ThreadsOption = 1,
    as_json: console.JsonFlag = False,
) -> None:
    """Measure the mood head on artists it never heard, and by random splits; trains what --run lacks."""
    options.require_training()
    from training.libraries import require_libraries  # noqa: PLC0415
    from training.mood import head, jamendo, moods  # noqa: PLC0415
    from training.report import files, mood, mood_page  # noqa: PLC0415

    require_libraries(*files.REPORT_LIBRARIES)
    with console.training_progress() as progress:
        report = mood.evaluate_mood(
            jamendo.read_jamendo(data),
            head.MoodSettings(threads=threads),
            run,
            quadrants=moods.read_quadrants(quadrants) if quadrants else None,
            command=options.command_line(),
            on_progress=progress,
        )
    html, figures = files.write_report(mood_page.render_mood(report), report, out)
    if as_json:
        shown = ("official_56_tags", "all_59_tags", "moods", "random_protocols")
        console.print_json(
            {"html": str(html), "json": str(figures), **{name: report[name] for name in shown}}
        )
        return
    for sentence in mood_page.summarise_mood(report):
        console.say(sentence)
    console.say(f"Wrote {html} and {figures}.")


app.add_typer(evaluate_people.app)
app.add_typer(evaluate_track.app)
app.command(name="heads", epilog=heads.EVALUATE_EXAMPLES)(heads.evaluate_heads)

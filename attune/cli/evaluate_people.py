"""`attune evaluate personal` and `corrections`: what a user's own takes and corrections gain."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from attune.cli import console, evaluation_tables
from attune.cli import training_options as options
from core.files import write_atomic
from core.settings import load_settings

app = console.command_app()

TakesOption = Annotated[int, typer.Option(min=2, help="Takes of each emotion.")]
RepeatsOption = Annotated[int, typer.Option(min=1, help="How often the takes are drawn anew.")]
OutOption = Annotated[Path | None, typer.Option(help="JSON file to write.")]


@app.command(
    epilog="**Examples**: `attune evaluate personal --data speech-cache` · "
    "`attune evaluate personal --data speech-cache --corpus nemo=without-nemo.onnx --out personal.json`",
)
def personal(
    model: options.ModelOption = None,
    data: options.SpeechOption = None,
    corpus: options.UnheardOption = None,
    clips_per_emotion: TakesOption = 3,
    repeats: RepeatsOption = 5,
    out: OutOption = None,
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """Measure what calibration gains: each held-out speaker as a new user, same clips before and after."""
    from training.report.new_users import PersonalPlan  # noqa: PLC0415 - no door starts with training
    from training.report.personal import evaluate_personal  # noqa: PLC0415

    plan = PersonalPlan(clips_per_emotion, repeats)
    report = _measure(evaluate_personal, plan, model, data, corpus)
    _keep(report, out)
    if as_json:
        console.print_json(report)
    elif as_csv:
        evaluation_tables.print_personal_csv(report)
    else:
        evaluation_tables.print_personal(report)


@app.command(
    epilog="**Examples**: `attune evaluate corrections --data speech-cache` · "
    "`attune evaluate corrections --data speech-cache --wrong 1 --out corrections.json`",
)
def corrections(
    model: options.ModelOption = None,
    data: options.SpeechOption = None,
    corpus: options.UnheardOption = None,
    clips_per_emotion: TakesOption = 3,
    repeats: RepeatsOption = 5,
    most: Annotated[int, typer.Option(min=1, help="Wrong answers that a person corrects, at most.")] = 12,
    wrong: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of corrections that are wrong in the last figures.")
    ] = 0.3,
    out: OutOption = None,
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """Measure what corrections gain: held-out speakers correct wrong answers; other clips are scored."""
    from training.report.corrections import CorrectionPlan, evaluate_corrections  # noqa: PLC0415

    plan = CorrectionPlan(clips_per_emotion, repeats, most=most, wrong=wrong)
    report = _measure(evaluate_corrections, plan, model, data, corpus)
    _keep(report, out)
    if as_json:
        console.print_json(report)
    elif as_csv:
        evaluation_tables.print_corrections_csv(report)
    else:
        evaluation_tables.print_corrections(report)


def _measure(
    evaluate: Callable[..., dict[str, Any]],
    plan: Any,
    model: Path | None,
    data: Path | None,
    corpus: list[str] | None,
) -> dict[str, Any]:
    """What an evaluation of new users gives, with where it comes from."""
    from training.data.cache import open_clips  # noqa: PLC0415
    from training.report import model_under_test  # noqa: PLC0415
    from training.report.new_users import PARTS  # noqa: PLC0415

    unheard_by = options.unheard_models(corpus)
    settings = load_settings(emotion_model=model, journal=False)
    predict, record = model_under_test.open_model(settings.emotion_model, threads=settings.threads)
    others = model_under_test.open_leave_one_out_models(unheard_by, threads=settings.threads)
    with console.training_progress() as progress:
        cache = open_clips(
            data or options.speech_dir(),
            on_progress=lambda done, total: progress("decoding", done, total),
        )
        report = evaluate(
            predict,
            cache,
            leave_one_out={name: opened for name, (opened, _) in others.items()},
            plan=plan,
            on_progress=progress,
        )
    measured = {f"{part} {name}": report[part][name] for part in PARTS for name in report[part]}
    report["provenance"] = model_under_test.provenance(
        command=options.command_line(), model=record, cache=cache, report={"corpora": measured}, settings={}
    ) | {"other_models": {name: of_other for name, (_, of_other) in others.items()}}
    return report


def _keep(report: dict[str, Any], file: Path | None) -> None:
    if file is not None:
        write_atomic(file, json.dumps(report, indent=1, allow_nan=False) + "\n", what=f"The figures {file}")

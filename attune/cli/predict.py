"""`attune predict`: what a model that was trained on a user's own data says of sound files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import TimeRemainingColumn

from attune.cli import console
from attune.cli.mood import ComputeDevice
from attune.cli.sound_inputs import FilesArgument, sound_inputs
from core.errors import AttuneError
from core.settings import load_settings
from core.text import percent, printable
from models.mood.backbone import load_backbone
from models.track.answers import TaskAnswer
from models.track.file_prediction import (
    FilePrediction,
    TrackPredictor,
    prediction_cells,
    prediction_to_dict,
)
from models.track.multi_task import MultiTaskModel

app = console.command_app()


@app.command(
    epilog="**Examples**: `attune predict results/track/track.onnx song.mp3` · "
    "`attune predict --csv results/track/track.onnx music/ > answers.csv` · "
    "`attune predict --json results/gems/gems.onnx music/ > answers.jsonl`",
)
def predict(
    model: Annotated[Path, typer.Argument(help="ONNX file that `attune train track|va|gems` wrote.")],
    files: FilesArgument,
    device: Annotated[
        ComputeDevice | None,
        typer.Option(help="What the networks run on; by default the setting `provider`."),
    ] = None,
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """Ask a model of your own, trained on tracks, about sound files; what fails is a row, too."""
    settings = load_settings(provider=device and device.value)
    predictor = TrackPredictor(
        MultiTaskModel.load(model, threads=settings.threads, provider=settings.provider),
        load_backbone(settings.mood_backbone, threads=settings.threads, provider=settings.provider),
        max_minutes=settings.max_file_minutes,
    )
    columns = predictor.columns()
    if as_csv:
        console.print_csv([columns])
    failed = False
    with console.interruptible(), console.progress(TimeRemainingColumn()) as progress:
        inputs = list(sound_inputs(files))
        task = progress.add_task("", total=len(inputs))
        for sound in inputs:
            if isinstance(sound, AttuneError):
                prediction = FilePrediction("", predictor.name, error=str(sound))
            else:
                progress.update(task, description=printable(Path(sound.name).name))
                prediction = predictor.predict(sound.content, name=sound.name)
            failed = failed or bool(prediction.error)
            progress.advance(task)
            if as_json:
                console.print_json(prediction_to_dict(prediction))
            elif as_csv:
                cells = prediction_cells(prediction)
                console.print_csv([[cells.get(column) for column in columns]])
            else:
                _print_words(prediction)
    if failed:
        raise typer.Exit(1)


def _print_words(prediction: FilePrediction) -> None:
    if prediction.error:
        console.say_error(prediction.error)
        return
    length = console.duration_text(prediction.duration_s or 0.0)
    console.say(console.assemble((prediction.file, "bold"), "  ", (length, "dim")))
    width = max(len(answer.name) for answer in prediction.answers)
    for answer in prediction.answers:
        console.say(console.assemble("  ", (f"{answer.name:{width}}", "dim"), f"  {_words(answer)}"))
    for warning in prediction.warnings:
        console.note(warning)


def _words(answer: TaskAnswer) -> str:
    match answer.value:
        case float():
            sure = "" if answer.confidence is None else f", {percent(answer.confidence)}"
            return f"{answer.value:.3g} ({answer.category}{sure})"
        case str():
            return f"{answer.value} {percent(answer.confidence or 0.0)}"
        case _:
            shares = answer.probabilities or {}
            return ", ".join(f"{label} {percent(shares[label])}" for label in answer.value) or "none"

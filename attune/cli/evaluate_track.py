"""`attune evaluate track`, `va`, `gems` and `compare-models`: models that users trained on their tracks."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from attune.cli import console
from attune.cli import training_options as options

app = console.command_app()


class DataSide(StrEnum):
    """Which entries are measured."""

    TEST = "test"
    VALIDATION = "validation"
    TRAIN = "train"
    ALL = "all"


ModelOption = Annotated[Path, typer.Option(help="ONNX file that `attune train track|va|gems` wrote.")]
DataOption = Annotated[
    Path, typer.Option(help="Manifest, table of annotations or folder, as for `attune train track`.")
]
InputsOption = Annotated[
    Path | None,
    typer.Option(help="Features, spectrograms or embeddings; by default what lies beside the data."),
]
SideOption = Annotated[
    DataSide | None, typer.Option(help="Entries that are measured; by default test, where there is one.")
]
OutOption = Annotated[
    Path,
    typer.Option(help="HTML file to write; the figures go beside it, as NAME_figures.json."),
]
TestDataOption = Annotated[
    Path | None,
    typer.Option(help="JSON or npz to write: entries, truth, probabilities and thresholds."),
]
RunOption = Annotated[
    Path | None,
    typer.Option(help="Folder of a training whose curves are drawn; by default those the model carries."),
]
SoundsOption = Annotated[
    Path | None, typer.Option(help="Folder of the music, for the players of the hardest examples.")
]
CompareOption = Annotated[
    list[Path] | None,
    typer.Option(help="Another model to compare with, on the same entries; may be given again."),
]
SeedOption = Annotated[int, typer.Option(min=0, help="Of maps and intervals.")]
ThreadsOption = Annotated[int, typer.Option(min=1, help="Threads of the model.")]

_HISTORY: Final = "training_history.json"


def evaluation_command(only: str, help_text: str) -> Callable[..., None]:
    """A command that measures one task of a model, or all of them where none is named."""

    def command(
        model: ModelOption,
        data: DataOption,
        inputs: InputsOption = None,
        side: SideOption = None,
        out: OutOption = Path("report.html"),
        test_data: TestDataOption = None,
        run: RunOption = None,
        sounds: SoundsOption = None,
        compare: CompareOption = None,
        seed: SeedOption = 0,
        threads: ThreadsOption = 2,
        as_json: console.JsonFlag = False,
        as_csv: console.CsvFlag = False,
    ) -> None:
        _check_out(out)
        options.require_training()
        from training.libraries import require_libraries  # noqa: PLC0415
        from training.report import files, track, track_errors, track_page, track_test_data  # noqa: PLC0415

        require_libraries(*files.REPORT_LIBRARIES)
        history = None if run is None else _read_history(run)
        with console.interruptible(), console.training_progress() as progress:
            progress("answers", 0, 1)
            opened, tracks = _measured(model, data, inputs, side, only, threads)
            others = {
                track.file_name(file): _measured(file, data, inputs, side, only, threads)[1]
                for file in compare or []
            }
            report = track.evaluate_tracks(
                opened.info,
                tracks,
                history=history,
                others=others,
                seed=seed,
                command=options.command_line(),
                file=model,
                on_progress=progress,
            )
            progress("page", 0, 1)
            segment_s = report["provenance"]["model"]["recipe"].get("segment_seconds")
            players = track_errors.excerpt_uris(report["hardest"], sounds, segment_s)
            page = track_page.render_tracks(report, players)
            html, figures = files.write_page(page, report, out, _figures_path(out))
            if test_data is not None:
                track_test_data.write_test_data(tracks, test_data)
        options.tell_faults(report["faults"], "on the page")
        rows = track.metric_rows(report)
        if as_csv:
            console.print_csv([list(rows[0]), *(list(row.values()) for row in rows)])
            return
        if as_json:
            console.print_json(
                {
                    "html": str(html),
                    "json": str(figures),
                    **{name: report[name] for name in ("data", "notes", "overall", "comparison")},
                }
            )
            return
        for sentence in (*report["notes"], *track_page.summarise_tracks(report)):
            console.say(sentence)
        also = f" and {test_data}" if test_data else ""
        console.say(f"Wrote {html}, {figures}{also}.")

    command.__doc__ = help_text
    return command


def _measured(
    file: Path, data: Path, inputs: Path | None, side: DataSide | None, only: str, threads: int
) -> Any:
    """A model, and what it answers."""
    from models.track.multi_task import MultiTaskModel  # noqa: PLC0415
    from training.report.track_entries import measure_tracks, read_measured_data  # noqa: PLC0415

    model = MultiTaskModel.load(file, threads=threads)
    dataset = read_measured_data(model.info, data, inputs)
    return model, measure_tracks(model, dataset, side=side.value if side else "", only=only)


def _check_out(out: Path) -> None:
    if out.suffix.lower() not in {".html", ".htm"}:
        raise typer.BadParameter(f"{out} is no page: end it in .html.", param_hint="--out")


def _figures_path(out: Path) -> Path:
    """Of a name that no model's record has, which may lie in the same folder."""
    return out.with_name(f"{out.stem}_figures.json")


def _read_history(run: Path) -> list[dict[str, float]]:
    import json  # noqa: PLC0415

    from core.errors import DataError  # noqa: PLC0415

    path = run / _HISTORY
    try:
        epochs = json.loads(path.read_text(encoding="utf-8"))
        return [{str(name): float(value) for name, value in epoch.items()} for epoch in epochs]
    except FileNotFoundError as error:
        raise DataError(
            f"There is no {_HISTORY} in {run}: name the folder of a finished training."
        ) from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"The curves {path} cannot be read ({error}): leave --run out.") from error


_EXAMPLES: Final = (
    "**Examples**: `attune evaluate {name} --model results/{name}/{name}.onnx --data {data}` · "
    "`attune evaluate {name} --model results/{name}/{name}.onnx --data {data} --sounds music "
    "--out {name}.html --test-data test_data.json`"
)
_COMMANDS: Final = {
    "track": (
        "",
        "music/dataset_manifest.json",
        "Measure a model of several tasks on tracks it was not trained on.",
    ),
    "va": ("va", "deam", "Measure valence and arousal on tracks that the model was not trained on."),
    "gems": ("gems", "emotify", "Measure the nine GEMS emotions on tracks the model was not trained on."),
}
for _name, (_only, _data, _help) in _COMMANDS.items():
    app.command(_name, epilog=_EXAMPLES.format(name=_name, data=_data))(evaluation_command(_only, _help))


@app.command(
    epilog="**Examples**: `attune evaluate compare-models a/va.onnx b/va.onnx --data deam` · "
    "`attune evaluate compare-models a/track.onnx b/track.onnx --data music --out comparison.html`",
)
def compare_models(
    models: Annotated[list[Path], typer.Argument(help="ONNX files; the others are compared with the first.")],
    data: DataOption,
    inputs: InputsOption = None,
    side: SideOption = None,
    out: Annotated[Path | None, typer.Option(help="HTML file to write; by default none.")] = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = 2,
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """Compare models on the same tracks: R2 and MAE of values, F1 and AUC of labels, with intervals."""
    if out is not None:
        _check_out(out)
    options.require_training()
    from training.libraries import require_libraries  # noqa: PLC0415
    from training.report import files, track, track_page  # noqa: PLC0415

    if len(models) < 2 or len(set(map(track.file_name, models))) < len(models):
        raise typer.BadParameter("Name two models or more, of different files.", param_hint="MODELS")
    require_libraries(*files.REPORT_LIBRARIES)
    with console.interruptible(), console.training_progress() as progress:
        measured = {}
        for done, file in enumerate(models):
            progress("answers", done, len(models))
            measured[track.file_name(file)] = (file, *_measured(file, data, inputs, side, "", threads))
        report = track.evaluate_comparison(
            {name: tracks for name, (_, _, tracks) in measured.items()},
            {name: track.model_record(model.info, file) for name, (file, model, _) in measured.items()},
            seed=seed,
            command=options.command_line(),
        )
    wrote = ""
    if out is not None:
        html, figures = files.write_page(
            track_page.render_comparison(report), report, out, _figures_path(out)
        )
        wrote = f"Wrote {html} and {figures}."
    _print_comparison(report, as_json=as_json, as_csv=as_csv)
    if not (as_json or as_csv):
        for sentence in (*report["notes"], *track_page.summarise_comparison(report)):
            console.say(sentence)
        if wrote:
            console.say(wrote)


def _print_comparison(report: dict[str, Any], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        console.print_json(report)
        return
    rows, records = [], []
    for row in report["rows"]:
        for place, model in enumerate(report["models"]):
            found = row["differences"][place - 1] if place else {"value": None, "interval": None}
            low, high = found["interval"] or (None, None)
            record = {
                "task": row["task"],
                "label": row["label"],
                "figure": row["figure"],
                "model": model,
                "value": row["values"][place],
                "difference": found["value"],
                "low": low,
                "high": high,
            }
            records.append(record)
            span = f" ({low:+.3f} to {high:+.3f})" if found["interval"] else ""
            difference = "" if found["value"] is None else f"{found['value']:+.3f}{span}"
            value = "none" if record["value"] is None else f"{record['value']:.3f}"
            rows.append((row["task"], row["label"], row["figure"], model, value, difference))
    table = console.DataTable(
        ("task", "label", "figure", "model", "value", "difference"), rows, list(records[0]), records
    )
    console.print_data(table, as_csv=as_csv)

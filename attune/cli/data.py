"""`attune data`: speech corpora in one form, checked, counted and split."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from attune.cli import console
from attune.cli import training_options as options

app = console.command_app()


class Layout(StrEnum):
    """Forms a corpus may come in."""

    RAVDESS = "ravdess"
    CREMA_D = "crema_d"
    EMODB = "emodb"
    TESS = "tess"
    SAVEE = "savee"
    BUNDLE = "bundle"
    HUB = "hub"


@app.command(
    name="import",
    epilog="**Examples**: `attune data import --layout ravdess Audio_Speech --out ravdess.csv` · "
    "`attune data import --layout bundle speech --out manifest.csv` · "
    "`attune data import --layout hub my_dataset --out mine.csv --column emotion=label "
    "--column speaker=actor --label anger=angry --label bored=other:boredom`",
)
def data_import(
    context: typer.Context,
    folder: Annotated[str, typer.Argument(help="Folder of the corpus; with `hub` also a dataset's name.")],
    layout: Annotated[Layout, typer.Option(help="How the corpus is laid out.")],
    out: Annotated[Path, typer.Option(help="Manifest to write.")],
    column: Annotated[
        list[str] | None,
        typer.Option(help="hub: which column is `audio`, `emotion`, `speaker`, `sex`, `intensity`, `text`."),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="hub: a label of the dataset and ours, as in `anger=angry`.")
    ] = None,
    corpus: Annotated[str, typer.Option(help="hub: name of the corpus; by default the dataset's.")] = "",
    language: Annotated[str, typer.Option(help="hub: language of all clips, as in `en`.")] = "",
    licence: Annotated[str, typer.Option(help="hub: licence of all clips.")] = "",
    audio_dir: Annotated[
        Path | None, typer.Option(help="hub: folder for sound that lies in tables; beside --out by default.")
    ] = None,
    online: Annotated[bool, typer.Option("--online", help="hub: the dataset may be downloaded.")] = False,
) -> None:
    """Write the manifest of a corpus; files that do not fit are named on standard error."""
    from training.data import hub, importers, manifest  # noqa: PLC0415 - no door starts with training

    if layout is not Layout.HUB:
        hub_only = ("column", "label", "corpus", "language", "licence", "audio_dir", "online")
        for name in hub_only:
            if context.params[name]:
                option = f"--{name.replace('_', '-')}"
                raise typer.BadParameter("it goes with --layout hub alone.", param_hint=option)
    if layout is Layout.BUNDLE:
        found = importers.import_bundle(Path(folder), manifest_dir=out.parent)
    elif layout is Layout.HUB:
        found = hub.import_hub(
            folder,
            corpus=corpus or Path(folder).name,
            manifest_dir=out.parent,
            audio_dir=audio_dir or out.with_name(f"{out.stem}_audio"),
            columns=_hub_columns(column or []),
            labels=options.pairs("--label", label or []),
            language=language,
            licence=licence,
            online=online,
        )
    else:
        found = importers.import_layout(layout.value, Path(folder), manifest_dir=out.parent)
    manifest.write_manifest(out, found.rows)
    for problem in found.problems:
        console.note(str(problem), style="")
    console.say(f"Wrote {out}: {len(found.rows)} clips; {len(found.problems)} left out.")


@app.command(
    epilog="**Examples**: `attune data check manifest.csv` · `attune data check manifest.csv --json`",
)
def check(
    manifest: Annotated[Path, typer.Argument(help="Manifest, or the folder of a bundle.")],
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """Decode every clip and name what is broken, silent, double or mislabelled; exit code 1 if any is."""
    from training.data import check, sources  # noqa: PLC0415 - no door starts with training

    with console.training_progress() as report:
        found = check.check(
            sources.open_source(manifest), progress=lambda done, total: report("decoding", done, total)
        )
    if as_json:
        console.print_json(asdict(found))
    elif as_csv:
        console.print_data(console.table_of(check.Problem, found.problems), as_csv=True)
    else:
        for problem in found.problems:
            console.say(str(problem))
        for warning in found.warnings:
            console.say(f"Note: {warning}")
        console.say(f"{found.n_good} of {found.n_clips} clips are good.")
    if found.problems:
        raise typer.Exit(1)


@app.command(
    epilog="**Examples**: `attune data stats manifest.csv` · `attune data stats manifest.csv --json`",
)
def stats(
    manifest: Annotated[Path, typer.Argument(help="Manifest, or the folder of a bundle.")],
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """Count clips, speakers and hours by corpus, emotion and split."""
    from training.data import check, sources  # noqa: PLC0415 - no door starts with training

    found = check.corpus_stats(sources.open_source(manifest))
    rows = [
        (
            one.corpus,
            one.clips,
            one.speakers,
            f"{one.hours:.2f}" + (f" ({one.unknown_lengths} unknown)" if one.unknown_lengths else ""),
            " ".join(one.languages),
            *(
                ", ".join(f"{name} {count}" for name, count in counts.items())
                for counts in (one.emotions, one.splits)
            ),
        )
        for one in found
    ]
    columns = ("corpus", "clips", "speakers", "hours", "languages", "emotions", "splits")
    table = console.table_of(check.CorpusStats, found, columns, rows)
    console.print_data(table, as_json=as_json, as_csv=as_csv)
    if as_json or as_csv:
        return
    clips, hours = sum(one.clips for one in found), sum(one.hours for one in found)
    console.say(f"{clips} clips, {hours:.2f} h")


@app.command(
    epilog="**Examples**: `attune data split manifest.csv --out split.csv --test 0.2 --seed 0` · "
    "`attune data split manifest.csv --out fold1.csv --folds emobox_folds.csv --fold 1 --validation 0.1`",
)
def split(
    manifest: Annotated[Path, typer.Argument(help="Manifest to split.")],
    out: Annotated[Path, typer.Option(help="Manifest to write, with its column `split` filled.")],
    folds: Annotated[Path | None, typer.Option(help="Fold file: CSV of corpus, clip, test_fold.")] = None,
    fold: Annotated[str | None, typer.Option(help="Fold of that file that is the test.")] = None,
    test: Annotated[float | None, typer.Option(help="Share of speakers to test on; 0.2 if unset.")] = None,
    validation: Annotated[
        float | None,
        typer.Option(help="Share of the speakers to choose on; 0.1 if unset, with --fold none."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
) -> None:
    """Say who is trained on and who is tested on: nobody on two sides, or a published fold."""
    from training.data.manifest import read_manifest, write_manifest  # noqa: PLC0415
    from training.data.sources import rebase  # noqa: PLC0415
    from training.data.splits import split_by_fold, split_by_speaker  # noqa: PLC0415

    if (folds is None) != (fold is None):
        raise typer.BadParameter("--folds and --fold go together.", param_hint="--fold")
    if folds is not None and test is not None:
        raise typer.BadParameter("the fold says who is tested.", param_hint="--test")
    rows = read_manifest(manifest)
    if folds is None or fold is None:
        share = 0.1 if validation is None else validation
        rows = split_by_speaker(rows, test=0.2 if test is None else test, validation=share, seed=seed)
    else:
        found = split_by_fold(rows, folds, fold, validation=validation or 0.0, seed=seed)
        rows = found.rows
        for note in found.notes:
            console.note(f"Note: {note}", style="")
    write_manifest(out, rebase(rows, manifest.parent, out.parent))
    counts = Counter(row.split for row in rows)
    people = Counter(split for split, *_ in {(row.split, row.corpus, row.speaker) for row in rows})
    said = ", ".join(f"{split} {counts[split]} clips of {people[split]} speakers" for split in sorted(counts))
    console.say(f"Wrote {out}: {said}.")


def _hub_columns(given: list[str]) -> Any:
    from training.data.hub import HubColumns  # noqa: PLC0415 - no door starts with training

    columns = options.pairs("--column", given)
    for name in columns:
        if name not in HubColumns.__dataclass_fields__:
            known = ", ".join(HubColumns.__dataclass_fields__)
            raise typer.BadParameter(f"{name!r} is none of {known}.", param_hint="--column")
    return HubColumns(**columns)

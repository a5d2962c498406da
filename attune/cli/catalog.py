"""`attune catalog`: catalogues of any size, on disks and in object stores."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import MofNCompleteColumn, TimeRemainingColumn

from attune.catalog import check_extra
from attune.cli import console
from attune.cli.catalog_search import search, words
from core.settings import load_settings
from core.text import pluralize

if TYPE_CHECKING:
    from attune.catalog.analysis import CatalogSummary

app = console.command_app()


@app.callback()
def _catalog() -> None:
    """Catalogues of any size: analysed on all cores or a cluster, searched (needs the extra `catalog`)."""


@app.command(
    epilog="**Examples**: `attune catalog analyse ~/Music --out catalogue` · "
    "`attune catalog analyse s3://label/masters --out catalogue --workers 8` · "
    "`attune catalog analyse tracks.parquet --column url --out catalogue --dry-run` · "
    "`attune catalog analyse list.txt --out catalogue --ray-address auto`"
)
def analyse(
    source: Annotated[
        str,
        typer.Argument(
            help="A folder, a list (.txt, .m3u, .csv, .tsv) or a Parquet file of paths and URLs; on a disk "
            "or in an object store (s3://...)."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the catalogue: new, or one to go on with.")],
    column: Annotated[
        str,
        typer.Option(help="Column with paths and URLs; by default `location`, `path`, `url` and the like."),
    ] = "",
    workers: Annotated[
        int, typer.Option(min=0, help="How many sounds are analysed at once; 0 is one on each core.")
    ] = 0,
    worker_memory: Annotated[
        int, typer.Option(min=1, metavar="MB", help="Memory that is set aside for each worker.")
    ] = 1_000,
    object_store: Annotated[
        int, typer.Option(min=80, metavar="MB", help="Shared memory for what is on its way, on this machine.")
    ] = 256,
    ray_address: Annotated[
        str, typer.Option(help="Ray cluster that this machine is part of: host:port, or `auto`.")
    ] = "",
    retry: Annotated[
        bool, typer.Option("--retry", help="Try files again that could not be read as sound before.")
    ] = False,
    recheck: Annotated[
        bool, typer.Option("--recheck", help="Read every file again, and analyse those with another content.")
    ] = False,
    add: Annotated[bool, typer.Option("--add", help="Add to a catalogue of another source.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what there is to do.")] = False,
    as_json: console.JsonFlag = False,
) -> None:
    """Analyse what is new or changed; a file that cannot be read is a row, too.

    Ctrl-C stops, and the next time goes on there.
    """
    check_extra()
    from attune.catalog.analysis import CatalogJob, analyse_catalog, plan_catalog  # noqa: PLC0415 - an extra
    from attune.catalog.ray_session import RayResources  # noqa: PLC0415
    from attune.catalog.sources import named_source  # noqa: PLC0415

    job = CatalogJob(
        named_source(source, column=column),
        out,
        RayResources(workers, worker_memory, object_store, ray_address),
        retry=retry,
        recheck=recheck,
        add=add,
    )
    settings = load_settings(journal=False)
    if dry_run:
        found = plan_catalog(job, settings)
        if as_json:
            console.print_json({"entries": found.entries, "pending": found.pending})
        else:
            known = found.entries - found.pending
            console.say(
                f"{pluralize(found.entries, 'file')}: {found.pending} to analyse, {known} known already."
            )
        return
    kept = "" if as_json else "Stopped: what was analysed is kept, and the same command goes on there."
    with (
        console.interruptible(kept),
        console.progress(MofNCompleteColumn(), TimeRemainingColumn()) as progress,
    ):
        task = progress.add_task("Looking through the source", total=None)
        done = analyse_catalog(
            job,
            settings,
            on_progress=lambda done, total: progress.update(
                task, description="Analysing", completed=done, total=total
            ),
        )
    if as_json:
        console.print_json(asdict(done) | {"out": str(out)})
    else:
        _print_summary(done, out)


app.command(
    epilog='**Examples**: `attune catalog search "calm piano" --catalog catalogue` · '
    '`attune catalog search "jazz no voice" --catalog catalogue --tempo 90,120 -n 30` · '
    "`attune catalog search --like song.mp3 --catalog catalogue --json`"
)(search)
app.command(epilog="**Examples**: `attune catalog words` · `attune catalog words --csv`")(words)


def _print_summary(done: CatalogSummary, out: Path) -> None:
    counts = {
        "analysed": done.analysed,
        "known by their content": done.reused,
        "known already": done.entries - done.pending,
        "without an answer (the column `error` says why)": done.failed,
    }
    parts = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    seconds = console.duration_text(done.seconds)
    console.say(f"{out}: {pluralize(done.entries, 'file')}; {parts}; {seconds}.")

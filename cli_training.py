"""The terminal's commands for those who make models: `attune data`, `train`, `evaluate` and `export`."""

from __future__ import annotations

import json
import logging
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TimeRemainingColumn
from rich.table import Table

from core.errors import ModelError
from core.paths import cache_dir
from core.settings import load_settings
from engine import Engine

__all__ = ["add_commands", "data_app", "evaluate_app", "train_app"]

data_app = typer.Typer(help="Bring speech corpora into one form and check them.", no_args_is_help=True)
train_app = typer.Typer(help="Train models (needs the extra `train`).", no_args_is_help=True)
evaluate_app = typer.Typer(help="Measure models on people they never heard.", no_args_is_help=True)


JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def add_commands(app: typer.Typer) -> None:
    """Add every command of this module to the program's."""
    app.add_typer(data_app, name="data")
    app.add_typer(train_app, name="train")
    app.add_typer(evaluate_app, name="evaluate")
    app.command(
        name="export",
        epilog="**Examples**: `attune export run --out emotion.onnx` · "
        "`attune export run --out emotion-int8.onnx --int8`",
    )(export_command)


class Branches(StrEnum):
    """What the emotion network is made of."""

    HYBRID = "hybrid"
    ENCODER = "encoder"
    SPECTROGRAM = "spectrogram"


class Layout(StrEnum):
    """Forms a corpus may come in."""

    RAVDESS = "ravdess"
    CREMA_D = "crema_d"
    EMODB = "emodb"
    TESS = "tess"
    SAVEE = "savee"
    BUNDLE = "bundle"
    HUB = "hub"


@data_app.command(
    name="import",
    epilog="**Examples**: `attune data import --layout ravdess Audio_Speech --out ravdess.csv` · "
    "`attune data import --layout bundle speech --out manifest.csv` · "
    "`attune data import --layout hub my_dataset --out mine.csv --column emotion=label "
    "--column speaker=actor --label anger=angry --label bored=other:boredom`",
)
def data_import(
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
    from models.training.data import hub, importers, manifest  # noqa: PLC0415 - no door starts with training

    hub_only: dict[str, object] = {
        "--column": column,
        "--label": label,
        "--corpus": corpus,
        "--language": language,
    }
    hub_only |= {"--licence": licence, "--audio-dir": audio_dir, "--online": online}
    if layout is not Layout.HUB:
        for option, value in hub_only.items():
            if value:
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
            labels=_pairs("--label", label or []),
            language=language,
            licence=licence,
            online=online,
        )
    else:
        found = importers.import_layout(layout.value, Path(folder), manifest_dir=out.parent)
    manifest.write_manifest(out, found.rows)
    for problem in found.problems:
        typer.echo(str(problem), err=True)
    typer.echo(f"Wrote {out}: {len(found.rows)} clips; {len(found.problems)} left out.")


@data_app.command(
    name="check",
    epilog="**Examples**: `attune data check manifest.csv` · `attune data check manifest.csv --json`",
)
def data_check(
    manifest: Annotated[Path, typer.Argument(help="Manifest, or the folder of a bundle.")],
    as_json: JsonFlag = False,
) -> None:
    """Decode every clip and name what is broken, silent, double or mislabelled; exit code 1 if any is."""
    from models.training.data import check, sources  # noqa: PLC0415 - no door starts with training

    with _evaluation_progress() as tell:
        report = check.check(
            sources.open_source(manifest), progress=lambda done, total: tell("decoding", done, total)
        )
    if as_json:
        _print_json(asdict(report))
    else:
        for problem in report.problems:
            typer.echo(str(problem))
        for warning in report.warnings:
            typer.echo(f"Note: {warning}")
        typer.echo(f"{report.n_good} of {report.n_clips} clips are good.")
    if report.problems:
        raise typer.Exit(1)


@data_app.command(
    name="stats",
    epilog="**Examples**: `attune data stats manifest.csv` · `attune data stats manifest.csv --json`",
)
def data_stats(
    manifest: Annotated[Path, typer.Argument(help="Manifest, or the folder of a bundle.")],
    as_json: JsonFlag = False,
) -> None:
    """Count clips, speakers and hours by corpus, emotion and split."""
    from models.training.data import sources, stats  # noqa: PLC0415 - no door starts with training

    found = stats.corpus_stats(sources.open_source(manifest))
    if as_json:
        _print_json([asdict(one) for one in found])
        return
    table = Table("corpus", "clips", "speakers", "hours", "languages", "emotions", "splits")
    for one in found:
        table.add_row(
            escape(one.corpus),
            str(one.clips),
            str(one.speakers),
            f"{one.hours:.2f}" + (f" ({one.unknown_lengths} unknown)" if one.unknown_lengths else ""),
            escape(" ".join(one.languages)),
            *(
                escape(", ".join(f"{name} {count}" for name, count in counts.items()))
                for counts in (one.emotions, one.splits)
            ),
        )
    Console().print(table)
    clips, hours = sum(one.clips for one in found), sum(one.hours for one in found)
    typer.echo(f"{clips} clips, {hours:.2f} h")


@data_app.command(
    name="split",
    epilog="**Examples**: `attune data split manifest.csv --out split.csv --test 0.2 --seed 0` · "
    "`attune data split manifest.csv --out fold1.csv --folds emobox_folds.csv --fold 1 --validation 0.1`",
)
def data_split(
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
    from models.training.data.manifest import read_manifest, write_manifest  # noqa: PLC0415
    from models.training.data.sources import rebase  # noqa: PLC0415
    from models.training.data.splits import split_by_fold, split_by_speaker  # noqa: PLC0415

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
            typer.echo(f"Note: {note}", err=True)
    write_manifest(out, rebase(rows, manifest.parent, out.parent))
    counts = Counter(row.split for row in rows)
    people = Counter(split for split, *_ in {(row.split, row.corpus, row.speaker) for row in rows})
    said = ", ".join(f"{split} {counts[split]} clips of {people[split]} speakers" for split in sorted(counts))
    typer.echo(f"Wrote {out}: {said}.")


def _hub_columns(given: list[str]) -> Any:
    from models.training.data.hub import HubColumns  # noqa: PLC0415 - no door starts with training

    pairs = _pairs("--column", given)
    for name in pairs:
        if name not in HubColumns.__dataclass_fields__:
            known = ", ".join(HubColumns.__dataclass_fields__)
            raise typer.BadParameter(f"{name!r} is none of {known}.", param_hint="--column")
    return HubColumns(**pairs)


def _pairs(option: str, given: list[str], form: str = "name=value") -> dict[str, str]:
    """Options of the form NAME=VALUE."""
    pairs = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not (name and separator and value):
            raise typer.BadParameter(f"{text!r} is not of the form {form}.", param_hint=option)
        pairs[name] = value
    return pairs


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))


_LIVE_SETTINGS = (
    "threshold",
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


def _unheard(given: list[str] | None) -> dict[str, Path]:
    """Models that never heard a corpus, by the corpus."""
    return {name: Path(file) for name, file in _pairs("--corpus", given or [], _UNHEARD_FORM).items()}


@evaluate_app.command(
    name="emotion",
    epilog="**Examples**: `attune evaluate emotion --data speech-cache --quick` · "
    "`attune evaluate emotion --model my.onnx --data corpora/manifest.csv --noise esc10.tar --out report` · "
    "`attune evaluate emotion --data speech-cache --corpus nemo=without-nemo.onnx`",
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
    unheard: Annotated[
        bool,
        typer.Option("--unheard", help="Of ESC-10 and Emotify take only what our own training never heard."),
    ] = False,
    no_live: Annotated[bool, typer.Option("--no-live", help="Leave the live path out.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Few clips and no conditions: a fast look.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Measure an emotion model on people it never heard, and write a report."""
    from models.training.report import clips, conditions, evaluate, files, provenance, served  # noqa: PLC0415

    files.check_libraries()
    unheard_by = _unheard(corpus)
    settings = load_settings(emotion_model=model, journal=False)
    predict, record = served.open_model(settings.emotion_model, threads=settings.threads)
    others = served.open_unheard(unheard_by, threads=settings.threads)
    with ExitStack() as engines, _evaluation_progress() as tell:
        cache = clips.open_speech(
            data or cache_dir() / "training" / "emotion" / "speech",
            on_progress=lambda done, total: tell("decoding", done, total),
        )
        wanted = _never_heard if unheard else _any
        report = evaluate.evaluate_emotion(
            predict,
            cache,
            noises=conditions.read_recordings(noise, wanted=wanted) if noise else [],
            non_speech={
                path.name: conditions.read_recordings(path, wanted=wanted) for path in non_speech or []
            },
            live=None if no_live else _live_path(model, engines),
            twins={
                name: evaluate.Twin(opened, None if no_live else _live_path(unheard_by[name], engines))
                for name, (opened, _) in others.items()
            },
            plan=evaluate.Plan.quick() if quick else evaluate.Plan(),
            on_progress=tell,
        )
    report["provenance"] = provenance.provenance(
        command=shlex.join(["attune", *sys.argv[1:]]),
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
        _print_json({"html": str(html), "json": str(figures), "corpora": plain, "table": report["table"]})
        return
    _print_headline(report)
    Console().print(f"Wrote {html} and {figures}.", highlight=False, markup=False, soft_wrap=True)


def _any(_name: str) -> bool:
    return True


def _never_heard(name: str) -> bool:
    from models.training.emotion.noise import heard  # noqa: PLC0415

    return not heard(name)


def _live_path(model: Path | None, engines: ExitStack) -> Callable[[Path], Any]:
    """An engine as the evaluation asks for it: a recording in, what was accepted out."""
    from models.training.report.live import LiveAnswer  # noqa: PLC0415

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
        )

    return live


def _print_headline(report: dict[str, Any]) -> None:
    """One row a corpus and way, chosen among the classes that the corpus has."""
    table = Table(
        "corpus", "who", "heard", "clips", "UA", "accepted", "of those right", "ECE", box=SIMPLE_HEAD
    )
    for row in report["table"]:
        right, low_high = row["accepted_accuracy"], row["interval"]["accepted_accuracy"]
        span = f" ({100 * low_high[0]:.0f} to {100 * low_high[1]:.0f})" if low_high else ""
        table.add_row(
            escape(row["corpus"]),
            row["who"],
            row["way"],
            str(row["n"]),
            f"{row['ua']:.1%}",
            f"{row['accepted']}, {row['coverage']:.1%}",
            "none" if right is None else f"{right:.1%}{span}",
            f"{row['ece']:.3f}",
        )
    Console().print(table)
    for name, rate in (report["non_speech"] or {}).items():
        said = f"{rate['per_hour']:.1f} false emotions an hour ({rate['low']:.1f} to {rate['high']:.1f})"
        Console().print(f"{name}: {said}.", highlight=False, markup=False, soft_wrap=True)


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
    from models.training.data.writing import write_whole  # noqa: PLC0415
    from models.training.report import clips, personal, provenance, served  # noqa: PLC0415

    unheard_by = _unheard(corpus)
    settings = load_settings(emotion_model=model, journal=False)
    predict, record = served.open_model(settings.emotion_model, threads=settings.threads)
    others = served.open_unheard(unheard_by, threads=settings.threads)
    with _evaluation_progress() as tell:
        cache = clips.open_clips(
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
        command=shlex.join(["attune", *sys.argv[1:]]),
        model=record,
        cache=cache,
        report={"corpora": measured},
        settings={},
    )
    report["provenance"]["other_models"] = {name: of_other for name, (_, of_other) in others.items()}
    if out is not None:
        write_whole(out, json.dumps(report, indent=1, allow_nan=False) + "\n", what=f"The figures {out}")
    if as_json:
        _print_json(report)
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


@train_app.command(
    name="emotion",
    epilog="**Examples**: `attune train emotion --encoder facebook/wav2vec2-base --data manifest.csv "
    "--out run --download` · "
    "`attune train emotion --encoder my-encoder --data manifest.csv --out run --resume`",
)
def train_emotion_command(
    encoder: Annotated[str, typer.Option(help="Wav2Vec2 checkpoint: a folder, or a name on the hub.")],
    data: Annotated[Path, typer.Option(help="Manifest of the corpora, or folder of prepared speech.")],
    out: Annotated[Path, typer.Option(help="Folder of the training.")],
    layers: Annotated[
        int | None, typer.Option(help="Layers of the encoder that are kept; by default all.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs at most.")] = 20,
    views: Annotated[
        int, typer.Option(min=1, help="Windows cached of each clip: the plain one and augmented ones.")
    ] = 4,
    branches: Annotated[Branches, typer.Option(help="What the network is made of.")] = Branches.HYBRID,
    noise: Annotated[
        Path | None, typer.Option(help="Folder or tar of recorded noise; by default pink noise is made.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    download: Annotated[bool, typer.Option("--download", help="The checkpoint may be fetched.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where this training stopped.")] = False,
) -> None:
    """Train the emotion model's head on a frozen encoder; interrupted, it goes on with --resume."""
    train = _training_module()
    from models.training.report.conditions import read_recordings  # noqa: PLC0415

    use_encoder, use_spectrogram = train.BRANCHES[branches.value]
    head = train.HeadSettings(
        epochs=epochs, use_encoder=use_encoder, use_spectrogram=use_spectrogram, seed=seed
    )
    plan = train.TrainPlan(encoder=encoder, n_layers=layers, views=views, head=head)
    try:
        with _evaluation_progress() as tell:
            record = train.train_emotion(
                plan,
                data,
                out,
                cache_dir() / "training" / "emotion" / "features",
                noise=read_recordings(noise) if noise else (),
                download=download,
                resume=resume,
                on_progress=tell,
            )
    except KeyboardInterrupt:
        typer.echo("Interrupted: what was cached and trained is kept, --resume goes on from there.", err=True)
        raise typer.Exit(130) from None
    ua, others = record["validation"]["ua"], record["data"]["validation_clips"]
    typer.echo(
        f"Wrote {out}: epoch {record['best_epoch']} is the best, UA {ua:.1%} on {others} clips of other "
        f"speakers, temperature {record['temperature']:.3f}."
    )


DataOption = Annotated[Path, typer.Option(help="Folder with manifest.csv and emobox_folds.csv.")]
NoiseOption = Annotated[
    Path | None, typer.Option(help="Folder with esc10.tar and emotify.tar; by default there is no noise.")
]
TeacherOption = Annotated[
    Path | None, typer.Option(help="YAMNet's weights (npz) for encoders to imitate; by default none.")
]
RunOption = Annotated[
    Path, typer.Option(help="Folder of encoders, features and heads; kept and gone on with.")
]
ThreadsOption = Annotated[int, typer.Option(min=1, help="Threads of torch.")]
BudgetOption = Annotated[
    float, typer.Option(min=0.001, help="Share of the windows that each encoder is to see; 1 is all.")
]


@train_app.command(
    name="encoders",
    epilog="**Examples**: `attune train encoders --data speech --noise music --run run` · "
    "`attune train encoders --data speech --noise music --run run --only shipped --threads 1`",
)
def train_encoders_command(
    data: DataOption,
    run: RunOption,
    noise: NoiseOption = None,
    teacher: TeacherOption = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Name of an encoder, and those it starts from; repeatable.")
    ] = None,
    threads: ThreadsOption = 2,
    budget: BudgetOption = 1.0,
) -> None:
    """Train the compact encoder once for each set of speakers it must not hear; go on where it stopped."""
    _training_module()
    from models.training.emotion import protocols, runner  # noqa: PLC0415

    with _evaluation_progress() as tell:
        workshop = runner.open_workshop(data, noise, run, teacher=teacher, threads=threads, budget=budget)
        plans = protocols.encoder_plans(workshop.cache.clips, protocols.read_folds(data))
        unknown = [name for name in only or () if name not in plans]
        if unknown:
            raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(plans)}.", param_hint="--only")
        names = list(only or plans)
        for done, name in enumerate(names):
            tell(f"encoder {name}", done, len(names))
            runner.train_encoder(workshop, plans, name)
    typer.echo(f"The encoders {', '.join(names)} lie in {run / 'encoders'}.")


@train_app.command(
    name="shipped",
    epilog="**Examples**: `attune train shipped --data speech --noise music --run run --out emotion.onnx`",
)
def train_shipped_command(
    data: DataOption,
    run: RunOption,
    out: Annotated[Path, typer.Option(help="ONNX file to write; its figures go beside it, as .json.")],
    noise: NoiseOption = None,
    teacher: TeacherOption = None,
    threads: ThreadsOption = 2,
    budget: BudgetOption = 1.0,
) -> None:
    """Make the emotion model that is shipped: on all corpora, sure of itself only where it is at home."""
    _training_module()
    from models.training.emotion import protocols, runner, ship  # noqa: PLC0415
    from models.training.report import files  # noqa: PLC0415

    files.check_libraries()
    with _evaluation_progress() as tell:
        workshop = runner.open_workshop(data, noise, run, teacher=teacher, threads=threads, budget=budget)
        folds, command = protocols.read_folds(data), shlex.join(["attune", *sys.argv[1:]])
        record = ship.ship(workshop, folds, out, command=command, on_progress=tell)
    chosen = record["confidence"]
    typer.echo(
        f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB); confidence by {chosen['signals']}, "
        f"strangers weigh {chosen['stranger_weight']}."
    )
    typer.echo(record["int8"]["note"])
    for name, why in record["protocols_missing"].items():
        typer.echo(f"Not in the record: {name} {why}.", err=True)


@evaluate_app.command(
    name="protocols",
    epilog="**Examples**: `attune evaluate protocols --data speech --noise music --run run` · "
    "`attune evaluate protocols --data speech --noise music --run run --protocol emodb_5fold`",
)
def evaluate_protocols_command(
    data: DataOption,
    run: RunOption,
    noise: NoiseOption = None,
    teacher: TeacherOption = None,
    protocol: Annotated[list[str] | None, typer.Option(help="Table to make; by default all.")] = None,
    branch: Annotated[
        list[Branches] | None, typer.Option(help="Network to test; by default each, for the ablation.")
    ] = None,
    threads: ThreadsOption = 2,
    budget: BudgetOption = 1.0,
    as_json: JsonFlag = False,
) -> None:
    """Mean class recall on the published folds, training what is missing; keeps protocols.json in --run."""
    _training_module()
    from models.training.emotion import protocols, runner, tables  # noqa: PLC0415

    with _evaluation_progress() as tell:
        workshop = runner.open_workshop(data, noise, run, teacher=teacher, threads=threads, budget=budget)
        results = tables.run_protocols(
            workshop,
            protocols.read_folds(data),
            protocol or list(tables.PROTOCOLS),
            [one.value for one in branch or Branches],
            on_progress=tell,
        )
    found = tables.keep_tables(workshop, results, command=shlex.join(["attune", *sys.argv[1:]]))
    if as_json:
        _print_json(found)
        return
    table = Table("protocol", "network", "clips", "speakers", "UA", "UA pooled", "WA")
    for name, rows in found.items():
        for network, row in rows.items():
            shares = (f"{row[key]:.1%}" for key in ("ua", "ua_pooled", "wa"))
            table.add_row(tables.PROTOCOLS[name], network, str(row["n"]), str(row["speakers"]), *shares)
    Console().print(table)


def export_command(
    run: Annotated[Path, typer.Argument(help="Folder of a training.")],
    out: Annotated[Path, typer.Option(help="ONNX file to write.")],
    int8: Annotated[bool, typer.Option("--int8", help="Matrices in 8 bits, if it answers alike.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write it even if it answers otherwise.")] = False,
    download: Annotated[bool, typer.Option("--download", help="The encoder may be fetched again.")] = False,
) -> None:
    """Write a trained emotion model as one ONNX file, from waveform to logits."""
    agreement = _training_module().export_run(run, out, int8=int8, force=force, download=download)
    said = f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB)"
    if agreement is not None:
        said += (
            f"; the same emotion on {agreement.argmax:.1%} and the same gate output on {agreement.gate:.1%} "
            f"of {agreement.windows} windows"
        )
    typer.echo(said + ".")


def _training_module() -> Any:
    """The module that trains, or one sentence on the library that it lacks."""
    try:
        from models.training.emotion import train  # noqa: PLC0415 - no door starts with training
    except ModuleNotFoundError as error:
        raise ModelError(
            f"The library {error.name!r} is missing: run `pip install -e '.[train]' -c constraints.txt`."
        ) from error
    return train


@contextmanager
def _evaluation_progress() -> Iterator[Callable[[str, int, int], None]]:
    """What goes on, on standard error: a bar, on a terminal only, and above it what trainings log."""
    console = Console(stderr=True)
    with (
        Progress(
            *Progress.get_default_columns()[:2],
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        ) as progress,
        _log_shown(console),
    ):
        task = progress.add_task("starting", total=None)

        def tell(what: str, done: int, total: int) -> None:
            if progress.tasks[0].description != escape(what):
                progress.reset(task, description=escape(what))
            progress.update(task, completed=done, total=total)

        yield tell


class _Shown(logging.Handler):
    """Prints log lines as they are; a bar below them stays whole, for it is drawn on the same console."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._console.print(self.format(record), highlight=False, markup=False, soft_wrap=True)
        except Exception:  # noqa: BLE001 - a line that cannot be shown must not end a training
            self.handleError(record)


@contextmanager
def _log_shown(console: Console) -> Iterator[None]:
    """Show what the modules of training log, from INFO on, while it lasts."""
    log, shown = logging.getLogger("models.training"), _Shown(console)
    level = log.level
    log.addHandler(shown)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(shown)
        log.setLevel(level)

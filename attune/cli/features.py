"""`attune features`: what classical analysis says of sound files, and music prepared for training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import MofNCompleteColumn, TimeRemainingColumn

from attune.cli import console
from attune.cli.sound_inputs import FilesArgument, SoundInput, sound_inputs
from core.errors import AttuneError, AudioDecodeError, DataError
from core.files import write_atomic
from core.settings import load_settings
from core.text import pluralize, printable

app = console.command_app()

OutFolder = Annotated[Path | None, typer.Option(help="Folder to write into.")]
OverwriteFlag = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")]


class SoundFormat(StrEnum):
    """What sound is written as."""

    WAV = "wav"
    FLAC = "flac"
    OGG = "ogg"


@app.command(
    epilog="**Examples**: `attune features extract song.mp3` · "
    "`attune features extract --summary song.mp3` · `attune features extract music/ --out features` · "
    "`attune features extract --json song.mp3 | jq .features.tempo`",
)
def extract(
    files: FilesArgument,
    out: OutFolder = None,
    summary: Annotated[bool, typer.Option("--summary", help="Print the features by group.")] = False,
    as_json: console.JsonFlag = False,
) -> None:
    """Compute the 103 classical features of sounds, and write NAME_features.json for each.

    The files go into --out; without it into the current folder, unless --summary or --json prints them.
    """
    from models.track.feature_file import ENDING, features_to_dict, write_features  # noqa: PLC0415 - not at start
    from models.track.features import FEATURES, extract_features  # noqa: PLC0415
    from models.track.librosa_library import load_librosa  # noqa: PLC0415

    load_librosa()
    folder = out or (None if summary or as_json else Path())

    def one(sound: SoundInput, stem: str) -> None:
        vector = extract_features(_decoded(sound))
        if folder is not None:
            path = folder / f"{stem}{ENDING}"
            write_features(path, vector, {"filename": Path(sound.name).name, "sample_rate": _rate_hz()})
            if not as_json:
                console.say(f"Wrote {path}.")
        if as_json:
            console.print_json({"name": sound.name, "features": features_to_dict(vector)})
        elif summary:
            rows = [
                (feature.group, feature.name, f"{value:.6g}", feature.about)
                for feature, value in zip(FEATURES, vector.tolist(), strict=True)
            ]
            console.print_table(("group", "feature", "value", "what it is"), rows, title=sound.name)

    _for_each(files, one)


@app.command(
    epilog="**Examples**: `attune features spectrogram song.mp3` · "
    "`attune features spectrogram --png music/ --out pictures`",
)
def spectrogram(
    files: FilesArgument,
    out: OutFolder = None,
    png: Annotated[bool, typer.Option("--png", help="Draw it as NAME_spectrogram.png, too.")] = False,
) -> None:
    """Write the spectrogram of 128 mel bands, in dB, of sounds as NAME_spectrogram.npy."""
    from models.track.librosa_library import load_librosa  # noqa: PLC0415 - not at start
    from models.track.spectrogram import draw_spectrogram, mel_spectrogram, npy_bytes  # noqa: PLC0415

    load_librosa()

    def one(sound: SoundInput, stem: str) -> None:
        values = mel_spectrogram(_decoded(sound))
        contents = {"npy": npy_bytes(values)}
        if png:
            contents["png"] = draw_spectrogram(values, title=printable(Path(sound.name).name))
        for suffix, content in contents.items():
            path = (out or Path()) / f"{stem}_spectrogram.{suffix}"
            write_atomic(path, content, what=f"The file {path}")
            console.say(f"Wrote {path} ({values.shape[0]} bands, {values.shape[1]} frames).")

    _for_each(files, one)


@app.command(
    epilog="**Examples**: `attune features preprocess music --out prepared` · "
    "`attune features preprocess music --out prepared --labels labels.csv --embeddings` · "
    "`attune features preprocess genres --out prepared --folder-label genre`",
)
def preprocess(
    folder: Annotated[Path, typer.Argument(help="Folder of music.")],
    out: Annotated[Path, typer.Option(help="Folder to write; gone on with where it is there.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV with the column filename, and any of genre, mood, bpm, key, artist, split, ..."
        ),
    ] = None,
    folder_label: Annotated[
        str, typer.Option(help="Label that the names of folders are, such as genre; by default none.")
    ] = "",
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Write YAMNet's embeddings over time, too.")
    ] = False,
    as_json: console.JsonFlag = False,
) -> None:
    """Prepare music for training: features, spectrograms, manifest and statistics.

    Ctrl-C stops, and the same command goes on there. Files that cannot be used are named; the rest goes on.
    """
    from models.mood.backbone import load_backbone  # noqa: PLC0415 - not at start
    from training.track.preprocess import preprocess as prepare  # noqa: PLC0415 - no door starts with training

    settings = load_settings(journal=False)
    backbone = None
    if embeddings:
        backbone = load_backbone(settings.mood_backbone, threads=settings.threads, provider=settings.provider)
    with (
        console.interruptible("" if as_json else "Stopped: what was computed is kept, and goes on there."),
        console.progress(MofNCompleteColumn(), TimeRemainingColumn()) as progress,
    ):
        task = progress.add_task("Looking through the folder", total=None)
        done = prepare(
            folder,
            out,
            labels=labels,
            folder_label=folder_label,
            backbone=backbone,
            max_minutes=settings.max_file_minutes,
            on_progress=lambda name, done, total: progress.update(
                task, description=printable(name), completed=done, total=total
            ),
        )
    if as_json:
        console.print_json(
            asdict(done) | {"manifest": str(done.manifest), "statistics": str(done.statistics)}
        )
    else:
        for fault in done.faults:
            console.note(f"{fault.entry}: {fault.reason}")
        kept = done.entries - done.computed
        console.say(
            f"Wrote {done.manifest}: {pluralize(done.entries, 'file')}, {kept} of them known already; "
            f"{pluralize(len(done.faults), 'fault')}. {done.statistics} has their statistics."
        )
    if done.faults:
        raise typer.Exit(1)


@app.command(
    epilog="**Examples**: `attune features info song.mp3` · `attune features info music/ --csv` · "
    "`attune features info prepared/dataset_manifest.json`",
)
def info(files: FilesArgument, as_json: console.JsonFlag = False, as_csv: console.CsvFlag = False) -> None:
    """Say what sound files hold: format, rate, channels, length; of prepared music, how often each label."""
    from models.sound_files import SoundInfo, sound_info  # noqa: PLC0415 - not at start

    manifests = [name for name in files if _is_manifest(name)]
    if manifests and len(manifests) < len(files):
        raise typer.BadParameter("name sound files or manifests, not both.", param_hint="FILE...")
    if manifests:
        _manifest_info(manifests, as_json=as_json, as_csv=as_csv)
        return
    max_minutes = load_settings(journal=False).max_file_minutes
    found: list[SoundInfo] = []
    failed = False
    for sound in sound_inputs(files):
        try:
            if isinstance(sound, AttuneError):
                raise sound
            found.append(sound_info(_path(sound), max_minutes=max_minutes))
        except AttuneError as error:
            failed = True
            console.say_error(str(error))
    rows = [
        (
            one.name,
            one.format,
            f"{one.sample_rate} Hz",
            one.channels,
            console.duration_text(one.duration, decimals=2),
            f"{one.size_bytes / 2**20:.2f} MB",
        )
        for one in found
    ]
    columns = ("file", "format", "rate", "channels", "length", "size")
    if found or as_json or as_csv:
        console.print_data(console.table_of(SoundInfo, found, columns, rows), as_json=as_json, as_csv=as_csv)
    for one in found:
        for notice in one.notices:
            console.note(notice)
    if failed:
        raise typer.Exit(1)


@app.command(
    epilog="**Examples**: `attune features convert song.m4a --out wav` · "
    "`attune features convert music/ --out flac --format flac --rate 22050 --channels 1`",
)
def convert(
    files: FilesArgument,
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    audio_format: Annotated[SoundFormat, typer.Option("--format", help="What is written.")] = SoundFormat.WAV,
    rate: Annotated[
        int | None, typer.Option(min=8_000, max=192_000, help="Sample rate in Hz; by default the file's own.")
    ] = None,
    channels: Annotated[
        int | None, typer.Option(min=1, max=2, help="1 or 2; by default the file's own.")
    ] = None,
    overwrite: OverwriteFlag = False,
) -> None:
    """Write sounds in another format, at another rate or with other channels."""
    from models.sound_files import convert_audio  # noqa: PLC0415 - not at start

    max_minutes = load_settings(journal=False).max_file_minutes

    def one(sound: SoundInput, stem: str) -> None:
        target = out / f"{stem}.{audio_format}"
        convert_audio(
            _path(sound),
            target,
            rate_hz=rate,
            channels=channels,
            overwrite=overwrite,
            max_minutes=max_minutes,
        )
        console.say(f"Wrote {target}.")

    _for_each(files, one)


@app.command(
    epilog="**Examples**: `attune features split song.mp3 --out segments --seconds 30` · "
    "`attune features split music/ --out segments --seconds 10 --overlap 5 --format flac`",
)
def split(
    files: FilesArgument,
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    seconds: Annotated[float, typer.Option(min=0.1, help="Length of a segment.")] = 30.0,
    overlap: Annotated[float, typer.Option(min=0.0, help="Seconds that two neighbours share.")] = 0.0,
    audio_format: Annotated[SoundFormat, typer.Option("--format", help="What is written.")] = SoundFormat.WAV,
    overwrite: OverwriteFlag = False,
) -> None:
    """Cut sounds into segments, NAME_segment_000 and so on; a rest shorter than half of one is left out."""
    from models.sound_files import split_audio  # noqa: PLC0415 - not at start

    if overlap >= seconds:
        raise typer.BadParameter("it must be shorter than a segment.", param_hint="--overlap")
    max_minutes = load_settings(journal=False).max_file_minutes

    def one(sound: SoundInput, stem: str) -> None:
        made = split_audio(
            _path(sound),
            (out / stem).parent,
            segment_s=seconds,
            overlap_s=overlap,
            suffix=audio_format.value,
            overwrite=overwrite,
            max_minutes=max_minutes,
        )
        console.say(f"{sound.name}: wrote {pluralize(len(made), 'segment')} into {(out / stem).parent}.")

    _for_each(files, one)


def _for_each(files: Sequence[str], do: Callable[[SoundInput, str], None]) -> None:
    """Do something with each sound and the name of what is written of it; tell what goes wrong."""
    failed = False
    with console.interruptible():
        for sound, stem in _named(list(sound_inputs(files))):
            try:
                if isinstance(sound, AttuneError):
                    raise sound
                do(sound, stem)
            except AttuneError as error:
                failed = True
                console.say_error(str(error))
    if failed:
        raise typer.Exit(1)


def _named(
    sounds: Sequence[SoundInput | AttuneError],
) -> Iterator[tuple[SoundInput | AttuneError, str]]:
    """Names of what is written of each sound: its own, and of those that share one, with their folders."""
    paths = {
        sound.name: Path(sound.name).absolute()
        for sound in sounds
        if isinstance(sound, SoundInput) and isinstance(sound.content, Path)
    }
    counts = Counter(path.stem for path in paths.values())
    for sound in sounds:
        path = None if isinstance(sound, AttuneError) else paths.get(sound.name)
        if path is None:
            yield sound, "standard_input"
        elif counts[path.stem] == 1:
            yield sound, path.stem
        else:
            yield sound, f"{path.parent.name}_{path.name}" if path.parent.name else path.name


def _decoded(sound: SoundInput) -> Any:
    from models.audio import decode  # noqa: PLC0415 - not at start

    name = sound.name if isinstance(sound.content, bytes) else ""
    return decode(sound.content, max_minutes=load_settings(journal=False).max_file_minutes, name=name)


def _rate_hz() -> int:
    from models.resample import SAMPLE_RATE_HZ  # noqa: PLC0415 - not at start

    return SAMPLE_RATE_HZ


def _path(sound: SoundInput) -> Path:
    if isinstance(sound.content, bytes):
        raise AudioDecodeError("Standard input is no file: save it as one, and name that.")
    return sound.content


def _is_manifest(name: str) -> bool:
    """Whether it is called like a manifest, or is a folder that `preprocess` wrote."""
    return name.lower().endswith(".json") or (Path(name) / "dataset_manifest.json").is_file()


def _manifest_info(names: Sequence[str], *, as_json: bool, as_csv: bool) -> None:
    from training.track.readers.manifest import read_track_manifest  # noqa: PLC0415 - no door starts with it
    from training.track.summary import LabelCount, count_labels  # noqa: PLC0415

    counts: list[LabelCount] = []
    failed = False
    for name in names:
        try:
            dataset = read_track_manifest(Path(name))
        except DataError as error:
            failed = True
            console.say_error(str(error))
            continue
        counts += count_labels(dataset)
        for fault in dataset.faults:
            console.note(f"{fault.entry}: {fault.reason}")
    rows = [(one.dataset, one.task, one.label, one.entries, one.groups) for one in counts]
    columns = ("dataset", "task", "label", "entries", "groups")
    if counts or as_json or as_csv:
        console.print_data(
            console.table_of(LabelCount, counts, columns, rows), as_json=as_json, as_csv=as_csv
        )
    if failed:
        raise typer.Exit(1)

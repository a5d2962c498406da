"""The terminal's commands that make models: `attune train` and `export`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cli_shared import (
    Branches,
    BudgetOption,
    DataOption,
    EncoderOption,
    JamendoOption,
    MoodRunOption,
    NoiseOption,
    QuadrantsOption,
    RunOption,
    ThreadsOption,
    command_line,
    progress,
    training_module,
)
from core.paths import cache_dir
from core.settings import load_settings

__all__ = ["add_commands", "train_app"]

train_app = typer.Typer(help="Train models (needs the extra `train`).", no_args_is_help=True)


def add_commands(app: typer.Typer) -> None:
    """Add every command of this module to the program's."""
    app.add_typer(train_app, name="train")
    app.command(
        name="export",
        epilog="**Examples**: `attune export run --out emotion.onnx` · "
        "`attune export run --out emotion-int8.onnx --int8`",
    )(export_command)


@train_app.command(
    name="emotion",
    epilog="**Examples**: `attune train emotion --encoder facebook/wav2vec2-base --data manifest.csv "
    "--out run --download` · "
    "`attune train emotion --encoder my-encoder --data manifest.csv --out run --resume`",
)
def train_emotion_command(
    encoder: Annotated[
        str,
        typer.Option(
            help="Checkpoint of Wav2Vec2, HuBERT, WavLM or Whisper: a folder, or a name on the hub."
        ),
    ],
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
    train = training_module()
    from models.training.data.recordings import read_recordings  # noqa: PLC0415

    use_pooled, use_encoder, use_spectrogram = train.BRANCHES[branches.value]
    head = train.HeadSettings(
        epochs=epochs,
        use_pooled=use_pooled,
        use_encoder=use_encoder,
        use_spectrogram=use_spectrogram,
        seed=seed,
    )
    plan = train.TrainPlan(encoder=encoder, n_layers=layers, views=views, head=head)
    try:
        with progress() as tell:
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


@train_app.command(
    name="encoder",
    epilog="**Example**: `attune models fetch whisper` · `attune train encoder --data data --run run "
    "--out models/weights/emotion-compact-encoder --prompts /usr/share/asterisk/sounds`",
)
def train_encoder_command(
    data: Annotated[
        Path, typer.Option(help="Folder with speech/librispeech_ordinary.tar, music/esc10.tar, emotify.tar.")
    ],
    run: RunOption,
    out: Annotated[Path, typer.Option(help="Folder of the encoder to write.")],
    prompts: Annotated[
        Path | None, typer.Option(help="Folder of Asterisk's voice prompts (g722), one folder a voice.")
    ] = None,
    teacher: Annotated[
        Path | None, typer.Option(help="Whisper base (model.bin); by default the fetched one.")
    ] = None,
    unheard: Annotated[
        Path | None, typer.Option(help="Speech that the figures are about, never heard: manifest or folder.")
    ] = None,
    threads: ThreadsOption = 2,
) -> None:
    """Teach the compact encoder by Whisper's; interrupted, the same command goes on."""
    training_module()
    from models.training.whisper import ship  # noqa: PLC0415

    with progress() as tell:
        record = ship.ship_encoder(
            data,
            prompts,
            teacher,
            unheard,
            run,
            out,
            threads=threads,
            command=command_line(),
            on_progress=tell,
        )
    typer.echo(
        f"Wrote {out}: of speech that it never heard it says {record['teacher_variance']:.1%} of the "
        f"variance of its teacher's block 3 ({record['narrowed_variance']:.1%} before the training with "
        "gradients)."
    )


@train_app.command(
    name="shipped",
    epilog="**Examples**: `attune train shipped --data speech --noise music --run run --out emotion.onnx`",
)
def train_shipped_command(
    data: DataOption,
    run: RunOption,
    out: Annotated[Path, typer.Option(help="ONNX file to write; its figures go beside it, as .json.")],
    noise: NoiseOption = None,
    encoder: EncoderOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Make the emotion model that is shipped: on all corpora, sure of itself only where it is at home."""
    training_module()
    from models.training.emotion import experiment, ship  # noqa: PLC0415
    from models.training.report import files  # noqa: PLC0415

    files.check_libraries()
    settings = load_settings()
    thresholds = {"energy": settings.energy_threshold, "pleasantness": settings.pleasantness_threshold}
    with progress() as tell:
        opened = experiment.open_experiment(data, noise, run, encoder=encoder, threads=threads)
        record = ship.ship(opened, out, axis_thresholds=thresholds, command=command_line(), on_progress=tell)
    chosen = record["confidence"]
    typer.echo(
        f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB); confidence by {chosen['signals']}, "
        f"strangers weigh {chosen['stranger_weight']}."
    )
    typer.echo(record["int8"]["note"])
    for name, why in record["protocols_missing"].items():
        typer.echo(f"Not in the record: {name} {why}.", err=True)


@train_app.command(
    name="mood",
    epilog="**Examples**: `attune train mood --data jamendo --run run --out mood-head.onnx` · "
    "`attune train mood --data jamendo --run run --out mood-head.onnx --seed 1`",
)
def train_mood_command(
    data: JamendoOption,
    out: Annotated[Path, typer.Option(help="ONNX file to write; its figures go beside it, as .json.")],
    run: MoodRunOption,
    quadrants: QuadrantsOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    threads: ThreadsOption = 1,
) -> None:
    """Train the mood head on track embeddings of MTG-Jamendo; interrupted, the same command goes on."""
    training_module()
    from models.training.mood import head, jamendo, moods, ship  # noqa: PLC0415

    settings = head.MoodSettings(seed=seed, threads=threads)
    with progress() as tell:
        record = ship.ship_mood(
            jamendo.read_jamendo(data),
            out,
            run,
            settings,
            quadrants=moods.read_quadrants(quadrants) if quadrants else None,
            command=command_line(),
            on_progress=tell,
        )
    figures = record["official_test"]["official_56_tags"]
    typer.echo(
        f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB): mean PR-AUC {figures['macro_pr_auc']:.4f} and "
        f"ROC-AUC {figures['macro_roc_auc']:.4f} on {figures['tracks']} tracks by artists it never heard."
    )


@train_app.command(
    name="yamnet",
    epilog="**Example**: `attune train yamnet --reference yamnet_weights.npz --classes yamnet_class_map.csv "
    "--music music --speech speech --run run --out yamnet-student.onnx`",
)
def train_yamnet_command(
    reference: Annotated[Path, typer.Option(help="YAMNet's weights (npz), whose answers are learned.")],
    classes: Annotated[Path, typer.Option(help="YAMNet's class map (CSV).")],
    music: Annotated[
        Path,
        typer.Option(help="Folder of emotify.tar, esc10.tar, librosa_examples.tar and pop909_midi.tar.gz."),
    ],
    out: Annotated[Path, typer.Option(help="ONNX file to write; its figures go beside it, as .json.")],
    run: RunOption,
    speech: Annotated[
        Path | None, typer.Option(help="Speech that is heard besides: manifest or folder; by default none.")
    ] = None,
    threads: ThreadsOption = 2,
    budget: BudgetOption = 1.0,
) -> None:
    """Train the backbone that hears music: a student of YAMNet; interrupted, the same command goes on."""
    training_module()
    from models.training.yamnet import ship  # noqa: PLC0415

    steps, still = (
        max(1, round(count * budget)) for count in (ship.SETTINGS.steps, ship.SETTINGS.still_steps)
    )
    with progress() as tell:
        record = ship.ship_student(
            reference,
            ship.read_classes(classes),
            music,
            speech,
            run,
            out,
            settings=replace(ship.SETTINGS, steps=steps, still_steps=still, threads=threads),
            command=command_line(),
            on_progress=tell,
        )
    figures = record["music"]["all"]["student"]
    typer.echo(
        f"Wrote {out} ({record['size_bytes'] / 1e6:.1f} MB): on music that it never heard its embeddings "
        f"have a cosine of {figures['cosine']:.3f} with the reference's, its tags a rank correlation of "
        f"{figures['spearman']:.3f}."
    )


@train_app.command(
    name="separator",
    epilog="**Example**: `attune train separator --data speech --music emotify.tar --run run "
    "--out voice-separator.onnx`",
)
def train_separator_command(
    data: DataOption,
    music: Annotated[Path, typer.Option(help="Archive or folder of songs, such as emotify.tar.")],
    out: Annotated[Path, typer.Option(help="ONNX file to write; its figures go beside it, as .json.")],
    run: RunOption,
    threads: ThreadsOption = 2,
    budget: BudgetOption = 1.0,
) -> None:
    """Train what takes music out from behind a voice; interrupted, the same command goes on."""
    training_module()
    from models.training.separator import ship  # noqa: PLC0415

    spectral, joint = (
        max(1, round(count * budget)) for count in (ship.SETTINGS.spectral_steps, ship.SETTINGS.joint_steps)
    )
    with progress() as tell:
        record = ship.ship_separator(
            data,
            music,
            run,
            out,
            settings=replace(ship.SETTINGS, spectral_steps=spectral, joint_steps=joint, threads=threads),
            command=command_line(),
            on_progress=tell,
        )
    figures = record["test"]["10 dB"]
    typer.echo(
        f"Wrote {out} ({record['size_bytes'] / 1e6:.1f} MB): voices over songs 10 dB below, neither of "
        f"which it ever heard, stand out by {figures['si_sdr_after_db']:.1f} dB afterwards, "
        f"{figures['si_sdr_before_db']:.1f} before."
    )


def export_command(
    run: Annotated[Path, typer.Argument(help="Folder of a training.")],
    out: Annotated[Path, typer.Option(help="ONNX file to write.")],
    int8: Annotated[bool, typer.Option("--int8", help="Matrices in 8 bits, if it answers alike.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write it even if it answers otherwise.")] = False,
    download: Annotated[bool, typer.Option("--download", help="The encoder may be fetched again.")] = False,
) -> None:
    """Write a trained emotion model as one ONNX file, from waveform to logits."""
    agreement = training_module().export_run(run, out, int8=int8, force=force, download=download)
    said = f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB)"
    if agreement is not None:
        said += (
            f"; the same emotion on {agreement.argmax:.1%} and the same gate output on {agreement.gate:.1%} "
            f"of {agreement.windows} windows"
        )
    typer.echo(said + ".")

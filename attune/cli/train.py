"""`attune train`: the trainings of all models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from attune.cli import console, heads
from attune.cli import training_options as options
from attune.cli.train_track import training_command
from core.paths import cache_dir
from core.settings import load_settings

app = console.command_app()

OutOption = Annotated[Path, typer.Option(help="ONNX file to write; its figures go beside it, as .json.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]


@app.command(
    epilog="**Examples**: `attune train emotion --encoder facebook/wav2vec2-base --data manifest.csv "
    "--out run --download` · "
    "`attune train emotion --encoder my-encoder --data manifest.csv --out run --resume`",
)
def emotion(
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
    branches: Annotated[
        options.Branches, typer.Option(help="What the network is made of.")
    ] = options.Branches.HYBRID,
    noise: Annotated[
        Path | None, typer.Option(help="Folder or tar of recorded noise; by default pink noise is made.")
    ] = None,
    seed: SeedOption = 0,
    download: Annotated[bool, typer.Option("--download", help="The checkpoint may be fetched.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where this training stopped.")] = False,
) -> None:
    """Train the emotion model's head on a frozen encoder; interrupted, it goes on with --resume."""
    options.require_training()
    from training.data.recordings import read_recordings  # noqa: PLC0415
    from training.emotion.heads import HeadSettings  # noqa: PLC0415
    from training.emotion.train import TrainPlan, train_emotion  # noqa: PLC0415

    head = HeadSettings(epochs=epochs, seed=seed).with_branches(branches.value)
    plan = TrainPlan(encoder=encoder, n_layers=layers, views=views, head=head)
    kept = "Interrupted: what was cached and trained is kept, --resume goes on from there."
    with console.interruptible(kept), console.training_progress() as report:
        record = train_emotion(
            plan,
            data,
            out,
            cache_dir() / "training" / "emotion" / "features",
            noise=read_recordings(noise) if noise else (),
            download=download,
            resume=resume,
            on_progress=report,
        )
    ua, others = record["validation"]["ua"], record["data"]["validation_clips"]
    console.say(
        f"Wrote {out}: epoch {record['best_epoch']} is the best, UA {ua:.1%} on {others} clips of other "
        f"speakers, temperature {record['temperature']:.3f}."
    )


@app.command(
    epilog="**Example**: `attune models fetch whisper` · `attune train encoder --data data --run run "
    "--out models/weights/emotion-compact-encoder --prompts /usr/share/asterisk/sounds`",
)
def encoder(
    data: Annotated[
        Path, typer.Option(help="Folder with speech/librispeech_ordinary.tar, music/esc10.tar, emotify.tar.")
    ],
    run: options.RunOption,
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
    threads: options.ThreadsOption = 2,
) -> None:
    """Teach the compact encoder by Whisper's; interrupted, the same command goes on."""
    options.require_training()
    from training.whisper import release  # noqa: PLC0415

    with console.training_progress() as report:
        record = release.release_encoder(
            data,
            prompts,
            teacher,
            unheard,
            run,
            out,
            threads=threads,
            command=options.command_line(),
            on_progress=report,
        )
    console.say(
        f"Wrote {out}: of speech that it never heard it says {record['teacher_variance']:.1%} of the "
        f"variance of its teacher's block 3 ({record['narrowed_variance']:.1%} before the training with "
        "gradients)."
    )


@app.command(
    epilog="**Examples**: `attune train shipped --data speech --noise music --run run --out emotion.onnx`",
)
def shipped(
    data: options.DataOption,
    run: options.RunOption,
    out: OutOption,
    noise: options.NoiseOption = None,
    encoder: options.EncoderOption = None,
    threads: options.ThreadsOption = 2,
) -> None:
    """Make the emotion model that is shipped: on all corpora, sure of itself only where it is at home."""
    options.require_training()
    from training.emotion import experiment, release  # noqa: PLC0415
    from training.libraries import require_libraries  # noqa: PLC0415
    from training.report import files  # noqa: PLC0415

    require_libraries(*files.REPORT_LIBRARIES)
    settings = load_settings()
    thresholds = {"energy": settings.energy_threshold, "pleasantness": settings.pleasantness_threshold}
    with console.training_progress() as report:
        opened = experiment.open_experiment(data, noise, run, encoder=encoder, threads=threads)
        record = release.release_emotion_model(
            opened, out, axis_thresholds=thresholds, command=options.command_line(), on_progress=report
        )
    chosen = record["confidence"]
    console.say(
        f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB); confidence by {chosen['signals']}, "
        f"unseen corpora weigh {chosen['stranger_weight']}."
    )
    console.say(record["int8"]["note"])
    for name, why in record["protocols_missing"].items():
        console.note(f"Not in the record: {name} {why}.", style="")


@app.command(
    epilog="**Examples**: `attune train mood --data jamendo --run run --out mood-head.onnx` · "
    "`attune train mood --data jamendo --run run --out mood-head.onnx --seed 1`",
)
def mood(
    data: options.JamendoOption,
    out: OutOption,
    run: options.MoodRunOption,
    quadrants: options.QuadrantsOption = None,
    seed: SeedOption = 0,
    threads: options.ThreadsOption = 1,
) -> None:
    """Train the mood head on track embeddings of MTG-Jamendo; interrupted, the same command goes on."""
    options.require_training()
    from training.mood import head, jamendo, moods, release  # noqa: PLC0415

    settings = head.MoodSettings(seed=seed, threads=threads)
    with console.training_progress() as report:
        record = release.release_mood_head(
            jamendo.read_jamendo(data),
            out,
            run,
            settings,
            quadrants=moods.read_quadrants(quadrants) if quadrants else None,
            command=options.command_line(),
            on_progress=report,
        )
    figures = record["official_test"]["official_56_tags"]
    console.say(
        f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB): mean PR-AUC {figures['macro_pr_auc']:.4f} and "
        f"ROC-AUC {figures['macro_roc_auc']:.4f} on {figures['tracks']} tracks by artists it never heard."
    )


app.command(
    "track",
    epilog="**Examples**: `attune train track --data prepared --use-spectrograms --use-features` · "
    "`attune train track --config track.yaml --resume results/track`",
)(training_command("", "track", "Train one network of genre, mood, tempo and key on tracks of your own."))
app.command(
    "va",
    epilog="**Examples**: `attune train va --data DEAM --inputs prepared` · "
    "`attune train va --data DEAM --inputs prepared --window-seconds 3`",
)(training_command("va", "va", "Train valence and arousal on annotations of DEAM, emoMusic or PMEmo."))
app.command(
    "gems",
    epilog="**Example**: `attune train gems --data emotify --inputs prepared --balance smote`",
)(training_command("gems", "gems", "Train the nine emotions of music on Emotify."))


@app.command(
    epilog="**Example**: `attune train yamnet --reference yamnet_weights.npz --classes yamnet_class_map.csv "
    "--music music --speech speech --run run --out yamnet-student.onnx`",
)
def yamnet(
    reference: Annotated[Path, typer.Option(help="YAMNet's weights (npz), whose answers are learned.")],
    classes: Annotated[Path, typer.Option(help="YAMNet's class map (CSV).")],
    music: Annotated[
        Path,
        typer.Option(help="Folder of emotify.tar, esc10.tar, librosa_examples.tar and pop909_midi.tar.gz."),
    ],
    out: OutOption,
    run: options.RunOption,
    speech: Annotated[
        Path | None, typer.Option(help="Speech that is heard besides: manifest or folder; by default none.")
    ] = None,
    threads: options.ThreadsOption = 2,
    budget: options.BudgetOption = 1.0,
) -> None:
    """Train the backbone that hears music: a student of YAMNet; interrupted, the same command goes on."""
    options.require_training()
    from training.yamnet import release  # noqa: PLC0415

    steps, still = (
        max(1, round(count * budget)) for count in (release.SETTINGS.steps, release.SETTINGS.still_steps)
    )
    with console.training_progress() as report:
        record = release.release_student(
            reference,
            release.read_classes(classes),
            music,
            speech,
            run,
            out,
            settings=replace(release.SETTINGS, steps=steps, still_steps=still, threads=threads),
            command=options.command_line(),
            on_progress=report,
        )
    figures = record["music"]["all"]["student"]
    console.say(
        f"Wrote {out} ({record['size_bytes'] / 1e6:.1f} MB): on music that it never heard its embeddings "
        f"have a cosine of {figures['cosine']:.3f} with the reference's, its tags a rank correlation of "
        f"{figures['spearman']:.3f}."
    )


@app.command(
    epilog="**Example**: `attune train separator --data speech --music emotify.tar --run run "
    "--out voice-separator.onnx`",
)
def separator(
    data: options.DataOption,
    music: Annotated[Path, typer.Option(help="Archive or folder of songs, such as emotify.tar.")],
    out: OutOption,
    run: options.RunOption,
    threads: options.ThreadsOption = 2,
    budget: options.BudgetOption = 1.0,
) -> None:
    """Train what takes music out from behind a voice; interrupted, the same command goes on."""
    options.require_training()
    from training.separator import release  # noqa: PLC0415

    spectral, joint = (
        max(1, round(count * budget))
        for count in (release.SETTINGS.spectral_steps, release.SETTINGS.joint_steps)
    )
    with console.training_progress() as report:
        record = release.release_separator(
            data,
            music,
            run,
            out,
            settings=replace(release.SETTINGS, spectral_steps=spectral, joint_steps=joint, threads=threads),
            command=options.command_line(),
            on_progress=report,
        )
    figures = record["test"]["10 dB"]
    console.say(
        f"Wrote {out} ({record['size_bytes'] / 1e6:.1f} MB): voices over songs 10 dB below, neither of "
        f"which it ever heard, stand out by {figures['si_sdr_after_db']:.1f} dB afterwards, "
        f"{figures['si_sdr_before_db']:.1f} before."
    )


app.command(name="heads", epilog=heads.TRAIN_EXAMPLES)(heads.train_heads)

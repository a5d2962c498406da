"""`attune train track|va|gems`: networks of several tasks on tracks, with all their options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from attune.cli import console
from attune.cli import training_options as options

DataOption = Annotated[
    Path | None,
    typer.Option(help="A dataset_manifest.json, a table of annotations, or the folder that holds them."),
]
InputsOption = Annotated[
    Path | None,
    typer.Option(
        help="What `attune features preprocess` made of the music, or embeddings (npz); by default what lies "
        "beside the data."
    ),
]
ConfigOption = Annotated[
    Path | None, typer.Option(help="YAML file of options, by their names; the command line goes before it.")
]
ModelTypeOption = Annotated[
    str | None, typer.Option(help="How the network looks along time: cnn, rnn, cnn-gru or cnn-lstm.")
]
SpectrogramsOption = Annotated[
    bool | None,
    typer.Option("--use-spectrograms/--no-spectrograms", help="By default all inputs that the data have."),
]
FeaturesOption = Annotated[
    bool | None, typer.Option("--use-features/--no-features", help="The 103 classical features.")
]
EmbeddingsOption = Annotated[
    bool | None, typer.Option("--use-embeddings/--no-embeddings", help="Embeddings of the backbone.")
]
EpochsOption = Annotated[int | None, typer.Option(help="Epochs at most. [default: 50]")]
BatchOption = Annotated[int | None, typer.Option(help="Entries in a batch. [default: 32]")]
RateOption = Annotated[float | None, typer.Option(help="Learning rate at the beginning. [default: 0.001]")]
DeviceOption = Annotated[str | None, typer.Option(help="cpu or cuda. [default: cpu]")]
WorkersOption = Annotated[int | None, typer.Option(help="Further processes that make batches. [default: 0]")]
ThreadsOption = Annotated[
    int | None, typer.Option(help="Threads of torch; 2 or more help with spectrograms. [default: 1]")
]
ResumeOption = Annotated[
    Path | None, typer.Option(help="Checkpoint, or folder of a training, to go on from.")
]
OutputOption = Annotated[Path | None, typer.Option(help="Folder of all experiments. [default: results]")]
NameOption = Annotated[str | None, typer.Option(help="Folder and file name of this one. [default: track]")]
GenresOption = Annotated[int | None, typer.Option(help="How many genres the data must have.")]
MoodsOption = Annotated[int | None, typer.Option(help="How many moods the data must have.")]
WeightOption = Annotated[
    list[str] | None,
    typer.Option(metavar="TASK=WEIGHT", help="Of a task's loss in the sum; may be given again. [default: 1]"),
]
LossOption = Annotated[str | None, typer.Option(help="Of values: smooth-l1 or mse. [default: smooth-l1]")]
BalanceOption = Annotated[
    str | None,
    typer.Option(help="For rare labels: none, weights (of the loss) or smote. [default: none]"),
]
DropoutOption = Annotated[float | None, typer.Option(help="Share that is dropped. [default: 0.3]")]
DecayOption = Annotated[float | None, typer.Option(help="L2, decoupled, of AdamW. [default: 0.01]")]
AugmentOption = Annotated[
    bool | None,
    typer.Option("--spec-augment/--no-spec-augment", help="Mask bands and frames. [default: yes]"),
]
MixupOption = Annotated[
    float | None, typer.Option(help="Parameter of the Beta distribution of mixup; 0 is none. [default: 0]")
]
PatienceOption = Annotated[
    int | None,
    typer.Option(help="Epochs without a better validation loss until it stops. [default: 8]"),
]
SegmentOption = Annotated[
    float | None,
    typer.Option(help="Cut tracks into segments of so many seconds; by default none."),
]
WindowOption = Annotated[
    float | None,
    typer.Option(help="Learn annotations over time, in windows of so many seconds; by default static ones."),
]
ShareOption = Annotated[
    float | None, typer.Option(help="Share of listeners who must have felt an emotion. [default: 0.25]")
]
SeedOption = Annotated[int | None, typer.Option(help="Seed of everything random. [default: 0]")]


def training_command(only: str, default_name: str, help_text: str) -> Callable[..., None]:
    """A command that trains on one task of the data, or on all of them where none is named."""

    def command(
        data: DataOption = None,
        inputs: InputsOption = None,
        config: ConfigOption = None,
        model_type: ModelTypeOption = None,
        use_spectrograms: SpectrogramsOption = None,
        use_features: FeaturesOption = None,
        use_embeddings: EmbeddingsOption = None,
        epochs: EpochsOption = None,
        batch_size: BatchOption = None,
        learning_rate: RateOption = None,
        device: DeviceOption = None,
        num_workers: WorkersOption = None,
        threads: ThreadsOption = None,
        resume: ResumeOption = None,
        output_dir: OutputOption = None,
        experiment_name: NameOption = None,
        num_genres: GenresOption = None,
        num_moods: MoodsOption = None,
        task_weight: WeightOption = None,
        regression_loss: LossOption = None,
        balance: BalanceOption = None,
        dropout: DropoutOption = None,
        weight_decay: DecayOption = None,
        spec_augment: AugmentOption = None,
        mixup: MixupOption = None,
        patience: PatienceOption = None,
        segment_seconds: SegmentOption = None,
        window_seconds: WindowOption = None,
        listener_share: ShareOption = None,
        seed: SeedOption = None,
    ) -> None:
        said = {name: value for name, value in locals().items() if name not in _NOT_OPTIONS}
        said["task_weights"] = options.pairs("--task-weight", task_weight or []) or None
        _train(config, said, only, default_name)

    command.__doc__ = help_text
    return command


_NOT_OPTIONS: Final = frozenset({"config", "task_weight", "only", "default_name"})


def _train(config_file: Path | None, said: dict[str, Any], only: str, default_name: str) -> None:
    options.require_training()
    from training.track.config import read_config  # noqa: PLC0415
    from training.track.train import read_training_data, train_tracks  # noqa: PLC0415

    config = read_config(config_file, said)
    if "experiment_name" not in config.model_fields_set:
        config = config.model_copy(update={"experiment_name": default_name})
    kept = f"Interrupted: what was trained is kept, --resume {config.run_dir} goes on from there."
    with console.interruptible(kept), console.training_progress() as report:
        dataset = read_training_data(config, only=only)
        record = train_tracks(dataset, config, command=options.command_line(), on_progress=report)
    _tell(record, config.model_path)


def _tell(record: dict[str, Any], path: Path) -> None:
    options.tell_faults(record["faults"], f"in {path.with_suffix('.json').name}")
    training = record["training"]
    entries = ", ".join(f"{count} {side}" for side, count in training["entries"].items())
    console.say(
        f"Wrote {path} ({path.stat().st_size / 1e6:.1f} MB): epoch {training['best_epoch']} is the best "
        f"({entries})."
    )
    rows = []
    for side, of_side in record["metrics"].items():
        for task, figures in of_side.items():
            rows += [(side, task, name, value) for name, value in _leading(figures)]
    console.print_table(("side", "task", "figure", "value"), rows)


def _leading(figures: dict[str, Any]) -> list[tuple[str, Any]]:
    """Plain figures of a task; of a regression those of each value, by its name."""
    found = []
    for name, value in figures.items():
        if name == "by_label":
            continue
        if isinstance(value, dict):
            found += [(f"{name} {inner}", number) for inner, number in value.items() if inner != "n"]
        elif value is not None:
            found.append((name, value))
    return found

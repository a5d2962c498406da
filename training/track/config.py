"""What a training of tracks can be told: options of the command line, and the same in a YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from core.errors import SettingsError
from models.track.tasks import InputKind
from training.track.networks import ModelType

_SHOWN: Final = 80  # characters of a wrong value that are repeated


class Balance(StrEnum):
    """What is done for labels that few entries have."""

    NONE = "none"
    WEIGHTS = "weights"  # they weigh more in the loss
    SMOTE = "smote"  # entries are made up between neighbours (Chawla et al., 2002)


class RegressionLoss(StrEnum):
    """By which a regression is learned, on standardised values."""

    SMOOTH_L1 = "smooth-l1"
    MSE = "mse"


class TrainDevice(StrEnum):
    """Where a network is trained."""

    CPU = "cpu"
    CUDA = "cuda"


def _plain_name(name: str) -> str:
    if name in {"", ".", ".."} or Path(name).name != name or not name.isprintable():
        raise ValueError("it names a folder and a file: give a plain name")
    return name


class TrainConfig(BaseModel):
    """All that can be told; the keys of a YAML file are the names of the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path | None = None
    inputs: Path | None = None  # features, spectrograms or embeddings of the data; not said: beside them
    # By task the labels that there are; those of a task that is not said are the ones that occur.
    labels: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    # Length of what entries are cut into, in seconds; not said: they stay whole.
    segment_seconds: float | None = Field(None, gt=0)
    # Of annotations over time, what one entry is, in seconds; not said: the static ones are read.
    window_seconds: float | None = Field(None, gt=0)
    # Share of the listeners who must have felt an emotion, of Emotify.
    listener_share: float = Field(0.25, gt=0, le=1)
    model_type: ModelType = ModelType.CNN
    # Which inputs are used; none of them said: all that the data have.
    use_spectrograms: bool | None = None
    use_features: bool | None = None
    use_embeddings: bool | None = None
    epochs: int = Field(50, ge=1, le=100_000)
    batch_size: int = Field(32, ge=2, le=65_536)
    learning_rate: float = Field(1e-3, gt=0, le=1)
    device: TrainDevice = TrainDevice.CPU
    num_workers: int = Field(0, ge=0, le=256)  # processes that make batches
    threads: int = Field(1, ge=1, le=256)  # of torch
    resume: Path | None = None  # a checkpoint, or the folder of a training
    output_dir: Path = Path("results")
    experiment_name: Annotated[str, AfterValidator(_plain_name)] = "track"
    # How many labels the data must have; not said: any number.
    num_genres: int | None = Field(None, ge=2)
    num_moods: int | None = Field(None, ge=2)
    # Of the losses of tasks, by name; 1 where nothing is said.
    task_weights: Mapping[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    regression_loss: RegressionLoss = RegressionLoss.SMOOTH_L1
    balance: Balance = Balance.NONE
    dropout: float = Field(0.3, ge=0, lt=1)
    weight_decay: float = Field(1e-2, ge=0)  # L2, decoupled from the gradient (Loshchilov and Hutter, 2019)
    spec_augment: bool = True  # masks of bands and frames (Park et al., 2019)
    mixup: float = Field(0.0, ge=0, le=10)  # parameter of the Beta distribution (Zhang et al., 2018); 0: none
    patience: int = Field(8, ge=1)  # epochs without a better validation loss until the training stops
    # Epochs without one until the learning rate is halved.
    rate_patience: int = Field(3, ge=1)
    seed: int = Field(0, ge=0, le=2**31 - 1)

    @property
    def run_dir(self) -> Path:
        """Folder of checkpoint, curves, model and figures."""
        if self.resume is None:
            return self.output_dir / self.experiment_name
        return self.resume.parent if self.resume.is_file() else self.resume

    @property
    def model_path(self) -> Path:
        """The model that the training writes."""
        return self.run_dir / f"{self.run_dir.resolve().name}.onnx"

    @property
    def input_kinds(self) -> frozenset[InputKind] | None:
        """Kinds that may be used; None: all that the data have."""
        said = {
            InputKind.SPECTROGRAM: self.use_spectrograms,
            InputKind.FEATURES: self.use_features,
            InputKind.EMBEDDING: self.use_embeddings,
            InputKind.EMBEDDINGS: self.use_embeddings,
        }
        if any(said.values()):
            return frozenset(kind for kind, use in said.items() if use)
        refused = {kind for kind, use in said.items() if use is False}
        return frozenset(set(InputKind) - refused) if refused else None

    def recipe(self) -> dict[str, Any]:
        """What decides how a network comes out, as plain values.

        How long it is trained at most, where, and by how many processes does not.
        """
        said = self.model_dump(mode="json")
        for name in (
            "data",
            "inputs",
            "epochs",
            "device",
            "num_workers",
            "resume",
            "output_dir",
            "experiment_name",
            "num_genres",
            "num_moods",
        ):
            del said[name]
        return said


def read_config(file: Path | None, said: Mapping[str, Any]) -> TrainConfig:
    """Options of a YAML file and of the command line, which win; those that are None are not said.

    Raises
    ------
    SettingsError
        The file cannot be read or is no mapping, a key is unknown, or a value cannot be used.
    """
    values = {} if file is None else _read_yaml(file)
    options = {name: value for name, value in said.items() if value is not None}
    try:
        return TrainConfig(**(values | options))
    except ValidationError as error:
        wrong = error.errors()[0]
        place = [str(part) for part in wrong["loc"]]
        where = "" if file is None or place[0] in options else f" Correct {file}."
        raise SettingsError(f"{_refusal(place, wrong)}{where}") from error


def _refusal(place: list[str], wrong: Mapping[str, Any]) -> str:
    name = ".".join(place)
    if wrong["type"] == "extra_forbidden":
        alike = get_close_matches(place[0], TrainConfig.model_fields, n=1)
        return f"There is no option {name!r}{f': did you mean {alike[0]!r}?' if alike else '.'}"
    shown = repr(wrong.get("input"))
    shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."
    reason = wrong["msg"].rstrip(".").removeprefix("Value error, ")
    return f"The option {name!r} cannot be {shown}: {reason}."


def _read_yaml(file: Path) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - of the extra `train`

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"The configuration {file} cannot be read ({error.strerror}): name a YAML file."
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(f"The configuration {file} is no YAML ({reason}): correct it.") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"The configuration {file} holds no options: write one `name: value` a line.")
    # Options are spelled with dashes on the command line.
    return {str(name).replace("-", "_"): value for name, value in content.items()}

"""Options of a training: from YAML, from the command line, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import SettingsError
from models.track.tasks import InputKind
from training.track.config import Balance, TrainConfig, read_config
from training.track.networks import ModelType


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "track.yaml"
    file.write_text("model-type: cnn-gru\nepochs: 7\nbalance: smote\ntask_weights:\n  genre: 2\n")
    config = read_config(file, {"epochs": 9, "batch_size": None})
    assert (config.model_type, config.epochs, config.batch_size) == (ModelType.CNN_GRU, 9, 32)
    assert (config.balance, config.task_weights) == (Balance.SMOTE, {"genre": 2.0})
    file.write_text("")
    assert read_config(file, {}) == TrainConfig()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("epochz: 7", r"There is no option 'epochz': did you mean 'epochs'\? Correct .*track.yaml"),
        ("epochs: 0", r"'epochs' cannot be 0: .*greater than or equal to 1. Correct"),
        ("epochs: many", r"'epochs' cannot be 'many': .*valid integer"),
        ("model_type: transformer", r"'model_type' cannot be 'transformer': .*'cnn', 'rnn'"),
        ("task_weights: {genre: 0}", r"'task_weights.genre' cannot be 0: .*greater than 0"),
        ("experiment_name: ../out", r"'experiment_name' cannot be '../out': .*plain name"),
        ("- epochs", "holds no options"),
        ("a: [", "is no YAML"),
        ("!!python/object/apply:os.getcwd []", "is no YAML"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "track.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=says) as caught:
        read_config(file, {})
    assert "\n" not in str(caught.value)


def test_a_wrong_option_of_the_command_line_does_not_blame_the_file(tmp_path: Path) -> None:
    file = tmp_path / "track.yaml"
    file.write_text("epochs: 3")
    with pytest.raises(SettingsError, match=r"'learning_rate' cannot be 7\.0") as caught:
        read_config(file, {"learning_rate": 7.0})
    assert "track.yaml" not in str(caught.value)
    with pytest.raises(SettingsError, match=r"gone\.yaml cannot be read"):
        read_config(tmp_path / "gone.yaml", {})


def test_inputs_that_are_asked_for_are_the_only_ones() -> None:
    assert TrainConfig().input_kinds is None
    assert TrainConfig(use_features=True).input_kinds == {InputKind.FEATURES}
    assert TrainConfig(use_embeddings=False).input_kinds == {InputKind.FEATURES, InputKind.SPECTROGRAM}


def test_where_and_how_long_is_trained_makes_no_other_recipe() -> None:
    one = TrainConfig(epochs=3, num_workers=2, output_dir=Path("a"), experiment_name="b")
    assert one.recipe() == TrainConfig().recipe()
    assert TrainConfig(dropout=0.1).recipe() != TrainConfig().recipe()

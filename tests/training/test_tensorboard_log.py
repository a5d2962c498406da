"""Curves: what is shown is read back, and what was shown after an interruption is taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from core.errors import DataError
from training.tensorboard_log import open_tensorboard_log


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return {name: [(at.step, at.value) for at in events.Scalars(name)] for name in events.Tags()["scalars"]}


def test_every_figure_is_on_disk_when_it_was_shown(tmp_path: Path) -> None:
    show = open_tensorboard_log(tmp_path / "run" / "tensorboard")
    show({"head/loss": 1.5, "head/ua": 0.25}, 1)
    show({"head/loss": 0.5, "head/ua": 0.75}, 2)
    found = read(tmp_path / "run" / "tensorboard")
    assert found == {"head/loss": [(1, 1.5), (2, 0.5)], "head/ua": [(1, 0.25), (2, 0.75)]}


def test_what_goes_on_takes_the_place_of_what_was_lost(tmp_path: Path) -> None:
    before = open_tensorboard_log(tmp_path)
    for step in range(3):
        before({"loss": 1.0}, step)
    open_tensorboard_log(tmp_path, first_step=2)({"loss": 0.5}, 2)
    assert read(tmp_path) == {"loss": [(0, 1.0), (1, 1.0), (2, 0.5)]}


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"The curves of the training .*file.* cannot be written"):
        open_tensorboard_log(tmp_path / "file")

"""Entries that a model is measured on: labels put in its order, and what is missing named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.errors import DataError
from models.track.multi_task import MultiTaskModel
from models.track.tasks import InputKind, Task, TaskKind
from tests.models.track.multi_task_graphs import write_multi_task
from training.report.track_entries import measure_tracks
from training.track.dataset import TrackDataset

FEATURES = InputKind.FEATURES


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> MultiTaskModel:
    """Answers genre (ambient, rock), moods (calm, dark, epic) and bpm, the first feature and 118."""
    path = write_multi_task(tmp_path_factory.mktemp("model") / "tiny.onnx", {FEATURES: (103,)})
    return MultiTaskModel.load(path, threads=1)


def dataset(**changes: object) -> TrackDataset:
    """Four entries; classes and labels in another order than the model's, one of them unknown to it."""
    features = np.zeros((4, 103), dtype=np.float32)
    features[:, 0] = (0, 2, 4, 6)
    whole = TrackDataset(
        name="others",
        tasks=(
            Task("genre", TaskKind.SINGLE_LABEL, ("polka", "rock", "ambient")),
            Task("moods", TaskKind.MULTI_LABEL, ("dark", "calm")),
            Task("bpm", TaskKind.REGRESSION, ("bpm",)),
        ),
        names=("a", "b", "c", "d"),
        groups=("x", "x", "y", "z"),
        sides=("", "test", "test", "train"),
        inputs={FEATURES: features},
        targets={
            "genre": np.array([2, 1, 0, -1]),
            "moods": np.array([[1, 0], [0, 1], [1, np.nan], [0, 0]], dtype=np.float32),
            "bpm": np.array([[118], [118], [np.nan], [124]], dtype=np.float32),
        },
        paths=("a.mp3", "", "", ""),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_labels_stand_in_the_order_of_the_model(model: MultiTaskModel) -> None:
    tracks = measure_tracks(model, dataset(), side="all")
    genre, moods, tempo = tracks.tasks
    assert genre.task.labels == ("ambient", "rock")
    assert np.array_equal(genre.targets, [[1, 0], [0, 1], [np.nan] * 2, [np.nan] * 2], equal_nan=True)
    assert [(fault.entry, fault.reason) for fault in tracks.faults] == [
        ("c", "its genre 'polka' is none that the model knows.")
    ]
    assert moods.task.labels == ("calm", "dark")
    assert moods.served.thresholds == (0.5, 0.3)
    assert moods.targets[:2].tolist() == [[0, 1], [1, 0]]
    assert moods.known.tolist() == [True, True, False, True]
    assert moods.answers[0].tolist() == pytest.approx([0.6, 0.35])
    assert any("1 label of moods: epic" in note for note in tracks.notes)
    assert any("cannot be told" in note for note in tracks.notes)
    assert tempo.answers[:, 0].tolist() == pytest.approx([118, 120, 122, 124])
    assert tempo.known.tolist() == [True, True, False, True]
    assert tracks.paths == ("a.mp3", "", "", "")


def test_a_side_that_the_data_name_is_taken(model: MultiTaskModel) -> None:
    tracks = measure_tracks(model, dataset())
    assert (tracks.side, tracks.names, tracks.groups) == ("test", ("b", "c"), ("x", "y"))
    assert measure_tracks(model, dataset(sides=("",) * 4)).side == "all"
    assert [task.task.name for task in measure_tracks(model, dataset(), side="train").tasks] == [
        "moods",
        "bpm",
    ]
    with pytest.raises(DataError, match="There is no validation side in others, only test, train"):
        measure_tracks(model, dataset(), side="validation")


def test_entries_that_lack_an_input_are_named_and_the_rest_goes_on(model: MultiTaskModel) -> None:
    features = dataset().inputs[FEATURES].copy()
    features[1, 5] = np.nan
    tracks = measure_tracks(model, dataset(inputs={FEATURES: features}), side="all")
    assert tracks.names == ("a", "c", "d")
    assert any(fault.entry == "b" and "features" in fault.reason for fault in tracks.faults)
    features[:] = np.nan
    with pytest.raises(DataError, match="None of the entries of others has all inputs"):
        measure_tracks(model, dataset(inputs={FEATURES: features}), side="all")


def test_what_the_model_needs_and_the_data_lack_is_named(model: MultiTaskModel) -> None:
    embedding = {InputKind.EMBEDDING: np.zeros((4, 1024), dtype=np.float32)}
    with pytest.raises(DataError, match="needs the input 'features', which others lacks"):
        measure_tracks(model, dataset(inputs=embedding))
    with pytest.raises(DataError, match="do not both speak of gems"):
        measure_tracks(model, dataset(), only="gems")


def test_nothing_known_stops(model: MultiTaskModel) -> None:
    unknown = {
        "genre": np.full(4, -1),
        "moods": np.full((4, 2), np.nan, dtype=np.float32),
        "bpm": np.full((4, 1), np.nan, dtype=np.float32),
    }
    with pytest.raises(DataError, match="Nothing is known of the entries of others: name"):
        measure_tracks(model, dataset(targets=unknown), side="all")

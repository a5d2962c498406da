"""What of a dataset is used: inputs, tasks, entries, sides, made-up entries and batches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.errors import DataError
from models.track.tasks import InputKind, Task, TaskKind
from tests.training.invented_tracks import FRAMES, GENRE, invented_tracks
from training.track.balance import label_weights, with_smote
from training.track.batches import epoch_batches
from training.track.config import TrainConfig
from training.track.dataset import TrackDataset
from training.track.prepare import prepare_tracks, target_rows
from training.track.splits import with_sides

VECTORS = (InputKind.EMBEDDING, InputKind.FEATURES)


def test_groups_stand_on_one_side_and_sides_of_the_data_stay() -> None:
    dataset = with_sides(invented_tracks(kinds=VECTORS))
    by_group: dict[str, set[str]] = {}
    for group, side in zip(dataset.groups, dataset.sides, strict=True):
        by_group.setdefault(group, set()).add(side)
    assert all(len(sides) == 1 for sides in by_group.values())
    counts = [dataset.sides.count(side) for side in ("train", "validation", "test")]
    assert counts == pytest.approx([42, 9, 9], abs=4)
    assert with_sides(dataset).sides == dataset.sides
    given = replace(dataset, sides=tuple("train" if side != "test" else "test" for side in dataset.sides))
    drawn = with_sides(given)
    assert [side == "test" for side in drawn.sides] == [side == "test" for side in dataset.sides]
    assert "validation" in drawn.sides


@pytest.mark.parametrize(
    ("sides", "says"),
    [
        (("train", "test") * 30, r"stands on the sides test and train of invented"),
        (("train",) * 60, None),
        (("test",) * 60, "no entry on the train side"),
        (("training",) * 60, "name the side 'training'"),
    ],
)
def test_sides_that_leak_or_are_empty_are_refused(sides: tuple[str, ...], says: str | None) -> None:
    dataset = replace(invented_tracks(kinds=VECTORS), sides=sides)
    if says is None:
        assert set(with_sides(dataset).sides) == {"train", "validation"}
        return
    with pytest.raises(DataError, match=says):
        with_sides(dataset)


def test_too_few_groups_are_refused() -> None:
    dataset = replace(invented_tracks(kinds=VECTORS), groups=("one", "two") * 30)
    with pytest.raises(DataError, match="2 groups to share out, and each of 3 sides needs one"):
        with_sides(dataset)


def test_an_entry_that_lacks_an_input_or_all_targets_is_left_out_and_named() -> None:
    dataset = invented_tracks(kinds=(InputKind.FEATURES, InputKind.SPECTROGRAM))
    dataset.inputs[InputKind.SPECTROGRAM][3] = np.nan
    dataset.inputs[InputKind.FEATURES][4, 2] = np.inf
    dataset.inputs[InputKind.FEATURES][8, 2] = np.nan
    for targets in dataset.targets.values():
        targets[9] = -1 if targets.dtype == np.int64 else np.nan
    dataset.targets["genre"][10] = 7
    prepared = prepare_tracks(dataset, TrainConfig())
    said = {fault.entry: fault.reason for fault in prepared.dataset.faults}
    assert said == {
        "track 3": "it has no spectrogram that can be used: missing, or with NaN or infinities.",
        "track 4": "it has no features that can be used: missing, or with NaN or infinities.",
        "track 8": "1 of its 103 features are unknown: the usual ones stand in.",
        "track 9": "nothing is known of it.",
        "track 10": "its genre 7 is none of the 3 labels.",
    }
    assert len(prepared.dataset.names) == 56
    assert np.isfinite(prepared.train.inputs[InputKind.FEATURES]).all()


def test_inputs_are_those_that_are_asked_for() -> None:
    dataset = invented_tracks()
    assert list(prepare_tracks(dataset, TrainConfig()).sizes) == [
        InputKind.EMBEDDING,
        InputKind.FEATURES,
        InputKind.SPECTROGRAM,
    ]
    over_time = prepare_tracks(dataset, TrainConfig(model_type="rnn", use_embeddings=True))
    assert list(over_time.sizes) == [InputKind.EMBEDDINGS]
    with pytest.raises(DataError, match="has no spectrograms, only embedding, features"):
        prepare_tracks(invented_tracks(kinds=VECTORS), TrainConfig(use_spectrograms=True))
    with pytest.raises(DataError, match="No input of invented is left"):
        prepare_tracks(invented_tracks(kinds=(InputKind.FEATURES,)), TrainConfig(use_features=False))


def without_classes(dataset: TrackDataset) -> TrackDataset:
    dataset.targets["genre"][:] = 1
    return dataset


def without_known_moods(dataset: TrackDataset) -> TrackDataset:
    dataset.targets["moods"][:] = np.nan
    return dataset


def with_short_spectrograms(dataset: TrackDataset) -> TrackDataset:
    inputs = {**dataset.inputs, InputKind.SPECTROGRAM: np.zeros((60, 128, 10), dtype=np.float32)}
    return replace(dataset, inputs=inputs)


def with_odd_spectrograms(dataset: TrackDataset) -> TrackDataset:
    inputs = {**dataset.inputs, InputKind.SPECTROGRAM: np.zeros((60, 96, FRAMES), dtype=np.float32)}
    return replace(dataset, inputs=inputs)


def with_a_task_called_as_an_output(dataset: TrackDataset) -> TrackDataset:
    return replace(
        dataset,
        tasks=(Task("fused", TaskKind.SINGLE_LABEL, ("a", "b")),),
        targets={"fused": dataset.targets["genre"]},
    )


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        (without_classes, {}, "have the genre 'house': at least two classes"),
        (without_known_moods, {}, "on the train side of invented has a known moods"),
        (with_short_spectrograms, {}, "Spectrograms of 10 frames are too short: give at least 16"),
        (with_odd_spectrograms, {}, r"has the shape \(60, 96, 48\): 128 values are needed"),
        (with_a_task_called_as_an_output, {}, "cannot be called 'fused'"),
        (lambda dataset: dataset, {"num_genres": 8}, "has 3 labels of genre .* not 8: correct --num-genres"),
        (lambda dataset: dataset, {"task_weights": {"key": 1}}, "no task 'key' to weigh"),
    ],
)
def test_what_cannot_be_learned_is_a_clear_stop(change: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        prepare_tracks(change(invented_tracks()), TrainConfig(**options))


def test_weights_make_classes_count_alike() -> None:
    targets = target_rows(GENRE, np.array([0, 0, 0, 1, 2, 2, -1]))
    np.testing.assert_allclose(label_weights(GENRE, targets), [6 / 9, 6 / 3, 6 / 6])
    moods = Task("moods", TaskKind.MULTI_LABEL, ("a", "b"))
    several = np.array([[1, 0], [0, 0], [0, np.nan], [0, 1]], dtype=np.float32)
    np.testing.assert_allclose(label_weights(moods, several), [3.0, 2.0])


def test_smote_makes_up_entries_of_rare_labels_between_those_that_have_them() -> None:
    pytest.importorskip("imblearn")
    prepared = prepare_tracks(invented_tracks(200, kinds=VECTORS), TrainConfig())
    side = prepared.train
    more = with_smote(side, prepared.tasks, seed=0)
    made = slice(len(side.names), None)
    assert len(side.names) < len(more.names) <= 2 * len(side.names)
    for kind, values in side.inputs.items():
        np.testing.assert_array_equal(more.inputs[kind][: len(values)], values)
        assert more.inputs[kind][made].min() >= values.min() - 1e-3
        assert more.inputs[kind][made].max() <= values.max() + 1e-3
    share = [np.nanmean(one.targets["moods"][:, 2]) for one in (side, more)]
    assert share[1] > 1.5 * share[0]
    made_up = more.targets["moods"][made]
    assert made_up.min() >= -1e-5
    assert made_up.max() <= 1 + 1e-5
    again = with_smote(side, prepared.tasks, seed=0)
    np.testing.assert_array_equal(again.inputs[InputKind.FEATURES], more.inputs[InputKind.FEATURES])


def test_smote_makes_up_no_music() -> None:
    pytest.importorskip("imblearn")
    prepared = prepare_tracks(invented_tracks(), TrainConfig(use_spectrograms=True))
    with pytest.raises(DataError, match="SMOTE cannot make up a spectrogram"):
        with_smote(prepared.train, prepared.tasks, seed=0)


def test_batches_are_the_same_from_any_number_of_processes() -> None:
    prepared = prepare_tracks(invented_tracks(), TrainConfig(use_spectrograms=True, model_type="cnn"))
    usual = np.full(128, 9.0, dtype=np.float32)
    found = []
    for workers in (0, 2):
        config = TrainConfig(num_workers=workers, batch_size=16, mixup=0.4)
        found.append(list(epoch_batches(prepared.train, config, 3, usual)))
    for (inputs, targets), (others, other_targets) in zip(*found, strict=True):
        for one, other in zip((*inputs, *targets), (*others, *other_targets), strict=True):
            np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_masks_take_bands_and_times_and_leave_the_data_as_they_are() -> None:
    prepared = prepare_tracks(invented_tracks(), TrainConfig(use_spectrograms=True))
    before = prepared.train.inputs[InputKind.SPECTROGRAM].copy()
    usual = np.full(128, 9.0, dtype=np.float32)
    batches = list(epoch_batches(prepared.train, TrainConfig(batch_size=16), 0, usual))
    masked = np.concatenate([inputs[0].numpy() for inputs, _ in batches]) == 9.0
    assert 0.02 < masked.mean() < 0.4
    np.testing.assert_array_equal(prepared.train.inputs[InputKind.SPECTROGRAM], before)
    sizes = {len(targets[0]) for _, targets in batches}
    assert max(sizes) - min(sizes) <= 1

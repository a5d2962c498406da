"""The manifest of prepared music: what is read of it, and each thing that may be wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import DataError
from models.track.tasks import InputKind, TaskKind
from tests.training.track.prepared_music import embeddings, features, spectrogram, write_entry, write_manifest
from training.track.dataset import TrackDataset
from training.track.readers.manifest import KEYS, KEYS_WITH_MODE, normal_key, read_track_manifest

GENRES = ("rock", "jazz")


def entries_of(folder: Path, count: int = 4, **labels: Any) -> list[dict[str, Any]]:
    return [
        write_entry(folder, f"{GENRES[place % 2]}/{place}.mp3", place, genre=GENRES[place % 2], **labels)
        for place in range(count)
    ]


def reasons(dataset: TrackDataset) -> str:
    return " | ".join(f"{fault.entry}: {fault.reason}" for fault in dataset.faults)


def test_inputs_and_labels_are_those_of_the_files(tmp_path: Path) -> None:
    entries = [
        entry | {"mood": mood, "bpm": 120.5, "key": key, "valence": 0.2, "arousal": -0.5}
        for entry, mood, key in zip(
            entries_of(tmp_path), ("happy", "sad", "happy", "calm"), ("C", "Bb", "F#", "Bb"), strict=True
        )
    ]
    entries[3]["bpm"] = 90
    entries[3]["arousal"] = 1
    dataset = read_track_manifest(write_manifest(tmp_path, entries))
    assert dataset.name == "invented"
    assert dataset.names == ("rock/0.mp3", "jazz/1.mp3", "rock/2.mp3", "jazz/3.mp3")
    assert dataset.faults == ()
    kinds = {task.name: (task.kind, task.labels) for task in dataset.tasks}
    assert kinds == {
        "genre": (TaskKind.SINGLE_LABEL, ("jazz", "rock")),
        "mood": (TaskKind.SINGLE_LABEL, ("calm", "happy", "sad")),
        "key": (TaskKind.SINGLE_LABEL, KEYS),
        "bpm": (TaskKind.REGRESSION, ("bpm",)),
        "va": (TaskKind.REGRESSION, ("valence", "arousal")),
    }
    assert dataset.targets["genre"].tolist() == [1, 0, 1, 0]
    assert dataset.targets["key"].tolist() == [0, 10, 6, 10]
    assert dataset.targets["bpm"].tolist() == [[120.5], [120.5], [120.5], [90.0]]
    assert np.array_equal(dataset.inputs[InputKind.FEATURES][2], features(2))
    assert np.array_equal(dataset.inputs[InputKind.SPECTROGRAM][1], spectrogram(1))
    assert np.array_equal(dataset.inputs[InputKind.EMBEDDINGS][3], embeddings(3))
    assert np.allclose(dataset.inputs[InputKind.EMBEDDING][3], embeddings(3).mean(axis=0))


def test_several_moods_are_a_task_of_several_labels(tmp_path: Path) -> None:
    entries = entries_of(tmp_path)
    entries[0]["mood"], entries[1]["mood"], entries[2]["mood"] = ["calm", "sad"], "calm;  happy", "happy"
    dataset = read_track_manifest(write_manifest(tmp_path, entries))
    task = next(task for task in dataset.tasks if task.name == "mood")
    assert (task.kind, task.labels) == (TaskKind.MULTI_LABEL, ("calm", "happy", "sad"))
    assert dataset.targets["mood"][:3].tolist() == [[1, 0, 1], [1, 1, 0], [0, 1, 0]]
    assert np.isnan(dataset.targets["mood"][3]).all()


def test_artists_and_groups_stay_together_and_sides_have_many_names(tmp_path: Path) -> None:
    entries = entries_of(tmp_path)
    entries[0] |= {"artist": "A", "split": "training"}
    entries[1] |= {"artist": "A", "group": "x", "split": "VAL"}
    entries[2] |= {"group": "x", "split": "test"}
    dataset = read_track_manifest(write_manifest(tmp_path, entries))
    assert dataset.groups == ("artist A", "artist A", "x", "jazz/3.mp3")
    assert dataset.sides == ("train", "validation", "test", "")


def test_paths_of_windows_and_of_another_working_folder_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "processed"
    entries = entries_of(folder)
    for entry in entries:
        entry["features_file"] = "data\\processed\\" + entry["features_file"].replace("/", "\\")
    dataset = read_track_manifest(write_manifest(folder, entries))
    assert dataset.faults == ()
    assert np.array_equal(dataset.inputs[InputKind.FEATURES][0], features(0))


def test_sounds_are_found_beside_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "music" / "rock").mkdir(parents=True)
    (tmp_path / "music" / "rock" / "0.mp3").write_bytes(b"sound")
    dataset = read_track_manifest(
        write_manifest(tmp_path / "out", entries_of(tmp_path / "out"), audio_folder="../music")
    )
    found, *others = (Path(path) for path in dataset.paths)
    assert found.is_file()
    assert not any(path.is_file() for path in others)  # these are called as the manifest calls them


def spoil(key: str, value: Any) -> Callable[[Path, dict[str, Any]], Any]:
    return lambda _, entry: entry | {key: value}


def write_array(key: str, array: np.ndarray) -> Callable[[Path, dict[str, Any]], Any]:
    def spoiled(folder: Path, entry: dict[str, Any]) -> Any:
        np.save(folder / entry[key], array, allow_pickle=True)
        return entry

    return spoiled


def write_text(key: str, text: str) -> Callable[[Path, dict[str, Any]], Any]:
    def spoiled(folder: Path, entry: dict[str, Any]) -> Any:
        (folder / entry[key]).write_text(text)
        return entry

    return spoiled


@pytest.mark.parametrize(
    ("spoiled", "said", "lacks"),
    [
        (spoil("features_file", "none.json"), "features_file none.json is not there", InputKind.FEATURES),
        (spoil("features_file", 5), "features_file is 5", InputKind.FEATURES),
        (spoil("spectrogram_file", "a\0b"), "not a path", InputKind.SPECTROGRAM),
        (write_text("features_file", '{"tempo": NaN}'), "tempo is nan", InputKind.FEATURES),
        (write_text("features_file", '{"tempo": 120}'), "lacks most of the features", InputKind.FEATURES),
        (write_text("features_file", "no JSON"), "damaged", InputKind.FEATURES),
        (
            write_array("spectrogram_file", np.zeros((64, 40))),
            r"\(64, 40\) instead of \(128",
            InputKind.SPECTROGRAM,
        ),
        (write_array("spectrogram_file", np.zeros(128)), r"\(128,\)", InputKind.SPECTROGRAM),
        (write_array("spectrogram_file", np.zeros((128, 0))), r"\(128, 0\)", InputKind.SPECTROGRAM),
        (write_array("spectrogram_file", np.full((128, 9), np.nan)), "NaN", InputKind.SPECTROGRAM),
        (write_array("spectrogram_file", np.array([[{}]])), "damaged", InputKind.SPECTROGRAM),
        (write_array("spectrogram_file", np.array([["a"]])), "shape", InputKind.SPECTROGRAM),
        (write_text("spectrogram_file", "no array"), "damaged", InputKind.SPECTROGRAM),
        (write_array("embedding_file", np.zeros((5, 512))), r"\(5, 512\)", InputKind.EMBEDDING),
    ],
)
def test_an_entry_goes_without_an_input_that_is_wrong(
    tmp_path: Path, spoiled: Callable[[Path, dict[str, Any]], Any], said: str, lacks: InputKind
) -> None:
    entries = entries_of(tmp_path)
    entries[1] = spoiled(tmp_path, entries[1])
    dataset = read_track_manifest(write_manifest(tmp_path, entries))
    assert len(dataset.names) == 4
    assert len(dataset.faults) == 1
    assert dataset.faults[0].entry == "jazz/1.mp3"
    assert_matches(said, dataset.faults[0].reason)
    for kind, array in dataset.inputs.items():
        missing = np.isnan(array.reshape(4, -1)).all(axis=1).tolist()
        related = kind is lacks or {kind, lacks} == {InputKind.EMBEDDING, InputKind.EMBEDDINGS}
        assert missing == [False, related, False, False]
        assert not np.isnan(array.reshape(4, -1)[[0, 2, 3]]).any()


def test_an_entry_that_lacks_a_single_feature_keeps_the_others(tmp_path: Path) -> None:
    entries = entries_of(tmp_path)
    path = tmp_path / entries[1]["features_file"]
    content = json.loads(path.read_text())
    del content["tempo"]
    path.write_text(json.dumps(content))
    vectors = read_track_manifest(write_manifest(tmp_path, entries)).inputs[InputKind.FEATURES]
    assert np.isnan(vectors).sum(axis=1).tolist() == [0, 1, 0, 0]


def assert_matches(pattern: str, text: str) -> None:
    with pytest.raises(ValueError, match=pattern):
        raise ValueError(text)


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        (spoil("genre", 1.5), "genre is 1.5"),
        (spoil("genre", ["rock", "jazz"]), "genre is"),
        (spoil("genre", {"a": 1}), "genre is"),
        (spoil("bpm", "fast"), "bpm is 'fast'"),
        (spoil("bpm", -3), "bpm is -3"),
        (spoil("bpm", True), "bpm is True"),
        (spoil("bpm", float("inf")), "bpm is inf"),
        (spoil("key", "H minor"), "key is 'H minor'"),
        (spoil("split", "later"), "split is 'later'"),
        (spoil("valence", 0.4), "valence and arousal is"),
    ],
)
def test_an_entry_goes_without_a_label_that_is_wrong(
    tmp_path: Path, spoiled: Callable[[Path, dict[str, Any]], Any], said: str
) -> None:
    entries = entries_of(tmp_path, bpm=100, mood="calm")
    entries[0] |= {"bpm": 120, "mood": "sad"}
    entries[1] = spoiled(tmp_path, entries[1])
    dataset = read_track_manifest(write_manifest(tmp_path, entries))
    assert len(dataset.names) == 4
    assert said in dataset.faults[0].reason


def test_labels_outside_the_list_are_told_and_left_out(tmp_path: Path) -> None:
    entries = entries_of(tmp_path)
    entries[2]["genre"] = "polka"
    entries[3]["mood"] = "sad;odd"
    entries[0]["mood"] = "calm;sad"
    labels = {"genre": ("jazz", "rock", "pop"), "mood": ("calm", "sad")}
    dataset = read_track_manifest(write_manifest(tmp_path, entries), labels=labels)
    assert dataset.names == ("rock/0.mp3", "jazz/1.mp3", "jazz/3.mp3")
    assert "genre 'polka' is outside the list" in reasons(dataset)
    assert "rock/2.mp3: has no label that can be used" in reasons(dataset)
    assert "mood 'odd' is outside" in reasons(dataset)
    assert dataset.tasks[0].labels == labels["genre"]
    assert dataset.targets["mood"].tolist()[2] == [0, 1]


def test_entries_that_are_none_are_left_out_one_by_one(tmp_path: Path) -> None:
    good = entries_of(tmp_path)
    bad = [
        None,
        7,
        "song",
        [],
        {},
        {"genre": "rock"},
        {"filename": "x.mp3"},
        good[0],
        good[1] | {"filename": ""},
    ]
    dataset = read_track_manifest(write_manifest(tmp_path, [*good, *bad]))
    assert dataset.names[:4] == tuple(entry["filename"] for entry in good)
    assert dataset.names[4:] == ("entry 13",)
    said = reasons(dataset)
    for part in (
        "entry 5: is None",
        "entry 6: is 7",
        "entry 9: has no filename",
        "x.mp3: has no label",
        "twice",
    ):
        assert part in said


def test_a_task_of_one_class_is_not_learned_and_others_are(tmp_path: Path) -> None:
    entries = entries_of(tmp_path, mood="calm", bpm=100, key="C")
    dataset = read_track_manifest(write_manifest(tmp_path, entries))
    assert [task.name for task in dataset.tasks] == ["genre"]
    assert "all entries have the same mood" in reasons(dataset)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "There is no manifest"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('{"files": {}}', "no list `files`"),
        ('"text"', "no list `files`"),
        ('{"files": []}', "Nothing of the 0 entries"),
        ('{"files": [1, 2]}', "Nothing of the 0 entries.*is 1, not an object"),
        ('[{"filename": "a", "genre": "x"}]', "Nothing of the 1 entries.*has nothing in"),
    ],
)
def test_a_manifest_of_which_nothing_is_left_is_one_sentence(
    tmp_path: Path, content: str | None, said: str
) -> None:
    path = tmp_path / "dataset_manifest.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=said):
        read_track_manifest(path)


def test_one_class_alone_is_said_when_nothing_is_left(tmp_path: Path) -> None:
    entries = [entry | {"genre": "rock"} for entry in entries_of(tmp_path)]
    with pytest.raises(DataError, match="all entries have the same genre"):
        read_track_manifest(write_manifest(tmp_path, entries))


def test_features_that_no_entry_has_count_as_nothing(tmp_path: Path) -> None:
    entries = entries_of(tmp_path)
    for entry in entries:
        path = tmp_path / entry["features_file"]
        content = json.loads(path.read_text())
        del content["spectral_flatness_mean"]
        path.write_text(json.dumps(content))
    dataset = read_track_manifest(write_manifest(tmp_path, entries))
    assert "no entry has the features spectral_flatness_mean" in reasons(dataset)
    assert np.isfinite(dataset.inputs[InputKind.FEATURES]).all()


def test_lengths_are_evened_by_repeating_and_by_the_middle(tmp_path: Path) -> None:
    entries = entries_of(tmp_path)
    np.save(tmp_path / entries[0]["spectrogram_file"], spectrogram(0, frames=9))
    np.save(tmp_path / entries[1]["spectrogram_file"], spectrogram(1, frames=101))
    dataset = read_track_manifest(write_manifest(tmp_path, entries), most_s=1.6)  # 50 frames
    array = dataset.inputs[InputKind.SPECTROGRAM]
    assert array.shape == (4, 128, 50)
    assert np.array_equal(array[0], np.tile(spectrogram(0, frames=9), 6)[:, :50])
    assert np.array_equal(array[1], spectrogram(1, frames=101)[:, 25:75])


def test_segments_of_a_track_are_one_group(tmp_path: Path) -> None:
    entries = entries_of(tmp_path, count=2)
    for seed, entry in enumerate(entries):
        np.save(tmp_path / entry["spectrogram_file"], spectrogram(seed, frames=190))  # 6.08 s
        np.save(tmp_path / entry["embedding_file"], embeddings(seed, steps=6))  # 5.76 s
    dataset = read_track_manifest(write_manifest(tmp_path, entries), segment_s=1.92)
    assert dataset.names[:3] == ("rock/0.mp3#000", "rock/0.mp3#001", "rock/0.mp3#002")
    assert dataset.groups == ("rock/0.mp3",) * 3 + ("jazz/1.mp3",) * 3
    assert dataset.inputs[InputKind.SPECTROGRAM].shape == (6, 128, 60)
    assert np.array_equal(dataset.inputs[InputKind.EMBEDDINGS][4], embeddings(1)[2:4])
    assert np.allclose(dataset.inputs[InputKind.EMBEDDING][4], embeddings(1)[2:4].mean(axis=0))
    assert InputKind.FEATURES not in dataset.inputs


def test_keys_have_many_spellings() -> None:
    spelled = {
        "C": "C",
        "db": "C#",
        "Cb": "B",
        "f#m": "F# minor",
        "A:min": "A minor",
        "E♭ major": "D# major",
        "Gm": "G minor",
    }
    assert {text: normal_key(text) for text in spelled} == spelled
    assert [normal_key(text) for text in ("", "H", "C##", "Cmagic", "minor")] == [None] * 5


def test_one_key_with_a_mode_makes_it_a_task_of_24(tmp_path: Path) -> None:
    entries = entries_of(tmp_path)
    entries[0]["key"], entries[1]["key"], entries[2]["key"] = "Am", "C major", "C"
    dataset = read_track_manifest(write_manifest(tmp_path, entries))
    task = next(task for task in dataset.tasks if task.name == "key")
    assert task.labels == KEYS_WITH_MODE
    assert dataset.targets["key"].tolist() == [KEYS_WITH_MODE.index("A minor"), 0, -1, -1]
    assert "key 'C' is outside the list" in reasons(dataset)

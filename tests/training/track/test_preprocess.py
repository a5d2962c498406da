"""A folder of sound prepared for training: what is written, what is kept, and what is wrong with a file."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from core.errors import DataError, ExtraMissingError
from models.mood.backbone import Backbone, load_backbone
from models.sound_files import split_audio
from models.track.feature_file import read_features
from models.track.features import FEATURE_NAMES
from models.track.tasks import InputKind
from tests.models.mood_graphs import write_backbone
from tests.models.track.test_features import noise, tone
from training.track import preprocess as preprocessing
from training.track.preprocess import Preprocessed, preprocess
from training.track.readers.any_form import read_tracks
from training.track.readers.manifest import read_track_manifest

pytest.importorskip("librosa")

RATE_HZ = 16_000


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Four tracks in two folders, two of one name."""
    folder = tmp_path / "music"
    for place, (name, sound) in enumerate(
        {
            "rock/a.wav": noise(seconds=1.5),
            "rock/b.flac": noise(seconds=1.0),
            "jazz/a.wav": tone(440.0, seconds=1.5),
            "jazz/c.ogg": tone(330.0, seconds=2.0),
        }.items()
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, sound * (1.0 - 0.1 * place), RATE_HZ)
    return folder


@pytest.fixture
def backbone(tmp_path: Path) -> Backbone:
    return load_backbone(write_backbone(tmp_path / "backbone.onnx"), threads=1)


def manifest_of(done: Preprocessed) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(done.manifest.read_text(encoding="utf-8"))
    return content


def test_a_folder_becomes_a_dataset(tmp_path: Path, music: Path, backbone: Backbone) -> None:
    done = preprocess(music, tmp_path / "out", folder_label="genre", backbone=backbone)
    assert (done.entries, done.computed, done.faults) == (4, 4, ())
    dataset = read_tracks(tmp_path / "out")
    assert dataset.names == ("jazz/a.wav", "jazz/c.ogg", "rock/a.wav", "rock/b.flac")
    assert dataset.tasks[0].labels == ("jazz", "rock")
    assert dataset.faults == ()
    assert set(dataset.inputs) == set(InputKind)
    assert [Path(path).resolve() for path in dataset.paths] == [music / name for name in dataset.names]
    centroids = dataset.inputs[InputKind.FEATURES][:, FEATURE_NAMES.index("spectral_centroid_mean")]
    assert centroids[2:] == pytest.approx(4_000.0, rel=0.05)
    assert centroids[:2] == pytest.approx([440.0, 330.0], abs=40.0)


def test_manifest_and_statistics_have_the_common_form(tmp_path: Path, music: Path) -> None:
    done = preprocess(music, tmp_path / "out")
    content = manifest_of(done)
    assert (content["dataset_name"], content["total_files"], content["total_errors"]) == ("music", 4, 0)
    entry = content["files"][1]
    assert entry["features_file"] == "features/jazz/c_features.json"
    assert entry["spectrogram_file"] == "spectrograms/jazz/c_spectrogram.npy"
    assert entry["duration"] == pytest.approx(2.0, abs=0.05)
    assert "embedding_file" not in entry
    assert np.load(tmp_path / "out" / entry["spectrogram_file"]).shape[0] == 128
    statistics = json.loads(done.statistics.read_text(encoding="utf-8"))
    assert set(statistics["features"]) == set(FEATURE_NAMES)
    vectors = np.array([read_features(tmp_path / "out" / one["features_file"]) for one in content["files"]])
    place = FEATURE_NAMES.index("rms_energy")
    assert statistics["features"]["rms_energy"] == pytest.approx(
        {
            "mean": vectors[:, place].mean(),
            "std": vectors[:, place].std(),
            "min": vectors[:, place].min(),
            "max": vectors[:, place].max(),
        }
    )
    assert statistics["total_duration_hours"] == pytest.approx(6.0 / 3600, rel=0.05)
    assert statistics["processing_success_rate"] == 100.0


def test_labels_are_found_by_path_name_or_stem_and_misses_are_told(tmp_path: Path, music: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "Filename, genre ,bpm,artist,duration\nrock/a.wav,rock,100,X,9\nb,punk,140.5,,\nc.ogg,jazz,,Y,\n"
        "a.wav,?,1,,\nnone.mp3,pop,90,,\njazz\\a.wav,swing,80,Y,\n"
    )
    done = preprocess(music, tmp_path / "out", labels=labels)
    by_name = {entry["filename"]: entry for entry in manifest_of(done)["files"]}
    assert (by_name["rock/a.wav"]["genre"], by_name["rock/a.wav"]["bpm"]) == ("rock", 100.0)
    assert by_name["rock/a.wav"]["duration"] == 1.5  # measured, whatever the labels say
    assert (by_name["rock/b.flac"]["genre"], by_name["rock/b.flac"]["bpm"]) == ("punk", 140.5)
    assert by_name["jazz/a.wav"]["genre"] == "swing"
    assert "bpm" not in by_name["jazz/c.ogg"]
    assert {fault.entry: fault.reason[:11] for fault in done.faults} == {
        "a.wav": "fits 2 file",
        "none.mp3": "has labels ",
    }
    assert manifest_of(done)["total_errors"] == 2


def test_segments_are_one_group_with_the_labels_of_their_track(tmp_path: Path, music: Path) -> None:
    parts = tmp_path / "parts"
    split_audio(music / "jazz" / "c.ogg", parts / "jazz", segment_s=1.0)
    split_audio(music / "rock" / "a.wav", parts / "rock", segment_s=0.5)
    labels = tmp_path / "labels.csv"
    labels.write_text("filename,genre\nc,jazz\nrock/a,rock\n")
    dataset = read_track_manifest(preprocess(parts, tmp_path / "out", labels=labels).manifest)
    assert dataset.groups == ("jazz/c", "jazz/c", "rock/a", "rock/a", "rock/a")
    assert dataset.targets["genre"].tolist() == [0, 0, 1, 1, 1]


def test_another_run_keeps_what_is_there_and_computes_the_rest(
    tmp_path: Path, music: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    made = preprocessing.extract_features
    calls: list[int] = []

    def stopped_at_the_third(audio: np.ndarray) -> np.ndarray:
        calls.append(len(audio))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return made(audio)

    monkeypatch.setattr(preprocessing, "extract_features", stopped_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        preprocess(music, out)
    assert preprocess(music, out).computed == 2
    first = (out / "dataset_manifest.json").read_bytes()
    again = preprocess(music, out)
    assert (again.entries, again.computed) == (4, 0)
    assert again.manifest.read_bytes() == first
    # Another sound, a damaged file, a lost one, and embeddings that were not asked for before.
    soundfile.write(music / "rock" / "a.wav", noise(seconds=1.2), RATE_HZ)
    (out / "features" / "jazz" / "c_features.json").write_text("{")
    (out / "spectrograms" / "rock" / "b_spectrogram.npy").unlink()
    assert preprocess(music, out).computed == 3
    assert preprocess(music, out, backbone=backbone).computed == 4


def test_files_that_differ_in_their_suffix_alone_do_not_meet(tmp_path: Path, music: Path) -> None:
    soundfile.write(music / "rock" / "a.flac", noise(seconds=1.0), RATE_HZ)
    done = preprocess(music, tmp_path / "out")
    names = [entry["features_file"] for entry in manifest_of(done)["files"]]
    assert len(set(names)) == 5
    assert "features/rock/a.flac_features.json" in names


def test_bad_files_are_rows_and_the_rest_goes_on(tmp_path: Path, music: Path) -> None:
    (music / "rock" / "empty.mp3").write_bytes(b"")
    (music / "rock" / "text.wav").write_text("no sound")
    soundfile.write(music / "rock" / "low.wav", noise(seconds=1.0), 4_000)
    soundfile.write(music / "rock" / "silent.wav", np.zeros(RATE_HZ, dtype=np.float32), RATE_HZ)
    soundfile.write(music / "rock" / "tiny.wav", np.ones(10, dtype=np.float32), RATE_HZ)
    done = preprocess(music, tmp_path / "out", folder_label="genre")
    assert done.entries == 6
    errors = {error["filename"]: error["error"] for error in manifest_of(done)["errors"]}
    assert set(errors) == {"rock/empty.mp3", "rock/text.wav", "rock/low.wav"}
    assert "empty (0 bytes)" in errors["rock/empty.mp3"]
    assert len(read_track_manifest(done.manifest).names) == 6


def test_nothing_left_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "music"
    for said in ("cannot be read", "There is no sound file"):
        with pytest.raises(DataError, match=said):
            preprocess(folder, tmp_path / "out")
        folder.mkdir(exist_ok=True)
    (folder / "a.wav").write_text("no sound")
    with pytest.raises(DataError, match="None of 1 sound files"):
        preprocess(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read"),
        ("", "no column filename"),
        ("song,genre\na,b\n", "no column filename"),
        ("filename,bpm\na,fast\n", "bpm 'fast' is no number"),
        ("filename,genre\na,b\na,c\n", "list 'a' twice"),
        ("filename,genre\n\xff", "UTF-8"),
    ],
)
def test_labels_that_cannot_be_read_are_one_sentence(
    tmp_path: Path, music: Path, text: str | None, said: str
) -> None:
    labels = tmp_path / "labels.csv"
    if text is not None:
        labels.write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=said):
        preprocess(music, tmp_path / "out", labels=labels)


def test_a_disk_that_refuses_ends_it(tmp_path: Path, music: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(DataError, match="cannot be written"):
        preprocess(music, tmp_path / "out")


def test_without_librosa_it_ends_at_once(
    tmp_path: Path, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(ExtraMissingError, match="is needed for"):
        preprocess(music, tmp_path / "out")


def test_a_prepared_folder_can_be_moved_with_its_music(tmp_path: Path, music: Path) -> None:
    preprocess(music, music / "prepared", folder_label="genre")
    shutil.move(music, tmp_path / "elsewhere")
    dataset = read_track_manifest(tmp_path / "elsewhere" / "prepared")
    places = [tmp_path / "elsewhere" / name for name in dataset.names]
    assert all(place.samefile(path) for place, path in zip(places, dataset.paths, strict=True))

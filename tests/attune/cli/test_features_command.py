"""`attune features`: what it writes and prints, how it exits, and one sentence for every bad file."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.track.features import FEATURE_NAMES
from tests.models.mood_graphs import write_backbone
from tests.models.track.test_features import noise, tone
from tests.terminal import Terminal

RATE_HZ = 16_000


@pytest.fixture
def features(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    monkeypatch.chdir(tmp_path)
    return Terminal(capsys, monkeypatch, "features")


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    for name, sound in {
        "rock/a.wav": noise(seconds=1.5),
        "jazz/a.wav": tone(440.0, seconds=1.5),
        "b.flac": noise(),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, sound, RATE_HZ)
    return folder


def test_features_are_written_printed_and_told_as_json(
    features: Terminal, music: Path, tmp_path: Path
) -> None:
    pytest.importorskip("librosa")
    assert features("extract", music / "b.flac") == (0, "Wrote b_features.json.\n", "")
    written = json.loads((tmp_path / "b_features.json").read_text())
    assert set(FEATURE_NAMES) <= set(written)
    code, out, _ = features("extract", "--summary", music / "b.flac")
    assert code == 0
    assert "spectral_centroid_mean" in out
    assert len(out.splitlines()) == 105
    code, out, _ = features("extract", "--json", "--out", "found", music)
    assert code == 0
    assert [json.loads(line)["features"]["estimated_key"] for line in out.splitlines()][1] == "A"
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == [
        "b_features.json",
        "jazz_a.wav_features.json",
        "rock_a.wav_features.json",
    ]


def test_a_bad_file_is_told_and_the_rest_goes_on(features: Terminal, music: Path) -> None:
    pytest.importorskip("librosa")
    (music / "bad.wav").write_text("no sound")
    code, out, err = features("extract", "--json", music)
    assert code == 1
    assert len(out.splitlines()) == 3
    assert "bad.wav" in err
    assert "Traceback" not in err


def test_spectrograms_are_arrays_and_pictures(features: Terminal, music: Path, tmp_path: Path) -> None:
    pytest.importorskip("librosa")
    pytest.importorskip("matplotlib")
    code, out, _ = features("spectrogram", "--png", "--out", "pictures", music / "b.flac")
    assert code == 0
    assert "128 bands, 126 frames" in out
    assert np.load(tmp_path / "pictures" / "b_spectrogram.npy").shape == (128, 126)
    assert (tmp_path / "pictures" / "b_spectrogram.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_is_prepared_once_and_described(
    features: Terminal, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("librosa")
    monkeypatch.setenv("ATTUNE_MOOD_BACKBONE", str(write_backbone(tmp_path / "backbone.onnx")))
    (tmp_path / "labels.csv").write_text(
        "filename,genre,bpm\nrock/a.wav,rock,90\njazz/a.wav,jazz,80\nb,jazz,\n"
    )
    given = ("preprocess", music, "--out", "prepared", "--labels", "labels.csv", "--embeddings")
    code, out, _ = features(*given)
    assert code == 0
    assert "3 files, 0 of them known already; 0 faults." in out
    assert "3 files, 3 of them known already" in features(*given)[1]
    done = json.loads(features(*given, "--json")[1])
    assert (done["entries"], done["computed"], done["faults"]) == (3, 0, [])
    manifest = tmp_path / "prepared" / "dataset_manifest.json"
    found = json.loads(features("info", manifest, "--json")[1])
    assert json.loads(features("info", manifest.parent, "--json")[1]) == found
    assert [(one["task"], one["label"], one["entries"]) for one in found] == [
        ("genre", "jazz", 2),
        ("genre", "rock", 1),
        ("bpm", "bpm", 2),
        ("bpm", "(none)", 1),
    ]
    assert found[2]["mean"] == 85.0
    (music / "bad.wav").write_text("no sound")
    code, out, err = features(*given)
    assert code == 1
    assert "1 fault." in out
    assert "bad.wav" in err


def test_without_librosa_one_sentence_says_how_to_get_it(
    features: Terminal, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    for command in ("extract", "spectrogram", "preprocess"):
        code, out, err = features(command, music, "--out", "x")
        assert (code, out) == (1, "")
        assert "pip install -e '.[analysis]'" in err
        assert len(err.splitlines()) == 1


def test_files_are_told_apart(features: Terminal, music: Path) -> None:
    code, out, _ = features("info", "--csv", music)
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(Path(row["name"]).name, row["format"], row["duration"]) for row in rows] == [
        ("b.flac", "FLAC, PCM_16", "4.0"),
        ("a.wav", "WAV, PCM_16", "1.5"),
        ("a.wav", "WAV, PCM_16", "1.5"),
    ]
    assert "16000 Hz" in features("info", music / "b.flac")[1]
    code, _, err = features("info", music / "none.wav")
    assert code == 1
    assert "none.wav" in err


def test_a_manifest_that_is_none_is_one_sentence(features: Terminal, music: Path, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    code, _, err = features("info", "x.json")
    assert code == 1
    assert "no list `files`" in err
    assert features("info", "x.json", music)[0] == 2


def test_sounds_are_converted_and_cut(features: Terminal, music: Path, tmp_path: Path) -> None:
    code, out, _ = features(
        "convert", music, "--out", "low", "--format", "ogg", "--rate", "8000", "--channels", "2"
    )
    assert code == 0
    assert len(out.splitlines()) == 3
    info = soundfile.info(tmp_path / "low" / "b.ogg")
    assert (info.samplerate, info.channels) == (8_000, 2)
    code, _, err = features("convert", music / "b.flac", "--out", "low", "--format", "ogg")
    assert code == 1
    assert "is there already" in err
    assert features("convert", music / "b.flac", "--out", "low", "--format", "ogg", "--overwrite")[0] == 0
    code, out, _ = features("split", music / "b.flac", "--out", "parts", "--seconds", "1", "--overlap", "0.5")
    assert code == 0
    assert "7 segments" in out
    assert len(list((tmp_path / "parts").iterdir())) == 7
    assert features("split", music / "b.flac", "--out", "parts", "--seconds", "1", "--overlap", "1")[0] == 2

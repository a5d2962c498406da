"""`attune profile` and `attune embed`: what they print and write, and one sentence for every bad file."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from attune.cli.profile import tag_values
from core.track_labels import EMOTIONS, genre_label
from models import assets
from models.mood.file_tags import TagField, write_tags
from models.track.profile import LabelProbabilities
from models.track.profile_export import CSV_COLUMNS, TIMELINE_COLUMNS
from tests.attune.dashboard.invented_tracks import a_profile, a_result
from tests.models.mood.test_file_tags import moods_in, song
from tests.models.mood_graphs import write_backbone, write_head, write_track_heads
from tests.terminal import Terminal

pytestmark = pytest.mark.usefixtures("no_librosa")

RATE_HZ = 16_000
MISSING = "The library 'librosa' is missing.\n"


@pytest.fixture(autouse=True)
def _tiny_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "graphs"
    folder.mkdir()
    backbone = write_backbone(folder / "backbone.onnx", loud_is_music=True)
    monkeypatch.setenv("ATTUNE_MOOD_BACKBONE", str(backbone))
    monkeypatch.setenv("ATTUNE_MOOD_HEAD", str(write_head(folder / "head.onnx")))
    monkeypatch.setattr(assets, "locate", write_track_heads(folder).__getitem__)


@pytest.fixture
def profile(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(capsys, monkeypatch, "profile")


@pytest.fixture
def embed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(capsys, monkeypatch, "embed")


def music(path: Path, level: float = 0.2, seconds: float = 6.0) -> Path:
    noise = np.random.default_rng(0).standard_normal(round(seconds * RATE_HZ))
    with soundfile.SoundFile(path, "w", RATE_HZ, 1) as file:
        file.title, file.artist = "Blue Sea", "Ann"
        file.write(level * noise)
    return path


def test_in_words(profile: Terminal, tmp_path: Path) -> None:
    code, out, err = profile(music(tmp_path / "a.flac"))
    assert code == 0
    lines = out.splitlines()
    assert lines[0].endswith("a.flac  Ann - Blue Sea  0:06.00")
    assert [line.split()[0] for line in lines[1:]] == [
        *("loudness", "genre", "instruments", "feelings", "place", "mood"),
    ]
    assert err == MISSING


def test_what_this_machine_lacks_is_told_once(profile: Terminal, tmp_path: Path) -> None:
    _, _, err = profile(music(tmp_path / "a.flac"), music(tmp_path / "b.flac"))
    assert err == MISSING


def test_json(profile: Terminal, tmp_path: Path) -> None:
    code, out, _ = profile("--json", "--timeline", "-k", "2", music(tmp_path / "a.flac"))
    found = json.loads(out)
    assert (code, found["title"], found["artist"], found["music"]) == (0, "Blue Sea", "Ann", True)
    assert (found["tempo"], found["key"], found["beats_s"]) == (None, None, [])
    assert list(found["emotions"]) == list(EMOTIONS)
    assert len(found["genres"]) == 2
    assert len(found["timeline"]) == 7
    assert -1.0 <= found["timeline"][0]["valence"] <= 1.0


def test_csv_has_a_row_for_every_file_also_for_bad_ones(profile: Terminal, tmp_path: Path) -> None:
    bad = tmp_path / "b.mp3"
    bad.write_text("no sound")
    code, out, err = profile("--csv", music(tmp_path / "a.flac"), bad)
    good, other = csv.DictReader(io.StringIO(out))
    assert code == 1
    assert tuple(good) == CSV_COLUMNS
    assert (good["error"], good["title"], good["tempo_bpm"]) == ("", "Blue Sea", "")
    assert "b.mp3 is not sound that Attune can read" in other["error"]
    assert other["error"] in err


def test_json_has_a_line_for_every_file_also_for_bad_ones(profile: Terminal, tmp_path: Path) -> None:
    bad = tmp_path / "b.mp3"
    bad.write_text("no sound")
    code, out, err = profile("--json", bad, music(tmp_path / "a.flac"))
    other, good = map(json.loads, out.splitlines())
    assert (code, good["title"]) == (1, "Blue Sea")
    assert other["file"] == str(bad)
    assert "b.mp3 is not sound that Attune can read" in other["error"]
    assert other["error"] in err


def test_csv_over_time(profile: Terminal, tmp_path: Path) -> None:
    code, out, _ = profile("--csv", "--timeline", music(tmp_path / "a.flac"))
    rows = list(csv.reader(io.StringIO(out)))
    assert (code, tuple(rows[0]), len(rows)) == (0, TIMELINE_COLUMNS, 8)


@pytest.mark.parametrize(("level", "words"), [(0.0, "it is silent"), (0.002, "no music was heard")])
def test_talk_and_silence_claim_nothing(profile: Terminal, tmp_path: Path, level: float, words: str) -> None:
    code, out, err = profile(music(tmp_path / "a.flac", level))
    assert code == 0
    assert f"none: {words}" in out
    assert "genre" not in out
    assert "nothing is said of tempo, key, genre, instruments and feelings." in err
    code, _, err = profile("--write-tags", music(tmp_path / "a.flac", level))
    assert code == 0
    assert "Nothing was written into" in err


def test_tags_are_written_where_there_are_none(profile: Terminal, tmp_path: Path) -> None:
    path = song(tmp_path, "flac", noise=0.3)
    write_tags(path, {TagField.GENRE: ["Polka"]}, overwrite=True)
    code, _, err = profile("--write-tags", path)
    assert code == 0
    moods = moods_in(path)
    assert f"Wrote {'; '.join(moods)} into {path}; {path} keeps genres (Polka)." in err
    code, _, err = profile("--write-tags", "--overwrite", path)
    assert code == 0
    assert ", instead of Polka." in err
    assert write_tags(path, {TagField.GENRE: ["x"]}, overwrite=False)[TagField.GENRE] != ["Polka"]


def test_what_is_unsure_is_not_written_and_labels_are_written_out() -> None:
    found = a_profile(a_result("sad"))
    assert found.rhythm is not None
    assert found.key is not None
    values = tag_values(found)
    assert (values[TagField.BPM], values[TagField.KEY]) == (["120"], ["Am"])
    unsure = replace(
        found,
        rhythm=replace(found.rhythm, confidence=0.4),
        key=replace(found.key, confidence=0.4),
        genres=LabelProbabilities(("hiphop",), np.ones(1, np.float32), np.ones(1, np.float32)),
    )
    values = tag_values(unsure)
    assert TagField.BPM not in values
    assert TagField.KEY not in values
    assert values[TagField.GENRE] == ["hip-hop"]
    assert genre_label("Hip-Hop") == genre_label("hiphop") == "hiphop"


def test_options_that_do_not_go_together_are_refused(profile: Terminal, tmp_path: Path) -> None:
    path = music(tmp_path / "a.flac")
    assert "goes with --write-tags" in profile("--overwrite", path)[2]
    assert "choose one of --json and --csv" in profile("--json", "--csv", path)[2]


def test_an_embedding_is_the_mean_or_a_row_each_patch(embed: Terminal, tmp_path: Path) -> None:
    path = music(tmp_path / "a.flac")
    code, out, _ = embed(path, "--out", tmp_path / "mean.npy")
    mean = np.load(tmp_path / "mean.npy")
    assert (code, mean.shape, mean.dtype) == (0, (1024,), np.float32)
    assert out.endswith("mean.npy: 1024 numbers, float32.\n")
    code, out, _ = embed(path, "--timeline", "--out", tmp_path / "rows.npy")
    rows = np.load(tmp_path / "rows.npy")
    assert (code, rows.shape) == (0, (7, 1024))
    np.testing.assert_allclose(rows[:-1].mean(axis=0), mean, rtol=0.02, atol=0.02)  # the last is half empty


def test_an_embedding_of_what_is_no_music_says_so(embed: Terminal, tmp_path: Path) -> None:
    code, _, err = embed(music(tmp_path / "a.flac", 0.002), "--out", tmp_path / "x.npy")
    assert (code, "the embedding is that of all that sounds" in err) == (0, True)
    code, _, err = embed(music(tmp_path / "a.flac", 0.0), "--out", tmp_path / "y.npy")
    assert (code, "is silent, so it has no embedding" in err) == (1, True)
    assert not (tmp_path / "y.npy").exists()


def test_an_embedding_that_cannot_be_made_or_written_is_one_sentence(embed: Terminal, tmp_path: Path) -> None:
    path = music(tmp_path / "a.flac")
    assert "must end in .npy" in embed(path, "--out", tmp_path / "x.txt")[2]
    code, _, err = embed(path, "--out", tmp_path / "no" / "x.npy")
    assert (code, "cannot be written" in err) == (1, True)
    code, _, err = embed(tmp_path / "gone.wav", "--out", tmp_path / "x.npy")
    assert (code, "There is no file" in err) == (1, True)

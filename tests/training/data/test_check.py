"""The checks: every kind of bad clip is named, and nothing else is."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from core.errors import DataError
from tests.training.data.small_corpora import manifest_of, tone, write_tone
from training.data.check import _warnings_of, check, corpus_stats
from training.data.manifest import ManifestRow
from training.data.sources import open_source


def own(path: str, emotion: str, speaker: str = "a", **more: Any) -> ManifestRow:
    return ManifestRow(path, "own", speaker, emotion, **more)


def kinds(manifest: Path) -> dict[str, str]:
    return {problem.path: problem.kind for problem in check(open_source(manifest)).problems}


def test_good_clips_of_any_rate_and_format_have_no_problem(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav", 300)
    soundfile.write(tmp_path / "b.flac", np.stack([tone(400, seconds=1.0)] * 2, axis=1), 44_100)
    soundfile.write(tmp_path / "c.ogg", tone(500, seconds=1.0), 48_000)
    rows = [own("a.wav", "sad", "a"), own("b.flac", "happy", "b"), own("c.ogg", "other:boredom", "c")]
    report = check(open_source(manifest_of(tmp_path, rows)))
    assert (report.n_clips, report.n_good, report.problems, report.warnings) == (3, 3, (), ())


def test_every_kind_of_bad_clip_is_named(tmp_path: Path) -> None:
    write_tone(tmp_path / "good.wav", 300)
    write_tone(tmp_path / "silent.wav", 310, level=1e-5)
    write_tone(tmp_path / "short.wav", 320, seconds=0.1)
    whole = write_tone(tmp_path / "whole.wav", 330).read_bytes()
    (tmp_path / "truncated.wav").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.wav").write_text("no sound at all")
    (tmp_path / "empty.wav").touch()
    shutil.copy(tmp_path / "good.wav", tmp_path / "copy.wav")
    write_tone(tmp_path / "torn.wav", 340)
    shutil.copy(tmp_path / "torn.wav", tmp_path / "torn_twin.wav")
    nan = tone(350)
    nan[100] = np.nan
    soundfile.write(tmp_path / "nan.wav", nan, 16_000, subtype="FLOAT")
    rows = [own(file.name, "sad") for file in sorted(tmp_path.glob("*.wav")) if file.name != "torn_twin.wav"]
    rows += [own("torn_twin.wav", "happy"), own("gone.wav", "sad")]
    assert kinds(manifest_of(tmp_path, rows)) == {
        "good.wav": "duplicate",  # of copy.wav, which comes first
        "silent.wav": "silent",
        "short.wav": "too short",
        "truncated.wav": "broken",
        "text.wav": "broken",
        "empty.wav": "broken",
        "nan.wav": "broken",
        "torn.wav": "conflicting labels",
        "torn_twin.wav": "conflicting labels",
        "gone.wav": "missing",
    }


def test_label_flaws_are_named_clip_by_clip(tmp_path: Path) -> None:
    for index, name in enumerate(("03a01Fa", "03a01Wa", "08a01Na", "09a01Ta")):
        write_tone(tmp_path / f"{name}.wav", 300 + 10 * index)
    (tmp_path / "manifest.csv").write_text(
        "path,corpus,speaker,emotion\n03a01Fa.wav,emodb,03,happy\n03a01Wa.wav,emodb,03,sad\n"
        "08a01Na.wav,emodb,08,meh\n09a01Ta.wav,emodb,09,sad\n09a01Ta.wav,emodb,09,sad\n"
    )
    assert kinds(tmp_path / "manifest.csv") == {
        "03a01Wa.wav": "mislabelled",
        "08a01Na.wav": "unknown label",
        "09a01Ta.wav": "listed twice",
    }


def test_one_speaker_one_class_and_shared_people_are_said() -> None:
    def said(*rows: ManifestRow) -> str:
        return " ".join(_warnings_of(rows))

    assert said(own("1", "sad"), own("2", "happy")).startswith("own has one speaker only (a)")
    assert said(own("1", "sad", "a"), own("2", "sad", "b")).startswith("own has one class only (sad)")
    assert "none of" not in said(own("1", "sad", "a"), own("2", "happy", "b"))
    assert "eight emotions" in said(own("1", "other:x", "a"), own("2", "other:y", "b"))
    shared = said(own("1", "sad", "a", split="train"), own("2", "happy", "a", split="test"))
    assert "1 people stand on two sides of the split, among them a of own" in shared
    assert said() == "No clip can be used."


def test_damaged_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.tar").write_bytes(b"no archive" * 200)
    manifest = manifest_of(tmp_path, [own("own.tar!/a.wav", "sad"), own("none.tar!/a.wav", "sad")])
    with pytest.raises(DataError, match=r"own\.tar is damaged"):
        check(open_source(manifest))


def test_missing_archive_of_a_manifest_means_missing_clips(tmp_path: Path) -> None:
    assert kinds(manifest_of(tmp_path, [own("none.tar!/a.wav", "sad")])) == {"none.tar!/a.wav": "missing"}


def test_figures_count_clips_speakers_and_hours(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav", 300, seconds=1.0)
    rows = [
        own("a.wav", "sad", split="train"),
        own("b.wav", "happy", more=(("duration_s", "2.6"),)),
        own("gone.wav", "sad", "b"),
        ManifestRow("c.wav", "zoo", "z", "calm", language="de", more=(("duration_s", "1"),)),
    ]
    mine, zoo = corpus_stats(open_source(manifest_of(tmp_path, rows)))
    assert (mine.clips, mine.speakers, mine.unknown_lengths) == (3, 2, 1)
    assert mine.hours == pytest.approx(3.6 / 3600)
    assert (mine.emotions, mine.splits) == ({"sad": 2, "happy": 1}, {"none": 2, "train": 1})
    assert (zoo.corpus, zoo.languages) == ("zoo", ("de",))

"""Splits: nobody on two sides, the same every time, alike on all sides, and published folds as they are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from training.data.manifest import ManifestRow
from training.data.splits import (
    Split,
    check_disjoint,
    person_of,
    shared_speakers,
    split_by_fold,
    split_by_speaker,
    split_of,
)

EMOTIONS = ("neutral", "happy", "sad", "angry")


def corpus(name: str, speakers: int, clips: int = 8) -> list[ManifestRow]:
    return [
        ManifestRow(
            f"{name}/{speaker}_{clip}.wav",
            name,
            f"s{speaker}",
            EMOTIONS[clip % 4],
            sex="male" if speaker % 2 else "female",
        )
        for speaker in range(speakers)
        for clip in range(clips)
    ]


def people(rows: tuple[ManifestRow, ...], split: Split) -> set[tuple[str, str]]:
    return {person_of(row) for row in rows if row.split == split}


@given(
    speakers=st.integers(3, 30),
    test=st.sampled_from((0.1, 0.2, 0.4)),
    validation=st.sampled_from((0.0, 0.1, 0.3)),
    seed=st.integers(0, 9),
)
def test_nobody_stands_on_two_sides_and_no_side_is_empty(
    speakers: int, test: float, validation: float, seed: int
) -> None:
    rows = corpus("a", speakers, clips=2)
    split = split_by_speaker(rows, test=test, validation=validation, seed=seed)
    check_disjoint(split)
    assert [row.path for row in split] == [row.path for row in rows]
    assert len(people(split, Split.TEST)) == max(1, round(test * speakers))
    assert bool(people(split, Split.VALIDATION)) is (validation > 0)
    assert people(split, Split.TRAIN)


def test_same_seed_same_split_whatever_the_order_of_people_is_drawn() -> None:
    rows = corpus("a", 20)
    first = split_by_speaker(rows, seed=1)
    assert split_by_speaker(rows, seed=1) == first
    assert split_by_speaker(rows, seed=2) != first


def test_sides_are_alike_in_corpora_and_sexes() -> None:
    rows = corpus("small", 10) + corpus("large", 40)
    split = split_by_speaker(rows, test=0.2, validation=0.2)
    for side in (Split.TEST, Split.VALIDATION):
        assert Counter(name for name, _ in people(split, side)) == {"large": 8, "small": 2}
        sexes = Counter(row.sex for row in split if row.split == side)
        assert sexes["male"] == pytest.approx(sexes["female"], abs=16)


def test_songs_follow_their_singers() -> None:
    rows = corpus("ravdess_speech", 6) + corpus("ravdess_song", 5)
    split = split_by_speaker(rows)
    assert not shared_speakers(split)
    assert len({person_of(row) for row in rows}) == 6


@pytest.mark.parametrize(("speakers", "validation"), [(1, 0.0), (2, 0.1)])
def test_too_few_speakers_are_refused(speakers: int, validation: float) -> None:
    with pytest.raises(DataError, match=rf"too few speakers to split \({speakers} in a\)"):
        split_by_speaker(corpus("a", speakers), validation=validation)


@pytest.mark.parametrize("shares", [(1.0, 0.0), (0.6, 0.5), (-0.1, 0.0), (float("nan"), 0.0)])
def test_shares_that_cannot_be_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(DataError, match="cannot be had"):
        split_by_speaker(corpus("a", 9), test=shares[0], validation=shares[1])


def folds(folder: Path, *lines: str) -> Path:
    path = folder / "folds.csv"
    path.write_text("\n".join(("corpus,clip,test_fold", *lines)) + "\n")
    return path


def test_fold_is_taken_as_published_and_its_shared_speakers_said(tmp_path: Path) -> None:
    rows = corpus("a", 2, clips=2) + corpus("b", 2, clips=2) + corpus("c", 1)
    path = folds(tmp_path, "a,0_0,1", "a,0_1,1", "a,1_0,2", "a,1_1,2", "b,0_0,1", "b,9_9,1")
    found = split_by_fold(rows, path, "1")
    assert {row.path: row.split for row in found.rows if row.corpus != "c"} == {
        "a/0_0.wav": "test",
        "a/0_1.wav": "test",
        "a/1_0.wav": "train",
        "a/1_1.wav": "train",
        "b/0_0.wav": "test",
        "b/0_1.wav": "train",
        "b/1_0.wav": "train",
        "b/1_1.wav": "train",
    }
    assert {row.split for row in found.rows if row.corpus == "c"} == {"left_out"}
    assert (found.shared, found.absent, found.left_out) == ((("b", "s0"),), (("b", "9_9"),), ("c",))
    shared, absent, left_out = found.notes
    assert shared.startswith("1 speakers of b stand in training and in test: the protocol shares speakers")
    assert "1 test clips of b are not in the manifest" in absent
    assert left_out == "c is left out: the fold does not speak of it."
    assert {row.corpus for row in split_by_fold(rows, path, "2").rows if row.split != "left_out"} == {"a"}


def test_validation_of_a_fold_comes_from_its_training_people(tmp_path: Path) -> None:
    rows = corpus("a", 10, clips=1)
    found = split_by_fold(rows, folds(tmp_path, "a,0_0,1", "a,1_0,1"), "1", validation=0.25)
    check_disjoint(found.rows)
    assert Counter(row.split for row in found.rows) == {"test": 2, "validation": 2, "train": 6}


def test_flawed_fold_files_are_named(tmp_path: Path) -> None:
    rows = corpus("a", 2)
    with pytest.raises(DataError, match="cannot be read"):
        split_by_fold(rows, tmp_path / "none.csv", "1")
    with pytest.raises(DataError, match=r"no fold '3': it has 1, 2\."):
        split_by_fold(rows, folds(tmp_path, "a,0_0,1", "a,1_0,2"), "3")
    with pytest.raises(DataError, match="No clip of the manifest is in fold 1"):
        split_by_fold(rows, folds(tmp_path, "z,0_0,1"), "1")
    (tmp_path / "folds.csv").write_text("corpus,clip\na,b\n")
    with pytest.raises(DataError, match="no column test_fold"):
        split_by_fold(rows, tmp_path / "folds.csv", "1")


def test_manifest_says_what_a_clip_is_for() -> None:
    assert split_of(ManifestRow("p", "a", "s", "sad", split="test")) is Split.TEST
    assert split_of(ManifestRow("p", "a", "s", "other:boredom", split="test")) is Split.LEFT_OUT
    assert split_of(ManifestRow("p", "a", "s", "other:cough", split="no_emotion")) is Split.NO_EMOTION
    for split in ("", "tset"):
        with pytest.raises(DataError, match="`attune data split`"):
            split_of(ManifestRow("p", "a", "s", "sad", split=split))

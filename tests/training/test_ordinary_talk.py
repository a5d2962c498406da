"""Ordinary talk: cut into windows, nobody on two sides, and what a damaged archive gets."""

from __future__ import annotations

import tarfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from tests.training.invented_talk import write_talk
from training.data.ordinary import CORPUS, ORDINARY, open_talk, ordinary_split, read_talk
from training.data.splits import Split
from training.emotion.protocols import trainable


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve people, two recordings each, some of them too short for a window."""
    lengths = {f"{speaker}-1-0000": 3.0 for speaker in range(1034, 1046)}
    lengths |= {f"{speaker}-1-0001": 6.6 for speaker in range(1034, 1046)}
    lengths["1034-2-0000"] = 1.9
    return write_talk(tmp_path_factory.mktemp("talk") / "librispeech_ordinary.tar", lengths)


def test_talk_is_cut_into_windows_of_three_seconds(archive: Path) -> None:
    talk = open_talk(archive)
    starts = defaultdict(list)
    for clip in talk.clips:
        speaker, number, start = clip.path.removeprefix(f"{CORPUS}/").split("-")
        assert speaker == clip.speaker
        starts[number].append((int(start), clip.n_samples))
    lengths = sorted(len(windows) for windows in starts.values())
    assert lengths == [1] * 12 + [4] * 12  # of 1.9 s none
    long = next(windows for windows in starts.values() if len(windows) == 4)
    assert [start for start, _ in long] == [0, 24_000, 48_000, 72_000]
    assert [length for _, length in long][:3] == [48_000] * 3
    assert 32_000 <= long[3][1] < 48_000


def test_windows_are_the_sound_of_their_recording(archive: Path) -> None:
    talk = open_talk(archive)
    recordings = read_talk(archive)
    for clip in talk.clips:
        _, number, start = clip.path.removeprefix(f"{CORPUS}/").split("-")
        speaker, audio = recordings[int(number)]
        assert speaker == clip.speaker
        piece = audio[int(start) : int(start) + clip.n_samples]
        assert talk.audio(clip) == pytest.approx(piece, abs=1e-4)
        assert 0 <= clip.active_start < clip.active_stop <= clip.n_samples


def test_nobody_stands_on_two_sides(archive: Path) -> None:
    sides = defaultdict(set)
    for clip in open_talk(archive).clips:
        sides[clip.speaker].add(clip.split)
    assert len(sides) == 12
    assert all(found == {ordinary_split(speaker)} for speaker, found in sides.items())
    assert {split for found in sides.values() for split in found} == {
        Split.TRAIN,
        Split.CALIBRATION,
        Split.TEST,
    }


def test_a_window_has_nothing_to_claim_and_is_in_no_published_fold(archive: Path) -> None:
    for clip in open_talk(archive).clips:
        assert (clip.corpus, clip.emotion) == (CORPUS, ORDINARY)
        assert not trainable(clip)


def test_who_is_asked_for_is_read_alone(archive: Path) -> None:
    spoken = {speaker for speaker, _ in read_talk(archive, lambda split: split is Split.TEST)}
    assert spoken
    assert all(ordinary_split(speaker) is Split.TEST for speaker in spoken)
    speakers = [speaker for speaker, _ in read_talk(archive)]
    assert speakers == sorted(speakers)  # in order of their names, however the archive has them


def test_the_same_talk_has_the_same_fingerprint_and_other_talk_another(archive: Path, tmp_path: Path) -> None:
    other = write_talk(tmp_path / "other.tar", {"1034-1-0000": 3.5})
    assert open_talk(archive).fingerprint == open_talk(archive).fingerprint
    assert open_talk(other).fingerprint != open_talk(archive).fingerprint


def test_silence_among_the_talk_is_no_hindrance(tmp_path: Path) -> None:
    path = write_talk(tmp_path / "quiet.tar", {"1034-1-0000": 3.0})
    recordings = read_talk(path)
    assert np.abs(recordings[0][1]).max() > 0.1
    write_talk(tmp_path / "both.tar", {"1034-1-0000": 3.0, "1035-1-0000": 2.0})
    assert len(open_talk(tmp_path / "both.tar").clips) == 2


def test_a_missing_or_damaged_archive_is_named(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.tar cannot be read .*: fetch it anew"):
        open_talk(tmp_path / "absent.tar")
    torn = tmp_path / "torn.tar"
    torn.write_bytes(b"no archive at all" * 100)
    with pytest.raises(DataError, match=r"torn\.tar cannot be read"):
        open_talk(torn)
    torn.write_bytes(archive.read_bytes()[:20_000])
    with pytest.raises(DataError, match=r"torn\.tar cannot be read"):
        open_talk(torn)


def test_a_recording_that_is_none_is_named(tmp_path: Path) -> None:
    sound = tmp_path / "1034-1-0000.ogg"
    sound.write_bytes(b"OggS, but no sound follows")
    with tarfile.open(tmp_path / "talk.tar", "w") as tar:
        tar.add(sound, arcname=f"{CORPUS}/{sound.name}")
    with pytest.raises(DataError, match=r"talk\.tar cannot be read .*1034-1-0000\.ogg"):
        open_talk(tmp_path / "talk.tar")


def test_an_archive_without_those_who_are_asked_for_is_named(tmp_path: Path) -> None:
    tested = next(str(n) for n in range(1000, 1100) if ordinary_split(str(n)) is Split.TEST)
    path = write_talk(tmp_path / "one.tar", {f"{tested}-1-0000": 2.5})
    with pytest.raises(DataError, match=r"Nobody who is asked for speaks in .*one\.tar"):
        read_talk(path, lambda split: split is Split.TRAIN)
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    with pytest.raises(DataError, match="Nobody who is asked for"):
        open_talk(tmp_path / "empty.tar")

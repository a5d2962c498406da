"""Recordings from folders and archives: which are read, how they are called, and what is no recording."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import DataError
from tests.training.invented_corpus import encoded_tone
from training.data.recordings import read_recordings

RATE_HZ = 16_000
WINDOW = 48_000


def test_recordings_come_from_a_folder_and_from_a_tar(tmp_path: Path) -> None:
    folder = tmp_path / "noise"
    (folder / "deep").mkdir(parents=True)
    soundfile.write(folder / "one.wav", np.tile([0.1, -0.1], WINDOW // 2), RATE_HZ)
    soundfile.write(folder / "deep" / "two.wav", np.tile([0.2, -0.2], WINDOW // 2), RATE_HZ)
    (folder / "notes.txt").write_text("not a sound")
    (folder / "broken.wav").write_bytes(b"RIFF and nothing more")
    assert [len(audio) for audio in read_recordings(folder)] == [WINDOW, WINDOW]
    archive = tmp_path / "noise.tar"
    with tarfile.open(archive, "w") as tar:
        content = encoded_tone(440.0)
        member = tarfile.TarInfo("a/b.ogg")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    assert len(read_recordings(archive)) == 1


def test_recordings_have_the_same_names_in_a_folder_and_in_its_archive(tmp_path: Path) -> None:
    (tmp_path / "esc10" / "rain").mkdir(parents=True)
    file = tmp_path / "esc10" / "rain" / "1-2-A.ogg"
    file.write_bytes(encoded_tone(440.0))
    with tarfile.open(tmp_path / "esc10.tar", "w") as tar:
        tar.add(file, "esc10/rain/1-2-A.ogg")
    names: list[str] = []
    for place in ("esc10", "esc10.tar"):
        with pytest.raises(DataError, match=r"All 1 recordings in .* are heard in training: name others"):
            read_recordings(tmp_path / place, wanted=lambda name: bool(names.append(name)))
    assert names == ["esc10/rain/1-2-A.ogg"] * 2


def test_places_without_recordings_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        read_recordings(tmp_path / "nowhere")
    with pytest.raises(DataError, match="Nothing in"):
        read_recordings(tmp_path)
    torn = tmp_path / "torn.tar"
    torn.write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"torn\.tar"):
        read_recordings(torn)

"""Which recordings training hears, and that the count of false alarms can do without them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import DataError
from training.data.recordings import is_training_recording, noise_recordings


def archive(path: Path, names: list[str]) -> None:
    with tarfile.open(path, "w") as tar:
        for index, name in enumerate(names):
            buffer = io.BytesIO()
            tone = 0.1 * np.sin(np.arange(8_000 + index) / 9)
            soundfile.write(buffer, tone, 16_000, format="OGG", subtype="VORBIS")
            member = tarfile.TarInfo(name)
            member.size = buffer.tell()
            buffer.seek(0)
            tar.addfile(member, buffer)


def test_two_folds_without_babies_and_some_music_are_heard(tmp_path: Path) -> None:
    sounds = ["esc10/rain/1-1-A.ogg", "esc10/rain/3-1-A.ogg", "esc10/crying_baby/1-2-A.ogg"]
    songs = [f"emotify/{number:03d}_rock.ogg" for number in range(40)]
    archive(tmp_path / "esc10.tar", sounds)
    archive(tmp_path / "emotify.tar", songs)
    assert [name for name in sounds if is_training_recording(name)] == ["esc10/rain/1-1-A.ogg"]
    assert 0 < sum(map(is_training_recording, songs)) < 15
    assert not is_training_recording("rain/1-1-A.ogg")
    assert len(noise_recordings(tmp_path)) == 1 + sum(map(is_training_recording, songs))


def test_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"esc10\.tar"):
        noise_recordings(tmp_path)

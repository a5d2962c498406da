"""What a song and its maker are called, as the file says; one that says nothing gives no error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.mood.song_names import SongNames, read_song_names


def song(path: Path, *, title: str = "", artist: str = "") -> Path:
    with soundfile.SoundFile(path, "w", 16_000, 1) as file:
        if title:
            file.title = title
        if artist:
            file.artist = artist
        file.write(np.zeros(16_000, np.float32))
    return path


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_names_are_read_from_a_path_and_from_content(tmp_path: Path, suffix: str) -> None:
    path = song(tmp_path / f"song.{suffix}", title="Blue Sea", artist="The Grey Clouds é")
    names = SongNames("Blue Sea", "The Grey Clouds é")
    assert read_song_names(path) == names
    assert read_song_names(path.read_bytes()) == names


def test_a_name_is_one_line_and_not_endless(tmp_path: Path) -> None:
    assert read_song_names(song(tmp_path / "a.flac", artist=" One\n  two ")) == SongNames(artist="One two")
    assert len(read_song_names(song(tmp_path / "b.flac", title="x" * 5_000)).title) == 200


@pytest.mark.parametrize("source", [b"", b"RIFF", b"\0" * 4_000, Path("/nowhere/at/all.mp3")])
def test_what_names_nobody_gives_no_name(source: Path | bytes) -> None:
    assert read_song_names(source) == SongNames()


def test_a_silent_file_gives_no_name(tmp_path: Path) -> None:
    assert read_song_names(song(tmp_path / "song.flac")) == SongNames()

"""Songs whose beats and key are known: halves without overlap, and the sound that fluidsynth makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.track_songs import ARCHIVE, SONG_S, for_choosing, read_songs, sing
from benchmarks.track_sounds import Drums
from core.errors import DataError
from models.resample import SAMPLE_RATE_HZ
from tests.training.invented_music import midi_song, needs_fluidsynth, write_tar

NAMES = [f"POP909/{number:03d}" for number in range(1, 9)]
NOTES = 16  # half a second each


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Songs in A minor, then longer in C major; a beat a note, a bar begins with the third."""
    folder = tmp_path_factory.mktemp("data")
    beats = [f"{0.5 * place} {float(place % 2 == 0)} {float(place % 4 == 2)}" for place in range(NOTES)]
    members = {}
    for name in NAMES:
        members[f"{name}/{name[-3:]}.mid"] = midi_song(notes=NOTES, program=16)
        members[f"{name}/beat_midi.txt"] = "\n".join(beats).encode()
        members[f"{name}/key_audio.txt"] = b"0.0\t2.0\tA:min\n2.0\t8.0\tC:maj\n"
    write_tar(folder / ARCHIVE, members, "w:gz")
    return folder


def test_each_song_is_in_one_half(data: Path) -> None:
    halves = [read_songs(data, choosing=choosing, most=99) for choosing in (True, False)]
    assert sorted(song.name for half in halves for song in half) == NAMES
    assert all(for_choosing(f"{song.name}/{song.name[-3:]}.mid") for song in halves[0])
    assert len(read_songs(data, choosing=True, most=1)) == 1


def test_a_song_brings_its_tempo_its_place_in_the_bar_and_the_key_that_lasts(data: Path) -> None:
    song = read_songs(data, choosing=True, most=1)[0]
    assert song.tempo_bpm == pytest.approx(120.0)
    assert (song.start_s, song.place, song.key) == (0.0, 2, 0)
    assert len(song.beats_s) == NOTES


@needs_fluidsynth
def test_a_song_is_made_once_and_drums_make_it_louder(data: Path, tmp_path: Path) -> None:
    song = read_songs(data, choosing=True, most=1)[0]
    plain = sing(song, tmp_path)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    np.testing.assert_array_equal(sing(song, tmp_path), plain)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == made
    assert SONG_S * SAMPLE_RATE_HZ <= len(plain) < 1.1 * SONG_S * SAMPLE_RATE_HZ
    assert plain[: NOTES * SAMPLE_RATE_HZ // 2].any()
    with_drums = sing(song, tmp_path, drums=Drums.ROCK)
    assert np.square(with_drums).sum() > np.square(plain).sum()


def test_an_archive_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="pop909"):
        read_songs(tmp_path, choosing=True, most=1)

"""What a student of YAMNet hears and what it never hears; songs made from MIDI by the real fluidsynth."""

from __future__ import annotations

import io
import itertools
import logging
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import AudioDecodeError, DataError, ModelError
from tests.training.invented_corpus import encoded_tone
from tests.training.invented_music import (
    SONGS,
    kept_songs,
    midi_song,
    needs_fluidsynth,
    pitch_hz,
    pitches,
    write_music,
    write_tar,
)
from tests.training.test_full_disk import Disk, disk  # noqa: F401 - a fixture
from training.data.cache import open_clips
from training.data.splits import Split
from training.yamnet import synthesis
from training.yamnet.agreement import ESC_CLASSES
from training.yamnet.recordings import held_out_music, held_out_sounds, is_held_out, student_recordings
from training.yamnet.synthesis import programs, sing_midi, songs_of

EVERY_ARCHIVE = ("emotify.tar", "esc10.tar", "librosa_examples.tar", "pop909_midi.tar.gz")
Audio = NDArray[np.float32]


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_music(tmp_path_factory.mktemp("music") / "music")


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept_songs(tmp_path_factory)


@pytest.fixture(scope="module")
def heard(music: Path, songs: Path) -> list[Audio]:
    return student_recordings(music, None, songs)


def no_fluidsynth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)


def tones(recordings: list[Audio]) -> set[float]:
    """Pitches of those that are no songs."""
    return {pitch_hz(sound) for sound in recordings if len(sound) <= 16_100}


def test_one_in_five_tracks_and_songs_is_never_heard() -> None:
    names = [f"emotify/{number:03d}_{genre}.ogg" for number in range(1, 401) for genre in ("pop", "rock")]
    assert 0.16 < np.mean([is_held_out(name) for name in names]) < 0.24
    names = [f"POP909/{number:03d}/{number:03d}.mid" for number in range(1, 910)]
    assert 0.16 < np.mean([is_held_out(name) for name in names]) < 0.24


def test_who_is_held_out_stays_held_out() -> None:
    """A rule that changed would let a student be judged on what an earlier one has heard."""
    tracks = [number for number in range(1, 31) if is_held_out(f"emotify/{number:03d}_classical.ogg")]
    assert tracks == [4, 6, 9, 10, 11, 20]
    songs = [number for number in range(1, 31) if is_held_out(f"POP909/{number:03d}/{number:03d}.mid")]
    assert songs == [4, 9, 10, 11, 20, 22, 28]


def test_the_fifth_fold_and_the_examples_are_never_heard() -> None:
    for fold, kind in itertools.product(range(1, 6), ESC_CLASSES):
        assert is_held_out(f"esc10/{kind}/{fold}-5-A.ogg") == (fold == 5)
    assert all(is_held_out(name) for name in pitches("librosa_examples"))


@needs_fluidsynth
def test_everything_is_either_trained_on_or_held_out(music: Path, songs: Path, heard: list[Audio]) -> None:
    kept, (sounds, _) = held_out_music(music, songs), held_out_sounds(music)
    assert kept.keys() == {"emotify", "librosa_examples", "pop909"}
    own, others = tones(heard), tones([*kept["emotify"], *kept["librosa_examples"], *sounds])
    assert not own & others
    assert own == {
        hz for name, hz in (pitches("emotify") | pitches("esc10")).items() if not is_held_out(name)
    }
    left = {hz for name, hz in pitches("librosa_examples").items() if "pibble" in name or "0000" in name}
    every = set((pitches("emotify") | pitches("esc10") | pitches("librosa_examples")).values())
    assert every - own - others == left  # animals and readers are no music
    assert len(heard) == len(own) + 2
    assert len(kept["pop909"]) == 3
    sung = [sound.tobytes() for sound in heard if len(sound) > 16_100]
    assert len({*sung, *(sound.tobytes() for sound in kept["pop909"])}) == 5


@needs_fluidsynth
def test_what_is_heard_is_sound_in_an_order_of_its_own(music: Path, songs: Path, heard: list[Audio]) -> None:
    again = student_recordings(music, None, songs)
    assert len(again) == len(heard)
    assert all(np.array_equal(one, other) for one, other in zip(heard, again, strict=True))
    assert all(sound.dtype == np.float32 and sound.ndim == 1 for sound in heard)
    assert all(0.01 < np.abs(sound).max() <= 1.0 for sound in heard)
    kinds = ["tone" if len(sound) <= 16_100 else "song" for sound in heard]
    assert kinds != sorted(kinds, reverse=True)


@needs_fluidsynth
def test_songs_are_counted_and_only_so_many_are_made(music: Path, songs: Path) -> None:
    told: list[tuple[int, int]] = []
    one = student_recordings(
        music, None, songs, n_songs=1, on_progress=lambda done, total: told.append((done, total))
    )
    assert told == [(0, 1)]
    assert sum(len(sound) > 16_100 for sound in one) == 1


@needs_fluidsynth
def test_one_in_four_clips_of_training_speakers_is_heard(music: Path, songs: Path, cache_path: Path) -> None:
    cache = open_clips(cache_path)
    clips = [clip for clip in cache.clips if clip.split is Split.TRAIN]
    assert 4 < len(clips) < len(cache.clips)
    spoken = {cache.audio(clip).tobytes() for clip in clips[::4]}
    heard = {sound.tobytes() for sound in student_recordings(music, cache_path, songs)}
    silent = {sound.tobytes() for sound in student_recordings(music, None, songs)}
    assert heard - silent == spoken


def test_sounds_of_the_fifth_fold_come_with_their_classes(music: Path) -> None:
    recordings, names = held_out_sounds(music)
    found = {(pitch_hz(sound), name) for sound, name in zip(recordings, names, strict=True)}
    assert found == {(hz, name.split("/")[1]) for name, hz in pitches("esc10").items() if "/5-" in name}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("esc10/dog_bark/5-99-A.ogg", b"no sound", r"Not every recording of .*esc10\.tar can be decoded"),
        ("esc10/cat/5-99-A.ogg", None, r"ESC-10 has no class 'cat', as .*esc10\.tar has"),
    ],
)
def test_a_strange_archive_of_sounds_is_named(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    sounds = {"esc10/rain/5-1-A.ogg": encoded_tone(300.0), name: content or encoded_tone(500.0)}
    write_tar(tmp_path / "esc10.tar", sounds)
    with pytest.raises(DataError, match=says):
        held_out_sounds(tmp_path)


@pytest.mark.parametrize("lacking", EVERY_ARCHIVE)
def test_a_missing_archive_is_named(music: Path, songs: Path, tmp_path: Path, lacking: str) -> None:
    for archive in EVERY_ARCHIVE:
        if archive != lacking:
            (tmp_path / archive).symlink_to(music / archive)
    told: list[int] = []
    read = held_out_music if lacking == "librosa_examples.tar" else partial(student_recordings, speech=None)
    with pytest.raises(DataError, match=lacking.replace(".", r"\.")):
        read(music=tmp_path, kept=songs, on_progress=lambda done, _total: told.append(done))
    assert not told


def test_missing_speech_is_said_before_songs_are_made(music: Path, tmp_path: Path) -> None:
    told: list[int] = []
    with pytest.raises(DataError):
        student_recordings(
            music,
            tmp_path / "none",
            tmp_path / "songs",
            on_progress=lambda done, _total: told.append(done),
        )
    assert not told


def with_songs(music: Path, folder: Path, songs: dict[str, bytes]) -> Path:
    folder.mkdir()
    for archive in EVERY_ARCHIVE[:3]:
        (folder / archive).symlink_to(music / archive)
    write_tar(folder / "pop909_midi.tar.gz", songs, "w:gz")
    return folder


@needs_fluidsynth
def test_a_damaged_song_is_passed_over_wherever_it_stands(
    music: Path, songs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole, damaged = midi_song(48), midi_song()[:40]
    alone = with_songs(music, tmp_path / "alone", {SONGS[1]: whole})
    first = with_songs(music, tmp_path / "first", {SONGS[0]: damaged, SONGS[1]: whole})
    expected = student_recordings(alone, None, songs)
    with caplog.at_level(logging.WARNING, logger="training.yamnet"):
        found = student_recordings(first, None, songs)
    assert f"passed over {SONGS[0]}: A song is no standard MIDI file" in caplog.text
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


def test_songs_that_are_all_damaged_are_one_sentence(music: Path, tmp_path: Path) -> None:
    data = with_songs(music, tmp_path / "data", dict.fromkeys(SONGS, b"MThd no song"))
    with pytest.raises(
        DataError, match=r"None of the songs in .*pop909_midi\.tar\.gz that a student may hear"
    ):
        student_recordings(data, None, tmp_path / "songs")
    with pytest.raises(DataError, match=r"None of the songs in .* that no student hears"):
        held_out_music(data, tmp_path / "songs")


def test_without_fluidsynth_the_first_song_says_so(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    no_fluidsynth(monkeypatch)
    with pytest.raises(
        DataError, match="is not installed: on Debian, `apt install fluidsynth fluid-soundfont"
    ):
        student_recordings(music, None, tmp_path / "songs")
    assert "passed over" not in caplog.text


@pytest.mark.parametrize(
    "damaged",
    [
        lambda _whole: b"",
        lambda _whole: b"no archive",
        lambda whole: whole[:20],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:60] + bytes(byte ^ 0xFF for byte in whole[60:90]) + whole[90:],
        None,
    ],
    ids=["empty", "text", "a beginning", "half", "flipped bits", "missing"],
)
def test_a_damaged_archive_of_songs_is_one_sentence(
    music: Path, tmp_path: Path, damaged: Callable[[bytes], bytes] | None
) -> None:
    path = tmp_path / "songs.tar.gz"
    if damaged is not None:
        path.write_bytes(damaged((music / "pop909_midi.tar.gz").read_bytes()))
    with pytest.raises(DataError) as caught:
        songs_of(path)
    assert str(caught.value) == (
        f"The MIDI archive {path} is missing or damaged: give a whole tar of .mid files."
    )


def test_songs_are_found_by_name_in_order_and_nothing_else(music: Path) -> None:
    assert list(songs_of(music / "pop909_midi.tar.gz")) == sorted(SONGS)
    with pytest.raises(DataError, match=r"There are no MIDI files in .*esc10\.tar"):
        songs_of(music / "esc10.tar")


def test_instruments_are_exchanged_channel_by_channel_and_notes_stay() -> None:
    song, track = mido.MidiFile(), mido.MidiTrack()
    song.tracks.append(track)
    for channel in (0, 3, 9):
        track.append(mido.Message("program_change", program=1, channel=channel))
        track.append(mido.Message("note_on", note=60 + channel, channel=channel, time=10))
    content = io.BytesIO()
    song.save(file=content)
    choices = np.arange(16) + 40
    changed = mido.MidiFile(file=io.BytesIO(programs(content.getvalue(), choices)))
    events = [event for event in changed.tracks[0] if not event.is_meta]
    assert [event.program for event in events if event.type == "program_change"] == [40, 43, 49]
    assert [(event.note, event.time) for event in events if event.type == "note_on"] == [
        (60, 10),
        (63, 10),
        (69, 10),
    ]


@pytest.mark.parametrize(
    "midi",
    [
        b"",
        b"hello",
        midi_song()[:14],
        midi_song()[:40],
        midi_song().replace(b"\x90", b"\xf8", 1),
        midi_song()[:22] + b"\x00\xff\x59\x02\x00\xfa" + midi_song()[22:],
    ],
    ids=["empty", "text", "heading", "cut short", "a strange event", "a strange key"],
)
def test_what_is_no_midi_is_one_sentence(midi: bytes) -> None:
    with pytest.raises(AudioDecodeError, match=r"^A song is no standard MIDI file \(.+\): leave it out\.$"):
        programs(midi, np.zeros(16, np.int64))


def test_without_mido_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(ModelError, match=r"'mido' is needed for .*: run `pip install -e '\.\[train\]'"):
        programs(midi_song(), np.zeros(16, np.int64))


@needs_fluidsynth
def test_a_song_is_made_once_and_is_its_own_stretch(songs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song = midi_song(69, notes=6, program=80)
    whole = sing_midi(song, songs, seconds=60.0)
    assert whole.dtype == np.float32
    assert 3.0 < len(whole) / 16_000 < 6.0
    spectrum = np.abs(np.fft.rfft(whole[2_000:8_000] * np.hanning(6_000)))
    assert spectrum.argmax() * 16_000 / 6_000 % 440.0 == pytest.approx(0.0, abs=5.0)  # the A above middle C
    part = sing_midi(song, songs, seconds=1.0, start_s=0.5)
    np.testing.assert_array_equal(part, whole[8_000:24_000])
    late = sing_midi(song, songs, seconds=1.0, start_s=100.0)
    assert len(late) == 16_000
    np.testing.assert_array_equal(late, whole[int((len(whole) / 16_000 - 1.0) * 16_000) :][:16_000])
    no_fluidsynth(monkeypatch)
    np.testing.assert_array_equal(sing_midi(song, songs, seconds=60.0), whole)
    assert not list(songs.glob(".*"))


@needs_fluidsynth
def test_what_fluidsynth_cannot_play_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(AudioDecodeError, match="fluidsynth cannot make sound of a song: leave the file out"):
        sing_midi(b"hello", tmp_path, seconds=1.0)
    assert not list(tmp_path.iterdir())


@needs_fluidsynth
def test_a_song_that_takes_too_long_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesis, "_TIME_LIMIT_S", 0.01)
    with pytest.raises(AudioDecodeError, match="leave the file out"):
        sing_midi(midi_song(), tmp_path, seconds=1.0)


def test_a_missing_soundfont_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"soundfont .*none\.sf2 is not installed: on Debian, `apt install"):
        sing_midi(midi_song(), tmp_path, seconds=1.0, soundfont=tmp_path / "none.sf2")


def test_a_kept_song_that_was_damaged_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half_written(_midi: bytes, kept: Path, **_more: Any) -> None:
        kept.write_bytes(b"fLaC")

    monkeypatch.setattr(synthesis, "_render", half_written)
    with pytest.raises(DataError, match=r"The kept song .*\.flac is damaged: delete it"):
        sing_midi(midi_song(), tmp_path, seconds=1.0)


@needs_fluidsynth
def test_on_a_full_disk_no_song_is_cut_short(disk: Disk) -> None:  # noqa: F811 - the fixture
    with disk.full(), pytest.raises(DataError, match=rf"The song .*\.flac {disk.says}"):
        sing_midi(midi_song(), disk.folder, seconds=2.0)
    assert not [file for file in disk.folder.rglob("*") if file.name != "filler"]
    assert len(sing_midi(midi_song(), disk.folder, seconds=2.0)) == 32_000


@needs_fluidsynth
@pytest.mark.parametrize("disk", ["a full disk"], indirect=True)
def test_no_song_is_cut_short_where_room_ends_while_it_is_played(disk: Disk) -> None:  # noqa: F811
    with pytest.raises(DataError, match=rf"The song .*\.flac {disk.says}"):
        sing_midi(midi_song(notes=100), disk.folder, seconds=2.0)  # 3 MB as fluidsynth writes it
    assert not list(disk.folder.iterdir())


@needs_fluidsynth
def test_a_disk_that_fills_up_ends_the_preparation(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def full(kept: Path, *_: Any, **_more: Any) -> None:
        made.append(kept)
        raise DataError("The song cannot be written because the disk is full.")

    monkeypatch.setattr(synthesis, "write_atomic", full)
    with pytest.raises(DataError, match="the disk is full"):
        student_recordings(music, None, tmp_path / "songs")
    assert len(made) == 1

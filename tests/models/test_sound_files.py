"""Sound files told apart, converted and cut: lengths, rates, channels, and all that cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import AudioDecodeError, DataError
from models.audio import decode
from models.sound_files import FORMATS, convert_audio, sound_info, split_audio
from tests.models.tones import PEAK, assert_is_the_tone, av_encoded, encoded, sine


def write(path: Path, sound: np.ndarray, rate_hz: int) -> Path:
    soundfile.write(path, sound, rate_hz)
    return path


def test_what_a_file_holds(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", sine(rate_hz=44_100, duration_s=1.5, channels=2), 44_100)
    found = sound_info(path)
    assert (found.format, found.sample_rate, found.channels) == ("FLAC, PCM_16", 44_100, 2)
    assert found.duration == pytest.approx(1.5)
    assert found.size_bytes == path.stat().st_size
    assert found.notices == ()


def test_what_a_file_holds_that_only_ffmpeg_reads(tmp_path: Path) -> None:
    path = av_encoded(sine(rate_hz=44_100, channels=2), 44_100, tmp_path / "a.m4a", "aac")
    found = sound_info(path)
    assert "aac" in found.format
    assert (found.sample_rate, found.channels) == (44_100, 2)


def test_length_is_that_of_the_sound_not_of_the_header(tmp_path: Path) -> None:
    whole = encoded(sine(rate_hz=16_000, duration_s=2.0), 16_000)
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    found = sound_info(tmp_path / "cut.wav")
    assert found.duration == pytest.approx(1.0, abs=0.01)
    assert "truncated" in found.notices[0]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("rate_hz", [None, 22_050, 48_000])
def test_a_tone_stays_a_tone_in_every_format(tmp_path: Path, suffix: str, rate_hz: int | None) -> None:
    source = write(tmp_path / "a.wav", sine(rate_hz=32_000, channels=2), 32_000)
    target = tmp_path / "deep" / f"a.{suffix}"
    convert_audio(source, target, rate_hz=rate_hz, channels=1)
    info = soundfile.info(target)
    assert (info.format, info.samplerate, info.channels) == (FORMATS[suffix], rate_hz or 32_000, 1)
    assert info.frames == pytest.approx(rate_hz or 32_000, abs=32)
    assert_is_the_tone(decode(target))


def test_one_channel_becomes_two_equal_ones(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", sine(rate_hz=16_000), 16_000)
    convert_audio(source, tmp_path / "b.wav", channels=2)
    sound = soundfile.read(tmp_path / "b.wav")[0]
    assert sound.shape == (16_000, 2)
    assert np.array_equal(sound[:, 0], sound[:, 1])
    assert np.abs(sound).max() == pytest.approx(PEAK, abs=1e-3)


def test_surround_becomes_two_channels_by_the_places_of_its_speakers(tmp_path: Path) -> None:
    tone, silence = sine(rate_hz=16_000)[:, 0], np.zeros(16_000, dtype=np.float32)
    # Front left, front right, centre, low frequencies, back left, back right.
    left = np.stack([tone, silence, silence, tone, silence, silence], axis=1)
    convert_audio(write(tmp_path / "left.wav", left, 16_000), tmp_path / "a.wav", channels=2)
    sound = soundfile.read(tmp_path / "a.wav")[0]
    assert np.abs(sound[:, 0]).max() > 0.15
    assert np.abs(sound[:, 1]).max() < 1e-3
    centre = np.stack([silence, silence, tone, silence, silence, silence], axis=1)
    convert_audio(write(tmp_path / "centre.wav", centre, 16_000), tmp_path / "b.wav", channels=2)
    sound = soundfile.read(tmp_path / "b.wav")[0]
    assert np.array_equal(sound[:, 0], sound[:, 1])
    loud = np.repeat(np.ones((16_000, 1), dtype=np.float32), 6, axis=1)
    convert_audio(write(tmp_path / "loud.wav", loud, 16_000), tmp_path / "c.wav", channels=2)
    assert soundfile.read(tmp_path / "c.wav")[0].min() > 0.99


def test_what_cannot_be_converted_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", sine(rate_hz=16_000), 16_000)
    for target, options, said in (
        (tmp_path / "a.mp3", {}, "must end in"),
        (tmp_path / "none", {}, "must end in"),
        (source, {"overwrite": True}, "over itself"),
        (tmp_path / "b.wav", {"rate_hz": 100}, "100 Hz"),
        (tmp_path / "b.wav", {"channels": 7}, "7 channels"),
    ):
        with pytest.raises(DataError, match=said):
            convert_audio(source, target, **options)
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(AudioDecodeError):
        convert_audio(tmp_path / "text.wav", tmp_path / "b.wav")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "text.wav"]


def test_a_file_is_replaced_only_when_that_is_asked_for(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", sine(rate_hz=16_000), 16_000)
    target = tmp_path / "b.flac"
    target.write_bytes(b"mine")
    with pytest.raises(DataError, match="is there already"):
        convert_audio(source, target)
    assert target.read_bytes() == b"mine"
    convert_audio(source, target, overwrite=True)
    assert soundfile.info(target).frames == 16_000


@pytest.mark.parametrize(
    ("seconds", "segment_s", "overlap_s", "lengths"),
    [
        (10.0, 3.0, 0.0, [3.0, 3.0, 3.0]),
        (10.0, 4.0, 0.0, [4.0, 4.0, 2.0]),
        (10.0, 4.0, 2.0, [4.0, 4.0, 4.0, 4.0]),
        (1.0, 30.0, 10.0, [1.0]),
        (4.0, 4.0, 3.0, [4.0]),
        (7.0, 2.0, 0.0, [2.0, 2.0, 2.0, 1.0]),
    ],
)
def test_segments_are_as_long_as_asked_and_overlap(
    tmp_path: Path, seconds: float, segment_s: float, overlap_s: float, lengths: list[float]
) -> None:
    ramp = np.linspace(-0.9, 0.9, round(seconds * 8_000), dtype=np.float32)
    source = write(tmp_path / "ramp.wav", ramp, 8_000)
    made = split_audio(source, tmp_path / "out", segment_s=segment_s, overlap_s=overlap_s)
    parts = [soundfile.read(path, dtype="float32")[0] for path in made]
    assert [len(part) / 8_000 for part in parts] == pytest.approx(lengths)
    assert made[0].name == "ramp_segment_000.wav"
    hop = round((segment_s - overlap_s) * 8_000)
    for number, part in enumerate(parts):
        assert np.allclose(part, ramp[number * hop : number * hop + len(part)], atol=1e-4)


def test_lengths_of_segments_that_cannot_be_are_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", sine(rate_hz=16_000), 16_000)
    for length, overlap, said in ((0.0, 0.0, "0.1 s"), (1.0, 1.0, "overlap"), (1.0, -1.0, "overlap")):
        with pytest.raises(DataError, match=said):
            split_audio(source, tmp_path / "out", segment_s=length, overlap_s=overlap)
    split_audio(source, tmp_path / "out", segment_s=0.5)
    with pytest.raises(DataError, match="is there already"):
        split_audio(source, tmp_path / "out", segment_s=0.5)

"""Decoding on synthetic sound whose truth is known: every format, rate, channel count and block size."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import AudioDecodeError
from models.audio import SUPPORTED_SUFFIXES, decode, open_stream
from models.decoders import ffmpeg
from models.resample import MonoResampler
from tests.models.tones import assert_is_the_tone, av_encoded, encoded, read_all, sine


@pytest.mark.parametrize(
    ("format_name", "subtype"),
    [
        ("WAV", "PCM_U8"),
        ("WAV", "PCM_16"),
        ("WAV", "PCM_24"),
        ("WAV", "PCM_32"),
        ("WAV", "FLOAT"),
        ("WAV", "DOUBLE"),
        ("WAV", "ULAW"),
        ("WAVEX", "PCM_16"),
        ("RF64", "PCM_16"),
        ("W64", "PCM_24"),
        ("AIFF", "PCM_16"),
        ("AU", "PCM_16"),
        ("CAF", "PCM_16"),
        ("FLAC", "PCM_24"),
        ("NIST", "PCM_16"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", "MPEG_LAYER_III"),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_tone_survives_every_format(format_name: str, subtype: str, channels: int) -> None:
    data = encoded(sine(rate_hz=48_000, channels=channels), 48_000, format=format_name, subtype=subtype)
    assert_is_the_tone(decode(data), level_db=0.5)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000])
def test_tone_survives_every_rate(rate_hz: int) -> None:
    assert_is_the_tone(decode(encoded(sine(rate_hz=rate_hz), rate_hz)))


@pytest.mark.parametrize("channels", range(1, 9))
def test_tone_survives_every_channel_count(channels: int) -> None:
    data = encoded(sine(rate_hz=16_000, channels=channels), 16_000)
    with open_stream(data) as stream:
        assert (stream.rate_hz, stream.channels, stream.frames) == (16_000, channels, 16_000)
        assert stream.duration_s == 1.0
    assert_is_the_tone(decode(data))


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".m4a", "aac"), (".aac", "aac"), (".webm", "libopus"), (".mka", "libopus")]
)
def test_tone_survives_formats_of_the_media_extra(tmp_path: Path, suffix: str, codec: str) -> None:
    path = av_encoded(sine(rate_hz=48_000, channels=2), 48_000, tmp_path / f"tone{suffix}", codec)
    for source in (path, path.read_bytes()):
        assert_is_the_tone(decode(source), level_db=0.5)


def test_media_stream_says_rate_and_channels(tmp_path: Path) -> None:
    path = av_encoded(sine(rate_hz=44_100, channels=2), 44_100, tmp_path / "tone.m4a", "aac")
    with open_stream(path) as stream:
        assert (stream.rate_hz, stream.channels) == (44_100, 2)
        assert stream.duration_s == pytest.approx(1.0, abs=0.06)
        assert stream.name == "tone.m4a"


def test_film_gives_its_sound_track(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        film = container.add_stream("mpeg4", rate=25)
        film.width = film.height = 64
        film.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=16_000, layout="mono")
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), dtype=np.uint8), format="rgb24")
        container.mux(film.encode(picture))
        container.mux(film.encode(None))
        frame = av.AudioFrame.from_ndarray(sine(rate_hz=16_000).T.copy(), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    assert_is_the_tone(decode(path), level_db=0.5)


def test_path_and_bytes_decode_alike(tmp_path: Path) -> None:
    data = encoded(sine(rate_hz=44_100, channels=2), 44_100, format="FLAC")
    path = tmp_path / "ünïcode näme 🎵.flac"
    path.write_bytes(data)
    np.testing.assert_array_equal(decode(path), decode(data))


@pytest.mark.parametrize(
    ("format_name", "subtype", "rate_hz"),
    [
        ("WAV", "PCM_16", 44_100),
        ("FLAC", "PCM_16", 44_100),
        ("OGG", "VORBIS", 44_100),
        ("OGG", "OPUS", 48_000),
        ("OGG", "OPUS", 16_000),
        ("MP3", "MPEG_LAYER_III", 44_100),
    ],
)
def test_samples_do_not_depend_on_block_size(format_name: str, subtype: str, rate_hz: int) -> None:
    rng = np.random.default_rng(1)
    sound = (0.2 * rng.standard_normal((rate_hz, 2))).astype(np.float32)
    data = encoded(sound, rate_hz, format=format_name, subtype=subtype)
    whole, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)  # in one read
    whole = np.clip(whole, -1.0, 1.0)

    @settings(max_examples=15, deadline=None)
    @given(frames=st.integers(1, 60_000))
    def check(frames: int) -> None:
        np.testing.assert_array_equal(read_all(data, frames=frames), whole)

    check()


def test_media_samples_do_not_depend_on_block_size(tmp_path: Path) -> None:
    path = av_encoded(sine(rate_hz=48_000, channels=2), 48_000, tmp_path / "tone.m4a", "aac")
    whole = read_all(path, frames=10**6)
    for frames in (7, 1_024, 4_801):
        np.testing.assert_array_equal(read_all(path, frames=frames), whole)


def test_blocks_have_the_asked_length_and_may_be_asked_for_again() -> None:
    sound = sine(rate_hz=16_000, duration_s=0.1)
    with open_stream(encoded(sound, 16_000, subtype="FLOAT")) as stream:
        first = next(stream.blocks(300))
        rest = list(stream.blocks(400))
        assert stream.position == 1_600
    assert [len(block) for block in rest] == [400, 400, 400, 100]
    np.testing.assert_array_equal(np.concatenate([first, *rest]), sound)


def test_decode_is_what_the_live_path_hears() -> None:
    data = encoded(sine(rate_hz=44_100, channels=2), 44_100)
    resampler = MonoResampler(44_100, 2)
    with open_stream(data) as stream:
        live = [resampler.process(block) for block in stream.blocks(882)]
    np.testing.assert_array_equal(decode(data), np.concatenate([*live, resampler.finish()]))


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", samplerate=48_000, channels=2, subtype="PCM_16") as file:
        for _ in range(120):
            file.write(np.zeros((48_000, 2), dtype=np.int16))
    tracemalloc.start()
    try:
        with open_stream(path) as stream:
            frames = sum(len(block) for block in stream.blocks(1_024))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert frames == 120 * 48_000  # 46 MB as float32
    assert peak_bytes < 2 * 2**20


def test_closed_stream_delivers_nothing_and_frees_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    path.write_bytes(encoded(sine(rate_hz=16_000), 16_000))
    stream = open_stream(path)
    stream.close()
    stream.close()
    assert list(stream.blocks(100)) == []
    path.unlink()


def test_name_for_people_can_be_given() -> None:
    with pytest.raises(AudioDecodeError, match=r"^party\.mp3 is empty"):
        open_stream(b"", name="party.mp3")


def test_suffixes_are_sorted_and_hold_those_of_the_extra() -> None:
    assert list(SUPPORTED_SUFFIXES) == sorted(SUPPORTED_SUFFIXES)
    assert {".wav", ".mp3", ".flac", ".ogg", ".opus", *ffmpeg.SUFFIXES} <= set(SUPPORTED_SUFFIXES)


def test_block_of_no_frames_is_refused() -> None:
    with (
        open_stream(encoded(sine(rate_hz=16_000), 16_000)) as stream,
        pytest.raises(ValueError, match="not 0"),
    ):
        next(stream.blocks(0))


def test_channels_that_cancel_are_heard_and_among_the_notices(caplog: pytest.LogCaptureFixture) -> None:
    wave = (0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * 44_100) / 44_100)).astype(np.float32)
    content = encoded(np.stack([wave, -wave], axis=1), 44_100)
    with caplog.at_level("WARNING"):
        audio = decode(content, name="song.wav")
    assert np.abs(audio[8_000:]).max() == pytest.approx(0.3, abs=0.01)
    assert ["song.wav: The channels cancel each other out" in r.message for r in caplog.records] == [True]

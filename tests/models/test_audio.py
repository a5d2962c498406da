"""Decoding on synthetic sound whose truth is known, and everything that a file can have wrong."""

from __future__ import annotations

import io
import logging
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import AudioDecodeError
from models import audio as audio_module
from models.audio import MEDIA_SUFFIXES, SUPPORTED_SUFFIXES, cut_windows, decode, open_stream
from models.resample import SAMPLE_RATE_HZ, MonoResampler

PITCH_HZ = 440.0
PEAK = 0.5


def sine(*, rate_hz: int, duration_s: float = 1.0, channels: int = 1) -> np.ndarray:
    """A tone of known pitch and level, the same in every channel: shape (frames, channels)."""
    time_s = np.arange(round(rate_hz * duration_s)) / rate_hz
    tone = PEAK * np.sin(2 * np.pi * PITCH_HZ * time_s)
    return np.repeat(tone[:, np.newaxis], channels, axis=1).astype(np.float32)


def encoded(sound: np.ndarray, rate_hz: int, *, format: str = "WAV", subtype: str | None = None) -> bytes:  # noqa: A002
    """The bytes of a file in a format that libsndfile writes."""
    file = io.BytesIO()
    soundfile.write(file, sound, rate_hz, format=format, subtype=subtype)
    return file.getvalue()


def av_encoded(
    sound: np.ndarray, rate_hz: int, path: Path, codec: str, options: dict[str, str] | None = None
) -> Path:
    """A file in a format that only FFmpeg writes."""
    av = pytest.importorskip("av")
    layout = {1: "mono", 2: "stereo"}[sound.shape[1]]
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound.reshape(1, -1)), format="flt", layout=layout
        )
        frame.sample_rate = rate_hz
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=rate_hz)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def read_all(source: Path | bytes, *, frames: int = 1_000) -> np.ndarray:
    with open_stream(source) as stream:
        return np.concatenate(list(stream.blocks(frames)))


def assert_is_the_tone(audio: np.ndarray, *, duration_s: float = 1.0, level_db: float = 0.2) -> None:
    """Pitch within 1 Hz, level within `level_db`, length within 90 ms (lossy codecs pad)."""
    assert audio.dtype == np.float32
    assert audio.ndim == 1
    assert len(audio) == pytest.approx(duration_s * SAMPLE_RATE_HZ, abs=0.09 * SAMPLE_RATE_HZ)
    middle = audio[2_000 : int(duration_s * SAMPLE_RATE_HZ) - 2_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), n=1 << 18))
    assert spectrum.argmax() * SAMPLE_RATE_HZ / (1 << 18) == pytest.approx(PITCH_HZ, abs=1.0)
    level = 20 * np.log10(np.sqrt(np.mean(middle.astype(np.float64) ** 2)) / (PEAK / np.sqrt(2)))
    assert level == pytest.approx(0.0, abs=level_db)


# What is right ------------------------------------------------------------------------------------------


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
    assert {".wav", ".mp3", ".flac", ".ogg", ".opus", *MEDIA_SUFFIXES} <= set(SUPPORTED_SUFFIXES)


def test_block_of_no_frames_is_refused() -> None:
    with (
        open_stream(encoded(sine(rate_hz=16_000), 16_000)) as stream,
        pytest.raises(ValueError, match="not 0"),
    ):
        next(stream.blocks(0))


# What is wrong ------------------------------------------------------------------------------------------


def assert_refused(source: Path | bytes, *words: str, max_minutes: float = 240.0) -> None:
    """One sentence that names the file and holds the words."""
    with pytest.raises(AudioDecodeError) as caught:
        decode(source, max_minutes=max_minutes)
    message = str(caught.value)
    for word in (*words, "The upload" if isinstance(source, bytes) else source.name):
        assert word in message
    assert message.endswith(".")
    assert "\n" not in message
    assert "object at 0x" not in message


def test_missing_file(tmp_path: Path) -> None:
    assert_refused(tmp_path / "none.wav", "There is no file", "check")


def test_folder(tmp_path: Path) -> None:
    assert_refused(tmp_path, "is a folder", "choose")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert_refused(tmp_path / "pipe.wav", "not a file")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.wav"
    path.write_bytes(encoded(sine(rate_hz=16_000), 16_000))
    if os.name == "posix" and os.geteuid() != 0:
        path.chmod(0)
    else:

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    assert_refused(path, "may not be read", "permissions")


def test_name_with_a_null_character() -> None:
    with pytest.raises(AudioDecodeError, match="check its name"):
        open_stream(Path("a\0b.wav"))


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    assert_refused(tmp_path / "empty.wav", "is empty")
    assert_refused(b"", "is empty")


@pytest.mark.parametrize("format_name", ["WAV", "AU", "AIFF"])
def test_zero_samples(format_name: str) -> None:
    assert_refused(encoded(np.zeros((0, 1)), 16_000, format=format_name), "0 samples")


@pytest.mark.parametrize("media", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        b"Dear diary, today I renamed a text file.\n" * 500,
        b"RIFF",
        b"RIFF\x24\x00\x00\x00WAVEfmt ",
        bytes(4_096),
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<html><body>404</body></html>" * 100,
        b"PK\x03\x04" + bytes(1_000),
    ],
)
def test_something_else_under_a_false_name(
    tmp_path: Path, content: bytes, media: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if media:
        pytest.importorskip("av")
    monkeypatch.setattr(audio_module, "_media_installed", lambda: media)
    path = tmp_path / "song.mp3"
    path.write_bytes(content)
    assert_refused(path, "is not sound", "false name")
    assert_refused(content, "is not sound")


def test_noise_under_a_false_name(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(np.random.default_rng(2).bytes(200_000))
    with pytest.raises(AudioDecodeError, match=r"song\.mp3"):
        decode(path)


def test_headerless_samples(tmp_path: Path) -> None:
    path = tmp_path / "samples.raw"
    path.write_bytes(np.zeros(1_000, dtype=np.int16).tobytes())
    assert_refused(path, "is not sound")


def test_matrix_is_not_taken_for_sound() -> None:
    assert_refused(encoded(sine(rate_hz=16_000), 16_000, format="MAT5"), "MAT5")


@pytest.mark.parametrize("rate_hz", [1, 4_000, 7_999])
def test_rate_too_low(rate_hz: int) -> None:
    assert_refused(encoded(np.zeros((100, 1)), rate_hz), f"{rate_hz} Hz", "8000 to 192000")


def test_rate_too_high() -> None:
    assert_refused(encoded(np.zeros((100, 1)), 384_000), "384000 Hz", "convert")


def test_too_many_channels() -> None:
    assert_refused(encoded(np.zeros((100, 9)), 16_000), "9 channels", "at most 8")


def test_too_long_is_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(np.zeros((61 * 8_000, 1)), 8_000, subtype="PCM_U8")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file that says it is too long was decoded")

    monkeypatch.setattr(soundfile.SoundFile, "read", refuse)
    assert_refused(data, "1.0 minutes", "max_file_minutes", max_minutes=1.0)


def test_too_long_is_refused_while_decoding_if_the_header_does_not_say(tmp_path: Path) -> None:
    sound = sine(rate_hz=16_000, duration_s=30.0)
    path = av_encoded(sound, 16_000, tmp_path / "long.mp3", "libmp3lame", {"write_xing": "0"})
    with open_stream(path) as stream:
        assert stream.frames is None
    assert_refused(path, "at least", "max_file_minutes", max_minutes=0.25)


def test_too_long_media_is_refused(tmp_path: Path) -> None:
    path = av_encoded(sine(rate_hz=16_000, duration_s=30.0), 16_000, tmp_path / "long.m4a", "aac")
    assert_refused(path, "0.5 minutes", "max_file_minutes", max_minutes=0.25)


def test_mp3_length_is_known_from_its_header_behind_a_tag() -> None:
    data = encoded(sine(rate_hz=44_100), 44_100, format="MP3")
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 0x20, 0]) + bytes(0x20 << 7)
    with open_stream(tag + data) as stream:
        assert stream.frames == pytest.approx(44_100, abs=2_400)
    assert_is_the_tone(decode(tag + data), level_db=0.5)


def test_nan_and_infinity_become_silence_and_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    sound = sine(rate_hz=16_000)
    sound[[10, 20, 30], 0] = [np.nan, np.inf, -np.inf]
    data = encoded(sound, 16_000, subtype="FLOAT")
    with open_stream(data) as stream:
        clean = np.concatenate(list(stream.blocks(100)))
        assert stream.bad_samples == 3
        assert stream.notices[0].startswith("The upload holds 3 samples that are not numbers")
    assert (clean[[10, 20, 30], 0] == 0.0).all()
    sound[[10, 20, 30], 0] = 0.0
    np.testing.assert_array_equal(clean, sound)
    with caplog.at_level(logging.WARNING):
        decode(data)
    assert "3 samples" in caplog.text


def test_floats_far_beyond_full_scale_are_clipped_and_named() -> None:
    with open_stream(encoded(sine(rate_hz=16_000) * 30_000, 16_000, subtype="FLOAT")) as stream:
        sound = np.concatenate(list(stream.blocks(1_000)))
        assert "not scaled to full scale" in stream.notices[0]
    assert np.abs(sound).max() == 1.0


def test_whole_file_has_no_notices() -> None:
    for format_name in ("WAV", "FLAC", "OGG", "MP3"):
        with open_stream(encoded(sine(rate_hz=44_100), 44_100, format=format_name)) as stream:
            assert sum(len(block) for block in stream.blocks(1_000)) >= 44_100
            assert stream.notices == ()


def test_truncated_wav_is_used_and_named() -> None:
    sound = sine(rate_hz=16_000)
    data = encoded(sound, 16_000)
    with open_stream(data[: len(data) // 2]) as stream:
        got = np.concatenate(list(stream.blocks(1_000)))
        assert stream.notices == (
            "The upload is truncated: 50% of its sound is there and was used; get a fresh copy for the rest.",
        )
    np.testing.assert_allclose(got, sound[: len(got)], atol=1e-4)
    assert len(got) == pytest.approx(8_000, abs=30)


def test_wav_of_unknown_length_is_whole() -> None:
    data = bytearray(encoded(sine(rate_hz=16_000), 16_000))
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"  # as a recorder that writes to a pipe leaves them
    with open_stream(bytes(data)) as stream:
        assert sum(len(block) for block in stream.blocks(1_000)) == 16_000
        assert stream.notices == ()


@pytest.mark.parametrize("media", [True, False])
@pytest.mark.parametrize("format_name", ["FLAC", "MP3"])
def test_truncated_stream_is_used_and_named(
    format_name: str, media: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if media:
        pytest.importorskip("av")
    monkeypatch.setattr(audio_module, "_media_installed", lambda: media)
    data = encoded(sine(rate_hz=44_100, duration_s=3.0), 44_100, format=format_name)
    with open_stream(data[: len(data) // 2]) as stream:
        got = sum(len(block) for block in stream.blocks(1_000))
        assert "damaged or truncated after 1." in stream.notices[-1]
        assert "of 3.0" in stream.notices[-1]
    assert got == pytest.approx(1.5 * 44_100, abs=0.3 * 44_100)


def test_flac_cut_within_its_first_block() -> None:
    data = encoded(sine(rate_hz=44_100), 44_100, format="FLAC")
    assert_refused(data[:600], "damaged")


def test_truncated_m4a(tmp_path: Path) -> None:
    path = av_encoded(sine(rate_hz=16_000, duration_s=3.0), 16_000, tmp_path / "cut.m4a", "aac")
    path.write_bytes(path.read_bytes()[:2_000])  # its index stood at the end
    assert_refused(path, "damaged")


def test_damage_within_media_is_left_out_and_named(tmp_path: Path) -> None:
    path = av_encoded(sine(rate_hz=16_000, duration_s=3.0), 16_000, tmp_path / "scratched.m4a", "aac")
    data = bytearray(path.read_bytes())
    middle = data.index(b"mdat") + 8_000
    data[middle : middle + 1_500] = np.random.default_rng(3).bytes(1_500)
    with open_stream(bytes(data)) as stream:
        assert sum(len(block) for block in stream.blocks(1_000)) > 16_000
        assert "damaged in places" in stream.notices[0]


@pytest.mark.parametrize("suffix", [".m4a", ".webm"])
def test_without_the_extra_the_message_says_how_to_install_it(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = {".m4a": b"\x00\x00\x00\x20ftypM4A ", ".webm": b"\x1aE\xdf\xa3"}[suffix]
    path = tmp_path / f"tone{suffix}"
    path.write_bytes(head + bytes(1_000))
    monkeypatch.setattr(audio_module, "_media_installed", lambda: False)
    assert_refused(path, "pip install -e '.[media]'")


class _BreaksOff(audio_module._ForwardFile):
    """libsndfile 1.2.2 as it is with some Opus files: it ends early, or calls them malformed."""

    malformed = False
    left = 20_000

    def read(self, frames: int = -1, **kwargs: object) -> np.ndarray:
        frames = min(frames, self.left)
        self.left -= frames
        if self.malformed and not frames:
            raise soundfile.LibsndfileError(161, "Error : ")
        return super().read(frames, **kwargs)


@pytest.mark.parametrize("malformed", [False, True])
@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_ogg_that_libsndfile_breaks_off_goes_on_without_a_seam(
    rate_hz: int, malformed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av")
    data = encoded(sine(rate_hz=rate_hz, duration_s=3.0), rate_hz, format="OGG", subtype="OPUS")
    whole = read_all(data)
    monkeypatch.setattr(_BreaksOff, "malformed", malformed)
    monkeypatch.setattr(audio_module, "_ForwardFile", _BreaksOff)
    with open_stream(data) as stream:
        resumed = np.concatenate(list(stream.blocks(1_000)))
        assert stream.notices == ()
    assert resumed.shape == whole.shape
    inner = slice(15_000, 25_000)
    np.testing.assert_allclose(resumed[inner], whole[inner], atol=0.01)


@pytest.mark.parametrize("malformed", [False, True])
def test_ogg_that_breaks_off_without_the_extra_is_an_error(
    malformed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(sine(rate_hz=48_000), 48_000, format="OGG", subtype="OPUS")
    monkeypatch.setattr(_BreaksOff, "malformed", malformed)
    monkeypatch.setattr(audio_module, "_ForwardFile", _BreaksOff)
    monkeypatch.setattr(audio_module, "_media_installed", lambda: False)
    assert_refused(data, "breaks off after 0.42 s", "pip install -e '.[media]'")


# Windows ------------------------------------------------------------------------------------------------


def test_short_clip_is_padded_to_one_window() -> None:
    clip = np.ones(10, dtype=np.float32)
    np.testing.assert_array_equal(cut_windows(clip, window=16, hop=4), [[*np.ones(10), *np.zeros(6)]])


def test_tail_is_covered_by_a_window_aligned_to_the_end() -> None:
    audio = np.arange(11, dtype=np.float32)
    np.testing.assert_array_equal(
        cut_windows(audio, window=4, hop=3), [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9], [7, 8, 9, 10]]
    )


def test_no_window_is_added_where_the_last_one_fits() -> None:
    audio = np.arange(10, dtype=np.float32)
    assert cut_windows(audio, window=4, hop=3).shape == (3, 4)
    assert cut_windows(audio[:4], window=4, hop=3).shape == (1, 4)


@given(samples=st.integers(1, 300), window=st.integers(1, 60), share=st.floats(0.01, 1.0))
def test_windows_cover_every_sample_and_nothing_else(samples: int, window: int, share: float) -> None:
    audio = np.arange(1, samples + 1, dtype=np.float32)
    windows = cut_windows(audio, window=window, hop=max(1, int(window * share)))
    assert windows.shape[1] == window
    assert windows.dtype == np.float32
    assert set(windows[windows > 0].tolist()) == set(audio.tolist())
    if samples >= window:
        assert windows[-1, -1] == samples
        assert (np.diff(windows, axis=1) == 1).all()


@pytest.mark.parametrize(
    ("audio", "hop"), [(np.zeros(0), 1), (np.zeros((5, 2)), 1), (np.zeros(5), 0), (np.zeros(5), 5)]
)
def test_windows_of_nonsense_are_refused(audio: np.ndarray, hop: int) -> None:
    with pytest.raises(ValueError, match="must"):
        cut_windows(audio.astype(np.float32), window=4, hop=hop)

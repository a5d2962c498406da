"""Everything that a file can have wrong is refused with one sentence, or survived and named."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import AudioDecodeError
from models.audio import decode, open_stream
from models.decoders import ffmpeg, sndfile
from tests.models.tones import assert_is_the_tone, av_encoded, encoded, read_all, sine


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
    tmp_path: Path,
    content: bytes,
    media: bool,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if media:
        pytest.importorskip("av")
    monkeypatch.setattr(ffmpeg, "installed", lambda: media)
    path = tmp_path / "song.mp3"
    path.write_bytes(content)
    capfd.readouterr()
    assert_refused(path, "is not sound", "false name")
    assert capfd.readouterr() == ("", "")
    assert_refused(content, "is not sound")


def test_noise_under_a_false_name(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(np.random.default_rng(2).bytes(200_000))
    with pytest.raises(AudioDecodeError, match=r"song\.mp3"):
        decode(path)


def test_headerless_samples(tmp_path: Path) -> None:
    path = tmp_path / "samples.raw"
    path.write_bytes(np.zeros(1_000, dtype=np.int16).tobytes())
    assert_refused(path, "is not sound", "(it has no header)")


@pytest.mark.parametrize(
    "content",
    [
        b"a text, and in it \xff\xfb, as an MPEG frame begins, " * 20,
        b"a text",
        b"a long text, of which FFmpeg would go by the suffix\n" * 9_999,
        "a text of Windows".encode("utf-16") * 99,
    ],
)
def test_text_named_mp3_is_told_so_whether_dropped_or_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(content)
    why = "is not sound that Attune can read (Format not recognised): it is damaged"
    assert_refused(path, f"song.mp3 {why}")
    assert_refused(content, f"The upload {why}")


def test_m4a_named_mp3_is_not_taken_for_mpeg_frames(tmp_path: Path) -> None:
    sound = 0.1 * np.random.default_rng(0).standard_normal((44_100 * 4, 1)).astype(np.float32)
    path = av_encoded(sound, 44_100, tmp_path / "song.m4a", "aac").rename(tmp_path / "song.mp3")
    assert len(decode(path)) == pytest.approx(4 * 16_000, abs=2_000)


def test_a_name_that_is_no_text_is_no_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "installed", lambda: False)
    path = Path(os.fsdecode(os.fsencode(tmp_path / "caf") + b"\xe9.wav"))
    try:
        path.write_bytes(encoded(sine(rate_hz=16_000), 16_000))
    except OSError:
        pytest.skip("this disk wants names to be text")
    assert_is_the_tone(decode(path))


def test_tags_alone_are_told_from_damage(tmp_path: Path) -> None:
    picture = b"\x00image/jpeg\x00\x03\x00" + b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8
    frame = b"APIC" + len(picture).to_bytes(4, "big") + b"\x00\x00" + picture
    size = bytes((len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    path = tmp_path / "cover.mp3"
    path.write_bytes(b"ID3\x03\x00\x00" + size + frame)
    assert_refused(path, "cover.mp3 holds tags (a title, a cover) but no sound")
    assert_refused(path.read_bytes(), "The upload holds tags")


def test_sound_of_another_kind_named_mp3_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(encoded(np.zeros((16_000, 1), dtype=np.float32), 16_000))  # no byte of 255 within
    assert decode(path).shape == (16_000,)


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


def test_what_encoders_add_makes_no_file_too_long() -> None:
    data = encoded(np.zeros((round(60.05 * 8_000), 1)), 8_000, subtype="PCM_U8")
    assert len(decode(data, max_minutes=1.0)) == pytest.approx(60.05 * 16_000, abs=2)


def test_too_long_is_refused_while_decoding_if_the_header_does_not_say() -> None:
    data = bytearray(encoded(sine(rate_hz=16_000, duration_s=30.0), 16_000, format="FLAC"))
    data[21:26] = bytes((data[21] & 0xF0, 0, 0, 0, 0))  # as an encoder that writes to a pipe leaves it
    with open_stream(bytes(data)) as stream:
        assert stream.frames is None
    assert_refused(bytes(data), "at least", "max_file_minutes", max_minutes=0.25)


@pytest.mark.parametrize("media", [True, False])
def test_mp3_of_changing_bit_rate_without_a_length_is_heard_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, media: bool
) -> None:
    """libsndfile guesses the length from the first frames, which are large here, and would stop there."""
    loud = np.random.default_rng(0).uniform(-0.9, 0.9, (44_100 * 4, 1)).astype(np.float32)
    sound = np.concatenate([loud, sine(rate_hz=44_100, duration_s=16.0)])
    path = av_encoded(sound, 44_100, tmp_path / "old.mp3", "libmp3lame", {"write_xing": "0"}, quality=2)
    monkeypatch.setattr(ffmpeg, "installed", lambda: media)
    guess = soundfile.info(path).frames
    assert guess < 15 * 44_100, "the guess was right, so this file shows nothing"
    with open_stream(path) as stream:
        assert stream.frames == pytest.approx(20 * 44_100, abs=4_000)
        assert sum(len(block) for block in stream.blocks(44_100)) == stream.frames
        assert stream.notices == ()


def test_too_long_media_is_refused(tmp_path: Path) -> None:
    path = av_encoded(sine(rate_hz=16_000, duration_s=6.0), 16_000, tmp_path / "long.m4a", "aac")
    assert_refused(path, "lasts 0.1 minutes", "max_file_minutes", max_minutes=0.05)


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
            "The upload is truncated: 50\xa0% of its sound is there and was used; "
            "get a fresh copy for the rest.",
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
    monkeypatch.setattr(ffmpeg, "installed", lambda: media)
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
    monkeypatch.setattr(ffmpeg, "installed", lambda: False)
    assert_refused(path, "pip install -e '.[media]'")


class _BreaksOff(sndfile.ForwardFile):
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
    monkeypatch.setattr(sndfile, "ForwardFile", _BreaksOff)
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
    monkeypatch.setattr(sndfile, "ForwardFile", _BreaksOff)
    monkeypatch.setattr(ffmpeg, "installed", lambda: False)
    assert_refused(data, "breaks off after 0.42 s", "pip install -e '.[media]'")

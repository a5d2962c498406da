"""What bad files get when their mood is asked for: one sentence each, or survived and named."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import AudioDecodeError
from models.decoders import ffmpeg
from models.mood.tagger import MoodTagger
from tests.models.mood_graphs import tiny_tagger
from tests.models.tones import av_encoded, encoded, sine


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> MoodTagger:
    return tiny_tagger(tmp_path_factory.mktemp("graphs"))


def refusal(tagger: MoodTagger, source: Path | bytes, **options: float) -> str:
    with pytest.raises(AudioDecodeError) as caught:
        tagger.analyse(source, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


def tone(rate_hz: int = 16_000, seconds: float = 8.0, channels: int = 1) -> np.ndarray:
    return sine(rate_hz=rate_hz, duration_s=seconds, channels=channels)


def picture_tag() -> bytes:
    """An ID3 tag with a cover, as it stands at the start of an MP3 file."""
    picture = b"\x00image/jpeg\x00\x03\x00" + b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8 + b"\xff\xd9"
    frame = b"APIC" + struct.pack(">I", len(picture)) + b"\x00\x00" + picture
    size = bytes((len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + size + frame


def test_empty_missing_and_folder(tagger: MoodTagger, tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").touch()
    assert "empty.mp3 is empty (0 bytes)" in refusal(tagger, tmp_path / "empty.mp3")
    assert "There is no file" in refusal(tagger, tmp_path / "gone.mp3")
    assert "is a folder" in refusal(tagger, tmp_path)


def test_no_second_of_sound(tagger: MoodTagger) -> None:
    assert "holds no sound (0 samples)" in refusal(tagger, encoded(np.zeros((0, 1)), 16_000))


def test_one_sample_is_answered_and_not_to_be_relied_on(tagger: MoodTagger) -> None:
    result = tagger.analyse(encoded(np.full((1, 1), 0.5), 16_000), name="click.wav")
    assert result.timeline.shape == (1, 59)
    assert result.notices == ("click.wav lasts 0.00 s, and a mood is heard in 5 s: do not rely on it.",)


def test_too_few_samples_for_one_at_16_khz(tagger: MoodTagger) -> None:
    assert "holds too little sound" in refusal(tagger, encoded(np.full((1, 1), 0.5), 192_000))


def test_renamed_text_and_picture(tagger: MoodTagger, tmp_path: Path) -> None:
    for name, content in (
        ("poem.mp3", b"no sound at all\n" * 99),
        ("cover.flac", b"\xff\xd8\xff\xe0" + bytes(999)),
    ):
        (tmp_path / name).write_bytes(content)
        assert f"{name} is not sound that Attune can read" in refusal(tagger, tmp_path / name)


@pytest.mark.parametrize(
    ("suffix", "kind"), [("flac", "OGG"), ("wav", "MP3"), ("mp3", "WAV"), ("mp3", "FLAC"), ("txt", "MP3")]
)
def test_sound_under_another_name_is_heard(
    tagger: MoodTagger, tmp_path: Path, suffix: str, kind: str
) -> None:
    path = tmp_path / f"song.{suffix}"
    path.write_bytes(encoded(tone(44_100), 44_100, format=kind))
    result = tagger.analyse(path)
    assert result.timeline.any()
    assert result.duration_s == pytest.approx(8.0, abs=0.1)
    assert result.notices == ()


def test_m4a_is_heard_with_its_extra_and_named_without(
    tagger: MoodTagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = av_encoded(tone(44_100), 44_100, tmp_path / "song.m4a", "aac")
    assert tagger.analyse(path).timeline.any()
    monkeypatch.setattr(ffmpeg, "installed", lambda: False)
    assert "song.m4a is in a format that needs an extra: run `pip install" in refusal(tagger, path)


def test_a_picture_tag_alone_is_no_sound_and_before_sound_no_matter(
    tagger: MoodTagger, tmp_path: Path
) -> None:
    path = tmp_path / "cover.mp3"
    path.write_bytes(picture_tag())
    assert "cover.mp3 holds tags (a title, a cover) but no sound" in refusal(tagger, path)
    path.write_bytes(picture_tag() + encoded(tone(44_100), 44_100, format="MP3"))
    assert tagger.analyse(path).timeline.any()


def test_truncated_files_are_used_as_far_as_they_go_and_named(tagger: MoodTagger, tmp_path: Path) -> None:
    for format_name in ("WAV", "FLAC", "MP3"):
        path = tmp_path / f"song.{format_name.lower()}"
        content = encoded(tone(44_100, 20.0, 2), 44_100, format=format_name)
        path.write_bytes(content[: len(content) // 2])
        result = tagger.analyse(path)
        assert 7.0 < result.duration_s < 13.0, format_name
        assert "truncated" in " ".join(result.notices), format_name
    path.write_bytes(encoded(tone(44_100), 44_100, format="FLAC")[:60])
    assert "song.mp3" in refusal(tagger, path)


@pytest.mark.parametrize("rate_hz", [8_000, 192_000])
def test_low_and_high_rates_are_heard_and_low_ones_named(tagger: MoodTagger, rate_hz: int) -> None:
    result = tagger.analyse(encoded(tone(rate_hz), rate_hz), name="tone.wav")
    assert result.duration_s == pytest.approx(8.0, abs=0.01)
    named = (
        "tone.wav has a sample rate of 8000 Hz, so nothing above 4000 Hz can be heard: rely less on its mood."
    )
    assert result.notices == ((named,) if rate_hz == 8_000 else ())


@pytest.mark.parametrize("rate_hz", [4_000, 384_000])
def test_rates_out_of_range_are_named(tagger: MoodTagger, rate_hz: int) -> None:
    assert f"{rate_hz} Hz" in refusal(tagger, encoded(np.zeros((100, 1)), rate_hz))


def test_six_channels_sound_like_their_mean(tagger: MoodTagger) -> None:
    mono, six = (tagger.analyse(encoded(tone(48_000, channels=count), 48_000)) for count in (1, 6))
    np.testing.assert_allclose(six.timeline, mono.timeline, atol=1e-3)


def test_a_day_is_too_long_and_its_header_is_enough_to_know(tagger: MoodTagger, tmp_path: Path) -> None:
    path = tmp_path / "day.wav"
    data_bytes = 24 * 3_600 * 16_000 * 2
    header = (
        b"RIFF"
        + struct.pack("<I", data_bytes + 36)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    )
    path.write_bytes(header + b"data" + struct.pack("<I", data_bytes))
    os.truncate(path, len(header) + 8 + data_bytes)  # 2.8 GB that take no room on the disk
    message = refusal(tagger, path)
    assert "day.wav lasts 1440.0 minutes, more than the 240 allowed" in message
    assert "max_file_minutes" in message


@pytest.mark.parametrize("kind", [b"drms", b"enca", b"aavd"])
def test_protected_files_are_named_and_not_played_as_noise(
    tagger: MoodTagger, tmp_path: Path, kind: bytes
) -> None:
    path = av_encoded(tone(44_100, 2.0, 2), 44_100, tmp_path / "bought.m4a", "aac")
    content = path.read_bytes()
    assert content.count(b"mp4a") == 1
    path.write_bytes(content.replace(b"mp4a", kind))
    assert "bought.m4a is protected against copying (DRM)" in refusal(tagger, path)


def test_formats_that_ffmpeg_lacks_are_named(tagger: MoodTagger, tmp_path: Path) -> None:
    path = av_encoded(tone(44_100, 2.0, 2), 44_100, tmp_path / "odd.m4a", "aac")
    path.write_bytes(path.read_bytes().replace(b"mp4a", b"zzzz").replace(b"esds", b"free"))
    assert "odd.m4a holds sound in a format that FFmpeg lacks" in refusal(tagger, path)


def test_samples_that_are_no_numbers_are_survived_and_named(tagger: MoodTagger, tmp_path: Path) -> None:
    sound = tone()
    sound[100:200] = np.nan
    soundfile.write(tmp_path / "nan.wav", sound, 16_000, subtype="FLOAT")
    result = tagger.analyse(tmp_path / "nan.wav")
    assert np.isfinite(result.timeline).all()
    assert "100 samples that are not numbers" in result.notices[0]

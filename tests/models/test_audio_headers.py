"""What a header says of lengths is never believed over its body: all sound is heard, and it is said."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import AudioDecodeError
from models.audio import decode, open_stream
from models.decoders import ffmpeg, ogg
from models.decoders.splice import SplicedFile
from tests.models.tones import assert_is_the_tone, av_encoded, encoded, read_all, sine

RATE_HZ = 16_000
SECONDS = 3.0
FRAMES = round(RATE_HZ * SECONDS)


@pytest.fixture(params=[True, False], ids=["media", "sndfile"], autouse=True)
def media(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every case with FFmpeg and without."""
    if request.param:
        pytest.importorskip("av")
    monkeypatch.setattr(ffmpeg, "installed", lambda: request.param)


WITH_FFMPEG = pytest.mark.parametrize("media", [True], ids=["media"], indirect=True)


def sound() -> np.ndarray:
    """A tone that differs from one moment to the next, with noise that fills the pages of any codec."""
    tone = sine(rate_hz=RATE_HZ, duration_s=SECONDS)
    noise = 0.2 * np.random.default_rng(4).standard_normal(tone.shape).clip(-2, 2)
    return (tone + noise).astype(np.float32) * np.linspace(0.2, 0.9, len(tone), dtype=np.float32)[
        :, np.newaxis
    ]


def changed(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def heard(source: bytes | Path) -> tuple[np.ndarray, tuple[str, ...]]:
    with open_stream(source) as stream:
        return np.concatenate(list(stream.blocks(4_096))), stream.notices


def assert_whole(data: bytes, *words: str, frames: int = FRAMES) -> None:
    """All is heard as it was written, from memory as from a disk, with one notice if there are words."""
    got, notices = heard(data)
    assert len(got) == frames
    np.testing.assert_allclose(got[:FRAMES], sound(), atol=1e-4)
    assert len(notices) == bool(words)
    for word in words:
        assert word in notices[0]


# name: bytes of the data's size field, given the number of bytes; where the field stands
_SIZES: dict[str, tuple[Callable[[int], bytes], Callable[[bytes], int]]] = {
    "WAV": (lambda size: struct.pack("<I", size % 2**32), lambda data: data.index(b"data") + 4),
    "RF64": (lambda size: struct.pack("<q", size), lambda data: data.index(b"ds64") + 16),
    "AIFF": (lambda size: struct.pack(">I", (size + 8) % 2**32), lambda data: data.index(b"SSND") + 4),
    "AU": (lambda size: struct.pack(">I", size % 2**32), lambda _: 8),
    "CAF": (lambda size: struct.pack(">q", size + 4), lambda data: data.index(b"data") + 4),
    "W64": (lambda size: struct.pack("<q", size + 24), lambda data: data.index(b"data") + 16),
}


@pytest.mark.parametrize("format_name", _SIZES)
@pytest.mark.parametrize(
    ("stated", "words"),
    [
        (2 * FRAMES, ()),
        (0, ("says that there is no sound",)),
        (32_000, ("counts only 33\xa0% of its sound",)),
        (4 * FRAMES, ("is truncated: 50\xa0% of its sound",)),
        (-1, ()),
    ],
)
def test_size_of_the_sound_is_that_of_the_body(format_name: str, stated: int, words: tuple[str, ...]) -> None:
    data = encoded(sound(), RATE_HZ, format=format_name, subtype="PCM_16")
    size, place = _SIZES[format_name]
    new = size(stated)
    assert_whole(changed(data, place(data), b"\xff" * len(new) if stated < 0 else new), *words)


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_F000, 32_036])
def test_both_sizes_of_a_wav_that_a_killed_recorder_left(size: int) -> None:
    data = encoded(sound(), RATE_HZ)
    data = changed(changed(data, 4, struct.pack("<I", size)), 40, struct.pack("<I", size))
    got, _ = heard(data)
    assert len(got) == FRAMES


TAIL = chunk(b"LIST", b"INFO" + chunk(b"INAM", b"A title")) + chunk(b"id3 ", b"ID3\3" + bytes(range(256)) * 9)


@pytest.mark.parametrize("size", [None, 0, 32_000, 0xFFFF_FFFF])
def test_chunks_behind_the_sound_are_not_heard(size: int | None) -> None:
    data = encoded(sound(), RATE_HZ) + TAIL
    got, _ = heard(data if size is None else changed(data, 40, struct.pack("<I", size)))
    np.testing.assert_allclose(got, sound(), atol=1e-4)


def test_order_and_padding_of_chunks_is_no_matter() -> None:
    data = encoded(sound(), RATE_HZ)
    form, body = data[12:36], data[36:]
    junk = chunk(b"JUNK", bytes(1_001))
    for chunks in (
        form + chunk(b"LIST", bytes(2_000)) + junk + body,
        junk[:-1] + form + body,
        body + form,
        form + chunk(b"data", body[8 : 8 + FRAMES]) + chunk(b"data", body[8 + FRAMES :]),
    ):
        assert_whole(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)


def test_bw64_is_read_as_rf64() -> None:
    data = encoded(sound(), RATE_HZ, format="RF64", subtype="PCM_16")
    assert_whole(b"BW64" + data[4:])


def test_what_no_header_names_is_left_out_if_it_is_short() -> None:
    data = encoded(sound(), RATE_HZ)
    assert_whole(data + np.random.default_rng(0).bytes(3_000), "goes on after its sound with 3000 bytes")
    assert_whole(data + bytes(30_000))
    assert_whole(data + b"TAG" + bytes(125))


def test_files_one_after_the_other_are_all_heard() -> None:
    one, other = encoded(sound(), RATE_HZ), sine(rate_hz=32_000, channels=2)
    for format_name in ("WAV", "FLAC", "AIFF"):
        assert_whole(one + encoded(other, 32_000, format=format_name), frames=FRAMES + RATE_HZ)


@pytest.mark.parametrize("size", [0, 1, 14, 18, 50, 140, 5_000, 90_000, 0xFFFF_FFFF])
def test_a_false_size_before_the_sound_is_passed(size: int) -> None:
    data, said = encoded(sound(), RATE_HZ), "is damaged, but its sound was found"
    longer = data[:12] + chunk(b"JUNK", bytes(100)) + data[12:]
    for false in (changed(data, 16, struct.pack("<I", size)), changed(longer, 16, struct.pack("<I", size))):
        assert_whole(false, said)
    assert_whole(changed(longer, 124, struct.pack("<I", size)), said)
    assert_whole(data[:12] + b"?" + data[12:], said)
    assert_whole(longer[:60] + longer[61:], said)


def test_a_wav_without_sound_is_still_refused() -> None:
    for tail in (b"", TAIL):
        with pytest.raises(AudioDecodeError, match="0 samples"):
            decode(encoded(np.zeros((0, 1)), RATE_HZ) + tail)


def flac_of(count: int) -> bytes:
    """FLAC whose header counts so many samples."""
    data = encoded(sound(), RATE_HZ, format="FLAC")
    fields = int.from_bytes(data[18:26], "big")
    return changed(data, 18, (fields >> 36 << 36 | count).to_bytes(8, "big"))


def test_flac_of_unknown_length_is_heard_to_its_end() -> None:
    assert_whole(flac_of(0))
    assert_whole(flac_of(2**36 - 1))
    assert_whole(flac_of(FRAMES) + b"TAG" + bytes(125))


def test_flac_that_counts_falsely_is_heard_to_its_end() -> None:
    assert_whole(flac_of(RATE_HZ), "says that it lasts 1.00 s, but 3.00 s of sound are there")
    assert_whole(flac_of(5 * RATE_HZ), "truncated after 3.00 s of 5.00 s")


def test_flac_files_one_after_the_other_are_all_heard() -> None:
    assert_whole(flac_of(FRAMES) * 2, frames=2 * FRAMES)
    other = encoded(sine(rate_hz=32_000, channels=2), 32_000, format="FLAC")
    assert_whole(flac_of(0) + other, frames=FRAMES + RATE_HZ)


def mp3() -> bytes:
    return encoded(sound(), RATE_HZ, format="MP3")


def mp3_of(count: int) -> bytes:
    data = mp3()
    return changed(data, max(data.find(b"Info"), data.find(b"Xing")) + 8, struct.pack(">I", count))


def mp3_frames(data: bytes) -> bytes:
    """An MP3 file without its header's frame."""
    return data[data.index(data[:2], 4) :]


@pytest.mark.parametrize("count", [0, 20, 200, 0xFFFF_FFFF])
def test_mp3_that_counts_its_frames_falsely_is_heard_to_its_end(count: int) -> None:
    whole, _ = heard(mp3())
    got, notices = heard(mp3_of(count))
    assert len(got) == len(whole)
    np.testing.assert_array_equal(got, whole)
    said = {20: "says that it lasts 0.72 s, but", 200: "truncated after 3."}.get(count)
    assert said in notices[0] if said else not notices


@pytest.mark.parametrize(
    "front",
    [
        b"ID3\3\0\0\x7f\x7f\x7f\x7f" + bytes(100),  # states more than there is
        b"ID3\3\0\0\0\0\x40\0" + bytes(100),
        b"ID3\3\0\0\0\0\0\x10" + b"TIT2\0\0\0\x90\0\0" + b"x" * 6_000,  # and less
        b"no frame of sound " * 99,
    ],
)
def test_mp3_is_found_behind_whatever_stands_in_front(front: bytes) -> None:
    got, notices = heard(front + mp3())
    np.testing.assert_array_equal(got, heard(mp3())[0])
    assert notices == ()


def test_mp3_with_a_hole_or_tags_within_goes_on_behind(capfd: pytest.CaptureFixture[str]) -> None:
    data = mp3()
    middle = data.index(data[:2], len(data) // 2)
    got, notices = heard(data[:middle] + bytes(9_000) + data[middle:])
    assert len(got) == pytest.approx(FRAMES, abs=1_200)
    assert "damaged in places" in notices[0]
    got, notices = heard(data + b"TAG" + bytes(125) + mp3_frames(data) + b"APETAGEX" + bytes(900))
    assert len(got) == pytest.approx(2 * FRAMES, abs=2_400)
    assert "but 6." in notices[0]
    assert capfd.readouterr() == ("", "")


def test_mp3_files_of_other_rates_one_after_the_other_are_all_heard() -> None:
    other = encoded(sine(rate_hz=44_100, channels=2), 44_100, format="MP3")
    got, notices = heard(mp3() + other)
    assert len(got) == pytest.approx(FRAMES + RATE_HZ, abs=1_200)
    assert notices == ()


def test_mp3_without_a_header_is_counted_and_said_to_be_cut() -> None:
    frames = mp3_frames(mp3())
    got, notices = heard(frames)
    assert len(got) == pytest.approx(FRAMES, abs=1_800)
    assert notices == ()
    assert "damaged or truncated after 1." in heard(frames[: len(frames) // 2])[1][0]


def test_mp3_within_a_wav_is_heard(tmp_path: Path) -> None:
    pytest.importorskip("av")
    path = av_encoded(sound(), RATE_HZ, tmp_path / "packed.wav", "libmp3lame")
    got, notices = heard(path)
    assert len(got) == pytest.approx(FRAMES, abs=2_400)
    assert notices == ()


def vorbis(rate_hz: int = RATE_HZ, channels: int = 1) -> bytes:
    return encoded(np.repeat(sound(), channels, axis=1), rate_hz, format="OGG", subtype="VORBIS")


def opus() -> bytes:
    return encoded(sound(), RATE_HZ, format="OGG", subtype="OPUS")


@pytest.mark.parametrize("links", [2, 5])
@pytest.mark.parametrize("make", [vorbis, opus])
def test_chain_of_ogg_is_heard_to_its_end(make: Callable[[], bytes], links: int) -> None:
    data = make()
    whole, _ = heard(data)
    for chain in (data * links, b"".join(make() for _ in range(links))):  # equal serials, and others
        got, notices = heard(chain)
        assert notices == ()
        np.testing.assert_array_equal(got, np.concatenate([whole] * links))


def test_chain_of_other_rates_channels_and_codecs_takes_those_of_the_first() -> None:
    for first, other in ((vorbis(), vorbis(2 * RATE_HZ, 2)), (vorbis(2 * RATE_HZ, 2), opus())):
        with open_stream(first + other) as stream:
            got = np.concatenate(list(stream.blocks(4_096)))
            assert stream.notices == ()
        alone, after = heard(first)[0], decode(other)
        np.testing.assert_array_equal(got[: len(alone)], alone)
        duration_s = (len(got) - len(alone)) / stream.rate_hz
        assert duration_s == pytest.approx(len(after) / RATE_HZ, abs=0.01)


def last_page(data: bytes, position: int) -> bytes:
    """An Ogg file whose last page claims to end at a position."""
    start = data.rindex(b"OggS")
    page = data[start : start + 6] + struct.pack("<q", position) + data[start + 14 :]
    return data[:start] + changed(page, 22, struct.pack("<I", ogg._checksum(changed(page, 22, bytes(4)))))


@pytest.mark.parametrize("make", [vorbis, opus])
@pytest.mark.parametrize("position", [0, -1, 100, 2**40, 2**62, 2**63 - 1])
def test_ogg_that_counts_its_time_falsely_is_heard_to_its_end(
    make: Callable[[], bytes], position: int
) -> None:
    got, notices = heard(last_page(make(), position))
    assert len(got) == pytest.approx(FRAMES, abs=1_000)
    assert "counts its time falsely" in notices[0]


@pytest.mark.parametrize("make", [vorbis, opus])
def test_ogg_with_a_broken_page_goes_on_behind_it(make: Callable[[], bytes]) -> None:
    data = make()
    middle = data.index(b"OggS", len(data) // 3)
    for broken in (changed(data, middle + 60, b"broken"), changed(data, middle, b"?"), data + bytes(1_000)):
        got, notices = heard(broken)
        assert len(got) > FRAMES / 3
        assert ("damaged in places" in notices[0]) if notices else len(got) == FRAMES


def test_what_stands_around_an_ogg_is_no_matter() -> None:
    whole, _ = heard(vorbis())
    for front in (b"junk" * 200, b"ID3\3\0\0\0\0\x10\0" + bytes(2_048), vorbis()[:100]):
        np.testing.assert_array_equal(heard(front + vorbis())[0], whole)
    assert "goes on after its sound with 9000 bytes" in heard(vorbis() + b"x" * 9_000)[1][0]


def test_ogg_that_is_cut_off_says_so() -> None:
    data = vorbis()
    got, notices = heard(data[: len(data) * 2 // 3])
    assert 0 < len(got) < FRAMES
    assert "has no proper end" in notices[0]


@WITH_FFMPEG
def test_first_of_several_tracks_is_used_and_it_is_said(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "two.mka"
    with av.open(str(path), "w") as container:
        tracks = [container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono") for _ in range(2)]
        for track, level in zip(tracks, (1.0, 0.0), strict=True):
            samples = (sine(rate_hz=RATE_HZ).T * level * 32_767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = RATE_HZ
            container.mux(track.encode(frame))
            container.mux(track.encode(None))
    got, notices = heard(path)
    assert_is_the_tone(got[:, 0])
    assert "holds several tracks of sound: the first was used" in notices[0]


@WITH_FFMPEG
def test_media_that_ends_early_says_so(tmp_path: Path) -> None:
    data = av_encoded(sound(), RATE_HZ, tmp_path / "talk.webm", "libopus").read_bytes()
    got, notices = heard(data[: len(data) // 2])
    assert len(got) > 0
    assert "damaged or truncated after" in notices[-1]


@WITH_FFMPEG
def test_mp4_files_one_after_the_other_are_all_heard(tmp_path: Path) -> None:
    data = av_encoded(sound(), RATE_HZ, tmp_path / "talk.m4a", "aac").read_bytes()
    got, notices = heard(data * 3)
    assert len(got) == pytest.approx(3 * FRAMES, abs=6_000)
    assert notices == ()


def test_path_and_bytes_are_heard_alike(tmp_path: Path) -> None:
    for name, data in (("a.wav", changed(encoded(sound(), RATE_HZ), 40, bytes(4))), ("a.mp3", mp3_of(9))):
        (tmp_path / name).write_bytes(data)
        np.testing.assert_array_equal(read_all(tmp_path / name), read_all(data))


def test_claims_take_no_memory() -> None:
    with open_stream(flac_of(2**36 - 1), max_minutes=float("inf")) as stream:
        assert stream.frames is None
    assert len(decode(flac_of(2**36 - 1), max_minutes=float("inf"))) == FRAMES


@pytest.mark.parametrize(
    ("front", "repeated"),
    [
        (b"", b"OggS"),
        (b"", b"OggS\0" + bytes(21) + b"\xff\xff"),
        (b"ID3\3\0\0\0\0\0\0", b"\xff\xfb\x90\x64"),
        (b"", b"fLaC\0\0\0\x22"),
        (b"", b"RIFF\4\0\0\0WAVE"),
        (b"RIFF\xff\xff\xff\xffWAVE", b"AAAA\0\0\0\0"),
        (b"FORM\0\0\0\4AIFF", b"SSND\0\0\0\0"),
        (b"", b"\0\0\0\x08ftyp"),
    ],
)
def test_a_flood_of_headers_is_given_up(front: bytes, repeated: bytes) -> None:
    with pytest.raises(AudioDecodeError):
        decode(front + repeated * (2**22 // len(repeated)))


def test_spliced_file_reads_like_what_it_is_made_of() -> None:
    with io.BufferedReader(SplicedFile(io.BytesIO(b"0123456789"), (b"ab", range(3, 6), range(8, 9)))) as file:
        assert file.read() == b"ab3458"
        assert file.seek(-(2**40)) == 0
        assert file.seek(2**62) == 6
        assert file.seek(1) == 1
        assert file.read(3) == b"b34"
        assert file.seek(-1, io.SEEK_END) == 5
        assert file.read() == b"8"


@WITH_FFMPEG
@pytest.mark.parametrize("count", [50, pytest.param(500, marks=pytest.mark.long)])
def test_random_damage_is_refused_with_a_sentence_or_survived(count: int, tmp_path: Path) -> None:
    """In a process of its own, so that its memory can be told and a crash is a failure; it goes both ways."""
    command = [sys.executable, "-m", "tests.models.fuzz_decoders", str(count), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4_000:]
    assert "Traceback" not in done.stderr
    if sys.platform == "linux":
        assert float(done.stdout.split()[-1]) < 400.0  # MiB

"""Decoding of files with random damage, in a process of its own.

`python -m tests.models.fuzz_decoders COUNT FOLDER` prints the peak of its memory, in MiB.
A file must be refused with one sentence or give finite sound.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import AudioDecodeError
from models.audio import open_stream
from models.decoders import ffmpeg
from tests.models.tones import av_encoded, encoded, sine

_FORMATS = (
    *(("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "IMA_ADPCM"), ("WAVEX", "PCM_24"), ("RF64", "PCM_16")),
    *(("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"), ("W64", "PCM_16"), ("FLAC", "PCM_16")),
    *(("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")),
)
_MEDIA = ((".m4a", "aac"), (".webm", "libopus"), (".aac", "aac"), (".mp3", "libmp3lame"))
_HEADER = 128
_NUMBERS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80")
_MAX_S = 30.0


def _peak_mib() -> float:
    """Of this process alone: what getrusage says is handed down by the one that started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def samples(folder: Path) -> list[bytes]:
    """Small files of every format, without damage."""
    sound = sine(rate_hz=16_000, duration_s=0.7) + 0.05 * np.random.default_rng(1).standard_normal(
        (11_200, 1)
    ).astype(np.float32)
    files = [encoded(sound, 16_000, format=name, subtype=subtype) for name, subtype in _FORMATS]
    files += [av_encoded(sound, 16_000, folder / f"s{end}", codec).read_bytes() for end, codec in _MEDIA]
    return files


def _overwritten(file: bytes, place: int, new: bytes) -> bytes:
    return file[:place] + new + file[place + len(new) :]


def _cut(file: bytes, place: int, _: bytes) -> bytes:
    return file[:place]


def _inserted(file: bytes, place: int, new: bytes) -> bytes:
    return file[:place] + new + file[place:]


def _without(file: bytes, place: int, new: bytes) -> bytes:
    return file[:place] + file[place + 37 * len(new) :]


def _repeated(file: bytes, place: int, _: bytes) -> bytes:
    return file + file[place:]


_DAMAGE: tuple[Callable[[bytes, int, bytes], bytes], ...] = (
    *(_overwritten, _overwritten, _overwritten, _cut, _inserted, _without, _repeated),
)


@st.composite
def damaged(draw: st.DrawFn, files: list[bytes]) -> bytes:
    """One of the files with one to four damages, most of them within its header."""
    file = draw(st.sampled_from(files))
    for damage in draw(st.lists(st.sampled_from(_DAMAGE), min_size=1, max_size=4)):
        limit = draw(st.sampled_from((_HEADER, _HEADER, len(file))))
        place = draw(st.integers(0, max(0, min(limit, len(file)))))
        new = draw(st.sampled_from(_NUMBERS) | st.binary(min_size=1, max_size=64))
        file = damage(file, place, new)
    return file


def check(file: bytes, folder: Path, *, media: bool, as_path: bool) -> None:
    """Fail unless a file is refused with one sentence, or gives finite sound of the length that it allows."""
    ffmpeg.installed = lambda: media
    source: Path | bytes = file
    if as_path:
        source = folder / "damaged.mp3"
        source.write_bytes(file)
    try:
        with open_stream(source, max_minutes=_MAX_S / 60.0) as stream:
            for block in stream.blocks(4_096):
                assert np.isfinite(block).all()
            assert stream.position <= 1.1 * _MAX_S * stream.rate_hz
            sentences = list(stream.notices)
    except AudioDecodeError as error:
        sentences = [str(error)]
    for sentence in sentences:
        assert sentence.endswith("."), sentence
        assert "\n" not in sentence, sentence
    assert len(set(sentences)) == len(sentences)


def main(count: int, folder: Path) -> None:
    """Check that many files."""
    logging.disable()
    files = samples(folder)
    chained = [one + other for one, other in pairwise(files)] + [file + file for file in files]

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(file=damaged(files + chained), media=st.booleans(), as_path=st.booleans())
    def check_all(file: bytes, media: bool, as_path: bool) -> None:
        check(file, folder, media=media, as_path=as_path)

    check_all()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
    if sys.platform == "linux":
        sys.stdout.write(f"{_peak_mib()}\n")

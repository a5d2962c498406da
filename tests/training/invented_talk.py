"""Invented ordinary talk: an archive of Opus files with the names of LibriSpeech."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile

__all__ = ["write_talk"]


def write_talk(path: Path, seconds: Mapping[str, float]) -> Path:
    """Write hums of the given lengths; names such as ``1034-121119-0000`` begin with the speaker."""
    with tarfile.open(path, "w") as tar:
        for name, length_s in seconds.items():
            time_s = np.arange(round(length_s * 16_000)) / 16_000
            pitch_hz = 100 + int(name.split("-", 1)[0]) % 100
            hum = 0.2 * np.sin(2 * np.pi * pitch_hz * time_s)
            content = io.BytesIO()
            soundfile.write(content, hum, 16_000, format="OGG", subtype="OPUS")
            member = tarfile.TarInfo(f"librispeech_ordinary/{name}.ogg")
            member.size = content.tell()
            content.seek(0)
            tar.addfile(member, content)
    return path

"""An invented corpus of tones: manifest, fold file and archives in the form of the real ones."""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

__all__ = ["all_clips", "corpus_row", "encoded_tone", "write_corpus"]

COLUMNS = ("path", "corpus", "speaker", "emotion", "language", "licence", "dup_of")
CORPORA = {
    "ravdess_speech": (
        ("Actor_01", "Actor_02", "Actor_23"),
        ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"),
    ),
    "ravdess_song": (("Actor_01", "Actor_02"), ("neutral", "calm")),
    "crema_d": (("1001", "1003", "1005"), ("neutral", "happy", "angry")),
    "emotiontts_ko": (("k1",), ("neutral", "angry")),
    "deeply_nonverbal": (("d1",), ("other:coughing",)),
}


def encoded_tone(frequency_hz: float, seconds: float = 1.0, level: float = 0.3) -> bytes:
    """A tone with a little noise, as the bytes of an .ogg file."""
    time_s = np.arange(int(seconds * 16_000)) / 16_000
    rng = np.random.default_rng(int(frequency_hz))
    tone = np.sin(2 * np.pi * frequency_hz * time_s) + 0.05 * rng.standard_normal(time_s.size)
    buffer = io.BytesIO()
    soundfile.write(buffer, (level * tone).astype(np.float32), 16_000, format="OGG", subtype="VORBIS")
    return buffer.getvalue()


def write_corpus(folder: Path, rows: list[dict[str, str]], sounds: dict[str, bytes]) -> Path:
    """Manifest, fold file and archives of an invented corpus; rows without a sound are missing clips."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    (folder / "emobox_folds.csv").write_text(
        "corpus,clip,test_fold\nravdess_speech,03-01-01-01-01-01-01,1\nravdess_speech,03-01-01-01-01-01-02,2\n"
    )
    for corpus in {row["corpus"] for row in rows}:
        with tarfile.open(folder / f"{corpus}.tar", "w") as tar:
            for path, content in sounds.items():
                if path.startswith(corpus + "/"):
                    member = tarfile.TarInfo(path + ".ogg")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    return folder


def corpus_row(path: str, emotion: str, *, dup_of: str = "") -> dict[str, str]:
    corpus, speaker, _ = path.split("/")
    values = (path, corpus, speaker, emotion, "en", "CC0", dup_of)
    return dict(zip(COLUMNS, values, strict=True))


def all_clips() -> Iterator[tuple[str, str, float]]:
    """Path, emotion and pitch of every clip of the invented corpus."""
    pitch_hz = 200.0
    for corpus, (speakers, emotions) in CORPORA.items():
        for speaker in speakers:
            for emotion in emotions:
                pitch_hz += 20.0
                yield f"{corpus}/{speaker}/{emotion.replace(':', '_')}", emotion, pitch_hz

"""`attune emotions`, `attune music-moods`, and what `attune emotion` says beside the emotion."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from attune import DEMO
from core.emotions import EMOTIONS
from models.audio import decode
from realtime.emotion_answer import MUSIC_MOODS
from tests.terminal import Terminal


@pytest.fixture
def attune(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(capsys, monkeypatch)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Three seconds of the demo, which sound happy."""
    path = tmp_path / "voice.wav"
    soundfile.write(path, decode(DEMO)[32_000:80_000], 16_000)
    return path


def test_emotions_are_listed_as_the_api_answers_them(attune: Terminal) -> None:
    assert json.loads(attune("emotions", "--json")[1]) == {"emotions": list(EMOTIONS), "count": 8}
    for form in ((), ("--csv",)):
        code, out, _ = attune("emotions", *form)
        assert (code, [line.strip() for line in out.splitlines()]) == (0, ["emotion", *EMOTIONS])


def test_moods_of_music_are_listed_as_the_api_answers_them(attune: Terminal) -> None:
    assert json.loads(attune("music-moods", "--json")[1]) == MUSIC_MOODS
    rows = list(csv.reader(io.StringIO(attune("music-moods", "--csv")[1])))
    assert rows == [["emotion", "music_mood"], *([*pair] for pair in MUSIC_MOODS.items())]
    assert "surprised  exciting" in attune("music-moods")[1]


@pytest.mark.parametrize(("threshold", "status"), [(0.7, "success"), (0.99, "low_confidence")])
def test_clip_carries_mood_of_music_status_and_warning(
    attune: Terminal, recording: Path, threshold: float, status: str
) -> None:
    command = ("emotion", "--threshold", str(threshold), str(recording))
    clip = json.loads(attune(*command, "--json")[1])
    assert (clip["music_mood"], clip["status"]) == (MUSIC_MOODS[clip["emotion"]], status)
    assert (clip["warning"] is None) == (status == "success")
    line = attune(*command)[1].splitlines()[-1]
    assert line == " ".join(filter(None, (f"Music mood: {clip['music_mood']} ({status}).", clip["warning"])))
    *windows, whole = csv.DictReader(io.StringIO(attune(*command, "--csv")[1]))
    assert (whole["music_mood"], whole["status"]) == (clip["music_mood"], status)
    assert {(row["music_mood"], row["status"], row["warning"]) for row in windows} == {("", "", "")}


def test_silence_has_no_mood_of_music(attune: Terminal, tmp_path: Path) -> None:
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(48_000), 16_000)
    clip = json.loads(attune("emotion", "--json", silence)[1])
    assert (clip["emotion"], clip["music_mood"], clip["status"]) == (None, None, "low_confidence")
    assert clip["warning"] == "No speech was heard, so no emotion is named."

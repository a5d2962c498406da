"""Ordinary talk: who is heard, how sessions are made of it, and what is counted."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import DataError
from tests.training.invented_corpus import encoded_tone
from training.data.ordinary import ARCHIVE, ordinary_split
from training.data.splits import Split
from training.report.live import LiveAnswer, LiveWindow, onsets
from training.report.talk import (
    prompt_sessions,
    read_ordinary,
    read_prompt_voices,
    sessions_up_to,
    talk_figures,
    talk_keys,
)
from training.whisper.sounds import TRAINING_PROMPTS

TESTED = [str(number) for number in range(1000, 1100) if ordinary_split(str(number)) is Split.TEST]
TRAINED = next(str(number) for number in range(1000, 1100) if ordinary_split(str(number)) is Split.TRAIN)
SECOND = np.full(16_000, 0.1, dtype=np.float32)


def archive(folder: Path, speakers: Iterable[str]) -> Path:
    """Ordinary talk of a second a clip."""
    path = folder / ARCHIVE
    with tarfile.open(path, "w") as tar:
        for number, speaker in enumerate(speakers):
            sound = encoded_tone(300.0)
            entry = tarfile.TarInfo(f"librispeech_ordinary/{speaker}-1-{number:04d}.ogg")
            entry.size = len(sound)
            tar.addfile(entry, io.BytesIO(sound))
    return path


def test_each_speaker_who_is_kept_out_of_training_is_a_session(tmp_path: Path) -> None:
    path = archive(tmp_path, (TRAINED, TESTED[0], TESTED[1], TESTED[1]))
    sessions = read_ordinary(path)
    assert [len(session) for session in sessions] == [16_000, 16_000 + 11_200 + 16_000]
    assert not sessions[1][16_000:27_200].any()
    for place in (tmp_path, tmp_path / "ordinary_manifest.csv"):
        assert [len(session) for session in read_ordinary(place)] == [len(session) for session in sessions]


def test_talk_of_nobody_who_is_kept_out_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=ARCHIVE):
        read_ordinary(tmp_path)
    archive(tmp_path, (TRAINED,))
    with pytest.raises(DataError, match=ARCHIVE):
        read_ordinary(tmp_path)


def test_prompts_become_sessions_of_some_minutes_with_pauses() -> None:
    sessions = prompt_sessions([SECOND] * 5, session_s=3.0)
    assert [len(session) / 16_000 for session in sessions] == pytest.approx([2.7, 2.7, 1.0])
    assert not sessions[0][16_000:27_200].any()


def test_sessions_are_taken_whole_until_they_last_long_enough() -> None:
    assert len(sessions_up_to([SECOND] * 5, 1.5)) == 2
    assert len(sessions_up_to([SECOND] * 5, None)) == 5


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="voice prompts are decoded by ffmpeg")
def test_only_voices_that_training_never_heard_are_prompts(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.wav", 0.3 * np.sin(np.arange(16_000) / 8), 16_000)
    for voice in ("en_US_f_Allison", TRAINING_PROMPTS[0]):
        (tmp_path / voice / "digits").mkdir(parents=True)
        prompt = tmp_path / voice / "digits" / "1.g722"
        coding = ("ffmpeg", "-v", "error", "-i", tmp_path / "tone.wav", "-f", "g722", prompt)
        subprocess.run(coding, check=True)
    (tmp_path / "en").symlink_to(tmp_path / "en_US_f_Allison")
    voices = read_prompt_voices(tmp_path)
    assert list(voices) == ["en_US_f_Allison"]
    assert [round(len(session) / 16_000, 1) for session in voices["en_US_f_Allison"]] == [1.0]


def test_prompts_that_are_missing_or_heard_in_training_are_refused(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError, match="No voice prompts lie in"):
            read_prompt_voices(place)
    (tmp_path / TRAINING_PROMPTS[0]).mkdir()
    (tmp_path / TRAINING_PROMPTS[0] / "hello.g722").write_bytes(b"\0")
    with pytest.raises(DataError, match="are heard in training: name others, or leave --prompts out"):
        read_prompt_voices(tmp_path)


def test_what_begins_counts_once() -> None:
    assert onsets([None, "sad", "sad", None, "sad", "angry", None]) == ["sad", "sad", "angry"]
    assert onsets([True, False, False, None]) == [True, False]
    assert onsets([]) == []


def answer(*windows: LiveWindow, energy: float | None = None) -> LiveAnswer:
    return LiveAnswer(None, None, (0.125,) * 8, 0, energy=energy, windows=windows)


def test_an_emotion_that_holds_is_one_false_alarm_and_neutral_and_calm_are_none() -> None:
    held = [LiveWindow("sad", emotion) for emotion in ("neutral", "sad", "sad", "calm", "sad", None)]
    figures = talk_figures(lambda _path: answer(*held), [SECOND, SECOND])
    assert figures["false_emotions"]["events"] == 4
    assert {label: n for label, n in figures["accepted_as"].items() if n} == {
        "neutral": 2,
        "sad": 4,
        "calm": 2,
    }
    assert figures["neutral_share"] == 0.0
    assert figures["directions"] is None


def test_a_session_begins_anew_where_another_ended() -> None:
    figures = talk_figures(lambda _path: answer(LiveWindow("sad", "sad", True), energy=0.9), [SECOND] * 3)
    assert figures["false_emotions"]["events"] == figures["directions"]["energy"]["events"] == 3
    assert figures["directions"]["pleasantness"]["events"] == 0
    assert figures["false_emotions"]["per_hour"] == pytest.approx(3600.0, abs=1.0)


def test_windows_without_speech_lead_with_nothing() -> None:
    windows = (LiveWindow(None, None), LiveWindow("calm", None), LiveWindow("sad", None))
    figures = talk_figures(lambda _path: answer(*windows), [SECOND])
    assert (figures["windows"], figures["neutral_share"]) == (2, 0.5)
    silent = talk_figures(lambda _path: answer(LiveWindow(None, None)), [SECOND])
    assert (silent["windows"], silent["neutral_share"]) == (0, None)


def test_what_was_not_played_has_no_figures() -> None:
    assert talk_keys(None, {}) == {}
    record = talk_figures(lambda _path: answer(), [SECOND])
    assert list(talk_keys(None, {"ann": record})) == ["prompts_false_per_hour"]
    with pytest.raises(ValueError, match="have no rate"):
        talk_figures(lambda _path: answer(), [])

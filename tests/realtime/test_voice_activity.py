"""Voice activity: speech is speech, the rest is not, in any block size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.runtime import Session, load_session
from realtime.voice_activity import VoiceActivity, load_voice_activity_session
from scripts.make_voice_activity import original
from tests.realtime.sources import voice

WINDOW = 48_000


@pytest.fixture(scope="module")
def session() -> Session:
    return load_voice_activity_session()


def share(session: Session, audio: np.ndarray, block: int = 1_000) -> float:
    activity = VoiceActivity(session, window_samples=WINDOW, threshold=0.5)
    for start in range(0, len(audio), block):
        activity.feed(audio[start : start + block])
    return activity.share


def test_voice_is_speech(session: Session) -> None:
    assert share(session, voice(4.0)[:, 0]) > 0.9


@pytest.mark.parametrize("name", ["silence", "noise", "tone", "clicks"])
def test_what_is_no_voice_is_no_speech(session: Session, name: str) -> None:
    rng = np.random.default_rng(0)
    time_s = np.arange(4 * 16_000) / 16_000
    sounds = {
        "silence": np.zeros(len(time_s)),
        "noise": 0.05 * rng.standard_normal(len(time_s)),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * time_s),
        "clicks": 0.5 * (rng.random(len(time_s)) < 5e-4),
    }
    assert share(session, sounds[name].astype(np.float32)) < 0.1


@pytest.mark.parametrize("block", [1, 511, 512, 513, 48_000])
def test_block_size_does_not_change_the_share(session: Session, block: int) -> None:
    audio = np.concatenate([voice(1.0)[:, 0], np.zeros(16_000, dtype=np.float32)])
    assert share(session, audio, block) == share(session, audio, 1_000)


def test_share_counts_the_newest_window_only(session: Session) -> None:
    half = np.concatenate([voice(5.0)[:, 0], np.zeros(24_000, dtype=np.float32)])
    assert share(session, half) == pytest.approx(0.5, abs=0.1)


def test_reset_forgets(session: Session) -> None:
    activity = VoiceActivity(session, window_samples=WINDOW, threshold=0.5)
    activity.feed(voice(4.0)[:, 0])
    activity.reset()
    assert activity.share == 0.0


def test_interruption_keeps_what_was_speech(session: Session) -> None:
    activity = VoiceActivity(session, window_samples=WINDOW, threshold=0.5)
    activity.feed(voice(4.0)[:, 0])
    activity.interrupt()
    assert activity.share > 0.9
    activity.feed(voice(1.0, seed=1)[:, 0])
    assert activity.share > 0.9


@pytest.mark.parametrize("level_db", [0, -10, -20, -30])
def test_a_quiet_voice_is_speech_and_its_level_is_known(session: Session, level_db: int) -> None:
    loud = voice(4.0)[:, 0]
    quiet = loud * np.float32(10 ** (level_db / 20))
    activity = VoiceActivity(session, window_samples=WINDOW, threshold=0.5)
    activity.feed(quiet)
    assert activity.share > 0.5
    level_dbfs = 20 * np.log10(np.sqrt(np.square(quiet[-WINDOW:]).mean()))
    assert activity.voice_dbfs == pytest.approx(level_dbfs, abs=2.0)


@pytest.mark.parametrize("level_db", [-40, -60, -80])
@pytest.mark.parametrize("name", ["noise", "tone", "clicks"])
def test_what_is_no_voice_is_no_speech_however_quiet(session: Session, name: str, level_db: int) -> None:
    time_s = np.arange(4 * 16_000) / 16_000
    rng = np.random.default_rng(0)
    sounds = {
        "noise": rng.standard_normal(len(time_s)),
        "tone": np.sin(2 * np.pi * 440 * time_s),
        "clicks": rng.random(len(time_s)) < 5e-4,
    }
    quiet = (sounds[name] * 10 ** (level_db / 20)).astype(np.float32)
    activity = VoiceActivity(session, window_samples=WINDOW, threshold=0.5)
    activity.feed(quiet)
    assert activity.share < 0.1
    assert activity.voice_dbfs is None


def test_one_word_fills_its_stretch_but_not_the_window(session: Session) -> None:
    silence = np.zeros(20_000, dtype=np.float32)
    word = np.concatenate([silence, voice(0.7)[:, 0], silence])
    activity = VoiceActivity(session, window_samples=WINDOW, threshold=0.5)
    activity.feed(word)
    assert activity.share < 0.35
    assert activity.stretch_share >= 0.4


def test_silence_and_a_window_shorter_than_a_stretch_have_a_share(session: Session) -> None:
    assert VoiceActivity(session, window_samples=4_096, threshold=0.5).stretch_share == 0.0


def test_network_answers_as_that_of_the_package_for_any_number_of_frames(
    session: Session, tmp_path: Path
) -> None:
    """The same weights in another graph (`scripts.make_voice_activity`)."""
    file = tmp_path / "silero_vad.onnx"
    file.write_bytes(original())
    package = load_session(file, threads=1)
    audio = np.concatenate([np.zeros(64, dtype=np.float32), voice(3.0)[:, 0]])
    stretches = np.stack([audio[start : start + 576] for start in range(0, len(audio) - 576, 512)])
    frames = np.stack([stretches, 0.01 * stretches], axis=1)  # (frames, 2, 576)
    nothing = np.zeros((2, 2, 128), dtype=np.float32)
    wanted, state = [], nothing
    for frame in frames:
        found, state = package.run({"input": frame, "state": state, "sr": np.array(16_000)})
        wanted.append(found[:, 0])
    whole = session.run({"frames": frames, "state": nothing})[0]
    np.testing.assert_allclose(whole, wanted, atol=1e-4)
    parts, state = [], nothing
    for start in range(0, len(frames), 7):
        found, state = session.run({"frames": frames[start : start + 7], "state": state})
        parts.append(found)
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)

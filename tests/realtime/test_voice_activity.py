"""Voice activity: speech is speech, the rest is not, in any block size."""

from __future__ import annotations

import numpy as np
import pytest

from models.runtime import Session
from realtime.voice_activity import VoiceActivity, load_voice_activity_session
from sources import voice

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

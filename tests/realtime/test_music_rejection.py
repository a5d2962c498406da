"""Music rejection: music alone is never voice, voices without music are never held back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.settings import Settings
from models.mood.audio_classes import AudioClassScores
from realtime.music_rejection import (
    MusicRejectionConfig,
    music_rejection_config,
    music_score,
    only_music,
    only_residue,
)

CONFIG = MusicRejectionConfig(music_from=0.4, margin=-0.2, beside_from=0.1)
scores = st.floats(0.0, 1.0)


def patches(music: float, speech: float, singing: float = 0.0, count: int = 5) -> list[AudioClassScores]:
    return [AudioClassScores(music=music, speech=speech, singing=singing, silence=0.0)] * count


@pytest.mark.parametrize(
    ("music", "speech", "singing", "held_back"),
    [
        (0.9, 0.1, 0.3, True),  # a song
        (0.1, 0.3, 0.8, True),  # somebody sings alone
        (0.1, 0.9, 0.0, False),  # a voice
        (0.6, 0.9, 0.0, False),  # a voice over music
        (0.3, 0.0, 0.3, False),  # too little music to say
    ],
)
def test_music_without_a_voice_above_it_is_held_back(
    music: float, speech: float, singing: float, held_back: bool
) -> None:
    assert only_music(patches(music, speech, singing), CONFIG) is held_back


def test_nothing_heard_holds_nothing_back() -> None:
    assert not only_music([], CONFIG)
    assert music_score([]) == 0.0


def test_music_counts_over_the_whole_window_and_speech_where_it_is_highest() -> None:
    half = [*patches(0.9, 0.0, count=3), *patches(0.0, 0.9, count=3)]
    assert not only_music(half, CONFIG)
    assert music_score(half) == pytest.approx(0.45)
    assert not only_music([*patches(0.9, 0.1, count=4), *patches(0.9, 0.8, count=1)], CONFIG)


@given(music=scores, speech=scores, singing=scores, more=scores)
def test_more_speech_never_holds_back(music: float, speech: float, singing: float, more: float) -> None:
    louder = max(speech, more)
    if not only_music(patches(music, speech, singing), CONFIG):
        assert not only_music(patches(music, louder, singing), CONFIG)


def test_one_weak_window_does_not_end_a_voice() -> None:
    weak = patches(0.8, 0.55)
    assert only_music(weak, CONFIG)
    assert not only_music(weak, CONFIG, voice_before=True)
    assert only_music(patches(0.8, 0.1), CONFIG, voice_before=True)


def test_settings_configure_music_rejection() -> None:
    settings = Settings(music_from=0.7, voice_over_music=0.05, music_beside_from=0.2)
    assert music_rejection_config(settings) == MusicRejectionConfig(
        music_from=0.7, margin=0.05, beside_from=0.2
    )


def test_music_of_our_own_plays_whatever_it_scores() -> None:
    config = MusicRejectionConfig(music_from=0.4, margin=0.1, beside_from=0.1)
    faint = patches(0.2, 0.2)
    assert not only_music(faint, config)
    assert only_music(faint, config, own_music=True)
    assert not only_music(patches(0.2, 0.9), config, own_music=True)


def test_a_window_of_which_hardly_anything_is_left_held_no_voice() -> None:
    rng = np.random.default_rng(0)
    music, voice = (rng.standard_normal(48_000).astype(np.float32) for _ in range(2))
    assert only_residue(music, 0.2 * music)
    assert not only_residue(music + voice, voice)
    assert not only_residue(voice, voice)
    silence = np.zeros(48_000, dtype=np.float32)
    assert not only_residue(silence, silence)

"""Views of a clip: effects that do what their names say."""

from __future__ import annotations

import numpy as np
import pytest

from training.emotion.effects import (
    EffectSettings,
    _add_gain,
    _mu_law,
    augmented_window,
    some_noise,
    view_rng,
)

NOTHING = EffectSettings(
    edge_share=0.0,
    room_share=0.0,
    noise_share=0.0,
    telephone_share=0.0,
    opus_share=0.0,
    mu_law_share=0.0,
    gain_db=0.0,
)


def tone(n_samples: int = 20_000) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(n_samples) / 16_000)).astype(np.float32)


def test_gain_is_in_decibels_and_clips_like_a_microphone() -> None:
    assert _add_gain(tone(), -6.0206) == pytest.approx(tone() / 2, abs=1e-4)
    louder = _add_gain(tone(), 12.0)
    assert louder.max() == 1.0
    assert louder.min() == -1.0


def test_mu_law_keeps_the_voice_and_coarsens_it() -> None:
    coded = _mu_law(tone())
    error = coded - tone()
    snr_db = 10 * np.log10(np.square(tone()).sum() / np.square(error).sum())
    assert 28 < snr_db < 42  # 8-bit mu-law, about 38 dB
    assert len(np.unique(coded)) <= 255


def test_noise_comes_from_the_recordings_and_loops() -> None:
    ramp = np.arange(100, dtype=np.float32)
    noise = some_noise(np.random.default_rng(0), [ramp], 250)
    assert ((np.diff(noise) == 1) | (np.diff(noise) == -99)).all()
    pink = some_noise(np.random.default_rng(0), [], 16_000)
    assert np.sqrt(np.square(pink).mean()) == pytest.approx(0.1, rel=0.01)


def test_without_effects_the_clip_is_only_moved() -> None:
    window = augmented_window(np.random.default_rng(0), tone(), (0, 20_000), [], NOTHING)
    first = int(np.flatnonzero(np.abs(window) > 0)[0]) - 1  # the tone's first sample is 0
    assert window[first : first + 20_000] == pytest.approx(tone() / tone().max(), abs=1e-5)


@pytest.mark.parametrize(
    "effect", ["room_share", "noise_share", "telephone_share", "opus_share", "mu_law_share"]
)
def test_each_effect_changes_the_window_and_stays_in_range(effect: str) -> None:
    settings = EffectSettings(**{**vars(NOTHING), effect: 1.0})
    plain = augmented_window(np.random.default_rng(1), tone(), (0, 20_000), [], NOTHING)
    changed = augmented_window(np.random.default_rng(1), tone(), (0, 20_000), [], settings)
    assert changed.shape == plain.shape
    assert changed.dtype == np.float32
    assert np.abs(changed).max() <= 1.0
    assert np.abs(changed - plain).max() > 1e-3


def test_views_depend_on_clip_view_and_seed_alone() -> None:
    def drawn(seed: int, view: int, path: str) -> float:
        return float(view_rng(seed, view, path).random())

    assert drawn(0, 1, "a") == drawn(0, 1, "a")
    assert len({drawn(0, 1, "a"), drawn(1, 1, "a"), drawn(0, 2, "a"), drawn(0, 1, "b")}) == 4

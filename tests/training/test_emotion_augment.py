"""Placement, stretch, masks and mixup do what their names say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from models.training.emotion.augment import AugmentSettings, augment_log_mel, centre_window, mixup, place

PLAIN = AugmentSettings(mel_shift_bands=0, gain_db=0.0, frequency_masks=0, time_masks=0)


@pytest.mark.parametrize("n_samples", [1, 47_999, 48_000, 48_001, 80_000])
def test_centre_window_keeps_the_middle(n_samples: int) -> None:
    audio = np.arange(1, n_samples + 1, dtype=np.float32)
    window = centre_window(audio)
    assert window.shape == (48_000,)
    kept = window[window > 0]
    assert kept.size == min(n_samples, 48_000)
    assert (np.diff(kept) == 1).all()
    cut = n_samples - kept.size
    assert kept[0] - 1 in {cut // 2, (cut + 1) // 2}


@pytest.mark.parametrize("n_samples", [20_000, 48_000, 80_000])
@pytest.mark.parametrize("over_edge", [False, True])
def test_placed_clip_keeps_enough_voice(n_samples: int, over_edge: bool) -> None:
    rng = np.random.default_rng(0)
    audio = np.zeros(n_samples, dtype=np.float32)
    audio[2_000:-2_000] = 1.0
    voice = n_samples - 4_000
    for _ in range(50):
        window = place(rng, audio, (2_000, n_samples - 2_000), 48_000, over_edge=over_edge, keep=12_000)
        assert window.shape == (48_000,)
        inside = int(window.sum())
        assert inside >= min(12_000, voice)
        if not over_edge:
            assert inside == min(voice, 48_000)


def test_positions_vary() -> None:
    rng = np.random.default_rng(0)
    clip = np.ones(9_000, dtype=np.float32)
    windows = [place(rng, clip, (0, 9_000), 48_000, over_edge=False, keep=1) for _ in range(20)]
    starts = {int(np.flatnonzero(window)[0]) for window in windows}
    assert len(starts) > 15


def test_stretch_by_one_changes_nothing() -> None:
    log_mel = torch.randn(3, 64, 343)
    same = augment_log_mel(np.random.default_rng(0), log_mel, np.ones(3), 298, PLAIN)
    assert torch.allclose(same, log_mel[:, :, :298], atol=1e-4)


def test_stretch_moves_frames_by_the_rate() -> None:
    ramp = torch.arange(343.0).expand(2, 64, 343).contiguous()
    warped = augment_log_mel(np.random.default_rng(0), ramp, np.array([0.85, 1.15]), 298, PLAIN)
    assert warped[0, 0, 200].item() == pytest.approx(170.0, abs=1e-2)
    assert warped[1, 0, 200].item() == pytest.approx(230.0, abs=1e-2)


def test_masks_hide_whole_bands_and_frames() -> None:
    settings = dataclasses.replace(PLAIN, frequency_masks=2, time_masks=2)
    log_mel = torch.randn(8, 64, 343)
    masked = augment_log_mel(np.random.default_rng(3), log_mel, np.ones(8), 298, settings)
    changed = (masked - log_mel[:, :, :298]).abs() > 1e-3
    assert changed.any()
    whole = changed.float().mean(dim=2).gt(0.9).sum(dim=1)
    assert int(whole.max()) <= 2 * settings.frequency_mask_bands


def test_mixup_keeps_targets_a_distribution() -> None:
    targets = torch.eye(8)[torch.arange(16) % 8]
    inputs = torch.randn(16, 4, 5)
    mixed, soft = mixup(np.random.default_rng(0), inputs, targets, 0.3)
    assert mixed.shape == inputs.shape
    assert torch.allclose(soft.sum(dim=1), torch.ones(16))
    unmixed, hard = mixup(np.random.default_rng(0), inputs, targets, 0.0)
    assert unmixed is inputs
    assert hard is targets

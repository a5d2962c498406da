"""Log-mel frames and their augmentation: what training draws is what the served network would see."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.training.emotion import mels
from models.training.emotion.mel_encoder import (
    FRONT_END,
    N_FRAMES,
    N_MELS,
    EncoderSettings,
    MelFrontEnd,
    level,
    make_log_mel,
)
from models.training.emotion.mels import (
    MelAugment,
    MelFrames,
    Noises,
    augmented_windows,
    front_end_identity,
    mel_frames,
    mixup,
    plain_windows,
)

RATE = 16_000
STILL = MelAugment(
    stretch=0.0,
    mel_shift_bands=0.0,
    equaliser_share=0.0,
    reverb_share=0.0,
    noise_share=0.0,
    telephone_share=0.0,
    floor_db=(60.0, 60.0),
    edge_share=0.0,
    frequency_masks=0,
    time_masks=0,
    mixup_alpha=0.0,
)


def voice(seconds: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 20))
    return (
        0.1 * tone * (1 + 0.5 * np.sin(2 * np.pi * 3 * time)) + 1e-4 * rng.standard_normal(time.size)
    ).astype(np.float32)


@pytest.fixture(scope="module")
def store() -> MelFrames:
    audios = [voice(seconds, seed) for seed, seconds in enumerate((3.0, 1.0, 5.0, 0.02))]
    return mel_frames(audios, [(0, audio.size) for audio in audios])


def test_clips_lie_one_after_the_other_and_hold_one_frame_each_20_ms(store: MelFrames) -> None:
    assert store.start.tolist() == [0, *np.cumsum(store.length)[:-1].tolist()]
    assert len(store.frames) == store.length.sum()
    assert abs(int(store.length[0]) - 150) <= 1
    assert (store.active[:, 1] <= store.length).all()


def test_plain_window_is_what_the_served_front_end_computes(store: MelFrames) -> None:
    audio = voice(3.0)
    served = level(make_log_mel()(torch.from_numpy(audio / np.abs(audio).max())[None]))
    ours = plain_windows(store, [0])
    assert served.shape == ours.shape == (1, N_MELS, N_FRAMES)
    # Kept frames lie 15 ms beside the served ones and in float16: alike, not equal.
    assert torch.nn.functional.l1_loss(ours[..., 5:-5], served[..., 5:-5]) < 0.35


def test_loudness_of_the_recording_does_not_matter() -> None:
    audio = voice(2.0)
    quiet, loud = (plain_windows(mel_frames([audio * gain]), [0]) for gain in (0.03, 3.0))
    assert torch.allclose(quiet, loud, atol=0.05)


def test_silence_is_not_raised_to_full_level() -> None:
    silent = level(make_log_mel()(torch.zeros(1, 48_000)))
    spoken = level(make_log_mel()(torch.from_numpy(voice(3.0))[None]))
    assert torch.isfinite(silent).all()
    assert silent.max() < spoken.max() - 5


def test_without_augmentation_the_clip_is_all_there(store: MelFrames) -> None:
    windows, place = augmented_windows(np.random.default_rng(0), store, [1] * 8, None, STILL)
    loud = (torch.logsumexp(windows, dim=1) > -3).sum(dim=1)
    assert windows.shape == (8, N_MELS, N_FRAMES)
    assert (loud > 40).all()  # a second of voice, wherever it was placed
    assert len({int(row.argmax()) for row in windows.amax(dim=1)}) > 1
    for window, frames in zip(windows, place, strict=True):
        inside = (frames >= 0) & (frames < store.length[1])
        assert (torch.logsumexp(window, dim=0).numpy()[~inside] < -8).all()  # outside the clip is silence
        assert inside.sum() >= 40


def test_augmentation_changes_windows_and_stays_finite(store: MelFrames) -> None:
    rng = np.random.default_rng(1)
    noises = Noises(
        mel_frames([np.random.default_rng(2).standard_normal(RATE * 8).astype(np.float32)]).frames
    )
    everything = MelAugment(
        equaliser_share=1.0, reverb_share=1.0, noise_share=1.0, telephone_share=0.5, edge_share=0.5
    )
    windows, _ = augmented_windows(rng, store, [0, 1, 2, 3] * 4, noises, everything)
    assert torch.isfinite(windows).all()
    assert (windows.amax(dim=(1, 2)) < 1.0).all()
    assert not torch.allclose(windows[0], windows[4])


def test_same_seed_draws_the_same_windows(store: MelFrames) -> None:
    first, second = (
        augmented_windows(np.random.default_rng(5), store, [0, 2], None, MelAugment())[0] for _ in range(2)
    )
    assert torch.equal(first, second)


def test_noise_raises_the_floor(store: MelFrames) -> None:
    noises = Noises(
        mel_frames([np.random.default_rng(2).standard_normal(RATE * 8).astype(np.float32)]).frames
    )
    noisy = MelAugment(**{**vars(STILL), "noise_share": 1.0, "noise_db": (10.0, 10.0)})
    dry, _ = augmented_windows(np.random.default_rng(3), store, [1], noises, STILL)
    wet, _ = augmented_windows(np.random.default_rng(3), store, [1], noises, noisy)
    assert wet.quantile(0.1) > dry.quantile(0.1) + 3


def test_room_leaves_sound_behind_the_voice(store: MelFrames) -> None:
    roomy = MelAugment(**{**vars(STILL), "reverb_share": 1.0, "reverb_s": (0.8, 0.8)})
    dry, _ = augmented_windows(np.random.default_rng(3), store, [1], None, STILL)
    wet, _ = augmented_windows(np.random.default_rng(3), store, [1], None, roomy)
    loud = torch.logsumexp(dry[0], dim=0)
    last = int((loud > -2).nonzero().max())
    if last + 6 < N_FRAMES:
        assert torch.logsumexp(wet[0], dim=0)[last + 5] > loud[last + 5] + 3


def test_mixup_blends_all_parts_by_the_same_share() -> None:
    inputs = torch.arange(4.0)[:, None].repeat(1, 3)
    targets = torch.eye(4)
    mixed, soft = mixup(np.random.default_rng(0), 0.5, inputs, targets)
    assert torch.allclose((soft * torch.arange(4.0)).sum(dim=1), mixed[:, 0])
    assert torch.allclose(soft.sum(dim=1), torch.ones(4))
    same, _ = mixup(np.random.default_rng(0), 0.0, inputs, targets)
    assert same is inputs


def test_front_end_gives_a_frame_each_80_ms_at_any_level() -> None:
    front = MelFrontEnd(EncoderSettings(stem=4, widths=(4, 8), time_strides=(2, 1))).eval()
    waveform = torch.from_numpy(np.stack([voice(3.0), 0.01 * voice(3.0)]))
    with torch.no_grad():
        frames = front(waveform)
    assert frames.shape == (2, 64, 37)  # 8 channels of 8 bands each
    assert torch.allclose(frames[0], frames[1], atol=1e-2)


@pytest.mark.parametrize("name", sorted(FRONT_END))
def test_identity_of_the_front_end_changes_with_each_of_its_constants(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = front_end_identity()
    assert before == front_end_identity()
    assert len(before) == 12
    monkeypatch.setitem(FRONT_END, name, FRONT_END[name] * 2)
    assert front_end_identity() != before


def test_identity_of_the_front_end_knows_how_clips_are_laid(monkeypatch: pytest.MonkeyPatch) -> None:
    before = front_end_identity()
    monkeypatch.setattr(mels, "_LEAD_SAMPLES", 0)
    assert front_end_identity() != before

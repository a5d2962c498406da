"""YAMNet in torch against its definition, and students that learn its layers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.errors import DataError, WeightsError
from tests.training.invented_yamnet import invented_layers
from tests.training.running import broken_off
from training.yamnet.distil import DistilSettings, distil_layers
from training.yamnet.network import PEAK, YamnetLogMel, window_samples, yamnet_mel_matrix
from training.yamnet.recordings import PieceSettings, random_windows

RATE = 16_000
TINY = DistilSettings(n_layers=3, steps=8, still_steps=4, steps_per_epoch=4, batch=2, n_frames=32, threads=1)


def tone(hz: float, seconds: float = 1.0) -> NDArray[np.float32]:
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE).astype(np.float32)


@pytest.fixture(scope="module")
def recordings() -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    return [tone(hz) * rng.standard_normal(RATE).astype(np.float32) for hz in range(200, 2200, 100)]


def test_mel_filters_are_triangles_between_their_edges() -> None:
    mel = yamnet_mel_matrix()
    assert mel.shape == (257, 64)
    assert not mel[0].any()
    hz = np.arange(257) * RATE / 512
    assert not mel[(hz <= 125) | (hz >= 7500)].any()
    inside = mel[(hz > 400) & (hz < 7000)]
    np.testing.assert_allclose(inside.sum(axis=1), 1.0, atol=1e-6)  # neighbours share each bin


@pytest.mark.parametrize("hz", [440.0, 1000.0, 4000.0])
def test_a_tone_is_loudest_in_its_band(hz: float) -> None:
    with torch.no_grad():
        frames = YamnetLogMel()(torch.from_numpy(tone(hz))[None])[0]
    band = int(frames.mean(dim=0).argmax())
    assert abs(band - int(yamnet_mel_matrix()[round(hz * 512 / RATE)].argmax())) <= 1


def test_log_mels_are_those_of_the_definition() -> None:
    sound = np.random.default_rng(1).standard_normal(window_samples(7)).astype(np.float32) * 0.1
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    cuts = np.stack([sound[160 * t : 160 * t + 400] for t in range(7)]) * hann
    expected = np.log(np.abs(np.fft.rfft(cuts, 512)) @ yamnet_mel_matrix() + 1e-3)
    with torch.no_grad():
        got = YamnetLogMel()(torch.from_numpy(sound)[None])[0].numpy()
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_silence_is_the_offset() -> None:
    with torch.no_grad():
        frames = YamnetLogMel()(torch.zeros(1, window_samples(3)))
    np.testing.assert_allclose(frames.numpy(), np.log(1e-3), atol=0.03)


def test_borders_are_padded_after_even_lengths() -> None:
    """TensorFlow's SAME: with stride 2 all of an even length's padding lies behind it."""
    layers = invented_layers(1)
    frames = torch.randn(1, 8, 6, generator=torch.Generator().manual_seed(0))
    padded = np.pad(frames[0].numpy(), ((0, 1), (0, 1)))
    weight, bias = layers.conv1.weight[3, 0].numpy(), float(layers.conv1.bias[3])  # type: ignore[index]
    expected = [
        [
            max(0.0, float((padded[2 * t : 2 * t + 3, 2 * b : 2 * b + 3] * weight).sum()) + bias)
            for b in range(3)
        ]
        for t in range(4)
    ]
    np.testing.assert_allclose(layers(frames)[0, 3].numpy(), expected, atol=1e-5)


def test_fourteen_layers_end_in_what_is_embedded() -> None:
    with torch.no_grad():
        assert invented_layers(14)(torch.zeros(2, 96, 64)).shape == (2, 1024, 3, 2)


def test_windows_are_drawn_alike_from_the_same_seed(recordings: list[NDArray[np.float32]]) -> None:
    first, second = (random_windows(np.random.default_rng(3), recordings, 5, 8000, peak=0.5) for _ in "ab")
    assert first.shape == (5, 8000)
    assert first.dtype == np.float32
    assert np.array_equal(first, second)
    assert 0.4 < np.abs(first).max() <= 0.5001


def test_speed_moves_pitch_within_its_range() -> None:
    knobs = PieceSettings(fastest=2.0, mixed_share=0.0, quiet_share=0.0)
    windows = random_windows(np.random.default_rng(0), [tone(1000, 4.0)], 30, RATE, peak=0.5, settings=knobs)
    peaks = np.abs(np.fft.rfft(windows * np.hanning(RATE), axis=1)).argmax(axis=1)
    assert peaks.min() >= 499
    assert peaks.max() <= 2001
    assert peaks.max() > 1.5 * peaks.min()


def test_recordings_of_any_length_fill_windows_with_finite_sound() -> None:
    odd = [np.zeros(0, np.float32), np.ones(1, np.float32), np.zeros(9, np.float32), tone(300, 0.01)]
    windows = random_windows(np.random.default_rng(0), odd, 40, 4000, peak=0.5)
    assert np.isfinite(windows).all()


def test_students_come_nearer_to_their_teacher(recordings: list[NDArray[np.float32]], tmp_path: Path) -> None:
    teacher = invented_layers(2)
    unheard = random_windows(np.random.default_rng(9), recordings, 8, window_samples(32), peak=PEAK)
    log_mel = YamnetLogMel()(torch.from_numpy(unheard))
    missed = []
    for steps in (2, 250):
        settings = replace(
            TINY,
            n_layers=2,
            steps=steps,
            still_steps=steps // 2,
            steps_per_epoch=100,
            batch=4,
            peak_rate=1e-2,
            still_rate=5e-3,
        )
        student = distil_layers(teacher, recordings, tmp_path / str(steps), settings, identity="x")
        said, shown = student(log_mel), teacher(log_mel)
        assert said.shape == shown.shape
        missed.append(float((said - shown).square().mean() / shown.var()))
    assert missed[1] < min(0.8, 0.5 * missed[0])
    assert not any(value.requires_grad for value in student.parameters())


def test_interrupted_student_goes_on_to_the_same_weights(
    recordings: list[NDArray[np.float32]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = invented_layers(3)
    whole = distil_layers(teacher, recordings, tmp_path / "whole", TINY, identity="x").state_dict()
    with broken_off(monkeypatch):
        distil_layers(teacher, recordings, tmp_path / "again", TINY, identity="x")
    resumed = distil_layers(teacher, recordings, tmp_path / "again", TINY, identity="x").state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    with pytest.raises(WeightsError, match="other settings or data"):
        distil_layers(teacher, recordings, tmp_path / "again", TINY, identity="y")


def test_too_few_recordings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 recordings are too few"):
        distil_layers(invented_layers(3), [tone(440)], tmp_path, TINY, identity="x")

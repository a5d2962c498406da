"""YAMNet's middle as a teacher: where its frames lie in time, and what it does with bad files."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import WeightsError
from models.training.emotion.teacher import TARGET_SIZE, TeacherFrames, read_teacher, teacher_frames

RATE = 16_000
CHANNELS = (32, 64, 128, 128, 256, 256, 512)


def invented_weights() -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(0)

    def noise(*shape: int) -> NDArray[np.float32]:
        return (rng.standard_normal(shape) * np.sqrt(2.0 / np.prod(shape[1:]))).astype(np.float32)

    weights = {"conv1.weight": noise(32, 1, 3, 3), "conv1.bias": np.zeros(32, np.float32)}
    for layer, (before, after) in enumerate(pairwise(CHANNELS), start=2):
        shapes = {f"dw{layer}": (before, 1, 3, 3), f"pw{layer}": (after, before, 1, 1)}
        for name, shape in shapes.items():
            weights |= {f"{name}.weight": noise(*shape), f"{name}.bias": np.zeros(shape[0], np.float32)}
    weights["mel_matrix"] = np.abs(noise(257, 64))
    weights["hann_window"] = np.hanning(401)[:-1].astype(np.float32)
    return weights


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("teacher") / "yamnet.npz"
    np.savez(path, **invented_weights(), extra=np.zeros(3))
    return path


@pytest.fixture(scope="module")
def frames(file: Path) -> TeacherFrames:
    burst = np.zeros(3 * RATE, dtype=np.float32)
    burst[RATE : RATE + 800] = np.random.default_rng(1).standard_normal(800) * 0.1  # 50 ms from 1.0 s
    return teacher_frames([burst, 0.01 * burst, burst[: RATE // 10]], read_teacher(file))


def test_sound_is_found_where_it_is(frames: TeacherFrames) -> None:
    seconds = np.linspace(0.0, 3.0, 301)[None]
    seen = frames.at([0], seconds)[0]
    away = np.abs(seen - seen[0]).sum(axis=1)
    middle = (seconds[0] * away).sum() / away.sum()
    assert seen.shape == (301, TARGET_SIZE)
    assert middle == pytest.approx(1.025, abs=0.06)


def test_level_does_not_matter(frames: TeacherFrames) -> None:
    moments = np.array([[0.9, 1.0, 1.1]])
    np.testing.assert_allclose(frames.at([0], moments), frames.at([1], moments), rtol=0.02, atol=0.02)


def test_outside_a_clip_is_silence(frames: TeacherFrames) -> None:
    before, after = frames.at([0, 2], np.array([[-9.0], [9.0]]))
    np.testing.assert_allclose(before, after, atol=1e-2)


def test_scale_standardises_each_channel(frames: TeacherFrames) -> None:
    mean, spread = frames.scale([0, 2])
    ends = frames.start + frames.length
    both = np.concatenate([frames.frames[frames.start[clip] : ends[clip]] for clip in (0, 2)])
    np.testing.assert_allclose(mean, both.astype(np.float64).mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(spread, both.astype(np.float64).std(axis=0) + 1e-2, atol=1e-3)


def test_wrong_files_are_named(tmp_path: Path) -> None:
    lacking, text = tmp_path / "lacking.npz", tmp_path / "text.npz"
    np.savez(lacking, conv1=np.zeros(3))
    text.write_text("no archive")
    with pytest.raises(WeightsError, match="is not YAMNet"):
        read_teacher(lacking)
    for path in (text, tmp_path / "absent.npz"):
        with pytest.raises(WeightsError, match=f"{path} cannot be read"):
            read_teacher(path)

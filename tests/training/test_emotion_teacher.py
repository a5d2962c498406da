"""YAMNet's middle as a teacher: where its frames lie in time, and how they are scaled."""

from __future__ import annotations

import numpy as np
import pytest
from invented_yamnet import invented_layers

from models.training.emotion.teacher import TARGET_SIZE, TeacherFrames, teacher_frames

RATE = 16_000


@pytest.fixture(scope="module")
def frames() -> TeacherFrames:
    burst = np.zeros(3 * RATE, dtype=np.float32)
    burst[RATE : RATE + 800] = np.random.default_rng(1).standard_normal(800) * 0.1  # 50 ms from 1.0 s
    return teacher_frames([burst, 0.01 * burst, burst[: RATE // 10]], invented_layers())


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

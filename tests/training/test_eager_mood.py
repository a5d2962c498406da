"""What the benchmark times in eager torch computes what YAMNet is defined to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import torch

from training.speed.counterparts import _eager_log_mel, eager_mood, read_at_16_khz
from training.yamnet.network import YamnetLogMel


def test_log_mels_are_those_of_the_served_network() -> None:
    sound = torch.from_numpy(np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.1)
    served = YamnetLogMel()(sound[None])[0]
    np.testing.assert_allclose(_eager_log_mel(sound)[: len(served)].numpy(), served.numpy(), atol=1e-4)


def test_a_file_becomes_tags_of_each_patch_and_of_the_whole(tmp_path: Path) -> None:
    sound = 0.1 * np.random.default_rng(0).standard_normal((44_100 * 4, 2))
    soundfile.write(tmp_path / "song.mp3", sound, 44_100)
    audio = read_at_16_khz(tmp_path / "song.mp3")
    assert len(audio) == 64_000
    rows = eager_mood(threads=1)(audio)
    assert rows.shape == (5 + 1, 59)
    assert ((rows > 0.0) & (rows < 1.0)).all()

"""Two minutes through files, engine and journal: nothing lost, every replay the same, memory flat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.replay import run
from tests.realtime.sources import voice


@pytest.mark.long
@pytest.mark.timeout(300)
def test_two_minutes_replay_equally_for_any_block_size_and_again(tmp_path: Path) -> None:
    pause = np.zeros((5 * 44_100, 1), dtype=np.float32)
    minute = np.concatenate([np.concatenate([voice(10.0, rate_hz=44_100, seed=s), pause]) for s in range(4)])
    path = tmp_path / "minute.flac"
    soundfile.write(path, minute, 44_100)
    figures = run([path], minutes=2.0)
    assert figures["journals_equal"]
    for one in figures["runs"]:
        assert one["state"] == "finished"
        assert one["samples_heard"] == figures["samples"] == 2 * 60 * 16_000
        assert one["windows"] == one["journal_rows"] == 235
        assert one["dropped_windows"] == one["lost_frames"] == 0
    grown_mb = figures["runs"][-1]["memory_end_mb"] - figures["runs"][0]["memory_end_mb"]
    assert grown_mb < 30.0

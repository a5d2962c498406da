"""Cached features: what the encoder says, once, whole, and going on after an interruption."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import DataError
from models.emotion.hybrid import EmotionHybrid, HybridSettings
from tests.training.invented_clips import InventedClip, InventedSource, invented_clips
from tests.training.test_hybrid import tiny_config
from training.data.window import voice_window
from training.emotion.effects import EffectSettings
from training.emotion.encoders import random_hybrid
from training.emotion.features import Features, cache_features

SETTINGS = HybridSettings(n_layers=1, frame_pool=4)
CLIPS = invented_clips([200.0 + 40 * index for index in range(7)])


@pytest.fixture(scope="module")
def hybrid() -> EmotionHybrid:
    return random_hybrid(tiny_config(), SETTINGS)


@dataclass
class CountingSource(InventedSource):
    """Counts what is asked for, and stops as a person would with Ctrl-C."""

    asked: int = 0
    stop_after: int | None = None

    def audio(self, clip: InventedClip) -> np.ndarray:
        if self.asked == self.stop_after:
            raise KeyboardInterrupt
        self.asked += 1
        return super().audio(clip)


def cached(hybrid: EmotionHybrid, folder: Path, **changes: object) -> Features:
    options = {"source": InventedSource(), "clips": CLIPS, "views": 2, "batch": 3, **changes}
    source, clips = options.pop("source"), options.pop("clips")
    return cache_features(hybrid, source, clips, folder, **options)  # type: ignore[arg-type]


def test_cached_features_are_what_the_hybrid_says(hybrid: EmotionHybrid, tmp_path: Path) -> None:
    features = cached(hybrid, tmp_path)
    assert (features.n_views, features.n_states, features.hidden_size) == (2, 2, 16)
    assert features.states[0].dtype == features.statistics[0].dtype == np.float16
    audio = InventedSource().audio(CLIPS[4])
    window = torch.from_numpy(voice_window(audio, (0, 20_000)))[None]
    with torch.no_grad():
        frozen, wanted = hybrid.frozen_features(window), hybrid(window)
        again = hybrid.head(features.gather(np.array([4]), np.array([0])))
    assert np.array(features.statistics[0][4]) == pytest.approx(frozen.statistics[0].numpy(), abs=5e-3)
    assert np.array(features.states[0][4]) == pytest.approx(frozen.states[0].numpy(), abs=5e-3)
    assert np.array(features.log_mel[0][4]) == pytest.approx(frozen.log_mel[0].numpy(), abs=1e-2)
    for kept, said in zip(again, wanted, strict=True):
        assert kept.numpy() == pytest.approx(said.numpy(), abs=1e-2)


def test_clips_are_gathered_each_in_its_own_view(hybrid: EmotionHybrid, tmp_path: Path) -> None:
    features = cached(hybrid, tmp_path)
    rows, views = np.array([5, 0, 5, 2]), np.array([1, 0, 0, 1])
    gathered = features.gather(rows, views)
    for kept, part in zip((features.statistics, features.states, features.log_mel), gathered, strict=True):
        assert part.dtype == torch.float32
        for place, (row, view) in enumerate(zip(rows, views, strict=True)):
            assert np.array_equal(part[place].numpy(), kept[view][row].astype(np.float32))


def test_views_differ_and_repeat(hybrid: EmotionHybrid, tmp_path: Path) -> None:
    one, two = cached(hybrid, tmp_path / "a"), cached(hybrid, tmp_path / "b", batch=5)
    assert one.identity == two.identity
    for view in range(2):
        assert np.array_equal(one.log_mel[view], two.log_mel[view])
    assert not np.array_equal(one.log_mel[0], one.log_mel[1])


def test_nothing_is_computed_twice(hybrid: EmotionHybrid, tmp_path: Path) -> None:
    source = CountingSource()
    cached(hybrid, tmp_path, source=source)
    assert source.asked == 14
    cached(hybrid, tmp_path, source=source)
    assert source.asked == 14
    cached(hybrid, tmp_path, source=source, views=3)
    assert source.asked == 21


def test_other_encoders_effects_and_clips_are_kept_apart(hybrid: EmotionHybrid, tmp_path: Path) -> None:
    seen = {cached(hybrid, tmp_path).identity}
    seen.add(cached(hybrid, tmp_path, clips=CLIPS[:5]).identity)
    seen.add(cached(hybrid, tmp_path, effects=EffectSettings(noise_share=1.0)).identity)
    seen.add(cached(hybrid, tmp_path, seed=1).identity)
    seen.add(cached(random_hybrid(tiny_config(), SETTINGS, seed=1), tmp_path).identity)
    assert len(seen) == 5


def test_interrupted_caching_goes_on_and_gives_the_same(hybrid: EmotionHybrid, tmp_path: Path) -> None:
    whole = cached(hybrid, tmp_path / "whole")
    source = CountingSource(stop_after=11)
    with pytest.raises(KeyboardInterrupt):
        cached(hybrid, tmp_path / "torn", source=source)
    source.stop_after, source.asked = None, 0
    again = cached(hybrid, tmp_path / "torn", source=source)
    assert source.asked == 4  # view 0 was whole; of view 1 the first three rows were
    for view in range(2):
        assert np.array_equal(again.statistics[view], whole.statistics[view])
        assert np.array_equal(again.states[view], whole.states[view])
        assert np.array_equal(again.log_mel[view], whole.log_mel[view])


@contextmanager
def largest_file(n_bytes: int) -> Iterator[None]:
    """No file may grow beyond this, as on a disk that is full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_is_said_and_loses_nothing(hybrid: EmotionHybrid, tmp_path: Path) -> None:
    room = 5 * 64 * 92 * 2  # bytes of five log-mels: the second three rows do not fit
    with largest_file(room), pytest.raises(DataError, match=r"is full: 3 of 7 windows .* are kept"):
        cached(hybrid, tmp_path, views=1)
    assert not list(tmp_path.rglob("view-0"))
    source = CountingSource()
    features = cached(hybrid, tmp_path, views=1, source=source)
    assert source.asked == 4
    assert np.array_equal(features.states[0], cached(hybrid, tmp_path / "other", views=1).states[0])


@pytest.mark.parametrize("name", ["statistics", "states", "log_mel"])
def test_damaged_features_are_named(hybrid: EmotionHybrid, tmp_path: Path, name: str) -> None:
    cached(hybrid, tmp_path, views=1)
    (file,) = tmp_path.rglob(f"{name}.npy")
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(DataError, match="damaged: delete"):
        cached(hybrid, tmp_path, views=1)


def test_answers_that_are_not_finite_name_the_clip(hybrid: EmotionHybrid, tmp_path: Path) -> None:
    class Broken(InventedSource):
        def audio(self, clip: InventedClip) -> np.ndarray:
            return super().audio(clip) * (np.float32(np.nan) if clip.path == "clip-2" else 1)

    with pytest.raises(DataError, match="answer to clip-2 is not finite"):
        cached(hybrid, tmp_path, source=Broken(), views=1)


def test_no_clips_are_refused(hybrid: EmotionHybrid, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 clips in 2 views"):
        cached(hybrid, tmp_path, clips=[])


def test_without_an_encoder_only_log_mels_are_kept(tmp_path: Path) -> None:
    settings = HybridSettings(use_pooled=False, use_encoder=False)
    features = cached(EmotionHybrid(None, settings), tmp_path)
    assert (features.statistics, features.states) == ((), ())
    assert (features.n_views, features.n_states, features.hidden_size) == (2, 0, 0)
    gathered = features.gather(np.array([1]), np.array([0]))
    assert (gathered.statistics, gathered.states) == (None, None)


@pytest.mark.parametrize(("pooled", "encoder"), [(True, False), (False, True)])
def test_only_what_a_branch_looks_at_is_kept(tmp_path: Path, pooled: bool, encoder: bool) -> None:
    settings = HybridSettings(n_layers=1, use_pooled=pooled, use_encoder=encoder)
    features = cached(random_hybrid(tiny_config(), settings), tmp_path, views=1)
    assert (bool(features.statistics), bool(features.states)) == (pooled, encoder)
    kept = [file.name for file in tmp_path.rglob("stat*.npy")]
    assert kept == ["statistics.npy" if pooled else "states.npy"]
    both = cached(random_hybrid(tiny_config(), SETTINGS), tmp_path, views=1)
    assert both.identity != features.identity

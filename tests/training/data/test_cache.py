"""The decoded cache of a plain manifest: the right samples, whole or not at all."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from tests.training.data.small_corpora import manifest_of, tone, write_tone
from training.data import cache as cache_module
from training.data.cache import follows, load_cache, prepare
from training.data.manifest import ManifestRow, read_manifest
from training.data.splits import Split


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    rows = []
    for index, (speaker, split) in enumerate((("a", "train"), ("b", "validation"), ("c", "test"))):
        for emotion in ("sad", "happy", "other:boredom"):
            path = f"wav/{speaker}_{emotion.replace(':', '_')}.wav"
            write_tone(tmp_path / path, 300 + 150 * index + 10 * len(emotion))
            rows.append(ManifestRow(path, "own", speaker, emotion, language="en", licence="CC0", split=split))
    return manifest_of(tmp_path, rows)


def test_manifest_with_files_becomes_a_cache(manifest: Path, tmp_path: Path) -> None:
    prepare(manifest, tmp_path / "cache")
    cache = load_cache(tmp_path / "cache")
    assert [clip.path for clip in cache.clips] == [row.path for row in read_manifest(manifest)]
    assert {clip.speaker: clip.split for clip in cache.clips if clip.emotion == "sad"} == {
        "a": Split.TRAIN,
        "b": Split.VALIDATION,
        "c": Split.TEST,
    }
    first = cache.clips[0]
    np.testing.assert_allclose(cache.audio(first), tone(330), atol=2 / 32768)
    assert (first.n_samples, first.active_start, first.active_stop) == (8_000, 0, 8_000)


def test_other_labels_are_kept_but_left_out(manifest: Path, tmp_path: Path) -> None:
    cache = prepare(manifest, tmp_path / "cache")
    assert {clip.emotion for clip in cache.of(Split.LEFT_OUT)} == {"other:boredom"}
    everything = prepare(manifest, tmp_path / "all", assign=lambda row: Split(row.split))
    assert "other:boredom" in {clip.emotion for clip in everything.of(Split.TRAIN)}


def test_twin_with_another_label_takes_its_first_copy_out_too(manifest: Path, tmp_path: Path) -> None:
    rows = list(read_manifest(manifest))
    shutil.copy(tmp_path / rows[0].path, tmp_path / "wav" / "twin.wav")
    manifest_of(tmp_path, [*rows, replace(rows[0], path="wav/twin.wav", emotion="angry")])
    cache = prepare(manifest, tmp_path / "cache")
    assert {problem.path for problem in cache.problems} == {rows[0].path, "wav/twin.wav"}
    assert not {rows[0].path, "wav/twin.wav"} & {clip.path for clip in cache.clips}
    np.testing.assert_allclose(cache.audio(cache.clips[0]), tone(350), atol=2 / 32768)


def test_manifest_without_splits_asks_for_them(manifest: Path, tmp_path: Path) -> None:
    rows = [replace(row, split="") for row in read_manifest(manifest)]
    with pytest.raises(DataError, match="has no split in its manifest"):
        prepare(manifest_of(tmp_path, rows), tmp_path / "cache")


def test_people_on_two_sides_are_refused_unless_the_protocol_is_so(manifest: Path, tmp_path: Path) -> None:
    rows = [
        replace(row, split="test" if row.emotion == "sad" else "train") for row in read_manifest(manifest)
    ]
    manifest_of(tmp_path, rows)
    with pytest.raises(DataError, match="Speaker a of own stands in test and in train"):
        prepare(manifest, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_nothing_usable_is_one_sentence(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, [ManifestRow("gone.wav", "own", "a", "sad", split="train")])
    with pytest.raises(DataError, match=r"No clip of .* is usable, beginning with gone\.wav: missing"):
        prepare(manifest, tmp_path / "cache")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["manifest.csv"]


def test_cache_follows_its_rules_until_one_clip_is_for_something_else(manifest: Path, tmp_path: Path) -> None:
    cache, rows = prepare(manifest, tmp_path / "cache"), read_manifest(manifest)
    assert follows(cache, rows)
    assert not follows(cache, [replace(rows[0], split="test"), *rows[1:]])
    assert not follows(cache, rows, assign=lambda _: Split.TEST)
    assert not follows(cache, rows[1:])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_full_disk_leaves_the_old_cache_and_nothing_else(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "caches" / "speech"
    old = prepare(manifest, place)
    with monkeypatch.context() as patch:
        patch.setattr(cache_module, "_WAVEFORMS", "/dev/full")
        with pytest.raises(DataError, match=r"caches.speech cannot be written because the disk is full"):
            prepare(manifest, place)
    assert [file.name for file in place.parent.iterdir()] == ["speech"]
    assert load_cache(place).clips == old.clips


def test_interrupted_preparation_leaves_nothing(manifest: Path, tmp_path: Path) -> None:
    def stop(done: int, _: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(manifest, tmp_path / "caches" / "speech", progress=stop)
    assert list((tmp_path / "caches").iterdir()) == []

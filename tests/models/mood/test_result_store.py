"""Results on disk: found again whole, under any name; damage, full disks and foreign files are survived."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.mood_tags import TAGS
from models.mood.result import MoodResult
from models.mood.result_store import ResultStore, TrackAnalysis, digest
from tests.attune.dashboard.invented_tracks import a_profile

KEY = digest(b"content", "models")


def analysis(name: str = "song.mp3", *, rows: int = 7, notices: tuple[str, ...] = ()) -> TrackAnalysis:
    rng = np.random.default_rng(rows)

    def some(*shape: int) -> np.ndarray:
        return rng.random(shape, dtype=np.float32)

    result = MoodResult(
        name=name,
        duration_s=6.5,
        hop_s=0.96,
        timeline=some(rows, len(TAGS)),
        theme=some(len(TAGS)),
        moods=some(rows, 8),
        theme_moods=some(8),
        class_scores=some(rows, 4),
        classes=some(521),
        thresholds=some(len(TAGS)),
        music_share=0.75,
        music_shares=np.where(np.arange(rows) == 1, np.nan, some(rows)).astype(np.float32),
        silent=False,
        notices=notices,
    )
    profile = a_profile(result, places=some(rows, 2))
    return TrackAnalysis(profile, rng.integers(0, 255, 100).astype(np.uint8))


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path / "cache" / "moods")


def test_a_result_is_found_again_whole(store: ResultStore) -> None:
    kept = analysis()
    assert store.load(KEY, name="song.mp3") is None
    assert store.save(KEY, kept)
    found = store.load(KEY, name="song.mp3")
    assert found is not None
    assert found.from_cache
    parts = ("timeline", "theme", "moods", "theme_moods", "class_scores", "classes", "thresholds")
    for part in (*parts, "music_shares"):
        np.testing.assert_array_equal(getattr(found.result, part), getattr(kept.result, part))
    np.testing.assert_array_equal(found.outline, kept.outline)
    assert (found.result.duration_s, found.result.hop_s, found.result.silent) == (6.5, 0.96, False)
    assert found.result.music_share == 0.75


def test_names_are_not_kept_and_sentences_speak_of_the_name_of_now(store: ResultStore) -> None:
    store.save(
        KEY, analysis("secret.mp3", notices=("secret.mp3 is truncated: get a fresh copy.", "No name."))
    )
    (file,) = store.folder.iterdir()
    with np.load(file) as archive:
        assert b"secret" not in archive["meta"].tobytes()
    found = store.load(KEY, name="other.mp3")
    assert found is not None
    assert found.result.name == "other.mp3"
    assert found.result.notices == ("other.mp3 is truncated: get a fresh copy.", "No name.")


def test_another_content_or_model_is_another_result(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(b"content")
    assert digest(file, "models") == KEY
    assert (
        len({KEY, digest(b"content", "other"), digest(b"content!", "models"), digest(b"contentmodels")}) == 4
    )


@pytest.mark.parametrize(
    "damage", ["cut", "flipped", "empty", "text", "another form", "wrong shape", "objects"]
)
def test_a_damaged_result_is_removed_and_made_again(store: ResultStore, damage: str) -> None:
    kept = analysis()
    store.save(KEY, kept)
    (file,) = store.folder.iterdir()
    content = file.read_bytes()
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        file.write_bytes(content[:900] + bytes(byte ^ 0xFF for byte in content[900:1000]) + content[1000:])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "text":
        file.write_text("no archive")
    elif damage == "another form":
        np.savez(file, meta=np.frombuffer(b'{"form": 99}', dtype=np.uint8))
    elif damage == "wrong shape":
        mood = replace(kept.result, theme=kept.result.theme[:5])
        store.save(KEY, replace(kept, profile=replace(kept.profile, mood=mood)))
    else:
        np.savez(file, meta=np.array([{"form": 1}], dtype=object))
    assert store.load(KEY, name="a") is None
    assert not file.exists()
    assert store.save(KEY, kept)
    assert store.load(KEY, name="a") is not None


def test_what_was_used_longest_ago_goes_first(store: ResultStore) -> None:
    keys = [digest(f"{number}") for number in range(4)]
    for age, key in enumerate(keys[:3]):
        store.save(key, analysis())
        os.utime(store.folder / f"{key}.npz", (1_000_000 + age, 1_000_000 + age))
    size = (store.folder / f"{keys[0]}.npz").stat().st_size
    assert store.load(keys[0], name="a") is not None  # used now, so the second is the oldest
    store.max_bytes = 3 * size + size // 2
    store.save(keys[3], analysis())
    assert [store.load(key, name="a") is not None for key in keys] == [True, False, True, True]


def test_clearing_removes_all(store: ResultStore) -> None:
    store.save(KEY, analysis())
    store.save(digest("other"), analysis())
    assert store.clear() == 2
    assert store.load(KEY, name="a") is None
    assert store.clear() == 0


def test_a_full_disk_is_survived_and_leaves_nothing_behind(store: ResultStore) -> None:
    resource = pytest.importorskip("resource")
    store.folder.mkdir(parents=True)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, before[1]))
    try:
        kept = store.save(KEY, analysis())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not kept
    assert list(store.folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_survived(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = ResultStore(tmp_path / "file" / "moods")
    assert not store.save(KEY, analysis())
    assert store.load(KEY, name="a") is None
    assert store.clear() == 0


def test_only_the_owner_may_look(store: ResultStore) -> None:
    store.save(KEY, analysis())
    if os.name == "posix":
        assert store.folder.stat().st_mode & 0o077 == 0


def test_threads_do_not_get_in_each_others_way(store: ResultStore) -> None:
    def work(number: int) -> None:
        for _ in range(5):
            assert store.save(KEY, analysis(rows=number))
            found = store.load(KEY, name="a")
            assert found is not None
            assert len(found.result.timeline) in {1, 2, 3}

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [path.suffix for path in store.folder.iterdir()] == [".npz"]


def test_a_profile_is_found_again_whole(store: ResultStore) -> None:
    kept = analysis()
    store.save(KEY, kept)
    found = store.load(KEY, name="song.mp3")
    assert found is not None
    one, other = found.profile, kept.profile
    for part in ("loudness_lufs", "key", "valence", "arousal", "processing_s", "notices"):
        assert getattr(one, part) == getattr(other, part)
    for part in ("places", "embedding"):
        np.testing.assert_array_equal(getattr(one, part), getattr(other, part))
    assert one.rhythm is not None
    assert other.rhythm is not None
    np.testing.assert_array_equal(one.rhythm.beats_s, other.rhythm.beats_s)
    assert (one.rhythm.tempo_bpm, one.rhythm.alternatives_bpm) == (120.4, (60.2, 240.8))
    for part in ("genres", "instruments", "emotions"):
        assert getattr(one, part).labels == getattr(other, part).labels
        np.testing.assert_array_equal(getattr(one, part).probabilities, getattr(other, part).probabilities)
        assert getattr(one, part).present(3) == getattr(other, part).present(3)


def test_what_is_not_known_stays_so(store: ResultStore) -> None:
    kept = analysis()
    unknown = replace(
        kept.profile, rhythm=None, key=None, genres=None, valence=None, arousal=None, loudness_lufs=None
    )
    store.save(KEY, replace(kept, profile=unknown))
    found = store.load(KEY, name="song.mp3")
    assert found is not None
    parts = ("rhythm", "key", "genres", "valence", "arousal", "loudness_lufs")
    assert {getattr(found.profile, part) for part in parts} == {None}


@pytest.mark.parametrize("part", ["places", "embedding"])
def test_a_profile_of_another_shape_is_made_again(store: ResultStore, part: str) -> None:
    kept = analysis()
    short = getattr(kept.profile, part)[:3]
    store.save(KEY, replace(kept, profile=replace(kept.profile, **{part: short})))
    assert store.load(KEY, name="a") is None

"""The corpora on their way into training: bad clips named, people on one side only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from tests.training.invented_corpus import corpus_row, encoded_tone, write_corpus
from training.data.cache import Clip, SpeechCache, load_cache, open_clips
from training.data.cache import prepare as prepare_any
from training.data.splits import (
    CALIBRATION_SPEAKERS,
    CREMA_D_TEST_SPEAKERS,
    Split,
    _ravdess_test_speakers,
    assign_split,
    check_disjoint,
    release_splits,
)

FOLD_1 = frozenset({"Actor_01", "Actor_11", "Actor_20", "Actor_21"})


def prepare(data: Path, cache: Path) -> SpeechCache:
    return prepare_any(data, cache, assign=release_splits(data / "emobox_folds.csv"))


def test_prepared_clips_have_their_own_samples(cache_path: Path) -> None:
    cache = load_cache(cache_path)
    assert cache.problems == ()
    assert {clip.n_samples for clip in cache.clips} == {16_000}
    for clip, pitch_hz in ((cache.clips[0], 220.0), (cache.clips[5], 320.0)):
        spectrum = np.abs(np.fft.rfft(cache.audio(clip)))
        assert spectrum.argmax() == pytest.approx(pitch_hz, abs=1.0)  # bins of 1 Hz


def test_splits_follow_the_people(cache_path: Path) -> None:
    found = {(clip.corpus, clip.speaker): clip.split for clip in load_cache(cache_path).clips}
    assert found == {
        ("ravdess_speech", "Actor_01"): Split.TEST,
        ("ravdess_speech", "Actor_02"): Split.TRAIN,
        ("ravdess_speech", "Actor_23"): Split.CALIBRATION,
        ("ravdess_song", "Actor_01"): Split.LEFT_OUT,
        ("ravdess_song", "Actor_02"): Split.TRAIN,
        ("crema_d", "1001"): Split.TRAIN,
        ("crema_d", "1003"): Split.CALIBRATION,
        ("crema_d", "1005"): Split.TEST,
        ("emotiontts_ko", "k1"): Split.UNSEEN_LANGUAGE,
        ("deeply_nonverbal", "d1"): Split.NO_EMOTION,
    }


def test_kept_clips_are_prepared_again_when_the_rules_have_changed(
    speech_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.paths.cache_dir", lambda: tmp_path)
    seen: list[int] = []

    def opened() -> SpeechCache:
        return open_clips(speech_dir, on_progress=lambda done, _total: seen.append(done))

    first, decoded = opened(), len(seen)
    assert (opened().fingerprint, len(seen)) == (first.fingerprint, decoded)
    monkeypatch.setattr(
        "training.data.splits.CALIBRATION_SPEAKERS", {**CALIBRATION_SPEAKERS, "crema_d": {"1001"}}
    )
    changed = opened()
    assert len(seen) == 2 * decoded
    assert {clip.speaker for clip in changed.of(Split.CALIBRATION) if clip.corpus == "crema_d"} == {"1001"}
    # The sound is the same, so that what was made of it is found again.
    assert changed.fingerprint == first.fingerprint
    assert np.array_equal(changed.waveforms, first.waveforms)
    assert (opened().clips, len(seen)) == (changed.clips, 2 * decoded)


def test_fixed_speakers_are_as_published() -> None:
    assert len(CREMA_D_TEST_SPEAKERS) == 18
    assert len(CALIBRATION_SPEAKERS["crema_d"]) == 9
    assert not CREMA_D_TEST_SPEAKERS & CALIBRATION_SPEAKERS["crema_d"]
    assert not FOLD_1 & CALIBRATION_SPEAKERS["ravdess_speech"]
    assert CALIBRATION_SPEAKERS["ravdess_speech"] == CALIBRATION_SPEAKERS["ravdess_song"]


@pytest.mark.parametrize("corpus", ["ravdess_speech", "ravdess_song", "crema_d", "emodb", "emotiontts_ko"])
def test_labels_outside_the_eight_are_never_trained_on(corpus: str) -> None:
    assert assign_split(corpus, "somebody", "other:boredom", FOLD_1) is Split.LEFT_OUT


def test_unknown_corpus_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="'tess' has no place"):
        assign_split("tess", "OAF", "happy", FOLD_1)


def test_person_on_two_sides_is_refused_by_name() -> None:
    def clip(corpus: str, split: Split) -> Clip:
        return Clip("p", corpus, "Actor_02", "calm", "en", "CC0", split, 0, 10, 0, 10)

    with pytest.raises(DataError, match="Actor_02 of ravdess_song stands in test and in train"):
        check_disjoint([clip("ravdess_speech", Split.TEST), clip("ravdess_song", Split.TRAIN)])
    check_disjoint([clip("ravdess_speech", Split.TEST), clip("ravdess_song", Split.LEFT_OUT)])


def test_bad_clips_are_left_out_and_named(tmp_path: Path) -> None:
    def path(name: str) -> str:
        return f"crema_d/1001/{name}"

    tone = encoded_tone(300.0)
    rows = [
        corpus_row(path("good"), "happy"),
        corpus_row(path("silent"), "sad"),
        corpus_row(path("broken"), "sad"),
        corpus_row(path("absent"), "sad"),
        corpus_row(path("label"), "grumpy"),
        corpus_row(path("same"), "happy", dup_of=path("good")),
        corpus_row(path("hidden_twin"), "happy"),
        corpus_row(path("torn"), "sad"),
        corpus_row(path("torn_twin"), "angry", dup_of=path("torn")),
    ]
    sounds = {row["path"]: tone for row in rows if row["path"] != path("absent")}
    sounds[path("silent")] = encoded_tone(300.0, level=1e-5)
    sounds[path("broken")] = b"OggS, but no sound follows"
    data = write_corpus(tmp_path / "data", rows, sounds)
    cache = prepare(data, tmp_path / "cache")
    assert [clip.path for clip in cache.clips] == [path("good")]
    kinds = {problem.path.rsplit("/", 1)[1]: problem.kind for problem in cache.problems}
    assert kinds == {
        "silent": "silent",
        "broken": "broken",
        "absent": "missing",
        "label": "unknown label",
        "same": "duplicate",
        "hidden_twin": "duplicate",
        "torn": "conflicting labels",
        "torn_twin": "conflicting labels",
    }
    assert "'grumpy'" in next(str(problem) for problem in cache.problems if "label:" in str(problem))


def test_missing_archive_is_named(tmp_path: Path) -> None:
    data = write_corpus(tmp_path, [corpus_row("crema_d/1001/a", "sad")], {})
    (data / "crema_d.tar").unlink()
    with pytest.raises(DataError, match="corpus 'crema_d'"):
        prepare(data, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_damaged_archive_is_named(tmp_path: Path) -> None:
    data = write_corpus(tmp_path, [corpus_row("crema_d/1001/a", "sad")], {})
    (data / "crema_d.tar").write_bytes(b"no archive at all" * 100)
    with pytest.raises(DataError, match=r"crema_d\.tar is damaged"):
        prepare(data, tmp_path / "cache")


def test_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"manifest\.csv cannot be read"):
        prepare_any(tmp_path, tmp_path / "cache")


def test_manifest_without_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("path,corpus\na,b\n")
    with pytest.raises(DataError, match="no column speaker, emotion"):
        prepare_any(tmp_path, tmp_path / "cache")


def test_fold_file_without_the_fold_is_refused(tmp_path: Path) -> None:
    folds = tmp_path / "folds.csv"
    folds.write_text("corpus,clip,test_fold\nemodb,x,1\n")
    with pytest.raises(DataError, match="no RAVDESS clip in fold 1"):
        _ravdess_test_speakers(folds)


def test_absent_and_damaged_caches_say_what_to_do(tmp_path: Path, cache_path: Path) -> None:
    with pytest.raises(DataError, match="give a manifest"):
        load_cache(tmp_path / "nowhere")
    (tmp_path / "index.json").write_bytes((cache_path / "index.json").read_bytes())
    (tmp_path / "waveforms.i16").write_bytes(b"\0" * 100)
    with pytest.raises(DataError, match="cut short"):
        load_cache(tmp_path)
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        load_cache(tmp_path)

"""The protocols: nobody who is tested on was heard by the head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import DataError
from training.data.cache import Clip
from training.data.ordinary import CORPUS, ORDINARY
from training.data.splits import assign_split
from training.emotion.protocols import CLASSES, folds_of, read_folds, trainable

ACTORS = [f"Actor_{number:02d}" for number in range(1, 25)]
FOLD_ONE = frozenset({"Actor_01", "Actor_07", "Actor_13", "Actor_19"})
GERMANS = ("03", "08", "09", "10")


def clip(corpus: str, speaker: str, emotion: str, name: str) -> Clip:
    split = assign_split(corpus, speaker, emotion, FOLD_ONE)
    path = f"{corpus}/{speaker}/{name}"
    return Clip(path, corpus, speaker, emotion, "en", "CC0", split, 0, 16_000, 0, 16_000)


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    found = []
    for actor in ACTORS:
        for emotion in ("neutral", "calm", "happy"):
            found.append(clip("ravdess_speech", actor, emotion, f"s-{emotion}-{actor}"))
            found.append(clip("ravdess_song", actor, emotion, f"g-{emotion}-{actor}"))
    for speaker in range(1001, 1011):
        found += [
            clip("crema_d", str(speaker), emotion, f"{speaker}_{emotion}") for emotion in ("sad", "angry")
        ]
    for speaker in GERMANS:
        found += [
            clip("emodb", speaker, emotion, f"{speaker}-{emotion}") for emotion in ("sad", "other:boredom")
        ]
    found += [clip("nemo", "EB0", "sad", "n0"), clip("nemo", "X", "sad", "n1")]
    return [
        *found,
        clip("emotiontts_ko", "k", "sad", "k0"),
        clip("deeply_nonverbal", "d", "other:cough", "d0"),
    ]


@pytest.fixture(scope="module")
def fold_of(clips: list[Clip]) -> dict[tuple[str, str], str]:
    found = {}
    for one in clips:
        name = one.path.rsplit("/", 1)[-1]
        if one.corpus == "ravdess_speech":
            found[one.corpus, name] = str(1 + (ACTORS.index(one.speaker) % 6))
        if one.corpus == "emodb":
            found[one.corpus, name] = str(1 + len(found) % 5)
        if one.corpus == "crema_d" and one.emotion == "sad":
            found[one.corpus, name] = "1"
    return found


def test_no_clip_that_is_tested_on_is_trained_on(clips, fold_of) -> None:
    folds = folds_of(clips, fold_of)
    assert {fold.protocol for fold in folds} == {
        "ravdess_6fold",
        "crema_d_speakers",
        "crema_d_fold1",
        "emodb_5fold",
        "emodb_speakers",
    }
    for fold in folds:
        assert fold.test, fold
        assert fold.train, fold
        assert not set(fold.test) & set(fold.train)
        assert all(trainable(one) for one in (*fold.train, *fold.test))
    assert [fold.name for fold in folds if fold.protocol == "ravdess_6fold"] == list("123456")
    assert [fold.name for fold in folds if fold.protocol == "emodb_speakers"] == list(GERMANS)


def test_speakers_stand_on_one_side_where_the_protocol_says_so(clips, fold_of) -> None:
    for fold in folds_of(clips, fold_of):
        if fold.protocol in {"crema_d_fold1", "emodb_5fold"}:
            continue
        tested = {one.speaker for one in fold.test}
        assert not tested & {one.speaker for one in fold.train}, fold.name


def test_a_fold_is_about_one_corpus_and_knows_no_ordinary_talk(clips, fold_of) -> None:
    talk = replace(clips[0], path="t", corpus=CORPUS, speaker="1034", emotion=ORDINARY)
    assert not trainable(talk)
    for fold in folds_of([*clips, talk], fold_of):
        corpora = {one.corpus for one in (*fold.train, *fold.test)} - {"ravdess_song"}
        assert len(corpora) == 1, fold.name


def test_a_clip_without_its_fold_is_named(clips, fold_of) -> None:
    lost = {place: fold for place, fold in fold_of.items() if place[0] != "emodb"}
    with pytest.raises(DataError, match=r"says fold None of emodb/.*: it must be one of 1, 2, 3, 4, 5"):
        folds_of(clips, lost)


def test_songs_are_trained_on_and_never_tested(clips, fold_of) -> None:
    folds = [fold for fold in folds_of(clips, fold_of) if fold.protocol == "ravdess_6fold"]
    assert all(one.corpus == "ravdess_speech" for fold in folds for one in fold.test)
    assert all(any(one.corpus == "ravdess_song" for one in fold.train) for fold in folds)
    assert sum(len(fold.test) for fold in folds) == len([c for c in clips if c.corpus == "ravdess_speech"])


def test_classes_are_those_of_the_corpus_in_our_order(clips, fold_of) -> None:
    for fold in folds_of(clips, fold_of):
        assert list(fold.classes) == sorted(fold.classes, key=CLASSES.index)
        assert {one.emotion for one in fold.test} <= set(fold.classes)
    assert folds_of(clips, fold_of)[-1].classes == ("sad", "other:boredom")


def test_fold_file_that_is_missing_or_has_no_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_folds(tmp_path)
    (tmp_path / "emobox_folds.csv").write_text("corpus,clip\nx,y\n")
    with pytest.raises(DataError, match="test_fold"):
        read_folds(tmp_path)

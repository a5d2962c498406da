"""Who stands on which side: speaker-disjoint splits, published folds, the splits of the released model."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from core.errors import DataError
from training.data.manifest import ManifestRow, clip_name, is_emotion

FOLDS_NAME: Final = "emobox_folds.csv"
"""The fold file beside a manifest: EmoBox's (Ma et al., Interspeech 2024)."""

_COLUMNS: Final = ("corpus", "clip", "test_fold")


def read_fold_file(folds_csv: Path) -> tuple[tuple[str, str, str], ...]:
    """Read corpus, clip and fold of every line, in the order of the file.

    It is a UTF-8 CSV with the columns corpus, clip and test_fold; clips are named as `manifest.clip_name`
    does.

    Raises
    ------
    DataError
        The file is missing, is no CSV in UTF-8, or lacks a column.
    """
    try:
        with folds_csv.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise DataError(
                    f"The fold file {folds_csv} has no column {', '.join(missing)}: it needs corpus, clip, "
                    "test_fold."
                )
            return tuple((line["corpus"], line["clip"], line["test_fold"]) for line in reader)
    except OSError as error:
        raise DataError(
            f"The fold file {folds_csv} cannot be read ({error.strerror}): name it or its folder."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"The fold file {folds_csv} is no CSV in UTF-8 ({error}): fetch it again.") from error


class Split(StrEnum):
    """What a clip is for."""

    TRAIN = "train"
    VALIDATION = "validation"
    CALIBRATION = "calibration"
    TEST = "test"
    UNSEEN_LANGUAGE = "unseen_language"
    NO_EMOTION = "no_emotion"
    LEFT_OUT = "left_out"


class _HasSpeaker(Protocol):
    @property
    def corpus(self) -> str: ...
    @property
    def speaker(self) -> str: ...
    @property
    def split(self) -> str: ...


@dataclass(frozen=True)
class FoldSplit:
    """A manifest split by one fold of a published protocol."""

    rows: tuple[ManifestRow, ...]  # every row of the manifest, in its order, with its split
    # People who stand on two sides, as (corpus, speaker): the protocol is not speaker-disjoint where there
    # are any.
    shared: tuple[tuple[str, str], ...]
    # Test clips of the fold that the manifest lacks, as (corpus, clip): figures of a fold that is not whole
    # cannot be compared.
    absent: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...]  # corpora of the manifest that this fold does not speak of

    @property
    def notes(self) -> tuple[str, ...]:
        """What people must know of this split, one sentence each."""
        notes = [
            f"{count} speakers of {corpus} stand in training and in test: the protocol shares speakers by "
            "design, so its figures are about known voices."
            for corpus, count in sorted(Counter(corpus for corpus, _ in self.shared).items())
        ]
        notes += [
            f"{count} test clips of {corpus} are not in the manifest: figures of this fold cannot be "
            "compared with published ones."
            for corpus, count in sorted(Counter(corpus for corpus, _ in self.absent).items())
        ]
        notes += [f"{corpus} is left out: the fold does not speak of it." for corpus in self.left_out]
        return tuple(notes)


def person_of(clip: _HasSpeaker) -> tuple[str, str]:
    """Who speaks, as (corpus, speaker); RAVDESS speech and song are the same people."""
    return clip.corpus.removesuffix("_song").removesuffix("_speech"), clip.speaker


def split_of(row: ManifestRow) -> Split:
    """What the manifest itself says a clip is for; `Split.LEFT_OUT` where its label is no emotion of ours.

    Raises
    ------
    DataError
        The manifest names no split for the clip, or one that there is not.
    """
    try:
        split = Split(row.split)
    except ValueError as error:
        what = f"the split {row.split!r}" if row.split else "no split"
        raise DataError(
            f"The clip {row.path} has {what} in its manifest: assign them with `attune data split`."
        ) from error
    return split if is_emotion(row.emotion) or split is Split.NO_EMOTION else Split.LEFT_OUT


def shared_speakers(clips: Iterable[_HasSpeaker]) -> tuple[tuple[str, str], ...]:
    """People who stand on more than one side, as (corpus, speaker), sorted."""
    sides: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for clip in clips:
        if clip.split and clip.split != Split.LEFT_OUT:
            sides[person_of(clip)].add(clip.split)
    return tuple(sorted(person for person, found in sides.items() if len(found) > 1))


def check_disjoint(clips: Iterable[_HasSpeaker]) -> None:
    """Refuse splits in which a person stands on two sides.

    RAVDESS speech and song are the same people and are checked as one corpus.

    Raises
    ------
    DataError
        Naming the first person found on two sides.
    """
    seen: dict[tuple[str, str], str] = {}
    for clip in clips:
        if not clip.split or clip.split == Split.LEFT_OUT:
            continue
        other = seen.setdefault(person_of(clip), clip.split)
        if other != clip.split:
            raise DataError(
                f"Speaker {clip.speaker} of {clip.corpus} stands in {other!s} and in {clip.split!s}: "
                "figures would be about known voices; mend the splits."
            )


def split_by_speaker(
    rows: Sequence[ManifestRow], *, test: float = 0.2, validation: float = 0.1, seed: int = 0
) -> tuple[ManifestRow, ...]:
    """Give every person one side, so that the sides are alike in corpora, emotions and sexes.

    People are dealt out one by one, those with most clips first, each to the side whose make-up it brings
    nearest to its share of the whole. The same rows and seed give the same split. The shares are of the
    people, each [0, 1), together below 1; the rest is for training. A share above 0 gets at least one person.

    Raises
    ------
    DataError
        The shares leave nothing for training, or there are too few people.
    """
    if not (0 <= test < 1 and 0 <= validation < 1 and test + validation < 1):
        raise DataError(
            f"A test share of {test:g} and a validation share of {validation:g} cannot be had: "
            "each must be at least 0, and both together below 1."
        )
    make_up: defaultdict[tuple[str, str], Counter[tuple[str, ...]]] = defaultdict(Counter)
    for row in rows:
        person = person_of(row)
        make_up[person].update([(row.corpus, row.emotion), (person[0], "sex", row.sex)])
    shares = {Split.TEST: test, Split.VALIDATION: validation}
    places = {split: max(1, round(share * len(make_up))) for split, share in shares.items() if share > 0}
    places[Split.TRAIN] = len(make_up) - sum(places.values())
    if places[Split.TRAIN] < 1:
        named = ", ".join(sorted({row.corpus for row in rows}))
        raise DataError(
            f"There are too few speakers to split ({len(make_up)} in {named}): {len(places)} sides with "
            f"nobody on two of them need at least {len(places)}; add speakers, or ask for fewer sides."
        )
    side_of = _deal_out(make_up, places, seed)
    return tuple(replace(row, split=side_of[person_of(row)].value) for row in rows)


def _deal_out(
    make_up: Mapping[tuple[str, str], Counter[tuple[str, ...]]], places: Mapping[Split, int], seed: int
) -> dict[tuple[str, str], Split]:
    people, sides = sorted(make_up), list(places)
    kinds = sorted({kind for counts in make_up.values() for kind in counts})
    table = np.array([[make_up[person][kind] for kind in kinds] for person in people], dtype=float)
    table /= table.sum(axis=0)  # a rare kind weighs as much as a frequent one
    wanted = {side: places[side] / len(people) for side in sides}
    filled = {side: np.zeros(len(kinds)) for side in sides}
    left = dict(places)
    shuffled = np.random.default_rng(seed).permutation(len(people))
    order = shuffled[np.argsort(-table[shuffled].sum(axis=1), kind="stable")]
    side_of: dict[tuple[str, str], Split] = {}
    for index in order:
        # How much nearer each side comes to its share by this person, relative to that share.
        gain = {
            side: float(((wanted[side] - filled[side]) * table[index]).sum()) / wanted[side]
            for side in sides
            if left[side]
        }
        side = max(gain, key=lambda candidate: gain[candidate])
        filled[side] += table[index]
        left[side] -= 1
        side_of[people[index]] = side
    return side_of


def split_by_fold(
    rows: Sequence[ManifestRow], folds_csv: Path, fold: str, *, validation: float = 0.0, seed: int = 0
) -> FoldSplit:
    """Split a manifest by one fold of a fold file, such as EmoBox's.

    Clips that the file puts into the fold are the test, the other clips of the same corpora are for training.
    What the fold does not speak of is left out: corpora it does not name, and so the songs of RAVDESS, whose
    singers are in its test. Clips are found by corpus and `manifest.clip_name`. A share of the training
    people is for validation, as in `split_by_speaker`.

    Raises
    ------
    DataError
        The fold file is missing, lacks a column or the fold, or none of its test clips is in the
        manifest.

    References
    ----------
    Ma et al., "EmoBox: Multilingual Multi-corpus Speech Emotion Recognition Toolkit and Benchmark",
    Interspeech 2024.
    """
    published = read_fold_file(folds_csv)
    in_fold = {(corpus, clip) for corpus, clip, name in published if name == fold}
    if not in_fold:
        known = ", ".join(sorted({name for *_, name in published})) or "none"
        raise DataError(f"The fold file {folds_csv} has no fold {fold!r}: it has {known}.")
    corpora = {corpus for corpus, _ in in_fold}
    split = tuple(
        replace(
            row,
            split=(
                Split.LEFT_OUT
                if row.corpus not in corpora
                else Split.TEST
                if (row.corpus, clip_name(row.path)) in in_fold
                else Split.TRAIN
            ).value,
        )
        for row in rows
    )
    present = {(row.corpus, clip_name(row.path)) for row in split if row.split == Split.TEST}
    if not present:
        raise DataError(
            f"No clip of the manifest is in fold {fold} of {folds_csv} (its corpora: "
            f"{', '.join(sorted(corpora))}): compare the columns corpus and path with the fold file."
        )
    have = {row.corpus for row in rows}
    if validation:
        training = [row for row in split if row.split == Split.TRAIN]
        dealt = split_by_speaker(training, test=0, validation=validation, seed=seed)
        chosen = {row.path: row for row in dealt}
        split = tuple(chosen.get(row.path, row) for row in split)
    return FoldSplit(
        rows=split,
        shared=shared_speakers(split),
        absent=tuple(sorted(clip for clip in in_fold - present if clip[0] in have)),
        left_out=tuple(sorted(have - corpora)),
    )


RAVDESS_TEST_FOLD: Final = "1"
"""The fold of the EmoBox protocol (Ma et al., Interspeech 2024) whose actors are the test speakers."""

CREMA_D_TEST_SPEAKERS: Final = frozenset(str(actor) for actor in range(1005, 1091, 5))  # 18 of 91
CALIBRATION_SPEAKERS: Final[dict[str, frozenset[str]]] = {
    "ravdess_speech": frozenset({"Actor_23", "Actor_24"}),
    "ravdess_song": frozenset({"Actor_23", "Actor_24"}),
    "crema_d": frozenset(str(actor) for actor in range(1003, 1084, 10)),  # 9 of 91
    "emodb": frozenset({"03"}),
    "nemo": frozenset({"EB0"}),
}
_TRAINED_CORPORA: Final = frozenset(CALIBRATION_SPEAKERS)
_TEST_SPEAKERS: Final = {"crema_d": CREMA_D_TEST_SPEAKERS}
_EVALUATED_ONLY: Final = {"emotiontts_ko": Split.UNSEEN_LANGUAGE, "deeply_nonverbal": Split.NO_EMOTION}


def _ravdess_test_speakers(folds_csv: Path) -> frozenset[str]:
    """Read the RAVDESS actors of the test fold from the published fold file, such as ``"Actor_11"``."""
    actors = frozenset(
        "Actor_" + clip.rsplit("-", 1)[-1]
        for corpus, clip, fold in read_fold_file(folds_csv)
        if corpus == "ravdess_speech" and fold == RAVDESS_TEST_FOLD
    )
    if not actors:
        raise DataError(f"The fold file {folds_csv} names no RAVDESS clip in fold {RAVDESS_TEST_FOLD}.")
    return actors


def assign_split(corpus: str, speaker: str, emotion: str, ravdess_test: frozenset[str]) -> Split:
    """Say what one clip is for; a person's songs follow the person's speech.

    Songs of test actors, and labels that are none of the eight emotions, are left out.

    Raises
    ------
    DataError
        The corpus is none that has a place in the splits.
    """
    if corpus not in _TRAINED_CORPORA | _EVALUATED_ONLY.keys():
        raise DataError(
            f"The corpus {corpus!r} has no place in the splits: add it to training/data/splits.py."
        )
    if corpus in _EVALUATED_ONLY:
        split = _EVALUATED_ONLY[corpus]
    elif corpus == "ravdess_song" and speaker in ravdess_test:
        split = Split.LEFT_OUT
    elif speaker in (ravdess_test if corpus == "ravdess_speech" else _TEST_SPEAKERS.get(corpus, frozenset())):
        split = Split.TEST
    elif speaker in CALIBRATION_SPEAKERS[corpus]:
        split = Split.CALIBRATION
    else:
        split = Split.TRAIN
    has_emotion = is_emotion(emotion) or split is Split.NO_EMOTION
    return split if has_emotion else Split.LEFT_OUT


def release_splits(folds_csv: Path) -> Callable[[ManifestRow], Split]:
    """Make the function that says what a clip is for in the released model's training (`cache.prepare`)."""
    ravdess_test = _ravdess_test_speakers(folds_csv)
    return lambda row: assign_split(row.corpus, row.speaker, row.emotion, ravdess_test)

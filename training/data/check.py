"""The checks of a corpus: every clip is decoded, what is not as the manifest claims is named; its figures."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import AudioDecodeError
from models.audio import open_stream
from models.resample import SAMPLE_RATE_HZ, Audio
from training.data.layouts import emotion_in_name
from training.data.manifest import ManifestRow, is_emotion, is_label
from training.data.sources import SpeechSource, read_encoded
from training.data.splits import Split, person_of, shared_speakers
from training.progress import StepProgress, no_progress

MIN_CLIP_S: Final = 0.25
"""Shorter than a stressed syllable: no emotion can be heard in it; the shortest good clip has 0.87 s."""

_SILENCE_PEAK: Final = 2e-3
"""Clips whose loudest sample stays below this (-54 dBFS) carry no speech; the quietest good one has -47."""
_BLOCK_FRAMES: Final = 8_192
_MAX_MINUTES: Final = 30.0
_DURATION: Final = "duration_s"


@dataclass(frozen=True)
class Problem:
    """One clip that is not what the manifest claims, and what was done about it."""

    path: str  # as in the manifest
    # One of ``missing``, ``broken``, ``silent``, ``too short``, ``duplicate``, ``listed twice``,
    # ``conflicting labels``, ``unknown label``, ``mislabelled``; of importers also ``unknown name`` and
    # ``unusable``.
    kind: str
    detail: str  # what was found

    def __str__(self) -> str:
        return f"{self.path}: {self.kind} ({self.detail})"


@dataclass(frozen=True)
class CorpusReport:
    """What `check` found."""

    # Rows of the manifest, and those without a problem.
    n_clips: int
    n_good: int
    problems: tuple[Problem, ...]  # by path
    warnings: tuple[str, ...]  # one sentence each about the corpus as a whole


def check(source: SpeechSource, *, progress: StepProgress = no_progress) -> CorpusReport:
    """Decode every clip of a corpus and name what is wrong.

    Raises
    ------
    DataError
        A whole archive is damaged.
    """
    problems: dict[str, Problem] = {}
    for _ in examine(source, problems, progress=progress):
        pass
    good = [row for row in source.rows if row.path not in problems]
    return CorpusReport(
        n_clips=len(source.rows),
        n_good=len(good),
        problems=tuple(problems[path] for path in sorted(problems)),
        warnings=_warnings_of(good),
    )


def examine(
    source: SpeechSource,
    problems: dict[str, Problem],
    *,
    progress: StepProgress = no_progress,
) -> Iterator[tuple[ManifestRow, NDArray[np.int16]]]:
    """Decode the clips of a corpus one by one, noting what is wrong.

    Problems are filled in on the way, by path. A clip that was yielded may be entered later, when the same
    sound with another label turns up: what is good is known at the end.

    Yields
    ------
    row, samples
        Clips without a problem so far, int16, mono, 16 kHz, shape ``(samples,)``.

    Raises
    ------
    DataError
        A whole archive is damaged.
    """
    problems.update(_label_problems(source.rows))
    waiting = list({row.path: row for row in source.rows if row.path not in problems}.values())
    first_with: dict[str, ManifestRow] = {}
    already = len(source.rows) - len(waiting)
    for done, (row, encoded) in enumerate(read_encoded(source, waiting), start=already + 1):
        found = _decoded(row, encoded)
        progress(done, len(source.rows))
        if isinstance(found, Problem):
            problems.setdefault(row.path, found)
            continue
        first = first_with.setdefault(hashlib.sha256(found.tobytes()).hexdigest(), row)
        if first is not row:
            problems.update(_same_sound(row, first, "decodes to the same samples as"))
            continue
        yield row, found


def _warnings_of(rows: Sequence[ManifestRow]) -> tuple[str, ...]:
    """Say what makes good clips a poor corpus, one sentence each, such as one speaker or one class."""
    if not rows:
        return ("No clip can be used.",)
    people: defaultdict[str, set[str]] = defaultdict(set)
    labels: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        people[row.corpus].add(row.speaker)
        labels[row.corpus].add(row.emotion)
    warnings = [
        f"{corpus} has one speaker only ({next(iter(found))}): it can be learned from, but nothing measured "
        "on it is about strangers."
        for corpus, found in sorted(people.items())
        if len(found) == 1
    ]
    warnings += [
        f"{corpus} has one class only ({next(iter(found))}): a model learns the corpus from it, not the "
        "emotion."
        for corpus, found in sorted(labels.items())
        if len(found) == 1
    ]
    if not any(is_emotion(row.emotion) for row in rows):
        warnings.append("No clip has one of the eight emotions: nothing can be trained on it.")
    shared = shared_speakers(rows)
    if shared:
        corpus, speaker = shared[0]
        warnings.append(
            f"{len(shared)} people stand on two sides of the split, among them {speaker} of {corpus}: unless "
            "the protocol is so by design, figures would be about known voices."
        )
    trained = Counter(person_of(row) for row in rows if row.split == Split.TRAIN)
    if len(trained) == 1:
        warnings.append("One person only is in training: the model will know one voice.")
    return tuple(warnings)


def _label_problems(rows: Sequence[ManifestRow]) -> dict[str, Problem]:
    """Problems that need no sound: labels unknown or against the file's name, duplicates that are marked."""
    problems: dict[str, Problem] = {}
    row_of: dict[str, ManifestRow] = {}
    for row in rows:
        if row.path in row_of:
            first = row_of[row.path].emotion
            if first == row.emotion:
                problems[row.path] = Problem(
                    row.path, "listed twice", "more than once in the manifest; left out"
                )
            else:
                problems[row.path] = Problem(
                    row.path, "conflicting labels", f"listed as {first} and as {row.emotion}; left out"
                )
        row_of.setdefault(row.path, row)
    for row in rows:
        if row.path in problems:
            continue
        if not is_label(row.emotion):
            problems[row.path] = Problem(row.path, "unknown label", f"{row.emotion!r}; left out")
            continue
        named = emotion_in_name(row)
        if named and named != row.emotion:
            problems[row.path] = Problem(
                row.path, "mislabelled", f"{row.emotion} in the manifest, {named} by its name; left out"
            )
            continue
        original = row_of.get(row.dup_of)
        if original is not None:
            problems.update(_same_sound(row, original, "the same bytes as"))
        elif row.dup_of:
            problems[row.path] = Problem(
                row.path, "duplicate", f"of {row.dup_of}, which is not in the manifest; left out"
            )
    return problems


def _same_sound(row: ManifestRow, first: ManifestRow, how: str) -> dict[str, Problem]:
    if row.emotion == first.emotion:
        return {
            row.path: Problem(row.path, "duplicate", f"{how} {first.path}, same label; this copy left out")
        }
    return {
        one.path: Problem(
            one.path,
            "conflicting labels",
            f"{one.emotion} here and {other.emotion} in {other.path}, the same sound; both left out",
        )
        for one, other in ((row, first), (first, row))
    }


def _decoded(row: ManifestRow, encoded: bytes | None) -> NDArray[np.int16] | Problem:
    if encoded is None:
        return Problem(row.path, "missing", "in the manifest, but there is no such file; left out")
    try:
        audio, notices = _decode(encoded, row.path)
    except AudioDecodeError as error:
        return Problem(row.path, "broken", f"{error} Left out")
    if notices:
        return Problem(row.path, "broken", f"{' '.join(notices)} Left out")
    peak = float(np.abs(audio).max(initial=0.0))
    if not peak >= _SILENCE_PEAK:
        return Problem(row.path, "silent", f"loudest sample {peak:.5f}; left out")
    if audio.size < MIN_CLIP_S * SAMPLE_RATE_HZ:
        seconds = audio.size / SAMPLE_RATE_HZ
        return Problem(row.path, "too short", f"{seconds:.2f} s, less than {MIN_CLIP_S:g} s; left out")
    samples: NDArray[np.int16] = np.clip(np.rint(audio * 32768.0), -32768, 32767).astype("<i2")
    return samples


def _decode(encoded: bytes, name: str) -> tuple[Audio, tuple[str, ...]]:
    """Decode as `models.audio.decode` does, but hand over what the file survived instead of logging it."""
    with open_stream(encoded, name=name, max_minutes=_MAX_MINUTES) as stream:
        resampler = stream.resampler()
        parts = [resampler.process(block) for block in stream.blocks(_BLOCK_FRAMES)]
        parts.append(resampler.finish())
        return np.concatenate(parts), stream.notices


@dataclass(frozen=True)
class CorpusStats:
    """Figures of one corpus."""

    corpus: str  # its name
    # Counts.
    clips: int
    speakers: int
    hours: float  # of sound, over the clips whose length is known
    unknown_lengths: int  # clips whose length is not: they are missing, or broken
    languages: tuple[str, ...]  # as in the manifest, sorted
    # Clips by value, the most frequent first; an empty value counts as ``none``.
    emotions: dict[str, int]
    splits: dict[str, int]
    sexes: dict[str, int]


def corpus_stats(source: SpeechSource) -> tuple[CorpusStats, ...]:
    """Count a manifest, corpus by corpus; lengths come from its column ``duration_s``, else from the files.

    Raises
    ------
    DataError
        An archive that lengths must be read from is damaged.
    """
    seconds = _lengths_s(source)
    of_corpus: defaultdict[str, list[ManifestRow]] = defaultdict(list)
    for row in source.rows:
        of_corpus[row.corpus].append(row)
    return tuple(
        CorpusStats(
            corpus=corpus,
            clips=len(rows),
            speakers=len({person_of(row) for row in rows}),
            hours=sum(seconds.get(row.path, 0.0) for row in rows) / 3600,
            unknown_lengths=sum(row.path not in seconds for row in rows),
            languages=tuple(sorted({row.language for row in rows if row.language})),
            emotions=_by_value(row.emotion for row in rows),
            splits=_by_value(row.split for row in rows),
            sexes=_by_value(row.sex for row in rows),
        )
        for corpus, rows in sorted(of_corpus.items())
    )


def _by_value(values: Iterable[str]) -> dict[str, int]:
    return {name or "none": count for name, count in Counter(sorted(values)).most_common()}


def _lengths_s(source: SpeechSource) -> dict[str, float]:
    lengths: dict[str, float] = {}
    unread: list[ManifestRow] = []
    for row in source.rows:
        try:
            lengths[row.path] = float(dict(row.more)[_DURATION])
        except (KeyError, ValueError):
            unread.append(row)
    for row, encoded in read_encoded(source, unread):
        if encoded is None:
            continue
        try:
            with open_stream(encoded, name=row.path) as stream:
                if stream.duration_s is not None:
                    lengths[row.path] = stream.duration_s
        except AudioDecodeError:
            continue
    return lengths

"""The evaluation of an emotion model as a whole: what is measured, on which clips, in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import numpy as np

from models.resample import SAMPLE_RATE_HZ, Audio
from training.data.cache import (
    LABELS,
    Clip,
    SpeechCache,
    sample_clips,
    truth_of,
    unseen_speakers,
    whole_corpora,
)
from training.data.splits import Split
from training.data.window import centre_window
from training.metrics import ACCEPT_AT, figures
from training.progress import Progress, no_progress
from training.report.axes import AxisThresholds, axes_figures
from training.report.conditions import CONDITIONS, play_on
from training.report.corpus_figures import (
    confident_mistakes,
    corpus_figures,
    embedding_map,
    emotion_table,
    plane_table,
)
from training.report.live import LiveAnswer, LivePath, accepted_per_hour, live_figures, replay, with_silence
from training.report.model_under_test import Predictions, Predictor, predict_clips, predict_windows
from training.report.talk import sessions_up_to, talk_figures, talk_keys

HARDEST: Final = 12
"""Examples with a player, over all corpora."""

_GAP: Final = np.zeros(SAMPLE_RATE_HZ // 2, dtype=np.float32)

ClipsByCorpus = Mapping[str, Sequence[Clip]]


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    # At most so many of each corpus, clip by clip and through the live path; None: all.
    clips: int | None = None
    live_clips: int | None = None
    conditions: tuple[str, ...] = tuple(CONDITIONS)  # names of them
    non_speech_s: float = 3600.0  # how long each kind of sound without speech is played through the live path
    talk_s: float | None = None  # whole sessions of each kind of talk, until they last so long; None: all
    thresholds: AxisThresholds = field(default_factory=AxisThresholds)
    seed: int = 0

    @classmethod
    def quick(cls) -> Plan:
        """A fast look: few clips, no conditions, minutes instead of hours."""
        return cls(clips=120, live_clips=12, conditions=(), non_speech_s=120.0, talk_s=120.0)

    def record(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "conditions": list(self.conditions), "thresholds": vars(self.thresholds)}


@dataclass(frozen=True)
class LeaveOneOutModel:
    """A model whose training left a corpus out, and its live path; None leaves that out."""

    predict: Predictor
    live: LivePath | None = None


@dataclass(frozen=True)
class _Run:
    """What all measurements of one evaluation share."""

    cache: SpeechCache
    plan: Plan
    noises: Sequence[Audio]
    on_progress: Progress

    def drawn(self, clips: Sequence[Clip], most: int | None) -> Sequence[Clip]:
        return sample_clips(clips, most or len(clips), self.plan.seed)


def evaluate_emotion(
    predict: Predictor,
    cache: SpeechCache,
    *,
    leave_one_out: Mapping[str, LeaveOneOutModel] | None = None,
    noises: Sequence[Audio] = (),
    non_speech: Mapping[str, Sequence[Audio]] | None = None,
    ordinary: Sequence[Audio] = (),
    prompts: Mapping[str, Sequence[Audio]] | None = None,
    live: LivePath | None = None,
    plan: Plan | None = None,
    on_progress: Progress = no_progress,
) -> dict[str, Any]:
    """Measure a model on people it never heard.

    Parameters
    ----------
    noises
        Recorded noises for the conditions, and for an hour through the live path; empty: pink noise in
        the conditions, and no such hour.
    live
        The live path; None leaves it, and with it all talk, out.

    Returns
    -------
    dict
        Plain values, the same as in the JSON file: ``labels``, ``accept_at``, ``plan``, ``plane`` (whether
        the model knows energy and pleasantness), ``corpora`` (by name, from `corpus_figures`, with the split,
        the axes and the hardest examples), ``unseen_corpora`` (the same of `leave_one_out`), ``conditions``,
        ``no_emotion``, ``live``, ``unseen_live``, ``non_speech``, ``ordinary`` and ``prompts`` (by voice;
        both from `talk.talk_figures`), their figures by name from `talk.talk_keys`, ``map``,
        ``table`` and ``plane_table`` (from `cross_corpus`); what was left out is None or empty. Shares are
        in [0, 1].

    Raises
    ------
    DataError
        A corpus of `leave_one_out` is not there.
    """
    plan, leave_one_out = plan or Plan(), leave_one_out or {}
    run = _Run(cache, plan, noises, on_progress)
    test_sets = {corpus: run.drawn(clips, plan.clips) for corpus, clips in unseen_speakers(cache).items()}
    unseen_sets = {
        corpus: run.drawn(clips, plan.clips) for corpus, clips in whole_corpora(cache, leave_one_out).items()
    }
    everyone = [clip for clips in test_sets.values() for clip in clips]
    predictions = predict_clips(predict, cache, everyone, "clips", on_progress)
    report = {
        "labels": list(LABELS),
        "accept_at": ACCEPT_AT,
        "plan": plan.record(),
        "plane": any(side is not None for side in predictions.axes.values()),
        "corpora": _test_records(predictions, test_sets, plan),
        "unseen_corpora": {
            corpus: _corpus_record(
                "all",
                predict_clips(
                    leave_one_out[corpus].predict, cache, clips, f"strangers: {corpus}", on_progress
                ),
                clips,
                plan,
            )
            for corpus, clips in unseen_sets.items()
        },
        "noise": "recorded" if noises else "pink",
        "conditions": {name: _condition_record(run, name, predict, test_sets) for name in plan.conditions},
        "no_emotion": _no_emotion(run, predict),
        "live": _live_records(run, dict.fromkeys(test_sets, live), test_sets),
        "unseen_live": _live_records(
            run, {corpus: model.live for corpus, model in leave_one_out.items()}, unseen_sets
        ),
        "non_speech": _non_speech(run, live, non_speech or {}) if live else None,
        **_talk(run, live, ordinary, prompts or {}),
        "map": embedding_map(predictions.embedding, everyone, predictions.probabilities, seed=plan.seed),
    }
    return {**report, "table": emotion_table(report), "plane_table": plane_table(report)}


def _test_records(predictions: Predictions, test_sets: ClipsByCorpus, plan: Plan) -> dict[str, Any]:
    corpus_of = np.repeat(list(test_sets), [len(clips) for clips in test_sets.values()])
    records = {}
    for corpus, clips in test_sets.items():
        mine = predictions.of(corpus_of == corpus)
        records[corpus] = {
            **_corpus_record(clips[0].split, mine, clips, plan),
            "hardest": confident_mistakes(mine.probabilities, clips, HARDEST // len(test_sets)),
        }
    return records


def _corpus_record(split: str, predictions: Predictions, clips: Sequence[Clip], plan: Plan) -> dict[str, Any]:
    return {
        "split": str(split),
        "language": clips[0].language,
        "licence": clips[0].licence,
        **corpus_figures(predictions.probabilities, clips, seed=plan.seed),
        "axes": axes_figures(predictions.axes, clips, plan.thresholds, seed=plan.seed, curves=True),
    }


def _condition_record(run: _Run, name: str, predict: Predictor, test_sets: ClipsByCorpus) -> dict[str, Any]:
    """Figures of every corpus under one condition, all eight answers allowed, and of the axes."""
    result = {}
    for corpus, clips in test_sets.items():
        windows = (
            CONDITIONS[name](
                centre_window(run.cache.audio(clip)),
                run.noises,
                np.random.default_rng([run.plan.seed, index]),
            )
            for index, clip in enumerate(clips)
        )
        predictions = predict_windows(predict, windows, len(clips), f"{name}: {corpus}", run.on_progress)
        result[corpus] = {
            **figures(predictions.probabilities, truth_of(clips), LABELS).record(),
            "axes": axes_figures(predictions.axes, clips, run.plan.thresholds),
        }
    return result


def _no_emotion(run: _Run, predict: Predictor) -> dict[str, Any] | None:
    """What the model alone would accept of coughs, laughs and sighs, for which nothing should be claimed."""
    others = run.cache.of(Split.NO_EMOTION)
    if not others:
        return None
    clips = run.drawn(others, run.plan.clips)
    predictions = predict_clips(predict, run.cache, clips, "nonverbal sounds", run.on_progress)
    probabilities = predictions.probabilities
    accepted = probabilities.max(axis=1) >= ACCEPT_AT
    times = Counter(LABELS[index] for index in probabilities.argmax(axis=1)[accepted])
    return {
        "n": len(clips),
        "corpora": sorted({clip.corpus for clip in clips}),
        "accepted_share": round(float(accepted.mean()), 4),
        "accepted_as": {label: times[label] for label in LABELS},
    }


def _live_records(
    run: _Run, live: Mapping[str, LivePath | None], sets: ClipsByCorpus
) -> dict[str, Any] | None:
    """Figures of the corpora that have a live path; None where none has."""
    result = {}
    for corpus, all_clips in sets.items():
        path = live[corpus]
        if path is None:
            continue
        clips = run.drawn(all_clips, run.plan.live_clips)
        answers: list[LiveAnswer] = []
        for clip in clips:
            run.on_progress(f"live: {corpus}", len(answers), len(clips))
            answers.append(replay(path, with_silence(run.cache.audio(clip))))
        result[corpus] = live_figures(answers, clips, thresholds=run.plan.thresholds, seed=run.plan.seed)
    return result or None


def _non_speech(run: _Run, live: LivePath, non_speech: Mapping[str, Sequence[Audio]]) -> dict[str, Any]:
    """Accepted emotions per hour of sounds that have none, through the live path."""
    total = len(non_speech) + bool(run.noises) + bool(run.cache.of(Split.NO_EMOTION))
    result: dict[str, Any] = {}
    for name, audio in _sounds_without_speech(run, non_speech):
        run.on_progress(f"live: {name}", len(result), total)
        result[name] = accepted_per_hour(live, audio)
    return result


def _sounds_without_speech(
    run: _Run, non_speech: Mapping[str, Sequence[Audio]]
) -> Iterator[tuple[str, Audio]]:
    """Each kind of sound and its name, made one at a time: an hour is a quarter of a gigabyte."""
    samples = round(run.plan.non_speech_s * SAMPLE_RATE_HZ)
    rng = np.random.default_rng(run.plan.seed)
    if nonverbal := run.cache.of(Split.NO_EMOTION):
        pieces = [piece for clip in nonverbal for piece in (run.cache.audio(clip), _GAP)]
        yield "nonverbal sounds, one after the other", np.concatenate(pieces)[:samples]
    if run.noises:
        yield "recorded noise, two at a time", play_on(run.noises, samples, rng, layers=2)
    for name, recordings in non_speech.items():
        yield name, play_on(recordings, samples, rng)


def _talk(
    run: _Run, live: LivePath | None, ordinary: Sequence[Audio], prompts: Mapping[str, Sequence[Audio]]
) -> dict[str, Any]:
    """What is claimed of talk in which nothing should be claimed, through the live path."""

    def replayed(what: str, sessions: Sequence[Audio]) -> dict[str, Any] | None:
        if live is None or not sessions:
            return None
        chosen = sessions_up_to(sessions, run.plan.talk_s)
        return talk_figures(live, chosen, partial(run.on_progress, f"live: {what}"))

    talk = replayed("ordinary talk", ordinary)
    voices = {
        voice: record
        for voice, sessions in prompts.items()
        if (record := replayed(f"prompts of {voice}", sessions)) is not None
    }
    return {"ordinary": talk, "prompts": voices, **talk_keys(talk, voices)}

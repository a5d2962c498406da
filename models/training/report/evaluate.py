"""Owns the evaluation of an emotion model as a whole: what is measured, on whom, in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.resample import SAMPLE_RATE_HZ, Audio
from models.training.data.cache import Clip, SpeechCache
from models.training.data.judged import LABELS, some_of, strangers, truth_of, whole_corpora
from models.training.data.splits import Split
from models.training.data.window import centre_window
from models.training.intervals import figures_with_interval
from models.training.metrics import ACCEPT_AT, confusion, figures, masked
from models.training.report.axes import AXES, AxisThresholds, axes_figures
from models.training.report.conditions import CONDITIONS, Condition, play_on
from models.training.report.curves import (
    precision_recall,
    reliability,
    risk_coverage,
    roc,
    threshold_sweep,
)
from models.training.report.live import (
    LiveAnswer,
    LivePath,
    accepted_per_hour,
    live_figures,
    play,
    with_silence,
)
from models.training.report.served import Judged, Predictor
from models.training.report.table import belief_table, plane_table
from models.training.report.talk import sessions_up_to, talk_figures, talk_keys

__all__ = ["HARDEST", "Plan", "Progress", "Twin", "corpus_figures", "embedding_map", "evaluate_emotion"]

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

HARDEST: Final = 12
"""Examples with a player, over all corpora."""

_BATCH: Final = 32
_MAP_POINTS: Final = 1500
_GAP: Final = np.zeros(SAMPLE_RATE_HZ // 2, dtype=np.float32)


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes
    ----------
    clips, live_clips
        At most so many of each corpus, clip by clip and through the live path; None: all.
    conditions
        Names from `conditions.CONDITIONS`.
    non_speech_s
        How long each kind of sound without speech is played through the live path, seconds.
    talk_s
        Whole sessions of each kind of ordinary talk, until they last so long, seconds; None: all.
    thresholds
        From which confidence a side of energy, and of pleasantness, is accepted.
    seed
        Of everything drawn by chance.
    """

    clips: int | None = None
    live_clips: int | None = None
    conditions: tuple[str, ...] = tuple(CONDITIONS)
    non_speech_s: float = 3600.0
    talk_s: float | None = None
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
class Twin:
    """A model that never heard a corpus: how it answers, and its live path; None leaves that out."""

    predict: Predictor
    live: LivePath | None = None


def evaluate_emotion(
    predict: Predictor,
    cache: SpeechCache,
    *,
    twins: Mapping[str, Twin] | None = None,
    noises: Sequence[Audio] = (),
    non_speech: Mapping[str, Sequence[Audio]] | None = None,
    ordinary: Sequence[Audio] = (),
    prompts: Mapping[str, Sequence[Audio]] | None = None,
    live: LivePath | None = None,
    plan: Plan | None = None,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a model on people it never heard.

    Parameters
    ----------
    predict
        The model.
    cache
        Prepared speech with its splits.
    twins
        Models that never heard a corpus, by the corpus: all its clips are strangers' to them.
    noises
        Recorded noises for the conditions, and for an hour through the live path; empty: pink noise in
        the conditions, and no such hour.
    non_speech
        More recordings that must give no emotion, by name: each is played through the live path.
    ordinary
        Talk of people who act nothing, a session each: played through the live path.
    prompts
        Sessions of voice prompts, by voice: played likewise.
    live
        The live path; None leaves it, and with it all talk, out.
    plan
        How much is measured; everything by default.
    on_progress
        See `Progress`.

    Returns
    -------
    dict
        Plain values, the same as in the JSON file: ``labels``, ``accept_at``, ``plan``, ``plane`` (whether
        the model knows energy and pleasantness), ``corpora`` (by name, from `corpus_figures`, with the split,
        the speakers and the hardest examples), ``unseen_corpora`` (the same of `twins`), ``conditions``,
        ``no_emotion``, ``live``, ``unseen_live``, ``non_speech``, ``ordinary`` and ``prompts`` (by voice;
        both from `talk.talk_figures`), their figures by name from `talk.talk_keys`, ``map``,
        ``table`` and ``plane_table`` (from `table`); what was left out is None or empty. Shares are in
        [0, 1].

    Raises
    ------
    DataError
        A corpus of `twins` is not there.
    """
    plan, twins = plan or Plan(), twins or {}
    tell = on_progress or (lambda _what, _done, _total: None)
    chosen = {
        corpus: some_of(clips, plan.clips or len(clips), plan.seed)
        for corpus, clips in strangers(cache).items()
    }
    away = {
        corpus: some_of(clips, plan.clips or len(clips), plan.seed)
        for corpus, clips in whole_corpora(cache, twins).items()
    }
    everyone = [clip for clips in chosen.values() for clip in clips]
    judged = _answers(
        predict, (centre_window(cache.audio(clip)) for clip in everyone), len(everyone), "clips", tell
    )
    corpora = {}
    for corpus, clips in chosen.items():
        mine = np.array([clip.corpus == corpus for clip in everyone])
        corpora[corpus] = {
            **_corpus_record(clips[0].split, _part(judged, mine), clips, plan),
            "hardest": _hardest(judged.probabilities[mine], clips, HARDEST // len(chosen)),
        }
    report = {
        "labels": list(LABELS),
        "accept_at": ACCEPT_AT,
        "plan": plan.record(),
        "plane": any(side is not None for side in judged.axes.values()),
        "corpora": corpora,
        "unseen_corpora": {
            corpus: _unseen(twins[corpus].predict, cache, clips, plan, tell) for corpus, clips in away.items()
        },
        "noise": "recorded" if noises else "pink",
        "conditions": {
            name: _under(CONDITIONS[name], name, predict, cache, chosen, noises, plan, tell)
            for name in plan.conditions
        },
        "no_emotion": _no_emotion(predict, cache, plan, tell),
        "live": _live_by_corpus(dict.fromkeys(chosen, live), cache, chosen, plan, tell),
        "unseen_live": _live_by_corpus(
            {corpus: twin.live for corpus, twin in twins.items()}, cache, away, plan, tell
        ),
        "non_speech": _non_speech(live, cache, noises, non_speech or {}, plan, tell) if live else None,
        **_talk(live, ordinary, prompts or {}, plan, tell),
        "map": embedding_map(judged.embedding, everyone, judged.probabilities, seed=plan.seed),
    }
    return {**report, "table": belief_table(report), "plane_table": plane_table(report)}


def corpus_figures(
    probabilities: NDArray[np.float64], clips: Sequence[Clip], *, seed: int = 0
) -> dict[str, Any]:
    """Everything the answers of one corpus say.

    Parameters
    ----------
    probabilities
        ``(clips, 8)``.
    clips
        At least one.
    seed
        Of the bootstrap.

    Returns
    -------
    dict
        ``n``, ``speakers``, ``classes``; ``eight_way`` and ``masked`` (to the classes of the corpus):
        figures and their ``interval``; ``confusion`` (truth by answer, eight-way), ``by_speaker``,
        ``spread`` of the speakers' shares right, ``roc`` and ``precision_recall`` by class (None where
        they do not exist), ``reliability``, ``risk_coverage``, ``sweep``.
    """
    truth = truth_of(clips)
    present = [int(label) for label in np.unique(truth)]
    speakers = [clip.speaker for clip in clips]
    guess, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    correct = guess == truth

    by_speaker: dict[str, dict[str, Any]] = {}
    for speaker in sorted(set(speakers)):
        mine = np.array([name == speaker for name in speakers])
        own = figures(probabilities[mine], truth[mine], LABELS)
        by_speaker[speaker] = {
            "n": own.n,
            "ua": round(own.ua, 4),
            "wa": round(own.wa, 4),
            "coverage": round(own.coverage, 4),
            "accepted_accuracy": None if own.accepted_accuracy is None else round(own.accepted_accuracy, 4),
        }
    recalls = [row["ua"] for row in by_speaker.values()]
    curves = {
        "roc": {name: roc(probabilities[:, index], truth == index) for index, name in enumerate(LABELS)},
        "precision_recall": {
            name: precision_recall(probabilities[:, index], truth == index)
            for index, name in enumerate(LABELS)
        },
    }
    return {
        "n": len(clips),
        "speakers": sorted(set(speakers)),
        "classes": [LABELS[index] for index in present],
        "eight_way": figures_with_interval(probabilities, truth, speakers, LABELS, seed=seed),
        "masked": figures_with_interval(masked(probabilities, present), truth, speakers, LABELS, seed=seed),
        "confusion": confusion(truth, guess, len(LABELS)).tolist(),
        "by_speaker": by_speaker,
        "spread": {
            "lowest_ua": min(recalls),
            "median_ua": round(float(np.median(recalls)), 4),
            "highest_ua": max(recalls),
        },
        **{
            kind: {name: curve.record() if curve else None for name, curve in of_class.items()}
            for kind, of_class in curves.items()
        },
        "reliability": reliability(confidence, correct),
        "risk_coverage": risk_coverage(confidence, correct).record(),
        "sweep": threshold_sweep(confidence, correct),
    }


def embedding_map(
    embedding: NDArray[np.float64],
    clips: Sequence[Clip],
    probabilities: NDArray[np.float64],
    *,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Where the model places the clips, in two dimensions (t-SNE, van der Maaten and Hinton, JMLR 2008).

    Parameters
    ----------
    embedding
        ``(clips, E)``.
    clips
        Whose clips; at most 1500 drawn by chance are shown.
    probabilities
        ``(clips, 8)``, for what the model said.
    seed
        Of the draw and of the map.

    Returns
    -------
    list of dict
        ``x``, ``y``, ``corpus``, ``emotion``, ``said``; empty with fewer than 10 clips, which make no map.
    """
    from sklearn.decomposition import PCA  # noqa: PLC0415 - heavy, and only model makers have it
    from sklearn.manifold import TSNE  # noqa: PLC0415

    if len(clips) < 10:
        return []
    rng = np.random.default_rng(seed)
    shown = np.sort(rng.permutation(len(clips))[:_MAP_POINTS])
    points = embedding[shown] - embedding[shown].mean(axis=0)
    spread = points.std(axis=0)
    points = points[:, spread > 0] / spread[spread > 0]
    if points.shape[1] == 0:
        return []
    if points.shape[1] > 50:
        points = PCA(n_components=min(50, len(shown)), random_state=seed).fit_transform(points)
    flat = TSNE(
        n_components=2,
        perplexity=min(30.0, (len(shown) - 1) / 3),
        init="random" if points.shape[1] < 2 else "pca",
        random_state=seed,
    ).fit_transform(points)
    said = probabilities.argmax(axis=1)
    return [
        {
            "x": round(float(x), 2),
            "y": round(float(y), 2),
            "corpus": clips[index].corpus,
            "emotion": clips[index].emotion,
            "said": LABELS[said[index]],
        }
        for index, (x, y) in zip(shown.tolist(), flat, strict=True)
    ]


def _corpus_record(split: str, judged: Judged, clips: Sequence[Clip], plan: Plan) -> dict[str, Any]:
    return {
        "split": str(split),
        "language": clips[0].language,
        "licence": clips[0].licence,
        **corpus_figures(judged.probabilities, clips, seed=plan.seed),
        "axes": axes_figures(judged.axes, clips, plan.thresholds, seed=plan.seed, curves=True),
    }


def _unseen(
    predict: Predictor, cache: SpeechCache, clips: Sequence[Clip], plan: Plan, tell: Progress
) -> dict[str, Any]:
    """Figures of a corpus that the model never heard."""
    windows = (centre_window(cache.audio(clip)) for clip in clips)
    judged = _answers(predict, windows, len(clips), f"strangers: {clips[0].corpus}", tell)
    return _corpus_record("all", judged, clips, plan)


def _answers(predict: Predictor, windows: Iterator[Audio], total: int, what: str, tell: Progress) -> Judged:
    """What the model says of many windows, made and judged batch by batch."""
    batches: list[Judged] = []
    tell(what, 0, total)
    for start in range(0, total, _BATCH):
        batch = [next(windows) for _ in range(min(_BATCH, total - start))]
        batches.append(predict(batch))
        tell(what, start + len(batch), total)
    axes = {name: [side for batch in batches if (side := batch.axes[name]) is not None] for name in AXES}
    return Judged(
        np.concatenate([batch.probabilities for batch in batches]),
        np.concatenate([batch.embedding for batch in batches]),
        **{name: np.concatenate(sides) if sides else None for name, sides in axes.items()},
    )


def _part(judged: Judged, which: NDArray[np.bool_]) -> Judged:
    """What was said of some of the windows."""
    return Judged(
        judged.probabilities[which],
        judged.embedding[which],
        **{name: None if side is None else side[which] for name, side in judged.axes.items()},
    )


def _hardest(probabilities: NDArray[np.float64], clips: Sequence[Clip], most: int) -> list[dict[str, Any]]:
    """The most confident mistakes."""
    truth = truth_of(clips)
    guess, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    surest = np.argsort(-np.where(guess == truth, -1.0, confidence), kind="stable")[:most]
    return [
        {
            "path": clips[index].path,
            "speaker": clips[index].speaker,
            "emotion": clips[index].emotion,
            "said": LABELS[guess[index]],
            "confidence": round(float(confidence[index]), 4),
            "licence": clips[index].licence,
        }
        for index in surest.tolist()
        if guess[index] != truth[index]
    ]


def _under(
    condition: Condition,
    name: str,
    predict: Predictor,
    cache: SpeechCache,
    chosen: Mapping[str, Sequence[Clip]],
    noises: Sequence[Audio],
    plan: Plan,
    tell: Progress,
) -> dict[str, Any]:
    """Figures of every corpus under one condition, all eight answers allowed, and of the axes."""
    result = {}
    for corpus, clips in chosen.items():
        windows = (
            condition(centre_window(cache.audio(clip)), noises, np.random.default_rng([plan.seed, index]))
            for index, clip in enumerate(clips)
        )
        judged = _answers(predict, windows, len(clips), f"{name}: {corpus}", tell)
        result[corpus] = {
            **figures(judged.probabilities, truth_of(clips), LABELS).record(),
            "axes": axes_figures(judged.axes, clips, plan.thresholds),
        }
    return result


def _no_emotion(predict: Predictor, cache: SpeechCache, plan: Plan, tell: Progress) -> dict[str, Any] | None:
    """What the model alone would accept of coughs, laughs and sighs, for which nothing should be claimed."""
    others = cache.of(Split.NO_EMOTION)
    if not others:
        return None
    clips = some_of(others, plan.clips or len(others), plan.seed)
    windows = (centre_window(cache.audio(clip)) for clip in clips)
    probabilities = _answers(predict, windows, len(clips), "nonverbal sounds", tell).probabilities
    accepted = probabilities.max(axis=1) >= ACCEPT_AT
    said = Counter(LABELS[index] for index in probabilities.argmax(axis=1)[accepted])
    return {
        "n": len(clips),
        "corpora": sorted({clip.corpus for clip in clips}),
        "accepted_share": round(float(accepted.mean()), 4),
        "accepted_as": {label: said.get(label, 0) for label in LABELS},
    }


def _live_by_corpus(
    live: Mapping[str, LivePath | None],
    cache: SpeechCache,
    chosen: Mapping[str, Sequence[Clip]],
    plan: Plan,
    tell: Progress,
) -> dict[str, Any] | None:
    """Figures of the corpora that have a live path; None where none has."""
    result = {}
    for corpus, all_clips in chosen.items():
        path = live[corpus]
        if path is None:
            continue
        clips = some_of(all_clips, plan.live_clips or len(all_clips), plan.seed)
        answers: list[LiveAnswer] = []
        for clip in clips:
            tell(f"live: {corpus}", len(answers), len(clips))
            answers.append(play(path, with_silence(cache.audio(clip))))
        result[corpus] = live_figures(answers, clips, thresholds=plan.thresholds, seed=plan.seed)
    return result or None


def _non_speech(
    live: LivePath,
    cache: SpeechCache,
    noises: Sequence[Audio],
    non_speech: Mapping[str, Sequence[Audio]],
    plan: Plan,
    tell: Progress,
) -> dict[str, Any]:
    """Accepted emotions per hour of sounds that have none, through the live path."""
    samples = round(plan.non_speech_s * SAMPLE_RATE_HZ)
    rng = np.random.default_rng(plan.seed)
    # Made one at a time: an hour of sound is a quarter of a gigabyte.
    sounds: dict[str, Callable[[], Audio]] = {}
    nonverbal = cache.of(Split.NO_EMOTION)
    if nonverbal:
        sounds["nonverbal sounds, one after the other"] = lambda: np.concatenate(
            [part for clip in nonverbal for part in (cache.audio(clip), _GAP)]
        )[:samples]
    if noises:
        sounds["recorded noise, two at a time"] = lambda: play_on(noises, samples, rng, layers=2)
    for name, recordings in non_speech.items():
        sounds[name] = partial(play_on, recordings, samples, rng)
    result: dict[str, Any] = {}
    for name, make in sounds.items():
        tell(f"live: {name}", len(result), len(sounds))
        result[name] = accepted_per_hour(live, make())
    return result


def _talk(
    live: LivePath | None,
    ordinary: Sequence[Audio],
    prompts: Mapping[str, Sequence[Audio]],
    plan: Plan,
    tell: Progress,
) -> dict[str, Any]:
    """What is claimed of talk in which nothing should be claimed, through the live path."""

    def played(what: str, sessions: Sequence[Audio]) -> dict[str, Any] | None:
        if live is None or not sessions:
            return None
        return talk_figures(live, sessions_up_to(sessions, plan.talk_s), partial(tell, f"live: {what}"))

    talk = played("ordinary talk", ordinary)
    voices = {
        voice: record
        for voice, sessions in prompts.items()
        if (record := played(f"prompts of {voice}", sessions)) is not None
    }
    return {"ordinary": talk, "prompts": voices, **talk_keys(talk, voices)}

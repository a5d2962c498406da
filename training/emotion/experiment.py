"""What all trainings of heads share: the clips, one frozen encoder's features of them, and a folder."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from core.files import replace_atomically, writing
from models.assets import WEIGHTS_DIR
from models.emotion.hybrid import EmotionHybrid, HeadEnsemble, HybridHead, HybridSettings
from models.resample import Audio
from training.data.cache import Clip, SpeechCache, open_clips
from training.data.ordinary import CORPUS, open_talk
from training.data.recordings import noise_recordings
from training.emotion.encoders import encoder_fingerprint, load_hybrid
from training.emotion.features import Features, cache_features
from training.emotion.heads import HeadResult, HeadSettings, fit_head, predict_head
from training.emotion.protocols import Fold, trainable
from training.emotion.targets import draw_probabilities, targets_of
from training.metrics import softmax
from training.progress import StepProgress, no_progress
from training.release import round_to_float16

COMPACT_ENCODER: Final = WEIGHTS_DIR / "emotion-compact-encoder"
RELEASE_HEAD: Final = HeadSettings(
    epochs=8, batch=128, rate=1.5e-3, draws_per_clip=1.0, use_encoder=False, use_spectrogram=False
)
"""Of ten thousand clips and more: fewer rounds over many are as good as many over few. Which branches travel
best was compared by corpora left out, see the model card."""
FRAME_POOL: Final = 4
"""Frames of the encoder that are averaged for the 1D-CNN: what is kept of them stays small."""


@dataclass(frozen=True)
class Experiment:
    """What all trainings of heads share."""

    cache: SpeechCache  # the decoded clips of the emotion corpora
    talk: SpeechCache | None  # windows of ordinary talk; None: heads are trained without
    noise: tuple[Audio, ...]  # recordings without speech, float32 at 16 kHz, for the augmentation
    folder: Path  # where features, answers and figures are kept
    encoder: Path  # folder of the frozen encoder
    views: int = 2  # windows of each clip: the plain one and augmented ones
    members: int = 4  # heads that answer together, fitted from random weights of their own
    threads: int = 2  # of torch
    # Recipe of the released head; folds take as many draws from fewer clips.
    head: HeadSettings = RELEASE_HEAD

    @cached_property
    def clips(self) -> tuple[Clip, ...]:
        """All that heads may be fitted to or tested on, ordinary talk last."""
        talk = () if self.talk is None else self.talk.clips
        return (*(clip for clip in self.cache.clips if trainable(clip)), *talk)

    @cached_property
    def _row_of(self) -> Mapping[str, int]:
        return {clip.path: row for row, clip in enumerate(self.clips)}

    def rows(self, clips: Sequence[Clip]) -> NDArray[np.int64]:
        """Rows of clips in `features`, ``(clips,)``."""
        return np.array([self._row_of[clip.path] for clip in clips], dtype=np.int64)

    @property
    def fingerprint(self) -> str:
        """Changes whenever a waveform may have."""
        both = self.cache.fingerprint + ("" if self.talk is None else self.talk.fingerprint)
        return hashlib.sha256(both.encode()).hexdigest()

    def audio(self, clip: Clip) -> Audio:
        """Samples of one clip, float32 at 16 kHz."""
        source = self.talk if clip.corpus == CORPUS and self.talk is not None else self.cache
        return source.audio(clip)

    def hybrid(self, head: HeadSettings | None = None) -> EmotionHybrid:
        """The encoder under a fresh head of a recipe; None: with all branches."""
        torch.set_num_threads(self.threads)
        shape = HybridSettings(frame_pool=FRAME_POOL)
        if head is not None:
            shape = head.shape(shape)
        return load_hybrid(self.encoder, shape)

    @cached_property
    def encoder_sha256(self) -> str:
        """Of what the features depend on."""
        return encoder_fingerprint(self.hybrid())

    @cached_property
    def features(self) -> Features:
        """The frozen encoder's features of all clips for all branches, kept in the folder."""
        return self.make_features()

    def make_features(self, on_progress: StepProgress = no_progress) -> Features:
        """Compute the features, or open what an earlier call left."""
        return cache_features(
            self.hybrid(),
            self,
            self.clips,
            self.folder / "features",
            views=self.views,
            noise=self.noise,
            on_progress=on_progress,
        )


def open_experiment(
    data: Path, noise: Path | None, folder: Path, *, encoder: Path | None = None, threads: int = 2
) -> Experiment:
    """Open corpora, ordinary talk and noise.

    Where ``librispeech_ordinary.tar`` lies in or beside the data, heads learn that there is nothing to claim
    in ordinary talk.

    Raises
    ------
    DataError
        Clips, talk or noise cannot be read.
    """
    archive = (data if data.is_dir() else data.parent) / f"{CORPUS}.tar"
    return Experiment(
        cache=open_clips(data),
        talk=open_talk(archive) if archive.is_file() else None,
        noise=noise_recordings(noise) if noise is not None else (),
        folder=folder,
        encoder=encoder or COMPACT_ENCODER,
        threads=threads,
    )


def fit_clips(
    experiment: Experiment, train: Sequence[Clip], settings: HeadSettings, *, run_dir: Path | None = None
) -> HeadResult:
    """Fit heads that answer together, for a fixed number of epochs: nobody's clips say when to stop.

    The threads are the experiment's, the seed that of the first head. A fit that was broken off goes on.
    """
    emotions = [clip.emotion for clip in experiment.clips]
    odds = draw_probabilities([clip.emotion for clip in train], [clip.corpus for clip in train])
    fitted = [
        fit_head(
            experiment.features,
            targets_of(emotions, settings.labels),
            experiment.rows(train),
            [],
            replace(settings, threads=experiment.threads, seed=settings.seed + member),
            draw_weights=odds,
            run_dir=None if run_dir is None else run_dir / f"head-{member}",
            resume=True,
        )
        for member in range(experiment.members)
    ]
    heads = HeadEnsemble([result.head for result in fitted if isinstance(result.head, HybridHead)])
    round_to_float16(heads)
    return replace(fitted[0], head=heads.eval())


@dataclass(frozen=True)
class FoldResult:
    """Answers of one fold's head to its test clips."""

    # Which fold, and which of `BRANCHES`.
    fold: Fold
    branch: str
    probabilities: NDArray[np.float64]  # float64, ``(clips, classes)``
    truth: NDArray[np.int64]  # int64, ``(clips,)``
    speakers: tuple[str, ...]  # of the clips


def fit_fold(experiment: Experiment, fold: Fold, branch: str, settings: HeadSettings) -> FoldResult:
    """Fit a head on the training clips of a fold and answer its test clips, once.

    Branches (a key of `BRANCHES`), classes and threads of the recipe are set here; answers are kept.

    Raises
    ------
    DataError
        The answers cannot be written.
    """
    recipe = replace(settings.with_branches(branch), labels=fold.classes, threads=experiment.threads)
    kept = experiment.folder / "folds" / f"{fold.protocol}-{fold.name}-{branch}.npz".replace(" ", "_")
    key = _key(experiment, recipe, fold)
    probabilities = _kept_probabilities(kept, key)
    if probabilities is None:
        result = fit_clips(experiment, fold.train, recipe)
        answers = predict_head(result, experiment.features, experiment.rows(fold.test))
        probabilities = softmax(answers.logits)
        with writing(f"The file {kept}"):
            kept.parent.mkdir(parents=True, exist_ok=True)
            with replace_atomically(kept) as part, part.open("wb") as file:
                np.savez(file, key=key, probabilities=probabilities)
    return FoldResult(
        fold=fold,
        branch=branch,
        probabilities=probabilities,
        truth=targets_of([clip.emotion for clip in fold.test], fold.classes).labels,
        speakers=tuple(clip.speaker for clip in fold.test),
    )


def _key(experiment: Experiment, recipe: HeadSettings, fold: Fold) -> str:
    """Changes whenever the answers of a fold may."""
    settings = {**recipe.record(), "threads": None}
    clips = [[clip.path for clip in side] for side in (fold.train, fold.test)]
    features = experiment.features
    depends_on = [features.identity, features.settings.pooled_layers, experiment.members, settings, clips]
    return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()


def _kept_probabilities(path: Path, key: str) -> NDArray[np.float64] | None:
    """Answers that an earlier call left, if they are of the same fold and recipe."""
    try:
        with np.load(path) as kept:
            if str(kept["key"]) == key:
                return np.asarray(kept["probabilities"], dtype=np.float64)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return None

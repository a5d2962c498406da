"""What all trainings of heads share: the clips, one frozen encoder's features of them, and a folder."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from models.emotion.hybrid import EmotionHybrid, HeadEnsemble, HybridHead, HybridSettings
from models.training.data.cache import Clip, SpeechCache
from models.training.data.ordinary import CORPUS, open_talk
from models.training.data.speech import open_clips
from models.training.emotion.encoders import encoder_fingerprint, load_hybrid
from models.training.emotion.features import Features, cache_features
from models.training.emotion.heads import HeadResult, HeadSettings, fit_head, predict_head
from models.training.emotion.noise import noise_recordings
from models.training.emotion.protocols import Fold, trainable
from models.training.emotion.targets import draw_probabilities, targets_of
from models.training.emotion.train import BRANCHES
from models.training.metrics import softmax
from models.writing import writing

__all__ = ["SHIPPED_HEAD", "Experiment", "FoldResult", "fit_clips", "fit_fold", "open_experiment"]

Audio = NDArray[np.float32]
Progress = Callable[[int, int], None]
SHIPPED_HEAD: Final = HeadSettings(
    epochs=8, batch=128, rate=1.5e-3, draws_per_clip=1.0, use_encoder=False, use_spectrogram=False
)
"""Of ten thousand clips and more: fewer rounds over many are as good as many over few. Which blocks travel
best was compared by corpora left out, see the model card."""
_COMPACT: Final = Path(__file__).resolve().parents[2] / "weights" / "emotion-compact-encoder"
_FRAME_POOL: Final = 4
"""Frames of the encoder that are averaged for the 1D-CNN: what is kept of them stays small."""


@dataclass(frozen=True)
class Experiment:
    """What all trainings of heads share.

    Attributes
    ----------
    cache
        The decoded clips of the emotion corpora.
    talk
        Windows of ordinary talk; None: heads hear none.
    noise
        Recordings without speech, float32 at 16 kHz, for the augmentation.
    folder
        Where features, answers and figures are kept.
    encoder
        Folder of the frozen encoder.
    views
        Windows of each clip: the plain one and augmented ones.
    members
        Heads that answer together, fitted from random weights of their own.
    threads
        Of torch.
    head
        Recipe of the shipped head; folds take as many draws from fewer clips.
    """

    cache: SpeechCache
    talk: SpeechCache | None
    noise: tuple[Audio, ...]
    folder: Path
    encoder: Path
    views: int = 3
    members: int = 4
    threads: int = 2
    head: HeadSettings = SHIPPED_HEAD

    @cached_property
    def clips(self) -> tuple[Clip, ...]:
        """All that heads may be fitted to or tested on, ordinary talk last."""
        talk = () if self.talk is None else self.talk.clips
        return (*(clip for clip in self.cache.clips if trainable(clip)), *talk)

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """By a clip's path, its row in `features`."""
        return {clip.path: row for row, clip in enumerate(self.clips)}

    @property
    def fingerprint(self) -> str:
        """Changes whenever a waveform may have."""
        said = self.cache.fingerprint + ("" if self.talk is None else self.talk.fingerprint)
        return hashlib.sha256(said.encode()).hexdigest()

    def audio(self, clip: Clip) -> Audio:
        """Samples of one clip, float32 at 16 kHz."""
        source = self.talk if clip.corpus == CORPUS and self.talk is not None else self.cache
        return source.audio(clip)

    def hybrid(self, head: HeadSettings | None = None) -> EmotionHybrid:
        """The encoder under a fresh head of a recipe; None: with all branches."""
        torch.set_num_threads(self.threads)
        shape = HybridSettings(frame_pool=_FRAME_POOL)
        if head is not None:
            shape = replace(
                shape,
                use_pooled=head.use_pooled,
                use_encoder=head.use_encoder,
                use_spectrogram=head.use_spectrogram,
                dropout=head.dropout,
                dropout_pooled=head.dropout_pooled,
            )
        return load_hybrid(self.encoder, shape)

    @cached_property
    def encoder_sha256(self) -> str:
        """Of what the features depend on."""
        return encoder_fingerprint(self.hybrid())

    @cached_property
    def features(self) -> Features:
        """The frozen encoder's view of all clips for all branches, kept in the folder."""
        return self.make_features()

    def make_features(self, on_progress: Progress | None = None) -> Features:
        """Compute the features, or open what an earlier call left.

        Raises
        ------
        DataError
            See `features.cache_features`.
        """
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

    Parameters
    ----------
    data
        A bundle's folder, a manifest, or a folder of prepared speech. Where ``librispeech_ordinary.tar``
        lies in it or beside it, heads hear that there is nothing to claim in ordinary talk.
    noise
        Folder of the noise archives; None: the views hear pink noise.
    folder, threads
        See `Experiment`.
    encoder
        Folder of the frozen encoder; None: the project's compact one.

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
        encoder=encoder or _COMPACT,
        threads=threads,
    )


def fit_clips(
    experiment: Experiment, train: Sequence[Clip], settings: HeadSettings, *, run_dir: Path | None = None
) -> HeadResult:
    """Fit heads that answer together, for a fixed number of epochs: nobody's clips say when to stop.

    Parameters
    ----------
    experiment
        Data and features.
    train
        Clips of the experiment.
    settings
        The recipe; its threads are the experiment's, its seed that of the first.
    run_dir
        Folder of checkpoints and TensorBoard events; a fit that was broken off goes on.
    """
    emotions = [clip.emotion for clip in experiment.clips]
    rows = np.array([experiment.row_of[clip.path] for clip in train], dtype=np.int64)
    odds = draw_probabilities([clip.emotion for clip in train], [clip.corpus for clip in train])
    fitted = [
        fit_head(
            experiment.features,
            targets_of(emotions, settings.labels),
            rows,
            [],
            replace(settings, threads=experiment.threads, seed=settings.seed + member),
            draw_weights=odds,
            run_dir=None if run_dir is None else run_dir / f"head-{member}",
            resume=True,
        )
        for member in range(experiment.members)
    ]
    heads = [_storable(result.head) for result in fitted if isinstance(result.head, HybridHead)]
    return replace(fitted[0], head=HeadEnsemble(heads).eval())


def _storable(head: HybridHead) -> HybridHead:
    """With matrices that float16 holds exactly, in place: the graph stores them so."""
    for value in head.parameters():
        if value.ndim > 1:
            value.data = value.data.half().float()
    return head


@dataclass(frozen=True)
class FoldResult:
    """Answers of one fold's head to its test clips.

    Attributes
    ----------
    fold, branch
        Which fold, and which of `BRANCHES`.
    probabilities
        float64, ``(clips, classes)``.
    truth
        int64, ``(clips,)``.
    speakers
        Of the clips.
    """

    fold: Fold
    branch: str
    probabilities: NDArray[np.float64]
    truth: NDArray[np.int64]
    speakers: tuple[str, ...]


def fit_fold(experiment: Experiment, fold: Fold, branch: str, settings: HeadSettings) -> FoldResult:
    """Fit a head on the training clips of a fold and answer its test clips, once.

    Parameters
    ----------
    experiment
        Data and features; answers are kept in its folder.
    fold
        From `protocols.folds_of`.
    branch
        Key of `BRANCHES`.
    settings
        The recipe; branches, classes and threads are set here.
    """
    use_pooled, use_encoder, use_spectrogram = BRANCHES[branch]
    recipe = replace(
        settings,
        labels=fold.classes,
        use_pooled=use_pooled,
        use_encoder=use_encoder,
        use_spectrogram=use_spectrogram,
        threads=experiment.threads,
    )
    kept = experiment.folder / "folds" / f"{fold.protocol}-{fold.name}-{branch}.npz".replace(" ", "_")
    key = _key(experiment, recipe, fold)
    probabilities = _kept_probabilities(kept, key)
    if probabilities is None:
        result = fit_clips(experiment, fold.train, recipe)
        rows = [experiment.row_of[clip.path] for clip in fold.test]
        probabilities = softmax(predict_head(result, experiment.features, rows).logits)
        _keep(kept, {"key": key, "probabilities": probabilities})
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
    said = json.dumps(
        [features.identity, features.settings.pooled_layers, experiment.members, settings, clips],
        sort_keys=True,
    )
    return hashlib.sha256(said.encode()).hexdigest()


def _kept_probabilities(path: Path, key: str) -> NDArray[np.float64] | None:
    """Answers that an earlier call left, if they are of the same fold and recipe."""
    try:
        with np.load(path) as kept:
            if str(kept["key"]) == key:
                return np.asarray(kept["probabilities"], dtype=np.float64)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return None


def _keep(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays whole or not at all."""
    making = path.with_suffix(".part.npz")
    with writing(f"The file {path}"):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(making, **arrays)
            making.replace(path)
        finally:
            making.unlink(missing_ok=True)

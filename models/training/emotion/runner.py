"""Owns the trainings behind the published tables: encoders by plan, heads by fold, figures by protocol."""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import DataError, WeightsError
from models.emotion.hybrid import EmotionHybrid, HybridSettings
from models.training.data.cache import Clip, SpeechCache
from models.training.data.recordings import sounds_digest
from models.training.data.speech import open_clips
from models.training.data.splits import Split
from models.training.data.window import voice_window
from models.training.emotion.encoders import load_hybrid, save_compact_encoder
from models.training.emotion.features import Features, cache_features
from models.training.emotion.heads import HeadSettings, fit_head, predict_head
from models.training.emotion.mels import MelFrames, Noises, front_end_identity, mel_frames
from models.training.emotion.noise import noise_recordings
from models.training.emotion.pretrain import EmotionNet, PretrainSettings, pretrain
from models.training.emotion.protocols import CLASSES, EncoderPlan, Fold, trainable
from models.training.emotion.teacher import TEACHER_LAYERS, TeacherFrames, teacher_frames
from models.training.emotion.tower import Tower, fit_projection
from models.training.emotion.train import BRANCHES
from models.training.metrics import softmax
from models.training.records import read_json, write_json
from models.training.yamnet.distil import DistilSettings, distil_layers
from models.training.yamnet.network import YamnetLayers, read_layers
from models.writing import writing

__all__ = [
    "DRAWS",
    "ORIGIN_NAME",
    "RATE_FRESH",
    "FoldResult",
    "Workshop",
    "corpus_features",
    "fit_fold",
    "open_workshop",
    "train_encoder",
]

_LOG = logging.getLogger(__name__)
Audio = NDArray[np.float32]
DRAWS: Final[Mapping[str, int]] = {
    "base": 144_000,
    "without_ravdess": 104_000,
    "without_emodb": 112_000,
    "without_crema_d": 104_000,
    "crema_d_fold1": 144_000,
}
"""Windows seen in the training of each plan; `DRAWS_OTHER` for those not named."""
DRAWS_OTHER: Final = 64_000
ORIGIN_NAME: Final = "origin.json"
RATE_FRESH: Final = 1.5e-3
_RATE_ON_BASE: Final = 8e-4
_PROJECTED_CLIPS: Final = 1_500
"""Clips that the projection of the tower is fitted to, at most about so many."""
_TOWER_FRAMES: Final = 19
"""Of the tower in 3 s."""


@dataclass(frozen=True)
class Workshop:
    """What all trainings share.

    Attributes
    ----------
    cache
        The decoded clips.
    noise
        Recordings without speech, float32 at 16 kHz, for the augmentation.
    folder
        Where checkpoints, features and figures are kept.
    threads
        Of torch.
    budget
        Share of the windows that each encoder is to see, > 0; 1 is the published recipe.
    teacher
        YAMNet's first layers: what the encoders imitate, and what the tower beside them learns to answer;
        None: neither.
    recipe
        Of the encoders; how many windows and which rate are the plan's.
    tower
        Of the tower.
    """

    cache: SpeechCache
    noise: tuple[Audio, ...]
    folder: Path
    threads: int = 2
    budget: float = 1.0
    teacher: YamnetLayers | None = None
    recipe: PretrainSettings = field(default_factory=PretrainSettings)
    tower: DistilSettings = field(default_factory=lambda: DistilSettings(n_layers=TEACHER_LAYERS))

    @cached_property
    def noise_digest(self) -> str:
        """SHA-256 of the noise, in hexadecimal; asked for often, and long to compute."""
        return sounds_digest(self.noise)

    def encoder_folder(self, plan: str) -> Path:
        """Where the trained encoder of a plan lies, as `load_hybrid` reads it."""
        return self.folder / "encoders" / plan / "encoder"


def open_workshop(
    data: Path,
    noise: Path | None,
    folder: Path,
    *,
    teacher: Path | None = None,
    threads: int = 2,
    budget: float = 1.0,
) -> Workshop:
    """Open the corpora and the noise.

    Parameters
    ----------
    data
        A bundle's folder, a manifest, or a folder of prepared speech.
    noise
        Folder of the noise archives; None: the encoders are trained without, and the views hear pink noise.
    teacher
        YAMNet's weights, as `read_layers` reads them; None: the encoders imitate nothing and have no tower.
    folder, threads, budget
        See `Workshop`.

    Raises
    ------
    DataError
        Clips or noise cannot be read, or a teacher comes without the noise that the tower learns it from.
    WeightsError
        The teacher cannot be read.
    """
    if teacher is not None and noise is None:
        raise DataError(
            "What a teacher says is learned from recorded noise too, and there is none: give --noise."
        )
    cache = open_clips(data)
    return Workshop(
        cache,
        noise_recordings(noise) if noise is not None else (),
        folder,
        threads,
        budget,
        read_layers(teacher, TEACHER_LAYERS) if teacher is not None else None,
    )


def _frames(workshop: Workshop) -> MelFrames:
    """Log-mel frames of all clips, kept in the folder."""
    clips = workshop.cache.clips
    path = workshop.folder / f"mels-{workshop.cache.fingerprint[:12]}-{front_end_identity()}.npz"
    if not path.exists():
        active = [(clip.active_start, clip.active_stop) for clip in clips]
        frames = mel_frames([workshop.cache.audio(clip) for clip in clips], active)
        _keep(path, vars(frames))
    with np.load(path) as kept:
        return MelFrames(**{name: kept[name] for name in kept.files})


def _taught(workshop: Workshop) -> TeacherFrames | None:
    """The teacher's view of all clips, kept in the folder."""
    if workshop.teacher is None:
        return None
    cache = workshop.cache
    said = f"{cache.fingerprint} {_teacher_identity(workshop.teacher)}"
    path = workshop.folder / f"teacher-{hashlib.sha256(said.encode()).hexdigest()[:12]}.npz"
    if not path.exists():
        _LOG.info("the teacher listens to %d clips", len(cache.clips))
        frames = teacher_frames([cache.audio(clip) for clip in cache.clips], workshop.teacher)
        _keep(path, vars(frames))
    with np.load(path) as kept:
        return TeacherFrames(**{name: kept[name] for name in kept.files})


def _teacher_identity(teacher: YamnetLayers) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(teacher.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().data)
    return digest.hexdigest()


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


def _heard(cache: SpeechCache, plan: EncoderPlan) -> list[int]:
    found = [row for row, clip in enumerate(cache.clips) if trainable(clip) and plan.hears(clip)]
    if not found:
        raise DataError(f"No clip is left for the encoder {plan.name!r}: prepare the whole manifest.")
    return found


def _unheard(cache: SpeechCache, heard: Sequence[int]) -> list[int]:
    """Calibration speakers that an encoder may not hear: its curves are about those."""
    known = set(heard)
    return [
        row
        for row, clip in enumerate(cache.clips)
        if clip.split is Split.CALIBRATION and trainable(clip) and row not in known
    ]


def train_encoder(workshop: Workshop, plans: Mapping[str, EncoderPlan], name: str) -> Path:
    """Train the encoder of one plan, and those it starts from; what is whole already is not done again.

    Parameters
    ----------
    workshop
        Data and folder.
    plans
        From `protocols.encoder_plans`.
    name
        Of the plan.

    Returns
    -------
    Path
        Folder of the encoder.

    Raises
    ------
    DataError
        There is nothing to hear, or the base heard what this plan may not.
    WeightsError
        The encoder that lies there heard other clips or was trained by another recipe.
    """
    folder = workshop.encoder_folder(name)
    origin = _origin(workshop, plans, name)
    if (folder / "model.safetensors").exists():
        if read_json(folder / ORIGIN_NAME, "attune train encoders") != {"origin": origin}:
            raise WeightsError(
                f"The encoder {folder} heard other clips or has another recipe: give another --run."
            )
        return folder
    # First the shorter training: what is wrong with it is to be said before the longer one.
    heard = _heard(workshop.cache, plans[name])
    tower = _tower(workshop, heard) if workshop.teacher is not None else None
    net = _train_net(workshop, plans, name)
    if tower is not None:
        net.encoder.add_module("tower", tower)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / ORIGIN_NAME, {"origin": origin})
    save_compact_encoder(net.encoder, net.settings, folder)
    _LOG.info("encoder %s is ready", name)
    return folder


def _tower(workshop: Workshop, heard: Sequence[int]) -> Tower:
    """The tower with the projection of the clips that an encoder hears.

    Its layers are the same for all: they learn from sounds that are no corpus of speech, so that none of
    them has heard anybody who is tested.
    """
    assert workshop.teacher is not None
    layers = distil_layers(
        workshop.teacher,
        workshop.noise,
        workshop.folder / "tower",
        _tower_settings(workshop),
        identity=_tower_identity(workshop),
    )
    tower = Tower(layers.n_layers)
    tower.layers = layers
    cache = workshop.cache
    chosen = [cache.clips[row] for row in heard[:: max(1, len(heard) // _PROJECTED_CLIPS)]]
    windows = (voice_window(cache.audio(clip), (clip.active_start, clip.active_stop)) for clip in chosen)
    with torch.inference_mode():
        parts = [tower.channels(torch.from_numpy(window)[None], _TOWER_FRAMES)[0] for window in windows]
    fit_projection(tower, torch.cat(parts).clone())
    return tower


def _tower_settings(workshop: Workshop) -> DistilSettings:
    steps, still = (
        max(1, round(count * workshop.budget)) for count in (workshop.tower.steps, workshop.tower.still_steps)
    )
    return replace(workshop.tower, steps=steps, still_steps=still, threads=workshop.threads)


def _tower_identity(workshop: Workshop) -> str:
    assert workshop.teacher is not None
    return f"{_teacher_identity(workshop.teacher)} {workshop.noise_digest}"


def _origin(workshop: Workshop, plans: Mapping[str, EncoderPlan], name: str) -> str:
    """Changes whenever the encoder of a plan may, its tower included."""
    said = [_net_origin(workshop, plans, name)]
    if workshop.teacher is not None:
        tower = {**asdict(_tower_settings(workshop)), "threads": None}
        said += [json.dumps(tower, sort_keys=True), _tower_identity(workshop)]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def _net_origin(workshop: Workshop, plans: Mapping[str, EncoderPlan], name: str) -> str:
    """Changes with an encoder's clips, recipe, noise and teacher, and with those of its base."""
    plan, cache = plans[name], workshop.cache
    recipe = {**asdict(_recipe(workshop, plan)), "threads": None}
    said = [
        cache.fingerprint,
        front_end_identity(),
        workshop.noise_digest,
        json.dumps(recipe, sort_keys=True),
        _teacher_identity(workshop.teacher) if workshop.teacher is not None else "",
        _net_origin(workshop, plans, plan.base) if plan.base is not None else "",
        *(cache.clips[row].path for row in _heard(cache, plan)),
    ]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def _recipe(workshop: Workshop, plan: EncoderPlan) -> PretrainSettings:
    recipe = workshop.recipe
    draws = max(recipe.batch, round(DRAWS.get(plan.name, DRAWS_OTHER) * workshop.budget))
    return replace(
        recipe,
        draws=draws,
        draws_per_epoch=min(recipe.draws_per_epoch, draws),
        peak_rate=RATE_FRESH if plan.base is None else _RATE_ON_BASE,
        threads=workshop.threads,
    )


def _train_net(workshop: Workshop, plans: Mapping[str, EncoderPlan], name: str) -> EmotionNet:
    plan, cache = plans[name], workshop.cache
    heard, start = _heard(cache, plan), None
    if plan.base is not None:
        secret = set(_heard(cache, plans[plan.base])) - set(heard)
        if secret:
            clip = cache.clips[min(secret)]
            raise DataError(f"{plan.base} heard {clip.path}, which {name} may not: mend the plans.")
        start = _train_net(workshop, plans, plan.base)
    classes = np.array([CLASSES.index(c.emotion) if c.emotion in CLASSES else -1 for c in cache.clips])
    noises = Noises(mel_frames(workshop.noise).frames) if workshop.noise else None
    return pretrain(
        _frames(workshop),
        heard,
        _unheard(cache, heard) if plan.watched else [],
        classes,
        [clip.corpus for clip in cache.clips],
        noises,
        _taught(workshop),
        workshop.folder / "encoders" / name,
        _recipe(workshop, plan),
        identity=_net_origin(workshop, plans, name),
        n_classes=len(CLASSES),
        start=start,
    )


@dataclass(frozen=True)
class FoldResult:
    """Answers of one fold's head to its test clips.

    Attributes
    ----------
    fold, branch
        Which fold, and which of `BRANCHES`.
    probabilities
        float64, ``(clips, classes)``, mean over the windows of a clip.
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


def corpus_features(
    workshop: Workshop, encoder: Path, clips: Sequence[Clip], *, views: int
) -> tuple[EmotionHybrid, Features]:
    """The hybrid on an encoder, and its frozen features of the clips."""
    torch.set_num_threads(workshop.threads)
    hybrid = load_hybrid(encoder, HybridSettings())
    features = cache_features(
        hybrid,
        workshop.cache,
        clips,
        workshop.folder / "features",
        views=views,
        noise=workshop.noise,
    )
    return hybrid, features


def fit_fold(
    workshop: Workshop,
    fold: Fold,
    features: Features,
    clips: Sequence[Clip],
    branch: str,
    settings: HeadSettings | None = None,
) -> FoldResult:
    """Fit a head on the training clips of a fold and answer its test clips, once.

    The number of epochs is fixed: the encoder heard the training clips, so that none of them could say
    when to stop.

    Parameters
    ----------
    workshop
        Data and threads.
    fold
        From `protocols.folds_of`.
    features, clips
        Frozen features of the clips, which hold all of the fold's.
    branch
        Key of `BRANCHES`.
    settings
        The recipe; branches, classes and threads are set here.
    """
    row_of = {clip.path: row for row, clip in enumerate(clips)}
    labels = np.array(
        [fold.classes.index(c.emotion) if c.emotion in fold.classes else -1 for c in clips], dtype=np.int64
    )
    train = np.array([row_of[clip.path] for clip in fold.train], dtype=np.int64)
    test = np.array([row_of[clip.path] for clip in fold.test], dtype=np.int64)
    use_encoder, use_spectrogram = BRANCHES[branch]
    recipe = replace(
        settings or HeadSettings(),
        labels=fold.classes,
        use_encoder=use_encoder,
        use_spectrogram=use_spectrogram,
        threads=workshop.threads,
    )
    kept = workshop.folder / "folds" / f"{fold.protocol}-{fold.name}-{branch}.npz".replace(" ", "_")
    key = _key(features, recipe, train, test)
    probabilities = _kept_probabilities(kept, key)
    if probabilities is None:
        result = fit_head(features, labels, train, [], recipe)
        logits, _ = predict_head(result, features, test)
        probabilities = softmax(logits)
        _keep(kept, {"key": key, "probabilities": probabilities})
    return FoldResult(
        fold=fold,
        branch=branch,
        probabilities=probabilities,
        truth=labels[test],
        speakers=tuple(clip.speaker for clip in fold.test),
    )


def _key(features: Features, recipe: HeadSettings, train: NDArray[np.int64], test: NDArray[np.int64]) -> str:
    """Changes whenever the answers of a fold may."""
    settings = {**recipe.record(), "threads": None}
    said = json.dumps([features.identity, settings, train.tolist(), test.tolist()], sort_keys=True)
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

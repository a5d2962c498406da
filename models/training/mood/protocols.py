"""Owns who learns and who is tested, officially and by chance, and the heads fitted so."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from models.training.mood.calibrate import fit_calibration, sigmoid
from models.training.mood.head import MoodNet, MoodSettings, fit_head, predict_logits
from models.training.mood.jamendo import Jamendo

__all__ = [
    "FOLDS",
    "SEEDS",
    "Part",
    "Progress",
    "fitted",
    "official",
    "probabilities",
    "random_folds",
    "random_split",
    "seeded",
]

SEEDS: Final = (0, 1, 2)
FOLDS: Final = 5
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Part:
    """One way to divide the tracks.

    Attributes
    ----------
    name
        Of its folder in a run.
    train, validation, test
        Rows; validation picks the epoch and calibrates.
    """

    name: str
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def official(data: Jamendo) -> Part:
    """The official split-0, artists apart.

    Training and validation take the few tracks outside the split along, on the side of their artists
    (see `Jamendo.wide`): without them two of the three tags outside the split have hardly an example. The
    test is the official one, not a track more.
    """
    train, validation = data.rows("train", wide=True), data.rows("validation", wide=True)
    return Part("official", train, validation, data.rows("test"))


def random_split(data: Jamendo, seed: int = 0) -> Part:
    """80, 10 and 10 % of all tracks by chance: an artist's tracks stand on all sides."""
    order = np.random.default_rng(seed).permutation(len(data.tracks))
    train, validation, test = np.split(order, [round(0.8 * len(order)), round(0.9 * len(order))])
    return Part("random-split", train, validation, test)


def random_folds(data: Jamendo, seed: int = 0) -> tuple[Part, ...]:
    """Five folds by chance; of the other four fifths, one track in ten is for validation."""
    parts = np.array_split(np.random.default_rng(seed).permutation(len(data.tracks)), FOLDS)
    folds = []
    for place, test in enumerate(parts):
        others = np.concatenate([part for other, part in enumerate(parts) if other != place])
        folds.append(
            Part(f"random-fold-{place + 1}", others[len(others) // 10 :], others[: len(others) // 10], test)
        )
    return tuple(folds)


def fitted(
    data: Jamendo,
    part: Part,
    settings: MoodSettings,
    run: Path | None = None,
    on_epoch: Callable[[int], None] = lambda _done: None,
) -> MoodNet:
    """The head of one part and seed, calibrated on its validation side; trained where the run lacks it.

    Jamendo's tags are what its artists chose to say: many that fit are missing. So the training artists are
    cut into folds; of each fold a head that learned from the other folds says what it hears, and these second
    opinions make up half of what the head then learns (in the manner of distillation, Hinton et al., 2015).

    Parameters
    ----------
    data, part
        Tracks, and how they are divided.
    settings
        The recipe, seed included.
    run
        Folder that keeps it; None: nothing is kept.
    on_epoch
        Called with the epochs done, those of all ``1 + settings.second_folds`` heads together.

    Raises
    ------
    DataError, WeightsError
        See `fit_head`.
    """
    folder = run / part.name / f"seed{settings.seed}" if run is not None else None
    second = None
    if settings.second_folds:
        second = np.empty((len(part.train), data.labels.shape[1]))
        of_fold = _folds(data, part, settings)
        for fold in range(settings.second_folds):
            said = of_fold == fold
            net = _fit(data, part.train[~said], part, settings, folder and folder / f"second{fold + 1}")
            second[said] = sigmoid(predict_logits(net, data.embeddings[part.train[said]]))
            on_epoch((1 + fold) * settings.epochs)
    done = settings.second_folds * settings.epochs
    net = _fit(data, part.train, part, settings, folder, second, lambda epoch: on_epoch(done + epoch))
    slope, offsets = fit_calibration(
        predict_logits(net, data.embeddings[part.validation]), data.labels[part.validation]
    )
    with torch.no_grad():
        net.slope.fill_(slope)
        net.offset.copy_(torch.from_numpy(offsets))
    return net


def _folds(data: Jamendo, part: Part, settings: MoodSettings) -> NDArray[np.int64]:
    """Fold of every training row, all tracks of an artist in one."""
    rng = np.random.default_rng([settings.seed, len(part.train)])
    names, artist = np.unique([data.artists[row] for row in part.train], return_inverse=True)
    of_artist: NDArray[np.int64] = rng.permutation(len(names)) % settings.second_folds
    return of_artist[artist]


def _fit(
    data: Jamendo,
    rows: NDArray[np.int64],
    part: Part,
    settings: MoodSettings,
    folder: Path | None,
    second: NDArray[np.float64] | None = None,
    on_epoch: Callable[[int], None] | None = None,
) -> MoodNet:
    known = hashlib.sha256(rows.tobytes() + b"|" + part.validation.tobytes())
    return fit_head(
        data.embeddings,
        data.labels,
        rows,
        part.validation,
        settings,
        second=second,
        identity=f"{data.fingerprint} {known.hexdigest()}",
        run_dir=folder,
        on_epoch=on_epoch,
    ).net


def probabilities(net: MoodNet, embeddings: NDArray[np.float32], batch: int = 1024) -> NDArray[np.float64]:
    """Calibrated answers of a head, ``(tracks, tags)``, to raw embeddings ``(tracks, 1024)``."""
    net.eval()
    with torch.no_grad():
        parts = [
            net(torch.from_numpy(embeddings[first : first + batch])).numpy()
            for first in range(0, len(embeddings), batch)
        ]
    return np.concatenate(parts).astype(np.float64)


def seeded(settings: MoodSettings, seed: int) -> MoodSettings:
    """The recipe with another seed."""
    return replace(settings, seed=seed)

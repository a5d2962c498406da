"""Who is trained on and who is tested, by the official split and by chance, and the heads trained so."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.mood.calibrate import fit_calibration, sigmoid
from training.mood.head import MoodNet, MoodSettings, fit_head, predict_logits
from training.mood.jamendo import Jamendo, TaggedTracks
from training.mood.ridge import ridge_probabilities

SEEDS: Final = (0, 1, 2)
FOLDS: Final = 5


@dataclass(frozen=True)
class TrackSplit:
    """One way to divide the tracks."""

    name: str  # of its folder in a run
    # Rows; validation picks the epoch and calibrates.
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def official_split(data: Jamendo) -> TrackSplit:
    """The official split-0, artists apart.

    Training and validation take the few tracks outside the split along, on the side of their artists
    (see `Jamendo.wide`): without them two of the three tags outside the split have hardly an example. The
    test is the official one, not a track more.
    """
    train, validation = data.rows("train", wide=True), data.rows("validation", wide=True)
    return TrackSplit("official", train, validation, data.rows("test"))


def random_split(data: Jamendo) -> TrackSplit:
    """80, 10 and 10 % of all tracks by chance: an artist's tracks stand on all sides."""
    order = np.random.default_rng(0).permutation(len(data.tracks))
    return TrackSplit("random-split", *np.split(order, [round(0.8 * len(order)), round(0.9 * len(order))]))


def random_folds(data: Jamendo) -> tuple[TrackSplit, ...]:
    """Five folds by chance; of the other four fifths, one track in ten is for validation."""
    parts = np.array_split(np.random.default_rng(0).permutation(len(data.tracks)), FOLDS)
    folds = []
    for place, test in enumerate(parts):
        others = np.concatenate([part for other, part in enumerate(parts) if other != place])
        tenth = len(others) // 10
        folds.append(TrackSplit(f"random-fold-{place + 1}", others[tenth:], others[:tenth], test))
    return tuple(folds)


@dataclass(frozen=True)
class TrainedHead:
    """A head that is released, and the one by which it was judged before."""

    net: MoodNet  # trained on the training and, where the settings say so, the validation side
    # The same recipe on the training side alone: calibration, thresholds and moods are fitted to its answers
    # on the validation side.
    checked: MoodNet


def train_head(
    data: TaggedTracks,
    split: TrackSplit,
    settings: MoodSettings,
    run: Path | None = None,
    on_epoch: Callable[[int], None] = lambda _done: None,
) -> TrainedHead:
    """The head of one split and seed, calibrated on its validation side; trained where the run lacks it.

    With `MoodSettings.refit` the recipe is then repeated on both sides, without picking an epoch: a third
    more artists are worth more than the calibration loses by being that of the first head.
    """
    folder = run / split.name / f"seed{settings.seed}" if run is not None else None
    checked = _fit_with_opinions(data, split.train, split.validation, settings, folder, on_epoch)
    answers = predict_logits(checked, data.embeddings[split.validation])
    slope, offsets = fit_calibration(answers, data.labels[split.validation])
    checked.calibrate(slope, offsets)
    if not settings.refit:
        return TrainedHead(checked, checked)
    done = fits(settings) // 2 * settings.epochs
    rows = np.concatenate([split.train, split.validation])
    net = _fit_with_opinions(
        data, rows, None, settings, folder and folder / "refit", lambda epoch: on_epoch(done + epoch)
    )
    # Two fits of one recipe say a tag a little oftener or seldomer: the mean logit of each tag is made equal.
    means = [predict_logits(one, data.embeddings[rows]).mean(axis=0) for one in (checked, net)]
    net.calibrate(slope, offsets + slope * (means[0] - means[1]))
    return TrainedHead(net, checked)


def fits(settings: MoodSettings) -> int:
    """How many networks `train_head` fits."""
    return (1 + settings.refit) * (1 + settings.second_folds * len(settings.second_powers))


def _fit_with_opinions(
    data: TaggedTracks,
    rows: NDArray[np.int64],
    validation: NDArray[np.int64] | None,
    settings: MoodSettings,
    folder: Path | None,
    on_epoch: Callable[[int], None],
) -> MoodNet:
    soft_labels = second_opinions(data, rows, settings, folder, on_epoch) if settings.second_folds else None
    done = settings.second_folds * len(settings.second_powers) * settings.epochs
    return _fit(data, rows, validation, settings, folder, soft_labels, lambda epoch: on_epoch(done + epoch))


def second_opinions(
    data: TaggedTracks,
    rows: NDArray[np.int64],
    settings: MoodSettings,
    folder: Path | None,
    on_epoch: Callable[[int], None] = lambda _done: None,
) -> NDArray[np.float64]:
    """Soft labels of tracks, by models that did not learn from their artists, ``(rows, tags)``.

    Jamendo's tags are what its artists chose to say: many that fit are missing. So the artists are cut into
    folds. Of each fold several models of different kinds, trained on the other folds, give probabilities:
    heads that even artists out or do not (`MoodSettings.second_powers`), and a linear ridge regression. Their
    mean makes up part of the targets of the final head, which learns from all of them (in the manner of
    distillation, Hinton et al., 2015).
    """
    soft_labels = np.empty((len(rows), data.labels.shape[1]))
    of_fold = _folds(data, rows, settings)
    done = 0
    for fold in range(settings.second_folds):
        mine = of_fold == fold
        others, asked = rows[~mine], data.embeddings[rows[mine]]
        answers = [ridge_probabilities(data.embeddings[others], data.labels[others], asked)]
        for place, power in enumerate(settings.second_powers):
            where = folder and folder / f"second{fold + 1}-{place + 1}"
            net = _fit(data, others, None, replace(settings, artist_power=power), where)
            answers.append(sigmoid(predict_logits(net, asked)))
            done += settings.epochs
            on_epoch(done)
        soft_labels[mine] = np.mean(answers, axis=0)
    return soft_labels


def _folds(data: TaggedTracks, rows: NDArray[np.int64], settings: MoodSettings) -> NDArray[np.int64]:
    """Fold of every row, all tracks of an artist in one."""
    rng = np.random.default_rng([settings.seed, len(rows)])
    names, artist = np.unique([data.artists[row] for row in rows], return_inverse=True)
    of_artist: NDArray[np.int64] = rng.permutation(len(names)) % settings.second_folds
    return of_artist[artist]


def _fit(
    data: TaggedTracks,
    rows: NDArray[np.int64],
    validation: NDArray[np.int64] | None,
    settings: MoodSettings,
    folder: Path | None,
    soft_labels: NDArray[np.float64] | None = None,
    on_epoch: Callable[[int], None] = lambda _done: None,
) -> MoodNet:
    known = hashlib.sha256(rows.tobytes() + b"|" + (b"" if validation is None else validation.tobytes()))
    draw_weights = None
    if settings.artist_power:
        _, artist, tracks = np.unique(
            [data.artists[row] for row in rows], return_inverse=True, return_counts=True
        )
        draw_weights = tracks[artist].astype(np.float64) ** -settings.artist_power
    return fit_head(
        data.embeddings,
        data.labels,
        rows,
        validation,
        settings,
        soft_labels=soft_labels,
        draw_weights=draw_weights,
        identity=f"{data.fingerprint} {known.hexdigest()}",
        run_dir=folder,
        on_epoch=on_epoch,
    ).net

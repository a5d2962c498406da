"""How the eight moods of a head are made comparable, and how well the leading one fits."""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.mood_tags import GROUPS, TAGS
from models.mood.mood_scale import MOODS, MoodScale, mean_logits, mood_weights
from training.intervals import DRAWS, percentile_interval
from training.metrics import softmax
from training.mood.jamendo import EMBEDDING_SIZE
from training.mood.ranking import draw_artists

FITTING: Final[Mapping[str, tuple[str, ...]]] = {
    "Q1": ("happy", "energetic", "uplifting"),
    "Q2": ("energetic", "dark", "dramatic"),
    "Q3": ("sad", "dark"),
    "Q4": ("calm", "romantic"),
}
"""Moods that fit a quadrant: pleasant and lively, unpleasant and lively, unpleasant and quiet, pleasant and
quiet (Russell, 1980)."""

_HELD: Final = np.array([[tag in tags for tag in TAGS] for tags in GROUPS.values()])  # (8, 59)
_MANIFEST_NAME: Final = "4q_taffc_manifest.csv"
_EMBEDDINGS_NAME: Final = "4q_taffc_yamnet_embeddings.npz"
_BALANCE_STEPS: Final = 400
_RAREST: Final = 1e-3
"""Share of leads below which a mood counts as so rare: its logarithm stays finite."""


@dataclass(frozen=True)
class Quadrants:
    """Clips whose quadrant of valence and arousal people agreed on."""

    embeddings: NDArray[np.float32]  # mean YAMNet embedding of each, float32, ``(clips, 1024)``
    quadrants: tuple[str, ...]  # keys of `FITTING`, one a clip


def moods_of(labels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Moods that have at least one labelled tag, ``(tracks, 8)``, of labels ``(tracks, 59)``."""
    held: NDArray[np.bool_] = labels @ _HELD.T
    return held


def _voices(moods: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A track's one voice, divided among its moods, ``(tracks, 8)``."""
    voices: NDArray[np.float64] = moods / moods.sum(axis=1, keepdims=True)
    return voices


def fit_scale(probabilities: NDArray[np.float64], labels: NDArray[np.bool_]) -> MoodScale:
    """One slope for the mean logits of all moods, and offsets by which each leads as often as it is labelled.

    The slope is that of multinomial regression on the moods' voices, with free offsets (McFadden, 1974). Its
    offsets would let common moods lead oftener than they are labelled, and rare ones hardly ever; so those
    are taken that minimise mean(max(score + offset)) - share * offset. It is convex, and its gradient is the
    difference between the shares of leads and of labels (as in semi-discrete optimal transport).
    Probabilities are calibrated, ``(tracks, 59)`` as the labels, of artists whom the network did not learn
    from.

    Raises
    ------
    DataError
        A mood is not labelled at all, a track has no label, the probabilities say nothing of the moods, or
        are not finite.
    """
    moods = moods_of(labels)
    for name, count in zip(MOODS, moods.sum(axis=0), strict=True):
        if not count:
            raise DataError(
                f"None of {len(moods)} validation tracks has a tag of the mood {name!r}: its share of the "
                "moods cannot be fitted."
            )
    if not moods.any(axis=1).all():
        raise DataError("A validation track has no mood tag at all: leave such tracks out.")
    if not np.isfinite(probabilities).all():
        raise DataError("The mood head answers with NaN on validation tracks: its weights are damaged.")
    logits, voices = mean_logits(probabilities), _voices(moods)
    slope = _slope(logits, voices)
    if not slope > 0.0:
        raise DataError(
            f"On {len(moods)} validation tracks moods are labelled the less the likelier the head takes them "
            f"(slope {slope:.3g}): it has learned nothing to weigh."
        )
    offsets = _balance(slope * logits, voices.mean(axis=0))
    return MoodScale(round(slope, 6), tuple(round(float(value), 6) for value in offsets))


def _slope(logits: NDArray[np.float64], voices: NDArray[np.float64]) -> float:
    """Of highest likelihood; offsets are 0 at the start and held there by next to nothing."""
    from scipy.optimize import root  # noqa: PLC0415 - only while fitting

    def gradient_and_hessian(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        shares = softmax(values[0] * logits + values[1:])
        wrong = shares - voices
        beside = shares * (logits - (shares * logits).sum(axis=1, keepdims=True))
        gradient = np.concatenate([[(wrong * logits).sum()], wrong.sum(axis=0)]) + 1e-6 * values
        hessian = 1e-6 * np.eye(len(values))
        hessian[0, 0] += (beside * logits).sum()
        hessian[0, 1:] = hessian[1:, 0] = beside.sum(axis=0)
        hessian[1:, 1:] += np.diag(shares.sum(axis=0)) - shares.T @ shares
        return gradient, hessian

    start = np.concatenate([[1.0], np.zeros(len(MOODS))])
    return float(root(gradient_and_hessian, start, jac=True, tol=1e-12).x[0])


def _balance(scores: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Offsets, of mean 0, with which each mood has the highest score in its wanted share of the tracks."""
    offsets = np.zeros(len(MOODS))
    best, least = offsets, np.inf
    for step in range(_BALANCE_STEPS):
        leads = np.bincount((scores + offsets).argmax(axis=1), minlength=len(MOODS)) / len(scores)
        gap = float(np.abs(leads - wanted).sum())
        if gap < least:
            best, least = offsets, gap
        ratio = np.log(wanted) - np.log(np.maximum(leads, _RAREST))
        offsets = offsets + 0.5 / (1.0 + step / 20.0) * ratio
    centred: NDArray[np.float64] = best - best.mean()
    return centred


def weights_by_rule(
    probabilities: NDArray[np.float64], thresholds: NDArray[np.float64], scale: MoodScale
) -> dict[str, NDArray[np.float32]]:
    """Weights ``(tracks, 8)`` of the moods by the released rule, ``scale``, and by that without it."""
    answers, needed = probabilities.astype(np.float32), thresholds.astype(np.float32)
    return {"scale": mood_weights(answers, needed, scale), "thresholds": mood_weights(answers, needed)}


def mood_figures(
    weights: NDArray[np.float32], labels: NDArray[np.bool_], artists: Sequence[str], *, draws: int = DRAWS
) -> dict[str, Any]:
    """How well the leading mood fits what artists say, and whether any leads too often.

    Weights of the moods are ``(tracks, 8)``, labels of the tags ``(tracks, 59)``.

    Returns
    -------
    dict
        ``tracks``; ``hit``, the share of tracks whose leading mood has a labelled tag, with its ``interval``;
        ``hit_of_commonest``, the same for always naming the mood that most tracks have; ``macro_recall``,
        mean over moods; ``misplaced``, the share of leads that some mood has too many; ``by_mood``, for each
        ``labelled`` (share of tracks), ``voices`` (mean of `_voices`), ``leads`` (share), ``recall`` and
        ``precision``; and ``confusion``, tracks by mood that is labelled (rows; a track counts in each of its
        moods) and mood that leads (columns).
    """
    moods = moods_of(labels)
    leads = weights.argmax(axis=1)
    right = moods[np.arange(len(moods)), leads]
    confusion = moods.T.astype(np.int64) @ np.eye(len(MOODS), dtype=np.int64)[leads]
    labelled, led = moods.sum(axis=0), np.bincount(leads, minlength=len(MOODS))
    hits = np.diag(confusion)
    recall, precision = hits / np.maximum(labelled, 1), hits / np.maximum(led, 1)
    voices, shares = _voices(moods).mean(axis=0), led / len(leads)
    drawn = draw_artists(artists, draws)
    columns = {
        "labelled": labelled / len(moods),
        "voices": voices,
        "leads": shares,
        "recall": recall,
        "precision": precision,
    }
    return {
        "tracks": len(moods),
        "hit": round(float(right.mean()), 4),
        "interval": percentile_interval(drawn @ right / drawn.sum(axis=1)),
        "hit_of_commonest": round(float(moods.mean(axis=0).max()), 4),
        "macro_recall": round(float(recall.mean()), 4),
        "misplaced": round(float(np.abs(shares - voices).sum() / 2), 4),
        "by_mood": {
            mood: {name: round(float(values[place]), 4) for name, values in columns.items()}
            for place, mood in enumerate(MOODS)
        },
        "confusion": confusion.tolist(),
    }


def read_quadrants(folder: Path) -> Quadrants:
    """Read the 900 clips in four quadrants (Panda et al., 2020), of which only embeddings are at hand.

    Raises
    ------
    DataError
        A file is missing or damaged, or they do not belong together.
    """
    table, arrays = folder / _MANIFEST_NAME, folder / _EMBEDDINGS_NAME
    for path in (table, arrays):
        if not path.is_file():
            raise DataError(f"There is no {path}: give the folder of the clips in four quadrants.")
    try:
        with table.open(encoding="utf-8", newline="") as lines:
            quadrant_of = {row["path"]: row["quadrant"] for row in csv.DictReader(lines)}
        with arrays.open("rb") as handle, np.load(handle, allow_pickle=False) as content:
            paths, embeddings = content["path"].tolist(), content["mean"].astype(np.float32)
        quadrants = tuple(quadrant_of[path] for path in paths)
    except (OSError, EOFError, ValueError, KeyError, csv.Error, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"The clips in four quadrants in {folder} are damaged ({error!r}): get them again."
        ) from error
    strange = sorted(set(quadrants) - set(FITTING))
    if strange or embeddings.shape != (len(paths), EMBEDDING_SIZE) or not np.isfinite(embeddings).all():
        raise DataError(
            f"The clips in four quadrants in {folder} have embeddings {embeddings.shape} and quadrants "
            f"{', '.join(strange) or 'as they should be'}: finite ones of {EMBEDDING_SIZE} values and "
            f"{', '.join(FITTING)} are needed."
        )
    return Quadrants(embeddings, quadrants)


def quadrant_figures(weights: NDArray[np.float32], quadrants: Sequence[str]) -> dict[str, Any]:
    """Which moods lead in each quadrant; weights ``(clips, 8)``.

    By quadrant: ``clips``, ``leads`` (clips by mood), and ``fitting``, the share whose leading mood is of
    `FITTING`.
    """
    leads, where = weights.argmax(axis=1), np.array(quadrants)
    figures = {}
    for name, moods in FITTING.items():
        led = np.bincount(leads[where == name], minlength=len(MOODS))
        fitting = sum(int(led[MOODS.index(mood)]) for mood in moods)
        figures[name] = {
            "clips": int(led.sum()),
            "leads": dict(zip(MOODS, led.tolist(), strict=True)),
            "fitting": round(fitting / max(1, int(led.sum())), 4),
        }
    return figures

"""How far a student answers as the reference does, on sound that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from models.resample import Audio

Floats = NDArray[np.float32]
PatchNetwork = Callable[[Floats], tuple[Floats, Floats]]
"""From patches ``(n, 15600)`` to embeddings ``(n, 1024)`` and scores ``(n, 521)``."""
PATCH_SAMPLES: Final = 15_600
_HOP_SAMPLES: Final = 15_360
"""0.96 s."""
_TOP: Final = 5
LEAST_RECORDINGS: Final = 3
"""That are compared: ranks and means of fewer say nothing."""
ESC_CLASSES: Final[Mapping[str, tuple[str, ...]]] = {
    "baby_cry": ("Baby cry, infant cry", "Crying, sobbing"),
    "chainsaw": ("Chainsaw",),
    "clock_tick": ("Clock", "Tick", "Tick-tock"),
    "dog_bark": ("Dog", "Bark"),
    "fire_crackling": ("Fire", "Crackle"),
    "helicopter": ("Helicopter",),
    "person_sneeze": ("Sneeze",),
    "rain": ("Rain", "Raindrop", "Rain on surface"),
    "rooster": ("Chicken, rooster", "Crowing, cock-a-doodle-doo"),
    "sea_waves": ("Waves, surf", "Ocean"),
}
"""ESC-10's classes (Piczak, ACM Multimedia 2015) -> those of AudioSet that say it."""


def _patches_of(audio: Audio) -> Floats:
    """Patches 0.96 s apart, ``(n, 15600)``; what is left over at the end is padded with silence."""
    count = 1 + max(0, -(-(audio.size - PATCH_SAMPLES) // _HOP_SAMPLES))
    padded = np.zeros((count - 1) * _HOP_SAMPLES + PATCH_SAMPLES, dtype=np.float32)
    padded[: min(audio.size, padded.size)] = audio[: padded.size]
    return np.stack([padded[row * _HOP_SAMPLES :][:PATCH_SAMPLES] for row in range(count)])


def agreement(
    student: PatchNetwork,
    reference: PatchNetwork,
    recordings: Sequence[Audio],
    tags: Callable[[Floats], Floats],
) -> dict[str, Any]:
    """Compare student and reference on recordings, and a constant predictor with the reference.

    Tags are of mean embeddings ``(n, 1024)``, probabilities ``(n, 59)``.

    Returns
    -------
    dict
        ``student`` and ``constant``, each with ``cosine`` (of the mean embeddings of recordings) and
        ``patch_cosine`` (of patches), after the reference's mean over all patches is taken off; ``spearman``
        (over recordings, mean over tags) and ``top5`` (shared among the five likeliest tags, mean over
        recordings); of classes ``class_top5`` (of patches). The constant predictor gives the reference's
        mean, which has neither direction nor ranks: its cosines and Spearman are 0.

    Raises
    ------
    DataError
        There are fewer than three recordings.
    """
    if len(recordings) < LEAST_RECORDINGS:
        raise DataError(f"{len(recordings)} recordings are too few to compare on: give three at least.")
    own, wanted = ([_predict(network, sound) for sound in recordings] for network in (student, reference))
    patches, clips = np.concatenate([e for e, _ in wanted]), np.stack([e.mean(axis=0) for e, _ in wanted])
    middle = patches.mean(axis=0)
    clips_own = np.stack([embedding.mean(axis=0) for embedding, _ in own])
    tags_wanted, tags_own = tags(clips), tags(clips_own)
    scores_own, scores = (np.concatenate([s for _, s in answers]) for answers in (own, wanted))
    usual_tags = np.repeat(tags_wanted.mean(axis=0)[None], len(clips), axis=0)
    usual_scores = np.repeat(scores.mean(axis=0)[None], len(scores), axis=0)
    return {
        "recordings": len(recordings),
        "patches": len(patches),
        "student": {
            "cosine": _cosine(clips_own - middle, clips - middle),
            "patch_cosine": _cosine(np.concatenate([e for e, _ in own]) - middle, patches - middle),
            "spearman": _spearman(tags_own, tags_wanted),
            "top5": _shared(tags_own, tags_wanted),
            "class_top5": _shared(scores_own, scores),
        },
        "constant": {
            "cosine": 0.0,
            "patch_cosine": 0.0,
            "spearman": 0.0,
            "top5": _shared(usual_tags, tags_wanted),
            "class_top5": _shared(usual_scores, scores),
        },
    }


def esc_accuracy(
    network: PatchNetwork, recordings: Sequence[Audio], truth: Sequence[str], classes: Sequence[str]
) -> float:
    """Share of ESC-10's recordings whose class has the highest score among the ten, mean over patches."""
    columns = [[classes.index(name) for name in names] for names in ESC_CLASSES.values()]
    right = 0
    for sound, name in zip(recordings, truth, strict=True):
        scores = _predict(network, sound)[1].mean(axis=0)
        best = int(np.argmax([scores[column].max() for column in columns]))
        right += list(ESC_CLASSES)[best] == name
    return right / len(recordings)


def _predict(network: PatchNetwork, audio: Audio) -> tuple[Floats, Floats]:
    parts = [
        network(part)
        for part in np.array_split(_patches_of(audio), -(-audio.size // (16 * _HOP_SAMPLES)) or 1)
    ]
    return np.concatenate([e for e, _ in parts]), np.concatenate([s for _, s in parts])


def _cosine(one: Floats, other: Floats) -> float:
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return round(float(np.mean((one * other).sum(axis=1) / np.maximum(norms, 1e-12))), 4)


def _spearman(one: Floats, other: Floats) -> float:
    """Rank correlation of each column, averaged."""
    from scipy.stats import rankdata  # noqa: PLC0415 - heavy, and only model makers have it

    ranks = [rankdata(values, axis=0) for values in (one, other)]
    a, b = (rank - rank.mean(axis=0) for rank in ranks)
    spread = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return round(float(np.mean((a * b).sum(axis=0) / np.maximum(spread, 1e-12))), 4)


def _shared(one: Floats, other: Floats) -> float:
    """Share of the five highest columns of each row that both have."""
    best = [np.argsort(-values, axis=1, kind="stable")[:, :_TOP] for values in (one, other)]
    return round(float(np.mean([len(set(a) & set(b)) / _TOP for a, b in zip(*best, strict=True)])), 4)

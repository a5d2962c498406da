"""Owns the published tables: every fold of every protocol, and mean class recall by protocol and branch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from core.errors import DataError
from models.training.emotion.heads import HeadSettings
from models.training.emotion.protocols import FoldOf, encoder_plans, folds_of
from models.training.emotion.runner import FoldResult, Workshop, corpus_features, fit_fold, train_encoder
from models.training.metrics import figures

__all__ = ["PROTOCOLS", "protocol_table", "run_protocols"]

PROTOCOLS: Mapping[str, str] = {
    "ravdess_6fold": "RAVDESS, 8 classes, EmoBox's 6 folds, speakers apart",
    "crema_d_speakers": "CREMA-D, 6 classes, 18 of 91 speakers kept out",
    "crema_d_fold1": "CREMA-D, 6 classes, EmoBox's fold 1, speakers shared",
    "emodb_5fold": "EMO-DB, 7 classes, EmoBox's 5 folds, speakers shared",
    "emodb_speakers": "EMO-DB, 7 classes, one speaker out at a time",
}

_HEAD: Final = HeadSettings(draws_per_clip=1.0)
_LEAST_DRAWS: Final = 2500
"""In an epoch: with one draw a clip, 400 clips of EMO-DB gave 65.6 on validation speakers, with six 72.0."""


def run_protocols(
    workshop: Workshop,
    fold_of: FoldOf,
    protocols: Sequence[str],
    branches: Sequence[str],
    *,
    views: int = 3,
    bf16: bool = False,
    on_progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> list[FoldResult]:
    """Train what is missing and answer every fold of the protocols.

    Parameters
    ----------
    workshop
        Data and folder; encoders and features that lie there are used.
    fold_of
        The published folds.
    protocols, branches
        Keys of `PROTOCOLS` and of `train.BRANCHES`.
    views, bf16
        Of the feature cache.
    on_progress
        Called with what is being done, folds done, and folds in all.

    Raises
    ------
    DataError
        A protocol is unknown, or its clips are not there.
    """
    unknown = [name for name in protocols if name not in PROTOCOLS]
    if unknown:
        raise DataError(f"There is no protocol {unknown[0]!r}: choose from {', '.join(PROTOCOLS)}.")
    clips = workshop.cache.clips
    plans = encoder_plans(clips, fold_of)
    folds = [fold for fold in folds_of(clips, fold_of) if fold.protocol in protocols]
    results: list[FoldResult] = []
    for done, fold in enumerate(folds):
        on_progress(f"{fold.protocol}, fold {fold.name}", done, len(folds))
        if not fold.test or not fold.train:
            raise DataError(f"{fold.protocol} has no clips in fold {fold.name}: prepare the whole manifest.")
        encoder = train_encoder(workshop, plans, fold.encoder)
        used = sorted((*fold.train, *fold.test), key=lambda clip: clip.start)
        _, features = corpus_features(workshop, encoder, used, views=views, bf16=bf16)
        head = replace(_HEAD, draws_per_clip=max(1.0, _LEAST_DRAWS / len(fold.train)))
        results += [fit_fold(workshop, fold, features, used, branch, head) for branch in branches]
    return results


def protocol_table(results: Sequence[FoldResult]) -> dict[str, dict[str, Any]]:
    """Figures by protocol and branch.

    Parameters
    ----------
    results
        Of any protocols and branches.

    Returns
    -------
    dict
        By protocol, then branch: ``ua`` (mean over folds of each fold's mean class recall, as EmoBox
        reports it), ``ua_pooled`` (all test clips together), ``ua_by_fold``, ``wa``, ``n``, ``speakers``.
    """
    groups: dict[tuple[str, str], list[FoldResult]] = defaultdict(list)
    for result in results:
        groups[result.fold.protocol, result.branch].append(result)
    table: dict[str, dict[str, Any]] = defaultdict(dict)
    for (protocol, branch), members in groups.items():
        by_fold = {
            member.fold.name: figures(member.probabilities, member.truth, member.fold.classes)
            for member in members
        }
        pooled = figures(
            np.concatenate([member.probabilities for member in members]),
            np.concatenate([member.truth for member in members]),
            members[0].fold.classes,
        )
        table[protocol][branch] = {
            "ua": round(float(np.mean([row.ua for row in by_fold.values()])), 4),
            "ua_pooled": round(pooled.ua, 4),
            "wa": round(pooled.wa, 4),
            "ua_by_fold": {name: round(row.ua, 4) for name, row in by_fold.items()},
            "n": pooled.n,
            "speakers": len({speaker for member in members for speaker in member.speakers}),
        }
    return dict(table)

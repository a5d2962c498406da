"""Owns the published tables: every fold of every protocol, mean class recall, and the file that keeps it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from core.errors import DataError
from models.training.emotion.heads import HeadSettings
from models.training.emotion.protocols import FoldOf, encoder_plans, folds_of
from models.training.emotion.runner import (
    ORIGIN_NAME,
    FoldResult,
    Workshop,
    corpus_features,
    fit_fold,
    train_encoder,
)
from models.training.metrics import figures
from models.training.provenance import training_provenance
from models.training.records import read_json, write_json

__all__ = [
    "PROTOCOLS",
    "TABLES_NAME",
    "check_tables",
    "disagreement",
    "encoder_origins",
    "keep_tables",
    "made_from",
    "protocol_table",
    "run_protocols",
]

TABLES_NAME: Final = "protocols.json"
"""File in the run's folder: by protocol and branch, the figures and what they were made from."""
_COMMAND: Final = "attune evaluate protocols"

PROTOCOLS: Mapping[str, str] = {
    "ravdess_6fold": "RAVDESS, 8 classes, EmoBox's 6 folds, speakers apart",
    "crema_d_speakers": "CREMA-D, 6 classes, 18 of 91 speakers kept out",
    "crema_d_fold1": "CREMA-D, 6 classes, EmoBox's fold 1, speakers shared",
    "emodb_5fold": "EMO-DB, 7 classes, EmoBox's 5 folds, speakers shared",
    "emodb_speakers": "EMO-DB, 7 classes, one speaker out at a time",
}

_HEAD: Final = HeadSettings(epochs=15, draws_per_clip=1.0)
_LEAST_DRAWS: Final = 2500
"""In an epoch: with one draw of each of 400 clips of EMO-DB, people of the training side were recognised in
65.6 %, with six in 72.0."""


def run_protocols(
    workshop: Workshop,
    fold_of: FoldOf,
    protocols: Sequence[str],
    branches: Sequence[str],
    *,
    views: int = 2,
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
    views
        Of the feature cache.
    on_progress
        Called with what is being done, folds done, and folds in all.

    Raises
    ------
    DataError
        A protocol is unknown, its clips are not there, or what earlier calls left is about other data.
    """
    unknown = [name for name in protocols if name not in PROTOCOLS]
    if unknown:
        raise DataError(f"There is no protocol {unknown[0]!r}: choose from {', '.join(PROTOCOLS)}.")
    check_tables(workshop, [(protocol, branch) for protocol in protocols for branch in branches])
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
        _, features = corpus_features(workshop, encoder, used, views=views)
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


def encoder_origins(workshop: Workshop, plans: Collection[str]) -> dict[str, str]:
    """By plan, what the encoder that lies there says it was made from; plans without one are left out."""
    found = {}
    for plan in sorted(plans):
        path = workshop.encoder_folder(plan) / ORIGIN_NAME
        if path.exists():
            found[plan] = str(read_json(path, "attune train encoders").get("origin"))
    return found


def made_from(workshop: Workshop, plans: Collection[str], command: str) -> dict[str, Any]:
    """Where figures come from that were made in this workshop, with the encoders of some plans."""
    return training_provenance(
        command=command,
        fingerprint=workshop.cache.fingerprint,
        budget=workshop.budget,
        encoders=encoder_origins(workshop, plans),
    )


def disagreement(row: Mapping[str, Any], workshop: Workshop) -> str | None:
    """Why a row of the kept tables is not about this workshop's data and encoders.

    Parameters
    ----------
    row
        Figures of one protocol and branch, with ``made`` from `made_from`.
    workshop
        Encoders that are not trained yet are not compared.

    Returns
    -------
    str or None
        The rest of a sentence; None: it is about them.
    """
    made = row.get("made")
    if made is None:
        return "does not say what it was made from"
    if made["data"]["fingerprint"] != workshop.cache.fingerprint:
        return "is about other data"
    if made["budget"] != workshop.budget:
        return f"is of the budget {made['budget']:g}, not {workshop.budget:g}"
    for plan, origin in encoder_origins(workshop, made["encoders"]).items():
        if made["encoders"][plan] != origin:
            return f"is by another encoder {plan!r} than the one that lies there"
    return None


def check_tables(workshop: Workshop, replaced: Collection[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """The kept rows that stay, if new ones may stand beside them.

    Parameters
    ----------
    workshop
        In whose folder they are kept.
    replaced
        Protocol and branch of the rows that are made anew.

    Raises
    ------
    DataError
        A row that stays is about other data, another budget or another encoder.
    WeightsError
        The file is damaged.
    """
    path = workshop.folder / TABLES_NAME
    staying: dict[str, dict[str, Any]] = defaultdict(dict)
    for protocol, rows in (read_json(path, _COMMAND) if path.exists() else {}).items():
        for branch, row in rows.items():
            if (protocol, branch) in replaced:
                continue
            why = disagreement(row, workshop)
            if why is not None:
                raise DataError(f"In {path} the row {protocol}, {branch} {why}: give another --run.")
            staying[protocol][branch] = row
    return dict(staying)


def keep_tables(
    workshop: Workshop, results: Sequence[FoldResult], *, command: str
) -> dict[str, dict[str, Any]]:
    """Put the tables of some results beside those that earlier calls left.

    Parameters
    ----------
    workshop
        In whose folder they are kept.
    results
        From `run_protocols`.
    command
        The command line that made them.

    Returns
    -------
    dict
        The new rows, as `protocol_table` gives them, each with ``made``.

    Raises
    ------
    DataError, WeightsError
        See `check_tables`.
    """
    table = protocol_table(results)
    for protocol, rows in table.items():
        plans = {result.fold.encoder for result in results if result.fold.protocol == protocol}
        made = made_from(workshop, plans, command)
        for row in rows.values():
            row["made"] = made
    new = [(protocol, branch) for protocol, rows in table.items() for branch in rows]
    kept = check_tables(workshop, new)
    merged = {name: {**kept.get(name, {}), **table.get(name, {})} for name in {*kept, *table}}
    write_json(workshop.folder / TABLES_NAME, merged)
    return table

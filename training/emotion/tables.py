"""The published tables: every fold of every protocol, mean class recall, and the file that keeps them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from core.errors import DataError
from training.emotion.experiment import Experiment, FoldResult, fit_fold
from training.emotion.protocols import FoldOf, folds_of
from training.libraries import library_versions
from training.metrics import figures
from training.progress import Progress, no_progress
from training.records import read_json, write_json

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

_LEAST_DRAWS: Final = 2500
"""In an epoch. Without, EMO-DB's calibration speaker was recognised in 82.7 %, with it in 92.3; 5 000 and
11 000 were no better there, nor on those of RAVDESS and CREMA-D."""


def run_protocols(
    experiment: Experiment,
    fold_of: FoldOf,
    protocols: Sequence[str],
    branches: Sequence[str],
    *,
    on_progress: Progress = no_progress,
) -> list[FoldResult]:
    """Fit what is missing and answer every fold of some `PROTOCOLS` and `heads.BRANCHES`.

    Raises
    ------
    DataError
        A protocol is unknown, its clips are not there, or what earlier calls left is about other data.
    """
    unknown = [name for name in protocols if name not in PROTOCOLS]
    if unknown:
        raise DataError(f"There is no protocol {unknown[0]!r}: choose from {', '.join(PROTOCOLS)}.")
    _check_tables(experiment, [(protocol, branch) for protocol in protocols for branch in branches])
    folds = [fold for fold in folds_of(experiment.clips, fold_of) if fold.protocol in protocols]
    results: list[FoldResult] = []
    for done, fold in enumerate(folds):
        on_progress(f"{fold.protocol}, fold {fold.name}", done, len(folds))
        if not fold.test or not fold.train:
            raise DataError(f"{fold.protocol} has no clips in fold {fold.name}: prepare the whole manifest.")
        draws = max(experiment.head.draws_per_clip, _LEAST_DRAWS / len(fold.train))
        head = replace(experiment.head, draws_per_clip=draws)
        results += [fit_fold(experiment, fold, branch, head) for branch in branches]
    return results


def _protocol_table(results: Sequence[FoldResult]) -> dict[str, dict[str, Any]]:
    """Figures by protocol and branch: ``ua`` is the mean over folds, as of EmoBox; ``ua_pooled`` of all."""
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


def made_from(experiment: Experiment, command: str) -> dict[str, Any]:
    """Where figures come from that were made by this experiment and command."""
    return {
        "command": command,
        "data": {"fingerprint": experiment.fingerprint},
        "encoder": experiment.encoder_sha256,
        "views": experiment.views,
        "members": experiment.members,
        "head": {key: value for key, value in experiment.head.record().items() if key != "threads"},
        "libraries": library_versions("torch", "transformers", "onnx"),
    }


def mismatch(row: Mapping[str, Any], experiment: Experiment) -> str | None:
    """Why a kept row is not about this experiment's data, encoder and recipe; None: it is about them.

    The row is of one protocol and branch. The answer is the rest of a sentence that begins with it.
    """
    made, now = row.get("made"), made_from(experiment, "")
    if made is None:
        return "does not say what it was made from"
    if made.get("data") != now["data"]:
        return "is about other data"
    if made.get("encoder") != now["encoder"]:
        return "is by another encoder"
    if any(made.get(key) != now[key] for key in ("views", "members", "head")):
        return "is by another recipe of the head"
    return None


def kept_tables(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """The tables that earlier calls left, by protocol and branch.

    Raises
    ------
    WeightsError
        The file is damaged.
    """
    path = experiment.folder / TABLES_NAME
    return read_json(path, _COMMAND) if path.exists() else {}


def _check_tables(experiment: Experiment, replaced: Collection[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """The kept rows that stay, if new ones may stand beside them."""
    staying: dict[str, dict[str, Any]] = defaultdict(dict)
    for protocol, rows in kept_tables(experiment).items():
        for branch, row in rows.items():
            if (protocol, branch) in replaced:
                continue
            why = mismatch(row, experiment)
            if why is not None:
                path = experiment.folder / TABLES_NAME
                raise DataError(f"In {path} the row {protocol}, {branch} {why}: give another --run.")
            staying[protocol][branch] = row
    return dict(staying)


def keep_tables(
    experiment: Experiment, results: Sequence[FoldResult], *, command: str
) -> dict[str, dict[str, Any]]:
    """Put the tables of some results beside those that earlier calls left; return the new ones."""
    table = _protocol_table(results)
    made = made_from(experiment, command)
    for rows in table.values():
        for row in rows.values():
            row["made"] = made
    kept = _check_tables(experiment, [(protocol, branch) for protocol in table for branch in table[protocol]])
    merged = {name: {**kept.get(name, {}), **table.get(name, {})} for name in {*kept, *table}}
    write_json(experiment.folder / TABLES_NAME, merged)
    return table

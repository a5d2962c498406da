"""The hardest examples: entries on which a model is wrong and sure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.errors import AudioDecodeError
from core.text import percent
from models.audio import decode
from models.track.tasks import TaskKind
from training.report.excerpts import audio_uri, excerpt
from training.report.track_entries import MeasuredTask, MeasuredTracks

HARDEST: Final = 12
"""Examples, over all tasks."""
EXCERPT_S: Final = 6.0

_SEGMENT: Final = re.compile(r"#(\d+)$")
_SHOWN_LABELS: Final = 3
_MAX_MINUTES: Final = 30.0


def hardest_examples(tracks: MeasuredTracks, most: int = HARDEST) -> list[dict[str, Any]]:
    """The most confident mistakes of each task, shared out evenly.

    Of classes the confidence is the probability of the wrong answer; of several labels that of the falsest
    claim or miss; of values the error counts, in standard deviations of what is true.

    Returns
    -------
    list of dict
        ``task``, ``name``, ``path`` of the sound, ``truth``, ``said``, and ``wrong``, the largest first.
    """
    of_task = max(1, most // len(tracks.tasks))
    found = []
    for measured in tracks.tasks:
        rows = sorted(_mistakes(measured), key=lambda row: -row["wrong"])[:of_task]
        for row in rows:
            place = row.pop("row")
            found.append(
                {"task": measured.task.name, "name": tracks.names[place], "path": tracks.paths[place], **row}
            )
    return found


def _mistakes(measured: MeasuredTask) -> Iterator[dict[str, Any]]:
    told = {
        TaskKind.SINGLE_LABEL: _wrong_class,
        TaskKind.MULTI_LABEL: _wrong_labels,
        TaskKind.REGRESSION: _wrong_values,
    }[measured.task.kind]
    scale = np.ones(len(measured.task.labels))
    if measured.task.kind is TaskKind.REGRESSION:
        spread = np.nanstd(measured.targets.astype(np.float64), axis=0)
        scale = np.where(spread > 0, spread, 1.0)
    for row in np.flatnonzero(measured.known):
        mistake = told(measured, int(row), scale)
        if mistake["wrong"] > 0:
            yield {"row": int(row), **mistake, "wrong": round(float(mistake["wrong"]), 4)}


def _wrong_class(measured: MeasuredTask, row: int, _scale: Any) -> dict[str, Any]:
    labels, answers = measured.task.labels, measured.answers[row]
    truth, guess = int(measured.targets[row].argmax()), int(answers.argmax())
    return {
        "truth": labels[truth],
        "said": f"{labels[guess]} {percent(float(answers[guess]))}",
        "wrong": 0.0 if truth == guess else answers[guess],
    }


def _wrong_labels(measured: MeasuredTask, row: int, _scale: Any) -> dict[str, Any]:
    labels, answers = measured.task.labels, measured.answers[row].astype(np.float64)
    truth = measured.targets[row] > 0.5
    said = answers >= np.asarray(measured.served.thresholds)
    wrongness = np.where(truth == said, 0.0, np.where(said, answers, 1.0 - answers))
    worst = np.argsort(-wrongness, kind="stable")[:_SHOWN_LABELS]
    told = [
        f"{'claimed' if said[place] else 'missed'} {labels[place]} ({percent(float(answers[place]))})"
        for place in worst
        if wrongness[place] > 0
    ]
    return {
        "truth": ", ".join(labels[place] for place in np.flatnonzero(truth)) or "none of the labels",
        "said": ", ".join(told),
        "wrong": wrongness.max(),
    }


def _wrong_values(measured: MeasuredTask, row: int, scale: Any) -> dict[str, Any]:
    truth, answers = measured.targets[row], measured.answers[row]
    known = np.flatnonzero(np.isfinite(truth))

    def written(values: Any) -> str:
        if len(measured.task.labels) == 1:
            return f"{values[0]:.4g}"
        return ", ".join(f"{measured.task.labels[place]} {values[place]:.3g}" for place in known)

    wrong = np.abs(answers[known] - truth[known]) / scale[known]
    return {"truth": written(truth), "said": written(answers), "wrong": wrong.max()}


def excerpt_uris(
    hardest: list[dict[str, Any]], sounds: Path | None, segment_s: float | None
) -> Mapping[str, str]:
    """Short excerpts of the sounds that are found, by name of the entry, as addresses of players.

    Parameters
    ----------
    hardest
        As `hardest_examples` gives them.
    sounds
        Folder in which sounds are looked for by their path without suffix, or their name; None: only where
        the data say they are.
    segment_s
        Length of a segment, in seconds, where entries are segments, called ``name#003``.
    """
    found = {}
    for example in hardest:
        path = _sound(example["path"], example["name"], sounds)
        if path is None:
            continue
        segment = _SEGMENT.search(example["name"])
        start_s = int(segment[1]) * segment_s if segment and segment_s else None
        try:
            found[example["name"]] = audio_uri(
                excerpt(decode(path, max_minutes=_MAX_MINUTES), EXCERPT_S, start_s)
            )
        except AudioDecodeError:  # then its path alone is shown
            continue
    return found


def _sound(path: str, name: str, sounds: Path | None) -> Path | None:
    if path and Path(path).is_file():
        return Path(path)
    if sounds is None:
        return None
    wanted = Path(path or _SEGMENT.sub("", name)).name
    hits = [file for file in sorted(sounds.rglob("*")) if file.is_file() and wanted in {file.stem, file.name}]
    return hits[0] if hits else None

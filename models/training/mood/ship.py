"""Owns the making of the mood head's file: fit, calibration, thresholds, graph, figures and entry."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.mood.groups import MoodScale, write_scale
from models.mood.tags import TAGS
from models.training.manifest import register
from models.training.mood.head import MoodNet, MoodSettings
from models.training.mood.jamendo import EMBEDDING_SIZE, SIDES, Jamendo
from models.training.mood.moods import Quadrants
from models.training.mood.protocols import Progress, fitted, official, probabilities
from models.training.mood.tables import (
    calibration_figures,
    compare_heads,
    compare_moods,
    per_tag,
    scale_of,
    sides,
    thresholds_of,
)
from models.training.onnx_file import write_graph
from models.training.provenance import library_versions
from models.training.records import write_json
from models.writing import staged

__all__ = ["LICENCE", "VERSION", "mood_metadata", "ship_mood", "write_mood"]

VERSION: Final = "1.1.0"
LICENCE: Final = "CC-BY-NC-SA-4.0"
_SOURCE: Final = "Trained in this project on MTG-Jamendo; see its card"
_WEIGHTS_DIR: Final = Path(__file__).resolve().parents[2] / "weights"


def ship_mood(
    data: Jamendo,
    path: Path,
    run: Path,
    settings: MoodSettings,
    *,
    quadrants: Quadrants | None = None,
    version: str = VERSION,
    command: str = "",
    on_progress: Progress = lambda _what, _done, _total: None,
) -> dict[str, Any]:
    """Train one head on the official split, where the run lacks it; write graph and ``<name>.json``.

    Parameters
    ----------
    data
        All tracks.
    path
        The ONNX file; in the folder of the program's own weights it is entered into their list.
    run
        Folder that keeps the training.
    settings
        The recipe, its seed included.
    quadrants
        Clips on which the eight moods are looked at from outside; None: they are not.
    version
        Written into it.
    command
        The command line, for the record.
    on_progress
        Called with what is being done, how much of it is done and in all.

    Returns
    -------
    dict
        What the JSON file holds: the head's own figures on the official test, by tag, its calibration,
        thresholds, the eight moods (`compare_moods`), and where it comes from.

    Raises
    ------
    DataError
        Something cannot be trained on or written, as on a full disk: what was there before stays.
    """
    part = official(data)
    total = (1 + settings.second_folds) * settings.epochs
    net = fitted(data, part, settings, run, on_epoch=lambda done: on_progress("training", done, total))
    on_progress("figures", total, total)
    thresholds, scale = thresholds_of(net, data, part), scale_of(net, data, part)
    answers = probabilities(net, data.embeddings)
    name = f"seed{settings.seed}"
    figures = {}
    for side in sides(data):
        table = compare_heads({name: answers}, data, side)
        own = table.pop("heads")[name]
        figures[side.name] = {**table, **own}
    record: dict[str, Any] = {
        "name": path.stem,
        "version": version,
        "licence": LICENCE,
        "official_test": figures,
        "calibration": calibration_figures(net, data, sides(data)[0]),
        "by_tag": per_tag(answers, data, sides(data)[1], thresholds),
        "moods": compare_moods(net, data, sides(data)[0], thresholds, scale, quadrants),
        "settings": asdict(settings),
        "data": {
            "fingerprint": data.fingerprint,
            "tracks": {side: len(getattr(part, side)) for side in SIDES},
            "official_tracks_without_embedding": dict(data.absent),
        },
        "made": {"command": command, "libraries": library_versions("torch", "onnx")},
    }
    with staged(path.parent, what=f"The model {path}") as making:
        metadata = mood_metadata(path.stem, version, thresholds, scale, record)
        write_mood(net, making / path.name, metadata)
        write_json(making / f"{path.stem}.json", record)
        if path.resolve().parent == _WEIGHTS_DIR:  # elsewhere it is opened by `mood_head`, unlisted
            listed = making / "manifest.toml"
            shutil.copyfile(path.with_name(listed.name), listed)
            register(making / path.name, licence=LICENCE, source=_SOURCE)
    return record


def mood_metadata(
    name: str, version: str, thresholds: NDArray[np.float64], scale: MoodScale, record: dict[str, Any]
) -> dict[str, str]:
    """The metadata every served mood head carries; all values are strings.

    Parameters
    ----------
    name, version
        Of the weight file.
    thresholds
        Of each tag, ``(59,)``, in (0, 1].
    scale
        Of the eight moods.
    record
        Its figures: ``official_test`` and ``calibration``, see `ship_mood`.

    Returns
    -------
    dict of str to str
        With ``tags``, ``thresholds``, ``moods`` and ``metrics`` as JSON.
    """
    return {
        "name": name,
        "version": version,
        "tags": json.dumps(list(TAGS)),
        "thresholds": json.dumps([round(float(value), 6) for value in thresholds]),
        "moods": write_scale(scale),
        "licence": LICENCE,
        "metrics": json.dumps(
            {"official_test": record["official_test"], "calibration": record["calibration"]}, sort_keys=True
        ),
    }


def write_mood(net: MoodNet, path: Path, metadata: dict[str, str]) -> None:
    """Write ``embedding`` (batch, 1024) to ``probabilities`` (batch, 59) as one ONNX graph.

    Raises
    ------
    ModelError
        The graph answers otherwise than the network.
    DataError
        It cannot be written, as on a full disk; the old file stays.
    """
    rng = np.random.default_rng(0)
    usual = rng.gamma(0.3, 0.3, size=(6, EMBEDDING_SIZE))
    probes = np.concatenate([usual, 100 * usual[:1], np.zeros((1, EMBEDDING_SIZE))]).astype(np.float32)
    write_graph(net, path, metadata, probes, name="mood", takes="embedding", gives=["probabilities"])

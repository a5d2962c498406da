"""Where a model places tracks: what all its heads see, projected to two and three dimensions."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.track.tasks import TaskKind
from training.progress import Progress, no_progress
from training.report.track_entries import MeasuredTask, MeasuredTracks

METHODS: Final = ("PCA", "t-SNE", "UMAP")
WITHOUT_UMAP: Final = (
    "UMAP is left out, because the library 'umap-learn' is missing: run "
    "`pip install -e '.[train]' -c constraints.txt`."
)
_MOST_POINTS: Final = 800
_FEWEST_POINTS: Final = 6
_WIDEST: Final = 50  # dimensions that t-SNE and UMAP begin with
_NEIGHBOURS: Final = 15

Points = NDArray[np.float64]


def embedding_map(
    tracks: MeasuredTracks, *, seed: int = 0, on_progress: Progress = no_progress
) -> dict[str, Any] | None:
    """Project what was fused: PCA, t-SNE (van der Maaten and Hinton, 2008), UMAP (McInnes et al., 2018).

    At most 800 entries drawn by chance are shown. Fewer than 6, or entries that all look alike, make no map.

    Returns
    -------
    dict or None
        Plain values: ``names`` of the entries; ``methods``, by name ``flat`` and ``deep`` coordinates from -1
        to 1, ``(n, 2)`` and ``(n, 3)``; ``explained``, the share of the variance on each of the three
        axes of PCA; ``colours``, each with a ``name`` and ``values`` that are places in its ``labels`` (-1:
        unknown), or numbers from ``low`` to ``high``; ``note``, a sentence on what is missing.
    """
    shown = np.sort(np.random.default_rng(seed).permutation(len(tracks.names))[:_MOST_POINTS])
    points = _standardised(tracks.fused[shown].astype(np.float64))
    if len(shown) < _FEWEST_POINTS or points.shape[1] < 3:
        return None
    reduced, explained = _principal(points, seed)
    if reduced.shape[1] < 3:
        return None
    methods: dict[str, Mapping[str, Any]] = {}
    umap = find_spec("umap") is not None
    for done, method in enumerate(METHODS if umap else METHODS[:-1]):
        on_progress(f"map, {method}", done, len(METHODS))
        flat, deep = (_projected(method, reduced, dimensions, seed) for dimensions in (2, 3))
        methods[method] = {"flat": flat, "deep": deep}
    return {
        "names": [tracks.names[row] for row in shown],
        "methods": methods,
        "explained": [round(float(share), 4) for share in explained[:3]],
        "colours": [colour for task in tracks.tasks for colour in _colours(task, shown)],
        "note": "" if umap else WITHOUT_UMAP,
    }


def _standardised(points: Points) -> Points:
    spread = points.std(axis=0)
    kept = spread > 1e-9
    standard: Points = (points[:, kept] - points[:, kept].mean(axis=0)) / spread[kept]
    return standard


def _principal(points: Points, seed: int) -> tuple[Points, Points]:
    from sklearn.decomposition import PCA  # noqa: PLC0415 - heavy, of the extra `train`

    pca = PCA(n_components=min(_WIDEST, *points.shape), random_state=seed)
    reduced = pca.fit_transform(points)
    there = pca.explained_variance_ratio_ > 1e-12
    return reduced[:, there], pca.explained_variance_ratio_[there]


def _projected(method: str, reduced: Points, dimensions: int, seed: int) -> list[list[float]]:
    match method:
        case "PCA":
            found = reduced[:, :dimensions]
        case "t-SNE":
            found = _tsne(reduced, dimensions, seed)
        case _:
            found = _umap(reduced, dimensions, seed)
    centred = found - (found.max(axis=0) + found.min(axis=0)) / 2
    scaled = centred / max(float(np.abs(centred).max()), 1e-9)
    return [[round(float(value), 3) for value in point] for point in scaled]


def _tsne(reduced: Points, dimensions: int, seed: int) -> Points:
    from sklearn.manifold import TSNE  # noqa: PLC0415

    perplexity = min(30.0, (len(reduced) - 1) / 3)
    found: Points = TSNE(
        n_components=dimensions, perplexity=perplexity, init="pca", random_state=seed
    ).fit_transform(reduced)
    return found


def _umap(reduced: Points, dimensions: int, seed: int) -> Points:
    with warnings.catch_warnings():  # it warns of tensorflow, which it could use and which is not here
        warnings.simplefilter("ignore")
        import umap  # noqa: PLC0415 - heavy, of the extra `train`

        found: Points = umap.UMAP(
            n_components=dimensions,
            n_neighbors=min(_NEIGHBOURS, len(reduced) - 1),
            init="pca",
            random_state=seed,
            n_jobs=1,
        ).fit_transform(reduced)
    return found


def _colours(measured: MeasuredTask, shown: NDArray[np.int64]) -> list[dict[str, Any]]:
    """By what the points of a task can be told apart."""
    task, known = measured.task, measured.known[shown]
    targets, answers = measured.targets[shown], measured.answers[shown]
    if task.kind is TaskKind.REGRESSION:
        return [
            _values(f"{task.name}: {label}" if label != task.name else label, targets[:, place])
            for place, label in enumerate(task.labels)
        ]
    guess = answers.argmax(axis=1)
    if task.kind is TaskKind.SINGLE_LABEL:
        truth = np.nan_to_num(targets).argmax(axis=1)
        return [
            _places(f"{task.name}: truth", task.labels, truth, known),
            _places(f"{task.name}: answer", task.labels, guess, np.ones_like(known)),
            _places(f"{task.name}: right or wrong", ("right", "wrong"), guess != truth, known),
        ]
    return [
        _places(f"{task.name}: likeliest answer", task.labels, guess, np.ones_like(known)),
        *(
            _places(
                f"{task.name}: {label}",
                (f"not {label}", label),
                targets[:, place] > 0.5,
                np.isfinite(targets[:, place]),
            )
            for place, label in enumerate(task.labels)
        ),
    ]


def _places(
    name: str, labels: tuple[str, ...], places: NDArray[Any], known: NDArray[np.bool_]
) -> dict[str, Any]:
    return {"name": name, "labels": list(labels), "values": np.where(known, places, -1).astype(int).tolist()}


def _values(name: str, values: NDArray[np.float32]) -> dict[str, Any]:
    known = np.isfinite(values)
    return {
        "name": name,
        "low": round(float(values[known].min()), 4) if known.any() else 0.0,
        "high": round(float(values[known].max()), 4) if known.any() else 0.0,
        "values": [float(f"{value:.4g}") if np.isfinite(value) else None for value in values],
    }

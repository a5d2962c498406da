"""The moods of a track over time, as bands that lie on each other; large on its card, small in the table."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.feeling_names import mood_name
from attune.dashboard.views.formatting import clock_text
from attune.dashboard.views.mood_words import mood_words, tag_words
from models.mood.mood_scale import MOODS
from models.mood.result import NO_MUSIC, SILENT, Floats, MoodResult

COLUMNS: Final = 400  # of the large timeline: finer than the eye, and small enough to send
WIDTH: Final = 1_000
HEIGHT: Final = 200

_FEW_COLUMNS: Final = 40
_SMOOTH_BELOW: Final = 120
_LABEL_SHARE: Final = 0.1
_LABEL_MARGIN: Final = 0.07
_LABEL_ACROSS: Final = 0.22
_LABEL_DOWN: Final = 0.08  # names nearer than both of these would touch on a telephone
_MARKS: Final = 8
_LAST_MARK: Final = 0.95  # further right a mark would be cut off
_MARK_STEPS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200)
_SPOKEN_RUNS: Final = 12
_THROUGHOUT: Final = {
    SILENT: N_("Silent throughout: no mood."),
    NO_MUSIC: N_("No music throughout: no mood."),
}


def _means(rows: Floats, columns: int) -> Floats:
    """Means over equal parts of the rows: (n, width) to (at most `columns`, width)."""
    if len(rows) <= columns:
        return rows
    edges = np.arange(columns) * len(rows) // columns
    counts = np.diff(np.append(edges, len(rows)))[:, np.newaxis]
    means: Floats = (np.add.reduceat(rows, edges, axis=0) / counts).astype(np.float32)
    return means


def _centres_s(result: MoodResult, columns: int) -> Floats:
    """Middle of each column, s; shape (columns,)."""
    middles = ((result.starts_s + result.ends_s) / 2.0).astype(np.float32)[:, np.newaxis]
    return _means(middles, columns)[:, 0]


def _borders(result: MoodResult, columns: int) -> npt.NDArray[np.float64]:
    """Borders between the moods at each column, 0 (top) to 1; shape (columns, 9). No width without music."""
    moods = _means(result.moods, columns)
    filled = np.concatenate([np.zeros((len(moods), 1)), np.cumsum(moods, axis=1)], axis=1)
    borders: npt.NDArray[np.float64] = filled + (1.0 - filled[:, -1:]) / 2.0
    return borders


def borders_text(result: MoodResult) -> str:
    """Encode the small timeline's borders alone, of which the browser makes shapes: fifty drawn are 0.8 MB.

    Returns
    -------
    str
        Base64 of bytes, at most 40 columns of 9 borders each, 0 (top) to 255.
    """
    borders = np.rint(255.0 * _borders(result, _FEW_COLUMNS)).astype(np.uint8)
    return base64.b64encode(borders.tobytes()).decode()


def bands(result: MoodResult) -> list[tuple[str, str]]:
    """Draw the large timeline: each mood with the path of its band, `WIDTH` by `HEIGHT` units."""
    borders = _borders(result, COLUMNS)
    centres = _centres_s(result, COLUMNS) / max(result.duration_s, 1e-9)
    # The first and the last column reach to the ends of the sound.
    across = [f"{WIDTH * place:.0f}" for place in np.concatenate([[0.0], centres, [1.0]])]
    rows = np.concatenate([borders[:1], borders, borders[-1:]])
    down = [[f"{HEIGHT * value:.1f}".removesuffix(".0") for value in row] for row in rows]
    smooth = len(borders) < _SMOOTH_BELOW
    paths = []
    for index, mood in enumerate(MOODS):
        top = _line(across, [row[index] for row in down], smooth=smooth)
        bottom = _line(across[::-1], [row[index + 1] for row in down[::-1]], smooth=smooth)
        paths.append((mood, f"M{top}L{bottom}Z"))
    return paths


def _line(across: Sequence[str], down: Sequence[str], *, smooth: bool) -> str:
    """Points joined by straight lines, or by curves that are level at every point."""
    points = list(zip(across, down, strict=True))
    parts = [" ".join(points[0])]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = f"{(float(x0) + float(x1)) / 2:g}"
        parts.append(f"C{middle} {y0} {middle} {y1} {x1} {y1}" if smooth else f"L{x1} {y1}")
    return "".join(parts)


def labels(result: MoodResult) -> list[tuple[str, float, float]]:
    """Where a mood's name stands, across and down, 0 to 1: where its band is widest and no other name is."""
    borders = _borders(result, _FEW_COLUMNS)
    places = _centres_s(result, _FEW_COLUMNS) / max(result.duration_s, 1e-9)
    middles, widths = (borders[:, 1:] + borders[:, :-1]) / 2.0, np.diff(borders, axis=1)
    widths[(places <= _LABEL_MARGIN) | (places >= 1.0 - _LABEL_MARGIN)] = 0.0
    found: list[tuple[str, float, float]] = []
    for index in np.argsort(-widths.max(axis=0), kind="stable"):
        for column in np.argsort(-widths[:, index], kind="stable"):
            across, down = float(places[column]), float(middles[column, index])
            if widths[column, index] < _LABEL_SHARE:
                break
            if all(abs(across - x) > _LABEL_ACROSS or abs(down - y) > _LABEL_DOWN for __, x, y in found):
                found.append((MOODS[index], across, down))
                break
    return found


def time_marks(duration_s: float) -> list[tuple[str, float]]:
    """Write some times below the timeline, each with its place, 0 to 1."""
    step_s = next((step for step in _MARK_STEPS_S if duration_s / step <= _MARKS), _MARK_STEPS_S[-1])
    times_s = np.arange(0.0, _LAST_MARK * duration_s, step_s).tolist()
    return [(clock_text(second), second / duration_s) for second in times_s]


def moments(result: MoodResult) -> list[list[Any]]:
    """What to say of each column of the timeline: where its middle is in seconds, its moods, its tags."""
    columns = zip(
        _centres_s(result, COLUMNS).tolist(),
        _means(result.moods, COLUMNS),
        _means(result.timeline, COLUMNS),
        _music_shares(result, COLUMNS).tolist(),
        strict=True,
    )
    return [
        [round(second, 2), mood_words(moods, share), tag_words(tags, 3)]
        for second, moods, tags, share in columns
    ]


def _music_shares(result: MoodResult, columns: int) -> Floats:
    """Share of music of each column, shape (columns,); NaN where silent."""
    sounding = ~np.isnan(result.music_shares)
    rows = np.column_stack([np.nan_to_num(result.music_shares), sounding]).astype(np.float32)
    music, sound = _means(rows, columns).T
    shares: Floats = np.divide(music, sound, out=np.full_like(music, np.nan), where=sound > 0.0)
    return shares


def timeline_words(result: MoodResult) -> str:
    """Put the timeline into words, for those who cannot see it: which mood was first from when to when."""
    if not result.moods.any():
        return _(_THROUGHOUT[result.no_mood])
    columns = COLUMNS
    while True:
        moods = _means(result.moods, columns)
        leads = [
            mood_name(MOODS[int(row.argmax())]) if row.any() else _(SILENT if np.isnan(share) else NO_MUSIC)
            for row, share in zip(moods, _music_shares(result, columns), strict=True)
        ]
        starts = [place for place, lead in enumerate(leads) if not place or lead != leads[place - 1]]
        if len(starts) <= _SPOKEN_RUNS or columns <= _SPOKEN_RUNS:
            break
        columns = columns * 2 // 3
    seconds = [result.duration_s * place / len(leads) for place in [*starts, len(leads)]]
    run = _("{mood} from {begin} to {end}")
    runs = (
        run.format(mood=leads[place], begin=clock_text(begin_s), end=clock_text(end_s))
        for place, (begin_s, end_s) in zip(starts, pairwise(seconds), strict=True)
    )
    return _("Strongest mood: {runs}.").format(runs=", ".join(runs))

"""Owns what tracks look like: their table, waveforms and mood rivers; pure functions, no Streamlit."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from dashboard.charts import clock_text
from dashboard.markup import Markup, tag
from dashboard.statements import percent
from models.mood.groups import MOODS
from models.mood.result import MoodResult, present, ranked
from models.mood.shares import Shares
from models.mood.store import Study
from models.mood.tracks import Track, TrackState
from models.mood.waveform import Outline

__all__ = [
    "COLUMNS",
    "Listing",
    "caption",
    "card",
    "in_order",
    "moments",
    "progress",
    "river_words",
    "summary",
    "table",
]

Floats = npt.NDArray[np.float32]

COLUMNS: Final = 400
"""Of the large river: finer than the eye, and small enough to send."""

_STRIP_COLUMNS: Final = 40
_SMOOTH_BELOW: Final = 120
_WIDTH: Final = 1_000
_HEIGHT: Final = 200
_TOP_TAGS: Final = 6
_LABEL_SHARE: Final = 0.1
_LABEL_MARGIN: Final = 0.07
_LABEL_ACROSS: Final = 0.22
_LABEL_DOWN: Final = 0.08
"""Names nearer than both of these would touch on a telephone."""
_HEARD_FROM: Final = 0.005
_LITTLE_MUSIC: Final = 0.2
_LITTLE: Final = "Hardly any music is heard in this file, so its mood says little: choose music."
_QUIET_PEAK: Final = 8
"""Of 255, about -30 dBFS."""
_MARKS: Final = 8
_LAST_MARK: Final = 0.95
"""Further right a mark would be cut off."""
_MARK_STEPS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200)
_SPOKEN_RUNS: Final = 12
_SILENT: Final = "silent"
_TIMES: Final = "\N{MULTIPLICATION SIGN}"
_ALL: Final = "all"
_DASH: Final = "\N{EN DASH}"

_strips: WeakKeyDictionary[Study, Markup] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything that the table draws.

    Parameters
    ----------
    tracks
        In the order in which they came.
    chosen
        Keys of those whose rivers are shown.
    sort
        Name of a column, with a minus before it for the other way round; empty for the order of coming.
    """

    tracks: Sequence[Track]
    chosen: Sequence[str] = ()
    sort: str = ""


# The table

_BY: Final[dict[str, Callable[[Track, MoodResult], Any]]] = {
    "title": lambda track, _: track.name.casefold(),
    "length": lambda _, result: result.duration_s,
    "mood": lambda _, result: (_rank(result), -float(result.theme_moods.max())),
    "tags": lambda _, result: [tag_ for tag_, _ in ranked(result.theme, 3)],
    "music": lambda _, result: result.mean_shares.music,
}
_HEADS: Final = {
    "title": "Title",
    "length": "Length",
    "mood": "Mood",
    "tags": "Top tags",
    "music": "Heard",
}


def _rank(result: MoodResult) -> int:
    return len(MOODS) if result.silent else int(result.theme_moods.argmax())


def in_order(listing: Listing) -> list[Track]:
    """Sort the tracks: those with a result as asked, then the others as they came."""
    done = [(track, track.study.result) for track in listing.tracks if track.study is not None]
    by = listing.sort.removeprefix("-")
    if by in _BY:
        done.sort(key=lambda pair: _BY[by](*pair), reverse=listing.sort.startswith("-"))
        rest = [track for track in listing.tracks if track.study is None]
        return [track for track, _ in done] + rest
    return list(listing.tracks)


def progress(tracks: Sequence[Track]) -> dict[str, float]:
    """How far each track is that is being analysed, and all together, 0 to 1; -1 where nobody knows."""
    shares = {
        track.key: -1.0 if track.progress is None else round(track.progress, 3)
        for track in tracks
        if track.state is TrackState.WORKING
    }
    ended = sum(not track.open for track in tracks)
    if ended < len(tracks):
        shares[_ALL] = round((ended + sum(max(0.0, share) for share in shares.values())) / len(tracks), 3)
    return shares


def summary(tracks: Sequence[Track]) -> str:
    """Say in one line how many there are and how far they are."""
    states = [track.state for track in tracks]
    open_ = sum(track.open for track in tracks)
    parts = [f"{states.count(TrackState.DONE)} of {len(tracks)} analysed"]
    parts += [f"{open_} to go"] if open_ else []
    failed = states.count(TrackState.FAILED)
    parts += [f"{failed} failed"] if failed else []
    cancelled = states.count(TrackState.CANCELLED)
    parts += [f"{cancelled} cancelled"] if cancelled else []
    return ", ".join(parts)


def table(listing: Listing) -> Markup:
    """Draw all tracks, one row each; what moves while they are analysed is told by `progress` instead."""
    if not listing.tracks:
        return tag("div")
    tracks = in_order(listing)
    any_open = any(track.open for track in tracks)
    stopped = any(track.state is TrackState.CANCELLED for track in tracks)
    tools = [
        *([_button("Go on", "go on", about="Go on with what was cancelled")] if stopped else []),
        *([_button("Cancel all", "cancel all")] if any_open else []),
        _button("Remove all", "remove all"),
    ]
    heads = [_head(by, listing.sort) for by in _HEADS]
    return tag(
        "section",
        tag(
            "div",
            tag("h2", "Tracks", tag("span", summary(tracks), class_="aside", data_testid="summary")),
            tag("span", *tools, class_="tools"),
            *([_bar(_ALL, "Analysis of all tracks")] if any_open else []),
            class_="top",
        ),
        tag(
            "div",
            tag(
                "table",
                tag(
                    "thead",
                    tag(
                        "tr",
                        tag("th", tag("span", "Show its river", class_="hidden"), scope="col", class_="pick"),
                        *heads[:3],
                        tag("th", "Mood over time", scope="col", class_="flow"),
                        *heads[3:],
                        tag("th", tag("span", "Remove", class_="hidden"), scope="col", class_="away"),
                    ),
                ),
                tag("tbody", *(_row(track, track.key in listing.chosen) for track in tracks)),
            ),
            class_="scroll",
        ),
        # Spoken as they come to an end; the figures of progress would be told without end.
        tag("p", summary(tracks), class_="hidden", role="status"),
        class_="card shelf",
        aria_label="Tracks",
    )


def _head(by: str, sort: str) -> Markup:
    up, down = sort == by, sort == f"-{by}"
    arrow = "▲" if up else "▼" if down else "↕"
    return tag(
        "th",
        tag(
            "button",
            _HEADS[by],
            tag("span", arrow, class_="arrow", aria_hidden="true"),
            type="button",
            data_do="sort",
            data_key=f"-{by}" if up else "" if down else by,
            data_focus=f"sort {by}",
        ),
        scope="col",
        class_=f"sort {by}" + (" sorted" if up or down else ""),
        aria_sort="ascending" if up else "descending" if down else "none",
    )


def _button(words: str, do: str, key: str = "", *, about: str = "", look: str = "") -> Markup:
    return tag(
        "button",
        words,
        type="button",
        class_=look or None,
        data_do=do,
        data_key=key,
        data_focus=f"{do} {key}",
        aria_label=f"{about}" if about else None,
        title=about or None,
    )


def _row(track: Track, chosen: bool) -> Markup:
    away = tag(
        "td", _button(_TIMES, "remove", track.key, about=f"Remove {track.name}", look="x"), class_="away"
    )
    title = tag("th", tag("span", track.name, title=track.name), scope="row", class_="title")
    if track.study is None:
        state = _working(track) if track.open else _ended(track)
        return tag(
            "tr",
            tag("td", class_="pick"),
            title,
            tag("td", state, colspan="5", class_="wide"),
            away,
            class_=track.state.value,
            data_row=track.key,
        )
    result = track.study.result
    return tag(
        "tr",
        tag(
            "td",
            tag(
                "input",
                type="checkbox",
                checked=chosen,
                data_do="show",
                data_key=track.key,
                data_focus=f"show {track.key}",
                aria_label=f"Show the river of {track.name}",
            ),
            class_="pick",
        ),
        title,
        tag("td", clock_text(result.duration_s), class_="length"),
        tag("td", _chip(result.mood), class_="mood-cell"),
        tag("td", _strip(track.study), class_="flow"),
        tag("td", _unbroken(_tag_words(result.theme, 3)), class_="tags"),
        tag("td", *_heard(result.mean_shares), class_="music"),
        away,
        class_="done chosen" if chosen else "done",
        data_row=track.key,
    )


def _working(track: Track) -> Markup:
    waiting = track.state is TrackState.WAITING
    return tag(
        "div",
        _bar(track.key, f"Analysis of {track.name}", begun=not waiting),
        tag("span", "Waiting" if waiting else "", class_="figure-of", data_figure=track.key),
        _button("Cancel", "cancel", track.key, about=f"Cancel {track.name}"),
        class_="work",
    )


def _bar(key: str, about: str, *, begun: bool = True) -> Markup:
    """A bar that `progress` moves."""
    return tag(
        "div",
        tag("div", class_="fill"),
        class_="bar-track",
        role="progressbar",
        aria_label=about,
        aria_valuemin="0",
        aria_valuemax="100",
        aria_valuenow=None if begun else "0",
        data_progress=key,
    )


def _ended(track: Track) -> Markup:
    again = (
        [_button("Try again", "retry", track.key, about=f"Try {track.name} again")] if track.audible else []
    )
    mark = tag("span", "!" if track.state is TrackState.FAILED else _DASH, class_="mark", aria_hidden="true")
    return tag("div", mark, tag("span", track.message, class_="why-not"), *again, class_="ended")


def _chip(mood: str | None) -> Markup:
    if mood is None:
        return tag("span", _SILENT, class_="chip none")
    return tag("span", mood, class_="chip", style=f"--hue:var(--at-mood-{mood})")


def _tag_words(row: Floats, top_k: int) -> str:
    return ", ".join(f"{name} {percent(share)}" for name, share in ranked(row, top_k)) or _SILENT


def _unbroken(words: str) -> str:
    """A name stays in one line with its figure."""
    return words.replace(" ", "\N{NO-BREAK SPACE}").replace(",\N{NO-BREAK SPACE}", ", ")


def _heard(shares: Shares) -> tuple[Markup, ...]:
    loud = _loud(shares)
    bars = (
        tag("i", class_=name, style=f"flex-grow:{max(share, 0.0):.3f}")
        for name, share in asdict(shares).items()
    )
    return (
        tag("span", loud[0] if loud else _SILENT, title=", ".join(loud)),
        tag("span", *bars, class_="mix", aria_hidden="true"),
        tag("span", ", ".join(loud), class_="hidden"),
    )


def _loud(shares: Shares) -> list[str]:
    """What is heard, the most first; what is not is left out."""
    named = sorted(asdict(shares).items(), key=lambda pair: -pair[1])
    return [f"{name} {percent(share)}" for name, share in named if share >= _HEARD_FROM]


def _strip(study: Study) -> Markup:
    """The river in small: its borders alone, of which the browser makes shapes; fifty drawn are 0.8 MB."""
    if study not in _strips:
        borders = np.rint(255.0 * _edges(study.result, _STRIP_COLUMNS)).astype(np.uint8)
        _strips[study] = tag(
            "svg",
            viewBox="0 0 1 255",
            preserveAspectRatio="none",
            class_="strip-river",
            role="img",
            aria_label=river_words(study.result),
            data_borders=base64.b64encode(borders.tobytes()).decode(),
        )
    return _strips[study]


# One track in large


def card(track: Track, study: Study) -> Markup:
    """Draw a track: what it is as a whole, its waveform, its river, theme and moods."""
    result = study.result
    length = clock_text(result.duration_s)
    notices = (
        tag("p", tag("span", "!", class_="mark", aria_hidden="true"), text, class_="warn")
        for text in _notices(result)
    )
    heard = ", ".join(_loud(result.mean_shares))
    return tag(
        "section",
        tag(
            "h2",
            tag("span", track.name, class_="name-of"),
            tag("span", length, " · analysed before" if study.recalled else "", class_="aside"),
        ),
        tag("p", _chip(result.mood), tag("span", f"heard: {heard}", class_="heard-of"), class_="overall"),
        tag("div", *notices, class_="notices"),
        tag("p", "", class_="readout", data_testid="readout", aria_hidden="true"),
        tag(
            "div",
            _waveform(study.outline),
            tag(
                "div",
                tag(
                    "svg",
                    *_bands(result, COLUMNS, height=_HEIGHT),
                    viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
                    preserveAspectRatio="none",
                    class_="river",
                    aria_hidden="true",
                ),
                *_labels(result),
                class_="stream",
            ),
            tag("div", class_="cursor", aria_hidden="true"),
            tag("div", class_="playhead", aria_hidden="true"),
            class_="flow-plot",
            role="slider",
            tabindex="0",
            aria_label=f"Moment of {track.name}; press Enter to hear it",
            aria_valuemin="0",
            aria_valuemax=f"{result.duration_s:.0f}",
            aria_valuenow="0",
            data_testid="river",
        ),
        tag("div", *_time_marks(result.duration_s), class_="times", aria_hidden="true"),
        tag("p", river_words(result), class_="hidden"),
        tag("div", _theme(result), _moods(result), class_="twins"),
        class_="card track",
        aria_label=track.name,
    )


def _notices(result: MoodResult) -> list[str]:
    shares = result.mean_shares
    little = not result.silent and max(shares.music, shares.singing) < _LITTLE_MUSIC
    return [*result.notices, *([_LITTLE] if little else [])]


def _waveform(outline: Outline) -> Markup:
    # Its shape is to be seen, also where it is quiet; but not the noise of what is silent.
    full = max(_QUIET_PEAK, int(outline.max()))
    heights = [max(1, round(98 * int(peak) / full)) for peak in outline]
    top = "".join(f"L{place} {100 - height}" for place, height in enumerate(heights))
    bottom = "".join(f"L{place} {100 + heights[place]}" for place in reversed(range(len(heights))))
    return tag(
        "svg",
        tag("path", d=f"M0 100{top}{bottom}Z"),
        viewBox=f"0 0 {max(1, len(outline) - 1)} 200",
        preserveAspectRatio="none",
        class_="wave",
        aria_hidden="true",
    )


def _coarse(rows: Floats, columns: int) -> Floats:
    """Means over equal parts of the rows: (n, width) to (at most `columns`, width)."""
    if len(rows) <= columns:
        return rows
    edges = np.arange(columns) * len(rows) // columns
    counts = np.diff(np.append(edges, len(rows)))[:, np.newaxis]
    means: Floats = (np.add.reduceat(rows, edges, axis=0) / counts).astype(np.float32)
    return means


def _centres(result: MoodResult, columns: int) -> Floats:
    """Middle of each column, in seconds."""
    middles = ((result.starts_s + result.ends_s) / 2.0).astype(np.float32)[:, np.newaxis]
    return _coarse(middles, columns)[:, 0]


def _edges(result: MoodResult, columns: int) -> npt.NDArray[np.float64]:
    """Borders between the moods at each column, 0 (top) to 1; shape (columns, 9). Silence has no width."""
    moods = _coarse(result.moods, columns)
    filled = np.concatenate([np.zeros((len(moods), 1)), np.cumsum(moods, axis=1)], axis=1)
    borders: npt.NDArray[np.float64] = filled + (1.0 - filled[:, -1:]) / 2.0
    return borders


def _bands(result: MoodResult, columns: int, *, height: int) -> list[Markup]:
    borders = _edges(result, columns)
    centres = _centres(result, columns) / max(result.duration_s, 1e-9)
    # The first and the last column reach to the ends of the sound.
    places = np.concatenate([[0.0], centres, [1.0]])
    across = [f"{_WIDTH * place:.0f}" for place in places]
    rows = np.concatenate([borders[:1], borders, borders[-1:]])
    down = [[f"{height * value:.1f}".removesuffix(".0") for value in row] for row in rows]
    smooth = len(borders) < _SMOOTH_BELOW
    return [
        tag(
            "path",
            d="M"
            + _line(across, [row[index] for row in down], smooth=smooth)
            + "L"
            + _line(across[::-1], [row[index + 1] for row in down[::-1]], smooth=smooth)
            + "Z",
            class_="band",
            style=f"fill:var(--at-mood-{mood})",
            data_mood=mood,
        )
        for index, mood in enumerate(MOODS)
    ]


def _line(across: Sequence[str], down: Sequence[str], *, smooth: bool) -> str:
    """Points joined by straight lines, or by curves that are level at every point."""
    parts = [f"{across[0]} {down[0]}"]
    for (x0, y0), (x1, y1) in zip(
        zip(across, down, strict=True), zip(across[1:], down[1:], strict=True), strict=False
    ):
        middle = f"{(float(x0) + float(x1)) / 2:g}"
        parts.append(f"C{middle} {y0} {middle} {y1} {x1} {y1}" if smooth else f"L{x1} {y1}")
    return "".join(parts)


def _labels(result: MoodResult) -> list[Markup]:
    """Write a mood's name where its band is widest, if there is room beside the other names."""
    borders = _edges(result, _STRIP_COLUMNS)
    places = _centres(result, _STRIP_COLUMNS) / max(result.duration_s, 1e-9)
    middles, widths = (borders[:, 1:] + borders[:, :-1]) / 2.0, np.diff(borders, axis=1)
    widths[(places <= _LABEL_MARGIN) | (places >= 1.0 - _LABEL_MARGIN)] = 0.0
    taken: list[tuple[float, float]] = []
    labels = []
    for index in np.argsort(-widths.max(axis=0), kind="stable"):
        for column in np.argsort(-widths[:, index], kind="stable"):
            across, down = float(places[column]), float(middles[column, index])
            if widths[column, index] < _LABEL_SHARE:
                break
            if all(abs(across - x) > _LABEL_ACROSS or abs(down - y) > _LABEL_DOWN for x, y in taken):
                taken.append((across, down))
                style = f"left:{100 * across:.1f}%;top:{100 * down:.1f}%"
                labels.append(tag("span", MOODS[index], class_="label-of", style=style, aria_hidden="true"))
                break
    return labels


def _time_marks(duration_s: float) -> list[Markup]:
    step_s = next((step for step in _MARK_STEPS_S if duration_s / step <= _MARKS), _MARK_STEPS_S[-1])
    times = np.arange(0.0, _LAST_MARK * duration_s, step_s)
    return [
        tag("span", clock_text(float(second)), style=f"left:{100 * float(second) / duration_s:.2f}%")
        for second in times
    ]


def caption(track: Track, result: MoodResult) -> dict[str, Any]:
    """What is written around the river when it is saved as a picture."""
    heard = ", ".join(_loud(result.mean_shares))
    shares = zip(MOODS, result.theme_moods.tolist(), strict=True)
    return {
        "title": track.name,
        "subtitle": " · ".join((result.mood or _SILENT, clock_text(result.duration_s), f"heard: {heard}")),
        "legend": [[mood, f"{mood} {percent(share)}"] for mood, share in shares],
        "theme": f"Theme: {_tag_words(result.theme, _TOP_TAGS)}",
    }


def moments(result: MoodResult) -> list[list[Any]]:
    """What to say of each column of the river: where its middle is in seconds, its moods, its tags."""
    moods, tags = _coarse(result.moods, COLUMNS), _coarse(result.timeline, COLUMNS)
    return [
        [round(float(second), 2), _mood_words(mood_row), "" if not mood_row.any() else _tag_words(tag_row, 3)]
        for second, mood_row, tag_row in zip(_centres(result, COLUMNS), moods, tags, strict=True)
    ]


def _mood_words(row: Floats) -> str:
    if not row.any():
        return _SILENT
    order = np.argsort(-row, kind="stable")[:3]
    return ", ".join(f"{MOODS[index]} {percent(float(row[index]))}" for index in order)


def river_words(result: MoodResult) -> str:
    """Put the river into words, for those who cannot see it: which mood was first from when to when."""
    if result.silent:
        return "Silent throughout: no mood."
    columns = COLUMNS
    while True:
        moods = _coarse(result.moods, columns)
        leads = [MOODS[int(row.argmax())] if row.any() else _SILENT for row in moods]
        starts = [place for place, lead in enumerate(leads) if not place or lead != leads[place - 1]]
        if len(starts) <= _SPOKEN_RUNS or columns <= _SPOKEN_RUNS:
            break
        columns = columns * 2 // 3
    seconds = [result.duration_s * place / len(leads) for place in [*starts, len(leads)]]
    runs = (
        f"{leads[place]} from {clock_text(begin_s)} to {clock_text(end_s)}"
        for place, begin_s, end_s in zip(starts, seconds, seconds[1:], strict=False)
    )
    return f"Strongest mood: {', '.join(runs)}."


def _theme(result: MoodResult) -> Markup:
    tags = ranked(result.theme, _TOP_TAGS)
    sure = set(present(result, _TOP_TAGS))
    full = max(0.25, max((share for _, share in tags), default=0.0))
    rows = [
        _level(name, share, full, "var(--at-soft)", strong=name in sure and not result.silent)
        for name, share in tags
    ] or [tag("p", "Silence has no theme.", class_="none-of")]
    return tag(
        "section",
        tag(
            "h3",
            "Theme",
            tag(
                "span",
                "of the whole; bold: likely enough to name",
                class_="aside",
                title="Calibrated for the official YAMNet; with the embedded one approximately.",
            ),
        ),
        tag("div", *rows, class_="levels", role="list"),
        aria_label="Theme",
    )


def _moods(result: MoodResult) -> Markup:
    full = max(0.25, float(result.theme_moods.max()))
    order = np.argsort(-result.theme_moods, kind="stable")
    rows = [
        _level(
            MOODS[index],
            float(result.theme_moods[index]),
            full,
            f"var(--at-mood-{MOODS[index]})",
            strong=MOODS[index] == result.mood,
        )
        for index in ([] if result.silent else order)
    ] or [tag("p", "Silence has no mood.", class_="none-of")]
    return tag(
        "section",
        tag("h3", "Eight moods", tag("span", "59 tags in groups; shares of the whole", class_="aside")),
        tag("div", *rows, class_="levels", role="list"),
        aria_label="Eight moods",
    )


def _level(name: str, share: float, full: float, colour: str, *, strong: bool) -> Markup:
    words = percent(share)
    return tag(
        "div",
        tag("span", name, class_="name"),
        tag(
            "div",
            tag("div", class_="fill", style=f"width:{100 * min(1.0, share / full):.1f}%;background:{colour}"),
            class_="rail-of",
            aria_hidden="true",
        ),
        tag("span", words, class_="value"),
        class_="level strong" if strong else "level",
        role="listitem",
        aria_label=f"{name} {words}",
    )

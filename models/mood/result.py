"""Owns what is known of the mood of one file, and its plain rows for JSON, CSV and people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import ModelError
from models.mood.groups import MOODS
from models.mood.patches import PATCH_S, hop_samples
from models.mood.plane import places
from models.mood.shares import Shares
from models.mood.tags import TAGS
from models.resample import SAMPLE_RATE_HZ

__all__ = ["CSV_COLUMNS", "MoodResult", "check_top_k", "csv_rows", "plain", "present", "ranked"]

CSV_COLUMNS: Final = ("file", "part", "start_s", "end_s", "rank", "tag", "probability")
"""`part` is `theme` or `timeline`; a row holds one tag."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class MoodResult:
    """Mood of one file, or of any sound, over time and as a whole.

    Parameters
    ----------
    name
        Of the file, for people.
    duration_s
        Of the sound that was heard, in seconds.
    hop_s
        Time from row to row, in seconds.
    timeline
        float32, shape (n, 59): probabilities of the tags in the 5 s around each patch; zeros where these are
        silent.
    theme
        float32, shape (59,): probabilities for the whole, calibrated for the official YAMNet, with the
        embedded student approximately; zeros where all is silent.
    moods
        float32, shape (n, 8): weights of the eight moods over time, rows summing to 1; zeros where silent.
    theme_moods
        float32, shape (8,): weights for the whole.
    shares
        float32, shape (n, 4): music, speech, singing, silence of each patch alone.
    classes
        float32, shape (521,): mean scores of AudioSet's classes.
    thresholds
        float32, shape (59,): probability from which each tag counts as present.
    silent
        Whether there is nothing to hear in all of it; then there is no mood.
    notices
        What was wrong but survived: one sentence each.
    """

    name: str
    duration_s: float
    hop_s: float
    timeline: Floats
    theme: Floats
    moods: Floats
    theme_moods: Floats
    shares: Floats
    classes: Floats
    thresholds: Floats
    silent: bool
    notices: tuple[str, ...] = ()

    @property
    def starts_s(self) -> npt.NDArray[np.float64]:
        """Where the patch of each row begins, in seconds; shape (n,)."""
        patches = np.arange(len(self.timeline), dtype=np.float64)
        return patches * hop_samples(self.hop_s) / SAMPLE_RATE_HZ

    @property
    def ends_s(self) -> npt.NDArray[np.float64]:
        """Where the patch of each row ends, in seconds; shape (n,). The last is cut where the sound ends."""
        return np.minimum(self.starts_s + PATCH_S, self.duration_s)

    @property
    def mean_shares(self) -> Shares:
        """Shares of the whole: means over the patches."""
        return Shares.of(self.shares.mean(axis=0))

    @property
    def mood(self) -> str | None:
        """The first of the eight moods of the whole; None where all is silent."""
        return None if self.silent else MOODS[int(self.theme_moods.argmax())]


def ranked(probabilities: Floats, top_k: int) -> list[tuple[str, float]]:
    """The likeliest tags of one row, with their probabilities; none of a silent one.

    Parameters
    ----------
    probabilities
        float32, shape (59,).
    top_k
        How many, at least 1.

    Raises
    ------
    ModelError
        `top_k` is below 1.
    """
    check_top_k(top_k)
    if not probabilities.any():
        return []
    order = np.argsort(-probabilities, kind="stable")[:top_k]
    return [(TAGS[index], float(probabilities[index])) for index in order]


def check_top_k(top_k: int) -> None:
    """Refuse a number of tags that cannot be told, before anything is heard.

    Raises
    ------
    ModelError
        It is below 1.
    """
    if top_k < 1:
        raise ModelError(f"The {top_k} likeliest tags are asked for: ask for 1 to {len(TAGS)}.")


def present(result: MoodResult, top_k: int) -> list[str]:
    """Tags of the theme that reach their thresholds, the likeliest first; the first in any case.

    Parameters
    ----------
    result
        Of one file.
    top_k
        How many at most, at least 1.
    """
    needed = dict(zip(TAGS, result.thresholds, strict=True))
    tags = ranked(result.theme, top_k)
    return [tag for place, (tag, probability) in enumerate(tags) if not place or probability >= needed[tag]]


def plain(result: MoodResult, top_k: int, *, theme: bool = True, timeline: bool = True) -> dict[str, Any]:
    """What JSON can hold of a result; numbers are rounded to 4 places.

    Parameters
    ----------
    result
        Of one file.
    top_k
        Tags of the theme and of each row, at least 1.
    theme, timeline
        Which parts.
    """
    answer: dict[str, Any] = {
        "file": result.name,
        "duration_s": round(result.duration_s, 3),
        "silent": result.silent,
        "shares": _rounded(asdict(result.mean_shares)),
        "notices": list(result.notices),
    }
    if theme:
        answer["theme"] = _tags(result.theme, top_k)
        answer["moods"] = {} if result.silent else _named(result.theme_moods)
        answer["plane"] = {} if result.silent else _plane(result.theme)
    if timeline:
        answer["timeline"] = [
            {
                "start_s": round(start_s, 3),
                "end_s": round(end_s, 3),
                "tags": _tags(result.timeline[row], top_k),
                "moods": _named(result.moods[row]) if result.moods[row].any() else {},
                "shares": _rounded(asdict(Shares.of(result.shares[row]))),
            }
            for row, (start_s, end_s) in enumerate(_spans(result))
        ]
    return answer


def csv_rows(
    result: MoodResult, top_k: int, *, theme: bool = True, timeline: bool = True
) -> Iterator[tuple[str | float, ...]]:
    """Rows for a table with the columns `CSV_COLUMNS`; what is silent has none.

    Parameters
    ----------
    result, top_k, theme, timeline
        As in `plain`.
    """
    parts: list[tuple[str, float, float, Floats]] = []
    if theme:
        parts.append(("theme", 0.0, round(result.duration_s, 3), result.theme))
    if timeline:
        parts += [
            ("timeline", round(start_s, 3), round(end_s, 3), row)
            for (start_s, end_s), row in zip(_spans(result), result.timeline, strict=True)
        ]
    for part, start_s, end_s, probabilities in parts:
        for rank, (tag, probability) in enumerate(ranked(probabilities, top_k), start=1):
            yield result.name, part, start_s, end_s, rank, tag, round(probability, 4)


def _spans(result: MoodResult) -> list[tuple[float, float]]:
    return list(zip(result.starts_s.tolist(), result.ends_s.tolist(), strict=True))


def _tags(probabilities: Floats, top_k: int) -> list[dict[str, Any]]:
    return [
        {"tag": tag, "probability": round(probability, 4)}
        for tag, probability in ranked(probabilities, top_k)
    ]


def _named(weights: Floats) -> dict[str, float]:
    return _rounded(dict(zip(MOODS, weights.tolist(), strict=True)))


def _plane(probabilities: Floats) -> dict[str, float]:
    place = places(probabilities[np.newaxis])[0].tolist()
    return _rounded(dict(zip(("pleasantness", "energy"), place, strict=True)))


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}

"""Mood of one file, and its conversion to JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import ModelError
from core.mood_tags import TAGS
from core.text import percent
from models.mood.audio_classes import AudioClassScores
from models.mood.mood_scale import MOODS
from models.mood.music_share import MUSIC_FROM
from models.mood.patches import PATCH_S, hop_samples
from models.mood.plane import plane_positions
from models.resample import SAMPLE_RATE_HZ

CSV_COLUMNS: Final = ("file", "part", "start_s", "end_s", "rank", "tag", "probability", "music_share")
"""One row a tag; `part` is `theme` or `timeline`. A theme without music is one row without a tag."""

SILENT: Final = "silent"
NO_MUSIC: Final = "no music"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class MoodResult:
    """Mood of a file, or of any sound, over time and as a whole."""

    name: str  # of the file, for people
    duration_s: float  # of the sound, in seconds
    hop_s: float  # time between two rows, in seconds
    # float32, shape (n, 59): probabilities of the tags of the music in the 5 s around each patch; zeros where
    # there is none.
    timeline: Floats = field(repr=False)
    # float32, shape (59,): probabilities for all of the music, calibrated for Google's YAMNet, approximately
    # for the embedded student; zeros without music.
    theme: Floats = field(repr=False)
    # float32, shape (n, 8): weights of the eight moods over time; rows sum to 1, or to 0 without music.
    moods: Floats = field(repr=False)
    theme_moods: Floats = field(repr=False)  # float32, shape (8,): weights for the whole
    # float32, shape (n, 4): scores of music, speech, singing and silence of each patch.
    class_scores: Floats = field(repr=False)
    classes: Floats = field(repr=False)  # float32, shape (521,): mean scores of AudioSet's classes
    # float32, shape (59,): probability from which each tag counts as present.
    thresholds: Floats = field(repr=False)
    music_share: float  # how much of all that sounds is music, 0 to 1
    # float32, shape (n,): the same of the 5 s around each patch; NaN where silent.
    music_shares: Floats = field(repr=False)
    silent: bool  # whether all of it is silent; then it has no mood
    notices: tuple[str, ...] = ()  # one sentence for each problem that was tolerated
    file_notices: tuple[str, ...] = ()  # of these the ones on what is wrong with the file itself

    def __str__(self) -> str:
        """Such as "song.mp3: relaxed; film 24 %, soundscape 20 %, ambient 15 %"."""
        tags = ", ".join(f"{tag} {percent(probability)}" for tag, probability in top_tags(self.theme, 3))
        return f"{self.name}: " + (f"{self.mood}; {tags}" if tags else self.no_mood)

    @property
    def starts_s(self) -> npt.NDArray[np.float64]:
        """Start of the patch of each row, in seconds; shape (n,)."""
        patches = np.arange(len(self.timeline), dtype=np.float64)
        return patches * hop_samples(self.hop_s) / SAMPLE_RATE_HZ

    @property
    def ends_s(self) -> npt.NDArray[np.float64]:
        """End of the patch of each row, in seconds; shape (n,). The last one ends with the sound."""
        return np.minimum(self.starts_s + PATCH_S, self.duration_s)

    @property
    def mean_class_scores(self) -> AudioClassScores:
        """Scores of the whole: means over the patches."""
        return AudioClassScores.of(self.class_scores.mean(axis=0))

    @property
    def mood(self) -> str | None:
        """The leading mood of the whole; None without music."""
        return MOODS[int(self.theme_moods.argmax())] if self.has_music else None

    @property
    def has_music(self) -> bool:
        """Whether enough of it is music for a mood."""
        return self.music_share >= MUSIC_FROM

    @property
    def no_mood(self) -> str:
        """Why it has no mood: `SILENT` or `NO_MUSIC`; empty where it has one."""
        return SILENT if self.silent else "" if self.has_music else NO_MUSIC


def top_tags(probabilities: Floats, top_k: int) -> list[tuple[str, float]]:
    """The likeliest tags of one row, with their probabilities; empty without music.

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
    """Raise `ModelError` where `top_k` is below 1, before anything is analysed."""
    if top_k < 1:
        raise ModelError(f"The {top_k} likeliest tags are asked for: ask for 1 to {len(TAGS)}.")


def present_tags(result: MoodResult, top_k: int) -> list[str]:
    """Tags of the theme that reach their thresholds, the likeliest first; at least the first tag.

    Parameters
    ----------
    result
        Of one file.
    top_k
        How many at most, at least 1.
    """
    threshold = dict(zip(TAGS, result.thresholds, strict=True))
    tags = top_tags(result.theme, top_k)
    return [tag for rank, (tag, probability) in enumerate(tags) if not rank or probability >= threshold[tag]]


def to_dict(result: MoodResult, top_k: int, *, theme: bool = True, timeline: bool = True) -> dict[str, Any]:
    """A result as plain values for JSON; numbers are rounded to 4 digits.

    Parameters
    ----------
    result
        Of one file.
    top_k
        Tags of the theme and of each row, at least 1.
    theme, timeline
        Parts to include.
    """
    content: dict[str, Any] = {
        "file": result.name,
        "duration_s": round(result.duration_s, 3),
        "silent": result.silent,
        "music": result.has_music,
        "music_share": round(result.music_share, 4),
        "shares": _rounded(asdict(result.mean_class_scores)),
        "notices": list(result.notices),
    }
    if theme:
        content["theme"] = _tags(result.theme, top_k)
        content["moods"] = _named(result.theme_moods) if result.has_music else {}
        content["plane"] = _plane(result.theme) if result.has_music else {}
    if timeline:
        content["timeline"] = [
            {
                "start_s": round(start_s, 3),
                "end_s": round(end_s, 3),
                "tags": _tags(result.timeline[row], top_k),
                "moods": _named(result.moods[row]) if result.moods[row].any() else {},
                "music_share": None if np.isnan(share) else round(share, 4),
                "shares": _rounded(asdict(AudioClassScores.of(result.class_scores[row]))),
            }
            for row, ((start_s, end_s), share) in enumerate(
                zip(_spans(result), result.music_shares.tolist(), strict=True)
            )
        ]
    return content


def csv_rows(
    result: MoodResult, top_k: int, *, theme: bool = True, timeline: bool = True
) -> Iterator[tuple[str | float, ...]]:
    """Rows of a table with the columns `CSV_COLUMNS`.

    Parameters
    ----------
    result, top_k, theme, timeline
        As in `to_dict`.
    """
    parts: list[tuple[str, float, float, Floats, float]] = []
    if theme:
        parts.append(("theme", 0.0, round(result.duration_s, 3), result.theme, result.music_share))
        if not result.has_music:
            yield result.name, *parts.pop()[:3], "", "", "", round(result.music_share, 4)
    if timeline:
        parts += [
            ("timeline", round(start_s, 3), round(end_s, 3), row, share)
            for (start_s, end_s), row, share in zip(
                _spans(result), result.timeline, result.music_shares.tolist(), strict=True
            )
        ]
    for part, start_s, end_s, probabilities, share in parts:
        for rank, (tag, probability) in enumerate(top_tags(probabilities, top_k), start=1):
            yield result.name, part, start_s, end_s, rank, tag, round(probability, 4), round(share, 4)


def _spans(result: MoodResult) -> list[tuple[float, float]]:
    return list(zip(result.starts_s.tolist(), result.ends_s.tolist(), strict=True))


def _tags(probabilities: Floats, top_k: int) -> list[dict[str, Any]]:
    return [
        {"tag": tag, "probability": round(probability, 4)}
        for tag, probability in top_tags(probabilities, top_k)
    ]


def _named(weights: Floats) -> dict[str, float]:
    return _rounded(dict(zip(MOODS, weights.tolist(), strict=True)))


def _plane(probabilities: Floats) -> dict[str, float]:
    position = plane_positions(probabilities[np.newaxis])[0].tolist()
    return _rounded(dict(zip(("pleasantness", "energy"), position, strict=True)))


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}

"""What is known of a track beside its tags: tempo, key, genres, instruments, feelings, its place."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

Shares = tuple[tuple[str, float], ...]
"""Names and their probabilities, the likeliest first."""

_SHARES: Final = ("genres", "instruments", "emotions")


@dataclass(frozen=True, slots=True)
class PlanePlace:
    """A place on the plane, -1 to 1."""

    pleasantness: float
    energy: float


@dataclass(frozen=True, slots=True)
class TrackFacts:
    """What was found of a track; None or empty is not known."""

    tempo_bpm: float | None = None
    tempo_confidence: float | None = None  # 0 to 1
    key: str = ""  # such as "C# minor"
    key_confidence: float | None = None  # 0 to 1
    loudness_lufs: float | None = None
    mood: str = ""  # the leading one of the eight
    genres: Shares = ()  # those that count as present
    instruments: Shares = ()  # the likeliest
    emotions: Shares = ()  # all nine
    pleasantness: float | None = None  # -1 to 1
    energy: float | None = None  # -1 to 1

    @property
    def place(self) -> PlanePlace | None:
        """Where it lies on the plane."""
        if self.pleasantness is None or self.energy is None:
            return None
        return PlanePlace(self.pleasantness, self.energy)


def facts_text(facts: TrackFacts) -> str:
    """Write facts as JSON, for the database."""
    return json.dumps({name: value for name, value in asdict(facts).items() if value not in (None, "", ())})


def read_facts(text: str) -> TrackFacts | None:
    """Read what `facts_text` wrote; None, as if it had never been heard, for anything else."""
    try:
        content = dict(json.loads(text))
        known = {field.name: content[field.name] for field in fields(TrackFacts) if field.name in content}
        return TrackFacts(**{name: _value(name, value) for name, value in known.items()})
    except (ValueError, TypeError, AttributeError):
        return None


def _value(name: str, value: Any) -> Any:
    if name in _SHARES:
        return tuple((str(label), float(share)) for label, share in value)
    return str(value) if name in ("key", "mood") else float(value)

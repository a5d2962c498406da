"""How the autopilot words its reasons, and the records that hold them."""

from __future__ import annotations

from typing import Final, NamedTuple

from core.directions import Direction, Feeling
from core.phrases import Phrase
from core.text import percent
from playback.autopilot.events import Record
from playback.player import ContentKind, OutcomeKind, PlayerKind, Playlist
from playback.snapshot import MusicRecord, RecordKind

SPOKEN: Final = {ContentKind.PODCAST: Phrase("a podcast"), ContentKind.AUDIOBOOK: Phrase("an audiobook")}
"""What is told apart from music."""


def noun(feeling: Feeling) -> Phrase:
    """Return an emotion by its name, a direction as a voice that is so."""
    if not isinstance(feeling, Direction):
        return Phrase(feeling.value)
    voice = f"a {feeling.value.replace(' and ', ', ')} voice"
    return Phrase(voice)


def playlist_names(playlist: Playlist) -> tuple[str, str]:
    """Return a playlist's name, and what the journal calls it.

    Nothing that comes from Spotify may be stored beside what was heard, so there the two differ.
    """
    on_spotify = playlist.uri.startswith(
        (f"{PlayerKind.SPOTIFY}:", f"{PlayerKind.SYSTEM}:{PlayerKind.SPOTIFY}:")
    )
    return playlist.name, "a playlist on Spotify" if on_spotify else playlist.name


class HowOften(NamedTuple):
    """How often a playlist comes up, as two clauses."""

    alone: str
    still: str  # though what was said last went the other way


_AS_OFTEN: Final = "it comes up as often as others{for_whom}"
_HALF: Final = HowOften(
    "it comes up half as often{for_whom}",
    "it comes up more often than before{for_whom}, though still half as often as others",
)
_TIMES: Final = HowOften(
    "it comes up {times} times as often{for_whom}",
    "it comes up less often than before{for_whom}, though still {times} times as often as others",
)
_MORE: Final = HowOften(
    "it comes up {share} more often{for_whom}",
    "it comes up less often than before{for_whom}, though still {share} more often than others",
)
_LESS: Final = HowOften(
    "it comes up {share} less often{for_whom}",
    "it comes up more often than before{for_whom}, though still {share} less often than others",
)
COMES_UP: Final = (_AS_OFTEN, *_HALF, *_TIMES, *_MORE, *_LESS)
"""All clauses on how often a playlist comes up."""


def comes_up(weight: float, *, up: bool, whom: Phrase | None = None) -> Phrase:
    r"""Return how often a playlist comes up once a person has said what they think of it, as a clause.

    Parameters
    ----------
    weight
        How many times as often as others.
    up
        Whether what they said lets it come up more often than before.
    whom
        What it comes up for.

    Examples
    --------
    >>> comes_up(0.5, up=False, whom=Phrase("happy"))
    'it comes up half as often for happy'
    >>> comes_up(0.75, up=True)
    'it comes up more often than before, though still 25\xa0% less often than others'
    """
    for_whom = "" if whom is None else Phrase(" for {whom}", whom=whom)
    share = percent(abs(weight - 1.0))
    return Phrase(_comes_up(weight, up=up), share=share, times=weight, for_whom=for_whom)


def _comes_up(weight: float, *, up: bool) -> str:
    change = round(100 * (weight - 1.0))
    if change == 0:
        return _AS_OFTEN
    often = _HALF if change == -50 else _TIMES if weight >= 2.0 else _MORE if change > 0 else _LESS
    return often.alone if (change > 0) is up else often.still


def duration(time_s: float) -> Phrase:
    """Return a time as people say it."""
    if time_s < 120:
        return Phrase("{number} s", number=time_s)
    return Phrase("{number} min", number=time_s / 60)


def with_message(what: Phrase, message: str) -> Phrase:
    """Return a sentence, and after it what the player says of it, where it says something."""
    return Phrase("{what} {message}", what=what, message=Phrase(message)) if message.strip() else what


def record(
    at_s: float,
    kind: RecordKind,
    reason: Phrase,
    journal_reason: str = "",
    *,
    feeling: Feeling | None = None,
    playlist: Playlist | None = None,
    outcome: OutcomeKind | None = None,
) -> Record:
    """Make a record; without a reason of its own the journal gets the same one."""
    made = MusicRecord(at_s, kind, reason, feeling=feeling, playlist=playlist, outcome=outcome)
    return Record(made, journal_reason or reason)

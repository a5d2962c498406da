"""Owns the rule that music must not steer itself: when a window with music in it counts as voice. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.settings import Settings
from models.mood.shares import Shares
from models.resample import Audio

__all__ = ["GuardConfig", "guard_config", "music_score", "nothing_left", "only_music"]


_SLACK: Final = 0.1
"""Of the margin while a voice is there: one window must not undo the others."""
_LEAST_LEFT: Final = 0.16
"""Of the power, 8 dB below: of songs alone the separator leaves less in all windows that the voice detector
takes for speech (training songs), of a voice 10 dB above the music hardly ever less than half."""


@dataclass(frozen=True, slots=True)
class GuardConfig:
    """When sung and played sound is told from voices.

    Parameters
    ----------
    music_from
        Score of music or singing, averaged over the window, from which music plays; 0 to 1.
    margin
        By how much the highest score of speech must exceed that for a voice to stand out, -1 to 1.
    beside_from
        Score of music or singing from which it is suppressed behind a voice that stands out; 0 to 1.
    """

    music_from: float
    margin: float
    beside_from: float


def guard_config(settings: Settings) -> GuardConfig:
    """The guard's part of the settings."""
    return GuardConfig(
        music_from=settings.music_from,
        margin=settings.voice_over_music,
        beside_from=settings.music_beside_from,
    )


def only_music(
    shares: Sequence[Shares], config: GuardConfig, *, voice_before: bool = False, ours: bool = False
) -> bool:
    """Whether music plays in a window and no voice stands out from it.

    Parameters
    ----------
    shares
        Of the patches that sound in the window; none: nothing is known, so nothing is held back.
    config
        May change between windows.
    voice_before
        Whether the window before counted as a voice: then this one does more easily.
    ours
        Whether this program itself plays music just now: then music plays, whatever it scores.
    """
    if not shares:
        return False
    music = music_score(shares)
    speech = max(share.speech for share in shares)  # pauses between words must not hide them
    margin = config.margin - (_SLACK if voice_before else 0.0)
    return (ours or music >= config.music_from) and speech - music < margin


def nothing_left(heard: Audio, left: Audio) -> bool:
    """Whether so little is left of a window without its music that nobody has spoken in it.

    Parameters
    ----------
    heard, left
        The window, and what of it is no echo of ours and no music; float32, of one shape.
    """
    return float(left @ left) < _LEAST_LEFT * float(heard @ heard)


def music_score(shares: Sequence[Shares]) -> float:
    """Score of music or singing over some patches, whichever is higher, in [0, 1]; 0 of none."""
    if not shares:
        return 0.0
    return max(_mean([share.music for share in shares]), _mean([share.singing for share in shares]))


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores)

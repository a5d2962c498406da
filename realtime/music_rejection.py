"""Music must not steer itself: when a window with music in it counts as a voice. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.settings import Settings
from models.mood.audio_classes import AudioClassScores
from models.resample import Audio

_SLACK: Final = 0.1  # of the margin while a voice is there: one window must not undo the others
_MIN_POWER_KEPT: Final = 0.16
"""8 dB below the window: of songs alone the separator keeps less in all windows that the voice detector
takes for speech (training songs), of a voice 10 dB above the music hardly ever less than half."""


@dataclass(frozen=True, slots=True)
class MusicRejectionConfig:
    """How singing and music are told apart from voices."""

    music_from: float  # score of music or singing, averaged over the window, from which music plays; 0 to 1
    # By how much the highest score of speech must exceed that for a voice to stand out, -1 to 1.
    margin: float
    # Score of music or singing from which it is suppressed behind a voice that stands out; 0 to 1.
    beside_from: float


def music_rejection_config(settings: Settings) -> MusicRejectionConfig:
    """Read the configuration from the settings."""
    return MusicRejectionConfig(
        music_from=settings.music_from,
        margin=settings.voice_over_music,
        beside_from=settings.music_beside_from,
    )


def only_music(
    scores: Sequence[AudioClassScores],
    config: MusicRejectionConfig,
    *,
    voice_before: bool = False,
    own_music: bool = False,
) -> bool:
    """Whether music plays in a window and no voice stands out from it.

    Parameters
    ----------
    scores
        Of the patches of the window that are not silent; none: nothing is known, so nothing is held back.
    config
        May change between windows.
    voice_before
        Whether the window before counted as a voice: then this one does more easily.
    own_music
        Whether this program itself plays music just now: then music plays, whatever it scores.
    """
    if not scores:
        return False
    music = music_score(scores)
    speech = max(score.speech for score in scores)  # pauses between words must not hide them
    margin = config.margin - (_SLACK if voice_before else 0.0)
    return (own_music or music >= config.music_from) and speech - music < margin


def only_residue(window: Audio, remainder: Audio) -> bool:
    """Whether so little is left of a window without its music that nobody has spoken in it.

    Parameters
    ----------
    window, remainder
        The window, and what of it is no echo of ours and no music; float32, of one shape.
    """
    return float(remainder @ remainder) < _MIN_POWER_KEPT * float(window @ window)


def music_score(scores: Sequence[AudioClassScores]) -> float:
    """Score of music or singing over some patches, whichever is higher, in [0, 1]; 0 of none."""
    if not scores:
        return 0.0
    return max(_mean([score.music for score in scores]), _mean([score.singing for score in scores]))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

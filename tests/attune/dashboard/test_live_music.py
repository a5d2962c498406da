"""The music beside the voice: scores, moods of the last seconds, and what is said where there is none."""

from __future__ import annotations

import pytest

from attune.dashboard.views.live_details import GateLines, detail_values, live_details
from models.mood.audio_classes import AudioClassScores
from models.mood.mood_scale import MOODS
from realtime.snapshot import ListenerState, MoodReading, RollingTheme, Snapshot
from tests.attune.dashboard.boards import Page
from tests.attune.dashboard.fakes import accepted, listening

WEIGHTS = tuple(0.65 if name == MOODS[2] else 0.05 for name in MOODS)
SONG = MoodReading(
    clock=80_000,
    class_scores=(AudioClassScores(0.2, 0.0, 0.0, 0.0), AudioClassScores(0.93, 0.08, 0.31, 0.0)),
    themes=(
        RollingTheme(
            10.0, (("film", 0.4), ("<b>", 0.3), ("dark", 0.2), ("epic", 0.1), ("fifth", 0.05)), WEIGHTS
        ),
        RollingTheme(60.0, (), (), music_share=0.04),
    ),
)


def words(snapshot: Snapshot) -> str:
    """What the details say, in one line."""
    return " ".join(Page(live_details(), detail_values(snapshot, GateLines(0.7, 0.55))).text.split())


def test_a_song_shows_the_newest_scores_its_mood_and_its_likeliest_tags() -> None:
    shown = words(listening(accepted(), mood=SONG))
    assert "Music 93 %" in shown
    assert "Singing 31 %" in shown
    assert "Speech 8 %" in shown
    assert f"Last 10 s {MOODS[2].capitalize()}" in shown
    assert "film, <b>, dark, epic" in shown
    assert "fifth" not in shown


def test_a_minute_without_music_says_so() -> None:
    assert "Last minute \N{EN DASH} no music (4 %)" in words(listening(accepted(), mood=SONG))


def test_moods_are_words_with_their_weights_for_their_colours_would_be_those_of_emotions() -> None:
    assert f"{MOODS[2]} 65 %, " in words(listening(accepted(), mood=SONG))
    assert "--at-mood" not in live_details()


@pytest.mark.parametrize("snapshot", [Snapshot(), listening(accepted()), Snapshot(mood=SONG)])
def test_nothing_heard_yet_is_shown_as_such(snapshot: Snapshot) -> None:
    shown = words(snapshot)
    assert shown.count("nothing to hear yet") == 2
    assert "93 %" not in shown


def test_models_that_are_missing_are_said_instead() -> None:
    problem = "There are no weights called 'x'."
    shown = words(listening(accepted(), mood_error=problem))
    assert "There are no weights called" in shown
    assert "no weights" in words(Snapshot(state=ListenerState.STOPPED, mood_error=problem))

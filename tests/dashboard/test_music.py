"""The music beside the voice: scores, moods of the last seconds, and what is said where there is none."""

from __future__ import annotations

import re

import pytest
from fakes import accepted, listening

from dashboard.music import music
from models.mood.groups import MOODS
from models.mood.shares import Shares
from realtime.snapshot import ListenerState, MoodReading, RollingTheme, Snapshot

WEIGHTS = tuple(0.65 if name == MOODS[2] else 0.05 for name in MOODS)
SONG = MoodReading(
    clock=80_000,
    shares=(Shares(0.2, 0.0, 0.0, 0.0), Shares(0.93, 0.08, 0.31, 0.0)),
    themes=(
        RollingTheme(
            10.0, (("film", 0.4), ("<b>", 0.3), ("dark", 0.2), ("epic", 0.1), ("fifth", 0.05)), WEIGHTS
        ),
        RollingTheme(60.0, (), ()),
    ),
)


def words(snapshot: Snapshot) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", str(music(snapshot))))


def test_a_song_shows_the_newest_scores_its_mood_and_its_likeliest_tags() -> None:
    shown = words(listening(accepted(), mood=SONG))
    assert "Music 93 %" in shown
    assert "Singing 31 %" in shown
    assert "Speech 8 %" in shown
    assert f"Last 10 s {MOODS[2].capitalize()}" in shown
    assert "film, &lt;b&gt;, dark, epic" in shown
    assert "fifth" not in shown


def test_a_minute_without_music_says_so() -> None:
    assert "Last minute \N{EN DASH} no music" in words(listening(accepted(), mood=SONG))


def test_the_blend_is_described_for_those_who_do_not_see_it() -> None:
    assert f"{MOODS[2]} 65%" in str(music(listening(accepted(), mood=SONG)))


@pytest.mark.parametrize("snapshot", [Snapshot(), listening(accepted()), Snapshot(mood=SONG)])
def test_nothing_heard_yet_is_shown_as_such(snapshot: Snapshot) -> None:
    shown = words(snapshot)
    assert shown.count("nothing to hear yet") == 2
    assert "93 %" not in shown
    assert "idle" in str(music(snapshot))


def test_models_that_are_missing_are_said_instead() -> None:
    problem = "There are no weights called 'x'."
    shown = words(listening(accepted(), mood_error=problem))
    assert "There are no weights called" in shown
    assert "Last minute" not in shown
    assert "no weights" in words(Snapshot(state=ListenerState.STOPPED, mood_error=problem))

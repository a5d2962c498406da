"""The plane: where the voice and the music lie, how unsure it looks, the trail, and the same in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from attune.dashboard.views.live_details import GateLines, detail_values
from attune.dashboard.views.plane import TRAIL_STEPS, plane_values, trail_look, voice_place
from attune.dashboard.views.verdict import verdict_of
from core.emotions import Emotion
from realtime.snapshot import Decision, MoodReading, RollingTheme
from tests.attune.dashboard.fakes import HOP_S, accepted, listening, no_speech, on_plane, unsure

SONG = RollingTheme(10.0, (("calm", 0.3),), (0.125,) * 8, energy=-0.6, pleasantness=0.4)


def drawn(
    decision: Decision | None, *, history: tuple[Decision, ...] = (), theme: RollingTheme | None = None
) -> dict[str, Any]:
    verdict = verdict_of(listening(decision))
    return plane_values(decision, verdict, history, theme, hop_s=HOP_S)


def place(values: dict[str, Any], mark: str) -> tuple[float, float]:
    return float(values[f"{mark}_x"]), float(values[f"{mark}_y"])


def halo(values: dict[str, Any]) -> tuple[float, float]:
    return float(values["halo_x"]), float(values["halo_y"])


def paths(values: dict[str, Any]) -> list[str]:
    return [values[f"trail_{step}"] for step in range(TRAIL_STEPS)]


def spoken_at(*seconds: float, later: float) -> tuple[Decision, ...]:
    """Somebody spoke then, and nobody afterwards."""
    spoken = [on_plane(unsure(second=second), 0.9, 0.8 + 0.1 * (second % 1.0)) for second in seconds]
    return (*spoken, no_speech(second=later))


def test_pleasant_is_right_and_lively_is_up() -> None:
    centre = place(drawn(on_plane(unsure(), 0.5, 0.5)), "voice")
    corner = place(drawn(on_plane(unsure(), 0.9, 0.8)), "voice")
    assert corner[0] > centre[0] == 50.0
    assert corner[1] < centre[1] == 50.0
    found = voice_place(on_plane(unsure(), 0.9, 0.8))
    assert found is not None
    assert (found.x, found.y) == pytest.approx((0.6, 0.8))


@pytest.mark.parametrize(
    ("decision", "name", "sure"),
    [
        (on_plane(accepted(Emotion.SAD, 0.8), 0.1, 0.2), "Sad", True),
        (on_plane(unsure(), 0.1, 0.2), "Quiet and unpleasant", True),
        (on_plane(unsure(), 0.6, 0.9), "Unsure", False),  # pleasant alone is nothing that music follows
        (on_plane(unsure(), 0.6, 0.5), "Unsure", False),
    ],
)
def test_the_voice_is_called_as_the_headline_is(decision: Decision, name: str, sure: bool) -> None:
    values = drawn(decision)
    assert (values["voice_look"] == "sure") == sure  # a full dot, else a hollow one
    assert (values["hue"] == "var(--at-sad)") == (name == "Sad")
    assert f"What is felt: {name}." in values["plane_words"]


def test_the_halo_grows_on_each_axis_as_that_is_unsure() -> None:
    sure, energy_unsure, both_unsure = (
        halo(drawn(on_plane(unsure(), energy, pleasantness)))
        for energy, pleasantness in ((0.99, 0.99), (0.5, 0.99), (0.5, 0.5))
    )
    assert energy_unsure[0] == sure[0]
    assert energy_unsure[1] > 2 * sure[1]
    assert both_unsure[0] > 2 * energy_unsure[0]


@pytest.mark.parametrize("energy", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("pleasantness", [0.0, 0.5, 1.0])
def test_the_dot_stays_within_the_plot(energy: float, pleasantness: float) -> None:
    assert all(4.0 < at < 96.0 for at in place(drawn(on_plane(unsure(), energy, pleasantness)), "voice"))


def test_without_speech_the_dot_goes_and_the_trail_stays() -> None:
    spoken = on_plane(unsure(second=4.5), 0.9, 0.8)
    values = drawn(no_speech(second=6.0), history=(spoken, no_speech(second=6.0)))
    assert values["voice_hidden"]
    assert any(path != "M0 0" for path in paths(values))
    assert "Nobody is heard speaking now." in values["plane_words"]
    assert "last two minutes: lively and pleasant" in values["plane_words"]


def test_the_trail_ages_through_its_steps_and_ends_after_two_minutes() -> None:
    for later, step in ((12.0, 0), (26.0, 1), (126.0, 11)):
        drawn_paths = paths(drawn(None, history=spoken_at(10.0, 10.5, later=later)))
        assert [index for index, path in enumerate(drawn_paths) if "L" in path] == [step]
    assert set(paths(drawn(None, history=spoken_at(10.0, 10.5, later=131.0)))) == {"M0 0"}


def test_the_trail_fades_with_age() -> None:
    opacities = [float(opacity) for opacity, _ in trail_look()]
    assert opacities == sorted(opacities, reverse=True)
    assert opacities[0] > 5 * opacities[-1] > 0.0


def test_the_trail_is_whole_across_its_steps_and_broken_where_nobody_spoke() -> None:
    whole = "".join(paths(drawn(None, history=spoken_at(*(20 + n / 2 for n in range(8)), later=32.0))))
    assert whole.count("h0") == 1  # it begins once
    across = paths(drawn(None, history=spoken_at(19.5, 20.0, 20.5, 21.0, later=31.0)))
    assert sum("L" in path for path in across) == 2
    broken = "".join(paths(drawn(None, history=spoken_at(20.0, 20.5, 29.0, later=30.0))))
    assert broken.count("h0") == 2


def test_the_music_has_a_mark_of_its_own_and_is_said() -> None:
    values = drawn(None, theme=SONG)
    assert not values["music_hidden"]
    assert "The music: quiet and pleasant." in values["plane_words"]
    x, y = place(values, "music")
    assert x > 50.0
    assert y > 50.0


@pytest.mark.parametrize("theme", [None, RollingTheme(10.0, (), ())])
def test_without_music_there_is_no_mark(theme: RollingTheme | None) -> None:
    values = drawn(None, theme=theme)
    assert values["music_hidden"]
    assert "No music is heard." in values["plane_words"]


def test_the_statements_are_details_accepted_or_unsure() -> None:
    decision = on_plane(unsure(Emotion.ANGRY, 0.48), 0.91, 0.38)
    mood = MoodReading(80_000, (), (SONG, replace(SONG, seconds=60.0)))
    values = detail_values(listening(decision, mood=mood), GateLines(0.7, 0.55))
    for key, said in (
        ("emotion", "Unsure, angry leads with 48\xa0%"),
        ("energy", "Lively, 91\xa0%"),
        ("pleasantness", "Unsure, unpleasant leads with 62\xa0%"),
        ("music", "Quiet and pleasant"),
    ):
        assert values[f"statement_{key}"] == said
    looks = [key for key, value in values.items() if key.endswith("_look") and value == "accepted"]
    assert looks == ["statement_energy_look"]


def test_a_decision_without_the_plane_draws_no_voice() -> None:
    values = drawn(accepted(), history=(accepted(),))
    assert values["voice_hidden"]
    assert set(paths(values)) == {"M0 0"}

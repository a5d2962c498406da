"""The plane: where the voice and the music lie, how unsure it looks, the trail, and the same in words."""

from __future__ import annotations

import re

import pytest
from fakes import HOP_S, RATE_HZ, accepted, no_speech, on_plane, unsure

from dashboard.markup import Markup
from dashboard.plane import plane, voice_place
from models.emotion.labels import Emotion
from realtime.snapshot import Decision, RollingTheme

SONG = RollingTheme(10.0, (("calm", 0.3),), (0.125,) * 8, energy=-0.6, pleasantness=0.4)


def drawn(
    decision: Decision | None,
    *,
    history: tuple[Decision, ...] = (),
    theme: RollingTheme | None = None,
    second: float = 5.0,
) -> Markup:
    return plane(decision, history, theme, clock=round(second * RATE_HZ), hop_s=HOP_S)


def group(markup: str, testid: str) -> str:
    """The opening tag of an element, and what follows up to the next group."""
    match = re.search(rf'<g [^>]*data-testid="{testid}".*?</g>', markup)
    assert match is not None
    return match[0]


def moved(markup: str, testid: str) -> tuple[float, float]:
    match = re.search(r"translate\(([\d.-]+)px,([\d.-]+)px\)", group(markup, testid))
    assert match is not None
    return float(match[1]), float(match[2])


def halo(markup: str) -> tuple[float, float]:
    match = re.search(r"rx:([\d.]+)px;ry:([\d.]+)px", markup)
    assert match is not None
    return float(match[1]), float(match[2])


def words(markup: str) -> str:
    match = re.search(r'role="img" aria-label="([^"]*)"', markup)
    assert match is not None
    return match[1]


def paths(markup: str) -> list[str]:
    match = re.search(r'<g class="path">(.*?)</g>', markup)
    assert match is not None
    return re.findall(r'd="([^"]*)"', match[1])


def test_pleasant_is_right_and_lively_is_up() -> None:
    centre = moved(drawn(on_plane(unsure(), 0.5, 0.5)), "plane-voice")
    corner = moved(drawn(on_plane(unsure(), 0.9, 0.8)), "plane-voice")
    assert corner[0] > centre[0]
    assert corner[1] < centre[1]
    place = voice_place(on_plane(unsure(), 0.9, 0.8))
    assert place is not None
    assert (place.x, place.y) == pytest.approx((0.6, 0.8))


@pytest.mark.parametrize(
    ("decision", "name", "sure"),
    [
        (on_plane(accepted(Emotion.SAD, 0.8), 0.1, 0.2), "Sad", True),
        (on_plane(unsure(), 0.1, 0.2), "Quiet and unpleasant", True),
        (on_plane(unsure(), 0.6, 0.9), "Pleasant", True),
        (on_plane(unsure(), 0.6, 0.5), "Unsure", False),
    ],
)
def test_the_voice_is_called_by_the_most_that_is_accepted(decision: Decision, name: str, sure: bool) -> None:
    voice = group(drawn(decision), "plane-voice")
    assert f">{name}</text>" in voice
    assert ('class="voice sure"' in voice) == sure  # a full dot, else a hollow one
    assert ("--at-sad" in voice) == (name == "Sad")
    assert name.lower() in words(drawn(decision)).lower()


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
def test_the_dot_stays_within_the_plot_and_its_name_begins_inside(energy: float, pleasantness: float) -> None:
    markup = drawn(on_plane(unsure(), energy, pleasantness))
    x, y = moved(markup, "plane-voice")
    assert 9 < x < 368 - 9
    assert 9 < y < 278 - 9
    voice = group(markup, "plane-voice")
    assert ('text-anchor="start"' in voice) == (pleasantness == 0.0)
    assert ('text-anchor="end"' in voice) == (pleasantness == 1.0)


def test_without_speech_the_dot_goes_and_the_trail_stays() -> None:
    spoken = on_plane(unsure(second=4.5), 0.9, 0.8)
    markup = drawn(no_speech(), history=(spoken, no_speech()))
    assert " hidden" in group(markup, "plane-voice")
    assert any(path != "M0 0" for path in paths(markup))
    assert "Nobody is heard speaking now." in words(markup)
    assert "last two minutes: lively and pleasant" in words(markup)


def test_the_trail_ages_through_its_steps_and_ends_after_two_minutes() -> None:
    history = tuple(on_plane(unsure(second=second), 0.9, 0.8) for second in (10.0, 10.5))
    for age_s, step in ((0.0, 0), (15.0, 1), (115.0, 11)):
        drawn_paths = paths(drawn(None, history=history, second=10.5 + age_s))
        assert [index for index, path in enumerate(drawn_paths) if "L" in path] == [step]
    assert set(paths(drawn(None, history=history, second=131.0))) == {"M0 0"}


def test_the_trail_fades_with_age() -> None:
    opacities = [float(value) for value in re.findall(r"opacity:([\d.]+);stroke-width", drawn(None))]
    assert opacities == sorted(opacities, reverse=True)
    assert opacities[0] > 5 * opacities[-1] > 0.0


def test_the_trail_is_whole_across_its_steps_and_broken_where_nobody_spoke() -> None:
    spoken = [on_plane(unsure(second=second), 0.7, 0.3 + second / 100) for second in range(20, 24)]
    whole = drawn(None, history=tuple(spoken), second=31.5)
    assert "".join(paths(whole)).count("h0") == 1  # it begins once
    assert sum("L" in path for path in paths(whole)) == 2
    broken = drawn(None, history=(*spoken, on_plane(unsure(second=29.0), 0.7, 0.3)), second=29.0)
    assert "".join(paths(broken)).count("h0") == 2


def test_the_music_has_a_mark_of_another_shape_and_is_said() -> None:
    markup = drawn(None, theme=SONG)
    song = group(markup, "plane-music")
    assert " hidden" not in song
    assert "<circle" not in song
    assert "The music: quiet and pleasant." in words(markup)
    x, y = moved(markup, "plane-music")
    assert x > 368 / 2
    assert y > 278 / 2


@pytest.mark.parametrize("theme", [None, RollingTheme(10.0, (), ())])
def test_without_music_there_is_no_mark(theme: RollingTheme | None) -> None:
    markup = drawn(None, theme=theme)
    assert " hidden" in group(markup, "plane-music")
    assert "No music is heard." in words(markup)


def test_the_statements_stand_beside_the_picture_accepted_or_unsure() -> None:
    markup = drawn(on_plane(unsure(Emotion.ANGRY, 0.48), 0.91, 0.38), theme=SONG)
    for testid, said in (
        ("emotion", "Unsure, angry leads with 48 %"),
        ("energy", "Lively, 91 %"),
        ("pleasantness", "Unsure, unpleasant leads with 62 %"),
        ("music", "Quiet and pleasant"),
    ):
        assert f'data-testid="said-{testid}">{said}<' in markup
    assert markup.count('<div class="accepted">') == 1


def test_a_decision_without_the_plane_draws_no_voice() -> None:
    markup = drawn(accepted(), history=(accepted(),))
    assert " hidden" in group(markup, "plane-voice")
    assert set(paths(markup)) == {"M0 0"}

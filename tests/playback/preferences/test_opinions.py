"""What people said of playlists: it adds up within bounds, fades, and is kept in the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.directions import Direction
from core.emotions import Emotion
from core.errors import MusicError
from playback.preferences.file import export_preferences, import_preferences, write_preferences
from playback.preferences.opinions import (
    LEAST,
    MOST,
    Opinion,
    PlaylistOpinion,
    add_opinion,
    weights,
)
from playback.preferences.preferences import Preferences

DAY_S = 86_400
NOON_S = 1_795_953_600
MONTH_S = 30 * DAY_S


def said(*opinions: Opinion, at_s: float = NOON_S) -> tuple[PlaylistOpinion, ...]:
    found: tuple[PlaylistOpinion, ...] = ()
    for opinion in opinions:
        found = add_opinion(found, "local:sunny", "Sunny", opinion, at_s)
    return found


def test_not_this_halves_how_often_it_comes_up_and_the_half_of_it_fades_in_a_month() -> None:
    (once,) = said(Opinion.NOT_THIS)
    assert once == PlaylistOpinion("local:sunny", "Sunny", 0.5, Opinion.NOT_THIS, NOON_S)
    assert once.weight_at(NOON_S) == 0.5
    assert once.weight_at(NOON_S + MONTH_S) == pytest.approx(0.5**0.5)
    assert once.weight_at(NOON_S + 2 * MONTH_S) == pytest.approx(0.5**0.25)
    assert once.weight_at(NOON_S - DAY_S) == 0.5  # a clock that was set back
    assert once.is_faded(NOON_S + 12 * MONTH_S)
    assert not once.is_faded(NOON_S + MONTH_S)


def test_what_is_said_later_counts_on_from_what_is_left_of_it() -> None:
    (twice,) = said(Opinion.NOT_THIS, Opinion.MORE)
    assert (twice.weight, twice.said) == (0.75, Opinion.MORE)
    (later,) = add_opinion(said(Opinion.NOT_THIS), "local:sunny", "Sunny", Opinion.NOT_THIS, NOON_S + MONTH_S)
    assert later.weight == pytest.approx(0.5**1.5)


def test_what_has_faded_is_forgotten_when_something_else_is_said() -> None:
    later = add_opinion(said(Opinion.NOT_THIS), "local:rain", "Rain", Opinion.MORE, NOON_S + 12 * MONTH_S)
    assert [one.uri for one in later] == ["local:rain"]
    assert weights(later, NOON_S + 12 * MONTH_S) == {"local:rain": 1.5}


@settings(max_examples=100, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(Opinion), st.floats(0.0, 400.0 * DAY_S)), max_size=60))
def test_no_weight_leaves_its_bounds_and_all_come_back_to_the_middle(
    told: list[tuple[Opinion, float]],
) -> None:
    found: tuple[PlaylistOpinion, ...] = ()
    at_s = float(NOON_S)
    for opinion, passed_s in told:
        at_s += passed_s
        found = add_opinion(found, "local:a", "A", opinion, at_s)
        assert all(LEAST <= weight <= MOST for weight in weights(found, at_s).values())
        assert len(found) <= 1
    assert all(one.is_faded(at_s + 48 * MONTH_S) for one in found)


def with_opinions() -> Preferences:
    given = Preferences()
    choices = dict(given.choices)
    choices[Emotion.HAPPY] = replace(choices[Emotion.HAPPY], opinions=said(Opinion.NOT_THIS))
    choices[Direction.LIVELY] = replace(choices[Direction.LIVELY], opinions=said(Opinion.MORE))
    return replace(given, choices=choices)


def test_they_are_lines_of_the_file_that_can_be_read_and_taken_out(tmp_path: Path) -> None:
    file = tmp_path / "music.toml"
    file.write_text("# mine\n[emotions.happy]\n# the kitchen\nstrategy = 'lift'\n", encoding="utf-8")
    own = import_preferences(file.read_text(encoding="utf-8"))
    happy = replace(own.choices[Emotion.HAPPY], opinions=said(Opinion.NOT_THIS))
    kept = replace(own, choices={**own.choices, Emotion.HAPPY: happy})
    write_preferences(kept, file)
    text = file.read_text(encoding="utf-8")
    assert "# mine\n" in text
    assert "# the kitchen\n" in text
    line = (
        '    { uri = "local:sunny", name = "Sunny", weight = 0.5, said = "not this", '
        "at = 2026-11-29T12:00:00Z },\n"
    )
    assert line in text
    assert import_preferences(text) == kept
    assert import_preferences(text.replace(line, "")) == own
    write_preferences(own, file)
    assert line not in file.read_text(encoding="utf-8")


def test_a_file_from_before_there_were_any_is_read_as_it_is() -> None:
    text = (
        export_preferences(Preferences()).replace("opinions = []\n", "").replace("version = 3", "version = 2")
    )
    assert import_preferences(text) == Preferences()
    assert import_preferences(export_preferences(with_opinions())) == with_opinions()


GOOD = 'uri = "local:a", name = "A", weight = 0.5, said = "not this", at = 2026-11-29T21:10:00Z'


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("3", ["'emotions.sad.opinions'", "a list"]),
        ("[3]", ["'emotions.sad.opinions[1]'", "an opinion"]),
        ("[{ }]", ["'emotions.sad.opinions[1]' lacks its uri"]),
        (f"[{{ {GOOD.replace('local:a', 'a')} }}]", ["'emotions.sad.opinions[1].uri'", "'a'"]),
        (f"[{{ {GOOD.replace('0.5', '9')} }}]", ["opinions[1].weight'", "9", "0.125 to 8"]),
        (f"[{{ {GOOD.replace('0.5', 'nan')} }}]", ["opinions[1].weight'", "nan"]),
        (f"[{{ {GOOD.replace('0.5', 'true')} }}]", ["opinions[1].weight'", "true"]),
        (f"[{{ {GOOD.replace('not this', 'not that')} }}]", ["opinions[1].said'", "did you mean 'not this'"]),
        (f"[{{ {GOOD.replace('00Z', '00')} }}]", ["opinions[1].at'", "a moment such as"]),
        (f"[{{ {GOOD.replace('2026-11-29T21:10:00Z', '2026-11-29')} }}]", ["opinions[1].at'", "2026-11-29"]),
        (f"[{{ {GOOD.replace('2026', '1969')} }}]", ["opinions[1].at'", "1969"]),
        (f"[{{ {GOOD.replace('2026', '9999')} }}]", ["opinions[1].at'", "9999"]),
        (
            f"[{{ {GOOD}, when = 1 }}]",
            ["'when'", "'emotions.sad.opinions[1]'", "uri, name, weight, said, at"],
        ),
    ],
)
def test_each_mistake_is_told_with_its_place(written: str, parts: list[str]) -> None:
    with pytest.raises(MusicError) as caught:
        import_preferences(f"[emotions.sad]\nopinions = {written}\n")
    for part in parts:
        assert part in str(caught.value)

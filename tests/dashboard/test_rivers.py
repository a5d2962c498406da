"""How tracks look: the table and its order, the river's geometry, and all of it in words."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from invented_tracks import a_result, a_track
from test_looks import ROOT, THEME, contrast

from dashboard.rivers import (
    COLUMNS,
    Listing,
    caption,
    card,
    in_order,
    moments,
    progress,
    river_words,
    summary,
    table,
)
from models.mood.groups import MOODS
from models.mood.result import MoodResult
from models.mood.tracks import Track, TrackState

THREE = (
    a_track("t1", a_result("sad", name="b.mp3", rows=300, music=0.5)),
    a_track("t2", a_result("happy", name="C.mp3", rows=10, music=0.9)),
    a_track("t3", a_result("calm", name="a.mp3", rows=100, music=0.1)),
)
MIXED = (
    a_track("t1", state=TrackState.WORKING, progress=0.4),
    a_track("t2", a_result("happy", name="done.mp3")),
    a_track("t3", state=TrackState.FAILED, message="t3.mp3 is empty: choose another.", audible=False),
    a_track("t4", state=TrackState.WAITING),
    a_track("t5", state=TrackState.CANCELLED, message="t5.mp3 was cancelled."),
)


def study_of(track: Track) -> MoodResult:
    assert track.study is not None
    return track.study.result


def numbers(path: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?[\d.]+", path)]


def bands(markup: str) -> list[str]:
    return re.findall(r'<path d="([^"]+)" class="band"', markup)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("", ["t1", "t2", "t3"]),
        ("title", ["t3", "t1", "t2"]),
        ("-title", ["t2", "t1", "t3"]),
        ("length", ["t2", "t3", "t1"]),
        ("mood", ["t2", "t3", "t1"]),
        ("music", ["t3", "t1", "t2"]),
        ("-music", ["t2", "t1", "t3"]),
        ("no such column", ["t1", "t2", "t3"]),
    ],
)
def test_the_table_is_sorted_by_any_column(sort: str, expected: list[str]) -> None:
    assert [track.key for track in in_order(Listing(THREE, sort=sort))] == expected


def test_what_has_no_result_stands_last_in_a_sorted_table() -> None:
    order = [track.key for track in in_order(Listing((*MIXED, THREE[2]), sort="title"))]
    assert order == ["t3", "t2", "t1", "t3", "t4", "t5"]


def test_sorting_copes_with_silence_and_equals() -> None:
    tracks = (a_track("t1", a_result(name="s")), a_track("t2", a_result("dark", name="s")))
    for by in ("title", "length", "mood", "tags", "music"):
        for sort in (by, f"-{by}"):
            assert len(in_order(Listing(tracks, sort=sort))) == 2
    assert [track.key for track in in_order(Listing(tracks, sort="mood"))] == ["t2", "t1"]


def test_the_heads_say_how_it_is_sorted_and_what_a_press_does() -> None:
    markup = table(Listing(THREE, sort="title"))
    assert markup.count('aria-sort="ascending"') == 1
    assert 'data-do="sort" data-key="-title"' in markup
    assert 'data-do="sort" data-key="length"' in markup
    assert 'data-do="sort" data-key=""' in table(Listing(THREE, sort="-title"))


def test_every_state_has_its_row_and_its_buttons() -> None:
    markup = table(Listing(MIXED, ["t2"]))
    assert markup.count("<tr") == 1 + len(MIXED)
    assert "t3.mp3 is empty: choose another." in markup
    assert [f'data-do="cancel" data-key="t{number}"' in markup for number in range(1, 6)] == [
        *(True, False, False, True, False)
    ]
    assert 'data-do="retry" data-key="t5"' in markup
    assert 'data-do="retry" data-key="t3"' not in markup, "its content is not here to be tried again"
    assert markup.count('data-do="remove"') == 5
    assert re.search(r'<input type="checkbox" checked data-do="show" data-key="t2"', markup)
    assert "Cancel all" in markup
    assert "Cancel all" not in table(Listing(THREE))
    assert 'data-do="go on"' in markup
    assert 'data-do="go on"' not in table(Listing(THREE)), "nothing was cancelled"
    assert "<table" not in table(Listing(()))


def test_progress_is_told_apart_from_the_markup() -> None:
    assert progress(MIXED) == {"t1": 0.4, "all": 0.68}
    assert progress([replace(MIXED[0], progress=None)]) == {"t1": -1.0, "all": 0.0}
    assert progress(THREE) == progress(()) == {}
    assert 'data-progress="all"' in table(Listing(MIXED))
    assert 'data-progress="all"' not in table(Listing(THREE))
    later = (replace(MIXED[0], progress=0.8), *MIXED[1:])
    assert table(Listing(later)) == table(Listing(MIXED)), (
        "a table replaced while it is clicked on loses clicks"
    )
    assert summary(MIXED) == "1 of 5 analysed, 2 to go, 1 failed, 1 cancelled"
    assert summary(THREE) == "3 of 3 analysed"


def test_names_are_escaped() -> None:
    result = a_result("sad", name='<img src=x onerror="alert(1)">.mp3')
    track = a_track("t1", result)
    for markup in (table(Listing([track])), card(track, track.study)):  # type: ignore[arg-type]
        assert "<img" not in markup
        assert "&lt;img" in markup


def test_fifty_small_rivers_are_little_to_send_and_the_browser_can_draw_them() -> None:
    fifty = [a_track(f"t{number}", a_result("sad", "happy", rows=4_000)) for number in range(50)]
    markup = table(Listing(fifty))
    assert len(markup) < 120_000
    borders = np.frombuffer(base64.b64decode(re.findall(r'data-borders="([^"]+)"', markup)[0]), np.uint8)
    rows = borders.reshape(-1, len(MOODS) + 1).astype(int)
    assert len(rows) == 40
    assert set(rows[:, 0]) == {0}
    assert set(rows[:, -1]) == {255}
    assert (np.diff(rows, axis=1) >= 0).all()
    widths = np.diff(rows, axis=1)
    assert MOODS[int(widths[0].argmax())] == "sad"
    assert MOODS[int(widths[-1].argmax())] == "happy"


def test_names_within_the_river_do_not_touch() -> None:
    result = a_result(*MOODS, rows=300)
    even = np.full_like(result.moods, 1 / 8)
    for moods, least in ((result.moods, 4), (even, 8), (np.roll(result.moods, 40, axis=0), 4)):
        track = a_track("t1", replace(result, moods=moods))
        assert track.study is not None
        found = re.findall(r'class="label-of" style="left:([\d.]+)%;top:([\d.]+)%"', card(track, track.study))
        assert len(found) >= least
        for (x0, y0), (x1, y1) in combinations([(float(x), float(y)) for x, y in found], 2):
            assert abs(x0 - x1) > 20 or abs(y0 - y1) > 7


@pytest.mark.parametrize("rows", [1, 31, 250, 3_750, 90_100])
def test_time_marks_are_few_and_none_is_cut_off(rows: int) -> None:
    track = a_track("t1", a_result("sad", rows=rows))
    assert track.study is not None
    times = card(track, track.study).split('class="times"')[1].split("</div>")[0]
    places = [float(place) for place in re.findall(r"left:([\d.]+)%", times)]
    assert places[0] == 0.0
    assert 1 <= len(places) <= 13
    assert places[-1] < 95.0


@pytest.mark.parametrize("rows", [1, 2, 7, 119, 250, 5_000])
def test_the_river_fills_its_bed_from_end_to_end(rows: int) -> None:
    result = a_result("sad", "happy", rows=rows)
    track = a_track("t1", result)
    assert track.study is not None
    large = bands(card(track, track.study))
    assert len(large) == 8
    for path in large:
        assert path.startswith("M0 ")
        assert {0.0, 1000.0} <= set(numbers(path))
        assert "nan" not in path
    tops, bottoms = numbers(large[0]), numbers(large[-1])
    assert min(tops) == 0.0
    assert max(bottoms) == pytest.approx(1000.0)
    assert len(moments(result)) == min(rows, COLUMNS)


def test_the_bands_are_as_wide_as_the_moods() -> None:
    result = a_result("happy", rows=300)
    track = a_track("t1", result)
    assert track.study is not None
    values = numbers(bands(card(track, track.study))[MOODS.index("happy")])
    heights = set(values[1::2])
    assert heights == {0.0, 100.0}, "half of 200"


def test_silence_leaves_the_river_dry() -> None:
    result = a_result("happy", "", "happy", rows=300)
    track = a_track("t1", result)
    assert track.study is not None
    first = bands(card(track, track.study))[0]
    assert " 100L" in first, "both borders meet in the middle"
    assert [text for _, text, _ in moments(result)].count("silent") == 100
    assert "silent from 1:36 to 3:12" in river_words(result)


def test_the_river_is_told_in_words() -> None:
    assert river_words(a_result("sad", "happy", rows=100)) == (
        "Strongest mood: sad from 0:00 to 0:48, happy from 0:48 to 1:36."
    )
    assert river_words(a_result()) == "Silent throughout: no mood."
    flickering = a_result(*("sad", "happy", "calm") * 30, rows=270)
    assert river_words(flickering).count(" from ") <= 12


def test_a_moment_says_time_moods_and_tags() -> None:
    second, moods, tags = moments(a_result("sad", "happy", rows=10))[0]
    assert second == 0.48
    assert moods.startswith("sad 50 %, ")
    assert tags.startswith("sad 60 %, ")
    assert moods.count("%") == tags.count("%") == 3


def test_hours_are_averaged_not_sampled() -> None:
    result = a_result("sad", rows=COLUMNS * 10)
    spiked = result.moods.copy()
    spiked[5] = np.eye(8, dtype=np.float32)[MOODS.index("happy")]
    first = moments(replace(result, moods=spiked))[0]
    assert first[1].startswith("sad 45 %")
    assert first[0] == pytest.approx(4.8)


def test_a_card_tells_what_was_survived_and_where_it_comes_from() -> None:
    track = a_track("t1", a_result("sad", notices=("song.mp3 is truncated: get a fresh copy.",)))
    assert track.study is not None
    markup = card(track, replace(track.study, recalled=True))
    assert "song.mp3 is truncated: get a fresh copy." in markup
    assert "analysed before" in markup
    assert markup.count('class="level strong"') == 2  # the tag above its threshold, and the first mood
    assert 'role="slider" tabindex="0"' in markup


def test_a_card_of_what_is_no_music_says_so() -> None:
    for music, told in ((0.1, True), (0.9, False)):
        track = a_track("t1", a_result("sad", music=music))
        assert track.study is not None
        assert ("Hardly any music is heard" in card(track, track.study)) is told


def test_a_silent_card_claims_nothing() -> None:
    track = a_track("t1", a_result(name="hush.wav"))
    assert track.study is not None
    markup = card(track, track.study)
    assert "Silence has no theme." in markup
    assert "Silence has no mood." in markup
    assert "strong" not in re.sub("Strongest", "", markup)
    assert caption(track, study_of(track))["subtitle"].startswith("silent · ")


def test_the_caption_of_a_picture_names_all_moods() -> None:
    words = caption(THREE[0], study_of(THREE[0]))
    assert words["title"] == "b.mp3"
    assert [mood for mood, _ in words["legend"]] == list(MOODS)
    assert words["theme"].startswith("Theme: sad 60 %, ")


def mood_colours() -> dict[str, str]:
    styles = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "dashboard" / "assets").glob("*.css")
    )
    return dict(re.findall(r"--at-mood-(\w+): (#[0-9a-f]{6});", styles))


def test_every_mood_has_a_colour_that_stands_out() -> None:
    colours = mood_colours()
    assert set(colours) == set(MOODS)
    assert all(one != other for one, other in combinations(colours.values(), 2))
    for scheme in ("light", "dark"):
        for mood, colour in colours.items():
            assert contrast(colour, THEME[scheme]["secondaryBackgroundColor"]) >= 2.9, (scheme, mood)

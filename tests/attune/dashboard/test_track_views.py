"""How tracks look: the table and its order, the geometry of moods over time, and all of it in words."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from attune.dashboard.views.mood_timeline import COLUMNS, moments, timeline_words
from attune.dashboard.views.track_card import caption, track_card
from attune.dashboard.views.track_table import Listing, _in_order, progress, summary, track_table
from models.mood.mood_scale import MOODS
from models.mood.result import MoodResult
from models.mood.uploaded_track import TrackState, UploadedTrack
from tests.attune.dashboard.invented_tracks import a_result, a_track
from tests.attune.dashboard.test_looks import ROOT, THEME, contrast

THREE = (
    a_track("t1", a_result("sad", name="b.mp3", rows=300, music=0.5)),
    a_track("t2", a_result("happy", name="C.mp3", rows=10, music=0.9)),
    a_track("t3", a_result("calm", name="a.mp3", rows=100, music=0.3)),
)
MIXED = (
    a_track("t1", state=TrackState.WORKING, progress=0.4),
    a_track("t2", a_result("happy", name="done.mp3")),
    a_track("t3", state=TrackState.FAILED, message="t3.mp3 is empty: choose another.", has_sound=False),
    a_track("t4", state=TrackState.WAITING),
    a_track("t5", state=TrackState.CANCELLED, message="t5.mp3 was cancelled."),
)


def study_of(track: UploadedTrack) -> MoodResult:
    assert track.analysis is not None
    return track.analysis.result


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
    assert [track.key for track in _in_order(Listing(THREE, sort=sort))] == expected


def test_what_has_no_result_stands_last_in_a_sorted_table() -> None:
    order = [track.key for track in _in_order(Listing((*MIXED, THREE[2]), sort="title"))]
    assert order == ["t3", "t2", "t1", "t3", "t4", "t5"]


def test_sorting_copes_with_silence_and_equals() -> None:
    tracks = (a_track("t1", a_result(name="s")), a_track("t2", a_result("dark", name="s")))
    for by in ("title", "length", "mood", "tags", "music"):
        for sort in (by, f"-{by}"):
            assert len(_in_order(Listing(tracks, sort=sort))) == 2
    assert [track.key for track in _in_order(Listing(tracks, sort="mood"))] == ["t2", "t1"]


def test_the_heads_say_how_it_is_sorted_and_what_a_press_does() -> None:
    markup = track_table(Listing(THREE, sort="title"))
    assert markup.count('aria-sort="ascending"') == 1
    assert 'data-action="sort" data-key="-title"' in markup
    assert 'data-action="sort" data-key="length"' in markup
    assert 'data-action="sort" data-key=""' in track_table(Listing(THREE, sort="-title"))


def test_every_state_has_its_row_and_its_buttons() -> None:
    markup = track_table(Listing(MIXED, ["t2"]))
    assert markup.count("<tr") == 1 + len(MIXED)
    assert "t3.mp3 is empty: choose another." in markup
    assert [f'data-action="cancel" data-key="t{number}"' in markup for number in range(1, 6)] == [
        *(True, False, False, True, False)
    ]
    assert 'data-action="retry" data-key="t5"' in markup
    assert 'data-action="retry" data-key="t3"' not in markup, "its content is not here to be tried again"
    assert markup.count('data-action="remove"') == 5
    assert re.search(r'<input type="checkbox" checked data-action="show" data-key="t2"', markup)
    assert "Cancel all" in markup
    assert "Cancel all" not in track_table(Listing(THREE))
    assert 'data-action="go on"' in markup
    assert 'data-action="go on"' not in track_table(Listing(THREE)), "nothing was cancelled"
    assert "<table" not in track_table(Listing(()))


def test_progress_is_told_apart_from_the_markup() -> None:
    assert progress(MIXED) == {"t1": 0.4, "all": 0.68}
    assert progress([replace(MIXED[0], progress=None)]) == {"t1": -1.0, "all": 0.0}
    assert progress(THREE) == progress(()) == {}
    assert 'data-progress="all"' in track_table(Listing(MIXED))
    assert 'data-progress="all"' not in track_table(Listing(THREE))
    later = (replace(MIXED[0], progress=0.8), *MIXED[1:])
    assert track_table(Listing(later)) == track_table(Listing(MIXED)), (
        "a table replaced while it is clicked on loses clicks"
    )
    assert summary(MIXED) == "1 of 5 analysed, 2 to go, 1 failed, 1 cancelled"
    assert summary(THREE) == "3 of 3 analysed"


def test_names_are_escaped() -> None:
    result = a_result("sad", name='<img src=x onerror="alert(1)">.mp3')
    track = a_track("t1", result)
    for markup in (track_table(Listing([track])), track_card(track, track.analysis)):  # type: ignore[arg-type]
        assert "<img" not in markup
        assert "&lt;img" in markup


def test_fifty_small_timelines_are_little_to_send_and_the_browser_can_draw_them() -> None:
    fifty = [a_track(f"t{number}", a_result("sad", "happy", rows=4_000)) for number in range(50)]
    markup = track_table(Listing(fifty))
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


def test_names_within_the_timeline_do_not_touch() -> None:
    result = a_result(*MOODS, rows=300)
    even = np.full_like(result.moods, 1 / 8)
    for moods, least in ((result.moods, 4), (even, 8), (np.roll(result.moods, 40, axis=0), 4)):
        track = a_track("t1", replace(result, moods=moods))
        assert track.analysis is not None
        found = re.findall(
            r'class="mood-label" style="left:([\d.]+)%;top:([\d.]+)%', track_card(track, track.analysis)
        )
        assert len(found) >= least
        for (x0, y0), (x1, y1) in combinations([(float(x), float(y)) for x, y in found], 2):
            assert abs(x0 - x1) > 20 or abs(y0 - y1) > 7


@pytest.mark.parametrize("rows", [1, 31, 250, 3_750, 90_100])
def test_time_marks_are_few_and_none_is_cut_off(rows: int) -> None:
    track = a_track("t1", a_result("sad", rows=rows))
    assert track.analysis is not None
    times = track_card(track, track.analysis).split('class="times"')[1].split("</div>")[0]
    places = [float(place) for place in re.findall(r"left:([\d.]+)%", times)]
    assert places[0] == 0.0
    assert 1 <= len(places) <= 13
    assert places[-1] < 95.0


@pytest.mark.parametrize("rows", [1, 2, 7, 119, 250, 5_000])
def test_the_timeline_is_filled_from_end_to_end(rows: int) -> None:
    result = a_result("sad", "happy", rows=rows)
    track = a_track("t1", result)
    assert track.analysis is not None
    large = bands(track_card(track, track.analysis))
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
    assert track.analysis is not None
    values = numbers(bands(track_card(track, track.analysis))[MOODS.index("happy")])
    heights = set(values[1::2])
    assert heights == {0.0, 100.0}, "half of 200"


def test_silence_has_no_width_in_the_timeline() -> None:
    result = a_result("happy", "", "happy", rows=300)
    track = a_track("t1", result)
    assert track.analysis is not None
    first = bands(track_card(track, track.analysis))[0]
    assert " 100L" in first, "both borders meet in the middle"
    assert [text for _, text, _ in moments(result)].count("silent") == 100
    assert "silent from 1:36 to 3:12" in timeline_words(result)


def test_the_timeline_is_told_in_words() -> None:
    assert timeline_words(a_result("sad", "happy", rows=100)) == (
        "Strongest mood: sad from 0:00 to 0:48, happy from 0:48 to 1:36."
    )
    assert timeline_words(a_result()) == "Silent throughout: no mood."
    flickering = a_result(*("sad", "happy", "calm") * 30, rows=270)
    assert timeline_words(flickering).count(" from ") <= 12


def test_a_moment_says_time_moods_and_tags() -> None:
    second, moods, tags = moments(a_result("sad", "happy", rows=10))[0]
    assert second == 0.48
    assert moods.startswith("sad 50\xa0%, ")
    assert tags.startswith("sad 60\xa0%, ")
    assert moods.count("%") == tags.count("%") == 3


def test_hours_are_averaged_not_sampled() -> None:
    result = a_result("sad", rows=COLUMNS * 10)
    spiked = result.moods.copy()
    spiked[5] = np.eye(8, dtype=np.float32)[MOODS.index("happy")]
    first = moments(replace(result, moods=spiked))[0]
    assert first[1].startswith("sad 45\xa0%")
    assert first[0] == pytest.approx(4.8)


def test_a_card_tells_what_was_survived_and_where_it_comes_from() -> None:
    track = a_track("t1", a_result("sad", notices=("song.mp3 is truncated: get a fresh copy.",)))
    assert track.analysis is not None
    markup = track_card(track, replace(track.analysis, from_cache=True))
    assert "song.mp3 is truncated: get a fresh copy." in markup
    assert "analysed before" in markup
    assert markup.count('class="level strong"') == 2  # the tag above its threshold, and the first mood
    assert 'role="slider" tabindex="0"' in markup


def test_a_card_of_what_is_no_music_says_so() -> None:
    track = a_track("t1", a_result("sad", "", music=0.04))
    assert track.analysis is not None
    markup = track_card(track, track.analysis)
    assert "No music: no theme." in markup
    assert "No music: no mood." in markup
    assert ">no music<" in markup
    assert "strong" not in re.sub("Strongest", "", markup)
    assert caption(track, study_of(track))["subtitle"].startswith("no music · ")
    assert caption(track, study_of(track))["theme"] == "Theme: no music"
    assert timeline_words(study_of(track)) == "No music throughout: no mood."
    words = [text for _, text, _ in moments(study_of(track))]
    assert set(words[:29]) == {"no music (4\xa0%)"}
    assert set(words[31:]) == {"silent"}
    table = track_table(Listing([track]))
    assert ">no music<" in table
    assert "silent" not in table


def test_a_jingle_in_talk_is_seen_in_the_timeline() -> None:
    jingle = a_result("happy", rows=60)
    moods, shares = jingle.moods.copy(), jingle.music_shares.copy()
    moods[6:], shares[6:] = 0.0, 0.0
    result = replace(jingle, moods=moods, music_shares=shares, music_share=0.1)
    assert result.mood is None
    assert timeline_words(result) == "Strongest mood: happy from 0:00 to 0:05, no music from 0:05 to 0:57."


def test_a_silent_card_claims_nothing() -> None:
    track = a_track("t1", a_result(name="hush.wav"))
    assert track.analysis is not None
    markup = track_card(track, track.analysis)
    assert "Silent: no theme." in markup
    assert "Silent: no mood." in markup
    assert "strong" not in re.sub("Strongest", "", markup)
    assert caption(track, study_of(track))["subtitle"].startswith("silent · ")


def test_the_caption_of_a_picture_names_all_moods() -> None:
    words = caption(THREE[0], study_of(THREE[0]))
    assert words["title"] == "b.mp3"
    assert [mood for mood, _ in words["legend"]] == list(MOODS)
    assert words["theme"].startswith("Theme: sad 60\xa0%, ")


def mood_colours() -> dict[str, str]:
    styles = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "attune" / "dashboard" / "assets").glob("*.css")
    )
    return dict(re.findall(r"--at-mood-(\w+): (#[0-9a-f]{6});", styles))


def test_every_mood_has_a_colour_that_stands_out() -> None:
    colours = mood_colours()
    assert set(colours) == set(MOODS)
    assert all(one != other for one, other in combinations(colours.values(), 2))
    for scheme in ("light", "dark"):
        for mood, colour in colours.items():
            assert contrast(colour, THEME[scheme]["secondaryBackgroundColor"]) >= 2.9, (scheme, mood)

"""The user's music on the page Tracks: filtered, found by likeness, led along a path that is played."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from attune.dashboard.components.track_explorer import ALIKE, BROWSE, LIKE, MODE, PATH, more_like_this
from core.errors import MusicError
from models.mood.result_store import ResultStore
from models.mood.track_queue import TrackQueue
from models.track.profile import TrackProfiler
from playback.library.track_facts import TrackFacts
from playback.library.tracks import Library, TrackRow
from playback.player import PlayerKind
from tests.attune.dashboard.fakes import FakeEngine, accepted, listening, on_plane
from tests.attune.dashboard.tabs import healthy
from tests.models.mood_graphs import tiny_tagger

SCRIPT = "from attune.dashboard.pages import tracks\ntracks.page()\n"
GENRES = ("rock", "jazz", "ambient")


def row(number: int) -> TrackRow:
    facts = TrackFacts(
        tempo_bpm=80.0 + number,
        key=("A minor", "C major")[number % 2],
        mood=("sad", "happy", "calm")[number % 3],
        genres=((GENRES[number % 3], 0.6),),
        pleasantness=number / 10 - 1,
        energy=number / 20 - 0.5,
    )
    embedding = np.eye(1, 1024, number % 5, dtype=np.float16)[0] + np.float16(0.01 * number)
    return TrackRow(
        *(Path(f"/music/{number}.mp3"), 1, 2, f"Song {number}", f"Artist {number % 4}"),
        duration_s=100.0,
        facts=facts,
        embedding=embedding,
    )


ROWS = tuple(row(number) for number in range(20))


@pytest.fixture
def tab(engine: FakeEngine, invented_context: None, tmp_path: Path) -> Iterator[AppTest]:  # noqa: ARG001
    """A browser tab at the page, with a library of twenty tracks, not yet open."""
    profiler = TrackProfiler(tiny_tagger(tmp_path), {})
    queue = TrackQueue(lambda: (profiler, "models"), ResultStore(tmp_path / "moods"))
    engine.tracks = queue  # type: ignore[attr-defined]
    engine.music.known = Library(Path("/music"), ROWS)
    yield AppTest.from_string(SCRIPT, default_timeout=30)
    queue.close()


def listed(tab: AppTest) -> str:
    return "".join(str(one.proto.body) for one in tab.get("html"))


def titles(tab: AppTest) -> list[str]:
    return [one.title for one in ROWS if f">{one.title}</b>" in listed(tab)]


def mode(tab: AppTest, wanted: str) -> AppTest:
    tab.session_state[MODE] = wanted
    return healthy(tab.run())


def test_all_tracks_are_shown_and_can_be_saved(tab: AppTest) -> None:
    healthy(tab.run())
    assert "Your music on the plane" in listed(tab)
    assert len(titles(tab)) == 20
    assert tab.session_state[MODE] == BROWSE
    assert "Save as a playlist" in [button.label for button in tab.get("download_button")]  # type: ignore[attr-defined]
    assert "Play" not in [button.label for button in tab.button]


def test_without_music_there_is_nothing_to_explore(tab: AppTest, engine: FakeEngine) -> None:
    engine.music.known = Library()
    healthy(tab.run())
    assert "Your music on the plane" not in listed(tab)


def test_music_that_was_indexed_before_is_to_be_indexed_again(tab: AppTest, engine: FakeEngine) -> None:
    engine.music.known = Library(
        Path("/music"), tuple(replace(one, facts=None, embedding=None) for one in ROWS)
    )
    healthy(tab.run())
    assert any("scan it once more" in caption.value for caption in tab.caption)
    assert len(titles(tab)) == 20
    for wanted in (ALIKE, PATH):
        assert "No track fits" in listed(mode(tab, wanted))


def test_tracks_that_come_later_fit_a_filter_that_nobody_has_set(tab: AppTest, engine: FakeEngine) -> None:
    engine.music.known = Library(Path("/music"), ROWS[8:10])
    healthy(tab.run())
    engine.music.known = Library(Path("/music"), ROWS)
    healthy(tab.run())
    assert len(titles(tab)) == 20
    (tempo,) = (one for one in tab.slider if one.label == "Tempo, BPM")
    healthy(tempo.set_value((85, 100)).run())
    faster = replace(ROWS[0], path=Path("/music/x.mp3"), facts=TrackFacts(tempo_bpm=150.0), title="Fast")
    engine.music.known = Library(Path("/music"), (*ROWS, faster))
    healthy(tab.run())
    assert len(titles(tab)) == 15
    assert ">Fast</b>" in listed(tab)


def test_filters_narrow_the_list(tab: AppTest) -> None:
    healthy(tab.run())
    labels = {one.label: one for one in (*tab.slider, *tab.multiselect)}
    assert set(labels) == {"Tempo, BPM", "Energy", "Key", "Mood", "Genre"}
    healthy(labels["Tempo, BPM"].set_value((80, 89)).run())
    assert titles(tab) == [f"Song {number}" for number in range(10)]
    labels = {one.label: one for one in tab.multiselect}
    healthy(labels["Key"].set_value(["A minor"]).run())
    assert titles(tab) == ["Song 0", "Song 2", "Song 4", "Song 6", "Song 8"]
    labels = {one.label: one for one in tab.multiselect}
    healthy(labels["Genre"].set_value(["jazz"]).run())
    assert titles(tab) == ["Song 4"]
    assert any(caption.value == "Fitting: 1 of 20" for caption in tab.caption)
    labels = {one.label: one for one in tab.multiselect}
    healthy(labels["Mood"].set_value(["sad"]).run())
    assert titles(tab) == []
    assert "No track fits" in listed(tab)


def test_music_like_a_track_is_found(tab: AppTest) -> None:
    healthy(tab.run())
    tab.session_state[LIKE] = "/music/3.mp3"
    mode(tab, ALIKE)
    found = listed(tab)
    assert "Song 3</b>" not in found
    order = sorted(titles(tab), key=lambda title: found.index(f">{title}</b>"))
    assert set(order[:3]) == {"Song 8", "Song 13", "Song 18"}
    assert len(order) == 19


def test_a_path_is_listed_and_played_by_the_local_player(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    mode(tab, PATH)
    assert len(titles(tab)) == 12
    assert not tab.multiselect, "a path is made of all the music"
    music: Any = engine.music
    (button,) = [one for one in tab.button if one.label == "Play"]
    healthy(button.click().run())
    assert music.asked[-2:] == [("use", PlayerKind.LOCAL), ("play", "local:path:calm:happy:12")]
    music.kind = PlayerKind.LOCAL
    (length,) = tab.slider
    healthy(length.set_value(5).run())
    assert len(titles(tab)) == 5
    (button,) = [one for one in tab.button if one.label == "Play"]
    healthy(button.click().run())
    assert music.asked[-1] == ("play", "local:path:calm:happy:5")
    assert ("use", PlayerKind.LOCAL) not in music.asked[-1:]


def test_a_path_begins_where_the_voice_is(tab: AppTest, engine: FakeEngine) -> None:
    engine.shown = listening(on_plane(accepted(), 0.25, 0.9))
    healthy(tab.run())
    mode(tab, PATH)
    (start, _end) = tab.selectbox
    assert start.value == "voice"
    (button,) = [one for one in tab.button if one.label == "Play"]
    healthy(button.click().run())
    assert engine.music.asked[-1] == ("play", "local:path:0.80,-0.50:happy:12")


def test_a_player_that_refuses_is_one_sentence(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    mode(tab, PATH)
    engine.music.refusal = MusicError("There is no loudspeaker: connect one.")
    (button,) = [one for one in tab.button if one.label == "Play"]
    healthy(button.click().run())
    assert any("no loudspeaker" in error.value for error in tab.error)


def test_a_track_asks_for_more_like_it(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, str] = {}
    monkeypatch.setattr("streamlit.session_state", state)
    more_like_this("t1")
    assert state == {MODE: ALIKE, LIKE: "t1"}

"""The Tracks page: what is dropped is analysed, shown, compared and saved; what goes wrong is a sentence."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from attune.dashboard.pages import tracks
from attune.dashboard.views.track_exports import as_csv, as_json
from core.errors import WeightsError
from models.mood.result import CSV_COLUMNS
from models.mood.result_store import ResultStore
from models.mood.track_queue import TrackQueue, TrackSession
from models.mood.uploaded_track import TrackState
from models.track.profile import TrackProfiler
from tests.attune.dashboard.fakes import FakeEngine
from tests.attune.dashboard.invented_tracks import a_result, a_track
from tests.attune.dashboard.tabs import healthy
from tests.models.mood_graphs import tiny_tagger

pytestmark = pytest.mark.usefixtures("no_librosa")

SCRIPT = "from attune.dashboard.pages import tracks\ntracks.page()\n"


@pytest.fixture(scope="module")
def profiler(tmp_path_factory: pytest.TempPathFactory) -> TrackProfiler:
    return TrackProfiler(tiny_tagger(tmp_path_factory.mktemp("graphs")), {})


@pytest.fixture
def problem() -> list[str]:
    """Put a sentence in, and no model can be loaded."""
    return []


@pytest.fixture
def queue(profiler: TrackProfiler, problem: list[str], tmp_path: Path) -> Iterator[TrackQueue]:
    def load() -> tuple[TrackProfiler, str]:
        if problem:
            raise WeightsError(problem[0])
        return profiler, "models"

    queue = TrackQueue(load, ResultStore(tmp_path / "moods"))
    yield queue
    queue.close()


@pytest.fixture
def tab(engine: FakeEngine, queue: TrackQueue, invented_context: None) -> AppTest:  # noqa: ARG001
    """A browser tab at the page, not yet open."""
    engine.tracks = queue  # type: ignore[attr-defined]
    return AppTest.from_string(SCRIPT, default_timeout=20)


def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.01)


def session_of(tab: AppTest) -> TrackSession:
    session: TrackSession = tab.session_state["tracks session"]
    return session


def finish(tab: AppTest) -> AppTest:
    until(lambda: not any(track.open for track in session_of(tab).tracks()))
    return healthy(tab.run())


def path_field(tab: AppTest) -> Any:
    (field,) = tab.text_input
    return field


def drawn(tab: AppTest) -> list[str]:
    """What each component was given: the table, then for each track its timeline and its image button."""
    components: list[Any] = list(tab.get("bidi_component"))
    return [str(component.proto.json) for component in components]


def song(path: Path, *, seed: int = 0, seconds: float = 9.0) -> Path:
    noise = np.random.default_rng(seed).standard_normal(round(16_000 * seconds))
    soundfile.write(path, 0.1 * noise, 16_000)
    return path


def test_a_typed_path_is_analysed_and_shown(tab: AppTest, tmp_path: Path) -> None:
    healthy(tab.run())
    assert len(drawn(tab)) == 1
    path, field = song(tmp_path / "song.wav"), path_field(tab)
    healthy(field.set_value(str(path)).run())
    finish(tab)
    (table, timeline, image) = drawn(tab)
    assert "1 of 1 analysed" in table
    assert "song.wav" in timeline
    assert '"moments"' in timeline
    assert '"PNG"' in image
    assert path_field(tab).value == ""
    assert path_field(tab).key != field.key, "emptied, it would come full once more from a slow browser"
    assert len(tab.get("audio")) == 1


def test_a_folder_is_taken_in_the_order_of_names(tab: AppTest, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for number, name in enumerate(("z.wav", "a.wav", "b/c.flac", ".hidden.wav")):
        song(tmp_path / name, seed=number, seconds=1.0)
    (tmp_path / "notes.txt").write_text("no sound")
    healthy(tab.run())
    healthy(path_field(tab).set_value(str(tmp_path)).run())
    finish(tab)
    assert [track.name for track in session_of(tab).tracks()] == ["a.wav", "z.wav", "c.flac"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_is_no_text_is_shown_with_its_bytes(tab: AppTest, tmp_path: Path) -> None:
    try:
        song(tmp_path / "plain.wav").rename(Path(os.fsdecode(os.fsencode(tmp_path / "caf") + b"\xe9.wav")))
    except OSError:
        pytest.skip("this disk wants names to be text")
    healthy(tab.run())
    healthy(path_field(tab).set_value(str(tmp_path)).run())
    finish(tab)
    (track,) = session_of(tab).tracks()
    assert track.name == "caf\\xe9.wav"
    assert track.analysis is not None
    as_csv([track.analysis.result]).encode()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [("{}/empty", "There is no sound file in the folder"), ("~nobody-at-all/x", "cannot be opened")],
)
def test_a_path_that_leads_nowhere_is_one_sentence(
    tab: AppTest, tmp_path: Path, typed: str, sentence: str
) -> None:
    (tmp_path / "empty").mkdir()
    healthy(tab.run())
    healthy(path_field(tab).set_value(typed.format(tmp_path)).run())
    assert any(sentence in error.value.replace("\\", "") for error in tab.error)


def test_a_missing_file_is_a_row_with_its_sentence(tab: AppTest, tmp_path: Path) -> None:
    healthy(tab.run())
    healthy(path_field(tab).set_value(str(tmp_path / "gone.wav")).run())
    finish(tab)
    assert "There is no file" in drawn(tab)[0]
    assert len(drawn(tab)) == 1


def test_uploads_are_taken_out_of_the_uploader(tab: AppTest, tmp_path: Path) -> None:
    healthy(tab.run())
    content = song(tmp_path / "song.wav").read_bytes()
    (uploader,) = tab.file_uploader
    uploader.set_value(
        [("my %22song%22.wav", content, "audio/wav"), ("poem.mp3", b"poem" * 99, "audio/mpeg")]
    ).run()
    finish(tab)
    good, bad = session_of(tab).tracks()
    assert good.state is TrackState.DONE
    assert good.name == 'my "song".wav', "browsers write quotation marks in another way"
    assert "poem.mp3 is not sound that Attune can read" in bad.message
    assert session_of(tab).sound(good.key) == content
    (fresh,) = tab.file_uploader
    assert fresh.key != uploader.key
    assert not fresh.value


def test_missing_weights_are_said_and_nothing_can_be_dropped(
    tab: AppTest, problem: list[str], queue: TrackQueue
) -> None:
    problem.append("The weight file mood-head.onnx is missing: restore it from the repository.")
    healthy(tab.run())
    until(lambda: bool(queue.problem))
    healthy(tab.run())
    assert [error.value.replace("\\", "") for error in tab.error] == problem
    assert path_field(tab).disabled
    problem.clear()
    healthy(tab.run())
    until(lambda: not queue.problem)
    healthy(tab.run())
    assert not tab.error
    assert not path_field(tab).disabled


def test_timelines_are_compared_below_each_other(tab: AppTest, tmp_path: Path) -> None:
    healthy(tab.run())
    for number in range(3):
        session_of(tab).add(f"{number}.wav", song(tmp_path / f"{number}.wav", seed=number, seconds=2.0))
    finish(tab)
    assert len(drawn(tab)) == 3, "the first one is shown as long as nobody has chosen"
    keys = [track.key for track in session_of(tab).tracks()]
    tab.session_state["tracks chosen"] = [keys[2], keys[0]]
    healthy(tab.run())
    _, first, _, second, _ = drawn(tab)
    assert "2.wav" in first
    assert "0.wav" in second
    assert len(tab.get("audio")) == 2
    assert "All themes as CSV" in [button.label for button in tab.get("download_button")]  # type: ignore[attr-defined]
    tab.session_state["tracks chosen"] = []
    healthy(tab.run())
    assert len(drawn(tab)) == 1
    assert any("Tick a track" in caption.value for caption in tab.caption)


def test_a_file_that_went_away_cannot_be_played_and_says_so(tab: AppTest, tmp_path: Path) -> None:
    healthy(tab.run())
    path = song(tmp_path / "song.wav")
    session_of(tab).add("song.wav", path)
    finish(tab)
    path.unlink()
    healthy(tab.run())
    assert not tab.get("audio")
    assert any("not there any more" in caption.value for caption in tab.caption)


def test_what_is_kept_is_forgotten_on_request(tab: AppTest, tmp_path: Path, queue: TrackQueue) -> None:
    healthy(tab.run())
    session_of(tab).add("song.wav", song(tmp_path / "song.wav"))
    finish(tab)
    assert len(list(queue.store.folder.iterdir())) == 1
    healthy(tab.button(key="tracks forget").click().run())
    assert not list(queue.store.folder.iterdir())


def test_two_tabs_do_not_see_each_other(tab: AppTest, tmp_path: Path) -> None:
    healthy(tab.run())
    other = AppTest.from_string(SCRIPT, default_timeout=20)
    healthy(other.run())
    session_of(tab).add("song.wav", song(tmp_path / "song.wav"))
    finish(tab)
    healthy(other.run())
    assert "song.wav" not in drawn(other)[0]


def test_every_button_of_the_table_is_obeyed(queue: TrackQueue, tmp_path: Path) -> None:
    session, state = queue.open_session(), dict[Any, Any]({"tracks chosen": []})
    keys = [session.add(f"{n}.wav", song(tmp_path / f"{n}.wav", seed=n, seconds=2.0)) for n in range(3)]
    until(lambda: not any(track.open for track in session.tracks()))

    def ask(action: str, **more: object) -> None:
        tracks.handle_request({"action": action, **more}, session, state)

    for key in keys:
        ask("show", key=key, on=True)
    assert state["tracks chosen"] == keys[::-1], "the newest stands where it is seen at once"
    ask("show", key=keys[1], on=False)
    assert state["tracks chosen"] == [keys[2], keys[0]]
    ask("sort", key="-title")
    assert state["tracks sort"] == "-title"
    ask("remove", key=keys[0])
    assert [track.key for track in session.tracks()] == keys[1:]
    ask("too big", files=[{"name": "film.wav", "size": 2**31}])
    assert session.tracks()[-1].message == (
        "film.wav has 2.1 GB, more than the 200 MB that a page can take: type its path instead, or convert "
        "it to MP3, Opus or FLAC."
    )
    ask("cancel", key=keys[1])
    ask("cancel all")
    ask("retry", key=keys[1])
    ask("go on")
    ask("dance", key=keys[1])
    assert session.tracks()[0].state is TrackState.DONE
    ask("remove all")
    assert session.tracks() == ()
    assert "tracks chosen" not in state


def test_the_table_for_other_programs() -> None:
    results = [a_result("sad", name="a, b.mp3", rows=3), a_result("happy", name="ü.mp3", rows=2)]
    rows = list(csv.reader(io.StringIO(as_csv(results))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == 1 + 10 * (1 + 3) + 10 * (1 + 2)
    assert rows[1][:2] == ["a, b.mp3", "theme"]
    assert len(list(csv.reader(io.StringIO(as_csv(results, timeline=False))))) == 1 + 20
    answer = json.loads(as_json(a_track("t1", results[1])))
    assert answer["file"] == "ü.mp3"
    assert len(answer["timeline"]) == 2


def test_the_server_takes_no_more_than_the_page_says() -> None:
    assert tracks._max_upload_mb() == 200

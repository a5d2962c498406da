"""The queue of tracks: one after the other, each tab for itself; bad files are told, and the others go on."""

from __future__ import annotations

import gc
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mood_graphs import tiny_tagger
from test_mood_files import picture_tag
from tones import encoded, sine

from core.errors import AudioDecodeError, WeightsError
from models.audio import AudioStream, open_stream
from models.mood.store import ResultStore
from models.mood.tagger import MoodTagger
from models.mood.tracks import Shelf, Track, TrackQueue, TrackState

RATE_HZ = 16_000


class Held(MoodTagger):
    """The real one, which can be held in the middle of a track."""

    def __init__(self, tagger: MoodTagger) -> None:
        super().__init__(tagger.backbone, tagger.head, hop_s=tagger.hop_s)
        self.reached = threading.Event()
        self.go = threading.Event()
        self.go.set()
        self.heard: list[str] = []

    def analyse(self, source: Path | bytes, **options: Any) -> Any:
        told = options["on_progress"]
        self.heard.append(options["name"])

        def on_progress(done_s: float, total_s: float | None) -> None:
            told(done_s, total_s)
            if done_s > 0:
                self.reached.set()
                self.go.wait(20)

        return super().analyse(source, **{**options, "on_progress": on_progress})


@pytest.fixture(scope="module")
def plain_tagger(tmp_path_factory: pytest.TempPathFactory) -> MoodTagger:
    return tiny_tagger(tmp_path_factory.mktemp("graphs"))


@pytest.fixture
def tagger(plain_tagger: MoodTagger) -> Held:
    return Held(plain_tagger)


@pytest.fixture
def queue(tagger: Held, tmp_path: Path) -> Iterator[TrackQueue]:
    queue = TrackQueue(lambda: (tagger, "models"), ResultStore(tmp_path / "moods"), max_minutes=5)
    yield queue
    tagger.go.set()
    queue.close()


@pytest.fixture
def shelf(queue: TrackQueue) -> Shelf:
    return queue.open_shelf()


def song(seconds: float = 12.0, *, seed: int = 0, rate_hz: int = RATE_HZ) -> bytes:
    noise = np.random.default_rng(seed).standard_normal((round(seconds * rate_hz), 1))
    return encoded(0.1 * noise, rate_hz)


def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.01)


def done(shelf: Shelf) -> tuple[Track, ...]:
    until(lambda: not any(track.open for track in shelf.tracks()))
    return shelf.tracks()


def no_thread() -> bool:
    return not any(thread.name == "attune-tracks" for thread in threading.enumerate())


def test_tracks_are_analysed_in_their_order_and_the_thread_ends(shelf: Shelf, tagger: Held) -> None:
    for number in range(3):
        shelf.add(f"{number}.wav", song(seed=number))
    tracks = done(shelf)
    assert [track.state for track in tracks] == [TrackState.DONE] * 3
    assert tagger.heard == ["0.wav", "1.wav", "2.wav"]
    for track in tracks:
        assert track.study is not None
        assert track.study.result.name == track.name
        assert track.study.result.duration_s == 12.0
        assert len(track.study.outline) == 188
        assert not track.study.recalled
    until(no_thread)


def test_a_track_is_decoded_once(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def opening(source: Path | bytes, **options: Any) -> AudioStream:
        opened.append(options["name"])
        return open_stream(source, **options)

    monkeypatch.setattr("models.mood.tagger.open_stream", opening)
    shelf.add("song.wav", encoded(np.repeat([[0.0], [0.5]], 6 * RATE_HZ, axis=0), RATE_HZ))
    (track,) = done(shelf)
    assert opened == ["song.wav"]
    assert track.study is not None
    assert set(track.study.outline[:90]) == {0}
    assert set(track.study.outline[95:]) == {128}


def test_a_file_is_read_where_it_lies(shelf: Shelf, tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(song())
    shelf.add("song.wav", path)
    (track,) = done(shelf)
    assert track.state is TrackState.DONE
    assert track.size_bytes == path.stat().st_size
    assert shelf.sound(track.key) == path


def test_the_same_content_is_not_analysed_twice(shelf: Shelf, tagger: Held) -> None:
    shelf.add("song.wav", song())
    done(shelf)
    shelf.add("the same.wav", song())
    first, second = done(shelf)
    assert tagger.heard == ["song.wav"]
    assert first.study is not None
    assert second.study is not None
    assert second.study.recalled
    assert second.study.result.name == "the same.wav"
    np.testing.assert_array_equal(first.study.result.timeline, second.study.result.timeline)


def test_what_was_heard_without_ffmpeg_is_heard_anew_with_it(
    shelf: Shelf, tagger: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    for there in (False, True):
        monkeypatch.setattr("models.decoders.ffmpeg.installed", lambda there=there: there)
        shelf.add("song.wav", song())
        done(shelf)
    assert len(tagger.heard) == 2


def test_other_models_analyse_anew(plain_tagger: MoodTagger, tmp_path: Path) -> None:
    heard = []
    for models in ("old", "new", "old"):
        tagger = Held(plain_tagger)
        queue = TrackQueue(lambda held=tagger, name=models: (held, name), ResultStore(tmp_path / "moods"))
        shelf = queue.open_shelf()
        shelf.add("song.wav", song())
        done(shelf)
        heard.append(len(tagger.heard))
        queue.close()
    assert heard == [1, 1, 0]


def test_a_damaged_result_is_computed_again(shelf: Shelf, queue: TrackQueue, tagger: Held) -> None:
    shelf.add("song.wav", song())
    done(shelf)
    for file in queue.store.folder.iterdir():
        file.write_bytes(b"damaged")
    shelf.add("again.wav", song())
    assert [track.state for track in done(shelf)] == [TrackState.DONE] * 2
    assert tagger.heard == ["song.wav", "again.wav"]


def test_without_a_disk_results_are_shown_all_the_same(tagger: Held, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    queue = TrackQueue(lambda: (tagger, "models"), ResultStore(tmp_path / "file" / "moods"))
    shelf = queue.open_shelf()
    shelf.add("song.wav", song())
    assert [track.state for track in done(shelf)] == [TrackState.DONE]
    queue.close()


def test_two_files_of_one_name_are_told_apart(shelf: Shelf) -> None:
    for seed in range(3):
        shelf.add("song.wav", song(seed=seed))
    assert [track.name for track in done(shelf)] == ["song.wav", "song (2).wav", "song (3).wav"]


def protected() -> bytes:
    """The start of an M4A that says it is scrambled."""
    return struct.pack(">I4s4sI", 16, b"ftyp", b"M4P ", 0) + b"\x00\x00\x00\x08free" + bytes(64)


def test_every_bad_file_is_one_sentence_and_the_good_ones_go_on(shelf: Shelf, tmp_path: Path) -> None:
    long = 6 * 60
    bad = {
        "empty.mp3": b"",
        "renamed.mp3": b"no sound at all\n" * 99,
        "no seconds.wav": encoded(np.zeros((0, 1)), RATE_HZ),
        "cover alone.mp3": picture_tag(),
        "too long.wav": encoded(np.zeros((8_000 * long, 1), dtype=np.float32), 8_000),
        "too slow.wav": encoded(sine(rate_hz=4_000), 4_000),
        "protected.m4a": protected(),
        "cut off.flac": encoded(sine(rate_hz=RATE_HZ, duration_s=9.0), RATE_HZ, format="FLAC")[:60],
    }
    for name, content in bad.items():
        shelf.add(name, content)
    shelf.add("gone.wav", tmp_path / "gone.wav")
    shelf.add("folder", tmp_path)
    shelf.add("song.wav", song())
    tracks = {track.name: track for track in done(shelf)}
    assert tracks.pop("song.wav").state is TrackState.DONE
    assert len(tracks) == len(bad) + 2
    for name, track in tracks.items():
        assert track.state is TrackState.FAILED, name
        assert name.split(".")[0].split()[0] in track.message or str(tmp_path) in track.message
        assert track.message.endswith(".")
        assert "\n" not in track.message


@pytest.mark.parametrize(
    ("name", "content", "notice"),
    [
        ("8k.wav", encoded(sine(rate_hz=8_000, duration_s=9), 8_000), "sample rate of 8000 Hz"),
        ("silent.wav", encoded(np.zeros((RATE_HZ * 9, 1)), RATE_HZ), "is silent"),
        ("cut.wav", song()[:-100_000], "truncated"),
        ("192k.wav", encoded(sine(rate_hz=192_000, duration_s=9), 192_000), ""),
        ("six.wav", encoded(sine(rate_hz=48_000, duration_s=9, channels=6), 48_000), ""),
    ],
)
def test_what_can_be_survived_is_heard_and_said(shelf: Shelf, name: str, content: bytes, notice: str) -> None:
    shelf.add(name, content)
    (track,) = done(shelf)
    assert track.study is not None, track.message
    assert any(notice in text for text in track.study.result.notices) is bool(notice)


def test_progress_is_told_and_one_is_cancelled_while_the_others_go_on(shelf: Shelf, tagger: Held) -> None:
    tagger.go.clear()
    first = shelf.add("first.wav", song(120.0))
    shelf.add("second.wav", song(seed=1))
    assert tagger.reached.wait(20)
    working, waiting = shelf.tracks()
    assert working.state is TrackState.WORKING
    assert working.progress is not None
    assert 0.0 < working.progress < 1.0
    assert waiting.state is TrackState.WAITING
    shelf.cancel(first)
    assert shelf.tracks()[0].state is TrackState.CANCELLED
    tagger.go.set()
    cancelled, other = done(shelf)
    assert (cancelled.state, other.state) == (TrackState.CANCELLED, TrackState.DONE)
    assert cancelled.message == "first.wav was cancelled."
    shelf.retry(first)
    assert [track.state for track in done(shelf)] == [TrackState.DONE] * 2


def test_all_are_cancelled_at_once_and_gone_on_with(shelf: Shelf, tagger: Held) -> None:
    tagger.go.clear()
    shelf.add("empty.wav", b"")
    for number in range(5):
        shelf.add(f"{number}.wav", song(20.0, seed=number))
    assert tagger.reached.wait(20)
    shelf.cancel()
    tagger.go.set()
    assert {track.state for track in shelf.tracks()[1:]} == {TrackState.CANCELLED}
    until(no_thread)
    assert tagger.heard == ["empty.wav", "0.wav"]
    shelf.retry()
    failed, *others = done(shelf)
    assert failed.state is TrackState.FAILED, "what failed is not tried again unasked"
    assert {track.state for track in others} == {TrackState.DONE}


def test_a_file_that_goes_away_before_its_turn_is_one_sentence(
    shelf: Shelf, tagger: Held, tmp_path: Path
) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(song())
    tagger.go.clear()
    shelf.add("first.wav", song(20.0, seed=1))
    shelf.add("song.wav", path)
    assert tagger.reached.wait(20)
    path.unlink()
    tagger.go.set()
    first, gone = done(shelf)
    assert first.state is TrackState.DONE
    assert gone.state is TrackState.FAILED
    assert gone.message == f"There is no file {path}: check its name and folder."


def test_a_removed_track_is_gone_and_stops(shelf: Shelf, tagger: Held) -> None:
    tagger.go.clear()
    key = shelf.add("first.wav", song(120.0))
    shelf.add("second.wav", song())
    assert tagger.reached.wait(20)
    shelf.remove(key)
    tagger.go.set()
    (track,) = done(shelf)
    assert track.name == "second.wav"
    assert shelf.sound(key) is None
    shelf.remove()
    assert shelf.tracks() == ()


def test_two_tabs_take_turns_and_see_only_their_own(queue: TrackQueue, tagger: Held) -> None:
    many, single = queue.open_shelf(), queue.open_shelf()
    tagger.go.clear()
    for number in range(5):
        many.add(f"many {number}", song(seed=number))
    single.add("single", song(seed=9))
    tagger.go.set()
    done(many)
    done(single)
    assert [track.name for track in single.tracks()] == ["single"]
    assert len(many.tracks()) == 5
    assert tagger.heard.index("single") <= 1
    many.cancel()
    many.remove()
    assert len(single.tracks()) == 1


def test_a_shelf_that_nobody_holds_lets_go_of_its_sound(queue: TrackQueue) -> None:
    shelf = queue.open_shelf()
    shelf.add("song.wav", song())
    done(shelf)
    assert queue._shelves
    del shelf
    gc.collect()
    assert not queue._shelves


def test_sound_in_memory_is_bounded(tagger: Held, tmp_path: Path) -> None:
    size = len(song())
    queue = TrackQueue(
        lambda: (tagger, "models"), ResultStore(tmp_path / "moods"), max_held_bytes=2 * size + 100
    )
    shelf, other = queue.open_shelf(), queue.open_shelf()
    other.add("other.wav", song(seed=8))
    done(other)
    shelf.add("first.wav", song(seed=0))
    done(shelf)
    shelf.add("second.wav", song(seed=1))
    first, second = done(shelf)
    assert first.study is not None
    assert not first.audible
    assert shelf.sound(first.key) is None
    assert second.audible
    assert other.tracks()[0].audible, "another tab's sound is not touched"
    tagger.go.clear()
    shelf.remove()
    shelf.add("third.wav", song(60.0, seed=2)[:size])
    shelf.add("fourth.wav", song(seed=3))
    _, fourth = shelf.tracks()
    assert fourth.state is TrackState.FAILED
    assert "fourth.wav (0 MB) was left out" in fourth.message
    tagger.go.set()
    queue.close()


def test_too_many_tracks_are_refused(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.mood.tracks._MAX_TRACKS", 1)
    shelf.add("one.wav", song())
    with pytest.raises(AudioDecodeError, match=r"two\.wav was left out, because 1 tracks are here"):
        shelf.add("two.wav", song())


def test_what_was_too_big_to_come_is_noted(shelf: Shelf) -> None:
    shelf.refuse("film.wav", 2**31, "film.wav has 2.0 GB: type its path.")
    (track,) = shelf.tracks()
    assert track.state is TrackState.FAILED
    assert not track.audible
    shelf.retry(track.key)
    assert shelf.tracks()[0].state is TrackState.FAILED


def test_missing_models_are_one_sentence_until_they_are_there(
    plain_tagger: MoodTagger, tmp_path: Path
) -> None:
    there = threading.Event()

    def load() -> tuple[MoodTagger, str]:
        if not there.is_set():
            raise WeightsError("The weight file is missing: restore it.")
        return plain_tagger, "models"

    queue = TrackQueue(load, ResultStore(tmp_path / "moods"))
    queue.prepare()
    until(lambda: bool(queue.problem))
    assert queue.problem == "The weight file is missing: restore it."
    shelf = queue.open_shelf()
    key = shelf.add("song.wav", song())
    (track,) = done(shelf)
    assert track.message == queue.problem
    there.set()
    shelf.retry(key)
    assert done(shelf)[0].state is TrackState.DONE
    assert queue.problem == ""
    queue.close()


def test_a_fault_of_ours_stops_one_track_alone(queue: TrackQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = queue.open_shelf()

    def broken(*_: object, **options: Any) -> None:
        if options["name"] == "bad.wav":
            raise RuntimeError("a fault")
        raise AudioDecodeError("good.wav is short.")

    monkeypatch.setattr(Held, "analyse", broken)
    shelf.add("bad.wav", song())
    shelf.add("good.wav", song(seed=1))
    bad, good = done(shelf)
    assert bad.message.startswith("bad.wav could not be analysed for a reason that the program's log tells")
    assert good.message == "good.wav is short."


def test_a_track_that_takes_for_ever_is_given_up(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.mood.tracks._PATIENCE_S", -1.0)
    shelf.add("song.wav", song())
    (track,) = done(shelf)
    assert track.state is TrackState.FAILED
    assert "was given up" in track.message


def test_closing_stops_at_once_and_takes_nothing_more(queue: TrackQueue, tagger: Held) -> None:
    shelf = queue.open_shelf()
    tagger.go.clear()
    shelf.add("song.wav", song(120.0))
    assert tagger.reached.wait(20)
    tagger.go.set()
    queue.close()
    until(no_thread)
    assert shelf.tracks() == ()
    assert shelf.add("late.wav", song()) == ""
    queue.close()

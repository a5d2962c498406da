"""The queue of tracks: one after the other, each tab for itself; bad files are told, and the others go on."""

from __future__ import annotations

import gc
import struct
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import AudioDecodeError, WeightsError
from models.audio import AudioStream, open_stream
from models.mood.result_store import ResultStore
from models.mood.tagger import MoodTagger
from models.mood.track_queue import TrackQueue, TrackSession
from models.mood.uploaded_track import TrackState, UploadedTrack
from models.track.profile import TrackProfiler
from tests.models.mood.test_files import picture_tag
from tests.models.mood_graphs import tiny_tagger
from tests.models.tones import encoded, sine

pytestmark = pytest.mark.usefixtures("no_librosa")

RATE_HZ = 16_000


class Held(TrackProfiler):
    """The real one, which can be held in the middle of a track."""

    def __init__(self, tagger: MoodTagger) -> None:
        super().__init__(tagger, {})
        self.reached = threading.Event()
        self.go = threading.Event()
        self.go.set()
        self.heard: list[str] = []

    def profile(self, source: Path | bytes, **options: Any) -> Any:
        told = options["on_progress"]
        self.heard.append(options["name"])

        def on_progress(done_s: float, total_s: float | None) -> None:
            told(done_s, total_s)
            if done_s > 0:
                self.reached.set()
                self.go.wait(20)

        return super().profile(source, **{**options, "on_progress": on_progress})


@pytest.fixture(scope="module")
def plain_tagger(tmp_path_factory: pytest.TempPathFactory) -> MoodTagger:
    return tiny_tagger(tmp_path_factory.mktemp("graphs"))


@pytest.fixture
def profiler(plain_tagger: MoodTagger) -> Held:
    return Held(plain_tagger)


@pytest.fixture
def queue(profiler: Held, tmp_path: Path) -> Iterator[TrackQueue]:
    queue = TrackQueue(lambda: (profiler, "models"), ResultStore(tmp_path / "moods"), max_minutes=5)
    yield queue
    profiler.go.set()
    queue.close()


@pytest.fixture
def session(queue: TrackQueue) -> TrackSession:
    return queue.open_session()


def song(seconds: float = 12.0, *, seed: int = 0, rate_hz: int = RATE_HZ) -> bytes:
    noise = np.random.default_rng(seed).standard_normal((round(seconds * rate_hz), 1))
    return encoded(0.1 * noise, rate_hz)


def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.01)


def done(session: TrackSession) -> tuple[UploadedTrack, ...]:
    until(lambda: not any(track.open for track in session.tracks()))
    return session.tracks()


def no_thread() -> bool:
    return not any(thread.name == "attune-tracks" for thread in threading.enumerate())


def test_tracks_are_analysed_in_their_order_and_the_thread_ends(
    session: TrackSession, profiler: Held
) -> None:
    for number in range(3):
        session.add(f"{number}.wav", song(seed=number))
    tracks = done(session)
    assert [track.state for track in tracks] == [TrackState.DONE] * 3
    assert profiler.heard == ["0.wav", "1.wav", "2.wav"]
    for track in tracks:
        assert track.analysis is not None
        assert track.analysis.result.name == track.name
        assert track.analysis.result.duration_s == 12.0
        assert len(track.analysis.outline) == 188
        assert not track.analysis.from_cache
    until(no_thread)


def test_a_track_is_decoded_once(session: TrackSession, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def opening(source: Path | bytes, **options: Any) -> AudioStream:
        opened.append(options["name"])
        return open_stream(source, **options)

    monkeypatch.setattr("models.mood.tagger.open_stream", opening)
    session.add("song.wav", encoded(np.repeat([[0.0], [0.5]], 6 * RATE_HZ, axis=0), RATE_HZ))
    (track,) = done(session)
    assert opened == ["song.wav"]
    assert track.analysis is not None
    assert set(track.analysis.outline[:90]) == {0}
    assert set(track.analysis.outline[95:]) == {128}


def test_a_file_is_read_where_it_lies(session: TrackSession, tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(song())
    session.add("song.wav", path)
    (track,) = done(session)
    assert track.state is TrackState.DONE
    assert track.size_bytes == path.stat().st_size
    assert session.sound(track.key) == path


def test_the_same_content_is_not_analysed_twice(session: TrackSession, profiler: Held) -> None:
    session.add("song.wav", song())
    done(session)
    session.add("the same.wav", song())
    first, second = done(session)
    assert profiler.heard == ["song.wav"]
    assert first.analysis is not None
    assert second.analysis is not None
    assert second.analysis.from_cache
    assert second.analysis.result.name == "the same.wav"
    np.testing.assert_array_equal(first.analysis.result.timeline, second.analysis.result.timeline)


def test_what_was_heard_without_ffmpeg_is_heard_anew_with_it(
    session: TrackSession, profiler: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    for there in (False, True):
        monkeypatch.setattr("models.decoders.ffmpeg.installed", lambda there=there: there)
        session.add("song.wav", song())
        done(session)
    assert len(profiler.heard) == 2


def _given(profiler: TrackProfiler, models: str) -> tuple[TrackProfiler, str]:
    return profiler, models


def test_other_models_analyse_anew(plain_tagger: MoodTagger, tmp_path: Path) -> None:
    heard = []
    for models in ("old", "new", "old"):
        profiler = Held(plain_tagger)
        queue = TrackQueue(partial(_given, profiler, models), ResultStore(tmp_path / "moods"))
        session = queue.open_session()
        session.add("song.wav", song())
        done(session)
        heard.append(len(profiler.heard))
        queue.close()
    assert heard == [1, 1, 0]


def test_a_damaged_result_is_computed_again(session: TrackSession, queue: TrackQueue, profiler: Held) -> None:
    session.add("song.wav", song())
    done(session)
    for file in queue.store.folder.iterdir():
        file.write_bytes(b"damaged")
    session.add("again.wav", song())
    assert [track.state for track in done(session)] == [TrackState.DONE] * 2
    assert profiler.heard == ["song.wav", "again.wav"]


def test_without_a_disk_results_are_shown_all_the_same(profiler: Held, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    queue = TrackQueue(lambda: (profiler, "models"), ResultStore(tmp_path / "file" / "moods"))
    session = queue.open_session()
    session.add("song.wav", song())
    assert [track.state for track in done(session)] == [TrackState.DONE]
    queue.close()


def test_two_files_of_one_name_are_told_apart(session: TrackSession) -> None:
    for seed in range(3):
        session.add("song.wav", song(seed=seed))
    assert [track.name for track in done(session)] == ["song.wav", "song (2).wav", "song (3).wav"]


def protected() -> bytes:
    """The start of an M4A that says it is scrambled."""
    return struct.pack(">I4s4sI", 16, b"ftyp", b"M4P ", 0) + b"\x00\x00\x00\x08free" + bytes(64)


def test_every_bad_file_is_one_sentence_and_the_good_ones_go_on(
    session: TrackSession, tmp_path: Path
) -> None:
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
        session.add(name, content)
    session.add("gone.wav", tmp_path / "gone.wav")
    session.add("folder", tmp_path)
    session.add("song.wav", song())
    tracks = {track.name: track for track in done(session)}
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
def test_what_can_be_survived_is_heard_and_said(
    session: TrackSession, name: str, content: bytes, notice: str
) -> None:
    session.add(name, content)
    (track,) = done(session)
    assert track.analysis is not None, track.message
    assert any(notice in text for text in track.analysis.result.notices) is bool(notice)


def test_progress_is_told_and_one_is_cancelled_while_the_others_go_on(
    session: TrackSession, profiler: Held
) -> None:
    profiler.go.clear()
    first = session.add("first.wav", song(120.0))
    session.add("second.wav", song(seed=1))
    assert profiler.reached.wait(20)
    working, waiting = session.tracks()
    assert working.state is TrackState.WORKING
    assert working.progress is not None
    assert 0.0 < working.progress < 1.0
    assert waiting.state is TrackState.WAITING
    session.cancel(first)
    assert session.tracks()[0].state is TrackState.CANCELLED
    profiler.go.set()
    cancelled, other = done(session)
    assert (cancelled.state, other.state) == (TrackState.CANCELLED, TrackState.DONE)
    assert cancelled.message == "first.wav was cancelled."
    session.retry(first)
    assert [track.state for track in done(session)] == [TrackState.DONE] * 2


def test_all_are_cancelled_at_once_and_gone_on_with(session: TrackSession, profiler: Held) -> None:
    profiler.go.clear()
    session.add("empty.wav", b"")
    for number in range(5):
        session.add(f"{number}.wav", song(20.0, seed=number))
    assert profiler.reached.wait(20)
    session.cancel()
    profiler.go.set()
    assert {track.state for track in session.tracks()[1:]} == {TrackState.CANCELLED}
    until(no_thread)
    assert profiler.heard == ["empty.wav", "0.wav"]
    session.retry()
    failed, *others = done(session)
    assert failed.state is TrackState.FAILED, "what failed is not tried again unasked"
    assert {track.state for track in others} == {TrackState.DONE}


def test_a_file_that_goes_away_before_its_turn_is_one_sentence(
    session: TrackSession, profiler: Held, tmp_path: Path
) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(song())
    profiler.go.clear()
    session.add("first.wav", song(20.0, seed=1))
    session.add("song.wav", path)
    assert profiler.reached.wait(20)
    path.unlink()
    profiler.go.set()
    first, gone = done(session)
    assert first.state is TrackState.DONE
    assert gone.state is TrackState.FAILED
    assert gone.message == f"There is no file {path}: check its name and folder."


def test_a_removed_track_is_gone_and_stops(session: TrackSession, profiler: Held) -> None:
    profiler.go.clear()
    key = session.add("first.wav", song(120.0))
    session.add("second.wav", song())
    assert profiler.reached.wait(20)
    session.remove(key)
    profiler.go.set()
    (track,) = done(session)
    assert track.name == "second.wav"
    assert session.sound(key) is None
    session.remove()
    assert session.tracks() == ()


def test_two_tabs_take_turns_and_see_only_their_own(queue: TrackQueue, profiler: Held) -> None:
    many, single = queue.open_session(), queue.open_session()
    profiler.go.clear()
    for number in range(5):
        many.add(f"many {number}", song(seed=number))
    single.add("single", song(seed=9))
    profiler.go.set()
    done(many)
    done(single)
    assert [track.name for track in single.tracks()] == ["single"]
    assert len(many.tracks()) == 5
    assert profiler.heard.index("single") <= 1
    many.cancel()
    many.remove()
    assert len(single.tracks()) == 1


def test_a_session_that_nobody_holds_lets_go_of_its_sound(queue: TrackQueue) -> None:
    session = queue.open_session()
    session.add("song.wav", song())
    done(session)
    assert queue._sessions
    del session
    gc.collect()
    assert not queue._sessions


def test_sound_in_memory_is_bounded(profiler: Held, tmp_path: Path) -> None:
    size = len(song())
    queue = TrackQueue(
        lambda: (profiler, "models"), ResultStore(tmp_path / "moods"), max_held_bytes=2 * size + 100
    )
    session, other = queue.open_session(), queue.open_session()
    other.add("other.wav", song(seed=8))
    done(other)
    session.add("first.wav", song(seed=0))
    done(session)
    session.add("second.wav", song(seed=1))
    first, second = done(session)
    assert first.analysis is not None
    assert not first.has_sound
    assert session.sound(first.key) is None
    assert second.has_sound
    assert other.tracks()[0].has_sound, "another tab's sound is not touched"
    profiler.go.clear()
    session.remove()
    session.add("third.wav", song(60.0, seed=2)[:size])
    session.add("fourth.wav", song(seed=3))
    _, fourth = session.tracks()
    assert fourth.state is TrackState.FAILED
    assert "fourth.wav (0 MB) was left out" in fourth.message
    profiler.go.set()
    queue.close()


def test_too_many_tracks_are_refused(session: TrackSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.mood.track_queue._MAX_TRACKS", 1)
    session.add("one.wav", song())
    with pytest.raises(AudioDecodeError, match=r"two\.wav was left out, because 1 tracks are here"):
        session.add("two.wav", song())


def test_what_was_too_big_to_come_is_noted(session: TrackSession) -> None:
    session.refuse("film.wav", 2**31, "film.wav has 2.0 GB: type its path.")
    (track,) = session.tracks()
    assert track.state is TrackState.FAILED
    assert not track.has_sound
    session.retry(track.key)
    assert session.tracks()[0].state is TrackState.FAILED


def test_missing_models_are_one_sentence_until_they_are_there(
    plain_tagger: MoodTagger, tmp_path: Path
) -> None:
    there = threading.Event()

    def load() -> tuple[TrackProfiler, str]:
        if not there.is_set():
            raise WeightsError("The weight file is missing: restore it.")
        return TrackProfiler(plain_tagger, {}), "models"

    queue = TrackQueue(load, ResultStore(tmp_path / "moods"))
    queue.prepare()
    until(lambda: bool(queue.problem))
    assert queue.problem == "The weight file is missing: restore it."
    session = queue.open_session()
    key = session.add("song.wav", song())
    (track,) = done(session)
    assert track.message == queue.problem
    there.set()
    session.retry(key)
    assert done(session)[0].state is TrackState.DONE
    assert queue.problem == ""
    queue.close()


def test_a_fault_of_ours_stops_one_track_alone(queue: TrackQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    session = queue.open_session()

    def broken(*_: object, **options: Any) -> None:
        if options["name"] == "bad.wav":
            raise RuntimeError("a fault")
        raise AudioDecodeError("good.wav is short.")

    monkeypatch.setattr(Held, "profile", broken)
    session.add("bad.wav", song())
    session.add("good.wav", song(seed=1))
    bad, good = done(session)
    assert bad.message.startswith("bad.wav could not be analysed, the program's log says why")
    assert good.message == "good.wav is short."


def test_a_track_that_takes_for_ever_is_given_up(
    session: TrackSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.mood.track_queue._TIMEOUT_S", -1.0)
    session.add("song.wav", song())
    (track,) = done(session)
    assert track.state is TrackState.FAILED
    assert "was given up" in track.message


def test_closing_stops_at_once_and_takes_nothing_more(queue: TrackQueue, profiler: Held) -> None:
    session = queue.open_session()
    profiler.go.clear()
    session.add("song.wav", song(120.0))
    assert profiler.reached.wait(20)
    profiler.go.set()
    queue.close()
    until(no_thread)
    assert session.tracks() == ()
    assert session.add("late.wav", song()) == ""
    queue.close()

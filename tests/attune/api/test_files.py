"""Answers about files: emotion, mood and profile, and what is refused."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from attune import DEMO
from attune.api import file_requests
from attune.api.analyses import Watch
from attune.api.limits import ServerLimits
from attune.api.problems import HttpProblem
from attune.api.schemas.emotion import EmotionClip
from attune.api.uploads import Upload
from attune.engine.engine import Engine
from attune.engine.recent_events import Event
from core.emotions import EMOTIONS
from models.audio import decode
from models.mood.mood_scale import MOODS
from realtime.capture.source import SourceKind, SourceSpec
from realtime.emotion_answer import MUSIC_MOODS
from realtime.snapshot import WindowResult
from tests.attune.api.server import RunningServer, running_server

RATE_HZ = 16_000


def wav(audio: np.ndarray, rate_hz: int = RATE_HZ) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, audio, rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()


@pytest.fixture(scope="module")
def voice() -> bytes:
    """Three seconds of the demo, which sound happy."""
    return wav(decode(DEMO)[32_000:80_000])


def rows(api: RunningServer, path: str, *files: tuple[str, bytes], **query: Any) -> list[dict[str, Any]]:
    answer = api.post(path, files=[("files", file) for file in files], params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["files"]


def test_emotion_of_a_file_is_what_the_engine_says(api: RunningServer, voice: bytes) -> None:
    (row,) = rows(api, "/v1/emotion", ("voice.wav", voice))
    clip = api.services.engine.recognise(Path("voice.wav"), content=voice)
    assert (row["file"], row["emotion"], row["status"]) == ("voice.wav", clip.emotion, "success")
    assert row["music_mood"] == MUSIC_MOODS[row["emotion"]]
    assert row["warning"] is None
    assert tuple(row["probabilities"]) == EMOTIONS
    assert tuple(row["probabilities"].values()) == pytest.approx(clip.probabilities)
    assert [window["time_s"] for window in row["windows"]] == [3.0]
    assert EmotionClip.model_validate(row)
    assert rows(api, "/v1/emotion", ("voice.wav", voice), windows=False)[0]["windows"] is None


def test_recording_is_heard_as_a_listener_hears_it(api: RunningServer) -> None:
    audio = wav(decode(DEMO)[: 8 * RATE_HZ])
    clip = api.services.engine.recognise(Path("talk.wav"), content=audio)
    events: list[Event] = []
    with_threads = Engine(api.services.engine.settings, on_event=events.append)
    with_threads.start(SourceSpec(SourceKind.FILE, path=Path("talk.wav"), content=audio, fast=True))
    assert with_threads.wait(60)
    with_threads.close()
    heard = [event for event in events if isinstance(event, WindowResult)]
    assert [one.decision for one in heard] == [one.decision for one in clip.windows]


def test_bad_files_are_rows_in_their_place(api: RunningServer, voice: bytes) -> None:
    given = ("../../etc/passwd.wav", b"no sound"), ("voice.wav", voice), ("empty.wav", b"")
    bad, good, empty = rows(api, "/v1/emotion", *given)
    assert set(bad) == {"file", "error"}
    assert bad["file"] == "passwd.wav"
    assert "is not sound that Attune can read" in bad["error"]
    assert good["emotion"] in EMOTIONS
    assert empty["error"].startswith("empty.wav is empty")


def test_a_fault_of_the_program_is_the_row_of_one_file(
    api: RunningServer, voice: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognise = Engine.recognise

    def failing(engine: Engine, path: Path, **options: Any) -> Any:
        if path.name == "fault.wav":
            raise KeyError("a fault")
        return recognise(engine, path, **options)

    monkeypatch.setattr(Engine, "recognise", failing)
    bad, good = rows(api, "/v1/emotion", ("fault.wav", voice), ("voice.wav", voice))
    assert bad == {
        "file": "fault.wav",
        "error": "fault.wav could not be analysed: the program's log says why.",
    }
    assert good["probabilities"]


def test_mood_and_profile_of_music(api: RunningServer) -> None:
    song = wav(decode(DEMO)[56 * RATE_HZ : 66 * RATE_HZ])
    (mood,) = rows(api, "/v1/mood", ("song.wav", song), timeline=True, top_k=5)
    assert mood["music"], mood["shares"]
    assert len(mood["theme"]) == 5
    assert tuple(mood["moods"]) == MOODS
    assert len(mood["timeline"]) == pytest.approx(10 / 0.96, abs=1)
    (profile,) = rows(api, "/v1/profile", ("song.wav", song), top_k=2)
    assert profile["moods"] == mood["moods"]
    assert len(profile["genres"]) == len(profile["instruments"]) == 2
    assert profile["timeline"] is None
    answer = api.post("/api/music/analyze/upload", files={"file": ("song.wav", song)})
    assert answer.status_code == 200, answer.text
    track = answer.json()
    assert track["fileName"] == "song.wav"
    assert track["predictions"]["genre"]["label"] == profile["genres"][0]["label"]
    assert track["predictions"]["mood"]["label"] == max(mood["moods"], key=mood["moods"].get)
    assert set(track["predictions"]) == {"genre", "mood", "bpm", "key"}
    assert track["metadata"] == {"duration": 10.0, "sampleRate": RATE_HZ, "fileSizeBytes": len(song)}
    assert track["processingTimeMs"] > 0


@pytest.mark.usefixtures("empty_profile")
def test_what_is_too_long_to_wait_for_is_sent_to_the_jobs(voice: bytes) -> None:
    long = wav(decode(DEMO)[: 8 * RATE_HZ])
    with running_server(limits=ServerLimits(max_clip_minutes=0.1)) as server:
        short_row, long_row = rows(server, "/v1/emotion", ("a.wav", voice), ("b.wav", long))
        assert short_row["emotion"] in EMOTIONS
        assert "send it to /v1/jobs" in long_row["error"]
        answer = server.post("/predict-emotion/", files={"file": ("b.wav", long)})
        assert (answer.status_code, answer.json()["title"]) == (413, "Too long")
    with running_server(limits=ServerLimits(max_analysis_s=0.0)) as server:
        (row,) = rows(server, "/v1/emotion", ("a.wav", voice))
        assert "was given up" in row["error"]


def test_the_time_for_an_answer_begins_when_its_turn_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now_s=0.0)
    clock.monotonic = lambda: clock.now_s
    monkeypatch.setattr(file_requests, "time", clock)

    async def after_a_queue(function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        clock.now_s += 1_000.0
        return function()

    def answer(_engine: object, _upload: Upload, watch: Watch) -> dict[str, Any]:
        watch(1.0, 2.0)
        clock.now_s += taken_s
        watch(2.0, 2.0)
        return {"heard": True}

    taken_s = 119.0
    services: Any = SimpleNamespace(
        limits=ServerLimits(), engine=None, work=SimpleNamespace(run=after_a_queue)
    )
    assert asyncio.run(file_requests.analyse_content(services, Upload("a.wav", b""), answer))["heard"]
    taken_s = 121.0
    with pytest.raises(HttpProblem, match="was given up"):
        asyncio.run(file_requests.analyse_content(services, Upload("a.wav", b""), answer))


def test_a_flac_bomb_costs_no_more_than_the_limit(api: RunningServer) -> None:
    """Half an hour of silence is a few hundred kilobytes."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 48_000, 1, format="FLAC", subtype="PCM_16") as flac:
        for _ in range(30):
            flac.write(np.zeros(60 * 48_000, dtype=np.int16))
    assert len(file.getvalue()) < 1_000_000
    (row,) = rows(api, "/v1/emotion", ("bomb.flac", file.getvalue()))
    assert "longer than the 10 minutes" in row["error"]


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/v1/emotion", {}),
        ("/v1/emotion", {"data": b"RIFF", "headers": {"Content-Type": "audio/wav"}}),
        ("/v1/mood?top_k=60", {"files": {"files": ("a.wav", b"RIFF")}}),
        ("/v1/emotion", {"data": {"files": "/etc/passwd"}}),
    ],
)
def test_other_requests_are_problems(api: RunningServer, path: str, sent: dict[str, Any]) -> None:
    answer = api.post(path, **sent)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"

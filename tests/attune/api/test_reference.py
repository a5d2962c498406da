"""The paths and fields that clients of the two referenced APIs know."""

from __future__ import annotations

import base64
import io
import math
import pickle
from typing import Any

import numpy as np
import pytest
import soundfile

from attune import DEMO
from core.emotions import EMOTIONS
from core.version import app_version
from models.audio import decode
from models.mood.mood_scale import MOODS
from realtime.emotion_answer import MUSIC_MOODS
from tests.attune.api.server import RunningServer

OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    """Three seconds of the demo, which sound happy."""
    return decode(DEMO)[32_000:80_000]


def wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="WAV", subtype="FLOAT")
    return file.getvalue()


def npy(values: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values, **options)
    return file.getvalue()


def test_root_answers_health_to_programs_and_links_to_browsers(api: RunningServer) -> None:
    assert api.get("/").json() == {
        "status": "running",
        "service": "Attune",
        "model_loaded": True,
        "device": "cpu",
        "version": app_version(),
    }
    page = api.get("/", headers={"Accept": "text/html,*/*"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert 'href="/demo"' in page.text


def test_lists(api: RunningServer) -> None:
    assert api.get("/emotions/").json() == {"emotions": list(EMOTIONS), "count": 8}
    assert api.get("/music-moods/").json() == MUSIC_MOODS


def test_emotion_of_a_file_has_the_fields_of_the_reference(api: RunningServer, audio: np.ndarray) -> None:
    found = api.post("/predict-emotion/", files={"file": ("voice.wav", wav(audio))}).json()
    assert list(found) == [
        *("emotion", "confidence", "music_mood", "all_probabilities"),
        *("status", "warning"),
    ]
    assert found["emotion"] == max(found["all_probabilities"], key=found["all_probabilities"].get)
    assert found["confidence"] == round(found["all_probabilities"][found["emotion"]], 4)
    assert (found["status"], found["warning"]) == ("success", None)


def test_unsure_and_silent_files_say_so(api: RunningServer, audio: np.ndarray) -> None:
    short = api.post("/predict-emotion/", files={"file": ("v.wav", wav(audio[:8_000]))}).json()
    assert short["status"] == "low_confidence"
    assert short["warning"].startswith("The emotion is unsure: ")
    silent = api.post("/predict-emotion/", files={"file": ("v.wav", wav(np.zeros(48_000)))}).json()
    assert (silent["emotion"], silent["music_mood"], silent["all_probabilities"]) == (None, None, None)
    assert silent["status"] == "low_confidence"


def test_a_buffer_may_come_in_any_form(api: RunningServer, audio: np.ndarray) -> None:
    path = "/predict-realtime/"
    stereo = np.repeat(audio[:, np.newaxis], 2, axis=1)
    answers = [
        api.post(path, files={"audio_buffer": ("b.wav", wav(audio))}),
        api.post(path, data=audio.astype("<f4").tobytes(), headers=OCTETS),
        api.post(path, params={"channels": 2}, data=stereo.astype("<f4").tobytes(), headers=OCTETS),
        api.post(
            path,
            params={"format": "int16"},
            data=np.round(audio * 32_767).astype("<i2").tobytes(),
            headers=OCTETS,
        ),
        api.post(path, json={"samples": audio.tolist()}),
        api.post(path, json={"samples": np.round(audio * 32_768).tolist(), "format": "int16"}),
    ]
    assert [answer.status_code for answer in answers] == [200] * 6
    first = answers[0].json()
    for answer in answers:
        found = answer.json()
        assert (found["emotion"], found["status"]) == (first["emotion"], "success")
        assert found["confidence"] == pytest.approx(first["confidence"], abs=0.02)


@pytest.mark.parametrize(
    ("query", "sent", "status", "words"),
    [
        ({}, {"data": b"", "headers": OCTETS}, 422, "No sample came"),
        ({}, {"data": b"abc", "headers": OCTETS}, 422, "3 bytes came, and a frame has 4"),
        ({"channels": 3}, {"json": {"samples": [0.1], "channels": 3}}, 422, "send whole frames"),
        ({"rate": 4000}, {"data": bytes(64), "headers": OCTETS}, 422, "query.rate"),
        ({}, {"json": {"samples": []}}, 422, "samples"),
        ({}, {"json": {"samples": ["loud"]}}, 422, "samples.0"),
        ({}, {"data": "x", "headers": {"Content-Type": "text/plain"}}, 415, "A body of type text/plain came"),
        ({}, {"files": {"other": ("b.wav", b"x")}}, 422, "No file came in the field 'audio_buffer'"),
    ],
)
def test_other_buffers_are_refused_by_one_sentence(
    api: RunningServer, query: dict[str, Any], sent: dict[str, Any], status: int, words: str
) -> None:
    answer = api.post("/predict-realtime/", params=query, **sent)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert words in answer.json()["detail"]


def test_values_that_are_no_sound_are_survived(api: RunningServer) -> None:
    values = np.full(16_000, np.nan, dtype="<f4")
    values[::2] = 1e30
    answer = api.post("/predict-realtime/", data=values.tobytes(), headers=OCTETS)
    assert answer.status_code == 200
    assert "not numbers" in answer.json()["warning"]


def test_health_of_the_music_api(api: RunningServer) -> None:
    health = api.get("/api/health").json()
    assert (health["status"], health["services"]["python_model"]) == ("healthy", "healthy")
    info = api.get("/api/health/info").json()
    assert {"wav", "mp3", "flac"} <= set(info["supported_formats"])
    assert info["features"]["genre_classification"]
    described = api.get("/openapi.json").json()["paths"]
    assert set(info["endpoints"].values()) <= set(described)


def test_music_in_base64_is_analysed_and_paths_are_not_opened(api: RunningServer, audio: np.ndarray) -> None:
    path = "/api/music/analyze"
    encoded = base64.b64encode(wav(audio)).decode()
    found = api.post(path, json={"audioData": encoded, "fileName": "a.wav", "format": "wav"}).json()
    assert (found["fileName"], found["predictions"]["key"]) == ("a.wav", None)
    assert any("no music" in warning for warning in found["warnings"])
    refused = api.post(path, json={"featuresPath": "/etc/passwd", "audioData": encoded})
    assert (refused.status_code, "featuresPath" in refused.json()["detail"]) == (422, True)
    assert api.post(path, json={"audioData": "no base64!"}).status_code == 422


def test_embedding_tells_genre_and_mood(api: RunningServer) -> None:
    path = "/api/music/analyze/preprocessed"
    song = decode(DEMO)[56 * 16_000 : 66 * 16_000]
    track = api.services.engine.profiler.tagger.embed(wav(song))
    answers = [
        api.post(path, json={"embedding": track.mean.tolist(), "fileName": "song.mp3"}),
        api.post(path, json={"embedding": [track.mean.tolist()] * 3}),
        api.post(path, data=npy(track.mean), headers=OCTETS),
        api.post(path, files={"file": ("song.npy", npy(track.mean.astype(np.float64)))}),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    first = answers[0].json()["predictions"]
    assert set(first["mood"]["allProbabilities"]) == set(MOODS)
    assert (first["bpm"], first["key"]) == (None, None)
    for answer in answers:
        assert answer.json()["predictions"]["genre"]["label"] == first["genre"]["label"]


def lying_header() -> bytes:
    """Eight bytes that claim to be a terabyte."""
    content = npy(np.zeros(2, dtype=np.float32))
    return content.replace(b"(2,), ", b"(999999999999,), ").replace(b" " * 12 + b"\n", b"\n")


def impossible_header(shape: tuple[int, ...]) -> bytes:
    """A header whose product of sides is right, and whose sides cannot be."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue() + bytes(4 * math.prod(shape))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy(np.zeros((128, 300), dtype=np.float32)), "A spectrogram of shape (128, 300) came"),
        (npy(np.zeros(103, dtype=np.float32)), "An array of shape (103,) came"),
        (npy(np.zeros((0, 1024), dtype=np.float32)), "An array of shape (0, 1024) came"),
        (npy(np.zeros(1024, dtype=np.float32)), "not all of them 0"),
        (npy(np.full(1024, np.nan, dtype=np.float32)), "has values from 0 to"),
        (npy(np.full(1024, 1e30, dtype=np.float32)), "has values from 0 to"),
        (npy(np.array([{}], dtype=object), allow_pickle=True), "it holds object, not floats"),
        (pickle.dumps([1, 2]), "its header cannot be read"),
        (b"\x93NUMPY\x01\x00\x10\x00" + b"{'descr': ------", "its header cannot be read"),
        (lying_header(), "its header"),
        (impossible_header((-1, -4)), "its header says"),
        (impossible_header((0, 2**70)), "its header says"),
        (b"", "its header cannot be read"),
    ],
)
def test_other_arrays_are_refused_by_one_sentence(api: RunningServer, content: bytes, words: str) -> None:
    answer = api.post("/api/music/analyze/preprocessed", data=content, headers=OCTETS)
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert words in answer.json()["detail"]


def test_rows_of_unequal_length_are_refused(api: RunningServer) -> None:
    answer = api.post("/api/music/analyze/preprocessed", json={"embedding": [[0.1] * 1024, [0.1]]})
    assert (answer.status_code, "differ in length" in answer.json()["detail"]) == (422, True)

"""Mood beside the voice: which patches are heard, what the rolling themes look back on, the guard at work."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from mood_graphs import expected_probabilities, write_backbone, write_head

from core.errors import ModelError
from core.settings import Settings
from models.emotion.recogniser import load_recogniser
from models.mood.backbone import Backbone, load_backbone
from models.mood.head import Head, load_head
from models.mood.plane import places
from models.mood.tags import TAGS
from realtime.journal import Journal
from realtime.listener import Listener
from realtime.mood import MoodEar
from realtime.snapshot import Decision, DecisionKind, ListenerState, MoodReading, Reading, Snapshot
from realtime.voice_activity import load_voice_activity_session
from sources import ArraySource, voice

HOP = 8_000
WINDOW = 48_000


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Backbone, Head]:
    folder = tmp_path_factory.mktemp("mood")
    return load_backbone(write_backbone(folder / "b.onnx"), threads=1), load_head(
        write_head(folder / "h.onnx")
    )


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    samples = int(seconds * 16_000)
    noise = np.random.default_rng(seed).standard_normal(samples)
    return (noise * np.linspace(0.05, 0.5, samples)).astype(np.float32)


def run(ear: MoodEar, audio: np.ndarray, hop: int = HOP) -> list[MoodReading]:
    ends = range(WINDOW, len(audio) + 1, hop)
    return [ear.hear(audio[end - WINDOW : end], end) for end in ends]


def test_theme_is_of_the_mean_embedding_of_the_last_seconds(models: tuple[Backbone, Head]) -> None:
    backbone, head = models
    audio = sound(16.0)
    last = run(MoodEar(backbone, head, music_from=0.0), audio)[-1]
    ends = np.arange(len(audio), len(audio) - 10 * 16_000, -HOP)
    embedding = backbone.hear(np.stack([audio[end - 15_600 : end] for end in ends])).embedding.mean(axis=0)
    expected = expected_probabilities(embedding[None])[0]
    tag, probability = last.themes[0].tags[0]
    assert tag == TAGS[int(expected.argmax())]
    assert probability == pytest.approx(float(expected.max()), abs=1e-4)
    assert sum(last.themes[0].moods) == pytest.approx(1.0, abs=1e-4)
    assert [theme.seconds for theme in last.themes] == [10.0, 60.0]
    place = (last.themes[0].pleasantness, last.themes[0].energy)
    assert place == pytest.approx(tuple(places(expected[None])[0]), abs=1e-4)


def test_the_first_window_is_heard_whole_and_each_next_one_where_it_is_new(
    models: tuple[Backbone, Head],
) -> None:
    readings = run(MoodEar(*models, music_from=0.0), sound(8.0))
    assert [len(reading.shares) for reading in readings] == [5] * len(readings)


def test_windows_far_apart_are_heard_in_several_patches(models: tuple[Backbone, Head]) -> None:
    often = run(MoodEar(*models, music_from=0.0), sound(15.0))[-1]
    seldom = run(MoodEar(*models, music_from=0.0), sound(15.0), hop=WINDOW)[-1]
    assert len(seldom.shares) == len(often.shares)
    np.testing.assert_allclose(seldom.themes[0].moods, often.themes[0].moods, atol=0.01)


def test_windows_close_together_share_their_patches(models: tuple[Backbone, Head]) -> None:
    audio = sound(8.0)
    backbone, head = models
    heard: list[int] = []

    class Counted:
        info = backbone.info

        def hear(self, patches: np.ndarray) -> Any:
            heard.append(len(patches))
            return backbone.hear(patches)

    run(MoodEar(cast(Backbone, Counted()), head, music_from=0.0), audio, hop=1_600)
    assert sum(heard) <= 5 + (len(audio) - WINDOW) / 7_680
    assert set(heard[1:]) == {1}


def test_patches_without_music_have_no_mood(models: tuple[Backbone, Head]) -> None:
    (last,) = run(MoodEar(*models, music_from=1.0), sound(3.0))
    assert last.shares
    assert all(theme.tags == () and theme.moods == () for theme in last.themes)
    assert all(theme.energy is None and theme.pleasantness is None for theme in last.themes)


def test_silent_patches_say_nothing_of_the_window(models: tuple[Backbone, Head]) -> None:
    audio = sound(3.0)
    audio[: 2 * 16_000] = 0.0
    (last,) = run(MoodEar(*models, music_from=0.0), audio)
    assert len(last.shares) == 3  # those that reach into the last second
    (silent,) = run(MoodEar(*models, music_from=0.0), np.zeros(WINDOW, dtype=np.float32))
    assert silent.shares == ()
    assert all(theme.tags == () for theme in silent.themes)


def test_another_stream_begins_anew(models: tuple[Backbone, Head]) -> None:
    ear = MoodEar(*models, music_from=0.0)
    first = run(ear, sound(6.0))
    ear.reset()
    assert run(ear, sound(6.0)) == first


def replay(
    models: tuple[Backbone, Head],
    settings: Settings,
    journal: Journal | None = None,
    ear: MoodEar | None = None,
) -> tuple[list[tuple[Reading, Decision]], Snapshot]:
    out: list[tuple[Reading, Decision]] = []
    listener = Listener(
        ArraySource(voice(14.0)),
        recogniser=load_recogniser(threads=1),
        voice_activity=load_voice_activity_session(),
        settings=settings,
        journal=journal,
        on_decision=lambda reading, decision: out.append((reading, decision)),
        mood=ear or MoodEar(*models, music_from=settings.music_from),
    )
    listener.start()
    assert listener.wait(60.0)
    listener.stop()
    return out, listener.snapshot()


def test_guard_decides_before_the_model_is_asked(models: tuple[Backbone, Head]) -> None:
    always, snapshot = replay(models, Settings(music_from=0.0, voice_over_music=1.0))
    assert snapshot.mood is not None
    assert all(reading.only_music and reading.probabilities is None for reading, _ in always)
    assert {decision.kind for _, decision in always} == {DecisionKind.NO_SPEECH}
    assert "no voice stands out" in always[-1][1].reason
    never, _ = replay(models, Settings(music_from=1.0, voice_over_music=-1.0))
    assert not any(reading.only_music for reading, _ in never)
    assert any(reading.probabilities is not None for reading, _ in never)


def test_mood_of_playing_music_is_noted_now_and_then(models: tuple[Backbone, Head], tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite3", retention_days=0) as journal:
        replay(models, Settings(music_from=0.0), journal)
        journal.flush(5.0)
        (session,) = journal.sessions()
        noted = [event for event in journal.events(session.id) if event.kind == "mood"]
    assert [event.clock for event in noted] == [160_000]
    assert noted[0].detail.startswith("the last 10 s: ")


def test_failing_models_do_not_end_listening(models: tuple[Backbone, Head]) -> None:
    backbone, head = models

    class Broken:
        info = backbone.info

        def hear(self, patches: np.ndarray) -> Any:
            raise ModelError(f"The backbone answers NaN to {len(patches)} patches.")

    ear = MoodEar(cast(Backbone, Broken()), head, music_from=0.4)
    heard, snapshot = replay(models, Settings(), ear=ear)
    assert any(reading.probabilities is not None for reading, _ in heard)
    assert snapshot.state is not ListenerState.FAILED
    assert snapshot.mood_error.startswith("The backbone answers NaN")
    assert "singing may count as a voice" in snapshot.mood_error

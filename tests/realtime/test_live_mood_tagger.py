"""Mood beside the voice: which patches are scored, what the rolling themes span, music rejection."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from core.errors import ModelError
from core.mood_tags import TAGS
from core.settings import Settings
from models.emotion.recogniser import load_recogniser
from models.mood.backbone import Backbone, load_backbone
from models.mood.head import Head, load_head
from models.mood.plane import plane_positions
from realtime.journal import Journal
from realtime.listener import Listener
from realtime.live_mood_tagger import LiveMoodTagger
from realtime.snapshot import (
    Decision,
    DecisionKind,
    ListenerState,
    MoodReading,
    Reading,
    RollingTheme,
    Snapshot,
)
from realtime.voice_activity import load_voice_activity_session
from tests.models.mood_graphs import expected_probabilities, write_backbone, write_head
from tests.realtime.sources import ArraySource, voice

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


def run(tagger: LiveMoodTagger, audio: np.ndarray, hop: int = HOP) -> list[MoodReading]:
    ends = range(WINDOW, len(audio) + 1, hop)
    return [tagger.tag(audio[end - WINDOW : end], end) for end in ends]


def test_theme_is_of_the_mean_embedding_of_the_last_seconds(models: tuple[Backbone, Head]) -> None:
    backbone, head = models
    audio = sound(16.0)
    last = run(LiveMoodTagger(backbone, head), audio)[-1]
    ends = np.arange(len(audio), len(audio) - 10 * 16_000, -HOP)
    embedding = backbone.predict(np.stack([audio[end - 15_600 : end] for end in ends])).embedding.mean(axis=0)
    expected = expected_probabilities(embedding[None])[0]
    tag, probability = last.themes[0].tags[0]
    assert tag == TAGS[int(expected.argmax())]
    assert probability == pytest.approx(float(expected.max()), abs=1e-4)
    assert sum(last.themes[0].moods) == pytest.approx(1.0, abs=1e-4)
    assert [theme.seconds for theme in last.themes] == [10.0, 60.0]
    place = (last.themes[0].pleasantness, last.themes[0].energy)
    assert place == pytest.approx(tuple(plane_positions(expected[None])[0]), abs=1e-4)


def test_the_first_window_is_heard_whole_and_each_next_one_where_it_is_new(
    models: tuple[Backbone, Head],
) -> None:
    readings = run(LiveMoodTagger(*models), sound(8.0))
    assert [len(reading.class_scores) for reading in readings] == [5] * len(readings)


def test_windows_far_apart_are_heard_in_several_patches(models: tuple[Backbone, Head]) -> None:
    often = run(LiveMoodTagger(*models), sound(15.0))[-1]
    seldom = run(LiveMoodTagger(*models), sound(15.0), hop=WINDOW)[-1]
    assert len(seldom.class_scores) == len(often.class_scores)
    np.testing.assert_allclose(seldom.themes[0].moods, often.themes[0].moods, atol=0.01)


def test_windows_close_together_share_their_patches(models: tuple[Backbone, Head]) -> None:
    audio = sound(8.0)
    backbone, head = models
    heard: list[int] = []

    class Counted:
        info = backbone.info

        def predict(self, patches: np.ndarray) -> Any:
            heard.append(len(patches))
            return backbone.predict(patches)

    run(LiveMoodTagger(cast(Backbone, Counted()), head), audio, hop=1_600)
    assert sum(heard) <= 5 + (len(audio) - WINDOW) / 7_680
    assert set(heard[1:]) == {1}


@pytest.fixture(scope="module")
def loud_is_music(models: tuple[Backbone, Head], tmp_path_factory: pytest.TempPathFactory) -> LiveMoodTagger:
    path = write_backbone(tmp_path_factory.mktemp("loud") / "b.onnx", loud_is_music=True)
    return LiveMoodTagger(load_backbone(path, threads=1), models[1])


def noise(seconds: float, level: float, seed: int = 0) -> np.ndarray:
    samples = np.random.default_rng(seed).standard_normal(int(seconds * 16_000))
    return (level * samples).astype(np.float32)


def test_what_is_no_music_has_no_mood(loud_is_music: LiveMoodTagger) -> None:
    loud_is_music.reset()
    (last,) = run(loud_is_music, noise(3.0, 0.02))
    assert last.class_scores
    for theme in last.themes:
        assert theme == RollingTheme(theme.seconds, (), (), music_share=0.0)


def test_a_theme_is_that_of_the_music_alone_and_ends_with_it(loud_is_music: LiveMoodTagger) -> None:
    music, other = noise(20.0, 0.2), noise(20.0, 0.02, seed=1)
    loud_is_music.reset()
    alone = run(loud_is_music, music)[-1]
    loud_is_music.reset()
    readings = run(loud_is_music, np.concatenate([music, other]))
    by_clock = {reading.clock / 16_000: reading for reading in readings}
    assert by_clock[20].themes == alone.themes
    assert alone.themes[0].music_share == 1.0
    newest, minute = by_clock[25].themes  # half of the last 10 s
    assert newest.music_share == pytest.approx(0.5, abs=0.1)
    np.testing.assert_allclose(newest.moods, alone.themes[0].moods, atol=0.02)
    newest, minute = by_clock[39].themes
    assert (newest.tags, newest.music_share) == ((), 0.0)
    np.testing.assert_allclose(minute.moods, alone.themes[1].moods, atol=0.02)
    assert minute.music_share == pytest.approx(0.5, abs=0.1)


def test_silent_patches_say_nothing_of_the_window(models: tuple[Backbone, Head]) -> None:
    audio = sound(3.0)
    audio[: 2 * 16_000] = 0.0
    (last,) = run(LiveMoodTagger(*models), audio)
    assert len(last.class_scores) == 3  # those that reach into the last second
    (silent,) = run(LiveMoodTagger(*models), np.zeros(WINDOW, dtype=np.float32))
    assert silent.class_scores == ()
    assert all(theme.tags == () and theme.music_share is None for theme in silent.themes)


def test_another_stream_begins_anew(models: tuple[Backbone, Head]) -> None:
    tagger = LiveMoodTagger(*models)
    first = run(tagger, sound(6.0))
    tagger.reset()
    assert run(tagger, sound(6.0)) == first


def replay(
    models: tuple[Backbone, Head],
    settings: Settings,
    journal: Journal | None = None,
    tagger: LiveMoodTagger | None = None,
) -> tuple[list[tuple[Reading, Decision]], Snapshot]:
    out: list[tuple[Reading, Decision]] = []
    listener = Listener(
        ArraySource(voice(14.0)),
        recogniser=load_recogniser(threads=1),
        voice_activity=load_voice_activity_session(),
        settings=settings,
        journal=journal,
        on_window=lambda window: out.append((window.reading, window.decision)),
        mood=tagger or LiveMoodTagger(*models),
    )
    listener.start()
    assert listener.wait(60.0)
    listener.stop()
    return out, listener.snapshot()


def test_music_rejection_decides_before_the_model_is_asked(models: tuple[Backbone, Head]) -> None:
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

        def predict(self, patches: np.ndarray) -> Any:
            raise ModelError(f"The backbone answers NaN to {len(patches)} patches.")

    tagger = LiveMoodTagger(cast(Backbone, Broken()), head)
    heard, snapshot = replay(models, Settings(), tagger=tagger)
    assert any(reading.probabilities is not None for reading, _ in heard)
    assert snapshot.state is not ListenerState.FAILED
    assert snapshot.mood_error.startswith("The backbone answers NaN")
    assert "singing may count as a voice" in snapshot.mood_error

"""A profile holds what each model says of one pass, and claims nothing of what is no music."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import soundfile

from core.csv_text import write_csv_rows
from core.errors import AnalysisCancelledError, AudioDecodeError, WeightsError
from core.settings import Settings
from core.track_labels import EMOTIONS
from models import assets
from models.mood.backbone import Backbone
from models.mood.song_names import SongNames
from models.track import profile as profile_module
from models.track.answers import category_of
from models.track.heads import GENRE_HEAD, TRACK_HEADS, VA_HEAD, EmbeddingHead
from models.track.key import KeyEstimate
from models.track.multi_task import TEMPO_BOUNDS_BPM, TEMPO_LABEL
from models.track.profile import TrackProfile, TrackProfiler, load_profiler, profile
from models.track.profile_export import (
    CSV_COLUMNS,
    TIMELINE_COLUMNS,
    profile_cells,
    profile_dict,
    timeline_rows,
)
from models.track.rhythm import Rhythm
from tests.attune.dashboard.invented_tracks import a_profile, a_result
from tests.models.mood_graphs import tiny_profiler, tiny_tagger, write_backbone, write_head, write_track_heads

RATE_HZ = 16_000
NAMES = SongNames("Blue Sea", "Ann")


@pytest.fixture(scope="module")
def profiler(tmp_path_factory: pytest.TempPathFactory) -> TrackProfiler:
    return tiny_profiler(tmp_path_factory.mktemp("graphs"), loud_is_music=True)


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tempo and key are found, without the library."""
    rhythm = Rhythm(120.0, 0.9, (60.0, 240.0), np.arange(4.0))
    key = Mock(spec=KeyEstimate, tonic="C#", mode="minor", confidence=0.7)
    monkeypatch.setattr(profile_module, "analyse_rhythm", lambda _audio: rhythm)
    monkeypatch.setattr(profile_module, "estimate_key", lambda _audio: key)


def write(path: Path, level: float = 0.2, seconds: float = 12.0) -> Path:
    noise = np.random.default_rng(0).standard_normal(round(seconds * RATE_HZ))
    soundfile.write(path, level * noise, RATE_HZ)
    return path


@pytest.mark.usefixtures("analysed")
def test_a_profile_is_what_the_models_say_of_the_mean(profiler: TrackProfiler, tmp_path: Path) -> None:
    song = write(tmp_path / "song.wav")
    found = profiler.profile(song)
    track = profiler.tagger.embed(song)
    heads = {name: profiler._heads[name].predict(track.mean[np.newaxis])[0] for name in TRACK_HEADS}
    assert (found.name, found.duration_s, found.tempo_bpm, found.key_name) == (
        *("song.wav", 12.0, 120.0, "C# minor"),
    )
    assert found.genres is not None
    np.testing.assert_array_equal(found.genres.probabilities, heads[GENRE_HEAD])
    assert found.emotions is not None
    assert found.emotions.labels == tuple(EMOTIONS)
    assert (found.valence, found.arousal) == tuple(heads[VA_HEAD][:2].tolist())
    assert found.places.shape == (len(found.mood.timeline), 2)
    assert np.isfinite(found.places).all()
    np.testing.assert_array_equal(found.embedding, track.mean)
    assert found.loudness_lufs == pytest.approx(-10.0, abs=4.0)
    assert found.notices == ()
    assert str(found).startswith("song.wav: 120 BPM, C# minor, -8.3 LUFS; ")


def test_sound_passes_the_backbone_once(
    profiler: TrackProfiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = 0
    predict = Backbone.predict

    def counting(self: Backbone, patches: np.ndarray) -> object:
        nonlocal seen
        seen += len(patches)
        return predict(self, patches)

    monkeypatch.setattr(Backbone, "predict", counting)
    monkeypatch.setattr("models.track.rhythm.load_librosa", Mock(side_effect=WeightsError("no")))
    monkeypatch.setattr(profile_module, "analyse_rhythm", lambda _audio: None)
    monkeypatch.setattr(profile_module, "estimate_key", lambda _audio: None)
    found = profiler.profile(write(tmp_path / "song.wav"))
    assert seen == len(found.mood.timeline)


def test_the_mood_is_that_of_the_tagger(profiler: TrackProfiler, tmp_path: Path) -> None:
    song = write(tmp_path / "song.wav")
    mood = profiler.tagger.analyse(song)
    track = profiler.tagger.embed(song, audio_s=3.0)
    np.testing.assert_array_equal(track.mood.timeline, mood.timeline)
    np.testing.assert_array_equal(track.mood.theme, mood.theme)
    assert track.embeddings.shape == (len(mood.timeline), 1024)
    assert len(track.audio) == 3 * RATE_HZ
    # The same means as those of which the head has made the timeline.
    np.testing.assert_allclose(profiler.tagger.head.predict(track.centred()), mood.timeline, atol=2e-3)


@pytest.mark.usefixtures("no_librosa")
def test_without_the_extra_all_but_tempo_beats_and_key_is_known(
    profiler: TrackProfiler, tmp_path: Path
) -> None:
    found = profiler.profile(write(tmp_path / "song.wav"))
    assert (found.rhythm, found.key, found.tempo_bpm, found.key_name) == (None, None, None, "")
    assert found.genres is not None
    assert found.valence is not None
    assert found.loudness_lufs is not None
    assert found.notices == ("The library 'librosa' is missing.",)


@pytest.mark.parametrize(
    ("level", "said"),
    [(0.0, "x.wav is silent: nothing is said"), (0.002, "x.wav holds no music: nothing is")],
)
def test_nothing_musical_is_claimed_of_silence_and_talk(
    profiler: TrackProfiler, tmp_path: Path, level: float, said: str
) -> None:
    found = profiler.profile(write(tmp_path / "x.wav", level))
    assert (found.rhythm, found.key, found.genres, found.instruments, found.emotions) == (None,) * 5
    assert (found.valence, found.arousal, found.mood.mood) == (None, None, None)
    assert np.isnan(found.places).all()
    assert found.notices[-1].startswith(said)
    assert (found.loudness_lufs is None) == (level == 0.0)
    assert found.embedding.any() == (level > 0.0)
    assert json.dumps(profile_dict(found, NAMES, 3, timeline=True))


@pytest.mark.usefixtures("no_librosa")
def test_a_second_is_enough_and_is_said_to_be_little(profiler: TrackProfiler, tmp_path: Path) -> None:
    found = profiler.profile(write(tmp_path / "x.wav", seconds=1.0))
    assert found.genres is not None
    assert "do not rely on it" in found.notices[0]
    assert "x.wav is too short for a tempo and a key: 3 s are needed." in found.notices


@pytest.mark.usefixtures("analysed")
def test_of_a_long_sound_the_beginning_gives_tempo_and_key(
    profiler: TrackProfiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []
    monkeypatch.setattr(profile_module, "AUDIO_S", 6.0)
    monkeypatch.setattr(profile_module, "estimate_key", lambda audio: heard.append(len(audio)))
    found = profiler.profile(write(tmp_path / "x.wav"))
    assert heard == [6 * RATE_HZ]
    assert "tempo, beats and key are those of the first" in found.notices[0]


@pytest.mark.parametrize("content", [b"", b"no sound at all" * 99])
def test_what_is_no_sound_is_one_sentence(profiler: TrackProfiler, content: bytes) -> None:
    with pytest.raises(AudioDecodeError, match=r"^x\.mp3 "):
        profiler.profile(content, name="x.mp3")


def test_it_is_stopped(profiler: TrackProfiler, tmp_path: Path) -> None:
    with pytest.raises(AnalysisCancelledError):
        profiler.profile(write(tmp_path / "x.wav"), cancelled=lambda: True)


@pytest.mark.usefixtures("no_librosa")
def test_a_head_that_is_missing_leaves_its_part_out_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_track_heads(tmp_path)
    paths[GENRE_HEAD].write_bytes(b"broken")
    paths[VA_HEAD].unlink()
    monkeypatch.setattr(assets, "locate", paths.__getitem__)
    found = load_profiler(tiny_tagger(tmp_path)).profile(write(tmp_path / "x.wav"))
    assert found.genres is None
    assert (found.valence, found.arousal) == (None, None)
    assert np.isnan(found.places).all()
    assert found.instruments is not None
    assert found.emotions is not None
    assert sum("genre-head.onnx" in notice for notice in found.notices) == 1
    assert sum("va-head.onnx" in notice for notice in found.notices) == 1


def test_a_head_of_other_values_is_refused(tmp_path: Path) -> None:
    genre = EmbeddingHead.load(write_track_heads(tmp_path)[GENRE_HEAD])
    with pytest.raises(WeightsError, match="one of valence and arousal is needed"):
        TrackProfiler(tiny_tagger(tmp_path), {VA_HEAD: genre})


@pytest.mark.usefixtures("no_librosa")
def test_a_head_of_probabilities_has_its_middle_at_one_half(tmp_path: Path) -> None:
    sides = write_head(
        tmp_path / "sides.onnx",
        metadata={
            "tags": None,
            "kind": "multi-label",
            "labels": '["arousal", "valence"]',
            "thresholds": "[0.5, 0.5]",
        },
        tags=2,
    )
    head = EmbeddingHead.load(sides)
    profiler = TrackProfiler(tiny_tagger(tmp_path), {VA_HEAD: head})
    song = write(tmp_path / "x.wav")
    found = profiler.profile(song)
    arousal, valence = head.predict(profiler.tagger.embed(song).mean[np.newaxis])[0].tolist()
    assert found.valence == pytest.approx(2.0 * valence - 1.0, abs=1e-6)
    assert found.arousal == pytest.approx(2.0 * arousal - 1.0, abs=1e-6)


@pytest.mark.usefixtures("no_librosa")
def test_one_call_profiles_a_file(tmp_path: Path) -> None:
    settings = Settings(
        mood_backbone=write_backbone(tmp_path / "backbone.onnx"),
        mood_head=write_head(tmp_path / "head.onnx"),
        threads=1,
    )
    found = profile(str(write(tmp_path / "song.wav")), settings=settings)
    assert isinstance(found, TrackProfile)
    assert found.mood.has_music


# For other programs


KNOWN = a_profile(a_result("sad", "sad", "happy", rows=9))
UNKNOWN = a_profile(a_result("sad", "happy", rows=10, music=0.04))


def test_json_says_all_of_it() -> None:
    content = profile_dict(KNOWN, NAMES, 2)
    assert content["tempo"] == {
        "bpm": 120.4,
        "category": "fast",
        "confidence": 0.83,
        "half_bpm": 60.2,
        "double_bpm": 240.8,
        "beats": 10,
    }
    assert content["key"] == {"tonic": "A", "mode": "minor", "confidence": 0.64}
    assert content["genres"] == [
        {"label": "rock", "probability": 0.62},
        {"label": "pop", "probability": 0.41},
    ]
    assert list(content["emotions"]) == list(EMOTIONS)
    assert (content["valence"], content["arousal"], content["loudness_lufs"]) == (0.4, -0.2, -12.3)
    assert (content["title"], content["artist"], content["music"]) == ("Blue Sea", "Ann", True)
    assert len(content["theme"]) == 2
    assert "timeline" not in content
    timeline = profile_dict(KNOWN, NAMES, 2, timeline=True)
    assert len(timeline["timeline"]) == 9
    assert timeline["timeline"][0]["valence"] == 0.4
    assert timeline["beats_s"][:2] == [0.0, 0.5]


def test_json_of_what_is_not_known_is_null() -> None:
    content = profile_dict(UNKNOWN, SongNames(), 2, timeline=True)
    assert (content["tempo"], content["key"], content["valence"], content["emotions"]) == (
        None,
        None,
        None,
        {},
    )
    assert content["timeline"][0]["arousal"] is None
    assert (content["genres"], content["beats_s"], content["theme"]) == ([], [], [])
    no_pulse = replace(KNOWN, rhythm=Rhythm(None, 0.0, None, np.zeros(0)))
    assert profile_dict(no_pulse, NAMES, 1)["tempo"] is None


def test_a_table_has_one_row_a_file() -> None:
    text = io.StringIO()
    cells = [profile_cells(one, NAMES, 3) for one in (KNOWN, UNKNOWN)]
    write_csv_rows(text, [CSV_COLUMNS, *([row.get(name) for name in CSV_COLUMNS] for row in cells)])
    known, unknown = csv.DictReader(io.StringIO(text.getvalue()))
    assert (known["tempo_bpm"], known["key"], known["genres"]) == ("120.4", "A minor", "rock; pop")
    assert (known["instruments"], known["mood"], known["calmness"]) == ("piano; electricguitar", "sad", "0.3")
    assert (unknown["tempo_bpm"], unknown["key"], unknown["calmness"], unknown["mood"]) == ("", "", "", "")
    assert set().union(*cells) <= set(CSV_COLUMNS)


def test_a_table_of_moments_has_one_row_each() -> None:
    rows = list(timeline_rows(KNOWN))
    assert {len(row) for row in rows} == {len(TIMELINE_COLUMNS)}
    assert rows[0] == ("song.mp3", 0.0, 0.96, 0.4, -0.2, "sad", 0.9)
    assert [row[5] for row in rows] == ["sad"] * 6 + ["happy"] * 3
    assert next(timeline_rows(UNKNOWN))[3:6] == (None, None, "")


@pytest.mark.parametrize(
    ("bpm", "category"), [(60.0, "slow"), (89.9, "slow"), (90.0, "moderate"), (120.0, "fast")]
)
def test_a_tempo_has_a_category(bpm: float, category: str) -> None:
    assert category_of(TEMPO_LABEL, bpm, TEMPO_BOUNDS_BPM) == category


def test_the_first_label_counts_and_the_others_where_they_reach_their_thresholds() -> None:
    genres = KNOWN.genres
    assert genres is not None
    assert genres.top(2) == [("rock", pytest.approx(0.62)), ("pop", pytest.approx(0.41))]
    assert genres.present(3) == ["rock", "pop"]
    low = replace(genres, probabilities=0.1 * genres.probabilities)
    assert low.present(3) == ["rock"]

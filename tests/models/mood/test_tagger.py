"""The way from sound to mood, on graphs whose answers are known."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

import models.mood as mood_package
from attune import DEMO
from core.errors import AnalysisCancelledError, ModelError, WeightsError
from core.mood_tags import TAGS
from models.audio import decode
from models.mood import predict_timeline_and_theme
from models.mood import tagger as tagger_module
from models.mood.centred_sums import CentredSums
from models.mood.mood_scale import MOODS
from models.mood.music_share import MUSIC_FROM, music_shares
from models.mood.result import CSV_COLUMNS, MoodResult, csv_rows, present_tags, to_dict, top_tags
from models.mood.tagger import MoodTagger, load_tagger
from tests.models.mood.test_patches import tensorflow_patches
from tests.models.mood_graphs import expected_probabilities, tiny_tagger, write_backbone, write_head
from tests.models.tones import encoded
from tests.paths import ROOT

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> MoodTagger:
    return tiny_tagger(tmp_path_factory.mktemp("graphs"), threads=2)


def swelling(seconds: float, *, rate_hz: int = RATE_HZ, seed: int = 0) -> np.ndarray:
    """Noise whose level swings, so that every patch answers otherwise."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    noise = np.random.default_rng(seed).standard_normal(len(time_s))
    return (0.06 * noise * (1.6 + np.sin(2 * np.pi * time_s / 7.0))).astype(np.float32)


def embeddings(tagger: MoodTagger, audio: np.ndarray) -> np.ndarray:
    patches = tensorflow_patches(audio, tagger.hop_s)
    return tagger.backbone.predict(patches - patches.mean(axis=1, keepdims=True)).embedding


@pytest.mark.parametrize(("hop_s", "neighbours"), [(0.96, 2), (0.48, 4)])
def test_rows_are_centred_means_and_the_theme_is_that_of_the_whole(
    tmp_path: Path, hop_s: float, neighbours: int
) -> None:
    tagger, audio = tiny_tagger(tmp_path, hop_s=hop_s), swelling(40.3)
    embedding = embeddings(tagger, audio)
    result = tagger.analyse_audio(audio)
    means = np.stack(
        [
            embedding[max(0, row - neighbours) : row + neighbours + 1].mean(axis=0)
            for row in range(len(embedding))
        ]
    )
    np.testing.assert_allclose(result.timeline, expected_probabilities(means), atol=1e-4)
    np.testing.assert_allclose(result.theme, expected_probabilities(embedding.mean(axis=0)), atol=1e-4)
    assert (
        result.timeline.dtype
        == result.theme.dtype
        == result.moods.dtype
        == result.class_scores.dtype
        == np.float32
    )
    assert result.timeline.std(axis=0).max() > 0.01, "the rows are all alike, so the test shows nothing"
    assert result.starts_s[:3].tolist() == [0.0, hop_s, 2 * hop_s]
    assert result.ends_s[-1] == pytest.approx(40.3)
    assert result.moods.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert result.mood == MOODS[int(result.theme_moods.argmax())]
    assert result.classes.shape == (521,)
    assert result.notices == ()


@pytest.mark.parametrize(("rows", "radius"), [(1, 2), (2, 2), (5, 2), (40, 4), (7, 0)])
def test_centred_sums_do_not_depend_on_how_rows_come(rows: int, radius: int) -> None:
    values = np.random.default_rng(rows).standard_normal((rows, 3)).astype(np.float32)
    expected = [values[max(0, row - radius) : row + radius + 1].sum(axis=0) for row in range(rows)]
    for size in (1, 3, rows):
        sums = CentredSums(radius, 3)
        parts = [sums.push(values[first : first + size]) for first in range(0, rows, size)]
        np.testing.assert_allclose(np.concatenate([*parts, sums.finish()]), expected, atol=1e-5)


@pytest.mark.parametrize(("format_name", "rate_hz"), [("WAV", 44_100), ("MP3", 44_100), ("OGG", 48_000)])
def test_a_file_gives_the_same_rows_in_blocks_of_any_size_and_every_time(
    tagger: MoodTagger, monkeypatch: pytest.MonkeyPatch, format_name: str, rate_hz: int
) -> None:
    sound = np.repeat(swelling(33.0, rate_hz=rate_hz)[:, np.newaxis], 2, axis=1)
    data = encoded(sound, rate_hz, format=format_name)
    expected = tagger.analyse_audio(decode(data))
    for block_frames in (65_536, 65_536, 1_000, 44_101, 10**7):
        monkeypatch.setattr(tagger_module, "_BLOCK_FRAMES", block_frames)
        result = tagger.analyse(data)
        for part in ("timeline", "theme", "moods", "theme_moods", "class_scores", "classes", "music_shares"):
            np.testing.assert_array_equal(getattr(result, part), getattr(expected, part))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_change_a_row(tagger: MoodTagger, tmp_path: Path, threads: int) -> None:
    audio = swelling(100.0)
    other = tiny_tagger(tmp_path, threads=threads)
    np.testing.assert_array_equal(other.analyse_audio(audio).timeline, tagger.analyse_audio(audio).timeline)


@pytest.mark.parametrize("level_dbfs", [-np.inf, -90.0])
def test_silence_has_no_mood_and_says_so(tagger: MoodTagger, level_dbfs: float) -> None:
    audio = (10 ** (level_dbfs / 20) * np.random.default_rng(0).standard_normal(RATE_HZ * 20)).astype(
        np.float32
    )
    result = tagger.analyse_audio(audio, name="hush.wav")
    assert result.silent
    assert result.mood is None
    assert not result.theme.any()
    assert not result.timeline.any()
    assert not result.moods.any()
    assert top_tags(result.theme, 3) == present_tags(result, 3) == []
    assert list(csv_rows(result, 3)) == [("hush.wav", "theme", 0.0, 20.0, "", "", "", 0.0)]
    assert to_dict(result, 3)["theme"] == []
    assert result.notices[0].startswith("hush.wav is silent (below -70 dBFS throughout), so it has no mood")


def test_rows_within_a_long_silence_have_no_tags_and_others_do(tagger: MoodTagger) -> None:
    audio = np.concatenate([swelling(10.0), np.zeros(RATE_HZ * 15, np.float32), swelling(10.0)])
    result = tagger.analyse_audio(audio)
    quiet = ~result.timeline.any(axis=1)
    middle = (result.starts_s >= 13.0) & (result.ends_s <= 22.0)
    assert quiet[middle].all()
    assert not quiet[(result.ends_s <= 10.0) | (result.starts_s >= 25.0)].any()
    assert not result.silent
    assert result.theme.any()


def test_quiet_music_is_not_silent_and_has_the_same_mood(tagger: MoodTagger) -> None:
    sound = noise(20.0, level=0.03)
    quiet = tagger.analyse_audio(0.03 * sound)  # about -60 dBFS
    assert not quiet.silent
    np.testing.assert_allclose(quiet.theme, tagger.analyse_audio(sound).theme, atol=0.01)


# What is no music: in the graph of `loud_tagger` all that is quieter than a mean of 0.05


@pytest.fixture(scope="module")
def loud_tagger(tmp_path_factory: pytest.TempPathFactory) -> MoodTagger:
    return tiny_tagger(tmp_path_factory.mktemp("loud"), loud_is_music=True)


def noise(seconds: float, *, level: float, seed: int = 0) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))).astype(np.float32)


MUSIC, TALK = noise(30.0, level=0.2), noise(30.0, level=0.04, seed=1)


def test_what_is_no_music_has_no_mood_and_says_so(loud_tagger: MoodTagger) -> None:
    result = loud_tagger.analyse_audio(TALK, name="talk.wav")
    assert (result.silent, result.has_music, result.mood, result.music_share) == (False, False, None, 0.0)
    for part in ("theme", "theme_moods", "timeline", "moods", "music_shares"):
        assert not getattr(result, part).any()
    assert result.class_scores.any()
    assert present_tags(result, 3) == []
    assert result.notices == (
        "talk.wav: no music was heard (0\xa0% of it sounds like music, 20\xa0% is needed), "
        "so no mood is given.",
    )
    assert str(result) == "talk.wav: no music"
    answer = to_dict(result, 3)
    assert (answer["music"], answer["music_share"], answer["silent"]) == (False, 0.0, False)
    assert (answer["theme"], answer["moods"], answer["plane"]) == ([], {}, {})
    assert {row["music_share"] for row in answer["timeline"]} == {0.0}
    assert [row[4:] for row in csv_rows(result, 3)] == [("", "", "", 0.0)]


@pytest.mark.parametrize("order", [(MUSIC, TALK), (TALK, MUSIC), (TALK, MUSIC, TALK)])
def test_talk_and_silence_do_not_change_the_mood_of_the_music(
    loud_tagger: MoodTagger, order: tuple[np.ndarray, ...]
) -> None:
    alone = loud_tagger.analyse_audio(MUSIC)
    pause = np.zeros(RATE_HZ * 20, dtype=np.float32)
    mixed = loud_tagger.analyse_audio(np.concatenate([pause, *order, pause]))
    assert alone.music_share == pytest.approx(1.0, abs=0.04)  # the last patch is zeros but for its beginning
    assert mixed.music_share == pytest.approx(1 / len(order), abs=0.04)
    assert mixed.mood == alone.mood
    np.testing.assert_allclose(mixed.theme, alone.theme, atol=0.02)
    np.testing.assert_allclose(mixed.theme_moods, alone.theme_moods, atol=0.02)
    assert np.isnan(mixed.music_shares[:10]).all()
    silent = np.isnan(mixed.music_shares)
    assert (mixed.moods.any(axis=1) == (np.nan_to_num(mixed.music_shares) >= MUSIC_FROM)).all()
    assert to_dict(mixed, 1)["timeline"][0]["music_share"] is None
    assert not mixed.timeline[silent].any()


def test_a_jingle_makes_no_music_of_talk_but_is_seen_in_the_timeline(loud_tagger: MoodTagger) -> None:
    result = loud_tagger.analyse_audio(np.concatenate([MUSIC[: 5 * RATE_HZ], TALK, TALK]))
    assert 0.05 < result.music_share < 0.1
    assert result.mood is None
    assert result.timeline[0].any()
    assert not result.timeline[-1].any()
    rows = [dict(zip(CSV_COLUMNS, row, strict=True)) for row in csv_rows(result, 1)]
    assert rows[0]["tag"] == ""
    assert {row["part"] for row in rows[1:]} == {"timeline"}
    assert all(row["music_share"] >= MUSIC_FROM for row in rows[1:])


@pytest.mark.parametrize("seconds", [1 / RATE_HZ, 0.2, 1.0, 2.0])
@pytest.mark.parametrize(("level", "music"), [(0.2, True), (0.04, False)])
def test_short_sounds_are_told_apart(
    loud_tagger: MoodTagger, seconds: float, level: float, *, music: bool
) -> None:
    result = loud_tagger.analyse_audio(noise(seconds, level=level))
    if seconds >= 1.0:
        assert result.has_music is music
    assert len(result.notices) == 1


def test_progress_is_told_and_ends_at_the_length(tagger: MoodTagger) -> None:
    told: list[tuple[float, float | None]] = []
    tagger.analyse(encoded(swelling(30.0), RATE_HZ), on_progress=lambda *told_: told.append(told_))
    done = [seconds for seconds, _ in told]
    assert done == sorted(done)
    assert done[-1] == 30.0
    assert {total for _, total in told} == {30.0}
    assert len(told) >= 5


def test_the_sound_is_handed_on_as_it_was_decoded(tagger: MoodTagger) -> None:
    sound = np.repeat(swelling(9.0, rate_hz=44_100)[:, np.newaxis], 2, axis=1)
    blocks: list[np.ndarray] = []
    result = tagger.analyse(encoded(sound, 44_100, subtype="FLOAT"), on_sound=blocks.append)
    np.testing.assert_array_equal(np.concatenate(blocks), sound)
    assert result.duration_s == 9.0


def test_cancelling_ends_the_analysis_soon(tagger: MoodTagger) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    with pytest.raises(AnalysisCancelledError, match=r"song\.wav was cancelled: start it again"):
        tagger.analyse(encoded(swelling(60.0), RATE_HZ), name="song.wav", cancelled=cancelled)
    assert asked == 3


def test_hop_and_audio_of_another_kind_are_refused(tagger: MoodTagger) -> None:
    with pytest.raises(ModelError, match=r"Patches 0\.5 s apart are asked for: take 0\.48 or 0\.96 s"):
        MoodTagger(tagger.backbone, tagger.head, hop_s=0.5)
    for shape in ((0,), (16_000, 2)):
        with pytest.raises(ModelError, match="came: give"):
            tagger.analyse_audio(np.zeros(shape, dtype=np.float32))
    with pytest.raises(ModelError, match="NaN"):
        tagger.analyse_audio(np.array([0.0, np.nan], dtype=np.float32))


def test_memory_hardly_grows_with_length(tmp_path: Path) -> None:
    """In processes of their own: what NumPy and ONNX Runtime allocate is seen by the system alone."""
    resource = pytest.importorskip("resource", reason="Windows does not tell")
    del resource
    write_backbone(tmp_path / "backbone.onnx")
    write_head(tmp_path / "head.onnx")
    peaks_mb = []
    for minutes in (2, 40):
        path = tmp_path / f"{minutes}.wav"
        with soundfile.SoundFile(path, "w", samplerate=RATE_HZ, channels=1, subtype="PCM_16") as file:
            for minute in range(minutes):
                file.write(swelling(60.0, seed=minute))
        code = (
            "import sys; from pathlib import Path; from training.speed.machine import peak_memory_mb\n"
            "from models.mood.tagger import load_tagger\n"
            "folder = Path(sys.argv[1])\n"
            "tagger = load_tagger(backbone=folder / 'backbone.onnx', head=folder / 'head.onnx', threads=2)\n"
            "tagger.analyse(Path(sys.argv[2]))\n"
            "print(peak_memory_mb())"
        )
        command = [sys.executable, "-c", code, str(tmp_path), str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
        peaks_mb.append(float(done.stdout))
    assert peaks_mb[1] - peaks_mb[0] < 20.0  # the sound itself is 146 MB longer


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings that name the tiny graphs."""
    monkeypatch.setenv("ATTUNE_MOOD_BACKBONE", str(write_backbone(tmp_path / "backbone.onnx")))
    monkeypatch.setenv("ATTUNE_MOOD_HEAD", str(write_head(tmp_path / "head.onnx")))
    mood_package._loaded.cache_clear()
    yield
    mood_package._loaded.cache_clear()


@pytest.mark.usefixtures("chosen")
def test_the_short_way_gives_timeline_and_theme(tagger: MoodTagger, tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    soundfile.write(path, swelling(12.0), RATE_HZ)
    timeline, theme = predict_timeline_and_theme(str(path), top_k=5)
    result = tagger.analyse(path)
    assert theme == top_tags(result.theme, 5)
    assert [start_s for start_s, _ in timeline] == result.starts_s.tolist()
    assert timeline[3][1] == top_tags(result.timeline[3], 5)
    assert all(isinstance(value, float) for _, tags in timeline for _, value in tags)
    assert [probability for _, probability in theme] == sorted((p for _, p in theme), reverse=True)
    assert len(predict_timeline_and_theme(path)[1]) == 3


@pytest.mark.usefixtures("chosen")
def test_the_short_way_refuses_what_it_cannot_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "song.wav"
    soundfile.write(path, swelling(1.0), RATE_HZ)
    with pytest.raises(ModelError, match="The 0 likeliest tags are asked for"):
        predict_timeline_and_theme(path, top_k=0)
    with pytest.raises(ModelError, match="'abacus' is unknown: use one of cpu, cuda"):
        predict_timeline_and_theme(path, device="abacus")
    monkeypatch.setenv("ATTUNE_MOOD_HEAD", str(tmp_path / "gone.onnx"))
    with pytest.raises(WeightsError, match=r"gone\.onnx is missing"):
        predict_timeline_and_theme(path)


def test_importing_the_package_brings_nothing_heavy() -> None:
    heavy = "{'numpy', 'onnxruntime', 'soundfile', 'pydantic'}"
    code = f"import sys, models.mood; print(*{heavy} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == []


def result_of(theme: dict[str, float], threshold: float = 0.5) -> MoodResult:
    row = np.array([theme.get(tag, 0.01) for tag in TAGS], dtype=np.float32)
    return MoodResult(
        name="a.mp3",
        duration_s=1.5,
        hop_s=0.96,
        timeline=np.stack([row, np.zeros_like(row)]),
        theme=row,
        moods=np.full((2, 8), 0.125, dtype=np.float32),
        theme_moods=np.full(8, 0.125, dtype=np.float32),
        class_scores=np.array([[1, 0, 0, 0], [0, 0, 0, 1]], dtype=np.float32),
        classes=np.zeros(521, dtype=np.float32),
        thresholds=np.full(59, threshold, dtype=np.float32),
        music_share=0.9,
        music_shares=np.array([0.9, np.nan], dtype=np.float32),
        silent=False,
    )


def test_tags_are_ranked_and_those_that_are_sure_enough_are_present() -> None:
    result = result_of({"film": 0.8, "dark": 0.6, "calm": 0.4})
    assert [tag for tag, _ in top_tags(result.theme, 3)] == ["film", "dark", "calm"]
    assert present_tags(result, 3) == ["film", "dark"]
    assert present_tags(result, 1) == ["film"]
    assert present_tags(result_of({"film": 0.8}, threshold=0.9), 3) == ["film"]
    assert [tag for tag, _ in top_tags(np.full(59, 0.5, np.float32), 2)] == list(TAGS[:2])


def test_rows_for_tables_and_json_say_the_same() -> None:
    result = result_of({"film": 0.8, "dark": 0.6})
    rows = [dict(zip(CSV_COLUMNS, row, strict=True)) for row in csv_rows(result, 2)]
    answer = to_dict(result, 2)
    assert [(row["part"], row["rank"], row["tag"]) for row in rows] == [
        *(("theme", 1, "film"), ("theme", 2, "dark")),
        *(("timeline", 1, "film"), ("timeline", 2, "dark")),
    ]
    assert (rows[0]["start_s"], rows[0]["end_s"]) == (0.0, 1.5)
    assert (rows[2]["start_s"], rows[2]["end_s"]) == (0.0, 0.96)
    assert answer["theme"] == [{"tag": "film", "probability": 0.8}, {"tag": "dark", "probability": 0.6}]
    assert answer["shares"] == {"music": 0.5, "speech": 0.0, "singing": 0.0, "silence": 0.5}
    assert [row["start_s"] for row in answer["timeline"]] == [0.0, 0.96]
    assert answer["timeline"][1]["tags"] == []
    assert answer["timeline"][1]["end_s"] == 1.5
    assert "timeline" not in to_dict(result, 2, timeline=False)
    assert "theme" not in to_dict(result, 2, theme=False)


def test_the_embedded_models_find_the_music_in_the_demo() -> None:
    """Voices and typing for 52 s, then music."""
    tagger, demo = load_tagger(threads=1), decode(DEMO)
    voices, music = demo[: 52 * RATE_HZ], demo[54 * RATE_HZ :]
    talk, song, all_of_it = (tagger.analyse_audio(sound) for sound in (voices, music, demo))
    quiet = tagger.analyse_audio(0.01 * music)
    assert talk.music_share < 0.05
    assert talk.mood is None
    assert song.music_share > 0.8
    assert all_of_it.mood == song.mood
    likely = [{tag for tag, _ in top_tags(result.theme, 3)} for result in (song, all_of_it, quiet)]
    assert likely[0] == likely[1]
    assert len(likely[0] & likely[2]) >= 2


def test_a_patch_is_as_much_music_as_its_score_of_music_or_singing() -> None:
    scores = np.array(
        [[0.0, 0.9, 0.1, 0.0], [0.25, 0.9, 0.0, 0.0], [0.0, 0.0, 0.25, 0.9], [1.0, 1.0, 0.0, 0.0]], np.float32
    )
    np.testing.assert_allclose(music_shares(scores), [0.0, 0.5, 0.5, 1.0], atol=1e-6)


def test_an_offset_changes_no_mood(tagger: MoodTagger) -> None:
    audio = swelling(20.0)
    plain, moved = tagger.analyse_audio(audio), tagger.analyse_audio(audio + np.float32(0.2))
    np.testing.assert_allclose(moved.timeline[:-3], plain.timeline[:-3], atol=1e-4)
    np.testing.assert_allclose(moved.theme, plain.theme, atol=0.01)  # the last patch is padded with zeros


def test_inverted_stereo_is_not_silent(tagger: MoodTagger, tmp_path: Path) -> None:
    audio = swelling(10.0)
    path = tmp_path / "inverted.wav"
    soundfile.write(path, np.stack([audio, -audio], axis=1), RATE_HZ)
    result = tagger.analyse(path)
    assert not result.silent
    assert any("cancel each other out" in notice for notice in result.notices)

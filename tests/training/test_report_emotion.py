"""The whole evaluation on an invented corpus: what it measures, and the page that it draws."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from core.errors import DataError
from training.data.cache import LABELS, Clip, open_speech, sample_clips, truth_of, unseen_speakers
from training.data.splits import Split
from training.report import files
from training.report.axes import AxisThresholds, axes_figures, sides_of
from training.report.corpus_figures import ALONE, LIVE, STRANGERS, corpus_figures, embedding_map
from training.report.emotion import LeaveOneOutModel, Plan, evaluate_emotion
from training.report.emotion_page import WITHOUT_PLANE, render_emotion, summarise_emotion
from training.report.live import LiveAnswer, LiveWindow, accepted_per_hour, live_figures
from training.report.model_under_test import Predictions

PLAN = Plan(conditions=("telephone",), non_speech_s=36.0)


def always_sad(windows: Sequence[np.ndarray]) -> Predictions:
    """A model that is sure it is sad, and of nothing else; the embedding is what a spectrum says."""
    probabilities = np.full((len(windows), 8), 0.02)
    probabilities[:, LABELS.index("sad")] = 0.86
    spectrum = np.abs(np.fft.rfft(np.stack(windows), axis=1))[:, 600:2400:60]
    return Predictions(probabilities, spectrum)


def quiet_and_sad(windows: Sequence[np.ndarray]) -> Predictions:
    """The same, and sure of low energy and of no pleasantness."""
    said = always_sad(windows)
    return Predictions(
        said.probabilities, said.embedding, np.full(len(windows), 0.1), np.full(len(windows), 0.15)
    )


def always_angry(path: Path) -> LiveAnswer:
    """Angry twice, once lively and unpleasant, in between neutral, and at last without speech."""
    assert soundfile.info(path).samplerate == 16_000
    return LiveAnswer(
        whole=None,
        last="angry",
        probabilities=(0.125,) * 8,
        emotion_onsets=2,
        energy=0.95,
        pleasantness=0.3,
        windows=(
            LiveWindow("neutral", None),
            LiveWindow("angry", "angry", True, False),
            LiveWindow("angry", "angry", True, False),
            LiveWindow("calm", "neutral", None, False),
            LiveWindow("calm", "angry", None, None),
            LiveWindow(None, None),
        ),
    )


def always_neutral(windows: Sequence[np.ndarray]) -> Predictions:
    """A model of another size that is sure it is neutral, and hardly of a low energy; nothing is pleasant."""
    probabilities = np.tile(np.eye(8)[0] * 0.86 + 0.02 * (1 - np.eye(8)[0]), (len(windows), 1))
    return Predictions(probabilities, np.ones((len(windows), 3)), energy=np.full(len(windows), 0.3))


def never_speech(_path: Path) -> LiveAnswer:
    return LiveAnswer(whole=None, last=None, probabilities=None, emotion_onsets=0)


@pytest.fixture(scope="module")
def report(cache_path: Path) -> dict[str, Any]:
    cache = open_speech(cache_path)
    told: list[tuple[str, int, int]] = []
    result = evaluate_emotion(
        quiet_and_sad,
        cache,
        leave_one_out={
            "crema_d": LeaveOneOutModel(always_neutral, never_speech),
            "ravdess_song": LeaveOneOutModel(always_neutral),
        },
        non_speech={"hum": [cache.audio(cache.clips[0])]},
        ordinary=[np.zeros(18 * 16_000, dtype=np.float32)] * 2,
        prompts={"en_XX_f_Ann": [np.zeros(36 * 16_000, dtype=np.float32)]},
        live=always_angry,
        plan=PLAN,
        on_progress=lambda *what: told.append(what),
    )
    assert ("clips", 13, 13) in told
    assert ("telephone: ravdess_speech", 8, 8) in told
    assert ("strangers: crema_d", 9, 9) in told
    assert ("live: ordinary talk", 1, 2) in told
    result["provenance"] = {
        "command": "attune evaluate emotion --data <here>",
        "made_at": "2026-01-01 00:00 UTC",
        "model": {
            "name": "invented",
            "version": "1",
            "licence": "CC0",
            "file": "invented.onnx",
            "bytes": 1,
            "sha256": "0" * 64,
            "temperature": 1.0,
            "trained_on": ["nothing"],
        },
        "libraries": {"python": "3"},
        "data": {"clips": 13, "speakers": 3, "fingerprint": cache.fingerprint},
        "settings": {"threshold": 0.7},
        "other_models": {
            "crema_d": {"name": "twin", "version": "2", "file": "twin.onnx", "sha256": "1" * 64}
        },
    }
    return result


@pytest.fixture(scope="module")
def audio_of(cache_path: Path) -> Callable[[str], np.ndarray]:
    cache = open_speech(cache_path)
    by_path = {clip.path: clip for clip in cache.clips}
    return lambda path: cache.audio(by_path[path])


@pytest.fixture(scope="module")
def page(report: dict[str, Any], audio_of: Callable[[str], np.ndarray]) -> str:
    return render_emotion(report, audio_of)


def test_test_speakers_and_unseen_languages_are_measured_apart(report: dict[str, Any]) -> None:
    splits = {corpus: record["split"] for corpus, record in report["corpora"].items()}
    assert splits == {"ravdess_speech": "test", "crema_d": "test", "emotiontts_ko": "unseen_language"}
    assert report["corpora"]["ravdess_speech"]["speakers"] == ["Actor_01"]


def test_figures_are_those_of_a_model_that_always_says_sad(report: dict[str, Any]) -> None:
    record = report["corpora"]["ravdess_speech"]
    assert record["eight_way"]["recall"]["sad"] == 1.0
    assert record["eight_way"]["wa"] == pytest.approx(1 / 8)
    assert record["eight_way"]["coverage"] == 1.0
    assert record["eight_way"]["interval"]["ua"] is None  # one speaker
    assert [row[LABELS.index("sad")] for row in record["confusion"]] == [1] * 8
    assert report["corpora"]["crema_d"]["roc"]["disgust"] is None  # not among its classes
    assert report["conditions"]["telephone"]["ravdess_speech"]["wa"] == pytest.approx(1 / 8)
    assert report["no_emotion"]["accepted_share"] == 1.0
    assert report["no_emotion"]["accepted_as"]["sad"] == 1


def test_masked_to_absent_answers_a_model_is_no_longer_sure(report: dict[str, Any]) -> None:
    masked = report["corpora"]["crema_d"]["masked"]  # without sad, three equal answers are left
    assert masked["coverage"] == 0.0
    assert masked["accepted_accuracy"] is None


def test_live_path_is_measured_by_clip_and_by_hour(report: dict[str, Any]) -> None:
    live = report["live"]["ravdess_speech"]
    assert live["whole"] == {"n": 0, "coverage": 0.0, "accuracy": None}
    assert live["eight_way"]["ua"] == 0.125
    assert live["eight_way"]["ece"] == 0.0  # sure of nothing by an eighth, and right in an eighth
    assert live["last"] == {"n": 8, "coverage": 1.0, "accuracy": 0.125}
    assert report["non_speech"]["hum"]["per_hour"] == pytest.approx(2 / 0.01)


def test_a_whole_corpus_is_answered_by_the_model_that_never_heard_it(report: dict[str, Any]) -> None:
    record = report["unseen_corpora"]["crema_d"]
    assert record["split"] == "all"
    assert record["speakers"] == ["1001", "1003", "1005"]
    assert report["corpora"]["crema_d"]["speakers"] != record["speakers"]
    assert record["eight_way"]["recall"] == {"neutral": 1.0, "happy": 0.0, "angry": 0.0}
    assert record["eight_way"]["interval"]["accepted_accuracy"] == pytest.approx([1 / 3, 1 / 3], abs=1e-4)
    assert list(report["unseen_live"]) == ["crema_d"]  # the other has no live path


def test_the_table_has_home_and_strangers_clip_by_clip_and_live(report: dict[str, Any]) -> None:
    rows = {(row["corpus"], row["who"], row["way"]): row for row in report["table"]}
    assert len(rows) == 2 * 3 + 2 + 1
    alone, live = (rows["crema_d", STRANGERS, way] for way in (ALONE, LIVE))
    # Masked to three classes: 0.86 of 0.90.
    assert (alone["n"], alone["classes"], alone["masked"]["accepted"]) == (9, 3, 9)
    assert alone["masked"]["accepted_accuracy"] == pytest.approx(1 / 3, abs=1e-4)
    assert alone["masked"]["ece"] == pytest.approx(0.86 / 0.90 - 1 / 3, abs=1e-3)
    assert alone["eight_way"]["ece"] == pytest.approx(0.86 - 1 / 3, abs=1e-3)
    home = rows["crema_d", "test speakers", ALONE]
    # Sad is none of its classes: who may say it is sure of it and wrong, who may not is sure of nothing.
    assert (home["n"], home["eight_way"]["accepted"], home["masked"]["accepted"]) == (3, 3, 0)
    # No speech was heard: nothing is accepted, and nothing is right, not even by chance.
    for answers in ("eight_way", "masked"):
        record = live[answers]
        assert (live["n"], record["accepted"], record["ua"], record["ece"]) == (9, 0, 0.0, 0.0)
        assert record["accepted_accuracy"] is record["interval"]["accepted_accuracy"] is None


def test_the_axes_have_the_sides_of_the_plane() -> None:
    clips = [a_clip("a", label) for label in LABELS]
    labelled, high = sides_of("energy", clips)
    assert {label for label, has in zip(LABELS, labelled, strict=True) if not has} == {"disgust"}
    assert {label for label, is_high in zip(LABELS, high, strict=True) if is_high} == {
        "happy",
        "angry",
        "fearful",
        "surprised",
    }
    labelled, high = sides_of("pleasantness", clips)
    assert {label for label, has in zip(LABELS, labelled, strict=True) if not has} == {"neutral", "surprised"}
    assert {label for label, is_high in zip(LABELS, high, strict=True) if is_high} == {"calm", "happy"}


def test_energy_and_pleasantness_are_those_of_a_model_that_always_says_quiet_and_unpleasant(
    report: dict[str, Any],
) -> None:
    assert report["plane"] is True
    axes = report["corpora"]["ravdess_speech"]["axes"]
    energy, pleasantness = axes["energy"], axes["pleasantness"]
    # Neutral, calm and sad are quiet, four others lively, disgust is neither.
    assert (energy["n"], energy["auc"], energy["coverage"], energy["threshold"]) == (7, 0.5, 1.0, 0.8)
    assert energy["accepted_accuracy"] == pytest.approx(3 / 7, abs=1e-4)
    assert energy["ece"] == pytest.approx(0.9 - 3 / 7, abs=1e-4)
    assert energy["reliability"][0]["n"] == 7
    # Calm and happy are pleasant, four others unpleasant, neutral and surprised neither.
    assert (pleasantness["n"], pleasantness["coverage"]) == (6, 1.0)
    assert pleasantness["accepted_accuracy"] == pytest.approx(4 / 6, abs=1e-4)
    # With one side there is no curve.
    assert report["corpora"]["emotiontts_ko"]["axes"]["pleasantness"]["auc"] is None
    assert report["corpora"]["emotiontts_ko"]["axes"]["pleasantness"]["roc"] is None
    under = report["conditions"]["telephone"]["ravdess_speech"]["axes"]["energy"]
    assert under["accepted_accuracy"] == energy["accepted_accuracy"]


def test_the_plane_table_has_home_and_strangers_clip_by_clip_and_live(report: dict[str, Any]) -> None:
    rows = {(row["axis"], row["corpus"], row["who"], row["way"]): row for row in report["plane_table"]}
    # Three corpora at home in both ways; of strangers the energy of two, of which one was never played.
    assert len(rows) == 2 * (2 * 3) + 2
    live = rows["energy", "crema_d", "test speakers", LIVE]
    assert (live["n"], live["accepted"]) == (3, 3)
    assert live["accepted_accuracy"] == pytest.approx(2 / 3, abs=1e-4)  # happy and angry are lively
    away = rows["energy", "crema_d", STRANGERS, ALONE]
    assert (away["n"], away["accepted"], away["accepted_accuracy"]) == (9, 0, None)
    assert report["unseen_corpora"]["crema_d"]["axes"]["pleasantness"] is None
    assert report["unseen_live"]["crema_d"]["axes"] is None  # nothing was heard as speech


def test_a_recording_without_speech_is_of_even_odds_on_both_axes() -> None:
    answers = [LiveAnswer(None, None, (0.125,) * 8, 0, energy=0.9), LiveAnswer(None, None, None, 0)]
    axes = live_figures(answers, [a_clip("a", "happy"), a_clip("a", "happy")])["axes"]
    assert (axes["energy"]["coverage"], axes["energy"]["accepted_accuracy"]) == (0.5, 1.0)
    assert axes["pleasantness"] is None


def test_the_thresholds_of_the_axes_are_those_that_were_asked_for(cache_path: Path) -> None:
    clips = unseen_speakers(open_speech(cache_path))["crema_d"]
    given = {"energy": np.full(3, 0.3), "pleasantness": np.full(3, 0.3)}
    axes = axes_figures(given, clips, AxisThresholds(energy=0.65, pleasantness=0.75))
    assert axes is not None
    assert axes["energy"] is not None
    assert axes["pleasantness"] is not None
    assert (axes["energy"]["coverage"], axes["pleasantness"]["coverage"]) == (1.0, 0.0)
    assert "interval" not in axes["energy"]


def test_ordinary_talk_is_counted_by_the_hour(report: dict[str, Any]) -> None:
    assert report["ordinary_hours"] == 0.01  # two sessions of 18 s, without the silence around them
    assert report["ordinary_false_per_hour"] == pytest.approx(400.0)  # angry twice in each
    assert report["ordinary_directions_per_hour"] == {"energy": 200.0, "pleasantness": 200.0}
    assert report["ordinary_neutral_share"] == pytest.approx(3 / 5)
    assert report["prompts_false_per_hour"] == {"en_XX_f_Ann": pytest.approx(200.0)}
    rate = report["ordinary"]["false_emotions"]
    assert rate["events"] == 4
    assert rate["low"] < 400.0 < rate["high"]
    assert report["non_speech"]["hum"]["directions"] == {"energy": 1, "pleasantness": 1}


def test_the_page_and_the_summary_speak_of_strangers_and_of_the_plane(
    report: dict[str, Any], page: str
) -> None:
    assert "In domain and on unseen corpora" in page
    assert "<h2>crema_d, never heard</h2>" in page
    assert "twin 2, twin.onnx" in page
    assert "masked to its 3" in page
    for axis in ("energy", "pleasantness"):
        assert f"{axis.capitalize()}, accepted from 80 %" in page
        assert page.count(f'aria-label="ROC and reliability of {axis}"') == 1
        assert f"<th>{axis}</th><th>AUC</th>" in page  # under conditions
    assert "<h2>Ordinary talk</h2>" in page
    assert "prompts, en_XX_f_Ann" in page
    said = " ".join(summarise_emotion(report))
    assert WITHOUT_PLANE not in page + said
    assert (
        "crema_d, answered by a model that never heard it: 100.0 % of 9 clips are accepted, 33.3 % of those "
        "rightly (95 % interval 33.3 % to 33.3 %). Masked, chosen among its 3 classes: 100.0 % of 9" in said
    )
    assert "a model that never heard it, played through the live path: nothing is accepted." in said
    assert "Energy, by a model that never heard the corpus (crema_d, ravdess_song): nothing is acc" in said
    assert "Ordinary talk: 400.0 false emotions an hour through the live path (4 in 1 minutes;" in said


def test_a_model_of_emotions_alone_is_measured_without_the_plane(
    report: dict[str, Any], audio_of: Callable[[str], np.ndarray], cache_path: Path
) -> None:
    plain = evaluate_emotion(
        always_sad,
        open_speech(cache_path),
        ordinary=[np.zeros(16_000, dtype=np.float32)],
        live=never_speech,
        plan=Plan(clips=4, live_clips=1, conditions=("telephone",), non_speech_s=1.0),
    )
    assert plain["plane"] is False
    assert plain["plane_table"] == []
    assert all(record["axes"] is None for record in plain["corpora"].values())
    assert plain["ordinary_directions_per_hour"] is plain["ordinary_neutral_share"] is None
    assert "prompts_false_per_hour" not in plain
    plain["provenance"] = report["provenance"]
    page = render_emotion(plain, audio_of)
    assert page.count(f"<p>{WITHOUT_PLANE}</p>") == 2  # in short, and where the tables would be
    assert "<h2>Ordinary talk</h2>" in page
    assert "energy accepted" not in page
    assert "<th>AUC</th>" not in page
    assert json.dumps(plain, allow_nan=False)


@pytest.mark.parametrize(
    ("corpus", "words"), [("nemo", "no corpus 'nemo'"), ("deeply_nonverbal", "no clip of the eight emotions")]
)
def test_a_model_for_a_corpus_that_is_not_there_is_one_sentence(
    corpus: str, words: str, cache_path: Path
) -> None:
    with pytest.raises(DataError, match=words):
        evaluate_emotion(
            always_sad, open_speech(cache_path), leave_one_out={corpus: LeaveOneOutModel(always_neutral)}
        )


def test_hardest_are_sure_and_wrong(report: dict[str, Any]) -> None:
    for record in report["corpora"].values():
        assert record["hardest"]
        assert all(clip["said"] == "sad" != clip["emotion"] for clip in record["hardest"])
    assert sum(len(record["hardest"]) for record in report["corpora"].values()) <= 12


def test_pictures_have_a_text_and_take_their_ink_from_the_page(page: str) -> None:
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(pictures) > 10
    for picture in pictures:
        assert re.match(r'<svg viewBox="[^"]+" role="img" aria-label="[^"]+">', picture)
        assert "currentColor" in picture
        assert not re.search("#(010203|040506)", picture)


def test_the_files_agree_and_need_nothing_from_elsewhere(
    report: dict[str, Any], page: str, tmp_path: Path
) -> None:
    html, figures = files.write_report(page, report, tmp_path / "out")
    assert json.loads(figures.read_text()) == json.loads(json.dumps(report))
    assert html.read_text(encoding="utf-8") == page
    assert "NaN" not in page
    assert "attune evaluate emotion --data &lt;here&gt;" in page
    assert page.count("<audio") == sum(len(record["hardest"]) for record in report["corpora"].values())
    links = re.findall(r'(?:src|href)="([^"]{0,40})', page)
    assert all(link.startswith(("data:audio/ogg;base64,", "#")) for link in links)
    assert not list((tmp_path / "out").glob(".part-*"))


def test_names_from_the_data_cannot_become_markup(report: dict[str, Any]) -> None:
    record = report["corpora"]["ravdess_speech"]
    hostile = {
        **report,
        "corpora": {"<script>x</script>": {**record, "hardest": []}},
        "unseen_corpora": {"<script>y</script>": {**record, "hardest": []}},
        "table": [{**report["table"][0], "corpus": "<script>z</script>"}],
        "plane_table": [{**report["plane_table"][0], "corpus": "<script>w</script>"}],
        "prompts": {"<script>v</script>": report["ordinary"]},
        "conditions": {},
        "live": None,
    }
    page = render_emotion({**hostile, "map": []}, lambda _path: np.zeros(1, dtype=np.float32))
    assert "<script>" not in page
    assert all(f"&lt;script&gt;{name}" in page for name in "vwxyz")


def test_summary_speaks_of_what_is_accepted_and_of_nothing(report: dict[str, Any]) -> None:
    said = " ".join(summarise_emotion(report))
    assert "ravdess_speech: of 8 clips by 1 speaker it never heard" in said
    assert "crema_d, played through the live path: nothing is accepted." in said


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"The report .*file cannot be written"):
        files.write_report("page", {}, tmp_path / "file")


def test_the_same_seed_gives_the_same_report(cache_path: Path) -> None:
    plan = Plan(clips=6, conditions=("noise, 5 dB", "room, RT60 0.3 s"), seed=2)
    first, second = (evaluate_emotion(always_sad, open_speech(cache_path), plan=plan) for _ in range(2))
    assert first == second
    assert first["live"] is None
    assert first["corpora"]["ravdess_speech"]["n"] == 6


def test_speech_without_test_speakers_is_refused(cache_path: Path, tmp_path: Path) -> None:
    index = json.loads((cache_path / "index.json").read_text())
    index["clips"] = [entry for entry in index["clips"] if entry["split"] == "train"]
    (tmp_path / "index.json").write_text(json.dumps(index))
    (tmp_path / "waveforms.i16").write_bytes((cache_path / "waveforms.i16").read_bytes())
    with pytest.raises(DataError, match="no test speakers"):
        open_speech(tmp_path)


def test_a_manifest_is_prepared_once(
    speech_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.paths.cache_dir", lambda: tmp_path)
    seen: list[int] = []
    first = open_speech(speech_dir, on_progress=lambda done, _total: seen.append(done))
    decoded = len(seen)
    second = open_speech(speech_dir, on_progress=lambda done, _total: seen.append(done))
    assert set(unseen_speakers(first)) == {"ravdess_speech", "crema_d", "emotiontts_ko"}
    assert second.clips == first.clips
    assert len(seen) == decoded > 0
    assert len(list((tmp_path / "evaluation").iterdir())) == 1


def test_a_few_clips_make_no_map(cache_path: Path) -> None:
    clips = sample_clips(unseen_speakers(open_speech(cache_path))["ravdess_speech"], 4)
    assert embedding_map(np.eye(4), clips, np.eye(4, 8)) == []


def test_a_constant_embedding_makes_no_map(cache_path: Path) -> None:
    cache = open_speech(cache_path)
    clips = [clip for of_corpus in unseen_speakers(cache).values() for clip in of_corpus]
    assert len(clips) > 10
    assert embedding_map(np.ones((len(clips), 5)), clips, np.eye(8)[truth_of(clips)]) == []


def test_one_clip_has_figures(cache_path: Path) -> None:
    clips = unseen_speakers(open_speech(cache_path))["crema_d"][:1]
    record = corpus_figures(np.eye(8)[truth_of(clips)], clips)
    assert record["eight_way"]["ua"] == 1.0
    assert set(record["roc"].values()) == {None}
    assert json.dumps(record, allow_nan=False)


def a_clip(speaker: str, emotion: str) -> Clip:
    return Clip(f"{speaker}/{emotion}", "acted", speaker, emotion, "en", "CC0", Split.TEST, 0, 1, 0, 1)


def test_live_figures_count_what_was_not_heard_as_wrong() -> None:
    """Two speakers, neutral or sad: right and sure, wrong and sure, unsure, and not heard as speech."""
    sure, wrong, unsure = (
        (0.9, *[0.1 / 7] * 7),
        (0.1 / 7, 0.9, *[0.1 / 7] * 6),
        (0.2, 0.11, 0.0, 0.69, *[0.0] * 4),
    )
    answers = [LiveAnswer(None, None, given, 0) for given in (sure, wrong, unsure, None)]
    clips = [a_clip("a", "neutral"), a_clip("a", "sad"), a_clip("b", "sad"), a_clip("b", "neutral")]
    record = live_figures(answers, clips)
    assert record["spoken"] == 0.75
    plain, masked = record["eight_way"], record["masked"]
    assert plain["recall"] == {"neutral": 0.5, "sad": 0.5}
    assert (plain["accepted"], plain["coverage"], plain["accepted_accuracy"]) == (2, 0.5, 0.5)
    # Calm is none of the classes: who said it is unsure, and who was nearly sure of sad is sure.
    assert (masked["accepted"], masked["accepted_accuracy"]) == (2, 1.0)
    assert set(masked["interval"]) >= {"ua", "accepted_accuracy", "coverage", "ece"}


def test_live_figures_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        live_figures([], [])


def test_no_false_emotion_still_has_an_upper_bound() -> None:
    rate = accepted_per_hour(never_speech, np.zeros(160_000, dtype=np.float32))
    assert rate["per_hour"] == rate["low"] == 0.0
    assert rate["high"] > 100.0

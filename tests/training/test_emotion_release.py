"""The released file, made end to end on an invented corpus with a tiny recipe."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from models.emotion.recogniser import load_recogniser
from tests.training.invented_corpus import corpus_row, encoded_tone, write_corpus
from tests.training.invented_talk import write_talk
from tests.training.tiny_recipe import keep_tiny_student
from training.data.cache import LABELS, prepare
from training.data.ordinary import ORDINARY, open_talk
from training.data.splits import Split, release_splits
from training.emotion import choice, release, release_figures, tables
from training.emotion.encoders import load_hybrid
from training.emotion.experiment import RELEASE_HEAD, Experiment
from training.emotion.leave_one_corpus_out import LEFT_OUT_CORPORA, fit_model, is_training_clip
from training.int8 import Agreement
from training.records import write_json

AT = {"energy": 0.8, "pleasantness": 0.85}
PEOPLE = {
    "ravdess_speech": (("Actor_01", "Actor_02", "Actor_23"), ("neutral", "calm", "happy", "angry")),
    "crema_d": (("1001", "1002", "1003", "1005"), ("neutral", "happy", "angry")),
    "emodb": (("03", "08"), ("sad", "angry")),
    "nemo": (("EB0", "X"), ("happy", "sad")),
}


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    place = tmp_path_factory.mktemp("ship")
    rows, sounds = [], {}
    for corpus, (speakers, emotions) in PEOPLE.items():
        for speaker in speakers:
            for emotion in emotions:
                path = f"{corpus}/{speaker}/{speaker}-{emotion}"
                rows.append(corpus_row(path, emotion))
                sounds[path] = encoded_tone(200 + 20 * len(rows))
    data = write_corpus(place / "data", rows, sounds)
    folds = data / "emobox_folds.csv"
    cache = prepare(data, place / "cache", assign=release_splits(folds), split_files=(folds,))
    # One who is heard, one of the calibration, one of the test.
    talk = {f"{speaker}-1-0000": 4.0 for speaker in (1034, 1036, 1037)}
    keep_tiny_student(place / "encoder")
    return Experiment(
        cache=cache,
        talk=open_talk(write_talk(data / "librispeech_ordinary.tar", talk)),
        noise=(),
        folder=place / "run",
        encoder=place / "encoder",
        views=1,
        threads=1,
        members=2,
        head=replace(RELEASE_HEAD, epochs=1, batch=4, bf16=False),
    )


@pytest.mark.timeout(400)  # five exports: a minute on an idle machine
def test_file_and_figures_are_made_and_served(experiment: Experiment, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(choice, "LEAST_IN_DOMAIN_COVERAGE", 0.0)  # a network of tones is sure of nothing
    made = tables.made_from(experiment, "attune evaluate protocols --run run")
    row = {"pooled": {"ua": 0.6312, "made": made}}
    stale = {"pooled": {"ua": 0.9, "made": {**made, "encoder": "0"}}}
    write_json(experiment.folder / tables.TABLES_NAME, {"ravdess_6fold": row, "emodb_5fold": stale})
    path = tmp_path / "tiny.onnx"
    record = release.release_emotion_model(
        experiment, path, axis_thresholds=AT, command="attune train shipped --run run"
    )
    served = load_recogniser(path, threads=1)
    assert (served.info.name, served.info.temperature) == ("tiny", 1.0)
    answers = served.answers(np.random.default_rng(0).standard_normal((2, 48_000)).astype(np.float32) * 0.1)
    assert answers.embedding.shape == (2, 256)  # of two heads
    assert answers.energy.shape == answers.pleasantness.shape == (2,)
    assert json.loads(path.with_suffix(".json").read_text())["ravdess_6fold_ua"] == 63.1
    assert load_hybrid(tmp_path / "tiny-encoder").hidden_size == 16
    assert record["held_out_speakers"] == ["crema_d/1005", "ravdess_speech/Actor_01"]
    assert record["axis_thresholds"] == AT
    assert len(record["trade"]) == len(choice._SIGNALS) * len(choice._WEIGHTS)
    assert all("librispeech_ordinary" in row["home"] for row in record["trade"])
    assert set(record["strangers"]) == set(PEOPLE)
    assert served.info.metrics["crema_d"]["split"] == "test"
    assert set(served.info.metrics["loco"]) == set(PEOPLE)
    assert {"right", "share", "energy_right", "pleasantness_share"} <= set(
        served.info.metrics["loco"]["crema_d"]
    )
    beside = experiment.folder / "shipped"
    assert {row.name for row in beside.glob("*.onnx")} == {
        *(f"without-{corpus}.onnx" for corpus in PEOPLE),
        "tiny-float32.onnx",
        "tiny-int8.onnx",
    }
    assert (beside / "trade.png").read_bytes().startswith(b"\x89PNG")
    assert "librispeech_ordinary" in served.info.corpora
    other = load_recogniser(beside / "without-crema_d.onnx", threads=1)
    assert "crema_d" not in other.info.corpora
    assert other.answers(np.zeros((1, 48_000), np.float32)).energy.shape == (1,)
    check_figures(record)
    check_origin(record, experiment)
    check_storage(record["int8"], path, beside)


AXIS_KEYS = {"n", "auc", "ece", "right", "share"}


def check_figures(record: dict) -> None:
    for kind in ("", "_eight_way"):
        for name in ("held_out_ece", "gate_accuracy", "gate_coverage"):
            assert f"{name}{kind}" in record
        assert 0 <= record[f"held_out_ece{kind}"] <= 1
    held_out = record["held_out"]["crema_d"]
    assert held_out["split"] == "test"
    assert held_out["eight_way"]["n"] == held_out["masked"]["n"] == 3
    for axis in ("energy", "pleasantness"):
        assert held_out[axis].keys() == AXIS_KEYS
    assert held_out["energy"]["n"] == 3  # happy, angry, neutral
    assert held_out["pleasantness"]["n"] == 2  # of neutral it is not known
    assert set(record["loco"]) == set(PEOPLE)
    for corpus, row in record["loco"].items():
        eight, masked = (record["strangers"][corpus][kind] for kind in ("eight_way", "masked"))
        assert (row["n"], row["ua"], row["share"]) == (eight["n"], eight["ua"], eight["coverage"])
        assert (row["right"], row["masked_ua"]) == (eight["accepted_accuracy"], masked["ua"])
        for axis in ("energy", "pleasantness"):
            assert {f"{axis}_{key}" for key in AXIS_KEYS} <= row.keys()
    assert set(record["axis_temperatures"]) == {"energy", "pleasantness"}


def check_origin(record: dict, experiment: Experiment) -> None:
    made, missing = record["made"], record["protocols_missing"]
    assert made["command"] == "attune train shipped --run run"
    assert made["data"]["fingerprint"] == experiment.fingerprint
    assert made["encoder"] == experiment.encoder_sha256
    assert made["head"]["epochs"] == 1
    assert {"torch", "onnxruntime", "python"} <= made["libraries"].keys()
    assert record["protocols"].keys() == {"ravdess_6fold"}
    assert missing["cremad_fold1_ua"] == "was not measured"
    assert missing["emodb_5fold_ua"] == "is by another encoder"
    assert "emodb_5fold_ua" not in record
    assert missing["ravdess_6fold, encoder"] == "was not measured"
    assert "ravdess_6fold_ua" not in missing


def check_storage(said: dict, path: Path, beside: Path) -> None:
    exact, quick = beside / "tiny-float32.onnx", beside / "tiny-int8.onnx"
    assert said["windows"] == 25  # all clips but those of the test speakers: fewer than 500
    assert said["size_bytes"] == quick.stat().st_size
    assert said["float_size_bytes"] == exact.stat().st_size
    assert said["agrees"] == (said["argmax_equal"] >= 0.97 and said["gate_equal"] >= 0.99)
    assert said["latency_ratio"] == pytest.approx(said["latency_ms"] / said["float_latency_ms"], rel=0.05)
    chosen = quick if said["ships"] == "int8" else exact
    assert path.read_bytes() == chosen.read_bytes()


@pytest.mark.parametrize(
    ("agreement", "int8_bytes", "int8_ms", "ships", "said"),
    [
        (Agreement(0.98, 0.99, 25), 500, 1.0, "int8", "does: yes, is smaller: yes, is faster: yes."),
        (Agreement(0.96, 0.99, 25), 500, 1.0, "float", "does: no, is smaller: yes, is faster: yes."),
        (Agreement(0.98, 0.98, 25), 500, 1.0, "float", "does: no, is smaller: yes, is faster: yes."),
        (Agreement(0.98, 0.99, 25), 1_000, 1.0, "float", "does: yes, is smaller: no, is faster: yes."),
        (Agreement(0.98, 0.99, 25), 500, 2.0, "float", "does: yes, is smaller: yes, is faster: no."),
        (Agreement(0.9, 0.9, 25), 2_000, 3.0, "float", "does: no, is smaller: no, is faster: no."),
    ],
)
def test_int8_is_released_only_where_it_is_as_good_smaller_and_faster(
    experiment: Experiment,
    tmp_path: Path,
    monkeypatch,
    agreement: Agreement,
    int8_bytes: int,
    int8_ms: float,
    ships: str,
    said: str,
) -> None:
    monkeypatch.setattr(release, "quantise_int8", lambda _, quick: quick.write_bytes(b"8" * int8_bytes))
    monkeypatch.setattr(release, "compare_int8", lambda *_: agreement)
    monkeypatch.setattr(release, "compare_speed", lambda *_, **__: (2.0, int8_ms))
    path, beside = tmp_path / "tone.onnx", tmp_path / "run" / "shipped"
    path.write_bytes(b"f" * 1_000)
    record = release._choose_storage(path, beside, experiment)
    assert record["ships"] == ships
    assert record["note"] == f"The {ships} graph ships. The int8 graph answers as the float graph {said}"
    assert (record["latency_ms"], record["float_latency_ms"]) == (int8_ms, 2.0)
    assert (record["size_bytes"], record["float_size_bytes"]) == (int8_bytes, 1_000)
    assert path.read_bytes() == (b"8" * int8_bytes if ships == "int8" else b"f" * 1_000)
    assert (beside / "tone-float32.onnx").read_bytes() == b"f" * 1_000
    assert (beside / "tone-int8.onnx").read_bytes() == b"8" * int8_bytes


def test_a_model_names_its_training_corpora_and_no_songs_of_people_left_out(
    experiment: Experiment,
) -> None:
    song = next(clip for clip in experiment.cache.clips if clip.speaker == "Actor_02")
    clips = (*experiment.cache.clips, replace(song, corpus="ravdess_song"))
    sung = replace(experiment, cache=replace(experiment.cache, clips=clips))
    heard = {name: release._training_corpora(sung, name) for name in (None, *LEFT_OUT_CORPORA)}
    talk = "librispeech_ordinary"
    assert heard[None] == ["crema_d", "emodb", talk, "nemo", "ravdess_song", "ravdess_speech"]
    assert heard["ravdess_speech"] == ["crema_d", "emodb", talk, "nemo"]
    assert heard["crema_d"] == ["emodb", talk, "nemo", "ravdess_song", "ravdess_speech"]


def test_no_head_is_trained_on_people_of_the_calibration_or_the_test(experiment: Experiment) -> None:
    for without in (None, *LEFT_OUT_CORPORA):
        heard = [clip for clip in experiment.clips if is_training_clip(clip, without)]
        assert heard
        assert not [clip for clip in heard if clip.split not in {Split.TRAIN, Split.VALIDATION}]
        assert not [clip for clip in heard if clip.corpus == without]
        assert {clip.emotion for clip in heard} <= {*LABELS, ORDINARY}
        assert {clip.speaker for clip in heard if clip.emotion == ORDINARY} == {"1034"}


def test_in_domain_answers_lack_the_test_speakers_and_the_left_out_corpus_is_whole(
    experiment: Experiment,
) -> None:
    model = fit_model(experiment, "emodb")
    assert set(model.in_domain) == {"crema_d", "librispeech_ordinary", "nemo", "ravdess_speech"} & {
        clip.corpus for clip in experiment.clips if clip.split is Split.CALIBRATION
    }
    talk = model.in_domain["librispeech_ordinary"]
    assert set(talk.speakers) == {"1036"}
    assert set(talk.truth) == {LABELS.index("neutral")}
    assert (talk.axis_truth == 0.5).all()
    unseen = model.unseen
    assert set(unseen.speakers) == {"03", "08"}
    assert unseen.axes.shape == (len(unseen.truth), 2)
    assert len(unseen.without_test_speakers().truth) == int((~unseen.is_test).sum())
    assert model.hybrid.n_states == 3


def test_every_protocol_has_its_entry_in_the_record() -> None:
    assert release_figures._ENTRIES.keys() == tables.PROTOCOLS.keys()


def test_missing_corpus_is_named_before_anything_is_trained(experiment: Experiment, tmp_path: Path) -> None:
    clips = tuple(clip for clip in experiment.cache.clips if clip.corpus != "nemo")
    fewer = replace(experiment, cache=replace(experiment.cache, clips=clips), folder=tmp_path / "run")
    with pytest.raises(DataError, match="'nemo'"):
        release.release_emotion_model(fewer, tmp_path / "x.onnx", axis_thresholds=AT)
    assert not (tmp_path / "run").exists()


def test_corpus_of_test_speakers_alone_is_named(experiment: Experiment, tmp_path: Path) -> None:
    clips = tuple(
        replace(clip, split=Split.TEST) if clip.corpus == "nemo" else clip for clip in experiment.cache.clips
    )
    tested = replace(experiment, cache=replace(experiment.cache, clips=clips), folder=tmp_path / "run")
    with pytest.raises(DataError, match="'nemo' is not among the clips, or only with test speakers"):
        release.release_emotion_model(tested, tmp_path / "x.onnx", axis_thresholds=AT)


@pytest.mark.parametrize("split", [Split.CALIBRATION, Split.TEST])
def test_speech_without_calibration_or_test_speakers_is_named(
    experiment: Experiment, tmp_path: Path, split: Split
) -> None:
    clips = tuple(clip for clip in experiment.cache.clips if clip.split is not split)
    fewer = replace(experiment, cache=replace(experiment.cache, clips=clips), folder=tmp_path / "run")
    with pytest.raises(DataError, match=f"no {split.value} speakers among the clips"):
        release.release_emotion_model(fewer, tmp_path / "x.onnx", axis_thresholds=AT)

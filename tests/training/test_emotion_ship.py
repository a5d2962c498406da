"""The shipped file, made end to end on an invented corpus with a tiny recipe."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from invented_corpus import corpus_row, encoded_tone, write_corpus
from test_onnx_file import METADATA, tiny_cnn
from tiny_recipe import TINY

from core.errors import DataError
from models.emotion.recogniser import load_recogniser
from models.training.data.cache import prepare
from models.training.data.speakers import shipped_splits
from models.training.data.splits import Split
from models.training.emotion import choice, tables
from models.training.emotion import ship as shipping
from models.training.emotion.encoders import load_hybrid
from models.training.emotion.protocols import encoder_plans
from models.training.emotion.runner import Workshop
from models.training.onnx_file import Agreement, export_graph
from models.training.records import read_json, write_json

PEOPLE = {
    "ravdess_speech": (("Actor_01", "Actor_02", "Actor_23"), ("neutral", "calm", "happy", "angry")),
    "crema_d": (("1001", "1002", "1003", "1005"), ("neutral", "happy", "angry")),
    "emodb": (("03", "08"), ("sad", "angry")),
    "nemo": (("EB0", "X"), ("happy", "sad")),
}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
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
    cache = prepare(data, place / "cache", assign=shipped_splits(folds), split_files=(folds,))
    return Workshop(cache, (), place / "run", threads=1, budget=16 / 48_000, recipe=TINY)


@pytest.fixture(scope="module")
def fold_of(workshop: Workshop) -> dict[tuple[str, str], str]:
    named = [(clip, clip.path.rsplit("/", 1)[-1]) for clip in workshop.cache.clips]
    return {
        (clip.corpus, name): "1" if clip.speaker == "Actor_01" else "2"
        for clip, name in named
        if clip.corpus == "ravdess_speech"
    }


@pytest.mark.timeout(400)  # five exports: a minute on an idle machine
def test_file_and_figures_are_made_and_served(
    workshop: Workshop, fold_of, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(choice, "LEAST_HOME_COVERAGE", 0.0)  # a network of tones is sure of nothing
    made = tables.made_from(workshop, (), "attune evaluate protocols --run run")
    row = {"hybrid": {"ua": 0.6312, "made": made}}
    stale = {"hybrid": {"ua": 0.9, "made": {**made, "budget": 1.0}}}
    write_json(workshop.folder / tables.TABLES_NAME, {"ravdess_6fold": row, "emodb_5fold": stale})
    path = tmp_path / "tiny.onnx"
    record = shipping.ship(workshop, fold_of, path, command="attune train shipped --run run")
    served = load_recogniser(path, threads=1)
    assert (served.info.name, served.info.temperature) == ("tiny", 1.0)
    answers = served.answers(np.random.default_rng(0).standard_normal((2, 48_000)).astype(np.float32) * 0.1)
    assert answers.embedding.shape == (2, 128)
    assert json.loads(path.with_suffix(".json").read_text())["ravdess_6fold_ua"] == 63.1
    assert load_hybrid(tmp_path / "tiny-encoder").hidden_size == 16
    assert record["held_out_speakers"] == ["crema_d/1005", "ravdess_speech/Actor_01"]
    assert len(record["trade"]) == 4 * 7
    assert set(record["strangers"]) == set(PEOPLE)
    assert {"held_out_ece", "gate_accuracy", "gate_coverage"} <= record.keys()
    assert served.info.metrics["crema_d"]["split"] == "test"
    beside = workshop.folder / "shipped"
    assert {row.name for row in beside.glob("*.onnx")} == {
        *(f"without-{corpus}.onnx" for corpus in PEOPLE),
        "tiny-int8.onnx",
    }
    assert (beside / "trade.png").read_bytes().startswith(b"\x89PNG")
    check_origin(record, workshop)
    check_int8(record["int8"], path, beside / "tiny-int8.onnx")


def check_origin(record: dict, workshop: Workshop) -> None:
    made, missing = record["made"], record["protocols_missing"]
    assert made["command"] == "attune train shipped --run run"
    assert (made["budget"], made["data"]["fingerprint"]) == (workshop.budget, workshop.cache.fingerprint)
    for plan in ("shipped", "without_ravdess", "without_crema_d", "without_emodb", "without_nemo"):
        kept = read_json(workshop.encoder_folder(plan) / "origin.json", "")
        assert made["encoders"][plan] == kept["origin"]
    assert {"torch", "onnxruntime", "python"} <= made["libraries"].keys()
    assert record["protocols"].keys() == {"ravdess_6fold"}
    assert missing["cremad_fold1_ua"] == "was not measured"
    assert missing["emodb_5fold_ua"].startswith("is of the budget 1, not 0.000333")
    assert "emodb_5fold_ua" not in record
    assert missing["ravdess_6fold, encoder"] == "was not measured"
    assert "ravdess_6fold_ua" not in missing


def check_int8(said: dict, path: Path, path_int8: Path) -> None:
    assert said["windows"] == 25  # all clips but those of the test speakers: fewer than 500
    assert said["size_bytes"] == path_int8.stat().st_size
    assert said["float_size_bytes"] == path.stat().st_size
    assert said["agrees"] == (said["argmax_equal"] >= 0.97 and said["gate_equal"] >= 0.99)
    assert said["latency_ratio"] == pytest.approx(said["latency_ms"] / said["float_latency_ms"], rel=0.05)
    assert (said["ships"], said["note"].startswith("The float graph ships.")) == ("float", True)


def test_int8_graph_that_answers_otherwise_is_recorded(
    workshop: Workshop, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(shipping, "quantise_int8", shutil.copyfile)
    monkeypatch.setattr(shipping, "compare_int8", lambda *_: Agreement(0.96, 0.99, 25))
    path = tmp_path / "tone.onnx"
    export_graph(tiny_cnn(), path, METADATA)
    said = shipping._int8_record(path, tmp_path / "int8.onnx", workshop)
    assert not said["agrees"]
    assert "answers as the float graph does: no, is smaller: no" in said["note"]


def test_twin_names_the_corpora_that_it_heard_and_no_song_of_people_it_never_heard(
    workshop: Workshop, fold_of
) -> None:
    song = next(clip for clip in workshop.cache.clips if clip.speaker == "Actor_02")
    clips = (*workshop.cache.clips, replace(song, corpus="ravdess_song"))
    sung = replace(workshop, cache=replace(workshop.cache, clips=clips))
    heard = {
        name: shipping._heard_corpora(sung, plan) for name, plan in encoder_plans(clips, fold_of).items()
    }
    assert heard["shipped"] == ["crema_d", "emodb", "nemo", "ravdess_song", "ravdess_speech"]
    assert heard["without_ravdess"] == ["crema_d", "emodb", "nemo"]
    assert heard["without_crema_d"] == ["emodb", "nemo", "ravdess_song", "ravdess_speech"]


def test_every_protocol_has_its_entry_in_the_record() -> None:
    assert shipping._ENTRIES.keys() == tables.PROTOCOLS.keys()


def test_missing_corpus_is_named_before_anything_is_trained(
    workshop: Workshop, fold_of, tmp_path: Path
) -> None:
    clips = tuple(clip for clip in workshop.cache.clips if clip.corpus != "nemo")
    fewer = replace(workshop, cache=replace(workshop.cache, clips=clips), folder=tmp_path / "run")
    with pytest.raises(DataError, match="'nemo'"):
        shipping.ship(fewer, fold_of, tmp_path / "x.onnx")
    assert not (tmp_path / "run").exists()


def test_corpus_of_test_speakers_alone_is_named(workshop: Workshop, fold_of, tmp_path: Path) -> None:
    clips = tuple(
        replace(clip, split=Split.TEST) if clip.corpus == "nemo" else clip for clip in workshop.cache.clips
    )
    tested = replace(workshop, cache=replace(workshop.cache, clips=clips), folder=tmp_path / "run")
    with pytest.raises(DataError, match="'nemo' is not among the clips, or only with test speakers"):
        shipping.ship(tested, fold_of, tmp_path / "x.onnx")

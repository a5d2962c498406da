"""The mood head learns what is there, goes on where it was interrupted, and is written as it answers."""

from __future__ import annotations

import json
import logging
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from attune.cli import main
from core.errors import DataError, WeightsError
from core.mood_tags import TAGS
from models.mood.head import load_head
from models.mood.mood_scale import MOODS, MoodScale, read_scale
from models.runtime import load_session
from tests.training.invented_jamendo import write_jamendo, write_quadrants
from tests.training.running import attune, broken_off
from training.mood import head, protocols, release, tables
from training.mood.head import (
    MoodNet,
    MoodSettings,
    compact_copy,
    fit_head,
    predict_logits,
    predict_probabilities,
)
from training.mood.jamendo import EMBEDDING_SIZE, Jamendo, read_jamendo
from training.mood.protocols import official_split, random_folds, random_split, train_head
from training.mood.ranking import tag_areas
from training.mood.ridge import ridge_probabilities
from training.mood.tables import compare_heads, eval_sets, random_protocols
from training.report import files, mood, mood_page

QUICK = MoodSettings(
    epochs=3, batch=32, peak_rate=5e-3, dropout=0.1, mixup_alpha=0.3, second_folds=0, refit=False
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_jamendo(tmp_path_factory.mktemp("data") / "jamendo")


@pytest.fixture(scope="module")
def data(folder: Path) -> Jamendo:
    return read_jamendo(folder)


@pytest.fixture(scope="module")
def net(data: Jamendo) -> MoodNet:
    return train_head(data, official_split(data), replace(QUICK, epochs=20, patience=20)).net


def test_the_network_has_the_shape_of_the_design() -> None:
    shapes = [
        (layer.in_features, layer.out_features)
        for layer in MoodNet().modules()
        if hasattr(layer, "in_features")
    ]
    assert shapes == [(1024, 512), (512, 256), (256, 128), (128, 59)]


def test_tags_of_unheard_artists_are_found(data: Jamendo, net: MoodNet) -> None:
    rows = data.rows("test")
    precision, _ = tag_areas(predict_probabilities(net, data.embeddings[rows]), data.labels[rows])
    chance = data.labels[rows].mean()
    assert np.nanmean(precision) > 5 * chance


def test_answers_are_probabilities_of_raw_embeddings(data: Jamendo, net: MoodNet) -> None:
    odd = np.concatenate([np.zeros((1, 1024)), 1e3 * data.embeddings[:1], -data.embeddings[:1]]).astype(
        np.float32
    )
    answers = predict_probabilities(net, odd)
    assert answers.shape == (3, 59)
    assert ((answers >= 0) & (answers <= 1)).all()


def test_calibration_is_part_of_the_network(data: Jamendo, net: MoodNet) -> None:
    logits = predict_logits(net, data.embeddings[:5])
    slope, offsets = float(net.slope), net.offset.numpy()
    expected = 1 / (1 + np.exp(-(slope * logits + offsets)))
    assert slope != 1.0
    assert predict_probabilities(net, data.embeddings[:5]) == pytest.approx(expected, abs=1e-5)


def test_a_compact_copy_answers_alike(data: Jamendo, net: MoodNet) -> None:
    small = compact_copy(net)
    assert not any(isinstance(layer, torch.nn.BatchNorm1d) for layer in small.modules())
    weights = [value for value in small.parameters() if value.ndim > 1]
    assert all(torch.equal(value, value.half().float()) for value in weights)
    rows = data.embeddings[:40]
    assert predict_probabilities(small, rows) == pytest.approx(predict_probabilities(net, rows), abs=5e-3)


def test_two_fits_are_the_same_and_another_seed_is_another(data: Jamendo) -> None:
    part = official_split(data)
    logits = [
        predict_logits(
            fit_head(
                data.embeddings, data.labels, part.train, part.validation, replace(QUICK, seed=seed)
            ).net,
            data.embeddings[:4],
        )
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(logits[0], logits[1])
    assert not np.allclose(logits[0], logits[2])


def test_an_interrupted_fit_goes_on_to_the_same_weights(
    data: Jamendo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = official_split(data)
    whole = fit_head(data.embeddings, data.labels, part.train, part.validation, QUICK)
    with broken_off(monkeypatch):
        fit_head(data.embeddings, data.labels, part.train, part.validation, QUICK, run_dir=tmp_path)
    again = fit_head(data.embeddings, data.labels, part.train, part.validation, QUICK, run_dir=tmp_path)
    assert again.best_epoch == whole.best_epoch
    assert len(again.history) == QUICK.epochs
    for name, value in whole.net.state_dict().items():
        assert torch.equal(value, again.net.state_dict()[name])
    assert list((tmp_path / "tensorboard").iterdir())


def test_a_finished_fit_is_not_trained_again(data: Jamendo, tmp_path: Path) -> None:
    part, seen = official_split(data), []
    for _ in range(2):
        train_head(data, part, QUICK, tmp_path, on_epoch=seen.append)
    assert seen == [1, 2, 3]


def test_second_opinions_are_of_models_that_did_not_learn_from_the_track(
    data: Jamendo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, plan = official_split(data), replace(QUICK, epochs=1, second_folds=3)
    calls: list[tuple[np.ndarray, dict[str, Any]]] = []
    whole = protocols.fit_head

    def noted(*given: Any, **more: Any) -> Any:
        calls.append((given[2], more))
        return whole(*given, **more)

    monkeypatch.setattr(protocols, "fit_head", noted)
    told: list[int] = []
    train_head(data, part, plan, tmp_path, on_epoch=told.append)
    *folds, (train, final) = calls
    assert [more["soft_labels"] for _, more in folds] == [None] * 6
    assert [more["draw_weights"] is None for _, more in folds] == [True, False] * 3
    left_out = [set(part.train.tolist()) - set(rows.tolist()) for rows, _ in folds[::2]]
    assert sorted(row for rows in left_out for row in rows) == sorted(train.tolist())
    artists = [{data.artists[row] for row in rows} for rows in left_out]
    assert not artists[0] & artists[1] | artists[0] & artists[2] | artists[1] & artists[2]
    second = final["soft_labels"]
    assert second.shape == (len(train), 59)
    assert ((second > 0) & (second < 1)).all()
    assert told == [1, 2, 3, 4, 5, 6, 7]
    kept = {path.name for path in (tmp_path / "official" / "seed0").iterdir()}
    assert {"second1-1", "second1-2", "second3-2", "checkpoint.pt"} <= kept


def test_the_released_head_learns_from_the_validation_side_too_once_it_was_used(data: Jamendo) -> None:
    part = official_split(data)
    told: list[int] = []
    head = train_head(data, part, replace(QUICK, refit=True), on_epoch=told.append)
    assert told == [1, 2, 3, 4, 5, 6]
    alone = train_head(data, part, QUICK)
    assert alone.net is alone.checked
    rows = data.embeddings[:4]
    assert np.array_equal(predict_logits(head.checked, rows), predict_logits(alone.net, rows))
    assert not np.allclose(predict_logits(head.net, rows), predict_logits(alone.net, rows))
    assert torch.equal(head.net.slope, head.checked.slope)
    learned = data.embeddings[np.concatenate([part.train, part.validation])]
    usual = [
        float(one.slope) * predict_logits(one, learned).mean(axis=0) + one.offset.numpy()
        for one in (head.net, head.checked)
    ]
    assert usual[0] == pytest.approx(usual[1], abs=1e-4)


def test_artists_of_many_tracks_can_be_drawn_less_often(data: Jamendo) -> None:
    part = official_split(data)
    plain, evened = (
        fit_head(data.embeddings, data.labels, part.train, None, QUICK, draw_weights=weights).net
        for weights in (None, np.where(data.labels[part.train, 0], 50.0, 1.0))
    )
    rows = data.embeddings[part.test]
    assert predict_logits(evened, rows)[:, 0].mean() > predict_logits(plain, rows)[:, 0].mean()


def test_ridge_regression_finds_tags_of_unheard_artists(data: Jamendo) -> None:
    part = official_split(data)
    shares = ridge_probabilities(
        data.embeddings[part.train], data.labels[part.train], data.embeddings[part.test]
    )
    assert ((shares >= 0) & (shares <= 1)).all()
    precision, _ = tag_areas(shares, data.labels[part.test])
    assert np.nanmean(precision) > 5 * data.labels[part.test].mean()


def test_second_opinions_are_a_share_of_what_is_learned(data: Jamendo) -> None:
    part = official_split(data)
    every = np.full((len(part.train), 59), 0.9)
    plain, swayed = (
        fit_head(data.embeddings, data.labels, part.train, part.validation, QUICK, soft_labels=second).net
        for second in (None, every)
    )
    rows = data.embeddings[part.test]
    assert predict_logits(swayed, rows).mean() > predict_logits(plain, rows).mean() + 1.0


def test_a_fit_stops_when_validation_stalls(data: Jamendo) -> None:
    part = official_split(data)
    still = replace(QUICK, epochs=30, peak_rate=1e-9, patience=2)
    result = fit_head(data.embeddings, data.labels, part.train, part.validation, still)
    assert len(result.history) == result.best_epoch + 2 < 30


def test_a_checkpoint_of_other_data_or_settings_is_refused(data: Jamendo, tmp_path: Path) -> None:
    part = official_split(data)
    fit_head(data.embeddings, data.labels, part.train, part.validation, QUICK, identity="a", run_dir=tmp_path)
    for identity, settings in (("b", QUICK), ("a", replace(QUICK, dropout=0.2))):
        with pytest.raises(WeightsError, match="other settings or data"):
            fit_head(
                data.embeddings,
                data.labels,
                part.train,
                part.validation,
                settings,
                identity=identity,
                run_dir=tmp_path,
            )


def test_what_cannot_be_trained_on_is_said(data: Jamendo) -> None:
    part = official_split(data)
    few = part.train[:10]
    with pytest.raises(DataError, match="10 tracks to train on are fewer than a batch of 32"):
        fit_head(data.embeddings, data.labels, few, part.validation, QUICK)
    with pytest.raises(DataError, match="None of 0 validation tracks has a tag"):
        fit_head(data.embeddings, data.labels, part.train, part.validation[:0], QUICK)
    with pytest.raises(DataError, match="The loss became nan in epoch 1: lower the rate"):
        fit_head(data.embeddings * np.float32(np.nan), data.labels, part.train, part.validation, QUICK)


def test_the_official_split_keeps_artists_apart(data: Jamendo) -> None:
    part = official_split(data)
    artists = [{data.artists[row] for row in rows} for rows in (part.train, part.validation, part.test)]
    assert not artists[0] & artists[1] | artists[0] & artists[2] | artists[1] & artists[2]
    assert part.test.tolist() == data.rows("test").tolist()


def test_random_protocols_test_every_track_once_and_share_artists(data: Jamendo) -> None:
    folds = random_folds(data)
    assert sorted(np.concatenate([fold.test for fold in folds]).tolist()) == list(range(len(data.tracks)))
    for part in (*folds, random_split(data)):
        rows = np.concatenate([part.train, part.validation, part.test])
        assert sorted(rows.tolist()) == list(range(len(data.tracks)))
        assert {data.artists[row] for row in part.train} & {data.artists[row] for row in part.test}


def test_heads_are_compared_with_their_mean_and_their_mean_answer(data: Jamendo, net: MoodNet) -> None:
    good = predict_probabilities(net, data.embeddings)
    noise = np.random.default_rng(0).random(good.shape)
    narrow, wide = eval_sets(data)
    record = compare_heads({"good": good, "noise": noise}, data, narrow, draws=50)
    assert (record["tracks"], record["artists"], record["tags"]) == (len(data.rows("test")), 10, 56)
    heads = record["heads"]
    assert record["mean"]["macro_pr_auc"] == pytest.approx(
        (heads["good"]["macro_pr_auc"] + heads["noise"]["macro_pr_auc"]) / 2, abs=1e-4
    )
    assert (
        heads["noise"]["macro_pr_auc"] < record["together"]["macro_pr_auc"] <= heads["good"]["macro_pr_auc"]
    )
    low, high = heads["good"]["interval"]["micro_pr_auc"]
    assert low < heads["good"]["micro_pr_auc"] < high
    alone = compare_heads({"good": good}, data, wide, draws=20)
    assert "mean" not in alone
    assert (alone["tags"], alone["tracks"]) == (59, len(data.rows("test", wide=True)))


def test_random_protocols_stand_beside_the_reference_project(
    data: Jamendo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_RANDOM_SPLIT_EPOCHS", 2)
    told: list[str] = []
    record = random_protocols(data, QUICK, None, lambda what, _done, _total: told.append(what))
    assert told[0] == "plain fit, random-split"
    assert len(told) == 7
    folds = record["random_folds"]
    assert folds["tracks"] == len(data.tracks)
    means = np.mean([fold["macro_pr_auc"] for fold in folds["folds"]])
    assert folds["macro_pr_auc"] == pytest.approx(means, abs=1e-4)
    assert record["random_split"]["shared_artists"] > 0.9
    assert record["official_56_tags"]["shared_artists"] == 0.0
    assert record["reference"]["random_folds_macro_pr_auc"] == 0.2487


def test_the_file_answers_as_the_network_and_says_what_it_is(
    data: Jamendo, net: MoodNet, tmp_path: Path
) -> None:
    path = tmp_path / "head.onnx"
    record = {"official_test": {"a": 1}, "calibration": {}}
    scale = MoodScale(1.25, (0.5, -0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    release._write_mood(net, path, release._mood_metadata("head", "1.0", np.full(59, 0.25), scale, record))
    session = load_session(path, threads=1)
    for batch in (1, 3, 50):
        (answer,) = session.run({"embedding": data.embeddings[:batch]})
        assert answer.dtype == np.float32
        assert answer == pytest.approx(predict_probabilities(net, data.embeddings[:batch]), abs=1e-5)
    meta = session.metadata
    assert tuple(json.loads(meta["labels"])) == TAGS
    assert json.loads(meta["thresholds"]) == [0.25] * 59
    assert json.loads(meta["metrics"]) == record
    assert read_scale(meta["moods"]) == load_head(path).moods == scale
    assert (meta["name"], meta["version"], meta["licence"]) == ("head", "1.0", "CC-BY-NC-SA-4.0")
    graph = onnx.load(path).graph
    assert (graph.name, graph.input[0].name, graph.output[0].name) == ("mood", "embedding", "probabilities")
    assert graph.input[0].type.tensor_type.shape.dim[1].dim_value == EMBEDDING_SIZE


def test_in_the_folder_of_weights_the_head_is_entered_into_their_list(
    data: Jamendo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.release.WEIGHTS_DIR", tmp_path.resolve())
    (tmp_path / "manifest.toml").write_text('[other]\nfile = "other.onnx"\n')
    release.release_mood_head(
        data, tmp_path / "mood-head.onnx", tmp_path / "run", QUICK, command="attune train mood"
    )
    listed = tomllib.loads((tmp_path / "manifest.toml").read_text())
    assert list(listed) == ["other", "mood-head"]
    assert listed["mood-head"]["size_bytes"] == (tmp_path / "mood-head.onnx").stat().st_size
    kept = json.loads((tmp_path / "mood-head.json").read_text())
    assert kept["official_test"]["official_56_tags"]["tags"] == 56
    assert len(kept["by_tag"]) == 59
    assert kept["settings"]["seed"] == 0
    scale = load_head(tmp_path / "mood-head.onnx").moods
    assert scale is not None
    assert kept["moods"]["scale"]["slope"] == scale.slope
    assert kept["moods"]["scale"]["offsets"] == dict(zip(MOODS, scale.offsets, strict=True))
    assert list(kept["moods"]["official_test"]) == ["scale", "thresholds"]
    assert kept["moods"]["quadrants"] is None


@pytest.fixture
def _quick_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "start_logging", lambda: None)
    monkeypatch.setattr(head, "MoodSettings", lambda **given: replace(QUICK, **given))
    monkeypatch.setattr(tables, "_RANDOM_SPLIT_EPOCHS", 2)


@pytest.mark.usefixtures("_quick_program")
def test_train_and_evaluate_from_the_terminal(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        mood.evaluate_mood, "__kwdefaults__", {**mood.evaluate_mood.__kwdefaults__, "draws": 20}
    )
    run, out = tmp_path / "run", tmp_path / "head.onnx"
    where = ("--data", folder, "--run", run)
    assert attune(monkeypatch, "train", "mood", *where, "--out", out) == 0
    assert "by artists it never heard" in capsys.readouterr().out
    where += ("--quadrants", write_quadrants(tmp_path / "clips"))
    assert attune(monkeypatch, "evaluate", "mood", *where, "--out", tmp_path / "report", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    report = json.loads(Path(printed["json"]).read_text())
    own = json.loads(out.with_suffix(".json").read_text())["official_test"]["official_56_tags"]
    assert report["official_56_tags"]["heads"]["seed0"]["macro_pr_auc"] == own["macro_pr_auc"]
    assert list(report["official_56_tags"]["heads"]) == ["seed0", "seed1", "seed2"]
    page = (tmp_path / "report" / files.HTML_NAME).read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "reference project" in page
    assert "Eight moods" in page
    assert "four quadrants of valence and arousal" in page
    assert report["moods"]["quadrants"]["scale"]["Q4"]["clips"] == 5
    assert sum(sum(row) for row in report["moods"]["official_test"]["scale"]["confusion"]) > 0
    assert list(printed["moods"]["official_test"]["scale"]["by_mood"]) == list(MOODS)
    assert "http" not in page.replace("http://www.w3.org", "")
    assert report["provenance"]["command"].startswith("attune evaluate mood --data jamendo")


@pytest.mark.usefixtures("_quick_program")
def test_a_missing_folder_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--data", tmp_path / "none", "--run", tmp_path / "run", "--out", tmp_path / "head.onnx")
    assert attune(monkeypatch, "train", "mood", *where) != 0
    said = capsys.readouterr().err
    assert "There is no" in said
    assert "Traceback" not in said
    assert not (tmp_path / "head.onnx").exists()


def test_the_page_says_that_a_figure_is_missing_rather_than_inventing_one(
    data: Jamendo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_RANDOM_SPLIT_EPOCHS", 2)
    report = mood.evaluate_mood(data, QUICK, None, draws=10)
    row = next(row for row in report["by_tag"] if row["tag"] == "mellow")
    row.update({"pr_auc": None, "roc_auc": None, "interval": {"pr_auc": None, "roc_auc": None}})
    assert "none" in mood_page.render_mood(report)
    assert any("artists" in sentence for sentence in mood_page.summarise_mood(report))


def test_training_is_told_in_the_log(data: Jamendo, caplog: pytest.LogCaptureFixture) -> None:
    part = official_split(data)
    with caplog.at_level(logging.INFO, logger="training"):
        fit_head(data.embeddings, data.labels, part.train, part.validation, replace(QUICK, epochs=1))
    assert "seed 0 epoch 1" in caplog.text

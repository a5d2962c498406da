"""The kept tables: what they were made from, and no row beside one that is about something else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attune.cli import main
from core import paths
from core.errors import DataError, WeightsError
from tests.training.running import attune
from tests.training.tiny_recipe import keep_tiny_student
from training.data.cache import load_cache
from training.data.manifest import clip_name
from training.emotion import tables
from training.emotion.experiment import RELEASE_HEAD, Experiment, FoldResult
from training.emotion.heads import HeadSettings
from training.emotion.protocols import Fold
from training.records import read_json, write_json

COMMAND = "attune evaluate protocols --data speech --run run"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    keep_tiny_student(folder)
    return folder


@pytest.fixture
def experiment(cache_path: Path, encoder: Path, tmp_path: Path) -> Experiment:
    return Experiment(load_cache(cache_path), None, (), tmp_path / "run", encoder=encoder, threads=1)


def result(protocol: str = "ravdess_6fold", branch: str = "hybrid") -> FoldResult:
    fold = Fold(protocol, "1", ("sad", "angry"), (), ())
    return FoldResult(fold, branch, np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 1]), ("x", "y"))


def kept(experiment: Experiment) -> dict:
    return read_json(experiment.folder / "protocols.json", "")


def test_rows_say_what_they_were_made_from(experiment: Experiment) -> None:
    shown = tables.keep_tables(experiment, [result(), result("emodb_5fold")], command=COMMAND)
    assert kept(experiment) == shown
    made = shown["ravdess_6fold"]["hybrid"]["made"]
    assert made["command"] == COMMAND
    assert made["data"] == {"fingerprint": experiment.fingerprint}
    assert made["encoder"] == experiment.encoder_sha256
    assert (made["views"], made["members"]) == (2, 4)
    assert made["head"]["epochs"] == RELEASE_HEAD.epochs
    assert "threads" not in made["head"]
    assert {"python", "torch", "numpy"} <= made["libraries"].keys()
    assert shown["ravdess_6fold"]["hybrid"]["ua"] == 0.5


def test_rows_of_several_calls_stand_side_by_side(experiment: Experiment) -> None:
    tables.keep_tables(experiment, [result()], command=COMMAND)
    tables.keep_tables(experiment, [result(branch="encoder")], command=f"{COMMAND} --branch encoder")
    rows = kept(experiment)["ravdess_6fold"]
    assert rows["hybrid"]["made"]["command"] == COMMAND
    assert rows["encoder"]["made"]["command"].endswith("--branch encoder")


def other_clips(experiment: Experiment, _folder: Path) -> Experiment:
    return replace(experiment, cache=replace(experiment.cache, fingerprint="other"))


def other_talk(experiment: Experiment, _folder: Path) -> Experiment:
    return replace(experiment, talk=replace(experiment.cache, fingerprint="talk"))


def other_encoder(experiment: Experiment, folder: Path) -> Experiment:
    keep_tiny_student(folder / "other", seed=4)
    return replace(experiment, encoder=folder / "other")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (other_clips, "is about other data"),
        (other_talk, "is about other data"),
        (other_encoder, "is by another encoder"),
        (lambda made, _: replace(made, head=HeadSettings(epochs=3)), "is by another recipe of the head"),
        (lambda made, _: replace(made, views=1), "is by another recipe of the head"),
        (lambda made, _: replace(made, members=1), "is by another recipe of the head"),
    ],
    ids=[
        "other clips",
        "ordinary talk besides",
        "another encoder",
        "another recipe",
        "fewer views",
        "one head alone",
    ],
)
def test_rows_about_something_else_are_not_joined(
    experiment: Experiment,
    changed: Callable[[Experiment, Path], Experiment],
    said: str,
    tmp_path: Path,
) -> None:
    tables.keep_tables(experiment, [result()], command=COMMAND)
    before = kept(experiment)
    other = changed(experiment, tmp_path)
    row = before["ravdess_6fold"]["hybrid"]
    assert (tables.mismatch(row, experiment), tables.mismatch(row, other)) == (None, said)
    refused = rf"In .*protocols\.json the row ravdess_6fold, hybrid {said}: give another --run\."
    with pytest.raises(DataError, match=refused):
        tables.keep_tables(other, [result("emodb_5fold")], command=COMMAND)
    assert kept(experiment) == before
    with pytest.raises(DataError, match=refused):  # before anything is trained
        tables.run_protocols(other, {}, ["emodb_5fold"], ["hybrid"])
    remade = tables.keep_tables(other, [result()], command=COMMAND)
    assert kept(experiment) == remade


def test_threads_make_no_other_recipe(experiment: Experiment) -> None:
    tables.keep_tables(experiment, [result()], command=COMMAND)
    other = replace(experiment, threads=2, head=replace(experiment.head, threads=7))
    tables.keep_tables(other, [result("emodb_5fold")], command=COMMAND)
    assert kept(experiment).keys() == {"ravdess_6fold", "emodb_5fold"}


def test_unknown_protocols_and_folds_without_clips_are_named(experiment: Experiment) -> None:
    with pytest.raises(DataError, match=r"no protocol 'savee': choose from ravdess_6fold, .*emodb_speakers"):
        tables.run_protocols(experiment, {}, ["savee"], ["hybrid"])
    folds = {
        (clip.corpus, clip_name(clip.path)): "1"
        for clip in experiment.clips
        if clip.corpus == "ravdess_speech"
    }
    with pytest.raises(DataError, match="crema_d_fold1 has no clips in fold 1: prepare the whole manifest"):
        tables.run_protocols(experiment, folds, ["crema_d_fold1"], ["hybrid"])


def test_folds_of_few_clips_are_drawn_more_often(experiment: Experiment, monkeypatch) -> None:
    seen = []

    def fitted(_experiment: Experiment, fold: Fold, branch: str, head: HeadSettings) -> FoldResult:
        seen.append((fold, branch, head.draws_per_clip))
        return result(fold.protocol, branch)

    monkeypatch.setattr(tables, "fit_fold", fitted)
    folds = {
        (clip.corpus, clip_name(clip.path)): "1"
        for clip in experiment.clips
        if clip.corpus == "ravdess_speech"
    }
    tables.run_protocols(experiment, folds, ["crema_d_speakers"], ["hybrid", "pooled"])
    assert [branch for _, branch, _ in seen] == ["hybrid", "pooled"]
    for fold, _, draws in seen:
        assert {clip.speaker for clip in fold.test} == {"1005"}
        assert draws * len(fold.train) == pytest.approx(2500)


@pytest.mark.parametrize("made", [None, {"budget": 1.0, "encoders": {"shipped": "a"}}])
def test_rows_of_earlier_versions_say_nothing_and_are_not_joined(
    experiment: Experiment, made: dict | None
) -> None:
    of_now = {"fingerprint": experiment.fingerprint}
    row = {"ua": 0.6} if made is None else {"ua": 0.6, "made": {**made, "data": of_now}}
    write_json(experiment.folder / "protocols.json", {"emodb_5fold": {"hybrid": row}})
    said = "does not say what it was made from" if made is None else "is by another encoder"
    with pytest.raises(DataError, match=said):
        tables._check_tables(experiment, [("ravdess_6fold", "hybrid")])
    assert tables._check_tables(experiment, [("emodb_5fold", "hybrid")]) == {}


def test_damaged_tables_are_named(experiment: Experiment) -> None:
    write_json(experiment.folder / "protocols.json", {})
    (experiment.folder / "protocols.json").write_text("{")
    with pytest.raises(WeightsError, match=r"protocols\.json is damaged"):
        tables._check_tables(experiment, [])


def test_command_keeps_its_own_line(
    speech_dir: Path,
    encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(main, "start_logging", lambda: None)
    monkeypatch.setattr(paths, "cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setattr(paths, "log_file", lambda: tmp_path / "attune.log")

    def answered(_experiment, _folds, protocols, branches, **_) -> list[FoldResult]:
        return [result(protocol, branch) for protocol in protocols for branch in branches]

    monkeypatch.setattr(tables, "run_protocols", answered)  # hours of training
    run = tmp_path / "run"
    args = ("evaluate", "protocols", "--data", speech_dir, "--run", run, "--protocol", "ravdess_6fold")
    assert attune(monkeypatch, *args, "--encoder", encoder, "--branch", "hybrid", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == read_json(run / "protocols.json", "")
    made = printed["ravdess_6fold"]["hybrid"]["made"]
    assert made["command"] == f"attune evaluate protocols --data {speech_dir.name} --run run " + (
        f"--protocol ravdess_6fold --encoder {encoder.name} --branch hybrid --json"
    )
    assert len(made["encoder"]) == 64
    keep_tiny_student(tmp_path / "other", seed=4)
    assert attune(monkeypatch, *args, "--encoder", tmp_path / "other", "--branch", "pooled") == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "the row ravdess_6fold, hybrid is by another encoder: give another --run." in said


def test_a_release_without_a_library_ends_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "training.libraries.find_spec", lambda name: None if name == "matplotlib" else object()
    )
    args = ("train", "shipped", "--data", tmp_path, "--run", tmp_path / "run", "--out", tmp_path / "x.onnx")
    assert attune(monkeypatch, *args) == 1
    said = capsys.readouterr().err
    assert "matplotlib" in said
    assert "pip install -e '.[train]' -c constraints.txt" in said
    assert not (tmp_path / "run").exists()

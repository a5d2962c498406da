"""The kept tables: what they were made from, and no row beside one that is about something else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from running import attune

import cli
from core import paths
from core.errors import DataError, WeightsError
from models.training.data import speech
from models.training.data.cache import load_cache
from models.training.emotion import tables
from models.training.emotion.protocols import Fold
from models.training.emotion.runner import FoldResult, Workshop
from models.training.records import read_json, write_json
from models.training.report import files

COMMAND = "attune evaluate protocols --data speech --run run"


@pytest.fixture
def workshop(cache_path: Path, tmp_path: Path) -> Workshop:
    made = Workshop(load_cache(cache_path), (), tmp_path / "run", threads=1, budget=0.5)
    for plan, origin in (("shipped", "a"), ("ravdess_fold2", "b")):
        write_json(made.encoder_folder(plan) / "origin.json", {"origin": origin})
    return made


def result(protocol: str = "ravdess_6fold", branch: str = "hybrid", encoder: str = "shipped") -> FoldResult:
    fold = Fold(protocol, "1", encoder, ("sad", "angry"), (), ())
    return FoldResult(fold, branch, np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 1]), ("x", "y"))


def kept(workshop: Workshop) -> dict:
    return read_json(workshop.folder / "protocols.json", "")


def test_rows_say_what_they_were_made_from(workshop: Workshop) -> None:
    folds = [result(), result(encoder="ravdess_fold2"), result("emodb_5fold", encoder="without_emodb")]
    shown = tables.keep_tables(workshop, folds, command=COMMAND)
    assert kept(workshop) == shown
    made = shown["ravdess_6fold"]["hybrid"]["made"]
    assert made["command"] == COMMAND
    assert made["data"] == {"fingerprint": workshop.cache.fingerprint}
    assert made["budget"] == 0.5
    assert made["encoders"] == {"ravdess_fold2": "b", "shipped": "a"}
    assert {"python", "torch", "numpy"} <= made["libraries"].keys()
    assert shown["ravdess_6fold"]["hybrid"]["ua"] == 0.5


def test_rows_of_several_calls_stand_side_by_side(workshop: Workshop) -> None:
    tables.keep_tables(workshop, [result()], command=COMMAND)
    tables.keep_tables(workshop, [result(branch="encoder")], command=f"{COMMAND} --branch encoder")
    rows = kept(workshop)["ravdess_6fold"]
    assert rows["hybrid"]["made"]["command"] == COMMAND
    assert rows["encoder"]["made"]["command"].endswith("--branch encoder")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"budget": 1.0}, r"is of the budget 0\.5, not 1"),
        ({"cache": "other"}, "is about other data"),
        ({"encoder": "c"}, "is by another encoder 'shipped'"),
    ],
)
def test_rows_about_something_else_are_not_joined(workshop: Workshop, change: dict, said: str) -> None:
    tables.keep_tables(workshop, [result()], command=COMMAND)
    before = kept(workshop)
    other = workshop
    if "encoder" in change:
        write_json(workshop.encoder_folder("shipped") / "origin.json", {"origin": change["encoder"]})
    elif "cache" in change:
        other = replace(workshop, cache=replace(workshop.cache, fingerprint=change["cache"]))
    else:
        other = replace(workshop, **change)
    refused = rf"In .*protocols\.json the row ravdess_6fold, hybrid {said}.*: give another --run\."
    with pytest.raises(DataError, match=refused):
        tables.keep_tables(other, [result("emodb_5fold", encoder="without_emodb")], command=COMMAND)
    assert kept(workshop) == before
    with pytest.raises(DataError, match=refused):  # before anything is trained
        tables.run_protocols(other, {}, ["emodb_5fold"], ["hybrid"])
    remade = tables.keep_tables(other, [result()], command=COMMAND)
    assert kept(workshop) == remade


def test_rows_of_earlier_versions_say_nothing_and_are_not_joined(workshop: Workshop) -> None:
    write_json(workshop.folder / "protocols.json", {"emodb_5fold": {"hybrid": {"ua": 0.6}}})
    with pytest.raises(DataError, match="does not say what it was made from"):
        tables.check_tables(workshop, [("ravdess_6fold", "hybrid")])
    assert tables.check_tables(workshop, [("emodb_5fold", "hybrid")]) == {}


def test_damaged_tables_are_named(workshop: Workshop) -> None:
    (workshop.folder / "protocols.json").write_text("{")
    with pytest.raises(WeightsError, match=r"protocols\.json is damaged"):
        tables.check_tables(workshop, [])


def test_command_keeps_its_own_line(
    speech_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "start_logging", lambda: None)
    monkeypatch.setattr(speech, "cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setattr(paths, "log_file", lambda: tmp_path / "attune.log")

    def answered(_workshop, _folds, protocols, branches, **_) -> list[FoldResult]:
        return [result(protocol, branch) for protocol in protocols for branch in branches]

    monkeypatch.setattr(tables, "run_protocols", answered)  # hours of training
    run = tmp_path / "run"
    args = ("evaluate", "protocols", "--data", speech_dir, "--run", run, "--protocol", "ravdess_6fold")
    assert attune(monkeypatch, *args, "--branch", "hybrid", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == read_json(run / "protocols.json", "")
    made = printed["ravdess_6fold"]["hybrid"]["made"]
    assert made["command"] == f"attune evaluate protocols --data {speech_dir.name} --run run " + (
        "--protocol ravdess_6fold --branch hybrid --json"
    )
    assert made["budget"] == 1.0
    assert attune(monkeypatch, *args, "--branch", "encoder", "--budget", "0.5") == 1
    assert "is of the budget 1, not 0.5: give another --run." in " ".join(capsys.readouterr().err.split())


def test_shipping_without_a_library_ends_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(files, "find_spec", lambda name: None if name == "matplotlib" else object())
    args = ("train", "shipped", "--data", tmp_path, "--run", tmp_path / "run", "--out", tmp_path / "x.onnx")
    assert attune(monkeypatch, *args) == 1
    said = capsys.readouterr().err
    assert "matplotlib" in said
    assert "pip install -e '.[train]' -c constraints.txt" in said
    assert not (tmp_path / "run").exists()

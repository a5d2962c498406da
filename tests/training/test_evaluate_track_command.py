"""`attune evaluate track|va|gems` and `compare-models`, as they are typed, on models trained as typed."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.training.running import attune
from tests.training.track.prepared_music import prepared

SONGS = 30


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Music with annotations as DEAM has them."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("music") / "deam"
    prepared(folder / "prepared", [f"{number}.mp3" for number in range(SONGS)])
    lines = [f"{number},{rng.uniform(2, 8):.2f},{rng.uniform(2, 8):.2f}" for number in range(SONGS)]
    (folder / "static.csv").write_text("\n".join(["song_id,valence_mean,arousal_mean", *lines, ""]))
    return folder


@pytest.fixture(scope="module")
def runs(annotated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trainings on the same sides."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        for name, *options in (
            ("one", "--epochs", "2"),
            ("two", "--epochs", "1", "--learning-rate", "0.01"),
        ):
            status = attune(
                patch,
                *("train", "va", "--data", annotated, "--output-dir", folder, "--experiment-name", name),
                *("--use-features", "--threads", "1", *options),
            )
            assert status == 0
    return folder


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_test_side_is_what_the_training_kept_out(
    annotated: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = runs / "one" / "one.onnx"
    record = json.loads(model.with_suffix(".json").read_text())
    words = ("evaluate", "va", "--model", model, "--data", annotated, "--test-data", "test.json", "--json")
    assert attune(monkeypatch, *words) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["data"] == {"name": "deam", "side": "test", "entries": 4, "groups": 4}
    assert printed["notes"] == []
    data = json.loads(Path("test.json").read_text())
    assert data["names"] == record["sides"]["test"]
    found = {(row["label"], row["figure"]): row["value"] for row in printed["overall"]}
    for label in ("valence", "arousal"):
        for name in ("mae", "rmse", "r2", "ccc"):
            assert found[label, name] == pytest.approx(record["metrics"]["test"]["va"][label][name], abs=2e-4)
    page = Path(printed["html"]).read_text(encoding="utf-8")
    assert printed["html"] == "report.html"
    assert "Training and validation curves" in page
    figures = json.loads(Path(printed["json"]).read_text())
    assert len(figures["history"]) == 2
    assert figures["provenance"]["model"]["sha256"]
    assert figures["provenance"]["command"].startswith("attune evaluate va --model one.onnx --data deam")


def test_a_training_leaves_its_history_and_its_metrics(runs: Path) -> None:
    history = json.loads((runs / "one" / "training_history.json").read_text())
    metrics = json.loads((runs / "one" / "metrics.json").read_text())
    assert [set(epoch) >= {"loss", "validation_loss"} for epoch in history] == [True, True]
    assert set(metrics) == {"validation", "test"}


def test_figures_as_csv_of_another_side_with_curves_of_another_run(
    annotated: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("evaluate", "track", "--model", runs / "one" / "one.onnx", "--data", annotated)
    more = ("--side", "validation", "--run", runs / "two", "--out", "v.html", "--csv")
    assert attune(monkeypatch, *words, *more) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == ["task", "label", "figure", "value", "low", "high", "n"]
    assert {row["label"] for row in rows} == {"valence", "arousal"}
    figures = json.loads(Path("v_figures.json").read_text())
    assert len(figures["history"]) == 1
    assert "the figures flatter the model" in figures["notes"][0]
    assert "the figures flatter the model" in Path("v.html").read_text(encoding="utf-8")


def test_data_that_were_not_trained_on_are_measured_whole_and_it_says_so(
    annotated: Path,
    runs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(annotated, changed)
    table = changed / "static.csv"
    table.write_text(table.read_text().replace("\n3,", "\n3,9.0,1.0\n99,"))
    words = ("evaluate", "va", "--model", runs / "one" / "one.onnx", "--data", changed)
    assert attune(monkeypatch, *words) == 0
    said = capsys.readouterr()
    assert "Whether it knows some of this music cannot be told." in said.out
    assert "99" in said.err
    assert json.loads(Path("report_figures.json").read_text())["data"]["side"] == "all"


def test_models_are_compared_on_tracks_that_none_of_them_knows(
    annotated: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = runs / "one" / "one.onnx", runs / "two" / "two.onnx"
    words = ("evaluate", "compare-models", one, two, "--data", annotated)
    assert attune(monkeypatch, *words, "--json", "--out", "c.html") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["models"] == ["one/one.onnx", "two/two.onnx"]
    assert found["entries"] == 4
    assert {row["figure"] for row in found["rows"]} == {"r2", "mae", "ccc"}
    assert "Comparison of models" in Path("c.html").read_text(encoding="utf-8")
    assert attune(monkeypatch, *words, "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows[0]["difference"] == ""
    assert rows[1]["model"] == "two/two.onnx"
    assert attune(monkeypatch, *words) == 0
    said = capsys.readouterr().out
    assert "two/two.onnx" in said
    assert "one/one.onnx" in said
    compared = ("evaluate", "va", "--model", one, "--data", annotated, "--compare", two)
    assert attune(monkeypatch, *compared) == 0
    assert 'id="comparison"' in Path("report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("va", "--model", "nowhere.onnx", "--data", "DEAM"), "nowhere.onnx"),
        (("gems", "--model", "ONE", "--data", "DEAM"), "do not both speak of gems"),
        (("va", "--model", "ONE", "--data", "nowhere"), "There is no nowhere"),
        (("va", "--model", "ONE", "--data", "DEAM", "--run", "."), "There is no training_history.json"),
        (("va", "--model", "ONE", "--data", "DEAM", "--test-data", "x.csv"), "end it in .json or .npz"),
        (("compare-models", "ONE", "nowhere.onnx", "--data", "DEAM"), "nowhere.onnx"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    annotated: Path,
    runs: Path,
    words: tuple[str, ...],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {"DEAM": annotated, "ONE": runs / "one" / "one.onnx"}
    assert attune(monkeypatch, "evaluate", *(places.get(word, word) for word in words)) == 1
    (sentence,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error:")]
    assert says in sentence


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("va", "--model", "m.onnx", "--data", "d", "--out", "report.json"), "end it in .html"),
        (("compare-models", "m.onnx", "m.onnx", "--data", "d"), "Name two models or more"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(
    words: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attune(monkeypatch, "evaluate", *words) == 2
    assert says in capsys.readouterr().err

"""`attune data ...`: what it prints, what it writes, and how it exits."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from attune.cli.data import app
from core.errors import DataError
from tests.training.data.small_corpora import write_tone
from training.data.manifest import read_manifest

NAMES = [f"wav/{speaker}a01{letter}a.wav" for speaker in ("03", "08", "09", "10", "11") for letter in "WFN"]


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for index, name in enumerate(NAMES):
        write_tone(tmp_path / "emodb" / name, 300 + 10 * index, seconds=0.3)
    return tmp_path / "emodb"


def attune(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, args)
    if isinstance(result.exception, DataError):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_import_check_stats_and_split_go_together(corpus: Path, tmp_path: Path) -> None:
    write_tone(corpus / "wav" / "rubbish.wav", 900)
    code, out, err = attune("import", "--layout", "emodb", "emodb", "--out", "manifest.csv")
    assert (code, out) == (0, "Wrote manifest.csv: 15 clips; 1 left out.\n")
    assert err.startswith("emodb/wav/rubbish.wav: unknown name")
    code, out, _ = attune("check", "manifest.csv")
    assert (code, out) == (0, "15 of 15 clips are good.\n")
    stats = json.loads(attune("stats", "manifest.csv", "--json")[1])
    assert (stats[0]["clips"], stats[0]["speakers"], stats[0]["emotions"]["angry"]) == (15, 5, 5)
    assert "15 clips, 0.00 h" in attune("stats", "manifest.csv")[1]
    code, out, _ = attune(
        "split", "manifest.csv", "--out", "deep/split.csv", "--test", "0.2", "--validation", "0.2"
    )
    assert out == (
        "Wrote deep/split.csv: test 3 clips of 1 speakers, train 9 clips of 3 speakers, "
        "validation 3 clips of 1 speakers.\n"
    )
    assert attune("check", "deep/split.csv")[0] == 0
    assert read_manifest(tmp_path / "deep" / "split.csv")[0].path == "../emodb/wav/03a01Fa.wav"


def test_check_exits_1_and_names_the_clip(corpus: Path) -> None:
    attune("import", "--layout", "emodb", "emodb", "--out", "manifest.csv")
    (corpus / NAMES[0]).write_bytes(b"")
    code, out, _ = attune("check", "manifest.csv")
    assert (code, f"emodb/{NAMES[0]}: broken" in out) == (1, True)
    code, out, _ = attune("check", "manifest.csv", "--json")
    report = json.loads(out)
    assert (code, report["n_good"], report["problems"][0]["kind"]) == (1, 14, "broken")


@pytest.mark.usefixtures("corpus")
def test_fold_that_shares_speakers_is_said_aloud() -> None:
    attune("import", "--layout", "emodb", "emodb", "--out", "manifest.csv")
    Path("folds.csv").write_text("corpus,clip,test_fold\nemodb,03a01Wa,1\nemodb,08a01Wa,2\n")
    code, out, err = attune("split", "manifest.csv", "--out=fold.csv", "--folds", "folds.csv", "--fold", "1")
    assert (code, "test 1 clips" in out) == (0, True)
    assert err.startswith("Note: 1 speakers of emodb stand in training and in test")


@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize(
    "args",
    [
        ("import", "--layout", "tess", "emodb", "--out", "m.csv", "--label", "a=b"),
        ("import", "--layout", "hub", "emodb", "--out", "m.csv", "--label", "angry"),
        ("import", "--layout", "hub", "emodb", "--out", "m.csv", "--column", "mood=label"),
        ("split", "m.csv", "--out", "s.csv", "--fold", "1"),
        ("split", "m.csv", "--out", "s.csv", "--folds", "f.csv", "--fold", "1", "--test", "0.5"),
        ("import", "--layout", "iemocap", "emodb", "--out", "m.csv"),
    ],
)
def test_options_that_do_not_fit_are_usage_errors(args: tuple[str, ...]) -> None:
    assert attune(*args)[0] == 2
    assert not Path("m.csv").exists()


def test_missing_library_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"'datasets' is needed .*: run `pip install -e '\.\[hub\]'"):
        attune("import", "--layout", "hub", "some/set", "--out", str(tmp_path / "m.csv"))


def test_errors_are_ours(tmp_path: Path) -> None:
    for args in (("check", "none.csv"), ("stats", str(tmp_path)), ("split", "none.csv", "--out", "s.csv")):
        with pytest.raises(DataError, match="cannot be read"):
            attune(*args)

"""`attune evaluate emotion` from end to end on an invented corpus, with the embedded model."""

from __future__ import annotations

import io
import json
import logging
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import NoReturn

import pytest
import soundfile
from emotion_graphs import write_emotion_model
from invented_corpus import encoded_tone
from running import attune

import cli
from core import paths
from core.errors import DataError
from models import assets
from models.emotion.recogniser import EMBEDDED_MODEL
from models.training.data.ordinary import ARCHIVE, ordinary_split
from models.training.data.splits import Split
from models.training.emotion import experiment
from models.training.emotion.noise import heard
from models.training.report import files


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "settings_file", lambda: tmp_path / "settings.toml")
    monkeypatch.setattr(paths, "voice_file", lambda: tmp_path / "voice.json")
    monkeypatch.setattr(paths, "log_file", lambda: tmp_path / "attune.log")
    monkeypatch.setattr(cli, "start_logging", lambda: None)
    monkeypatch.setenv("ATTUNE_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "200")


EVALUATE = ("evaluate", "emotion")


def test_the_command_writes_page_and_figures(
    cache_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    assert attune(monkeypatch, *EVALUATE, "--data", cache_path, "--out", out, "--quick", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    report = json.loads(Path(printed["json"]).read_text())
    assert printed["corpora"]["crema_d"] == report["corpora"]["crema_d"]["eight_way"]
    assert report["live"]["ravdess_speech"]["n"] == 8
    assert list(report["non_speech"]) == ["nonverbal sounds, one after the other"]
    assert report["provenance"]["settings"]["threshold"] == 0.7
    assert report["provenance"]["command"].startswith("attune evaluate emotion --data")
    assert len(report["provenance"]["model"]["sha256"]) == 64
    assert report["provenance"]["data"] == {
        "clips": 13,
        "speakers": 3,
        "fingerprint": report["provenance"]["data"]["fingerprint"],
    }
    assert (out / files.HTML_NAME).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_without_the_live_path_and_with_recorded_noise(
    cache_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = tmp_path / "noise"
    noise.mkdir()
    soundfile.write(noise / "hum.wav", [0.1, -0.1] * 8000, 16_000)
    out = tmp_path / "report"
    assert (
        attune(monkeypatch, *EVALUATE, "--data", cache_path, "--out", out, "--noise", noise, "--no-live") == 0
    )
    assert "ravdess_speech" in capsys.readouterr().out
    report = json.loads((out / files.JSON_NAME).read_text())
    assert report["live"] is report["non_speech"] is None
    assert report["noise"] == "recorded"
    assert len(report["conditions"]) == 7


def test_strangers_are_measured_clip_by_clip_and_live(
    cache_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, twin = tmp_path / "report", f"emotiontts_ko={assets.locate(EMBEDDED_MODEL)}"
    assert (
        attune(monkeypatch, *EVALUATE, "--data", cache_path, "--out", out, "--quick", "--corpus", twin) == 0
    )
    printed = capsys.readouterr().out
    assert "strangers" in printed
    assert "2, masked" in printed
    report = json.loads((out / files.JSON_NAME).read_text())
    rows = [(row["way"], row["n"]) for row in report["table"] if row["who"] == "strangers"]
    assert rows == [("clip by clip", 2), ("live", 2)]
    # The same model, the same clips: as strangers they have the same figures.
    for answers in ("eight_way", "masked"):
        home, away = (report[part]["emotiontts_ko"][answers] for part in ("corpora", "unseen_corpora"))
        assert home == away
    assert report["live"]["emotiontts_ko"] == report["unseen_live"]["emotiontts_ko"]
    other = report["provenance"]["other_models"]["emotiontts_ko"]
    assert other["sha256"] == report["provenance"]["model"]["sha256"]


DEMO = Path(cli.__file__).parent / "realtime" / "capture" / "demo.ogg"


@pytest.fixture
def voice_path(tmp_path: Path) -> Path:
    """Fifteen seconds of a synthetic voice."""
    sound, rate_hz = soundfile.read(DEMO, stop=15 * 24_000)
    soundfile.write(tmp_path / "voice.wav", sound, rate_hz)
    return tmp_path / "voice.wav"


def test_ordinary_talk_and_prompts_are_replayed_and_the_plane_is_measured(
    cache_path: Path,
    voice_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    talk, out = tmp_path / "speech", tmp_path / "report"
    talk.mkdir()
    speaker = next(name for name in map(str, range(1000, 1100)) if ordinary_split(name) is Split.TEST)
    with tarfile.open(talk / ARCHIVE, "w") as tar:
        tar.add(voice_path, f"librispeech_ordinary/{speaker}-1-0000.wav")
    given = ["--data", cache_path, "--out", out, "--quick", "--ordinary", talk]
    if shutil.which("ffmpeg"):
        (tmp_path / "prompts" / "en_XX_f_Ann").mkdir(parents=True)
        coded = tmp_path / "prompts" / "en_XX_f_Ann" / "voice.g722"
        subprocess.run(("ffmpeg", "-v", "error", "-i", voice_path, "-f", "g722", coded), check=True)
        given += ["--prompts", tmp_path / "prompts"]
    given += ["--model", write_emotion_model(tmp_path / "tiny.onnx", scale=4.0), "--json"]
    assert attune(monkeypatch, *EVALUATE, *given) == 0
    printed = json.loads(capsys.readouterr().out)
    report = json.loads((out / files.JSON_NAME).read_text())
    assert printed["ordinary_hours"] == pytest.approx(15 / 3600, abs=1e-4)
    assert report["ordinary"]["windows"] > 10  # a synthetic voice is speech
    assert printed["ordinary_false_per_hour"] == report["ordinary"]["false_emotions"]["per_hour"]
    # Its loudness decides the energy, by a steep slope: it is accepted.
    assert printed["ordinary_directions_per_hour"]["energy"] > 0
    assert 0.0 <= printed["ordinary_neutral_share"] <= 1.0
    if shutil.which("ffmpeg"):
        assert list(printed["prompts_false_per_hour"]) == ["en_XX_f_Ann"]
    assert report["provenance"]["settings"]["energy_threshold"] == 0.8
    assert report["provenance"]["model"]["plane"] is True
    ways = {(row["axis"], row["corpus"], row["way"]) for row in printed["plane_table"]}
    assert ("energy", "crema_d", "clip by clip") in ways
    assert "<h2>Ordinary talk</h2>" in (out / files.HTML_NAME).read_text(encoding="utf-8")


def test_a_model_of_emotions_alone_says_so_in_the_terminal(
    cache_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_emotion_model(tmp_path / "old.onnx", axes=())
    given = ("--data", cache_path, "--out", tmp_path / "report", "--quick", "--no-live", "--model", model)
    assert attune(monkeypatch, *EVALUATE, *given) == 0
    printed = capsys.readouterr().out
    assert printed.count("knows emotions alone, without energy and pleasantness") == 1
    assert "AUC" not in printed


def test_talk_without_the_live_path_is_refused(
    cache_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in ("--ordinary", "--prompts"):
        given = ("--data", cache_path, "--out", tmp_path / "report", "--no-live", option, tmp_path)
        assert attune(monkeypatch, *EVALUATE, *given) == 2
        assert "replayed through the live path" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "named"), [("--ordinary", ARCHIVE), ("--prompts", "No voice prompts lie in")]
)
def test_talk_that_is_not_there_is_one_sentence(
    option: str,
    named: str,
    cache_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ("--data", cache_path, "--out", tmp_path / "report", "--quick", option, tmp_path)
    assert attune(monkeypatch, *EVALUATE, *given) == 1
    said = capsys.readouterr().err
    assert named in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("option", "value", "status", "named"),
    [
        ("--corpus", "crema_d={embedded}", 1, "was trained on 'crema_d'"),
        ("--corpus", "crema_d=missing.onnx", 1, "missing.onnx"),
        ("--corpus", "savee={embedded}", 1, "holds no corpus 'savee'"),
        ("--corpus", "crema_d", 2, "NAME=MODEL.onnx"),
        ("--model", "{missing}", 1, "missing.onnx"),
        ("--data", "{missing}", 1, "No prepared speech"),
        ("--noise", "{missing}", 1, "No recordings lie in"),
    ],
)
def test_what_cannot_serve_is_one_sentence(
    option: str,
    value: str,
    status: int,
    named: str,
    cache_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "report"
    given = value.format(embedded=assets.locate(EMBEDDED_MODEL), missing=tmp_path / "missing.onnx")
    options = ("--data", cache_path, "--out", out, "--no-live", option, given)
    assert attune(monkeypatch, *EVALUATE, *options) == status
    said = capsys.readouterr().err
    assert named in said
    assert "Traceback" not in said
    assert not out.exists()


def test_a_missing_library_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(files, "find_spec", lambda name: None if name == "matplotlib" else object())
    assert attune(monkeypatch, *EVALUATE, "--quick") == 1
    said = capsys.readouterr().err
    assert "matplotlib" in said
    assert "pip install -e '.[train]' -c constraints.txt" in said


def test_music_that_training_heard_is_no_test_of_false_alarms(
    cache_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"emotify/{number:03d}_pop.ogg" for number in range(1, 60)]
    for archive, wanted in (("heard.tar", True), ("unheard.tar", False)):
        with tarfile.open(tmp_path / archive, "w") as tar:
            name = next(name for name in names if heard(name) is wanted)
            sound = encoded_tone(440.0)
            entry = tarfile.TarInfo(name)
            entry.size = len(sound)
            tar.addfile(entry, io.BytesIO(sound))
    given = ("--data", cache_path, "--out", tmp_path / "report", "--quick", "--unheard", "--non-speech")
    assert attune(monkeypatch, *EVALUATE, *given, tmp_path / "heard.tar") == 1
    assert "heard.tar are heard in training: name others" in capsys.readouterr().err
    assert attune(monkeypatch, *EVALUATE, *given, tmp_path / "unheard.tar") == 0
    assert "unheard.tar: 0.0 false emotions an hour (0.0 to " in capsys.readouterr().out


def test_what_a_training_logs_is_shown_once_and_only_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = logging.getLogger("models.training.emotion.shipped")

    def open_experiment(*_args: object, **_options: object) -> NoReturn:
        log.debug("too much")
        log.info("head %s is ready [%d clips]", "shipped", 3)
        raise DataError("The corpora are not there: bring them.")

    monkeypatch.setattr(experiment, "open_experiment", open_experiment)
    before = list(logging.getLogger("models.training").handlers)
    given = ("--data", tmp_path, "--run", tmp_path / "run", "--out", tmp_path / "x.onnx")
    assert attune(monkeypatch, "train", "shipped", *given) == 1
    printed = capsys.readouterr()
    assert printed.err.count("head shipped is ready [3 clips]") == 1
    assert "too much" not in printed.err
    assert printed.out == ""
    assert logging.getLogger("models.training").handlers == before

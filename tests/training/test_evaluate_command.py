"""`attune evaluate emotion` from end to end on an invented corpus, with the embedded model."""

from __future__ import annotations

import io
import json
import logging
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest
import soundfile

from attune.cli import main
from core import paths
from core.errors import DataError
from models import assets
from models.emotion.recogniser import EMBEDDED_MODEL
from tests.models.emotion_graphs import write_emotion_model
from tests.paths import DEMO
from tests.training.invented_corpus import encoded_tone
from tests.training.running import attune
from training.data.ordinary import ARCHIVE, ordinary_split
from training.data.recordings import is_training_recording
from training.data.splits import Split
from training.emotion import experiment
from training.report import files
from training.report.talk import KEYS


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "settings_file", lambda: tmp_path / "settings.toml")
    monkeypatch.setattr(paths, "voice_file", lambda: tmp_path / "voice.json")
    monkeypatch.setattr(paths, "log_file", lambda: tmp_path / "attune.log")
    monkeypatch.setattr(main, "start_logging", lambda: None)
    monkeypatch.setenv("ATTUNE_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "200")


@dataclass(frozen=True)
class Ran:
    """What a command left: exit status, what it printed, and its report."""

    status: int
    out: str
    err: str
    folder: Path

    @property
    def printed(self) -> dict[str, Any]:
        return json.loads(self.out)

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.folder / files.JSON_NAME).read_text())

    @property
    def page(self) -> str:
        return (self.folder / files.HTML_NAME).read_text(encoding="utf-8")


Evaluate = Callable[..., Ran]


@pytest.fixture
def evaluate(
    cache_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Evaluate:
    """`attune evaluate emotion` with more options, on the invented corpus unless they name other data."""

    def run(*options: str | Path) -> Ran:
        out = tmp_path / "report"
        data = () if "--data" in options else ("--data", cache_path)
        status = attune(monkeypatch, "evaluate", "emotion", *data, "--out", out, *options)
        printed = capsys.readouterr()
        return Ran(status, printed.out, printed.err, out)

    return run


def test_the_command_writes_page_and_figures(evaluate: Evaluate) -> None:
    ran = evaluate("--quick", "--json")
    assert ran.status == 0
    report = json.loads(Path(ran.printed["json"]).read_text())
    assert ran.printed["corpora"]["crema_d"] == report["corpora"]["crema_d"]["eight_way"]
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
    assert ran.page.startswith("<!doctype html>")


def test_without_the_live_path_and_with_recorded_noise(evaluate: Evaluate, tmp_path: Path) -> None:
    noise = tmp_path / "noise"
    noise.mkdir()
    soundfile.write(noise / "hum.wav", [0.1, -0.1] * 8000, 16_000)
    ran = evaluate("--noise", noise, "--no-live")
    assert ran.status == 0
    assert "ravdess_speech" in ran.out
    assert ran.report["live"] is ran.report["non_speech"] is None
    assert ran.report["noise"] == "recorded"
    assert len(ran.report["conditions"]) == 7


def test_strangers_are_measured_clip_by_clip_and_live(evaluate: Evaluate) -> None:
    ran = evaluate("--quick", "--corpus", f"emotiontts_ko={assets.locate(EMBEDDED_MODEL)}")
    assert ran.status == 0
    assert "strangers" in ran.out
    assert "2, masked" in ran.out
    report = ran.report
    rows = [(row["way"], row["n"]) for row in report["table"] if row["who"] == "strangers"]
    assert rows == [("clip by clip", 2), ("live", 2)]
    # The same model, the same clips: as strangers they have the same figures.
    for answers in ("eight_way", "masked"):
        home, away = (report[part]["emotiontts_ko"][answers] for part in ("corpora", "unseen_corpora"))
        assert home == away
    assert report["live"]["emotiontts_ko"] == report["unseen_live"]["emotiontts_ko"]
    other = report["provenance"]["other_models"]["emotiontts_ko"]
    assert other["sha256"] == report["provenance"]["model"]["sha256"]


@pytest.fixture
def voice_path(tmp_path: Path) -> Path:
    """Fifteen seconds of a synthetic voice."""
    sound, rate_hz = soundfile.read(DEMO, stop=15 * 24_000)
    soundfile.write(tmp_path / "voice.wav", sound, rate_hz)
    return tmp_path / "voice.wav"


def test_ordinary_talk_and_prompts_are_replayed_and_the_plane_is_measured(
    evaluate: Evaluate, voice_path: Path, tmp_path: Path
) -> None:
    talk = tmp_path / "speech"
    talk.mkdir()
    speaker = next(name for name in map(str, range(1000, 1100)) if ordinary_split(name) is Split.TEST)
    with tarfile.open(talk / ARCHIVE, "w") as tar:
        tar.add(voice_path, f"librispeech_ordinary/{speaker}-1-0000.wav")
    given: list[str | Path] = ["--quick", "--ordinary", talk]
    if shutil.which("ffmpeg"):
        (tmp_path / "prompts" / "en_XX_f_Ann").mkdir(parents=True)
        coded = tmp_path / "prompts" / "en_XX_f_Ann" / "voice.g722"
        subprocess.run(("ffmpeg", "-v", "error", "-i", voice_path, "-f", "g722", coded), check=True)
        given += ["--prompts", tmp_path / "prompts"]
    beside = tmp_path / "tiny.json"
    beside.write_text('{"name": "tiny", "ordinary_hours": 9.0}')
    model = write_emotion_model(tmp_path / "tiny.onnx", scale=4.0)
    ran = evaluate(*given, "--model", model, "--record", beside, "--json")
    assert ran.status == 0
    printed, report = ran.printed, ran.report
    assert printed["ordinary_hours"] == pytest.approx(15 / 3600, abs=1e-4)
    kept = json.loads(beside.read_text())
    assert kept == {"name": "tiny", **{name: printed[name] for name in KEYS if name in printed}}
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
    assert "<h2>Ordinary talk</h2>" in ran.page


def test_a_model_of_emotions_alone_says_so_in_the_terminal(evaluate: Evaluate, tmp_path: Path) -> None:
    ran = evaluate("--quick", "--no-live", "--model", write_emotion_model(tmp_path / "old.onnx", axes=()))
    assert ran.status == 0
    assert ran.out.count("knows emotions alone, without energy and pleasantness") == 1
    assert "AUC" not in ran.out


def test_figures_of_talk_go_only_into_a_record_that_is_there(evaluate: Evaluate, tmp_path: Path) -> None:
    given = ("--record", tmp_path / "none.json")
    ran = evaluate(*given)
    assert ran.status == 2
    assert "need --ordinary" in ran.err
    ran = evaluate(*given, "--ordinary", tmp_path)
    assert ran.status == 1
    assert "none.json: run `attune train shipped` first" in ran.err
    assert not ran.folder.exists()


@pytest.mark.parametrize("option", ["--ordinary", "--prompts"])
def test_talk_without_the_live_path_is_refused(option: str, evaluate: Evaluate, tmp_path: Path) -> None:
    ran = evaluate("--no-live", option, tmp_path)
    assert ran.status == 2
    assert "replayed through the live path" in ran.err


@pytest.mark.parametrize(
    ("option", "named"), [("--ordinary", ARCHIVE), ("--prompts", "No voice prompts lie in")]
)
def test_talk_that_is_not_there_is_one_sentence(
    option: str, named: str, evaluate: Evaluate, tmp_path: Path
) -> None:
    ran = evaluate("--quick", option, tmp_path)
    assert ran.status == 1
    assert named in ran.err
    assert "Traceback" not in ran.err


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
    option: str, value: str, status: int, named: str, evaluate: Evaluate, tmp_path: Path
) -> None:
    given = value.format(embedded=assets.locate(EMBEDDED_MODEL), missing=tmp_path / "missing.onnx")
    ran = evaluate("--no-live", option, given)
    assert ran.status == status
    assert named in ran.err
    assert "Traceback" not in ran.err
    assert not ran.folder.exists()


def test_a_missing_library_names_the_extra(evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "training.libraries.find_spec", lambda name: None if name == "matplotlib" else object()
    )
    ran = evaluate("--quick")
    assert ran.status == 1
    assert "matplotlib" in ran.err
    assert "pip install -e '.[train]' -c constraints.txt" in ran.err


def test_music_that_training_heard_is_no_test_of_false_alarms(evaluate: Evaluate, tmp_path: Path) -> None:
    names = [f"emotify/{number:03d}_pop.ogg" for number in range(1, 60)]
    for archive, wanted in (("heard.tar", True), ("unheard.tar", False)):
        with tarfile.open(tmp_path / archive, "w") as tar:
            name = next(name for name in names if is_training_recording(name) is wanted)
            sound = encoded_tone(440.0)
            entry = tarfile.TarInfo(name)
            entry.size = len(sound)
            tar.addfile(entry, io.BytesIO(sound))
    given = ("--quick", "--unheard", "--non-speech")
    ran = evaluate(*given, tmp_path / "heard.tar")
    assert ran.status == 1
    assert "heard.tar are heard in training: name others" in ran.err
    ran = evaluate(*given, tmp_path / "unheard.tar")
    assert ran.status == 0
    assert "unheard.tar: 0.0 false emotions an hour (0.0 to " in ran.out


def test_what_a_training_logs_is_shown_once_and_only_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = logging.getLogger("training.emotion.leave_one_corpus_out")

    def open_experiment(*_args: object, **_options: object) -> NoReturn:
        log.debug("too much")
        log.info("head %s is ready [%d clips]", "shipped", 3)
        raise DataError("The corpora are not there: bring them.")

    monkeypatch.setattr(experiment, "open_experiment", open_experiment)
    before = list(logging.getLogger("training").handlers)
    given = ("--data", tmp_path, "--run", tmp_path / "run", "--out", tmp_path / "x.onnx")
    assert attune(monkeypatch, "train", "shipped", *given) == 1
    printed = capsys.readouterr()
    assert printed.err.count("head shipped is ready [3 clips]") == 1
    assert "too much" not in printed.err
    assert printed.out == ""
    assert logging.getLogger("training").handlers == before

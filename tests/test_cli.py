"""The terminal: what it prints, how it exits, and one sentence for every mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

import cli
from core import paths
from models.emotion.labels import EMOTIONS
from sources import voice


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "settings_file", lambda: tmp_path / "settings.toml")
    monkeypatch.setenv("ATTUNE_JOURNAL_PATH", str(tmp_path / "journal.sqlite3"))
    monkeypatch.setenv("ATTUNE_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "voice.wav"
    soundfile.write(path, voice(5.0), 16_000)
    return path


class Terminal:
    """Runs `attune ...` within this process; returns exit code, standard output, standard error."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, *args: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["attune", *args])
        code = 0
        try:
            cli.main()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err


@pytest.fixture
def attune(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(capsys, monkeypatch)


def test_listen_to_a_file_prints_one_json_object_per_window(attune: Terminal, recording: Path) -> None:
    code, out, _ = attune("listen", "--source", str(recording), "--fast", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line["time_s"] for line in lines] == [3.0, 3.5, 4.0, 4.5, 5.0]
    assert set(lines[0]["probabilities"]) == set(EMOTIONS)
    assert {line["kind"] for line in lines} <= {"accepted", "unsure", "no speech"}


def test_listen_twice_gives_the_same_lines(attune: Terminal, recording: Path) -> None:
    def lines() -> list[dict[str, object]]:
        _, out, _ = attune("listen", "--source", str(recording), "--fast", "--json")
        return [{**json.loads(line), "latency_ms": 0} for line in out.splitlines()]

    assert lines() == lines()


def test_listen_in_words(attune: Terminal, recording: Path) -> None:
    code, out, _ = attune("listen", "--source", str(recording), "--fast")
    assert code == 0
    assert "voice.wav" in out
    assert "The recording is over." in out


def test_emotion_in_json_and_in_a_table(attune: Terminal, recording: Path) -> None:
    code, out, _ = attune("emotion", "--json", str(recording))
    clip = json.loads(out)
    assert code == 0
    assert clip["file"] == str(recording)
    assert clip["emotion"] in EMOTIONS
    assert len(clip["windows"]) == 5
    code, out, _ = attune("emotion", str(recording))
    assert code == 0
    assert f"Whole clip: {clip['emotion']}" in out


def test_one_bad_file_among_good_ones_is_named_and_the_rest_is_done(
    attune: Terminal, recording: Path, tmp_path: Path
) -> None:
    poem = tmp_path / "poem.mp3"
    poem.write_text("no sound at all")
    code, out, err = attune("emotion", "--json", str(poem), str(recording))
    assert code == 1
    assert "poem.mp3" in err
    assert json.loads(out)["file"] == str(recording)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("listen", "--source", "gone.wav"), "gone.wav"),
        (("listen", "--source", "mic", "--device", "No Such Microphone"), ""),
        (("listen", "--source", "demo", "--backend", "abacus"), "abacus"),
        (("emotion", "gone.wav"), "gone.wav"),
    ],
)
def test_mistakes_are_one_sentence_without_a_traceback(
    attune: Terminal, args: tuple[str, ...], words: str
) -> None:
    code, _, err = attune(*args)
    assert code == 1
    assert err.lstrip().startswith("Error: ")
    assert words in err
    assert "Traceback" not in err


def test_wrong_options_are_usage_errors(attune: Terminal) -> None:
    assert attune("listen", "--treshold", "0.7")[0] == 2
    assert attune("emotion")[0] == 2
    assert attune("emotion", "--threshold", "7", "x.wav")[0] == 2


def test_help_has_examples(attune: Terminal) -> None:
    code, out, _ = attune("listen", "--help")
    assert code == 0
    assert "attune listen --source demo" in out


def test_devices_are_listed_or_their_absence_is_said(attune: Terminal) -> None:
    code, out, err = attune("devices", "--json")
    if code == 0:
        assert isinstance(json.loads(out), list)
    else:
        assert err.lstrip().startswith("Error: ")


def test_doctor_names_every_topic(attune: Terminal) -> None:
    _, out, _ = attune("doctor", "--json")
    checks = {check["topic"]: check for check in json.loads(out)}
    assert checks["Weights emotion-compact"]["verdict"] == "good"
    assert checks["Emotion model"]["verdict"] == "good"
    assert checks["Journal"]["verdict"] == "good"
    assert "CC" in checks["Weights emotion-compact"]["finding"]


def test_doctor_tells_a_broken_settings_file(attune: Terminal, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("threshold = 12")
    code, out, _ = attune("doctor")
    assert code == 1
    assert "threshold" in out


def test_journal_is_listed_exported_and_cleared(attune: Terminal, recording: Path, tmp_path: Path) -> None:
    attune("listen", "--source", str(recording), "--fast", "--json")
    assert "voice.wav" in attune("journal", "sessions")[1]
    table = tmp_path / "out.csv"
    assert attune("journal", "export", str(table))[0] == 0
    assert len(table.read_text().splitlines()) == 1 + 5
    code, _, err = attune("journal", "export", str(table))
    assert (code, "out.csv" in err) == (1, True)
    assert attune("journal", "export", str(tmp_path / "out.xls"))[0] == 1
    assert attune("journal", "export", str(tmp_path / "out.parquet"))[0] == 0
    assert attune("journal", "clear", "--yes")[0] == 0
    assert "voice.wav" not in attune("journal", "sessions")[1]


def test_embedded_speed_is_one_json_object(attune: Terminal) -> None:
    code, out, _ = attune("bench", "emotion", "--json", "--repeats", "3", "--threads", "1")
    figures = json.loads(out)
    assert code == 0
    assert figures["embedded_median_ms"] > 0
    assert figures["threads"] == 1


def test_terminal_starts_without_what_is_heavy_or_not_its_own() -> None:
    heavy = {"torch", "transformers", "librosa", "streamlit", "sounddevice", "soundcard", "pyaudio"}
    program = f"import sys, cli; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

"""What `emotion` and `mood` are given: files, folders and standard input, named by one rule."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest
import soundfile

from attune.cli import sound_inputs as inputs
from core.errors import AttuneError
from tests.models.mood_graphs import write_backbone, write_head
from tests.realtime.sources import voice
from tests.terminal import Terminal

BOTH = pytest.mark.parametrize("command", ["emotion", "mood"])


@pytest.fixture(autouse=True)
def _tiny_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("ATTUNE_MOOD_BACKBONE", str(write_backbone(tmp_path / "models" / "backbone.onnx")))
    monkeypatch.setenv("ATTUNE_MOOD_HEAD", str(write_head(tmp_path / "models" / "head.onnx")))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def attune(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(capsys, monkeypatch)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.wav"
    soundfile.write(path, voice(4.0), 16_000)
    return path


def pipe_in(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def files_in(out: str) -> list[str]:
    return [json.loads(line)["file"] for line in out.splitlines()]


@BOTH
def test_files_keep_the_order_and_the_names_they_were_given(
    attune: Terminal, talk: Path, command: str
) -> None:
    folder = talk.parent / "music"
    (folder / "deep").mkdir(parents=True)
    for name in ("b.wav", "deep/a.wav"):
        (folder / name).write_bytes(talk.read_bytes())
    (folder / "bad.mp3").write_text("no sound")
    (folder / "dead").symlink_to("nowhere")
    code, out, err = attune(command, "--json", "./talk.wav", "gone.wav", "music", "talk.wav", str(talk))
    assert code == 1
    found = [str(folder / "b.wav"), str(folder / "deep" / "a.wav")]
    assert files_in(out) == ["./talk.wav", *found, "talk.wav", str(talk)]
    errors = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 3
    assert "gone.wav" in errors[0]
    assert str(folder / "bad.mp3") in errors[1]
    assert f"The link {folder / 'dead'} leads nowhere" in errors[2]


@BOTH
def test_a_dash_is_standard_input_and_may_be_a_file(
    attune: Terminal, talk: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    pipe_in(monkeypatch, talk.read_bytes())
    code, out, err = attune(command, "--json", "-", "-", str(talk))
    assert (code, files_in(out)) == (1, ["standard input", str(talk)])
    assert "Error: Standard input can be read only once: name `-` once.\n" in err
    answers = [json.loads(line) for line in out.splitlines()]
    key = "emotion" if command == "emotion" else "theme"
    assert answers[0][key] == answers[1][key]
    talk.rename(talk.with_name("-"))
    assert files_in(attune(command, "--json", "./-")[1]) == ["./-"]
    pipe_in(monkeypatch, b"")
    code, _, err = attune(command, "-")
    assert (code, "standard input is empty" in err) == (1, True)


@BOTH
def test_a_keyboard_is_no_sound(attune: Terminal, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    pipe_in(monkeypatch, b"")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    code, out, err = attune(command, "-")
    assert (code, out) == (1, "")
    assert err.endswith("Error: Standard input is the keyboard: pipe a sound file into it, or name one.\n")


def test_standard_input_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "_MOST_MB", 1)
    pipe_in(monkeypatch, bytes(2**20 + 1))
    (answer,) = inputs.sound_inputs(["-"])
    assert isinstance(answer, AttuneError)
    assert "more than 1 MB" in str(answer)


def test_no_tags_are_written_into_standard_input(
    attune: Terminal, talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe_in(monkeypatch, talk.read_bytes())
    code, _, err = attune("mood", "--write-tags", "-")
    if "no music" not in err:
        assert code == 1
        assert "has no file for tags" in err


@pytest.mark.skipif(os.name != "posix", reason="other names are no names there")
@BOTH
def test_one_name_is_written_one_way(attune: Terminal, talk: Path, command: str) -> None:
    folder = talk.parent / "named"
    folder.mkdir()
    names = ["line\nbreak.wav", os.fsdecode(b"caf\xe9.wav")]
    for name in names:
        (folder / name).write_bytes(talk.read_bytes())
    out = attune(command, "--json", str(folder))[1]
    assert files_in(out) == [str(folder / r"caf\xe9.wav"), str(folder / "line\nbreak.wav")]


def test_emotion_as_csv_has_windows_and_the_whole(attune: Terminal, talk: Path) -> None:
    code, out, _ = attune("emotion", "--csv", str(talk), "gone.wav", str(talk))
    rows = list(csv.DictReader(io.StringIO(out)))
    clip = json.loads(attune("emotion", "--json", str(talk))[1])
    assert code == 1
    assert [row["part"] for row in rows] == [*["window"] * 3, "clip"] * 2
    assert [(row["start_s"], row["end_s"]) for row in rows[:4]] == [
        *[("0.0", "3.0"), ("0.5", "3.5"), ("1.0", "4.0")],
        ("0.0", "4.0"),
    ]
    assert rows[3]["leading"] == clip["emotion"]
    assert float(rows[3]["confidence"]) == clip["confidence"]
    assert float(rows[0]["p_happy"]) == clip["windows"][0]["probabilities"]["happy"]

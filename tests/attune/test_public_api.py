"""`import attune`: light until it is used, and one call for each thing that people want."""

from __future__ import annotations

import doctest
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

import attune
from attune import public_api
from core import paths
from core.errors import AudioDecodeError
from realtime.capture import SourceKind, SourceSpec
from realtime.clip_summary import ClipEmotion
from realtime.snapshot import AxisStatement, DecisionKind
from tests.models.emotion_graphs import write_emotion_model
from tests.models.mood_graphs import write_backbone, write_head

pytestmark = pytest.mark.usefixtures("no_librosa")


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "settings_file", lambda: tmp_path / "settings.toml")
    monkeypatch.setenv("ATTUNE_JOURNAL_PATH", str(tmp_path / "journal.sqlite3"))
    monkeypatch.setenv("ATTUNE_EMOTION_MODEL", str(write_emotion_model(tmp_path / "emotion.onnx")))
    monkeypatch.setenv("ATTUNE_MOOD_BACKBONE", str(write_backbone(tmp_path / "backbone.onnx")))
    monkeypatch.setenv("ATTUNE_MOOD_HEAD", str(write_head(tmp_path / "head.onnx")))
    monkeypatch.setenv("ATTUNE_THREADS", "1")


@pytest.mark.parametrize("module", [attune, public_api])
def test_examples_of_the_documentation_run(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert found.attempted >= 2
    assert found.failed == 0


def test_importing_brings_nothing_heavy_and_recognising_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys, attune; print({'numpy', 'pydantic', 'onnxruntime', 'rich'} & set(sys.modules));"
        "print(attune.recognise(sys.argv[1])); print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(attune.DEMO)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    light, answer, torch = done.stdout.splitlines()
    assert (light, torch) == ("set()", "False")
    assert "%" in answer


def test_every_public_name_is_there_and_no_other() -> None:
    assert all(getattr(attune, name) is not None for name in attune.__all__)
    assert dir(attune) == sorted(attune.__all__)
    with pytest.raises(AttributeError, match="no attribute 'recognize'"):
        attune.recognize  # noqa: B018


@pytest.mark.parametrize("call", [attune.recognise, attune.tag_mood, lambda path: list(attune.listen(path))])
def test_a_bad_file_is_an_error_of_ours(call: object, tmp_path: Path) -> None:
    poem = tmp_path / "poem.mp3"
    poem.write_text("no sound at all")
    for path, words in ((tmp_path / "gone.wav", "There is no file"), (poem, "is not sound")):
        with pytest.raises(AudioDecodeError, match=words):
            call(path)  # type: ignore[operator]


def test_listening_gives_the_windows_of_a_recording_and_ends() -> None:
    clip = attune.recognise(attune.DEMO)
    windows = list(attune.listen(SourceSpec(SourceKind.FILE, path=attune.DEMO, fast=True)))
    assert [window.decision for window in windows] == [window.decision for window in clip.windows]
    assert windows[-1].sustained.clock == windows[-1].reading.clock


def test_a_closed_iterator_stops_listening(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with closing(attune.listen("demo")) as windows:
        next(windows)
        assert set(threading.enumerate()) > before
    assert set(threading.enumerate()) == before
    assert not (tmp_path / "journal.sqlite3").exists()


def test_an_answer_reads_as_a_sentence() -> None:
    energy, pleasantness = AxisStatement(True, 0.88), AxisStatement(None, 0.39)
    accepted = ClipEmotion(
        DecisionKind.ACCEPTED, attune.Emotion.ANGRY, 0.934, None, (), "", energy, pleasantness
    )
    assert str(accepted) == "angry 93\xa0%, lively 88\xa0%, unpleasant 61\xa0% (unsure)"
    assert str(ClipEmotion(DecisionKind.UNSURE, attune.Emotion.SAD, 0.5, None, ())) == "sad 50\xa0% (unsure)"
    assert str(ClipEmotion(DecisionKind.NO_SPEECH, None, 0.0, None, ())) == "no speech"
    assert "windows" not in repr(accepted)

"""`attune calibrate`: from a folder of clips, and what it says of what is kept."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import soundfile

import cli
from core import paths
from sources import voice


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("settings.toml", "voice.json", "attune.log"):
        function = {"settings.toml": "settings_file", "voice.json": "voice_file", "attune.log": "log_file"}[
            name
        ]
        monkeypatch.setattr(paths, function, lambda name=name: tmp_path / name)
    monkeypatch.setattr(cli, "start_logging", lambda: None)
    monkeypatch.setenv("ATTUNE_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def attune(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> object:
    def run(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["attune", "calibrate", *args])
        code = 0
        try:
            cli.main()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    for seed, emotion in enumerate(("neutral", "angry")):
        (folder / emotion).mkdir(parents=True)
        for number in range(3):
            sound = voice(2.0 + number / 2, seed=10 * seed + number)
            soundfile.write(folder / emotion / f"{number}.wav", sound, 16_000)
    return folder


def test_clips_are_fitted_shown_switched_and_deleted(attune, clips: Path) -> None:
    (clips / "neutral" / "poem.wav").write_text("no sound")
    soundfile.write(clips / "angry" / "short.wav", voice(0.5), 16_000)
    code, out, err = attune("--clips", str(clips), "--keep-anyway")
    assert code == 0
    assert "of 6" in out
    assert "poem.wav" in err
    assert "short.wav" in err
    code, out, _ = attune("--show")
    assert (code, "3 neutral, 3 angry takes, is switched on" in out) == (0, True)
    assert "switched off" in attune("--off")[1]
    assert "is switched off" in attune("--show")[1]
    assert "switched on" in attune("--on")[1]
    assert "was deleted" in attune("--delete")[1]
    assert "There was none" in attune("--delete")[1]
    assert "No voice is kept" in attune("--show")[1]


def test_a_fit_that_does_not_help_is_not_kept(attune, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.emotion.personal import Trial  # noqa: PLC0415

    monkeypatch.setattr(Trial, "better", property(lambda _self: False))
    code, out, err = attune("--clips", str(clips))
    assert code == 1
    assert "left-out takes" in out
    assert "so it is not kept" in err
    assert not paths.voice_file().exists()


def test_neutral_recordings_in_the_order_of_the_prompts(attune, clips: Path) -> None:
    sources = [part for number in range(3) for part in ("--source", str(clips / "neutral" / f"{number}.wav"))]
    assert attune("--neutral-only", *sources)[0] in {0, 1}
    code, _, err = attune("--neutral-only", *sources[:4])
    assert (code, "only 2 neutral takes" in err) == (1, True)


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--clips", "gone"), 1, "gone is no folder"),
        (("--clips", "."), 1, "no recordings in subfolders"),
        (("--on",), 1, "No voice is kept yet"),
        (("--on", "--off"), 2, "it stands alone"),
        (("--show", "--neutral-only"), 2, "it stands alone"),
        (("--clips", ".", "--source", "a.wav"), 2, "not both"),
        (("--source", "gone.wav"), 1, "no recording gone.wav"),
    ],
)
def test_mistakes_are_one_sentence(
    attune, args: tuple[str, ...], code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found, _, err = attune(*args)
    assert found == code
    assert words in err
    assert "Traceback" not in err


def test_a_microphone_that_is_not_there_is_named(attune) -> None:
    code, _, err = attune("--device", "No Such Microphone")
    assert code == 1
    assert "Error: " in err


def test_a_file_of_another_time_can_be_deleted(attune) -> None:
    paths.voice_file().write_text("rubbish")
    code, _, err = attune("--show")
    assert (code, "is damaged" in err) == (1, True)
    assert attune("--delete")[0] == 0
    assert not paths.voice_file().exists()


def test_help_has_examples(attune) -> None:
    code, out, _ = attune("--help")
    assert code == 0
    assert "attune calibrate --clips" in out.replace("\n", " ")

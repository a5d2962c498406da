"""`attune calibrate`: from a folder of clips, and what it says of what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from core import paths
from tests.realtime.sources import voice
from tests.terminal import Terminal


@pytest.fixture
def attune(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(capsys, monkeypatch, "calibrate")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    for seed, emotion in enumerate(("neutral", "angry")):
        (folder / emotion).mkdir(parents=True)
        for number in range(3):
            sound = voice(2.0 + number / 2, seed=10 * seed + number)
            soundfile.write(folder / emotion / f"{number}.wav", sound, 16_000)
    return folder


def test_clips_are_fitted_shown_switched_and_deleted(attune: Terminal, clips: Path) -> None:
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


def test_a_fit_that_does_not_help_is_not_kept(
    attune: Terminal, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.emotion.personal import ValidatedFit  # noqa: PLC0415

    monkeypatch.setattr(ValidatedFit, "better", property(lambda _self: False))
    code, out, err = attune("--clips", str(clips))
    assert code == 1
    assert "left-out takes" in out
    assert "so it is not kept" in err
    assert not paths.voice_file().exists()


def test_neutral_recordings_in_the_order_of_the_prompts(attune: Terminal, clips: Path) -> None:
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
    attune: Terminal,
    args: tuple[str, ...],
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    found, _, err = attune(*args)
    assert found == code
    assert words in err
    assert "Traceback" not in err


def test_a_microphone_that_is_not_there_is_named(attune: Terminal) -> None:
    code, _, err = attune("--device", "No Such Microphone")
    assert code == 1
    assert "Error: " in err


def test_a_file_of_another_time_can_be_deleted(attune: Terminal) -> None:
    paths.voice_file().write_text("rubbish")
    code, _, err = attune("--show")
    assert (code, "is damaged" in err) == (1, True)
    assert attune("--delete")[0] == 0
    assert not paths.voice_file().exists()


def test_help_has_examples(attune: Terminal) -> None:
    code, out, _ = attune("--help")
    assert code == 0
    assert "attune calibrate --clips" in out.replace("\n", " ")

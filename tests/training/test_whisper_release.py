"""The compact encoder's folder, made end to end by a tiny teacher, and the command that makes it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from attune.cli import main
from core.errors import DataError, WeightsError
from models.emotion.hybrid import EmotionHybrid, HybridSettings
from tests.training.invented_corpus import encoded_tone
from tests.training.invented_music import write_tar
from tests.training.invented_talk import write_talk
from tests.training.invented_whisper import BLOCKS, WIDTH, encoder_arrays, whisper_encoder, write_model
from tests.training.running import attune
from tests.training.tiny_recipe import tiny_student
from training.data.cache import load_cache
from training.data.window import voice_window
from training.emotion.encoders import load_hybrid, save_compact_encoder
from training.whisper import gap, release
from training.whisper import sounds as sound_files
from training.whisper.distil import EncoderDistilSettings
from training.whisper.release import RECORD_NAME, release_encoder
from training.whisper.student import StudentSettings
from training.whisper.teacher import Teacher, read_encoder

TINY = StudentSettings(stem=8, stem_out=16, hidden_size=16, n_layers=BLOCKS, n_heads=8, intermediate_size=32)
SETTINGS = EncoderDistilSettings(
    student=TINY, narrowed_windows=24, steps=4, batch=4, steps_per_epoch=2, warmup=1, threads=1
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "speech").mkdir()
    (folder / "music").mkdir()
    write_talk(
        folder / "speech" / "librispeech_ordinary.tar",
        {f"{speaker}-1-0000": 2.5 for speaker in range(1034, 1046)},
    )
    write_tar(
        folder / "music" / "esc10.tar", {f"esc10/rain/1-{n}-A.ogg": encoded_tone(300) for n in range(3)}
    )
    songs = {f"emotify/{n}_pop.ogg": encoded_tone(200 + n) for n in range(40)}
    write_tar(folder / "music" / "emotify.tar", songs)
    return folder


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("teacher") / "model.bin", encoder_arrays(whisper_encoder()))


@pytest.fixture(autouse=True)
def _small_and_of_any_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "start_logging", lambda: None)
    monkeypatch.setattr(sound_files, "_synthetic_speech", list)
    monkeypatch.setattr(release, "_TEST_WINDOWS", 4)
    monkeypatch.setattr(release, "read_encoder", lambda path: read_encoder(path, sha256=None))


def test_folder_is_written_with_figures_and_opened_by_the_hybrid(
    data: Path, teacher: Path, cache_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "made" / "encoder"
    told: list[str] = []
    record = release_encoder(
        data,
        None,
        teacher,
        cache_path,
        tmp_path / "run",
        out,
        settings=SETTINGS,
        threads=1,
        command="attune train encoder",
        on_progress=lambda what, _done, _total: told.append(what),
    )
    assert told[1:] == ["teaching", "writing"]
    assert {file.name for file in out.iterdir()} == {"config.json", "model.safetensors", RECORD_NAME}
    assert json.loads((out / RECORD_NAME).read_text()) == json.loads(json.dumps(record))
    assert str(tmp_path) not in (out / RECORD_NAME).read_text()
    assert record["teacher"]["licence"] == "MIT"
    assert record["judged_windows"] == 3 * 4  # of the three corpora that heads learn from
    assert record["teacher_variance"] == record["variance"][-1] <= 1.0
    assert len(record["variance"]) == BLOCKS + 1
    assert record["windows"] == 16
    assert record["heard_prompts"] == []
    assert record["heard_hours"] > 0
    assert record["made"]["command"] == "attune train encoder"
    assert "torch" in record["made"]["libraries"]
    model = load_hybrid(out, HybridSettings(frame_pool=4))
    assert (model.n_states, model.hidden_size) == (BLOCKS + 1, 16)
    with torch.no_grad():
        assert torch.isfinite(model(torch.randn(1, 48_000))[0]).all()
    assert (tmp_path / "run" / "encoder" / "checkpoint.pt").is_file()


def test_made_again_it_goes_on_to_the_same_folder(data: Path, teacher: Path, tmp_path: Path) -> None:
    def made(run: str, out: str) -> dict[str, bytes]:
        release_encoder(
            data, None, teacher, None, tmp_path / run, tmp_path / out, settings=SETTINGS, threads=1
        )
        return {file.name: file.read_bytes() for file in (tmp_path / out).iterdir()}

    whole = made("run", "one")
    assert made("run", "two") == whole  # all epochs are there: nothing is trained
    assert made("anew", "three") == whole


def test_teaching_that_fails_leaves_the_folder_as_it_was(
    data: Path, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "encoder"
    out.mkdir()
    (out / "config.json").write_text("old")

    def full(_path: Path, _record: object) -> None:
        raise DataError("The disk is full.")

    monkeypatch.setattr(release, "write_json", full)
    with pytest.raises(DataError, match="full"):
        release_encoder(data, None, teacher, None, tmp_path / "run", out, settings=SETTINGS, threads=1)
    assert [file.name for file in out.iterdir()] == ["config.json"]
    assert (out / "config.json").read_text() == "old"


def _no_teacher(_data: Path, _teacher: Path, tmp: Path) -> tuple[Path, Path, Path | None]:
    return _data, tmp / "absent.bin", None


def _damaged_teacher(_data: Path, teacher: Path, tmp: Path) -> tuple[Path, Path, Path | None]:
    (tmp / "model.bin").write_bytes(teacher.read_bytes()[:5_000])
    return _data, tmp / "model.bin", None


def _no_talk(_data: Path, teacher: Path, tmp: Path) -> tuple[Path, Path, Path | None]:
    return tmp, teacher, None


def _nothing_unheard(_data: Path, teacher: Path, tmp: Path) -> tuple[Path, Path, Path | None]:
    return _data, teacher, tmp / "absent.csv"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (_no_teacher, r"no .*absent\.bin: fetch the teacher with `attune models fetch whisper`"),
        (_damaged_teacher, "is damaged"),
        (_no_talk, r"librispeech_ordinary"),
        (_nothing_unheard, r"absent\.csv"),
    ],
)
def test_what_is_missing_or_damaged_is_one_sentence_before_anything_is_taught(
    data: Path,
    teacher: Path,
    tmp_path: Path,
    given: Callable[[Path, Path, Path], tuple[Path, Path, Path | None]],
    said: str,
) -> None:
    heard, wide, unheard = given(data, teacher, tmp_path)
    with pytest.raises((DataError, WeightsError), match=said):
        release_encoder(
            heard, None, wide, unheard, tmp_path / "run", tmp_path / "out", settings=SETTINGS, threads=1
        )
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "out").exists()


def test_a_teacher_of_another_sum_is_refused(
    data: Path, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "read_encoder", read_encoder)
    with pytest.raises(WeightsError, match=r"not the one of Whisper base .*another SHA-256"):
        release_encoder(data, None, teacher, None, tmp_path / "run", tmp_path / "out", settings=SETTINGS)


def test_speech_of_none_of_the_corpora_is_refused(
    data: Path, teacher: Path, cache_path: Path, tmp_path: Path
) -> None:
    shutil.copytree(cache_path, tmp_path / "speech")
    index = json.loads((tmp_path / "speech" / "index.json").read_text())
    index["clips"] = [clip for clip in index["clips"] if clip["corpus"] == "emotiontts_ko"]
    (tmp_path / "speech" / "index.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match="holds none of ravdess_speech, ravdess_song, crema_d, emodb, nemo"):
        release_encoder(
            data,
            None,
            teacher,
            tmp_path / "speech",
            tmp_path / "run",
            tmp_path / "out",
            settings=SETTINGS,
        )


def test_command_says_how_near_the_student_comes(
    data: Path,
    teacher: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(release, "EncoderDistilSettings", lambda: replace(SETTINGS, steps=2))
    out = tmp_path / "encoder"
    words = ("train", "encoder", "--data", data, "--run", tmp_path / "run", "--out", out)
    assert attune(monkeypatch, *words, "--teacher", teacher, "--threads", "1") == 0
    said = " ".join(capsys.readouterr().out.split())
    record = json.loads((out / RECORD_NAME).read_text())
    assert f"{record['teacher_variance']:.1%} of the variance of its teacher's block 3" in said
    assert f"({record['narrowed_variance']:.1%} before the training with gradients)" in said
    assert record["made"]["command"].startswith("attune train encoder --data")


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("encoder", ("--data", "--run", "--out", "--prompts", "--teacher", "--unheard", "--threads")),
        ("shipped", ("--data", "--run", "--out", "--noise", "--encoder", "--threads")),
        ("emotion", ("--encoder", "--data", "--out", "--branches", "--resume")),
    ],
)
def test_help_names_every_option(
    command: str,
    options: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert attune(monkeypatch, "train", command, "--help") == 0
    said = capsys.readouterr().out
    assert all(option in said for option in options)
    assert "Example" in said


def test_help_of_the_tables_names_every_option_and_branch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert attune(monkeypatch, "evaluate", "protocols", "--help") == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("--encoder", "--noise", "--protocol", "pooled", "spectrogram"))
    assert "--teacher" not in said
    assert "--budget" not in said


def test_figures_are_of_the_encoder_that_is_kept(
    data: Path, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float16, as it is read back, not of the one in memory."""
    seen = []
    measure = release.explained_variance

    def noted(*given: object) -> list[float]:
        seen.append(given[2])
        return measure(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(release, "explained_variance", noted)
    release_encoder(
        data, None, teacher, None, tmp_path / "run", tmp_path / "out", settings=SETTINGS, threads=1
    )
    (judged,) = seen
    kept = load_hybrid(tmp_path / "out").encoder
    for name, value in judged.state_dict().items():
        assert np.array_equal(value.numpy(), kept.state_dict()[name].numpy()), name


def test_the_gap_to_the_teacher_is_told_for_every_corpus_left_out(
    teacher: Path,
    cache_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save_compact_encoder(tiny_student(settings=TINY), tmp_path / "encoder")
    monkeypatch.setattr(gap, "COMPACT_ENCODER", tmp_path / "encoder")
    monkeypatch.setattr(gap, "LEFT_OUT_CORPORA", ("ravdess_speech", "crema_d"))
    monkeypatch.setattr(gap, "read_encoder", lambda path: read_encoder(path, sha256=None))
    argv = ["gap", "--data", str(cache_path), "--teacher", str(teacher), "--clips", "12"]
    monkeypatch.setattr("sys.argv", argv)
    gap.main()
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2
    for corpus, row in zip(("ravdess_speech", "crema_d"), rows, strict=True):
        found = re.fullmatch(rf"{corpus}: teacher ([\d.]+), student ([\d.]+), ([+-][\d.]+)", row)
        assert found, row
        wide, narrow, between = (float(number) for number in found.groups())
        assert between == pytest.approx(narrow - wide, abs=0.11)


def test_states_are_pooled_as_the_hybrid_hears_them(teacher: Path, cache_path: Path) -> None:
    cache = load_cache(cache_path)
    clips = list(cache.clips[:3])
    wide = Teacher(read_encoder(teacher, sha256=None), BLOCKS)
    student = tiny_student(settings=TINY)
    taught, said = gap.pooled(cache, clips, wide, student)
    assert taught.shape == (3, 2 * WIDTH)
    assert said.shape == (3, 2 * TINY.hidden_size)
    windows = [voice_window(cache.audio(clip), clip.active) for clip in clips]
    hybrid = EmotionHybrid(student, HybridSettings(normalise_input=False))
    with torch.no_grad():
        last = hybrid.hidden_states(torch.from_numpy(np.stack(windows)))[-1]
    assert said[:, : TINY.hidden_size] == pytest.approx(last.mean(dim=1).numpy(), abs=1e-4)
    assert said[:, TINY.hidden_size :] == pytest.approx(last.std(dim=1).numpy(), abs=1e-4)

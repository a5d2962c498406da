"""The compact encoder: narrowed, taught, interrupted, and gone on with."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("tensorboard")

import soundfile
import torch

from core.errors import DataError, WeightsError
from tests.training.invented_whisper import BLOCKS, NEURONS, WIDTH, encoder_arrays, whisper_encoder
from training.data.ordinary import ordinary_split, speaker_of
from training.data.splits import Split
from training.loop import load_checkpoint, save_checkpoint
from training.whisper import distil
from training.whisper import sounds as sound_files
from training.whisper.distil import EncoderDistilSettings, distil_encoder
from training.whisper.narrow import explained_variance, fit_basis, narrow
from training.whisper.sounds import UnlabelledSounds, _draw_window, draw_windows, open_sounds, read_prompts
from training.whisper.student import (
    StudentSettings,
    load_student,
    make_student,
    student_settings,
    student_states,
)
from training.whisper.teacher import Teacher, level

NARROW = StudentSettings(
    stem=24, stem_out=48, hidden_size=32, n_layers=BLOCKS, n_heads=8, intermediate_size=64
)
WHOLE = StudentSettings(
    stem=WIDTH, stem_out=WIDTH, hidden_size=WIDTH, n_layers=BLOCKS, n_heads=8, intermediate_size=NEURONS
)


def _sounds(count: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Hums with harmonics, of changing pitch and loudness."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        seconds = float(rng.uniform(1.0, 4.0))
        time_s = np.arange(int(seconds * 16_000)) / 16_000
        pitch = rng.uniform(90, 300) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.3, 2) * time_s))
        phase = 2 * np.pi * np.cumsum(pitch) / 16_000
        hum = sum(np.sin(k * phase) / k for k in range(1, 6)) * np.abs(
            np.sin(2 * np.pi * time_s * rng.uniform(0.5, 3))
        )
        found.append((0.2 * hum + 0.01 * rng.standard_normal(time_s.size)).astype(np.float32))
    return tuple(found)


@pytest.fixture(scope="module")
def material() -> UnlabelledSounds:
    return UnlabelledSounds(_sounds(12), _sounds(4, 1), _sounds(4, 2))


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    return Teacher(encoder_arrays(whisper_encoder()), BLOCKS)


@pytest.fixture(scope="module")
def windows(material: UnlabelledSounds) -> torch.Tensor:
    return torch.from_numpy(draw_windows(material, np.random.default_rng(0), 48))


def test_the_basis_is_orthonormal_and_its_norm_takes_off_the_least_component(teacher, windows) -> None:
    basis = fit_basis(teacher, windows.split(24), 32)
    identity = basis.directions.T @ basis.directions
    assert torch.allclose(identity, torch.eye(32), atol=1e-4)
    assert (basis.spread.diff() <= 1e-4).all()
    constant = torch.ones(32) / 32**0.5
    along = (constant @ basis.turn).abs()
    assert along[-1] == pytest.approx(1.0, abs=1e-4)


def test_what_lies_in_the_basis_is_brought_back(teacher, windows) -> None:
    basis = fit_basis(teacher, windows.split(24), WIDTH)
    stream = teacher(windows[:2])[-1]
    assert torch.allclose(basis.widen(basis.project(stream)), stream, atol=1e-3)


def test_a_student_as_wide_as_its_teacher_says_all_of_it(teacher, windows) -> None:
    basis = fit_basis(teacher, windows.split(24), WIDTH)
    student = narrow(teacher, basis, windows, WHOLE)
    assert min(explained_variance(teacher, basis, student, windows[:8])) > 0.98


def test_a_narrow_student_says_most_of_it(teacher, windows) -> None:
    basis = fit_basis(teacher, windows.split(24), NARROW.hidden_size)
    student = narrow(teacher, basis, windows, NARROW)
    assert min(explained_variance(teacher, basis, student, windows[:8])[1:]) > 0.6


def test_states_from_the_waveform_are_those_from_the_log_mels(teacher, windows) -> None:
    torch.manual_seed(0)
    student = make_student(NARROW).eval()
    features = student.feature_extractor(windows[:2])
    wanted = student.feature_extractor.features(teacher.log_mel(level(windows[:2])))
    assert torch.equal(features, wanted)
    assert [tuple(state.shape) for state in student_states(student, teacher.log_mel(windows[:2]))] == [
        (2, 150, 32)
    ] * 4


def test_the_student_is_a_wav2vec2_with_norms_before_its_blocks() -> None:
    student = make_student(NARROW)
    assert type(student).__name__ == "Wav2Vec2Model"
    assert student.config.do_stable_layer_norm
    assert student.config.num_attention_heads == 8


def test_weights_of_another_shape_are_refused() -> None:
    other = make_student(replace(NARROW, intermediate_size=32))
    with pytest.raises(WeightsError, match=r"do not fit its config\.json"):
        load_student(other.state_dict(), NARROW)


@pytest.mark.parametrize("record", [None, 3, {"stem": "x"}, {"colour": 3}])
def test_a_config_that_says_no_shape_is_refused(record: object) -> None:
    with pytest.raises(WeightsError, match=r"does not say its shape"):
        student_settings(record)


def test_a_shape_is_read_as_it_was_written() -> None:
    assert student_settings(NARROW.record()) == NARROW


SETTINGS = EncoderDistilSettings(
    student=NARROW, narrowed_windows=24, steps=8, batch=4, steps_per_epoch=2, warmup=2, threads=1
)


def test_teaching_brings_a_lost_map_back(teacher, material, windows, tmp_path: Path) -> None:
    whole = distil_encoder(teacher, material, windows[:16], tmp_path, replace(SETTINGS, steps=2))
    kept = load_checkpoint(tmp_path / "narrowed.pt")
    kept["student"]["encoder.layers.2.feed_forward.output_dense.weight"].mul_(0.0)
    save_checkpoint(tmp_path / "narrowed.pt", kept)
    (tmp_path / "checkpoint.pt").unlink()
    damaged = load_student(kept["student"], NARROW)
    before = explained_variance(teacher, whole.basis, damaged, windows[:16])[-1]
    taught = distil_encoder(
        teacher, material, windows[:16], tmp_path, replace(SETTINGS, steps=60, steps_per_epoch=60, rate=3e-3)
    )
    after = explained_variance(teacher, taught.basis, taught.student, windows[:16])[-1]
    assert before < after <= 1.0
    assert not any(value.requires_grad for value in taught.student.parameters())


def test_a_teaching_that_is_broken_off_goes_on_to_the_same_weights(
    teacher, material, windows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = distil_encoder(teacher, material, windows[:4], tmp_path / "whole", SETTINGS)
    drawn = []

    def broken(*given: object) -> np.ndarray:
        drawn.append(1)
        if len(drawn) > 6:
            raise KeyboardInterrupt
        return draw_windows(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(distil, "draw_windows", broken)
    with pytest.raises(KeyboardInterrupt):
        distil_encoder(teacher, material, windows[:4], tmp_path / "again", SETTINGS)
    monkeypatch.undo()
    again = distil_encoder(teacher, material, windows[:4], tmp_path / "again", SETTINGS)
    for name, value in whole.student.state_dict().items():
        assert torch.equal(value, again.student.state_dict()[name]), name


def test_a_checkpoint_of_another_recipe_is_refused(teacher, material, windows, tmp_path: Path) -> None:
    distil_encoder(teacher, material, windows[:4], tmp_path, replace(SETTINGS, steps=2))
    with pytest.raises(WeightsError, match="other settings or data"):
        distil_encoder(teacher, material, windows[:4], tmp_path, replace(SETTINGS, steps=2, rate=1e-5))


def test_a_recording_that_is_not_finite_is_said(teacher, windows, tmp_path: Path) -> None:
    broken = UnlabelledSounds((np.full(48_000, np.nan, np.float32),), _sounds(1), _sounds(1))
    with pytest.raises(DataError, match="not finite"):
        distil_encoder(teacher, broken, windows[:4], tmp_path, SETTINGS)


def test_windows_are_of_three_seconds_finite_and_drawn_by_the_seed(material: UnlabelledSounds) -> None:
    drawn = draw_windows(material, np.random.default_rng(3), 40)
    assert drawn.shape == (40, 48_000)
    assert np.isfinite(drawn).all()
    assert np.array_equal(drawn, draw_windows(material, np.random.default_rng(3), 40))
    assert (np.abs(drawn).max(axis=1) > 0).all()


def test_a_recording_of_silence_gives_a_window_of_silence() -> None:
    silent = (np.zeros(20_000, np.float32),)
    assert not _draw_window(UnlabelledSounds(silent, silent, silent), np.random.default_rng(0)).any()


def _archive(path: Path, names: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for index, name in enumerate(names):
            sound = path.parent / "sound.ogg"
            soundfile.write(sound, _sounds(1, index)[0], 16_000, format="OGG", subtype="OPUS")
            tar.add(sound, arcname=name)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    speakers = [str(number) for number in range(100, 130)]
    _archive(
        tmp_path / "speech" / "librispeech_ordinary.tar", [f"{speaker}-1-0000.ogg" for speaker in speakers]
    )
    _archive(tmp_path / "music" / "esc10.tar", ["esc10/rain/1-1-A.ogg", "esc10/rain/5-1-A.ogg"])
    _archive(tmp_path / "music" / "emotify.tar", [f"emotify/{n}_pop.ogg" for n in range(30)])
    return tmp_path


def test_nobody_who_is_tested_is_heard(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    read = sound_files.read_recordings

    def watched(path: Path, **options: object) -> list[np.ndarray]:
        wanted = options.pop("wanted")

        def noted(name: str) -> bool:
            if wanted(name):  # type: ignore[operator]
                names.append(name)
            return bool(wanted(name))  # type: ignore[operator]

        return read(path, wanted=noted, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(sound_files, "read_recordings", watched)
    monkeypatch.setattr(sound_files, "_synthetic_speech", list)
    material = open_sounds(data, None)
    spoken = [name for name in names if not name.startswith(("esc10", "emotify"))]
    assert spoken
    assert all(ordinary_split(speaker_of(name)) is Split.TRAIN for name in spoken)
    assert not any("/5-" in name for name in names)
    assert len(material.speech) == len(spoken)
    assert material.hours > 0


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
def test_espeak_says_sentences_at_16_khz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound_files, "_SYNTHETIC_SENTENCES", 3)
    said = sound_files._synthetic_speech()
    assert len(said) == 3
    assert all(16_000 < sound.size < 30 * 16_000 and np.abs(sound).max() > 0.05 for sound in said)


def test_without_espeak_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(DataError, match="espeak-ng, which is not installed"):
        sound_files._synthetic_speech()


def test_missing_material_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="librispeech_ordinary"):
        open_sounds(tmp_path, None)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_prompts_are_read_one_by_one_and_short_ones_left_out(tmp_path: Path) -> None:
    lengths = {"a": 1.0, "b": 0.2, "deep/c": 2.0}
    for name, seconds in lengths.items():
        path = tmp_path / f"{name}.g722"
        path.parent.mkdir(exist_ok=True)
        tone = f"sine=frequency=440:duration={seconds}"
        command = [
            "ffmpeg",
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            tone,
            "-ac",
            "1",
            "-ar",
            "16000",
            "-f",
            "g722",
            str(path),
        ]
        subprocess.run(command, check=True)
    found = read_prompts(tmp_path)
    assert [round(sound.size / 16_000, 1) for sound in found] == [1.0, 2.0]
    crossings = np.count_nonzero(np.diff(np.signbit(found[1])))
    assert crossings / 2 / 2.0 == pytest.approx(440, rel=0.02)


def test_a_folder_without_prompts_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.g722 files"):
        read_prompts(tmp_path)


def test_most_people_of_ordinary_talk_are_trained_on_and_each_has_one_side() -> None:
    sides = [ordinary_split(str(speaker)) for speaker in range(1_000)]
    shares = {split: sides.count(split) / 1_000 for split in (Split.TRAIN, Split.CALIBRATION, Split.TEST)}
    assert shares[Split.TRAIN] == pytest.approx(0.5, abs=0.06)
    assert shares[Split.TEST] == pytest.approx(0.3, abs=0.06)
    assert shares[Split.CALIBRATION] == pytest.approx(0.2, abs=0.06)
    assert speaker_of("librispeech_ordinary/1034-121119-0000.ogg") == "1034"

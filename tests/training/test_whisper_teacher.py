"""The teacher: its file, its log-mels, its blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from transformers import WhisperFeatureExtractor

from core.errors import WeightsError
from models.emotion.hybrid import WhisperLogMel
from tests.training.invented_whisper import BLOCKS, WIDTH, encoder_arrays, whisper_encoder, write_model
from training.whisper.teacher import Teacher, attention, level, read_encoder


@pytest.fixture(scope="module")
def encoder():
    return whisper_encoder()


def _voices(count: int = 2) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.standard_normal((count, 48_000)).astype(np.float32) * 0.1)


def test_the_file_is_read_as_it_was_written(tmp_path: Path, encoder) -> None:
    arrays = encoder_arrays(encoder)
    found = read_encoder(write_model(tmp_path / "model.bin", arrays), sha256=None)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


def test_half_precision_is_widened(tmp_path: Path) -> None:
    arrays = {"conv1/bias": np.array([0.5, -2.0], np.float16)}
    found = read_encoder(write_model(tmp_path / "model.bin", arrays), sha256=None)
    assert found["conv1/bias"].dtype == np.float32
    assert found["conv1/bias"].tolist() == [0.5, -2.0]


def test_another_file_than_the_expected_is_refused_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.bin", {"conv1/bias": np.zeros(2, np.float32)})
    with pytest.raises(WeightsError, match=r"another SHA-256.*attune models fetch whisper"):
        read_encoder(path)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="attune models fetch whisper"):
        read_encoder(tmp_path / "model.bin")


@pytest.mark.parametrize("kept", [0, 3, 10, 40, 200, -14])
def test_a_file_that_ends_too_early_is_said(tmp_path: Path, encoder, kept: int) -> None:
    path = write_model(tmp_path / "model.bin", encoder_arrays(encoder))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match="is no CTranslate2 model, or is damaged"):
        read_encoder(path, sha256=None)


def test_a_text_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_text("this is no model " * 100)
    with pytest.raises(WeightsError, match="is no CTranslate2 model, or is damaged"):
        read_encoder(path, sha256=None)


def test_a_model_without_an_encoder_is_said(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.bin", {"x": np.zeros(2, np.float32)}, prefix="other/")
    with pytest.raises(WeightsError, match="holds no encoder"):
        read_encoder(path, sha256=None)


def test_log_mels_are_those_of_whisper() -> None:
    extractor = WhisperFeatureExtractor(chunk_length=3)
    waveform = level(_voices())
    wanted = extractor(list(waveform.numpy()), sampling_rate=16_000, return_tensors="pt").input_features
    assert torch.allclose(WhisperLogMel()(waveform), wanted, atol=2e-4)


def test_log_mels_of_silence_are_finite() -> None:
    silent = WhisperLogMel()(level(torch.zeros(1, 48_000)))
    assert torch.isfinite(silent).all()
    assert silent.shape == (1, 80, 300)


def test_blocks_are_those_of_whisper(encoder) -> None:
    teacher = Teacher(encoder_arrays(encoder), BLOCKS)
    mels = teacher.log_mel(level(_voices()))
    wanted = encoder(mels, output_hidden_states=True).hidden_states
    states = teacher(_voices())
    assert len(states) == BLOCKS + 1
    for n in range(BLOCKS):  # behind the last block transformers has its final norm
        assert torch.allclose(states[n], wanted[n], atol=1e-4)
    last = torch.nn.functional.layer_norm(states[-1], (WIDTH,))
    assert torch.allclose(last, wanted[-1], atol=1e-3)


def test_the_teacher_hears_no_difference_of_level(encoder) -> None:
    teacher = Teacher(encoder_arrays(encoder), 1)
    loud, quiet = teacher(_voices()), teacher(_voices() * 0.05)
    assert torch.allclose(loud[-1], quiet[-1], atol=1e-3)


def test_weights_that_lack_an_array_are_refused(encoder) -> None:
    arrays = encoder_arrays(encoder)
    del arrays["layer_1/ffn/linear_1/bias"]
    with pytest.raises(WeightsError, match="layer_1/ffn/linear_1/bias"):
        Teacher(arrays, BLOCKS)


def test_attention_to_equal_keys_is_the_mean_of_the_values() -> None:
    values = torch.randn(1, 5, 16)
    qkv = torch.cat([torch.randn(1, 5, 16), torch.zeros(1, 5, 16), values], dim=2)
    assert torch.allclose(attention(qkv), values.mean(1, keepdim=True).expand(1, 5, 16), atol=1e-6)

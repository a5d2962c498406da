"""The separator as it is served: spectra and the way back, and a file that is none of ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from core.errors import ModelError, WeightsError
from models.emotion.separator import VoiceSeparator, load_separator
from models.emotion.spectra import BINS, HOP, SIZE, spectra, waveform
from models.runtime import load_session

TIME_S = np.arange(48_000) / 16_000
OURS = {"frame_samples": str(SIZE), "hop_samples": str(HOP)}


def write_share(path: Path, operator: str, metadata: Mapping[str, str] = OURS) -> Path:
    """A graph whose share is one function of the magnitudes."""
    shape = ["n", "frames", BINS]
    graph = helper.make_graph(
        [helper.make_node(operator, ["magnitudes"], ["share"])],
        "tiny",
        [helper.make_tensor_value_info("magnitudes", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("share", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, dict(metadata))
    onnx.save(model, path)
    return path


@given(samples=st.integers(1, 3_000), seed=st.integers(0, 99))
@settings(deadline=None)
def test_spectra_give_back_the_sound_that_they_are_of(samples: int, seed: int) -> None:
    sound = np.random.default_rng(seed).standard_normal(samples).astype(np.float32)
    frames = spectra(sound)
    assert frames.shape == (samples // HOP + 1, BINS)
    whole = (samples // HOP) * HOP
    np.testing.assert_allclose(waveform(frames, samples)[:whole], sound[:whole], atol=1e-5)


def test_a_tone_stands_in_its_bin() -> None:
    tone = np.sin(2 * np.pi * 1000.0 * TIME_S).astype(np.float32)
    assert np.abs(spectra(tone)).mean(axis=0).argmax() == 1000 * SIZE // 16_000


def test_what_the_share_leaves_is_what_is_heard(tmp_path: Path) -> None:
    sound = (0.1 * np.random.default_rng(0).standard_normal(48_000)).astype(np.float32)
    nothing = load_separator(write_share(tmp_path / "half.onnx", "Sigmoid"))  # 0.5 and more of everything
    voice = nothing.separate(sound)
    assert voice.shape == sound.shape
    assert voice.dtype == np.float32
    assert 0.25 * np.sum(sound**2) < np.sum(voice**2) < np.sum(sound**2)


def test_silence_stays_silence(tmp_path: Path) -> None:
    separator = load_separator(write_share(tmp_path / "half.onnx", "Sigmoid"))
    assert not separator.separate(np.zeros(48_000, dtype=np.float32)).any()


def test_a_graph_that_answers_no_numbers_is_refused(tmp_path: Path) -> None:
    path = write_share(tmp_path / "log.onnx", "Log")  # of silence: minus infinity
    with pytest.raises(WeightsError, match="no separator that this program can use"):
        load_separator(path)
    with pytest.raises(ModelError, match="NaN"):
        VoiceSeparator(load_session(path)).separate(np.zeros(48_000, dtype=np.float32))


def test_a_graph_made_for_other_spectra_is_refused(tmp_path: Path) -> None:
    other = write_share(tmp_path / "other.onnx", "Sigmoid", {**OURS, "hop_samples": "160"})
    with pytest.raises(WeightsError, match="every 160: this program needs 1024 every 256"):
        load_separator(other)


def test_the_embedded_one_leaves_a_tone_that_no_voice_makes_behind() -> None:
    separator = load_separator(threads=1)
    chord = sum(np.sin(2 * np.pi * hz * TIME_S) for hz in (220.0, 277.2, 329.6, 440.0))
    heard = (0.05 * np.asarray(chord)).astype(np.float32)
    assert np.sum(separator.separate(heard) ** 2) < 0.1 * np.sum(heard**2)

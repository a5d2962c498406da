"""YAMNet in torch against TensorFlow's own definitions, written down again in numpy, on known signals."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.errors import WeightsError
from models.mood.patches import batches, hop_samples
from tests.training.invented_yamnet import invented_yamnet, keep_layers
from training.yamnet.agreement import _patches_of
from training.yamnet.network import (
    CHANNELS,
    STRIDES,
    ServedYamnet,
    YamnetLogMel,
    read_yamnet,
    yamnet_mel_matrix,
)

Floats = NDArray[np.float64]
RATE = 16_000
REFERENCE_MEL = {
    0: {5: 0.947692},
    1: {5: 0.052308, 6: 0.933108},
    10: {16: 0.605274, 17: 0.667082},
    31: {57: 0.166364, 58: 0.520605, 59: 0.870473, 60: 0.783931, 61: 0.442506, 62: 0.105151},
}
"""Of the matrix that TensorFlow made: from band to what its bins weigh in it."""


def hann(length: int) -> Floats:
    """`tf.signal.hann_window`, periodic."""
    even = 1 - length % 2
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length + even - 1))


def frames(signal: NDArray[np.float32], length: int, step: int) -> NDArray[np.float32]:
    """`tf.signal.frame` with ``pad_end=False``."""
    count = max(0, 1 + (len(signal) - length) // step)
    return np.stack([signal[step * row : step * row + length] for row in range(count)])


def magnitudes(signal: NDArray[np.float32]) -> Floats:
    """``abs(tf.signal.stft(signal, frame_length=400, frame_step=160, fft_length=512))``."""
    return np.abs(np.fft.rfft(frames(signal, 400, 160) * hann(400), 512))


@cache
def mel_matrix() -> Floats:
    """`tf.signal.linear_to_mel_weight_matrix` of 64 bands, 257 bins, 125 to 7 500 Hz, bin by bin."""

    def mel(hz: float) -> float:
        return 1127.0 * float(np.log(1.0 + hz / 700.0))

    edges = np.linspace(mel(125.0), mel(7500.0), 64 + 2)
    matrix = np.zeros((257, 64))
    for row in range(1, 257):  # the bin of the mean is left out
        place = mel(row * (RATE / 2) / 256)
        for band in range(64):
            lower, centre, upper = edges[band : band + 3]
            rising, falling = (place - lower) / (centre - lower), (upper - place) / (upper - centre)
            matrix[row, band] = max(0.0, min(rising, falling))
    return matrix


def log_mels(signal: NDArray[np.float32]) -> Floats:
    """`waveform_to_log_mel_spectrogram_patches` of tensorflow/models, before it cuts patches."""
    return np.log(magnitudes(signal) @ mel_matrix() + 0.001)


def same(features: Floats, stride: int) -> Floats:
    """``padding='SAME'`` for a kernel of three, ``(channels, frames, bands)``."""
    borders = [(0, 0)]
    for size in features.shape[1:]:
        missing = max(0, (-(-size // stride) - 1) * stride + 3 - size)
        borders.append((missing // 2, missing - missing // 2))
    return np.pad(features, borders)


def windows(features: Floats, stride: int) -> Floats:
    """What each place of a kernel sees, ``(channels, 3, 3, frames, bands)``."""
    padded = same(features, stride)
    seen = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::stride, ::stride]
    return seen.transpose(0, 3, 4, 1, 2)


def yamnet(weights: Mapping[str, Floats], log_mel: Floats) -> tuple[Floats, Floats]:
    """The layers of `yamnet.py` in tensorflow/models, batch norm folded, on one patch ``(96, 64)``."""
    seen = windows(log_mel[None], 2)[0]
    features = np.einsum("oij,ijtb->otb", weights["conv1.weight"][:, 0], seen)
    features = np.maximum(0.0, features + weights["conv1.bias"][:, None, None])
    for layer, stride in enumerate(STRIDES[1:], start=2):
        seen = windows(features, stride)
        features = np.einsum("cij,cijtb->ctb", weights[f"dw{layer}.weight"][:, 0], seen)
        features = np.maximum(0.0, features + weights[f"dw{layer}.bias"][:, None, None])
        features = np.einsum("oc,ctb->otb", weights[f"pw{layer}.weight"][:, :, 0, 0], features)
        features = np.maximum(0.0, features + weights[f"pw{layer}.bias"][:, None, None])
    embedding = features.mean(axis=(1, 2))
    return embedding, 1.0 / (1.0 + np.exp(-(weights["fc.weight"] @ embedding + weights["fc.bias"])))


def signals(samples: int) -> dict[str, NDArray[np.float32]]:
    time_s = np.arange(samples) / RATE
    noise = np.random.default_rng(0).standard_normal(samples)
    made = {
        "silence": np.zeros(samples),
        "noise": 0.1 * noise,
        "faint noise": 1e-4 * noise,
        "tone": 0.5 * np.sin(2 * np.pi * 440 * time_s) + 1e-3 * noise,
        "chirp": 0.5 * np.sin(2 * np.pi * (100 * time_s + 3500 * time_s**2)) + 1e-3 * noise,
        "clicks": 1.0 * (np.arange(samples) % 997 == 0),
        "step": 1.0 * (np.arange(samples) > samples // 2),
    }
    return {name: sound.astype(np.float32) for name, sound in made.items()}


def own_log_mels(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.no_grad():
        answer: NDArray[np.float32] = YamnetLogMel()(torch.from_numpy(signal)[None])[0].numpy()
    return answer


def test_mel_filters_are_those_of_tensorflow() -> None:
    own = yamnet_mel_matrix()
    np.testing.assert_allclose(own, mel_matrix(), atol=1e-6)
    for band, weights in REFERENCE_MEL.items():
        assert np.flatnonzero(own[:, band]).tolist() == list(weights)
        np.testing.assert_allclose(own[list(weights), band], list(weights.values()), atol=1e-5)


@pytest.mark.parametrize("name", signals(1))
def test_log_mels_are_those_of_tensorflow(name: str) -> None:
    signal = signals(15_600)[name]
    np.testing.assert_allclose(own_log_mels(signal), log_mels(signal), atol=2e-3)


@pytest.mark.parametrize("samples", [400, 401, 559, 560, 720, 15_600, 15_679, 15_759, 15_760, 16_001])
def test_there_are_as_many_frames_as_tensorflow_cuts(samples: int) -> None:
    signal = signals(samples)["noise"]
    expected = log_mels(signal)
    assert len(expected) == 1 + (samples - 400) // 160
    np.testing.assert_allclose(own_log_mels(signal), expected, atol=1e-4)


def test_a_click_is_heard_by_the_frames_that_begin_before_it_and_by_no_other() -> None:
    signal = np.zeros(3_200, dtype=np.float32)
    signal[1_000] = 1.0
    own = own_log_mels(signal)
    for frame, row in enumerate(own):
        place = 1_000 - 160 * frame
        weight = hann(400)[place] if 0 <= place < 400 else 0.0
        expected = np.log(weight * mel_matrix().sum(axis=0) + 0.001)  # a click's spectrum is flat
        np.testing.assert_allclose(row, expected, atol=1e-4)
    assert (own.max(axis=1) > np.log(0.002)).nonzero()[0].tolist() == [4, 5, 6]


@pytest.mark.parametrize("hop_s", [0.48, 0.96])
def test_patches_are_the_cuts_that_tensorflow_makes_of_log_mels(hop_s: float) -> None:
    signal = signals(40_000)["noise"]
    cut = np.concatenate(list(batches([signal], hop=hop_samples(hop_s), size=2)))
    own = np.stack([own_log_mels(patch) for patch in cut])
    padded = np.zeros((len(cut) - 1) * hop_samples(hop_s) + 15_600, dtype=np.float32)
    padded[:40_000] = signal[: len(padded)]
    expected = frames(log_mels(padded), 96, round(hop_s * 100))
    assert own.shape == expected.shape == (3 if hop_s == 0.96 else 5, 96, 64)
    np.testing.assert_allclose(own, expected, atol=1e-4)


@pytest.mark.parametrize("samples", [1, 15_599, 15_600, 15_601, 30_960, 30_961, 100_000])
def test_students_are_judged_on_the_patches_that_the_program_hears(samples: int) -> None:
    signal = signals(samples)["noise"]
    heard = np.concatenate(list(batches([signal], hop=hop_samples(0.96), size=3)))
    np.testing.assert_array_equal(_patches_of(signal), heard)


def test_borders_are_padded_as_tensorflow_does() -> None:
    """Even lengths under stride 2 get all of it at the end; under stride 1 both sides get one."""
    ramp = np.arange(1.0, 7.0)[None, :, None] * np.ones((1, 6, 4))
    assert same(ramp, 2)[0, :, 0].tolist() == [1, 2, 3, 4, 5, 6, 0]
    assert same(ramp, 1)[0, :, 1].tolist() == [0, 1, 2, 3, 4, 5, 6, 0]
    network = invented_yamnet()
    for name, stride in (("dw3", 2), ("dw4", 1)):
        features = np.random.default_rng(0).standard_normal((CHANNELS[int(name[2]) - 2], 8, 6))
        weight = network.state_dict()[f"{name}.weight"].numpy()[:, 0]
        expected = np.einsum("cij,cijtb->ctb", weight, windows(features, stride))
        own = network.convolve(name, torch.from_numpy(features.astype(np.float32))[None])[0]
        assert own.shape == (len(weight), 8 // stride, 6 // stride)
        np.testing.assert_allclose(own.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["silence", "noise", "chirp", "clicks"])
def test_the_whole_network_answers_as_its_definition(name: str) -> None:
    network, signal = invented_yamnet(), signals(15_600)[name]
    weights = {key: value.numpy().astype(np.float64) for key, value in network.state_dict().items()}
    embedding, scores = yamnet(weights, log_mels(signal))
    with torch.no_grad():
        own = ServedYamnet(network).eval()(torch.from_numpy(signal)[None])
    np.testing.assert_allclose(own[0][0].numpy(), embedding, atol=1e-3 * embedding.max())
    np.testing.assert_allclose(own[1][0].numpy(), scores, atol=1e-3)


def test_the_whole_reference_is_read_as_it_was_kept(tmp_path: Path) -> None:
    network = invented_yamnet()
    read = read_yamnet(keep_layers(tmp_path / "yamnet.npz", network))
    assert read.state_dict().keys() == network.state_dict().keys()
    assert all(torch.equal(value, read.state_dict()[key]) for key, value in network.state_dict().items())
    assert not read.training
    assert not any(value.requires_grad for value in read.parameters())


def _kept(**changed: NDArray[np.float32] | None) -> bytes:
    """An npz of few numbers: every weight is a row of zeros but those that are given, None leaves one out."""
    zeros = {
        name: np.zeros(value.shape, np.float16) for name, value in invented_yamnet().state_dict().items()
    }
    content = io.BytesIO()
    np.savez_compressed(content, **{k: v for k, v in {**zeros, **changed}.items() if v is not None})  # type: ignore[arg-type]
    return content.getvalue()


def _one_array() -> bytes:
    content = io.BytesIO()
    np.save(content, np.zeros(3))
    return content.getvalue()


def _flipped() -> bytes:
    whole = _kept()
    return whole[:2_000] + bytes(byte ^ 0xFF for byte in whole[2_000:2_100]) + whole[2_100:]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda: b"", "cannot be read: give the npz"),
        (lambda: b"no archive", "cannot be read: give the npz"),
        (_one_array, "cannot be read: give the npz"),
        (lambda: _kept()[:3_000], "cannot be read: give the npz"),
        (_flipped, "cannot be read: give the npz"),
        (lambda: _kept(**{"fc.bias": None}), "is not YAMNet's: .*fc.bias"),
        (
            lambda: _kept(**{"fc.bias": np.zeros(527, np.float32)}),
            r"fc.bias has the shape \(527,\), not \(521,\)",
        ),
        (
            lambda: _kept(**{"pw2.bias": np.full(64, np.nan, np.float32)}),
            "is damaged: pw2.bias is not finite",
        ),
    ],
    ids=["empty", "text", "one array", "cut short", "flipped bits", "a part missing", "527 classes", "NaN"],
)
def test_what_is_not_the_reference_is_one_sentence(
    tmp_path: Path, content: Callable[[], bytes], says: str
) -> None:
    path = tmp_path / "yamnet.npz"
    path.write_bytes(content())
    with pytest.raises(WeightsError, match=says):
        read_yamnet(path)


def test_a_reference_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.npz cannot be read: give the npz"):
        read_yamnet(tmp_path / "absent.npz")

"""Google's file of weights: folded as it must be, and refused wherever it is not plain numbers of YAMNet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from core.errors import WeightsError
from models.mood.keras_file import read_keras
from tests.models.keras_yamnet import Arrays, keep_keras, unfolded

SHAPES = {
    "conv1.weight": (4, 1, 3, 3),
    "dw2.weight": (4, 1, 3, 3),
    "pw2.weight": (6, 4, 1, 1),
    "fc.weight": (5, 6),
} | {"conv1.bias": (4,), "dw2.bias": (4,), "pw2.bias": (6,), "fc.bias": (5,)}
KERNEL = "layer1/conv/layer1/conv/kernel:0"
VARIANCE = "layer2/pointwise_conv/bn/layer2/pointwise_conv/bn/moving_variance:0"


def folded() -> Arrays:
    rng = np.random.default_rng(5)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return keep_keras(tmp_path / "yamnet.h5", unfolded(folded()))


def test_batch_norms_are_folded_into_the_convolutions(file: Path) -> None:
    weights = read_keras(file, SHAPES)
    assert weights.keys() == SHAPES.keys()
    for name, values in folded().items():
        assert weights[name].dtype == np.float32
        np.testing.assert_allclose(weights[name], values, rtol=1e-5, atol=1e-6)


def test_folding_is_what_convolution_and_batch_norm_do(file: Path) -> None:
    """One output of the pointwise convolution, by the definition of both: offset, no scale, epsilon 1e-4."""
    with h5py.File(file) as kept:
        name = "layer2/pointwise_conv"
        kernel = kept[f"{name}/{name}/kernel:0"][0, 0, :, 3]  # (in,) of one output
        bn = kept[f"{name}/bn/{name}/bn"]
        offset, mean, variance = (bn[f"{part}:0"][3] for part in ("beta", "moving_mean", "moving_variance"))
    sound = np.array([0.3, -1.0, 2.0, 0.5])
    expected = (sound @ kernel - mean) / np.sqrt(variance + 1e-4) + offset
    weights = read_keras(file, SHAPES)
    assert weights["pw2.weight"][3, :, 0, 0] @ sound + weights["pw2.bias"][3] == pytest.approx(
        expected, abs=1e-5
    )


def replaced(file: Path, name: str, put: Callable[[h5py.Group, str], object]) -> Path:
    """Another thing in the place of one dataset."""
    with h5py.File(file, "r+") as kept:
        group, _, last = name.rpartition("/")
        if last in kept[group or "/"]:
            del kept[name]
        put(kept[group or "/"], last)
    return file


@pytest.mark.parametrize("part", ["layer1/conv/bn", "layer2", "logits/logits/bias:0", KERNEL, VARIANCE])
def test_missing_layers_are_named(file: Path, part: str) -> None:
    with h5py.File(file, "r+") as kept:
        del kept[part]
    with pytest.raises(WeightsError, match=rf"yamnet\.h5 is not YAMNet's: it has no {part}"):
        read_keras(file, SHAPES)


@pytest.mark.parametrize(
    ("put", "words"),
    [
        (
            lambda group, name: group.create_dataset(name, data=np.zeros((3, 3, 1, 5), "f4")),
            r"\(3, 3, 1, 5\), not",
        ),
        (lambda group, name: group.create_dataset(name, data=np.zeros((3, 3, 1, 4), "f8")), "is float64 of"),
        (lambda group, name: group.create_dataset(name, data=np.zeros((3, 3, 1, 4), ">f4")), "is >f4 of"),
        (
            lambda group, name: group.create_dataset(name, data=b"os.system"),
            r"is object of \(\), not float32",
        ),
        (lambda group, name: group.create_dataset(name, (9**9, 9**9), "f4", chunks=True), "not float32 of"),
        (
            lambda group, name: group.create_dataset(name, dtype="f4", data=h5py.Empty("f4")),
            "of None, not float32",
        ),
        (lambda group, name: group.create_group(name), "is a group, not float32 of"),
        (lambda group, name: group.__setitem__(name, np.dtype("f4")), "is a group, not float32 of"),
    ],
)
def test_other_things_in_the_place_of_weights_are_refused(
    file: Path, put: Callable[[h5py.Group, str], object], words: str
) -> None:
    with pytest.raises(WeightsError, match=rf"yamnet\.h5 is not YAMNet's: its {KERNEL} .*{words}"):
        read_keras(replaced(file, KERNEL, put), SHAPES)


@pytest.mark.parametrize("part", [KERNEL, "layer1/conv/layer1", "layer1/conv", "layer1"])
@pytest.mark.parametrize(
    "link", [h5py.ExternalLink("elsewhere.h5", "/x"), h5py.SoftLink("/logits"), h5py.SoftLink("/nowhere")]
)
def test_links_are_not_followed(file: Path, part: str, link: object) -> None:
    replaced(file, f"/{part}", lambda group, name: group.__setitem__(name, link))
    with pytest.raises(WeightsError, match=rf"yamnet\.h5 was refused: its {KERNEL} is a link to elsewhere"):
        read_keras(file, SHAPES)


def test_values_that_lie_in_other_files_are_not_fetched(file: Path, tmp_path: Path) -> None:
    """HDF5 would read any file of the user's as numbers."""
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(200))

    def outside(group: h5py.Group, name: str) -> None:
        group.create_dataset(name, (3, 3, 1, 4), "f4", external=[(str(secret), 0, 144)])

    with pytest.raises(WeightsError, match="does not lie in it as it is"):
        read_keras(replaced(file, KERNEL, outside), SHAPES)

    def virtual(group: h5py.Group, name: str) -> None:
        layout = h5py.VirtualLayout((3, 3, 1, 4), "f4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (3, 3, 1, 4), "f4")
        group.create_virtual_dataset(name, layout)

    with pytest.raises(WeightsError, match="does not lie in it as it is"):
        read_keras(replaced(file, KERNEL, virtual), SHAPES)


@pytest.mark.parametrize("packing", [{"compression": "gzip"}, {"shuffle": True}, {"fletcher32": True}])
def test_packed_values_are_refused(file: Path, packing: dict[str, object]) -> None:
    """A filter is a program: HDF5 would load one from wherever its plug-ins lie."""

    def packed(group: h5py.Group, name: str) -> None:
        group.create_dataset(name, data=np.zeros((3, 3, 1, 4), "f4"), chunks=(3, 3, 1, 4), **packing)

    with pytest.raises(WeightsError, match="does not lie in it as it is"):
        read_keras(replaced(file, KERNEL, packed), SHAPES)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (KERNEL, np.nan, "its conv1.weight cannot be used"),
        ("logits/logits/bias:0", np.inf, "its fc.bias cannot be used"),
        (VARIANCE, -1.0, "layer2/pointwise_conv/bn has a variance below 0"),
        (VARIANCE, np.nan, "layer2/pointwise_conv/bn has a variance below 0"),
        (VARIANCE.replace("variance", "mean"), 3e38, "its pw2.bias cannot be used"),
    ],
)
def test_values_that_are_no_weights_are_refused(file: Path, name: str, value: float, words: str) -> None:
    with h5py.File(file, "r+") as kept:
        kept[name][...] = value
        if value == 3e38:
            kept[name.replace("mean", "variance")][...] = 0.0
    with pytest.raises(WeightsError, match=rf"yamnet\.h5 is not YAMNet's: {words}"):
        read_keras(file, SHAPES)


@pytest.mark.parametrize(
    "content", [b"", b"<!DOCTYPE html><html>", b"PK\x03\x04 a zip", b"\x80\x04 a pickle"]
)
def test_files_of_another_kind_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "yamnet.h5"
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=r"yamnet\.h5 is no HDF5 file \(it begins with b'"):
        read_keras(file, SHAPES)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.95])
def test_truncated_files_are_refused(file: Path, share: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WeightsError, match=r"yamnet\.h5 is damaged \(.*\): fetch it again"):
        read_keras(file, SHAPES)


def test_file_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"yamnet\.h5 is damaged \(.*No such file"):
        read_keras(tmp_path / "yamnet.h5", SHAPES)

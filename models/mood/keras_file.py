"""Safe reader of Google's yamnet.h5: plain float32 datasets only, batch norm folded into the convolutions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import WeightsError

if TYPE_CHECKING:
    import h5py

BATCH_NORM_EPSILON: Final = 1e-4
"""Of YAMNet's batch norms, which have an offset but no scale (params.py in tensorflow/models)."""

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_KERNELS: Final = {
    "conv": ("layer{}/conv", "kernel", (3, 2, 0, 1)),
    "dw": ("layer{}/depthwise_conv", "depthwise_kernel", (2, 3, 0, 1)),
    "pw": ("layer{}/pointwise_conv", "kernel", (3, 2, 0, 1)),
}
"""Our kind of layer -> Keras's layer, its kernel's name, and the axes that transpose the kernel to ours."""

Weights = dict[str, npt.NDArray[np.float32]]


def read_keras(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> Weights:
    """Read the weights of a YAMNet that Keras has saved (yamnet.py of tensorflow/models, research/audioset).

    The file is not trusted: only contiguous float32 datasets of the expected shapes are read. Links out of
    the file, compressed or external data and pickles are refused.

    Parameters
    ----------
    path
        The file.
    shapes
        Name -> expected shape in the layout of torch: ``conv1``, ``dw2``, ``pw2``, ... and ``fc``, each with
        ``.weight`` and ``.bias``.

    Returns
    -------
    dict
        Name as in `shapes` -> finite float32.

    Raises
    ------
    WeightsError
        It is no HDF5 file, is damaged, lacks a layer, or holds something else in its place.
    """
    import h5py  # noqa: PLC0415 - an extra, only where weights are converted

    try:
        with path.open("rb") as raw:
            begins = raw.read(len(_SIGNATURE))
        if begins != _SIGNATURE:
            raise WeightsError(f"{path.name} is no HDF5 file (it begins with {begins!r}): fetch it again.")
        with h5py.File(path, "r") as file:
            layers = {name.rpartition(".")[0] for name in shapes}
            weights: Weights = {}
            for layer in sorted(layers):
                read = _dense if layer == "fc" else _folded
                weight, bias = read(file, layer, shapes[f"{layer}.weight"])
                weights |= {f"{layer}.weight": weight, f"{layer}.bias": bias}
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path.name} is damaged ({error}): fetch it again.") from error
    for name, values in weights.items():
        if values.shape != shapes[name] or not np.isfinite(values).all():
            raise WeightsError(f"{path.name} is not YAMNet's: its {name} cannot be used.")
    return weights


def _folded(
    file: h5py.File, layer: str, shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Weight and bias of a convolution with the batch norm behind it folded in."""
    kind, number = re.fullmatch(r"([a-z]+)(\d+)", layer).groups()  # type: ignore[union-attr]
    name, kernel, axes = _KERNELS[kind]
    name = name.format(number)
    theirs = tuple(shape[axes.index(axis)] for axis in range(4))
    weight = _values(file, name, kernel, theirs).transpose(axes)
    offset, mean, variance = (
        _values(file, f"{name}/bn", part, (shape[0],)) for part in ("beta", "moving_mean", "moving_variance")
    )
    if not (variance >= 0.0).all():
        raise WeightsError(f"{Path(file.filename).name} is not YAMNet's: {name}/bn has a variance below 0.")
    scale = 1.0 / np.sqrt(variance + BATCH_NORM_EPSILON)
    with np.errstate(over="ignore"):  # the caller checks for infinities
        folded = weight * scale[:, None, None, None], offset - mean * scale
        return folded[0].astype(np.float32), folded[1].astype(np.float32)


def _dense(
    file: h5py.File, _layer: str, shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    weight = _values(file, "logits", "kernel", shape[::-1])
    bias = _values(file, "logits", "bias", shape[:1])
    return weight.T.astype(np.float32), bias.astype(np.float32)


def _values(file: h5py.File, layer: str, part: str, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """One array at Keras's path, in which the layer's name stands twice."""
    import h5py  # noqa: PLC0415

    place: Any = file
    name = f"{layer}/{layer}/{part}:0"
    for step in name.split("/"):
        link = place.get(step, getlink=True) if isinstance(place, h5py.Group) else None
        if link is None:
            raise WeightsError(f"{Path(file.filename).name} is not YAMNet's: it has no {name}.")
        if type(link) is not h5py.HardLink:
            raise WeightsError(f"{Path(file.filename).name} was refused: its {name} is a link to elsewhere.")
        place = place[step]
    if not isinstance(place, h5py.Dataset) or place.shape != shape or place.dtype != np.dtype("<f4"):
        found = f"{place.dtype} of {place.shape}" if isinstance(place, h5py.Dataset) else "a group"
        raise WeightsError(
            f"{Path(file.filename).name} is not YAMNet's: its {name} is {found}, not float32 of {shape}."
        )
    if place.is_virtual or place.external or place.id.get_create_plist().get_nfilters():
        raise WeightsError(f"{Path(file.filename).name} was refused: its {name} does not lie in it as it is.")
    values: npt.NDArray[np.float64] = place[()].astype(np.float64)
    return values

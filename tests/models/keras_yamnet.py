"""Random weights in the format in which Keras saves YAMNet, batch norms included."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

__all__ = ["Arrays", "keep_keras", "unfolded"]

Arrays = dict[str, npt.NDArray[np.float32]]


def unfolded(folded: Mapping[str, npt.NDArray[np.float32]], *, seed: int = 0) -> Arrays:
    """What Keras would hold of a network that is this one once its batch norms are folded.

    Means and variances are invented; kernels and offsets are those that give the network with them.

    Parameters
    ----------
    folded
        Name as torch has it (``conv1.weight``, ``dw2.bias``, ..., ``fc.weight``) -> values.
    seed
        Of what is invented.

    Returns
    -------
    dict
        Path of a dataset -> float32.
    """
    rng = np.random.default_rng(seed)
    theirs: Arrays = {}
    for layer in dict.fromkeys(name.rpartition(".")[0] for name in folded):
        weight, bias = (folded[f"{layer}.{part}"].astype(np.float64) for part in ("weight", "bias"))
        if layer == "fc":
            theirs["logits/logits/kernel:0"] = weight.T.astype(np.float32)
            theirs["logits/logits/bias:0"] = bias.astype(np.float32)
            continue
        kind, number = layer.rstrip("0123456789"), layer.lstrip("abcdefghijklmnopqrstuvwxyz")
        name = {"conv": "conv", "dw": "depthwise_conv", "pw": "pointwise_conv"}[kind]
        name, kernel = f"layer{number}/{name}", "depthwise_kernel" if kind == "dw" else "kernel"
        mean, variance = rng.normal(size=bias.shape), rng.uniform(0.2, 3.0, size=bias.shape)
        spread = np.sqrt(variance + 1e-4)
        weight = weight * spread[:, None, None, None]
        axes = (2, 3, 0, 1) if kind == "dw" else (2, 3, 1, 0)
        theirs[f"{name}/{name}/{kernel}:0"] = weight.transpose(axes).astype(np.float32)
        for part, values in (
            ("beta", bias + mean / spread),
            ("moving_mean", mean),
            ("moving_variance", variance),
        ):
            theirs[f"{name}/bn/{name}/bn/{part}:0"] = values.astype(np.float32)
    return theirs


def keep_keras(path: Path, arrays: Mapping[str, npt.NDArray[np.float32]]) -> Path:
    """Write the file that Keras would."""
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values)
    return path

"""Invented weights of YAMNet's shape, the npz that holds them, and a class map."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from training.yamnet.agreement import ESC_CLASSES
from training.yamnet.network import N_CLASSES, Yamnet, YamnetLayers

__all__ = ["CLASSES", "invented_layers", "invented_yamnet", "keep_layers", "write_class_map"]

Layers = TypeVar("Layers", bound=YamnetLayers)
_NAMED = tuple(name for names in ESC_CLASSES.values() for name in names)
CLASSES = (*(f"class {number}" for number in range(N_CLASSES - len(_NAMED))), *_NAMED)


def invented_layers(n_layers: int = 7, seed: int = 0) -> YamnetLayers:
    """Layers with random weights, frozen; every one passes on about as much as it gets."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _filled(YamnetLayers(n_layers))


def invented_yamnet(seed: int = 0) -> Yamnet:
    """All layers and the classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _filled(Yamnet())


def _filled(layers: Layers) -> Layers:
    for convolution in layers.children():
        if isinstance(convolution, nn.Conv2d):
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return layers.requires_grad_(False).eval()


def keep_layers(path: Path, layers: YamnetLayers) -> Path:
    """Write the npz that `read_yamnet` reads, with something else beside."""
    weights = {name: value.numpy() for name, value in layers.state_dict().items()}
    np.savez(path, **weights, mel_matrix=np.zeros(3))  # type: ignore[arg-type]
    return path


def write_class_map(path: Path, names: tuple[str, ...] = CLASSES) -> Path:
    """A class map as YAMNet has it."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(("index", "mid", "display_name"))
        writer.writerows((index, f"/m/{index}", name) for index, name in enumerate(names))
    return path

"""Invented weights of YAMNet's shape, and the npz that holds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from models.training.yamnet.network import YamnetLayers

__all__ = ["invented_layers", "keep_layers"]


def invented_layers(n_layers: int = 7, seed: int = 0) -> YamnetLayers:
    """Layers with random weights, frozen; every one passes on about as much as it gets."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = YamnetLayers(n_layers)
        for convolution in layers.children():
            assert isinstance(convolution, nn.Conv2d)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return layers.requires_grad_(False).eval()


def keep_layers(path: Path, layers: YamnetLayers) -> Path:
    """Write the npz that `read_layers` reads, with something else beside."""
    weights = {name: value.numpy() for name, value in layers.state_dict().items()}
    np.savez(path, **weights, mel_matrix=np.zeros(3))  # type: ignore[arg-type]
    return path

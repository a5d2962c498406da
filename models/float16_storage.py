"""Weights of ONNX files stored as float16 where that loses nothing."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

_LEAST_VALUES: Final = 1_024  # smaller weights stay float32: the Cast node would take as much space
_SUFFIX: Final = "_float16"


def store_as_float16(model: Any) -> None:
    """Store each large float32 weight whose values float16 holds exactly as float16, in place.

    A Cast node restores it; ONNX Runtime folds it while loading the graph.

    Parameters
    ----------
    model
        An ``onnx.ModelProto``.
    """
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 - only for exports

    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < _LEAST_VALUES:
            continue
        values = numpy_helper.to_array(weight)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(half, name + _SUFFIX))
        casts.append(
            helper.make_node("Cast", [name + _SUFFIX], [name], name=f"widen_{name}", to=TensorProto.FLOAT)
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def restore_float32(model: Any) -> None:
    """Undo `store_as_float16` in place, for tools that expect weights in float32.

    Parameters
    ----------
    model
        An ``onnx.ModelProto``.
    """
    from onnx import numpy_helper  # noqa: PLC0415 - only for exports

    halved = {weight.name: weight for weight in model.graph.initializer if weight.name.endswith(_SUFFIX)}
    for name, weight in halved.items():
        values = numpy_helper.to_array(weight).astype(np.float32)
        weight.CopyFrom(numpy_helper.from_array(values, name.removesuffix(_SUFFIX)))
    nodes = [node for node in model.graph.node if not (node.op_type == "Cast" and node.input[0] in halved)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)

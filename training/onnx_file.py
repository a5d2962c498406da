"""ONNX files from torch modules: any batch, clean and repeatable bytes, metadata, compared before use."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core.emotions import EMOTIONS
from core.errors import ModelError
from core.files import staged
from models.float16_storage import store_as_float16
from models.runtime import load_session

PARITY_LIMIT: Final = 1e-4
"""Largest allowed difference of a logit between torch and the exported graph."""
_WINDOW_SAMPLES: Final = 48_000
_UNDER_TONE: Final = 0.1
"""Level of the noise under the tone of the comparison: 40 dB below it. In perfect silence all that is left of
a tone is the rounding of float32, and each order of summation has its own."""
_OPSET: Final = 20
"""From 20 on there is a GELU of one step, which transformers want."""
_OUTPUTS: Final = ("logits", "embedding", "energy", "pleasantness")
_CHATTY: Final = ("torch.onnx", "onnxscript", "onnx_ir")


def emotion_metadata(
    *,
    name: str,
    version: str,
    temperature: float,
    licence: str,
    corpora: Sequence[str],
    metrics: Mapping[str, Any],
) -> dict[str, str]:
    """The metadata every served emotion graph carries, as strings; lists and figures are JSON."""
    return {
        "name": name,
        "version": version,
        "labels": json.dumps([str(emotion) for emotion in EMOTIONS]),
        "sample_rate_hz": "16000",
        "window_samples": str(_WINDOW_SAMPLES),
        "temperature": f"{temperature:.6g}",
        "licence": licence,
        "corpora": json.dumps(list(corpora)),
        "metrics": json.dumps(metrics, sort_keys=True),
    }


def export_graph(
    module: nn.Module, path: Path, metadata: Mapping[str, str], *, window_samples: int = _WINDOW_SAMPLES
) -> None:
    """Write an emotion model as one ONNX graph, ``waveform`` (batch, samples) to ``logits`` (batch, 8).

    What else the module gives, in this order, becomes further outputs: ``embedding`` (batch, features),
    ``energy`` and ``pleasantness`` (batch,).
    """
    module.eval()
    with torch.no_grad():
        outputs = _OUTPUTS[: len(_outputs_of(module, torch.zeros(1, window_samples)))]
    probes = probe_windows(window_samples)
    write_graph(module, path, metadata, probes, name="emotion", takes="waveform", gives=outputs)


def write_graph(
    module: nn.Module,
    path: Path,
    metadata: Mapping[str, str],
    probes: NDArray[np.float32],
    *,
    name: str,
    takes: str,
    gives: Sequence[str],
) -> None:
    """Write a module of one input as an ONNX graph of any batch; see `write_graph_of_inputs`."""
    write_graph_of_inputs(module, path, metadata, {takes: probes}, name=name, gives=gives)


def write_graph_of_inputs(
    module: nn.Module,
    path: Path,
    metadata: Mapping[str, str],
    probes: Mapping[str, NDArray[np.float32]],
    *,
    name: str,
    gives: Sequence[str],
    free_axes: Mapping[str, tuple[int, int]] | None = None,
) -> None:
    """Write a module as an ONNX graph of any batch; weights that float16 holds are stored so.

    The bytes depend on module and metadata alone. The file is compared with the module before it is put in
    place.

    Parameters
    ----------
    probes
        What graph and module are compared on: an array ``(n, ...)`` for each input, in the module's order,
        n at least 2.
    free_axes
        By input: an axis besides the batch that may have any length, and its least length.

    Raises
    ------
    ModelError
        The graph answers otherwise than the module.
    DataError
        It cannot be written, as on a full disk; the old file stays.
    """
    import onnx  # noqa: PLC0415 - only for exports

    free = free_axes or {}
    batch = torch.export.Dim("batch", min=1, max=1024)
    shapes: list[dict[int, Any]] = [{0: batch} for _ in probes]
    for shape, taken in zip(shapes, probes, strict=True):
        if taken in free:
            axis, least = free[taken]
            shape[axis] = torch.export.Dim(f"length_of_{taken}", min=least, max=1_000_000)
    module.eval()
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            module,
            tuple(torch.from_numpy(values[:2]) for values in probes.values()),
            dynamo=True,
            dynamic_shapes=(tuple(shapes),) if _takes_any_number(module) else tuple(shapes),
            input_names=list(probes),
            output_names=list(gives),
            opset_version=_OPSET,
            verbose=False,
        )
    if program is None:
        raise ModelError("The exporter returned no graph: torch and onnxscript do not fit together.")
    for node in program.model.graph:  # a table's look-up is called an embedding, too
        for value in node.outputs:
            if value.name in gives and not value.is_graph_output():
                value.name = f"{value.name}_within"
    model = program.model_proto
    content = finished_bytes(model, name, metadata)
    onnx.checker.check_model(model)
    with staged(path.parent, what=f"The graph {path}") as making:
        (making / path.name).write_bytes(content)
        check_parity(module, making / path.name, probes, gives=gives)


def _takes_any_number(module: nn.Module) -> bool:
    """Whether a module takes ``*inputs``: torch.export sees those as one argument."""
    kinds = (parameter.kind for parameter in inspect.signature(module.forward).parameters.values())
    return inspect.Parameter.VAR_POSITIONAL in kinds


def finished_bytes(model: Any, name: str, metadata: Mapping[str, str]) -> bytes:
    """Bytes of an ONNX model that say nothing of the machine it was made on.

    Stack traces, doc strings and origins of names go from the ``onnx.ModelProto``, and weights that float16
    holds exactly are stored so.
    """
    model.producer_name, model.producer_version, model.doc_string = "attune", "", ""
    del model.metadata_props[:]
    graph = model.graph
    graph.name, graph.doc_string = name, ""
    del graph.metadata_props[:]
    del graph.value_info[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    store_as_float16(model)
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    return bytes(model.SerializeToString(deterministic=True))


@contextlib.contextmanager
def _quiet() -> Any:
    """No warnings, printed lines or log lines of the exporter."""
    logs = [logging.getLogger(log) for log in _CHATTY]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


def _outputs_of(module: nn.Module, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    answer = module(*inputs)
    return answer if isinstance(answer, tuple) else (answer,)


def check_parity(
    module: nn.Module,
    path: Path,
    probes: NDArray[np.float32] | Mapping[str, NDArray[np.float32]],
    *,
    takes: str = "waveform",
    gives: Sequence[str] = _OUTPUTS,
) -> float:
    """Compare a graph with its module, on probes for its one input or for each by name.

    Returns
    -------
    float
        Largest absolute difference of a logit; of other outputs, which have no scale of their own, for each
        unit of their largest value.

    Raises
    ------
    ModelError
        It is above the limit, or an answer is not finite.
    """
    feeds = probes if isinstance(probes, Mapping) else {takes: probes}
    served = load_session(path, threads=1).run(feeds)
    with torch.no_grad():
        expected = [answer.numpy() for answer in _outputs_of(module, *map(torch.from_numpy, feeds.values()))]
    worst = 0.0
    for name, got, wanted in zip(gives, served, expected, strict=False):
        scale = 1.0 if name == "logits" else max(1.0, float(np.abs(wanted).max()))
        gap = float(np.abs(got - wanted).max()) / scale
        worst = max(worst, gap if np.isfinite(gap) else np.inf)
    if len(served) != len(expected) or not worst <= PARITY_LIMIT:
        raise ModelError(
            f"The exported graph differs from the network by {worst:.2e}, more than {PARITY_LIMIT:.0e}: "
            "it was not written; torch, onnxscript and onnxruntime do not fit together."
        )
    return worst


def probe_windows(window_samples: int = _WINDOW_SAMPLES) -> NDArray[np.float32]:
    """Noise, a tone in faint noise, quiet, loud and silent windows, ``(6, window_samples)``."""
    noise, tone = _noise_and_tone(window_samples, 220.0)
    bursts = noise * np.square(np.sin(np.arange(window_samples) / 5_000))
    windows = np.stack([noise, tone, bursts, 1e-3 * noise, 5.0 * tone, np.zeros(window_samples)])
    return windows.astype(np.float32)


def probe_sounds(samples: int) -> NDArray[np.float32]:
    """Noise, a tone in faint noise, both quiet, and silence, ``(5, samples)``."""
    noise, tone = _noise_and_tone(samples, 440.0)
    return np.stack([noise, tone, 1e-2 * noise, 1e-2 * tone, np.zeros(samples)]).astype(np.float32)


def _noise_and_tone(samples: int, pitch_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    noise = 0.1 * np.random.default_rng(0).standard_normal(samples)
    return noise, np.sin(2 * np.pi * pitch_hz * np.arange(samples) / 16_000) + _UNDER_TONE * noise

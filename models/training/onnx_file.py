"""Owns the making of ONNX files from torch modules: dynamic batch, clean bytes, metadata, parity, int8."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core.errors import ModelError
from models.emotion.labels import EMOTIONS
from models.runtime import load_session
from models.training.half_storage import halve, widen
from models.training.metrics import ACCEPT_AT, softmax
from models.writing import staged, write_whole, writing

__all__ = [
    "LEAST_EQUAL_ARGMAX",
    "LEAST_EQUAL_GATE",
    "PARITY_LIMIT",
    "Agreement",
    "check_agreement",
    "check_parity",
    "compare_int8",
    "compare_speed",
    "emotion_metadata",
    "export_graph",
    "quantise_int8",
    "write_graph",
]

PARITY_LIMIT: Final = 1e-4
"""Largest allowed difference of a logit between torch and the exported graph."""
LEAST_EQUAL_ARGMAX: Final = 0.97
"""Share of windows on which the int8 graph must name the same emotion."""
LEAST_EQUAL_GATE: Final = 0.99
"""Share of windows on which it must give the same gate output."""
_UNDER_TONE: Final = 0.1
"""Level of the noise under the tone of the comparison: 40 dB below it."""
_OPSET: Final = 20
"""From 20 on there is a GELU of one step, which transformers want."""
_OUTPUTS: Final = ["logits", "embedding", "energy", "pleasantness"]
_CHATTY: Final = ("torch.onnx", "onnxscript", "onnx_ir")


def emotion_metadata(
    *,
    name: str,
    version: str,
    temperature: float,
    licence: str,
    corpora: Sequence[str],
    metrics: Mapping[str, Any],
    window_samples: int = 48_000,
) -> dict[str, str]:
    """The metadata every served emotion graph carries; all values are strings.

    Parameters
    ----------
    name, version
        Of the weight file.
    temperature
        By which logits are divided before the softmax; > 0.
    licence
        Of the weights, an SPDX expression or a sentence.
    corpora
        What it was trained on.
    metrics
        Figures of the card, plain values.
    window_samples
        Length of the input at 16 kHz.

    Returns
    -------
    dict of str to str
        With ``labels``, ``corpora`` and ``metrics`` as JSON.
    """
    return {
        "name": name,
        "version": version,
        "labels": json.dumps([str(emotion) for emotion in EMOTIONS]),
        "sample_rate_hz": "16000",
        "window_samples": str(window_samples),
        "temperature": f"{temperature:.6g}",
        "licence": licence,
        "corpora": json.dumps(list(corpora)),
        "metrics": json.dumps(metrics, sort_keys=True),
    }


def _clean(model: Any, name: str = "emotion") -> None:
    """Remove what the exporter writes about the machine: stack traces, doc strings, value names' origins."""
    model.producer_name, model.producer_version, model.doc_string = "attune", "", ""
    del model.metadata_props[:]
    graph = model.graph
    graph.name, graph.doc_string = name, ""
    del graph.metadata_props[:]
    del graph.value_info[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]


def _keep_names(graph: Any, names: Sequence[str]) -> None:
    """Rename what within the graph is called as an output: a table's look-up is an ``embedding``, too."""
    for node in graph:
        for value in node.outputs:
            if value.name in names and not value.is_graph_output():
                value.name = f"{value.name}_within"


def export_graph(
    module: nn.Module,
    path: Path,
    metadata: Mapping[str, str],
    *,
    window_samples: int = 48_000,
) -> None:
    """Write a module as one ONNX graph, ``waveform`` (batch, samples) to ``logits`` (batch, 8).

    What else the module gives, in this order, becomes further outputs: ``embedding`` (batch, features),
    ``energy`` and ``pleasantness`` (batch,). Weights that float16 holds exactly are stored so.

    The bytes depend on module and metadata alone. The file is checked against the module before it
    is put in place.

    Parameters
    ----------
    module
        From float32 waveforms to logits, or to logits and what else there is; put into evaluation mode.
    path
        File to write.
    metadata
        Written as metadata properties, in this order.
    window_samples
        Length of the input at 16 kHz.

    Raises
    ------
    ModelError
        The graph gives other logits than the module.
    DataError
        It cannot be written, as on a full disk; the old file stays.
    """
    module.eval()
    with torch.no_grad():
        outputs = _OUTPUTS[: len(_answers(module, torch.zeros(1, window_samples)))]
    write_graph(
        module, path, metadata, _waveforms(window_samples), name="emotion", takes="waveform", gives=outputs
    )


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
    """Write a module of one input as an ONNX graph of any batch, as `export_graph` does for emotions.

    Parameters
    ----------
    module
        From one float32 tensor to one or several; put into evaluation mode.
    path
        File to write.
    metadata
        Written as metadata properties, in this order.
    probes
        Inputs on which graph and module are compared, ``(n, ...)``, n at least 2.
    name
        Of the graph.
    takes, gives
        Names of its input and of its outputs.

    Raises
    ------
    ModelError
        The graph answers otherwise than the module.
    DataError
        It cannot be written, as on a full disk; the old file stays.
    """
    import onnx  # noqa: PLC0415 - only for exports

    module.eval()
    chatter = io.StringIO()
    logs = [logging.getLogger(log) for log in _CHATTY]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(chatter), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                (torch.from_numpy(probes[:2]),),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=1024)},),
                input_names=[takes],
                output_names=list(gives),
                opset_version=_OPSET,
                verbose=False,
            )
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)
    if program is None:
        raise ModelError("The exporter returned no graph: torch and onnxscript do not fit together.")
    _keep_names(program.model.graph, gives)
    model = program.model_proto
    _clean(model, name)
    halve(model)
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model)
    content = model.SerializeToString(deterministic=True)
    with staged(path.parent, what=f"The graph {path}") as making:
        (making / path.name).write_bytes(content)
        _compare(module, making / path.name, probes, takes, gives, PARITY_LIMIT)


def _answers(module: nn.Module, waveform: torch.Tensor) -> tuple[torch.Tensor, ...]:
    answer = module(waveform)
    return answer if isinstance(answer, tuple) else (answer,)


def check_parity(
    module: nn.Module, path: Path, *, window_samples: int = 48_000, limit: float = PARITY_LIMIT
) -> float:
    """Compare a graph with its module on noise, a tone in faint noise, quiet, loud and silent windows.

    Parameters
    ----------
    module
        In evaluation mode.
    path
        The graph; it is run by the runtime that serves it.
    window_samples
        Length of the input at 16 kHz.
    limit
        Largest allowed absolute difference of a logit; of an embedding, which has no scale of its
        own, for each unit of its largest value.

    Returns
    -------
    float
        Largest difference found, so counted.

    Raises
    ------
    ModelError
        It is above the limit, or an answer is not finite.
    """
    return _compare(module, path, _waveforms(window_samples), "waveform", _OUTPUTS, limit)


def _waveforms(window_samples: int) -> NDArray[np.float32]:
    """Noise, a tone in faint noise, quiet, loud and silent windows, ``(6, window_samples)``."""
    rng = np.random.default_rng(0)
    tone = np.sin(2 * np.pi * 220.0 * np.arange(window_samples) / 16_000)
    noise = rng.standard_normal(window_samples) * 0.1
    bursts = noise * np.square(np.sin(np.arange(window_samples) / 5_000))
    # Not in perfect silence: what is left there of a tone is the rounding of float32, and each order of
    # summation has its own.
    tone = tone + _UNDER_TONE * noise
    windows = np.stack([noise, tone, bursts, 1e-3 * noise, 5.0 * tone, np.zeros(window_samples)])
    return windows.astype(np.float32)


def _compare(
    module: nn.Module,
    path: Path,
    probes: NDArray[np.float32],
    takes: str,
    gives: Sequence[str],
    limit: float,
) -> float:
    """Largest difference between graph and module, counted as `check_parity` says."""
    served = load_session(path, threads=1).run({takes: probes})
    with torch.no_grad():
        expected = [answer.numpy() for answer in _answers(module, torch.from_numpy(probes))]
    worst = 0.0
    for name, got, wanted in zip(gives, served, expected, strict=False):
        scale = 1.0 if name == "logits" else max(1.0, float(np.abs(wanted).max()))
        gap = float(np.abs(got - wanted).max()) / scale
        worst = max(worst, gap if np.isfinite(gap) else np.inf)
    if len(served) != len(expected) or not worst <= limit:
        raise ModelError(
            f"The exported graph differs from the network by {worst:.2e}, more than {limit:.0e}: "
            "it was not written; torch, onnxscript and onnxruntime do not fit together."
        )
    return worst


def quantise_int8(path: Path, path_int8: Path) -> None:
    """Write a copy whose matrix products (MatMul only) have int8 weights, quantised at run time by channel.

    Front-ends are convolutions: they stay as they are.

    Parameters
    ----------
    path
        A float32 graph.
    path_int8
        File to write; metadata are kept.

    Raises
    ------
    DataError
        It cannot be written, as on a full disk; the old file stays.
    ModelError
        The quantiser cannot take the graph, or has no room for what it writes on the way.
    """
    import onnx  # noqa: PLC0415 - only for exports
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 - only for exports

    with writing(f"The graph {path_int8}"), tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "int8.onnx"
        root_log = logging.getLogger()
        level = root_log.level
        root_log.setLevel(logging.ERROR)  # the quantiser warns through the root logger
        try:
            exact = onnx.load(path)
            widen(exact)
            # Not by its path: beside that, the quantiser would write, and not say that it cannot.
            quantize_dynamic(
                exact,
                made,
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                weight_type=QuantType.QInt8,
            )
        except ValueError as error:
            raise ModelError(
                f"The graph {path} cannot be made int8 ({error}): it is none of ours, or the disk of "
                f"{tempfile.gettempdir()} is full."
            ) from error
        finally:
            root_log.setLevel(level)
        model = onnx.load(made)
    properties = [
        (entry.key, entry.value) for entry in onnx.load(path, load_external_data=False).metadata_props
    ]
    _clean(model)
    halve(model)
    for key, value in properties:
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    content = model.SerializeToString(deterministic=True)
    write_whole(path_int8, content, what=f"The graph {path_int8}")


@dataclass(frozen=True)
class Agreement:
    """How far a quantised graph answers as the exact one does.

    Attributes
    ----------
    argmax
        Share of windows with the same most likely emotion, [0, 1].
    gate
        Share with the same gate output: the same accepted emotion, or none on both sides, [0, 1].
    windows
        How many were compared.
    """

    argmax: float
    gate: float
    windows: int

    @property
    def good(self) -> bool:
        """Whether both shares are as high as they must be."""
        return self.argmax >= LEAST_EQUAL_ARGMAX and self.gate >= LEAST_EQUAL_GATE


def compare_int8(
    path: Path,
    path_int8: Path,
    windows: Sequence[NDArray[np.float32]],
    temperature: float,
    *,
    accept_at: float = ACCEPT_AT,
    batch: int = 16,
) -> Agreement:
    """Compare a quantised graph with the exact one on real windows.

    Parameters
    ----------
    path, path_int8
        The two graphs.
    windows
        float32, each ``(samples,)``, at least one.
    temperature
        By which logits are divided before the softmax.
    accept_at
        Probability from which the gate accepts.
    batch
        Windows at a time.

    Raises
    ------
    ModelError
        There are no windows.
    """
    if not len(windows):
        raise ModelError("There are no windows to compare the int8 graph on: give some of real speech.")
    exact, quick = load_session(path), load_session(path_int8)
    same_argmax = same_gate = 0
    for first in range(0, len(windows), batch):
        feeds = {"waveform": np.stack(windows[first : first + batch])}
        said = []
        for session in (exact, quick):
            probabilities = softmax(session.run(feeds)[0], temperature)
            said.append((probabilities.argmax(axis=1), probabilities.max(axis=1) >= accept_at))
        (guess, sure), (guess_int8, sure_int8) = said
        same_argmax += int((guess == guess_int8).sum())
        same_gate += int(((sure == sure_int8) & (~sure | (guess == guess_int8))).sum())
    return Agreement(same_argmax / len(windows), same_gate / len(windows), len(windows))


def compare_speed(
    path: Path, path_int8: Path, window: NDArray[np.float32], *, rounds: int = 50, threads: int = 0
) -> tuple[float, float]:
    """Median time of one window, the two graphs asked in turn: other load falls on both alike.

    Parameters
    ----------
    path, path_int8
        The two graphs.
    window
        float32, ``(samples,)``.
    rounds
        How often each is timed, after three unmeasured rounds.
    threads
        Within an operator; 0 takes those of a listener.

    Returns
    -------
    exact_ms, quick_ms
        Milliseconds.
    """
    sessions = [load_session(file, threads=threads) for file in (path, path_int8)]
    feeds = {"waveform": window[None]}
    taken_ms = np.empty((rounds + 3, 2))
    for row in taken_ms:
        for column, session in enumerate(sessions):
            started = time.perf_counter()
            session.run(feeds)
            row[column] = 1000 * (time.perf_counter() - started)
    exact_ms, quick_ms = np.median(taken_ms[3:], axis=0)
    return float(exact_ms), float(quick_ms)


def check_agreement(agreement: Agreement) -> None:
    """Refuse an int8 graph that answers otherwise too often.

    Raises
    ------
    ModelError
        Either share is below its limit.
    """
    if not agreement.good:
        raise ModelError(
            f"The int8 graph names the same emotion on {agreement.argmax:.1%} of {agreement.windows} windows "
            f"and gives the same gate output on {agreement.gate:.1%}, below {LEAST_EQUAL_ARGMAX:.0%} or "
            f"{LEAST_EQUAL_GATE:.0%}: it was not written; ship the float graph, or force it with --force."
        )

"""ONNX Runtime: the only place that opens sessions, picks providers and sets threads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import ModelError, WeightsError

# It reports on its use, and names the machine in a file, unless it is told not to before it is loaded (since
# 1.31 on Linux and macOS as well; microsoft/onnxruntime#27379). Nothing of ours is sent anywhere.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["PROVIDERS", "Session", "available_providers", "default_threads", "load_session"]

PROVIDERS: Final[Mapping[str, str]] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
"""Names as people type them -> ONNX Runtime's names."""

_MAX_THREADS: Final = 4

# What the variable does not reach: Windows.
onnxruntime.disable_telemetry_events()


def default_threads() -> int:
    """Threads for one model: about the physical cores, at most 4.

    Half of the logical cores stands for the physical ones where there are more than two; a
    listener must leave room for whatever else the user runs.
    """
    logical = os.cpu_count() or 1
    return logical if logical <= 2 else min(_MAX_THREADS, max(2, logical // 2))


def available_providers() -> tuple[str, ...]:
    """Names (keys of `PROVIDERS`) that the installed ONNX Runtime can use on this machine."""
    present = onnxruntime.get_available_providers()
    return tuple(name for name, full in PROVIDERS.items() if full in present)


class Session:
    """An ONNX graph, ready to run; safe to call from several threads.

    Attributes
    ----------
    metadata
        Custom metadata of the file.
    provider
        Key of `PROVIDERS` that runs it.
    threads
        Threads within an operator.
    output_names
        As the graph declares them, in the order in which `run` answers.
    """

    def __init__(self, session: onnxruntime.InferenceSession, *, provider: str, threads: int) -> None:
        self._session = session
        self.metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        self.provider = provider
        self.threads = threads
        self.output_names: tuple[str, ...] = tuple(out.name for out in session.get_outputs())

    def run(self, feeds: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """Run the graph once.

        Parameters
        ----------
        feeds
            Input name -> array, of the types and shapes that the graph declares.

        Returns
        -------
        outputs
            In the order that the graph declares.

        Raises
        ------
        ModelError
            The inputs do not fit the graph, or the provider failed.
        """
        try:
            return [np.asarray(out) for out in self._session.run(None, dict(feeds))]
        except Exception as error:
            raise ModelError(f"The model could not be run: {_first_line(error)}.") from error


def load_session(path: Path, *, threads: int = 0, provider: str = "cpu") -> Session:
    """Open an ONNX file.

    Parameters
    ----------
    path
        The file.
    threads
        Threads within an operator; 0 takes `default_threads()`.
    provider
        Key of `PROVIDERS`.

    Raises
    ------
    WeightsError
        The file is missing or is no valid ONNX graph.
    ModelError
        The provider is unknown or not on this machine.
    """
    if provider not in PROVIDERS:
        raise ModelError(f"Provider {provider!r} is unknown: use one of {', '.join(PROVIDERS)}.")
    if provider not in available_providers():
        raise ModelError(
            f"Provider {provider!r} is not available on this machine: use "
            f"{' or '.join(available_providers())}, or install the ONNX Runtime build that has it."
        )
    if not path.is_file():
        raise WeightsError(f"The weight file {path} is missing: restore it from the repository.")
    threads = threads or default_threads()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads answer a few microseconds sooner and keep whole cores busy between windows.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=[PROVIDERS[provider]]
        )
    except Exception as error:
        raise WeightsError(
            f"The weight file {path} cannot be used: {_first_line(error)}. Restore it from the repository."
        ) from error
    # ONNX Runtime falls back to the CPU without a word where a provider's own libraries do not load.
    if PROVIDERS[provider] not in session.get_providers():
        raise ModelError(
            f"Provider {provider!r} does not start on this machine: use cpu, or install the driver and the "
            "libraries that ONNX Runtime needs for it."
        )
    return Session(session, provider=provider, threads=threads)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")

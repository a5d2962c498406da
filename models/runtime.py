"""ONNX Runtime: the only module that opens sessions, selects providers and sets threads."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.cores import usable_cores
from core.errors import ModelError, WeightsError
from core.text import encodable

# Must be set before the import: since 1.31 ONNX Runtime sends telemetry on Linux and macOS, too
# (microsoft/onnxruntime#27379).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

PROVIDERS: Final[Mapping[str, str]] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
"""Name as people type it -> ONNX Runtime's name."""

_MAX_THREADS: Final = 4

_LEAVE_S: Final = 10.0

_changed = threading.Condition()  # guards the next two
_inside = 0  # threads that are inside ONNX Runtime
_ending = False

# The variable does not reach Windows.
onnxruntime.disable_telemetry_events()


def default_threads() -> int:
    """Threads for one model: about the physical cores, at most 4.

    Physical cores are estimated as half of the logical ones. The limit leaves room for the user's programs.
    """
    logical = usable_cores()
    return logical if logical <= 2 else min(_MAX_THREADS, max(2, logical // 2))


def available_providers() -> tuple[str, ...]:
    """Names (keys of `PROVIDERS`) that the installed ONNX Runtime can use on this machine."""
    present = onnxruntime.get_available_providers()
    return tuple(name for name, full in PROVIDERS.items() if full in present)


@contextmanager
def _inside_runtime() -> Iterator[None]:
    """Keep Python from ending meanwhile: a thread that came back to it then would abort the program."""
    global _inside  # noqa: PLW0603 - there is one process
    with _changed:
        if _ending:
            raise ModelError("No model is run any more: the program ends.")
        _inside += 1
    try:
        yield
    finally:
        with _changed:
            _inside -= 1
            _changed.notify_all()


@atexit.register
def _leave_runtime() -> None:
    global _ending  # noqa: PLW0603 - there is one process
    with _changed:
        _ending = True
        _changed.wait_for(lambda: not _inside, _LEAVE_S)


class Session:
    """An ONNX graph, ready to run; safe to call from several threads."""

    def __init__(self, session: onnxruntime.InferenceSession, *, provider: str, threads: int) -> None:
        self._session = session
        self.metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        self.provider = provider  # key of `PROVIDERS` that runs it
        self.threads = threads
        # In the order of the arrays that `run` returns.
        self.output_names: tuple[str, ...] = tuple(out.name for out in session.get_outputs())

    def run(self, feeds: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """Run the graph once; outputs come in the order that the graph declares.

        Parameters
        ----------
        feeds
            Input name -> array, of the types and shapes that the graph declares.

        Raises
        ------
        ModelError
            The inputs do not fit the graph, or the provider failed.
        """
        try:
            with _inside_runtime():
                return [np.asarray(out) for out in self._session.run(None, dict(feeds))]
        except Exception as error:
            raise ModelError(f"The model could not be run: {_first_line(error)}.") from error

    def run_named(self, feeds: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """As `run`, with the outputs by their names."""
        return dict(zip(self.output_names, self.run(feeds), strict=True))

    def require_outputs(self, model: str, wanted: Collection[str]) -> None:
        """Check that the graph has these outputs.

        Parameters
        ----------
        model
            Beginning of the sentence: which model it is.
        wanted
            Names of the outputs.

        Raises
        ------
        WeightsError
            One is missing.
        """
        if missing := sorted(set(wanted) - set(self.output_names)):
            raise WeightsError(
                f"{model} gives out {', '.join(self.output_names)} but no {' and no '.join(missing)}: "
                "export it again."
            )


def load_session(path: Path, *, threads: int = 0, provider: str = "cpu", named_by: str = "") -> Session:
    """Open an ONNX file.

    Parameters
    ----------
    path
        The file.
    threads
        Threads within an operator; 0 takes `default_threads()`.
    provider
        Key of `PROVIDERS`.
    named_by
        What names the file, such as a setting; empty for a file of the program's own.

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
    advice = f"correct {named_by}, which names it" if named_by else "restore it from the repository"
    if not os.path.isfile(path):  # noqa: PTH113 - false, not an error, for a name that no file can have
        raise WeightsError(f"The weight file {path} is missing: {advice}.")
    threads = threads or default_threads()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads answer a few microseconds sooner and keep whole cores busy between windows.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        # ONNX Runtime takes no path that is not UTF-8.
        model = str(path) if encodable(str(path)) == str(path) else path.read_bytes()
        with _inside_runtime():
            session = onnxruntime.InferenceSession(
                model, sess_options=options, providers=[PROVIDERS[provider]]
            )
    except Exception as error:
        raise WeightsError(
            f"The weight file {path} cannot be used: {_first_line(error)}. {advice[0].upper()}{advice[1:]}."
        ) from error
    # ONNX Runtime falls back to the CPU without a word where a provider's own libraries do not load.
    if PROVIDERS[provider] not in session.get_providers():
        raise ModelError(
            f"Provider {provider!r} does not start on this machine: use cpu, or install the driver and the "
            "libraries that ONNX Runtime needs for it."
        )
    return Session(session, provider=provider, threads=threads)


@contextmanager
def parsing_metadata(kind: str) -> Iterator[None]:
    """Turn missing or malformed metadata of a graph into one sentence.

    Parameters
    ----------
    kind
        What the file should be, such as ``mood head``.

    Raises
    ------
    WeightsError
        In place of the exceptions of parsing.
    """
    try:
        yield
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        fault = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise WeightsError(
            f"The file is no {kind} of this project (metadata: {fault}): use one that its own export wrote."
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")

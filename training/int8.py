"""Graphs with int8 matrices: made, compared with the exact graph, and timed beside it."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.files import write_atomic, writing
from models.float16_storage import restore_float32
from models.runtime import load_session
from training.metrics import ACCEPT_AT, softmax
from training.onnx_file import finished_bytes

AGREEMENT_WINDOWS: Final = 500
"""On so many windows the two graphs are compared, where there are as many."""
LEAST_EQUAL_ARGMAX: Final = 0.97
"""Share of windows on which the int8 graph must name the same emotion."""
LEAST_EQUAL_GATE: Final = 0.99
"""Share of windows on which it must give the same gate output."""
_BATCH: Final = 16
_UNTIMED_ROUNDS: Final = 3


def quantise_int8(path: Path, path_int8: Path) -> None:
    """Write a copy whose matrix products (MatMul only) have int8 weights, quantised at run time by channel.

    Front-ends are convolutions: they stay as they are.

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
            restore_float32(exact)
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
    metadata = {entry.key: entry.value for entry in onnx.load(path, load_external_data=False).metadata_props}
    write_atomic(path_int8, finished_bytes(model, "emotion", metadata), what=f"The graph {path_int8}")


@dataclass(frozen=True)
class Agreement:
    """How far a quantised graph answers as the exact one does."""

    argmax: float  # share of windows with the same most likely emotion, [0, 1]
    gate: float  # share with the same gate output: the same accepted emotion, or none on both sides, [0, 1]
    windows: int  # how many were compared

    @property
    def good(self) -> bool:
        """Whether both shares are as high as they must be."""
        return self.argmax >= LEAST_EQUAL_ARGMAX and self.gate >= LEAST_EQUAL_GATE


def compare_int8(
    path: Path, path_int8: Path, windows: Sequence[NDArray[np.float32]], temperature: float
) -> Agreement:
    """Compare a quantised graph with the exact one on real windows, float32 ``(samples,)``, at least one.

    Raises
    ------
    ModelError
        There are no windows.
    """
    if not len(windows):
        raise ModelError("There are no windows to compare the int8 graph on: give some of real speech.")
    sessions = [load_session(file) for file in (path, path_int8)]
    same_argmax = same_gate = 0
    for first in range(0, len(windows), _BATCH):
        feeds = {"waveform": np.stack(windows[first : first + _BATCH])}
        shares = [softmax(session.run(feeds)[0], temperature) for session in sessions]
        guess, guess_int8 = (part.argmax(axis=1) for part in shares)
        sure, sure_int8 = (part.max(axis=1) >= ACCEPT_AT for part in shares)
        same_argmax += int((guess == guess_int8).sum())
        same_gate += int(((sure == sure_int8) & (~sure | (guess == guess_int8))).sum())
    return Agreement(same_argmax / len(windows), same_gate / len(windows), len(windows))


def compare_speed(
    path: Path, path_int8: Path, window: NDArray[np.float32], *, rounds: int = 50, threads: int = 0
) -> tuple[float, float]:
    """Median milliseconds of one window by each graph; in turn, so that other load falls on both alike."""
    sessions = [load_session(file, threads=threads) for file in (path, path_int8)]
    feeds = {"waveform": window[None]}
    taken_ms = np.empty((_UNTIMED_ROUNDS + rounds, 2))
    for row in taken_ms:
        for column, session in enumerate(sessions):
            started = time.perf_counter()
            session.run(feeds)
            row[column] = 1000 * (time.perf_counter() - started)
    exact_ms, int8_ms = np.median(taken_ms[_UNTIMED_ROUNDS:], axis=0)
    return float(exact_ms), float(int8_ms)


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
            f"{LEAST_EQUAL_GATE:.0%}: it was not written; release the float graph, or force it with --force."
        )

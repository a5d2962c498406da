"""The timing of emotion inference: one warm 3 s window, released model beside wav2vec2-base shapes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.paths import cache_dir
from models import assets
from models.runtime import load_session
from training.progress import StepProgress, no_progress
from training.speed.machine import timing_record

_WINDOW_SAMPLES: Final = 48_000
_EMBEDDED_PER_ROUND: Final = 5
_Run = Callable[[NDArray[np.float32]], Any]


def _graph(path: Path, threads: int) -> _Run:
    session = load_session(path, threads=threads)
    return lambda waveform: session.run({"waveform": waveform})


def _time_ms(work: _Run, waveform: NDArray[np.float32], times: int) -> list[float]:
    """Milliseconds of each call; one call before them is not counted, so that caches are warm."""
    work(waveform)
    measured = []
    for _ in range(times):
        started = time.perf_counter()
        work(waveform)
        measured.append((time.perf_counter() - started) * 1e3)
    return measured


def _base_and_eager(threads: int) -> tuple[_Run, _Run] | None:
    """The two networks of wav2vec2-base shape; None without torch and transformers."""
    try:
        from training.speed.counterparts import eager_encoder, int8_hybrid  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return _graph(int8_hybrid(cache_dir() / "benchmarks"), threads), eager_encoder(threads)


def run(
    threads: int = 2,
    repeats: int = 20,
    *,
    embedded_only: bool = False,
    on_round: StepProgress = no_progress,
) -> dict[str, Any]:
    """Time one 3 s window on the released model, the int8 base hybrid and the eager full base encoder.

    The three are measured in the same process, in interleaved rounds, so that whatever else the machine does
    falls on all alike; ratios are eager median over the other's median. The released model is timed five
    times a round, the others once.

    Returns
    -------
    dict
        ``embedded_median_ms``, ``embedded_p95_ms``, ``base_median_ms``, ``base_p95_ms``,
        ``eager_median_ms``, ``embedded_ratio``, ``base_ratio``, ``threads``, ``repeats``, ``cpu``,
        ``load_average`` (of the minute before; None on Windows). Where torch or transformers
        is absent base and eager are None and ``note`` says so.

    Raises
    ------
    SettingsError
        A count is below 1.
    WeightsError
        The released model is missing or damaged.
    """
    timing = timing_record(threads, repeats)
    embedded = _graph(assets.locate("emotion-compact"), threads)
    others = None if embedded_only else _base_and_eager(threads)
    rng = np.random.default_rng(0)
    waveform = (0.1 * rng.standard_normal((1, _WINDOW_SAMPLES))).astype(np.float32)
    works = [(embedded, _EMBEDDED_PER_ROUND), *((other, 1) for other in others or ())]
    taken_ms: list[list[float]] = [[], [], []]
    for done in range(1, repeats + 1):
        for (work, times), measured in zip(works, taken_ms, strict=False):
            measured.extend(_time_ms(work, waveform, times))
        on_round(done, repeats)
    embedded_ms, base_ms, eager_ms = taken_ms
    result: dict[str, Any] = {
        **_spread("embedded", embedded_ms),
        **_spread("base", base_ms),
        "eager_median_ms": _spread("eager", eager_ms)["eager_median_ms"],
        "embedded_ratio": _ratio(eager_ms, embedded_ms),
        "base_ratio": _ratio(eager_ms, base_ms),
        **timing,
    }
    if others is None:
        result["note"] = (
            "The networks of wav2vec2-base shape were not timed: they need the extra 'train', "
            "and were left out on request or for want of it."
        )
    return result


def _spread(name: str, measured_ms: list[float]) -> dict[str, float | None]:
    if not measured_ms:
        return {f"{name}_median_ms": None, f"{name}_p95_ms": None}
    median, p95 = np.percentile(measured_ms, [50, 95])
    return {f"{name}_median_ms": round(float(median), 2), f"{name}_p95_ms": round(float(p95), 2)}


def _ratio(eager_ms: list[float], measured_ms: list[float]) -> float | None:
    if not eager_ms or not measured_ms:
        return None
    return round(float(np.median(eager_ms) / np.median(measured_ms)), 2)

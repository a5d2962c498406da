from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import pytest

from core.errors import ModelError
from models.audio import decode
from models.emotion.batching import BatchingRecogniser, BatchPolicy, batch_policy
from models.emotion.recogniser import WINDOW_SAMPLES, Answers, ModelInfo, load_recogniser
from realtime.capture.demo import DEMO_FILE

INFO = ModelInfo("counting", "1", "MIT", (), 1.0, (), {}, "cpu", 1)
WAIT_S = 60.0


class Model:
    """Answers with the first sample of each window; waits until it is let go on, and refuses -1."""

    def __init__(self) -> None:
        self.info = INFO
        self.batches: list[int] = []
        self.asked = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.go_on.set()

    def answers(self, windows: npt.NDArray[np.float32]) -> Answers:
        self.batches.append(len(windows))
        self.asked.release()
        assert self.go_on.wait(WAIT_S)
        if (windows[:, 0] < 0).any():
            raise ModelError("A window is bad.")
        first = np.repeat(windows[:, :1], 8, axis=1)
        return Answers(first, first, first, windows[:, 0], None)


@contextmanager
def batching(model: Model, policy: BatchPolicy) -> Iterator[BatchingRecogniser]:
    recogniser = BatchingRecogniser(model, policy)
    try:
        yield recogniser
    finally:
        model.go_on.set()
        recogniser.close()


def window(value: float) -> npt.NDArray[np.float32]:
    return np.full((1, WINDOW_SAMPLES), value, dtype=np.float32)


def until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.002)


def waiting(recogniser: BatchingRecogniser) -> int:
    return len(recogniser._waiting)


def test_everybody_gets_their_own_answer() -> None:
    model = Model()
    with batching(model, BatchPolicy(workers=2, max_windows=4)) as recogniser, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda value: recogniser.answers(window(value)), range(64)))
    assert [answers.probabilities[0, 0] for answers in found] == list(range(64))
    assert [float(answers.energy[0]) for answers in found if answers.energy is not None] == list(range(64))
    assert sum(model.batches) == 64


def test_what_gathers_while_the_model_is_busy_is_one_batch_of_bounded_size() -> None:
    model = Model()
    model.go_on.clear()
    with batching(model, BatchPolicy(workers=1, max_windows=4)) as recogniser, ThreadPoolExecutor(8) as pool:
        first = pool.submit(recogniser.answers, window(0))
        assert model.asked.acquire(timeout=WAIT_S)
        rest = [pool.submit(recogniser.answers, window(value)) for value in range(1, 7)]
        until(lambda: waiting(recogniser) == 6)
        model.go_on.set()
        values = [one.result(WAIT_S).probabilities[0, 0] for one in (first, *rest)]
    assert values == list(range(7))
    assert model.batches == [1, 4, 2]


def test_a_window_waits_for_others_where_that_pays() -> None:
    model = Model()
    policy = BatchPolicy(workers=1, max_windows=3, wait_s=3600.0)
    with batching(model, policy) as recogniser, ThreadPoolExecutor(3) as pool:
        found = [pool.submit(recogniser.answers, window(value)) for value in range(3)]
        assert [one.result(WAIT_S).probabilities[0, 0] for one in found] == [0, 1, 2]
    assert model.batches == [3]


def test_a_window_alone_does_not_wait_for_ever() -> None:
    with batching(Model(), BatchPolicy(workers=1, max_windows=8, wait_s=0.01)) as recogniser:
        assert recogniser.answers(window(5)).probabilities[0, 0] == 5


def test_a_bad_window_does_not_spoil_the_others_of_its_batch() -> None:
    model = Model()
    model.go_on.clear()
    with batching(model, BatchPolicy(workers=1, max_windows=8)) as recogniser, ThreadPoolExecutor(8) as pool:
        first = pool.submit(recogniser.answers, window(0))
        assert model.asked.acquire(timeout=WAIT_S)
        good, bad = pool.submit(recogniser.answers, window(2)), pool.submit(recogniser.answers, window(-1))
        until(lambda: waiting(recogniser) == 2)
        model.go_on.set()
        assert first.result(WAIT_S).probabilities[0, 0] == 0
        assert good.result(WAIT_S).probabilities[0, 0] == 2
        with pytest.raises(ModelError, match="A window is bad"):
            bad.result(WAIT_S)


def test_another_shape_is_refused_before_it_reaches_a_batch() -> None:
    model = Model()
    with batching(model, BatchPolicy()) as recogniser, pytest.raises(ModelError, match=r"\(1, 100\)"):
        recogniser.answers(np.zeros((1, 100), dtype=np.float32))
    assert model.batches == []


def test_who_waits_when_it_is_closed_gets_an_error() -> None:
    model = Model()
    model.go_on.clear()
    recogniser = BatchingRecogniser(model, BatchPolicy())
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(recogniser.answers, window(0))
        assert model.asked.acquire(timeout=WAIT_S)
        second = pool.submit(recogniser.answers, window(1))
        until(lambda: waiting(recogniser) == 1)
        closing = pool.submit(recogniser.close)
        with pytest.raises(ModelError, match="the server ends"):
            second.result(WAIT_S)
        model.go_on.set()
        assert first.result(WAIT_S).probabilities[0, 0] == 0
        closing.result(WAIT_S)
    with pytest.raises(ModelError, match="the server ends"):
        recogniser.answers(window(2))


def test_on_a_processor_nobody_waits_and_each_core_has_a_worker() -> None:
    assert batch_policy("cpu", 2) == BatchPolicy(workers=2, max_windows=4, wait_s=0.0)
    assert batch_policy("cuda", 2).wait_s <= 0.010


def test_a_batch_of_the_shipped_model_answers_as_each_window_alone() -> None:
    sound = decode(DEMO_FILE)
    windows = np.stack([sound[start : start + WINDOW_SAMPLES] for start in range(160_000, 240_000, 16_000)])
    model = load_recogniser(threads=1)
    alone = [model.answers(one[np.newaxis]) for one in windows]
    together = model.answers(windows)
    np.testing.assert_allclose(together.logits, [one.logits[0] for one in alone], atol=1e-4)
    assert together.energy is not None
    np.testing.assert_allclose(
        together.energy, [one.energy[0] for one in alone if one.energy is not None], atol=1e-5
    )

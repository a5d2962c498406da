"""Many callers share one emotion model: what they ask at about the same time is answered in batches."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from core.errors import ModelError
from models.emotion.recogniser import Answers, ModelInfo, Recogniser, require_windows

_ENDED: Final = "The emotion model answers no more: the server ends."


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """How windows become batches."""

    workers: int = 1  # batches that run at a time
    max_windows: int = 8  # of one batch
    wait_s: float = 0.0  # how long the first window of a batch waits for others, at most


def batch_policy(provider: str, cores: int) -> BatchPolicy:
    """What suits where the model runs.

    On a processor a batch of n windows takes n times as long as one (measured on one core: 22, 42, 84 and
    171 ms for 1, 2, 4 and 8). So nobody waits there, each core has a worker with a session of one thread,
    and a batch is what has gathered while the workers were busy. An accelerator takes a batch in hardly more
    time than a window: there a window waits up to 10 ms for others.

    Parameters
    ----------
    provider
        Key of `models.runtime.PROVIDERS`.
    cores
        Cores that may be used.
    """
    return (
        BatchPolicy(workers=max(1, cores), max_windows=4) if provider == "cpu" else BatchPolicy(1, 32, 0.010)
    )


class BatchingRecogniser:
    """A `Recogniser` that many threads ask at a time; each waits for its own answer alone.

    Parameters
    ----------
    recogniser
        The model; asked by several threads at a time where the policy has several workers.
    policy
        How windows become batches.
    """

    def __init__(self, recogniser: Recogniser, policy: BatchPolicy) -> None:
        self.info: ModelInfo = recogniser.info
        self._recogniser, self._policy = recogniser, policy
        self._waiting: deque[_Question] = deque()
        self._changed = threading.Condition()  # guards `_waiting`, `_idle` and `_closed`
        self._idle = 0  # workers without a batch
        self._closed = False
        self._workers = [
            threading.Thread(target=self._work, name=f"attune-batch-{number}", daemon=True)
            for number in range(1, policy.workers + 1)
        ]
        for worker in self._workers:
            worker.start()

    def answers(self, windows: npt.NDArray[np.float32]) -> Answers:
        """All answers to each window; see `EmotionRecogniser.answers`.

        Raises
        ------
        ModelError
            As there; or `close` was called.
        """
        require_windows(windows)
        question = _Question(windows, time.perf_counter(), Future())
        with self._changed:
            if self._closed:
                raise ModelError(_ENDED)
            self._waiting.append(question)
            self._changed.notify_all()
        return question.answer.result()

    def close(self) -> None:
        """End the workers after the batches that run; whoever waits gets an error."""
        with self._changed:
            self._closed = True
            waiting = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for question in waiting:
            question.answer.set_exception(ModelError(_ENDED))
        for worker in self._workers:
            worker.join()

    def _work(self) -> None:
        while batch := self._next_batch():
            self._answer(batch)

    def _next_batch(self) -> list[_Question]:
        """What is to be answered together; empty once there will be nothing any more."""
        policy = self._policy
        with self._changed:
            self._idle += 1
            while True:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return []
                due_s = self._waiting[0].asked_s + policy.wait_s - time.perf_counter()
                if due_s <= 0 or len(self._waiting) >= policy.max_windows:
                    break
                self._changed.wait(due_s)
            # An idle worker beside this one takes its share of what waits.
            count = min(policy.max_windows, math.ceil(len(self._waiting) / self._idle))
            self._idle -= 1
            return [self._waiting.popleft() for _ in range(count)]

    def _answer(self, batch: list[_Question]) -> None:
        try:
            answers = self._recogniser.answers(np.concatenate([question.windows for question in batch]))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
                return
            for question in batch:  # one bad window must not spoil the others
                self._answer([question])
            return
        start = 0
        for question in batch:
            stop = start + len(question.windows)
            question.answer.set_result(_rows(answers, slice(start, stop)))
            start = stop


@dataclass(frozen=True, slots=True)
class _Question:
    windows: npt.NDArray[np.float32]  # (n, 48 000)
    asked_s: float  # `time.perf_counter`
    answer: Future[Answers]


def _rows(answers: Answers, rows: slice) -> Answers:
    """Some rows, copied: kept answers must not keep a whole batch."""
    return Answers(
        answers.probabilities[rows].copy(),
        answers.logits[rows].copy(),
        answers.embedding[rows].copy(),
        None if answers.energy is None else answers.energy[rows].copy(),
        None if answers.pleasantness is None else answers.pleasantness[rows].copy(),
    )

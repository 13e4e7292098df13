"""Calling the function that scores: in this process, or in processes that are killed when they take too long."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike
from pebble import ProcessExpired, ProcessFuture, ProcessPool

from seqvae.errors import SeqVAEError
from seqvae.search.ledger import FAILED, OK, TIMEOUT
from seqvae.search_config import OracleConfig

Score = Callable[[Sequence[str]], ArrayLike]
_TOGETHER = 256  # texts scored in this process between two writes
_AHEAD = 2  # texts on their way for each worker
_LONGEST = 300  # letters of an error that are kept


@dataclass(frozen=True)
class Outcome:
    """What came of scoring a text.

    Attributes:
        status: `ok`, `failed` or `timeout`.
        scores: its numbers; NaN where it has none.
        error: why it failed, in one line.
        seconds: wall time.
        again: whether another try might go better.
    """

    status: str
    scores: tuple[float, ...]
    error: str = ""
    seconds: float = 0.0
    again: bool = False


@final
class Caller:
    """Calls the function that scores; its worker processes are kept from one batch to the next.

    Args:
        score: returns `(batch,)` or `(batch, columns)` numbers; with workers it must be possible to pickle it.
        columns: numbers a text.
        config: workers, time limit, retries.
    """

    def __init__(self, score: Score, columns: int, config: OracleConfig) -> None:
        self.score, self.columns, self.config = score, columns, config
        self._pool: ProcessPool | None = None

    def outcomes(self, texts: Sequence[str]) -> Iterator[list[Outcome]]:
        """Yield what comes of each text, in their order, some at a time."""
        if self.config.workers and texts:
            yield from self._elsewhere(texts)
            return
        for start in range(0, len(texts), _TOGETHER):
            yield _outcomes_here(self.score, texts[start : start + _TOGETHER], self.columns)

    def close(self) -> None:
        """Kill the workers, whatever they are doing."""
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()
            self._pool = None

    def _elsewhere(self, texts: Sequence[str]) -> Iterator[list[Outcome]]:
        """Score each text in a worker; the order of the texts is kept, whichever is ready first."""
        waiting: deque[ProcessFuture] = deque()
        todo = deque(texts)
        try:
            for text in texts:
                while todo and len(waiting) < _AHEAD * self.config.workers:
                    waiting.append(self._scheduled(todo.popleft()))
                yield [self._tried(waiting.popleft(), text)]
        except BaseException:
            self.close()
            raise

    def _scheduled(self, text: str) -> ProcessFuture:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")  # nothing is forked from a process that has loaded torch
            arguments = (self.score, self.columns)
            self._pool = ProcessPool(self.config.workers, context=context, initializer=_begin, initargs=arguments)
        return self._pool.schedule(_work, args=[text], timeout=self.config.timeout)

    def _tried(self, future: ProcessFuture, text: str) -> Outcome:
        """Wait for a text, and try it again where its worker was too slow or died."""
        outcome = self._waited(future)
        for _ in range(self.config.retries):
            if not outcome.again:
                break
            outcome = self._waited(self._scheduled(text))
        return outcome

    def _waited(self, future: ProcessFuture) -> Outcome:
        limit = self.config.timeout
        try:
            outcome: Outcome = future.result()
        except TimeoutError:
            late = _failed(TIMEOUT, f"no score within {limit:g} s", self.columns, limit)
            return replace(late, again=True)
        except ProcessExpired as error:
            reason = f"the worker died with exit code {error.exitcode}: out of memory, or ended by the oracle itself"
            return replace(_failed(FAILED, reason, self.columns), again=True)
        return outcome


def _outcomes_here(score: Score, texts: Sequence[str], columns: int) -> list[Outcome]:
    """Score texts together; where that fails, one by one, to find out which of them are to blame."""
    started = time.perf_counter()
    try:
        values = _numbers(score(texts), len(texts), columns)
    except Exception as error:
        if len(texts) > 1:
            return [_outcomes_here(score, [text], columns)[0] for text in texts]
        return [_failed(FAILED, _reason(error), columns, time.perf_counter() - started)]
    seconds = (time.perf_counter() - started) / len(texts)
    return [_judged(row, seconds) for row in values]


def _judged(scores: tuple[float, ...], seconds: float) -> Outcome:
    if all(map(math.isfinite, scores)):
        return Outcome(OK, scores, seconds=seconds)
    shown = ", ".join(f"{score:g}" for score in scores)
    return _failed(FAILED, f"the score is {shown}: expected finite numbers", len(scores), seconds)


def _failed(status: str, reason: str, columns: int, seconds: float = 0.0) -> Outcome:
    return Outcome(status, (math.nan,) * columns, reason, seconds)


def _numbers(values: ArrayLike, count: int, columns: int) -> list[tuple[float, ...]]:
    """Return a row of numbers for each text.

    Raises:
        SeqVAEError: there are more or fewer of them.
    """
    array = np.asarray(values, np.float64)
    if array.shape == (count,) and columns == 1:
        array = array[:, None]
    if array.shape != (count, columns):
        raise SeqVAEError(f"the oracle returned an array of shape {array.shape}, expected {(count, columns)}")
    return [tuple(row) for row in array.tolist()]


def _reason(error: BaseException) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:_LONGEST]


_state: dict[str, Any] = {}  # of a worker: the function, and how many numbers it gives


def _begin(score: Score, columns: int) -> None:
    _state.update(score=score, columns=columns)


def _work(text: str) -> Outcome:
    return _outcomes_here(_state["score"], [text], _state["columns"])[0]

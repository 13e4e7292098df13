"""Calling the function that scores: in this process, or in workers that are killed when they take too long."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError
from typing import Any, Protocol, final

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from seqvae.search.outcome import Outcome, Score, died, late, outcomes_here
from seqvae.search_config import OracleConfig

_TOGETHER = 256  # texts scored in this process between two writes
_AHEAD = 2  # texts on their way for each worker


class Pool(Protocol):
    """Workers that score one text at a time each, and are replaced where they were too slow or died.

    Attributes:
        workers: how many there may be.
    """

    workers: int

    def schedule(self, text: str) -> Callable[[], Outcome]:
        """Hand a text to the workers, and return what waits for its outcome."""

    def close(self) -> None:
        """Kill the workers, whatever they are doing."""


@final
class Caller:
    """Calls the function that scores; its workers are kept from one batch to the next.

    Args:
        score: returns `(batch,)` or `(batch, columns)` numbers; with workers it must be possible to pickle it.
        columns: numbers a text.
        config: workers, time limit, retries.
    """

    def __init__(self, score: Score, columns: int, config: OracleConfig) -> None:
        self.score, self.columns, self.config = score, columns, config
        self._pool: Pool | None = None

    def outcomes(self, texts: Sequence[str]) -> Iterator[list[Outcome]]:
        """Yield what comes of each text, in their order, some at a time.

        Raises:
            UsageError: there is to be a Ray cluster, and it cannot be used.
        """
        if texts and (self.config.workers or self.config.executor == "ray"):
            yield from self._elsewhere(texts)
            return
        for start in range(0, len(texts), _TOGETHER):
            yield outcomes_here(self.score, texts[start : start + _TOGETHER], self.columns)

    def close(self) -> None:
        """Kill the workers, whatever they are doing."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _elsewhere(self, texts: Sequence[str]) -> Iterator[list[Outcome]]:
        """Score each text in a worker; the order of the texts is kept, whichever is ready first."""
        waiting: deque[Callable[[], Outcome]] = deque()
        todo = deque(texts)
        try:
            self._pool = pool = self._pool or self._started()
            for text in texts:
                while todo and len(waiting) < _AHEAD * pool.workers:
                    waiting.append(pool.schedule(todo.popleft()))
                yield [self._tried(pool, waiting.popleft(), text)]
        except BaseException:
            self.close()
            raise

    def _started(self) -> Pool:
        if self.config.executor == "ray":
            from seqvae.search.ray_workers import RayWorkers

            return RayWorkers(self.score, self.columns, self.config)
        return _Processes(self.score, self.columns, self.config)

    def _tried(self, pool: Pool, waited: Callable[[], Outcome], text: str) -> Outcome:
        """Wait for a text, and try it again where its worker was too slow or died."""
        outcome = waited()
        for _ in range(self.config.retries):
            if not outcome.again:
                break
            outcome = pool.schedule(text)()
        return outcome


@final
class _Processes:
    """Processes of this machine."""

    def __init__(self, score: Score, columns: int, config: OracleConfig) -> None:
        self.workers, self._columns, self._limit = config.workers, columns, config.timeout
        context = multiprocessing.get_context("spawn")  # nothing is forked from a process that has loaded torch
        self._pool = ProcessPool(self.workers, context=context, initializer=_begin, initargs=(score, columns))

    def schedule(self, text: str) -> Callable[[], Outcome]:
        """Hand a text to the processes, and return what waits for its outcome."""
        future = self._pool.schedule(_work, args=[text], timeout=self._limit)
        return lambda: self._waited(future)

    def close(self) -> None:
        """Kill the processes, whatever they are doing."""
        self._pool.stop()
        self._pool.join()

    def _waited(self, future: ProcessFuture) -> Outcome:
        try:
            outcome: Outcome = future.result()
        except TimeoutError:
            return late(self._columns, self._limit)
        except ProcessExpired as error:
            return died(self._columns, f" with exit code {error.exitcode}")
        return outcome


_state: dict[str, Any] = {}  # of a process: the function, and how many numbers it gives


def _begin(score: Score, columns: int) -> None:
    _state.update(score=score, columns=columns)


def _work(text: str) -> Outcome:
    return outcomes_here(_state["score"], [text], _state["columns"])[0]

"""Calling the function that scores: in this process, or in workers that are killed when they take too long."""

from __future__ import annotations

import multiprocessing
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol, final

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from seqvae.config import OracleConfig
from seqvae.errors import UsageError
from seqvae.search.oracle.outcome import Outcome, Score, died, late, outcome_here, outcomes_here, reason_of
from seqvae.search.storage.ledger import OK

_TOGETHER = 256  # most texts that are scored by one call
_LONG = 1.0  # seconds that a call should take at most: what a kill may cost
_APART = 0.1  # seconds of scoring one by one between two writes, each of which takes some milliseconds
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

    In this process a function that says it is called text by text (`one_by_one`) is given one text at a time, and
    each of them once. Another is given many, of which nothing is known before its call has ended: so those that take
    long are given fewer. Where it fails, its texts are scored one by one to find out which of them are to blame; that
    repeats calls of the others, and the budget counts them once.

    Args:
        score: returns `(batch,)` or `(batch, columns)` numbers; with workers it must be possible to pickle it.
        columns: numbers a text.
        config: workers, time limit, retries.
    """

    def __init__(self, score: Score, columns: int, config: OracleConfig) -> None:
        self.score, self.columns, self.config = score, columns, config
        self._pool: Pool | None = None
        self._pace = _Pace()

    def outcomes(self, texts: Sequence[str]) -> Iterator[list[Outcome]]:
        """Yield what comes of each text, in their order, some at a time.

        Raises:
            UsageError: there are to be workers, and the function cannot be sent or loaded there; or there is to be a
                Ray cluster, and it cannot be used.
        """
        if texts and (self.config.workers or self.config.executor == "ray"):
            yield from self._elsewhere(texts)
        elif getattr(self.score, "one_by_one", False):
            yield from self._apart(texts)
        else:
            yield from self._together(texts)

    def close(self) -> None:
        """Kill the workers, whatever they are doing."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _together(self, texts: Sequence[str]) -> Iterator[list[Outcome]]:
        """Score many texts by a call."""
        rest = list(texts)
        while rest:
            part, rest = rest[: self._pace.together], rest[self._pace.together :]
            started = time.perf_counter()
            found = self._by_one_call(part)
            if found is None:
                yield from self._apart(part)
            else:
                self._pace.learn(len(part), time.perf_counter() - started)
                yield found

    def _by_one_call(self, texts: Sequence[str]) -> list[Outcome] | None:
        """Score texts by one call; None where it fails, unless it is of one text, which is then to blame."""
        if len(texts) == 1:
            return [outcome_here(self.score, texts[0], self.columns)]
        try:
            return outcomes_here(self.score, texts, self.columns)
        except Exception:
            return None

    def _apart(self, texts: Sequence[str]) -> Iterator[list[Outcome]]:
        """Score one text at a time; a failure ends a part, so that no call follows the last that may fail."""
        found: list[Outcome] = []
        started = time.perf_counter()
        try:
            for text in texts:
                found.append(outcome_here(self.score, text, self.columns))
                if found[-1].status != OK or time.perf_counter() - started >= _APART:
                    part, found = found, []
                    yield part
                    started = time.perf_counter()
        except BaseException:  # Ctrl-C in the middle of a text: those before it have their scores
            if found:
                yield found
            raise
        if found:
            yield found

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
            from seqvae.search.oracle.ray_pool import RayWorkers

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
class _Pace:
    """How many texts a call is given: as many as take about a second, or as long as the call itself.

    A call takes some time for itself (a program starts, a model is loaded) and some for each text; both are estimated
    from the latest two calls of different sizes.

    Attributes:
        together: texts that the next call is given.
    """

    def __init__(self) -> None:
        self.together = _TOGETHER
        self._count, self._seconds, self._each = 0, 0.0, 0.0  # texts of the last call, its time, that for each text

    def learn(self, count: int, seconds: float) -> None:
        """Take in the time of a call."""
        each = self._each
        if count != self._count:
            each = (seconds - self._seconds) / (count - self._count)
        if not 0.0 < each <= seconds / count:
            each = seconds / count
        own = seconds - each * count
        self._count, self._seconds, self._each = count, seconds, each
        self.together = max(1, min(_TOGETHER, int(max(_LONG, own) / max(each, _LONG / _TOGETHER))))


@final
class _Processes:
    """Processes of this machine; raises UsageError where the function cannot be sent to them, or loaded there."""

    def __init__(self, score: Score, columns: int, config: OracleConfig) -> None:
        _check_sent(score)
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
        except BrokenProcessPool as error:
            raise UsageError(
                "the workers ended before they could score: put the objective into a module that they can import, and "
                'what starts the search behind `if __name__ == "__main__":`; or take workers 0'
            ) from error
        return outcome


def _check_sent(score: Score) -> None:
    try:
        pickle.dumps(score)
    except Exception as error:
        raise UsageError(
            f"the objective cannot be sent to workers ({reason_of(error)}): make it a function of a module, or take "
            "workers 0"
        ) from error


_state: dict[str, Any] = {}  # of a process: the function, and how many numbers it gives


def _begin(score: Score, columns: int) -> None:
    _state.update(score=score, columns=columns)


def _work(text: str) -> Outcome:
    return outcome_here(_state["score"], text, _state["columns"])

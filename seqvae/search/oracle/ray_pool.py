"""Scoring on a Ray cluster: a worker takes one core of it, and is killed when a text takes too long."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from queue import SimpleQueue
from types import ModuleType
from typing import Any, final

from seqvae.config import OracleConfig
from seqvae.errors import UsageError
from seqvae.runtime.executor import cluster_cores, connected
from seqvae.search.oracle.outcome import Outcome, Score, died, late, outcome_here, reason_of

_GRACE = 2.0  # seconds in which a worker that is too slow ends by itself and tells the programs that it has started


@final
class RayWorkers:
    """Workers of a Ray cluster; each begins when the cluster has a core for it.

    Args:
        score: as for `Caller`; its module must be there on every node.
        columns: numbers a text.
        config: of the cluster, how many workers, time limit.

    Raises:
        UsageError: Ray is not installed, no cluster answers, or the function cannot be sent there.
    """

    def __init__(self, score: Score, columns: int, config: OracleConfig) -> None:
        with ExitStack() as ends:
            ray = connected(config.ray_address, ends)
            self.workers = config.workers or cluster_cores(ray)
            sent = _sent(ray, score)
            self._workers = [_Worker(ray, sent, columns, config.timeout) for _ in range(self.workers)]
            self._ends = ends.pop_all()
        self._texts: SimpleQueue[tuple[str, Future[Outcome]] | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._serve, args=(one,), daemon=True) for one in self._workers]
        for thread in self._threads:
            thread.start()

    def schedule(self, text: str) -> Callable[[], Outcome]:
        """Hand a text to the workers, and return what waits for its outcome."""
        future: Future[Outcome] = Future()
        self._texts.put((text, future))
        return future.result

    def close(self) -> None:
        """Kill the workers, whatever they are doing, and leave the cluster if it was joined for them."""
        with self._ends:
            for worker in self._workers:
                worker.close()
                self._texts.put(None)
            for thread in self._threads:
                thread.join()

    def _serve(self, worker: _Worker) -> None:
        """Take texts, but only once the worker is ready, so that none waits for a core that the cluster has not."""
        while not worker.closed:
            error = _caught(worker.start)
            taken = self._texts.get()
            if taken is None:
                return
            text, future = taken
            try:
                if error is not None:
                    raise error
                future.set_result(worker.work(text))
            except BaseException as problem:  # it belongs to whoever waits for the text
                future.set_exception(problem)


@final
class _Worker:
    """One worker, replaced by a new one after a text that it was too slow for or died of."""

    def __init__(self, ray: ModuleType, score: Any, columns: int, limit: float) -> None:  # noqa: ANN401 - Ray's type
        self._ray, self._score, self._columns, self._limit = ray, score, columns, limit
        self._actor: Any = None
        self.closed = False

    def start(self) -> None:
        """Wait until there is a worker; raises UsageError where the function cannot be loaded on its node."""
        if self._actor is not None:
            return
        # Whether a text is tried again is not for Ray to say.
        options = {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0}
        self._actor = actor = self._ray.remote(**options)(_Actor).remote(self._columns, self._limit)
        if self.closed:
            self._kill()
            return
        try:
            self._ray.get(actor.begin.remote(self._score))
        except self._ray.exceptions.RayActorError:
            self._kill()  # its node has gone: the next text finds out whether there is another
        except self._ray.exceptions.RayError as error:
            self._kill()
            reason = reason_of(getattr(error, "cause", error))  # an error of a node comes inside one of Ray
            raise UsageError(
                f"the objective cannot be loaded on the Ray cluster ({reason}): put its module on every node"
            ) from error

    def work(self, text: str) -> Outcome:
        """Return what comes of a text."""
        started, actor = time.monotonic(), self._actor
        if actor is None:
            return died(self._columns, " before it was ready")
        try:
            outcome: Outcome = self._ray.get(actor.work.remote(text), timeout=self._limit + _GRACE)
        except self._ray.exceptions.RayError:
            self._kill()
            too_long = time.monotonic() - started >= self._limit
            return late(self._columns, self._limit) if too_long else died(self._columns)
        return outcome

    def close(self) -> None:
        """Kill the worker, also one that is just being made."""
        self.closed = True
        self._kill()

    def _kill(self) -> None:
        actor, self._actor = self._actor, None
        if actor is not None:
            self._ray.kill(actor)


class _Actor:
    """What runs on the cluster."""

    def __init__(self, columns: int, limit: float) -> None:
        self._columns, self._limit = columns, limit

    def begin(self, score: Score) -> None:
        self._score = score
        # As in a process of its own, where a program that scores is ended with the worker: see `properties.programs`.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def work(self, text: str) -> Outcome:
        watch = threading.Timer(self._limit, os.kill, (os.getpid(), signal.SIGTERM))
        watch.daemon = True
        watch.start()
        try:
            return outcome_here(self._score, text, self._columns)
        finally:
            watch.cancel()


def _sent(ray: ModuleType, score: Score) -> Any:  # noqa: ANN401 - Ray's type
    """Return the function as the cluster has it."""
    try:
        return ray.put(score)
    except TypeError as error:
        raise UsageError(f"executor ray cannot send the objective to the cluster: {reason_of(error)}") from error


def _caught(call: Callable[[], None]) -> BaseException | None:
    try:
        call()
    except BaseException as error:
        return error
    return None

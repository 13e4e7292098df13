"""Workers on a Ray cluster: each takes one core of it, and is killed where a task takes too long."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, final

from seqvae.errors import UsageError
from seqvae.runtime.pool import Factory, Link, Lost, Pool
from seqvae.runtime.worker import Worker, within

_GRACE = 2.0  # seconds in which a worker that is too slow ends by itself and tells the programs that it has started
_REACH_SECONDS = 20.0  # for a cluster to answer


def ray_library() -> ModuleType:
    """Return Ray; raises UsageError where it is not installed."""
    try:
        import ray
        import ray.cloudpickle
        import ray.exceptions
    except ImportError as error:
        raise UsageError(
            "executor ray needs the Ray library: pip install 'seqvae[ray]', or take executor processes"
        ) from error
    return ray


def connected(address: str, stack: ExitStack) -> ModuleType:
    """Return Ray, connected to a cluster; a connection that is made here is closed by the stack.

    Args:
        address: address of the cluster; empty: the one in `RAY_ADDRESS`, else a cluster is started on this machine.
        stack: closes the connection.

    Raises:
        UsageError: Ray is not installed, or no cluster answers.
    """
    ray = ray_library()
    if not ray.is_initialized():
        where = address or os.environ.get("RAY_ADDRESS", "")
        host, _, port = where.removeprefix("ray://").rpartition(":")
        try:
            if host and port.isdigit():  # Ray itself tries for many minutes
                socket.create_connection((host.strip("[]"), int(port)), _REACH_SECONDS).close()
            with _own_sigterm():
                ray.init(address=address or None, logging_level=logging.WARNING, log_to_driver=False)
        except OSError as error:
            raise UsageError(f"no Ray cluster answers at {where!r}: start one with ray start --head") from error
        stack.callback(ray.shutdown)
    return ray


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Put back what SIGTERM does, also where it comes in the block: by Ray's handler it would end all unsaved."""
    if threading.current_thread() is not threading.main_thread():  # there Ray changes nothing
        yield
        return
    before, came = signal.getsignal(signal.SIGTERM), False
    try:
        yield
    except SystemExit as error:
        came = error.code == signal.SIGTERM
        if not came:
            raise
    finally:
        signal.signal(signal.SIGTERM, before)
    if came:
        signal.raise_signal(signal.SIGTERM)


def ray_pool(
    factory: Factory, arguments: tuple[Any, ...], workers: int = 0, address: str = "", limit: float | None = None
) -> Pool:
    """Return a pool of workers of a Ray cluster; each begins when the cluster has a core for it.

    Args:
        factory: as for `pool.process_pool`; every node needs its module.
        arguments: arguments of the factory.
        workers: how many there may be; 0: one per core of the cluster.
        address: address of the cluster, as for `connected`.
        limit: seconds that a worker may take for a task; None: no limit.

    Raises:
        UsageError: Ray is not installed, or no cluster answers.
    """
    with ExitStack() as ends:
        ray = connected(address, ends)
        job = ray.put(pickle.dumps((factory, arguments), pickle.HIGHEST_PROTOCOL))
        workers = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        pool = Pool(lambda: _Actor(ray, job, limit), workers, ends.pop_all())
    return pool


class _RayWorker(Worker):
    """What runs on the cluster."""

    def answer_within(self, message: bytes, limit: float | None) -> bytes:
        """Return the answer, or end this process after so many seconds."""
        # SIGTERM, so that a program that scores for this process is ended too: see `properties.external_program`.
        with within(limit, lambda: os.kill(os.getpid(), signal.SIGTERM)):
            return self.answer(message)


@final
class _Actor(Link):
    """An actor of a Ray cluster."""

    def __init__(self, ray: ModuleType, job: Any, limit: float | None) -> None:  # noqa: ANN401 - Ray's type
        self._ray, self._job, self._limit = ray, job, limit
        self._actor: Any = None

    @property
    def running(self) -> bool:
        """Whether there is an actor."""
        return self._actor is not None

    def start(self) -> bytes | Lost:
        """Wait until the cluster has a core and the actor is ready."""
        # Whether a task is tried again is not for Ray to say.
        options = {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0}
        self._actor = actor = self._ray.remote(**options)(_RayWorker).remote()
        if self.closed:
            self.kill()
        answer = self._got(actor.answer.remote(self._job), None)
        return Lost(how=" before it was ready", reason=answer.reason) if isinstance(answer, Lost) else answer

    def ask(self, task: bytes) -> bytes | Lost:
        """Return the answer of the actor, or kill it where that takes too long."""
        actor = self._actor
        return Lost() if actor is None else self._got(actor.answer_within.remote(task, self._limit), self._limit)

    def kill(self) -> None:
        """End the actor."""
        actor, self._actor = self._actor, None
        if actor is not None:
            self._ray.kill(actor)

    def _got(self, answer: Any, limit: float | None) -> bytes | Lost:  # noqa: ANN401 - Ray's type
        started = time.monotonic()
        try:
            found: bytes = self._ray.get(answer, timeout=None if limit is None else limit + _GRACE)
        except self._ray.exceptions.RayError as error:
            self.kill()
            late = limit is not None and time.monotonic() - started >= limit
            return Lost(late, reason=(str(error).strip().splitlines() or [type(error).__name__])[0])
        return found
